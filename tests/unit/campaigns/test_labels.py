"""What a phone's answers amount to."""

from datetime import UTC, datetime, timedelta

from campaigns.rules.cases import CaseKind, assigned_until, kind_of
from campaigns.rules.content import PAGE_WORDS
from campaigns.rules.replies.labels import PAGE_LABELS, USES, Label, counts_as_answer, fold_answers
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
