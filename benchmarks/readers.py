"""Users who sign in and open pages, and what each page took them."""

import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import aiohttp

from benchmarks.ground import PASSWORD

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def token_in(page: str) -> str:
    """Return the token of a page's forms."""
    found = _TOKEN.search(page)
    assert found, "the page has no token"
    return found[1]


def login_form(email: str, page: str) -> dict[str, str]:
    """Return the login page's form, filled in."""
    return {"email": email, "password": PASSWORD, "csrf_token": token_in(page)}


@dataclass
class Seen:
    """Measurements of the browsing users: milliseconds by page, and responses other than 200."""

    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)


async def log_in(session: aiohttp.ClientSession, email: str) -> None:
    async with session.get("/login") as page:
        form = login_form(email, await page.text())
    async with session.post("/login", data=form, allow_redirects=False) as reply:
        assert reply.status == 303, reply.status


async def look(
    session: aiohttp.ClientSession, seen: Seen, kind: str, address: str, headers: dict[str, str] | None = None
) -> str:
    """Return a page, "" where it failed; `seen` keeps how long it took."""
    began, page = time.perf_counter(), ""
    try:
        async with session.get(address, headers=headers, allow_redirects=False) as reply:
            page = await reply.text()
            if reply.status != 200:
                seen.errors[f"{kind}: {reply.status}"] += 1
    except (aiohttp.ClientError, TimeoutError) as error:
        seen.errors[f"{kind}: {type(error).__name__}"] += 1
    seen.ms[kind].append((time.perf_counter() - began) * 1000)
    return page
