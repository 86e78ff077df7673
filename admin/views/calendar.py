"""Calendar of a month: what goes to whom when, days without sending, days of reports; who would get a third message in a week."""

import calendar
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from admin.forms import this_day
from admin.views.base import AdminPage
from campaigns.analytics.calendar import read_calendar
from campaigns.analytics.collisions import read_collisions
from campaigns.lifecycle import find_campaign
from campaigns.planning.drives import list_drives
from campaigns.privacy.clocks import load_calendar, quiet_days
from campaigns.reports.settings import drives_with_report
from campaigns.reports.take_snapshot import days_with_report
from outreach.accounts.permissions import organisations_of
from outreach.models.accounts import User


class CalendarView(AdminPage):
    name, endpoint, url = _l("Lịch gửi"), "calendar", "/admin/calendar"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show a month. `?month=` is YYYY-MM, by default this one; `?collisions` counts them at once."""
        month = _requested_month()
        weeks = calendar.Calendar().monthdatescalendar(month.year, month.month)
        first, last = weeks[0][0], weeks[-1][-1]
        with self.reading() as (session, user):
            now = datetime.now(UTC)
            entries = read_calendar(session, user, first, last, settings=self.settings, now=now)
            sees_reports = organisations_of(session, user) is None
            reports = _report_days(session, [day for week in weeks for day in week]) if sees_reports else {}
            collisions = self._collisions(session, user) if "collisions" in request.args else None
        quiet, holidays = quiet_days(self.settings), load_calendar()
        return self.render(
            "campaigns/calendar.html",
            month=month,
            before=(month - timedelta(days=1)).strftime("%Y-%m"),
            after=(month + timedelta(days=31)).strftime("%Y-%m"),
            weeks=weeks,
            today=this_day(),
            entries={day: [each for each in entries if each.day == day] for week in weeks for day in week},
            reports=reports,
            quiet={day: why for week in weeks for day in week if (why := quiet.why(day)) is not None},
            has_entries=bool(entries),
            collisions=collisions,
            # Told where the holidays are kept and next year's are wanted soon.
            holidays_until=holidays.known_until
            if quiet.takes_holidays and holidays.is_running_out(this_day())
            else None,
        )

    @expose("/collisions")
    def collisions(self) -> ResponseReturnValue:
        """Render the collisions of all steps to come, or with `?campaign=` of one campaign's."""
        with self.reading() as (session, user):
            campaign_id = request.args.get("campaign", type=int)
            if campaign_id:
                find_campaign(session, campaign_id, user=user)
            found = self._collisions(session, user, campaign_id)
        page = self.render("campaigns/collisions.html", collisions=found, of_one=bool(campaign_id))
        return page, {"X-Live": "end"}

    def _collisions(self, session: Session, user: User, campaign_id: int | None = None) -> list[Any]:
        """Return (campaign, name, its collisions), those with most phones first."""
        found = read_collisions(
            session, user, runtime=self.runtime, now=datetime.now(UTC), campaign_id=campaign_id
        )
        by_phones = sorted(found.items(), key=lambda each: -max(row.phones for row in each[1]))
        return [(of, find_campaign(session, of, user=user).name, rows) for of, rows in by_phones]


def _requested_month() -> date:
    asked = f"{request.args.get('month', '')}-01"
    try:
        # Moments of the year 1 have none in UTC.
        return date.fromisoformat(asked if asked >= "2000" else "")
    except ValueError:
        return this_day().replace(day=1)


def _report_days(session: Session, days: list[date]) -> dict[date, list[str]]:
    """Return the drives whose report is due, by day."""
    with_report = set(drives_with_report(session))
    due: dict[date, list[str]] = {}
    for drive in list_drives(session):
        for day in days_with_report(session, drive.id, days) if drive.id in with_report else ():
            due.setdefault(day, []).append(drive.name)
    return due
