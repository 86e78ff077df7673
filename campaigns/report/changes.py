"""What is known now of a day that was reported already, and what was said of it: change by change. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from campaigns.publicity.entry import Kind as Means
from campaigns.report.paper.words import MEANS, Cell, cell
from campaigns.report.snapshot.figures import Agency, Place, Snapshot


class Kind(StrEnum):
    """`ADDED`: nothing was known before."""

    ADDED = "added"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class Change:
    """One figure, from what to what; None is not known."""

    what: str
    before: Cell
    after: Cell

    def as_data(self) -> dict[str, Any]:
        """What makes it again: `Change(**data)`."""
        return asdict(self)

    @property
    def kind(self) -> Kind:
        return Kind.ADDED if self.before is None else Kind.CORRECTED


def in_words(change: Change) -> str:
    """Sở Y tế: tổng số người: 1.204 (đã báo cáo: 1.200)"""
    before = "chưa rõ" if change.before is None else f"{cell(change.before)}"
    return f"{change.what}: {cell(change.after)} (đã báo cáo: {before})"


def find_changes(said: Snapshot, now: Snapshot) -> list[Change]:
    """From the snapshot that a report was made of to the same hour's as it is known now."""
    pairs = [*_places(said, now), *_agencies(said, now), *_others(said, now)]
    return [change for change in pairs if change.before != change.after]


def _places(said: Snapshot, now: Snapshot) -> Iterator[Change]:
    for before, after in _by_code(said, now):
        name = after.name
        yield Change(
            f"Số chính thức, {name}",
            before.official.installed if before.official else None,
            after.official.installed if after.official else None,
        )
        yield Change(
            f"Người có điện thoại thông minh, {name}",
            before.owners.count if before.owners else None,
            after.owners.count if after.owners else None,
        )
        yield Change(f"Số tự báo, {name}", _reported(before), _reported(after))
        yield Change(f"Số thuộc diện nhắn tin, {name}", _could(before), _could(after))


def _by_code(said: Snapshot, now: Snapshot) -> Iterator[tuple[Place, Place]]:
    yield said.whole, now.whole
    for was, are in ((said.districts, now.districts), (said.communes, now.communes)):
        before: Mapping[str, Place] = {place.code: place for place in was}
        yield from ((before[place.code], place) for place in are if place.code in before)


def _reported(place: Place) -> int | None:
    return place.reported.reported if place.reported.recipients else None


def _could(place: Place) -> int | None:
    return place.reported.could if place.reported.recipients else None


def _agencies(said: Snapshot, now: Snapshot) -> Iterator[Change]:
    before = {agency.id: agency for agency in said.agencies}
    for after in now.agencies:
        was = before.get(after.id) or Agency(after.id, after.name, None, None, None, None, is_missing=True)
        # A figure of an earlier day stood in for the one that was missing: what is handed in now is an addition.
        is_late = was.is_missing and not after.is_missing
        for what, old, new in (
            ("tổng số người", was.staff, after.staff),
            ("người có điện thoại thông minh", was.with_smartphone, after.with_smartphone),
            ("số người đã hoàn thành", was.installed, after.installed),
        ):
            yield Change(f"{after.name}: {what}", None if is_late else old, new)


def _others(said: Snapshot, now: Snapshot) -> Iterator[Change]:
    sent = {each.name: each for each in said.campaigns}
    for each in now.campaigns:
        if was := sent.get(each.name):
            yield Change(f"Đợt “{each.name}”: đến máy", was.delivered, each.delivered)
    heard = {each.kind: each for each in said.outreach}
    for line in now.outreach:
        before = heard.get(line.kind)
        yield Change(f"{MEANS[Means(line.kind)]}: số lượt", before.times if before else None, line.times)
        yield Change(
            f"{MEANS[Means(line.kind)]}: số lượt người", before.people if before else None, line.people
        )
