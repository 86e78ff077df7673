"""Issue of the report: freeze, prepare, approve, issue, correct, send again; and the mail about it.

Freezing, approving, issuing and each correction happen once, however often they are called: each locks the day's row first.
The one who approves is not the one who prepared it.

A mail goes to late agencies, to officers, and to the recipients of the report. It is queued in the transaction of what it is
about, sent afterwards, and tried again until the server accepts it. It is claimed before it is sent, so that two processes
never send it at once. One that may have gone out when its process was killed is sent again with the same Message-ID: twice
is better than not at all before 14:00.

The texts contain totals and links to the admin site, but no person's name, number or message.
"""

import hashlib
import smtplib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from campaigns.agencies.reports import address_of as agency_address
from campaigns.analytics.progress_counts import VISITED_AT
from campaigns.models.activities import Activity, VisitResult
from campaigns.models.figures import AgencyLink, AgencyReport, DenominatorEntry, OfficialInstalls
from campaigns.models.replies import Answer
from campaigns.models.reports import (
    Purpose,
    ReportDay,
    ReportFile,
    ReportIssue,
    ReportLink,
    ReportMail,
    Urging,
)
from campaigns.planning.drives import find_drive
from campaigns.planning.kinds import words_of
from campaigns.reports.documents import (
    MIME,
    address_of,
    build_files,
    draft_of,
    file_name,
    make_link,
    read_links,
)
from campaigns.reports.settings import (
    current_template,
    has_form,
    may_approve_report,
    recipients_of,
    require_province,
    require_ready,
)
from campaigns.reports.take_snapshot import freezes_at, read_agencies, take_snapshot
from campaigns.rules.reports.compose import promised_text
from campaigns.rules.reports.document import percent, read_notes, said, short_day
from campaigns.rules.reports.snapshot import (
    FigureChange,
    Snapshot,
    describe_change,
    find_changes,
    read_snapshot,
    staff_total,
)
from campaigns.rules.reports.template import ReportTemplate, parse_template
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.audit import read_head
from outreach.core.db import find_row, id_of, insert_missing
from outreach.core.mail import Attachment, is_about_one_mail, send_mail
from outreach.core.settings import Settings
from outreach.models.accounts import Organisation, User
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState, or_raise
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_report_schedule, transaction, use_case

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
    """Return whether everybody to whom it was last queued was mailed the newest issue, at whichever try, or that was noted as delivered by hand.

    False without recipients. A correction counts too, as it contains the whole report. An address that was put right since is no longer waited for.
    """
    if _was_by_hand(session.get(ReportDay, (drive, day)), newest_issue(session, drive, day, is_issued=True)):
        return True
    of_day = (ReportMail.drive_id == drive, ReportMail.day == day)
    of_report = ReportMail.purpose.in_((Purpose.REPORT, Purpose.CORRECTION))
    newest = select(func.max(ReportMail.issue_id)).where(*of_day, of_report).scalar_subquery()
    rows = session.execute(
        select(func.lower(ReportMail.address), ReportMail.expires_at, ReportMail.sent_at).where(
            *of_day, of_report, ReportMail.issue_id == newest
        )
    ).all()
    last = max((expires_at for _address, expires_at, _sent_at in rows), default=None)
    recipients = {address for address, expires_at, _sent_at in rows if expires_at == last}
    return bool(recipients) and recipients <= {address for address, _expires_at, sent_at in rows if sent_at}


def _was_by_hand(report_day: ReportDay | None, newest: ReportIssue | None) -> bool:
    """Return whether the newest issue of a day was delivered by hand: a correction may have come after that."""
    at = report_day.by_hand_at if report_day else None
    return at is not None and (newest is None or newest.issued_at is None or newest.issued_at <= at)


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
    """Send a day's due mails, the report first. Returns how many."""
    order = (ReportMail.purpose.desc(), ReportMail.tries, ReportMail.id)
    return send_waiting(runtime, ReportMail, due_mail(drive, day, now=now), order, _send, now=now)


