//! What a reader did with posts: favourites, bookmarks, reblogs, pins, muted threads.
//!
//! The newest [`MARKS_MAX`] rows of a reader (by post) are kept. Most readers have no more, and pages are mostly new, so a page costs one
//! lookup; posts older than what is kept are read by key.

use infra::cache::Kept;
use rustc_hash::FxHashMap;
use schemas::rows::{InteractionRow, Table, keys};
use schemas::{AccountId, PostId};

use super::{Caches, weight};
use crate::error::QueryError;
use crate::rows::IdRange;

/// Rows kept of a reader.
const MARKS_MAX: usize = 512;
const OVERHEAD_BYTES: usize = 192;
const MARK_BYTES: usize = 24;

/// What a reader did with a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    pub(crate) favourited: bool,
    pub(crate) reblogged: bool,
    pub(crate) muted: bool,
    pub(crate) bookmarked: bool,
    pub(crate) pinned: bool,
}

impl From<&InteractionRow> for Mark {
    fn from(row: &InteractionRow) -> Self {
        Self {
            favourited: row.favourite.is_some(),
            reblogged: row.reblog.is_some(),
            muted: row.muted,
            bookmarked: row.bookmark.is_some(),
            pinned: row.pin.is_some(),
        }
    }
}

/// The newest marks of a reader.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    by_post: FxHashMap<PostId, Mark>,
    /// Posts below this one may have marks that are not kept; 0 if all are kept.
    complete_from: PostId,
}

pub(super) fn weigh(marks: &Marks) -> u32 {
    weight(OVERHEAD_BYTES + marks.by_post.len() * MARK_BYTES)
}

impl Caches {
    /// What the reader did with the posts, in their order.
    pub(crate) async fn marks(&self, reader: AccountId, posts: &[PostId]) -> Result<Vec<Mark>, QueryError> {
        self.marks_among(&*self.newest_marks(reader).await?, reader, posts).await
    }

    /// What the reader did with one post: its row, unless the reader's marks are kept.
    pub(crate) async fn mark(&self, reader: AccountId, post: PostId) -> Result<Mark, QueryError> {
        if let Some(held) = self.marks.get(&reader) {
            return Ok(self.marks_among(&held, reader, &[post]).await?.pop().unwrap_or_default());
        }
        let row = self.rows.one::<InteractionRow>(keys::interaction(reader, post)).await?;
        Ok(row.as_ref().map(Mark::from).unwrap_or_default())
    }

    /// The newest marks of a reader. Their stamp is that of all its marks.
    pub(crate) async fn newest_marks(&self, reader: AccountId) -> Result<Kept<Marks>, QueryError> {
        if let Some(held) = self.marks.get(&reader) {
            return Ok(held);
        }
        let deps = [(Table::Interaction, keys::id(reader.0))];
        self.marks.get_or_load(&reader, &deps, self.load_marks(reader)).await
    }

    /// What the reader did with the posts, in their order, given its newest marks.
    pub(crate) async fn marks_among(&self, held: &Marks, reader: AccountId, posts: &[PostId]) -> Result<Vec<Mark>, QueryError> {
        let mut marks: Vec<Mark> = posts.iter().map(|post| held.by_post.get(post).copied().unwrap_or_default()).collect();
        let older: Vec<usize> = posts.iter().enumerate().filter(|(_, post)| **post < held.complete_from).map(|(at, _)| at).collect();
        if !older.is_empty() {
            let old_keys: Vec<_> = older.iter().filter_map(|at| posts.get(*at)).map(|post| keys::interaction(reader, *post)).collect();
            let rows = self.rows.many::<InteractionRow>(&old_keys).await?;
            for (at, row) in older.into_iter().zip(rows) {
                if let (Some(mark), Some(row)) = (marks.get_mut(at), row) {
                    *mark = Mark::from(&row);
                }
            }
        }
        Ok(marks)
    }

    async fn load_marks(&self, reader: AccountId) -> Result<Marks, QueryError> {
        let range = IdRange { limit: MARKS_MAX, ..IdRange::default() };
        let rows = self.rows.range::<InteractionRow>(Table::Interaction, keys::id(reader.0), range).await?;
        let complete_from = rows.last().filter(|_| rows.len() == MARKS_MAX).map_or(PostId(0), |(post, _)| PostId(*post));
        let by_post = rows.iter().map(|(post, row)| (PostId(*post), Mark::from(row))).collect();
        Ok(Marks { by_post, complete_from })
    }
}
