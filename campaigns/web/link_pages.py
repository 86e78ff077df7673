"""The page behind an agency's link: a day's figures handed in without an account, on any phone, without a script."""

from __future__ import annotations

from datetime import UTC, date, datetime

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from campaigns.agencies.links import open_link
from campaigns.agencies.models import AgencyLink
from campaigns.agencies.overview import Entry, read_history
from campaigns.agencies.reports import hand_in_by_link, read_counts
from campaigns.web.pages import harden, show_page
from campaigns.windows import VIETNAM
from outreach.access.models import Organisation
from outreach.errors import BadInput
from outreach.runtime import Runtime

FIELDS = ("day", "staff", "with_smartphone", "installed", "note")


def create_agency_page(runtime: Runtime) -> Blueprint:
    """`GET /agency/<token>` shows the form; `POST` takes the figures and answers 303, or 422 with what is to be put right."""
    page = Blueprint("agency_page", __name__, template_folder="templates")
    secret_key = runtime.settings.secret_key

    def show(session: Session, link: AgencyLink, typed: dict[str, str], error: str, today: date) -> object:
        history = read_history(session, link.organisation_id, limit=20)
        return show_page(
            "agency.html",
            422 if error else 200,
            agency=session.get_one(Organisation, link.organisation_id).name,
            holder=link.holder,
            until=link.expires_at.astimezone(VIETNAM).strftime("%d/%m/%Y"),
            typed=typed or _begin_with(history, today),
            history=[entry for entry in history if entry.stands][:7],
            error=error,
            today=today.isoformat(),
        )

    @page.get("/agency/<token>")
    def form(token: str) -> ResponseReturnValue:
        now = datetime.now(UTC)
        with runtime.db.read() as session:
            link = open_link(session, token, secret_key=secret_key, now=now)
            if link is None:
                return show_page("agency_closed.html", 404)
            return show(session, link, {}, "", now.astimezone(VIETNAM).date())  # type: ignore[return-value]

    @page.post("/agency/<token>")
    def hand_in(token: str) -> ResponseReturnValue:
        now = datetime.now(UTC)
        typed = {name: request.form.get(name, "")[:400] for name in FIELDS}
        try:
            with runtime.db.write() as session:
                link = open_link(session, token, secret_key=secret_key, now=now)
                if link is None:
                    return show_page("agency_closed.html", 404)
                counts = read_counts(*(typed[name] for name in FIELDS[1:4]))
                hand_in_by_link(
                    session, link, counts, day=read_day(typed["day"]), note=typed["note"], now=now
                )
        except BadInput as error:
            with runtime.db.read() as session:
                link = open_link(session, token, secret_key=secret_key, now=now)
                if link is None:
                    return show_page("agency_closed.html", 404)
                return show(session, link, typed, str(error), now.astimezone(VIETNAM).date())  # type: ignore[return-value]
        return harden(redirect(url_for("agency_page.form", token=token), code=303))

    return page


def read_day(text: str) -> date:
    """A day as a browser's field gives it, YYYY-MM-DD. Raises BadInput."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput("Hãy chọn ngày của số liệu.") from error


def _begin_with(history: list[Entry], today: date) -> dict[str, str]:
    """What hardly changes from day to day stands there already; what is asked for does not."""
    typed = {"day": today.isoformat()}
    if history:
        last = history[0].report
        typed["staff"] = str(last.staff)
        typed["with_smartphone"] = "" if last.with_smartphone is None else str(last.with_smartphone)
    return typed
