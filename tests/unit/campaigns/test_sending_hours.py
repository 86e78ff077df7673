"""Hours of the day in Vietnam, the days of the steps, and why a campaign stands still until when."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns.rules.control_phones import read_came_at
from campaigns.rules.sending_hours import (
    LIVE_HOURS,
    VIETNAM,
    SendingState,
    StallReason,
    closes_at,
    common_hours,
    due_times,
    find_pauses,
    is_clock,
    is_never_open,
    opens_at,
    sending_rate,
    step_due_at,
    why_stalled,
)
from campaigns.rules.states import CampaignState
from outreach.rules.errors import BadInput
from outreach.rules.quiet_days import Period, QuietDays, parse_quiet_days
from tests.support.tables import cases, each_of

DAY = ("07:00", "21:00")
WHOLE_DAY = ("00:00", "24:00")


def vn(text):
    """A moment written as in Vietnam, "18 08:00" in August 2020."""
    day, clock = text.split()
    return datetime.fromisoformat(f"2020-08-{day}T{clock}").replace(tzinfo=VIETNAM)


@cases(
    *each_of("00:00 | 09:05 | 23:59 | 24:00", True),
    *each_of("24:01 | 25:00 | 12:60 | 7:00 | 07:0 | 0700 | 07h00 | 0٧:00 | 07:00\n", False),
    ("", False),
)
def test_a_clock_is_hours_and_minutes(text, is_one):
    assert is_clock(text) is is_one


@cases(
    (None, LIVE_HOURS),
    (WHOLE_DAY, LIVE_HOURS),
    (("06:59", "22:01"), LIVE_HOURS),
    (("08:00", "21:00"), ("08:00", "21:00")),
    (("08:00", "23:00"), ("08:00", "22:00")),
    (("05:00", "12:00"), ("07:00", "12:00")),
)
def test_live_hours_lie_within_the_campaigns_and_the_decrees(own, live):
    assert common_hours(own, is_live=True) == live
    assert common_hours(own, is_live=False) == own


@cases((("22:30", "23:30"), True), (("05:00", "07:00"), True), (("05:00", "07:01"), False), (None, False))
def test_hours_outside_the_decrees_never_open_when_live(own, never):
    hours = common_hours(own, is_live=True)
    assert is_never_open(hours) is never
    if never:
        assert not any(closes_at(vn(f"18 {hour:02d}:45"), hours) for hour in range(24))


@cases(
    *each_of("18 06:59:59 | 18 21:00 | 18 00:00", DAY, None),
    *each_of("18 07:00 | 18 20:59:59", DAY, "18 21:00"),
    *each_of("18 00:00 | 18 23:59:59", WHOLE_DAY, "19 00:00"),
    ("18 23:59", ("20:00", "24:00"), "19 00:00"),
)
def test_a_window_is_open_from_its_first_minute_until_before_its_last(now, hours, closes):
    assert closes_at(vn(now), hours) == (vn(closes) if closes else None)


@cases(
    *each_of("18 06:59 | 18 07:00", DAY, "18 07:00"),
    ("18 20:59", DAY, "18 20:59"),
    *each_of("18 21:00 | 18 23:30 | 19 00:30", DAY, "19 07:00"),
)
def test_a_closed_window_opens_next_at_its_hour(now, hours, opens):
    assert opens_at(vn(now), hours) == vn(opens)


def test_a_moment_in_utc_is_judged_by_the_clock_in_vietnam():
    # 23:59 UTC is 06:59 of the next day in Vietnam.
    assert closes_at(datetime(2020, 8, 17, 23, 59, tzinfo=UTC), DAY) is None
    assert closes_at(datetime(2020, 8, 18, 0, 0, tzinfo=UTC), DAY) == datetime(2020, 8, 18, 14, tzinfo=UTC)
    assert opens_at(datetime(2020, 8, 18, 14, tzinfo=UTC), DAY) == datetime(2020, 8, 19, tzinfo=UTC)


def test_without_hours_it_is_always_open():
    now = vn("18 03:00")
    assert opens_at(now, None) == now
    assert closes_at(now, None) == now + timedelta(days=1)


@cases(
    ("18 09:30", 0, None, "18 09:30"),
    ("18 09:30", 2, None, "20 09:30"),
    *each_of("18 09:30 | 18 18:00", 0, "18:00", "18 18:00"),
    ("18 20:00", 0, "18:00", "18 20:00"),  # its hour has passed: at once, not the day before
    ("18 20:00", 1, "18:00", "19 18:00"),
    *each_of("18 00:10 | 18 23:50", 1, "07:00", "19 07:00"),
    ("18 09:30", 1, "24:00", "20 00:00"),
)
def test_a_step_is_due_days_after_the_launch_at_its_hour(launched, days, at, due):
    assert step_due_at(vn(launched), after_days=days, at=at) == vn(due)


def test_days_after_the_launch_are_counted_in_vietnam():
    # 20:00 UTC on the 17th is the 18th in Vietnam.
    launched = datetime(2020, 8, 17, 20, tzinfo=UTC)
    assert step_due_at(launched, after_days=1, at="08:00") == vn("19 08:00")


def test_moments_that_come_out_are_in_utc():
    closes = closes_at(vn("18 08:00"), DAY)
    moments = [closes, opens_at(vn("18 03:00"), DAY), step_due_at(vn("18 08:00"), after_days=1, at=None)]
    assert {moment.tzinfo for moment in moments if moment} == {UTC}


# 16/8/2020 and 23/8/2020 are Sundays.
QUIET = parse_quiet_days("sun, 2020-08-19..2020-08-21 giỗ tổ")


@cases(
    (DAY, "18 20:59", "18 21:00"),
    (DAY, "19 08:00", None),
    (DAY, "21 20:59", None),
    (DAY, "22 08:00", "22 21:00"),
    (DAY, "23 08:00", None),
    (None, "17 23:00", "18 23:00"),
    (None, "18 23:00", "19 00:00"),  # nothing runs over into a quiet day
    (None, "19 00:00", None),
    (WHOLE_DAY, "18 23:59:59", "19 00:00"),
)
def test_a_window_is_closed_on_a_quiet_day(hours, now, closes):
    assert closes_at(vn(now), hours, QUIET) == (vn(closes) if closes else None)


@cases(
    (DAY, "18 20:59", "18 20:59"),
    (DAY, "18 21:00", "22 07:00"),
    (DAY, "19 06:00", "22 07:00"),
    (DAY, "22 21:00", "24 07:00"),
    (None, "19 12:00", "22 00:00"),
    (None, "18 12:00", "18 12:00"),
)
def test_after_quiet_days_it_opens_at_its_hour(hours, now, opens):
    assert opens_at(vn(now), hours, QUIET) == vn(opens)


@cases(
    ("17 09:30", [(0, None), (1, None)], ["17 09:30", "18 09:30"]),
    ("17 09:30", [(0, None), (2, None)], ["17 09:30", "22 00:00"]),  # as soon as the day begins
    ("17 09:30", [(0, None), (2, "18:00")], ["17 09:30", "22 18:00"]),
    # Both fall into the quiet days: the second one does not leave with the first, nor on the Sunday after.
    ("17 09:30", [(0, None), (2, "18:00"), (4, "18:00")], ["17 09:30", "22 18:00", "24 18:00"]),
    ("17 09:30", [(0, None), (2, "09:00"), (2, "18:00")], ["17 09:30", "22 09:00", "22 18:00"]),
    ("17 09:30", [(0, None), (2, None), (9, None)], ["17 09:30", "22 00:00", "26 09:30"]),
    ("19 09:30", [(0, None)], ["22 00:00"]),
)
def test_a_step_that_falls_on_a_quiet_day_is_due_on_the_next_other_one(launched, steps, due):
    assert due_times(vn(launched), steps, QUIET) == list(map(vn, due))
    assert due_times(vn(launched), steps) == [
        step_due_at(vn(launched), after_days=days, at=at) for days, at in steps
    ]


@cases(
    (1, "17 09:31", ["17 09:30", "19 09:30", "21 18:00"]),
    (1, "20 11:00", ["17 09:30", "22 00:00", "23 18:00"]),  # paused for three days, or sent slowly
    (2, "24 11:00", ["17 09:30", "19 09:30", "26 18:00"]),  # two reminders fell into a pause
    (0, None, ["17 09:30", "19 09:30", "21 18:00"]),
    (3, "30 11:00", ["17 09:30", "19 09:30", "21 18:00"]),
)
def test_a_step_keeps_the_days_since_the_one_before_it_was_sent(opened, sent_until, due):
    steps = [(0, None), (2, None), (4, "18:00")]
    sent = vn(sent_until) if sent_until else None
    assert due_times(vn("17 09:30"), steps, opened=opened, sent_until=sent) == list(map(vn, due))


@cases(
    ("17 09:30", "17 12:00", [(0, None)], []),
    ("18 09:30", "22 09:00", [(0, None)], [("19", "21", "22 07:00")]),
    ("17 09:30", "17 12:00", [(0, None), (3, "18:00")], [("19", "21", "22 07:00")]),
    ("17 09:30", None, [(0, None)], [("19", "21", "22 07:00"), ("23", "23", "24 07:00")]),
    ("22 09:30", "31 09:00", [(0, None)], [("23", "23", "24 07:00")]),  # one Sunday tells of all
    ("20 09:30", "22 09:00", [(0, None)], [("20", "21", "22 07:00")]),
)
def test_days_that_put_something_off_are_told(starts, ends, steps, pauses):
    found = find_pauses(vn(starts), steps, DAY, QUIET, ends_at=vn(ends) if ends else None)
    told = [(f"{each.period.first:%d}", f"{each.period.last:%d}", each.goes_on_at) for each in found]
    assert told == [(first, last, vn(at)) for first, last, at in pauses]
    assert find_pauses(vn(starts), steps, DAY, QuietDays(), ends_at=None) == []


def test_the_nations_holidays_are_days_without_sending_where_the_setting_takes_them():
    given = frozenset({date(2026, 2, 16)}), frozenset({(1, 1)})
    assert parse_quiet_days("sun").with_holidays(*given).why(date(2026, 2, 16)) is None
    days = parse_quiet_days("holidays").with_holidays(*given)
    assert days.between(date(2025, 12, 30), date(2026, 2, 20)) == [
        Period(date(2026, 1, 1), date(2026, 1, 1), "holidays"),
        Period(date(2026, 2, 16), date(2026, 2, 16), "holidays"),
    ]


NOW = datetime(2026, 3, 2, 9, 30, 20, tzinfo=VIETNAM)


@cases(
    ("", 1, NOW),
    ("09:30", 1, NOW),  # this very minute
    (" 09:05 ", 1, NOW.replace(minute=5, second=59)),
    ("23:50", 12, (NOW - timedelta(days=1)).replace(hour=23, minute=50, second=59)),
    ("08:30", 1, NOW.replace(hour=8, minute=30, second=59)),  # the minute in which it was queued
)
def test_it_is_the_last_such_moment(typed, queued_before_h, came):
    queued_at = NOW.astimezone(UTC) - timedelta(hours=queued_before_h)
    assert read_came_at(typed, queued_at=queued_at, now=NOW.astimezone(UTC)) == came


@cases(("25:00", "control_time_wrong"), ("sáng", "control_time_wrong"), ("07:00", "control_time_before_copy"))
def test_what_cannot_be_is_refused(typed, code):
    with pytest.raises(BadInput) as refused:
        read_came_at(typed, queued_at=NOW.astimezone(UTC) - timedelta(hours=1), now=NOW.astimezone(UTC))
    assert refused.value.code == code


MORNING = datetime(2020, 8, 5, 3, tzinfo=UTC)  # 10:00 in Vietnam
MOVING = SendingState(
    state=CampaignState.SENDING,
    is_stopped=False,
    starts_at=None,
    deadline=None,
    hours=("07:00", "22:00"),
    queued=100,
    sending=10,
    unknown=0,
    first_due_at=MORNING - timedelta(minutes=5),
    is_throttled=False,
    fault="",
    last_claim_at=MORNING - timedelta(seconds=1),
    opened_at=MORNING - timedelta(minutes=5),
    next_step_at=None,
)
SOON = MORNING + timedelta(minutes=3)
WEDNESDAYS, NEXT_MORNING = parse_quiet_days("wed"), MORNING + timedelta(hours=21)


def test_a_campaign_that_moves_has_nothing_in_its_way():
    assert why_stalled(MOVING, now=MORNING) is None


@cases(
    ({"state": CampaignState.APPROVED}, StallReason.NOT_STARTED, None),
    ({"state": CampaignState.SCHEDULED, "starts_at": SOON}, StallReason.SCHEDULED, SOON),
    (
        {"state": CampaignState.SCHEDULED, "starts_at": SOON, "next_step_at": NEXT_MORNING},
        StallReason.SCHEDULED,
        NEXT_MORNING,
    ),
    ({"state": CampaignState.PAUSED}, StallReason.PAUSED, None),
    ({"state": CampaignState.PAUSED, "is_stopped": True}, StallReason.PAUSED, None),
    ({"is_stopped": True}, StallReason.ALL_STOPPED, None),
    ({"opened_at": None, "queued": 0, "sending": 0}, StallReason.PREPARING, None),
    ({"deadline": MORNING}, StallReason.DEADLINE, None),
    ({"hours": ("12:00", "22:00")}, StallReason.WINDOW, MORNING + timedelta(hours=2)),
    ({"quiet": WEDNESDAYS}, StallReason.QUIET_DAY, NEXT_MORNING),
    ({"quiet": WEDNESDAYS, "hours": None}, StallReason.QUIET_DAY, MORNING + timedelta(hours=14)),
    (
        {"quiet": WEDNESDAYS, "opened_at": None, "queued": 0, "sending": 0, "next_step_at": NEXT_MORNING},
        StallReason.QUIET_DAY,
        NEXT_MORNING,
    ),
    ({"first_due_at": SOON}, StallReason.HELD_BACK, SOON),
    ({"first_due_at": SOON, "is_throttled": True}, StallReason.THROTTLED, SOON),
    ({"first_due_at": SOON, "fault": "http_502"}, StallReason.FAULT, None),
    ({"queued": 0, "fault": "http_502", "sending": 0, "unknown": 3}, StallReason.CHECKING, None),
    ({"last_claim_at": MORNING - timedelta(minutes=1)}, StallReason.GATEWAY, None),
    ({"last_claim_at": None}, StallReason.GATEWAY, None),
    ({"queued": 0, "sending": 0, "unknown": 3}, StallReason.CHECKING, None),
    ({"queued": 0, "sending": 0, "next_step_at": SOON}, StallReason.NEXT_STEP, SOON),
    ({"state": CampaignState.CANCELLED, "sending": 0, "unknown": 1}, StallReason.CHECKING, None),
)
def test_what_is_in_the_way(changes, why, until):
    still = why_stalled(replace(MOVING, **changes), now=MORNING)
    assert (still.why, still.until) == (why, until)


@cases(
    {"queued": 0},
    {"queued": 0, "sending": 0},
    {"state": CampaignState.COMPLETED, "queued": 0, "sending": 0},
    {"last_claim_at": None, "opened_at": MORNING, "first_due_at": MORNING},
)
def test_what_is_through_or_has_just_begun_is_not_held_up(changes):
    assert why_stalled(replace(MOVING, **changes), now=MORNING) is None


MINUTE = timedelta(minutes=1)


def batches(*ages, each=20):
    """Claimed so many seconds ago."""
    return [(MORNING - timedelta(seconds=age), each) for age in ages]


@pytest.mark.parametrize("since_the_last", [0.0, 0.5, 1.0, 1.9])
def test_the_rate_does_not_rise_and_fall_with_each_batch(since_the_last):
    claimed = batches(*(since_the_last + age for age in range(40, -1, -2)))
    assert sending_rate(claimed, now=MORNING, over=MINUTE) == pytest.approx(10)


@cases(
    ([], 0),
    (batches(70), 0),  # too long ago
    (batches(0), 20),  # one batch alone, within its first second
    (batches(2), 10),
    (batches(0.03, 0), 20),  # the first two at once: not hundreds a second
    (batches(30, 28, 26, 24, 22, 20), 4),  # nothing for 20 seconds: the silence counts
)
def test_the_rate_of_what_was_claimed(claimed, rate):
    assert sending_rate(claimed, now=MORNING, over=MINUTE) == pytest.approx(rate)


def test_a_rate_of_a_few_seconds_promises_nothing():
    least = timedelta(seconds=8)
    assert sending_rate(batches(4, 2, 0), now=MORNING, over=MINUTE, least=least) == 0
    assert sending_rate(batches(8, 6, 4, 2, 0), now=MORNING, over=MINUTE, least=least) == 10
