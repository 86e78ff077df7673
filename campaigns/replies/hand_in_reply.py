"""Replies and opt-outs that another system hands in: received by another channel, applied as a resident's reply is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.replies import Reply, ReplyChannel
from campaigns.replies.receive_reply import ACKNOWLEDGE_WINDOW, receive_reply
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import Understanding
from outreach.accounts import audit
from outreach.accounts.api_tokens import Bearer
from outreach.accounts.permissions import visible_to
from outreach.contacts.references import find_referenced
from outreach.enqueue_jobs import enqueue_send
from outreach.models.contacts import ContactList, ContactPhone, Membership, Phone
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.rules.gateway import InboundMessage
from outreach.rules.phone_cells import read_phone_cell
from outreach.use_cases import enqueue_after_commit

OPT_OUT_TEXT = "TC"  # as a resident writes it


def hand_in_reply(
    session: Session,
    *,
    reference: str,
    person: str,
    phone: str,
    text: str,
    is_opt_out: bool,
    at: datetime,
    bearer: Bearer,
    keys: AnswerContext,
    now: datetime,
) -> Reply:
    """Record a reply of a person, named by the system's own name or by a number, in the caller's transaction.

    `reference` is what the system calls the reply. A number may be anybody's for an opt-out, else it belongs to a person of
    a list in the token's scope. Raises BadInput, NotFound, WrongState where it came before.
    """
    if at > now:
        raise BadInput("reply_in_future")
    sender = find_number(session, bearer, person=person, phone=phone, is_anybody=is_opt_out)
    reply = receive_reply(
        session,
        InboundMessage(gateway_id(bearer, reference), sender, "", text or OPT_OUT_TEXT, is_opt_out=False),
        keys=keys,
        now=at,
        channel=ReplyChannel.API,
        acknowledge=now - at <= ACKNOWLEDGE_WINDOW,
        meant=Understanding.by_gateway(Label.OPT_OUT) if is_opt_out else None,
    )
    if reply is None:
        raise WrongState("reply_known")
    enqueue_after_commit(session, enqueue_send)
    audit.record(session, "api.reply", reply, None, now, token=bearer.token_id)
    return reply


def gateway_id(bearer: Bearer, reference: str) -> str:
    """Return the id under which a reply is stored; each reference of an organisation once."""
    return f"{id_prefix(bearer)}{reference}"


def id_prefix(bearer: Bearer) -> str:
    return f"api.{bearer.organisation_id}."


def find_number(session: Session, bearer: Bearer, *, person: str, phone: str, is_anybody: bool) -> str:
    """Return the number of a person whom the token's system names, or a number that it may tell something of."""
    visible = visible_to(session, bearer.as_user(), ContactList.organisation_id)
    known = (
        select(Phone.e164)
        .join(ContactPhone, ContactPhone.phone_id == Phone.id)
        .join(Membership, Membership.contact_id == ContactPhone.contact_id)
        .join(ContactList, ContactList.id == Membership.list_id)
        .where(visible)
        .order_by(ContactPhone.position)
        .limit(1)
    )
    if person:
        contact_id = find_referenced(session, bearer.organisation_id, person)
        number = session.scalar(known.where(ContactPhone.contact_id == contact_id)) if contact_id else None
        if number is None:
            raise NotFound("person_reference_unknown")
        return number
    numbers = read_phone_cell(phone).numbers
    if len(numbers) != 1:
        raise BadInput("phone_number_not_one")
    if not is_anybody and session.scalar(known.where(Phone.e164 == numbers[0])) is None:
        raise NotFound("phone_number_out_of_scope")
    return numbers[0]
