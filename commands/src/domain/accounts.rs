//! Accounts: registration, profile, change of handle. The handle was claimed before; see `handles.rs`.

use schemas::commands::{ChangeHandle, ChangeProfile, ProfilePatch, RegisterAccount, Rejection};
use schemas::events::{AccountRegistered, CredentialsSet, Event, HandleChanged, Profile, ProfileChanged};
use schemas::handles::{check, normalise};
use schemas::{RelationId, UnixMillis};

use super::limits::{
    CLAIM_GOOD_MS, DISPLAY_NAME_CHARS_MAX, FIELD_CHARS_MAX, FIELDS_MAX, LANGUAGE_CHARS_MAX, NOTE_CHARS_MAX, URL_BYTES_MAX, check_chars,
    check_count, invalid,
};
use super::{Ctx, Decided, Decision, actor, identity, one, unchanged};
use crate::state::{AccountState, State, StateKey, StateValue};

pub(super) fn register(c: RegisterAccount, state: &State, ctx: &Ctx<'_>) -> Decided {
    let id = c.account.0;
    if let Some(standing) = state.account(c.account) {
        return if normalise(&standing.handle) == normalise(&c.handle) { unchanged(id) } else { Err(Rejection::NotAllowed) };
    }
    check(&c.handle).map_err(|problem| invalid("username", &problem.to_string()))?;
    check_profile(&c.profile)?;
    check_claim(c.claim, 0, ctx.now_ms)?;
    let mut events = Vec::with_capacity(2);
    let registered = AccountRegistered { account: c.account, handle: c.handle, profile: c.profile, invited_by: c.invited_by };
    events.push(registered.into());
    if let Some(credentials) = c.credentials {
        identity::check_credentials(&credentials)?;
        let (email, password) = (credentials.email, credentials.password);
        events.push(CredentialsSet { account: c.account, email, password, confirmed: credentials.confirmed }.into());
    }
    Ok(Decision { events, id })
}

pub(super) fn change_profile(c: ChangeProfile, state: &State) -> Decided {
    let standing = &actor(state, c.account)?.profile;
    let profile = patched(standing.clone(), c.patch);
    if profile == *standing {
        return unchanged(c.account.0);
    }
    check_profile(&profile)?;
    one(c.account.0, ProfileChanged { account: c.account, profile })
}

pub(super) fn change_handle(c: ChangeHandle, state: &State, ctx: &Ctx<'_>) -> Decided {
    let account = actor(state, c.account)?;
    let from = &account.handle;
    if *from == c.to {
        return unchanged(c.account.0);
    }
    check(&c.to).map_err(|problem| invalid("username", &problem.to_string()))?;
    // Another spelling of one's own handle needs no claim.
    if normalise(from) != normalise(&c.to) {
        check_claim(c.claim, account.named_ms, ctx.now_ms)?;
    }
    one(c.account.0, HandleChanged { account: c.account, from: from.clone(), to: c.to })
}

/// Takes only a young claim, made after the account last took a handle. A young one, for a claim may lapse, but not before
/// [`super::limits::CLAIM_LIFE_MS`]: so nobody goes by a lapsed one. A later one, so that each serves once: the handle's partition then
/// knows that the account came back after it had given the handle up. The claim's id tells its age.
fn check_claim(claim: RelationId, named_ms: UnixMillis, now_ms: UnixMillis) -> Result<(), Rejection> {
    let made_ms = claim.snowflake().ms();
    if made_ms <= named_ms || now_ms >= made_ms + CLAIM_GOOD_MS { Err(Rejection::Conflict) } else { Ok(()) }
}

fn patched(profile: Profile, patch: ProfilePatch) -> Profile {
    Profile {
        display_name: patch.display_name.unwrap_or(profile.display_name),
        note: patch.note.unwrap_or(profile.note),
        fields: patch.fields.unwrap_or(profile.fields),
        avatar: patch.avatar.unwrap_or(profile.avatar),
        header: patch.header.unwrap_or(profile.header),
        locked: patch.locked.unwrap_or(profile.locked),
        bot: patch.bot.unwrap_or(profile.bot),
        discoverable: patch.discoverable.unwrap_or(profile.discoverable),
        indexable: patch.indexable.unwrap_or(profile.indexable),
        hide_collections: patch.hide_collections.unwrap_or(profile.hide_collections),
        default_visibility: patch.default_visibility.unwrap_or(profile.default_visibility),
        default_sensitive: patch.default_sensitive.unwrap_or(profile.default_sensitive),
        default_language: patch.default_language.unwrap_or(profile.default_language),
    }
}

