"""What decides on waiting messages and makes their texts, and what their numbers have had lately."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, String, Subquery, and_, null, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, CampaignList, Recipient, Step
from campaigns.models.messages import Attempt, Message
from campaigns.rules.delivery import content_of, passes_wishes
from campaigns.rules.list_fields import fill_fields
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import GIVEN_UP, AttemptState, Exclusion, MessageKind
from outreach.contacts.phones import read_links
from outreach.contacts.wishes import read_left_alone
from outreach.core.db import columns_of, values_subquery
from outreach.models.contacts import Contact, KeptValue, Membership, Phone, Suppression, SuppressionReason
from outreach.rules.wishes import EVERYTHING, scopes_of


def recent_messages(
    session: Session, phones: Select[Any], *, now: datetime
) -> tuple[Counter[tuple[int, bool]], set[tuple[int, str]]]:
    """Return the messages to each of these phones in the last 24 hours, and their contents.

    Of all campaigns and organisations: the caps count them all, but for tests and copies to the office's own phones. Warnings
    are counted apart: the key is the phone and whether they were of the urgent class.
    """
    attempts = session.execute(
        select(
            Attempt.phone_id,
            Attempt.message_id,
            Message.step_id,
            Message.arm,
            Phone.language,
            Campaign.urgent_reason,
        )
        .join(Message, Message.id == Attempt.message_id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .join(Phone, Phone.id == Attempt.phone_id)
        .where(
            Attempt.phone_id.in_(phones),
            Message.kind != MessageKind.TEST,
            Attempt.claimed_at > now - timedelta(hours=24),
            Attempt.state.not_in((*GIVEN_UP, AttemptState.FAILED)),
        )
        .distinct()
    ).all()
    texts = select(Step.id, Step.number.label("step"), Step.text.label("step_text"), Step.text_b, Step.texts)
    steps = {
        step.id: step for step in session.execute(texts.where(Step.id.in_({row.step_id for row in attempts})))
    }
    recent: Counter[tuple[int, bool]] = Counter()
    contents = set()
    for row in attempts:
        recent[row.phone_id, bool(row.urgent_reason)] += 1
        if step := steps.get(row.step_id):
            contents.add((row.phone_id, content_of(step, language=row.language, arm=row.arm)))
    return recent, contents


def read_list_values(session: Session, rows: Sequence[Any]) -> dict[tuple[int, int], dict[str, str]]:
    """Return what the lists of their campaigns say of these rows' people in the fields of their texts, the newest import's.

    A list that only names somebody counts where none that recorded them says anything. Rows have `campaign_id`, the campaign's `fields`
    and `contact_id`. By campaign and contact; in one query for all rows, and in none where no text has such fields.
    """
    wanted = [row for row in rows if row.fields and row.contact_id is not None]
    if not wanted:
        return {}
    values: dict[tuple[int, int], dict[str, str]] = {}
    contacts = values_subquery(session, {row.contact_id for row in wanted})
    names = values_subquery(session, {name for row in wanted for name in row.fields}, String)
    query = (
        select(CampaignList.campaign_id, KeptValue.contact_id, KeptValue.name, KeptValue.value)
        .join(KeptValue, KeptValue.list_id == CampaignList.list_id)
        .outerjoin(
            Membership,
            and_(Membership.list_id == KeptValue.list_id, Membership.contact_id == KeptValue.contact_id),
        )
        .where(
            CampaignList.campaign_id.in_({row.campaign_id for row in wanted}),
            KeptValue.contact_id.in_(contacts),
            KeptValue.name.in_(names),
        )
        .order_by(Membership.stated.is_(null()), KeptValue.import_id, KeptValue.list_id)
    )
    for campaign_id, contact_id, name, value in session.execute(query):
        values.setdefault((campaign_id, contact_id), {})[name] = value
    return values


def fill_values(fields: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return what is written to somebody for each field of a campaign that says something: their own value, or the substitute."""
    return {name: value for name, value in fill_fields(fields, values).items() if value}


class CampaignStep(NamedTuple):
    """What campaign and step say of all their messages; nothing where a message has none."""

    step: int | None = None
    step_text: str | None = None
    text_b: str | None = None
    texts: dict[str, str] | None = None
    notice_template: str = ""
    notice_text: str = ""
    fields: dict[str, str] | None = None
    sender: str | None = None
    scopes: tuple[str, ...] = (EVERYTHING,)  # of wishes to be left alone that stop them
    unaccented: bool | None = None
    unaccented_languages: list[str] | None = None
    cap_per_day: int | None = None
    window_from: str | None = None
    window_to: str | None = None
    urgent_reason: str | None = None
    urgent_basis: str | None = None


class WaitingMessage(NamedTuple):
    """A row of the outbox with what decides on it and makes its text. `of` is the same object for all of a step."""

    message_id: int
    n: int
    throttled: int
    refused: int
    kind: MessageKind
    text: str | None
    phone_id: int
    recipient_id: int | None
    campaign_id: int | None
    step_id: int | None
    arm: int | None
    account_id: int | None
    language: str | None
    operator: str | None
    notices: str | None
    notices_at: datetime | None
    answer: Label | None
    wants_reminder: bool | None
    contact_id: int | None
    exclusion: Exclusion | None
    name: str | None
    e164: str
    of: CampaignStep

    @property
    def fields(self) -> dict[str, str] | None:
        """Return the fields of its text, for `read_list_values`."""
        return self.of.fields


