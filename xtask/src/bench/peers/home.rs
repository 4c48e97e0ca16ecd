//! Newest pages beside PostgreSQL, ids alone: put together from follows and posts when they are read (pull), or read from a table of entries
//! (push). The same readers in the same order, drawn by their rates in W1; in turns with ours, which answers in process on one thread.
//!
//! Every page that is compared, the reference's 40 newest ids, must be equal before anything is timed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use infra::timelines::{NaiveTimelines, RingOptions, Stretch, TimelineSource, Timelines};
use schemas::AccountId;
use serde_json::{Value, json};

use super::super::report::{Report, Stopwatch};
use super::other::{Other, number, pages};
use super::postgres::{DURABLE, Postgres};
use super::{TURNS, export, ratios, seconds};

/// Readers whose pages are compared.
const CHECKED_READERS: usize = 200;
/// Connections to be tried.
const CONNECTIONS: [u64; 4] = [1, 2, 4, 8];
/// How long each number of connections is tried, and how long a turn is.
const TRIAL_S: f64 = 0.5;
const TURN: Duration = Duration::from_secs(1);
/// How a page of PostgreSQL comes about.
const HOWS: [&str; 2] = ["pull", "push"];

/// With what to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    /// Follows and posts, and a table of entries.
    Postgres,
}

/// What pages are read of.
pub(crate) struct Subject<'a> {
    pub(crate) source: Arc<dyn TimelineSource>,
    pub(crate) timelines: Arc<dyn Timelines>,
    /// Who reads, in the order in which they come.
    pub(crate) drawn: &'a [AccountId],
    pub(crate) limit: usize,
}

/// Measures pages, ours and PostgreSQL's in turns.
///
/// # Errors
/// Fails where PostgreSQL is not installed, or a page differs from the reference.
pub(crate) async fn beside(subject: &Subject<'_>, report: &mut Report) -> Result<()> {
    let parent = crate::root::target()?;
    let server = Postgres::start(&parent, &DURABLE)?;
    let mut other = open(subject, &parent, &server).await?;
    check(subject, &mut other).await?;
    let mut best = Vec::new();
    for how in HOWS {
        best.push(most_at(subject, &mut other, how)?);
    }
    let (mut ours, mut ours_cpu_s, mut pages_read) = (Vec::new(), 0.0, 0_u64);
    let mut rates = [Vec::new(), Vec::new()];
    let mut server_cpu_us = [0.0, 0.0];
    for _ in 0..TURNS {
        let watch = Stopwatch::start();
        let count = read(subject).await?;
        let spent = watch.spent();
        ours.push(count as f64 / seconds(spent.wall));
        (ours_cpu_s, pages_read) = (ours_cpu_s + seconds(spent.cpu), pages_read + count);
        for (((how, connections), rates), cpu_us) in HOWS.iter().zip(&best).zip(&mut rates).zip(&mut server_cpu_us) {
            let before_s = server.cpu_s();
            let found = turn(subject, &mut other, how, *connections, seconds(TURN))?;
            *cpu_us += (server.cpu_s() - before_s) * 1e6 / number(&found, "accepted")?.max(1.0) / TURNS as f64;
            rates.push(number(&found, "count")? / number(&found, "wall_s")?);
        }
    }
    report.add_spread("beside_id_pages", "_per_s", &ours);
    report.add("beside_cpu_us_per_page", ours_cpu_s * 1e6 / pages_read.max(1) as f64);
    for (((how, connections), rates), cpu_us) in HOWS.iter().zip(&best).zip(&rates).zip(server_cpu_us) {
        report.add_spread(&format!("postgres_{how}"), "_per_s", rates);
        report.add(format!("postgres_{how}_connections"), *connections as f64);
        report.add(format!("postgres_{how}_server_cpu_us_per_page"), cpu_us);
        report.add_spread(&format!("of_postgres_{how}"), "_ratio", &ratios(&ours, rates));
    }
    let what = "newest pages of hot timelines; ours in process on one thread, with ids, authors and flags, adaptive; PostgreSQL's through a unix \
                socket on the best number of connections, prepared, ids alone, all in its memory";
    report.note("beside", format!("{what}; {}", server.setup()));
    Ok(())
}

