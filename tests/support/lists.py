"""Lists to bring in, and what the directory holds afterwards."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.core.db import chunks
from outreach.imports import store_rows
from outreach.imports.decide_issue import store_decided_before
from outreach.imports.list_reader import check_list
from outreach.imports.store_rows import ImportCounts, begin_import, digest, find_or_create_list
from outreach.models.accounts import Area
from outreach.models.contacts import Contact, ContactList, ContactPhone, ListImport, Membership, Phone
from outreach.rules.list_rows import CheckedRow
from tests.support.places import KONTUM_2020
from tests.support.world import World, number

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "data" / "contacts_sample.csv"
EXPECTED = ROOT / "tests" / "data" / "contacts_sample_expected.csv"
UNITS = ROOT / "outreach" / "places" / "kontum_units.csv"
HEADER = "STT,Họ và tên,Năm sinh,Thôn,Xã/phường,SĐT"
GAZETTEER = KONTUM_2020


def local(index: int) -> str:
    """The index-th sample number as a list writes it."""
    return "0" + number(index).removeprefix("+84")


def bring(
    world: World, file: Path, name: str = "Hội viên", *, rows: Iterator[CheckedRow] | None = None
) -> ImportCounts:
    """What an import stores, in one transaction."""
    with world.runtime.db.write() as session:
        owner = session.get_one(ContactList, world.list_id).organisation_id
        into = find_or_create_list(session, organisation_id=owner, name=name, now=world.now)
        of = {"known_areas": set(session.scalars(select(Area.code)))}
        listed = rows or check_list(file, GAZETTEER)
        _, counts = import_rows(session, listed, into=into, file=file, now=datetime.now(UTC), **of)
    assert counts.rows == sum(asdict(counts).values()) - counts.rows
    return counts


def import_rows(
    session: Session,
    rows: Iterable[CheckedRow],
    *,
    into: ContactList,
    file: Path,
    known_areas: set[str],
    now: datetime,
) -> tuple[ListImport, ImportCounts]:
    """Store the rows of a file in one transaction, in chunks as an upload is."""
    brought = begin_import(session, list_id=into.id, file_name=file.name, sha256=digest(file), now=now)
    for chunk in chunks(rows, store_rows.CHUNK):
        store_rows.store_rows(session, chunk, list_import=brought, known_areas=known_areas, now=now)
    store_decided_before(session, brought, now=now)
    return brought, ImportCounts(**brought.counts)


def write(tmp_path: Path, *lines: str, name: str = "list.csv") -> Path:
    file = tmp_path / name
    file.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return file


def directory(world: World) -> list[Any]:
    """Everybody with everything that is known of them, their numbers in order and their lists."""
    people = world.all(select(Contact).order_by(Contact.id))
    found = []
    for person in people:
        phones = select(Phone.e164).join(ContactPhone, ContactPhone.phone_id == Phone.id)
        phones = phones.where(ContactPhone.contact_id == person.id).order_by(ContactPhone.position)
        numbers = world.all(phones)
        names = select(ContactList.name).join(Membership, Membership.list_id == ContactList.id)
        lists = world.all(names.where(Membership.contact_id == person.id).order_by(ContactList.name))
        found.append(
            (person.name, person.birth_year, person.sex, person.area_code, person.village, *numbers, *lists)
        )
    return sorted(found, key=str)


def people(world: World) -> dict[str, list[str]]:
    """Names to numbers."""
    return {row[0]: [cell for cell in row if str(cell).startswith("+84")] for row in directory(world)}
