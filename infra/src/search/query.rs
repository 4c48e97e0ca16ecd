//! The grammar of status searches. Anything that a user types is a query; what makes no sense counts as plain words, or not at all.
//!
//! ```text
//! cat dog           both words          "cat dog"      the phrase          from:ana     by that author (the caller resolves it)
//! cat OR dog bird   (cat or dog), bird  -cat  -"a b"   without             cat*         words that start so
//! ```
//!
//! `OR` binds tighter than the implicit "and". A word that analysis cuts in several (`foo-bar`) is a phrase. Words that are only excluded
//! match nothing.

use super::analysis;

/// Characters of a query that are read.
pub const QUERY_CHARS_MAX: usize = 500;
/// Terms of a query that are read.
pub const TERMS_MAX: usize = 32;
/// Words of one phrase that are read.
pub const PHRASE_WORDS_MAX: usize = 16;
/// A prefix has at least so many characters; a shorter one counts as a word.
pub const PREFIX_CHARS_MIN: usize = 2;

/// Words that follow one another; of the last one, perhaps only the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The words, at least one.
    pub words: Vec<String>,
    /// Whether the last one is a prefix.
    pub prefix: bool,
}

/// What a query asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parsed {
    /// Of each group, one term at the least must occur.
    pub all: Vec<Vec<Term>>,
    /// None of these may occur.
    pub none: Vec<Term>,
    /// The handle of a `from:`, without `@`.
    pub from: Option<String>,
}

impl Term {
    /// Whether words of a text match.
    pub fn occurs_in(&self, text: &[String]) -> bool {
        let Some((last, before)) = self.words.split_last() else { return false };
        text.windows(self.words.len()).any(|window| {
            window.split_last().is_some_and(|(end, start)| start == before && if self.prefix { end.starts_with(last) } else { end == last })
        })
    }
}

impl Parsed {
    /// Whether the words of a text match; of nothing asked for, nothing does.
    pub fn matches(&self, text: &[String]) -> bool {
        self.all.iter().all(|group| group.iter().any(|term| term.occurs_in(text))) && !self.none.iter().any(|term| term.occurs_in(text))
    }
}

/// One piece of a query's text.
struct Piece<'a> {
    text: &'a str,
    negated: bool,
    quoted: bool,
}

/// Reads a query.
pub fn parse(text: &str) -> Parsed {
    let cut = text.char_indices().nth(QUERY_CHARS_MAX).map_or(text.len(), |(at, _)| at);
    let mut rest = text.get(..cut).unwrap_or_default();
    let mut parsed = Parsed::default();
    let (mut terms, mut joined) = (0, false);
    while let Some((piece, after)) = next_piece(rest) {
        rest = after;
        if !piece.quoted && !piece.negated && piece.text == "OR" {
            joined = true;
            continue;
        }
        if let Some(handle) = piece.text.strip_prefix("from:").filter(|_| !piece.quoted && !piece.negated) {
            let handle = analysis::folded(handle.trim_start_matches('@'));
            if !handle.is_empty() {
                parsed.from = Some(handle);
                continue;
            }
        }
        let Some(term) = term(&piece).filter(|_| terms < TERMS_MAX) else { continue };
        terms += 1;
        match parsed.all.last_mut().filter(|_| joined) {
            _ if piece.negated => parsed.none.push(term),
            Some(group) => group.push(term),
            None => parsed.all.push(vec![term]),
        }
        joined = false;
    }
    parsed
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '«' | '»')
}

fn next_piece(text: &str) -> Option<(Piece<'_>, &str)> {
    let text = text.trim_start();
    if text.is_empty() {
        return None;
    }
    let (negated, text) = match text.strip_prefix('-') {
        Some(after) if after.starts_with(|c: char| !c.is_whitespace() && c != '-') => (true, after),
        _ => (false, text),
    };
    let mut chars = text.chars();
    if chars.next().is_some_and(is_quote) {
        let inside = chars.as_str();
        let (text, after) = inside.split_once(is_quote).unwrap_or((inside, ""));
        return Some((Piece { text, negated, quoted: true }, after));
    }
    let end = text.find(|c: char| c.is_whitespace() || is_quote(c)).unwrap_or(text.len());
    let (text, after) = text.split_at_checked(end)?;
    Some((Piece { text, negated, quoted: false }, after))
}

fn term(piece: &Piece<'_>) -> Option<Term> {
    let folded = analysis::folded(piece.text);
    let words: Vec<String> = analysis::words(&folded).take(PHRASE_WORDS_MAX).map(str::to_owned).collect();
    let last = words.last()?;
    let prefix = !piece.quoted && piece.text.ends_with('*') && last.chars().count() >= PREFIX_CHARS_MIN;
    Some(Term { prefix, words })
}

