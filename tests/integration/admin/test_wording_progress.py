"""What the columns of a reach file are called."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_babel import Babel

from admin.wording.progress import file_rows
from campaigns.rules.reach import ReachMeasure, ReachTotals


@pytest.mark.parametrize(
    ("arm", "name"), [("0", "không nhắn"), ("1", "nội dung thứ nhất"), ("2", "nội dung thứ hai")]
)
def test_the_groups_of_a_comparison_are_called_what_they_are(arm: str, name: str) -> None:
    counts = ReachTotals()
    counts.add(ReachMeasure.ARMS, arm, 5)
    counts.add(ReachMeasure.ARMS_INSTALLED, arm, 2)
    app = Flask(__name__)
    Babel(app, default_locale="vi")
    with app.test_request_context():
        head, _row = file_rows(
            {(1, None, None): counts}, steps={1: 1}, organisations={}, places={}, level="Huyện", price=0
        )
    assert head[5:7] == [f"Rút thăm vào nhóm: {name}", f"Tự báo đã xong, nhóm: {name}"]
