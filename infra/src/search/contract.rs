//! What every search index must do: one suite, run for each adapter on fresh indexes.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test code that ships to other crates' tests")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use schemas::log::{Validity, WriterId};
use schemas::rows::Checkpoint;
use schemas::{AccountId, PartitionId, PostId};

use super::memory::MemorySearch;
use super::{
    COMMIT_AFTER_MAX, Item, NameQuery, SearchChange, SearchDocument, SearchError, SearchIndex, SearchQuery, SearchWrite, StatusQuery,
};
use crate::views::contract::Seeded;
use crate::views::{Version, Versions};

/// Opens an index: a fresh one with each call, but the same one again in [`survives_reopening`].
pub type Open<'a> = &'a (dyn Fn() -> Arc<dyn SearchIndex> + Sync);

const LIVE: Version = Version::Live;
const P0: PartitionId = PartitionId(0);
const P1: PartitionId = PartitionId(1);

/// Runs every rule.
pub async fn run(open: Open<'_>) {
    finds_statuses_newest_first(open()).await;
    finds_accounts_by_any_name(open()).await;
    finds_tags_by_prefix(open()).await;
    replaces_and_deletes(open()).await;
    replays_change_nothing(open()).await;
    commits_by_itself(open()).await;
    swaps_versions(open()).await;
    dumps_what_it_holds(open()).await;
    for seed in 1..=3 {
        equals_the_reference(open(), seed).await;
    }
}

pub(crate) fn checkpoint(next: u64) -> Checkpoint {
    Checkpoint { generation: 1, next, validity: Validity { epoch: 1, writer: WriterId(u64::MAX), sequence: next } }
}

fn put(offset: u64, document: SearchDocument) -> SearchWrite {
    SearchWrite { offset, change: SearchChange::Put(document) }
}

fn status(id: u64, author: u64, text: &str) -> SearchDocument {
    SearchDocument::Status { id: PostId(id), author: AccountId(author), text: text.to_owned() }
}

fn account(id: u64, handle: &str, display_name: &str) -> SearchDocument {
    SearchDocument::Account { id: AccountId(id), handle: handle.to_owned(), display_name: display_name.to_owned() }
}

fn tag(name: &str) -> SearchDocument {
    SearchDocument::Tag { name: name.to_owned() }
}

/// Applies documents as one step from offset 0 on, and makes them searchable.
async fn fill(index: &dyn SearchIndex, documents: Vec<SearchDocument>) {
    let writes: Vec<SearchWrite> = documents.into_iter().zip(0..).map(|(document, offset)| put(offset, document)).collect();
    let next = writes.len() as u64;
    index.apply(LIVE, P0, writes, checkpoint(next)).await.unwrap();
    index.flush().await.unwrap();
}

fn text(text: &str) -> StatusQuery {
    StatusQuery { text: text.to_owned(), limit: 20, ..StatusQuery::default() }
}

async fn statuses(index: &dyn SearchIndex, query: StatusQuery) -> Vec<u64> {
    let found = index.search(SearchQuery::Statuses(query)).await.unwrap();
    found.into_iter().map(|item| if let Item::Status(id) = item { id.0 } else { panic!("{item:?} among statuses") }).collect()
}

fn name(text: &str) -> NameQuery {
    NameQuery { text: text.to_owned(), offset: 0, limit: 20 }
}

