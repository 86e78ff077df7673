"""API routes of recipients: add one person to an approved campaign under way, and see what came of it."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.api.bodies import read_body
from admin.api.problems import Malformed, pointing
from admin.api.routing import Api, answer_with, bearer
from admin.api.schemas import BY_PERSON_OR_PHONE, ID, Schema, loose, maybe, strict, string
from campaigns.lifecycle import find_campaign
from campaigns.models.campaigns import CampaignList, Recipient, Step
from campaigns.models.messages import Message
from campaigns.rules.states import MessageState
from campaigns.second_wave import add_recipient
from outreach.accounts.api_requests import do_at_will
from outreach.accounts.permissions import visible_to
from outreach.contacts.references import REFERENCE, find_person
from outreach.models.accounts import Right
from outreach.models.contacts import ContactList
from outreach.rules.errors import NotFound, or_raise

_WAITS = (MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN)
_HAS_LEFT = (MessageState.ACCEPTED, MessageState.SENT, MessageState.DELIVERED, MessageState.NO_REPORT)
SCHEMAS: dict[str, Schema] = {
    "NewRecipient": {
        **loose(
            {"person": string(pattern=REFERENCE, says="what you call the person"), "phone": string(1, 40)},
            "One person of the campaign's lists, by exactly one of both",
        ),
        "oneOf": BY_PERSON_OR_PHONE,
        "examples": [{"person": "cd-7"}, {"phone": "0905000901"}],
    },
    "Recipient": strict(
        {
            "recipient": ID,
            "campaign": ID,
            "result": {"enum": ["queued", "sent", "refused"]},
            "reason": maybe(
                "string",
                "why it was refused: an exclusion (`opted_out`, `do_not_call`, `no_basis`), a skip reason, or the message's state",
            ),
            "address": string(says="Where to ask for this again"),
        }
    ),
}
_PARTS = {"person_": "/person", "phone_": "/phone"}


def add_recipient_routes(api: Api) -> None:
    settings = api.settings

    @api.route(
        "POST /campaigns/<int:campaign_id>/recipients",
        Right.MESSAGES_SEND,
        "Sent, queued, or refused",
        "Recipient",
        body="NewRecipient",
    )
    def create_recipient(campaign_id: int) -> Response:
        """Send an approved campaign's first message to one more person of its lists; once, however often it is asked."""
        now, body = datetime.now(UTC), read_body(SCHEMAS["NewRecipient"])
        if len(body) != 1:
            raise Malformed("reply_person_or_phone", pointer="/phone" if body else "/person")

        def make(session: Session) -> dict[str, Any]:
            with pointing(**_PARTS):
                named = find_person(
                    session,
                    bearer(),
                    person=body.get("person", ""),
                    phone=body.get("phone", ""),
                    rather_in=select(CampaignList.list_id).where(CampaignList.campaign_id == campaign_id),
                )
                row = add_recipient(
                    session,
                    campaign_id,
                    named.contact_id or 0,
                    settings=settings,
                    user=bearer().as_author(),
                    now=now,
                )
            return _describe(session, row)

        return answer_with(do_at_will(api.runtime, make))

    @api.route(
        "GET /campaigns/<int:campaign_id>/recipients/<int:recipient_id>",
        Right.MESSAGES_SEND,
        "As it stands",
        "Recipient",
    )
    def show_recipient(campaign_id: int, recipient_id: int) -> Response:
        """What came of the first message to one person."""
        with api.runtime.db.read() as session:
            user = bearer().as_user()
            find_campaign(session, campaign_id, user=user)
            # A campaign may write to lists of organisations that the token is not for.
            seen = visible_to(session, user, ContactList.organisation_id)
            row = session.scalar(
                select(Recipient)
                .outerjoin(ContactList, ContactList.id == Recipient.list_id)
                .where(Recipient.id == recipient_id, Recipient.campaign_id == campaign_id, seen)
            )
            return jsonify(_describe(session, or_raise(row, NotFound("api_not_found"))))


def _describe(session: Session, row: Recipient) -> dict[str, Any]:
    message = session.scalar(
        select(Message)
        .join(Step, Step.id == Message.step_id)
        .where(Message.recipient_id == row.id, Step.number == 1)
    )
    result, reason = "queued", None
    if row.exclusion:
        result, reason = "refused", row.exclusion.value
    elif message and message.state in _HAS_LEFT:
        result = "sent"
    elif message and message.state not in _WAITS:
        result, reason = "refused", (message.skip_reason or message.state).value
    return {
        "recipient": row.id,
        "campaign": row.campaign_id,
        "result": result,
        "reason": reason,
        "address": url_for("api.show_recipient", campaign_id=row.campaign_id, recipient_id=row.id),
    }
