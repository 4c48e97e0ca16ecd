//! Which blocks go in one request. Those of one shelf do, and are one change to the server, whatever their bytes. What is left of shelves that
//! get little goes with that of others on the same node.

use super::shelf::{Listener, READERS_MAX};
use super::tables::id;
use super::{block, block::Item};

/// Blocks of one shelf in a request, and their bytes, at the most. A larger block goes alone.
pub(super) const ROWS_MAX: usize = READERS_MAX;
const BYTES_MAX: usize = 32_768;
/// Blocks of several shelves in a request, and their bytes: what Cassandra takes without a warning.
const MIXED_ROWS_MAX: usize = 10;
const MIXED_BYTES_MAX: usize = 4_096;
/// Bytes of a block beside its entries: key, digest, time to live.
const ROW_BYTES: usize = 48;

/// Shelf, reader, window, digest, bytes, time to live in seconds.
pub(super) type BlockRow = (i64, i64, i64, i64, Vec<u8>, i32);

/// A block as it is stored: what is in it names it.
pub(super) fn row(listener: Listener, window: i64, items: impl ExactSizeIterator<Item = Item>, ttl_s: i32) -> BlockRow {
    let bytes = block::encode(items);
    (listener.shelf, id(listener.reader), window, block::digest(&bytes), bytes, ttl_s)
}

/// Rows that go together.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    pub(super) rows: Vec<BlockRow>,
    bytes: usize,
}

impl Parcel {
    fn add(&mut self, row: BlockRow) {
        self.bytes += ROW_BYTES + row.4.len();
        self.rows.push(row);
    }

    /// Whether it may go with what is of other shelves.
    pub(super) fn is_small(&self) -> bool {
        self.rows.len() < MIXED_ROWS_MAX && self.bytes < MIXED_BYTES_MAX
    }

    /// Takes in another small one; gives back what was here before, if both are too much.
    pub(super) fn join(&mut self, other: Self) -> Option<Self> {
        let fits = self.rows.len() + other.rows.len() <= MIXED_ROWS_MAX && self.bytes + other.bytes <= MIXED_BYTES_MAX;
        if self.rows.is_empty() || fits {
            self.bytes += other.bytes;
            self.rows.extend(other.rows);
            return None;
        }
        Some(std::mem::replace(self, other))
    }
}

/// Cuts rows that are in the order of their shelves.
pub(super) fn by_shelf(rows: impl Iterator<Item = BlockRow>) -> Vec<Parcel> {
    let mut parcels: Vec<Parcel> = Vec::new();
    for row in rows {
        let bytes = ROW_BYTES + row.4.len();
        match parcels.last_mut() {
            Some(parcel)
                if parcel.rows.len() < ROWS_MAX
                    && parcel.bytes + bytes <= BYTES_MAX
                    && parcel.rows.last().is_some_and(|last| last.0 == row.0) =>
            {
                parcel.add(row);
            }
            _ => {
                let mut parcel = Parcel::default();
                parcel.add(row);
                parcels.push(parcel);
            }
        }
    }
    parcels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(shelf: i64, count: usize, bytes: usize) -> Vec<BlockRow> {
        (0..count).map(|reader| (shelf, reader as i64, 0, 0, vec![0; bytes], 1)).collect()
    }

    #[test]
    fn a_parcel_is_of_one_shelf_and_bounded() {
        let check = |rows: Vec<BlockRow>, expected: &[(i64, usize, bool)]| {
            let parcels = by_shelf(rows.into_iter());
            let found: Vec<_> = parcels.iter().map(|parcel| (parcel.rows[0].0, parcel.rows.len(), parcel.is_small())).collect();
            assert_eq!(found, expected);
        };
        check(vec![], &[]);
        check([rows(1, 2, 10), rows(2, ROWS_MAX + 1, 10)].concat(), &[(1, 2, true), (2, ROWS_MAX, false), (2, 1, true)]);
        check(rows(1, 5, 10_000), &[(1, 3, false), (1, 2, false)]);
        check(rows(1, 2, BYTES_MAX), &[(1, 1, false), (1, 1, false)]);
    }

    #[test]
    fn small_parcels_join_as_far_as_they_fit() {
        let parcel = |shelf, count, bytes| by_shelf(rows(shelf, count, bytes).into_iter()).remove(0);
        let mut joined = Parcel::default();
        assert!(joined.join(parcel(1, 6, 10)).is_none() && joined.join(parcel(2, 4, 10)).is_none());
        assert_eq!(joined.rows.len(), MIXED_ROWS_MAX);
        assert_eq!(joined.join(parcel(3, 1, 10)).map(|before| before.rows.len()), Some(MIXED_ROWS_MAX));
        assert_eq!(joined.join(parcel(4, 1, 4_000)).map(|before| before.rows[0].0), Some(3));
    }
}
