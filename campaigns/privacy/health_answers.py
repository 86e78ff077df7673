"""Answers about health, once their time is over: the figures stay, and what somebody answered leads to nobody.

Other campaigns keep who answered what until the people themselves are removed. What residents of a health campaign answered
has a shorter time of its own, counted from the end of the last launched campaign of its drive, as a drive counts a number once.
Then each number of the drive is replaced, in all rows of its campaigns, by a row that stands for no number; texts, notes and
the person behind each recipient go. The people stay in the directory, with their numbers, opt-outs and the fact that the
campaign wrote to them (`FormerRecipient`), until the usual retention removes them. A link of before opens nothing any more,
so that no opt-out is taken from it that could not be kept; a reply by SMS and the page for everybody still take one.
One figure may grow: somebody without a number who was visited for two campaigns of a drive counts in each from then on.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, cast, exists, literal, or_, select, union_all
from sqlalchemy.orm import Session

from campaigns.models.activities import VisitLine, VisitResult
from campaigns.models.campaigns import Campaign, FormerRecipient, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import Answer, Case, InstallReport, Reply
from campaigns.privacy.retention import IN_FLIGHT, empty_messages, erase_texts, may_wait, recipients_to_answer
from outreach.accounts import audit
from outreach.contacts.suppressions import lock_phones
from outreach.core.db import Database, count_rows, insert_new, rows_table, set_columns, values_subquery
from outreach.models.contacts import PersonMerge, Phone, Wish
from outreach.rules.identity import ERASED
from outreach.rules.phone_numbers import operator_of

SLICE = 1000  # numbers


def drives_due(session: Session, *, days: int, now: datetime) -> list[int]:
    """Return drives whose health answers lead to people past their time, with nothing under way there."""
    cutoff = now - timedelta(days=days)
    is_needed = or_(
        Campaign.ended_at.is_(None),
        Campaign.ended_at >= cutoff,
        exists().where(Case.campaign_id == Campaign.id, may_wait(cutoff)),
        exists().where(Attempt.stream_id == Campaign.id, Attempt.state.in_(IN_FLIGHT)),
        exists().where(Recipient.campaign_id == Campaign.id, Recipient.id.in_(recipients_to_answer(cutoff))),
    )
    still_needed = select(Campaign.drive_id).where(Campaign.launched_at.is_not(None), is_needed)
    leads_to_people = exists().where(Recipient.campaign_id == Campaign.id, Recipient.contact_id.is_not(None))
    is_due = (Campaign.is_health, leads_to_people, Campaign.drive_id.not_in(still_needed))
    return list(
        session.scalars(select(Campaign.drive_id).where(*is_due).distinct().order_by(Campaign.drive_id))
    )


def count_people(session: Session, *, days: int, now: datetime) -> int:
    """Return from how many people `separate_health_answers` would separate answers now; nothing is changed."""
    people = select(Recipient.contact_id).join(Campaign, Campaign.id == Recipient.campaign_id)
    of_drives = (Campaign.drive_id.in_(drives_due(session, days=days, now=now)), Campaign.is_health)
    return count_rows(session, people.where(*of_drives, Recipient.contact_id.is_not(None)).distinct())


def separate_health_answers(db: Database, *, days: int, now: datetime) -> int:
    """Separate health answers past their time from people, slice by slice. Returns how many people."""
    with db.read() as session:
        due = drives_due(session, days=days, now=now)
        people = count_people(session, days=days, now=now)
    for drive_id in due:
        _separate_drive(db, drive_id, cutoff=now - timedelta(days=days), now=now)
    if due:
        with db.write() as session:
            audit.record(session, "retention.separate_health", "retention:health", None, now, people=people)
    return people


def _separate_drive(db: Database, drive_id: int, *, cutoff: datetime, now: datetime) -> None:
    with db.read() as session:
        campaigns = session.scalars(
            select(Campaign.id).where(Campaign.drive_id == drive_id, Campaign.is_health).order_by(Campaign.id)
        ).all()
    for campaign_id in campaigns:  # first: a campaign whose recipients lead to nobody is done
        empty_messages(db, campaign_id, cutoff=cutoff)
        with db.write() as session:
            erase_texts(session, campaign_id, cutoff=cutoff, now=now)
    leads_to_people = (Recipient.campaign_id.in_(campaigns), Recipient.contact_id.is_not(None))
    numbers = select(Recipient.phone_id).where(*leads_to_people).distinct().limit(SLICE)
    while True:
        with db.write() as session:
            phone_ids = session.scalars(numbers).all()
            if not phone_ids:
                break
            known = [phone_id for phone_id in phone_ids if phone_id is not None]
            lock_phones(session, known)
            of_slice: ColumnElement[bool] = Recipient.phone_id.in_(values_subquery(session, known))
            if None in phone_ids:
                of_slice = or_(of_slice, Recipient.phone_id.is_(None))
            recipients = session.scalars(
                select(Recipient.id).where(Recipient.campaign_id.in_(campaigns), of_slice)
            ).all()
            _replace_numbers(session, recipients, known, now=now)


def _replace_numbers(
    session: Session, recipients: Sequence[int], phones: Sequence[int], *, now: datetime
) -> None:
    """Put rows that stand for no number in place of these, for these recipients; nobody is behind them any more."""
    recipient_ids = values_subquery(session, recipients)
    session.execute(
        insert_new(session, FormerRecipient).from_select(
            ["campaign_id", "contact_id"],
            select(Recipient.campaign_id, Recipient.contact_id).where(
                Recipient.id.in_(recipient_ids), Recipient.contact_id.is_not(None), Recipient.merge_id == 0
            ),
        )
    )
    # A wish stays with its number, which must lead to no answer.
    answers = select(literal("answers:") + cast(Answer.id, String))
    visits = select(literal("round_results:") + cast(VisitResult.id, String)).join(VisitLine)
    said_in = union_all(
        answers.where(Answer.recipient_id.in_(recipient_ids)),
        visits.where(VisitLine.recipient_id.in_(recipient_ids)),
    )
    set_columns(session, Wish, Wish.evidence.in_(said_in), evidence="")
    substitutes = _add_substitutes(session, phones, now=now)
    pairs: list[dict[str, Any]] = [{"old": old, "new": new} for old, new in substitutes.items()]
    columns = {"old": BigInteger, "new": BigInteger}
    of_recipients = select(Message.id).where(Message.recipient_id.in_(recipient_ids))
    tables: tuple[tuple[type[Any], Any], ...] = (
        (Attempt, Attempt.message_id.in_(of_recipients)),
        (Message, Message.recipient_id.in_(recipient_ids)),
        (Reply, Reply.recipient_id.in_(recipient_ids)),
        (Answer, Answer.recipient_id.in_(recipient_ids)),
        (InstallReport, InstallReport.recipient_id.in_(recipient_ids)),
        (Case, Case.recipient_id.in_(recipient_ids)),
        (Recipient, Recipient.id.in_(recipient_ids)),
    )
    for table, condition in tables:
        pair = rows_table(session, columns, pairs)
        set_columns(session, table, condition, table.phone_id == pair.c.old, phone_id=pair.c.new)
    _forget_merges(session, recipients)
    for table, key in ((Recipient, Recipient.id), (VisitLine, VisitLine.recipient_id)):
        set_columns(session, table, key.in_(recipient_ids), contact_id=None)


def _forget_merges(session: Session, recipients: Sequence[int]) -> None:
    """Let no merge of people name these recipients or their visits; a merge can still be taken apart."""
    recipient_ids = values_subquery(session, recipients)
    left_out = (Recipient.id.in_(recipient_ids), Recipient.merge_id != 0)
    set_columns(session, Recipient, *left_out, merge_id=-Recipient.id)
    people = select(Recipient.contact_id).where(Recipient.id.in_(recipient_ids))
    lines = select(VisitLine.id).where(VisitLine.recipient_id.in_(recipient_ids))
    gone = {Recipient.__tablename__: set(recipients), VisitLine.__tablename__: set(session.scalars(lines))}
    for merge in session.scalars(select(PersonMerge).where(PersonMerge.kept_id.in_(people))):
        moved = {
            table: [key for key in keys if key[0] not in gone.get(table, ())]
            for table, keys in merge.data["moved"].items()
        }
        left = [row for row in merge.data["recipients"] if row["row"] not in gone[Recipient.__tablename__]]
        merge.data = {**merge.data, "moved": moved, "recipients": left}
    session.flush()


def _add_substitutes(session: Session, phones: Sequence[int], *, now: datetime) -> dict[int, int]:
    """Return a new row for each of these phones, in an order that tells nothing; of the operator that the number was of."""
    rows = session.execute(
        select(Phone.id, Phone.e164, Phone.operator).where(Phone.id.in_(values_subquery(session, phones)))
    ).all()
    added = {}
    for phone_id, e164, operator in sorted(rows, key=lambda _row: secrets.token_bytes(8)):
        if e164.startswith(ERASED):
            continue  # it stands for no number already
        mark = ERASED + secrets.token_hex(7)
        known = operator or operator_of(e164).value
        added[phone_id] = Phone(e164=mark, reversed=mark, operator=known, created_at=now)
    session.add_all(added.values())
    session.flush()
    return {phone_id: phone.id for phone_id, phone in added.items()}
