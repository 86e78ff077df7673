"""Answers by SMS, answer page or officer: recording and undoing, and where a recipient stands by them.

Everything runs in the caller's transaction and may be repeated. An acknowledgement that has not left is cancelled with
its answer. An officer's entry (heard at the door, by phone, at a meeting) also changes whether the contact has a
smartphone; undoing the entry restores the earlier value.

A held opt-out is a likely wish to be left alone: an opt-out that is not sure. It closes the number at once and is confirmed once an officer
has looked, or nobody has in time.

Of recipients who are one person, since they were merged, all answers belong to the one that counts. The others are left out
(`Exclusion.SAME_PERSON`): no text goes to them, and no answer, report or open case is theirs, whichever number it came from. But that
a number is wrong is said of the number alone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session, aliased

from campaigns.answer_totals import RecipientState, add_change, add_recipient
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Message
from campaigns.models.replies import (
    Answer,
    AnswerPlace,
    AnswerSource,
    Case,
    InstallReport,
    OfficerEntry,
    Reply,
    SmartphoneChange,
)
from campaigns.privacy.clocks import load_calendar
from campaigns.replies.acknowledgements import (
    cancel_messages,
    has_held_opt_out,
    is_confirmed,
    queue_acknowledgement,
)
from campaigns.replies.open_case import open_help_again, open_help_case, withdraw_help_case
from campaigns.rules.answers import CLOSING, LastAnswer, is_repeated
from campaigns.rules.cases import CaseKind
from campaigns.rules.own_answers import (
    OPT_OUT_OF_DRIVE,
    GivenAnswer,
    counted_own,
    own_word,
    read_own_answers,
    read_word,
)
from campaigns.rules.privacy import due_at
from campaigns.rules.replies.labels import PAGE_LABELS, Label, fold_answers
from campaigns.rules.states import Exclusion, MessageKind
from outreach.contacts.suppressions import has_suppression, lift_suppressions, lock_phone, suppress
from outreach.contacts.wishes import (
    has_asked_since,
    of_number,
    read_left_alone,
    record_wish,
    standing,
    take_back,
)
from outreach.core.db import count_rows, find_row, id_of, is_set
from outreach.models.accounts import User
from outreach.models.contacts import Contact, ContactPhone, Phone, SuppressionReason, Wish
from outreach.rules.errors import BadInput
from outreach.rules.wishes import EVERYTHING, WishSource, drive_scope


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


# Answers by the residents themselves; those of other sources are recorded by others.
OWN_SOURCES = frozenset({AnswerSource.SMS, AnswerSource.PAGE})
# By these a number's owner has said it, to another office too: an operator that still refuses the number says so again.
_OWN_WISHES = (
    WishSource.GATEWAY,
    WishSource.EXCHANGE,
    *(WishSource(source) for source in sorted(OWN_SOURCES)),
)


def record_answer(
    session: Session,
    said: GivenAnswer,
    *,
    phone_id: int,
    recipient: Recipient | None,
    source: AnswerSource,
    now: datetime,
    reply_id: int | None = None,
    acknowledge: bool = True,
    heard: tuple[WishSource, int] | None = None,
    written_at: datetime | None = None,
) -> Answer | None:
    """Record an answer and its effects. Returns None if it repeats the current one; help asked for again opens a case again.

    Locks the phone. `recipient` is None for a phone in no campaign: then only labels of CLOSING count.
    `acknowledge` is False if no message is to follow: the gateway has sent one, or the reply is old. `heard`: how an officer
    heard it, and their id. `written_at`: when the words were, that an officer has read only now: what was said since stays.
    """
    phone = lock_phone(session, phone_id)
    if said.label is Label.OPT_OUT and written_at and has_asked_since(session, phone_id, written_at):
        return None
    if recipient:
        recipient = answered_by(session, recipient, said.label, phone_id=phone_id, now=now)
    else:
        said = said._replace(drive_only=False)
    answers = answers_of(session, recipient)
    if written_at and said.label not in CLOSING and _is_said_since(session, answers, written_at):
        return None
    scope = _scope_of(session, recipient, drive_only=said.drive_only)
    is_closed, is_number_closed = _read_closed(session, phone_id, recipient, said.label, scope)
    answer = Answer(
        recipient_id=id_of(recipient),
        campaign_id=recipient.campaign_id if recipient else None,
        phone_id=phone_id,
        label=said.label,
        own_answer=said.own,
        drive_only=said.drive_only,
        source=source,
        reply_id=reply_id,
        at=now,
    )
    if is_repeated(
        _as_last(answer),
        next(map(_as_last, reversed(answers)), None),
        has_recipient=recipient is not None,
        is_closed=is_closed,
        is_separate=is_closed and _is_separate_opt_out(session, phone_id, reply_id, source),
    ):
        if said.label is Label.NEED_HELP and reply_id is None:  # a reply opens its own
            open_help_again(session, recipient, answers, now=now)
        return None
    session.add(answer)
    session.flush()
    _close(session, answer, phone, recipient, scope=scope, heard=heard)
    if recipient:
        _add_to(session, recipient, answers, answer, now=now)
    if acknowledge and _is_acknowledged(session, answer, is_number_closed=is_number_closed):
        queue_acknowledgement(session, answer, phone, recipient, now=now)
    return answer


def _add_to(
    session: Session, recipient: Recipient, former: list[Answer], answer: Answer, *, now: datetime
) -> None:
    """Let an answer follow a recipient's former ones: acknowledgements of those do not leave, help that is asked for is a case."""
    if former:
        # Confirmations of opt-outs and messages written by officers still leave.
        cancel_messages(
            session,
            Message.recipient_id == recipient.id,
            Message.answer_id.is_not(None),
            Message.kind == MessageKind.ACKNOWLEDGEMENT,
        )
    _update_recipient(session, recipient, [*former, answer], now=now)
    if answer.label is Label.NEED_HELP:
        open_help_case(session, recipient, answer=answer, now=now)


