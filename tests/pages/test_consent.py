"""The OAuth pages as a person meets them: sign in, allow or deny, copy the code, and the application has its token."""

from urllib.parse import urlencode

import pytest
import requests
from support import OOB, PASSWORD, SCOPES, URL, each, fill, go, one, register, submit

ALLOW, DENY = "button[value=allow]", "button[value=deny]"


@pytest.fixture(scope="module")
def app():
    return register("Pages <suite>")


def authorize(driver, app):
    query = {"client_id": app["client_id"], "redirect_uri": OOB, "response_type": "code", "scope": SCOPES}
    go(driver, f"/oauth/authorize?{urlencode(query)}")


def trade(app, code):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": OOB}
    form |= {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    return requests.post(f"{URL}/oauth/token", data=form, timeout=20)


def signed_in(driver, app, person):
    authorize(driver, app)
    fill(driver, username=f"{person}@example.com", password=PASSWORD)
    submit(driver, ALLOW)
    return one(driver, "#code").text


def test_the_page_names_who_asks_and_for_what(browser, app):
    authorize(browser, app)
    assert "Pages <suite>" in one(browser, "main").text
    assert [scope.text for scope in each(browser, "ul code")] == SCOPES.split()


def test_the_code_is_worth_a_token_once(browser, app, person):
    code = signed_in(browser, app, person)
    token = trade(app, code)
    assert token.status_code == 200, token.text
    headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
    me = requests.get(f"{URL}/api/v1/accounts/verify_credentials", headers=headers, timeout=20)
    assert me.json()["username"] == person
    assert trade(app, code).status_code == 400


def test_scripts_are_not_needed(plain, app, person):
    assert trade(app, signed_in(plain, app, person)).status_code == 200


def test_a_wrong_password_is_told_and_the_name_stays(browser, app, person):
    authorize(browser, app)
    fill(browser, username=person, password="not the password")
    submit(browser, ALLOW)
    assert one(browser, "[role=alert]").text
    assert one(browser, "#username").get_attribute("value") == person
    assert one(browser, "#password").get_attribute("value") == ""
    fill(browser, password=PASSWORD)
    submit(browser, ALLOW)
    assert one(browser, "#code").text


def test_denying_gives_no_code(browser, app):
    authorize(browser, app)
    submit(browser, DENY)
    assert one(browser, "h1").text == "Not allowed" and not each(browser, "#code")


def test_an_unknown_application_is_told(browser):
    authorize(browser, {"client_id": "nobody"})
    assert one(browser, "[role=alert]").text and not each(browser, "form")
