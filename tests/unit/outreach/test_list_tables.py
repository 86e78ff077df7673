"""Steps from a sheet's rows to people: tables, rows that are people, names, contacts of a phone."""

import xlsxwriter

from outreach.imports.list_reader import check_list
from outreach.imports.other_files import read_cards
from outreach.rules.list_columns import find_header
from outreach.rules.list_rows import Below, closes, is_person
from outreach.rules.list_tables import is_lying, join_lines, tables_beside, upright_rows
from outreach.rules.people_beside import looks_wrong, plain_name
from outreach.rules.phone_numbers import read_phone_cell
from outreach.rules.phone_texts import beside_note, split_line
from tests.support.places import KONTUM_2020
from tests.support.tables import cases, each_of

LYING = [
    ["TỔ HÒA GIẢI"],
    ["Họ và tên", "Y Blưm", "A Lâu"],
    ["Chức vụ", "Tổ trưởng", "Tổ viên"],
    ["SĐT", "0905000123", "0913000248"],
]


def test_a_lying_sheet_is_told_from_an_upright_one_and_turned():
    assert is_lying(LYING)
    rows, struck = upright_rows([*enumerate(LYING, 1)], {(2, 2): "", (4, 2): "", (4, 0): ""})
    assert rows == [
        [None, None, None, "TỔ HÒA GIẢI"],
        ["Họ và tên", "Chức vụ", "SĐT"],
        ["Y Blưm", "Tổ trưởng", "0905000123"],
        ["A Lâu", "Tổ viên", "0913000248"],
    ]
    assert struck == {(2, 2): "", (4, 0): "", (4, 2): ""}
    assert not is_lying([["STT", "Họ và tên", "SĐT"], [1, "Y Blưm", "0905000123"]])


def test_titles_of_lying_blocks_are_no_people(tmp_path):
    with xlsxwriter.Workbook(path := tmp_path / "list.xlsx") as book:
        sheet, gone = book.add_worksheet(), book.add_format({"font_strikeout": True})
        rows = [*LYING, ["Nhóm 2 – Bánh, Rượu"], *LYING[1:], ["Kinh phí: gạo 40kg"]]
        for line, row in enumerate(rows):
            for at, cell in enumerate(row):
                sheet.write(line, at, cell, gone if line < 4 and at == 2 else None)
    found = [(row.name, row.phone.status) for row in check_list(path, KONTUM_2020)]
    assert found == [("Y Blưm", "ok"), ("A Lâu", "review"), ("Y Blưm", "ok"), ("A Lâu", "ok")]


def test_a_title_that_sounds_like_a_heading_is_no_part_of_the_block_below():
    title = ["BAN ĐẠI DIỆN CHA MẸ NĂM HỌC 2025, ĐIỆN THOẠI"]
    rows, _ = upright_rows([*enumerate([title, *LYING[1:]])], {})
    assert rows[:2] == [[None] * 3 + title, ["Họ và tên", "Chức vụ", "SĐT"]]


@cases(
    ([], ["STT", "Họ tên", "SĐT", "TT", "Họ tên giáo viên", "ĐT"], [range(3), range(3, 6)]),
    (
        ["DÃY A", *[""] * 3, "DÃY B", "", ""],
        ["Sạp", "Họ tên", "SĐT", "", "Sạp", "Họ tên", "SĐT"],
        [range(4), range(4, 7)],
    ),
    ([], ["Họ tên", "SĐT", "", "Họ tên cán bộ", "ĐT"], [range(3), range(3, 5)]),
    (["TỔ 1", "", "", "TỔ 2"], ["STT", "Họ tên", "SĐT"] * 2, [range(3), range(3, 6)]),
    ([], ["STT", "Họ tên", "SĐT"] * 2, []),  # goes on beside itself
    ([], ["Họ tên chồng", "SĐT chồng", "Họ tên vợ", "SĐT vợ"], []),
)
def test_tables_beside_each_other_have_headings_of_their_own(above, labels, tables):
    assert tables_beside([above, labels] if above else [labels]) == tables


