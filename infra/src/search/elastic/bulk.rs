//! Bulk writes: in pieces of bounded size, each item's answer read, only what may still succeed sent again.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::client::{Call, Cause, Client, Method, PATIENT, WRITE_TIME_MAX, is_passing};
use super::documents::Document;
use crate::search::SearchError;

/// Bytes of one request, unless one document is larger.
const REQUEST_BYTES_MAX: usize = 5_000_000;
/// Documents of one request.
const REQUEST_ITEMS_MAX: usize = 2_000;

/// A document, its `_id` and its version.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) document: Option<Document>,
}

/// What became of a bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// All is in the index, or something newer is.
    All,
    /// The alias is gone.
    NoAlias,
}

#[derive(Serialize)]
enum Action<'a> {
    #[serde(rename = "index")]
    Index(Meta<'a>),
    #[serde(rename = "delete")]
    Delete(Meta<'a>),
}

#[derive(Serialize)]
struct Meta<'a> {
    _id: &'a str,
    version: u64,
    version_type: &'static str,
}

#[derive(Deserialize)]
struct BulkReply {
    items: Vec<BTreeMap<String, ItemReply>>,
}

#[derive(Deserialize)]
struct ItemReply {
    status: u16,
    #[serde(default)]
    error: Cause,
}

/// What an item's answer asks for.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Done,
    Again,
    /// The same place with a document that says why.
    Replace,
    NoAlias,
    Fail,
}

fn next_of(status: u16, is_refused: bool) -> Next {
    match status {
        // 409: something newer is there. 404 of a deletion: nothing is there.
        200..=299 | 409 => Next::Done,
        404 => Next::NoAlias,
        // 403: the index is blocked for writes, for example until there is space again.
        403 => Next::Again,
        status if is_passing(status) => Next::Again,
        400 | 413 if !is_refused => Next::Replace,
        _ => Next::Fail,
    }
}

/// Appends a write as the lines that it is sent as.
fn encode(write: &Write, into: &mut Vec<u8>) {
    let meta = Meta { _id: &write.id, version: write.version, version_type: "external_gte" };
    let action = if write.document.is_some() { Action::Index(meta) } else { Action::Delete(meta) };
    serde_json::to_writer(&mut *into, &action).expect("a memory buffer takes all");
    into.push(b'\n');
    if let Some(document) = &write.document {
        serde_json::to_writer(&mut *into, document).expect("a memory buffer takes all");
        into.push(b'\n');
    }
}

/// Cuts writes off the front until a request is full: the request and how many are in it.
fn request(writes: &[Write], items_max: usize) -> (Vec<u8>, usize) {
    let (mut body, mut count) = (Vec::new(), 0);
    for write in writes.iter().take(items_max) {
        let before = body.len();
        encode(write, &mut body);
        if body.len() > REQUEST_BYTES_MAX && count > 0 {
            body.truncate(before);
            break;
        }
        count += 1;
    }
    (body, count)
}

/// Sends all writes through an alias, in any order: versions decide. What is refused for what it holds is replaced by a note.
pub(super) async fn send(client: &Client, alias: &str, mut writes: Vec<Write>) -> Result<Written, SearchError> {
    let (mut failed, mut items_max) = (0, REQUEST_ITEMS_MAX);
    while !writes.is_empty() {
        let (body, count) = request(&writes, items_max);
        let rest = writes.split_off(count);
        let query = [("require_alias", "true"), ("filter_path", "items.*.status,items.*.error.type,items.*.error.reason")];
        let call = Call::new(Method::Post, format!("/{alias}/_bulk")).query(&query).lines(Bytes::from(body)).within(WRITE_TIME_MAX);
        let sent = writes.len();
        let answered = match client.once(call).await {
            Ok(reply) if reply.status == 413 && sent == 1 => Ok(vec![(413, reply.cause())]),
            Ok(reply) if reply.status == 413 => {
                items_max = sent / 2;
                writes.extend(rest);
                continue;
            }
            Ok(reply) if reply.status == 404 => return Ok(Written::NoAlias),
            Ok(reply) => items(&reply.expect_success("write documents")?.parse()?, sent).map(Ok)?,
            Err(cause) => Err(cause),
        };
        let cause = match answered {
            Ok(items) => match settle(&mut writes, items)? {
                Settled::NoAlias => return Ok(Written::NoAlias),
                Settled::Left(cause) => cause,
            },
            Err(cause) => Some(cause),
        };
        writes.extend(rest);
        match cause {
            None => failed = 0,
            Some(cause) => {
                failed += 1;
                if !client.pause(PATIENT, failed).await {
                    return Err(SearchError::Retryable(cause));
                }
            }
        }
    }
    Ok(Written::All)
}

