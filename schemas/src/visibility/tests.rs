//! Specs of visibility: who reads, what, and whether it is seen, in feeds, at home.

use super::*;
use crate::ids::PostId;

const ME: AccountId = AccountId(1);
const ANA: AccountId = AccountId(2);
const BOB: AccountId = AccountId(3);
const NOW: UnixMillis = 1_000;

fn post(author: AccountId) -> PostFacts {
    PostFacts { author, visibility: Visibility::Public, reblog_of: None, in_reply_to: None, mentions: SmallVec::new(), language: None }
}

fn to(visibility: Visibility, mentions: &[AccountId]) -> PostFacts {
    PostFacts { visibility, mentions: mentions.into(), ..post(ANA) }
}

fn answer(author: AccountId, account: AccountId) -> PostFacts {
    PostFacts { in_reply_to: Some(ReplyTo { post: PostId(9), account }), ..post(author) }
}

fn reblog(author: AccountId, account: AccountId) -> PostFacts {
    PostFacts { reblog_of: Some(ReplyTo { post: PostId(9), account }), ..post(author) }
}

fn me() -> Reader {
    Reader { account: ME, ..Reader::default() }
}

fn following(accounts: &[AccountId]) -> Reader {
    let options = FollowOptions { reblogs: true, languages: Vec::new() };
    Reader { followees: accounts.iter().map(|account| (*account, options.clone())).collect(), ..me() }
}

/// Expects whether the post may be seen, is shown in feeds, is shown at home.
fn check(reader: &Reader, post: &PostFacts, original: Option<&PostFacts>, expected: [bool; 3]) {
    let verdict = [
        may_see(Some(reader), post, original),
        shown_in_feeds(Some(reader), post, original, NOW),
        shown_in_home(reader, post, original, NOW),
    ];
    assert_eq!(verdict, expected, "{reader:?} reads {post:?} of {original:?}");
    let surely = surely_shown_in_home(reader, post.author, flags(post));
    assert!(expected[2] || !surely, "{reader:?} is said to be shown {post:?} of {original:?}");
}

/// The flags of the post's entry.
fn flags(post: &PostFacts) -> u32 {
    let reply = match post.in_reply_to {
        Some(parent) if parent.account == post.author => entry_flags::SELF_REPLY,
        Some(_) => entry_flags::REPLY,
        None => 0,
    };
    let reblog = if post.reblog_of.is_some() { entry_flags::REBLOG } else { 0 };
    entry_flags::of_visibility(post.visibility) | reply | reblog
}

#[test]
fn entries_say_of_most_posts_that_they_are_shown() {
    let says = |reader: &Reader, post: &PostFacts| surely_shown_in_home(reader, post.author, flags(post));
    assert!(says(&following(&[ANA]), &post(ANA)) && says(&following(&[ANA]), &answer(ANA, ANA)) && says(&me(), &post(ME)));
    let picky = FollowOptions { reblogs: true, languages: vec!["en".into()] };
    let picky = Reader { followees: [(ANA, picky)].into_iter().collect(), ..me() };
    let blocker = Reader { blocks: [BOB].into_iter().collect(), ..following(&[ANA]) };
    for reader in [&me(), &picky, &blocker] {
        assert!(!says(reader, &post(ANA)), "{reader:?}");
    }
    for post in [answer(ANA, BOB), reblog(ANA, BOB), to(Visibility::Direct, &[ME])] {
        assert!(!says(&following(&[ANA]), &post), "{post:?}");
    }
}

#[test]
fn each_visibility_has_its_readers() {
    use Visibility::{Direct, Private, Public, Unlisted};
    // Signed out, a stranger, mentioned, a follower, the author.
    for (visibility, expected) in [
        (Public, [true, true, true, true, true]),
        (Unlisted, [true, true, true, true, true]),
        (Private, [false, false, true, true, true]),
        (Direct, [false, false, true, false, true]),
    ] {
        let author = Reader { account: ANA, ..Reader::default() };
        let seen = [
            may_see(None, &to(visibility, &[ME]), None),
            may_see(Some(&me()), &to(visibility, &[]), None),
            may_see(Some(&me()), &to(visibility, &[ME]), None),
            may_see(Some(&following(&[ANA])), &to(visibility, &[BOB]), None),
            may_see(Some(&author), &to(visibility, &[]), None),
        ];
        assert_eq!(seen, expected, "{visibility:?}");
    }
}

