//! A build without the clients of servers: every URL of one is refused, with what to do about it.

use std::convert::Infallible;
use std::sync::Arc;

use super::{ConnectError, Migrated, Shared};
use crate::blobs::Blobs;
use crate::clock::Clock;
use crate::config::{Config, Policy};
use crate::log::EventLog;
use crate::search::SearchIndex;
use crate::timelines::{TimelineSource, Timelines};
use crate::views::ViewStore;

fn not_built(key: &'static str) -> ConnectError {
    ConnectError::Server { key, problem: "this build reaches no servers: build it with `--features cluster`".to_owned() }
}

/// Never made.
pub(super) struct Cql(Infallible);

impl Cql {
    pub(super) async fn connect(key: &'static str, _: &str) -> Result<Self, ConnectError> {
        Err(not_built(key))
    }

    pub(super) async fn views(&self) -> Result<Arc<dyn ViewStore>, ConnectError> {
        match self.0 {}
    }

    pub(super) async fn timelines(&self, _: Arc<dyn TimelineSource>, _: Clock, _: Policy) -> Result<Arc<dyn Timelines>, ConnectError> {
        match self.0 {}
    }

    pub(super) async fn blobs(&self) -> Result<Arc<dyn Blobs>, ConnectError> {
        match self.0 {}
    }
}

pub(super) async fn log(_: &str, _: &str) -> Result<(Arc<dyn EventLog>, Shared), ConnectError> {
    Err(not_built("log"))
}

pub(super) fn search(_: &str) -> Result<Arc<dyn SearchIndex>, ConnectError> {
    Err(not_built("search"))
}

/// Prepares the servers that the configuration names; this build reaches none.
pub async fn migrate(_: &Config) -> Result<Vec<Migrated>, ConnectError> {
    Err(not_built("log"))
}
