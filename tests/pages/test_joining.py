"""Sign-up through the form, with its errors, and with scripts switched off."""

import requests
from conftest import sign_up
from selenium.webdriver.common.by import By
from support import PASSWORD, URL, fill, go, one, submit, unique


def send_unchecked(driver):
    """Switches the browser's own checks off, so that the server's are seen."""
    driver.execute_script("document.querySelector('form').noValidate = true")
    submit(driver)


def test_an_account_is_made(person):
    reply = requests.get(f"{URL}/api/v1/accounts/lookup", params={"acct": person}, timeout=20)
    assert reply.status_code == 200 and reply.json()["username"] == person


def test_a_taken_name_is_told_and_what_was_typed_stays(browser, person):
    sign_up(browser, person)
    assert "username" in one(browser, "[role=alert]").text.lower()
    assert one(browser, "#username").get_attribute("value") == person
    assert one(browser, "#password").get_attribute("value") == ""


def test_every_problem_is_told_at_once(browser):
    go(browser, "/auth/sign_up")
    fill(browser, username="not a name", email="nothing", password="short")
    send_unchecked(browser)
    told = one(browser, "[role=alert]").text.lower()
    assert all(field in told for field in ["username", "email", "password", "agreement"]), told


def test_what_was_typed_is_shown_as_text(browser):
    go(browser, "/auth/sign_up")
    fill(browser, username='"><b id="x">', email="a@example.com", password=PASSWORD)
    send_unchecked(browser)
    assert one(browser, "#username").get_attribute("value") == '"><b id="x">'
    assert not browser.find_elements(By.ID, "x")


def test_scripts_are_not_needed(plain):
    plain.get("data:text/html,<p>off</p><script>document.querySelector('p').textContent='on'</script>")
    assert one(plain, "p").text == "off", "scripts are not switched off, so this test shows nothing"
    username = unique("noa")
    sign_up(plain, username)
    assert username in one(plain, "h1").text
    sign_up(plain, username)
    assert "username" in one(plain, "[role=alert]").text.lower()
