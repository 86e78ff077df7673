"""Tables of campaigns: drives, steps, lists, the frozen audience, versions, approvals, senders and switches."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignState, Exclusion
from outreach.core.db import Base, BaseWithId, BigId, enum_type, partial_index, soft_foreign_key

DRILL = "DIỄN TẬP"


class Drive(BaseWithId):
    """A drive: a kind and a period, with the campaigns in it. Goals, figures, activities and reports belong to one.

    The drive chosen last is the one that the home page, the leaders' page, the agencies' forms and mail read.
    """

    __tablename__ = "drives"

    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(120), unique=True)
    starts_on: Mapped[str] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam
    ends_on: Mapped[str | None] = mapped_column(String(10))  # its last day; None: not known yet
    chosen_at: Mapped[datetime | None]
    # None: made with the first campaign or figure, or by a migration.
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]


class MadeKind(BaseWithId):
    """A kind of campaign made in the office; those that come with Loa are files of campaigns/planning/kinds."""

    __tablename__ = "campaign_kinds"

    code: Mapped[str] = mapped_column(String(40), unique=True)  # as campaigns and drives name it
    content: Mapped[dict[str, Any]] = mapped_column(JSON)  # as in a kind's file
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]

    @property
    def edition(self) -> str:
        """Return what tells two states of a kind apart, "" as it was made."""
        return self.edited_at.isoformat() if self.edited_at else ""


class OfDrive:
    """Column that says to which drive a row belongs."""

    drive_id: Mapped[int] = mapped_column(ForeignKey("drives.id"))


class Step(BaseWithId):
    """One message to all recipients.

    The first goes at once, each later one some days after it at a time of day.
    """

    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("campaign_id", "number"),)

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    number: Mapped[int]
    after_days: Mapped[int] = mapped_column(default=0)
    at: Mapped[str | None] = mapped_column(String(5))
    text: Mapped[str] = mapped_column(Text)
    # For an A/B comparison with `text`: half of the people get it.
    text_b: Mapped[str | None] = mapped_column(Text)
    texts: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")  # by language
    # A notice that goes first where its channel reaches: the template's id, "" for none, and what it says.
    notice_template: Mapped[str] = mapped_column(String(40), default="", server_default="")
    notice_text: Mapped[str] = mapped_column(Text, default="", server_default="")
    # Share of the audience that gets no message.
    hold_out: Mapped[float] = mapped_column(default=0.0, server_default="0")
    opened_at: Mapped[datetime | None]
    # Average segments of a message when the audience was frozen: what the budget reserves for each.
    segments_each: Mapped[float | None]

    campaign: Mapped[Campaign] = relationship(back_populates="steps")


class Campaign(OfDrive, BaseWithId):
    """A campaign. `content` is all that a resident reads and is asked; see campaigns.rules.content."""

    __tablename__ = "campaigns"

    name: Mapped[str] = mapped_column(String(120))
    state: Mapped[CampaignState] = mapped_column(enum_type(CampaignState), default=CampaignState.DRAFT)
    pause_reason: Mapped[str] = mapped_column(String(200), default="")
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"), index=True)
    sender: Mapped[str] = mapped_column(String(20))
    # Whose texts `content` started from.
    kind: Mapped[str] = mapped_column(String(40), server_default="bluezone")
    # What residents answer is about their health; see campaigns.privacy.health_answers.
    is_health: Mapped[bool] = mapped_column(default=False, server_default=false())
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    unaccented: Mapped[bool] = mapped_column(default=False)
    # Codes of other languages whose texts lose their accents, too: in some, as Gia Rai and Ba Na, they make other words.
    unaccented_languages: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    # Columns of the lists that its texts have as fields, with the substitute for people without a value.
    fields: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    areas: Mapped[list[str]] = mapped_column(JSON, default=list)  # codes; empty means everywhere
    # Further conditions on the people; see campaigns.rules.audience.
    conditions: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    pace: Mapped[float | None]  # segments a second
    window_from: Mapped[str | None] = mapped_column(String(5))  # HH:MM, Asia/Ho_Chi_Minh
    window_to: Mapped[str | None] = mapped_column(String(5))
    cap_per_day: Mapped[int | None]  # messages a number in 24 hours
    budget_vnd: Mapped[int | None]
    # Of a segment, as it was when the audience was frozen.
    price_vnd: Mapped[int | None]
    # Segments claimed and not returned. Compared with the budget, under the campaign's lock.
    segments_taken: Mapped[int] = mapped_column(default=0, server_default="0")
    # What the gateway has billed: how many of `segments_taken`, and for how much. Grows with the attempts' prices.
    priced_segments: Mapped[int] = mapped_column(default=0, server_default="0")
    priced_vnd: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    # Refusals while the gateway has accepted none of its messages; None from the first accepted one on.
    first_refusals: Mapped[int | None] = mapped_column(default=0, server_default="0")
    # Segments that the gateway lately charged for each of ours; at least 1. See campaigns.rules.budget.
    segment_factor: Mapped[float] = mapped_column(default=1.0, server_default="1")
    starts_at: Mapped[datetime | None]
    deadline: Mapped[datetime | None]
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    # Of the approval that was enough: the number of recipients, and each list's legal basis by the list's id ("": none).
    approved_recipients: Mapped[int | None]
    approved_bases: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    approved_at: Mapped[datetime | None]
    launched_at: Mapped[datetime | None]
    resumed_at: Mapped[datetime | None]  # most recently
    sent_after_s: Mapped[int | None]  # from the launch until the last message of a step so far was claimed
    ended_at: Mapped[datetime | None]
    # Last correction of its texts after the launch.
    corrected_at: Mapped[datetime | None]
    # A correction that waits for others: `texts` by path, who proposed it (`by`, a user's id), when (`at`), `confirmed_by` whom.
    correction: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # A second wave that waits for approval: who asked (`by`, a user's id), and for how many `people`.
    wave: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    cleared_at: Mapped[datetime | None]  # personal data removed
    # Why it is of the urgent class, "": it is not; and the legal basis of writing to those who asked for no messages.
    urgent_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    urgent_basis: Mapped[str] = mapped_column(Text, default="", server_default="")
    # The text of another campaign that it corrects; see campaigns.rules.corrections.
    corrects: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # Seed of the buckets by which people are held out of a step and texts assigned; see campaigns.rules.experiments.
    seed: Mapped[int | None]
    # Number in the frozen audience; only a second wave changes it.
    recipients: Mapped[int | None]

    steps: Mapped[list[Step]] = relationship(order_by="Step.number", back_populates="campaign")

    @property
    def is_drill(self) -> bool:
        """Return whether it only plays an event, which its name says wherever it is shown."""
        return self.name.startswith(DRILL)


class CampaignList(Base):
    """A list that a campaign writes to: chosen itself, or a list of a chosen organisation."""

    __tablename__ = "campaign_lists"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_lists.id"), primary_key=True)
    is_chosen: Mapped[bool] = mapped_column(default=True, server_default=true())


class ListPart(StrEnum):
    """What a list is to a campaign that does not write to it, by its key in the campaign's file."""

    ALSO_IN = "also_in"  # who is written to must be in it as well
    EXCEPT = "except"  # its people are left out


