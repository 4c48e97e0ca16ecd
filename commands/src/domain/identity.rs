//! Identity: credentials, applications, codes, tokens. Only hashes and sealed bytes come here.
//!
//! A redeemed code is forgotten, so that a second redemption is refused like any unknown code. RFC 6749 (4.1.2) suggests to revoke the
//! token of the first one then; Roost does not, for a refusal must not leave a record.

use schemas::commands::{
    ConfirmCredentials, Credentials, IssueCode, IssueToken, RedeemCode, RegisterApp, Rejection, RevokeToken, SetCredentials,
};
use schemas::events::{AppRegistered, CodeIssued, CodeRedeemed, CredentialsConfirmed, CredentialsSet, Event, TokenIssued, TokenRevoked};

use super::limits::{
    APP_NAME_CHARS_MAX, REDIRECT_URIS_MAX, SCOPES_MAX, SEALED_BYTES_MAX, URL_BYTES_MAX, check_chars, check_count, invalid,
};
use super::{Ctx, Decided, Decision, actor, digest, one, unchanged};
use crate::state::{CodeState, CredentialState, Digest, State, StateKey, StateValue, TokenState};

pub(super) fn set_credentials(c: SetCredentials, state: &State) -> Decided {
    // A link that is asked for again must not undo the confirmation that came before it.
    if actor(state, c.account)?.credentials == CredentialState::Confirmed && !c.credentials.confirmed {
        return Err(Rejection::NotAllowed);
    }
    check_credentials(&c.credentials)?;
    let Credentials { email, password, confirmed } = c.credentials;
    one(c.account.0, CredentialsSet { account: c.account, email, password, confirmed })
}

pub(super) fn check_credentials(credentials: &Credentials) -> Result<(), Rejection> {
    for (field, sealed) in [("email", &credentials.email), ("password", &credentials.password)] {
        if sealed.len() > SEALED_BYTES_MAX {
            return Err(invalid(field, "is too long"));
        }
    }
    Ok(())
}

pub(super) fn confirm_credentials(c: ConfirmCredentials, state: &State) -> Decided {
    match actor(state, c.account)?.credentials {
        CredentialState::None => Err(Rejection::NotFound),
        CredentialState::Unconfirmed => one(c.account.0, CredentialsConfirmed { account: c.account }),
        CredentialState::Confirmed => unchanged(c.account.0),
    }
}

pub(super) fn register_app(c: RegisterApp, state: &State) -> Decided {
    if state.has_app(c.app) {
        return unchanged(c.app.0);
    }
    if c.name.trim().is_empty() {
        return Err(invalid("client_name", "can't be blank"));
    }
    if c.redirect_uris.is_empty() {
        return Err(invalid("redirect_uris", "can't be blank"));
    }
    check_chars("client_name", &c.name, APP_NAME_CHARS_MAX)?;
    check_chars("website", c.website.as_deref().unwrap_or_default(), URL_BYTES_MAX)?;
    check_count("redirect_uris", c.redirect_uris.len(), REDIRECT_URIS_MAX)?;
    for uri in &c.redirect_uris {
        check_chars("redirect_uris", uri, URL_BYTES_MAX)?;
    }
    check_scopes(&c.scopes)?;
    let RegisterApp { app, secret_hash, name, website, redirect_uris, scopes } = c;
    one(app.0, AppRegistered { app, secret_hash, name, website, redirect_uris, scopes })
}

pub(super) fn issue_code(c: IssueCode, state: &State, ctx: &Ctx<'_>) -> Decided {
    actor(state, c.account)?;
    let code = hash("code", &c.code_hash)?;
    if state.code(code).is_some() {
        return unchanged(0);
    }
    check_scopes(&c.scopes)?;
    check_chars("redirect_uri", &c.redirect_uri, URL_BYTES_MAX)?;
    check_chars("code_challenge", c.challenge.as_deref().unwrap_or_default(), URL_BYTES_MAX)?;
    if c.expires_ms <= ctx.now_ms {
        return Err(Rejection::BadCode);
    }
    let IssueCode { account, code_hash, app, redirect_uri, scopes, challenge, expires_ms } = c;
    one(0, CodeIssued { account, code_hash, app, redirect_uri, scopes, challenge, expires_ms })
}

pub(super) fn redeem_code(c: RedeemCode, state: &State, ctx: &Ctx<'_>) -> Decided {
    let code = digest(&c.code_hash).and_then(|hash| state.code(hash)).ok_or(Rejection::BadCode)?;
    let asked = (c.account, c.app, &c.redirect_uri, &c.challenge);
    if asked != (code.account, code.app, &code.redirect_uri, &code.challenge) || ctx.now_ms >= code.expires_ms {
        return Err(Rejection::BadCode);
    }
    if state.token(hash("token", &c.token_hash)?).is_some() {
        return Err(Rejection::NotAllowed);
    }
    let redeemed = CodeRedeemed { account: c.account, code_hash: c.code_hash };
    let issued = TokenIssued { account: c.account, token_hash: c.token_hash, app: c.app, scopes: code.scopes.clone() };
    Ok(Decision { events: vec![redeemed.into(), issued.into()], id: 0 })
}

