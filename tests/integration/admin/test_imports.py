"""A list comes in through the page: understood before anything is stored, stored by a worker, put right by a file."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select, update

from outreach.contacts.move_people import load_units
from outreach.imports import uploads
from outreach.imports.issues import Decision
from outreach.imports.list_reader import SKIPPED
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportIssue,
    KeptValue,
    ListImport,
    Membership,
    Phone,
    Upload,
    UploadState,
)
from tests.support.admin_client import post, shows, signed_in
from tests.support.list_files import write_xlsx
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.uploads import PLAIN, SAMPLE, checked, confirmed, files, hand_in, upload, work_on
from tests.support.world import AUTHOR


def test_a_file_is_understood_confirmed_stored_and_its_bad_rows_come_back(author, world, tmp_path):
    assert hand_in(author, world, "danh sách.csv", SAMPLE.read_bytes()).status_code == 303
    assert "Đang đọc và kiểm tra tệp" in author.get("/admin/imports/1/").text

    assert work_on(world)
    page = author.get("/admin/imports/1/live")
    assert page.headers["X-Live"] == "end"
    assert "Chưa có gì được lưu" in page.text
    assert '<option value="phone" selected>Số điện thoại</option>' in page.text
    assert "Chưa có gì được lưu." in page.text
    counts = {"rows": 110, "ok": 83, "review": 2, "reject": 25, "duplicates": 6, "known": 0}
    assert upload(world).counts.items() >= counts.items()
    assert world.count(Contact) == 0

    post(author, "/admin/imports/1/confirm")
    assert work_on(world)
    assert "Đã nhập xong tệp này: 110 dòng." in author.get("/admin/imports/1/").text
    counts = world.one(select(ListImport)).counts
    assert sum(counts.values()) - counts["rows"] == counts["rows"] == 110
    assert files(world) == []
    page = author.get("/admin/imports/1/").text
    assert re.search(r'không có số điện thoại</th>.*?Không hợp lệ.*?class="num"[^>]*>\d+<', page)
    errors = author.get("/admin/imports/errors/1.xlsx")
    path = tmp_path / "errors.xlsx"
    path.write_bytes(errors.data)
    header, *rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    assert header[:10] == SAMPLE.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert header[10:] == ["Tình trạng", "Lý do", "Dòng trong tệp gốc", "Mã dòng (giữ nguyên)"]
    assert len(rows) == counts["review"] + counts["rejected"]
    # The second person of the sample has no number that exists: row 3 of the file, as a spreadsheet counts.
    assert rows[0][:4] == ["5", "Huỳnh Thị Thu Hương", "41", "Nữ"]
    assert rows[0][7:] == ["01895000126", "", "GV", "không hợp lệ", "đầu số không tồn tại", "3", "L1.2"]


@both_databases
@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_worker_that_ended_halfway_is_followed_without_a_duplicate(
    client, world, monkeypatch, killed_after
):
    monkeypatch.setattr(uploads, "CHUNK", 3)
    checked(client, world, PLAIN)
    post(client, "/admin/imports/1/confirm")

    def die(*_args, **_more):
        raise KeyboardInterrupt

    store, calls = uploads.store_rows, iter(range(killed_after))
    monkeypatch.setattr(
        uploads, "store_rows", lambda *a, **m: store(*a, **m) if next(calls, None) is not None else die()
    )
    with pytest.raises(KeyboardInterrupt):
        work_on(world)
    monkeypatch.setattr(uploads, "store_rows", store)
    assert upload(world).progress == world.count(Contact) == 3 * killed_after
    assert not work_on(world)  # its lease still runs
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert world.read(uploads.uploads_to_process, now=later) == [1]
    world.execute(update(Upload).values(due_at=datetime.now(UTC)))
    assert work_on(world)
    assert upload(world).state is UploadState.DONE
    assert world.count(Contact) == world.count(ContactPhone) == 7


def test_a_worker_after_the_other_may_end_as_long_as_each_moves_it_on(client, world, monkeypatch):
    monkeypatch.setattr(uploads, "CHUNK", 1)
    checked(client, world, PLAIN)
    post(client, "/admin/imports/1/confirm")
    store = uploads.store_rows

    def store_one(*args, **more):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        store(*args, **more)

    monkeypatch.setattr(uploads, "store_rows", store_one)
    for stored in range(1, uploads.MOST_TRIES + 3):
        calls = iter([1])
        with pytest.raises(KeyboardInterrupt):
            work_on(world)
        assert (upload(world).progress, upload(world).state) == (stored, UploadState.STORING)
        world.execute(update(Upload).values(due_at=datetime.now(UTC)))


def test_a_worker_told_to_stop_leaves_the_rest_to_the_next(client, world, monkeypatch):
    monkeypatch.setattr(uploads, "CHUNK", 3)
    checked(client, world, PLAIN)
    post(client, "/admin/imports/1/confirm")
    work_on(world, stops=[False, True])
    assert (upload(world).progress, upload(world).state) == (3, UploadState.STORING)
    work_on(world)
    assert (world.count(Contact), upload(world).state) == (7, UploadState.DONE)


def test_the_same_file_again_adds_nobody(author, world):
    for upload_id in (1, 2):
        hand_in(author, world, "a.csv", PLAIN.encode())
        work_on(world, upload_id)
        shows(author.get(f"/admin/imports/{upload_id}/"), "0905•••001", but="0905000001")
        confirmed(author, world, upload_id)
    assert upload(world, 2).counts["known"] == 7
    assert world.count(Contact) == 7


def test_a_file_changed_behind_the_preview_is_refused(client, world):
    checked(client, world, PLAIN)
    (file,) = files(world)
    file.write_text(PLAIN.replace("A Thun", "Y Hlan"), encoding="utf-8")
    confirmed(client, world)
    assert "bị thay đổi" in client.get("/admin/imports/1/").text
    assert world.count(Contact) == 0


@cases(
    ("a.pdf", b"%PDF-1.4", "Không đọc được danh sách từ tệp PDF"),
    ("a.xlsx", b"PK\x03\x04 broken", "bị hỏng"),
    ("a.csv", "Kính gửi các ông bà\n".encode(), "Không tìm thấy cột số điện thoại"),
    ("../../a.csv", "Họ tên,SĐT\n".encode(), "không có người nào"),
)
def test_what_is_no_list_is_told_in_words_and_removed(author, world, name, content, says):
    hand_in(author, world, name, content)
    work_on(world)
    assert says in author.get("/admin/imports/1/").text
    assert files(world) == []


def test_a_cancelled_import_is_worked_on_no_more(author, world):
    hand_in(author, world, "a.csv", PLAIN.encode())
    post(author, "/admin/imports/1/cancel")
    assert not work_on(world)
    assert "đã bị hủy" in author.get("/admin/imports/1/").text
    assert files(world) == []


def columns_of(page):
    """Each column's field by its heading."""
    rows = re.findall(
        r'<th scope="row" id="column-[^"]+">([^<]+)</th>(?:(?!<th).)*<select name="([^"]+)"', page, re.S
    )
    return dict(rows)


