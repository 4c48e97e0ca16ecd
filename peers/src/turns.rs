//! A turn of many callers, each of whom waits for its own answer before it asks again: how much was done, and how long each answer took.

use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a caller does again and again; gets its number, returns how much it did.
pub(crate) type Call = Arc<dyn Fn(usize) -> BoxFuture<'static, Result<u64>> + Send + Sync>;

/// What is not measured, at the beginning of each turn.
const WARM_UP: Duration = Duration::from_millis(500);

/// Lets the callers work for a time after warming up. `accepted` counts all that was done, `count` what was after that.
pub(crate) async fn turn(callers: usize, time: Duration, call: Call) -> Result<Value> {
    let warm = Instant::now() + WARM_UP;
    let end = warm + time;
    let caller = |number| {
        let call = Arc::clone(&call);
        tokio::spawn(async move {
            let (mut latencies_us, mut accepted, mut count) = (histogram(), 0, 0);
            loop {
                let began = Instant::now();
                if began >= end {
                    return anyhow::Ok((latencies_us, accepted, count));
                }
                let done = call(number).await?;
                accepted += done;
                if began >= warm {
                    count += done;
                    latencies_us.saturating_record(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX).max(1));
                }
            }
        })
    };
    let (mut latencies_us, mut accepted, mut count) = (histogram(), 0_u64, 0_u64);
    for caller in (0..callers).map(caller).collect::<Vec<_>>() {
        let (own_us, own_accepted, own_count) = caller.await.context("a caller panicked")??;
        latencies_us.add(own_us)?;
        (accepted, count) = (accepted + own_accepted, count + own_count);
    }
    Ok(json!({
        "accepted": accepted,
        "count": count,
        "wall_s": warm.elapsed().as_secs_f64(),
        "p50_us": latencies_us.value_at_quantile(0.5),
        "p99_us": latencies_us.value_at_quantile(0.99),
    }))
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 2).expect("the bounds are valid")
}
