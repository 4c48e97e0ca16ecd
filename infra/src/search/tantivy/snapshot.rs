//! What a search looks at: the committed segments, the newest first, each with the column of its ids. Made once for each commit, since
//! opening a segment's column costs more than most searches; segments that stay are taken over as they are.

use std::cmp::Reverse;
use std::sync::Arc;

use ::tantivy::columnar::ColumnValues;
use ::tantivy::schema::Schema;
use ::tantivy::{DocId, Searcher, SegmentReader, TantivyError};

use super::fields;

/// The segments of one commit.
pub(super) struct Snapshot {
    schema: Schema,
    stretches: Vec<Arc<Stretch>>,
}

/// One segment, whose documents are sorted by their ids, the largest first.
pub(super) struct Stretch {
    pub(super) segment: SegmentReader,
    ids: Arc<dyn ColumnValues<u64>>,
    /// The largest id.
    pub(super) newest: u64,
}

impl Stretch {
    /// Opens a segment's column.
    pub(super) fn open(segment: &SegmentReader) -> Result<Self, TantivyError> {
        let ids = segment.fast_fields().u64(fields::ORDER)?.first_or_default_col(0);
        let newest = if segment.max_doc() == 0 { 0 } else { ids.get_val(0) };
        Ok(Self { segment: segment.clone(), ids, newest })
    }

    /// Whether it is this segment with these deletions.
    fn is(&self, segment: &SegmentReader) -> bool {
        self.segment.segment_id() == segment.segment_id() && self.segment.delete_opstamp() == segment.delete_opstamp()
    }

    /// The id of a document.
    pub(super) fn id(&self, doc: DocId) -> u64 {
        self.ids.get_val(doc)
    }

    /// The first document whose id is below the bound; behind the last one where there is none.
    pub(super) fn first_below(&self, bound: u64) -> DocId {
        let (mut low, mut high) = (0, self.ids.num_vals());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.ids.get_val(middle) >= bound { low = middle + 1 } else { high = middle }
        }
        low
    }
}

impl Snapshot {
    /// The segments of `searcher`, as far as they are open already those of `former`.
    pub(super) fn new(searcher: &Searcher, former: Option<&Self>) -> Result<Self, TantivyError> {
        let mut stretches = Vec::new();
        for segment in searcher.segment_readers() {
            let known = former.and_then(|former| former.stretches.iter().find(|stretch| stretch.is(segment)).cloned());
            stretches.push(match known {
                Some(stretch) => stretch,
                None => Arc::new(Stretch::open(segment)?),
            });
        }
        stretches.sort_by_key(|stretch| Reverse(stretch.newest));
        Ok(Self { schema: searcher.schema().clone(), stretches })
    }

    /// The fields of all of them.
    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The segments, by their newest documents.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Stretch> {
        self.stretches.iter().map(|stretch| &**stretch)
    }

    /// The segments, in any order.
    pub(super) fn segments(&self) -> impl Iterator<Item = &SegmentReader> {
        self.stretches.iter().map(|stretch| &stretch.segment)
    }
}
