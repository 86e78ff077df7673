"""What numbers say of their safety in an event, which is a campaign of the urgent class: by SMS, on their page, on the page for everybody.

In the caller's transaction, with the phone's row locked. A cry for help is a case as any other; what is needed and where stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import AnswerSource, Case, SafetyReport
from campaigns.replies.open_case import note_cry, open_help_case, open_number_case
from campaigns.replies.record_answer import find_counted, lock_link, record_answer
from campaigns.rules.cases import CaseKind
from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.labels import Label
from campaigns.rules.safety import (
    EVENT_LASTS,
    LONGEST_PLACE,
    MASKED,
    Position,
    SafetyStatus,
    SafetyText,
    chosen_needs,
    find_position,
    may_replace,
    read_people,
    read_position,
)
from campaigns.rules.states import CampaignState
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.suppressions import lock_phone
from outreach.models.contacts import Phone
from outreach.rules.errors import BadInput

_BY_OTHERS = "(người khác ghi)"  # a place of which the number itself has said nothing


@dataclass(frozen=True, slots=True)
class Details:
    """What is needed and where, as it was typed. `forgets`: the position that was given is to be removed."""

    people: int | None
    needs: list[str]
    place: str
    position: Position | None
    forgets: bool

    @classmethod
    def typed(cls, form: Mapping[str, str], needs: Iterable[str]) -> Details:
        """Read a form's fields: people, place, latitude, longitude, forget. What cannot be read is left out: no cry is refused for its form."""
        typed = {name: form.get(name, "") for name in ("people", "place", "latitude", "longitude")}
        found, place = find_position(" ".join(typed["place"][: 2 * LONGEST_PLACE].split()))
        position = read_position(typed["latitude"][:40], typed["longitude"][:40]) or found
        place = place.replace(MASKED, " ").strip()[:LONGEST_PLACE]
        return cls(
            read_people(typed["people"][:9]), chosen_needs(needs), place, position, forgets="forget" in form
        )


def is_current(now: datetime) -> ColumnElement[bool]:
    """Return the condition for campaigns that are an event now."""
    return and_(
        Campaign.urgent_reason != "",
        Campaign.launched_at.between(now - EVENT_LASTS, now),
        Campaign.state != CampaignState.CANCELLED,
    )


def find_event(session: Session, campaign: Campaign | None = None, *, now: datetime) -> Campaign | None:
    """Return the event that what is said in a campaign, or in none, is about: the warning itself, else the newest one."""
    if campaign and campaign.urgent_reason:
        return campaign
    newest = select(Campaign).where(is_current(now)).order_by(Campaign.launched_at.desc(), Campaign.id.desc())
    return session.scalar(newest.limit(1))


def recipient_of(session: Session, event: Campaign, phone: Phone | None) -> Recipient | None:
    """Return whom an event's warning is written to on a number."""
    if phone is None:
        return None
    written_to = (Recipient.campaign_id == event.id, Recipient.phone_id == phone.id)
    return session.scalar(select(Recipient).where(*written_to, Recipient.exclusion.is_(None)))


def record_safety(
    session: Session,
    event: Campaign,
    phone_id: int,
    status: SafetyStatus,
    *,
    case: Case | None,
    said: SafetyText | None = None,
    is_verified: bool = True,
    now: datetime,
) -> SafetyReport:
    """Record what a number says; with a case that was opened now while none went on, what was said of an earlier one is over.

    What anybody may have typed never replaces what the number itself has said, nor a cry; a cry it is always, and marked as
    theirs until the number speaks. What arrives late adds to what was said since.
    """
    report = session.get(SafetyReport, (event.id, phone_id))
    if report is None:
        details = SafetyReport.no_details()
        report = SafetyReport(
            campaign_id=event.id,
            phone_id=phone_id,
            status=status,
            said_at=now,
            is_verified=is_verified,
            **details,
        )
        session.add(report)
    is_late = now < report.said_at
    if not may_replace(report.status, status, is_known_verified=report.is_verified, is_verified=is_verified):
        return report
    if not is_late and _begins_anew(session, event.id, case, now=now):
        for name, nothing in SafetyReport.no_details().items():
            setattr(report, name, nothing)
        report.is_verified = False
    if is_verified:
        _verify(report)
    if not is_late:
        report.status, report.said_at = status, max(now, case.opened_at) if case else now
    if said:
        report.people = said.people or report.people
        report.needs = chosen_needs([*report.needs, *said.needs])
        if status is not SafetyStatus.SAFE and not (is_late and report.position):
            _place(report, said.position)
    session.flush()
    return report


def _verify(report: SafetyReport) -> None:
    """Note that the number itself speaks; a place that others gave stays marked as theirs."""
    if not report.is_verified and (report.place or report.position):
        report.place = f"{report.place} {_BY_OTHERS}".strip()
    report.is_verified = True


