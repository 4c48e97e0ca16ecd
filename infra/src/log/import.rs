//! Taking over another log's records as they are: what a copy needs, and nothing else calls (docs/decisions/0016-log-copy.md).

use async_trait::async_trait;
use schemas::PartitionId;
use schemas::log::record::HEADER_BYTES;
use schemas::log::{Offset, StoredRecord};

use super::{EventLog, LogError, RECORD_BYTES_MAX};

/// A log that another one can be copied into.
#[async_trait]
pub trait LogImport: EventLog {
    /// Appends records as they are, headers included, void ones too, and returns once they are durable. Their offsets continue the
    /// partition: one after the other, from its end on.
    ///
    /// Nobody else may write to the partition meanwhile; a writer that is open fails afterwards, one opened later goes on where the records
    /// end. Errors: [`LogError::OutOfRange`] names the first offset that does not continue the partition, and [`LogError::TooLarge`] a record
    /// over the limit: nothing was appended. [`LogError::Unknown`]: any number of them, from the first on, may have been appended.
    /// [`LogError::Fatal`]: a record stands at another offset than its own, or the log cannot go on.
    async fn import(&self, partition: PartitionId, records: Vec<StoredRecord>) -> Result<(), LogError>;
}

/// Refuses records that do not continue a partition whose next offset is `next`, and those over the limit.
pub(crate) fn check_import(partition: PartitionId, next: Offset, records: &[StoredRecord]) -> Result<(), LogError> {
    for (record, expected) in records.iter().zip(next..) {
        if record.offset != expected {
            return Err(LogError::OutOfRange { partition, offset: record.offset });
        }
        let bytes = HEADER_BYTES + record.body.len();
        if bytes > RECORD_BYTES_MAX {
            return Err(LogError::TooLarge { bytes, limit: RECORD_BYTES_MAX });
        }
    }
    Ok(())
}
