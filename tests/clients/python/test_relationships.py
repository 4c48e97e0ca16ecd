"""Follow, block, mute, note: what each changes, both ways, and what is refused."""

import time

import pytest
from mastodon import MastodonAPIError
from shapes import ACCOUNT, RELATIONSHIP, check
from support import ANYONE, error, eventually, ids, operation, pages, settles, users


@operation("accounts.relationships")
def test_relationships_answer_for_each_id(ana, bob, cyd):
    response = ana.http.get("/api/v1/accounts/relationships", [("id[]", bob.id), ("id[]", cyd.id)])
    assert ids(response.json()) == [bob.id, cyd.id]
    for relationship in response.json():
        check(relationship, RELATIONSHIP)
        assert not any(value is True for value in relationship.values())
    assert ids(ana.http.get("/api/v1/accounts/relationships", {"id": bob.id}).json()) == [bob.id]
    error(ANYONE.get("/api/v1/accounts/relationships", {"id[]": bob.id}), 401)


@operation("accounts.follow", "accounts.unfollow", "accounts.followers", "accounts.following")
def test_follow_and_unfollow(ana, bob):
    followed = ana.api.account_follow(bob.id)
    assert followed.following and not followed.requested and followed.showing_reblogs and not followed.notifying
    eventually(lambda: bob.relationship(ana).followed_by)
    settles(lambda: ids(ANYONE.get(f"/api/v1/accounts/{bob.id}/followers").json()), [ana.id])
    settles(lambda: ids(ANYONE.get(f"/api/v1/accounts/{ana.id}/following").json()), [bob.id])
    settles(lambda: (bob.api.me().followers_count, ana.api.me().following_count), (1, 1))
    assert not ana.api.account_unfollow(bob.id).following
    eventually(lambda: not bob.relationship(ana).followed_by)
    settles(lambda: (bob.api.me().followers_count, ana.api.me().following_count), (0, 0))


@operation("accounts.follow")
def test_follow_twice_changes_its_options_only(ana, bob):
    ana.api.account_follow(bob.id)
    changed = ana.http.post(f"/api/v1/accounts/{bob.id}/follow", {"reblogs": "false", "notify": "true", "languages[]": ["en", "fr"]}).json()
    assert changed["following"] and not changed["showing_reblogs"] and changed["notifying"] and changed["languages"] == ["en", "fr"]
    settles(lambda: bob.api.me().followers_count, 1)


@operation("accounts.follow")
def test_whom_one_cannot_follow(ana, bob):
    assert ana.http.post(f"/api/v1/accounts/{ana.id}/follow").status_code in (403, 404, 422), "oneself"
    error(ana.http.post("/api/v1/accounts/1/follow"), 404)
    error(ANYONE.post(f"/api/v1/accounts/{ana.id}/follow"), 401)
    bob.api.account_block(ana.id)
    eventually(lambda: ana.relationship(bob).blocked_by)
    error(ana.http.post(f"/api/v1/accounts/{bob.id}/follow"), 403)
    with pytest.raises(MastodonAPIError):
        bob.api.account_follow(ana.id)


@operation("accounts.remove_from_followers")
def test_remove_from_followers(ana, bob):
    ana.follow(bob)
    eventually(lambda: bob.relationship(ana).followed_by)
    assert not bob.api.account_remove_from_followers(ana.id).followed_by
    eventually(lambda: not ana.relationship(bob).following)


@operation("accounts.block", "accounts.unblock")
def test_a_block_ends_follows_both_ways(ana, bob):
    ana.follow(bob)
    bob.follow(ana)
    blocked = ana.api.account_block(bob.id)
    assert blocked.blocking and not blocked.following and not blocked.followed_by
    eventually(lambda: (lambda seen: seen.blocked_by and not seen.following and not seen.followed_by)(bob.relationship(ana)))
    settles(lambda: (ana.api.me().followers_count, ana.api.me().following_count), (0, 0))
    settles(lambda: (bob.api.me().followers_count, bob.api.me().following_count), (0, 0))
    assert not ana.api.account_unblock(bob.id).blocking
    eventually(lambda: not bob.relationship(ana).blocked_by)
    assert not ana.relationship(bob).following and not bob.relationship(ana).following, "unblocking restores nothing"


