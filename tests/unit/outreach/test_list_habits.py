"""How people keep lists: remarks behind names and beside numbers, couples in a cell, colours, numbers in two cells."""

import pytest
import xlsxwriter

from outreach.imports.list_reader import check_list
from outreach.rules.list_rows import is_title
from outreach.rules.people_beside import plain_name, split_names, whose_numbers
from outreach.rules.phone_numbers import read_phone_cell
from outreach.rules.phone_texts import is_gone, split_line, split_message
from tests.support.list_files import write_xlsx
from tests.support.places import KONTUM_2020
from tests.support.tables import cases, each_of

OWN, OTHER = "0905000123", "0905000124"
F, M = f"+84{OWN[1:]}", f"+84{OTHER[1:]}"


def people(path):
    """Name, status and numbers of each person of a file."""
    rows = check_list(path, KONTUM_2020)
    return [
        (each.name, each.phone.status.value, each.phone.numbers) for row in rows for each in row.each_person()
    ]


def read(tmp_path, *rows):
    return people(write_xlsx(tmp_path / "list.xlsx", {"DS": list(rows)}))


@cases(
    ("Danh Sóc Kha chùa Mới", "Danh Sóc Kha"),
    ("Achar Danh Nhơn", "Danh Nhơn"),
    ("Lê Ngọc HẬU", "Lê Ngọc HẬU"),
    ("Bs Lê Văn An trạm Y tế", "Lê Văn An"),
    ("Tổ trưởng 5 K3 - Lê Văn An", "Lê Văn An"),
    ("Khóm đội K4: Lê Văn An", "Lê Văn An"),
    ("Ông (Bà) Lê Văn An", "Lê Văn An"),
    ("LE THI MAI MN Hoa Sen", "LE THI MAI"),
    ("LÊ THỊ MAI kế toán", "LÊ THỊ MAI"),
    ("Lê Thị Mai TTYT huyện", "Lê Thị Mai"),
    ("Ngon Bríu Thị", "Bríu Thị Ngon"),
    ("Anh Dũng - Trại cưa", "Dũng"),
    ("Lê thị mỹ Duyên", "Lê thị mỹ Duyên"),
    ("Đa Minh Vũ Đình An", "Vũ Đình An"),
    ("bà Tám Nghêu (Lê Thị Nghêu)", "Lê Thị Nghêu"),
    ("Diệu Hạnh (Lê Thị Hoa)", "Lê Thị Hoa"),
    ("A Khôn (ck Y Thuyền)", "A Khôn"),
    ("Con gái (Y Rớ)", "Con gái"),
    ('Lê Thị Chút "Tư Chút"', "Lê Thị Chút"),
    ("Lê Văn Ba (ba)", "Lê Văn Ba"),
    ("Lê Hoàng Anh (chủ hộ)", "Lê Hoàng Anh"),
    ("Chị Y Duyên Kon Lỗ", "Y Duyên"),
    ("Y Kon Tum", "Y Kon Tum"),
    ("A Jring già làng Kon Rơ Nu", "A Jring"),
    *each_of("C.Lê Thị An | Lê Thị An vợ Bình", "Lê Thị An"),
    ("Sư cô Thích Nữ Diệu Hạnh", "Thích Nữ Diệu Hạnh"),
    ("Thị Nga (vợ ông Lém)", "Thị Nga"),
    ("Bà Y Blưm\nThôn Păng Bá", "Y Blưm"),
)
def test_a_name_ends_where_a_remark_begins(written, name):
    assert plain_name(written) == name


@cases(
    *[
        (name, "review")
        for name in ("Cô Lan", "Chị Mai", "Anh Phúc Viettel Store", "Út Lò Bánh Mì", "Ba Tam Ve Chai")
    ],
    *[
        (name, "review")
        for name in (
            "Trạm Y tế xã",
            "Zalo Hội LHPN xã",
            "Nạp thẻ Minh",
            "Tổ dân phố 5",
            "Gia đình cố Lê Văn An",
            "Cố Lê Văn An (con nộp)",
            "Lê Thị Mai K5 bỏ",
        )
    ],
    *[(name, "ok") for name in ("Chị Lê Thị Mai HPN thôn 3", "Y Blưm", "H'Hen", "Ô. Alăng Bhuốch")],
)
def test_a_nickname_or_somebody_who_died_is_asked_about(tmp_path, name, status):
    assert [each[1] for each in read(tmp_path, ["Họ tên", "SĐT"], [name, OWN])] == [status]


