//! Reading rows: by key, by range over the buckets of a key, and all of a table for verification.

use bytes::Bytes;
use futures_util::FutureExt;
use schemas::rows::{KeyPart, RowKey, Table};

use super::CqlViews;
use super::buckets::{self, DIRECTORY};
use super::statements::{Place, Prepared};
use crate::cql::{CqlFailure, Work, all};
use crate::views::{Scan, ScannedRow, Version, ViewError};

/// Rows of one statement at the most.
const PAGE: usize = 2_000;
/// Buckets read at once, where the first did not fill the page.
const BUCKETS_AHEAD: usize = 4;

/// A row of a table as a dump meets it: version, tag, pk, bucket, sk, value.
type DumpedRow = (i32, i8, Vec<u8>, i32, Vec<u8>, Vec<u8>);

/// The first sort key after this one.
fn next_after(sk: &[u8]) -> Vec<u8> {
    sk.iter().copied().chain([0]).collect()
}

/// A stretch of one bucket.
#[derive(Clone)]
struct Stretch<'a> {
    place: Place<'a>,
    from: Vec<u8>,
    below: Option<&'a [u8]>,
    descending: bool,
}

impl CqlViews {
    pub(super) async fn get_rows(&self, version: Version, keys: &[RowKey]) -> Result<Vec<Option<Bytes>>, ViewError> {
        let mut reads: Vec<Work<'_, Option<Bytes>>> = Vec::with_capacity(keys.len());
        for key in keys {
            let (number, table) = self.versions.resolve(&self.client, key.table.view(), version).await?;
            reads.push(self.get_row(number, table, key).boxed());
        }
        Ok(all(reads).await?)
    }

    async fn get_row(&self, number: u32, table: usize, key: &RowKey) -> Result<Option<Bytes>, CqlFailure> {
        let get = self.statements.of(&self.client, key.table.view(), table).get().await?;
        let place = Place { number, tag: key.table as u8, pk: &key.pk, bucket: buckets::bucket_of(key.table, &key.sk) };
        let (number, tag, pk, bucket) = place.values();
        let rows = self.client.rows::<(Vec<u8>,)>(get, (number, tag, pk, bucket, &key.sk[..])).await?;
        Ok(rows.into_iter().next().map(|(value,)| Bytes::from(value)))
    }

    pub(super) async fn scan_rows(&self, version: Version, scan: Scan) -> Result<Vec<ScannedRow>, ViewError> {
        let (number, table) = self.versions.resolve(&self.client, scan.table.view(), version).await?;
        let crossed = scan.above.as_ref().zip(scan.below.as_ref()).is_some_and(|(above, below)| above >= below);
        if scan.limit == 0 || crossed {
            return Ok(Vec::new());
        }
        let prepared = self.statements.of(&self.client, scan.table.view(), table);
        let stretch = Stretch {
            place: Place { number, tag: scan.table as u8, pk: &scan.pk, bucket: 0 },
            from: scan.above.as_deref().map(next_after).unwrap_or_default(),
            below: scan.below.as_deref(),
            descending: scan.descending,
        };
        if !buckets::is_cut(scan.table) {
            return Ok(self.read(prepared, stretch, scan.limit).await?);
        }
        let mut rows = Vec::new();
        let mut found = self.buckets_of(prepared, &stretch, &scan).await?.into_iter().peekable();
        let mut ahead = 1;
        while found.peek().is_some() && rows.len() < scan.limit {
            let room = scan.limit - rows.len();
            let mut reads: Vec<Work<'_, Vec<ScannedRow>>> = Vec::with_capacity(ahead);
            for bucket in found.by_ref().take(ahead) {
                let place = Place { bucket, ..stretch.place };
                reads.push(self.read(prepared, Stretch { place, ..stretch.clone() }, room).boxed());
            }
            rows.extend(all(reads).await?.into_iter().flatten());
            ahead = BUCKETS_AHEAD;
        }
        rows.truncate(scan.limit);
        Ok(rows)
    }

