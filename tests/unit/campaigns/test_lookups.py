"""What the gateway's list says about an attempt whose outcome nobody saw."""

from datetime import UTC, datetime, timedelta

from campaigns.rules.receipts import LookupResult, UnknownAttempt, judge_lookup, may_repeat
from outreach.rules.gateway import DeliveryStatus, ListedMessage
from tests.support.tables import cases

AT = datetime(2020, 8, 18, 9, 0, tzinfo=UTC)
DELAY = timedelta(minutes=2)
ATTEMPT = UnknownAttempt(7, "Mời cài http://loa.example/2b3c4d5f", AT, AT + timedelta(seconds=10))
LATE = ATTEMPT.unknown_since + DELAY


def listed(body=ATTEMPT.body, *, after_s=1, sid="SM1", attempt_id=None):
    created_at = None if after_s is None else AT + timedelta(seconds=after_s)
    return ListedMessage(sid, body, created_at, DeliveryStatus.SENT, attempt_id=attempt_id)


def look_up(*messages, attempt=ATTEMPT, asked_at=LATE):
    result, match = judge_lookup(attempt, messages, asked_at=asked_at, owned={"SM9"}, list_delay=DELAY)
    assert match is None or result is LookupResult.FOUND
    return result


@cases(
    (listed(), LookupResult.FOUND),
    (listed(after_s=None), LookupResult.FOUND),
    # Clocks may be wrong: the same text is ours up to a quarter of an hour before.
    (listed(after_s=-120), LookupResult.FOUND),
    (listed(after_s=-900), LookupResult.FOUND),
    (listed(after_s=-901), LookupResult.ABSENT),
    # Another text that no attempt owns may be ours, changed by the gateway.
    (listed("Sent from a trial account - Mời cài"), LookupResult.UNCLEAR),
    (listed("", after_s=None), LookupResult.UNCLEAR),
    (listed("***", after_s=-60), LookupResult.UNCLEAR),
    (listed("Chúc mừng năm mới", after_s=-61), LookupResult.ABSENT),
    # What another attempt owns is neither.
    (listed(sid="SM9"), LookupResult.ABSENT),
    (listed("***", sid="SM9"), LookupResult.ABSENT),
    # A gateway that stores our id knows it.
    (listed("", attempt_id=7), LookupResult.FOUND),
    (listed("", attempt_id=8), LookupResult.ABSENT),
)
def test_one_listed_message(message, expected):
    assert look_up(message) is expected


@cases((0, LookupResult.TOO_EARLY), (119, LookupResult.TOO_EARLY), (120, LookupResult.ABSENT))
def test_absence_counts_only_when_the_list_would_show_it(waited_s, expected):
    assert look_up(asked_at=ATTEMPT.unknown_since + timedelta(seconds=waited_s)) is expected


def test_it_is_found_at_once_among_others():
    messages = [listed("***", sid="SM2"), listed()]
    found = judge_lookup(ATTEMPT, messages, asked_at=ATTEMPT.claimed_at, owned=(), list_delay=DELAY)
    assert found == (LookupResult.FOUND, messages[1])


@cases(
    (listed("Mời cài http://loa.example/z9y8x7w6", after_s=-3000), LookupResult.FOUND),  # another link
    (listed(after_s=-3661), LookupResult.ABSENT),  # before the backup
    (listed("Nhắc bà cài", after_s=-3000), LookupResult.UNCLEAR),
)
def test_after_a_restore_all_since_the_backup_counts(message, expected):
    restored = UnknownAttempt(
        7, ATTEMPT.body, AT, ATTEMPT.unknown_since, backup_taken_at=AT - timedelta(hours=1)
    )
    assert look_up(message, attempt=restored) is expected


@cases([], [listed()], [listed(sid="SM5")])
def test_what_had_an_id_before_a_restore_was_sent_however_short_the_list_is(messages):
    known = UnknownAttempt(7, ATTEMPT.body, AT, ATTEMPT.unknown_since, gateway_id="SM5")
    assert look_up(*messages, attempt=known, asked_at=AT) is LookupResult.FOUND


@cases((0, 0, False), (1, 0, False), (2, 0, True), (9, 0, True), (2, 1, False), (9, 3, False))
def test_a_message_is_sent_again_by_itself_once(times_absent, repeats, expected):
    assert may_repeat(times_absent=times_absent, repeats=repeats) is expected