@cases(
    *each_of("Lê Văn An & Trần Thị Lan | Lê Văn An + vợ Trần Thị Lan | Lê Văn An – Trần Thị Lan"),
    *each_of("Lê Văn An, Trần Thị Lan | Ông bà Lê Văn An - Trần Thị Lan"),
    *each_of("Vợ chồng anh Lê Văn An (1980), chị Trần Thị Lan (1982)"),
    "Giuse Lê Văn An\nMaria Trần Thị Lan",
)
def test_a_couple_with_one_number_are_two_to_ask_about(tmp_path, cell):
    names = ["Lê Văn An", "Trần Thị Lan"]
    assert split_names(cell) == names
    assert read(tmp_path, ["Họ tên", "SĐT"], [cell, OWN]) == [(name, "review", (F,)) for name in names]


@cases("Lê Văn An (chủ hộ), Trần Thị Lan (vợ)", "Lê Văn An, Thôn 2", "Lê Văn An - Trại cưa")
def test_a_household_or_a_remark_is_no_couple(cell):
    assert split_names(cell) == []


@cases(
    *[
        (f"{man}: {OWN}, {woman}: {OTHER}", [0, 1])
        for man, woman in (("ông", "bà"), ("C", "V"), ("Bố", "mẹ"))
    ],
    (f"{OWN} (b) - {OTHER} (ô)", [1, 0]),
    (f"{OWN} - {OTHER}", []),
)
def test_whose_of_two_numbers_is_said_beside_them(tmp_path, text, whose):
    names = ["Lê Văn An", "Trần Thị Lan"]
    assert whose_numbers(text, names, 2)[0] == whose
    found = read(tmp_path, ["Họ tên", "SĐT"], [" và ".join(names), text])
    status = "ok" if whose else "review"
    first, second = (F, M) if whose != [1, 0] else (M, F)
    assert found == [("Lê Văn An", status, (first,)), ("Trần Thị Lan", status, (second,))]


@cases(
    ("Lê Văn An\nTrần Thị Lan", f"{OWN} (cô Lan)", "", [("review", (F,)), ("ok", (F,))]),
    ("A Tre - Y Bing", f"{OWN} (vợ)", "", [("review", (F,)), ("ok", (F,))]),
    ("A Tre - Y Bing", f"{OWN} (chồng)\n{OTHER} (vợ)", "", [("ok", (F,)), ("ok", (M,))]),
    ("A Tre + Y Bing", f"Tre: {OWN}; Bing: không có", "", [("ok", (F,)), ("reject", ())]),
    ("A Tre, Y Bing", f"{OWN}, {OTHER}", "theo thứ tự chồng, vợ", [("ok", (F,)), ("ok", (M,))]),
    ("H'Yến Niê - Y Thanh Niê", f"vợ {OWN}, chồng {OTHER}", "", [("ok", (F,)), ("ok", (M,))]),
    ("A Tre - Y Bing", f"{OWN} hoặc {OTHER} (vợ)", "", [("review", (F,)), ("review", (F,))]),
)
def test_numbers_of_a_couple_are_whose_the_cell_says(tmp_path, names, text, note, expected):
    found = read(tmp_path, ["Họ tên", "SĐT", "Ghi chú"], [names, text, note])
    by_name = {each[0]: each[1:] for each in found}
    assert [by_name[name] for name in split_names(names, 2)] == expected


@cases(
    (f"dạ Y Dím {OWN}, H'Yến {OTHER} . Y Hlao em chưa xin được số", ["Y Dím", "H'Yến", "Y Hlao"]),
    (f"Thôn 7: 1) Y Lai sn 99 - {OWN}, 2) Y Thên sn 2000 - {OTHER}", ["Y Lai sn 99", "Y Thên sn 2000"]),
    (f"2 chị: chị Lê Thị Hoa số {OWN}; chị Y Mriu không có số", ["Lê Thị Hoa", "Y Mriu"]),
    (f"Lê Thị Hoa {OWN} và Y Lan {OTHER}", ["Lê Thị Hoa", "Y Lan"]),
    (f"quên, them Y Bích nữa {OWN} sn 02", ["Y Bích nữa"]),
    (f"Lê Thị Hoa, con bà Trần Thị Năm, {OWN}", ["Lê Thị Hoa"]),
    (f"Lê Thị Hoa {OWN}, mai gọi lại {OTHER}", ["Lê Thị Hoa"]),
    (f"Ong bà PHAN VAN SON, LE THI CUC 1958 {OWN}", ["Ong bà PHAN VAN SON, LE THI CUC 1958"]),
    ("huynh van luom 1966 ko co dt", ["huynh van luom"]),
    ("Hồ Minh Mẫn, 1994, sđt như trên Zalo", ["Hồ Minh Mẫn"]),
    ("Y Thên hôm qua về quê rồi", []),
)
def test_people_of_one_message_are_apart(text, expected):
    rows = filter(None, map(split_line, split_message(text)))
    assert [row[1] for row in rows] == expected


