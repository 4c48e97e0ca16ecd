//! Rows of the accounts view.

use serde::{Deserialize, Serialize};

use crate::events::Profile;
use crate::ids::{AccountId, RelationId, UnixMillis};
use crate::log::Offset;

/// An account. Source: its own partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// As shown.
    pub handle: String,
    /// What it says of itself.
    pub profile: Profile,
    /// When it registered.
    pub created_ms: UnixMillis,
}

/// What an account counts of its own doing and of its own followers. Source: its own partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct AccountStatsRow {
    /// Posts and reblogs, direct posts excepted.
    pub statuses: u64,
    /// Confirmed follows.
    pub following: u64,
    /// Admitted followers.
    pub followers: u64,
    /// Follow requests that wait for an answer.
    pub requests: u64,
    /// When it last posted; 0 for never.
    pub last_status_ms: UnixMillis,
    /// The last offset counted, plus 1: replaying below changes nothing.
    pub last: Offset,
}

/// A handle. Source: the handle's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandleRow {
    /// Whose it is, or who claims it.
    pub account: AccountId,
    /// The claim.
    pub claim: RelationId,
    /// How far the claim is.
    pub state: HandleState,
    /// When an open claim may lapse, or a held handle be released; 0 for a confirmed one.
    pub due_ms: UnixMillis,
}

/// How far a claim on a handle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandleState {
    /// Spoken for.
    Claimed,
    /// Final: the account goes by it.
    Confirmed,
    /// Given up, and reserved for a while.
    Held,
}

/// A claim or held handle that has a time to end. Source: the handle's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenClaimRow {
    /// Whose.
    pub account: AccountId,
    /// The claim.
    pub claim: RelationId,
    /// Whether it is to be released rather than lapse.
    pub held: bool,
}

/// A source partition's share of the instance's totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct InstanceStatsRow {
    /// Accounts registered.
    pub accounts: u64,
    /// Posts, reblogs excepted.
    pub statuses: u64,
    /// The last offset counted, plus 1: replaying below changes nothing.
    pub last: Offset,
}
