"""One word for all rows of a file that wait for the same reason, and back again as if it had never been said."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from outreach.imports.decide_issue import decide_issue
from outreach.imports.erasures import erase_import_rows
from outreach.imports.issues import Decision, read_open_issues
from outreach.imports.retract_decision import read_last, retract_decision
from outreach.models.accounts import AuditEvent, AuditValues
from outreach.models.contacts import Contact, ContactPhone, ImportChange, ImportIssue, ListImport, Membership
from outreach.rules.errors import BadInput, NotFound, WrongState
from tests.support.errors import refuses
from tests.support.lists import bring, local, people, write
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, number

_KEPT = (ContactPhone, ImportChange, Membership, ListImport, ImportIssue)


def everything(world):
    """The directory and the imports as they are, but for when somebody was changed, and what a file stated that was known."""
    with world.runtime.db.read() as session:
        rows = [
            (table.__tablename__, *row)
            for table in _KEPT
            for row in session.execute(select(*table.__table__.columns))
            if table is not ImportChange or row.fields
        ]
        named = select(Contact.id, Contact.name, Contact.name_key, Contact.given_key, Contact.birth_year)
        rows += [
            ("contacts", *row, village)
            for *row, village in session.execute(named.add_columns(Contact.village))
        ]
    return sorted(map(repr, rows))


def say(world, decision, *, row=0, after=0, **more):
    """Decide on a row that waits, and on all like it; how many."""
    rows, _count = world.read(read_open_issues)
    now = world.now + timedelta(seconds=after)
    more = {"now": now, "and_alike": True, **more}
    return world.do(decide_issue, rows[row].issue.id, decision, **more)


def take_back(world, email=AUTHOR):
    last = world.read(read_last)
    return world.do(retract_decision, last.issue_id, by=email)


def names_on_record(world):
    """The names before and after, as the audit has them beside the people."""
    changes = world.all(
        select(AuditValues.changes)
        .join(AuditEvent, AuditEvent.id == AuditValues.event_id)
        .where(AuditEvent.action == "contact.correct", AuditEvent.subject.startswith("contacts:"))
    )
    return {tuple(each["name"]) for each in changes if each}


@pytest.fixture
def waiting(world, tmp_path):
    """Four numbers in doubt, two of one person and one of somebody known; two changed names; another file's doubt."""
    known = (f"1,Nguyễn Thị Hoa,,,,{local(1)}", f"2,Trần Văn Đức,,,,{local(2)}", "3,Y Rơ,,,,0905000129")
    bring(world, write(tmp_path, *known))
    rows = [f"{n},Y Hlan {n},199{n},Thôn {n},,09O5 OOO 12{n}" for n in (1, 2)]
    rows += ["3,Y Hlan 1,1991,,,09O5 OOO 121", "4,Y Rơ,1980,Thôn 4,,09O5 OOO 129"]
    rows += [f"5,Nguyễn Thị Ngọc Hoa,1970,,,{local(1)} / {local(3)}", f"6,Trần Văn Đút,1975,,,{local(2)}"]
    assert bring(world, write(tmp_path, *rows, name="b.csv")).review == 6
    assert (
        bring(world, write(tmp_path, "1,A Thun,,,,09O5 OOO 125", name="c.csv"), "Danh sách khác").review == 1
    )
    return world


@both_databases
def test_doubtful_numbers_of_one_file_are_taken_together_and_given_back(waiting):
    before = everything(waiting)
    assert say(waiting, Decision.TAKEN) == 4
    assert people(waiting) | {"Trần Văn Đức": []} == {
        "Nguyễn Thị Hoa": [number(1)],
        "Trần Văn Đức": [],
        "Y Hlan 1": ["+84905000121"],
        "Y Hlan 2": ["+84905000122"],
        "Y Rơ": ["+84905000129"],
    }
    counts = waiting.get_one(ListImport, 2).counts
    assert (counts["created"], counts["merged"], counts["updated"], counts["review"]) == (2, 1, 1, 2)
    assert waiting.one(select(Contact.birth_year).where(Contact.name == "Y Rơ")) == 1980
    assert take_back(waiting) == 4
    assert everything(waiting) == before


