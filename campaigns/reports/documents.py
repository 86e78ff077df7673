"""Documents of the report: built from a frozen snapshot and nothing else, read, and verified; and links to them.

An issue's files are stored as bytes. Verification builds them again from the snapshot and compares the
contents. A link opens a day's report without an account, for some days, to read it and download its documents.

Also here: the letter that asks the operators to warn every phone of an area, as only they can. Head, signature and copies of
it are those of the drive's report. When they were asked, their answer and how many phones they wrote to is an activity
(`campaigns/activities`), corrected as it is known.
"""

import hashlib
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.activities.activity_log import ActivityFilter, read_page
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.reports import FileKind, ReportFile, ReportIssue, ReportLink
from campaigns.reports.settings import current_template, require_province
from campaigns.reports.take_snapshot import freezes_at, take_snapshot
from campaigns.reports.writers.docx import write_docx
from campaigns.reports.writers.pdf import draw_charts, write_pdf
from campaigns.reports.writers.xlsx import write_xlsx
from campaigns.rules.activities import ActivityKind
from campaigns.rules.reports.compose import compose, compose_correction, write_letter
from campaigns.rules.reports.document import Paragraph, ReportDocument, read_document, read_notes
from campaigns.rules.reports.snapshot import FigureChange, read_snapshot
from campaigns.rules.reports.template import parse_template
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.core.settings import Settings
from outreach.core.signed_tokens import TokenPurpose, signed_link
from outreach.core.spreadsheets import MEDIA_TYPE
from outreach.models.accounts import User
from outreach.places.areas import read_place_names
from outreach.rules.errors import BadInput, LoaError, NotFound, WrongState, or_raise
from outreach.rules.sms_template import Template
from outreach.runtime import Runtime
from outreach.use_cases import use_case

MIME = {
    FileKind.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    FileKind.PDF: "application/pdf",
    FileKind.XLSX: MEDIA_TYPE,
}


def draft_of(issue: ReportIssue) -> ReportDocument:
    """Return the document that an issue's frozen data and the officer's notes describe."""
    snapshot, form = read_snapshot(issue.snapshot), parse_template(issue.form)
    notes = read_notes(issue.notes or {})
    if issue.n == 0:
        return compose(snapshot, form, notes=notes, written_on=issue.written_on)
    changes = [FigureChange(**change) for change in issue.changes]
    return compose_correction(snapshot, form, changes, notes=notes, n=issue.n, written_on=issue.written_on)


def document_of(issue: ReportIssue) -> ReportDocument | None:
    """Return what was issued, or the draft; None of an earlier version, whose files alone tell."""
    if issue.issued_at is None:
        return replace(draft_of(issue), is_draft=issue.approved_at is None)
    return read_document(issue.document) if issue.document else None


def build_files(document: ReportDocument, *, made_at: datetime) -> dict[FileKind, bytes]:
    """Build the three files of a document. `made_at` is written into their properties."""
    charts: Mapping[str, bytes] = draw_charts(document)
    return {
        FileKind.DOCX: write_docx(document, charts, made_at=made_at),
        FileKind.PDF: write_pdf(document),
        FileKind.XLSX: write_xlsx(document, charts, made_at=made_at),
    }


def file_name(day: str, n: int, kind: FileKind) -> str:
    """Return the file's name, such as report-2020-08-20.docx; a correction's has its number."""
    return f"report-{day}{f'-dinh-chinh-{n}' if n else ''}.{kind.value}"


# The parts of each archive that hold words and figures.
_TEXT_PARTS = {
    FileKind.DOCX: re.compile(r"word/document\.xml"),
    FileKind.XLSX: re.compile(r"xl/(?:sharedStrings|worksheets/sheet\d+)\.xml"),
}


def read_files(session: Session, drive: int, day: str) -> dict[str, bytes]:
    """Return the files of a day's report and its corrections, by name; empty where none was issued."""
    rows = session.execute(
        select(ReportIssue.n, ReportFile.kind, ReportFile.content)
        .join(ReportFile, ReportFile.issue_id == ReportIssue.id)
        .where(ReportIssue.drive_id == drive, ReportIssue.day == day)
        .order_by(ReportIssue.n, ReportFile.kind)
    )
    return {file_name(day, n, kind): content for n, kind, content in rows}


