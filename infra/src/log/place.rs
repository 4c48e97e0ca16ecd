//! Where a log is, as tools that work on logs alone are told: a data folder, or a Kafka cluster.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::embedded::{EmbeddedLog, EmbeddedOptions};
use super::{EventLog, LogError, LogImport, LogLayout};
use crate::connect::layout::{LOG, SEARCH, VIEWS};

const EMBEDDED: &str = "embedded:";
const KAFKA: &str = "kafka://";

/// Why a log cannot be opened where it is said to be.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Neither of the two forms.
    #[error("`{0}` names no log: write embedded:DIR, with the data folder of a server, or kafka://host:port/prefix")]
    Unknown(String),
    /// It cannot be used as it is; what to do.
    #[error("{0}")]
    Unfit(String),
    /// The log says no.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// See the module.
#[derive(Clone, PartialEq, Eq)]
pub enum LogPlace {
    /// `embedded:DIR`: in the data folder `DIR` of a server that does not run.
    Embedded(PathBuf),
    /// `kafka://host:port,host:port/prefix?..`: see [`super::kafka::KafkaUrl`].
    Kafka(String),
}

impl FromStr for LogPlace {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        match text.strip_prefix(EMBEDDED) {
            Some(folder) if !folder.is_empty() => Ok(Self::Embedded(PathBuf::from(folder))),
            None if text.starts_with(KAFKA) => Ok(Self::Kafka(text.to_owned())),
            _ => Err(PlaceError::Unknown(text.to_owned())),
        }
    }
}

/// Without what stands behind the question mark: passwords may.
impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(folder) => write!(f, "{EMBEDDED}{}", folder.display()),
            Self::Kafka(url) => f.write_str(url.split_once('?').map_or(url.as_str(), |(place, _)| place)),
        }
    }
}

impl fmt::Debug for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogPlace({self})")
    }
}

impl LogPlace {
    /// Opens the log that is there, to be read. Through a `registry`, by its URL, bodies come with the compiled-in schema ids; without
    /// one they come as they are.
    pub async fn open(&self, registry: Option<&str>) -> Result<Arc<dyn EventLog>, PlaceError> {
        match (self, registry) {
            (Self::Embedded(folder), None) => Ok(EmbeddedLog::open_read_only(folder.join(LOG))?),
            (Self::Embedded(_), Some(_)) => {
                Err(PlaceError::Unfit(format!("{self} carries compiled-in schema ids: leave the registry out")))
            }
            (Self::Kafka(url), registry) => servers::open(url, registry).await,
        }
    }

    /// Opens the log to be filled, or makes it with this layout.
    ///
    /// Errors: [`PlaceError::Unfit`] where there are views already, or a log of another generation.
    pub async fn open_to_import(&self, layout: LogLayout) -> Result<Arc<dyn LogImport>, PlaceError> {
        match self {
            Self::Embedded(folder) => {
                refuse_views(folder)?;
                Ok(EmbeddedLog::open(folder.join(LOG), EmbeddedOptions::new(layout))?)
            }
            Self::Kafka(url) => servers::open_to_import(url, layout).await,
        }
    }

    /// Whether bodies must carry compiled-in schema ids there.
    pub fn needs_compiled_in_ids(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }
}

/// Views belong to one log: their checkpoints would be taken for those of the new one.
fn refuse_views(folder: &Path) -> Result<(), PlaceError> {
    match [VIEWS, SEARCH].into_iter().find(|name| folder.join(name).exists()) {
        Some(name) => Err(PlaceError::Unfit(format!("{} holds `{name}` of another log: name a new folder", folder.display()))),
        None => Ok(()),
    }
}

#[cfg(feature = "cluster")]
mod servers {
    use super::{Arc, EventLog, LogImport, LogLayout, PlaceError};
    use crate::log::kafka::{KafkaLog, KafkaOptions, KafkaUrl};
    use crate::schema_registry::{RegisteredLog, RegistrySchemas, RegistryUrl, SUBJECT};

    fn unfit(problem: impl std::fmt::Display) -> PlaceError {
        PlaceError::Unfit(problem.to_string())
    }

    pub(super) async fn open(url: &str, registry: Option<&str>) -> Result<Arc<dyn EventLog>, PlaceError> {
        let url: KafkaUrl = url.parse().map_err(unfit)?;
        let layout = KafkaLog::layout_of(&url).await?.ok_or_else(|| unfit(format!("there is no log under {url}")))?;
        let log = KafkaLog::open(KafkaOptions { create: false, ..KafkaOptions::new(url, layout) }).await?;
        let Some(registry) = registry else { return Ok(log) };
        let registry: RegistryUrl = registry.parse().map_err(|error: String| unfit(error))?;
        let schemas = RegistrySchemas::connect(&registry, SUBJECT).await.map_err(unfit)?;
        Ok(RegisteredLog::new(log, schemas))
    }

    pub(super) async fn open_to_import(url: &str, layout: LogLayout) -> Result<Arc<dyn LogImport>, PlaceError> {
        let url: KafkaUrl = url.parse().map_err(unfit)?;
        match KafkaLog::layout_of(&url).await? {
            Some(found) if found.generation != layout.generation => {
                let (is, asked) = (found.generation, layout.generation);
                Err(unfit(format!("{url} holds generation {is}, the log to be copied is generation {asked}: name another prefix")))
            }
            _ => Ok(KafkaLog::open(KafkaOptions::new(url, layout)).await?),
        }
    }
}

#[cfg(not(feature = "cluster"))]
mod servers {
    use super::{Arc, EventLog, LogImport, LogLayout, PlaceError};

    fn unfit() -> PlaceError {
        PlaceError::Unfit("this build has no client of Kafka: build it with the feature `cluster`".to_owned())
    }

    pub(super) async fn open(_: &str, _: Option<&str>) -> Result<Arc<dyn EventLog>, PlaceError> {
        Err(unfit())
    }

    pub(super) async fn open_to_import(_: &str, _: LogLayout) -> Result<Arc<dyn LogImport>, PlaceError> {
        Err(unfit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: Option<&str>) {
        assert_eq!(text.parse::<LogPlace>().ok().map(|place| place.to_string()).as_deref(), shown, "{text}");
    }

    #[test]
    fn places_are_told_apart_and_shown_without_passwords() {
        check("embedded:data", Some("embedded:data"));
        check("embedded:/var/lib/a b", Some("embedded:/var/lib/a b"));
        check("kafka://one:9092/p?sasl.password=secret", Some("kafka://one:9092/p"));
        check("embedded:", None);
        check("data", None);
        check("https://one", None);
    }
}
