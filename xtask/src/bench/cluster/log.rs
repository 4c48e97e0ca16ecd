//! The log on a real Kafka beside Kafka's own tools, in turns on one broker: records appended and acknowledged as a write loop does under load,
//! many a call and the calls awaited in order, beside `kafka-producer-perf-test`; records read and decoded as a projector does, beside `kafka-consumer-perf-test`, which decodes nothing.
//!
//! A record is as large as the tool's, its header included; partitions, acks and batching are the same. What was appended is counted
//! in the log, and what is read is decoded to the last event, or the bench fails.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use infra::log::kafka::{KafkaLog, KafkaOptions, KafkaUrl};
use infra::log::{EventLog, LogLayout, PartitionWriter, ReadLimits};
use schemas::events::{Event, PostPublished, Visibility};
use schemas::log::record::HEADER_BYTES;
use schemas::log::{CommandId, NewRecord, RecordKind, TraceContext, body};
use schemas::{AccountId, AppId, PartitionId, PostId};

use super::super::report::{Report, Spent, Stopwatch};
use super::{LogArgs, ratios};
use crate::cluster::{Cluster, Kind, Options, kafka_tool};

/// Bytes of a record with its header.
const RECORD_BYTES: usize = 300;
/// Records under way in each partition: a write loop has up to 16 calls of 1,024 (commands/src/handle/options.rs).
const IN_FLIGHT: u64 = 4_096;
/// Records and bytes of one read, as a rebuild asks for them.
const READ: ReadLimits = ReadLimits { records: 4_096, bytes: 4 << 20 };
/// The tool's settings: the log's own (infra/src/log/kafka/options.rs), but for the requests in flight, where the tool does best with its five.
const PRODUCER: [&str; 5] =
    ["acks=all", "enable.idempotence=true", "linger.ms=0", "batch.size=1000000", "max.in.flight.requests.per.connection=5"];

/// Starts Kafka, measures, and ends it.
pub(super) fn run(args: &LogArgs, runs: u32, report: &mut Report) -> Result<()> {
    ensure!(args.log_records >= u64::from(args.log_partitions) && args.log_partitions > 0, "there is nothing to append");
    let cluster = Cluster::up(&Options { kinds: vec![Kind::Kafka], brokers: 1 })?;
    let brokers = cluster.address(Kind::Kafka).context("Kafka was started")?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let mut found = Found::default();
    for turn in 0..=runs {
        let ours = || runtime.block_on(ours(&brokers, args, turn));
        // Neither side has the broker to itself first in all turns.
        let (tool, ours) = if turn % 2 == 0 {
            let tool = produce(&brokers, args, turn)?;
            (tool, ours()?)
        } else {
            let ours = ours()?;
            (produce(&brokers, args, turn)?, ours)
        };
        let tool_read = consume(&brokers, args, turn)?;
        // The first turn warms up.
        if turn > 0 {
            found.add(&ours, (tool, tool_read));
        }
    }
    cluster.down()?;
    found.tell(args, report);
    Ok(())
}

/// What one turn of ours took.
struct Turn {
    records: f64,
    append: Spent,
    read: Spent,
}

#[derive(Default)]
struct Found {
    appends: Vec<f64>,
    tool_appends: Vec<f64>,
    reads: Vec<f64>,
    tool_reads: Vec<f64>,
    records: f64,
    append_cpu_s: f64,
    read_cpu_s: f64,
}

impl Found {
    fn add(&mut self, ours: &Turn, (tool_append, tool_read): (f64, f64)) {
        self.appends.push(ours.records / ours.append.wall.as_secs_f64());
        self.reads.push(ours.records / ours.read.wall.as_secs_f64());
        self.tool_appends.push(tool_append);
        self.tool_reads.push(tool_read);
        self.records += ours.records;
        self.append_cpu_s += ours.append.cpu.as_secs_f64();
        self.read_cpu_s += ours.read.cpu.as_secs_f64();
    }

    fn tell(self, args: &LogArgs, report: &mut Report) {
        let (records, partitions) = (args.log_records, args.log_partitions);
        report.note("log_server", "Kafka 4.3.1, one broker on this machine, whose processor time both sides share");
        let call = args.log_call_records;
        let set = format!("{} {}", PRODUCER.join(" "), args.log_set.join(" "));
        let method = format!("{records} records of {RECORD_BYTES} B a turn, {call} a call, {partitions} partitions, {}", set.trim());
        report.note("log_method", method);
        report.add_spread("log_append", "_per_s", &self.appends);
        report.add_spread("log_producer_perf_test", "_per_s", &self.tool_appends);
        report.add_spread("log_append_of_tool", "_ratio", &ratios(&self.appends, &self.tool_appends));
        report.add("log_append_cpu_s_per_million", self.append_cpu_s * 1e6 / self.records);
        report.add_spread("log_read_and_decode", "_per_s", &self.reads);
        report.add_spread("log_consumer_perf_test", "_per_s", &self.tool_reads);
        report.add_spread("log_read_of_tool", "_ratio", &ratios(&self.reads, &self.tool_reads));
        report.add("log_read_and_decode_cpu_s_per_million", self.read_cpu_s * 1e6 / self.records);
    }
}

