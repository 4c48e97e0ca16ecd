//! Where a log on Kafka is: `kafka://host:port,host:port/prefix?rf=3&retention_ms=..&sasl.username=..`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The port of a broker that is named without one.
const PORT: u16 = 9092;
/// What topics are called after when the URL does not say.
const PREFIX: &str = "roost";
/// Characters of a prefix at the most: Kafka takes names of 249, groups add to it.
const PREFIX_CHARS_MAX: usize = 100;
/// Replicas at the most.
const REPLICATION_MAX: u16 = 16;

/// Properties of librdkafka on which the log's promises rest, or that the adapter sets itself: they cannot be given.
const RESERVED: [&str; 19] = [
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "check.crcs",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "isolation.level",
    "log.queue",
    "max.in.flight",
    "message.max.bytes",
    "metadata.broker.list",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "request.required.acks",
];

/// Why a text is not the URL of a log on Kafka.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKafkaUrl {
    /// Another scheme.
    #[error("the URL of a log on Kafka starts with kafka://")]
    Scheme,
    /// No broker, or one that is not `host` or `host:port`.
    #[error("`{0}` is not a broker: write host or host:port")]
    Broker(String),
    /// A prefix that no topic can have.
    #[error("`{0}` cannot start a topic's name: use letters, digits, `.`, `_` and `-`, at most {PREFIX_CHARS_MAX} of them")]
    Prefix(String),
    /// A number out of its range.
    #[error("`{name}={value}` is not a number in its range")]
    Number {
        /// The key.
        name: String,
        /// Its value.
        value: String,
    },
    /// Neither one of ours nor a property of librdkafka.
    #[error("`{0}` is not known: known are rf, retention_ms, retention_bytes, and librdkafka's properties, whose names have a dot")]
    Unknown(String),
    /// One that the log sets itself.
    #[error("`{0}` cannot be set: the log's promises rest on its value")]
    Reserved(String),
}

/// Where a log on Kafka is, and how its topic is made if it is absent.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaUrl {
    /// `host:port`, at least one.
    pub brokers: Vec<String>,
    /// What the names of topics and groups start with.
    pub prefix: String,
    /// Replicas of each partition of a topic that is made. Default 1.
    pub replication: u16,
    /// How long records are kept, of a topic that is made; for ever by default. Milliseconds.
    pub retention_ms: Option<u64>,
    /// Bytes of records kept in each partition, of a topic that is made; all by default.
    pub retention_bytes: Option<u64>,
    /// Properties of librdkafka: TLS, SASL, tuning. See [`Self::set`].
    properties: BTreeMap<String, String>,
}

impl KafkaUrl {
    /// Sets a property of librdkafka, as `kafka.NAME = value` of the configuration does: `security.protocol`, `ssl.ca.location`,
    /// `sasl.mechanism`, `sasl.username`, `sasl.password` and the like.
    ///
    /// Errors: [`BadKafkaUrl::Reserved`] for those that the log sets itself. Whether librdkafka knows it shows when the log opens.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), BadKafkaUrl> {
        if RESERVED.contains(&name) {
            return Err(BadKafkaUrl::Reserved(name.to_owned()));
        }
        self.properties.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// The properties that were set.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Without the properties' values: passwords are among them.
impl fmt::Debug for KafkaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.properties.keys().collect();
        f.debug_struct("KafkaUrl").field("url", &self.to_string()).field("properties", &names).finish_non_exhaustive()
    }
}

/// Without the properties.
impl fmt::Display for KafkaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka://{}/{}?rf={}", self.brokers.join(","), self.prefix, self.replication)
    }
}

impl FromStr for KafkaUrl {
    type Err = BadKafkaUrl;

