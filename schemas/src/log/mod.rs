//! What the log holds: positions, records with their header, and the rule that says which records count.

pub mod body;
pub mod position;
pub mod record;
pub mod schema_ids;
pub mod validity;

pub use position::{Offset, Position, PositionToken};
pub use record::{CommandId, NewRecord, RecordHeader, RecordKind, StoredRecord, TraceContext, WriterId};
pub use schema_ids::{IdClash, SchemaIds, SchemaVersion};
pub use validity::{Validity, Verdict, VoidReason};
