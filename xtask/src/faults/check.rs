//! What the API shows after a restart, against the journal.

use super::Writer;
use super::journal::{Attempt, Journal, Outcome};
use super::load::agent;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Statuses of one page: the most that the API gives.
const PAGE: usize = 40;

/// The statuses of one account: for each text, the ids that carry it.
type Found = BTreeMap<String, Vec<String>>;

/// How long after being ready the views may trail what the log held when it was opened.
const CATCH_UP: Duration = Duration::from_secs(5);

/// Checks every account's statuses and their count against the journal, until they agree or the views have had their time. Returns how
/// long that took.
///
/// # Errors
/// Fails with everything that is lost, doubled, foreign or miscounted.
pub(super) fn all(url: &str, writers: &[Writer], journal: &Journal) -> Result<Duration> {
    let started = Instant::now();
    loop {
        let asked = started.elapsed();
        let checked = once(url, writers, journal);
        if checked.is_ok() || asked > CATCH_UP {
            return checked.map(|()| asked);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn once(url: &str, writers: &[Writer], journal: &Journal) -> Result<()> {
    let mut wrong = Vec::new();
    for (number, writer) in writers.iter().enumerate() {
        let found = read(url, writer)?;
        let attempts: Vec<&Attempt> = journal.attempts().iter().filter(|attempt| attempt.writer == number).collect();
        wrong.extend(compare(&attempts, &found));
        let (shown, counted) = (found.values().map(Vec::len).sum::<usize>() as u64, count(url, writer)?);
        if shown != counted {
            wrong.push(format!("{} has {shown} statuses but statuses_count {counted}", writer.username));
        }
    }
    anyhow::ensure!(wrong.is_empty(), "{} faults:\n  {}", wrong.len(), wrong.join("\n  "));
    Ok(())
}

fn compare(attempts: &[&Attempt], found: &Found) -> Vec<String> {
    let mut wrong = Vec::new();
    for attempt in attempts {
        let ids = found.get(&attempt.key).map_or(&[][..], Vec::as_slice);
        let right = match (&attempt.outcome, ids) {
            (Outcome::Ok(id), [only]) => id == only,
            (Outcome::Rejected, []) | (Outcome::Unknown, [] | [_]) => true,
            _ => false,
        };
        if !right {
            wrong.push(format!("{}: {:?}, but shown as {ids:?}", attempt.key, attempt.outcome));
        }
    }
    let foreign = found.keys().filter(|key| !attempts.iter().any(|attempt| attempt.key == **key));
    wrong.extend(foreign.map(|key| format!("{key} was never attempted")));
    wrong
}

/// Reads all statuses of an account, page by page.
fn read(url: &str, writer: &Writer) -> Result<Found> {
    let agent = agent();
    let mut found = Found::new();
    let mut older_than = String::new();
    loop {
        let address = format!("{url}/api/v1/accounts/{}/statuses?limit={PAGE}{older_than}", writer.id);
        let page: Vec<serde_json::Value> = get(&agent, &address, writer)?;
        for status in &page {
            let text = |name: &str| status.get(name).and_then(|value| value.as_str()).with_context(|| format!("a status has no {name}"));
            let key = text("content")?.replace("<p>", "").replace("</p>", "");
            let id = text("id")?.to_owned();
            older_than = format!("&max_id={id}");
            found.entry(key).or_default().push(id);
        }
        if page.is_empty() {
            return Ok(found);
        }
    }
}

fn count(url: &str, writer: &Writer) -> Result<u64> {
    let account: serde_json::Value = get(&agent(), &format!("{url}/api/v1/accounts/{}", writer.id), writer)?;
    account.get("statuses_count").and_then(serde_json::Value::as_u64).context("an account has a statuses_count")
}

fn get<T: serde::de::DeserializeOwned>(agent: &ureq::Agent, address: &str, writer: &Writer) -> Result<T> {
    let mut answer = agent.get(address).header("Authorization", format!("Bearer {}", writer.token)).call()?;
    anyhow::ensure!(answer.status() == 200, "{address} answered {}: {}", answer.status(), answer.body_mut().read_to_string()?);
    Ok(answer.body_mut().read_json()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcome: Outcome, ids: &[&str], faults: usize) {
        let attempt = Attempt { writer: 0, key: "k".into(), outcome };
        let found: Found =
            if ids.is_empty() { Found::new() } else { [("k".to_owned(), ids.iter().map(|id| (*id).to_owned()).collect())].into() };
        assert_eq!(compare(&[&attempt], &found).len(), faults, "{attempt:?} {ids:?}");
    }

    #[test]
    fn acknowledged_once_rejected_never_unknown_at_most_once() {
        let acknowledged = || Outcome::Ok("1".into());
        check(acknowledged(), &["1"], 0);
        check(acknowledged(), &[], 1);
        check(acknowledged(), &["2"], 1);
        check(acknowledged(), &["1", "1"], 1);
        check(Outcome::Rejected, &[], 0);
        check(Outcome::Rejected, &["1"], 1);
        check(Outcome::Unknown, &[], 0);
        check(Outcome::Unknown, &["1"], 0);
        check(Outcome::Unknown, &["1", "2"], 1);
    }

    #[test]
    fn what_nobody_attempted_is_a_fault() {
        assert_eq!(compare(&[], &[("k".to_owned(), vec!["1".to_owned()])].into()).len(), 1);
    }
}