/// What a search for accounts asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTerms {
    /// The text as a handle, folded.
    pub handle: String,
    /// Each of them starts a word of a name.
    pub words: Vec<String>,
}

/// Reads a search for accounts; `None` where it has no word. Of `@ana@example.org` only `ana` counts.
pub fn parse_name(text: &str) -> Option<NameTerms> {
    let cut: String = text.trim().trim_start_matches('@').chars().take_while(|c| *c != '@').take(QUERY_CHARS_MAX).collect();
    let handle = analysis::folded(cut.trim());
    let words: Vec<String> = analysis::words(&handle).take(PHRASE_WORDS_MAX).map(str::to_owned).collect();
    (!words.is_empty()).then_some(NameTerms { words, handle })
}

/// Reads a search for tags: the folded start of their names; `None` where nothing is left.
pub fn parse_tag(text: &str) -> Option<String> {
    let cut: String = text.trim().trim_start_matches(['#', '＃']).chars().take(QUERY_CHARS_MAX).collect();
    let folded = analysis::folded(cut.trim());
    (!folded.is_empty()).then_some(folded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Renders what was understood: groups in brackets, phrases with `+`, prefixes with `*`, exclusions with `-`.
    fn check(text: &str, expected: &str) {
        let show = |term: &Term| format!("{}{}", term.words.join("+"), if term.prefix { "*" } else { "" });
        let parsed = parse(text);
        let mut shown: Vec<String> =
            parsed.all.iter().map(|group| format!("({})", group.iter().map(show).collect::<Vec<_>>().join("|"))).collect();
        shown.extend(parsed.none.iter().map(|term| format!("-{}", show(term))));
        shown.extend(parsed.from.iter().map(|handle| format!("from:{handle}")));
        assert_eq!(shown.join(" "), expected, "{text}");
    }

    #[test]
    fn the_grammar() {
        check("cat Dog", "(cat) (dog)");
        check("\"cat dog\" bird", "(cat+dog) (bird)");
        check("cat OR dog bird", "(cat|dog) (bird)");
        check("cat OR dog OR \"a b\"", "(cat|dog|a+b)");
        check("cat -dog -\"a b\"", "(cat) -dog -a+b");
        check("cat*", "(cat*)");
        check("foo-bar #tag @ana don't", "(foo+bar) (tag) (ana) (don+t)");
        check("foo-ba*", "(foo+ba*)");
        check("from:@Ana cat", "(cat) from:ana");
        check("“smart quotes” «là»", "(smart+quotes) (la)");
        check("東京", "(東+京)");
    }

    #[test]
    fn nonsense_counts_as_words_or_not_at_all() {
        check("", "");
        check("- * OR \"\" -\"", "");
        check("OR cat OR", "(cat)");
        check("cat OR OR dog", "(cat|dog)");
        check("\"open phrase", "(open+phrase)");
        check("a*", "(a)");
        check("*cat --dog", "(cat) (dog)");
        check("from: is:reply id:5 title:[a TO b}", "(from) (is+reply) (id+5) (title+a) (to) (b)");
        check("cat OR -dog bird", "(cat) (bird) -dog");
        check("-cat", "-cat");
        check("or not and", "(or) (not) (and)");
    }

    #[test]
    fn names_and_tags() {
        assert_eq!(parse_name(" @Ana_B@example.org "), Some(NameTerms { handle: "ana_b".into(), words: vec!["ana_b".into()] }));
        assert_eq!(parse_name("José  da"), Some(NameTerms { handle: "jose  da".into(), words: vec!["jose".into(), "da".into()] }));
        assert_eq!((parse_name("@"), parse_name("!?")), (None, None));
        assert_eq!((parse_tag("#Café"), parse_tag("##"), parse_tag("")), (Some("cafe".into()), None, None));
    }

    proptest! {
        #[test]
        fn any_text_is_a_query_within_limits(text in "[a-c\"*: \\-ORfrom@é]{0,700}") {
            let parsed = parse(&text);
            let terms: Vec<&Term> = parsed.all.iter().flatten().chain(&parsed.none).collect();
            prop_assert!(terms.len() <= TERMS_MAX);
            prop_assert!(terms.iter().all(|term| (1..=PHRASE_WORDS_MAX).contains(&term.words.len())));
            prop_assert!(parsed.all.iter().all(|group| !group.is_empty()));
            let _ = (parse_name(&text), parse_tag(&text));
        }
    }
}
