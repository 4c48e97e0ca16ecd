"""Sign-up on a server that asks for the confirmation of e-mail addresses: the mail, its link, and another one."""

import email
import email.policy
import os
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from conftest import sign_up
from support import PASSWORD, PATIENCE_S, each, fill, go, one, submit, unique

URL = os.environ.get("ROOST_CONFIRMING_URL", "").rstrip("/")
MAIL = Path(os.environ.get("ROOST_MAIL_FOLDER", "/nowhere"))

pytestmark = pytest.mark.skipif(not URL, reason="ROOST_CONFIRMING_URL names no server that asks for confirmation")


def mails(to):
    read = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in sorted(MAIL.glob("*.eml"))]
    return [mail for mail in read if mail["To"] == to]


def links(username, count=1):
    """Waits for so many mails to a person, and returns their links."""
    deadline = time.monotonic() + PATIENCE_S
    while len(found := mails(f"{username}@example.com")) < count:
        assert time.monotonic() < deadline, f"{len(found)} mails to {username}, not {count}"
        time.sleep(0.05)
    lines = [line for mail in found for line in mail.get_content().splitlines()]
    return [line for line in lines if "/auth/confirmation?" in line]


def test_from_the_form_to_a_confirmed_address(browser):
    username = unique("cora")
    sign_up(browser, username, URL)
    assert one(browser, "h1").text == f"Almost there, @{username}"
    assert f"{username}@example.com" in one(browser, "main").text
    link, = links(username)
    assert link.startswith(URL)
    go(browser, link)
    assert one(browser, "h1").text == "Your e-mail address is confirmed"
    go(browser, link)
    assert one(browser, "h1").text == "This address was confirmed before"


def test_scripts_are_not_needed_and_a_broken_link_leads_to_a_new_one(plain):
    username = unique("dora")
    sign_up(plain, username, URL)
    link, = links(username)
    go(plain, link[:-3])
    assert one(plain, "h1").text == "This link is not valid" and one(plain, "[role=alert]").text
    fill(plain, email=f"{username}@example.com")
    submit(plain)
    assert one(plain, "h1").text == "Check your mail"
    go(plain, links(username, 2)[-1])
    assert one(plain, "h1").text == "Your e-mail address is confirmed"


def test_strangers_learn_nothing_of_who_signed_up(browser):
    go(browser, f"{URL}/auth/confirmation/new")
    fill(browser, email=f"{unique('nobody')}@example.com")
    submit(browser)
    assert one(browser, "h1").text == "Check your mail"


def test_signing_in_says_what_is_missing(browser):
    username = unique("enno")
    sign_up(browser, username, URL)
    form = {"client_name": "Confirming", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": "read"}
    app = requests.post(f"{URL}/api/v1/apps", data=form, timeout=PATIENCE_S).json()
    query = {"client_id": app["client_id"], "redirect_uri": form["redirect_uris"], "response_type": "code", "scope": "read"}
    go(browser, f"{URL}/oauth/authorize?{urlencode(query)}")
    fill(browser, username=username, password=PASSWORD)
    submit(browser, "button[value=allow]")
    assert "not confirmed" in one(browser, "[role=alert]").text and not each(browser, "#code")
    one(browser, "[role=alert] a").click()
    assert one(browser, "h1").text == "Confirm your e-mail address"
