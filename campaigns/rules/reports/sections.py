"""What the daily report says, from a snapshot and the form. Pure.

Each figure comes with what it was computed on, its day and its source; what is not known is said to be unknown.
"""

from __future__ import annotations

from datetime import datetime

from campaigns.publicity.entry import Kind
from campaigns.report.form import Form
from campaigns.report.paper.blocks import Block, Column, Paragraph, Side, Style, Table
from campaigns.report.paper.residents import residents
from campaigns.report.paper.words import MEANS, hour, long_day, percent, said, short_day
from campaigns.report.snapshot.figures import Outreach, Snapshot


def opening(snapshot: Snapshot, form: Form) -> list[Block]:
    """The legal bases, and the sentence that the report begins with."""
    last = len(form.bases) - 1
    bases: list[Block] = [
        Paragraph(f"{basis}{'.' if n == last else ';'}", Style.BASIS) for n, basis in enumerate(form.bases)
    ]
    return [
        *bases,
        Paragraph(
            f"{form.issuer_in_text} báo cáo kết quả vận động {form.deed} trên địa bàn, "
            f"số liệu tính đến {until(snapshot)}, như sau:"
        ),
    ]


def results(snapshot: Snapshot, form: Form) -> list[Block]:
    """Part I: agencies' staff, residents by each source, what was done to reach them."""
    return [
        Paragraph("I. KẾT QUẢ THỰC HIỆN", Style.PART),
        *_staff(snapshot, form),
        *residents(snapshot, form),
        *_outreach(snapshot, form),
    ]


def shortcomings(snapshot: Snapshot, form: Form) -> list[Block]:
    """Part II: what is missing, from whom, and how much."""
    lines = []
    if snapshot.missing:
        lines.append(
            f"{said(len(snapshot.missing))}/{said(len(snapshot.agencies))} cơ quan, đơn vị chưa gửi số liệu trong ngày: "
            f"{'; '.join(snapshot.missing)}."
        )
    if snapshot.without_official and len(snapshot.without_official) == len(snapshot.districts):
        lines.append("Chưa có số liệu chính thức của các huyện, thành phố.")
    elif snapshot.without_official:
        lines.append(
            f"{said(len(snapshot.without_official))}/{said(len(snapshot.districts))} huyện, thành phố chưa có số liệu "
            f"chính thức: {', '.join(map(_lower, snapshot.without_official))}."
        )
    if snapshot.whole.owners is None:
        lines.append(
            "Chưa có số liệu về số người có điện thoại thông minh trên địa bàn, nên chưa tính được tỷ lệ chung của tỉnh."
        )
    lines += _gaps(snapshot, form)
    if not lines:
        lines = ["Các cơ quan, đơn vị, địa phương đã gửi đầy đủ số liệu; các mục tiêu đã đạt."]
    return [Paragraph("II. TỒN TẠI, HẠN CHẾ", Style.PART), *(Paragraph(f"- {line}") for line in lines)]


def ending(snapshot: Snapshot, form: Form) -> list[Block]:
    """Part III where something is proposed, and the last sentence with its mark."""
    proposed: list[Block] = []
    if form.proposals:
        proposed = [
            Paragraph("III. ĐỀ XUẤT, KIẾN NGHỊ", Style.PART),
            *(Paragraph(f"{n}. {line}.") for n, line in enumerate(form.proposals, 1)),
        ]
    return [
        *proposed,
        Paragraph(
            f"Trên đây là báo cáo kết quả vận động {form.deed} {long_day(snapshot.day)}, "
            f"{form.issuer_in_text} trân trọng báo cáo./."
        ),
    ]


def _lower(name: str) -> str:
    """huyện Đắk Hà, within a sentence."""
    return name[:1].lower() + name[1:]


def until(snapshot: Snapshot) -> str:
    """13 giờ 30 phút, ngày 20 tháng 8 năm 2020"""
    return f"{hour(datetime.fromisoformat(snapshot.as_of))}, {long_day(snapshot.as_of[:10])}"


# -- agencies' staff