pub(super) fn issue_token(c: IssueToken, state: &State) -> Decided {
    // An application's own token stands on the application's partition, any other on its account's.
    if c.account.0 == 0 {
        if !state.has_app(c.app) {
            return Err(Rejection::NotFound);
        }
    } else {
        actor(state, c.account)?;
    }
    check_scopes(&c.scopes)?;
    match state.token(hash("token", &c.token_hash)?) {
        Some(standing) if (standing.account, standing.app) == (c.account, c.app) => unchanged(0),
        Some(_) => Err(Rejection::NotAllowed),
        None => one(0, TokenIssued { account: c.account, token_hash: c.token_hash, app: c.app, scopes: c.scopes }),
    }
}

pub(super) fn revoke_token(c: RevokeToken, state: &State) -> Decided {
    // RFC 7009, 2.2: revoking what is no token is no error.
    let Some(standing) = digest(&c.token_hash).and_then(|hash| state.token(hash)) else { return unchanged(0) };
    if (standing.account, standing.app) != (c.account, c.app) {
        return Err(Rejection::NotAllowed);
    }
    one(0, TokenRevoked { account: c.account, token_hash: c.token_hash, app: c.app })
}

fn hash(field: &str, bytes: &[u8]) -> Result<Digest, Rejection> {
    digest(bytes).ok_or_else(|| invalid(field, "is not a SHA-256 hash"))
}

fn check_scopes(scopes: &[String]) -> Result<(), Rejection> {
    check_count("scopes", scopes.len(), SCOPES_MAX)?;
    scopes.iter().try_for_each(|scope| check_chars("scopes", scope, APP_NAME_CHARS_MAX))
}

pub(super) fn evolve(state: &mut State, event: &Event) {
    match event {
        Event::CredentialsSet(e) => {
            if let Some(account) = state.account_mut(e.account) {
                account.credentials = if e.confirmed { CredentialState::Confirmed } else { CredentialState::Unconfirmed };
            }
        }
        Event::CredentialsConfirmed(e) => {
            if let Some(account) = state.account_mut(e.account) {
                account.credentials = CredentialState::Confirmed;
            }
        }
        Event::AppRegistered(e) => state.put(StateKey::App(e.app), Some(StateValue::App)),
        Event::CodeIssued(e) => {
            let code = CodeState {
                account: e.account,
                app: e.app,
                redirect_uri: e.redirect_uri.clone(),
                scopes: e.scopes.clone(),
                challenge: e.challenge.clone(),
                expires_ms: e.expires_ms,
            };
            put(state, &e.code_hash, StateKey::Code, Some(StateValue::Code(Box::new(code))));
        }
        Event::CodeRedeemed(e) => put(state, &e.code_hash, StateKey::Code, None),
        Event::TokenIssued(e) => {
            put(state, &e.token_hash, StateKey::Token, Some(StateValue::Token(TokenState { account: e.account, app: e.app })));
        }
        Event::TokenRevoked(e) => put(state, &e.token_hash, StateKey::Token, None),
        _ => {}
    }
}

fn put(state: &mut State, hash: &[u8], key: fn(Digest) -> StateKey, value: Option<StateValue>) {
    if let Some(hash) = digest(hash) {
        state.put(key(hash), value);
    }
}

#[cfg(test)]
mod specs {
    use bytes::Bytes;
    use schemas::{AccountId, AppId};

    use super::*;
    use crate::domain::spec::*;

    const APP: AppId = AppId(70);
    const URI: &str = "app://callback";

    fn bytes(byte: u8) -> Bytes {
        Bytes::from(vec![byte; 32])
    }

    fn app() -> Event {
        let (redirect_uris, scopes) = (vec![URI.into()], vec!["read".into()]);
        AppRegistered { app: APP, secret_hash: bytes(1), name: "Tusky".into(), website: None, redirect_uris, scopes }.into()
    }

    fn code() -> CodeIssued {
        CodeIssued {
            account: ANA,
            code_hash: bytes(2),
            app: APP,
            redirect_uri: URI.into(),
            scopes: vec!["read".into()],
            challenge: Some("challenge".into()),
            expires_ms: NOW + 600_000,
        }
    }

    fn redeem() -> RedeemCode {
        let (code_hash, token_hash) = (bytes(2), bytes(3));
        RedeemCode { account: ANA, code_hash, app: APP, redirect_uri: URI.into(), challenge: Some("challenge".into()), token_hash }
    }

