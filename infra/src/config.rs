//! Configuration: default < file < environment < flags, parsed whole before anything is opened; an unknown key is refused.
//!
//! Each key is declared once, with its documentation, its default and its type. In a file (TOML) it stands by its name, in the environment
//! as `ROOST_` and its name in capitals, on the command line as `--set NAME=VALUE` (the most used ones have flags of their own).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

mod values;

pub use values::{BackingUrl, LogFormat, MailUrl, Minutes, Policy, Role, Roles, SignUps, Switch, TextList};

/// Why the configuration is refused: says which key, from where, and what it takes.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such key.
    #[error("unknown key `{key}` in {origin}: `roost config` lists all keys{hint}")]
    Unknown {
        /// The key as written.
        key: String,
        /// File, environment or flag.
        origin: String,
        /// The nearest key, if there is one.
        hint: String,
    },
    /// A value that the key does not take.
    #[error("`{key}` in {origin} is `{value}`: {problem}")]
    Invalid {
        /// The key.
        key: String,
        /// File, environment or flag.
        origin: String,
        /// The value as written.
        value: String,
        /// What the key takes.
        problem: String,
    },
    /// The file cannot be read, or is not TOML.
    #[error("configuration file {path}: {problem}")]
    File {
        /// Its path.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

/// A key as `roost config` prints it.
#[derive(Debug, Clone, Copy)]
pub struct KeyDoc {
    /// Its name.
    pub name: &'static str,
    /// What it decides, with its unit.
    pub doc: &'static [&'static str],
    /// Its default, as text.
    pub default: &'static str,
}