async fn finds_statuses_newest_first(index: Arc<dyn SearchIndex>) {
    assert!(statuses(&*index, text("cat")).await.is_empty(), "a fresh index answers");
    let documents = vec![
        status(30, 1, "The cat sat on the mat"),
        status(10, 2, "A Cat and a dog"),
        status(20, 1, "dogs, not cats! #Caturday"),
        status(40, 2, "Le café d'Été"),
        account(50, "cat", "cat"),
        tag("cat"),
    ];
    fill(&*index, documents).await;
    let check = async |query: StatusQuery, expected: &[u64]| {
        let shown = (query.text.clone(), query.max_id, query.min_id, query.offset, query.limit);
        assert_eq!(statuses(&*index, query).await, expected, "{shown:?}");
    };
    check(text("cat"), &[30, 10]).await;
    check(text("CAT dog"), &[10]).await;
    check(text("cat OR dogs"), &[30, 20, 10]).await;
    check(text("cat -dog"), &[30]).await;
    check(text("cat*"), &[30, 20, 10]).await;
    check(text("\"cat sat on\""), &[30]).await;
    check(text("\"sat cat\""), &[]).await;
    check(text("#caturday"), &[20]).await;
    check(text("cafe ete"), &[40]).await;
    check(text("d'ét*"), &[40]).await;
    check(text("-cat"), &[]).await;
    check(text(""), &[]).await;
    check(text("\"*:("), &[]).await;
    check(StatusQuery { max_id: Some(PostId(30)), ..text("cat*") }, &[20, 10]).await;
    check(StatusQuery { max_id: Some(PostId(25)), min_id: Some(PostId(10)), ..text("cat*") }, &[20]).await;
    check(StatusQuery { min_id: Some(PostId(20)), ..text("cat*") }, &[30]).await;
    check(StatusQuery { offset: 1, limit: 1, ..text("cat*") }, &[20]).await;
    check(StatusQuery { limit: 0, ..text("cat*") }, &[]).await;
    check(StatusQuery { author: Some(AccountId(1)), ..text("cat*") }, &[30, 20]).await;
    check(StatusQuery { author: Some(AccountId(2)), ..text("from:bob") }, &[40, 10]).await;
    check(StatusQuery { author: Some(AccountId(2)), ..text("-cat") }, &[40]).await;
    check(StatusQuery { filter: Some(Arc::new(|id| id.0 != 20)), limit: 2, ..text("cat*") }, &[30, 10]).await;
}

async fn finds_accounts_by_any_name(index: Arc<dyn SearchIndex>) {
    let documents = vec![
        account(1, "ana", "Zoë Müller"),
        account(2, "anabel", "Bob"),
        account(3, "bob_ana", "Ana María Lopez"),
        account(4, "carl", "anaïs"),
        account(5, "zed", "Zed Anderson"),
        status(6, 1, "ana"),
    ];
    fill(&*index, documents).await;
    let check = async |query: NameQuery, expected: &[u64]| {
        let found = index.search(SearchQuery::Accounts(query.clone())).await.unwrap();
        assert_eq!(found, expected.iter().map(|id| Item::Account(AccountId(*id))).collect::<Vec<_>>(), "{query:?}");
    };
    check(name("ana"), &[1, 2, 4, 3]).await;
    check(name("@ANA@example.org"), &[1, 2, 4, 3]).await;
    check(name("maria lop"), &[3]).await;
    check(name("muller"), &[1]).await;
    check(name("zo mul"), &[1]).await;
    check(name("bob_ana"), &[3]).await;
    check(name("bob"), &[3, 2]).await;
    check(name("zed x"), &[]).await;
    check(name(""), &[]).await;
    check(NameQuery { offset: 1, limit: 2, ..name("ana") }, &[2, 4]).await;
}

async fn finds_tags_by_prefix(index: Arc<dyn SearchIndex>) {
    fill(&*index, ["catstagram", "cat", "Caturday", "dog", "café", "cafe"].map(tag).into()).await;
    let check = async |query: NameQuery, expected: &[&str]| {
        let found = index.search(SearchQuery::Tags(query.clone())).await.unwrap();
        assert_eq!(found, expected.iter().map(|name| Item::Tag((*name).to_owned())).collect::<Vec<_>>(), "{query:?}");
    };
    check(name("#Cat"), &["cat", "catstagram", "Caturday"]).await;
    check(name("caf"), &["cafe", "café"]).await;
    check(name("x"), &[]).await;
    check(name("#"), &[]).await;
    check(NameQuery { offset: 1, limit: 1, ..name("cat") }, &["catstagram"]).await;
    let deleted = SearchWrite { offset: 6, change: SearchChange::Delete(Item::Tag("cat".to_owned())) };
    index.apply(LIVE, P0, vec![deleted], checkpoint(7)).await.unwrap();
    index.flush().await.unwrap();
    check(name("cat"), &["catstagram", "Caturday"]).await;
}

