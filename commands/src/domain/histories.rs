//! Random histories of three accounts, with follow-ups late, repeated, shuffled or lost to a crash: what must hold at every prefix, and
//! what both sides agree on once the reactor has caught up.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use schemas::commands::{
    ChangeHandle, ChangeProfile, ClaimHandle, Command, Content, DeletePost, Envelope, Follow, FollowerOf, LapseHandle, OnAccount, OnPost,
    ProfilePatch, PublishPost, RegisterAccount, follow_ups,
};
use schemas::events::{Event, Profile, Visibility};
use schemas::handles::normalise;
use schemas::ids::IdMaker;
use schemas::log::{CommandId, TraceContext};
use schemas::{AccountId, AppId, PartitionId, PostId, RelationId, UnixMillis};

use super::spec::{ANA, BOB, CARL, NOW, SYSTEM, load, run};
use super::{Decided, Limits};
use crate::state::{Admission, ClaimPhase, State, StateKey};

const ACCOUNTS: [AccountId; 3] = [ANA, BOB, CARL];
const HANDLES: [&str; 3] = ["ana", "eva", "leo"];
const LIMITS: Limits = Limits { follows_max: 1, pins_max: 2 };

/// What happens next: numbers choose whom and what it is about.
#[derive(Debug, Clone, Copy)]
enum Step {
    Claim(usize, usize),
    GoBy(usize, usize),
    Lapse(usize),
    Lock(usize, bool),
    Follow(usize, usize, bool),
    Unfollow(usize, usize),
    Answer(usize, usize, u8),
    Block(usize, usize),
    Unblock(usize, usize),
    Publish(usize, bool),
    Delete(usize, usize),
    Pin(usize, usize),
    Unpin(usize, usize),
    /// Delivers one of the follow-ups that wait.
    Deliver(usize),
    /// Loses all that wait: the reactor alone knows of them.
    Crash,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (a, b, h, p) = (0..3_usize, 0..3_usize, 0..3_usize, 0..6_usize);
    prop_oneof![
        4 => (a.clone(), h.clone()).prop_map(|(a, h)| Step::Claim(a, h)),
        4 => (a.clone(), h.clone()).prop_map(|(a, h)| Step::GoBy(a, h)),
        1 => h.prop_map(Step::Lapse),
        1 => (a.clone(), any::<bool>()).prop_map(|(a, locked)| Step::Lock(a, locked)),
        6 => (a.clone(), b.clone(), any::<bool>()).prop_map(|(a, b, renew)| Step::Follow(a, b, renew)),
        3 => (a.clone(), b.clone()).prop_map(|(a, b)| Step::Unfollow(a, b)),
        3 => (a.clone(), b.clone(), 0..3_u8).prop_map(|(a, b, how)| Step::Answer(a, b, how)),
        1 => (a.clone(), b.clone()).prop_map(|(a, b)| Step::Block(a, b)),
        1 => (a.clone(), b).prop_map(|(a, b)| Step::Unblock(a, b)),
        2 => (a.clone(), any::<bool>()).prop_map(|(a, direct)| Step::Publish(a, direct)),
        1 => (a.clone(), p.clone()).prop_map(|(a, p)| Step::Delete(a, p)),
        3 => (a.clone(), p.clone()).prop_map(|(a, p)| Step::Pin(a, p)),
        1 => (a, p).prop_map(|(a, p)| Step::Unpin(a, p)),
        8 => any::<usize>().prop_map(Step::Deliver),
        1 => Just(Step::Crash),
        2 => (0..2_400_000_u64).prop_map(Step::Wait),
    ]
}

/// All partitions at once: keys of different partitions never meet.
struct World {
    state: State,
    ids: IdMaker,
    now_ms: UnixMillis,
    commands: u128,
    log: Vec<(Envelope, UnixMillis, Vec<Event>)>,
    recorded: BTreeSet<CommandId>,
    waiting: Vec<Envelope>,
    claims: BTreeMap<(usize, usize), RelationId>,
    posts: Vec<PostId>,
}

impl World {
    fn new() -> Self {
        Self {
            state: State::new(100_000),
            ids: IdMaker::after(PartitionId(0), 0),
            now_ms: NOW,
            commands: 0,
            log: Vec::new(),
            recorded: BTreeSet::new(),
            waiting: Vec::new(),
            claims: BTreeMap::new(),
            posts: Vec::new(),
        }
    }

