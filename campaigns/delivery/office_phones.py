"""Messages to the office's own phones through the real channel and gateway, without any list.

Tests by one press, and control phones, which get a copy of each step's texts and say by one touch how it came.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import cancel_waiting, queue_message
from campaigns.delivery.streams import campaign_window
from campaigns.models.campaigns import Campaign, Step
from campaigns.models.checks import ControlCopy, ControlPhone
from campaigns.models.messages import Message
from campaigns.planning.preview import EXAMPLE_NAME, EXAMPLE_TOKEN, measure_for
from campaigns.rules.control_phones import ControlLook, read_came_at
from campaigns.rules.links import FIRST_CONTROL_COPY, LinkCipher
from campaigns.rules.list_fields import parse_text
from campaigns.rules.sending_hours import closes_at, common_hours, opens_at
from campaigns.rules.states import MessageKind, MessageState
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.suppressions import hashes_of
from outreach.contacts.wishes import people_left_alone, standing
from outreach.core.db import is_set
from outreach.core.settings import Settings
from outreach.models.accounts import Role, User
from outreach.models.contacts import ContactPhone, Phone, Suppression, Wish, WishNumber
from outreach.rules.errors import BadInput, NotFound
from outreach.rules.keys import Purpose
from outreach.rules.phone_numbers import Operator, operator_of, read_phone_cell
from outreach.rules.wishes import EVERYTHING
from outreach.use_cases import enqueue_after_commit, enqueue_send, use_case

# Enough to get a text right, too few to write to people past the lists and the approval.
MAX_PER_HOUR = 10
_ACTION = "message.test"


@use_case
def send_test_message(
    session: Session,
    *,
    text: str,
    unaccented: bool,
    number: str,
    user: User,
    settings: Settings,
    now: datetime,
    campaign_id: int | None = None,
    account_id: int | None = None,
    fields: Mapping[str, str] | None = None,
) -> Message:
    """Queue one message, rendered with the officer's own name (or an example) and these values of the lists' fields.

    Its link opens nothing. With `account_id` it goes by this gateway account and no other. Raises BadInput for a number that is no mobile number or is suppressed, at night with a live
    gateway, and beyond MAX_PER_HOUR; BadTemplate for a text that cannot be read.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    cell = read_phone_cell(number)
    if len(cell.numbers) != 1:
        raise BadInput("test_number_wrong")
    if closes_at(now, common_hours(None, is_live=settings.is_live)) is None:
        raise BadInput("test_hours")
    # The user's own row is locked, so that two presses at once count as two.
    session.execute(select(User.id).where(User.id == user.id).with_for_update())
    if audit.count_lately(session, _ACTION, user, now=now) >= MAX_PER_HOUR:
        raise BadInput("test_limit", most=MAX_PER_HOUR)
    e164 = cell.numbers[0]
    if has_opted_out(session, e164, settings=settings):
        raise BadInput("test_number_opted_out")
    rendered = measure_for(
        parse_text(text, fields or {}),
        user.name or EXAMPLE_NAME,
        link=f"{settings.link_base}/{EXAMPLE_TOKEN}",
        unaccented=unaccented,
        values=fields,
    )
    message = queue_to_own_phone(
        session,
        e164,
        text=rendered.text,
        settings=settings,
        now=now,
        campaign_id=campaign_id,
        account_id=account_id,
    )
    audit.record(session, _ACTION, message, user, now)
    return message


def has_opted_out(session: Session, e164: str, *, settings: Settings) -> bool:
    """Return whether a number gets no messages: all who have it, or who wrote from it, asked for none, or it is suppressed."""
    hashes = hashes_of(session, e164)
    suppression = select(Suppression.id).where(
        Suppression.number_hash.in_(hashes), Suppression.lifted_at.is_(None)
    )
    said = select(WishNumber.wish_id).where(WishNumber.number_hash.in_(hashes))
    wish = select(Wish.id).where(Wish.id.in_(said), Wish.scope == EVERYTHING, standing())
    if any(session.execute(query.limit(1)).first() for query in (suppression, wish)):
        return True
    have_it = select(ContactPhone.contact_id).join(Phone, Phone.id == ContactPhone.phone_id)
    holders = session.scalars(have_it.where(Phone.e164 == e164, ~is_set(ContactPhone.is_named))).all()
    return bool(holders) and people_left_alone(session, holders) == {*holders}


def queue_to_own_phone(
    session: Session,
    e164: str,
    *,
    text: str,
    settings: Settings,
    now: datetime,
    campaign_id: int | None = None,
    account_id: int | None = None,
    not_before: datetime | None = None,
) -> Message:
    """Queue a text to a phone of the office, ahead of all campaigns: by a campaign's sender, or one gateway account.

    It goes at once or, with `not_before`, then: nothing else keeps it from going at night.
    """
    phone_id = find_or_create_phones(session, [e164], now=now)[e164]
    # Locked until the message exists: so an import that is undone at this moment keeps the phone.
    session.execute(
        select(Phone.id).where(Phone.id == phone_id).with_for_update(read=True, key_share=True)
    ).one()
    enqueue_after_commit(session, enqueue_send)
    return queue_message(
        session,
        kind=MessageKind.TEST,
        campaign_id=campaign_id,
        phone_id=phone_id,
        text=text,
        account_id=account_id,
        not_before=not_before or now,
    )


SERIES_ENDS = 5  # of +84 and the two digits that tell the operator
MOST_PHONES = 20  # each costs a message a text; the country has seven operators


class CopyLine(NamedTuple):
    """One copy as the reach page shows it; `state` is what the gateway says of its message."""

    step: int
    variant: str
    holder: str
    state: MessageState
    came_at: datetime | None
    look: ControlLook | None
    operator: Operator


