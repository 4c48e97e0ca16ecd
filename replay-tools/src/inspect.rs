//! What the log says, as JSON lines in the order of time: one line per event of the valid records.
//!
//! Numbers beyond what JSON readers keep exactly (2^53) are written as text; hashes in hexadecimal; sealed personal data not at all.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, bail};
use infra::log::EventLog;
use infra::views::{Version, ViewStore};
use jiff::Timestamp;
use projectors::{Fact, FactReader};
use schemas::events::Event;
use schemas::handles::normalise;
use schemas::log::{CommandId, Position};
use schemas::rows::{HandleRow, codec, keys};
use schemas::{AccountId, PartitionId, UnixMillis};
use serde_json::{Map, Value, json};

/// The largest whole number that every JSON reader keeps.
const EXACT_MAX: u64 = (1 << 53) - 1;
/// Fields that hold hashes.
const HASHES: [&str; 3] = ["secret_hash", "code_hash", "token_hash"];
/// Fields that hold sealed personal data.
const SEALED: [&str; 2] = ["email", "password"];

/// Which events are wanted; nothing said, all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only events that concern this account.
    pub account: Option<AccountId>,
    /// Only events of this type, as `PostPublished`.
    pub kind: Option<String>,
    /// Only records decided at or after this time, milliseconds since 1970.
    pub since_ms: Option<UnixMillis>,
    /// Only records decided before this time, milliseconds since 1970.
    pub until_ms: Option<UnixMillis>,
    /// Only records at or after this position, of its partition.
    pub from: Option<Position>,
    /// Lines at the most.
    pub limit: Option<u64>,
}

/// Finds an account by its id or its handle.
pub async fn account_named(views: &dyn ViewStore, name: &str) -> anyhow::Result<AccountId> {
    let handle = normalise(name.trim_start_matches('@'));
    let rows = views.get(Version::Live, &[keys::handle(&handle)]).await?;
    if let Some(bytes) = rows.into_iter().flatten().next() {
        return Ok(codec::decode::<HandleRow>(&bytes)?.account);
    }
    name.parse().with_context(|| format!("no account goes by {name}, and it is no id"))
}

/// Reads a position as it is printed: generation.partition.offset.
pub fn position(text: &str) -> anyhow::Result<Position> {
    let parts: Vec<&str> = text.split('.').collect();
    let [generation, partition, offset] = *parts else { bail!("a position is generation.partition.offset, as 1.3.1729") };
    let bad = || format!("{text} is no position: write generation.partition.offset, as 1.3.1729");
    Ok(Position {
        generation: generation.parse().with_context(bad)?,
        partition: PartitionId(partition.parse().with_context(bad)?),
        offset: offset.parse().with_context(bad)?,
    })
}

/// Reads a time: RFC 3339, or milliseconds since 1970.
pub fn time_ms(text: &str) -> anyhow::Result<UnixMillis> {
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    let bad = || format!("{text} is no time: write 2026-11-21T12:00:00Z, or milliseconds since 1970");
    let time: Timestamp = text.parse().with_context(bad)?;
    u64::try_from(time.as_millisecond()).with_context(bad)
}

/// Writes the wanted events; says how many.
pub async fn inspect(log: &Arc<dyn EventLog>, filter: &Filter, out: &mut dyn Write) -> anyhow::Result<u64> {
    let generation = log.layout().generation;
    if let Some(from) = filter.from.filter(|from| from.generation != generation) {
        bail!("position {from} is of another generation, the log is generation {generation}");
    }
    let wanted = |partition: &PartitionId| filter.from.is_none_or(|from| from.partition == *partition);
    let mut lanes: Vec<Lane> = log.layout().partition_ids().filter(wanted).map(|partition| Lane::new(log, partition)).collect();
    let mut written = 0;
    while let Some((partition, fact)) = next(&mut lanes).await? {
        if !filter.takes(partition, &fact) {
            continue;
        }
        for line in lines(generation, partition, &fact, filter) {
            if filter.limit.is_some_and(|limit| written >= limit) {
                return Ok(written);
            }
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
            written += 1;
        }
    }
    Ok(written)
}

/// A partition being read.
struct Lane {
    partition: PartitionId,
    reader: FactReader,
    facts: VecDeque<Fact>,
    ended: bool,
}

