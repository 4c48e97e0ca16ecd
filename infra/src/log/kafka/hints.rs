//! Hints: where the validity rule stood, so that the next writer need not run it from the log's start.
//!
//! A hint is a committed offset with metadata. It may be old, for the state at an offset never changes; it may be lost, for the log has
//! it all; and it is believed only if the record before it is the one that it describes.

use std::fmt::Write;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::topic_partition_list::Offset as KafkaOffset;
use schemas::log::{Offset, Validity, WriterId};

use super::cluster::Cluster;
use super::context::{blocking, failed};
use super::options::ASK_TIMEOUT;
use super::part::{Known, Part};
use crate::log::{LogError, ReadLimits};

/// The version of the metadata. Persisted: never change what it says, add one.
const VERSION: &str = "v1";

/// How often a hint is asked for, and how long after a refusal.
const ASKS: u32 = 10;
const ASK_AGAIN: Duration = Duration::from_millis(300);

/// Version 1: `v1 EPOCH WRITER SEQUENCE`, decimal.
fn encode(state: Validity) -> String {
    let mut text = String::from(VERSION);
    let _ = write!(text, " {} {} {}", state.epoch, state.writer.0, state.sequence);
    text
}

fn decode(text: &str) -> Option<Validity> {
    let mut words = text.split(' ');
    (words.next()? == VERSION).then_some(())?;
    let (epoch, writer, sequence) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(Validity { epoch, writer: WriterId(writer), sequence })
}

/// Leaves a hint; it does not matter whether it arrives, except when `mode` waits for it.
pub(super) fn leave(cluster: &Cluster, part: &Part, known: Known, mode: CommitMode) {
    let committed = list(cluster, part, known).and_then(|list| cluster.tail().commit(&list, mode).map_err(failed));
    if let Err(error) = committed {
        tracing::debug!(partition = part.id.0, %error, "a hint is not left");
    }
}

fn list(cluster: &Cluster, part: &Part, known: Known) -> Result<TopicPartitionList, LogError> {
    let at = i64::try_from(known.next).map_err(|_| part.out_of_range(known.next))?;
    let mut list = TopicPartitionList::new();
    let mut element = list.add_partition(&cluster.topic, i32::from(part.id.0));
    element.set_offset(KafkaOffset::Offset(at)).map_err(failed)?;
    element.set_metadata(encode(known.state));
    Ok(list)
}

/// The newest state of the rule that can be trusted; the state before the first record if there is none.
///
/// Errors: [`LogError::Fatal`] when retention has removed the log's start and no hint stands after it.
pub(super) async fn newest(cluster: &Cluster, part: &Part) -> Result<Known, LogError> {
    if let Some(known) = part.known() {
        return Ok(known);
    }
    let bounds = cluster.bounds(part).await?;
    if let Some(hint) = left(cluster, part).await {
        if hint.next > bounds.start && hint.next <= bounds.end && describes(cluster, part, hint).await? {
            return Ok(hint);
        }
        tracing::warn!(partition = part.id.0, offset = hint.next, "a hint does not describe the log: it is read from its start");
    }
    if bounds.start > 0 {
        let (id, start) = (part.id, bounds.start);
        return Err(LogError::Fatal(format!(
            "retention has removed partition {id} up to {start}, and no hint says who wrote after it: start a new generation"
        )));
    }
    Ok(Known { next: 0, state: Validity::default() })
}

/// The hint that was left, if it can be had: a group whose coordinator is only just being found is asked again for a moment.
async fn left(cluster: &Cluster, part: &Part) -> Option<Known> {
    for _ in 0..ASKS {
        match ask(cluster, part).await {
            Ok(hint) => return hint,
            Err(error) => tracing::debug!(partition = part.id.0, %error, "a hint cannot be asked for"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    tracing::warn!(partition = part.id.0, "hints cannot be asked for: the log is read from its start");
    None
}

async fn ask(cluster: &Cluster, part: &Part) -> Result<Option<Known>, LogError> {
    let (tail, mut list) = (cluster.tail(), TopicPartitionList::new());
    list.add_partition(&cluster.topic, i32::from(part.id.0));
    let list = blocking(move || tail.committed_offsets(list, ASK_TIMEOUT).map_err(failed)).await?;
    let element = list.elements().into_iter().next();
    Ok(element.and_then(|element| match element.offset() {
        KafkaOffset::Offset(at) => Some(Known { next: Offset::try_from(at).ok()?, state: decode(element.metadata())? }),
        _ => None,
    }))
}

/// Whether the record before a hint is the one that the hint says was the last to count.
async fn describes(cluster: &Cluster, part: &Part, hint: Known) -> Result<bool, LogError> {
    let Some(before) = hint.next.checked_sub(1) else { return Ok(false) };
    let records = cluster.read(part, before, ReadLimits { records: 1, bytes: 0 }).await?;
    let last = records.first().map(|record| Validity {
        epoch: record.header.epoch,
        writer: record.header.writer,
        sequence: record.header.sequence,
    });
    Ok(last == Some(hint.state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_version_1_is_read_for_ever() {
        let state = Validity { epoch: 3, writer: WriterId(u64::MAX), sequence: 41 };
        assert_eq!(encode(state), "v1 3 18446744073709551615 41");
        assert_eq!(decode("v1 3 18446744073709551615 41"), Some(state));
        for wrong in ["", "v1", "v2 3 1 41", "v1 3 1", "v1 3 1 41 5", "v1 -3 1 41"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
