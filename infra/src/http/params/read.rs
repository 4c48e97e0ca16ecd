//! Reading a body: bounded in bytes and in time, then parsed by its kind.

use std::time::Duration;

use axum::extract::{FromRequest, Multipart, Request};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde_json::Value;
use url::form_urlencoded;

use super::super::ApiError;
use super::node::{FilePart, Node};
use super::{BODY_BYTES_MAX, FILE_BYTES_MAX, MULTIPART_BYTES_MAX, PAIRS_MAX};

/// How long a body may take to arrive as a whole.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a body may pause.
const BODY_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Reads a body of at most `most` bytes.
pub(super) async fn body(request: Request, most: usize) -> Result<Bytes, ApiError> {
    let mut body = request.into_body();
    let mut bytes = BytesMut::new();
    let read = async {
        while let Some(frame) = tokio::time::timeout(BODY_PAUSE_MAX, body.frame()).await.map_err(|_| ApiError::SlowBody)? {
            let frame = frame.map_err(|error| ApiError::BadRequest(format!("The body ended early: {error}")))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > most {
                    return Err(ApiError::TooLarge);
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(())
    };
    tokio::time::timeout(BODY_TIME_MAX, read).await.map_err(|_| ApiError::SlowBody)??;
    Ok(bytes.freeze())
}

/// Reads a query string or urlencoded form.
pub(super) fn pairs(text: &[u8]) -> Result<Node, ApiError> {
    let mut node = Node::Map(Vec::new());
    for (count, (name, value)) in form_urlencoded::parse(text).enumerate() {
        if count >= PAIRS_MAX {
            return Err(ApiError::TooLarge);
        }
        node.put(&name, Node::Text(value.into_owned()))?;
    }
    Ok(node)
}

/// Reads a JSON object; nothing at all is an empty one.
pub(super) fn json(bytes: &[u8]) -> Result<Node, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Node::Map(Vec::new()));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(of_value(Value::Object(object))),
        Ok(_) => Err(ApiError::BadRequest("The body is not a JSON object".to_owned())),
        Err(error) => Err(ApiError::BadRequest(format!("The body is not JSON: {error}"))),
    }
}

/// serde_json bounds the depth of what it parses, so this recursion is bounded too.
fn of_value(value: Value) -> Node {
    match value {
        Value::Null => Node::Null,
        Value::String(text) => Node::Text(text),
        Value::Bool(truth) => Node::Text(truth.to_string()),
        Value::Number(number) => Node::Text(number.to_string()),
        Value::Array(values) => Node::List(values.into_iter().map(of_value).collect()),
        Value::Object(entries) => Node::Map(entries.into_iter().map(|(name, value)| (name, of_value(value))).collect()),
    }
}

/// Reads a multipart form, its files too.
pub(super) async fn multipart(request: Request) -> Result<Node, ApiError> {
    let bad = |error: String| ApiError::BadRequest(format!("The multipart body cannot be read: {error}"));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| bad(error.body_text()))?;
    let mut node = Node::Map(Vec::new());
    let read = async {
        let (mut parts, mut total) = (0, 0);
        while let Some(mut field) = pause(form.next_field()).await?.map_err(|error| bad(error.body_text()))? {
            parts += 1;
            let name = field.name().unwrap_or_default().to_owned();
            let file = field.file_name().map(|file| (file.to_owned(), field.content_type().unwrap_or_default().to_owned()));
            let most = if file.is_some() { FILE_BYTES_MAX } else { BODY_BYTES_MAX };
            let mut bytes = BytesMut::new();
            while let Some(chunk) = pause(field.chunk()).await?.map_err(|error| bad(error.body_text()))? {
                total += chunk.len();
                if bytes.len() + chunk.len() > most || total > MULTIPART_BYTES_MAX || parts > PAIRS_MAX {
                    return Err(ApiError::TooLarge);
                }
                bytes.extend_from_slice(&chunk);
            }
            let value = match file {
                Some((name, content_type)) => Node::File(FilePart { name, content_type, bytes: bytes.freeze() }),
                None => Node::Text(String::from_utf8_lossy(&bytes).into_owned()),
            };
            node.put(&name, value)?;
        }
        Ok(())
    };
    tokio::time::timeout(BODY_TIME_MAX, read).await.map_err(|_| ApiError::SlowBody)??;
    Ok(node)
}

async fn pause<T>(step: impl Future<Output = T>) -> Result<T, ApiError> {
    tokio::time::timeout(BODY_PAUSE_MAX, step).await.map_err(|_| ApiError::SlowBody)
}