@cases(
    *each_of("chung số với chồng | xem STT 1", "", (F,)),
    (None, "dùng chung máy với Y Lan", (M,)),
    ("như số 2", "", (M,)),
    (None, "giống số 7", ()),
    (None, "chi hội 3", ()),
)
def test_who_shares_a_number_is_asked_about_with_it(tmp_path, own, note, numbers):
    rows = [[2, "Y Lan", OTHER, ""], [1, "Lê Văn An", OWN, ""], [3, "Trần Thị Năm", own, note]]
    found = read(tmp_path, ["STT", "Họ tên", "SĐT", "Ghi chú"], *rows)
    assert found[2][1:] == ("review" if numbers else "reject", numbers)


def test_a_number_in_a_merged_cell_is_asked_about_for_those_below(tmp_path):
    with xlsxwriter.Workbook(path := tmp_path / "list.xlsx") as book:
        sheet = book.add_worksheet()
        for line, row in enumerate((["Họ tên", "SĐT"], ["A Tre", None], ["Y Bing", None], ["Y Lan", None])):
            sheet.write_row(line, 0, row)
        sheet.merge_range("B2:B3", OWN)
    assert [each[1:] for each in people(path)] == [("ok", (F,)), ("review", (F,)), ("reject", ())]


@cases(
    *[
        (note, "review", (F,))
        for note in ("bỏ xứ, nợ quá hạn", "rút đơn", "(ly hôn, ở Sài Gòn)", "không tham gia nữa")
    ],
    *[
        (note, "review", (F,))
        for note in (
            "gọi nhiều lần không được",
            "từ chối tham gia",
            "đang ở nước ngoài",
            "ly dị, về nhà mẹ",
            "bán máy rồi",
            "SIM chồng",
            "số chùa",
            "số ni của mẹ chồng",
            "hồi đó, giờ chắc khác",
        )
    ],
    (f"í lộn, số đó bỏ rồi, số mới {OTHER}", "ok", (M,)),
    (f"chị ơi em đánh nhầm, số đúng là {OTHER}", "ok", (M,)),
    (f"+ {OTHER}", "ok", (F,)),
    *[(note, "ok", (F,)) for note in ("đi biển", "hay tắt máy", "đã nhận quà", "mất giấy tờ")],
    *each_of("tắt máy buổi tối | số cũ chưa đổi đầu", "ok", (F,)),
    ("tắt máy từ tháng 5", "review", (F,)),
    (f"Sửa lại số của chị An là {OTHER}, số trên sai ạ", "ok", (M,)),
)
def test_what_a_note_says_of_the_number_beside_it(tmp_path, note, status, numbers):
    assert read(tmp_path, ["Họ tên", "SĐT", "Ghi chú"], ["Lê Văn An", OWN, note])[0][1:] == (status, numbers)


@cases("số 2 của chồng", "số sau là của con", "SĐT thứ hai: vợ")
def test_a_second_number_that_is_anothers_is_left_out(tmp_path, note):
    found = read(tmp_path, ["Họ tên", "SĐT", "Ghi chú"], ["Lê Văn An", f"{OWN} - {OTHER}", note])
    assert found == [("Lê Văn An", "ok", (F,))]


@cases(
    *[(text, "ok", (F,)) for text in (f"{OWN} (tối mới nghe)", "0905.000.123 (chiều nghe)")],
    (f"{OWN} (cô Lan nghe)", "review", (F,)),
    *[(text, "ok", (F,)) for text in (f"{OWN}; 0270000111", f"0270 000 111 - {OWN}", f"-> {OWN}")],
    (f"{OWN} - hay tắt máy", "ok", (F,)),
    (f"nhà kế bên (chú Sáu Thợ Bạc): {OWN}", "review", (F,)),
    ("0270000111", "reject", ()),
    (f"{OWN}; 09050001", "review", (F,)),
)
def test_a_landline_a_digit_short_or_a_remark_leaves_the_mobile_alone(written, status, numbers):
    cell = read_phone_cell(written)
    assert (cell.status.value, cell.numbers) == (status, numbers)


