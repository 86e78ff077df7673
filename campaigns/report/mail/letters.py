"""What the report's mails say. Aggregates and ways into the office; nobody's name, number or text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.agencies.links import address_of as agency_address
from campaigns.agencies.models import AgencyLink
from campaigns.report.changes import Change, in_words
from campaigns.report.form import Form, read_form
from campaigns.report.forms import current_form
from campaigns.report.issues.building import MIME, file_name
from campaigns.report.issues.links import address_of, read_links
from campaigns.report.models import Purpose, ReportFile, ReportIssue, ReportMail
from campaigns.report.paper.words import percent, said, short_day
from campaigns.report.snapshot.figures import read_snapshot
from campaigns.report.snapshot.sources import read_agencies
from outreach.access.models import Organisation
from outreach.access.trail.verifying import read_head
from outreach.errors import NotFound
from outreach.mail import Attachment
from outreach.settings import Settings


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    body: str
    attachments: tuple[Attachment, ...] = ()


_END = "\n\nLoa gửi thư này tự động, xin không trả lời thư.\n"

_CHASE = """Kính gửi {agency},

Đến nay hệ thống chưa nhận được số liệu ngày {day} của cơ quan, đơn vị về kết quả {deed}.
Kính đề nghị gửi trước {freeze} hôm nay để kịp tổng hợp báo cáo trước {deadline}, tại:

{link}

Số liệu gồm: tổng số người, số người có điện thoại thông minh, số người đã {done}. Số nào chưa rõ thì để trống."""

_MISSING = """Kính gửi đồng chí,

Còn {count} cơ quan, đơn vị chưa gửi số liệu ngày {day}:
{names}

Số liệu được chốt lúc {freeze}. Có thể nhập giúp tại:

{link}"""

_UNDELIVERED = """Kính gửi đồng chí,

Đã quá {undelivered} mà báo cáo ngày {day} chưa đến được tất cả nơi nhận. Báo cáo phải đến nơi trước {deadline}.
Mời đồng chí xem lý do, tải văn bản và gửi bằng cách khác nếu cần, tại:

{link}"""

_REPORT = """Kính gửi đồng chí,

Gửi kèm Báo cáo {subject}, ngày {day}.

{figures}
Xem và tải văn bản, không cần đăng nhập, đến hết ngày {until}:

{link}

Văn bản gửi kèm chưa có số và chữ ký; bản chính do văn thư phát hành.

Mốc nhật ký, để đối chiếu khi kiểm tra: {anchor}"""

_CORRECTION = """Kính gửi đồng chí,

Gửi kèm Báo cáo bổ sung, đính chính lần {n} của Báo cáo ngày {day}: {count} số liệu được nhận hoặc sửa sau khi đã chốt.

{changes}
Xem và tải văn bản, không cần đăng nhập, đến hết ngày {until}:

{link}

Văn bản gửi kèm chưa có số và chữ ký; bản chính do văn thư phát hành."""
_MOST_CHANGES = 20


def letter_of(session: Session, mail: ReportMail, settings: Settings) -> Letter:
    """A mail's words and files as they are at the moment of sending. Raises NotFound when what it is about is gone."""
    if mail.issue_id is not None:
        issue = session.get_one(ReportIssue, mail.issue_id)
        return _issued(session, issue, settings)
    form, day = current_form(session), short_day(mail.day)
    hours = form.hours
    facts = {
        "day": day,
        "deed": form.deed,
        "done": form.done,
        "freeze": hours.freeze,
        "undelivered": hours.undelivered,
        "deadline": hours.deadline,
    }
    base = settings.public_base_url
    if mail.purpose is Purpose.CHASE:
        agency = session.get_one(Organisation, mail.organisation_id)
        link = session.get(AgencyLink, mail.link_id) if mail.link_id else None
        way = agency_address(link, settings) if link else f"{base}/admin/agencies/{agency.id}/"
        body = _CHASE.format(agency=agency.name, link=way, **facts)
        return Letter(f"Đề nghị gửi số liệu ngày {day}", body + _END)
    if mail.purpose is Purpose.ALARM_MISSING:
        missing = _missing(session, mail.day)
        names = "\n".join(f"- {name}" for name in missing)
        body = _MISSING.format(count=said(len(missing)), names=names, link=f"{base}/admin/agencies/", **facts)
        return Letter(f"Còn {said(len(missing))} nơi chưa gửi số liệu ngày {day}", body + _END)
    body = _UNDELIVERED.format(link=f"{base}/admin/report/", **facts)
    return Letter(f"Báo cáo ngày {day} chưa gửi được", body + _END)


