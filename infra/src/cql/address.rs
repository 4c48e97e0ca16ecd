//! The address of a CQL store: `cql://[user:password@]host:port[,host:port..]/keyspace[?datacenter=name][&replication=n]`.

use std::fmt;
use std::str::FromStr;

/// The port of a node where none is given.
const PORT: u16 = 9042;
/// Characters of a keyspace's name; the servers allow 48.
const KEYSPACE_CHARS_MAX: usize = 48;
const SCHEME: &str = "cql://";

/// Where a CQL store is, and how it keeps its rows. Shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct CqlUrl {
    /// `host:port` of nodes to begin with; the others are learned from them.
    pub nodes: Vec<String>,
    /// The keyspace.
    pub keyspace: String,
    /// Name and password.
    pub login: Option<(String, String)>,
    /// The datacenter that serves this process.
    pub datacenter: Option<String>,
    /// Copies of each row, for the keyspace's making.
    pub replicas: u16,
}

/// How a new keyspace is replicated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replication {
    /// Copies anywhere: for a single datacenter without a name.
    Simple(u16),
    /// Copies within a datacenter.
    Datacenter(String, u16),
}

/// Why a text is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: write cql://host:port,host:port/keyspace?datacenter=name&replication=3")]
pub struct BadCqlUrl(String);

impl CqlUrl {
    /// How the keyspace is to be replicated.
    pub fn replication(&self) -> Replication {
        match &self.datacenter {
            Some(name) => Replication::Datacenter(name.clone(), self.replicas),
            None => Replication::Simple(self.replicas),
        }
    }

    /// The same store, another keyspace.
    pub fn with_keyspace(&self, keyspace: &str) -> Result<Self, BadCqlUrl> {
        Ok(Self { keyspace: checked_keyspace(keyspace)?, ..self.clone() })
    }
}

impl Replication {
    /// The map that `CREATE KEYSPACE` takes.
    pub(crate) fn to_cql(&self) -> String {
        match self {
            Self::Simple(copies) => format!("{{'class': 'SimpleStrategy', 'replication_factor': {copies}}}"),
            Self::Datacenter(name, copies) => format!("{{'class': 'NetworkTopologyStrategy', '{name}': {copies}}}"),
        }
    }
}

/// A name that stands in statements as it is.
fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_lowercase())
        && chars.all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
        && text.len() <= KEYSPACE_CHARS_MAX
}

fn checked_keyspace(name: &str) -> Result<String, BadCqlUrl> {
    match is_name(name) {
        true => Ok(name.to_owned()),
        false => Err(BadCqlUrl(format!("{name:?} is no name of a keyspace (lower-case letters, digits and underscores, a letter first)"))),
    }
}

fn checked_node(text: &str) -> Result<String, BadCqlUrl> {
    let bad = || BadCqlUrl(format!("{text:?} is no node"));
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port.parse().map_err(|_| bad())?),
        _ => (text, PORT),
    };
    let good = !host.is_empty() && host.chars().all(|char| char.is_ascii_alphanumeric() || "-._:[]".contains(char));
    good.then(|| format!("{host}:{port}")).ok_or_else(bad)
}

impl FromStr for CqlUrl {
    type Err = BadCqlUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| BadCqlUrl("the address does not begin with cql://".into()))?;
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, keyspace) = place.rsplit_once('/').ok_or_else(|| BadCqlUrl("the address names no keyspace".into()))?;
        let (login, nodes) = match authority.rsplit_once('@') {
            Some((login, nodes)) => {
                let (user, password) = login.split_once(':').ok_or_else(|| BadCqlUrl("the login has no password".into()))?;
                (Some((user.to_owned(), password.to_owned())), nodes)
            }
            None => (None, authority),
        };
        let mut url = Self {
            nodes: nodes.split(',').map(checked_node).collect::<Result<_, _>>()?,
            keyspace: checked_keyspace(keyspace)?,
            login,
            datacenter: None,
            replicas: 1,
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("datacenter", name)) if name.chars().all(|char| char.is_ascii_alphanumeric() || "-_".contains(char)) => {
                    url.datacenter = Some(name.to_owned());
                }
                Some(("replication", copies)) => {
                    let copies = copies.parse().ok().filter(|copies| (1..=9).contains(copies));
                    url.replicas = copies.ok_or_else(|| BadCqlUrl("replication is not between 1 and 9".into()))?;
                }
                _ => return Err(BadCqlUrl(format!("{option:?} is no option"))),
            }
        }
        Ok(url)
    }
}

impl fmt::Display for CqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = self.login.as_ref().map_or(String::new(), |(user, _)| format!("{user}:***@"));
        write!(f, "{SCHEME}{login}{}/{}", self.nodes.join(","), self.keyspace)
    }
}

impl fmt::Debug for CqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_whole() {
        let url: CqlUrl = "cql://ana:p:w@one:1,two/roost?datacenter=dc1&replication=3".parse().unwrap();
        assert_eq!(url.nodes, ["one:1", "two:9042"]);
        assert_eq!((url.keyspace.as_str(), url.login.clone()), ("roost", Some(("ana".into(), "p:w".into()))));
        assert_eq!(url.replication(), Replication::Datacenter("dc1".into(), 3));
        assert_eq!(url.to_string(), "cql://ana:***@one:1,two:9042/roost");
        let plain: CqlUrl = "cql://127.0.0.1:29042/roost".parse().unwrap();
        assert_eq!(plain.replication().to_cql(), "{'class': 'SimpleStrategy', 'replication_factor': 1}");
        assert_eq!(plain.with_keyspace("other").unwrap().keyspace, "other");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let bad = [
            "http://one/roost",
            "cql://one",
            "cql:///roost",
            "cql://one:x/roost",
            "cql://one/Roost",
            "cql://one/1st",
            "cql://one/a;drop",
            "cql://one/",
            "cql://one/roost?copies=3",
            "cql://one/roost?replication=0",
            "cql://one/roost?datacenter='x",
            "cql://ana@one/roost",
        ];
        for text in bad {
            assert!(text.parse::<CqlUrl>().is_err(), "{text}");
        }
    }
}
