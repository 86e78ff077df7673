"""One contact: read, correct, reveal number, suppress; origins.

One person: who they are, how they came to us, whether they may be written to, and what an officer may put right.

How a person came to us: the lists that they stand in, each with its file, its row and the basis it is written to on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.directory import people_visible_to, visible_lists
from outreach.contacts.suppressions import lift_suppressions, lock_phone, suppress
from outreach.core.bulk import NO_SYNC
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    LegalBasis,
    ListImport,
    Membership,
    Phone,
    Suppression,
    SuppressionReason,
)
from outreach.models.places import Area, AreaLevel
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.rules.identity import NAMES, given_key, name_key

_LONGEST_NOTE = 300
_EARLIEST_BIRTH = 1900


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """A person's phone; `sharers` are the other people on it."""

    id: int
    e164: str
    language: str | None
    sharers: int
    suppressions: list[Suppression]

    @property
    def is_suppressed(self) -> bool:
        return any(each.lifted_at is None for each in self.suppressions)

    @property
    def is_opted_out(self) -> bool:
        """Whoever has it asked to be left alone, on whatever number."""
        opt_out = SuppressionReason.OPT_OUT
        return any(each.reason is opt_out and each.lifted_at is None for each in self.suppressions)


def find_contact(session: Session, contact_id: int, *, user: User) -> Contact:
    """A person whom the user may see. Raises NotFound."""
    found = session.scalar(select(Contact).where(Contact.id == contact_id, people_visible_to(session, user)))
    if found is None:
        raise NotFound("Không có người này, hoặc nằm ngoài phạm vi của bạn.")
    return found


def read_phones(session: Session, contact_id: int) -> list[PhoneRow]:
    """A person's phones in order. The caller has found the person for the user."""
    other = aliased(ContactPhone)
    others = (
        select(func.count())
        .select_from(other)
        .where(other.phone_id == Phone.id, other.contact_id != contact_id)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Phone.id, Phone.e164, Phone.language, others)
        .join(ContactPhone, ContactPhone.phone_id == Phone.id)
        .where(ContactPhone.contact_id == contact_id)
        .order_by(ContactPhone.position)
    ).all()
    history: dict[int | None, list[Suppression]] = {}
    for each in session.scalars(
        select(Suppression).where(Suppression.phone_id.in_([row.id for row in rows])).order_by(Suppression.id)
    ):
        history.setdefault(each.phone_id, []).append(each)
    return [
        PhoneRow(id_, e164, language, sharers, history.get(id_, [])) for id_, e164, language, sharers in rows
    ]


def correct_contact(
    session: Session,
    contact_id: int,
    *,
    name: str,
    birth_year: str,
    sex: str,
    village: str,
    area_code: str,
    has_smartphone: bool | None,
    user: User,
    now: datetime,
    language: str | None = None,
) -> Contact:
    """Put right what a list had wrong; `sex` is m, f or "". Raises BadInput, NotFound, NotAllowed.

    `language` is the code in which the person's phones are written to, "" for none on record; None leaves it.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    person = find_contact(session, contact_id, user=user)
    name, village = " ".join(name.split())[:120], " ".join(village.split())[:120]
    if not name:
        raise BadInput("Họ tên không được để trống.")
    level = select(Area.code).where(Area.code == area_code, Area.level == AreaLevel.COMMUNE)
    if area_code and not session.scalar(level):
        raise BadInput("Không có xã, phường này. Hãy chọn trong danh sách.")
    year = birth_year.strip()
    if year and not (year.isascii() and year.isdecimal() and _EARLIEST_BIRTH <= int(year) <= now.year):
        raise BadInput(f"Năm sinh phải từ {_EARLIEST_BIRTH} đến {now.year}, hoặc để trống.")
    if language and language not in NAMES:
        raise BadInput("Không có ngôn ngữ này. Hãy chọn trong danh sách.")
    wanted: dict[str, Any] = {
        "name": name,
        "birth_year": int(year) if year else None,
        "sex": sex if sex in ("m", "f") else None,
        "village": village,
        "area_code": area_code or None,
        "has_smartphone": has_smartphone,
    }
    changes = audit.differences(person, wanted)
    changed = list(changes)
    if language is not None and (spoken := _speak(session, contact_id, language or None)):
        changes["language"] = spoken
        changed.append("language")
    if changed:
        for key, value in wanted.items():
            setattr(person, key, value)
        person.name_key, person.given_key, person.updated_at = name_key(name), given_key(name), now
        record_contact_action(
            session, "contact.correct", contact_id, user=user, now=now, changes=changes, fields=changed
        )
    return person


def _speak(session: Session, contact_id: int, language: str | None) -> tuple[str | None, str | None] | None:
    """Write to the person's phones in this language from now on: before and after, or None where that was so."""
    theirs = select(ContactPhone.phone_id).where(ContactPhone.contact_id == contact_id)
    others = (Phone.id.in_(theirs), Phone.language.is_distinct_from(language))
    before = session.scalars(select(Phone.language).where(*others).order_by(Phone.id).with_for_update()).all()
    if not before:
        return None
    session.execute(update(Phone).where(*others).values(language=language), execution_options=NO_SYNC)
    return ", ".join(dict.fromkeys(each for each in before if each)) or None, language


