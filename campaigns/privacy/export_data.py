"""Export of all data about one person, in Vietnamese, as a workbook for people or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, or_, select
from sqlalchemy.orm import Session

from campaigns.models.activities import VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, FormerRecipient, PageOpen, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.privacy import ConsentEvent, PersonRequest, RequestKind
from campaigns.models.replies import Answer, Case, OfficerEntry, Reply, SafetyReport
from campaigns.privacy.requests import lock_request, opted_out_of_drive, recorded_scope
from campaigns.privacy.retention import numbers_of
from campaigns.rules.content import PAGE_WORDS
from campaigns.rules.delivery import NoticesReach, told_as
from campaigns.rules.links import mask_tokens
from campaigns.rules.own_answers import current_own, read_own_answers
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.visits import line_code
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.contact import Closing, find_recorded_contact, origins_in
from outreach.contacts.phones import read_removed
from outreach.contacts.place_questions import read_former_places
from outreach.contacts.references import IS_GIVEN
from outreach.contacts.wishes import read_wishes
from outreach.core.db import columns_of
from outreach.core.spreadsheets import write_workbook
from outreach.imports.erasures import is_about
from outreach.models.accounts import Area, AuditEvent, Organisation, Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ContactReference,
    ImportIssue,
    KeptValue,
    ListImport,
    PersonMerge,
    Phone,
    PlaceQuestion,
    Suppression,
)
from outreach.rules.errors import BadInput
from outreach.rules.identity import name_key
from outreach.rules.languages import NAMES
from outreach.rules.wishes import NAMES_PERSON
from outreach.use_cases import use_case


@use_case
def export_personal_data(session: Session, request_id: int, *, user: User, now: datetime) -> list[ExportPart]:
    """Return all data about the person of an open export request, and record it in the audit log.

    It covers all organisations, as the person asks the office, not one of its officers: for approvers and
    administrators. Raises NotFound, NotAllowed, WrongState, BadInput for another kind of request.
    """
    require_role(user, Role.APPROVER)
    request = lock_request(session, request_id, user=user)
    if request.kind is not RequestKind.EXPORT or request.contact_id is None:
        raise BadInput("request_not_access")
    person = find_recorded_contact(session, request.contact_id, user=user)
    audit.record(session, "contact.export", person, user, now)
    recipients = session.scalars(select(Recipient.id).where(Recipient.contact_id == person.id)).all()
    has_now = session.scalars(select(ContactPhone.phone_id).where(ContactPhone.contact_id == person.id)).all()
    own = [each.e164 for each in numbers_of(session, person.id) if each.is_gone and each.id in has_now]
    return [
        _about(session, person),
        _phones(session, person.id),
        _lists(session, person.id),
        _kept_values(session, person.id),
        _campaigns(session, person.id),
        _messages(session, recipients, own),
        _answers(session, recipients, own),
        _cases(session, recipients, own),
        _safety(session, recipients, own),
        _visits(session, person.id),
        _import_issues(session, person),
        _requests(session, person.id),
        _consents(session, person.id),
        _wishes(session, person.id),
        _audit_entries(session, person.id, now),
    ]


def _about(session: Session, person: Contact) -> ExportPart:
    area = session.get(Area, person.area_code) if person.area_code else None
    district = session.get(Area, area.parent_code) if area and area.parent_code else None
    question = session.get(PlaceQuestion, person.place_question_id) if person.place_question_id else None
    former = [f"{place} (đến {_at(moved_at)})" for place, moved_at in read_former_places(session, person.id)]
    merges = session.scalars(
        select(PersonMerge).where(PersonMerge.kept_id == person.id).order_by(PersonMerge.id)
    )
    named = (
        select(ContactReference.reference, Organisation.name)
        .join(Organisation, Organisation.id == ContactReference.organisation_id)
        .where(ContactReference.contact_id == person.id, IS_GIVEN)
        .order_by(ContactReference.reference)
    )
    values = {
        "Họ tên": person.name,
        "Tên của người đã gộp làm một": "; ".join(each.data["facts"]["name"] for each in merges),
        "Mã do hệ thống khác đặt": "; ".join(
            f"{reference} ({organisation})" for reference, organisation in session.execute(named)
        ),
        "Năm sinh": person.birth_year,
        "Giới tính": {"m": "Nam", "f": "Nữ"}.get(person.sex or "", ""),
        "Thôn, tổ dân phố": person.village,
        "Xã, phường": ", ".join(f"{place.kind} {place.name}" for place in (area, district) if place),
        "Nơi ở ghi trong danh sách": question.text if question else "",
        "Xã, phường trước đây": "; ".join(former),
        "Có điện thoại thông minh": {True: "Có", False: "Không"}.get(person.has_smartphone, "Chưa biết"),  # type: ignore[arg-type]
        "Chỉ gặp tận nhà (không có số)": "Có" if person.at_the_door else "Không",
        "Có trong hệ thống từ": person.created_at,
        "Sửa lần cuối": person.updated_at,
    }
    return ExportPart("Thông tin", ("Mục", "Nội dung"), list(values.items()))


_ON_ZALO = {
    NoticesReach.ANSWERED: "đã nhắn tới trang",
    NoticesReach.NO_ACCOUNT: "không có tài khoản",
    NoticesReach.DECLINED: "không nhận thông báo",
}


def _phones(session: Session, contact_id: int) -> ExportPart:
    rows = session.execute(
        select(
            *columns_of(Phone, "e164 language notices notices_at"),
            *columns_of(Suppression, "reason created_at lifted_at note"),
        )
        .join(ContactPhone, ContactPhone.phone_id == Phone.id)
        .outerjoin(Suppression, Suppression.phone_id == Phone.id)
        .where(ContactPhone.contact_id == contact_id)
        .order_by(ContactPhone.position, Suppression.id)
    )
    return ExportPart(
        "Số điện thoại",
        ("Số", "Ngôn ngữ nhận tin", "Trên Zalo", "Ngừng gửi tin vì", "Từ lúc", "Bỏ chặn lúc", "Căn cứ"),
        [
            (
                e164,
                NAMES.get(language or ""),
                f"{_ON_ZALO[NoticesReach(notices)]}, {_at(learned_at)}" if notices and learned_at else "",
                reason and Closing(reason),
                *why,
            )
            for e164, language, notices, learned_at, reason, *why in rows
        ]
        + [
            (each.e164, "", "", "không còn là số của người này", each.removed_at, each.restored_at, each.note)
            for each in read_removed(session, contact_id)
        ],
    )


def _lists(session: Session, contact_id: int) -> ExportPart:
    return ExportPart(
        "Danh sách",
        (
            "Tổ chức",
            "Danh sách",
            "Chi hội, đơn vị",
            "Từ tệp",
            "Dòng",
            "Căn cứ gửi tin",
            "Căn cứ từ ngày",
            "Nhập lúc",
        ),
        [
            columns_of(each, "organisation name unit file_name row basis basis_since imported_at")
            for each in origins_in(session, contact_id, lists=None)
        ],
    )


def _kept_values(session: Session, contact_id: int) -> ExportPart:
    rows = session.execute(
        select(
            ContactList.name, KeptValue.name, KeptValue.value, ListImport.file_name, ListImport.imported_at
        )
        .join(ContactList, ContactList.id == KeptValue.list_id)
        .join(ListImport, ListImport.id == KeptValue.import_id)
        .where(KeptValue.contact_id == contact_id)
        .order_by(KeptValue.list_id, KeptValue.name, KeptValue.import_id)
    )
    return ExportPart("Cột dùng trong tin", ("Danh sách", "Tên", "Nội dung", "Từ tệp", "Nhập lúc"), [*rows])


def _campaigns(session: Session, contact_id: int) -> ExportPart:
    rows = session.execute(
        select(Campaign.name, Campaign.content, Recipient, PageOpen.at)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .outerjoin(
            PageOpen,
            and_(PageOpen.campaign_id == Recipient.campaign_id, PageOpen.recipient_id == Recipient.id),
        )
        .where(Recipient.contact_id == contact_id)
        .order_by(Campaign.id)
    )
    former = select(Campaign.name).join(FormerRecipient, FormerRecipient.campaign_id == Campaign.id)
    of_health = session.scalars(former.where(FormerRecipient.contact_id == contact_id).order_by(Campaign.id))
    of_drive = opted_out_of_drive(session, select(Recipient.id).where(Recipient.contact_id == contact_id))
    return ExportPart(
        "Chiến dịch",
        ("Chiến dịch", "Không gửi vì", "Câu trả lời hiện nay", "Trả lời lúc", "Mở trang lúc", "Bấm cài lúc"),
        [
            (
                name,
                each.exclusion,
                _meaning(content, each.answer, each.own_answer, is_of_drive=each.id in of_drive),
                each.answered_at,
                opened,
                each.clicked_at,
            )
            for name, content, each, opened in rows
        ]
        + [(name, "", "", "", "", "") for name in of_health],
    )


def _messages(session: Session, recipients: Sequence[int], own: Sequence[str]) -> ExportPart:
    # What an own number was answered before its person was known; not what a rescue team was told of others.
    to_own = and_(Message.recipient_id.is_(None), Message.answer_id.is_not(None), Phone.e164.in_(own))
    rows = session.execute(
        select(Attempt.claimed_at, Phone.e164, Attempt.body, Message.state, Attempt.channel, Attempt.state)
        .join(Message, Message.id == Attempt.message_id)
        .join(Phone, Phone.id == Attempt.phone_id)
        .where(or_(Message.recipient_id.in_(recipients), to_own))
        .order_by(Attempt.id)
    )
    return ExportPart(
        "Tin đã gửi",
        ("Lúc", "Đến số", "Nội dung", "Tình trạng"),
        [
            (at, e164, mask_tokens(text), told)
            for at, e164, body, state, channel, own in rows
            for text, told in [told_as(body, state, channel=channel, own=own)]
        ],
    )


def _is_of(recipient_id: Any, recipients: Sequence[int], own: Sequence[str]) -> ColumnElement[bool]:
    """Return whether a reply is of one of these recipients, or came from one of their own numbers before they were known."""
    return or_(recipient_id.in_(recipients), and_(recipient_id.is_(None), Reply.sender.in_(own)))


def _answers(session: Session, recipients: Sequence[int], own: Sequence[str]) -> ExportPart:
    contents: dict[int, Mapping[str, Any]] = dict(
        session.execute(
            select(Recipient.id, Campaign.content)
            .join(Campaign, Campaign.id == Recipient.campaign_id)
            .where(Recipient.id.in_(recipients))
        ).all()
    )

    def meaning(recipient_id: int | None, label: Label, answer: Answer | None) -> Any:
        own, is_of_drive = (answer.own_answer, answer.drive_only) if answer else (None, False)
        return _meaning(contents.get(recipient_id or 0, {}), label, own, is_of_drive=is_of_drive)

    replies = session.execute(
        select(Reply, Answer)
        .outerjoin(Answer, Answer.reply_id == Reply.id)
        .where(_is_of(Reply.recipient_id, recipients, own))
    )
    entries: list[tuple[Any, ...]] = [
        (
            reply.received_at,
            reply.channel.source,
            mask_tokens(reply.body),
            meaning(reply.recipient_id, reply.label, answer),
            answer.undone_at if answer else None,
        )
        for reply, answer in replies
    ]
    answers = session.execute(
        select(Answer, OfficerEntry.note)
        .outerjoin(OfficerEntry, OfficerEntry.answer_id == Answer.id)
        .where(Answer.recipient_id.in_(recipients), Answer.reply_id.is_(None))
    )
    entries += [
        (each.at, each.source, note, meaning(each.recipient_id, each.label, each), each.undone_at)
        for each, note in answers
    ]
    return ExportPart(
        "Câu trả lời",
        ("Lúc", "Qua", "Nội dung", "Được hiểu là", "Rút lại lúc"),
        sorted(entries, key=lambda line: line[0]),
    )


def _meaning(content: Mapping[str, Any], label: Label | None, own: int | None, *, is_of_drive: bool) -> Any:
    """Return what an answer is shown as: the words of the campaign's own answer, or its label."""
    if is_of_drive and label is Label.OPT_OUT:
        return PAGE_WORDS["said_opt_out_drive"]
    found = current_own(read_own_answers(content), label, own)
    return found.text if found else label


