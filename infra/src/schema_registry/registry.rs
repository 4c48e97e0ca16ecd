//! Schema ids from a registry that speaks Confluent's interface (Confluent, Apicurio's `/apis/ccompat/v7`, Karapace, Redpanda).
//!
//! Only the calls of `schema_registry_converter` are used: its encoders keep failures in their cache.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use schema_registry_converter::async_impl::schema_registry::{SrSettings, get_schema_by_id};
use schema_registry_converter::schema_registry_common::SchemaType;
use schemas::log::{SchemaIds, SchemaVersion};

use super::calls::{learned, registered, tried};
use super::{RegistryUrl, Schemas, SchemasError};

/// Ids of schemas that this build does not have, remembered so that each is fetched once.
const FOREIGN_MAX: usize = 1_024;

/// The ids that a registry gave, kept in this process.
pub struct RegistrySchemas {
    settings: SrSettings,
    ids: RwLock<Arc<SchemaIds>>,
    foreign: Mutex<BTreeSet<u32>>,
    /// One fetch at a time: whoever waits finds what the one before learned.
    fetching: tokio::sync::Mutex<()>,
}

impl RegistrySchemas {
    /// Looks up the ids of all versions under a subject. [`SchemasError::NotRegistered`] where the newest one has none.
    pub async fn connect(url: &RegistryUrl, subject: &str) -> Result<Arc<Self>, SchemasError> {
        let settings = url.settings()?;
        let ids = learned(&registered(&settings, subject).await?)?;
        if ids.registered(SchemaVersion::NEWEST).is_none() {
            return Err(SchemasError::NotRegistered { version: SchemaVersion::NEWEST, subject: subject.to_owned() });
        }
        let (ids, foreign, fetching) = (RwLock::new(Arc::new(ids)), Mutex::default(), tokio::sync::Mutex::default());
        Ok(Arc::new(Self { settings, ids, foreign, fetching }))
    }
}

#[async_trait]
impl Schemas for RegistrySchemas {
    fn ids(&self) -> Arc<SchemaIds> {
        self.ids.read().clone()
    }

    async fn learn(&self, id: u32) -> Result<SchemaVersion, SchemasError> {
        let _fetching = self.fetching.lock().await;
        if let Some(version) = self.ids().version(id) {
            return Ok(version);
        }
        if self.foreign.lock().contains(&id) {
            return Err(SchemasError::Unknown(id));
        }
        let Some(schema) = tried(|| Box::pin(get_schema_by_id(id, &self.settings))).await? else {
            return Err(SchemasError::Unknown(id));
        };
        let known = SchemaVersion::of_text(&schema.schema).filter(|_| schema.schema_type == SchemaType::Avro);
        let Some(version) = known else {
            let mut foreign = self.foreign.lock();
            if foreign.len() < FOREIGN_MAX {
                foreign.insert(id);
            }
            return Err(SchemasError::Unknown(id));
        };
        let ids = self.ids().with(id, version)?;
        *self.ids.write() = Arc::new(ids);
        tracing::info!(id, version = version.number(), "learned a schema id from the registry");
        Ok(version)
    }
}
