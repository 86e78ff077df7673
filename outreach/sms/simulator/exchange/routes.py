"""Where a POST may go: this machine and nothing else.

The system under test may be known by a public address (`--public-url`). Such an address is signed as
written and carried to the local port, as a reverse proxy in front of it would do.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit


class NotThisMachine(Exception):
    """The address lies on another machine, or is none; `str()` is its host."""


@dataclass(frozen=True, slots=True)
class Destination:
    url: str  # where the bytes go
    headers: Mapping[str, str]


def is_this_machine(url: str) -> bool:
    """Whether `url` is http(s) on the loopback interface; names other than localhost never are."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or parts.port == 0:
            return False
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_way(url: str, *, public_url: str, local_url: str) -> Destination:
    """Where to post what is meant for `url`. Raises NotThisMachine."""
    if is_this_machine(url):
        return Destination(url, {})
    try:
        public, known = urlsplit(url), urlsplit(public_url)
    except ValueError as error:
        raise NotThisMachine("?") from error
    if public_url and _origin(public) == _origin(known) and is_this_machine(local_url):
        local = urlsplit(local_url)
        way = public._replace(scheme=local.scheme, netloc=local.netloc)
        return Destination(
            way.geturl(),
            {
                "Host": public.netloc,
                "X-Forwarded-Host": public.netloc,
                "X-Forwarded-Proto": public.scheme,
                "X-Forwarded-For": "127.0.0.1",
            },
        )
    raise NotThisMachine(public.hostname or "?")


def show_as_public(url: str, *, public_url: str) -> str:
    """The address by which the outside would call the local `url`."""
    if not public_url:
        return url
    public = urlsplit(public_url)
    return urlsplit(url)._replace(scheme=public.scheme, netloc=public.netloc).geturl()


def _origin(parts: SplitResult) -> tuple[str, str]:
    return parts.scheme, parts.netloc.lower()
