"""The activity log: outreach by radio, television, newspapers, loudspeakers, meetings and visits."""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from admin.rules.charts import Bar, bar_chart
from admin.views.base import AdminPage
from admin.wording.filters import label_of, number
from campaigns.activities.activity_log import (
    ActivityFilter,
    add_activity,
    by_district,
    correct_activity,
    read_last_of,
    read_page,
    read_summary,
    read_versions,
    withdraw_activity,
)
from campaigns.analytics.installs import list_launched
from campaigns.models.activities import Activity
from campaigns.rules.activities import ActivityKind, Summary, read_entry
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.permissions import visible_to
from outreach.contacts.lists import read_organisations
from outreach.models.accounts import User
from outreach.places.areas import read_districts, read_provinces
from outreach.rules.errors import BadInput, WrongState
from outreach.runtime import Runtime

_SHOWN_DAYS = 7  # by default
_FIELDS = ("kind", "first", "last", "times", "people", "who", "place", "about")


class ActivitiesView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Tuyên truyền"), endpoint="activities", url="/admin/publicity")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List activities.

        `?first=`, `?last=` are days; kind, area, organisation, campaign; `?after=` is the next page.
        """
        args = request.args
        today = _today()
        last = _day(args.get("last")) or today
        first = min(_day(args.get("first")) or last - timedelta(days=_SHOWN_DAYS - 1), last)
        filters = ActivityFilter(
            first,
            last,
            kind=next((kind for kind in ActivityKind if kind == args.get("kind")), None),
            area=args.get("area", "").replace("\0", "")[:10],
            organisation_id=args.get("organisation", type=int),
            campaign_id=args.get("campaign", type=int),
        )
        after = args.get("after", type=int)
        with self.reading() as (session, user):
            seen = visible_to(session, user, Activity.organisation_id)
            summary = read_summary(session, filters, seen=seen)
            districts = by_district(session, summary)
            lines, is_more = read_page(session, filters, user=user, after=after)
            choices = _read_choices(session, user)
        query = {key: value for key, value in args.items() if value and key != "after"}
        return self.render(
            "progress/activities.html",
            wanted=filters,
            summary=summary,
            by_district=districts,
            kinds=list(ActivityKind),
            chart=_draw(summary),
            lines=lines,
            after=lines[-1].activity.id if is_more else None,
            is_first=after is None,
            kept=query,
            today=today.isoformat(),
            **choices,
        )

    @expose("/new")
    def create(self) -> ResponseReturnValue:
        """Show the form of a new entry. `?copy=` fills it like an earlier entry, with today's date."""
        with self.reading() as (session, user):
            copied_id = request.args.get("copy", type=int)
            original = read_versions(session, copied_id, user=user)[0].activity if copied_id else None
            form_values = _values_of(original) if original else _new_values(read_last_of(session, user), user)
        today = _today().isoformat()
        return self._form(form_values | {"first": today, "last": today, "form_key": secrets.token_hex(16)})

    @expose("/new", methods=["POST"])
    def enter(self) -> ResponseReturnValue:
        form_values = _read_form()
        try:
            self.do(
                add_activity,
                read_entry(form_values, today=_today()),
                **_entry_scope(form_values),
                form_key=form_values["form_key"],
            )
        except BadInput as error:
            return self._form(form_values, error=str(error)), 422
        flash(_("Đã ghi."), "success")
        return redirect(url_for(".create" if request.form.get("next") else ".index"), code=303)

    @expose("/<int:entry_id>/")
    def show(self, entry_id: int) -> ResponseReturnValue:
        return self._show(entry_id)

    @expose("/<int:entry_id>/correct", methods=["POST"])
    def correct(self, entry_id: int) -> ResponseReturnValue:
        form_values = _read_form()
        try:
            self.do(
                correct_activity,
                entry_id,
                read_entry(form_values, today=_today()),
                version=_id(request.form.get("version", "")) or 0,
                **_entry_scope(form_values),
            )
        except BadInput as error:
            return self._show(entry_id, form_values=form_values, error=str(error)), 422
        except WrongState as error:
            return self._show(entry_id, error=str(error)), 409
        flash(_("Đã sửa. Bản trước vẫn được lưu."), "success")
        return redirect(url_for(".show", entry_id=entry_id), code=303)

    @expose("/<int:entry_id>/withdraw", methods=["POST"])
    def withdraw(self, entry_id: int) -> ResponseReturnValue:
        url, version = url_for(".show", entry_id=entry_id), _id(request.form.get("version", "")) or 0
        message = _("Đã bỏ mục này, không tính nữa. Muốn tính lại, hãy ghi lại ở dưới.")
        return self.do_and_tell(url, message, withdraw_activity, entry_id, version=version)

    def _show(self, entry_id: int, *, form_values: dict[str, str] | None = None, error: str = "") -> str:
        with self.reading() as (session, user):
            versions = read_versions(session, entry_id, user=user)
            choices = _read_choices(session, user)
        page: str = self.render(
            "progress/activity.html",
            entry_id=entry_id,
            versions=versions,
            typed=form_values or _values_of(versions[0].activity),
            error=error,
            kinds=list(ActivityKind),
            today=_today().isoformat(),
            **choices,
        )
        return page

    def _form(self, form_values: dict[str, str], *, error: str = "") -> str:
        with self.reading() as (session, user):
            choices = _read_choices(session, user)
        page: str = self.render(
            "progress/new_activity.html",
            typed=form_values,
            error=error,
            kinds=list(ActivityKind),
            today=_today().isoformat(),
            **choices,
        )
        return page