def test_a_number_on_the_line_below_belongs_to_the_name_above():
    rows = [["Họ tên", "SĐT"], ["Y Blưm", None], [None, "0905000123"], ["A Lâu", "0913000248"], ["Y Mơn", ""]]
    joined = [row for _, row in join_lines([*enumerate(rows[1:], 2)], find_header(rows), {})]
    assert joined == [["Y Blưm", "0905000123"], ["A Lâu", "0913000248"], ["Y Mơn", ""]]
    struck = [row for _, row in join_lines([*enumerate(rows[1:], 2)], find_header(rows), {(3, 1): ""})]
    assert struck[0] == ["Y Blưm", "-"]


@cases(
    (["1", "Y Blưm", "0905000123"], Below.PEOPLE, True),
    (["", "Y Blưm", "0905000123"], Below.SUM, True),
    (["", "", "0905000123"], Below.SUM, False),  # of who signs
    (["", "Y Blưm", "0905000123"], Below.SIGNATURE, False),
    (["9", "Y Blưm", "0905000123"], Below.SIGNATURE, True),
    (["", "Người lập: Y Blưm", "0905000123"], Below.PEOPLE, False),
    (["", "Tổng: 22 hộ", "22"], Below.PEOPLE, False),
    (["", "Cộng", ""], Below.PEOPLE, False),
    (["", "(*) Ghi chú: tính đến 30/6", ""], Below.PEOPLE, False),
    (["II", "Thôn Plei Lay", ""], Below.PEOPLE, False),
    (["2", "Tống Văn An", ""], Below.PEOPLE, True),
    (["", "Thủ quỹ A Thuin", "0905000123"], Below.SUM, False),
    (["", "Tổng thu", ""], Below.PEOPLE, False),
)
def test_which_rows_are_people(row, below, is_one):
    header = find_header([["STT", "Họ và tên", "SĐT"]])
    texts = {column: row[at] for column, at in header.columns.items()}
    assert is_person(row, texts, [each for each in row[2:] if each], header=header, below=below) is is_one


def test_what_stands_below_a_list():
    assert closes(["Tổng số: 14 người"]) is closes(["", "Cộng: Ông: 10, Bà: 8"]) is Below.SUM
    assert closes(["", "Đăk Mar, ngày 5 tháng 8 năm 2026"]) is closes(["TM. UBND XÃ"]) is Below.SIGNATURE
    assert closes(["Y Blưm", "Thôn 2"]) is Below.PEOPLE


@cases(
    ("Đinh Thị Tuyết (chủ hộ) Đỗ Hữu Dũng (chồng)", "Đinh Thị Tuyết"),
    ("Y Blưm (1950)\nA Lâu - chồng\nY Mơn - con", "Y Blưm"),
    ("Chủ hộ: A Lâu Vợ: Y Blưm", "A Lâu"),
    ("Y Mơn (mẹ) A Lâu (chủ hộ)", "A Lâu"),
    ("1) Y Blưm (chủ hộ) 2) A Lâu (vợ)", "Y Blưm"),
    ("Lê Văn An - CH; Y Mơn - vợ", "Lê Văn An"),
    ("Nguyễn Văn\nAn", "Nguyễn Văn An"),
    ("Y Blưm, sn 1967", "Y Blưm"),
    ("Lê Văn An (Tâm)", "Lê Văn An"),
    ("Kpă H’Ngơ", "Kpă H’Ngơ"),
    ("Nguyễn Thị Con", "Nguyễn Thị Con"),
    ("Bà cụ H’Lăng Niê", "H’Lăng Niê"),
    ("Ô. Phạm Ngọc Thạnh (CCB)", "Phạm Ngọc Thạnh"),
    ("Đ/c Bùi Quốc Khải", "Bùi Quốc Khải"),
    ("Hộ A Nam", "A Nam"),
    ("Già làng A Jring", "A Jring"),
    ("ba Nguyen Thi Sau", "Nguyen Thi Sau"),
    ("1. Ông Lê Văn An", "Lê Văn An"),
    ("Chủ hộ: Bà Y Mơn", "Y Mơn"),
    ("Bà Đinh Thị Tuyết (chủ hộ) Đỗ Hữu Dũng (chồng)", "Đinh Thị Tuyết"),
    ("Ông Văn An", "Ông Văn An"),
    ("Ba Rin", "Ba Rin"),
    ("Cô", "Cô"),
    ("Trần Văn An và vợ", "Trần Văn An"),
    ("A Lin\nvợ Y Rơ\ncon A Huy", "A Lin"),
    *each_of(
        "Trần Văn An - Bí thư chi bộ | Trần Văn An; thôn 2 | Trần Văn An Thôn 2 | Trần Văn An*", "Trần Văn An"
    ),
    ("Đ.c Trần An", "Trần An"),
    ("Linh mục Nghiêm Xuân Bách", "Nghiêm Xuân Bách"),
    *each_of("Y Blưm 1990 | Y Blưm / 1990 | Y Blưm 12/3/1990 | Y Blưm 35 tuổi", "Y Blưm"),
    ("Bí thư Lê Văn An", "Lê Văn An"),
    ("BS Lê Văn An", "Lê Văn An"),
    ("ThS. Lê Văn An", "Lê Văn An"),
    ("Y Kim Blưm", "Y Kim Blưm"),
    ("Y sĩ Lê Văn An", "Lê Văn An"),
    ("Giuse Lê Văn An", "Lê Văn An"),  # a saint's name says whose religion it is
    ("Linh mục Phêrô Nghiêm Xuân Bách", "Nghiêm Xuân Bách"),
    ("Lê Thị Maria Mai", "Lê Thị Maria Mai"),
    ("Lê Văn An khóm trưởng K5", "Lê Văn An"),
    ("Lê Văn An Trưởng thôn", "Lê Văn An"),
    ("Chị Mai PN thôn 3", "Mai"),
    *each_of(
        "Y Tá Lê Thị Mai CTV | Cô giáo Lê Thị Mai | ơi ghi giúp em Lê Thị Mai 1990 thôn 6", "Lê Thị Mai"
    ),
    *each_of("Số của Lê Thị Mai | Mai Lê Thị", "Lê Thị Mai"),
    ("Lê Quốc AN", "Lê Quốc AN"),
    ("LÊ THỊ MAI", "LÊ THỊ MAI"),
)
def test_a_name_as_a_message_says_it(written, name):
    assert plain_name(written) == name
    assert not looks_wrong(name)


