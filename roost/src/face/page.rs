//! The frame of every page.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// What pages may load: themselves, their stylesheet, pictures of this server; nothing else, and no script.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Puts a page into the frame and sends it.
pub(super) fn reply(status: StatusCode, server: &str, title: &str, content: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · " (server) }
                link rel="stylesheet" href="/assets/face.css";
                link rel="icon" href="/avatars/7.png" type="image/png";
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.name href="/" { (server) }
                    nav aria-label="Pages" {
                        a href="/#clients" { "Clients" }
                        a href="/auth/sign_up" { "Sign up" }
                        a href="/about" { "About" }
                        a href="/reference" { "API reference" }
                    }
                }
                main id="main" { (content) }
                footer {
                    nav aria-label="More" {
                        a href="/about" { "About" }
                        a href="/privacy-policy" { "Privacy" }
                        a href="/api/roost/v1/openapi.json" { "OpenAPI document" }
                    }
                    p { "Served by Roost: an event log, and views of it." }
                }
            }
        }
    };
    let mut response = (status, page.into_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