def test_columns_are_named_by_hand_read_again_and_remembered(client, world):
    page = checked(
        client, world, "Ho ten,Goi so\nA Thun,khong co\nA Lau,0905000123\nY Hlan,chua co\nY Bl,ko\n", "b.csv"
    )
    assert "Chưa rõ cột số điện thoại" in page
    fields = columns_of(page)
    named = {fields["Ho ten"]: "name", fields["Goi so"]: "phone"}
    assert "Chưa có cột nào là số điện thoại" in post(client, "/admin/imports/1/confirm").text
    twice = post(client, "/admin/imports/1/columns", **{fields["Ho ten"]: "name", fields["Goi so"]: "name"})
    assert "Chưa có cột nào" in twice.text
    post(client, "/admin/imports/1/columns", **named)
    work_on(world, 1)
    assert upload(world, 1).counts["ok"] == 1
    confirmed(client, world)
    assert (world.count(Contact), world.count(Phone)) == (4, 1)
    # The next file with this header needs nobody.
    hand_in(client, world, "c.csv", b"Ho ten,Goi so\nA Rin,0905000124\nA,khong\nB,khong\nC,khong\n")
    work_on(world, 2)
    assert upload(world, 2).counts["ok"] == 1


def test_the_place_of_a_whole_file_a_turned_sheet_and_odd_names_are_on_the_page(client, world):
    lying = "Họ tên,A Thun,Y Rơ,Thôn 2\nSĐT,0905000123,0905000124,0905000125\nGhi chú,từ trần,,\n"
    page = checked(client, world, lying)
    assert all(words in page for words in ("nằm ngang", "từ trần", "“Thôn 2”"))
    unknown = post(client, "/admin/imports/1/columns", **{"place.commune": "Lạ Hoắc"})
    assert "Không biết xã, phường nào tên “Lạ Hoắc”" in unknown.text
    post(client, "/admin/imports/1/columns", **{"place.commune": "", "place.village": "Thôn 9"})
    work_on(world)
    assert {row["village"] for row in upload(world, 1).preview["rows"]} == {"Thôn 9"}
    assert 'value="Thôn 9"' in client.get("/admin/imports/1/").text


