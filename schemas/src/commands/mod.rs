//! Commands: what somebody wants done. Imperative, parsed at the edge, decided on the partition of their subject, one record each.

mod accounts;
mod identity;
mod outcome;
mod posts;
mod reactions;
mod relations;
pub mod wire;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use accounts::{
    ChangeHandle, ChangeProfile, ClaimHandle, ConfirmHandle, HoldHandle, LapseHandle, MoveMarker, ProfilePatch, RegisterAccount,
    ReleaseHandle,
};
pub use identity::{ConfirmCredentials, Credentials, IssueCode, IssueToken, RedeemCode, RegisterApp, RevokeToken, SetCredentials};
pub use outcome::{CommandError, Receipt, Rejection};
pub use posts::{Content, DeletePost, EditPost, OnPost, PublishPost, Reblog, Unreblog};
pub use reactions::{HANDLE_HOLD_MS, follow_ups, react};
pub use relations::{AnswerFollow, Follow, FollowerOf, Mute, OnAccount, OnFollow, SetNote};

use crate::ids::{AccountId, PartitionId, partition_of_text};
use crate::log::{CommandId, TraceContext};

/// Everything that can be asked of the write side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Opens an account whose handle it has claimed.
    RegisterAccount(RegisterAccount),
    /// Changes what the account says of itself.
    ChangeProfile(ChangeProfile),
    /// Goes by another handle, which it has claimed.
    ChangeHandle(ChangeHandle),
    /// Speaks for a handle.
    ClaimHandle(ClaimHandle),
    /// Makes a claim final.
    ConfirmHandle(ConfirmHandle),
    /// Ends a claim that nobody confirmed in time.
    LapseHandle(LapseHandle),
    /// Reserves a handle that was given up.
    HoldHandle(HoldHandle),
    /// Frees a held handle in time.
    ReleaseHandle(ReleaseHandle),
    /// Sets how the account signs in.
    SetCredentials(SetCredentials),
    /// Confirms the e-mail address.
    ConfirmCredentials(ConfirmCredentials),
    /// Registers an application.
    RegisterApp(RegisterApp),
    /// Consents to an application.
    IssueCode(IssueCode),
    /// Trades a code for a token, once.
    RedeemCode(RedeemCode),
    /// Issues a token.
    IssueToken(IssueToken),
    /// Revokes a token.
    RevokeToken(RevokeToken),
    /// Wishes to follow, or changes what is wanted of a follow.
    Follow(Follow),
    /// Ends one's follow or request.
    Unfollow(OnAccount),
    /// Answers a wish to follow by the account's rules. A follow-up.
    AnswerFollow(AnswerFollow),
    /// Tells the follower that it was admitted. A follow-up.
    ConfirmFollow(OnFollow),
    /// Tells the follower that the follow is over. A follow-up.
    EndFollow(OnFollow),
    /// Tells the followed that its follower left. A follow-up.
    DropFollower(AnswerFollow),
    /// Grants a follow request.
    AuthorizeFollow(FollowerOf),
    /// Turns a follow request down.
    RejectFollow(FollowerOf),
    /// Removes a follower.
    RemoveFollower(FollowerOf),
    /// Blocks; ends follows both ways.
    Block(OnAccount),
    /// Ends a block.
    Unblock(OnAccount),
    /// Mutes, or changes a mute.
    Mute(Mute),
    /// Ends a mute.
    Unmute(OnAccount),
    /// Notes something on another account.
    SetNote(SetNote),
    /// Publishes a post.
    PublishPost(PublishPost),
    /// Edits a post.
    EditPost(EditPost),
    /// Deletes a post.
    DeletePost(DeletePost),
    /// Reblogs a post.
    Reblog(Reblog),
    /// Takes a reblog back.
    Unreblog(Unreblog),
    /// Favourites a post.
    Favourite(OnPost),
    /// Takes a favourite back.
    Unfavourite(OnPost),
    /// Bookmarks a post.
    Bookmark(OnPost),
    /// Takes a bookmark back.
    Unbookmark(OnPost),
    /// Pins an own post to the profile.
    Pin(OnPost),
    /// Unpins it.
    Unpin(OnPost),
    /// Mutes the thread of a post.
    MuteConversation(OnPost),
    /// Unmutes it.
    UnmuteConversation(OnPost),
    /// Moves a reading marker.
    MoveMarker(MoveMarker),
}

