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
def test_a_title_suggests_a_name(label, name):
    assert kept_values.name_of_label(label) == name


@cases(*each_of("Giờ hẹn | giờ hẹn", "giờ hẹn"), ("  {giờ   hẹn} ", "giờ hẹn"), ("Ca 2", "ca 2"))
def test_a_name_is_read_as_it_is_typed(typed, name):
    assert kept_values.read_field_name(typed) == name


@cases(
    ("", "field_name_wrong"),
    *each_of("link | Name | giờ_hẹn | giờ [hẹn | giờ{hẹn | %s | 1 giờ", "field_name_wrong"),
    ("x" * 31, "field_name_wrong"),
    *each_of("dân tộc | tôn giáo | số CCCD | bệnh nền | chẩn đoán", "field_name_sensitive"),
)
def test_a_name_that_is_not_plain_is_refused(typed, code):
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
    # A browser leaves out the mark, and a phone makes a link of the rest.
    *each_of("t\u034f.me/x | vay\u034f.vn | vay.v\u034fn | vay\u0323\u0306.top", Unfit.LINK),
    *each_of("Bơ\u0306n gặp BS.Lan | A Bơ\u0306i", None),
    *each_of("001000000123 | 9704 0000 0000 1234 | gọi 0905 000 123 | +84905000123", Unfit.PHONE),
    *each_of("0905.000.123 gặp anh Ba | tổng đài 1900 1234 | STK 1903 4567 | VCB 1903456", Unfit.PHONE),
    *each_of("số 1903-4567-8 | 0905 00 01 23", Unfit.PHONE),
    *each_of("{link} | [mật khẩu] | {{7*7}} | 8 giờ 🎁", Unfit.SIGNS),
    ("nhận quà ở аpple", Unfit.SIGNS),  # a Cyrillic а
    ("a\\b", Unfit.SIGNS),
)
def test_a_value_that_would_change_what_the_text_is_is_not_kept(value, unfit):
    assert kept_values.find_unfit(value) == unfit


# By somebody who had not read the rule: what an office writes in such a column (last what no phone makes a link of), and what
# is to get a link, an address, an account or a number into a text.
@cases(
    *each_of(
        "07:30 | 7h30 | 7 giờ 30 | 13g30 - 15g00 | 19.30 | 14h00' chiều | Sáng 8h-11h | "
        "7g30 sáng thứ Hai 05/8 | 05/8/2020 | 05.08.2020 | 5-8-2020 | Thứ Bảy, ngày 8/8 | "
        "ngày 15 tháng 8 năm 2020 | Tháng 8/2020 | Quý III/2020 | 2/9 | Mùng 5 tháng 7 âm lịch | "
        "Trước 17h ngày 20.8 | TP.Kon Tum | TP. Kon Tum | Q.1 | P.Quang Trung | TT.Đắk Hà | H.Đắk Glei | "
        "X.Đăk Long | Xã Ngọk Wang | Nhà văn hóa thôn 3 | Nhà rông làng Kon Klor | "
        "UBND P.Thắng Lợi, số 12 Trần Phú | Trạm Y tế xã Đăk Ui | Tổ 4, P.Duy Tân | "
        "Số 315/8 Lê Hồng Phong | Km 5+200 QL.24 | QL14, đối diện chợ | Hẻm 42/7 đường U Re | "
        "Trường TH-THCS Kim Đồng | Phòng 203, tầng 2, nhà A | Bàn số 3 (cửa sau) | BV.Đa khoa tỉnh | "
        "BS.Lan | ThS.BS Nguyễn Văn Hùng | Ts.Bs.Phạm Thị Mai | Ông A Thun (trưởng thôn) | "
        "Bà Y Hlan - chi hội trưởng | Cô giáo Nguyễn T. Thu | ThS. Y Sương, PGĐ | 1.200.000 | "
        "1.200.000 đồng | 1.200.000đ | 500k | 350 nghìn | 2,5 triệu đồng | 12 tháng x 45.000đ | "
        "54.000 đ/tháng | 10,5 kg | 3 ha | 0,75 ha | 2 con bò, 5 con heo | ĐK-0125 | B12 | HS 0457 | "
        "STT 17 | MTTQ-03 | Lô A2-15 | Biển số nhà 27B | Vắc-xin Abdala, mũi 2 | AstraZeneca mũi 1 | "
        "Vero Cell | Đợt 3 năm 2021 | Phiếu chấm do thôn lập | Gửi 2000 đồng | Ban biên soạn 2024 | "
        "8h đợt một | Đợt 2 (bổ sung) | Hộ nghèo 2020 | Mang theo CCCD và thẻ BHYT | "
        "Mang bản chính + 2 bản photo | 30 phút | Miễn phí | Chi hội 5 – thôn Kon Rờ Bàng 2 | "
        "2020-08-05 07:30 | 0xCB710102 | 203,113,1,2 | localhost:8001",
        None,
    )
)
def test_what_an_office_writes_is_kept(value, unfit):
    assert kept_values.find_unfit(kept_values.value_text(value)) is unfit


