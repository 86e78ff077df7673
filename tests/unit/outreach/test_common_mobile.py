"""The short way to read a common number says what the long way says."""

from __future__ import annotations

import pytest

from outreach.rules import phone_cells
from outreach.rules.phone_cells import PhoneCell, PhoneStatus, read_phone_cell
from outreach.rules.phone_numbers import read_common_mobile

TAILS = (
    "000123",
    "123456",
    "987654",
    "012345",
    "111111",
    "000000",
    "121212",
    "500012",
    "345678",
    "876543",
    "0001",
)
ODD = (
    "",
    "0",
    "0905",
    "０905000123",
    "0905000१23",
    "09050001²3",
    "+905000123",
    " 905000123",
    "0905 00012",
    "O905000123",
)
BEGINNINGS = ("05", "09", "33", "12", "98", "77", "55")
MADE_UP = tuple(
    f"09{beginning}{rest}" for beginning in BEGINNINGS for rest in ("050505", "333333", "345678", "765432")
)


def test_a_common_number_is_read_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{prefix:04d}{tail}" for prefix in range(1000) for tail in TAILS]
    texts += [f"{prefix:04d}000123"[:length] for prefix in range(1000) for length in (8, 9)]
    texts += [f"{prefix}0001239" for prefix in range(1000, 10_000)]
    texts += (*ODD, *MADE_UP)
    short = {text: read_phone_cell(text) for text in texts}
    taken = {text for text in texts if read_common_mobile(text)}
    monkeypatch.setattr(phone_cells, "read_common_mobile", lambda _text: "")
    for text, cell in short.items():
        assert read_phone_cell(text) == cell, text
    assert all(short[text] == PhoneCell(PhoneStatus.OK, (f"+84{text[1:]}",)) for text in taken)
    assert {text[1] for text in taken} == {*"35789"}
    assert taken.isdisjoint(ODD)
