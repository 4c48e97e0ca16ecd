//! The values of decision state: what deciding the next command needs, and no more. Their rows are [`schemas::rows::codec`] rows.
//!
//! The order of variants and fields is persisted; a change is a new version of the codec and a rebuild of the view `decisions`.

use bytes::Bytes;
use schemas::events::{Mention, Profile, ReplyTo, Visibility};
use schemas::log::Offset;
use schemas::rows::codec::{self, BadRow};
use schemas::{AccountId, AppId, PostId, RelationId, UnixMillis};
use serde::{Deserialize, Serialize};

/// A piece of decision state; nothing where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each variant is documented at its struct")]
pub enum StateValue {
    Account(Box<AccountState>),
    Handle(HandleState),
    Follow(FollowState),
    Follower(FollowerState),
    Block(RelationId),
    Mute(MuteState),
    Note(Box<str>),
    Post(Box<PostState>),
    Interaction(Box<InteractionState>),
    App,
    Code(Box<CodeState>),
    Token(TokenState),
    Marker(MarkerState),
}

/// Whether an account can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum CredentialState {
    /// It has no credentials.
    #[default]
    None,
    /// Its address is not confirmed yet.
    Unconfirmed,
    /// Its address is confirmed.
    Confirmed,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct AccountState {
    /// As shown.
    pub handle: String,
    /// When it took that handle, by the log.
    pub named_ms: UnixMillis,
    /// What it says of itself.
    pub profile: Profile,
    /// Its wishes to follow that stand, admitted or not.
    pub following: u32,
    /// Its pinned posts.
    pub pins: u32,
    /// Whether it can sign in.
    pub credentials: CredentialState,
}

/// What has become of a claim to a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimPhase {
    /// Spoken for, until it is confirmed or lapses.
    Claimed {
        /// From when on it may lapse.
        expires_ms: UnixMillis,
    },
    /// An account goes by it.
    Confirmed,
    /// Given up, and reserved.
    Held {
        /// From when on it may be released.
        until_ms: UnixMillis,
    },
}

/// A handle that is not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandleState {
    /// Whose it is.
    pub account: AccountId,
    /// The claim in force.
    pub claim: RelationId,
    /// What has become of it.
    pub phase: ClaimPhase,
    /// When the account last spoke for it, by the log.
    pub spoken_ms: UnixMillis,
}

/// A wish to follow that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowState {
    /// Names the follow on both sides.
    pub relation: RelationId,
    /// Whether the target is known to have admitted it.
    pub confirmed: bool,
    /// Whether its reblogs are wanted.
    pub reblogs: bool,
    /// Whether each post is to be notified.
    pub notify: bool,
    /// Only these languages, if any are named.
    pub languages: Vec<String>,
}

/// What an account answered to a wish to follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admission {
    /// It has not answered yet.
    Pending,
    /// The follower is admitted.
    Accepted,
    /// Rejected, removed or left. Kept, so that a late repetition of the wish does not revive it.
    Over,
}

/// The newest follow that an account was told of by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowerState {
    /// The follow.
    pub relation: RelationId,
    /// The answer.
    pub admission: Admission,
}

/// A mute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MuteState {
    /// Names it.
    pub relation: RelationId,
    /// Whether notifications are unwanted too.
    pub notifications: bool,
    /// When it ends by itself; 0 for never.
    pub expires_ms: UnixMillis,
}

/// A post: what its deletion must carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostState {
    /// Its author.
    pub author: AccountId,
    /// Who may see it.
    pub visibility: Visibility,
    /// The post it answers.
    pub in_reply_to: Option<ReplyTo>,
    /// Who is mentioned.
    pub mentions: Vec<Mention>,
    /// Its hashtags.
    pub tags: Vec<String>,
}

/// A reblog that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReblogState {
    /// The reblog, a post of its own.
    pub reblog: PostId,
    /// Who may see it.
    pub visibility: Visibility,
}

/// What an account did with a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct InteractionState {
    /// The post's author.
    pub author: AccountId,
    /// The favourite that stands.
    pub favourite: Option<RelationId>,
    /// The bookmark that stands.
    pub bookmark: Option<RelationId>,
    /// The pin that stands.
    pub pin: Option<RelationId>,
    /// The reblog that stands.
    pub reblog: Option<ReblogState>,
    /// Whether its thread is muted.
    pub muted: bool,
}

/// A code that waits to be redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeState {
    /// Who consented.
    pub account: AccountId,
    /// To which application.
    pub app: AppId,
    /// Where it went.
    pub redirect_uri: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// PKCE S256 challenge.
    pub challenge: Option<String>,
    /// Until when it may be redeemed.
    pub expires_ms: UnixMillis,
}

/// A token in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenState {
    /// For whom it acts; 0 for the application itself.
    pub account: AccountId,
    /// Whose it is.
    pub app: AppId,
}

/// A reading marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerState {
    /// The newest id read.
    pub last_read: u64,
    /// Counts the changes.
    pub version: u64,
}

/// Who decides a partition, as its owner noted when it opened: a hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerNote {
    /// The epoch that it opened.
    pub epoch: u32,
    /// Where its process is reached by the others: host and port.
    pub address: String,
}

/// The first receipt of a command: what a repetition answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstReceipt {
    /// The record's offset.
    pub offset: Offset,
    /// The id that the command made; 0 for none.
    pub id: u64,
}

impl StateValue {
    /// Encodes the value of a row.
    pub fn encode(&self) -> Bytes {
        codec::encode(self)
    }

    /// Decodes the value of a row.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        codec::decode(bytes)
    }
}

#[cfg(test)]
mod tests;
