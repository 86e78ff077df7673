"""The residents' page behind the personal link: one question, large buttons, no script."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Row

from campaigns.answers.taking import Keys, take_page_answer
from campaigns.links import LENGTH
from campaigns.rings import ring_send
from campaigns.web.desk import Desk, content_of, sight_of
from campaigns.web.pages import HEADERS, harden, show_page
from outreach.errors import BadInput
from outreach.runtime import Runtime

# `GET /<token>?about`: who sends this, why, with which data, and how to object.
ABOUT = "about"


def create_answer_page(runtime: Runtime, desk: Desk) -> Blueprint:
    """`GET /<token>` shows and changes nothing; `POST /<token>` takes `answer=…` and answers 303."""
    page = Blueprint("answer_page", __name__, template_folder="templates")
    keys = Keys(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    def find(token: str) -> Row[Any] | Response:
        """Whose link it is, or the page that says why nothing opens."""
        recipient_id = desk.cipher.recipient_id(token)
        found = desk.standings.find(recipient_id) if recipient_id else None
        address = request.remote_addr or ""
        if wait_s := desk.failed_tokens.hit(address) if found else desk.failed_tokens.miss(address):
            refused = show_page("too_many.html", 429)
            refused.headers["Retry-After"] = str(wait_s)
            return refused
        return found or show_page("no_such_link.html", 404)

    @page.get(f"/<string(length={LENGTH}):token>")
    def show(token: str) -> ResponseReturnValue:
        found = find(token)
        if isinstance(found, Response):
            return found
        if request.method == "GET":
            desk.note_opening(found)
        sight = sight_of(found, is_about=ABOUT in request.args)
        return Response(desk.pages.show(sight), headers=HEADERS, mimetype="text/html")

    @page.post(f"/<string(length={LENGTH}):token>")
    def answer(token: str) -> ResponseReturnValue:
        word, given = request.form.get("answer", ""), request.form.get("given")
        found = find(token)
        if isinstance(found, Response):
            return found
        try:
            with runtime.db.write() as session:
                take_page_answer(session, found.id, word, keys=keys, now=datetime.now(UTC), given=given)
                app = content_of(session, found.campaign_id).app if word == "install" else None
        except BadInput as error:
            return show_page("bad_answer.html", 400, message=str(error), token=token)
        ring_send(runtime.doorbell)
        if app:
            return harden(redirect(app.address_for(request.headers.get("User-Agent", "")), code=303))
        return harden(redirect(f"/{token}", code=303))

    return page
