"""The daily report or its correction, composed from a snapshot, the template and the day's notes; its sections and appendices.

Each figure comes with its denominator, its day and its source; what is unknown is said to be unknown. The section on
residents shows each source by itself, by district, and as charts.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from campaigns.rules.activities import ActivityKind
from campaigns.rules.goals import people_for
from campaigns.rules.progress import ShareBasis
from campaigns.rules.promises import short_answer
from campaigns.rules.reports.document import (
    ACTIVITY_NAMES,
    NO_NOTES,
    UNKNOWN,
    Alignment,
    Appendix,
    Bar,
    Block,
    Cell,
    Chart,
    Column,
    Notes,
    Paragraph,
    ReportDocument,
    ShareCell,
    Signature,
    Style,
    Table,
    cell,
    hour,
    listed,
    long_day,
    percent,
    read_document,
    said,
    short_day,
    without_empty_columns,
)
from campaigns.rules.reports.snapshot import (
    ChangeKind,
    FigureChange,
    Outreach,
    PlaceFigures,
    SelfReported,
    SmartphoneOwners,
    Snapshot,
    common_basis,
    staff_total,
)
from campaigns.rules.reports.template import ReportTemplate


def opening(snapshot: Snapshot, template: ReportTemplate) -> list[Block]:
    """Return the legal bases and the opening sentence."""
    return [
        *(Paragraph(basis, Style.BASIS) for basis in listed(template.bases, mark="")),
        Paragraph(
            f"{template.issuer_in_text} báo cáo kết quả vận động {template.action} trên địa bàn, "
            f"số liệu tính đến {until(snapshot)}, như sau:"
        ),
    ]


def results(snapshot: Snapshot, template: ReportTemplate, notes: Notes) -> list[Block]:
    """Return part I; agencies and official figures are left out where the drive has and wants none."""
    n = 2 if snapshot.has_sources else 1
    return [
        Paragraph("I. KẾT QUẢ THỰC HIỆN", Style.PART),
        *_headline(snapshot, template, notes),
        *(_staff(snapshot, template) if snapshot.has_sources else ()),
        *residents(snapshot, template, n + 1),
        *_outreach(snapshot, template, n + 2),
    ]


_MOST_NAMED = 15  # more are in the table


def _without_official(snapshot: Snapshot) -> list[str]:
    """Return how many places have no official figure, named where they are few."""
    level, without, count = _lower(snapshot.level_name), snapshot.without_official, len(snapshot.districts)
    if not without:
        return []
    if len(without) == count:
        return [f"Chưa có số liệu chính thức của các {level}."]
    names = f": {', '.join(map(_lower, without))}" if len(without) <= _MOST_NAMED else " (xem Bảng 1)"
    return [f"{len(without)}/{count} {level} chưa có số liệu chính thức{names}."]


def shortcomings(snapshot: Snapshot, template: ReportTemplate, notes: Notes) -> list[Block]:
    """Return part II: what hindered, missing reports and figures, and gaps to the goals."""
    lines = []
    if snapshot.missing:
        lines.append(
            f"{len(snapshot.missing)}/{len(snapshot.agencies)} cơ quan, đơn vị chưa gửi số liệu trong ngày: "
            f"{'; '.join(snapshot.missing)}."
        )
    handed_in = [each for each in snapshot.agencies if not each.is_missing]
    if parts := [each for each in handed_in if None in (each.with_smartphone, each.installed)]:
        lines.append(
            f"{len(parts)}/{len(snapshot.agencies)} cơ quan, đơn vị đã gửi nhưng chưa đủ số liệu để tính tỷ lệ."
        )
    if snapshot.has_sources:
        lines += _without_official(snapshot)
        if snapshot.whole.owners is None:
            lines.append(
                f"Chưa có số liệu về số {template.owners} trên địa bàn, nên chưa tính được tỷ lệ chung."
            )
    lines = [*(f"{line}." for line in notes.hindered), *lines, *_gaps(snapshot, template)]
    lines = lines or [_nothing_wanting(snapshot)]
    return [Paragraph("II. TỒN TẠI, HẠN CHẾ", Style.PART), *(Paragraph(f"- {line}") for line in lines)]


def _nothing_wanting(snapshot: Snapshot) -> str:
    if not snapshot.has_sources:
        return "Mục tiêu đã đạt." if snapshot.head.missing == 0 else "Không có."
    aim = snapshot.headline.goal if snapshot.headline else None
    # Each goal that is set is known to be reached, where part II names no gap.
    is_reached = (
        (snapshot.residents or snapshot.staff)
        and (aim is None or snapshot.head.missing == 0)
        and (snapshot.residents is None or snapshot.whole.official_share is not None)
        and (snapshot.staff is None or snapshot.agencies)
    )
    reached = "; các mục tiêu đã đạt" if is_reached else ""
    return f"Các cơ quan, đơn vị, địa phương đã gửi đầy đủ số liệu{reached}."


def ending(snapshot: Snapshot, template: ReportTemplate, notes: Notes) -> list[Block]:
    """Return part III if something is asked for, and the closing sentence."""
    proposed: list[Block] = []
    if asked := (*notes.asked, *template.proposals):
        proposed = [
            Paragraph("III. ĐỀ XUẤT, KIẾN NGHỊ", Style.PART),
            *(Paragraph(f"{n}. {line}.") for n, line in enumerate(asked, 1)),
        ]
    return [
        *proposed,
        Paragraph(
            f"Trên đây là báo cáo kết quả vận động {template.action} {long_day(snapshot.day)}, "
            f"{template.issuer_in_text} trân trọng báo cáo./."
        ),
    ]


def _lower(name: str) -> str:
    """Lower the first letter for use within a sentence: huyện Đắk Hà."""
    return name[:1].lower() + name[1:]


def _upper(text: str) -> str:
    """Raise the first letter, for a heading."""
    return text[:1].upper() + text[1:]


def until(snapshot: Snapshot) -> str:
    """Return the snapshot's time as: 13 giờ 30 phút, ngày 20 tháng 8 năm 2020."""
    return f"{hour(datetime.fromisoformat(snapshot.as_of))}, {long_day(snapshot.as_of[:10])}"