@pytest.mark.parametrize("heading", ["ĐT cập nhật", "SĐT hiện nay", "Số ĐT mới"])
@pytest.mark.parametrize(
    ("later", "status", "numbers"),
    [
        (OTHER, "ok", (M,)),
        ("nt", "ok", (F,)),
        (None, "ok", (F,)),
        ("không liên lạc được", "review", (F,)),
        (f"gọi qua trưởng thôn: {OTHER}", "review", (F, M)),
        (f"-> {OTHER} đúng", "ok", (M,)),
    ],
)
def test_of_an_old_number_and_what_was_added_later(tmp_path, heading, later, status, numbers):
    rows = [["Y Blưm", "0905000150", "0905000151"]] * 2
    found = read(tmp_path, ["Họ tên", "ĐT 2017", heading], *rows, ["A Lâu", OWN, later])
    assert found[-1] == ("A Lâu", status, numbers)


@cases(
    *[
        "nghỉ 5/2025",
        "nghỉ bán, không mời nữa",
        "Chuyển CĐ khác",
        "rút",
        "rút tên",
        "Thôn 5 -> về ở với con tại Trà Vân",
    ],
    *["đã nghỉ làm từ tháng 3", "chuyển sang đơn vị khác", "nghỉ từ năm 2024", "lên ở hẳn trên rẫy với con"],
)
def test_who_left_is_gone(text):
    assert is_gone(text)


@cases("nghỉ hưu", "nghỉ 2 buổi", "Thai sản", "rút kinh nghiệm", "ở với con")
def test_who_is_still_there_is_not(text):
    assert not is_gone(text)


def test_what_an_address_says_of_somebody_who_left_is_asked_about(tmp_path):
    found = read(
        tmp_path,
        ["Họ tên", "Thôn", "SĐT"],
        ["A Lâu", "Thôn 5 -> về ở với con", OWN],
        ["Y Mơn", "Thôn 5 -> tổ 3", OTHER],
    )
    assert [each[1] for each in found] == ["review", "ok"]


@cases(
    *each_of("Cộng tháng 7 | TỔNG QUÝ III | (trống) | --- từ đây là hộ mới ---"),
    *each_of("Một mạnh thường quân giấu tên | test | Phòng kỹ thuật | Nhà văn hóa thôn 2"),
)
def test_a_row_that_names_nobody_is_a_title(name):
    assert is_title(name)


@cases("Công Tằng Thị Lan", "Tống Thị Lan", "- Lê Thị Lan", "Trọng")
def test_a_name_that_looks_like_a_sum_is_a_name(name):
    assert not is_title(name)


def test_a_number_on_the_line_below_words_is_joined_to_them(tmp_path):
    rows = [["1", "Y Mơn", OTHER], ["2", "A Lâu", "dâu là Y Lan"], [None, None, OWN]]
    assert read(tmp_path, ["TT", "Họ tên", "SĐT"], *rows) == [
        ("Y Mơn", "ok", (M,)),
        ("A Lâu", "review", (F,)),
    ]


def test_an_office_before_a_name_is_a_person_and_below_a_signature_none(tmp_path):
    rows = [
        ["Tổ trưởng 5 - A Lâu", OWN],
        ["Y Mơn", OTHER],
        [],
        ["Người cập nhật", None],
        ["CTV Liên", "0905000125"],
    ]
    assert read(tmp_path, ["Họ tên", "SĐT"], *rows) == [("A Lâu", "ok", (F,)), ("Y Mơn", "ok", (M,))]


def test_known_headings_are_kept_where_a_number_is_found_by_the_cells(tmp_path):
    path = write_xlsx(
        tmp_path / "list.xlsx",
        {
            "DS": [
                ["TT", "Quý danh", "Nơi ở", "Liên lạc"],
                ["1", "Ông A Lâu", "Thôn 3", OWN],
                ["2", "Bà Y Mơn", "Thôn 4", OTHER],
            ]
        },
    )
    assert [(row.name, row.village) for row in check_list(path, KONTUM_2020)] == [
        ("A Lâu", "Thôn 3"),
        ("Y Mơn", "Thôn 4"),
    ]


