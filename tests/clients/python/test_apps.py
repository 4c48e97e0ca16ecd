"""Applications: registration and the token of the application itself."""

import pytest
import requests
from mastodon import Mastodon
from support import ANYONE, OOB, SCOPES, URL, Http, error, operation


def register(**fields):
    return ANYONE.post("/api/v1/apps", {"client_name": "Suite", "redirect_uris": OOB, "scopes": "read write", **fields})


def client_token(client, scope="read write"):
    """Returns the reply to a client_credentials grant for a registered application."""
    form = {"grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": client["client_secret"], "scope": scope}
    return ANYONE.post("/oauth/token", form)


@operation("apps.create")
def test_register_returns_the_credentials():
    body = register(website="https://example.com/").json()
    assert body["name"] == "Suite" and body["website"] == "https://example.com/"
    assert len(body["client_id"]) >= 20 and len(body["client_secret"]) >= 20
    assert body["redirect_uri"] == OOB
    assert isinstance(body["id"], str)


@operation("apps.create")
def test_library_registers():
    client_id, client_secret = Mastodon.create_app("Suite", scopes=SCOPES, api_base_url=URL)
    assert client_id and client_secret


@operation("apps.create")
def test_several_redirects_may_be_registered():
    body = register(redirect_uris=f"{OOB}\nhttps://example.com/callback").json()
    assert set(body["redirect_uris"]) == {OOB, "https://example.com/callback"}


@operation("apps.create")
def test_json_registration_takes_a_list():
    reply = requests.post(f"{URL}/api/v1/apps", json={"client_name": "Suite", "redirect_uris": [OOB, "https://example.com/cb"]}, timeout=30)
    assert reply.status_code == 200, reply.text
    assert reply.json()["scopes"] == ["read"]


@operation("apps.create")
@pytest.mark.parametrize("fields", [{"client_name": ""}, {"redirect_uris": ""}, {"redirect_uris": "not a url"}, {"scopes": "read nonsense"},
                                    {"redirect_uris": "javascript:alert(1)"}])
def test_an_invalid_application_is_422(fields):
    error(register(**fields), 422)


@operation("oauth.token", "apps.verify_credentials")
def test_client_credentials_verify_the_application():
    client = register().json()
    granted = client_token(client)
    assert granted.status_code == 200, granted.text
    body = granted.json()
    assert body["token_type"] == "Bearer" and set(body["scope"].split()) == {"read", "write"} and isinstance(body["created_at"], int)
    assert Http(body["access_token"]).get("/api/v1/apps/verify_credentials").json()["name"] == "Suite"


@operation("apps.verify_credentials")
def test_verify_needs_a_token():
    error(ANYONE.get("/api/v1/apps/verify_credentials"), 401)


@operation("oauth.token")
def test_a_wrong_secret_is_refused():
    client = register().json()
    reply = client_token({**client, "client_secret": "wrong"})
    assert error(reply, 401) == "invalid_client"


@operation("oauth.token")
def test_scopes_beyond_the_registered_are_refused():
    assert error(client_token(register().json(), scope="read write admin:read"), 400) == "invalid_scope"


@operation("oauth.token")
def test_an_unknown_grant_is_refused():
    client = register().json()
    reply = ANYONE.post("/oauth/token", {"grant_type": "magic", "client_id": client["client_id"], "client_secret": client["client_secret"]})
    assert error(reply, 400) == "unsupported_grant_type"


@operation("oauth.token")
def test_credentials_also_arrive_as_basic_authorization():
    client = register().json()
    reply = requests.post(f"{URL}/oauth/token", data={"grant_type": "client_credentials", "scope": "read"},
                          auth=(client["client_id"], client["client_secret"]), timeout=30)
    assert reply.status_code == 200, reply.text


@operation("accounts.verify_credentials", "timelines.home")
def test_an_application_is_no_user():
    token = client_token(register().json()).json()["access_token"]
    for path in ("/api/v1/accounts/verify_credentials", "/api/v1/timelines/home"):
        assert Http(token).get(path).status_code in (401, 403, 422)
