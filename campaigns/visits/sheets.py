"""Sheets: made, listed, read. Who saw a sheet, and whether with full numbers, is on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.analytics.installs import find_counted
from campaigns.models.activities import VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.rules.replies.labels import Label
from campaigns.rules.visits import VisitOutcome, line_code
from campaigns.visits.candidates import find_candidates
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to, within_area
from outreach.contacts.directory import people_visible_to
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import Contact, ContactList, ContactPhone, Phone
from outreach.models.places import Area
from outreach.rules.errors import BadInput, NotFound
from outreach.rules.identity import mask_number

# Lines of a sheet: a day's round, and still quick to enter.
MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A line as the sheet shows it. `contact_id` is None for a person who was erased; `outcome` None: not entered yet.

    `place` is the village, and the commune unless the whole sheet is of one. `answer` is where the person stands now, by whatever channel.
    """

    n: int
    code: str
    contact_id: int | None
    name: str
    birth_year: int | None
    place: str
    phone: str
    row: VisitLine
    outcome: VisitOutcome | None
    visited_at: datetime | None
    answer: Label | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class SheetView:
    """`done` of `lines` have a result."""

    round: VisitSheet
    campaign: str
    kind: str  # of the campaign
    organisation: str
    place: str
    lines: int
    done: int


def create_sheet(
    session: Session,
    campaign_id: int,
    *,
    list_id: int | None,
    area_code: str | None,
    village: str | None,
    officer: str,
    again: bool,
    user: User,
    now: datetime,
) -> VisitSheet:
    """A sheet of the people to visit: of one village by its key, or of all where `village` is None.

    Who is on another sheet already is left out unless `again`. Raises NotAllowed, NotFound, BadInput.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    campaign, _goal, _is_whole = find_counted(session, campaign_id, user=user)
    villages = [
        each
        for each in find_candidates(
            session, campaign_id, list_id=list_id, area_code=area_code, user=user, now=now
        )
        if village is None or each.key == village
    ]
    people = [person for each in villages for person in (each.people if again else each.free)]
    if not people:
        raise BadInput("Không còn ai cần đến nhà ở đây, hoặc mọi người đã có trong phiếu khác.")
    if len(people) > MOST_LINES:
        raise BadInput(
            f"Có {len(people)} người, nhiều hơn {MOST_LINES} dòng của một phiếu. Hãy chọn từng thôn."
        )
    owner = _owner(session, list_id, campaign, user)
    made = VisitSheet(
        campaign_id=campaign_id,
        organisation_id=owner,
        list_id=list_id,
        area_code=area_code or (villages[0].area_code if village is not None else None),
        village=villages[0].name if village is not None else "",
        officer=" ".join(officer.split())[:120],
        made_by=user.id,
        made_at=now,
    )
    session.add(made)
    session.flush()
    session.add_all(
        VisitLine(
            round_id=made.id,
            n=n,
            contact_id=person.contact_id,
            recipient_id=person.recipient_id,
            why=person.why,
        )
        for n, person in enumerate(people, 1)
    )
    session.flush()
    audit.record(
        session,
        actor_id=user.id,
        action="round.make",
        subject=f"rounds:{made.id}",
        now=now,
        campaign=campaign_id,
        rows=len(people),
    )
    return made


def lines_visible_to(session: Session, user: User) -> ColumnElement[bool]:
    """The condition under every read of lines, joined with Recipient, Contact and the recipient's ContactList.

    Whose sheet it is says nothing about its people: each is seen as anywhere else, by the lists they stand in or by the
    one that brought them into the campaign, within the reader's area. Who is erased has nothing left to hide.
    """
    brought = and_(
        visible_to(session, user, ContactList.organisation_id), within_area(session, user, Contact.area_code)
    )
    return or_(Contact.id.is_(None), brought, people_visible_to(session, user))


def _rounds_visible_to(session: Session, user: User) -> ColumnElement[bool]:
    return or_(visible_to(session, user, VisitSheet.organisation_id), VisitSheet.made_by == user.id)


def find_sheet(session: Session, round_id: int, *, user: User, hold: bool = False) -> VisitSheet:
    """A sheet of the user's scope or of their own making; `hold` locks it against other savings. Raises NotFound."""
    query = select(VisitSheet).where(VisitSheet.id == round_id, _rounds_visible_to(session, user))
    found = session.scalar(query.with_for_update() if hold else query)
    if found is None:
        raise NotFound("Không có phiếu này, hoặc nằm ngoài phạm vi của bạn.")
    return found


def list_sheets(session: Session, user: User, *, limit: int = 100) -> list[SheetView]:
    """The sheets of a user's scope and those they made, the newest first."""
    return _sheets(
        session,
        select(VisitSheet)
        .where(_rounds_visible_to(session, user))
        .order_by(VisitSheet.id.desc())
        .limit(limit),
    )


def read_sheet(session: Session, round_id: int, *, user: User) -> SheetView:
    """Raises NotFound."""
    found = find_sheet(session, round_id, user=user)
    return _sheets(session, select(VisitSheet).where(VisitSheet.id == found.id))[0]


