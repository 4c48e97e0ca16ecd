//! The server's loop: accepts connections up to a limit, bounds how long headers may take, and drains at the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::Service;

use super::pieces::outgoing;

/// Bytes of a request's head at the most.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How long to wait after an accept that failed: out of descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a listener is served.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// Connections open at once; more wait in the kernel's queue.
    pub connections_max: usize,
    /// How long a request's head may take to arrive; also how long an idle connection is kept.
    pub head_time_max: Duration,
    /// How long open requests may go on after the end was asked for.
    pub drain_time_max: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { connections_max: 10_000, head_time_max: Duration::from_secs(75), drain_time_max: Duration::from_secs(10) }
    }
}

/// Serves until `stop` resolves, then lets open requests end.
pub async fn serve(listener: TcpListener, router: Router, options: ServeOptions, stop: impl Future<Output = ()> + Send) {
    let slots = Arc::new(Semaphore::new(options.connections_max));
    let (draining, drained) = watch::channel(false);
    tokio::pin!(stop);
    loop {
        let slot = tokio::select! {
            () = &mut stop => break,
            slot = slots.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
        };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, router.clone(), options, drained.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    draining.send_replace(true);
    let all = u32::try_from(options.connections_max).unwrap_or(u32::MAX);
    if tokio::time::timeout(options.drain_time_max, slots.acquire_many(all)).await.is_err() {
        tracing::warn!("requests were cut off: they did not end in time");
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, options: ServeOptions, mut drained: watch::Receiver<bool>) {
    // Answers are whole: waiting to fill a segment only delays them.
    stream.set_nodelay(true).ok();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let mut router = router.clone();
        async move {
            let response = router.call(request.map(Body::new)).await.unwrap_or_else(|never| match never {});
            Ok::<_, Infallible>(outgoing(response))
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_time_max)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(served);
    let outcome = tokio::select! {
        outcome = served.as_mut() => outcome,
        () = async { drained.wait_for(|draining| *draining).await.map(drop).unwrap_or_default() } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn start(options: ServeOptions) -> (SocketAddr, tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            "done"
        };
        let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() };
        let router = Router::new().route("/slow", axum::routing::get(slow)).route("/peer", axum::routing::get(peer));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, router, options, async {
            stopped.await.ok();
        }));
        (address, stop, task)
    }

    async fn ask(address: SocketAddr, text: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn open_requests_end_before_the_server_does() {
        let (address, stop, task) = start(ServeOptions::default()).await;
        let slow = tokio::spawn(async move { ask(address, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        assert!(slow.await.unwrap().ends_with("done"));
        task.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn handlers_learn_the_peer_and_slow_heads_are_cut_off() {
        let options = ServeOptions { head_time_max: Duration::from_millis(100), ..ServeOptions::default() };
        let (address, _stop, _task) = start(options).await;
        assert!(ask(address, "GET /peer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.ends_with("127.0.0.1"));
        assert!(!ask(address, "GET /peer HTTP/1.1\r\nhost: ").await.contains("127.0.0.1"));
    }
}
