"""Tables of replies, answers, installs, answer totals, cases, reports of safety and saved texts.

A reply is kept as received, an answer as understood. A case is what waits for an officer, with who took it and its outcome.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, LargeBinary, String, Text, and_, false, true
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.rules.cases import CaseKind, CaseOutcome
from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.labels import Label
from campaigns.rules.safety import Position, SafetyStatus, position_of
from outreach.core.db import Base, BaseWithId, BigId, enum_type, partial_index
from outreach.rules.sms_inbound import ANSWERS_FREE_FOR


class AnswerSource(StrEnum):
    """Source of an answer."""

    SMS = "sms"
    PAGE = "page"
    OFFICER = "officer"
    ROSTER = "roster"  # the person's agency reported it


class ReplyChannel(StrEnum):
    """Channel by which a reply came."""

    TWILIO = "twilio"
    PUSH = "push"  # a domestic operator: pushed by HTTP, or over SMPP
    PHONE = "phone"  # an Android phone with a SIM
    LOG = "log"  # a file that an operator or a phone exported
    PAGE = "page"  # written on the answer page, or on the page for everybody
    API = "api"  # handed in by another system
    ZALO = "zalo"  # written to the official account

    @property
    def source(self) -> AnswerSource:
        """Return the source of answers that came by this channel."""
        return AnswerSource.PAGE if self is ReplyChannel.PAGE else AnswerSource.SMS

    @property
    def is_own(self) -> bool:
        """Return whether the number's owner speaks by it; by the others somebody else may have named the number."""
        return self not in (ReplyChannel.API, ReplyChannel.ZALO)


# By these a text came from the number itself; on a page and by another system anybody may name it.
FROM_NUMBER = (ReplyChannel.TWILIO, ReplyChannel.PUSH, ReplyChannel.PHONE, ReplyChannel.LOG)
BY_ANYBODY = "hoi-"  # how replies are called that anybody may have written for a number


class ReplyState(StrEnum):
    """State of a reply: how it got its label."""

    APPLIED = "applied"  # automatically
    INBOX = "inbox"  # it is in doubt and waits for an officer
    HANDLED = "handled"  # by an officer


class Reply(BaseWithId):
    """A resident's SMS as it came.

    `recipient_id`: of the latest message to the number within 14 days, or None.
    """

    __tablename__ = "replies"
    __table_args__ = (
        Index("ix_replies_inbox", "state", "received_at"),
        Index("ix_replies_sender_received_at", "sender", "received_at"),
    )

    gateway_id: Mapped[str] = mapped_column(String(64), unique=True)
    phone_id: Mapped[int | None] = mapped_column(ForeignKey("phones.id"), index=True)
    sender: Mapped[str] = mapped_column(String(32))
    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("recipients.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    body: Mapped[str] = mapped_column(Text)
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)  # as it came, where not all of it could be read
    label: Mapped[Label] = mapped_column(enum_type(Label))
    confidence: Mapped[float]
    # Its label stands without an officer's check.
    is_sure: Mapped[bool] = mapped_column(default=True, server_default=true())
    # A cry for help, whatever its label.
    is_urgent: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The emergency answer that it got.
    emergency_id: Mapped[int | None] = mapped_column(BigId)
    state: Mapped[ReplyState] = mapped_column(enum_type(ReplyState))
    received_at: Mapped[datetime]
    # The gateway, which has no id for it, knows that it was taken: what is equal from now on was said again.
    is_answered: Mapped[bool] = mapped_column(default=False, server_default=false())
    channel: Mapped[ReplyChannel] = mapped_column(
        enum_type(ReplyChannel, name="road"), default=ReplyChannel.TWILIO, server_default="twilio"
    )

    @property
    def free_until(self) -> datetime | None:
        """Until when it can be answered without charge where it was written; None: it was not, or is an SMS."""
        return self.received_at + ANSWERS_FREE_FOR if self.channel is ReplyChannel.ZALO else None


class ReplyPart(BaseWithId):
    """A part of a long reply, until the others have come. Parts may arrive at different workers.

    `gateway_id` as a reply's. It stays for a while after it was `joined_at`, to be known when it comes again.
    """

    __tablename__ = "reply_parts"
    __table_args__ = (Index("ix_reply_parts_sender", "sender", "recipient", "reference"),)

    gateway_id: Mapped[str] = mapped_column(String(64), unique=True)
    sender: Mapped[str] = mapped_column(String(32))
    recipient: Mapped[str] = mapped_column(String(32))
    reference: Mapped[int]
    total: Mapped[int]
    number: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
    is_answered: Mapped[bool] = mapped_column(default=False, server_default=false())
    joined_at: Mapped[datetime | None]


