"""What lies under every operation: encodings, errors, CORS, headers, read-your-writes."""

import json

import pytest
import requests
from support import ANYONE, URL, error, ids, operation, unique

ENCODINGS = {
    "form": lambda http, path, body: http.post(path, body),
    "multipart": lambda http, path, body: http.post(path, files={name: (None, value) for name, value in body.items()}),
    "json": lambda http, path, body: http.post(path, json=body),
    "query": lambda http, path, body: http.session.post(URL + path, params=body, timeout=30),
}


@operation("statuses.create")
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("yes,no", [("true", "false"), ("1", "0"), ("on", "off")])
def test_every_encoding_and_boolean(ana, encoding, yes, no):
    text = unique("encoded ")
    for word, wanted in ((yes, True), (no, False)):
        body = ENCODINGS[encoding](ana.http, "/api/v1/statuses", {"status": text, "sensitive": word, "visibility": "unlisted"})
        assert body.status_code == 200, body.text
        assert (body.json()["sensitive"], body.json()["visibility"], body.json()["content"]) == (wanted, "unlisted", f"<p>{text}</p>")


@operation("accounts.relationships", "statuses.many")
def test_arrays_in_every_spelling(ana, bob, cyd):
    for params in ([("id[]", bob.id), ("id[]", cyd.id)], [("id[0]", bob.id), ("id[1]", cyd.id)], [("id", bob.id), ("id", cyd.id)]):
        found = ids(ana.http.get("/api/v1/accounts/relationships", params).json())
        assert found and set(found) <= {bob.id, cyd.id}, params
        if params[0][0] != "id":
            assert found == [bob.id, cyd.id], params


@operation("statuses.create")
def test_a_token_may_stand_in_the_parameters(ana):
    assert requests.get(f"{URL}/api/v1/accounts/verify_credentials", params={"access_token": ana.token}, timeout=30).json()["id"] == ana.id


@operation("statuses.create")
@pytest.mark.parametrize("body,kind", [(b"{", "application/json"), (b"[1]", "application/json"), (b"\xff\xfe", "application/x-www-form-urlencoded"),
                                       (b"x", "multipart/form-data"), (b"x", "text/plain")])
def test_broken_bodies_are_the_callers_fault(ana, body, kind):
    response = ana.http.post("/api/v1/statuses", body, headers={"Content-Type": kind})
    assert response.status_code in (400, 415, 422), response.text
    assert response.json()["error"]


@operation("statuses.create")
def test_errors_are_json_with_mastodons_texts(ana):
    assert error(ANYONE.get("/api/v1/timelines/home"), 401) in ("The access token is invalid", "This method requires an authenticated user")
    assert error(requests.get(f"{URL}/api/v1/timelines/home", headers={"Authorization": "Bearer x"}, timeout=30), 401) == "The access token is invalid"
    assert error(ana.http.get("/api/v1/statuses/1"), 404) == "Record not found"
    assert error(ana.http.post("/api/v1/statuses", {"status": ""}), 422).startswith("Validation failed")
    error(ana.http.get("/api/v1/no/such/thing"), 404)
    assert ana.http.delete("/api/v1/timelines/home").status_code in (404, 405)


@operation("accounts.get", "timelines.public", "statuses.context")
def test_a_bad_token_is_refused_even_where_none_is_needed(ana):
    status = ana.post()
    for path in (f"/api/v1/accounts/{ana.id}", "/api/v1/timelines/public", f"/api/v1/statuses/{status.id}/context"):
        error(requests.get(URL + path, headers={"Authorization": "Bearer nonsense"}, timeout=30), 401)


@pytest.mark.parametrize("path", ["/api/v1/statuses", "/api/v1/timelines/home", "/oauth/token", "/nodeinfo/2.0", "/.well-known/oauth-authorization-server"])
@operation("statuses.create", "oauth.token")
def test_preflights_allow_what_browsers_send(path):
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "authorization,content-type,idempotency-key"}
    response = requests.options(URL + path, headers=headers, timeout=30)
    assert response.status_code in (200, 204)
    assert response.headers["Access-Control-Allow-Origin"] in ("*", "https://app.example")
    allowed = {name.strip().lower() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert "*" in allowed or {"authorization", "content-type", "idempotency-key"} <= allowed
    methods = {name.strip() for name in response.headers["Access-Control-Allow-Methods"].split(",")}
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= methods
    assert int(response.headers["Access-Control-Max-Age"]) > 0
    assert response.headers.get("Access-Control-Allow-Credentials") != "true" or response.headers["Access-Control-Allow-Origin"] != "*"


@operation("statuses.create", "timelines.home", "roost.wait")
def test_a_position_makes_others_reads_wait_for_the_write(ana, bob):
    bob.follow(ana)
    for _ in range(10):
        written = ana.http.post("/api/v1/statuses", {"status": "now"})
        position = written.headers["Roost-Position"]
        read = bob.http.get("/api/v1/timelines/home", headers={"Roost-Position": position})
        assert written.json()["id"] in ids(read.json()) or read.headers.get("Roost-Stale") == "true"
        assert ANYONE.get("/api/roost/v1/wait", {"position": position}).status_code == 200


@operation("statuses.create", "timelines.home", "accounts.statuses", "accounts.verify_credentials")
def test_everybody_reads_their_own_writes(ana):
    for number in range(1, 11):
        id = ana.http.post("/api/v1/statuses", {"status": str(number)}).json()["id"]
        assert ids(ana.http.get("/api/v1/timelines/home").json())[0] == id
        assert ids(ana.http.get(f"/api/v1/accounts/{ana.id}/statuses").json())[0] == id
        assert ana.http.get("/api/v1/accounts/verify_credentials").json()["statuses_count"] == number
        assert ana.http.delete(f"/api/v1/statuses/{id}").status_code == 200
        assert id not in ids(ana.http.get("/api/v1/timelines/home").json())
        ana.http.post("/api/v1/statuses", {"status": str(number)})


@operation("roost.wait")
def test_a_forged_position_is_refused():
    assert ANYONE.get("/api/roost/v1/wait", {"position": "nonsense"}).status_code in (400, 422)


@operation("roost.openapi")
def test_the_openapi_document_lists_the_operations():
    document = json.loads(ANYONE.get("/api/roost/v1/openapi.json").text)
    assert document["openapi"].startswith("3.")
    assert "post" in document["paths"]["/api/v1/statuses"] and "/api/v1/timelines/home" in document["paths"]


@operation("statuses.create")
def test_a_body_beyond_the_limit_is_413(ana):
    try:
        response = ana.http.post("/api/v1/statuses", {"status": "x" * (64 * 1024 * 1024)})
    except requests.ConnectionError:
        return  # refused while it was being sent, which is a refusal too
    assert response.status_code == 413


@operation("accounts.get")
def test_answers_say_that_they_are_json_and_private(ana):
    response = ana.http.get("/api/v1/accounts/verify_credentials")
    assert response.headers["Content-Type"].startswith("application/json")
    assert "public" not in response.headers.get("Cache-Control", "")
