//! Pages: escaping, and the headers that keep a page from harm.

use std::borrow::Cow;

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderValue};

/// The one look of all pages, as CSS: colours for light and dark, letters, links, forms. A page's own style comes after it.
pub const BASE_STYLE: &str = include_str!("base.css");

/// What a page may do unless its route says otherwise: show its own pictures and styles, send forms to us, run nothing.
const DEFAULT_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Text as HTML, in content and in quoted attributes.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Sets what the page's route has not set. No `Cross-Origin-Opener-Policy`: sign-in runs in a popup that needs `window.opener`.
pub(super) fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, DEFAULT_POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "private, no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2, <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>).
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        let linear = |c: f64| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
    }

    #[test]
    fn every_text_stands_out_in_light_and_dark() {
        for palette in BASE_STYLE.split(":root {").skip(1) {
            let colour = |name: &str| {
                let value = palette.split(&format!("--{name}: ")).nth(1).unwrap_or_else(|| panic!("--{name} is in both palettes"));
                luminance(value.split(';').next().unwrap())
            };
            let grounds = ["paper", "card"].map(|ground| ["ink", "soft", "accent", "bad"].map(|text| (text, ground)));
            for (text, ground) in grounds.into_iter().flatten().chain([("on-accent", "accent")]) {
                let (a, b) = (colour(text), colour(ground));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}, WCAG AA asks for 4.5");
            }
        }
        assert_eq!(BASE_STYLE.matches(":root {").count(), 2, "light and dark");
    }

    #[test]
    fn text_is_escaped_for_content_and_attributes() {
        assert_eq!(escape("plain"), "plain");
        assert_eq!(escape("<a href=\"x\" b='y'>&</a>"), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&lt;/a&gt;");
    }
}
