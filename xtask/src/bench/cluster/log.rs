//! The log on a real Kafka beside Kafka's own tools, in turns on one broker: records appended and acknowledged as a write loop does, beside
//! `kafka-producer-perf-test`; records read and decoded as a projector does, beside `kafka-consumer-perf-test`, which decodes nothing.
//!
//! A record is as large as the tool's, its header included; partitions, acks and batching are the same. What was appended is counted
//! in the log, and what is read is decoded to the last event, or the bench fails.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use infra::log::kafka::{KafkaLog, KafkaOptions, KafkaUrl};
use infra::log::{EventLog, LogLayout, PartitionWriter, ReadLimits};
use schemas::events::{Event, PostPublished, Visibility};
use schemas::log::record::HEADER_BYTES;
use schemas::log::{CommandId, NewRecord, RecordKind, TraceContext, body};
use schemas::{AccountId, AppId, PartitionId, PostId};

use super::super::report::{Report, Stopwatch};
use super::LogArgs;
use crate::cluster::{Cluster, Kind, Options, kafka_tool};

/// Bytes of a record with its header.
const RECORD_BYTES: usize = 300;
/// Appends under way in each partition.
const IN_FLIGHT: usize = 4_096;
/// Records and bytes of one read, as a projector asks for them.
const READ: ReadLimits = ReadLimits { records: 4_096, bytes: 4 << 20 };
/// The tool's settings that are the log's own (infra/src/log/kafka/options.rs).
const PRODUCER: [&str; 5] =
    ["acks=all", "enable.idempotence=true", "linger.ms=0", "batch.size=1000000", "max.in.flight.requests.per.connection=5"];

/// Starts Kafka, measures, and ends it.
pub(super) fn run(args: &LogArgs) -> Result<Report> {
    ensure!(args.records >= u64::from(args.partitions) && args.partitions > 0, "there is nothing to append");
    let cluster = Cluster::up(&Options { kinds: vec![Kind::Kafka], brokers: 1 })?;
    let brokers = cluster.address(Kind::Kafka).context("Kafka was started")?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let mut found = Found::default();
    for run in 0..args.runs {
        // Neither side has the broker to itself first in all turns.
        if run % 2 == 0 {
            found.tool_appends.push(produce(&brokers, args, run)?);
        }
        runtime.block_on(ours(&brokers, args, run, &mut found))?;
        if run % 2 == 1 {
            found.tool_appends.push(produce(&brokers, args, run)?);
        }
        found.tool_reads.push(consume(&brokers, args, run)?);
    }
    cluster.down()?;
    Ok(found.report(args))
}

#[derive(Default)]
struct Found {
    appends: Vec<f64>,
    tool_appends: Vec<f64>,
    reads: Vec<f64>,
    tool_reads: Vec<f64>,
    append_cpu_s: f64,
    read_cpu_s: f64,
}

impl Found {
    fn report(self, args: &LogArgs) -> Report {
        let millions = args.records as f64 * f64::from(args.runs) / 1e6;
        let ratios = |these: &[f64], those: &[f64]| these.iter().zip(those).map(|(this, that)| this / that).collect::<Vec<f64>>();
        let mut report = Report::new("cluster-log");
        report.note("server", "Kafka 4.3.1, one broker on this machine, whose processor time both sides share");
        report.note(
            "method",
            format!("{} records of {RECORD_BYTES} B, {} partitions, {}", args.records, args.partitions, PRODUCER.join(" ")),
        );
        report.add_spread("append", "_per_s", &self.appends);
        report.add_spread("producer_perf_test", "_per_s", &self.tool_appends);
        report.add_spread("append_of_tool", "_ratio", &ratios(&self.appends, &self.tool_appends));
        report.add("append_cpu_s_per_million", self.append_cpu_s / millions);
        report.add_spread("read_and_decode", "_per_s", &self.reads);
        report.add_spread("consumer_perf_test", "_per_s", &self.tool_reads);
        report.add_spread("read_of_tool", "_ratio", &ratios(&self.reads, &self.tool_reads));
        report.add("read_and_decode_cpu_s_per_million", self.read_cpu_s / millions);
        report.add_peak_memory();
        report
    }
}

fn url(brokers: &str, run: u32) -> Result<KafkaUrl> {
    Ok(format!("kafka://{brokers}/bench{run}?rf=1").parse::<KafkaUrl>()?)
}