fn url(brokers: &str, turn: u32, args: &LogArgs) -> Result<KafkaUrl> {
    let mut url = format!("kafka://{brokers}/bench{turn}?rf=1").parse::<KafkaUrl>()?;
    for property in &args.log_set {
        let (name, value) = property.split_once('=').with_context(|| format!("{property:?} is not name=value"))?;
        url.set(name, value)?;
    }
    Ok(url)
}

/// Appends all records, then reads and decodes them through a log that has nothing in memory.
async fn ours(brokers: &str, args: &LogArgs, turn: u32) -> Result<Turn> {
    let layout = LogLayout { generation: 1, partitions: args.log_partitions };
    let log = KafkaLog::open(KafkaOptions::new(url(brokers, turn, args)?, layout)).await?;
    let mut writers = Vec::new();
    for partition in layout.partition_ids() {
        writers.push(log.open_writer(partition, "bench").await?);
    }
    let (body, each) = (record_body()?, args.log_records / u64::from(args.log_partitions));
    let watch = Stopwatch::start();
    let lanes: Vec<_> = writers.into_iter().map(|writer| tokio::spawn(append(writer, body.clone(), each, args.log_call_records))).collect();
    for lane in lanes {
        lane.await.context("a writer panicked")??;
    }
    let append = watch.spent();
    let appended = each * u64::from(args.log_partitions);
    log.close().await?;
    let log = KafkaLog::open(KafkaOptions::new(url(brokers, turn, args)?, layout)).await?;
    let watch = Stopwatch::start();
    let lanes: Vec<_> = layout.partition_ids().map(|partition| tokio::spawn(read(log.clone(), partition))).collect();
    let mut decoded = 0;
    for lane in lanes {
        decoded += lane.await.context("a reader panicked")??;
    }
    let read = watch.spent();
    ensure!(decoded == appended, "{appended} records were acknowledged, {decoded} events are in the log");
    log.close().await.context("the log does not close")?;
    Ok(Turn { records: appended as f64, append, read })
}

async fn append(writer: Arc<dyn PartitionWriter>, body: Bytes, count: u64, call_records: u64) -> Result<()> {
    let mut under_way = VecDeque::new();
    let numbers: Vec<u64> = (1..=count).collect();
    for numbers in numbers.chunks(call_records as usize) {
        let records = numbers.iter().map(|number| {
            let (command_id, causation, trace) = (CommandId(u128::from(*number)), CommandId(0), TraceContext::default());
            NewRecord { command_id, actor: AccountId(1), time_ms: 1, causation, trace, body: body.clone() }
        });
        under_way.push_back(writer.append(records.collect()));
        if under_way.len() as u64 * call_records >= IN_FLIGHT
            && let Some(oldest) = under_way.pop_front()
        {
            oldest.await?;
        }
    }
    for rest in under_way {
        rest.await?;
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
fn produce(brokers: &str, args: &LogArgs, turn: u32) -> Result<f64> {
    let (topic, partitions) = (format!("perf{turn}"), args.log_partitions.to_string());
    let create = ["--create", "--topic", &topic, "--partitions", &partitions, "--replication-factor", "1"];
    told(kafka_tool("org.apache.kafka.tools.TopicCommand")?.args(["--bootstrap-server", brokers]).args(create))?;
    let (records, bytes, servers) = (args.log_records.to_string(), RECORD_BYTES.to_string(), format!("bootstrap.servers={brokers}"));
    let load =
        ["--topic", &topic, "--num-records", &records, "--record-size", &bytes, "--throughput", "-1", "--command-property", &servers];
    let text = told(kafka_tool("org.apache.kafka.tools.ProducerPerformance")?.args(load).args(PRODUCER))?;
    // The last line is of the whole run: "1000000 records sent, 123456.7 records/sec (..".
    let rate = text.lines().rev().find_map(|line| line.split_once(" records sent, ")?.1.split_once(" records/sec")?.0.trim().parse().ok());
    rate.with_context(|| format!("no rate in what the tool printed:\n{text}"))
}

/// Records a second of `kafka-consumer-perf-test` while it fetches, by its own account, of what was appended here.
fn consume(brokers: &str, args: &LogArgs, turn: u32) -> Result<f64> {
    let (topic, records) = (format!("bench{turn}.log.g1"), args.log_records.to_string());
    let ask = ["--bootstrap-server", brokers, "--topic", &topic, "--num-records", &records, "--hide-header"];
    let text = told(kafka_tool("org.apache.kafka.tools.ConsumerPerformance")?.args(ask))?;
    let rate = text.lines().rev().find_map(|line| line.split(',').nth(9)?.trim().parse().ok());
    rate.with_context(|| format!("no rate in what the tool printed:\n{text}"))
}
