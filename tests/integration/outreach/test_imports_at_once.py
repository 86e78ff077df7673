"""Files stored, undone and decided on while somebody else writes: nothing that either of both did is lost."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from campaigns.models.campaigns import Campaign, CampaignList
from campaigns.planning.audience import freeze_audience, lists_of_organisations
from outreach.contacts.contact import correct_contact
from outreach.contacts.phones import add_number
from outreach.imports import store_rows as store_module
from outreach.imports import undo_import as undo_module
from outreach.imports.change_list import remove_list
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision
from outreach.imports.list_reader import check_list
from outreach.imports.merge_contacts import ContactMerger
from outreach.imports.store_rows import begin_import, find_or_create_list, lock_imports, store_rows
from outreach.imports.undo_import import undo_import_rows
from outreach.imports.uploads import undo_import
from outreach.models.contacts import Contact, ContactList, ListImport, Phone
from outreach.rules.errors import BadCampaign, WrongState
from tests.integration.outreach.test_taken_back import OWN, find_list, told, unclear
from tests.support.lists import GAZETTEER, bring, local, write
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, number

# SQLite has one writer.
pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
BLOCKED_S = 0.7  # what waits has not come to its end by then
ROW = f"1,A Thun,1950,Thôn 1,,{local(1)}"
KNOWN = ("A Thun", 1950, "Thôn 1", number(1), OWN)


def in_the_middle(world, first, second, *, waits=True):
    """`second` begins once `first` has done all but commit; what it came to when both have committed."""
    with ThreadPoolExecutor(1) as pool:
        with world.runtime.db.write() as session:
            first(session)
            begun = pool.submit(second)
            assert wait([begun], timeout=BLOCKED_S).done == set() or not waits, "it did not wait"
        return begun.exception() or begun.result()


def storing(world, tmp_path, row):
    rows = [*check_list(write(tmp_path, row, name="later.csv"), GAZETTEER)]
    list_id, now = find_list(world, OWN), datetime.now(UTC)

    def work(session):
        brought = begin_import(session, list_id=list_id, file_name="later.csv", sha256="0", now=now)
        store_rows(session, rows, list_import=brought, known_areas=set(), now=now)

    return work


def undoing(world):
    return lambda session: undo_import_rows(session, session.get_one(ListImport, 1), limit=9, now=world.now)


def alone(world, work):
    def run():
        with world.runtime.db.write() as session:
            work(session)

    return run


def deciding(world, decision, email=AUTHOR):
    user = world.user(email)
    values = {"phone": local(1)} if decision is Decision.TAKEN else {}
    return lambda session: decide_issue(session, 1, decision, user=user, now=world.now, **values)


@cases(False, True)
def test_a_file_is_stored_while_another_with_the_same_people_is_undone_or_the_reverse(
    world, tmp_path, is_first
):
    bring(world, write(tmp_path, ROW))
    works = [storing(world, tmp_path, ROW), undoing(world)]
    first, second = works if is_first else reversed(works)
    in_the_middle(world, first, alone(world, second))
    undo_import(world.runtime, 1)
    assert told(world) == [KNOWN]
    undo_import(world.runtime, 2)
    assert told(world) == []


def test_two_files_stored_at_once_have_a_person_once(world, tmp_path):
    bring(world, write(tmp_path, f"1,Y Rơ,,,,{local(3)}"))
    in_the_middle(world, storing(world, tmp_path, ROW), alone(world, storing(world, tmp_path, ROW)))
    assert told(world)[0] == KNOWN
    undo_import(world.runtime, 2)
    assert told(world)[0] == KNOWN


@cases(Decision.TAKEN, Decision.DROPPED)
def test_of_two_who_decide_a_row_the_second_is_told(world, tmp_path, decision):
    bring(world, write(tmp_path, f"1,A Thun,,,,{unclear(1)}"))
    second = alone(world, deciding(world, decision, APPROVER))
    assert isinstance(in_the_middle(world, deciding(world, Decision.TAKEN), second), WrongState)
    assert told(world) == [("A Thun", None, "", number(1), OWN)]


@cases(False, True)
def test_a_row_that_is_put_right_while_it_is_decided_is_asked_about_no_more(world, tmp_path, is_first):
    bring(world, write(tmp_path, f"1,A Thun,,,,{unclear(1)}"))
    corrected = tmp_path / "corrected.csv"
    corrected.write_text(f"Họ và tên,SĐT,Mã dòng (giữ nguyên)\nA Thun,{local(1)},L1.1\n", encoding="utf-8")
    rows, now = [*check_list(corrected, GAZETTEER)], datetime.now(UTC)
    list_id = find_list(world, OWN)

    def correct(session):
        brought = begin_import(session, list_id=list_id, file_name="c.csv", sha256="0", now=now)
        store_rows(session, rows, list_import=brought, known_areas=set(), now=now)

    decide = deciding(world, Decision.TAKEN)
    came_to = in_the_middle(
        world, *((correct, alone(world, decide)) if is_first else (decide, alone(world, correct)))
    )
    assert isinstance(came_to, WrongState) is is_first
    assert told(world) == [("A Thun", None, "", number(1), OWN)]


def correct_as_officer(world, person):
    values = {"birth_year": "1960", "sex": "", "village": "Thôn 9", "area_code": "", "has_smartphone": None}
    world.do(correct_contact, person, name="A Thun", **values)


def give_number(world, person):
    world.do(add_number, person, number(2))


@cases((correct_as_officer, (1960, "Thôn 9")), (give_number, (1950, "Thôn 1")))
def test_what_an_officer_says_while_a_file_is_stored_stays(world, tmp_path, monkeypatch, say, left):
    bring(world, write(tmp_path, f"1,A Thun,,,,{local(1)}"))
    world.add(Phone(e164=number(2), reversed=number(2)[::-1], created_at=world.now))
    person, store = world.one(select(Contact.id)), ContactMerger.write

    def said_before(self):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(say, world, person).result()
        store(self)

    monkeypatch.setattr(ContactMerger, "write", said_before)
    alone(world, storing(world, tmp_path, f"{ROW} / {local(2)}"))()
    assert told(world) == [("A Thun", *left, number(1), number(2), OWN)]


def test_what_an_officer_says_while_a_file_is_undone_stays(world, tmp_path, monkeypatch):
    bring(world, write(tmp_path, f"1,A Thun,,,,{local(1)}"))
    bring(world, write(tmp_path, ROW), "Khác")
    person, restore, begun = world.one(select(Contact.id)), undo_module.restore_values, []
    with ThreadPoolExecutor(1) as pool:

        def said_before(*values):
            begun.append(pool.submit(correct_as_officer, world, person))
            wait(begun, timeout=BLOCKED_S)
            restore(*values)

        monkeypatch.setattr(undo_module, "restore_values", said_before)
        undo_import(world.runtime, 2)
    begun[0].result()
    assert told(world) == [("A Thun", 1960, "Thôn 9", number(1), OWN)]


@pytest.mark.parametrize("is_before", [False, True])
def test_no_campaign_is_written_to_a_list_that_is_removed(world, tmp_path, is_before):
    bring(world, write(tmp_path, ROW), "Khác")
    user, list_id = world.user(AUTHOR), find_list(world, "Khác")

    def remove(session):
        remove_list(session, list_id, user=user, now=world.now)

    if is_before:
        alone(world, remove)()
        with pytest.raises(BadCampaign, match="list_name_unknown"):
            world.draft(lists=["Khác"])
    else:
        refused = in_the_middle(world, remove, lambda: world.draft(lists=["Khác"]))
        assert isinstance(refused, BadCampaign)
    assert world.get_one(ContactList, list_id).hidden


@cases("removed first", "launched first", "removed before")
def test_a_list_is_removed_while_a_campaign_to_its_organisation_is_launched_or_the_reverse(
    world, tmp_path, order
):
    world.add_people(2)
    campaign = world.draft(lists=[], organisations=["MTTQ"])
    bring(world, write(tmp_path, ROW), "Khác")
    user, list_id = world.user(AUTHOR), find_list(world, "Khác")

    def remove(session):
        remove_list(session, list_id, user=session.merge(user), now=world.now)

    def begin(session):
        freeze_audience(session, session.get_one(Campaign, campaign, with_for_update=True))

    if order == "removed before":
        alone(world, remove)()
        alone(world, begin)()
    else:
        works = (remove, begin) if order == "removed first" else (begin, remove)
        came_to = in_the_middle(world, works[0], alone(world, works[1]))
        assert isinstance(came_to, WrongState) is (order == "launched first")
    its = world.all(select(CampaignList.list_id).where(CampaignList.campaign_id == campaign))
    assert (list_id in its) is (order == "launched first")
    assert world.get_one(ContactList, list_id).hidden is (order != "launched first")
    with world.runtime.db.write() as session:  # what a form counts
        assert (list_id in lists_of_organisations(session, ["MTTQ"])) is (order == "launched first")


def test_a_command_that_undoes_an_import_holds_nothing_for_which_others_wait(world, tmp_path):
    """A merge or a decision has the imports to itself, and then wants the import's row."""
    bring(world, write(tmp_path, ROW))
    with ThreadPoolExecutor(1) as pool:
        with world.runtime.db.write() as session:
            lock_imports(session)
            begun = pool.submit(undo_import, world.runtime, 1)
            assert not wait([begun], timeout=BLOCKED_S).done
            session.get_one(ListImport, 1, with_for_update=True)
        assert begun.result() == 1


def test_a_list_that_another_request_makes_between_the_look_and_the_making_is_used(world, monkeypatch):
    owner = world.get_one(ContactList, world.list_id).organisation_id
    named = {"organisation_id": owner, "name": "Từ cổng dữ liệu"}
    made, find = [], store_module.find_holder

    def after_another(*args, **values):
        monkeypatch.setattr(store_module, "find_holder", find)
        made.append(world.do(find_or_create_list, **named).id)
        return find(*args, **values)

    monkeypatch.setattr(store_module, "find_holder", after_another)
    assert [world.do(find_or_create_list, **named).id] == made
