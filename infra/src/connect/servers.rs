//! The adapters of a cluster's servers, by their URLs.

use std::fmt::Display;
use std::sync::Arc;

use super::{ConnectError, FIRST_GENERATION, Migrated, Shared};
use crate::blobs::Blobs;
use crate::blobs::cql::CqlBlobs;
use crate::clock::Clock;
use crate::config::{BackingUrl, Config, Policy};
use crate::cql::{self, CqlClient, CqlUrl};
use crate::log::kafka::{KafkaGroups, KafkaLog, KafkaOptions, KafkaUrl};
use crate::log::{EventLog, LogLayout};
use crate::notices::kafka::KafkaNotices;
use crate::schema_registry::{RegisteredLog, RegistrySchemas, RegistryUrl, SUBJECT};
use crate::search::SearchIndex;
use crate::search::elastic::{ElasticOptions, ElasticSearch, ElasticUrl};
use crate::timelines::cql::{CqlTimelineOptions, CqlTimelines};
use crate::timelines::{TimelineSource, Timelines};
use crate::views::ViewStore;
use crate::views::cql::CqlViews;

fn failed(key: &'static str, problem: impl Display) -> ConnectError {
    ConnectError::Server { key, problem: problem.to_string() }
}

/// A CQL store, which holds views, home timelines and blobs.
pub(super) struct Cql {
    key: &'static str,
    client: Arc<CqlClient>,
}

impl Cql {
    pub(super) async fn connect(key: &'static str, url: &str) -> Result<Self, ConnectError> {
        let url: CqlUrl = url.parse().map_err(|error| failed(key, error))?;
        let client = CqlClient::connect(&url).await.map_err(|error| failed(key, error))?;
        Ok(Self { key, client: Arc::new(client) })
    }

    pub(super) async fn views(&self) -> Result<Arc<dyn ViewStore>, ConnectError> {
        Ok(Arc::new(CqlViews::open(self.client.clone()).await?))
    }

    pub(super) async fn timelines(
        &self,
        source: Arc<dyn TimelineSource>,
        clock: Clock,
        policy: Policy,
    ) -> Result<Arc<dyn Timelines>, ConnectError> {
        Ok(Arc::new(CqlTimelines::open(self.client.clone(), source, clock, CqlTimelineOptions::of(policy)).await?))
    }

    pub(super) async fn blobs(&self) -> Result<Arc<dyn Blobs>, ConnectError> {
        Ok(Arc::new(CqlBlobs::open(self.client.clone()).await.map_err(|error| failed(self.key, error))?))
    }
}

pub(super) async fn log(url: &str, registry: &str) -> Result<(Arc<dyn EventLog>, Shared), ConnectError> {
    let url: KafkaUrl = url.parse().map_err(|error| failed("log", error))?;
    let found = KafkaLog::layout_of(&url).await?;
    let layout = found.ok_or_else(|| failed("log", format!("there is no log under {url}: run `roost migrate`")))?;
    let log: Arc<dyn EventLog> = KafkaLog::open(KafkaOptions { create: false, ..KafkaOptions::new(url.clone(), layout) }).await?;
    let log = match registry {
        "" => log,
        registry => {
            let registry: RegistryUrl = registry.parse().map_err(|error: String| failed("registry", error))?;
            let schemas = RegistrySchemas::connect(&registry, SUBJECT).await.map_err(|error| failed("registry", error))?;
            RegisteredLog::new(log, schemas)
        }
    };
    let notices = KafkaNotices::open(&url, false).await.map_err(|error| failed("log", error))?;
    let groups = KafkaGroups::new(url, layout.generation);
    Ok((log, Shared { groups: Arc::new(groups), notices: Arc::new(notices) }))
}

pub(super) fn search(url: &str) -> Result<Arc<dyn SearchIndex>, ConnectError> {
    let url: ElasticUrl = url.parse().map_err(|error: String| failed("search", error))?;
    Ok(Arc::new(ElasticSearch::new(url, ElasticOptions::default())?))
}

/// Prepares the servers that the configuration names: topics, keyspaces and tables. What is there already stays as it is; an index is made
/// by the first process that uses it.
pub async fn migrate(config: &Config) -> Result<Vec<Migrated>, ConnectError> {
    let mut all = Vec::new();
    if let BackingUrl::Server(url) = &config.log {
        all.push(migrate_log(url, config.partitions).await?);
    }
    if let BackingUrl::Server(url) = &config.views {
        all.push(migrate_cql("views", url).await?);
    }
    match &config.blobs {
        BackingUrl::Server(url) if config.blobs != config.views => all.push(migrate_cql("blobs", url).await?),
        _ => {}
    }
    Ok(all)
}

async fn migrate_log(url: &str, partitions: u16) -> Result<Migrated, ConnectError> {
    let url: KafkaUrl = url.parse().map_err(|error| failed("log", error))?;
    let found = KafkaLog::layout_of(&url).await?;
    let layout = found.unwrap_or(LogLayout { generation: FIRST_GENERATION, partitions });
    let log = KafkaLog::open(KafkaOptions::new(url.clone(), layout)).await?;
    log.close().await?;
    KafkaNotices::open(&url, true).await.map_err(|error| failed("log", error))?;
    let made = found.is_none().then(|| format!("generation {}, {} partitions", layout.generation, layout.partitions));
    Ok(Migrated { key: "log", place: url.to_string(), made: made.into_iter().collect() })
}

async fn migrate_cql(key: &'static str, url: &str) -> Result<Migrated, ConnectError> {
    let url: CqlUrl = url.parse().map_err(|error| failed(key, error))?;
    let client = CqlClient::connect(&url).await.map_err(|error| failed(key, error))?;
    let done = cql::migrate(&client, &url.replication()).await.map_err(|error| failed(key, error))?;
    Ok(Migrated { key, place: url.to_string(), made: done.applied })
}
