"""Who may come in: a token that opens, with the right that the route asks for, and not too often."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from flask import Response, g, request
from redis import RedisError

from admin.api.problems import problem
from outreach.access.tokens.models import Right
from outreach.access.tokens.opening import Bearer, note_use, open_token
from outreach.brake import count
from outreach.runtime import Runtime

log = logging.getLogger(__name__)

WINDOW_S = 60


def let_in(runtime: Runtime, right: Right) -> Response | None:
    """The refusal, or None: then `bearer()` says who it is."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    now = datetime.now(UTC)
    found = None
    if scheme.lower() == "bearer":
        with runtime.db.read() as session:
            found = open_token(session, text.strip(), now=now)
    if found is None:
        return problem(401)
    if wait := _count(runtime, found.token_id):
        return problem(429, Retry_After=str(wait))
    if found.is_to_be_noted:
        with runtime.db.write() as session:
            note_use(session, found.token_id, now=now)
    if not found.may(right):
        return problem(403, f"Mã truy cập này không có quyền {right.value}.")
    g.bearer = found
    return None


def bearer() -> Bearer:
    """Who asks, once let in."""
    found: Bearer = g.bearer
    return found


def _count(runtime: Runtime, token_id: int) -> int:
    """Seconds to wait; 0 where it may go on. Redis away lets pass: the database bears what one system asks."""
    try:
        times, left = count(runtime.redis, f"loa:api:{token_id}", window_s=WINDOW_S)
    except RedisError as error:
        log.warning("api.brake_away error=%s", type(error).__name__)
        return 0
    return left if times > runtime.settings.api_requests_per_minute else 0