    fn token(account: AccountId) -> Event {
        TokenIssued { account, token_hash: bytes(3), app: APP, scopes: vec!["read".into()] }.into()
    }

    fn revoke(account: AccountId) -> RevokeToken {
        RevokeToken { account, app: APP, token_hash: bytes(3) }
    }

    fn credentials(confirmed: bool) -> CredentialsSet {
        CredentialsSet { account: ANA, email: bytes(4), password: bytes(5), confirmed }
    }

    #[test]
    fn credentials_are_set_and_confirmed() {
        let set = |confirmed| SetCredentials { account: ANA, credentials: Credentials { email: bytes(4), password: bytes(5), confirmed } };
        given([registered(ANA)]).when(set(false)).then([credentials(false).into()]);
        given([]).when(set(false)).then_rejected(Rejection::NotFound);
        given([registered(ANA), credentials(true).into()]).when(set(true)).then([credentials(true).into()]);
        given([registered(ANA), credentials(true).into()]).when(set(false)).then_rejected(Rejection::NotAllowed);
        let confirm = || ConfirmCredentials { account: ANA };
        given([registered(ANA)]).when(confirm()).then_rejected(Rejection::NotFound);
        let confirmed = CredentialsConfirmed { account: ANA };
        given([registered(ANA), credentials(false).into()]).when(confirm()).then([confirmed.into()]).again_changes_nothing();
        given([registered(ANA), credentials(true).into()]).when(confirm()).then([]);
    }

    #[test]
    fn an_application_is_registered_once() {
        let register = |name: &str, redirect_uris: Vec<String>| RegisterApp {
            app: APP,
            secret_hash: bytes(1),
            name: name.into(),
            website: None,
            redirect_uris,
            scopes: vec!["read".into()],
        };
        given([]).when(register("Tusky", vec![URI.into()])).then([app()]).answers(APP.0).again_changes_nothing();
        given([]).when(register(" ", vec![URI.into()])).then_invalid("client_name", "can't be blank");
        given([]).when(register("Tusky", vec![])).then_invalid("redirect_uris", "can't be blank");
    }

    #[test]
    fn a_code_is_redeemed_once_by_whom_it_was_issued_to() {
        let spent = CodeRedeemed { account: ANA, code_hash: bytes(2) };
        let standing = || given([registered(ANA), code().into()]);
        standing().when(redeem()).then([spent.clone().into(), token(ANA)]);
        given([registered(ANA), code().into(), spent.into(), token(ANA)]).when(redeem()).then_rejected(Rejection::BadCode);
        for other in [
            RedeemCode { account: BOB, ..redeem() },
            RedeemCode { app: AppId(71), ..redeem() },
            RedeemCode { redirect_uri: "app://elsewhere".into(), ..redeem() },
            RedeemCode { challenge: None, ..redeem() },
            RedeemCode { code_hash: bytes(9), ..redeem() },
            RedeemCode { code_hash: Bytes::from_static(b"short"), ..redeem() },
        ] {
            standing().when(other).then_rejected(Rejection::BadCode);
        }
        standing().at(NOW + 600_000).when(redeem()).then_rejected(Rejection::BadCode);
    }

    #[test]
    fn a_code_is_issued_for_the_time_to_come() {
        let issue = |expires_ms| {
            let CodeIssued { account, code_hash, app, redirect_uri, scopes, challenge, .. } = code();
            IssueCode { account, code_hash, app, redirect_uri, scopes, challenge, expires_ms }
        };
        given([registered(ANA)]).when(issue(NOW + 600_000)).then([code().into()]).again_changes_nothing();
        given([registered(ANA)]).when(issue(NOW)).then_rejected(Rejection::BadCode);
        given([]).when(issue(NOW + 600_000)).then_rejected(Rejection::NotFound);
    }

    #[test]
    fn tokens_are_issued_and_revoked() {
        let issue = |account| IssueToken { account, app: APP, token_hash: bytes(3), scopes: vec!["read".into()] };
        given([registered(ANA)]).when(issue(ANA)).then([token(ANA)]).again_changes_nothing();
        given([app()]).when(issue(SYSTEM)).then([token(SYSTEM)]);
        given([]).when(issue(SYSTEM)).then_rejected(Rejection::NotFound);
        given([registered(ANA), token(BOB)]).when(issue(ANA)).then_rejected(Rejection::NotAllowed);
        let revoked = TokenRevoked { account: ANA, token_hash: bytes(3), app: APP };
        given([token(ANA)]).when(revoke(ANA)).then([revoked.into()]).again_changes_nothing();
        given([token(ANA)]).when(revoke(BOB)).then_rejected(Rejection::NotAllowed);
        given([]).when(revoke(ANA)).then([]);
    }
}