def _cases(session: Session, recipients: Sequence[int], own: Sequence[str]) -> ExportPart:
    rows = session.execute(
        select(Case.opened_at, Case.kind, Case.done_at, Case.outcome, Case.note)
        .outerjoin(Reply, Reply.id == Case.reply_id)
        .where(_is_of(Case.recipient_id, recipients, own))
        .order_by(Case.id)
    )
    return ExportPart("Việc cán bộ xử lý", ("Mở lúc", "Loại", "Xong lúc", "Kết quả", "Ghi chú"), [*rows])


def _safety(session: Session, recipients: Sequence[int], own: Sequence[str]) -> ExportPart:
    reports = session.scalars(
        select(SafetyReport)
        .join(Phone, Phone.id == SafetyReport.phone_id)
        .outerjoin(
            Recipient,
            and_(
                *(Recipient.campaign_id == SafetyReport.campaign_id, Recipient.phone_id == Phone.id),
                Recipient.exclusion.is_(None),
            ),
        )
        .where(or_(Recipient.id.in_(recipients), Phone.e164.in_(own)))
        .order_by(SafetyReport.said_at)
    )
    return ExportPart(
        "An toàn, cần giúp",
        ("Báo lúc", "Báo gì", "Mấy người", "Cần gì", "Ở đâu", "Vĩ độ", "Kinh độ", "Giao cho"),
        [
            (
                each.said_at,
                PAGE_WORDS[f"safety_{each.status}"],
                each.people,
                "; ".join(PAGE_WORDS[f"safety_{need}"] for need in each.needs),
                *columns_of(each, "place latitude longitude handed_to"),
            )
            for each in reports
        ],
    )


