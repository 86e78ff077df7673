"""What is too long for the report itself: each agency, each commune, each organisation. Pure."""

from __future__ import annotations

from campaigns.report.form import Form
from campaigns.report.paper.blocks import Appendix, Block, Column, Paragraph, Side, Style, Table
from campaigns.report.paper.residents import place_row, reported_cells
from campaigns.report.paper.words import Cell, Share, short_day
from campaigns.report.snapshot.figures import Place, Snapshot

_ROMAN = ("I", "II", "III")


def appendices(snapshot: Snapshot, form: Form, *, reference: str) -> tuple[Appendix, ...]:
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


def _agencies(snapshot: Snapshot, form: Form) -> tuple[Block, ...]:
    if not snapshot.agencies:
        return (Paragraph("Chưa có cơ quan, đơn vị nào được giao báo cáo số liệu trên hệ thống."),)
    columns = (
        Column("TT", 6, Side.CENTER),
        Column("Cơ quan, đơn vị", 32, Side.LEFT),
        Column("Tổng số người", 11),
        Column("Có điện thoại thông minh", 13),
        Column(f"Đã {form.done}", 10),
        Column("Tỷ lệ", 10),
        Column("Số liệu ngày", 18, Side.LEFT),
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
                Share(each.share) if each.share is not None else None,
                day,
            )
        )
    return (Table("Cơ quan, đơn vị", "", columns, tuple(rows)),)


def _communes(snapshot: Snapshot, communes: list[Place]) -> tuple[Block, ...]:
    columns = (
        Column("TT", 5, Side.CENTER),
        Column("Xã, phường, thị trấn", 19, Side.LEFT),
        Column("Huyện, thành phố", 17, Side.LEFT),
        Column("Số chính thức", 10),
        Column("Tính đến ngày", 11, Side.CENTER),
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
        Column("TT", 6, Side.CENTER),
        Column("Tổ chức", 44, Side.LEFT),
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
