"""Visit sheets: who is to be visited, of a list or a commune, by village; creation, listing, reading; given to village officers.

Every reading and printing with full numbers is on record. An officer signs in a phone by a code.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.analytics.installs import find_visible_campaign
from campaigns.cases.handle_case import may_read_answers
from campaigns.delivery.message_data import fill_values, read_list_values
from campaigns.delivery.office_phones import has_opted_out, queue_to_own_phone
from campaigns.models.activities import SheetOfficer, VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Message
from campaigns.models.replies import AnswerSource, InstallReport, SafetyReport
from campaigns.planning.audience import are_others
from campaigns.planning.drives import campaign_scopes
from campaigns.privacy.requests import opted_out_of_drive, shown_answer
from campaigns.replies.record_answer import counted_id
from campaigns.rules.safety import SafetyStatus
from campaigns.rules.sending_hours import closes_at, common_hours
from campaigns.rules.states import Exclusion, MessageState
from campaigns.rules.visits import (
    MOST_PERCENT,
    VisitOutcome,
    VisitReason,
    is_drawn,
    line_code,
    village_key,
    visit_reason,
)
from campaigns.visits.progress import count_lines
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to, within_area
from outreach.accounts.village_officers import code_of, find_officer, has_mail, shut_out
from outreach.contacts.directory import (
    is_in,
    numbers_known_to,
    people_recorded_for,
    people_visible_to,
    visible_lists,
)
from outreach.contacts.suppressions import is_strangers
from outreach.contacts.wishes import LeftAlone, people_left_alone, read_left_alone
from outreach.core.db import values_subquery
from outreach.core.settings import Settings
from outreach.models.accounts import Area, Organisation, Role, User, UserSession
from outreach.models.contacts import Contact, ContactList, ContactPhone, Membership, Phone
from outreach.rules.errors import BadInput, NotAllowed, NotFound, or_raise
from outreach.rules.identity import mask_number
from outreach.rules.keys import Purpose, newest_key
from outreach.rules.segments import measure
from outreach.rules.wishes import EVERYTHING
from outreach.use_cases import enqueue_after_commit, enqueue_code_mail, use_case

# Lines of a sheet: a day's visits, and still quick to enter.
MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class SheetRow:
    """Line of a sheet as displayed.

    `contact_id` is None for an erased contact; `outcome` is None until entered. `place` is the village, and the commune
    unless the whole sheet is of one. `answer` is the person's current answer by any channel. `values`: what lists say for
    the fields of the campaign's texts, such as the hour.
    """

    n: int
    code: str
    row: VisitLine
    answer: str | None
    answered_at: datetime | None
    is_masked: bool  # of a campaign about health, for a reader who handles no answers: it names nobody
    contact_id: int | None = None
    name: str = ""
    birth_year: int | None = None
    place: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    phone: str = ""
    outcome: VisitOutcome | None = None
    visited_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class SheetView:
    """Sheet with the names of its codes; `done` of its `lines` have a result."""

    round: VisitSheet
    campaign: str
    kind: str  # of the campaign
    organisation: str
    place: str
    lines: int
    done: int


@use_case
def create_sheet(
    session: Session,
    campaign_id: int,
    *,
    list_id: int | None,
    area_code: str | None,
    village: str | None,
    officer: str,
    again: bool,
    check_percent: int = 0,
    user: User,
    now: datetime,
) -> VisitSheet:
    """Create a sheet of the people to visit in one village (by its key), or in all if `village` is None.

    People on another sheet are left out unless `again`. `check_percent` of those who reported by themselves that it is done
    are put on it unmarked, among the others. Raises NotAllowed, NotFound, BadInput.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    if not 0 <= check_percent <= MOST_PERCENT:
        raise BadInput("check_percent_wrong", most=MOST_PERCENT)
    campaign = find_visible_campaign(session, campaign_id, user=user)
    session.refresh(campaign, with_for_update={"key_share": True})  # two at once would have the same people
    villages = [
        candidates
        for candidates in find_candidates(
            session,
            campaign_id,
            list_id=list_id,
            area_code=area_code,
            user=user,
            now=now,
            check_percent=check_percent,
        )
        if village is None or candidates.key == village
    ]
    people = [
        person for candidates in villages for person in (candidates.people if again else candidates.free)
    ]
    if not people:
        raise BadInput("nobody_to_visit")
    if len(people) > MOST_LINES:
        raise BadInput("sheet_long", people=len(people), most=MOST_LINES)
    owner = _owner(session, list_id, campaign, user)
    sheet = VisitSheet(
        campaign_id=campaign_id,
        organisation_id=owner,
        list_id=list_id,
        area_code=area_code or (villages[0].area_code if village is not None else None),
        village=villages[0].name if village is not None else "",
        officer=" ".join(officer.split())[:120],
        made_by=user.id,
        made_at=now,
    )
    session.add(sheet)
    session.flush()
    session.add_all(
        VisitLine(
            round_id=sheet.id,
            n=n,
            contact_id=person.contact_id,
            recipient_id=person.recipient_id,
            why=person.why,
        )
        for n, person in enumerate(people, 1)
    )
    session.flush()
    audit.record(session, "round.make", sheet, user, now, campaign=campaign_id, rows=len(people))
    return sheet


