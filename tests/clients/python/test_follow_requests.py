"""Locked accounts: following asks, and the asked one decides."""

import pytest
from support import ANYONE, User, error, eventually, ids, operation, pages, settles, users


@pytest.fixture
def locked():
    return User("locked", locked=True)


def ask(*askers, of):
    for asker in askers:
        asked = asker.api.account_follow(of.id)
        assert asked.requested and not asked.following
    for asker in askers:
        eventually(lambda asker=asker: asker.id in ids(of.http.get("/api/v1/follow_requests").json()))


@operation("follow_requests.list", "follow_requests.authorize")
def test_authorizing_makes_a_follower(ana, locked):
    ask(ana, of=locked)
    assert locked.api.me().followers_count == 0
    assert locked.relationship(ana).requested_by
    assert locked.api.follow_request_authorize(ana.id).followed_by
    eventually(lambda: ana.relationship(locked).following and not ana.relationship(locked).requested)
    settles(lambda: ids(locked.http.get("/api/v1/follow_requests").json()), [])
    settles(lambda: locked.api.me().followers_count, 1)


@operation("follow_requests.reject")
def test_rejecting_leaves_no_trace(ana, locked):
    ask(ana, of=locked)
    assert not locked.api.follow_request_reject(ana.id).followed_by
    eventually(lambda: not ana.relationship(locked).requested)
    assert not ana.relationship(locked).following
    settles(lambda: ids(locked.http.get("/api/v1/follow_requests").json()), [])
    ask(ana, of=locked)


@operation("accounts.unfollow")
def test_a_request_can_be_withdrawn(ana, locked):
    ask(ana, of=locked)
    assert not ana.api.account_unfollow(locked.id).requested
    settles(lambda: ids(locked.http.get("/api/v1/follow_requests").json()), [])


@operation("follow_requests.authorize", "follow_requests.reject")
def test_deciding_on_nobodys_request_is_404(ana, locked):
    for action in ("authorize", "reject"):
        error(locked.http.post(f"/api/v1/follow_requests/{ana.id}/{action}"), 404)
        error(ANYONE.post(f"/api/v1/follow_requests/{ana.id}/{action}"), 401)


@operation("follow_requests.list")
def test_requests_page(locked):
    askers = users(5, "asker")
    ask(*askers, of=locked)
    walked = pages(locked.http, "/api/v1/follow_requests", limit=2)
    assert sorted(id for page in walked for id in ids(page)) == sorted(asker.id for asker in askers)
    assert len(walked[0]) == 2
    assert locked.http.get("/api/v1/accounts/verify_credentials").json()["source"]["follow_requests_count"] == 5
    assert len(locked.api.fetch_remaining(locked.api.follow_requests(limit=2))) == 5


@operation("accounts.block")
def test_blocking_drops_the_request(ana, locked):
    ask(ana, of=locked)
    locked.api.account_block(ana.id)
    settles(lambda: ids(locked.http.get("/api/v1/follow_requests").json()), [])
    eventually(lambda: not ana.relationship(locked).requested)


@operation("accounts.update_credentials", "follow_requests.list")
def test_private_posts_reach_only_the_admitted(ana, bob, locked):
    ask(ana, bob, of=locked)
    locked.api.follow_request_authorize(ana.id)
    secret = locked.post("for followers", visibility="private")
    eventually(lambda: ana.sees(secret))
    eventually(lambda: str(secret.id) in ana.home())
    assert not bob.sees(secret) and str(secret.id) not in bob.home()
