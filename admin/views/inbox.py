"""Replies that wait for a person: one press each, and the number to call only when it is asked for."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.views.base import OfficeView
from campaigns.answers.handling import handle_reply, number_to_call, undo_handling
from campaigns.answers.taking import Keys
from campaigns.answers.worklist import read_worklist
from campaigns.replies.classifier import Label
from outreach.errors import LoaError, NotFound
from outreach.runtime import Runtime

ON_A_PAGE = 20


class InboxView(OfficeView):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Hộp thư trả lời"), endpoint="inbox", url="/admin/inbox")
        self._keys = Keys(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """`?label=` and `?district=` filter; `?done=` is the reply just handled, to take back."""
        return self._show()

    @expose("/<int:reply_id>/label", methods=["POST"])
    def handle(self, reply_id: int) -> ResponseReturnValue:
        """Confirm or correct; the focus goes to the reply after it."""
        label = _label(request.form.get("label"))
        if label is None:
            abort(400)
        try:
            with self.writing() as (session, user):
                handle_reply(session, reply_id, label, user=user, keys=self._keys, now=datetime.now(UTC))
        except NotFound:
            abort(404)
        except LoaError as error:
            flash(str(error), "error")
            return redirect(_address(), code=303)
        after = request.form.get("next", type=int)
        return redirect(_address(done=reply_id, to=label.value, place=after), code=303)

    @expose("/<int:reply_id>/undo", methods=["POST"])
    def undo(self, reply_id: int) -> ResponseReturnValue:
        try:
            with self.writing() as (session, user):
                undo_handling(session, reply_id, user=user, keys=self._keys, now=datetime.now(UTC))
        except NotFound:
            abort(404)
        except LoaError as error:
            flash(str(error), "error")
        else:
            flash(_("Đã hoàn tác. Câu trả lời trở lại danh sách."), "success")
        return redirect(_address(place=reply_id), code=303)

    @expose("/<int:reply_id>/number", methods=["POST"])
    def number(self, reply_id: int) -> ResponseReturnValue:
        """The same page with one full number in it: no address or cookie may carry it."""
        try:
            with self.writing() as (session, user):
                e164 = number_to_call(session, reply_id, user=user, now=datetime.now(UTC))
        except NotFound:
            abort(404)
        return self._show(shown=(reply_id, e164))

    def _show(self, shown: tuple[int, str] | None = None) -> ResponseReturnValue:
        label = _label(request.values.get("label_filter"))
        district = request.values.get("district") or None
        with self.reading() as (session, user):
            work = read_worklist(session, user, label=label, district=district, limit=ON_A_PAGE)
        return self.render(
            "office/inbox.html",
            work=work,
            label=label,
            district=district,
            labels=list(Label),
            shown_id=shown[0] if shown else None,
            shown_number=shown[1] if shown else "",
            shown_local="0" + shown[1].removeprefix("+84") if shown else "",
            done=request.args.get("done", type=int),
            done_label=_label(request.args.get("to")),
        )


def _label(value: str | None) -> Label | None:
    return Label(value) if value in set(Label) else None


def _address(*, place: int | None = None, **values: object) -> str:
    """The list as it was filtered, with the focus on one reply."""
    for name in ("label_filter", "district"):
        if kept := request.form.get(name):
            values[name] = kept
    return url_for("inbox.index", _anchor=f"reply-{place}" if place else None, **values)  # type: ignore[arg-type]
