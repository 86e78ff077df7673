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

        def record(session: Session, user: User, now: datetime) -> None:
            record_search(session, text, user=user, now=now)

        if refused := self.run_action(record, on_error_url=url_for(".index", **query)):
            return refused
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
        shown: dict[int, str] = {}

        def reveal(session: Session, user: User, now: datetime) -> None:
            shown[phone_id] = reveal_number(session, contact_id, phone_id, user=user, now=now)

        if refused := self._run(contact_id, reveal):
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

        return self._run(contact_id, change) or self._back(contact_id, _("Đã lưu thông tin."))

    @expose("/<int:contact_id>/add-number", methods=["POST"])
    def add_number(self, contact_id: int) -> ResponseReturnValue:
        def act(session: Session, user: User, now: datetime) -> None:
            number = request.form.get("number", "")[:40]
            add_number(session, contact_id, number, secret_key=self._keys.secret_key, user=user, now=now)

        return self._run(contact_id, act) or self._back(contact_id, _("Đã thêm số điện thoại."))

    @expose("/<int:contact_id>/remove-number", methods=["POST"])
    def remove_number(self, contact_id: int) -> ResponseReturnValue:
        """Remove a number, and add the right one if it is known."""
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

        message = _("Đã thay số điện thoại.") if number else _("Đã gỡ số điện thoại.")
        return self._run(contact_id, act) or self._back(contact_id, message)

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

        if refused := self._run(contact_id, record):
            return refused
        message = (
            _("Đã ghi câu trả lời.")
            if is_new
            else _("Câu trả lời này đã được ghi từ trước, không có gì thay đổi.")
        )
        return self._back(contact_id, message)

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

        message = _("Từ bây giờ không gửi tin đến số này nữa, ở mọi tổ chức.")
        return self._run(contact_id, act) or self._back(contact_id, message)

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

        return self._run(contact_id, act) or self._back(contact_id, _("Đã bỏ chặn số này với lý do đã chọn."))

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

    def _run(
        self, contact_id: int, act: Callable[[Session, User, datetime], None]
    ) -> ResponseReturnValue | None:
        return self.run_action(act, on_error_url=url_for(".show", contact_id=contact_id))

    def _back(self, contact_id: int, message: str) -> ResponseReturnValue:
        flash(message, "success")
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
