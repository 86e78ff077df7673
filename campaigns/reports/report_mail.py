"""Mail about the report: to late agencies, to officers, and to the recipients of the report.

A mail is queued in the transaction of what it is about, sent afterwards, and tried again until the server
accepts it. It is claimed before it is sent, so that two processes never send it at once. One that may have
gone out when its process was killed is sent again with the same Message-ID: twice is better than not at all
before 14:00.

The texts contain totals and links to the admin site, but no person's name, number or message.
"""

import smtplib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.agencies.reports import address_of as agency_address
from campaigns.models.figures import AgencyLink
from campaigns.models.reports import Purpose, ReportDay, ReportFile, ReportIssue, ReportMail
from campaigns.planning.drives import find_drive
from campaigns.planning.kinds import words_of
from campaigns.reports.documents import MIME, file_name
from campaigns.reports.links import address_of, read_links
from campaigns.reports.settings import current_template, recipients_of
from campaigns.reports.take_snapshot import read_agencies
from campaigns.rules.reports.changes import FigureChange, describe_change
from campaigns.rules.reports.document import percent, said, short_day
from campaigns.rules.reports.sections import promised_text
from campaigns.rules.reports.snapshot import read_snapshot, staff_total
from campaigns.rules.reports.template import ReportTemplate, parse_template
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.audit import read_head
from outreach.core.db import find_row, insert_missing
from outreach.core.mail import Attachment, is_about_one_mail, send_mail
from outreach.core.settings import Settings
from outreach.models.accounts import Organisation
from outreach.rules.errors import NotFound
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_report_schedule

# Longer than a server may take for one mail: after it the claiming process has ended.
CLAIMED_FOR = timedelta(minutes=3)
# Pause between two tries while the server is away.
PAUSE = timedelta(seconds=60)
_TRIED_FOR = timedelta(days=2)


def queue_mail(
    session: Session,
    addresses: Iterable[str],
    purpose: Purpose,
    *,
    drive: int,
    day: str,
    now: datetime,
    until: datetime | None = None,
    again: str = "",
    **about: int | None,
) -> int:
    """Queue a mail to each address; mails queued before stay as they are. Returns how many addresses.

    `about` are the columns of what it is about: `issue_id`, or `organisation_id` and `link_id`. After `until` the mail
    is no longer sent. `again` tells a mail that is sent once more from the first one.
    """
    enqueue_after_commit(session, enqueue_report_schedule)
    subject = str(about.get("issue_id") or f"{drive}.{about.get('organisation_id') or 0}")
    rows = [
        {
            "key": f"{day}:{purpose}:{subject}:{again}:{address.lower()}",
            "drive_id": drive,
            "day": day,
            "purpose": purpose,
            **dict.fromkeys(("issue_id", "organisation_id", "link_id")),
            **about,
            "address": address,
            "next_at": now,
            "expires_at": until or now + _TRIED_FOR,
            "tries": 0,
            "error": "",
        }
        for address in dict.fromkeys(addresses)
    ]
    if rows:
        insert_missing(session, ReportMail, rows)
    return len(rows)


def due_mail(
    drive: int | InstrumentedAttribute[int], day: str | InstrumentedAttribute[str], *, now: datetime
) -> tuple[ColumnElement[bool], ...]:
    """Return the condition for a day's mails that may be sent now."""
    return (
        ReportMail.drive_id == drive,
        ReportMail.day == day,
        ReportMail.sent_at.is_(None),
        ReportMail.refused_at.is_(None),
        ReportMail.next_at <= now,
        ReportMail.expires_at > now,
    )


def is_delivered(session: Session, drive: int, day: str) -> bool:
    """Return whether everybody to whom it was last queued was mailed the report, at whichever try, or it was noted as delivered by hand.

    False without recipients. A correction counts too, as it contains the whole report. An address that was put right since is no longer waited for.
    """
    report_day = session.get(ReportDay, (drive, day))
    if report_day is not None and report_day.by_hand_at is not None:
        return True
    rows = session.execute(
        select(func.lower(ReportMail.address), ReportMail.expires_at, ReportMail.sent_at).where(
            ReportMail.drive_id == drive,
            ReportMail.day == day,
            ReportMail.purpose.in_((Purpose.REPORT, Purpose.CORRECTION)),
        )
    ).all()
    last = max((expires_at for _address, expires_at, _sent_at in rows), default=None)
    recipients = {address for address, expires_at, _sent_at in rows if expires_at == last}
    return bool(recipients) and recipients <= {address for address, _expires_at, sent_at in rows if sent_at}