    fn ask(&mut self, command: Command) -> Decided {
        self.commands += 1;
        let id = CommandId(self.commands);
        self.send(Envelope { id, maybe_repeated: true, actor: SYSTEM, causation: CommandId(0), trace: TraceContext::default(), command })
    }

    /// Decides a command unless it is known; its follow-ups wait.
    fn send(&mut self, envelope: Envelope) -> Decided {
        if self.recorded.contains(&envelope.id) {
            return super::unchanged(0);
        }
        let decision = run(&mut self.state, &envelope.command, self.now_ms, &LIMITS, &mut self.ids)?;
        if !decision.events.is_empty() {
            self.recorded.insert(envelope.id);
            self.waiting.extend(follow_ups(envelope.id, envelope.actor, envelope.trace, self.now_ms, &decision.events));
            self.log.push((envelope, self.now_ms, decision.events.clone()));
        }
        Ok(decision)
    }

    /// The reactor goes through the log, in order, until nothing is left to do.
    fn catch_up(&mut self) {
        self.waiting.clear();
        let mut at = 0;
        while let Some((envelope, time_ms, events)) = self.log.get(at).cloned() {
            at += 1;
            for follow_up in follow_ups(envelope.id, envelope.actor, envelope.trace, time_ms, &events) {
                drop(self.send(follow_up));
            }
        }
        self.waiting.clear();
    }

    fn take(&mut self, step: Step) {
        let who = |n: usize| ACCOUNTS[n];
        let on = |a, b| OnAccount { account: who(a), target: who(b) };
        match step {
            Step::Claim(a, h) => {
                let claim = ClaimHandle { handle: HANDLES[h].into(), account: who(a), expires_ms: 0 };
                if let Ok(decision) = self.ask(Command::ClaimHandle(claim)) {
                    self.claims.insert((a, h), RelationId(decision.id));
                }
            }
            Step::GoBy(a, h) => self.go_by(a, h),
            Step::Lapse(h) => self.lapse(HANDLES[h]),
            Step::Lock(a, locked) => {
                let patch = ProfilePatch { locked: Some(locked), ..ProfilePatch::default() };
                drop(self.ask(Command::ChangeProfile(ChangeProfile { account: who(a), patch })));
            }
            Step::Follow(a, b, renew) => {
                let (account, target) = (who(a), who(b));
                drop(self.ask(Command::Follow(Follow { account, target, reblogs: None, notify: None, languages: None, renew })));
            }
            Step::Unfollow(a, b) => drop(self.ask(Command::Unfollow(on(a, b)))),
            Step::Answer(a, b, how) => {
                let asked = FollowerOf { account: who(a), follower: who(b) };
                drop(self.ask(match how {
                    0 => Command::AuthorizeFollow(asked),
                    1 => Command::RejectFollow(asked),
                    _ => Command::RemoveFollower(asked),
                }));
            }
            Step::Block(a, b) => drop(self.ask(Command::Block(on(a, b)))),
            Step::Unblock(a, b) => drop(self.ask(Command::Unblock(on(a, b)))),
            Step::Publish(a, direct) => {
                let content = Content { text: "hi".into(), ..Content::default() };
                let visibility = if direct { Visibility::Direct } else { Visibility::Public };
                let publish = PublishPost { account: who(a), content, visibility, in_reply_to: None, app: AppId(0) };
                if let Ok(decision) = self.ask(Command::PublishPost(publish)) {
                    self.posts.push(PostId(decision.id));
                }
            }
            Step::Delete(a, p) => drop(self.post(p).map(|post| self.ask(Command::DeletePost(DeletePost { account: who(a), post })))),
            Step::Pin(a, p) => drop(self.post(p).map(|post| self.ask(Command::Pin(OnPost { account: who(a), post, author: who(a) })))),
            Step::Unpin(a, p) => drop(self.post(p).map(|post| self.ask(Command::Unpin(OnPost { account: who(a), post, author: who(a) })))),
            Step::Deliver(n) if !self.waiting.is_empty() => {
                let follow_up = self.waiting.swap_remove(n % self.waiting.len());
                drop(self.send(follow_up));
            }
            Step::Deliver(_) => {}
            Step::Crash => self.waiting.clear(),
            Step::Wait(ms) => self.now_ms += ms,
        }
    }

    fn post(&self, n: usize) -> Option<PostId> {
        self.posts.iter().rev().nth(n).copied()
    }

