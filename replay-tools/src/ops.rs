//! What a running server's operators' port offers of these tools, free of any HTTP library: JSON lines into a bounded channel.
//!
//! The port is to mount:
//!
//! | route | calls | answers |
//! |---|---|---|
//! | `POST /ops/rebuild?views=a,b` | [`rebuild`] | [`Line`]s as NDJSON |
//! | `GET /ops/verify?views=a,b` | [`verify`] | [`Line`]s as NDJSON |
//! | `GET /ops/dead-letters` | [`dead_letters`] | a JSON array |
//! | `POST /ops/dead-letters/release`, a `ReleaseRequest` as JSON | [`release`] | `Released` as JSON |
//!
//! The work goes on when the caller goes away; the channel's other end may be dropped.

use projectors::{Done, LetterInfo, Projectors, Released, Verified};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use crate::letters::ReleaseRequest;
use crate::{rebuild, verify};

/// Lines that wait for a slow caller; progress beyond is left out.
pub const LINES_MAX: usize = 16;

/// A line of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// How far a rebuild is.
    Progress(Done),
    /// What was found in a view.
    Verified(Verified),
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

/// Verifies view after view.
pub async fn verify(projectors: &Projectors, names: &[String], lines: Sender<String>) {
    let outcome = async {
        for view in verify::views(names)? {
            let found = projectors.verify(view).await?;
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
