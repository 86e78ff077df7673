"""Base class of all views: access, transactions, refused actions, uploaded files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import abort, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import BaseView
from flask_login import current_user
from sqlalchemy.orm import Session

from admin.permissions import may_open
from outreach.models.accounts import User
from outreach.rules.errors import BadInput, LoaError, NotFound
from outreach.runtime import Runtime

# Views open to an administrator or approver who must set up a second factor first (a setting demands it).
_OPEN_BEFORE_SET_UP = frozenset({"account", "second_factor"})


@contextmanager
def uploaded_file(*, error_message: str) -> Iterator[Path]:
    """Save the uploaded file for the length of the block. Raises BadInput if none was chosen."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise BadInput(error_message)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"given{Path(file.filename).suffix[:8]}")
        file.save(path)
        yield path


class AdminPage(BaseView):
    """A view with the runtime, open to the roles in `admin.permissions`.

    `name` is its text in the menu (a lazy translation); "" keeps it out of the menu, and `under` then names
    the endpoint whose menu entry is marked as current.
    """

    under = ""

    def __init__(self, runtime: Runtime, *, name: Any, endpoint: str, url: str, category: Any = None) -> None:
        super().__init__(name=name, endpoint=endpoint, url=url, category=category)
        self.runtime = runtime

    def is_accessible(self) -> bool:
        return bool(
            current_user.is_authenticated
            and may_open(current_user.role, request.endpoint)
            and (not current_user.must_set_up or self.endpoint in _OPEN_BEFORE_SET_UP)
        )

    def is_visible(self) -> bool:
        return bool(
            current_user.is_authenticated
            and may_open(current_user.role, f"{self.endpoint}.index")
            and self.name
        )

    def inaccessible_callback(self, name: str, **kwargs: Any) -> ResponseReturnValue:
        if not current_user.is_authenticated:
            return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
        if current_user.must_set_up and may_open(current_user.role, request.endpoint):
            return redirect(url_for("second_factor.index"), code=303)
        abort(403)

    @contextmanager
    def reading(self) -> Iterator[tuple[Session, User]]:
        """Open a read snapshot, with the signed-in user's row. NotFound becomes a 404 page."""
        try:
            with self.runtime.db.read() as session:
                yield session, session.get_one(User, current_user.id)
        except NotFound:
            abort(404)

    @contextmanager
    def writing(self) -> Iterator[tuple[Session, User]]:
        """Open a transaction, with the signed-in user's row; it commits at the end.

        NotFound becomes a 404 page.
        """
        try:
            with self.runtime.db.write() as session:
                yield session, session.get_one(User, current_user.id)
        except NotFound:
            abort(404)

    def run_action(
        self, act: Callable[[Session, User, datetime], None], *, on_error_url: str
    ) -> ResponseReturnValue | None:
        """Run one action in a transaction. Returns None, or if it is refused a redirect that shows the reason."""
        try:
            with self.writing() as (session, user):
                act(session, user, datetime.now(UTC))
        except LoaError as error:
            flash(str(error), "error")
            return redirect(on_error_url, code=303)
        return None
