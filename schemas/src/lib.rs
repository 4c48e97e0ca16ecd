//! Every shape that crosses a process or rests on disk: ids, positions, records, events, commands, view rows, API operations.
//!
//! No I/O, no clock, no randomness, no tokio: whatever varies enters as an argument.

pub mod api;
pub mod commands;
pub mod elastic;
pub mod events;
pub mod handles;
pub mod ids;
pub mod log;
pub mod rows;
pub mod text;
pub mod visibility;

pub use ids::{AccountId, AppId, PartitionId, PostId, RelationId, Snowflake, UnixMillis};
pub use log::position::{Offset, Position, PositionToken};
