"""Page behind an urging's link: the contact of a place or an agency reads it and answers, without an account."""

from datetime import UTC, datetime

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.reports.urge_contact import answer_urging, find_urging
from campaigns.rules.urge_texts import LINK
from campaigns.web.responses import add_security_headers, public_page
from outreach.core.sentences import word_error
from outreach.rules.errors import BadInput, NotFound
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime


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
