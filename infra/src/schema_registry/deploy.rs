//! Before servers start: whether the registry takes the versions of the contract, and registering them.

use schema_registry_converter::async_impl::schema_registry::{SrSettings, is_compatible_schema, post_schema};
use schema_registry_converter::schema_registry_common::{SchemaType, SuppliedSchema};
use schemas::log::SchemaVersion;
use serde::Serialize;

use super::calls::{learned, registered, tried};
use super::{RegistryUrl, SchemasError};

/// How a version stands in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has an id.
    Registered,
    /// It has none, and would be given one.
    Compatible,
    /// The registry's rule for the subject does not allow it.
    Incompatible,
}

/// What a check finds of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The version's number.
    pub version: u32,
    /// The subject.
    pub subject: String,
    /// How it stands.
    pub state: State,
    /// Its id, where it is registered.
    pub id: Option<u32>,
}

/// Says of each version, the oldest first, whether it is registered or may be.
pub async fn check(url: &RegistryUrl, subject: &str) -> Result<Vec<Checked>, SchemasError> {
    let settings = url.settings()?;
    let ids = learned(&registered(&settings, subject).await?)?;
    let mut checked = Vec::new();
    for version in SchemaVersion::ALL {
        let id = ids.registered(version);
        let state = match id {
            Some(_) => State::Registered,
            None if is_allowed(&settings, subject, version).await? => State::Compatible,
            None => State::Incompatible,
        };
        checked.push(Checked { version: version.number(), subject: subject.to_owned(), state, id });
    }
    Ok(checked)
}

fn supplied(version: SchemaVersion) -> SuppliedSchema {
    SuppliedSchema::new(None, SchemaType::Avro, version.text().to_owned())
}

async fn is_allowed(settings: &SrSettings, subject: &str, version: SchemaVersion) -> Result<bool, SchemasError> {
    let allowed = tried(|| Box::pin(is_compatible_schema(settings, subject.to_owned(), supplied(version)))).await?;
    // A subject without versions has no rule to break.
    Ok(allowed.unwrap_or(true))
}

/// Registers the versions that are missing, the oldest first; a version that is not allowed stops it. Doing it again changes nothing.
pub async fn register(url: &RegistryUrl, subject: &str) -> Result<Vec<Checked>, SchemasError> {
    let settings = url.settings()?;
    let mut ids = learned(&registered(&settings, subject).await?)?;
    let mut checked = Vec::new();
    for version in SchemaVersion::ALL {
        if ids.registered(version).is_none() {
            if !is_allowed(&settings, subject, version).await? {
                return Err(SchemasError::Incompatible { version, subject: subject.to_owned() });
            }
            let posted = tried(|| Box::pin(post_schema(&settings, subject.to_owned(), supplied(version)))).await?;
            let posted = posted.ok_or_else(|| SchemasError::Fatal(format!("it has no place for {subject}")))?;
            // What the registry will tell others, not what it said just now.
            ids = learned(&registered(&settings, subject).await?)?;
            if ids.registered(version).is_none() {
                return Err(SchemasError::Fatal(format!(
                    "it took version {} as id {}, but shows another schema there",
                    version.number(),
                    posted.id
                )));
            }
        }
        checked.push(Checked {
            version: version.number(),
            subject: subject.to_owned(),
            state: State::Registered,
            id: ids.registered(version),
        });
    }
    Ok(checked)
}
