"""Cries for help: told to the officers on duty; those of an event in order of danger and age, handed to a team, noted, settled, joined and parted.

Taking a case, calling its number and closing it are those of every case (`campaigns/cases/handle_case.py`).

The settings name the officer on duty and those who stand in while nobody has taken the case. An alert names the case and where to look,
never a number, a name or what was written. Where nothing could be told, the next sweep tries again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import partial
from smtplib import SMTPException
from typing import Any, NamedTuple, Self

from sqlalchemy import ColumnElement, String, and_, cast, exists, false, func, literal, or_, select, true
from sqlalchemy.orm import Session

from campaigns.cases.handle_case import cases_visible_to, close_case, last_cry_of, lock_open_case, may_call
from campaigns.delivery.outbox import queue_message
from campaigns.lifecycle import is_stopped
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import BY_ANYBODY, Case, Reply, SafetyReport, said_by_number
from campaigns.replies.receive_reply import REPLY_WINDOW
from campaigns.replies.record_answer import LONGEST_NOTE
from campaigns.replies.safety import is_cry_of, record_safety
from campaigns.rules.cases import URGENT_WAITS, CaseKind, CaseOutcome
from campaigns.rules.content import PAGE_WORDS
from campaigns.rules.safety import (
    CryPlace,
    CryState,
    Need,
    Position,
    SafetyStatus,
    danger_of,
    lead_of,
    position_of,
    same_places,
    state_of,
)
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import NOT_ARRIVED, MessageKind
from campaigns.webhooks.deliver_events import post_event
from outreach.accounts import audit
from outreach.accounts.village_officers import find_officer
from outreach.contacts.directory import read_stated, visible_lists
from outreach.contacts.phones import find_or_create_phones
from outreach.core.db import count_rows, find_row
from outreach.core.job_queue import once_every
from outreach.core.mail import send_mail
from outreach.core.settings import Settings
from outreach.core.signed_tokens import TokenPurpose, read_token, signed_link
from outreach.models.accounts import Area, AuditEvent, User
from outreach.models.contacts import Contact, Phone
from outreach.rules.errors import BadInput, WrongState
from outreach.rules.formats import way_to
from outreach.rules.phone_numbers import read_phone_cell
from outreach.rules.segments import measure
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_alert, enqueue_send, transaction, use_case

_SMS = "{drill}Loa: can cuu o {place}{people}{needs}. Goi {number}. Ban do, cap nhat: {link}"
MANY_UNVERIFIED = 20  # a page shows twice as many
LONGEST_TEAM = 80


class Cry(NamedTuple):
    """An open case of somebody in need, with what its number said; its fields are those of `_COLUMNS`.

    `was_told`: the message to the team may have arrived. `near` is an earlier case that is likely at the same place, `joined` are those that belong to it.
    """

    id: int
    phone_id: int | None
    recipient_id: int | None
    area_code: str | None
    since: datetime
    is_urgent: bool
    is_taken: bool
    taken_by: str
    note: str
    number: str
    person: str
    village: str
    commune: str
    text: str
    status: SafetyStatus | None
    said_at: datetime | None
    is_verified: bool
    people: int | None
    needs: list[Need] | None
    place: str
    latitude: float | None
    longitude: float | None
    handed_to: str
    handed_at: datetime | None
    was_told: bool
    joined_to: int | None
    near: int | None = None
    joined: tuple[Cry, ...] = ()

    @property
    def where(self) -> str:
        """Where they are in words: as they wrote it, the village of the list, the commune."""
        return ", ".join(filter(None, (self.place, self.village, self.commune)))

    @property
    def position(self) -> Position | None:
        return position_of(self.latitude, self.longitude)

    @property
    def state(self) -> CryState:
        return state_of(taken=self.is_taken, handed_at=self.handed_at if self.was_told else None)

    @property
    def danger(self) -> int:
        return danger_of(self.needs or (), self.people, is_cry=self.is_urgent)

    @property
    def safe_at(self) -> datetime | None:
        """When they said to be safe since; an officer settles the case all the same."""
        return self.said_at if self.status is SafetyStatus.SAFE else None


_COLUMNS: tuple[Any, ...] = (
    Case.id,
    Case.phone_id,
    Case.recipient_id,
    Case.area_code,
    func.coalesce(Case.urgent_at, Case.opened_at, type_=Case.opened_at.type),
    Case.urgent_at.is_not(None),
    Case.taken_by.is_not(None),
    User.shown_name,
    Case.note,
    func.coalesce(Phone.e164, ""),
    func.coalesce(Contact.name, ""),
    func.coalesce(Contact.village, ""),
    func.coalesce(Area.kind + " " + Area.name, ""),
    func.coalesce(Reply.body, ""),
    SafetyReport.status,
    SafetyReport.said_at,
    func.coalesce(SafetyReport.is_verified, ~Reply.gateway_id.startswith(BY_ANYBODY), true()),
    SafetyReport.people,
    SafetyReport.needs,
    func.coalesce(SafetyReport.place, ""),
    SafetyReport.latitude,
    SafetyReport.longitude,
    func.coalesce(SafetyReport.handed_to, ""),
    SafetyReport.handed_at,
    func.coalesce(Message.state.not_in(NOT_ARRIVED), true()),
    SafetyReport.joined_to,
)


def read_cries(
    session: Session, event_id: int, *scope: ColumnElement[bool], user: User | None = None
) -> list[Cry]:
    """Return the open cases of an event in order of danger and age, those without anybody on the way first.

    Cases of one number, and those that officers have joined, are one. Of many that anybody may have typed those come first that the
    numbers themselves have sent. For a user they have the numbers that they may call, and of people whom their lists only name
    the village that these say.
    """
    rows = session.execute(
        select(*_COLUMNS)
        .select_from(Case)
        .outerjoin(SafetyReport, said_by_number())
        .outerjoin(Message, Message.id == SafetyReport.handed_message_id)
        .outerjoin(Phone, Phone.id == Case.phone_id)
        .outerjoin(Recipient, Recipient.id == Case.recipient_id)
        .outerjoin(Contact, Contact.id == Recipient.contact_id)
        .outerjoin(Area, Area.code == Case.area_code)
        .outerjoin(Reply, Reply.id == Case.reply_id)
        .outerjoin(User, User.id == Case.taken_by)
        .where(is_cry_of(event_id), Case.done_at.is_(None), *scope)
        .order_by(Case.id)
    )
    cries = {row[0]: Cry(*row) for row in rows}
    if user:
        cries |= _hide(session, [*cries.values()], user)
    first_of: dict[int, int] = {}  # case by phone
    joined_to: dict[int, int] = {}
    for cry in cries.values():
        first = first_of.setdefault(cry.phone_id, cry.id) if cry.phone_id else cry.id
        joined_to[cry.id] = cry.joined_to if cry.joined_to and cry.joined_to in cries else first
    joined: dict[int, list[Cry]] = {}
    for cry in cries.values():
        joined.setdefault(lead_of(cry.id, joined_to), []).append(cry)
    leads = [cries[lead] for lead in joined]
    is_flood = sum(not cry.is_verified for cry in leads) > MANY_UNVERIFIED
    near = same_places([CryPlace(cry.id, cry.position, cry.area_code, cry.place) for cry in leads])
    return sorted(
        (
            cry._replace(
                near=near.get(cry.id), joined=tuple(each for each in joined[cry.id] if each is not cry)
            )
            for cry in leads
        ),
        key=lambda cry: (
            cry.state is CryState.ON_THE_WAY,
            cry.safe_at is not None,
            is_flood and not cry.is_verified,
            -cry.danger,
            cry.since,
            cry.id,
        ),
    )


def _hide(session: Session, cries: Sequence[Cry], user: User) -> dict[int, Cry]:
    """Return by case those of which a user may not see all, without that: what an officer recorded of people of other organisations."""
    if visible_lists(session, user) is None:
        return {}
    of_recipients = select(Recipient.id, Recipient.contact_id)
    of_recipients = of_recipients.where(Recipient.id.in_([cry.recipient_id for cry in cries]))
    people = {recipient: person or 0 for recipient, person in session.execute(of_recipients)}
    stated = read_stated(session, [*people.values()], user=user)
    hidden = {}
    for cry in cries:
        if known := stated.get(people.get(cry.recipient_id or 0, 0)):
            hidden[cry.id] = cry = cry._replace(village=known.facts.get("village", ""))
        if not cry.text and not may_call(session, session.get_one(Case, cry.id), user):
            hidden[cry.id] = cry._replace(number="")
    return hidden


def _belongs_to(case: Case) -> ColumnElement[bool]:
    """Return the condition for a case, those of its number, and those that were joined to it."""
    return or_(Case.id == case.id, SafetyReport.joined_to == case.id, Case.phone_id == case.phone_id)


def shown_cry(session: Session, cry: Cry) -> int:
    """Return which cry a page shows last of a case and those joined to it, for `note_case`."""
    return last_cry_of(session, *(each.id for each in flat([cry])))


def flat(cries: Iterable[Cry]) -> list[Cry]:
    """Return the cries with those that are joined to them, each once."""
    return [each for cry in cries for each in (cry, *cry.joined)]


def _lock(
    session: Session, case_id: int, *, user: User, now: datetime, joined: Collection[int] = ()
) -> tuple[Case, Campaign, SafetyReport]:
    """Return an open case of an event that the user may handle, locked, with what its number said. Raises as `lock_open_case`, WrongState."""
    case = lock_open_case(session, case_id, user=user, now=now, joined=joined)
    event = find_row(session, Campaign, case.campaign_id)
    is_cry = case.kind is CaseKind.HELP or case.urgent_at is not None
    if event is None or not event.urgent_reason or not is_cry:
        raise WrongState("case_not_of_event")
    if case.phone_id is None:
        raise WrongState("case_without_number")
    report = session.get(SafetyReport, (event.id, case.phone_id))
    if report is None or report.said_at < case.opened_at:  # an officer found out that help is needed
        at = case.opened_at
        report = record_safety(session, event, case.phone_id, SafetyStatus.HELP, case=case, now=at)
    return case, event, report


@use_case
def hand_over_case(
    session: Session,
    case_id: int,
    *,
    officer_id: int | None,
    team: str,
    number: str,
    settings: Settings,
    user: User,
    now: datetime,
) -> str:
    """Send a case to a village officer, or to a team by its number, by SMS with the place, the number to call and a link. Returns to whom.

    It takes the case, and can be done again: the link of before then opens nothing. Raises BadInput, NotFound, NotAllowed, WrongState, also
    while all sending is stopped: nobody would be told.
    """
    if is_stopped(session):
        raise WrongState("team_sending_stopped")
    case, event, report = _lock(session, case_id, user=user, now=now)
    name, to = " ".join(team.split())[:LONGEST_TEAM], ""
    if officer_id:
        officer = find_officer(session, officer_id, user=user)
        name, to = officer.shown_name, officer.phone or ""
    elif number.strip():
        numbers = read_phone_cell(number).numbers
        if len(numbers) != 1:
            raise BadInput("team_number_wrong")
        to = numbers[0]
    if not to:
        raise BadInput("team_missing")
    case.taken_by, case.taken_at = user.id, now
    report.handed_to, report.handed_at = name or to.replace("+84", "0", 1), now
    session.flush()
    (cry,) = read_cries(session, event.id, Case.id == case.id, user=user)
    text = _SMS.format(
        drill="DIEN TAP. " if event.is_drill else "",
        place=cry.where or "chua ro dia diem",
        people=f", {cry.people} nguoi" if cry.people else "",
        needs="".join(f", {PAGE_WORDS[f'safety_{need}'].lower()}" for need in cry.needs or ()),
        number=cry.number or "nguoi giao viec",
        link=team_link(cry, settings, by=user.id),
    )
    (report.handed_message_id,) = queue_sms(session, [to], text, settings, campaign_id=event.id, now=now)
    officer_given = {"officer": officer_id} if officer_id else {}  # a team outside has no account
    audit.record(session, "case.hand_over", case, user, now, **officer_given)
    return report.handed_to


def team_link(cry: Cry, settings: Settings, *, by: int) -> str:
    """Return the address of a case's page for who is on the way, with what the user who handed it over may see; one that is handed over again has another."""
    return signed_link(settings, "/team/", TokenPurpose.TEAM, [*_handed(cry), by])


