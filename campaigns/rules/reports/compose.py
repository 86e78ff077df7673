"""Composition of the daily report or its correction from the sections, with its appendices."""

from collections.abc import Sequence
from typing import Any

from campaigns.rules.progress import ShareBasis
from campaigns.rules.reports.changes import ChangeKind, FigureChange
from campaigns.rules.reports.document import (
    NO_NOTES,
    Alignment,
    Appendix,
    Block,
    Cell,
    Column,
    Notes,
    Paragraph,
    ReportDocument,
    ShareCell,
    Signature,
    Style,
    Table,
    long_day,
    read_document,
    said,
    short_day,
    without_empty_columns,
)
from campaigns.rules.reports.sections import (
    ending,
    opening,
    owners_heading,
    place_row,
    reported_cells,
    reported_columns,
    results,
    shortcomings,
    until,
)
from campaigns.rules.reports.snapshot import PlaceFigures, Snapshot, common_basis
from campaigns.rules.reports.template import ReportTemplate

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
    return read_document(document.as_data())


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
