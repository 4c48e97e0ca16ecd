//! What the log says, as JSON lines in the order of time: one line per event of the valid records.
//!
//! An [`Inspection`] is asked for one line after another and holds one small stretch of each partition, however long the log is: who reads
//! slowly is read for slowly.

mod asked;
mod lines;

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use anyhow::bail;
use futures_util::future::select_all;
use infra::log::EventLog;
use projectors::{Fact, FactReader};
use schemas::events::Event;
use schemas::log::Position;
use schemas::{AccountId, PartitionId, UnixMillis};
use serde_json::Value;

pub use asked::Asked;

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

/// A reading of the log, from its beginning on.
pub struct Inspection {
    generation: u32,
    filter: Filter,
    lanes: Vec<Lane>,
    /// Of the record at hand.
    lines: VecDeque<Value>,
    given: u64,
}

impl Inspection {
    /// Stands before the first record. Refuses a position of another log.
    pub fn new(log: &Arc<dyn EventLog>, filter: Filter) -> anyhow::Result<Self> {
        let layout = log.layout();
        let generation = layout.generation;
        if let Some(from) = filter.from.filter(|from| from.generation != generation) {
            bail!("position {from} is of another generation: the log is generation {generation}");
        }
        if let Some(from) = filter.from.filter(|from| from.partition.0 >= layout.partitions) {
            bail!("position {from} is of no partition: the log has {}, from 0", layout.partitions);
        }
        let wanted = |partition: &PartitionId| filter.from.is_none_or(|from| from.partition == *partition);
        let lanes = layout.partition_ids().filter(wanted).map(|partition| Lane::new(log, partition)).collect();
        Ok(Self { generation, filter, lanes, lines: VecDeque::new(), given: 0 })
    }

    /// The next line; nothing at the present end of the log, or once as many were given as were wanted.
    pub async fn next(&mut self) -> anyhow::Result<Option<Value>> {
        while !self.is_full() {
            if let Some(line) = self.lines.pop_front() {
                self.given += 1;
                return Ok(Some(line));
            }
            let Some((partition, fact)) = self.next_fact().await? else { break };
            if self.filter.takes(partition, &fact) {
                let position = Position { generation: self.generation, partition, offset: fact.offset };
                self.lines.extend(lines::lines(position, &fact, &self.filter));
            }
        }
        Ok(None)
    }

    /// Whether as many lines were given as were wanted.
    pub fn is_full(&self) -> bool {
        self.filter.limit.is_some_and(|limit| self.given >= limit)
    }

    /// Waits at the end of the log until it goes on. From there on partitions take turns as their records come, whatever their times.
    pub async fn wait(&mut self) -> anyhow::Result<()> {
        let waits = self.lanes.iter().map(|lane| Box::pin(lane.reader.wait()));
        let (more, _, _) = select_all(waits).await;
        more?;
        self.lanes.iter_mut().for_each(|lane| lane.ended = false);
        Ok(())
    }

    /// The earliest record of all partitions.
    async fn next_fact(&mut self) -> anyhow::Result<Option<(PartitionId, Fact)>> {
        let mut earliest: Option<(UnixMillis, usize)> = None;
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(time_ms) = lane.time_ms().await?
                && earliest.is_none_or(|(known, _)| time_ms < known)
            {
                earliest = Some((time_ms, index));
            }
        }
        let lane = earliest.and_then(|(_, index)| self.lanes.get_mut(index));
        Ok(lane.and_then(|lane| Some((lane.partition, lane.facts.pop_front()?))))
    }
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

/// Writes the wanted events of a log that nobody writes to; says how many.
pub async fn inspect(log: &Arc<dyn EventLog>, filter: Filter, out: &mut dyn Write) -> anyhow::Result<u64> {
    let mut inspection = Inspection::new(log, filter)?;
    while let Some(line) = inspection.next().await? {
        write_line(out, &line)?;
    }
    Ok(inspection.given)
}

/// Writes one line.
pub fn write_line(out: &mut dyn Write, line: &Value) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")?;
    Ok(())
}

#[cfg(test)]
mod tests;
