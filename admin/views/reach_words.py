"""What is told of a campaign's reach: the lines of its table, and the columns of its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from flask_babel import gettext as _

from admin.texts import WORDS, word
from campaigns.reach.measures import Counts, Measure

Parts = Mapping[tuple[int | None, int | None, str | None], Counts]


@dataclass(frozen=True, slots=True)
class Row:
    """A line over all steps: `values` of each, then of all. `is_part` of the line above it."""

    name: str
    values: list[int]
    is_part: bool = False


def step_name(number: int) -> str:
    return _("Lần nhắc %(n)s", n=number - 1) if number > 1 else _("Tin đầu")


def step_rows(steps: Iterable[Counts], total: Counts, *, price: float, kind: str, has_app: bool) -> list[Row]:
    """What became of each step's messages, and what people did meanwhile."""
    columns = [*steps, total]

    def row(name: str, of: Callable[[Counts], int], *, is_part: bool = False) -> Row:
        return Row(name, [of(each) for each in columns], is_part)

    def parts(measure: Measure, family: str) -> list[Row]:
        of_all = total.by.get(measure, {})

        def one(detail: str) -> Row:
            return row(
                _word(family, detail, kind),
                lambda each: each.by.get(measure, {}).get(detail, 0),
                is_part=True,
            )

        return [one(detail) for detail in sorted(of_all, key=lambda each: -of_all[each])]

    rows = [
        row(_("Tin của bước này"), lambda each: each.messages),
        row(
            _("Bỏ qua khi đến lượt (không cần hoặc không được gửi)"), lambda each: sum(each.skipped.values())
        ),
        *parts(Measure.SKIPPED, "skip"),
        row(_("Còn chờ hoặc đang xác minh"), lambda each: each.waiting),
        row(_("Đã hủy"), lambda each: each.cancelled),
        row(_("Đã gửi (tổng đài đã nhận)"), lambda each: each.sent),
        row(_("Đã đến máy"), lambda each: each.delivered),
        row(_("Không đến được"), lambda each: each.failed),
        *parts(Measure.CAUSES, "cause"),
        row(_("Liên kết đã mở (chưa kiểm chứng)"), lambda each: each.opened),
        *([row(_("Đã bấm nút cài đặt"), lambda each: each.clicked)] if has_app else []),
        row(_("Đã trả lời"), lambda each: each.answered),
        *parts(Measure.ANSWERS, "answer"),
        row(_("Tự báo đã xong"), lambda each: each.installed),
        row(_("Chi phí, đồng"), lambda each: round(each.segments * price)),
    ]
    return [each for each in rows if not each.is_part or any(each.values)]


def file_rows(
    parts: Parts,
    *,
    steps: Mapping[int, int],
    organisations: Mapping[int, str],
    places: Mapping[str, tuple[str, str]],
    price: float,
    kind: str = "",
) -> list[list[str | int]]:
    """A header and a row for each step, organisation and place. `steps` are their numbers, `places` (district, commune)."""
    found = sorted(
        {
            (measure, detail)
            for counts in parts.values()
            for measure in counts.by
            for detail in counts.by[measure]
        }
    )
    order = list(Measure)
    columns = sorted(found, key=lambda column: (order.index(column[0]), column[1]))
    head: list[str | int] = [
        _("Bước"),
        _("Tổ chức"),
        _("Huyện, thành phố"),
        _("Xã, phường, thị trấn"),
        _("Mã địa bàn"),
    ]
    rows = [[*head, *(_column(*column, kind) for column in columns), _("Chi phí, đồng")]]

    def place_in_order(key: tuple[int | None, int | None, str | None]) -> tuple[int, str, str]:
        step_id, owner, area = key
        return steps.get(step_id or 0, 0), organisations.get(owner or 0, ""), area or ""

    for key in sorted(parts, key=place_in_order):
        step_id, owner, area = key
        counts = parts[key]
        district, commune = places.get(area or "", ("", ""))
        rows.append(
            [
                step_name(steps[step_id]) if step_id else _("Cả chiến dịch"),
                organisations.get(owner or 0, ""),
                district,
                commune,
                area or "",
                *(counts.by.get(measure, {}).get(detail, 0) for measure, detail in columns),
                round(counts.segments * price),
            ]
        )
    return rows


def _column(measure: Measure, detail: str, kind: str) -> str:
    names = {
        Measure.RECIPIENTS: _("Người nhận"),
        Measure.EXCLUDED: _("Không gửi"),
        Measure.WRITTEN: _("Người đã được gửi tin"),
        Measure.ARRIVED: _("Người có tin đến máy"),
        Measure.WRITTEN_INSTALLED: _("Đã được gửi tin và tự báo đã xong"),
        Measure.WRITTEN_WITHOUT: _("Đã được gửi tin và báo không có điện thoại thông minh"),
        Measure.MESSAGES: _("Tin"),
        Measure.SKIPPED: _("Tin bỏ qua"),
        Measure.CAUSES: _("Tin không đến được"),
        Measure.SEGMENTS: _("Số tin tính cước"),
        Measure.OPENED: _("Liên kết đã mở (chưa kiểm chứng)"),
        Measure.CLICKED: _("Đã bấm nút cài đặt"),
        Measure.ANSWERS: _("Trả lời"),
        Measure.INSTALLED: _("Tự báo đã xong"),
        Measure.ARMS: _("Rút thăm vào nhóm"),
        Measure.ARMS_INSTALLED: _("Tự báo đã xong, nhóm"),
    }
    families = {
        Measure.EXCLUDED: "excluded",
        Measure.MESSAGES: "message",
        Measure.SKIPPED: "skip",
        Measure.CAUSES: "cause",
        Measure.ANSWERS: "answer",
    }
    if not detail:
        return names[measure]
    if measure in (Measure.ARMS, Measure.ARMS_INSTALLED):
        return f"{names[measure]}: {_arm(detail)}"
    family = families.get(measure)
    return f"{names[measure]}: {_word(family, detail, kind) if family else detail}"


def _arm(detail: str) -> str:
    """A group of the comparison, by its number (planning.lots)."""
    words = {"0": _("không nhắn"), "1": _("nội dung thứ nhất"), "2": _("nội dung thứ hai")}
    return words.get(detail, detail)


def _word(family: str, detail: str, kind: str) -> str:
    return word(detail, family, kind) if f"{family}.{detail}" in WORDS else detail
