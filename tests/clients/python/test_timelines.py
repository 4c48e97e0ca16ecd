"""Timelines: paging in all four ways, Link headers, public and tag timelines."""

import pytest
from shapes import check_status
from support import ANYONE, URL, error, eventually, ids, links, operation, pages, query, settles, unique


def read(http, path, **params):
    response = http.get(path, params=params)
    assert response.status_code == 200, response.text
    return ids(response.json())


@pytest.fixture
def twelve(ana):
    """Ana with twelve statuses: their ids, newest first."""
    return ana, [str(ana.post().id) for _ in range(12)][::-1]


HOME = "/api/v1/timelines/home"


@operation("timelines.home")
def test_the_four_ways_of_paging(twelve):
    ana, posted = twelve
    assert read(ana.http, HOME) == posted
    assert read(ana.http, HOME, limit=5) == posted[:5]
    assert read(ana.http, HOME, limit=5, max_id=posted[4]) == posted[5:10]
    assert read(ana.http, HOME, limit=5, since_id=posted[8]) == posted[:5], "since_id: the newest ones"
    assert read(ana.http, HOME, limit=5, min_id=posted[8]) == posted[3:8], "min_id: the ones next to it"
    assert read(ana.http, HOME, limit=5, max_id=posted[3], since_id=posted[6]) == posted[4:6]
    assert read(ana.http, HOME, limit=5, min_id=posted[0]) == []
    assert read(ana.http, HOME, limit=5, max_id=posted[-1]) == []


@operation("timelines.home")
def test_links_are_absolute_and_keep_the_limit(twelve):
    ana, posted = twelve
    response = ana.http.get(HOME, {"limit": 5})
    offered = links(response)
    assert all(url.startswith(f"{URL}{HOME}?") for url in offered.values())
    assert query(offered["next"]) == {"limit": "5", "max_id": posted[4]}
    assert query(offered["prev"]) == {"limit": "5", "min_id": posted[0]}


@operation("timelines.home")
def test_the_last_page_has_no_next_and_an_empty_one_no_links(twelve):
    ana, posted = twelve
    walked = pages(ana.http, HOME, limit=5)
    assert [id for page in walked for id in ids(page)] == posted
    beyond = ana.http.get(HOME, {"max_id": posted[-1]})
    assert beyond.json() == [] and "next" not in links(beyond)
    assert "next" not in links(ana.http.get(HOME, {"limit": 20})), "fewer than a page: nothing further"


@operation("timelines.home")
def test_pages_are_stable_while_new_statuses_arrive(twelve):
    ana, posted = twelve
    first = ana.http.get(HOME, {"limit": 5})
    ana.post("newer")
    assert ids(ana.http.get(links(first)["next"]).json()) == posted[5:10]


@operation("timelines.home")
def test_limits_are_capped_and_nonsense_is_survived(twelve):
    ana, posted = twelve
    for limit in ("0", "-1", "1000", "nonsense", ""):
        assert ana.http.get(HOME, {"limit": limit}).status_code in (200, 400, 422)
    assert len(read(ana.http, HOME, limit=1000)) == 12
    for id in ("nonsense", "-1", "99999999999999999999999"):
        assert ana.http.get(HOME, {"max_id": id}).status_code in (200, 400, 404, 422)


@operation("timelines.home")
def test_library_pages_by_dates_turned_into_ids(ana):
    import time
    from datetime import datetime, timezone
    old = ana.post("old")
    time.sleep(1.1)
    middle = datetime.now(timezone.utc)
    time.sleep(1.1)
    new = ana.post("new")
    assert [status.id for status in ana.api.timeline_home(max_id=middle)] == [old.id]
    assert [status.id for status in ana.api.timeline_home(min_id=middle)] == [new.id]


@operation("timelines.home")
def test_library_walks_home_both_ways(twelve):
    ana, posted = twelve
    first = ana.api.timeline_home(limit=5)
    assert [str(status.id) for status in ana.api.fetch_remaining(first)] == posted
    third = ana.api.fetch_next(ana.api.fetch_next(first))
    assert [str(status.id) for status in third] == posted[10:]
    assert [str(status.id) for status in ana.api.fetch_previous(third)] == posted[5:10]


@operation("timelines.home")
def test_home_goes_on_past_what_is_kept_hot(ana, bob):
    posted = [str(bob.post().id) for _ in range(330)][::-1]
    ana.api.account_follow(bob.id)
    eventually(lambda: read(ana.http, HOME, limit=40) == posted[:40], 10)
    assert [id for page in pages(ana.http, HOME, limit=40) for id in ids(page)] == posted


@operation("timelines.home")
def test_home_needs_a_user():
    error(ANYONE.get(HOME), 401)


