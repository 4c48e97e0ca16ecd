"""What the tests of the pages share: the address of a server that holds the demo, fresh names, an application, headless Chromium."""

import itertools
import os
import secrets

import requests
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

URL = os.environ.get("ROOST_URL", "http://127.0.0.1:3000").rstrip("/")
BROWSER = os.environ.get("ROOST_CHROMIUM", "/usr/bin/chromium")
DRIVER = os.environ.get("ROOST_CHROMEDRIVER", "/usr/bin/chromedriver")
PASSWORD = "correct horse battery staple"
OOB = "urn:ietf:wg:oauth:2.0:oob"
SCOPES = "read write follow push"
PHONE = (390, 844)
DESK = (1100, 900)

#: How long a test waits for a page, in seconds.
PATIENCE_S = 20

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_numbers = itertools.count(1)
_run = secrets.token_hex(3)


def unique(stem):
    """Returns a word that no other test and no earlier run has used."""
    return f"{stem}{_run}{next(_numbers)}"


def open_browser(profile, javascript=True):
    """Starts Chromium with a fresh profile in a folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(PATIENCE_S)
    return driver


def resize(driver, size):
    """Lays pages out for a screen of this many CSS pixels, which a window cannot be made as narrow as."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def go(driver, path):
    driver.get(path if path.startswith("http") else URL + path)


def one(driver, selector):
    """Returns the only element of a selector."""
    found = driver.find_elements(By.CSS_SELECTOR, selector)
    assert len(found) == 1, f"{len(found)} of {selector} on {driver.current_url}:\n{driver.page_source[:1500]}"
    return found[0]


def each(driver, selector):
    return driver.find_elements(By.CSS_SELECTOR, selector)


def submit(driver, button="button[type=submit]"):
    """Presses a form's button and waits for the page that answers."""
    old = one(driver, "html")
    one(driver, button).click()
    WebDriverWait(driver, PATIENCE_S).until(lambda _: gone(old))


def gone(element):
    try:
        element.is_enabled()
        return False
    except Exception:  # the driver names it differently while a page is being replaced
        return True


def fill(driver, **fields):
    for name, value in fields.items():
        field = one(driver, f"#{name}")
        field.clear()
        field.send_keys(value)


def register(name, uri=OOB):
    """Registers an application over HTTP and returns its credentials."""
    reply = requests.post(f"{URL}/api/v1/apps", data={"client_name": name, "redirect_uris": uri, "scopes": SCOPES}, timeout=PATIENCE_S)
    assert reply.status_code == 200, reply.text
    return reply.json()


def demo_posts():
    """Returns what the API says the public timeline holds."""
    return requests.get(f"{URL}/api/v1/timelines/public", params={"local": "true", "limit": 20}, timeout=PATIENCE_S).json()


def demo_post():
    """Returns a post of the demo's that has an answer and a tag."""
    return next(post for post in demo_posts() if post["replies_count"] and post["tags"])
