"""Which message a receipt means, and what the gateway's list says about an attempt whose outcome nobody saw."""

from datetime import UTC, datetime, timedelta

from campaigns.rules.receipts import (
    Candidate,
    LookupResult,
    ReceiptFacts,
    UnknownAttempt,
    find_attempt,
    judge_lookup,
    may_repeat,
)
from campaigns.rules.states import AttemptState
from outreach.rules.gateway import DeliveryStatus, ListedMessage
from tests.support.tables import cases

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
BODY, OTHER = "Kinh moi ong/ba cai Bluezone tai day", "Chieu mai hop o nha van hoa thon"
QUOTED, OF_OTHER, STRANGE = BODY[:20], OTHER[:20], "Vien phi cua ba la 20"
UNKNOWN, ACCEPTED, DELIVERED = AttemptState.UNKNOWN, AttemptState.ACCEPTED, AttemptState.DELIVERED


def sent(id, *ids, state=ACCEPTED, body=BODY, minutes_ago=5, settled_s_ago=60):
    claimed, settled = NOW - timedelta(minutes=minutes_ago), NOW - timedelta(seconds=settled_s_ago)
    return Candidate(id, frozenset(ids), 1000 + id, body, state, claimed, settled)


LOST = sent(1, state=UNKNOWN)  # its answer was lost


@cases(
    (("16",), None, "", [sent(1, "10"), sent(2, "A")], 1),  # in another base
    (("16",), None, "", [sent(1, "10"), sent(2, "16")], None),  # as it stands, or in another base
    (("7",), None, "", [LOST], None),  # an empty quotation is of no text
    (("7",), None, STRANGE, [LOST], None),  # of another system behind the account
    (("7",), 7, STRANGE, [LOST], None),
    (("7",), 1001, "", [LOST], 1),  # our reference
    (("7",), 1001, STRANGE, [LOST], None),
    (("7",), None, QUOTED, [LOST], 1),
    (("7",), None, QUOTED[:8], [LOST], None),
    (("8",), None, "", [LOST, sent(2, "8")], 2),  # of our own next message
    (("8",), None, QUOTED, [LOST, sent(2, "8")], 2),
    (("8",), None, QUOTED, [LOST, sent(2, "9")], None),  # both have this text
    (("8",), None, QUOTED, [LOST, sent(2, state=AttemptState.SENDING)], None),  # its id may be recorded soon
    (("8",), 1002, QUOTED, [LOST, sent(2, state=AttemptState.SENDING)], None),
    (("8",), 1001, QUOTED, [LOST, sent(2, "8")], 1),  # an id that is given anew, by the reference
    (("8",), None, OF_OTHER, [sent(1, "8"), sent(2, state=UNKNOWN, body=OTHER)], 2),
    (("8",), None, "", [sent(1, "8", minutes_ago=73 * 60)], None),  # after an id's life
    (("8",), None, "", [sent(1, "8", minutes_ago=73 * 60), sent(2, "8")], 2),
    (("8",), None, "", [sent(1, "8"), sent(2, "8")], None),  # begun anew: neither has ended
    (("8",), None, OF_OTHER, [sent(1, "8"), sent(2, "8", body=OTHER)], 2),
    (("8",), None, "", [sent(1, "8", state=DELIVERED), sent(2, "8", minutes_ago=1)], 2),
    (("8",), None, "", [sent(1, "8", state=DELIVERED, settled_s_ago=2), sent(2, "8", minutes_ago=1)], None),
    (("8",), None, "", [], None),
)  # fmt: skip
def test_receipt_means_what_it_proves(ids, reference, text, attempts, found):
    assert find_attempt(ReceiptFacts(ids, reference, text, NOW), attempts) == found


def test_receipt_of_a_part_is_found_by_what_it_quotes_of_that_part():
    body = "Kinh moi ong/ba cai Bluezone. " + "a" * 150 + " hoi truong thon 2 luc 8 gio sang mai nhe"
    attempt = sent(1, state=UNKNOWN, body=body)
    quoted = body[153:173]
    assert find_attempt(ReceiptFacts(("7",), None, quoted, NOW), [attempt]) == 1


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
