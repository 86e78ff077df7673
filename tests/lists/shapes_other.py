"""Lists of schools, health stations, offices and programs, and text as it is copied and pasted."""

from dataclasses import replace

from tests.lists.files import ListTable, plain, text_file, workbook
from tests.lists.people import Draw, Expected, ok, reject, review
from tests.support.tables import words


def vaccination(seed, ending):
    """A health station's form: long headings, a tick for the sex, papers' numbers beside the phone, pages repeated."""
    draw, sheet = Draw(seed), ListTable("Mau")
    sheet.title("Mẫu số 02: DANH SÁCH ĐĂNG KÝ TIÊM CHỦNG", 10)
    sheet.title("Tổng số đăng ký: 28 người")
    header = words(
        "STT | Họ và tên (chữ in hoa có dấu) (*) | Ngày tháng năm sinh (*) (ngày/tháng/năm) | "
        "Giới tính (*) | Đơn vị công tác | Số điện thoại (*) | CMND/CCCD/Hộ chiếu | Số thẻ BHYT | "
        "Xã/Phường (*) | Địa chỉ chi tiết"
    )
    sheet.add(*header)
    for n, person in enumerate(draw.people(28), 1):
        if n == 15:
            sheet.add(None, "Trang 2")
            sheet.add(*header)
        cell, expected = draw.cell(person)
        who = (person.name.upper(), f"{n:02}/03/{person.year}", "Nam" if person.male else "Nữ")
        papers = f"062{draw.random.randrange(10**9):09}", f"GD46262{draw.random.randrange(10**8):08}"
        sheet.add(n, *who, "Trường TH Kim Đồng", cell, *papers, person.commune, person.village, expected)
    return workbook("health station", f"vaccination-{seed}.{ending}", sheet)


def parents(seed):
    """A class's list: a pupil with father and mother, each with a number, or one of them alone."""
    draw, sheet = Draw(seed), ListTable("Lớp 3A")
    sheet.title("DANH SÁCH PHỤ HUYNH LỚP 3A", 7)
    sheet.add("STT", "Họ tên học sinh", "Họ tên cha", "SĐT cha", "Họ tên mẹ", "SĐT mẹ", "Chỗ ở")
    for n in range(1, 17):
        child, father, mother = draw.people(3)
        both = n % 3 != 0 and father.name != mother.name
        his = father.name, draw.written(father)
        hers = (mother.name, draw.written(mother)) if both else (None, None)
        sheet.add(n, child.name, *his, *hers, child.village, ok(father, mother) if both else ok(father))
    return workbook("parents", f"parents-{seed}.xlsx", sheet)


def office_directory(seed):
    """An office's directory: landlines of office and home beside the mobile, groups by department, signatures in the name column."""
    draw, sheet = Draw(seed), ListTable("Danh bạ")
    sheet.title("DANH BẠ ĐIỆN THOẠI CÁN BỘ", 6)
    sheet.add("TT", "Họ và tên", "Chức vụ", "Điện thoại", None, None)
    sheet.add(None, None, None, "Cơ quan", "Nhà riêng", "Di động")
    sheet.merges += [(1, 0, 2, 0), (1, 1, 2, 1), (1, 2, 2, 2), (1, 3, 1, 5)]
    n = 0
    for numeral, office in (("I", "THƯỜNG TRỰC HĐND"), ("II", "VĂN PHÒNG"), ("III", "Hội Phụ nữ")):
        sheet.add(numeral, office)
        for person in draw.people(8):
            n += 1
            cell = draw.written(person)
            office_phone = f"02603000{n:03}" if n % 2 else None
            sheet.add(n, person.name, "Chuyên viên", office_phone, None, cell, ok(person))
    sheet.add(None, "Đăk Hà, ngày 03 tháng 8 năm 2020")
    sheet.add(None, "Người lập", "CHỦ TỊCH")
    sheet.add(None, "(Ký, ghi rõ họ tên)", "(Ký, đóng dấu)")
    sheet.add(None, "Y Hyar", "A Thao")
    return workbook("office directory", f"directory-{seed}.xlsx", sheet)


