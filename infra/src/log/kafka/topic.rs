//! Topics: found, made with the settings under which nothing that was acknowledged is lost, and the topic of a generation checked for them.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::context::{Context, Plain, blocking, failed, refused};
use super::options::{ASK_TIMEOUT, KafkaOptions, MESSAGE_BYTES_MAX, client, topic_of};
use super::url::KafkaUrl;
use crate::log::{LogError, LogLayout};

/// Partitions of a log at the most.
const PARTITIONS_MAX: usize = 256;
/// How often a new topic is looked at until it has leaders.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What the cluster says of a topic.
struct Found {
    name: String,
    partitions: usize,
    /// Whether each partition has a leader.
    led: bool,
}

/// The newest generation that exists below the URL's prefix, with its partitions; nothing, if there is none.
pub(super) async fn newest(url: &KafkaUrl) -> Result<Option<LogLayout>, LogError> {
    let start = topic_of(url, 0);
    let start = start.trim_end_matches('0').to_owned();
    let config = client(url);
    let found = blocking(move || topics(&config)).await?;
    let generation = |topic: &Found| topic.name.strip_prefix(&start)?.parse::<u32>().ok().filter(|generation| *generation > 0);
    let newest = found.iter().filter_map(|topic| Some((generation(topic)?, topic.partitions))).max();
    newest.map(|(generation, partitions)| layout(generation, partitions)).transpose()
}

/// A topic as it is made when it is absent.
pub(crate) struct Wanted<'a> {
    pub(crate) url: &'a KafkaUrl,
    pub(crate) name: &'a str,
    pub(crate) partitions: u16,
    /// What is particular to it, beside the settings that keep what was acknowledged.
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

/// Makes the log's topic if it is absent, and checks that it is fit for a log.
pub(super) async fn prepare(options: &KafkaOptions) -> Result<(), LogError> {
    let (url, topic) = (&options.url, topic_of(&options.url, options.layout.generation));
    let keep = |bound: Option<u64>| bound.map_or("-1".to_owned(), |bound| bound.to_string());
    let (keep_ms, keep_bytes) = (keep(url.retention_ms), keep(url.retention_bytes));
    let settings = [("retention.ms", keep_ms.as_str()), ("retention.bytes", keep_bytes.as_str())];
    let wanted = Wanted { url, name: &topic, partitions: options.layout.partitions, settings: &settings };
    let is = layout(options.layout.generation, provide(&wanted, options.create).await?)?;
    if is != options.layout {
        let (has, wants) = (is.partitions, options.layout.partitions);
        return Err(LogError::Fatal(format!("topic {topic} has {has} partitions, not {wants}: they are fixed for a generation")));
    }
    check_settings(url, &topic).await
}

/// Makes a topic if it is absent and to be made, waits until it is led, and gives back how many partitions it has.
pub(crate) async fn provide(wanted: &Wanted<'_>, make: bool) -> Result<usize, LogError> {
    let (config, name) = (client(wanted.url), wanted.name);
    match find(&config, name).await? {
        Some(_) => {}
        None if make => create(wanted).await?,
        None => return Err(LogError::Fatal(format!("there is no topic {name}"))),
    }
    let deadline = Instant::now() + ASK_TIMEOUT;
    loop {
        match find(&config, name).await? {
            Some(found) if found.led => return Ok(found.partitions),
            _ if Instant::now() > deadline => return Err(LogError::Retryable(format!("a partition of topic {name} has no leader"))),
            _ => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

fn layout(generation: u32, partitions: usize) -> Result<LogLayout, LogError> {
    match u16::try_from(partitions) {
        Ok(count @ 1..) if partitions <= PARTITIONS_MAX => Ok(LogLayout { generation, partitions: count }),
        _ => Err(LogError::Fatal(format!("generation {generation} has {partitions} partitions: at most {PARTITIONS_MAX} can be used"))),
    }
}

async fn find(config: &ClientConfig, name: &str) -> Result<Option<Found>, LogError> {
    let config = config.clone();
    let found = blocking(move || topics(&config)).await?;
    Ok(found.into_iter().find(|topic| topic.name == name))
}

/// All topics. They are asked for together because asking for one could make it.
fn topics(config: &ClientConfig) -> Result<Vec<Found>, LogError> {
    let consumer: Plain = config.create_with_context(Context).map_err(refused)?;
    let metadata = consumer.fetch_metadata(None, ASK_TIMEOUT).map_err(failed)?;
    let found = metadata.topics().iter().map(|topic| Found {
        name: topic.name().to_owned(),
        partitions: topic.partitions().len(),
        led: topic.partitions().iter().all(|partition| partition.leader() >= 0),
    });
    Ok(found.collect())
}

async fn create(wanted: &Wanted<'_>) -> Result<(), LogError> {
    let Wanted { url, name: topic, partitions, settings } = *wanted;
    let admin: AdminClient<Context> = client(url).create_with_context(Context).map_err(refused)?;
    let replicas = url.replication.min(2).to_string();
    let largest = MESSAGE_BYTES_MAX.to_string();
    let mut new = NewTopic::new(topic, i32::from(partitions), TopicReplication::Fixed(i32::from(url.replication)))
        .set("cleanup.policy", "delete")
        .set("min.insync.replicas", &replicas)
        .set("unclean.leader.election.enable", "false")
        .set("max.message.bytes", &largest)
        .set("message.timestamp.type", "LogAppendTime")
        .set("compression.type", "producer");
    for (setting, value) in settings {
        new = new.set(setting, value);
    }
    let asked = AdminOptions::new().request_timeout(Some(ASK_TIMEOUT)).operation_timeout(Some(ASK_TIMEOUT));
    for created in admin.create_topics([&new], &asked).await.map_err(failed)? {
        match created {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code @ (RDKafkaErrorCode::RequestTimedOut | RDKafkaErrorCode::BrokerNotAvailable))) => {
                return Err(failed(KafkaError::AdminOp(code)));
            }
            Err((_, code)) => return Err(LogError::Fatal(format!("topic {topic} cannot be made: {code}"))),
        }
    }
    tracing::info!(topic, partitions, replicas = url.replication, "made a topic");
    Ok(())
}

/// Refuses settings under which what was acknowledged may vanish.
async fn check_settings(url: &KafkaUrl, topic: &str) -> Result<(), LogError> {
    let admin: AdminClient<Context> = client(url).create_with_context(Context).map_err(refused)?;
    let asked = AdminOptions::new().request_timeout(Some(ASK_TIMEOUT));
    for described in admin.describe_configs([&ResourceSpecifier::Topic(topic)], &asked).await.map_err(failed)? {
        let described = match described {
            Ok(described) => described,
            Err(error) => {
                tracing::warn!(topic, %error, "the topic's settings cannot be read: its cleanup policy is not checked");
                continue;
            }
        };
        let is = |name: &str| described.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default();
        let policy = is("cleanup.policy");
        if policy.contains("compact") {
            return Err(LogError::Fatal(format!("topic {topic} is compacted (cleanup.policy={policy}): a log must keep every record")));
        }
        if is("unclean.leader.election.enable") == "true" {
            return Err(LogError::Fatal(format!("topic {topic} allows unclean leaders, which lose acknowledged records: disallow them")));
        }
    }
    Ok(())
}
