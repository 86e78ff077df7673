"""Lists brought in: the sample whole, what was not taken in words to act on, and who stays left alone."""

import csv
import zipfile

import pytest
from sqlalchemy import select

from outreach.contacts.wishes import take_back
from outreach.core.spreadsheets import escape_formula
from outreach.imports import store_rows
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision, export_issues
from outreach.imports.list_reader import check_list
from outreach.imports.other_files import read_word
from outreach.imports.retract_decision import retract_decision
from outreach.imports.store_rows import ImportCounts
from outreach.imports.uploads import undo_import
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportIssue,
    ListImport,
    Membership,
    Phone,
    Upload,
    UploadState,
    Wish,
)
from outreach.places.areas import load_areas
from outreach.rules.errors import BadList, WrongState
from outreach.rules.wishes import WishSource
from tests.support import lists
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone, opt_out
from tests.support.world import number


@pytest.fixture
def office(world):
    world.do(load_areas, lists.UNITS)
    return world


def expected_rows():
    with lists.EXPECTED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@both_databases
def test_the_sample_comes_in_and_a_second_time_changes_nothing(office):
    expected = expected_rows()
    status = [row["status"] for row in expected]
    doubles = sum(row["dup_kind"] == "same_person" for row in expected)
    first = lists.bring(office, lists.SAMPLE)
    assert first == ImportCounts(
        rows=len(expected),
        created=status.count("ok") - doubles,
        merged=doubles,
        review=status.count("review"),
        rejected=status.count("reject"),
    )
    # Who has no usable number is stored for visits.
    assert office.count(Contact) == office.count(Membership) == first.created + first.rejected
    numbers = {n for row in expected if row["status"] == "ok" for n in row["expected_e164"].split("|")}
    assert set(office.all(select(Phone.e164))) == numbers

    before = lists.directory(office)
    second = lists.bring(office, lists.SAMPLE)
    assert second == ImportCounts(
        rows=len(expected),
        unchanged=status.count("ok"),
        review=status.count("review"),
        rejected=status.count("reject"),
    )
    assert lists.directory(office) == before
    assert office.count(ListImport) == 2

    # In another list the same people join; nobody is made twice.
    third = lists.bring(office, lists.SAMPLE, "Danh sách khác")
    assert (third.created, third.updated, third.unchanged) == (0, 0, 0)
    assert third.merged == status.count("ok")
    assert office.count(Contact) == first.created + first.rejected
    assert office.count(Membership) == 2 * (first.created + first.rejected)


@both_databases
def test_people_of_the_sample_are_known_by_what_the_list_says(office):
    lists.bring(office, lists.SAMPLE)
    # Written "A HUYNH" with an old number and "A Huynh" with the new one: one person.
    (huynh,) = office.all(
        select(Contact)
        .join(ContactPhone)
        .join(Phone, Phone.id == ContactPhone.phone_id)
        .where(Phone.e164 == "+84598000481")
    )
    assert (huynh.name, huynh.birth_year, huynh.sex) == ("A Huynh", 1945, "m")
    assert huynh.area_code == "23500"
    # One phone, two people.
    sharing = office.all(
        select(Contact.name)
        .join(ContactPhone)
        .join(Phone, Phone.id == ContactPhone.phone_id)
        .where(Phone.e164 == "+84913000870")
        .order_by(Contact.name)
    )
    assert sharing == ["Y Sương", "Y Tôn"]
    (tuan,) = office.all(select(Contact).where(Contact.name == "Đỗ Ngọc Tuấn"))
    assert tuan.birth_year == 1947  # the first of his two rows did not say


@both_databases
def test_the_size_of_a_chunk_changes_nothing(office, monkeypatch):
    whole = lists.bring(office, lists.SAMPLE)
    people_of_whole = lists.directory(office)
    with office.runtime.db.write() as session:
        for table in (Membership, ContactPhone, ImportIssue, ListImport, Contact, Phone):
            session.query(table).delete()
    monkeypatch.setattr(store_rows, "CHUNK", 1)
    assert lists.bring(office, lists.SAMPLE) == whole
    assert lists.directory(office) == people_of_whole


@both_databases
def test_the_rows_that_were_not_taken_come_back_to_be_put_right(office, tmp_path):
    file = lists.write(
        tmp_path,
        f"1,Y Hlan,,,,{lists.local(1)}",
        '2,"=HYPERLINK(""http://x"")",,+Thôn,@Đắk Mar,0260 3000123',
        "3,-A Thun,,,,09O5 OOO 123",
        "4,Y Rơ,,,,nt",
    )
    into = office.get_one(ContactList, office.list_id)
    of = {"into": into, "file": file, "known_areas": set()}
    brought, counts = office.do(lists.import_rows, check_list(file, lists.GAZETTEER), **of)
    out = tmp_path / "errors.csv"
    assert office.read(export_issues, brought.id, out) == 3
    assert (counts.created, counts.review, counts.rejected) == (1, 1, 2)
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")  # for Excel
    with out.open(encoding="utf-8-sig", newline="") as lines:
        landline, letters, ditto = csv.DictReader(lines)
    assert [*landline][:6] == lists.HEADER.split(",")
    assert (landline["STT"], landline["Dòng trong tệp gốc"]) == ("2", "3")
    assert landline["Họ và tên"] == '\'=HYPERLINK("http://x")'
    assert (landline["Thôn"], landline["Xã/phường"]) == ("'+Thôn", "'@Đắk Mar")
    assert (landline["Tình trạng"], landline["Lý do"]) == (
        "không hợp lệ",
        "số điện thoại bàn, không nhận được tin nhắn",
    )
    assert letters["Họ và tên"] == "'-A Thun"
    assert letters["SĐT"] == "09O5 OOO 123"
    assert letters["Tình trạng"] == "chờ quyết định"
    assert "chữ cái" in letters["Lý do"]
    assert "dòng trên" in ditto["Lý do"]


