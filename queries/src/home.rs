//! The home timeline: candidates of the timelines port, through the home rules, reblogs thinned out, exactly a page.
//!
//! A page is cut from a window of the feed: `newer` grows upwards for a page just above `min_id`, `older` grows downwards. Thinning out
//! looks below the page ([`crate::dedupe`]), so `older` reaches past it; it grows until every verdict that the page needs is definite.
//! Below the page a post is looked up only where the entry of the timeline does not say enough of it: most do.

pub(crate) mod remembered;

use bytes::Bytes;
use infra::cache::Taken;
use infra::http::Pieces;
use infra::timelines::{Entry, Stretch};
use schemas::rows::entry_flags;
use schemas::visibility::{Reader, surely_shown_in_home};
use schemas::{AccountId, PostId, UnixMillis};

use crate::caches::{Held, Printed};
use crate::dedupe::{FALLOFF, Item, Original, Verdict, judge};
use crate::error::QueryError;
use crate::paging::{Collected, Page, PageAsk};
use crate::render;
use crate::side::{Known, People, QuerySide};
use remembered::Remembered;

/// Candidates read beyond a page and its falloff, so that a few hidden ones cost no second read.
const SLACK: usize = 16;
/// Candidates read below a page at first: enough to find [`FALLOFF`] that are surely shown where half of the
/// feed are reblogs and answers.
const BELOW: usize = 2 * FALLOFF + SLACK;
/// How many more are read at first, where that was not enough.
const MORE: usize = 32;

/// Candidates of one read, however far the window has to grow.
const CHUNK_MAX: usize = 1_024;

impl QuerySide {
    /// A page of the reader's home timeline, as JSON.
    pub async fn home(&self, reader: AccountId, ask: PageAsk) -> Result<Page<Pieces>, QueryError> {
        let now = self.now();
        // Others are asked for too seldom again.
        let newest = match ask == PageAsk::newest(ask.limit) {
            true => Some(self.timelines.home(reader, first_stretch(ask)).await?),
            false => None,
        };
        if let Some(entries) = &newest
            && let Some(held) = self.caches.homes.get_if(&reader, |held| held.is_of(ask.limit, entries, now))
        {
            return Ok(held.page());
        }
        // On the heap, for most pages are remembered ones: every layer of the server would carry its room about.
        Box::pin(self.put_together(reader, ask, newest, now)).await
    }

    /// A page as it is now, and to be remembered if it may be.
    async fn put_together(
        &self,
        reader: AccountId,
        ask: PageAsk,
        newest: Option<Vec<Entry>>,
        now: UnixMillis,
    ) -> Result<Page<Pieces>, QueryError> {
        let reader = self.caches.reader(reader).await?;
        let mut window = Window::new(self, &reader, ask, now);
        if let Some(entries) = &newest {
            window.take_older(entries, first_stretch(ask).limit).await?;
        }
        let page = window.page().await?;
        let Window { older_reads, mut taken, .. } = window;
        let acted_on: Vec<PostId> = page.items.iter().map(|post| post.acted_on()).collect();
        let newest_marks = self.caches.newest_marks(reader.account).await?;
        let marks = self.caches.marks_among(&newest_marks, reader.account, &acted_on).await?;
        let page = page.with(|posts| render::page(&posts, &marks, &reader));
        if let Some(entries) = newest.filter(|_| older_reads == 1) {
            taken.add(reader.taken());
            taken.add(newest_marks.taken());
            let times = remembered::mutes_stand(&reader, now);
            self.caches.homes.insert(reader.account, taken.settled(), Remembered::new(ask.limit, entries, times, &page));
        }
        Ok(page)
    }

    /// Posts as a JSON array for a reader.
    pub(crate) async fn render_statuses(&self, posts: Vec<Known>, reader: Option<&Reader>) -> Result<Bytes, QueryError> {
        let (mut whole, mut people) = (Vec::with_capacity(posts.len()), People::with_capacity(posts.len()));
        for known in posts {
            whole.extend(self.whole_among(known, &mut people).await?);
        }
        let marks = match reader {
            Some(reader) => {
                let acted_on: Vec<PostId> = whole.iter().map(render::Whole::acted_on).collect();
                self.caches.marks(reader.account, &acted_on).await?
            }
            None => Vec::new(),
        };
        Ok(render::statuses(&whole, &marks, reader))
    }
}

