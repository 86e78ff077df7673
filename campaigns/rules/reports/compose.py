"""The whole report, its correction, its appendices.

The whole report, or the report that corrects it, as data. Pure.

What is too long for the report itself: each agency, each commune, each organisation. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.rules.reports.changes import ChangeKind, FigureChange
from campaigns.rules.reports.document import (
    Alignment,
    Appendix,
    Block,
    Cell,
    Column,
    Paragraph,
    ReportDocument,
    ShareCell,
    Signature,
    Style,
    Table,
    long_day,
    said,
    short_day,
)
from campaigns.rules.reports.sections import (
    ending,
    opening,
    place_row,
    reported_cells,
    results,
    shortcomings,
    until,
)
from campaigns.rules.reports.snapshot import PlaceFigures, Snapshot
from campaigns.rules.reports.template import ReportTemplate

# The clerk writes the number by hand: room for it.
BLANK = "      "


def compose(snapshot: Snapshot, form: ReportTemplate, *, written_on: str | None = None) -> ReportDocument:
    """The daily report. `written_on` (YYYY-MM-DD) is the day at its head, the report's own by itself."""
    blocks = [
        *opening(snapshot, form),
        *results(snapshot, form),
        *shortcomings(snapshot, form),
        *ending(snapshot, form),
    ]
    return _paper(
        snapshot, form, "BÁO CÁO", (form.subject, f"ngày {short_day(snapshot.day)}"), blocks, written_on
    )


def compose_correction(
    snapshot: Snapshot, form: ReportTemplate, changes: Sequence[FigureChange], *, n: int, written_on: str
) -> ReportDocument:
    """The n-th correction of a day's report: first what changed from what to what, then the report as it is now."""
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
        *opening(snapshot, form)[:-1],
        Paragraph(
            f"{form.issuer_in_text} bổ sung, đính chính Báo cáo {long_day(snapshot.day)} về kết quả vận động {form.action} "
            f"trên địa bàn: {said(len(changes))} số liệu được nhận hoặc sửa sau khi đã chốt lúc {until(snapshot)}, như sau:"
        ),
        table,
        Paragraph(
            "Các nội dung khác của báo cáo đã gửi không thay đổi. Báo cáo đầy đủ sau khi bổ sung, đính chính:"
        ),
        *results(snapshot, form),
        *shortcomings(snapshot, form),
        *ending(snapshot, form),
    ]
    subject = (f"Bổ sung, đính chính Báo cáo ngày {short_day(snapshot.day)} (lần {n})", form.subject)
    return _paper(snapshot, form, "BÁO CÁO BỔ SUNG, ĐÍNH CHÍNH", subject, blocks, written_on)


_KINDS = {ChangeKind.ADDED: "Bổ sung", ChangeKind.CORRECTED: "Đính chính"}


def _paper(
    snapshot: Snapshot,
    form: ReportTemplate,
    kind: str,
    subject: tuple[str, ...],
    blocks: Sequence[Block],
    written_on: str | None,
) -> ReportDocument:
    day = written_on or snapshot.day
    number = f"Số:{BLANK}/{form.symbol}"
    reference = f"(Kèm theo Báo cáo số{BLANK}/{form.symbol} {long_day(day)} của {form.issuer_in_text})"
    return ReportDocument(
        superior=form.superior,
        issuer=form.issuer,
        number=number,
        place_and_day=f"{form.place}, {long_day(day)}",
        kind=kind,
        subject=subject,
        addressees=form.addressees,
        blocks=tuple(blocks),
        signature=Signature(form.signature),
        copies=(*form.copies, f"Lưu: {form.filed}"),
        appendices=appendices(snapshot, form, reference=reference),
    )


_ROMAN = ("I", "II", "III")


