"""How long a worker halts after 429."""

from campaigns.delivery.open_gateways import LONGEST_HALT_S, AccountLimiter


def account():
    return AccountLimiter(None, account="AC")


def test_a_retry_after_is_obeyed():
    ours = account()
    ours.note_throttled(7.0, now=100.0)
    assert ours.halted_until == 107.0


def test_refusals_in_a_row_double_the_halt_up_to_its_longest():
    ours, now = account(), 0.0
    halts = []
    for _ in range(8):
        ours.note_throttled(None, now=now)
        halts.append(ours.halted_until - now)
        now = ours.halted_until
    assert halts == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    assert halts[-1] == LONGEST_HALT_S


def test_refusals_of_requests_from_before_the_halt_count_once():
    ours = account()
    ours.note_throttled(None, now=0.0)
    ours.note_throttled(None, now=0.01)
    assert ours.halted_until == 0.25


def test_a_message_taken_after_the_halt_ends_the_row():
    ours = account()
    ours.note_throttled(None, now=0.0)
    ours.note_accepted(asked_at=0.2)  # asked for before the halt was over: says nothing
    ours.note_throttled(None, now=0.3)
    assert ours.halted_until == 0.8
    ours.note_accepted(asked_at=0.9)
    ours.note_throttled(None, now=2.0)
    assert ours.halted_until == 2.25
