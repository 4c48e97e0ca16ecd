//! A whole Roost in this process, on memory stores and free ports, and a client that sees status, headers and bytes.

#![allow(
    dead_code,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "each test file uses its own part, and a missing field is a failed test"
)]

pub mod place;

use std::time::Duration;

use infra::config::{Config, Layered};
use infra::connect::{Ports, Stores};
use roost::serve::{self, Addresses};
use serde_json::Value;
use ureq::http::{Response, StatusCode};

/// A running server; stops when dropped.
pub struct Server {
    url: String,
    ops: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    agent: ureq::Agent,
}

/// An account with its token.
#[derive(Debug, Clone)]
pub struct Member {
    pub id: String,
    pub username: String,
    pub token: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: String,
    pub link: Option<String>,
    /// Whether it says `Roost-Stale: true`.
    pub stale: bool,
    /// Whether it says `Retry-After`.
    pub retry_after: bool,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Server {
    /// Starts on memory stores, with the given keys set.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let mut layered = Layered::default();
        let memory = ["log", "views", "search", "blobs"].map(|key| (key, "memory"));
        let common = [("listen", "127.0.0.1:0"), ("ops_listen", "127.0.0.1:0"), ("rate_limits", "off"), ("partitions", "4")];
        for (key, value) in memory.iter().chain(&common).chain(settings) {
            layered.set(key, value, "a test").expect("a known key");
        }
        Self::with(layered.finish().expect("a good configuration"))
    }

    /// Starts as configured.
    pub fn with(config: Config) -> Self {
        Self::opened(config, None)
    }

    /// Starts over ports that are open.
    pub fn over(config: Config, opened: (Ports, Stores)) -> Self {
        Self::opened(config, Some(opened))
    }

    fn opened(config: Config, opened: Option<(Ports, Stores)>) -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let until = async {
                    let _ = stopped.await;
                };
                let announce = move |addresses: Addresses| ready.send(addresses).expect("the test waits");
                match opened {
                    Some(opened) => serve::run_over(config, opened, until, announce).await,
                    None => serve::run(config, None, until, announce).await,
                }
                .expect("serves");
            });
        });
        let addresses = is_ready.recv_timeout(Duration::from_secs(30)).expect("the server starts");
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(20)))
            .build();
        Self {
            url: format!("http://{}", addresses.public),
            ops: format!("http://{}", addresses.ops),
            stop: Some(stop),
            thread: Some(thread),
            agent: agent.new_agent(),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Where the operators' port is.
    pub fn ops_url(&self) -> &str {
        &self.ops
    }

    /// Creates an account through the operators' port.
    pub fn member(&self, username: &str) -> Member {
        let body = serde_json::json!({ "username": username });
        let reply = read(self.agent.post(format!("{}/ops/accounts", self.ops)).send_json(body).expect("the operators' port answers"));
        assert_eq!(reply.status, 200, "{}", reply.body);
        let json = reply.json();
        let text = |key: &str| json[key].as_str().expect("a text").to_owned();
        Member { id: text("id"), username: text("username"), token: text("token") }
    }

    /// Calls an operation; `token` as a bearer token, `body` as JSON.
    pub fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Reply {
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json").body(body.to_string()).expect("a request");
                self.agent.run(request)
            }
            None => self.agent.run(request.body(String::new()).expect("a request")),
        };
        read(response.unwrap_or_else(|error| panic!("{method} {path}: {error}")))
    }

    pub fn get(&self, path: &str, member: &Member) -> Reply {
        self.call("GET", path, Some(&member.token), None)
    }

    pub fn post(&self, path: &str, member: &Member, body: Value) -> Value {
        let reply = self.call("POST", path, Some(&member.token), Some(body));
        assert_eq!(reply.status, 200, "POST {path}: {}", reply.body);
        reply.json()
    }

    /// Posts, and says at which position what came of it is.
    pub fn post_at(&self, path: &str, member: &Member, body: &Value) -> (Value, String) {
        let request = self.agent.post(self.url(path)).header("authorization", format!("Bearer {}", member.token));
        let response = request.send_json(body).expect("the server answers");
        let position = response.headers().get("roost-position").and_then(|position| position.to_str().ok()).map(str::to_owned);
        let reply = read(response);
        assert_eq!(reply.status, 200, "POST {path}: {}", reply.body);
        (reply.json(), position.expect("a write says where it is"))
    }

    /// Writes many in one request, and also returns the position that they ended at.
    pub fn send_lines(&self, path: &str, member: &Member, lines: &str) -> (String, String) {
        let request = self.agent.post(self.url(path)).header("authorization", format!("Bearer {}", member.token));
        let response = request.send(lines).expect("the server answers");
        let position = response.headers().get("roost-position").and_then(|position| position.to_str().ok()).map(str::to_owned);
        let reply = read(response);
        assert_eq!(reply.status, 200, "POST {path}: {}", reply.body);
        (reply.body, position.expect("a write says where it is"))
    }

    /// Reads what is there once the views have passed a position.
    pub fn get_after(&self, path: &str, member: &Member, position: &str) -> Value {
        let request = self.agent.get(self.url(path)).header("authorization", format!("Bearer {}", member.token));
        let reply = read(request.header("roost-position", position).call().expect("the server answers"));
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.body);
        reply.json()
    }

    /// Calls an operation with an idempotency key.
    pub fn call_with_key(&self, method: &str, path: &str, token: &str, key: &str, body: &Value) -> Reply {
        let request = ureq::http::Request::builder().method(method).uri(self.url(path)).header("authorization", format!("Bearer {token}"));
        let request = request.header("idempotency-key", key).header("content-type", "application/json");
        read(self.agent.run(request.body(body.to_string()).expect("a request")).expect("the server answers"))
    }

    /// Posts JSON to the operators' port.
    pub fn ops_send(&self, path: &str, body: &Value) -> Reply {
        read(self.agent.post(format!("{}{path}", self.ops)).send_json(body).expect("the operators' port answers"))
    }

    /// Posts with an idempotency key.
    pub fn post_with_key(&self, path: &str, member: &Member, key: &str, body: &Value) -> Value {
        let request =
            self.agent.post(self.url(path)).header("authorization", format!("Bearer {}", member.token)).header("idempotency-key", key);
        let reply = read(request.send_json(body).expect("the server answers"));
        assert_eq!(reply.status, 200, "POST {path}: {}", reply.body);
        reply.json()
    }

    /// Posts to the operators' port.
    pub fn ops_post(&self, path: &str) -> Reply {
        read(self.agent.post(format!("{}{path}", self.ops)).send_empty().expect("the operators' port answers"))
    }

    /// Reads a resource of the operators' port.
    pub fn ops(&self, path: &str) -> Reply {
        read(self.agent.get(format!("{}{path}", self.ops)).call().expect("the operators' port answers"))
    }
}

fn read(mut response: Response<ureq::Body>) -> Reply {
    let status: StatusCode = response.status();
    let link = response.headers().get("link").and_then(|link| link.to_str().ok()).map(str::to_owned);
    let stale = response.headers().get("roost-stale").is_some_and(|value| value == "true");
    let retry_after = response.headers().contains_key("retry-after");
    Reply { status: status.as_u16(), body: response.body_mut().read_to_string().expect("a text body"), link, stale, retry_after }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
