"""The day of a report: what is due when, also after the scheduler was down."""

from dataclasses import asdict, replace

import pytest

from campaigns.rules.reports.template import DayEvents, ReportAction, ReportHours, next_action, parse_template
from outreach.rules.errors import BadInput
from tests.support.report_sample import FORM
from tests.support.tables import cases, each_of

HOURS = ReportHours()
MORNING = DayEvents(is_wanted=True, missing=2)
CHASED = replace(MORNING, is_chased=True)
ALARMED = replace(CHASED, is_alarmed=True)
FROZEN = replace(ALARMED, is_frozen=True)
APPROVED = replace(FROZEN, is_approved=True)
ISSUED = replace(APPROVED, is_issued=True)
DELIVERED = replace(ISSUED, is_delivered=True)
LATE = replace(ISSUED, is_undelivered_alarmed=True)


@cases(
    # A day as it should be.
    ("10:59", MORNING, None),
    ("11:00", MORNING, ReportAction.CHASE),
    ("11:00", replace(MORNING, missing=0), None),
    ("11:01", replace(CHASED, may_deliver=True), ReportAction.DELIVER),
    ("12:59", CHASED, None),
    ("13:00", CHASED, ReportAction.ALARM_MISSING),
    ("13:00", replace(CHASED, missing=0), None),
    ("13:29", ALARMED, None),
    ("13:30", ALARMED, ReportAction.FREEZE),
    ("13:30", FROZEN, None),  # it waits for two people
    ("13:30", APPROVED, ReportAction.ISSUE),
    ("13:30", replace(ISSUED, may_deliver=True), ReportAction.DELIVER),
    ("13:31", DELIVERED, None),
    ("16:31", DELIVERED, None),  # a correction waits for a person, too
    # Nobody approved it: an alarm, and nothing goes out.
    ("13:45", FROZEN, ReportAction.ALARM_UNDELIVERED),
    ("14:01", replace(FROZEN, is_undelivered_alarmed=True), None),
    # The mail server is away: a pause, then the alarm, and on.
    ("13:44", ISSUED, None),
    ("13:45", ISSUED, ReportAction.ALARM_UNDELIVERED),
    ("13:46", replace(LATE, may_deliver=True), ReportAction.DELIVER),
    ("15:00", LATE, None),
    # Freezing or issuing broke: tried again after a pause, and the alarm has its turn.
    ("13:40", replace(ALARMED, has_just_failed=True), None),
    ("13:45", replace(ALARMED, has_just_failed=True), ReportAction.ALARM_UNDELIVERED),
    ("13:45", replace(APPROVED, has_just_failed=True), ReportAction.ALARM_UNDELIVERED),
    ("13:47", APPROVED, ReportAction.ISSUE),
    # The scheduler was down: what is of no use any more is left out, the report goes out.
    ("13:10", MORNING, ReportAction.ALARM_MISSING),
    ("13:10", replace(MORNING, is_alarmed=True), ReportAction.CHASE),
    *each_of("13:50 | 23:59", MORNING, ReportAction.FREEZE),
    ("13:50", replace(MORNING, is_frozen=True, is_approved=True), ReportAction.ISSUE),
    # Nothing is under way: nothing by itself; what somebody froze by hand goes on.
    ("13:50", DayEvents(is_wanted=False, missing=2), None),
    ("14:10", DayEvents(is_wanted=False, is_frozen=True, is_approved=True), ReportAction.ISSUE),
)
def test_what_is_due(clock, happened, due):
    assert next_action(clock, happened, HOURS) is due


@cases(("issuer", []), ("hours", []), ("hours", {"freeze": 13}), ("since", "2020-W33-1"))
def test_a_form_with_a_part_of_another_kind_is_refused_in_words(part, value):
    with pytest.raises(BadInput):
        parse_template({**asdict(FORM), part: value})
