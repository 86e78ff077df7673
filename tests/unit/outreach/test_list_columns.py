"""Which column holds what, on sheets as organisations keep them."""

import datetime
import re

import pytest

from outreach.core.sentences import word_error
from outreach.rules.cells import cell_text
from outreach.rules.declared_tables import find_table, first_lines, read_csv
from outreach.rules.errors import BadInput, BadList, LoaError
from outreach.rules.list_columns import Column, find_header
from tests.support.errors import refuses
from tests.support.tables import cases

C = Column


def found(*rows):
    header = find_header(rows)
    return None if header is None else (header.columns, header.phones, header.first_row)


PHONES = [["Y Blưm", "0905000123"], ["A Lâu", "0913000248"]]
SHEETS = {
    "the usual list": (
        [
            [
                "STT",
                "Họ và tên",
                "Năm sinh",
                "Giới tính",
                "Thôn/Tổ dân phố",
                "Xã/phường",
                "SĐT",
                "Chi hội",
                "Ghi chú",
            ]
        ],
        (
            {C.STT: 0, C.NAME: 1, C.BIRTH: 2, C.SEX: 3, C.VILLAGE: 4, C.COMMUNE: 5, C.UNIT: 7, C.NOTE: 8},
            (6,),
            1,
        ),
    ),
    "ethnic origin, which is not read": ([["Họ tên", "Dân tộc", "DT", "SĐT"]], ({C.NAME: 0}, (3,), 1)),
    "a lineage's code, which is no row to put right": (
        [["Họ tên", "Mã dòng họ", "SĐT"]],
        ({C.NAME: 0}, (2,), 1),
    ),
    "titles above the header and a line of numbers below": (
        [
            ["HỘI LIÊN HIỆP PHỤ NỮ", None, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"],
            ["DANH SÁCH HỘI VIÊN CÓ SỐ ĐIỆN THOẠI, HỌ VÀ TÊN XÃ ĐẮK LA"],
            ["Đơn vị: Xã Đắk La", None, "ĐT: 0260 3000 158"],
            ["TT", "Họ và tên", "Điện thoại"],
            ["(1)", "(2)", "(3)"],
            [1.0, "Y Blưm", 905000123.0],
        ],
        ({C.STT: 0, C.NAME: 1}, (2,), 5),
    ),
    "a header of two lines": (
        [
            ["STT", "Họ và tên", "Năm sinh", None, "Địa chỉ", None, "SĐT"],
            [None, None, "Nam", "Nữ", "Thôn", "Xã", None],
            [1, "A Kiêng", 1980, None, "Thôn 1", "Đắk La", "0905000123"],
        ],
        ({C.STT: 0, C.NAME: 1, C.BIRTH_OF_MEN: 2, C.BIRTH_OF_WOMEN: 3, C.VILLAGE: 4, C.COMMUNE: 5}, (6,), 2),
    ),
    "headings of two lines with days and marks": (
        [
            ["STT", "Họ và", "Tên", "Điện thoại", None, "Điểm danh", "Kiểm tra"],
            [None, "tên lót", None, "Đầu số", "Số máy", "5/5", "L1"],
            *[[n, "Y", "Blưm", "0905", f"000 12{n}", "x", 8.0] for n in (1, 2, 3)],
        ],
        ({C.STT: 0, C.FAMILY_NAME: 1, C.NAME: 2}, (3, 4), 2),
    ),
    "an export": (
        [["TEN_KHACH_HANG", "NGAY_SINH", "SO_DIEN_THOAI", "GHI_CHU"]],
        ({C.NAME: 0, C.BIRTH: 1, C.NOTE: 3}, (2,), 1),
    ),
    "family name and given name": (
        [["Họ và tên đệm", "Tên", "SĐT"]],
        ({C.FAMILY_NAME: 0, C.NAME: 1}, (2,), 1),
    ),
    "a family name alone": ([["Họ", "SĐT"]], ({C.NAME: 0}, (1,), 1)),
    "several columns of phones": ([["Họ tên", "SĐT 1", "SĐT 2"]], ({C.NAME: 0}, (1, 2), 1)),
    "a single column of phones": ([["SĐT"], ["0905000123"]], ({}, (0,), 1)),
    "phones without a heading": (
        [
            ["TT", "Họ tên", "Liên hệ"],
            [1, "Y Blưm", "0905000123"],
            [2, "A Lâu", "không có"],
            [3, "Y Na", 913000248.0],
        ],
        ({C.STT: 0, C.NAME: 1}, (2,), 1),
    ),
    "headings in words that nobody knows": ([["Hä vµ tªn", "§iÖn tho¹i"], *PHONES], ({C.NAME: 0}, (1,), 1)),
    "no headings": (PHONES, ({C.NAME: 0}, (1,), 0)),
    "somebody without a phone first": ([["A Kiêng", "không có"], *PHONES], ({C.NAME: 0}, (1,), 0)),
    "people without phones": (
        [["TT", "Họ tên", "Thôn"], ["1", "Y Blưm", "Thôn 1"]],
        ({C.STT: 0, C.NAME: 1, C.VILLAGE: 2}, (), 1),
    ),
    "a sheet that is no list": ([["Hướng dẫn"], ["Ghi đủ thông tin, không bỏ trống"]], None),
    "nothing": ([], None),
}


@pytest.mark.parametrize("sheet", SHEETS)
def test_each_column_of_a_sheet_is_known_by_its_heading_or_by_what_it_holds(sheet):
    rows, expected = SHEETS[sheet]
    assert found(*rows) == expected


@cases(
    *[
        "SĐT",
        "sđt",
        "Sđt",
        "SDT",
        "ĐT",
        "Đ.T",
        "ĐTDĐ",
        "Số ĐT",
        "Số điện thoại",
        "So dien thoai",
        "Điện thoại",
    ],
    *["SỐ ĐIỆN THOẠI", "Số ĐT liên hệ", "ĐT liên lạc", "Điện thoại di động", "Di động", "Mobile", "Phone"],
    *["Số điện thoại\n(nếu có)", "Số điê\u0323n thoa\u0323i"],
)
def test_names_of_a_phone_column(label):
    assert found(["TT", "Họ tên", label]) == ({C.STT: 0, C.NAME: 1}, (2,), 1)


@cases(
    (
        C.NAME,
        [
            "Họ và tên",
            "HỌ TÊN",
            "Họ tên hội viên",
            "Tên",
            "Tên đoàn viên",
            "Ho va ten",
            "Full name",
            "Tên khách hàng",
            "Người chăm sóc",
        ],
    ),
    (C.STT, ["STT", "TT", "Số TT", "Số thứ tự"]),
    (C.BIRTH, ["Năm sinh", "Ngày sinh", "Ngày, tháng, năm sinh", "NTNS"]),
    (C.SEX, ["Giới tính", "Nam/Nữ", "Phái"]),
    (C.VILLAGE, ["Thôn", "Thôn/làng", "Tổ dân phố", "TDP", "Địa chỉ", "Nơi ở hiện nay", "Khối phố"]),
    (C.COMMUNE, ["Xã", "Xã/phường", "Xã, phường, thị trấn", "Phường"]),
    (C.DISTRICT, ["Huyện", "Huyện/TP", "Huyện, thành phố"]),
    (C.UNIT, ["Chi hội", "Tên chi hội", "Chi đoàn", "Công đoàn", "Đơn vị", "Tổ chức", "Cơ quan công tác"]),
    (C.NOTE, ["Ghi chú", "GHI CHU"]),
    (C.SMARTPHONE, ["Có smartphone", "Điện thoại thông minh", "Smart phone", "Sử dụng ĐT thông minh"]),
    (C.LANGUAGE, ["Ngôn ngữ", "Tiếng", "Language"]),
    (C.CORRECTS, ["Mã dòng (giữ nguyên)", "Mã dòng"]),
)
def test_names_of_the_other_columns(column, labels):
    for label in labels:
        columns, phones, _ = found(["SĐT", label, "?"])
        assert (columns, phones) == ({column: 1}, (0,)), label


ORIGINS = [
    "Kinh",
    "Ba Na",
    "Xơ-đăng",
    "Gia Rai",
    "Giẻ Triêng",
    "Brâu",
    "Rơ Măm",
    "dân tộc Thái",
    "Tày",
    "H'Mông",
]
PEOPLE = [[f"Y Hlan {n}", origin, f"090500012{n}"] for n, origin in enumerate(ORIGINS)]


def with_origins(rows, corrected=None):
    header = find_header(rows, corrected)
    assert 1 not in (*header.columns.values(), *header.phones)
    return header.sensitive


@cases(
    [],
    [["Họ tên", "", "SĐT"]],
    [["Họ tên", "DT", "SĐT"]],
    [["Họ tên", "Thành phần", "SĐT"]],
    [["Họ tên", "Ghi chú", "SĐT"]],
    [["Họ tên", "Lý lịch", "SĐT"], ["", "Dân tộc", ""]],
    [["Họ tên", "Dân tộc", "Liên hệ"], ["thường gọi", "", "SĐT"]],
    [["Danh sách", "Dân tộc", "Liên lạc"], ["Họ tên", "", "SĐT"]],
)
def test_ethnic_origin_is_known_by_its_heading_wherever_it_stands_and_by_what_the_column_holds(headings):
    rows = [*headings, *PEOPLE]
    header = find_header(rows)
    assert with_origins(rows) == {1}
    assert with_origins(rows, {header.signature: {"0": "name", "1": "unit", "2": "phone"}}) == {1}


@cases(
    ([["Họ tên", "Lý lịch", "Lý lịch", "SĐT"], ["", "Dân tộc", "Đảng viên", ""]], ["x", "", "x"]),
    ([["Họ tên", "Dân tộc", "", "SĐT"], ["", "Kinh", "Khác", ""]], ["x", "", "x"]),
    ([["Họ tên", "DT", "", "SĐT"]], ["K", "BN", "XĐ"]),
    ([["Họ tên", "Đạo", "", "SĐT"]], ["không", "Công giáo", "không"]),
)
def test_marks_and_abbreviations_under_such_a_heading_are_not_read_either(headings, values):
    people = [[f"Y Hlan {n}", value, "", f"090500012{n}"] for n, value in enumerate(values)]
    assert 1 in find_header([*headings, *people]).sensitive


def test_names_languages_and_phones_are_not_taken_for_ethnic_origin():
    given = [[n, name, "0905000123"] for n, name in enumerate(["Hoa", "Thái", "Kinh"])]
    assert find_header([["STT", "Tên", "SĐT"], *given]).sensitive == frozenset()
    header = find_header([["Họ tên", "Ngôn ngữ", "SĐT"], *PEOPLE])
    assert (header.columns, header.sensitive) == ({C.NAME: 0, C.LANGUAGE: 1}, frozenset())
    header = find_header([["Họ tên", "DT"], *[["Y Hlan", "0905000123"]] * 2, ["A Rin", "không"]])
    assert (header.phones, header.sensitive) == ((1,), frozenset())
    villages = [[f"Y Hlan {n}", f"Thôn {n}", "có", "0905000123"] for n in range(3)]
    assert find_header([["Họ tên", "Nơi ở", "Zalo", "SĐT"], *villages]).sensitive == frozenset()


def test_columns_that_a_person_named_are_read_as_they_said():
    rows = [["TT", "Hội viên", "Liên lạc", "Nơi sống"], ["1", "Y Blưm", "0905000123", "Thôn 1"]]
    header = find_header(rows)
    assert header.phones == (2,)
    named = {"1": "name", "2": "phone", "3": "village", "0": ""}
    corrected = find_header(rows, {header.signature: named})
    assert (corrected.columns, corrected.phones) == ({C.NAME: 1, C.VILLAGE: 3}, (2,))
    # The same headings in another file are the same header; others are not.
    assert find_header([rows[0], ["2", "A Lâu", "x", "y"]]).signature == header.signature
    assert find_header([["TT", "Hội viên", "Nơi sống"], *rows[1:]]).signature != header.signature


def test_headings_are_given_back_as_they_were_or_so_that_they_are_understood_without_the_row_below():
    rows = [
        ["STT", "Họ và tên", "Năm sinh", None, "Gọi số", "Dân tộc"],
        [None, None, "Nam", "Nữ", None, None],
        ["1", "Y Blưm", None, "1994", "0905000123", "Ba Na"],
    ]
    labels = find_header(rows).labels_to_give_back()
    assert labels == ["STT", "Họ và tên", "Năm sinh nam", "Năm sinh nữ", "SĐT", "Dân tộc"]
    again = find_header([labels, rows[2]])
    assert (again.columns, again.phones) == (find_header(rows).columns, (4,))


def test_two_hundred_columns_are_read_and_more_are_refused():
    def wide(count):
        return ["Họ tên", "SĐT", *(f"Cột {n}" for n in range(count - 2))]

    assert found(wide(200)) == ({C.NAME: 0}, (1,), 1)
    with refuses(BadList, says="hơn 200 cột"):
        find_header([wide(201)])


@cases(
    (None, ""),
    (1988.0, "1988"),
    (1.5, "1.5"),
    (datetime.date(2004, 12, 27), "27/12/2004"),
    ("  Y\xa0 Blu\u031bm\n", "Y Blưm"),
    ("\ufeffA\u200b Lâu\x00", "A Lâu"),
)
def test_a_cell_as_a_person_reads_it(cell, text):
    assert cell_text(cell) == text


COLUMNS = {"code": re.compile("ma$"), "count": re.compile("so |da ")}
HEAD = ("STT", "Mã", "Số máy")


@cases(
    ([HEAD, (1, "A", 3.0), (None, " ", ""), (2, "B")], [(2, "A", "3"), (4, "B", "")]),
    ([("Kính gửi: Sở Y tế",), (), HEAD, (1, "A", 3)], [(4, "A", "3")]),
    ([("Mã", "Số máy", "Đã cài"), ("A", 3, 2)], [(2, "A", "3")]),  # the first of two
    ([("Số máy",), (3,)], None),
    ([("Kính gửi",)] * 20 + [HEAD, (1, "A", 3)], None),
    ([HEAD], []),
)
def test_the_rows_below_the_headings_are_read(rows, read):
    table = find_table(rows, COLUMNS, needed=(("code",), ("count",)))
    found = table and [(row.line, row.text("code"), row.text("count")) for row in table]
    assert (table if table is None else found) == read


@cases(
    ("ngày,Mã\n1,2\n".encode(), "thiếu cột Số máy"),
    ("Mã;Số máy\n1;2\n".encode(), "thiếu cột Mã, Số máy"),
    ("Mã,Số máy\n".encode("utf-16"), "không phải UTF-8"),
    ('Mã,Số máy\n"a"b,1\n'.encode(), "không phải CSV"),
    (b"", "thiếu cột"),
)
def test_a_file_that_is_no_such_csv_is_refused_in_words(content, said):
    with pytest.raises(BadInput) as refused:
        read_csv(content, ("Mã", "Số máy"))
    assert said in word_error(refused.value)


def test_a_csv_is_read_by_its_names_wherever_its_columns_stand():
    rows = read_csv("\ufeffSố máy,khác,Mã\n 3 ,x,A\n5\n".encode(), ("Mã", "Số máy"))
    assert [(row.line, row.text("Mã"), row.text("Số máy")) for row in rows] == [(2, "A", "3"), (3, "", "5")]


def test_twenty_wrong_lines_are_named_and_the_others_counted():
    wrong = [(line, LoaError("official_day_future")) for line in range(2, 27)]
    said = word_error(LoaError("lines_wrong", lines=first_lines(wrong)))
    assert said.startswith("Dữ liệu chưa được lưu. Dòng 2: ngày này chưa tới. Dòng 3")
    assert said.endswith("Dòng 21: ngày này chưa tới. … và 5 dòng khác.")
    assert len(first_lines(wrong[:20])) == 20
