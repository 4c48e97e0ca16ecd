//! The scanner behind [`super::parse`].
//!
//! Sources of the rules: Mastodon's `Account::MENTION_RE`, `Tag::HASHTAG_RE` and its use of twitter-text's addresses. Where Mastodon asks
//! for a known top-level domain, any host will do here: an address of one's own network is an address too.

use super::Span;

/// A character that words are made of; combining marks keep to the letter before them.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || is_mark(c)
}

/// Combining marks that scripts need inside words (general category M, the blocks in common use).
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// What may join the words of a hashtag.
fn is_tag_joint(c: char) -> bool {
    matches!(c, '\u{b7}' | '\u{30fb}' | '\u{200c}')
}

/// What makes a hashtag one: digits and underscores alone are none.
fn is_tag_letter(c: char) -> bool {
    c.is_alphabetic() || is_tag_joint(c)
}

fn is_handle(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

pub(super) struct Scanner<'a> {
    text: &'a str,
    /// Where the plain text not yet given out begins.
    plain: usize,
    at: usize,
    spans: Vec<Span<'a>>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, plain: 0, at: 0, spans: Vec::new() }
    }

    pub(super) fn run(mut self) -> Vec<Span<'a>> {
        let mut before: Option<char> = None;
        while let Some(c) = self.rest().chars().next() {
            let start = self.at;
            match c {
                '\n' => self.give(Span::Newline, 1),
                '\r' if self.rest().starts_with("\r\n") => self.give(Span::Newline, 2),
                '@' if !before.is_some_and(|b| is_word(b) || b == '=' || b == '/') => self.mention(),
                '#' if !before.is_some_and(|b| b.is_alphanumeric() || matches!(b, '=' | '/' | ')')) => self.tag(),
                'h' | 'H' if !before.is_some_and(|b| b.is_alphanumeric() || matches!(b, '_' | '@' | '#' | '$')) => self.url(),
                _ => self.at += c.len_utf8(),
            }
            before = self.text.get(start..self.at).and_then(|read| read.chars().next_back());
        }
        self.flush(self.at);
        self.spans
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Gives out the plain text before `end`.
    fn flush(&mut self, end: usize) {
        if let Some(plain) = self.text.get(self.plain..end).filter(|plain| !plain.is_empty()) {
            self.spans.push(Span::Text(plain));
        }
        self.plain = end;
    }

    /// Gives out a span of `len` bytes that begins here.
    fn give(&mut self, span: Span<'a>, len: usize) {
        self.flush(self.at);
        self.spans.push(span);
        self.at += len;
        self.plain = self.at;
    }

    fn mention(&mut self) {
        let after = self.rest().get(1..).unwrap_or_default();
        let name = dotted(after, is_handle);
        if name == 0 {
            self.at += 1;
            return;
        }
        let domain = after.get(name..).and_then(|rest| rest.strip_prefix('@')).map_or(0, |rest| dotted(rest, is_word));
        let len = if domain == 0 { name } else { name + 1 + domain };
        let handle = after.get(..len).unwrap_or_default();
        self.give(Span::Mention { handle }, 1 + len);
    }

    fn tag(&mut self) {
        let after = self.rest().get(1..).unwrap_or_default();
        let run: usize = after.chars().take_while(|c| is_word(*c) || is_tag_joint(*c)).map(char::len_utf8).sum();
        // A joint stands between words, never at an end.
        let name = after.get(..run).unwrap_or_default().trim_end_matches(is_tag_joint);
        if name.starts_with(is_tag_joint) || name.starts_with(is_mark) || !name.contains(is_tag_letter) {
            self.at += 1 + run;
            return;
        }
        self.give(Span::Tag { name }, 1 + name.len());
    }

    fn url(&mut self) {
        let rest = self.rest();
        let is = |scheme: &str| rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        let scheme = if is("https://") {
            8
        } else if is("http://") {
            7
        } else {
            self.at += 1;
            return;
        };
        let body = rest.get(scheme..).unwrap_or_default();
        if !body.starts_with(char::is_alphanumeric) {
            self.at += scheme;
            return;
        }
        let len = address(body);
        let href = rest.get(..scheme + len).unwrap_or_default();
        self.give(Span::Url { href }, scheme + len);
    }
}

/// Bytes of the words at the start of a text, joined by dots and hyphens.
fn dotted(text: &str, is_part: fn(char) -> bool) -> usize {
    let mut end = 0;
    for (at, c) in text.char_indices() {
        if is_part(c) {
            end = at + c.len_utf8();
        } else if end == 0 || !matches!(c, '.' | '-') {
            break;
        }
    }
    end
}

