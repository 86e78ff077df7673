"""Rows that need an eye are put right before anything is stored; lists are looked after."""

import pytest
from sqlalchemy import select

from outreach.imports.issues import Decision
from outreach.models.contacts import (
    Contact,
    ContactList,
    ImportIssue,
    ListImport,
    Membership,
    Phone,
    UploadState,
)
from tests.integration.outreach.test_units import load_kon_tum
from tests.support.admin_client import post, signed_in
from tests.support.uploads import checked, confirmed, count, hand_in, upload, work_on
from tests.support.world import AUTHOR

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
    assert count(world, Contact) == 0
    page = client.get("/admin/imports/1/").text
    assert "dòng sửa được ngay" not in page
    assert "Đã sửa 4 dòng của tệp này." in page
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
    page = client.get("/admin/imports/1/").text
    assert 'name="phone.0.4" value="0905 000 128"' in page
    assert "Nhập 2 người, 2 để sau" in page
    assert post(client, "/admin/imports/1/row", key="0.99", text="1").status_code == 422
    confirmed(client, world)
    assert set(world.all(select(Phone.e164))) == {"+84905000123", "+84905000128"}


def test_one_person_is_added_by_hand_and_checked_like_a_file(client, world):
    signed_in(client, AUTHOR)
    person = {"full_name": "A Thun", "phone": "0905 000 123", "village": "Thôn 2", "commune": ""}
    assert post(client, "/admin/imports/one", **person, list="0").status_code == 422
    added = post(client, "/admin/imports/one", **person, list=world.list_id)
    work_on(world)
    assert "Nhập 1 người" in client.get(added.location).text
    confirmed(client, world)
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
    assert count(world, Contact) == 3  # two of them without a number
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
def test_a_first_file_that_is_cancelled_or_fails_leaves_no_list_and_its_name_is_free(client, world, end):
    signed_in(client, AUTHOR)
    form = new_list(world, "Tổ 9")
    hand_in(client, world, "a.csv", b"STT\n1\n" if end == "fail" else DOUBTS.encode(), **form)
    assert "Tổ 9" not in client.get("/admin/lists/").text
    work_on(world)
    if end == "cancel":
        post(client, "/admin/imports/1/cancel")
    assert upload(world).state is (UploadState.CANCELLED if end == "cancel" else UploadState.FAILED)
    assert "Tổ 9" not in client.get("/admin/lists/").text
    hand_in(client, world, "b.csv", DOUBTS.encode(), **form)
    work_on(world, 2)
    confirmed(client, world, 2)
    assert ">Tổ 9</a>" in client.get("/admin/lists/").text


def test_lists_are_renamed_merged_split_archived_and_removed(client, world):
    load_kon_tum(world)
    signed_in(client, AUTHOR)
    for n, name in enumerate(("Tổ 1", "Tổ 2"), 1):
        rows = "".join(f"{i},A Thun {i},Xã Đăk Mar,0905000{i:03d}\n" for i in range(n, n + 5))
        content = f"STT,Họ và tên,Xã,SĐT\n{rows}9,Y Hlan {n},Xã Đăk Ui,090500010{n}\n".encode()
        hand_in(client, world, f"{n}.csv", content, **new_list(world, name))
        work_on(world, n)
        confirmed(client, world, n)
    ids = dict(world.rows(select(ContactList.name, ContactList.id)))

    def members(name):
        query = select(Membership.contact_id).join(ContactList, ContactList.id == Membership.list_id)
        return len(world.all(query.where(ContactList.name == name)))

    first, second = ids["Tổ 1"], ids["Tổ 2"]
    assert "đã có danh sách tên" in post(client, f"/admin/lists/{first}/rename", name="Tổ 2").text
    post(client, f"/admin/lists/{first}/rename", name="Tổ  Một")
    post(client, f"/admin/lists/{second}/merge", into=first)
    assert (members("Tổ Một"), members("Tổ 2")) == (8, 6)
    assert "đã lưu trữ" in client.get("/admin/lists/").text
    post(client, f"/admin/lists/{second}/archive")
    assert "đã lưu trữ" not in client.get("/admin/lists/").text
    area = world.scalar(select(Contact.area_code).where(Contact.name == "Y Hlan 1"))
    post(client, f"/admin/lists/{first}/split", area=area, new_name="Đăk Ui")
    assert (members("Tổ Một"), members("Đăk Ui")) == (6, 2)
    everybody = count(world, Contact)
    post(client, f"/admin/lists/{second}/remove")
    assert members("Tổ 2") == 0
    assert count(world, Contact) == everybody  # all of them are in another list by now
    post(client, f"/admin/lists/{first}/remove")
    assert count(world, Contact) == everybody - 6
    client.get("/admin/lists/")  # the first view tells what was removed
    page = client.get("/admin/lists/").text
    assert "Tổ Một" not in page
    assert "Đăk Ui" in page