# -- the result against the goal

_MOST_SLOW = 5


def _headline(snapshot: Snapshot, template: ReportTemplate, notes: Notes) -> list[Block]:
    """Return the headline against its goal, what checks leave of it, the slowest places, and the day's remark."""
    lines = [
        *([f"{promised_text(snapshot)}."] if snapshot.promised else []),
        f"{_result(snapshot, template)}{_against_goal(snapshot)}.",
        *_checked(snapshot, template),
        *([text] if (text := _slowest(snapshot)) else []),
        *([f"Nhận xét: {notes.remark}."] if notes.remark else []),
    ]
    aim = snapshot.headline
    wants_goal = aim is None or aim.wants_goal or aim.goal is not None
    return [
        Paragraph("1. Kết quả so với mục tiêu" if wants_goal else "1. Kết quả chung", Style.HEADING),
        *(Paragraph(f"- {line}") for line in lines),
    ]


def promised_text(snapshot: Snapshot) -> str:
    """Return what people promised and answered, and how many of those recorded had promised; "" where none promise."""
    figures = snapshot.promised
    if figures is None:
        return ""
    first, *others = figures.answers
    told = [
        f"Báo {short_answer(first.text)} {said(first.people)}/{said(figures.recipients)} người",
        *(f"{short_answer(each.text)} {said(each.people)}" for each in others),
        *([f"trả lời khác {said(figures.others)}"] if figures.others else []),
        f"chưa trả lời {said(figures.unanswered)}",
    ]
    kept = f". Trong {said(figures.done)} người được ghi nhận có {said(figures.kept)} người đã báo trước"
    return "; ".join(told) + (kept if figures.done else "")


def _result(snapshot: Snapshot, template: ReportTemplate) -> str:
    head, headline = snapshot.head, snapshot.headline
    owners = headline.owners if headline else None
    if not snapshot.whole.reported.recipients:
        is_few = "Có quá ít người, nên không nêu số người tự khai báo"
        return is_few if snapshot.campaigns else "Chưa triển khai nhắn tin vận động"
    text = f"{said(head.installed)} người {snapshot.did(template.done)}"
    if owners:
        text += (
            f" trên {said(owners.count)} {template.owners or 'người thuộc diện vận động'} "
            f"(số liệu ngày {short_day(owners.day)}; nguồn: {owners.source})"
        )
    elif head.denominator:
        text += f" trên {said(head.denominator)} {_recipients(snapshot, template)}"
    else:
        text += "; chưa có tổng số người thuộc diện vận động nên chưa tính được tỷ lệ"
    if head.share is not None:
        text += f", đạt {percent(head.share)}"
    if snapshot.before is not None:
        more = head.installed - snapshot.before
        change = f"{'tăng' if more > 0 else 'giảm'} {said(abs(more))} người" if more else "không thay đổi"
        text += f"; {change} so với cùng giờ hôm trước"
    return text


