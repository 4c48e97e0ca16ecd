"""Self-service sign-up."""

import pytest
from mastodon import MastodonAPIError, MastodonIllegalArgumentError
from support import PASSWORD, SCOPES, Http, User, error, library, operation, unique
from test_apps import client_token, register


def sign_up(**fields):
    token = client_token(register().json()).json()["access_token"]
    name = unique("new")
    form = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "agreement": "true", "locale": "en", **fields}
    return Http(token).post("/api/v1/accounts", {key: value for key, value in form.items() if value is not None})


@operation("accounts.create")
def test_sign_up_returns_a_token_that_works():
    reply = sign_up()
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert body["token_type"] == "Bearer" and "write" in body["scope"] and isinstance(body["created_at"], int)
    assert Http(body["access_token"]).get("/api/v1/accounts/verify_credentials").status_code == 200


@operation("accounts.create")
@pytest.mark.parametrize("field,value,category", [
    ("username", "", "ERR_BLANK"), ("username", "has space", "ERR_INVALID"), ("username", "x" * 31, "ERR_TOO_LONG"),
    ("email", "nonsense", "ERR_INVALID"), ("password", "short", "ERR_TOO_SHORT"), ("agreement", "false", "ERR_ACCEPTED"), ("agreement", None, "ERR_ACCEPTED"),
])
def test_each_invalid_field_is_explained(field, value, category):
    reply = sign_up(**{field: value})
    error(reply, 422)
    assert category in [detail["error"] for detail in reply.json()["details"][field]], reply.text


@operation("accounts.create")
def test_names_and_addresses_are_taken_once(ana):
    for fields in ({"username": ana.username}, {"username": ana.username.upper()}, {"email": ana.email}):
        reply = sign_up(**fields)
        error(reply, 422)
        assert [detail["error"] for detail in reply.json()["details"][next(iter(fields))]] == ["ERR_TAKEN"]


@operation("accounts.create")
def test_sign_up_needs_an_application():
    name = unique("new")
    error(Http().post("/api/v1/accounts", {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "agreement": "true"}), 401)


@operation("accounts.create")
def test_library_reports_the_details(ana):
    token, details = library().create_account(ana.username, PASSWORD, "other@example.com", agreement=True, scopes=SCOPES, return_detailed_error=True)
    assert token is None and details.details.username
    with pytest.raises(MastodonIllegalArgumentError):
        library().create_account(ana.username, PASSWORD, "other@example.com", agreement=True, scopes=SCOPES)


@operation("accounts.create")
def test_one_of_many_concurrent_sign_ups_wins():
    from concurrent.futures import ThreadPoolExecutor
    name = unique("race")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: sign_up(username=name, email=f"{name}{n}@example.com"), range(8)))
    assert sorted(reply.status_code for reply in replies) == [200] + [422] * 7


@operation("accounts.create")
def test_a_new_account_is_public_at_once():
    user = User("fresh")
    assert Http().get(f"/api/v1/accounts/{user.id}").json()["username"] == user.username


@operation("accounts.create")
def test_a_sign_up_sent_again_gives_the_same_token():
    token = client_token(register().json()).json()["access_token"]
    name, key = unique("again"), unique("key")
    form = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "agreement": "true", "locale": "en"}
    replies = [Http(token).post("/api/v1/accounts", form, headers={"Idempotency-Key": key}) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 200], replies[1].text
    assert len({reply.json()["access_token"] for reply in replies}) == 1
    error(Http(token).post("/api/v1/accounts", form), 422)


@operation("emails.check_confirmation")
def test_an_address_that_needs_no_confirmation_counts_as_confirmed(ana):
    assert ana.http.get("/api/v1/emails/check_confirmation").json() is True
    error(Http().get("/api/v1/emails/check_confirmation"), 401)


@operation("emails.resend_confirmation")
def test_library_asks_for_the_mail_again_only_while_it_is_waited_for(ana):
    with pytest.raises(MastodonAPIError):
        ana.api.email_resend_confirmation()
    error(ana.http.post("/api/v1/emails/confirmations"), 403)
