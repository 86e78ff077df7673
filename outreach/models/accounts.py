"""Tables of accounts: areas, organisations, users, sessions, API tokens and the audit log."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, UniqueConstraint, false, func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from outreach.core.db import Base, BaseWithId, BigId, enum_type


class AreaLevel(StrEnum):
    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"


class Area(Base):
    """Province, district or commune, from its first day to its last; both None where there is no end known.

    `code` is ours: that of the statistics office, except for a unit whose official code is in this table already as
    another, earlier unit ("23284-2025"). Days are YYYY-MM-DD; on `valid_to` the unit is no more.
    """

    __tablename__ = "areas"

    code: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(20))  # Xã, Phường, Đặc khu, Thị trấn, Huyện, Thành phố, Tỉnh
    level: Mapped[AreaLevel] = mapped_column(enum_type(AreaLevel))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"), index=True)
    official_code: Mapped[str] = mapped_column(
        String(10), default=lambda row: row.get_current_parameters()["code"], server_default=""
    )
    valid_from: Mapped[str | None] = mapped_column(String(10))
    valid_to: Mapped[str | None] = mapped_column(String(10))

    @property
    def full_name(self) -> str:
        """Kind and name, as in "Xã Đắk Long"."""
        return f"{self.kind} {self.name}"

    def is_valid_on(self, day: str) -> bool:
        """Return whether the unit is one of that day's."""
        return (self.valid_from or "") <= day and (self.valid_to is None or day < self.valid_to)


class AreaSuccessor(Base):
    """Unit that all or a part of an ended unit became. `is_likely`: the only one, or what most of it became."""

    __tablename__ = "area_successors"

    old_code: Mapped[str] = mapped_column(ForeignKey("areas.code"), primary_key=True)
    new_code: Mapped[str] = mapped_column(ForeignKey("areas.code"), primary_key=True, index=True)
    is_likely: Mapped[bool]


class ContactMove(BaseWithId):
    """Change of a contact's commune because the commune ended, or by a decision about it: what was known before."""

    __tablename__ = "contact_moves"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), index=True)
    from_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    to_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    moved_at: Mapped[datetime]


class OrganisationKind(StrEnum):
    """Kind of organisation: Front committee, mass organisation or agency."""

    FRONT = "front"
    MASS = "mass"
    AGENCY = "agency"


class Organisation(BaseWithId):
    """Front committee, mass organisation or agency, with its area and the organisation above it."""

    __tablename__ = "organisations"

    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[OrganisationKind] = mapped_column(enum_type(OrganisationKind))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"), index=True)

    area: Mapped[Area | None] = relationship()
    parent: Mapped[Organisation | None] = relationship(remote_side="Organisation.id")


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    STAFF = "staff"
    APPROVER = "approver"
    LEADER = "leader"
    AUDITOR = "auditor"
    VILLAGE = "village"  # a village officer: home visits on a phone of their own, no page of the office


class User(BaseWithId):
    """User of the admin site, with a role; organisation and area limit what the user may see."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    role: Mapped[Role] = mapped_column(enum_type(Role))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    password_hash: Mapped[str] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    # Second factor: nonce of its secret, the last time step whose code was used, and wrong codes since.
    totp_nonce: Mapped[str | None] = mapped_column(String(32))
    totp_step: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    wrong_codes: Mapped[int] = mapped_column(default=0, server_default="0")
    wrong_code_at: Mapped[datetime | None]
    # A village officer's own number in E.164, to which the code of an invitation goes.
    phone: Mapped[str | None] = mapped_column(String(16))

    # Kinds of notices (`NoticeKind`) that the user does not want.
    unwanted_notices: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")

    organisation: Mapped[Organisation | None] = relationship()
    area: Mapped[Area | None] = relationship()

    @hybrid_property
    def shown_name(self) -> str:
        return self.name or self.email

    @shown_name.inplace.expression
    @classmethod
    def _shown_name(cls) -> ColumnElement[str]:
        """Return the same in a statement; "" where an outer join has no user."""
        return func.coalesce(func.nullif(cls.name, ""), cls.email, "")


class NoticeKind(StrEnum):
    """Kind of what waits for a user."""

    APPROVAL = "approval"  # a campaign, for their approval
    RETURNED = "returned"  # a campaign of theirs was sent back
    COMMENT = "comment"  # a comment at a campaign of theirs, or the answer to one of theirs
    READY = "ready"  # a list was read, and may be looked at and imported
    FAILED = "failed"  # a list's file could not be read
    CASES = "cases"  # a case that they took long ago
    REPORT = "report"  # a daily report, for their approval
    FIRST = "first"  # the steps of a first campaign, on the home page alone


class MailedNotice(Base):
    """What a user was told of by mail, by its key."""

    __tablename__ = "mailed_notices"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    mailed_at: Mapped[datetime]


class KeptFilters(BaseWithId):
    """Filters of a page that a user keeps under a name, as the query of its address."""

    __tablename__ = "kept_filters"
    __table_args__ = (UniqueConstraint("user_id", "page", "name"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    page: Mapped[str] = mapped_column(String(40))  # its endpoint
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(String(500))
    kept_at: Mapped[datetime]


class UserIdentity(BaseWithId):
    """Who an identity provider says a user is. `is_made`: the account was made from its groups, and follows them."""

    __tablename__ = "user_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("user_id", "issuer"))

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    is_made: Mapped[bool] = mapped_column(default=False, server_default=false())
    linked_at: Mapped[datetime]


class RecoveryCode(BaseWithId):
    """Code that replaces a lost second factor, once; stored as a keyed hash."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None]