    /// Opens the account under a handle that it claimed at some time, or renames it.
    fn go_by(&mut self, a: usize, h: usize) {
        let (account, handle) = (ACCOUNTS[a], HANDLES[h].to_owned());
        let Some(claim) = self.claims.get(&(a, h)).copied() else { return };
        self.load([StateKey::Account(account)]);
        let command = if self.state.account(account).is_some() {
            Command::ChangeHandle(ChangeHandle { account, to: handle, claim })
        } else {
            let profile = Profile::default();
            Command::RegisterAccount(RegisterAccount { account, handle, profile, credentials: None, invited_by: SYSTEM, claim })
        };
        drop(self.ask(command));
    }

    /// The reactor lapses a claim only when it has caught up and the account does not go by the handle.
    fn lapse(&mut self, handle: &str) {
        self.catch_up();
        self.load([StateKey::handle(handle)]);
        let Some(standing) = self.state.handle(handle).copied() else { return };
        self.load([StateKey::Account(standing.account)]);
        let goes_by_it = self.state.account(standing.account).is_some_and(|account| normalise(&account.handle) == handle);
        if !goes_by_it {
            drop(self.ask(Command::LapseHandle(LapseHandle { handle: handle.into(), claim: standing.claim })));
        }
    }

    fn load(&mut self, keys: impl IntoIterator<Item = StateKey>) {
        load(&mut self.state, |named| named.extend(keys));
    }

    fn load_all(&mut self) {
        let pairs = || ACCOUNTS.into_iter().flat_map(|a| ACCOUNTS.map(|b| (a, b)));
        self.load(ACCOUNTS.map(StateKey::Account));
        self.load(HANDLES.map(StateKey::handle));
        self.load(pairs().flat_map(|(a, b)| [StateKey::Follow(a, b), StateKey::Follower(a, b), StateKey::Block(a, b)]));
        let posts = self.posts.clone();
        self.load(posts.iter().map(|post| StateKey::Post(*post)));
        self.load(posts.iter().flat_map(|post| ACCOUNTS.map(|account| StateKey::Interaction(account, *post))));
    }

    /// Uniqueness, caps, ownership.
    fn check(&mut self) {
        self.load_all();
        let mut handles = BTreeSet::new();
        for account in ACCOUNTS {
            let Some(known) = self.state.account(account) else { continue };
            assert!(handles.insert(normalise(&known.handle)), "two accounts go by {}", known.handle);
            let following = ACCOUNTS.iter().filter(|target| self.state.follow(account, **target).is_some()).count();
            assert_eq!(known.following as usize, following, "follows of {account}");
            assert!(known.following <= LIMITS.follows_max);
            let pinned = |post: &&PostId| self.state.interaction(account, **post).is_some_and(|interaction| interaction.pin.is_some());
            let pins: Vec<_> = self.posts.iter().filter(pinned).collect();
            assert_eq!(known.pins as usize, pins.len(), "pins of {account}");
            assert!(known.pins <= LIMITS.pins_max);
            for post in pins {
                let post = self.state.post(*post).expect("what is pinned is there");
                assert_eq!((post.author, post.visibility), (account, Visibility::Public));
            }
        }
    }

    /// Both sides of each follow, and each account and its handle, agree.
    fn check_agreement(&mut self) {
        self.load_all();
        for account in ACCOUNTS {
            if let Some(known) = self.state.account(account) {
                let standing = self.state.handle(&normalise(&known.handle)).expect("the handle is taken");
                assert_eq!((standing.account, standing.phase), (account, ClaimPhase::Confirmed), "{}", known.handle);
            }
            for target in ACCOUNTS {
                let wish = self.state.follow(account, target).map(|follow| (follow.relation, follow.confirmed));
                let known = self.state.follower(target, account).filter(|known| known.admission != Admission::Over);
                let answer = known.map(|known| (known.relation, known.admission == Admission::Accepted));
                assert_eq!(wish, answer, "{account} follows {target}");
                assert!(wish.is_none() || self.state.block(target, account).is_none(), "{target} blocks {account}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_at_every_prefix_and_sides_agree_in_the_end(steps in proptest::collection::vec(step(), 0..150)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
            world.check();
        }
        world.catch_up();
        world.check();
        world.check_agreement();
        // The reactor may start over when all commands are forgotten, and all claims settled for long: nothing is left to do.
        world.now_ms += 2 * crate::state::COMMANDS_KEPT_MS;
        HANDLES.into_iter().for_each(|handle| world.lapse(handle));
        let records = world.log.len();
        world.recorded.clear();
        world.catch_up();
        prop_assert_eq!(world.log.len(), records);
    }
}
