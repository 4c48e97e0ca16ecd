//! The versions of views as the store has them: read from time to time by readers, at once by writers, changed by one operator at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use schemas::rows::View;
use scylla::statement::prepared::PreparedStatement;
use tokio::sync::OnceCell;

use super::placed::{Moves, Placed};
use crate::cql::{CqlClient, CqlFailure, prepared_once};
use crate::views::registry::{Registry, VersionFault};
use crate::views::{Version, ViewError};

/// How old the versions may be that a read goes by.
const AGE_MAX: Duration = Duration::from_secs(1);

/// The versions of all views at some time.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(BTreeMap<View, Placed>);

impl Seen {
    pub(super) fn of(&self, view: View) -> Placed {
        self.0.get(&view).copied().unwrap_or_default()
    }

    /// The number that a call means, and its table.
    pub(super) fn resolve(&self, view: View, version: Version) -> Result<(u32, usize), ViewError> {
        self.of(view).resolve(version).map_err(|fault| fault.of(view))
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct VersionsOfViews {
    seen: RwLock<Option<(Instant, Arc<Seen>)>>,
    /// Held by whoever reads or changes them in the store: what is seen never goes back.
    alone: tokio::sync::Mutex<()>,
    select: OnceCell<PreparedStatement>,
    write: OnceCell<PreparedStatement>,
}

impl VersionsOfViews {
    /// For a read: at most a second old.
    pub(super) async fn recent(&self, client: &CqlClient) -> Result<Arc<Seen>, CqlFailure> {
        let fresh =
            |seen: &Option<(Instant, Arc<Seen>)>| seen.as_ref().filter(|(at, _)| at.elapsed() < AGE_MAX).map(|(_, seen)| seen.clone());
        if let Some(seen) = fresh(&self.seen.read()) {
            return Ok(seen);
        }
        let _alone = self.alone.lock().await;
        if let Some(seen) = fresh(&self.seen.read()) {
            return Ok(seen);
        }
        self.load(client).await
    }

    /// For a write: as the store has them.
    pub(super) async fn present(&self, client: &CqlClient) -> Result<Arc<Seen>, CqlFailure> {
        let _alone = self.alone.lock().await;
        self.load(client).await
    }

    /// For a call that means a version which [`Self::recent`] may not know yet, or know still.
    pub(super) async fn resolve(&self, client: &CqlClient, view: View, version: Version) -> Result<(u32, usize), ViewError> {
        match (self.recent(client).await?.resolve(view, version), version) {
            (Err(ViewError::NoVersion(..)), Version::Number(_)) => self.present(client).await?.resolve(view, version),
            (outcome, _) => outcome,
        }
    }

    /// Changes a view's versions; answers with what is left to do. Readers of this process go by the change when this returns.
    pub(super) async fn change<T>(
        &self,
        client: &CqlClient,
        view: View,
        change: impl FnOnce(Registry) -> Result<(Registry, T), VersionFault>,
    ) -> Result<(T, Moves), ViewError> {
        let _alone = self.alone.lock().await;
        let before = self.load(client).await?.of(view);
        let (registry, answer) = change(before.registry).map_err(|fault| fault.of(view))?;
        let (after, moves) = before.changed(registry);
        let write = prepared_once(&self.write, client, || {
            "INSERT INTO KS.registries (one, view_id, state) VALUES (0, ?, ?) USING TIMESTAMP ?".to_owned()
        })
        .await?;
        // Revisions are far below what servers refuse as timestamps.
        client.run(write, (view as i8, after.encode(), after.revision as i64)).await?;
        match self.load(client).await?.of(view) == after {
            true => Ok((answer, moves)),
            false => Err(ViewError::Retryable(format!(
                "another process changed the versions of view {} meanwhile: one operator at a time",
                view.name()
            ))),
        }
    }

    async fn load(&self, client: &CqlClient) -> Result<Arc<Seen>, CqlFailure> {
        let select = prepared_once(&self.select, client, || "SELECT view_id, state FROM KS.registries WHERE one = 0".to_owned()).await?;
        let at = Instant::now();
        let mut seen = Seen::default();
        for (tag, state) in client.rows::<(i8, Vec<u8>)>(select, ()).await? {
            // A view that this build does not know is no concern of it.
            let Some(view) = View::ALL.into_iter().find(|view| *view as i8 == tag) else { continue };
            let placed = Placed::decode(&state).ok_or_else(|| CqlFailure::damaged(&format!("the registry of view {}", view.name())))?;
            seen.0.insert(view, placed);
        }
        let seen = Arc::new(seen);
        *self.seen.write() = Some((at, seen.clone()));
        Ok(seen)
    }
}