def _is_said_since(session: Session, answers: Sequence[Answer], at: datetime) -> bool:
    """Return whether one of these was said after a moment; what officers have read from replies was not."""
    since = (answer for answer in answers if answer.at > at)
    return any(each.source in OWN_SOURCES or session.get(OfficerEntry, each.id) for each in since)


def _is_acknowledged(session: Session, answer: Answer, *, is_number_closed: bool) -> bool:
    """Return whether an SMS follows: an opt-out is confirmed once on each number that it comes from, and answers on the page
    are acknowledged by the page.
    """
    if answer.label is not Label.OPT_OUT:
        return answer.source is AnswerSource.SMS
    is_due = not is_number_closed or answer.drive_only
    is_due = is_due or has_held_opt_out(session, answer.phone_id, answer.reply_id)
    return is_due and not is_confirmed(session, answer)


def _as_last(answer: Answer) -> LastAnswer:
    return LastAnswer(
        answer.said,
        answer.source in OWN_SOURCES,
        answer.phone_id,
        wants_reminder(answer.label, answer.source),
    )


def _close(
    session: Session,
    answer: Answer,
    phone: Phone,
    recipient: Recipient | None,
    *,
    scope: str,
    heard: tuple[WishSource, int] | None,
) -> None:
    """Let a number get no more messages where an answer says so."""
    if answer.label is Label.OPT_OUT:
        record_wish(
            session,
            heard[0] if heard else WishSource(answer.source),
            scope=scope,
            phones=[phone],
            people=[recipient.contact_id] if recipient else (),
            said_at=answer.at,
            now=answer.at,
            evidence=evidence_of(answer),
            recorded_by=heard[1] if heard else None,
        )
    elif answer.label is Label.WRONG_NUMBER:
        wrong, source = SuppressionReason.WRONG_NUMBER, answer.source.value
        suppress(session, phone, reason=wrong, source=source, now=answer.at)


def _scope_of(session: Session, recipient: Recipient | None, *, drive_only: bool) -> str:
    """Return what an opt-out is about: everything, or the recipient's drive."""
    if not drive_only or recipient is None:
        return EVERYTHING
    return drive_scope(session.get_one(Campaign, recipient.campaign_id).drive_id)


def _read_closed(
    session: Session, phone_id: int, recipient: Recipient | None, label: Label, scope: str
) -> tuple[bool, bool]:
    """Return whether a number, and the person it is written for, gets no messages already, for the same reason as after an
    answer; and whether the number by itself asked for none at all.
    """
    if label is Label.OPT_OUT:
        person = recipient.contact_id if recipient else None
        link = session.get(ContactPhone, (person, phone_id)) if person else None
        if link and link.is_named:
            person = None  # the number does not speak for them
        found = read_left_alone(session, numbers=[phone_id], people=[person] if person else [])
        scopes = (EVERYTHING, scope)
        # Both must be: others have the number, and the person has other numbers.
        is_closed = found.stops(None, phone_id, scopes=scopes)
        is_closed = is_closed and (person is None or found.stops(person, None, scopes=scopes))
        return is_closed, found.stops(None, phone_id)
    wrong = SuppressionReason.WRONG_NUMBER
    return label is Label.WRONG_NUMBER and has_suppression(session, phone_id, wrong), False


