"""Who is visited at the door, the keys by which results are entered, marks on a list that came back, random checks."""

import random
from datetime import UTC, datetime, timedelta

from campaigns.rules import visits
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState
from tests.support.tables import cases, each_of

_M = MessageState


@cases(
    (Exclusion.NO_PHONE, None, [], visits.VisitReason.NO_PHONE),
    (Exclusion.OPTED_OUT, None, [], None),
    (Exclusion.WRONG_NUMBER, None, [], visits.VisitReason.NO_PHONE),
    (Exclusion.DO_NOT_CALL, None, [], None),
    (Exclusion.SHARED_PHONE, None, [], None),
    (Exclusion.OUTSIDE_AREA, None, [], None),
    (None, None, [_M.FAILED], visits.VisitReason.FAILED),
    (None, None, [_M.FAILED, _M.UNDELIVERED], visits.VisitReason.FAILED),
    (None, None, [_M.UNDELIVERED, _M.SKIPPED], visits.VisitReason.FAILED),
    (None, None, [_M.DELIVERED, _M.FAILED], visits.VisitReason.NO_ANSWER),
    (None, None, [_M.NO_REPORT], visits.VisitReason.NO_ANSWER),
    (None, None, [_M.ACCEPTED], visits.VisitReason.NO_ANSWER),
    (None, None, [_M.QUEUED], None),  # it may still come
    (None, None, [_M.DELIVERED, _M.QUEUED], None),
    (None, None, [_M.FAILED, _M.UNKNOWN], None),
    (None, None, [_M.SKIPPED], None),
    (None, None, [_M.CANCELLED], None),
    (None, None, [], None),
    (None, Label.INSTALLED, [_M.DELIVERED], None),
    (None, Label.REFUSE, [_M.FAILED], None),
    (None, Label.NEED_HELP, [_M.DELIVERED], None),  # a case of its own
    (None, Label.QUESTION, [_M.DELIVERED], visits.VisitReason.NO_ANSWER),
    (None, Label.UNCLEAR, [_M.DELIVERED], visits.VisitReason.NO_ANSWER),
    (Exclusion.NO_PHONE, Label.NOT_YET, [], None),
    (
        None,
        Label.WRONG_NUMBER,
        [_M.DELIVERED],
        visits.VisitReason.NO_PHONE,
    ),  # said by the number's present holder
    (Exclusion.SAME_PERSON, Label.WRONG_NUMBER, [], None),
)
def test_who_is_visited(exclusion, answer, states, why):
    assert visits.visit_reason(exclusion=exclusion, answer=answer, states=states) is why


def test_keys_are_those_that_residents_know_and_a_wrong_one_is_named():
    named = ["installed", "not_yet", "no_smartphone", "need_help"]
    assert [visits.RESULT_KEYS[key].value for key in "1234"] == named
    read, wrong = visits.read_keys({1: " 1 ", 2: "", 3: "9", 4: "0", 12: "x"})
    assert read == {1: visits.VisitOutcome.INSTALLED, 2: None, 4: visits.VisitOutcome.ABSENT}
    assert wrong == [3, 12]
    assert set(visits.RESULT_KEYS.values()) == set(visits.VisitOutcome) - {
        visits.VisitOutcome.CALL
    }  # only on a phone


def test_a_line_s_code_names_its_sheet():
    assert (visits.line_code(12, 7), visits.line_code(3, 120)) == ("12-07", "3-120")


_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_O, _F = visits.VisitOutcome, visits.VisitFate


def _counted(outcome, hours, *, is_own=False):
    return visits.CountedResult(outcome, _NOON + timedelta(hours=hours), is_own)


