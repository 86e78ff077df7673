"""The activity log: outreach by radio, television, newspapers, loudspeakers, meetings and visits."""

import secrets
from datetime import timedelta
from typing import Any, TypeVar

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from admin.forms import ChoiceField, Form, RadioField, RowField, TextField, labelled, row_id, this_day, today
from admin.views.base import AdminPage, FormAction, requested_day
from admin.wording.filters import label_of, number
from campaigns.activities import activity_log as log
from campaigns.analytics.installs import list_launched
from campaigns.models.activities import Activity
from campaigns.rules.activities import ActivityKind, read_entry
from outreach.accounts.permissions import visible_to
from outreach.contacts.lists import read_organisations
from outreach.models.accounts import User
from outreach.places.areas import read_districts, read_provinces

_SHOWN_DAYS = 7  # by default
_ENTRY = ("kind", "first", "last", "times", "people", "who", "place", "about")


class ActivityForm(Form):
    kind = RadioField(
        _l("Hình thức"), labelled(ActivityKind, "publicity"), coerce=ActivityKind, required=True
    )
    first = TextField(
        _l("Từ ngày"), type="date", required=True, max=today, codes=("day_too_far", "day_wrong")
    )
    last = TextField(
        _l("Đến ngày"),
        type="date",
        max=today,
        codes=("last_day_before_first", "activity_in_future", "activity_days_many"),
    )
    times = TextField(
        _l("Số lần mỗi ngày"),
        default="1",
        inputmode="numeric",
        required=True,
        autocomplete="off",
        codes=("activity_times_wrong", "activity_number_wrong"),
    )
    area = ChoiceField(_l("Địa bàn"), empty=_l("Chọn địa bàn"), required=True, codes=("area_missing",))
    place = TextField(_l("Thôn, nơi thực hiện"), maxlength=200, autocomplete="off")
    organisation_id = ChoiceField(
        _l("Tổ chức thực hiện"),
        name="organisation",
        coerce=row_id,
        required=True,
        codes=("organisation_missing",),
    )
    who = TextField(_l("Đơn vị thực hiện, đài, báo"), maxlength=200, autocomplete="off")
    campaign_id = ChoiceField(
        _l("Thuộc chiến dịch"),
        name="campaign",
        coerce=row_id,
        empty=_l("Không thuộc chiến dịch nào"),
        codes=("campaign_not_found_choose",),
    )
    people = TextField(
        _l("Số người dự, số người gặp mỗi lần"),
        hint=_l("Chưa rõ thì để trống, đừng ghi 0."),
        inputmode="numeric",
        autocomplete="off",
    )
    about = TextField(_l("Nội dung, ghi chú"), maxlength=200, autocomplete="off")

    def values(self) -> dict[str, Any]:
        values = super().values()
        return values | {"entry": read_entry({name: values.pop(name) for name in _ENTRY}, today=this_day())}


class NewActivityForm(ActivityForm):
    """An entry; sent twice, it is stored once by its key."""

    form_key = TextField(type="hidden")


class CorrectForm(ActivityForm):
    version = RowField()


class WithdrawForm(Form):
    version = RowField()


F = TypeVar("F", bound=ActivityForm)


