//! Sign-ups that a client sends again because it did not hear the answer: they get the account and the token of the first one.
//!
//! There is no account yet under whose name the key could be remembered, and nobody keeps tokens. So the first token follows from the
//! instance's secret, the application, the key and the fields with the password: whoever repeats all of them gets the same token, whoever
//! guesses a key gets nothing.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use infra::keys::{Sealed, sha256};
use schemas::commands::{Command, IssueToken};
use schemas::handles::normalise;
use schemas::log::PositionToken;
use schemas::rows::{AccountRow, CredentialRow, HandleState, TokenRow, keys};
use schemas::{AccountId, UnixMillis};

use super::{Accounts, CreateError, Created, NewAccount, secret};

/// How long after it was opened an account is given to a repeated sign-up: as long as commands are remembered.
const REPEATED_MS_MAX: UnixMillis = 24 * 3_600_000;
/// How long a repetition waits for the first call, which may be under way.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

impl Accounts {
    /// The first token of an account: random, or that of the key.
    pub(super) fn first_token(&self, new: &NewAccount) -> String {
        match &new.key {
            None => secret().0,
            Some(key) => {
                let text = |field: &Option<String>| field.as_deref().unwrap_or_default().trim().to_owned();
                let password = new.password.as_deref().unwrap_or_default();
                let parts = [&new.app.to_string(), key, &normalise(&new.username), &text(&new.email).to_lowercase(), password];
                URL_SAFE_NO_PAD.encode(self.keys.sign_up(&parts))
            }
        }
    }

    /// What the sign-up gave, if it was made before and its token still counts.
    pub async fn repeated(&self, new: &NewAccount) -> Result<Option<Created>, CreateError> {
        if new.key.is_none() {
            return Ok(None);
        }
        let token = self.first_token(new);
        let row: Option<TokenRow> = self.row(keys::token(&sha256(token.as_bytes()))).await?;
        Ok(row.map(|row| Created { id: row.account, token, positions: PositionToken::default() }))
    }

    /// Goes on with a sign-up that was made before and cut short, or is under way: what is taken belongs to a young account of this
    /// handle, address and password.
    pub(super) async fn taken_up(&self, new: &NewAccount) -> Result<Option<Created>, CreateError> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(account) = self.taker(new).await? {
                let (opened, stored) = (self.row::<AccountRow>(keys::account(account)).await?, self.row(keys::credential(account)).await?);
                if let Some((opened, stored)) = opened.zip(stored) {
                    let young = (self.clock)().saturating_sub(opened.created_ms) <= REPEATED_MS_MAX;
                    let same =
                        young && normalise(&opened.handle) == normalise(&new.username) && self.is_theirs(new, account, &stored).await?;
                    return if same { self.first_token_again(new, account).await.map(Some) } else { Ok(None) };
                }
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(None);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Who has the handle, or else the address.
    async fn taker(&self, new: &NewAccount) -> Result<Option<AccountId>, CreateError> {
        let claim = self.keys.mail_claim(new.email.as_deref().unwrap_or_default());
        for key in [normalise(&new.username), claim] {
            if let Some(row) = self.handle_row(&key).await?.filter(|row| row.state != HandleState::Held) {
                return Ok(Some(row.account));
            }
        }
        Ok(None)
    }

    async fn is_theirs(&self, new: &NewAccount, account: AccountId, stored: &CredentialRow) -> Result<bool, CreateError> {
        let (Some(email), Some(password)) = (&new.email, &new.password) else { return Ok(false) };
        let opened = |kind, sealed: &[u8]| self.keys.open(account, kind, sealed).ok();
        let same = opened(Sealed::Email, &stored.email).is_some_and(|known| known.trim().eq_ignore_ascii_case(email.trim()));
        Ok(self.passwords.fits(password, opened(Sealed::Password, &stored.password)).await? && same)
    }

    async fn first_token_again(&self, new: &NewAccount, account: AccountId) -> Result<Created, CreateError> {
        let token = self.first_token(new);
        let token_hash = sha256(token.as_bytes()).to_vec().into();
        let issue = IssueToken { account, app: new.app, token_hash, scopes: new.scopes.clone() };
        let receipt = self.send(account, new.trace, Command::IssueToken(issue)).await?;
        Ok(Created { id: account, token, positions: receipt.positions })
    }
}
