//! What ties a process to the others of its deployment: the groups that it is in, and the feed of what is committed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use infra::config::{Config, Role};
use infra::connect::{Ports, Shared};
use infra::membership::Membership;
use infra::notices::{Follower, Publisher};
use schemas::PartitionId;

/// The group of those who write. Persisted in the cluster: never renamed.
const OWNERS: &str = "owners";
/// The group of those who project. Persisted in the cluster: never renamed.
const PROJECTORS: &str = "projectors";
/// How long a start waits for the feed of notices.
const FEED_TIME_MAX: Duration = Duration::from_secs(10);

/// See the module. Dropped, it leaves the groups.
pub struct Ties {
    owners: Option<Membership>,
    projectors: Option<Membership>,
    follower: Follower,
}

impl Ties {
    /// Follows the feed, tells it of what this process changes, and joins the groups of its roles.
    pub async fn tie(shared: &Shared, config: &Config, ports: &Ports) -> anyhow::Result<Self> {
        let follower = Follower::start(shared.notices.clone(), ports.views.clone(), ports.stamps.clone(), ports.progress.clone());
        if tokio::time::timeout(FEED_TIME_MAX, follower.wait_until_current()).await.is_err() {
            tracing::warn!(waited_s = FEED_TIME_MAX.as_secs(), "what other processes commit is not heard of yet: starting all the same");
        }
        let join = async |role: Role, group: &str| match config.roles.has(role) {
            true => shared.groups.join(group).await.map(Some).with_context(|| format!("cannot join the group of the {group}")),
            false => Ok(None),
        };
        // Whoever takes writes may know before any projector does that a row is no longer to be trusted.
        let publisher = Arc::new(Publisher::start(shared.notices.clone()));
        ports.stamps.tell(publisher.clone());
        if config.roles.has(Role::Projectors) {
            ports.progress.tell(publisher);
        }
        let (owners, projectors) = (join(Role::Commands, OWNERS).await?, join(Role::Projectors, PROJECTORS).await?);
        Ok(Self { owners, projectors, follower })
    }

    /// The partitions to write.
    pub fn owners(&self) -> Option<Membership> {
        self.owners.clone()
    }

    /// The partitions to project.
    pub fn projectors(&self) -> Option<Membership> {
        self.projectors.clone()
    }

    /// What keeps this process from its work, in words; `writes` says of a partition whether it is decided here.
    pub fn missing(&self, writes: impl Fn(PartitionId) -> bool) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.follower.is_current() {
            missing.push("what other processes commit is not heard of: the feed of notices is silent".to_owned());
        }
        let given = self.owners().map(|mut owners| owners.now()).unwrap_or_default();
        let closed = given.iter().copied().filter(|partition| !writes(*partition));
        missing.extend(closed.map(|partition| format!("partition {partition} was given to this process and is not open yet")));
        missing
    }

    /// Gives the partitions back, so that others take over at once.
    pub async fn leave(&self) {
        for membership in [&self.owners, &self.projectors].into_iter().flatten() {
            membership.leave().await;
        }
    }
}