def evidence_of(answer: Answer) -> str:
    """Return the name under which the ledger of wishes knows an answer."""
    return f"answers:{answer.id}"


def _is_separate_opt_out(session: Session, phone_id: int, reply_id: int | None, source: AnswerSource) -> bool:
    """Return whether an opt-out comes from another source than those in force.

    Each reply counts as another source, as each may be misread.
    """
    if reply_id is not None:
        return True
    earlier = select(Answer.id).where(
        Answer.phone_id == phone_id,
        Answer.label.in_(CLOSING),
        Answer.drive_only.is_(False),
        Answer.source == source,
        Answer.undone_at.is_(None),
    )
    return session.execute(earlier.limit(1)).first() is None


def record_page_answer(
    session: Session, recipient_id: int, word: str, *, now: datetime, given: str | None = None
) -> Recipient:
    """Record a button press on the answer page: an answer, `install` (the click) or `undo`. After "not yet" reminders go on.

    `given` is the answer shown by the page that offered the undo: a repeated press then undoes only once. Raises
    BadInput for any other `word` or if the link is no longer valid.
    """
    recipient, phone = lock_link(session, recipient_id)
    if word == "install":
        recipient.clicked_at = recipient.clicked_at or now
    elif word == "undo":
        _require_few_presses(session, recipient, None, now=now)
        undo_answer(session, recipient, given=given, now=now)
    else:
        said = read_said(session, recipient, word)
        if said.label not in PAGE_LABELS:
            raise BadInput("choice_not_understood")
        _require_few_presses(session, recipient, said.label, now=now)
        record_answer(
            session, said, phone_id=phone.id, recipient=recipient, source=AnswerSource.PAGE, now=now
        )
    return recipient


def lock_link(session: Session, recipient_id: int) -> tuple[Recipient, Phone]:
    """Return whose link it is, and their phone, locked. Raises BadInput if they were erased, maybe a moment ago."""
    recipient = session.get_one(Recipient, recipient_id)
    phone = lock_phone(session, recipient.phone_id) if recipient.phone_id else None
    session.refresh(recipient)
    if phone is None or recipient.contact_id is None:
        raise BadInput("personal_link_ended")
    return recipient, phone


# Whoever presses on and on would make a case and a wish of each press. An opt-out is taken at any time: it ends them.
_PRESSES, _PRESSES_WITHIN = 8, timedelta(minutes=10)


def _require_few_presses(
    session: Session, recipient: Recipient, label: Label | None, *, now: datetime
) -> None:
    """Raise BadInput for an answer or an undo on the page after many, but for an opt-out."""
    of_page = (Answer.phone_id == recipient.phone_id, Answer.source == AnswerSource.PAGE)
    if (
        label is not Label.OPT_OUT
        and count_rows(session, Answer, *of_page, Answer.at > now - _PRESSES_WITHIN) >= _PRESSES
    ):
        raise BadInput("page_pressed_often")


def read_said(session: Session, recipient: Recipient | None, word: str) -> GivenAnswer:
    """Return what a button's or a form's word says in a recipient's campaign. Raises BadInput."""
    campaign = session.get(Campaign, recipient.campaign_id) if recipient else None
    return read_word(word, read_own_answers(campaign.content) if campaign else ())


def undo_answer(session: Session, recipient: Recipient, *, now: datetime, given: str | None = None) -> None:
    """Undo the latest answer and its direct repetitions, opt-outs included.

    Does nothing without an answer. With `given` only if the page shows that word as the current answer.
    """
    if recipient.phone_id is None:
        return  # erased since
    lock_phone(session, recipient.phone_id)
    recipient = find_counted(session, recipient)
    answers = answers_of(session, recipient)
    if answers and given in (None, _word_shown(session, answers[-1], recipient)):
        said = answers[-1].said
        while answers and answers[-1].said == said:
            last = answers.pop()
            _undo(session, last, list(answers), recipient, now=now)


def _word_shown(session: Session, answer: Answer, recipient: Recipient) -> str:
    """Return the word of an answer as the page has it: who gets no message at all sees no opt-out from the drive alone."""
    if answer.own_answer is not None:
        return own_word(answer.own_answer)
    person, phone = [recipient.contact_id or 0], [recipient.phone_id or 0]
    found = read_left_alone(session, people=person, numbers=phone)
    is_whole = found.stops(None, phone[0]) or found.stops(person[0], None)
    return OPT_OUT_OF_DRIVE if answer.drive_only and not is_whole else answer.label


