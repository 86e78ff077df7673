"""What an officer searched for: kept in their own cookie and nowhere else, so that no address tells a name or number."""

from __future__ import annotations

import secrets

from flask import flash
from flask import session as cookie
from flask_babel import gettext as _

_SEARCHES = "searches"
_SEARCHES_KEPT = 8  # an officer's open tabs; a cookie holds four kilobytes


def keep_search(text: str) -> str:
    """Keep what is searched for; the key by which an address names it."""
    key = secrets.token_hex(4)
    before = list(cookie.get(_SEARCHES, {}).items())
    cookie[_SEARCHES] = dict([*before[1 - _SEARCHES_KEPT :], (key, text)])
    return key


def searched_for(key: str) -> str:
    """What an officer searched for, by its key."""
    text = cookie.get(_SEARCHES, {}).get(key)
    if key and text is None:
        flash(_("Lượt tìm này đã cũ. Hãy gõ lại tên hoặc số cần tìm."), "info")
    return text or ""
