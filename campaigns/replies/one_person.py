"""Where a recipient stands by the answers; of those who are one person, since they were merged, all belong to the one that counts.

The others are left out (`Exclusion.SAME_PERSON`): no text goes to them, and no answer, report or open case is theirs,
whichever number it came from. But that a number is wrong is said of the number alone.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session, aliased

from campaigns.answer_totals import RecipientState, add_recipient
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Message
from campaigns.models.replies import Answer, AnswerSource, Case, InstallReport
from campaigns.rules.cases import CaseKind
from campaigns.rules.own_answers import counted_own
from campaigns.rules.replies.labels import Label, fold_answers
from campaigns.rules.states import Exclusion
from outreach.models.contacts import Contact


def counted_id(recipient: Any) -> ColumnElement[int]:
    """Return the SQL expression for the id of the one that counts for a row of recipients, or its alias."""
    other = aliased(Recipient)
    same = (other.campaign_id == recipient.campaign_id, other.contact_id == recipient.contact_id)
    counted = select(other.id).where(*same, other.merge_id == 0).scalar_subquery()
    return func.coalesce(counted, recipient.id)


def find_counted(session: Session, recipient: Recipient) -> Recipient:
    """Return the recipient that counts for the person. Locks the person as `lock_person`."""
    return counted_of(lock_person(session, recipient), recipient)


def lock_person(session: Session, recipient: Recipient) -> Sequence[Recipient]:
    """Return a person's recipients in a campaign as they are now.

    If they are several, the person is locked, so that two numbers may speak at once. The caller has locked the phones that
    it needs, and locks no further one.
    """
    session.refresh(recipient)  # values read before a lock may be outdated
    if recipient.contact_id is None:
        return [recipient]
    same = (Recipient.campaign_id == recipient.campaign_id, Recipient.contact_id == recipient.contact_id)
    rows = select(Recipient).where(*same).order_by(Recipient.id)
    if len(session.scalars(select(Recipient.id).where(*same)).all()) < 2:
        return [recipient]
    person = select(Contact.id).where(Contact.id == recipient.contact_id)
    session.execute(person.with_for_update(key_share=True))
    return session.scalars(rows.execution_options(populate_existing=True)).all()


def counted_of(rows: Sequence[Recipient], recipient: Recipient) -> Recipient:
    """Return the one that counts of a person's recipients, which include this one."""
    return next((row for row in rows if not row.merge_id), recipient)


def move_cases(session: Session, former: Recipient, to: Recipient, *which: ColumnElement[bool]) -> None:
    """Let cases of one recipient be another's; of two open requests for help each keeps its own."""
    asks = (Case.kind == CaseKind.HELP, Case.done_at.is_(None))
    moved = update(Case).where(Case.recipient_id == former.id, *which)
    if session.scalar(select(Case.id).where(Case.recipient_id == to.id, *asks)):
        moved = moved.where((Case.kind != CaseKind.HELP) | Case.done_at.is_not(None))
    session.execute(moved.values(recipient_id=to.id))


def wants_reminder(label: Label | None, source: AnswerSource) -> bool:
    """Return whether an answer asks to be reminded: "not yet" on the page, which says so."""
    return label is Label.NOT_YET and source is AnswerSource.PAGE


def latest_answer(session: Session, recipient: Recipient | None) -> Answer | None:
    """Return the current answer of a recipient's person, if any. The phone's row must be locked."""
    answers = answers_of(session, find_counted(session, recipient) if recipient else None)
    return answers[-1] if answers else None


def answers_of(session: Session, recipient: Recipient | None) -> list[Answer]:
    if recipient is None:
        return []
    return list(
        session.scalars(
            select(Answer)
            .where(Answer.recipient_id == recipient.id, Answer.undone_at.is_(None))
            .order_by(Answer.at, Answer.id)
        )
    )