def give_back(session: Session, phone_id: int, *, now: datetime) -> bool:
    """Take back the wishes by which a resident's own replies and page, or their operator, stopped the messages to a number.

    Returns whether there was one. Those of before `now` that come in later do not count either. What was said from another number
    stays, for an officer to lift: that it is the same person's is said by a list alone.

    What an officer entered or a register holds stays. The phone must be locked.
    """
    phone = session.get_one(Phone, phone_id)
    phone.asked_at = max(phone.asked_at or now, now)
    # A reply that comes in late does not override a newer one.
    own = (of_number(phone_id), Wish.source.in_(_OWN_WISHES), Wish.said_at <= now)
    said = session.scalars(select(Wish.evidence).where(standing(), *own).order_by(Wish.id.desc())).all()
    for evidence in said:
        if evidence.startswith("answers:"):
            undo_answer_by_id(session, int(evidence.removeprefix("answers:")), now=now, is_mistaken=True)
    # Those of an answer that was erased since.
    take_back(session, *own, source=WishSource.SMS, said_at=now, now=now)
    return bool(said)


def undo_answer_by_id(session: Session, answer_id: int, *, now: datetime, is_mistaken: bool = False) -> bool:
    """Undo one answer, also of a phone in no campaign.

    Returns False if a newer answer exists, which stays. An answer that `is_mistaken` (misread) is removed
    even below newer answers.
    """
    answer = session.get_one(Answer, answer_id)
    lock_phone(session, answer.phone_id)
    session.refresh(answer)  # a merge may have moved it
    recipient = session.get_one(Recipient, answer.recipient_id) if answer.recipient_id else None
    if recipient is None:
        if answer.undone_at is None:
            _undo(session, answer, [], None, now=now)
        return True
    if recipient.phone_id is None:
        return True  # erased since: the answer belongs to nobody any more
    lock_person(session, recipient)
    answers = answers_of(session, recipient)
    others = [other for other in answers if other.id != answer_id]
    if len(others) == len(answers) or not (is_mistaken or answers[-1].id == answer_id):
        return False
    _undo(session, answer, others, recipient, now=now)
    return True


def _undo(
    session: Session, answer: Answer, others: list[Answer], recipient: Recipient | None, *, now: datetime
) -> None:
    """Undo an answer; `others` are the remaining ones."""
    answer.undone_at = now
    if _reopen(session, answer, recipient, now=now):
        cancel_messages(session, Message.answer_id == answer.id)
    entry = session.get(OfficerEntry, answer.id) if answer.source not in OWN_SOURCES else None
    if entry and recipient:
        restore_smartphone(session, recipient.contact_id, answer.label, entry, now=now)
    if answer.label is Label.NEED_HELP:
        withdraw_help_case(session, Case.answer_id == answer.id, now=now)
    session.flush()
    if recipient:
        _update_recipient(session, recipient, others, now=now)


def _reopen(session: Session, answer: Answer, recipient: Recipient | None, *, now: datetime) -> bool:
    """Take back what an undone answer closed. Returns False if the number stays closed for the same, and its confirmation with it."""
    session.flush()
    if answer.label is Label.OPT_OUT:
        said = Wish.evidence == evidence_of(answer)
        take_back(session, said, source=WishSource(answer.source), said_at=now, now=now)
        scope = _scope_of(session, recipient, drive_only=answer.drive_only)
        return not _read_closed(session, answer.phone_id, recipient, answer.label, scope)[0]
    if answer.label is not Label.WRONG_NUMBER:
        return True
    reason = SuppressionReason.WRONG_NUMBER
    answers = select(Answer.at, Answer.undone_at).where(
        Answer.phone_id == answer.phone_id, Answer.label == answer.label, Answer.drive_only.is_(False)
    )
    rows = session.execute(answers).all()
    if not all(undone_at for _, undone_at in rows):
        return False
    # Only suppressions made by answers: others may come from an officer or the do-not-call list.
    lift_suppressions(session, answer.phone_id, reason=reason, made_at={at for at, _ in rows}, now=now)
    return True


def _update_recipient(
    session: Session, recipient: Recipient, answers: list[Answer], *, now: datetime
) -> None:
    """Update the recipient's row, the install report and the totals from the current answers."""
    before, after, at = refold(session, recipient, answers, now=now)
    add_change(session, recipient, before, after, at=at)


LONGEST_NOTE = 300
_HEARD = {AnswerPlace.HOME: WishSource.DOOR, AnswerPlace.ROSTER: WishSource.ROSTER}