def readdress(runtime: Runtime, drive: int, day: str, *, now: datetime) -> None:
    """Queue an undelivered report to addresses that were named since, and wait no longer for those that were taken out."""
    with runtime.db.write() as session:
        of_day = (ReportMail.drive_id == drive, ReportMail.day == day)
        of_report = ReportMail.purpose.in_((Purpose.REPORT, Purpose.CORRECTION))
        mails = session.scalars(
            select(ReportMail).where(*of_day, of_report).order_by(ReportMail.issue_id)
        ).all()
        named = {address.lower(): address for address in recipients_of(session, drive, runtime.settings)}
        if not mails or not named or is_delivered(session, drive, day):
            return
        issue_id, purpose = mails[-1].issue_id, mails[-1].purpose
        newest = [mail for mail in mails if mail.issue_id == issue_id]
        until = max(mail.expires_at for mail in newest)
        for mail in newest:
            if not mail.sent_at:
                mail.expires_at = until if mail.address.lower() in named else min(mail.expires_at, now)
        known = {mail.address.lower() for mail in newest}
        if new := [address for key, address in named.items() if key not in known]:
            queue_mail(session, new, purpose, drive=drive, day=day, issue_id=issue_id, until=until, now=now)


def send_due_mail(runtime: Runtime, drive: int, day: str, *, now: datetime) -> int:
    """Send a day's due mails, the report first; all wait if the server is away. Returns how many."""
    if not runtime.settings.smtp_url:
        return 0
    sent = 0
    while True:
        with runtime.db.write() as session:
            mail = _claim(session, drive, day, now=now)
        if mail is None:
            return sent
        try:
            accepted = _send(runtime, mail)
        except (OSError, smtplib.SMTPException) as error:
            with runtime.db.write() as session:
                session.execute(
                    update(ReportMail)
                    .where(ReportMail.id == mail.id)
                    .values(next_at=now + PAUSE, error=type(error).__name__)
                )
                if is_about_one_mail(error):
                    continue
                # The others would fail at the same server, so they wait too.
                session.execute(
                    update(ReportMail).where(*due_mail(drive, day, now=now)).values(next_at=now + PAUSE)
                )
            return sent
        outcome = {"sent_at": now, "error": ""} if accepted else {"refused_at": now, "error": "refused"}
        change = update(ReportMail).values(**outcome) if accepted is not None else delete(ReportMail)
        with runtime.db.write() as session:
            session.execute(change.where(ReportMail.id == mail.id))
        sent += accepted or 0