def reveal_number(session: Session, contact_id: int, phone_id: int, *, user: User, now: datetime) -> str:
    """The full number, for an officer who has business with the person; that they saw it is on record."""
    require_role(user, Role.STAFF, Role.APPROVER)
    phone = find_phone(session, contact_id, phone_id, user=user)
    record_contact_action(session, "contact.see_number", contact_id, user=user, now=now, phone=phone_id)
    return phone.e164


def suppress_number(
    session: Session,
    contact_id: int,
    phone_id: int,
    *,
    reason: SuppressionReason,
    note: str,
    secret_key: str,
    user: User,
    now: datetime,
) -> None:
    """Write to this number no more, over all organisations. Raises BadInput without a note, WrongState."""
    require_role(user, Role.STAFF, Role.APPROVER)
    phone = find_phone(session, contact_id, phone_id, user=user)
    note = read_note(note)
    lock_phone(session, phone.id)
    if not suppress(session, phone, reason=reason, source="officer", secret_key=secret_key, now=now):
        raise WrongState("Số này đã được chặn với cùng lý do.")
    session.flush()
    _active(session, phone_id, reason).note = note
    record_contact_action(
        session, "contact.suppress", contact_id, user=user, now=now, phone=phone_id, reason=reason.value
    )


def lift_suppression(
    session: Session,
    contact_id: int,
    phone_id: int,
    *,
    reason: SuppressionReason,
    note: str,
    user: User,
    now: datetime,
) -> None:
    """Take a suppression back, at the person's own wish. The national list is for administrators alone."""
    require_role(user, *([] if reason is SuppressionReason.DO_NOT_CALL else [Role.STAFF, Role.APPROVER]))
    phone = find_phone(session, contact_id, phone_id, user=user)
    note = read_note(note)
    lock_phone(session, phone.id)
    held = _active(session, phone_id, reason)
    held.note = "\n".join(filter(None, [held.note, note]))
    session.flush()
    lift_suppressions(session, phone_id, reason=reason, now=now)
    record_contact_action(
        session, "contact.lift", contact_id, user=user, now=now, phone=phone_id, reason=reason.value
    )


def find_phone(session: Session, contact_id: int, phone_id: int, *, user: User) -> Phone:
    """One of the numbers of a person whom the user may see. Raises NotFound."""
    find_contact(session, contact_id, user=user)
    found = session.scalar(
        select(Phone)
        .join(ContactPhone, ContactPhone.phone_id == Phone.id)
        .where(ContactPhone.contact_id == contact_id, Phone.id == phone_id)
    )
    if found is None:
        raise NotFound("Người này không có số điện thoại đó.")
    return found


def _active(session: Session, phone_id: int, reason: SuppressionReason) -> Suppression:
    found = session.scalar(
        select(Suppression).where(
            Suppression.phone_id == phone_id, Suppression.reason == reason, Suppression.lifted_at.is_(None)
        )
    )
    if found is None:
        raise WrongState("Số này không còn bị chặn với lý do đó. Hãy tải lại trang.")
    return found


def read_note(note: str) -> str:
    """On what grounds an officer acts, in one line. Raises BadInput where nothing is said."""
    note = " ".join(note.split())[:_LONGEST_NOTE]
    if not note:
        raise BadInput("Hãy ghi rõ căn cứ, ví dụ “bà báo qua điện thoại ngày 5/9”.")
    return note


def record_contact_action(
    session: Session,
    action: str,
    contact_id: int,
    *,
    user: User,
    now: datetime,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    **details: Any,
) -> None:
    """What was done to a person goes on record: ids, and the values before and after where there are any."""
    audit.record_change(
        session,
        actor_id=user.id,
        action=action,
        subject=f"contacts:{contact_id}",
        now=now,
        changes=changes or {},
        details=details,
    )


@dataclass(frozen=True, slots=True)
class Origin:
    """A list that a person stands in, with the import and the row that brought them."""

    list_id: int
    name: str
    organisation: str
    unit: str
    file_name: str | None
    imported_at: datetime | None
    row: int | None
    basis: LegalBasis | None
    basis_since: str | None


def read_origins(session: Session, contact_id: int, *, user: User) -> list[Origin]:
    """Through which lists we know a person, as far as the user may see them."""
    return origins_in(session, contact_id, lists=visible_lists(session, user))


def origins_in(session: Session, contact_id: int, *, lists: Collection[int] | None) -> list[Origin]:
    """Those of a person that are in these lists; None stands for the lists of all organisations."""
    query = (
        select(
            ContactList.id,
            ContactList.name,
            Organisation.name,
            Membership.unit,
            ListImport.file_name,
            ListImport.imported_at,
            Membership.row,
            ContactList.basis,
            ContactList.basis_since,
        )
        .join(ContactList, ContactList.id == Membership.list_id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .outerjoin(ListImport, ListImport.id == Membership.import_id)
        .where(Membership.contact_id == contact_id)
        .order_by(Organisation.name, ContactList.name)
    )
    if lists is not None:
        query = query.where(Membership.list_id.in_(lists))
    return [Origin(*row) for row in session.execute(query)]