def test_a_figure_behind_a_name_tells_two_people_apart():
    assert [plain_name(f"Y Blưm {n}") for n in (1, 2)] == ["Y Blưm 1", "Y Blưm 2"]


@cases("sn 1967", "Tâm y tế", "[08:05", "Thôn 2", "Y Blưm, A Lâu; Y Mơn", "a b c d e f g", "Lan (chủ hộ")
def test_names_that_nobody_is_addressed_by_look_wrong(name):
    assert looks_wrong(name)


@cases(
    ("[08:05, 12/11/2026] Chị Hoa: 3. Y Blưm - 0905000123 - Thôn 2", ["3", "Y Blưm", "0905000123", "Thôn 2"]),
    ("[08:05, 12/11/2026] Bo: Y Blưm 19 0905 000 123", ["", "Y Blưm", "0905 000 123", ""]),
    ("[08:05, 12/11/2026] Chị Hoa: em Y Blưm 0905000123 ạ", ["", "Y Blưm", "0905000123", "ạ"]),
    ("  1.2 Y Blưm 0905000123", ["1.2", "Y Blưm", "0905000123", ""]),
    ("1. Trưởng nhóm: Lê Văn An - 0905000123", ["1", "Lê Văn An", "0905000123", "Trưởng nhóm"]),
    ("[08:05, 12/11/2026] Chị Hoa: 0905000123 nhé", ["", "", "0905000123", "nhé, Chị Hoa"]),
    (
        "2. Gia đình liệt sĩ A Bốc: bà Y Blưm, chị, ĐT 0905000123",
        ["2", "Y Blưm", "0905000123", "Gia đình liệt sĩ A Bốc, chị"],
    ),
)
def test_a_line_of_a_chat_without_its_hour_and_sender(line, parts):
    assert split_line(line) == parts