def _claim(session: Session, drive: int, day: str, *, now: datetime) -> ReportMail | None:
    """Claim the next mail, and postpone its next try in the same transaction."""
    mail = session.scalar(
        select(ReportMail)
        .where(*due_mail(drive, day, now=now))
        .order_by(ReportMail.purpose.desc(), ReportMail.tries, ReportMail.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if mail is not None:
        mail.next_at, mail.tries = now + CLAIMED_FOR, mail.tries + 1
    return mail


def _send(runtime: Runtime, mail: ReportMail) -> int | None:
    """Send a mail. Returns how many were accepted, None for one that is about nothing any more."""
    with runtime.db.read() as session:
        try:
            letter = compose_letter(session, mail, runtime.settings)
        except NotFound:
            return None
    return send_mail(
        runtime.settings.smtp_url,
        to=[mail.address],
        subject=letter.subject,
        body=letter.body,
        attachments=letter.attachments,
        message_id=f"loa-report-{mail.id}-{mail.day}",
    )


def end_of(day: str, clock: str) -> datetime:
    """Return the moment of a day at a clock time, in Vietnam."""
    return datetime.fromisoformat(f"{day}T{clock}:00").replace(tzinfo=VIETNAM)


@dataclass(frozen=True, slots=True)
class Letter:
    """Subject, body and attachments of a mail."""

    subject: str
    body: str
    attachments: tuple[Attachment, ...] = ()


_END = "\n\nLoa gửi thư này tự động, xin không trả lời thư.\n"
_CHASE = """Kính gửi {agency},

Đến nay hệ thống chưa nhận được số liệu ngày {day} của cơ quan, đơn vị về kết quả {action}.
Kính đề nghị gửi trước {freeze} hôm nay để kịp tổng hợp báo cáo trước {deadline}, tại:

{link}

Số liệu gồm: {parts}. Số liệu chưa rõ thì để trống."""
_MISSING = """Kính gửi đồng chí,

Còn {count} cơ quan, đơn vị chưa gửi số liệu ngày {day}:
{names}

Số liệu được chốt lúc {freeze}. Có thể nhập thay tại:

{link}"""
_UNDELIVERED = """Kính gửi đồng chí,

Đã quá {undelivered} mà báo cáo ngày {day} chưa đến được tất cả nơi nhận. Báo cáo phải đến nơi trước {deadline}.
Đề nghị đồng chí xem lý do, tải văn bản và gửi bằng cách khác nếu cần, tại:

{link}"""
_UNAPPROVED = """Kính gửi đồng chí,

Đã quá {undelivered} mà báo cáo ngày {day} chưa được phê duyệt nên chưa phát hành. Báo cáo phải đến nơi trước {deadline}.
Đề nghị đồng chí được giao lập báo cáo trình ký, đồng chí có thẩm quyền xem xét, phê duyệt tại:

{link}"""
_REPORT = """Kính gửi đồng chí,

Gửi kèm Báo cáo {subject}, ngày {day}.

{figures}
Xem và tải văn bản, không cần đăng nhập, đến {until}:

{link}

Văn bản gửi kèm chưa có số và chữ ký; bản chính do văn thư phát hành.

Mốc nhật ký để đối chiếu khi kiểm tra: {anchor}"""
_CORRECTION = """Kính gửi đồng chí,

Gửi kèm Báo cáo bổ sung, đính chính lần {n} của Báo cáo ngày {day}: {count} số liệu được nhận hoặc sửa sau khi đã chốt.

{changes}
Xem và tải văn bản, không cần đăng nhập, đến {until}:

{link}

Văn bản gửi kèm chưa có số và chữ ký; bản chính do văn thư phát hành."""
_MAX_CHANGES = 20


def compose_letter(session: Session, mail: ReportMail, settings: Settings) -> Letter:
    """Compose a mail with the facts of the moment of sending. Raises NotFound where its subject is gone."""
    if mail.issue_id is not None:
        issue = session.get_one(ReportIssue, mail.issue_id)
        return _issued(session, issue, settings)
    form, day = current_template(session, mail.drive_id), short_day(mail.day)
    hours = form.hours
    words = words_of(session, find_drive(session, mail.drive_id).kind)
    owners = f"số {words.owners}, " if words.owners else ""
    facts = {
        "day": day,
        "action": form.action,
        "parts": f"tổng số người, {owners}số người đã {form.done}",
        "freeze": hours.freeze,
        "undelivered": hours.undelivered,
        "deadline": hours.deadline,
    }
    base = settings.public_base_url
    if mail.purpose is Purpose.CHASE:
        agency = session.get_one(Organisation, mail.organisation_id)
        if agency.name not in _missing(session, mail.drive_id, mail.day):
            raise NotFound("nobody_to_remind")
        link = find_row(session, AgencyLink, mail.link_id)
        address = agency_address(link, settings) if link else f"{base}/admin/agencies/{agency.id}/"
        body = _CHASE.format(agency=agency.name, link=address, **facts)
        return Letter(f"Đề nghị gửi số liệu ngày {day}", body + _END)
    if mail.purpose is Purpose.ALARM_MISSING:
        missing = _missing(session, mail.drive_id, mail.day)
        names = "\n".join(f"- {name}" for name in missing)
        body = _MISSING.format(count=said(len(missing)), names=names, link=f"{base}/admin/agencies/", **facts)
        return Letter(f"Còn {said(len(missing))} cơ quan, đơn vị chưa gửi số liệu ngày {day}", body + _END)
    if is_delivered(session, mail.drive_id, mail.day):  # since the alarm
        raise NotFound("nobody_to_remind")
    page = f"{base}/admin/report/?day={mail.day}&drive={mail.drive_id}"
    of_day = (ReportIssue.drive_id == mail.drive_id, ReportIssue.day == mail.day, ReportIssue.n == 0)
    first = session.scalar(select(ReportIssue).where(*of_day))
    if first is not None and first.approved_at is None:
        return Letter(
            f"Báo cáo ngày {day} chưa được phê duyệt", _UNAPPROVED.format(link=page, **facts) + _END
        )
    body = _UNDELIVERED.format(link=page, **facts)
    return Letter(f"Báo cáo ngày {day} chưa gửi được", body + _END)


def _missing(session: Session, drive: int, day: str) -> list[str]:
    report_date = date.fromisoformat(day)
    missing = [
        agency.name
        for agency in read_agencies(session, drive, day=report_date, known_until=None)
        if agency.is_missing
    ]
    if not missing:
        raise NotFound("nobody_to_remind")
    return missing


def _issued(session: Session, issue: ReportIssue, settings: Settings) -> Letter:
    form, day = parse_template(issue.form), short_day(issue.day)
    assert issue.issued_at is not None
    link = next(iter(read_links(session, issue.drive_id, issue.day, now=issue.issued_at)), None)
    facts = {
        "day": day,
        "link": address_of(link, settings) if link else "(liên kết đã bị ngừng)",
        "until": f"{link.expires_at.astimezone(VIETNAM):%H:%M ngày %d/%m/%Y}" if link else day,
    }
    files = tuple(
        Attachment(file_name(issue.day, issue.n, file.kind), MIME[file.kind], file.content)
        for file in session.scalars(select(ReportFile).where(ReportFile.issue_id == issue.id))
    )
    if issue.n:
        lines = [
            f"- {line}" for line in (describe_change(FigureChange(**change)) for change in issue.changes)
        ]
        more = len(lines) - _MAX_CHANGES
        shown = "\n".join(lines[:_MAX_CHANGES]) + (f"\n- và {more} số liệu khác." if more > 0 else "")
        body = _CORRECTION.format(n=issue.n, count=said(len(lines)), changes=shown + "\n", **facts)
        return Letter(f"Báo cáo bổ sung, đính chính ngày {day} (lần {issue.n})", body + _END, files)
    # A copy of the audit head outside the database: entries cut off at its end can be proved by this mail.
    body = _REPORT.format(
        anchor=read_head(session),
        subject=form.subject[:1].lower() + form.subject[1:],
        figures=_figures(issue, form),
        **facts,
    )
    return Letter(f"Báo cáo {form.subject[:1].lower()}{form.subject[1:]}, ngày {day}", body + _END, files)


def _figures(issue: ReportIssue, form: ReportTemplate) -> str:
    """Return the headline, then the figures of the other sources, a line each."""
    snapshot = read_snapshot(issue.snapshot)
    head, whole = snapshot.head, snapshot.whole
    result = "chưa có số liệu"
    if head.share is not None:
        result = f"{said(head.installed)}/{said(head.denominator or 0)} người {snapshot.told}, đạt {percent(head.share)}"
        if snapshot.headline and snapshot.headline.goal is not None:
            result += f" (mục tiêu {percent(snapshot.headline.goal, is_exact=True)})"
    installed, owners, _known = staff_total(snapshot.agencies)
    staff = "chưa có số liệu"
    if owners and installed is not None:
        staff = f"{said(installed)}/{said(owners)} người, đạt {percent(installed / owners)}"
    official = "chưa đủ số liệu của toàn địa bàn"
    if whole.official:
        official = f"{said(whole.official.installed)} {'máy' if form.is_about_smartphones else 'người'}"
        if whole.official_share is not None:
            official += f", đạt {percent(whole.official_share)}"
    if snapshot.promised:
        result = f"{result}.\n- {promised_text(snapshot)}"
    aim = snapshot.headline
    title = "Kết quả so với mục tiêu" if aim is None or aim.wants_goal or aim.goal is not None else "Kết quả"
    return (
        f"- {title}: {result}.\n- Cơ quan, đơn vị: {staff}.\n"
        f"- Số liệu chính thức: {official} (nguồn riêng, không cộng với số tự khai báo).\n"
    )
