"""Lists of communes, villages and unions, written before the reader of lists was looked at."""

from tests.lists.files import ListTable, NumberCell, Struck, plain, text_file, workbook
from tests.lists.people import RELATIONS, Draw, either, ok, reject


def letterhead(sheet, title):
    """Add the lines above the table of an official list: five rows, so that the header is in row 7."""
    sheet.rows += [
        ["ỦY BAN MTTQ VIỆT NAM XÃ ĐĂK HRING", None, None, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"],
        ["BAN THƯỜNG TRỰC", None, None, "Độc lập - Tự do - Hạnh phúc"],
        [],
        [title],
        ["(Kèm theo Công văn số 15/CV-MTTQ ngày 05 tháng 8 năm 2020)"],
        [],
    ]
    sheet.merges += [(3, 0, 3, 5), (4, 0, 4, 5)]


def signatures(sheet, count):
    """Add the lines below the table: a total, place and day, who signed."""
    sheet.rows += [
        [None, "Tổng cộng", count],
        [f"Danh sách này có {count} người./."],
        [],
        [None, None, None, None, "Đăk Hring, ngày 05 tháng 8 năm 2020"],
        ["NGƯỜI LẬP BIỂU", None, None, None, "TM. BAN THƯỜNG TRỰC"],
        [None, None, None, None, "CHỦ TỊCH"],
        [None, None, None, None, "(Ký tên, đóng dấu)"],
        [],
        ["Y Blưm", None, None, None, "Nguyễn Văn Hùng"],
    ]


def official(seed, ending):
    """A commune's list with letterhead, header in row 7, signatures below."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    letterhead(sheet, "DANH SÁCH HỘI VIÊN NHẬN TIN NHẮN")
    sheet.add("STT", "Họ và tên", "Năm sinh", "Thôn", "Xã", "Số điện thoại", "Ghi chú")
    people = draw.people(30)
    for n, person in enumerate(people, 1):
        cell, expected = draw.cell(person)
        sheet.add(n, person.name, person.year, person.village, person.commune, cell, expected)
    signatures(sheet, len(people))
    return workbook("official list", f"official-{seed}.{ending}", sheet)


def two_row_header(seed):
    """A header of two rows with merged cells, a row of column numbers below, the year under the sex."""
    draw, sheet = Draw(seed), ListTable("DS")
    sheet.title("DANH SÁCH CỬ TRI THÔN 2", 8)
    sheet.merges += [(1, 0, 2, 0), (1, 1, 2, 1), (1, 2, 1, 3), (1, 4, 1, 5), (1, 6, 1, 7)]
    sheet.add("TT", "Họ và tên", "Năm sinh", None, "Nơi ở", None, "Điện thoại", None)
    sheet.add(None, None, "Nam", "Nữ", "Thôn", "Xã", "Di động", "Cố định")
    sheet.add(*(f"({n})" for n in range(1, 9)))
    for n, person, cell, expected in draw.rows(28):
        landline = f"02603000{n:03}" if n % 5 == 0 else None
        years = (person.year, None) if person.male else (None, person.year)
        sheet.add(n, person.name, *years, person.village, person.commune, cell, landline, expected)
    return workbook("two-row header", f"two-rows-{seed}.xlsx", sheet)


def household(seed):
    """Households: the head's row has the household's number, members follow with their relation."""
    draw, sheet = Draw(seed), ListTable("Hộ gia đình")
    sheet.title("DANH SÁCH HỘ GIA ĐÌNH VÀ NHÂN KHẨU", 7)
    sheet.add("Số hộ", "Họ và tên", "Quan hệ với chủ hộ", "Ngày sinh", "Số CCCD", "Điện thoại", "Địa chỉ")
    for house in range(1, 13):
        head = draw.person()
        born, paper, home = f"01/02/{head.year}", f"062190{house:06}", f"{head.village}, xã {head.commune}"
        sheet.add(house, head.name, "Chủ hộ", born, paper, draw.written(head), home, ok(head))
        for relation in draw.random.sample(RELATIONS, draw.random.randrange(0, 3)):
            member = draw.person()
            has_number = draw.random.random() < 0.5
            cell, expected = (draw.written(member), ok(member)) if has_number else (None, reject())
            sheet.add(None, member.name, relation, f"15/7/{member.year}", None, cell, expected)
    return workbook("households", f"households-{seed}.xlsx", sheet)


def tables_below_each_other(seed):
    """A table for each village in one sheet, each with its title and header."""
    draw, sheet = Draw(seed), ListTable("Tổng hợp")
    sheet.title("DANH SÁCH NGƯỜI CAO TUỔI XÃ ĐĂK MAR", 5)
    for village in ("Thôn 1", "Thôn 2", "Kon Klốc"):
        sheet.add()
        sheet.title(f"{village.upper()}", 5)
        sheet.add("STT", "Họ tên", "Năm sinh", "Số ĐT", "Ghi chú")
        count = draw.random.randrange(7, 12)
        for n in range(1, count + 1):
            person = draw.person()
            cell, expected = draw.cell(person)
            sheet.add(n, person.name, person.year, cell, "hộ nghèo" if n == 3 else None, expected)
        sheet.add(None, f"Cộng: {count} người")
    return workbook("several tables in a sheet", f"tables-{seed}.xlsx", sheet)


def sheet_for_each_village(seed, ending):
    """A sheet for each village, the running number begins anew, the columns differ, one sheet is a summary."""
    draw = Draw(seed)
    sheets = []
    for n, village in enumerate(("Thôn 1", "Thôn 2", "Làng Le"), 1):
        sheet = ListTable(village)
        sheet.title(f"Danh sách hội viên chi hội {village}", 4)
        extra = n == 2
        sheet.add("STT", "Họ và tên", *(["Năm sinh"] if extra else []), "Điện thoại", "Chi hội")
        for i, person in enumerate(draw.people(10), 1):
            cell, expected = draw.cell(person)
            sheet.add(i, person.name, *([person.year] if extra else []), cell, village, expected)
        sheets.append(sheet)
    summary = ListTable("Tổng hợp")
    summary.add("STT", "Chi hội", "Số hội viên")
    for n, village in enumerate(("Thôn 1", "Thôn 2", "Làng Le"), 1):
        summary.add(n, village, 10)
    return workbook("a sheet for each village", f"villages-{seed}.{ending}", *sheets, summary)


def side_by_side(seed):
    """Two people in a row, to save paper."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.title("DANH SÁCH ĐOÀN VIÊN CHI ĐOÀN THÔN 9", 6)
    sheet.add("STT", "Họ và tên", "SĐT", "STT", "Họ và tên", "SĐT")
    for n in range(1, 15):
        left, right = draw.people(2)
        sheet.add(n, left.name, draw.written(left), n + 15, right.name, draw.written(right), ok(left, right))
    last = draw.person()
    sheet.add(15, last.name, draw.written(last), ok(last))
    return workbook("two people side by side", f"side-by-side-{seed}.xlsx", sheet)


def couples(seed):
    """Husband and wife in one row, each with a number."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("TT", "Họ tên chồng", "Số điện thoại chồng", "Họ tên vợ", "Số điện thoại vợ", "Thôn")
    for n in range(1, 16):
        left, right = draw.people(2)
        sheet.add(
            n, left.name, draw.written(left), right.name, draw.written(right), left.village, ok(left, right)
        )
    return workbook("two people side by side", f"couples-{seed}.xlsx", sheet)


def numbers_in_notes(seed):
    """A list without a column for numbers: they are written into the notes."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.title("DANH SÁCH HỘ CẬN NGHÈO", 5)
    sheet.add("STT", "Họ và tên", "Năm sinh", "Địa chỉ", "Ghi chú")
    for n in range(1, 21):
        person = draw.person()
        if n % 6 == 0:
            sheet.add(n, person.name, person.year, person.village, "hộ nghèo", reject())
        else:
            note = draw.random.choice(("ĐT: {}", "{}", "hộ nghèo, sđt {}", "gọi {}"))
            note = note.format(draw.written(person, "plain", "spaces", "dots"))
            sheet.add(n, person.name, person.year, person.village, note, either(person))
    return workbook("numbers in notes", f"notes-{seed}.xlsx", sheet)


def numbers_in_addresses(seed):
    """A list whose numbers follow the address in its cell."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ tên", "Nơi thường trú")
    for n in range(1, 21):
        person = draw.person()
        number = draw.written(person, "plain", "spaces", "dots")
        sheet.add(n, person.name, f"{person.village}, xã {person.commune}, ĐT {number}", either(person))
    return workbook("numbers in notes", f"addresses-{seed}.xlsx", sheet)


def struck_through(seed):
    """Old numbers struck through, the new one behind them in the cell."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ và tên", "Thôn", "Số điện thoại")
    for n in range(1, 21):
        person, old = draw.people(2)
        if n % 3 == 0:
            cell = Struck(f"0{old.number}", draw.random.choice((" ", "\n", "; ")) + f"0{person.number}")
            sheet.add(n, person.name, person.village, cell, ok(person, warning="struck_through"))
        elif n % 10 == 0:
            sheet.add(n, person.name, person.village, Struck(f"0{old.number}"), reject())
        else:
            sheet.add(n, person.name, person.village, draw.written(person), ok(person))
    return workbook("struck-through numbers", f"struck-{seed}.xlsx", sheet)


