"""An entry of the outreach log as it is typed, and what entries amount to on some days."""

from datetime import date, timedelta

from campaigns.rules.activities import ActivityEntry, ActivityKind, ActivityTotals, read_entry, summarise
from outreach.rules.errors import BadInput
from tests.support.errors import refuses
from tests.support.tables import cases

TODAY = date(2020, 8, 12)


@cases(
    ({"kind": "radio"}, ActivityEntry(ActivityKind.RADIO, TODAY, TODAY, 1)),
    (
        {"kind": "radio", "first": "2020-08-10"},
        ActivityEntry(ActivityKind.RADIO, date(2020, 8, 10), date(2020, 8, 10), 1),
    ),
    (
        {"kind": "loudspeaker", "first": "2020-07-13", "last": "2020-08-12", "times": " 2 "},
        ActivityEntry(ActivityKind.LOUDSPEAKER, date(2020, 7, 13), TODAY, 2),
    ),
    (
        {"kind": "meeting", "people": "1.250", "who": " Ban  công tác ", "place": "Nhà rông", "about": "x"},
        ActivityEntry(ActivityKind.MEETING, TODAY, TODAY, 1, 1250, "Ban công tác", "Nhà rông", "x"),
    ),
    ({"kind": "visits", "people": "0"}, ActivityEntry(ActivityKind.VISITS, TODAY, TODAY, 1, 0)),
)
def test_an_entry_is_read_as_typed(typed, entry):
    assert read_entry(typed, today=TODAY) == entry


@cases(
    ({"kind": ""}, "chọn hình thức"),
    ({"kind": "fax"}, "chọn hình thức"),
    ({"first": "2020-08-13"}, "không được sau hôm nay"),
    ({"first": "2020-08-10", "last": "2020-08-13"}, "không được sau hôm nay"),
    ({"first": "2020-08-10", "last": "2020-08-09"}, "bằng hoặc sau ngày đầu"),
    ({"first": "2020-07-12", "last": "2020-08-12"}, "nhiều nhất 31 ngày"),
    ({"first": "2002-08-12"}, "quá xa"),
    ({"first": "12/8"}, "Ngày không đúng"),
    ({"times": "0"}, "từ 1 trở lên"),
    ({"times": "101"}, "nhiều nhất 100"),
    ({"people": "nhiều"}, "phải là một số"),
    ({"people": "-3"}, "phải là một số"),
    ({"about": "x" * 201}, "nhiều nhất 200 chữ"),
)
def test_what_cannot_be_is_refused_with_what_to_do(typed, told):
    with refuses(BadInput, says=told):
        read_entry({"kind": "radio", **typed}, today=TODAY)


def test_only_the_days_asked_for_count_and_people_unknown_stay_unknown():
    speaker = ActivityEntry(ActivityKind.LOUDSPEAKER, TODAY - timedelta(days=5), TODAY, 2)
    meeting = ActivityEntry(ActivityKind.MEETING, TODAY, TODAY, 2, 40)
    earlier = ActivityEntry(ActivityKind.RADIO, TODAY - timedelta(days=9), TODAY - timedelta(days=9), 3)
    yesterday = TODAY - timedelta(days=1)
    entries = [(speaker, "23281"), (meeting, "23281"), (earlier, "62")]
    summary = summarise(entries, first=yesterday, last=TODAY)
    assert summary.total == ActivityTotals(entries=2, times=6, people=80)
    assert summary.kinds == {
        ActivityKind.LOUDSPEAKER: ActivityTotals(1, 4, None),
        ActivityKind.MEETING: ActivityTotals(1, 2, 80),
    }
    assert summary.areas == {"23281": ActivityTotals(2, 6, 80)}
    assert summary.days == {yesterday: ActivityTotals(1, 2, None), TODAY: ActivityTotals(2, 4, 80)}
    assert (
        summarise(entries, first=TODAY + timedelta(days=1), last=TODAY + timedelta(days=2)).total
        == ActivityTotals()
    )
