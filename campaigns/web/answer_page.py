"""The residents' page behind the personal link: one question, large buttons, no script."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from campaigns.answers.taking import Keys, take_page_answer
from campaigns.links import LENGTH, LinkCipher
from campaigns.models import Campaign
from campaigns.planning.content import Content, read_content
from campaigns.rings import ring_send
from campaigns.web.failed_tokens import FailedTokens
from campaigns.web.openings import Openings
from campaigns.web.pages import HEADERS, harden, show_page
from campaigns.web.showing import Pages, Sight
from campaigns.web.standings import Standings
from outreach.access.models import Organisation
from outreach.errors import BadInput
from outreach.people.models import ContactList
from outreach.runtime import Runtime

# `GET /<token>?about`: who sends this, why, with which data, and how to object.
ABOUT = "about"


def create_answer_page(runtime: Runtime) -> Blueprint:
    """`GET /<token>` shows and changes nothing; `POST /<token>` takes `answer=…` and answers 303."""
    page = Blueprint("answer_page", __name__, template_folder="templates")
    keys = Keys(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)
    cipher = LinkCipher(runtime.settings.secret_key)
    openings = Openings(runtime.db)
    failed_tokens = FailedTokens(runtime.redis)

    def load(sight: Sight) -> tuple[Content, str]:
        with runtime.db.read() as session:
            return _content(session, sight.campaign_id, sight.language), _organisation(session, sight.list_id)

    pages = Pages(load, takes_replies=runtime.settings.takes_replies)
    standings = Standings(runtime.db)

    def find(token: str) -> Row[Any] | Response:
        """Whose link it is, or the page that says why nothing opens."""
        recipient_id = cipher.recipient_id(token)
        found = standings.find(recipient_id) if recipient_id else None
        address = request.remote_addr or ""
        if wait_s := failed_tokens.hit(address) if found else failed_tokens.miss(address):
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
            openings.note(found.campaign_id, found.id, now=datetime.now(UTC))
        is_about = ABOUT in request.args
        sight = Sight(
            campaign_id=found.campaign_id,
            launched_at=found.launched_at,
            language=found.language,
            given=found.answer,
            has_clicked=found.clicked_at is not None,
            is_left_alone=found.left_alone is not None,
            is_about=is_about,
            list_id=found.list_id if is_about else None,
        )
        return Response(pages.show(sight), headers=HEADERS, mimetype="text/html")

    @page.post(f"/<string(length={LENGTH}):token>")
    def answer(token: str) -> ResponseReturnValue:
        word = request.form.get("answer", "")
        found = find(token)
        if isinstance(found, Response):
            return found
        try:
            with runtime.db.write() as session:
                take_page_answer(session, found.id, word, keys=keys, now=datetime.now(UTC))
                app = _content(session, found.campaign_id).app if word == "install" else None
        except BadInput as error:
            return show_page("bad_answer.html", 400, message=str(error), token=token)
        ring_send(runtime.doorbell)
        if app:
            return harden(redirect(app.address_for(request.headers.get("User-Agent", "")), code=303))
        return harden(redirect(f"/{token}", code=303))

    return page


def _content(session: Session, campaign_id: int, language: str | None = None) -> Content:
    content = session.execute(select(Campaign.content).where(Campaign.id == campaign_id)).scalar_one()
    return read_content(content, language)


def _organisation(session: Session, list_id: int | None) -> str:
    """Who keeps the list; empty where that is not asked or not known any more."""
    name = session.scalar(
        select(Organisation.name)
        .join(ContactList, ContactList.organisation_id == Organisation.id)
        .where(ContactList.id == list_id)
    )
    return name or ""