def appendices(snapshot: Snapshot, form: ReportTemplate, *, reference: str) -> tuple[Appendix, ...]:
    """Agencies always, as the report speaks of Phụ lục I; communes and organisations where there are figures."""
    parts: list[tuple[str, tuple[Block, ...], bool]] = [
        (f"Kết quả {form.done} của từng cơ quan, đơn vị", _agencies(snapshot, form), False)
    ]
    if communes := [each for each in snapshot.communes if each.official or each.reported.recipients]:
        parts.append((f"Kết quả {form.done} theo xã, phường, thị trấn", _communes(snapshot, communes), True))
    if snapshot.bodies:
        parts.append(("Số liệu tự báo theo danh sách của các tổ chức", _bodies(snapshot), False))
    return tuple(
        Appendix(f"PHỤ LỤC {_ROMAN[n]}", subject, reference, blocks, is_landscape=is_landscape)
        for n, (subject, blocks, is_landscape) in enumerate(parts)
    )


def _agencies(snapshot: Snapshot, form: ReportTemplate) -> tuple[Block, ...]:
    if not snapshot.agencies:
        return (Paragraph("Chưa có cơ quan, đơn vị nào được giao báo cáo số liệu trên hệ thống."),)
    columns = (
        Column("TT", 6, Alignment.CENTER),
        Column("Cơ quan, đơn vị", 32, Alignment.LEFT),
        Column("Tổng số người", 11),
        Column("Có điện thoại thông minh", 13),
        Column(f"Đã {form.done}", 10),
        Column("Tỷ lệ", 10),
        Column("Số liệu ngày", 18, Alignment.LEFT),
    )
    rows: list[tuple[Cell, ...]] = []
    for n, each in enumerate(snapshot.agencies, 1):
        day = (
            f"{short_day(each.day)}{' (chưa gửi trong ngày)' if each.is_missing else ''}"
            if each.day
            else "chưa gửi"
        )
        rows.append(
            (
                str(n),
                each.name,
                each.staff,
                each.with_smartphone,
                each.installed,
                ShareCell(each.share) if each.share is not None else None,
                day,
            )
        )
    return (Table("Cơ quan, đơn vị", "", columns, tuple(rows)),)


def _communes(snapshot: Snapshot, communes: list[PlaceFigures]) -> tuple[Block, ...]:
    columns = (
        Column("TT", 5, Alignment.CENTER),
        Column("Xã, phường, thị trấn", 19, Alignment.LEFT),
        Column("Huyện, thành phố", 17, Alignment.LEFT),
        Column("Số chính thức", 10),
        Column("Tính đến ngày", 11, Alignment.CENTER),
        Column("Người có ĐTTM", 11),
        Column("Tỷ lệ", 8),
        Column("Tự báo", 8),
        Column("Trên tổng số", 9),
        Column("Tỷ lệ", 8),
    )
    names = {place.code: place.name for place in snapshot.districts}
    rows = []
    for n, place in enumerate(communes, 1):
        first, name, *rest = place_row(str(n), place.name, place)
        rows.append((first, name, names.get(place.district, ""), *rest))
    note = (
        "Ghi chú: ĐTTM là điện thoại thông minh; “Số chính thức” và “Tự báo” là hai nguồn riêng, không cộng gộp; "
        "xã, phường, thị trấn chưa có số liệu nào không nêu trong bảng."
    )
    return (Table("Xã, phường, thị trấn", "", columns, tuple(rows)), Paragraph(note, Style.NOTE))


def _bodies(snapshot: Snapshot) -> tuple[Block, ...]:
    columns = (
        Column("TT", 6, Alignment.CENTER),
        Column("Tổ chức", 44, Alignment.LEFT),
        Column("Đã trả lời", 12),
        Column("Tự báo", 12),
        Column("Trên tổng số", 14),
        Column("Tỷ lệ", 12),
    )
    rows = tuple(
        (str(n), each.name, each.reported.answered, *reported_cells(each.reported))
        for n, each in enumerate(snapshot.bodies, 1)
    )
    return (Table("Tổ chức", "", columns, rows),)
