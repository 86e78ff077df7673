"""Tables that do not stand as one row a person under one row of headings, and files that are no sheets."""

import quopri
import unicodedata

from outreach.rules.legacy_fonts import _VNI
from tests.lists.files import ListTable, document, plain, text_file, workbook
from tests.lists.people import Draw, Expected, either, ok, reject, review

_TO_VNI = {made: typed for typed, made in _VNI.items()}
_TO_VNI |= {made.upper(): typed.upper() for made, typed in _TO_VNI.items()}


def _in_vni(text):
    """Return a text as it was typed for the font VNI-Times."""
    return "".join(_TO_VNI.get(letter, letter) for letter in text) if isinstance(text, str) else text


def lying(seed, ending):
    """A roster that lies on its side: a row for each heading, a column for each person."""
    draw, sheet = Draw(seed), ListTable("Tổ hòa giải" if ending != "csv" else "")
    people = draw.people(11)
    sheet.title("DANH SÁCH TỔ HÒA GIẢI THÔN 3", 6)
    sheet.add("STT", *range(1, 12))
    sheet.add("Họ và tên", *(each.name for each in people))
    sheet.add("Năm sinh", *(each.year for each in people))
    sheet.add("Chức vụ", "Tổ trưởng", "Tổ phó", *["Tổ viên"] * 9)
    cells = [draw.cell(each, bad=0.15) for each in people]
    sheet.add("Số điện thoại", *(cell for cell, _ in cells))
    sheet.add("Ghi chú")
    sheet.expected += [expected for _, expected in cells]
    if ending == "csv":
        return text_file("lying tables", f"lying-{seed}.csv", sheet, separator=";")
    return workbook("lying tables", f"lying-{seed}.{ending}", sheet)


def parents_and_teachers(seed, gap):
    """Parents on the left, the school's teachers on the right, each table with headings of its own."""
    draw, sheet = Draw(seed), ListTable("Lớp 4B")
    sheet.title("TRƯỜNG TIỂU HỌC KIM ĐỒNG - LỚP 4B", 9)
    blank = [None] * gap
    sheet.add("PHỤ HUYNH HỌC SINH", None, None, None, *blank, "GIÁO VIÊN BỘ MÔN")
    taught = ("TT", "Họ tên giáo viên", "Môn", "Điện thoại")
    sheet.add("STT", "Họ và tên phụ huynh", "SĐT", "Ghi chú", *blank, *taught)
    parents, teachers = draw.people(14), draw.people(5)
    right = list[Expected]()
    for n, parent in enumerate(parents, 1):
        cell, expected = draw.cell(parent)
        cells = [n, parent.name, cell, "hộ nghèo" if n % 5 == 0 else None]
        if n <= len(teachers):
            teacher = teachers[n - 1]
            cells += [*blank, n, teacher.name, "Toán", draw.written(teacher)]
            right.append(ok(teacher))
        sheet.add(*cells, expected)
    sheet.expected += right
    return workbook("tables beside each other", f"teachers-{seed}.xlsx", sheet)


def three_levels(seed):
    """Headings of three levels: contact, of it own and relative's telephone, of the address village and commune."""
    draw, sheet = Draw(seed), ListTable("NCT")
    sheet.title("HỘI NGƯỜI CAO TUỔI XÃ ĐĂK MAR", 8)
    sheet.title("DANH SÁCH HỘI VIÊN", 8)
    sheet.add("STT", "Họ và tên", "Năm sinh", "Thông tin liên hệ", None, None, None, "Ghi chú")
    sheet.add(None, None, None, "Điện thoại", None, "Nơi ở", None, None)
    sheet.add(None, None, None, "Cá nhân", "SĐT người thân", "Thôn", "Xã", None)
    sheet.merges += [(2, c, 4, c) for c in (0, 1, 2, 7)] + [(2, 3, 2, 6), (3, 3, 3, 4), (3, 5, 3, 6)]
    for n, person in enumerate(draw.people(16), 1):
        other = draw.person()
        own, relative, expected = (
            (draw.written(person), f"0{other.number}", ok(person)),
            (None, f"0{other.number}", review(other)),
            (draw.written(person), None, ok(person)),
            (None, None, reject()),
        )[n % 4]
        note = "KT3" if n % 3 == 0 else None
        sheet.add(n, person.name, person.year, own, relative, person.village, person.commune, note, expected)
    sheet.add(None, "Tổng: 16 hội viên")
    sheet.title("(*) Ghi chú: danh sách tính đến 30/6/2026")
    return workbook("headings of several levels", f"three-levels-{seed}.xlsx", sheet)