@cases(
    (_O.INSTALLED, None, _F.RECORDED),
    (_O.INSTALLED, _counted(_O.NOT_YET, -1), _F.REPLACED),
    (_O.INSTALLED, _counted(_O.NOT_YET, 0), _F.REPLACED),  # at the same moment what arrives last
    (_O.NOT_YET, _counted(_O.NOT_YET, -1), _F.RECORDED),  # both found the same
    (_O.INSTALLED, _counted(_O.NOT_YET, 1), _F.VISITED),
    (_O.INSTALLED, _counted(_O.NOT_YET, 1, is_own=True), _F.VISITED),
    (_O.ABSENT, _counted(_O.NOT_YET, -1), _F.VISITED),
    (_O.ABSENT, _counted(_O.ABSENT, -1), _F.RECORDED),
    (_O.ABSENT, _counted(_O.NOT_YET, -1, is_own=True), _F.RECORDED),  # a slip, put right
    (_O.INSTALLED, _counted(_O.OPT_OUT, -1), _F.VISITED),
    (_O.INSTALLED, _counted(_O.OPT_OUT, -1, is_own=True), _F.RECORDED),
    (_O.OPT_OUT, _counted(_O.INSTALLED, 1), _F.REPLACED),  # whatever came since
)
def test_of_two_results_the_later_visit_counts_and_a_wish_to_be_left_alone_always(outcome, counted, fate):
    assert visits.settle(outcome, _NOON, counted=counted, is_gone=False, is_opted_out=False) is fate


def test_who_is_gone_gets_no_result_and_who_opted_out_is_told():
    assert visits.settle(_O.INSTALLED, _NOON, counted=None, is_gone=True, is_opted_out=True) is _F.GONE
    assert visits.settle(_O.INSTALLED, _NOON, counted=None, is_gone=False, is_opted_out=True) is _F.OPTED_OUT
    assert visits.settle(_O.OPT_OUT, _NOON, counted=None, is_gone=False, is_opted_out=True) is _F.RECORDED
    slip = _counted(_O.OPT_OUT, -1, is_own=True)
    assert visits.settle(_O.NOT_YET, _NOON, counted=slip, is_gone=False, is_opted_out=True) is _F.OPTED_OUT


@cases(
    (-5, 0, -24, -5),
    (-5 - 9000, -9000, -24, -5),  # a clock a year behind
    (9000 - 5, 9000, -24, -5),
    (-9000, 0, -24, -24),  # put right between touch and sending: not before the list
    (9000, 0, -24, 0),
    (-5, 0, 3, 0),  # a list from the future
)
def test_a_visit_is_when_it_was_by_the_server_whatever_the_phones_clock_says(touched, sent, known, hours):
    def at(hour):
        return _NOON + timedelta(hours=hour)

    assert visits.visit_moment(at(touched), sent_at=at(sent), known_since=at(known), now=_NOON) == at(hours)


@cases(
    (None, 5),
    (_counted(_O.NOT_YET, 0), 5),  # put right
    (_counted(_O.INSTALLED, 0), 5),  # another officer's
    (_counted(_O.INSTALLED, 0, is_own=True), 0),
    (_counted(_O.INSTALLED, 6, is_own=True), 6),  # by a clock that was put right
    (_counted(_O.INSTALLED, -7, is_own=True), 5),  # they went there again
)
def test_a_note_belongs_to_the_visit_that_it_is_about(counted, hours):
    at = _NOON + timedelta(hours=5)
    assert visits.moment_of_note(_O.INSTALLED, at, counted) == _NOON + timedelta(hours=hours)


@cases(
    ([], []),
    ([("a", [1]), ("a", [2]), ("a", [])], [0, 1, 2]),
    ([("a", [1]), ("a", [2, 1]), ("a", [2])], [0, 0, 0]),
    ([("a", [1]), ("b", [1])], [0, 1]),  # another village
    ([("a", [1]), ("a", [2]), ("a", [3]), ("a", [1, 3])], [0, 1, 0, 0]),
)
def test_people_of_a_village_who_share_a_phone_are_one_house(people, houses):
    assert visits.group_houses(people) == houses


@cases(
    ("12", (12, 0)),
    *each_of("12-07 | 12/7", (12, 7)),
    (" phiếu 12 – 7 ", (12, 7)),
    ("", None),
    *each_of("mười hai | 12-07-3", None),
    ("9" * 30, None),
)
def test_a_sheet_is_found_by_the_code_on_it_however_it_is_typed(typed, found):
    assert visits.read_code(typed) == found


HEAD = ("Mã", "Họ tên", "Đã tiêm (đánh x)")


