//! The tables of every view, and the keys of their rows.
//!
//! A key has two parts: the partition key `pk` (one CQL partition; one prefix in an ordered store) and the sort key `sk` within it. Scans
//! never leave one `pk`. Parts are built of big-endian integers and zero-terminated text, so that bytes sort as values do.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::log::{Offset, Validity};

/// A group of tables that is projected, checkpointed, rebuilt and swapped as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// What the write loop decides on; kept by the write loop itself.
    Decisions = 0,
    /// Profiles, handles and the instance's totals.
    Accounts = 1,
    /// Follows, follow requests, blocks, mutes, notes, and what an account counts (its counts of follows are decided by their rows).
    Relations = 2,
    /// Posts, their versions, replies, and what was done with them.
    Statuses = 3,
    /// Author, public and tag timelines.
    Timelines = 4,
    /// Applications, tokens, authorization codes, credentials.
    Identity = 5,
    /// Preferences and markers.
    Settings = 6,
    /// How far the reactors have come, and what they have yet to send. Never rebuilt: a follow-up is issued once.
    Reactors = 7,
    /// Records that could not be projected, and those held back behind them, per version of a view. No checkpoint.
    DeadLetters = 8,
}

impl View {
    /// Every view kept in the view store.
    pub const ALL: [Self; 9] = [
        Self::Decisions,
        Self::Accounts,
        Self::Relations,
        Self::Statuses,
        Self::Timelines,
        Self::Identity,
        Self::Settings,
        Self::Reactors,
        Self::DeadLetters,
    ];

    /// The views that the projection loop keeps from the log, that rebuilds make anew and `verify` compares.
    pub const PROJECTED: [Self; 6] = [Self::Accounts, Self::Relations, Self::Statuses, Self::Timelines, Self::Identity, Self::Settings];

    /// The name in commands, metrics and folders. Persisted.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Accounts => "accounts",
            Self::Relations => "relations",
            Self::Statuses => "statuses",
            Self::Timelines => "timelines",
            Self::Identity => "identity",
            Self::Settings => "settings",
            Self::Reactors => "reactors",
            Self::DeadLetters => "dead_letters",
        }
    }

    /// The view of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }
}

/// Declares the tables with their persisted tag, name and view.
macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident = $tag:literal $name:literal in $view:ident;)*) => {
        /// A kind of row. Tags and names are persisted: never reuse one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Table { $($(#[$doc])* $variant = $tag,)* }

        impl Table {
            /// Every table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in commands and in CQL.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The view that it belongs to.
            pub const fn view(self) -> View {
                match self { $(Self::$variant => View::$view,)* }
            }
        }
    };
}

