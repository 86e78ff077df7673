"""What the report says: body, residents.

What the daily report says, from a snapshot and the form. Pure.

Each figure comes with what it was computed on, its day and its source; what is not known is said to be unknown.

What the daily report says of residents: by each source, place by place, and as charts. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from campaigns.rules.activities import ActivityKind
from campaigns.rules.reports.document import (
    ACTIVITY_NAMES,
    Alignment,
    Bar,
    Block,
    Cell,
    Chart,
    Column,
    Paragraph,
    ShareCell,
    Style,
    Table,
    hour,
    long_day,
    percent,
    said,
    short_day,
)
from campaigns.rules.reports.snapshot import Outreach, PlaceFigures, SelfReported, Snapshot
from campaigns.rules.reports.template import ReportTemplate


def opening(snapshot: Snapshot, form: ReportTemplate) -> list[Block]:
    """The legal bases, and the sentence that the report begins with."""
    last = len(form.bases) - 1
    bases: list[Block] = [
        Paragraph(f"{basis}{'.' if n == last else ';'}", Style.BASIS) for n, basis in enumerate(form.bases)
    ]
    return [
        *bases,
        Paragraph(
            f"{form.issuer_in_text} báo cáo kết quả vận động {form.action} trên địa bàn, "
            f"số liệu tính đến {until(snapshot)}, như sau:"
        ),
    ]


def results(snapshot: Snapshot, form: ReportTemplate) -> list[Block]:
    """Part I: agencies' staff, residents by each source, what was done to reach them."""
    return [
        Paragraph("I. KẾT QUẢ THỰC HIỆN", Style.PART),
        *_staff(snapshot, form),
        *residents(snapshot, form),
        *_outreach(snapshot, form),
    ]


def shortcomings(snapshot: Snapshot, form: ReportTemplate) -> list[Block]:
    """Part II: what is missing, from whom, and how much."""
    lines = []
    if snapshot.missing:
        lines.append(
            f"{said(len(snapshot.missing))}/{said(len(snapshot.agencies))} cơ quan, đơn vị chưa gửi số liệu trong ngày: "
            f"{'; '.join(snapshot.missing)}."
        )
    if snapshot.without_official and len(snapshot.without_official) == len(snapshot.districts):
        lines.append("Chưa có số liệu chính thức của các huyện, thành phố.")
    elif snapshot.without_official:
        lines.append(
            f"{said(len(snapshot.without_official))}/{said(len(snapshot.districts))} huyện, thành phố chưa có số liệu "
            f"chính thức: {', '.join(map(_lower, snapshot.without_official))}."
        )
    if snapshot.whole.owners is None:
        lines.append(
            "Chưa có số liệu về số người có điện thoại thông minh trên địa bàn, nên chưa tính được tỷ lệ chung của tỉnh."
        )
    lines += _gaps(snapshot, form)
    if not lines:
        lines = ["Các cơ quan, đơn vị, địa phương đã gửi đầy đủ số liệu; các mục tiêu đã đạt."]
    return [Paragraph("II. TỒN TẠI, HẠN CHẾ", Style.PART), *(Paragraph(f"- {line}") for line in lines)]


def ending(snapshot: Snapshot, form: ReportTemplate) -> list[Block]:
    """Part III where something is proposed, and the last sentence with its mark."""
    proposed: list[Block] = []
    if form.proposals:
        proposed = [
            Paragraph("III. ĐỀ XUẤT, KIẾN NGHỊ", Style.PART),
            *(Paragraph(f"{n}. {line}.") for n, line in enumerate(form.proposals, 1)),
        ]
    return [
        *proposed,
        Paragraph(
            f"Trên đây là báo cáo kết quả vận động {form.action} {long_day(snapshot.day)}, "
            f"{form.issuer_in_text} trân trọng báo cáo./."
        ),
    ]


def _lower(name: str) -> str:
    """huyện Đắk Hà, within a sentence."""
    return name[:1].lower() + name[1:]


def until(snapshot: Snapshot) -> str:
    """13 giờ 30 phút, ngày 20 tháng 8 năm 2020"""
    return f"{hour(datetime.fromisoformat(snapshot.as_of))}, {long_day(snapshot.as_of[:10])}"


# -- agencies' staff


def _staff(snapshot: Snapshot, form: ReportTemplate) -> list[Block]:
    heading = Paragraph(
        f"1. {form.staff} (mục tiêu {percent(snapshot.staff.share, is_exact=True)})", Style.HEADING
    )
    agencies = snapshot.agencies
    if not agencies:
        return [heading, Paragraph("Chưa có cơ quan, đơn vị nào được giao báo cáo số liệu trên hệ thống.")]
    handed_in = len(agencies) - len(snapshot.missing)
    known = [each for each in agencies if each.with_smartphone is not None and each.installed is not None]
    owners = sum(each.with_smartphone or 0 for each in known)
    installed = sum(each.installed or 0 for each in known)
    lines = [
        f"Đã gửi số liệu trong ngày: {said(handed_in)}/{said(len(agencies))} cơ quan, đơn vị"
        + ("; nơi chưa gửi được tính theo số liệu gần nhất đã gửi." if snapshot.missing else ".")
    ]
    if owners:
        gap = owners - installed
        lines.append(
            f"Tại {said(len(known))} cơ quan, đơn vị đã có đủ số liệu, {said(installed)}/{said(owners)} người có "
            f"điện thoại thông minh đã {form.done}, đạt {percent(installed / owners)}"
            + (f"; còn {said(gap)} người chưa {form.done}." if gap else ".")
        )
    if len(known) < len(agencies):
        lines.append(
            f"{said(len(agencies) - len(known))} cơ quan, đơn vị chưa có đủ số liệu, không tính vào tỷ lệ nêu trên."
        )
    lines.append("Số liệu do từng cơ quan, đơn vị tự tổng hợp; chi tiết tại Phụ lục I.")
    return [heading, *(Paragraph(f"- {line}") for line in lines)]


