"""What anybody sees: the front page, profiles, threads, tags, the reference, and what is not there."""

import pytest
import requests
from support import URL, demo_post, demo_posts, each, go, one


def texts(driver, selector):
    return [element.text for element in each(driver, selector)]


def loaded(driver):
    """Returns each picture's address and natural width, with the lazy ones fetched."""
    script = """
        const done = arguments[arguments.length - 1];
        const images = [...document.images];
        images.forEach(image => { image.loading = 'eager'; });
        Promise.all(images.map(image => image.decode().catch(() => null)))
            .then(() => done(images.map(image => [image.src, image.naturalWidth])));
    """
    return driver.execute_async_script(script)


def test_front_page_shows_the_posts_of_the_api_with_their_pictures(browser):
    go(browser, "/")
    shown = [article.get_attribute("id") for article in each(browser, "article.post")]
    assert shown == [f"p{post['id']}" for post in demo_posts()] and shown
    pictures = loaded(browser)
    assert len(pictures) == len(shown)
    assert all(width > 0 for _, width in pictures), pictures


def test_front_page_claims_only_what_is_tested(browser):
    go(browser, "/")
    tables = {table.find_element("css selector", "caption").text: table.text for table in each(browser, "#clients ~ table")}
    assert "Mastodon.py" in tables["Tested with every change"] and "Tusky" not in tables["Tested with every change"]
    assert "Tusky" in tables["Made for the same API"]


def test_pages_work_under_another_name_of_the_server(browser):
    go(browser, URL.replace("127.0.0.1", "localhost") + "/")
    pictures = loaded(browser)
    assert pictures and all(width > 0 for _, width in pictures), pictures


def test_reference_lists_the_operations_of_the_document(browser):
    go(browser, "/reference")
    paths = requests.get(f"{URL}/api/roost/v1/openapi.json", timeout=20).json()["paths"]
    wanted = {(method.upper(), path) for path, methods in paths.items() for method in methods if method != "parameters"}
    listed = set(zip(texts(browser, "summary .method"), texts(browser, "summary code")))
    assert listed == wanted and len(listed) > 50


def test_a_post_leads_to_its_thread_its_author_and_its_tag(browser):
    post = demo_post()
    author, tag = post["account"], post["tags"][0]["name"]
    go(browser, "/")
    one(browser, f"#p{post['id']} .meta a").click()
    assert one(browser, "h1").text == f"Post by {author['display_name']}"
    assert one(browser, f".chosen #p{post['id']}")
    assert len(each(browser, "section article.post")) >= post["replies_count"]
    one(browser, ".chosen a.who").click()
    assert one(browser, "h1").text == author["display_name"]
    assert f"{author['statuses_count']} post" in one(browser, "main").text
    assert f"{author['followers_count']} follower" in one(browser, "main").text
    assert one(browser, f"#p{post['id']}")
    go(browser, post["tags"][0]["url"])
    assert one(browser, "h1").text.lower() == f"#{tag}".lower()
    assert one(browser, f"#p{post['id']}")


def test_every_url_of_an_entity_leads_to_a_page(browser):
    post = demo_post()
    for url in [post["url"], post["uri"], post["account"]["url"], post["account"]["uri"], post["tags"][0]["url"]]:
        reply = requests.get(url, headers={"Accept": "text/html"}, timeout=20)
        assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/html"), url


def test_numbers_agree_with_their_nouns(browser):
    go(browser, "/")
    metas = " ".join(texts(browser, "article .meta"))
    assert "1 replies" not in metas and "1 favourites" not in metas and "1 reblogs" not in metas


@pytest.mark.parametrize("path", ["/nowhere", "/@nobody_at_all", "/@nobody_at_all/1", "/users/no%20name", "/@jo/x"])
def test_what_is_not_there_is_a_page_to_browsers(browser, path):
    go(browser, path)
    assert one(browser, "h1").text == "Nothing here"
    assert one(browser, "header.top") and one(browser, "footer")
    assert requests.get(URL + path, headers={"Accept": "text/html"}, timeout=20).status_code == 404


def test_what_is_not_there_is_json_to_clients():
    for path, accept in [("/nowhere", "*/*"), ("/api/v1/nowhere", "text/html"), ("/api/v1/statuses/1", "text/html")]:
        reply = requests.get(URL + path, headers={"Accept": accept}, timeout=20)
        assert reply.status_code == 404 and reply.json()["error"], path


@pytest.mark.parametrize("path", ["/assets/face.css", "/avatars/7.png", "/headers/original/missing.png"])
def test_known_bytes_are_not_sent_again(path):
    first = requests.get(URL + path, timeout=20)
    again = requests.get(URL + path, headers={"If-None-Match": first.headers["etag"]}, timeout=20)
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["etag"] == first.headers["etag"] and again.headers["cache-control"] == first.headers["cache-control"]
