"""Publishing, reading, editing, deleting; idempotency; threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from mastodon import MastodonAPIError, MastodonNotFoundError
from shapes import check_status
from support import ANYONE, Http, error, eventually, ids, operation, settles, unique


@operation("statuses.create", "statuses.get")
def test_publish_and_read_back(ana):
    status = ana.http.post("/api/v1/statuses", {"status": "hello", "spoiler_text": "careful", "sensitive": "true", "language": "en", "visibility": "unlisted"})
    assert status.status_code == 200, status.text
    body = status.json()
    check_status(body)
    assert body["content"] == "<p>hello</p>" and body["spoiler_text"] == "careful" and body["sensitive"] is True
    assert body["language"] == "en" and body["visibility"] == "unlisted" and body["account"]["id"] == ana.id
    assert body["edited_at"] is None and body["application"]["name"] == "suite"
    assert ana.http.get(f"/api/v1/statuses/{body['id']}").json() == body
    eventually(lambda: ANYONE.get(f"/api/v1/statuses/{body['id']}").status_code == 200)
    check_status(ANYONE.get(f"/api/v1/statuses/{body['id']}").json(), signed_in=False)


@operation("statuses.create")
def test_a_reply_names_its_parent_and_inherits_nothing(ana, bob):
    parent = ana.post("root", visibility="unlisted", spoiler_text="cw")
    eventually(lambda: bob.sees(parent))
    reply = bob.api.status_post(f"@{ana.username} yes", in_reply_to_id=parent.id)
    assert str(reply.in_reply_to_id) == str(parent.id) and str(reply.in_reply_to_account_id) == ana.id
    assert reply.visibility == "public" and reply.spoiler_text == ""
    assert [mention.username for mention in reply.mentions] == [ana.username]
    settles(lambda: ana.api.status(parent.id).replies_count, 1)


@operation("statuses.create")
@pytest.mark.parametrize("fields", [{"status": ""}, {"status": "   "}, {}, {"status": "x" * 5001}, {"status": "x", "visibility": "nonsense"},
                                    {"status": "x", "language": "not-a-language"}])
def test_invalid_statuses_are_422(ana, fields):
    error(ana.http.post("/api/v1/statuses", fields), 422)


@operation("statuses.create")
def test_refusals(ana, bob):
    error(ANYONE.post("/api/v1/statuses", {"status": "x"}), 401)
    error(ana.http.post("/api/v1/statuses", {"status": "x", "in_reply_to_id": "1"}), 404)
    secret = bob.post("secret", visibility="direct")
    error(ana.http.post("/api/v1/statuses", {"status": "x", "in_reply_to_id": str(secret.id)}), 404)
    with pytest.raises(MastodonAPIError):
        ana.api.status_post("x" * 5001)


@operation("statuses.create")
def test_a_spoiler_alone_is_a_status(ana):
    status = ana.http.post("/api/v1/statuses", {"spoiler_text": "only a warning", "status": ""})
    if status.status_code == 200:
        assert status.json()["spoiler_text"] == "only a warning" or "only a warning" in status.json()["content"]
    else:
        error(status, 422)


@operation("statuses.create")
def test_idempotency_under_concurrency(ana):
    key, text = unique("key"), unique("once ")

    def send(_):
        return Http(ana.token).post("/api/v1/statuses", {"status": text}, headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(send, range(20)))
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert ids(ana.http.get(f"/api/v1/accounts/{ana.id}/statuses").json()) == [replies[0].json()["id"]]
    assert str(ana.api.status_post(text, idempotency_key=key).id) == replies[0].json()["id"]


@operation("statuses.create")
def test_idempotency_keys_are_each_accounts_own(ana, bob):
    key = unique("key")
    first, second = ana.api.status_post("a", idempotency_key=key), bob.api.status_post("b", idempotency_key=key)
    assert first.id != second.id and second.content == "<p>b</p>"


@operation("statuses.many")
def test_bulk_get(ana, bob):
    open_, secret = ana.post("open"), ana.post("secret", visibility="direct")
    eventually(lambda: bob.sees(open_))
    found = bob.http.get("/api/v1/statuses", [("id[]", str(open_.id)), ("id[]", str(secret.id)), ("id[]", "1")]).json()
    assert ids(found) == [str(open_.id)]
    assert len(ana.api.statuses([open_.id, secret.id])) == 2


@operation("statuses.get")
@pytest.mark.parametrize("id", ["1", "0", "nonsense", "99999999999999999999999999", "%00"])
def test_unknown_statuses_are_404(ana, id):
    error(ana.http.get(f"/api/v1/statuses/{id}"), 404)


@operation("statuses.delete")
def test_delete_returns_the_text_and_removes_it_everywhere(ana, bob):
    bob.follow(ana)
    status = ana.post("to be *redrafted* & gone #gone", spoiler_text="cw")
    eventually(lambda: str(status.id) in bob.home())
    boost = bob.api.status_reblog(status.id)
    bob.api.status_favourite(status.id)
    bob.api.status_bookmark(status.id)
    ana.api.status_pin(status.id)
    deleted = ana.http.delete(f"/api/v1/statuses/{status.id}").json()
    assert deleted["text"] == "to be *redrafted* & gone #gone" and deleted["id"] == str(status.id) and deleted["spoiler_text"] == "cw"
    error(ana.http.get(f"/api/v1/statuses/{status.id}"), 404)
    assert ids(ana.http.get(f"/api/v1/accounts/{ana.id}/statuses").json()) == []
    assert ids(ana.http.get(f"/api/v1/accounts/{ana.id}/statuses", {"pinned": "true"}).json()) == []
    for path in ("/api/v1/timelines/home", "/api/v1/favourites", "/api/v1/bookmarks", f"/api/v1/accounts/{bob.id}/statuses", "/api/v1/timelines/tag/gone"):
        settles(lambda path=path: [id for id in ids(bob.http.get(path).json()) if id in (str(status.id), str(boost.id))], [])
    eventually(lambda: not bob.sees(boost))
    with pytest.raises(MastodonNotFoundError):
        ana.api.status_delete(status.id)


@operation("statuses.delete", "statuses.edit")
def test_others_statuses_are_not_ones_own(ana, bob):
    status = ana.post("mine")
    eventually(lambda: bob.sees(status))
    error(bob.http.delete(f"/api/v1/statuses/{status.id}"), 404)
    error(bob.http.put(f"/api/v1/statuses/{status.id}", {"status": "yours"}), 404)
    error(ANYONE.delete(f"/api/v1/statuses/{status.id}"), 401)


@operation("statuses.edit", "statuses.history", "statuses.source")
def test_edits_keep_the_id_and_every_version(ana, bob):
    status = ana.post("first #one", language="en")
    edited = ana.api.status_update(status.id, "second #two", spoiler_text="cw")
    assert edited.id == status.id and edited.edited_at and "second" in edited.content and edited.spoiler_text == "cw"
    assert [tag.name for tag in edited.tags] == ["two"]
    history = ana.http.get(f"/api/v1/statuses/{status.id}/history").json()
    assert [version["content"].count("first") for version in history] == [1, 0]
    assert {"content", "spoiler_text", "sensitive", "created_at", "account", "emojis", "media_attachments"} <= history[0].keys()
    assert history[0]["created_at"] == ana.http.get(f"/api/v1/statuses/{status.id}").json()["created_at"]
    source = ana.http.get(f"/api/v1/statuses/{status.id}/source").json()
    assert source["id"] == str(status.id) and source["text"] == "second #two" and source["spoiler_text"] == "cw"
    eventually(lambda: "second" in bob.api.status(status.id).content)
    assert len(bob.api.status_history(status.id)) == 2
    error(bob.http.put(f"/api/v1/statuses/{status.id}", {"status": "x"}), 404)
    error(ana.http.put(f"/api/v1/statuses/{status.id}", {"status": ""}), 422)


@operation("statuses.edit")
def test_an_edit_in_json(ana):
    status = ana.http.post("/api/v1/statuses", json={"status": "one", "sensitive": "1"}).json()
    assert status["sensitive"] is True
    edited = ana.http.put(f"/api/v1/statuses/{status['id']}", json={"status": "two", "sensitive": "0", "media_ids": [], "language": "de"}).json()
    assert edited["content"] == "<p>two</p>" and edited["sensitive"] is False and edited["language"] == "de"


@operation("statuses.source", "statuses.history")
def test_source_of_what_one_may_not_see_is_404(ana, bob):
    secret = ana.post("secret", visibility="direct")
    for part in ("source", "history", "context", "favourited_by", "reblogged_by"):
        error(bob.http.get(f"/api/v1/statuses/{secret.id}/{part}"), 404)
    error(ANYONE.get(f"/api/v1/statuses/{secret.id}/source"), 401)


@operation("statuses.context")
def test_context_shows_the_thread_in_order(ana, bob):
    root = ana.post("root")
    eventually(lambda: bob.sees(root))
    first = bob.post("first", in_reply_to_id=root.id)
    eventually(lambda: ana.sees(first))
    nested = ana.post("nested", in_reply_to_id=first.id)
    second = ana.post("second", in_reply_to_id=root.id)
    hidden = ana.post("hidden", in_reply_to_id=root.id, visibility="direct")
    eventually(lambda: bob.sees(nested) and bob.sees(second))

    def context(reader, status):
        body = reader.get(f"/api/v1/statuses/{status.id}/context").json()
        return ids(body["ancestors"]), ids(body["descendants"])

    r, f, n, s, h = (str(status.id) for status in (root, first, nested, second, hidden))
    settles(lambda: context(bob.http, root), ([], [f, n, s]))
    settles(lambda: context(ANYONE, nested), ([r, f], []))
    settles(lambda: context(ana.http, root), ([], [f, n, s, h]))
    assert [str(status.id) for status in bob.api.status_context(nested.id).ancestors] == [r, f]
    error(ANYONE.get("/api/v1/statuses/1/context"), 404)
    ana.api.status_delete(nested.id)
    settles(lambda: context(bob.http, root), ([], [f, s]))
    settles(lambda: ANYONE.get(f"/api/v1/statuses/{r}").json()["replies_count"], 2)


@operation("statuses.mute", "statuses.unmute")
def test_a_conversation_is_muted_and_unmuted(ana):
    status = ana.post("loud")
    assert ana.http.post(f"/api/v1/statuses/{status.id}/mute").json()["muted"] is True
    assert ana.http.get(f"/api/v1/statuses/{status.id}").json()["muted"] is True
    assert ana.http.post(f"/api/v1/statuses/{status.id}/unmute").json()["muted"] is False
