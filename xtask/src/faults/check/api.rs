//! What the API shows: every writer's statuses with their count, favourites, follows and blocks.

use super::super::Account;
use super::super::action::{Action, Attempt, Outcome};
use super::super::journal::Journal;
use super::super::known::{Is, Known};
use super::super::load::agent;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Statuses of one page: the most that the API gives.
const PAGE: usize = 40;
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Checks everything against the journal, until it agrees or the views have had `catch_up` to. Returns how long that took.
///
/// # Errors
/// Fails with everything that is lost, doubled, foreign or miscounted.
pub(in super::super) fn all(url: &str, journal: &Journal, catch_up: Duration) -> Result<Duration> {
    let started = Instant::now();
    loop {
        let asked = started.elapsed();
        let checked = once(url, journal);
        if checked.is_ok() || asked > catch_up {
            return checked.map(|()| asked);
        }
        std::thread::sleep(POLL);
    }
}

fn once(url: &str, journal: &Journal) -> Result<()> {
    let attempts = journal.attempts();
    let known = Known::of(&attempts);
    let cast = journal.cast();
    let wrong = std::thread::scope(|scope| -> Result<Vec<String>> {
        let (attempts, known) = (&attempts, &known);
        let look = |(number, writer)| move || look(url, (number, writer), attempts, known);
        let threads: Vec<_> = cast.writers.iter().enumerate().map(|writer| scope.spawn(look(writer))).collect();
        let mut wrong = Vec::new();
        for thread in threads {
            wrong.extend(thread.join().map_err(|_| anyhow::anyhow!("a check panicked"))??);
        }
        Ok(wrong)
    })?;
    anyhow::ensure!(wrong.is_empty(), "{} faults:\n  {}", wrong.len(), wrong.join("\n  "));
    Ok(())
}

fn look(url: &str, (number, writer): (usize, &Account), attempts: &[(Attempt, Outcome)], known: &Known) -> Result<Vec<String>> {
    let reader = Reader { agent: agent(), url, writer };
    let statuses = reader.pages(&format!("/api/v1/accounts/{}/statuses?limit={PAGE}", writer.id))?;
    let own: Vec<_> = attempts.iter().filter(|(attempt, _)| attempt.writer == number).collect();
    let mut wrong = posts(&own, known, &statuses)?;
    wrong.extend(reblogs(number, known, &statuses)?);
    let account: Value = reader.get(&format!("/api/v1/accounts/{}", writer.id))?;
    if account.get("statuses_count").and_then(Value::as_u64) != Some(statuses.len() as u64) {
        wrong.push(format!("{} statuses are shown, statuses_count {:?}", statuses.len(), account.get("statuses_count")));
    }
    let mut favourites = BTreeSet::new();
    for status in reader.pages(&format!("/api/v1/favourites?limit={PAGE}"))? {
        favourites.insert(text(&status, "id")?);
    }
    let done = known.favourites.iter().filter(|((by, _), _)| *by == number);
    wrong.extend(differences("favourite", known.shown_on(done.map(|((_, of), is)| (of.as_str(), *is))), &favourites));
    wrong.extend(relations(&reader, number, known)?);
    Ok(wrong.into_iter().map(|fault| format!("{}: {fault}", writer.username)).collect())
}

/// Posts by their text, which is their key.
fn posts(own: &[&(Attempt, Outcome)], known: &Known, statuses: &[Value]) -> Result<Vec<String>> {
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for status in statuses.iter().filter(|status| status.get("reblog").is_none_or(Value::is_null)) {
        let key = text(status, "content")?.replace("<p>", "").replace("</p>", "");
        shown.entry(key).or_default().push(text(status, "id")?);
    }
    let mut wrong = Vec::new();
    for (attempt, outcome) in own.iter().filter(|(attempt, _)| matches!(attempt.action, Action::Post | Action::Reply { .. })) {
        let ids = shown.remove(&attempt.key).unwrap_or_default();
        let right = match (outcome, ids.as_slice()) {
            (Outcome::Ok(id), []) => known.post(id).allows(false),
            (Outcome::Ok(id), [only]) => id == only && known.post(id).allows(true),
            (Outcome::Refused, []) | (Outcome::Unknown | Outcome::Moot, [] | [_]) => true,
            _ => false,
        };
        if !right {
            wrong.push(format!("{attempt:?}: {outcome:?}, but shown as {ids:?}"));
        }
    }
    wrong.extend(shown.into_keys().map(|key| format!("a status {key} was never attempted")));
    Ok(wrong)
}

fn reblogs(number: usize, known: &Known, statuses: &[Value]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut shown = BTreeSet::new();
    for status in statuses {
        let Some(original) = status.get("reblog").filter(|original| !original.is_null()) else { continue };
        let (wrapper, of) = (text(status, "id")?, text(original, "id")?);
        let acknowledged = known.reblogs.get(&(number, of.clone())).and_then(|(_, wrapper)| wrapper.clone());
        if acknowledged.is_some_and(|acknowledged| acknowledged != wrapper) {
            wrong.push(format!("the reblog of {of} is shown as {wrapper}, and was acknowledged as another"));
        }
        if !shown.insert(of.clone()) {
            wrong.push(format!("the reblog of {of} is shown twice"));
        }
    }
    let done = known.reblogs.iter().filter(|((by, _), _)| *by == number);
    wrong.extend(differences("reblog", known.shown_on(done.map(|((_, of), (is, _))| (of.as_str(), *is))), &shown));
    Ok(wrong)
}

