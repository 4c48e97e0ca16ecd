//! How text becomes words, the same for documents and queries: folded case and diacritics, then runs of letters and digits.
//!
//! `#tag` and `@name` give the words `tag` and `name`. Ideographs and kana, which are written without spaces, are a word each; a query of
//! several becomes a phrase. Changing what this gives asks for a rebuild of the index.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A word is cut after so many characters.
pub const WORD_CHARS_MAX: usize = 64;

/// Appends `text` in lower case and without diacritics, compatibility forms resolved.
pub fn fold(text: &str, into: &mut String) {
    if text.is_ascii() {
        into.push_str(text);
        let from = into.len() - text.len();
        if let Some(added) = into.get_mut(from..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    for c in text.nfkd().flat_map(char::to_lowercase).filter(|c| !is_diacritic(*c)).nfc() {
        match letters(c) {
            Some(letters) => into.push_str(letters),
            None => into.push(c),
        }
    }
}

/// [`fold`] into a text of its own.
pub fn folded(text: &str) -> String {
    let mut into = String::with_capacity(text.len());
    fold(text, &mut into);
    into
}

/// Marks that are left out: those of Latin, Greek and Cyrillic. Elsewhere marks are vowels or consonants.
fn is_diacritic(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

/// Letters that have no decomposition but are typed as others.
fn letters(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'þ' => "th",
        'ı' => "i",
        'ς' => "σ",
        _ => return None,
    })
}

/// The words of a folded text, in order.
pub fn words(folded: &str) -> Words<'_> {
    Words { rest: folded }
}

/// Iterates over words; made by [`words`].
#[derive(Debug, Clone)]
pub struct Words<'a> {
    rest: &'a str,
}

fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || (!c.is_ascii() && (c.is_alphanumeric() || is_combining_mark(c)))
}

/// Scripts without spaces between words: each character is a word.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let start = self.rest.find(in_word)?;
            let rest = self.rest.get(start..)?;
            let first = rest.chars().next()?;
            let end = match stands_alone(first) {
                true => first.len_utf8(),
                false => rest.find(|c| !in_word(c) || stands_alone(c)).unwrap_or(rest.len()),
            };
            let (run, rest) = rest.split_at_checked(end)?;
            self.rest = rest;
            let word = run.trim_matches('_');
            if !word.is_empty() {
                let cut = word.char_indices().nth(WORD_CHARS_MAX).map_or(word.len(), |(at, _)| at);
                return word.get(..cut);
            }
        }
    }
}

/// The text whose words an account is found by: the handle, its parts between underscores, the display name.
pub fn name_text(handle: &str, display_name: &str) -> String {
    format!("{handle} {} {display_name}", handle.replace('_', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &[&str]) {
        let folded = folded(text);
        assert_eq!(words(&folded).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn text_becomes_words() {
        check("", &[]);
        check("Hello, World! It's 2 o'clock", &["hello", "world", "it", "s", "2", "o", "clock"]);
        check("#Caturday with @ana_b@example.org", &["caturday", "with", "ana_b", "example", "org"]);
        check("_really_ ___ a__b", &["really", "a__b"]);
        check("Ångström naïve ŁÓDŹ Straße Ørsted ﬁne", &["angstrom", "naive", "lodz", "strasse", "orsted", "fine"]);
        check("Ёлка İstanbul Ισχύς", &["елка", "istanbul", "ισχυσ"]);
        check("東京タワーへ go", &["東", "京", "タ", "ワ", "ー", "へ", "go"]);
        check("한국어 हिन्दी", &["한국어", "हिन्दी"]);
        check("emoji 🎉party🎉", &["emoji", "party"]);
    }

    #[test]
    fn long_words_are_cut() {
        check(&"x".repeat(WORD_CHARS_MAX + 9), &[&"x".repeat(WORD_CHARS_MAX)]);
    }

    proptest! {
        #[test]
        fn words_lie_in_the_text_and_are_not_empty(text in ".{0,80}") {
            let folded = folded(&text);
            for word in words(&folded) {
                prop_assert!(!word.is_empty() && folded.contains(word));
            }
        }

        #[test]
        fn ascii_folds_as_anything_else_does(text in "[ -~]{0,40}") {
            let (mut with_more, mut alone) = (String::new(), String::new());
            fold(&format!("{text}é"), &mut with_more);
            fold(&text, &mut alone);
            prop_assert_eq!(with_more, alone + "e");
        }
    }
}
