//! The newest durable records in memory: readers right behind the writer are served from here, without files or checksums.

use std::collections::VecDeque;

use schemas::log::record::HEADER_BYTES;
use schemas::log::{Offset, StoredRecord};

use crate::log::ReadLimits;

/// What a record costs here beside its body.
const OVERHEAD_BYTES: usize = HEADER_BYTES + 64;

/// The newest records of a partition, without a gap, within a bound of bytes.
#[derive(Debug)]
pub(crate) struct Recent {
    records: VecDeque<StoredRecord>,
    bytes: usize,
    bytes_max: usize,
}

impl Recent {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { records: VecDeque::new(), bytes: 0, bytes_max }
    }

    /// Adds the records after those added last; the oldest make room.
    pub(crate) fn extend(&mut self, records: impl Iterator<Item = StoredRecord>) {
        for record in records {
            self.bytes += OVERHEAD_BYTES + record.body.len();
            self.records.push_back(record);
            while self.bytes > self.bytes_max {
                let Some(oldest) = self.records.pop_front() else { break };
                self.bytes -= OVERHEAD_BYTES + oldest.body.len();
            }
        }
    }

    /// Records from `from` on, within the limits; nothing, if older ones are asked for than are here.
    pub(crate) fn read(&self, from: Offset, limits: ReadLimits) -> Option<Vec<StoredRecord>> {
        let skip = usize::try_from(from.checked_sub(self.records.front()?.offset)?).ok()?;
        let mut room = limits.start();
        let rest = self.records.range(skip.min(self.records.len())..);
        let records: Vec<_> = rest.take_while(|record| room.admits(record.body.len())).cloned().collect();
        (!records.is_empty()).then_some(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::stamp::writer_started;
    use bytes::Bytes;
    use schemas::log::Validity;

    fn records(range: std::ops::Range<u64>) -> impl Iterator<Item = StoredRecord> {
        let header = writer_started(&Validity::default()).expect("a first epoch");
        range.map(move |offset| StoredRecord { offset, header, body: Bytes::from_static(&[0; 40]) })
    }

    fn read(recent: &Recent, from: u64) -> Option<Vec<u64>> {
        let limits = ReadLimits { records: 3, bytes: usize::MAX };
        recent.read(from, limits).map(|records| records.iter().map(|record| record.offset).collect())
    }

    #[test]
    fn the_newest_stay_within_the_bound() {
        let mut recent = Recent::new(5 * 200);
        assert_eq!(read(&recent, 0), None);
        recent.extend(records(10..13));
        assert_eq!((read(&recent, 9), read(&recent, 10), read(&recent, 12)), (None, Some(vec![10, 11, 12]), Some(vec![12])));
        recent.extend(records(13..20));
        assert_eq!((read(&recent, 14), read(&recent, 15), read(&recent, 20)), (None, Some(vec![15, 16, 17]), None));
    }
}
