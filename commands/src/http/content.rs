//! Parameters to what a post says: lengths checked, mentions resolved, hashtags found.

use infra::http::{ApiError, Caller, Node};
use schemas::commands::Content;
use schemas::events::Mention;
use schemas::text::{POST_CHARS_MAX, Span, characters, characters_of, mentions, parse, tags};

use super::Writes;
use crate::domain::limits::LANGUAGE_CHARS_MAX;

/// Parts of a post that do not exist yet; refused rather than dropped, so that nobody loses what they meant to publish.
const UNSUPPORTED: [(&str, &str); 3] = [("media_ids", "media attachments"), ("poll", "polls"), ("scheduled_at", "scheduled posts")];

/// What stands where a parameter is absent: the account's defaults, or the former version.
#[derive(Debug, Clone, Default)]
pub(super) struct Defaults {
    pub(super) sensitive: bool,
    pub(super) language: Option<String>,
}

/// Reads `status`, `spoiler_text`, `sensitive` and `language`.
pub(super) async fn read(writes: &Writes, caller: &Caller, params: &Node, defaults: Defaults) -> Result<Content, ApiError> {
    for (name, what) in UNSUPPORTED {
        let asked = params.at(name).is_some() && (params.filled(name).is_some() || !params.items(name).is_empty() || !named(params, name));
        if asked {
            return Err(ApiError::invalid(format!("{what} are not supported by this server yet")));
        }
    }
    let spoiler = params.str("spoiler_text").unwrap_or_default().trim().to_owned();
    // As in Mastodon: a content warning alone becomes the text.
    let (text, spoiler) = match params.str("status").map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => (text.to_owned(), spoiler),
        None if !spoiler.is_empty() => (spoiler, String::new()),
        None => return Err(ApiError::invalid_param("text", "can't be blank")),
    };
    let spans = parse(&text);
    if characters_of(&spans) + characters(&spoiler) > POST_CHARS_MAX {
        return Err(ApiError::invalid_param("text", &format!("character limit of {POST_CHARS_MAX} exceeded")));
    }
    let language = match params.filled("language") {
        Some(language) if is_language(language) => Some(language.to_owned()),
        Some(_) => return Err(ApiError::invalid_param("language", "is invalid")),
        None => defaults.language,
    };
    let sensitive = params.bool("sensitive").unwrap_or(defaults.sensitive) || !spoiler.is_empty();
    let mentions = resolve(writes, caller, &spans).await?;
    Ok(Content { sensitive, language, mentions, tags: tags(&spans), spoiler, text })
}

/// Whether the parameter is a value rather than a group of named ones.
fn named(params: &Node, name: &str) -> bool {
    params.at(name).is_none_or(|node| node.entries().is_empty())
}

/// The accounts mentioned that exist here, each once.
async fn resolve(writes: &Writes, caller: &Caller, spans: &[Span<'_>]) -> Result<Vec<Mention>, ApiError> {
    let host = caller.origin.split("://").nth(1).unwrap_or_default();
    let local = |handle: &&str| handle.split_once('@').is_none_or(|(_, domain)| domain.eq_ignore_ascii_case(host));
    let named = mentions(spans);
    let handles: Vec<&str> = named.iter().filter(|handle| local(handle)).map(|handle| handle.split('@').next().unwrap_or(handle)).collect();
    if handles.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<Mention> = writes.reads.resolve_handles(&handles).await?.into_iter().flatten().collect();
    let mut seen = rustc_hash::FxHashSet::default();
    found.retain(|mention| seen.insert(mention.account));
    Ok(found)
}

/// Whether it is an ISO 639 code, with a region or script if there is one.
pub(super) fn is_language(code: &str) -> bool {
    let primary = code.split(['-', '_']).next().unwrap_or_default();
    let plain = code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    (2..=3).contains(&primary.len()) && code.len() <= LANGUAGE_CHARS_MAX && plain
}
