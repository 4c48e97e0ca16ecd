//! Configuration to ports: the one place that names an adapter.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use rand::Rng;
use schemas::PartitionId;

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
use crate::progress::Progress;
use crate::search::memory::MemorySearch;
use crate::search::tantivy::{TantivyOptions, TantivySearch};
use crate::search::{SearchError, SearchIndex};
use crate::timelines::ViewSource;
use crate::timelines::ring::{RingOptions, RingTimelines};
use crate::views::fjall::{FjallOptions, FjallViews};
use crate::views::memory::MemoryViews;
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
    /// Mail cannot be set up as configured.
    #[error("mail: {0}")]
    Mail(String),
}

impl Ports {
    /// All partitions of the log.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionId> {
        self.log.layout().partition_ids()
    }

    /// Opens what the configuration names, making what is absent.
    pub fn open(config: &Config) -> Result<Self, ConnectError> {
        let data = config.data.0.as_path();
        let embedded = [config.log, config.views, config.search, config.blobs].contains(&BackingUrl::Embedded);
        if embedded {
            std::fs::create_dir_all(data).map_err(|error| folder_error(data, &error))?;
        }
        let secret = secret(config, embedded.then_some(data))?;
        let log = open_log(config, data)?;
        let stamps = Arc::new(Stamps::new());
        let inner: Arc<dyn ViewStore> = match config.views {
            BackingUrl::Embedded => {
                let options = FjallOptions { cache_bytes: config.views_cache_bytes, ..FjallOptions::default() };
                Arc::new(FjallViews::open(&data.join(layout::VIEWS), options)?)
            }
            BackingUrl::Memory => Arc::new(MemoryViews::new()),
        };
        let cut = log.layout();
        Ok(Self {
            log,
            views: Arc::new(StampedViews::new(inner, stamps.clone())),
            stamps,
            progress: Arc::new(Progress::new(cut.generation, cut.partitions)),
            secret,
        })
    }
}

/// What is derived from the log and the views, or kept beside them.
pub struct Stores {
    /// Home timelines.
    pub timelines: Arc<RingTimelines>,
    /// The search index.
    pub search: Arc<dyn SearchIndex>,
    /// Avatars and attachments.
    pub blobs: Arc<dyn Blobs>,
    /// Who delivers mail.
    pub mail: Arc<dyn Mail>,
}

/// Memory that the ring of one reader takes, with its share of the follower lists, in bytes.
const RING_BYTES: u64 = 5_000;

impl Stores {
    /// Opens what the configuration names, over the views of `ports`.
    pub fn open(config: &Config, ports: &Ports, clock: Clock) -> Result<Self, ConnectError> {
        let data = config.data.0.as_path();
        let rings_max = usize::try_from(config.timeline_bytes / RING_BYTES).unwrap_or(usize::MAX).max(1);
        let options = RingOptions { policy: config.timeline_policy, rings_max, ..RingOptions::default() };
        let source = Arc::new(ViewSource::new(ports.views.clone()));
        let search: Arc<dyn SearchIndex> = match config.search {
            BackingUrl::Embedded => Arc::new(TantivySearch::open(&data.join(layout::SEARCH), TantivyOptions::default())?),
            BackingUrl::Memory => Arc::new(MemorySearch::new()),
        };
        let blobs: Arc<dyn Blobs> = match config.blobs {
            BackingUrl::Embedded => Arc::new(ObjectBlobs::in_folder(&data.join(layout::BLOBS))?),
            BackingUrl::Memory => Arc::new(MemoryBlobs::new()),
        };
        Ok(Self { timelines: Arc::new(RingTimelines::new(source, clock, options)), search, blobs, mail: open_mail(config, data)? })
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

fn open_log(config: &Config, data: &Path) -> Result<Arc<dyn EventLog>, ConnectError> {
    let fresh = LogLayout { generation: FIRST_GENERATION, partitions: config.partitions };
    match config.log {
        BackingUrl::Memory => Ok(MemoryLog::new(fresh)),
        BackingUrl::Embedded => {
            let path = data.join(layout::LOG);
            let known = EmbeddedLog::layout_of(&path)?;
            let mut options = EmbeddedOptions::new(known.unwrap_or(fresh));
            options.segment_bytes = config.log_segment_bytes;
            options.segment_age = config.log_segment_age.duration();
            Ok(EmbeddedLog::open(&path, options)?)
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

    #[test]
    fn a_folder_is_made_kept_and_locked() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut layered = Layered::default();
        layered.set("data", &folder.path().join("new").display().to_string(), "a test").expect("known");
        layered.set("partitions", "3", "a test").expect("known");
        let config = layered.finish().expect("good");
        let first = Ports::open(&config).expect("opens");
        assert_eq!(first.partitions().count(), 3);
        assert!(matches!(Ports::open(&config).map(|_| ()), Err(ConnectError::Log(LogError::Locked(_)))));
        let secret = first.secret;
        drop(first);
        layered.set("partitions", "5", "a test").expect("known");
        let again = Ports::open(&layered.finish().expect("good")).expect("opens again");
        assert_eq!((again.secret, again.partitions().count()), (secret, 3), "an existing log keeps its partitions");
    }
}
