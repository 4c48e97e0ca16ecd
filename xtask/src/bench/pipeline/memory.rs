//! Memory over a stretch: what the process holds by itself (not the files that it has mapped), looked at every half second.

use std::time::Duration;
use tokio::task::JoinHandle;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A watch under way.
pub(super) struct Watch(JoinHandle<()>, std::sync::Arc<parking_lot::Mutex<Vec<f64>>>);

/// Means of the first, the second and the last third of a stretch, in megabytes: the first has what warms up.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::bench) struct Thirds {
    pub(super) first_mb: f64,
    pub(super) second_mb: f64,
    pub(super) last_mb: f64,
}

impl Watch {
    pub(super) fn start() -> Self {
        let seen = std::sync::Arc::<parking_lot::Mutex<Vec<f64>>>::default();
        let held = seen.clone();
        let task = tokio::spawn(async move {
            loop {
                held.lock().push(own_bytes().unwrap_or_default() / 1e6);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Self(task, seen)
    }

    pub(super) fn end(self) -> Thirds {
        self.0.abort();
        thirds(&self.1.lock())
    }
}

fn thirds(seen: &[f64]) -> Thirds {
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len().max(1) as f64;
    let (first, rest) = seen.split_at(seen.len() / 3);
    let (second, last) = rest.split_at(rest.len() / 2);
    Thirds { first_mb: mean(first), second_mb: mean(second), last_mb: mean(last) }
}

fn own_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_has_three_thirds() {
        let Thirds { first_mb, second_mb, last_mb } = thirds(&[1.0, 3.0, 4.0, 6.0, 9.0, 9.0, 9.0]);
        assert_eq!((first_mb, second_mb, last_mb), (2.0, 5.0, 9.0));
    }
}