def _recipients(snapshot: Snapshot, template: ReportTemplate) -> str:
    is_narrowed = snapshot.whole.reported.no_smartphone or template.is_about_smartphones
    left_out = " (không tính người báo không có điện thoại thông minh)" if is_narrowed else ""
    return f"người được vận động{left_out}"


def _against_goal(snapshot: Snapshot) -> str:
    head, headline = snapshot.head, snapshot.headline
    if headline is None or headline.goal is None:
        return ". Chưa đặt mục tiêu" if headline is None or headline.wants_goal else ""
    text = f". Mục tiêu là {percent(headline.goal, is_exact=True)}"
    if headline.until:
        text += f" đến hết ngày {short_day(headline.until)}"
    if head.missing is not None:
        text += f": còn thiếu {said(head.missing)} người" if head.missing else ": đã đạt"
    if headline.until and head.missing != 0:
        left = (date.fromisoformat(headline.until) - date.fromisoformat(snapshot.day)).days
        text += (
            f"; còn {said(left + 1)} ngày, kể cả hôm nay"
            if left > 0
            else "; hôm nay là hạn cuối"
            if left == 0
            else "; đã quá hạn"
        )
    return text


def _checked(snapshot: Snapshot, template: ReportTemplate) -> list[str]:
    """Return the estimate after random checks, which stands beside the self-reports and never in their place."""
    checked, base = snapshot.checked, snapshot.head.denominator
    if checked is None:
        return []
    text = (
        f"Kiểm tra ngẫu nhiên: cán bộ đến nhà {said(checked.checks)} người đã tự khai báo, {said(checked.confirmed)} người "
        f"đúng là đã {template.done}. Ước tính sau kiểm tra: {said(checked.likely)} người, trong khoảng "
        f"{said(checked.low)} đến {said(checked.high)} người (độ tin cậy 95%)"
    )
    if base:
        low, high = percent(checked.low / base), percent(checked.high / base)
        text += f", bằng {percent(checked.likely / base)} ({low} đến {high})"
    return [f"{text}. Ước tính không thay cho số người tự khai báo nêu trên."]


def _slowest(snapshot: Snapshot) -> str:
    """Return the sentence about the places furthest behind, lowest share first; "" where there is nothing to compare."""
    goal = snapshot.headline.goal if snapshot.headline else None
    lines = [line for line in reversed(snapshot.lines) if line.share is not None]
    behind = [line for line in lines if goal is None or (line.share or 0.0) < goal]
    if len(lines) < 2 or not behind:
        return ""
    names = "; ".join(
        f"{_lower(line.name)} ({percent(line.share or 0.0)}"
        + (f", còn thiếu {said(line.missing)} người)" if line.missing else ")")
        for line in behind[:_MOST_SLOW]
    )
    return f"Các địa bàn đạt thấp nhất: {names}."


# -- agencies' staff


