"""Which message a receipt means: by our reference, by an id within its life, by a whole quotation, or by nothing."""

from datetime import UTC, datetime, timedelta

from campaigns.rules.receipts import Candidate, ReceiptFacts, find_attempt
from campaigns.rules.states import AttemptState
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
