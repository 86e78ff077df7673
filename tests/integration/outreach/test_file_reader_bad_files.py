"""Files that would fill the memory, run something or hide something: refused in words, or read for what they say."""

import csv
import itertools
import tracemalloc
import zipfile

from outreach.imports.list_reader import check_list
from outreach.rules.errors import BadList
from tests.support.errors import refuses
from tests.support.list_files import ods_around, write_xlsx
from tests.support.places import KONTUM_2020
from tests.support.tables import cases, each_of

GAZETTEER = KONTUM_2020
ROWS = [["STT", "Họ và tên", "SĐT"], [1, "Y Blưm", "0905000123"], [2, "A Lâu", "0913000248"]]


def check(path):
    return list(check_list(path, GAZETTEER))


def add_to(path, name, content):
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


# The entry "mimetype" is the one that is read to tell what the file is.
@cases(
    *each_of("xl/media/fill.bin | mimetype", 650 * 2**20, "quá lớn"),
    ("mimetype", 100 * 2**20, "tệp nén hoặc loại tệp khác"),
)
def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, entry, size, problem):
    path = tmp_path / "list.ods"
    if entry != "mimetype":
        path = write_xlsx(tmp_path / "list.xlsx", {"DS": ROWS})
    bomb = add_to(path, entry, bytes(size))
    assert bomb.stat().st_size < 2**20
    tracemalloc.start()
    try:
        with refuses(BadList, says=problem):
            check(bomb)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


def test_a_few_letters_that_stand_for_millions_of_cells_are_refused(tmp_path):
    cell = (
        '<table:table-cell office:value-type="string" table:number-columns-repeated="90">'
        "<text:p>x</text:p></table:table-cell>"
    )
    row = f'<table:table-row table:number-rows-repeated="1000000">{cell}</table:table-row>'
    with refuses(BadList, says="quá nhiều bộ nhớ hoặc thời gian"):
        check(ods_around(tmp_path / "list.ods", row))


def test_macros_and_links_to_other_workbooks_are_carried_along_and_never_followed(tmp_path):
    path = write_xlsx(tmp_path / "list.xlsm", {"DS": ROWS})
    add_to(path, "xl/vbaProject.bin", b"\xd0\xcf\x11\xe0 Sub Auto_Open()")
    add_to(
        path, "xl/externalLinks/externalLink1.xml", '<externalLink><externalBook r:id="r1"/></externalLink>'
    )
    assert [each.name for each in check(path)] == ["Y Blưm", "A Lâu"]


def test_a_formula_is_read_as_the_value_that_the_spreadsheet_kept(tmp_path):
    path = write_xlsx(tmp_path / "list.xlsx", {"DS": ROWS})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    formula = (
        """<c r="C2" t="str"><f>WEBSERVICE("http://127.0.0.1:1/"&amp;[1]DS!A1)</f><v>0905000123</v></c>"""
    )
    start, end = sheet.index('<c r="C2"'), sheet.index('<row r="3"')
    parts["xl/worksheets/sheet1.xml"] = (sheet[:start] + formula + "</row>" + sheet[end:]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert check(path)[0].phone.numbers == ("+84905000123",)


@cases(51 * 2**20, 200 * 2**20)
def test_a_workbook_of_200_megabytes_is_refused_unread(tmp_path, size):
    path = tmp_path / "list.xlsx"
    with path.open("wb") as file:
        file.truncate(size)
    with refuses(BadList, says="quá lớn"):
        check(path)


@cases("list.csv", "list.xlsx")
def test_300_columns_are_no_list(tmp_path, name):
    header = ["Họ và tên", "SĐT", *(f"Cột {n}" for n in range(298))]
    path = tmp_path / name
    if name.endswith("csv"):
        path.write_text(",".join(header) + "\nY Blưm,0905000123\n", encoding="utf-8")
    else:
        write_xlsx(path, {"DS": {f"{_letters(n)}1": label for n, label in enumerate(header)}})
    with refuses(BadList, says="hơn 200 cột"):
        check(path)


def test_a_million_empty_rows_hold_nobody(tmp_path):
    path = tmp_path / "list.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("Họ và tên,SĐT\nY Blưm,0905000123\n")
        file.writelines(itertools.repeat(" ,\n", 1_000_000))
        file.write("A Lâu,0913000248\n")
    assert [(each.row, each.line, each.name) for each in check(path)] == [
        (1, 2, "Y Blưm"),
        (2, 1_000_003, "A Lâu"),
    ]


def test_empty_rows_that_a_workbook_lists_one_by_one_hold_nobody(tmp_path):
    path = write_xlsx(tmp_path / "list.xlsx", {"DS": ROWS})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    empty = b"".join(b'<row r="%d" s="1"><c r="A%d" s="1"/></row>' % (n, n) for n in range(4, 200_000))
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(b"</sheetData>", empty + b"</sheetData>")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert len(check(path)) == 2


def test_a_nul_byte_is_dropped_and_the_row_kept(tmp_path):
    path = tmp_path / "list.csv"
    others = "A Lâu,0913000248,\n" * 60
    path.write_bytes(f"Họ và tên,SĐT,Ghi chú\nY Bl\0ưm,0905\0000123,x\0\n{others}".encode())
    person, *_ = check(path)
    assert (person.name, person.note) == ("Y Blưm", "x")
    assert "\0" not in str([person, person.as_written()])


def test_what_a_spreadsheet_would_run_is_text_again_when_it_returns(tmp_path):
    path = tmp_path / "list.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["Họ và tên", "SĐT"], ["'-A Thun", "'+84905000123"]])
    (person,) = check(path)
    assert (person.name, person.phone.numbers) == ("-A Thun", ("+84905000123",))


def _letters(position):
    first, last = divmod(position, 26)
    return (chr(64 + first) if first else "") + chr(65 + last)
