//! Finding hits. Segments are sorted newest first, so hits come in order by merging one cursor per segment and stopping when the page is
//! full; a segment whose newest document is older than the page is never looked at.

use std::collections::{BTreeSet, BinaryHeap};
use std::ops::ControlFlow;

use ::tantivy::fastfield::AliveBitSet;
use ::tantivy::query::{PhrasePrefixQuery, PhraseQuery};
use ::tantivy::schema::{Field, IndexRecordOption};
use ::tantivy::{DocId, DocSet, TERMINATED, Term as IndexTerm};
use schemas::{AccountId, PostId};

use super::fields::{self, Fields};
use super::matcher::{Leaf, Matcher, Wanted};
use super::snapshot::{Snapshot, Stretch};
use super::walk::{Halt, Walk};
use crate::search::query::{self, NameTerms, Term};
use crate::search::{CANDIDATES_MAX, HITS_MAX, Item, NameQuery, OFFSET_MAX, StatusQuery};

/// Words that the last, unfinished word of a phrase may stand for.
const PHRASE_ENDINGS_MAX: u32 = 1_000;

/// A page of hits being filled.
struct Page {
    pass_over: usize,
    limit: usize,
    hits: Vec<u64>,
}

impl Page {
    fn new(offset: usize, limit: usize) -> Self {
        Self { pass_over: offset.min(OFFSET_MAX), limit: limit.min(HITS_MAX), hits: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.hits.len() >= self.limit
    }

    fn add(&mut self, id: u64) -> ControlFlow<()> {
        if self.pass_over > 0 {
            self.pass_over -= 1;
        } else {
            self.hits.push(id);
        }
        if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Hits of a search for posts. What is not made of words alone is begun on an unbounded walk only.
pub(super) fn statuses(snapshot: &Snapshot, fields: &Fields, asked: &StatusQuery, walk: &Walk) -> Result<Vec<Item>, Halt> {
    let parsed = query::parse(&asked.text);
    let mut all: Vec<Vec<Leaf>> = Vec::new();
    for group in &parsed.all {
        all.push(group.iter().map(|term| leaf(fields.text, term)).collect());
    }
    if let Some(author) = asked.author {
        all.push(vec![Leaf::Word(IndexTerm::from_field_u64(fields.author, author.0))]);
    }
    let mut page = Page::new(asked.offset, asked.limit);
    if all.is_empty() || page.is_full() {
        return Ok(Vec::new());
    }
    let none: Vec<Leaf> = parsed.none.iter().map(|term| leaf(fields.text, term)).collect();
    let mut leaves = all.iter().flatten().chain(&none);
    if leaves.any(|leaf| matches!(leaf, Leaf::Query(_))) {
        walk.go_anywhere()?;
    }
    let wanted = Wanted::new(snapshot.schema(), all, none)?;
    let window = (asked.max_id.map(|id| id.0), asked.min_id.map(|id| id.0));
    let mut candidates = 0;
    newest_first(snapshot, &wanted, window, walk, &mut |id| {
        if candidates == CANDIDATES_MAX {
            return ControlFlow::Break(());
        }
        candidates += 1;
        match &asked.filter {
            Some(filter) if !filter(PostId(id)) => ControlFlow::Continue(()),
            _ => page.add(id),
        }
    })?;
    Ok(page.hits.into_iter().map(|id| Item::Status(PostId(id))).collect())
}

/// Hits of a search for accounts, in three steps: the exact handle, handles that start so, all others.
pub(super) fn accounts(snapshot: &Snapshot, fields: &Fields, asked: &NameQuery, walk: &Walk) -> Result<Vec<Item>, Halt> {
    walk.go_anywhere()?;
    let mut page = Page::new(asked.offset, asked.limit);
    let Some(NameTerms { handle, words }) = query::parse_name(&asked.text) else { return Ok(Vec::new()) };
    let exact = || Leaf::Word(IndexTerm::from_field_text(fields.handle, &handle));
    let starts = || prefix(fields.handle, &handle);
    let words = words.iter().map(|word| vec![prefix(fields.name, word)]).collect();
    let steps: [(Vec<Vec<Leaf>>, Vec<Leaf>); 3] =
        [(vec![vec![exact()]], vec![]), (vec![vec![starts()]], vec![exact()]), (words, vec![starts()])];
    for (all, none) in steps {
        if !page.is_full() {
            let wanted = Wanted::new(snapshot.schema(), all, none)?;
            newest_first(snapshot, &wanted, (None, None), walk, &mut |id| page.add(id))?;
        }
    }
    Ok(page.hits.into_iter().map(|id| Item::Account(AccountId(id))).collect())
}

/// Hits of a search for tags: the terms themselves, which are in the order of names.
pub(super) fn tags(snapshot: &Snapshot, fields: &Fields, asked: &NameQuery, walk: &Walk) -> Result<Vec<Item>, Halt> {
    walk.go_anywhere()?;
    let Some(prefix) = query::parse_tag(&asked.text) else { return Ok(Vec::new()) };
    let (offset, limit) = (asked.offset.min(OFFSET_MAX), asked.limit.min(HITS_MAX));
    // The first of all segments are among the first of each.
    let mut found: BTreeSet<Vec<u8>> = BTreeSet::new();
    for segment in snapshot.segments() {
        let index = segment.inverted_index(fields.tag)?;
        let mut terms = index.terms().range().ge(prefix.as_bytes()).into_stream()?;
        let mut of_segment = 0;
        while of_segment < offset + limit && terms.advance() && terms.key().starts_with(prefix.as_bytes()) {
            if any_alive(index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?, segment.alive_bitset()) {
                of_segment += 1;
                found.insert(terms.key().to_vec());
            }
        }
    }
    Ok(found.iter().skip(offset).take(limit).filter_map(|term| fields::tag_name(term)).map(Item::Tag).collect())
}

fn prefix(field: Field, prefix: &str) -> Leaf {
    let mut query = PhrasePrefixQuery::new(vec![IndexTerm::from_field_text(field, prefix)]);
    query.set_max_expansions(u32::MAX);
    Leaf::Query(Box::new(query))
}

fn leaf(field: Field, term: &Term) -> Leaf {
    let mut words: Vec<IndexTerm> = term.words.iter().map(|word| IndexTerm::from_field_text(field, word)).collect();
    match (term.words.as_slice(), term.prefix) {
        ([word], true) => prefix(field, word),
        (_, true) => {
            let mut query = PhrasePrefixQuery::new(words);
            query.set_max_expansions(PHRASE_ENDINGS_MAX);
            Leaf::Query(Box::new(query))
        }
        ([_, _, ..], false) => Leaf::Query(Box::new(PhraseQuery::new(words))),
        (_, false) => Leaf::Word(words.pop().expect("a term has at least one word")),
    }
}

fn any_alive(mut docs: impl DocSet, alive: Option<&AliveBitSet>) -> bool {
    while docs.doc() != TERMINATED {
        if alive.is_none_or(|alive| alive.is_alive(docs.doc())) {
            return true;
        }
        docs.advance();
    }
    false
}

/// A place in one segment.
struct Cursor<'a> {
    matcher: Matcher<'a>,
    stretch: &'a Stretch,
    doc: DocId,
}

impl Cursor<'_> {
    /// The id of the first match at or after the place, where the cursor then stands.
    fn id(&mut self) -> Result<Option<u64>, Halt> {
        let Some(doc) = self.matcher.seek(self.doc)? else { return Ok(None) };
        self.doc = doc;
        Ok(Some(self.stretch.id(doc)))
    }
}

/// Calls `each` with the ids of matches below and above the exclusive bounds of `window`, newest first, until it breaks off.
fn newest_first(
    snapshot: &Snapshot,
    wanted: &Wanted,
    window: (Option<u64>, Option<u64>),
    walk: &Walk,
    each: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(), Halt> {
    let (below, above) = window;
    let mut unopened = snapshot.newest_first().filter(|stretch| above.is_none_or(|above| stretch.newest > above)).peekable();
    let mut cursors: Vec<Cursor<'_>> = Vec::new();
    let mut heads: BinaryHeap<(u64, usize)> = BinaryHeap::new();
    loop {
        while let Some(stretch) = unopened.next_if(|stretch| {
            let newest = stretch.newest.min(below.unwrap_or(u64::MAX));
            heads.peek().is_none_or(|(head, _)| newest >= *head)
        }) {
            let doc = below.map_or(0, |bound| stretch.first_below(bound));
            if doc >= stretch.segment.max_doc() {
                continue;
            }
            let Some(matcher) = wanted.matcher(&stretch.segment, walk)? else { continue };
            let mut cursor = Cursor { matcher, stretch, doc };
            heads.extend(cursor.id()?.map(|id| (id, cursors.len())));
            cursors.push(cursor);
        }
        let Some((id, place)) = heads.pop() else { return Ok(()) };
        if above.is_some_and(|above| id <= above) || each(id).is_break() {
            return Ok(());
        }
        if let Some(cursor) = cursors.get_mut(place) {
            cursor.doc += 1;
            heads.extend(cursor.id()?.map(|id| (id, place)));
        }
    }
}
