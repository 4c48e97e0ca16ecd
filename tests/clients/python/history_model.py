"""The naive model of home timelines, written from the API's rules alone: plain lists and sets, everything recomputed.

It knows nothing of how a server stores or pushes. Statuses and reblogs are entries in the order of their ids; a home is
what is left of all entries after the rules below.
"""

from dataclasses import dataclass, field

#: How many shown entries back a reblog looks for the same post.
REBLOG_WINDOW = 40


@dataclass
class Entry:
    """A status, or a reblog of one (`of` is then the original's id)."""

    id: int
    author: str
    visibility: str = "public"
    mentions: frozenset = frozenset()
    reply_to: int | None = None
    reply_to_author: str | None = None
    of: int | None = None


@dataclass
class Model:
    """Everything that was done, as sets of pairs (who, whom)."""

    accounts: list
    entries: dict = field(default_factory=dict)
    follows: set = field(default_factory=set)
    blocks: set = field(default_factory=set)
    mutes: set = field(default_factory=set)

    # What happens.

    def publish(self, entry):
        self.entries[entry.id] = entry

    def delete(self, id):
        del self.entries[id]
        for reblog in [entry.id for entry in self.entries.values() if entry.of == id]:
            del self.entries[reblog]

    def block(self, who, whom):
        self.blocks.add((who, whom))
        self.follows -= {(who, whom), (whom, who)}

    # What may be seen.

    def blocked_either_way(self, a, b):
        return (a, b) in self.blocks or (b, a) in self.blocks

    def may_see(self, reader, entry):
        """Whether `reader` may open a status at all: neither its visibility nor a block by its author forbids it."""
        if reader == entry.author:
            return True
        if (entry.author, reader) in self.blocks:
            return False
        if entry.visibility in ("public", "unlisted"):
            return True
        followed = entry.visibility == "private" and (reader, entry.author) in self.follows
        return followed or reader in entry.mentions

    def original(self, entry):
        return self.entries[entry.of] if entry.of else entry

    def about(self, entry):
        """Everybody whom an entry is from or about."""
        original = self.original(entry)
        people = {entry.author, original.author} | original.mentions
        return people | ({original.reply_to_author} if original.reply_to_author else set())

    def belongs(self, reader, entry):
        """Whether an entry belongs on the reader's home, reblogs seen twice aside."""
        original = self.original(entry)
        if reader != entry.author and (reader, entry.author) not in self.follows:
            return False
        if not self.may_see(reader, original):
            return False
        if reader == entry.author and not entry.of:
            return True
        unwanted = {person for person in self.about(entry) - {reader} if (reader, person) in self.blocks or (reader, person) in self.mutes}
        if unwanted or (original.author, reader) in self.blocks:
            return False
        if entry.reply_to_author:
            return entry.reply_to_author in (reader, entry.author) or (reader, entry.reply_to_author) in self.follows
        return True

    def home(self, reader):
        """Returns the ids of the reader's home, newest first."""
        shown = []
        for entry in sorted(self.entries.values(), key=lambda entry: entry.id):
            if not self.belongs(reader, entry):
                continue
            recent = {self.original(other).id for other in shown[-REBLOG_WINDOW:]}
            if entry.of and entry.of in recent:
                continue
            shown.append(entry)
        return [str(entry.id) for entry in reversed(shown)]

    # What is counted.

    def counts(self, account):
        """Returns (statuses, followers, following) of an account."""
        statuses = sum(1 for entry in self.entries.values() if entry.author == account and entry.visibility != "direct")
        return statuses, sum(1 for _, whom in self.follows if whom == account), sum(1 for who, _ in self.follows if who == account)