def read_lines(session: Session, round_id: int, *, user: User, with_numbers: bool = False) -> list[SheetRow]:
    """A sheet's lines in their order, as far as the user may see their people.

    Numbers are masked unless asked for: then the caller has it put on record.
    """
    first_phone = (
        select(ContactPhone.phone_id)
        .where(ContactPhone.contact_id == VisitLine.contact_id)
        .order_by(ContactPhone.position)
        .limit(1)
        .correlate(VisitLine)
        .scalar_subquery()
    )
    rows = session.execute(
        select(VisitLine, Recipient, Contact, Phone.e164, Area)
        .join(VisitSheet, VisitSheet.id == VisitLine.round_id)
        .join(Recipient, Recipient.id == VisitLine.recipient_id)
        .outerjoin(Contact, Contact.id == VisitLine.contact_id)
        .outerjoin(Area, and_(Area.code == Contact.area_code, VisitSheet.area_code.is_(None)))
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .outerjoin(Phone, Phone.id == func.coalesce(Recipient.phone_id, first_phone))
        .where(VisitLine.round_id == round_id, lines_visible_to(session, user))
        .order_by(VisitLine.n)
    ).all()
    standing = standing_results(session, round_id)
    lines = []
    for row, recipient, contact, e164, area in rows:
        result = standing.get(row.id)
        number = (e164 if with_numbers else mask_number(e164)) if e164 and contact else ""
        lines.append(
            SheetRow(
                n=row.n,
                code=line_code(round_id, row.n),
                contact_id=contact.id if contact else None,
                name=contact.name if contact else "",
                birth_year=contact.birth_year if contact else None,
                place=", ".join(filter(None, [contact.village, area.full_name if area else ""]))
                if contact
                else "",
                phone=number,
                row=row,
                outcome=result.outcome if result else None,
                visited_at=result.visited_at if result else None,
                answer=recipient.answer,
                answered_at=recipient.answered_at,
            )
        )
    return lines


def record_print(session: Session, round_id: int, *, numbers: int, user: User, now: datetime) -> None:
    """Somebody has printed a sheet, with so many full numbers."""
    audit.record(
        session,
        actor_id=user.id,
        action="round.print",
        subject=f"rounds:{round_id}",
        now=now,
        numbers=numbers,
    )


def standing_results(session: Session, round_id: int) -> dict[int, VisitResult]:
    """By line: the last result that is not undone."""
    rows = session.scalars(
        select(VisitResult)
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .where(VisitLine.round_id == round_id, VisitResult.undone_at.is_(None))
        .order_by(VisitResult.id)
    )
    return {row.line_id: row for row in rows}


def _owner(session: Session, list_id: int | None, campaign: Campaign, user: User) -> int:
    """Whose sheet it is: the list's organisation, else the officer's own, else that of the campaign."""
    of_list = session.get(ContactList, list_id) if list_id else None
    found = of_list.organisation_id if of_list else user.organisation_id or campaign.organisation_id
    if found is None:
        found = session.scalar(select(Organisation.id).order_by(Organisation.id).limit(1))
    if found is None:
        raise BadInput("Chưa có tổ chức nào. Hãy tạo tổ chức trước.")
    return found


def _sheets(session: Session, query: object) -> list[SheetView]:
    rounds = list(session.scalars(query))  # type: ignore[call-overload]
    ids = [each.id for each in rounds]
    totals: dict[int, int] = dict(
        session.execute(
            select(VisitLine.round_id, func.count())
            .where(VisitLine.round_id.in_(ids))
            .group_by(VisitLine.round_id)
        ).all()
    )
    later = aliased(VisitResult)
    is_outdated = exists().where(
        later.line_id == VisitResult.line_id, later.undone_at.is_(None), later.id > VisitResult.id
    )
    done: dict[int, int] = dict(
        session.execute(
            select(VisitLine.round_id, func.count())
            .join(VisitResult, VisitResult.line_id == VisitLine.id)
            .where(
                VisitLine.round_id.in_(ids),
                VisitResult.undone_at.is_(None),
                VisitResult.outcome.is_not(None),
                ~is_outdated,
            )
            .group_by(VisitLine.round_id)
        ).all()
    )
    campaigns = {row.id: row for row in session.execute(select(Campaign.id, Campaign.name, Campaign.kind))}
    owners = dict(session.execute(select(Organisation.id, Organisation.name)).all())
    lists = dict(session.execute(select(ContactList.id, ContactList.name)).all())
    sheets = []
    for each in rounds:
        area = session.get(Area, each.area_code) if each.area_code else None
        place = [each.village, area.full_name if area else "", lists.get(each.list_id or 0, "")]
        sheets.append(
            SheetView(
                each,
                campaigns[each.campaign_id].name,
                campaigns[each.campaign_id].kind,
                owners.get(each.organisation_id, ""),
                ", ".join(filter(None, place)),
                totals.get(each.id, 0),
                done.get(each.id, 0),
            )
        )
    return sheets
