//! Every document of an index in the order of its items, page by page: for `verify`.

use std::collections::BTreeMap;

use ::tantivy::schema::IndexRecordOption;
use ::tantivy::{DocSet, TERMINATED, TantivyError};

use super::fields::{self, Fields};
use super::snapshot::Snapshot;
use crate::search::Item;

/// The first `limit` items after `after`, each with the fingerprints of its documents: one, but for a fault.
pub(super) fn documents(
    snapshot: &Snapshot,
    fields: &Fields,
    after: Option<&Item>,
    limit: usize,
) -> Result<Vec<(Item, u64)>, TantivyError> {
    let after = after.map(fields::key).unwrap_or_default();
    // The first of all segments are among the first of each.
    let mut found: BTreeMap<Vec<u8>, Vec<u64>> = BTreeMap::new();
    for segment in snapshot.segments() {
        let index = segment.inverted_index(fields.key)?;
        let prints = segment.fast_fields().u64(fields::FINGERPRINT)?.first_or_default_col(0);
        let mut terms = index.terms().range().gt(&after).into_stream()?;
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
                of_segment += 1;
                found.entry(terms.key().to_vec()).or_default().extend(alive);
            }
        }
    }
    let mut page = Vec::new();
    for (key, prints) in found.into_iter().take(limit) {
        let item = fields::item(&key).ok_or_else(|| TantivyError::InternalError(format!("no item has the key {key:02x?}")))?;
        page.extend(prints.into_iter().map(|print| (item.clone(), print)));
    }
    Ok(page)
}
