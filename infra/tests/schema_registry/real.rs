//! Against a real registry.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use infra::schema_registry::{Checked, RegistrySchemas, RegistryUrl, Schemas, SchemasError, State, check, register};
use schemas::log::SchemaVersion;
use serde_json::{Value, json};

static SUBJECTS: AtomicU32 = AtomicU32::new(0);

fn registry() -> (RegistryUrl, String) {
    let url =
        std::env::var("ROOST_TEST_REGISTRY").expect("set ROOST_TEST_REGISTRY=http://host:port/apis/ccompat/v7 of a registry for tests");
    (url.parse().expect("a URL"), url)
}

/// A subject that no other test uses.
fn subject() -> String {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("roost-test-{started}-{}-{}-value", std::process::id(), SUBJECTS.fetch_add(1, Ordering::Relaxed))
}

/// One exchange past the adapter.
async fn http(method: &str, path: &str, body: Value) -> Value {
    use http_body_util::{BodyExt, Full};
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let request = http::Request::builder().method(method).uri(format!("{}{path}", registry().1));
    let request =
        request.header("content-type", "application/vnd.schemaregistry.v1+json").body(Full::new(bytes::Bytes::from(body.to_string())));
    let answer = client.request(request.unwrap()).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&answer).unwrap()
}

async fn post(subject: &str, schema: &Value) -> u32 {
    let answer =
        http("POST", &format!("/subjects/{subject}/versions"), json!({ "schema": schema.to_string(), "schemaType": "AVRO" })).await;
    u32::try_from(answer["id"].as_u64().unwrap_or_else(|| panic!("{answer}"))).unwrap()
}

fn contract() -> Value {
    serde_json::from_str(SchemaVersion::V1.text()).unwrap()
}

#[tokio::test]
async fn versions_are_checked_registered_and_found() {
    let ((url, _), subject) = (registry(), subject());
    let missing = RegistrySchemas::connect(&url, &subject).await.map(|_| ());
    assert!(matches!(&missing, Err(SchemasError::NotRegistered { version: SchemaVersion::V1, .. })), "{missing:?}");
    let one = |state, id| vec![Checked { version: 1, subject: subject.clone(), state, id }];
    assert_eq!(check(&url, &subject).await.unwrap(), one(State::Compatible, None));
    let registered = register(&url, &subject).await.unwrap();
    let id = registered[0].id.expect("it has an id now");
    assert_eq!(registered, one(State::Registered, Some(id)));
    assert_eq!(register(&url, &subject).await.unwrap(), registered, "again changes nothing");
    assert_eq!(check(&url, &subject).await.unwrap(), registered);
    let schemas = RegistrySchemas::connect(&url, &subject).await.unwrap();
    assert_eq!((schemas.ids().registered(SchemaVersion::V1), schemas.ids().version(id)), (Some(id), Some(SchemaVersion::V1)));
}

#[tokio::test]
async fn what_the_subjects_rule_forbids_is_incompatible() {
    let ((url, _), subject) = (registry(), subject());
    post(&subject, &json!({ "type": "record", "name": "Record", "fields": [{ "name": "other", "type": "long" }] })).await;
    http("PUT", &format!("/config/{subject}"), json!({ "compatibility": "BACKWARD_TRANSITIVE" })).await;
    let found = check(&url, &subject).await.unwrap();
    assert_eq!(found.iter().map(|checked| checked.state).collect::<Vec<_>>(), [State::Incompatible]);
    let refused = register(&url, &subject).await;
    assert!(matches!(refused, Err(SchemasError::Incompatible { version: SchemaVersion::V1, .. })), "{refused:?}");
}

/// The contract in other words has another id and is the same version; a contract of events that this build lacks is not.
#[tokio::test]
async fn unknown_ids_are_fetched_and_known_by_their_form() {
    let ((url, _), ours, others) = (registry(), subject(), subject());
    let id = register(&url, &ours).await.unwrap()[0].id.unwrap();
    let mut documented = contract();
    documented["doc"] = "The same, told otherwise.".into();
    let same = post(&others, &documented).await;
    let mut extended = contract();
    extended["fields"].as_array_mut().unwrap().push(json!({ "name": "more", "type": "long", "default": 0 }));
    let newer = post(&others, &extended).await;
    assert!(same != id && newer != id && newer != same);
    let schemas = RegistrySchemas::connect(&url, &ours).await.unwrap();
    assert_eq!(schemas.ids().version(same), None);
    assert_eq!(schemas.learn(same).await.unwrap(), SchemaVersion::V1);
    assert_eq!(schemas.ids().version(same), Some(SchemaVersion::V1));
    assert_eq!(schemas.ids().registered(SchemaVersion::V1), Some(id), "what is written stays");
    for absent in [newer, 2_000_000_000] {
        assert!(matches!(schemas.learn(absent).await, Err(SchemasError::Unknown(unknown)) if unknown == absent));
    }
}

#[tokio::test]
async fn a_path_that_is_no_registry_is_told_apart_from_an_empty_one() {
    let url: RegistryUrl = format!("{}/nowhere", registry().1).parse().unwrap();
    let found = check(&url, &subject()).await;
    assert!(matches!(&found, Err(SchemasError::Fatal(why)) if why.contains("check the path")), "{found:?}");
}
