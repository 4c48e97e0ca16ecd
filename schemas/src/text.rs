//! What a post's text says: its lines, mentions, hashtags and addresses, found by Mastodon's rules; and how long it counts.
//!
//! One pass, linear time: whatever starts a span is read to its end once, and where it turns out to be none, the text read is skipped.

mod scan;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// What every address counts, however long it is: Mastodon's figure.
pub const URL_CHARS: usize = 23;

/// Characters of a post at the most, its content warning included.
pub const POST_CHARS_MAX: usize = 500;

/// A piece of a text. The pieces, put together again, are the text (`\r\n` counts as one line end).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span<'a> {
    /// Plain text without line ends.
    Text(&'a str),
    /// The end of a line.
    Newline,
    /// `@handle`, or `@handle@domain`: what stands after the first `@`.
    Mention {
        /// As written, with its domain if there is one.
        handle: &'a str,
    },
    /// `#name`: what stands after the `#`.
    Tag {
        /// As written.
        name: &'a str,
    },
    /// An address, scheme included.
    Url {
        /// As written.
        href: &'a str,
    },
}

/// Takes a text apart.
pub fn parse(text: &str) -> Vec<Span<'_>> {
    scan::Scanner::new(text).run()
}

/// The form by which hashtags are one: compatibility composed (NFKC), lower case.
pub fn normalise_tag(name: &str) -> String {
    name.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// The hashtags, normalised, each once, in the order of the text.
pub fn tags(spans: &[Span<'_>]) -> Vec<String> {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut tags = Vec::new();
    for span in spans {
        if let Span::Tag { name } = span {
            let tag = normalise_tag(name);
            if seen.insert(tag.clone()) {
                tags.push(tag);
            }
        }
    }
    tags
}

/// The handles mentioned, as written, each once (whatever its case), in the order of the text.
pub fn mentions<'a>(spans: &[Span<'a>]) -> Vec<&'a str> {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut handles = Vec::new();
    for span in spans {
        if let Span::Mention { handle } = span
            && seen.insert(handle.to_lowercase())
        {
            handles.push(*handle);
        }
    }
    handles
}

/// How many characters a post's text counts: what a person sees as one (a grapheme cluster), an address as [`URL_CHARS`], and a
/// mention without its domain.
pub fn characters(text: &str) -> usize {
    characters_of(&parse(text))
}

/// The same, of a text already taken apart.
pub fn characters_of(spans: &[Span<'_>]) -> usize {
    let mut count = 0;
    // Clusters may cross from one piece into the next (a joiner after a hashtag), so pieces are counted together.
    let mut pending = String::new();
    for span in spans {
        match span {
            Span::Text(text) => pending.push_str(text),
            Span::Newline => pending.push('\n'),
            Span::Tag { name } => {
                pending.push('#');
                pending.push_str(name);
            }
            Span::Mention { handle } => {
                pending.push('@');
                pending.push_str(handle.split('@').next().unwrap_or_default());
            }
            Span::Url { .. } => {
                count += pending.graphemes(true).count() + URL_CHARS;
                pending.clear();
            }
        }
    }
    count + pending.graphemes(true).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_one_by_their_normal_form() {
        let spans = parse("#Rust #rust #ＲＵＳＴ #Straße #ǅ");
        assert_eq!(tags(&spans), ["rust", "straße", "dž"]);
    }

    #[test]
    fn mentions_are_listed_once() {
        assert_eq!(mentions(&parse("@ana @Ana @bob@far.example")), ["ana", "bob@far.example"]);
    }

    #[test]
    fn lengths_are_counted_as_mastodon_counts() {
        for (text, expected) in [
            ("", 0),
            ("hello", 5),
            ("e\u{301}", 1),
            ("👩‍👩‍👧‍👦", 1),
            ("@ana@far.example hi", 7),
            ("see https://a.example/a-very-long-path?with=a&query=string#fragment.", 4 + 23 + 1),
            ("a\r\nb", 3),
            ("#tag", 4),
        ] {
            assert_eq!(characters(text), expected, "{text:?}");
        }
    }

    fn joined(spans: &[Span<'_>]) -> String {
        let mut text = String::new();
        for span in spans {
            match span {
                Span::Text(piece) | Span::Url { href: piece } => text.push_str(piece),
                Span::Newline => text.push('\n'),
                Span::Mention { handle } => text.extend(["@", handle]),
                Span::Tag { name } => text.extend(["#", name]),
            }
        }
        text
    }

    proptest! {
        #[test]
        fn pieces_make_the_text_again(text in "(?s)([@#/.:() \r\na1_é·-]|https?://|.){0,60}") {
            let spans = parse(&text);
            prop_assert_eq!(joined(&spans), text.replace("\r\n", "\n"));
            let clean = spans.iter().all(|span| match span {
                Span::Text(piece) => !piece.is_empty() && !piece.contains('\n'),
                Span::Newline => true,
                Span::Mention { handle: piece } | Span::Tag { name: piece } | Span::Url { href: piece } => !piece.chars().any(char::is_whitespace),
            });
            prop_assert!(clean, "{:?}", spans);
        }

        #[test]
        fn normal_forms_are_stable(name in "\\PC{0,20}") {
            let once = normalise_tag(&name);
            prop_assert_eq!(normalise_tag(&once), once);
        }
    }
}
