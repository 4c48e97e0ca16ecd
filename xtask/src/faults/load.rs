//! The writers: one thread each, one status after another, until the server is gone.

use super::Writer;
use super::journal::{Attempt, Outcome};
use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};

/// Longest wait for one answer; the server answers within milliseconds or is dead.
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// How often a write that is sent again is tried while the server asks to wait.
const TRIES: u32 = 50;

/// Publishes statuses as every writer until `kill` has killed the server, and returns every attempt.
///
/// # Errors
/// Fails where a server that is alive refuses what it must take.
pub(super) fn run(url: &str, writers: &[Writer], round: u32, kill: impl FnOnce() -> Result<()>) -> Result<Vec<Attempt>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            writers.iter().enumerate().map(|(number, writer)| scope.spawn(move || write(url, number, writer, round))).collect();
        kill()?;
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??);
        }
        Ok(all)
    })
}

fn write(url: &str, number: usize, writer: &Writer, round: u32) -> Result<Vec<Attempt>> {
    let agent = agent();
    let mut attempts = Vec::new();
    for count in 0.. {
        // The attempt is noted before it is sent: if nothing comes back, its outcome stays unknown.
        let key = format!("k{round}w{number}n{count}");
        let outcome = publish(&agent, url, writer, &key)?;
        let gone = outcome == Outcome::Unknown;
        attempts.push(Attempt { writer: number, key, outcome });
        if gone {
            break;
        }
    }
    Ok(attempts)
}

/// Sends attempts again, under the same keys, until each is acknowledged.
///
/// # Errors
/// Fails where one is not acknowledged.
pub(super) fn again(url: &str, writers: &[Writer], attempts: &[Attempt]) -> Result<Vec<Attempt>> {
    let agent = agent();
    let mut settled = Vec::new();
    for attempt in attempts {
        let writer = writers.get(attempt.writer).context("attempts name their writer")?;
        let mut outcome = publish(&agent, url, writer, &attempt.key)?;
        for _ in 0..TRIES {
            if matches!(outcome, Outcome::Ok(_)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
            outcome = publish(&agent, url, writer, &attempt.key)?;
        }
        anyhow::ensure!(matches!(outcome, Outcome::Ok(_)), "{} is never acknowledged: {outcome:?}", attempt.key);
        settled.push(Attempt { outcome, ..attempt.clone() });
    }
    Ok(settled)
}

fn publish(agent: &ureq::Agent, url: &str, writer: &Writer, key: &str) -> Result<Outcome> {
    let request = agent.post(format!("{url}/api/v1/statuses")).header("Authorization", format!("Bearer {}", writer.token));
    let sent = Instant::now();
    let answer = request.header("Idempotency-Key", key).send_json(serde_json::json!({ "status": key }));
    let Ok(mut answer) = answer else {
        anyhow::ensure!(sent.elapsed() < ANSWER_WAIT, "{key}: no answer within {} s", ANSWER_WAIT.as_secs());
        return Ok(Outcome::Unknown);
    };
    match answer.status().as_u16() {
        200 => match answer.body_mut().read_json::<serde_json::Value>() {
            Ok(status) => Ok(Outcome::Ok(status.get("id").and_then(|id| id.as_str()).context("a status has an id")?.to_owned())),
            Err(_) => Ok(Outcome::Unknown),
        },
        503 => Ok(Outcome::Rejected),
        other => bail!("{key}: answered {other}: {}", answer.body_mut().read_to_string().unwrap_or_default()),
    }
}

/// Returns an agent with a connection of its own that treats every status as an answer.
pub(super) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(ANSWER_WAIT)).http_status_as_error(false).build().into()
}