    fn from_str(text: &str) -> Result<Self, BadKafkaUrl> {
        let rest = text.strip_prefix("kafka://").ok_or(BadKafkaUrl::Scheme)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (brokers, prefix) = place.split_once('/').unwrap_or((place, ""));
        let brokers = brokers.split(',').map(broker).collect::<Result<Vec<_>, _>>()?;
        let prefix = if prefix.is_empty() { PREFIX } else { prefix };
        let names_a_topic = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if prefix.len() > PREFIX_CHARS_MAX || !prefix.chars().all(names_a_topic) {
            return Err(BadKafkaUrl::Prefix(prefix.to_owned()));
        }
        let prefix = prefix.to_owned();
        let mut url = Self { brokers, prefix, replication: 1, retention_ms: None, retention_bytes: None, properties: BTreeMap::new() };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "rf" => url.replication = number(&name, &value, 1, u64::from(REPLICATION_MAX))? as u16,
                "retention_ms" => url.retention_ms = Some(number(&name, &value, 1, i64::MAX as u64)?),
                "retention_bytes" => url.retention_bytes = Some(number(&name, &value, 1, i64::MAX as u64)?),
                property if property.contains('.') || RESERVED.contains(&property) => {
                    url.set(property.strip_prefix("kafka.").unwrap_or(property), &value)?;
                }
                _ => return Err(BadKafkaUrl::Unknown(name.into_owned())),
            }
        }
        Ok(url)
    }
}

fn broker(text: &str) -> Result<String, BadKafkaUrl> {
    let bad = || BadKafkaUrl::Broker(text.to_owned());
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an address of version 6 stand within brackets.
        Some((host, port)) if !port.contains(']') => (host, port.parse::<u16>().map_err(|_| bad())?),
        _ => (text, PORT),
    };
    let is_host =
        !host.is_empty() && port > 0 && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'));
    if is_host { Ok(format!("{host}:{port}")) } else { Err(bad()) }
}

fn number(name: &str, value: &str, min: u64, max: u64) -> Result<u64, BadKafkaUrl> {
    let parsed = value.parse().ok().filter(|number| (min..=max).contains(number));
    parsed.ok_or_else(|| BadKafkaUrl::Number { name: name.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(text.parse::<KafkaUrl>().expect("a good URL").to_string(), expected, "{text}");
    }

    #[test]
    fn brokers_and_prefix_have_defaults() {
        check("kafka://one", "kafka://one:9092/roost?rf=1");
        check("kafka://one:1,two:2", "kafka://one:1,two:2/roost?rf=1");
        check("kafka://[::1]:19092,10.0.0.1/my.place?rf=3", "kafka://[::1]:19092,10.0.0.1:9092/my.place?rf=3");
    }

    #[test]
    fn properties_pass_through_and_are_not_shown() {
        let url: KafkaUrl =
            "kafka://one/p?security.protocol=sasl_ssl&kafka.sasl.password=a%26b&retention_ms=5".parse().expect("a good URL");
        assert_eq!(url.properties().collect::<Vec<_>>(), [("sasl.password", "a&b"), ("security.protocol", "sasl_ssl")]);
        assert_eq!((url.retention_ms, url.retention_bytes), (Some(5), None));
        assert!(!format!("{url:?} {url}").contains("a&b"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |text: &str| text.parse::<KafkaUrl>().expect_err(text);
        assert_eq!(refused("http://one"), BadKafkaUrl::Scheme);
        assert_eq!(refused("kafka:///p"), BadKafkaUrl::Broker(String::new()));
        assert_eq!(refused("kafka://one:x"), BadKafkaUrl::Broker("one:x".into()));
        assert_eq!(refused("kafka://user@one"), BadKafkaUrl::Broker("user@one".into()));
        assert_eq!(refused("kafka://one/a/b"), BadKafkaUrl::Prefix("a/b".into()));
        assert_eq!(refused("kafka://one?rf=0"), BadKafkaUrl::Number { name: "rf".into(), value: "0".into() });
        assert_eq!(refused("kafka://one?rff=1"), BadKafkaUrl::Unknown("rff".into()));
        assert_eq!(refused("kafka://one?acks=1"), BadKafkaUrl::Reserved("acks".into()));
        assert_eq!(refused("kafka://one?kafka.group.id=1"), BadKafkaUrl::Reserved("group.id".into()));
    }
}
