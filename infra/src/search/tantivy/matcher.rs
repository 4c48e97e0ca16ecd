//! Matching documents of one segment, one after the other: groups of which each must match, and exclusions.
//!
//! Why not tantivy's `BooleanQuery`: its union reads 4,096 documents ahead, which a page of the newest twenty does not need, and its
//! exclusion of phrases seeks backwards (tantivy 0.27; a debug assertion there). Leaves are tantivy's: the postings of a word, phrases,
//! prefixes. Only `seek` forwards is asked of them. A segment in which a group has no word at all costs a look into its dictionary.

use std::sync::Arc;

use ::tantivy::fastfield::AliveBitSet;
use ::tantivy::postings::{SegmentPostings, TermInfo};
use ::tantivy::query::{EnableScoring, Query, Scorer, Weight};
use ::tantivy::schema::{IndexRecordOption, Schema};
use ::tantivy::{DocId, DocSet, InvertedIndexReader, SegmentReader, TERMINATED, TantivyError, Term};

use super::walk::{Halt, SEGMENT_STEPS, Walk};

/// What a document may match.
pub(super) enum Leaf {
    /// A word of a field: its postings are read as they are.
    Word(Term),
    /// Anything else.
    Query(Box<dyn Query>),
}

/// A query over all segments.
pub(super) struct Wanted {
    all: Vec<Vec<Wish>>,
    none: Vec<Wish>,
}

enum Wish {
    Word(Term),
    Query(Box<dyn Weight>),
}

/// What a segment has for a wish.
enum Found<'a> {
    Word(Arc<InvertedIndexReader>, TermInfo),
    Query(&'a dyn Weight),
}

impl Wish {
    fn new(schema: &Schema, leaf: Leaf) -> Result<Self, TantivyError> {
        Ok(match leaf {
            Leaf::Word(term) => Self::Word(term),
            Leaf::Query(query) => Self::Query(query.weight(EnableScoring::disabled_from_schema(schema))?),
        })
    }

    fn in_segment(&self, segment: &SegmentReader) -> Result<Option<Found<'_>>, TantivyError> {
        match self {
            Self::Word(term) => {
                let index = segment.inverted_index(term.field())?;
                Ok(index.get_term_info(term)?.map(|info| Found::Word(index, info)))
            }
            Self::Query(weight) => Ok(Some(Found::Query(&**weight))),
        }
    }
}

impl Wanted {
    /// Documents that match one leaf of each group, and none of the others. At least one group.
    pub(super) fn new(schema: &Schema, all: Vec<Vec<Leaf>>, none: Vec<Leaf>) -> Result<Self, TantivyError> {
        let wishes = |leaves: Vec<Leaf>| leaves.into_iter().map(|leaf| Wish::new(schema, leaf)).collect::<Result<Vec<_>, _>>();
        Ok(Self { all: all.into_iter().map(wishes).collect::<Result<_, _>>()?, none: wishes(none)? })
    }

    /// Its documents in a segment; `None` where it is clear that there are none.
    pub(super) fn matcher<'a>(&self, segment: &'a SegmentReader, walk: &'a Walk) -> Result<Option<Matcher<'a>>, Halt> {
        walk.go(SEGMENT_STEPS)?;
        // First the dictionary alone: most words are in few segments.
        let mut groups: Vec<Vec<Found<'_>>> = Vec::with_capacity(self.all.len());
        for wishes in &self.all {
            let mut group = Vec::with_capacity(wishes.len());
            for wish in wishes {
                group.extend(wish.in_segment(segment)?);
            }
            if group.is_empty() {
                return Ok(None);
            }
            groups.push(group);
        }
        let mut all = Vec::with_capacity(groups.len());
        for group in groups {
            all.push(AnyOf(group.into_iter().map(|found| found.docs(segment)).collect::<Result<_, _>>()?));
        }
        // The rarest leads, the others follow.
        all.sort_by_cached_key(|group| group.0.iter().map(Docs::cost).sum::<u64>());
        let mut none = Vec::with_capacity(self.none.len());
        for wish in &self.none {
            if let Some(found) = wish.in_segment(segment)? {
                none.push(found.docs(segment)?);
            }
        }
        Ok(Some(Matcher { all, none, alive: segment.alive_bitset(), walk }))
    }
}

impl Found<'_> {
    fn docs(self, segment: &SegmentReader) -> Result<Docs, TantivyError> {
        Ok(match self {
            Self::Word(index, info) => Docs::Word(Box::new(index.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?)),
            Self::Query(weight) => Docs::Query(weight.scorer(segment, 1.0)?),
        })
    }
}

/// Documents of one leaf.
enum Docs {
    Word(Box<SegmentPostings>),
    Query(Box<dyn Scorer>),
}

impl Docs {
    /// The first document at or after `target`.
    fn seek(&mut self, target: DocId) -> DocId {
        match self {
            Self::Word(postings) => seek(&mut **postings, target),
            Self::Query(scorer) => seek(&mut **scorer, target),
        }
    }

    /// About how many documents it walks through.
    fn cost(&self) -> u64 {
        match self {
            Self::Word(postings) => u64::from(postings.doc_freq()),
            Self::Query(scorer) => scorer.cost(),
        }
    }
}

fn seek<D: DocSet + ?Sized>(docs: &mut D, target: DocId) -> DocId {
    let doc = docs.doc();
    if doc < target { docs.seek(target) } else { doc }
}

/// Documents that match any of some leaves.
struct AnyOf(Vec<Docs>);

impl AnyOf {
    fn seek(&mut self, target: DocId) -> DocId {
        match self.0.as_mut_slice() {
            [one] => one.seek(target),
            many => many.iter_mut().map(|docs| docs.seek(target)).min().unwrap_or(TERMINATED),
        }
    }
}

/// A walk through the matching, undeleted documents of a segment, forwards only.
pub(super) struct Matcher<'a> {
    all: Vec<AnyOf>,
    none: Vec<Docs>,
    alive: Option<&'a AliveBitSet>,
    walk: &'a Walk,
}

impl Matcher<'_> {
    /// The first match at or after `target`, which must not lie before an earlier answer.
    pub(super) fn seek(&mut self, mut target: DocId) -> Result<Option<DocId>, Halt> {
        loop {
            let Some(agreed) = self.agreed(target)? else { return Ok(None) };
            target = agreed;
            let alive = self.alive.is_none_or(|alive| alive.is_alive(target));
            if alive && !self.none.iter_mut().any(|docs| docs.seek(target) == target) {
                return Ok(Some(target));
            }
            target += 1;
        }
    }

    /// The first document at or after `target` on which all groups agree.
    fn agreed(&mut self, mut target: DocId) -> Result<Option<DocId>, Halt> {
        loop {
            self.walk.go(1)?;
            let from = target;
            for group in &mut self.all {
                target = group.seek(target);
                if target == TERMINATED {
                    return Ok(None);
                }
                if target != from {
                    break;
                }
            }
            if target == from {
                return Ok(Some(target));
            }
        }
    }
}