def household_cells(seed):
    """A household in one cell, its head first; one number."""
    draw, sheet = Draw(seed), ListTable("Hộ")
    sheet.add("STT", "Họ tên các thành viên trong hộ", "Thôn", "Điện thoại")
    for n in range(1, 13):
        head, second, third = draw.people(3)
        form = (
            "{0} (chủ hộ)\n{1} (chồng)\n{2} (con)",
            "{0} (chủ hộ), {1} (vợ), {2} (mẹ)",
            "1. {0} - chủ hộ\n2. {1} - vợ\n3. {2} - con",
            "{0} (chủ hộ) {1} (chồng) {2} (con)",
        )[n % 4]
        cell, expected = draw.cell(head)
        sheet.add(n, form.format(head.name, second.name, third.name), head.village, cell, expected)
    sheet.add("Tổng: 12 hộ")
    return workbook("a household in a cell", f"household-cell-{seed}.xlsx", sheet)


def pieces(seed, form):
    """Numbers in two or three cells: prefix and rest under one merged heading or two, or each part in a narrow cell."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    labels = {
        "merged": ("Số điện thoại", None),
        "headed": ("Đầu số", "Số điện thoại"),
        "three": ("SĐT", None, None),
    }[form]
    sheet.add("STT", "Họ tên", *labels, "Thôn")
    if form == "merged":
        sheet.merges.append((0, 2, 0, 3))
    for n, person in enumerate(draw.people(14), 1):
        number = f"0{person.number}"
        parts = {
            "merged": (number[:3], number[3:] if number[3] == "0" else int(number[3:])),
            "headed": (number[:4], number[4:]),
            "three": (number[:4], number[4:7], number[7:]),
        }[form]
        if n % 7 == 0:
            sheet.add(n, person.name, *[None] * len(parts), person.village, reject())
        else:
            sheet.add(n, person.name, *parts, person.village, ok(person))
    return workbook("numbers in pieces", f"pieces-{seed}.xlsx", sheet)


def operators(seed, levels):
    """A column of numbers for each operator, under one heading or each with its own."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    if levels == 2:
        sheet.add("TT", "Họ và tên", "Số điện thoại", None, None, "Ghi chú")
        sheet.add(None, None, "Viettel", "Vinaphone", "Mobifone", None)
        sheet.merges.append((0, 2, 0, 4))
    else:
        sheet.add("TT", "Họ và tên", "Số Viettel", "Số Vina/Mobi", "Số khác", "Ghi chú")
    for n in range(1, 16):
        first, second = draw.people(2)
        columns = [None, None, None]
        columns[n % 3] = draw.written(first, "plain", "dots", "no zero as number")
        expected = ok(first)
        if n % 4 == 0:
            columns[(n + 1) % 3] = f"0{second.number[:3]}.{second.number[3:6]}.{second.number[6:]}"
            expected = ok(first, second)
        sheet.add(n, first.name, *columns, None, expected)
    return workbook("columns of operators", f"operators-{seed}.xlsx", sheet)


def tenants(seed):
    """Tenants of a boarding house (KT3), the landlord's number in the title and in a column; some rows are hidden."""
    draw, sheet = Draw(seed), ListTable("KT3")
    landlord = draw.person()
    sheet.title("DANH SÁCH TẠM TRÚ (KT3) TỔ DÂN PHỐ 4", 6)
    sheet.title(f"Chủ trọ: {landlord.name} - ĐT: 0{landlord.number}")
    sheet.add("STT", "Họ tên người tạm trú", "sn", "Diện", "ĐT", "ĐT chủ trọ")
    for n, person, cell, expected in draw.rows(15):
        if n % 6 == 0:
            cell, expected = None, review(landlord)
        sheet.hidden += [len(sheet.rows)] if n % 5 == 0 else []
        other = f"0{landlord.number}" if n % 6 == 0 or n % 4 == 0 else None
        if other and expected.statuses == frozenset({"reject"}):
            expected = Expected(frozenset({landlord.e164}), frozenset({"review", "reject"}))
        sheet.add(n, person.name, person.year, "KT3" if n % 2 else "KT4", cell, other, expected)
    return workbook("tenants", f"tenants-{seed}.xlsx", sheet)


