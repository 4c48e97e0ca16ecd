//! What becomes of documents: replays out of order, tombstones, what the server refuses, steps larger than a request.

use std::sync::Arc;

use infra::search::{Item, NameQuery, SearchDocument, SearchIndex, SearchQuery, StatusQuery};
use infra::views::Version;
use schemas::{PartitionId, PostId};

use crate::support::{P0, Place, checkpoint, delete, found, put, status};

const LIVE: Version = Version::Live;

/// A zombie that knows nothing of its successor writes what it has: nothing changes, also where something was deleted.
#[tokio::test(flavor = "multi_thread")]
async fn late_writes_of_another_process_change_nothing() {
    let place = Place::new();
    let (zombie, successor) = (place.open(), place.open());
    assert_eq!(zombie.checkpoint(LIVE, P0).await.unwrap(), None);
    zombie.apply(LIVE, P0, vec![put(0, status(1, "old words"))], checkpoint(1)).await.unwrap();
    let newer = vec![put(0, status(1, "old words")), put(5, status(1, "new words")), put(1, status(2, "doomed words")), delete(6, 2)];
    successor.apply(LIVE, P0, newer, checkpoint(7)).await.unwrap();
    successor.flush().await.unwrap();
    zombie.apply(LIVE, P0, vec![put(1, status(2, "doomed words")), put(2, status(1, "old words again"))], checkpoint(3)).await.unwrap();
    zombie.flush().await.unwrap();
    assert_eq!((found(&successor, "words").await, found(&successor, "new").await), (vec![1], vec![1]));
    assert_eq!(successor.checkpoint(LIVE, P0).await.unwrap(), Some(checkpoint(7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn tombstones_go_when_they_are_old() {
    let place = Place::new();
    let index = place.open();
    index
        .apply(LIVE, P0, vec![put(0, status(1, "words")), delete(1, 1), delete(2, 2), put(3, status(3, "words"))], checkpoint(4))
        .await
        .unwrap();
    index.flush().await.unwrap();
    assert_eq!(index.sweep_tombstones(1).await.unwrap(), 0, "none is older than 1970");
    // One place was taken by something newer.
    index.apply(LIVE, P0, vec![put(4, status(2, "words"))], checkpoint(5)).await.unwrap();
    index.flush().await.unwrap();
    assert_eq!(index.sweep_tombstones(u64::MAX >> 1).await.unwrap(), 1);
    assert_eq!(index.sweep_tombstones(u64::MAX >> 1).await.unwrap(), 0);
    assert_eq!(found(&index, "words").await, [3, 2]);
}

/// A tag longer than the server takes as one term: a note stands in its place, and the partition goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_document_stops_nothing() {
    let place = Place::new();
    let index = place.open();
    let long = SearchDocument::Tag { name: "x".repeat(40_000) };
    let writes = vec![put(0, status(1, "words")), put(1, long), put(2, SearchDocument::Tag { name: "xy".to_owned() })];
    index.apply(LIVE, P0, writes, checkpoint(3)).await.unwrap();
    index.flush().await.unwrap();
    assert_eq!(found(&index, "words").await, [1]);
    let tags = SearchQuery::Tags(NameQuery { text: "x".to_owned(), offset: 0, limit: 9 });
    assert_eq!(index.search(tags).await.unwrap(), [Item::Tag("xy".to_owned())]);
    assert_eq!(index.checkpoint(LIVE, P0).await.unwrap(), Some(checkpoint(3)));
    let notes = place.ask("POST", "/_search", r#"{"query":{"term":{"kind":"refused"}}}"#).await;
    let note = notes["hits"]["hits"][0]["_source"]["refused"].as_str().unwrap();
    assert!(note.contains("32766"), "{note}");
}

/// Steps beyond one request, and searches beyond one page.
#[tokio::test(flavor = "multi_thread")]
async fn large_steps_and_deep_pages() {
    const POSTS: u64 = 12_000;
    let place = Place::new();
    let index = place.open();
    let writes = (0..POSTS).map(|id| put(id, status(id + 1, if id % 3_000 == 0 { "rare words" } else { "words" }))).collect();
    index.apply(LIVE, PartitionId(7), writes, checkpoint(POSTS)).await.unwrap();
    index.flush().await.unwrap();
    let words = StatusQuery { text: "words".to_owned(), limit: 3, ..StatusQuery::default() };
    let check = async |query: StatusQuery, expected: &[u64]| {
        let items: Vec<Item> = expected.iter().map(|id| Item::Status(PostId(*id))).collect();
        assert_eq!(index.search(SearchQuery::Statuses(query)).await.unwrap(), items);
    };
    check(words.clone(), &[12_000, 11_999, 11_998]).await;
    check(StatusQuery { offset: 9_999, ..words.clone() }, &[2_001, 2_000, 1_999]).await;
    check(StatusQuery { max_id: Some(PostId(6_000)), ..words.clone() }, &[5_999, 5_998, 5_997]).await;
    check(StatusQuery { text: "rare".to_owned(), limit: 20, ..StatusQuery::default() }, &[9_001, 6_001, 3_001, 1]).await;
    check(StatusQuery { filter: Some(Arc::new(|id| id.0 % 5_000 == 7)), ..words.clone() }, &[10_007, 5_007, 7]).await;
    check(StatusQuery { filter: Some(Arc::new(|_| false)), ..words }, &[]).await;
}
