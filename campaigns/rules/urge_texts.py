"""Texts of messages that ask the contact of a place or an agency to catch up."""

from dataclasses import dataclass
from datetime import date

from campaigns.rules.reports.document import percent, said, short_day

LINK = "{link}"  # where the link goes in, once it exists


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a place is from its goal; None is unknown."""

    place: str
    share: float | None
    goal: float | None
    missing: int | None
    deadline: date | None


def write_about_place(lag: Lag, *, issuer: str, done: str, today: date) -> str:
    """Return the message to a place's contact: the figures, what is asked, and where to answer."""
    return _letter(
        f"{_result(lag, done=done)} (số người dân tự khai báo, tính đến ngày {short_day(today.isoformat())}).",
        f"{issuer} đề nghị đồng chí chỉ đạo đẩy mạnh vận động tại địa bàn và phản hồi về khó khăn, biện pháp, thời gian hoàn thành",
    )


def write_about_agency(agency: str, *, issuer: str, done: str, freeze: str, today: date) -> str:
    """Return the message to an agency's contact that has not reported today."""
    return _letter(
        f"Đến nay chưa nhận được số liệu ngày {short_day(today.isoformat())} của {agency} về số người đã {done}.",
        f"{issuer} đề nghị gửi số liệu trước {freeze} hôm nay; nếu có khó khăn, vướng mắc, đề nghị phản hồi",
    )


def _letter(state: str, asked: str) -> str:
    return f"Kính gửi đồng chí,\n\n{state}\n{asked} tại:\n\n{LINK}\n\nTrân trọng."


def _result(lag: Lag, *, done: str) -> str:
    if lag.share is None:
        text = f"{lag.place} chưa có người tự khai báo đã {done}"
    else:
        text = (
            f"Tỷ lệ người dân đã {done} tại {lag.place[:1].lower()}{lag.place[1:]} đạt {percent(lag.share)}"
        )
    if lag.goal is not None:
        text += f", mục tiêu {percent(lag.goal, is_exact=True)}"
        if lag.deadline is not None:
            text += f" đến hết ngày {short_day(lag.deadline.isoformat())}"
    if lag.missing:
        text += f", còn thiếu {said(lag.missing)} người"
    return text
