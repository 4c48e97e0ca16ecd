//! What a bench found: named figures with their unit in the name (`rate_per_s`, `p99_us`), in the order in which they were added, and
//! notes: what a reader of the figures must know of how they came about.

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::fmt;
use std::time::{Duration, Instant};

/// The figures of one bench.
#[derive(Debug)]
pub(crate) struct Report {
    bench: &'static str,
    figures: Vec<(String, f64)>,
    notes: Vec<(&'static str, String)>,
}

impl Report {
    /// Starts an empty report.
    pub(crate) fn new(bench: &'static str) -> Self {
        Self { bench, figures: Vec::new(), notes: Vec::new() }
    }

    /// Adds a figure; its name ends in its unit.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64) {
        self.figures.push((name.into(), value));
    }

    /// Adds a sentence or another text.
    pub(crate) fn note(&mut self, name: &'static str, text: impl Into<String>) {
        self.notes.push((name, text.into()));
    }

    /// Adds median, least and most of what several turns gave, as `NAME_median_UNIT` and so on.
    pub(crate) fn add_spread(&mut self, name: &str, unit: &str, figures: &[f64]) {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        for (which, figure) in [("median", sorted.get(sorted.len() / 2)), ("min", sorted.first()), ("max", sorted.last())] {
            self.add(format!("{name}_{which}{unit}"), figure.copied().unwrap_or_default());
        }
    }

    /// Adds the most memory that this process held since its start, or since [`forget_peak_memory`].
    pub(crate) fn add_peak_memory(&mut self) {
        self.add("peak_rss_mb", whole(peak_rss_bytes().unwrap_or_default()) / 1e6);
    }

    /// Adds the percentiles of latencies in microseconds.
    pub(crate) fn add_latencies(&mut self, prefix: &str, latencies_us: &Histogram<u64>) {
        for (name, quantile) in [("p50_us", 0.5), ("p90_us", 0.9), ("p99_us", 0.99), ("p999_us", 0.999)] {
            self.add(format!("{prefix}{name}"), whole(latencies_us.value_at_quantile(quantile)));
        }
        self.add(format!("{prefix}max_us"), whole(latencies_us.max()));
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.figures.len() + self.notes.len() + 1))?;
        map.serialize_entry("bench", self.bench)?;
        for (name, value) in &self.figures {
            map.serialize_entry(name, value)?;
        }
        for (name, text) in &self.notes {
            map.serialize_entry(name, text)?;
        }
        map.end()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.bench)?;
        for (name, value) in &self.figures {
            let digits = if value.abs() >= 100.0 { 0 } else { 3 };
            writeln!(f, "  {name:<40}{value:>16.digits$}")?;
        }
        for (name, text) in &self.notes {
            writeln!(f, "  {name}: {text}")?;
        }
        Ok(())
    }
}

/// A stretch being measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

/// How long a stretch took, and how much processor time of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// By the clock on the wall.
    pub(crate) wall: Duration,
    /// By all threads of this process.
    pub(crate) cpu: Duration,
}

impl Stopwatch {
    /// Starts measuring.
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu() }
    }

    /// What was spent since the start.
    pub(crate) fn spent(self) -> Spent {
        Spent { wall: self.wall.elapsed(), cpu: cpu().saturating_sub(self.cpu) }
    }
}

/// Returns an empty histogram of microseconds up to a minute, exact to two digits.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 2).expect("the bounds are valid")
}

/// Returns a count as a figure; beyond 2^53 it loses its last digits, which no figure here reaches.
pub(crate) fn whole(count: u64) -> f64 {
    count as f64
}

/// Returns the median of figures, the upper one of two.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Returns a duration in microseconds, at least one, as histograms take it.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1)
}

/// Makes the kernel count the most memory held anew from now on: what was only needed to prepare does not count.
pub(crate) fn forget_peak_memory() {
    // A kernel that refuses leaves the peak of the whole run, which is no less.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1_024)
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
