"""Lists without headings, and what is crossed out or written below a table: the shapes in which a reader finds too much."""

from tests.lists.files import ListTable, Struck, text_file, workbook
from tests.lists.people import Draw, either, ok, reject, review


def bare_pairs(seed, form):
    """Two people in one row without headings: with running numbers, with a blank column between, with villages, as text."""
    draw, sheet = Draw(seed), ListTable("Sheet1" if form != "text" else "")
    if form == "titled":
        sheet.title("DANH SÁCH TỔ LIÊN GIA SỐ 3", 6)
    for n in range(1, 15):
        left, right = draw.people(2)
        a, b = draw.written(left, "plain", "spaces", "dots"), draw.written(right, "plain", "spaces", "dots")
        numbered = (n, left.name, a, n + 14, right.name, b)
        cells = {
            "titled": (left.name, a, None, right.name, b),
            "villages": (left.name, left.village, a, right.name, right.village, b),
            "numbers first": (a, left.name, b, right.name),
        }.get(form, numbered)
        sheet.add(*cells, review(left, right))
    last = draw.person()
    number = draw.written(last, "plain")
    cells = {
        "titled": (last.name, number),
        "villages": (last.name, last.village, number),
        "numbers first": (number, last.name),
    }.get(form, (15, last.name, number))
    sheet.add(*cells, either(last))
    if form == "text":
        return text_file("two people, no headings", f"pairs-{seed}.csv", sheet, separator=";")
    return workbook("two people, no headings", f"pairs-{seed}.xlsx", sheet)


def bare_notes(seed):
    """Names, villages and notes without headings; the numbers are among the words of the notes."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    for n in range(1, 19):
        person = draw.person()
        note = ("hộ nghèo, sđt {}", "ĐT con trai {}", "đã báo qua số {}")[n % 3]
        sheet.add(
            n, person.name, person.village, note.format(draw.written(person, "plain", "dots")), review(person)
        )
    return workbook("numbers in notes", f"bare-notes-{seed}.xlsx", sheet)


def struck_pairs(seed):
    """Two people in one row under headings; some numbers are crossed out, with a new one behind or none."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ và tên", "SĐT", "STT", "Họ và tên", "SĐT")
    for n in range(1, 13):
        left, right, old = draw.people(3)
        a = draw.written(left, "plain")
        expected = ok(left, right)
        if n % 3 == 0:
            a = Struck(f"0{old.number}", f" 0{left.number}")
        elif n % 4 == 0:
            a, expected = Struck(f"0{old.number}"), ok(right)
        sheet.add(n, left.name, a, n + 12, right.name, draw.written(right, "plain"), expected)
    return workbook("struck-through numbers", f"struck-pairs-{seed}.xlsx", sheet)


def struck_notes(seed):
    """Numbers crossed out in the notes, beside an empty cell for numbers or a good one."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ và tên", "Số điện thoại", "Ghi chú")
    for n in range(1, 16):
        person, old = draw.people(2)
        if n % 3 == 0:
            sheet.add(n, person.name, None, Struck(f"0{old.number}"), reject())
        elif n % 3 == 1:
            sheet.add(n, person.name, None, Struck(f"0{old.number}", f" 0{person.number}"), review(person))
        else:
            sheet.add(n, person.name, draw.written(person, "plain"), Struck(f"0{old.number}"), ok(person))
    return workbook("struck-through numbers", f"struck-notes-{seed}.xlsx", sheet)


def struck_addresses(seed):
    """Numbers behind the addresses, some crossed out."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ tên", "Nơi thường trú")
    for n in range(1, 16):
        person, old = draw.people(2)
        address = f"{person.village}, ĐT "
        if n % 4 == 0:
            cell = Struck(f"{address}0{old.number}", f" 0{person.number}")
            expected = either(person)
        elif n % 5 == 0:
            cell, expected = Struck(f"{address}0{old.number}"), reject()
        else:
            cell = f"{address}0{person.number}"
            expected = either(person)
        sheet.add(n, person.name, cell, expected)
    return workbook("struck-through numbers", f"struck-addresses-{seed}.xlsx", sheet)


def signed(seed, form):
    """Totals and signatures below a table, with the telephone of who made the list."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    headed = form != "bare"
    if headed:
        sheet.title("UBND XÃ ĐĂK MAR", 4)
        sheet.title("DANH SÁCH NGƯỜI CAO TUỔI NĂM 2020", 4)
        sheet.add("STT", "Họ và tên", "Thôn", "Điện thoại")
    for n, person in enumerate(draw.people(14), 1):
        sheet.add(n, person.name, person.village, draw.written(person, "plain", "dots"), ok(person))
    officer = draw.person()
    for cells in {
        "headed": (
            ("Tổng số: 14 người",),
            (None, None, None, "Đăk Mar, ngày 3/8/2020"),
            (None, "Người lập biểu", None, "TM. UBND XÃ"),
            (None, f"ĐT: 0{officer.number}", None, "CHỦ TỊCH"),
            (None, officer.name, None, "Nguyễn Văn Hùng"),
        ),
        "in a line": (
            ("Cộng", 14),
            (f"Người lập: {officer.name}, ĐT 0{officer.number}",),
            ("Xác nhận của UBND xã",),
        ),
        "beside": (
            (None, "TỔNG CỘNG", None, "14 người"),
            (None, "Người lập", officer.name, f"0{officer.number}"),
            (None, "Trưởng thôn", None, None),
        ),
        "bare": (("Tổng cộng: 14",), (None, None, None, "Trưởng thôn"), (None, None, None, officer.name)),
    }[form]:
        sheet.add(*cells)
    return workbook("titles and signatures", f"signed-{seed}.xlsx", sheet)


def bare_files():
    """All files of this module."""
    for seed, form in enumerate(("numbered", "titled", "villages", "numbers first", "text"), 401):
        yield bare_pairs(seed, form)
    yield bare_notes(411)
    yield struck_pairs(421)
    yield struck_notes(422)
    yield struck_addresses(423)
    for seed, form in enumerate(("headed", "in a line", "beside", "bare"), 431):
        yield signed(seed, form)