class UserSession(BaseWithId):
    """Session of a user on a device. Its cookie is invalid once the row has ended or is deleted."""

    __tablename__ = "user_sessions"

    key: Mapped[str] = mapped_column(String(32), unique=True)  # in the signed cookie
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    began_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]  # when the password was last given again
    seen_at: Mapped[datetime]  # accurate to some minutes
    address: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(60))
    ended_at: Mapped[datetime | None]
    # A village officer's phone: open until then, however long it has no network. None: a browser in the office.
    kept_until: Mapped[datetime | None]


class AuditEvent(Base):
    """Entry of the audit log: who did what to which row, when and from where.

    Details hold ids and counts, never phone numbers, names or texts. An entry is never changed: its hash covers it and
    the entry before (rules/audit_chain.py). It stays when the row that it is about is deleted.
    """

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "actor_id", "id"), Index(None, "subject", "id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)  # without a gap
    at: Mapped[datetime] = mapped_column(index=True)
    actor_id: Mapped[int | None] = mapped_column(BigId)
    origin: Mapped[str] = mapped_column(String(64), server_default="")  # an IP address, "command", or empty
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(60))  # table:id
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    # Salted; "" where there are no values.
    values_digest: Mapped[str] = mapped_column(String(64), server_default="")
    previous: Mapped[str] = mapped_column(String(64), server_default="")
    hash: Mapped[str] = mapped_column(String(64), server_default="")
    key_id: Mapped[str] = mapped_column(String(8), default="", server_default="")  # "" from before keys


class AuditValues(Base):
    """Fields before and after an action, stored outside the chain so that an erasure can empty them."""

    __tablename__ = "audit_values"

    event_id: Mapped[int] = mapped_column(ForeignKey("audit_events.id"), primary_key=True)
    salt: Mapped[str | None] = mapped_column(String(32))
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # field: [before, after]
    emptied_at: Mapped[datetime | None]


class AuditHead(BaseWithId):
    """End of the audit chain, one row: locked to append; shows when entries at the end are missing."""

    __tablename__ = "audit_head"

    last_id: Mapped[int] = mapped_column(BigId)
    hash: Mapped[str] = mapped_column(String(64))
    sent_at: Mapped[datetime | None]  # when it last went to a place outside


class Right(StrEnum):
    """Right that an API token may have."""

    CONTACTS_WRITE = "contacts:write"
    CAMPAIGNS_READ = "campaigns:read"
    FIGURES_READ = "figures:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    REPLIES_READ = "replies:read"
    REPLIES_WRITE = "replies:write"
    WEBHOOKS_WRITE = "webhooks:write"
    MESSAGES_SEND = "messages:send"


class ApiToken(BaseWithId):
    """API token of an organisation, stored as a hash only.

    256 random bits need no slow hash, and a look-up by hash leaks nothing by its timing. `made_by` is responsible for the
    data that comes in with it.
    """

    __tablename__ = "api_tokens"

    name: Mapped[str] = mapped_column(String(80))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"))
    rights: Mapped[list[str]] = mapped_column(JSON)
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]  # to the minute
    ended_at: Mapped[datetime | None]
    # What it writes is rolled back, so that nothing is kept and nothing is sent.
    is_sandbox: Mapped[bool] = mapped_column(default=False, server_default=false())

    organisation: Mapped[Organisation] = relationship()
    maker: Mapped[User] = relationship()

    def is_open(self, now: datetime) -> bool:
        return self.ended_at is None and self.expires_at > now


class ApiRequest(BaseWithId):
    """Request of another system that made a row, by its idempotency key: a repeat finds the row."""

    __tablename__ = "api_requests"
    __table_args__ = (UniqueConstraint("token_id", "key"),)

    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id"))
    key: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))  # of its address and body
    row_id: Mapped[int | None] = mapped_column(BigId)
    at: Mapped[datetime]
