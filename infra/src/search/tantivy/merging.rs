//! Which segments are merged: ten of about the same size.
//!
//! A document is rewritten once for every tenfold growth, whatever the size of commits, and a search looks into nine segments of a size at
//! the most. tantivy's `LogMergePolicy` takes all below 10,000 documents for one size, so that in an index with little traffic a document
//! is rewritten with every eighth commit until its segment has grown to that.

use std::collections::BTreeMap;

use ::tantivy::SegmentMeta;
use ::tantivy::merge_policy::{MergeCandidate, MergePolicy};

/// Segments that are merged into one; also the ratio between sizes.
const SEGMENTS_MERGED: u32 = 10;
/// Below so many documents all sizes are one.
const SMALL_DOCUMENTS: u32 = 1_000;
/// A segment of so many documents is left as it is.
const MERGED_DOCUMENTS_MAX: u32 = 10_000_000;
/// A segment with more deleted documents than this share of all is rewritten.
const DELETED_SHARE_MAX: f64 = 0.3;

/// Merges segments of about the same size.
#[derive(Debug)]
pub(super) struct BySize;

/// The size of a segment: zero for small ones, one more for each factor of [`SEGMENTS_MERGED`].
fn size(documents: u32) -> u32 {
    (documents / SMALL_DOCUMENTS).checked_ilog(SEGMENTS_MERGED).map_or(0, |power| power + 1)
}

/// Of segments, given by their undeleted and all documents, the places of those that become one each.
fn merged(segments: &[(u32, u32)]) -> Vec<Vec<usize>> {
    let mut sizes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, (documents, _)) in segments.iter().enumerate() {
        if *documents < MERGED_DOCUMENTS_MAX {
            sizes.entry(size(*documents)).or_default().push(place);
        }
    }
    let enough = |places: &Vec<usize>| places.len() >= SEGMENTS_MERGED as usize;
    let mut merged: Vec<Vec<usize>> = sizes.into_values().filter(enough).collect();
    for (place, (documents, all)) in segments.iter().enumerate() {
        let deleted = f64::from(all.saturating_sub(*documents)) / f64::from((*all).max(1));
        if deleted > DELETED_SHARE_MAX && !merged.iter().any(|places| places.contains(&place)) {
            merged.push(vec![place]);
        }
    }
    merged
}

impl MergePolicy for BySize {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let counts: Vec<(u32, u32)> = segments.iter().map(|segment| (segment.num_docs(), segment.max_doc())).collect();
        let ids = |places: Vec<usize>| places.into_iter().filter_map(|place| segments.get(place)).map(SegmentMeta::id).collect();
        merged(&counts).into_iter().map(|places| MergeCandidate(ids(places))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(segments: &[(u32, u32)], expected: &[&[usize]]) {
        assert_eq!(merged(segments), expected, "{segments:?}");
    }

    #[test]
    fn ten_of_a_size_become_one() {
        check(&[], &[]);
        check(&[(999, 999); 9], &[]);
        check(&[(999, 999); 10], &[&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
        check(&[(1_000, 1_000); 10], &[&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
        let mixed = [[(5, 5), (1_500, 1_500)]; 9].concat();
        check(&mixed, &[]);
        check(&[(10_000_000, 10_000_000); 10], &[]);
    }

    #[test]
    fn a_segment_of_which_much_is_deleted_is_rewritten() {
        check(&[(70, 100), (69, 100), (500_000, 1_000_000)], &[&[1], &[2]]);
        check(&[(0, 0)], &[]);
        check(&[(5, 100); 10], &[&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
    }

    #[test]
    fn a_size_is_ten_times_the_one_before() {
        let sizes = [0, 999, 1_000, 9_999, 10_000, 99_999, 100_000, 9_999_999].map(size);
        assert_eq!(sizes, [0, 0, 1, 1, 2, 2, 3, 4]);
    }
}
