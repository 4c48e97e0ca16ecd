//! One follower's place in the topic: a consumer on a thread of its own, and the line of what it brought.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::PARTITION;
use crate::log::LogError;
use crate::log::kafka::context::{Plain, failed};
use crate::log::kafka::options::ASK_TIMEOUT;
use crate::notices::{Heard, NoticeError, Subscription, decode};

/// Notices that a follower has not heard yet; the rest waits in the consumer, which has bounds of its own, and in the topic.
const UNHEARD_MAX: usize = 256;
/// How long the thread sleeps before it looks whether anybody follows.
const NAP: Duration = Duration::from_millis(100);
/// A consumer that has brought nothing for so long is compared with the topic's end: librdkafka's are known to stall.
const STALL: Duration = Duration::from_secs(10);

/// See the module. Dropped, the thread ends, and with it the consumer.
pub(super) struct Place(mpsc::Receiver<Result<Heard, NoticeError>>);

/// Takes the place at the topic's end, and starts the thread. Blocks for a question to the cluster.
pub(super) fn take(consumer: Plain, topic: String) -> Result<Place, LogError> {
    let (_, next) = consumer.fetch_watermarks(&topic, PARTITION, ASK_TIMEOUT).map_err(failed)?;
    // At this offset, not at "the end": what is published before the first fetch is to be heard.
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, PARTITION, Offset::Offset(next)).map_err(failed)?;
    consumer.assign(&list).map_err(failed)?;
    let (heard, place) = mpsc::channel(UNHEARD_MAX);
    let mut follower = Follower { consumer, topic, next, heard, moved: Instant::now() };
    let thread = std::thread::Builder::new().name("kafka-notices".into()).spawn(move || while follower.step() {});
    thread.map_err(|error| LogError::Fatal(format!("cannot start the follower's thread: {error}")))?;
    Ok(Place(place))
}

struct Follower {
    consumer: Plain,
    topic: String,
    /// The offset of the next notice.
    next: i64,
    heard: mpsc::Sender<Result<Heard, NoticeError>>,
    /// When something was last brought, or known to be missing from nothing.
    moved: Instant,
}

/// What a poll brought.
enum Brought {
    Nothing,
    One(Heard),
    /// The last thing that is heard here.
    End(Result<Heard, NoticeError>),
}

impl Follower {
    /// Brings what comes next; whether to go on.
    fn step(&mut self) -> bool {
        let polled = self.consumer.poll(NAP);
        let brought = match polled {
            Some(Ok(message)) => read(&message, &mut self.next),
            Some(Err(error)) => judge(&error),
            None => Brought::Nothing,
        };
        match brought {
            Brought::One(heard) => {
                self.moved = Instant::now();
                // Waits while the line is full; fails once nobody follows.
                self.heard.blocking_send(Ok(heard)).is_ok()
            }
            Brought::End(last) => {
                drop(self.heard.blocking_send(last));
                false
            }
            Brought::Nothing if self.moved.elapsed() < STALL => !self.heard.is_closed(),
            Brought::Nothing => self.watch(),
        }
    }

    /// Compares a consumer that brings nothing with the topic; whether to go on.
    fn watch(&mut self) -> bool {
        self.moved = Instant::now();
        // What cannot be asked cannot be compared: the cluster is away, and its consumers find it again by themselves.
        let Ok((_, end)) = self.consumer.fetch_watermarks(&self.topic, PARTITION, ASK_TIMEOUT) else { return true };
        if end == self.next {
            return true;
        }
        metrics::counter!("roost_kafka_stalls_total", "consumer" => "notices").increment(1);
        drop(self.heard.blocking_send(Err(NoticeError(format!("nothing comes at offset {} of {end}: subscribe again", self.next)))));
        false
    }
}

fn read(message: &BorrowedMessage<'_>, next: &mut i64) -> Brought {
    let (at, expected) = (message.offset(), *next);
    if at < expected {
        return Brought::Nothing;
    }
    *next = at + 1;
    match decode(message.payload().unwrap_or_default()) {
        Ok(notice) if at == expected => Brought::One(Heard::Notice(notice)),
        other => {
            tracing::warn!(at, expected, readable = other.is_ok(), "notices were missed");
            Brought::One(Heard::Missed)
        }
    }
}

/// Whether an error ends the following, or librdkafka goes on by itself.
fn judge(error: &KafkaError) -> Brought {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset) => Brought::End(Ok(Heard::Missed)),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::BadMessage
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::Fatal,
        ) => Brought::End(Err(NoticeError(error.to_string()))),
        _ => {
            tracing::debug!(%error, "the follower's consumer reports");
            Brought::Nothing
        }
    }
}

#[async_trait]
impl Subscription for Place {
    async fn hear(&mut self) -> Result<Heard, NoticeError> {
        self.0.recv().await.unwrap_or_else(|| Err(NoticeError("the place in the feed is lost: subscribe again".into())))
    }
}
