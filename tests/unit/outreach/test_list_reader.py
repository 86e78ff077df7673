"""From a file to checked people, on files as organisations send them."""

import csv
import unicodedata
from pathlib import Path
from time import process_time

import pytest

from outreach.core.sentences import word_error
from outreach.imports.file_reader import HiddenContent
from outreach.imports.list_reader import PLACE_OF_FILE, SKIPPED, check_list, line_key, write_check
from outreach.imports.sheet_process import read_sheets
from outreach.rules.errors import BadInput, BadList, NoPhoneColumn
from outreach.rules.list_rows import Sex
from outreach.rules.phone_numbers import PhoneStatus, Reason
from tests.lists import shapes_habits as habits
from tests.lists import shapes_office as office
from tests.lists import shapes_other as other
from tests.lists.scores import check_file
from tests.support.errors import refuses
from tests.support.list_files import ods_around, write_ods, write_xlsx
from tests.support.places import KONTUM_2020
from tests.support.tables import cases, each_of

DATA = Path(__file__).resolve().parents[2] / "data"
GAZETTEER = KONTUM_2020
LIST = "STT,Họ và tên,Xã,SĐT\n1,Y Blưm,Đắk La,0905000123\n2,A Lâu,Đắk Long,không có\n"
ROWS = [["STT", "Họ và tên", "SĐT"], [1, "Y Blưm", 905000123], [2, "A Lâu", "0913 000 248"]]


def check(path):
    return list(check_list(path, GAZETTEER))


def written(tmp_path, content, name="list.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def numbers(rows):
    return [number for row in rows for number in row.phone.numbers]


def in_windows_1258(text):
    """Bytes as an old Windows writes them: a letter, and behind it the accent that 1258 keeps apart."""
    accents = "\u0300\u0301\u0303\u0309\u0323"
    apart = []
    for letter in text:
        marks = unicodedata.normalize("NFD", letter)
        accent = next((mark for mark in marks if mark in accents), "")
        apart.append(unicodedata.normalize("NFC", marks.replace(accent, "")) + accent)
    return "".join(apart).encode("cp1258")


def test_the_sample_agrees_with_what_is_expected_of_every_row(tmp_path):
    out = tmp_path / "out.csv"
    counts = write_check(DATA / "contacts_sample.csv", out, GAZETTEER)
    with out.open(encoding="utf-8", newline="") as file:
        got = list(csv.DictReader(file))
    with (DATA / "contacts_sample_expected.csv").open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))
    assert list(got[0]) == ["row", "stt", "status", "e164", "reason", "warnings", "commune_code"]
    assert got == [
        {
            **{"row": str(number), "stt": line["stt"], "status": line["status"]},
            **{"e164": line["expected_e164"], "reason": line["reason"], "warnings": line["warnings"]},
            "commune_code": line["expected_commune_code"],
        }
        for number, line in enumerate(expected, 1)
    ]
    assert counts == {"rows": 110, "ok": 83, "review": 2, "reject": 25}


def test_what_is_known_of_a_person(tmp_path):
    rows = check(
        written(
            tmp_path,
            "STT;Họ và tên;Năm sinh;Giới tính;Dân tộc;Thôn;Xã;Huyện;SĐT;Chi hội;Có smartphone;Ngôn ngữ;Ghi chú\n"
            " 7 ; Y   Blu\u031bm ;27/12/2004;nữ;Ba Na;Thôn 1;Đăk Long;Đắk Hà;905000123;CH 1;x;Ba Na;hộ nghèo\n"
            "8;A Lâu;1963;M;Kinh;nt;nt;nt;;nt;không;;\n",
        )
    )
    first, second = rows
    assert (first.row, first.stt, first.name, first.birth_year) == (1, "7", "Y Blưm", 2004)
    assert (first.sex, first.has_smartphone, first.language) == (Sex.FEMALE, True, "Ba Na")
    assert (first.village, first.commune, first.district) == ("Thôn 1", "Đăk Long", "Đắk Hà")
    assert (first.commune_code, first.unit, first.note) == ("23504", "CH 1", "hộ nghèo")
    assert (first.phone_text, first.phone.numbers) == ("905000123", ("+84905000123",))
    assert (second.birth_year, second.sex, second.has_smartphone) == (1963, Sex.MALE, False)
    assert (second.village, second.commune_code, second.unit) == ("Thôn 1", "23504", "CH 1")  # "as above"
    assert second.phone.reason is Reason.MISSING
    assert "Kinh" not in str(rows)