def _staff(snapshot: Snapshot, template: ReportTemplate) -> list[Block]:
    goal = f" (mục tiêu {percent(snapshot.staff.share, is_exact=True)})" if snapshot.staff else ""
    heading = Paragraph(f"2. {template.staff}{goal}", Style.HEADING)
    agencies = snapshot.agencies
    if not agencies:
        return [heading, Paragraph("Chưa có cơ quan, đơn vị nào được giao báo cáo số liệu trên hệ thống.")]
    with_report = len(agencies) - len(snapshot.missing)
    installed, owners, known = staff_total(agencies)
    has_older = any(agency.is_missing and agency.day for agency in agencies)
    lines = [
        f"Đã gửi số liệu trong ngày: {with_report}/{len(agencies)} cơ quan, đơn vị"
        + ("; cơ quan, đơn vị chưa gửi được tính theo số liệu gửi gần nhất." if has_older else ".")
    ]
    if owners and installed is not None:
        gap = owners - installed
        lines.append(
            f"Tại {said(known)} cơ quan, đơn vị đã có đủ số liệu, {said(installed)}/{said(owners)} "
            f"{template.owners} đã {template.done}, đạt {percent(installed / owners)}"
            + (f"; còn {said(gap)} người chưa {template.done}." if gap else ".")
        )
    if not known:
        lines.append("Chưa có cơ quan, đơn vị nào có đủ số liệu để tính tỷ lệ.")
    elif known < len(agencies):
        lines.append(
            f"{said(len(agencies) - known)} cơ quan, đơn vị chưa có đủ số liệu, không tính vào tỷ lệ nêu trên."
        )
    lines.append("Số liệu do từng cơ quan, đơn vị tự tổng hợp; chi tiết tại Phụ lục I.")
    return [heading, *(Paragraph(f"- {line}") for line in lines)]


# -- activities and messages


def _outreach(snapshot: Snapshot, template: ReportTemplate, n: int) -> list[Block]:
    blocks: list[Block] = [Paragraph(f"{n}. Công tác tuyên truyền, vận động", Style.HEADING)]
    if snapshot.outreach:
        activities = "; ".join(_describe_activity(line) for line in snapshot.outreach)
        blocks.append(Paragraph(f"- Từ ngày {short_day(snapshot.since)} đến nay: {activities}."))
    if not snapshot.campaigns:
        return [*blocks, Paragraph("- Chưa triển khai nhắn tin vận động.")]
    columns = (
        Column("Đợt nhắn tin", 30, Alignment.LEFT),
        Column("Ngày bắt đầu", 13, Alignment.CENTER),
        Column("Được vận động", 12),
        Column("Đã gửi", 11),
        Column("Đến máy", 11),
        Column("Trả lời", 11),
        Column(_upper(snapshot.did(template.done)), 12),
    )
    rows = tuple(
        (
            campaign.name,
            short_day(campaign.launched_on),
            campaign.recipients,
            campaign.sent,
            campaign.delivered,
            *((told.answered, told.reported) if (told := campaign.reported) else (None, None)),
        )
        for campaign in snapshot.campaigns
    )
    table = Table(
        "Nhắn tin", f"Bảng {3 if snapshot.own else 2}. Các đợt nhắn tin vận động", columns, rows, unit="người"
    )
    return [*blocks, without_empty_columns(table)]


def _describe_activity(line: Outreach) -> str:
    text = f"{_lower(ACTIVITY_NAMES[ActivityKind(line.kind)])} {said(line.times)} lượt"
    more = [f"trong ngày {said(line.today)}"] if line.today else []
    more += [f"{said(line.people)} lượt người"] if line.people is not None else []
    return f"{text} ({', '.join(more)})" if more else text


def _agency_gap(snapshot: Snapshot) -> list[str]:
    """Return how many of the agencies with all figures have not reached the goal, nothing where none."""
    asked = snapshot.staff.share if snapshot.staff else 0.0
    known = [each for each in snapshot.agencies if None not in (each.with_smartphone, each.installed)]
    behind = sum((each.share or 0.0) < asked for each in known if each.with_smartphone)
    goal = percent(asked, is_exact=True)
    told = f"{behind}/{len(known)} cơ quan, đơn vị có đủ số liệu chưa đạt mục tiêu {goal}."
    return [told] if behind else []


def _gaps(snapshot: Snapshot, template: ReportTemplate) -> list[str]:
    """Return the gap to each goal."""
    lines, missing = [], snapshot.head.missing
    aim = snapshot.headline.goal if snapshot.headline else None
    if not snapshot.has_sources and missing and aim:
        lines.append(
            f"Theo số người {snapshot.told}, còn thiếu {said(missing)} người so với mục tiêu {percent(aim, is_exact=True)}."
        )
    lines += _agency_gap(snapshot)
    whole, goal = snapshot.whole, snapshot.residents
    if whole.official and whole.owners and goal:
        gap = (people_for(goal.share, whole.owners.count) or 0) - whole.official.installed
        if gap > 0:
            lines.append(
                f"Theo số liệu chính thức, toàn {_province_kind(snapshot)} còn thiếu {said(gap)} người so với mục tiêu {percent(goal.share, is_exact=True)}."
            )
    return lines


