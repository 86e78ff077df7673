"""Lists in the fonts of before Unicode, as they stand in the file when the font is gone."""

import csv

import docx
import pytest

from outreach.imports.list_reader import check_list
from outreach.rules.legacy_fonts import LegacyEncoding, guess_legacy_encoding, to_unicode
from outreach.rules.list_columns import find_header
from outreach.rules.list_rows import RowReader
from outreach.rules.phone_numbers import read_phone_cells
from tests.support.list_files import write_xlsx
from tests.support.places import KONTUM_2020
from tests.support.tables import cases, each_of

PLAIN = ["Nguyễn Văn An", "Trần Thị Ngọc Hoa", "Đỗ Thị Hường", "Huỳnh Quyết Thắng", "Y Blưm", "không có"]
TCVN3 = [
    "NguyÔn V¨n An",
    "TrÇn ThÞ Ngäc Hoa",
    "§ç ThÞ H\u00adêng",
    "Huúnh QuyÕt Th¾ng",
    "Y Bl\u00adm",
    "kh«ng cã",
]
VNI = [
    "Nguyeãn Vaên An",
    "Traàn Thò Ngoïc Hoa",
    "Ñoã Thò Höôøng",
    "Huyønh Quyeát Thaéng",
    "Y Blöm",
    "khoâng coù",
]
HEADERS = {
    LegacyEncoding.TCVN3: ["TT", "Hä vµ tªn", "X·", "§iÖn tho¹i"],
    LegacyEncoding.VNI: ["TT", "Hoï vaø teân", "Xaõ", "Ñieän thoaïi"],
}
PLACES = {LegacyEncoding.TCVN3: "§¾k La", LegacyEncoding.VNI: "Ñaék La"}

PARENTS = "Họ tên cha,SĐT cha,Họ tên mẹ,SĐT mẹ"
F, M = "0905000123", "0905000124"


