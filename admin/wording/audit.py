"""Labels of the audit log: its actions, and the details and changes it records."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from admin.wording.campaigns import name_of_text
from admin.wording.errors import show_stored_error
from admin.wording.filters import LABELS
from outreach.rules.identity import mask_number

ACTIONS: dict[str, Any] = {
    "login": _l("Đăng nhập"),
    "logout": _l("Đăng xuất"),
    "session.end": _l("Đăng xuất một máy khác"),
    "session.end_all": _l("Đăng xuất khỏi mọi máy"),
    "second_factor.set_up": _l("Bật xác thực hai lớp"),
    "second_factor.remove": _l("Bỏ xác thực hai lớp"),
    "second_factor.renew_codes": _l("Tạo mã khôi phục mới"),
    "second_factor.recover": _l("Đăng nhập bằng mã khôi phục"),
    "user.forgot": _l("Yêu cầu liên kết vì quên mật khẩu"),
    "user.unlock": _l("Bỏ khóa tạm đăng nhập"),
    "campaign.create": _l("Tạo chiến dịch"),
    "campaign.edit": _l("Sửa chiến dịch"),
    "campaign.correct": _l("Xác nhận sửa câu chữ của chiến dịch đã gửi"),
    "campaign.propose_correction": _l("Đề nghị sửa câu chữ của chiến dịch đã gửi"),
    "campaign.drop_correction": _l("Bỏ đề nghị sửa câu chữ"),
    "campaign.resubmit": _l("Trình duyệt lại vì người nhận khác lúc duyệt"),
    "campaign.submit": _l("Trình duyệt chiến dịch"),
    "campaign.return": _l("Trả lại chiến dịch"),
    "campaign.approve": _l("Duyệt chiến dịch"),
    "campaign.approve_first": _l("Duyệt chiến dịch, lần thứ nhất"),
    "campaign.schedule": _l("Hẹn giờ gửi"),
    "campaign.launch": _l("Cho chạy chiến dịch"),
    "campaign.start": _l("Bắt đầu gửi"),
    "campaign.pause": _l("Tạm dừng chiến dịch"),
    "campaign.resume": _l("Cho chạy tiếp chiến dịch"),
    "campaign.complete": _l("Chiến dịch hoàn thành"),
    "campaign.cancel": _l("Hủy chiến dịch"),
    "campaign.undo": _l("Thu hồi lệnh gửi"),
    "campaign.unknown_resend": _l("Gửi lại tin chưa rõ kết quả"),
    "campaign.unknown_keep": _l("Coi tin chưa rõ kết quả là đã gửi"),
    "message.test": _l("Gửi tin thử"),
    "case.label": _l("Phân loại câu trả lời"),
    "case.undo": _l("Hoàn tác phân loại"),
    "case.take": _l("Nhận việc"),
    "case.release": _l("Trả lại việc"),
    "case.see_number": _l("Xem số trong hộp thư"),
    "case.finish": _l("Ghi kết quả"),
    "case.reopen": _l("Mở lại việc"),
    "case.answer": _l("Nhắn tin trả lời"),
    "saved_text.save": _l("Lưu mẫu tin"),
    "saved_text.remove": _l("Xóa mẫu tin"),
    "contacts.import": _l("Nhập danh sách"),
    "contacts.undo": _l("Hoàn tác lần nhập"),
    "list.basis": _l("Ghi căn cứ nhắn tin"),
    "register.receive": _l("Tải danh sách không làm phiền lên"),
    "register.replace": _l("Thay danh sách không làm phiền"),
    "segment.save": _l("Lưu nhóm người nhận"),
    "segment.remove": _l("Xóa nhóm người nhận"),
    "upload.receive": _l("Tải tệp danh sách lên"),
    "upload.confirm": _l("Xác nhận nhập danh sách"),
    "upload.cancel": _l("Hủy nhập danh sách"),
    "upload.undo": _l("Hoàn tác lần nhập"),
    "import.see_errors": _l("Tải tệp cần sửa"),
    "import.see_waiting": _l("Xem các dòng chờ quyết định"),
    "import.decide": _l("Quyết định một dòng chờ"),
    "import.retract": _l("Hoàn tác quyết định về dòng chờ"),
    "list.create": _l("Tạo danh sách"),
    "areas.load": _l("Nạp địa bàn"),
    "place.answer": _l("Xác định nơi ở theo cách viết"),
    "areas.move": _l("Chuyển người theo đơn vị hành chính mới"),
    "reply.import": _l("Nhập nhật ký tin trả lời"),
    "contact.see_number": _l("Xem số điện thoại"),
    "contact.search_number": _l("Tìm theo số điện thoại"),
    "contact.correct": _l("Sửa thông tin người dân"),
    "contact.add_number": _l("Thêm số điện thoại"),
    "contact.remove_number": _l("Gỡ số điện thoại khỏi một người"),
    "contact.suppress": _l("Ngừng gửi tin đến một số"),
    "contact.lift": _l("Bỏ chặn một số"),
    "contact.answer": _l("Ghi câu trả lời trực tiếp"),
    "official.import": _l("Nhập số liệu cài đặt chính thức"),
    "goal.set": _l("Đặt mục tiêu"),
    "goal.denominator": _l("Nhập số người làm mẫu số"),
    "round.make": _l("Lập phiếu đến nhà"),
    "round.print": _l("Mở bản in phiếu đến nhà"),
    "round.enter": _l("Ghi kết quả đến nhà"),
    "round.undo": _l("Hoàn tác kết quả đến nhà"),
    "reach.export": _l("Tải kết quả gửi"),
    "publicity.enter": _l("Ghi hoạt động tuyên truyền"),
    "publicity.correct": _l("Sửa hoạt động tuyên truyền"),
    "publicity.withdraw": _l("Bỏ hoạt động tuyên truyền"),
    "contact.erase": _l("Xóa dữ liệu cá nhân theo yêu cầu"),
    "contact.export": _l("Xuất dữ liệu cho người dân"),
    "request.write_down": _l("Ghi yêu cầu về dữ liệu cá nhân"),
    "request.respond": _l("Phản hồi yêu cầu về dữ liệu cá nhân"),
    "request.extend": _l("Gia hạn yêu cầu về dữ liệu cá nhân"),
    "consent.give": _l("Ghi sự đồng ý của một người"),
    "consent.withdraw": _l("Ghi việc rút lại sự đồng ý"),
    "breach.record": _l("Ghi vi phạm dữ liệu cá nhân"),
    "breach.report": _l("Ghi việc thông báo vi phạm"),
    "request.finish": _l("Trả lời yêu cầu về dữ liệu cá nhân"),
    "agency.report": _l("Nộp số liệu của cơ quan"),
    "agency.link": _l("Tạo liên kết nộp số liệu"),
    "agency.end_link": _l("Ngừng liên kết nộp số liệu"),
    "report.freeze": _l("Chốt số liệu báo cáo ngày"),
    "report.issue": _l("Phát hành báo cáo ngày"),
    "report.correct": _l("Đính chính báo cáo ngày"),
    "report.form": _l("Sửa mẫu báo cáo ngày"),
    "report.link": _l("Tạo liên kết xem báo cáo"),
    "report.end_link": _l("Ngừng liên kết xem báo cáo"),
    "report.send_again": _l("Gửi lại báo cáo ngày"),
    "report.download": _l("Tải tệp báo cáo ngày"),
    "report.export": _l("Xuất báo cáo ngày ra tệp"),
    "reply.export": _l("Xuất câu trả lời có nhãn ra tệp"),
    "report.by_hand": _l("Ghi đã gửi báo cáo bằng cách khác"),
    "user.create": _l("Tạo tài khoản"),
    "user.change": _l("Đổi vai trò, phạm vi"),
    "user.disable": _l("Khóa tài khoản"),
    "user.enable": _l("Mở lại tài khoản"),
    "user.link": _l("Tạo liên kết đặt mật khẩu"),
    "user.password": _l("Đặt mật khẩu"),
    "organisation.create": _l("Tạo tổ chức"),
    "organisation.change": _l("Sửa tổ chức"),
    "token.create": _l("Tạo mã truy cập"),
    "token.end": _l("Thu hồi mã truy cập"),
    "api.contacts": _l("Hệ thống khác gửi danh sách vào"),
    "hook.create": _l("Thêm nơi nhận tin báo"),
    "hook.end": _l("Ngừng nơi nhận tin báo"),
    "hook.again": _l("Gửi lại tin báo"),
    "sender.register": _l("Ghi nhận tên người gửi"),
    "sender.remove": _l("Xóa tên người gửi"),
    "incident.see": _l("Xem sự cố"),
    "sending.stop_all": _l("Dừng mọi việc gửi tin"),
    "sending.release_all": _l("Mở lại việc gửi tin"),
    "campaign.clear": _l("Xóa dữ liệu cá nhân hết hạn lưu giữ"),
    "retention.expire": _l("Xóa dữ liệu cá nhân hết hạn ngoài các chiến dịch"),
    "backup.create": _l("Sao lưu dữ liệu"),
    "keys.rehash": _l("Chuyển số bị chặn sang khóa mới"),
    "audit.keyed": _l("Bắt đầu ghi nhật ký có khóa"),
    "backup.restore": _l("Khôi phục từ bản sao lưu"),
}
SUBJECTS: dict[str, Any] = {
    "replies": _l("câu trả lời"),
    "reports": _l("báo cáo ngày"),
    "campaigns": _l("chiến dịch"),
    "contacts": _l("người dân"),
    "contact_lists": _l("danh sách"),
    "list_imports": _l("lần nhập"),
    "users": _l("người dùng"),
    "organisations": _l("tổ chức"),
    "cases": _l("việc trong hộp thư"),
    "saved_texts": _l("mẫu tin"),
    "messages": _l("tin nhắn"),
    "senders": _l("tên người gửi"),
    "registers": _l("danh sách không làm phiền"),
    "official_installs": _l("số liệu chính thức"),
    "goals": _l("mục tiêu"),
    "denominators": _l("mẫu số của mục tiêu"),
    "rounds": _l("phiếu đến nhà"),
    "activities": _l("hoạt động tuyên truyền"),
    "report_days": _l("ngày báo cáo"),
    "report_forms": _l("mẫu báo cáo"),
    "report_issues": _l("báo cáo"),
    "report_links": _l("liên kết xem báo cáo"),
    "segments": _l("nhóm người nhận"),
    "incidents": _l("sự cố"),
    "api_tokens": _l("mã truy cập"),
    "audit_head": _l("mốc cuối của nhật ký"),
    "suppressions": _l("số bị chặn"),
    "webhook_subscriptions": _l("nơi nhận tin báo"),
    "switches": _l("công tắc"),
    "sessions": _l("phiên đăng nhập"),
    "backups": _l("bản sao lưu"),
    "breaches": _l("vi phạm dữ liệu cá nhân"),
    "areas": _l("địa bàn"),
    "place_questions": _l("địa danh"),
    "retention": _l("lưu giữ dữ liệu cá nhân"),
}
DETAILS: dict[str, Any] = {
    "kept": _l("người được giữ lại"),
    "notes": _l("số ghi chú"),
    "rows": _l("số dòng"),
    "sessions": _l("số máy"),
    "basis": _l("căn cứ"),
    "numbers": _l("số điện thoại"),
    "other": _l("số không phải di động"),
    "unread": _l("dòng không đọc được"),
    "added": _l("thêm"),
    "removed": _l("bỏ"),
    "people": _l("người trong hệ thống"),
    "row": _l("dòng"),
    "decision": _l("quyết định"),
    "created": _l("người mới"),
    "updated": _l("bổ sung"),
    "merged": _l("gộp"),
    "unchanged": _l("không đổi"),
    "same": _l("không đổi"),
    "new": _l("số mới"),
    "review": _l("chờ xem lại"),
    "rejected": _l("không hợp lệ"),
    "upload": _l("lần tải lên"),
    "bytes": _l("số byte"),
    "role": _l("vai trò"),
    "label": _l("loại"),
    "suggested": _l("hệ thống gợi ý"),
    "outcome": _l("kết quả"),
    "place": _l("nơi nghe"),
    "message": _l("tin nhắn"),
    "messages": _l("số tin"),
    "replies": _l("số câu trả lời"),
    "cases": _l("số việc"),
    "requests": _l("số yêu cầu về dữ liệu"),
    "entries": _l("số lần sửa trong nhật ký"),
    "day": _l("ngày"),
    "files": _l("số tệp"),
    "file": _l("tệp"),
    "tokens": _l("số mã truy cập"),
    "communes": _l("số xã, phường"),
    "ended": _l("số đơn vị đã kết thúc"),
    "moved": _l("số người đã chuyển"),
    "left": _l("số người phải hỏi"),
    "kind": _l("loại yêu cầu"),
    "correction": _l("lần đính chính"),
    "mails": _l("số thư"),
    "report": _l("số liệu"),
    "version": _l("bản ghi"),
    "link": _l("liên kết"),
    "campaign": _l("chiến dịch"),
    "phone": _l("mã số điện thoại"),
    "reason": _l("lý do"),
    "fields": _l("mục đã sửa"),
    "rights": _l("quyền"),
    "days": _l("số ngày"),
    "token": _l("mã truy cập số"),
}
_VALUES: dict[str, dict[str, Any]] = {
    "decision": {
        "taken": _l("nhận"),
        "same": _l("một người, giữ tên cũ"),
        "renamed": _l("một người, đổi tên"),
        "dropped": _l("bỏ"),
        "answered": _l("đã trả lời"),
    },
    "sex": {"m": _l("nam"), "f": _l("nữ")},
    "fields": {
        "name": _l("họ tên"),
        "birth_year": _l("năm sinh"),
        "sex": _l("giới tính"),
        "village": _l("thôn, tổ dân phố"),
        "area_code": _l("xã, phường"),
        "has_smartphone": _l("điện thoại thông minh"),
        "language": _l("ngôn ngữ"),
        "email": _l("thư điện tử"),
        "number": _l("số điện thoại"),
        "role": _l("vai trò"),
        "organisation_id": _l("tổ chức số"),
        "parent_id": _l("tổ chức cấp trên số"),
        "code": _l("mã"),
        "kind": _l("loại"),
    },
}
_LABEL_GROUPS = {
    "role": "role",
    "basis": "basis",
    "label": "answer",
    "suggested": "answer",
    "reason": "suppression",
    "outcome": "outcome",
    "kind": "request",
    "rights": "right",
}


def describe(details: dict[str, Any]) -> list[tuple[str, str]]:
    """Return each detail as label and value; without a label, as it was recorded."""
    return [(str(DETAILS.get(key, key)), _value_label(key, value)) for key, value in details.items()]


def describe_changes(changes: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return each changed field as label, old and new value; phone numbers are masked, as elsewhere."""
    return [
        (_field(key), _value(key, before), _value(key, after)) for key, (before, after) in changes.items()
    ]


def _field(key: str) -> str:
    if key.startswith("content."):
        return name_of_text(key.removeprefix("content."))
    return str(_VALUES["fields"].get(key, key))


def _value(key: str, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return str(_l("có") if value else _l("không"))
    if key == "number":
        return mask_number(value)
    return str(LABELS.get(f"{key}.{value}") or _VALUES["sex"].get(value) or value)


def _value_label(key: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value_label(key, each) for each in value)
    known = _VALUES.get(key, {}).get(value) or LABELS.get(f"{_LABEL_GROUPS.get(key)}.{value}")
    if key == "reason" and not known:
        return show_stored_error(str(value))
    return str(known or value)
