//! An event as a line of JSON.
//!
//! Numbers beyond what JSON readers keep exactly (2^53) are written as text; hashes in hexadecimal; sealed personal data not at all.

use jiff::Timestamp;
use projectors::Fact;
use schemas::events::Event;
use schemas::log::{CommandId, Position};
use serde_json::{Map, Value, json};

use super::Filter;

/// The largest whole number that every JSON reader keeps.
const EXACT_MAX: u64 = (1 << 53) - 1;
/// Fields that hold hashes.
const HASHES: [&str; 3] = ["secret_hash", "code_hash", "token_hash"];
/// Fields that hold sealed personal data.
const SEALED: [&str; 2] = ["email", "password"];

/// The lines of a record: one for each of its events that is wanted.
pub(super) fn lines(position: Position, fact: &Fact, filter: &Filter) -> Vec<Value> {
    let head = head(position, fact);
    let line = |kind: &str, rest: (&str, Value)| {
        let mut line = head.clone();
        line.insert("type".into(), kind.into());
        line.insert(rest.0.into(), rest.1);
        Value::Object(line)
    };
    match &fact.events {
        Ok(events) => events.iter().filter(|event| filter.takes_event(event)).map(|e| line(e.kind(), ("event", body(e)))).collect(),
        Err(_) if filter.kind.is_some() || filter.account.is_some_and(|account| account != fact.header.actor) => Vec::new(),
        Err(cause) => vec![line("undecodable", ("cause", cause.as_str().into()))],
    }
}

/// What all events of a record share.
fn head(position: Position, fact: &Fact) -> Map<String, Value> {
    let header = &fact.header;
    let time = i64::try_from(header.time_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let mut head = Map::new();
    head.insert("position".into(), position.to_string().into());
    head.insert("time".into(), time.map_or(Value::Null, |time| format!("{time:.3}").into()));
    head.insert("command".into(), format!("{:032x}", header.command_id.0).into());
    if header.actor.0 != 0 {
        head.insert("actor".into(), header.actor.to_string().into());
    }
    if header.causation != CommandId(0) {
        head.insert("causation".into(), format!("{:032x}", header.causation.0).into());
    }
    if header.trace.trace_id != 0 {
        head.insert("trace".into(), format!("{:032x}", header.trace.trace_id).into());
    }
    head
}

/// The fields of an event, as text where numbers would lose digits.
fn body(event: &Event) -> Value {
    let tagged = serde_json::to_value(event).unwrap_or_else(|error| json!({ "error": error.to_string() }));
    match tagged {
        Value::Object(fields) => fields.into_iter().next().map_or(Value::Null, |(_, fields)| readable("", fields)),
        other => other,
    }
}

fn readable(name: &str, value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|number| number > EXACT_MAX) => number.to_string().into(),
        Value::Array(bytes) if HASHES.contains(&name) => bytes.iter().filter_map(Value::as_u64).map(|b| format!("{b:02x}")).collect(),
        Value::Array(_) if SEALED.contains(&name) => "(sealed)".into(),
        Value::Array(items) => items.into_iter().map(|item| readable("", item)).collect(),
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, value)| (name.clone(), readable(&name, value))).collect()),
        other => other,
    }
}