/// Declares the configuration: a documented field, its type, and its default as text.
macro_rules! keys {
    ($($(#[doc = $doc:literal])* $name:ident : $type:ty = $default:literal;)*) => {
        /// The configuration of a process.
        #[derive(Debug, Clone)]
        pub struct Config { $($(#[doc = $doc])* pub $name: $type,)* }

        /// Every key, in the order of the documentation.
        pub const KEYS: &[KeyDoc] = &[$(KeyDoc { name: stringify!($name), doc: &[$($doc),*], default: $default },)*];

        impl Config {
            fn parse(values: &Layered) -> Result<Self, ConfigError> {
                Ok(Self { $($name: values.get(stringify!($name), $default)?,)* })
            }

            /// The values in force, as text, in the order of [`KEYS`].
            pub fn entries(&self) -> Vec<(&'static str, String)> {
                vec![$((stringify!($name), self.$name.to_string()),)*]
            }
        }
    };
}

keys! {
    /// Where clients connect: address and port.
    listen: SocketAddr = "127.0.0.1:8080";
    /// Where operators and Prometheus connect: /metrics, /readyz and the commands of `roost` and `replay-tools`. Keep it private.
    ops_listen: SocketAddr = "127.0.0.1:8081";
    /// The folder that holds everything of an embedded deployment.
    data: PathText = "data";
    /// What this process does: commands, projectors, queries, separated by commas.
    roles: Roles = "commands,projectors,queries";
    /// The URL under which clients reach this server, without a slash at the end; empty: http:// and the Host of each request.
    public_url: String = "";
    /// The name of the server, as clients show it.
    title: String = "Roost";
    /// One sentence about the server.
    description: String = "A small place on the open social web, kept by its own event log.";
    /// Whom to write to.
    contact_email: String = "operator@localhost";
    /// Whether anyone may sign up: open or closed.
    sign_ups: SignUps = "open";
    /// Whether a new account must confirm its e-mail address before it may act: on or off.
    email_confirmation: Switch = "off";
    /// Whether applications may trade a password for a token (OAuth's password grant): on or off.
    password_grant: Switch = "on";
    /// Whether requests are limited per address and per account: on or off.
    rate_limits: Switch = "on";
    /// Proxies whose X-Forwarded-For is believed, as addresses or networks (10.0.0.0/8), separated by commas.
    trusted_proxies: TextList = "";
    /// The secret from which all keys of the instance are derived, 64 hexadecimal digits; empty: made at the first start and kept in the
    /// data folder.
    secret: String = "";
    /// The log: embedded, memory (lost at exit, for trials), or kafka://host:port,host:port/prefix?rf=3. Servers take a build with the feature
    /// `cluster`; docs/cluster.md says what their URLs can hold.
    log: BackingUrl = "embedded";
    /// Partitions of a new log, 1 to 256; an existing one keeps its own.
    partitions: u16 = "8";
    /// When a segment of the log is closed: its size in bytes.
    log_segment_bytes: u64 = "268435456";
    /// When a segment of the log is closed: its age in minutes.
    log_segment_age: Minutes = "10080";
    /// The view store, and with it home timelines: embedded, memory, or cql://host:port,host:port/keyspace?datacenter=name.
    views: BackingUrl = "embedded";
    /// Memory for cached blocks of the view store, in bytes.
    views_cache_bytes: u64 = "67108864";
    /// The search index: embedded, memory, or elastic://host:port,host:port/prefix.
    search: BackingUrl = "embedded";
    /// Where avatars and attachments go: embedded, memory, or cql://host:port,host:port/keyspace (the views' may be the same).
    blobs: BackingUrl = "embedded";
    /// The schema registry that gives the ids in a log on Kafka: http://host:port/path; empty: the ids that are compiled in.
    registry: String = "";
    /// Where other processes reach this one's operators' port, as host:port; empty: ops_listen.
    peer_address: String = "";
    /// Who delivers mail: embedded (files in the data folder), memory, smtp://user:password@host:port (?tls=required for STARTTLS), or
    /// smtps://… (encrypted from the start). A path names us to the server: smtp://host/mail.example.
    mail: MailUrl = "embedded";
    /// The address that mail comes from; empty: contact_email.
    mail_from: String = "";
    /// How posts reach home timelines: adaptive, push, pull, or threshold:N (pull authors with at least N followers).
    timeline_policy: Policy = "adaptive";
    /// Memory for home timelines of active readers, in bytes.
    timeline_bytes: u64 = "268435456";
    /// Commands that may wait for the writer of one partition; beyond it the answer is 503.
    queue_commands: usize = "4096";
    /// Accounts that one account may follow.
    follow_cap: u32 = "7500";
    /// How long a write waits for the actor's own views, and a read for the position it was sent with: milliseconds.
    wait_ms: u64 = "1000";
    /// How logs look: pretty or json.
    log_format: LogFormat = "pretty";
    /// What is logged: a level (error, warn, info, debug, trace), or a filter such as `info,commands=debug`.
    log_level: String = "info";
}

impl Config {
    /// Where a backing service of that key is.
    fn backing(&self, key: &str) -> &BackingUrl {
        match key {
            "log" => &self.log,
            "views" => &self.views,
            "search" => &self.search,
            _ => &self.blobs,
        }
    }
}

/// A path that prints itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathText(pub PathBuf);

impl std::str::FromStr for PathText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(PathBuf::from(text)))
    }
}

impl std::fmt::Display for PathText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}

/// Values by key, each with where it came from; later layers win.
#[derive(Debug, Default)]
pub struct Layered {
    values: BTreeMap<String, (String, String)>,
}

/// The environment variable that names the configuration file.
pub const FILE_VARIABLE: &str = "ROOST_CONFIG";
/// What the names of variables begin with that are for tests on real servers: no keys.
const TEST_PREFIX: &str = "ROOST_TEST_";
/// The keys that name backing services, each with the schemes of the servers that it takes.
const SERVERS: [(&str, &[&str]); 4] = [("log", &["kafka"]), ("views", &["cql"]), ("search", &["elastic", "elastics"]), ("blobs", &["cql"])];

impl Layered {
    /// Adds the file's keys.
    pub fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let failed = |problem: String| ConfigError::File { path: path.display().to_string(), problem };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| failed(error.to_string()))?;
        for (key, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Array(items) => {
                    items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect::<Vec<_>>().join(",")
                }
                toml::Value::Table(_) => return Err(failed(format!("`{key}` is a table: all keys stand at the top"))),
                other => other.to_string(),
            };
            self.set(&key, &text, &path.display().to_string())?;
        }
        Ok(())
    }

    /// Adds the `ROOST_...` variables of an environment.
    pub fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) -> Result<(), ConfigError> {
        for (variable, value) in variables {
            if variable == FILE_VARIABLE || variable.starts_with(TEST_PREFIX) {
                continue;
            }
            if let Some(key) = variable.strip_prefix("ROOST_") {
                self.set(&key.to_ascii_lowercase(), &value, "the environment")?;
            }
        }
        Ok(())
    }

    /// Sets one key, as a flag does.
    pub fn set(&mut self, key: &str, value: &str, origin: &str) -> Result<(), ConfigError> {
        if !KEYS.iter().any(|known| known.name == key) {
            let near = KEYS.iter().map(|known| (distance(known.name, key), known.name)).min();
            let hint = near.filter(|(far, _)| *far <= 3).map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"));
            return Err(ConfigError::Unknown { key: key.to_owned(), origin: origin.to_owned(), hint });
        }
        self.values.insert(key.to_owned(), (value.to_owned(), origin.to_owned()));
        Ok(())
    }

    /// Parses the whole.
    pub fn finish(&self) -> Result<Config, ConfigError> {
        let config = Config::parse(self)?;
        if !(1..=schemas::ids::PARTITIONS_MAX).contains(&config.partitions) {
            return Err(self.invalid("partitions", &config.partitions.to_string(), "takes 1 to 256".to_owned()));
        }
        if !config.secret.is_empty() && (config.secret.len() != 64 || hex::decode(&config.secret).is_err()) {
            return Err(self.invalid("secret", "…", "takes 64 hexadecimal digits".to_owned()));
        }
        self.check_servers(&config)?;
        Ok(config)
    }

    /// Whoever shares a log shares everything, and nobody can do without a role over a log that only one process has.
    fn check_servers(&self, config: &Config) -> Result<(), ConfigError> {
        for (key, schemes) in SERVERS {
            let backing = config.backing(key);
            if backing.scheme().is_some_and(|scheme| !schemes.contains(&scheme)) {
                let takes = schemes.iter().map(|scheme| format!("{scheme}://…")).collect::<Vec<_>>().join(" or ");
                return Err(self.invalid(key, &backing.to_string(), format!("takes embedded, memory or {takes}")));
            }
            if config.log.is_shared() && !backing.is_shared() {
                let problem = "with a log on servers, views, search and blobs must be on servers too: nothing may stay on one node's disk";
                return Err(self.invalid(key, &backing.to_string(), problem.to_owned()));
            }
        }
        if config.log.is_shared() && config.secret.is_empty() {
            let problem = "with a log on servers, every process needs the same 64 hexadecimal digits (openssl rand -hex 32)";
            return Err(self.invalid("secret", "", problem.to_owned()));
        }
        if config.log == BackingUrl::Embedded && config.roles.0.len() < Role::ALL.len() {
            let problem = "roles go to processes of their own only where log, views, search and blobs are on servers";
            return Err(self.invalid("roles", &config.roles.to_string(), problem.to_owned()));
        }
        Ok(())
    }

    fn get<T: std::str::FromStr<Err: std::fmt::Display>>(&self, key: &str, default: &str) -> Result<T, ConfigError> {
        let text = self.values.get(key).map_or(default, |(value, _)| value);
        text.parse().map_err(|problem: T::Err| self.invalid(key, text, problem.to_string()))
    }

    fn invalid(&self, key: &str, value: &str, problem: String) -> ConfigError {
        let origin = self.values.get(key).map_or_else(|| "the defaults".to_owned(), |(_, origin)| origin.clone());
        // A mistyped URL may hold a password all the same.
        let value = if key == "mail" || value.contains('@') { "…" } else { value };
        ConfigError::Invalid { key: key.to_owned(), origin, value: value.to_owned(), problem }
    }
}

