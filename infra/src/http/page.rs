//! Pages: which part of a list a client asks for, and the `Link` header that leads on.

use http::header::LINK;
use http::{HeaderValue, Uri};
use url::form_urlencoded;

use super::{ApiError, Caller, Params};

/// The part of a list that is asked for. Ids are cursors, compared as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageParams {
    /// Only older than this.
    pub max_id: Option<u64>,
    /// Only newer than this, the newest first.
    pub since_id: Option<u64>,
    /// Only newer than this, those next to it.
    pub min_id: Option<u64>,
    /// Entries at the most.
    pub limit: usize,
}

impl PageParams {
    /// Reads them; `limit` is `usual` unless said, never below 1 or above `most`.
    pub fn new(params: &Params, usual: usize, most: usize) -> Result<Self, ApiError> {
        // A limit beyond any number is only one beyond the cap.
        let limit = match params.filled("limit").map(|text| text.trim().parse::<i64>()) {
            None => usual,
            Some(Ok(limit)) => usize::try_from(limit).unwrap_or(0).clamp(1, most),
            Some(Err(_)) => return Err(ApiError::invalid_param("limit", "is not a number")),
        };
        Ok(Self { max_id: cursor(params, "max_id")?, since_id: cursor(params, "since_id")?, min_id: cursor(params, "min_id")?, limit })
    }
}

/// Clients compute cursors (a date turned into an id, an id plus or minus one): what is beyond all ids is as good as the last.
fn cursor(params: &Params, name: &str) -> Result<Option<u64>, ApiError> {
    let Some(text) = params.filled(name).map(str::trim) else { return Ok(None) };
    if text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit()) && text != "-" {
        return Ok(Some(if text.starts_with('-') { 0 } else { text.parse().unwrap_or(u64::MAX) }));
    }
    Err(ApiError::invalid_param(name, "is not an id"))
}

/// What of the query string is not carried into links: cursors, and what must not be handed on.
const DROPPED: &[&str] = &["max_id", "since_id", "min_id", "access_token", "roost_position"];

/// The links of a page.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Links {
    /// `max_id` of the older page; nothing at the end.
    pub next: Option<u64>,
    /// `min_id` of the newer page; nothing on an empty one.
    pub prev: Option<u64>,
}

impl Links {
    /// The header's value: absolute addresses that keep the other parameters; nothing where there is no further page.
    pub fn header(self, caller: &Caller) -> Option<HeaderValue> {
        self.render(&caller.origin, &caller.uri)
    }

    /// Adds the header to a response.
    pub fn write(self, caller: &Caller, response: &mut axum::response::Response) {
        if let Some(value) = self.header(caller) {
            response.headers_mut().insert(LINK, value);
        }
    }

    fn render(self, origin: &str, uri: &Uri) -> Option<HeaderValue> {
        if self == Self::default() {
            return None;
        }
        let kept = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).filter(|(name, _)| !DROPPED.contains(&name.as_ref()));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
        let and = if query.is_empty() { "" } else { "&" };
        // Written to every page: as one text, at its length.
        const REST_CHARS: usize = 48;
        let mut text = String::with_capacity(2 * (origin.len() + uri.path().len() + query.len() + REST_CHARS));
        for (id, name, rel) in [(self.next, "max_id", "next"), (self.prev, "min_id", "prev")] {
            let Some(id) = id else { continue };
            let comma = if text.is_empty() { "" } else { ", " };
            for part in [comma, "<", origin, uri.path(), "?", &query, and, name, "=", &id.to_string(), ">; rel=\"", rel, "\""] {
                text.push_str(part);
            }
        }
        HeaderValue::try_from(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<PageParams, u16> {
        PageParams::new(&Params::of_query(query).expect("a query"), 20, 40).map_err(|error| error.status().as_u16())
    }

    #[test]
    fn pages_are_read_and_capped() {
        let none = PageParams { max_id: None, since_id: None, min_id: None, limit: 20 };
        for (query, expected) in [
            ("", Ok(none)),
            ("limit=5&max_id=9", Ok(PageParams { limit: 5, max_id: Some(9), ..none })),
            ("limit=100", Ok(PageParams { limit: 40, ..none })),
            ("limit=0", Ok(PageParams { limit: 1, ..none })),
            ("limit=-3", Ok(PageParams { limit: 1, ..none })),
            ("limit=many", Err(422)),
            ("max_id=99999999999999999999", Ok(PageParams { max_id: Some(u64::MAX), ..none })),
            ("min_id=-1", Ok(PageParams { min_id: Some(0), ..none })),
            ("since_id=1.5", Err(422)),
            ("since_id=&min_id=-", Err(422)),
        ] {
            assert_eq!(page(query), expected, "{query}");
        }
    }

    #[test]
    fn links_keep_filters_and_drop_cursors_and_secrets() {
        let check = |uri: &str, links: Links, expected: Option<&str>| {
            let value = links.render("https://roost.example", &uri.parse().unwrap());
            assert_eq!(value.as_ref().map(|value| value.to_str().unwrap()), expected, "{uri}");
        };
        let both = Links { next: Some(5), prev: Some(9) };
        check("/api/v1/timelines/home", Links::default(), None);
        check(
            "/api/v1/timelines/home?limit=2&max_id=1&access_token=s3cret&any[]=a%20b",
            both,
            Some(
                "<https://roost.example/api/v1/timelines/home?limit=2&any%5B%5D=a+b&max_id=5>; rel=\"next\", \
                 <https://roost.example/api/v1/timelines/home?limit=2&any%5B%5D=a+b&min_id=9>; rel=\"prev\"",
            ),
        );
        check("/x", Links { prev: None, ..both }, Some("<https://roost.example/x?max_id=5>; rel=\"next\""));
    }
}