def answered_by(
    session: Session, recipient: Recipient, label: Label, *, phone_id: int | None, now: datetime
) -> Recipient:
    """Return the recipient to whom what a number said belongs. Locks as `lock_person`.

    While the one that counts has said nothing, the number that speaks takes its place, unless somebody else is written to on
    it. Where a number is wrong, another of the person's takes its place.
    """
    rows = lock_person(session, recipient)
    counted = counted_of(rows, recipient)
    own = next((row for row in rows if row.phone_id == phone_id), recipient)
    goes_on, is_wrong = own, label is Label.WRONG_NUMBER
    if is_wrong:
        others = {row.id: row for row in rows if row is not own and row.answer is not Label.WRONG_NUMBER}
        was_written_to = select(Message.recipient_id).where(
            Message.recipient_id.in_(others), Message.step_id.is_not(None)
        )
        goes_on = others.get(session.scalar(was_written_to.limit(1)) or 0, own)
    is_silent = counted.answer in (None, Label.WRONG_NUMBER) or (is_wrong and counted is own)
    may_change = goes_on is not counted and counted.exclusion is None and is_silent
    if may_change and not is_written_to(session, goes_on):
        add_recipient(session, counted.id, sign=-1)
        merge_id, goes_on.merge_id = goes_on.merge_id, -goes_on.merge_id
        session.flush()
        counted.merge_id, counted.exclusion = merge_id, Exclusion.SAME_PERSON
        session.flush()
        goes_on.merge_id, goes_on.exclusion = 0, None
        move_answers(session, counted, goes_on, Answer.label != Label.WRONG_NUMBER, now=now)
        move_cases(session, counted, goes_on, Case.done_at.is_(None))
        add_recipient(session, goes_on.id, sign=1)
        counted = goes_on
    return own if is_wrong else counted


def is_written_to(session: Session, recipient: Recipient) -> bool:
    """Return whether the campaign writes on a recipient's number to somebody: each number gets one text."""
    return bool(
        session.scalar(
            select(Recipient.id).where(
                Recipient.campaign_id == recipient.campaign_id,
                Recipient.phone_id == recipient.phone_id,
                Recipient.exclusion.is_(None),
            )
        )
    )


def move_answers(
    session: Session, former: Recipient, to: Recipient, *which: ColumnElement[bool], now: datetime
) -> None:
    """Let answers of one recipient, with the install that they report, be another's. The totals are the caller's."""
    session.execute(update(Answer).where(Answer.recipient_id == former.id, *which).values(recipient_id=to.id))
    report, counted = _report_of(session, former), _report_of(session, to)
    if report and session.get_one(Answer, report.answer_id, populate_existing=True).recipient_id == to.id:
        if counted is None:
            report.recipient_id, report.phone_id = to.id, to.phone_id or report.phone_id
        else:
            report.withdrawn_at = now
    session.flush()
    for each in (former, to):
        refold(session, each, answers_of(session, each), now=now)


def refold(
    session: Session, recipient: Recipient, answers: list[Answer], *, now: datetime
) -> tuple[RecipientState, RecipientState, datetime]:
    """Update the recipient's row and the install report. Returns what is counted before and after, and when an install changed."""
    state = fold_answers([answer.label for answer in answers])
    former, former_own = recipient.answer, recipient.own_answer
    recipient.answer, recipient.wants_reminder = state.label, False
    if state.given_by is not None:
        recipient.wants_reminder = wants_reminder(state.label, answers[state.given_by].source)
    given = [(answer.label, answer.own_answer) for answer in answers]
    recipient.own_answer = counted_own(given, session.get_one(Campaign, recipient.campaign_id).content)
    recipient.answered_at = answers[-1].at if state.label else None
    report = _report_of(session, recipient)
    before = RecipientState(former, report is not None, former_own)
    by = None if state.installed_by is None else answers[state.installed_by]
    at = now
    if report and (by is None or report.answer_id not in {answer.id for answer in answers}):
        # Another answer that reports an install counts from now on: until now this one did.
        at = max(now, by.at) if by else now
        report.withdrawn_at = at
        session.flush()
        report = None
    if by and report is None:
        ended = select(func.max(InstallReport.withdrawn_at)).where(
            InstallReport.withdrawn_at > by.at, InstallReport.recipient_id == recipient.id
        )
        at = session.scalar(ended) or by.at  # at no moment is a number counted twice
        session.add(
            InstallReport(
                campaign_id=recipient.campaign_id,
                phone_id=recipient.phone_id or by.phone_id,
                recipient_id=recipient.id,
                answer_id=by.id,
                source=by.source,
                reported_at=at,
            )
        )
    session.flush()
    return before, RecipientState(state.label, by is not None, recipient.own_answer), at


def _report_of(session: Session, recipient: Recipient) -> InstallReport | None:
    """Return the install report of a recipient that is in force, if any; who shares the phone may have one of their own."""
    report = select(InstallReport).where(InstallReport.recipient_id == recipient.id)
    return session.scalar(report.where(InstallReport.withdrawn_at.is_(None)))