@cases(
    *[("1994", 1994), ("1988.0", 1988), ("5/8/41", 1941), ("27/12/2004", 2004), ("5-8-26", 1926)],
    *[("sinh năm 1950", 1950), ("", None), ("nt", None), ("194", None), ("1", None)],
)
def test_a_year_of_birth(tmp_path, written_as, year):
    row = check(written(tmp_path, f"Họ tên,Năm sinh,SĐT\nY Blưm,{written_as},0905000123\n"))[0]
    assert (row.birth_year, row.birth_doubt) == (year, "")


@cases("41", "20", "99", "41.0", "5/8/12", "5/8/25")
def test_an_age_or_a_year_without_its_century_is_left_to_a_person(tmp_path, written_as):
    row = check(written(tmp_path, f"Họ tên,Năm sinh,SĐT\nY Blưm,{written_as},0905000123\n"))[0]
    assert (row.birth_year, row.birth_doubt) == (None, written_as.removesuffix(".0"))
    assert row.phone.status is PhoneStatus.OK


def test_years_of_men_and_women_in_columns_of_their_own(tmp_path):
    rows = [
        ["STT", "Họ và tên", "Năm sinh", None, "SĐT"],
        [None, None, "Nam", "Nữ"],
        [1, "A Kiêng", 1980, None, "0905000123"],
        [2, "Y Blưm", None, 1994.0, "0913000248"],
    ]
    people = check(write_xlsx(tmp_path / "list.xlsx", {"DS": rows}))
    assert [(each.sex, each.birth_year) for each in people] == [(Sex.MALE, 1980), (Sex.FEMALE, 1994)]


def test_only_people_are_counted_not_titles_blanks_totals_or_repeated_headers(tmp_path):
    header = ["STT", "Họ và tên", "Thôn", "SĐT"]
    rows = [
        ["HỘI LIÊN HIỆP PHỤ NỮ"],
        [],
        header,
        ["(1)", "(2)", "(3)", "(4)"],
        ["I", "Thôn Kon Klor"],
        [1, "Y Blưm", "Kon Klor", 905000123],
        [2, "A Lâu"],
        [3, None, "Kon Klor", None],
        [None, "Y Hyar", None, "0913000248"],
        ["Thôn Plei Trum"],
        [4],
        header,
        [5, "Lang Văn A", "Plei Trum", "0866000377"],
        [None, "Tổng cộng: 5 người"],
        [None, None, None, None],
        [None, None, "Kon Tum, ngày 5 tháng 8 năm 2020"],
        [None, "NGƯỜI LẬP BIỂU", "TRƯỞNG BAN"],
    ]
    people = check(write_xlsx(tmp_path / "list.xlsx", {"DS": rows}))
    assert [(each.row, each.name) for each in people] == [
        (1, "Y Blưm"),
        (2, "A Lâu"),
        (3, ""),
        (4, "Y Hyar"),
        (5, "Lang Văn A"),
    ]


def test_sheets_each_have_their_own_header_and_rows_count_on(tmp_path):
    sheets = {
        "Hướng dẫn": [["Ghi đủ họ tên và số máy"]],
        "Thôn 1": ROWS,
        "Thôn 2": [["DANH SÁCH"], ["SĐT", "Họ tên"], ["0866000377", "Y Hyar"]],
        "Nháp": ROWS,
    }
    people = check(write_xlsx(tmp_path / "list.xlsx", sheets, hidden=("Nháp",)))
    assert [(each.row, each.sheet, each.name) for each in people] == [
        (1, "Thôn 1", "Y Blưm"),
        (2, "Thôn 1", "A Lâu"),
        (3, "Thôn 2", "Y Hyar"),
    ]


