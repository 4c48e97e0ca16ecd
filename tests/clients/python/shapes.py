"""The fields that Mastodon 4.x documents for each entity, with what may stand in them.

Client libraries decode leniently; apps written in Swift or Kotlin do not, so the shapes are checked here once.
"""

import re

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
NULL = type(None)


def text(value):
    return isinstance(value, str)


def number(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def boolean(value):
    return isinstance(value, bool)


def identifier(value):
    return isinstance(value, str) and value.isdigit()


def time(value):
    return isinstance(value, str) and bool(TIME.match(value))


def date(value):
    return isinstance(value, str) and bool(re.match(r"^\d{4}-\d\d-\d\d", value))


def url(value):
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def array(value):
    return isinstance(value, list)


def optional(check):
    return lambda value: value is None or check(value)


ACCOUNT = {
    "id": identifier, "username": text, "acct": text, "display_name": text, "locked": boolean, "bot": boolean,
    "group": boolean, "discoverable": optional(boolean), "created_at": time, "note": text, "url": url, "uri": url,
    "avatar": url, "avatar_static": url, "header": url, "header_static": url, "followers_count": number,
    "following_count": number, "statuses_count": number, "last_status_at": optional(date), "emojis": array, "fields": array,
}
STATUS = {
    "id": identifier, "created_at": time, "in_reply_to_id": optional(identifier), "in_reply_to_account_id": optional(identifier),
    "sensitive": boolean, "spoiler_text": text, "visibility": lambda value: value in ("public", "unlisted", "private", "direct"),
    "language": optional(text), "uri": url, "url": optional(url), "replies_count": number, "reblogs_count": number,
    "favourites_count": number, "edited_at": optional(time), "content": text, "media_attachments": array, "mentions": array,
    "tags": array, "emojis": array, "account": lambda value: isinstance(value, dict), "reblog": lambda value: value is None or isinstance(value, dict),
    "card": lambda value: value is None or isinstance(value, dict), "poll": lambda value: value is None or isinstance(value, dict),
}
STATUS_OF_READER = {"favourited": boolean, "reblogged": boolean, "muted": boolean, "bookmarked": boolean}
RELATIONSHIP = {
    "id": identifier, "following": boolean, "showing_reblogs": boolean, "notifying": boolean, "languages": optional(array),
    "followed_by": boolean, "blocking": boolean, "blocked_by": boolean, "muting": boolean, "muting_notifications": boolean,
    "requested": boolean, "requested_by": boolean, "domain_blocking": boolean, "endorsed": boolean, "note": text,
}
MENTION = {"id": identifier, "username": text, "acct": text, "url": url}
TAG = {"name": text, "url": url}


def check(entity, shape):
    """Fails with every field that is missing or holds something else."""
    wrong = [f"{name} is missing" if name not in entity else f"{name} holds {entity[name]!r}"
             for name, holds in shape.items() if name not in entity or not holds(entity[name])]
    assert not wrong, wrong


def check_status(entity, signed_in=True):
    """Checks a status with the account, mentions, tags and reblog inside it."""
    check(entity, STATUS)
    check(entity["account"], ACCOUNT)
    for mention in entity["mentions"]:
        check(mention, MENTION)
    for tag in entity["tags"]:
        check(tag, TAG)
    if signed_in:
        check(entity, STATUS_OF_READER)
    if entity["reblog"]:
        check_status(entity["reblog"], signed_in)