@cases(("000", "0000000"), ("000", "000 0000"), ("0##", '000"."0000'))
def test_zeros_that_a_number_format_shows_are_read(tmp_path, prefix, rest):
    path = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        of_prefix, of_rest = (book.add_format({"num_format": each}) for each in (prefix, rest))
        sheet.write_row(0, 0, ["Họ tên", "Điện thoại", "", "Vốn"])
        sheet.write_row(1, 1, ["Đầu số", "Số máy"])
        for line, (name, first, second) in enumerate(
            [("A Lâu", 90, 1928), ("Y Mơn", 38, 4406), ("Y Lan", 86, 294)], 2
        ):
            sheet.write(line, 0, name)
            sheet.write(
                line, 1, first, of_prefix if prefix != "0##" else book.add_format({"num_format": "000"})
            )
            sheet.write(line, 2, second, of_rest)
            sheet.write(line, 3, 5000)
    found = [each[1:] for each in people(path)]
    assert found == [("ok", (f"+84{number}",)) for number in ("900001928", "380004406", "860000294")]


LEGENDS = [
    (["Chú thích màu:"], ("#FFFF00", "đã chuyển đi nơi khác"), ("#00B050", "đã nhận quà")),
    (["Vàng: đã đi khỏi địa phương"],),
    (
        ["Đỏ - đã mất, người nhà nhận thay"],
        ("#FFFF00", "Vàng: gọi nhiều lần không được"),
        ("#00B050", "Xanh: đã nhận quà"),
    ),
    (["Ghi chú màu"], ("#FFFF00", "số sai, gọi không được"), ("#00B050", "nợ quỹ (vẫn mời)")),
    (["Ghi chú: nền vàng = đã nghỉ việc"],),
    (["Tô vàng: không mời nữa"],),
]


@pytest.mark.parametrize("legend", LEGENDS)
@pytest.mark.parametrize("coloured", [(0, 1), (0,), (1,)])
def test_somebody_whose_colour_the_legend_says_is_gone_is_asked_about(tmp_path, legend, coloured):
    path = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        fill = {colour: book.add_format({"bg_color": colour}) for colour in ("#FFFF00", "#00B050", "#DDEEFF")}
        sheet.write_row(0, 0, ["Họ tên", "SĐT"], fill["#DDEEFF"])
        for line, (name, number, colour) in enumerate(
            [("A Lâu", OWN, None), ("Y Mơn", OTHER, "#FFFF00"), ("Y Lan", "0905000125", "#00B050")], 1
        ):
            for at, cell in enumerate((name, number)):
                sheet.write(line, at, cell, fill[colour] if colour and at in coloured else None)
        sheet.write_row(5, 0, legend[0])
        for line, (colour, said) in enumerate(legend[1:], 6):
            sheet.write_blank(line, 0, None, fill[colour])
            sheet.write(line, 1, said)
    still = "ok" if legend[1:] else "review"  # a legend in words is of any colour
    assert people(path) == [
        ("A Lâu", "ok", (F,)),
        ("Y Mơn", "review", (M,)),
        ("Y Lan", still, ("+84905000125",)),
    ]


@cases("Màu:", "Ghi chú:", "Quy ước", "CHÚ THÍCH")
def test_the_legend_of_one_sheet_is_that_of_all(tmp_path, title):
    path = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(path) as book:
        first, second = book.add_worksheet("Đọc trước"), book.add_worksheet("Thôn 1")
        gone, paid = book.add_format({"bg_color": "#FFFF00"}), book.add_format({"bg_color": "#00B050"})
        first.write(0, 0, title)
        for line, (fill, said) in enumerate([(gone, "gọi không đúng người"), (paid, "đã nộp")], 1):
            first.write_blank(line, 0, None, fill)
            first.write(line, 1, said)
        second.write_row(0, 0, ["Họ tên", "SĐT"])
        second.write_row(1, 0, ["A Lâu", OWN], gone)
        second.write_row(2, 0, ["Y Mơn", OTHER], paid)
    assert people(path) == [("A Lâu", "review", (F,)), ("Y Mơn", "ok", (M,))]


@cases(True, False)
def test_of_a_cell_whose_old_number_is_struck_the_new_one_counts(tmp_path, is_inline):
    path = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": is_inline}) as book:
        sheet, struck = book.add_worksheet(), book.add_format({"font_strikeout": True})
        sheet.write_row(0, 0, ["Họ tên", "SĐT"])
        sheet.write(1, 0, "A Lâu")
        sheet.write_rich_string(1, 1, struck, OTHER, f"  {OWN}")
    assert people(path) == [("A Lâu", "ok", (F,))]


