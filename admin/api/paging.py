"""Pages of a list: so many rows at most, and where the next page is."""

from __future__ import annotations

from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest

from admin.api.routing import ID

USUAL, MOST = 50, 200

PARAMETERS: tuple[dict[str, Any], ...] = (
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    },
    {
        "name": "after",
        "in": "query",
        "description": "What the page before gives as `next` carries it",
        "schema": ID,
    },
)
NEXT: dict[str, Any] = {"type": ["string", "null"], "description": "Address of the next page"}


def read_page() -> tuple[int, int | None]:
    """`limit` and `after` as asked. Raises BadRequest."""
    return read_number("limit", most=MOST) or USUAL, read_number("after", most=ID["maximum"])


def read_number(name: str, *, most: int) -> int | None:
    """A whole number from 1 in the query, None where it is not asked. Raises BadRequest."""
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= most):
        raise BadRequest
    return int(text)
