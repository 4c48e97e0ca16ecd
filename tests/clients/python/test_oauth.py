"""OAuth 2 as clients do it: the browser pages, PKCE, out-of-band codes, revocation, user info, discovery."""

import base64
import hashlib
import secrets

import pytest
from browser import Browser, Page
from mastodon import MastodonIllegalArgumentError, MastodonUnauthorizedError
from support import ANYONE, OOB, PASSWORD, SCOPES, URL, Http, app, error, library, operation

CALLBACK = "http://127.0.0.1:9/callback"


def request(redirect=OOB, **more):
    return {"client_id": app()[0], "response_type": "code", "redirect_uri": redirect, "scope": " ".join(SCOPES), **more}


def exchange(code, redirect=OOB, **more):
    client_id, client_secret = app()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "client_id": client_id, "client_secret": client_secret}
    return ANYONE.post("/oauth/token", {**form, **more})


def signed_in(user):
    return Browser(user.email, PASSWORD)


@operation("oauth.authorize_form", "oauth.authorize", "oauth.token")
def test_library_signs_in_with_an_out_of_band_code(ana):
    answer, _ = signed_in(ana).authorize(**request())
    api = library()
    token = api.log_in(code=answer["code"], redirect_uri=OOB, scopes=SCOPES, allow_http=True)
    assert token and str(api.account_verify_credentials().id) == ana.id


@operation("oauth.authorize")
def test_redirect_carries_code_and_state(ana):
    answer, _ = signed_in(ana).authorize(**request(CALLBACK, state="a b&c"))
    assert answer["state"] == "a b&c"
    assert exchange(answer["code"], CALLBACK).status_code == 200


@operation("oauth.authorize")
def test_the_username_signs_in_too(ana):
    answer, _ = Browser(ana.username, PASSWORD).authorize(**request())
    assert exchange(answer["code"]).status_code == 200


@operation("oauth.authorize")
def test_refusing_answers_access_denied(ana):
    answer, _ = signed_in(ana).authorize(agree=False, **request(CALLBACK, state="s"))
    assert answer["error"] == "access_denied" and answer["state"] == "s"


@operation("oauth.authorize")
def test_a_wrong_password_shows_the_form_again(ana):
    browser = Browser(ana.email, "not the password")
    page = browser.session.get(f"{URL}/oauth/authorize", params=request(), timeout=30)
    again = browser._submit(page, Page(page.text), True)
    if again.is_redirect:
        again = browser.session.get(again.headers["Location"] if again.headers["Location"].startswith("http") else URL + again.headers["Location"], timeout=30)
    assert "not the password" not in again.text
    assert any(field.get("type") == "password" for form in Page(again.text).forms for field in form["inputs"])


@operation("oauth.token")
def test_a_code_works_once(ana):
    answer, _ = signed_in(ana).authorize(**request())
    assert exchange(answer["code"]).status_code == 200
    assert error(exchange(answer["code"]), 400) == "invalid_grant"


@operation("oauth.token")
def test_a_code_is_bound_to_its_redirect(ana):
    answer, _ = signed_in(ana).authorize(**request(CALLBACK))
    assert error(exchange(answer["code"], OOB), 400) == "invalid_grant"


@operation("oauth.authorize", "oauth.token")
def test_pkce_needs_the_verifier(ana):
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

    def code():
        return signed_in(ana).authorize(**request(code_challenge=challenge, code_challenge_method="S256"))[0]["code"]

    assert error(exchange(code(), code_verifier="x" * 64), 400) == "invalid_grant"
    assert error(exchange(code()), 400) == "invalid_grant"
    assert exchange(code(), code_verifier=verifier).status_code == 200


@operation("oauth.authorize_form")
def test_an_unregistered_redirect_is_never_followed(ana):
    response = ANYONE.get("/oauth/authorize", request("https://evil.example/"), allow_redirects=False)
    assert "evil.example" not in response.headers.get("Location", "")
    assert response.status_code in (400, 401, 422)


@operation("oauth.authorize_form")
def test_an_unknown_client_gets_a_page_not_a_redirect():
    response = ANYONE.get("/oauth/authorize", {**request(), "client_id": "nobody"}, allow_redirects=False)
    assert response.status_code in (400, 401, 422) and "text/html" in response.headers["Content-Type"]


@operation("oauth.authorize_form")
def test_the_page_works_in_a_popup():
    response = ANYONE.get("/oauth/authorize", request())
    assert response.headers.get("Cross-Origin-Opener-Policy", "unsafe-none") != "same-origin"
    assert "text/html" in response.headers["Content-Type"] and "<form" in response.text
    assert "frame-ancestors" in response.headers.get("Content-Security-Policy", "") or "X-Frame-Options" in response.headers


