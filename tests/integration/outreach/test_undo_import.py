"""An import taken back: what it alone brought goes, what others brought stays, and history is not torn."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from campaigns.cases.merge_people import merge_people, unmerge_people
from campaigns.models.campaigns import Recipient
from outreach.contacts.contact import correct_contact
from outreach.contacts.languages import remember_languages
from outreach.contacts.phones import add_number, remove_number
from outreach.contacts.place_questions import move_contacts
from outreach.contacts.references import read_references, set_references
from outreach.imports import store_rows
from outreach.imports.change_list import merge_list, remove_list, split_list
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision, export_issues
from outreach.imports.list_reader import check_list
from outreach.imports.retract_decision import retract_decision
from outreach.imports.store_rows import begin_import, find_or_create_list
from outreach.imports.undo_import import undo_import_rows
from outreach.models.accounts import Area, Organisation
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ContactReference,
    ImportChange,
    ImportIssue,
    ImportSighting,
    LegalBasis,
    ListImport,
    Membership,
    Phone,
    Upload,
)
from outreach.places.areas import load_areas
from outreach.rules.errors import NotFound, WrongState
from tests.support.lists import GAZETTEER, HEADER, UNITS, bring, directory, local, write
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import AUTHOR, LIST, number


@pytest.fixture
def office(world):
    world.do(load_areas, UNITS)
    return world


def undo(world, import_id, *, limit=1000):
    """All of an import in steps; how many steps it took."""
    steps = 0
    while True:
        with world.runtime.db.write() as session:
            done = undo_import_rows(
                session, session.get_one(ListImport, import_id), limit=limit, now=world.now
            )
        if not done:
            return steps
        steps += 1


@pytest.mark.parametrize("limit", [1, 1000])
def test_people_who_came_by_it_alone_go_with_their_numbers(office, tmp_path, limit):
    bring(office, write(tmp_path, *[f"{n},A Thun {n},,,,{local(n)}" for n in (1, 2, 3)], "4,Y Rơ,41,,,hỏng"))
    assert undo(office, 1, limit=limit) == (4 if limit == 1 else 1)
    for table in (Contact, Phone, Membership, ImportIssue):
        assert office.count(table) == 0, table
    assert office.get_one(ListImport, 1).undone_at == office.now


@pytest.mark.parametrize("chunk", [1, 1000])
def test_what_one_of_two_rows_about_somebody_says_is_their_own_files(office, tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(store_rows, "CHUNK", chunk)
    bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)}"))
    bring(office, write(tmp_path, f"1,A Thun,1951,,,{local(1)} / {local(2)}", f"2,A Thun,,,,{local(1)}"))
    undo(office, 2)
    assert office.all(select(Phone.e164)) == [number(1)]
    assert office.one(select(Contact.birth_year)) is None


def test_a_number_that_an_officer_gave_back_outlives_the_file_that_stated_it(office, tmp_path):
    bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)}"), "Một")
    bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)} / {local(2)}"), "Hai")
    person = office.one(select(Contact.id))
    phone = office.phone(number(2))
    office.do(remove_number, person, phone, note="nhầm")
    office.do(add_number, person, number(2))
    undo(office, 2)
    assert directory(office) == [("A Thun", None, None, None, "", number(1), number(2), "Một")]


def test_a_list_named_as_one_that_was_removed_has_nothing_of_it(office, tmp_path):
    def id_of(name):
        return office.one(select(ContactList.id).where(ContactList.name == name))

    bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)}", "2,Y Rơ,,,,09O0 000 002"), "Một")
    bring(office, write(tmp_path, f"1,Y Sương,,,,{local(3)}"), "Hai")
    office.change(ContactList, id_of("Hai"), basis=LegalBasis.CONSENT)
    office.do(merge_list, id_of("Một"), into=id_of("Hai"))
    office.do(remove_list, id_of("Hai"))
    bring(office, write(tmp_path, f"1,Y Sương,,,,{local(3)}", f"2,A Thun,,,,{local(1)}"), "Hai")
    assert office.get_one(ContactList, id_of("Hai")).basis is None
    office.do(decide_issue, 1, Decision.TAKEN, phone=local(2))
    assert [each[-1] for each in directory(office) if each[0] == "Y Rơ"] == ["Một"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer
def test_a_row_whose_file_is_undone_at_that_moment_is_not_there(office, tmp_path, monkeypatch):
    bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)}", "2,Y Rơ,,,,09O0 000 002"))

    def undone_before(session, lock=store_rows.lock_imports):
        monkeypatch.undo()
        undo(office, 1)
        lock(session)

    monkeypatch.setattr("outreach.imports.decide_issue.lock_imports", undone_before)
    with pytest.raises(NotFound):
        office.do(decide_issue, 1, Decision.TAKEN)


@both_databases
@pytest.mark.parametrize("chunk", [1, 1000])
@pytest.mark.parametrize("lists", [("Một", "Một"), ("Một", "Hai")])
def test_what_a_row_says_stands_though_another_row_of_its_file_says_less(
    office, tmp_path, monkeypatch, chunk, lists
):
    monkeypatch.setattr(store_rows, "CHUNK", chunk)
    whole, less = f"1,Y Hlan,1990,,,{local(1)} / {local(2)}", f"2,Y Hlan,,,,{local(1)}"
    bring(office, write(tmp_path, whole), lists[0])
    bring(office, write(tmp_path, whole, less), lists[1])
    undo(office, 1)
    assert directory(office) == [("Y Hlan", 1990, None, None, "", number(1), number(2), lists[1])]
    undo(office, 2)
    assert directory(office) == []


@both_databases
@pytest.mark.parametrize("is_retracted", [False, True])
@pytest.mark.parametrize("files", [(1,), (1, 3)])
def test_what_a_row_says_stands_though_less_was_decided_of_another_row_of_its_file(
    office, tmp_path, files, is_retracted
):
    unclear = local(1).replace("000", "OOO", 1)
    whole, less = f"1,Y Hlan,1990,,,{local(1)} / {local(2)}", f"2,Y Hlan,,,,{unclear}"
    for n in (1, 2, 3) if 3 in files else (1, 2):
        bring(office, write(tmp_path, whole, *[less] * (n == 2)))
    office.do(decide_issue, 1, Decision.TAKEN, phone=local(1))
    if is_retracted:
        office.do(retract_decision, 1)
    for each in files:
        undo(office, each)
    assert directory(office) == [("Y Hlan", 1990, None, None, "", number(1), number(2), "Hội viên")]
    undo(office, 2)
    assert directory(office) == []


def test_what_was_decided_of_another_row_takes_nothing_along_when_it_is_taken_back(office, tmp_path):
    unclear = local(1).replace("000", "OOO", 1)
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), "Một")
    file = write(tmp_path, f"1,Y Hlan,1990,,,{local(1)} / {local(2)}", f"2,Y Hlan,1990,,,{unclear}")
    bring(office, file, "Hai")
    before = directory(office)
    office.do(decide_issue, 1, Decision.TAKEN, phone=local(1))
    office.do(retract_decision, 1)
    assert directory(office) == before


def test_a_removed_list_leaves_nobody_what_it_alone_said_of_them(office, tmp_path):
    bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)}"))
    bring(office, write(tmp_path, f"1,A Thun,1951,,,{local(1)} / {local(2)}"), "Khác")
    office.do(remove_list, office.one(select(ContactList.id).where(ContactList.name == "Khác")))
    assert office.all(select(Phone.e164)) == [number(1)]
    assert office.one(select(Contact.birth_year)) is None


def test_who_has_moved_or_has_another_name_number_or_language_goes_too(office, tmp_path):
    bring(office, write(tmp_path, *[f"{n},A Thun {n},,,Đắk Mar,{local(n)}" for n in (1, 2)]))
    (here, person), *_others = office.rows(select(Contact.area_code, Contact.id).order_by(Contact.id))
    there, owner = office.scalar(select(Area.code).where(Area.code != here)), office.one(select(Organisation))
    office.do(move_contacts, here, there, Contact.id != person)
    office.do(set_references, owner.id, {"cd-7": person}, import_id=0)
    said = [("tiếng làng bên", [office.phone(number(2))])]
    office.do(remember_languages, said, list_import=office.get_one(ListImport, 1))
    office.do(remove_number, person, office.phone(number(1)), note="đổi số", right_number=local(9))
    undo(office, 1)
    assert (office.count(Contact), office.count(Phone)) == (0, 0)


@both_databases
@pytest.mark.parametrize("name", ["Hội viên", "Danh sách khác"])
def test_the_directory_is_as_it_was_before_the_import(office, tmp_path, name):
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
    assert not office.all(select(ImportChange).where(ImportChange.import_id == 2))
    assert office.count(Phone) == 2


def test_whom_a_later_file_of_the_list_had_too_stays_in_it(office, tmp_path):
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}", f"2,A Lâu,,,,{local(2)}"))
    assert bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}")).unchanged == 1
    undo(office, 1)
    assert [row[0] for row in directory(office)] == ["Y Hlan"]
    undo(office, 2)
    assert directory(office) == []


def test_whom_a_campaign_wrote_to_stays_known_without_the_list(office, tmp_path):
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), LIST)
    office.launch()
    undo(office, 1)
    assert office.count(Membership) == 0
    assert office.all(select(Phone.e164)) == [number(1)]
    assert office.all(select(Recipient.contact_id)) == office.all(select(Contact.id))


def test_what_it_asked_again_is_asked_by_the_earlier_file(office, tmp_path, monkeypatch):
    monkeypatch.setattr(store_rows, "CHUNK", 1)
    file = write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123")
    bring(office, file)
    bring(office, file)
    undo(office, 2)
    issues = office.all(select(ImportIssue))
    assert [(each.import_id, each.decision) for each in issues] == [(1, None)]


def test_each_file_of_a_list_vouches_for_those_that_it_had(office, tmp_path):
    both = [f"1,Y Hlan,,,,{local(1)}", f"2,A Lâu,,,,{local(2)}"]
    for lines in (both, both[:1], both, both):
        bring(office, write(tmp_path, *lines))
    undo(office, 4)
    undo(office, 3)
    undo(office, 1)
    assert [row[0] for row in directory(office)] == ["Y Hlan"]  # of the second file
    undo(office, 2)
    assert directory(office) == []
    assert office.count(ImportSighting) == 0


def test_a_row_decided_in_one_file_is_there_by_the_next_that_has_it_too(office, tmp_path):
    file = write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123")
    bring(office, file)
    office.do(decide_issue, 1, Decision.TAKEN)
    assert bring(office, file).unchanged == 1
    undo(office, 1)
    assert [row[0] for row in directory(office)] == ["Y Hlan"]
    undo(office, 2)
    assert directory(office) == []


@both_databases
@pytest.mark.parametrize("order", [(2, 3), (3, 2)])
def test_what_another_file_says_too_goes_with_the_last_of_them(office, tmp_path, order):
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"))
    before = directory(office)
    more = write(tmp_path, f"1,Y Hlan,1990,Thôn 2,Đắk Mar,{local(1)} / {local(2)}")
    bring(office, more)
    bring(office, more, "Danh sách khác")
    undo(office, order[0])
    ((_, born, _, area, village, first, second, *_),) = directory(office)
    assert (born, area, village, first, second) == (1990, "23512", "Thôn 2", number(1), number(2))
    undo(office, order[1])
    assert directory(office) == before


WHOLE, SHORT = "1,Y Hlan,1990,Thôn 2,,{0} / {1}", "1,Y Hlan,,,,{1}"
BORN, PLACED = "1,Y Hlan,1990,,,{0}", "1,Y Hlan,,Thôn 2,,{0} / {1}"


@both_databases
@cases(
    ((WHOLE, SHORT), (1,), (None, "", [2])),
    ((WHOLE, SHORT), (2,), (1990, "Thôn 2", [1, 2])),
    ((WHOLE, WHOLE, SHORT), (1,), (1990, "Thôn 2", [1, 2])),
    ((WHOLE, WHOLE, SHORT), (2, 1), (None, "", [2])),
    ((WHOLE, SHORT, BORN), (2, 1), (1990, "", [1])),
    ((BORN, PLACED), (1,), (None, "Thôn 2", [1, 2])),
    ((SHORT, WHOLE, PLACED), (2,), (None, "Thôn 2", [2, 1])),
)
@pytest.mark.parametrize("lists", [("Hội viên",), ("Hội viên", "Danh sách khác", "Danh sách nữa")])
def test_what_is_left_is_what_the_other_files_say(office, tmp_path, lists, files, undone, left):
    for n, row in enumerate(files):
        bring(office, write(tmp_path, row.format(local(1), local(2))), lists[n % len(lists)])
    for import_id in undone:
        undo(office, import_id)
    person = office.one(select(Contact))
    phones = select(Phone.e164).join(ContactPhone, ContactPhone.phone_id == Phone.id)
    numbers = office.all(phones.order_by(ContactPhone.position))
    assert (person.birth_year, person.village, numbers) == (*left[:2], [number(n) for n in left[2]])


def test_what_an_officer_has_put_right_since_stays(office, tmp_path):
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"))
    bring(office, write(tmp_path, f"1,Y Hlan,1990,Thôn 2,,{local(1)}"))
    office.execute(update(Contact).values(birth_year=1985))
    undo(office, 2)
    ((_, born, _, _, village, *_),) = directory(office)
    assert (born, village) == (1985, "")


def issues(world):
    rows = world.all(select(ImportIssue).order_by(ImportIssue.id))
    return [(each.import_id, each.decision) for each in rows]


@both_databases
def test_a_row_is_asked_about_again_once_its_correction_is_undone(office, tmp_path):
    file = write(tmp_path, f"1,Y Hlan,,,,{local(1)}", '2,Y Rơ,,,,"09O5 OOO 123"')
    assert bring(office, file).review == 1
    out = tmp_path / "errors.csv"
    office.read(export_issues, 1, out)
    out.write_bytes(out.read_bytes().replace(b"09O5 OOO 123", local(2).encode()))
    bring(office, out)
    assert bring(office, file).rejected == 1, "as long as the correction stands"
    undo(office, 2)
    assert issues(office) == [(1, Decision.SUPERSEDED), (3, None)]
    assert bring(office, file).review == 1


@both_databases
def test_of_files_that_ask_the_same_one_asks_whichever_is_undone(office, tmp_path):
    file = write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123")
    for _ in range(3):
        bring(office, file)
    undo(office, 2)
    assert issues(office) == [(1, Decision.SUPERSEDED), (3, None)]
    undo(office, 3)
    assert issues(office) == [(1, None)]


@both_databases
def test_a_row_put_right_stays_so_when_the_file_that_asked_it_again_is_undone(office, tmp_path):
    file = write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123")
    bring(office, file)
    bring(office, file)
    out = tmp_path / "errors.csv"
    office.read(export_issues, 2, out)
    out.write_bytes(out.read_bytes().replace(b"09O5 OOO 123", local(123).encode()))
    bring(office, out)
    bring(office, file)
    undo(office, 2)
    assert issues(office) == [(1, Decision.CORRECTED), (4, Decision.CORRECTED)]
    undo(office, 3)
    assert issues(office) == [(1, Decision.SUPERSEDED), (4, None)]


@both_databases
def test_a_row_that_was_decided_is_not_asked_again_when_the_file_that_asked_it_is_undone(office, tmp_path):
    file = write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123")
    bring(office, file)
    bring(office, file)
    office.do(decide_issue, 2, Decision.TAKEN)
    bring(office, file)
    undo(office, 2)
    assert issues(office) == [(1, Decision.SUPERSEDED), (3, Decision.TAKEN)]
    assert [row[0] for row in directory(office)] == ["Y Hlan"]
    undo(office, 3)
    assert issues(office) == [(1, None)]


def test_who_was_in_three_files_is_listed_under_none_that_is_undone(office, tmp_path):
    bring(office, write(tmp_path, f"1,Nguyễn Thị Hoa,,,,{local(1)}"))
    bring(office, write(tmp_path, f"1,Nguyễn Thị Hoa,,,,{local(1)}"))
    bring(office, write(tmp_path, f"1,Nguyễn Thị Ngọc Hoa,,,,{local(1)}", name="c.csv"))
    user = office.user(AUTHOR)
    issue = office.one(select(ImportIssue.id))
    decide_issue(office.runtime, issue, Decision.SAME, user=user, now=office.now)
    undo(office, 2)
    retract_decision(office.runtime, issue, user=user, now=office.now)
    member = office.one(select(Membership))
    assert (member.import_id, member.last_import_id) == (1, None)
    undo(office, 3)
    undo(office, 1)
    assert directory(office) == []


@both_databases
def test_what_a_merged_list_took_along_goes_with_the_import_that_brought_it(office, tmp_path):
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}", f"2,Y Rơ,,,,{local(2)}"), "Một")
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}", f"2,A Lau,,,,{local(3)}"), "Hai")
    ids = dict(office.rows(select(ContactList.name, ContactList.id)))
    merge_list(office.runtime, ids["Một"], into=ids["Hai"], user=office.user(AUTHOR), now=office.now)
    undo(office, 2)
    assert [(row[0], row[-1]) for row in directory(office)] == [("Y Hlan", "Một"), ("Y Rơ", "Một")]
    assert [row[-2] for row in directory(office)] == ["Hai", "Hai"]
    undo(office, 1)
    assert directory(office) == []


@both_databases
def test_a_row_decided_later_follows_its_list_into_no_list_that_was_removed(office, tmp_path):
    bring(office, write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123"), "Một")
    bring(office, write(tmp_path, f"1,Y Rơ,,,,{local(1)}"), "Hai")
    merged = dict(office.rows(select(ContactList.name, ContactList.id)))
    office.do(merge_list, merged["Một"], into=merged["Hai"])
    office.do(remove_list, merged["Hai"])
    office.do(decide_issue, 1, Decision.TAKEN)
    assert directory(office) == [("Y Hlan", None, None, None, "", "+84905000123", "Một")]


@both_databases
def test_a_decision_taken_back_is_forgotten_in_the_list_that_took_its_list_over(office, tmp_path):
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1).replace('000', 'OOO', 1)}"), "Một")
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), "Hai")
    user = office.user(AUTHOR)
    issue = office.one(select(ImportIssue.id))
    decide_issue(office.runtime, issue, Decision.TAKEN, phone=local(1), user=user, now=office.now)
    one, two = office.all(select(ContactList.id).where(ContactList.name.in_(("Một", "Hai"))))
    merge_list(office.runtime, min(one, two), into=max(one, two), user=user, now=office.now)
    retract_decision(office.runtime, issue, user=user, now=office.now)
    undo(office, 2)
    assert directory(office) == []


@both_databases
def test_what_a_decided_row_says_as_well_as_another_file_goes_when_it_is_taken_back(office, tmp_path):
    unclear = local(1).replace("000", "OOO", 1)
    bring(office, write(tmp_path, f"1,Y Hlan,1990,,,{unclear}"), "Một")
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}", name="b.csv"), "Hai")
    bring(office, write(tmp_path, f"1,Y Hlan,1990,,,{local(1)}", name="c.csv"), "Một")
    user = office.user(AUTHOR)
    issue = office.one(select(ImportIssue.id))
    decide_issue(office.runtime, issue, Decision.TAKEN, phone=local(1), user=user, now=office.now)
    retract_decision(office.runtime, issue, user=user, now=office.now)
    undo(office, 3)
    assert office.one(select(Contact.birth_year)) is None


@both_databases
def test_who_is_known_by_a_decision_alone_goes_when_it_is_taken_back(office, tmp_path):
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), "Một")
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1).replace('000', 'OOO', 1)}", name="b.csv"), "Hai")
    user = office.user(AUTHOR)
    issue = office.one(select(ImportIssue.id))
    decide_issue(office.runtime, issue, Decision.TAKEN, phone=local(1), user=user, now=office.now)
    undo(office, 1)
    retract_decision(office.runtime, issue, user=user, now=office.now)
    assert office.count(Contact) == 0


def test_a_list_into_which_a_file_is_being_read_is_not_merged_or_split(office):
    user, now = office.user(AUTHOR), office.now
    other_id = office.add_list("Hai")
    office.add(Upload(list_id=office.list_id, file_name="a", sha256="", size=1, uploaded_at=now))
    for lists in ((office.list_id, other_id), (other_id, office.list_id)):
        with pytest.raises(WrongState, match="list_has_upload"):
            merge_list(office.runtime, lists[0], into=lists[1], user=user, now=now)
    with pytest.raises(WrongState, match="list_has_upload"):
        split_list(office.runtime, office.list_id, areas=[], name="Ba", user=user, now=now)


def test_nobody_is_written_to_whose_list_without_a_legal_basis_is_merged(office):
    office.change(ContactList, office.list_id, basis=LegalBasis.NONE)
    other_id = office.add_list("Hai")
    with pytest.raises(WrongState, match="list_merge_basis"):
        office.do(merge_list, office.list_id, into=other_id)
    office.do(merge_list, other_id, into=office.list_id)


def with_smartphones(tmp_path, *has):
    file = tmp_path / "phones.csv"
    rows = [f"{n},Y Hlan {n},{each},{local(n)}" for n, each in enumerate(has, start=1)]
    file.write_text("\n".join(["STT,Họ và tên,Điện thoại thông minh,SĐT", *rows]), encoding="utf-8")
    return file


def test_the_newer_file_knows_who_has_a_smartphone_now(office, tmp_path):
    def has():
        return list(office.all(select(Contact.has_smartphone).order_by(Contact.id)))

    bring(office, with_smartphones(tmp_path, "không", "", "có"))
    newer = bring(office, with_smartphones(tmp_path, "có", "có", ""))
    assert (newer.updated, newer.unchanged) == (2, 1)
    assert has() == [True, True, True]
    bring(office, with_smartphones(tmp_path, "không", "có", "có"))
    assert has() == [False, True, True]
    undo(office, 2)
    assert has() == [False, True, True]
    undo(office, 3)
    assert has() == [False, None, True]


@both_databases
def test_what_the_undone_file_alone_said_goes_also_of_whom_officers_and_answers_touched(office, tmp_path):
    bring(office, write(tmp_path, WHOLE.format(local(1), local(2))))
    person = office.one(select(Contact.id))
    user, now = office.user(AUTHOR), office.now
    typed = {"name": "Y Hlan", "birth_year": "1990", "sex": "f", "area_code": "", "has_smartphone": True}
    correct_contact(office.runtime, person, **typed, village="Thôn 2", user=user, now=now)
    add_number(office.runtime, person, local(3), user=user, now=now)
    bring(office, write(tmp_path, SHORT.format(local(1), local(2))))
    undo(office, 1)
    assert directory(office) == [("Y Hlan", None, "f", None, "", number(2), number(3), "Hội viên")]


@both_databases
def test_a_question_of_two_files_is_asked_once_as_long_as_one_of_them_stands(office, tmp_path):
    for name in ("a.csv", "b.csv", "c.csv"):
        bring(office, write(tmp_path, f"1,Y Hlan,85,,,{local(1)}", name=name))
    undo(office, 1)
    assert issues(office) == [(2, Decision.SUPERSEDED), (3, None)]
    undo(office, 3)
    assert issues(office) == [(2, None)]


@pytest.mark.parametrize("first", ["decided", "clear"])
def test_a_decision_that_is_taken_back_leaves_what_other_files_say(office, tmp_path, first):
    user, now = office.user(AUTHOR), office.now
    clear, unclear = f"1,Y Hlan,,,,{local(123)}", "1,Y Hlan,1990,,,09O5 OOO 123"
    if first == "clear":
        bring(office, write(tmp_path, clear))
    bring(office, write(tmp_path, unclear))
    decide_issue(office.runtime, 1, Decision.TAKEN, user=user, now=now)
    if first == "clear":
        undo(office, 1)  # they are in the list by the decision alone now
    else:
        bring(office, write(tmp_path, clear, name="c.csv"))
    retract_decision(office.runtime, 1, user=user, now=now)
    left = [] if first == "clear" else [("Y Hlan", None, None, None, "", number(123), "Hội viên")]
    assert directory(office) == left


def hand_in(world, tmp_path, **people):
    """Rows of a system about people of these numbers, by what it calls them; the import's id."""
    rows = [
        *check_list(write(tmp_path, *(f"1,Y Hlan {n},,,,{local(n)}" for n in people.values())), GAZETTEER)
    ]
    owner = world.get_one(ContactList, world.list_id).organisation_id
    into = world.do(find_or_create_list, organisation_id=owner, name="Hội viên")
    brought = world.do(begin_import, list_id=into.id, file_name="api.csv", sha256="0")
    called = (owner, {row.row: name for row, name in zip(rows, people, strict=True)})
    world.do(store_rows.store_rows, rows, list_import=brought, known_areas=set(), references=called)
    return brought.id


