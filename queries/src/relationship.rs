//! How a reader and other accounts stand: relationships, and who of one's followees follows somebody.

use bytes::Bytes;
use schemas::AccountId;
use schemas::api::entities::{FamiliarFollowers, Relationship, timestamp};
use schemas::rows::codec::{self, BadRow};
use schemas::rows::{FolloweeRow, FollowerRow, MuteRow, NoteRow, keys};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::QueryError;
use crate::json;
use crate::render;
use crate::side::QuerySide;

/// Accounts that one request may ask about.
pub(crate) const RELATIONSHIPS_MAX: usize = 80;

/// Familiar followers shown of an account.
const FAMILIAR_MAX: usize = 40;

impl QuerySide {
    /// The relationships of the reader to those of the accounts that exist, in the order asked for, each once, as JSON.
    pub async fn relationships(&self, reader: AccountId, others: &[AccountId]) -> Result<Bytes, QueryError> {
        let mut found: Vec<Relationship> = Vec::new();
        for other in others.iter().take(RELATIONSHIPS_MAX) {
            let known = found.iter().any(|relationship| relationship.id == other.to_string());
            if !known && self.caches.account(*other).await?.is_some() {
                found.push(self.relationship(reader, *other).await?);
            }
        }
        Ok(json(&found))
    }

    /// How the reader stands to another account.
    pub(crate) async fn relationship(&self, reader: AccountId, other: AccountId) -> Result<Relationship, QueryError> {
        let row_keys = [
            keys::followee(reader, other),
            keys::follower(reader, other),
            keys::mute(reader, other),
            keys::note(reader, other),
            keys::block(reader, other),
            keys::blocked_by(reader, other),
        ];
        let rows = self.rows.raw(&row_keys).await?;
        let [wish, admission, mute, note, block, blocked_by] = rows.as_slice() else { return Ok(Relationship::default()) };
        let (wish, admission) = (typed::<FolloweeRow>(wish)?, typed::<FollowerRow>(admission)?);
        let now = self.now();
        let mute = typed::<MuteRow>(mute)?.filter(|mute| mute.expires_ms == 0 || mute.expires_ms > now);
        Ok(Relationship {
            id: other.to_string(),
            following: wish.as_ref().is_some_and(|wish| wish.confirmed),
            requested: wish.as_ref().is_some_and(|wish| !wish.confirmed),
            showing_reblogs: wish.as_ref().is_some_and(|wish| wish.reblogs),
            notifying: wish.as_ref().is_some_and(|wish| wish.notify),
            languages: wish.map(|wish| wish.languages).filter(|languages| !languages.is_empty()),
            followed_by: admission.as_ref().is_some_and(|admission| admission.accepted),
            requested_by: admission.is_some_and(|admission| !admission.accepted),
            blocking: block.is_some(),
            blocked_by: blocked_by.is_some(),
            muting: mute.is_some(),
            muting_notifications: mute.as_ref().is_some_and(|mute| mute.notifications),
            muting_expires_at: mute.filter(|mute| mute.expires_ms > 0).map(|mute| timestamp(mute.expires_ms)),
            domain_blocking: false,
            endorsed: false,
            note: typed::<NoteRow>(note)?.map(|note| note.text).unwrap_or_default(),
        })
    }

    /// Who of the reader's followees follows each account, as JSON; nobody where the account hides its followers.
    pub async fn familiar_followers(&self, reader: AccountId, of: &[AccountId]) -> Result<Bytes, QueryError> {
        let reader = self.caches.reader(reader).await?;
        let mut followees: Vec<AccountId> = reader.followees.keys().copied().collect();
        followees.sort_unstable();
        let mut out = Vec::new();
        for target in of.iter().take(RELATIONSHIPS_MAX) {
            let Some(account) = self.caches.account(*target).await? else { continue };
            let hidden = account.row.profile.hide_collections || reader.blocked_by.contains(target);
            let familiar = if hidden { Vec::new() } else { self.followers_among(*target, &followees).await? };
            let accounts = render::accounts(&self.accounts_of(familiar).await?);
            let accounts: Box<RawValue> = raw(&accounts);
            out.push(raw(&json(&FamiliarFollowers::new(*target, &accounts))));
        }
        Ok(json(&out))
    }

    async fn followers_among(&self, target: AccountId, some: &[AccountId]) -> Result<Vec<AccountId>, QueryError> {
        let row_keys: Vec<_> = some.iter().map(|follower| keys::follower(target, *follower)).collect();
        let rows = self.rows.many::<FollowerRow>(&row_keys).await?;
        let accepted = some.iter().zip(rows).filter(|(_, row)| row.as_ref().is_some_and(|row| row.accepted));
        Ok(accepted.map(|(follower, _)| *follower).take(FAMILIAR_MAX).collect())
    }

    /// Whether a standing wish of the reader is not (or no longer) admitted by the other side.
    pub(crate) async fn wish_is_stale(&self, reader: AccountId, other: AccountId) -> Result<bool, QueryError> {
        let Some(wish) = self.rows.one::<FolloweeRow>(keys::followee(reader, other)).await? else { return Ok(false) };
        let admission = self.rows.one::<FollowerRow>(keys::follower(other, reader)).await?;
        Ok(admission.is_none_or(|admission| admission.relation != wish.relation))
    }
}

fn typed<T: DeserializeOwned>(bytes: &Option<Bytes>) -> Result<Option<T>, BadRow> {
    bytes.as_ref().map(|bytes| codec::decode(bytes)).transpose()
}

/// JSON that we made, to be put into other JSON as it is.
pub(crate) fn raw(json: &Bytes) -> Box<RawValue> {
    let text = std::str::from_utf8(json).expect("JSON of ours is UTF-8").to_owned();
    RawValue::from_string(text).expect("JSON of ours is well-formed")
}
