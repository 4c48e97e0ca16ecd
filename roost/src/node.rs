//! A node: the ports of a deployment, the roles that run over them in this process, and the API that they serve together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use commands::accounts::Accounts;
use commands::domain::limits::Limits;
use commands::forward::Forwarder;
use commands::handle::{WriteOptions, WriteSide};
use commands::http::Writes;
use infra::bus::CommandBus;
use infra::clock::Clock;
use infra::config::{Config, Role, SignUps};
use infra::connect::{Ports, Stores};
use infra::http::{Edge, Settings};
use infra::keys::InstanceKeys;
use infra::membership::Membership;
use infra::peers::Peers;
use projectors::{MailDesk, ProjectError, ProjectorOptions, ProjectorPorts, Projectors};
use queries::QuerySide;
use schemas::Position;

use crate::ties::Ties;

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
    /// The write loops, where the node has the role.
    pub write_side: Option<Arc<WriteSide>>,
    /// The resources that write; nothing on a node that only projects.
    pub writing: Option<Writing>,
    /// The projections, where the node has the role.
    pub projectors: Option<Projectors>,
    /// The read side; writes ask it too.
    pub queries: Arc<QuerySide>,
    /// What ties it to the other processes, if there are any.
    pub ties: Option<Ties>,
}

/// What the resources that write share.
pub struct Writing {
    /// Where commands go.
    pub bus: Arc<dyn CommandBus>,
    /// Opens accounts.
    pub accounts: Arc<Accounts>,
    /// The state of the resources.
    pub writes: Arc<Writes>,
}

/// What a server adds to a node.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Where other processes reach it: host and port of its operators' port.
    pub peer_address: String,
}

impl Node {
    /// Opens the ports and starts the roles. `public_url` is where clients reach the node; `clock` is the machine's but for the demo.
    /// Mail waits for a server: a tool on a data folder knows neither its address nor its mail server for sure.
    pub async fn start(config: Config, public_url: &str, clock: Clock) -> anyhow::Result<Self> {
        let (ports, stores) = infra::connect::open(&config, clock.clone()).await?;
        Self::over(config, ports, stores, public_url, clock, None).await
    }

    /// Starts the roles over ports that are open. For a server, mail goes out, too, and other processes find it.
    pub async fn over(
        config: Config,
        ports: Ports,
        stores: Stores,
        public_url: &str,
        clock: Clock,
        serving: Option<Serving>,
    ) -> anyhow::Result<Self> {
        let ties = match &ports.shared {
            Some(shared) => Some(Ties::tie(shared, &config, &ports).await?),
            None => None,
        };
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
        let elsewhere = ties.as_ref().map(|_| {
            let peers = Peers::new(edge.keys.clone());
            Arc::new(Forwarder::new(ports.views.clone(), peers, ports.log.layout().partitions, clock.clone())) as Arc<dyn CommandBus>
        });
        let write_side = match config.roles.has(Role::Commands) {
            true => {
                let address = serving.as_ref().map_or_else(|| config.ops_listen.to_string(), |serving| serving.peer_address.clone());
                Some(start_write_side(&config, &ports, ties.as_ref(), elsewhere.clone(), address, clock.clone()).await?)
            }
            false => None,
        };
        let bus = write_side.clone().map(|side| side as Arc<dyn CommandBus>).or(elsewhere);
        let answers = config.roles.has(Role::Commands) || config.roles.has(Role::Queries);
        let writing = bus.clone().filter(|_| answers).map(|bus| Writing::new(bus, &ports, &stores, &edge, &queries, clock.clone()));
        let desk = serving.is_some().then(|| MailDesk {
            mail: stores.mail.clone(),
            keys: edge.keys.clone(),
            title: config.title.clone(),
            public_url: public_url.trim_end_matches('/').to_owned(),
        });
        let projectors = match config.roles.has(Role::Projectors) {
            true => Some(start_projectors(&ports, &stores, ties.as_ref(), bus, desk, clock)),
            false => None,
        };
        Ok(Self { config, ports, stores, edge, write_side, writing, projectors, queries, ties })
    }

    /// The API of the node's roles, behind their gates; [`infra::http::finish`] goes around it.
    pub fn api(&self) -> Router {
        let writes = self.writing.as_ref().map(|writing| commands::http::routes(writing.writes.clone()));
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

    /// Stops in the order in which nothing is lost: no more commands, views complete, partitions given back, stores and log closed.
    pub async fn shutdown(&self) -> anyhow::Result<()> {
        if let Some(side) = &self.write_side {
            side.shutdown().await;
        }
        if let Some(projectors) = &self.projectors {
            projectors.shutdown().await.context("while stopping the projections")?;
        }
        if let Some(ties) = &self.ties {
            ties.leave().await;
        }
        self.stores.search.flush().await.context("while closing the search index")?;
        self.ports.views.flush().await.context("while closing the view store")?;
        self.ports.log.close().await.context("while closing the log")
    }
}

impl Writing {
    fn new(bus: Arc<dyn CommandBus>, ports: &Ports, stores: &Stores, edge: &Arc<Edge>, queries: &Arc<QuerySide>, clock: Clock) -> Self {
        let accounts = Arc::new(Accounts::new(bus.clone(), ports.views.clone(), edge.keys.clone(), clock));
        let writes = Writes {
            bus: bus.clone(),
            reads: queries.clone(),
            blobs: stores.blobs.clone(),
            edge: edge.clone(),
            accounts: accounts.clone(),
        };
        Self { bus, accounts, writes: Arc::new(writes) }
    }
}

async fn start_write_side(
    config: &Config,
    ports: &Ports,
    ties: Option<&Ties>,
    elsewhere: Option<Arc<dyn CommandBus>>,
    address: String,
    clock: Clock,
) -> anyhow::Result<Arc<WriteSide>> {
    let options = WriteOptions {
        address,
        limits: Limits { follows_max: config.follow_cap, ..Limits::default() },
        queue_commands: config.queue_commands,
        ..WriteOptions::default()
    };
    let (log, views) = (ports.log.clone(), ports.views.clone());
    Ok(match ties.and_then(Ties::owners) {
        Some(membership) => WriteSide::start_among(log, views, clock, options, membership, elsewhere).await?,
        None => WriteSide::start(log, views, clock, options).await?,
    })
}

fn start_projectors(
    ports: &Ports,
    stores: &Stores,
    ties: Option<&Ties>,
    bus: Option<Arc<dyn CommandBus>>,
    desk: Option<MailDesk>,
    clock: Clock,
) -> Projectors {
    let membership = ties.and_then(Ties::projectors).unwrap_or_else(|| Membership::alone(ports.partitions()));
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
    Projectors::start_among(ports, ProjectorOptions::default(), membership)
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
