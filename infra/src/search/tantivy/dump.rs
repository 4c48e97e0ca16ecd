//! Every document of an index in the order of its items, page by page: for `verify`.

use std::collections::BTreeMap;

use ::tantivy::schema::IndexRecordOption;
use ::tantivy::{DocSet, SegmentReader, TERMINATED, TantivyError};
use schemas::{AccountId, PostId};

use super::fields::{self, Fields};
use super::snapshot::{Snapshot, Stretch};
use crate::search::Item;

/// Items, each with the fingerprints of its documents: one, but for a fault.
type Found = BTreeMap<Item, Vec<u64>>;

/// The first `limit` items after `after`. The first of all segments are among the first of each.
pub(super) fn documents(
    snapshot: &Snapshot,
    fields: &Fields,
    after: Option<&Item>,
    limit: usize,
) -> Result<Vec<(Item, u64)>, TantivyError> {
    let (kind, above, name) = match after {
        None => (fields::ACCOUNT, None, None),
        Some(Item::Account(id)) => (fields::ACCOUNT, Some(id.0), None),
        Some(Item::Status(id)) => (fields::STATUS, Some(id.0), None),
        Some(Item::Tag(name)) => (fields::TAG, None, Some(name.as_str())),
    };
    let mut found = Found::new();
    for numbered in [fields::ACCOUNT, fields::STATUS] {
        if kind <= numbered && found.len() < limit {
            for stretch in snapshot.newest_first() {
                numbers(stretch, numbered, above.filter(|_| kind == numbered), limit, &mut found)?;
            }
        }
    }
    if found.len() < limit {
        for segment in snapshot.segments() {
            tags(segment, fields, name, limit, &mut found)?;
        }
    }
    let page = found.into_iter().take(limit);
    Ok(page.flat_map(|(item, prints)| prints.into_iter().map(move |print| (item.clone(), print))).collect())
}

/// Adds the first `limit` items of a kind with ids above the given one: the segment's documents from the end.
fn numbers(stretch: &Stretch, kind: u64, above: Option<u64>, limit: usize, found: &mut Found) -> Result<(), TantivyError> {
    let segment = &stretch.segment;
    let kinds = segment.fast_fields().u64(fields::KIND)?.first_or_default_col(0);
    let prints = segment.fast_fields().u64(fields::FINGERPRINT)?.first_or_default_col(0);
    let end = match above {
        None => segment.max_doc(),
        Some(id) => id.checked_add(1).map_or(0, |next| stretch.first_below(next)),
    };
    let (mut of_segment, mut last) = (0, None);
    for doc in (0..end).rev() {
        if kinds.get_val(doc) != kind || segment.alive_bitset().is_some_and(|bits| bits.is_deleted(doc)) {
            continue;
        }
        let id = stretch.id(doc);
        if last != Some(id) {
            if of_segment == limit {
                break;
            }
            (of_segment, last) = (of_segment + 1, Some(id));
        }
        let item = if kind == fields::ACCOUNT { Item::Account(AccountId(id)) } else { Item::Status(PostId(id)) };
        found.entry(item).or_default().push(prints.get_val(doc));
    }
    Ok(())
}

/// Adds the first `limit` tags after the given one.
fn tags(segment: &SegmentReader, fields: &Fields, after: Option<&str>, limit: usize, found: &mut Found) -> Result<(), TantivyError> {
    let index = segment.inverted_index(fields.key)?;
    let prints = segment.fast_fields().u64(fields::FINGERPRINT)?.first_or_default_col(0);
    let range = index.terms().range();
    let mut terms = match after {
        Some(name) => range.gt(name.as_bytes()),
        None => range,
    }
    .into_stream()?;
    let mut of_segment = 0;
    while of_segment < limit && terms.advance() {
        let mut docs = index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
        let mut alive = Vec::new();
        while docs.doc() != TERMINATED {
            if segment.alive_bitset().is_none_or(|bits| bits.is_alive(docs.doc())) {
                alive.push(prints.get_val(docs.doc()));
            }
            docs.advance();
        }
        if !alive.is_empty() {
            let name = std::str::from_utf8(terms.key()).map_err(|_| TantivyError::InternalError("a tag's name is not text".to_owned()))?;
            of_segment += 1;
            found.entry(Item::Tag(name.to_owned())).or_default().extend(alive);
        }
    }
    Ok(())
}
