"""Visit sheets: creation, listing, reading. Every reading and printing with full numbers is on record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.analytics.installs import find_visible_campaign
from campaigns.cases.handle_case import may_read_answers
from campaigns.delivery.message_data import fill_values, read_list_values
from campaigns.models.activities import VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.planning.audience import are_others
from campaigns.planning.drives import campaign_scopes
from campaigns.privacy.requests import opted_out_of_drive, shown_answer
from campaigns.replies.one_person import counted_id
from campaigns.rules.visits import MOST_PERCENT, VisitOutcome, line_code
from campaigns.visits.candidates import find_candidates
from campaigns.visits.progress import count_lines
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to, within_area
from outreach.contacts.directory import (
    is_in,
    numbers_known_to,
    people_recorded_for,
    people_visible_to,
    visible_lists,
)
from outreach.contacts.suppressions import is_strangers
from outreach.contacts.wishes import LeftAlone, read_left_alone
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import Contact, ContactList, ContactPhone, Phone
from outreach.models.places import Area
from outreach.rules.errors import BadInput, NotFound, or_raise
from outreach.rules.identity import mask_number
from outreach.rules.wishes import EVERYTHING
from outreach.use_cases import use_case

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


def has_hidden_lines(session: Session, round_id: int, *, user: User) -> bool:
    """Return whether a sheet names people whom the user may not see."""
    is_seen = func.coalesce(lines_visible_to(session, user), false())
    return session.execute(lines_of(round_id).where(is_seen.is_(false())).limit(1)).first() is not None


def _sheets_visible_to(session: Session, user: User) -> ColumnElement[bool]:
    return or_(visible_to(session, user, VisitSheet.organisation_id), VisitSheet.made_by == user.id)


def find_sheet(session: Session, round_id: int, *, user: User, hold: bool = False) -> VisitSheet:
    """Return a sheet of the user's scope or made by them; `hold` locks it. Raises NotFound."""
    query = select(VisitSheet).where(VisitSheet.id == round_id, _sheets_visible_to(session, user))
    return or_raise(session.scalar(query.with_for_update() if hold else query), NotFound("sheet_not_found"))


def list_sheets(session: Session, user: User, *, limit: int = 100) -> list[SheetView]:
    """List the sheets of a user's scope and those they made, the newest first."""
    return _sheets(session, _sheets_visible_to(session, user), limit=limit)


def read_sheet(session: Session, round_id: int, *, user: User) -> SheetView:
    """Read a sheet with its counts. Raises NotFound."""
    sheet = find_sheet(session, round_id, user=user)
    return _sheets(session, VisitSheet.id == sheet.id, limit=1)[0]


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


def _sheets(session: Session, *conditions: ColumnElement[bool], limit: int) -> list[SheetView]:
    """Return the sheets that meet conditions with the names of their codes, the newest first."""
    rows = session.execute(
        select(VisitSheet, Campaign.name, Campaign.kind, Organisation.name, Area, ContactList.name)
        .join(Campaign, Campaign.id == VisitSheet.campaign_id)
        .join(Organisation, Organisation.id == VisitSheet.organisation_id)
        .outerjoin(Area, Area.code == VisitSheet.area_code)
        .outerjoin(ContactList, ContactList.id == VisitSheet.list_id)
        .where(*conditions)
        .order_by(VisitSheet.id.desc())
        .limit(limit)
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