class ActivitiesView(AdminPage):
    name, endpoint, url = _l("Tuyên truyền"), "activities", "/admin/publicity"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List activities.

        `?first=`, `?last=` are days; kind, area, organisation, campaign; `?after=` is the next page.
        """
        args = request.args
        last = requested_day("last") or this_day()
        first = min(requested_day("first") or last - timedelta(days=_SHOWN_DAYS - 1), last)
        filters = log.ActivityFilter(
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
            summary = log.read_summary(session, filters, seen=seen)
            lines, is_more = log.read_page(session, filters, user=user, after=after)
            return self.render(
                "progress/activities.html",
                wanted=filters,
                summary=summary,
                by_district=log.by_district(session, summary),
                kinds=list(ActivityKind),
                by_kind=[
                    (
                        label_of(kind, "publicity"),
                        "",
                        total.times,
                        "" if total.people is None else _("%(n)s lượt người", n=number(total.people)),
                    )
                    for kind, total in sorted(summary.kinds.items(), key=lambda each: -each[1].times)
                ],
                lines=lines,
                after=lines[-1].Activity.id if is_more else None,
                is_first=after is None,
                kept={key: value for key, value in args.items() if value and key != "after"},
                today=today(),
                **_read_choices(session, user),
            )

    @expose("/new")
    def create(self) -> ResponseReturnValue:
        """Show the form of a new entry. `?copy=` fills it like an earlier entry, with today's date; `kind`, `campaign`."""
        with self.reading() as (session, user):
            copied_id = request.args.get("copy", type=int)
            original = log.read_versions(session, copied_id, user=user)[0].Activity if copied_id else None
            values = _values_of(original) if original else _new_values(log.read_last_of(session, user), user)
            values |= {"first": today(), "last": today(), "form_key": secrets.token_hex(16)}
            if campaign_id := request.args.get("campaign", type=int):
                values |= {"campaign_id": campaign_id, "kind": request.args.get("kind")}
            form = _with_choices(NewActivityForm.on_page(**values), session, user)
        return self.render("progress/new_activity.html", form=form)

    @expose("/new", methods=["POST"])
    def enter(self) -> ResponseReturnValue:
        then = url_for(".create" if request.form.get("next") else ".index")
        return self.submit_form(
            NewActivityForm(), log.add_activity, message=_("Đã ghi."), then=then, page=url_for(".create")
        )

    @expose("/<int:entry_id>/")
    def show(self, entry_id: int) -> ResponseReturnValue:
        with self.reading() as (session, user):
            versions = log.read_versions(session, entry_id, user=user)
            form = _with_choices(CorrectForm.on_page(**_values_of(versions[0].Activity)), session, user)
        form.version.data = versions[0].Activity.id
        return self.render(
            "progress/activity.html",
            entry_id=entry_id,
            versions=versions,
            form=form,
            withdraw_form=WithdrawForm(is_sent=False, version=form.version.data),
        )

    correct = FormAction("/<int:entry_id>/correct", log.correct_activity, CorrectForm).tells(
        _l("Đã sửa. Bản trước vẫn được lưu.")
    )
    withdraw = FormAction("/<int:entry_id>/withdraw", log.withdraw_activity, WithdrawForm).tells(
        _l("Đã bỏ mục này, không tính nữa. Muốn tính lại, hãy ghi lại ở dưới.")
    )


def _read_choices(session: Session, user: User) -> dict[str, Any]:
    return {
        "organisations": read_organisations(session, user),
        "campaigns": list_launched(session, user),
        "provinces": read_provinces(session),
        "districts": read_districts(session),
    }


def _with_choices(form: F, session: Session, user: User) -> F:
    choices = _read_choices(session, user)
    form.organisation_id.choices, form.campaign_id.choices = choices["organisations"], choices["campaigns"]
    form.organisation_id.empty = _("Chọn tổ chức") if len(choices["organisations"]) > 1 else None
    form.area.choices = {None: choices["provinces"]} | {
        name: [(code, _("Cả %(name)s", name=name)), *communes]
        for code, name, communes in choices["districts"]
    }
    return form


def _values_of(row: Activity) -> dict[str, Any]:
    return {
        **{name: str(getattr(row, name) or "") for name in _ENTRY},
        "kind": row.kind,
        "people": "" if row.people is None else str(row.people),
        "area": row.area_code,
        "organisation_id": row.organisation_id,
        "campaign_id": row.campaign_id,
    }


def _new_values(last: Activity | None, user: User) -> dict[str, Any]:
    """Return an empty form with the place and organisation of the user's last entry."""
    if last:
        values = _values_of(last)
        return {name: values[name] for name in ("area", "organisation_id", "campaign_id", "who")}
    area = user.area_code or (user.organisation.area_code if user.organisation else None)
    return {"area": area or "", "organisation_id": user.organisation_id}
