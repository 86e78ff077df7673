"""The guides of docs/huong-dan as pages: what staff, approvers and leaders do, by task.

They are Vietnamese; those in its folder `en` are read in English by who chose English.

Also the map from each page of the admin site to its section in a guide.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import abort, send_from_directory
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import get_locale
from markupsafe import Markup

from admin.views.base import AdminPage

if TYPE_CHECKING:
    from markdown_it.token import Token


class GuidesView(AdminPage):
    name, endpoint, url = "", "guides", "/admin/huong-dan"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self.show(INDEX)

    @expose("/<guide>")
    def show(self, guide: str) -> ResponseReturnValue:
        found = read_guide(guide, str(get_locale()))
        if found is None:
            abort(404)
        return self.render("home/guide.html", guide=found, is_index=guide == INDEX)

    @expose("/pictures/<picture>")
    def picture(self, picture: str) -> ResponseReturnValue:
        return send_from_directory(PICTURES, picture, max_age=3600)


_DOCS = Path(__file__).resolve().parents[2] / "docs"
_FOLDER = _DOCS / "huong-dan"
PICTURES = _DOCS / "pictures"
INDEX = "README"
# By endpoint, or by view for all its pages: the section on how to use it, as guide#heading.
SECTIONS: Mapping[str, str] = tomllib.loads((_FOLDER / "pages.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Guide:
    """A guide: its title and language, its sections as (anchor, heading), and the rest as HTML."""

    title: str
    language: str
    sections: list[tuple[str, str]]
    html: Markup


def section_of(endpoint: str | None) -> tuple[str, str]:
    """Return guide and anchor of an endpoint, the index if there is no section about it."""
    endpoint = endpoint or ""
    section = SECTIONS.get(endpoint) or SECTIONS.get(endpoint.partition(".")[0]) or INDEX
    guide, _hash, anchor = section.partition("#")
    return guide, anchor


def names() -> list[str]:
    """Return the names of all guides."""
    return sorted(path.stem for path in _FOLDER.glob("*.md"))


@cache
def read_guide(name: str, language: str = "vi") -> Guide | None:
    """Return a guide by its file name, None if there is none. In Vietnamese if the language has none.

    A section has the same anchor in every language. Links between guides and to pictures are relative: they fit the URLs of `guides.show` and `guides.picture`.
    """
    if name not in names():
        return None
    from markdown_it import MarkdownIt  # noqa: PLC0415 - 1 MB, where a guide is read alone

    parser = MarkdownIt("commonmark").enable("table")
    vietnamese = tokens = parser.parse((_FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    translation = _FOLDER / language / f"{name}.md"
    if is_translated := translation.is_file():
        tokens = parser.parse(translation.read_text(encoding="utf-8"))
    title = tokens[1].content
    for (heading, _text), (_heading, text) in zip(_headings(tokens), _headings(vietnamese), strict=True):
        # As code hosts make it.
        heading.attrSet("id", re.sub(r"[^\w -]", "", text.content).lower().replace(" ", "-"))
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                file, hash_, anchor = str(child.attrGet("href")).partition("#")
                child.attrSet("href", file.removesuffix(".md") + (hash_ + quote(anchor) if anchor else ""))
            elif child.type == "image":
                source = str(child.attrGet("src"))
                child.attrSet("src", f"pictures/{Path(source).name}")
                child.attrSet("loading", "lazy")
    return Guide(
        title,
        language if is_translated else "vi",
        [(str(h.attrGet("id")), text.content) for h, text in _headings(tokens) if h.tag == "h2"],
        Markup(parser.renderer.render(tokens[3:], parser.options, {})),  # noqa: S704 (our own files)
    )


def _headings(tokens: list[Token]) -> list[tuple[Token, Token]]:
    return [(heading, text) for heading, text in pairwise(tokens) if heading.type == "heading_open"]