def web_form(seed):
    """Answers of a web form as CSV: questions for headings, commas and line breaks in answers."""
    draw, sheet = Draw(seed), ListTable("")
    questions = "Họ và tên của anh/chị | Số điện thoại (có Zalo) | Anh/chị ở thôn nào? | Góp ý thêm"
    sheet.add("Dấu thời gian", *questions.split(" | "))
    for n, person, cell, expected in draw.rows(20):
        wish = 'mong được hỗ trợ, "sớm"\ncảm ơn'
        sheet.add(f"8/{n}/2020 7:{n:02}:05", person.name, cell, person.village, wish, expected)
    return text_file("answers of a web form", f"web-form-{seed}.csv", sheet)


def address_book(seed):
    """Contacts exported from a phone: two numbers, each with its kind in a column before it."""
    draw, sheet = Draw(seed), ListTable("")
    sheet.add("Name", "Given Name", "Phone 1 - Type", "Phone 1 - Value", "Phone 2 - Type", "Phone 2 - Value")
    for n in range(1, 19):
        person, other = draw.people(2)
        first = ("Mobile", draw.written(person, "plus84", "plain", "spaces"))
        second, expected = (("", ""), ok(person))
        if n % 4 == 0:
            second, expected = ("Home", draw.written(other, "plain")), ok(person, other)
        sheet.add(person.name, person.name.split()[-1], *first, *second, expected)
    return text_file("address book", f"address-book-{seed}.csv", sheet)


_TCVN3 = dict(
    zip(
        "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĂÂÊÔƠƯĐ",
        "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô­õøö÷ùúýûüþ¡¢£¤¥¦§",
        strict=True,
    )
)


def old_font(seed, ending):
    """A list typed in the font .VnTime (TCVN3)."""
    draw, sheet = Draw(seed), ListTable("Sheet1")

    def typed(text):
        return "".join(_TCVN3.get(letter, letter) for letter in text)

    sheet.add(*map(typed, ("STT", "Họ và tên", "Năm sinh", "Thôn", "Số điện thoại", "Ghi chú")))
    for n, person, cell, expected in draw.rows(25, bad=0):
        sheet.add(
            n, typed(person.name), person.year, typed(person.village), cell, typed("hộ nghèo"), expected
        )
    return workbook("old font", f"old-font-{seed}.{ending}", sheet)


def windows_text(seed):
    """A text in windows-1258, with tabs."""
    draw, sheet = Draw(seed), ListTable("")
    sheet.add("STT", "Ho va ten", "Dia chi", "So DT")
    for n, _person, cell, expected in draw.rows(20):
        sheet.add(n, f"Tràn Thi Hà {n}", "Thôn 2", cell, replace(expected, name=""))
    return text_file("windows-1258", f"windows-{seed}.txt", sheet, separator="\t", encoding="cp1258")


def two_tables_abreast(seed):
    """Two villages abreast, a blank column between them, the tables begin in column C and row 9."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    for _ in range(6):
        sheet.add()
    sheet.title("DANH SÁCH HAI THÔN", 8, column=2)
    sheet.add(None, None, "THÔN 1", None, None, None, "THÔN 2")
    sheet.add(None, None, "TT", "Họ tên", "ĐT", None, "TT", "Họ tên", "ĐT")
    others = list[Expected]()
    for n in range(1, 13):
        left, right = draw.people(2)
        cells = [n, left.name, draw.written(left)]
        if n <= 10:
            cells += [None, n, right.name, draw.written(right)]
            others.append(ok(right))
        sheet.add(None, None, *cells, ok(left))
    sheet.expected += others
    sheet.add(None, None, None, "Tổng cộng: 22 người")
    return workbook("two tables abreast", f"abreast-{seed}.xlsx", sheet)


def other_columns_below(seed, ending):
    """A second table in the same sheet whose columns are others, blank rows between people."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.title("1. Cán bộ thôn")
    sheet.add("STT", "Họ và tên", "Chức vụ", "SĐT")
    for n, person, cell, expected in draw.rows(10):
        sheet.add(n, person.name, "Trưởng thôn", cell, expected)
        if n % 4 == 0:
            sheet.add()
    sheet.add()
    sheet.title("2. Hội viên nông dân")
    sheet.add("STT", "Điện thoại", "Họ và tên", "Năm sinh", "Thôn")
    for n, person, cell, expected in draw.rows(12):
        sheet.add(n, cell, person.name, person.year, person.village, expected)
    return workbook("other columns below", f"columns-below-{seed}.{ending}", sheet)