def test_a_column_is_kept_for_texts_by_its_title_or_another_name(client, world):
    people = "A Thun,0905000123,8h,Thôn 1\nY Rơ,0905000124,gọi 0905000125,Thôn 2\n"
    page = checked(client, world, f"Họ tên,SĐT,Giờ hẹn,Chỗ\n{people}")
    fields = columns_of(page)
    buttons = re.findall(r'name="use" value="([^"]+)"', page)
    assert buttons == [
        fields["Giờ hẹn"],
        fields["Chỗ"],
    ]  # the first screen says so, each with a button that uses it
    columns = {fields["Họ tên"]: "name", fields["SĐT"]: "phone", fields["Giờ hẹn"]: "field:"}
    place = fields["Chỗ"]
    for name, said in {
        "{link}": "không dùng được",
        "dân tộc": "tôn giáo",
        "giờ hẹn": "cùng một nội dung",
    }.items():
        wrong = {**columns, place: "field:", f"field:{place}": name}
        assert said in post(client, "/admin/imports/1/columns", **wrong).text
    named = {f"field:{fields['Giờ hẹn']}": "giờ hẹn"}
    unread = {**columns, fields["Giờ hẹn"]: ""}
    post(client, "/admin/imports/1/columns", use=buttons[0], **unread, **named)
    work_on(world)
    page = client.get("/admin/imports/1/").text
    assert re.findall(r'name="use" value="([^"]+)"', page) == [place]
    assert "giờ hẹn: 1 người có" in page
    post(client, "/admin/imports/1/columns", **columns, **{place: "field:", f"field:{place}": "{Nơi hẹn}"})
    work_on(world)
    page = client.get("/admin/imports/1/").text
    assert 'value="nơi hẹn"' in page
    assert "Cột không dùng" not in page
    assert "1 ô của cột điền vào tin nhắn không được giữ" in page
    assert "giờ hẹn: có số điện thoại" in " ".join(page.split())
    page = confirmed(client, world)
    listed = re.search(r'href="(/admin/lists/\d+/)"', page)
    assert listed
    for shown in (page, client.get(listed[1]).text):  # nothing waits: a campaign is what comes next
        assert re.findall(r'class="button primary"[^>]*>([^<]+)', shown) == ["Soạn chiến dịch"]
        assert "Quyết định các dòng chờ" not in shown
    kept = select(KeptValue.name, KeptValue.value).order_by(KeptValue.contact_id, KeptValue.name)
    assert world.rows(kept) == [("giờ hẹn", "8h"), ("nơi hẹn", "Thôn 1"), ("nơi hẹn", "Thôn 2")]
    person = world.contact("A Thun")
    assert "nơi hẹn: Thôn 1" in client.get(f"/admin/people/{person}/").text


def test_the_preview_names_the_places_that_are_not_understood_until_the_file_is_stored(client, world):
    world.add_areas({"608": "Kon Tum"}, {"23281": "608"})
    rows = ["A Thun,0905000001,Xã Nơi Khác", "Y Mai,0905000002,Xã Nơi Khác", "A Blốc,0905000003,Xã 23281"]
    page = checked(client, world, "\n".join(("Họ tên,Số điện thoại,Xã", *rows)))
    assert "Chưa nhận ra: “Xã Nơi Khác” (2)." in " ".join(page.split())
    confirmed(client, world)
    assert upload(world).preview["places"] == []


