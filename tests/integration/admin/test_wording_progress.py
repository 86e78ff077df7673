"""What the columns of a reach file are called."""

from flask import Flask
from flask_babel import Babel

from admin.wording.progress import file_rows
from campaigns.rules.reach import ReachMeasure, ReachTotals
from tests.support.tables import cases


@cases(("0", "không nhắn"), ("1", "nội dung thứ nhất"), ("2", "nội dung thứ hai"))
def test_the_groups_of_a_comparison_are_called_what_they_are(arm, name):
    counts = ReachTotals()
    counts.add(ReachMeasure.ARMS, arm, 5)
    counts.add(ReachMeasure.ARMS_INSTALLED, arm, 2)
    app = Flask(__name__)
    Babel(app, default_locale="vi")
    with app.test_request_context():
        head, _row = file_rows(
            {(1, None, None): counts},
            own_answers={},
            steps={1: 1},
            organisations={},
            places={},
            level="Huyện",
            price=0,
        )
    assert head[5:7] == [f"Chọn ngẫu nhiên vào nhóm: {name}", f"Tự khai báo đã thực hiện, nhóm: {name}"]


def test_what_is_not_counted_for_a_kind_of_row_is_blank_and_what_is_counted_may_be_nought():
    by_step, whole, elsewhere = ReachTotals(), ReachTotals(), ReachTotals()
    by_step.add(ReachMeasure.SEGMENTS, "", 3)
    whole.add(ReachMeasure.RECIPIENTS, "", 5)
    whole.add(ReachMeasure.ANSWERS, "installed", 2)
    elsewhere.add(ReachMeasure.RECIPIENTS, "", 4)
    app = Flask(__name__)
    Babel(app, default_locale="vi")
    with app.test_request_context():
        _head, *rows = file_rows(
            {(None, None, None): whole, (None, 1, None): elsewhere, (1, None, None): by_step},
            own_answers={},
            steps={1: 1},
            organisations={},
            places={},
            level="Huyện",
            price=400,
        )
    assert [row[5:] for row in rows] == [[5, "", 2, ""], [4, "", 0, ""], ["", 3, "", 1200]]
