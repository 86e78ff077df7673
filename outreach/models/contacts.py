"""Whom we can reach: people, their phones, the lists that bring them, and who must not be written to."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import Base, BigId, Key, UtcDateTime, enum_type
from outreach.rules.identity import given_key


def _reversed(context: Any) -> str:
    return str(context.get_current_parameters()["e164"])[::-1]


def _given_key(context: Any) -> str:
    return given_key(str(context.get_current_parameters().get("name") or ""))


class Phone(Base):
    """A number that can be written to. People share it; it alone is suppressed, capped and counted."""

    __tablename__ = "phones"
    __table_args__ = (Index("ix_phones_backwards", "reversed"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    e164: Mapped[str] = mapped_column(String(16), unique=True)
    # The number from its end: an officer looks for its last digits.
    reversed: Mapped[str] = mapped_column(Key(16), default=_reversed, server_default="")
    language: Mapped[str | None] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Contact(Base):
    """One person, however many lists they stand in. Carries a language, never an ethnicity."""

    __tablename__ = "contacts"
    # Each ends with the id, so that a page of the directory goes on where the last one ended.
    __table_args__ = (
        Index(None, "name_key", "id"),
        Index(None, "given_key", "id"),
        Index(None, "area_code", "given_key", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(120), default="")
    # Unaccented, lower case, no spaces: "A HUYNH" and "A Huynh" on one phone are one person.
    name_key: Mapped[str] = mapped_column(Key(120), default="")
    # The name's words from the last to the first: a Vietnamese directory goes by the given name.
    given_key: Mapped[str] = mapped_column(Key(160), default=_given_key, server_default="")
    birth_year: Mapped[int | None] = mapped_column(Integer)
    sex: Mapped[str | None] = mapped_column(String(1))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    village: Mapped[str] = mapped_column(String(120), default="")
    has_smartphone: Mapped[bool | None] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ContactPhone(Base):
    """A person's phones in the order of the list; the first that may be written to is used."""

    __tablename__ = "contact_phones"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(Integer)


class LegalBasis(StrEnum):
    """On what basis the people of a list may be written to."""

    CONSENT = "consent"  # they agreed
    MEMBERSHIP = "membership"  # members of the organisation, by its statute
    DUTY = "duty"  # a task given by the state
    NONE = "none"  # none: the list is not written to


class ContactList(Base):
    """An organisation's list, filled by its imports.

    Its people may be written to by that organisation and those above it, on its basis; None: not on record yet.
    """

    __tablename__ = "contact_lists"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    basis: Mapped[LegalBasis | None] = mapped_column(enum_type(LegalBasis))
    basis_since: Mapped[str | None] = mapped_column(String(10))  # YYYY-MM-DD
    # The paper it rests on.
    basis_note: Mapped[str] = mapped_column(String(200), default="", server_default="")


class ListImport(Base):
    """One file brought into one list: what it was and what came of it."""

    __tablename__ = "list_imports"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_lists.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    headers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # the file's own, by sheet
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ImportChange(Base):
    """What an import told of a person who was there before it, so that it can be taken back."""

    __tablename__ = "import_changes"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("list_imports.id", ondelete="CASCADE"), primary_key=True
    )
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    fields: Mapped[dict[str, list[Any]]] = mapped_column(JSON, default=dict)  # name to before, its own
    phones: Mapped[list[int]] = mapped_column(JSON, default=list)


class UploadState(StrEnum):
    CHECKING = "checking"  # read and counted; nothing is stored
    READY = "ready"  # waits for the officer's word
    STORING = "storing"
    UNDOING = "undoing"  # what was stored is taken back
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Upload(Base):
    """A file handed in on the page, from its arrival to its end; the file itself goes when it has ended."""

    __tablename__ = "uploads"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_lists.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(Integer)  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[UploadState] = mapped_column(enum_type(UploadState), default=UploadState.CHECKING)
    progress: Mapped[int] = mapped_column(Integer, default=0)  # rows done of this state's work
    total: Mapped[int | None] = mapped_column(Integer)  # rows, known once checked
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # what the check found
    preview: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # columns and first rows, masked
    # Columns that a person named, by the header's signature: of the organisation's earlier files and of this one.
    corrected: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    tries: Mapped[int] = mapped_column(Integer, default=0)  # since it last moved
    error: Mapped[str] = mapped_column(Text, default="")
    uploaded_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # A worker's lease on the work; past it another one may go on.
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    import_id: Mapped[int | None] = mapped_column(ForeignKey("list_imports.id"))


