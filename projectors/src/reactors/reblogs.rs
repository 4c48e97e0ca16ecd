//! Takes reblogs of deleted posts back, so that the rebloggers' counts and lists are as if they had.
//!
//! A deletion looks for reblogs once the views have passed it; a reblog looks for its original once the views have passed the reblog.
//! Whichever comes later sees the other, on whatever partitions they are.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use infra::views::{Scan, Version, ViewError};
use schemas::PartitionId;
use schemas::commands::{Command, Unreblog};
use schemas::events::{Event, Reblogged};
use schemas::ids::{AccountId, PostId};
use schemas::rows::{AuthorRow, KeyPart, RowKey, Table, codec, keys};

use super::{AT_ONCE, ReactorPorts, named};
use crate::batch::Fact;
use crate::error::{ProjectError, Trouble};

/// Reblogs taken back per read.
const PAGE: usize = 256;

/// Reacts to what the records of a partition say of reblogs and of deleted posts.
pub(super) async fn react(ports: &ReactorPorts, partition: PartitionId, facts: &[Fact]) -> Result<(), Trouble> {
    let (mut deleted, mut reblogs) = (Vec::new(), Vec::new());
    for (fact, event) in facts.iter().flat_map(|fact| fact.events().iter().map(move |event| (fact, event))) {
        match event {
            Event::PostDeleted(e) => deleted.push((fact, e.post)),
            Event::Reblogged(e) => reblogs.push((fact, e)),
            _ => {}
        }
    }
    let Some(last) = deleted.iter().map(|(fact, _)| fact).chain(reblogs.iter().map(|(fact, _)| fact)).map(|fact| fact.offset).max() else {
        return Ok(());
    };
    ports.wait(partition, last).await?;
    for some in deleted.chunks(AT_ONCE) {
        let taken_back = join_all(some.iter().map(|(fact, post)| take_all_back(ports, fact, *post))).await;
        taken_back.into_iter().collect::<Result<(), Trouble>>()?;
    }
    check_originals(ports, reblogs).await
}

async fn take_all_back(ports: &ReactorPorts, fact: &Fact, post: PostId) -> Result<(), Trouble> {
    let mut above: Option<KeyPart> = None;
    loop {
        let scan = Scan { table: Table::RebloggedBy, pk: keys::id(post.0), above, below: None, descending: false, limit: PAGE };
        let page = ports.views.scan(Version::Live, scan).await?;
        for (sk, bytes) in &page {
            let row: AuthorRow = codec::decode(bytes).map_err(|error| damaged(&error.to_string()))?;
            let reblog = keys::id_of(sk).ok_or_else(|| damaged("a key of a list of reblogs is cut short"))?;
            take_back(ports, fact, (row.author, PostId(reblog)), post).await?;
        }
        match page.last() {
            Some((sk, _)) if page.len() == PAGE => above = Some(sk.clone()),
            _ => return Ok(()),
        }
    }
}

fn damaged(cause: &str) -> Trouble {
    Trouble::Fatal(ProjectError::Views(ViewError::Fatal(cause.to_owned())))
}

/// A reblog and the record that tells of it.
type OfRecord<'a> = (&'a Fact, &'a Reblogged);

async fn check_originals(ports: &ReactorPorts, reblogs: Vec<OfRecord<'_>>) -> Result<(), Trouble> {
    let absent = without_original(ports, reblogs).await?;
    // Absent, or not yet there: views of another partition may be behind.
    let partitions: BTreeSet<PartitionId> = absent.iter().map(|(_, e)| e.post.partition()).collect();
    for partition in partitions {
        ports.wait_for_end(partition).await?;
    }
    for (fact, e) in without_original(ports, absent).await? {
        take_back(ports, fact, (e.account, e.reblog), e.post).await?;
    }
    Ok(())
}

/// Those whose original is not in the views.
async fn without_original<'a>(ports: &ReactorPorts, mut reblogs: Vec<OfRecord<'a>>) -> Result<Vec<OfRecord<'a>>, Trouble> {
    if reblogs.is_empty() {
        return Ok(reblogs);
    }
    let originals: Vec<RowKey> = reblogs.iter().map(|(_, e)| keys::status(e.post)).collect();
    let mut rows = ports.views.get(Version::Live, &originals).await?.into_iter();
    reblogs.retain(|_| rows.next().is_some_and(|row| row.is_none()));
    Ok(reblogs)
}

async fn take_back(ports: &ReactorPorts, fact: &Fact, (account, reblog): (AccountId, PostId), post: PostId) -> Result<(), Trouble> {
    let command = Command::Unreblog(Unreblog { account, post });
    ports.send(named("reblog of a deleted post", &reblog.to_string(), fact.header.command_id, fact.header.trace, command)).await
}
