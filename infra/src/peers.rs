//! Calls between the processes of one instance, on their operators' ports: each bears a MAC under the instance's secret.
//!
//! The MAC covers path, body and time; a call older or newer than [`CALL_AGE_MAX`] is refused. Within that time a call that somebody
//! overheard could be sent again: what is called must bear repetition, as commands do.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use schemas::UnixMillis;
use subtle::ConstantTimeEq;

use crate::keys::InstanceKeys;

/// How far the clocks of two processes may be apart, the call's way included.
pub const CALL_AGE_MAX: Duration = Duration::from_secs(60);
/// Bytes of a call's body and of its answer at the most: more than the largest record.
pub const CALL_BYTES_MAX: usize = 2 << 20;

const TIME: HeaderName = HeaderName::from_static("roost-time");
const TAG: HeaderName = HeaderName::from_static("roost-tag");
/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(1);
/// Idle connections kept to each process.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// It did not arrive: nothing was done.
    #[error("process at {address} cannot be reached: {cause}")]
    NotReached {
        /// Where it went.
        address: String,
        /// What the connection met.
        cause: String,
    },
    /// It may have arrived.
    #[error("process at {address} gave no answer: {cause}")]
    NoAnswer {
        /// Where it went.
        address: String,
        /// What the connection met.
        cause: String,
    },
    /// It was not taken: nothing was done.
    #[error("process at {address} refused with {status}")]
    Refused {
        /// Where it went.
        address: String,
        /// The status.
        status: StatusCode,
    },
}

/// Calls other processes.
#[derive(Debug, Clone)]
pub struct Peers {
    client: Client<HttpConnector, Full<Bytes>>,
    keys: InstanceKeys,
}

impl Peers {
    /// Makes a caller; it keeps its connections.
    pub fn new(keys: InstanceKeys) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIME_MAX));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(IDLE_CONNECTIONS_MAX).build(connector);
        Self { client, keys }
    }

    /// Sends a body to a path of the process at `address` (`host:port`), and returns its answer.
    pub async fn call(&self, address: &str, path: &str, body: Bytes, now: UnixMillis, patience: Duration) -> Result<Bytes, PeerError> {
        let tag = hex::encode(self.keys.peer_tag(path, now, &body));
        let request = Request::builder().method(Method::POST).uri(format!("http://{address}{path}"));
        let request = request.header(TIME, now).header(TAG, tag).header(header::CONTENT_TYPE, "application/octet-stream");
        let not_reached = |cause: String| PeerError::NotReached { address: address.to_owned(), cause };
        let no_answer = |cause: String| PeerError::NoAnswer { address: address.to_owned(), cause };
        let request = request.body(Full::new(body)).map_err(|error| not_reached(error.to_string()))?;
        let answer = async {
            let answer = self.client.request(request).await.map_err(|error| match error.is_connect() {
                true => not_reached(error.to_string()),
                false => no_answer(error.to_string()),
            })?;
            let status = answer.status();
            if status != StatusCode::OK {
                return Err(PeerError::Refused { address: address.to_owned(), status });
            }
            let body = Limited::new(answer.into_body(), CALL_BYTES_MAX).collect().await;
            body.map(|body| body.to_bytes()).map_err(|error| no_answer(error.to_string()))
        };
        tokio::time::timeout(patience, answer).await.unwrap_or_else(|_| Err(no_answer(format!("not within {patience:?}"))))
    }
}

/// The name of this machine, under which others on its network find it.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether a call comes from a process of the same instance.
pub fn is_genuine(keys: &InstanceKeys, path: &str, headers: &HeaderMap, body: &[u8], now: UnixMillis) -> bool {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(time_ms) = text(&TIME).and_then(|time| time.parse::<UnixMillis>().ok()) else { return false };
    let Some(tag) = text(&TAG).and_then(|tag| hex::decode(tag).ok()) else { return false };
    let fresh = now.abs_diff(time_ms) <= CALL_AGE_MAX.as_millis() as u64;
    fresh && bool::from(keys.peer_tag(path, time_ms, body).as_slice().ct_eq(&tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_tagged_here_and_lately_is_genuine() {
        let keys = InstanceKeys::new([7; 32]);
        let sent = 1_700_000_000_000;
        let mut headers = HeaderMap::new();
        headers.insert(TIME, sent.into());
        headers.insert(TAG, hex::encode(keys.peer_tag("/internal/commands", sent, b"body")).parse().unwrap());
        let check = |path: &str, body: &[u8], now: UnixMillis, keys: &InstanceKeys| is_genuine(keys, path, &headers, body, now);
        assert!(check("/internal/commands", b"body", sent + 59_000, &keys));
        assert!(!check("/internal/commands", b"body", sent + 61_000, &keys), "too old");
        assert!(!check("/internal/commands", b"body", sent - 61_000, &keys), "from the future");
        assert!(!check("/internal/commands", b"other", sent, &keys));
        assert!(!check("/internal/others", b"body", sent, &keys));
        assert!(!check("/internal/commands", b"body", sent, &InstanceKeys::new([8; 32])));
        assert!(!is_genuine(&keys, "/internal/commands", &HeaderMap::new(), b"body", sent));
    }
}
