"""Moves of campaigns, and how attempts make the state of a message."""

from itertools import permutations

import pytest

from campaigns.rules import states
from tests.support.tables import cases, each_of

C, A, A_ = states.CampaignState, states.AttemptState, states.CampaignAction


@cases(
    ("submit", "draft", "submitted"),
    ("return", "submitted approved", "draft"),
    ("approve", "submitted", "approved"),
    ("schedule", "approved paused", "scheduled"),
    ("launch", "approved scheduled", "sending"),
    ("pause", "sending scheduled", "paused"),
    ("resume", "paused", "sending"),
    ("cancel", "draft submitted approved scheduled sending paused", "cancelled"),
    ("undo", "scheduled sending paused", "approved"),
    ("complete", "sending", "completed"),
    ("extend", "sending completed", "sending"),
)
def test_an_action_leads_from_these_states_and_no_other(action, allowed, target):
    assert states.CAMPAIGN_MOVES[states.CampaignAction(action)] == (
        frozenset(map(C, allowed.split())),
        C(target),
    )


def test_every_action_has_its_move():
    assert set(states.CAMPAIGN_MOVES) == set(states.CampaignAction)


def test_a_campaign_that_has_ended_stays_ended_but_for_a_second_wave():
    for action, (allowed, _) in states.CAMPAIGN_MOVES.items():
        assert C.CANCELLED not in allowed
        assert C.COMPLETED not in allowed or action is A_.EXTEND


def test_nothing_is_sent_that_was_not_approved():
    reached = {C.DRAFT}
    moves = [
        move for action, move in states.CAMPAIGN_MOVES.items() if action is not states.CampaignAction.APPROVE
    ]
    while more := {target for allowed, target in moves if allowed & reached} - reached:
        reached |= more
    assert reached == {C.DRAFT, C.SUBMITTED, C.CANCELLED}


@pytest.mark.parametrize("current", list(A))
@pytest.mark.parametrize("reported", list(A))
def test_a_report_moves_an_attempt_forward_or_not_at_all(current, reported):
    after = states.advance(current, reported)
    assert after in (current, reported)
    assert states.ATTEMPT_RANK[after] == max(states.ATTEMPT_RANK[current], states.ATTEMPT_RANK[reported])


@cases(
    ([A.ACCEPTED, A.SENT, A.DELIVERED], A.DELIVERED),
    ([A.ACCEPTED, A.SENT, A.UNDELIVERED], A.UNDELIVERED),
    ([A.UNKNOWN, A.ABSENT, A.SENT], A.SENT),
    ([A.NO_REPORT, A.DELIVERED, A.SENT], A.DELIVERED),
    ([A.FAILED, A.UNDELIVERED, A.DELIVERED], A.DELIVERED),
    ([A.FAILED, A.UNDELIVERED], A.UNDELIVERED),
)
def test_reports_in_any_order_and_twice_come_to_the_same_end(reports, end):
    for order in permutations(reports):
        state = A.SENDING
        for reported in [*order, *order]:
            state = states.advance(state, reported)
        assert state is end


@cases(
    ("", "queued"),
    *each_of("sending | absent sending", "sending"),
    *each_of("unknown | absent unknown", "unknown"),
    *each_of("absent | absent absent", "queued"),
    *each_of("absent delivered | delivered", "delivered"),
    ("accepted", "accepted"),
    ("sent", "sent"),
    ("no_report", "no_report"),
    ("failed", "failed"),
    ("undelivered", "undelivered"),
    # The first was given up too early and has arrived after all.
    *each_of("delivered sending | delivered failed | sent delivered", "delivered"),
    ("accepted unknown", "accepted"),
    ("failed accepted", "failed"),
    # A notice that did not arrive, and its text.
    ("passed", "queued"),
    ("passed accepted", "accepted"),
    ("passed undelivered", "undelivered"),
    ("delivered undelivered", "delivered"),
)
def test_a_message_is_where_its_furthest_attempt_is(attempts, state):
    assert states.message_state([A(word) for word in attempts.split()]) is states.MessageState(state)


def test_what_the_gateway_took_begins_at_accepted():
    assert set(A) - states.ACCEPTED_OR_BEYOND == {A.SENDING, A.UNKNOWN, A.ABSENT, A.PASSED}


def test_a_message_taken_by_the_gateway_holds_up_no_campaign():
    assert {states.message_state([state]) for state in states.ACCEPTED_OR_BEYOND}.isdisjoint(states.UNSETTLED)
    assert {states.message_state([state]) for state in set(A) - states.ACCEPTED_OR_BEYOND} == states.UNSETTLED


@cases(
    (A.SENDING, None, [(A.ACCEPTED, "SM1")], (A.ACCEPTED, "SM1", 0, ())),
    (A.DELIVERED, "SM1", [(A.SENT, "SM1")], (A.DELIVERED, "SM1", None, ())),  # late
    (A.UNKNOWN, None, [(A.UNKNOWN, "SM1")], (A.UNKNOWN, "SM1", None, ())),  # only the id is new
    (A.SENDING, None, [(A.SENT, "SM1"), (A.DELIVERED, "SM1"), (A.SENT, "SM1")], (A.DELIVERED, "SM1", 1, ())),
    (A.ACCEPTED, "SM1", [(A.SENT, "SM2")], (A.ACCEPTED, "SM1", None, ("SM2",))),  # another's
    (A.ACCEPTED, "f#7", [(A.SENT, "15#7")], (A.SENT, "f#7", 0, ())),  # one id in two bases
    (A.ABSENT, None, [(A.ACCEPTED, "SM1")], (A.ACCEPTED, "SM1", 0, ())),
    (A.SENDING, None, [], (A.SENDING, None, None, ())),
)  # fmt: skip
def test_an_attempt_after_reports(before, gateway_id, reports, after):
    given = [states.AttemptReport(7, *report) for report in reports]
    state, known_as, latest, others = states.settle(before, gateway_id, given)
    assert (state, known_as, given.index(latest) if latest else None, others) == after
