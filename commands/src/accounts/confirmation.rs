//! Confirming an e-mail address: by the link that was mailed, or by an operator; and having the link mailed again.
//!
//! The mail itself is the reactors': setting unconfirmed credentials is what makes them send one, so asking again sets them again.

use infra::keys::{ConfirmationToken, Sealed};
use schemas::AccountId;
use schemas::commands::{
    ClaimHandle, Command, CommandError, ConfirmCredentials, ConfirmHandle, Credentials, Envelope, HANDLE_HOLD_MS, HoldHandle, Receipt,
    SetCredentials,
};
use schemas::log::{CommandId, PositionToken, TraceContext};
use schemas::rows::{CredentialRow, HandleState, keys};
use schemas::{RelationId, UnixMillis};

use super::check::email_problem;
use super::{Accounts, CreateError, FieldProblem, add, random_id, taken};

/// What a link did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// The address counts from now on.
    Now(PositionToken),
    /// It had been confirmed before.
    Before,
    /// The link's time is over.
    Expired,
    /// No link of ours, or one for an address that is not the account's any more.
    Unknown,
}

/// Why no link is mailed again.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// There is nothing to confirm.
    #[error("the e-mail address is not awaiting confirmation")]
    NotWaiting,
    /// As for a sign-up.
    #[error(transparent)]
    Create(#[from] CreateError),
}

impl Accounts {
    /// Counts an account's address as confirmed.
    pub async fn confirm(&self, account: AccountId) -> Result<Receipt, CommandError> {
        self.send(account, TraceContext::default(), Command::ConfirmCredentials(ConfirmCredentials { account })).await
    }

    /// Confirms the address that a link was mailed to.
    pub async fn confirm_by_link(&self, token: &str) -> Result<Confirmed, CreateError> {
        let Some(token) = ConfirmationToken::parse(token) else { return Ok(Confirmed::Unknown) };
        let Some(row) = self.row::<CredentialRow>(keys::credential(token.account)).await? else { return Ok(Confirmed::Unknown) };
        let email = self.keys.open(token.account, Sealed::Email, &row.email).unwrap_or_default();
        if !self.keys.confirms(&token, &email) {
            return Ok(Confirmed::Unknown);
        }
        if row.confirmed {
            return Ok(Confirmed::Before);
        }
        if (self.clock)() >= token.expires_ms {
            return Ok(Confirmed::Expired);
        }
        Ok(Confirmed::Now(self.confirm(token.account).await?.positions))
    }

    /// Whether the account's address is confirmed, or it has none: operators' accounts.
    pub async fn is_confirmed(&self, account: AccountId) -> Result<bool, CreateError> {
        Ok(self.waiting(account).await?.is_none())
    }

    /// The account that waits for the confirmation of an address, if any does.
    pub async fn waiting_for(&self, email: &str) -> Result<Option<AccountId>, CreateError> {
        let row = self.handle_row(&self.keys.mail_claim(email)).await?.filter(|row| row.state != HandleState::Held);
        let Some(account) = row.map(|row| row.account) else { return Ok(None) };
        Ok(self.waiting(account).await?.map(|_| account))
    }

    /// Has the link mailed again, to another address if one is given. `key` names the wish, if its client may repeat it.
    pub async fn resend(&self, account: AccountId, email: Option<&str>, key: Option<&str>) -> Result<PositionToken, ResendError> {
        let row = self.waiting(account).await?.ok_or(ResendError::NotWaiting)?;
        let known = self.keys.open(account, Sealed::Email, &row.email).unwrap_or_default();
        let email = email.map_or(known.as_str(), str::trim);
        if let Some(problem) = email_problem(email) {
            return Err(CreateError::Invalid(vec![problem]).into());
        }
        let (old_claim, claim) = (self.keys.mail_claim(&known), self.keys.mail_claim(email));
        let moves = old_claim != claim;
        let mut positions = PositionToken::default();
        if moves {
            add(&mut positions, &self.claim_address(account, &claim).await?);
        }
        let sealed = self.keys.seal(account, Sealed::Email, email);
        let credentials = Credentials { email: sealed, password: row.password, confirmed: false };
        let command = Command::SetCredentials(SetCredentials { account, credentials });
        let envelope = Envelope {
            id: key.map_or_else(random_id, |key| CommandId::from_key(account, "resend_confirmation", key)),
            maybe_repeated: key.is_some(),
            actor: account,
            causation: CommandId::default(),
            trace: TraceContext::default(),
            command,
        };
        let receipt = self.bus.execute(envelope).await.map_err(|error| ResendError::Create(error.into()))?;
        add(&mut positions, &receipt);
        if moves {
            add(&mut positions, &self.swap_addresses(account, old_claim, claim).await?);
        }
        Ok(positions)
    }

    async fn waiting(&self, account: AccountId) -> Result<Option<CredentialRow>, CreateError> {
        Ok(self.row::<CredentialRow>(keys::credential(account)).await?.filter(|row| !row.confirmed))
    }

    async fn claim_address(&self, account: AccountId, claim: &str) -> Result<Receipt, CreateError> {
        if self.handle_row(claim).await?.is_some_and(|row| row.account != account) {
            return Err(CreateError::Invalid(vec![FieldProblem::taken("email")]));
        }
        let command = Command::ClaimHandle(ClaimHandle { handle: claim.to_owned(), account, expires_ms: 0 });
        self.send(account, TraceContext::default(), command).await.map_err(|error| taken(error, "email"))
    }

    /// The new address is the account's; the old one is free for others after the usual hold.
    async fn swap_addresses(&self, account: AccountId, old: String, new: String) -> Result<Receipt, CreateError> {
        let confirm = Command::ConfirmHandle(ConfirmHandle { handle: new, account, claim: RelationId(0) });
        let mut receipt = self.send(account, TraceContext::default(), confirm).await?;
        let until_ms: UnixMillis = (self.clock)() + HANDLE_HOLD_MS;
        let hold = Command::HoldHandle(HoldHandle { handle: old, account, until_ms });
        let held = self.send(account, TraceContext::default(), hold).await?;
        held.positions.0.iter().for_each(|position| receipt.positions.add(*position));
        Ok(receipt)
    }
}
