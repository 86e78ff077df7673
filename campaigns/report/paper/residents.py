"""What the daily report says of residents: by each source, place by place, and as charts. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.report.form import Form
from campaigns.report.paper.blocks import Bar, Block, Chart, Column, Paragraph, Side, Style, Table
from campaigns.report.paper.words import Cell, Share, percent, said, short_day
from campaigns.report.snapshot.figures import Place, Reported, Snapshot


def residents(snapshot: Snapshot, form: Form) -> list[Block]:
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


def _official(snapshot: Snapshot, form: Form) -> str:
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


def _self_reported(snapshot: Snapshot, form: Form) -> str:
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


def _by_district(snapshot: Snapshot, form: Form) -> Table:
    columns = (
        Column("TT", 5, Side.CENTER),
        Column("Huyện, thành phố", 22, Side.LEFT),
        Column("Số chính thức", 11),
        Column("Tính đến ngày", 16, Side.CENTER),  # a bold date in one line
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


def place_row(n: str, name: str, place: Place) -> tuple[Cell, ...]:
    """A place's cells: official installs, their day and share, then what was reported, on what, and its share."""
    official = place.official
    return (
        n,
        name,
        official.installed if official else None,
        short_day(official.day) if official else None,
        place.owners.count if place.owners else None,
        Share(place.official_share) if place.official_share is not None else None,
        *reported_cells(place.reported),
    )


def reported_cells(reported: Reported) -> tuple[Cell, ...]:
    """Self-reports, on how many, and the share; unknown where nobody was written to."""
    if not reported.recipients:
        return (None, None, None)
    share = reported.share
    return (reported.reported, reported.could, Share(share) if share is not None else None)


def _charts(snapshot: Snapshot, form: Form) -> list[Chart]:
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