def hamlets(seed):
    """A sheet for each hamlet, whose headings differ; the hamlet is the sheet's name; and a sheet that counts."""
    draw = Draw(seed)
    sheets = []
    for name, labels in (
        ("Thôn 1", ("STT", "Họ và tên", "Năm sinh", "SĐT")),
        ("Làng Kon Gur", ("TT", "Họ tên chủ hộ", "Số khẩu", "Điện thoại liên hệ")),
        ("Tổ 5", ("Stt", "Tên", "Sinh", "Di động")),
    ):
        sheet = ListTable(name)
        sheet.title(f"{name.upper()} - XÃ ĐĂK MAR", 4)
        sheet.add(*labels)
        for n, person, cell, expected in draw.rows(7):
            sheet.add(n, person.name, 4 if labels[2] == "Số khẩu" else person.year, cell, expected)
        sheet.add(
            "Tổng: 7 hộ" if name == "Làng Kon Gur" else None, None if name == "Làng Kon Gur" else "Cộng: 7"
        )
        sheets.append(sheet)
    total = ListTable("Tổng hợp")
    total.add("STT", "Thôn", "Số hộ", "Số người có ĐT")
    for n, sheet in enumerate(sheets, 1):
        total.add(n, sheet.name, 7, 6)
    return workbook("a sheet for each hamlet", f"hamlets-{seed}.xlsx", *sheets, total)


def vni(seed, ending):
    """A list typed for the font VNI-Times."""
    draw, sheet = Draw(seed), ListTable("Sheet1" if ending != "csv" else "")
    sheet.add(*map(_in_vni, ("STT", "Họ và tên", "Năm sinh", "Thôn", "Số điện thoại", "Ghi chú")))
    for n, person, cell, expected in draw.rows(16, bad=0):
        cells = (n, person.name, person.year, person.village, cell, "hộ nghèo" if n % 3 else None)
        sheet.add(*map(_in_vni, cells), expected)
    if ending == "csv":
        return text_file("a VNI font", f"vni-{seed}.csv", sheet, encoding="cp1252")
    return workbook("a VNI font", f"vni-{seed}.{ending}", sheet)


def messenger(seed):
    """Lines of a chat with hour and sender; in between words, and a number without a name."""
    draw, lines, expected = Draw(seed), list[str](), list[Expected]()
    for n, person in enumerate(draw.people(14), 1):
        number = draw.written(person, "plain", "spaces", "dots")
        when = f"[08:{n:02}, 12/11/2026]"
        match n % 5:
            case 0:
                lines.append(f"{when} Tổ trưởng tổ 3: {person.name} {number}")
            case 1:
                lines.append(f"{when} {person.name} sn {person.year}, {number}")
            case 2:
                lines.append(f"{when} Chị Hoa: {n}. {person.name} - {number} - {person.village}")
            case 3:
                lines.append(f"{person.name} ({person.year}) {number}")
            case _:
                lines.append(f"{when} Bác Tư: dạ để em hỏi lại")
                lines.append(f"{when} {person.name}: 0{person.number}")
        by_sender = either(person, name=person.name)
        expected.append(by_sender if n % 5 == 4 else ok(person))
    stray = draw.person()
    lines.append(f"[08:40, 12/11/2026] Chị Hoa: 0{stray.number} nhé")
    expected.append(review(stray))
    return plain("lines of a chat", f"messenger-{seed}.txt", "\n".join(lines) + "\n", expected)


def _card(person, name, lines, version):
    words = name.split()
    written = name
    mark = ""
    if version == "2.1" and not name.isascii():
        mark, written = (
            ";CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE",
            quopri.encodestring(name.encode()).decode(),
        )
    n_field = f"N{mark}:{written};;;;" if mark else f"N:{words[0]};{words[-1]};{' '.join(words[1:-1])};;"
    return "\r\n".join(
        ("BEGIN:VCARD", f"VERSION:{version}", n_field, f"FN{mark}:{written}", *lines, "END:VCARD")
    )


