"""Recipients of one campaign whose people are merged, and taken apart again; campaigns/replies/one_person.py says who counts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.answer_totals import add_recipient
from campaigns.models.campaigns import Recipient
from campaigns.models.messages import Message
from campaigns.models.replies import Answer, Case
from campaigns.replies.one_person import is_written_to, move_answers, move_cases
from campaigns.rules.merged_people import MergedRow, find_restored
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState
from outreach.models.contacts import PersonMerge

# How likely a number is reached, by what became of a message to it: 0 hardly, 1 nothing is known, 2 otherwise.
_REACH = {
    **dict.fromkeys((MessageState.QUEUED, MessageState.CANCELLED), 1),
    **dict.fromkeys((MessageState.SKIPPED, MessageState.FAILED, MessageState.UNDELIVERED), 0),
}


def merge_recipients(session: Session, merge: PersonMerge, *, now: datetime) -> list[dict[str, Any]]:
    """Leave out one of both in each campaign that has both as recipients. The rows of the merged one are moved later."""
    rows: dict[int, dict[int, Recipient]] = {}
    people = (merge.kept_id, merge.merged_id)
    for row in session.scalars(
        select(Recipient)
        .where(Recipient.contact_id.in_(people), Recipient.merge_id == 0)
        .order_by(Recipient.id)
        .with_for_update()
    ):
        rows.setdefault(row.campaign_id, {})[row.contact_id or 0] = row
    merged = []
    for both in rows.values():
        if len(both) < 2:
            continue
        left_out, counted = sorted(both.values(), key=lambda row: _claim_to_stay(session, row, merge.kept_id))
        before = left_out.exclusion
        for row in both.values():
            if row.exclusion is None:
                add_recipient(session, row.id, sign=-1)
        left_out.exclusion, left_out.merge_id = Exclusion.SAME_PERSON, merge.id
        move_answers(session, left_out, counted, Answer.label != Label.WRONG_NUMBER, now=now)
        move_cases(session, left_out, counted)
        if counted.exclusion is None:
            add_recipient(session, counted.id, sign=1)
        merged.append({"row": both[merge.merged_id].id, "before": before and before.value})
    session.flush()
    return merged


def _claim_to_stay(session: Session, row: Recipient, kept_id: int) -> tuple[bool, int, str, bool]:
    """Return what decides, in its order, which of two recipients goes on: whose number works, who answered, who is kept."""
    states = session.scalars(
        select(Message.state).where(Message.recipient_id == row.id, Message.step_id.is_not(None))
    ).all()
    may_reach = max((_REACH.get(state, 2) for state in states), default=1)
    if row.answer is not None:
        may_reach = 0 if row.answer is Label.WRONG_NUMBER else 2
    return (
        row.exclusion is None,
        may_reach,
        row.answered_at.isoformat() if row.answered_at else "",
        row.contact_id == kept_id,
    )


def restore_recipients(session: Session, merge: PersonMerge, other_id: int, *, now: datetime) -> None:
    """Let each of both be counted again in each campaign, and have what came from their numbers."""
    by_campaign: dict[int, list[Recipient]] = {}
    of_both = select(Recipient).where(Recipient.contact_id.in_((merge.kept_id, other_id)))
    for row in session.scalars(of_both.order_by(Recipient.id).with_for_update()):
        by_campaign.setdefault(row.campaign_id, []).append(row)
    for rows in by_campaign.values():
        found = find_restored(
            [MergedRow(row.id, row.contact_id or 0, row.merge_id) for row in rows], merge.id
        )
        if found:
            _count(session, rows, sign=-1)
            _restore(session, merge, rows, session.get_one(Recipient, found.id))
            _give_answers_back(session, rows, now=now)
            _count(session, rows, sign=1)


def _count(session: Session, rows: Sequence[Recipient], *, sign: int) -> None:
    for row in rows:
        if row.exclusion is None:
            add_recipient(session, row.id, sign=sign)


def _restore(session: Session, merge: PersonMerge, rows: Sequence[Recipient], restored: Recipient) -> None:
    """Let a recipient count again, or be excluded for what excluded it before; its merge goes to the one that this merge left out."""
    left_out = next((row for row in rows if row.merge_id == merge.id), None)
    excluded = (
        {each["row"]: each["before"] for each in merge.data["recipients"]} if restored is left_out else {}
    )
    before = next((excluded[row.id] for row in rows if row.id in excluded), None)
    if before is None and is_written_to(session, restored):
        before = Exclusion.SHARED_PHONE
    other_merge, restored.merge_id = restored.merge_id, 0
    restored.exclusion = Exclusion(before) if before else None
    session.flush()
    if left_out and left_out is not restored:
        left_out.merge_id = other_merge


def _give_answers_back(session: Session, rows: Sequence[Recipient], *, now: datetime) -> None:
    """Let what came from each number be the answers and cases of the one who counts for the person who has it."""
    counts = {row.contact_id: row for row in rows if not row.merge_id}
    for row in rows:
        to = counts[row.contact_id]
        for former in rows:
            if former is not to and former.phone_id != row.phone_id:
                move_answers(session, former, to, Answer.phone_id == row.phone_id, now=now)
                move_cases(session, former, to, Case.phone_id == row.phone_id)
