//! A history of posts drawn from workload W1, and the source of timelines over it, which shows as much as was published so far.
//!
//! All posts are drawn before anything is timed, and lie as compactly as may be: a number per post in its author's list. How many of them
//! are published is the source's own matter, so that several engines go through one history, each at its own time.

use super::w1::W1;
use async_trait::async_trait;
use infra::timelines::{Entry, Stretch, TimelineError, TimelineSource};
use schemas::{AccountId, PostId};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The account of a number of W1.
pub(super) fn id(account: u32) -> AccountId {
    AccountId(u64::from(account) + 1)
}

fn number(account: AccountId) -> u32 {
    account.0.saturating_sub(1) as u32
}

/// Posts in the order in which they are published, and whose they are.
pub(super) struct History {
    pub(super) w1: Arc<W1>,
    /// Of each post: its id and its author.
    posts: Vec<(PostId, u32)>,
    /// Of each author: where its list begins in `listed`; one more at the end.
    starts: Vec<usize>,
    /// The numbers of posts, author by author, ascending.
    listed: Vec<u32>,
}

impl History {
    /// Takes posts; those of one author ascend.
    pub(super) fn new(w1: Arc<W1>, posts: Vec<(PostId, u32)>) -> Self {
        let mut starts = vec![0_usize; w1.accounts() as usize + 1];
        for (_, author) in &posts {
            if let Some(count) = starts.get_mut(*author as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let (mut next, mut listed) = (starts.clone(), vec![0; posts.len()]);
        for (n, (_, author)) in posts.iter().enumerate() {
            if let Some(place) = next.get_mut(*author as usize) {
                if let Some(post) = listed.get_mut(*place) {
                    *post = n as u32;
                }
                *place += 1;
            }
        }
        Self { w1, posts, starts, listed }
    }

    /// Posts in all.
    pub(super) fn len(&self) -> usize {
        self.posts.len()
    }

    /// The posts from one number up to another.
    pub(super) fn between(&self, from: usize, to: usize) -> impl Iterator<Item = Entry> + '_ {
        self.posts.get(from..to).unwrap_or_default().iter().map(|(post, author)| entry(*post, *author))
    }

    /// How many of an author's posts are among the first `published` ones.
    pub(super) fn count(&self, author: u32, published: usize) -> usize {
        self.list(author, published).len()
    }

    fn list(&self, author: u32, published: usize) -> &[u32] {
        let (Some(start), Some(end)) = (self.starts.get(author as usize), self.starts.get(author as usize + 1)) else { return &[] };
        let list = self.listed.get(*start..*end).unwrap_or_default();
        list.get(..list.partition_point(|post| (*post as usize) < published)).unwrap_or_default()
    }

    fn post(&self, n: u32) -> Option<PostId> {
        self.posts.get(n as usize).map(|(post, _)| *post)
    }
}

fn entry(post: PostId, author: u32) -> Entry {
    Entry { post, author: id(author), flags: 0 }
}

/// The rows that one engine sees: all follows, and the posts published to it.
pub(super) struct Published {
    pub(super) history: Arc<History>,
    posts: AtomicUsize,
}

impl Published {
    /// Begins with nothing published.
    pub(super) fn new(history: Arc<History>) -> Self {
        Self { history, posts: AtomicUsize::new(0) }
    }

    /// Publishes the first so many posts, and no others: rows before operations.
    pub(super) fn set(&self, posts: usize) {
        self.posts.store(posts, Ordering::SeqCst);
    }

    fn stretch_of(&self, author: AccountId, stretch: Stretch) -> Vec<Entry> {
        let author = number(author);
        let list = self.history.list(author, self.posts.load(Ordering::SeqCst));
        let older_than = |bound: PostId| list.partition_point(|post| self.history.post(*post).is_some_and(|post| post < bound));
        let first = stretch.above.map_or(0, |above| older_than(PostId(above.0 + 1)));
        let end = stretch.below.map_or(list.len(), older_than).max(first);
        let count = (end - first).min(stretch.limit);
        let held = list.get(if stretch.ascending { first..first + count } else { end - count..end }).unwrap_or_default();
        let mut entries: Vec<Entry> = held.iter().filter_map(|post| Some(entry(self.history.post(*post)?, author))).collect();
        if !stretch.ascending {
            entries.reverse();
        }
        entries
    }
}

#[async_trait]
impl TimelineSource for Published {
    async fn followees(&self, reader: AccountId) -> Result<Vec<AccountId>, TimelineError> {
        Ok(self.history.w1.followees(number(reader)).iter().map(|account| id(*account)).collect())
    }

    async fn followers_count(&self, author: AccountId) -> Result<u64, TimelineError> {
        Ok(self.history.w1.followers(number(author)).len() as u64)
    }

    async fn author_list(&self, author: AccountId, stretch: Stretch) -> Result<Vec<Entry>, TimelineError> {
        Ok(self.stretch_of(author, stretch))
    }

    async fn author_lists(&self, authors: &[AccountId], stretch: Stretch) -> Result<Vec<Vec<Entry>>, TimelineError> {
        Ok(authors.iter().map(|author| self.stretch_of(*author, stretch)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra::timelines::MemorySource;

    #[tokio::test]
    async fn lists_are_those_of_the_reference_up_to_what_is_published() {
        let w1 = Arc::new(W1::generate(100, 1));
        let posts: Vec<(PostId, u32)> = (1..=60).map(|n| (PostId(n * 10), (n % 3) as u32)).collect();
        let published = Published::new(Arc::new(History::new(w1, posts)));
        let reference = MemorySource::new();
        for entry in published.history.between(0, 40) {
            reference.post(entry);
        }
        published.set(40);
        for ascending in [false, true] {
            for (above, below) in [(None, None), (Some(95), Some(310)), (Some(100), Some(100)), (None, Some(40)), (Some(390), None)] {
                let stretch = Stretch { above: above.map(PostId), below: below.map(PostId), ascending, limit: 5 };
                for author in [0, 1, 2, 50] {
                    let (found, wanted) =
                        (published.author_list(id(author), stretch).await, reference.author_list(id(author), stretch).await);
                    assert_eq!(found.unwrap(), wanted.unwrap(), "{author} {stretch:?}");
                }
            }
        }
        assert_eq!((published.history.count(1, 40), published.history.count(1, 0), published.history.len()), (14, 0, 60));
    }
}
