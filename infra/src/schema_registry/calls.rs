//! Calls to a registry: each with a time limit, tried again within bounds, told apart by whether the same call may succeed later.

use std::time::Duration;

use futures_util::future::BoxFuture;
use schema_registry_converter::async_impl::schema_registry::{SrSettings, get_all_versions, get_schema_by_subject_and_version};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{RawError, SchemaType};
use schemas::log::{SchemaIds, SchemaVersion};

use super::SchemasError;
use crate::backoff::Backoff;

/// Of one call.
pub(super) const CALL_TIME_MAX: Duration = Duration::from_secs(5);
const TRIES: Backoff = Backoff { tries: 6, first: Duration::from_millis(50), longest: Duration::from_secs(2) };

pub(super) fn shown(error: &SRCError) -> String {
    match &error.cause {
        Some(_) if status(error) == Some(404) => format!("{}: check the path of its URL", error.error),
        Some(cause) => format!("{} ({cause})", error.error),
        None => error.error.clone(),
    }
}

/// The HTTP status that an error speaks of; the crate has it in its text only.
fn status(error: &SRCError) -> Option<u16> {
    error.error.split_once("with status ")?.1.get(..3)?.parse().ok()
}

/// Whether the registry says that it has no such subject, version or schema. Another 404 comes from something that is no registry.
fn is_absent(error: &SRCError) -> bool {
    let raw = std::error::Error::source(error).and_then(|source| source.downcast_ref::<RawError>());
    raw.is_some_and(|raw| (40_401..=40_403).contains(&raw.error_code))
}

/// Whether the same call may succeed later: no answer, an answer cut short, or one that says so.
fn may_pass(error: &SRCError) -> bool {
    match status(error) {
        Some(status) => status == 408 || status == 429 || status >= 500,
        None => error.retriable || error.error.starts_with("could not parse"),
    }
}

/// Calls until there is an answer that does not pass, or the tries are at their end. `None`: the registry has no such thing.
pub(super) async fn tried<'a, T>(call: impl Fn() -> BoxFuture<'a, Result<T, SRCError>>) -> Result<Option<T>, SchemasError> {
    let mut failed = 0;
    loop {
        match call().await {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) if may_pass(&error) => {
                failed += 1;
                if !TRIES.sleep(failed).await {
                    return Err(SchemasError::Retryable(shown(&error)));
                }
            }
            Err(error) => return Err(SchemasError::Fatal(shown(&error))),
        }
    }
}

/// The versions of ours that a subject has, with their ids.
pub(super) async fn registered(settings: &SrSettings, subject: &str) -> Result<Vec<(u32, SchemaVersion)>, SchemasError> {
    let numbers = tried(|| Box::pin(get_all_versions(settings, subject.to_owned()))).await?.unwrap_or_default();
    let mut found = Vec::new();
    for number in numbers {
        let schema = tried(|| Box::pin(get_schema_by_subject_and_version(settings, subject, Some(number)))).await?;
        // Deleted meanwhile, or of another build.
        let Some(schema) = schema.filter(|schema| schema.schema_type == SchemaType::Avro) else { continue };
        found.extend(SchemaVersion::of_text(&schema.schema).map(|version| (schema.id, version)));
    }
    Ok(found)
}

pub(super) fn learned(found: &[(u32, SchemaVersion)]) -> Result<SchemaIds, SchemasError> {
    let mut ids = SchemaIds::default();
    for (id, version) in found {
        ids = ids.with(*id, *version)?;
    }
    Ok(ids)
}
