"""Pages behind links, without an account: an agency's form, a report, an urging.

- The page behind an agency's link: a day's figures submitted on any phone, without a script.
- The page behind a report's link: a day's report and its corrections, to read and to download.
- The page behind an urging's link: the contact of a place or an agency reads it and answers.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from flask import Blueprint, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from campaigns.agencies.reports import open_link, read_counts, read_history, submit_report
from campaigns.models.figures import ReportChannel
from campaigns.models.reports import FileKind, ReportLink
from campaigns.planning.drives import find_drive
from campaigns.planning.kinds import words_of
from campaigns.reports.documents import MIME, document_of, file_name, is_open, read_file, record_download
from campaigns.reports.issue_report import read_issues
from campaigns.reports.urge_contact import answer_urging, find_urging
from campaigns.rules.reports.document import cell, short_day
from campaigns.rules.reports.template import parse_template
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.urge_texts import LINK
from campaigns.web.responses import add_security_headers, public_page
from outreach.core.sentences import word_error
from outreach.core.signed_tokens import TokenPurpose, find_by_token
from outreach.models.accounts import Organisation
from outreach.rules.errors import BadInput, NotFound
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime

FIELDS = ("day", "staff", "with_smartphone", "installed", "note")


def create_agency_page(runtime: Runtime) -> Blueprint:
    """Create `/agency/<token>`: `GET` shows the form, `POST` takes the figures.

    `POST` answers 303, or 422 with what is to be corrected.
    """
    page = Blueprint("agency_page", __name__, template_folder="templates")
    secret_key = runtime.settings.keys_of(Purpose.LINKS)

    def show(token: str, form_values: Mapping[str, str], error: str = "") -> ResponseReturnValue:
        now = datetime.now(UTC)
        today = now.astimezone(VIETNAM).date()
        with runtime.db.read() as session:
            link = open_link(session, token, secret_key=secret_key, now=now)
            if link is None:
                return public_page("agency_closed.html", 404)
            drive = find_drive(session, link.drive_id)
            history = read_history(session, link.drive_id, link.organisation_id, limit=20)
            return public_page(
                "agency.html",
                422 if error else 200,
                agency=session.get_one(Organisation, link.organisation_id).name,
                holder=link.holder,
                drive=drive.name,
                words=words_of(session, drive.kind),
                until=link.expires_at.astimezone(VIETNAM).strftime("%d/%m/%Y"),
                typed=form_values or _initial_values(history, today),
                history=[entry for entry in history if entry.stands][:7],
                error=error,
                today=today.isoformat(),
            )

    @page.get("/agency/<token>")
    def form(token: str) -> ResponseReturnValue:
        """Show an agency's form of a day, by a link that an officer created."""
        return show(token, {})

    @page.post("/agency/<token>")
    def hand_in(token: str) -> ResponseReturnValue:
        """Take an agency's `day`, `staff`, `with_smartphone`, `installed` and `note`; 303 once stored, 422
        with the reason, 404 once the link has ended.
        """
        now = datetime.now(UTC)
        form_values = {name: request.form.get(name, "")[:400] for name in FIELDS}
        try:
            with runtime.db.write() as session:
                link = open_link(session, token, secret_key=secret_key, now=now)
                if link is None:
                    return public_page("agency_closed.html", 404)
                counts = read_counts(*(form_values[name] for name in FIELDS[1:4]))
                submit_report(
                    session,
                    link.organisation_id,
                    counts,
                    drive=link.drive_id,
                    day=read_day(form_values["day"]),
                    note=form_values["note"],
                    channel=ReportChannel.LINK,
                    link_id=link.id,
                    now=now,
                )
        except BadInput as error:
            return show(token, form_values, word_error(error))
        return add_security_headers(redirect(url_for("agency_page.form", token=token), code=303))

    return page