/// What a window of older candidates begins with.
fn first_stretch(ask: PageAsk) -> Stretch {
    // Upwards, what is at or below `min_id` is only looked at to thin out.
    let below = if ask.ascending() { ask.min_id.map(|id| id.saturating_add(1)) } else { ask.max_id };
    Stretch { below: below.map(PostId), above: None, ascending: false, limit: ask.limit + BELOW }
}

/// A window of a home timeline, filtered by the home rules but not yet thinned out.
struct Window<'a> {
    side: &'a QuerySide,
    reader: &'a Reader,
    now: UnixMillis,
    ask: PageAsk,
    /// Above `min_id`, ascending.
    newer: Vec<Held<Printed>>,
    newer_from: Option<PostId>,
    newer_ends: bool,
    /// Below the start of the page (or up to `min_id`), descending.
    older: Vec<Row>,
    older_from: Option<PostId>,
    older_ends: bool,
    older_reads: u32,
    chunk: usize,
    /// The stamps of every post that was looked up.
    taken: Taken,
}

/// A candidate.
enum Row {
    /// One that the home rules show.
    Known(Held<Printed>),
    /// One that was not looked up.
    Light(PostId, Item),
}

/// What a window yields.
enum Cut {
    Page(Page<Vec<Held<Printed>>>),
    NeedsNewer,
    NeedsOlder,
    /// So many of the older candidates must be looked up.
    NeedsPosts(usize),
}

impl<'a> Window<'a> {
    fn new(side: &'a QuerySide, reader: &'a Reader, ask: PageAsk, now: UnixMillis) -> Self {
        let first = first_stretch(ask);
        Self {
            side,
            reader,
            now,
            ask,
            newer: Vec::new(),
            newer_from: ask.min_id.map(PostId),
            newer_ends: !ask.ascending(),
            older: Vec::new(),
            older_from: first.below,
            older_ends: false,
            older_reads: 0,
            chunk: first.limit,
            taken: Taken::default(),
        }
    }

    /// Grows until the page can be cut out.
    async fn page(&mut self) -> Result<Page<Vec<Held<Printed>>>, QueryError> {
        if self.ask.ascending() {
            self.grow_newer().await?;
        }
        if self.older_reads == 0 {
            self.grow_older().await?;
        }
        loop {
            match self.cut() {
                Cut::Page(page) => return Ok(page),
                Cut::NeedsNewer => self.grow_newer().await?,
                Cut::NeedsOlder => self.grow_older().await?,
                Cut::NeedsPosts(count) => self.look_up(count).await?,
            }
        }
    }

    async fn grow_newer(&mut self) -> Result<(), QueryError> {
        let below = self.ask.max_id.map(PostId);
        let stretch = Stretch { below, above: self.newer_from, ascending: true, limit: self.ask.limit + SLACK };
        let entries = self.side.timelines.home(self.reader.account, stretch).await?;
        self.newer_ends = entries.len() < stretch.limit;
        self.newer_from = entries.last().map(|entry| entry.post).or(self.newer_from);
        for entry in entries {
            let shown = self.shown(entry.post).await?;
            self.newer.extend(shown);
        }
        Ok(())
    }

    async fn grow_older(&mut self) -> Result<(), QueryError> {
        let stretch = Stretch { below: self.older_from, above: None, ascending: false, limit: self.chunk };
        let entries = self.side.timelines.home(self.reader.account, stretch).await?;
        self.take_older(&entries, stretch.limit).await
    }

    /// Takes what the timeline gave where it was asked for so many.
    async fn take_older(&mut self, entries: &[Entry], asked: usize) -> Result<(), QueryError> {
        self.older_reads += 1;
        self.older_ends = entries.len() < asked;
        self.older_from = entries.last().map(|entry| entry.post).or(self.older_from);
        self.chunk = if self.older.is_empty() { MORE } else { (self.chunk * 2).min(CHUNK_MAX) };
        // One more than the page, as a page is collected; upwards all of the older ones are only looked at to thin out.
        let on_page = if self.ask.ascending() { 0 } else { self.ask.limit + 1 };
        for entry in entries {
            match light(self.reader, entry).filter(|_| self.older.len() >= on_page) {
                Some(item) => self.older.push(Row::Light(entry.post, item)),
                None => {
                    let shown = self.shown(entry.post).await?;
                    self.older.extend(shown.map(Row::Known));
                }
            }
        }
        Ok(())
    }

