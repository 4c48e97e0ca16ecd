//! What is asked of Elasticsearch past the search port: an index made, counted, looked into and removed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use ureq::http::Method;

/// Longest wait for an answer: refreshes and removals of a whole index take seconds.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

const JSON: &str = "application/json";
const NO_BODY: (&str, &[u8]) = (JSON, &[]);

/// A server, by its address.
pub(super) struct Server {
    /// Host and port.
    pub(super) address: String,
    agent: ureq::Agent,
}

impl Server {
    pub(super) fn new(address: String) -> Self {
        let agent = ureq::Agent::config_builder().timeout_global(Some(ANSWER_WAIT)).http_status_as_error(false).build().into();
        Self { address, agent }
    }

    /// Sends a request and reads its answer; any status but a success is an error. An empty body is none.
    pub(super) fn ask(&self, method: Method, path: &str, (kind, body): (&str, &[u8])) -> Result<Value> {
        let request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        let answer = match body {
            [] => self.agent.run(request.body(())?),
            body => self.agent.run(request.header("content-type", kind).body(body)?),
        };
        let mut answer = answer.with_context(|| format!("Elasticsearch does not answer to {path}"))?;
        let text = answer.body_mut().with_config().limit(u64::MAX).read_to_string()?;
        ensure!(answer.status().is_success(), "{path} was answered with {}: {text}", answer.status());
        Ok(serde_json::from_str(&text)?)
    }

    /// Makes an index with the mappings of the search port's, which refreshes itself so often, if at all.
    pub(super) fn make(&self, index: &str, refresh: Option<&str>) -> Result<()> {
        let mut body: Value = serde_json::from_str(schemas::elastic::SEARCH_V1)?;
        let settings = body.get_mut("settings").and_then(Value::as_object_mut).context("the mappings have settings")?;
        settings.insert("index.number_of_shards".to_owned(), json!(1));
        settings.insert("index.number_of_replicas".to_owned(), json!(0));
        if let Some(every) = refresh {
            settings.insert("index.refresh_interval".to_owned(), json!(every));
        }
        self.ask(Method::PUT, &format!("/{index}"), (JSON, body.to_string().as_bytes()))?;
        let serves = format!("/_cluster/health/{index}?wait_for_status=green&timeout=30s");
        self.ask(Method::GET, &serves, NO_BODY).map(drop)
    }

    /// Makes what an index holds searchable.
    pub(super) fn refresh(&self, index: &str) -> Result<()> {
        self.ask(Method::POST, &format!("/{index}/_refresh"), NO_BODY).map(drop)
    }

    /// Counts the posts that can be found.
    pub(super) fn count_posts(&self, index: &str) -> Result<u64> {
        let query = json!({ "query": { "term": { "kind": "status" } } }).to_string();
        let found = self.ask(Method::POST, &format!("/{index}/_count"), (JSON, query.as_bytes()))?;
        found.get("count").and_then(Value::as_u64).context("no count in the answer")
    }

    /// What a document holds.
    pub(super) fn document(&self, index: &str, id: &str) -> Result<Value> {
        self.ask(Method::GET, &format!("/{index}/_source/{id}"), NO_BODY)
    }

    /// Removes an index.
    pub(super) fn delete(&self, index: &str) -> Result<()> {
        self.ask(Method::DELETE, &format!("/{index}"), NO_BODY).map(drop)
    }
}