def send_waiting(
    runtime: Runtime,
    table: type[ReportMail] | type[Urging],
    due: Sequence[ColumnElement[bool]],
    order: Sequence[Any],
    send: Callable[[Runtime, Any], int | None],
    *,
    now: datetime,
) -> int:
    """Send the mails of a table that are due. Returns how many; all wait while the server is away.

    `send` returns how many were accepted, None for one that is about nothing any more; what the server puts off is tried again.
    """
    if not runtime.settings.smtp_url:
        return 0
    first = select(table).where(*due).order_by(*order).limit(1).with_for_update(skip_locked=True)
    sent, is_away = 0, False
    while not is_away:
        with runtime.db.write() as session:
            mail: Any = session.scalar(first)
            if mail is None:
                break
            mail.next_at = now + CLAIMED_FOR
            if isinstance(mail, ReportMail):
                mail.tries += 1
        accepted, error = None, ""
        try:
            accepted = send(runtime, mail)
        except (OSError, smtplib.SMTPException) as failed:
            error, is_away = type(failed).__name__, not is_about_one_mail(failed)
        with runtime.db.write() as session:
            stored: Any = session.get_one(table, mail.id)
            if error:
                stored.next_at, stored.error = now + PAUSE, error
            elif accepted is None:
                session.delete(stored)
            elif accepted:
                stored.sent_at, stored.error = now, ""
            else:
                stored.refused_at, stored.error = now, "refused"
            if is_away:  # the others would fail at the same server, so they wait too
                session.execute(update(table).where(*due).values(next_at=now + PAUSE))
        sent += accepted or 0
    return sent


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


def lock_day(session: Session, drive: int, day: str) -> ReportDay:
    """Return a day's row, created if missing, and locked. So the steps of one day run one after the other."""
    insert_missing(session, ReportDay, [{"drive_id": drive, "day": day, "marks": {}, "pending": []}])
    return session.get_one(ReportDay, (drive, day), with_for_update=True, populate_existing=True)


def freeze(runtime: Runtime, drive: int, day: date, *, now: datetime, user: User | None = None) -> bool:
    """Store the snapshot of the freezing hour; False if stored before. Raises BadInput, WrongState."""
    with runtime.db.write() as session:
        report_day = lock_day(session, drive, day.isoformat())
        if not has_form(session, drive):
            raise WrongState("report_form_missing")
        form = current_template(session, drive)
        as_of = freezes_at(day, form)
        if now < as_of:
            raise BadInput("report_before_freeze", day=day, freeze=form.hours.freeze)
        if newest_issue(session, drive, report_day.day) is not None:
            return False
        snapshot = take_snapshot(session, form, drive=drive, day=day, known_until=as_of)
        issue = ReportIssue(
            drive_id=drive,
            day=report_day.day,
            n=0,
            snapshot=snapshot.as_data(),
            digest=snapshot.digest,
            form=asdict(form),
            changes=[],
            written_on=max(day, now.astimezone(VIETNAM).date()).isoformat(),
            frozen_at=now,
            issued_by=id_of(user),
        )
        session.add(issue)
        audit.record(session, "report.freeze", issue, user, now, correction=issue.n)
        return True


def issue(runtime: Runtime, drive: int, day: date, *, now: datetime) -> bool:
    """Issue the newest approved snapshot: documents, link, mail. Returns False without one."""
    with runtime.db.read() as session:
        to_issue = newest_issue(session, drive, day.isoformat())
        if to_issue is None or to_issue.approved_at is None or to_issue.issued_at is not None:
            return False
        document = draft_of(to_issue)
    # Outside any lock: it takes a second or two. Another process that builds them meanwhile builds the same.
    files = build_files(document, made_at=to_issue.frozen_at)
    with transaction(runtime) as session:
        report_day = lock_day(session, drive, day.isoformat())
        issued = session.get_one(ReportIssue, to_issue.id, populate_existing=True)
        if issued.issued_at is not None:
            return False
        report_day.undelivered_at = None if issued.n else report_day.undelivered_at  # its own alarm is due
        session.add_all(
            ReportFile(
                issue_id=issued.id, kind=kind, content=content, sha256=hashlib.sha256(content).hexdigest()
            )
            for kind, content in files.items()
        )
        issued.issued_at, issued.document = now, asdict(document)
        form = parse_template(issued.form)
        make_link(session, drive, issued.day, days=form.link_days, user=None, now=now)
        queue_mail(
            session,
            recipients_of(session, drive, runtime.settings),
            Purpose.CORRECTION if issued.n else Purpose.REPORT,
            drive=drive,
            day=issued.day,
            issue_id=issued.id,
            now=now,
        )
        audit.record(session, "report.issue", issued, None, now, correction=issued.n)
        return True


@use_case
def prepare_report(
    session: Session,
    drive: int,
    day: str,
    *,
    remark: str = "",
    hindered: str = "",
    asked: str = "",
    user: User,
    now: datetime,
) -> ReportIssue:
    """Submit the frozen report with notes for approval. Raises NotFound, WrongState, NotAllowed, BadInput."""
    require_province(session, user)
    require_ready(session, drive)
    lock_day(session, drive, day)
    prepared = _to_approve(session, drive, day)
    prepared.notes = read_notes({"remark": remark, "hindered": hindered, "asked": asked}).as_data()
    prepared.prepared_at, prepared.prepared_by = now, user.id
    audit.record(session, "report.prepare", prepared, user, now, correction=prepared.n)
    return prepared


