//! The contract under every policy, with rings and caches so small that floors, evictions and flips are common.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::contract::{self, TestClock};
use super::*;

pub(super) fn small(policy: Policy) -> RingOptions {
    RingOptions {
        policy,
        slots: 8,
        rings_max: 8,
        shards: 2,
        idle_after_ms: 2 * 3_600 * 1_000,
        lists_max: 32,
        list_slots: 4,
        measure: false,
        posts_counted_in: 1,
        ..RingOptions::default()
    }
}

pub(super) fn ring(source: Arc<dyn TimelineSource>, clock: TestClock, options: RingOptions) -> Arc<RingTimelines> {
    Arc::new(RingTimelines::new(source, Arc::new(move || clock.load(Ordering::SeqCst)), options))
}

async fn check(options: RingOptions) {
    contract::check(&|source, clock| ring(source, clock, options.clone())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn push_all_passes_the_contract() {
    check(small(Policy::PushAll)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pull_all_passes_the_contract() {
    check(small(Policy::PullAll)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_threshold_passes_the_contract() {
    check(small(Policy::Threshold { followers: 4 })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn adaptive_passes_the_contract() {
    // Costs at which equal classes are pushed and one class more is pulled: every flip of a class flips edges.
    let costs = Costs { push_ns: 30, open_ns: 30, entry_ns: 0, fill_ns: 30 };
    check(RingOptions { costs, ..small(Policy::Adaptive) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn adaptive_with_bursts_and_measured_costs_passes_the_contract() {
    // Every second post or so exceeds the budget, rings overrun fast, and few readers have rings.
    let options = RingOptions { burst_budget_ms: 1, measure: true, rings_max: 4, lists_max: 3, ..small(Policy::Adaptive) };
    check(RingOptions { costs: Costs { push_ns: 200_000, open_ns: 1_000_000, entry_ns: 9, fill_ns: 1_000_000 }, ..options }).await;
}
