"""Base class of all views: access, transactions, refused actions, uploaded files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from flask import abort, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import BaseView
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session

from admin.permissions import may_open
from outreach.models.accounts import User
from outreach.rules.errors import BadInput, LoaError, NotFound
from outreach.runtime import Runtime
from outreach.use_cases import take_lost_jobs

R = TypeVar("R")

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

    def do(self, use_case: Callable[..., R], *args: Any, **values: Any) -> R:
        """Call a use case as the signed-in user. NotFound becomes a 404 page."""
        try:
            result = use_case(self.runtime, *args, user=current_user, now=datetime.now(UTC), **values)
        except NotFound:
            abort(404)
        if take_lost_jobs():
            flash(
                _(
                    "Đã lưu, nhưng hàng đợi (Redis) đang ngừng. Việc sẽ tự thực hiện khi hàng đợi hoạt động trở lại."
                ),
                "warning",
            )
        return result

    def do_and_tell(
        self, url: str, message: str, use_case: Callable[..., object], *args: Any, **values: Any
    ) -> ResponseReturnValue:
        """Call a use case and redirect to `url` with the message, or with the reason if it is refused."""
        try:
            self.do(use_case, *args, **values)
        except LoaError as error:
            return refuse(error, url)
        flash(message, "success")
        return redirect(url, code=303)


def refuse(error: LoaError, url: str) -> ResponseReturnValue:
    """Redirect to a page that shows why an action was refused."""
    flash(str(error), "error")
    return redirect(url, code=303)
