//! A post as every page shows it, and how pages read the API's entities.

use maud::{Markup, PreEscaped, html};
use serde_json::Value;

/// One post, or the reblog of one. Its content is HTML that the API has escaped; everything else is escaped here.
pub(super) fn article(post: &Value) -> Markup {
    let Some(original) = post.get("reblog").filter(|original| original.is_object()) else { return shown(post, None) };
    shown(original, Some(name(post.get("account").unwrap_or(&Value::Null))))
}

fn shown(post: &Value, reblogged_by: Option<&str>) -> Markup {
    let at = text(post, "/created_at").unwrap_or_default();
    let spoiler = text(post, "/spoiler_text").unwrap_or_default();
    let content = PreEscaped(text(post, "/content").unwrap_or_default());
    let author = post.get("account").unwrap_or(&Value::Null);
    html! {
        article.post id={ "p" (text(post, "/id").unwrap_or_default()) } {
            img src=(local(text(author, "/avatar").unwrap_or_default())) alt="" width="48" height="48" loading="lazy";
            div {
                @if let Some(who) = reblogged_by { div.meta { "Reblogged by " (who) } }
                div {
                    a.who href=(local(text(author, "/url").unwrap_or_default())) { (name(author)) }
                    " " span.soft { "@" (text(author, "/acct").unwrap_or_default()) }
                }
                @if spoiler.is_empty() { (content) } @else { details { summary { (spoiler) } (content) } }
                div.meta {
                    a href=(local(text(post, "/url").unwrap_or_default())) { (time(at)) }
                    @for (field, one, many) in [("/replies_count", "reply", "replies"), ("/reblogs_count", "reblog", "reblogs"), ("/favourites_count", "favourite", "favourites")] {
                        " · " (counted(number(post, field), one, many))
                    }
                    @if text(post, "/edited_at").is_some() { " · edited" }
                }
            }
        }
    }
}

/// The link to the posts before these, where there may be more; `path` is the page's own.
pub(super) fn older(posts: &[Value], page_size: usize, path: &str) -> Markup {
    let last = posts.last().filter(|_| posts.len() >= page_size).and_then(|post| text(post, "/id"));
    html! { @if let Some(last) = last { p { a rel="next" href={ (path) "?max_id=" (last) } { "Older posts" } } } }
}

/// A point in time, to the minute.
fn time(at: &str) -> Markup {
    html! { time datetime=(at) { (at.get(..16).unwrap_or(at).replace('T', " ")) " UTC" } }
}

/// What an account is called: the name that it chose, or its handle.
pub(super) fn name(account: &Value) -> &str {
    text(account, "/display_name").filter(|name| !name.is_empty()).or_else(|| text(account, "/username")).unwrap_or_default()
}

/// A number with its noun.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The path of a URL of this server, which all accounts are of: so pages work under any of its names, as `img-src 'self'` demands.
pub(super) fn local(url: &str) -> &str {
    let rest = url.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|slash| rest.get(slash..)));
    rest.unwrap_or(url)
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

pub(super) fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "reply", "replies")), ["0 replies", "1 reply", "2 replies"]);
    }

    #[test]
    fn urls_lose_their_host() {
        let check = |url: &str, expected: &str| assert_eq!(local(url), expected);
        check("https://a.example:8443/@ana/1", "/@ana/1");
        check("/@ana", "/@ana");
        check("https://a.example", "https://a.example");
    }

    #[test]
    fn what_people_write_is_escaped() {
        let account = serde_json::json!({"username": "ana", "acct": "ana", "display_name": "<b>", "url": "/@ana", "avatar": "/a\"b"});
        let post = serde_json::json!({"id": "1", "spoiler_text": "<i>", "content": "<p>ok</p>", "account": account});
        let shown = article(&serde_json::json!({"reblog": post, "account": account})).into_string();
        assert!(shown.contains("<p>ok</p>") && shown.contains("Reblogged by &lt;b&gt;"));
        assert!(!shown.contains("<b>") && !shown.contains("<i>") && !shown.contains("a\"b"));
    }
}
