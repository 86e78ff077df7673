"""Tables of contacts: people, phones, lists, imports, suppressions and erasures."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from outreach.core.db import Base, BaseWithId, BigId, Key, enum_type, partial_index
from outreach.models.accounts import User
from outreach.rules.identity import name_order
from outreach.rules.wishes import WishSource


def _given_key(context: Any) -> str:
    return name_order(str(context.get_current_parameters().get("name") or ""))


class Phone(BaseWithId):
    """Phone number, which people may share. Suppressions, limits and counts apply to it."""

    __tablename__ = "phones"
    __table_args__ = (Index("ix_phones_backwards", "reversed"),)

    e164: Mapped[str] = mapped_column(String(16), unique=True)
    # The number reversed: officers search by the last digits.
    reversed: Mapped[str] = mapped_column(
        Key(16), default=lambda row: row.get_current_parameters()["e164"][::-1], server_default=""
    )
    language: Mapped[str | None] = mapped_column(String(8))
    # As a gateway reported it; None: guessed by the number's series (`outreach.rules.phone_numbers`).
    operator: Mapped[str | None] = mapped_column(String(16))
    # When its owner last asked for messages: an opt-out of before, which comes in later, does not count.
    asked_at: Mapped[datetime | None]
    # What was last learned of notices to it, a `NoticesReach`, and when; None: nothing yet.
    notices: Mapped[str | None] = mapped_column(String(12))
    notices_at: Mapped[datetime | None]
    # By which the official account knows its owner.
    zalo_id: Mapped[str | None] = mapped_column(String(40), index=True)
    created_at: Mapped[datetime]


class Contact(BaseWithId):
    """Person, once for all lists. A language may be stored, never an ethnic origin."""

    __tablename__ = "contacts"
    # Those with the id are for keyset pagination of the directory.
    __table_args__ = (
        Index(None, "name_key", "id"),
        Index(None, "name_key", "birth_year"),
        Index(None, "given_key", "id"),
        Index(None, "area_code", "given_key", "id"),
        partial_index("ix_contacts_at_the_door", "name_key", where="at_the_door"),
    )

    name: Mapped[str] = mapped_column(String(120), default="")
    # Unaccented, lower case, no spaces: "A HUYNH" and "A Huynh" on one phone are one person.
    name_key: Mapped[str] = mapped_column(Key(120), default="")
    # A Vietnamese directory is sorted by given name: `name_order` of outreach/rules/identity.py.
    given_key: Mapped[str] = mapped_column(Key(160), default=_given_key, server_default="")
    birth_year: Mapped[int | None]
    sex: Mapped[str | None] = mapped_column(String(1))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    village: Mapped[str] = mapped_column(String(120), default="")
    has_smartphone: Mapped[bool | None]
    # No number of theirs is known: only a visit reaches them. Kept by `note_at_the_door` of outreach/contacts/phones.py.
    at_the_door: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The place as a list has it, while it is not known which commune that is, or which of those a split one became.
    # Questions are never deleted, so that no foreign key is needed.
    place_question_id: Mapped[int | None] = mapped_column(BigId, index=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PlaceQuestion(BaseWithId):
    """Spelling of a place that names no commune, or one of several; one answer settles all people with it, and later ones.

    Where there are candidates, each village is a question of its own. `candidates`: area codes, the likely one first.
    """

    __tablename__ = "place_questions"

    key: Mapped[str] = mapped_column(String(32), unique=True)
    text: Mapped[str] = mapped_column(String(250))
    village: Mapped[str] = mapped_column(String(120), default="", server_default="")
    candidates: Mapped[list[str]] = mapped_column(JSON, default=list)
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))  # the answer
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]


class Language(Base):
    """Language that the installation offers beside Vietnamese, by its code in `outreach/rules/languages.py`."""

    __tablename__ = "languages"

    code: Mapped[str] = mapped_column(String(8), primary_key=True)
    offered_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    offered_at: Mapped[datetime]


class LanguageSpelling(BaseWithId):
    """Name of a language as lists write it that the register does not know; `code` once somebody has said which it is."""

    __tablename__ = "language_spellings"

    key: Mapped[str] = mapped_column(String(80), unique=True)
    text: Mapped[str] = mapped_column(String(80))
    code: Mapped[str | None] = mapped_column(String(8))
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]


class PhoneLanguage(Base):
    """Language that an import states of a phone: the code, or the spelling until somebody has settled it.

    The first one that stands is the phone's, until an officer sets another: then none is kept of before. 0 stands for the imports
    of before 0228, of which it was not noted.
    """

    __tablename__ = "phone_languages"

    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id", ondelete="CASCADE"), primary_key=True)
    import_id: Mapped[int] = mapped_column(BigId, primary_key=True, index=True)
    code: Mapped[str | None] = mapped_column(String(8))
    spelling_id: Mapped[int | None] = mapped_column(ForeignKey("language_spellings.id"), index=True)


class ContactPhone(Base):
    """Phone of a person, in the order of the list; the first one allowed is used.

    `is_named`: only lists of other organisations than those that recorded the person give it. The view `contested_phones`
    has them, and those that an organisation recorded where lists of others state none but others.
    """

    __tablename__ = "contact_phones"
    __table_args__ = (partial_index("ix_contact_phones_named", "contact_id", where="is_named"),)

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"), primary_key=True, index=True)
    position: Mapped[int]
    is_named: Mapped[bool] = mapped_column(default=False, server_default=false())


class LegalBasis(StrEnum):
    """Legal basis on which the people of a list may receive messages."""

    CONSENT = "consent"  # they agreed
    MEMBERSHIP = "membership"  # members of the organisation, by its statute
    DUTY = "duty"  # a task given by the state
    NONE = "none"  # no basis: the list receives no messages


class ContactList(BaseWithId):
    """List of an organisation, filled by imports.

    That organisation and those above it may send messages to its people on its legal basis; None means not recorded yet.
    """

    __tablename__ = "contact_lists"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime]
    basis: Mapped[LegalBasis | None] = mapped_column(enum_type(LegalBasis))
    basis_since: Mapped[str | None] = mapped_column(String(10))  # YYYY-MM-DD
    # The document that proves it.
    basis_note: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Not shown, and its name is free: of its first file nothing is stored yet, or it was removed.
    hidden: Mapped[bool] = mapped_column(default=False, server_default=false())
    archived_at: Mapped[datetime | None]  # no longer offered for campaigns and imports
    # Lists that were merged into it or from which it was split: their imports brought people of its.
    sources: Mapped[list[int]] = mapped_column(JSON, default=list, server_default="[]")
    # Names under which values of its people are kept, see `KeptValue`.
    fields: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")


class ListImport(BaseWithId):
    """Import of one file into one list, with its counts."""

    __tablename__ = "list_imports"

    list_id: Mapped[int] = mapped_column(ForeignKey("contact_lists.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # As in the file, by sheet.
    headers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    imported_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]


class ImportChange(Base):
    """Change of an existing contact by an import, stored so that it can be undone."""

    __tablename__ = "import_changes"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("list_imports.id", ondelete="CASCADE"), primary_key=True
    )
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    # Name: [value before, value of the import].
    fields: Mapped[dict[str, list[Any]]] = mapped_column(JSON, default=dict)
    phones: Mapped[list[int]] = mapped_column(JSON, default=list)


class UploadState(StrEnum):
    """State of an uploaded file."""

    CHECKING = "checking"  # read and counted; nothing is stored
    READY = "ready"  # waits for the officer's confirmation
    STORING = "storing"
    UNDOING = "undoing"  # the stored rows are removed again
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Upload(BaseWithId):
    """File uploaded on the page, from its arrival to its end, when the file itself is deleted."""

    __tablename__ = "uploads"

    list_id: Mapped[int] = mapped_column(ForeignKey("contact_lists.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int]  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[UploadState] = mapped_column(enum_type(UploadState), default=UploadState.CHECKING)
    progress: Mapped[int] = mapped_column(default=0)  # rows done in this state
    total: Mapped[int | None]  # rows, known once checked
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # result of the check
    preview: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # columns and first rows, masked
    # Columns named by a user, by the header's signature: from the organisation's earlier files and this one.
    corrected: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    tries: Mapped[int] = mapped_column(default=0, server_default="0")  # since the last progress
    error: Mapped[str] = mapped_column(Text, default="")
    uploaded_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # None: by a command
    uploaded_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    # End of a worker's lease; afterwards another worker may continue.
    due_at: Mapped[datetime | None]
    import_id: Mapped[int | None] = mapped_column(ForeignKey("list_imports.id"))


class ColumnMapping(Base):
    """Column meanings chosen by an organisation's officers, for files with the same header."""

    __tablename__ = "column_mappings"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    signature: Mapped[str] = mapped_column(String(32), primary_key=True)
    columns: Mapped[dict[str, str]] = mapped_column(JSON)  # position to meaning


