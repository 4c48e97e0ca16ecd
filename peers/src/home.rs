//! Newest pages of home timelines out of PostgreSQL, ids alone: put together when they are read, out of follows and posts, or read out of a
//! table of entries that was filled before.

use crate::postgres::{connect, connect_many, copy, pages};
use crate::turns::{Call, turn};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

const TABLES: &str = "
    CREATE TABLE follows (reader int NOT NULL, author int NOT NULL);
    CREATE TABLE posts (id bigint NOT NULL, author int NOT NULL);
    CREATE TABLE timeline (reader int NOT NULL, post bigint NOT NULL)";
const PREPARE: &str = "
    ALTER TABLE follows ADD PRIMARY KEY (reader, author);
    ALTER TABLE posts ADD PRIMARY KEY (author, id);
    INSERT INTO timeline SELECT reader, id FROM (
        SELECT f.reader, p.id, row_number() OVER (PARTITION BY f.reader ORDER BY p.id DESC) AS place
        FROM follows f JOIN posts p ON p.author = f.author
    ) AS ranked WHERE place <= SLOTS ORDER BY reader, id;
    ALTER TABLE timeline ADD PRIMARY KEY (reader, post);
    VACUUM ANALYZE";
/// Each followee's newest, as many as a page may take of one, then the newest of those: no more of the index is read than that.
const PULL: &str = "
    SELECT p.id FROM follows f CROSS JOIN LATERAL (
        SELECT id FROM posts WHERE author = f.author ORDER BY id DESC LIMIT $2
    ) AS p WHERE f.reader = $1 ORDER BY p.id DESC LIMIT $2";
const PUSH: &str = "SELECT post FROM timeline WHERE reader = $1 ORDER BY post DESC LIMIT $2";

/// How a page comes about.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    Pull,
    Push,
}

impl How {
    fn query(self) -> &'static str {
        match self {
            Self::Pull => PULL,
            Self::Push => PUSH,
        }
    }
}

/// What to do.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Makes the tables: `follows` is a file of readers and authors, `posts` one of ids and authors.
    Open { url: String, follows: PathBuf, posts: PathBuf, slots: usize },
    /// Newest pages of readers, one after the other, for comparing.
    Pages { how: How, readers: Vec<i32>, limit: i64 },
    /// Reads newest pages of `readers` in their order for a time, on so many connections.
    Turn { how: How, readers: Vec<i32>, limit: i64, connections: usize, seconds: f64 },
}

/// The tables, once opened.
#[derive(Default)]
pub(crate) struct Side {
    url: String,
    client: Option<Client>,
}

impl Side {
    pub(crate) async fn answer(&mut self, ask: Ask) -> Result<Value> {
        match ask {
            Ask::Open { url, follows, posts, slots } => {
                let client = connect(&url).await?;
                client.batch_execute(TABLES).await?;
                copy(&client, "follows", &follows).await?;
                copy(&client, "posts", &posts).await?;
                for statement in PREPARE.replace("SLOTS", &slots.to_string()).split(';') {
                    client.batch_execute(statement).await?;
                }
                (self.url, self.client) = (url, Some(client));
                Ok(json!({}))
            }
            Ask::Pages { how, readers, limit } => {
                let client = self.client.as_ref().context("open first")?;
                Ok(json!({ "pages": pages(client, how.query(), &readers, limit).await? }))
            }
            Ask::Turn { how, readers, limit, connections, seconds } => {
                let mut lanes = Vec::new();
                for client in connect_many(&self.url, connections.max(1)).await? {
                    let statement = client.prepare_typed(how.query(), &[Type::INT4, Type::INT8]).await?;
                    lanes.push((client, statement));
                }
                let (callers, lanes, readers) = (lanes.len(), Arc::new(lanes), Arc::new(readers));
                let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
                let call: Call = Arc::new(move |caller| {
                    let (lanes, readers, next) = (Arc::clone(&lanes), Arc::clone(&readers), Arc::clone(&next));
                    Box::pin(async move {
                        let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let reader = readers.get(number % readers.len().max(1)).context("there are readers")?;
                        let (client, statement) = lanes.get(caller).context("a caller has a connection")?;
                        let rows = client.query(statement, &[reader, &limit]).await?;
                        let ids: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
                        std::hint::black_box(ids.len());
                        Ok(1)
                    })
                });
                turn(callers, Duration::from_secs_f64(seconds), call).await
            }
        }
    }
}