@operation("timelines.public")
def test_public_shows_public_posts_only(ana, bob):
    root = ana.post("root")
    unlisted, private, direct = (ana.post(visibility, visibility=visibility) for visibility in ("unlisted", "private", "direct"))
    eventually(lambda: bob.sees(root))
    boost = bob.api.status_reblog(root.id)
    shown = eventually(lambda: (lambda found: found if str(root.id) in found else None)(read(ANYONE, "/api/v1/timelines/public", limit=40)))
    assert not {str(status.id) for status in (unlisted, private, direct, boost)} & set(shown)
    assert str(root.id) in read(ANYONE, "/api/v1/timelines/public", limit=40, local="true")
    assert str(root.id) not in read(ANYONE, "/api/v1/timelines/public", limit=40, remote="true")
    assert str(root.id) not in read(ANYONE, "/api/v1/timelines/public", limit=40, only_media="true")
    assert str(root.id) in [str(status.id) for status in bob.api.timeline_local(limit=40)]
    for status in ANYONE.get("/api/v1/timelines/public").json():
        check_status(status, signed_in=False)


@operation("timelines.public")
def test_public_leaves_replies_to_others_out(ana, bob):
    root = ana.post("root")
    eventually(lambda: bob.sees(root))
    reply = bob.post("reply", in_reply_to_id=root.id)
    thread = ana.post("my own thread", in_reply_to_id=root.id)
    shown = eventually(lambda: (lambda found: found if str(thread.id) in found else None)(read(ANYONE, "/api/v1/timelines/public", limit=40)))
    assert str(reply.id) not in shown and str(root.id) in shown


@operation("timelines.public")
def test_public_leaves_out_whom_the_reader_blocks_or_mutes(ana, bob, cyd):
    by_bob, by_cyd = bob.post(), cyd.post()
    eventually(lambda: {str(by_bob.id), str(by_cyd.id)} <= set(read(ana.http, "/api/v1/timelines/public", limit=40)))
    ana.api.account_block(bob.id)
    ana.api.account_mute(cyd.id)
    eventually(lambda: not {str(by_bob.id), str(by_cyd.id)} & set(read(ana.http, "/api/v1/timelines/public", limit=40)))
    eventually(lambda: bob.relationship(ana).blocked_by)
    mine = ana.post()
    eventually(lambda: cyd.sees(mine))
    assert str(mine.id) not in read(bob.http, "/api/v1/timelines/public", limit=40)


@operation("timelines.tag")
def test_tags_combine_and_ignore_case(ana, bob):
    one, two, three = (unique(word) for word in ("one", "two", "three"))
    first = ana.post(f"#{one}")
    both = bob.post(f"#{one} #{two}")
    third = ana.post(f"#{one.upper()} #{three}")
    hidden = ana.post(f"#{one}", visibility="unlisted")
    path = f"/api/v1/timelines/tag/{one}"
    a, b, c = (str(status.id) for status in (first, both, third))
    settles(lambda: sorted(read(ANYONE, path)), sorted([a, b, c]))
    assert read(ANYONE, path, **{"all[]": two}) == [b]
    assert sorted(read(ANYONE, path, **{"none[]": two})) == sorted([a, c])
    assert sorted(read(ANYONE, f"/api/v1/timelines/tag/{two}", **{"any[]": three})) == sorted([b, c])
    assert [str(status.id) for status in ana.api.timeline_hashtag(one.upper(), limit=1)] == read(ANYONE, path)[:1]
    assert str(hidden.id) not in read(ana.http, path)


@operation("timelines.tag", "timelines.public")
def test_tag_links_keep_the_filters(ana):
    tag = unique("links")
    posted = [str(ana.post(f"#{tag}").id) for _ in range(5)][::-1]
    path = f"/api/v1/timelines/tag/{tag}"
    settles(lambda: read(ANYONE, path), posted)
    response = ANYONE.get(path, {"limit": 2, "local": "true", "any[]": "other"})
    following = query(links(response)["next"])
    assert following["limit"] == "2" and following["local"] == "true" and following["any[]"] == "other" and following["max_id"] == posted[1]
    assert [id for page in pages(ANYONE, path, limit=2) for id in ids(page)] == posted
    assert [id for id in read(ANYONE, path, min_id=posted[4], limit=2)] == posted[2:4]


@operation("timelines.home")
def test_cors_exposes_the_link(ana):
    response = ana.http.get(HOME, headers={"Origin": "https://app.example"})
    exposed = {name.strip().lower() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
    assert "link" in exposed and response.headers["Access-Control-Allow-Origin"] in ("*", "https://app.example")
