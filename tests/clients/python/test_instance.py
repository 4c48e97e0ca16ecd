"""What a client asks first: instance, nodeinfo, health."""

from support import ANYONE, URL, library, operation


@operation("instance.v2")
def test_v2_reads_as_mastodon_4():
    body = ANYONE.get("/api/v2/instance").json()
    major = int(body["version"].split(".")[0])
    assert major >= 4
    assert body["api_versions"]["mastodon"] >= 1
    assert body["configuration"]["statuses"]["max_characters"] >= 500
    assert body["configuration"]["urls"]["streaming"].startswith("ws://" if URL.startswith("http://") else "wss://")
    assert body["configuration"]["accounts"]["max_featured_tags"] >= 0
    assert isinstance(body["registrations"]["enabled"], bool) and isinstance(body["registrations"]["approval_required"], bool)
    assert {"domain", "title", "source_url", "description", "usage", "thumbnail", "languages", "contact", "rules"} <= body.keys()
    assert isinstance(body["usage"]["users"]["active_month"], int)
    assert {"media_attachments", "polls", "translation"} <= body["configuration"].keys()


@operation("instance.v1")
def test_v1_reads_as_mastodon_4():
    body = ANYONE.get("/api/v1/instance").json()
    assert int(body["version"].split(".")[0]) >= 4
    assert body["urls"]["streaming_api"].startswith("ws")
    assert {"uri", "title", "short_description", "description", "email", "stats", "languages", "registrations", "approval_required",
            "invites_enabled", "configuration", "contact_account", "rules"} <= body.keys()
    assert {"user_count", "status_count", "domain_count"} <= body["stats"].keys()


@operation("instance.v1", "instance.v2")
def test_library_finds_a_recent_mastodon():
    api = library()
    assert api.verify_minimum_version("4.0.0")
    assert api.instance_v1().uri and api.instance_v2().domain


@operation("nodeinfo.index", "nodeinfo.v20", "nodeinfo.v21")
def test_nodeinfo_names_roost_and_its_upstream():
    offered = {link["rel"].rsplit("/", 1)[1]: link["href"] for link in ANYONE.get("/.well-known/nodeinfo").json()["links"]}
    assert {"2.0", "2.1"} <= offered.keys()
    for version, href in offered.items():
        body = ANYONE.get(href).json()
        assert body["version"] == version and body["software"]["name"] == "roost"
        assert body["metadata"]["upstream"]["name"] == "mastodon"
        assert body["usage"]["users"]["total"] >= 0 and body["usage"]["localPosts"] >= 0
        assert body["openRegistrations"] in (True, False) and "services" in body and "protocols" in body
    assert library().instance_nodeinfo().software.name == "roost"


@operation("health", "streaming.health")
def test_health():
    assert ANYONE.get("/health").status_code == 200
    assert library().instance_health()
    assert ANYONE.get("/api/v1/streaming/health").text.strip() == "OK"


@operation("instance.v1", "instance.v2")
def test_what_is_announced_is_there():
    v1, v2 = ANYONE.get("/api/v1/instance").json(), ANYONE.get("/api/v2/instance").json()
    urls = v2["configuration"]["urls"]
    for url in [urls["about"], urls["privacy_policy"], urls["terms_of_service"]]:
        if url:
            reply = ANYONE.get(url, headers={"Accept": "text/html"})
            assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/html"), url
    for url in {v1["thumbnail"], v2["thumbnail"]["url"]}:
        reply = ANYONE.get(url)
        assert reply.status_code == 200 and reply.content.startswith(b"\x89PNG"), url