#[test]
fn the_author_blocking_hides_and_the_reader_blocking_only_quiets() {
    let blocked = Reader { blocked_by: [ANA].into_iter().collect(), ..following(&[ANA]) };
    check(&blocked, &post(ANA), None, [false, false, false]);
    check(&blocked, &to(Visibility::Direct, &[ME]), None, [false, false, false]);
    let blocking = Reader { blocks: [ANA].into_iter().collect(), ..following(&[ANA]) };
    check(&blocking, &post(ANA), None, [true, false, false]);
}

#[test]
fn mutes_end_by_themselves() {
    for (expires, shown) in [(0, false), (NOW + 1, false), (NOW, true)] {
        let reader = Reader { mutes: [(ANA, expires)].into_iter().collect(), ..following(&[ANA]) };
        check(&reader, &post(ANA), None, [true, shown, shown]);
    }
}

#[test]
fn nothing_about_somebody_avoided() {
    let reader = Reader { mutes: [(BOB, 0)].into_iter().collect(), ..following(&[ANA, BOB]) };
    check(&reader, &to(Visibility::Public, &[BOB]), None, [true, true, false]);
    check(&reader, &answer(ANA, BOB), None, [true, true, false]);
    check(&reader, &reblog(ANA, BOB), Some(&post(BOB)), [true, false, false]);
    check(&reader, &reblog(ANA, ANA), Some(&to(Visibility::Public, &[BOB])), [true, true, false]);
    check(&reader, &answer(ME, BOB), None, [true, true, true]);
    check(&reader, &reblog(ME, BOB), Some(&post(BOB)), [true, false, false]);
    check(&reader, &reblog(ANA, ANA), Some(&post(ANA)), [true, true, true]);
}

#[test]
fn reblogs_need_their_original() {
    let reader = following(&[ANA]);
    check(&reader, &reblog(ANA, BOB), Some(&post(BOB)), [true, true, true]);
    check(&reader, &reblog(ANA, BOB), None, [false, false, false]);
    let hidden = PostFacts { visibility: Visibility::Private, ..post(BOB) };
    check(&reader, &reblog(ANA, BOB), Some(&hidden), [false, false, false]);
}

#[test]
fn home_has_answers_to_those_followed_only() {
    check(&following(&[ANA]), &answer(ANA, BOB), None, [true, true, false]);
    check(&following(&[ANA, BOB]), &answer(ANA, BOB), None, [true, true, true]);
    check(&following(&[ANA]), &answer(ANA, ANA), None, [true, true, true]);
    check(&following(&[ANA]), &answer(ANA, ME), None, [true, true, true]);
    check(&me(), &answer(ME, BOB), None, [true, true, true]);
    check(&me(), &post(ANA), None, [true, true, false]);
}

#[test]
fn follows_choose_reblogs_and_languages() {
    let choosy = |reblogs, languages: &[&str]| {
        let options = FollowOptions { reblogs, languages: languages.iter().map(|&l| l.to_owned()).collect() };
        Reader { followees: [(ANA, options)].into_iter().collect(), ..me() }
    };
    let in_language = |language: &str| PostFacts { language: Some(language.to_owned()), ..post(ANA) };
    check(&choosy(false, &[]), &reblog(ANA, BOB), Some(&post(BOB)), [true, true, false]);
    check(&choosy(true, &["de"]), &in_language("de"), None, [true, true, true]);
    check(&choosy(true, &["de"]), &in_language("fr"), None, [true, true, false]);
    check(&choosy(true, &["de"]), &post(ANA), None, [true, true, true]);
    check(&choosy(true, &["de"]), &reblog(ANA, BOB), Some(&post(BOB)), [true, true, true]);
}
