"""A log of replies that an operator or a phone exported, handed in by an administrator."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_login import current_user

from admin.texts import number
from admin.views.base import OfficeView, given_file
from campaigns.answers.reply_log import Outcome, import_log
from campaigns.answers.taking import Keys
from campaigns.rings import ring_send
from outreach.errors import BadInput
from outreach.runtime import Runtime

# It is stored while the page loads; longer logs are for the command.
MOST_ROWS = 1_000


class ReplyLogView(OfficeView):
    """Not in the menu: the inbox leads here."""

    under = "inbox"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="reply_log", url="/admin/reply-log")
        self._keys = Keys(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._show()

    @expose("/", methods=["POST"])
    def receive(self) -> ResponseReturnValue:
        try:
            with given_file(else_say=_("Chưa chọn tệp. Hãy chọn tệp nhật ký tin trả lời.")) as path:
                done = import_log(
                    self.runtime.db,
                    path,
                    keys=self._keys,
                    actor_id=current_user.id,
                    now=datetime.now(UTC),
                    most_rows=MOST_ROWS,
                )
        except BadInput as error:
            return self._show(str(error)), 400
        ring_send(self.runtime.doorbell)
        flash(_say(done), "success" if done.new or not done.unreadable else "error")
        return redirect(url_for(".index"), code=303)

    def _show(self, error: str = "") -> str:
        page: str = self.render("office/reply_log.html", error=error, most=MOST_ROWS)
        return page


def _say(done: Outcome) -> str:
    said = str(
        _(
            "Đã đọc %(rows)s dòng: %(new)s câu trả lời mới, %(known)s câu đã có.",
            rows=number(done.rows),
            new=number(done.new),
            known=number(done.known),
        )
    )
    if done.unreadable:
        lines = ", ".join(map(str, done.unreadable[:20])) + ("…" if len(done.unreadable) > 20 else "")
        said += " " + str(_("Không đọc được số điện thoại hoặc thời gian ở dòng %(lines)s.", lines=lines))
    return said
