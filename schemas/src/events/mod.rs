//! Domain events: what the log says happened. Past tense, immutable, one Avro record each (`schemas/avro/`).
//!
//! Each event stands on the partition of its subject, `account` unless its comment says otherwise.

mod accounts;
mod blocks;
mod follows;
mod handles;
mod identity;
mod interactions;
mod posts;
mod settings;
mod shared;

use serde::{Deserialize, Serialize};

pub use accounts::{AccountRegistered, HandleChanged, ProfileChanged};
pub use blocks::{Blocked, Muted, NoteSet, Unblocked, Unmuted};
pub use follows::{
    FollowAccepted, FollowConfirmed, FollowEnded, FollowOptionsChanged, FollowPending, FollowRejected, FollowRequested, FollowerRemoved,
    Unfollowed,
};
pub use handles::{HandleClaimed, HandleConfirmed, HandleHeld, HandleLapsed, HandleReleased};
pub use identity::{AppRegistered, CodeIssued, CodeRedeemed, CredentialsConfirmed, CredentialsSet, TokenIssued, TokenRevoked};
pub use interactions::{Bookmarked, ConversationMuted, ConversationUnmuted, Favourited, Pinned, Unbookmarked, Unfavourited, Unpinned};
pub use posts::{PostDeleted, PostEdited, PostPublished, Reblogged, Unreblogged};
pub use settings::MarkerMoved;
pub use shared::{Mention, Profile, ProfileField, ReplyTo, Visibility};

/// One thing that happened. Variants are named as the branches of the Avro union.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each variant is documented at its struct")]
pub enum Event {
    AccountRegistered(AccountRegistered),
    ProfileChanged(ProfileChanged),
    HandleChanged(HandleChanged),
    HandleClaimed(HandleClaimed),
    HandleConfirmed(HandleConfirmed),
    HandleLapsed(HandleLapsed),
    HandleHeld(HandleHeld),
    HandleReleased(HandleReleased),
    CredentialsSet(CredentialsSet),
    CredentialsConfirmed(CredentialsConfirmed),
    AppRegistered(AppRegistered),
    CodeIssued(CodeIssued),
    CodeRedeemed(CodeRedeemed),
    TokenIssued(TokenIssued),
    TokenRevoked(TokenRevoked),
    FollowRequested(FollowRequested),
    FollowOptionsChanged(FollowOptionsChanged),
    FollowConfirmed(FollowConfirmed),
    FollowEnded(FollowEnded),
    Unfollowed(Unfollowed),
    FollowPending(FollowPending),
    FollowAccepted(FollowAccepted),
    FollowRejected(FollowRejected),
    FollowerRemoved(FollowerRemoved),
    Blocked(Blocked),
    Unblocked(Unblocked),
    Muted(Muted),
    Unmuted(Unmuted),
    NoteSet(NoteSet),
    PostPublished(PostPublished),
    PostEdited(PostEdited),
    PostDeleted(PostDeleted),
    Reblogged(Reblogged),
    Unreblogged(Unreblogged),
    Favourited(Favourited),
    Unfavourited(Unfavourited),
    Bookmarked(Bookmarked),
    Unbookmarked(Unbookmarked),
    Pinned(Pinned),
    Unpinned(Unpinned),
    ConversationMuted(ConversationMuted),
    ConversationUnmuted(ConversationUnmuted),
    MarkerMoved(MarkerMoved),
}

impl Event {
    /// The name of the event's type, as in commands and exports.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AccountRegistered(_) => "AccountRegistered",
            Self::ProfileChanged(_) => "ProfileChanged",
            Self::HandleChanged(_) => "HandleChanged",
            Self::HandleClaimed(_) => "HandleClaimed",
            Self::HandleConfirmed(_) => "HandleConfirmed",
            Self::HandleLapsed(_) => "HandleLapsed",
            Self::HandleHeld(_) => "HandleHeld",
            Self::HandleReleased(_) => "HandleReleased",
            Self::CredentialsSet(_) => "CredentialsSet",
            Self::CredentialsConfirmed(_) => "CredentialsConfirmed",
            Self::AppRegistered(_) => "AppRegistered",
            Self::CodeIssued(_) => "CodeIssued",
            Self::CodeRedeemed(_) => "CodeRedeemed",
            Self::TokenIssued(_) => "TokenIssued",
            Self::TokenRevoked(_) => "TokenRevoked",
            Self::FollowRequested(_) => "FollowRequested",
            Self::FollowOptionsChanged(_) => "FollowOptionsChanged",
            Self::FollowConfirmed(_) => "FollowConfirmed",
            Self::FollowEnded(_) => "FollowEnded",
            Self::Unfollowed(_) => "Unfollowed",
            Self::FollowPending(_) => "FollowPending",
            Self::FollowAccepted(_) => "FollowAccepted",
            Self::FollowRejected(_) => "FollowRejected",
            Self::FollowerRemoved(_) => "FollowerRemoved",
            Self::Blocked(_) => "Blocked",
            Self::Unblocked(_) => "Unblocked",
            Self::Muted(_) => "Muted",
            Self::Unmuted(_) => "Unmuted",
            Self::NoteSet(_) => "NoteSet",
            Self::PostPublished(_) => "PostPublished",
            Self::PostEdited(_) => "PostEdited",
            Self::PostDeleted(_) => "PostDeleted",
            Self::Reblogged(_) => "Reblogged",
            Self::Unreblogged(_) => "Unreblogged",
            Self::Favourited(_) => "Favourited",
            Self::Unfavourited(_) => "Unfavourited",
            Self::Bookmarked(_) => "Bookmarked",
            Self::Unbookmarked(_) => "Unbookmarked",
            Self::Pinned(_) => "Pinned",
            Self::Unpinned(_) => "Unpinned",
            Self::ConversationMuted(_) => "ConversationMuted",
            Self::ConversationUnmuted(_) => "ConversationUnmuted",
            Self::MarkerMoved(_) => "MarkerMoved",
        }
    }
}

/// Lets an event be written where the union is meant.
macro_rules! into_event {
    ($($name:ident),* $(,)?) => {
        $(impl From<$name> for Event {
            fn from(event: $name) -> Self {
                Self::$name(event)
            }
        })*
    };
}

into_event! {
    AccountRegistered, ProfileChanged, HandleChanged, HandleClaimed, HandleConfirmed, HandleLapsed, HandleHeld, HandleReleased, CredentialsSet, CredentialsConfirmed, AppRegistered, CodeIssued, CodeRedeemed, TokenIssued, TokenRevoked, FollowRequested, FollowOptionsChanged, FollowConfirmed, FollowEnded, Unfollowed, FollowPending, FollowAccepted, FollowRejected, FollowerRemoved, Blocked, Unblocked, Muted, Unmuted, NoteSet, PostPublished, PostEdited, PostDeleted, Reblogged, Unreblogged, Favourited, Unfavourited, Bookmarked, Unbookmarked, Pinned, Unpinned, ConversationMuted, ConversationUnmuted, MarkerMoved,
}