/// Appends all records, then reads and decodes them through a log that has nothing in memory.
async fn ours(brokers: &str, args: &LogArgs, run: u32, found: &mut Found) -> Result<()> {
    let layout = LogLayout { generation: 1, partitions: args.partitions };
    let log = KafkaLog::open(KafkaOptions::new(url(brokers, run)?, layout)).await?;
    let mut writers = Vec::new();
    for partition in layout.partition_ids() {
        writers.push(log.open_writer(partition, "bench").await?);
    }
    let (body, each) = (record_body()?, args.records / u64::from(args.partitions));
    let (watch, began) = (Stopwatch::start(), Instant::now());
    let lanes: Vec<_> = writers.into_iter().map(|writer| tokio::spawn(append(writer, body.clone(), each))).collect();
    for lane in lanes {
        lane.await.context("a writer panicked")??;
    }
    let appended = each * u64::from(args.partitions);
    found.appends.push(appended as f64 / began.elapsed().as_secs_f64());
    found.append_cpu_s += watch.spent().cpu.as_secs_f64();
    log.close().await?;
    let log = KafkaLog::open(KafkaOptions::new(url(brokers, run)?, layout)).await?;
    let (watch, began) = (Stopwatch::start(), Instant::now());
    let lanes: Vec<_> = layout.partition_ids().map(|partition| tokio::spawn(read(log.clone(), partition))).collect();
    let mut decoded = 0;
    for lane in lanes {
        decoded += lane.await.context("a reader panicked")??;
    }
    ensure!(decoded == appended, "{appended} records were acknowledged, {decoded} events are in the log");
    found.reads.push(decoded as f64 / began.elapsed().as_secs_f64());
    found.read_cpu_s += watch.spent().cpu.as_secs_f64();
    log.close().await.context("the log does not close")
}

async fn append(writer: Arc<dyn PartitionWriter>, body: Bytes, count: u64) -> Result<()> {
    let mut under_way = FuturesUnordered::new();
    for number in 1..=count {
        let command_id = CommandId(u128::from(number));
        let (causation, trace) = (CommandId(0), TraceContext::default());
        let record = NewRecord { command_id, actor: AccountId(1), time_ms: 1, causation, trace, body: body.clone() };
        under_way.push(writer.append(vec![record]));
        if under_way.len() >= IN_FLIGHT
            && let Some(done) = under_way.next().await
        {
            done?;
        }
    }
    while let Some(done) = under_way.next().await {
        done?;
    }
    Ok(())
}

async fn read(log: Arc<KafkaLog>, partition: PartitionId) -> Result<u64> {
    let bounds = log.bounds(partition).await?;
    let (mut next, mut events) = (bounds.start, 0);
    while next < bounds.end {
        let records = log.read(partition, next, READ).await?;
        ensure!(!records.is_empty(), "partition {partition} ends at {next}, not {}", bounds.end);
        for record in records {
            next = record.offset + 1;
            if record.header.kind == RecordKind::Command {
                events += body::decode(&record.body)?.len() as u64;
            }
        }
    }
    Ok(events)
}

/// A post whose record is exactly as large as the tool's.
fn record_body() -> Result<Bytes> {
    let wanted = RECORD_BYTES - HEADER_BYTES;
    let encoded = |text: String| {
        let post = PostPublished {
            post: PostId(1),
            account: AccountId(1),
            visibility: Visibility::Public,
            text,
            spoiler: String::new(),
            sensitive: false,
            language: Some("en".to_owned()),
            mentions: Vec::new(),
            tags: vec!["bench".to_owned()],
            in_reply_to: None,
            app: AppId(1),
        };
        body::encode(&[Event::from(post)])
    };
    let bare = encoded(String::new())?.len();
    (wanted.saturating_sub(bare + 4)..=wanted.saturating_sub(bare))
        .rev()
        .find_map(|length| encoded("x".repeat(length)).ok().filter(|body| body.len() <= wanted))
        .context("a post does not fit into a record of the tool's size")
}

/// Runs a tool to its end and returns what it printed.
fn told(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot start Java")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "a tool of Kafka failed: {text}{}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

/// Records a second of `kafka-producer-perf-test`, by its own account.
fn produce(brokers: &str, args: &LogArgs, run: u32) -> Result<f64> {
    let (topic, partitions) = (format!("perf{run}"), args.partitions.to_string());
    let create = ["--create", "--topic", &topic, "--partitions", &partitions, "--replication-factor", "1"];
    told(kafka_tool("org.apache.kafka.tools.TopicCommand")?.args(["--bootstrap-server", brokers]).args(create))?;
    let (records, bytes, servers) = (args.records.to_string(), RECORD_BYTES.to_string(), format!("bootstrap.servers={brokers}"));
    let load =
        ["--topic", &topic, "--num-records", &records, "--record-size", &bytes, "--throughput", "-1", "--command-property", &servers];
    let text = told(kafka_tool("org.apache.kafka.tools.ProducerPerformance")?.args(load).args(PRODUCER))?;
    // The last line is of the whole run: "1000000 records sent, 123456.7 records/sec (..".
    let rate = text.lines().rev().find_map(|line| line.split_once(" records sent, ")?.1.split_once(" records/sec")?.0.trim().parse().ok());
    rate.with_context(|| format!("no rate in what the tool printed:\n{text}"))
}

/// Records a second of `kafka-consumer-perf-test` while it fetches, by its own account, of what was appended here.
fn consume(brokers: &str, args: &LogArgs, run: u32) -> Result<f64> {
    let (topic, records) = (format!("bench{run}.log.g1"), args.records.to_string());
    let ask = ["--bootstrap-server", brokers, "--topic", &topic, "--num-records", &records, "--hide-header"];
    let text = told(kafka_tool("org.apache.kafka.tools.ConsumerPerformance")?.args(ask))?;
    let rate = text.lines().rev().find_map(|line| line.split(',').nth(9)?.trim().parse().ok());
    rate.with_context(|| format!("no rate in what the tool printed:\n{text}"))
}