def contacts(seed, version):
    """Contacts of a phone: several numbers each, a firm, a card without a name."""
    draw, cards, expected = Draw(seed), list[str](), list[Expected]()
    for n, person in enumerate(draw.people(14), 1):
        other, number = draw.person(), f"0{person.number}"
        spaced = f"+84 {person.number[:2]} {person.number[2:5]} {person.number[5:]}"
        match n % 4:
            case 0:
                lines = [f"TEL;TYPE=CELL:{number}", f"TEL;TYPE=HOME:0{other.number}"]
                wanted = ok(person, other)
            case 1:
                lines, wanted = [f"TEL;CELL;PREF:{spaced}", "ORG:Hội Nông dân;Chi hội 2"], ok(person)
            case 2:
                lines = [
                    f"item1.TEL;TYPE=CELL,VOICE:{number}",
                    "item1.X-ABLabel:di động",
                    "NOTE:thôn 4\\, xã Đăk Mar",
                ]
                wanted = ok(person)
            case _:
                lines, wanted = ["TEL;TYPE=WORK:02603000" + f"{n:03}", "EMAIL:x@example.invalid"], reject()
        cards.append(_card(person, person.name, lines, version))
        expected.append(wanted)
    nameless = draw.person()
    cards.append(
        f"BEGIN:VCARD\r\nVERSION:{version}\r\nN:;;;;\r\nFN:\r\nTEL;TYPE=CELL:0{nameless.number}\r\nEND:VCARD"
    )
    expected.append(review(nameless))
    return plain("contacts of a phone", f"contacts-{seed}.vcf", "\r\n".join(cards) + "\r\n", expected)


def word_tables(seed, form):
    """A Word document: letterhead, one or two tables, signatures as text."""
    draw = Draw(seed)
    first = ListTable("", rows=[])
    first.add("STT", "Họ và tên", "Năm sinh", "Số điện thoại", "Ghi chú")
    if form == "merged":
        first.rows = [
            ["STT", "Họ và tên", "Địa chỉ", None, "Số điện thoại"],
            [None, None, "Thôn", "Xã", None],
        ]
        first.merges = [(0, 2, 0, 3), (0, 0, 1, 0), (0, 1, 1, 1), (0, 4, 1, 4)]
    for n, person, cell, expected in draw.rows(9):
        text = "" if cell is None else str(cell)
        row = (str(n), person.name, person.village, person.commune, text)
        if form != "merged":
            row = (str(n), person.name, str(person.year), text, "")
        first.add(*row, expected)
    second = ListTable("")
    second.add("TT", "Họ tên", "Thôn", "ĐT")
    for n, person in enumerate(draw.people(5), 1):
        second.add(str(n), person.name, person.village, f"0{person.number}", ok(person))
    return document("tables of a Word document", f"word-{seed}.docx", first, second)


def relatives(seed):
    """Old people with their own and a relative's number, in one heading or below a common one."""
    draw, sheet, other = Draw(seed), ListTable("Thôn 1"), ListTable("Thôn 2")
    sheet.add("STT", "Họ và tên", "Năm sinh", "SĐT", "SĐT người thân", "Quan hệ")
    other.add("STT", "Họ và tên", "Năm sinh", "Điện thoại", None, "Quan hệ")
    other.add(None, None, None, "SĐT", "SĐT người thân", None)
    other.merges.append((0, 3, 0, 4))
    for table in (sheet, other):
        for n in range(1, 9):
            person, relative = draw.people(2)
            has_own = n % 2 == 0
            table.add(
                n,
                person.name,
                person.year,
                draw.written(person) if has_own else None,
                f"0{relative.number}",
                "con",
                ok(person) if has_own else review(relative),
            )
    return workbook("relatives' numbers", f"relatives-{seed}.xlsx", sheet, other)


def decomposed(seed):
    """Decomposed Unicode as a Mac writes it, ditto marks for places, somebody who died or moved away."""
    draw, sheet = Draw(seed), ListTable("Sheet1")
    sheet.add("STT", "Họ và tên", "Thôn", "Xã", "Số điện thoại", "Ghi chú")
    for n, person in enumerate(draw.people(16), 1):
        cell, expected = draw.written(person), ok(person)
        note = {5: "từ trần 3/2025", 9: "chuyển đi Gia Lai", 12: "mất 12/2024"}.get(n)
        place = (person.village, person.commune) if n % 4 == 1 else ('"', "nt")
        sheet.add(n, person.name, *place, cell, note, review(person) if note else expected)
    sheet.rows = [
        [unicodedata.normalize("NFD", cell) if isinstance(cell, str) else cell for cell in row]
        for row in sheet.rows
    ]
    return workbook("decomposed Unicode", f"decomposed-{seed}.xlsx", sheet)


def table_files():
    """All files of this module."""
    yield lying(501, "xlsx")
    yield parents_and_teachers(502, 1)
    yield hamlets(503)
    yield three_levels(504)
    yield household_cells(505)
    yield pieces(506, "merged")
    yield operators(507, 1)
    yield tenants(508)
    yield vni(509, "xlsx")
    yield messenger(510)
    yield contacts(511, "2.1")
    yield word_tables(512, "plain")
    yield relatives(513)
    yield decomposed(514)
