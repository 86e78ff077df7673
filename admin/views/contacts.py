"""Directory and contact page.

The directory, and one person's page.

What an officer searched for: kept in their own cookie and nowhere else, so that no address tells a name or number.
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
from sqlalchemy.orm import Session

from admin.permissions import may_open
from admin.views.base import AdminPage
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
from outreach.models.accounts import User
from outreach.models.contacts import SuppressionReason
from outreach.models.places import Area
from outreach.places.areas import read_districts
from outreach.runtime import Runtime

_LONGEST_SEARCH = 100
_FILTERS = {"list", "organisation", "area", "smartphone", "suppressed", "campaign", "answer"}


class ContactsView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Người dân"), endpoint="contacts", url="/admin/people")
        self._keys = AnswerContext(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """`?s=` what was searched for; list, organisation, area, smartphone, suppressed, campaign, answer; `?after=`."""
        asked = request.args
        wanted = ContactFilter(
            text=searched_for(asked.get("s", "")),
            list_id=asked.get("list", type=int),
            organisation_id=asked.get("organisation", type=int),
            area_code=asked.get("area", "")[:10],
            smartphone=asked.get("smartphone", ""),
            suppressed=bool(asked.get("suppressed")),
        )
        campaign_id, answer = asked.get("campaign", type=int), asked.get("answer", "")
        label = _label(answer)
        with self.reading() as (session, user):
            also = []
            if campaign_id is not None or label is not None:
                also.append(has_answered(session, user, campaign_id, label))
            page = read_page(session, user, wanted, after=asked.get("after", "")[:20], also=also)
            choices: dict[str, Any] = {
                "lists": read_names(session, user),
                "organisations": read_organisations(session, user),
                "campaigns": visible_campaigns(session, user),
                "kind": session.scalar(select(Campaign.kind).where(Campaign.id == campaign_id)) or "",
                "districts": read_districts(session),
            }
        kept = {key: value for key, value in asked.items() if value and key != "after"}
        return self.render(
            "contacts/directory.html",
            wanted=wanted,
            campaign_id=campaign_id,
            answer=answer,
            labels=OFFICER_LABELS,
            page=page,
            kept=kept,
            is_first=page.count is not None,
            may_see_numbers=may_open(current_user.role, "contacts.number"),
            **choices,
        )

    @expose("/", methods=["POST"])
    def search(self) -> ResponseReturnValue:
        """Look for a name or a number: it must not stand in an address, which logs and histories keep."""
        kept: dict[str, Any] = {
            name: value for name, value in request.form.items() if value and name in _FILTERS
        }
        text = request.form.get("q", "")[:_LONGEST_SEARCH].strip()

        def record(session: Session, user: User, now: datetime) -> None:
            record_search(session, text, user=user, now=now)

        if refused := self.run_action(record, on_error_url=url_for(".index", **kept)):
            return refused
        if text:
            kept["s"] = keep_search(text)
        return redirect(url_for(".index", **kept), code=303)

    @expose("/<int:contact_id>/")
    def show(self, contact_id: int) -> ResponseReturnValue:
        return self._show(contact_id)

    @expose("/<int:contact_id>/number", methods=["POST"])
    def number(self, contact_id: int) -> ResponseReturnValue:
        """The full number, shown once, on record."""
        phone_id = request.form.get("phone", 0, type=int)
        shown: dict[int, str] = {}

        def see(session: Session, user: User, now: datetime) -> None:
            shown[phone_id] = reveal_number(session, contact_id, phone_id, user=user, now=now)

        if refused := self._do(contact_id, see):
            return refused
        return self._show(contact_id, numbers=shown)

    @expose("/<int:contact_id>/correct", methods=["POST"])
    def correct(self, contact_id: int) -> ResponseReturnValue:
        form = request.form

        def change(session: Session, user: User, now: datetime) -> None:
            correct_contact(
                session,
                contact_id,
                name=form.get("name", ""),
                birth_year=form.get("birth_year", ""),
                sex=form.get("sex", ""),
                village=form.get("village", ""),
                area_code=form.get("area", ""),
                has_smartphone={"yes": True, "no": False}.get(form.get("smartphone", "")),
                user=user,
                now=now,
                language=form.get("language"),
            )

        return self._do(contact_id, change) or self._back(contact_id, _("Đã lưu thông tin."))

    @expose("/<int:contact_id>/add-number", methods=["POST"])
    def add_number(self, contact_id: int) -> ResponseReturnValue:
        def act(session: Session, user: User, now: datetime) -> None:
            number = request.form.get("number", "")[:40]
            add_number(session, contact_id, number, secret_key=self._keys.secret_key, user=user, now=now)

        return self._do(contact_id, act) or self._back(contact_id, _("Đã thêm số điện thoại."))

    @expose("/<int:contact_id>/remove-number", methods=["POST"])
    def remove_number(self, contact_id: int) -> ResponseReturnValue:
        """With the right number in its place, where it is known."""
        number = request.form.get("number", "")[:40].strip()

        def act(session: Session, user: User, now: datetime) -> None:
            remove_number(
                session,
                contact_id,
                request.form.get("phone", 0, type=int),
                note=request.form.get("note", ""),
                secret_key=self._keys.secret_key,
                user=user,
                now=now,
                opted_out=request.form.get("who", "") != "other",
            )
            if number:
                key = self._keys.secret_key
                add_number(session, contact_id, number, secret_key=key, user=user, now=now)

        said = _("Đã thay số điện thoại.") if number else _("Đã gỡ số điện thoại.")
        return self._do(contact_id, act) or self._back(contact_id, said)

    @expose("/<int:contact_id>/answer", methods=["POST"])
    def answer(self, contact_id: int) -> ResponseReturnValue:
        campaign_id = request.form.get("campaign", 0, type=int)
        label, place = _label(request.form.get("answer", "")), request.form.get("place")
        if label is None or place not in HEARD:
            flash(_("Hãy chọn điều người dân đã nói và nghe ở đâu rồi ghi lại."), "error")
            return redirect(url_for(".show", contact_id=contact_id), code=303)
        is_new = False

        def record(session: Session, user: User, now: datetime) -> None:
            nonlocal is_new
            is_new = record_answer(
                session,
                contact_id,
                campaign_id,
                label,
                place=AnswerPlace(place),
                note=request.form.get("note", ""),
                user=user,
                keys=self._keys,
                now=now,
            )

        if refused := self._do(contact_id, record):
            return refused
        said = (
            _("Đã ghi câu trả lời.")
            if is_new
            else _("Câu trả lời này đã được ghi từ trước, không có gì thay đổi.")
        )
        return self._back(contact_id, said)

    @expose("/<int:contact_id>/suppress", methods=["POST"])
    def suppress(self, contact_id: int) -> ResponseReturnValue:
        def act(session: Session, user: User, now: datetime) -> None:
            suppress_number(
                session,
                contact_id,
                request.form.get("phone", 0, type=int),
                reason=_reason(),
                note=request.form.get("note", ""),
                secret_key=self._keys.secret_key,
                user=user,
                now=now,
            )

        said = _("Từ bây giờ không gửi tin đến số này nữa, ở mọi tổ chức.")
        return self._do(contact_id, act) or self._back(contact_id, said)

    @expose("/<int:contact_id>/lift", methods=["POST"])
    def lift(self, contact_id: int) -> ResponseReturnValue:
        def act(session: Session, user: User, now: datetime) -> None:
            lift_suppression(
                session,
                contact_id,
                request.form.get("phone", 0, type=int),
                reason=_reason(),
                note=request.form.get("note", ""),
                user=user,
                now=now,
            )

        return self._do(contact_id, act) or self._back(contact_id, _("Đã bỏ chặn số này với lý do đã chọn."))

    def _show(self, contact_id: int, *, numbers: dict[int, str] | None = None) -> str:
        with self.reading() as (session, user):
            person = find_contact(session, contact_id, user=user)
            area = session.get(Area, person.area_code) if person.area_code else None
            district = session.get(Area, area.parent_code) if area and area.parent_code else None
            read = {
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
            **read,
        )

    def _do(
        self, contact_id: int, act: Callable[[Session, User, datetime], None]
    ) -> ResponseReturnValue | None:
        return self.run_action(act, on_error_url=url_for(".show", contact_id=contact_id))

    def _back(self, contact_id: int, said: str) -> ResponseReturnValue:
        flash(said, "success")
        return redirect(url_for(".show", contact_id=contact_id), code=303)


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
    """Keep what is searched for; the key by which an address names it."""
    key = secrets.token_hex(4)
    before = list(cookie.get(_SEARCHES, {}).items())
    cookie[_SEARCHES] = dict([*before[1 - _SEARCHES_KEPT :], (key, text)])
    return key


def searched_for(key: str) -> str:
    """What an officer searched for, by its key."""
    text = cookie.get(_SEARCHES, {}).get(key)
    if key and text is None:
        flash(_("Lượt tìm này đã cũ. Hãy gõ lại tên hoặc số cần tìm."), "info")
    return text or ""
