//! Keyset pages: what a client asks for, and which further pages there are.

/// Statuses on a page, where none is asked for and at the most.
pub(crate) const STATUSES: (usize, usize) = (20, 40);

/// Accounts on a page, where none is asked for and at the most.
pub(crate) const ACCOUNTS: (usize, usize) = (40, 80);

/// The page that a client asks for; ids are of the listed things, or opaque cursors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageAsk {
    /// Older than this.
    pub max_id: Option<u64>,
    /// Newer than this, newest first.
    pub since_id: Option<u64>,
    /// The page just newer than this; `since_id` is not looked at then.
    pub min_id: Option<u64>,
    /// Things at the most.
    pub limit: usize,
}

/// The further pages, as values of `max_id` and `min_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Links {
    /// `max_id` of the next (older) page; nothing where there is none.
    pub next: Option<u64>,
    /// `min_id` of the previous (newer) page; nothing for an empty page.
    pub prev: Option<u64>,
}

/// A page: things with their cursors, newest first.
#[derive(Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: T,
    /// Where to go on.
    pub links: Links,
}

impl PageAsk {
    /// The newest things.
    pub fn newest(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The exclusive lower bound.
    pub(crate) fn above(&self) -> Option<u64> {
        self.min_id.or(self.since_id)
    }

    /// Whether the page is read from its oldest end up.
    pub(crate) fn ascending(&self) -> bool {
        self.min_id.is_some()
    }
}

/// Collects a page from things in reading order (ascending for `min_id`), one more than asked for if there are more.
#[derive(Debug)]
pub(crate) struct Collected<T> {
    ask: PageAsk,
    items: Vec<(u64, T)>,
    cut_at: Option<u64>,
}

impl<T> Collected<T> {
    pub(crate) fn new(ask: PageAsk) -> Self {
        Self { ask, items: Vec::with_capacity(ask.limit + 1), cut_at: None }
    }

    /// Takes a thing with its cursor; false once no more are needed.
    pub(crate) fn push(&mut self, cursor: u64, item: T) -> bool {
        if !self.full() {
            self.items.push((cursor, item));
        }
        !self.full()
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn full(&self) -> bool {
        self.items.len() > self.ask.limit
    }

    /// Says where a walk that looked at enough is to be taken up, if it did not end by itself.
    pub(crate) fn cut(mut self, at: Option<u64>) -> Self {
        self.cut_at = at;
        self
    }

    /// The page, newest first. A page read upwards is followed by the one it started from, which the client has seen or may go to.
    pub(crate) fn done(mut self) -> Page<Vec<T>> {
        let more = self.full();
        self.items.truncate(self.ask.limit);
        let upwards = self.ask.ascending();
        if upwards {
            self.items.reverse();
        }
        let (first, last) = (self.items.first().map(|(cursor, _)| *cursor), self.items.last().map(|(cursor, _)| *cursor));
        let cut_at = self.cut_at.filter(|_| !more);
        let links = Links {
            next: if upwards { last } else { cut_at.or(last.filter(|_| more)) },
            prev: if upwards { cut_at.or(first) } else { first },
        };
        Page { items: self.items.into_iter().map(|(_, item)| item).collect(), links }
    }
}

impl<T> Page<T> {
    /// The page with its things made into something else.
    pub(crate) fn with<U>(self, items: impl FnOnce(T) -> U) -> Page<U> {
        Page { items: items(self.items), links: self.links }
    }
}

impl<T> Page<Vec<T>> {
    /// An empty page, with no further ones.
    pub(crate) fn empty() -> Self {
        Self { items: Vec::new(), links: Links::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ask: PageAsk, cursors: &[u64], items: &[u64], links: (Option<u64>, Option<u64>)) {
        let mut collected = Collected::new(ask);
        for cursor in cursors {
            if !collected.push(*cursor, *cursor) {
                break;
            }
        }
        let page = collected.done();
        assert_eq!((page.items.as_slice(), (page.links.next, page.links.prev)), (items, links), "{ask:?} {cursors:?}");
    }

    #[test]
    fn links_say_where_to_go_on() {
        check(PageAsk::newest(2), &[9, 8, 7], &[9, 8], (Some(8), Some(9)));
        check(PageAsk::newest(2), &[9, 8], &[9, 8], (None, Some(9)));
        check(PageAsk::newest(2), &[], &[], (None, None));
        let upwards = PageAsk { min_id: Some(3), ..PageAsk::newest(2) };
        check(upwards, &[4, 5, 6], &[5, 4], (Some(4), Some(5)));
    }
}