def two_numbers(seed):
    """Two numbers in a cell, or a second column for the second."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ và tên", "Điện thoại 1", "Điện thoại 2")
    for n in range(1, 25):
        first, second = draw.people(2)
        a, b = draw.written(first, "plain", "spaces", "dots"), draw.written(second, "plain", "dots")
        if n % 3 == 0:
            between = draw.random.choice((" - ", "/", "; ", "\n", ", ", " hoặc "))
            sheet.add(n, first.name, f"{a}{between}{b}", None, ok(first, second))
        elif n % 3 == 1:
            sheet.add(n, first.name, a, b, ok(first, second))
        else:
            sheet.add(n, first.name, a, None, ok(first))
    return workbook("two numbers", f"two-numbers-{seed}.xlsx", sheet)


def lost_zeros(seed, ending):
    """Numbers that the spreadsheet holds as numbers, some shown with their zero by a format."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ và tên", "CMND", "Di động")
    for n, person in enumerate(draw.people(24), 1):
        cell = int(person.number)
        if n % 4 == 0 and ending == "xlsx":
            cell = NumberCell(float(person.number), "0000000000")
        elif n % 4 == 1:
            cell = f"{person.number[0]}.{person.number[1:]}E+08"
        sheet.add(n, person.name, 233000000 + n, cell, ok(person))
    return workbook("numbers without zero", f"zeros-{seed}.{ending}", sheet)