def _handed(cry: Cry) -> list[int]:
    return [cry.id, int(cry.handed_at.timestamp()) if cry.handed_at else 0]


@use_case
def open_team_case(
    session: Session, token: str, *, secret_key: str, now: datetime
) -> tuple[Cry, Campaign] | None:
    """Return the case of a team's link with its event, and record that it was seen; None once it is settled or handed to others."""
    value = read_token(TokenPurpose.TEAM, token, secret_key)
    case = session.get(Case, value[0]) if isinstance(value, list) and value else None
    event = session.get(Campaign, case.campaign_id) if case and case.campaign_id else None
    if case is None or event is None:
        return None
    by = find_row(session, User, value[2]) if len(value) > 2 else None  # not in a link of an earlier version
    cries = read_cries(session, event.id, _belongs_to(case), user=by)
    # An earlier case of the number that was opened again leads now.
    cry = next((lead for lead in cries if any(_handed(each) == value[:2] for each in flat([lead]))), None)
    if cry:
        audit.record(session, "case.team_look", case, None, now)
    return (cry, event) if cry else None


@use_case
def note_case(
    session: Session,
    case_id: int,
    *,
    note: str,
    outcome: CaseOutcome | None,
    seen: int | None = None,
    user: User,
    now: datetime,
) -> None:
    """Set the note of an open case; with an outcome, close it with those that are joined to it. Raises BadInput, NotFound, NotAllowed, WrongState."""
    before = find_row(session, Case, case_id) if outcome else None
    cries = (
        read_cries(session, before.campaign_id, _belongs_to(before)) if before and before.campaign_id else ()
    )
    joined = [each.id for each in flat(cries)]
    case, event, _report = _lock(session, case_id, user=user, now=now, joined=joined)
    if outcome is None:
        case.note = " ".join(note.split())[:LONGEST_NOTE]
        audit.record(session, "case.note", case, user, now)
        return
    own = read_cries(session, event.id, _belongs_to(case), cases_visible_to(session, user))
    for each in sorted(flat(own), key=lambda cry: cry.id):
        said = note.strip() or each.note
        about: dict[str, Any] = {"note": said, "result": None, "seen": seen}
        close_case(session, each.id, outcome, **about, user=user, now=now)


