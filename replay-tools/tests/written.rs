//! A folder that the real write side and projections filled: every view is as the log says, rebuilds that are killed leave the old one
//! serving, and reblogs of a deleted post are taken back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use commands::handle::{WriteOptions, WriteSide};
use commands::registration::{AccountIds, Registration, register};
use commands::state::StateKey;
use infra::bus::CommandBus;
use infra::clock::system_clock;
use infra::log::EventLog;
use infra::progress::Progress;
use infra::timelines::{NaiveTimelines, ViewSource};
use infra::views::{Version, ViewBatch, ViewStore};
use projectors::{ProjectorOptions, ProjectorPorts, Projectors};
use replay_tools::offline::Deployment;
use schemas::commands::{Command, Content, DeletePost, Envelope, Follow, OnAccount, OnPost, PublishPost, Reblog};
use schemas::events::{Profile, Visibility};
use schemas::ids::AppId;
use schemas::log::{CommandId, Position, TraceContext};
use schemas::rows::{AccountStatsRow, RowWrite, Table, View, codec, keys};
use schemas::{AccountId, PostId};

const ACCOUNTS: usize = 5;
const KILLS: u32 = 12;
/// Rebuilds are killed within this time of their start: from opening the stores to after the swap.
const KILL_MS_MAX: u64 = 600;

struct Server {
    bus: Arc<WriteSide>,
    projectors: Projectors,
    progress: Arc<Progress>,
    log: Arc<dyn EventLog>,
    views: Arc<dyn ViewStore>,
    sent: std::sync::atomic::AtomicU64,
}

impl Server {
    async fn start(deployment: &Deployment) -> Self {
        let (log, views) = (deployment.log.clone(), deployment.views.clone());
        let bus = WriteSide::start(log.clone(), views.clone(), system_clock(), WriteOptions::default()).await.unwrap();
        let layout = log.layout();
        let progress = Arc::new(Progress::new(layout.generation, layout.partitions));
        let ports = ProjectorPorts {
            log: log.clone(),
            views: views.clone(),
            timelines: Arc::new(NaiveTimelines::new(Arc::new(ViewSource::new(views.clone())))),
            search: Some(deployment.search.clone()),
            bus: Some(bus.clone()),
            progress: progress.clone(),
            mail: None,
            clock: system_clock(),
        };
        let projectors = Projectors::start(ports, ProjectorOptions::default());
        Self { bus, projectors, progress, log, views, sent: 0.into() }
    }

    async fn run(&self, actor: AccountId, command: Command) -> u64 {
        let number = self.sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let id = CommandId::from_key(actor, "a test", &number.to_string());
        let (causation, trace) = (CommandId(0), TraceContext::default());
        let envelope = Envelope { id, maybe_repeated: false, actor, causation, trace, command };
        self.bus.execute(envelope).await.unwrap().id
    }

    async fn publish(&self, account: AccountId, text: &str) -> PostId {
        let content = Content { text: text.into(), tags: vec!["owls".into()], ..Content::default() };
        let post = PublishPost { account, content, visibility: Visibility::Public, in_reply_to: None, app: AppId(0) };
        PostId(self.run(account, Command::PublishPost(post)).await)
    }

    async fn settle(&self) {
        for partition in self.log.layout().partition_ids() {
            let end = self.log.bounds(partition).await.unwrap().end;
            let Some(offset) = end.checked_sub(1) else { continue };
            let position = Position { generation: self.log.layout().generation, partition, offset };
            assert!(self.progress.wait(&[position], Duration::from_secs(20)).await);
        }
    }

    async fn statuses_count(&self, account: AccountId) -> u64 {
        let rows = self.views.get(Version::Live, &[keys::account_stats(account)]).await.unwrap();
        rows[0].as_ref().map_or(0, |bytes| codec::decode::<AccountStatsRow>(bytes).unwrap().statuses)
    }

    async fn stop(self) {
        self.bus.shutdown().await;
        self.projectors.shutdown().await.unwrap();
    }
}

async fn open_accounts(server: &Server) -> Vec<AccountId> {
    open_accounts_as(server, "u").await
}

async fn open_accounts_as(server: &Server, name: &str) -> Vec<AccountId> {
    let ids = AccountIds::new(system_clock());
    let mut accounts = Vec::new();
    for number in 0..ACCOUNTS {
        let account = ids.next();
        let (handle, profile) = (format!("{name}{number}"), Profile::default());
        let trace = TraceContext::default();
        let registration = Registration { account, handle, profile, credentials: None, invited_by: AccountId(0), trace };
        register(&*server.bus, registration).await.unwrap();
        accounts.push(account);
    }
    accounts
}

/// Follows, posts, reblogs, favourites, a block and deletions.
async fn live_a_little(server: &Server, accounts: &[AccountId]) {
    let mut posts = Vec::new();
    for (index, account) in accounts.iter().copied().enumerate() {
        let target = accounts[(index + 1) % accounts.len()];
        let wish = Follow { account, target, reblogs: None, notify: None, languages: None, renew: false };
        server.run(account, Command::Follow(wish)).await;
        for number in 0..8 {
            posts.push((server.publish(account, &format!("owl {number}")).await, account));
        }
    }
    for (index, (post, author)) in posts.iter().copied().enumerate() {
        let account = accounts[index % accounts.len()];
        server.run(account, Command::Favourite(OnPost { account, post, author })).await;
        if author != account {
            server.run(account, Command::Reblog(Reblog { account, post, author, visibility: Visibility::Public })).await;
        }
    }
    let (account, target) = (accounts[0], accounts[1]);
    server.run(account, Command::Block(OnAccount { account, target })).await;
}