def rows_of(tmp_path, text, name="list.csv"):
    """The rows of a file with this text."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return list(check_list(path, KONTUM_2020))


def reader_of(rows):
    return RowReader(find_header(rows), KONTUM_2020, sheet="")


@cases((LegacyEncoding.TCVN3, TCVN3), (LegacyEncoding.VNI, VNI))
def test_an_old_font_is_recognised_and_converted(font, texts):
    assert guess_legacy_encoding(texts) is font
    assert [to_unicode(text, font) for text in texts] == PLAIN


@cases(
    PLAIN,
    [],
    ["A Thun", "0905000123"],
    ["Hà", "Tùng", "Hòa", "Võ Hùng", "Lê Quý Ðôn"],
    ["Café 25°C ±2", "½ suất", "Nguyễn Văn An"],
)
def test_unicode_is_left_alone(texts):
    assert guess_legacy_encoding(texts) is None


def test_capitals_that_the_font_made_stay_capitals():
    assert to_unicode("NGUYÔN V¡N ¶NH", LegacyEncoding.TCVN3) == "NGUYỄN VĂN ẢNH"
    assert to_unicode("NGUYEÃN VAÊN AÛNH", LegacyEncoding.VNI) == "NGUYỄN VĂN ẢNH"
    assert to_unicode("§Æng ThÞ ¸nh, v¾ng", LegacyEncoding.TCVN3) == "Đặng Thị Ánh, vắng"


@pytest.mark.parametrize(("font", "names"), [(LegacyEncoding.TCVN3, TCVN3), (LegacyEncoding.VNI, VNI)])
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_a_whole_list_in_an_old_font(tmp_path, font, names, kind):
    people = [[n, name, PLACES[font], f"0905000{n:03}"] for n, name in enumerate(names[:5], 1)]
    rows = [HEADERS[font], *people, [6, names[0], PLACES[font], names[5]]]
    path = tmp_path / f"list.{kind}"
    if kind == "csv":  # as Excel on a Western Windows saves it
        with path.open("w", encoding="cp1252", newline="") as file:
            csv.writer(file).writerows(rows)
    else:
        write_xlsx(path, {"DS": rows})
    read = list(check_list(path, KONTUM_2020))
    assert [each.name for each in read] == [*PLAIN[:5], PLAIN[0]]
    assert {each.commune_code for each in read} == {"23524"}
    assert read[5].phone.reason == "no_phone_stated"
    assert read[5].as_written()[1:3] == [PLAIN[0], "Đắk La"]


def test_columns_in_unicode_beside_columns_in_an_old_font(tmp_path):
    people = [[n, name, "Xã Hòa Bình", f"0905000{n:03}"] for n, name in enumerate(TCVN3[:5], 1)]
    path = write_xlsx(tmp_path / "list.xlsx", {"DS": [["STT", "Họ và tên", "Xã", "SĐT"], *people]})
    read = list(check_list(path, KONTUM_2020))
    assert [(each.name, each.commune) for each in read] == [(name, "Xã Hòa Bình") for name in PLAIN[:5]]


def test_a_heading_in_an_old_font_above_figures_is_read_by_the_font_of_the_others(tmp_path):
    people = [[n, VNI[n], 1980 + n, f"0905000{n:03}"] for n in range(5)]
    rows = [["STT", "Hoï vaø teân", "Naêm sinh", "Ñieän thoaïi"], *people]
    read = list(check_list(write_xlsx(tmp_path / "list.xlsx", {"DS": rows}), KONTUM_2020))
    assert [each.birth_year for each in read] == [1980, 1981, 1982, 1983, 1984]


def test_a_column_that_says_xa_in_every_cell_is_recognised():
    places = ["Xaõ Ñaék La", "Xaõ Bôø Y", "Xaõ Hieáu", "Xaõ Ya ly"]
    assert guess_legacy_encoding(places) is LegacyEncoding.VNI
    assert [to_unicode(place, LegacyEncoding.VNI) for place in places] == [
        "Xã Đắk La",
        "Xã Bờ Y",
        "Xã Hiếu",
        "Xã Ya ly",
    ]


def test_rows_in_an_old_font_pasted_among_others_are_converted_and_the_others_left_alone(tmp_path):
    others = [
        ["Nguyễn Văn An", "Gié Triêng", "xã Đắk La"],
        ["Lê Hùng", "Gié Triêng", "Hà Mòn"],
        ["Café Lê", "±2 ½ suất", "Đắk La"],
        ["Y Ñơi", "Xơ Đăng", "Đắk La"],
    ]
    pasted = [
        ["NguyÔn V¨n An", "GiÎ Triªng", "x· §¾k La"],
        ["Nguyeãn Vaên An", "Gieû Trieâng", "Xaõ Ñaék La"],
        ["Y Thu", "GiÎ Triªng", "x· §¾k La"],
    ]
    people = [[*cells, f"0905000{n:03}"] for n, cells in enumerate([*others * 20, *pasted])]
    path = write_xlsx(tmp_path / "list.xlsx", {"DS": [["Họ và tên", "Dân tộc", "Xã", "SĐT"], *people]})
    read = list(check_list(path, KONTUM_2020))
    assert [(each.name, each.commune) for each in read[:80]] == [(each[0], each[2]) for each in others * 20]
    assert [each.name for each in read[80:]] == ["Nguyễn Văn An", "Nguyễn Văn An", "Y Thu"]
    assert {each.commune_code for each in read[80:]} == {"23524"}


def test_a_title_or_a_row_between_people_gives_the_commune_where_the_row_has_none(tmp_path):
    text = (
        "HỘI LHPN XÃ ĐẮK LA - HUYỆN ĐẮK HÀ NĂM 2020,,\n"
        "STT,Họ và tên,SĐT\n"
        "1,Y Blưm,0905000123\n"
        "II,Xã Đắk Hring,\n"
        "2,Y Hlan,0905000124\n"
        "III,Thôn 4,\n"
        "3,A Lâu,0905000125\n"
    )
    read = rows_of(tmp_path, text)
    assert [row.place.code for row in read] == ["23524", "23506", "23506"]


def test_a_place_in_the_row_goes_before_the_title(tmp_path):
    text = (
        "DANH SÁCH XÃ ĐẮK LA,,,\nSTT,Họ và tên,Xã,SĐT\n1,Y Blưm,Đắk Hring,0905000123\n2,A Lâu,Lạ Hoắc,0905000124\n"
        "3,Y Hlan,,0905000125\n"
    )
    read = rows_of(tmp_path, text)
    assert [row.place.code for row in read] == ["23506", None, "23524"]


@cases(
    ("A Lin", "0905000123 Zalo", "ok"),
    ("A Lin", "A Lin: 0905000123", "ok"),
    ("A Lin", "SĐT có Zalo: 0905000123", "ok"),
    ("A Lin", "Số di động: 0905000123", "ok"),
    ("A Lin", "so di dong 0905000123", "ok"),
    ("A Lin", "số còn dùng 0905000123", "ok"),
    ("A Lin", "0905000123 goi nho chi Lan", "review"),
    ("A Lin", "0905000123 gọi nhờ chị Lan", "review"),
    ("A Lin", "mẹ chồng 0905000123", "review"),
    ("A Lin", "0905000123 (ck)", "review"),
    ("A Lin", "0905000123 (của bố A Trọng)", "review"),
    ("A Lin", "dùng của vợ 0905000123", "review"),
    ("A Lin", "0905000123; 0905000124 (vợ)", "ok"),
    ("A Lin", "0905000123 (bố) 0905000124 (mẹ)", "review"),
    ("A Lin", "B: 0905000123 M: 0905000124", "review"),
    ("A Lin", "0905000123 (GVCN)", "review"),
    ("A Lin", "0905000123 gặp Lan", "review"),
    ("A Lin", "0905000123 Y Ngơn 0905000124", "review"),
    ("A Lin", "V: 0905000123; C: 0905000124", "review"),
    *each_of(
        "Thôn trưởng Thôn 5 | A Lin + Y Đoan | Tiệm gas Hùng Lan | Con gái Y Rớ | 0905000123 | "
        "Bà Y Môi (mất, con dùng) | A Lin 0394 000 39 | Lý Chí Công đừng gọi | Nhà trọ Hai Thành | "
        "A Tý số cũ | A Tý (cũ) | Ông Bình mất | Ông Bình (bỏ; đã thoát nghèo) | Bà ngoại | Thợ điện Tuấn | "
        "Bảy Mập | Lê Văn An con trai bà Năm bán cá | Truong PTDTBT THCS Tra Tap | Ban hành giáo | "
        "Chốt danh sách nhé | Mọi thắc mắc xin liên hệ cô giáo Hoa",
        "0905000123",
        "review",
    ),
    *each_of("Nguyễn Thị Hoa/Thôn Hai | Mai Thị Kiều | Truong Thi Lan | hồ thị mỹ trang", "0905000123", "ok"),
    ("A Lin", "0905000123 (bà ngoại)", "review"),
    ("A Lin", "0905000123 (Zalo con gái)", "review"),
    ("A Lin", "0905000123 con gái ở Quy Nhơn", "review"),
    ("A Lin", "0905000123 (Trang con)", "review"),
    ("A Lin", "0905000123 (thư ký Mai)", "review"),
    ("A Lin", "0905000123 (chị Linh)", "review"),
    ("A Lin", "0905000123 (Y Ngơn)", "review"),
    ("A Lin", "0905000123 (A Lin)", "ok"),
)
def test_a_number_of_somebody_else_or_of_nobody_is_for_review(tmp_path, name, cell, status):
    text = f"STT,Họ và tên,SĐT\n1,{name},{cell}\n2,Y Rơ,0905000125\n"
    assert [row.phone.status for row in rows_of(tmp_path, text)] == [status, "ok"]


@cases(
    ["0905000123; 0905000124 (vợ)"],
    ["0905 000 123 vợ 0905000124"],
    ["0905000123 (chồng: 0905000124)"],
    ["0905000123\nMẹ: 0905000124"],
    ["0905000123", "0905000124 (con)"],
    ["0905.000.123 - 0905.000.124 (con)"],
    ["0905 000 123 hoặc số vợ 0905 000 124"],
    ["0905000123 + 0905000124 (em)"],
)
def test_a_relatives_number_beside_the_persons_own_is_not_theirs(cells):
    cell = read_phone_cells(cells)
    assert (cell.status, cell.numbers) == ("ok", ("+84905000123",))


def test_pieces_of_a_number_are_put_together_and_words_stay_apart():
    labels, rows = ["Họ tên", "SĐT", None], [["A Lâu", "037", "9000950"]] * 3
    reader = reader_of([labels, *rows])
    whole, anothers = (
        reader.read(["A Lâu", *cells], line=5)
        for cells in (["84", "94 100 0123"], ["037", "9000950 (gọi cho vợ)"])
    )
    assert (whole.phone.status, whole.phone.numbers) == ("ok", ("+84941000123",))
    assert (anothers.phone.status, anothers.phone.numbers) == ("review", ("+84379000950",))


def test_who_is_struck_through_is_for_review_as_it_was_written():
    header = find_header([["Họ và đệm", "Tên", "SĐT"], ["Đặng Hoàng", "Ân", "0905000123"]])
    assert header is not None
    reader = RowReader(header, KONTUM_2020, sheet="", struck={(2, 0): "", (2, 1): "", (2, 2): ""})
    row = reader.read(["Đặng Hoàng", "Ân", "0905000123"], line=2)
    assert (row.name, row.phone.status, row.phone.numbers) == ("Đặng Hoàng Ân", "review", ("+84905000123",))


def test_headings_of_three_levels_with_a_day_and_a_relatives_number(tmp_path):
    text = (
        "STT,HỌ VÀ TÊN,NƠI CƯ TRÚ,,LIÊN LẠC,,,Ghi chú\n"
        ",,Trước 01/7/2025,Từ 01/7/2025 (xã),Của mình,Của người thân,,\n"
        ",,,,,Số,Là ai,\n"
        "1,Y BRÊ,Kon Hring,Đăk Tô,0905000123,0905000124,em,\n"
        "2,Y NHẤT,Kon Hring,Đăk Tô,,0905000125,chồng,\n"
    )
    read = [(row.name, row.phone.status, row.phone.numbers) for row in rows_of(tmp_path, text)]
    assert read == [("Y Brê", "ok", ("+84905000123",)), ("Y Nhất", "review", ("+84905000125",))]


def test_kin_under_a_heading_of_their_own_are_not_the_people_of_the_list(tmp_path):
    text = (
        "STT,Người vay vốn,,,Người thừa kế,,,Ghi chú\n"
        ",Họ và tên,Số CCCD,Số điện thoại,Họ và tên,Quan hệ,Số điện thoại,\n"
        "1,A Huy,062090000123,0905000123,Y Lan,vợ,0905000124,\n"
        "2,Y Blưm,062190000124,,A Lâu,con,0905000125,\n"
    )
    read = [(row.name, row.phone.numbers, row.phone.status) for row in rows_of(tmp_path, text)]
    assert read[0] == ("A Huy", ("+84905000123",), "ok")
    assert (read[1][0], read[1][2]) == ("Y Blưm", "review")


@cases(
    (
        "TT,Thai phụ,,,Thôn,Chồng,,Cô đỡ thôn bản\n,Họ và tên,NS,ĐT,,Họ tên,ĐT,\n",
        "1,Vàng Thị Mỷ,1999,0905000123,Thôn 1,Thò Mí Lúa,0905000124,Mỷ 0905.000.129\n"
        "2,Giàng Thị Xía,2004,0905000125,Thôn 1,Sùng Mí Chơ,0905000126,Mỷ 0905.000.129\n"
        "3,Sùng Thị Máy,1996,0905000127,Thôn 2,Vừ Mí Say,,chị Dí 0905.000.128\n",
        ["Vàng Thị Mỷ", "Giàng Thị Xía", "Sùng Thị Máy"],
    ),
    (
        "STT,Tàu,Họ tên,SĐT,Người nhà trên bờ,SĐT người nhà\n",
        "1,QNg 1,Võ Văn Tèo,0905000123,Nguyễn Thị Lệ,0905000124\n"
        "2,,Lê Minh Hải,0905000125,Trần Thị Nở,0905000126\n"
        "3,QNg 2,Phạm Hồng Thu,0905000127,Bùi Thị Xí,0905000128\n",
        ["Võ Văn Tèo", "Lê Minh Hải", "Phạm Hồng Thu"],
    ),
)
def test_husbands_of_expectant_mothers_and_family_ashore_are_nobody_of_the_list(
    tmp_path, headings, people, names
):
    read = [(row.name, row.phone.numbers, row.phone.status) for row in rows_of(tmp_path, headings + people)]
    numbers = ("+84905000123", "+84905000125", "+84905000127")
    assert read == [(name, (number,), "ok") for name, number in zip(names, numbers, strict=True)]


@cases("Tài chính,Số máy TC,Tài phụ,Số máy TP", "Chủ phương tiện,SĐT chủ,Lái,SĐT lái")
def test_two_roles_of_one_row_are_two_people_for_review(labels):
    rows = [
        ["TT", *labels.split(",")],
        ["1", "Lê Khoa", F, "A Huy", M],
        ["2", "A Lin", "0905000125", None, None],
    ]
    reader = reader_of(rows)
    read = [reader.read(row, line=2) for row in rows[1:]]
    assert [(row.name, row.phone.status, len(row.people)) for row in read if row] == [
        ("Lê Khoa", "review", 2),
        ("A Lin", "ok", 0),
    ]


def test_a_pupil_stays_beside_the_parents_whose_headings_stand_three_levels_down():
    rows = [
        ["STT", "Họ và tên trẻ", "Ngày sinh", "Thông tin phụ huynh", None, None, None, "Thôn", "Ghi chú"],
        [None, None, None, "Cha", None, "Mẹ", None, None, None],
        [None, None, None, "Họ tên", "Điện thoại", "Họ tên", "Điện thoại", None, None],
        [1, "A Bé", "12/03/2019", "A Huy", F, "Y Lan", M, "Thôn 1", "đã chuyển đi"],
    ]
    row = reader_of(rows).read(rows[3], line=4)
    assert (row.stt, row.name, row.village, row.phone.status) == ("1", "A Huy", "Thôn 1", "review")


@cases(
    *each_of("Họ tên,SĐT,SĐT con | Họ tên,SĐT,Số ĐT vợ | Họ tên,SĐT,Giáo viên,Điện thoại", 1),
    *each_of("Họ tên,SĐT,Người giới thiệu,Điện thoại | Họ tên,Di động,ĐT gia đình", 1),
    ("Họ tên,SĐT,Bộ phận,Điện thoại", 2),
    ("Họ tên vợ,SĐT vợ,Số khác", 2),
)
def test_a_number_under_somebody_elses_heading_is_not_the_persons_own(headings, count):
    cells = ["Y Lan", F, *(["Cô Hoa"] if headings.count(",") == 3 else []), M]
    row = reader_of([headings.split(","), cells]).read(cells, line=2)
    assert row.phone.numbers == ("+84905000123", "+84905000124")[:count]


@cases(None, "Ký nhận")
def test_what_a_column_that_is_not_read_says_of_a_person_counts(heading):
    rows = [["STT", "Họ tên", "SĐT", heading], [1, "Y Lan", F, "đã mất"], [2, "A Huy", M, None]]
    reader = reader_of(rows)
    assert [reader.read(row, line=2).phone.status for row in rows[1:]] == ["review", "ok"]


def test_a_table_whose_names_have_no_heading_is_not_lost_above_one_whose_have(tmp_path):
    text = (
        "Xã,Số máy,Tên gọi\nĐăk La,0905000123,A Lin\nĐăk La,0905000124,Y Lan\n\n"
        "Khách mời,Xã,ĐT liên hệ\n,,\nTên khách hàng,Xã,ĐT liên hệ\nLê Thị Hoa,Đăk Mar,0905000125\n"
    )
    names = [row.name for row in rows_of(tmp_path, text) if row.phone.numbers]
    assert names == ["A Lin", "Y Lan", "Lê Thị Hoa"]


def test_signatures_below_a_table_of_parents_are_no_people(tmp_path):
    text = (
        "STT,Họ tên trẻ,Họ tên cha,Điện thoại,Họ tên mẹ,Điện thoại\n1,A Huy,A Lương,0905000123,,\n,Cộng dồn: 1 trẻ,,,,\n"
        ',,,,"Kon Đào, ngày 05 tháng 9 năm 2024",\n,GVCN,,,HIỆU TRƯỞNG,\n,Y Vi,,,Mai Thị Kiều,\n'
    )
    assert [row.phone.numbers for row in rows_of(tmp_path, text)] == [("+84905000123",)]


@cases(
    (PARENTS, f"A Huy,{F},Y Lan,{M}", "ok", [("A Huy", "ok"), ("Y Lan", "ok")]),
    (PARENTS, f"A Huy,không,Bà Lê Lan,{M}", "ok", [("Lê Lan", "ok"), ("A Huy", "reject")]),
    (PARENTS, f",,Y Lan,{M}", "ok", [("Y Lan", "ok")]),
    (PARENTS, "A Huy,,Y Lan,không có", "reject", [("A Huy", "reject"), ("Y Lan", "reject")]),
    (PARENTS, f"A Huy,{F},Y Lan,{F}", "review", [("A Huy", "review"), ("Y Lan", "review")]),
    (PARENTS, f"A Huy,{F},Y Lan,0905", "review", [("A Huy", "review"), ("Y Lan", "reject")]),
    (PARENTS, f"A Huy,{F},đã mất,", "review", [("A Huy", "review")]),
    (
        PARENTS + ",Ghi chú",
        f"A Huy,{F},Y Lan,{M},sai số",
        "review",
        [("A Huy", "review"), ("Y Lan", "review")],
    ),
    ("Họ tên,SĐT,Họ tên,SĐT", f"A Huy,{F},Y Lan,{M}", "ok", [("A Huy", "ok"), ("Y Lan", "ok")]),
    (
        "Họ tên học sinh,SĐT,Họ tên mẹ,SĐT mẹ",
        f"A Huy,{F},Y Lan,{M}",
        "review",
        [("A Huy", "review"), ("Y Lan", "review")],
    ),
    ("Họ tên,SĐT,Họ tên người thân,SĐT người thân", f"A Huy,{F},Y Lan,{M}", "ok", [("A Huy", "ok")]),
)
def test_adults_of_one_row_are_people_of_their_own_where_nothing_is_in_doubt(headings, cells, status, people):
    rows = [["STT", *headings.split(",")], ["1", *cells.split(",")], ["2", "A Lin", "0905000125"]]
    row = reader_of(rows).read(rows[1], line=2)
    each = [(part.name, part.phone.status) for part in row.each_person()]
    assert (row.phone.status, each) == (status, people)


def test_people_in_paragraphs_below_a_letterhead_with_who_is_struck_through_and_remarks_below(tmp_path):
    file = docx.Document()
    file.add_table(1, 2).cell(0, 1).text = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM, ngày 8 tháng 1 năm 2026"
    file.add_paragraph("DANH SÁCH KHÁCH MỜI")
    file.add_paragraph("1. Ông Lê Văn An, sinh năm 1951, khóm 7, điện thoại 0905 000 123.")
    file.add_paragraph().add_run("2. Y Blưm - 0905000124").font.strike = True
    file.add_paragraph("3. A Lâu, sn 1966, đt 0905000125")
    file.add_paragraph("(số này vợ cho, chưa gọi thử, không liên lạc được)")
    file.add_paragraph("4. Anh A Rin, sn 1988")
    file.add_paragraph("điện thoại của mẹ: 0905000126")
    file.add_paragraph("5. Chị Y Mơn, sn 1994, đt không có")
    file.add_paragraph("6. A Huy - Bí thư chi bộ - 1977 - 0905 000 127")
    file.save(str(tmp_path / "list.docx"))
    read = [
        (row.name, row.phone.status, row.phone.numbers)
        for row in check_list(tmp_path / "list.docx", KONTUM_2020)
    ]
    assert read == [
        ("Lê Văn An", "ok", ("+84905000123",)),
        ("Y Blưm", "review", ("+84905000124",)),
        ("A Lâu", "review", ("+84905000125",)),
        ("A Rin", "review", ("+84905000126",)),
        ("Y Mơn", "reject", ()),
        ("A Huy", "ok", ("+84905000127",)),
    ]


def test_what_a_line_below_says_of_a_person_is_no_person(tmp_path):
    below = [
        "hộ này dọn lên Sài Gòn từ tháng 4",
        "→ nhờ gọi bà Hai kế nhà: 0905000124",
        "(đã gọi kiểm tra: đúng)",
    ]
    rows = [
        ["Họ và tên", "SĐT"],
        ["A Lâu", "0905000123"],
        below[:1],
        ["Y Blưm", ""],
        below[1:2],
        ["A Rin", "0905000125"],
    ]
    path = write_xlsx(tmp_path / "list.xlsx", {"DS": [*rows, below[2:], ["y mơn", ""]]})
    read = [(row.name, row.phone.status, row.phone.numbers) for row in check_list(path, KONTUM_2020)]
    assert read == [
        ("A Lâu", "review", ("+84905000123",)),
        ("Y Blưm", "review", ("+84905000124",)),
        ("A Rin", "ok", ("+84905000125",)),
        ("Y Mơn", "reject", ()),
    ]


def test_lines_of_a_chat_keep_who_has_no_number_and_what_was_corrected_later(tmp_path):
    text = (
        "[08:12, 14/10/2026] Chị Hoa (xã): gửi giúp em danh sách, cần họ tên, năm sinh, sđt ạ\n"
        "1. Trần Văn An sn 1960 - 0905.000.123\n2. Y Blưm sn 1982 - ko có đt\n3. Lê Thị Mai sn 1990 - 0905 000 124\n"
        "A Lâu, 1971, 0905.000.125\nVõ Xuân Chiến, 1969, 0363 000 00\n+ Y Hlan (1980) 0905000126\n"
        "+ Ngô Đình Hùng (1959) chưa có số\n[10:02, 14/10/2026] Anh Tư: Lê Thị Mai ghi nhầm, số đúng là 0905 000 127\n"
    )
    read = {row.name: row.phone.status.value for row in rows_of(tmp_path, text, name="chat.txt")}
    assert {name: read.get(name) for name in ("Trần Văn An", "A Lâu", "Y Hlan")} == dict.fromkeys(
        ("Trần Văn An", "A Lâu", "Y Hlan"), "ok"
    )
    assert (read["Y Blưm"], read["Ngô Đình Hùng"], read["Võ Xuân Chiến"]) == ("reject",) * 3
    assert read["Lê Thị Mai"] == "review"


def test_in_a_chat_who_sent_a_number_may_correct_it_or_leave_and_a_name_may_stand_above_its_number(tmp_path):
    text = (
        "[08:12, 14/10/2026] Chị Hoa: Ai đăng ký thì nhắn họ tên, sđt\n[08:13, 14/10/2026] Shop: Lê Thị Mai\n1990\n0905.000.123\n"
        "[08:14, 14/10/2026] Máy Cày: Trần Văn An 0905000124\n[08:15, 14/10/2026] Ba: Võ Xuân Chiến 0905000125\n"
        "[08:16, 14/10/2026] Máy Cày: nhầm số anh ơi, số em là 0905000126 nha\n"
        "[08:17, 14/10/2026] Ba: Thôi em chuyển xuống dưới kia rồi\n[08:18, 14/10/2026] Na: Y Blưm 0905000127\n"
        "[08:19, 14/10/2026] Bé: Y Hlan 0905000128\n[08:20, 14/10/2026] Cô: A Lâu 0905000129\n"
        "[08:21, 14/10/2026] Vườn: Y Mơn 0905000130\n"
    )
    read = {
        row.name: (row.phone.status.value, row.phone.numbers)
        for row in rows_of(tmp_path, text, name="chat.txt")
    }
    assert read["Lê Thị Mai"] == ("ok", ("+84905000123",))
    assert read["Trần Văn An"] == ("ok", ("+84905000126",))
    assert read["Võ Xuân Chiến"] == ("review", ("+84905000125",))
    assert read["Y Blưm"] == ("ok", ("+84905000127",))


def test_a_name_in_columns_without_headings_or_with_headings_in_two_languages_is_whole(tmp_path):
    people = ("NGUYỄN,THỊ,HOA", "LÊ,THỊ MỸ,LAN", "Y,THUẬT,MLÔ", "ĐINH,VĂN,ĐẠO", "TRẦN,VĂN,BÉ")
    wished = ["Nguyễn Thị Hoa", "Lê Thị Mỹ Lan", "Y Thuật Mlô", "Đinh Văn Đạo", "Trần Văn Bé"]
    rows = [f"{n},{name},,1980,090500012{n}" for n, name in enumerate(people, 1)]
    assert [row.name for row in rows_of(tmp_path, "\n".join(rows))] == wished
    two = [row.replace(",THỊ", " THỊ").replace(",VĂN", " VĂN").replace(",THUẬT", " THUẬT") for row in rows]
    assert [row.name for row in rows_of(tmp_path, "\n".join(two))] == wished
    labels = "No.,Họ và đệm / Last & middle name,Tên / First name,Ghi chú,Ngày sinh D.O.B,SĐT / Phone"
    assert [row.name for row in rows_of(tmp_path, "\n".join([labels, *two]))] == wished
    raglai = ("CHAMALEA,THI,HUONG", "KADA,THI,LIEN", "PI NANG,THI,NHE", "NGUYEN,THI NGOC,LAN")
    rows = [f"{n},{name},,1980,090500012{n}" for n, name in enumerate(raglai, 1)]
    assert [row.name for row in rows_of(tmp_path, "\n".join(rows))] == [
        "Chamalea Thi Huong",
        "Kada Thi Lien",
        "Pi Nang Thi Nhe",
        "Nguyen Thi Ngoc Lan",
    ]
    whole = [f"{n},{name.replace(',', ' ')},Kon Rẫy,1980,090500012{n}" for n, name in enumerate(people, 1)]
    assert [row.name for row in rows_of(tmp_path, "\n".join(whole))] == wished


def test_a_chat_copied_with_sender_and_hour_on_lines_of_their_own_and_numbers_below_their_names(tmp_path):
    text = (
        "Trạm xã\n08:12 12/03/2025\nGửi danh sách trước 16h nhé\n\nYTTB thôn 1\n08:40\n1. Y Blưm - 0905000123\n"
        "2. A Lâu - chưa có đt\n\nYTTB thôn 2\n09:31\nTrần Văn An\n+84 905 000 124\nLê Thị Mai\n0905 000 12\n"
        "Võ Xuân Chiến\n0905 000 125\n\nYTTB thôn 3\n10:02\nY Mơn, 1999, 0905000126, bé trai 3 tháng\n"
    )
    read = [
        (row.name, row.phone.status.value, row.phone.numbers)
        for row in rows_of(tmp_path, text, name="chat.txt")
        if row.name
    ]
    assert [row for row in read if row[1] == "ok"] == [
        ("Y Blưm", "ok", ("+84905000123",)),
        ("Trần Văn An", "ok", ("+84905000124",)),
        ("Võ Xuân Chiến", "ok", ("+84905000125",)),
        ("Y Mơn", "ok", ("+84905000126",)),
    ]
    assert {("A Lâu", "reject", ()), ("Lê Thị Mai", "reject", ())} <= {*read}
    assert not any("YTTB" in name or ":" in name for name, _, _ in read)


def test_a_chat_in_long_messages_names_people_of_rarer_families_in_a_line_and_above_their_number(tmp_path):
    text = (
        "[07:42, 14/03/2026] Bản Mới: ds tổ vay vốn\n1. Xồng Bá Dếnh 0905000123\n2. Lầu Y Mỷ chưa có sđt\n"
        "[08:06, 14/03/2026] Bản Trên: [Hình ảnh]\n[09:20, 14/03/2026] Bản Phà: Xeo Văn Biên 21/6 0905 000 124, Hoa Thị Đém 0905 000 125\n"
        "[09:21, 14/03/2026] Bản Phà: thêm Kha Văn Xuyên 0905 000 126 nữa chị ơi\n"
        "[13:30, 14/03/2026] Bản Na: La Thị Bình\n0905000127\nLương Văn Khăm\n0905000128\nVi Thị Lơ\n0905000129\n"
    )
    read = {
        row.name: (row.phone.numbers, row.phone.status) for row in rows_of(tmp_path, text, name="chat.txt")
    }
    names = (
        "Xồng Bá Dếnh",
        "Xeo Văn Biên",
        "Hoa Thị Đém",
        "Kha Văn Xuyên",
        "La Thị Bình",
        "Lương Văn Khăm",
        "Vi Thị Lơ",
    )
    expected = {name: ((f"+8490500012{3 + n}",), "ok") for n, name in enumerate(names)}
    assert read == expected | {"Lầu Y Mỷ": ((), "reject")}


def test_a_heading_for_number_and_note_is_that_of_numbers_where_there_is_no_other(tmp_path):
    text = (
        "TT,Họ tên,SĐT/ghi chú,TT,Họ tên,SĐT/ghi chú\n1,A Na,0905000123,3,A Bo,0905000124\n"
        "2,Y Na,0905000125,4,Y Bo,0905000126\n"
    )
    people = [each for row in rows_of(tmp_path, text) for each in row.parts()]
    assert [each.phone.status.value for each in people] == ["ok"] * 4


def test_parents_are_named_behind_how_they_are_addressed_and_a_note_says_which_of_both_they_are(tmp_path):
    text = "TT,Phụ huynh,,SĐT\n1,Chị,Lê Thị Mai,0905000123\n2,Anh,Siu Bơm,0905000124\n"
    assert [row.name for row in rows_of(tmp_path, text)] == ["Lê Thị Mai", "Siu Bơm"]
    for heading, status in (("Họ tên phụ huynh", "ok"), ("Họ tên", "review")):
        text = f"{heading},SĐT,Ghi chú\nLê Thị Mai,0905000123,mẹ\nSiu Bơm,0905000124,bố\n"
        assert [row.phone.status for row in rows_of(tmp_path, text)] == [status] * 2


def test_of_a_number_and_a_new_one_the_new_one_counts(tmp_path):
    text = "TT,Họ tên,SĐT,SĐT mới\n1,A Na,0905000123,0905000124\n2,Y Mơn,0905000125,không đổi\n"
    numbers = [row.phone.numbers for row in rows_of(tmp_path, text)]
    assert numbers == [("+84905000124",), ("+84905000125",)]


def test_a_number_alone_in_the_note_and_headings_with_an_ordinal(tmp_path):
    text = (
        "TT,Họ và tên,Điện thoại,,,Ghi chú\n,,Cơ quan,Di động 1,Di động 2 (nếu có),\n"
        "1,A Lâu,0260.3000777,0905000123,0905000124,\n2,Y Blưm,,0905000125,,\n3,Y Hlan,,,,SĐT: 0905.000.126\n"
    )
    read = [(row.name, row.phone.status.value, len(row.phone.numbers)) for row in rows_of(tmp_path, text)]
    assert read == [("A Lâu", "ok", 2), ("Y Blưm", "ok", 1), ("Y Hlan", "ok", 1)]


def test_in_a_list_that_goes_on_beside_itself_each_is_judged_alone(tmp_path):
    text = "TT,Họ và tên,SĐT,TT,Họ và tên,SĐT\n1,Y Lan,0905000123,3,Y Hoa,0905000126\n2,Y Sen,,4,Y Nhung,0905000127 (chồng)\n"
    people = [each for row in rows_of(tmp_path, text) for each in row.parts()]
    assert {each.name: each.phone.status.value for each in people} == {
        **{"Y Lan": "ok", "Y Hoa": "ok", "Y Sen": "reject", "Y Nhung": "review"}
    }


@cases(
    ("SĐT người thân,Ghi chú", ["0905000123,", "0905000124,cháu"], ["review", "review"]),
    ("SĐT,Số này của ai", ["0905000123,con trai", "0905000124,Chính chủ"], ["review", "ok"]),
    ("SĐT,Ghi chú", ["0905000123,chuyển xứ", "0905000124,như trên"], ["review", "review"]),
    *each_of("SĐT,Chú ý | SĐT,Việc khác", ["0905000123,số con rể", "0905000124,2 con"], ["review", "ok"]),
    ("ĐT1,Hiện trạng", ["0905000123,chuyển xứ", "0905000124,tốt"], ["review", "ok"]),
    ("ĐT di động,ĐT nhà/ Ghi chú", ["0905000123,máy chồng", "0905000124,thôn 8"], ["review", "ok"]),
    ("Họ tên chồng,SĐT vợ,SĐT chồng", ["A Na,,0905000123", "A Bo,0905000124,0905000125"], ["review", "ok"]),
)
def test_numbers_that_the_headings_give_to_others_are_for_review(tmp_path, heading, cells, statuses):
    path = tmp_path / "list.csv"
    rows = "".join(
        f"{n},{name},{cell}\n" for n, name, cell in zip("12", ("A Lâu", "Y Blưm"), cells, strict=True)
    )
    path.write_text(f"STT,Họ và tên,{heading}\n{rows}", encoding="utf-8")
    assert [row.phone.status for row in check_list(path, KONTUM_2020)] == statuses
