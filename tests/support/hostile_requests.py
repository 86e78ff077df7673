"""What somebody hostile asks of the web: every route with every method, every field of every form, every raw body.

Routes come from the application itself and fields from the pages, so that what is new is asked as well.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from werkzeug.routing import Rule

from tests.support.tables import words

SCRIPT = '"><script>alert("x7319")</script>'
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
# In an address's place for an id or a name.
IN_PATHS = (
    *words("0 -1 1e9 0x1f %00 ..%2f..%2fetc%2fpasswd %2e%2e%2f %0d%0aX-Evil:1 %C0%AF %FF%FE '%20OR%201=1--"),
    *("%7B%7B7*7%7D%7D", "٣", str(2**31), str(2**63), "9" * 40, quote(SCRIPT, safe=""), "a" * 2000),
)
# In a field's place.
IN_FIELDS = (
    *words("0 -1 1e400 NaN ∞ 2020-02-30 99999-01-01 25:61 javascript:alert(1) //evil.example {{7*7}}${7*7}"),
    *["%s%n%x", "../../etc/passwd", "٣٤٥", "true", "null", "[]"],
    *("", "\0", str(2**63), "9" * 400, SCRIPT, "' OR '1'='1'; DROP TABLE users;--"),
    *('=HYPERLINK("http://evil.example")', "a\r\nX-Evil: 1\r\n\r\n", "\u202e\u200b\ufeff\ud800"),
    *("ặ̃̂" * 3000, "A" * 20_000, "(" * 3000, "[" * 3000 + "]" * 3000),
)
BODIES: tuple[tuple[str, bytes], ...] = (
    ("application/json", b'{"a":' * 4000),
    ("application/json", b"\xff\xfe{"),
    ("application/x-www-form-urlencoded", b"%ff=%ff&&&==&" + b"a=1&" * 3000),
    ("application/x-www-form-urlencoded", b"\xff" * 4000),
    ("multipart/form-data", b"no boundary"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n'),
    ("multipart/form-data; boundary=x", b"--x\r\n" * 4000 + b"--x--"),
    ("text/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
    ("application/x-www-form-urlencoded", b"a=" + b"A" * 200_000),
)
HEADERS: tuple[dict[str, str], ...] = (
    {"Host": "evil.example"},
    {"Host": ""},
    {"Host": "evil.example:99999999"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-For": "1.2.3.4, \x7f, <script>"},
    {"X-Forwarded-Proto": "javascript"},
    {"X-Forwarded-Prefix": "//evil.example"},
    {"Forwarded": "host=evil.example"},
    {"X-Original-URL": "/admin/users/"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Cookie": "session=" + "A" * 3000},
    {"Cookie": "session=eyJfdXNlcl9pZCI6IjEifQ.x.y; session=;;=;"},
    {"Accept-Language": "vi;q=9e9,*;q=-1," * 50},
    {"Accept": "\x7f/*;q=," * 20},
    {"Referer": "https://evil.example/<script>"},
    {"User-Agent": SCRIPT * 20},
    {"Authorization": "Bearer " + "A" * 3000},
    {"Authorization": "Basic %%%"},
    {"If-Modified-Since": "\ufffd".encode().decode("latin-1")},
    {"Range": "bytes=-9999999999999,0-,5-1"},
    {"Content-Length": "-1"},
    {"Transfer-Encoding": "chunked"},
)


@dataclass(frozen=True)
class Attack:
    """One request. `fields` are a form's, sent with a right token; `body` is sent as it is."""

    method: str
    path: str
    endpoint: str
    fields: dict[str, Any] | None = None
    body: tuple[str, bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        what = (self.fields and {k: v[:40] for k, v in self.fields.items()}) or (
            self.body and self.body[1][:30]
        )
        return f"{self.method} {self.path[:120]} {what or self.headers or ''}"


@dataclass(frozen=True)
class Form:
    method: str
    action: str
    values: dict[str, str]


def read_forms(page: str, path: str) -> list[Form]:
    """The forms of a page with what stands in them, files left out."""
    forms = []
    for tag, inside in re.findall(r"<form\b([^>]*)>(.*?)</form>", page, re.DOTALL | re.IGNORECASE):
        values: dict[str, str] = {}
        for attributes in re.findall(r"<(?:input|button|select|textarea)\b([^>]*)>", inside):
            name = _attribute(attributes, "name")
            if name and _attribute(attributes, "type") not in ("file", "checkbox", "radio"):
                values.setdefault(name, _attribute(attributes, "value"))
        method = _attribute(tag, "method").upper() or "GET"
        forms.append(Form(method, urljoin(path, _attribute(tag, "action")), values))
    return forms


def read_queries(page: str, path: str) -> set[tuple[str, str]]:
    """Paths of the links of a page at `path` with the names in their queries."""
    found = set()
    for href in re.findall(r'href="([^"]+)"', page):
        parts = urlsplit(urljoin(path, unescape(href)))
        if parts.query and not parts.netloc:
            found |= {(parts.path, name) for name, _value in parse_qsl(parts.query, keep_blank_values=True)}
    return found


def fill(rule: Rule, values: dict[str, Any], strange: str | None = None) -> str:
    """A rule's address with ids that exist, or with something strange in their places."""
    return re.sub(
        r"<(?:[^:<>]+:)?([^<>]+)>",
        lambda match: strange if strange is not None else quote(str(values.get(match[1], "x"))),
        rule.rule,
    )


def every_method(rules: list[Rule], values: dict[str, Any]) -> Iterator[Attack]:
    for rule in rules:
        for method in METHODS:
            yield Attack(method, fill(rule, values), rule.endpoint)


def strange_paths(rules: list[Rule], dice: random.Random, times: int) -> Iterator[Attack]:
    for rule in rules:
        if rule.arguments:
            for strange in dice.sample(IN_PATHS, times):
                method = "GET" if "GET" in (rule.methods or ()) else "POST"
                yield Attack(method, fill(rule, {}, strange), rule.endpoint)


def strange_queries(queries: set[tuple[str, str]], dice: random.Random, times: int) -> Iterator[Attack]:
    for path, name in sorted(queries):
        for value in dice.sample(IN_FIELDS, times):
            yield Attack("GET", f"{path}?{urlencode({name: value}, errors='surrogatepass')}", path)


def strange_fields(forms: list[tuple[str, Form]], dice: random.Random, times: int) -> Iterator[Attack]:
    """Each field of each form by itself, and all at once."""
    for endpoint, form in forms:
        names = [name for name in form.values if name != "csrf_token"]
        for name in names:
            for value in dice.sample(IN_FIELDS, times if len(names) < 15 else 1):
                yield Attack(form.method, form.action, endpoint, {**form.values, name: value})
        yield Attack(form.method, form.action, endpoint, dict.fromkeys(names, SCRIPT))
        yield Attack(form.method, form.action, endpoint, {})


def raw_bodies(
    rules: list[Rule], values: dict[str, Any], dice: random.Random, times: int
) -> Iterator[Attack]:
    for rule in rules:
        for method in sorted((rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}):
            for body in dice.sample(BODIES, times):
                yield Attack(method, fill(rule, values), rule.endpoint, body=body)


def strange_headers(rules: list[Rule], dice: random.Random, times: int) -> Iterator[Attack]:
    for rule in rules:
        if "GET" in (rule.methods or ()) and not rule.arguments:
            for headers in dice.sample(HEADERS, times):
                yield Attack("GET", rule.rule, rule.endpoint, headers=headers)


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return unescape(found[1]) if found else ""
