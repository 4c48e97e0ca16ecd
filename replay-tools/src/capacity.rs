//! What a deployment of a given size takes: requests and deliveries a second, cores, nodes, memory and disk, each by a formula of the
//! workload and of the unit costs that the benches measure (`units.rs`).
//!
//! It is arithmetic, not a promise: it says which resource runs out first and by what factor. Peaks are sized for, means are not.

mod amount;
mod units;

use serde::Serialize;

pub use amount::Amount;
pub use units::UnitCosts;

const DAY_S: f64 = 86_400.0;
const YEAR_DAYS: f64 = 365.0;
const GIB: f64 = (1_u64 << 30) as f64;

/// What people do, and what machines there are.
#[derive(Debug, Clone, Serialize)]
pub struct Workload {
    /// Accounts.
    pub accounts: f64,
    /// The share of them that read on a day: their timelines are kept hot.
    pub reading_share: f64,
    /// Follows.
    pub edges: f64,
    /// Posts a day, reblogs and replies included.
    pub posts_per_day: f64,
    /// Favourites, follows and other commands a day.
    pub other_commands_per_day: f64,
    /// Requests that read, a day.
    pub reads_per_day: f64,
    /// By how much reads are to grow.
    pub read_growth: f64,
    /// Posts kept in the views and the search index.
    pub posts_kept: f64,
    /// Peak over mean.
    pub peak: f64,
    /// Copies of each byte on disk.
    pub replicas: f64,
    /// Cores of a node.
    pub cores: f64,
    /// Memory of a node, GiB.
    pub memory_gib: f64,
    /// The share of a node's cores and memory that may be used at the peak.
    pub load: f64,
}

impl Default for Workload {
    /// The scale that Roost is designed for: 10 M accounts.
    fn default() -> Self {
        Self {
            accounts: 10e6,
            reading_share: 0.3,
            edges: 2e9,
            posts_per_day: 10e6,
            other_commands_per_day: 20e6,
            reads_per_day: 100e6,
            read_growth: 5.0,
            posts_kept: 10e9,
            peak: 3.0,
            replicas: 3.0,
            cores: 16.0,
            memory_gib: 64.0,
            load: 0.5,
        }
    }
}

/// One result, with how it is found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What it is.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// How it is found.
    pub formula: &'static str,
}

/// Computes what the workload takes.
pub fn model(work: &Workload, units: &UnitCosts) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |name, value: f64, unit, formula| {
        lines.push(Line { name, value, unit, formula });
        value
    };
    let reads = line("reads", work.reads_per_day * work.read_growth * work.peak / DAY_S, "/s", "reads a day x growth x peak / 86,400 s");
    let posts = line("posts", work.posts_per_day * work.peak / DAY_S, "/s", "posts a day x peak / 86,400 s");
    let others = line("other commands", work.other_commands_per_day * work.peak / DAY_S, "/s", "other commands a day x peak / 86,400 s");
    let fan_out = line("hot followers of a post", work.edges / work.accounts * work.reading_share, "", "edges / accounts x reading share");
    let deliveries = line("deliveries", posts * fan_out, "/s", "posts x hot followers of a post (all pushed: the most it can be)");
    let read_cores = line("cores for reads", reads * units.home_page_cpu_us / 1e6, "cores", "reads x CPU of a home page");
    let write_cores =
        line("cores for commands", (posts + others) * units.command_cpu_us / 1e6, "cores", "commands x CPU of a post, all views");
    let delivery_cores = line("cores for deliveries", deliveries * units.delivery_cpu_ns / 1e9, "cores", "deliveries x CPU of a delivery");
    let cores = read_cores + write_cores + delivery_cores;
    let by_cores = line("nodes by cores", (cores / work.cores / work.load).ceil(), "nodes", "all cores / cores of a node / load");
    let readers = work.accounts * work.reading_share;
    let rings = readers * units.timeline_entries * units.entry_bytes / GIB;
    let rings = line("hot timelines", rings, "GiB", "accounts x reading share x entries x bytes of an entry");
    let edges = line("follow edges", work.edges * units.edge_bytes / GIB, "GiB", "edges x bytes of an edge");
    let memory = (rings + edges) / work.memory_gib / work.load;
    let by_memory = line("nodes by memory", memory.ceil(), "nodes", "timelines and edges / memory of a node / load");
    line("nodes", by_cores.max(by_memory) + 1.0, "nodes", "the larger of both, and one that may fail");
    let records = (work.posts_per_day + work.other_commands_per_day) * YEAR_DAYS;
    let disk = |bytes: f64| bytes * work.replicas / GIB;
    line("log", disk(records * units.log_bytes), "GiB a year", "commands a year x bytes of a record x replicas");
    line("views", disk(work.posts_kept * units.view_bytes), "GiB", "posts kept x bytes of a post in the views x replicas");
    line("search index", disk(work.posts_kept * units.search_bytes), "GiB", "posts kept x bytes of a post in the index x replicas");
    line("answers", reads * units.home_page_bytes / 1e6, "MB/s", "reads x bytes of a home page, not compressed");
    lines
}

/// The results as a table for people.
pub fn table(lines: &[Line]) -> String {
    let mut text = String::new();
    for Line { name, value, unit, formula } in lines {
        let amount = format!("{} {unit}", Amount(*value));
        text.push_str(&format!("{name:<24}{:<24}{formula}\n", amount.trim_end()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(lines: &[Line], name: &str) -> f64 {
        lines.iter().find(|line| line.name == name).unwrap_or_else(|| panic!("no line {name}")).value
    }

    #[test]
    fn each_line_follows_from_its_formula() {
        let work = Workload { accounts: 1e6, edges: 1e8, reading_share: 0.5, posts_per_day: 86.4e6, peak: 1.0, ..Workload::default() };
        let units = UnitCosts { delivery_cpu_ns: 100.0, ..UnitCosts::default() };
        let lines = model(&work, &units);
        assert_eq!(value(&lines, "posts"), 1_000.0);
        assert_eq!(value(&lines, "hot followers of a post"), 50.0);
        assert_eq!(value(&lines, "deliveries"), 50_000.0);
        assert!((value(&lines, "cores for deliveries") - 0.005).abs() < 1e-9);
    }

    #[test]
    fn more_of_anything_never_takes_less() {
        let small = model(&Workload::default(), &UnitCosts::default());
        let large = Workload { reads_per_day: 1e9, posts_per_day: 1e8, edges: 2e10, posts_kept: 1e11, ..Workload::default() };
        for (small, large) in small.iter().zip(model(&large, &UnitCosts::default())) {
            assert!(large.value >= small.value, "{}: {} after {}", small.name, large.value, small.value);
        }
    }

    #[test]
    fn the_table_says_how_each_figure_is_found() {
        let text = table(&model(&Workload::default(), &UnitCosts::default()));
        assert!(text.lines().all(|line| line.split_whitespace().count() > 3), "{text}");
        assert!(text.contains("reads x CPU of a home page"), "{text}");
    }
}
