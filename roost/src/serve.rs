//! `roost serve`: the node behind its two ports, from start to a clean end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use infra::clock::system_clock;
use infra::config::{Config, SignUps};
use infra::connect::{Ports, Stores};
use infra::http::ServeOptions;
use infra::telemetry::PrometheusHandle;
use tokio::net::TcpListener;

use crate::face::{self, Api, Face};
use crate::media;
use crate::node::{Node, Serving};
use crate::ops::{self, Ops};

/// How long a start waits for the views at the most: a view that is filled anew must not keep the rest from being served.
const CATCH_UP_TIME_MAX: Duration = Duration::from_secs(3);

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// For clients.
    pub public: SocketAddr,
    /// For operators.
    pub ops: SocketAddr,
}

/// The ports that a server listens on.
struct Listeners {
    public: TcpListener,
    operators: TcpListener,
}

impl Listeners {
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        let public = TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {} (listen)", config.listen))?;
        let operators =
            TcpListener::bind(config.ops_listen).await.with_context(|| format!("cannot listen on {} (ops_listen)", config.ops_listen))?;
        Ok(Self { public, operators })
    }
}

/// Serves until `stop` resolves; `announce` hears where, once everything answers.
pub async fn run(
    config: Config,
    metrics: Option<PrometheusHandle>,
    stop: impl Future<Output = ()> + Send,
    announce: impl FnOnce(Addresses),
) -> anyhow::Result<()> {
    let listeners = Listeners::bind(&config).await?;
    let opened = infra::connect::open(&config, system_clock()).await?;
    serve(listeners, config, opened, metrics, stop, announce).await
}

/// The same over ports and stores that are open.
pub async fn run_over(
    config: Config,
    opened: (Ports, Stores),
    stop: impl Future<Output = ()> + Send,
    announce: impl FnOnce(Addresses),
) -> anyhow::Result<()> {
    let listeners = Listeners::bind(&config).await?;
    serve(listeners, config, opened, None, stop, announce).await
}

async fn serve(
    listeners: Listeners,
    config: Config,
    (ports, stores): (Ports, Stores),
    metrics: Option<PrometheusHandle>,
    stop: impl Future<Output = ()> + Send,
    announce: impl FnOnce(Addresses),
) -> anyhow::Result<()> {
    let Listeners { public, operators } = listeners;
    let addresses = Addresses { public: public.local_addr()?, ops: operators.local_addr()? };
    let public_url = public_url(&config, &addresses);
    let serving = Serving { peer_address: peer_address(&config, &addresses) };
    let node = Arc::new(Node::over(config, ports, stores, &public_url, system_clock(), Some(serving)).await?);
    catch_up(&node).await;
    let router = public_routes(&node);
    let (ending, ended) = tokio::sync::watch::channel(false);
    let ops = ops::routes(Ops { node: node.clone(), metrics, ending: ended.clone() });
    let wait = |mut ended: tokio::sync::watch::Receiver<bool>| async move {
        let _ = ended.wait_for(|over| *over).await;
    };
    let serving = tokio::spawn(infra::http::serve(public, router, ServeOptions::default(), wait(ended.clone())));
    let operating = tokio::spawn(infra::http::serve(operators, ops, ServeOptions::default(), wait(ended)));
    announce(addresses);
    let failure = tokio::select! {
        () = stop => None,
        failure = node.failed() => Some(failure),
    };
    tracing::info!("stopping: no new requests, open ones end, checkpoints are written");
    ending.send_replace(true);
    let _ = tokio::join!(serving, operating);
    node.shutdown().await?;
    match failure {
        None => Ok(()),
        Some(failure) => Err(anyhow::anyhow!(failure).context("a projection failed: the views stand still, so the process ends")),
    }
}

/// Where other processes reach this one: as configured, or its operators' port, under the machine's name for a wildcard.
fn peer_address(config: &Config, addresses: &Addresses) -> String {
    if !config.peer_address.is_empty() {
        return config.peer_address.clone();
    }
    let (ip, port) = (addresses.ops.ip(), addresses.ops.port());
    match ip.is_unspecified() {
        true => format!("{}:{port}", infra::peers::host_name()),
        false => SocketAddr::new(ip, port).to_string(),
    }
}

/// Waits, within limits, until the views show all that the log holds: after a crash nobody reads a feed that lacks what was acknowledged.
async fn catch_up(node: &Node) {
    if node.projectors.is_some() && tokio::time::timeout(CATCH_UP_TIME_MAX, node.settle()).await.is_err() {
        tracing::warn!(waited_s = CATCH_UP_TIME_MAX.as_secs(), "the views trail the log: serving while they catch up");
    }
}

/// The URL under which clients reach a server: the configured one, its own address, or this machine for a wildcard.
fn public_url(config: &Config, addresses: &Addresses) -> String {
    if !config.public_url.is_empty() {
        return config.public_url.trim_end_matches('/').to_owned();
    }
    let (ip, port) = (addresses.public.ip(), addresses.public.port());
    if ip.is_unspecified() { format!("http://localhost:{port}") } else { format!("http://{}", SocketAddr::new(ip, port)) }
}

/// Everything that clients reach: the API of the node's roles, the pages, and pictures.
fn public_routes(node: &Node) -> Router {
    let operations = node.api();
    let api = infra::http::finish(operations.clone(), node.edge.clone());
    let open = node.config.sign_ups == SignUps::Open;
    let writes = node.writing.as_ref().map(|writing| writing.writes.clone());
    let face = Face { title: node.config.title.as_str().into(), api: Api(api), writes, sign_ups_open: open };
    let routes = operations.merge(face::routes(face.clone())).merge(media::routes(node.stores.blobs.clone()));
    face::in_the_frame(infra::http::finish(routes, node.edge.clone()), face)
}