def _visits(session: Session, contact_id: int) -> ExportPart:
    rows = session.execute(
        select(
            VisitSheet.made_at,
            VisitSheet.id,
            VisitLine.n,
            VisitLine.why,
            *columns_of(VisitResult, "outcome entered_at note undone_at"),
        )
        .join(VisitLine, VisitLine.round_id == VisitSheet.id)
        .outerjoin(VisitResult, VisitResult.line_id == VisitLine.id)
        .where(VisitLine.contact_id == contact_id)
        .order_by(VisitSheet.id, VisitResult.id)
    )
    return ExportPart(
        "Phiếu đến nhà",
        ("Lập lúc", "Mã dòng", "Vì", "Kết quả", "Ghi lúc", "Ghi chú", "Rút lại lúc"),
        [(made, line_code(round_id, n), why, *result) for made, round_id, n, why, *result in rows],
    )


def _import_issues(session: Session, person: Contact) -> ExportPart:
    """Return import issues about the person, or with their name beside one of their numbers."""
    cells = cast(ImportIssue.cells, String)
    numbers = session.scalars(
        select(Phone.e164)
        .join(ContactPhone, ContactPhone.phone_id == Phone.id)
        .where(ContactPhone.contact_id == person.id)
    ).all()
    rows = session.execute(
        select(ListImport.file_name, ImportIssue.cells, ImportIssue.contact_id)
        .join(ListImport, ListImport.id == ImportIssue.import_id)
        .where(or_(ImportIssue.contact_id == person.id, *(cells.contains(number) for number in numbers)))
        .order_by(ImportIssue.id)
    )
    return ExportPart(
        "Dòng để riêng khi nhập",
        ("Từ tệp", "Dòng", "Nội dung"),
        [
            (name, data.get("line"), " | ".join(map(str, data.get("source", ()))))
            for name, data, contact_id in rows
            if contact_id == person.id or (data and is_about(data, name_key(person.name), (), numbers))
        ],
    )