def group_rows(seed):
    """Rows of groups between the people: Roman numbers, the village over all columns, sums."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ và tên đệm", "Tên", "Chức vụ", "Số máy", "Ký nhận")
    for numeral, village in (("I", "Thôn 1"), ("II", "Thôn 2"), ("III", "Làng Le")):
        if numeral == "III":
            sheet.title(f"{numeral}. {village.upper()} (9 người)", 6)
        else:
            sheet.add(numeral, village)
        for n, person, cell, expected in draw.rows(9):
            *first, last = person.name.split()
            sheet.add(n, " ".join(first), last, "Hội viên", cell, expected)
    sheet.add(None, "Tổng số: 27")
    return workbook("rows of groups", f"groups-{seed}.xlsx", sheet)


def semicolons(seed):
    """A CSV with semicolons and a byte order mark, as Excel writes it in Vietnamese."""
    draw, sheet = Draw(seed), ListTable("")
    sheet.add("STT", "Họ và tên", "Năm sinh", "Xã/phường", "SĐT")
    for n, person, cell, expected in draw.rows(25):
        sheet.add(n, person.name, person.year, person.commune, cell, expected)
    return text_file(
        "CSV with semicolons", f"semicolons-{seed}.csv", sheet, separator=";", encoding="utf-8-sig"
    )


def unicode_text(seed):
    """Excel's "Unicode text": UTF-16 with tabs."""
    draw, sheet = Draw(seed), ListTable("")
    sheet.add("TT", "Họ tên", "Số ĐT", "Thôn")
    for n, person, cell, expected in draw.rows(25):
        sheet.add(n, person.name, cell, person.village, expected)
    return text_file("UTF-16 text", f"unicode-{seed}.txt", sheet, separator="\t", encoding="utf-16")


def pasted(seed):
    """Lines as they are pasted from a chat: number, name, telephone."""
    draw = Draw(seed)
    lines, expected = ["Danh sách tổ 4 gửi anh chị:"], []
    for n, person in enumerate(draw.people(20), 1):
        lines.append(
            f"{n}. {person.name} - {draw.written(person, 'plain', 'spaces', 'dots')} - {person.village}"
        )
        expected.append(ok(person))
    return plain("pasted text", f"pasted-{seed}.txt", "\n".join(lines) + "\n", expected)


def no_header(seed):
    """Names and numbers alone, without a header."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    for person in draw.people(20):
        sheet.add(person.name, draw.written(person), person.village, ok(person))
    return workbook("no header", f"no-header-{seed}.xlsx", sheet)


def office_files():
    """All files of this module, two or more a shape."""
    for seed, ending in ((1, "xlsx"), (2, "xls"), (3, "ods")):
        yield official(seed, ending)
    for seed in (11, 12):
        yield two_row_header(seed)
        yield household(seed + 10)
        yield tables_below_each_other(seed + 20)
        yield struck_through(seed + 30)
        yield two_numbers(seed + 40)
        yield group_rows(seed + 50)
        yield semicolons(seed + 60)
        yield unicode_text(seed + 70)
        yield pasted(seed + 80)
        yield no_header(seed + 90)
    yield sheet_for_each_village(111, "xlsx")
    yield sheet_for_each_village(112, "ods")
    yield side_by_side(121)
    yield couples(122)
    yield numbers_in_notes(131)
    yield numbers_in_addresses(132)
    yield lost_zeros(141, "xlsx")
    yield lost_zeros(142, "xls")