@cases(
    *each_of("vietcombank.support | nhan-qua.de | 203.113.1.2 | vcb.support?otp=1", True),
    *each_of("bit.ly/2xYzAb | http://qua-tang.xyz | hxxp://qua-tang.xyz | https:// nhanqua .com", True),
    *each_of("www.nhantien.vn | www nhantien vn | nhantien chấm com | nhantien cham com", True),
    *each_of("nhantien(.)com | nhantien[.]com | nhantien . com | nhantien dot vn | nhantien。com", True),
    *each_of("nhantien．com | nhantien․com | ｎｈａｎｔｉｅｎ.ｃｏｍ | nhаntien.com | nhantien.сom", True),
    *each_of("nhan\u200btien.com | nhantien.\u200bcom | nhantien\u00ad.com", True),
    *each_of("nhantien\u2060.\u2060com | nhậntiền.vn | xn--nhntin-dya.vn | NHANQUA.TOP", True),
    *each_of("qua.tang.vip/8 | qua-tang,com | t.me/vayvon | zalo.me/g/abcdef | zalo: nhanqua88", True),
    *each_of("fb.com/nhanqua | m.me/nhanqua | facebook chấm com gạch chéo nhanqua", True),
    *each_of("nhanqua@gmail.com | nhanqua (at) gmail.com | nhanqua a còng gmail chấm com", True),
    *each_of("203 . 113 . 1 . 2 | 3413115138 | [2001:db8::1] | kontum:8080/nhan | STK 1903 4567", True),
    *each_of("STK 19034567890123 | Số TK: 0071000123456 | stk 1903-4567-8901 | tk vcb 19034567", True),
    *each_of("s t k 1 9 0 3 4 5 6 7 | Vietcombank 0071 0001 2345 | MB 0905000123", True),
    *each_of("chuyen khoan 19034567890 | 4111 1111 1111 1111 | 0905000123 | 0905 000 123", True),
    *each_of("0905.000.123 | +84905000123 | (+84) 905-000-123 | 84905000123 | O9O5OOO123", True),
    *each_of("o905 ooo l23 | ０９０５０００１２３ | 0-9-0-5-0-0-0-1-2-3 | 0 9 0 5 0 0 0 1 2 3", True),
    *each_of("0905\u200b000\u200b123 | không chín không năm không không không một hai ba", True),
    *each_of("0 chín 0 năm 000 một hai ba | khong chin khong nam khong khong khong mot hai ba", True),
    *each_of("nhan-qua chấm top | vay tiền dot click | nhan qua(.)top | nhận quà chấm io", True),
    *each_of("soan NAP gui 9029 | Soạn tin QUA gửi tới tổng đài 8085 | NAP 50 gửi 9029", True),
    *each_of("09O5.OOO.l23 | ①⑨③④⑤⑥⑦⑧⑨ | gọi 19001234", True),
    # By a second hand, who sought other ways.
    *each_of("9h, đọc OTP cho cán bộ gọi tới | quét QR cọc 20k trước 9g | bit,ly/gio7", True),
    *each_of("7 giờ tối, alo không chín không năm ba số không một bốn sáu | tổng đài 19.000.007", True),
    *each_of("nạp thẻ Viettel 200k rồi nhắn lại mã thẻ | trả lời tin này kèm số thẻ + CVV", True),
    *each_of("anh Ba, telegram @hotrothue000 | FB: Kế Toán Phường | Mr. Lee +1 (905) 000-1600", True),
    *each_of("Cty Phú Gia, phugia(dot)biz | (09)05-000/168 | liên hệ kh0ng ch1n kh0ng n4m 000 174", True),
    *each_of("cài UltraViewer, nhắn lại ID | kết bạn Zalo Công An | mật khẩu VNeID: đọc cho anh Tuấn", True),
    *each_of("chuyển khoản phí cho kế toán Lan | bấm vào đường dẫn ở tin nhắn sau | tải app bản mới", True),
    *each_of("ht tp : // nhanqua . gift | v.c.b.-.s.u.p.p.o.r.t . c.o.m | vcb\xa0.\xa0support", True),
    *each_of("QL1A, Km 1.023+500 | 02/12-05/12 | K47.XH2 | TDP 7,TT.Me | x.Ia Ly,h.Chư Păh", False),
    *each_of("gọi tên theo STT, vắng thì gọi lại cuối buổi | giấy mời có mã QR (đưa bảo vệ xem)", False),
    *each_of(
        "bà Chín, ông Năm và cô Ba | không thu bất kỳ khoản phí nào | 3 905 000 VNĐ | ca 2 (9h15)", False
    ),
)
def test_what_is_smuggled_into_a_text_is_not_kept(value, is_unfit):
    assert (kept_values.find_unfit(kept_values.value_text(value)) is not None) is is_unfit