def record_officer_answer(
    session: Session,
    recipient: Recipient,
    word: str,
    *,
    place: AnswerPlace,
    note: str,
    user: User,
    now: datetime,
    at: datetime | None = None,
    source: AnswerSource = AnswerSource.OFFICER,
) -> Answer | None:
    """Record an answer heard by an officer at `at` (default: now), with the officer, place and note.

    `word` is a label or one of the others that `read_said` knows. Returns None if it repeats the current answer, and for
    whom the campaign does not write to: without a phone, or on one where somebody else's answers count.
    """
    if recipient.phone_id is None or recipient.exclusion not in (None, Exclusion.SAME_PERSON):
        return None
    said = read_said(session, recipient, word)
    answer = record_answer(
        session,
        said,
        phone_id=recipient.phone_id,
        recipient=recipient,
        source=source,
        now=at or now,
        heard=(_HEARD.get(place, WishSource.OFFICER), user.id),
    )
    entry: OfficerEntry | None = None
    if answer:
        note = " ".join(note.split())[:LONGEST_NOTE]
        entry = OfficerEntry(answer_id=answer.id, recorded_by=user.id, place=place, note=note)
        session.add(entry)
    note_smartphone(session, recipient.campaign_id, recipient.contact_id, said.label, entry, now=now)
    return answer


_HAS_SMARTPHONE = {Label.INSTALLED: True, Label.NO_SMARTPHONE: False}


def note_smartphone(
    session: Session,
    campaign_id: int,
    contact_id: int | None,
    label: Label,
    entry: SmartphoneChange | None,
    *,
    now: datetime,
) -> None:
    """Store what an answer says about the contact's smartphone, and the former value in `entry`; nothing where no app is asked for."""
    is_about_app = session.get_one(Campaign, campaign_id).content.get("app")
    contact = session.get(Contact, contact_id) if contact_id and is_about_app else None
    if contact is None or label not in _HAS_SMARTPHONE or contact.has_smartphone is _HAS_SMARTPHONE[label]:
        return
    if entry is not None:
        entry.changed_smartphone, entry.had_smartphone = True, contact.has_smartphone
    contact.has_smartphone, contact.updated_at = _HAS_SMARTPHONE[label], now


def restore_smartphone(
    session: Session, contact_id: int | None, label: Label, entry: SmartphoneChange, *, now: datetime
) -> None:
    """Restore the value before an entry, unless it was changed since."""
    contact = session.get(Contact, contact_id) if contact_id else None
    if contact and entry.changed_smartphone and contact.has_smartphone is _HAS_SMARTPHONE.get(label):
        contact.has_smartphone, contact.updated_at = entry.had_smartphone, now


HELD_WORKING_DAYS = 1
MOST_AT_ONCE = 500


def confirm_held(session: Session, reply: Reply, *, now: datetime) -> bool:
    """Let a held opt-out count, and confirm it to its number as any other. Returns False where the reply is none or counts already."""
    if reply.label is not Label.OPT_OUT or reply.is_sure or reply.phone_id is None:
        return False
    phone = lock_phone(session, reply.phone_id)
    reply.is_sure = True
    answer = session.scalar(
        select(Answer).where(
            Answer.reply_id == reply.id, Answer.label == Label.OPT_OUT, Answer.undone_at.is_(None)
        )
    )
    if answer is None or is_confirmed(session, answer):
        return answer is not None
    recipient = find_row(session, Recipient, answer.recipient_id)
    queue_acknowledgement(session, answer, phone, recipient, now=now)
    return True


def confirm_overdue(session: Session, *, now: datetime) -> int:
    """Let held opt-outs count that nobody has looked at for a working day. Returns how many; their cases stay open."""
    held = (
        Case.kind == CaseKind.OPT_OUT,
        Case.done_at.is_(None),
        Reply.label == Label.OPT_OUT,
        Reply.phone_id.is_not(None),
        ~is_set(Reply.is_sure),
    )
    query = (
        select(Reply)
        .join(Case, Case.reply_id == Reply.id)
        .where(*held, Case.opened_at < now - timedelta(days=HELD_WORKING_DAYS))
        .order_by(Case.id)
        .limit(MOST_AT_ONCE)
    )
    calendar = load_calendar()
    due = [
        reply
        for reply in session.scalars(query)
        if due_at(reply.received_at, calendar, working_days=HELD_WORKING_DAYS) <= now
    ]
    return sum(confirm_held(session, reply, now=now) for reply in due)
