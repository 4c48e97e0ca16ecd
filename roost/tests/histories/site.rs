//! A Roost in memory without sockets: one write side and one set of views, and a read side with an HTTP router for each timeline policy.
//!
//! All read sides look at the same rows, so that their answers must be equal byte for byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use infra::config::Layered;
use infra::timelines::ring::{Policy, RingOptions};
use infra::timelines::{Delivery, Entry, RingTimelines, Stretch, TimelineError, TimelineOp, Timelines, ViewSource};
use infra::views::Version;
use projectors::{ProjectorOptions, ProjectorPorts, Projectors};
use queries::QuerySide;
use roost::accounts::{Created, Wanted, open};
use roost::node::Node;
use schemas::AccountId;
use schemas::rows::View;
use serde_json::Value;
use tower::ServiceExt;

pub const URL: &str = "http://roost.test";
/// Entries of a ring: few, so that pages go on beyond its end.
const SLOTS: usize = 16;
const POLICIES: [(&str, Policy); 4] = [
    ("push-all", Policy::PushAll),
    ("pull-all", Policy::PullAll),
    ("fixed threshold", Policy::Threshold { followers: 3 }),
    ("adaptive", Policy::Adaptive),
];

/// Timelines of every policy, told the same.
struct Every(Vec<Arc<RingTimelines>>);

#[async_trait]
impl Timelines for Every {
    async fn apply(&self, ops: &[TimelineOp]) -> Result<(), TimelineError> {
        for timelines in &self.0 {
            timelines.apply(ops).await?;
        }
        Ok(())
    }

    async fn home(&self, _: AccountId, _: Stretch) -> Result<Vec<Entry>, TimelineError> {
        unreachable!("each read side asks its own")
    }

    async fn delivery(&self, _: AccountId, _: AccountId) -> Result<Delivery, TimelineError> {
        unreachable!("each read side asks its own")
    }

    async fn reset(&self) -> Result<(), TimelineError> {
        for timelines in &self.0 {
            timelines.reset().await?;
        }
        Ok(())
    }
}

/// What an operation answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: String,
    pub link: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The path and query of a link.
    pub fn linked(&self, rel: &str) -> Option<String> {
        let link = self.link.split(", ").find(|link| link.ends_with(&format!("rel=\"{rel}\"")))?;
        let url = link.split(['<', '>']).nth(1)?;
        Some(url.strip_prefix(URL).unwrap().to_owned())
    }
}

pub struct Site {
    node: Node,
    projectors: Projectors,
    writes: Router,
    /// By the policy's name.
    reads: Vec<(&'static str, Router)>,
    now: Arc<AtomicU64>,
}

impl Site {
    pub async fn start() -> Self {
        let mut layered = Layered::default();
        let memory = ["log", "views", "search", "blobs"].map(|key| (key, "memory"));
        let others = [("rate_limits", "off"), ("partitions", "4"), ("roles", "commands,queries"), ("public_url", URL)];
        for (key, value) in memory.into_iter().chain(others) {
            layered.set(key, value, "a test").unwrap();
        }
        let now = Arc::new(AtomicU64::new(1_780_000_000_000));
        let clock: infra::clock::Clock = {
            let now = now.clone();
            Arc::new(move || now.load(Ordering::Relaxed))
        };
        let node = Node::start(layered.finish().unwrap(), URL, clock.clone()).await.unwrap();
        let (mut every, mut reads) = (Vec::new(), Vec::new());
        for (name, policy) in POLICIES {
            let source = Arc::new(ViewSource::new(node.ports.views.clone()));
            let options = RingOptions { policy, slots: SLOTS, ..RingOptions::default() };
            let timelines = Arc::new(RingTimelines::new(source, clock.clone(), options));
            reads.push((name, read_side(&node, timelines.clone(), clock.clone())));
            every.push(timelines);
        }
        let ports = ProjectorPorts {
            log: node.ports.log.clone(),
            views: node.ports.views.clone(),
            timelines: Arc::new(Every(every)),
            search: Some(node.stores.search.clone()),
            bus: node.writing.as_ref().map(|writing| writing.bus.clone()),
            mail: None,
            progress: node.ports.progress.clone(),
            clock,
        };
        let projectors = Projectors::start(ports, ProjectorOptions::default());
        let writes = infra::http::finish(node.api(), node.edge.clone());
        Self { node, projectors, writes, reads, now }
    }

    pub async fn account(&self, username: &str) -> Created {
        let wanted = Wanted { username: username.to_owned(), password: None };
        let made = open(&self.node.writing.as_ref().unwrap().accounts, wanted).await.unwrap().0;
        // Nothing answers a sign-up with what views hold: the account could be unknown to what it does next.
        self.node.settle().await;
        made
    }

    pub fn pass(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }

    /// Sends a write, which must succeed, and waits until the views hold all.
    pub async fn write(&self, method: &str, path: &str, token: &str, body: Value) -> Value {
        let reply = call(&self.writes, method, path, token, Body::from(body.to_string())).await;
        assert_eq!(reply.status, 200, "{method} {path} {body}: {}", reply.body);
        self.node.settle().await;
        reply.json()
    }

    /// Reads through every read side, which must agree on each byte; gives the answer.
    pub async fn read(&self, path: &str, token: &str) -> Reply {
        let mut agreed: Option<(&str, Reply)> = None;
        for (name, router) in &self.reads {
            let reply = call(router, "GET", path, token, Body::empty()).await;
            assert_eq!(reply.status, 200, "GET {path} under {name}: {}", reply.body);
            match &agreed {
                Some((first, known)) => assert!(*known == reply, "GET {path}: {first} and {name} differ\n{known:#?}\n{reply:#?}"),
                None => agreed = Some((name, reply)),
            }
        }
        agreed.unwrap().1
    }

    /// Waits until nothing moves any more: views and reactors have all that the log holds, and the reactors added nothing to it.
    pub async fn rest(&self) {
        loop {
            let ends = self.ends().await;
            self.node.settle().await;
            let mut reacted = true;
            for (partition, end) in self.node.ports.partitions().zip(&ends) {
                let at = self.node.ports.views.checkpoint(Version::Live, View::Reactors, partition).await.unwrap();
                reacted &= at.map_or(0, |at| at.next) >= *end;
            }
            if reacted && self.ends().await == ends {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn ends(&self) -> Vec<u64> {
        let mut ends = Vec::new();
        for partition in self.node.ports.partitions() {
            ends.push(self.node.ports.log.bounds(partition).await.unwrap().end);
        }
        ends
    }

    pub async fn stop(self) {
        self.node.write_side.as_ref().unwrap().shutdown().await;
        self.projectors.shutdown().await.unwrap();
    }
}

fn read_side(node: &Node, timelines: Arc<RingTimelines>, clock: infra::clock::Clock) -> Router {
    let ports = &node.ports;
    let side = QuerySide::new(
        ports.views.clone(),
        ports.stamps.clone(),
        timelines,
        node.stores.search.clone(),
        ports.progress.clone(),
        queries::Settings::at(URL, ports.log.layout().partitions),
        clock,
    );
    infra::http::finish(queries::http::routes(side, node.edge.clone()), node.edge.clone())
}

async fn call(router: &Router, method: &str, path: &str, token: &str, body: Body) -> Reply {
    let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let link = response.headers().get(header::LINK).map_or(String::new(), |link| link.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Reply { status, body: String::from_utf8(body.to_vec()).unwrap(), link }
}
