//! What benches over HTTP share: a server on the platform's own stack with a static body beside the routes to be measured, and loads that
//! take turns on it. The client shares the machine's cores with the server.

pub(super) mod client;

use super::report::{Report, Stopwatch, latencies, median, whole};
use anyhow::{Context, Result};
use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use hdrhistogram::Histogram;
use infra::http::{ServeOptions, reply, serve};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;

/// Turns that count of each load; one more goes first and does not.
pub(super) const TURNS: u32 = 5;
/// Where the static body is.
pub(super) const STATIC: &str = "/static";

/// What one connection asks, and what it makes of the answers.
pub(super) trait Talk: Send {
    /// The next request, whole.
    fn ask(&mut self) -> &[u8];

    /// Takes its answer, which had status 200. An error ends the bench.
    fn heard(&mut self, head: &[u8], body: &[u8]) -> Result<()>;
}

/// When requests are sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// Each right after the answer before: what the server can do.
    Saturated,
    /// So many a second over all connections, each due at its time whether the one before is answered or not (open loop).
    PerSecond(f64),
}

/// A server under test.
pub(super) struct Stack {
    /// Where it listens.
    pub(super) address: SocketAddr,
    body: Arc<OnceLock<Bytes>>,
    stop: tokio::sync::oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
}

impl Stack {
    /// Serves the routes, and the static body beside them.
    pub(super) async fn start(routes: Router) -> Result<Self> {
        let body: Arc<OnceLock<Bytes>> = Arc::default();
        let held = body.clone();
        let fixed = Router::new().route(STATIC, any(move || std::future::ready(reply::ok(held.get().cloned().unwrap_or_default()))));
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let address = listener.local_addr()?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        let server = tokio::spawn(serve(listener, routes.merge(fixed), ServeOptions::default(), stopped));
        Ok(Self { address, body, stop, server })
    }

    /// Gives the static body, once.
    pub(super) fn set_static(&self, body: Bytes) {
        // Set by the one bench that made this server.
        let _ = self.body.set(body);
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.stop.send(()).ok();
        self.server.await.context("the server panicked")
    }
}

/// A load with what it came to in its turns.
pub(super) struct Load {
    talks: Vec<Box<dyn Talk>>,
    /// Answers a second, of each turn.
    pub(super) rates: Vec<f64>,
    /// Answers of all turns.
    pub(super) done: u64,
    cpu: Duration,
    latencies_us: Histogram<u64>,
}

impl Load {
    /// A load of one connection for each talk.
    pub(super) fn new(talks: Vec<Box<dyn Talk>>) -> Self {
        Self { talks, rates: Vec::new(), done: 0, cpu: Duration::ZERO, latencies_us: latencies() }
    }

    /// One turn; how many answers came.
    pub(super) async fn turn(&mut self, stack: &Stack, time: Duration, pace: Pace, measured: bool) -> Result<u64> {
        let watch = Stopwatch::start();
        let (talks, found) = client::run(stack.address, std::mem::take(&mut self.talks), pace, time).await?;
        let spent = watch.spent();
        self.talks = talks;
        if measured {
            self.rates.push(whole(found.len()) / spent.wall.as_secs_f64());
            self.done += found.len();
            self.cpu += spent.cpu;
            self.latencies_us.add(&found)?;
        }
        Ok(found.len())
    }

    /// A load of the same talks, of which nothing is measured yet.
    pub(super) fn anew(self) -> Self {
        Self::new(self.talks)
    }

    /// The median of its turns' rates.
    pub(super) fn rate(&self) -> f64 {
        median(&self.rates)
    }

    /// Each turn's rate as a share of another load's in the same turn.
    pub(super) fn ratios(&self, other: &Self) -> Vec<f64> {
        self.rates.iter().zip(&other.rates).map(|(rate, other)| rate / other.max(f64::MIN_POSITIVE)).collect()
    }

    /// Adds rates, percentiles and processor time; the client's share of it is in there.
    pub(super) fn report(&self, prefix: &str, report: &mut Report) {
        self.report_of(prefix, 1.0, report);
    }

    /// The same for answers that each tell of so much done: rates and processor time are those of what is done, percentiles of answers.
    pub(super) fn report_of(&self, prefix: &str, each: f64, report: &mut Report) {
        let rates: Vec<f64> = self.rates.iter().map(|rate| rate * each).collect();
        report.add_spread(&format!("{prefix}rate"), "_per_s", &rates);
        report.add_latencies(prefix, &self.latencies_us);
        let done = whole(self.done.max(1)) * each;
        report.add(format!("{prefix}cpu_s_per_million"), self.cpu.as_secs_f64() * 1e6 / done.max(f64::MIN_POSITIVE));
    }
}

/// A request that repeats itself, for the static body.
pub(super) struct Same(pub(super) Vec<u8>);

impl Talk for Same {
    fn ask(&mut self) -> &[u8] {
        &self.0
    }

    fn heard(&mut self, _: &[u8], _: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// A `GET` in the name of a token.
pub(super) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench.example\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}