def test_a_place_that_may_be_two_communes_is_named_with_both_and_asked_about(client, world):
    """Of communes called alike but for a mark; a mark of neither, or none, means both."""
    world.do(load_units, ["51"])
    rows = ["A Thun,0905000001,Xã Ba Tó", "Y Mai,0905000002,Xã Nơi Khác"]
    page = checked(client, world, "\n".join(("Họ tên,Số điện thoại,Xã", *rows)))
    either = "“Xã Ba Tó” (1), có thể là Xã Ba Tơ hoặc Xã Ba Tô; “Xã Nơi Khác” (1)."
    assert f"Chưa nhận ra: {either}" in " ".join(page.split())
    confirmed(client, world)
    asked = client.get("/admin/lists/places").text
    likely = re.findall(r'<optgroup label="Có thể là">(.*?)</optgroup>', asked, re.DOTALL)
    assert [re.findall(r">(Xã [^<]+)<", each) for each in likely] == [["Xã Ba Tơ", "Xã Ba Tô"]]


def test_a_new_list_is_of_the_own_organisation_or_of_the_one_that_a_file_was_brought_for_last(client, world):
    women = world.organisation("PN", "Hội Phụ nữ")
    world.organisation("CCB", "Hội Cựu chiến binh")
    own = world.one(select(ContactList.organisation_id))

    def offered(email):
        signed_in(client, email)
        page = client.get("/admin/imports/").text.split('name="organisation"')[1].split("</select>")[0]
        return [int(each) for each in re.findall(r'value="(\d+)" selected', page)]

    anybody = world.officer("tinh@loa.example")
    assert offered(AUTHOR) == [own]
    assert offered(anybody) == []
    hand_in(client, world, "a.csv", PLAIN.encode(), list="", new_name="Chi hội 3", organisation=women)
    assert offered(anybody) == [women]


@both_databases
def test_the_preview_counts_what_the_import_then_does(author, world, monkeypatch):
    monkeypatch.setattr(uploads, "CHUNK", 7)

    def bring(upload_id, *lines):
        hand_in(author, world, "a.csv", "\n".join(("Họ và tên,SĐT", *lines)).encode())
        work_on(world, upload_id)
        confirmed(author, world, upload_id)
        return upload(world, upload_id).counts, world.first(
            select(ListImport.counts).order_by(ListImport.id.desc())
        ) or {}

    numbers = [f"0905000{n:03d}" for n in range(1, 40)]
    bring(1, *(f"A Thun Hlan,{number}" for number in numbers[:30]))
    lines = [
        *(f"A Ngọc Thun Hlan,{number}" for number in numbers[:20]),  # lengthened: a person decides
        *(f"A Thun Hlan,{number}" for number in numbers[15:30]),
        *(f"Y Rin,{number}" for number in numbers[25:]),
        *(f"Y Rin,{number}" for number in numbers[35:]),
        *(f"Y Lan,{number.replace('000', 'OOO')}" for number in numbers[:8]),
        "A Bôi,không có",
    ]
    for upload_id in (2, 3):
        previewed, stored = bring(upload_id, *lines)
        assert previewed["rows"] == stored["rows"] == len(lines)
        assert (previewed["review"], previewed["reject"]) == (stored["review"], stored["rejected"])
        assert previewed["ok"] == stored["rows"] - stored["review"] - stored["rejected"]
        assert previewed["ok"] - previewed["duplicates"] - previewed["known"] == stored["created"]
        if upload_id == 2:
            assert (stored["review"], stored["created"], previewed["duplicates"]) == (28, 14, 4)
        for decision, rest in ((Decision.DROPPED, 0), (Decision.SAME, 1)):  # some are dropped, some taken
            some = (ImportIssue.status == "review", ImportIssue.id % 3 == rest)
            world.execute(update(ImportIssue).where(*some).values(decision=decision))
    assert stored["review"] < 28
    assert previewed["reject"] > 1


def workbook(tmp_path, sheets):
    return write_xlsx(tmp_path / "villages.xlsx", sheets).read_bytes()


WITHOUT_PHONES = [["STT", "Họ và tên", "Ghi chú"], ["1", "Y Hlan", "già"], ["2", "A Rin", ""]]


