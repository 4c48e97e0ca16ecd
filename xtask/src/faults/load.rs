//! The writers: one thread each, one action after another, until the server is gone, or until they are told to stop.

use super::Account;
use super::action::{Action, Attempt, Outcome};
use super::choose::{Mine, Recent};
use super::journal::Journal;
use super::known::{Is, Known};
use anyhow::{Context, Result, bail};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for one answer; the server answers within milliseconds or is dead.
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// How long an action is tried again by default while the server asks to wait, or does not show what another writer was told is there.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// A stretch of load.
pub(super) struct Round {
    /// Names the keys of its attempts.
    pub(super) number: u32,
    /// Decides what is done.
    pub(super) seed: u64,
}

/// How a writer takes what is no answer.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// Whether the attempt was sent before.
    again: bool,
    /// Whether to send on, under the same key, where nothing came back: others will answer.
    insists: bool,
    patience: Duration,
}

impl Manner {
    /// Whoever speaks to one server, which may be gone.
    const ONCE: Self = Self { again: false, insists: false, patience: PATIENCE };
}

/// Writes as every writer until `kill` has killed the server.
///
/// # Errors
/// Fails where a server that is alive refuses what it must take.
pub(super) fn run(url: &str, journal: &Journal, round: &Round, kill: impl FnOnce() -> Result<()>) -> Result<()> {
    write_all(&[url.to_owned()], journal, round, Manner::ONCE, kill)
}

/// Writes as every writer through servers that stay, whatever happens behind them, until `fault` has returned. What has no answer is sent
/// on under the same key for as long as `patience`.
///
/// # Errors
/// Fails where something is refused that must be taken, or has no answer in that time.
pub(super) fn run_through(
    urls: &[String],
    journal: &Journal,
    round: &Round,
    patience: Duration,
    fault: impl FnOnce() -> Result<()>,
) -> Result<()> {
    write_all(urls, journal, round, Manner { again: false, insists: true, patience }, fault)
}

fn write_all(urls: &[String], journal: &Journal, round: &Round, manner: Manner, until: impl FnOnce() -> Result<()>) -> Result<()> {
    let known = Known::of(&journal.attempts());
    let recent = Recent::of(&known);
    let cast = journal.cast();
    let told = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (known, recent, told) = (&known, &recent, &told);
        let write = |number: usize| {
            let mine = Mine::of(known, cast, number, recent, round.seed.wrapping_add(number as u64));
            let url = url_of(urls, number);
            move || write(&Writer { url, journal, number, round, manner, told }, mine)
        };
        let threads: Vec<_> = (0..cast.writers.len()).map(|number| scope.spawn(write(number))).collect();
        let done = until();
        told.store(true, Ordering::Relaxed);
        done?;
        for thread in threads {
            thread.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
        }
        Ok(())
    })
}

/// The server that a writer speaks to.
fn url_of(urls: &[String], writer: usize) -> &str {
    urls.get(writer % urls.len().max(1)).map(String::as_str).unwrap_or_default()
}

/// One of the writers.
struct Writer<'a> {
    url: &'a str,
    journal: &'a Journal,
    number: usize,
    round: &'a Round,
    manner: Manner,
    /// Whether to stop.
    told: &'a AtomicBool,
}

fn write(writer: &Writer<'_>, mut mine: Mine<'_>) -> Result<()> {
    let Writer { url, journal, number, round, manner, told } = writer;
    let agent = agent();
    // A server that was killed ends its writers; one that stays does not.
    for count in (0..).take_while(|_| !manner.insists || !told.load(Ordering::Relaxed)) {
        let attempt = Attempt { writer: *number, key: format!("k{}w{number}n{count}", round.number), action: mine.next() };
        journal.sent(&attempt)?;
        let outcome = until_answered(journal, url, &agent, &attempt, *manner)?;
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
        let manner = Manner { again: true, ..Manner::ONCE };
        let outcome = match (until_answered(journal, url, &agent, attempt, manner)?, &attempt.action) {
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

/// Has every writer post once through its own server, without insisting; `name` tells the attempts from others. What is acknowledged must say that the views are
/// late. Returns how many were; the others stay open, to be sent again.
///
/// # Errors
/// Fails where an answer is neither an acknowledgement marked as stale nor a request to wait.
pub(super) fn post_unseen(urls: &[String], journal: &Journal, name: &str) -> Result<usize> {
    let agent = agent();
    let mut acknowledged = 0;
    for (number, writer) in journal.cast().writers.iter().enumerate() {
        let attempt = Attempt { writer: number, key: format!("{name}w{number}"), action: Action::Post };
        journal.sent(&attempt)?;
        let Ok(answer) = agent.run(request(url_of(urls, number), writer, &attempt)?) else { continue };
        let stale = answer.headers().get("roost-stale").is_some_and(|value| value == "true");
        let outcome = match taken(answer, &attempt)? {
            Answer::Outcome(Outcome::Ok(id)) => {
                anyhow::ensure!(stale, "{attempt:?}: acknowledged as if the views had it");
                acknowledged += 1;
                Outcome::Ok(id)
            }
            Answer::Outcome(Outcome::Unknown) | Answer::Busy => Outcome::Unknown,
            answer => bail!("{attempt:?}: {answer:?}"),
        };
        journal.answered(&attempt.key, outcome)?;
    }
    Ok(acknowledged)
}

/// Sends an attempt as often as the server asks for.
fn until_answered(journal: &Journal, url: &str, agent: &ureq::Agent, attempt: &Attempt, manner: Manner) -> Result<Outcome> {
    let writer = journal.cast().writers.get(attempt.writer).context("attempts name their writer")?;
    let (started, mut open) = (Instant::now(), false);
    loop {
        match send(agent, url, writer, attempt)? {
            Answer::Outcome(outcome) if outcome != Outcome::Unknown || !manner.insists => return Ok(outcome),
            // What was answered with 503 before, or not at all, may have been done.
            Answer::NotFound if may_be_gone(attempt, manner.again || open, journal) => {
                return Ok(if open { Outcome::Moot } else { Outcome::Refused });
            }
            answer => {
                anyhow::ensure!(started.elapsed() < manner.patience, "{attempt:?}: {answer:?} for {} s", manner.patience.as_secs());
                open |= !matches!(answer, Answer::NotFound);
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
    let request = request(url, writer, attempt)?;
    let sent = Instant::now();
    let Ok(answer) = agent.run(request) else {
        anyhow::ensure!(sent.elapsed() < ANSWER_WAIT, "{attempt:?}: no answer within {} s", ANSWER_WAIT.as_secs());
        return Ok(Answer::Outcome(Outcome::Unknown));
    };
    taken(answer, attempt)
}

fn request(url: &str, writer: &Account, attempt: &Attempt) -> Result<ureq::http::Request<String>> {
    let (method, path) = attempt.action.request();
    let request = ureq::http::Request::builder().method(method).uri(format!("{url}{path}"));
    let request = request.header("authorization", format!("Bearer {}", writer.token)).header("idempotency-key", &attempt.key);
    Ok(request.header("content-type", "application/json").body(attempt.action.body(&attempt.key).to_string())?)
}

/// What an answer says of an attempt.
fn taken(mut answer: ureq::http::Response<ureq::Body>, attempt: &Attempt) -> Result<Answer> {
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
