"""`content` is HTML that a client may show as it is: paragraphs, links, and nothing that the author could smuggle in."""

import re
from html.parser import HTMLParser

import pytest
from support import URL, operation, unique

ALLOWED = {"p", "br", "a", "span"}


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def content(user, text):
    return user.http.post("/api/v1/statuses", {"status": text}).json()


@operation("statuses.create")
@pytest.mark.parametrize("text,html", [
    ("one", "<p>one</p>"),
    ("one\ntwo", "<p>one<br />two</p>"),
    ("one\n\ntwo", "<p>one</p><p>two</p>"),
    ("one\r\ntwo", "<p>one<br />two</p>"),
    ("a < b & c > d", "<p>a &lt; b &amp; c &gt; d</p>"),
])
def test_paragraphs_and_escapes(ana, text, html):
    assert content(ana, text)["content"] == html


@operation("statuses.create")
@pytest.mark.parametrize("text", [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "https://example.com/\"onmouseover=\"alert(1)", "javascript:alert(1)",
    "<a href='javascript:alert(1)'>x</a>", "&lt;script&gt;", "https://example.com/<script>", "#<b>", "@<i>", "\u202egnp.exe", "]]><p>",
])
def test_nothing_raw_gets_through(ana, text):
    html = content(ana, text)["content"]
    for tag, attributes in Tags(html).found:
        assert tag in ALLOWED, html
        assert not any(name.startswith("on") for name in attributes), html
        assert attributes.get("href", "http").startswith("http"), html


@operation("statuses.create")
def test_mentions_are_links_to_the_account(ana, bob):
    status = content(ana, f"hi @{bob.username}, and @{unique('nobody')}!")
    assert [(mention["id"], mention["acct"]) for mention in status["mentions"]] == [(bob.id, bob.username)]
    assert re.search(rf'<span class="h-card"[^>]*><a href="[^"]+" class="u-url mention">@<span>{bob.username}</span></a></span>', status["content"]), status["content"]
    assert status["content"].count("u-url mention") == 1
    assert status["mentions"][0]["url"].startswith(URL)


@operation("statuses.create")
def test_mentions_ignore_case_and_mail_addresses(ana, bob):
    assert [m["id"] for m in content(ana, f"hi @{bob.username.upper()}")["mentions"]] == [bob.id]
    assert content(ana, f"mail me at me@{bob.username}")["mentions"] == []


@operation("statuses.create")
def test_hashtags_are_links_to_the_tag(ana):
    status = content(ana, "I like #Birds and #café, not #123 nor a#b")
    assert sorted(tag["name"] for tag in status["tags"]) == ["birds", "café"]
    assert re.search(r'<a href="[^"]+/tags/birds" class="mention hashtag" rel="tag">#<span>Birds</span></a>', status["content"]), status["content"]


@operation("statuses.create")
def test_links_open_elsewhere_and_keep_their_target(ana):
    html = content(ana, "see https://example.com/a?b=1&c=2 (https://example.org).")["content"]
    links = [attributes for tag, attributes in Tags(html).found if tag == "a"]
    assert [link["href"] for link in links] == ["https://example.com/a?b=1&c=2", "https://example.org"]
    for link in links:
        assert link["target"] == "_blank" and {"nofollow", "noopener"} <= set(link["rel"].split())


@operation("statuses.source")
def test_source_gives_the_text_back(ana):
    text = "Ünïcode <b> & \"quotes\"\n\nsecond 🦉 #tag"
    status = content(ana, text)
    assert ana.api.status_source(status["id"]).text == text