def residents(snapshot: Snapshot, template: ReportTemplate, n: int) -> list[Block]:
    """Return the section on residents: official figures, self-reports, table by district, charts, own answers."""
    goal = ""
    if snapshot.residents:
        by = f", đến hết ngày {short_day(snapshot.residents.until)}" if snapshot.residents.until else ""
        goal = f" (mục tiêu tối thiểu {percent(snapshot.residents.share, is_exact=True)}{by})"
    reported = f"Số liệu người dân {snapshot.told}: {_self_reported(snapshot, template)}"
    told = [reported]
    if snapshot.has_sources:
        told = [
            f"a) Số liệu chính thức: {_official(snapshot, template)}",
            f"b) {reported}",
            "Hai nguồn số liệu trên được theo dõi riêng, không cộng gộp với nhau.",
        ]
    if len(snapshot.campaigns) > 1:
        told.append(
            f"Số liệu trên gộp {said(len(snapshot.campaigns))} đợt nhắn tin, mỗi số điện thoại tính là một người: "
            "qua các đợt chỉ tính một lần, người nhận tin ở hai số được tính theo từng số."
        )
    return [
        Paragraph(f"{n}. {template.residents}{goal}", Style.HEADING),
        *map(Paragraph, told),
        _by_district(snapshot, template),
        *draw_bars(snapshot, template),
        *_own_answers(snapshot, template),
    ]


def _own_answers(snapshot: Snapshot, template: ReportTemplate) -> list[Block]:
    """Return how many people gave each of the drive's own answers to its question."""
    if not snapshot.own:
        return []
    answered = snapshot.whole.reported.answered
    counts, figures = [(each.text, each.people) for each in snapshot.own.answers], snapshot.promised
    rest = answered - sum(people for _text, people in counts)
    others = figures.others if figures else rest
    if others:
        counts.append(("Trả lời khác, kể cả từ chối nhận tin", others))
    if rest > others:
        counts.append((f"{_upper(snapshot.did(template.done))}, trước đó chưa trả lời", rest - others))
    rows = [(str(n), *_of_answered(*each, answered)) for n, each in enumerate(counts, 1)]
    columns = (
        Column("TT", 6, Alignment.CENTER),
        Column("Câu trả lời", 56, Alignment.LEFT),
        Column("Số người", 18),
        Column("Tỷ lệ trên số đã trả lời", 20),
    )
    table = Table(
        "Câu trả lời",
        "Bảng 2. Số người chọn từng câu trả lời",
        columns,
        (*rows, ("", *_of_answered("Đã trả lời", answered, answered))),
        has_total=True,
        unit="người",
    )
    return [Paragraph(f"Câu hỏi gửi người dân: “{snapshot.own.question}”"), table]


def _of_answered(text: str, people: int, answered: int) -> tuple[Cell, ...]:
    return text, people, ShareCell(people / answered) if answered else None


def _official(snapshot: Snapshot, template: ReportTemplate) -> str:
    known = [place.official for place in snapshot.districts if place.official]
    whole, level = snapshot.whole, _lower(snapshot.level_name)
    if whole.official is None and not known:
        return "chưa có số liệu được công bố."
    sources = "; ".join(sorted({figure.source for figure in known}))
    oldest = min((figure.day for figure in known), default=snapshot.day)
    days = (
        f"tính đến ngày {short_day(oldest)}"
        if len({figure.day for figure in known}) == 1
        else (f"của các ngày từ {short_day(oldest)}")
    )
    if whole.official is None:
        return (
            f"{len(known)}/{len(snapshot.districts)} {level} đã có số liệu, cộng "
            f"{said(sum(figure.installed for figure in known))} {_unit(template)} đã {template.done} ({days}; nguồn: {sources}). "
            f"Chưa đủ số liệu của tất cả các {level} để tính tỷ lệ chung."
        )
    text = f"{said(whole.official.installed)} {_unit(template)} đã {template.done} ({days}; nguồn: {whole.official.source})"
    if whole.owners and whole.official_share is not None:
        text += (
            f", đạt {percent(whole.official_share)} so với {said(whole.owners.count)} {template.owners} "
            f"(số liệu ngày {short_day(whole.owners.day)}; nguồn: {whole.owners.source})"
        )
    return f"{text}."


