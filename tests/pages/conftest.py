"""Fixtures: one browser for all tests, one that runs no script, and an account made through the form."""

import pytest
from selenium.webdriver.common.by import By
from support import DESK, PASSWORD, fill, go, open_browser, resize, submit, unique


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    driver = open_browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    """The browser at desk size, with an empty console and no cookies."""
    chromium.delete_all_cookies()
    resize(chromium, DESK)
    chromium.get_log("browser")
    return chromium


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """A browser in which scripts are switched off."""
    driver = open_browser(tmp_path_factory.mktemp("plain"), javascript=False)
    yield driver
    driver.quit()


def sign_up(driver, username, url=""):
    go(driver, f"{url}/auth/sign_up")
    fill(driver, username=username, email=f"{username}@example.com", password=PASSWORD)
    driver.find_element(By.NAME, "agreement").click()
    submit(driver)


@pytest.fixture(scope="session")
def person(chromium):
    """The name of an account that was made through the form."""
    username = unique("pia")
    sign_up(chromium, username)
    assert username in chromium.find_element(By.TAG_NAME, "h1").text
    return username
