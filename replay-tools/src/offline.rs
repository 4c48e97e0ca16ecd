//! A data folder opened by a tool: the same ports as the server's, which must not run meanwhile.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use infra::clock::system_clock;
use infra::config::Layered;
use infra::connect::layout;
use infra::log::EventLog;
use infra::search::SearchIndex;
use infra::views::ViewStore;
use projectors::RebuildPorts;

/// The ports of a data folder.
pub struct Deployment {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The view store.
    pub views: Arc<dyn ViewStore>,
    /// The search index.
    pub search: Arc<dyn SearchIndex>,
}

impl Deployment {
    /// Opens a data folder that a server made. Refuses one without a log, and one that a server has open.
    pub async fn open(data: &Path) -> anyhow::Result<Self> {
        if !data.join(layout::LOG).is_dir() {
            bail!("{} holds no log: name the data folder of a server with --data", data.display());
        }
        let mut layered = Layered::default();
        layered.environment(std::env::vars())?;
        layered.set("data", &data.display().to_string(), "--data")?;
        let config = layered.finish()?;
        let hint = "cannot open the data folder; if a server has it open, use --ops with its operators' port";
        let (ports, stores) = infra::connect::open(&config, system_clock()).await.context(hint)?;
        Ok(Self { log: ports.log, views: ports.views, search: stores.search })
    }

    /// The ports as rebuilds take them.
    pub fn rebuild_ports(&self) -> RebuildPorts {
        RebuildPorts { log: self.log.clone(), views: self.views.clone(), search: Some(self.search.clone()), timelines: None }
    }

    /// Makes everything safe to leave.
    pub async fn close(self) -> anyhow::Result<()> {
        self.search.flush().await.context("while closing the search index")?;
        self.views.flush().await.context("while closing the view store")?;
        self.log.close().await.context("while closing the log")
    }
}
