//! The API reference: the OpenAPI document, rendered readably.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use infra::http::RequestInfo;
use maud::{Markup, html};
use serde_json::Value;

use super::{Face, page};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One operation of the document.
struct Listed<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Value,
}

/// Shows the reference.
pub(super) async fn show(State(face): State<Face>, Extension(info): Extension<RequestInfo>) -> Response {
    match face.api.get("/api/roost/v1/openapi.json", &info).await {
        Ok(document) => page::reply(StatusCode::OK, &face.title, "API reference", &render(&document)),
        Err(status) => {
            let content = html! { h1 { "API reference" } p { "The OpenAPI document is not available right now. Try again in a moment." } };
            page::reply(status, &face.title, "API reference", &content)
        }
    }
}

fn render(document: &Value) -> Markup {
    let groups = grouped(document);
    html! {
        h1 { "API reference" }
        p.lead {
            "The Mastodon client API as Roost serves it, to client libraries that know nothing of Roost. The same page for machines is the "
            a href="/api/roost/v1/openapi.json" { "OpenAPI document" } "."
        }
        nav aria-label="Resources" { p { @for name in groups.keys() { a href={ "#" (name) } { (name) } " " } } }
        @for (name, operations) in &groups {
            section aria-labelledby=(name) {
                h2 id=(name) { (name) }
                @for listed in operations { (entry(listed)) }
            }
        }
    }
}

/// Operations by resource: the part of their name before the dot.
fn grouped(document: &Value) -> BTreeMap<&str, Vec<Listed<'_>>> {
    let mut groups: BTreeMap<&str, Vec<Listed<'_>>> = BTreeMap::new();
    for (path, methods) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for method in METHODS {
            let Some(operation) = methods.get(method) else { continue };
            let id = operation.get("operationId").and_then(Value::as_str).unwrap_or(path);
            groups.entry(id.split('.').next().unwrap_or(id)).or_default().push(Listed { method, path, operation });
        }
    }
    groups
}

fn entry(listed: &Listed<'_>) -> Markup {
    let parameters = listed.operation.get("parameters").and_then(Value::as_array);
    let scopes = listed.operation.pointer("/security").map(scopes).unwrap_or_default();
    html! {
        details.card {
            summary {
                span.method { (listed.method.to_uppercase()) } code { (listed.path) } " "
                span.soft { (listed.operation.get("summary").and_then(Value::as_str).unwrap_or_default()) }
            }
            @if !scopes.is_empty() { p { "Scope: " code { (scopes) } } }
            @if let Some(parameters) = parameters {
                table {
                    thead { tr { th scope="col" { "Parameter" } th scope="col" { "In" } th scope="col" { "Type" } th scope="col" { "Meaning" } } }
                    tbody { @for parameter in parameters { (row(parameter)) } }
                }
            }
        }
    }
}

fn row(parameter: &Value) -> Markup {
    let text = |pointer: &str| parameter.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    html! { tr { td { code { (text("/name")) } } td { (text("/in")) } td { (text("/schema/type")) } td { (text("/description")) } } }
}

/// Every scope named in a security requirement.
fn scopes(security: &Value) -> String {
    let requirements = security.as_array().into_iter().flatten().filter_map(Value::as_object);
    let names: Vec<&str> = requirements.flat_map(|r| r.values()).filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
    names.join(" or ")
}
