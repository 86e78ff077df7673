"""An import taken back: what it alone brought goes, what others brought stays, and history is not torn."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from campaigns.models import Recipient
from outreach.people.importing import storing as importing
from outreach.people.importing.undoing import undo_rows
from outreach.people.models import Contact, ImportChange, ImportIssue, ListImport, Membership, Phone
from outreach.places.loading import load_areas
from tests.flows.lists import UNITS, bring, count, directory, local, write
from tests.flows.world import LIST, World, number


@pytest.fixture
def office(world: World) -> World:
    with world.runtime.db.write() as session:
        load_areas(session, UNITS)
    return world


def undo(world: World, import_id: int, *, limit: int = 1000) -> int:
    """All of an import in steps; how many steps it took."""
    steps = 0
    while True:
        with world.runtime.db.write() as session:
            done = undo_rows(session, session.get_one(ListImport, import_id), limit=limit, now=world.now)
        if not done:
            return steps
        steps += 1


@pytest.mark.parametrize("limit", [1, 1000])
def test_people_who_came_by_it_alone_go_with_their_numbers(office: World, tmp_path: Path, limit: int) -> None:
    bring(office, write(tmp_path, *[f"{n},A Thun {n},,,,{local(n)}" for n in (1, 2, 3)], "4,Y Rơ,41,,,hỏng"))
    assert undo(office, 1, limit=limit) == (3 if limit == 1 else 1)
    for table in (Contact, Phone, Membership, ImportIssue):
        assert count(office, table) == 0, table
    with office.runtime.db.read() as session:
        assert session.get_one(ListImport, 1).undone_at == office.now


@pytest.mark.parametrize("name", ["Hội viên", "Danh sách khác"])
def test_the_directory_is_as_it_was_before_the_import(office: World, tmp_path: Path, name: str) -> None:
    bring(office, write(tmp_path, f"1,Y Hlan,,Thôn 1,,{local(1)}", f"2,A Lâu,1980,,,{local(2)}"))
    before = directory(office)
    more = [
        f"1,Y Hlan,1990,Thôn 2,Đắk Mar,{local(1)} / {local(9)}",
        f"2,A Lâu,,,,{local(2)}",
        f"3,Y Rơ,,,,{local(3)}",
    ]
    bring(office, write(tmp_path, *more), name)
    assert directory(office) != before
    undo(office, 2)
    assert directory(office) == before
    assert count(office, ImportChange) == 0
    assert count(office, Phone) == 2


def test_whom_a_later_file_of_the_list_had_too_stays_in_it(office: World, tmp_path: Path) -> None:
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}", f"2,A Lâu,,,,{local(2)}"))
    assert bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}")).unchanged == 1
    undo(office, 1)
    assert [row[0] for row in directory(office)] == ["Y Hlan"]
    undo(office, 2)
    assert directory(office) == []


def test_whom_a_campaign_wrote_to_stays_known_without_the_list(office: World, tmp_path: Path) -> None:
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), LIST)
    office.launch()
    undo(office, 1)
    assert count(office, Membership) == 0
    with office.runtime.db.read() as session:
        assert session.scalars(select(Phone.e164)).all() == [number(1)]
        assert (
            session.scalars(select(Recipient.contact_id)).all() == session.scalars(select(Contact.id)).all()
        )


def test_what_it_asked_again_is_asked_by_the_earlier_file(
    office: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK", 1)
    file = write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123")
    bring(office, file)
    bring(office, file)
    undo(office, 2)
    with office.runtime.db.read() as session:
        assert [(each.import_id, each.decision) for each in session.scalars(select(ImportIssue))] == [
            (1, None)
        ]
