"""Numbers in notes, addresses and pasted lines; rows that name several people."""

from outreach.rules import phone_texts
from outreach.rules.people_beside import PersonColumns, find_people_columns, split_names
from outreach.rules.phone_numbers import PhoneStatus, read_phone_cell
from tests.support.tables import cases, each_of


@cases(
    *each_of("hộ nghèo, ĐT 0905 000 123 | Thôn 2, xã Đăk Mar - 0905.000.123", ["+84905000123"], "ok"),
    ("0905000123 hoặc +84 913 000 248", ["+84905000123", "+84913000248"], "ok"),
    ("gọi 01265000123", ["+84765000123"], "ok"),
    *each_of("số cũ 0905000123 | 0905000123 và 5100205000123", ["+84905000123"], "review"),
    *each_of("CCCD 062190000123 | CCCD 062 190 000 123 | hộ nghèo | sinh 1980, 12 sào", [], "reject"),
)
def test_numbers_in_a_text(text, numbers, status):
    cell = phone_texts.read_phone_in_text(text)
    assert (list(cell.numbers), cell.status) == (numbers, PhoneStatus(status))


def test_a_text_without_its_number_stays_an_address():
    assert phone_texts.without_numbers("Thôn 2, xã Đăk Mar, ĐT: 0905 000 123") == "Thôn 2, xã Đăk Mar"
    assert phone_texts.without_numbers("Thôn 2 (0905000123)") == "Thôn 2"


def test_a_column_of_texts_with_numbers():
    assert phone_texts.has_numbers_in_text(["hộ nghèo", "ĐT 0905000123", "0905000124", "sđt 0905000125"])
    assert not phone_texts.has_numbers_in_text(["hộ nghèo", "ĐT 0905000123", "sinh 1980", "già yếu"])
    assert not phone_texts.has_numbers_in_text(["062190000123", "062190000124", "062190000125"])


@cases(
    ("1. Y Blưm - 0905 000 123 - Thôn 2", ["1", "Y Blưm", "0905 000 123", "Thôn 2"]),
    *each_of("Y Blưm: 0905000123 | - Y Blưm ĐT 0905000123", ["", "Y Blưm", "0905000123", ""]),
    ("0905 000 123 Y Blưm", ["", "Y Blưm", "0905 000 123", ""]),
    *each_of("Dạ Y Blưm 0905000123 | cho em Y Blưm 0905000123", ["", "Y Blưm", "0905000123", ""]),
    *each_of("cha là Y Blưm 0905000123 | mẹ Y Blưm, 0905000123", ["", "Y Blưm", "0905000123", ""]),
    (
        "9. Y Blưm, khóm 1; người nuôi: con dâu Lê Thị Ngọt, ĐT 0905000123",
        ["9", "Y Blưm", "con dâu Lê Thị Ngọt 0905000123", "khóm 1, người nuôi, con dâu Lê Thị Ngọt"],
    ),
    ("Y Blưm 0905OOO123", ["", "Y Blưm", "0905OOO123", ""]),
    ("Lê Thị Mai 1985 ko có sđt nha c", ["", "Lê Thị Mai", "", "1985 ko có sđt nha c"]),
    ("điện thoại của mẹ: 0905000123", ["", "", "điện thoại của mẹ: 0905000123", ""]),
    ("3) Y Blưm, 905000123", ["3", "Y Blưm", "905000123", ""]),
    ("12   Y Blưm   1980   0905000123", ["12", "Y Blưm", "0905000123", "1980"]),
    ("4. Y Blưm - Thôn 2", ["4", "Y Blưm", "", "Thôn 2"]),
    ("+ Y Blưm (1980) 0905000123", ["", "Y Blưm (1980", "0905000123", ""]),
    ("+ A Lâu (1959) chưa có số", ["", "A Lâu", "", "1959) chưa có số"]),
    *each_of("A Lâu, 1998, 0905 000 12", ["", "A Lâu", "0905 000 12", "1998"]),
    *each_of("Danh sách tổ 4 gửi anh chị: | A Lâu cảm ơn nhé", None),
)
def test_a_pasted_line(line, cells):
    assert phone_texts.split_line(line) == cells


@cases(
    ("n name phone n name phone", [PersonColumns(1, (2,)), PersonColumns(4, (5,))]),
    ("n phone name n phone name", [PersonColumns(2, (1,)), PersonColumns(5, (4,))]),
    ("n name name phone name phone", [PersonColumns(2, (3,)), PersonColumns(4, (5,))]),
    ("name birth phone name birth phone", [PersonColumns(0, (2,), 1), PersonColumns(3, (5,), 4)]),
    ("n name name phone", []),  # whose number it is, the column before it says
    ("n name phone phone", []),
)
def test_columns_of_people_side_by_side(meanings, people):
    found = find_people_columns(meanings.split(), name="name", phone="phone", number="n", birth="birth")
    assert list(found) == people


