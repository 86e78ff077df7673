"""Cries of an event: in order of danger and age, handed to a team, noted, settled, joined and parted.

Taking a case, calling its number and closing it are those of every case (`campaigns/cases/handle_case.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from campaigns.cases.handle_case import cases_visible_to, close_case, lock_open_case
from campaigns.delivery.outbox import queue_message
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import Case, Reply, SafetyReport
from campaigns.replies.record_answer import LONGEST_NOTE, AnswerContext
from campaigns.replies.safety import is_cry_of, record_safety, said_by_number
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.content import PAGE_WORDS
from campaigns.rules.safety import (
    CryPlace,
    CryState,
    SafetyStatus,
    danger_of,
    same_places,
    state_of,
)
from campaigns.rules.states import MessageKind
from outreach.accounts import audit
from outreach.accounts.village_officers import find_officer
from outreach.contacts.phones import find_or_create_phones
from outreach.core.settings import Settings
from outreach.core.signed_tokens import TokenPurpose, read_token, sign_token
from outreach.enqueue_jobs import enqueue_send
from outreach.models.accounts import User
from outreach.models.contacts import Contact, Phone
from outreach.models.places import Area
from outreach.rules.errors import BadInput, WrongState
from outreach.rules.keys import Purpose
from outreach.rules.phone_cells import read_phone_cell
from outreach.rules.segments import measure
from outreach.use_cases import enqueue_after_commit, use_case

_SMS = "{drill}Loa: can cuu o {place}{people}{needs}. Goi {number}. Ban do, cap nhat: {link}"
LONGEST_TEAM = 80


@dataclass(frozen=True, slots=True)
class Cry:
    """A case of somebody in need, with what its number said. `near` is an earlier case that is likely at the same place, `joined` are those that belong to it."""

    case: Case
    report: SafetyReport
    number: str
    person: str
    village: str
    commune: str
    text: str
    taken_by: str
    near: int | None = None
    joined: tuple[Cry, ...] = ()

    @property
    def since(self) -> datetime:
        return self.case.urgent_at or self.case.opened_at

    @property
    def where(self) -> str:
        """Where they are in words: as they wrote it, the village of the list, the commune."""
        return ", ".join(filter(None, (self.report.place, self.village, self.commune)))

    @property
    def state(self) -> CryState:
        is_taken = self.case.taken_by is not None
        return state_of(taken=is_taken, handed_at=self.report.handed_at, done_at=None)

    @property
    def danger(self) -> int:
        return danger_of(self.report.needed, self.report.people, is_cry=self.case.urgent_at is not None)

    @property
    def safe_at(self) -> datetime | None:
        """When they said to be safe since; an officer settles the case all the same."""
        return self.report.said_at if self.report.status is SafetyStatus.SAFE else None


def read_cries(session: Session, event_id: int, *scope: ColumnElement[bool]) -> list[Cry]:
    """Return the open cases of an event in order of danger and age, those without anybody on the way first.

    Cases of one number, and those that officers have joined, are one.
    """
    rows = session.execute(
        select(Case, SafetyReport, Phone.e164, Contact.name, Contact.village, Area, Reply.body, User)
        .outerjoin(SafetyReport, said_by_number())
        .outerjoin(Phone, Phone.id == Case.phone_id)
        .outerjoin(Recipient, Recipient.id == Case.recipient_id)
        .outerjoin(Contact, Contact.id == Recipient.contact_id)
        .outerjoin(Area, Area.code == Case.area_code)
        .outerjoin(Reply, Reply.id == Case.reply_id)
        .outerjoin(User, User.id == Case.taken_by)
        .where(is_cry_of(event_id), Case.done_at.is_(None), *scope)
        .order_by(Case.id)
    ).all()
    leads: dict[int, Cry] = {}
    first_of: dict[int | None, int] = {}  # case by phone
    joined: dict[int, list[Cry]] = {}
    shown = {case.id for case, *_more in rows}
    for case, report, number, name, village, area, text, taker in rows:
        report = report or SafetyReport(needs=[], place="", handed_to="", is_verified=True)
        commune = area.full_name if area else ""
        taken_by = taker.shown_name if taker else ""
        cry = Cry(case, report, number or "", name or "", village or "", commune, text or "", taken_by)
        lead = report.joined_to if report.joined_to in shown else None
        if lead is None and case.phone_id is not None:
            lead = first_of.setdefault(case.phone_id, case.id)
        if lead in (None, case.id):
            leads[case.id] = cry
        else:
            joined.setdefault(lead, []).append(cry)
    near = same_places(
        [
            CryPlace(case_id, cry.report.position, cry.case.area_code, cry.report.place)
            for case_id, cry in leads.items()
        ]
    )
    cries = [
        replace(cry, near=near.get(case_id), joined=tuple(joined.get(case_id, ())))
        for case_id, cry in leads.items()
    ]
    return sorted(
        cries,
        key=lambda cry: (
            cry.state is CryState.ON_THE_WAY,
            cry.safe_at is not None,
            -cry.danger,
            cry.since,
            cry.case.id,
        ),
    )


def _belongs_to(case: Case) -> ColumnElement[bool]:
    """Return the condition for a case, those of its number, and those that were joined to it."""
    return or_(Case.id == case.id, SafetyReport.joined_to == case.id, Case.phone_id == case.phone_id)


def flat(cries: Iterable[Cry]) -> list[Cry]:
    """Return the cries with those that are joined to them, each once."""
    return [each for cry in cries for each in (cry, *cry.joined)]


def _lock(
    session: Session, case_id: int, *, user: User, now: datetime
) -> tuple[Case, Campaign, SafetyReport]:
    """Return an open case of an event that the user may handle, locked, with what its number said. Raises as `lock_open_case`, WrongState."""
    case = lock_open_case(session, case_id, user=user, now=now)
    event = session.get(Campaign, case.campaign_id) if case.campaign_id else None
    if event is None or not event.urgent_reason:
        raise WrongState("case_not_of_event")
    if case.phone_id is None:
        raise WrongState("case_without_number")
    report = session.get(SafetyReport, (event.id, case.phone_id))
    if report is None:  # an officer found out that help is needed
        at = case.urgent_at or case.opened_at
        report = record_safety(session, event, case.phone_id, SafetyStatus.HELP, case=None, now=at)
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

    It takes the case, and can be done again: the link of before then opens nothing. Raises BadInput, NotFound, NotAllowed, WrongState.
    """
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
    if case.taken_by is None:
        case.taken_by, case.taken_at = user.id, now
    report.handed_to, report.handed_at = name or to.replace("+84", "0", 1), now
    session.flush()
    (cry,) = read_cries(session, event.id, Case.id == case.id)
    text = _SMS.format(
        drill="DIEN TAP. " if event.is_drill else "",
        place=cry.where or "chua ro dia diem",
        people=f", {report.people} nguoi" if report.people else "",
        needs="".join(f", {PAGE_WORDS[f'safety_{need}'].lower()}" for need in report.needs),
        number=cry.number,
        link=team_link(case, report, settings),
    )
    keys = settings.keys_of(Purpose.SUPPRESSIONS)
    queue_message(
        session,
        kind=MessageKind.CONFIRMATION,
        campaign_id=event.id,
        phone_id=find_or_create_phones(session, [to], secret_key=keys, now=now)[to],
        text=measure(text, unaccented=True).text,
        not_before=now,
    )
    officer_given = {"officer": officer_id} if officer_id else {}  # a team outside has no account
    audit.record(session, "case.hand_over", case, user, now, **officer_given)
    enqueue_after_commit(session, enqueue_send)
    return report.handed_to


