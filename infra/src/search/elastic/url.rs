//! Where an Elasticsearch is, as configuration says it.
//!
//! ```text
//! elastic://[user:password@]host:port[,host:port..]/prefix[?replicas=1&shards=1]      elastics:// speaks TLS
//! ```

use std::fmt;
use std::str::FromStr;

use crate::login::decoded;

/// Characters of a prefix at the most.
const PREFIX_CHARS_MAX: usize = 64;
/// Replicas of an index at the most.
const REPLICAS_MAX: u32 = 16;
/// Shards of an index at the most.
const SHARDS_MAX: u32 = 256;

/// The nodes, the names and the cut of the search index.
#[derive(Clone, PartialEq, Eq)]
pub struct ElasticUrl {
    /// Whether nodes are spoken to over TLS.
    pub tls: bool,
    /// Name and password.
    pub login: Option<(String, String)>,
    /// Nodes as `host:port`, at least one; calls go around.
    pub nodes: Vec<String>,
    /// What the names of all indexes and aliases begin with.
    pub prefix: String,
    /// Copies of each shard beside the first, for indexes made from now on.
    pub replicas: u32,
    /// Shards, for indexes made from now on.
    pub shards: u32,
}

const TAKES: &str = "write it as elastic://host:port[,host:port..]/prefix?replicas=1&shards=1 (elastics:// for TLS)";

impl FromStr for ElasticUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |what: &str| format!("{what}: {TAKES}");
        let (scheme, rest) = text.split_once("://").ok_or_else(|| bad("no scheme"))?;
        let tls = match scheme {
            "elastic" => false,
            "elastics" => true,
            _ => return Err(bad("unknown scheme")),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, prefix) = rest.split_once('/').ok_or_else(|| bad("no prefix"))?;
        let (login, nodes) = match authority.rsplit_once('@') {
            Some((login, nodes)) => (Some(parse_login(login).ok_or_else(|| bad("no password after the name"))?), nodes),
            None => (None, authority),
        };
        let nodes: Vec<String> = nodes.split(',').map(str::to_owned).collect();
        if !nodes.iter().all(|node| is_node(node)) {
            return Err(bad("a node is no host:port"));
        }
        if !is_prefix(prefix) {
            return Err(bad("the prefix takes lower-case letters, digits, - and _, and begins with a letter"));
        }
        let mut url = Self { tls, login, nodes, prefix: prefix.to_owned(), replicas: 1, shards: 1 };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let number: Option<u32> = value.parse().ok();
            match (key, number) {
                ("replicas", Some(number @ 0..=REPLICAS_MAX)) => url.replicas = number,
                ("shards", Some(number @ 1..=SHARDS_MAX)) => url.shards = number,
                _ => return Err(bad(&format!("`{pair}` is not understood"))),
            }
        }
        Ok(url)
    }
}

fn parse_login(login: &str) -> Option<(String, String)> {
    let (name, password) = login.split_once(':')?;
    Some((decoded(name), decoded(password)))
}

fn is_node(node: &str) -> bool {
    let Some((host, port)) = node.rsplit_once(':') else { return false };
    let host_is_good = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':'));
    host_is_good && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_prefix(prefix: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    prefix.starts_with(|c: char| c.is_ascii_lowercase()) && prefix.len() <= PREFIX_CHARS_MAX && prefix.chars().all(known)
}

/// Without name and password.
impl fmt::Display for ElasticUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, nodes) = (if self.tls { "elastics" } else { "elastic" }, self.nodes.join(","));
        write!(f, "{scheme}://{nodes}/{}?replicas={}&shards={}", self.prefix, self.replicas, self.shards)
    }
}

/// As shown, so that no log holds a password.
impl fmt::Debug for ElasticUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let shown = text.parse::<ElasticUrl>().map(|url| format!("{url} {:?}", url.login.clone().unwrap_or_default()));
        match (shown, expected) {
            (Ok(shown), Ok(expected)) => assert_eq!(shown, expected, "{text}"),
            (Err(problem), Err(expected)) => assert!(problem.contains(expected), "{text}: {problem}"),
            (shown, expected) => panic!("{text}: {shown:?}, not {expected:?}"),
        }
    }

    #[test]
    fn urls_are_read_whole() {
        check("elastic://a:9200/roost", Ok(r#"elastic://a:9200/roost?replicas=1&shards=1 ("", "")"#));
        check("elastic://a:9200,[::1]:9201/r-1?replicas=0&shards=3", Ok(r#"elastic://a:9200,[::1]:9201/r-1?replicas=0&shards=3 ("", "")"#));
        check("elastics://me:p%40%3Ass+1@a:9200/roost", Ok(r#"elastics://a:9200/roost?replicas=1&shards=1 ("me", "p@:ss+1")"#));
        check("http://a:9200/roost", Err("unknown scheme"));
        check("elastic://a:9200", Err("no prefix"));
        check("elastic://a/roost", Err("no host:port"));
        check("elastic://a:9200/", Err("prefix takes"));
        check("elastic://a:9200/Roost", Err("prefix takes"));
        check("elastic://a:9200/a,b", Err("prefix takes"));
        check("elastic://me@a:9200/roost", Err("no password"));
        check("elastic://a:9200/roost?shards=0", Err("`shards=0`"));
        check("elastic://a:9200/roost?x=1", Err("`x=1`"));
    }

    #[test]
    fn passwords_are_not_shown() {
        let url: ElasticUrl = "elastic://me:secret@a:9200/roost".parse().unwrap();
        assert!(!format!("{url} {url:?}").contains("secret"));
    }
}
