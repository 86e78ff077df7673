"""What a message's status means, what an officer can do, and whether it is charged.

The one source of this: pages show it beside the status, and a test compares the guide's table with it.
"""

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from campaigns.rules.states import MessageState, SkipReason


@dataclass(frozen=True, slots=True)
class StatusWords:
    """Sentences about one status."""

    means: Any
    todo: Any
    charged: Any


_NOTHING = _l("Không phải làm gì.")
_CHARGED, _FREE = _l("Có tính cước."), _l("Không tính cước.")
STATUSES: dict[str, dict[Any, StatusWords]] = {
    "message": {
        MessageState.QUEUED: StatusWords(
            _l("Chưa đến lượt, chưa đến giờ được gửi, hoặc số này đã nhận đủ tin trong 24 giờ."),
            _l("Muốn giữ lại thì tạm dừng chiến dịch."),
            _l("Chưa tính cước."),
        ),
        MessageState.SENDING: StatusWords(
            _l("Đang giao tin cho nhà cung cấp, mất vài giây."), _NOTHING, _l("Chưa tính cước.")
        ),
        MessageState.ACCEPTED: StatusWords(
            _l("Nhà cung cấp đã nhận tin, chưa báo đến máy hay không."),
            _l("Chờ báo kết quả, thường trong vài phút."),
            _CHARGED,
        ),
        MessageState.SENT: StatusWords(
            _l("Nhà cung cấp đã chuyển tin cho nhà mạng, chưa báo đến máy hay không."),
            _l("Chờ báo kết quả; máy đang tắt thì nhà mạng gửi lại trong một, hai ngày."),
            _CHARGED,
        ),
        MessageState.DELIVERED: StatusWords(
            _l("Tin đã đến máy; chưa chắc người nhận đã đọc."),
            _l("Chờ trả lời; người chưa trả lời được nhắc ở lần sau."),
            _CHARGED,
        ),
        MessageState.UNDELIVERED: StatusWords(
            _l(
                "Nhà mạng không giao được tin: máy tắt lâu, ngoài vùng phủ sóng, số không còn dùng hoặc bị chặn."
            ),
            _l("Xem nguyên nhân; sửa số nếu sai, hoặc đưa vào phiếu đến nhà."),
            _l("Thường vẫn tính cước, tùy hợp đồng."),
        ),
        MessageState.FAILED: StatusWords(
            _l("Nhà cung cấp từ chối ngay, tin không đi."),
            _l("Xem nguyên nhân; sửa số nếu sai. Lỗi tài khoản hoặc tên người gửi thì báo người quản trị."),
            _FREE,
        ),
        MessageState.UNKNOWN: StatusWords(
            _l(
                "Mất liên lạc đúng lúc gửi, chưa biết tin đã đi hay chưa. Hệ thống đang tra, không gửi hai lần."
            ),
            _l("Chờ; nếu hệ thống hỏi thì quyết định ở trang chiến dịch."),
            _l("Tính cước nếu tin đã đi."),
        ),
        MessageState.SKIPPED: StatusWords(
            _l("Đến lượt thì có lý do không gửi, ghi ở mục Lý do bỏ qua."), _NOTHING, _FREE
        ),
        MessageState.CANCELLED: StatusWords(
            _l("Chiến dịch bị hủy trước khi tin này được gửi."),
            _l("Vẫn muốn gửi thì lập chiến dịch mới."),
            _FREE,
        ),
        MessageState.NO_REPORT: StatusWords(
            _l("Nhà cung cấp đã nhận tin nhưng quá ba ngày không báo kết quả."),
            _l("Người chưa trả lời được nhắc ở lần sau, hoặc đưa vào phiếu đến nhà."),
            _CHARGED,
        ),
    },
    "skip": {
        SkipReason.SUPPRESSED: StatusWords(
            _l("Số này đã từ chối nhận tin, hoặc báo nhầm số, sau khi chiến dịch bắt đầu."), _NOTHING, _FREE
        ),
        SkipReason.ANSWERED: StatusWords(
            _l("Người này đã trả lời hoặc đang chờ cán bộ, nên không bị nhắc nữa."), _NOTHING, _FREE
        ),
        SkipReason.UNREACHABLE: StatusWords(
            _l("Tin trước không đến được máy."), _l("Sửa số nếu sai, hoặc đưa vào phiếu đến nhà."), _FREE
        ),
        SkipReason.DEADLINE: StatusWords(
            _l("Chưa kịp gửi thì đã hết hạn của chiến dịch."),
            _l("Vẫn cần báo thì lập chiến dịch mới, hoặc đưa vào phiếu đến nhà."),
            _FREE,
        ),
        SkipReason.HELD_OUT: StatusWords(
            _l("Được chọn ngẫu nhiên vào nhóm đối chứng, để biết tin nhắn có tác dụng hay không."),
            _NOTHING,
            _FREE,
        ),
        SkipReason.REPEATED: StatusWords(
            _l("Số này vừa nhận tin cùng nội dung trong 24 giờ, từ chiến dịch này hoặc chiến dịch khác."),
            _NOTHING,
            _FREE,
        ),
    },
}


def explain(value: Any, family: str = "message") -> StatusWords:
    """Return the sentences about a message's state (`message`) or why it was not sent (`skip`)."""
    return STATUSES[family][value]
