//! The log on Kafka while its only broker is killed with SIGKILL and started again: nothing acknowledged is lost, nothing stands twice.
//!
//! Compiled only with the features `kafka` and `contract`. `ROOST_TEST_KAFKA=host:port` names the broker, and `ROOST_TEST_KAFKA_RESTART` a shell
//! command that kills it and starts it again, returning when that is done: with `cargo xtask cluster up`,
//! `cargo xtask cluster kill kafka-1 && cargo xtask cluster start kafka-1`. Without them this test fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra::log::contract::{read_all, record};
use infra::log::kafka::{KafkaLog, KafkaOptions};
use infra::log::{EventLog, LogError, LogLayout, PartitionWriter};
use schemas::PartitionId;
use schemas::log::{RecordKind, Validity, Verdict};

const P0: PartitionId = PartitionId(0);
const RESTARTS: usize = 3;
/// Far beyond what a broker takes to start on a busy machine: a partition that stays without a writer must fail, not hang.
const PATIENCE: Duration = Duration::from_secs(600);

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: see this file's head"))
}

/// Becomes the writer, however often it takes.
async fn own(log: &Arc<dyn EventLog>) -> Arc<dyn PartitionWriter> {
    let since = Instant::now();
    loop {
        match log.open_writer(P0, "test").await {
            Ok(writer) => return writer,
            Err(error) => assert!(since.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broker_restarts_lose_nothing() {
    let (broker, restart) = (variable("ROOST_TEST_KAFKA"), variable("ROOST_TEST_KAFKA_RESTART"));
    let url = format!("kafka://{broker}/test-{:016x}", rand::random::<u64>()).parse().expect("the variable is host:port");
    let layout = LogLayout { generation: 1, partitions: 1 };
    let log: Arc<dyn EventLog> = KafkaLog::open(KafkaOptions::new(url, layout)).await.expect("the log opens");
    let mut writer = own(&log).await;
    let mut acknowledged: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut id, mut unknown) = (0_u64, 0_usize);
    for _ in 0..RESTARTS {
        let command = restart.clone();
        let mut restarting = tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(300));
            std::process::Command::new("sh").arg("-c").arg(command).status()
        });
        let mut done = false;
        let mut calm = 0;
        // On and on, until appends succeed for a while after the restart.
        while calm < 20 {
            let first = id + 1;
            id += 50;
            let calls: Vec<_> = (first..=id).map(|id| writer.append(vec![record(id, 300)])).collect();
            let mut failed = false;
            for (answer, id) in futures_util::future::join_all(calls).await.into_iter().zip(first..) {
                match answer {
                    Ok(offset) => drop(acknowledged.insert(id, offset)),
                    Err(LogError::Unknown { .. } | LogError::Retryable(_)) => (failed, unknown) = (true, unknown + 1),
                    Err(other) => panic!("{other}"),
                }
            }
            if failed {
                writer = own(&log).await;
            }
            if !done && restarting.is_finished() {
                let status = (&mut restarting).await.expect("no panic").expect("a shell");
                assert!(status.success(), "the broker is not started again");
                done = true;
            }
            calm = if done && !failed { calm + 1 } else { 0 };
        }
    }
    let mut state = Validity::default();
    let mut valid: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for stored in read_all(log.as_ref(), P0).await {
        if state.admit(&stored.header) == Verdict::Valid && stored.header.kind == RecordKind::Command {
            valid.entry(stored.header.command_id.0 as u64).or_default().push(stored.offset);
        }
    }
    for (id, offset) in &acknowledged {
        assert_eq!(valid.get(id), Some(&vec![*offset]), "command {id}");
    }
    assert!(valid.values().all(|offsets| offsets.len() == 1), "a command counts twice");
    assert!(acknowledged.len() > 1_000, "{} acknowledged, {unknown} unknown", acknowledged.len());
}
