//! A registry with one subject and one schema that fails as often as it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use infra::schema_registry::RegistryUrl;
use schemas::log::SchemaVersion;
use serde_json::json;

/// The id of the contract.
pub(crate) const ID: u32 = 41;
/// The same contract under another id.
pub(crate) const OTHER_ID: u32 = 42;
/// A schema of somebody else.
pub(crate) const FOREIGN_ID: u32 = 43;

#[derive(Default)]
pub(crate) struct Fake {
    /// Calls that are still to fail.
    pub(crate) failing: AtomicU32,
    /// What they answer; 0: bytes that are no answer.
    pub(crate) status: AtomicU32,
    /// All calls so far.
    pub(crate) calls: AtomicU32,
}

impl Fake {
    /// Starts it on a port of its own.
    pub(crate) async fn start() -> (Arc<Self>, RegistryUrl) {
        let fake = Arc::new(Self::default());
        let router = Router::new()
            .route("/subjects/{subject}/versions", get(versions))
            .route("/subjects/{subject}/versions/{number}", get(version))
            .route("/schemas/ids/{id}", get(by_id))
            .route("/compatibility/subjects/{subject}/versions", post(compatible))
            .with_state(fake.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (fake, url)
    }

    /// The next `count` calls fail.
    pub(crate) fn fail(&self, count: u32, status: u16) {
        self.status.store(status.into(), Ordering::SeqCst);
        self.failing.store(count, Ordering::SeqCst);
    }

    /// Calls since it was last asked.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.swap(0, Ordering::SeqCst)
    }

    fn failure(&self) -> Option<Response> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let fails = self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        fails.then(|| match u16::try_from(self.status.load(Ordering::SeqCst)).unwrap() {
            0 => "<html>a proxy speaks</html>".into_response(),
            status => (StatusCode::from_u16(status).unwrap(), "no").into_response(),
        })
    }
}

fn absent(code: u32) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error_code": code, "message": "not found" }))).into_response()
}

async fn versions(State(fake): State<Arc<Fake>>, Path(subject): Path<String>) -> Response {
    let answer = || if subject == "ours" { Json(json!([1])).into_response() } else { absent(40_401) };
    fake.failure().unwrap_or_else(answer)
}

async fn version(State(fake): State<Arc<Fake>>, Path((subject, number)): Path<(String, u32)>) -> Response {
    let schema = json!({ "subject": subject, "version": number, "id": ID, "schema": SchemaVersion::V1.text() });
    fake.failure().unwrap_or_else(|| Json(schema).into_response())
}

async fn by_id(State(fake): State<Arc<Fake>>, Path(id): Path<u32>) -> Response {
    fake.failure().unwrap_or_else(|| match id {
        ID | OTHER_ID => Json(json!({ "schema": SchemaVersion::V1.text() })).into_response(),
        FOREIGN_ID => Json(json!({ "schema": "\"string\"" })).into_response(),
        _ => absent(40_403),
    })
}

async fn compatible(State(fake): State<Arc<Fake>>) -> Response {
    fake.failure().unwrap_or_else(|| Json(json!({ "is_compatible": true })).into_response())
}