class Membership(Base):
    """Membership of a person in a list, with the first import and its row, and the last import.

    `stated` is what the list's files say of a person whom another organisation had recorded before: `facts` by name, and
    the ids of `phones`; and those that officers `added`. Through this membership nothing else about them is seen. None: the organisation recorded them.
    """

    __tablename__ = "memberships"
    __table_args__ = (partial_index("ix_memberships_stated", "contact_id", where="stated IS NOT NULL"),)

    # Lists and imports are never deleted; checking foreign keys to them for each row took a tenth of an import's time.
    list_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    import_id: Mapped[int | None] = mapped_column(BigId)
    last_import_id: Mapped[int | None] = mapped_column(BigId)
    row: Mapped[int | None]
    unit: Mapped[str] = mapped_column(String(120), default="")
    stated: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class KeptValue(Base):
    """Value of a list's own column for one of its people, by the field's name: what a campaign to the list writes in its text.

    Of several imports the newest one's counts; if that is undone, the one before it counts again.
    """

    __tablename__ = "kept_values"

    # Lists and imports are never deleted, see `Membership`.
    list_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    import_id: Mapped[int] = mapped_column(BigId, primary_key=True, index=True)
    value: Mapped[str] = mapped_column(String(60))


class ImportIssue(BaseWithId):
    """Row for review or rejected, with its cells as in the file.

    status: review (not stored until an officer decides), reject, question (stored; one detail is unclear).
    """

    __tablename__ = "import_issues"
    __table_args__ = (UniqueConstraint("import_id", "row", "reason"),)

    import_id: Mapped[int] = mapped_column(ForeignKey("list_imports.id", ondelete="CASCADE"))
    row: Mapped[int]
    status: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(40))
    # The same row of the same list has the same key in every file.
    key: Mapped[str] = mapped_column(String(32), default="", server_default="", index=True)
    cells: Mapped[dict[str, Any]] = mapped_column(JSON)
    # The contact of a question: the one stored, or the one whose name may have changed.
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"), index=True)
    decision: Mapped[str | None] = mapped_column(String(20))
    # What the decision changed, to retract it; of one that a later file made, that `import`; of one that was taken over from
    # an earlier file, whom it stored (`contact`).
    undo: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]