def _requests(session: Session, contact_id: int) -> ExportPart:
    rows = session.execute(
        select(*columns_of(PersonRequest, "asked_at kind asked_by done_at answer"))
        .where(PersonRequest.contact_id == contact_id)
        .order_by(PersonRequest.id)
    )
    return ExportPart(
        "Yêu cầu về dữ liệu", ("Yêu cầu lúc", "Loại", "Người yêu cầu", "Trả lời lúc", "Trả lời"), [*rows]
    )


def _wishes(session: Session, contact_id: int) -> ExportPart:
    phones = session.scalars(select(ContactPhone.phone_id).where(ContactPhone.contact_id == contact_id)).all()
    return ExportPart(
        "Từ chối nhận tin",
        ("Nội dung", "Bằng cách", "Từ lúc", "Căn cứ", "Nhận tin trở lại từ", "Căn cứ nhận lại"),
        [
            (
                recorded_scope(session, each.scope) or "mọi nội dung",
                each.source,
                each.said_at,
                *(each.note if is_own else "", each.ended_at, each.ended_note if is_own else ""),
            )
            for each in read_wishes(session, contact_id, phones)
            # Of who shares the number it is noted what they told of themselves.
            for is_own in [each.is_person or each.source not in NAMES_PERSON]
        ],
    )


