"""What is known now of a day that was reported already, and what was said of it: change by change. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Any, TypeVar

from campaigns.rules.activities import ActivityKind as Means
from campaigns.rules.reports.document import ACTIVITY_NAMES, Cell, cell, short_day
from campaigns.rules.reports.snapshot import (
    AgencyFigures,
    CampaignFigures,
    OrganisationFigures,
    Outreach,
    PlaceFigures,
    SelfReported,
    Snapshot,
)

Each = TypeVar("Each")
# Of what is printed and is no figure that stands by itself.
OTHER = "Nội dung khác (tên gọi, mục tiêu, ngày bắt đầu)"


class ChangeKind(StrEnum):
    """`ADDED`: nothing was known before."""

    ADDED = "added"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class FigureChange:
    """One figure, from what to what; None is not known."""

    what: str
    before: Cell
    after: Cell

    def as_data(self) -> dict[str, Any]:
        """What makes it again: `Change(**data)`."""
        return asdict(self)

    @property
    def kind(self) -> ChangeKind:
        return ChangeKind.ADDED if self.before is None else ChangeKind.CORRECTED


def describe_change(change: FigureChange) -> str:
    """Sở Y tế: tổng số người: 1.204 (đã báo cáo: 1.200)"""
    before = "chưa rõ" if change.before is None else f"{cell(change.before)}"
    return f"{change.what}: {cell(change.after)} (đã báo cáo: {before})"


def find_changes(said: Snapshot, now: Snapshot, *, done: str) -> list[FigureChange]:
    """From the snapshot that a report was made of to the same hour's as it is known now: every figure that is printed.

    `done` is the form's verb. Where all that differs is no figure of its own, one line says that something does.
    """
    pairs = [
        *_places(said, now),
        *_bodies(said, now),
        *_agencies(said, now, done=done),
        *_campaigns(said, now, done=done),
        *_outreach(said, now),
        *_days(said, now),
    ]
    changes = [change for change in pairs if change.before != change.after]
    if _differs_otherwise(said, now):
        changes.append(FigureChange(OTHER, "như báo cáo đã gửi", "như báo cáo dưới đây"))
    return changes


def _pairs(
    said: Iterable[Each], now: Iterable[Each], key: Callable[[Each], Hashable]
) -> Iterator[tuple[Each | None, Each | None]]:
    """What was said and what is known of each, in the order of now; what is there no longer comes last."""
    before = {key(each): each for each in said}
    for each in now:
        yield before.pop(key(each), None), each
    for gone in before.values():
        yield gone, None


def _places(said: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    yield from _place(said.whole, now.whole, has_source=True, is_whole=True)
    districts = {place.code for place in (*said.districts, *now.districts)}
    for was, are in ((said.districts, now.districts), (said.communes, now.communes)):
        for before, after in _pairs(was, are, lambda place: place.code):
            some = after or before
            assert some is not None
            nothing = PlaceFigures(some.code, some.name, SelfReported())
            # Districts' sources are named where the province has no figure of its own.
            is_named = some.code in districts and now.whole.official is None
            yield from _place(before or nothing, after or nothing, has_source=is_named)


def _place(
    before: PlaceFigures, after: PlaceFigures, *, has_source: bool, is_whole: bool = False
) -> Iterator[FigureChange]:
    name = after.name
    was, is_now = before.official, after.official
    yield FigureChange(
        f"Số chính thức, {name}", was.installed if was else None, is_now.installed if is_now else None
    )
    if was and is_now:
        yield FigureChange(f"Số chính thức, {name}: tính đến ngày", short_day(was.day), short_day(is_now.day))
        if has_source:
            yield FigureChange(f"Số chính thức, {name}: nguồn", was.source, is_now.source)
    had, has = before.owners, after.owners
    yield FigureChange(
        f"Người có điện thoại thông minh, {name}", had.count if had else None, has.count if has else None
    )
    if is_whole and was and is_now and had and has:
        yield FigureChange(
            f"Người có điện thoại thông minh, {name}: số liệu ngày", short_day(had.day), short_day(has.day)
        )
        yield FigureChange(f"Người có điện thoại thông minh, {name}: nguồn", had.source, has.source)
    yield FigureChange(f"Số tự báo, {name}", _reported(before.reported), _reported(after.reported))
    yield FigureChange(f"Số thuộc diện nhắn tin, {name}", _could(before.reported), _could(after.reported))


def _reported(reported: SelfReported) -> int | None:
    return reported.reported if reported.recipients else None


def _could(reported: SelfReported) -> int | None:
    return reported.could if reported.recipients else None


def _bodies(said: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    for was, after in _paired_bodies(said, now):
        some = after or was
        assert some is not None
        nothing = OrganisationFigures(some.name, SelfReported())
        before, known = (was or nothing).reported, (after or nothing).reported
        yield FigureChange(f"{some.name}: đã trả lời", before.answered if was else None, known.answered)
        yield FigureChange(f"{some.name}: số tự báo", _reported(before), _reported(known))
        yield FigureChange(f"{some.name}: số thuộc diện nhắn tin", _could(before), _could(known))


def _paired_bodies(
    said: Snapshot, now: Snapshot
) -> Iterator[tuple[OrganisationFigures | None, OrganisationFigures | None]]:
    is_known = all(each.id is not None for each in said.bodies)
    return _pairs(said.bodies, now.bodies, lambda body: body.id if is_known else body.name)


def _agencies(said: Snapshot, now: Snapshot, *, done: str) -> Iterator[FigureChange]:
    for was, after in _pairs(said.agencies, now.agencies, lambda agency: agency.id):
        some = after or was
        assert some is not None
        nothing = AgencyFigures(some.id, some.name, None, None, None, None, is_missing=True)
        before, known = was or nothing, after or nothing
        # A figure of an earlier day stood in for the one that was missing: what is handed in now is an addition.
        is_late = before.is_missing and not known.is_missing
        figures = [
            FigureChange(f"{some.name}: {what}", None if is_late and new is not None else old, new)
            for what, old, new in (
                ("tổng số người", before.staff, known.staff),
                ("người có điện thoại thông minh", before.with_smartphone, known.with_smartphone),
                (f"số người đã {done}", before.installed, known.installed),
            )
        ]
        yield from figures
        if all(change.before == change.after for change in figures):
            yield FigureChange(f"{some.name}: số liệu ngày", _day(before.day), _day(known.day))


def _day(day: str | None) -> str | None:
    return short_day(day) if day else None


def _campaigns(said: Snapshot, now: Snapshot, *, done: str) -> Iterator[FigureChange]:
    names = [each.name for each in now.campaigns]
    for was, after in _paired_campaigns(said, now):
        some = after or was
        assert some is not None
        name = f"Đợt “{some.name}”"
        if names.count(some.name) > 1:
            name += f", bắt đầu {short_day(some.launched_on)}"
        before = _sent(was, done=done)
        for what, known in _sent(after, done=done).items():
            yield FigureChange(f"{name}: {what}", before[what], known)


def _paired_campaigns(
    said: Snapshot, now: Snapshot
) -> Iterator[tuple[CampaignFigures | None, CampaignFigures | None]]:
    if all(each.id is not None for each in said.campaigns):
        return _pairs(said.campaigns, now.campaigns, lambda campaign: campaign.id)
    # An earlier issue does not say which is which; their order stays.
    return zip_longest(said.campaigns, now.campaigns)


def _sent(sent: CampaignFigures | None, *, done: str) -> dict[str, int | None]:
    return {
        "người nhận": sent.recipients if sent else None,
        "đã gửi": sent.sent if sent else None,
        "đến máy": sent.delivered if sent else None,
        "trả lời": sent.reported.answered if sent else None,
        f"tự báo đã {done}": sent.reported.reported if sent else None,
    }


def _outreach(said: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    for was, after in _pairs(said.outreach, now.outreach, lambda line: line.kind):
        some = after or was
        assert some is not None
        name = ACTIVITY_NAMES[Means(some.kind)]
        known = after or Outreach(some.kind, 0, 0, None)
        yield FigureChange(f"{name}: số lượt", was.times if was else None, known.times)
        yield FigureChange(f"{name}: số lượt trong ngày", was.today if was else 0, known.today)
        yield FigureChange(f"{name}: số lượt người", was.people if was else None, known.people)


def _days(said: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    """Self-reports as they stood day by day; the last day but one is mostly what the report before is."""
    if (said.before, now.before) != (_day_before(said), _day_before(now)):
        yield FigureChange("Số tự báo của kỳ báo cáo trước", said.before, now.before)
    for was, after in _pairs(said.days, now.days, lambda day: day[0]):
        day = (after or was or ("", 0))[0]
        yield FigureChange(
            f"Số tự báo, cộng dồn đến {short_day(day)}", was[1] if was else None, after[1] if after else None
        )


def _day_before(snapshot: Snapshot) -> int | None:
    return snapshot.days[-2][1] if len(snapshot.days) > 1 else None


def _differs_otherwise(said: Snapshot, now: Snapshot) -> bool:
    """Whether goals, or what something is called, or since when it is counted, are printed differently."""
    if (said.residents, said.staff, said.since) != (now.residents, now.staff, now.since):
        return True
    places = (
        *_pairs(said.districts, now.districts, lambda place: place.code),
        *_pairs(said.communes, now.communes, lambda place: place.code),
    )
    agencies = _pairs(said.agencies, now.agencies, lambda agency: agency.id)
    return any(
        was and after and was.name != after.name
        for pairs in (places, agencies, _paired_bodies(said, now), _paired_campaigns(said, now))
        for was, after in pairs
    ) or any(
        was and after and was.launched_on != after.launched_on for was, after in _paired_campaigns(said, now)
    )
