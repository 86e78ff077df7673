"""States of campaigns, attempts and messages, and the allowed transitions.

An attempt only moves forward, by rank: a callback that repeats, comes late or out of order changes
nothing. A message's state is not set by itself: it is derived from its attempts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class CampaignState(StrEnum):
    """States of a campaign."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class CampaignAction(StrEnum):
    """Actions that change the state of a campaign."""

    SUBMIT = "submit"
    RETURN = "return"
    RESUBMIT = "resubmit"
    APPROVE = "approve"
    SCHEDULE = "schedule"
    LAUNCH = "launch"
    PAUSE = "pause"
    RESUME = "resume"
    EXTEND = "extend"
    CANCEL = "cancel"
    UNDO = "undo"
    COMPLETE = "complete"


_C = CampaignState
# action: (allowed states before, state after)
CAMPAIGN_MOVES: dict[CampaignAction, tuple[frozenset[CampaignState], CampaignState]] = {
    CampaignAction.SUBMIT: (frozenset({_C.DRAFT}), _C.SUBMITTED),
    # The approver returns it with a reason; a change of the text voids an approval.
    CampaignAction.RETURN: (frozenset({_C.SUBMITTED, _C.APPROVED}), _C.DRAFT),
    CampaignAction.APPROVE: (frozenset({_C.SUBMITTED}), _C.APPROVED),
    # Its audience is no longer the approved one.
    CampaignAction.RESUBMIT: (frozenset({_C.APPROVED}), _C.SUBMITTED),
    # From paused: a campaign stopped before its start time waits for that time again.
    CampaignAction.SCHEDULE: (frozenset({_C.APPROVED, _C.PAUSED}), _C.SCHEDULED),
    CampaignAction.LAUNCH: (frozenset({_C.APPROVED, _C.SCHEDULED}), _C.SENDING),
    CampaignAction.PAUSE: (frozenset({_C.SENDING, _C.SCHEDULED}), _C.PAUSED),
    CampaignAction.RESUME: (frozenset({_C.PAUSED}), _C.SENDING),
    # A second wave, to people who have joined its lists.
    CampaignAction.EXTEND: (frozenset({_C.SENDING, _C.COMPLETED}), _C.SENDING),
    # A campaign that was cancelled stays so, and one that has ended takes a second wave and nothing else.
    CampaignAction.CANCEL: (frozenset(_C) - {_C.COMPLETED, _C.CANCELLED}, _C.CANCELLED),
    # Only until its first message has left: the launch is then reverted completely.
    CampaignAction.UNDO: (frozenset({_C.SCHEDULED, _C.SENDING, _C.PAUSED}), _C.APPROVED),
    CampaignAction.COMPLETE: (frozenset({_C.SENDING}), _C.COMPLETED),
}


class AttemptState(StrEnum):
    """States of an attempt, in the order of their rank."""

    SENDING = "sending"  # claimed; the request may or may not have left
    UNKNOWN = "unknown"  # the outcome is not known
    ABSENT = "absent"  # twice not found in the gateway's list: the request never arrived
    ACCEPTED = "accepted"
    SENT = "sent"
    PASSED = "passed"  # a notice that did not arrive in time: the text goes instead
    NO_REPORT = "no_report"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"


# A late callback may still move an attempt from `absent`, `passed` or `no_report`: the gateway knows best.
# `failed` ranks below `undelivered` and `delivered`: of two contradicting reports the one from the
# handset wins.
ATTEMPT_RANK: dict[AttemptState, int] = {state: rank for rank, state in enumerate(AttemptState)}
# The message goes out again, by another attempt.
GIVEN_UP = frozenset({AttemptState.ABSENT, AttemptState.PASSED})
ACCEPTED_OR_BEYOND = (
    frozenset(state for state in AttemptState if ATTEMPT_RANK[state] >= ATTEMPT_RANK[AttemptState.ACCEPTED])
    - GIVEN_UP
)


def advance(current: AttemptState, reported: AttemptState) -> AttemptState:
    """Return the attempt's state after a report: the reported one if it ranks higher, else `current`."""
    return reported if ATTEMPT_RANK[reported] > ATTEMPT_RANK[current] else current