@both_databases
def test_a_name_that_a_system_gave_to_somebody_else_is_given_back_with_the_file(office, tmp_path):
    def called():
        people = dict(office.rows(select(Contact.id, Contact.name)))
        known = office.read(read_references, [*people])
        return {name: people[contact_id][-1] for (_owner, contact_id), name in known.items()}

    first = hand_in(office, tmp_path, R=1, S=2)
    moved, again = hand_in(office, tmp_path, R=2), hand_in(office, tmp_path, R=3)
    assert called() == {"S": "2", "R": "3"}
    undo(office, moved, limit=1)
    assert called() == {"S": "2", "R": "3"}
    undo(office, again)
    assert called() == {"R": "1", "S": "2"}
    undo(office, hand_in(office, tmp_path, R=2))
    assert called() == {"R": "1", "S": "2"}
    undo(office, first)
    assert (office.count(Contact), office.count(ContactReference)) == (0, 0)


def test_a_branch_that_an_undone_file_wrote_is_not_kept_by_the_later_one(office, tmp_path):
    for n in (1, 2):
        file = tmp_path / f"{n}.csv"
        file.write_text(f"{HEADER},Chi hội\n1,Y Hlan,,,,{local(1)},Chi hội {n}\n", encoding="utf-8")
        bring(office, file)
    undo(office, 1)
    assert office.one(select(Membership.unit)) == ""