def team_link(case: Case, report: SafetyReport, settings: Settings) -> str:
    """Return the address of a case's page for who is on the way; one that is handed over again has another."""
    at = int(report.handed_at.timestamp()) if report.handed_at else 0
    token = sign_token(TokenPurpose.TEAM, [case.id, at], settings.keys_of(Purpose.LINKS))
    return f"{settings.public_base_url}/team/{token}"


@use_case
def open_team_case(session: Session, token: str, *, secret_key: str, now: datetime) -> Cry | None:
    """Return the case of a team's link, and record that it was seen; None once it is settled, joined or handed to others."""
    value = read_token(TokenPurpose.TEAM, token, secret_key)
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(each, int) for each in value)):
        return None
    case = session.get(Case, value[0])
    if case is None or case.campaign_id is None:
        return None
    cries = read_cries(session, case.campaign_id, _belongs_to(case))
    cry = next((each for each in cries if each.case.id == case.id), None)
    handed_at = cry.report.handed_at if cry else None
    if handed_at is None or int(handed_at.timestamp()) != value[1]:
        return None
    audit.record(session, "case.team_look", case, None, now)
    return cry


@use_case
def note_case(session: Session, case_id: int, *, note: str, user: User, now: datetime) -> None:
    """Set the note of an open case. Raises NotFound, NotAllowed, WrongState."""
    case, _event, _report = _lock(session, case_id, user=user, now=now)
    case.note = " ".join(note.split())[:LONGEST_NOTE]
    audit.record(session, "case.note", case, user, now)


@use_case
def settle_case(
    session: Session,
    case_id: int,
    *,
    outcome: CaseOutcome,
    note: str,
    user: User,
    keys: AnswerContext,
    now: datetime,
) -> None:
    """Close a case with those that are joined to it. Raises BadInput, NotFound, NotAllowed, WrongState."""
    case, event, _report = _lock(session, case_id, user=user, now=now)
    for each in sorted(cry.case.id for cry in flat(read_cries(session, event.id, _belongs_to(case)))):
        said = note.strip() or session.get_one(Case, each).note
        close_case(session, each, outcome, note=said, result=None, user=user, keys=keys, now=now)


@use_case
def join_case(session: Session, case_id: int, to_id: int, *, user: User, now: datetime) -> None:
    """Join a case to another that tells of the same people: both are handled as one. Raises BadInput, NotFound, NotAllowed, WrongState."""
    case, event, report = _lock(session, case_id, user=user, now=now)
    visible = cases_visible_to(session, user)
    leads = read_cries(session, event.id, visible)
    lead = next((cry.case for cry in leads if any(to_id == each.case.id for each in flat([cry]))), None)
    if lead is None or lead.id == case.id or lead.phone_id == case.phone_id:
        raise BadInput("join_itself")
    for each in session.scalars(select(SafetyReport).where(SafetyReport.joined_to == case.id)):
        each.joined_to = lead.id
    report.joined_to = lead.id
    audit.record(session, "case.join", case, user, now, to=lead.id)


@use_case
def part_case(session: Session, case_id: int, *, user: User, now: datetime) -> None:
    """Part a case from the one that it was joined to. Raises NotFound, NotAllowed, WrongState."""
    case, _event, report = _lock(session, case_id, user=user, now=now)
    report.joined_to = None
    audit.record(session, "case.part", case, user, now)


@use_case
def look_at_event(session: Session, event_id: int, *, user: User, now: datetime) -> None:
    """Record that a user has opened an event's page, with what people need and where they are."""
    audit.record(session, "event.look", f"campaigns:{event_id}", user, now)
