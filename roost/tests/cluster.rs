//! Roles in servers of their own, two of each, over one log and one set of stores in memory: any of them takes any command, nobody reads less
//! than they know of, and when one goes the other takes over.

#![allow(clippy::indexing_slicing, reason = "a missing field is a failed test")]

mod support;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use infra::blobs::memory::MemoryBlobs;
use infra::cache::{StampedViews, Stamps};
use infra::clock::system_clock;
use infra::config::{Config, Layered};
use infra::connect::{Ports, Shared, Stores, rings};
use infra::log::memory::MemoryLog;
use infra::log::{EventLog, LogError, LogLayout, PartitionWriter, ReadLimits};
use infra::mail::Sender;
use infra::mail::memory::MemoryMail;
use infra::membership::memory::MemoryGroups;
use infra::notices::memory::MemoryNotices;
use infra::progress::Progress;
use infra::search::memory::MemorySearch;
use infra::timelines::Timelines;
use infra::views::memory::MemoryViews;
use schemas::PartitionId;
use schemas::log::{Offset, StoredRecord};
use serde_json::{Value, json};
use support::{Member, Server};

const LAYOUT: LogLayout = LogLayout { generation: 1, partitions: 4 };
const PATIENCE: Duration = Duration::from_secs(20);

/// The log of all servers, as each has it: closing it ends that server's use only.
struct Joint(Arc<dyn EventLog>);

#[async_trait]
impl EventLog for Joint {
    fn layout(&self) -> LogLayout {
        self.0.layout()
    }

    async fn open_writer(&self, partition: PartitionId, address: &str) -> Result<Arc<dyn PartitionWriter>, LogError> {
        self.0.open_writer(partition, address).await
    }

    async fn read(&self, partition: PartitionId, from: Offset, limits: ReadLimits) -> Result<Vec<StoredRecord>, LogError> {
        self.0.read(partition, from, limits).await
    }

    async fn bounds(&self, partition: PartitionId) -> Result<Range<Offset>, LogError> {
        self.0.bounds(partition).await
    }

    async fn wait_for(&self, partition: PartitionId, offset: Offset) -> Result<(), LogError> {
        self.0.wait_for(partition, offset).await
    }

    async fn close(&self) -> Result<(), LogError> {
        Ok(())
    }
}

/// What all servers share.
struct Place {
    log: Arc<dyn EventLog>,
    views: Arc<MemoryViews>,
    timelines: Arc<dyn Timelines>,
    search: Arc<MemorySearch>,
    blobs: Arc<MemoryBlobs>,
    groups: Arc<MemoryGroups>,
    notices: Arc<MemoryNotices>,
}

impl Place {
    fn new() -> Self {
        let views = Arc::new(MemoryViews::new());
        Self {
            log: MemoryLog::new(LAYOUT),
            timelines: rings(&config("commands,projectors,queries"), views.clone(), system_clock()),
            views,
            search: Arc::new(MemorySearch::new()),
            blobs: Arc::new(MemoryBlobs::new()),
            groups: MemoryGroups::new(LAYOUT.partition_ids()),
            notices: Arc::new(MemoryNotices::default()),
        }
    }

    fn server(&self, roles: &str) -> Server {
        let stamps = Arc::new(Stamps::new());
        let ports = Ports {
            log: Arc::new(Joint(self.log.clone())),
            views: Arc::new(StampedViews::new(self.views.clone(), stamps.clone())),
            stamps,
            progress: Arc::new(Progress::new(LAYOUT.generation, LAYOUT.partitions)),
            secret: [7; 32],
            shared: Some(Shared { groups: self.groups.clone(), notices: self.notices.clone() }),
        };
        let stores = Stores {
            timelines: self.timelines.clone(),
            search: self.search.clone(),
            blobs: self.blobs.clone(),
            mail: Arc::new(MemoryMail::new(Sender::new("Roost", "nobody@localhost").expect("an address"))),
        };
        Server::over(config(roles), (ports, stores))
    }
}

