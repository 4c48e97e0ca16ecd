//! A node: the ports of a deployment, the roles that run over them in this process, and the API that they serve together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use commands::accounts::Accounts;
use commands::domain::limits::Limits;
use commands::handle::{WriteOptions, WriteSide};
use commands::http::Writes;
use infra::bus::CommandBus;
use infra::clock::Clock;
use infra::config::{Config, Role, SignUps};
use infra::connect::{Ports, Stores};
use infra::http::{Edge, Settings};
use infra::keys::InstanceKeys;
use projectors::{MailDesk, ProjectError, ProjectorOptions, ProjectorPorts, Projectors};
use queries::QuerySide;
use schemas::Position;

/// How long a tool waits for the views before it leaves.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(60);

/// What runs.
pub struct Node {
    /// The configuration that it was started with.
    pub config: Config,
    /// Log, views, progress.
    pub ports: Ports,
    /// Timelines, search, blobs.
    pub stores: Stores,
    /// The HTTP edge.
    pub edge: Arc<Edge>,
    /// The write side and its resources, where the node has the role.
    pub commands: Option<CommandRole>,
    /// The projections, where the node has the role.
    pub projectors: Option<Projectors>,
    /// The read side; writes ask it too.
    pub queries: Arc<QuerySide>,
}

/// The write side with what its resources share.
pub struct CommandRole {
    /// The write loops.
    pub side: Arc<WriteSide>,
    /// Opens accounts.
    pub accounts: Arc<Accounts>,
    /// The state of the resources.
    pub writes: Arc<Writes>,
}

impl Node {
    /// Opens the ports and starts the roles. `public_url` is where clients reach the node; `clock` is the machine's but for the demo.
    /// Mail waits for a server: a tool on a data folder knows neither its address nor its mail server for sure.
    pub async fn start(config: Config, public_url: &str, clock: Clock) -> anyhow::Result<Self> {
        Self::open(config, public_url, clock, false).await
    }

    /// The same for a server: mail goes out, too.
    pub async fn start_serving(config: Config, public_url: &str, clock: Clock) -> anyhow::Result<Self> {
        Self::open(config, public_url, clock, true).await
    }

    async fn open(config: Config, public_url: &str, clock: Clock, sends_mail: bool) -> anyhow::Result<Self> {
        let ports = Ports::open(&config)?;
        let stores = Stores::open(&config, &ports, clock.clone())?;
        let keys = InstanceKeys::new(ports.secret);
        let edge = Edge::new(ports.views.clone(), ports.stamps.clone(), ports.progress.clone(), keys, Settings::of(&config)?);
        let edge = Arc::new(edge);
        let queries = QuerySide::new(
            ports.views.clone(),
            ports.stamps.clone(),
            stores.timelines.clone(),
            stores.search.clone(),
            ports.progress.clone(),
            query_settings(&config, public_url, ports.log.layout().partitions),
            clock.clone(),
        );
        let commands = match config.roles.has(Role::Commands) {
            true => Some(CommandRole::start(&config, &ports, &stores, &edge, &queries, clock.clone()).await?),
            false => None,
        };
        let bus = commands.as_ref().map(|role| role.side.clone() as Arc<dyn CommandBus>);
        let desk = sends_mail.then(|| MailDesk {
            mail: stores.mail.clone(),
            keys: edge.keys.clone(),
            title: config.title.clone(),
            public_url: public_url.trim_end_matches('/').to_owned(),
        });
        let projectors = config.roles.has(Role::Projectors).then(|| start_projectors(&ports, &stores, bus, desk, clock));
        Ok(Self { config, ports, stores, edge, commands, projectors, queries })
    }

    /// The API of the node's roles, behind their gates; [`infra::http::finish`] goes around it.
    pub fn api(&self) -> Router {
        let writes = self.commands.as_ref().map(|role| commands::http::routes(role.writes.clone()));
        let reads = self.config.roles.has(Role::Queries).then(|| queries::http::routes(self.queries.clone(), self.edge.clone()));
        writes.into_iter().chain(reads).fold(Router::new(), Router::merge)
    }

    /// Waits, for a minute at most, until the views hold all that is in the log now.
    pub async fn settle(&self) {
        let generation = self.ports.log.layout().generation;
        for partition in self.ports.partitions() {
            let Ok(bounds) = self.ports.log.bounds(partition).await else { continue };
            let Some(offset) = bounds.end.checked_sub(1) else { continue };
            self.ports.progress.wait(&[Position { generation, partition, offset }], SETTLE_TIME_MAX).await;
        }
    }

    /// Waits for a projection to fail; for ever while all is well.
    pub async fn failed(&self) -> Arc<ProjectError> {
        match &self.projectors {
            Some(projectors) => projectors.failed().await,
            None => std::future::pending().await,
        }
    }

    /// Stops in the order in which nothing is lost: no more commands, views complete, stores and log closed.
    pub async fn shutdown(&self) -> anyhow::Result<()> {
        if let Some(commands) = &self.commands {
            commands.side.shutdown().await;
        }
        if let Some(projectors) = &self.projectors {
            projectors.shutdown().await.context("while stopping the projections")?;
        }
        self.stores.search.flush().await.context("while closing the search index")?;
        self.ports.views.flush().await.context("while closing the view store")?;
        self.ports.log.close().await.context("while closing the log")
    }
}

impl CommandRole {
    async fn start(
        config: &Config,
        ports: &Ports,
        stores: &Stores,
        edge: &Arc<Edge>,
        queries: &Arc<QuerySide>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let options = WriteOptions {
            address: config.listen.to_string(),
            limits: Limits { follows_max: config.follow_cap, ..Limits::default() },
            queue_commands: config.queue_commands,
            ..WriteOptions::default()
        };
        let side = WriteSide::start(ports.log.clone(), ports.views.clone(), clock.clone(), options).await?;
        let accounts = Arc::new(Accounts::new(side.clone(), ports.views.clone(), edge.keys.clone(), clock));
        let writes = Writes {
            bus: side.clone(),
            reads: queries.clone(),
            blobs: stores.blobs.clone(),
            edge: edge.clone(),
            accounts: accounts.clone(),
        };
        Ok(Self { side, accounts, writes: Arc::new(writes) })
    }
}

fn start_projectors(ports: &Ports, stores: &Stores, bus: Option<Arc<dyn CommandBus>>, desk: Option<MailDesk>, clock: Clock) -> Projectors {
    let ports = ProjectorPorts {
        log: ports.log.clone(),
        views: ports.views.clone(),
        timelines: stores.timelines.clone(),
        search: Some(stores.search.clone()),
        bus,
        mail: desk,
        progress: ports.progress.clone(),
        clock,
    };
    Projectors::start(ports, ProjectorOptions::default())
}

fn query_settings(config: &Config, public_url: &str, partitions: u16) -> queries::Settings {
    queries::Settings {
        title: config.title.clone(),
        description: config.description.clone(),
        contact_email: config.contact_email.clone(),
        registrations: config.sign_ups == SignUps::Open,
        ..queries::Settings::at(public_url, partitions)
    }
}