    /// The buckets that a scan may find rows in, in its order.
    async fn buckets_of(&self, prepared: Prepared<'_>, stretch: &Stretch<'_>, scan: &Scan) -> Result<Vec<i32>, CqlFailure> {
        let (first, last) = buckets::reach(scan.table, scan.above.as_ref(), scan.below.as_ref());
        let below = last.checked_add(1).map(buckets::directory_key);
        let place = Place { bucket: DIRECTORY, ..stretch.place };
        let of_directory = Stretch {
            place,
            from: buckets::directory_key(first).to_vec(),
            below: below.as_ref().map(|key| &key[..]),
            descending: scan.descending,
        };
        let rows = self.read(prepared, of_directory, usize::MAX).await?;
        let named = |(sk, _): ScannedRow| buckets::named(&sk).ok_or_else(|| CqlFailure::damaged("a directory of buckets"));
        rows.into_iter().map(named).collect()
    }

    /// Rows of a bucket, in as many pages as they need.
    async fn read(&self, prepared: Prepared<'_>, stretch: Stretch<'_>, limit: usize) -> Result<Vec<ScannedRow>, CqlFailure> {
        let Stretch { place, mut from, below, descending } = stretch;
        let mut below = below.map(<[u8]>::to_vec);
        let (number, tag, pk, bucket) = place.values();
        let mut rows: Vec<ScannedRow> = Vec::new();
        loop {
            let page = PAGE.min(limit - rows.len());
            let statement = prepared.range(descending, below.is_some()).await?;
            // A page has at most `PAGE` rows.
            let found: Vec<(Vec<u8>, Vec<u8>)> = match &below {
                Some(below) => self.client.rows(statement, (number, tag, pk, bucket, &from[..], &below[..], page as i32)).await?,
                None => self.client.rows(statement, (number, tag, pk, bucket, &from[..], page as i32)).await?,
            };
            let whole = found.len() < page;
            if let Some((last, _)) = found.last() {
                match descending {
                    true => below = Some(last.clone()),
                    false => from = next_after(last),
                }
            }
            rows.extend(found.into_iter().map(|(sk, value)| (KeyPart::from_vec(sk), Bytes::from(value))));
            if whole || rows.len() >= limit {
                return Ok(rows);
            }
        }
    }

    pub(super) async fn dump_rows(
        &self,
        version: Version,
        table: Table,
        after: Option<RowKey>,
        limit: usize,
    ) -> Result<Vec<(RowKey, Bytes)>, ViewError> {
        let (number, index) = self.versions.resolve(&self.client, table.view(), version).await?;
        let prepared = self.statements.of(&self.client, table.view(), index);
        let ours = |row: &DumpedRow| row.0 == number as i32 && row.1 == table as i8 && row.3 != DIRECTORY;
        let mut rows: Vec<(RowKey, Bytes)> = Vec::new();
        let mut at: Option<DumpedRow> = after.map(|key| {
            let bucket = buckets::bucket_of(table, &key.sk);
            (number as i32, table as i8, key.pk.to_vec(), bucket, key.sk.to_vec(), Vec::new())
        });
        while rows.len() < limit {
            // The rest of the bucket that the last page ended in, then what follows it by token.
            if let Some(row) = at.as_ref().filter(|row| ours(row)) {
                let place = Place { number, tag: table as u8, pk: &row.2, bucket: row.3 };
                let rest = Stretch { place, from: next_after(&row.4), below: None, descending: false };
                let rest = self.read(prepared, rest, limit - rows.len()).await?;
                let pk = KeyPart::from_slice(&row.2);
                rows.extend(rest.into_iter().map(|(sk, value)| (RowKey::new(table, pk.clone(), sk), value)));
            }
            if rows.len() >= limit {
                break;
            }
            let page: Vec<DumpedRow> = match &at {
                Some(row) => self.client.rows(prepared.after().await?, (row.0, row.1, &row.2[..], row.3, PAGE as i32)).await?,
                None => self.client.rows(prepared.first().await?, (PAGE as i32,)).await?,
            };
            let last = page.len() < PAGE;
            at = page.last().cloned();
            for (_, _, pk, _, sk, value) in page.into_iter().filter(ours) {
                rows.push((RowKey::new(table, KeyPart::from_vec(pk), KeyPart::from_vec(sk)), Bytes::from(value)));
            }
            if last {
                break;
            }
        }
        rows.truncate(limit);
        Ok(rows)
    }
}
