"""The residents' page behind the personal link: one question, large buttons, no script."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.answering import Keys, take_page_answer
from campaigns.content import Content, read_content
from campaigns.links import LENGTH, LinkCipher
from campaigns.models import Campaign, Recipient
from campaigns.replies import Label
from campaigns.rings import ring_send
from outreach.errors import BadInput
from outreach.runtime import Runtime

# Nothing is loaded from anywhere, nothing runs, nobody frames it, and the token goes to no other site.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}

# Labels that have a button where the campaign gives it a text.
BUTTONS = (Label.INSTALLED, Label.NOT_YET, Label.NEED_HELP, Label.NO_SMARTPHONE, Label.OPT_OUT)


def create_answer_page(runtime: Runtime) -> Blueprint:
    """`GET /<token>` shows and changes nothing; `POST /<token>` takes `answer=…` and answers 303."""
    page = Blueprint("answer_page", __name__, template_folder="templates")
    keys = Keys(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)
    cipher = LinkCipher(runtime.settings.secret_key)

    def find(session: Session, token: str) -> tuple[Recipient, Content] | None:
        recipient_id = cipher.recipient_id(token)
        row = (
            recipient_id
            and session.execute(
                select(Recipient, Campaign.content)
                .join(Campaign, Campaign.id == Recipient.campaign_id)
                .where(Recipient.id == recipient_id, Recipient.exclusion.is_(None))
            ).first()
        )
        return (row[0], read_content(row[1])) if row else None

    @page.get(f"/<string(length={LENGTH}):token>")
    def show(token: str) -> ResponseReturnValue:
        with runtime.db.read() as session:
            found = find(session, token)
            if found is None:
                return _page("no_such_link.html", 404)
            recipient, content = found
            given = recipient.answer
        return _page(
            "answer.html",
            200,
            content=content,
            given=given,
            thanks=content.wording(given).thanks if given else "",
            buttons=[
                (label, content.wording(label).button) for label in BUTTONS if content.wording(label).button
            ],
        )

    @page.post(f"/<string(length={LENGTH}):token>")
    def answer(token: str) -> ResponseReturnValue:
        word = request.form.get("answer", "")
        try:
            with runtime.db.write() as session:
                found = find(session, token)
                if found is None:
                    return _page("no_such_link.html", 404)
                recipient, content = found
                take_page_answer(session, recipient.id, word, keys=keys, now=datetime.now(UTC))
        except BadInput as error:
            return _page("bad_answer.html", 400, message=str(error), token=token)
        ring_send(runtime.doorbell)
        if word == "install" and content.app:
            target = content.app.address_for(request.headers.get("User-Agent", ""))
            return _plain(redirect(target, code=303))
        return _plain(redirect(f"/{token}", code=303))

    return page


def _page(template: str, status: int, **values: object) -> Response:
    return _plain(make_response(render_template(template, **values), status))


def _plain(response: object) -> Response:
    made = make_response(response)
    made.headers.update(HEADERS)
    return made
