//! Finding hits: our grammar as queries in filter context, pages newest first.

use std::ops::ControlFlow;

use schemas::{AccountId, PostId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{BRISK, Call, Client, Method, SEARCH_TIME_MAX};
use super::documents;
use crate::search::query::{self, NameTerms, Term};
use crate::search::{CANDIDATES_MAX, HITS_MAX, Item, NameQuery, OFFSET_MAX, SearchError, StatusQuery};

/// Words that the last, unfinished word of a phrase may stand for.
const PHRASE_ENDINGS_MAX: u32 = 1_000;
/// Candidates of the first page under a filter, at the least.
const PAGE_MIN: usize = 100;
/// Candidates of one page at the most; below `index.max_result_window`.
const PAGE_MAX: usize = 5_000;
/// How much larger each page is than the one before.
const PAGE_GROWTH: usize = 4;
/// What a search asks the server to end within; the call itself ends at [`SEARCH_TIME_MAX`].
const SERVER_TIME_MAX: &str = "1500ms";
/// The version that [`Finder`] says is missing where none serves at all.
pub(super) const NO_INDEX: u32 = 0;

/// What must and what must not match.
#[derive(Debug, Clone, Default, PartialEq)]
struct Wanted {
    all: Vec<Value>,
    none: Vec<Value>,
}

/// Hits in order: a page of them being filled.
struct Page {
    pass_over: usize,
    limit: usize,
    hits: Vec<Item>,
}

impl Page {
    fn new(offset: usize, limit: usize) -> Self {
        Self { pass_over: offset.min(OFFSET_MAX), limit: limit.min(HITS_MAX), hits: Vec::new() }
    }

    /// Hits that are still to come.
    fn missing(&self) -> usize {
        if self.hits.len() >= self.limit { 0 } else { self.pass_over + self.limit - self.hits.len() }
    }

    fn add(&mut self, item: Item) -> ControlFlow<()> {
        if self.pass_over > 0 {
            self.pass_over -= 1;
        } else {
            self.hits.push(item);
        }
        if self.missing() == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Where to search.
pub(super) struct Finder<'a> {
    pub(super) client: &'a Client,
    /// The alias that is searched.
    pub(super) alias: &'a str,
}

#[derive(Deserialize)]
struct Found {
    timed_out: bool,
    #[serde(default)]
    hits: Hits,
}

#[derive(Default, Deserialize)]
struct Hits {
    #[serde(default)]
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    sort: Vec<Value>,
}

impl Finder<'_> {
    /// Hits of a search for posts.
    pub(super) async fn statuses(&self, asked: &StatusQuery) -> Result<Vec<Item>, SearchError> {
        let mut page = Page::new(asked.offset, asked.limit);
        let Some(wanted) = wanted_statuses(asked).filter(|_| page.missing() > 0) else { return Ok(Vec::new()) };
        let first = if asked.filter.is_some() { page.missing().max(PAGE_MIN) } else { page.missing() };
        let lets_through = |id: PostId| asked.filter.as_ref().is_none_or(|filter| filter(id));
        self.newest_first(wanted, first, |id| match PostId(id) {
            id if lets_through(id) => page.add(Item::Status(id)),
            _ => ControlFlow::Continue(()),
        })
        .await?;
        Ok(page.hits)
    }

    /// Hits of a search for accounts, in three steps: the exact handle, handles that start so, all others.
    pub(super) async fn accounts(&self, asked: &NameQuery) -> Result<Vec<Item>, SearchError> {
        let mut page = Page::new(asked.offset, asked.limit);
        let Some(terms) = query::parse_name(&asked.text) else { return Ok(Vec::new()) };
        for wanted in wanted_accounts(&terms) {
            let missing = page.missing();
            if missing > 0 {
                self.newest_first(wanted, missing, |id| page.add(Item::Account(AccountId(id)))).await?;
            }
        }
        Ok(page.hits)
    }

    /// Hits of a search for tags, by name.
    pub(super) async fn tags(&self, asked: &NameQuery) -> Result<Vec<Item>, SearchError> {
        let mut page = Page::new(asked.offset, asked.limit);
        let Some(prefix) = query::parse_tag(&asked.text) else { return Ok(Vec::new()) };
        let wanted = Wanted { all: vec![json!({ "prefix": { "tag": prefix } })], none: vec![] };
        let sort = json!([{ "tag": "asc" }, { "tag_name": "asc" }]);
        let mut after = None;
        while page.missing() > 0 {
            let size = page.missing().min(PAGE_MAX);
            let hits = self.page(&wanted, &sort, size, after.as_ref()).await?;
            for hit in &hits {
                let name = hit.sort.get(1).and_then(Value::as_str).ok_or_else(|| misread("a tag without a name"))?;
                let _ = page.add(Item::Tag(name.to_owned()));
            }
            after = hits.last().map(|hit| Value::from(hit.sort.clone()));
            if hits.len() < size {
                break;
            }
        }
        Ok(page.hits)
    }

    /// What the index holds after an item, in the order of items, with fingerprints: `limit` at the most.
    pub(super) async fn dump(&self, after: Option<&Item>, limit: usize) -> Result<Vec<(Item, u64)>, SearchError> {
        let wanted = Wanted { all: vec![json!({ "terms": { "kind": ["account", "status", "tag"] } })], none: vec![] };
        let sort = json!([{ "item": "asc" }, { "print": "asc" }]);
        // No fingerprint sorts behind this one: the item itself is passed over.
        let mut after = after.map(|item| json!([documents::item_key(item), "g"]));
        let mut held = Vec::new();
        while held.len() < limit {
            let size = (limit - held.len()).min(PAGE_MAX);
            let hits = self.page(&wanted, &sort, size, after.as_ref()).await?;
            for hit in &hits {
                let [Value::String(key), Value::String(print)] = hit.sort.as_slice() else {
                    return Err(misread("a document without a key"));
                };
                let item = documents::item_of(key).ok_or_else(|| misread("a key of no item"))?;
                held.push((item, u64::from_str_radix(print, 16).map_err(|_| misread("a fingerprint that is none"))?));
            }
            after = hits.last().map(|hit| Value::from(hit.sort.clone()));
            if hits.len() < size {
                break;
            }
        }
        Ok(held)
    }

    /// Calls `each` with the ids of matches, newest first, until it breaks off or [`CANDIDATES_MAX`] were seen. `size`: matches that are
    /// fetched at first.
    async fn newest_first(&self, wanted: Wanted, mut size: usize, mut each: impl FnMut(u64) -> ControlFlow<()>) -> Result<(), SearchError> {
        let sort = json!([{ "order": "desc" }]);
        let (mut after, mut seen) = (None, 0);
        while seen < CANDIDATES_MAX {
            size = size.clamp(1, PAGE_MAX).min(CANDIDATES_MAX - seen);
            let hits = self.page(&wanted, &sort, size, after.as_ref()).await?;
            for hit in &hits {
                let id = hit.sort.first().and_then(Value::as_u64).ok_or_else(|| misread("a hit without an id"))?;
                if each(id).is_break() {
                    return Ok(());
                }
            }
            if hits.len() < size {
                return Ok(());
            }
            after = hits.last().map(|hit| Value::from(hit.sort.clone()));
            seen += hits.len();
            size *= PAGE_GROWTH;
        }
        Ok(())
    }

    async fn page(&self, wanted: &Wanted, sort: &Value, size: usize, after: Option<&Value>) -> Result<Vec<Hit>, SearchError> {
        let mut body = json!({
            "query": { "bool": { "filter": wanted.all, "must_not": wanted.none } },
            "sort": sort,
            "size": size,
            "timeout": SERVER_TIME_MAX,
            "track_total_hits": false,
            "_source": false,
            "stored_fields": "_none_",
        });
        if let (Some(after), Some(body)) = (after, body.as_object_mut()) {
            body.insert("search_after".to_owned(), after.clone());
        }
        let query = [("allow_partial_search_results", "false"), ("filter_path", "timed_out,hits.hits.sort")];
        let call = Call::new(Method::Post, format!("/{}/_search", self.alias)).query(&query).json(&body).within(SEARCH_TIME_MAX);
        let reply = self.client.call(call, BRISK).await?;
        if reply.status == 404 {
            return Err(SearchError::NoVersion(NO_INDEX));
        }
        let found: Found = reply.expect_success("search")?.parse()?;
        if found.timed_out {
            return Err(SearchError::Retryable("the search took too long".to_owned()));
        }
        Ok(found.hits.hits)
    }
}

fn misread(what: &str) -> SearchError {
    SearchError::Fatal(format!("elasticsearch answered {what}"))
}

fn prefix(field: &str, start: &str) -> Value {
    json!({ "prefix": { field: start } })
}

/// A term of a query on the field of posts' words. The words are ours; the whitespace analyzer gives them back as they are.
fn term_query(term: &Term) -> Value {
    let phrase = term.words.join(" ");
    match (term.words.as_slice(), term.prefix) {
        ([word], true) => prefix("text", word),
        (_, true) => {
            json!({ "match_phrase_prefix": { "text": { "query": phrase, "analyzer": "whitespace", "max_expansions": PHRASE_ENDINGS_MAX } } })
        }
        ([_, _, ..], false) => json!({ "match_phrase": { "text": { "query": phrase, "analyzer": "whitespace" } } }),
        (_, false) => json!({ "term": { "text": phrase } }),
    }
}

/// What a search for posts wants; `None` where it asks for nothing.
fn wanted_statuses(asked: &StatusQuery) -> Option<Wanted> {
    let parsed = query::parse(&asked.text);
    let mut wanted = Wanted { all: Vec::new(), none: parsed.none.iter().map(term_query).collect() };
    for group in &parsed.all {
        let mut any: Vec<Value> = group.iter().map(term_query).collect();
        wanted.all.push(if any.len() == 1 { any.remove(0) } else { json!({ "bool": { "should": any, "minimum_should_match": 1 } }) });
    }
    wanted.all.extend(asked.author.map(|author| json!({ "term": { "author": author.0.to_string() } })));
    if wanted.all.is_empty() {
        return None;
    }
    // Ids stay below 2^63: a bound beyond excludes nothing.
    let bound = |id: PostId| i64::try_from(id.0).unwrap_or(i64::MAX);
    wanted.all.extend(asked.max_id.map(|id| json!({ "range": { "order": { "lt": bound(id) } } })));
    wanted.all.extend(asked.min_id.map(|id| json!({ "range": { "order": { "gt": bound(id) } } })));
    Some(wanted)
}

/// What each step of a search for accounts wants.
fn wanted_accounts(terms: &NameTerms) -> [Wanted; 3] {
    let exact = json!({ "term": { "handle": terms.handle } });
    let starts = prefix("handle", &terms.handle);
    let words = terms.words.iter().map(|word| prefix("name", word)).collect();
    [
        Wanted { all: vec![exact.clone()], none: vec![] },
        Wanted { all: vec![starts.clone()], none: vec![exact] },
        Wanted { all: words, none: vec![starts] },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What must and what must not match, as JSON; the bound of `max_id` is left out.
    fn check(text: &str, all: &str, none: &str) {
        let asked = StatusQuery { text: text.to_owned(), max_id: Some(PostId(u64::MAX)), ..StatusQuery::default() };
        let wanted = wanted_statuses(&asked).map(|mut wanted| {
            assert_eq!(wanted.all.pop(), Some(json!({ "range": { "order": { "lt": i64::MAX } } })));
            (Value::from(wanted.all), Value::from(wanted.none))
        });
        let expected = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(wanted, (!all.is_empty()).then(|| (expected(all), expected(none))), "{text}");
    }

    #[test]
    fn queries_say_what_the_grammar_says() {
        check("", "", "");
        check("-cat", "", "");
        check("Café", r#"[{"term":{"text":"cafe"}}]"#, "[]");
        check("cat*", r#"[{"prefix":{"text":"cat"}}]"#, "[]");
        let any = r#"[{"bool":{"minimum_should_match":1,"should":[{"term":{"text":"cat"}},{"match_phrase":{"text":{"analyzer":"whitespace","query":"a b"}}}]}}]"#;
        check("cat OR \"a b\" -dog", any, r#"[{"term":{"text":"dog"}}]"#);
        let phrase = r#"[{"match_phrase_prefix":{"text":{"analyzer":"whitespace","max_expansions":1000,"query":"foo ba"}}}]"#;
        check("foo-ba*", phrase, "[]");
        check("title:*", r#"[{"prefix":{"text":"title"}}]"#, "[]");
    }

    #[test]
    fn a_page_passes_over_and_ends() {
        let mut page = Page::new(1, 2);
        assert_eq!(page.missing(), 3);
        assert!(page.add(Item::Tag("a".into())).is_continue());
        assert_eq!((page.missing(), page.hits.len()), (2, 0));
        assert!(page.add(Item::Tag("b".into())).is_continue());
        assert!(page.add(Item::Tag("c".into())).is_break());
        assert_eq!((page.missing(), Page::new(9, 0).missing()), (0, 0));
    }
}
