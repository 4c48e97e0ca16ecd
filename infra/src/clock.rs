//! The clock port: who needs the time is given it, so that tests and the demo tell it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use schemas::UnixMillis;

/// Tells the time, milliseconds since 1970. For expiries, rates and idleness, never for order.
pub type Clock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// The time by the machine's clock; before 1970 counts as 1970.
pub fn now_ms() -> UnixMillis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as UnixMillis)
}

/// The clock of the machine.
pub fn system_clock() -> Clock {
    Arc::new(now_ms)
}
