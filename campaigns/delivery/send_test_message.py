"""Messages to the office's own phones through the real channel and gateway, without any list: tests above all."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import queue_message
from campaigns.models.messages import Message
from campaigns.planning.preview import EXAMPLE_NAME, EXAMPLE_TOKEN, measure_for
from campaigns.rules.list_fields import parse_text
from campaigns.rules.sending_hours import closes_at, common_hours
from campaigns.rules.states import MessageKind
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.suppressions import hashes_of
from outreach.contacts.wishes import standing
from outreach.core.settings import Settings
from outreach.models.accounts import Role, User
from outreach.models.contacts import Phone, Suppression, Wish, WishNumber
from outreach.rules.errors import BadInput
from outreach.rules.keys import Purpose
from outreach.rules.phone_numbers import read_phone_cell
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
    """Return whether a number gets no messages: its owner asked for none, or it is suppressed."""
    hashes = hashes_of(e164, secret_key=settings.keys_of(Purpose.SUPPRESSIONS))
    suppression = select(Suppression.id).where(
        Suppression.number_hash.in_(hashes), Suppression.lifted_at.is_(None)
    )
    said = select(WishNumber.wish_id).where(WishNumber.number_hash.in_(hashes))
    wish = select(Wish.id).where(Wish.id.in_(said), Wish.scope == EVERYTHING, standing())
    return any(session.execute(query.limit(1)).first() for query in (suppression, wish))


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
    keys = settings.keys_of(Purpose.SUPPRESSIONS)
    phone_id = find_or_create_phones(session, [e164], secret_key=keys, now=now)[e164]
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