def _staff(snapshot: Snapshot, form: Form) -> list[Block]:
    heading = Paragraph(
        f"1. {form.staff} (mục tiêu {percent(snapshot.staff.share, is_exact=True)})", Style.HEADING
    )
    agencies = snapshot.agencies
    if not agencies:
        return [heading, Paragraph("Chưa có cơ quan, đơn vị nào được giao báo cáo số liệu trên hệ thống.")]
    handed_in = len(agencies) - len(snapshot.missing)
    known = [each for each in agencies if each.with_smartphone is not None and each.installed is not None]
    owners = sum(each.with_smartphone or 0 for each in known)
    installed = sum(each.installed or 0 for each in known)
    lines = [
        f"Đã gửi số liệu trong ngày: {said(handed_in)}/{said(len(agencies))} cơ quan, đơn vị"
        + ("; nơi chưa gửi được tính theo số liệu gần nhất đã gửi." if snapshot.missing else ".")
    ]
    if owners:
        gap = owners - installed
        lines.append(
            f"Tại {said(len(known))} cơ quan, đơn vị đã có đủ số liệu, {said(installed)}/{said(owners)} người có "
            f"điện thoại thông minh đã {form.done}, đạt {percent(installed / owners)}"
            + (f"; còn {said(gap)} người chưa {form.done}." if gap else ".")
        )
    if len(known) < len(agencies):
        lines.append(
            f"{said(len(agencies) - len(known))} cơ quan, đơn vị chưa có đủ số liệu, không tính vào tỷ lệ nêu trên."
        )
    lines.append("Số liệu do từng cơ quan, đơn vị tự tổng hợp; chi tiết tại Phụ lục I.")
    return [heading, *(Paragraph(f"- {line}") for line in lines)]


# -- what was done


def _outreach(snapshot: Snapshot, form: Form) -> list[Block]:
    blocks: list[Block] = [Paragraph("3. Công tác tuyên truyền, vận động", Style.HEADING)]
    if snapshot.outreach:
        told = "; ".join(_told(line) for line in snapshot.outreach)
        blocks.append(Paragraph(f"- Từ ngày {short_day(snapshot.since)} đến nay: {told}."))
    if not snapshot.campaigns:
        return [*blocks, Paragraph("- Chưa nhắn tin vận động.")]
    columns = (
        Column("Đợt nhắn tin", 30, Side.LEFT),
        Column("Ngày bắt đầu", 13, Side.CENTER),
        Column("Người nhận", 12),
        Column("Đã gửi", 11),
        Column("Đến máy", 11),
        Column("Trả lời", 11),
        Column(f"Tự báo đã {form.done}", 12),
    )
    rows = tuple(
        (
            each.name,
            short_day(each.launched_on),
            each.recipients,
            each.sent,
            each.delivered,
            each.reported.answered,
            each.reported.reported,
        )
        for each in snapshot.campaigns
    )
    return [*blocks, Table("Nhắn tin", "Bảng 2. Các đợt nhắn tin vận động", columns, rows)]


def _told(line: Outreach) -> str:
    text = f"{_lower(MEANS[Kind(line.kind)])} {said(line.times)} lượt"
    more = [f"trong ngày {said(line.today)}"] if line.today else []
    more += [f"{said(line.people)} lượt người"] if line.people is not None else []
    return f"{text} ({', '.join(more)})" if more else text


def _gaps(snapshot: Snapshot, form: Form) -> list[str]:
    """How far from each goal, in people."""
    lines = []
    known = [
        each for each in snapshot.agencies if each.with_smartphone is not None and each.installed is not None
    ]
    behind = [each for each in known if (each.share or 0.0) < snapshot.staff.share and each.with_smartphone]
    if behind:
        lines.append(
            f"{said(len(behind))}/{said(len(known))} cơ quan, đơn vị có đủ số liệu chưa đạt mục tiêu "
            f"{percent(snapshot.staff.share, is_exact=True)}."
        )
    whole, goal = snapshot.whole, snapshot.residents
    if whole.official and whole.owners and goal:
        gap = -int(-goal.share * whole.owners.count // 1) - whole.official.installed
        if gap > 0:
            lines.append(
                f"Theo số liệu chính thức, toàn tỉnh còn thiếu {said(gap)} người so với mục tiêu {percent(goal.share, is_exact=True)}."
            )
    return lines