@cases(
    *each_of("A Thao / Y Blưm | A Thao và Y Blưm", 2, ["A Thao", "Y Blưm"]),
    ("Nguyễn Văn An\nTrần Thị Lan", 2, ["Nguyễn Văn An", "Trần Thị Lan"]),
    ("Nguyễn Văn An - Trần Thị Lan", 2, ["Nguyễn Văn An", "Trần Thị Lan"]),
    ("Nguyễn Văn An và vợ là Trần Thị Lan", 2, ["Nguyễn Văn An", "Trần Thị Lan"]),
    *each_of("Nguyễn Văn An - Trưởng thôn | Nguyễn Văn An | A Thao / 1980", 2, []),
    ("A Thao / Y Blưm", 3, []),
)
def test_names_in_one_cell(cell, count, names):
    assert split_names(cell, count) == names


@cases(
    *each_of(
        "hộ nghèo | số cũ 0913000248 | zalo 0913000248 | mất sức lao động | số mới 0905000123 | "
        "chồng đã mất | đã mất việc | không nhắn được thì gọi | dọn vệ sinh | đổi qua Viettel | đổi mới | "
        "thiếu số 0 đầu | 2 số | bác sĩ | số con: 3 | dùng chung ĐT | không dùng zalo | con: A Na | "
        "con của ông Hai | ở nhờ nhà em | trùng tên | đủ số | Bố | Trung | Khoa | thiếu hồ sơ | "
        "cán bộ thôn | mất CCCD | không có xe máy | chưa có sổ | chưa có số nhà | hay tắt máy | "
        "tên thường gọi khác | đã gọi kiểm tra | nghỉ học | số cũ 11 số | đầu số cũ | chuyển tuyến | "
        "mắt kém | Mặt trận thôn | mất ngủ | đi bộ đội về | con gái ở Mỹ | chồng đi Nhật | tái định cư | "
        "nhắn tin thôi | số chính chủ | số của hội viên | ở với con | vợ liệt sĩ | số con gái 0913000248",
        "ok",
        1,
    ),
    *each_of("số mới 0913000248 | đã đổi sang 0913000248 | Đổi số: 0913000248", "review", 2),
    *each_of(
        "sai số | đã mất 3/2025 | bỏ sinh hoạt, xin không nhắn nữa | đừng nhắn tin | không liên lạc được | "
        "gọi không ai nghe | máy tắt | chưa xác minh | số lạ | không dùng nữa | số ĐT của y tế thôn | "
        "ĐT cháu nội | số nhà hàng xóm | con nghe máy | của con | qua số con trai | không đồng ý nhận tin | "
        "từ chối nhận tin | đừng gọi | dùng chung với chồng | chồng cầm điện thoại | máy do con giữ | "
        "nhắn tin cho con | số bạn | sđt ba | số người quen | số ck | mượn máy | không có máy riêng | "
        "chết rồi, vợ Y Na giữ máy | lh con trai | số cô Lan | không chính chủ | hư máy | k ll được | "
        "sim mất | thiếu 1 số | mờ số cuối | nhầm người | ? | xóa | vợ chồng 1 số | "
        "dung ten giup chau LINH | vợ | vo | con gai | con trai | con dâu | chuyển hẳn về Tam Kỳ | mới dời qua khóm 5 | "
        "chuyển qua phường 2 | dọn lên Sài Gòn | gọi không đúng người | máy báo không có thực | "
        "số đã đổi chủ | ghi lộn số | chưa gọi được | ké máy con | số ảo | sai chủ | k gọi dc | "
        "so nay goi khong duoc | dùng ké | chữ mờ | cháu nghe giùm | về Bình Dương | "
        "đã bán đất, lên Cần Thơ | sang Lào làm ăn | về ngoài Bắc | thôi theo dõi | ngừng quản lý | "
        "không còn trong thôn | loại khỏi ds | đang ở tù | định cư Mỹ | mất hồi tết | quá cố | "
        "di Dong Nai roi",
        "review",
        1,
    ),
)
def test_a_note_may_say_that_the_number_beside_it_is_wrong(note, status, count):
    cell = phone_texts.beside_note(read_phone_cell("0905000123"), note)
    assert (cell.status.value, len(cell.numbers)) == (status, count)


@cases(
    *each_of("đã đổi số, số mới 0913.000.248 | Thay số: 0913.000.248 (từ 01/8)"),
    *each_of("mất sim, số mới là 0913000248 | nhầm số anh ơi, số em là 0913000248 nha"),
)
def test_a_new_number_takes_the_place_of_one_that_was_changed(note):
    cell = phone_texts.beside_note(read_phone_cell("0905000123"), note)
    assert (cell.status, cell.numbers) == (PhoneStatus.OK, ("+84913000248",))


@cases(
    *each_of("SĐT: 0905.000.123 | ĐT 0905000123 | ĐT mới: 0905 000 123", True),
    *each_of("0905000123 | ĐT con 0905000123 | ĐT", False),
)
def test_a_note_that_is_the_number_and_nothing_else(note, is_own):
    assert phone_texts.holds_only_own(note) is is_own


def test_numbers_beside_an_empty_phone_cell_are_for_review_and_those_of_papers_are_none():
    found = phone_texts.find_number_beside(["STK 0905000123", "hộ nghèo", "gọi con: 0913000248"])
    assert (found[0], found[1].numbers, found[1].status) == (
        "gọi con: 0913000248",
        ("+84913000248",),
        PhoneStatus.REVIEW,
    )
    assert phone_texts.find_number_beside(["CMND 233000268", ""]) is None