def _read_choices(session: Session, user: User) -> dict[str, Any]:
    return {
        "organisations": read_organisations(session, user),
        "campaigns": [(campaign_id, name) for campaign_id, name, _launched in list_launched(session, user)],
        "provinces": read_provinces(session),
        "districts": read_districts(session),
    }


def _read_form() -> dict[str, str]:
    names = (*_FIELDS, "area", "organisation", "campaign", "form_key")
    return {name: request.form.get(name, "").replace("\0", "").strip()[:400] for name in names}


def _entry_scope(form_values: dict[str, str]) -> dict[str, Any]:
    return {
        "area": form_values["area"],
        "organisation_id": _id(form_values["organisation"]) or 0,
        "campaign_id": _id(form_values["campaign"]),
    }


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def _values_of(row: Activity) -> dict[str, str]:
    return {
        **{name: str(getattr(row, name) or "") for name in _FIELDS},
        "kind": row.kind.value,
        "people": "" if row.people is None else str(row.people),
        "area": row.area_code,
        "organisation": str(row.organisation_id),
        "campaign": str(row.campaign_id or ""),
    }


def _new_values(last: Activity | None, user: User) -> dict[str, str]:
    """Return an empty form with the place and organisation of the user's last entry."""
    if last:
        values = _values_of(last)
        return {name: values[name] for name in ("area", "organisation", "campaign", "who")} | {"times": "1"}
    area = user.area_code or (user.organisation.area_code if user.organisation else None)
    return {"area": area or "", "organisation": str(user.organisation_id or ""), "times": "1"}


def _draw(summary: Summary) -> Any:
    most = max((total.times for total in summary.kinds.values()), default=0)
    bars = [
        Bar(label_of(kind, "publicity"), summary.kinds[kind].times / most, number(summary.kinds[kind].times))
        for kind in sorted(summary.kinds, key=lambda kind: -summary.kinds[kind].times)
    ]
    about = _("Số lần phát, đăng, họp hoặc đến nhà trong những ngày đã chọn.")
    return bar_chart("kinds", _("Số lần theo hình thức"), about, bars, goal=None) if bars else None


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text and len(text) == 10 else None
    except ValueError:
        return None


def _today() -> date:
    return datetime.now(VIETNAM).date()
