"""What each step of a campaign brought, in plain sentences."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import format_decimal
from flask_babel import gettext as _

from admin.texts import number, percent
from campaigns.figures.intervals import Difference
from campaigns.figures.lift import StepLift


@dataclass(frozen=True, slots=True)
class ShownLift:
    """A comparison to read: what was compared, what was counted, how sure it is, and what follows."""

    title: str
    counted: str
    sure: str
    verdict: str


def show_lifts(lifts: list[StepLift]) -> list[ShownLift]:
    shown = []
    for each in lifts:
        if each.lift:
            shown.append(_show_lift(each, each.lift))
        if each.texts:
            shown.append(_show_texts(each, each.texts))
    return shown


def _show_lift(each: StepLift, lift: Difference) -> ShownLift:
    counted = _(
        "Trong %(reminded)s người được nhắn có %(first)s tự báo đã xong; trong %(held)s người giữ lại không nhắn có %(second)s.",
        reminded=number(each.reminded.people),
        first=percent(lift.first),
        held=number(each.held_out.people),
        second=percent(lift.second),
    )
    if lift.low > 0:
        verdict = _("Tin này có tác dụng.")
    elif lift.high < 0:
        verdict = _("Người được nhắn làm xong ít hơn người không nhắn: nên xem lại nội dung.")
    else:
        verdict = _("Chưa đủ số liệu để nói tin này có tác dụng hay không.")
    return ShownLift(_step(each.number), counted, _sure(lift), verdict)


def _show_texts(each: StepLift, texts: Difference) -> ShownLift:
    counted = _(
        "Nội dung thứ hai gửi %(second)s người, %(first_share)s tự báo đã xong; nội dung thứ nhất gửi %(first)s người, %(second_share)s.",
        second=number(each.second_text.people),
        first_share=percent(texts.first),
        first=number(each.first_text.people),
        second_share=percent(texts.second),
    )
    if texts.low > 0:
        verdict = _("Nội dung thứ hai tốt hơn.")
    elif texts.high < 0:
        verdict = _("Nội dung thứ nhất tốt hơn.")
    else:
        verdict = _("Chưa đủ số liệu để nói nội dung nào tốt hơn.")
    return ShownLift(_("%(step)s: so hai nội dung", step=_step(each.number)), counted, _sure(texts), verdict)


def _step(n: int) -> str:
    return _("Lần nhắc %(n)s", n=n - 1) if n > 1 else _("Tin đầu")


def _sure(difference: Difference) -> str:
    return _(
        "Chênh lệch %(value)s điểm phần trăm (khoảng tin cậy %(sure)s: từ %(low)s đến %(high)s).",
        sure="95%",
        value=_points(difference.value),
        low=_points(difference.low),
        high=_points(difference.high),
    )


def _points(share: float) -> str:
    """4,2 or −0,5: percentage points, with a minus that is one."""
    rounded = round(share * 100, 1) + 0.0
    return f"{'−' if rounded < 0 else ''}{format_decimal(abs(rounded), '#,##0.0')}"