def test_people_of_a_sheet_without_phones_are_rows_whose_number_is_missing(tmp_path):
    header = ["STT", "Họ và tên", "Thôn"]
    sheets = {
        "Thôn 1": [header, [1, "Y Hyar", "Thôn 1"], header, [2, "Y Rơ", "Thôn 1"]],
        "Thôn 2": ROWS,
        "Thôn 3": [header, [1, "A Rin", "Thôn 3"]],
    }
    path = write_xlsx(tmp_path / "list.xlsx", sheets)
    missing, ok = (PhoneStatus.REJECT, Reason.MISSING), (PhoneStatus.OK, None)
    assert [(each.row, each.name, (each.phone.status, each.phone.reason)) for each in check(path)] == [
        (1, "Y Hyar", missing),
        (2, "Y Rơ", missing),
        (3, "Y Blưm", ok),
        (4, "A Lâu", ok),
        (5, "A Rin", missing),
    ]
    only = {line_key("Thôn 1"): {"line": SKIPPED}}
    assert [row.name for row in check_list(path, GAZETTEER, only)] == ["Y Blưm", "A Lâu", "A Rin"]
    without = {line_key("Thôn 2"): {"line": SKIPPED}}
    with refuses(NoPhoneColumn, says="“STT”, “Họ và tên”, “Thôn”"):
        list(check_list(path, GAZETTEER, without))


def test_what_is_hidden_is_told(tmp_path):
    sheets = {"Thôn 1": ROWS, "Nháp": ROWS, "Thôn 2": ROWS, "Rất kín": ROWS}
    path = tmp_path / "list.xlsx"
    write_xlsx(path, sheets, hidden=("Nháp", "Rất kín"), hidden_rows=("2", "3"))
    unseen = HiddenContent()
    assert [sheet.name for sheet in read_sheets(path, unseen)] == ["Thôn 1", "Thôn 2"]
    assert unseen == HiddenContent(["Nháp", "Rất kín"], 4)
    cells = (
        '<table:table-cell office:value-type="float" office:value="1"><text:p>1</text:p></table:table-cell>'
        * 2
    )
    rows = (
        f"<table:table-row>{cells}</table:table-row>"
        f'<table:table-row table:visibility="filter" table:number-rows-repeated="3">{cells}</table:table-row>'
        '<table:table-row table:visibility="collapse" table:number-rows-repeated="900">'
        "<table:table-cell/></table:table-row>"
    )
    assert len([*read_sheets(ods_around(tmp_path / "list.ods", rows), unseen)]) == 1
    assert unseen.rows == 3


def test_the_commune_stands_in_the_address_when_it_has_no_column(tmp_path):
    people = check(written(tmp_path, 'Họ tên,Địa chỉ,SĐT\nY Blưm,"Thôn 4, xã Đắk La",0905000123\n'))
    assert (people[0].commune_code, people[0].commune) == ("23524", "")


def test_people_whose_rows_and_titles_name_no_place_live_where_the_whole_file_does(tmp_path):
    path = written(tmp_path, "Họ tên,Xã,SĐT\nY Blưm,,0905000123\nA Lâu,Đắk Hring,0905000124\n")
    said = {PLACE_OF_FILE: {"commune": "Đắk La", "village": "Thôn 9"}}
    people = list(check_list(path, GAZETTEER, said))
    assert [(each.commune_code, each.village) for each in people] == [
        ("23524", "Thôn 9"),
        ("23506", "Thôn 9"),
    ]


def test_several_phone_columns_make_one_cell(tmp_path):
    text = "Họ tên,SĐT 1,SĐT 2\nY Blưm,0905000123,0913000248\nA Lâu,,866000377\nY Hyar,0905000123,\n"
    people = check(written(tmp_path, text))
    assert [each.phone.numbers for each in people] == [
        ("+84905000123", "+84913000248"),
        ("+84866000377",),
        ("+84905000123",),
    ]


