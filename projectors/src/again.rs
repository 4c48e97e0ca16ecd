//! What home timelines may have missed: deliveries again of the last records before a checkpoint.
//!
//! A step commits rows and checkpoint, then tells timelines. A process that ends in between, or a store that fails in the midst of a commit
//! and makes it whole when the checkpoint is read again (docs/decisions/0010), leaves timelines without the deliveries of that one step,
//! and nobody reads its records any more. So whoever loads a checkpoint delivers again what lies right before it. Deliveries may be
//! repeated; void records have no rows and are left out by that. Follows need nothing: timelines that outlive a process take them from
//! the views whenever they are read.

use bytes::Bytes;
use infra::log::{EventLog, ReadLimits};
use infra::timelines::TimelineOp;
use infra::views::{Version, ViewStore};
use schemas::PartitionId;
use schemas::log::{Offset, body};
use schemas::rows::{RowKey, keys};

use crate::error::Trouble;
use crate::views::home_timeline;

/// Records looked at again: at least those of one step, by any process.
const AGAIN_RECORDS: u64 = 1_024;
/// Bytes of one read.
const READ_BYTES: usize = 4 << 20;

/// The deliveries of the records right before `end`, as the rows confirm them.
pub(crate) async fn deliveries(
    log: &dyn EventLog,
    views: &dyn ViewStore,
    partition: PartitionId,
    end: Offset,
) -> Result<Vec<TimelineOp>, Trouble> {
    let bounds = log.bounds(partition).await?;
    let (mut next, end) = (end.saturating_sub(AGAIN_RECORDS).max(bounds.start), end.min(bounds.end));
    let mut ops = Vec::new();
    while next < end {
        let limits = ReadLimits { records: (end - next) as usize, bytes: READ_BYTES };
        let records = log.read(partition, next, limits).await?;
        let Some(last) = records.last() else { break };
        next = last.offset + 1;
        // What cannot be read is among the dead letters, and in no list.
        let events = records.iter().flat_map(|record| body::decode(&record.body).unwrap_or_default());
        events.for_each(|event| home_timeline::project(&event, &mut ops));
    }
    let (posts, listed): (Vec<TimelineOp>, Vec<RowKey>) = ops.into_iter().filter_map(|op| Some((op, list_entry(&op)?))).unzip();
    let rows = views.get(Version::Live, &listed).await?;
    let stands = |(op, row): (TimelineOp, Option<Bytes>)| (matches!(op, TimelineOp::Posted(_)) == row.is_some()).then_some(op);
    Ok(posts.into_iter().zip(rows).filter_map(stands).collect())
}

/// The row that says whether a post is in its author's list.
fn list_entry(op: &TimelineOp) -> Option<RowKey> {
    match op {
        TimelineOp::Posted(entry) | TimelineOp::Removed(entry) => Some(keys::author_list(entry.author, entry.post)),
        TimelineOp::Followed { .. } | TimelineOp::Unfollowed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use crate::testing::history::home_of;
    use infra::timelines::Entry;
    use infra::views::memory::MemoryViews;
    use schemas::events::{Event, PostDeleted, PostPublished, Visibility};
    use schemas::ids::{AccountId, AppId, PostId};
    use std::sync::Arc;

    const ANA: AccountId = AccountId(1);

    fn post(id: u64) -> Event {
        let (text, spoiler) = ("owls".to_owned(), String::new());
        let (visibility, app) = (Visibility::Public, AppId(0));
        let (mentions, tags, language, in_reply_to) = (vec![], vec![], None, None);
        PostPublished {
            post: PostId(id),
            account: ANA,
            visibility,
            text,
            spoiler,
            sensitive: false,
            language,
            mentions,
            tags,
            in_reply_to,
            app,
        }
        .into()
    }

    fn deleted(id: u64) -> Event {
        let (mentions, tags) = (vec![], vec![]);
        PostDeleted { post: PostId(id), account: ANA, visibility: Visibility::Public, in_reply_to: None, mentions, tags }.into()
    }

    #[tokio::test]
    async fn what_the_rows_confirm_is_delivered_again() {
        let (world, views, home) = (World::new().await, Arc::new(MemoryViews::new()), home_of(ANA));
        for event in [post(1), post(2), deleted(1)] {
            world.append(home, &[event]).await;
        }
        world.project(&views, 100).await;
        let end = world.log.bounds(home).await.unwrap().end;
        // Nothing came of these yet: as void records, they have no rows.
        world.append(home, &[post(3)]).await;
        let entry = |id| Entry { post: PostId(id), author: ANA, flags: 0 };
        let expected = [TimelineOp::Posted(entry(2)), TimelineOp::Removed(entry(1))];
        for end in [end, end + 1, end + 100] {
            assert_eq!(deliveries(&*world.log, &*views, home, end).await.unwrap(), expected, "up to {end}");
        }
        assert_eq!(deliveries(&*world.log, &*views, home, 0).await.unwrap(), []);
    }
}