def _province_kind(snapshot: Snapshot) -> str:
    return "thành phố" if snapshot.whole.name.startswith("Thành phố ") else "tỉnh"


def _self_reported(snapshot: Snapshot, template: ReportTemplate) -> str:
    total = snapshot.whole.reported
    if not total.recipients:
        return "chưa triển khai nhắn tin vận động."
    if snapshot.headline is None or not snapshot.headline.is_entered:
        return f"{said(total.reported)} người {snapshot.did(template.done)}, như nêu tại mục 1."
    text = (
        f"{said(total.reported)} người {snapshot.did(template.done)}. Tính riêng trên {said(total.could)} "
        f"{_recipients(snapshot, template)}"
    )
    return f"{text}: {percent(total.share)}." if total.share is not None else f"{text}."


def _by_district(snapshot: Snapshot, template: ReportTemplate) -> Table:
    basis = snapshot.places_basis
    columns = (
        Column("TT", 5, Alignment.CENTER),
        Column(snapshot.level_name, 22, Alignment.LEFT),
        Column("Số chính thức", 11),
        Column("Tính đến ngày", 16, Alignment.CENTER),  # a bold date in one line
        Column(owners_heading(template), 12),
        Column("Tỷ lệ chính thức", 10),
        *reported_columns(basis, snapshot.told),
    )
    rows = [place_row(str(n), place.name, place, basis) for n, place in enumerate(snapshot.districts, 1)]
    if (unknown := snapshot.unknown_place) is not None:
        rows.append(place_row("", "Chưa rõ địa bàn", unknown, basis))
    rows.append(place_row("", f"Toàn {_province_kind(snapshot)}", snapshot.whole, basis))
    table = Table(
        snapshot.level_name,
        f"Bảng 1. Kết quả {template.done} theo {_lower(snapshot.level_name)}",
        columns,
        tuple(rows),
        has_total=True,
        unit="người",
    )
    return without_empty_columns(table)


def reported_columns(basis: ShareBasis, told: str) -> tuple[Column, ...]:
    """Return the columns of `reported_cells`; the base: who was written to or answered at the door."""
    if basis is ShareBasis.ENTERED:
        return (Column(_upper(told), 9), Column(f"Tỷ lệ {told}", 10))
    return (Column(_upper(told), 9), Column("Trên số được vận động", 10), Column(f"Tỷ lệ {told}", 10))


def owners_heading(template: ReportTemplate) -> str:
    """Return the heading of the column with how many people count."""
    return "Người có ĐTTM" if template.is_about_smartphones else "Thuộc diện"


def _unit(template: ReportTemplate) -> str:
    return "máy" if template.is_about_smartphones else "người"


def place_row(n: str, name: str, place: PlaceFigures, basis: ShareBasis) -> tuple[Cell, ...]:
    """Return a place's cells: official installs, day, owners and share, then as `reported_cells`."""
    official = place.official
    return (
        n,
        name,
        official.installed if official else None,
        short_day(official.day) if official else None,
        place.owners.count if place.owners else None,
        ShareCell(place.official_share) if place.official_share is not None else None,
        *reported_cells(place.reported, place.owners if basis is ShareBasis.ENTERED else None, basis),
    )


def reported_cells(
    reported: SelfReported, owners: SmartphoneOwners | None = None, basis: ShareBasis = ShareBasis.RECIPIENTS
) -> tuple[Cell, ...]:
    """Return the cells of self-reports: count, recipients where they are the base, share; unknown without recipients."""
    known = reported.recipients > 0
    if basis is ShareBasis.ENTERED:
        share = reported.reported / owners.count if known and owners else None
        return (reported.reported if known else None, ShareCell(share) if share is not None else None)
    if not known:
        return (None, None, None)
    return (
        reported.reported,
        reported.could,
        ShareCell(reported.share) if reported.share is not None else None,
    )


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
    lines = snapshot.lines if places else ()
    if any(line.share is not None for line in lines):
        goal = snapshot.headline.goal if snapshot.headline else None
        bars = _bars([(line.name, line.share) for line in lines])
        is_entered = snapshot.places_basis is ShareBasis.ENTERED
        base = f"số {template.owners or 'người thuộc diện'}" if is_entered else "số người được vận động"
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