@cases(
    ("CHU_SO_DT", "Chồng", "review"),
    ("Chủ thuê bao", "Mẹ ruột", "review"),
    ("Người giữ máy", "con gái", "review"),
    ("Ai nghe máy", "Bản thân", "ok"),
    ("Máy của", "A Lâu", "ok"),  # themselves
    ("GVCN ghi", "lên Đồng Nai", "review"),
    ("SĐT chồng", "nt", "review"),
    ("Ghi chú", "mẹ ruột", "review"),
    ("Quan hệ với chủ hộ", "Vợ", "ok"),
    ("Ghi chú ĐT", "Viettel", "ok"),
)
def test_whose_a_number_is_another_column_says(tmp_path, heading, cell, status):
    assert read(tmp_path, ["Họ tên", "SĐT", heading], ["A Lâu", OWN, cell])[0] == ("A Lâu", status, (F,))


@cases(
    *each_of("Ba: {0} Mẹ: {1} | Bố {0}, mẹ {1} | Ông: {0}\nBà: {1} | con gái {0} con trai {1}", "review", 2),
    *each_of("HS: {0} Mẹ: {1} | HS: {0}; Mẹ: {1}", "ok", 1),
    ("DĐ: {0} CQ: {1}", "ok", 2),
)
def test_numbers_of_two_relatives_are_nobodys_own(cell, status, count):
    found = read_phone_cell(cell.format(OWN, OTHER))
    assert (found.status.value, found.numbers) == (status, (F, M)[:count])


@cases(
    ("FN:Lý Thị Lài\nitem1.TEL:{0}\nitem1.X-ABLabel:con dâu", ("Lý Thị Lài", "review")),
    ("FN:Lý Thị Lài\nTEL;X-Chồng:{0}", ("Lý Thị Lài", "review")),
    ("FN:Lý Thị Lài\nitem1.TEL:{0}\nitem1.X-ABLabel:_$!<Mobile>!$_", ("Lý Thị Lài", "ok")),
    ("FN:Lý Thị Lài\nitem1.TEL:{0}\nitem1.X-ABLabel:khác", ("Lý Thị Lài", "ok")),
    ("N:Trần;Thị Hường\nFN:Thị Hường Trần\nTEL:{0}", ("Trần Thị Hường", "ok")),
    ("N:Mai;Lê Thị\nFN:Lê Thị Mai\nTEL:{0}", ("Lê Thị Mai", "ok")),
    ("FN:Bùi Thị Thu MỚI\nTEL:{0}", ("Bùi Thị Thu", "ok")),
)
def test_what_a_contact_of_a_phone_is_called_and_whose_the_number_is(tmp_path, card, row):
    path = tmp_path / "list.vcf"
    path.write_text(f"BEGIN:VCARD\nVERSION:3.0\n{card.format(OWN)}\nEND:VCARD\n", encoding="utf-8")
    assert people(path) == [(*row, (F,))]


@cases(
    ["Tuần 1", f"Chị Y Loan\n{OWN}\n(Thôn 4)", f"Y Mơn {OTHER}\nThôn 4", "A Lâu"],
    ["1/11 - 7/11", f"{OWN} Y Loan", f"Y Mơn: {OTHER}", "như tuần 1"],
    ["T1", "", f"Y Loan - {OWN} - Thôn 4", f"cô Y Mơn {OTHER}", ""],
)
def test_each_cell_of_a_roster_with_a_number_is_somebody(tmp_path, cells):
    found = read(tmp_path, ["Trực nhà rông"], ["Tuần", "Thứ ba", "Thứ năm", "Thứ bảy"], *[cells] * 4)
    assert found == [("Y Loan", "ok", (F,)), ("Y Mơn", "ok", (M,))] * 4


@cases(
    f"Mọi thắc mắc liên hệ chị Lan {OTHER}",
    f"* Lưu ý: báo trước 3 ngày qua tổ trưởng Sang {OTHER}",
    f"Cty TNHH Phát Lợi (gửi thư chung, hotline {OTHER})",
    f"Dự kiến 21 khách, 3 bàn. Liên hệ: chị Thắm {OTHER}",
)
def test_what_is_said_between_numbered_people_is_nobody(tmp_path, said):
    rows = [[f"{n}. Ông Lê Văn An, thôn {n}: {OWN}"] for n in (1, 2, 3)]
    assert [each[0] for each in read(tmp_path, *rows, [said])] == ["Lê Văn An"] * 3


