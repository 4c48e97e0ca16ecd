//! A line of a batch: `{"do": OPERATION, "id": ..., "key": ...}` with the operation's parameters beside them.

use std::str::FromStr;

use infra::http::{ApiError, Caller, IDEMPOTENCY_KEY_CHARS_MAX, Node, Params, scopes};
use schemas::api::operation;
use schemas::commands::Envelope;
use schemas::{AccountId, PostId};

use super::super::prepared::{Prepared, Shows};
use super::super::{Writes, interactions, relations, statuses};

/// Bytes of a line at the most: a post of the longest text with every character escaped takes half of it.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// The operations that a line may name.
pub(in super::super) const OPERATIONS: [&str; 23] = [
    "statuses.create",
    "statuses.edit",
    "statuses.delete",
    "statuses.reblog",
    "statuses.unreblog",
    "statuses.favourite",
    "statuses.unfavourite",
    "statuses.bookmark",
    "statuses.unbookmark",
    "statuses.pin",
    "statuses.unpin",
    "statuses.mute",
    "statuses.unmute",
    "accounts.follow",
    "accounts.unfollow",
    "accounts.remove_from_followers",
    "accounts.block",
    "accounts.unblock",
    "accounts.mute",
    "accounts.unmute",
    "accounts.note",
    "follow_requests.authorize",
    "follow_requests.reject",
];

/// A line that is not blank, and its number in the body, counted from 1.
pub(super) struct Line<'a> {
    pub(super) number: usize,
    text: &'a str,
}

/// The lines of a body.
pub(super) fn lines_of(body: &str) -> impl Iterator<Item = Line<'_>> {
    let numbered = (1..).zip(body.split('\n').map(str::trim));
    numbered.filter(|(_, text)| !text.is_empty()).map(|(number, text)| Line { number, text })
}

impl Line<'_> {
    /// What the line comes to, for a caller whose token must reach its operation.
    pub(super) async fn check(&self, writes: &Writes, caller: &Caller) -> Result<(Shows, Envelope), ApiError> {
        if self.text.len() > LINE_BYTES_MAX {
            return Err(ApiError::TooLarge);
        }
        let params = Params::of_json(self.text.as_bytes()).map_err(|error| match error {
            ApiError::BadRequest(text) => ApiError::BadRequest(text.replacen("The body", "The line", 1)),
            other => other,
        })?;
        let name = params.required("do")?;
        let known = OPERATIONS.iter().find(|known| **known == name).and_then(|known| operation(known));
        let operation = known.ok_or_else(unknown)?;
        if !scopes::allow(&caller.scopes, operation.scopes) {
            return Err(ApiError::BAD_SCOPE);
        }
        let key = self.key(&params, caller)?;
        let prepared = prepare(writes, caller, name, &params).await?;
        Ok((prepared.shows, prepared.envelope(caller, key.as_deref())))
    }

    /// The idempotency key: the line's own, or one made of the whole batch's.
    fn key(&self, params: &Node, caller: &Caller) -> Result<Option<String>, ApiError> {
        match params.filled("key") {
            Some(key) if key.len() > IDEMPOTENCY_KEY_CHARS_MAX => {
                Err(ApiError::invalid_param("key", &format!("is too long (maximum is {IDEMPOTENCY_KEY_CHARS_MAX} characters)")))
            }
            Some(key) => Ok(Some(key.to_owned())),
            None => Ok(caller.idempotency_key.as_ref().map(|key| format!("{key}/{}", self.number))),
        }
    }
}

/// The command of an operation of [`OPERATIONS`]. `id` is what its path would name.
async fn prepare(writes: &Writes, caller: &Caller, name: &str, params: &Node) -> Result<Prepared, ApiError> {
    let on_post = async |verb| interactions::to_act(writes, caller, id::<PostId>(params)?, verb).await;
    let on_account = async |verb| relations::to_act(writes, caller, id::<AccountId>(params)?, verb).await;
    match name {
        "statuses.create" => statuses::to_create(writes, caller, params).await,
        "statuses.edit" => statuses::to_edit(writes, caller, id(params)?, params).await,
        "statuses.delete" => statuses::to_delete(writes, caller, id(params)?).await,
        "statuses.reblog" => interactions::to_reblog(writes, caller, id(params)?, params).await,
        "statuses.unreblog" => interactions::to_unreblog(writes, caller, id(params)?).await,
        "statuses.favourite" => on_post(interactions::FAVOURITE).await,
        "statuses.unfavourite" => on_post(interactions::UNFAVOURITE).await,
        "statuses.bookmark" => on_post(interactions::BOOKMARK).await,
        "statuses.unbookmark" => on_post(interactions::UNBOOKMARK).await,
        "statuses.pin" => on_post(interactions::PIN).await,
        "statuses.unpin" => on_post(interactions::UNPIN).await,
        "statuses.mute" => on_post(interactions::MUTE).await,
        "statuses.unmute" => on_post(interactions::UNMUTE).await,
        "accounts.follow" => relations::to_follow(writes, caller, id(params)?, params).await,
        "accounts.mute" => relations::to_mute(writes, caller, id(params)?, params).await,
        "accounts.note" => relations::to_note(writes, caller, id(params)?, params).await,
        "accounts.unfollow" => on_account(relations::UNFOLLOW).await,
        "accounts.remove_from_followers" => on_account(relations::REMOVE_FOLLOWER).await,
        "accounts.block" => on_account(relations::BLOCK).await,
        "accounts.unblock" => on_account(relations::UNBLOCK).await,
        "accounts.unmute" => on_account(relations::UNMUTE).await,
        "follow_requests.authorize" => on_account(relations::AUTHORIZE).await,
        "follow_requests.reject" => on_account(relations::REJECT).await,
        _ => Err(unknown()),
    }
}

fn unknown() -> ApiError {
    ApiError::invalid_param("do", "is not an operation that a batch takes")
}

/// The id that the operation's path would name: 404 where it is none, as there.
fn id<T: FromStr>(params: &Node) -> Result<T, ApiError> {
    params.required("id")?.trim().parse().map_err(|_| ApiError::NotFound)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemas::api::{Access, Side};

    use super::*;

    #[test]
    fn a_batch_takes_any_scope_of_its_lines() {
        let taken: Vec<_> = OPERATIONS.iter().map(|name| operation(name).expect("it is in the table")).collect();
        assert!(taken.iter().all(|operation| (operation.access, operation.side) == (Access::User, Side::Write)));
        let of_lines: BTreeSet<&str> = taken.iter().flat_map(|operation| operation.scopes.split(' ')).collect();
        let batch = operation("roost.batch").expect("it is in the table");
        assert_eq!(batch.scopes.split(' ').collect::<BTreeSet<_>>(), of_lines);
    }

    #[test]
    fn blank_lines_count_in_numbers_only() {
        let lines: Vec<_> = lines_of("a\r\n\n  \n b \n").map(|line| (line.number, line.text)).collect();
        assert_eq!(lines, [(1, "a"), (4, "b")]);
        assert_eq!(lines_of("").count(), 0);
    }
}