@cases(
    *each_of(
        "từ trần | Mất 12/2024 | đã chuyển đi Gia Lai | bỏ đi khỏi địa phương | già yếu, vừa mất 9/2025 | "
        "chết năm ngoái, chưa làm thủ tục | đi bộ đội 2/2025, máy tắt | về nhà Chúa 2024 | chuyển xứ | "
        "+ 12/2024 | † 2023 | Đã chuyển sinh hoạt | chết rồi, vợ giữ máy | theo con vào Bình Dương | "
        "lấy chồng Đăk Lăk | xin chuyển | đã khuất | TV 3/2025",
        "Y Blưm",
        "review",
    ),
    ("", "Y Blưm (đã mất)", "review"),
    ("hộ nghèo", "", "review"),  # whose number?
    *each_of(
        "nhập ngũ 1972 | chuyển đến từ Gia Lai | chồng mất | mất điện thoại cũ, đã cấp sim mới | "
        "vợ đã mất | chuyển đến 2023 | đi làm xa | Chuyên viên",
        "Y Blưm",
        "ok",
    ),
    ("", "Y Blưm - từ trần", "review"),
    ("", "Lê Văn Bé bỏ", "review"),
    ("", "Lê Văn Bé ghi nhầm", "review"),
    ("", "Lê Văn Bé bán cá", "ok"),
    ("", "† Y Blưm", "review"),
    ("", "Y Blưm 0905000124", "review"),  # which of the two?
    ("", "Y Blưm 0905000123", "ok"),
)
def test_who_is_gone_or_has_no_name_is_for_review(note, name, status):
    assert beside_note(read_phone_cell("0905000123"), note, name).status.value == status


def test_contacts_of_a_phone_are_rows():
    text = (
        "BEGIN:VCARD\nVERSION:2.1\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Y Bl=C6=B0=\nm\nTEL;CELL:0905000123\n"
        "item1.TEL;TYPE=HOME:02603000111\nORG:Hội Nông dân;Chi hội 2\nNOTE:thôn 4\\, \n xã Đăk Mar\nEND:VCARD\n"
        "BEGIN:VCARD\nN:Lâu;A;;;\nTEL:0913000248\nEND:VCARD\n"
    )
    assert list(read_cards(text.splitlines(keepends=True)))[1:] == [
        ["Y Blưm", "0905000123; 02603000111", "", "Hội Nông dân, Chi hội 2", "", "thôn 4, xã Đăk Mar"],
        ["Lâu A", "0913000248", "", "", "", ""],
    ]


@cases(
    ([["Họ", "Đệm", "Tên", "SĐT"], ["Lê", "Văn", "An", "0905000123"]], 2, (3,), ()),
    ([["Họ tên", "Số Viettel", "Số Vina/Mobi"], ["A Lâu", "", "0913000248"]], 0, (1, 2), ()),
    ([["Họ tên", "DĐ 1", "DĐ 2"], ["A Lâu", "0905000123", "0913000248"]], 0, (1, 2), ()),
    ([["Họ tên", "SĐT", None], *[["A Lâu", "037", "9000950"]] * 3], 0, (1, 2), ((1, 2),)),
    ([["Họ tên HS", "Họ tên phụ huynh", "SĐT phụ huynh"], ["A Lâu", "Y Mơn", "0905000123"]], 1, (2,), ()),
    (
        [["Họ và tên", None, "SĐT"], *[["Lê Thị", f"Bé {n}", "0905000123"] for n in ["Ba", "Năm", "Tư"]]],
        1,
        (2,),
        (),
    ),
    (
        [["Họ và tên", None, "SĐT"], *[["A Lâu", f"Đăk {n}", "0905000123"] for n in ["La", "Hà", "Mar"]]],
        0,
        (2,),
        (),
    ),
)
def test_names_and_numbers_over_several_columns(rows, name_at, phones, pieces):
    header = find_header(rows)
    assert (header.columns["name"], header.phones, header.pieces) == (name_at, phones, pieces)


def test_headings_of_three_levels_keep_what_stands_beside_them_and_the_year_is_no_man_s():
    rows = [
        ["STT", "Thông tin", None, None, "Liên hệ", None, "Ghi chú"],
        [None, "Họ và tên", "Ngày sinh", None, "Điện thoại", None, None],
        [None, None, "Ngày", "Năm", "Bản thân", "SĐT người thân", None],
        [1, "Y Blưm", "2/3", 1980, "0905000123", "0913000248", "hộ nghèo"],
    ]
    header = find_header(rows)
    assert header.columns == {"stt": 0, "name": 1, "birth": 3, "note": 6}
    assert (header.phones, header.first_row) == ((4, 5), 3)
    assert header.paths[5] == "Liên hệ Điện thoại SĐT người thân"
