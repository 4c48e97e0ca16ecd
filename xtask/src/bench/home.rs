//! Pages of the home timeline: put together in process, and over HTTP beside a static body of the same size from the same stack.
//!
//! A reader's page is 40 hydrated posts merged of pushed followees and of pulled celebrities. The two HTTP paths take turns, so that both
//! meet the same machine; the client, a plain loop over sockets, shares its cores.

mod client;
mod world;

use super::report::{Report, Stopwatch, latencies, whole};
use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use infra::http::{ServeOptions, reply, serve};
use infra::timelines::Stretch;
use queries::PageAsk;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use world::World;

/// What to read, and how.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long to measure each path, in all its turns.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Readers, each with its own home.
    #[arg(long, default_value_t = 200)]
    readers: u64,
    /// Authors that each reader follows, beside the celebrities.
    #[arg(long, default_value_t = 60)]
    followees: u64,
    /// Celebrities that each reader follows.
    #[arg(long, default_value_t = 10)]
    celebrities: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Posts of a page.
    #[arg(long, default_value_t = 40)]
    limit: usize,
}

/// Turns of each HTTP path.
const TURNS: u32 = 5;

pub(super) fn run(args: &Args) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(args))
}

async fn measure(args: &Args) -> Result<Report> {
    let world = World::new(args.readers, args.followees, args.celebrities).await?;
    let mut report = Report::new("home");
    let body = world.side.home(world.reader(0), PageAsk::newest(args.limit)).await?.items;
    report.add("page_bytes", whole(body.len() as u64));
    in_process(args, &world, &mut report).await?;
    over_http(args, &world, body, &mut report).await?;
    Ok(report)
}

/// Assembles pages on one task, as fast as it goes.
async fn in_process(args: &Args, world: &World, report: &mut Report) -> Result<()> {
    for reader in 0..args.readers {
        let page = world.side.home(world.reader(reader), PageAsk::newest(args.limit)).await?;
        ensure!(page.links.next.is_some(), "a reader has less than a page");
    }
    let (watch, mut pages) = (Stopwatch::start(), 0_u64);
    let end = Instant::now() + Duration::from_secs(args.seconds);
    while Instant::now() < end {
        let page = world.side.home(world.reader(pages % args.readers), PageAsk::newest(args.limit)).await?;
        std::hint::black_box(page.items.len());
        pages += 1;
    }
    let spent = watch.spent();
    let (ids_watch, mut asked) = (Stopwatch::start(), 0_u64);
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        let stretch = Stretch { limit: args.limit + 56, ..Stretch::default() };
        std::hint::black_box(world.timelines.home(world.reader(asked % args.readers), stretch).await?.len());
        asked += 1;
    }
    report.add("in_process_id_pages_per_s", whole(asked) / ids_watch.spent().wall.as_secs_f64());
    report.add("in_process_pages_per_s", whole(pages) / spent.wall.as_secs_f64());
    report.add("in_process_cpu_us_per_page", spent.cpu.as_secs_f64() * 1e6 / whole(pages));
    Ok(())
}

/// A path under load.
struct Load {
    path: String,
    readers: u64,
    pages: u64,
    wall: Duration,
    latencies: hdrhistogram::Histogram<u64>,
}

impl Load {
    fn new(path: String, readers: u64) -> Self {
        Self { path, readers, pages: 0, wall: Duration::ZERO, latencies: latencies() }
    }

    async fn turn(&mut self, args: &Args, address: SocketAddr, measured: bool) -> Result<f64> {
        let time = Duration::from_secs(args.seconds) / TURNS;
        let started = Instant::now();
        let found = client::run(address, &self.path, self.readers, args.connections, time).await?;
        let wall = started.elapsed();
        let rate = whole(found.len()) / wall.as_secs_f64();
        if measured {
            self.pages += found.len();
            self.wall += wall;
            self.latencies.add(found)?;
        }
        Ok(rate)
    }
}

async fn over_http(args: &Args, world: &World, body: Bytes, report: &mut Report) -> Result<()> {
    let fixed = Router::new().route("/static", get(move || async move { reply::ok(body.clone()) }));
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
    let address = listener.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or_default() };
    let server = tokio::spawn(serve(listener, world.router().merge(fixed), ServeOptions::default(), stopped));
    let mut home = Load::new(format!("/api/v1/timelines/home?limit={}", args.limit), args.readers);
    let mut fixed = Load::new("/static".to_owned(), args.readers);
    let mut ratios = Vec::new();
    for turn in 0..=TURNS {
        let measured = turn > 0;
        let (page_rate, fixed_rate) = (home.turn(args, address, measured).await?, fixed.turn(args, address, measured).await?);
        if measured {
            ratios.push(page_rate / fixed_rate);
        }
    }
    stop.send(()).ok();
    server.await.context("the server panicked")?;
    report.add("http_home_pages_per_s", whole(home.pages) / home.wall.as_secs_f64());
    report.add_latencies("http_home_", &home.latencies);
    report.add("http_static_pages_per_s", whole(fixed.pages) / fixed.wall.as_secs_f64());
    report.add_latencies("http_static_", &fixed.latencies);
    ratios.sort_by(f64::total_cmp);
    for (name, ratio) in [("least", ratios.first()), ("median", ratios.get(ratios.len() / 2)), ("most", ratios.last())] {
        report.add(format!("home_of_static_{name}_ratio"), ratio.copied().unwrap_or_default());
    }
    Ok(())
}
