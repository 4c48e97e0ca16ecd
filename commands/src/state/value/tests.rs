//! Values at rest: golden bytes of version 1, and round trips of any value.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use schemas::events::ProfileField;

use super::*;
use crate::state::Ledger;

const GOLDEN: &str = include_str!("../../../golden/state.v1.txt");

/// One line for each kind of row: its name and the hexadecimal bytes of a sample.
fn samples() -> Vec<(&'static str, Bytes)> {
    let profile = Profile {
        display_name: "Ana".into(),
        note: "hi".into(),
        fields: vec![ProfileField { name: "web".into(), value: "ana.example".into(), verified_ms: 5 }],
        avatar: Some("blob".into()),
        locked: true,
        default_visibility: Visibility::Private,
        default_language: Some("en".into()),
        ..Profile::default()
    };
    let account =
        AccountState { handle: "Ana".into(), named_ms: 300, profile, following: 300, pins: 2, credentials: CredentialState::Confirmed };
    let handle = HandleState { account: AccountId(1), claim: RelationId(2), phase: ClaimPhase::Held { until_ms: 9 }, spoken_ms: 4 };
    let follow = FollowState { relation: RelationId(300), confirmed: true, reblogs: true, notify: false, languages: vec!["en".into()] };
    let post = PostState {
        author: AccountId(1),
        visibility: Visibility::Direct,
        in_reply_to: Some(ReplyTo { post: PostId(8), account: AccountId(2) }),
        mentions: vec![Mention { account: AccountId(2), handle: "bob".into() }],
        tags: vec!["rust".into()],
    };
    let interaction = InteractionState {
        author: AccountId(1),
        favourite: Some(RelationId(4)),
        reblog: Some(ReblogState { reblog: PostId(7), visibility: Visibility::Unlisted }),
        muted: true,
        ..InteractionState::default()
    };
    let code = CodeState {
        account: AccountId(1),
        app: AppId(2),
        redirect_uri: "app://x".into(),
        scopes: vec!["read".into()],
        challenge: Some("c".into()),
        expires_ms: 77,
    };
    let value = |value: StateValue| value.encode();
    vec![
        ("account", value(StateValue::Account(Box::new(account)))),
        ("handle", value(StateValue::Handle(handle))),
        ("follow", value(StateValue::Follow(follow))),
        ("follower", value(StateValue::Follower(FollowerState { relation: RelationId(3), admission: Admission::Over }))),
        ("block", value(StateValue::Block(RelationId(3)))),
        ("mute", value(StateValue::Mute(MuteState { relation: RelationId(3), notifications: true, expires_ms: 0 }))),
        ("note", value(StateValue::Note("met at the fair".into()))),
        ("post", value(StateValue::Post(Box::new(post)))),
        ("interaction", value(StateValue::Interaction(Box::new(interaction)))),
        ("app", value(StateValue::App)),
        ("code", value(StateValue::Code(Box::new(code)))),
        ("token", value(StateValue::Token(TokenState { account: AccountId(1), app: AppId(2) }))),
        ("marker", value(StateValue::Marker(MarkerState { last_read: 300, version: 2 }))),
        ("receipt", codec::encode(&FirstReceipt { offset: 300, id: 4 })),
        ("ledger", codec::encode(&Ledger { last_id: 300, bucket: 4, opened_ms: 5, held: 6, oldest_bucket: 2, time_ms: 9 })),
    ]
}

#[test]
fn rows_have_the_bytes_of_version_1() {
    let lines: Vec<_> = samples().into_iter().map(|(name, bytes)| format!("{name} {}", hex::encode(bytes))).collect();
    assert_eq!(lines, GOLDEN.lines().collect::<Vec<_>>());
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn value() -> impl Strategy<Value = StateValue> {
    let account = (text(), text(), any::<(bool, u32, u32)>()).prop_map(|(handle, note, (locked, following, pins))| {
        let profile = Profile { note, locked, ..Profile::default() };
        StateValue::Account(Box::new(AccountState {
            handle,
            named_ms: 7,
            profile,
            following,
            pins,
            credentials: CredentialState::Unconfirmed,
        }))
    });
    let phase = prop_oneof![
        any::<u64>().prop_map(|expires_ms| ClaimPhase::Claimed { expires_ms }),
        Just(ClaimPhase::Confirmed),
        any::<u64>().prop_map(|until_ms| ClaimPhase::Held { until_ms }),
    ];
    let handle = (any::<(u64, u64, u64)>(), phase).prop_map(|((account, claim, spoken_ms), phase)| {
        StateValue::Handle(HandleState { account: AccountId(account), claim: RelationId(claim), phase, spoken_ms })
    });
    let follow = (any::<(u64, bool, bool, bool)>(), vec(text(), 0..3)).prop_map(|((relation, confirmed, reblogs, notify), languages)| {
        StateValue::Follow(FollowState { relation: RelationId(relation), confirmed, reblogs, notify, languages })
    });
    let post = (any::<u64>(), option::of(any::<(u64, u64)>()), vec((any::<u64>(), text()), 0..3), vec(text(), 0..3)).prop_map(
        |(author, reply, mentions, tags)| {
            let mentions = mentions.into_iter().map(|(account, handle)| Mention { account: AccountId(account), handle }).collect();
            let in_reply_to = reply.map(|(post, account)| ReplyTo { post: PostId(post), account: AccountId(account) });
            StateValue::Post(Box::new(PostState { author: AccountId(author), visibility: Visibility::Public, in_reply_to, mentions, tags }))
        },
    );
    let interaction = any::<(u64, Option<u64>, Option<u64>, Option<u64>, bool)>().prop_map(|(author, favourite, pin, reblog, muted)| {
        StateValue::Interaction(Box::new(InteractionState {
            author: AccountId(author),
            favourite: favourite.map(RelationId),
            bookmark: None,
            pin: pin.map(RelationId),
            reblog: reblog.map(|reblog| ReblogState { reblog: PostId(reblog), visibility: Visibility::Private }),
            muted,
        }))
    });
    prop_oneof![account, handle, follow, post, interaction, text().prop_map(|note| StateValue::Note(note.into())), Just(StateValue::App)]
}

proptest! {
    #[test]
    fn values_round_trip(value in value()) {
        prop_assert_eq!(StateValue::decode(&value.encode()), Ok(value));
    }

    #[test]
    fn any_bytes_decode_or_fail_without_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = StateValue::decode(&bytes);
    }
}