impl Command {
    /// The name of the command's type, as in metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RegisterAccount(_) => "RegisterAccount",
            Self::ChangeProfile(_) => "ChangeProfile",
            Self::ChangeHandle(_) => "ChangeHandle",
            Self::ClaimHandle(_) => "ClaimHandle",
            Self::ConfirmHandle(_) => "ConfirmHandle",
            Self::LapseHandle(_) => "LapseHandle",
            Self::HoldHandle(_) => "HoldHandle",
            Self::ReleaseHandle(_) => "ReleaseHandle",
            Self::SetCredentials(_) => "SetCredentials",
            Self::ConfirmCredentials(_) => "ConfirmCredentials",
            Self::RegisterApp(_) => "RegisterApp",
            Self::IssueCode(_) => "IssueCode",
            Self::RedeemCode(_) => "RedeemCode",
            Self::IssueToken(_) => "IssueToken",
            Self::RevokeToken(_) => "RevokeToken",
            Self::Follow(_) => "Follow",
            Self::Unfollow(_) => "Unfollow",
            Self::AnswerFollow(_) => "AnswerFollow",
            Self::ConfirmFollow(_) => "ConfirmFollow",
            Self::EndFollow(_) => "EndFollow",
            Self::DropFollower(_) => "DropFollower",
            Self::AuthorizeFollow(_) => "AuthorizeFollow",
            Self::RejectFollow(_) => "RejectFollow",
            Self::RemoveFollower(_) => "RemoveFollower",
            Self::Block(_) => "Block",
            Self::Unblock(_) => "Unblock",
            Self::Mute(_) => "Mute",
            Self::Unmute(_) => "Unmute",
            Self::SetNote(_) => "SetNote",
            Self::PublishPost(_) => "PublishPost",
            Self::EditPost(_) => "EditPost",
            Self::DeletePost(_) => "DeletePost",
            Self::Reblog(_) => "Reblog",
            Self::Unreblog(_) => "Unreblog",
            Self::Favourite(_) => "Favourite",
            Self::Unfavourite(_) => "Unfavourite",
            Self::Bookmark(_) => "Bookmark",
            Self::Unbookmark(_) => "Unbookmark",
            Self::Pin(_) => "Pin",
            Self::Unpin(_) => "Unpin",
            Self::MuteConversation(_) => "MuteConversation",
            Self::UnmuteConversation(_) => "UnmuteConversation",
            Self::MoveMarker(_) => "MoveMarker",
        }
    }

    /// The partition whose writer decides: the subject's.
    pub fn partition(&self, partitions: u16) -> PartitionId {
        let of = |account: AccountId| account.partition(partitions);
        match self {
            Self::RegisterAccount(c) => of(c.account),
            Self::ChangeProfile(c) => of(c.account),
            Self::ChangeHandle(c) => of(c.account),
            Self::ClaimHandle(c) => partition_of_text(&c.handle, partitions),
            Self::ConfirmHandle(c) => partition_of_text(&c.handle, partitions),
            Self::LapseHandle(c) => partition_of_text(&c.handle, partitions),
            Self::HoldHandle(c) => partition_of_text(&c.handle, partitions),
            Self::ReleaseHandle(c) => partition_of_text(&c.handle, partitions),
            Self::SetCredentials(c) => of(c.account),
            Self::ConfirmCredentials(c) => of(c.account),
            Self::RegisterApp(c) => c.app.partition(partitions),
            Self::IssueCode(c) => of(c.account),
            Self::RedeemCode(c) => of(c.account),
            // An application's own token has no account: its stream is the application's.
            Self::IssueToken(c) if c.account.0 == 0 => c.app.partition(partitions),
            Self::IssueToken(c) => of(c.account),
            Self::RevokeToken(c) if c.account.0 == 0 => c.app.partition(partitions),
            Self::RevokeToken(c) => of(c.account),
            Self::Follow(c) => of(c.account),
            Self::Unfollow(c) | Self::Block(c) | Self::Unblock(c) | Self::Unmute(c) => of(c.account),
            Self::AnswerFollow(c) | Self::DropFollower(c) => of(c.account),
            Self::ConfirmFollow(c) | Self::EndFollow(c) => of(c.account),
            Self::AuthorizeFollow(c) | Self::RejectFollow(c) | Self::RemoveFollower(c) => of(c.account),
            Self::Mute(c) => of(c.account),
            Self::SetNote(c) => of(c.account),
            Self::PublishPost(c) => of(c.account),
            Self::EditPost(c) => of(c.account),
            Self::DeletePost(c) => of(c.account),
            Self::Reblog(c) => of(c.account),
            Self::Unreblog(c) => of(c.account),
            Self::Favourite(c) | Self::Unfavourite(c) | Self::Bookmark(c) | Self::Unbookmark(c) => of(c.account),
            Self::Pin(c) | Self::Unpin(c) | Self::MuteConversation(c) | Self::UnmuteConversation(c) => of(c.account),
            Self::MoveMarker(c) => of(c.account),
        }
    }
}

/// A command on its way to the write loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Names the command; a retry carries the same one.
    pub id: CommandId,
    /// Whether the id may have been sent before: only then is it looked up. False for ids made for this very call.
    pub maybe_repeated: bool,
    /// Who acts; 0 for the system.
    pub actor: AccountId,
    /// The command that caused this one; zero for none.
    pub causation: CommandId,
    /// The trace it belongs to.
    pub trace: TraceContext,
    /// What to do.
    pub command: Command,
}

impl CommandId {
    /// The id of a command that a client named: SHA-256 of the actor, the client's key and a scope, cut to 128 bits.
    pub fn from_key(actor: AccountId, scope: &str, key: &str) -> Self {
        Self::hash(&[&actor.0.to_be_bytes(), scope.as_bytes(), &[0], key.as_bytes()])
    }

    /// The id of the `step`th follow-up of a command: the same however often it is issued.
    pub fn follow_up(self, step: u32) -> Self {
        Self::hash(&[b"follow-up", &self.0.to_be_bytes(), &step.to_be_bytes()])
    }

    fn hash(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        let bytes: [u8; 32] = hash.finalize().into();
        Self(bytes.iter().take(16).fold(0, |id, byte| (id << 8) | u128::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follow_ups_have_ids_of_their_own() {
        let cause = CommandId(7);
        assert_eq!(cause.follow_up(1), cause.follow_up(1));
        assert_ne!(cause.follow_up(1), cause.follow_up(2));
        assert_ne!(CommandId::from_key(AccountId(1), "posts", "k"), CommandId::from_key(AccountId(2), "posts", "k"));
    }
}
