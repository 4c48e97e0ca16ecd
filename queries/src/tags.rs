//! Hashtags: the entity with its week of use.

use bytes::Bytes;
use schemas::api::entities::{Tag, TagHistory};
use schemas::rows::keys::DAY_MS;
use schemas::rows::{Table, TagUseRow, keys};
use schemas::text::normalise_tag;

use crate::error::QueryError;
use crate::json;
use crate::side::QuerySide;

/// Days of use that the entity tells of.
const HISTORY_DAYS: u64 = 7;

impl QuerySide {
    /// The Tag entity, as JSON, whether or not the tag was ever used.
    pub async fn tag(&self, name: &str, signed_in: bool) -> Result<Bytes, QueryError> {
        Ok(json(&self.tag_entity(name, signed_in).await?))
    }

    pub(crate) async fn tag_entity(&self, name: &str, signed_in: bool) -> Result<Tag, QueryError> {
        let name = normalise_tag(name.trim_start_matches('#'));
        let today = self.now() / DAY_MS;
        let mut days = vec![(0_u64, 0_u64); HISTORY_DAYS as usize];
        let since = keys::id(today.saturating_sub(HISTORY_DAYS - 1));
        let rows = self.rows.after::<TagUseRow>(Table::TagUse, keys::text(&name), Some(since), usize::from(u16::MAX)).await?;
        for (sk, part) in rows {
            let back = keys::id_of(&sk).and_then(|day| today.checked_sub(day)).and_then(|back| usize::try_from(back).ok());
            if let Some(day) = back.and_then(|back| days.get_mut(back)) {
                day.0 += part.uses;
                day.1 += part.accounts;
            }
        }
        let history = days.iter().zip(0..).map(|((uses, accounts), back)| TagHistory {
            day: (today.saturating_sub(back) * DAY_MS / 1_000).to_string(),
            accounts: accounts.to_string(),
            uses: uses.to_string(),
        });
        Ok(Tag::new(&name, history.collect(), signed_in, &self.settings.urls))
    }
}
