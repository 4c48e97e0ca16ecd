//! Matching documents of one segment, one after the other: groups of which each must match, and exclusions.
//!
//! Why not tantivy's `BooleanQuery`: its union reads 4,096 documents ahead, which a page of the newest twenty does not need, and its
//! exclusion of phrases seeks backwards (tantivy 0.27; a debug assertion there). Leaves are tantivy's: terms, phrases, prefixes. Only
//! `seek` forwards is asked of them.

use ::tantivy::fastfield::AliveBitSet;
use ::tantivy::query::{EnableScoring, Query, Scorer, Weight};
use ::tantivy::{DocId, DocSet, Searcher, SegmentReader, TERMINATED, TantivyError};

/// A query over all segments.
pub(super) struct Wanted {
    all: Vec<Vec<Box<dyn Weight>>>,
    none: Vec<Box<dyn Weight>>,
}

type Queries = Vec<Box<dyn Query>>;

impl Wanted {
    /// Documents that match one query of each group, and none of the others. At least one group.
    pub(super) fn new(searcher: &Searcher, all: &[Queries], none: &[Box<dyn Query>]) -> Result<Self, TantivyError> {
        let weights = |queries: &[Box<dyn Query>]| -> Result<Vec<Box<dyn Weight>>, TantivyError> {
            queries.iter().map(|query| query.weight(EnableScoring::disabled_from_searcher(searcher))).collect()
        };
        Ok(Self { all: all.iter().map(|group| weights(group)).collect::<Result<_, _>>()?, none: weights(none)? })
    }

    /// Its documents in a segment.
    pub(super) fn matcher<'a>(&self, segment: &'a SegmentReader) -> Result<Matcher<'a>, TantivyError> {
        let scorers = |weights: &[Box<dyn Weight>]| -> Result<Vec<Box<dyn Scorer>>, TantivyError> {
            weights.iter().map(|weight| weight.scorer(segment, 1.0)).collect()
        };
        let mut all: Vec<AnyOf> = Vec::with_capacity(self.all.len());
        for group in &self.all {
            all.push(AnyOf(scorers(group)?));
        }
        // The rarest leads, the others follow.
        all.sort_by_cached_key(|group| group.0.iter().map(|scorer| scorer.cost()).sum::<u64>());
        Ok(Matcher { all, none: scorers(&self.none)?, alive: segment.alive_bitset() })
    }
}

/// Documents that match any of some leaves.
struct AnyOf(Vec<Box<dyn Scorer>>);

/// The first document of a leaf at or after `target`.
fn seek(scorer: &mut dyn Scorer, target: DocId) -> DocId {
    let doc = scorer.doc();
    if doc < target { scorer.seek(target) } else { doc }
}

impl AnyOf {
    fn seek(&mut self, target: DocId) -> DocId {
        self.0.iter_mut().map(|scorer| seek(scorer.as_mut(), target)).min().unwrap_or(TERMINATED)
    }
}

/// A walk through the matching, undeleted documents of a segment, forwards only.
pub(super) struct Matcher<'a> {
    all: Vec<AnyOf>,
    none: Vec<Box<dyn Scorer>>,
    alive: Option<&'a AliveBitSet>,
}

impl Matcher<'_> {
    /// The first match at or after `target`, which must not lie before an earlier answer.
    pub(super) fn seek(&mut self, mut target: DocId) -> Option<DocId> {
        loop {
            target = self.agreed(target)?;
            let alive = self.alive.is_none_or(|alive| alive.is_alive(target));
            if alive && !self.none.iter_mut().any(|scorer| seek(scorer.as_mut(), target) == target) {
                return Some(target);
            }
            target += 1;
        }
    }

    /// The first document at or after `target` on which all groups agree.
    fn agreed(&mut self, mut target: DocId) -> Option<DocId> {
        loop {
            let from = target;
            for group in &mut self.all {
                target = group.seek(target);
                if target == TERMINATED {
                    return None;
                }
                if target != from {
                    break;
                }
            }
            if target == from {
                return Some(target);
            }
        }
    }
}