def names_together(seed):
    """A couple in one cell, their numbers in another; other cells say whose the second number is."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ và tên", "Thôn", "Điện thoại")
    for n in range(1, 25):
        first, second = draw.people(2)
        a, b = f"0{first.number}", f"0{second.number}"
        names, numbers, expected = (
            (f"{first.name} / {second.name}", f"{a} / {b}", review(first, second)),
            (f"{first.name}\n{second.name}", f"{a}\n{b}", review(first, second)),
            (first.name, f"{a} (vợ: {b})", ok(first)),
            (first.name, f"Viettel {a}, Vina {b}", ok(first, second)),
        )[n % 4]
        sheet.add(n, names, first.village, numbers, expected)
    return workbook("names together", f"together-{seed}.xlsx", sheet)


def doubtful(seed):
    """Numbers that nobody may take as they are: letters, two run together, a second cut short, lost digits."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ tên", "Số máy", "Số tài khoản")
    for n in range(1, 25):
        person, other = draw.people(2)
        number = person.number
        cases = [
            (f"0{number[:3]}OOO{number[6:]}", review(person)),
            (f"0{number}0{other.number}", review(person, other)),
            (f"0{number}/0{other.number[:7]}", review(person)),
            (f"{number[:2]}0E+07", reject()),
            (f"0{number}{n % 10}", reject()),
            (f"0{number} (số cũ)", review(person)),
            (f"0260 3000 {n:03}", reject()),
            (f"+856 20 {number[:4]} {number[4:8]}", reject()),
        ]
        cell, expected = cases[n % len(cases)]
        sheet.add(n, person.name, cell, f"5100205{n:06}", expected)
    return workbook("doubtful numbers", f"doubtful-{seed}.xlsx", sheet)


def family_rows(seed):
    """A family in rows below its head, letters instead of numbers for the members, a sum for each house."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.title("SỔ THEO DÕI HỘ GIA ĐÌNH", 6)
    sheet.add("STT", "Họ tên chủ hộ và các thành viên", "Quan hệ", "Năm sinh", "Liên lạc", "Ghi chú")
    for house in range(1, 11):
        head = draw.person()
        sheet.add(house, head.name, "Chủ hộ", head.year, draw.written(head), "hộ nghèo", ok(head))
        for letter, relation in (("a", "Vợ"), ("b", "Con")):
            member = draw.person()
            has_number = draw.random.random() < 0.6
            cell, expected = (draw.written(member), ok(member)) if has_number else (None, reject())
            sheet.add(letter, member.name, relation, member.year, cell, expected)
    return workbook("family rows", f"family-{seed}.xlsx", sheet)


def chat(seed):
    """Lines of a chat: name and number in any order, dashes, colons, nothing."""
    draw = Draw(seed)
    lines, expected = ["Chào chị, em gửi danh sách ạ", ""], []
    for n, person in enumerate(draw.people(20), 1):
        number = draw.written(person, "plain", "spaces", "dots", "plus84")
        lines.append(
            (
                f"{person.name}: {number}",
                f"{number} {person.name}",
                f"- {person.name} {number}",
                f"{n}) {person.name}, {number}, {person.village}",
            )[n % 4]
        )
        expected.append(ok(person))
    lines += ["", "Hết ạ, em cảm ơn"]
    return plain("pasted text", f"chat-{seed}.txt", "\n".join(lines), expected)


def copied_columns(seed):
    """A table copied out of a PDF: columns held apart by spaces."""
    draw = Draw(seed)
    lines, expected = ["STT   Họ và tên   Năm sinh   Điện thoại"], []
    for n, person in enumerate(draw.people(20), 1):
        lines.append(f"{n}   {person.name}   {person.year}   0{person.number}")
        expected.append(ok(person))
    return plain("pasted text", f"copied-{seed}.txt", "\n".join(lines), expected)


def piped(seed):
    """A table with upright strokes."""
    draw, sheet = Draw(seed), ListTable("")
    sheet.add("STT", "Họ tên", "SĐT", "Thôn")
    for n, person, cell, expected in draw.rows(15):
        sheet.add(n, person.name, cell, person.village, expected)
    return text_file("pasted text", f"piped-{seed}.txt", sheet, separator="|")


def village_titles(seed):
    """Villages as bare names in the name column, a total for each, "carried over" at the page's end."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.title("HỘI LIÊN HIỆP PHỤ NỮ XÃ ĐĂK LA", 5)
    sheet.add("Số TT", "Họ và tên hội viên", "Ngày sinh", "Số ĐT liên lạc", "Ghi chú")
    for village in ("Kon Tu Rằng", "Đăk Kinh", "Plei Trum"):
        sheet.add(None, village)
        for n, person, cell, expected in draw.rows(8):
            sheet.add(n, person.name, f"1/2/{person.year}", cell, expected)
        sheet.add(None, "Cộng", None, 8)
        sheet.add(None, "Mang sang trang sau")
    sheet.add("Tổng cộng toàn xã: 24 hội viên")
    sheet.add(None, None, None, "TM. BAN THƯỜNG VỤ")
    sheet.add(None, None, None, "Y Sương")
    return workbook("village titles", f"village-titles-{seed}.xlsx", sheet)


