"""Marks on a list that came back: found by the code of each person, also if rows or columns were moved."""

from campaigns.rules.visits import person_code, read_marks
from tests.support.tables import cases

HEAD = ("Mã", "Họ tên", "Đã tiêm (đánh x)")


@cases(
    ((HEAD, ("D7-12", "A Thun", "x"), ("D7-13", "Y Rơ", "")), {12}, [], 0),
    ((("Nơi nhận: Trạm Y tế",), (), HEAD, ("D7-12", "A Thun", "X"), ("d7 – 13", "Y Rơ", "1")), {12, 13}, [], 0),
    ((("Đã đến dự", "Ghi chú", "Mã"), ("có", "", "D7-12"), ("không", "", "D7-13"), ("đã đến", "", "D7-14")), {12, 14}, [], 0),
    ((HEAD, ("D7-12", "A Thun", "hỏi lại sau"), ("D7-13", "Y Rơ", "✓")), {13}, [2], 0),
    ((HEAD, ("D8-12", "A Thun", "x"), ("D8-13", "A Bré", ""), ("D7-14", "Y Rơ", "x")), {14}, [], 1),
    ((HEAD, ("D7-12", "A Thun", "x"), ("", "Người lập", "x"), ("Tổng cộng", "", 1)), {12}, [], 0),
    ((HEAD, ("D7-12",)), set(), [], 0),
)  # fmt: skip
def test_marks_are_read(rows, came, unclear, strangers):
    marks = read_marks(rows, campaign_id=7)
    assert (marks.came, marks.unclear, marks.strangers) == (came, unclear, strangers)


def test_a_sheet_without_codes_or_a_column_for_marks_is_no_returned_list():
    assert read_marks([("Họ tên", "Đã tiêm"), ("A Thun", "x")], campaign_id=7) is None
    assert read_marks([("Mã", "Họ tên"), (person_code(7, 12), "A Thun")], campaign_id=7) is None