@cases("Khi khẩn cấp gọi cho ai? (tên, SĐT)", "SĐT chủ trọ", "Số ĐT NT", "Tel. of relative")
def test_a_number_of_somebody_else_is_nobodys_own(tmp_path, heading):
    rows = "Y Blưm,0905000123,0913000248\nA Lâu,,0866000377\nY Hyar,0905000124,\nA Rin,0905000125,0905000125"
    people = check(written(tmp_path, f'Họ tên,SĐT,"{heading}"\n{rows}'))
    assert [(each.phone.status.value, each.phone.numbers) for each in people] == [
        ("ok", ("+84905000123",)),
        ("review", ("+84866000377",)),
        ("ok", ("+84905000124",)),
        ("review", ("+84905000125",)),  # of both
    ]
    alone = check(written(tmp_path, f'Họ tên,"{heading}"\nY Blưm,0905000123\n'))
    assert alone[0].phone.status.value == "ok"  # the only numbers that the list has


@cases("Liên hệ", "Số liên hệ", "Liên lạc")
def test_numbers_to_reach_people_by_are_their_own_though_a_table_below_has_more_headings(tmp_path, heading):
    rows = "1,A Thao,Thôn 1,0905.000.123\n2,A Lâu,Thôn 2,0866000377 (zalo)\n3,Y Hyar,Thôn 2,nhắn qua A Lâu"
    below = "TT,Họ và tên,Năm sinh,Giới tính,Điện thoại,Ghi chú\n1,A Jưng,1952,Nam,0906000777,\n2,Y Bơng,1950,Nữ,0905000124,"
    people = check(written(tmp_path, f'TT,"Họ tên, chức danh",Thôn,{heading}\n{rows}\n,,,\n{below}\n'))
    assert [each.phone.status.value for each in people] == ["ok", "ok", "reject", "ok", "ok"]


def test_in_a_list_of_landlords_the_landlord_s_number_is_their_own_and_a_manager_s_is_not(tmp_path):
    rows = "Y Blưm,0905000123,A Lâu 0913000248\nY Hyar,0866000377,\nA Rin,0905000125,0905000126"
    people = check(written(tmp_path, f"Họ tên chủ nhà trọ,ĐT chủ nhà,Người quản lý (ĐT)\n{rows}"))
    assert [(each.phone.status.value, each.phone.numbers) for each in people] == [
        ("ok", ("+84905000123",)),
        ("ok", ("+84866000377",)),
        ("ok", ("+84905000125",)),
    ]


def test_a_village_merged_over_its_people_is_theirs_and_a_title_over_two_rows_is_nobody_s(tmp_path):
    rows = [
        [None, "DANH SÁCH HỘI VIÊN"],
        [],
        [None, "Thôn", "Họ và tên", "Năm sinh", None, "SĐT"],
        [None, None, None, "Nam", "Nữ", None],
        [None, "Kon Klor", "A Lâu", 1980, None, "0905000123"],
        [None, None, "Y Blưm", None, 1994, "0913000248"],
        [None, None, "Y Hyar", None, 1995, "hỏng"],
        [None, None, "A Thun", 1970, None, "0866000377"],
    ]
    path = tmp_path / "list.xlsx"
    write_xlsx(path, {"DS": rows}, merged=("B1:F2", "B3:B4", "C3:C4", "D3:E3", "B5:B7"))
    people = check(path)
    assert [(each.line, each.name, each.village) for each in people] == [
        (5, "A Lâu", "Kon Klor"),
        (6, "Y Blưm", "Kon Klor"),
        (7, "Y Hyar", "Kon Klor"),
        (8, "A Thun", ""),
    ]
    assert people[2].as_written() == ["Kon Klor", "Y Hyar", "", "1995", "hỏng"]


def test_a_row_is_given_back_as_it_stood_with_what_as_above_meant_and_without_ethnic_origin(tmp_path):
    people = check(
        written(
            tmp_path,
            'DANH SÁCH\n\nTT,Họ tên,Dân tộc,Thôn,SĐT\n1,Y Blưm,Ba Na,Thôn 1,0905000123\n2,  A Lâu,Ba Na,nt,"09O5\n000"\n',
        )
    )
    assert [each.line for each in people] == [4, 5]
    assert people[1].as_written() == ["2", "  A Lâu", "", "Thôn 1", "09O5\n000"]


