"""Random histories of eight accounts: every home, paged through the API each way, equals the naive model's.

`ROOST_SEEDS` says how many seeds (5 by default, 50 for a full run), `ROOST_SEED` runs a single one again.
"""

import os

import pytest
from histories import History
from history_model import Entry, Model
from support import operation

SEEDS = [int(os.environ["ROOST_SEED"])] if "ROOST_SEED" in os.environ else range(1, int(os.environ.get("ROOST_SEEDS", "5")) + 1)


@operation("timelines.home", "statuses.create", "statuses.delete", "statuses.reblog", "statuses.unreblog", "accounts.follow", "accounts.unfollow",
           "accounts.block", "accounts.unblock", "accounts.mute", "accounts.unmute")
@pytest.mark.parametrize("seed", SEEDS)
def test_homes_equal_the_naive_model(seed):
    history = History(seed)
    history.run()
    history.check()


def model(*entries, follows=(), blocks=(), mutes=()):
    made = Model(["a", "b", "c", "d"], follows=set(follows), blocks=set(blocks), mutes=set(mutes))
    for entry in entries:
        made.publish(entry)
    return made


@pytest.mark.parametrize("made,home", [
    (model(Entry(1, "a", "direct"), Entry(2, "b")), ["1"]),
    (model(Entry(1, "b"), Entry(2, "b", "private"), Entry(3, "b", "direct"), follows=["ab"]), ["2", "1"]),
    (model(Entry(1, "b", "direct", frozenset("a")), follows=["ab"]), ["1"]),
    (model(Entry(1, "c"), Entry(2, "b", reply_to=1, reply_to_author="c"), follows=["ab"]), []),
    (model(Entry(1, "c"), Entry(2, "b", reply_to=1, reply_to_author="c"), follows=["ab", "ac"]), ["2", "1"]),
    (model(Entry(1, "b"), Entry(2, "b", reply_to=1, reply_to_author="b"), follows=["ab"]), ["2", "1"]),
    (model(Entry(1, "b", mentions=frozenset("c")), follows=["ab"], mutes=["ac"]), []),
    (model(Entry(1, "c"), Entry(2, "b", of=1), follows=["ab"], blocks=["ca"]), []),
    (model(Entry(1, "d"), Entry(2, "b", of=1), Entry(3, "c", of=1), follows=["ab", "ac"]), ["2"]),
    (model(Entry(1, "d"), Entry(2, "b", of=1), *(Entry(3 + n, "a") for n in range(40)), Entry(50, "c", of=1), follows=["ab", "ac"]), ["50"] + [str(42 - n) for n in range(40)] + ["2"]),
    (model(Entry(1, "d"), Entry(2, "b", of=1), *(Entry(3 + n, "a") for n in range(39)), Entry(50, "c", of=1), follows=["ab", "ac"]), [str(41 - n) for n in range(39)] + ["2"]),
])
def test_the_model_itself(made, home):
    made.follows, made.blocks, made.mutes = ({tuple(pair) for pair in pairs} for pairs in (made.follows, made.blocks, made.mutes))
    assert made.home("a") == home
