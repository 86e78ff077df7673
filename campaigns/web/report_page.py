"""The page behind a report's link: a day's report and its corrections, read and taken without an account."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from flask import Blueprint, request, send_file
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from campaigns.report.form import read_form
from campaigns.report.issues.building import MIME, file_name, paper_of
from campaigns.report.issues.issuing import read_issues
from campaigns.report.issues.keeping import read_file, record_download
from campaigns.report.issues.links import find_link, is_open
from campaigns.report.models import FileKind, ReportIssue, ReportLink
from campaigns.report.paper.words import cell, short_day
from campaigns.web.pages import harden, show_page
from campaigns.windows import VIETNAM
from outreach.errors import NotFound
from outreach.runtime import Runtime


def create_report_page(runtime: Runtime) -> Blueprint:
    """`GET /report/<token>` shows the day's newest issue (`?n=` another one), `GET /report/<token>/<n>.<kind>` is a file.

    404 for a token that is none of ours, 410 for one that has expired or was ended.
    """
    page = Blueprint("report_page", __name__, template_folder="templates")
    page.add_app_template_filter(cell, "paper_cell")

    def find(session: Session, token: str) -> ReportLink | ResponseReturnValue:
        link = find_link(session, token, secret_key=runtime.settings.secret_key)
        if link is None:
            return show_page("no_such_link.html", 404)
        if not is_open(link, now=datetime.now(UTC)):
            return show_page("report_closed.html", 410, has_ended=link.ended_at is not None)
        return link

    @page.get("/report/<token>")
    def show(token: str) -> ResponseReturnValue:
        with runtime.db.read() as session:
            link = find(session, token)
            if not isinstance(link, ReportLink):
                return link
            issues = [each for each in read_issues(session, link.day) if each.issued_at]
            wanted = request.args.get("n", issues[-1].n if issues else 0, type=int)
            shown = next((each for each in issues if each.n == wanted), None)
            if shown is None:
                return show_page("no_such_link.html", 404)
            return show_page(
                "report.html",
                paper=paper_of(shown),
                form=read_form(shown.form),
                day=short_day(link.day),
                n=shown.n,
                newest=issues[-1].n,
                issues=[{"n": each.n, "name": _name(each)} for each in issues],
                kinds=[kind.value for kind in FileKind],
                token=token,
                until=link.expires_at.astimezone(VIETNAM).strftime("%H:%M ngày %d/%m/%Y"),
            )

    @page.get("/report/<token>/<int:n>.<kind>")
    def file(token: str, n: int, kind: str) -> ResponseReturnValue:
        with runtime.db.write() as session:
            link = find(session, token)
            if not isinstance(link, ReportLink):
                return link
            if kind not in set(FileKind):
                return show_page("no_such_link.html", 404)
            wanted = FileKind(kind)
            try:
                content = read_file(session, link.day, n=n, kind=wanted)
            except NotFound:
                return show_page("no_such_link.html", 404)
            now = datetime.now(UTC)
            record_download(session, link.day, n=n, kind=wanted, actor_id=None, now=now, link=link.id)
        name = file_name(link.day, n, wanted)
        return harden(send_file(io.BytesIO(content), MIME[wanted], as_attachment=True, download_name=name))

    return page


def _name(issue: ReportIssue) -> str:
    return f"Bổ sung, đính chính lần {issue.n}" if issue.n else "Báo cáo"
