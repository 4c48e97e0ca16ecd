//! Versions, seen by several processes at once.

use infra::search::{SearchError, SearchIndex};
use infra::views::{Version, Versions};

use crate::support::{P0, Place, checkpoint, found, put, status};

const LIVE: Version = Version::Live;

/// A projector goes on in the version that another process promoted, from where that one stands.
#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_elsewhere_sends_the_writer_to_its_checkpoint() {
    let place = Place::new();
    let (writer, rebuilder) = (place.open(), place.open());
    writer.apply(LIVE, P0, vec![put(0, status(1, "words"))], checkpoint(1)).await.unwrap();
    let second = rebuilder.begin().await.unwrap();
    rebuilder.apply(Version::Number(second), P0, vec![put(0, status(1, "words"))], checkpoint(1)).await.unwrap();
    writer.apply(LIVE, P0, vec![put(1, status(2, "words"))], checkpoint(2)).await.unwrap();
    rebuilder.promote().await.unwrap();
    let late = vec![put(2, status(3, "words"))];
    for _ in 0..2 {
        let refused = writer.apply(LIVE, P0, late.clone(), checkpoint(3)).await;
        assert!(matches!(refused, Err(SearchError::Rewound(P0))), "{refused:?}");
    }
    assert_eq!(writer.checkpoint(LIVE, P0).await.unwrap(), Some(checkpoint(1)));
    let again = vec![put(1, status(2, "words")), put(2, status(3, "words"))];
    writer.apply(LIVE, P0, again, checkpoint(3)).await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(found(&rebuilder, "words").await, [3, 2, 1]);
    assert_eq!(rebuilder.checkpoint(LIVE, P0).await.unwrap(), Some(checkpoint(3)));
}

/// Writing to what another process dropped brings nothing back to life.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_version_stays_dropped() {
    let place = Place::new();
    let (writer, other) = (place.open(), place.open());
    let second = writer.begin().await.unwrap();
    writer.apply(Version::Number(second), P0, vec![put(0, status(1, "words"))], checkpoint(1)).await.unwrap();
    other.drop_version(second).await.unwrap();
    let refused = writer.apply(Version::Number(second), P0, vec![put(1, status(2, "words"))], checkpoint(2)).await;
    assert!(matches!(refused, Err(SearchError::NoVersion(number)) if number == second), "{refused:?}");
    writer.flush().await.unwrap();
    assert_eq!(writer.versions().await.unwrap(), Versions { live: 1, building: None, previous: None });
    let third = writer.begin().await.unwrap();
    assert!(third > second, "a number is never used twice");
    let indexes = place.ask("GET", "-v*/_alias", "").await;
    assert_eq!(indexes.as_object().unwrap().len(), 2, "{indexes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_and_promote_together_agree() {
    let place = Place::new();
    let indexes: Vec<_> = (0..4).map(|_| place.open()).collect();
    for versions in futures_util::future::join_all(indexes.iter().map(|index| index.versions())).await {
        assert_eq!(versions.unwrap(), Versions { live: 1, building: None, previous: None });
    }
    let second = indexes[0].begin().await.unwrap();
    let promoted = futures_util::future::join_all(indexes.iter().map(|index| index.promote())).await;
    assert!(promoted.iter().any(Result::is_ok), "{promoted:?}");
    for index in &indexes {
        assert_eq!(index.versions().await.unwrap(), Versions { live: second, building: None, previous: Some(1) });
    }
}

/// An operator removed everything: the writer starts over instead of going on in an index without what came before.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_vanished_is_filled_from_the_start() {
    let place = Place::new();
    let index = place.open();
    index.apply(LIVE, P0, vec![put(0, status(1, "words"))], checkpoint(1)).await.unwrap();
    index.flush().await.unwrap();
    place.open().remove_everything().await.unwrap();
    let refused = index.apply(LIVE, P0, vec![put(1, status(2, "words"))], checkpoint(2)).await;
    assert!(matches!(refused, Err(SearchError::Rewound(P0))), "{refused:?}");
    assert_eq!(index.checkpoint(LIVE, P0).await.unwrap(), None);
    index.apply(LIVE, P0, vec![put(0, status(1, "words")), put(1, status(2, "words"))], checkpoint(2)).await.unwrap();
    index.flush().await.unwrap();
    assert_eq!(found(&index, "words").await, [2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_another_format_is_refused() {
    let place = Place::new();
    place.ask("PUT", "-v1", &format!(r#"{{"mappings":{{"_meta":{{"format":9}}}},"aliases":{{"{}":{{}}}}}}"#, place.url.prefix)).await;
    let refused = place.open().versions().await;
    assert!(matches!(&refused, Err(SearchError::Fatal(why)) if why.contains("format Some(9)")), "{refused:?}");
}