def test_ethnic_origin_under_a_second_line_or_without_a_header_is_given_back_to_nobody(tmp_path):
    people = "1,Y Blưm,Ba Na,0905000123\n2,Y Hyar,Ba Na,0913000248\n3,A Lâu,Xơ Đăng,hỏng\n"
    for header in ("", "TT,Họ tên,Lý lịch,SĐT\n,,Dân tộc,\n"):
        rows = check(written(tmp_path, header + people))
        assert [each.as_written() for each in rows][-1] == ["3", "A Lâu", "", "hỏng"]
        assert [row.name for row in rows] == ["Y Blưm", "Y Hyar", "A Lâu"]


@cases("list.xlsx", "list.xlsm", "list.ods")
def test_workbooks_of_every_kind(tmp_path, name):
    path = tmp_path / name
    people = check(write_ods(path, ROWS) if name.endswith("ods") else write_xlsx(path, {"DS": ROWS}))
    assert [(each.stt, each.name) for each in people] == [("1", "Y Blưm"), ("2", "A Lâu")]
    assert numbers(people) == ["+84905000123", "+84913000248"]


def test_an_old_excel_file(tmp_path):
    people = check(DATA / "contacts_sample.xls")
    assert [each.stt for each in people] == ["7", "14", "41", "99", "206"]
    assert people[2].commune_code == "23458"
    assert [each.phone.status for each in people][:3] == [PhoneStatus.REVIEW, PhoneStatus.OK, PhoneStatus.OK]


@cases(
    LIST.encode(),
    b"\xef\xbb\xbf" + LIST.encode(),
    LIST.encode("utf-16"),
    LIST.encode("utf-16-le"),
    LIST.replace(",", "\t").encode("utf-16"),
    LIST.replace(",", ";").encode(),
    LIST.replace(",", "\t").encode(),
    LIST.replace(",", "|").encode(),
    b"sep=;\r\n" + LIST.replace(",", ";").replace("\n", "\r\n").encode(),
    LIST.replace("\n", "\r").encode(),
    in_windows_1258(LIST),
)
def test_text_files_in_every_encoding_and_separator(tmp_path, content):
    people = check(written(tmp_path, content))
    assert [row.name for row in people] == ["Y Blưm", "A Lâu"]
    assert [each.commune_code for each in people] == ["23524", "ambiguous:23368/23504"]
    assert [each.phone.reason for each in people] == [None, Reason.NO_PHONE_STATED]


def test_a_row_of_five_hundred_columns_is_read_as_far_as_the_header_goes(tmp_path):
    wide = "3,Y Hyar,Đắk La,0866000377" + ",0905000123" * 496
    people = check(written(tmp_path, f"{LIST}{wide}\n4\n"))
    assert numbers(people) == ["+84905000123", "+84866000377"]


def test_a_list_is_streamed_and_not_held(tmp_path):
    path = written(tmp_path, LIST)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{n},Y Blưm,Đắk La,0905000123\n" for n in range(3, 200))
        file.write('999,"Y Blưm' + "\n" * 40)
    rows = check_list(path, GAZETTEER)
    assert [next(rows).row for _ in range(198)] == list(range(1, 199))  # the next line may go on with a row
    with pytest.raises(BadList, match="quote_not_closed"):
        next(rows)


