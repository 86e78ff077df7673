"""What a phone's answers amount to, what follows from a reply, and which answers only repeat what was said."""

from datetime import UTC, datetime, timedelta

from campaigns.cases.merge_people import MergedRow, find_restored
from campaigns.rules.answers import LastAnswer, decide_reply, is_repeated
from campaigns.rules.cases import CaseKind, assigned_until, kind_of
from campaigns.rules.content import PAGE_WORDS
from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.labels import OPT_IN, PAGE_LABELS, USES, Label, counts_as_answer, fold_answers
from campaigns.rules.replies.understand import Understanding
from tests.support.tables import cases, each_of

L = Label
NOON = datetime(2020, 8, 15, 12, tzinfo=UTC)


@cases(
    ("", None, None),
    ("installed", "installed", 0),
    ("not_yet", "not_yet", None),
    ("not_yet installed", "installed", 1),
    # Repeated: the install counts once, by the first time it was said.
    ("installed installed", "installed", 0),
    # Taken back: "đã cài nhưng xóa rồi", "máy này không phải điện thoại thông minh".
    ("installed not_yet", "not_yet", None),
    ("installed refuse", "refuse", None),
    ("installed no_smartphone", "no_smartphone", None),
    ("installed wrong_number", "wrong_number", None),
    ("installed not_yet installed", "installed", 2),
    # Help and leaving do not uninstall.
    ("installed need_help", "need_help", 0),
    ("installed opt_out", "opt_out", 0),
    ("installed need_help installed", "installed", 0),
    ("installed opt_out not_yet", "not_yet", None),
    # No answers to the question.
    *each_of("question | unclear question", None, None),
    ("installed question", "installed", 0),
    ("question installed unclear", "installed", 1),
    ("not_yet unclear", "not_yet", None),
    ("opt_out", "opt_out", None),
)
def test_the_latest_answer_stands_and_an_install_counts_until_taken_back(answers, label, installed_by):
    state = fold_answers([L(word) for word in answers.split()])
    assert (state.label, state.installed_by) == (L(label) if label else None, installed_by)
    assert state.given_by is None or answers.split()[state.given_by] == label


@cases(
    *each_of("installed | not_yet", True, True, None),
    ("installed", False, False, "unclear"),  # "có cài" may as well ask
    *each_of("not_yet | wrong_number", False, False, "unclear"),
    # Counted, and a person calls.
    ("need_help", True, True, "help"),
    ("need_help", False, False, "unclear"),
    # Somebody who may have asked to be left alone is left alone; an officer looks at a doubtful case as well.
    ("opt_out", True, True, None),
    ("opt_out", False, True, "opt_out"),
    ("question", True, False, "question"),
    ("question", False, False, "unclear"),
    ("unclear", True, False, "unclear"),
)
def test_what_counts_by_itself_and_what_a_person_looks_at(label, is_sure, is_counted, kind):
    assert counts_as_answer(L(label), is_sure=is_sure) is is_counted
    assert kind_of(L(label), is_sure=is_sure, is_matched=True) == (CaseKind(kind) if kind else None)


def test_a_cry_for_help_is_a_case_whatever_else_it_says():
    assert kind_of(L.NEED_HELP, is_sure=False, is_matched=False, is_urgent=True) is CaseKind.HELP
    assert kind_of(L.OPT_OUT, is_sure=True, is_matched=True, is_urgent=True) is CaseKind.OPT_OUT
    assert kind_of(L.INSTALLED, is_sure=True, is_matched=True, is_urgent=True) is CaseKind.UNCLEAR


def test_no_reply_falls_between_counting_and_looking():
    for label in L:
        for is_sure in (False, True):
            assert counts_as_answer(label, is_sure=is_sure) or kind_of(
                label, is_sure=is_sure, is_matched=True
            )
            assert kind_of(label, is_sure=is_sure, is_matched=False)


def test_a_case_is_its_takers_alone_for_a_quarter_of_an_hour():
    assert assigned_until(None, now=NOON) is None
    assert assigned_until(NOON, now=NOON + timedelta(minutes=14)) == NOON + timedelta(minutes=15)
    assert assigned_until(NOON, now=NOON + timedelta(minutes=15)) is None
    later = NOON + timedelta(minutes=2)
    assert assigned_until(NOON, urgent_at=NOON, now=later) == NOON + timedelta(minutes=15)
    assert assigned_until(NOON, urgent_at=NOON + timedelta(minutes=1), now=later) is None


def test_each_label_says_what_it_is_used_for_has_a_key_of_its_own_and_the_pages_sentences():
    assert {*USES} == {*Label}
    assert len({use.key for use in USES.values()}) == len(Label)
    assert {f"{part}_{label}" for part in ("said", "next") for label in PAGE_LABELS} <= {*PAGE_WORDS}


MIDDAY = datetime(2026, 11, 2, 5, tzinfo=UTC)
SURE, DOUBTFUL, CRY = (True, False), (False, False), (False, True)
TO_RECIPIENT, KNOWN, UNKNOWN = (True, True), (False, True), (False, False)
FIRST = {
    **dict.fromkeys(("has_recipient", "is_known"), True),
    **dict.fromkeys(("was_answered", "is_start", "is_taken_back"), False),
    **{"answered_at": None, "now": MIDDAY},
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
    assert outcome.at == MIDDAY


@cases(
    (Label.INSTALLED, False, False, True),
    (Label.INSTALLED, True, False, False),
    (Label.OPT_OUT, True, False, True),
    (Label.OPT_OUT, True, True, False),
)
def test_a_late_reply_overrides_no_newer_answer_but_for_an_opt_out_after_which_nobody_started_again(
    label, is_late, is_taken_back, counts
):
    newer = MIDDAY + timedelta(hours=1 if is_late else -1)
    said = {**FIRST, "was_answered": True, "is_taken_back": is_taken_back, "answered_at": newer}
    outcome = decide_reply(Understanding(label, 1.0, True, False), **said)
    assert (outcome.is_answer, outcome.is_acknowledged) == (counts, False)
    assert outcome.at == (newer if label is Label.OPT_OUT else MIDDAY)


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