def test_a_sheet_of_people_without_phones_comes_back_or_is_left_out(client, world, tmp_path):
    with_phones = [["STT", "Họ và tên", "SĐT"], ["1", "A Thun", "0905000123"]]
    content = workbook(tmp_path, {"Thôn 1": WITHOUT_PHONES, "Thôn 2": with_phones})
    checked(client, world, content, "a.xlsx")
    assert upload(world).counts.items() >= {"rows": 3, "ok": 1, "reject": 2}.items()
    page = client.get("/admin/imports/1/").text
    assert "Trang tính này không có cột số điện thoại" in page
    # Columns of such a sheet may be put right; it need not have a number.
    fields = columns_of(page)
    named = {fields["Ghi chú"]: "village", "line.0": "1", "line.1": "1"}
    post(client, "/admin/imports/1/columns", **named)
    work_on(world)
    assert upload(world).counts.items() >= {"rows": 3, "ok": 1, "reject": 2}.items()
    nobody = post(client, "/admin/imports/1/columns", **{"line.0": SKIPPED, "line.1": SKIPPED})
    assert "Mọi trang tính" in nobody.text
    post(client, "/admin/imports/1/columns", **{**named, "line.0": SKIPPED})
    work_on(world)
    page = client.get("/admin/imports/1/").text
    assert "Trang tính này không được nhập" in page
    assert "Trang tính này không có cột số điện thoại" not in page
    confirmed(client, world)
    assert (world.count(Contact), upload(world).counts["rows"]) == (1, 1)


def test_sheets_of_which_none_has_phones_lead_to_their_columns_and_the_file_stays(
    client, world, tmp_path, monkeypatch
):
    monkeypatch.setattr(uploads, "CHUNK", 1)
    checked(client, world, workbook(tmp_path, {"Thôn 1": WITHOUT_PHONES, "Thôn 2": WITHOUT_PHONES}), "a.xlsx")
    assert upload(world).state is UploadState.READY
    assert len(files(world)) == 1
    fields = columns_of(client.get("/admin/imports/1/").text)
    post(client, "/admin/imports/1/columns", **{fields["Ghi chú"]: "phone", fields["Họ và tên"]: "name"})
    work_on(world)
    assert upload(world).counts.items() >= {"rows": 4, "ok": 0}.items()


def test_who_came_with_an_unknown_place_is_said_after_the_import_with_where_to_settle_it(client, world):
    checked(client, world, "Họ tên,SĐT,Xã\nA Thun,0905000123,Xã Không Đâu\n")
    confirmed(client, world)
    page = client.get("/admin/imports/1/").text
    assert "1 người chưa xác định được xã, phường" in page
    assert 'href="/admin/lists/places"' in page


def test_a_list_without_any_number_is_stored_for_visits_where_the_officer_says_so(client, world):
    rows = "1,Y Hlan,1950,Thôn 1\n2,A Thun,1940,Thôn 1\n"
    checked(client, world, f"STT,Họ và tên,Năm sinh,Thôn\n{rows}")
    assert "Danh sách không có số: lưu để gặp tận nhà" in client.get("/admin/imports/1/").text
    post(client, "/admin/imports/1/columns", without="1")
    work_on(world)
    assert upload(world).counts.items() >= {"rows": 2, "ok": 0, "reject": 2, "at_the_door": 2}.items()
    assert "2 người không có số dùng được" in client.get("/admin/imports/1/").text
    confirmed(client, world)
    assert (world.count(Contact), world.count(Phone)) == (2, 0)
    assert "2 dòng của người không có số dùng được" in client.get("/admin/imports/1/").text


def test_ethnic_origin_is_neither_shown_nor_offered_to_be_read(client, world):
    people = "".join(f"Y Hlan {n},Xơ Đăng,0905000{n:03d}\n" for n in range(1, 8))
    page = checked(client, world, f"Họ và tên,Lý lịch,SĐT\n,Dân tộc,\n{people}")
    assert "Xơ Đăng" not in page
    assert "Dân tộc, tôn giáo: không đọc, không lưu" in page
    signature = columns_of(page)["SĐT"].partition(".")[0]
    refused = post(
        client, "/admin/imports/1/columns", **{f"{signature}.1": "unit", f"{signature}.2": "phone"}
    )
    assert "Không hiểu cách chọn cột" in refused.text


