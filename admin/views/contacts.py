"""The directory of contacts, and a contact's page.

An officer's search texts are kept in their signed cookie only, so that no URL contains a name or number.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import select

from admin.permissions import may_open
from admin.views.base import AdminPage, refuse
from admin.views.inbox import labels_of
from admin.wording.campaigns import LANGUAGES
from campaigns.cases.conversation import (
    OFFICER_LABELS,
    has_answered,
    read_conversations,
    record_answer,
    visible_campaigns,
)
from campaigns.models.campaigns import Campaign
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import HEARD, AnswerPlace
from campaigns.privacy.requests import read_requests
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.replies.labels import Label
from outreach.contacts.contact import (
    correct_contact,
    find_contact,
    lift_suppression,
    read_origins,
    read_phones,
    reveal_number,
    suppress_number,
)
from outreach.contacts.directory import ContactFilter, read_page, record_search
from outreach.contacts.lists import read_names, read_organisations
from outreach.contacts.phones import add_number, read_removed, remove_number
from outreach.models.contacts import SuppressionReason
from outreach.models.places import Area
from outreach.places.areas import read_districts
from outreach.rules.errors import LoaError
from outreach.runtime import Runtime

_LONGEST_SEARCH = 100
_FILTERS = {"list", "organisation", "area", "smartphone", "suppressed", "campaign", "answer"}


class ContactsView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Người dân"), endpoint="contacts", url="/admin/people")
        self._keys = AnswerContext(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List contacts.

        `?s=` is the key of a search; filters: list, organisation, area, smartphone, suppressed, campaign,
        answer; `?after=`.
        """
        args = request.args
        filters = ContactFilter(
            text=searched_for(args.get("s", "")),
            list_id=args.get("list", type=int),
            organisation_id=args.get("organisation", type=int),
            area_code=args.get("area", "")[:10],
            smartphone=args.get("smartphone", ""),
            suppressed=bool(args.get("suppressed")),
        )
        campaign_id, answer = args.get("campaign", type=int), args.get("answer", "")
        label = _label(answer)
        with self.reading() as (session, user):
            conditions = []
            if campaign_id is not None or label is not None:
                conditions.append(has_answered(session, user, campaign_id, label))
            page = read_page(session, user, filters, after=args.get("after", "")[:20], also=conditions)
            choices: dict[str, Any] = {
                "lists": read_names(session, user),
                "organisations": read_organisations(session, user),
                "campaigns": visible_campaigns(session, user),
                "kind": session.scalar(select(Campaign.kind).where(Campaign.id == campaign_id)) or "",
                "districts": read_districts(session),
            }
        query = {key: value for key, value in args.items() if value and key != "after"}
        return self.render(
            "contacts/directory.html",
            wanted=filters,
            campaign_id=campaign_id,
            answer=answer,
            labels=OFFICER_LABELS,
            page=page,
            kept=query,
            is_first=page.count is not None,
            may_see_numbers=may_open(current_user.role, "contacts.number"),
            **choices,
        )

    @expose("/", methods=["POST"])
    def search(self) -> ResponseReturnValue:
        """Search for a name or number. It must not be in a URL, which logs and browser histories keep."""
        query: dict[str, Any] = {
            name: value for name, value in request.form.items() if value and name in _FILTERS
        }
        text = request.form.get("q", "")[:_LONGEST_SEARCH].strip()

        try:
            self.do(record_search, text)
        except LoaError as error:
            return refuse(error, url_for(".index", **query))
        if text:
            query["s"] = keep_search(text)
        return redirect(url_for(".index", **query), code=303)

    @expose("/<int:contact_id>/")
    def show(self, contact_id: int) -> ResponseReturnValue:
        return self._show(contact_id)

    @expose("/<int:contact_id>/number", methods=["POST"])
    def number(self, contact_id: int) -> ResponseReturnValue:
        """Show a full number once; recorded in the audit log."""
        phone_id = request.form.get("phone", 0, type=int)
        try:
            shown = {phone_id: self.do(reveal_number, contact_id, phone_id)}
        except LoaError as error:
            return refuse(error, url_for(".show", contact_id=contact_id))
        return self._show(contact_id, numbers=shown)

    @expose("/<int:contact_id>/correct", methods=["POST"])
    def correct(self, contact_id: int) -> ResponseReturnValue:
        form = request.form
        return self._do(
            contact_id,
            _("Đã lưu thông tin."),
            correct_contact,
            name=form.get("name", ""),
            birth_year=form.get("birth_year", ""),
            sex=form.get("sex", ""),
            village=form.get("village", ""),
            area_code=form.get("area", ""),
            has_smartphone={"yes": True, "no": False}.get(form.get("smartphone", "")),
            language=form.get("language"),
        )

    @expose("/<int:contact_id>/add-number", methods=["POST"])
    def add_number(self, contact_id: int) -> ResponseReturnValue:
        number, key = request.form.get("number", "")[:40], self._keys.secret_key
        return self._do(contact_id, _("Đã thêm số điện thoại."), add_number, number, secret_key=key)

    @expose("/<int:contact_id>/remove-number", methods=["POST"])
    def remove_number(self, contact_id: int) -> ResponseReturnValue:
        """Remove a number, and add the right one if it is known."""
        number = request.form.get("number", "")[:40].strip()
        return self._do(
            contact_id,
            _("Đã thay số điện thoại.") if number else _("Đã gỡ số điện thoại."),
            remove_number,
            request.form.get("phone", 0, type=int),
            right_number=number,
            note=request.form.get("note", ""),
            secret_key=self._keys.secret_key,
            opted_out=request.form.get("who", "") != "other",
        )

    @expose("/<int:contact_id>/answer", methods=["POST"])
    def answer(self, contact_id: int) -> ResponseReturnValue:
        campaign_id = request.form.get("campaign", 0, type=int)
        label, place = _label(request.form.get("answer", "")), request.form.get("place")
        if label is None or place not in HEARD:
            flash(_("Hãy chọn điều người dân đã nói và nghe ở đâu rồi ghi lại."), "error")
            return redirect(url_for(".show", contact_id=contact_id), code=303)
        try:
            is_new = self.do(
                record_answer,
                contact_id,
                campaign_id,
                label,
                place=AnswerPlace(place),
                note=request.form.get("note", ""),
                keys=self._keys,
            )
        except LoaError as error:
            return refuse(error, url_for(".show", contact_id=contact_id))
        message = (
            _("Đã ghi câu trả lời.")
            if is_new
            else _("Câu trả lời này đã được ghi từ trước, không có gì thay đổi.")
        )
        flash(message, "success")
        return redirect(url_for(".show", contact_id=contact_id), code=303)

    @expose("/<int:contact_id>/suppress", methods=["POST"])
    def suppress(self, contact_id: int) -> ResponseReturnValue:
        return self._do(
            contact_id,
            _("Từ bây giờ không gửi tin đến số này nữa, ở mọi tổ chức."),
            suppress_number,
            request.form.get("phone", 0, type=int),
            reason=_reason(),
            note=request.form.get("note", ""),
            secret_key=self._keys.secret_key,
        )

    @expose("/<int:contact_id>/lift", methods=["POST"])
    def lift(self, contact_id: int) -> ResponseReturnValue:
        return self._do(
            contact_id,
            _("Đã bỏ chặn số này với lý do đã chọn."),
            lift_suppression,
            request.form.get("phone", 0, type=int),
            reason=_reason(),
            note=request.form.get("note", ""),
        )

    def _show(self, contact_id: int, *, numbers: dict[int, str] | None = None) -> str:
        with self.reading() as (session, user):
            person = find_contact(session, contact_id, user=user)
            area = session.get(Area, person.area_code) if person.area_code else None
            district = session.get(Area, area.parent_code) if area and area.parent_code else None
            context = {
                "phones": read_phones(session, contact_id),
                "removed": read_removed(session, contact_id),
                "languages": LANGUAGES,
                "origins": read_origins(session, contact_id, user=user),
                "talks": read_conversations(session, contact_id, user=user),
                "requests": read_requests(session, user, now=datetime.now(UTC), contact_id=contact_id),
                "districts": read_districts(session),
            }
        return self.render(
            "contacts/contact.html",
            person=person,
            place=", ".join(f"{each.kind} {each.name}" for each in (area, district) if each),
            numbers=numbers or {},
            labels=OFFICER_LABELS,
            labels_of=labels_of,
            places=HEARD,
            request_kinds=list(RequestKind),
            reasons=(SuppressionReason.OPT_OUT, SuppressionReason.WRONG_NUMBER),
            may_change=may_open(current_user.role, "contacts.correct"),
            **context,
        )

    def _do(
        self, contact_id: int, message: str, use_case: Callable[..., object], *args: Any, **values: Any
    ) -> ResponseReturnValue:
        url = url_for(".show", contact_id=contact_id)
        return self.do_and_tell(url, message, use_case, contact_id, *args, **values)


def _label(value: str) -> Label | None:
    return Label(value) if value in list(Label) else None


def _reason() -> SuppressionReason:
    value = request.form.get("reason", "")
    if value not in list(SuppressionReason):
        abort(400)
    return SuppressionReason(value)


_SEARCHES = "searches"
_SEARCHES_KEPT = 8  # an officer's open tabs; a cookie holds four kilobytes


def keep_search(text: str) -> str:
    """Keep a search text in the cookie. Returns its key for URLs."""
    key = secrets.token_hex(4)
    earlier = list(cookie.get(_SEARCHES, {}).items())
    cookie[_SEARCHES] = dict([*earlier[1 - _SEARCHES_KEPT :], (key, text)])
    return key


def searched_for(key: str) -> str:
    """Return the search text of a key, "" if it is no longer kept."""
    text = cookie.get(_SEARCHES, {}).get(key)
    if key and text is None:
        flash(_("Lượt tìm này đã cũ. Hãy gõ lại tên hoặc số cần tìm."), "info")
    return text or ""
