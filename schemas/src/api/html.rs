//! Text as HTML, in the form that Mastodon's clients know. Every character that came from somebody is escaped here, once.

use super::entities::Urls;
use crate::events::Mention;
use crate::handles::normalise;
use crate::text::{Span, normalise_tag, parse};

/// Characters of an address that are shown, scheme and `www.` excepted: Mastodon's figure.
const URL_SHOWN_CHARS: usize = 30;

/// A post's content: paragraphs, mentions of `mentions` and hashtags linked. Nothing where nothing was written.
pub fn of_post(text: &str, mentions: &[Mention], urls: &Urls) -> String {
    paragraphs(text, mentions, urls)
}

/// A biography: the same, naming nobody, for nobody was resolved when it was written.
pub fn of_note(text: &str, urls: &Urls) -> String {
    paragraphs(text, &[], urls)
}

/// The value of a profile's field: one line, no paragraphs.
pub fn of_field(text: &str, urls: &Urls) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for span in parse(text) {
        inline(&mut out, span, &[], urls);
    }
    out
}

fn paragraphs(text: &str, mentions: &[Mention], urls: &Urls) -> String {
    let spans = parse(text.trim());
    if spans.is_empty() {
        return String::new();
    }
    let mut out = String::with_capacity(text.len() * 2 + 64);
    out.push_str("<p>");
    let mut line_ends = 0_u32;
    for span in spans {
        if span == Span::Newline {
            line_ends += 1;
            continue;
        }
        match line_ends {
            0 => {}
            1 => out.push_str("<br />"),
            _ => out.push_str("</p><p>"),
        }
        line_ends = 0;
        inline(&mut out, span, mentions, urls);
    }
    out.push_str("</p>");
    out
}

fn inline(out: &mut String, span: Span<'_>, mentions: &[Mention], urls: &Urls) {
    match span {
        Span::Newline => out.push(' '),
        Span::Text(text) => escape(out, text),
        Span::Url { href } => link(out, href),
        Span::Tag { name } => {
            out.push_str("<a href=\"");
            escape(out, &urls.tag(&normalise_tag(name)));
            out.push_str("\" class=\"mention hashtag\" rel=\"tag\">#<span>");
            escape(out, name);
            out.push_str("</span></a>");
        }
        Span::Mention { handle } => match resolved(handle, mentions, urls) {
            Some(mention) => {
                out.push_str("<span class=\"h-card\" translate=\"no\"><a href=\"");
                escape(out, &urls.account(&mention.handle));
                out.push_str("\" class=\"u-url mention\">@<span>");
                escape(out, &mention.handle);
                out.push_str("</span></a></span>");
            }
            None => {
                out.push('@');
                escape(out, handle);
            }
        },
    }
}

/// Who was meant: a bare handle, or one with this server's own name behind it.
fn resolved<'a>(handle: &str, mentions: &'a [Mention], urls: &Urls) -> Option<&'a Mention> {
    let (name, domain) = handle.split_once('@').unwrap_or((handle, ""));
    if !domain.is_empty() && !domain.eq_ignore_ascii_case(urls.host()) {
        return None;
    }
    mentions.iter().find(|mention| normalise(&mention.handle) == normalise(name))
}

/// An address, shortened for the eye and whole for the clipboard.
fn link(out: &mut String, href: &str) {
    let prefix_len = ["https://www.", "http://www.", "https://", "http://"].into_iter().find_map(|prefix| {
        let start = href.get(..prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some(prefix.len())
    });
    let (prefix, rest) = href.split_at_checked(prefix_len.unwrap_or(0)).unwrap_or(("", href));
    let cut = rest.char_indices().nth(URL_SHOWN_CHARS).map_or(rest.len(), |(at, _)| at);
    let (shown, hidden) = rest.split_at_checked(cut).unwrap_or((rest, ""));
    out.push_str("<a href=\"");
    escape(out, href);
    out.push_str("\" target=\"_blank\" rel=\"nofollow noopener\" translate=\"no\"><span class=\"invisible\">");
    escape(out, prefix);
    out.push_str(if hidden.is_empty() { "</span><span class=\"\">" } else { "</span><span class=\"ellipsis\">" });
    escape(out, shown);
    out.push_str("</span><span class=\"invisible\">");
    escape(out, hidden);
    out.push_str("</span></a>");
}

/// Appends text with the characters escaped that mean something in HTML, in text and in quoted attributes alike.
pub fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are no HTML, whatever they are escaped to.
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::AccountId;

    fn check(text: &str, expected: &str) {
        let mentions = [Mention { account: AccountId(1), handle: "Ana".to_owned() }];
        assert_eq!(of_post(text, &mentions, &Urls::new("https://roost.example")), expected, "{text:?}");
    }

    #[test]
    fn text_becomes_paragraphs() {
        check("", "");
        check(" \n ", "");
        check("one", "<p>one</p>");
        check("one\ntwo\n\nthree\n\n\n\nfour", "<p>one<br />two</p><p>three</p><p>four</p>");
    }

    #[test]
    fn markup_is_escaped() {
        check("<script>alert('&\"')</script>", "<p>&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;</p>");
    }

    #[test]
    fn mentions_and_tags_are_linked() {
        let ana = "<span class=\"h-card\" translate=\"no\"><a href=\"https://roost.example/@Ana\" class=\"u-url mention\">@<span>Ana</span></a></span>";
        check("hi @ana", &format!("<p>hi {ana}</p>"));
        check("hi @ana@roost.example", &format!("<p>hi {ana}</p>"));
        check("hi @ana@far.example and @bob", "<p>hi @ana@far.example and @bob</p>");
        check("#Rust", "<p><a href=\"https://roost.example/tags/rust\" class=\"mention hashtag\" rel=\"tag\">#<span>Rust</span></a></p>");
    }

    #[test]
    fn addresses_are_shortened() {
        check(
            "https://www.example.org/a",
            "<p><a href=\"https://www.example.org/a\" target=\"_blank\" rel=\"nofollow noopener\" translate=\"no\">\
             <span class=\"invisible\">https://www.</span><span class=\"\">example.org/a</span><span class=\"invisible\"></span></a></p>",
        );
        check(
            "http://example.org/0123456789012345678901234567?a=1&b=2",
            "<p><a href=\"http://example.org/0123456789012345678901234567?a=1&amp;b=2\" target=\"_blank\" rel=\"nofollow noopener\" \
             translate=\"no\"><span class=\"invisible\">http://</span><span class=\"ellipsis\">example.org/012345678901234567</span>\
             <span class=\"invisible\">8901234567?a=1&amp;b=2</span></a></p>",
        );
    }

    proptest! {
        #[test]
        fn nothing_written_opens_a_tag(text in "[<>&\"'/@#a :\n.]{0,40}") {
            let html = of_post(&text, &[], &Urls::new("https://roost.example"));
            for known in ["<p>", "</p>", "<br />", "</a>", "<span>", "</span>", "<a href=", "<span class="] {
                prop_assert!(!text.contains(known) || html.contains("&lt;"));
            }
            let opened = html.matches('<').count();
            let ours = ["<p>", "</p>", "<br />", "<a href=\"", "</a>", "<span>", "<span class=\"", "</span>"];
            prop_assert_eq!(opened, ours.iter().map(|tag| html.matches(tag).count()).sum::<usize>());
        }
    }
}
