//! The documents of a post or an account, found in the column that its segment is sorted by: what a newer document replaces.

use ::tantivy::query::{BitSetDocSet, ConstScorer, EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use ::tantivy::{BitSet, DocId, SegmentReader, TantivyError};

use super::fields;
use super::snapshot::Stretch;

/// Documents of one kind with one id.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    pub(super) kind: u64,
    pub(super) id: u64,
}

impl Numbered {
    fn docs(&self, segment: &SegmentReader) -> Result<Vec<DocId>, TantivyError> {
        let stretch = Stretch::open(segment)?;
        let end = stretch.first_below(self.id);
        let first = self.id.checked_add(1).map_or(0, |next| stretch.first_below(next));
        if first == end {
            return Ok(Vec::new());
        }
        let kinds = segment.fast_fields().u64(fields::KIND)?.first_or_default_col(0);
        Ok((first..end).filter(|doc| kinds.get_val(*doc) == self.kind).collect())
    }
}

impl Query for Numbered {
    fn weight(&self, _: EnableScoring<'_>) -> Result<Box<dyn Weight>, TantivyError> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Numbered {
    fn scorer(&self, segment: &SegmentReader, boost: f32) -> Result<Box<dyn Scorer>, TantivyError> {
        let docs = self.docs(segment)?;
        if docs.is_empty() {
            return Ok(Box::new(EmptyScorer));
        }
        let mut bits = BitSet::with_max_value(segment.max_doc());
        for doc in docs {
            bits.insert(doc);
        }
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(bits), boost)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> Result<Explanation, TantivyError> {
        Err(TantivyError::InvalidArgument("documents found by their number have no score".to_owned()))
    }
}
