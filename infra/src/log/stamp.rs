//! What every adapter that writes headers itself does alike: stamping records, opening an epoch, refusing what is too large.

use schemas::AccountId;
use schemas::log::record::HEADER_BYTES;
use schemas::log::{CommandId, NewRecord, RecordHeader, RecordKind, TraceContext, Validity, WriterId};

use super::{LogError, RECORD_BYTES_MAX};
pub(crate) use crate::clock::now_ms;

/// The header of the next valid record after `state`, by the writer in force.
pub(crate) fn stamped(record: &NewRecord, state: &Validity) -> RecordHeader {
    RecordHeader {
        kind: RecordKind::Command,
        epoch: state.epoch,
        writer: state.writer,
        sequence: state.sequence + 1,
        command_id: record.command_id,
        actor: record.actor,
        time_ms: record.time_ms,
        causation: record.causation,
        trace: record.trace,
    }
}

/// The header that makes a new writer, named at random, the owner after `state`.
///
/// Errors: [`LogError::Fatal`] when the epochs are used up.
pub(crate) fn writer_started(state: &Validity) -> Result<RecordHeader, LogError> {
    let used_up = || LogError::Fatal("all epochs of the partition are used up: start a new generation".into());
    Ok(RecordHeader {
        kind: RecordKind::WriterStarted,
        epoch: state.epoch.checked_add(1).ok_or_else(used_up)?,
        writer: WriterId(rand::random()),
        sequence: state.sequence,
        command_id: CommandId(0),
        actor: AccountId(0),
        time_ms: now_ms(),
        causation: CommandId(0),
        trace: TraceContext::default(),
    })
}

/// Refuses records over [`RECORD_BYTES_MAX`].
pub(crate) fn check_size(records: &[NewRecord]) -> Result<(), LogError> {
    for record in records {
        let bytes = HEADER_BYTES + record.body.len();
        if bytes > RECORD_BYTES_MAX {
            return Err(LogError::TooLarge { bytes, limit: RECORD_BYTES_MAX });
        }
    }
    Ok(())
}