@both_databases
def test_every_reason_of_the_sample_is_told_in_vietnamese(office, tmp_path):
    lists.bring(office, lists.SAMPLE)
    out = tmp_path / "errors.csv"
    (brought,) = office.all(select(ListImport.id))
    office.read(export_issues, brought, out)
    with out.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == sum(row["status"] != "ok" for row in expected_rows())
    for row in rows:
        assert " " in row["Lý do"], row
        assert "_" not in row["Lý do"], row


def test_entities_are_found_in_a_text_document_of_another_encoding(tmp_path):
    body = '<!DOCTYPE d [<!ENTITY l "laugh">]><w:document xmlns:w="x"><w:body>&l;</w:body></w:document>'
    file = tmp_path / "list.docx"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(
            "word/document.xml", ('<?xml version="1.0" encoding="UTF-16"?>' + body).encode("utf-16")
        )
    with pytest.raises(zipfile.BadZipFile):
        read_word(file)


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
def test_a_cell_that_a_spreadsheet_would_run_is_defused(first):
    assert escape_formula(f"{first}1+1") == f"'{first}1+1"
    assert escape_formula(f"1{first}") == f"1{first}"
    assert escape_formula("") == ""


@both_databases
def test_a_file_that_cannot_be_read_to_its_end_leaves_nothing_behind(office, tmp_path, monkeypatch):
    """The first rows are written, and then the file turns out to be broken."""
    monkeypatch.setattr(store_rows, "CHUNK", 1)
    file = lists.write(
        tmp_path, f"1,Y Hlan,,,,{lists.local(1)}", "2,A Thun,,,,xyz", f"3,Y Rơ,,,,{lists.local(3)}"
    )

    def breaks():
        yield from check_list(file, lists.GAZETTEER)
        raise BadList("Tệp bị hỏng.")

    with pytest.raises(BadList):
        lists.bring(office, file, "Danh sách mới", rows=breaks())
    for table in (Contact, Phone, ContactPhone, Membership, ListImport, ImportIssue):
        assert office.count(table) == 0, table
    assert "Danh sách mới" not in office.all(select(ContactList.name))


@both_databases
def test_a_number_that_returns_is_still_not_written_to(office, tmp_path):
    with office.runtime.db.write() as session:
        phone = Phone(e164=number(1), created_at=office.now)
        session.add(phone)
        session.flush()
        for _ in range(2):
            wish = opt_out(office, number(1), session=session)
        session.delete(phone)
        session.flush()
        again = {"source": WishSource.SMS, "said_at": office.now, "now": office.now}
        assert take_back(session, Wish.id == wish.id, **again) == [wish.id]
    file = lists.write(tmp_path, f"1,Y Hlan,,,,{lists.local(1)}", f"2,A Thun,,,,{lists.local(2)}")
    lists.bring(office, file)
    assert office.read(numbers_left_alone) == {number(1)}
    campaign = office.launch()
    status = office.status(campaign)
    assert (status["recipients"], status["excluded"]) == (1, {"opted_out": 1})
    office.send()
    assert office.sent_to() == [number(2)]


@pytest.mark.parametrize("is_taken_back", [False, True])
def test_a_decided_row_says_in_a_later_file_what_it_says_and_nothing_of_the_rows_beside_it(
    office, tmp_path, is_taken_back
):
    whole = f"1,Y Hlan,1990,Thôn 1,,{lists.local(1)} / {lists.local(2)}"
    unclear = f"2,Y Hlan,,,,{lists.local(1).replace('000', 'OOO', 1)}"
    lists.bring(office, lists.write(tmp_path, whole), "Khác")
    lists.bring(office, lists.write(tmp_path, whole, unclear))
    office.do(decide_issue, 1, Decision.TAKEN, phone=lists.local(1))
    clear = [f"3,Y Hlan,,Thôn 1,,{lists.local(1)}"] if is_taken_back else []
    lists.bring(office, lists.write(tmp_path, unclear, *clear))
    if is_taken_back:
        office.do(retract_decision, 1)
    before = lists.directory(office)
    assert before == [("Y Hlan", 1990, None, None, "Thôn 1", number(1), number(2), "Hội viên", "Khác")]
    for each in (1, 2):
        undo_import(office.runtime, each)
    village = "Thôn 1" if is_taken_back else ""
    assert lists.directory(office) == [("Y Hlan", None, None, None, village, number(1), "Hội viên")]
    undo_import(office.runtime, 3)
    assert lists.directory(office) == []


def test_no_row_is_decided_while_the_rest_of_its_file_is_stored(office, tmp_path):
    lists.bring(office, lists.write(tmp_path, f"1,A Thun,,,,{lists.local(1).replace('000', 'OOO', 1)}"))
    file = {"file_name": "a", "sha256": "", "size": 1, "uploaded_at": office.now}
    office.add(Upload(list_id=office.list_id, import_id=1, state=UploadState.STORING, **file))
    with pytest.raises(WrongState, match="rows_being_stored"):
        office.do(decide_issue, 1, Decision.TAKEN, phone=lists.local(1))
