//! The OpenAPI document (3.1), made from the table of operations, a table of parameters and answers, and one of entities.
//!
//! Both tables are in a small notation: fields separated by spaces, each `name:type`, where a type is `text`, `id`, `int`, `bool`, `time`,
//! `date`, `url`, `file`, `any`, the name of an entity, or `[type]` for an array; `?` behind it says that it may be null, `!` behind a
//! parameter that it is required. `lines:NAME` instead of fields or a type is a body with an entity of that name in each line.

mod operations;
mod shapes;

use serde_json::{Map, Value, json};

use super::{Access, OPERATIONS, Operation};
use operations::{Contract, contract};

/// The document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            methods.insert(operation.method.to_lowercase(), described(operation, contract(operation.id)));
        }
    }
    let schemas: Map<String, Value> = shapes::ENTITIES.iter().map(|(name, fields)| ((*name).to_owned(), object(fields))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Roost",
            "summary": "Mastodon's client API, and what Roost adds",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn described(operation: &Operation, contract: Contract) -> Value {
    let read = matches!(operation.method, "GET" | "DELETE");
    let mut parameters: Vec<Value> = in_path(operation.path).collect();
    let mut answers = Map::new();
    answers.insert("200".to_owned(), answer(contract.answer));
    for (status, applies) in [
        ("400", true),
        ("401", operation.access != Access::Open),
        ("403", !operation.scopes.is_empty()),
        ("404", operation.path.contains('{') || operation.id == "accounts.lookup" || operation.id == "webfinger"),
        ("422", !contract.takes.is_empty()),
        ("429", true),
        ("503", true),
    ] {
        if applies {
            answers.insert(status.to_owned(), json!({ "description": reason(status), "content": of_json(entity("Error")) }));
        }
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.id.split('.').next().unwrap_or(operation.id)],
        "responses": answers,
        "security": security(operation),
    });
    let Value::Object(fields) = &mut described else { return described };
    if read {
        parameters.extend(contract.takes.split_whitespace().map(in_query));
    } else if let Some(name) = contract.takes.strip_prefix("lines:") {
        fields.insert("requestBody".to_owned(), json!({ "required": true, "content": of_lines(name) }));
    } else if !contract.takes.is_empty() {
        let schema = object(contract.takes);
        let content: Map<String, Value> = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
            .into_iter()
            .map(|kind| (kind.to_owned(), json!({ "schema": schema })))
            .collect();
        fields.insert("requestBody".to_owned(), json!({ "content": content }));
    }
    if !parameters.is_empty() {
        fields.insert("parameters".to_owned(), Value::Array(parameters));
    }
    described
}

fn security(operation: &Operation) -> Value {
    let scopes: Vec<&str> = operation.scopes.split_whitespace().collect();
    match operation.access {
        Access::Open => json!([]),
        Access::Maybe => json!([{}, { "token": scopes }]),
        Access::App | Access::Newcomer | Access::User => json!([{ "token": scopes }]),
    }
}

fn reason(status: &str) -> &'static str {
    match status {
        "400" => "The request cannot be read",
        "401" => "The token is missing, unknown or revoked",
        "403" => "The token's scopes do not reach so far, or the action is not allowed",
        "404" => "There is no such thing, or the caller may not see it",
        "422" => "The request is understood, but invalid",
        "429" => "Too many requests; see X-RateLimit-Reset",
        _ => "Over capacity; retry after the seconds of Retry-After",
    }
}

fn answer(kind: &str) -> Value {
    match kind {
        "text" => json!({ "description": "As text", "content": { "text/plain": { "schema": { "type": "string" } } } }),
        "html" => json!({ "description": "A page", "content": { "text/html": { "schema": { "type": "string" } } } }),
        "xml" => json!({ "description": "As XRD", "content": { "application/xrd+xml": { "schema": { "type": "string" } } } }),
        kind if kind.starts_with("lines:") => {
            json!({ "description": "In each line, in order", "content": of_lines(kind.trim_start_matches("lines:")) })
        }
        kind => json!({ "description": "Success", "content": of_json(schema_of(kind)) }),
    }
}

fn of_json(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// Documents in lines, each described by the schema.
fn of_lines(name: &str) -> Value {
    json!({ "application/x-ndjson": { "schema": entity(name) } })
}

fn in_path(path: &'static str) -> impl Iterator<Item = Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')));
    names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
}

fn in_query(field: &str) -> Value {
    let (name, kind, required) = split(field);
    json!({ "name": name, "in": "query", "required": required, "schema": schema_of(kind) })
}

/// A field's name, its type, and whether it is required.
fn split(field: &str) -> (&str, &str, bool) {
    let (name, kind) = field.rsplit_once(':').unwrap_or((field, "any"));
    let stripped = kind.strip_suffix('!');
    (name, stripped.unwrap_or(kind), stripped.is_some())
}

fn object(fields: &str) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in fields.split_whitespace() {
        let (name, kind, is_required) = split(field);
        properties.insert(name.to_owned(), schema_of(kind));
        if is_required {
            required.push(name);
        }
    }
    if required.is_empty() {
        json!({ "type": "object", "properties": properties })
    } else {
        json!({ "type": "object", "properties": properties, "required": required })
    }
}

fn entity(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn schema_of(kind: &str) -> Value {
    if let Some(kind) = kind.strip_suffix('?') {
        return json!({ "anyOf": [schema_of(kind), { "type": "null" }] });
    }
    if let Some(items) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        return json!({ "type": "array", "items": schema_of(items) });
    }
    match kind {
        "text" => json!({ "type": "string" }),
        "id" => json!({ "type": "string", "pattern": "^[0-9]+$" }),
        "int" => json!({ "type": "integer" }),
        "bool" => json!({ "type": "boolean" }),
        "time" => json!({ "type": "string", "format": "date-time" }),
        "date" => json!({ "type": "string", "format": "date" }),
        "url" => json!({ "type": "string", "format": "uri" }),
        "file" => json!({ "type": "string", "format": "binary" }),
        "any" => json!({}),
        name => entity(name),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_its_contract_and_every_entity_its_shape() {
        let named: BTreeSet<&str> = operations::CONTRACTS.iter().map(|(id, ..)| *id).collect();
        let ids: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.id).collect();
        assert_eq!(named, ids);
        assert_eq!(operations::CONTRACTS.len(), ids.len(), "each once");
        let text = document().to_string();
        let known: BTreeSet<&str> = shapes::ENTITIES.iter().map(|(name, _)| *name).collect();
        let used: BTreeSet<&str> = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(used, known);
    }

    #[test]
    fn the_document_is_as_reviewed() {
        insta::assert_json_snapshot!(document());
    }
}