class OtherList(Base):
    """A list that limits a campaign's audience; who is written to comes from its `CampaignList`s."""

    __tablename__ = "campaign_other_lists"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_lists.id"), primary_key=True)
    part: Mapped[ListPart] = mapped_column(enum_type(ListPart), primary_key=True)


class Segment(BaseWithId):
    """A saved description of an audience, for later campaigns of an organisation."""

    __tablename__ = "segments"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str] = mapped_column(String(80))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)  # lists, areas and conditions, as in a campaign's file
    saved_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    saved_at: Mapped[datetime]


class CampaignForm(BaseWithId):
    """The campaign form as it is being written, before its fields are a valid draft; see campaigns.planning.keep_form.

    `key` was made with the page of a new campaign, or names the campaign. `fields` are its values by name, {} once they
    are in the draft; `version` grows with each change, `writer` is the page that made the last one.
    """

    __tablename__ = "campaign_forms"

    key: Mapped[str] = mapped_column(String(40), unique=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"), index=True)
    fields: Mapped[dict[str, list[str]]] = mapped_column(JSON, default=dict)
    version: Mapped[int]
    writer: Mapped[str] = mapped_column(String(40))
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    written_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    written_at: Mapped[datetime]


class Recipient(BaseWithId):
    """A row of the frozen audience: each person of the lists once, with the phone used or the exclusion.

    Its id, enciphered, is the token of the personal link. `answer` is the phone's latest answer.
    Campaign, person, phone, list and area are no foreign keys: one statement writes 300,000 rows with what it has just
    read, and PostgreSQL would look up each of them again, row by row. Nobody is removed meanwhile; see
    outreach.contacts.references.
    """

    __tablename__ = "recipients"
    __table_args__ = (
        partial_index(
            "uq_recipients_phone", "campaign_id", "phone_id", where="exclusion IS NULL", unique=True
        ),
        Index(
            "uq_recipients_campaign_id_contact_id_merge_id",
            *("campaign_id", "contact_id", "merge_id"),
            unique=True,
        ),
        partial_index(
            "ix_recipients_answered", "campaign_id", "answer", "contact_id", where="answer IS NOT NULL"
        ),
        partial_index("ix_recipients_clicked", "campaign_id", where="clicked_at IS NOT NULL"),
        partial_index("ix_recipients_joined", "campaign_id", where="joined_at IS NOT NULL"),
    )

    campaign_id: Mapped[int] = mapped_column(BigId)
    contact_id: Mapped[int | None] = mapped_column(BigId, index=True, info=soft_foreign_key("contacts"))
    phone_id: Mapped[int | None] = mapped_column(BigId, index=True, info=soft_foreign_key("phones"))
    list_id: Mapped[int | None] = mapped_column(BigId)
    area_code: Mapped[str | None] = mapped_column(String(10))
    exclusion: Mapped[Exclusion | None] = mapped_column(enum_type(Exclusion))
    bucket: Mapped[int | None]  # see campaigns.rules.experiments
    answer: Mapped[Label | None] = mapped_column(enum_type(Label))
    own_answer: Mapped[int | None]  # which of the campaign's own answers that is
    answered_at: Mapped[datetime | None]
    # The merge by which it is no longer counted: of two recipients who were one person; 0: none.
    merge_id: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    # "Not yet, remind me later": the answer is no reason to leave out a reminder.
    wants_reminder: Mapped[bool] = mapped_column(default=False, server_default=false())
    clicked_at: Mapped[datetime | None]  # when "install" was pressed on the page
    joined_at: Mapped[datetime | None]  # when a second wave took it in; None: with the launch


class FormerRecipient(Base):
    """A person to whom a health campaign wrote, kept without what they answered until retention removes the person."""

    __tablename__ = "former_recipients"

    campaign_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class PageOpen(Base):
    """First request of a recipient's page.

    By a person or by a program that checks links: that is not known.
    A table of its own, narrow and without foreign keys: thousands may come in a second.
    """

    __tablename__ = "openings"

    campaign_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    recipient_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    at: Mapped[datetime]


class CampaignVersion(BaseWithId):
    """A version that an author submitted. The approver sees what has changed since the last one."""

    __tablename__ = "campaign_versions"
    __table_args__ = (UniqueConstraint("campaign_id", "n"),)

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    n: Mapped[int]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)  # as in a campaign's file
    # What an approval is bound to, by ids; see `plan_of`. None: submitted by an earlier release.
    plan: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    submitted_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    submitted_at: Mapped[datetime]
    # When the request for approval was mailed.
    mailed_at: Mapped[datetime | None]


