"""How a goal's forecast fits what comes true, and what it does not invent."""

from datetime import date, timedelta

from benchmarks.forecast_scores import SHAPES, START, quantiles_of_model, quantiles_of_pace, score, simulate
from campaigns.rules.forecast import Wave, forecast_count, forecast_goal
from campaigns.rules.progress import Outlook, find_outlook, required_per_day
from tests.support.tables import cases


def steady(per_day, days):
    return [(START + timedelta(days=n), (n + 1) * per_day) for n in range(days)]


def ask(days, *, ahead=10, **more):
    today = days[-1][0] + timedelta(days=1) if days else START
    given = {
        "people": 10_000,
        "goal": 0.5,
        "today": today,
        "deadline": None if ahead is None else today + timedelta(days=ahead - 1),
        **more,
    }
    return forecast_goal(days, [Wave(START, 10_000)], **given)


def test_80_of_100_drives_end_within_the_range_and_the_error_is_smaller_than_that_of_carrying_on():
    # The parameters were chosen on the seeds 0 to 39; docs/performance.md has 1,000 drives.
    drives = [simulate(shape, seed) for shape in SHAPES for seed in range(500, 520)]
    ours, pace = (score(way, drives) for way in (quantiles_of_model, quantiles_of_pace))
    assert 0.7 <= ours.coverage <= 0.9
    assert ours.crps < 0.7 * pace.crps


def test_one_verdict_follows_from_the_numbers():
    verdicts = set()
    for shape in SHAPES:
        for seed in range(500, 520):
            drive = simulate(shape, seed)
            today = drive.days[-1][0] + timedelta(days=1)
            deadline = START + timedelta(days=drive.deadline)
            found = forecast_goal(
                drive.days, drive.waves, people=drive.people, goal=0.3, today=today, deadline=deadline
            )
            if found is None:
                continue
            target = -(-drive.people * 3 // 10)
            outlook = find_outlook(share=0.0, goal=0.3, deadline=deadline, today=today, ahead=found)
            verdicts.add(outlook)
            # Rounded to a person, a count may lie on the target's edge.
            assert (outlook is Outlook.ON_TRACK) <= (found.low >= target - 1)
            assert (outlook is Outlook.OFF_TRACK) <= (found.high <= target + 1)
            assert (found.reached_on is not None) == (found.likely >= target)
            assert found.reached_on is None or today <= found.reached_on <= deadline
            assert found.low <= found.likely <= found.high <= drive.people
    assert verdicts == {Outlook.ON_TRACK, Outlook.AT_RISK, Outlook.OFF_TRACK}


def test_a_steady_pace_goes_on_and_its_wave_has_faded():
    found = ask(steady(100, 20))
    assert (found.per_day, found.days) == (100, 14)
    assert found.low < 2_900 < found.high
    assert found.reached_on is None


def test_after_a_wave_growth_fades_and_a_reminder_brings_it_again():
    days, total = [], 0
    for n in range(15):
        total += 1_000 // 2**n + 5
        days.append((START + timedelta(days=n), total))
    found = ask(days, ahead=14, unanswered=8_000)
    assert found.high < 2_600  # the mean of the last fortnight, 79 a day, would lead to 3,100
    assert found.reminder
    assert 100 < found.reminder[0] < found.reminder[1] < 2_000
    until = found.until
    again = [Wave(START, 10_000), Wave(START + timedelta(days=16), 8_000)]
    planned = forecast_count(days, again, people=10_000, until=until)
    alone = forecast_count(days, again[:1], people=10_000, until=until)
    more = planned.quantile(0.5) - alone.quantile(0.5)
    assert found.reminder[0] <= more <= found.reminder[1]


def test_today_is_not_over_and_does_not_slow_the_pace():
    days = steady(100, 20)
    until = days[-1][0] + timedelta(days=10)
    whole = ask(days, deadline=until)
    this_morning = ask(
        [*days, (days[-1][0] + timedelta(days=1), days[-1][1])],
        today=days[-1][0] + timedelta(days=1),
        deadline=until,
    )
    assert whole == this_morning


def test_without_a_deadline_it_looks_30_days_ahead():
    found = ask(steady(100, 20), ahead=None)
    assert found.until == START + timedelta(days=20 + 30)


@cases(
    ([], {}),
    (steady(1, 4), {}),  # too few days are over
    (steady(1, 20), {"people": 0}),
    (steady(300, 20), {}),  # reached
    (steady(1, 20), {"deadline": START}),  # passed
    (steady(1, 20), {"deadline": date.max}),
)
def test_what_cannot_be_told_is_not_told(days, more):
    assert ask(days, **more) is None


def test_a_drive_that_stands_still_is_foretold_to_stand_still():
    found = ask([(START + timedelta(days=n), 40) for n in range(20)])
    assert 40 <= found.low <= found.high < 120
    assert found.chance < 0.01


@cases(*((last, days) for last in (100, 215, 225, 250, 254, 290) for days in (300, 5_000)))
def test_a_message_after_months_of_silence_is_foretold_as_any_other(last, days):
    told = [(START + timedelta(days=n), n // 4) for n in range(days)]
    waves = [Wave(START, 10_000), Wave(told[last - 300][0], 10_000)]
    today = told[-1][0] + timedelta(days=1)
    found = forecast_goal(told, waves, people=10_000, goal=0.5, today=today, deadline=None, unanswered=9_000)
    assert told[-1][1] <= found.low <= found.likely <= found.high < 5_000
    assert found.reminder[0] <= found.reminder[1] <= 9_000


@cases((0, 9, 5.0), (40, 9, 1.0), (50, 9, 0.0), (80, 0, 0.0), (49, 0, 1.0), (10, -1, None))
def test_the_pace_that_is_needed(installed, deadline, needed):
    today = date(2020, 8, 20)
    found = required_per_day(
        installed=installed, denominator=100, goal=0.5, today=today, deadline=today + timedelta(days=deadline)
    )
    assert found == needed


def test_the_pace_leaves_out_the_burst_of_a_launch_and_of_a_reminder():
    totals = [200, 230, 233, 236, 239, 300, 330, 334, 338, 342]
    days = [(START + timedelta(days=n), total) for n, total in enumerate(totals)]
    today = days[-1][0] + timedelta(days=1)
    waves = [Wave(START, 1_000), Wave(START + timedelta(days=5), 800)]
    found = forecast_goal(
        days, waves, people=1_000, goal=0.5, today=today, deadline=today + timedelta(days=9)
    )
    assert (found.per_day, found.days) == (4, 3)


def test_nothing_is_foretold_below_what_is_counted_and_a_campaign_that_has_ended_is_foretold_on():
    days = steady(8, 10)
    today = days[-1][0] + timedelta(days=4)
    found = ask([*days, (today, 99)], today=today, deadline=today + timedelta(days=5))
    assert found.low == found.likely == 99 <= found.high
    ended = ask(days, today=today, deadline=today + timedelta(days=5))
    assert ended.per_day < 8


@cases(((40, 38, 42), True), ((400, 420, 380), False), ((0, 0, 0), False))
def test_the_range_says_so_when_the_last_days_are_unlike_those_it_assumes(added, fits):
    days = steady(40, 12)
    for n in added:
        days.append((days[-1][0] + timedelta(days=1), days[-1][1] + n))
    found = ask(days)
    assert found.fits is fits