def counted_lines(*columns: Any) -> Select[Any]:
    """Return the query for lines, each with the recipient who counts for its person since a merge, and these columns."""
    own = aliased(Recipient)
    return (
        select(VisitLine, Recipient, *columns)
        .join(own, own.id == VisitLine.recipient_id)
        .join(Recipient, Recipient.id == counted_id(own))
    )


def lines_of(round_id: int, *columns: Any) -> Select[Any]:
    """Return the query for a sheet's lines as `counted_lines`, joined with what `lines_visible_to` looks at."""
    return (
        counted_lines(*columns)
        .outerjoin(Contact, Contact.id == VisitLine.contact_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(VisitLine.round_id == round_id)
    )


def lines_visible_to(session: Session, user: User) -> ColumnElement[bool]:
    """Return the condition for `lines_of` a sheet that a user may see; every query of lines uses it.

    The sheet's organisation does not matter: a person is visible by the lists they are in or by the one they came
    into the campaign with, within the user's area; not one whom those lists only name, of whom a line would tell what
    another organisation recorded. Lines of erased contacts are visible to all.
    """
    by_recipient_list = and_(
        visible_to(session, user, ContactList.organisation_id), within_area(session, user, Contact.area_code)
    )
    is_seen = or_(by_recipient_list, people_visible_to(session, user))
    if lists := visible_lists(session, user):
        is_seen = and_(is_seen, or_(~is_in(lists), people_recorded_for(session, user)))
    return or_(Contact.id.is_(None), is_seen)


def _sheets_visible_to(session: Session, user: User) -> ColumnElement[bool]:
    return or_(visible_to(session, user, VisitSheet.organisation_id), VisitSheet.made_by == user.id)


def find_sheet(session: Session, round_id: int, *, user: User, hold: bool = False) -> VisitSheet:
    """Return a sheet of the user's scope or made by them; `hold` locks it. Raises NotFound."""
    query = select(VisitSheet).where(VisitSheet.id == round_id, _sheets_visible_to(session, user))
    return or_raise(session.scalar(query.with_for_update() if hold else query), NotFound("sheet_not_found"))


def list_sheets(session: Session, user: User, *only: ColumnElement[bool]) -> list[SheetView]:
    """List the last hundred sheets of a user's scope and those they made, the newest first."""
    rows = session.execute(
        select(VisitSheet, Campaign.name, Campaign.kind, Organisation.name, Area, ContactList.name)
        .join(Campaign, Campaign.id == VisitSheet.campaign_id)
        .join(Organisation, Organisation.id == VisitSheet.organisation_id)
        .outerjoin(Area, Area.code == VisitSheet.area_code)
        .outerjoin(ContactList, ContactList.id == VisitSheet.list_id)
        .where(_sheets_visible_to(session, user), *only)
        .order_by(VisitSheet.id.desc())
        .limit(100)
    ).all()
    counts = count_lines(session, [row[0].id for row in rows])
    return [
        SheetView(
            sheet,
            campaign,
            kind,
            organisation,
            ", ".join(filter(None, [sheet.village, area.full_name if area else "", listed])),
            counts[sheet.id].people,
            counts[sheet.id].done + counts[sheet.id].absent,
        )
        for sheet, campaign, kind, organisation, area, listed in rows
    ]


def read_sheet(session: Session, round_id: int, *, user: User) -> SheetView:
    """Read a sheet with its counts. Raises NotFound."""
    found = next(iter(list_sheets(session, user, VisitSheet.id == round_id)), None)
    return or_raise(found, NotFound("sheet_not_found"))


def read_lines(session: Session, round_id: int, *, user: User, with_numbers: bool = False) -> list[SheetRow]:
    """Read a sheet's lines whose people the user may see, in their order.

    Numbers are masked unless `with_numbers`; the caller must then record it. Of a campaign about health who handles no answers
    sees neither results nor whom the lines name: that somebody is to be visited, and why, tells what they answered.
    """
    theirs = (
        select(ContactPhone.phone_id)
        .where(ContactPhone.contact_id == VisitLine.contact_id, ~is_strangers(ContactPhone.phone_id))
        .where(~are_others(ContactPhone.contact_id, ContactPhone.phone_id, Recipient.campaign_id))
        .where(numbers_known_to(session, user))
        .order_by(ContactPhone.position)
        .limit(1)
        .correlate(VisitLine, Recipient)
    )
    of_campaign = theirs.where(ContactPhone.phone_id == Recipient.phone_id)
    number_of = func.coalesce(of_campaign.scalar_subquery(), theirs.scalar_subquery())
    rows = session.execute(
        lines_of(round_id, Contact, Phone.e164, Area, VisitLine.contact_id, Recipient.campaign_id)
        .add_columns(Campaign.fields, Campaign.is_health)
        .join(VisitSheet, VisitSheet.id == VisitLine.round_id)
        .join(Campaign, Campaign.id == VisitSheet.campaign_id)
        .outerjoin(Area, and_(Area.code == Contact.area_code, VisitSheet.area_code.is_(None)))
        .outerjoin(Phone, Phone.id == number_of)
        .where(lines_visible_to(session, user))
        .order_by(VisitLine.n)
    ).all()
    results = current_results(session, VisitLine.round_id == round_id)
    of_drive = opted_out_of_drive(session, [row[1].id for row in rows])
    values = read_list_values(session, rows)
    sheet_rows = []
    for line, recipient, found, e164, area, _contact, campaign_id, fields, is_health in rows:
        is_masked = is_health and not may_read_answers(user)
        result, contact = (None, None) if is_masked else (results.get(line.id), found)
        facts: dict[str, Any] = {}
        if contact:
            facts = {
                "contact_id": contact.id,
                "name": contact.name,
                "birth_year": contact.birth_year,
                "place": ", ".join(filter(None, [contact.village, area.full_name if area else ""])),
                "values": fill_values(fields, values.get((campaign_id, contact.id), {})),
                "phone": (e164 if with_numbers else mask_number(e164)) if e164 else "",
            }
        if result:
            facts |= {"outcome": result.outcome, "visited_at": result.visited_at, "note": result.note}
        sheet_rows.append(
            SheetRow(
                n=line.n,
                code=line_code(round_id, line.n),
                row=line,
                answer=None if is_masked else shown_answer(recipient.answer, recipient.id, of_drive),
                answered_at=recipient.answered_at,
                is_masked=is_masked,
                **facts,
            )
        )
    return sheet_rows


def is_left_alone(
    found: LeftAlone, contact_id: int | None, campaign: Campaign, outcome: VisitOutcome | None
) -> bool:
    """Return whether nobody is to go to a person any more. Who has a result stays, unless they objected to the use of their data."""
    is_open = outcome in (None, VisitOutcome.ABSENT)
    scopes = campaign_scopes(campaign) if is_open else (EVERYTHING,)
    return found.stops(contact_id, None, scopes=scopes, passes=not is_open)


@use_case
def print_sheet(
    session: Session, round_id: int, *, with_numbers: bool, user: User, now: datetime
) -> tuple[SheetView, list[SheetRow]]:
    """Return a sheet and its lines for printing, without those who want nobody to come; recorded with how many full numbers it shows."""
    sheet = read_sheet(session, round_id, user=user)
    campaign = session.get_one(Campaign, sheet.round.campaign_id)
    lines = read_lines(session, round_id, user=user, with_numbers=with_numbers)
    found = read_left_alone(session, people=[line.contact_id for line in lines if line.contact_id])
    lines = [line for line in lines if not is_left_alone(found, line.contact_id, campaign, line.outcome)]
    numbers = sum(bool(line.phone) for line in lines) if with_numbers else 0
    audit.record(session, "round.print", f"rounds:{round_id}", user, now, numbers=numbers)
    return sheet, lines


def current_results(session: Session, lines: ColumnElement[bool]) -> dict[int, VisitResult]:
    """Return the last result that is not undone of the lines that meet a condition, by the line's id."""
    rows = session.scalars(
        select(VisitResult)
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .where(lines, VisitResult.undone_at.is_(None))
        .order_by(VisitResult.id)
    )
    return {row.line_id: row for row in rows}


def _owner(session: Session, list_id: int | None, campaign: Campaign, user: User) -> int:
    """Return the organisation of a sheet: the list's, else the user's, else that of the campaign."""
    contact_list = session.get(ContactList, list_id) if list_id else None
    organisation_id = (
        contact_list.organisation_id if contact_list else user.organisation_id or campaign.organisation_id
    )
    if organisation_id is None:
        organisation_id = session.scalar(select(Organisation.id).order_by(Organisation.id).limit(1))
    if organisation_id is None:
        raise BadInput("no_organisation")
    return organisation_id


# The most people of a commune or list that are searched: a commune has some thousands.
_MOST_PEOPLE = 20_000
# How long people stay reserved by a sheet without results; then they may go on another one.
_RESERVED_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Contact to visit. `is_in_hand`: on another sheet of this campaign that has no result for them yet."""

    contact_id: int
    recipient_id: int
    why: VisitReason
    is_in_hand: bool


@dataclass(frozen=True, slots=True)
class CandidateVillage:
    """Candidates of a village, `key` within the result, `name` "" if unknown; `area_code` None likewise."""

    key: str
    name: str
    area_code: str | None
    people: list[Candidate]

    @property
    def free(self) -> list[Candidate]:
        """Return the people who are on no other sheet."""
        return [person for person in self.people if not person.is_in_hand]


def find_candidates(
    session: Session,
    campaign_id: int,
    *,
    list_id: int | None,
    area_code: str | None,
    user: User,
    now: datetime,
    check_percent: int = 0,
) -> list[CandidateVillage]:
    """Find the people to visit, of a list or a commune or both, by village.

    `check_percent` of those who reported by themselves that it is done are among them, for a random check. Only people within the user's scope are found. Raises BadInput if neither is given or there are too many people, and NotAllowed where it would tell somebody who handles no answers what few people said about their health.
    """
    if list_id is None and not area_code:
        raise BadInput("visit_place_missing")
    campaign = session.get_one(Campaign, campaign_id)
    if campaign.is_health and not may_read_answers(user):
        raise NotAllowed("visit_people_hidden")
    rows = _people_of(session, campaign_id, list_id, area_code, user)
    contacts = [row[3] for row in rows]
    states = _states(session, [row[0] for row in rows])
    unwilling = people_left_alone(session, contacts, scopes=campaign_scopes(campaign))
    reserved, answered, checked = _read_visits(session, campaign_id, contacts, now=now)
    settled = unwilling | answered
    reasons = {
        contact_id: visit_reason(exclusion=exclusion, answer=answer, states=states.get(recipient_id, []))
        for recipient_id, exclusion, answer, contact_id, *_place in rows
        if contact_id not in settled
    }
    reasons |= dict.fromkeys(
        _drawn(session, campaign_id, rows, check_percent, but=unwilling | checked), VisitReason.CHECK
    )
    shared = [row[3] for row in rows if row[1] is Exclusion.SHARED_PHONE and row[3] not in settled]
    reasons |= _reasons_of_housemates(session, shared, reasons)
    villages: dict[str, CandidateVillage] = {}
    for recipient_id, _exclusion, _answer, contact_id, village, commune in rows:
        if reason := reasons.get(contact_id):
            key = village_key(commune, village)
            group = villages.setdefault(key, CandidateVillage(key, village, commune, []))
            group.people.append(Candidate(contact_id, recipient_id, reason, contact_id in reserved))
    return sorted(
        villages.values(), key=lambda village: (not village.name, village.area_code or "", village.name)
    )


def _people_of(
    session: Session, campaign_id: int, list_id: int | None, area_code: str | None, user: User
) -> Sequence[Any]:
    """Return a campaign's recipients of a list or a commune whom the user may see. Raises BadInput for too many."""
    conditions = [Recipient.campaign_id == campaign_id, Recipient.merge_id == 0]
    query = select(
        Recipient.id, Recipient.exclusion, Recipient.answer, Contact.id, Contact.village, Contact.area_code
    ).join(Contact, Contact.id == Recipient.contact_id)
    if list_id is not None:
        query = query.join(Membership, Membership.contact_id == Contact.id).join(
            ContactList, ContactList.id == Membership.list_id
        )
        conditions.append(Membership.list_id == list_id)
    else:
        query = query.join(ContactList, ContactList.id == Recipient.list_id)
    conditions += [
        visible_to(session, user, ContactList.organisation_id),
        within_area(session, user, Contact.area_code),
        people_recorded_for(session, user),
        # Who said in a storm to be safe was heard of.
        ~exists().where(
            SafetyReport.campaign_id == campaign_id,
            SafetyReport.phone_id == Recipient.phone_id,
            SafetyReport.is_verified,
            SafetyReport.status == SafetyStatus.SAFE,
        ),
    ]
    if area_code:
        conditions.append(Contact.area_code == area_code)
    # In order: a village is called as its first person has it.
    in_order = query.where(*conditions).order_by(Contact.given_key, Contact.id)
    rows = session.execute(in_order.limit(_MOST_PEOPLE + 1)).all()
    if len(rows) > _MOST_PEOPLE:
        raise BadInput("visit_people_many", most=_MOST_PEOPLE)
    return rows


def _drawn(
    session: Session, campaign_id: int, rows: Sequence[Any], percent: int, *, but: Collection[int]
) -> list[int]:
    """Return the contacts drawn for a random check, who reported it themselves."""
    drawn = {row[0]: row[3] for row in rows if is_drawn(campaign_id, row[0], percent) and row[3] not in but}
    if not drawn:
        return []
    among = values_subquery(session, list(drawn))
    own = select(InstallReport.recipient_id).where(
        InstallReport.recipient_id.in_(among),
        InstallReport.withdrawn_at.is_(None),
        InstallReport.source.in_((AnswerSource.SMS, AnswerSource.PAGE)),
    )
    return [drawn[recipient_id] for recipient_id in session.scalars(own)]


def _reasons_of_housemates(
    session: Session, shared: Sequence[int], reasons: Mapping[int, VisitReason | None]
) -> dict[int, VisitReason]:
    """Return a reason for those who got no message as they share a phone with somebody who is visited: one house."""
    if not shared:
        return {}
    among = values_subquery(
        session, [*shared, *(key for key, reason in reasons.items() if reason)], BigInteger
    )
    phones: dict[int, list[int]] = {}
    for contact_id, phone_id in session.execute(
        select(ContactPhone.contact_id, ContactPhone.phone_id).where(ContactPhone.contact_id.in_(among))
    ):
        phones.setdefault(phone_id, []).append(contact_id)
    return {
        contact_id: reason
        for together in phones.values()
        if (reason := next(filter(None, map(reasons.get, together)), None))
        for contact_id in together
        if contact_id in set(shared)
    }


def _states(session: Session, recipients: Sequence[int]) -> dict[int, list[MessageState]]:
    states: dict[int, list[MessageState]] = {}
    for recipient_id, state in session.execute(
        select(Message.recipient_id, Message.state).where(
            Message.recipient_id.in_(values_subquery(session, recipients)), Message.step_id.is_not(None)
        )
    ):
        states.setdefault(recipient_id or 0, []).append(state)
    return states


def _read_visits(
    session: Session, campaign_id: int, contacts: Sequence[int], *, now: datetime
) -> tuple[set[int], set[int], set[int]]:
    """Return of some people those reserved by a sheet without a result, those who answered at the door, and those visited for a check."""
    rows = session.execute(
        select(VisitLine.id, VisitLine.contact_id, VisitLine.why, VisitSheet.made_at, VisitResult.outcome)
        .join(VisitSheet, VisitSheet.id == VisitLine.round_id)
        .outerjoin(VisitResult, and_(VisitResult.line_id == VisitLine.id, VisitResult.undone_at.is_(None)))
        .where(
            VisitSheet.campaign_id == campaign_id,
            VisitLine.contact_id.in_(values_subquery(session, contacts)),
        )
        .order_by(VisitResult.id)
    )
    lines = {row.id: row for row in rows}.values()  # of a line's results the last one counts
    met = [line for line in lines if line.outcome is not None]
    return (
        {each.contact_id for each in lines if not each.outcome and each.made_at > now - _RESERVED_FOR},
        {each.contact_id for each in met if each.outcome is not VisitOutcome.ABSENT},
        {each.contact_id for each in met if each.why is VisitReason.CHECK},
    )


_INVITED = "officer.invite"
# Invitations that one user may send in an hour: a commune's villages, and no flood of messages.
MAX_PER_HOUR = 60
MOST_TARGET = 200  # people a day
_CODE_TEXT = (
    "Loa: ma mo phieu den nha la {code}. Mo lien ket can bo da gui roi nhap ma. Khong dua ma cho nguoi khac."
)


@use_case
def invite_officer(
    session: Session, officer_id: int, *, settings: Settings, user: User, now: datetime
) -> User:
    """Make a link and a code for an officer's phone, and send the code to their number, else by mail.

    Raises NotFound, NotAllowed, and BadInput where no code would arrive: at night with a live gateway, to a number that
    takes no messages, without number and mail server; and beyond `MAX_PER_HOUR`.
    """
    officer = shut_out(session, officer_id, user=user, now=now, action=_INVITED)
    if audit.count_lately(session, _INVITED, user, now=now) > MAX_PER_HOUR:
        raise BadInput("officer_invitations_many", most=MAX_PER_HOUR)
    if officer.phone:
        code = code_of(officer, newest_key(settings.keys_of(Purpose.LINKS)))
        _text_code(session, officer.phone, code, settings=settings, now=now)
    elif has_mail(officer) and settings.smtp_url:
        enqueue_after_commit(session, enqueue_code_mail, officer.id)
    else:
        raise BadInput("officer_without_mail_server")
    return officer


def _text_code(session: Session, e164: str, code: str, *, settings: Settings, now: datetime) -> None:
    if closes_at(now, common_hours(None, is_live=settings.is_live)) is None:
        raise BadInput("officer_code_at_night")
    if has_opted_out(session, e164, settings=settings):
        raise BadInput("officer_number_opted_out")
    text = measure(_CODE_TEXT.format(code=code)).text
    queue_to_own_phone(session, e164, text=text, settings=settings, now=now)


@use_case
def assign_sheet(
    session: Session,
    round_id: int,
    *,
    officer_id: int,
    day: date | None,
    target: int | None,
    user: User,
    now: datetime,
) -> SheetOfficer:
    """Assign a sheet to an officer, for a day or with a daily target. Raises BadInput, NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if target is not None and not 0 < target <= MOST_TARGET:
        raise BadInput("visit_target_wrong", most=MOST_TARGET)
    find_sheet(session, round_id, user=user, hold=True)
    is_seen = func.coalesce(lines_visible_to(session, user), false())
    if session.execute(lines_of(round_id).where(is_seen.is_(false())).limit(1)).first():
        raise BadInput("sheet_beyond_scope")  # the phone would carry more than its giver sees
    officer = find_officer(session, officer_id, user=user)
    given = _find(session, round_id, officer.id)
    if given is None:
        given = SheetOfficer(round_id=round_id, user_id=officer.id, assigned_by=user.id, assigned_at=now)
        session.add(given)
    if given.ended_at is not None:
        given.assigned_by, given.assigned_at, given.ended_at = user.id, now, None
    given.day, given.target = day.isoformat() if day else None, target
    session.flush()
    audit.record(session, "round.assign", f"rounds:{round_id}", user, now, officer=officer.id)
    return given


@use_case
def create_and_give(
    session: Session,
    /,
    campaign_id: int,
    *,
    officer_id: int | None,
    day: date | None,
    officer: str,
    settings: Settings,
    user: User,
    now: datetime,
    **whom: Any,
) -> tuple[VisitSheet, User | None]:
    """Create a sheet as `create_sheet`, give it to a village officer, and invite them where no phone of theirs can open it: all or nothing.

    Returns the sheet, and who was sent a code. Without an officer it is a sheet on paper. Raises as `create_sheet`, `assign_sheet` and `invite_officer`.
    """
    name = find_officer(session, officer_id, user=user).name if officer_id else officer
    sheet = create_sheet(session, campaign_id, officer=name or officer, user=user, now=now, **whom)
    if not officer_id:
        return sheet, None
    assign_sheet(session, sheet.id, officer_id=officer_id, day=day, target=None, user=user, now=now)
    if any(each.has_phone for each in read_assignments(session, sheet.id)):
        return sheet, None
    return sheet, invite_officer(session, officer_id, settings=settings, user=user, now=now)


@use_case
def take_back_sheet(session: Session, round_id: int, *, officer_id: int, user: User, now: datetime) -> None:
    """Take a sheet back; results still on the phone are accepted later. Raises NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    find_sheet(session, round_id, user=user, hold=True)
    given = or_raise(_find(session, round_id, officer_id), NotFound("officer_not_found"))
    given.ended_at = given.ended_at or now
    audit.record(session, "round.take_back", f"rounds:{round_id}", user, now, officer=officer_id)


def read_assignments(session: Session, round_id: int) -> Sequence[Any]:
    """Return the officers who have a sheet now, each `officer` with the `day` and the `target` that were set.

    `has_phone`: a phone of theirs can open it.
    """
    officer = aliased(User, name="officer")
    is_phone = (UserSession.user_id == officer.id, UserSession.kept_until.is_not(None))
    has_phone = exists().where(*is_phone, UserSession.ended_at.is_(None))
    can_open = has_phone & officer.is_active & (officer.role == Role.VILLAGE)
    return session.execute(
        select(officer, SheetOfficer.day, SheetOfficer.target, can_open.label("has_phone"))
        .join(SheetOfficer, SheetOfficer.user_id == officer.id)
        .where(SheetOfficer.round_id == round_id, SheetOfficer.ended_at.is_(None))
        .order_by(SheetOfficer.id)
    ).all()


def _find(session: Session, round_id: int, officer_id: int) -> SheetOfficer | None:
    return session.scalar(
        select(SheetOfficer).where(SheetOfficer.round_id == round_id, SheetOfficer.user_id == officer_id)
    )
