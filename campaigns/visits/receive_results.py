"""Results that village officers' phones send, hours or days after the visits, each perhaps several times."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, select
from sqlalchemy.orm import Session

from campaigns.models.activities import SheetOfficer, VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Recipient
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.visits import VisitFate, VisitOutcome, moment_of_note, settle, visit_moment
from campaigns.visits.results import counted_result, last_result, replace_result
from campaigns.visits.sheets import counted_lines
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.wishes import read_left_alone
from outreach.core.bulk import values_subquery
from outreach.models.accounts import Role, User
from outreach.use_cases import use_case

LONGEST_NOTE = 300
MOST_RESULTS = 50  # of one request


@dataclass(frozen=True, slots=True)
class SentResult:
    """A result as the phone has it. `key` is the phone's own name for it; `at` is by the phone's clock.

    `known_since` is the server's time of the list that the phone had then.
    """

    key: str
    line_id: int
    outcome: VisitOutcome
    note: str | None  # None: the officer's earlier one stays
    at: datetime
    known_since: datetime


@use_case
def receive_results(
    session: Session,
    results: Sequence[SentResult],
    *,
    sent_at: datetime,
    user: User,
    keys: AnswerContext,
    now: datetime,
) -> dict[str, VisitFate]:
    """Record results of the officer's sheets, in their order. Returns by key what became of each.

    A key that came before changes nothing and gets the same word. `sent_at` is by the phone's clock. Sheets and then phones
    are locked. Raises NotAllowed.
    """
    require_role(user, Role.VILLAGE)
    lines, given = _lock_lines(session, [result.line_id for result in results], user=user, now=now)
    known = _known_fates(session, [result.key for result in results], user=user)
    new = {result.key: result for result in results if result.key not in known and result.line_id in lines}
    fates = {result.key: VisitFate.UNKNOWN for result in results} | known
    contacts = [line.contact_id for line, _recipient in lines.values() if line.contact_id]
    left_alone = read_left_alone(session, people=contacts)
    opted_out: set[int | None] = set()  # by these results
    order = {line_id: n for n, line_id in enumerate(lines)}
    counts = Counter[int]()
    for result in sorted(new.values(), key=lambda result: order[result.line_id]):
        line, recipient = lines[result.line_id]
        at = visit_moment(result.at, sent_at=sent_at, known_since=result.known_since, now=now)
        made_at, until = given[line.round_id]
        at = max(at, made_at)  # a phone may say that it has known the sheet since 1970
        if at > until and result.outcome is not VisitOutcome.OPT_OUT:
            continue  # by then the sheet was no longer theirs; who wishes to be left alone is whenever they said so
        before = last_result(session, line.id)
        counted = counted_result(before, user.id)
        at = moment_of_note(result.outcome, at, counted)
        fate = settle(
            result.outcome,
            at,
            counted=counted,
            is_gone=line.contact_id is None or left_alone.stops(line.contact_id, None, passes=True),
            is_opted_out=left_alone.stops(line.contact_id, None) or line.contact_id in opted_out,
        )
        if fate is not VisitFate.GONE:
            row = VisitResult(
                line_id=line.id,
                outcome=result.outcome,
                entry=0,
                entered_by=user.id,
                entered_at=now,
                visited_at=at,
                key=result.key,
                note=_note_of(result, before, user),
                undone_at=at if fate is VisitFate.VISITED else None,  # it counts at no moment
            )
            session.add(row)
            if fate is not VisitFate.VISITED:
                if before and before.outcome is VisitOutcome.OPT_OUT and fate is VisitFate.OPTED_OUT:
                    before = None  # put right, it closes the number all the same, until staff open it
                stands = replace_result(session, before, row, line, recipient, user=user, keys=keys, now=now)
                if result.outcome.label is not None and not stands:
                    fate = VisitFate.ANSWERED
                if result.outcome is VisitOutcome.OPT_OUT:
                    opted_out.add(line.contact_id)
            row.fate = fate
            session.flush()
            counts[line.round_id] += 1
        fates[result.key] = fate
    for round_id, rows in counts.items():
        audit.record(session, "round.receive", f"rounds:{round_id}", user, now, rows=rows)
    return fates


def _note_of(result: SentResult, before: VisitResult | None, user: User) -> str:
    """Return the note to store: the one that was sent, else the officer's own of before."""
    own = before.note if before and before.entered_by == user.id else ""
    return " ".join((own if result.note is None else result.note).split())[:LONGEST_NOTE]


def _lock_lines(
    session: Session, line_ids: Sequence[int], *, user: User, now: datetime
) -> tuple[dict[int, tuple[VisitLine, Recipient]], dict[int, tuple[datetime, datetime]]]:
    """Lock the sheets of the lines that were ever given to the officer; return these lines with who counts, in the order of their phones.

    And when each of the sheets was made, and when it was taken back; now where it was not. The phones are locked one by one
    later; every transaction that locks several uses this order.
    """
    among = values_subquery(session, sorted(set(line_ids)), BigInteger)
    sheets = (
        select(VisitSheet.id, VisitSheet.made_at, SheetOfficer.ended_at)
        .join(SheetOfficer, SheetOfficer.round_id == VisitSheet.id)
        .where(SheetOfficer.user_id == user.id)
        .where(VisitSheet.id.in_(select(VisitLine.round_id).where(VisitLine.id.in_(among))))
        .order_by(VisitSheet.id)
    )
    session.execute(sheets.with_for_update(of=VisitSheet)).all()
    # Read again: what the lock waited for may have taken a sheet back.
    given = {sheet: (made_at, ended_at or now) for sheet, made_at, ended_at in session.execute(sheets)}
    rows = session.execute(
        counted_lines().where(VisitLine.id.in_(among), VisitLine.round_id.in_(given))
    ).all()
    rows = sorted(rows, key=lambda row: (row[1].phone_id or 0, row[0].round_id, row[0].n))
    return {line.id: (line, recipient) for line, recipient in rows}, given


def _known_fates(session: Session, keys: Sequence[str], *, user: User) -> dict[str, VisitFate]:
    rows = session.execute(
        select(VisitResult.key, VisitResult.fate, VisitResult.entered_by).where(VisitResult.key.in_(keys))
    )
    # A key that another officer's phone used is nobody's but theirs.
    return {
        str(key): fate if entered_by == user.id and fate else VisitFate.UNKNOWN
        for key, fate, entered_by in rows
    }
