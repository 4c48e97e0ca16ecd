//! The writers: one thread each, one action after another, until the server is gone.

use super::Account;
use super::action::{Action, Attempt, Outcome};
use super::choose::{Mine, Recent};
use super::journal::Journal;
use super::known::{Is, Known};
use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};

/// Longest wait for one answer; the server answers within milliseconds or is dead.
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// How long an action is tried again while the server asks to wait, or does not show what another writer was told is there.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// A stretch of load that ends with a kill.
pub(super) struct Round {
    /// Names the keys of its attempts.
    pub(super) number: u32,
    /// Decides what is done.
    pub(super) seed: u64,
}

/// Writes as every writer until `kill` has killed the server.
///
/// # Errors
/// Fails where a server that is alive refuses what it must take.
pub(super) fn run(url: &str, journal: &Journal, round: &Round, kill: impl FnOnce() -> Result<()>) -> Result<()> {
    let known = Known::of(&journal.attempts());
    let recent = Recent::of(&known);
    let cast = journal.cast();
    std::thread::scope(|scope| {
        let (known, recent) = (&known, &recent);
        let write = |number: usize| {
            let mine = Mine::of(known, cast, number, recent, round.seed.wrapping_add(number as u64));
            move || write(url, journal, number, mine, round)
        };
        let threads: Vec<_> = (0..cast.writers.len()).map(|number| scope.spawn(write(number))).collect();
        kill()?;
        for thread in threads {
            thread.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
        }
        Ok(())
    })
}

fn write(url: &str, journal: &Journal, number: usize, mut mine: Mine<'_>, round: &Round) -> Result<()> {
    let agent = agent();
    for count in 0.. {
        let attempt = Attempt { writer: number, key: format!("k{}w{number}n{count}", round.number), action: mine.next() };
        journal.sent(&attempt)?;
        let outcome = until_answered(journal, url, &agent, &attempt, false)?;
        journal.answered(&attempt.key, outcome.clone())?;
        match (&attempt.action, &outcome) {
            (_, Outcome::Unknown) => break,
            (Action::Post | Action::Reply { .. }, Outcome::Ok(id)) => mine.made(id),
            _ => {}
        }
    }
    Ok(())
}

/// Sends every attempt without an answer again, under the same keys, until it has one.
///
/// # Errors
/// Fails where one is neither acknowledged nor refused for a reason.
pub(super) fn again(url: &str, journal: &Journal) -> Result<usize> {
    let agent = agent();
    let unanswered = journal.unanswered();
    for attempt in &unanswered {
        let outcome = match (until_answered(journal, url, &agent, attempt, true)?, &attempt.action) {
            // It was done before the server was killed: there is nothing left to delete.
            (Outcome::Refused, Action::Delete { .. }) => Outcome::Ok(String::new()),
            (Outcome::Refused, _) => Outcome::Moot,
            (outcome, _) => outcome,
        };
        anyhow::ensure!(outcome != Outcome::Unknown, "{attempt:?} has no answer from a server that is alive");
        journal.answered(&attempt.key, outcome)?;
    }
    Ok(unanswered.len())
}

/// Sends an attempt as often as the server asks for.
fn until_answered(journal: &Journal, url: &str, agent: &ureq::Agent, attempt: &Attempt, again: bool) -> Result<Outcome> {
    let writer = journal.cast().writers.get(attempt.writer).context("attempts name their writer")?;
    let (started, mut busy) = (Instant::now(), false);
    loop {
        match send(agent, url, writer, attempt)? {
            Answer::Outcome(outcome) => return Ok(outcome),
            // What was answered with 503 before may have been done.
            Answer::NotFound if may_be_gone(attempt, again, journal) => return Ok(if busy { Outcome::Moot } else { Outcome::Refused }),
            answer => {
                anyhow::ensure!(started.elapsed() < PATIENCE, "{attempt:?}: {answer:?} for {} s", PATIENCE.as_secs());
                busy |= matches!(answer, Answer::Busy);
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether somebody has asked for the end of what the action needs. A deletion itself counts only where it was sent before.
fn may_be_gone(attempt: &Attempt, again: bool, journal: &Journal) -> bool {
    let asked_for = |post: &str| Known::of(&journal.attempts()).post(post) != Is::Yes;
    again && matches!(attempt.action, Action::Delete { .. }) || attempt.action.needs().is_some_and(asked_for)
}

/// What came back.
#[derive(Debug)]
enum Answer {
    Outcome(Outcome),
    /// 404.
    NotFound,
    /// 503: nothing is said of what was done.
    Busy,
}

fn send(agent: &ureq::Agent, url: &str, writer: &Account, attempt: &Attempt) -> Result<Answer> {
    let (method, path) = attempt.action.request();
    let request = ureq::http::Request::builder().method(method).uri(format!("{url}{path}"));
    let request = request.header("authorization", format!("Bearer {}", writer.token)).header("idempotency-key", &attempt.key);
    let request = request.header("content-type", "application/json").body(attempt.action.body(&attempt.key).to_string())?;
    let sent = Instant::now();
    let Ok(mut answer) = agent.run(request) else {
        anyhow::ensure!(sent.elapsed() < ANSWER_WAIT, "{attempt:?}: no answer within {} s", ANSWER_WAIT.as_secs());
        return Ok(Answer::Outcome(Outcome::Unknown));
    };
    match answer.status().as_u16() {
        200 => match answer.body_mut().read_json::<serde_json::Value>() {
            Ok(entity) => {
                let id = entity.get("id").and_then(|id| id.as_str()).context("what was written has an id")?;
                Ok(Answer::Outcome(Outcome::Ok(id.to_owned())))
            }
            Err(_) => Ok(Answer::Outcome(Outcome::Unknown)),
        },
        404 => Ok(Answer::NotFound),
        503 => Ok(Answer::Busy),
        other => bail!("{attempt:?}: answered {other}: {}", answer.body_mut().read_to_string().unwrap_or_default()),
    }
}

/// Returns an agent with a connection of its own that treats every status as an answer.
pub(super) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(ANSWER_WAIT)).http_status_as_error(false).build().into()
}
