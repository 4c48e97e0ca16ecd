//! How busy the server is: posts, authors and registrations by week, counted over what is listed publicly, now and then.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use schemas::rows::{EntryRow, PartBuilder, Table};
use schemas::{AccountId, PostId, UnixMillis};
use serde_json::json as value;

use crate::error::QueryError;
use crate::json;
use crate::paging::PageAsk;
use crate::rows::IdRange;
use crate::side::QuerySide;
use crate::walk::Walk;

const WEEK_MS: UnixMillis = 7 * 86_400_000;
/// Weeks told of: Mastodon's figure.
const WEEKS: usize = 12;
/// Weeks that count as a month.
const MONTH_WEEKS: u64 = 4;
/// How long a count is good for.
const GOOD_FOR_MS: UnixMillis = 10 * 60_000;
/// Accounts of a partition that are looked at, at the most.
const REGISTRATIONS_MAX: usize = 20_000;

/// A week's figures.
#[derive(Debug, Clone, Default)]
struct Week {
    posts: u64,
    authors: FxHashSet<AccountId>,
    registrations: u64,
}

/// What was counted, newest week first.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    counted_ms: UnixMillis,
    weeks: Vec<Week>,
    pub(crate) active_month: u64,
}

/// The last count.
pub(crate) type ActivityCache = Mutex<Option<Arc<Activity>>>;

impl QuerySide {
    /// Posts, active authors and registrations of the last twelve weeks, as JSON; numbers are text, as Mastodon has them.
    pub async fn activity_by_week(&self) -> Result<Bytes, QueryError> {
        let activity = self.activity().await?;
        let this_week = activity.counted_ms / WEEK_MS * WEEK_MS / 1_000;
        let weeks = activity.weeks.iter().zip(0_u64..).map(|(week, back)| {
            value!({
                "week": this_week.saturating_sub(back * WEEK_MS / 1_000).to_string(),
                "statuses": week.posts.to_string(),
                "logins": week.authors.len().to_string(),
                "registrations": week.registrations.to_string(),
            })
        });
        Ok(json(&weeks.collect::<Vec<_>>()))
    }

    pub(crate) async fn activity(&self) -> Result<Arc<Activity>, QueryError> {
        let now = self.now();
        if let Some(counted) = &*self.activity.lock()
            && now.saturating_sub(counted.counted_ms) < GOOD_FOR_MS
        {
            return Ok(counted.clone());
        }
        let counted = Arc::new(self.count_activity(now).await?);
        *self.activity.lock() = Some(counted.clone());
        Ok(counted)
    }

    async fn count_activity(&self, now: UnixMillis) -> Result<Activity, QueryError> {
        let mut weeks = vec![Week::default(); WEEKS];
        let since = (now / WEEK_MS).saturating_sub(WEEKS as u64 - 1) * WEEK_MS;
        let week_of = |ms: UnixMillis| usize::try_from((now / WEEK_MS).saturating_sub(ms / WEEK_MS)).unwrap_or(usize::MAX);
        let ask = PageAsk { since_id: Some(since << 16), limit: usize::from(u8::MAX), ..PageAsk::default() };
        let mut walk = Walk::along_buckets(&self.rows, None, (since, now), ask);
        while let Some(chunk) = walk.next::<EntryRow>().await? {
            for (id, entry) in chunk {
                if let Some(week) = weeks.get_mut(week_of(PostId(id).snowflake().ms())) {
                    week.posts += 1;
                    week.authors.insert(entry.author);
                }
            }
        }
        for partition in 0..self.settings.partitions {
            let pk = PartBuilder::default().u16(partition).done();
            let range = IdRange { above: Some(since << 16), limit: REGISTRATIONS_MAX, ..IdRange::default() };
            for (id, ()) in self.rows.range::<()>(Table::Directory, pk, range).await? {
                if let Some(week) = weeks.get_mut(week_of(AccountId(id).snowflake().ms())) {
                    week.registrations += 1;
                }
            }
        }
        let month = weeks.iter().take(MONTH_WEEKS as usize).flat_map(|week| &week.authors).collect::<FxHashSet<_>>();
        Ok(Activity { counted_ms: now, active_month: month.len() as u64, weeks })
    }
}