@cases(
    ((HEAD, ("D7-12", "A Thun", "x"), ("D7-13", "Y Rơ", "")), {12}, [], 0),
    ((("Nơi nhận: Trạm Y tế",), (), HEAD, ("D7-12", "A Thun", "X"), ("d7 – 13", "Y Rơ", "1")), {12, 13}, [], 0),
    ((("Đã đến dự", "Ghi chú", "Mã"), ("có", "", "D7-12"), ("không", "", "D7-13"), ("đã đến", "", "D7-14")), {12, 14}, [], 0),
    ((HEAD, ("D7-12", "A Thun", "hỏi lại sau"), ("D7-13", "Y Rơ", "✓")), {13}, [2], 0),
    ((HEAD, ("D8-12", "A Thun", "x"), ("D8-13", "A Bré", ""), ("D7-14", "Y Rơ", "x")), {14}, [], 1),
    ((HEAD, ("D7-12", "A Thun", "x"), ("", "Người lập", "x"), ("Tổng cộng", "", 1)), {12}, [], 0),
    ((HEAD, ("D7-12",)), set(), [], 0),
)  # fmt: skip
def test_marks_are_read(rows, came, unclear, strangers):
    marks = visits.read_marks(rows, campaign_id=7)
    assert (marks.came, marks.unclear, marks.strangers) == (came, unclear, strangers)


def test_a_sheet_without_codes_or_a_column_for_marks_is_no_returned_list():
    assert visits.read_marks([("Họ tên", "Đã tiêm"), ("A Thun", "x")], campaign_id=7) is None
    assert visits.read_marks([("Mã", "Họ tên"), (visits.person_code(7, 12), "A Thun")], campaign_id=7) is None


def simulate(dice):
    """One drive: villages of different honesty, some without a sheet, some people not met. What is told, and the truth."""
    honesty, differ = dice.uniform(0.55, 0.98), dice.choice((0.0, 0.05, 0.12))
    villages, true, unchecked, confirmed_before = [], 0, 0, 0
    campaign, percent = dice.randrange(1000), dice.choice((5, 10, 20))
    n = 0
    for _village in range(dice.randrange(15, 80)):
        is_visited = dice.random() < 0.7  # no sheet was made of the others
        share = min(1.0, max(0.0, dice.gauss(honesty, differ)))
        checked = confirmed = 0
        for _person in range(dice.randrange(10, 60)):
            n += 1
            is_true = dice.random() < share
            true += is_true
            if (
                is_visited and visits.is_drawn(campaign, n, percent) and dice.random() < 0.75
            ):  # a quarter is not met
                checked += 1
                confirmed += is_true
            else:
                unchecked += 1
        villages.append(visits.VillageChecks(checked, confirmed))
        confirmed_before += confirmed
    # Who was refuted counts no more: the door has taken the report back.
    return visits.correct(confirmed_before + unchecked, unchecked, villages), true


def test_over_200_drives_the_interval_holds_the_true_number_in_at_least_90_of_100():
    dice = random.Random(24)
    drives = [simulate(dice) for _ in range(200)]
    told = [(found, true) for found, true in drives if found is not None]
    assert len(told) > 190
    held = sum(found.low <= true <= found.high for found, true in told)
    width = sum((found.high - found.low) / true for found, true in told) / len(told)
    print(f"{held} of {len(told)} intervals hold the truth; they are {width:.1%} wide")
    assert held >= 0.9 * len(told)
    assert width < 0.35, "an interval that says something"
    assert sum(found.reported > found.high for found, _true in told) > 100, "most drives report too much"


def test_the_draw_is_the_same_at_every_asking_and_near_its_share():
    drawn = {n for n in range(20_000) if visits.is_drawn(7, n, 5)}
    assert 0.045 < len(drawn) / 20_000 < 0.055
    assert drawn < {n for n in range(20_000) if visits.is_drawn(7, n, 10)}
    assert drawn != {n for n in range(20_000) if visits.is_drawn(8, n, 5)}
    assert not any(visits.is_drawn(7, n, 0) for n in range(2_000))


@cases(
    ([(visits.FEWEST_CHECKS - 1, 3)], None, None),
    ([(10, 10)] * 10, 96, 100),  # all true: still no certainty
    ([(10, 8)] * 10, 70, 88),
    ([(10, 10), (10, 0)] * 5, 20, 81),  # villages that differ say less
    ([(100, 80)], 25, 98),  # and one village nearly nothing about the others
)
def test_what_is_left_of_a_hundred_reports(villages, low, high):
    found = visits.correct(100, 100, [visits.VillageChecks(*village) for village in villages])
    if low is None:
        assert found is None
        return
    assert found is not None
    assert high is not None
    assert low - 4 <= found.low <= low + 4
    assert high - 4 <= found.high <= high + 4
    assert found.low <= found.likely <= found.high
