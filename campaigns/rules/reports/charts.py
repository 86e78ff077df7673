"""Charts of the daily report: places by their share, official and self-reported, and self-reports day by day."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.rules.progress import ShareBasis
from campaigns.rules.reports.document import UNKNOWN, Bar, Chart, cell, percent, short_day
from campaigns.rules.reports.snapshot import Snapshot
from campaigns.rules.reports.template import ReportTemplate

_MOST_BARS = 30


def draw_bars(snapshot: Snapshot, template: ReportTemplate) -> list[Chart]:
    """Return the charts of places by each source, and of self-reports day by day."""
    charts = []
    # More bars than that are no chart; the table has them.
    places = snapshot.districts if len(snapshot.districts) <= _MOST_BARS else ()
    if any(place.official_share is not None for place in places):
        goal = snapshot.residents.share if snapshot.residents else None
        bars = _bars([(place.name, place.official_share) for place in places])
        title = f"Hình 1. Tỷ lệ {template.done} trên số {template.owners} (số chính thức)"
        charts.append(_draw_shares("official", title, bars, goal))
    lines = [line for line in snapshot.lines if places]
    if any(line.share is not None for line in lines):
        goal = snapshot.headline.goal if snapshot.headline else None
        bars = _bars([(line.name, line.share) for line in lines])
        is_entered = snapshot.places_basis is ShareBasis.ENTERED
        base = f"số {template.owners or 'người thuộc diện'}" if is_entered else "số người được nhắn tin"
        title = f"Hình {len(charts) + 1}. Tỷ lệ người dân {snapshot.did(template.done)} trên {base}"
        charts.append(_draw_shares("reported", title, bars, goal))
    if len(snapshot.days) > 1:
        bars = tuple(Bar(short_day(day)[:-5], float(count), cell(count)) for day, count in snapshot.days)
        charts.append(
            Chart(
                "days",
                f"Hình {len(charts) + 1}. Số người {snapshot.did(template.done)}, cộng dồn đến từng ngày",
                bars,
                _describe(bars),
                is_share=False,
            )
        )
    return charts


def _draw_shares(name: str, title: str, bars: tuple[Bar, ...], goal: float | None) -> Chart:
    goal_text = f"mục tiêu {percent(goal, is_exact=True)}" if goal else ""
    return Chart(name, title, bars, _describe(bars), goal=goal, goal_text=goal_text)


def _bars(shares: Sequence[tuple[str, float | None]]) -> tuple[Bar, ...]:
    """Return the bars, highest share first, unknown ones last."""
    ordered = sorted(shares, key=lambda share: (share[1] is None, -(share[1] or 0.0)))
    return tuple(
        Bar(name, value, percent(value) if value is not None else UNKNOWN) for name, value in ordered
    )


def _describe(bars: Sequence[Bar]) -> str:
    return "; ".join(f"{bar.label}: {bar.text}" for bar in bars)
