//! Indexes of a test's own, and what goes into them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use infra::search::elastic::{ElasticOptions, ElasticSearch, ElasticUrl};
use infra::search::{Item, SearchChange, SearchDocument, SearchIndex, SearchQuery, SearchWrite, StatusQuery};
use schemas::log::{Validity, WriterId};
use schemas::rows::Checkpoint;
use schemas::{AccountId, PartitionId, PostId};

pub(crate) const P0: PartitionId = PartitionId(0);

static PREFIXES: AtomicU32 = AtomicU32::new(0);

/// host:port of the server.
pub(crate) fn server() -> String {
    std::env::var("ROOST_TEST_ELASTIC").expect("set ROOST_TEST_ELASTIC=host:port of an Elasticsearch for tests")
}

/// A place that no other test uses; its indexes go when it does.
pub(crate) struct Place {
    pub(crate) url: ElasticUrl,
}

impl Place {
    pub(crate) fn new() -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let prefix = format!("roost-test-{started}-{}-{}", std::process::id(), PREFIXES.fetch_add(1, Ordering::Relaxed));
        Self { url: format!("elastic://{}/{prefix}?replicas=0", server()).parse().unwrap() }
    }

    /// Another process, so to speak.
    pub(crate) fn open(&self) -> ElasticSearch {
        ElasticSearch::new(self.url.clone(), ElasticOptions::default()).unwrap()
    }

    /// Asks the server, as an operator would: a path below the prefix.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        http(method, &format!("/{}{path}", self.url.prefix), body).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let index = self.open();
        let remove = async move { index.remove_everything().await };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(remove)).expect("indexes of a test can be removed");
    }
}

/// One exchange with the server, past the adapter.
pub(crate) async fn http(method: &str, path: &str, body: &str) -> serde_json::Value {
    use http_body_util::{BodyExt, Full};
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let request =
        http::Request::builder().method(method).uri(format!("http://{}{path}", server())).header("content-type", "application/json");
    let request = request.body(Full::new(bytes::Bytes::copy_from_slice(body.as_bytes()))).unwrap();
    let answer = client.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&answer).unwrap()
}

pub(crate) fn checkpoint(next: u64) -> Checkpoint {
    Checkpoint { generation: 1, next, validity: Validity { epoch: 1, writer: WriterId(u64::MAX), sequence: next } }
}

pub(crate) fn status(id: u64, text: &str) -> SearchDocument {
    SearchDocument::Status { id: PostId(id), author: AccountId(1), text: text.to_owned() }
}

pub(crate) fn put(offset: u64, document: SearchDocument) -> SearchWrite {
    SearchWrite { offset, change: SearchChange::Put(document) }
}

pub(crate) fn delete(offset: u64, id: u64) -> SearchWrite {
    SearchWrite { offset, change: SearchChange::Delete(Item::Status(PostId(id))) }
}

/// The posts with a text, newest first.
pub(crate) async fn found(index: &dyn SearchIndex, text: &str) -> Vec<u64> {
    let query = StatusQuery { text: text.to_owned(), limit: 50, ..StatusQuery::default() };
    let found = index.search(SearchQuery::Statuses(query)).await.unwrap();
    found.into_iter().map(|item| if let Item::Status(id) = item { id.0 } else { panic!("{item:?} among statuses") }).collect()
}
