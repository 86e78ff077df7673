"""Letter that asks the operators to send a warning to every phone in an area: only they can. Pure.

Head, signature and copies are those of the drive's report (`template.py`).
"""

from collections.abc import Sequence

from campaigns.rules.reports.compose import BLANK
from campaigns.rules.reports.document import Paragraph, ReportDocument, Signature, long_day, read_document
from campaigns.rules.reports.template import ReportTemplate

_BLOCKS = (
    "Tình hình: {reason}",
    "{issuer} trân trọng đề nghị quý doanh nghiệp gửi ngay tin nhắn sau đây tới mọi thuê bao di động đang có mặt tại {places}:",
    "“{text}”",
    "Xin trả lời bằng văn bản hoặc thư điện tử: đã gửi lúc nào, tới bao nhiêu thuê bao, hoặc lý do chưa gửi được.",
)


def compose_request(
    template: ReportTemplate, *, name: str, reason: str, text: str, places: Sequence[str], day: str
) -> ReportDocument:
    """Return the letter of an event: why, where, and the text that is to be sent. `day` is ISO; a drill's name says that it is one."""
    said = {"reason": reason, "text": text, "places": ", ".join(places), "issuer": template.issuer_in_text}
    document = ReportDocument(
        superior=template.superior,
        issuer=template.issuer,
        number=f"Số:{BLANK}/{template.symbol}",
        place_and_day=f"{template.place}, {long_day(day)}",
        kind="CÔNG VĂN",
        subject=("Về việc đề nghị nhắn tin cảnh báo tới thuê bao di động", name),
        addressees=("Các doanh nghiệp viễn thông di động có thuê bao trên địa bàn",),
        blocks=tuple(Paragraph(block.format(**said)) for block in _BLOCKS),
        signature=Signature(template.signature, template.signer),
        copies=("Như trên", f"Lưu: {template.filed}"),
    )
    return read_document(document.as_data())  # its texts clean
