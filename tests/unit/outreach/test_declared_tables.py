"""Tables with declared columns: the row of headings is found, and each wrong line is named."""

import re

import pytest

from outreach.core.sentences import word_error
from outreach.rules.declared_tables import find_table, first_lines, read_csv
from outreach.rules.errors import BadInput, LoaError
from tests.support.tables import cases

COLUMNS = {"code": re.compile("ma$"), "count": re.compile("so |da ")}
HEAD = ("STT", "Mã", "Số máy")


@cases(
    ([HEAD, (1, "A", 3.0), (None, " ", ""), (2, "B")], [(2, "A", "3"), (4, "B", "")]),
    ([("Kính gửi: Sở Y tế",), (), HEAD, (1, "A", 3)], [(4, "A", "3")]),
    ([("Mã", "Số máy", "Đã cài"), ("A", 3, 2)], [(2, "A", "3")]),  # the first of two
    ([("Số máy",), (3,)], None),
    ([("Kính gửi",)] * 20 + [HEAD, (1, "A", 3)], None),
    ([HEAD], []),
)
def test_the_rows_below_the_headings_are_read(rows, read):
    table = find_table(rows, COLUMNS, needed=(("code",), ("count",)))
    found = table and [(row.line, row.text("code"), row.text("count")) for row in table]
    assert (table if table is None else found) == read


@cases(
    ("ngày,Mã\n1,2\n".encode(), "thiếu cột Số máy"),
    ("Mã;Số máy\n1;2\n".encode(), "thiếu cột Mã, Số máy"),
    ("Mã,Số máy\n".encode("utf-16"), "không phải UTF-8"),
    ('Mã,Số máy\n"a"b,1\n'.encode(), "không phải CSV"),
    (b"", "thiếu cột"),
)
def test_a_file_that_is_no_such_csv_is_refused_in_words(content, said):
    with pytest.raises(BadInput) as refused:
        read_csv(content, ("Mã", "Số máy"))
    assert said in word_error(refused.value)


def test_a_csv_is_read_by_its_names_wherever_its_columns_stand():
    rows = read_csv("\ufeffSố máy,khác,Mã\n 3 ,x,A\n5\n".encode(), ("Mã", "Số máy"))
    assert [(row.line, row.text("Mã"), row.text("Số máy")) for row in rows] == [(2, "A", "3"), (3, "", "5")]


def test_twenty_wrong_lines_are_named_and_the_others_counted():
    wrong = [(line, LoaError("official_day_future")) for line in range(2, 27)]
    said = word_error(LoaError("lines_wrong", lines=first_lines(wrong)))
    assert said.startswith("Dữ liệu chưa được lưu. Dòng 2: ngày này chưa tới. Dòng 3")
    assert said.endswith("Dòng 21: ngày này chưa tới. … và 5 dòng khác.")
    assert len(first_lines(wrong[:20])) == 20