@cases(
    ("list.csv", b"", "trống"),
    ("list.csv", b"\n\n , ,\n", "không có dòng dữ liệu"),
    ("list.csv", "Họ tên,Thôn\nY Blưm,Thôn 1\n", "“Họ tên”, “Thôn”"),
    ("list.csv", "Xin chào\nKính gửi\n", "Không tìm thấy cột số điện thoại"),
    ("list.csv", bytes(range(256)) * 20, "không phải là văn bản"),
    ("list.csv", LIST.encode() + b"\xff\xfe", "không đọc được"),
    *each_of("list.csv | list.xlsx", b"%PDF-1.7 ...", "PDF"),
    ("list.xlsx", LIST, "nội dung là văn bản"),
    ("list.xlsx", b"PK\x03\x04 cut short", "hỏng"),
    ("list.xls", "<html><table></table></html>", "trang web"),
    ("list.xlsx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "mật khẩu"),
    ("list.xlsx", b"\xd0\xcf\x11\xe0" + "Workbook".encode("utf-16-le") + b"\0\0", "Excel 97-2003"),
    ("list.xls", b"\xd0\xcf\x11\xe0" + "WordDocument".encode("utf-16-le"), ".doc, .odt"),
    ("list.xls", b"\xd0\xcf\x11\xe0" + "Workbook".encode("utf-16-le") + b"\0\0", "hỏng"),
    ("list.pdf", b"%PDF-1.7 ...", "xin bản Excel hoặc Word"),
    ("list", LIST, "loại tệp “list”"),
)
def test_a_file_that_is_no_list_is_refused_with_what_to_do(tmp_path, name, content, message):
    with refuses(BadList, says=message) as refused:
        check(written(tmp_path, content, name))
    assert "Hãy" in word_error(refused.value)


def test_a_workbook_under_the_name_of_a_text_is_refused(tmp_path):
    with refuses(BadList, says=r"đuôi “\.csv” nhưng nội dung là Excel"):
        check(write_xlsx(tmp_path / "list.csv", {"DS": ROWS}))


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with refuses(BadList, says=r"missing\.csv"):
        check(tmp_path / "missing.csv")


def test_a_stray_cell_far_out_is_refused_before_it_fills_the_memory(tmp_path):
    cells = {"A1": "Họ tên", "B1": "SĐT", "XFD1048576": "x"}
    with refuses(BadList, says="ô nằm rất xa bảng"):
        check(write_xlsx(tmp_path / "list.xlsx", {"DS": cells}))


def test_a_refused_list_leaves_no_file_and_the_list_itself_is_never_overwritten(tmp_path):
    path = written(tmp_path, "Họ tên,Thôn\nY Blưm,Thôn 1\n")
    with pytest.raises(BadList):
        write_check(path, tmp_path / "out.csv", GAZETTEER)
    with refuses(BadInput, says="trùng"):
        write_check(path, path, GAZETTEER)
    assert [each.name for each in tmp_path.iterdir()] == ["list.csv"]


def test_who_signs_below_the_list_in_the_column_of_phones_is_no_row(tmp_path):
    rows = ["STT,Họ tên,SĐT", "1,Y Blưm,0905000123", ",,0905000124", ",,0905000", "3,A Lâu,hỏng"]
    signed = [',,"Đắk La, ngày 05 tháng 8 năm 2020"', ",,CHI HỘI TRƯỞNG"]
    people = check(written(tmp_path, "\n".join(rows + signed) + "\n"))
    assert [each.phone_text for each in people] == ["0905000123", "0905000124", "0905000", "hỏng"]


def test_in_a_list_of_numbers_alone_every_cell_is_a_row(tmp_path):
    assert len(check(written(tmp_path, "SĐT\n0905000123\nhỏng\n0905000124\n"))) == 3


def test_long_runs_of_signs_in_a_cell_take_no_half_second_a_row(tmp_path):
    sign = "- ," * 300
    people = "".join(f'{n},"Nguyễn An{sign} x{n}",Đắk La,09050001{n:02d}\n' for n in range(10, 30))
    path = written(tmp_path, "STT,Họ và tên,Xã,SĐT\n" + people)
    began = process_time()
    assert len(check(path)) == 20
    assert process_time() - began < 3


@pytest.mark.parametrize(
    "file",
    [
        office.official(1, "xlsx"),
        office.struck_through(41),
        office.side_by_side(121),
        office.numbers_in_notes(131),
        other.other_columns_below(221, "xls"),
        other.village_titles(301),
        other.names_together(261),
        other.chat(291),
        other.support_payments(326),
        other.chat_in_a_workbook(327),
        *habits.habit_files(),
    ],
    ids=lambda file: file.name,
)
def test_every_row_is_read_as_it_is_meant(file, tmp_path):
    path = tmp_path / file.name
    file.write(path)
    score = check_file(path, file.expected)
    assert (score.right, score.wrong_ok, score.wrong_names) == (score.rows, 0, 0)
