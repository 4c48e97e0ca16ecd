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
    "about": lambda: "/about",
    "privacy": lambda: "/privacy-policy",
    "link again": lambda: "/auth/confirmation/new",
    "bad link": lambda: "/auth/confirmation?confirmation_token=nonsense",
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
    # These pages answer 404 and 400 themselves, which the browser reports of every such page.
    assert [entry for entry in complaints if "/nowhere" not in entry["message"] and "nonsense" not in entry["message"]] == []


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


def contrast(driver, element):
    """Returns the contrast (WCAG 2.2) of an element's text with the ground that it stands on."""
    script = """
        const parse = text => text.match(/[\\d.]+/g).map(Number);
        let ground = [255, 255, 255];
        for (let at = arguments[0]; at; at = at.parentElement) {
            const found = parse(getComputedStyle(at).backgroundColor);
            if (found.length < 4 || found[3] === 1) { ground = found; break; }
        }
        const linear = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        const luminance = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
        const pair = [luminance(parse(getComputedStyle(arguments[0]).color)), luminance(ground)].sort((a, b) => b - a);
        return (pair[0] + 0.05) / (pair[1] + 0.05);
    """
    return driver.execute_script(script, element)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_text_stands_out(browser, name, scheme):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    go(browser, PAGES[name]())
    weak = {}
    for element in each(browser, "main h1, main h2, main p, main li, main a, main button, main label, main .soft, main .meta, footer p, footer a, header a"):
        found = contrast(browser, element)
        if found < 4.5:
            weak[element.text[:40]] = round(found, 2)
    assert weak == {}


def test_all_pages_share_one_look(browser):
    looks = set()
    for name in PAGES:
        go(browser, PAGES[name]())
        style = "const s = getComputedStyle(document.documentElement); return ['--accent', '--paper', '--ink'].map(n => s.getPropertyValue(n).trim()).join()"
        looks.add(browser.execute_script(style))
    assert len(looks) == 1 and "#" in looks.pop()
