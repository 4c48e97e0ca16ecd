//! What a browser sees where nothing is: the 404 in the frame of the pages. Clients of the API keep its JSON.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use maud::html;

use super::{Face, page};

/// Paths that programs ask for, whatever they accept.
const FOR_PROGRAMS: [&str; 6] = ["/api/", "/oauth/", "/.well-known/", "/nodeinfo/", "/media/", "/avatars/"];

/// Puts the 404 of unknown paths into the frame, for whoever asks for a page; goes around the finished routes.
pub fn in_the_frame(routes: Router, face: Face) -> Router {
    routes.layer(from_fn_with_state(face, frame))
}

/// The page that says that there is none.
pub(super) fn page(server: &str) -> Response {
    let content = html! {
        h1 { "Nothing here" }
        p { "There is no such page, or not everybody may see it." }
        p { a href="/" { "To the front page" } }
    };
    page::reply(StatusCode::NOT_FOUND, server, "Nothing here", &content)
}

/// The page to show where the API has failed with `status`.
pub(super) fn instead(server: &str, status: StatusCode) -> Response {
    // A profile or post that only its owner's followers may see looks like one that does not exist.
    if matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST
    ) {
        return page(server);
    }
    let content = match status {
        StatusCode::TOO_MANY_REQUESTS => html! { h1 { "Too many requests" } p { "Wait a few minutes, then load this page again." } },
        _ => html! { h1 { "Not available right now" } p { "Try again in a moment." } },
    };
    page::reply(status, server, "Not available", &content)
}

async fn frame(State(face): State<Face>, request: Request, next: Next) -> Response {
    let wanted = wants_page(request.method(), request.uri().path(), request.headers());
    let response = next.run(request).await;
    if !wanted || response.status() != StatusCode::NOT_FOUND || is_page(response.headers()) {
        return response;
    }
    let mut framed = page(&face.title);
    let (mut kept, _) = response.into_parts();
    for replaced in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        kept.headers.remove(replaced);
    }
    let mut headers = kept.headers;
    headers.extend(std::mem::take(framed.headers_mut()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    *framed.headers_mut() = headers;
    framed
}

/// Whether a request is a browser's for a page.
fn wants_page(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_read = method == Method::GET || method == Method::HEAD;
    is_read && accept.contains("text/html") && !FOR_PROGRAMS.iter().any(|prefix| path.starts_with(prefix))
}

fn is_page(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_to_browsers_only() {
        let check = |method: Method, path: &str, accept: &'static str, expected: bool| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_page(&method, path, &headers), expected, "{method} {path} {accept}");
        };
        check(Method::GET, "/nowhere", "text/html,application/xhtml+xml,*/*;q=0.8", true);
        check(Method::HEAD, "/nowhere", "text/html", true);
        check(Method::GET, "/nowhere", "*/*", false);
        check(Method::GET, "/api/v1/nowhere", "text/html", false);
        check(Method::POST, "/nowhere", "text/html", false);
    }
}
