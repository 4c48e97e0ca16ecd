"""Reading accounts: get, bulk get, lookup, search, their statuses with every filter."""

import pytest
from mastodon import MastodonNotFoundError
from shapes import ACCOUNT, check, check_status
from support import ANYONE, error, eventually, ids, operation, settles, unique


@operation("accounts.get")
def test_anyone_reads_an_account(ana, bob):
    check(ANYONE.get(f"/api/v1/accounts/{ana.id}").json(), ACCOUNT)
    assert bob.api.account(ana.id).username == ana.username


@operation("accounts.get")
@pytest.mark.parametrize("id", ["1", "999999999999999999", "nonsense", "-1", "99999999999999999999999999"])
def test_unknown_accounts_are_404(ana, id):
    assert error(ANYONE.get(f"/api/v1/accounts/{id}"), 404) == "Record not found"
    with pytest.raises(MastodonNotFoundError):
        ana.api._Mastodon__api_request("GET", f"/api/v1/accounts/{id}")


@operation("accounts.many")
def test_bulk_get_keeps_to_those_that_exist(ana, bob):
    assert {str(account.id) for account in ana.api.accounts([ana.id, bob.id, "1"])} == {ana.id, bob.id}


@operation("accounts.lookup")
def test_lookup_by_name(ana):
    assert ANYONE.get("/api/v1/accounts/lookup", {"acct": ana.username}).json()["id"] == ana.id
    assert str(ana.api.account_lookup(ana.username.upper()).id) == ana.id
    error(ANYONE.get("/api/v1/accounts/lookup", {"acct": "nobody_" + ana.username}), 404)


@operation("accounts.search")
def test_search_by_name_and_display_name(ana, bob):
    word = unique("Zephyr")
    ana.api.account_update_credentials(display_name=f"{word} van Dyk")
    for wanted in (ana.username, ana.username[:-1], "@" + ana.username, word, f"{word} van"):
        eventually(lambda wanted=wanted: ana.id in [str(found.id) for found in bob.api.account_search(wanted)])
    assert len(bob.api.account_search("a", limit=2)) <= 2
    error(ANYONE.get("/api/v1/accounts/search", {"q": "ana"}), 401)


@operation("accounts.search")
def test_search_among_followed_only(ana, bob, cyd):
    word = unique("Quill")
    for user in (bob, cyd):
        user.api.account_update_credentials(display_name=word)
    ana.follow(bob)
    eventually(lambda: len(ana.api.account_search(word)) == 2)
    settles(lambda: ids(ana.http.get("/api/v1/accounts/search", {"q": word, "following": "true"}).json()), [bob.id])


@operation("accounts.search")
def test_a_blocked_account_is_found_by_its_exact_name(ana, bob):
    ana.api.account_block(bob.id)
    eventually(lambda: bob.id in ids(ana.http.get("/api/v1/accounts/search", {"q": bob.username}).json()))


def statuses_of(reader, user, **params):
    response = reader.get(f"/api/v1/accounts/{user.id}/statuses", params)
    assert response.status_code == 200, response.text
    return ids(response.json())


@operation("accounts.statuses", "statuses.reblog", "statuses.pin")
def test_each_filter_of_account_statuses(ana, bob):
    own = ana.post("own #filters")
    self_reply = ana.post("self", in_reply_to_id=own.id)
    theirs = bob.post("theirs")
    eventually(lambda: ana.sees(theirs))
    reply = ana.post("reply", in_reply_to_id=theirs.id)
    boost = ana.api.status_reblog(theirs.id)
    ana.api.status_pin(own.id)
    o, s, r, b = (str(status.id) for status in (own, self_reply, reply, boost))
    settles(lambda: statuses_of(ANYONE, ana), [b, r, s, o])
    assert statuses_of(ANYONE, ana, exclude_replies="true") == [b, s, o], "self-replies stay"
    assert statuses_of(ANYONE, ana, exclude_reblogs="true") == [r, s, o]
    assert statuses_of(ANYONE, ana, pinned="true") == [o]
    assert statuses_of(ANYONE, ana, tagged="Filters") == [o]
    assert statuses_of(ANYONE, ana, only_media="true") == []
    assert [str(found.id) for found in bob.api.account_statuses(ana.id, exclude_replies=True, exclude_reblogs=True)] == [s, o]


@operation("accounts.statuses")
def test_account_statuses_page_by_id(ana):
    posted = [str(ana.post().id) for _ in range(7)][::-1]
    assert statuses_of(ana.http, ana, limit=3) == posted[:3]
    assert statuses_of(ana.http, ana, limit=3, max_id=posted[2]) == posted[3:6]
    assert statuses_of(ana.http, ana, limit=3, since_id=posted[6]) == posted[:3]
    assert statuses_of(ana.http, ana, limit=3, min_id=posted[6]) == posted[3:6]
    for status in ana.http.get(f"/api/v1/accounts/{ana.id}/statuses").json():
        check_status(status)


@operation("accounts.statuses")
def test_library_walks_account_statuses(ana):
    posted = [str(ana.post().id) for _ in range(9)]
    first = ana.api.account_statuses(ana.id, limit=4)
    assert [str(status.id) for status in ana.api.fetch_remaining(first)] == posted[::-1]
    second = ana.api.fetch_next(first)
    assert [str(status.id) for status in ana.api.fetch_previous(second)] == [str(status.id) for status in first]


@operation("accounts.statuses")
def test_statuses_of_an_unknown_account_are_404():
    error(ANYONE.get("/api/v1/accounts/1/statuses"), 404)
