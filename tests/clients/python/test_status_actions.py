"""Reblog, favourite, bookmark, pin: what they return, whom they show, how they count; concurrent ones too."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from shapes import ACCOUNT, check, check_status
from support import ANYONE, Http, error, eventually, ids, operation, pages, settles, users


@operation("statuses.reblog", "statuses.unreblog", "statuses.reblogged_by")
def test_reblog_returns_the_wrapper_and_unreblog_the_original(ana, bob):
    status = ana.post("worth it")
    eventually(lambda: bob.sees(status))
    wrapper = bob.http.post(f"/api/v1/statuses/{status.id}/reblog").json()
    check_status(wrapper)
    assert wrapper["id"] != str(status.id) and wrapper["account"]["id"] == bob.id
    assert wrapper["reblog"]["id"] == str(status.id) and wrapper["reblogged"] is True and wrapper["reblog"]["reblogged"] is True
    again = bob.http.post(f"/api/v1/statuses/{status.id}/reblog").json()
    assert again["id"] == wrapper["id"], "a reblog is idempotent"
    settles(lambda: ANYONE.get(f"/api/v1/statuses/{status.id}").json()["reblogs_count"], 1)
    settles(lambda: ids(ANYONE.get(f"/api/v1/statuses/{status.id}/reblogged_by").json()), [bob.id])
    original = bob.api.status_unreblog(status.id)
    assert str(original.id) == str(status.id) and original.reblogged is False
    settles(lambda: ANYONE.get(f"/api/v1/statuses/{status.id}").json()["reblogs_count"], 0)
    eventually(lambda: bob.http.get(f"/api/v1/statuses/{wrapper['id']}").status_code == 404)
    assert bob.api.status_unreblog(status.id).reblogged is False, "so is its end"


@operation("statuses.reblog")
def test_reblogging_a_reblog_reblogs_the_original(ana, bob, cyd):
    status = ana.post("chain")
    eventually(lambda: bob.sees(status))
    wrapper = bob.api.status_reblog(status.id)
    eventually(lambda: cyd.sees(wrapper))
    assert str(cyd.api.status_reblog(wrapper.id).reblog.id) == str(status.id)


@operation("statuses.reblog")
def test_what_cannot_be_reblogged(ana, bob):
    bob.follow(ana)
    private = ana.post("followers only", visibility="private")
    direct = ana.post(f"@{bob.username} psst", visibility="direct")
    eventually(lambda: bob.sees(private) and bob.sees(direct))
    for status in (private, direct):
        assert bob.http.post(f"/api/v1/statuses/{status.id}/reblog").status_code in (403, 404, 422)
    error(bob.http.post("/api/v1/statuses/1/reblog"), 404)
    error(ANYONE.post(f"/api/v1/statuses/{private.id}/reblog"), 401)


@operation("statuses.favourite", "statuses.unfavourite", "statuses.favourited_by", "favourites.list")
def test_favourite(ana, bob):
    status = ana.post("nice")
    eventually(lambda: bob.sees(status))
    favoured = bob.api.status_favourite(status.id)
    assert favoured.favourited is True and favoured.favourites_count == 1
    assert bob.api.status_favourite(status.id).favourites_count == 1
    settles(lambda: ids(ANYONE.get(f"/api/v1/statuses/{status.id}/favourited_by").json()), [bob.id])
    check(ANYONE.get(f"/api/v1/statuses/{status.id}/favourited_by").json()[0], ACCOUNT)
    assert ids(bob.http.get("/api/v1/favourites").json()) == [str(status.id)]
    unfavoured = bob.api.status_unfavourite(status.id)
    assert unfavoured.favourited is False and unfavoured.favourites_count == 0
    assert bob.api.favourites() == []


@operation("statuses.bookmark", "statuses.unbookmark", "bookmarks.list")
def test_bookmarks_are_ones_own(ana, bob):
    status = ana.post("later")
    eventually(lambda: bob.sees(status))
    assert bob.api.status_bookmark(status.id).bookmarked is True
    assert ids(bob.http.get("/api/v1/bookmarks").json()) == [str(status.id)]
    assert ana.http.get(f"/api/v1/statuses/{status.id}").json()["bookmarked"] is False
    assert bob.api.status_unbookmark(status.id).bookmarked is False and bob.api.bookmarks() == []


@operation("statuses.pin", "statuses.unpin")
def test_pins(ana, bob):
    status, theirs = ana.post("pinned"), bob.post("not mine")
    assert ana.api.status_pin(status.id).pinned is True
    assert ids(ana.http.get(f"/api/v1/accounts/{ana.id}/statuses", {"pinned": "true"}).json()) == [str(status.id)]
    assert ana.api.status_unpin(status.id).pinned is False
    assert ids(ana.http.get(f"/api/v1/accounts/{ana.id}/statuses", {"pinned": "true"}).json()) == []
    eventually(lambda: ana.sees(theirs))
    error(ana.http.post(f"/api/v1/statuses/{theirs.id}/pin"), 422)
    many = [ana.post() for _ in range(6)]
    replies = [ana.http.post(f"/api/v1/statuses/{status.id}/pin").status_code for status in many]
    assert replies == [200] * 5 + [422]


@operation("statuses.favourite", "statuses.reblog")
def test_actions_are_idempotent_under_concurrency(ana, bob):
    status = ana.post("popular")
    eventually(lambda: bob.sees(status))

    def act(action):
        return Http(bob.token).post(f"/api/v1/statuses/{status.id}/{action}")

    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(act, ["favourite", "reblog"] * 8))
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.json()["id"] for reply in replies[1::2]}) == 1
    settles(lambda: [ANYONE.get(f"/api/v1/statuses/{status.id}").json()[name] for name in ("favourites_count", "reblogs_count")], [1, 1])


@operation("statuses.favourited_by", "statuses.reblogged_by")
def test_who_did_it_pages(ana):
    status = ana.post("crowd")
    fans = users(5, "fan")
    for fan in fans:
        eventually(lambda fan=fan: fan.sees(status))
        fan.api.status_favourite(status.id)
        fan.api.status_reblog(status.id)
    for part in ("favourited_by", "reblogged_by"):
        path = f"/api/v1/statuses/{status.id}/{part}"
        eventually(lambda path=path: len(ANYONE.get(path).json()) == 5)
        walked = pages(ANYONE, path, limit=2)
        assert sorted(id for page in walked for id in ids(page)) == sorted(fan.id for fan in fans)
        assert len(walked[0]) == 2


@operation("favourites.list", "bookmarks.list")
@pytest.mark.parametrize("action,path", [("favourite", "/api/v1/favourites"), ("bookmark", "/api/v1/bookmarks")])
def test_lists_are_in_the_order_of_the_action(ana, action, path):
    posted = [ana.post() for _ in range(5)]
    order = [posted[i] for i in (3, 0, 4, 1, 2)]
    for status in order:
        ana.http.post(f"/api/v1/statuses/{status.id}/{action}")
    wanted = [str(status.id) for status in order[::-1]]
    walked = pages(ana.http, path, limit=2)
    assert [id for page in walked for id in ids(page)] == wanted
    first = ana.api.favourites(limit=2) if action == "favourite" else ana.api.bookmarks(limit=2)
    assert [str(status.id) for status in ana.api.fetch_remaining(first)] == wanted
    second = ana.api.fetch_next(ana.api.favourites(limit=2) if action == "favourite" else ana.api.bookmarks(limit=2))
    assert [str(status.id) for status in ana.api.fetch_previous(second)] == wanted[:2]
    error(ANYONE.get(path), 401)


@operation("statuses.favourite", "statuses.bookmark")
def test_what_one_may_not_see_is_404_for_every_action(ana, bob):
    secret = ana.post("secret", visibility="direct")
    for action in ("favourite", "unfavourite", "bookmark", "reblog", "pin", "mute"):
        missing, hidden = bob.http.post(f"/api/v1/statuses/1/{action}"), bob.http.post(f"/api/v1/statuses/{secret.id}/{action}")
        assert (missing.status_code, missing.content) == (hidden.status_code, hidden.content), action
        assert hidden.status_code == 404, action