/// Bytes of an address after its scheme: up to a space, a quote or an angle bracket; what punctuation ends the sentence, and brackets
/// that the address did not open, stay outside.
fn address(text: &str) -> usize {
    let ends =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '`' | '“' | '”' | '‘' | '’' | '，' | '。' | '、');
    let whole = text.find(ends).map_or(text, |end| text.get(..end).unwrap_or_default());
    let mut depth = [0_i64; 3];
    for c in whole.chars() {
        if let Some((kind, step)) = bracket(c)
            && let Some(open) = depth.get_mut(kind)
        {
            *open += step;
        }
    }
    let mut kept = whole;
    while let Some(last) = kept.chars().next_back() {
        let strip = match bracket(last) {
            // Closed once too often: the bracket is the sentence's.
            Some((kind, -1)) => depth.get_mut(kind).is_some_and(|open| {
                let surplus = *open < 0;
                *open += i64::from(surplus);
                surplus
            }),
            Some((kind, _)) => {
                if let Some(open) = depth.get_mut(kind) {
                    *open -= 1;
                }
                true
            }
            None => matches!(last, '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' | '~'),
        };
        if !strip {
            break;
        }
        kept = kept.get(..kept.len() - last.len_utf8()).unwrap_or_default();
    }
    kept.len()
}

fn bracket(c: char) -> Option<(usize, i64)> {
    Some(match c {
        '(' => (0, 1),
        ')' => (0, -1),
        '[' => (1, 1),
        ']' => (1, -1),
        '{' => (2, 1),
        '}' => (2, -1),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::Span::{Mention, Newline, Tag, Text, Url};
    use super::*;

    fn check(text: &str, expected: &[Span<'_>]) {
        assert_eq!(super::super::parse(text), expected, "{text:?}");
    }

    #[test]
    fn lines_and_plain_text() {
        check("", &[]);
        check("a\nb\r\n\rc", &[Text("a"), Newline, Text("b"), Newline, Text("\rc")]);
        check("hi h", &[Text("hi h")]);
    }

    #[test]
    fn mentions() {
        check("@ana hi", &[Mention { handle: "ana" }, Text(" hi")]);
        check("hi @ana.", &[Text("hi "), Mention { handle: "ana" }, Text(".")]);
        check("(@ana_1@far.example!)", &[Text("("), Mention { handle: "ana_1@far.example" }, Text("!)")]);
        check("@ana@ x", &[Mention { handle: "ana" }, Text("@ x")]);
        check("mail a@b.example", &[Text("mail a@b.example")]);
        check("é@ana", &[Text("é@ana")]);
        check("/@ana", &[Text("/@ana")]);
        check("@ @é", &[Text("@ @é")]);
        check("@@ana", &[Text("@"), Mention { handle: "ana" }]);
        check("@a@b@c", &[Mention { handle: "a@b" }, Text("@c")]);
        check("@ana:@bob", &[Mention { handle: "ana" }, Text(":"), Mention { handle: "bob" }]);
    }

    #[test]
    fn tags() {
        check("#rust.", &[Tag { name: "rust" }, Text(".")]);
        check("#Straße_2 x", &[Tag { name: "Straße_2" }, Text(" x")]);
        check("#2024 #1a", &[Text("#2024 "), Tag { name: "1a" }]);
        check("#_ #__1", &[Text("#_ #__1")]);
        check("#नमस्ते", &[Tag { name: "नमस्ते" }]);
        check("#日本語", &[Tag { name: "日本語" }]);
        check("#a·b·", &[Tag { name: "a·b" }, Text("·")]);
        check("a#b x/#c", &[Text("a#b x/#c")]);
        check("#a#b", &[Tag { name: "a" }, Text("#b")]);
        check("##a", &[Text("#"), Tag { name: "a" }]);
        check("(#a)#b", &[Text("("), Tag { name: "a" }, Text(")#b")]);
    }

    #[test]
    fn addresses() {
        check("https://a.example", &[Url { href: "https://a.example" }]);
        check("HTTP://A.example/x?y=1&z#f, yes", &[Url { href: "HTTP://A.example/x?y=1&z#f" }, Text(", yes")]);
        check("(see https://a.example/w_(x))!", &[Text("(see "), Url { href: "https://a.example/w_(x)" }, Text(")!")]);
        check("https://a.example/@ana#b", &[Url { href: "https://a.example/@ana#b" }]);
        check("https:// https://. http://", &[Text("https:// https://. http://")]);
        check("xhttps://a.example", &[Text("xhttps://a.example")]);
        check("https://a.example/(", &[Url { href: "https://a.example/" }, Text("(")]);
        check("<https://a.example>\"", &[Text("<"), Url { href: "https://a.example" }, Text(">\"")]);
    }

    #[test]
    fn time_is_linear() {
        for piece in ["@", "#", "#1", "@a@", "http://", "https://(", "a.", "(", ")", "#·"] {
            let spans = super::super::parse(&piece.repeat(200_000)).len();
            assert!(spans <= 400_001, "{piece}: {spans}");
        }
    }
}
