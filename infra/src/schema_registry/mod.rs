//! The schemas port: which schema ids records carry outside the process (docs/decisions/0013-schema-registry.md).
//!
//! Embedded, that is what is compiled in. With a registry, [`RegisteredLog`] exchanges ids at the log's edge, and an id that is met for the
//! first time is fetched. Ids never change their meaning, so what was learned is kept for good; failures that may pass are not.

#[cfg(feature = "registry")]
mod calls;
#[cfg(feature = "registry")]
mod deploy;
mod log;
#[cfg(feature = "registry")]
mod registry;
#[cfg(feature = "registry")]
mod url;

use std::sync::Arc;

use async_trait::async_trait;
use schemas::log::{IdClash, SchemaIds, SchemaVersion};

#[cfg(feature = "registry")]
pub use self::deploy::{Checked, State, check, register};
pub use self::log::RegisteredLog;
#[cfg(feature = "registry")]
pub use self::registry::RegistrySchemas;
#[cfg(feature = "registry")]
pub use self::url::RegistryUrl;

/// The subject of the log's values.
pub const SUBJECT: &str = "roost.log-value";

/// Why ids could not be found or given.
#[derive(Debug, thiserror::Error)]
pub enum SchemasError {
    /// The same call may succeed later.
    #[error("schema registry is not available: {0}")]
    Retryable(String),
    /// A schema that this build does not have, or none at all.
    #[error("schema id {0} names no schema that this build knows: a newer Roost may have written it")]
    Unknown(u32),
    /// The newest version has no id yet.
    #[error("version {version} of the record schema is not registered under {subject}: run `roost schemas register`", version = .version.number())]
    NotRegistered {
        /// The version.
        version: SchemaVersion,
        /// The subject looked at.
        subject: String,
    },
    /// The registry's rule for the subject does not allow a version.
    #[error("version {version} of the record schema is not compatible with what is registered under {subject}", version = .version.number())]
    Incompatible {
        /// The version.
        version: SchemaVersion,
        /// The subject.
        subject: String,
    },
    /// An id that already means another version.
    #[error(transparent)]
    Clash(#[from] IdClash),
    /// The registry refuses, or answers what is not understood.
    #[error("schema registry failed: {0}")]
    Fatal(String),
}

/// Which schema ids records carry.
#[async_trait]
pub trait Schemas: Send + Sync + 'static {
    /// The ids known now.
    fn ids(&self) -> Arc<SchemaIds>;

    /// Finds what an id names that is not among them, and keeps it. [`SchemasError::Unknown`] where this build does not have the schema.
    async fn learn(&self, id: u32) -> Result<SchemaVersion, SchemasError>;
}

/// The compiled-in ids, and no others.
#[derive(Debug, Default)]
pub struct CompiledIn {
    ids: Arc<SchemaIds>,
}

#[async_trait]
impl Schemas for CompiledIn {
    fn ids(&self) -> Arc<SchemaIds> {
        self.ids.clone()
    }

    async fn learn(&self, id: u32) -> Result<SchemaVersion, SchemasError> {
        self.ids.version(id).ok_or(SchemasError::Unknown(id))
    }
}