@pytest.mark.parametrize("decision", [Decision.SAME, Decision.RENAMED, Decision.TAKEN, Decision.DROPPED])
def test_changed_names_of_one_file_are_decided_together_and_given_back(waiting, decision):
    before = everything(waiting)
    assert say(waiting, decision, row=4) == 2
    names = {"Nguyễn Thị Hoa", "Trần Văn Đức"}
    renamed = {"Nguyễn Thị Ngọc Hoa", "Trần Văn Đút"}
    expected = {Decision.RENAMED: renamed, Decision.TAKEN: names | renamed}.get(decision, names)
    assert set(people(waiting)) == expected | {"Y Rơ"}
    assert names_on_record(waiting) == (
        {("Nguyễn Thị Hoa", "Nguyễn Thị Ngọc Hoa"), ("Trần Văn Đức", "Trần Văn Đút")}
        if decision is Decision.RENAMED
        else set()
    )
    assert take_back(waiting) == 2
    assert len(names_on_record(waiting)) == (4 if decision is Decision.RENAMED else 0)
    assert everything(waiting) == before


def test_two_digits_are_read_in_the_same_way_in_all_rows(world, tmp_path):
    ages = (41, 63, 20, 75)
    bring(world, write(tmp_path, *(f"{n},Y Hlan {n},{age},,,{local(n)}" for n, age in enumerate(ages, 1))))
    before = everything(world)
    this_year = world.now.year
    assert say(world, Decision.ANSWERED, birth_year=this_year - 41) == 4
    years = world.all(select(Contact.birth_year).order_by(Contact.id))
    assert years == [this_year - age for age in ages]
    assert take_back(world) == 4
    assert everything(world) == before
    assert say(world, Decision.ANSWERED, birth_year=1941, after=1) == 4
    years = world.all(select(Contact.birth_year).order_by(Contact.id))
    assert years == [1941, 1963, 1920, 1975]


def test_what_has_been_done_since_stays(waiting):
    say(waiting, Decision.TAKEN)
    person_id = waiting.contact("Y Hlan 2")
    campaign = waiting.launch()
    take_back(waiting)
    assert waiting.recipient("+84905000122", campaign).contact_id == person_id
    with waiting.runtime.db.read() as session:
        assert session.get(Membership, (waiting.list_id, person_id)) is None
        assert session.get(Contact, person_id) is not None


def test_a_row_that_was_emptied_since_stays_as_it_was_decided(waiting):
    assert say(waiting, Decision.TAKEN) == 4
    person = waiting.one(select(Contact).where(Contact.name == "Y Hlan 2"))
    own = {"own": ["+84905000122"], "shared": [], "user_id": 1}
    waiting.do(erase_import_rows, person.id, person.name, **own)
    assert take_back(waiting) == 3
    emptied = waiting.one(select(ImportIssue).where(ImportIssue.key == ""))
    assert (emptied.decision, emptied.cells) == (Decision.TAKEN, {})
    counts = waiting.get_one(ListImport, 2).counts
    assert (counts["review"], counts["created"]) == (5, 1)


def test_only_ones_own_last_decision_is_taken_back_and_once(waiting):
    say(waiting, Decision.DROPPED)
    with refuses(WrongState, says="không hoàn tác được"):
        take_back(waiting, APPROVER)
    take_back(waiting)
    assert waiting.read(read_last) is None
    with pytest.raises(WrongState):
        waiting.do(retract_decision, 1)
    with pytest.raises(NotFound):
        waiting.do(retract_decision, 99)


def test_a_number_typed_by_hand_is_for_one_row(waiting):
    before = everything(waiting)
    with pytest.raises(BadInput, match="typed_number_for_one"):
        say(waiting, Decision.TAKEN, phone=local(9))
    assert everything(waiting) == before
