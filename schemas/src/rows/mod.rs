//! What views hold: tables, keys, rows with their codecs.

pub mod table;

pub use table::{Checkpoint, KeyPart, PartBuilder, RowKey, RowWrite, Table, View};