def test_sheets_that_are_left_out_and_rows_that_nobody_sees_are_told(client, world, tmp_path):
    people = [["STT", "Họ và tên", "SĐT"], ["1", "A Thun", "0905000123"], ["2", "Y Rin", "0905000124"]]
    sheets = {"Thôn 1": people, "Hướng dẫn": [["Ghi đủ họ tên"]], "Nháp": people}
    path = write_xlsx(tmp_path / "a.xlsx", sheets, hidden=("Nháp",), hidden_rows=("3",))
    page = checked(client, world, path.read_bytes(), "a.xlsx")
    assert "Trang tính ẩn không được nhập: Nháp." in page
    assert "không nhận ra là danh sách người nên không được nhập: Hướng dẫn." in page
    assert "1 dòng ẩn cũng được đọc." in page
    assert upload(world).counts["ok"] == 2


def test_a_sheet_that_is_not_there_is_refused(client, world):
    checked(client, world, PLAIN)
    for place in ("line.7", "line.9999"):
        refused = post(client, "/admin/imports/1/columns", **{place: "0"})
        assert refused.status_code == 422
        assert "Không có dòng tiêu đề như vậy" in refused.text


def test_the_header_is_put_on_another_line_by_hand(client, world):
    rows = "".join(f"Y Hlan {i},0905000{i:03d},Thôn {i}\n" for i in range(1, 8))
    guide = "Cách ghi,Họ tên,SĐT,Năm sinh\n,viết hoa,mười số,bốn số\n"
    checked(client, world, f"{guide}Họ và tên,Máy,Chỗ\n{rows}")
    assert not upload(world).counts.get("ok")  # no column of the first line has numbers
    page = client.get("/admin/imports/1/").text
    assert re.search(r'<option value="1" selected>Dòng 1: Cách ghi · Họ tên', page)
    assert "0905000001" not in page
    fields = columns_of(page)
    shows(post(client, "/admin/imports/1/columns", **{"line.0": "999"}), "Không có dòng tiêu đề như vậy")
    # The columns on the page are those of the other header: they are guessed anew.
    post(client, "/admin/imports/1/columns", **{"line.0": "3", fields["Họ tên"]: "", fields["SĐT"]: ""})
    work_on(world)
    assert upload(world).counts["ok"] == 7
    fields = columns_of(client.get("/admin/imports/1/").text)
    named = {fields["Họ và tên"]: "name", fields["Máy"]: "phone", fields["Chỗ"]: "village"}
    post(client, "/admin/imports/1/columns", **{"line.0": "3"}, **named)
    work_on(world)
    confirmed(client, world)
    assert set(world.all(select(Contact.village))) == {f"Thôn {i}" for i in range(1, 8)}
    # What ended keeps nothing that people wrote.
    assert "Y Hlan" not in str(upload(world).preview)


def test_a_list_that_begins_with_its_first_person_loses_nobody(client, world):
    rows = "".join(f"Hội viên {i},0905000{i:03d}\n" for i in range(1, 8))
    checked(client, world, rows)
    post(client, "/admin/imports/1/columns", **{"line.0": "0"})
    work_on(world)
    assert upload(world).counts["ok"] == 7
    assert "Không có dòng tiêu đề</option>" in client.get("/admin/imports/1/").text


@both_databases
def test_two_people_import_the_same_file_at_once(author, world):
    for upload_id in (1, 2):
        hand_in(author, world, "a.csv", (PLAIN * 30).encode())
        work_on(world, upload_id)
        post(author, f"/admin/imports/{upload_id}/confirm")
    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(lambda upload_id: work_on(world, upload_id), (1, 2)))
    assert [upload(world, n).state for n in (1, 2)] == [UploadState.DONE] * 2
    assert world.count(Contact) == world.count(Phone) == world.count(Membership) == 7


def test_a_list_may_be_large_and_other_forms_not(author, world):
    filling = PLAIN.encode() + b"\n" * 2_000_000
    assert hand_in(author, world, "a.csv", filling).status_code == 303
    assert upload(world).size == len(filling)
    too_large = hand_in(author, world, "a.csv", b"x" * (31 * 2**20))
    shows(too_large, "lớn hơn 30 MB", status=422)
    assert post(author, "/admin/lists/", name="x" * 100_000).status_code == 413


def test_without_a_file_or_a_list_nothing_is_lost(author, world):
    page = post(author, "/admin/imports/", new_name="Hội viên xã Đăk Hà")
    assert page.status_code == 422
    assert "Chưa chọn tệp" in page.text
    assert "Hội viên xã Đăk Hà" in page.text
