"""All that is kept about one person, over all organisations, in Vietnamese: it is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import String, and_, cast, or_, select
from sqlalchemy.orm import Session

from campaigns.answers.models import Answer, OfficerEntry, Reply, Source
from campaigns.casework.models import Case
from campaigns.links import without_tokens
from campaigns.messages import Attempt, Message
from campaigns.models import Campaign, Opening, Recipient
from campaigns.rights.handing_out import Deed, Part
from campaigns.rights.models import PersonRequest, RequestKind
from campaigns.rights.requests import hold_request
from campaigns.rounds.models import Round, RoundLine, RoundResult
from campaigns.rounds.visiting import line_code
from campaigns.windows import VIETNAM
from outreach.access import audit
from outreach.access.models import AuditEvent, Role, User
from outreach.access.users import require_role
from outreach.errors import BadInput
from outreach.people.languages import NAMES
from outreach.people.models import Contact, ContactPhone, ImportIssue, ListImport, Phone, Suppression
from outreach.people.names import name_key
from outreach.people.origins import origins_in
from outreach.people.own_numbers import read_removed
from outreach.people.person import find_contact
from outreach.places.models import Area


def compile_dossier(session: Session, request_id: int, *, user: User, now: datetime) -> list[Part]:
    """What is kept about the person of an open request to see it; that it was compiled is on record.

    Over all organisations, as the person asks the office, not one of its officers: for approvers and
    administrators. Raises NotFound, NotAllowed, WrongState, BadInput for another kind of request.
    """
    require_role(user, Role.APPROVER)
    request = hold_request(session, request_id, user=user)
    if request.kind is not RequestKind.EXPORT or request.contact_id is None:
        raise BadInput("Yêu cầu này không phải là yêu cầu xem dữ liệu.")
    person = find_contact(session, request.contact_id, user=user)
    audit.record(session, actor_id=user.id, action="contact.export", subject=f"contacts:{person.id}", now=now)
    recipients = session.scalars(select(Recipient.id).where(Recipient.contact_id == person.id)).all()
    return [
        _about(session, person),
        _phones(session, person.id),
        _lists(session, person.id),
        _campaigns(session, person.id),
        _messages(session, recipients),
        _answers(session, recipients),
        _cases(session, recipients),
        _visits(session, person.id),
        _rows_aside(session, person),
        _requests(session, person.id),
        _deeds(session, person.id, now),
    ]


def _about(session: Session, person: Contact) -> Part:
    area = session.get(Area, person.area_code) if person.area_code else None
    above = session.get(Area, area.parent_code) if area and area.parent_code else None
    told = {
        "Họ tên": person.name,
        "Năm sinh": person.birth_year,
        "Giới tính": {"m": "Nam", "f": "Nữ"}.get(person.sex or "", ""),
        "Thôn, tổ dân phố": person.village,
        "Xã, phường": ", ".join(f"{each.kind} {each.name}" for each in (area, above) if each),
        "Có điện thoại thông minh": {True: "Có", False: "Không"}.get(person.has_smartphone, "Chưa biết"),  # type: ignore[arg-type]
        "Có trong hệ thống từ": _at(person.created_at),
        "Sửa lần cuối": _at(person.updated_at),
    }
    return Part("Thông tin", ("Mục", "Nội dung"), list(told.items()))


def _phones(session: Session, contact_id: int) -> Part:
    rows = session.execute(
        select(
            Phone.e164,
            Phone.language,
            Suppression.reason,
            Suppression.created_at,
            Suppression.lifted_at,
            Suppression.note,
        )
        .join(ContactPhone, ContactPhone.phone_id == Phone.id)
        .outerjoin(Suppression, Suppression.phone_id == Phone.id)
        .where(ContactPhone.contact_id == contact_id)
        .order_by(ContactPhone.position, Suppression.id)
    )
    return Part(
        "Số điện thoại",
        ("Số", "Ngôn ngữ nhận tin", "Ngừng gửi tin vì", "Từ lúc", "Bỏ chặn lúc", "Căn cứ"),
        [
            (e164, NAMES.get(language or ""), reason, _at(at), _at(lifted), note)
            for e164, language, reason, at, lifted, note in rows
        ]
        + [
            (
                each.e164,
                "",
                "không còn là số của người này",
                _at(each.removed_at),
                _at(each.back_at),
                each.note,
            )
            for each in read_removed(session, contact_id)
        ],
    )


def _lists(session: Session, contact_id: int) -> Part:
    return Part(
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
            (
                each.organisation,
                each.name,
                each.unit,
                each.file_name,
                each.row,
                each.basis,
                each.basis_since,
                _at(each.imported_at),
            )
            for each in origins_in(session, contact_id, lists=None)
        ],
    )


def _campaigns(session: Session, contact_id: int) -> Part:
    rows = session.execute(
        select(
            Campaign.name,
            Recipient.exclusion,
            Recipient.answer,
            Recipient.answered_at,
            Opening.at,
            Recipient.clicked_at,
        )
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .outerjoin(
            Opening,
            and_(Opening.campaign_id == Recipient.campaign_id, Opening.recipient_id == Recipient.id),
        )
        .where(Recipient.contact_id == contact_id)
        .order_by(Campaign.id)
    )
    return Part(
        "Chiến dịch",
        ("Chiến dịch", "Không gửi vì", "Câu trả lời hiện nay", "Trả lời lúc", "Mở trang lúc", "Bấm cài lúc"),
        [(*told, _at(answered), _at(opened), _at(clicked)) for *told, answered, opened, clicked in rows],
    )


def _messages(session: Session, recipients: Sequence[int]) -> Part:
    rows = session.execute(
        select(Attempt.claimed_at, Phone.e164, Attempt.body, Message.state)
        .join(Message, Message.id == Attempt.message_id)
        .join(Phone, Phone.id == Attempt.phone_id)
        .where(Message.recipient_id.in_(recipients))
        .order_by(Attempt.id)
    )
    return Part(
        "Tin đã gửi",
        ("Lúc", "Đến số", "Nội dung", "Tình trạng"),
        [(_at(at), e164, without_tokens(body), state) for at, e164, body, state in rows],
    )


def _answers(session: Session, recipients: Sequence[int]) -> Part:
    replies = session.execute(
        select(Reply.received_at, Reply.body, Reply.label).where(Reply.recipient_id.in_(recipients))
    )
    told: list[tuple[Any, ...]] = [
        (at, Source.SMS, without_tokens(body), label, None) for at, body, label in replies
    ]
    answers = session.execute(
        select(Answer.at, Answer.source, OfficerEntry.note, Answer.label, Answer.undone_at)
        .outerjoin(OfficerEntry, OfficerEntry.answer_id == Answer.id)
        .where(Answer.recipient_id.in_(recipients), Answer.reply_id.is_(None))
    )
    told += [(at, source, note, label, undone) for at, source, note, label, undone in answers]
    return Part(
        "Câu trả lời",
        ("Lúc", "Qua", "Nội dung", "Được hiểu là", "Rút lại lúc"),
        [(_at(at), *more, _at(undone)) for at, *more, undone in sorted(told, key=lambda line: line[0])],
    )


def _cases(session: Session, recipients: Sequence[int]) -> Part:
    rows = session.execute(
        select(Case.opened_at, Case.kind, Case.done_at, Case.outcome, Case.note)
        .where(Case.recipient_id.in_(recipients))
        .order_by(Case.id)
    )
    return Part(
        "Việc cán bộ xử lý",
        ("Mở lúc", "Loại", "Xong lúc", "Kết quả", "Ghi chú"),
        [(_at(opened), kind, _at(done), outcome, note) for opened, kind, done, outcome, note in rows],
    )


def _visits(session: Session, contact_id: int) -> Part:
    rows = session.execute(
        select(
            Round.made_at, Round.id, RoundLine.n, RoundLine.why, RoundResult.outcome, RoundResult.entered_at
        )
        .join(RoundLine, RoundLine.round_id == Round.id)
        .outerjoin(RoundResult, and_(RoundResult.line_id == RoundLine.id, RoundResult.undone_at.is_(None)))
        .where(RoundLine.contact_id == contact_id)
        .order_by(Round.id, RoundResult.id)
    )
    return Part(
        "Phiếu đến nhà",
        ("Lập lúc", "Mã dòng", "Vì", "Kết quả", "Ghi lúc"),
        [
            (_at(made), line_code(round_id, n), why, outcome, _at(entered))
            for made, round_id, n, why, outcome, entered in rows
        ],
    )


def _rows_aside(session: Session, person: Contact) -> Part:
    """Those about them, and those with their name beside one of their numbers: others may share the number."""
    key, cells = person.name_key, cast(ImportIssue.cells, String)
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
    return Part(
        "Dòng để riêng khi nhập",
        ("Từ tệp", "Dòng", "Nội dung"),
        [
            (name, said.get("line"), " | ".join(map(str, said.get("source", ()))))
            for name, said, about in rows
            if about == person.id or (key and name_key(said.get("name", "")) == key)
        ],
    )


def _requests(session: Session, contact_id: int) -> Part:
    rows = session.execute(
        select(
            PersonRequest.asked_at,
            PersonRequest.kind,
            PersonRequest.asked_by,
            PersonRequest.done_at,
            PersonRequest.answer,
        )
        .where(PersonRequest.contact_id == contact_id)
        .order_by(PersonRequest.id)
    )
    return Part(
        "Yêu cầu về dữ liệu",
        ("Yêu cầu lúc", "Loại", "Người yêu cầu", "Trả lời lúc", "Trả lời"),
        [(_at(asked), kind, by, _at(done), answer) for asked, kind, by, done, answer in rows],
    )


def _deeds(session: Session, contact_id: int, now: datetime) -> Part:
    """What was done with their data and when, this very export the last; who did it is the office's to answer for."""
    rows = session.execute(
        select(AuditEvent.at, AuditEvent.action)
        .where(AuditEvent.subject == f"contacts:{contact_id}")
        .order_by(AuditEvent.id)
    )
    return Part(
        "Nhật ký",
        ("Lúc", "Việc"),
        [(_at(at), Deed(action)) for at, action in [*rows, (now, "contact.export")]],
    )


def _at(moment: datetime | None) -> str:
    return f"{moment.astimezone(VIETNAM):%d/%m/%Y %H:%M}" if moment else ""