def _begins_anew(session: Session, event_id: int, case: Case | None, *, now: datetime) -> bool:
    """Return whether a case is opened now, and its number has no other that is open, or one of its cases was settled since that began."""
    if case is None or case.opened_at < now:
        return False
    of_number = (is_cry_of(event_id), Case.phone_id == case.phone_id, Case.id != case.id)
    settled_at = session.scalar(select(func.max(Case.done_at)).where(*of_number))
    others = select(Case.id).where(*of_number, Case.done_at.is_(None))
    others = others.where(Case.opened_at > settled_at) if settled_at else others
    return session.scalar(others.limit(1)) is None


def _place(report: SafetyReport, position: Position | None) -> None:
    if position:
        report.latitude, report.longitude = position


def _add_details(report: SafetyReport, typed: Details) -> None:
    """Add what anybody has typed: it takes away nothing that somebody else may have typed of the same number."""
    position, place = typed.position, typed.place
    if report.position is None:
        _place(report, position)
    elif position and position != report.position:
        place = f"{place} {position.latitude:.5f}, {position.longitude:.5f}".strip()
    report.people = report.people or typed.people
    report.needs = chosen_needs([*report.needs, *typed.needs])
    if place and place not in report.place.split("; "):
        report.place = "; ".join(filter(None, (report.place, place)))[: 3 * LONGEST_PLACE]


def record_page_safety(session: Session, recipient_id: int, word: str, *, now: datetime) -> None:
    """Record a press on a warning's page, one of `SafetyStatus`. A cry is told to the officers on duty as one by SMS.

    Who is safe again leaves the case open: an officer settles it. Raises BadInput for another word or campaign, or if the link is no longer valid.
    """
    recipient, event = _of_page(session, recipient_id)
    status, phone_id = SafetyStatus(word), recipient.phone_id or 0
    counted = find_counted(session, recipient)
    case: Case | None = None
    if status is not SafetyStatus.SAFE:
        record_answer(
            session,
            GivenAnswer(Label.NEED_HELP),
            phone_id=phone_id,
            recipient=recipient,
            source=AnswerSource.PAGE,
            now=now,
        )
        counted = find_counted(session, recipient)
        case = open_help_case(session, counted, now=now)
        note_cry(case, now=now)
    record_safety(session, event, counted.phone_id or phone_id, status, case=case, now=now)


def record_page_details(session: Session, recipient_id: int, details: Details, *, now: datetime) -> None:
    """Record what is needed and where, while the number's case is open. Raises BadInput."""
    recipient, event = _of_page(session, recipient_id)
    phone_id = find_counted(session, recipient).phone_id or 0
    report = session.get(SafetyReport, (event.id, phone_id))
    if report is None or not has_open_cry(session, event.id, phone_id):
        raise BadInput("safety_not_asked")
    report.said_at = max(report.said_at, now)
    report.people, report.needs, report.place = details.people, details.needs, details.place
    if details.forgets:
        report.latitude = report.longitude = None
    _place(report, details.position)


def _of_page(session: Session, recipient_id: int) -> tuple[Recipient, Campaign]:
    recipient, _phone = lock_link(session, recipient_id)
    event = session.get_one(Campaign, recipient.campaign_id)
    if not event.urgent_reason:
        raise BadInput("choice_not_understood")
    return recipient, event


def is_cry_of(event_id: int) -> ColumnElement[bool]:
    """Return the condition for cases of people who need help in an event."""
    is_cry = or_(Case.kind == CaseKind.HELP, Case.urgent_at.is_not(None))
    return and_(Case.campaign_id == event_id, is_cry)


def has_open_cry(session: Session, event_id: int, phone_id: int) -> bool:
    """Return whether a number's case in an event is open."""
    cry = select(Case.id).where(is_cry_of(event_id), Case.phone_id == phone_id, Case.done_at.is_(None))
    return session.scalar(cry.limit(1)) is not None


def record_public_safety(
    session: Session, number: str, word: str, details: Details, *, is_told: bool, now: datetime
) -> None:
    """Record what somebody says on the page for everybody, about a number that nobody has verified; officers are alerted if `is_told`.

    It is no answer of the number's owner. Raises BadInput for another word, and where there is no event now.
    """
    event = find_event(session, now=now)
    if event is None:
        raise BadInput("safety_no_event")
    if word not in set(SafetyStatus):
        raise BadInput("choice_not_understood")
    status = SafetyStatus(word)
    phone_id = find_or_create_phones(session, [number], now=now)[number]
    phone = lock_phone(session, phone_id)
    case: Case | None = None
    if status is not SafetyStatus.SAFE:
        recipient = recipient_of(session, event, phone)
        area = recipient.area_code if recipient else None
        case = open_number_case(session, event, phone.id, area_code=area, now=now)
        if is_told:
            note_cry(case, now=now)
    report = record_safety(session, event, phone_id, status, case=case, is_verified=False, now=now)
    is_own = report.is_verified
    if case and not (is_own and (report.place or report.position)):
        report.is_verified = False
        _add_details(report, details)
        if is_own:
            _verify(report)
