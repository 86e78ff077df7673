"""Demo people and figures: random names in five lists, two goals, official and agency figures.

The goals are those of the province's letter; the invented figures say that they are invented.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from campaigns.agencies.reports import submit_by_officer
from campaigns.goals.goals import enter_denominator, enter_official, find_subject, set_goal
from campaigns.planning.drives import open_drive_of
from campaigns.rules.agencies import StaffCounts
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.goals import GoalScope, GoalSubject
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.users import create_organisation
from outreach.core.db import Base, is_postgresql
from outreach.imports.store_rows import find_or_create_list
from outreach.models.accounts import OrganisationKind, User
from outreach.models.contacts import Contact, ContactPhone, LegalBasis, Membership, Phone
from outreach.models.places import Area, AreaLevel
from outreach.rules.identity import name_key, name_order

ORGANISATIONS = (
    ("PN", "Hội Liên hiệp Phụ nữ tỉnh Kon Tum", "Hội viên phụ nữ"),
    ("TN", "Tỉnh đoàn Kon Tum", "Đoàn viên thanh niên"),
    ("ND", "Hội Nông dân tỉnh Kon Tum", "Hội viên nông dân"),
    ("CCB", "Hội Cựu chiến binh tỉnh Kon Tum", "Hội viên cựu chiến binh"),
    ("LDLD", "Liên đoàn Lao động tỉnh Kon Tum", "Đoàn viên công đoàn"),
)
_PREFIXES = [
    first + second
    for first, seconds in {"3": "23456789", "7": "06789", "8": "12345689", "9": "0134678"}.items()
    for second in seconds
]
_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương")
_MIDDLES = ("Văn", "Thị", "Minh", "Thanh", "Ngọc", "Quang", "Thu", "Đức", "Kim", "Hữu")
_GIVEN = ("An", "Bình", "Hà", "Hiền", "Hùng", "Hương", "Khánh", "Linh", "Nga", "Phượng", "Sơn", "Tâm", "Yến")
_VILLAGERS = ("Thun", "Hlan", "Blưm", "Kiêng", "Sương", "Mơn", "Hyar", "Lâu", "Nhơi", "Huynh", "Poi", "Viu")
_CHUNK = 20_000


def invent_people(session: Session, count: int, *, under: str, chance: random.Random, now: datetime) -> None:
    """Fill an empty directory with `count` people, in the lists of organisations below `under`.

    Each has a phone.
    """
    communes = session.scalars(select(Area.code).where(Area.level == AreaLevel.COMMUNE)).all()
    lists = []
    for code, name, list_name in ORGANISATIONS:
        made = create_organisation(
            session, code=code, name=name, kind=OrganisationKind.MASS, area_code="62", parent_code=under
        )
        contact_list = find_or_create_list(session, organisation_id=made.id, name=list_name, now=now)
        contact_list.basis, contact_list.basis_note = LegalBasis.MEMBERSHIP, "Điều lệ của tổ chức"
        lists.append(contact_list.id)
    numbers = _numbers(count)
    for start in range(1, count + 1, _CHUNK):
        # The tables are empty: a person and their phone get the same id.
        ids = range(start, min(start + _CHUNK, count + 1))
        _fill(session, Contact, [_person(id_, communes, chance, now) for id_ in ids])
        _fill(
            session,
            Phone,
            [
                {"id": id_, "e164": e164, "reversed": e164[::-1], "created_at": now}
                for id_, e164 in zip(ids, islice(numbers, len(ids)), strict=True)
            ],
        )
        _fill(session, ContactPhone, [{"contact_id": id_, "phone_id": id_, "position": 1} for id_ in ids])
        _fill(
            session,
            Membership,
            [{"contact_id": id_, "list_id": chance.choice(lists), "unit": ""} for id_ in ids],
        )
    if is_postgresql(session):
        for table in ("contacts", "phones"):
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {count})"))
            session.execute(text(f"ANALYZE {table}"))
        session.execute(text("ANALYZE contact_phones, memberships"))


def _person(id_: int, communes: Any, chance: random.Random, now: datetime) -> dict[str, Any]:
    name = _invent_name(chance)
    by_name, by_given = _keys(name)
    return {
        "id": id_,
        "name": name,
        "name_key": by_name,
        "given_key": by_given,
        "birth_year": chance.randint(1940, 2004),
        "area_code": chance.choice(communes),
        "village": f"Thôn {chance.randint(1, 9)}",
        "has_smartphone": chance.choices((True, False, None), (40, 8, 52))[0],
        "created_at": now,
        "updated_at": now,
    }


def _fill(session: Session, model: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert many rows at once, on PostgreSQL by its own fast way."""
    if not is_postgresql(session):
        session.execute(insert(model), rows)
        return
    columns = ", ".join(rows[0])
    driver = session.connection().connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {model.__tablename__} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))