def _consents(session: Session, contact_id: int) -> ExportPart:
    rows = session.scalars(
        select(ConsentEvent).where(ConsentEvent.contact_id == contact_id).order_by(ConsentEvent.id)
    )
    return ExportPart(
        "Sự đồng ý",
        ("Ngày", "Việc", "Đồng ý", "Chứng cứ", "Người đại diện"),
        [
            (
                each.on,
                each.purpose or "mọi nội dung",
                "có" if each.is_given else "đã rút lại",
                each.evidence,
                each.guardian,
            )
            for each in rows
        ],
    )


def _audit_entries(session: Session, contact_id: int, now: datetime) -> ExportPart:
    """Return what was done with the person's data and when, this export last; not by whom."""
    rows = session.execute(
        select(AuditEvent.at, AuditEvent.action)
        .where(AuditEvent.subject == f"contacts:{contact_id}")
        .order_by(AuditEvent.id)
    )
    return ExportPart(
        "Nhật ký",
        ("Lúc", "Việc"),
        [(at, AuditAction(action)) for at, action in [*rows, (now, "contact.export")]],
    )


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(VIETNAM):%d/%m/%Y %H:%M}"


@dataclass(frozen=True, slots=True)
class AuditAction:
    """The name of an action in the audit log."""

    action: str


@dataclass(frozen=True, slots=True, eq=False)
class ExportPart:
    """A part of the file. A cell of `rows` is a text, a number, a moment, a status, an `AuditAction` or None."""

    title: str
    labels: tuple[str, ...]
    rows: Sequence[Sequence[Any]]


def write_export(
    parts: Sequence[ExportPart], path: Path, in_words: Callable[[StrEnum | AuditAction], str]
) -> None:
    """Write the parts as XLSX or JSON, by the path's name; `in_words` words a status in Vietnamese."""

    def cell_text(value: Any) -> Any:
        if isinstance(value, datetime):
            return _at(value)
        return in_words(value) if isinstance(value, StrEnum | AuditAction) else value

    rows = {part: [[cell_text(value) for value in row] for row in part.rows] for part in parts}
    if path.suffix == ".json":
        data = {
            part.title: [dict(zip(part.labels, row, strict=True)) for row in rows[part]] for part in parts
        }
        path.write_text(json.dumps(data, ensure_ascii=False, indent=2), encoding="utf-8")
        return
    texts = {
        part: [["" if value is None else str(value) for value in row] for row in rows[part]] for part in parts
    }
    write_workbook(path, {part.title: [part.labels, *texts[part]] for part in parts})
