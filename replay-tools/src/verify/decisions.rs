//! The view `decisions`, which the write side keeps itself, compared with the write side's own fold of the log.
//!
//! What it decides on is compared row by row. What it remembers of commands (ledger and receipts) follows from the log too, but old
//! receipts are swept at its leisure: those rows are left out, and so is where the owner of a partition is reached, which no log says.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use commands::domain::{evolve, keys_of};
use commands::state::{State, ledger_row, owner_row, receipts};
use infra::views::Version;
use projectors::{FactReader, Verified, compare_rows};
use schemas::PartitionId;
use schemas::log::Offset;
use schemas::rows::{RowKey, Table, View};

use crate::offline::Deployment;

/// The whole state stays in memory.
const ENTRIES: usize = usize::MAX;

pub(super) async fn verify(deployment: &Deployment) -> anyhow::Result<Verified> {
    let mut expected = BTreeMap::new();
    for partition in deployment.log.layout().partition_ids() {
        let at = deployment.views.checkpoint(Version::Live, View::Decisions, partition).await?;
        fold(deployment, partition, at.map_or(0, |at| at.next), &mut expected).await?;
    }
    let mut found = Verified::of(View::Decisions);
    let beside = [ledger_row(PartitionId(0)).pk, receipts(PartitionId(0), 0).done(), owner_row(PartitionId(0)).pk];
    let beside = beside.map(|pk| pk.first().copied());
    let is_meant = |key: &RowKey| !beside.contains(&key.pk.first().copied());
    compare_rows(&*deployment.views, Table::Decision, expected, &is_meant, &mut found).await.context("decisions cannot be read")?;
    Ok(found)
}

/// Adds the rows that a partition's records below `end` make.
async fn fold(deployment: &Deployment, partition: PartitionId, end: Offset, rows: &mut BTreeMap<RowKey, Bytes>) -> anyhow::Result<()> {
    let mut state = State::new(ENTRIES);
    let mut reader = FactReader::new(deployment.log.clone(), partition);
    'log: loop {
        let facts = reader.next().await?;
        if facts.is_empty() {
            break;
        }
        for fact in facts {
            if fact.offset >= end {
                break 'log;
            }
            let undecodable = |cause| anyhow!("offset {} of partition {partition} cannot be decoded: {cause}", fact.offset);
            for event in fact.events.map_err(undecodable)? {
                let mut keys = Vec::new();
                keys_of(&event, &mut keys);
                // All that the fold made is in memory: what is not has no row.
                keys.into_iter().try_for_each(|key| state.load(key, None))?;
                evolve(&mut state, &event, fact.header.time_ms);
            }
        }
    }
    rows.extend(state.snapshot().into_iter().filter_map(|write| Some((write.key, write.value?))));
    Ok(())
}
