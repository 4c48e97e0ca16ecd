//! Specs as sentences: given what happened, when this is asked, then that happens.
//!
//! Each spec also checks that the command names all the keys that deciding and its events need: it runs on those alone.

use schemas::commands::{self as c, Command, Rejection};
use schemas::events::{AccountRegistered, Event, PostPublished, Profile, Visibility};
use schemas::ids::{IdMaker, Snowflake};
use schemas::{AccountId, AppId, PartitionId, PostId, RelationId, UnixMillis};

use super::{Ctx, Decided, Limits, answered, decide, evolve, keys_of, reads};
use crate::state::{State, StateKey};

pub(super) const SYSTEM: AccountId = AccountId(0);
pub(super) const ANA: AccountId = AccountId(1);
pub(super) const BOB: AccountId = AccountId(2);
pub(super) const CARL: AccountId = AccountId(3);
pub(super) const NOW: UnixMillis = 1_700_000_000_000;

/// The `n`th id made in a spec, from 0.
pub(super) fn id(n: u64) -> Snowflake {
    Snowflake(Snowflake::floor_of(NOW).0 + n)
}

/// The first id made at a time.
pub(super) fn id_at(ms: UnixMillis) -> RelationId {
    Snowflake::floor_of(ms).into()
}

pub(super) fn young_claim() -> RelationId {
    id_at(NOW - 1_000)
}

pub(super) fn old_claim() -> RelationId {
    id_at(NOW - super::limits::CLAIM_GOOD_MS)
}

pub(super) fn name(account: AccountId) -> &'static str {
    match account {
        ANA => "ana",
        BOB => "bob",
        _ => "carl",
    }
}

pub(super) fn registered(account: AccountId) -> Event {
    AccountRegistered { account, handle: name(account).into(), profile: Profile::default(), invited_by: SYSTEM }.into()
}

pub(super) fn locked(account: AccountId) -> Event {
    let profile = Profile { locked: true, ..Profile::default() };
    AccountRegistered { account, handle: name(account).into(), profile, invited_by: SYSTEM }.into()
}

pub(super) fn a_post(post: PostId, account: AccountId, visibility: Visibility) -> PostPublished {
    PostPublished {
        post,
        account,
        visibility,
        text: "hi".into(),
        spoiler: String::new(),
        sensitive: false,
        language: None,
        mentions: vec![],
        tags: vec![],
        in_reply_to: None,
        app: AppId(0),
    }
}

pub(super) fn published(post: PostId, account: AccountId, visibility: Visibility) -> Event {
    a_post(post, account, visibility).into()
}

/// Lets commands be written without naming them twice.
pub(super) trait Asked {
    fn command(self) -> Command;
}

impl Asked for Command {
    fn command(self) -> Command {
        self
    }
}

macro_rules! asked {
    ($($name:ident),* $(,)?) => {
        $(impl Asked for c::$name {
            fn command(self) -> Command {
                Command::$name(self)
            }
        })*
    };
}

asked! {
    RegisterAccount, ChangeProfile, ChangeHandle, ClaimHandle, ConfirmHandle, LapseHandle, HoldHandle, ReleaseHandle, SetCredentials,
    ConfirmCredentials, RegisterApp, IssueCode, RedeemCode, IssueToken, RevokeToken, Follow, Mute, SetNote, PublishPost, EditPost,
    DeletePost, Reblog, Unreblog, MoveMarker,
}

/// What happened before.
pub(super) struct Given {
    events: Vec<Event>,
    now_ms: UnixMillis,
    limits: Limits,
}

/// What was asked, and what came of it.
pub(super) struct When {
    given: Given,
    command: Command,
    decided: Decided,
}

pub(super) fn given(events: impl IntoIterator<Item = Event>) -> Given {
    Given { events: events.into_iter().collect(), now_ms: NOW, limits: Limits::default() }
}

impl Given {
    pub(super) fn at(self, now_ms: UnixMillis) -> Self {
        Self { now_ms, ..self }
    }

    pub(super) fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    pub(super) fn when(self, command: impl Asked) -> When {
        let command = command.command();
        let decided = run(&mut folded(&self.events), &command, self.now_ms, &self.limits, &mut IdMaker::after(PartitionId(0), 0));
        When { given: self, command, decided }
    }
}

impl When {
    pub(super) fn then<const N: usize>(self, events: [Event; N]) -> Self {
        let decision = self.decided.as_ref().expect("the command is not rejected");
        assert_eq!(decision.events, events);
        self
    }

    pub(super) fn then_events(self, count: usize) {
        assert_eq!(self.decided.map(|decision| decision.events.len()), Ok(count));
    }

    pub(super) fn then_rejected(self, rejection: Rejection) {
        assert_eq!(self.decided, Err(rejection));
    }

    pub(super) fn then_invalid(self, field: &str, problem: &str) {
        self.then_rejected(super::limits::invalid(field, problem));
    }

    /// The id in the receipt.
    pub(super) fn answers(self, id: u64) -> Self {
        assert_eq!(self.decided.as_ref().map(|decision| decision.id), Ok(id));
        self
    }

    /// The same command, sent again as another one, finds everything as it wants it.
    pub(super) fn again_changes_nothing(self) {
        let first = self.decided.expect("the command is not rejected");
        let given = Given { events: [self.given.events, first.events].concat(), ..self.given };
        let again = given.when(self.command).decided.expect("the command is not rejected the second time");
        assert_eq!(again.events, [], "again");
    }
}

/// The state after the events.
pub(super) fn folded(events: &[Event]) -> State {
    let mut state = State::new(10_000);
    for event in events {
        load(&mut state, |keys| keys_of(event, keys));
        evolve(&mut state, event, NOW);
    }
    state
}

pub(super) fn load(state: &mut State, name: impl FnOnce(&mut Vec<StateKey>)) {
    let mut keys = Vec::new();
    name(&mut keys);
    for key in keys {
        state.load(key, None).expect("nothing decodes");
    }
}

/// Decides on the keys that the command names alone, and lets what happened happen.
pub(super) fn run(state: &mut State, command: &Command, now_ms: UnixMillis, limits: &Limits, ids: &mut IdMaker) -> Decided {
    let mut keys = Vec::new();
    reads(command, &mut keys);
    let mut narrow = State::new(10_000);
    for key in keys {
        let row = state.is_loaded(&key).then(|| state.get(&key)).flatten().map(crate::state::StateValue::encode);
        narrow.load(key, row.as_deref()).expect("what was just encoded decodes");
    }
    let decision = decide(command.clone(), &narrow, &mut Ctx { now_ms, ids, limits })?;
    if !decision.events.is_empty() {
        assert_eq!(decision.id, answered(&decision.events), "a repetition must answer the same id");
    }
    for event in &decision.events {
        let mut keys = Vec::new();
        keys_of(event, &mut keys);
        for key in keys {
            assert!(narrow.is_loaded(&key), "{} must read {key:?}, which {} changes", command.kind(), event.kind());
        }
        evolve(&mut narrow, event, now_ms);
        load(state, |keys| keys_of(event, keys));
        evolve(state, event, now_ms);
    }
    Ok(decision)
}
