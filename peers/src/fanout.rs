//! Home timelines in PostgreSQL: a table of follows, and a row per reader and post, written by INSERT .. SELECT for many posts at once.

use crate::postgres::{connect, connect_many, copy, number, pages, pairs};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Connections at the most.
const CONNECTIONS: usize = 2;

const TABLES: &str = "
    CREATE TABLE follows (author int NOT NULL, reader int NOT NULL);
    CREATE UNLOGGED TABLE timeline (reader int NOT NULL, post bigint NOT NULL, PRIMARY KEY (reader, post));
    CREATE TABLE readers (reader int PRIMARY KEY)";
const PREPARE: &str = "
    ALTER TABLE follows ADD PRIMARY KEY (author, reader);
    INSERT INTO readers SELECT DISTINCT reader FROM follows;
    VACUUM ANALYZE";
/// In order of the key: entries of one reader go to one place of the index.
const DELIVER: &str = "
    INSERT INTO timeline SELECT f.reader, p.post FROM unnest($1::bigint[], $2::int[]) AS p (post, author)
    JOIN follows f ON f.author = p.author ORDER BY f.reader, p.post";
/// For each reader: the newest one that is too many, and all before it.
const TRIM: &str = "
    DELETE FROM timeline t USING (
        SELECT r.reader, (SELECT x.post FROM timeline x WHERE x.reader = r.reader ORDER BY x.post DESC OFFSET $1 LIMIT 1) AS last
        FROM readers r WHERE r.reader % $2 = $3
    ) AS surplus
    WHERE t.reader = surplus.reader AND t.post <= surplus.last";
const PAGE: &str = "SELECT post FROM timeline WHERE reader = $1 ORDER BY post DESC LIMIT $2";

/// What to do.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Makes the tables; `follows` is a file of authors and readers, `slots` how many entries of a reader are kept.
    Open { url: String, follows: PathBuf, slots: i64 },
    /// Delivers posts, a file of ids and authors, and trims.
    Deliver { posts: PathBuf, batch: usize, connections: usize },
    /// Newest entries of readers.
    Pages { readers: Vec<i32>, limit: i64 },
    /// What there is.
    Size,
}

/// Connections, once opened.
#[derive(Default)]
pub(crate) struct Side {
    clients: Vec<Client>,
    slots: i64,
}

impl Side {
    pub(crate) async fn answer(&mut self, ask: Ask) -> Result<Value> {
        match ask {
            Ask::Open { url, follows, slots } => {
                let client = connect(&url).await?;
                client.batch_execute(TABLES).await?;
                copy(&client, "follows", &follows).await?;
                for statement in PREPARE.split(';') {
                    client.batch_execute(statement).await?;
                }
                (self.clients, self.slots) = (connect_many(&url, CONNECTIONS).await?, slots);
                Ok(json!({}))
            }
            Ask::Deliver { posts, batch, connections } => {
                let posts = pairs(&posts)?;
                let connections = connections.clamp(1, CONNECTIONS);
                let began = Instant::now();
                let deliveries = self.deliver(&posts, batch.max(1), connections).await?;
                let insert_s = began.elapsed().as_secs_f64();
                self.trim().await?;
                let trim_s = began.elapsed().as_secs_f64() - insert_s;
                Ok(json!({ "deliveries": deliveries, "insert_s": insert_s, "trim_s": trim_s }))
            }
            Ask::Pages { readers, limit } => Ok(json!({ "pages": pages(self.client()?, PAGE, &readers, limit).await? })),
            Ask::Size => {
                let entries = number(self.client()?, "SELECT count(*) FROM timeline", &[]).await?;
                let bytes = number(self.client()?, "SELECT pg_total_relation_size('timeline')", &[]).await?;
                Ok(json!({ "entries": entries, "bytes": bytes }))
            }
        }
    }

    fn client(&self) -> Result<&Client> {
        self.clients.first().context("open first")
    }

    /// Each connection takes every so manieth batch.
    async fn deliver(&self, posts: &[(i64, i32)], batch: usize, connections: usize) -> Result<u64> {
        let lane = |n: usize, client| async move {
            let client: &Client = client;
            let statement = client.prepare_typed(DELIVER, &[Type::INT8_ARRAY, Type::INT4_ARRAY]).await?;
            let mut deliveries = 0;
            for batch in posts.chunks(batch).skip(n).step_by(connections) {
                let (ids, authors): (Vec<i64>, Vec<i32>) = batch.iter().copied().unzip();
                deliveries += client.execute(&statement, &[&ids, &authors]).await?;
            }
            anyhow::Ok(deliveries)
        };
        let lanes = self.clients.iter().take(connections).enumerate().map(|(n, client)| lane(n, client));
        Ok(futures_util::future::try_join_all(lanes).await?.into_iter().sum())
    }

    async fn trim(&self) -> Result<()> {
        let lanes = self.clients.iter().enumerate().map(|(n, client)| async move {
            let statement = client.prepare_typed(TRIM, &[Type::INT8, Type::INT4, Type::INT4]).await?;
            client.execute(&statement, &[&self.slots, &(CONNECTIONS as i32), &(n as i32)]).await?;
            anyhow::Ok(())
        });
        futures_util::future::try_join_all(lanes).await?;
        Ok(())
    }
}
