//! One command is one record: a header of fixed layout and a body of Avro, identical in segment files and in Kafka.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::position::Offset;
use crate::ids::{AccountId, UnixMillis};

/// Names a command once and for all; a retry carries the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct CommandId(pub u128);

/// Names one run of one writer: random, 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct WriterId(pub u64);

/// W3C trace context (<https://www.w3.org/TR/trace-context/>), carried from the HTTP request into the projector's span; zero for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TraceContext {
    /// 128-bit trace id.
    pub trace_id: u128,
    /// 64-bit id of the span that caused the record.
    pub span_id: u64,
}

/// What a record is to the validity rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// The events of one command. Persisted as 0.
    Command = 0,
    /// A new owner opens an epoch; the body is its address, UTF-8. Persisted as 1.
    WriterStarted = 1,
}

/// What a writer adds to a record, and what the validity rule reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader {
    /// Command or control.
    pub kind: RecordKind,
    /// Counts the owners of the partition.
    pub epoch: u32,
    /// The run that wrote it.
    pub writer: WriterId,
    /// Dense within the partition over all epochs, from 1 (`WriterStarted` carries the last one unchanged).
    pub sequence: u64,
    /// The command that this record is the outcome of.
    pub command_id: CommandId,
    /// Who acted: an account, or 0 for the system.
    pub actor: AccountId,
    /// The writer's clock when it decided, milliseconds since 1970.
    pub time_ms: UnixMillis,
    /// The command that caused this one; zero for none.
    pub causation: CommandId,
    /// The trace that this record belongs to; zero for none.
    pub trace: TraceContext,
}

/// A record before its writer stamped epoch, writer and sequence on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// See [`RecordHeader::command_id`].
    pub command_id: CommandId,
    /// See [`RecordHeader::actor`].
    pub actor: AccountId,
    /// See [`RecordHeader::time_ms`].
    pub time_ms: UnixMillis,
    /// See [`RecordHeader::causation`].
    pub causation: CommandId,
    /// See [`RecordHeader::trace`].
    pub trace: TraceContext,
    /// Confluent wire format: 0, schema id (u32, big-endian), Avro datum.
    pub body: Bytes,
}

/// A record as read back, void ones included: [`super::Validity`] tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its offset within the partition.
    pub offset: Offset,
    /// Its header.
    pub header: RecordHeader,
    /// Its body, byte for byte as appended.
    pub body: Bytes,
}

/// Bytes of an encoded header.
pub const HEADER_BYTES: usize = 96;
const HEADER_VERSION: u8 = 1;

/// Why bytes are not a record header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// Fewer than [`HEADER_BYTES`].
    #[error("record header is cut short")]
    Short,
    /// Written by a later Roost.
    #[error("record header has version {0}, this build reads 1")]
    Version(u8),
    /// Neither command nor control.
    #[error("record header has unknown kind {0}")]
    Kind(u8),
}

impl RecordHeader {
    /// Encodes version 1, little-endian: version u8, kind u8, zero u16, epoch u32, writer u64, sequence u64, command u128, actor u64,
    /// time u64, causation u128, trace id u128, span id u64. Persisted: never change it, add a version.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at + field.len()) {
                place.copy_from_slice(field);
            }
            at += field.len();
        };
        put(&[HEADER_VERSION, self.kind as u8, 0, 0]);
        put(&self.epoch.to_le_bytes());
        put(&self.writer.0.to_le_bytes());
        put(&self.sequence.to_le_bytes());
        put(&self.command_id.0.to_le_bytes());
        put(&self.actor.0.to_le_bytes());
        put(&self.time_ms.to_le_bytes());
        put(&self.causation.0.to_le_bytes());
        put(&self.trace.trace_id.to_le_bytes());
        put(&self.trace.span_id.to_le_bytes());
        bytes
    }

    /// Decodes any version that was ever written.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES).and_then(|b| b.try_into().ok()).ok_or(BadHeader::Short)?;
        let [version, kind, ..] = *bytes;
        if version != HEADER_VERSION {
            return Err(BadHeader::Version(version));
        }
        let kind = match kind {
            0 => RecordKind::Command,
            1 => RecordKind::WriterStarted,
            other => return Err(BadHeader::Kind(other)),
        };
        Ok(Self {
            kind,
            epoch: u32::from_le_bytes(part(bytes, 4)),
            writer: WriterId(u64::from_le_bytes(part(bytes, 8))),
            sequence: u64::from_le_bytes(part(bytes, 16)),
            command_id: CommandId(u128::from_le_bytes(part(bytes, 24))),
            actor: AccountId(u64::from_le_bytes(part(bytes, 40))),
            time_ms: u64::from_le_bytes(part(bytes, 48)),
            causation: CommandId(u128::from_le_bytes(part(bytes, 56))),
            trace: TraceContext { trace_id: u128::from_le_bytes(part(bytes, 72)), span_id: u64::from_le_bytes(part(bytes, 88)) },
        })
    }
}

fn part<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|b| b.try_into().ok()).expect("fields lie within the header")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn headers_round_trip(
            control in any::<bool>(), epoch in any::<u32>(), writer in any::<u64>(), sequence in any::<u64>(), command in any::<u128>(),
            actor in any::<u64>(), time_ms in any::<u64>(), causation in any::<u128>(), trace_id in any::<u128>(), span_id in any::<u64>(),
        ) {
            let header = RecordHeader {
                kind: if control { RecordKind::WriterStarted } else { RecordKind::Command },
                epoch, writer: WriterId(writer), sequence, command_id: CommandId(command), actor: AccountId(actor), time_ms,
                causation: CommandId(causation), trace: TraceContext { trace_id, span_id },
            };
            prop_assert_eq!(RecordHeader::decode(&header.encode()), Ok(header));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = RecordHeader::decode(&bytes);
        }
    }
}
