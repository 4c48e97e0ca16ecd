//! A client that costs little: keep-alive connections, one request at a time on each, answers read to their announced length.

use super::super::report::latencies;
use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room for a head and a part of the body.
const BUFFER_BYTES: usize = 256 * 1024;

/// Reads the path on so many connections for so long, as the readers in turn; the latencies in microseconds.
pub(super) async fn run(address: SocketAddr, path: &str, readers: u64, connections: usize, time: Duration) -> Result<Histogram<u64>> {
    let end = Instant::now() + time;
    let mut tasks = Vec::new();
    for connection in 0..connections as u64 {
        let requests = (0..readers).map(|reader| request(path, (reader + connection * 17) % readers)).collect();
        tasks.push(tokio::spawn(read(address, requests, end)));
    }
    let mut all = latencies();
    for task in tasks {
        all.add(task.await.context("a client panicked")??)?;
    }
    Ok(all)
}

fn request(path: &str, reader: u64) -> Vec<u8> {
    let token = super::world::token(reader);
    format!("GET {path} HTTP/1.1\r\nHost: bench.example\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

async fn read(address: SocketAddr, requests: Vec<Vec<u8>>, end: Instant) -> Result<Histogram<u64>> {
    let mut stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let (mut found, mut buffer) = (latencies(), vec![0; BUFFER_BYTES]);
    for request in requests.iter().cycle() {
        if Instant::now() >= end {
            break;
        }
        let started = Instant::now();
        stream.write_all(request).await?;
        answer(&mut stream, &mut buffer).await?;
        found.saturating_record(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX).max(1));
    }
    Ok(found)
}

/// Reads one answer to its end.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    let (head_end, length) = loop {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let count = stream.read(room).await?;
        if count == 0 {
            bail!("the server closed the connection");
        }
        filled += count;
        let read = buffer.get(..filled).unwrap_or_default();
        if let Some(head) = head(read)? {
            break head;
        }
    };
    let mut missing = (head_end + length).saturating_sub(filled);
    while missing > 0 {
        let most = missing.min(buffer.len());
        let count = stream.read(buffer.get_mut(..most).unwrap_or_default()).await?;
        if count == 0 {
            bail!("the server closed the connection within a body");
        }
        missing -= count;
    }
    Ok(())
}

/// Where the head ends and how long the body is, once the head is there; an answer other than 200 ends the bench.
fn head(read: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(read.get(..end).unwrap_or_default())?;
    if !text.starts_with("HTTP/1.1 200") {
        bail!("the server answered {}", text.lines().next().unwrap_or_default());
    }
    let length = text.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|rest| rest.trim().parse()));
    Ok(Some((end + 4, length.context("the answer has no length")??)))
}
