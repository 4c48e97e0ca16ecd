"""Search over accounts, hashtags and one's own reading of statuses."""

from shapes import ACCOUNT, check, check_status
from support import ANYONE, error, eventually, ids, operation, unique


def search(http, q, **params):
    response = http.get("/api/v2/search", {"q": q, **params})
    assert response.status_code == 200, response.text
    return response.json()


@operation("search.v2")
def test_accounts_by_name_and_by_display_name_with_spaces(ana, bob):
    word = unique("Marigold")
    ana.api.account_update_credentials(display_name=f"{word} of the Hill")
    for q in (ana.username, f"@{ana.username}", word, f"{word} of the", f"{word.lower()} OF THE hill"):
        eventually(lambda q=q: ana.id in ids(search(bob.http, q)["accounts"]))
    check(search(bob.http, word)["accounts"][0], ACCOUNT)
    assert str(bob.api.search(word, result_type="accounts").accounts[0].id) == ana.id


@operation("search.v2")
def test_hashtags_by_prefix(ana, bob):
    tag = unique("Searchable")
    ana.post(f"#{tag}")
    for q in (tag, f"#{tag}", tag[:-1].lower()):
        eventually(lambda q=q: tag.lower() in [found["name"].lower() for found in search(bob.http, q)["hashtags"]])
    found = search(bob.http, tag, type="hashtags")
    assert found["accounts"] == [] and found["statuses"] == []
    assert found["hashtags"][0]["url"].startswith("http") and "history" in found["hashtags"][0]


@operation("search.v2", "statuses.favourite", "statuses.bookmark")
def test_statuses_that_one_wrote_was_mentioned_in_or_kept(ana, bob, cyd):
    word = unique("quokka")
    written = ana.post(f"a {word} of mine")
    mention = bob.post(f"@{ana.username} a {word}")
    kept = bob.post(f"another {word} here")
    other = bob.post(f"unrelated {word}")
    eventually(lambda: ana.sees(kept) and ana.sees(other))
    ana.api.status_favourite(kept.id)
    eventually(lambda: {str(s.id) for s in (written, mention, kept)} <= set(ids(search(ana.http, word, type="statuses")["statuses"])))
    for status in search(ana.http, word)["statuses"]:
        check_status(status)
    assert str(written.id) not in ids(search(cyd.http, f"{word} zzz", type="statuses")["statuses"])


@operation("search.v2")
def test_deleted_and_edited_statuses_are_found_as_they_are_now(ana):
    before, after = unique("before"), unique("after")
    status, gone = ana.post(f"{before} x"), ana.post(f"{before} y")
    eventually(lambda: len(search(ana.http, before, type="statuses")["statuses"]) == 2)
    ana.api.status_update(status.id, f"{after} x")
    ana.api.status_delete(gone.id)
    eventually(lambda: ids(search(ana.http, after, type="statuses")["statuses"]) == [str(status.id)])
    eventually(lambda: search(ana.http, before, type="statuses")["statuses"] == [])


@operation("search.v2")
def test_type_limit_and_following_narrow(ana, bob):
    word = unique("Pelican")
    for user in (ana, bob):
        user.api.account_update_credentials(display_name=word)
    eventually(lambda: len(search(ana.http, word)["accounts"]) == 2)
    assert len(search(ana.http, word, limit=1)["accounts"]) == 1
    only = search(ana.http, word, type="accounts")
    assert only["statuses"] == [] and only["hashtags"] == []
    assert ids(search(ana.http, word, type="accounts", following="true")["accounts"]) in ([], [ana.id])


@operation("search.v2")
def test_odd_queries_are_survived(ana):
    for q in ("", " ", "*", "\"", "field:value", "a AND", "(((", "\\", "x" * 3000, "\u0000", "%", "@", "#", "from:me"):
        assert ana.http.get("/api/v2/search", {"q": q}).status_code in (200, 400, 422), q


@operation("search.v2")
def test_without_a_token(ana):
    response = ANYONE.get("/api/v2/search", {"q": ana.username})
    if response.status_code != 200:
        error(response, 401)
    else:
        assert response.json()["statuses"] == []


@operation("tags.get")
def test_a_tag_is_an_entity(ana):
    tag = unique("entity")
    ana.post(f"#{tag}")
    eventually(lambda: ANYONE.get(f"/api/v1/tags/{tag}").json()["name"] == tag)
    assert ana.http.get(f"/api/v1/tags/{tag}").json()["following"] is False
