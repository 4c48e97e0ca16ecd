//! Configuration to ports: the one place that names an adapter.

#[cfg(feature = "cluster")]
#[path = "connect/servers.rs"]
mod servers;
#[cfg(not(feature = "cluster"))]
#[path = "connect/no_servers.rs"]
mod servers;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use rand::Rng;
use schemas::PartitionId;

use self::servers::Cql;
pub use self::servers::migrate;
use crate::blobs::memory::MemoryBlobs;
use crate::blobs::object::ObjectBlobs;
use crate::blobs::{BlobError, Blobs};
use crate::cache::{StampedViews, Stamps};
use crate::clock::Clock;
use crate::config::{BackingUrl, Config, MailUrl};
use crate::log::embedded::{EmbeddedLog, EmbeddedOptions};
use crate::log::memory::MemoryLog;
use crate::log::{EventLog, LogError, LogLayout};
use crate::mail::folder::FolderMail;
use crate::mail::memory::MemoryMail;
use crate::mail::smtp::SmtpMail;
use crate::mail::{Mail, Sender};
use crate::membership::Groups;
use crate::notices::Notices;
use crate::progress::Progress;
use crate::search::memory::MemorySearch;
use crate::search::tantivy::{TantivyOptions, TantivySearch};
use crate::search::{SearchError, SearchIndex};
use crate::timelines::ring::{RingOptions, RingTimelines};
use crate::timelines::{TimelineError, Timelines, ViewSource};
use crate::views::fjall::{FjallOptions, FjallViews};
use crate::views::memory::MemoryViews;
use crate::views::watched::WatchedViews;
use crate::views::{ViewError, ViewStore};

/// The first generation of a log.
const FIRST_GENERATION: u32 = 1;

/// Folders and files of an embedded deployment, below the data folder.
pub mod layout {
    /// Segments of the log.
    pub const LOG: &str = "log";
    /// The view store.
    pub const VIEWS: &str = "views";
    /// The search index.
    pub const SEARCH: &str = "search";
    /// Avatars and attachments.
    pub const BLOBS: &str = "blobs";
    /// Mail, where no mail server takes it.
    pub const MAIL: &str = "mail";
    /// The instance's secret.
    pub const SECRET: &str = "secret";
}

/// The log and the views of a deployment: what tools and services share.
#[derive(Clone)]
pub struct Ports {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The view store; its commits touch `stamps`.
    pub views: Arc<dyn ViewStore>,
    /// What caches of view rows are checked against.
    pub stamps: Arc<Stamps>,
    /// How far the live views have come.
    pub progress: Arc<Progress>,
    /// The instance's secret: 32 bytes.
    pub secret: [u8; 32],
    /// What it shares with other processes; nothing where it is alone.
    pub shared: Option<Shared>,
}

/// What the processes of one deployment share beside log and stores.
#[derive(Clone)]
pub struct Shared {
    /// Who works on which partitions.
    pub groups: Arc<dyn Groups>,
    /// What each of them commits.
    pub notices: Arc<dyn Notices>,
}

/// What a migration did to one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The key of the configuration that names the server.
    pub key: &'static str,
    /// Where it is, without a password.
    pub place: String,
    /// What was made now; nothing where all was there.
    pub made: Vec<String>,
}