enum Settled {
    NoAlias,
    /// Why some are to be sent again, if there are any.
    Left(Option<String>),
}

fn items(reply: &BulkReply, sent: usize) -> Result<Vec<(u16, Cause)>, SearchError> {
    let items: Vec<(u16, Cause)> = reply.items.iter().flat_map(BTreeMap::values).map(|item| (item.status, item.error.clone())).collect();
    if items.len() == sent {
        return Ok(items);
    }
    Err(SearchError::Fatal(format!("elasticsearch answered for {} of {sent} documents", items.len())))
}

/// Keeps, of what was sent, what must be sent again.
fn settle(writes: &mut Vec<Write>, items: Vec<(u16, Cause)>) -> Result<Settled, SearchError> {
    let mut left = Vec::new();
    let mut again = None;
    for (write, (status, cause)) in writes.drain(..).zip(items) {
        // Deleting what is not there is a 404 without an error.
        let status = if write.document.is_none() && status == 404 && cause.kind.is_empty() { 200 } else { status };
        match next_of(status, write.document.as_ref().is_some_and(Document::is_refused)) {
            Next::Done => {}
            Next::NoAlias => return Ok(Settled::NoAlias),
            Next::Again => {
                again.get_or_insert_with(|| format!("status {status} for {}: {}", write.id, cause.shown()));
                left.push(write);
            }
            Next::Replace => {
                let cause = cause.shown();
                metrics::counter!("roost_search_refused_total").increment(1);
                tracing::error!(id = %write.id, %cause, "elasticsearch refused a document: a note stands in its place");
                left.push(Write { document: Some(Document::refused(cause)), ..write });
            }
            Next::Fail => return Err(SearchError::Fatal(format!("elasticsearch refused {} ({status}): {}", write.id, cause.shown()))),
        }
    }
    *writes = left;
    Ok(Settled::Left(again))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(id: usize, bytes: usize) -> Write {
        Write { id: id.to_string(), version: 7, document: Some(Document::refused("x".repeat(bytes))) }
    }

    #[test]
    fn requests_are_cut_by_bytes_and_by_items() {
        let check = |writes: Vec<Write>, expected: usize| assert_eq!(request(&writes, REQUEST_ITEMS_MAX).1, expected);
        check(vec![write(1, 5)], 1);
        check((0..REQUEST_ITEMS_MAX + 3).map(|id| write(id, 5)).collect(), REQUEST_ITEMS_MAX);
        check((0..3).map(|id| write(id, REQUEST_BYTES_MAX / 2 - 200)).collect(), 2);
        check(vec![write(1, REQUEST_BYTES_MAX + 9), write(2, 1)], 1);
    }

    #[test]
    fn lines_are_as_the_bulk_interface_takes_them() {
        let (body, _) = request(&[write(1, 2), Write { id: "t:é".to_owned(), version: 9, document: None }], 9);
        let expected = r#"{"index":{"_id":"1","version":7,"version_type":"external_gte"}}
{"kind":"refused","refused":"xx"}
{"delete":{"_id":"t:é","version":9,"version_type":"external_gte"}}
"#;
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn each_items_answer_is_judged() {
        for (status, is_refused, expected) in [
            (201, false, Next::Done),
            (409, false, Next::Done),
            (404, false, Next::NoAlias),
            (429, false, Next::Again),
            (403, false, Next::Again),
            (503, true, Next::Again),
            (400, false, Next::Replace),
            (400, true, Next::Fail),
            (405, false, Next::Fail),
        ] {
            assert_eq!(next_of(status, is_refused), expected, "{status} {is_refused}");
        }
    }
}