# -- what was done


def _outreach(snapshot: Snapshot, form: ReportTemplate) -> list[Block]:
    blocks: list[Block] = [Paragraph("3. Công tác tuyên truyền, vận động", Style.HEADING)]
    if snapshot.outreach:
        told = "; ".join(_told(line) for line in snapshot.outreach)
        blocks.append(Paragraph(f"- Từ ngày {short_day(snapshot.since)} đến nay: {told}."))
    if not snapshot.campaigns:
        return [*blocks, Paragraph("- Chưa nhắn tin vận động.")]
    columns = (
        Column("Đợt nhắn tin", 30, Alignment.LEFT),
        Column("Ngày bắt đầu", 13, Alignment.CENTER),
        Column("Người nhận", 12),
        Column("Đã gửi", 11),
        Column("Đến máy", 11),
        Column("Trả lời", 11),
        Column(f"Tự báo đã {form.done}", 12),
    )
    rows = tuple(
        (
            each.name,
            short_day(each.launched_on),
            each.recipients,
            each.sent,
            each.delivered,
            each.reported.answered,
            each.reported.reported,
        )
        for each in snapshot.campaigns
    )
    return [*blocks, Table("Nhắn tin", "Bảng 2. Các đợt nhắn tin vận động", columns, rows)]


def _told(line: Outreach) -> str:
    text = f"{_lower(ACTIVITY_NAMES[ActivityKind(line.kind)])} {said(line.times)} lượt"
    more = [f"trong ngày {said(line.today)}"] if line.today else []
    more += [f"{said(line.people)} lượt người"] if line.people is not None else []
    return f"{text} ({', '.join(more)})" if more else text