FAILURES = (AttemptState.FAILED, AttemptState.UNDELIVERED)


@dataclass(slots=True)
class AttemptReport:
    """News of an attempt: its state, `due_at` of a look-up if unknown, `segments` if charged by them."""

    attempt_id: int
    state: AttemptState
    gateway_id: str | None = None
    cause: str | None = None
    code: str | None = None
    due_at: datetime | None = None
    segments: int | None = None


class SettledAttempt(NamedTuple):
    """An attempt after reports: the `latest` that moved it, if any, and further ids the gateway has."""

    state: AttemptState
    gateway_id: str | None
    latest: AttemptReport | None
    other_ids: tuple[str, ...]


def settle(state: AttemptState, gateway_id: str | None, reports: Iterable[AttemptReport]) -> SettledAttempt:
    """Return an attempt after reports by rank, in whatever order they come; its first id stays."""
    latest: AttemptReport | None = None
    other_ids = []
    for report in reports:
        new = report.gateway_id
        # Over SMPP an id ends with the attempt's: the centre only writes it in another base.
        if new and gateway_id and new.rpartition("#")[2] != gateway_id.rpartition("#")[2]:
            other_ids.append(new)
            continue  # what became of another message says nothing of this one
        gateway_id = gateway_id or report.gateway_id
        moved = advance(state, report.state)
        if moved is not state:
            state, latest = moved, report
    return SettledAttempt(state, gateway_id, latest, tuple(other_ids))


class MessageState(StrEnum):
    """States of a message."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    NO_REPORT = "no_report"


# A campaign is not complete while one of its messages is in such a state.
UNSETTLED = frozenset({MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN})
# Of such a message it is certain that nobody got it.
NOT_ARRIVED = (MessageState.CANCELLED, MessageState.SKIPPED, MessageState.FAILED, MessageState.UNDELIVERED)


def message_state(attempts: Sequence[AttemptState]) -> MessageState:
    """Return a message's state: of its highest accepted attempt, else of the newest, else queued."""
    accepted = [state for state in attempts if state in ACCEPTED_OR_BEYOND]
    if accepted:
        return MessageState(max(accepted, key=ATTEMPT_RANK.__getitem__).value)
    if not attempts or attempts[-1] in GIVEN_UP:
        return MessageState.QUEUED
    return MessageState(attempts[-1].value)


class Exclusion(StrEnum):
    """Reasons not to write to a contact of the lists, frozen at launch, in this order of precedence."""

    NO_PHONE = "no_phone"
    OPTED_OUT = "opted_out"
    WRONG_NUMBER = "wrong_number"
    DO_NOT_CALL = "do_not_call"
    NO_BASIS = "no_basis"  # none of the contact's lists has a legal basis
    EXCEPTED = "excepted"  # in a list whose people are left out
    NOT_ALSO_IN = "not_also_in"  # not in each of the lists that the campaign asks for as well
    OUTSIDE_AREA = "outside_area"
    OTHER_LANGUAGE = "other_language"
    SMARTPHONE = "smartphone"  # has one, has none or unknown: not what the campaign asks for
    ANSWERS = "answers"  # earlier answers are not what the campaign asks for
    SHARED_PHONE = "shared_phone"  # another recipient gets the message on the same phone
    SAME_PERSON = "same_person"  # merged later with another recipient, who gets the message


class MessageKind(StrEnum):
    """Kinds of messages."""

    STEP = "step"
    ACKNOWLEDGEMENT = "acknowledgement"
    # Of an opt-out, and the one answer to a cry for help: they ignore suppression and window.
    CONFIRMATION = "confirmation"
    TEST = "test"


class SkipReason(StrEnum):
    """Reasons why a message was skipped."""

    SUPPRESSED = "suppressed"
    ANSWERED = "answered"
    UNREACHABLE = "unreachable"
    DEADLINE = "deadline"
    HELD_OUT = "held_out"  # drawn at random, so that the step's effect can be measured
    REPEATED = "cap"  # the number got the same content within 24 hours
