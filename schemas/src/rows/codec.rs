//! The codec of row values: a version byte, then postcard (<https://postcard.jamesmunns.com/wire-format>).
//!
//! Views are rebuilt from the log, so a change of a row's shape is a new version byte and a rebuild, never a migration in place.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

const VERSION: u8 = 1;

/// Why bytes are not a row of this build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRow {
    /// Of another version: rebuild the view.
    #[error("row has version {0}, this build reads {VERSION}: rebuild the view")]
    Version(u8),
    /// Damaged.
    #[error("row cannot be decoded: {0}")]
    Malformed(String),
}

/// Encodes a row.
pub fn encode<T: Serialize>(row: &T) -> Bytes {
    // Room for most rows, so that few grow.
    let mut bytes = Vec::with_capacity(64);
    bytes.push(VERSION);
    postcard::to_extend(row, bytes).map(Bytes::from).expect("rows are plain data: writing them to memory cannot fail")
}

/// Decodes a row.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadRow> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|error| BadRow::Malformed(error.to_string())),
        Some((&other, _)) => Err(BadRow::Version(other)),
        None => Err(BadRow::Malformed("no bytes".to_owned())),
    }
}