def _gaps(snapshot: Snapshot, form: ReportTemplate) -> list[str]:
    """How far from each goal, in people."""
    lines = []
    known = [
        each for each in snapshot.agencies if each.with_smartphone is not None and each.installed is not None
    ]
    behind = [each for each in known if (each.share or 0.0) < snapshot.staff.share and each.with_smartphone]
    if behind:
        lines.append(
            f"{said(len(behind))}/{said(len(known))} cơ quan, đơn vị có đủ số liệu chưa đạt mục tiêu "
            f"{percent(snapshot.staff.share, is_exact=True)}."
        )
    whole, goal = snapshot.whole, snapshot.residents
    if whole.official and whole.owners and goal:
        gap = -int(-goal.share * whole.owners.count // 1) - whole.official.installed
        if gap > 0:
            lines.append(
                f"Theo số liệu chính thức, toàn tỉnh còn thiếu {said(gap)} người so với mục tiêu {percent(goal.share, is_exact=True)}."
            )
    return lines


def residents(snapshot: Snapshot, form: ReportTemplate) -> list[Block]:
    goal = ""
    if snapshot.residents:
        by = f", đến hết ngày {short_day(snapshot.residents.until)}" if snapshot.residents.until else ""
        goal = f" (mục tiêu tối thiểu {percent(snapshot.residents.share, is_exact=True)}{by})"
    return [
        Paragraph(f"2. {form.residents}{goal}", Style.HEADING),
        Paragraph(f"a) Số liệu chính thức: {_official(snapshot, form)}"),
        Paragraph(f"b) Số liệu người dân tự báo: {_self_reported(snapshot, form)}"),
        Paragraph("Hai nguồn số liệu trên được theo dõi riêng, không cộng gộp với nhau."),
        _by_district(snapshot, form),
        *_charts(snapshot, form),
    ]


def _official(snapshot: Snapshot, form: ReportTemplate) -> str:
    known = [place.official for place in snapshot.districts if place.official]
    whole = snapshot.whole
    if whole.official is None and not known:
        return "chưa có số liệu được công bố."
    sources = "; ".join(sorted({each.source for each in known}))
    oldest = min((each.day for each in known), default=snapshot.day)
    days = (
        f"tính đến ngày {short_day(oldest)}"
        if len({each.day for each in known}) == 1
        else (f"của các ngày từ {short_day(oldest)}")
    )
    if whole.official is None:
        return (
            f"{said(len(known))}/{said(len(snapshot.districts))} huyện, thành phố đã có số liệu, cộng "
            f"{said(sum(each.installed for each in known))} máy đã {form.done} ({days}; nguồn: {sources}). "
            "Chưa đủ số liệu của tất cả các huyện, thành phố để tính tỷ lệ chung của tỉnh."
        )
    text = f"{said(whole.official.installed)} máy đã {form.done} ({days}; nguồn: {whole.official.source})"
    if whole.owners and whole.official_share is not None:
        text += (
            f", đạt {percent(whole.official_share)} so với {said(whole.owners.count)} người có điện thoại thông minh "
            f"(số liệu ngày {short_day(whole.owners.day)}; nguồn: {whole.owners.source})"
        )
    return f"{text}."


def _self_reported(snapshot: Snapshot, form: ReportTemplate) -> str:
    total = snapshot.whole.reported
    if not total.recipients:
        return "chưa nhắn tin vận động."
    text = (
        f"{said(total.reported)} người tự báo đã {form.done}, trong số {said(total.could)} số điện thoại thuộc diện "
        "nhắn tin (không tính những người báo không có điện thoại thông minh)"
    )
    if total.share is not None:
        text += f", đạt {percent(total.share)}"
    if snapshot.before is not None:
        text += f"; {_change(total.reported - snapshot.before)} so với kỳ báo cáo trước"
    if snapshot.whole.owners:
        text += f"; bằng {percent(total.reported / snapshot.whole.owners.count)} số người có điện thoại thông minh"
    return f"{text}."


def _change(difference: int) -> str:
    if difference == 0:
        return "không thay đổi"
    return f"{'tăng' if difference > 0 else 'giảm'} {said(abs(difference))} người"


def _by_district(snapshot: Snapshot, form: ReportTemplate) -> Table:
    columns = (
        Column("TT", 5, Alignment.CENTER),
        Column("Huyện, thành phố", 22, Alignment.LEFT),
        Column("Số chính thức", 11),
        Column("Tính đến ngày", 16, Alignment.CENTER),  # a bold date in one line
        Column("Người có ĐTTM", 12),
        Column("Tỷ lệ", 10),
        Column("Tự báo", 9),
        Column("Trên tổng số", 10),
        Column("Tỷ lệ", 10),
    )
    rows = [place_row(str(n), place.name, place) for n, place in enumerate(snapshot.districts, 1)]
    rows.append(place_row("", "Toàn tỉnh", snapshot.whole))
    return Table(
        "Huyện, thành phố",
        f"Bảng 1. Kết quả {form.done} theo huyện, thành phố",
        columns,
        tuple(rows),
        has_total=True,
    )


def place_row(n: str, name: str, place: PlaceFigures) -> tuple[Cell, ...]:
    """A place's cells: official installs, their day and share, then what was reported, on what, and its share."""
    official = place.official
    return (
        n,
        name,
        official.installed if official else None,
        short_day(official.day) if official else None,
        place.owners.count if place.owners else None,
        ShareCell(place.official_share) if place.official_share is not None else None,
        *reported_cells(place.reported),
    )


def reported_cells(reported: SelfReported) -> tuple[Cell, ...]:
    """Self-reports, on how many, and the share; unknown where nobody was written to."""
    if not reported.recipients:
        return (None, None, None)
    share = reported.share
    return (reported.reported, reported.could, ShareCell(share) if share is not None else None)


def _charts(snapshot: Snapshot, form: ReportTemplate) -> list[Chart]:
    charts = []
    if any(place.official_share is not None for place in snapshot.districts):
        goal = snapshot.residents.share if snapshot.residents else None
        bars = _bars([(place.name, place.official_share) for place in snapshot.districts])
        charts.append(
            Chart(
                "official",
                f"Hình 1. Tỷ lệ {form.done} trên số người có điện thoại thông minh (số chính thức)",
                bars,
                _describe(bars),
                goal=goal,
                goal_text=f"mục tiêu {percent(goal, is_exact=True)}" if goal else "",
            )
        )
    if any(place.reported.share is not None for place in snapshot.districts):
        bars = _bars([(place.name, place.reported.share) for place in snapshot.districts])
        charts.append(
            Chart(
                "reported",
                f"Hình {len(charts) + 1}. Tỷ lệ người dân tự báo đã {form.done} trên số thuộc diện nhắn tin",
                bars,
                _describe(bars),
            )
        )
    if len(snapshot.days) > 1:
        bars = tuple(Bar(short_day(day)[:-5], float(count), said(count)) for day, count in snapshot.days)
        charts.append(
            Chart(
                "days",
                f"Hình {len(charts) + 1}. Số người tự báo đã {form.done}, cộng dồn đến từng ngày",
                bars,
                _describe(bars),
                is_share=False,
            )
        )
    return charts


def _bars(shares: Sequence[tuple[str, float | None]]) -> tuple[Bar, ...]:
    """The furthest first, what is not known last."""
    ordered = sorted(shares, key=lambda each: (each[1] is None, -(each[1] or 0.0)))
    return tuple(
        Bar(name, value, percent(value) if value is not None else "chưa rõ") for name, value in ordered
    )


def _describe(bars: Sequence[Bar]) -> str:
    return "; ".join(f"{bar.label}: {bar.text}" for bar in bars)
