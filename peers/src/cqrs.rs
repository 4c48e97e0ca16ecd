//! The same posts through cqrs-es on PostgreSQL (crates cqrs-es and postgres-es): a command is loaded for, decided, and its event stored.
//!
//! Each post is an aggregate of its own: its loading finds no event, and no two commands ever meet at one aggregate. It is the cheapest way
//! to model a post there; one aggregate per author would load the whole history of the author for each post.

use crate::postgres::{connect, number};
use crate::turns::{Call, turn};
use anyhow::{Context, Result};
use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use postgres_es::{PostgresCqrs, postgres_cqrs};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The table of postgres-es, as its db/init.sql has it.
const TABLE: &str = "
    DROP TABLE IF EXISTS events;
    CREATE TABLE events (
        aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
        event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
        PRIMARY KEY (aggregate_type, aggregate_id, sequence)
    )";
/// Longest wait of a caller for a connection.
const ACQUIRE: Duration = Duration::from_secs(60);

/// A post; so much of it as deciding needs.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Post {
    published: bool,
}

/// Publishes a post.
#[derive(Debug)]
struct Publish {
    account: u32,
    text: Arc<str>,
}

/// A post was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Published {
    account: u32,
    text: String,
    visibility: String,
    language: String,
    tags: Vec<String>,
}

impl DomainEvent for Published {
    fn event_type(&self) -> String {
        "PostPublished".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Post {
    const TYPE: &'static str = "post";
    type Command = Publish;
    type Event = Published;
    type Error = Infallible;
    type Services = ();

    async fn handle(&mut self, command: Publish, (): &(), sink: &EventSink<Self>) -> Result<(), Infallible> {
        if !self.published {
            let event = Published {
                account: command.account,
                text: command.text.to_string(),
                visibility: "public".to_owned(),
                language: "en".to_owned(),
                tags: vec!["bench".to_owned()],
            };
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, _: Published) {
        self.published = true;
    }
}

/// What to do.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Makes the table anew; `authors` is a file of who publishes, drawn already: a line `NUMBER<tab>ACCOUNT` each.
    Open { url: String, authors: PathBuf, text: String },
    /// Publishes for a time, `in_flight` callers on so many connections.
    Turn { in_flight: usize, connections: u32, seconds: f64 },
    /// How many events there are.
    Count,
}

/// The table, once opened.
#[derive(Default)]
pub(crate) struct Side {
    url: String,
    authors: Arc<Vec<(i64, i32)>>,
    text: Arc<str>,
    next: Arc<AtomicU64>,
}

impl Side {
    pub(crate) async fn answer(&mut self, ask: Ask) -> Result<Value> {
        match ask {
            Ask::Open { url, authors, text } => {
                connect(&url).await?.batch_execute(TABLE).await?;
                (self.url, self.text) = (url, text.into());
                self.authors = Arc::new(crate::postgres::pairs(&authors)?);
                Ok(json!({}))
            }
            Ask::Turn { in_flight, connections, seconds } => self.turn(in_flight, connections, seconds).await,
            Ask::Count => {
                let client = connect(&self.url).await?;
                let right = "SELECT count(*) FROM events WHERE sequence = 1 AND payload ->> 'text' = $1";
                let rows = number(&client, right, &[&self.text.as_ref()]).await?;
                let bytes = number(&client, "SELECT pg_total_relation_size('events')", &[]).await?;
                Ok(json!({ "rows": rows, "bytes": bytes }))
            }
        }
    }

    async fn turn(&self, in_flight: usize, connections: u32, seconds: f64) -> Result<Value> {
        let connections = connections.min(u32::try_from(in_flight)?).max(1);
        let options = PgPoolOptions::new().max_connections(connections).min_connections(connections).acquire_timeout(ACQUIRE);
        let pool = options.test_before_acquire(false).connect(&self.url).await.context("cannot connect to PostgreSQL")?;
        let cqrs: Arc<PostgresCqrs<Post>> = Arc::new(postgres_cqrs(pool.clone(), Vec::new(), ()));
        let (authors, text, next) = (Arc::clone(&self.authors), Arc::clone(&self.text), Arc::clone(&self.next));
        let call: Call = Arc::new(move |_| {
            let (cqrs, text, number) = (Arc::clone(&cqrs), Arc::clone(&text), next.fetch_add(1, Ordering::Relaxed));
            let drawn = authors.get(number as usize % authors.len().max(1)).map_or(0, |(_, account)| *account);
            Box::pin(async move {
                let command = Publish { account: drawn.unsigned_abs(), text };
                cqrs.execute(&number.to_string(), command).await.context("a command failed")?;
                Ok(1)
            })
        });
        let found = turn(in_flight, Duration::from_secs_f64(seconds), call).await;
        pool.close().await;
        found
    }
}