@operation("oauth.authorize", "oauth.token", "statuses.create", "timelines.home")
def test_granted_scopes_are_enforced(ana):
    answer, _ = signed_in(ana).authorize(**request(scope="read:statuses"))
    granted = exchange(answer["code"]).json()
    assert granted["scope"] == "read:statuses"
    narrow = Http(granted["access_token"])
    assert narrow.get("/api/v1/timelines/home").status_code == 200
    assert "scope" in error(narrow.post("/api/v1/statuses", {"status": "no"}), 403)
    error(narrow.get("/api/v1/accounts/verify_credentials"), 403)


@operation("oauth.revoke")
def test_a_revoked_token_is_refused_at_once(ana):
    assert ana.http.get("/api/v1/accounts/verify_credentials").status_code == 200
    ana.api.revoke_access_token(allow_http=True)
    error(ana.http.get("/api/v1/accounts/verify_credentials"), 401)
    error(ana.http.post("/api/v1/statuses", {"status": "no"}), 401)
    error(ana.http.get("/api/v1/timelines/home"), 401)
    with pytest.raises(MastodonUnauthorizedError):
        library(ana.token).account_verify_credentials()


@operation("oauth.revoke")
def test_only_the_application_that_got_a_token_revokes_it(ana):
    other = ANYONE.post("/api/v1/apps", {"client_name": "other", "redirect_uris": OOB}).json()
    form = {"client_id": other["client_id"], "client_secret": other["client_secret"], "token": ana.token}
    assert ANYONE.post("/oauth/revoke", form).status_code == 403
    assert ana.http.get("/api/v1/accounts/verify_credentials").status_code == 200


@operation("oauth.token")
def test_the_password_grant_is_as_advertised(ana):
    offered = "password" in ANYONE.get("/.well-known/oauth-authorization-server").json()["grant_types_supported"]
    api = library()
    if offered:
        assert api.log_in(ana.email, PASSWORD, scopes=SCOPES, allow_http=True)
    with pytest.raises(MastodonIllegalArgumentError):
        library().log_in(ana.email, PASSWORD if not offered else "wrong password", scopes=SCOPES, allow_http=True)
    client_id, client_secret = app()
    form = {"grant_type": "password", "username": ana.email, "password": "wrong password", "client_id": client_id, "client_secret": client_secret}
    assert error(ANYONE.post("/oauth/token", form), 400) == ("invalid_grant" if offered else "unsupported_grant_type")


@operation("oauth.userinfo", "oauth.userinfo_post")
def test_userinfo_describes_the_user(ana):
    client = ANYONE.post("/api/v1/apps", {"client_name": "sign-in", "redirect_uris": OOB, "scopes": "profile"}).json()
    answer, _ = signed_in(ana).authorize(client_id=client["client_id"], response_type="code", redirect_uri=OOB, scope="profile")
    granted = exchange(answer["code"], client_id=client["client_id"], client_secret=client["client_secret"]).json()
    reader = Http(granted["access_token"])
    body = reader.get("/oauth/userinfo").json()
    assert body["preferred_username"] == ana.username
    assert body["sub"].startswith("http") and body["iss"].rstrip("/") == URL
    assert {"name", "profile", "picture"} <= body.keys()
    assert reader.post("/oauth/userinfo").json() == body
    assert reader.get("/api/v1/accounts/verify_credentials").json()["id"] == ana.id
    error(reader.get("/api/v1/timelines/home"), 403)
    error(ANYONE.get("/oauth/userinfo"), 401)
    error(ANYONE.post("/oauth/userinfo"), 401)


@operation("oauth.metadata")
def test_discovery_names_endpoints_that_exist():
    body = ANYONE.get("/.well-known/oauth-authorization-server").json()
    assert body["issuer"].rstrip("/") == URL
    assert "S256" in body["code_challenge_methods_supported"]
    assert {"authorization_code", "client_credentials"} <= set(body["grant_types_supported"])
    assert body["response_types_supported"] == ["code"]
    assert {"read", "write", "follow", "push", "read:statuses"} <= set(body["scopes_supported"])
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "userinfo_endpoint", "app_registration_endpoint"):
        assert body[name].startswith(URL + "/"), name
    assert library().oauth_authorization_server_info()["token_endpoint"] == f"{URL}/oauth/token"
