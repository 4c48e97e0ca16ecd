//! What a running server's operators' port offers of these tools, free of any HTTP library: JSON lines into a bounded channel.
//!
//! The port is to mount:
//!
//! | route | calls | answers |
//! |---|---|---|
//! | `POST /ops/rebuild?views=a,b` | [`rebuild`] | [`Line`]s as NDJSON |
//! | `GET /ops/verify?views=a,b` | [`verify`] | [`Line`]s as NDJSON |
//! | `GET /ops/inspect`, an `Asked` as the query | [`inspect`] | [`Line`]s as NDJSON |
//! | `GET /ops/dead-letters` | [`dead_letters`] | a JSON array |
//! | `POST /ops/dead-letters/release`, a `ReleaseRequest` as JSON | [`release`] | `Released` as JSON |
//!
//! The channel's other end may be dropped. Rebuilds and verifications go on when the caller goes away; an inspection ends, and it reads
//! no faster than its caller.

use projectors::{Done, LetterInfo, Projectors, Released, Verified};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use crate::inspect::Inspection;
use crate::letters::ReleaseRequest;
use crate::{rebuild, verify};

/// Lines that wait for a slow caller; progress beyond is left out.
pub const LINES_MAX: usize = 16;

/// Bytes of an inspection's lines that are put together before they are sent.
const CHUNK_BYTES: usize = 16 * 1024;

/// A line of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// How far a rebuild is.
    Progress(Done),
    /// What was found in a view.
    Verified(Verified),
    /// An event of the log.
    Event(Value),
    /// All is done; how many records were read, of a rebuild.
    Finished {
        /// Records read.
        records: u64,
    },
    /// It failed, and why. The old versions serve.
    Failed {
        /// Why.
        error: String,
    },
}

impl Line {
    /// As it goes over the wire, with its end.
    pub fn encode(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Reads the `views` parameter: names separated by commas.
pub fn names(parameter: Option<&str>) -> Vec<String> {
    parameter.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Rebuilds beside the live versions, telling of progress.
pub async fn rebuild(projectors: &Projectors, names: &[String], lines: Sender<String>) {
    let report = |done: Done| drop(lines.try_send(Line::Progress(done).encode()));
    let outcome = async { Ok::<u64, anyhow::Error>(projectors.rebuild(&rebuild::targets(names)?, &report).await?) };
    let last = match outcome.await {
        Ok(records) => Line::Finished { records },
        Err(error) => Line::Failed { error: format!("{error:#}") },
    };
    // Nobody may listen any more.
    let _ = lines.send(last.encode()).await;
}

/// Verifies one after the other.
pub async fn verify(projectors: &Projectors, names: &[String], lines: Sender<String>) {
    let outcome = async {
        for target in verify::targets(names)? {
            let found = projectors.verify(target).await?;
            let _ = lines.send(Line::Verified(found).encode()).await;
        }
        Ok::<(), anyhow::Error>(())
    };
    let last = match outcome.await {
        Ok(()) => Line::Finished { records: 0 },
        Err(error) => Line::Failed { error: format!("{error:#}") },
    };
    let _ = lines.send(last.encode()).await;
}

/// Sends the events of an inspection, as fast as they are taken; `follow` goes on at the end of the log until `stop` resolves.
pub async fn inspect(mut inspection: Inspection, follow: bool, lines: Sender<String>, stop: impl Future<Output = ()> + Send) {
    let outcome = tokio::select! {
        outcome = send_events(&mut inspection, follow, &lines) => outcome,
        () = lines.closed() => return,
        () = stop => Err(anyhow::anyhow!("the server stops: go on from the last position, once it is back")),
    };
    let last = match outcome {
        Ok(()) => Line::Finished { records: 0 },
        Err(error) => Line::Failed { error: format!("{error:#}") },
    };
    // Nobody may listen any more.
    let _ = lines.send(last.encode()).await;
}

async fn send_events(inspection: &mut Inspection, follow: bool, lines: &Sender<String>) -> anyhow::Result<()> {
    let mut chunk = String::new();
    loop {
        let line = inspection.next().await?;
        let at_end = line.is_none();
        line.into_iter().for_each(|event| chunk.push_str(&Line::Event(event).encode()));
        if chunk.len() >= CHUNK_BYTES || at_end && !chunk.is_empty() {
            lines.send(std::mem::take(&mut chunk)).await?;
        }
        if at_end && (!follow || inspection.is_full()) {
            return Ok(());
        }
        if at_end {
            inspection.wait().await?;
        }
    }
}

/// Lists every dead letter.
pub async fn dead_letters(projectors: &Projectors) -> anyhow::Result<Vec<LetterInfo>> {
    Ok(projectors.dead_letters().await?)
}

/// Releases a dead letter.
pub async fn release(projectors: &Projectors, request: &ReleaseRequest) -> anyhow::Result<Released> {
    let (place, how) = request.parse()?;
    Ok(projectors.release(place, how).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_round_trip() {
        let lines = [
            Line::Progress(Done { records: 1, total: 2 }),
            Line::Event(serde_json::json!({ "type": "PostPublished" })),
            Line::Finished { records: 2 },
            Line::Failed { error: "no space".into() },
            Line::Verified(Verified { view: "accounts".into(), rows: 1, differing: 0, differences: vec![] }),
        ];
        for line in lines {
            let text = line.encode();
            assert!(text.ends_with('\n'));
            assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
        }
    }

    #[test]
    fn names_are_separated_by_commas() {
        assert_eq!(names(Some("accounts, search,")), ["accounts", "search"]);
        assert!(names(None).is_empty());
    }
}