    /// Looks up those of the first older candidates that were not yet: thinning out has moved them onto the page.
    async fn look_up(&mut self, count: usize) -> Result<(), QueryError> {
        let rest = self.older.split_off(count.min(self.older.len()));
        for row in std::mem::replace(&mut self.older, Vec::with_capacity(count + rest.len())) {
            let known = match row {
                Row::Known(known) => Some(known),
                Row::Light(post, _) => self.shown(post).await?,
            };
            self.older.extend(known.map(Row::Known));
        }
        self.older.extend(rest);
        Ok(())
    }

    async fn shown(&mut self, post: PostId) -> Result<Option<Held<Printed>>, QueryError> {
        let printed = self.side.caches.printed(post).await?;
        self.taken.add(printed.taken());
        Ok(Held::of(printed).filter(|post| post.shown_in_home(self.reader, self.now)))
    }

    /// Cuts the page out, if enough is known.
    fn cut(&self) -> Cut {
        let newer = self.newer.iter().rev().map(|post| item(post));
        let items: Vec<Item> = newer.chain(self.older.iter().map(Row::item)).collect();
        let verdicts = judge(&items, self.older_ends);
        if self.ask.ascending() { self.cut_upwards(self.newer.iter().rev().zip(verdicts).collect()) } else { self.cut_downwards(verdicts) }
    }

    fn cut_downwards(&self, verdicts: Vec<Verdict>) -> Cut {
        let mut page = Collected::new(self.ask);
        for (at, (row, verdict)) in self.older.iter().zip(verdicts).enumerate() {
            if self.ask.since_id.is_some_and(|since| row.id().0 <= since) {
                return Cut::Page(page.done());
            }
            match (verdict, row) {
                (Verdict::Hidden, _) => {}
                (Verdict::Shown, Row::Light(..)) => return Cut::NeedsPosts(at + self.ask.limit + 1 - page.len()),
                (Verdict::Unknown, _) => return self.undecided(),
                (Verdict::Shown, Row::Known(known)) => {
                    if !page.push(known.id.0, known.clone()) {
                        return Cut::Page(page.done());
                    }
                }
            }
        }
        let below_since = self.ask.since_id.is_some_and(|since| self.older_from.is_some_and(|from| from.0 <= since));
        if self.older_ends || below_since { Cut::Page(page.done()) } else { Cut::NeedsOlder }
    }

    /// What decides a verdict that is not known: first what was not looked up, then what lies below.
    fn undecided(&self) -> Cut {
        let open = self.older.iter().rposition(|row| matches!(row, Row::Light(_, item) if !item.sure));
        open.map_or(Cut::NeedsOlder, |last| Cut::NeedsPosts(last + 1))
    }

    fn cut_upwards(&self, judged: Vec<(&Held<Printed>, Verdict)>) -> Cut {
        let mut page = Collected::new(self.ask);
        for (known, verdict) in judged.into_iter().rev() {
            match verdict {
                Verdict::Hidden => {}
                Verdict::Unknown => return self.undecided(),
                Verdict::Shown => {
                    if !page.push(known.id.0, known.clone()) {
                        return Cut::Page(page.done());
                    }
                }
            }
        }
        if self.newer_ends { Cut::Page(page.done()) } else { Cut::NeedsNewer }
    }
}

impl Row {
    fn id(&self) -> PostId {
        match self {
            Self::Known(known) => known.id,
            Self::Light(post, _) => *post,
        }
    }

    fn item(&self) -> Item {
        match self {
            Self::Known(known) => item(known),
            Self::Light(_, item) => *item,
        }
    }
}

fn item(known: &Printed) -> Item {
    let original = Original::Is(known.original.as_ref().map_or(known.id, |(id, _)| *id));
    Item { original, is_reblog: known.original.is_some(), sure: true }
}

/// What an entry alone tells thinning out; nothing of a reblog that was written without a hint.
fn light(reader: &Reader, entry: &Entry) -> Option<Item> {
    let is_reblog = entry.flags & entry_flags::REBLOG != 0;
    let original = match entry_flags::hint(entry.flags) {
        0 if is_reblog => return None,
        hint if is_reblog => Original::Hinted(hint),
        _ => Original::Is(entry.post),
    };
    Some(Item { original, is_reblog, sure: surely_shown_in_home(reader, entry.author, entry.flags) })
}

#[cfg(test)]
mod tests;
