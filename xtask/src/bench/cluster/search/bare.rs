//! The bare loader: requests made beforehand, sent one after another by a thread for each partition. It looks at nothing of an answer but
//! `errors`, knows no versions of documents and keeps no checkpoints.

use anyhow::{Result, bail, ensure};
use infra::search::SearchDocument;
use serde_json::{Value, json};
use ureq::http::Method;

use super::super::super::report::{Spent, Stopwatch};
use super::server::Server;
use super::{Lane, REQUEST_MAX};

/// Requests of each partition.
pub(super) struct Loader {
    lanes: Vec<Vec<Vec<u8>>>,
}

impl Loader {
    /// Encodes the posts, step by step in requests as large as the port's.
    pub(super) fn new(lanes: &[Lane], step: usize) -> Result<Self> {
        let requests = |lane: &Lane| lane.chunks(step).flat_map(|posts| posts.chunks(REQUEST_MAX)).map(request).collect();
        Ok(Self { lanes: lanes.iter().map(requests).collect::<Result<_>>()? })
    }

    /// Sends everything to an index; then all of it is made searchable.
    pub(super) fn fill(&self, server: &Server, index: &str) -> Result<Spent> {
        let path = format!("/{index}/_bulk?filter_path=errors");
        let watch = Stopwatch::start();
        std::thread::scope(|threads| {
            let lanes: Vec<_> = self.lanes.iter().map(|requests| threads.spawn(|| send(server, &path, requests))).collect();
            lanes.into_iter().try_for_each(|lane| lane.join().map_err(|_| anyhow::anyhow!("a loader panicked"))?)
        })?;
        server.refresh(index)?;
        Ok(watch.spent())
    }
}

fn send(server: &Server, path: &str, requests: &[Vec<u8>]) -> Result<()> {
    for request in requests {
        let answer = server.ask(Method::POST, path, ("application/x-ndjson", request))?;
        ensure!(answer.get("errors") == Some(&Value::Bool(false)), "Elasticsearch refused a document of the loader");
    }
    Ok(())
}

fn request(posts: &[SearchDocument]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    for post in posts {
        serde_json::to_writer(&mut body, &json!({ "index": { "_id": document_id(post)? } }))?;
        body.push(b'\n');
        serde_json::to_writer(&mut body, &source(post)?)?;
        body.push(b'\n');
    }
    Ok(body)
}

/// What a post is under in the port's index.
pub(super) fn document_id(post: &SearchDocument) -> Result<String> {
    let SearchDocument::Status { id, .. } = post else { bail!("only posts are loaded") };
    Ok(format!("s:{}", id.0))
}

/// What the port's index holds of a post; the words of workload W1 are folded and parted by single spaces already.
pub(super) fn source(post: &SearchDocument) -> Result<Value> {
    let SearchDocument::Status { id, author, text } = post else { bail!("only posts are loaded") };
    Ok(json!({
        "kind": "status",
        "item": format!("2{:016x}", id.0),
        "print": format!("{:016x}", post.fingerprint()),
        "order": id.0,
        "author": author.0.to_string(),
        "text": text,
    }))
}
