"""Counts: exact after deletes, unreblogs and blocks."""

from support import ANYONE, eventually, operation, settles


def counts(user):
    body = ANYONE.get(f"/api/v1/accounts/{user.id}").json()
    return body["statuses_count"], body["followers_count"], body["following_count"]


def tallies(status):
    body = ANYONE.get(f"/api/v1/statuses/{status.id}").json()
    return body["replies_count"], body["reblogs_count"], body["favourites_count"]


@operation("accounts.get", "statuses.delete")
def test_statuses_count_leaves_direct_ones_out(ana):
    posted = [ana.post(visibility=visibility) for visibility in ("public", "unlisted", "private", "direct")]
    settles(lambda: counts(ana), (3, 0, 0))
    for status in posted[2:]:
        ana.api.status_delete(status.id)
    settles(lambda: counts(ana), (2, 0, 0))


@operation("statuses.get", "statuses.delete", "statuses.unreblog", "statuses.unfavourite")
def test_counts_of_a_status_go_up_and_down(ana, bob):
    status = ana.post("counted")
    eventually(lambda: bob.sees(status))
    reply = bob.post("reply", in_reply_to_id=status.id)
    bob.api.status_reblog(status.id)
    bob.api.status_favourite(status.id)
    settles(lambda: tallies(status), (1, 1, 1))
    settles(lambda: counts(bob), (2, 0, 0))
    bob.api.status_delete(reply.id)
    settles(lambda: tallies(status), (0, 1, 1))
    bob.api.status_unreblog(status.id)
    bob.api.status_unfavourite(status.id)
    settles(lambda: tallies(status), (0, 0, 0))
    settles(lambda: counts(bob), (0, 0, 0))


@operation("statuses.delete", "accounts.get")
def test_deleting_the_original_takes_the_reblog_from_the_rebloggers_count(ana, bob):
    status = ana.post("gone soon")
    eventually(lambda: bob.sees(status))
    bob.api.status_reblog(status.id)
    settles(lambda: counts(bob)[0], 1)
    ana.api.status_delete(status.id)
    settles(lambda: counts(bob)[0], 0)
    settles(lambda: counts(ana)[0], 0)


@operation("accounts.block", "statuses.get")
def test_counts_of_a_status_survive_a_block(ana, bob):
    status = ana.post("kept")
    eventually(lambda: bob.sees(status))
    bob.api.status_favourite(status.id)
    bob.api.status_reblog(status.id)
    settles(lambda: tallies(status), (0, 1, 1))
    ana.api.account_block(bob.id)
    eventually(lambda: bob.relationship(ana).blocked_by)
    assert tallies(status) == (0, 1, 1)
