//! The whole platform in this process, on embedded stores in a folder, with the accounts of workload W1.
//!
//! Every account is opened by commands and has its token. Follows of the hydrated readers are rows written beside the log: by commands
//! they would take minutes, and what is measured is what posts cost, which depends on the rows alone.

use super::super::dice::Weighted;
use super::super::report::{Report, forget_peak_memory};
use super::super::rows::{COMMIT_ROWS, commit, follow, put};
use super::super::w1::W1;
use anyhow::{Context, Result, ensure};
use commands::accounts::{Accounts, NewAccount, OPERATOR_SCOPES};
use infra::clock::system_clock;
use infra::config::Layered;
use infra::connect;
use infra::timelines::{RingTimelines, Stretch, Timelines};
use infra::views::Version;
use roost::node::Node;
use schemas::rows::{AccountStatsRow, RowKey, codec, keys};
use schemas::{AccountId, RelationId};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Accounts being opened at any time.
const OPENING: usize = 256;

/// An account.
pub(in crate::bench) struct Member {
    pub(in crate::bench) id: AccountId,
    pub(in crate::bench) token: String,
}

/// A reader, and whom it follows, as numbers of W1.
pub(in crate::bench) struct Reader {
    pub(in crate::bench) account: u32,
    pub(in crate::bench) followees: Vec<u32>,
}

/// The platform and who is there.
pub(in crate::bench) struct World {
    pub(in crate::bench) node: Node,
    /// Everybody, by the number in W1.
    /// The node's home timelines.
    pub(in crate::bench) timelines: Arc<RingTimelines>,
    pub(in crate::bench) members: Vec<Member>,
    /// Readers with their followees, whose timelines are hot.
    pub(in crate::bench) readers: Vec<Reader>,
    pub(in crate::bench) posters: Arc<Weighted>,
    /// Follows in all of W1.
    pub(in crate::bench) edges: u64,
}

impl World {
    /// Makes a world as [`Self::new`] does, and says how large it is and how long it took; memory counts from here on.
    pub(in crate::bench) async fn prepare(
        folder: &Path,
        (accounts, readers): (usize, usize),
        seed: u64,
        report: &mut Report,
    ) -> Result<Arc<Self>> {
        let began = Instant::now();
        let world = Arc::new(Self::new(folder, accounts, readers, seed).await?);
        report.add("prepare_s", began.elapsed().as_secs_f64());
        report.add("accounts", world.members.len() as f64);
        report.add("readers_hot", world.readers.len() as f64);
        forget_peak_memory();
        Ok(world)
    }

    /// Opens the accounts in an empty folder, and makes the timelines of so many readers hot.
    async fn new(folder: &Path, accounts: usize, readers: usize, seed: u64) -> Result<Self> {
        let mut layered = Layered::default();
        layered.set("data", &folder.display().to_string(), "the bench")?;
        layered.set("rate_limits", "off", "the bench")?;
        layered.set("log_level", "warn", "the bench")?;
        let config = layered.finish()?;
        // What goes wrong underneath is told, beside the figures.
        infra::telemetry::start_logs(&config, infra::telemetry::LogTarget::Error)?;
        let (ports, mut stores) = connect::open(&config, system_clock()).await?;
        let timelines = connect::rings(&config, ports.views.clone(), system_clock());
        stores.timelines = timelines.clone();
        let node = Node::over(config, ports, stores, "https://bench.example", system_clock(), None).await?;
        let w1 = W1::generate(accounts, seed);
        let role = node.writing.as_ref().context("the node takes no commands")?;
        let members = open(&role.accounts, w1.accounts()).await?;
        node.settle().await;
        let followees = |account: u32| Reader { account, followees: w1.followees(account).to_vec() };
        let readers = w1.some_readers(readers).into_iter().map(followees).collect();
        let world = Self { node, timelines, members, readers, posters: w1.posters(), edges: w1.edges() as u64 };
        world.count_followers(&w1).await?;
        drop(w1);
        world.follow().await?;
        for reader in &world.readers {
            world.timelines.home(world.id(reader.account), Stretch { limit: 1, ..Stretch::default() }).await?;
        }
        Ok(world)
    }

    /// The id of an account of W1.
    pub(in crate::bench) fn id(&self, account: u32) -> AccountId {
        self.members.get(account as usize).map_or(AccountId(0), |member| member.id)
    }

    /// Posts that the views count, of everybody.
    pub(in crate::bench) async fn statuses(&self) -> Result<u64> {
        let mut all = 0;
        for members in self.members.chunks(COMMIT_ROWS) {
            all += self.stats(members).await?.iter().map(|row| row.statuses).sum::<u64>();
        }
        Ok(all)
    }

    /// What the views count of some accounts.
    pub(in crate::bench) async fn stats(&self, members: &[Member]) -> Result<Vec<AccountStatsRow>> {
        let keys: Vec<RowKey> = members.iter().map(|member| keys::account_stats(member.id)).collect();
        let rows = self.node.ports.views.get(Version::Live, &keys).await?;
        rows.into_iter().map(|row| row.map_or(Ok(AccountStatsRow::default()), |bytes| Ok(codec::decode(&bytes)?))).collect()
    }

    /// Gives every account the number of followers that it has in W1, by which timelines choose between push and pull.
    async fn count_followers(&self, w1: &W1) -> Result<()> {
        let mut account = 0;
        for members in self.members.chunks(COMMIT_ROWS) {
            let mut writes = Vec::new();
            for (member, row) in members.iter().zip(self.stats(members).await?) {
                let followers = w1.followers(account).len() as u64;
                put(&mut writes, keys::account_stats(member.id), &AccountStatsRow { followers, ..row });
                account += 1;
            }
            commit(&*self.node.ports.views, &mut writes).await?;
        }
        Ok(())
    }

    /// Writes whom the readers follow.
    async fn follow(&self) -> Result<()> {
        let mut writes = Vec::new();
        for reader in &self.readers {
            let account = self.id(reader.account);
            for target in &reader.followees {
                let (relation, target) = (RelationId(u64::from(reader.account) << 32 | u64::from(*target)), self.id(*target));
                follow(&mut writes, relation, account, target);
            }
            if writes.len() >= COMMIT_ROWS {
                commit(&*self.node.ports.views, &mut writes).await?;
            }
        }
        commit(&*self.node.ports.views, &mut writes).await
    }
}

/// Opens accounts, a bounded number at any time.
async fn open(accounts: &Arc<Accounts>, count: u32) -> Result<Vec<Member>> {
    let mut opening = tokio::task::JoinSet::new();
    for first in 0..OPENING {
        let accounts = accounts.clone();
        opening.spawn(async move {
            let mut opened = Vec::new();
            for number in (first..count as usize).step_by(OPENING) {
                let scopes = OPERATOR_SCOPES.map(str::to_owned).to_vec();
                let new = NewAccount { username: format!("person_{number}"), confirmed: true, scopes, ..NewAccount::default() };
                let created = accounts.create(new).await?;
                opened.push((number, Member { id: created.id, token: created.token }));
            }
            anyhow::Ok(opened)
        });
    }
    let mut all = Vec::new();
    while let Some(opened) = opening.join_next().await {
        all.extend(opened.context("opening accounts panicked")??);
    }
    all.sort_unstable_by_key(|(number, _)| *number);
    ensure!(all.len() == count as usize, "{} of {count} accounts were opened", all.len());
    Ok(all.into_iter().map(|(_, member)| member).collect())
}
