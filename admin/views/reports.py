"""The daily report: where today's stands, who is late, what was issued, corrections, mail, the link to it, its form."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from flask import abort, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from admin.views.base import AdminPage
from admin.wording.reports import FIELDS, HOUR_FIELDS, HURDLES, hours_of_the_day, mail_lines, typed_form
from campaigns.enqueue_jobs import enqueue_report_schedule
from campaigns.models.reports import FileKind, ReportLink
from campaigns.planning.kinds import load_kinds
from campaigns.reports.day_status import DayStatus, read_day_status, read_history
from campaigns.reports.documents import MIME, document_of, file_name, read_file, record_download
from campaigns.reports.issue_report import (
    correct,
    freeze,
    issue,
    look_for_changes,
    note_by_hand,
    read_issues,
    send_again,
)
from campaigns.reports.links import end_link, make_link
from campaigns.reports.settings import current_form, may_issue, require_province, save_form
from campaigns.reports.take_snapshot import freezes_at, take_snapshot
from campaigns.rules.reports.compose import compose
from campaigns.rules.reports.document import ReportDocument
from campaigns.rules.reports.template import ReportTemplate
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.permissions import organisations_of
from outreach.models.accounts import User
from outreach.rules.errors import LoaError, NotFound
from outreach.runtime import Runtime


class ReportView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Báo cáo ngày"), endpoint="report", url="/admin/report")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """`?day=`: another day than today."""
        now, day = datetime.now(UTC), _asked_for()
        with self.reading() as (session, user):
            if not _sees_all(session, user):
                return self.render("reports/out_of_scope.html")
            standing = read_day_status(session, day, self.runtime.settings, now=now)
            return self.render(
                "reports/report.html",
                mails=mail_lines(standing),
                history=read_history(session),
                may_act=may_issue(session, user),
                kinds=[kind.value for kind in FileKind],
                **_shown(standing, now),
            )

    @expose("/live")
    def live(self) -> ResponseReturnValue:
        """The part of the page that changes by itself."""
        now, day = datetime.now(UTC), _asked_for()
        with self.reading() as (session, user):
            if not _sees_all(session, user):
                return self.render("reports/out_of_scope.html")
            standing = read_day_status(session, day, self.runtime.settings, now=now)
            return self.render("reports/day_status.html", **_shown(standing, now))

    @expose("/preview")
    def preview(self) -> ResponseReturnValue:
        """An issue as it reads, `?n=`; or what the report would say now."""
        day, n = _asked_for(), request.args.get("n", type=int)
        with self.reading() as (session, user):
            if not _sees_all(session, user):
                return self.render("reports/out_of_scope.html")
            paper = _issued(session, day, n) if n is not None else self._would_be(session, day)
        return self.render("reports/preview.html", paper=paper, day=day.isoformat(), n=n)

    @expose("/file")
    def file(self) -> ResponseReturnValue:
        """`?day=&n=&kind=`: a document as it was issued."""
        day, n = _asked_for(), request.args.get("n", 0, type=int)
        with self.reading() as (session, user):
            if not _sees_all(session, user):
                return self.render("reports/out_of_scope.html")
        try:
            kind = FileKind(request.args.get("kind", ""))
        except ValueError:
            abort(404)
        with self.writing() as (session, user):
            content = read_file(session, day.isoformat(), n=n, kind=kind)
            record_download(session, day.isoformat(), n=n, kind=kind, actor_id=user.id, now=datetime.now(UTC))
        name = file_name(day.isoformat(), n, kind)
        return send_file(io.BytesIO(content), MIME[kind], as_attachment=True, download_name=name)

    @expose("/issue", methods=["POST"])
    def issue(self) -> ResponseReturnValue:
        """Freeze and issue by hand: a day that was missed, or one on which nothing is under way."""

        def act(user: User, day: date, now: datetime) -> str:
            is_new = freeze(self.runtime, day, now=now, user=user)
            issue(self.runtime, day, now=now)
            return _("Đã chốt số liệu và phát hành báo cáo.") if is_new else _("Báo cáo này đã có từ trước.")

        return self._do(act)

    @expose("/correct", methods=["POST"])
    def correct(self) -> ResponseReturnValue:
        """A correction now, without waiting for its hour."""

        def act(user: User, day: date, now: datetime) -> str:
            changes = correct(self.runtime, day, now=now, user=user)
            if not changes:
                return _("Không có số liệu nào thay đổi so với báo cáo đã phát hành.")
            issue(self.runtime, day, now=now)
            return _("Đã phát hành báo cáo đính chính: %(count)s số liệu.", count=len(changes))

        return self._do(act)

    @expose("/look", methods=["POST"])
    def look(self) -> ResponseReturnValue:
        """Whether something came late."""

        def act(_user: User, day: date, now: datetime) -> str:
            count = look_for_changes(self.runtime, day, now=now)
            return (
                _("Có %(count)s số liệu đến sau khi chốt.", count=count)
                if count
                else _("Không có số liệu nào đến sau khi chốt.")
            )

        return self._do(act)

    @expose("/send", methods=["POST"])
    def send(self) -> ResponseReturnValue:
        def act(user: User, day: date, now: datetime) -> str:
            with self.runtime.db.write() as session:
                count = send_again(session, day.isoformat(), self.runtime.settings, user=user, now=now)
            return _("Đang gửi lại đến %(count)s nơi nhận.", count=count)

        return self._do(act)

    @expose("/by-hand", methods=["POST"])
    def by_hand(self) -> ResponseReturnValue:
        def act(user: User, day: date, now: datetime) -> str:
            with self.runtime.db.write() as session:
                note_by_hand(session, day.isoformat(), user=user, now=now)
            return _("Đã ghi: báo cáo đã gửi bằng cách khác.")

        return self._do(act)

    @expose("/link", methods=["POST"])
    def link(self) -> ResponseReturnValue:
        def act(user: User, day: date, now: datetime) -> str:
            with self.runtime.db.write() as session:
                if not read_issues(session, day.isoformat()):
                    raise NotFound(_("Chưa phát hành báo cáo của ngày này."))
                make_link(session, day.isoformat(), days=current_form(session).link_days, user=user, now=now)
            return _("Liên kết đã sẵn sàng để gửi.")

        return self._do(act)

    @expose("/link/<int:report_link_id>/end", methods=["POST"])
    def end_link(self, report_link_id: int) -> ResponseReturnValue:
        def act(user: User, _day: date, now: datetime) -> str:
            with self.runtime.db.write() as session:
                end_link(session, report_link_id, user=user, now=now)
            return _("Đã ngừng liên kết. Ai đang giữ sẽ không xem được nữa.")

        with self.reading() as (session, _user):
            if session.get(ReportLink, report_link_id) is None:
                abort(404)
        return self._do(act)

    @expose("/form", methods=["GET", "POST"])
    def form(self) -> ResponseReturnValue:
        """Letterhead, words, hours."""
        error, typed = "", None
        if request.method == "POST":
            typed = typed_form(request.form)
            try:
                with self.writing() as (session, user):
                    save_form(session, typed, user=user, now=datetime.now(UTC))
            except LoaError as refused:
                error = str(refused)
            else:
                flash(_("Đã lưu. Báo cáo đã chốt giữ nguyên mẫu cũ của nó."), "success")
                return redirect(url_for(".form"), code=303)
        with self.reading() as (session, user):
            form: ReportTemplate = current_form(session)
            page = self.render(
                "reports/template_form.html",
                values=typed or form.as_data(),
                fields=FIELDS,
                hours=HOUR_FIELDS,
                kinds=sorted(load_kinds()),
                may_act=may_issue(session, user),
                error=error,
            )
        return (page, 422) if error else page

    def _would_be(self, session: Session, day: date) -> ReportDocument:
        now, form = datetime.now(UTC), current_form(session)
        if day > now.astimezone(VIETNAM).date():
            raise NotFound(_("Ngày này chưa tới."))
        snapshot = take_snapshot(session, form, day=day, known_until=min(now, freezes_at(day, form)))
        return compose(snapshot, form)

    def _do(self, act: Callable[[User, date, datetime], str]) -> ResponseReturnValue:
        """One deed about the day that the form names; then back to it, with what came of it."""
        day, now = _asked_for(), datetime.now(UTC)
        try:
            with self.reading() as (session, user):
                require_province(session, user)
            flash(act(user, day, now), "success")
        except LoaError as error:
            flash(str(error), "error")
        else:
            enqueue_report_schedule(self.runtime.job_queue)
        return redirect(url_for(".index", day=day.isoformat()), code=303)


def _issued(session: Session, day: date, n: int) -> ReportDocument:
    found = next((each for each in read_issues(session, day.isoformat()) if each.n == n), None)
    if found is None:
        raise NotFound(_("Không có báo cáo này."))
    return document_of(found)


def _sees_all(session: Session, user: User) -> bool:
    """The report is about the whole province: whoever sees a part of it is led to their own figures."""
    return organisations_of(session, user) is None


def _asked_for() -> date:
    """The day of the query or the form; today where there is none, or none that is one."""
    today = datetime.now(VIETNAM).date()
    try:
        return date.fromisoformat(request.values.get("day") or today.isoformat())
    except ValueError:
        return today


def _shown(standing: DayStatus, now: datetime) -> dict[str, Any]:
    return {
        "standing": standing,
        "day": standing.day.isoformat(),
        "is_today": standing.day == now.astimezone(VIETNAM).date(),
        "hours": hours_of_the_day(standing, now),
        "hurdles": [HURDLES[hurdle] for hurdle in standing.hurdles],
        "asked": now,
    }
