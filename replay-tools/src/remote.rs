//! The tools against a running server, through its operators' port. Blocking: one caller, one answer.

use std::io::{BufRead, BufReader};

use anyhow::{Context, bail};
use projectors::{LetterInfo, Released};
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use crate::inspect::Asked;
use crate::letters::ReleaseRequest;
use crate::ops::Line;

const GONE: &str = "the server went away before it was done";

/// Hears the lines of an answer, one by one; an error ends the listening.
pub type Hear<'a> = dyn FnMut(Line) -> anyhow::Result<()> + 'a;

/// A server's operators' port.
pub struct Remote {
    base: String,
    agent: Agent,
}

impl Remote {
    /// Names the port, as `http://127.0.0.1:8081`. No time limit: a rebuild takes as long as it takes.
    pub fn new(url: &str) -> Self {
        let agent = Agent::new_with_config(Agent::config_builder().http_status_as_error(false).build());
        Self { base: url.trim_end_matches('/').to_owned(), agent }
    }

    /// Rebuilds; `hear` gets every line.
    pub fn rebuild(&self, names: &[String], hear: &mut Hear<'_>) -> anyhow::Result<()> {
        let url = format!("{}/ops/rebuild?views={}", self.base, names.join(","));
        each_line(self.agent.post(&url).send_empty().with_context(|| unreachable_at(&url))?, hear)
    }

    /// Verifies; `hear` gets every line.
    pub fn verify(&self, names: &[String], hear: &mut Hear<'_>) -> anyhow::Result<()> {
        let url = format!("{}/ops/verify?views={}", self.base, names.join(","));
        each_line(self.agent.get(&url).call().with_context(|| unreachable_at(&url))?, hear)
    }

    /// Reads the log; `hear` gets every event.
    pub fn inspect(&self, asked: &Asked, hear: &mut Hear<'_>) -> anyhow::Result<()> {
        let url = format!("{}/ops/inspect", self.base);
        let mut request = self.agent.get(&url);
        if let Value::Object(parameters) = serde_json::to_value(asked)? {
            for (name, value) in parameters {
                request = request.query(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
        }
        each_line(request.call().with_context(|| unreachable_at(&url))?, hear)
    }

    /// Lists every dead letter.
    pub fn dead_letters(&self) -> anyhow::Result<Vec<LetterInfo>> {
        let url = format!("{}/ops/dead-letters", self.base);
        answer(self.agent.get(&url).call().with_context(|| unreachable_at(&url))?)
    }

    /// Releases one.
    pub fn release(&self, request: &ReleaseRequest) -> anyhow::Result<Released> {
        let url = format!("{}/ops/dead-letters/release", self.base);
        answer(self.agent.post(&url).send_json(request).with_context(|| unreachable_at(&url))?)
    }
}

fn unreachable_at(url: &str) -> String {
    format!("no answer from {url}: is it the operators' port (configuration key ops_listen) of a running server?")
}

fn each_line(response: Response<Body>, hear: &mut Hear<'_>) -> anyhow::Result<()> {
    let mut response = refused(response)?;
    for line in BufReader::new(response.body_mut().as_reader()).lines() {
        let line = line.context(GONE)?;
        let line: Line = serde_json::from_str(&line).context("the server's answer is not understood: use the tool of its version")?;
        match line {
            Line::Finished { .. } => return hear(line),
            Line::Failed { error } => bail!(error),
            Line::Progress(_) | Line::Verified(_) | Line::Event(_) => hear(line)?,
        }
    }
    bail!(GONE)
}

fn answer<T: DeserializeOwned>(response: Response<Body>) -> anyhow::Result<T> {
    refused(response)?.body_mut().read_json().context("the server's answer is not understood: use the tool of its version")
}

fn refused(mut response: Response<Body>) -> anyhow::Result<Response<Body>> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.body_mut().read_to_string().unwrap_or_default();
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    match body.get("error").and_then(Value::as_str) {
        Some(error) if status != StatusCode::NOT_FOUND => bail!("the server refuses: {error}"),
        _ => bail!("the server answers {status}: is it the operators' port (configuration key ops_listen), and of this version?"),
    }
}