class Handling(BaseWithId):
    """An officer's handling of a reply, with what is needed to undo it exactly.

    `answer_id` is the answer recorded for it, `withdrawn_id` the one that the reply itself had given.
    """

    __tablename__ = "handlings"

    reply_id: Mapped[int] = mapped_column(ForeignKey("replies.id"), index=True)
    label: Mapped[Label] = mapped_column(enum_type(Label))
    handled_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    handled_at: Mapped[datetime]
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    withdrawn_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    # Hash of the reply's words; see campaigns.replies.receive_reply.
    signature: Mapped[str | None] = mapped_column(String(32), index=True)
    undone_at: Mapped[datetime | None]


class Answer(BaseWithId):
    """An answer from a phone in one campaign, by any source; a later one replaces it."""

    __tablename__ = "answers"

    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("recipients.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"), index=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"))
    label: Mapped[Label] = mapped_column(enum_type(Label))
    own_answer: Mapped[int | None]  # which of the campaign's own answers; see campaigns.rules.own_answers
    # An opt-out from the campaign's drive alone; others are from everything. What follows is in the ledger of wishes.
    drive_only: Mapped[bool] = mapped_column(default=False, server_default=false())
    source: Mapped[AnswerSource] = mapped_column(enum_type(AnswerSource, name="source"))
    reply_id: Mapped[int | None] = mapped_column(ForeignKey("replies.id"), unique=True)
    at: Mapped[datetime]
    undone_at: Mapped[datetime | None]

    @property
    def said(self) -> GivenAnswer:
        return GivenAnswer(self.label, self.own_answer, self.drive_only)


class AnswerPlace(StrEnum):
    """Place where an officer heard an answer."""

    HOME = "home"
    PHONE = "phone"
    MEETING = "meeting"
    ROSTER = "roster"  # an agency's list of its people


# What an officer may choose: the rest comes from a file.
HEARD = (AnswerPlace.HOME, AnswerPlace.PHONE, AnswerPlace.MEETING)


class SmartphoneChange:
    """Columns of an officer's entry that changed whether the person has a smartphone, and the old value."""

    changed_smartphone: Mapped[bool] = mapped_column(default=False, server_default=false())
    had_smartphone: Mapped[bool | None]


class OfficerEntry(SmartphoneChange, Base):
    """Record of the officer who entered an answer for a resident, and where they heard it."""

    __tablename__ = "officer_entries"

    answer_id: Mapped[int] = mapped_column(ForeignKey("answers.id"), primary_key=True)
    recorded_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    place: Mapped[AnswerPlace] = mapped_column(enum_type(AnswerPlace, name="place"))
    agency_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))  # whose roster it is from
    note: Mapped[str] = mapped_column(Text, default="", server_default="")


class InstallReport(BaseWithId):
    """A self-reported install. Counts once for a phone and campaign unless it is withdrawn."""

    __tablename__ = "install_reports"
    __table_args__ = (
        partial_index(
            "uq_install_reports_phone", "campaign_id", "phone_id", where="withdrawn_at IS NULL", unique=True
        ),
        # Few reports are withdrawn; the others are not in this index.
        partial_index("ix_install_reports_withdrawn", "withdrawn_at", where="withdrawn_at IS NOT NULL"),
    )

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"))
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id"), index=True)
    answer_id: Mapped[int] = mapped_column(ForeignKey("answers.id"))
    source: Mapped[AnswerSource] = mapped_column(enum_type(AnswerSource, name="source"))
    reported_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class AnswerTotal(BaseWithId):
    """A change in a campaign's totals: recipients by list, area and answer; installs also by day.

    Written in the transaction that changes the answer and folded by the sweep; see campaigns.answer_totals. A row counts
    `people` of an answer (`day` is NULL) or `installed` more or fewer on a day in Vietnam.
    """

    __tablename__ = "counters"
    __table_args__ = (
        Index(None, "campaign_id"),
        # Each change of an answer writes a row below 0; folded totals have none.
        partial_index("ix_counters_unfolded", "campaign_id", where="people < 0"),
    )

    campaign_id: Mapped[int] = mapped_column(BigId)
    list_id: Mapped[int | None] = mapped_column(BigId)
    area_code: Mapped[str | None] = mapped_column(String(10))
    answer: Mapped[Label | None] = mapped_column(enum_type(Label))
    own_answer: Mapped[int | None]
    day: Mapped[str | None] = mapped_column(String(10))  # YYYY-MM-DD
    people: Mapped[int]
    installed: Mapped[int]


