"""A person with a browser and no JavaScript: fills the sign-in form, presses the button that agrees, follows redirects."""

import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlparse

import requests
from support import URL

REFUSING = re.compile(r"deny|cancel|refuse|decline|reject|sign[ _-]?out|log[ _-]?out", re.I)


class Page(HTMLParser):
    """The forms and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.codes, self._form, self._button, self._in_code = [], [], None, None, False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self._form = {"action": attrs.get("action") or "", "method": (attrs.get("method") or "get").lower(), "inputs": [], "buttons": []}
            self.forms.append(self._form)
        elif tag == "input" and attrs.get("type") == "submit" and self._form:
            self._form["buttons"].append({**attrs, "text": attrs.get("value", "")})
        elif tag == "input" and self._form is not None:
            self._form["inputs"].append(attrs)
        elif tag == "button" and self._form is not None:
            self._button = {**attrs, "text": ""}
            self._form["buttons"].append(self._button)
        if tag in ("code", "input", "output", "kbd") and "code" in " ".join([tag, attrs.get("class") or "", attrs.get("id") or ""]):
            self._in_code = tag != "input"
            if attrs.get("value"):
                self.codes.append(attrs["value"])

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        if tag == "button":
            self._button = None
        if tag in ("code", "output", "kbd"):
            self._in_code = False

    def handle_data(self, data):
        if self._button is not None:
            self._button["text"] += data
        if self._in_code and data.strip():
            self.codes.append(data.strip())


class Browser:
    """One browsing session, with its cookies."""

    def __init__(self, email, password):
        self.session, self.email, self.password = requests.Session(), email, password

    def authorize(self, agree=True, **params):
        """Opens the authorization page and goes on until the application is answered; returns (answer, last response).

        The answer is the query of the redirect, or {"code": ...} as shown on the page for out-of-band applications.
        """
        redirect = params["redirect_uri"]
        response = self.session.get(f"{URL}/oauth/authorize", params=params, allow_redirects=False, timeout=30)
        for _ in range(8):
            if response.is_redirect:
                target = urljoin(response.url, response.headers["Location"])
                answer = {name: values[0] for name, values in parse_qs(urlparse(target).query).items()}
                if not redirect.startswith("urn:") and target.startswith(redirect):
                    return answer, response
                response = self.session.get(target, allow_redirects=False, timeout=30)
                if redirect.startswith("urn:") and "code" in answer:
                    assert answer["code"] in response.text, "the page must show the code"
                    return answer, response
                continue
            page = Page(response.text)
            if response.status_code >= 400 or not page.forms:
                code = next((code for code in page.codes if re.fullmatch(r"[\w.~-]{16,}", code)), None)
                return ({"code": code} if code else {}), response
            response = self._submit(response, page, agree)
        raise AssertionError(f"no answer after eight pages; the last was {response.url}: {response.text[:500]}")

    def _submit(self, response, page, agree):
        form, button = self._choose(page, agree)
        fields = {}
        for field in form["inputs"]:
            name, kind = field.get("name"), field.get("type", "text")
            if not name or (kind in ("checkbox", "radio") and "checked" not in field):
                continue
            fields[name] = self.password if kind == "password" else self.email if kind in ("email", "text") else field.get("value", "")
        if button and button.get("name"):
            fields[button["name"]] = button.get("value", "")
        target = urljoin(response.url, (button or {}).get("formaction") or form["action"] or response.url)
        send = {"data": fields} if form["method"] == "post" else {"params": fields}
        return self.session.request(form["method"].upper(), target, **send, allow_redirects=False, timeout=30)

    @staticmethod
    def _choose(page, agree):
        """Picks the form and button that agree (or, if asked, refuse)."""
        for form in page.forms:
            for button in form["buttons"] or [{"text": ""}]:
                words = " ".join([button.get("text", ""), button.get("name") or "", button.get("value") or "", form["action"]])
                signs_in = any(field.get("type") == "password" for field in form["inputs"])
                refuses = bool(REFUSING.search(words))
                if (agree and not refuses) or (not agree and (refuses or (signs_in and len(form["buttons"]) == 1))):
                    return form, button
        return page.forms[0], None