@use_case
def approve_report(
    session: Session, drive: int, day: str, *, prepared_at: str, user: User, now: datetime
) -> ReportIssue:
    """Approve what was prepared at a moment (ISO 8601). Raises NotFound, NotAllowed, WrongState if changed."""
    if not may_approve_report(session, user):
        raise NotAllowed("report_not_yours_to_approve")
    require_ready(session, drive)
    lock_day(session, drive, day)
    approved = _to_approve(session, drive, day)
    if approved.prepared_at is None or approved.prepared_at.isoformat() != prepared_at:
        raise WrongState("report_prepared_anew")
    if approved.prepared_by == user.id:
        raise NotAllowed("report_prepared_by_you")
    approved.approved_at, approved.approved_by = now, user.id
    audit.record(session, "report.approve", approved, user, now, correction=approved.n)
    enqueue_after_commit(session, enqueue_report_schedule)
    return approved


def _to_approve(session: Session, drive: int, day: str) -> ReportIssue:
    newest = or_raise(newest_issue(session, drive, day), NotFound("report_not_found"))
    if newest.approved_at is not None or newest.issued_at is not None:
        raise WrongState("report_approved_before")
    return newest


@use_case
def correct(session: Session, drive: int, day: str, *, user: User, now: datetime) -> list[FigureChange]:
    """Prepare a correction with all that has changed since the newest issue. Returns the changes, empty if none.

    Until it is approved the same correction takes up what comes later, when it is prepared again: what arrives in an evening
    becomes one. Raises WrongState while the report itself is not issued, NotFound without a report, NotAllowed.
    """
    require_province(session, user)
    report_day = lock_day(session, drive, day)
    issues = read_issues(session, drive, day)
    if not issues:
        raise NotFound("no_report_to_correct")
    waiting = issues[-1] if issues[-1].n and issues[-1].approved_at is None else None
    last_issue = issues[-2] if waiting else issues[-1]
    if last_issue.issued_at is None:
        raise WrongState("report_being_issued")
    report_day.pending = []
    changes, snapshot = _find_changes(session, last_issue, now=now)
    if not changes:
        if waiting:  # what came late was taken back
            session.delete(waiting)
        return []
    correction = waiting or ReportIssue(drive_id=drive, day=day, n=last_issue.n + 1, form=last_issue.form)
    correction.snapshot, correction.digest = snapshot.as_data(), snapshot.digest
    correction.changes = [asdict(change) for change in changes]
    correction.written_on = now.astimezone(VIETNAM).date().isoformat()
    correction.frozen_at = correction.prepared_at = now
    correction.issued_by = correction.prepared_by = user.id
    correction.notes = correction.notes or last_issue.notes
    session.add(correction)
    audit.record(session, "report.correct", correction, user, now, correction=correction.n)
    return changes


def note_pending_changes(runtime: Runtime, drive: int, day: date, *, now: datetime) -> int:
    """Note the changes since the freeze that are in no issue. Returns how many; cheap without entries."""
    with runtime.db.write() as session:
        newest = newest_issue(session, drive, day.isoformat())
        if newest is None:
            return 0
        report_day = lock_day(session, drive, day.isoformat())
        is_apart = report_day.looked_at is None or now >= report_day.looked_at + _TRANSACTIONS_END
        report_day.looked_at = now
        marks, last = read_marks(session), report_day.marks
        freeze_hour = freezes_at(day, parse_template(newest.form))
        # A row may be committed after a look that saw a higher id: what came since the look before the last one counts again.
        if _is_about_day(session, day, freeze_hour, {name: last.get(_BEFORE + name, 0) for name in marks}):
            changes, _snapshot = _find_changes(session, newest, now=now)
            report_day.pending = [asdict(change) for change in changes]
        if is_apart:
            report_day.marks = marks | {_BEFORE + name: last.get(name, 0) for name in marks}
        return len(report_day.pending)


# Longer than the schedule is at work after the moment that it goes by.
_STORED_SINCE = timedelta(hours=1)


def _find_changes(
    session: Session, issue: ReportIssue, *, now: datetime
) -> tuple[list[FigureChange], Snapshot]:
    """Return what is known now, also since `now`, and was not when an issue was frozen; figures now."""
    form = parse_template(issue.form)
    day = date.fromisoformat(issue.day)
    snapshot = take_snapshot(session, form, drive=issue.drive_id, day=day, known_until=now + _STORED_SINCE)
    before = read_snapshot(issue.snapshot)
    if before.headline is None:  # of an earlier version: what it did not have is no change
        snapshot = replace(snapshot, headline=None)
    return find_changes(before, snapshot, done=form.done, owners=form.owners), snapshot


