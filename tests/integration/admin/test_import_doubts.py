"""Rows that need an eye are put right before anything is stored; lists are looked after.

Imports that do not come to their end: stopped, undone, given up, forgotten. Nothing is left half stored.
Rows that wait for an officer come one after the other and go by one key.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from outreach.imports import uploads
from outreach.imports.erasures import record_erasure
from outreach.imports.issues import Decision
from outreach.imports.uploads import remove_ended, remove_unconfirmed
from outreach.models.accounts import User
from outreach.models.contacts import (
    Contact,
    ContactList,
    DoNotCallFile,
    ImportIssue,
    ListImport,
    Membership,
    Phone,
    RegisterState,
    Upload,
    UploadState,
)
from outreach.places.areas import load_areas
from tests.integration.outreach.test_units import load_kon_tum
from tests.support.admin_client import post, shows, signed_in
from tests.support.lists import UNITS, bring, local, people, write
from tests.support.servers import both_databases
from tests.support.uploads import PLAIN, checked, confirmed, files, hand_in, upload, work_on
from tests.support.world import AUTHOR, LIST, number

DOUBTS = (
    "STT,Họ và tên,SĐT,Ghi chú\n"
    "1,A Thun,0905000123,\n"
    "2,Y Hlan,0905OOO124,\n"
    "3,A Lâu,hỏng,\n"
    "4,A Thao / Y Blưm,0905000125 / 0905000126,\n"
    "5,Y Mơn,0905,\n"
)


def new_list(world, name):
    """The fields of the form for a list that does not exist yet."""
    owner = world.get_one(ContactList, world.list_id).organisation_id
    return {"list": "", "new_name": name, "organisation": str(owner)}


def test_rows_are_put_right_on_the_page_and_checked_again_before_anything_is_stored(client, world):
    page = checked(client, world, DOUBTS)
    assert "4 dòng sửa được ngay" in page
    assert "1 dòng: một dòng ghi nhiều người" in page
    assert 'name="phone.0.3" value="0905OOO124"' in page
    assert "Tách thành 2 người" in page
    post(
        client,
        "/admin/imports/1/rows",
        **{"do.0.3": "taken", "phone.0.4": "0905 000 127", "do.0.5": "taken", "do.0.6": "left out"},
    )
    assert upload(world).state is UploadState.CHECKING
    work_on(world)
    assert upload(world).counts.items() >= {"rows": 4, "ok": 4, "review": 0, "reject": 0}.items()
    assert world.count(Contact) == 0
    shows(client.get("/admin/imports/1/"), "Đã sửa 4 dòng của tệp này.", but="dòng sửa được ngay")
    confirmed(client, world)
    counts = world.one(select(ListImport)).counts
    names = set(world.all(select(Contact.name)))
    assert (counts["rows"], counts["created"]) == (4, 4)  # a row of two people counts once
    assert names == {"A Thun", "Y Hlan", "A Lâu", "A Thao", "Y Blưm"}
    assert set(world.all(select(Phone.e164))) == {f"+84905000{n}" for n in range(123, 128)}
    ended = upload(world)
    assert "0905" not in f"{ended.preview}{ended.corrected}"


def test_what_was_typed_is_stored_although_nobody_had_the_file_checked_again(client, world):
    checked(client, world, DOUBTS)
    typed = {
        "phone.0.3": "0905 000 124",
        "phone.0.4": "0905 000 127",
        "phone.0.6": "0905",
        "do.0.6": "left out",
    }
    post(client, "/admin/imports/1/confirm", **typed)
    work_on(world)
    assert set(world.all(select(Phone.e164))) == {f"+84905000{n}" for n in (123, 124, 127)}
    assert world.one(select(ListImport)).counts["rows"] == 4
    assert "0905" not in f"{upload(world).preview}{upload(world).corrected}"


def test_who_stands_twice_in_a_file_is_one_person_in_the_press_that_imports(client, world):
    rows = "Họ và tên,SĐT\nA Thun,0905000123\nY Hlan,0905000124\nA Thun,0905000123\n"
    assert "Nhập 2 người" in checked(client, world, rows)


def test_a_row_is_read_as_one_leaves_its_cell_and_kept_until_the_file_is_stored(client, world):
    assert "Nhập 1 người, 4 để sau" in checked(client, world, DOUBTS)

    def leave(key, text, choice=""):
        kept = post(client, "/admin/imports/1/row", key=key, text=text, choice=choice).json
        assert isinstance(kept, dict)
        return kept

    right = leave("0.4", "0905 000 127")
    assert right == {"said": "Đọc được: 0905000127", "is_right": True, "bar": "Nhập 2 người, 3 để sau"}
    wrong = leave("0.6", "0905 12")
    assert wrong["is_right"] is False
    assert wrong["said"]
    assert leave("0.6", "0905", "left out")["bar"] == "Nhập 2 người, 2 để sau"
    assert leave("0.4", "hỏng")["bar"] == "Nhập 1 người, 3 để sau"  # as it was written
    leave("0.4", "0905 000 128")
    assert upload(world).state is UploadState.READY
    shows(client.get("/admin/imports/1/"), 'name="phone.0.4" value="0905 000 128"', "Nhập 2 người, 2 để sau")
    assert post(client, "/admin/imports/1/row", key="0.99", text="1").status_code == 422
    confirmed(client, world)
    assert set(world.all(select(Phone.e164))) == {"+84905000123", "+84905000128"}


def test_rows_of_another_area_are_neither_read_nor_put_right_by_a_colleague_nor_named_once_stored(
    client, world
):
    """The number of a row in doubt was told to who named its line, and nothing of that was on record."""
    load_kon_tum(world)
    content = (
        "STT,Họ và tên,Xã/phường,SĐT,{giờ hẹn}\n"
        "1,A Thun,Phường Quang Trung,0905OOO124,8h00\n"
        "2,Y Hlan,Phường Quang Trung,0905000125,8h00\n"
        "3,Y Hlan,Phường Quang Trung,0905000125,9h00\n"
    )
    assert "0905OOO124" in checked(client, world, content)
    owner = world.get_one(ContactList, world.list_id).organisation_id
    elsewhere = world.officer("khac@loa.example", organisation_id=owner)
    world.change(User, world.user(elsewhere).id, area_code="615")
    before = upload(world).corrected

    signed_in(client, elsewhere)
    assert "0905OOO124" not in client.get("/admin/imports/1/").text
    for choice in ("taken", "left out", ""):
        row = {"key": "0.2", "text": "0905 000 199", "choice": choice}
        kept = post(client, "/admin/imports/1/row", **row)
        assert kept.status_code == 422
        assert "000" not in kept.text
    for way in ("rows", "confirm"):
        typed = {"phone.0.2": "0905 000 199", "do.0.2": ""}
        assert post(client, f"/admin/imports/1/{way}", **typed).status_code == 422
    assert (upload(world).corrected, upload(world).state) == (before, UploadState.READY)

    signed_in(client, AUTHOR)
    assert (
        post(client, "/admin/imports/1/row", key="0.2", text="0905OOO124", choice="taken").status_code == 200
    )
    assert "Y Hlan (giờ hẹn" in confirmed(client, world)
    assert "Y Hlan" not in signed_in(client, elsewhere).get("/admin/imports/1/").text


def test_one_person_is_added_by_hand_and_checked_like_a_file(author, world):
    person = {"full_name": "A Thun", "phone": "0905 000 123", "village": "Thôn 2", "commune": ""}
    assert post(author, "/admin/imports/one", **person, list="0").status_code == 422
    added = post(author, "/admin/imports/one", **person, list=world.list_id)
    work_on(world)
    assert "Nhập 1 người" in author.get(added.location).text
    confirmed(author, world)
    assert set(world.all(select(Phone.e164))) == {"+84905000123"}
    assert world.one(select(Contact.village)) == "Thôn 2"


def test_what_was_said_of_rows_is_taken_back_and_unknown_rows_are_refused(client, world):
    checked(client, world, DOUBTS)
    assert (
        "Các dòng của tệp đã đổi"
        in post(client, "/admin/imports/1/rows", **{"phone.0.99": "0905000127"}).text
    )
    refused = post(client, "/admin/imports/1/rows", **{"do.0.4": "taken"})  # nothing was read there
    assert "Các dòng của tệp đã đổi" in refused.text
    post(client, "/admin/imports/1/rows", **{"do.0.6": "left out"})
    work_on(world)
    assert upload(world).counts["rows"] == 4
    post(client, "/admin/imports/1/rows", reset="1")
    work_on(world)
    assert upload(world).counts["rows"] == 5


def test_a_row_of_two_people_that_is_decided_later_makes_two_and_can_be_retracted(client, world):
    checked(client, world, DOUBTS)
    confirmed(client, world)
    issue = world.one(select(ImportIssue).where(ImportIssue.reason == "two_people"))
    post(client, f"/admin/lists/waiting/{issue.id}", decision=Decision.TAKEN.value)
    assert set(world.all(select(Phone.e164))) == {"+84905000123", "+84905000125", "+84905000126"}
    counts = world.one(select(ListImport)).counts
    assert (counts["created"], counts["review"], sum(counts.values())) == (2, 1, 10)
    post(client, f"/admin/lists/waiting/{issue.id}/retract")
    assert world.count(Contact) == 3  # two of them without a number
    assert world.one(select(ListImport)).counts["review"] == 2


def test_numbers_in_notes_are_a_question(client, world):
    rows = "".join(f'{n},A Thun {n},Thôn {n},"hộ nghèo, ĐT 0905 000 13{n}"\n' for n in range(1, 6))
    page = checked(client, world, f"STT,Họ và tên,Thôn,Ghi chú\n{rows}")
    assert "có số viết lẫn với chữ" in page
    assert "Chưa có cột nào" in post(client, "/admin/imports/1/confirm").text
    signature = upload(world).preview["sheets"][0]["signature"]
    fields = {
        f"{signature}.{at}": meaning
        for at, _label, meaning, _texts in upload(world).preview["sheets"][0]["columns"]
    }
    assert "phone" in fields.values()
    post(client, "/admin/imports/1/columns", **fields)
    work_on(world)
    assert upload(world).counts.items() >= {"rows": 5, "ok": 5}.items()


@pytest.mark.parametrize("end", ["cancel", "fail"])
def test_a_first_file_that_is_cancelled_or_fails_leaves_no_list_and_its_name_is_free(author, world, end):
    form = new_list(world, "Tổ 9")
    hand_in(author, world, "a.csv", b"STT\n1\n" if end == "fail" else DOUBTS.encode(), **form)
    assert "Tổ 9" not in author.get("/admin/lists/").text
    work_on(world)
    if end == "cancel":
        post(author, "/admin/imports/1/cancel")
    assert upload(world).state is (UploadState.CANCELLED if end == "cancel" else UploadState.FAILED)
    assert "Tổ 9" not in author.get("/admin/lists/").text
    hand_in(author, world, "b.csv", DOUBTS.encode(), **form)
    work_on(world, 2)
    confirmed(author, world, 2)
    assert ">Tổ 9</a>" in author.get("/admin/lists/").text


def test_lists_are_renamed_merged_split_archived_and_removed(author, world):
    load_kon_tum(world)
    for n, name in enumerate(("Tổ 1", "Tổ 2"), 1):
        rows = "".join(f"{i},A Thun {i},Xã Đăk Mar,0905000{i:03d}\n" for i in range(n, n + 5))
        content = f"STT,Họ và tên,Xã,SĐT\n{rows}9,Y Hlan {n},Xã Đăk Ui,090500010{n}\n".encode()
        hand_in(author, world, f"{n}.csv", content, **new_list(world, name))
        work_on(world, n)
        confirmed(author, world, n)
    ids = dict(world.rows(select(ContactList.name, ContactList.id)))

    def members(name):
        query = select(Membership.contact_id).join(ContactList, ContactList.id == Membership.list_id)
        return len(world.all(query.where(ContactList.name == name)))

    first, second = ids["Tổ 1"], ids["Tổ 2"]
    assert "đã có danh sách tên" in post(author, f"/admin/lists/{first}/rename", name="Tổ 2").text
    post(author, f"/admin/lists/{first}/rename", name="Tổ  Một")
    post(author, f"/admin/lists/{second}/merge", into=first)
    assert (members("Tổ Một"), members("Tổ 2")) == (8, 6)
    assert "đã lưu trữ" in author.get("/admin/lists/").text
    post(author, f"/admin/lists/{second}/archive")
    assert "đã lưu trữ" not in author.get("/admin/lists/").text
    area = world.scalar(select(Contact.area_code).where(Contact.name == "Y Hlan 1"))
    post(author, f"/admin/lists/{first}/split", area=area, new_name="Đăk Ui")
    assert (members("Tổ Một"), members("Đăk Ui")) == (6, 2)
    everybody = world.count(Contact)
    post(author, f"/admin/lists/{second}/remove")
    assert members("Tổ 2") == 0
    assert world.count(Contact) == everybody  # all of them are in another list by now
    post(author, f"/admin/lists/{first}/remove")
    assert world.count(Contact) == everybody - 6
    author.get("/admin/lists/")  # the first view tells what was removed
    shows(author.get("/admin/lists/"), "Đăk Ui", but="Tổ Một")


def stored_by_half(client, world, monkeypatch):
    """Three of seven people are stored when the worker is told to stop."""
    monkeypatch.setattr(uploads, "CHUNK", 3)
    checked(client, world, PLAIN)
    post(client, "/admin/imports/1/confirm")
    work_on(world, stops=[False, True])
    assert world.count(Contact) == 3


@both_databases
def test_a_cancelled_import_takes_back_what_it_has_stored(client, world, monkeypatch):
    stored_by_half(client, world, monkeypatch)
    post(client, "/admin/imports/1/cancel")
    assert "Đang gỡ" in client.get("/admin/imports/1/").text
    work_on(world)
    assert upload(world).state is UploadState.CANCELLED
    assert "đã được hoàn tác" in client.get("/admin/imports/1/").text
    assert world.count(Contact) == world.count(Phone) == world.count(Membership) == 0
    assert files(world) == []


def test_a_file_that_breaks_while_it_is_stored_leaves_nothing_behind(client, world, monkeypatch):
    stored_by_half(client, world, monkeypatch)
    (file,) = files(world)
    file.write_text(PLAIN.replace("A Thun", "Y Hlan"), encoding="utf-8")
    work_on(world)
    assert upload(world).state is UploadState.UNDOING
    work_on(world)
    assert upload(world).state is UploadState.FAILED
    assert "bị thay đổi" in client.get("/admin/imports/1/").text
    assert world.count(Contact) == 0


def test_an_import_is_undone_at_any_time(client, world):
    checked(client, world, PLAIN)
    confirmed(client, world)
    assert "Hoàn tác lần nhập" in client.get("/admin/imports/1/").text
    post(client, "/admin/imports/1/undo")
    work_on(world)
    assert world.count(Contact) == world.count(Phone) == 0
    assert "đã hoàn tác" in client.get(f"/admin/lists/{world.list_id}/").text
    assert "không hoàn tác được nữa" in post(client, "/admin/imports/1/undo").text


def test_taking_back_that_broke_off_is_asked_for_again(client, world, monkeypatch):
    checked(client, world, PLAIN)
    confirmed(client, world)
    post(client, "/admin/imports/1/undo")

    def break_off(*_args, **_more):
        raise RuntimeError

    undo_rows = uploads.undo_import_rows
    monkeypatch.setattr(uploads, "undo_import_rows", break_off)
    with pytest.raises(RuntimeError):
        work_on(world)
    monkeypatch.setattr(uploads, "undo_import_rows", undo_rows)
    assert upload(world).state is UploadState.FAILED
    shows(client.get("/admin/imports/1/"), "Chưa gỡ hết những gì tệp này đã đưa vào", "/admin/imports/1/undo")
    post(client, "/admin/imports/1/undo")
    work_on(world)
    assert upload(world).state is UploadState.CANCELLED
    assert world.count(Contact) == 0
    assert "/admin/imports/1/undo" not in client.get("/admin/imports/1/").text


@pytest.mark.parametrize("confirmed", [False, True])
def test_an_import_that_ends_its_worker_three_times_is_given_up(client, world, monkeypatch, confirmed):
    if confirmed:
        stored_by_half(client, world, monkeypatch)
    else:
        signed_in(client, AUTHOR)
        hand_in(client, world, "a.csv", PLAIN.encode())

    def die(*_args):
        raise KeyboardInterrupt

    check_list = uploads.check_list
    monkeypatch.setattr(uploads, "check_list", die)
    for _ in range(uploads.MOST_TRIES):
        with pytest.raises(KeyboardInterrupt):
            work_on(world)
        world.execute(update(Upload).values(due_at=datetime.now(UTC)))
    monkeypatch.setattr(uploads, "check_list", check_list)
    assert not work_on(world)
    work_on(world)  # takes back what was stored
    assert upload(world).state is UploadState.FAILED
    assert "đã thử 3 lần" in client.get("/admin/imports/1/").text
    assert world.count(Contact) == 0


def test_a_file_that_nobody_confirms_is_removed_after_some_days(author, world):
    for _ in range(2):
        hand_in(author, world, "a.csv", PLAIN.encode())
    work_on(world, 1)
    folder, keep = Path(world.runtime.settings.uploads_dir), timedelta(days=7)
    now = datetime.now(UTC)
    assert remove_unconfirmed(world.runtime.db, folder, keep=keep, now=now + timedelta(days=6)) == 0
    assert remove_unconfirmed(world.runtime.db, folder, keep=keep, now=now + timedelta(days=8)) == 1
    assert upload(world, 1).state is UploadState.CANCELLED
    assert "sau 7 ngày không có ai xác nhận" in author.get("/admin/imports/1/").text
    assert upload(world, 2).state is UploadState.CHECKING  # a worker's turn, not an officer's
    assert len(files(world)) == 1


@pytest.mark.parametrize(
    ("state", "is_kept"), [(state, state not in ("done", "failed", "cancelled")) for state in UploadState]
)
def test_a_file_whose_worker_died_at_its_end_does_not_stay(author, world, state, is_kept):
    hand_in(author, world, "a.csv", PLAIN.encode())
    world.execute(update(Upload).values(state=state))
    folder, now = Path(world.runtime.settings.uploads_dir), datetime.now(UTC)
    assert remove_ended(world.runtime.db, folder, now=now) == (0 if is_kept else 1)
    assert bool(files(world)) is is_kept


def test_a_register_that_was_given_up_does_not_stay_either_nor_what_was_broken_off(world):
    folder, now = Path(world.runtime.settings.uploads_dir), datetime.now(UTC)
    for n, state in ((1, RegisterState.FAILED), (2, RegisterState.WAITING)):
        world.add(DoNotCallFile(id=n, file_name="a.csv", state=state, handed_in_at=now))
    for name in ("register-1", "register-2", "register-3", "99", "not-ours"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.csv").write_text("0905000123")

    def left_after(days):
        remove_ended(world.runtime.db, folder, now=now + timedelta(days=days))
        return sorted(path.name for path in folder.iterdir())

    assert left_after(0) == ["99", "not-ours", "register-2", "register-3"], "one may be on its way in"
    assert left_after(2) == ["not-ours", "register-2"]


def test_an_officer_decides_row_after_row(author, world, tmp_path):
    bring(world, write(tmp_path, "1,Y Hlan,,,,09O5 OOO 121", f"2,A Lâu,41,,,{local(2)}"), LIST)
    assert f"/admin/lists/waiting?list={world.list_id}" in author.get("/admin/lists/").text
    page = shows(author.get("/admin/lists/waiting"), "còn 2 dòng", "09O5 OOO 121", "0905000121")
    assert re.search(r'value="answered.1941" aria-keyshortcuts="1"', page)
    answer = post(author, "/admin/lists/waiting/1", decision="taken", phone="0260 3000123")
    assert "không phải là một số di động" in answer.text
    post(author, "/admin/lists/waiting/1", decision="taken")
    page = author.get(post(author, "/admin/lists/waiting/2", decision="answered.1941").location).text
    assert "Không có dòng nào chờ quyết định" in page
    assert people(world)["Y Hlan"] == ["+84905000121"]
    assert world.scalar(select(Contact.birth_year).where(Contact.name == "A Lâu")) == 1941
    events = world.audited("import.decide")
    assert [event.details["decision"] for event in events] == ["taken", "answered"]
    assert "0905000121" not in str([event.details for event in events])


def test_another_commune_is_named_with_its_district_and_taken_by_one_key(author, world, tmp_path):
    world.do(load_areas, UNITS)
    bring(world, write(tmp_path, f"1,Y Hlan,,Thôn 1,TT Đắk Hà,{local(1)}"), LIST)
    bring(world, write(tmp_path, f"1,Y Hlan,,Thôn 2,xã Đắk Hà,{local(1)}"), LIST)
    page = author.get("/admin/lists/waiting").text
    assert "Dữ liệu hiện có: Thị trấn Đắk Hà (Đắk Hà). Theo tệp này: Xã Đắk Hà (Tu Mơ Rông)." in page
    post(author, "/admin/lists/waiting/1", decision="answered.moved")
    assert world.rows(select(Contact.area_code, Contact.village)) == [("23425", "Thôn 2")]


def test_who_looked_is_on_record_with_each_file_whose_rows_were_shown(author, world, tmp_path):
    bring(world, write(tmp_path, "1,Y Hlan,,,,09O5 OOO 121", "2,A Lâu,,,,09O5 OOO 122"), LIST)
    bring(world, write(tmp_path, "1,Y Rơ,,,,09O5 OOO 123", name="b.csv"), LIST)
    author.get("/admin/lists/waiting")
    events = world.audited("import.see_waiting")
    assert [(event.subject, event.details) for event in events] == [
        ("list_imports:1", {"rows": 2}),
        ("list_imports:2", {"rows": 1}),
    ]


def test_a_decision_that_there_is_not_is_refused(author, world, tmp_path):
    bring(world, write(tmp_path, "1,Y Hlan,,,,09O5 OOO 121"), LIST)
    for decision in ("", "deleted", "corrected", "superseded", "same"):
        post(author, "/admin/lists/waiting/1", decision=decision)
    assert "còn 1 dòng" in author.get("/admin/lists/waiting").text
    assert post(author, "/admin/lists/waiting/99", decision="taken").status_code == 404


def test_one_press_for_all_rows_alike_and_one_to_take_it_back(author, world, tmp_path):
    rows = [f"{n},Y Hlan {n},,,,09O5 OOO 12{n}" for n in range(1, 6)]
    bring(world, write(tmp_path, *rows, f"6,A Lâu,41,,,{local(2)}"), LIST)
    shows(author.get("/admin/lists/waiting"), "Như nhau cho cả 5 dòng", but="Hoàn tác")
    for path in ("/admin/", "/admin/lists/waiting"):
        assert "5 dòng chờ quyết định, 1 dòng cần hỏi thêm" in author.get(path).text, "one name for a number"
    page = author.get(post(author, "/admin/lists/waiting/2", decision="taken", alike="1").location).text
    assert "Đã quyết định như nhau cho 5 dòng" in page
    assert "còn 1 dòng" in page
    assert "dòng chờ quyết định" not in author.get("/admin/").text
    assert len(people(world)) == 6
    retract = re.search(r'action="(/admin/lists/waiting/\d+/retract)"', page)
    shows(author.get(post(author, retract[1]).location), "5 dòng chờ quyết định trở lại", "còn 6 dòng")
    assert list(people(world)) == ["A Lâu"]


def test_who_was_erased_is_dropped_by_the_first_key_and_taken_after_a_question(author, world, tmp_path):
    world.do(record_erasure, Contact(name="Y Hlan"), [(number(1), True)])
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), LIST)
    page = author.get("/admin/lists/waiting").text
    assert "chỉ nhập lại nếu chính họ đồng ý" in page
    assert re.search(r'value="dropped" aria-keyshortcuts="1" class="primary"', page)
    assert re.search(r'value="taken" aria-keyshortcuts="2" data-ask="Nhập lại người', page)