@use_case
def join_case(session: Session, case_id: int, to_id: int, *, user: User, now: datetime) -> None:
    """Join a case to another that tells of the same people: both are handled as one; to none (0) parts it again.

    Raises BadInput, NotFound, NotAllowed, WrongState.
    """
    case, event, report = _lock(session, case_id, user=user, now=now)
    if not to_id:
        report.joined_to = None
        audit.record(session, "case.part", case, user, now)
        return
    leads = read_cries(session, event.id, cases_visible_to(session, user))
    lead = next((cry for cry in leads if any(to_id == each.id for each in flat([cry]))), None)
    if lead is None or lead.id == case.id or lead.phone_id == case.phone_id:
        raise BadInput("join_itself")
    for each in session.scalars(select(SafetyReport).where(SafetyReport.joined_to == case.id)):
        each.joined_to = lead.id
    report.joined_to = lead.id
    audit.record(session, "case.join", case, user, now, to=lead.id)


@use_case
def look_at_event(session: Session, event_id: int, *, user: User, now: datetime) -> None:
    """Record that a user has opened an event's page, with what people need and where they are."""
    audit.record(session, "event.look", f"campaigns:{event_id}", user, now)


log = logging.getLogger(__name__)
_ALERT_SMS = "{drill}Loa: co nguoi keu cuu luc {at}, {place}. {ask}: {link}"
_MAIL = """Kính gửi đồng chí,

Lúc {at} có tin trả lời được hiểu là kêu cứu ({place}; chiến dịch: {campaign}).
{waiting}
Đề nghị đồng chí mở việc này, bấm “Nhận việc” và gọi ngay cho người gửi:
{link}

Người gửi đã được nhắn các số 112, 113, 114, 115.
"""
_FAILURES = (OSError, SMTPException, BadInput)
_WAITING = "Đã {minutes} phút mà chưa có cán bộ nào nhận việc.\n"
_UNTOLD = "Tin nhắn giao việc này cho đội không tới: xin gọi cho đội hoặc giao lại.\n"


