//! A k-way merge of author lists from one end that stops at the page.
//!
//! Each list first gives a few entries; one that is used up before the page is full is asked for more, twice as many each time. So the
//! cost follows the page and the number of lists, not their length.

use std::collections::BinaryHeap;

use super::super::TimelineError;
use super::lists::{AuthorLists, Keep};
use super::window::{Range, Slot};

/// Entries that a list is asked for first, at the least.
const FIRST_ENTRIES: usize = 4;

/// A list under merge: what it gave, turned so that the next entry is last.
struct Cursor {
    author: u32,
    held: Vec<Slot>,
    /// How many it was asked for.
    asked: usize,
    /// Whether it may have more.
    more: bool,
}

impl Cursor {
    fn new(author: u32, asked: usize, mut held: Vec<Slot>) -> Self {
        let more = held.len() >= asked;
        held.reverse();
        Self { author, held, asked, more }
    }
}

/// Orders posts from the end at which a range begins: the greatest comes first.
fn rank(range: Range, post: u64) -> u64 {
    if range.ascending { !post } else { post }
}

/// The entries of a range over all the authors' lists, in its order, without duplicates.
pub(super) async fn merge(lists: &AuthorLists, authors: &[u32], range: Range, keep: Keep) -> Result<Vec<Slot>, TimelineError> {
    if range.limit == 0 || authors.is_empty() || range.above >= range.below {
        return Ok(Vec::new());
    }
    let first = (2 * range.limit / authors.len() + 1).max(FIRST_ENTRIES).min(range.limit);
    let pages = lists.read(authors, Range { limit: first, ..range }, keep).await?;
    if let (1, [_]) = (pages.len(), authors)
        && first == range.limit
    {
        return Ok(pages.into_iter().next().unwrap_or_default());
    }
    let mut cursors: Vec<Cursor> = authors.iter().zip(pages).map(|(author, page)| Cursor::new(*author, first, page)).collect();
    let mut heap = BinaryHeap::with_capacity(cursors.len());
    for (n, cursor) in cursors.iter().enumerate() {
        if let Some(next) = cursor.held.last() {
            heap.push((rank(range, next.post), n));
        }
    }
    let mut merged: Vec<Slot> = Vec::with_capacity(range.limit.min(first * authors.len()));
    while let Some((_, n)) = heap.pop() {
        let Some(cursor) = cursors.get_mut(n) else { break };
        let Some(slot) = cursor.held.pop() else { continue };
        if merged.last().is_none_or(|last| last.post != slot.post) {
            merged.push(slot);
        }
        if merged.len() == range.limit {
            break;
        }
        if cursor.held.is_empty() && cursor.more {
            let rest = if range.ascending { Range { above: slot.post, ..range } } else { Range { below: slot.post, ..range } };
            let rest = Range { limit: (cursor.asked * 2).min(range.limit), ..rest };
            let page = lists.read(&[cursor.author], rest, Keep::No).await?.into_iter().next().unwrap_or_default();
            *cursor = Cursor::new(cursor.author, rest.limit, page);
        }
        if let Some(next) = cursor.held.last() {
            heap.push((rank(range, next.post), n));
        }
    }
    Ok(merged)
}

/// Two stretches in the range's order as one, without duplicates, up to its limit; of two equal posts the first stretch's counts.
pub(super) fn zip(one: Vec<Slot>, other: Vec<Slot>, range: Range) -> Vec<Slot> {
    let mut merged = Vec::with_capacity((one.len() + other.len()).min(range.limit));
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    while merged.len() < range.limit {
        let next = match (one.peek(), other.peek()) {
            (Some(a), Some(b)) if a.post == b.post => {
                other.next();
                one.next()
            }
            (Some(a), Some(b)) if rank(range, a.post) < rank(range, b.post) => other.next(),
            (Some(_), _) => one.next(),
            (None, _) => other.next(),
        };
        let Some(next) = next else { break };
        merged.push(next);
    }
    merged
}
