//! Takes reblogs of deleted posts back, so that the rebloggers' counts and lists are as if they had.
//!
//! A deletion looks for reblogs once the views have passed it; a reblog looks for its original once the views have passed the reblog.
//! Whichever comes later sees the other, on whatever partitions they are.

use infra::views::{Scan, Version, ViewError};
use schemas::PartitionId;
use schemas::commands::{Command, Unreblog};
use schemas::events::{Event, Reblogged};
use schemas::ids::{AccountId, PostId};
use schemas::rows::{AuthorRow, KeyPart, Table, codec, keys};

use super::{ReactorPorts, named};
use crate::batch::Fact;
use crate::error::{ProjectError, Trouble};

/// Reblogs taken back per read.
const PAGE: usize = 256;

/// Whether [`react`] has anything to do about an event.
pub(super) fn concerns(event: &Event) -> bool {
    matches!(event, Event::PostDeleted(_) | Event::Reblogged(_))
}

pub(super) async fn react(ports: &ReactorPorts, (partition, fact): (PartitionId, &Fact), event: &Event) -> Result<(), Trouble> {
    match event {
        Event::PostDeleted(e) => {
            ports.wait(partition, fact.offset).await?;
            take_all_back(ports, fact, e.post).await
        }
        Event::Reblogged(e) => {
            ports.wait(partition, fact.offset).await?;
            check_original(ports, fact, e).await
        }
        _ => Ok(()),
    }
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

async fn check_original(ports: &ReactorPorts, fact: &Fact, e: &Reblogged) -> Result<(), Trouble> {
    if stands(ports, e.post).await? {
        return Ok(());
    }
    // Absent, or not yet there: views of another partition may be behind.
    ports.wait_for_end(e.post.partition()).await?;
    if stands(ports, e.post).await? {
        return Ok(());
    }
    take_back(ports, fact, (e.account, e.reblog), e.post).await
}

async fn stands(ports: &ReactorPorts, post: PostId) -> Result<bool, Trouble> {
    Ok(ports.views.get(Version::Live, &[keys::status(post)]).await?.iter().any(Option::is_some))
}

async fn take_back(ports: &ReactorPorts, fact: &Fact, (account, reblog): (AccountId, PostId), post: PostId) -> Result<(), Trouble> {
    let command = Command::Unreblog(Unreblog { account, post });
    ports.send(named("reblog of a deleted post", &reblog.to_string(), fact.header.command_id, fact.header.trace, command)).await
}