/// Levenshtein's distance, to find the key that was meant.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[(&str, &str)], expected: Result<(), &str>) {
        let mut layered = Layered::default();
        let result =
            values.iter().try_for_each(|(key, value)| layered.set(key, value, "a test")).and_then(|()| layered.finish().map(|_| ()));
        match expected {
            Ok(()) => assert!(result.is_ok(), "{values:?}: {result:?}"),
            Err(part) => {
                let text = result.expect_err("refused").to_string();
                assert!(text.contains(part), "{values:?}: {text}");
            }
        }
    }

    #[test]
    fn values_are_checked_before_anything_starts() {
        check(&[], Ok(()));
        check(&[("listen", "0.0.0.0:80"), ("rate_limits", "off"), ("timeline_policy", "threshold:500")], Ok(()));
        check(&[("listne", "0.0.0.0:80")], Err("did you mean `listen`?"));
        check(&[("listen", "here")], Err("`listen` in a test is `here`"));
        check(&[("partitions", "0")], Err("takes 1 to 256"));
        check(&[("rate_limits", "perhaps")], Err("takes on or off"));
        check(&[("roles", "commands,cook")], Err("takes commands, projectors and queries"));
        check(&[("secret", "abc")], Err("64 hexadecimal digits"));
        check(&[("mail", "smtps://roost:secret@mail.example:465")], Ok(()));
        check(&[("mail", "pop3://mail.example")], Err("takes embedded, memory, smtp://"));
        check(&[("log", "broker:9092")], Err("takes embedded, memory, or the URL of a server"));
        check(&[("log", "redis://broker")], Err("takes embedded, memory or kafka://…"));
        check(&[("search", "cql://node/roost")], Err("takes embedded, memory or elastic://… or elastics://…"));
        check(&[("log", "kafka://broker")], Err("`views` in the defaults is `embedded`: with a log on servers"));
        check(&[("views", "cql://node/roost")], Ok(()));
        check(&[("roles", "queries")], Err("only where log, views, search and blobs are on servers"));
        let cluster = [("log", "kafka://b"), ("views", "cql://c/roost"), ("search", "elastic://e/roost"), ("blobs", "cql://c/roost")];
        check(&cluster, Err("`secret` in the defaults is ``: with a log on servers"));
        let secret = "0123456789abcdef".repeat(4);
        check(&[cluster.as_slice(), &[("secret", &secret), ("roles", "queries")]].concat(), Ok(()));
    }

    #[test]
    fn later_layers_win() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("roost.toml");
        std::fs::write(&path, "title = \"From file\"\npartitions = 3\ntrusted_proxies = [\"10.0.0.0/8\", \"127.0.0.1\"]\n")
            .expect("written");
        let mut layered = Layered::default();
        layered.file(&path).expect("a good file");
        layered
            .environment([("ROOST_TITLE".to_owned(), "From environment".to_owned()), ("HOME".to_owned(), "/".to_owned())].into_iter())
            .expect("good");
        let config = layered.finish().expect("good");
        assert_eq!((config.title.as_str(), config.partitions), ("From environment", 3));
        assert_eq!(config.trusted_proxies.0, ["10.0.0.0/8", "127.0.0.1"]);
        assert!(layered.environment([("ROOST_TITEL".to_owned(), String::new())].into_iter()).is_err());
    }

    #[test]
    fn no_password_is_printed() {
        let url: MailUrl = "smtps://roost:s3cret@mail.example/me".parse().expect("good");
        assert_eq!(url.to_string(), "smtps://roost:…@mail.example/me");
        assert!(!format!("{url:?}").contains("s3cret"));
        let log: BackingUrl = "kafka://b:9092/roost?rf=3&sasl.password=s3cret".parse().expect("good");
        assert_eq!(log.to_string(), "kafka://b:9092/roost?rf=3&sasl.password=…");
        let views: BackingUrl = "cql://roost:s3cret@a,b/roost?datacenter=one".parse().expect("good");
        assert_eq!(format!("{views:?}"), "cql://roost:…@a,b/roost?datacenter=one");
    }

    #[test]
    fn every_default_parses_and_prints() {
        let config = Layered::default().finish().expect("defaults are good");
        for ((name, value), key) in config.entries().iter().zip(KEYS) {
            assert_eq!((*name, value.as_str()), (key.name, key.default));
        }
    }
}
