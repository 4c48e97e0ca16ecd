//! The tools on a data folder, as an operator runs them: the built command, its output and its exit codes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::path::Path;
use std::process::{Command, Output};

use infra::log::EventLog;
use infra::search::{Item, SearchChange, SearchWrite};
use infra::views::{Version, ViewBatch};
use replay_tools::offline::Deployment;
use schemas::events::{AccountRegistered, Event, HandleClaimed, HandleConfirmed, PostPublished, Profile, Visibility};
use schemas::ids::{AppId, RelationId, partition_of_text};
use schemas::log::{CommandId, NewRecord, TraceContext, body};
use schemas::rows::{RowWrite, keys};
use schemas::{AccountId, PartitionId, PostId};

const ANA: AccountId = AccountId(1 << 60);

fn tool(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_replay-tools")).args(arguments).output().unwrap()
}

/// Runs the tool and compares its exit code; gives what it printed.
fn run(arguments: &[&str], code: i32) -> String {
    let output = tool(arguments);
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{error}");
    format!("{out}{error}")
}

async fn append(log: &dyn EventLog, partition: PartitionId, number: u64, events: &[Event]) {
    let writer = log.open_writer(partition, "a test").await.unwrap();
    let record = NewRecord {
        command_id: CommandId(u128::from(number)),
        actor: ANA,
        time_ms: 1_700_000_000_000 + number,
        causation: CommandId(0),
        trace: TraceContext::default(),
        body: body::encode(events).unwrap(),
    };
    writer.append(vec![record]).await.unwrap();
}

fn post(id: u64) -> Event {
    PostPublished {
        post: PostId(id),
        account: ANA,
        visibility: Visibility::Public,
        text: "an owl".into(),
        spoiler: String::new(),
        sensitive: false,
        language: None,
        mentions: vec![],
        tags: vec!["owls".into()],
        in_reply_to: None,
        app: AppId(0),
    }
    .into()
}

/// A folder with an account and two posts in its log, and no rows yet.
async fn fill(data: &Path) {
    std::fs::create_dir_all(data.join("log")).unwrap();
    let deployment = Deployment::open(data).await.unwrap();
    let log = &*deployment.log;
    let partitions = log.layout().partitions;
    let (home, of_handle) = (ANA.partition(partitions), partition_of_text("ana", partitions));
    let (handle, account, claim) = ("ana".to_owned(), ANA, RelationId(9));
    append(log, of_handle, 1, &[HandleClaimed { handle: handle.clone(), account, claim, expires_ms: 0 }.into()]).await;
    let registered = AccountRegistered { account, handle: handle.clone(), profile: Profile::default(), invited_by: AccountId(0) };
    append(log, home, 2, &[registered.into()]).await;
    append(log, of_handle, 3, &[HandleConfirmed { handle, account, claim }.into()]).await;
    append(log, home, 4, &[post(70)]).await;
    append(log, home, 5, &[post(71)]).await;
    deployment.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_rebuilt_verified_mended_and_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    fill(folder.path()).await;
    assert!(run(&["rebuild", "--data", data], 0).contains("rebuilt accounts, relations, statuses"));
    let all_equal = run(&["verify", "--data", data], 0);
    assert!(all_equal.contains("statuses: 2 rows, all as the log says"), "{all_equal}");
    assert!(all_equal.contains("search: 4 documents, all as the log says"), "{all_equal}");

    let deployment = Deployment::open(folder.path()).await.unwrap();
    let writes = vec![RowWrite { key: keys::status(PostId(70)), value: None, offset: 0 }];
    deployment.views.commit(Version::Live, ViewBatch { writes, checkpoints: vec![] }).await.unwrap();
    deployment.close().await.unwrap();
    let told = run(&["verify", "statuses", "--data", data], 1);
    assert!(told.contains("1 NOT as the log says") && told.contains("Missing status"), "{told}");
    forget_a_document(folder.path()).await;
    let told = run(&["verify", "search", "--data", data], 1);
    assert!(told.contains("4 documents, 1 NOT as the log says\n  Missing search status/71"), "{told}");
    run(&["rebuild", "statuses", "search", "--data", data], 0);
    run(&["verify", "--data", data], 0);

    let lines = run(&["inspect", "--data", data, "--account", "Ana", "--type", "PostPublished", "--limit", "1"], 0);
    assert!(lines.contains(r#""post":70"#) && lines.lines().count() == 1, "{lines}");
    assert_eq!(run(&["dead-letters", "list", "--data", data], 0), "");
}

/// Takes a post out of the search index.
async fn forget_a_document(data: &Path) {
    let deployment = Deployment::open(data).await.unwrap();
    let home = ANA.partition(deployment.log.layout().partitions);
    let at = deployment.search.checkpoint(Version::Live, home).await.unwrap().unwrap();
    let write = SearchWrite { offset: at.next, change: SearchChange::Delete(Item::Status(PostId(71))) };
    deployment.search.apply(Version::Live, home, vec![write], at).await.unwrap();
    deployment.close().await.unwrap();
}

#[test]
fn mistakes_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    assert!(run(&["verify", "--data", data], 2).contains("holds no log"));
    assert!(run(&["rebuild", "everything", "--data", data], 2).contains("there are accounts"));
    assert!(run(&["verify", "--ops", "http://127.0.0.1:9"], 2).contains("no answer from"));
    assert!(run(&["inspect", "--data", data, "--since", "yesterday"], 2).contains("yesterday is no time"));
    assert!(run(&["--help"], 0).contains("Computes views anew"));
}
