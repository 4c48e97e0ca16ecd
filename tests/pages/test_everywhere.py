"""What holds on every page: basics of accessibility, a quiet console, no sideways scrolling on a phone."""

from urllib.parse import urlencode

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from support import OOB, PHONE, demo_post, each, go, one, register, resize


def consent():
    query = {"client_id": register("Everywhere")["client_id"], "redirect_uri": OOB, "response_type": "code", "scope": "read"}
    return f"/oauth/authorize?{urlencode(query)}"


PAGES = {
    "front": lambda: "/",
    "profile": lambda: demo_post()["account"]["url"],
    "thread": lambda: demo_post()["url"],
    "tag": lambda: demo_post()["tags"][0]["url"],
    "reference": lambda: "/reference",
    "sign-up": lambda: "/auth/sign_up",
    "missing": lambda: "/nowhere",
    "consent": consent,
}
FRAMED = [name for name in PAGES if name != "consent"]


@pytest.fixture(params=PAGES)
def page(request, browser):
    go(browser, PAGES[request.param]())
    return browser


def test_basics_of_accessibility(page):
    assert one(page, "html").get_attribute("lang")
    assert page.title and one(page, "h1").text and one(page, "main")
    for image in each(page, "img"):
        assert image.get_dom_attribute("alt") is not None, image.get_attribute("src")
    for field in each(page, "input:not([type=hidden])"):
        assert field.accessible_name.strip(), field.get_attribute("outerHTML")
    ids = [element.get_attribute("id") for element in each(page, "[id]")]
    assert len(ids) == len(set(ids)), "an id names two elements"


def test_headings_skip_no_level(page):
    levels = [int(heading.tag_name[1]) for heading in each(page, "h1, h2, h3, h4")]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in zip(levels, levels[1:])), levels


def test_the_console_stays_empty(page):
    complaints = [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    # The page itself answers 404, which the browser reports of every such page.
    assert [entry for entry in complaints if "/nowhere" not in entry["message"]] == []


def test_a_phone_does_not_scroll_sideways(page):
    resize(page, PHONE)
    sizes = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert sizes[1] == PHONE[0] and sizes[0] <= sizes[1], sizes


@pytest.mark.parametrize("name", FRAMED)
def test_the_first_stop_of_the_keyboard_skips_to_the_content(browser, name):
    go(browser, PAGES[name]())
    link = one(browser, "a.skip")
    assert link.rect["x"] + link.rect["width"] <= 0, "hidden until it is focused"
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element == link
    assert link.rect["x"] >= 0
    assert browser.execute_script("return getComputedStyle(arguments[0]).outlineStyle", link) == "solid"
    link.send_keys(Keys.ENTER)
    assert browser.current_url.endswith("#main")