def enqueue_due_alerts(runtime: Runtime, *, now: datetime) -> int:
    """Enqueue an alert for each urgent case that needs one. Returns how many."""
    settings = runtime.settings
    if not (settings.duty_contacts or settings.stand_in_contacts):
        return 0
    with runtime.db.read() as session:
        is_due = DutyContacts.of(session, settings).is_due(now)
        query = select(Case.id, Case.urgent_at, Case.alerted_at).where(is_due)
        # First those of which nobody was told: others may wait for a mailbox that is gone as long as they are open.
        due = session.execute(query.order_by(Case.alerted_at.is_not(None), Case.urgent_at).limit(200)).all()
    enqueued = 0
    for case_id, urgent_at, alerted_at in due:
        # Where nobody could be told it is tried again, ever less often, at last every five minutes.
        waited = now - (urgent_at or now)
        key = f"loa:alert:{case_id}:{urgent_at}:{alerted_at}:{waited >= URGENT_WAITS}"
        if once_every(runtime.redis, key, every_s=min(max(1, int(waited.total_seconds()) // 10), 300)):
            enqueue_alert(runtime, case_id)
            enqueued += 1
    return enqueued


_ended = select(func.max(Attempt.settled_at)).where(Attempt.message_id == SafetyReport.handed_message_id)
# The message to the team that a case was handed to has not arrived, which nobody knew when officers were told last.
_TEAM_UNTOLD = exists().where(
    SafetyReport.campaign_id == Case.campaign_id,
    SafetyReport.phone_id == Case.phone_id,
    *(
        func.coalesce(_ended.scalar_subquery(), SafetyReport.handed_at)
        > func.coalesce(told, other, Case.urgent_at)
        for told, other in ((Case.alerted_at, Case.escalated_at), (Case.escalated_at, Case.alerted_at))
    ),
    Message.id == SafetyReport.handed_message_id,
    Message.state.in_(NOT_ARRIVED),
)


def has_lost_alert() -> ColumnElement[bool]:
    """Return whether an SMS about a case, to one of those who are told of it, has certainly not arrived."""
    ends = (literal(start).concat(cast(Case.id, String)) for start in ("%&case=", "%/admin/inbox/"))
    return exists().where(
        Message.campaign_id.is_(None),
        Message.step_id.is_(None),
        Message.state.in_(NOT_ARRIVED),
        or_(*(func.rtrim(Message.text, "/").like(end) for end in ends)),
    )


class DutyContacts(NamedTuple):
    """Who can be told: without a mail server nobody by mail, while all sending is stopped nobody by SMS."""

    duty: tuple[str, ...]
    stand_in: tuple[str, ...]

    @classmethod
    def of(cls, session: Session, settings: Settings) -> Self:
        works = {"webhook": True, "mail": bool(settings.smtp_url), "sms": not is_stopped(session)}

        def reached(contacts: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(each for each in contacts if works[way_to(each)])

        return cls(reached(settings.duty_contacts), reached(settings.stand_in_contacts))

    def is_due(self, now: datetime) -> ColumnElement[bool]:
        """Return whether somebody is to be told of a case, and is there: else no page may say that they were."""
        return or_(*(self.are_due(now, is_first=is_first) for is_first in (True, False)))

    def are_due(self, now: datetime, *, is_first: bool) -> ColumnElement[bool]:
        """Return whether those on duty (`is_first`), or those who stand in, are to be told."""
        # Who took the case before this cry may have left since.
        is_taken = Case.taken_at >= Case.urgent_at
        is_late = and_(
            or_(Case.taken_at.is_(None), ~is_taken),
            Case.escalated_at.is_(None),
            Case.urgent_at <= now - URGENT_WAITS,
        )
        # A mailbox that is gone is tried until those who stand in know.
        is_untold = and_(Case.alerted_at.is_(None), Case.escalated_at.is_(None))
        way = or_(is_untold if is_first else is_late, _TEAM_UNTOLD)
        is_there = way if (self.duty if is_first else self.stand_in) else false()
        # A phone that was cut off in a storm delivers after days.
        return and_(Case.urgent_at > now - REPLY_WINDOW, Case.done_at.is_(None), is_there)


def alert_officers(runtime: Runtime, case_id: int, *, now: datetime) -> int:
    """Tell the officer on duty of an urgent case; those who stand in if nobody has taken it in time. Returns how many were told.

    A way that fails costs itself alone where another one told somebody; else its error is raised, and the next sweep tries again.
    """
    failed: list[Exception] = []
    for is_first in (True, False):
        try:
            if told := _alert(runtime, case_id, is_first=is_first, now=now):
                return told
        except _FAILURES as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return 0


def _name_event(case: Case, urgent_at: datetime, is_first: bool, released: int) -> tuple[str, str]:
    """Return the kind of an alert, and what tells it from the others, also from those of before the case was `released`."""
    told_at = case.alerted_at or case.escalated_at
    identity = f"loa-urgent-{case.id}-{urgent_at:%y%m%d%H%M}-{is_first:d}" + f"-{released}" * bool(released)
    if told_at if is_first else case.taken_at and case.taken_at >= urgent_at:
        return "case.team_untold", f"{identity}-{told_at or urgent_at:%y%m%d%H%M%S}"
    return "case.urgent" if is_first else "case.untaken", identity


def _alert(runtime: Runtime, case_id: int, *, is_first: bool, now: datetime) -> int:
    settings = runtime.settings
    with runtime.db.read() as session:
        known = DutyContacts.of(session, settings)
        is_due = known.are_due(now, is_first=is_first)
        case = session.scalar(select(Case).where(Case.id == case_id, is_due))
        if case is None or case.urgent_at is None:
            return 0
        urgent_at = case.urgent_at
        given_up = (AuditEvent.subject == f"cases:{case_id}", AuditEvent.action == "case.release")
        released = count_rows(session, AuditEvent, *given_up)
        kind, identity = _name_event(case, urgent_at, is_first, released)
        words = _describe(session, case, base=settings.public_base_url, now=now, kind=kind)
    contacts = known.duty if is_first else known.stand_in
    by_way: dict[str, list[str]] = {"webhook": [], "mail": [], "sms": []}
    for contact in contacts:
        by_way[way_to(contact)].append(contact)
    post = partial(
        post_event,
        event_id=identity,  # tells two alerts of a case apart, and a repeated one from a new one
        kind=kind,
        data={"case": case_id, **{name: words[name] for name in ("at", "place", "campaign", "link")}},
        secret=settings.alert_secret,
        is_production=settings.app_env == "production",
        now=now,
    )
    ways: list[tuple[str, Callable[[], object]]] = [
        (f"webhook {at}", partial(post, url)) for at, url in enumerate(by_way["webhook"])
    ]
    if addresses := by_way["mail"]:
        subject = f"{words['drill']}KHẨN: có người kêu cứu, việc số {case_id}"
        send = partial(_mail, settings.smtp_url, to=addresses, subject=subject, message_id=identity)
        ways.append(("mail", partial(send, body=_MAIL.format(**words))))
    failed = _tell(ways, case_id)
    if failed and len(failed) == len(ways) and not by_way["sms"]:
        raise failed[0]
    with transaction(runtime) as session:
        is_same = (Case.id == case_id, Case.urgent_at == urgent_at, is_due)
        case = session.scalar(select(Case).where(*is_same).with_for_update())
        if case is None:
            return 0
        if is_first:
            case.alerted_at = now
        else:
            case.escalated_at = now
        queue_sms(session, by_way["sms"], _ALERT_SMS.format(**words), settings, now=now)
    return len(contacts)


def _mail(smtp_url: str, **mail: Any) -> None:
    """Send a mail. Raises SMTPException where no address took it, and what `send_mail` raises."""
    if not send_mail(smtp_url, **mail):
        raise SMTPException("no address took it")


def _tell(ways: Sequence[tuple[str, Callable[[], object]]], case_id: int) -> list[Exception]:
    """Tell by each way. Returns the errors of those that failed."""
    failed: list[Exception] = []
    for name, tell in ways:
        try:
            tell()
        except _FAILURES as error:
            failed.append(error)
            log.warning("alert.failed way=%s case=%s error=%s", name, case_id, type(error).__name__)
    return failed


def queue_sms(
    session: Session,
    numbers: Sequence[str],
    text: str,
    settings: Settings,
    *,
    campaign_id: int | None = None,
    now: datetime,
) -> list[int]:
    """Queue a message to officers or a team, without accents, at once and whatever the hour. Returns the ids."""
    enqueue_after_commit(session, enqueue_send)
    plain, kind = measure(text, unaccented=True).text, MessageKind.CONFIRMATION
    about = {"kind": kind, "text": plain, "campaign_id": campaign_id}
    phones = find_or_create_phones(session, numbers, now=now).values()
    return [queue_message(session, phone_id=each, not_before=now, **about).id for each in phones]


def _describe(session: Session, case: Case, *, base: str, now: datetime, kind: str) -> dict[str, str]:
    campaign = find_row(session, Campaign, case.campaign_id)
    area = find_row(session, Area, case.area_code)
    urgent_at = case.urgent_at or now
    minutes = int((now - urgent_at).total_seconds() // 60)
    link = f"{base}/admin/inbox/{case.id}/"
    if campaign and campaign.urgent_reason:
        link = f"{base}/admin/rescue/?event={campaign.id}&case={case.id}"
    return {
        "drill": "DIEN TAP. " if campaign and campaign.is_drill else "",
        "at": f"{urgent_at.astimezone(VIETNAM):%H:%M %d/%m}",
        "place": area.full_name if area else "chưa rõ địa bàn",
        "campaign": campaign.name if campaign else "không rõ",
        "waiting": {"case.untaken": _WAITING.format(minutes=minutes), "case.team_untold": _UNTOLD}.get(
            kind, ""
        ),
        "ask": "Tin giao doi khong toi, goi doi hoac giao lai"
        if kind == "case.team_untold"
        else "Nhan viec va goi ngay",
        "link": link,
    }