/// Hands over follows and posts.
async fn open(subject: &Subject<'_>, parent: &Path, server: &Postgres) -> Result<Other> {
    let folder = tempfile::Builder::new().prefix("bench-peer-").tempdir_in(parent).context("cannot make a folder")?;
    let (follows, posts) = (folder.path().join("follows"), folder.path().join("posts"));
    // Of each author so many that the table holds whole timelines of a ring's length.
    let slots = RingOptions::default().slots;
    let (mut edges, mut entries, mut authors) = (Vec::new(), Vec::new(), BTreeSet::new());
    for reader in subject.drawn.iter().collect::<BTreeSet<_>>() {
        for author in subject.source.followees(*reader).await?.into_iter().chain([*reader]) {
            edges.push((reader.0, author.0));
            authors.insert(author);
        }
    }
    for author in authors {
        let list = subject.source.author_list(author, Stretch { limit: slots, ..Stretch::default() }).await?;
        entries.extend(list.into_iter().map(|entry| (entry.post.0, author.0)));
    }
    export::pairs(&follows, edges.into_iter())?;
    export::pairs(&posts, entries.into_iter())?;
    let mut other = Other::start("home", &[])?;
    other.ask(&json!({ "do": "open", "url": server.url(), "follows": follows, "posts": posts, "slots": slots }))?;
    Ok(other)
}

async fn check(subject: &Subject<'_>, other: &mut Other) -> Result<()> {
    let naive = NaiveTimelines::new(subject.source.clone());
    let readers: Vec<AccountId> = subject.drawn.iter().take(CHECKED_READERS).copied().collect();
    let numbers: Vec<u64> = readers.iter().map(|reader| reader.0).collect();
    for how in HOWS {
        let found = pages(&other.ask(&json!({ "do": "pages", "how": how, "readers": numbers, "limit": subject.limit }))?)?;
        ensure!(found.len() == readers.len(), "postgres: pages are missing");
        for (reader, found) in readers.iter().zip(found) {
            let wanted = naive.home(*reader, Stretch { limit: subject.limit, ..Stretch::default() }).await?;
            let wanted: Vec<u64> = wanted.into_iter().map(|entry| entry.post.0).collect();
            ensure!(found == wanted, "postgres, {how}: the page of reader {reader} differs from the reference");
        }
    }
    Ok(())
}

fn turn(subject: &Subject<'_>, other: &mut Other, how: &str, connections: u64, seconds: f64) -> Result<Value> {
    let readers: Vec<u64> = subject.drawn.iter().map(|reader| reader.0).collect();
    let limit = subject.limit;
    other.ask(&json!({ "do": "turn", "how": how, "readers": readers, "limit": limit, "connections": connections, "seconds": seconds }))
}

/// The number of connections with which there are the most pages.
fn most_at(subject: &Subject<'_>, other: &mut Other, how: &str) -> Result<u64> {
    let (mut best, mut best_rate) = (1, 0.0);
    for connections in CONNECTIONS {
        let found = turn(subject, other, how, connections, TRIAL_S)?;
        let rate = number(&found, "count")? / number(&found, "wall_s")?;
        if rate > best_rate {
            (best, best_rate) = (connections, rate);
        }
    }
    Ok(best)
}

/// Reads pages of ours for a turn; how many.
async fn read(subject: &Subject<'_>) -> Result<u64> {
    let (end, mut count) = (Instant::now() + TURN, 0);
    for reader in subject.drawn.iter().cycle() {
        if Instant::now() >= end {
            break;
        }
        let page = subject.timelines.home(*reader, Stretch { limit: subject.limit, ..Stretch::default() }).await?;
        let ids: Vec<u64> = page.into_iter().map(|entry| entry.post.0).collect();
        std::hint::black_box(ids.len());
        count += 1;
    }
    Ok(count)
}