# Room for the document number, which is written by hand.
BLANK = "      "


def compose(
    snapshot: Snapshot, template: ReportTemplate, *, notes: Notes = NO_NOTES, written_on: str | None = None
) -> ReportDocument:
    """Compose the daily report. `written_on` (YYYY-MM-DD) is its date; by default the day of the snapshot."""
    blocks = [*opening(snapshot, template), *_parts(snapshot, template, notes)]
    subject = (template.subject, f"ngày {short_day(snapshot.day)}")
    return _document(snapshot, template, "BÁO CÁO", subject, blocks, written_on)


def compose_correction(
    snapshot: Snapshot,
    template: ReportTemplate,
    changes: Sequence[FigureChange],
    *,
    notes: Notes = NO_NOTES,
    n: int,
    written_on: str,
) -> ReportDocument:
    """Compose the n-th correction of a day's report: a table of the changes, then the updated report."""
    rows: list[tuple[Cell, ...]] = [
        (str(place), change.what, change.before, change.after, _KINDS[change.kind])
        for place, change in enumerate(changes, 1)
    ]
    table = Table(
        "Đính chính",
        f"Bảng kê số liệu bổ sung, đính chính (lần {n})",
        (
            Column("TT", 6, Alignment.CENTER),
            Column("Nội dung", 44, Alignment.LEFT),
            Column("Đã báo cáo", 17),
            Column("Nay là", 17),
            Column("Loại", 16, Alignment.CENTER),
        ),
        tuple(rows),
    )
    blocks: list[Block] = [
        *opening(snapshot, template)[:-1],
        Paragraph(
            f"{template.issuer_in_text} bổ sung, đính chính Báo cáo {long_day(snapshot.day)} về kết quả vận động {template.action} "
            f"trên địa bàn: {said(len(changes))} số liệu được nhận hoặc sửa sau khi đã chốt lúc {until(snapshot)}, như sau:"
        ),
        table,
        Paragraph(
            "Các nội dung khác của báo cáo đã gửi không thay đổi. Báo cáo đầy đủ sau khi bổ sung, đính chính:"
        ),
        *_parts(snapshot, template, notes),
    ]
    subject = (f"Bổ sung, đính chính Báo cáo ngày {short_day(snapshot.day)} (lần {n})", template.subject)
    return _document(snapshot, template, "BÁO CÁO BỔ SUNG, ĐÍNH CHÍNH", subject, blocks, written_on)


def _parts(snapshot: Snapshot, template: ReportTemplate, notes: Notes) -> list[Block]:
    parts = (results, shortcomings, ending)
    return [block for part in parts for block in part(snapshot, template, notes)]


_KINDS = {ChangeKind.ADDED: "Bổ sung", ChangeKind.CORRECTED: "Đính chính"}


def _document(
    snapshot: Snapshot,
    template: ReportTemplate,
    kind: str,
    subject: tuple[str, ...],
    blocks: Sequence[Block],
    written_on: str | None,
) -> ReportDocument:
    day = written_on or snapshot.day
    reference = (
        f"(Kèm theo Báo cáo số{BLANK}/{template.symbol} {long_day(day)} của {template.issuer_in_text})"
    )
    return write_letter(
        template,
        day=day,
        kind=kind,
        subject=subject,
        addressees=template.addressees,
        blocks=tuple(blocks),
        copies=template.copies,
        appendices=appendices(snapshot, template, reference=reference),
    )


def write_letter(
    template: ReportTemplate, *, day: str, copies: Sequence[str], **parts: Any
) -> ReportDocument:
    """Return a document with the template's head, signature and file, as it is kept: its texts clean. `day` is ISO."""
    document = ReportDocument(
        superior=template.superior,
        issuer=template.issuer,
        number=f"Số:{BLANK}/{template.symbol}",
        place_and_day=f"{template.place}, {long_day(day)}",
        signature=Signature(template.signature, template.signer),
        copies=(*copies, f"Lưu: {template.filed}"),
        **parts,
    )
    return read_document(asdict(document))


_ROMAN = ("I", "II", "III")


