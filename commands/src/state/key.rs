//! The keys of decision state, and the rows that they are stored under. Persisted: never reuse a tag.
//!
//! Each key belongs to exactly one partition: the one of the account, handle, application or command that it names first.

use schemas::handles::normalise;
use schemas::log::CommandId;
use schemas::rows::{PartBuilder, RowKey, Table, keys};
use schemas::{AccountId, AppId, PartitionId, PostId};

/// A SHA-256 hash: how codes and tokens are known.
pub type Digest = [u8; 32];

/// Timelines that have a reading marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MarkedTimeline {
    /// The home timeline.
    Home = 1,
    /// The notifications.
    Notifications = 2,
}

impl MarkedTimeline {
    /// The timeline of that name in the API.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "home" => Some(Self::Home),
            "notifications" => Some(Self::Notifications),
            _ => None,
        }
    }
}

/// What a piece of decision state is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKey {
    /// An account.
    Account(AccountId),
    /// A handle, normalised.
    Handle(Box<str>),
    /// The wish of the first account to follow the second.
    Follow(AccountId, AccountId),
    /// What the first account answered to the second's wish to follow it.
    Follower(AccountId, AccountId),
    /// The block of the second account by the first.
    Block(AccountId, AccountId),
    /// The mute of the second account by the first.
    Mute(AccountId, AccountId),
    /// The note of the first account on the second.
    Note(AccountId, AccountId),
    /// A post.
    Post(PostId),
    /// What the account did with the post.
    Interaction(AccountId, PostId),
    /// An application.
    App(AppId),
    /// An authorization code that waits to be redeemed.
    Code(Digest),
    /// A token in force.
    Token(Digest),
    /// How far the account has read.
    Marker(AccountId, MarkedTimeline),
}

impl StateKey {
    /// The key of a handle in whatever spelling.
    pub fn handle(handle: &str) -> Self {
        Self::Handle(normalise(handle).into())
    }

    /// Whether most keys of the kind are written once and not decided on again.
    pub(super) fn is_seldom_read(&self) -> bool {
        matches!(self, Self::Post(_) | Self::Interaction(..) | Self::Code(_))
    }

    /// The row of the key in [`Table::Decision`].
    pub fn row(&self) -> RowKey {
        let pk = match self {
            Self::Account(account) => tag(1).u64(account.0),
            Self::Handle(handle) => tag(2).text(handle),
            Self::Follow(account, target) => tag(3).u64(account.0).u64(target.0),
            Self::Follower(account, follower) => tag(4).u64(account.0).u64(follower.0),
            Self::Block(account, target) => tag(5).u64(account.0).u64(target.0),
            Self::Mute(account, target) => tag(6).u64(account.0).u64(target.0),
            Self::Note(account, target) => tag(7).u64(account.0).u64(target.0),
            Self::Post(post) => tag(8).u64(post.0),
            Self::Interaction(account, post) => tag(keys::DECIDED_INTERACTION).u64(account.0).u64(post.0),
            Self::App(app) => tag(10).u64(app.0),
            Self::Code(hash) => tag(11).raw(hash),
            Self::Token(hash) => tag(12).raw(hash),
            Self::Marker(account, timeline) => tag(13).u64(account.0).raw(&[*timeline as u8]),
        };
        decision(pk, PartBuilder::default())
    }
}

/// The row of what a partition keeps for itself: see [`super::Ledger`].
pub fn ledger_row(partition: PartitionId) -> RowKey {
    decision(tag(20).u16(partition.0), PartBuilder::default())
}

/// The row in which the owner of a partition notes where it is reached.
pub fn owner_row(partition: PartitionId) -> RowKey {
    decision(tag(22).u16(partition.0), PartBuilder::default())
}

/// The row of a command's first receipt, in the `bucket`th bucket of its partition.
pub fn receipt_row(partition: PartitionId, bucket: u64, id: CommandId) -> RowKey {
    decision(receipts(partition, bucket), PartBuilder::default().raw(&id.0.to_be_bytes()))
}

/// The command of a receipt, by its row's sort key.
pub fn receipt_id(sk: &[u8]) -> Option<CommandId> {
    Some(CommandId(u128::from_be_bytes(sk.try_into().ok()?)))
}

/// The partition key of a whole bucket of receipts.
pub fn receipts(partition: PartitionId, bucket: u64) -> PartBuilder {
    tag(21).u16(partition.0).u64(bucket)
}

fn tag(tag: u8) -> PartBuilder {
    PartBuilder::default().raw(&[tag])
}

fn decision(pk: PartBuilder, sk: PartBuilder) -> RowKey {
    RowKey::new(Table::Decision, pk.done(), sk.done())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Persisted: these bytes must never change.
    #[test]
    fn keys_have_the_bytes_of_version_1() {
        let (ana, bob) = (AccountId(1), AccountId(0x0102_0304_0506_0708));
        let check = |key: StateKey, pk: &str| {
            let row = key.row();
            assert_eq!((hex::encode(&row.pk).as_str(), row.sk.len()), (pk, 0), "{key:?}");
        };
        check(StateKey::Account(bob), "010102030405060708");
        check(StateKey::handle("Ana_1"), "02616e615f3100");
        check(StateKey::Follow(ana, bob), "0300000000000000010102030405060708");
        check(StateKey::Follower(ana, bob), "0400000000000000010102030405060708");
        check(StateKey::Block(ana, bob), "0500000000000000010102030405060708");
        check(StateKey::Mute(ana, bob), "0600000000000000010102030405060708");
        check(StateKey::Note(ana, bob), "0700000000000000010102030405060708");
        check(StateKey::Post(PostId(9)), "080000000000000009");
        check(StateKey::Interaction(ana, PostId(9)), "0900000000000000010000000000000009");
        check(StateKey::App(AppId(3)), "0a0000000000000003");
        check(StateKey::Code([0xab; 32]), &format!("0b{}", "ab".repeat(32)));
        check(StateKey::Token([0xcd; 32]), &format!("0c{}", "cd".repeat(32)));
        check(StateKey::Marker(ana, MarkedTimeline::Notifications), "0d000000000000000102");
        assert_eq!(hex::encode(&ledger_row(PartitionId(258)).pk), "140102");
        assert_eq!(hex::encode(&owner_row(PartitionId(258)).pk), "160102");
        let receipt = receipt_row(PartitionId(258), 7, CommandId(5));
        assert_eq!(hex::encode(&receipt.pk), "1501020000000000000007");
        assert_eq!(hex::encode(&receipt.sk), "00000000000000000000000000000005");
    }
}
