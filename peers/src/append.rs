//! An event log as a bare table of PostgreSQL: a row per record. Each caller has its own statement and its own commit, of which PostgreSQL
//! brings several to the disk with one fsync; or what waits is put into one statement, as a program of one's own would.

use crate::postgres::{connect, connect_many, number};
use crate::turns::{Call, turn};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

const TABLE: &str = "CREATE TABLE log (position bigserial PRIMARY KEY, actor bigint NOT NULL, body bytea NOT NULL)";
const ONE: &str = "INSERT INTO log (actor, body) VALUES ($1, $2) RETURNING position";
const MANY: &str = "INSERT INTO log (actor, body) SELECT * FROM unnest($1::bigint[], $2::bytea[]) RETURNING position";

/// What to do.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Makes the table anew; `bodies` is a file of them.
    Open { url: String, bodies: PathBuf },
    /// Appends for a time, `in_flight` callers on so many connections; `batched`: what waits goes into one statement.
    Turn { in_flight: usize, connections: usize, seconds: f64, batched: bool },
    /// How many rows there are, their bytes, and whether each body is the one that was sent.
    Count,
}

/// The table, once opened.
#[derive(Default)]
pub(crate) struct Side {
    url: String,
    bodies: Arc<Bodies>,
}

/// What is appended, again from the beginning after the end.
#[derive(Default)]
struct Bodies {
    all: Vec<(i64, Vec<u8>)>,
    next: AtomicUsize,
}

impl Bodies {
    fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot open {}", path.display()))?;
        let (mut rest, mut all) = (bytes.as_slice(), Vec::new());
        while let Some((actor, after)) = rest.split_first_chunk() {
            let (length, after) = after.split_first_chunk().context("a body without its length")?;
            let (body, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize).context("a body is cut off")?;
            all.push((i64::from_le_bytes(*actor), body.to_vec()));
            rest = after;
        }
        ensure!(!all.is_empty(), "there is nothing to append");
        Ok(Self { all, next: AtomicUsize::new(0) })
    }

    fn draw(&self, count: usize) -> impl Iterator<Item = &(i64, Vec<u8>)> {
        let first = self.next.fetch_add(count, Ordering::Relaxed) % self.all.len();
        self.all.iter().cycle().skip(first).take(count)
    }
}

/// Connections that callers take and give back.
struct Pool {
    free: Mutex<Vec<(Client, Statement)>>,
    permits: Semaphore,
}

impl Pool {
    async fn new(url: &str, connections: usize, statement: &str, types: &[Type]) -> Result<Self> {
        let mut free = Vec::new();
        for client in connect_many(url, connections).await? {
            let statement = client.prepare_typed(statement, types).await?;
            free.push((client, statement));
        }
        Ok(Self { free: Mutex::new(free), permits: Semaphore::new(connections) })
    }

    /// Sends the next bodies, and waits until they are committed.
    async fn append(&self, bodies: &Bodies, count: usize, batched: bool) -> Result<u64> {
        let _permit = self.permits.acquire().await?;
        let taken = self.free.lock().ok().and_then(|mut free| free.pop());
        let (client, statement) = taken.context("a permit is for a connection")?;
        let done = if batched {
            let (actors, bodies): (Vec<i64>, Vec<&[u8]>) = bodies.draw(count).map(|(actor, body)| (*actor, body.as_slice())).unzip();
            client.query(&statement, &[&actors, &bodies]).await?.len()
        } else {
            let (actor, body) = bodies.draw(1).next().context("there are bodies")?;
            client.query(&statement, &[actor, body]).await?.len()
        };
        if let Ok(mut free) = self.free.lock() {
            free.push((client, statement));
        }
        Ok(done as u64)
    }
}

impl Side {
    pub(crate) async fn answer(&mut self, ask: Ask) -> Result<Value> {
        match ask {
            Ask::Open { url, bodies } => {
                let client = connect(&url).await?;
                client.batch_execute("DROP TABLE IF EXISTS log").await?;
                client.batch_execute(TABLE).await?;
                (self.url, self.bodies) = (url, Arc::new(Bodies::load(&bodies)?));
                Ok(json!({}))
            }
            Ask::Turn { in_flight, connections, seconds, batched } => {
                let connections = connections.clamp(1, in_flight.max(1));
                let (text, types) = if batched { (MANY, [Type::INT8_ARRAY, Type::BYTEA_ARRAY]) } else { (ONE, [Type::INT8, Type::BYTEA]) };
                let pool = Arc::new(Pool::new(&self.url, connections, text, &types).await?);
                let (callers, count) = if batched { (connections, in_flight.div_ceil(connections)) } else { (in_flight, 1) };
                let bodies = Arc::clone(&self.bodies);
                let call: Call = Arc::new(move |_| {
                    let (pool, bodies) = (Arc::clone(&pool), Arc::clone(&bodies));
                    Box::pin(async move { pool.append(&bodies, count, batched).await })
                });
                turn(callers, Duration::from_secs_f64(seconds), call).await
            }
            Ask::Count => {
                let client = connect(&self.url).await?;
                let rows = number(&client, "SELECT count(*) FROM log", &[]).await?;
                let bytes = number(&client, "SELECT pg_total_relation_size('log')", &[]).await?;
                let (actors, bodies): (Vec<i64>, Vec<&[u8]>) =
                    self.bodies.all.iter().map(|(actor, body)| (*actor, body.as_slice())).unzip();
                let foreign =
                    "SELECT count(*) FROM log WHERE NOT EXISTS (SELECT FROM sent WHERE sent.actor = log.actor AND sent.body = log.body)";
                client.batch_execute("CREATE TEMPORARY TABLE sent (actor bigint, body bytea)").await?;
                client.execute("INSERT INTO sent SELECT * FROM unnest($1::bigint[], $2::bytea[])", &[&actors, &bodies]).await?;
                client.batch_execute("ANALYZE sent").await?;
                ensure!(number(&client, foreign, &[]).await? == 0, "rows differ from what was sent");
                Ok(json!({ "rows": rows, "bytes": bytes }))
            }
        }
    }
}
