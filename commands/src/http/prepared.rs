//! What a request comes to before anything is done: the command, checked, with the name that its idempotency key is for and what its answer
//! shows. A resource of its own and a line of a batch prepare alike.

use axum::response::Response;
use infra::http::{ApiError, Caller};
use schemas::commands::{Command, Envelope, Receipt};
use schemas::log::CommandId;
use schemas::{AccountId, PostId};

use super::Writes;
use crate::accounts::random_id;

/// A command that is ready to be sent in its caller's name.
pub(super) struct Prepared {
    /// Tells one command of a caller from another under the same idempotency key.
    pub(super) scope: String,
    pub(super) command: Command,
    pub(super) shows: Shows,
}

/// What the answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// The post that the command makes.
    Made,
    Post(PostId),
    /// The relationship to an account.
    Account(AccountId),
}

impl Shows {
    /// The id of what is shown.
    pub(super) fn id(self, receipt: &Receipt) -> u64 {
        match self {
            Self::Made => receipt.id,
            Self::Post(post) => post.0,
            Self::Account(account) => account.0,
        }
    }
}

impl Prepared {
    /// The command with all that goes with it: its id is random, or made of the key.
    pub(super) fn envelope(self, caller: &Caller, key: Option<&str>) -> Envelope {
        envelope(caller, key, &self.scope, self.command)
    }
}

/// See [`Prepared::envelope`]. Keys are an account's own: without one they name nothing.
pub(super) fn envelope(caller: &Caller, key: Option<&str>, scope: &str, command: Command) -> Envelope {
    let actor = caller.account.unwrap_or_default();
    let key = key.filter(|_| caller.account.is_some());
    Envelope {
        id: key.map_or_else(random_id, |key| CommandId::from_key(actor, scope, key)),
        maybe_repeated: key.is_some(),
        actor,
        causation: CommandId::default(),
        trace: caller.trace,
        command,
    }
}

impl Writes {
    /// Sends what was prepared, and answers with what it shows.
    pub(super) async fn run(&self, caller: &Caller, prepared: Prepared) -> Result<Response, ApiError> {
        let (reader, shows) = (caller.user()?, prepared.shows);
        let receipt = self.send(caller, &prepared.scope, prepared.command).await?;
        match shows {
            Shows::Made => self.show_post(reader, &receipt, PostId(receipt.id)).await,
            Shows::Post(post) => self.show_post(reader, &receipt, post).await,
            Shows::Account(account) => self.show_relationship(reader, &receipt, account).await,
        }
    }
}