def test_numbers_said_to_be_in_the_order_of_the_names_are_each_ones_own(tmp_path):
    rows = [["1. Chị Y Loan + chị Y Mơn, tổ hòa giải, lần lượt " + f"{OWN} và {OTHER}"], [f"2. A Lâu {OWN}"]]
    assert read(tmp_path, *rows)[:2] == [("Y Loan", "ok", (F,)), ("Y Mơn", "ok", (M,))]


def test_colours_without_a_legend_say_nothing(tmp_path):
    path = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet, fill = book.add_worksheet(), book.add_format({"bg_color": "#FFFF00"})
        sheet.write_row(0, 0, ["Họ tên", "SĐT", "Ghi chú"], fill)
        sheet.write_row(1, 0, ["A Lâu", OWN, "nền nhà ướt"], fill)
    assert [each[1] for each in people(path)] == ["ok"]


CHAT = """[19:02, 07/03/2025] Liên xã: Các chị nhắn họ tên, năm sinh, số điện thoại giúp em nhé. Ai hỏi gì gọi em 0905 000 199
[19:04, 07/03/2025] thu ha: em Lê Thị Thu Hà, sn 1993, 0905000101
[19:07, 07/03/2025] Bếp Nóc: Le thi xuan 1987 so dt 0905000102
[19:09, 07/03/2025] Liên xã: ok chị
[19:31, 07/03/2025] Y Khoa: Y Khoa 1984
[19:31, 07/03/2025] Y Khoa: +84 905 000 103
[19:44, 07/03/2025] Lê Thị Lan: 0905000104
[20:03, 07/03/2025] Tổ trưởng Chín: Tổ có thêm 3 người:
- Lê Thị Mót 1967: 0905 000 105
- Lê Thị Vành 1980: gọi 0905 000 106 gặp anh Bình chồng
- Lê Thị Nấm 1982: 0905 000 107
[20:10, 07/03/2025] Mẹ Na: Lê Thị Na 1990 0905000108
[20:11, 07/03/2025] Mẹ Na: chị Nấm đi Lâm Đồng ở luôn rồi mà
[20:12, 07/03/2025] Tổ trưởng Chín: à quên, số chị Mót sai rồi em, sửa lại 0905000109
[20:13, 07/03/2025] Lê Thị Tép: Lê Thị Tép 1999 số 0905 000 114
[20:14, 07/03/2025] Lê Thị Tép: chị ơi số hôm qua em mất sim rồi, ghi số mới 0905 000 115 nha
[20:20, 07/03/2025] Anh Lộc: k5: Lê Văn Mến (71) 0905000110; Lê Thị Thêu (68) 0905000111; Lê Văn Ri (75) 09400088
[20:21, 07/03/2025] Anh Lộc: Lê Văn (Tư 0905000113
[20:30, 07/03/2025] Mẹ Bi: ghi giúp bà nội luôn: Lê Thị Dói 1955 không có đt
[20:40, 07/03/2025] Cô Hai: Ba Tam Ve Chai, 60 tuoi, 0905000112
[20:41, 07/03/2025] Liên xã: Dạ, hạn chót chiều nay. Có gì gọi em 0905000199 máy cơ quan
"""


