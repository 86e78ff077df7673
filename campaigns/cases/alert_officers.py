"""Alerts about urgent cases: mail, SMS and webhooks to the officer on duty, and to those who stand in while nobody has taken the case.

The settings name both. A cry for help is found here within one sweep. A message names the case and where to look, never a number, a name or what
was written. Where nothing could be told, the next sweep tries again.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from smtplib import SMTPException
from typing import Any, NamedTuple, Self

from sqlalchemy import ColumnElement, String, and_, cast, exists, false, func, literal, or_, select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import queue_message
from campaigns.live_permit import is_stopped
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import Case, SafetyReport
from campaigns.replies.receive_reply import REPLY_WINDOW
from campaigns.rules.cases import URGENT_WAITS
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import NOT_ARRIVED, MessageKind
from campaigns.webhooks.deliver_events import post_event
from outreach.contacts.phones import find_or_create_phones
from outreach.core.db import find_row
from outreach.core.job_queue import once_every
from outreach.core.mail import send_mail
from outreach.core.settings import Settings
from outreach.models.places import Area
from outreach.rules.errors import BadInput
from outreach.rules.formats import way_to
from outreach.rules.keys import Purpose
from outreach.rules.segments import measure
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_alert, enqueue_send, transaction

log = logging.getLogger(__name__)
_SMS = "{drill}Loa: co nguoi keu cuu luc {at}, {place}. {ask}: {link}"
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


def _name_event(case: Case, urgent_at: datetime, is_first: bool) -> tuple[str, str]:
    """Return the kind of an alert, and what tells it from the others."""
    told_at = case.alerted_at or case.escalated_at
    identity = f"loa-urgent-{case.id}-{urgent_at:%y%m%d%H%M}-{is_first:d}"
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
        kind, identity = _name_event(case, urgent_at, is_first)
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
        queue_sms(session, by_way["sms"], _SMS.format(**words), settings, now=now)
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
    keys = settings.keys_of(Purpose.SUPPRESSIONS)
    about = {"kind": kind, "text": plain, "campaign_id": campaign_id}
    phones = find_or_create_phones(session, numbers, secret_key=keys, now=now).values()
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
