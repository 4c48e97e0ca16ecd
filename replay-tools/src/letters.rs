//! Dead letters: records that views could not take, listed and released.

use anyhow::{Context, anyhow};
use projectors::{LetterInfo, Release, Released};
use schemas::PartitionId;
use schemas::log::Offset;
use schemas::rows::View;
use serde::{Deserialize, Serialize};

use crate::offline::Deployment;

/// What to release, as it goes over the operators' port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRequest {
    /// The view's name.
    pub view: String,
    /// The record's partition.
    pub partition: u16,
    /// The record's offset.
    pub offset: Offset,
    /// Whether the record is given up rather than tried again.
    pub discard: bool,
}

impl ReleaseRequest {
    /// The letter meant, and what becomes of it.
    pub fn parse(&self) -> anyhow::Result<((View, PartitionId, Offset), Release)> {
        let view = View::named(&self.view).ok_or_else(|| anyhow!("{} is no view", self.view))?;
        let how = if self.discard { Release::Discard } else { Release::Retry };
        Ok(((view, PartitionId(self.partition), self.offset), how))
    }
}

/// Lists every dead letter of a data folder that no server has open.
pub async fn list(deployment: &Deployment) -> anyhow::Result<Vec<LetterInfo>> {
    projectors::list_dead_letters(&*deployment.views).await.context("dead letters cannot be read")
}

/// Releases one in a data folder that no server has open.
pub async fn release(deployment: &Deployment, request: &ReleaseRequest) -> anyhow::Result<Released> {
    let (place, how) = request.parse()?;
    projectors::release(&*deployment.log, &*deployment.views, place, how).await.context("the release failed")
}