@operation("accounts.mute", "accounts.unmute")
def test_mute_with_and_without_notifications(ana, bob):
    ana.follow(bob)
    muted = ana.api.account_mute(bob.id)
    assert muted.muting and muted.muting_notifications and muted.following
    quieter = ana.api.account_mute(bob.id, notifications=False)
    assert quieter.muting and not quieter.muting_notifications
    assert not bob.relationship(ana).blocked_by
    unmuted = ana.api.account_unmute(bob.id)
    assert not unmuted.muting and not unmuted.muting_notifications and unmuted.following


@operation("accounts.mute", "mutes.list")
def test_a_mute_with_a_duration_ends_by_itself(ana, bob):
    ana.api.account_mute(bob.id, duration=2)
    assert ana.relationship(bob).muting
    listed = ana.http.get("/api/v1/mutes").json()
    assert ids(listed) == [bob.id] and listed[0]["mute_expires_at"]
    time.sleep(2.1)
    eventually(lambda: not ana.relationship(bob).muting)
    settles(lambda: ids(ana.http.get("/api/v1/mutes").json()), [])


@operation("accounts.block", "accounts.mute")
def test_nobody_blocks_or_mutes_the_unknown(ana):
    for action in ("block", "mute", "unblock", "unmute", "note", "remove_from_followers", "unfollow"):
        error(ana.http.post(f"/api/v1/accounts/1/{action}"), 404)


@operation("accounts.note")
def test_a_note_is_private(ana, bob):
    assert ana.api.account_note_set(bob.id, "met at the fair").note == "met at the fair"
    assert ana.relationship(bob).note == "met at the fair" and bob.relationship(ana).note == ""
    assert ana.api.account_note_set(bob.id, "").note == ""
    error(ana.http.post(f"/api/v1/accounts/{bob.id}/note", {"comment": "x" * 2001}), 422)


@operation("blocks.list", "mutes.list")
@pytest.mark.parametrize("action,path", [("block", "/api/v1/blocks"), ("mute", "/api/v1/mutes")])
def test_blocks_and_mutes_page_newest_first_by_opaque_cursors(ana, action, path):
    others = users(5, "o")
    for other in others:
        ana.http.post(f"/api/v1/accounts/{other.id}/{action}")
    walked = pages(ana.http, path, limit=2)
    assert [ids(page) for page in walked if page] == [ids_of(others[4], others[3]), ids_of(others[2], others[1]), ids_of(others[0])]
    for account in walked[0]:
        check(account, ACCOUNT)
    library = ana.api.blocks(limit=2) if action == "block" else ana.api.mutes(limit=2)
    assert len(ana.api.fetch_remaining(library)) == 5
    error(ANYONE.get(path), 401)


def ids_of(*them):
    return [user.id for user in them]


@operation("accounts.followers", "accounts.following")
def test_followers_and_following_page(ana):
    fans = users(5, "fan")
    for fan in fans:
        fan.follow(ana)
    settles(lambda: ids(ANYONE.get(f"/api/v1/accounts/{ana.id}/followers").json()), [fan.id for fan in fans[::-1]])
    walked = pages(ANYONE, f"/api/v1/accounts/{ana.id}/followers", limit=2)
    assert [ids(page) for page in walked if page] == [[fans[4].id, fans[3].id], [fans[2].id, fans[1].id], [fans[0].id]]
    first = ana.api.account_followers(ana.id, limit=2)
    assert [str(account.id) for account in ana.api.fetch_remaining(first)] == [fan.id for fan in fans[::-1]]
    ana.follow(*fans[:3])
    assert len(ana.api.fetch_remaining(ana.api.account_following(ana.id, limit=2))) == 3
    error(ANYONE.get("/api/v1/accounts/1/followers"), 404)