def _missing(session: Session, day: str) -> list[str]:
    end = date.fromisoformat(day)
    missing = [each.name for each in read_agencies(session, day=end, known_until=None) if each.is_missing]
    if not missing:
        raise NotFound("Không còn nơi nào chưa gửi số liệu.")
    return missing


def _issued(session: Session, issue: ReportIssue, settings: Settings) -> Letter:
    form, day = read_form(issue.form), short_day(issue.day)
    assert issue.issued_at is not None
    link = next(iter(read_links(session, issue.day, now=issue.issued_at)), None)
    facts = {
        "day": day,
        "link": address_of(link, settings) if link else "(liên kết đã bị ngừng)",
        "until": short_day(link.expires_at.date().isoformat()) if link else day,
    }
    files = tuple(
        Attachment(file_name(issue.day, issue.n, each.kind), MIME[each.kind], each.content)
        for each in session.scalars(select(ReportFile).where(ReportFile.issue_id == issue.id))
    )
    if issue.n:
        lines = [f"- {line}" for line in changes_in_words(issue)]
        more = len(lines) - _MOST_CHANGES
        shown = "\n".join(lines[:_MOST_CHANGES]) + (f"\n- và {more} số liệu khác." if more > 0 else "")
        body = _CORRECTION.format(n=issue.n, count=said(len(lines)), changes=shown + "\n", **facts)
        return Letter(f"Báo cáo bổ sung, đính chính ngày {day} (lần {issue.n})", body + _END, files)
    # Outside the database: entries cut off at the audit's end are missed by whoever keeps the mail.
    body = _REPORT.format(
        anchor=read_head(session),
        subject=form.subject[:1].lower() + form.subject[1:],
        figures=_figures(issue, form),
        **facts,
    )
    return Letter(f"Báo cáo {form.subject[:1].lower()}{form.subject[1:]}, ngày {day}", body + _END, files)


def changes_in_words(issue: ReportIssue) -> list[str]:
    """Each change of a correction as a line: what, from what, to what."""
    return [in_words(Change(**each)) for each in issue.changes]


def _figures(issue: ReportIssue, form: Form) -> str:
    """The three sources, a line each."""
    snapshot = read_snapshot(issue.snapshot)
    known = [
        each for each in snapshot.agencies if each.with_smartphone is not None and each.installed is not None
    ]
    owners, installed = (
        sum(each.with_smartphone or 0 for each in known),
        sum(each.installed or 0 for each in known),
    )
    staff = (
        f"{said(installed)}/{said(owners)} người, đạt {percent(installed / owners)}" if owners else "chưa rõ"
    )
    whole, reported = snapshot.whole, snapshot.whole.reported
    official = "chưa đủ số liệu của toàn tỉnh"
    if whole.official:
        official = f"{said(whole.official.installed)} máy"
        if whole.official_share is not None:
            official += f", đạt {percent(whole.official_share)}"
    own = "chưa rõ"
    if reported.share is not None:
        own = f"{said(reported.reported)}/{said(reported.could)} người, đạt {percent(reported.share)}"
    return (
        f"- Cơ quan, đơn vị: {staff}.\n- Số liệu chính thức: {official}.\n- Người dân tự báo: {own} "
        f"(nguồn riêng, không cộng với số liệu chính thức).\n"
    )