def read_control_phones(session: Session) -> list[tuple[ControlPhone, Operator]]:
    """Return the phones in use with the operators that their series are of."""
    phones = session.scalars(
        select(ControlPhone).where(ControlPhone.removed_at.is_(None)).order_by(ControlPhone.id)
    )
    return [(phone, operator_of(phone.e164)) for phone in phones]


@use_case
def add_control_phone(
    session: Session, *, number: str, holder: str, settings: Settings, user: User, now: datetime
) -> ControlPhone:
    """Have a phone get a copy of each text from now on. Raises BadInput, NotAllowed."""
    require_role(user)
    numbers, holder = read_phone_cell(number).numbers, " ".join(holder.split())
    if len(numbers) != 1:
        raise BadInput("test_number_wrong")
    if not holder:
        raise BadInput("control_holder_missing")
    phones = read_control_phones(session)
    if any(phone.e164 == numbers[0] for phone, _operator in phones):
        raise BadInput("control_phone_twice")
    if len(phones) >= MOST_PHONES:
        raise BadInput("control_phones_many", most=MOST_PHONES)
    if has_opted_out(session, numbers[0], settings=settings):
        raise BadInput("test_number_opted_out")
    phone = ControlPhone(e164=numbers[0], holder=holder[:120], added_at=now)
    session.add(phone)
    session.flush()
    audit.record(session, "control_phone.add", phone, user, now)
    return phone


@use_case
def remove_control_phone(session: Session, phone_id: int, *, user: User, now: datetime) -> None:
    """Send no more copies to a phone, also none that waits, and forget its number; what it said of earlier ones stays.

    Raises NotFound, NotAllowed.
    """
    require_role(user)
    phone = session.get(ControlPhone, phone_id, with_for_update=True)
    if phone is None or phone.removed_at is not None:
        raise NotFound("control_phone_unknown")
    phone.removed_at, phone.e164 = now, phone.e164[:SERIES_ENDS]
    for message_id in session.scalars(
        select(ControlCopy.message_id).where(ControlCopy.control_phone_id == phone_id)
    ).all():
        cancel_waiting(session, message_id)
    audit.record(session, "control_phone.remove", phone, user, now)


def queue_control_copies(
    session: Session, step: Step, campaign: Campaign, *, settings: Settings, now: datetime
) -> None:
    """Queue a copy of a step's text, and of its second one, to each control phone; called once, when the step opens.

    They go by the campaign's sender, ahead of it and in its hours, and are neither counted as reach nor held to its pace. A
    phone that has opted out meanwhile gets none.
    """
    phones = [phone for phone, _operator in read_control_phones(session)]
    if not phones:
        return
    not_before = opens_at(now, *campaign_window(campaign, settings))
    cipher = LinkCipher(settings.keys_of(Purpose.LINKS))
    for phone in phones:
        if has_opted_out(session, phone.e164, settings=settings):
            continue
        for variant, text in (("A", step.text), ("B", step.text_b)):
            if not text:
                continue
            message = queue_to_own_phone(
                session,
                phone.e164,
                text="",
                settings=settings,
                now=now,
                campaign_id=campaign.id,
                not_before=not_before,
            )
            copy = ControlCopy(
                campaign_id=campaign.id,
                step=step.number,
                variant=variant,
                control_phone_id=phone.id,
                message_id=message.id,
                queued_at=now,
            )
            session.add(copy)
            session.flush()
            message.text = measure_for(
                parse_text(text, campaign.fields),
                phone.holder,
                link=f"{settings.link_base}/{cipher.token(FIRST_CONTROL_COPY + copy.id)}",
                unaccented=campaign.unaccented,
                values=campaign.fields,  # no resident's
            ).text


def find_control_copy(session: Session, token_id: int) -> tuple[ControlCopy, str] | None:
    """Return the copy that a link's id is of, with the text that was sent; None where there is none."""
    found = session.execute(
        select(ControlCopy, Message.text)
        .join(Message, Message.id == ControlCopy.message_id)
        .where(ControlCopy.id == token_id - FIRST_CONTROL_COPY)
    ).first()
    return (found[0], found[1] or "") if found else None


def answer_control_copy(session: Session, token_id: int, *, look: str, clock: str, now: datetime) -> None:
    """Record how a copy looked and when it came; again, to correct it. Raises NotFound, BadInput."""
    copy = session.get(ControlCopy, token_id - FIRST_CONTROL_COPY, with_for_update=True)
    if copy is None:
        raise NotFound("control_phone_unknown")
    if look not in [each.value for each in ControlLook]:
        raise BadInput("control_look_missing")
    came_at = read_came_at(clock, queued_at=copy.queued_at, now=now)
    # Touched a second time without a time: what was said first of the time stays.
    copy.came_at = came_at if clock.strip() or copy.came_at is None else copy.came_at
    copy.look, copy.answered_at = ControlLook(look), now


def read_control_copies(session: Session, campaign_id: int) -> list[CopyLine]:
    """Return the copies of a campaign by step, text and phone."""
    copy = (ControlCopy.step, ControlCopy.variant, ControlPhone.holder, Message.state)
    rows = session.execute(
        select(*copy, ControlCopy.came_at, ControlCopy.look, ControlPhone.e164)
        .join(ControlPhone, ControlPhone.id == ControlCopy.control_phone_id)
        .join(Message, Message.id == ControlCopy.message_id)
        .where(ControlCopy.campaign_id == campaign_id)
        .order_by(ControlCopy.step, ControlCopy.variant, ControlPhone.id)
    )
    return [CopyLine._make((*said, operator_of(e164))) for *said, e164 in rows]
