"""Tables of delivery: messages, outbox, attempts, attempt totals, status events, incidents."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.rules.states import AttemptState, MessageKind, MessageState, SkipReason
from outreach.core.db import Base, BaseWithId, BigId, enum_type, partial_index, soft_foreign_key


class Message(BaseWithId):
    """A text to one phone. A step's text is rendered when it is claimed; other messages store theirs.

    Campaign, step, recipient and phone are no foreign keys, nor are an outbox's message and an attempt's phone: they are
    written with what has just been read, by the hundred thousand. Code that removes phones looks for messages to them
    (`is_referenced`).
    """

    __tablename__ = "messages"
    __table_args__ = (
        # The phone first, so that it finds a phone's messages as well.
        Index("uq_messages_phone_id_step_id", "phone_id", "step_id", unique=True),
        # One acknowledgement for each answer.
        partial_index("uq_messages_answer_id", "answer_id", where="answer_id IS NOT NULL", unique=True),
        Index("ix_messages_progress", "campaign_id", "step_id", "state", "skip_reason"),
    )

    kind: Mapped[MessageKind] = mapped_column(enum_type(MessageKind))
    campaign_id: Mapped[int | None] = mapped_column(BigId)
    step_id: Mapped[int | None] = mapped_column(BigId)
    recipient_id: Mapped[int | None] = mapped_column(BigId, index=True)
    phone_id: Mapped[int] = mapped_column(BigId, info=soft_foreign_key("phones"))
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    text: Mapped[str | None] = mapped_column(Text)
    state: Mapped[MessageState] = mapped_column(enum_type(MessageState), default=MessageState.QUEUED)
    skip_reason: Mapped[SkipReason | None] = mapped_column(enum_type(SkipReason))
    # Arm in a step's comparison: 0 held out, 1 its text, 2 its second text; see campaigns.rules.experiments.
    arm: Mapped[int | None] = mapped_column(SmallInteger)
    # In which it left, where its step has texts in several languages.
    language: Mapped[str | None] = mapped_column(String(8))
    # Only by this gateway account: a test of it.
    account_id: Mapped[int | None] = mapped_column(SmallInteger)


class Outbox(Base):
    """A message that waits to be sent. The table holds nothing else, so that history never slows a claim.

    Stream 0 is the transactional one (answers to residents, tests) and goes first; every other stream is a campaign's id.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_claim", "stream_id", "not_before", "message_id"),)

    message_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    stream_id: Mapped[int] = mapped_column(BigId)
    not_before: Mapped[datetime]
    n: Mapped[int] = mapped_column(SmallInteger, default=1)  # number of the next attempt
    throttled: Mapped[int] = mapped_column(SmallInteger, default=0)  # times returned unprocessed
    # Of these, because the account or sender was refused.
    refused: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")


class Attempt(BaseWithId):
    """One request to the gateway for one message. Its id is in the address of the callback."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("message_id", "n"),
        # The sweep and the reconciler look for a small part of the table.
        partial_index("ix_attempts_open", "state", "due_at", where="state IN ('sending', 'unknown')"),
        Index("ix_attempts_cap", "phone_id", "claimed_at"),
        partial_index("ix_attempts_silent", "claimed_at", where="state IN ('accepted', 'sent')"),
        partial_index(
            "ix_attempts_notices",
            "claimed_at",
            where="channel = 'zalo' AND state IN ('unknown', 'accepted', 'sent')",
        ),
        # The id of a returned attempt is never used again: a late callback must not reach another attempt.
        {"sqlite_autoincrement": True},
    )

    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))
    n: Mapped[int] = mapped_column(SmallInteger)
    phone_id: Mapped[int] = mapped_column(BigId)
    stream_id: Mapped[int] = mapped_column(BigId)
    state: Mapped[AttemptState] = mapped_column(enum_type(AttemptState), default=AttemptState.SENDING)
    account_id: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")  # gateway account
    worker: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    segments: Mapped[int] = mapped_column(SmallInteger)
    claimed_at: Mapped[datetime]
    # While sending: the end of the lease. While unknown: the next lookup in the gateway's list.
    due_at: Mapped[datetime | None]
    times_absent: Mapped[int] = mapped_column(SmallInteger, default=0)
    gateway_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    settled_at: Mapped[datetime | None]
    cause: Mapped[str | None] = mapped_column(String(24))
    code: Mapped[str | None] = mapped_column(String(24))
    price_vnd: Mapped[int | None]  # what the gateway billed, None until then; of a notice what is agreed
    channel: Mapped[str] = mapped_column(String(8), default="sms", server_default="sms")  # a `Channel`
    # Of a notice: the template's id and the parameters in their order, as a JSON list; `body` is what it says.
    notice: Mapped[str | None] = mapped_column(Text)


class AttemptTotal(BaseWithId):
    """A change in the totals of a stream's attempts.

    A campaign's causes and cost are sums over a few rows. Written in the transaction that changes the attempts; the
    sweep folds old rows together.
    """

    __tablename__ = "tallies"
    __table_args__ = (Index("ix_tallies_lane", "stream_id", "at"),)

    stream_id: Mapped[int] = mapped_column(BigId)
    state: Mapped[AttemptState] = mapped_column(enum_type(AttemptState))
    cause: Mapped[str | None] = mapped_column(String(24))
    account_id: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    n: Mapped[int]
    segments: Mapped[int]
    at: Mapped[datetime]


class StatusEvent(BaseWithId):
    """A status callback as it came. Kept raw, applied later in bulk."""

    __tablename__ = "status_events"
    __table_args__ = (partial_index("ix_status_events_waiting", "id", where="applied_at IS NULL"),)

    # No foreign key: a callback may name an attempt that does not exist, or not yet.
    attempt_id: Mapped[int] = mapped_column(BigId)
    gateway_id: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(20))
    cause: Mapped[str | None] = mapped_column(String(24))
    code: Mapped[str | None] = mapped_column(String(24))
    received_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]


class MessagePart(Base):
    """A part of a message that the gateway took in several parts and reports on one by one."""

    __tablename__ = "message_parts"

    gateway_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    status: Mapped[str | None] = mapped_column(String(20))  # of its receipt; None until then


class WaitingReceipt(BaseWithId):
    """A delivery report to one of our phones that names no attempt, until its attempt is found or it is too old.

    See `campaigns.rules.receipts`.
    """

    __tablename__ = "waiting_receipts"
    __table_args__ = (Index("ix_waiting_receipts_due", "next_try_at"),)

    message_ids: Mapped[list[str]] = mapped_column(JSON)
    phone_id: Mapped[int] = mapped_column(BigId, info=soft_foreign_key("phones"))
    account_id: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    status: Mapped[str] = mapped_column(String(20))
    cause: Mapped[str | None] = mapped_column(String(24))
    code: Mapped[str | None] = mapped_column(String(24))
    reference: Mapped[int | None]
    text: Mapped[str] = mapped_column(String(20))
    received_at: Mapped[datetime]
    next_try_at: Mapped[datetime]


class Incident(BaseWithId):
    """An event that must never happen and that a person has to see. Never hidden, never removed."""

    __tablename__ = "incidents"

    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(60), unique=True)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    times: Mapped[int] = mapped_column(default=1)
