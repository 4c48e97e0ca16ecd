//! `kill -9` at random moments: what was acknowledged is there, once, in order.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use infra::log::embedded::{EmbeddedLog, EmbeddedOptions};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::support::{ids_in, options, own, record};

const FOLDER: &str = "ROOST_TEST_KILLED_FOLDER";
const ROUNDS: usize = 12;

/// Not a test of its own: what the process does that is killed. It prints each id that was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_until_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let log = EmbeddedLog::open(folder, EmbeddedOptions { segment_bytes: 200_000, ..options() }).expect("the log opens");
    let writer = own(&log).await;
    let first = writer.start() << 20;
    let mut out = std::io::stdout();
    for group in 0_u64.. {
        let ids: Vec<u64> = (0..group % 40 + 1).map(|at| first + group * 64 + at).collect();
        let calls = ids.iter().map(|id| writer.append(vec![record(*id, (id % 700) as usize)]));
        for (id, result) in ids.iter().zip(join_all(calls).await) {
            result.expect("the append succeeds");
            writeln!(out, "ok {id}").and_then(|()| out.flush()).expect("the parent listens");
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    let home = Arc::new(tempfile::tempdir().expect("a temporary folder"));
    let folder = home.path().join("log");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut random = StdRng::seed_from_u64(3);
    let mut acknowledged: Vec<u64> = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["killed::appends_until_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(FOLDER, &folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        std::thread::sleep(Duration::from_millis(random.random_range(20..250)));
        child.kill().expect("it runs until it is killed");
        child.wait().expect("it ends");
        acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("ok ")?.parse::<u64>().ok()));
        let found = runtime.block_on(ids_in(&folder)).unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(found.is_sorted_by(|one, two| one < two), "round {round}: in order, none twice");
        let mut there = found.iter();
        for id in &acknowledged {
            assert!(there.any(|it| it == id), "round {round}: {id} was acknowledged and is lost");
        }
    }
    assert!(acknowledged.len() > 100, "the children did some work: {}", acknowledged.len());
}