async fn deleted_posts_take_their_reblogs_along(server: &Server, accounts: &[AccountId]) {
    let (author, account) = (accounts[2], accounts[3]);
    let post = server.publish(author, "a short life").await;
    server.run(account, Command::Reblog(Reblog { account, post, author, visibility: Visibility::Public })).await;
    server.settle().await;
    let before = server.statuses_count(account).await;
    server.run(author, Command::DeletePost(DeletePost { account: author, post })).await;
    for _ in 0..400 {
        if server.statuses_count(account).await == before - 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the reblog of a deleted post still counts");
}

fn tool(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Process::new(env!("CARGO_BIN_EXE_replay-tools")).args(arguments).output().unwrap();
    (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

fn verified(data: &str) {
    let (code, told) = tool(&["verify", "--data", data]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("decisions: "), "{told}");
}

fn killed_rebuilds(data: &str) {
    for kill in 0..KILLS {
        let mut rebuild = Process::new(env!("CARGO_BIN_EXE_replay-tools"));
        rebuild.args(["rebuild", "--data", data]).stderr(Stdio::null()).stdout(Stdio::null());
        let mut child = rebuild.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rand_ms(kill)));
        let _ = child.kill();
        child.wait().unwrap();
        verified(data);
    }
}

/// Spread over the whole time, in no order.
fn rand_ms(kill: u32) -> u64 {
    (u64::from(kill) * 7 % u64::from(KILLS)) * KILL_MS_MAX / u64::from(KILLS)
}

async fn fill(data: &Path) {
    std::fs::create_dir_all(data.join("log")).unwrap();
    let deployment = Deployment::open(data).await.unwrap();
    let server = Server::start(&deployment).await;
    let accounts = open_accounts(&server).await;
    live_a_little(&server, &accounts).await;
    deleted_posts_take_their_reblogs_along(&server, &accounts).await;
    server.settle().await;
    server.stop().await;
    deployment.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_as_the_log_says_and_stay_so_through_killed_rebuilds() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    fill(folder.path()).await;
    verified(data);
    killed_rebuilds(data);
    let (code, told) = tool(&["rebuild", "--data", data]);
    assert_eq!(code, Some(0), "{told}");
    verified(data);
    forget_an_account(folder.path()).await;
    let (code, told) = tool(&["verify", "decisions", "--data", data]);
    assert!(code == Some(1) && told.contains("1 NOT as the log says"), "{told}");
}

/// The rows of every projected view, in order.
async fn rows_of(data: &Path) -> Vec<(schemas::rows::RowKey, bytes::Bytes)> {
    let deployment = Deployment::open(data).await.unwrap();
    let mut rows = Vec::new();
    for table in Table::ALL.iter().copied().filter(|table| View::PROJECTED.contains(&table.view())) {
        rows.extend(deployment.views.dump(Version::Live, table, None, usize::MAX).await.unwrap());
    }
    deployment.close().await.unwrap();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_log_gives_the_same_views_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, moved) = (folder.path().join("data"), folder.path().join("moved"));
    fill(&data).await;
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (from, to) = (format!("embedded:{}", text(&data)), format!("embedded:{}", text(&moved)));
    let (code, told) = tool(&["copy", "--from", &from, "--to", &to, "--json"]);
    assert!(code == Some(0) && told.contains(r#""equal":true"#), "{told}");
    let (code, told) = tool(&["rebuild", "--data", &text(&moved)]);
    assert_eq!(code, Some(0), "{told}");
    let rows = rows_of(&data).await;
    assert!(rows.len() > 100, "{} rows", rows.len());
    assert!(rows == rows_of(&moved).await, "the views of the copy differ");

    let deployment = Deployment::open(&moved).await.unwrap();
    let server = Server::start(&deployment).await;
    open_accounts_as(&server, "v").await;
    server.settle().await;
    server.stop().await;
    deployment.close().await.unwrap();
    verified(&text(&moved));
    let (code, told) = tool(&["copy", "--from", &from, "--to", &to]);
    assert!(code == Some(2) && told.contains("holds `views` of another log"), "{told}");
}

/// Takes one row away from what the write side decides on.
async fn forget_an_account(data: &Path) {
    let deployment = Deployment::open(data).await.unwrap();
    let rows = deployment.views.dump(Version::Live, Table::Decision, None, usize::MAX).await.unwrap();
    let of_account = StateKey::Account(AccountId(0)).row().pk[0];
    let key = rows.into_iter().map(|(key, _)| key).find(|key| key.pk[0] == of_account).unwrap();
    let writes = vec![RowWrite { key, value: None, offset: 0 }];
    deployment.views.commit(Version::Live, ViewBatch { writes, checkpoints: vec![] }).await.unwrap();
    deployment.close().await.unwrap();
}
