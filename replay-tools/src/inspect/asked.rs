//! What is asked of `inspect`, as text: from the command line, or over the operators' port.

use anyhow::{Context, bail};
use infra::views::{Version, ViewStore};
use jiff::Timestamp;
use schemas::events::Event;
use schemas::handles::normalise;
use schemas::log::Position;
use schemas::rows::{HandleRow, codec, keys};
use schemas::{AccountId, PartitionId, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Filter;

/// The wishes of an operator, not yet read; nothing said, all events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    /// An account's id or handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// A type of events, as `PostPublished`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The earliest time: RFC 3339, or milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The first time that is too late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The first position: generation.partition.offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Lines at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Whether to wait for more at the end of the log.
    pub follow: bool,
}

impl Asked {
    /// Reads all but the account, for which a deployment must be open. An error says what to write instead.
    pub fn read(&self) -> anyhow::Result<Filter> {
        let time = |text: &Option<String>| text.as_deref().map(time_ms).transpose();
        Ok(Filter {
            account: None,
            kind: self.kind.as_deref().map(kind).transpose()?,
            since_ms: time(&self.since)?,
            until_ms: time(&self.until)?,
            from: self.from.as_deref().map(position).transpose()?,
            limit: self.limit,
        })
    }

    /// The same, with the account: a handle is looked up in `views`.
    pub async fn filter(&self, views: &dyn ViewStore) -> anyhow::Result<Filter> {
        let mut filter = self.read()?;
        if let Some(name) = &self.account {
            filter.account = Some(account_named(views, name).await?);
        }
        Ok(filter)
    }
}

/// Finds an account by its id or its handle.
async fn account_named(views: &dyn ViewStore, name: &str) -> anyhow::Result<AccountId> {
    let handle = normalise(name.trim_start_matches('@'));
    let rows = views.get(Version::Live, &[keys::handle(&handle)]).await?;
    if let Some(bytes) = rows.into_iter().flatten().next() {
        return Ok(codec::decode::<HandleRow>(&bytes)?.account);
    }
    name.parse().with_context(|| format!("no account goes by {name}, and it is no id"))
}

/// Reads a type of events: one that was never written would find nothing, silently.
fn kind(name: &str) -> anyhow::Result<String> {
    let tagged = Value::Object(Map::from_iter([(name.to_owned(), Value::Null)]));
    match serde_json::from_value::<Event>(tagged) {
        Err(error) if error.to_string().starts_with("unknown variant") => bail!("no event is of that type: {error}"),
        _ => Ok(name.to_owned()),
    }
}

/// Reads a position as it is printed: generation.partition.offset.
pub(super) fn position(text: &str) -> anyhow::Result<Position> {
    let parts: Vec<&str> = text.split('.').collect();
    let bad = || format!("{text} is no position: write generation.partition.offset, as 1.3.1729");
    let [generation, partition, offset] = *parts else { bail!(bad()) };
    Ok(Position {
        generation: generation.parse().with_context(bad)?,
        partition: PartitionId(partition.parse().with_context(bad)?),
        offset: offset.parse().with_context(bad)?,
    })
}

/// Reads a time: RFC 3339, or milliseconds since 1970.
pub(super) fn time_ms(text: &str) -> anyhow::Result<UnixMillis> {
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    let bad = || format!("{text} is no time: write 2026-11-21T12:00:00Z, or milliseconds since 1970");
    let time: Timestamp = text.parse().with_context(bad)?;
    u64::try_from(time.as_millisecond()).with_context(bad)
}
