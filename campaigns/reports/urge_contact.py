"""Urgings: a message to the contact of a place or an agency that is behind, sent once, on record, answered by a link."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from campaigns.agencies.reports import find_agency
from campaigns.models.campaigns import Drive
from campaigns.models.reports import UrgeChannel, Urging
from campaigns.reports.issue_report import send_waiting
from campaigns.reports.run_schedule import find_addressees
from campaigns.reports.settings import may_urge
from campaigns.rules.reports.template import ADDRESS
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.urge_texts import LINK
from outreach.accounts import audit
from outreach.core.job_queue import once_every
from outreach.core.mail import send_mail
from outreach.core.settings import Settings
from outreach.core.signed_tokens import TokenPurpose, find_by_token, signed_link
from outreach.models.accounts import Area, Organisation, User
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState, or_raise
from outreach.rules.phone_numbers import NumberKind, read_digits
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_urge_contacts, use_case

ANSWERED_FOR = timedelta(days=14)
_CHECK_EVERY_S = 20
_MOST_SHOWN = 50
TRIED_FOR = timedelta(days=1)
_LONGEST_TEXT, _LONGEST_ANSWER = 2000, 2000


@use_case
def urge_contact(
    session: Session,
    drive: int,
    *,
    area: str | None,
    organisation: int | None,
    channel: str,
    contact: str,
    address: str,
    text: str,
    user: User,
    now: datetime,
) -> Urging:
    """Write a mail that urges others on, with {link}, and queue it. Raises BadInput, NotAllowed, WrongState."""
    if not may_urge(session, user):
        raise NotAllowed("not_permitted")
    way, contact = UrgeChannel(channel), " ".join(contact.split())[:200]
    address = _read_address(way, address.strip())
    text = text.strip()
    if not text or len(text) > _LONGEST_TEXT or LINK not in text:
        raise BadInput("urge_text_wrong", most=_LONGEST_TEXT, link=LINK)
    if area is not None and session.get(Area, area) is None:
        raise NotFound("area_unknown")
    if area is None and organisation is None:
        raise BadInput("area_missing")
    if organisation is not None:
        find_agency(session, organisation, user=user)
    day = now.astimezone(VIETNAM).date().isoformat()
    session.get_one(Drive, drive, with_for_update=True)  # two may urge at once
    if session.scalar(
        select(Urging.id).where(Urging.drive_id == drive, Urging.day == day, Urging.address == address)
    ):
        raise WrongState("urged_today")
    written = Urging(
        drive_id=drive,
        day=day,
        area_code=area,
        organisation_id=organisation,
        channel=way,
        contact=contact,
        address=address,
        text=text,
        written_by=user.id,
        written_at=now,
        next_at=now,
        sent_at=now if way is UrgeChannel.SMS else None,
    )
    session.add(written)
    audit.record(session, "urging.write", written, user, now, channel=way.value)
    if way is UrgeChannel.MAIL:
        enqueue_after_commit(session, enqueue_urge_contacts)
    return written


def _read_address(way: UrgeChannel, address: str) -> str:
    """Return a mail address in small letters, or a number. Raises BadInput."""
    if way is UrgeChannel.SMS:
        number = read_digits(re.sub(r"[\s.-]", "", address))
        if number.kind is not NumberKind.MOBILE:
            raise BadInput("urge_number_wrong")
        return number.e164
    if not ADDRESS.fullmatch(address) or len(address) > 254:
        raise BadInput("urge_address_wrong")
    return address.lower()


def send_urgings(runtime: Runtime, *, now: datetime) -> int:
    """Send the mails that wait; each is tried for a day. Returns how many were sent."""
    return send_waiting(runtime, Urging, _is_due(now), (Urging.id,), _send, now=now)


def _send(runtime: Runtime, mail: Urging) -> int:
    return send_mail(
        runtime.settings.smtp_url,
        to=[mail.address],
        subject="Đề nghị đẩy mạnh vận động, gửi số liệu",
        body=text_with_link(mail, runtime.settings),
        message_id=f"loa-urging-{mail.id}-{mail.day}",
    )


def enqueue_due_urgings(runtime: Runtime, *, now: datetime) -> bool:
    """Enqueue the job that sends mails, where one waits. Checks at most once in 20 seconds."""
    if not once_every(runtime.redis, "loa:urgings", every_s=_CHECK_EVERY_S):
        return False
    with runtime.db.read() as session:
        is_due = session.scalar(select(Urging.id).where(*_is_due(now)).limit(1)) is not None
    return is_due and enqueue_urge_contacts(runtime)


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Urging.sent_at.is_(None),
        Urging.channel == UrgeChannel.MAIL,
        Urging.next_at <= now,
        Urging.written_at > now - TRIED_FOR,
        Urging.error != "refused",
    )


def text_with_link(urging: Urging, settings: Settings) -> str:
    """Return the message as its contact reads it."""
    return urging.text.replace(LINK, signed_link(settings, "/urge/", TokenPurpose.URGING, urging.id))


def find_urging(session: Session, token: str, *, secret_key: str, now: datetime) -> Urging | None:
    """Return the urging behind a token while it may be answered. Returns None for any other token."""
    found = find_by_token(session, Urging, TokenPurpose.URGING, token, keys=secret_key)
    return found if found is not None and now < found.written_at + ANSWERED_FOR else None


def answer_urging(session: Session, token: str, *, answer: str, secret_key: str, now: datetime) -> Urging:
    """Record the contact's answer; a later one takes its place. Raises NotFound, BadInput."""
    found = or_raise(find_urging(session, token, secret_key=secret_key, now=now), NotFound("link_not_found"))
    answer = answer.strip()
    if not 0 < len(answer) <= _LONGEST_ANSWER:
        raise BadInput("urge_answer_wrong", most=_LONGEST_ANSWER)
    found.answer, found.answered_at = answer, now
    audit.record(session, "urging.answer", found, None, now)
    return found


def read_urgings(
    session: Session, drive: int, *, area: str | None, organisation: int | None
) -> Sequence[Urging]:
    """Return the newest urgings of a place or an agency, or of all where neither is given, newest first."""
    query = select(Urging).where(Urging.drive_id == drive).order_by(Urging.id.desc()).limit(_MOST_SHOWN)
    if area:
        query = query.where(Urging.area_code == area)
    elif organisation:
        query = query.where(Urging.organisation_id == organisation)
    return session.scalars(query).all()


def find_contacts(
    session: Session, drive: int, *, area: str | None, organisation: int | None, now: datetime
) -> list[tuple[str, str]]:
    """Return names and mail addresses of a place's or an agency's contacts: those urged before, officers, holders of links."""
    found = [
        (each.contact, each.address)
        for each in read_urgings(session, drive, area=area, organisation=organisation)
        if each.channel is UrgeChannel.MAIL
    ]
    if area:
        there = select(Organisation.id).where(Organisation.area_code == area)
        officers = session.scalars(
            select(User)
            .where(User.is_active, or_(User.area_code == area, User.organisation_id.in_(there)))
            .order_by(User.id)
        )
        found += [(each.name, each.email) for each in officers]
    elif organisation:
        found += [("", each.address) for each in find_addressees(session, drive, [organisation], now=now)]
    return list({address: (name, address) for name, address in reversed(found)}.values())[::-1]
