//! What the ring engine counts, for metrics and for benches.

use metrics::{counter, gauge};

use super::rates::{CLASS_MAX, Costs};

/// Memory and contents, as of now. Bytes include what the allocator adds, estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RingStats {
    /// Readers with rings.
    pub rings: usize,
    /// Entries that those rings have room for.
    pub entries: usize,
    /// Bytes of rings, with everything kept per reader but the followees.
    pub ring_bytes: usize,
    /// Subscriptions: pairs of a reader with a ring and an author.
    pub edges: u64,
    /// Bytes of subscriptions, both ways.
    pub edge_bytes: usize,
    /// Bytes of cached author lists.
    pub list_bytes: usize,
    /// Accounts with numbers.
    pub accounts: usize,
    /// Bytes of those numbers.
    pub account_bytes: usize,
}

/// What adaptive push and pull decides by, as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyStats {
    /// What deliveries and merges cost, as measured.
    pub costs: Costs,
    /// Theta: an author is pushed to readers whose class is at most so much lower than the author's. Classes are log2 of rates.
    pub theta: i32,
    /// By class, accounts that have posted.
    pub posting: [u32; CLASS_MAX as usize + 1],
    /// By class, readers with rings.
    pub reading: [u32; CLASS_MAX as usize + 1],
}

impl PolicyStats {
    pub(super) fn new(costs: Costs, theta: i32) -> Self {
        Self { costs, theta, posting: [0; CLASS_MAX as usize + 1], reading: [0; CLASS_MAX as usize + 1] }
    }
}

/// The engine's metrics. They name no account: their number is fixed.
#[derive(Debug)]
pub(super) struct Meters;

impl Meters {
    /// Entries written to rings.
    pub(super) fn pushed(&self, entries: usize) {
        counter!("roost_timeline_deliveries_total", "mode" => "push").increment(entries as u64);
    }

    /// Entries merged from author lists at a read.
    pub(super) fn pulled(&self, entries: usize) {
        counter!("roost_timeline_deliveries_total", "mode" => "pull").increment(entries as u64);
    }

    /// A ring was filled, or brought up to date with its reader's follows.
    pub(super) fn filled(&self) {
        counter!("roost_timeline_recomputes_total").increment(1);
    }

    /// Accounts changed their class of posting or reading.
    pub(super) fn flipped(&self, classes: u64) {
        if classes > 0 {
            counter!("roost_timeline_flips_total").increment(classes);
        }
    }

    /// Rings were taken from their readers.
    pub(super) fn evicted(&self, rings: u64) {
        if rings > 0 {
            counter!("roost_timeline_evictions_total").increment(rings);
        }
    }

    /// Shows what push and pull is decided by.
    pub(super) fn show_policy(&self, policy: &PolicyStats) {
        gauge!("roost_timeline_theta").set(f64::from(policy.theta));
        let Costs { push_ns, open_ns, entry_ns, fill_ns } = policy.costs;
        for (of, nanoseconds) in [("push", push_ns), ("open", open_ns), ("entry", entry_ns), ("fill", fill_ns)] {
            gauge!("roost_timeline_cost_seconds", "of" => of).set(f64::from(nanoseconds) / 1e9);
        }
        for (rate, counts) in [("posting", &policy.posting), ("reading", &policy.reading)] {
            for (class, count) in counts.iter().enumerate() {
                gauge!("roost_timeline_class_accounts", "rate" => rate, "class" => class.to_string()).set(f64::from(*count));
            }
        }
    }

    /// Shows what is held.
    pub(super) fn show(&self, stats: RingStats) {
        gauge!("roost_timeline_rings").set(stats.rings as f64);
        gauge!("roost_timeline_edges").set(stats.edges as f64);
        for (part, bytes) in
            [("rings", stats.ring_bytes), ("edges", stats.edge_bytes), ("lists", stats.list_bytes), ("accounts", stats.account_bytes)]
        {
            gauge!("roost_timeline_bytes", "part" => part).set(bytes as f64);
        }
    }
}
