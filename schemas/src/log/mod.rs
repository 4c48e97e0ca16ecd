//! What the log holds: positions, records with their header, and the rule that says which records count.

pub mod body;
pub mod position;
pub mod record;
pub mod validity;

pub use position::{Offset, Position, PositionToken};
pub use record::{CommandId, NewRecord, RecordHeader, RecordKind, StoredRecord, TraceContext, WriterId};
pub use validity::{Validity, Verdict, VoidReason};
