"""Headings of the files that agencies, operators and phones hand in, as they write them."""

from campaigns.agencies import import_reports
from campaigns.replies import gateway_inbox
from outreach.rules.declared_tables import find_table
from tests.support.tables import cases


@cases(
    (
        ("STT", "Mã cơ quan", "Tên cơ quan", "Tổng số", "Có ĐTTM", "Đã cài", "Ghi chú"),
        "- code name staff with_smartphone installed note",
    ),
    (
        ("Danh sách đơn vị", "Tổng số cán bộ", "Dân tộc", "Đã tiêm", "Tỷ lệ đã tiêm"),
        "name staff - installed -",
    ),
    (("MaCoQuan", "TongSo", "DaCai", "SmartPhone"), "code staff installed with_smartphone"),
)
def test_columns_of_a_file_of_agencies(headings, read):
    table = find_table([headings, headings], import_reports._COLUMNS, needed=import_reports._NEEDED)
    assert table is not None
    names = {str(cell): name for name, cell in next(table).cells.items()}
    assert [names.get(each, "-") for each in headings] == read.split()


@cases(
    (("Số điện thoại", "Nội dung", "Thời gian"),),
    (("SoDienThoai", "NoiDung", "ThoiGian"),),
    (("Từ số:", "Tin nhắn", "Ngày giờ"),),
    (("SĐT 1", "Trả lời", "Lúc"),),
    (("phone_number", "message", "received_at"),),
    (("MSISDN", "Text", "Timestamp"),),
)
def test_columns_of_a_reply_log(headings):
    table = find_table([headings, headings], gateway_inbox._COLUMNS, needed=(("sender",), ("body",)))
    assert table is not None
    assert next(table).cells == dict(zip(("sender", "body", "at"), headings, strict=True))