# A list's author writes its names, and an officer may correct one after the approval.
@cases(
    *each_of(
        "Nguyễn Thị Hoa | H’Hen Niê | K'Brẽ | Čil Yŭ Ha | Y.La | H.Minh | TS.Lê Hoa | Lê Hoa (1950)", True
    ),
    *each_of("Lê Thị Ba Bốn Năm Sáu | Nguyễn Văn A (Hải) | Tô Info | Y Com | Ƀhiư Ksor", True),
    *each_of("Vcb.Support | Nguyễn Văn A vcb.support/otp | Nhận quà chấm com | Qua.Top | Lê {link}", False),
    *each_of("A: bit.ly/abc | Trần B (zalo: nhanqua88) | Nguyễn A gọi 19001234 | vcb.suppоrt", False),
    *each_of("Vietcombank chấm top | soan NAP gui 9029 | Аnh Nguyễn | ΑΝΗ ΒΑ | Vietcombаnk", False),
    *each_of("Nguyễn Văn STK 1903 4567 VCB | Hoa chuyển tiền cho công an xã trước chiều nay", False),
)
def test_a_name_that_would_make_another_text_is_not_written_into_it(name, is_written):
    assert kept_values.name_in_text(name) == (name if is_written else "")


@cases(
    (time(8, 30), "08:30"),
    (datetime(2021, 8, 15, 8, 30), "08:30 15/08/2021"),  # noqa: DTZ001 - a spreadsheet's cell has no zone
    (datetime(2021, 8, 15), "15/08/2021"),  # noqa: DTZ001
    (date(2021, 8, 15), "15/08/2021"),
    (1500000.0, "1500000"),
    (" 8\u200b giờ \n sáng ", "8 giờ sáng"),
    (None, ""),
)
def test_a_cell_stands_in_the_text_as_the_sheet_shows_it(cell, text):
    assert kept_values.value_text(cell) == text


def test_a_heading_in_braces_is_a_field():
    assert kept_values.field_of_heading("{Giờ hẹn}") == "field:giờ hẹn"
    assert kept_values.field_of_heading("Giờ hẹn") == ""
    assert kept_values.field_of_heading("{dân tộc}") == ""
    header = find_header([["Họ tên", "SĐT", "{Giờ hẹn}", "Nơi"], ["A Thun", "0905000123", "8h", "Thôn 1"]])
    assert header.fields == {"giờ hẹn": 2}
    named = header.corrected({"0": "name", "1": "phone", "2": "", "3": "field:nơi"})
    assert named.fields == {"nơi": 3}
    assert named.labels_to_give_back()[3] == "{nơi}"


def test_a_file_has_five_fields_at_most():
    with pytest.raises(BadList) as refused:
        find_header([["Họ tên", "SĐT", *(f"{{f{n}}}" for n in range(6))], ["A Thun", "0905000123"]])
    assert refused.value.code == "list_fields_many"


def test_a_column_of_ethnic_origins_is_no_field_whatever_it_is_called():
    rows = [["Họ tên", "SĐT", "{nhóm}"], ["A Thun", "0905000123", "Ba Na"], ["Y Rơ", "0905000124", "Xơ Đăng"]]
    header = find_header(rows)
    assert header.fields == {}
    assert header.sensitive == {2}
