//! The identity view: applications, tokens, authorization codes and credentials. Hashes and sealed bytes only.

use schemas::events::{Event, TokenIssued};
use schemas::rows::{AppRow, AuthCodeRow, CredentialRow, RowKey, TokenRow, View, keys};

use super::{Context, Projection};
use crate::rows::Rows;

/// The identity view.
pub(super) struct Identity;

impl Projection for Identity {
    fn view(&self) -> View {
        View::Identity
    }

    fn reads(&self, event: &Event, _context: &Context, reads: &mut Vec<RowKey>) {
        if let Event::CredentialsConfirmed(e) = event {
            reads.push(keys::credential(e.account));
        }
    }

    fn project(&self, event: &Event, context: &Context, rows: &mut Rows) {
        match event {
            Event::AppRegistered(e) => {
                let row = AppRow {
                    secret_hash: e.secret_hash.clone(),
                    name: e.name.clone(),
                    website: e.website.clone(),
                    redirect_uris: e.redirect_uris.clone(),
                    scopes: e.scopes.clone(),
                    created_ms: context.time_ms,
                };
                rows.put(keys::app(e.app), &row);
            }
            Event::CodeIssued(e) => {
                let row = AuthCodeRow { account: e.account, app: e.app, expires_ms: e.expires_ms };
                rows.put(keys::auth_code(&e.code_hash), &row);
            }
            Event::CodeRedeemed(e) => rows.delete(keys::auth_code(&e.code_hash)),
            Event::TokenIssued(e) => issue(rows, context, e),
            Event::TokenRevoked(e) => {
                rows.delete(keys::token(&e.token_hash));
                rows.delete(keys::token_of(e.account, &e.token_hash));
            }
            Event::CredentialsSet(e) => {
                let row = CredentialRow { email: e.email.clone(), password: e.password.clone(), confirmed: e.confirmed };
                rows.put(keys::credential(e.account), &row);
            }
            Event::CredentialsConfirmed(e) => {
                let key = keys::credential(e.account);
                if let Some(row) = rows.get::<CredentialRow>(&key) {
                    rows.put(key, &CredentialRow { confirmed: true, ..row });
                }
            }
            _ => {}
        }
    }
}

fn issue(rows: &mut Rows, context: &Context, e: &TokenIssued) {
    let row = TokenRow { account: e.account, app: e.app, scopes: e.scopes.clone(), created_ms: context.time_ms };
    rows.put(keys::token(&e.token_hash), &row);
    // Applications' own tokens belong to no account: listed together, they would be one row set of many sources.
    if e.account.0 != 0 {
        rows.put(keys::token_of(e.account, &e.token_hash), &());
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::*;
    use super::*;
    use bytes::Bytes;
    use schemas::events::{AppRegistered, CodeIssued, CodeRedeemed, CredentialsConfirmed, CredentialsSet, TokenRevoked};
    use schemas::ids::AppId;

    const HASH: Bytes = Bytes::from_static(&[7; 32]);

    fn issued(account: schemas::AccountId) -> Event {
        TokenIssued { account, token_hash: HASH, app: AppId(3), scopes: vec!["read".into()] }.into()
    }

    fn token(account: schemas::AccountId) -> Expected {
        row(keys::token(&HASH), TokenRow { account, app: AppId(3), scopes: vec!["read".into()], created_ms: T0 })
    }

    #[test]
    fn a_token_is_there_until_revoked() {
        check(&Identity, &[issued(ANA)], &[token(ANA), row(keys::token_of(ANA, &HASH), ())]);
        check(&Identity, &[issued(NOBODY)], &[token(NOBODY)]);
        check(&Identity, &[issued(ANA), TokenRevoked { account: ANA, token_hash: HASH, app: AppId(3) }.into()], &[]);
    }

    #[test]
    fn a_code_is_there_until_redeemed() {
        let scopes = vec!["read".into()];
        let code = CodeIssued {
            account: ANA,
            code_hash: HASH,
            app: AppId(3),
            redirect_uri: "https://client.example/".into(),
            scopes,
            challenge: None,
            expires_ms: 99,
        };
        let stands = row(keys::auth_code(&HASH), AuthCodeRow { account: ANA, app: AppId(3), expires_ms: 99 });
        check(&Identity, &[code.clone().into()], &[stands]);
        check(&Identity, &[code.into(), CodeRedeemed { account: ANA, code_hash: HASH }.into()], &[]);
    }

    #[test]
    fn credentials_are_confirmed_and_replaced() {
        let set = |confirmed| CredentialsSet { account: ANA, email: HASH, password: HASH, confirmed };
        let stands = |confirmed| row(keys::credential(ANA), CredentialRow { email: HASH, password: HASH, confirmed });
        let confirmed = CredentialsConfirmed { account: ANA };
        check(&Identity, &[set(false).into(), confirmed.clone().into()], &[stands(true)]);
        check(&Identity, &[set(false).into(), confirmed.into(), set(false).into()], &[stands(false)]);
    }

    #[test]
    fn an_application_is_kept() {
        let app =
            AppRegistered { app: AppId(3), secret_hash: HASH, name: "tusk".into(), website: None, redirect_uris: vec![], scopes: vec![] };
        let kept = AppRow { secret_hash: HASH, name: "tusk".into(), website: None, redirect_uris: vec![], scopes: vec![], created_ms: T0 };
        check(&Identity, &[app.into()], &[row(keys::app(AppId(3)), kept)]);
    }
}
