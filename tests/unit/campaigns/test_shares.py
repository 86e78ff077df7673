"""Counts to shares."""

from campaigns.rules.reach import InstallShare, outside_base, read_result, share_of
from campaigns.rules.replies.labels import Label
from tests.support.tables import cases, each_of


@cases(
    (50, 100, 0, None, InstallShare(50, 100, "recipients", 0.5)),
    # People without a smartphone cannot install and are not among those who could.
    (50, 120, 20, None, InstallShare(50, 100, "recipients", 0.5)),
    # An entered figure is taken as it is.
    (50, 120, 20, 200, InstallShare(50, 200, "entered", 0.25)),
    (0, 100, 0, None, InstallShare(0, 100, "recipients", 0.0)),
    (30, 10, 0, 20, InstallShare(30, 20, "entered", 1.5)),
    # Unknown, never nought.
    (0, 0, 0, None, InstallShare(0, 0, "recipients", None)),
    (0, 20, 20, None, InstallShare(0, 0, "recipients", None)),
    (1, 20, 20, None, InstallShare(1, 0, "recipients", None)),
    (5, 20, 0, 0, InstallShare(5, 0, "entered", None)),
)
def test_a_share_names_what_it_is_a_share_of(installed, recipients, no_smartphone, entered, share):
    assert (
        share_of(installed=installed, recipients=recipients, no_smartphone=no_smartphone, entered=entered)
        == share
    )


@cases(
    ("delivered", ("delivered", "")),
    ("unanswered", ("unanswered", "")),
    ("excluded.no_phone", ("excluded", "no_phone")),
    ("skipped", ("skipped", "")),
    ("skipped.cap", ("skipped", "cap")),
    ("causes.blocked", ("causes", "blocked")),
    ("", None),
    *each_of("delivered.cap | excluded | skipped.no_phone | causes | opened", None),
)
def test_a_word_of_the_address_asks_for_a_result_or_for_none(word, result):
    assert read_result(word) == result


@cases(
    # An app: who has no smartphone is not asked.
    (True, {Label.NO_SMARTPHONE: 20, Label.INSTALLED: 50}, 80),
    (True, {Label.NOT_YET: 5, Label.REFUSE: 3, Label.OPT_OUT: 2, Label.NEED_HELP: 1}, 100),
    # An invitation: who cannot come was invited all the same.
    (False, {Label.NO_SMARTPHONE: 20, Label.INSTALLED: 50}, 100),
    (False, {Label.OPT_OUT: 2, Label.WRONG_NUMBER: 4}, 100),
    (False, {}, 100),
)
def test_only_who_has_no_smartphone_leaves_the_base_and_only_of_an_app(needs_smartphone, answers, base):
    left_out = sum(answers.get(label, 0) for label in outside_base(needs_smartphone=needs_smartphone))
    assert share_of(installed=50, recipients=100, no_smartphone=left_out, entered=None).denominator == base
