"""Names in Vietnamese order."""

from __future__ import annotations

import pytest

from outreach.rules.sort_order import vietnamese_order


@pytest.mark.parametrize(
    "names",
    [
        ["Dak Hring", "Đăk Mar", "Em", "Êm", "Yên"],
        ["an", "ăn", "ân", "ba"],
        ["ma", "mà", "mả", "mã", "má", "mạ", "mab"],
        ["Thôn 1", "Thôn 2", "Thôn 10", "Thôn Đăk Mút"],
        ["Hội Nông dân", "Hội Phụ nữ", "Ủy ban", "Văn phòng"],
        ["Đak", "Đăk", "Đắk", "Đăm"],
        ["ô", "ơ", "p"],
        ["u", "ư", "v"],
    ],
)
def test_order(names: list[str]) -> None:
    assert sorted(set(names), key=vietnamese_order) == names