class ColumnMapping(Base):
    """What an organisation's officers said of the columns of files with one header."""

    __tablename__ = "column_mappings"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    signature: Mapped[str] = mapped_column(String(32), primary_key=True)
    columns: Mapped[dict[str, str]] = mapped_column(JSON)  # position to meaning


class Membership(Base):
    """A person in a list, with the import and the row that brought them and the last import that had them too."""

    __tablename__ = "memberships"

    # Lists and imports are never deleted; foreign keys to them were proven for each row of a file, a tenth of its time.
    list_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    import_id: Mapped[int | None] = mapped_column(BigId)
    last_import_id: Mapped[int | None] = mapped_column(BigId)
    row: Mapped[int | None] = mapped_column(Integer)
    unit: Mapped[str] = mapped_column(String(120), default="")


class ImportIssue(Base):
    """A row that waits for a person's decision, or that could not be taken, as it stood in the file.

    status: review (not stored until someone decides), reject, question (stored; one thing about it is not clear).
    """

    __tablename__ = "import_issues"
    __table_args__ = (UniqueConstraint("import_id", "row", "status"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("list_imports.id", ondelete="CASCADE"))
    row: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(40))
    # The same row of the same list has the same key, whichever file brings it again.
    key: Mapped[str] = mapped_column(String(32), default="", server_default="", index=True)
    cells: Mapped[dict[str, Any]] = mapped_column(JSON)
    # Whom a question is about: the person stored, or the one whose name may have changed.
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"), index=True)
    decision: Mapped[str | None] = mapped_column(String(20))
    undo: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # what the decision did, to take it back
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SuppressionReason(StrEnum):
    OPT_OUT = "opt_out"
    WRONG_NUMBER = "wrong_number"
    DO_NOT_CALL = "do_not_call"


class Suppression(Base):
    """A number that is not written to, over all organisations.

    Keyed by a hash of the number, so that it outlives the erasure of the person and of the phone.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        Index(
            "uq_suppressions_active",
            "number_hash",
            "reason",
            unique=True,
            postgresql_where=text("lifted_at IS NULL"),
            sqlite_where=text("lifted_at IS NULL"),
        ),
        # Most of a national register is nobody's number here; one that a list brings is looked up among them.
        Index(
            "ix_suppressions_unknown",
            "number_hash",
            postgresql_where=text("phone_id IS NULL"),
            sqlite_where=text("phone_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number_hash: Mapped[str] = mapped_column(String(64))
    phone_id: Mapped[int | None] = mapped_column(ForeignKey("phones.id", ondelete="SET NULL"), index=True)
    reason: Mapped[SuppressionReason] = mapped_column(enum_type(SuppressionReason))
    source: Mapped[str] = mapped_column(String(20))  # sms, page, officer, gateway, import, register
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Erasure(Base):
    """A number of somebody whose data were erased, as keyed hashes: a list must not bring them back unnoticed.

    `is_gone`: nobody else was on the number, so whoever it comes back with may be meant.
    """

    __tablename__ = "erasures"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number_hash: Mapped[str] = mapped_column(String(64), index=True)
    person_hash: Mapped[str] = mapped_column(String(64), index=True)
    is_gone: Mapped[bool] = mapped_column(Boolean)
    erased_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RegisterState(StrEnum):
    WAITING = "waiting"  # for a worker, or at work
    DONE = "done"
    FAILED = "failed"


class DoNotCallFile(Base):
    """A file of the national register of numbers that want no advertising, handed in on the page or by command."""

    __tablename__ = "registers"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    file_name: Mapped[str] = mapped_column(String(200))
    state: Mapped[RegisterState] = mapped_column(enum_type(RegisterState), default=RegisterState.WAITING)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    error: Mapped[str] = mapped_column(Text, default="")
    tries: Mapped[int] = mapped_column(Integer, default=0)
    may_shrink: Mapped[bool] = mapped_column(Boolean, default=False)
    handed_in_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    handed_in_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when a worker may take it
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ImportSighting(Base):
    """An import that had a person of its list again, between the first one and the last."""

    __tablename__ = "sightings"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    import_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(BigId)


class RowsReceived(Base):
    """One handing in of rows, by the key that its sender gave it: a repeat finds the first one."""

    __tablename__ = "rows_received"
    __table_args__ = (UniqueConstraint("token_id", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id"))
    key: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))  # of the body that came with it
    upload_id: Mapped[int] = mapped_column(ForeignKey("uploads.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class RemovedPhone(Base):
    """A number that is not the person's, from `removed_at` until `restored_at`; `opted_out` where they opted out on it."""

    __tablename__ = "removed_phones"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), index=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"), index=True)
    note: Mapped[str] = mapped_column(Text)
    opted_out: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    removed_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    removed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    restored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
