"""Links in a message: where they stand in the text, and the one a resident would press."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from outreach.sms.simulator.exchange.routes import NotThisMachine, find_way

# With a scheme any host is a link; without one only what names this machine or the public address,
# as a sender may drop the scheme to save characters.
_WITH_SCHEME = r"https?://[^\s<>\"]+"
_LOCAL = r"(?:localhost|127\.0\.0\.1)(?::\d+)?/[^\s<>\"]+"
_CLOSING = ".,;:!?)]}'"


def split_links(text: str, *, public_url: str) -> Iterator[tuple[str, str | None]]:
    """`text` in pieces, in order: each with the address it links to, or None for plain words."""
    host = urlsplit(public_url).netloc
    pattern = rf"{_WITH_SCHEME}|\b(?:{_LOCAL}" + (rf"|{re.escape(host)}/[^\s<>\"]+" if host else "") + ")"
    done = 0
    for match in re.finditer(pattern, text):
        shown = match.group().rstrip(_CLOSING)
        start, end = match.start(), match.start() + len(shown)
        if start > done:
            yield text[done:start], None
        yield shown, _complete(shown, public_url)
        done = end
    if done < len(text):
        yield text[done:], None


def first_local_link(text: str, *, public_url: str) -> str | None:
    """The first link that leads to this machine, directly or through the public address."""
    for _, link in split_links(text, public_url=public_url):
        if link is None:
            continue
        try:
            find_way(link, public_url=public_url, local_url="http://127.0.0.1")
        except NotThisMachine:
            continue
        return link
    return None


def _complete(shown: str, public_url: str) -> str:
    if shown.startswith(("http://", "https://")):
        return shown
    host = urlsplit(public_url).netloc
    scheme = urlsplit(public_url).scheme if host and shown.startswith(host) else "http"
    return f"{scheme}://{shown}"