async fn replaces_and_deletes(index: Arc<dyn SearchIndex>) {
    fill(&*index, vec![status(1, 1, "first words"), status(2, 1, "second words"), account(3, "old", "Old Name")]).await;
    let delete = |offset, item| SearchWrite { offset, change: SearchChange::Delete(item) };
    let writes = vec![
        put(3, status(1, 1, "edited words")),
        delete(4, Item::Status(PostId(2))),
        put(5, account(3, "new", "New Name")),
        put(6, status(4, 1, "draft words")),
        put(7, status(4, 1, "final words")),
        put(8, status(5, 1, "gone words")),
        delete(9, Item::Status(PostId(5))),
        delete(10, Item::Status(PostId(99))),
    ];
    index.apply(LIVE, P0, writes, checkpoint(11)).await.unwrap();
    index.flush().await.unwrap();
    assert_eq!(statuses(&*index, text("words")).await, [4, 1]);
    assert_eq!(statuses(&*index, text("first OR draft OR second OR gone")).await, Vec::<u64>::new());
    assert_eq!(statuses(&*index, text("edited OR final")).await, [4, 1]);
    assert!(index.search(SearchQuery::Accounts(name("old"))).await.unwrap().is_empty());
    assert_eq!(index.search(SearchQuery::Accounts(name("new"))).await.unwrap(), [Item::Account(AccountId(3))]);
}

async fn replays_change_nothing(index: Arc<dyn SearchIndex>) {
    let old = vec![put(0, status(1, 1, "old words")), put(1, status(2, 1, "doomed words"))];
    let new = vec![put(2, status(1, 1, "new words")), SearchWrite { offset: 3, change: SearchChange::Delete(Item::Status(PostId(2))) }];
    index.apply(LIVE, P0, old.clone(), checkpoint(2)).await.unwrap();
    index.apply(LIVE, P0, new.clone(), checkpoint(4)).await.unwrap();
    index.apply(LIVE, P1, vec![put(0, status(3, 2, "other words"))], checkpoint(1)).await.unwrap();
    for flushed in [false, true] {
        if flushed {
            index.flush().await.unwrap();
        }
        index.apply(LIVE, P0, old.clone(), checkpoint(2)).await.unwrap();
        index.apply(LIVE, P0, [old.clone(), new.clone()].concat(), checkpoint(4)).await.unwrap();
    }
    index.flush().await.unwrap();
    assert_eq!(statuses(&*index, text("words")).await, [3, 1]);
    assert_eq!(statuses(&*index, text("new")).await, [1]);
    assert_eq!(index.checkpoint(LIVE, P0).await.unwrap(), Some(checkpoint(4)));
    assert_eq!(index.checkpoint(LIVE, P1).await.unwrap(), Some(checkpoint(1)));
    // A later generation of the log counts from zero again, an earlier one no more.
    let later = Checkpoint { generation: 2, ..checkpoint(1) };
    index.apply(LIVE, P0, vec![put(0, status(7, 1, "later words"))], later).await.unwrap();
    index.apply(LIVE, P0, vec![put(9, status(8, 1, "earlier words"))], checkpoint(10)).await.unwrap();
    index.flush().await.unwrap();
    assert_eq!(statuses(&*index, text("words")).await, [7, 3, 1]);
    assert_eq!(index.checkpoint(LIVE, P0).await.unwrap(), Some(later));
}