def read_file(session: Session, drive: int, day: str, *, n: int, kind: FileKind) -> bytes:
    """Return one file as it was issued. Raises NotFound."""
    query = select(ReportFile.content).join(ReportIssue, ReportIssue.id == ReportFile.issue_id)
    of_day = (ReportIssue.drive_id == drive, ReportIssue.day == day, ReportIssue.n == n)
    content = session.scalar(query.where(*of_day, ReportFile.kind == kind))
    return or_raise(content, NotFound("document_not_found"))


@use_case
def download_file(
    session: Session, drive: int, day: date, *, n: int, kind: FileKind, user: User, now: datetime
) -> bytes:
    """Return a file as it was issued; recorded. Raises NotFound."""
    content = read_file(session, drive, day.isoformat(), n=n, kind=kind)
    record_download(session, day.isoformat(), n=n, kind=kind, actor_id=user.id, now=now, drive=drive)
    return content


@use_case
def record_export(session: Session, day: date, *, files: int, now: datetime) -> None:
    """Record in the audit log that a command wrote a day's files."""
    audit.record(session, "report.export", "reports:all", None, now, day=day.isoformat(), files=files)


def record_download(
    session: Session, day: str, *, n: int, kind: FileKind, actor_id: int | None, now: datetime, **by: int
) -> None:
    """Record in the audit log that a file was downloaded, by a user or by a link, named in `by`."""
    audit.record(
        session, "report.download", "reports:all", actor_id, now, day=day, correction=n, file=kind.value, **by
    )


def compose_now(session: Session, drive: int, day: date, *, now: datetime) -> ReportDocument:
    """Return a day's report of what is known now, or was at the hour of freezing. Raises BadInput for a day in the future."""
    if day > now.astimezone(VIETNAM).date():
        raise BadInput("report_day_future", day=day)
    form = current_template(session, drive)
    known_until = min(freezes_at(day, form), now)
    return compose(take_snapshot(session, form, drive=drive, day=day, known_until=known_until), form)


def build_without_issuing(runtime: Runtime, drive: int, day: date, *, now: datetime) -> dict[FileKind, bytes]:
    """Build a draft of a day's documents without storing them: of what is frozen, else as now."""
    with runtime.db.read() as session:
        of_day = (ReportIssue.drive_id == drive, ReportIssue.day == day.isoformat(), ReportIssue.n == 0)
        frozen = session.scalar(select(ReportIssue).where(*of_day))
        document = draft_of(frozen) if frozen is not None else compose_now(session, drive, day, now=now)
    return build_files(replace(document, is_draft=True), made_at=now)


def verify_issues(session: Session) -> tuple[int, list[LoaError]]:
    """Build every issue again. Returns how many there are, and an error for each that differs."""
    issues = session.scalars(
        select(ReportIssue)
        .where(ReportIssue.issued_at.is_not(None))
        .order_by(ReportIssue.day, ReportIssue.drive_id, ReportIssue.n)
    ).all()
    differences = []
    for issue in issues:
        if difference := _differs(session, issue):
            differences.append(LoaError("issue_differs", day=issue.day, n=issue.n, difference=difference))
    return len(issues), differences


def _differs(session: Session, issue: ReportIssue) -> LoaError | None:
    """Return how an issue differs from its frozen data, None where it does not."""
    if read_snapshot(issue.snapshot).digest != issue.digest:
        return LoaError("issue_figures_differ")
    stored = {
        row.kind: row for row in session.scalars(select(ReportFile).where(ReportFile.issue_id == issue.id))
    }
    if set(stored) != set(FileKind):
        return LoaError("issue_file_missing")
    for kind, row in stored.items():
        if hashlib.sha256(row.content).hexdigest() != row.sha256:
            return LoaError("issue_file_changed", kind=kind.value)
    if (document := document_of(issue)) is None:
        return None
    rebuilt = build_files(document, made_at=issue.frozen_at)
    for kind in _TEXT_PARTS:
        if words_of(stored[kind].content, kind) != words_of(rebuilt[kind], kind):
            return LoaError("issue_words_differ", kind=kind.value)
    return None