def read_outbox(session: Session, waiting: Subquery, *, lock_phones: bool) -> list[WaitingMessage]:
    """Return rows of the outbox, ordered by message. `waiting` has message_id, n, throttled, refused.

    `lock_phones`: against an opt-out or another worker's cap; a message whose phone is locked already is left out.
    """
    query = (
        select(
            *columns_of(waiting.c, "message_id n throttled refused"),
            *columns_of(Message, "kind text phone_id recipient_id campaign_id step_id arm account_id"),
            *columns_of(Phone, "language operator notices notices_at"),
            *columns_of(Recipient, "answer wants_reminder contact_id exclusion"),
            Contact.name,
            Phone.e164,
        )
        .join(Message, Message.id == waiting.c.message_id)
        .join(Phone, Phone.id == Message.phone_id)
        .outerjoin(Recipient, Recipient.id == Message.recipient_id)
        .outerjoin(Contact, Contact.id == Recipient.contact_id)
        .order_by(waiting.c.message_id)
    )
    if lock_phones:
        query = query.with_for_update(of=Phone, skip_locked=True, key_share=True)
    rows = session.execute(query).all()
    steps = _read_steps(session, {(row.campaign_id, row.step_id) for row in rows})
    return [WaitingMessage._make((*row, steps[row.campaign_id, row.step_id])) for row in rows]


def find_stopped(session: Session, rows: Sequence[WaitingMessage], *, passes_opt_outs: bool) -> set[int]:
    """Return those of these messages, by their ids, that must not go: the number is closed, or who has it is left alone.

    Of a campaign's own also those of people who were erased or merged since, lost the number, or are in no list any more. `passes_opt_outs`: the installation allows a warning
    that has a legal basis to pass opt-outs. A confirmation of an opt-out is never stopped.
    """
    asked = [row for row in rows if row.kind is not MessageKind.CONFIRMATION]
    phones = {row.phone_id for row in asked}
    closed: dict[int | None, set[SuppressionReason]] = defaultdict(set)
    for phone_id, reason in session.execute(
        select(Suppression.phone_id, Suppression.reason).where(
            Suppression.phone_id.in_(values_subquery(session, phones)), Suppression.lifted_at.is_(None)
        )
    ):
        closed[phone_id].add(reason)
    people = {row.contact_id for row in asked if row.contact_id}
    left_alone = read_left_alone(session, people=people, numbers=phones)
    theirs = read_links(session, people)
    stopped = set()
    for row in asked:
        is_step = row.kind is MessageKind.STEP
        passes = passes_wishes(
            kind=row.kind, urgent_basis=row.of.urgent_basis, answer=row.answer, is_allowed=passes_opt_outs
        )
        closing = closed[row.phone_id] - ({SuppressionReason.DO_NOT_CALL} if passes else set())
        # An answer to somebody who opted out of the drive alone still leaves.
        scopes = row.of.scopes if is_step else (EVERYTHING,)
        is_theirs = (row.contact_id, row.phone_id) in theirs
        if (
            closing
            or (is_step and (not is_theirs or row.exclusion is not None))
            or left_alone.stops(row.contact_id, row.phone_id, scopes=scopes, passes=passes)
        ):
            stopped.add(row.message_id)
    return stopped


def _read_steps(
    session: Session, keys: set[tuple[int | None, int | None]]
) -> dict[tuple[int | None, int | None], CampaignStep]:
    """Return what these campaigns and steps say, read once and not for each of their messages."""
    of_step = select(
        Step.id,
        Step.number.label("step"),
        Step.text.label("step_text"),
        *columns_of(Step, "text_b texts notice_template notice_text"),
    )
    of_campaign = select(
        *columns_of(
            Campaign, "id fields sender drive_id kind organisation_id unaccented unaccented_languages"
        ),
        *columns_of(Campaign, "cap_per_day window_from window_to urgent_reason urgent_basis"),
    )
    said: list[dict[int | None, dict[str, Any]]] = []
    for query, column, ids in (
        (of_campaign, Campaign.id, {campaign_id for campaign_id, _ in keys}),
        (of_step, Step.id, {step_id for _, step_id in keys}),
    ):
        found = session.execute(query.where(column.in_(ids - {None}))) if ids - {None} else ()
        said.append({row[0]: {name: getattr(row, name) for name in row._fields[1:]} for row in found})
    campaigns, steps = said
    for each in campaigns.values():
        drive, kind, organisation = (each.pop(name) for name in ("drive_id", "kind", "organisation_id"))
        each["scopes"] = scopes_of(drive=drive, kind=kind, organisation=organisation)
    return {
        (campaign_id, step_id): CampaignStep(**campaigns.get(campaign_id, {}), **steps.get(step_id, {}))
        for campaign_id, step_id in keys
    }
