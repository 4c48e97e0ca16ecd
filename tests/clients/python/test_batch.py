"""Batches: many commands in one request, each with a result of its own, in order."""

import json

import requests
from support import URL, error, eventually, operation, unique

PATH = "/api/roost/v1/batch"


def batch(user, *lines, **headers):
    body = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    return user.http.post(PATH, body.encode(), headers={"Content-Type": "application/x-ndjson", **headers})


def results(response):
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


@operation("roost.batch", "roost.wait")
def test_lines_take_effect_in_order_and_each_has_its_result(ana, bob):
    theirs = bob.post()
    texts = [unique("batched ") for _ in range(30)]
    answer = batch(
        ana,
        *({"do": "statuses.create", "status": text, "visibility": "unlisted"} for text in texts),
        "\n",
        {"do": "statuses.create", "status": ""},
        "nonsense\n",
        {"do": "statuses.favourite", "id": str(theirs.id)},
        {"do": "statuses.reblog", "id": str(theirs.id)},
        {"do": "statuses.bookmark", "id": "1"},
        {"do": "accounts.follow", "id": bob.id},
        {"do": "accounts.unfollow", "id": bob.id},
        {"do": "accounts.follow", "id": bob.id},
    )
    lines = results(answer)
    assert [line["line"] for line in lines] == [*range(1, 31), *range(32, 40)]
    assert [line["status"] for line in lines[30:]] == [422, 400, 200, 200, 404, 200, 200, 200]
    assert lines[30]["error"] == error(ana.http.post("/api/v1/statuses", {"status": ""}), 422)
    made = [line["id"] for line in lines[:30]]
    assert made == sorted(made, key=int)
    # Reads that were told the position see all of it.
    position = answer.headers["Roost-Position"]
    assert requests.get(f"{URL}/api/roost/v1/wait", params={"position": position}, timeout=30).json() == {"reached": True}
    shown = ana.http.get(f"/api/v1/accounts/{ana.id}/statuses", params={"limit": 40}).json()
    assert [status["id"] for status in shown] == [lines[33]["id"], *reversed(made)]
    assert [status["content"] for status in shown[1:]] == [f"<p>{text}</p>" for text in reversed(texts)]
    read = ana.http.get(f"/api/v1/statuses/{theirs.id}").json()
    assert (read["favourited"], read["reblogged"], read["bookmarked"]) == (True, True, False)
    assert ana.relationship(bob).following
    eventually(lambda: ana.id in [str(account.id) for account in bob.api.account_followers(bob.id)])


@operation("roost.batch", "statuses.create")
def test_a_batch_with_keys_can_be_sent_again(ana):
    lines = [{"do": "statuses.create", "status": unique("once "), "key": f"k{number}"} for number in range(5)]
    first, again = results(batch(ana, *lines)), results(batch(ana, *lines))
    assert first == again and len({line["id"] for line in first}) == 5
    # A key means the same to a single post, and a batch's own key names its lines.
    single = ana.http.post("/api/v1/statuses", {"status": lines[0]["status"]}, headers={"Idempotency-Key": "k0"}).json()
    assert single["id"] == first[0]["id"]
    unnamed = [{"do": "statuses.create", "status": unique("whole ")} for _ in range(3)]
    assert results(batch(ana, *unnamed, **{"Idempotency-Key": "whole"})) == results(batch(ana, *unnamed, **{"Idempotency-Key": "whole"}))


@operation("roost.batch")
def test_what_is_no_batch_is_refused_as_a_whole(ana):
    line = json.dumps({"do": "statuses.favourite", "id": "1"}) + "\n"
    error(batch(ana, line * 1001), 413)
    error(batch(ana, " " * (2 * 1024 * 1024 + 1)), 413)
    error(ana.http.post(PATH, b"\xff\xfe"), 400)
    error(requests.post(URL + PATH, data=line, timeout=30), 401)
    assert results(batch(ana, "\n")) == []
