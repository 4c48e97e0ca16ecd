//! Decision state: a small keyed map, the only thing that deciding reads. What is not in memory rests in the view `decisions`.
//!
//! Reading and deciding are apart: a command names its keys, the write loop loads them, then deciding is a function of memory alone.
//! **Nothing is decided on a key that was not loaded**: "not loaded" and "not there" are different, and mixing them up is asserted.

mod key;
mod ledger;
mod map;
mod value;

pub use key::{Digest, MarkedTimeline, StateKey, ledger_row, owner_row, receipt_id, receipt_row, receipts};
pub use ledger::{COMMANDS_KEPT_MAX, COMMANDS_KEPT_MS, Ledger};
pub use map::State;
pub use value::{
    AccountState, Admission, ClaimPhase, CodeState, CredentialState, FirstReceipt, FollowState, FollowerState, HandleState,
    InteractionState, MarkerState, MuteState, OwnerNote, PostState, ReblogState, StateValue, TokenState,
};

use schemas::{AccountId, AppId, PostId};

impl State {
    /// The account.
    pub fn account(&self, account: AccountId) -> Option<&AccountState> {
        match self.get(&StateKey::Account(account))? {
            StateValue::Account(account) => Some(account),
            _ => None,
        }
    }

    /// The handle, normalised.
    pub fn handle(&self, handle: &str) -> Option<&HandleState> {
        match self.get(&StateKey::Handle(handle.into()))? {
            StateValue::Handle(handle) => Some(handle),
            _ => None,
        }
    }

    /// The first account's wish to follow the second.
    pub fn follow(&self, account: AccountId, target: AccountId) -> Option<&FollowState> {
        match self.get(&StateKey::Follow(account, target))? {
            StateValue::Follow(follow) => Some(follow),
            _ => None,
        }
    }

    /// The first account's answer to the second.
    pub fn follower(&self, account: AccountId, follower: AccountId) -> Option<&FollowerState> {
        match self.get(&StateKey::Follower(account, follower))? {
            StateValue::Follower(follower) => Some(follower),
            _ => None,
        }
    }

    /// The first account's block of the second.
    pub fn block(&self, account: AccountId, target: AccountId) -> Option<schemas::RelationId> {
        match self.get(&StateKey::Block(account, target))? {
            StateValue::Block(relation) => Some(*relation),
            _ => None,
        }
    }

    /// The first account's mute of the second.
    pub fn mute(&self, account: AccountId, target: AccountId) -> Option<&MuteState> {
        match self.get(&StateKey::Mute(account, target))? {
            StateValue::Mute(mute) => Some(mute),
            _ => None,
        }
    }

    /// The first account's note on the second; empty for none.
    pub fn note(&self, account: AccountId, target: AccountId) -> &str {
        match self.get(&StateKey::Note(account, target)) {
            Some(StateValue::Note(text)) => text,
            _ => "",
        }
    }

    /// The post.
    pub fn post(&self, post: PostId) -> Option<&PostState> {
        match self.get(&StateKey::Post(post))? {
            StateValue::Post(post) => Some(post),
            _ => None,
        }
    }

    /// What the account did with the post.
    pub fn interaction(&self, account: AccountId, post: PostId) -> Option<&InteractionState> {
        match self.get(&StateKey::Interaction(account, post))? {
            StateValue::Interaction(interaction) => Some(interaction),
            _ => None,
        }
    }

    /// Whether the application is registered.
    pub fn has_app(&self, app: AppId) -> bool {
        matches!(self.get(&StateKey::App(app)), Some(StateValue::App))
    }

    /// The code that waits to be redeemed.
    pub fn code(&self, hash: Digest) -> Option<&CodeState> {
        match self.get(&StateKey::Code(hash))? {
            StateValue::Code(code) => Some(code),
            _ => None,
        }
    }

    /// The token in force.
    pub fn token(&self, hash: Digest) -> Option<&TokenState> {
        match self.get(&StateKey::Token(hash))? {
            StateValue::Token(token) => Some(token),
            _ => None,
        }
    }

    /// The account's reading marker.
    pub fn marker(&self, account: AccountId, timeline: MarkedTimeline) -> Option<MarkerState> {
        match self.get(&StateKey::Marker(account, timeline))? {
            StateValue::Marker(marker) => Some(*marker),
            _ => None,
        }
    }

    /// The account, to be changed.
    pub fn account_mut(&mut self, account: AccountId) -> Option<&mut AccountState> {
        match self.change(StateKey::Account(account))? {
            StateValue::Account(account) => Some(account),
            _ => None,
        }
    }

    /// The wish to follow, to be changed.
    pub fn follow_mut(&mut self, account: AccountId, target: AccountId) -> Option<&mut FollowState> {
        match self.change(StateKey::Follow(account, target))? {
            StateValue::Follow(follow) => Some(follow),
            _ => None,
        }
    }

    /// The post, to be changed.
    pub fn post_mut(&mut self, post: PostId) -> Option<&mut PostState> {
        match self.change(StateKey::Post(post))? {
            StateValue::Post(post) => Some(post),
            _ => None,
        }
    }
}
