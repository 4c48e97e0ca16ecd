//! Rate limits: fixed windows of counts, per account or per client address, in bounded memory. Mastodon's figures.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHasher};
use schemas::{AccountId, UnixMillis};

use super::client::limit_key;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Any call.
    Api,
    /// New accounts.
    SignUp,
    /// Tries of a password, by address.
    SignIn,
    /// Tries of one account's password, by name.
    Password,
    /// Mails with a link that somebody asked for, by account or name.
    Mailing,
}

impl Rule {
    /// How many, and in how many milliseconds.
    pub const fn quota(self) -> (u32, UnixMillis) {
        match self {
            Self::Api => (300, 5 * 60_000),
            Self::SignUp => (5, 30 * 60_000),
            Self::SignIn => (25, 5 * 60_000),
            Self::Password => (25, 60 * 60_000),
            Self::Mailing => (5, 30 * 60_000),
        }
    }
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An account, by its token.
    Account(AccountId),
    /// A client address; of IPv6, its /64.
    Address(u128),
    /// A name that somebody wants to sign in by, as a hash.
    Name(u64),
}

impl Subject {
    /// An address.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(limit_key(address))
    }

    /// A name, whatever its case.
    pub fn name(name: &str) -> Self {
        let mut hasher = FxHasher::default();
        name.trim().to_lowercase().hash(&mut hasher);
        Self::Name(hasher.finish())
    }
}

/// What is left of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Calls per window.
    pub limit: u32,
    /// Calls left in this window.
    pub remaining: u32,
    /// When the next window begins, milliseconds since 1970.
    pub reset_ms: UnixMillis,
}

impl Quota {
    /// Adds the headers that tell of it.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        if let Ok(reset) = HeaderValue::from_str(&iso(self.reset_ms)) {
            headers.insert("x-ratelimit-reset", reset);
        }
    }
}

/// ISO 8601, UTC.
fn iso(ms: UnixMillis) -> String {
    i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or_default().to_string()
}

const SHARDS: usize = 16;
/// Subjects remembered per shard. Beyond it windows that are over are dropped first, then all: forgetting is kinder than refusing.
const SHARD_SUBJECTS_MAX: usize = 8_192;

#[derive(Debug, Clone, Copy)]
struct Window {
    ends_ms: UnixMillis,
    used: u32,
}

/// The counts of a process.
#[derive(Debug)]
pub struct RateLimits {
    on: bool,
    shards: [Mutex<FxHashMap<(Rule, Subject), Window>>; SHARDS],
}

impl RateLimits {
    /// Counts nothing yet; switched off, it lets everything pass.
    pub fn new(on: bool) -> Self {
        Self { on, shards: Default::default() }
    }

    /// Whether anything is limited.
    pub const fn is_on(&self) -> bool {
        self.on
    }

    /// Counts a call; `Err` if it is one too many. Nothing where limits are off.
    pub fn count(&self, rule: Rule, subject: Subject, now_ms: UnixMillis) -> Result<Option<Quota>, Quota> {
        if !self.on {
            return Ok(None);
        }
        let (limit, window_ms) = rule.quota();
        let ends_ms = (now_ms / window_ms + 1) * window_ms;
        let mut hasher = FxHasher::default();
        (rule, subject).hash(&mut hasher);
        // The upper bits: the map inside the shard uses the lower ones.
        let shard = self.shards.get((hasher.finish() >> 60) as usize).expect("four bits name one of sixteen shards");
        let mut windows = shard.lock();
        if windows.len() >= SHARD_SUBJECTS_MAX && !windows.contains_key(&(rule, subject)) {
            windows.retain(|_, window| window.ends_ms > now_ms);
            if windows.len() >= SHARD_SUBJECTS_MAX {
                windows.clear();
            }
        }
        let window = windows.entry((rule, subject)).or_insert(Window { ends_ms, used: 0 });
        if window.ends_ms <= now_ms {
            *window = Window { ends_ms, used: 0 };
        }
        window.used = window.used.saturating_add(1);
        let quota = Quota { limit, remaining: limit.saturating_sub(window.used), reset_ms: window.ends_ms };
        if window.used > limit { Err(quota) } else { Ok(Some(quota)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: Subject = Subject::Account(AccountId(1));

    #[test]
    fn windows_fill_and_end() {
        let limits = RateLimits::new(true);
        let (limit, window_ms) = Rule::SignUp.quota();
        for used in 1..=limit {
            let quota = limits.count(Rule::SignUp, ANA, 1_000).unwrap().unwrap();
            assert_eq!((quota.remaining, quota.reset_ms), (limit - used, window_ms));
        }
        assert_eq!(limits.count(Rule::SignUp, ANA, window_ms - 1).unwrap_err().remaining, 0);
        assert!(limits.count(Rule::SignUp, Subject::Account(AccountId(2)), 1_000).is_ok());
        assert!(limits.count(Rule::Api, ANA, 1_000).is_ok(), "rules count apart");
        assert!(limits.count(Rule::SignUp, ANA, window_ms).is_ok(), "a new window");
    }

    #[test]
    fn switched_off_nothing_is_refused() {
        let limits = RateLimits::new(false);
        assert!((0..1_000).all(|_| limits.count(Rule::SignUp, ANA, 0) == Ok(None)));
    }

    #[test]
    fn memory_is_bounded() {
        let limits = RateLimits::new(true);
        for id in 0..(SHARDS * SHARD_SUBJECTS_MAX * 2) as u64 {
            limits.count(Rule::Api, Subject::Account(AccountId(id)), 0).ok();
        }
        assert!(limits.shards.iter().all(|shard| shard.lock().len() <= SHARD_SUBJECTS_MAX));
    }

    #[test]
    fn one_ipv6_subscriber_is_one_client() {
        let of = |text: &str| Subject::address(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("1.2.3.4"), of("1.2.3.5"));
        assert_eq!(Subject::name(" Ana"), Subject::name("aNA"));
    }

    #[test]
    fn headers_tell_the_quota() {
        let mut headers = HeaderMap::new();
        Quota { limit: 300, remaining: 299, reset_ms: 1_700_000_000_000 }.write(&mut headers);
        assert_eq!(headers.get("x-ratelimit-reset").unwrap(), "2023-11-14T22:13:20Z");
        assert_eq!(headers.get("x-ratelimit-remaining").unwrap(), "299");
    }
}