@both_databases
@pytest.mark.parametrize("kept", [0, 1])
@pytest.mark.parametrize("taken_back", [0, 1])
@pytest.mark.parametrize("both", [False, True])
def test_of_two_decided_rows_whose_people_were_merged_each_is_taken_back_alone(
    office, tmp_path, kept, taken_back, both
):
    unclear = [local(n).replace("000", "OOO", 1) for n in (1, 2)]
    bring(office, write(tmp_path, *[f"{n},Y Hlan {n},195{n},,,{unclear[n - 1]}" for n in (1, 2)]))
    issues = office.all(select(ImportIssue.id).order_by(ImportIssue.row))
    for n, issue in enumerate(issues):
        office.do(decide_issue, issue, Decision.TAKEN, now=office.now + timedelta(seconds=n))
    people = office.all(select(Contact.id).order_by(Contact.name))
    merge = office.do(merge_people, people[kept], people[1 - kept], now=office.now + timedelta(minutes=1))
    at = {"by": AUTHOR, "now": office.now + timedelta(minutes=2)}
    if taken_back == kept:  # the other one stands in their place
        with pytest.raises(WrongState, match="row_person_merged"):
            office.do(retract_decision, issues[taken_back], **at)
        office.do(unmerge_people, merge.id, **at)
        office.do(retract_decision, issues[taken_back], **at)
    else:
        office.do(retract_decision, issues[taken_back], **at)
        office.do(unmerge_people, merge.id, **at)
    left = f"Y Hlan {2 - taken_back}"
    assert [(each[0], each[5]) for each in directory(office)] == [(left, number(2 - taken_back))]
    if both:
        office.do(retract_decision, issues[1 - taken_back], **at)
    else:
        undo(office, 1)
    assert directory(office) == []