/// Why a deployment cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The data folder cannot be made or read.
    #[error("data folder {path}: {problem}")]
    Folder {
        /// Its path.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The log refuses.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The view store refuses.
    #[error(transparent)]
    Views(#[from] ViewError),
    /// The search index refuses.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The blob store refuses.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// Home timelines refuse.
    #[error(transparent)]
    Timelines(#[from] TimelineError),
    /// Mail cannot be set up as configured.
    #[error("mail: {0}")]
    Mail(String),
    /// A server's URL that says nothing usable, or a server that refuses.
    #[error("{key}: {problem}")]
    Server {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl Ports {
    /// All partitions of the log.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionId> {
        self.log.layout().partition_ids()
    }
}

/// What is derived from the log and the views, or kept beside them.
pub struct Stores {
    /// Home timelines.
    pub timelines: Arc<dyn Timelines>,
    /// The search index.
    pub search: Arc<dyn SearchIndex>,
    /// Avatars and attachments.
    pub blobs: Arc<dyn Blobs>,
    /// Who delivers mail.
    pub mail: Arc<dyn Mail>,
}

/// Memory that the ring of one reader takes, with its share of the follower lists, in bytes.
const RING_BYTES: u64 = 5_000;

/// Opens what the configuration names. What is embedded is made if it is absent; servers are prepared by [`migrate`].
pub async fn open(config: &Config, clock: Clock) -> Result<(Ports, Stores), ConnectError> {
    let data = config.data.0.as_path();
    let embedded = [&config.log, &config.views, &config.search, &config.blobs].contains(&&BackingUrl::Embedded);
    if embedded {
        std::fs::create_dir_all(data).map_err(|error| folder_error(data, &error))?;
    }
    let secret = secret(config, embedded.then_some(data))?;
    let (log, shared) = open_log(config, data).await?;
    let stamps = Arc::new(Stamps::new());
    let cql = match &config.views {
        BackingUrl::Server(url) => Some(Cql::connect("views", url).await?),
        BackingUrl::Embedded | BackingUrl::Memory => None,
    };
    let stamped = Arc::new(StampedViews::new(open_views(config, data, cql.as_ref()).await?, stamps.clone()));
    let views: Arc<dyn ViewStore> = match &cql {
        // Around the stamps: a commit that is refused cannot have been written, and moves none.
        Some(_) => Arc::new(WatchedViews::start(stamped)),
        None => stamped,
    };
    let timelines: Arc<dyn Timelines> = match &cql {
        Some(cql) => cql.timelines(Arc::new(ViewSource::new(views.clone())), clock, config.timeline_policy).await?,
        None => rings(config, views.clone(), clock),
    };
    let search: Arc<dyn SearchIndex> = match &config.search {
        BackingUrl::Embedded => Arc::new(TantivySearch::open(&data.join(layout::SEARCH), TantivyOptions::default())?),
        BackingUrl::Memory => Arc::new(MemorySearch::new()),
        BackingUrl::Server(url) => servers::search(url)?,
    };
    let blobs = open_blobs(config, data, cql.as_ref()).await?;
    let stores = Stores { timelines, search, blobs, mail: open_mail(config, data)? };
    let cut = log.layout();
    let progress = Arc::new(Progress::new(cut.generation, cut.partitions));
    Ok((Ports { log, views, stamps, progress, secret, shared }, stores))
}

/// Home timelines in the memory of this process, as the configuration says.
pub fn rings(config: &Config, views: Arc<dyn ViewStore>, clock: Clock) -> Arc<RingTimelines> {
    let rings_max = usize::try_from(config.timeline_bytes / RING_BYTES).unwrap_or(usize::MAX).max(1);
    let options = RingOptions { policy: config.timeline_policy, rings_max, ..RingOptions::default() };
    Arc::new(RingTimelines::new(Arc::new(ViewSource::new(views)), clock, options))
}

async fn open_views(config: &Config, data: &Path, cql: Option<&Cql>) -> Result<Arc<dyn ViewStore>, ConnectError> {
    Ok(match (&config.views, cql) {
        (_, Some(cql)) => cql.views().await?,
        (BackingUrl::Memory, None) => Arc::new(MemoryViews::new()),
        (BackingUrl::Embedded | BackingUrl::Server(_), None) => {
            let options = FjallOptions { cache_bytes: config.views_cache_bytes, ..FjallOptions::default() };
            Arc::new(FjallViews::open(&data.join(layout::VIEWS), options)?)
        }
    })
}

async fn open_blobs(config: &Config, data: &Path, of_views: Option<&Cql>) -> Result<Arc<dyn Blobs>, ConnectError> {
    match (&config.blobs, of_views) {
        (BackingUrl::Embedded, _) => Ok(Arc::new(ObjectBlobs::in_folder(&data.join(layout::BLOBS))?)),
        (BackingUrl::Memory, _) => Ok(Arc::new(MemoryBlobs::new())),
        (blobs, Some(cql)) if *blobs == config.views => cql.blobs().await,
        (BackingUrl::Server(url), _) => Cql::connect("blobs", url).await?.blobs().await,
    }
}

/// From whom mail comes where no address is configured.
const NOBODY: &str = "nobody@localhost";

fn open_mail(config: &Config, data: &Path) -> Result<Arc<dyn Mail>, ConnectError> {
    let addresses = [config.mail_from.as_str(), &config.contact_email, NOBODY];
    let address = addresses.into_iter().find(|address| !address.is_empty()).unwrap_or(NOBODY);
    let sender = Sender::new(&config.title, address).map_err(ConnectError::Mail)?;
    Ok(match &config.mail {
        MailUrl::Embedded => Arc::new(FolderMail::new(&data.join(layout::MAIL), sender)),
        MailUrl::Memory => Arc::new(MemoryMail::new(sender)),
        MailUrl::Smtp(url) => Arc::new(SmtpMail::new(url.as_str(), sender).map_err(ConnectError::Mail)?),
    })
}

async fn open_log(config: &Config, data: &Path) -> Result<(Arc<dyn EventLog>, Option<Shared>), ConnectError> {
    let fresh = LogLayout { generation: FIRST_GENERATION, partitions: config.partitions };
    match &config.log {
        BackingUrl::Memory => Ok((MemoryLog::new(fresh), None)),
        BackingUrl::Embedded => {
            let path = data.join(layout::LOG);
            let known = EmbeddedLog::layout_of(&path)?;
            let mut options = EmbeddedOptions::new(known.unwrap_or(fresh));
            options.segment_bytes = config.log_segment_bytes;
            options.segment_age = config.log_segment_age.duration();
            Ok((EmbeddedLog::open(&path, options)?, None))
        }
        BackingUrl::Server(url) => {
            let (log, shared) = servers::log(url, &config.registry).await?;
            Ok((log, Some(shared)))
        }
    }
}

/// The configured secret, the one kept in the data folder, or a new one (kept there if there is a folder).
fn secret(config: &Config, data: Option<&Path>) -> Result<[u8; 32], ConnectError> {
    if let Some(secret) = parse_secret(&config.secret) {
        return Ok(secret);
    }
    let mut fresh = [0; 32];
    rand::rng().fill_bytes(&mut fresh);
    let Some(data) = data else { return Ok(fresh) };
    let path = data.join(layout::SECRET);
    match std::fs::read_to_string(&path) {
        Ok(text) => parse_secret(text.trim()).ok_or_else(|| ConnectError::Folder {
            path: path.display().to_string(),
            problem: "holds no secret (64 hexadecimal digits): restore it, or sealed addresses and passwords are lost".to_owned(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            write_secret(&path, &fresh).map_err(|error| folder_error(&path, &error))?;
            Ok(fresh)
        }
        Err(error) => Err(folder_error(&path, &error)),
    }
}

fn parse_secret(text: &str) -> Option<[u8; 32]> {
    hex::decode(text).ok()?.try_into().ok()
}

/// Writes the secret so that a crash leaves either none or the whole, readable by its owner only.
fn write_secret(path: &Path, secret: &[u8; 32]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let draft = path.with_extension("draft");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", hex::encode(secret))?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

fn folder_error(path: &Path, error: &std::io::Error) -> ConnectError {
    ConnectError::Folder { path: path.display().to_string(), problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layered;

    fn open_now(config: &Config) -> Result<Ports, ConnectError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(open(config, crate::clock::system_clock())).map(|(ports, _)| ports)
    }

    #[test]
    fn a_folder_is_made_kept_and_locked() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut layered = Layered::default();
        layered.set("data", &folder.path().join("new").display().to_string(), "a test").expect("known");
        layered.set("partitions", "3", "a test").expect("known");
        let config = layered.finish().expect("good");
        let first = open_now(&config).expect("opens");
        assert_eq!(first.partitions().count(), 3);
        assert!(matches!(open_now(&config).map(|_| ()), Err(ConnectError::Log(LogError::Locked(_)))));
        let secret = first.secret;
        drop(first);
        layered.set("partitions", "5", "a test").expect("known");
        let again = open_now(&layered.finish().expect("good")).expect("opens again");
        assert_eq!((again.secret, again.partitions().count()), (secret, 3), "an existing log keeps its partitions");
    }
}