def newest_issue(session: Session, drive: int, day: str, *, is_issued: bool = False) -> ReportIssue | None:
    """Return the day's report as last corrected, if wanted as last issued. Returns None if there is none."""
    return session.scalar(
        select(ReportIssue)
        .where(
            ReportIssue.drive_id == drive,
            ReportIssue.day == day,
            *([ReportIssue.issued_at.is_not(None)] if is_issued else []),
        )
        .order_by(ReportIssue.n.desc())
        .limit(1)
    )


def read_issues(session: Session, drive: int, day: str) -> Sequence[ReportIssue]:
    """Return the day's report and its corrections, in order."""
    return session.scalars(
        select(ReportIssue)
        .where(ReportIssue.drive_id == drive, ReportIssue.day == day)
        .order_by(ReportIssue.n)
    ).all()


_APPEND_ONLY: dict[str, Any] = {
    "agency_reports": AgencyReport,
    "official_installs": OfficialInstalls,
    "denominators": DenominatorEntry,
    "activities": Activity,
    "answers": Answer,
    "visit_results": VisitResult,
}


_BEFORE = "before."  # of the look before the last one
_TRANSACTIONS_END = timedelta(minutes=2)


def read_marks(session: Session) -> dict[str, int]:
    """Return the newest row id of each table that rows are only added to."""
    return {name: session.scalar(select(func.max(table.id))) or 0 for name, table in _APPEND_ONLY.items()}


def _is_about_day(session: Session, day: date, as_of: datetime, marks: dict[str, int]) -> bool:
    """Return whether a row added since the marks is about the day: most are about a later hour."""
    iso, earlier_version = day.isoformat(), aliased(Activity)
    conditions = {
        "agency_reports": AgencyReport.day <= iso,
        "official_installs": OfficialInstalls.day <= iso,
        "denominators": DenominatorEntry.as_of <= iso,
        # Includes activities moved to another day: an earlier version of the entry is about this one.
        "activities": Activity.entry_id.in_(
            select(earlier_version.entry_id).where(earlier_version.first <= iso)
        ),
        "answers": Answer.at <= as_of,
        "visit_results": as_of >= VISITED_AT,
    }
    return any(
        session.execute(
            select(table.id).where(table.id > marks.get(name, 0), conditions[name]).limit(1)
        ).first()
        for name, table in _APPEND_ONLY.items()
    )


@use_case
def send_again(
    session: Session, drive: int, day: str, settings: Settings, *, user: User, now: datetime
) -> int:
    """Mail the newest issue again with a new link. Returns to how many. Raises WrongState, NotFound, NotAllowed."""
    require_province(session, user)
    lock_day(session, drive, day)
    newest = or_raise(newest_issue(session, drive, day, is_issued=True), NotFound("report_not_issued"))
    recipients = recipients_of(session, drive, settings)
    if not settings.smtp_url or not recipients:
        raise WrongState("mail_not_set_up")
    make_link(session, drive, day, days=parse_template(newest.form).link_days, user=user, now=now)
    count = queue_mail(
        session,
        recipients,
        Purpose.CORRECTION if newest.n else Purpose.REPORT,
        drive=drive,
        day=day,
        issue_id=newest.id,
        again=now.isoformat(timespec="seconds"),
        now=now,
    )
    audit.record(session, "report.send_again", newest, user, now, mails=count)
    return count


@use_case
def note_by_hand(session: Session, drive: int, day: str, *, user: User, now: datetime) -> None:
    """Record that a report was delivered another way; the alarm ends. Raises NotFound, NotAllowed, WrongState."""
    require_province(session, user)
    report_day = lock_day(session, drive, day)
    newest = or_raise(newest_issue(session, drive, day, is_issued=True), NotFound("report_not_issued"))
    if _was_by_hand(report_day, newest):
        raise WrongState("recorded_before")
    report_day.by_hand_at, report_day.by_hand_by = now, user.id
    audit.record(session, "report.by_hand", newest, user, now)


@use_case
def share_report(session: Session, drive: int, day: str, *, user: User, now: datetime) -> ReportLink:
    """Return a link to an issued report, valid for as long as the template says. Raises NotFound, NotAllowed."""
    require_province(session, user)
    if newest_issue(session, drive, day, is_issued=True) is None:
        raise NotFound("report_not_issued")
    return make_link(session, drive, day, days=current_template(session, drive).link_days, user=user, now=now)