fn config(roles: &str) -> Config {
    let mut layered = Layered::default();
    let memory = ["log", "views", "search", "blobs"].map(|key| (key, "memory"));
    let own = [("listen", "127.0.0.1:0"), ("ops_listen", "127.0.0.1:0"), ("rate_limits", "off"), ("wait_ms", "20000"), ("roles", roles)];
    for (key, value) in memory.into_iter().chain(own) {
        layered.set(key, value, "a test").expect("a known key");
    }
    layered.finish().expect("a good configuration")
}

fn ids(page: &Value) -> Vec<&str> {
    page.as_array().expect("a page").iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

/// The partitions that a server says it does something with.
fn with(server: &Server, what: &str) -> usize {
    server.ops("/readyz").json()["partitions"].as_array().expect("a list").iter().filter(|partition| partition[what] == true).count()
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Posts here, reads home and favourites there, and reads the count at a third: where a reader waits for a position, all of it is seen.
fn posted_here_is_read_there((here, there, third): (&Server, &Server, &Server), (author, reader): (&Member, &Member), text: &str) {
    let (post, position) = here.post_at("/api/v1/statuses", author, &json!({ "status": text }));
    let id = post["id"].as_str().expect("an id");
    assert_eq!(ids(&there.get_after("/api/v1/timelines/home", reader, &position)).first(), Some(&id), "{text}");
    let (favourited, position) = there.post_at(&format!("/api/v1/statuses/{id}/favourite"), reader, &json!({}));
    assert_eq!(favourited["favourites_count"], 1);
    let seen = third.get_after(&format!("/api/v1/statuses/{id}"), author, &position);
    assert_eq!(seen["favourites_count"], 1, "{text}");
}

#[test]
fn two_of_each_role_serve_as_one() {
    let place = Place::new();
    let (writes, more_writes) = (place.server("commands"), place.server("commands"));
    let (projects, more_projects) = (place.server("projectors"), place.server("projectors"));
    let (reads, more_reads) = (place.server("queries"), place.server("queries"));
    wait_for("partitions are shared out", || with(&writes, "writes") == 2 && with(&more_writes, "writes") == 2);
    assert_eq!((with(&projects, "projects"), with(&more_projects, "projects"), with(&reads, "writes")), (2, 2, 0));
    let (ana, bob) = (reads.member("ana"), more_reads.member("bob"));
    let (_, followed) = more_reads.post_at(&format!("/api/v1/accounts/{}/follow", ana.id), &bob, &json!({}));
    reads.get_after(&format!("/api/v1/accounts/{}", ana.id), &bob, &followed);
    for round in 0..8 {
        posted_here_is_read_there((&reads, &more_reads, &reads), (&ana, &bob), &format!("through queries {round}"));
        posted_here_is_read_there((&writes, &reads, &more_reads), (&ana, &bob), &format!("through commands {round}"));
    }
    assert_eq!(projects.call("GET", "/api/v1/instance", None, None).status, 404, "who projects serves no clients");
    let refused = projects.ops_post("/ops/rebuild").body;
    assert!(refused.contains("other processes project some of the partitions"), "{refused}");

    drop((writes, projects, reads));
    wait_for("the others take over", || with(&more_writes, "writes") == 4 && with(&more_projects, "projects") == 4);
    assert_eq!(more_writes.ops("/readyz").status, 200);
    for round in 0..4 {
        posted_here_is_read_there((&more_writes, &more_reads, &more_reads), (&ana, &bob), &format!("alone {round}"));
    }
    let verified = more_projects.ops("/ops/verify?views=statuses,relations,timelines").body;
    assert!(verified.contains("\"differing\":0") && !verified.contains("\"differing\":1"), "{verified}");
}

#[test]
fn only_processes_of_the_instance_pass_commands_on() {
    let place = Place::new();
    let writes = place.server("commands");
    assert_eq!(writes.ops_send("/internal/commands", &json!({})).status, 401);
    assert_eq!(writes.call("POST", "/internal/commands", None, Some(json!({}))).status, 404, "not on the clients' port");
}
