"""The forms that are longer than others: a campaign's, with all that residents read in up to seven languages."""

from __future__ import annotations

from flask import Flask, request
from flask_login import current_user

from admin.permissions import may_open

LONGEST = 1024 * 1024  # bytes; a letter with an accent takes nine of them
_LONG = frozenset({"campaigns.create", "campaigns.edit", "campaigns.preview", "campaigns.texts"})


def allow_long_forms(app: Flask) -> None:
    """Raise the limit of these forms, and only for who may send them. Call it before CSRF reads forms."""

    @app.before_request
    def allow() -> None:
        endpoint = request.endpoint
        if endpoint in _LONG and current_user.is_authenticated and may_open(current_user.role, endpoint):
            request.max_content_length = request.max_form_memory_size = LONGEST
