//! Pauses between tries: doubling from the first to the longest, each a random share of its bound ("full jitter"), so that many who
//! failed together do not come back together.

use std::time::Duration;

/// How often and how far apart something is tried.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Tries at the most, the first one included.
    pub tries: u32,
    /// The bound of the first pause.
    pub first: Duration,
    /// The bound of every later pause at the most.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after `failed` tries failed, or `None` when that was the last one. `share` is random, 0 to 1.
    pub fn pause(&self, failed: u32, share: f64) -> Option<Duration> {
        if failed >= self.tries {
            return None;
        }
        let doubled = self.first.saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
        Some(doubled.min(self.longest).mul_f64(share.clamp(0.0, 1.0)))
    }

    /// Sleeps for the pause after `failed` tries failed; says whether there is another try.
    pub async fn sleep(&self, failed: u32) -> bool {
        match self.pause(failed, rand::random()) {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let backoff = Backoff { tries: 5, first: Duration::from_millis(50), longest: Duration::from_millis(150) };
        let pauses: Vec<Option<u128>> = (1..=5).map(|failed| backoff.pause(failed, 1.0).map(|pause| pause.as_millis())).collect();
        assert_eq!(pauses, [Some(50), Some(100), Some(150), Some(150), None]);
        assert_eq!(backoff.pause(2, 0.5), Some(Duration::from_millis(50)));
        assert_eq!(Backoff { tries: 99, ..backoff }.pause(80, 1.0), Some(Duration::from_millis(150)));
    }
}
