//! Appends to the embedded log, in process: each of the callers in flight encodes a post of ordinary size, appends it, and waits until it
//! is durable and known to be valid.

use super::report::{Report, Stopwatch, latencies, whole};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use infra::log::embedded::{EmbeddedLog, EmbeddedOptions};
use infra::log::{EventLog, LogLayout, PartitionWriter};
use schemas::events::{Event, PostPublished, Visibility};
use schemas::log::body::encode;
use schemas::log::{CommandId, NewRecord, TraceContext};
use schemas::{AccountId, AppId, PostId};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// 140 characters, the length of a post in workload W1.
const TEXT: &str = "a post of a hundred and forty characters, which is what people write on average when they are given more room than that, as measured in W1..";

/// What to append, and where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long to measure, after one second of warming up.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Callers that wait for their append at any time.
    #[arg(long, default_value_t = 1024)]
    in_flight: u64,
    /// Partitions of the log.
    #[arg(long, default_value_t = 8)]
    partitions: u16,
    /// A folder on the disk to be measured; by default the workspace's target folder.
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Report> {
    let parent = match &args.folder {
        Some(folder) => folder.clone(),
        None => crate::root::target()?,
    };
    let folder = tempfile::Builder::new().prefix("bench-append-").tempdir_in(parent).context("cannot make a folder")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(args, folder.path()))
}

async fn measure(args: &Args, folder: &std::path::Path) -> Result<Report> {
    let layout = LogLayout { generation: 1, partitions: args.partitions };
    let log = EmbeddedLog::open(folder, EmbeddedOptions::new(layout))?;
    let mut writers = Vec::new();
    for partition in layout.partition_ids() {
        writers.push(log.open_writer(partition, "bench").await?);
    }
    let warm = Instant::now() + Duration::from_secs(1);
    let end = warm + Duration::from_secs(args.seconds);
    let mut callers = Vec::new();
    for (caller, writer) in (0..args.in_flight).zip(writers.iter().cycle()) {
        callers.push(tokio::spawn(call(Arc::clone(writer), caller, warm, end)));
    }
    tokio::time::sleep_until(warm.into()).await;
    let watch = Stopwatch::start();
    let mut all = latencies();
    for caller in callers {
        all.add(caller.await.context("a caller panicked")??)?;
    }
    let spent = watch.spent();
    log.close().await?;
    let mut report = Report::new("append");
    report.add("rate_per_s", whole(all.len()) / spent.wall.as_secs_f64());
    report.add_latencies("", &all);
    report.add("body_bytes", whole(encode(&[post(1)])?.len() as u64));
    report.add("in_flight", whole(args.in_flight));
    report.add_cost(spent, all.len());
    Ok(report)
}

/// Appends until the end, and returns the latencies after warming up.
async fn call(writer: Arc<dyn PartitionWriter>, caller: u64, warm: Instant, end: Instant) -> Result<Histogram<u64>> {
    let mut found = latencies();
    let mut count = 0_u64;
    while Instant::now() < end {
        let started = Instant::now();
        count += 1;
        writer.append(vec![record(caller, count)?]).await?;
        if started >= warm {
            found.saturating_record(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX).max(1));
        }
    }
    Ok(found)
}

fn record(caller: u64, count: u64) -> Result<NewRecord> {
    let id = CommandId((u128::from(caller) << 64) | u128::from(count));
    let body = encode(&[post(caller)])?;
    Ok(NewRecord {
        command_id: id,
        actor: AccountId(caller),
        time_ms: 1_790_000_000_000 + count,
        causation: id,
        trace: TraceContext::default(),
        body,
    })
}

fn post(caller: u64) -> Event {
    Event::PostPublished(PostPublished {
        post: PostId(116_000_000_000_000_001),
        account: AccountId(caller),
        visibility: Visibility::Public,
        text: TEXT.to_owned(),
        spoiler: String::new(),
        sensitive: false,
        language: Some("en".to_owned()),
        mentions: Vec::new(),
        tags: vec!["bench".to_owned()],
        in_reply_to: None,
        app: AppId(1),
    })
}