def support_payments(seed):
    """Old numbers, accounts that look like numbers, numbers in notes; below, a table of givers whose column of names is not headed as such."""
    draw, sheet = Draw(seed), ListTable("Chi trả")
    sheet.title("DANH SÁCH CHI TRẢ HỖ TRỢ", 6)
    sheet.add("STT", "Họ và tên", "SĐT cũ", "SĐT", "Số tài khoản", "Ghi chú")
    for n, person in enumerate(draw.people(20), 1):
        other, account = draw.people(2)
        number, note, expected = (
            (draw.written(person), "hộ nghèo", ok(person)),
            (None, f"ĐT con trai 0{other.number}", review(other)),
            (draw.written(person), f"số mới 0{other.number}", review(person, other)),
            (draw.written(person), "sai số", review(person)),
            (None, f"CMND 233000{n:03}", reject()),
        )[n % 5]
        old = f"0{draw.person().number}" if n % 2 else None
        sheet.add(n, person.name, old, number, f"0{account.number}", note, expected)
    sheet.add(None, "Cộng trang 1", None, None, None, 20)
    sheet.title("B. NHÀ HẢO TÂM")
    sheet.add("STT", "Đơn vị", "Người liên hệ", "Số ĐT người liên hệ", "Số tiền ủng hộ")
    for n, person in enumerate(draw.people(5), 1):
        sheet.add(n, "Cơ sở rau sạch", person.name, draw.written(person), 5000000, ok(person))
    sheet.add(None, None, None, f"GVCN: Y Sương (0{draw.person().number})")
    return workbook("support payments", f"support-{seed}.xlsx", sheet)


def chat_in_a_workbook(seed):
    """Lines of a chat pasted into a sheet: one cell a person, and in another sheet name and number in a cell beside the village."""
    draw, lines, beside = Draw(seed), ListTable("Tổ 1"), ListTable("Tổ 2")
    lines.add("Gửi danh sách tổ 1 ạ")
    for n, person in enumerate(draw.people(12), 1):
        lines.add(f"{n}. {person.name} - {person.year} - 0{person.number}", ok(person))
    for person in draw.people(8):
        beside.add(f"{person.name}: 0{person.number}", person.village, ok(person))
    return workbook("chat in a workbook", f"chat-{seed}.xlsx", lines, beside)


def other_files():
    """All files of this module."""
    yield vaccination(201, "xlsx")
    yield vaccination(202, "ods")
    yield old_font(211, "xls")
    yield old_font(212, "xlsx")
    yield other_columns_below(221, "xlsx")
    yield other_columns_below(222, "xls")
    for seed in (231, 232):
        yield parents(seed)
        yield office_directory(seed + 10)
        yield two_tables_abreast(seed + 20)
        yield names_together(seed + 30)
        yield doubtful(seed + 40)
        yield family_rows(seed + 50)
        yield chat(seed + 60)
        yield village_titles(seed + 70)
    yield web_form(321)
    yield address_book(322)
    yield windows_text(323)
    yield copied_columns(324)
    yield piped(325)
    yield support_payments(326)
    yield chat_in_a_workbook(327)