fn check_profile(profile: &Profile) -> Result<(), Rejection> {
    check_chars("display_name", &profile.display_name, DISPLAY_NAME_CHARS_MAX)?;
    check_chars("note", &profile.note, NOTE_CHARS_MAX)?;
    check_count("fields_attributes", profile.fields.len(), FIELDS_MAX)?;
    for field in &profile.fields {
        check_chars("fields_attributes", &field.name, FIELD_CHARS_MAX)?;
        check_chars("fields_attributes", &field.value, FIELD_CHARS_MAX)?;
    }
    for blob in [&profile.avatar, &profile.header].into_iter().flatten() {
        check_chars("avatar", blob, URL_BYTES_MAX)?;
    }
    check_chars("language", profile.default_language.as_deref().unwrap_or_default(), LANGUAGE_CHARS_MAX)
}

pub(super) fn evolve(state: &mut State, event: &Event, time_ms: UnixMillis) {
    match event {
        Event::AccountRegistered(e) => {
            let account =
                AccountState { handle: e.handle.clone(), profile: e.profile.clone(), named_ms: time_ms, ..AccountState::default() };
            state.put(StateKey::Account(e.account), Some(StateValue::Account(Box::new(account))));
        }
        Event::ProfileChanged(e) => {
            if let Some(account) = state.account_mut(e.account) {
                account.profile = e.profile.clone();
            }
        }
        Event::HandleChanged(e) => {
            if let Some(account) = state.account_mut(e.account) {
                account.handle = e.to.clone();
                account.named_ms = time_ms;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod specs {
    use schemas::commands::Credentials;

    use super::*;
    use crate::domain::spec::*;

    fn register(handle: &str) -> RegisterAccount {
        let profile = Profile { display_name: "Ana".into(), ..Profile::default() };
        RegisterAccount { account: ANA, handle: handle.into(), profile, credentials: None, invited_by: SYSTEM, claim: young_claim() }
    }

    fn patch(patch: ProfilePatch) -> ChangeProfile {
        ChangeProfile { account: ANA, patch }
    }

    #[test]
    fn opening_an_account() {
        let c = register("Ana");
        let opened = AccountRegistered { account: ANA, handle: "Ana".into(), profile: c.profile.clone(), invited_by: SYSTEM };
        given([]).when(c).then([opened.into()]).answers(ANA.0).again_changes_nothing();
    }

    #[test]
    fn opening_an_account_with_credentials() {
        let credentials = Credentials { email: "sealed".into(), password: "sealed too".into(), confirmed: false };
        let c = RegisterAccount { credentials: Some(credentials), ..register("Ana") };
        let opened = AccountRegistered { account: ANA, handle: "Ana".into(), profile: c.profile.clone(), invited_by: SYSTEM };
        let set = CredentialsSet { account: ANA, email: "sealed".into(), password: "sealed too".into(), confirmed: false };
        given([]).when(c).then([opened.into(), set.into()]);
    }

    #[test]
    fn an_account_is_opened_once_and_under_a_claim_that_is_good() {
        given([registered(ANA)]).when(register("ANA")).then([]).answers(ANA.0);
        given([registered(ANA)]).when(register("eva")).then_rejected(Rejection::NotAllowed);
        given([]).when(register("an a")).then_invalid("username", "must contain only letters, numbers and underscores");
        given([]).when(RegisterAccount { claim: old_claim(), ..register("ana") }).then_rejected(Rejection::Conflict);
        given([]).when(RegisterAccount { claim: RelationId(0), ..register("ana") }).then_rejected(Rejection::Conflict);
    }

    #[test]
    fn changing_the_profile() {
        let changed = Profile { note: "hello".into(), locked: true, ..Profile::default() };
        given([registered(ANA)])
            .when(patch(ProfilePatch { note: Some("hello".into()), locked: Some(true), ..ProfilePatch::default() }))
            .then([ProfileChanged { account: ANA, profile: changed }.into()])
            .again_changes_nothing();
        given([registered(ANA)]).when(patch(ProfilePatch::default())).then([]);
        given([]).when(patch(ProfilePatch::default())).then_rejected(Rejection::NotFound);
        given([registered(ANA)])
            .when(patch(ProfilePatch { note: Some("é".repeat(501)), ..ProfilePatch::default() }))
            .then_invalid("note", "is too long (maximum is 500 characters)");
    }

    #[test]
    fn changing_the_handle() {
        let change = |to: &str, claim| ChangeHandle { account: ANA, to: to.into(), claim };
        let changed = |to: &str| HandleChanged { account: ANA, from: "ana".into(), to: to.into() }.into();
        given([registered(ANA)]).when(change("eva", young_claim())).then_rejected(Rejection::Conflict);
        let claim = id_at(NOW + 1);
        given([registered(ANA)]).at(NOW + 1).when(change("eva", claim)).then([changed("eva")]).again_changes_nothing();
        let back = HandleChanged { account: ANA, from: "eva".into(), to: "ana".into() };
        given([registered(ANA), changed("eva")]).at(NOW + 1).when(change("ana", claim)).then([back.into()]);
        given([registered(ANA)]).when(change("eva", old_claim())).then_rejected(Rejection::Conflict);
        given([registered(ANA)]).when(change("Ana", RelationId(0))).then([changed("Ana")]);
        given([]).when(change("eva", young_claim())).then_rejected(Rejection::NotFound);
    }
}
