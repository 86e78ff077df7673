"""An agency's staff by name: counted as its figures of the day, and each mark as that person's report of an install."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import String, select
from sqlalchemy.orm import Session

from campaigns.agencies.files import nothing_stored
from campaigns.agencies.marks import Person, by_number, count, find_heading, read_mark
from campaigns.agencies.models import AgencyReport, Road
from campaigns.agencies.reports import Giver, find_agency, hand_in
from campaigns.answers.models import Place, Source
from campaigns.answers.officers import write_down
from campaigns.answers.standing import TAKES_BACK
from campaigns.answers.taking import Keys, latest_answer, undo_answer
from campaigns.lifecycle import find_campaign
from campaigns.models import Recipient
from campaigns.replies.classifier import Label
from outreach.access.models import Organisation, Role, User
from outreach.access.users import require_role, visible_to, within_area
from outreach.bulk import listed
from outreach.errors import BadInput, BadList, WrongState
from outreach.numerals import number
from outreach.people.models import ContactList, Phone
from outreach.people.phone.cells import PhoneStatus
from outreach.people.reading.cells import cell_text
from outreach.people.reading.checking import check_list
from outreach.people.reading.labels import Column
from outreach.people.reading.rows import CheckedRow
from outreach.people.suppression import lock_phone
from outreach.places.matching import default_gazetteer

MOST_PEOPLE = 5_000
# What people say of themselves stands against what their agency says of them.
_OWN_WORD = TAKES_BACK | {Label.OPT_OUT}


@dataclass(frozen=True, slots=True)
class HandedIn:
    """`report` has the figures. In the campaign: `marked` people newly count as installed, `taken_back` no longer do,
    of `contrary` ones their own answer says otherwise and stands, `strangers` marked are not among its recipients.
    """

    report: AgencyReport
    marked: int = 0
    taken_back: int = 0
    contrary: int = 0
    strangers: int = 0


def read_roster(path: Path) -> list[Person]:
    """The people of a file. Raises BadList where it is no list, BadInput with each mark that is not understood."""
    people: list[Person] = []
    wrong: list[str] = []
    for row in check_list(path, default_gazetteer()):
        if len(people) == MOST_PEOPLE:
            raise BadList(
                f"Danh sách có hơn {number(MOST_PEOPLE)} người, quá nhiều cho một cơ quan. "
                "Hãy nộp bằng số liệu tổng, hoặc để từng đơn vị trực thuộc nộp riêng."
            )
        column = _column_of(row)
        text = cell_text(row.cells[column]) if column < len(row.cells) else ""
        has_done = read_mark(text)
        if has_done is None:
            wrong.append(f"Dòng {row.line}: không hiểu “{text[:30]}” ở cột “{row.header.labels[column]}”.")
        people.append(
            Person(
                row.name,
                row.phone.numbers if row.phone.status is PhoneStatus.OK else (),
                bool(row.has_smartphone) if Column.SMARTPHONE in row.header.columns else None,
                bool(has_done),
            )
        )
    if wrong:
        raise BadInput(f"{nothing_stored(wrong)} Hãy ghi x nếu đã cài, để trống nếu chưa.")
    if not people:
        raise BadList("Danh sách không có người nào. Hãy kiểm tra lại tệp gốc.")
    return people


def hand_in_roster(
    session: Session,
    organisation_id: int,
    people: Sequence[Person],
    *,
    day: date,
    campaign_id: int | None,
    note: str,
    user: User,
    keys: Keys,
    now: datetime,
) -> HandedIn:
    """Store a roster's figures and, where a campaign is named, its marks. The same again changes no mark.

    A mark is taken back by a later roster without it, unless the person has answered since. A roster of a day before
    another's leaves the marks as they are. Raises BadInput for figures or a day that cannot be, InDoubt for a sudden
    change without a note, NotFound, NotAllowed, WrongState.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    agency = find_agency(session, organisation_id, user=user)
    campaign = find_campaign(session, campaign_id, user=user) if campaign_id else None
    if campaign and campaign.launched_at is None:
        raise WrongState("Chiến dịch này chưa bắt đầu nên chưa có người nhận nào để ghi.")
    is_latest = not session.execute(
        select(AgencyReport.id).where(
            AgencyReport.organisation_id == organisation_id,
            AgencyReport.road == Road.ROSTER,
            AgencyReport.day > day.isoformat(),
        )
    ).first()
    giver = Giver(Road.ROSTER, user_id=user.id)
    report = hand_in(session, organisation_id, count(people), day=day, note=note, giver=giver, now=now)
    if campaign is None or not is_latest:
        return HandedIn(report)
    return _mark(session, report, agency, campaign.id, by_number(people), user=user, keys=keys, now=now)


def _mark(
    session: Session,
    report: AgencyReport,
    agency: Organisation,
    campaign_id: int,
    said: Mapping[str, bool],
    *,
    user: User,
    keys: Keys,
    now: datetime,
) -> HandedIn:
    marked = taken_back = contrary = 0
    found = _recipients(session, campaign_id, said, user=user)
    for e164, recipient in found:
        if said[e164] is (recipient.answer is Label.INSTALLED):
            continue  # as it stands already, which is most of a list that comes every day
        if recipient.phone_id is not None:
            lock_phone(session, recipient.phone_id)  # whoever answers at this moment is heard first
        latest = latest_answer(session, recipient)
        label = latest.label if latest else None
        if not said[e164]:
            if latest and latest.source is Source.ROSTER:
                undo_answer(session, recipient, now=now)
                taken_back += 1
        elif label in _OWN_WORD:
            contrary += 1
        elif label is not Label.INSTALLED:
            answer = write_down(
                session,
                recipient,
                Label.INSTALLED,
                source=Source.ROSTER,
                place=Place.ROSTER,
                note=agency.name,
                user=user,
                keys=keys,
                now=now,
            )
            marked += answer is not None
    known = {e164 for e164, _recipient in found}
    strangers = sum(done for e164, done in said.items() if e164 not in known)
    return HandedIn(report, marked, taken_back, contrary, strangers)


def _recipients(
    session: Session, campaign_id: int, numbers: Mapping[str, bool], *, user: User
) -> list[tuple[str, Recipient]]:
    """Of the lists and the area that the user may see: a roster does not tell who is written to from others'.

    In the order of their phones, which are locked one by one: whoever locks many does it in this order.
    """
    rows = session.execute(
        select(Phone.e164, Recipient)
        .join(Recipient, Recipient.phone_id == Phone.id)
        .join(ContactList, ContactList.id == Recipient.list_id)
        .where(
            Phone.e164.in_(listed(session, list(numbers), String)),
            Recipient.campaign_id == campaign_id,
            Recipient.exclusion.is_(None),
            visible_to(session, user, ContactList.organisation_id),
            within_area(session, user, Recipient.area_code),
        )
        .order_by(Recipient.phone_id)
    )
    return [(e164, recipient) for e164, recipient in rows]


def _column_of(row: CheckedRow) -> int:
    labels = row.header.labels
    column = find_heading(labels, [*row.header.columns.values(), *row.header.phones])
    if column is None:
        found = ", ".join(f"“{label[:60]}”" for label in labels[:30] if label) or "không có cột nào"
        raise BadInput(
            f"Không tìm thấy cột ghi ai đã cài. Các cột đọc được: {found}. "
            "Hãy đặt tên cột đó là “Đã cài”, ghi x nếu đã cài, để trống nếu chưa."
        )
    return column
