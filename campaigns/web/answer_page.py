"""The residents' page behind the personal link: one question, large buttons, no script."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.answers.taking import Keys, take_page_answer
from campaigns.links import LENGTH, LinkCipher
from campaigns.models import Campaign, Recipient
from campaigns.planning.content import Content, read_content
from campaigns.replies.classifier import Label
from campaigns.rings import ring_send
from campaigns.web.pages import harden, show_page
from outreach.errors import BadInput
from outreach.people.models import SuppressionReason
from outreach.people.suppression import active
from outreach.runtime import Runtime

# Labels that have a button where the campaign gives it a text.
BUTTONS = (Label.INSTALLED, Label.NOT_YET, Label.NEED_HELP, Label.NO_SMARTPHONE, Label.OPT_OUT)

# What an answer that has no button in this campaign is called; it came by SMS or through an officer.
SPOKEN = {
    Label.INSTALLED: "Đã làm xong",
    Label.NOT_YET: "Chưa",
    Label.NO_SMARTPHONE: "Không có điện thoại thông minh",
    Label.NEED_HELP: "Cần người giúp",
    Label.REFUSE: "Không đồng ý",
    Label.OPT_OUT: "Không nhận tin nữa",
    Label.WRONG_NUMBER: "Nhầm số",
}

# After these nobody is asked to install any more.
NOT_INSTALLING = frozenset({Label.INSTALLED, Label.NO_SMARTPHONE, Label.OPT_OUT, Label.WRONG_NUMBER})


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
                .where(
                    Recipient.id == recipient_id,
                    Recipient.exclusion.is_(None),
                    Recipient.contact_id.is_not(None),  # else the person was erased
                )
            ).first()
        )
        return (row[0], read_content(row[1])) if row else None

    @page.get(f"/<string(length={LENGTH}):token>")
    def show(token: str) -> ResponseReturnValue:
        with runtime.db.read() as session:
            found = find(session, token)
            if found is None:
                return show_page("no_such_link.html", 404)
            recipient, content = found
            is_left_alone = recipient.phone_id is not None and active(
                session, recipient.phone_id, SuppressionReason.OPT_OUT
            )
            given, has_clicked = recipient.answer, recipient.clicked_at is not None
        buttons = {label: content.wording(label).button for label in BUTTONS if content.wording(label).button}
        return show_page(
            "answer.html",
            content=content,
            given=given,
            said=(buttons.get(given) or SPOKEN.get(given, "")) if given else "",
            thanks=content.wording(given).thanks if given else "",
            buttons=buttons,
            offers_app=content.app is not None and given not in NOT_INSTALLING,
            has_clicked=has_clicked and given is None,
            is_left_alone=is_left_alone and given is not Label.OPT_OUT,
        )

    @page.post(f"/<string(length={LENGTH}):token>")
    def answer(token: str) -> ResponseReturnValue:
        word = request.form.get("answer", "")
        try:
            with runtime.db.write() as session:
                found = find(session, token)
                if found is None:
                    return show_page("no_such_link.html", 404)
                recipient, content = found
                take_page_answer(session, recipient.id, word, keys=keys, now=datetime.now(UTC))
        except BadInput as error:
            return show_page("bad_answer.html", 400, message=str(error), token=token)
        ring_send(runtime.doorbell)
        if word == "install" and content.app:
            target = content.app.address_for(request.headers.get("User-Agent", ""))
            return harden(redirect(target, code=303))
        return harden(redirect(f"/{token}", code=303))

    return page
