"""Replies and opt-outs that another system hands in: received by another channel, applied as a resident's reply is."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Recipient
from campaigns.models.replies import Reply, ReplyChannel
from campaigns.replies.receive_reply import ACKNOWLEDGE_WINDOW, receive_reply
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import Understanding
from outreach.accounts import audit
from outreach.accounts.api_tokens import Bearer
from outreach.accounts.permissions import visible_to
from outreach.contacts.references import find_person
from outreach.enqueue_jobs import enqueue_send
from outreach.models.contacts import ContactList
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.rules.gateway import InboundMessage
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
    a list in the token's scope, and the message that it answers went to one. Raises BadInput, NotFound, WrongState where it came
    before.
    """
    if at > now:
        raise BadInput("reply_in_future")
    sender = find_person(session, bearer, person=person, phone=phone, is_anybody=is_opt_out).number
    reply = receive_reply(
        session,
        InboundMessage(f"{id_prefix(bearer)}{reference}", sender, "", text or OPT_OUT_TEXT, is_opt_out=False),
        keys=keys,
        now=at,
        channel=ReplyChannel.API,
        acknowledge=now - at <= ACKNOWLEDGE_WINDOW,
        meant=Understanding.by_gateway(Label.OPT_OUT) if is_opt_out else None,
    )
    if reply is None:
        raise WrongState("reply_known")
    # Whose ever it is, an opt-out and a cry for help count.
    if not (reply.label is Label.OPT_OUT or reply.is_urgent or _is_in_scope(session, reply, bearer)):
        raise NotFound("phone_number_out_of_scope")
    enqueue_after_commit(session, enqueue_send)
    audit.record(session, "api.reply", reply, None, now, token=bearer.token_id)
    return reply


def _is_in_scope(session: Session, reply: Reply, bearer: Bearer) -> bool:
    """Return whether the message that a reply answers, if any, went to a person of a list in the token's scope."""
    sent_to = select(Recipient.id).join(ContactList, ContactList.id == Recipient.list_id)
    own = visible_to(session, bearer.as_user(), ContactList.organisation_id)
    return reply.recipient_id is None or bool(
        session.scalar(sent_to.where(Recipient.id == reply.recipient_id, own))
    )


def id_prefix(bearer: Bearer) -> str:
    """Return how the ids begin under which an organisation's replies are stored, before its reference of each."""
    return f"api.{bearer.organisation_id}."