class CampaignDecision(BaseWithId):
    """A decision on a version: approved, or returned with a reason."""

    __tablename__ = "campaign_decisions"

    version_id: Mapped[int] = mapped_column(ForeignKey("campaign_versions.id"), index=True)
    approved: Mapped[bool]
    # What the approver had read: plan, recipients, bases, vnd; see campaigns.rules.approvals. None: by an earlier release.
    read: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    reason: Mapped[str] = mapped_column(Text, default="")
    decided_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime]
    mailed_at: Mapped[datetime | None]


class CommentCard(StrEnum):
    """The cards of a campaign's page that comments stand beside."""

    WHOM = "whom"
    WORDS = "words"
    WHEN = "when"
    CHECK = "check"


class CampaignComment(BaseWithId):
    """A comment beside a card of a campaign, or a reply to one; a comment is open until somebody settles it."""

    __tablename__ = "campaign_comments"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    card: Mapped[CommentCard] = mapped_column(enum_type(CommentCard))
    reply_to: Mapped[int | None] = mapped_column(ForeignKey("campaign_comments.id"))
    text: Mapped[str] = mapped_column(Text)
    written_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    written_at: Mapped[datetime]
    settled_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    settled_at: Mapped[datetime | None]


class CampaignAuthor(Base):
    """A user who has edited a campaign; none of its authors may approve it."""

    __tablename__ = "campaign_authors"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)


class Sender(Base):
    """A sender's name as registered with the operators; Vietnam demands it, with its templates."""

    __tablename__ = "senders"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    registered_on: Mapped[str | None] = mapped_column(String(10))
    pace: Mapped[float | None]  # segments a second, over all its campaigns
    note: Mapped[str] = mapped_column(Text, default="")


class Switch(Base):
    """A switch of the installation; the row exists while it is on. `stop_all` ends all sending."""

    __tablename__ = "switches"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    turned_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    turned_at: Mapped[datetime]


class TemplateState(StrEnum):
    """State of a template at a gateway."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class RegisteredTemplate(BaseWithId):
    """A text with parameters, as it was sent to the operators; see `campaigns.rules.registered_templates`."""

    __tablename__ = "registered_templates"

    sender: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(String(200), default="")
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime]

    states: Mapped[list[TemplateAtGateway]] = relationship(
        cascade="all, delete-orphan", order_by="TemplateAtGateway.account_id"
    )


class TemplateAtGateway(Base):
    """State of a template at one gateway account. `until` is its last day, YYYY-MM-DD; None: without an end."""

    __tablename__ = "template_states"

    template_id: Mapped[int] = mapped_column(
        ForeignKey("registered_templates.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[int] = mapped_column(ForeignKey("gateway_accounts.id"), primary_key=True)
    state: Mapped[TemplateState] = mapped_column(enum_type(TemplateState))
    until: Mapped[str | None] = mapped_column(String(10))