fn differences(what: &str, (must, may): (BTreeSet<&str>, BTreeSet<&str>), shown: &BTreeSet<String>) -> Vec<String> {
    let lost = must.iter().filter(|post| !shown.contains(**post)).map(|post| format!("the {what} of {post} is lost"));
    let foreign = shown.iter().filter(|post| !must.contains(post.as_str()) && !may.contains(post.as_str()));
    lost.chain(foreign.map(|post| format!("the {what} of {post} should not be there"))).collect()
}

fn relations(reader: &Reader<'_>, number: usize, known: &Known) -> Result<Vec<String>> {
    let own: Vec<_> = known.relations.iter().filter(|((by, _), _)| *by == number).map(|((_, whom), relation)| (whom, relation)).collect();
    let asked: Vec<String> = own.iter().map(|(whom, _)| format!("id[]={whom}")).collect();
    let shown: Vec<Value> = reader.get(&format!("/api/v1/accounts/relationships?{}", asked.join("&")))?;
    let mut wrong = Vec::new();
    for (whom, relation) in own {
        let found = shown.iter().find(|entity| entity.get("id").and_then(Value::as_str) == Some(whom));
        let flag = |name: &str| found.and_then(|entity| entity.get(name)).and_then(Value::as_bool);
        let agrees = |is: Is, name: &str| flag(name).is_some_and(|shown| is.allows(shown));
        if !agrees(relation.following, "following") || !agrees(relation.blocking, "blocking") {
            wrong.push(format!("{relation:?} of {whom}, but shown as {found:?}"));
        }
    }
    Ok(wrong)
}

fn text(entity: &Value, name: &str) -> Result<String> {
    entity.get(name).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("an entity has no {name}: {entity}"))
}

/// Reads as one of the writers.
struct Reader<'a> {
    agent: ureq::Agent,
    url: &'a str,
    writer: &'a Account,
}

impl Reader<'_> {
    fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        Ok(serde_json::from_str(&self.page(&format!("{}{path}", self.url))?.0)?)
    }

    /// Everything of a list, page after page.
    fn pages(&self, path: &str) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut next = Some(format!("{}{path}", self.url));
        while let Some(address) = next {
            let (body, older) = self.page(&address)?;
            all.extend(serde_json::from_str::<Vec<Value>>(&body)?);
            next = older;
        }
        Ok(all)
    }

    /// A body, and the address of the page after it.
    fn page(&self, address: &str) -> Result<(String, Option<String>)> {
        let mut answer = self.agent.get(address).header("Authorization", format!("Bearer {}", self.writer.token)).call()?;
        let body = answer.body_mut().with_config().limit(u64::MAX).read_to_string()?;
        anyhow::ensure!(answer.status() == 200, "{address} answered {}: {body}", answer.status());
        let link = answer.headers().get("link").and_then(|link| link.to_str().ok()).unwrap_or_default();
        let older = link.split(", ").find(|link| link.ends_with("rel=\"next\"")).and_then(|link| link.split(['<', '>']).nth(1));
        Ok((body, older.map(str::to_owned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcome: Outcome, ids: &[&str], faults: usize) {
        let attempts = [(Attempt { writer: 0, key: "k".into(), action: Action::Post }, outcome)];
        let statuses: Vec<Value> = ids.iter().map(|id| serde_json::json!({ "id": id, "content": "<p>k</p>", "reblog": null })).collect();
        let found = posts(&attempts.iter().collect::<Vec<_>>(), &Known::of(&attempts), &statuses).expect("good entities");
        assert_eq!(found.len(), faults, "{attempts:?} {ids:?}: {found:?}");
    }

    #[test]
    fn acknowledged_once_refused_never_unknown_at_most_once() {
        let acknowledged = || Outcome::Ok("1".into());
        check(acknowledged(), &["1"], 0);
        check(acknowledged(), &[], 1);
        check(acknowledged(), &["2"], 1);
        check(acknowledged(), &["1", "1"], 1);
        check(Outcome::Refused, &[], 0);
        check(Outcome::Refused, &["1"], 1);
        check(Outcome::Unknown, &[], 0);
        check(Outcome::Unknown, &["1"], 0);
        check(Outcome::Unknown, &["1", "2"], 1);
    }

    #[test]
    fn what_nobody_attempted_is_a_fault() {
        let status = serde_json::json!({ "id": "1", "content": "<p>k</p>" });
        assert_eq!(posts(&[], &Known::default(), &[status]).expect("a good entity").len(), 1);
        assert_eq!(differences("favourite", (["1"].into(), ["2"].into()), &["3".to_owned()].into()).len(), 2);
    }
}