tables! {
    /// Decision state: (state key) -> value.
    Decision = 1 "decision" in Decisions;
    /// (account) -> profile.
    Account = 10 "account" in Accounts;
    /// (account) -> counts kept by the account's own partition.
    AccountStats = 11 "account_stats" in Relations;
    /// (normalised handle) -> account.
    Handle = 12 "handle" in Accounts;
    /// (claims due, partition) (due time, handle) -> account: claims that nobody has confirmed yet.
    OpenClaim = 13 "open_claim" in Accounts;
    /// (directory) (account) -> nothing: every account, by age.
    Directory = 14 "directory" in Accounts;
    /// (instance totals) (partition) -> users, posts.
    InstanceStats = 15 "instance_stats" in Accounts;
    /// (account) (followee) -> the account's wish to follow.
    Followee = 20 "followee" in Relations;
    /// (account) (relation) -> followee, confirmed follows only, in order of making.
    FolloweeList = 21 "followee_list" in Relations;
    /// (account) (follower) -> admission.
    Follower = 22 "follower" in Relations;
    /// (account) (relation) -> follower, admitted ones only, in order of making.
    FollowerList = 23 "follower_list" in Relations;
    /// (account) (relation) -> who asks to follow.
    RequestList = 24 "request_list" in Relations;
    /// (account) (blocked) -> relation.
    Block = 25 "block" in Relations;
    /// (account) (relation) -> blocked.
    BlockList = 26 "block_list" in Relations;
    /// (blocked) (account) -> relation: who blocks me.
    BlockedBy = 27 "blocked_by" in Relations;
    /// (account) (muted) -> mute.
    Mute = 28 "mute" in Relations;
    /// (account) (relation) -> muted.
    MuteList = 29 "mute_list" in Relations;
    /// (account) (target) -> private note.
    Note = 30 "note" in Relations;
    /// (post) -> post or reblog.
    Status = 40 "status" in Statuses;
    /// (post) (version) -> an earlier or present version. A post that was never edited has none: its status is its only version.
    StatusEdit = 41 "status_edit" in Statuses;
    /// (post) (partition) -> partial counts of replies, reblogs, favourites.
    StatusCount = 42 "status_count" in Statuses;
    /// (parent) (post) -> author: direct replies.
    Reply = 43 "reply" in Statuses;
    /// (account) (post) -> what the account did with the post.
    Interaction = 44 "interaction" in Statuses;
    /// (account) (relation) -> post.
    FavouriteList = 45 "favourite_list" in Statuses;
    /// (account) (relation) -> post.
    BookmarkList = 46 "bookmark_list" in Statuses;
    /// (post) (relation) -> account.
    FavouritedBy = 47 "favourited_by" in Statuses;
    /// (post) (reblog) -> account.
    RebloggedBy = 48 "reblogged_by" in Statuses;
    /// (account) (relation) -> post.
    PinList = 49 "pin_list" in Statuses;
    /// (account) (post) -> author: posts that mention the account.
    Mention = 50 "mention" in Statuses;
    /// (author) (post) -> entry.
    AuthorList = 60 "author_list" in Timelines;
    /// (month bucket) (post) -> entry: public posts, no reblogs.
    PublicList = 61 "public_list" in Timelines;
    /// (tag, month bucket) (post) -> entry.
    TagList = 62 "tag_list" in Timelines;
    /// (tag) (day, partition) -> partial counts of uses and accounts.
    TagUse = 63 "tag_use" in Timelines;
    /// (tags) (tag) -> nothing: every tag that was ever used, by name. Never removed, so that its many sources cannot disagree.
    TagName = 64 "tag_name" in Timelines;
    /// (post) -> the tags under whose timelines the post stands; none for a post without.
    PostTags = 65 "post_tags" in Timelines;
    /// (application) -> application.
    App = 70 "app" in Identity;
    /// (token hash) -> token.
    Token = 71 "token" in Identity;
    /// (code hash) -> authorization code.
    AuthCode = 72 "auth_code" in Identity;
    /// (account) -> sealed credentials.
    Credential = 73 "credential" in Identity;
    /// (account) (token hash) -> nothing: tokens of an account.
    TokenOf = 74 "token_of" in Identity;
    /// (account) -> preferences.
    Preference = 80 "preference" in Settings;
    /// (account) (timeline name) -> marker.
    Marker = 81 "marker" in Settings;
    /// (partition) (offset, number) -> what is to be sent because of that record, until it is.
    Outbox = 85 "outbox" in Reactors;
    /// (view, version, partition) (offset) -> a record that could not be projected, or is held back behind one.
    DeadLetter = 90 "dead_letter" in DeadLetters;
}

/// A part of a key.
pub type KeyPart = SmallVec<[u8; 24]>;

/// The key of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The table.
    pub table: Table,
    /// The partition key; within a table, no `pk` is a prefix of another.
    pub pk: KeyPart,
    /// The sort key; empty where a `pk` has one row.
    pub sk: KeyPart,
}

impl RowKey {
    /// A key of its parts.
    pub fn new(table: Table, pk: KeyPart, sk: KeyPart) -> Self {
        Self { table, pk, sk }
    }
}

/// Builds key parts whose bytes sort as the values do.
#[derive(Debug, Default, Clone)]
pub struct PartBuilder(KeyPart);

impl PartBuilder {
    /// Appends an unsigned number, big-endian.
    #[must_use]
    pub fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Appends a 16-bit number, big-endian.
    #[must_use]
    pub fn u16(mut self, value: u16) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Appends text and the zero that ends it; zeros inside are dropped.
    #[must_use]
    pub fn text(mut self, value: &str) -> Self {
        self.0.extend(value.bytes().filter(|byte| *byte != 0));
        self.0.push(0);
        self
    }

    /// Appends bytes as they are: for hashes, of fixed length.
    #[must_use]
    pub fn raw(mut self, value: &[u8]) -> Self {
        self.0.extend_from_slice(value);
        self
    }

    /// The part.
    pub fn done(self) -> KeyPart {
        self.0
    }
}

/// A change of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWrite {
    /// Which row.
    pub key: RowKey,
    /// Its new bytes, or nothing for its removal.
    pub value: Option<bytes::Bytes>,
    /// The offset of the record that causes it, in the row's one source partition: the write's timestamp in CQL.
    pub offset: Offset,
}

/// How far a view has come in a partition: the next offset to read, with the validity rule's state there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The log generation.
    pub generation: u32,
    /// The next offset to read: everything below is in the rows.
    pub next: Offset,
    /// The validity rule's state at `next`.
    pub validity: Validity,
}
