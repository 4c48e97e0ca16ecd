"""What every test needs: the server's address, fresh accounts, raw HTTP beside the client library, and patience.

The suite creates all that it uses through the public API, so it runs against any deployment:
`ROOST_URL=http://... python -m pytest`.
"""

import itertools
import os
import secrets
import time
from urllib.parse import parse_qs, urlparse

import pytest
import requests
from mastodon import Mastodon

URL = os.environ.get("ROOST_URL", "http://127.0.0.1:3000").rstrip("/")
SCOPES = ["read", "write", "follow", "push"]
PASSWORD = "correct horse battery staple"
OOB = "urn:ietf:wg:oauth:2.0:oob"

#: Others' views are eventually consistent; how long a test waits for one, in seconds.
PATIENCE_S = 5.0

operation = pytest.mark.operation
_numbers = itertools.count(1)
_run = secrets.token_hex(3)
_app = None


def app():
    """Returns (client_id, client_secret) of one application with all user scopes."""
    global _app
    if _app is None:
        _app = Mastodon.create_app("suite", scopes=SCOPES, redirect_uris=[OOB, "http://127.0.0.1:9/callback"], api_base_url=URL)
    return _app


def unique(stem):
    """Returns a word that no other test and no earlier run has used."""
    return f"{stem}{_run}{next(_numbers)}"


def library(token=None):
    """Returns Mastodon.py for a token; rate limits are off for the suites, so meeting one is an error."""
    client_id, client_secret = app()
    return Mastodon(client_id=client_id, client_secret=client_secret, access_token=token, api_base_url=URL, ratelimit_method="throw")


class Http:
    """Plain HTTP with a bearer token, for what a client library hides: headers, raw bodies, odd encodings."""

    def __init__(self, token=None):
        self.session = requests.Session()
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path, params=None, **more):
        return self.session.get(absolute(path), params=params, timeout=30, **more)

    def post(self, path, data=None, **more):
        return self.session.post(absolute(path), data=data, timeout=30, **more)

    def patch(self, path, data=None, **more):
        return self.session.patch(absolute(path), data=data, timeout=30, **more)

    def put(self, path, data=None, **more):
        return self.session.put(absolute(path), data=data, timeout=30, **more)

    def delete(self, path, **more):
        return self.session.delete(absolute(path), timeout=30, **more)


def absolute(path):
    return path if path.startswith("http") else URL + path


ANYONE = Http()


class User:
    """A registered account: its credentials, the client library (`api`) and plain HTTP (`http`)."""

    def __init__(self, stem="u", **credentials):
        self.username = unique(stem)
        self.email = f"{self.username}@example.com"
        self.api = library()
        self.token = self.api.create_account(self.username, PASSWORD, self.email, agreement=True, scopes=SCOPES)
        self.http = Http(self.token)
        self.id = str(self.api.account_verify_credentials().id)
        if credentials:
            self.api.account_update_credentials(**credentials)

    def post(self, text=None, **options):
        """Publishes a status through the library."""
        return self.api.status_post(text or unique("post "), **options)

    def follow(self, *others, **options):
        """Follows others and waits until each is followed and so counts it."""
        for other in others:
            self.api.account_follow(other.id, **options)
            eventually(lambda other=other: self.relationship(other).following)

    def relationship(self, other):
        return self.api.account_relationships(other.id)[0]

    def home(self, **options):
        """Returns the ids of the newest home entries, newest first."""
        return [str(status.id) for status in self.api.timeline_home(**options)]

    def sees(self, status):
        return self.http.get(f"/api/v1/statuses/{status.id}").status_code == 200


def users(count, stem="u"):
    return [User(stem) for _ in range(count)]


def eventually(check, seconds=PATIENCE_S):
    """Waits until `check` returns something true and returns that; the last result or error says why not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            result, error = check(), None
            if result:
                return result
        except (AssertionError, LookupError, AttributeError) as raised:
            result, error = None, raised
        if time.monotonic() > deadline:
            raise AssertionError(f"still {result!r} after {seconds} s") from error
        time.sleep(0.02)


def settles(read, wanted, seconds=PATIENCE_S):
    """Waits until `read()` equals `wanted`, and shows both where it never does."""
    deadline = time.monotonic() + seconds
    while (got := read()) != wanted:
        if time.monotonic() > deadline:
            assert got == wanted
        time.sleep(0.02)


def links(response):
    """Returns {rel: url} of the Link header."""
    return {rel: link["url"] for rel, link in response.links.items()}


def query(url):
    """Returns a URL's query as {name: last value}."""
    return {name: values[-1] for name, values in parse_qs(urlparse(url).query, keep_blank_values=True).items()}


def pages(http, path, **params):
    """Walks `rel="next"` from the first page to the last and returns the pages."""
    found, url, first = [], path, params
    while url:
        response = http.get(url, params=first)
        assert response.status_code == 200, response.text
        found.append(response.json())
        url, first = links(response).get("next"), None
        assert len(found) < 1000, f"{path} never ends"
    return found


def ids(items):
    return [str(item["id"]) for item in items]


def error(response, status):
    """Checks an error's status and shape, and returns its text."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:300]}"
    body = response.json()
    assert isinstance(body.get("error"), str) and body["error"], body
    return body["error"]