def test_who_a_number_of_a_chat_is_of_and_what_is_said_of_it(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_text(CHAT, encoding="utf-8")
    found = {number: (name, status) for name, status, numbers in people(path) for number in numbers}
    assert [(number[-3:], *each) for number, each in found.items()] == [
        ("101", "Lê Thị Thu Hà", "ok"),
        ("102", "Le thi xuan", "ok"),
        ("103", "Y Khoa", "ok"),
        ("104", "Lê Thị Lan", "ok"),
        ("109", "Lê Thị Mót", "ok"),
        ("106", "Lê Thị Vành", "review"),
        ("107", "Lê Thị Nấm", "review"),
        ("108", "Lê Thị Na", "ok"),
        ("115", "Lê Thị Tép", "ok"),
        ("110", "Lê Văn Mến", "ok"),
        ("111", "Lê Thị Thêu", "ok"),
        ("113", "Lê Văn", "ok"),
        ("112", "Ba Tam Ve Chai", "review"),
    ]
    assert [name for name, _, numbers in people(path) if not numbers] == ["Lê Văn Ri", "Lê Thị Dói"]


CASES = {
    "who moved, in the cell of the number": (
        [
            ["Họ tên", "SĐT"],
            ["A Lâu", f"{OWN} - đã chuyển trường về Huế"],
            ["Y Mơn", f"{OTHER} (gọi buổi tối)"],
        ],
        [("A Lâu", "review", (F,)), ("Y Mơn", "ok", (M,))],
    ),
    "a number behind the name, alone and with a remark": (
        [["Họ tên", "SĐT"], ["A Lâu - " + OWN, ""], [f"Y Mơn {OTHER} con gái", ""], ["Y Blưm", OWN]],
        [("A Lâu", "ok", (F,)), ("Y Mơn", "review", (M,)), ("Y Blưm", "ok", (F,))],
    ),
    "titles with a colon": (
        [["Họ tên", "Điện thoại"], ["Khuôn hội An Định:", None], ["A Lâu", OWN], ["Y Mơn", None]],
        [("A Lâu", "ok", (F,)), ("Y Mơn", "reject", ())],
    ),
    "a village on the line below the name": (
        [["Người nộp, chỗ ở", "SĐT"], ["Y Mơn\nThôn Păng Bá", f"{OWN}; {OTHER}"], ["A Lâu\nThôn 2", "không"]],
        [("Y Mơn", "ok", (F, M)), ("A Lâu", "reject", ())],
    ),
    "numbers below names under headings below each other": (
        [
            ["TT", "HO TEN", "Lo"],
            [None, "SO DIEN THOAI", "Ma"],
            ["TO 1", None, None],
            [1, "A Lâu", "5b"],
            [None, OWN, None],
            [2, "Y Mơn", "6a"],
            [None, OTHER[1:], None],
            [3, "Y Blưm", "7"],
            [None, "chua dang ky", None],
            [4, "A Tre", "8"],
            [None, "TONG CONG: 4 nguoi", None],
        ],
        [("A Lâu", "ok", (F,)), ("Y Mơn", "ok", (M,)), ("Y Blưm", "reject", ()), ("A Tre", "reject", ())],
    ),
    "pupils' own numbers beside their parents'": (
        [
            ["TT", "HỌ VÀ TÊN", None, None, "ĐT học sinh", "Phụ huynh", None],
            [None, "Họ", "Đệm", "Tên", None, "Họ tên", "SĐT"],
            [1, "Lê", "Văn", "An", OWN, "Lê Văn Bình", "0905000125"],
            [2, "Lê", "Thị", "Hoa", None, "Lê Văn Tú", OTHER],
        ],
        [("Lê Văn An", "ok", (F,)), ("Lê Thị Hoa", "review", (M,))],
    ),
    "parents under both words beside their children": (
        [
            ["Stt", "Tên cháu", "Mẹ/Cha (người liên lạc)", "Số đt"],
            [1, "Lê Thị Hoa", "Lê Văn An", OWN],
            [2, "Y Blưm", "Y Mơn", OTHER],
        ],
        [("Lê Văn An", "ok", (F,)), ("Y Mơn", "ok", (M,))],
    ),
    "somebody under an unknown heading beside a child": (
        [
            ["Stt", "Tên cháu", "Người đón hằng ngày", "Số đt"],
            [1, "Lê Thị Hoa", "Lê Văn An", OWN],
            [2, "Y Blưm", "tự về", OTHER],
        ],
        [("Lê Thị Hoa", "review", (F,)), ("Y Blưm", "ok", (M,))],
    ),
}


@pytest.mark.parametrize("shape", CASES)
def test_whose_a_number_is_by_the_shape_of_the_table(tmp_path, shape):
    rows, expected = CASES[shape]
    assert read(tmp_path, *rows) == expected


def test_a_cover_of_an_office_for_education_and_training_is_no_list(tmp_path):
    cover = [["PHÒNG GD&ĐT HUYỆN", None], ["Lớp Mầm", 8], ["Lớp Chồi", 9], ["Cộng", 17]]
    path = write_xlsx(tmp_path / "list.xlsx", {"BÌA": cover, "Lá": [["Họ tên", "SĐT"], ["A Lâu", OWN]]})
    assert people(path) == [("A Lâu", "ok", (F,))]


def test_a_name_in_capitals_is_corrected_by_a_later_line_of_a_chat(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_text(
        f"[19:40 14/10/2023] Liên: LÊ THỊ BÍCH {OWN}\nY MƠN 0905000125\n"
        f"[19:43 14/10/2023] Liên: Sửa lại số của chị Lê Thị Bích là {OTHER}, số trên sai ạ\n",
        encoding="utf-8",
    )
    assert people(path) == [("Lê Thị Bích", "ok", (M,)), ("Y Mơn", "ok", ("+84905000125",))]
