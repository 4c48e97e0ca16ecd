//! Reading logs for a copy: one bounded step at a time, tried again where that may help, and summed up.

use std::time::Duration;

use anyhow::bail;
use infra::backoff::Backoff;
use infra::log::{EventLog, LogError, ReadLimits};
use schemas::PartitionId;
use schemas::log::{Offset, StoredRecord, Validity, Verdict};

use super::Side;

/// What one read brings into memory.
const STEP: ReadLimits = ReadLimits { records: 4_096, bytes: 4 << 20 };
/// A read that fails for now is tried again over about half a minute.
const AGAIN: Backoff = Backoff { tries: 12, first: Duration::from_millis(100), longest: Duration::from_secs(5) };

/// Reads records from `at` on, none from `end` on; at least one.
pub(super) async fn step(log: &dyn EventLog, partition: PartitionId, at: Offset, end: Offset) -> anyhow::Result<Vec<StoredRecord>> {
    let mut failed = 0;
    loop {
        let cause = match log.read(partition, at, STEP).await {
            Ok(mut records) => {
                records.retain(|record| record.offset < end);
                if records.is_empty() {
                    bail!("partition {partition} ends at offset {at}, before {end}: it was longer before");
                }
                return Ok(records);
            }
            Err(LogError::Retryable(cause)) => cause,
            Err(error) => return Err(error.into()),
        };
        failed += 1;
        if !AGAIN.sleep(failed).await {
            bail!("partition {partition} cannot be read at offset {at}: {cause}");
        }
    }
}

/// Sums up the records of a partition before `end`: see [`Side`].
pub(super) async fn fingerprint(
    log: &dyn EventLog,
    partition: PartitionId,
    end: Offset,
    tell: &(dyn Fn(u64) + Send + Sync),
) -> anyhow::Result<Side> {
    let mut side = Side { start: 0, end, ..Side::default() };
    let (mut at, mut state) = (0, Validity::default());
    while at < end {
        let records = step(log, partition, at, end).await?;
        for record in &records {
            let header = record.header.encode();
            side.crc32c = crc32c::crc32c_append(crc32c::crc32c_append(side.crc32c, &header), &record.body);
            side.bytes += (header.len() + record.body.len()) as u64;
            side.valid += u64::from(state.admit(&record.header) == Verdict::Valid);
        }
        at += records.len() as u64;
        tell(records.len() as u64);
    }
    Ok(side)
}
