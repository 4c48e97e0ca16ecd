"""One's own profile: verify_credentials and update_credentials in every encoding that clients use."""

import struct
import zlib

import pytest
from mastodon import MastodonAPIError
from shapes import ACCOUNT, check
from support import ANYONE, error, eventually, operation


def png(width=8, height=8, colour=(200, 40, 40)):
    """Returns a small valid PNG."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(colour) * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@operation("accounts.verify_credentials")
def test_verify_returns_the_account_with_its_source(ana):
    body = ana.http.get("/api/v1/accounts/verify_credentials").json()
    check(body, ACCOUNT)
    assert body["username"] == body["acct"] == ana.username
    assert body["source"]["privacy"] == "public" and body["source"]["sensitive"] is False
    assert {"note", "fields", "language", "follow_requests_count"} <= body["source"].keys()
    assert {"id", "name", "permissions"} <= body["role"].keys()


@operation("accounts.verify_credentials")
def test_verify_needs_a_valid_token():
    assert "token" in error(ANYONE.get("/api/v1/accounts/verify_credentials"), 401)
    error(ANYONE.get("/api/v1/accounts/verify_credentials", headers={"Authorization": "Bearer nonsense"}), 401)


@operation("accounts.update_credentials", "accounts.get")
def test_library_updates_the_profile(ana):
    ana.api.account_update_credentials(display_name="Ana <b>", note="Likes #birds\nand tea", bot=True, locked=True, discoverable=True,
                                       fields=[("Site", "https://example.com"), ("Pronouns", "she & her")])
    me = ana.http.get("/api/v1/accounts/verify_credentials").json()
    assert me["display_name"] == "Ana <b>" and me["bot"] is True and me["locked"] is True and me["discoverable"] is True
    assert me["source"]["note"] == "Likes #birds\nand tea" and "<p>" in me["note"] and "<br" in me["note"]
    assert [field["name"] for field in me["fields"]] == ["Site", "Pronouns"]
    assert 'href="https://example.com' in me["fields"][0]["value"] and "&amp;" in me["fields"][1]["value"]
    assert [field["value"] for field in me["source"]["fields"]] == ["https://example.com", "she & her"]
    eventually(lambda: ANYONE.get(f"/api/v1/accounts/{ana.id}").json()["display_name"] == "Ana <b>")
    assert "source" not in ANYONE.get(f"/api/v1/accounts/{ana.id}").json()


@operation("accounts.update_credentials")
def test_multipart_images_are_served(ana):
    image = png()
    ana.api.account_update_credentials(avatar=image, avatar_mime_type="image/png", header=png(24, 8), header_mime_type="image/png")
    me = ana.http.get("/api/v1/accounts/verify_credentials").json()
    for name in ("avatar", "header"):
        served = ANYONE.get(me[name])
        assert served.status_code == 200 and served.headers["Content-Type"].startswith("image/")
        assert served.content.startswith(b"\x89PNG")
        assert served.headers.get("X-Content-Type-Options") == "nosniff"


@operation("accounts.update_credentials")
def test_what_is_no_image_is_422(ana):
    reply = ana.http.patch("/api/v1/accounts/update_credentials", files={"avatar": ("x.png", b"<script>alert(1)</script>", "image/png")})
    error(reply, 422)


@operation("accounts.update_credentials", "preferences")
def test_source_sets_the_defaults_of_new_statuses(ana):
    ana.http.patch("/api/v1/accounts/update_credentials", {"source[privacy]": "unlisted", "source[sensitive]": "true", "source[language]": "fr"})
    status = ana.http.post("/api/v1/statuses", {"status": "bonjour"}).json()
    assert (status["visibility"], status["sensitive"], status["language"]) == ("unlisted", True, "fr")
    preferences = ana.api.preferences()
    assert preferences["posting:default:visibility"] == "unlisted" and preferences["posting:default:language"] == "fr"


@operation("accounts.update_credentials")
def test_json_takes_nested_values_and_string_booleans(ana):
    body = {"display_name": "J", "locked": "1", "bot": "0", "fields_attributes": {"0": {"name": "a", "value": "b"}}, "source": {"privacy": "private"}}
    me = ana.http.patch("/api/v1/accounts/update_credentials", json=body).json()
    assert me["locked"] is True and me["bot"] is False and me["source"]["privacy"] == "private"
    assert me["source"]["fields"][0]["name"] == "a"
    listed = ana.http.patch("/api/v1/accounts/update_credentials", json={"fields_attributes": [{"name": "c", "value": "d"}]}).json()
    assert [field["name"] for field in listed["source"]["fields"]] == ["c"]


@operation("accounts.update_credentials")
@pytest.mark.parametrize("fields", [{"display_name": "x" * 31}, {"note": "x" * 501}, {"source[privacy]": "nonsense"}])
def test_too_much_is_422(ana, fields):
    error(ana.http.patch("/api/v1/accounts/update_credentials", fields), 422)


@operation("accounts.update_credentials")
def test_nothing_to_change_changes_nothing(ana):
    before = ana.http.get("/api/v1/accounts/verify_credentials").json()
    assert ana.http.patch("/api/v1/accounts/update_credentials").json() == before


@operation("accounts.update_credentials")
def test_library_raises_for_what_is_invalid(ana):
    with pytest.raises(MastodonAPIError):
        ana.api.account_update_credentials(note="x" * 5000)
