//! A circuit breaker: once calls fail in a row, further ones are answered at once for a while; then one may try.

use std::time::{Duration, Instant};

/// Failures in a row that open it.
pub(super) const FAILURES_MAX: u32 = 5;
/// How long it stays open, at the least; at the most twice that.
const OPEN_FOR: Duration = Duration::from_secs(1);

/// The state of the circuit. Time and randomness come from the caller.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether a call may be made now. After the wait one caller gets a yes; the others go on waiting for what it finds.
    pub(super) fn permits(&mut self, now: Instant) -> bool {
        match self.open_until {
            None => true,
            Some(at) if now >= at => {
                self.open_until = Some(now + OPEN_FOR);
                true
            }
            Some(_) => false,
        }
    }

    /// A call was answered.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call failed; `share` is random, 0 to 1. Says whether this opened the circuit.
    pub(super) fn failed(&mut self, now: Instant, share: f64) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES_MAX {
            return false;
        }
        let was_closed = self.open_until.is_none();
        self.open_until = Some(now + OPEN_FOR + OPEN_FOR.mul_f64(share.clamp(0.0, 1.0)));
        was_closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_try() {
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_MAX {
            assert!(!breaker.failed(start, 0.0) && breaker.permits(start));
        }
        breaker.succeeded();
        for _ in 1..FAILURES_MAX {
            assert!(!breaker.failed(start, 0.0));
        }
        assert!(breaker.failed(start, 0.5), "this one opens it");
        assert!(!breaker.permits(after(1_499)));
        assert!(breaker.permits(after(1_500)), "one may try");
        assert!(!breaker.permits(after(1_501)), "and no other beside it");
        assert!(!breaker.failed(after(1_600), 0.0), "it was open");
        assert!(!breaker.permits(after(2_599)) && breaker.permits(after(2_600)));
        breaker.succeeded();
        assert!(breaker.permits(after(2_601)) && breaker.permits(after(2_602)));
    }
}
