"""The small operations that apps call at their start: an error there and the app never opens."""

from support import ANYONE, error, eventually, operation, settles
from test_credentials import png


@operation("instance.rules", "instance.peers", "instance.activity", "instance.extended_description", "instance.privacy_policy")
def test_about_the_server():
    assert isinstance(ANYONE.get("/api/v1/instance/rules").json(), list)
    assert ANYONE.get("/api/v1/instance/peers").json() == []
    activity = ANYONE.get("/api/v1/instance/activity")
    assert activity.status_code == 200 and all({"week", "statuses", "logins", "registrations"} <= week.keys() for week in activity.json())
    assert {"updated_at", "content"} <= ANYONE.get("/api/v1/instance/extended_description").json().keys()
    policy = ANYONE.get("/api/v1/instance/privacy_policy").json()
    assert policy["updated_at"] and "<h2>" in policy["content"]


@operation("hostmeta", "webfinger")
def test_an_account_is_found_by_its_address(ana):
    assert "webfinger" in ANYONE.get("/.well-known/host-meta").text
    domain = ANYONE.get("/api/v2/instance").json()["domain"]
    body = ANYONE.get("/.well-known/webfinger", {"resource": f"acct:{ana.username}@{domain}"}).json()
    assert body["subject"] == f"acct:{ana.username}@{domain}" and body["links"]
    assert ANYONE.get("/.well-known/webfinger", {"resource": f"acct:nobody_{ana.username}@{domain}"}).status_code == 404


@operation("profile.avatar_delete", "profile.header_delete")
def test_images_are_removed(ana):
    plain = ana.http.get("/api/v1/accounts/verify_credentials").json()
    ana.http.patch("/api/v1/accounts/update_credentials", files={"avatar": ("a.png", png(), "image/png"), "header": ("h.png", png(9, 3), "image/png")})
    assert ana.http.get("/api/v1/accounts/verify_credentials").json()["avatar"] != plain["avatar"]
    assert ana.api.account_delete_avatar()["avatar"] == plain["avatar"]
    assert ana.api.account_delete_header()["header"] == plain["header"]


@operation("accounts.lists", "accounts.featured_tags", "accounts.familiar_followers")
def test_what_an_account_page_asks_for(ana, bob, cyd):
    assert ana.http.get(f"/api/v1/accounts/{bob.id}/lists").json() == []
    assert ANYONE.get(f"/api/v1/accounts/{bob.id}/featured_tags").json() == []
    ana.follow(cyd)
    cyd.follow(bob)

    def familiar():
        found = ana.http.get("/api/v1/accounts/familiar_followers", {"id[]": bob.id}).json()
        return [(entry["id"], [account["id"] for account in entry["accounts"]]) for entry in found]

    settles(familiar, [(bob.id, [cyd.id])])
    error(ANYONE.get("/api/v1/accounts/familiar_followers", {"id[]": bob.id}), 401)


@operation("statuses.card")
def test_a_card_is_an_object_even_where_there_is_none(ana):
    status = ana.post("no link")
    eventually(lambda: ANYONE.get(f"/api/v1/statuses/{status.id}/card").json() == {})
