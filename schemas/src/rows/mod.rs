//! What views hold: tables, keys, rows with their codec.

mod accounts;
pub mod codec;
mod identity;
pub mod keys;
mod letters;
mod outbox;
mod relations;
mod statuses;
pub mod table;
mod timelines;

pub use accounts::{AccountRow, AccountStatsRow, HandleRow, HandleState, InstanceStatsRow, OpenClaimRow};
pub use identity::{AppRow, AuthCodeRow, CredentialRow, MarkerRow, TokenRow};
pub use letters::{DeadLetterRow, LetterCause};
pub use outbox::{OutboxRow, Outgoing};
pub use relations::{FolloweeRow, FollowerRow, MuteRow, NoteRow, PeerRow, RelationRow};
pub use statuses::{AuthorRow, ContentRow, InteractionRow, PostRow, StatusCountRow, StatusEditRow, StatusRow};
pub use table::{Checkpoint, KeyPart, PartBuilder, RowKey, RowWrite, Table, View};
pub use timelines::{EntryRow, TagUseRow, TagsRow, entry_flags};