class Wish(BaseWithId):
    """Wish to be left alone as it was said, or the row that takes one back (`undoes_id`). Rows are only ever added.

    `scope` is what it is about: "" for everything, else "drive:12", "kind:KIND", "organisation:3" or "channel:sms"; see
    outreach/rules/wishes.py. `evidence` names what it was said in, such as "answers:7" or "person_requests:3".
    """

    __tablename__ = "wishes"
    __table_args__ = (
        partial_index("uq_wishes_undoes_id", "undoes_id", where="undoes_id IS NOT NULL", unique=True),
    )

    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("wishes.id"))
    scope: Mapped[str] = mapped_column(String(60), default="", server_default="", index=True)
    source: Mapped[WishSource] = mapped_column(enum_type(WishSource))
    evidence: Mapped[str] = mapped_column(String(40), default="", server_default="", index=True)
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    said_at: Mapped[datetime]
    learned_at: Mapped[datetime]
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class WishPerson(Base):
    """Person whose wish it is. A merge makes the row that of the person who is kept."""

    __tablename__ = "wish_people"

    wish_id: Mapped[int] = mapped_column(ForeignKey("wishes.id"), primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class WishNumber(Base):
    """Number that a wish is about, by a keyed hash: it holds when the person and the phone are erased and return."""

    __tablename__ = "wish_numbers"
    __table_args__ = (partial_index("ix_wish_numbers_unknown", "number_hash", where="phone_id IS NULL"),)

    wish_id: Mapped[int] = mapped_column(ForeignKey("wishes.id"), primary_key=True)
    number_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    # The key of the hash, by `key_id` of outreach/rules/keys.py; empty where it was made before keys had ids.
    key_id: Mapped[str] = mapped_column(String(8), default="", server_default="")
    phone_id: Mapped[int | None] = mapped_column(ForeignKey("phones.id", ondelete="SET NULL"), index=True)


class ExchangePeer(Base):
    """Other installation that wishes are exchanged with: up to where it was read, when last to the end, and what went wrong since."""

    __tablename__ = "exchange_peers"

    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    place: Mapped[str] = mapped_column(String(40))
    read_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(Text)


class SuppressionReason(StrEnum):
    """Why a number gets no messages, apart from anybody's wish."""

    WRONG_NUMBER = "wrong_number"
    DO_NOT_CALL = "do_not_call"


class Suppression(BaseWithId):
    """Suppression: a number that receives no messages from any organisation, as it is a stranger's or in the register.

    Keyed by a hash of the number, so that it stays when the person and the phone are erased.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        partial_index(
            "uq_suppressions_active", "number_hash", "reason", where="lifted_at IS NULL", unique=True
        ),
        # Most numbers of the national register are unknown here; a new number of a list is looked up among them.
        partial_index("ix_suppressions_unknown", "number_hash", where="phone_id IS NULL"),
    )

    number_hash: Mapped[str] = mapped_column(String(64))
    # The key of the hash, by `key_id` of outreach/rules/keys.py; empty where it was made before keys had ids.
    key_id: Mapped[str] = mapped_column(String(8), default="", server_default="")
    phone_id: Mapped[int | None] = mapped_column(ForeignKey("phones.id", ondelete="SET NULL"), index=True)
    reason: Mapped[SuppressionReason] = mapped_column(enum_type(SuppressionReason))
    source: Mapped[str] = mapped_column(String(20))  # sms, page, officer, gateway, import, register
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]


class Erasure(BaseWithId):
    """Erased person and number, as keyed hashes: an import must not add them again unnoticed.

    `number_hash` is empty where `person_hash` is of name, year of birth and place, for lists without a number. `is_gone`: nobody else had the number, so any person imported with it may be the erased one.
    """

    __tablename__ = "erasures"

    number_hash: Mapped[str] = mapped_column(String(64), index=True)
    person_hash: Mapped[str] = mapped_column(String(64), index=True)
    key_id: Mapped[str] = mapped_column(String(8), default="", server_default="")
    is_gone: Mapped[bool]
    erased_at: Mapped[datetime]


class RegisterState(StrEnum):
    """State of a do-not-call file."""

    WAITING = "waiting"  # for a worker, or being read
    DONE = "done"
    FAILED = "failed"


class DoNotCallFile(BaseWithId):
    """File of the national do-not-call register, uploaded on the page or by command."""

    __tablename__ = "registers"

    file_name: Mapped[str] = mapped_column(String(200))
    state: Mapped[RegisterState] = mapped_column(enum_type(RegisterState), default=RegisterState.WAITING)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    error: Mapped[str] = mapped_column(Text, default="")
    tries: Mapped[int] = mapped_column(default=0)
    may_shrink: Mapped[bool] = mapped_column(default=False, server_default=false())
    handed_in_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    handed_in_at: Mapped[datetime]
    due_at: Mapped[datetime | None]  # when a worker may claim it
    ended_at: Mapped[datetime | None]

    uploader: Mapped[User | None] = relationship()


class ImportSighting(Base):
    """Import that contained a person of its list again, between the first one and the last."""

    __tablename__ = "sightings"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    import_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(BigId, primary_key=True)


class PersonMerge(BaseWithId):
    """Merge of two contacts that are one person: `kept_id` is the one that stayed, `merged_id` the former id of the other.

    `name_key`: rows of later files with that name and a number of the person are about them. `data` is what came from the
    other one and where it went, so that the merge can be taken apart; see campaigns/cases/merge_people.py.
    """

    __tablename__ = "person_merges"

    kept_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), index=True)
    merged_id: Mapped[int] = mapped_column(BigId)
    name_key: Mapped[str] = mapped_column(Key(120), index=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    merged_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    merged_at: Mapped[datetime]


class DifferentPerson(Base):
    """One of two people of whom an officer said that they are not the same; `pair` is both ids, the lower first.

    The two rows of a pair have one contact each, so that a merge moves them as it does all rows of a contact.
    """

    __tablename__ = "different_people"

    pair: Mapped[str] = mapped_column(String(41), primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    said_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    said_at: Mapped[datetime]


class RowsReceived(BaseWithId):
    """Rows received by the API, by the sender's idempotency key: a repeat finds the first request."""

    __tablename__ = "rows_received"
    __table_args__ = (UniqueConstraint("token_id", "key"),)

    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id"))
    key: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))  # of the request body
    upload_id: Mapped[int] = mapped_column(ForeignKey("uploads.id"), index=True)
    at: Mapped[datetime]


class ContactReference(Base):
    """What another system calls a person: a text of its own, in the organisation of its token."""

    __tablename__ = "contact_references"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    reference: Mapped[str] = mapped_column(String(40), primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), index=True)


class RemovedPhone(BaseWithId):
    """Number taken from a person, from `removed_at` until `restored_at`."""

    __tablename__ = "removed_phones"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), index=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"), index=True)
    note: Mapped[str] = mapped_column(Text)
    removed_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    removed_at: Mapped[datetime]
    restored_at: Mapped[datetime | None]
