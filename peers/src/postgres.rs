//! Connections to PostgreSQL, and files into its tables.

use anyhow::{Context, Result};
use futures_util::SinkExt;
use std::io::Read;
use std::path::Path;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};

/// Bytes of a file that are sent at once.
const PART_BYTES: usize = 1 << 20;

/// Opens a connection, which is driven by a task of its own.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("cannot connect to PostgreSQL")?;
    // It ends with its client; whoever asks meanwhile gets the error.
    tokio::spawn(connection);
    Ok(client)
}

/// Opens several.
pub(crate) async fn connect_many(url: &str, count: usize) -> Result<Vec<Client>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(connect(url).await?);
    }
    Ok(clients)
}

/// Copies a file of lines with tabs into a table.
pub(crate) async fn copy(client: &Client, table: &str, path: &Path) -> Result<u64> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let sink = client.copy_in::<_, std::io::Cursor<Vec<u8>>>(&format!("COPY {table} FROM STDIN")).await?;
    let mut sink = std::pin::pin!(sink);
    loop {
        let mut part = Vec::with_capacity(PART_BYTES);
        (&mut file).take(PART_BYTES as u64).read_to_end(&mut part)?;
        if part.is_empty() {
            break;
        }
        sink.send(std::io::Cursor::new(part)).await?;
    }
    Ok(sink.finish().await?)
}

/// Pairs of a file of lines with tabs.
pub(crate) fn pairs(path: &Path) -> Result<Vec<(i64, i32)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot open {}", path.display()))?;
    let pair = |line: &str| {
        let (one, other) = line.split_once('\t')?;
        Some((one.parse().ok()?, other.parse().ok()?))
    };
    text.lines().map(|line| pair(line).context("a line is no pair")).collect()
}

/// One number that a query gives.
pub(crate) async fn number(client: &Client, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<i64> {
    Ok(client.query_one(query, parameters).await?.try_get(0)?)
}

/// Newest ids of readers, a page for each, by a query of reader and limit.
pub(crate) async fn pages(client: &Client, query: &str, readers: &[i32], limit: i64) -> Result<Vec<Vec<i64>>> {
    let statement = client.prepare_typed(query, &[Type::INT4, Type::INT8]).await?;
    let mut pages = Vec::new();
    for reader in readers {
        let rows = client.query(&statement, &[reader, &limit]).await?;
        pages.push(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?);
    }
    Ok(pages)
}
