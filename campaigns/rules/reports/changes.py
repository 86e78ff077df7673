"""Changes between the snapshot of a report already issued and the figures known now."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import zip_longest
from typing import Any, TypeVar

from campaigns.rules.activities import ActivityKind
from campaigns.rules.kind_words import SMARTPHONE_OWNERS
from campaigns.rules.progress import ShareBasis
from campaigns.rules.reports.document import ACTIVITY_NAMES, Cell, cell, percent, said, short_day
from campaigns.rules.reports.snapshot import (
    AgencyFigures,
    CampaignFigures,
    Headline,
    OrganisationFigures,
    Outreach,
    PlaceFigures,
    SelfReported,
    Snapshot,
    common_basis,
    staff_total,
)

Item = TypeVar("Item")
# Stands for changes that are not in a figure.
OTHER = "Nội dung khác (tên gọi, mục tiêu, ngày bắt đầu)"


class ChangeKind(StrEnum):
    """Kinds of changes; `ADDED` means that the figure was unknown before."""

    ADDED = "added"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class FigureChange:
    """Change of one figure; None is unknown."""

    what: str
    before: Cell
    after: Cell

    def as_data(self) -> dict[str, Any]:
        """Return the data for `FigureChange(**data)`."""
        return asdict(self)

    @property
    def kind(self) -> ChangeKind:
        """Return ADDED if the figure was unknown before, else CORRECTED."""
        return ChangeKind.ADDED if self.before is None else ChangeKind.CORRECTED


def describe_change(change: FigureChange) -> str:
    """Describe a change in one line, such as: Sở Y tế: tổng số người: 1.204 (đã báo cáo: 1.200)."""
    before = "chưa có số liệu" if change.before is None else cell(change.before)
    return f"{change.what}: {cell(change.after)} (đã báo cáo: {before})"


def find_changes(
    issued: Snapshot, now: Snapshot, *, done: str, owners: str = SMARTPHONE_OWNERS
) -> list[FigureChange]:
    """Return the changes of printed figures since an issue, at the same hour; others as one named OTHER."""
    pairs = [
        *_headline(issued, now, owners=owners),
        *_staff_totals(issued, now, done=done, owners=owners),
        *_places(issued, now, owners),
        *_organisations(issued, now),
        *_agencies(issued, now, done=done, owners=owners),
        *_campaigns(issued, now, done=done),
        *_outreach(issued, now),
        *_own_answers(issued, now),
        *_days(issued, now),
    ]
    changes = [change for change in pairs if change.before != change.after]
    if _differs_otherwise(issued, now):
        changes.append(FigureChange(OTHER, "như báo cáo đã gửi", "như báo cáo dưới đây"))
    return changes


def _pairs(
    issued: Iterable[Item], now: Iterable[Item], key: Callable[[Item], Hashable]
) -> Iterator[tuple[Item | None, Item | None, Item]]:
    """Pair items by key, in the order of `now`, and say which tells their name; items no longer there come last."""
    before = {key(item): item for item in issued}
    for item in now:
        yield before.pop(key(item), None), item, item
    for gone in before.values():
        yield gone, None, gone


def _headline(issued: Snapshot, now: Snapshot, *, owners: str) -> Iterator[FigureChange]:
    """Compare the share that stands at the head of the report, and its base where that is an entered figure."""
    # As they are printed: what looks the same has not changed.
    shares = (None if each.head.share is None else percent(each.head.share) for each in (issued, now))
    yield FigureChange("Tỷ lệ so với mục tiêu", *shares)
    yield FigureChange("Ước tính sau kiểm tra ngẫu nhiên", _checked(issued), _checked(now))
    was, known = (each.headline.owners if each.headline else None for each in (issued, now))
    if (was, known) != (issued.whole.owners, now.whole.owners):  # else they are listed with the whole
        who = f"Tổng số {owners or 'người thuộc diện'} để tính tỷ lệ"
        yield FigureChange(who, was.count if was else None, known.count if known else None)
        if was and known:
            yield FigureChange(f"{who}: số liệu ngày", short_day(was.day), short_day(known.day))
            yield FigureChange(f"{who}: nguồn", was.source, known.source)


def _checked(snapshot: Snapshot) -> str | None:
    if (checked := snapshot.checked) is None:
        return None
    return f"{said(checked.likely)} người ({said(checked.low)} đến {said(checked.high)})"


def _staff_totals(issued: Snapshot, now: Snapshot, *, done: str, owners: str) -> Iterator[FigureChange]:
    """Compare the totals over the agencies with full figures."""
    before, after = staff_total(issued.agencies), staff_total(now.agencies)
    name = "Cộng các cơ quan, đơn vị đủ số liệu"
    yield FigureChange(f"{name}: số người đã {done}", before[0], after[0])
    yield FigureChange(f"{name}: {owners or 'thuộc diện'}", before[1], after[1])
    handed_in = (len(of.agencies) - len(of.missing) if of.agencies else None for of in (issued, now))
    yield FigureChange("Số cơ quan, đơn vị đã gửi số liệu trong ngày", *handed_in)


def _places(issued: Snapshot, now: Snapshot, owners: str) -> Iterator[FigureChange]:
    yield from _place(issued.whole, now.whole, owners, has_source=True, has_base=True, is_whole=True)
    districts = {place.code for place in (*issued.districts, *now.districts)}
    for was, are in ((issued.districts, now.districts), (issued.communes, now.communes)):
        # How many were written to is printed where it is the base of the shares.
        has_base = ShareBasis.RECIPIENTS in (common_basis(was), common_basis(are))
        for before, after, either in _pairs(was, are, lambda place: place.code):
            nothing = PlaceFigures(either.code, either.name, SelfReported())
            # Districts' sources are printed if the province has no figure of its own.
            is_named = either.code in districts and now.whole.official is None
            yield from _place(
                before or nothing, after or nothing, owners, has_source=is_named, has_base=has_base
            )


def _place(
    before: PlaceFigures,
    after: PlaceFigures,
    owners: str,
    *,
    has_source: bool,
    has_base: bool,
    is_whole: bool = False,
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
    who = f"{owners[:1].upper()}{owners[1:]}"
    yield FigureChange(f"{who}, {name}", had.count if had else None, has.count if has else None)
    if is_whole and was and is_now and had and has:
        yield FigureChange(f"{who}, {name}: số liệu ngày", short_day(had.day), short_day(has.day))
        yield FigureChange(f"{who}, {name}: nguồn", had.source, has.source)
    yield FigureChange(f"Số tự khai báo, {name}", _reported(before.reported), _reported(after.reported))
    if has_base:
        yield FigureChange(
            f"Số được vận động, {name}", _could_install(before.reported), _could_install(after.reported)
        )


def _reported(reported: SelfReported) -> int | None:
    return reported.reported if reported.recipients else None


def _could_install(reported: SelfReported) -> int | None:
    return reported.could if reported.recipients else None


def _organisations(issued: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    for was, after, either in _paired_organisations(issued, now):
        nothing = OrganisationFigures(either.name, SelfReported())
        before, known = (was or nothing).reported, (after or nothing).reported
        yield FigureChange(f"{either.name}: đã trả lời", before.answered if was else None, known.answered)
        yield FigureChange(f"{either.name}: số tự khai báo", _reported(before), _reported(known))
        yield FigureChange(f"{either.name}: số được vận động", _could_install(before), _could_install(known))


def _paired_organisations(
    issued: Snapshot, now: Snapshot
) -> Iterator[tuple[OrganisationFigures | None, OrganisationFigures | None, OrganisationFigures]]:
    is_known = all(body.id is not None for body in issued.bodies)
    return _pairs(issued.bodies, now.bodies, lambda body: body.id if is_known else body.name)


def _agencies(issued: Snapshot, now: Snapshot, *, done: str, owners: str) -> Iterator[FigureChange]:
    for was, after, either in _pairs(issued.agencies, now.agencies, lambda agency: agency.id):
        nothing = AgencyFigures(either.id, either.name, None, None, None, None, is_missing=True)
        before, known = was or nothing, after or nothing
        for what, old, new in (
            ("tổng số người", before.staff, known.staff),
            (owners, before.with_smartphone, known.with_smartphone),
            (f"số người đã {done}", before.installed, known.installed),
        ):
            yield FigureChange(f"{either.name}: {what}", old, new)
        days = (short_day(each.day) if each.day else None for each in (before, known))
        yield FigureChange(f"{either.name}: số liệu ngày", *days)


def _campaigns(issued: Snapshot, now: Snapshot, *, done: str) -> Iterator[FigureChange]:
    names = [campaign.name for campaign in now.campaigns]
    for was, after, either in _paired_campaigns(issued, now):
        name = f"Đợt “{either.name}”"
        if names.count(either.name) > 1:
            name += f", bắt đầu {short_day(either.launched_on)}"
        before = _sent(was, done=done)
        for what, known in _sent(after, done=done).items():
            yield FigureChange(f"{name}: {what}", before[what], known)


def _paired_campaigns(
    issued: Snapshot, now: Snapshot
) -> Iterator[tuple[CampaignFigures | None, CampaignFigures | None, CampaignFigures]]:
    if all(campaign.id is not None for campaign in issued.campaigns):
        return _pairs(issued.campaigns, now.campaigns, lambda campaign: campaign.id)
    # Old snapshots have no campaign ids, but the order is the same.
    pairs = zip_longest(issued.campaigns, now.campaigns)
    return ((was, after, either) for was, after in pairs if (either := after or was))


def _sent(campaign: CampaignFigures | None, *, done: str) -> dict[str, int | None]:
    return {
        "người nhận": campaign.recipients if campaign else None,
        "đã gửi": campaign.sent if campaign else None,
        "đến máy": campaign.delivered if campaign else None,
        "trả lời": campaign.reported.answered if campaign else None,
        f"tự khai báo đã {done}": campaign.reported.reported if campaign else None,
    }


def _outreach(issued: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    for was, after, either in _pairs(issued.outreach, now.outreach, lambda line: line.kind):
        name = ACTIVITY_NAMES[ActivityKind(either.kind)]
        known = after or Outreach(either.kind, 0, 0, None)
        yield FigureChange(f"{name}: số lượt", was.times if was else None, known.times)
        yield FigureChange(f"{name}: số lượt trong ngày", was.today if was else 0, known.today)
        yield FigureChange(f"{name}: số lượt người", was.people if was else None, known.people)


def _own_answers(issued: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    was, are = ({each.text: each.people for each in of.own.answers} if of.own else {} for of in (issued, now))
    for text in {**are, **was}:
        yield FigureChange(f"Câu trả lời “{text}”", was.get(text), are.get(text))
    if issued.own or now.own:
        answered = (issued.whole.reported.answered, now.whole.reported.answered)
        yield FigureChange("Số người đã trả lời", *answered)


def _days(issued: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    """Compare the totals of self-reports by day. That of the previous report is usually the last but one."""
    if (issued.before, now.before) != (_day_before(issued), _day_before(now)):
        yield FigureChange("Số tự khai báo cùng giờ hôm trước", issued.before, now.before)
    for was, after, (day, _n) in _pairs(issued.days, now.days, lambda day: day[0]):
        what = f"Số tự khai báo, cộng dồn đến {short_day(day)}"
        yield FigureChange(what, was[1] if was else None, after[1] if after else None)


def _day_before(snapshot: Snapshot) -> int | None:
    return snapshot.days[-2][1] if len(snapshot.days) > 1 else None


def _differs_otherwise(issued: Snapshot, now: Snapshot) -> bool:
    """Return whether goals, names or start days are printed differently."""
    if (issued.residents, issued.since) != (now.residents, now.since):
        return True
    if now.staff and issued.staff != now.staff:  # earlier versions printed a goal that nobody had set
        return True
    if _without_owners(issued) != _without_owners(now) or _question(issued) != _question(now):
        return True
    places = (
        *_pairs(issued.districts, now.districts, lambda place: place.code),
        *_pairs(issued.communes, now.communes, lambda place: place.code),
    )
    agencies = _pairs(issued.agencies, now.agencies, lambda agency: agency.id)
    return any(
        was and after and was.name != after.name
        for pairs in (places, agencies, _paired_organisations(issued, now), _paired_campaigns(issued, now))
        for was, after, _either in pairs
    ) or any(
        was and after and was.launched_on != after.launched_on
        for was, after, _either in _paired_campaigns(issued, now)
    )


def _question(snapshot: Snapshot) -> str:
    return snapshot.own.question if snapshot.own else ""


def _without_owners(snapshot: Snapshot) -> Headline | None:
    return replace(snapshot.headline, owners=None, wants_goal=True) if snapshot.headline else None