def _numbers(count: int) -> Iterator[str]:
    """Yield the 280,000 sample numbers first, then numbers that are merely valid."""
    made = 0
    for block in range(1000):
        for last in range(10_000):
            for prefix in _PREFIXES:
                yield f"+84{prefix}{last % 10}{block:03d}{last // 10:03d}"
                made += 1
                if made == count:
                    return


@cache
def _keys(name: str) -> tuple[str, str]:
    return name_key(name), name_order(name)


def _invent_name(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return f"{chance.choice(('A', 'Y'))} {chance.choice(_VILLAGERS)}"
    return f"{chance.choice(_FAMILIES)} {chance.choice(_MIDDLES)} {chance.choice(_GIVEN)}"


LETTER = "Công văn của UBND tỉnh Kon Tum về đẩy mạnh cài đặt Bluezone, tháng 8 năm 2020"
EXAMPLE = "SỐ VÍ DỤ để tập huấn, không phải số thật"
# People by district: estimates from the census of 2019 and the shares of 2022.
RESIDENTS = {
    "608": 165_563,
    "615": 74_172,
    "611": 60_545,
    "616": 49_838,
    "612": 47_935,
    "610": 47_770,
    "614": 28_956,
    "617": 27_334,
    "613": 26_246,
    "618": 12_080,
}
# Of the demo's people, so that its shares look like those of a province.
_WITH_SMARTPHONE = 0.56
_OFFICIAL_OF = (0.34, 0.28, 0.31, 0.22, 0.27, 0.19, 0.24, 0.12, 0.17, 0.3)  # of those, by district
# What each agency counted on the last days, the oldest first: staff, smartphones, installed. None: not handed in.
_AGENCIES: tuple[tuple[str, str, tuple[StaffCounts | None, ...]], ...] = (
    (
        "STTTT",
        "Sở Thông tin và Truyền thông",
        (StaffCounts(62, 60, 51), StaffCounts(62, 60, 57), StaffCounts(62, 60, 60)),
    ),
    (
        "SYT",
        "Sở Y tế",
        (StaffCounts(1_204, 1_181, 920), StaffCounts(1_204, 1_181, 1_043), StaffCounts(1_204, 1_181, 1_120)),
    ),
    ("SGDDT", "Sở Giáo dục và Đào tạo", (StaffCounts(318, 309, 188), StaffCounts(318, 309, 226), None)),
    ("STC", "Sở Tài chính", (None, StaffCounts(74, None, 40), StaffCounts(74, 71, 55))),
)


def invent_figures(session: Session, contacts: int, *, under: str, user: User, now: datetime) -> None:
    """Goals, denominators, official installs and agencies' counts for a demo of so many people."""
    today = now.astimezone(VIETNAM).date()
    then = now - timedelta(days=4)
    drive = open_drive_of(session, DEFAULT_KIND, now=then).id
    for scope, place, share in ((GoalScope.RESIDENTS, "62", "50"), (GoalScope.STAFF, "", "100")):
        subject = find_subject(session, drive=drive, scope=scope, place=place)
        deadline = (today + timedelta(days=12)).isoformat()
        set_goal(session, subject, share=share, deadline=deadline, basis=LETTER, user=user, now=then)
    whole = sum(RESIDENTS.values())
    owners = {
        code: max(1, round(contacts * _WITH_SMARTPHONE * people / whole))
        for code, people in RESIDENTS.items()
    }
    for code, count in {"62": sum(owners.values()), **owners}.items():
        enter_denominator(
            session,
            GoalSubject(drive, GoalScope.RESIDENTS, area=code),
            value=str(count),
            as_of=then.astimezone(VIETNAM).date().isoformat(),
            source=EXAMPLE,
            user=user,
            now=then,
        )
    for (code, count), share_of_them in zip(owners.items(), _OFFICIAL_OF, strict=True):
        enter_official(
            session,
            drive=drive,
            day=(today - timedelta(days=1)).isoformat(),
            area=code,
            installed=str(round(count * share_of_them)),
            source=EXAMPLE,
            user=user,
            now=now,
        )
    for code, name, days in _AGENCIES:
        agency = create_organisation(
            session, code=code, name=name, kind=OrganisationKind.AGENCY, parent_code=under, area_code="62"
        )
        for ago, counts in zip(range(len(days) - 1, -1, -1), days, strict=True):
            if counts:
                submit_by_officer(
                    session,
                    agency.id,
                    counts,
                    day=today - timedelta(days=ago),
                    note=EXAMPLE,
                    user=user,
                    now=now - timedelta(days=ago),
                )