def read_day(text: str) -> date:
    """Read a day as a browser's field gives it, YYYY-MM-DD. Raises BadInput."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput("figures_day_missing") from error


def _initial_values(history: Sequence[Any], today: date) -> dict[str, str]:
    """Return the first values of the form: today, and what hardly changes from day to day.

    `installed` is left empty, as it is what the form asks for.
    """
    form_values = {"day": today.isoformat()}
    if history:
        last = history[0].AgencyReport
        form_values["staff"] = str(last.staff)
        form_values["with_smartphone"] = "" if last.with_smartphone is None else str(last.with_smartphone)
    return form_values


def create_report_page(runtime: Runtime) -> Blueprint:
    """Create `/report/<token>`, the day's newest issue (`?n=` another one), and its files `/<n>.<kind>`.

    404 for a token that is not ours, 410 for one that has expired or was ended.
    """
    page = Blueprint("report_page", __name__, template_folder="templates")
    page.add_app_template_filter(cell, "paper_cell")
    secret_key = runtime.settings.keys_of(Purpose.LINKS)

    def find(session: Session, token: str) -> ReportLink | ResponseReturnValue:
        link = find_by_token(session, ReportLink, TokenPurpose.REPORT, token, keys=secret_key)
        if link is None:
            return public_page("no_such_link.html", 404)
        if not is_open(link, now=datetime.now(UTC)):
            return public_page("report_closed.html", 410, has_ended=link.ended_at is not None)
        return link

    @page.get("/report/<token>")
    def show(token: str) -> ResponseReturnValue:
        """Show the report of a day, totals only, by a link."""
        with runtime.db.read() as session:
            link = find(session, token)
            if not isinstance(link, ReportLink):
                return link
            issues = [issue for issue in read_issues(session, link.drive_id, link.day) if issue.issued_at]
            n = request.args.get("n", issues[-1].n if issues else 0, type=int)
            chosen = next((issue for issue in issues if issue.n == n), None)
            if chosen is None:
                return public_page("no_such_link.html", 404)
            return public_page(
                "report.html",
                paper=document_of(chosen),
                form=parse_template(chosen.form),
                day=short_day(link.day),
                n=chosen.n,
                newest=issues[-1].n,
                issues=[
                    {"n": n, "name": f"Bổ sung, đính chính lần {n}" if n else "Báo cáo"}
                    for n in (issue.n for issue in issues)
                ],
                kinds=[kind.value for kind in FileKind],
                token=token,
                until=link.expires_at.astimezone(VIETNAM).strftime("%H:%M ngày %d/%m/%Y"),
            )

    @page.get("/report/<token>/<int:n>.<kind>")
    def file(token: str, n: int, kind: str) -> ResponseReturnValue:
        """Give a file of the report."""
        with runtime.db.write() as session:
            link = find(session, token)
            if not isinstance(link, ReportLink):
                return link
            if kind not in set(FileKind):
                return public_page("no_such_link.html", 404)
            file_kind = FileKind(kind)
            try:
                content = read_file(session, link.drive_id, link.day, n=n, kind=file_kind)
            except NotFound:
                return public_page("no_such_link.html", 404)
            now = datetime.now(UTC)
            record_download(session, link.day, n=n, kind=file_kind, actor_id=None, now=now, link=link.id)
        name = file_name(link.day, n, file_kind)
        return add_security_headers(
            send_file(io.BytesIO(content), MIME[file_kind], as_attachment=True, download_name=name)
        )

    return page


def create_urge_page(runtime: Runtime) -> Blueprint:
    """Create `/urge/<token>`: `GET` shows the message, `POST` takes the answer: 303, or 422 with what is to be corrected."""
    page = Blueprint("urge_page", __name__, template_folder="templates")
    secret_key = runtime.settings.keys_of(Purpose.LINKS)

    def show(token: str, error: str = "", typed: str = "") -> ResponseReturnValue:
        with runtime.db.read() as session:
            found = find_urging(session, token, secret_key=secret_key, now=datetime.now(UTC))
            if found is None:
                return public_page("no_such_link.html", 404)
            return public_page(
                "urge.html",
                422 if error else 200,
                text=found.text.replace(LINK, "").strip(),
                answer=typed or found.answer,
                is_answered=found.answered_at is not None,
                error=error,
            )

    @page.get("/urge/<token>")
    def form(token: str) -> ResponseReturnValue:
        """Show what a place or an agency that is behind was asked."""
        return show(token)

    @page.post("/urge/<token>")
    def answer(token: str) -> ResponseReturnValue:
        """Take its answer, for fourteen days."""
        typed = request.form.get("answer", "")[:5000]
        try:
            with runtime.db.write() as session:
                answer_urging(session, token, answer=typed, secret_key=secret_key, now=datetime.now(UTC))
        except NotFound:
            return public_page("no_such_link.html", 404)
        except BadInput as error:
            return show(token, word_error(error), typed)
        return add_security_headers(redirect(url_for("urge_page.form", token=token), code=303))

    return page
