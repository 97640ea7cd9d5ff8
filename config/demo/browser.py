"""A browser of sixty lines: cookies, redirects and forms, on the standard library alone.

The demo walks through login and consent with it exactly as a person does.
"""

import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar


class BrowserError(Exception):
    """A page did not answer as it should have."""


@dataclass
class Form:
    """A form as the browser would send it: what is filled in, ticked or hidden."""

    action: str = ""
    method: str = "get"
    fields: list[tuple[str, str]] = field(default_factory=list)

    def names(self) -> set[str]:
        """The names of its fields."""
        return {name for name, _ in self.fields}


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
            self.inside = True
        elif tag in ("input", "textarea") and self.inside and given.get("name"):
            kind = given.get("type", "text")
            if kind in ("checkbox", "radio"):
                if "checked" in given:
                    self.forms[-1].fields.append((given["name"], given.get("value", "on")))
            elif kind not in ("submit", "button", "image", "file"):
                self.forms[-1].fields.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False


@dataclass(frozen=True)
class Page:
    """Where we are and what is there."""

    url: str
    html: str

    def form_with(self, field_name: str) -> Form:
        """The first form that has a field of this name."""
        reader = _FormReader()
        reader.feed(self.html)
        for form in reader.forms:
            if field_name in form.names():
                return form
        raise BrowserError(f"{self.url} has no form with a field {field_name!r}.")


class Browser:
    """One visitor, with cookies."""

    def __init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        self.opener = urllib.request.build_opener(jar)

    def open(self, url: str, body: bytes | None = None, content_type: str = "") -> Page:
        """Go there, following redirects."""
        request = urllib.request.Request(url, data=body)  # noqa: S310 (addresses of this machine)
        if content_type:
            request.add_header("Content-Type", content_type)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return Page(answer.geturl(), answer.read().decode())
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:300]
            raise BrowserError(f"{error.geturl()} answers {error.code}: {said}") from error
        except OSError as error:
            raise BrowserError(f"{url} can't be reached: {error}") from error

    def submit(self, page: Page, form: Form, **changes: str) -> Page:
        """Send a form of `page` with some fields filled in anew."""
        kept = [(name, value) for name, value in form.fields if name not in changes]
        body = urllib.parse.urlencode([*kept, *changes.items()]).encode()
        url = urllib.parse.urljoin(page.url, form.action)
        if form.method == "get":
            return self.open(f"{url.split('?')[0]}?{body.decode()}")
        return self.open(url, body, "application/x-www-form-urlencoded")