async fn commits_by_itself(index: Arc<dyn SearchIndex>) {
    index.apply(LIVE, P0, vec![put(0, status(1, 1, "soon"))], checkpoint(1)).await.unwrap();
    let began = Instant::now();
    while statuses(&*index, text("soon")).await.is_empty() {
        // Twice the promise: the machine of a test is shared.
        assert!(began.elapsed() < COMMIT_AFTER_MAX * 2 + Duration::from_secs(2), "not searchable after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(index.checkpoint(LIVE, P0).await.unwrap(), Some(checkpoint(1)));
}

async fn swaps_versions(index: Arc<dyn SearchIndex>) {
    assert_eq!(index.versions().await.unwrap(), Versions { live: 1, building: None, previous: None });
    assert!(matches!(index.promote().await, Err(SearchError::NoVersion(_))));
    fill(&*index, vec![status(1, 1, "words of one")]).await;
    let abandoned = index.begin().await.unwrap();
    index.apply(Version::Number(abandoned), P0, vec![put(0, status(9, 1, "words abandoned"))], checkpoint(1)).await.unwrap();
    let second = index.begin().await.unwrap();
    assert!(second > abandoned);
    let refused = index.apply(Version::Number(abandoned), P0, Vec::new(), checkpoint(2)).await;
    assert!(matches!(refused, Err(SearchError::NoVersion(number)) if number == abandoned), "{refused:?}");
    assert_eq!(index.checkpoint(Version::Number(second), P0).await.unwrap(), None);
    index.apply(Version::Number(second), P0, vec![put(0, status(2, 1, "words of two"))], checkpoint(5)).await.unwrap();
    assert_eq!(statuses(&*index, text("words")).await, [1]);
    index.promote().await.unwrap();
    assert_eq!(statuses(&*index, text("words")).await, [2], "what was applied before the swap is committed by it");
    assert_eq!(index.checkpoint(LIVE, P0).await.unwrap(), Some(checkpoint(5)));
    assert_eq!(index.versions().await.unwrap(), Versions { live: second, building: None, previous: Some(1) });
    assert_eq!(index.checkpoint(Version::Number(1), P0).await.unwrap(), Some(checkpoint(1)));
    assert!(matches!(index.drop_version(second).await, Err(SearchError::Fatal(_))));
    index.drop_version(1).await.unwrap();
    assert!(matches!(index.checkpoint(Version::Number(1), P0).await, Err(SearchError::NoVersion(1))));
}

/// All that a version holds, in pages of `limit` items.
async fn dumped(index: &dyn SearchIndex, version: Version, limit: usize) -> Vec<(Item, u64)> {
    let mut all: Vec<(Item, u64)> = Vec::new();
    loop {
        let after = all.last().map(|(item, _)| item.clone());
        let page = index.dump(version, after, limit).await.unwrap();
        assert!(page.len() <= limit, "{page:?}");
        let last = page.len() < limit;
        all.extend(page);
        if last {
            return all;
        }
    }
}

async fn dumps_what_it_holds(index: Arc<dyn SearchIndex>) {
    assert_eq!(dumped(&*index, LIVE, 3).await, [], "a fresh index holds nothing");
    let documents = vec![tag("b"), status(2, 1, "two"), account(9, "nine", "Nine"), status(1, 1, "one"), tag("a"), status(300, 7, "far")];
    fill(&*index, documents).await;
    let writes =
        vec![put(6, status(2, 1, "two, edited")), SearchWrite { offset: 7, change: SearchChange::Delete(Item::Status(PostId(1))) }];
    index.apply(LIVE, P0, writes, checkpoint(8)).await.unwrap();
    index.apply(LIVE, P1, vec![put(0, tag("a"))], checkpoint(1)).await.unwrap();
    index.flush().await.unwrap();
    let held = [account(9, "nine", "Nine"), status(2, 1, "two, edited"), status(300, 7, "far"), tag("a"), tag("b")];
    let expected: Vec<(Item, u64)> = held.iter().map(|document| (document.item(), document.fingerprint())).collect();
    for limit in [1, 2, 5, 100] {
        assert_eq!(dumped(&*index, LIVE, limit).await, expected, "in pages of {limit}");
    }
    let number = index.begin().await.unwrap();
    assert_eq!(dumped(&*index, Version::Number(number), 3).await, []);
    assert!(matches!(index.dump(Version::Number(number + 1), None, 3).await, Err(SearchError::NoVersion(_))));
}

/// A random history and random queries give the hits of the reference.
async fn equals_the_reference(index: Arc<dyn SearchIndex>, seed: u64) {
    const WORDS: [&str; 12] = ["cat", "cats", "dog", "caté", "Über", "ub", "a_b", "x-y", "東京", "京", "the", "tha"];
    let mut random = Seeded(seed.wrapping_mul(0x9e37_79b9));
    let phrase = |random: &mut Seeded, most: u64| -> String {
        (0..=random.below(most)).map(|_| WORDS[random.below(12) as usize]).collect::<Vec<_>>().join(" ")
    };
    let reference = MemorySearch::new();
    let mut next = [0_u64; 2];
    for _ in 0..6 {
        for _ in 0..8 {
            // An item belongs to one partition: its number says which.
            let (partition, from) = {
                let p = random.below(2);
                (p, next[p as usize])
            };
            let mut writes = Vec::new();
            for offset in from..from + random.below(6) {
                let id = random.below(60) * 2 + partition;
                let document = match random.below(8) {
                    0 => account(id, &format!("{}{id}", WORDS[random.below(7) as usize]), &phrase(&mut random, 3)),
                    1 => tag(&format!("{}{id}", WORDS[random.below(12) as usize])),
                    _ => status(id, id % 5, &phrase(&mut random, 6)),
                };
                let change = if random.below(4) == 0 { SearchChange::Delete(document.item()) } else { SearchChange::Put(document) };
                writes.push(SearchWrite { offset, change });
            }
            let at = &mut next[partition as usize];
            *at = from + writes.len() as u64;
            for target in [&*index, &reference as &dyn SearchIndex] {
                target.apply(LIVE, PartitionId(partition as u16), writes.clone(), checkpoint(*at)).await.unwrap();
            }
        }
        index.flush().await.unwrap();
        assert_eq!(dumped(&*index, LIVE, 7).await, dumped(&reference, LIVE, 1_000).await, "seed {seed}");
        for _ in 0..60 {
            let mut asked = String::new();
            for _ in 0..=random.below(4) {
                asked += ["", "", "-", "\"", "OR "][random.below(5) as usize];
                asked += WORDS[random.below(12) as usize];
                asked += ["", "", "*", "\"", " OR"][random.below(5) as usize];
                asked += " ";
            }
            let id = |random: &mut Seeded| (random.below(3) == 0).then(|| PostId(random.below(120)));
            let modulus = random.below(3) + 1;
            let (offset, limit) = (random.below(3) as usize, random.below(20) as usize);
            let query = StatusQuery {
                author: (random.below(4) == 0).then(|| AccountId(random.below(5))),
                max_id: id(&mut random),
                min_id: id(&mut random),
                filter: (random.below(2) == 0).then(|| Arc::new(move |id: PostId| id.0.is_multiple_of(modulus)) as _),
                offset,
                limit,
                text: asked.clone(),
            };
            let expected = reference.search(SearchQuery::Statuses(query.clone())).await.unwrap();
            assert_eq!(index.search(SearchQuery::Statuses(query)).await.unwrap(), expected, "seed {seed}, {asked:?}");
            let first = asked.split(' ').next().unwrap_or_default().to_owned();
            for named in [asked.clone(), first.trim_matches(['"', '*', '-']).chars().take(2).collect()] {
                let query = NameQuery { text: named.clone(), offset, limit };
                for query in [SearchQuery::Accounts(query.clone()), SearchQuery::Tags(query)] {
                    let expected = reference.search(query.clone()).await.unwrap();
                    assert_eq!(index.search(query).await.unwrap(), expected, "seed {seed}, {named:?}");
                }
            }
        }
    }
}

/// Closed and opened again, an index shows what it committed, and says from where to go on; `open` opens the same place.
pub async fn survives_reopening(open: Open<'_>) {
    let index = open();
    fill(&*index, vec![status(1, 1, "kept words"), tag("kept")]).await;
    index.apply(LIVE, P0, vec![put(2, status(2, 1, "perhaps words"))], checkpoint(3)).await.unwrap();
    let second = index.begin().await.unwrap();
    index.apply(Version::Number(second), P0, vec![put(0, status(3, 1, "built words"))], checkpoint(1)).await.unwrap();
    drop(index);
    let index = open();
    let next = index.checkpoint(LIVE, P0).await.unwrap().expect("it was flushed").next;
    assert_eq!(statuses(&*index, text("words")).await, if next == 3 { vec![2, 1] } else { vec![1] });
    assert_eq!(index.versions().await.unwrap(), Versions { live: 1, building: Some(second), previous: None });
    // Replayed from the start, and a replacement of a document from before.
    let writes = vec![put(0, status(1, 1, "kept words")), put(2, status(2, 1, "perhaps words")), put(3, status(1, 1, "edited words"))];
    index.apply(LIVE, P0, writes, checkpoint(4)).await.unwrap();
    index.flush().await.unwrap();
    assert_eq!(statuses(&*index, text("words")).await, [2, 1]);
    assert_eq!(statuses(&*index, text("kept")).await, Vec::<u64>::new());
    let built = index.checkpoint(Version::Number(second), P0).await.unwrap();
    index.apply(Version::Number(second), P0, vec![put(0, status(3, 1, "built words"))], checkpoint(1)).await.unwrap();
    assert!(built.is_none_or(|built| built == checkpoint(1)));
    index.promote().await.unwrap();
    drop(index);
    let index = open();
    assert_eq!(statuses(&*index, text("words")).await, [3]);
    assert_eq!(index.versions().await.unwrap(), Versions { live: second, building: None, previous: Some(1) });
}
