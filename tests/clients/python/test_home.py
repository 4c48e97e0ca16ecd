"""What home shows: followees' posts and reblogs, which replies, and never whom one blocks or mutes."""

from support import User, eventually, operation, settles

SHOWN, HIDDEN = True, False


def home_of(reader, marker):
    """Waits until `marker`, a later post that the reader surely sees, has arrived; then what came before has too."""
    eventually(lambda: str(marker.id) in reader.home(limit=40))
    return reader.home(limit=40)


def check(reader, author, status, shown):
    """Checks that a status is on the reader's home, or is not, once a later post of its author (a followee) is."""
    assert (str(status.id) in home_of(reader, author.post())) == shown


@operation("timelines.home", "accounts.follow", "accounts.unfollow")
def test_follow_fills_home_back_and_unfollow_empties_it(ana, bob):
    posted = [str(bob.post().id) for _ in range(3)][::-1]
    ana.api.account_follow(bob.id)
    settles(ana.home, posted)
    ana.api.account_unfollow(bob.id)
    assert ana.home() == [], "at once, for the one who unfollows"


@operation("timelines.home")
def test_ones_own_posts_of_every_visibility(ana):
    posted = [str(ana.post(visibility=visibility).id) for visibility in ("public", "unlisted", "private", "direct")][::-1]
    assert ana.home() == posted


@operation("timelines.home")
def test_visibilities_of_a_followee(ana, bob):
    ana.follow(bob)
    for visibility, shown in (("public", SHOWN), ("unlisted", SHOWN), ("private", SHOWN), ("direct", HIDDEN)):
        check(ana, bob, bob.post(visibility=visibility), shown)
    check(ana, bob, bob.post(f"@{ana.username} psst", visibility="direct"), SHOWN)


@operation("timelines.home")
def test_which_replies(ana, bob, cyd):
    ana.follow(bob)
    bobs, cyds, anas = bob.post(), cyd.post(), ana.post()
    eventually(lambda: bob.sees(cyds) and bob.sees(anas))
    check(ana, bob, bob.post(in_reply_to_id=bobs.id), SHOWN)
    check(ana, bob, bob.post(in_reply_to_id=anas.id), SHOWN)
    to_a_stranger = bob.post(in_reply_to_id=cyds.id)
    check(ana, bob, to_a_stranger, HIDDEN)
    ana.follow(cyd)
    check(ana, bob, to_a_stranger, SHOWN)


@operation("timelines.home", "statuses.reblog")
def test_reblogs_and_not_twice(ana, bob, cyd):
    ana.follow(bob)
    original = cyd.post("original")
    eventually(lambda: bob.sees(original))
    first = bob.api.status_reblog(original.id)
    check(ana, bob, first, SHOWN)
    ana.follow(cyd)
    eventually(lambda: str(original.id) in ana.home())
    check(ana, bob, first, HIDDEN)
    ana.api.account_unfollow(cyd.id)
    check(ana, bob, first, SHOWN)


@operation("timelines.home", "statuses.reblog")
def test_a_second_reblog_of_the_same_is_hidden(ana, bob, cyd):
    ana.follow(bob, cyd)
    stranger = User("dan")
    original = stranger.post("original")
    eventually(lambda: bob.sees(original) and cyd.sees(original))
    first, second = bob.api.status_reblog(original.id), cyd.api.status_reblog(original.id)
    check(ana, bob, first, SHOWN)
    check(ana, cyd, second, HIDDEN)
    bob.api.status_unreblog(original.id)
    eventually(lambda: str(first.id) not in ana.home())
    check(ana, cyd, second, SHOWN)


@operation("accounts.follow", "timelines.home")
def test_a_follow_without_reblogs(ana, bob, cyd):
    original = cyd.post("original")
    eventually(lambda: bob.sees(original))
    boost = bob.api.status_reblog(original.id)
    ana.follow(bob, reblogs=False)
    check(ana, bob, boost, HIDDEN)
    ana.api.account_follow(bob.id, reblogs=True)
    check(ana, bob, boost, SHOWN)


@operation("accounts.follow", "timelines.home")
def test_a_follow_of_some_languages(ana, bob):
    ana.http.post(f"/api/v1/accounts/{bob.id}/follow", {"languages[]": ["fr"]})
    eventually(lambda: ana.relationship(bob).languages == ["fr"])
    english, french = bob.post("hello", language="en"), bob.post("bonjour", language="fr")
    shown = home_of(ana, french)
    assert str(english.id) not in shown
    ana.http.post(f"/api/v1/accounts/{bob.id}/follow", {"languages[]": ["fr", "en"]})
    eventually(lambda: str(english.id) in ana.home())


@operation("accounts.mute", "accounts.unmute", "timelines.home")
def test_muting_hides_posts_reblogs_and_mentions_at_once(ana, bob, cyd):
    ana.follow(bob, cyd)
    by_cyd = cyd.post("by cyd")
    eventually(lambda: bob.sees(by_cyd))
    about = bob.post(f"@{cyd.username} is nice")
    dan = User("dan")
    ana.follow(dan)
    boost = dan.api.status_reblog(by_cyd.id)
    eventually(lambda: {str(by_cyd.id), str(about.id)} <= set(ana.home()))
    ana.api.account_mute(cyd.id)
    assert not {str(status.id) for status in (by_cyd, about, boost)} & set(ana.home())
    ana.api.account_unmute(cyd.id)
    assert {str(by_cyd.id), str(about.id)} <= set(ana.home())


@operation("accounts.block", "timelines.home")
def test_blocking_works_both_ways_at_once(ana, bob, cyd):
    ana.follow(bob, cyd)
    bob.follow(ana)
    by_bob, by_ana = bob.post(), ana.post()
    eventually(lambda: cyd.sees(by_bob) and cyd.sees(by_ana))
    boost = cyd.api.status_reblog(by_bob.id)
    eventually(lambda: str(by_bob.id) in ana.home() and str(by_ana.id) in bob.home())
    ana.api.account_block(bob.id)
    assert not {str(by_bob.id), str(boost.id)} & set(ana.home())
    eventually(lambda: str(by_ana.id) not in bob.home())
    bob.follow(cyd)
    boost_of_ana = cyd.api.status_reblog(by_ana.id)
    check(bob, cyd, boost_of_ana, HIDDEN)


@operation("statuses.edit", "timelines.home")
def test_an_edit_keeps_its_place(ana, bob):
    ana.follow(bob)
    first, second = bob.post("first"), bob.post("second")
    bob.api.status_update(first.id, "first, edited")
    eventually(lambda: "edited" in ana.api.timeline_home()[1].content)
    assert ana.home() == [str(second.id), str(first.id)]