impl Lane {
    fn new(log: &Arc<dyn EventLog>, partition: PartitionId) -> Self {
        Self { partition, reader: FactReader::new(log.clone(), partition), facts: VecDeque::new(), ended: false }
    }

    /// The time of the next record.
    async fn time_ms(&mut self) -> anyhow::Result<Option<UnixMillis>> {
        if self.facts.is_empty() && !self.ended {
            self.facts = self.reader.next().await?.into();
            self.ended = self.facts.is_empty();
        }
        Ok(self.facts.front().map(|fact| fact.header.time_ms))
    }
}

/// The earliest record of all partitions.
async fn next(lanes: &mut [Lane]) -> anyhow::Result<Option<(PartitionId, Fact)>> {
    let mut earliest: Option<(UnixMillis, usize)> = None;
    for (index, lane) in lanes.iter_mut().enumerate() {
        if let Some(time_ms) = lane.time_ms().await?
            && earliest.is_none_or(|(known, _)| time_ms < known)
        {
            earliest = Some((time_ms, index));
        }
    }
    let lane = earliest.and_then(|(_, index)| lanes.get_mut(index));
    Ok(lane.and_then(|lane| Some((lane.partition, lane.facts.pop_front()?))))
}

impl Filter {
    fn takes(&self, partition: PartitionId, fact: &Fact) -> bool {
        let time_ms = fact.header.time_ms;
        let reached = self.from.is_none_or(|from| from.partition == partition && fact.offset >= from.offset);
        reached && self.since_ms.is_none_or(|since| time_ms >= since) && self.until_ms.is_none_or(|until| time_ms < until)
    }

    fn takes_event(&self, event: &Event) -> bool {
        let mut touched = Vec::new();
        projectors::touches(event, &mut touched);
        self.kind.as_ref().is_none_or(|kind| event.kind() == kind) && self.account.is_none_or(|account| touched.contains(&account.0))
    }
}

fn lines(generation: u32, partition: PartitionId, fact: &Fact, filter: &Filter) -> Vec<Value> {
    let head = head(Position { generation, partition, offset: fact.offset }, fact);
    let line = |kind: &str, rest: (&str, Value)| {
        let mut line = head.clone();
        line.insert("type".into(), kind.into());
        line.insert(rest.0.into(), rest.1);
        Value::Object(line)
    };
    match &fact.events {
        Ok(events) => events.iter().filter(|event| filter.takes_event(event)).map(|e| line(e.kind(), ("event", body(e)))).collect(),
        Err(_) if filter.kind.is_some() || filter.account.is_some_and(|account| account != fact.header.actor) => Vec::new(),
        Err(cause) => vec![line("undecodable", ("cause", cause.as_str().into()))],
    }
}

/// What all events of a record share.
fn head(position: Position, fact: &Fact) -> Map<String, Value> {
    let header = &fact.header;
    let time = i64::try_from(header.time_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let mut head = Map::new();
    head.insert("position".into(), position.to_string().into());
    head.insert("time".into(), time.map_or(Value::Null, |time| format!("{time:.3}").into()));
    head.insert("command".into(), format!("{:032x}", header.command_id.0).into());
    if header.actor.0 != 0 {
        head.insert("actor".into(), header.actor.to_string().into());
    }
    if header.causation != CommandId(0) {
        head.insert("causation".into(), format!("{:032x}", header.causation.0).into());
    }
    if header.trace.trace_id != 0 {
        head.insert("trace".into(), format!("{:032x}", header.trace.trace_id).into());
    }
    head
}

/// The fields of an event, as text where numbers would lose digits.
fn body(event: &Event) -> Value {
    let tagged = serde_json::to_value(event).unwrap_or_else(|error| json!({ "error": error.to_string() }));
    match tagged {
        Value::Object(fields) => fields.into_iter().next().map_or(Value::Null, |(_, fields)| readable("", fields)),
        other => other,
    }
}

fn readable(name: &str, value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|number| number > EXACT_MAX) => number.to_string().into(),
        Value::Array(bytes) if HASHES.contains(&name) => bytes.iter().filter_map(Value::as_u64).map(|b| format!("{b:02x}")).collect(),
        Value::Array(_) if SEALED.contains(&name) => "(sealed)".into(),
        Value::Array(items) => items.into_iter().map(|item| readable("", item)).collect(),
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, value)| (name.clone(), readable(&name, value))).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
