"""Seeded random histories: drives a server and the model side by side, then compares every home."""

import random
import time

import requests
from history_model import Entry, Model
from support import URL, User

ACCOUNTS = 8
#: How often each kind of operation is tried.
WEIGHTS = {"post": 30, "reply": 18, "reblog": 16, "delete": 8, "follow": 12, "unfollow": 4, "block": 2, "unblock": 2, "mute": 3, "unmute": 3, "unreblog": 2}
#: How long a home may take to settle after the last write, in seconds.
SETTLE_S = 10.0


class History:
    """One seed's run against one server."""

    def __init__(self, seed, operations=320):
        self.random, self.seed, self.operations, self.log = random.Random(seed), seed, operations, []
        self.users = {}
        for number in range(ACCOUNTS):
            self.users[f"u{number}"] = User(f"h{seed}u{number}x")
        self.model = Model(list(self.users))
        self.session = requests.Session()

    # Talking to the server.

    def call(self, method, name, path, **data):
        """Calls the API as an account. What others wrote may arrive a moment later, so 404s are tried again briefly."""
        for attempt in range(100):
            response = self.session.request(method, URL + path, data=data or None, timeout=30, headers={"Authorization": f"Bearer {self.users[name].token}"})
            if response.status_code not in (404, 503):
                break
            time.sleep(0.02)
        assert response.status_code == 200, f"seed {self.seed}: {name} {method} {path} {data}: {response.status_code} {response.text}\n{self.tail()}"
        return response.json()

    def tail(self):
        return "the last operations:\n  " + "\n  ".join(self.log[-25:])

    # The operations; each says what it did, or returns None where nothing could be done.

    def run(self):
        """Makes the history, then waits until every home equals the model's."""
        for who in self.users:
            for whom in self.random.sample([name for name in self.users if name != who], 3):
                self.follow(who, whom)
        done = 0
        while done < self.operations:
            kind = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            said = getattr(self, "do_" + kind)(self.random.choice(list(self.users)))
            if said:
                self.log.append(f"{len(self.log)}: {said}")
                done += 1

    def visibility(self):
        return self.random.choices(["public", "unlisted", "private", "direct"], [60, 12, 18, 10])[0]

    def publish(self, who, text, mentioned, visibility, parent=None):
        mentions = frozenset(mentioned)
        text = " ".join([f"@{self.users[name].username}" for name in sorted(mentions)] + [text])
        more = {"in_reply_to_id": str(parent.id)} if parent else {}
        made = self.call("POST", who, "/api/v1/statuses", status=text, visibility=visibility, **more)
        reply = {"reply_to": parent.id, "reply_to_author": parent.author} if parent else {}
        self.model.publish(Entry(int(made["id"]), who, visibility, mentions - {who}, **reply))
        return f"{who} {'replies to ' + str(parent.id) if parent else 'posts'} {made['id']} ({visibility}) mentioning {sorted(mentions)}"

    def do_post(self, who):
        others = [name for name in self.users if name != who]
        mentioned = self.random.sample(others, self.random.choice([0, 0, 0, 1, 1, 2]))
        return self.publish(who, f"post {len(self.log)}", mentioned, self.visibility())

    def seen(self, who, keep=lambda entry: True):
        """Picks one of the newest statuses (no reblog) that `who` may see and neither blocks nor is blocked by its author."""
        found = [entry for entry in self.model.entries.values()
                 if not entry.of and self.model.may_see(who, entry) and not self.model.blocked_either_way(who, entry.author) and keep(entry)]
        return self.random.choice(sorted(found, key=lambda entry: entry.id)[-40:]) if found else None

    def do_reply(self, who):
        parent = self.seen(who)
        if parent is None:
            return None
        mentioned = {parent.author} - {who} if self.random.random() < 0.7 else set()
        return self.publish(who, f"reply {len(self.log)}", mentioned, self.visibility(), parent)

    def reblog_of(self, who, id):
        return next((entry for entry in self.model.entries.values() if entry.of == id and entry.author == who), None)

    def do_reblog(self, who):
        status = self.seen(who, lambda entry: entry.visibility in ("public", "unlisted") and not self.reblog_of(who, entry.id))
        if status is None:
            return None
        made = self.call("POST", who, f"/api/v1/statuses/{status.id}/reblog")
        self.model.publish(Entry(int(made["id"]), who, of=status.id))
        return f"{who} reblogs {status.id} as {made['id']}"

    def do_unreblog(self, who):
        mine = [entry for entry in self.model.entries.values() if entry.of and entry.author == who and self.model.may_see(who, self.model.original(entry))]
        if not mine:
            return None
        entry = self.random.choice(mine)
        self.call("POST", who, f"/api/v1/statuses/{entry.of}/unreblog")
        self.model.delete(entry.id)
        return f"{who} takes back the reblog {entry.id} of {entry.of}"

    def do_delete(self, who):
        mine = [entry.id for entry in self.model.entries.values() if entry.author == who and not entry.of]
        if not mine:
            return None
        id = self.random.choice(mine)
        self.call("DELETE", who, f"/api/v1/statuses/{id}")
        self.model.delete(id)
        return f"{who} deletes {id}"

    def follow(self, who, whom):
        self.call("POST", who, f"/api/v1/accounts/{self.users[whom].id}/follow")
        self.model.follows.add((who, whom))

    def do_follow(self, who):
        others = [name for name in self.users if name != who and (who, name) not in self.model.follows and not self.model.blocked_either_way(who, name)]
        if not others:
            return None
        whom = self.random.choice(others)
        self.follow(who, whom)
        return f"{who} follows {whom}"

    def pairwise(self, who, action, pairs, undo=False):
        """Adds or removes one pair of a relation."""
        others = [name for name in self.users if name != who and ((who, name) in pairs) == undo]
        if not others:
            return None, None
        whom = self.random.choice(others)
        self.call("POST", who, f"/api/v1/accounts/{self.users[whom].id}/{action}")
        return whom, f"{who} {action}s {whom}"

    def do_unfollow(self, who):
        whom, said = self.pairwise(who, "unfollow", self.model.follows, undo=True)
        self.model.follows.discard((who, whom))
        return said

    def do_block(self, who):
        whom, said = self.pairwise(who, "block", self.model.blocks)
        if whom:
            self.model.block(who, whom)
            self.await_block(who, whom, True)
        return said

    def do_unblock(self, who):
        whom, said = self.pairwise(who, "unblock", self.model.blocks, undo=True)
        self.model.blocks.discard((who, whom))
        if whom:
            self.await_block(who, whom, False)
        return said

    def await_block(self, who, whom, blocked):
        """Waits until the other side knows too, as a person would who tries again."""
        for _ in range(250):
            found = self.call("GET", whom, f"/api/v1/accounts/relationships?id[]={self.users[who].id}")
            if found[0]["blocked_by"] == blocked:
                return
            time.sleep(0.02)
        raise AssertionError(f"seed {self.seed}: {whom} never learns that {who} blocks: {blocked}")

    def do_mute(self, who):
        whom, said = self.pairwise(who, "mute", self.model.mutes)
        if whom:
            self.model.mutes.add((who, whom))
        return said

    def do_unmute(self, who):
        whom, said = self.pairwise(who, "unmute", self.model.mutes, undo=True)
        self.model.mutes.discard((who, whom))
        return said

    # Comparing.

    def backwards(self, name, limit):
        """Reads a whole home by max_id."""
        found, more = [], f"/api/v1/timelines/home?limit={limit}"
        while more:
            page = [status["id"] for status in self.call("GET", name, more)]
            found += page
            more = page and f"/api/v1/timelines/home?limit={limit}&max_id={page[-1]}"
        return found

    def forwards(self, name, limit):
        """Reads a whole home by min_id, from its oldest entry."""
        found, after = [], "1"
        while page := [status["id"] for status in self.call("GET", name, f"/api/v1/timelines/home?limit={limit}&min_id={after}")]:
            found, after = page + found, page[0]
        return found

    def check(self):
        """Compares every account's home, each way of paging, and its counts with the model's."""
        for name in self.users:
            wanted = self.model.home(name)
            for way, read in (("max_id", self.backwards), ("min_id", self.forwards)):
                for limit in (7, 40):
                    self.settle(name, f"home of {name} by {way}, {limit} a page", lambda: read(name, limit), wanted)
            self.settle(name, f"counts of {name}", lambda: self.counts(name), list(self.model.counts(name)))

    def counts(self, name):
        body = self.call("GET", name, f"/api/v1/accounts/{self.users[name].id}")
        return [body["statuses_count"], body["followers_count"], body["following_count"]]

    def settle(self, name, what, read, wanted):
        deadline = time.monotonic() + SETTLE_S
        while (got := read()) != wanted:
            if time.monotonic() > deadline:
                raise AssertionError(f"seed {self.seed}: {what} differs\n{self.difference(name, got, wanted)}\n{self.tail()}")
            time.sleep(0.1)

    def difference(self, name, got, wanted):
        """Describes a difference by the entries that are missing or too many, with what the model knows of them."""
        if not wanted or not isinstance(wanted[0], str):
            return f"  got    {got}\n  wanted {wanted}"
        lines = [f"  following {sorted(whom for who, whom in self.model.follows if who == name)}",
                 f"  blocks {sorted(pair for pair in self.model.blocks if name in pair)}, mutes {sorted(pair for pair in self.model.mutes if name == pair[0])}"]
        for words, ids in (("missing", [id for id in wanted if id not in got]), ("too many", [id for id in got if id not in wanted])):
            lines += [f"  {words}: {self.describe(id)}" for id in ids[:8]]
        doubles = sorted({id for id in got if got.count(id) > 1})
        lines += [f"  twice: {doubles}"] if doubles else []
        if sorted(got) == sorted(wanted):
            lines.append("  the same entries in another order")
        return "\n".join(lines)

    def describe(self, id):
        entry = self.model.entries.get(int(id))
        if entry is None:
            return f"{id}, which was deleted"
        original = self.model.original(entry)
        said = [line for line in self.log if id in line.split(" of ")[0]]
        return f"{entry}" + (f" of {original}" if entry.of else "") + (f"; {said[0]}" if said else "")
