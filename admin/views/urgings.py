"""Urgings: the prepared message to a place's or an agency's contact, and those sent before with their answers."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.forms import ChoiceField, Form, LongTextField, TextField
from admin.views.base import AdminPage, requested_drive_id
from admin.wording.filters import kind_words
from campaigns.analytics.progress import read_progress
from campaigns.models.campaigns import Drive
from campaigns.models.reports import UrgeChannel
from campaigns.planning.drives import find_drive
from campaigns.reports.settings import current_template, may_urge
from campaigns.reports.urge_contact import find_contacts, read_urgings, text_with_link, urge_contact
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.urge_texts import Lag, write_about_agency, write_about_place
from outreach.models.accounts import Organisation, OrganisationKind
from outreach.models.places import Area


class UrgeForm(Form):
    main = "text"
    ids = "urge"
    channel = ChoiceField(
        _l("Gửi bằng"),
        required=True,
        choices=[
            (UrgeChannel.MAIL.value, _l("thư điện tử")),
            (UrgeChannel.SMS.value, _l("tin nhắn từ điện thoại của đồng chí")),
        ],
    )
    contact = TextField(_l("Người nhận"), maxlength=200, autocomplete="off")
    address = TextField(
        _l("Địa chỉ thư hoặc số điện thoại"),
        required=True,
        maxlength=254,
        autocomplete="off",
        codes=("urge_address_wrong", "urge_number_wrong", "urged_today"),
    )
    text = LongTextField(
        _l("Nội dung"),
        required=True,
        rows=9,
        hint=_l("Giữ nguyên {link}: liên kết để trả lời được ghi vào đó."),
        codes=("urge_text_wrong",),
    )


class UrgingsView(AdminPage):
    """Not in the menu: the leaders' page links here."""

    under = "progress"
    name, endpoint, url = "", "urging", "/admin/urging"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show the message prepared for `?area=` or `?organisation=` in `?drive=`, and those sent; without either all of them."""
        now, area, organisation = datetime.now(UTC), *_about_whom()
        with self.reading() as (session, user):
            if not may_urge(session, user):
                return self.render("progress/urge_out_of_scope.html")
            drive = find_drive(session, requested_drive_id(session))
            form = current_template(session, drive.id)
            today = now.astimezone(VIETNAM).date()
            done = kind_words(drive.kind).done
            if organisation:
                agency = session.get(Organisation, organisation)
                if agency is None or agency.kind is not OrganisationKind.AGENCY:
                    abort(404)
                name = agency.name
                text = write_about_agency(
                    name, issuer=form.issuer_in_text, done=done, freeze=form.hours.freeze, today=today
                )
            elif area is None:
                name = text = ""
            else:
                place = session.get(Area, area)
                if place is None:
                    abort(404)
                name = place.full_name
                lag = self._lag(drive, place, now)
                text = write_about_place(lag, issuer=form.issuer_in_text, done=done, today=today)
            contacts = find_contacts(session, drive.id, area=area, organisation=organisation, now=now)
            sent = read_urgings(session, drive.id, area=area, organisation=organisation)
            shown = UrgeForm.on_page()
            if not shown.text.data:
                shown.text.data = text
            if contacts and not shown.address.data:
                shown.contact.data, shown.address.data = contacts[0]
            return self.render(
                "progress/urge.html",
                drive=drive,
                name=name,
                form=shown,
                contacts=contacts,
                sent=[(each, text_with_link(each, self.settings)) for each in sent],
                about={"area": area, "organisation": organisation},
                is_about_somebody=bool(area or organisation),
            )

    def _lag(self, drive: Drive, place: Area, now: datetime) -> Lag:
        with self.reading() as (session, user):
            leaders = read_progress(session, drive, user=user, redis=self.runtime.redis, now=now)
        goal = leaders.head.goal if leaders else None
        tables = [leaders.districts, *leaders.communes.values()] if leaders else []
        line = next((line for table in tables for line in table.lines if line.code == place.code), None)
        return Lag(
            place.full_name,
            line.share if line else None,
            goal.share if goal else None,
            line.missing if line else None,
            goal.deadline if goal else None,
        )

    @expose("/send", methods=["POST"])
    def send(self) -> ResponseReturnValue:
        area, organisation = _about_whom()
        with self.reading() as (session, _user):
            drive = requested_drive_id(session)
        page = url_for(".index", drive=drive, area=area, organisation=organisation)
        message = _("Đã ghi. Thư được gửi ngay; tin nhắn: mở ở dưới để gửi từ điện thoại.")
        return self.submit_form(
            UrgeForm(), page, urge_contact, drive, area=area, organisation=organisation, message=message
        )


def _about_whom() -> tuple[str | None, int | None]:
    """Return the area or the organisation of the query."""
    area, organisation = request.args.get("area") or None, request.args.get("organisation", type=int)
    return (area, None) if area else (None, organisation)
