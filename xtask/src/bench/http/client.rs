//! A client that costs little: keep-alive connections, one request at a time on each, answers read to their announced length.

use super::super::report::{latencies, micros};
use super::{Pace, Talk};
use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room for a head and most bodies; it grows for longer ones.
const BUFFER_BYTES: usize = 256 * 1024;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Holds each talk on a connection of its own for so long. Returns the talks, and the latencies in microseconds: from the moment when
/// each request was due.
pub(super) async fn run(
    address: SocketAddr,
    talks: Vec<Box<dyn Talk>>,
    pace: Pace,
    time: Duration,
) -> Result<(Vec<Box<dyn Talk>>, Histogram<u64>)> {
    let (began, connections) = (Instant::now(), talks.len().max(1) as u32);
    let mut tasks = Vec::new();
    for (number, talk) in (0_u32..).zip(talks) {
        let due = match pace {
            Pace::Saturated => None,
            Pace::PerSecond(rate) => {
                let apart = Duration::from_secs_f64(f64::from(connections) / rate.max(0.001));
                Some((began + apart * number / connections, apart))
            }
        };
        tasks.push(tokio::spawn(converse(address, talk, due, began + time)));
    }
    let (mut held, mut all) = (Vec::new(), latencies());
    for task in tasks {
        let (talk, found) = task.await.context("a client panicked")??;
        held.push(talk);
        all.add(found)?;
    }
    Ok((held, all))
}

/// One connection. `due` is when its first request is, and how far they lie apart; without it each follows the answer before.
async fn converse(
    address: SocketAddr,
    mut talk: Box<dyn Talk>,
    mut due: Option<(Instant, Duration)>,
    end: Instant,
) -> Result<(Box<dyn Talk>, Histogram<u64>)> {
    let mut stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let (mut found, mut buffer) = (latencies(), vec![0; BUFFER_BYTES]);
    loop {
        let started = match &mut due {
            None => Instant::now(),
            Some((next, apart)) => {
                let started = *next;
                *next += *apart;
                if started > Instant::now() {
                    tokio::time::sleep_until(started.min(end).into()).await;
                }
                started
            }
        };
        if started >= end || Instant::now() >= end {
            return Ok((talk, found));
        }
        stream.write_all(talk.ask()).await?;
        let (head_bytes, all_bytes) = answer(&mut stream, &mut buffer).await?;
        found.saturating_record(micros(started.elapsed()));
        let (head, body) = buffer.get(..all_bytes).unwrap_or_default().split_at(head_bytes);
        talk.heard(head, body)?;
    }
}

/// Asks once on a connection of its own, and returns the body.
pub(in super::super) async fn once(address: SocketAddr, request: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    stream.write_all(request).await?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let (head_bytes, all_bytes) = answer(&mut stream, &mut buffer).await?;
    Ok(buffer.get(head_bytes..all_bytes).unwrap_or_default().to_vec())
}

/// Reads one answer to its end into the buffer: the bytes of its head, and of all of it.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(usize, usize)> {
    let mut filled = 0;
    let (head_bytes, all_bytes) = loop {
        filled += more(stream, buffer, filled).await?;
        if let Some(sizes) = head(buffer.get(..filled).unwrap_or_default())? {
            break sizes;
        }
    };
    if buffer.len() < all_bytes {
        buffer.resize(all_bytes, 0);
    }
    while filled < all_bytes {
        filled += more(stream, buffer, filled).await?;
    }
    Ok((head_bytes, all_bytes))
}

async fn more(stream: &mut TcpStream, buffer: &mut [u8], filled: usize) -> Result<usize> {
    let count = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
    if count == 0 {
        bail!("the server closed the connection within an answer");
    }
    Ok(count)
}

/// The bytes of the head, and with the body, once the head is there; an answer other than 200 ends the bench.
fn head(read: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = read.windows(HEAD_END.len()).position(|bytes| bytes == HEAD_END) else { return Ok(None) };
    let head = std::str::from_utf8(read.get(..end).unwrap_or_default())?;
    if !head.starts_with("HTTP/1.1 200") {
        let body = String::from_utf8_lossy(read.get(end + HEAD_END.len()..).unwrap_or_default());
        bail!("the server answered {}: {body}", head.lines().next().unwrap_or_default());
    }
    let length: usize = value(head, "content-length").context("the answer has no length")?.parse()?;
    Ok(Some((end + HEAD_END.len(), end + HEAD_END.len() + length)))
}

/// The value of a head's field, by its name in lower case.
pub(in super::super) fn value<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().filter_map(|line| line.split_once(':')).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: &str, expected: Result<Option<(usize, usize)>, &str>) {
        match (head(read.as_bytes()), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{read:?}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{read:?}: {error}"),
            (found, expected) => panic!("{read:?}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn an_answer_ends_where_its_head_says() {
        check("HTTP/1.1 200 OK\r\nContent-Le", Ok(None));
        check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", Ok(Some((38, 43))));
        check("HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", Ok(Some((37, 37))));
        check("HTTP/1.1 200 OK\r\n\r\n", Err("no length"));
        check("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy", Err("503 Service Unavailable: busy"));
    }
}
