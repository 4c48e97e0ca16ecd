//! Walks a list of rows whose sort keys are ids, newest or oldest first, chunk by chunk, over one partition key or over time buckets.

use schemas::rows::{KeyPart, Table, keys};
use schemas::{PostId, UnixMillis};
use serde::de::DeserializeOwned;

use crate::error::QueryError;
use crate::paging::PageAsk;
use crate::rows::{IdRange, Rows};

/// Rows of a chunk at the most.
const CHUNK_MAX: usize = 512;

/// Rows that one page looks at, at the most. A filter that lets little through ends its page there, with a link to go on.
const EXAMINED_MAX: usize = 20_000;

/// The partition keys still to be walked, in order.
enum Lane {
    One(Option<KeyPart>),
    /// Buckets of the public timeline, or of a tag's, from `at` to `end`, inclusive.
    Buckets {
        tag: Option<String>,
        at: u64,
        end: u64,
        over: bool,
    },
}

/// A walk along a list.
pub(crate) struct Walk<'a> {
    rows: &'a Rows,
    table: Table,
    lane: Lane,
    range: IdRange,
    examined: usize,
    last: Option<u64>,
    cut: bool,
}

impl<'a> Walk<'a> {
    /// Along one partition key.
    pub(crate) fn along(rows: &'a Rows, table: Table, pk: KeyPart, ask: PageAsk) -> Self {
        Self::new(rows, table, Lane::One(Some(pk)), ask)
    }

    /// Along the buckets of the public timeline, or of a tag's, of posts between `oldest` and `newest` (milliseconds since 1970).
    pub(crate) fn along_buckets(rows: &'a Rows, tag: Option<&str>, (oldest, newest): (UnixMillis, UnixMillis), ask: PageAsk) -> Self {
        let bucket = |id: u64| keys::bucket_of(PostId(id));
        let (oldest, newest) = (oldest >> keys::BUCKET_BITS, newest >> keys::BUCKET_BITS);
        let low = ask.above().map_or(oldest, |above| bucket(above).max(oldest));
        let high = ask.max_id.map_or(newest, |below| bucket(below).min(newest));
        let (at, end) = if ask.ascending() { (low, high) } else { (high, low) };
        let table = if tag.is_some() { Table::TagList } else { Table::PublicList };
        Self::new(rows, table, Lane::Buckets { tag: tag.map(str::to_owned), at, end, over: low > high }, ask)
    }

    fn new(rows: &'a Rows, table: Table, lane: Lane, ask: PageAsk) -> Self {
        let range = IdRange { below: ask.max_id, above: ask.above(), ascending: ask.ascending(), limit: (ask.limit + 1).min(CHUNK_MAX) };
        Self { rows, table, lane, range, examined: 0, last: None, cut: false }
    }

    /// The next rows with their ids, never none; nothing at the end of the list, or where enough was looked at.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<Vec<(u64, T)>>, QueryError> {
        while let Some(pk) = self.lane.pk() {
            if self.examined >= EXAMINED_MAX {
                self.cut = true;
                return Ok(None);
            }
            let chunk = self.rows.range(self.table, pk, self.range).await?;
            if chunk.len() < self.range.limit {
                self.lane.advance();
            }
            self.range.limit = (self.range.limit * 2).min(CHUNK_MAX);
            let Some((last, _)) = chunk.last() else { continue };
            self.last = Some(*last);
            match self.range.ascending {
                true => self.range.above = self.last,
                false => self.range.below = self.last,
            }
            self.examined += chunk.len();
            return Ok(Some(chunk));
        }
        Ok(None)
    }

    /// Where a walk that looked at enough is to be taken up.
    pub(crate) fn cut_at(&self) -> Option<u64> {
        self.last.filter(|_| self.cut)
    }
}

impl Lane {
    fn pk(&self) -> Option<KeyPart> {
        match self {
            Self::One(pk) => pk.clone(),
            Self::Buckets { over: true, .. } => None,
            Self::Buckets { tag: Some(tag), at, .. } => Some(keys::tag_bucket(tag, *at)),
            Self::Buckets { tag: None, at, .. } => Some(keys::public_bucket(*at)),
        }
    }

    fn advance(&mut self) {
        match self {
            Self::One(pk) => *pk = None,
            Self::Buckets { at, end, over, .. } => match (*at).cmp(end) {
                std::cmp::Ordering::Equal => *over = true,
                std::cmp::Ordering::Less => *at += 1,
                std::cmp::Ordering::Greater => *at -= 1,
            },
        }
    }
}
