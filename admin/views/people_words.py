"""Words of the pages on people: an upload's states, a column's meanings, why a row or a number is not taken."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from outreach.people.importing.aside import IssueStatus
from outreach.people.models import LegalBasis, SuppressionReason, UploadState
from outreach.people.phone.cells import PhoneStatus
from outreach.people.reading.labels import NOT_READ, PHONE, Column

_UPLOADS = {
    UploadState.CHECKING: _l("Đang kiểm tra"),
    UploadState.READY: _l("Chờ xác nhận"),
    UploadState.STORING: _l("Đang lưu"),
    UploadState.UNDOING: _l("Đang gỡ"),
    UploadState.DONE: _l("Đã nhập xong"),
    UploadState.FAILED: _l("Không nhập được"),
    UploadState.CANCELLED: _l("Đã hủy"),
}
_COLUMNS = {
    "": _l("không dùng"),
    NOT_READ: _l("Dân tộc, tôn giáo: không đọc, không lưu"),
    PHONE: _l("Số điện thoại"),
    Column.STT: _l("Số thứ tự"),
    Column.FAMILY_NAME: _l("Họ và tên đệm"),
    Column.NAME: _l("Họ tên"),
    Column.BIRTH: _l("Năm sinh"),
    Column.BIRTH_OF_MEN: _l("Năm sinh (nam)"),
    Column.BIRTH_OF_WOMEN: _l("Năm sinh (nữ)"),
    Column.SEX: _l("Giới tính"),
    Column.VILLAGE: _l("Thôn, tổ dân phố"),
    Column.COMMUNE: _l("Xã, phường"),
    Column.DISTRICT: _l("Huyện, thành phố"),
    Column.UNIT: _l("Chi hội, đơn vị"),
    Column.NOTE: _l("Ghi chú"),
    Column.SMARTPHONE: _l("Có điện thoại thông minh"),
    Column.LANGUAGE: _l("Ngôn ngữ"),
    Column.CORRECTS: _l("Mã dòng của tệp cần sửa"),
}
# In the order in which an officer looks for them.
MEANINGS = ("", PHONE, Column.NAME, *(each for each in Column if each is not Column.NAME))
_ROWS = {
    PhoneStatus.OK: _l("Hợp lệ"),
    PhoneStatus.REVIEW: _l("Cần xem lại"),
    PhoneStatus.REJECT: _l("Không hợp lệ"),
    IssueStatus.QUESTION: _l("Đã nhập, cần hỏi thêm"),
}
_REASONS = {
    "missing": _l("không có số điện thoại"),
    "no_phone_stated": _l("danh sách ghi là không có điện thoại"),
    "placeholder": _l("số điền cho có, không phải số thật"),
    "ditto": _l("ghi “như trên”"),
    "spreadsheet_error": _l("ô báo lỗi của bảng tính"),
    "date_like": _l("ô bị bảng tính đổi thành ngày tháng"),
    "lossy_scientific": _l("ô bị bảng tính đổi dạng và mất chữ số"),
    "id_number": _l("số CMND/CCCD, không phải số điện thoại"),
    "service_number": _l("số dịch vụ, không phải thuê bao"),
    "foreign_number": _l("số nước ngoài"),
    "landline": _l("số điện thoại bàn"),
    "invalid_prefix": _l("đầu số không tồn tại"),
    "too_short": _l("thiếu chữ số"),
    "too_long": _l("thừa chữ số"),
    "no_valid_number": _l("không đọc được số nào đúng"),
    "letter_substitution": _l("có chữ cái lẫn trong số"),
    "second_number_too_short": _l("số thứ hai thiếu chữ số"),
    "concatenated_numbers": _l("hai số viết liền nhau"),
    "unparsed_remainder": _l("còn phần chưa đọc được trong ô"),
    "changed_name": _l("số này đã có một người tên gần giống"),
    "was_erased": _l("người dùng số này đã yêu cầu xóa dữ liệu"),
    "other_commune": _l("xã, phường khác với danh bạ"),
    "birth_unclear": _l("chưa rõ là năm sinh hay tuổi"),
}
_SUPPRESSIONS = {
    SuppressionReason.OPT_OUT: _l("Người dân từ chối nhận tin"),
    SuppressionReason.WRONG_NUMBER: _l("Nhầm số"),
    SuppressionReason.DO_NOT_CALL: _l("Danh sách không làm phiền"),
}
_SOURCES = {
    "sms": _l("tin nhắn"),
    "page": _l("trang trả lời"),
    "officer": _l("cán bộ ghi"),
    "roster": _l("danh sách cơ quan"),
    "gateway": _l("tổng đài"),
    "register": _l("danh sách quốc gia"),
    "import": _l("danh sách nhập"),
}
_SEXES = {"m": _l("Nam"), "f": _l("Nữ"), "male": _l("Nam"), "female": _l("Nữ")}

_BASES = {
    LegalBasis.CONSENT: _l("Người dân đã đồng ý"),
    LegalBasis.MEMBERSHIP: _l("Hội viên, đoàn viên của tổ chức"),
    LegalBasis.DUTY: _l("Nhiệm vụ được giao, có văn bản"),
    LegalBasis.NONE: _l("Không được nhắn tin"),
}

WORDS: dict[str, Any] = {
    f"{family}.{getattr(value, 'value', value)}": words
    for family, table in (
        ("upload", _UPLOADS),
        ("column", _COLUMNS),
        ("row", _ROWS),
        ("row_reason", _REASONS),
        ("suppression", _SUPPRESSIONS),
        ("source", _SOURCES),
        ("sex", _SEXES),
        ("basis", _BASES),
    )
    for value, words in table.items()
}
