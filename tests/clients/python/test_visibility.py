"""One table of who sees what, checked on every surface that could leak it."""

import pytest
from support import ANYONE, Http, User, eventually, ids, operation, unique

#: For each visibility: author, mentioned, follower, stranger, anyone, blocked.
SEES = {
    "public": (True, True, True, True, True, False),
    "unlisted": (True, True, True, True, True, False),
    "private": (True, True, True, False, False, False),
    "direct": (True, True, False, False, False, False),
}


class Cast:
    """One author and everybody who might read."""

    def __init__(self):
        self.author, self.mentioned, self.follower, self.stranger, self.blocked, self.muter = (User(role) for role in ("author", "mentioned", "follower", "stranger", "blocked", "muter"))
        self.follower.follow(self.author)
        self.author.api.account_block(self.blocked.id)
        eventually(lambda: self.blocked.relationship(self.author).blocked_by)
        self.word, self.tag = unique("secretword"), unique("tag")
        self.root = self.author.post("root")
        self.statuses = {visibility: self.author.post(f"@{self.mentioned.username} {self.word} #{self.tag}", visibility=visibility, in_reply_to_id=self.root.id)
                         for visibility in SEES}
        eventually(lambda: all(self.mentioned.sees(status) for status in self.statuses.values()))
        eventually(lambda: self.follower.sees(self.statuses["private"]))

    def readers(self):
        return (self.author.http, self.mentioned.http, self.follower.http, self.stranger.http, Http(), self.blocked.http)


@pytest.fixture(scope="module")
def cast():
    return Cast()


def check_table(cast, shows, only=tuple(SEES), tags_only_public=False, hidden_from_anyone=False):
    """Compares what `shows(reader, status)` says with the table."""
    for visibility in only:
        for place, reader in enumerate(cast.readers()):
            wanted = SEES[visibility][place] and not (tags_only_public and visibility != "public")
            if hidden_from_anyone and place == 4:
                continue
            assert shows(reader, cast.statuses[visibility]) == wanted, (visibility, place)


@operation("statuses.get")
def test_get(cast):
    check_table(cast, lambda reader, status: reader.get(f"/api/v1/statuses/{status.id}").status_code == 200)


@operation("statuses.many")
def test_bulk_get(cast):
    check_table(cast, lambda reader, status: ids(reader.get("/api/v1/statuses", {"id[]": str(status.id)}).json()) == [str(status.id)])


@operation("accounts.statuses")
def test_account_statuses(cast):
    def shows(reader, status):
        response = reader.get(f"/api/v1/accounts/{cast.author.id}/statuses", {"limit": 40})
        return response.status_code == 200 and str(status.id) in ids(response.json())
    check_table(cast, shows)


@operation("statuses.context")
def test_context(cast):
    def shows(reader, status):
        response = reader.get(f"/api/v1/statuses/{cast.root.id}/context")
        return response.status_code == 200 and str(status.id) in ids(response.json()["descendants"])
    check_table(cast, shows)


@operation("timelines.public")
def test_public_timeline(cast):
    """Replies to oneself count as posts of one's own."""
    check_table(cast, lambda reader, status: str(status.id) in ids(reader.get("/api/v1/timelines/public", {"limit": 40}).json()), tags_only_public=True)


@operation("timelines.tag")
def test_tag_timeline(cast):
    check_table(cast, lambda reader, status: str(status.id) in ids(reader.get(f"/api/v1/timelines/tag/{cast.tag}").json()), tags_only_public=True)


@operation("search.v2")
def test_search_never_shows_what_one_may_not_see(cast):
    for place, reader in enumerate(cast.readers()):
        response = reader.get("/api/v2/search", {"q": cast.word, "type": "statuses"})
        found = ids(response.json()["statuses"]) if response.status_code == 200 else []
        for visibility, status in cast.statuses.items():
            assert SEES[visibility][place] or str(status.id) not in found, (visibility, place)


@operation("timelines.home")
def test_home_of_a_follower(cast):
    shown = cast.follower.home(limit=40)
    assert [visibility for visibility, status in cast.statuses.items() if str(status.id) in shown] == ["public", "unlisted", "private"]


@operation("accounts.get")
def test_the_profile_stays_visible_to_the_blocked(cast):
    assert cast.blocked.http.get(f"/api/v1/accounts/{cast.author.id}").status_code == 200
    assert ids(cast.blocked.http.get(f"/api/v1/accounts/{cast.author.id}/statuses").json() or []) == []


@operation("statuses.get")
def test_a_favourite_does_not_outlive_the_right_to_see(cast):
    reader, author = User("fan"), cast.author
    reader.follow(author)
    secret = author.post("for followers", visibility="private")
    eventually(lambda: reader.sees(secret))
    reader.api.status_favourite(secret.id)
    reader.api.status_bookmark(secret.id)
    author.api.account_remove_from_followers(reader.id)
    eventually(lambda: not reader.sees(secret))
    for path in ("/api/v1/favourites", "/api/v1/bookmarks", "/api/v1/timelines/home"):
        assert str(secret.id) not in ids(reader.http.get(path).json()), path
