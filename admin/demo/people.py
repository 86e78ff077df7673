"""The demo's people: invented names put together by chance, in the lists of five organisations."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from outreach.access.models import OrganisationKind
from outreach.access.organisations import create_organisation
from outreach.db import Base
from outreach.people.importing.storing import find_or_create_list
from outreach.people.models import Contact, ContactPhone, LegalBasis, Membership, Phone
from outreach.people.names import given_key, name_key
from outreach.places.models import Area, AreaLevel

ORGANISATIONS = (
    ("PN", "Hội Liên hiệp Phụ nữ tỉnh Kon Tum", "Hội viên phụ nữ"),
    ("TN", "Tỉnh đoàn Kon Tum", "Đoàn viên thanh niên"),
    ("ND", "Hội Nông dân tỉnh Kon Tum", "Hội viên nông dân"),
    ("CCB", "Hội Cựu chiến binh tỉnh Kon Tum", "Hội viên cựu chiến binh"),
    ("LDLD", "Liên đoàn Lao động tỉnh Kon Tum", "Đoàn viên công đoàn"),
)
_PREFIXES = [
    "32",
    "33",
    "34",
    "35",
    "36",
    "37",
    "38",
    "39",
    "70",
    "76",
    "77",
    "78",
    "79",
    "81",
    "82",
    "83",
    "84",
    "85",
    "86",
    "88",
    "89",
    "90",
    "91",
    "93",
    "94",
    "96",
    "97",
    "98",
]
_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương")
_MIDDLES = ("Văn", "Thị", "Minh", "Thanh", "Ngọc", "Quang", "Thu", "Đức", "Kim", "Hữu")
_GIVEN = ("An", "Bình", "Hà", "Hiền", "Hùng", "Hương", "Khánh", "Linh", "Nga", "Phượng", "Sơn", "Tâm", "Yến")
_VILLAGERS = ("Thun", "Hlan", "Blưm", "Kiêng", "Sương", "Mơn", "Hyar", "Lâu", "Nhơi", "Huynh", "Poi", "Viu")
_CHUNK = 20_000


def invent_people(session: Session, count: int, *, under: str, chance: random.Random, now: datetime) -> None:
    """Fill an empty directory: `count` people with a phone each, in the lists of organisations below `under`."""
    communes = session.scalars(select(Area.code).where(Area.level == AreaLevel.COMMUNE)).all()
    lists = []
    for code, name, list_name in ORGANISATIONS:
        made = create_organisation(
            session, code=code, name=name, kind=OrganisationKind.MASS, area_code="62", parent_code=under
        )
        brought = find_or_create_list(session, organisation_id=made.id, name=list_name, now=now)
        brought.basis, brought.basis_note = LegalBasis.MEMBERSHIP, "Điều lệ của tổ chức"
        lists.append(brought.id)
    numbers = _numbers(count)
    for start in range(1, count + 1, _CHUNK):
        # The tables are empty: a person and their phone get the same number.
        ids = range(start, min(start + _CHUNK, count + 1))
        _fill(session, Contact, [_person(id_, communes, chance, now) for id_ in ids])
        _fill(
            session,
            Phone,
            [
                {"id": id_, "e164": e164, "backwards": e164[::-1], "created_at": now}
                for id_, e164 in zip(ids, islice(numbers, len(ids)), strict=True)
            ],
        )
        _fill(session, ContactPhone, [{"contact_id": id_, "phone_id": id_, "position": 1} for id_ in ids])
        _fill(
            session,
            Membership,
            [{"contact_id": id_, "list_id": chance.choice(lists), "unit": ""} for id_ in ids],
        )
    if session.get_bind().dialect.name == "postgresql":
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
    """Many rows at once, in PostgreSQL's own way where it is PostgreSQL."""
    if session.get_bind().dialect.name != "postgresql":
        session.execute(insert(model), rows)
        return
    columns = ", ".join(rows[0])
    driver = session.connection().connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {model.__tablename__} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(tuple(row.values()))


def _numbers(count: int) -> Iterator[str]:
    """Sample numbers first; the 280,000 used up, numbers that are merely valid."""
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
    return name_key(name), given_key(name)


def _invent_name(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return f"{chance.choice(('A', 'Y'))} {chance.choice(_VILLAGERS)}"
    return f"{chance.choice(_FAMILIES)} {chance.choice(_MIDDLES)} {chance.choice(_GIVEN)}"