class Case(BaseWithId):
    """One thing for an officer to do for one resident, by whichever channel it came.

    Organisation, campaign and place are those of the recipient when the case was opened, so that the list reads
    this table alone. `taken_by` stays when the time for which a case is assigned has passed.
    """

    __tablename__ = "cases"
    __table_args__ = (
        partial_index("ix_cases_open", "opened_at", "id", where="done_at IS NULL"),
        partial_index("ix_cases_urgent", "urgent_at", where="urgent_at IS NOT NULL AND done_at IS NULL"),
        # A resident who asks twice, by page and by SMS, gets one case.
        partial_index(
            "uq_cases_help", "recipient_id", where="kind = 'help' AND done_at IS NULL", unique=True
        ),
    )

    kind: Mapped[CaseKind] = mapped_column(enum_type(CaseKind))
    phone_id: Mapped[int | None] = mapped_column(ForeignKey("phones.id"))
    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("recipients.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    reply_id: Mapped[int | None] = mapped_column(ForeignKey("replies.id"), unique=True)
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))  # the answer that asked for help
    opened_at: Mapped[datetime]
    # Since when it is urgent; when the officer on duty was told, and those who stand in when nobody took it.
    urgent_at: Mapped[datetime | None]
    alerted_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    taken_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    taken_at: Mapped[datetime | None]
    done_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    done_at: Mapped[datetime | None] = mapped_column(index=True)
    outcome: Mapped[CaseOutcome | None] = mapped_column(enum_type(CaseOutcome, name="outcome"))
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    # The resident's answer after that.
    result_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))  # the officer's SMS


# A cry for help that nobody has settled.
IS_OPEN_CRY = and_(Case.urgent_at.is_not(None), Case.done_at.is_(None))


class SafetyReport(Base):
    """What a number says of its safety in an event (a campaign of the urgent class): the latest, changed in place.

    What is needed and where is the open case's of the number, begins anew with the next case, and is removed some days after the event
    (`campaigns.privacy.retention`). `joined_to` is the case that an officer has joined the number's case to.
    """

    __tablename__ = "safety_reports"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"), primary_key=True, index=True)
    status: Mapped[SafetyStatus] = mapped_column(enum_type(SafetyStatus, name="status"))
    # Said by SMS or on the number's own page; anybody may have typed the number on the page for everybody.
    is_verified: Mapped[bool] = mapped_column(default=True, server_default=true())
    said_at: Mapped[datetime]
    people: Mapped[int | None]
    needs: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    place: Mapped[str] = mapped_column(Text, default="", server_default="")
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    # Who is on the way.
    handed_to: Mapped[str] = mapped_column(Text, default="", server_default="")
    handed_at: Mapped[datetime | None]
    handed_message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    joined_to: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)

    @staticmethod
    def no_details() -> dict[str, Any]:
        """Return the columns of what is needed, where, and who is on the way, without any of it."""
        unknown = ("people", "latitude", "longitude", "handed_at", "handed_message_id", "joined_to")
        return {"needs": [], "place": "", "handed_to": "", **dict.fromkeys(unknown)}

    @property
    def position(self) -> Position | None:
        return position_of(self.latitude, self.longitude)


def said_by_number() -> ColumnElement[bool]:
    """Return the condition that joins a case with what its number said in the case's event, since it was opened."""
    is_of_number = and_(SafetyReport.campaign_id == Case.campaign_id, SafetyReport.phone_id == Case.phone_id)
    return and_(is_of_number, SafetyReport.said_at >= Case.opened_at)


class SavedText(BaseWithId):
    """A saved answer text. For its organisation and those below it, without an organisation for all; for campaigns of its kind, if it has one."""

    __tablename__ = "saved_texts"

    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"), index=True)
    title: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text)
    kind: Mapped[str | None] = mapped_column(String(40))
    changed_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime]
