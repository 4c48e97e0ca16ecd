"""Preferences and markers."""

from support import ANYONE, error, operation


@operation("preferences")
def test_preferences_have_their_defaults(ana):
    defaults = {"posting:default:visibility": "public", "posting:default:sensitive": False,
                "reading:expand:media": "default", "reading:expand:spoilers": False}
    preferences = ana.http.get("/api/v1/preferences").json()
    assert {name: preferences[name] for name in defaults} == defaults
    assert preferences["posting:default:language"] in (None, "en")
    error(ANYONE.get("/api/v1/preferences"), 401)


@operation("markers.get", "markers.move")
def test_markers_remember_how_far_one_read(ana):
    assert ana.http.get("/api/v1/markers", {"timeline[]": ["home", "notifications"]}).json() == {}
    first, second = ana.post(), ana.post()
    moved = ana.api.markers_set("home", first.id)
    assert str(moved.home.last_read_id) == str(first.id)
    version = ana.http.get("/api/v1/markers", {"timeline[]": "home"}).json()["home"]
    assert version["last_read_id"] == str(first.id) and isinstance(version["version"], int) and version["updated_at"].endswith("Z")
    again = ana.http.post("/api/v1/markers", {"home[last_read_id]": str(second.id), "notifications[last_read_id]": "7"}).json()
    assert again["home"]["last_read_id"] == str(second.id) and again["home"]["version"] > version["version"]
    assert ana.http.post("/api/v1/markers", json={"home": {"last_read_id": str(first.id)}}).json()["home"]["last_read_id"] == str(first.id)
    assert set(ana.api.markers_get(["home", "notifications"])) == {"home", "notifications"}
    error(ANYONE.get("/api/v1/markers"), 401)
    error(ANYONE.post("/api/v1/markers", {"home[last_read_id]": "1"}), 401)