def words_of(content: bytes, kind: FileKind) -> list[str]:
    """Return all words and figures of a DOCX or an XLSX, in order."""
    words = []
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for name in sorted(archive.namelist()):
            if _TEXT_PARTS[kind].fullmatch(name):
                text = archive.read(name).decode()
                words += [part for part in re.split(r"<[^>]*>", text) if part.strip()]
    return words


def make_link(
    session: Session, drive: int, day: str, *, days: int, user: User | None, now: datetime
) -> ReportLink:
    """Return a link to a day's report for so many days: one that lasts as long, else a new one."""
    expires_at = now + timedelta(days=days)
    for existing in read_links(session, drive, day, now=now):
        if existing.expires_at >= expires_at - timedelta(hours=12):
            return existing
    link = ReportLink(
        drive_id=drive, day=day, expires_at=expires_at, made_by=user.id if user else None, made_at=now
    )
    session.add(link)
    audit.record(session, "report.link", link, user, now)
    return link


@use_case
def end_link(session: Session, link_id: int, *, user: User, now: datetime) -> ReportLink:
    """End a link. Raises NotFound, WrongState when it has ended, NotAllowed."""
    require_province(session, user)
    link = or_raise(session.get(ReportLink, link_id, with_for_update=True), NotFound("link_not_found"))
    if link.ended_at is not None or link.expires_at <= now:
        raise WrongState("report_link_ended")
    link.ended_at = now
    audit.record(session, "report.end_link", link, user, now)
    return link


def address_of(link: ReportLink, settings: Settings) -> str:
    """Return the link's full address."""
    return signed_link(settings, "/report/", TokenPurpose.REPORT, link.id)


def is_open(link: ReportLink, *, now: datetime) -> bool:
    """Return whether the link still opens the report."""
    return link.ended_at is None and now < link.expires_at


def read_links(session: Session, drive: int, day: str, *, now: datetime) -> list[ReportLink]:
    """Return a day's open links, the one valid longest first."""
    is_open = (ReportLink.ended_at.is_(None), ReportLink.expires_at > now)
    query = select(ReportLink).where(ReportLink.drive_id == drive, ReportLink.day == day, *is_open)
    return list(session.scalars(query.order_by(ReportLink.expires_at.desc(), ReportLink.id)))


_BLOCKS = (
    "Tình hình: {reason}",
    "{issuer} trân trọng đề nghị quý doanh nghiệp gửi ngay tin nhắn sau đây tới mọi thuê bao di động đang có mặt tại {places}:",
    "“{text}”",
    "Xin trả lời bằng văn bản hoặc thư điện tử: đã gửi lúc nào, tới bao nhiêu thuê bao, hoặc lý do chưa gửi được.",
)


_LOOKED_BACK = timedelta(days=60)


def read_request(session: Session, event: Campaign, *, settings: Settings, now: datetime) -> ReportDocument:
    """Return the letter of an event: its first text without what is each person's own, its link that of the page for everybody."""
    codes = session.scalars(
        select(Recipient.area_code)
        .where(Recipient.campaign_id == event.id, Recipient.area_code.is_not(None))
        .distinct()
    )
    values = {**event.fields, "name": "", "link": f"{settings.link_base}/an-toan"}
    template = current_template(session, event.drive_id)
    said = {
        "reason": event.urgent_reason,
        "text": Template.parse(event.steps[0].text).render(values),
        "places": ", ".join(sorted(read_place_names(session, codes).values())),
        "issuer": template.issuer_in_text,
    }
    return write_letter(
        template,
        day=now.astimezone(VIETNAM).date().isoformat(),
        kind="CÔNG VĂN",
        # A drill's name says that it is one.
        subject=("Về việc đề nghị nhắn tin cảnh báo tới thuê bao di động", event.name),
        addressees=("Các doanh nghiệp viễn thông di động có thuê bao trên địa bàn",),
        blocks=tuple(Paragraph(block.format(**said)) for block in _BLOCKS),
        copies=("Như trên",),
    )


def read_asked(session: Session, event_id: int, user: User, *, now: datetime) -> Sequence[Any]:
    """Return what is on record of the operators' messages in an event, the latest first."""
    today = now.astimezone(VIETNAM).date()
    asked = ActivityFilter(today - _LOOKED_BACK, today, kind=ActivityKind.OPERATORS, campaign_id=event_id)
    return read_page(session, asked, user=user, after=None)[0]
