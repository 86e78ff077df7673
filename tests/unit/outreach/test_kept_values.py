"""Columns whose values go into texts: their names, and the cells that are kept."""

from datetime import date, datetime, time

import pytest

from outreach.rules import kept_values
from outreach.rules.errors import BadInput, BadList
from outreach.rules.kept_values import LONGEST_VALUE, Unfit
from outreach.rules.list_columns import find_header
from tests.support.tables import cases, each_of


@cases(
    ("Giờ hẹn", "giờ hẹn"),
    ("GIỜ HẸN (buổi sáng)", "giờ hẹn buổi sáng"),
    ("Số tiền/tháng", "số tiền tháng"),
    ("Nơi tập trung của từng hộ dân trong thôn", "nơi tập trung của từng hộ dân"),
    *each_of("2021 | Dân tộc | Name", ""),
    ("", ""),
)
def test_a_title_suggests_a_name(label: str, name: str) -> None:
    assert kept_values.name_of_label(label) == name


@cases(*each_of("Giờ hẹn | giờ hẹn", "giờ hẹn"), ("  {giờ   hẹn} ", "giờ hẹn"), ("Ca 2", "ca 2"))
def test_a_name_is_read_as_it_is_typed(typed: str, name: str) -> None:
    assert kept_values.read_field_name(typed) == name


@cases(
    ("", "field_name_wrong"),
    *each_of("link | Name | giờ_hẹn | giờ [hẹn | giờ{hẹn | %s | 1 giờ", "field_name_wrong"),
    ("x" * 31, "field_name_wrong"),
    *each_of("dân tộc | tôn giáo | số CCCD | bệnh nền | chẩn đoán", "field_name_sensitive"),
)
def test_a_name_that_is_not_plain_is_refused(typed: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        kept_values.read_field_name(typed)
    assert refused.value.code == code


@cases(
    *each_of("8 giờ 30 ngày 15/8 | Nhà văn hóa thôn 3, xã Đắk Hring (cạnh UBND) | TP.Kon Tum", None),
    *each_of("1.500.000 đồng | 150.000.000 | 7.30 05.08.2021 | 8h – 9h “sáng” | TP.HCM, Q.1", None),
    *each_of("08.00 05.12.2026 | 19.30 | 19.30 ngày 05.12.2026 | Q.1 | BS.Lan | BS.Ly", None),
    *each_of("P.Hai Bà Trưng, Q.Ba Đình | 1.200.000 | 1 200 000 đồng | 1.200.000.000", None),
    *each_of("Nhà văn hóa.Thôn 3 | số 12/5, ngõ 34, đường 30/4", None),
    *each_of("từ 7h30 đến 11h00 ngày 05/12/2026 | HS123456 | 12345678", None),
    *each_of("Th.S Hà, K.2, tầng 3, P.305 | Ngân hàng Nông nghiệp, số 5 Phan Đình Phùng", None),
    ("x" * LONGEST_VALUE, None),
    ("x" * (LONGEST_VALUE + 1), Unfit.LONG),
    *each_of("xem https://lua.example/a | www.lua | lua.icu | nhan-qua.com | NHAN-QUA.VN", Unfit.LINK),
    *each_of("bit.ly/abc | la.zz/abc | hoi@lua.example | vietcombank.support", Unfit.LINK),
    *each_of("nhan-qua.de | Nhan-Qua.DE | 203.113.1.2 | vcb.support?otp=1 | abc.zz:8080/x", Unfit.LINK),
    *each_of("tai.khoan.xyz. | Ly.la", Unfit.LINK),
    *each_of("001000000123 | 9704 0000 0000 1234 | gọi 0905 000 123 | +84905000123", Unfit.PHONE),
    *each_of("0905.000.123 gặp anh Ba | tổng đài 1900 1234 | STK 1903 4567 | VCB 1903456", Unfit.PHONE),
    *each_of("số 1903-4567-8 | 0905 00 01 23", Unfit.PHONE),
    *each_of("{link} | [mật khẩu] | {{7*7}} | 8 giờ 🎁", Unfit.SIGNS),
    ("nhận quà ở аpple", Unfit.SIGNS),  # a Cyrillic а
    ("a\\b", Unfit.SIGNS),
)
def test_a_value_that_would_change_what_the_text_is_is_not_kept(value: str, unfit: Unfit | None) -> None:
    assert kept_values.find_unfit(value) == unfit


@cases(
    (time(8, 30), "08:30"),
    (datetime(2021, 8, 15, 8, 30), "08:30 15/08/2021"),  # noqa: DTZ001 - a spreadsheet's cell has no zone
    (datetime(2021, 8, 15), "15/08/2021"),  # noqa: DTZ001
    (date(2021, 8, 15), "15/08/2021"),
    (1500000.0, "1500000"),
    (" 8\u200b giờ \n sáng ", "8 giờ sáng"),
    (None, ""),
)
def test_a_cell_stands_in_the_text_as_the_sheet_shows_it(cell: object, text: str) -> None:
    assert kept_values.value_text(cell) == text


def test_a_heading_in_braces_is_a_field() -> None:
    assert kept_values.field_of_heading("{Giờ hẹn}") == "field:giờ hẹn"
    assert kept_values.field_of_heading("Giờ hẹn") == ""
    assert kept_values.field_of_heading("{dân tộc}") == ""
    header = find_header([["Họ tên", "SĐT", "{Giờ hẹn}", "Nơi"], ["A Thun", "0905000123", "8h", "Thôn 1"]])
    assert header.fields == {"giờ hẹn": 2}
    named = header.corrected({"0": "name", "1": "phone", "2": "", "3": "field:nơi"})
    assert named.fields == {"nơi": 3}
    assert named.labels_to_give_back()[3] == "{nơi}"


def test_a_file_has_five_fields_at_most() -> None:
    with pytest.raises(BadList) as refused:
        find_header([["Họ tên", "SĐT", *(f"{{f{n}}}" for n in range(6))], ["A Thun", "0905000123"]])
    assert refused.value.code == "list_fields_many"


def test_a_column_of_ethnic_origins_is_no_field_whatever_it_is_called() -> None:
    rows = [["Họ tên", "SĐT", "{nhóm}"], ["A Thun", "0905000123", "Ba Na"], ["Y Rơ", "0905000124", "Xơ Đăng"]]
    header = find_header(rows)
    assert header.fields == {}
    assert header.sensitive == {2}
