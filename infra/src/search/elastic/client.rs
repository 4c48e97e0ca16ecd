//! Calls to Elasticsearch: each with a time limit, tried again within bounds, behind a circuit breaker.

use std::time::{Duration, Instant};

use ::elasticsearch::auth::Credentials;
pub(super) use ::elasticsearch::http::Method;
use ::elasticsearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderValue};
use ::elasticsearch::http::transport::{MultiNodeConnectionPool, Transport, TransportBuilder};
use ::url::Url;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::breaker::Breaker;
use super::url::ElasticUrl;
use crate::backoff::Backoff;
use crate::search::SearchError;

/// Of a search.
pub(super) const SEARCH_TIME_MAX: Duration = Duration::from_secs(2);
/// Of a bulk or a refresh.
pub(super) const WRITE_TIME_MAX: Duration = Duration::from_secs(30);
/// Of all else.
pub(super) const CALL_TIME_MAX: Duration = Duration::from_secs(10);

/// Of writes and of what a process needs to work at all.
pub(super) const PATIENT: Backoff = Backoff { tries: 6, first: Duration::from_millis(50), longest: Duration::from_secs(2) };
/// Of searches: somebody waits.
pub(super) const BRISK: Backoff = Backoff { tries: 2, ..PATIENT };

/// Characters of a cause that are passed on.
const CAUSE_CHARS_MAX: usize = 300;

const NO_QUERY: &[(&str, &str)] = &[];

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    method: Method,
    path: String,
    query: &'a [(&'a str, &'a str)],
    body: Option<Bytes>,
    lines: bool,
    time_max: Duration,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: String) -> Self {
        Self { method, path, query: NO_QUERY, body: None, lines: false, time_max: CALL_TIME_MAX }
    }

    pub(super) fn query(self, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { query, ..self }
    }

    pub(super) fn json(self, body: &serde_json::Value) -> Self {
        Self { body: Some(Bytes::from(body.to_string())), ..self }
    }

    /// A body of newline-delimited JSON.
    pub(super) fn lines(self, body: Bytes) -> Self {
        Self { body: Some(body), lines: true, ..self }
    }

    pub(super) fn within(self, time_max: Duration) -> Self {
        Self { time_max, ..self }
    }
}

/// What was answered: by a server that understood, whether or not it did what was asked.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// The error of a reply or of an item in it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cause {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) reason: String,
}

impl Cause {
    /// In one line of bounded length.
    pub(super) fn shown(&self) -> String {
        let line = format!("{}: {}", self.kind, self.reason.replace('\n', " "));
        line.chars().take(CAUSE_CHARS_MAX).collect()
    }
}

impl Reply {
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, SearchError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| SearchError::Fatal(format!("elasticsearch answered what this build does not understand: {error}")))
    }

    pub(super) fn cause(&self) -> Cause {
        #[derive(Deserialize)]
        struct Failed {
            error: Cause,
        }
        let failed: Result<Failed, _> = serde_json::from_slice(&self.body);
        failed.map_or_else(
            |_| Cause { kind: "unknown".to_owned(), reason: String::from_utf8_lossy(&self.body).into_owned() },
            |failed| failed.error,
        )
    }

    /// The reply, where it is a success.
    pub(super) fn expect_success(self, doing: &str) -> Result<Self, SearchError> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(SearchError::Fatal(format!("elasticsearch refused to {doing} ({status}): {}", self.cause().shown()))),
        }
    }
}

/// The nodes of a cluster.
pub(super) struct Client {
    transport: Transport,
    breaker: Mutex<Breaker>,
    retries: metrics::Counter,
    opened: metrics::Counter,
}

impl Client {
    pub(super) fn new(url: &ElasticUrl) -> Result<Self, SearchError> {
        let failed = |what: String| SearchError::Fatal(format!("{url}: {what}"));
        if url.tls && !cfg!(feature = "tls") {
            return Err(failed("this build speaks no TLS: build it with the feature `tls`, or use elastic://".to_owned()));
        }
        let scheme = if url.tls { "https" } else { "http" };
        let nodes: Result<Vec<Url>, _> = url.nodes.iter().map(|node| Url::parse(&format!("{scheme}://{node}"))).collect();
        let nodes = nodes.map_err(|error| failed(error.to_string()))?;
        let mut builder = TransportBuilder::new(MultiNodeConnectionPool::round_robin(nodes, None)).disable_proxy();
        if let Some((name, password)) = &url.login {
            builder = builder.auth(Credentials::Basic(name.clone(), password.clone()));
        }
        Ok(Self {
            transport: builder.build().map_err(|error| failed(error.to_string()))?,
            breaker: Mutex::default(),
            retries: metrics::counter!("roost_search_retries_total"),
            opened: metrics::counter!("roost_search_breaker_opened_total"),
        })
    }

    /// Calls until there is an answer or `backoff` is at its end; then [`SearchError::Retryable`].
    pub(super) async fn call(&self, call: Call<'_>, backoff: Backoff) -> Result<Reply, SearchError> {
        let mut failed = 0;
        loop {
            match self.once(call.clone()).await {
                Ok(reply) => return allowed(reply),
                Err(cause) => {
                    failed += 1;
                    if !self.pause(backoff, failed).await {
                        return Err(SearchError::Retryable(cause));
                    }
                }
            }
        }
    }

    /// Waits before the next try; says whether there is one.
    pub(super) async fn pause(&self, backoff: Backoff, failed: u32) -> bool {
        let again = backoff.sleep(failed).await;
        self.retries.increment(u64::from(again));
        again
    }

    /// Calls once. The error is why the same call may succeed later.
    pub(super) async fn once(&self, call: Call<'_>) -> Result<Reply, String> {
        if !self.breaker.lock().permits(Instant::now()) {
            return Err("its last calls failed: it is left alone for a moment".to_owned());
        }
        let answered = self.send(call).await;
        match &answered {
            Ok(_) => self.breaker.lock().succeeded(),
            Err(cause) => {
                if self.breaker.lock().failed(Instant::now(), rand::random()) {
                    self.opened.increment(1);
                    tracing::warn!(%cause, "elasticsearch does not answer");
                }
            }
        }
        answered
    }

    async fn send(&self, call: Call<'_>) -> Result<Reply, String> {
        let mut headers = HeaderMap::new();
        if call.lines {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        }
        let sent = self.transport.send(call.method, &call.path, headers, Some(call.query), call.body, Some(call.time_max)).await;
        let response = sent.map_err(|error| chain(&error))?;
        let status = response.status_code().as_u16();
        let body = response.bytes().await.map_err(|error| chain(&error))?;
        let reply = Reply { status, body };
        if is_passing(status) { Err(format!("status {status}: {}", reply.cause().shown())) } else { Ok(reply) }
    }
}

/// Whether a status says that the same may succeed later.
pub(super) fn is_passing(status: u16) -> bool {
    status == 408 || status == 429 || status >= 500
}

fn allowed(reply: Reply) -> Result<Reply, SearchError> {
    match reply.status {
        401 | 403 => {
            let cause = reply.cause().shown();
            Err(SearchError::Fatal(format!("elasticsearch does not allow this: check name, password and privileges ({cause})")))
        }
        _ => Ok(reply),
    }
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !line.contains(&more) {
            line = format!("{line}: {more}");
        }
        source = cause.source();
    }
    line
}
