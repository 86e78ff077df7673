"""What follows from a reply, and which answers only repeat what was said."""

from datetime import UTC, datetime, timedelta

from campaigns.cases.merge_people import MergedRow, find_restored
from campaigns.rules.answers import LastAnswer, decide_reply, is_repeated
from campaigns.rules.cases import CaseKind
from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.labels import OPT_IN, Label
from campaigns.rules.replies.understand import Understanding
from tests.support.tables import cases

NOON = datetime(2026, 11, 2, 5, tzinfo=UTC)
SURE, DOUBTFUL, CRY = (True, False), (False, False), (False, True)
TO_RECIPIENT, KNOWN, UNKNOWN = (True, True), (False, True), (False, False)
FIRST = {
    **dict.fromkeys(("has_recipient", "is_known"), True),
    **dict.fromkeys(("was_answered", "is_start", "is_taken_back"), False),
    **{"answered_at": None, "now": NOON},
}


@cases(
    (Label.INSTALLED, SURE, TO_RECIPIENT, True, None, True),
    (Label.INSTALLED, DOUBTFUL, TO_RECIPIENT, False, "unclear", True),
    (Label.INSTALLED, SURE, KNOWN, False, "unmatched", True),
    (Label.OPT_OUT, SURE, TO_RECIPIENT, True, None, True),
    # Held: it counts, and is confirmed once somebody has looked.
    (Label.OPT_OUT, DOUBTFUL, TO_RECIPIENT, True, "opt_out", False),
    (Label.OPT_OUT, SURE, KNOWN, True, None, True),
    (Label.OPT_OUT, SURE, UNKNOWN, False, "unmatched", True),
    (Label.NEED_HELP, SURE, TO_RECIPIENT, True, "help", True),
    # A cry opens a case for known and unknown senders, and has an answer of its own.
    (Label.NEED_HELP, CRY, UNKNOWN, False, "help", False),
    (Label.NEED_HELP, CRY, TO_RECIPIENT, True, "help", False),
    (Label.OPT_OUT, CRY, TO_RECIPIENT, True, "opt_out", False),
    (Label.QUESTION, SURE, TO_RECIPIENT, False, "question", True),
    (OPT_IN, SURE, TO_RECIPIENT, False, "unclear", True),
)
def test_what_follows_from_a_reply(label, read, sender, counts, kind, is_acknowledged):
    has_recipient, is_known = sender
    said = {**FIRST, "has_recipient": has_recipient, "is_known": is_known}
    outcome = decide_reply(Understanding(label, 1.0, *read), **said)
    found = (outcome.is_answer, outcome.kind, outcome.is_acknowledged)
    assert found == (counts, CaseKind(kind) if kind else None, is_acknowledged)
    assert outcome.at == NOON


@cases(
    (Label.INSTALLED, False, False, True),
    (Label.INSTALLED, True, False, False),
    (Label.OPT_OUT, True, False, True),
    (Label.OPT_OUT, True, True, False),
)
def test_a_late_reply_overrides_no_newer_answer_but_for_an_opt_out_after_which_nobody_started_again(
    label, is_late, is_taken_back, counts
):
    newer = NOON + timedelta(hours=1 if is_late else -1)
    said = {**FIRST, "was_answered": True, "is_taken_back": is_taken_back, "answered_at": newer}
    outcome = decide_reply(Understanding(label, 1.0, True, False), **said)
    assert (outcome.is_answer, outcome.is_acknowledged) == (counts, False)
    assert outcome.at == (newer if label is Label.OPT_OUT else NOON)


def test_who_gets_messages_again_waits_for_nobody():
    outcome = decide_reply(Understanding(OPT_IN, 1.0, True, False), **{**FIRST, "is_start": True})
    assert (outcome.is_answer, outcome.kind) == (False, None)


STOP, OF_DRIVE, DONE = GivenAnswer(Label.OPT_OUT), GivenAnswer(Label.OPT_OUT, None, True), Label.INSTALLED
OFFICERS, THEIRS, OTHER_PHONE = (False, 1, False), (True, 1, False), (True, 2, False)
REMINDED = (True, 1, True)
CLOSED, SEPARATE = (True, False), (True, True)


@cases(
    ((GivenAnswer(DONE), *THEIRS), None, (False, False), False),
    ((GivenAnswer(DONE), *THEIRS), (GivenAnswer(DONE), *THEIRS), (False, False), True),
    ((GivenAnswer(DONE), *THEIRS), (GivenAnswer(Label.NOT_YET), *THEIRS), (False, False), False),
    # The resident's own after an officer's entry stays when that goes; the other way round it adds nothing.
    ((GivenAnswer(DONE), *THEIRS), (GivenAnswer(DONE), *OFFICERS), (False, False), False),
    ((GivenAnswer(DONE), *OFFICERS), (GivenAnswer(DONE), *THEIRS), (False, False), True),
    ((GivenAnswer(DONE), *OTHER_PHONE), (GivenAnswer(DONE), *THEIRS), (False, False), False),
    ((GivenAnswer(DONE, 2), *THEIRS), (GivenAnswer(DONE, 1), *THEIRS), (False, False), False),
    ((GivenAnswer(DONE), *THEIRS), (GivenAnswer(DONE, 1), *THEIRS), (False, False), True),
    ((GivenAnswer(Label.NOT_YET), *REMINDED), (GivenAnswer(Label.NOT_YET), *THEIRS), (False, False), False),
    ((STOP, *THEIRS), (STOP, *THEIRS), CLOSED, True),
    ((STOP, *THEIRS), (STOP, *THEIRS), SEPARATE, False),  # the first may have been misread
    ((STOP, *THEIRS), (STOP, *THEIRS), (False, False), False),  # messages go to the number again
    ((STOP, *THEIRS), (OF_DRIVE, *THEIRS), CLOSED, False),  # everything is more
    ((OF_DRIVE, *THEIRS), (STOP, *THEIRS), SEPARATE, True),
)
def test_an_answer_that_adds_nothing_is_not_stored(said, last, closed, repeats):
    before = LastAnswer(*last) if last else None
    is_closed, is_separate = closed
    found = is_repeated(
        LastAnswer(*said), before, has_recipient=True, is_closed=is_closed, is_separate=is_separate
    )
    assert found is repeats


@cases(((False, False), False), (CLOSED, True), (SEPARATE, False))
def test_a_number_in_no_campaign_says_stop_once(closed, repeats):
    is_closed, is_separate = closed
    found = is_repeated(
        LastAnswer(STOP, *THEIRS), None, has_recipient=False, is_closed=is_closed, is_separate=is_separate
    )
    assert found is repeats


KEPT, OTHER = 1, 2


@cases(
    ([], None),
    ([(10, KEPT, 0)], None),  # the other was in no campaign
    ([(10, KEPT, 0), (11, OTHER, 7)], 11),
    ([(10, KEPT, 7), (11, OTHER, 0)], 10),
    ([(10, KEPT, 0), (11, OTHER, 0)], None),
    # Three were one: who has none gets the one that this merge left out, or else the first of theirs.
    ([(10, KEPT, 0), (11, OTHER, 6), (12, OTHER, 7)], 12),
    ([(10, KEPT, 0), (11, OTHER, 6), (12, OTHER, 5)], 11),
    # What this merge left out counts for the other person since: the next of those without counts again.
    ([(10, KEPT, 6), (11, OTHER, 0), (12, OTHER, 7)], 10),
)
def test_taken_apart_each_has_one_recipient_that_counts(rows, restored):
    found = find_restored([MergedRow(*row) for row in rows], 7)
    assert (found and found.id) == restored
