//! Failures that may pass are tried again and never kept; those that do not are told at once.

use infra::schema_registry::{RegistrySchemas, RegistryUrl, Schemas, SchemasError, State, check};
use schemas::log::SchemaVersion;

use crate::fake::{FOREIGN_ID, Fake, ID, OTHER_ID};

#[tokio::test]
async fn failures_that_pass_are_not_noticed() {
    let (fake, url) = Fake::start().await;
    for status in [503, 502, 500, 429, 408, 0] {
        fake.fail(3, status);
        let schemas = RegistrySchemas::connect(&url, "ours").await.unwrap_or_else(|error| panic!("{status}: {error}"));
        assert_eq!((schemas.ids().registered(SchemaVersion::V1), fake.calls()), (Some(ID), 5), "{status}");
    }
}

#[tokio::test]
async fn failures_that_stay_are_told_and_not_kept() {
    let (fake, url) = Fake::start().await;
    let schemas = RegistrySchemas::connect(&url, "ours").await.unwrap();
    fake.fail(u32::MAX, 503);
    for _ in 0..2 {
        assert!(matches!(schemas.learn(OTHER_ID).await, Err(SchemasError::Retryable(_))));
    }
    fake.fail(0, 0);
    assert_eq!(schemas.learn(OTHER_ID).await.unwrap(), SchemaVersion::V1);
    fake.calls();
    assert_eq!((schemas.learn(OTHER_ID).await.unwrap(), fake.calls()), (SchemaVersion::V1, 0), "an id is fetched once");
}

#[tokio::test]
async fn refusals_are_told_at_once() {
    let (fake, url) = Fake::start().await;
    for status in [400, 401, 403, 404, 422] {
        fake.fail(1, status);
        fake.calls();
        let refused = RegistrySchemas::connect(&url, "ours").await.map(|_| ());
        assert!(matches!(refused, Err(SchemasError::Fatal(_))), "{status}: {refused:?}");
        assert_eq!(fake.calls(), 1, "{status}");
    }
}

#[tokio::test]
async fn schemas_of_others_are_remembered_and_absent_ids_are_not() {
    let (fake, url) = Fake::start().await;
    let schemas = RegistrySchemas::connect(&url, "ours").await.unwrap();
    let check = async |id: u32, calls: u32| {
        fake.calls();
        for _ in 0..3 {
            assert!(matches!(schemas.learn(id).await, Err(SchemasError::Unknown(unknown)) if unknown == id));
        }
        assert_eq!(fake.calls(), calls, "{id}");
    };
    check(FOREIGN_ID, 1).await;
    check(77, 3).await;
}

#[tokio::test]
async fn many_who_meet_an_id_together_fetch_it_once() {
    let (fake, url) = Fake::start().await;
    let schemas = RegistrySchemas::connect(&url, "ours").await.unwrap();
    fake.calls();
    let learned = futures_util::future::join_all((0..20).map(|_| schemas.learn(OTHER_ID))).await;
    assert!(learned.into_iter().all(|version| version.is_ok_and(|version| version == SchemaVersion::V1)));
    assert_eq!(fake.calls(), 1);
}

#[tokio::test]
async fn a_subject_that_is_absent_may_be_registered() {
    let (_fake, url) = Fake::start().await;
    assert_eq!(check(&url, "theirs").await.unwrap()[0].state, State::Compatible);
    assert_eq!(check(&url, "ours").await.unwrap()[0].state, State::Registered);
}

/// The first of several that answers is enough.
#[tokio::test]
async fn another_url_serves_when_the_first_does_not() {
    let (_fake, url) = Fake::start().await;
    let both: RegistryUrl = format!("http://127.0.0.1:9,{url}").parse().unwrap();
    assert!(RegistrySchemas::connect(&both, "ours").await.is_ok());
}

#[test]
fn urls_are_checked_and_passwords_not_shown() {
    let url: RegistryUrl = "http://me:secret@a:8081/apis/ccompat/v7/".parse().unwrap();
    assert_eq!(
        (url.to_string(), format!("{url:?}")),
        ("http://a:8081/apis/ccompat/v7".to_owned(), "http://a:8081/apis/ccompat/v7".to_owned())
    );
    for text in ["", "a:8081", "kafka://a", "http://"] {
        assert!(text.parse::<RegistryUrl>().is_err(), "{text}");
    }
}
