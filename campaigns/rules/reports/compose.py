"""The whole report, or the report that corrects it, as data. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.report.changes import Change, Kind
from campaigns.report.form import Form
from campaigns.report.paper.appendices import appendices
from campaigns.report.paper.blocks import Block, Column, Paper, Paragraph, Side, Signature, Table
from campaigns.report.paper.body import ending, opening, results, shortcomings, until
from campaigns.report.paper.words import Cell, long_day, said, short_day
from campaigns.report.snapshot.figures import Snapshot

# The clerk writes the number by hand: room for it.
BLANK = "      "


def compose(snapshot: Snapshot, form: Form, *, written_on: str | None = None) -> Paper:
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
    snapshot: Snapshot, form: Form, changes: Sequence[Change], *, n: int, written_on: str
) -> Paper:
    """The n-th correction of a day's report: first what changed from what to what, then the report as it is now."""
    rows: list[tuple[Cell, ...]] = [
        (str(place), change.what, change.before, change.after, _KINDS[change.kind])
        for place, change in enumerate(changes, 1)
    ]
    table = Table(
        "Đính chính",
        f"Bảng kê số liệu bổ sung, đính chính (lần {n})",
        (
            Column("TT", 6, Side.CENTER),
            Column("Nội dung", 44, Side.LEFT),
            Column("Đã báo cáo", 17),
            Column("Nay là", 17),
            Column("Loại", 16, Side.CENTER),
        ),
        tuple(rows),
    )
    blocks: list[Block] = [
        *opening(snapshot, form)[:-1],
        Paragraph(
            f"{form.issuer_in_text} bổ sung, đính chính Báo cáo {long_day(snapshot.day)} về kết quả vận động {form.deed} "
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


_KINDS = {Kind.ADDED: "Bổ sung", Kind.CORRECTED: "Đính chính"}


def _paper(
    snapshot: Snapshot,
    form: Form,
    kind: str,
    subject: tuple[str, ...],
    blocks: Sequence[Block],
    written_on: str | None,
) -> Paper:
    day = written_on or snapshot.day
    number = f"Số:{BLANK}/{form.symbol}"
    reference = f"(Kèm theo Báo cáo số{BLANK}/{form.symbol} {long_day(day)} của {form.issuer_in_text})"
    return Paper(
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
