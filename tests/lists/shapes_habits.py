"""Habits of those who keep lists by hand: names over columns, numbers below names, who is gone, sums and remarks."""

from tests.lists import shapes_tables as tables
from tests.lists.files import ListTable, Struck, document, plain, text_file, workbook
from tests.lists.people import Draw, Expected, either, ok, reject, review


def gone(seed, ending):
    """Struck-through rows and cells, and notes that somebody died or moved away."""
    draw, sheet = Draw(seed), ListTable("Chi hội")
    sheet.title("DANH SÁCH HỘI VIÊN HỘI NÔNG DÂN", 5)
    sheet.add("STT", "Họ và tên", "Năm sinh", "Điện thoại", "Tình trạng")
    notes = "từ trần | Mất 12/2024 | chuyển đi nơi khác | đã qua đời tháng 3 | Chuyển về Gia Lai | (đã mất)"
    for n in range(1, 21):
        person, old = draw.people(2)
        cell = draw.written(person, "plain", "spaces", "dots")
        note, expected = None, ok(person)
        if n % 3 == 0:
            note, expected = notes.split(" | ")[n // 3 - 1], review(person)
        elif n % 7 == 0:
            cell, expected = Struck(f"0{old.number}"), reject()
        elif n % 8 == 0:
            cell, expected = (
                Struck(f"0{old.number}", f" 0{person.number}"),
                ok(person, warning="struck_through"),
            )
        elif n == 17:
            note = "mất điện thoại cũ, đã cấp sim mới"
            expected = either(person)
        sheet.add(n, person.name, person.year, cell, note, expected)
    return workbook("people who are gone", f"gone-{seed}.{ending}", sheet)


def name_in_parts(seed, form):
    """A name over two or three columns, under a heading each or one for all."""
    draw, sheet = Draw(seed), ListTable("Đoàn viên")
    sheet.title("DANH SÁCH ĐOÀN VIÊN", 7)
    labels = {
        "three": ("Họ", "Đệm", "Tên"),
        "halved": ("Họ và", "Tên"),
        "merged": ("Họ và tên", None),
        "second line": ("Họ và tên", None, None),
    }[form]
    sheet.add("STT", *labels, "Ngày sinh", "SĐT 1", "SĐT 2", "Ghi chú")
    if form == "second line":
        sheet.add(None, "Họ", "Tên đệm", "Tên", None, None, None, None)
    for n, person in enumerate(draw.people(15), 1):
        other = draw.person()
        first, *middle, last = person.name.split()
        name = (first, " ".join(middle) or None, last)
        if len(labels) == 2:
            name = (" ".join((first, *middle)), last)
        cell, expected = draw.cell(person)
        second = f"0{other.number}" if n % 5 == 0 else None
        if second:
            wanted = (person, other) if expected.numbers else (other,)
            expected = either(*wanted, name=person.name)
        sheet.add(n, *name, f"{n:02}/05/{person.year}", cell, second, None, expected)
    sheet.add(None, "Cộng", *[None] * (len(labels) - 1), None, 15)
    return workbook("names in parts", f"name-parts-{seed}.xlsx", sheet)


def number_below(seed, where):
    """The number on the line below the name, in the same column or in the one for numbers."""
    draw, sheet = Draw(seed), ListTable("Tổ 2")
    sheet.add("STT", *(("Họ tên - SĐT", "Địa chỉ") if where == "name" else ("Họ và tên", "Địa chỉ", "ĐT")))
    for n, person in enumerate(draw.people(12), 1):
        number = draw.written(person, "plain", "spaces", "dots")
        if where == "name":
            sheet.add(n, person.name, person.village, ok(person))
            sheet.add(None, number, None)
        else:
            sheet.add(n, person.name, person.village, None, ok(person))
            sheet.add(None, None, None, number)
    return workbook("the number on the line below", f"below-{seed}.xlsx", sheet)


def boxed(seed):
    """A form with a box for each digit."""
    draw, sheet = Draw(seed), ListTable("Mẫu")
    sheet.add("STT", "Họ và tên", "Số điện thoại", *[None] * 9)
    sheet.merges.append((0, 2, 0, 11))
    for n, person in enumerate(draw.people(12), 1):
        if n % 6 == 0:
            sheet.add(n, person.name, reject())
        else:
            sheet.add(n, person.name, *map(int, f"0{person.number}"), ok(person))
    return workbook("numbers in pieces", f"boxed-{seed}.xlsx", sheet)


def remarks(seed):
    """Sums for each hamlet, remarks, signatures with numbers, a line of who collects the money."""
    draw, sheet = Draw(seed), ListTable("Quỹ")
    sheet.title("DANH SÁCH THU QUỸ ĐỀN ƠN ĐÁP NGHĨA", 5)
    sheet.title(f"Người thu: Y Hyar - 0{draw.person().number}")
    sheet.add("STT", "Chủ hộ", "Số khẩu", "Số tiền", "Liên hệ")
    for village in ("Thôn 1", "Thôn 2"):
        sheet.title(village.upper(), 5)
        for n, person, cell, expected in draw.rows(9):
            sheet.add(n, person.name, 4, 50000, cell, expected)
        sheet.add("Tổng: 9 hộ", None, 36, 450000)
        sheet.add("Cộng", None, 36, 450000)
    officer, second = draw.people(2)
    sheet.title("Ghi chú: (*) hộ nghèo được miễn; (**) đã nộp qua tài khoản")
    sheet.add(None, "Đăk Mar, ngày 5 tháng 8 năm 2026")
    sheet.add(None, "NGƯỜI LẬP BẢNG", None, None, "TRƯỞNG THÔN")
    sheet.add(None, officer.name, None, None, second.name)
    sheet.add(None, f"0{officer.number}", None, None, f"0{second.number}")
    return workbook("sums, remarks and signatures", f"remarks-{seed}.xlsx", sheet)


def dd_columns(seed):
    """A text file with "DĐ 1" and "DĐ 2", ditto marks, quotation marks and a semicolon."""
    draw, sheet = Draw(seed), ListTable("")
    sheet.add("TT", "Họ và tên", "Thôn", "DĐ 1", "DĐ 2", "Ghi chú")
    for n in range(1, 17):
        first, second = draw.people(2)
        a, b = draw.written(first, "plain", "dots", "plus84"), draw.written(second, "plain")
        expected = ok(first, second) if n % 3 == 0 else ok(first)
        sheet.add(
            n, first.name, first.village if n % 4 == 1 else "-nt-", a, b if n % 3 == 0 else "", "", expected
        )
    return text_file("two columns of numbers", f"dd-{seed}.csv", sheet, separator=";")


def nameless(seed):
    """A list with names in which some rows have a number and no name."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ và tên", "Thôn", "Số ĐT")
    for n, person in enumerate(draw.people(15), 1):
        number = f"0{person.number}"
        if n % 5 == 0:
            sheet.add(n, None, person.village, number, review(person))
        else:
            sheet.add(n, person.name, person.village, number, ok(person))
    stray = draw.person()
    sheet.add(None, None, None, f"0{stray.number}", review(stray))
    return workbook("numbers without a name", f"nameless-{seed}.xlsx", sheet)


def member_rows(seed):
    """Households: the head with a running number, members below with a dash; what a number is for stands behind it."""
    draw, sheet = Draw(seed), ListTable("Hộ")
    sheet.add("STT hộ", "Họ và tên", "QH với chủ hộ", "Năm sinh", "SĐT (nếu có)")
    for house in range(1, 9):
        head, member = draw.people(2)
        sheet.add(house, head.name.upper(), "Chủ hộ", head.year, draw.written(head), ok(head))
        has_number = house % 2 == 0
        number = f"0{member.number} (zalo)" if has_number else None
        sheet.add("-", member.name, "vợ", member.year, number, ok(member) if has_number else reject())
    return workbook("family rows", f"members-{seed}.xlsx", sheet)


def group_chat(seed):
    """Answers in a group: sender's name before a colon, the name of who is meant after it, numbers with words."""
    draw, lines, expected = Draw(seed), ["Nhóm Tổ dân phố 4", ""], list[Expected]()
    for n, person in enumerate(draw.people(15), 1):
        number = draw.written(person, "plain", "dots", "spaces")
        lines.append(
            (
                f"{n}/ {person.name}, sn {person.year}, đt {number}",
                f"{n}- {person.name} ({person.village}): {number}",
                f"{n}. {person.name.upper()} {number} (zalo)",
            )[n % 3]
        )
        expected.append(ok(person))
    lines += ["Ai chưa có gọi cô Bảy nhé", "Cảm ơn cả nhà"]
    return plain("lines of a chat", f"group-{seed}.txt", "\n".join(lines), expected)


def lying_blocks(seed):
    """Two blocks on their side below each other, the second of other people."""
    draw, sheet = Draw(seed), ListTable("Ban CTMT")
    sheet.title("BAN CÔNG TÁC MẶT TRẬN CÁC THÔN")
    for village in ("Thôn 1", "Thôn 2"):
        people = draw.people(6)
        sheet.add(village.upper())
        sheet.add("Họ tên", *(each.name for each in people))
        sheet.add("Chức danh", *["Thành viên"] * 6)
        sheet.add("ĐTDĐ", *(draw.written(each, "plain", "dots", "no zero as number") for each in people))
        sheet.expected += [ok(each) for each in people]
        sheet.add()
    return workbook("lying tables", f"lying-blocks-{seed}.xlsx", sheet)


def word_operators(seed):
    """A Word document whose one table has the name in two columns and a column for each operator."""
    draw, sheet = Draw(seed), ListTable("")
    sheet.rows = [["TT", "Họ và tên", None, "Số điện thoại", None], [None, None, None, "Viettel", "Vina"]]
    sheet.merges = [(0, 1, 1, 2), (0, 3, 0, 4), (0, 0, 1, 0)]
    for n in range(1, 13):
        person, other = draw.people(2)
        *first, last = person.name.split()
        a, b = f"0{person.number}", f"0{other.number}"
        cells, expected = (
            ((a, b), ok(person, other)) if n % 4 == 0 else (((a, "") if n % 2 else ("", a)), ok(person))
        )
        sheet.add(str(n), " ".join(first), last, *cells, expected)
    return document("tables of a Word document", f"word-operators-{seed}.docx", sheet)


def habit_files():
    """All files of this module, and those of `shapes_tables` in their other forms."""
    yield gone(601, "ods")
    yield name_in_parts(602, "three")
    yield number_below(603, "own")
    yield lying_blocks(604)
    yield word_operators(605)
    yield tables.contacts(606, "3.0")
    yield tables.vni(607, "xls")
    yield tables.parents_and_teachers(608, 0)
    yield group_chat(609)
    yield dd_columns(610)
    yield member_rows(611)
    yield remarks(612)
    yield tables.operators(613, 2)
    yield boxed(614)
    yield gone(621, "xlsx")
    yield name_in_parts(622, "halved")
    yield name_in_parts(623, "second line")
    yield number_below(624, "name")
    yield nameless(625)
    yield tables.lying(626, "csv")
    yield tables.pieces(627, "headed")
    yield tables.pieces(628, "three")
    yield tables.word_tables(629, "merged")
    yield name_in_parts(630, "merged")