def appendices(snapshot: Snapshot, template: ReportTemplate, *, reference: str) -> tuple[Appendix, ...]:
    """Return the appendices, the agencies' first wherever they report: the text calls it Phụ lục I."""
    parts: list[tuple[str, tuple[Block, ...], bool]] = []
    if snapshot.has_sources:
        subject = f"Kết quả {template.done} của từng cơ quan, đơn vị"
        parts.append((subject, _agencies(snapshot, template), False))
    if communes := [place for place in snapshot.communes if place.official or place.reported.recipients]:
        parts.append(
            (
                f"Kết quả {template.done} theo xã, phường, thị trấn",
                _communes(snapshot, template, communes),
                True,
            )
        )
    if snapshot.bodies:
        columns = (
            Column("TT", 6, Alignment.CENTER),
            Column("Tổ chức", 44, Alignment.LEFT),
            Column("Đã trả lời", 12),
            *reported_columns(ShareBasis.RECIPIENTS, snapshot.told),
        )
        rows = tuple(
            (str(n), body.name, body.reported.answered, *reported_cells(body.reported))
            for n, body in enumerate(snapshot.bodies, 1)
        )
        table = Table("Tổ chức", "", columns, rows, unit="người")
        parts.append((f"Số liệu {snapshot.told} theo danh sách của các tổ chức", (table,), False))
    return tuple(
        Appendix(f"Phụ lục {_ROMAN[n]}", subject.upper(), reference, blocks, is_landscape=is_landscape)
        for n, (subject, blocks, is_landscape) in enumerate(parts)
    )


def _agencies(snapshot: Snapshot, template: ReportTemplate) -> tuple[Block, ...]:
    if not snapshot.agencies:
        return (Paragraph("Chưa có cơ quan, đơn vị nào được giao báo cáo số liệu trên hệ thống."),)
    columns = (
        Column("TT", 6, Alignment.CENTER),
        Column("Cơ quan, đơn vị", 32, Alignment.LEFT),
        Column("Tổng số người", 11),
        Column("Có điện thoại thông minh" if template.is_about_smartphones else "Thuộc diện", 13),
        Column(f"Đã {template.done}", 10),
        Column("Tỷ lệ", 10),
        Column("Số liệu ngày", 18, Alignment.LEFT),
    )
    rows: list[tuple[Cell, ...]] = []
    for n, agency in enumerate(snapshot.agencies, 1):
        day = (
            f"{short_day(agency.day)}{' (chưa gửi trong ngày)' if agency.is_missing else ''}"
            if agency.day
            else "chưa gửi"
        )
        rows.append(
            (
                str(n),
                agency.name,
                agency.staff,
                agency.with_smartphone,
                agency.installed,
                ShareCell(agency.share) if agency.share is not None else None,
                day,
            )
        )
    return (without_empty_columns(Table("Cơ quan, đơn vị", "", columns, tuple(rows), unit="người")),)


def _communes(
    snapshot: Snapshot, template: ReportTemplate, communes: list[PlaceFigures]
) -> tuple[Block, ...]:
    basis = common_basis(communes)
    columns = (
        Column("TT", 5, Alignment.CENTER),
        Column("Xã, phường, thị trấn", 19, Alignment.LEFT),
        Column(snapshot.level_name, 17, Alignment.LEFT),
        Column("Số chính thức", 10),
        Column("Tính đến ngày", 11, Alignment.CENTER),
        Column(owners_heading(template), 11),
        Column("Tỷ lệ chính thức", 8),
        *reported_columns(basis, snapshot.told),
    )
    names = {place.code: place.name for place in snapshot.districts}
    rows = []
    for n, place in enumerate(communes, 1):
        first, name, *rest = place_row(str(n), place.name, place, basis)
        rows.append((first, name, names.get(place.district, ""), *rest))
    table = without_empty_columns(Table("Xã, phường, thị trấn", "", columns, tuple(rows), unit="người"))
    shown = {column.title for column in table.columns}
    notes = [
        *(["ĐTTM là điện thoại thông minh"] if any("ĐTTM" in title for title in shown) else ()),
        *(
            ["“Số chính thức” và “Tự khai báo” là hai nguồn riêng, không cộng gộp"]
            if "Số chính thức" in shown
            else ()
        ),
        "xã, phường, thị trấn chưa có số liệu nào không nêu trong bảng",
    ]
    return (table, Paragraph(f"Ghi chú: {'; '.join(notes)}.", Style.NOTE))
