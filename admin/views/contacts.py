"""The directory of contacts, and a contact's page.

An officer's search texts are kept in their signed cookie only, so that no URL contains a name or number.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from types import MappingProxyType
from typing import Any

from flask import current_app, flash, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import Session

from admin.forms import ChoiceField, Form, RadioField, RowField, TextField, communes, labelled, this_day
from admin.permissions import may_open
from admin.refusals import within_quota
from admin.views.audit import REQUEST_FORMS, ConsentForm, RequestForm
from admin.views.base import AdminPage, FormAction, requested_day
from admin.views.inbox import answers_of, opened_campaigns, read_said, read_said_of
from admin.wording.filters import label_of
from admin.wording.progress import result_name
from campaigns.analytics.reach import has_result
from campaigns.cases import conversation
from campaigns.cases.merge_people import merge_people, unmerge_people
from campaigns.models.campaigns import Campaign
from campaigns.models.replies import HEARD, AnswerPlace
from campaigns.planning.drives import scope_name
from campaigns.planning.kinds import all_kinds
from campaigns.privacy.clocks import load_clocks
from campaigns.privacy.requests import read_consents, read_requests
from campaigns.rules.own_answers import OPT_OUT_OF_DRIVE, GivenAnswer, read_own_answers
from campaigns.rules.privacy import childhood, clocks_on
from campaigns.rules.reach import Result, read_result
from campaigns.rules.replies.labels import OFFICER_LABELS
from outreach.accounts.permissions import has_role
from outreach.contacts import contact
from outreach.contacts.directory import (
    ContactFilter,
    count_perhaps,
    people_recorded_for,
    read_page,
    read_places_on_day,
    record_search,
)
from outreach.contacts.likely_same import declare_different, read_likely_same
from outreach.contacts.lists import read_names, read_organisations
from outreach.contacts.phones import add_number, remove_number
from outreach.contacts.place_questions import read_former_places
from outreach.core.signed_tokens import open_sealed, seal_secret
from outreach.models.accounts import Area, User
from outreach.models.contacts import Contact, PlaceQuestion
from outreach.places.areas import group_communes, read_unit_history
from outreach.rules.errors import BadInput
from outreach.rules.languages import NAMES as LANGUAGES

_FILTERS = {
    "list",
    "organisation",
    "area",
    "smartphone",
    "suppressed",
    "door",
    "campaign",
    "answer",
    "result",
    "step",
    "units",
    "perhaps",
}
_KEPT = {*_FILTERS, "s"}

_NUMBER_EXAMPLE = "0905 000 123"


class CorrectForm(Form):
    name = TextField(_l("Họ tên"), maxlength=120, required=True, codes=("name_missing",))
    birth_year = TextField(_l("Năm sinh"), inputmode="numeric", maxlength=40, codes=("birth_year_wrong",))
    sex = ChoiceField(_l("Giới tính"), labelled(("m", "f"), "sex"), empty=_l("Chưa rõ"))
    village = TextField(_l("Thôn, tổ dân phố"), maxlength=120)
    area_code = ChoiceField(_l("Xã, phường"), name="area", empty=_l("Chưa rõ"), codes=("commune_unknown",))
    has_smartphone = ChoiceField(
        _l("Điện thoại thông minh"),
        [("yes", _l("Có")), ("no", _l("Không có"))],
        name="smartphone",
        coerce={"yes": True, "no": False}.get,
        empty=_l("Chưa biết"),
    )
    language = ChoiceField(
        _l("Ngôn ngữ"),
        list(LANGUAGES.items()),
        empty=_l("chưa ghi, dùng tiếng Việt"),
        codes=("language_unknown",),
    )


class SearchForm(Form):
    text = TextField(_l("Tên hoặc số điện thoại"), name="q", filters=[lambda text: text.strip()[:100]])


class AddNumberForm(Form):
    number = TextField(
        _l("Số điện thoại"),
        hint=_l("Tin được gửi đến số đầu tiên còn nhận tin."),
        inputmode="tel",
        required=True,
        maxlength=40,
        autocomplete="off",
        placeholder=_NUMBER_EXAMPLE,
        codes=("number_wrong", "number_known"),
    )


class NumberForm(Form):
    phone_id = RowField(name="phone")


def _grounds(example: Any) -> TextField:
    """Return the field for what a change of a number rests on."""
    name, codes = _l("Căn cứ"), ("unblock_note_missing",)
    return TextField(name, required=True, maxlength=300, placeholder=example, codes=codes)


class RemoveNumberForm(Form):
    ids, key_fields = "remove", ("phone_id",)

    phone_id = RowField(name="phone")
    right_number = TextField(
        _l("Số đúng"),
        hint=_l("Để trống nếu chỉ gỡ số này."),
        name="number",
        filters=[str.strip],
        inputmode="tel",
        maxlength=40,
        autocomplete="off",
        placeholder=_NUMBER_EXAMPLE,
        codes=("number_wrong", "number_known"),
    )
    note = _grounds(_l("Ví dụ: gõ nhầm khi lập danh sách"))
    opted_out = RadioField(
        _l("Ai đã từ chối nhận tin ở số này?"),
        [
            ("person", _l("Người này đã từ chối nhận tin: các số khác của họ cũng ngừng nhận tin")),
            ("other", _l("Số này của người khác: người này chưa từ chối")),
        ],
        name="who",
        coerce=lambda text: text != "other",
        default="person",
    )


class SuppressForm(Form):
    ids, key_fields = "suppress", ("phone_id",)

    phone_id = RowField(name="phone")
    reason = ChoiceField(
        _l("Lý do"),
        labelled((contact.Closing.OPT_OUT, contact.Closing.WRONG_NUMBER), "suppression"),
        coerce=contact.Closing,
    )
    note = _grounds(_l("Ví dụ: bà báo trực tiếp ngày 5/9"))


class LiftForm(Form):
    ids, key_fields = "lift", ("phone_id", "reason")

    phone_id = RowField(name="phone")
    reason = ChoiceField(coerce=contact.Closing, type="hidden")
    note = _grounds(_l("Ví dụ: ông gọi điện yêu cầu nhận tin lại"))


class OtherForm(Form):
    """Another person, to be merged with the one of the page or to be told from them."""

    other_id = RowField(name="other")


class UnmergeForm(Form):
    merge_id = RowField(name="merge")


class AnswerForm(Form):
    """What a resident said at the door, by phone or at a meeting."""

    ids, key_fields = "answer", ("campaign_id",)

    campaign_id = RowField(name="campaign")
    word = ChoiceField(
        _l("Người dân nói"), name="answer", empty=_l("Hãy chọn"), required=True, codes=("answer_not_chosen",)
    )
    place = ChoiceField(
        _l("Nghe ở đâu"), labelled(HEARD, "place"), coerce=AnswerPlace, empty=_l("Hãy chọn"), required=True
    )
    note = TextField(_l("Ghi chú (nếu cần)"), maxlength=300, autocomplete="off")


class ContactsView(AdminPage):
    name, endpoint, url = _l("Người dân"), "contacts", "/admin/people"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List contacts.

        `?s=` is the key of a search; filters: list, organisation, area, smartphone, suppressed, door, campaign,
        answer, result (what became of the campaign's message, of one `step`); `?units=` is the day whose units are read; `?perhaps=` those who may live in the area; `?after=`.
        """
        args = request.values
        filters = ContactFilter(
            text=SearchForm.on_page(text=searched_for(args.get("s", ""))).text.data,
            list_id=args.get("list", type=int),
            organisation_id=args.get("organisation", type=int),
            area_code=args.get("area", "")[:10],
            perhaps=bool(args.get("perhaps")),
            smartphone=args.get("smartphone", ""),
            suppressed=bool(args.get("suppressed")),
            at_the_door=bool(args.get("door")),
        )
        campaign_id, answer = args.get("campaign", type=int), args.get("answer", "")
        result = read_result(args.get("result", "")) if campaign_id else None
        step = args.get("step", type=int)
        with self.reading() as (session, user):
            history = read_unit_history(session)
            filters = replace(filters, history=history)
            asked = session.get(Campaign, campaign_id) if campaign_id else None
            kind, own = (asked.kind, read_own_answers(asked.content)) if asked else ("", ())
            # Opened before the role changed, it is open no more.
            opened = opened_campaigns() if may_open(user.role, "campaigns.open_answers") else []
            said = read_said(answer, own)
            conditions = _conditions(session, user, campaign_id, result, step, said, opened)
            page = read_page(session, user, filters, after=args.get("after", "")[:20], also=conditions)
            choices: dict[str, Any] = {
                "lists": read_names(session, user),
                "organisations": read_organisations(session, user),
                "campaigns": conversation.visible_campaigns(session, user, opened=opened),
                "answers": answers_of(kind, own, OFFICER_LABELS),
                "perhaps": count_perhaps(session, user, filters) if page.count is not None else 0,
            }
            day = history.day_of_units(requested_day("units") or history.day_of(filters.area_code))
            units, shown = history.on(day), [line.id for line in page.lines]
            choices["districts"] = group_communes(units.of_day)
            choices["places"] = {}
            if history.days and day != history.days[-1]:
                choices["places"] = read_places_on_day(session, shown, units, user=user)
            told = read_said_of(session, asked, shown) if asked else None
        query = {key: value for key, value in args.items() if value and key in _KEPT}
        return self.render(
            "contacts/directory.html",
            wanted=filters,
            campaign_id=campaign_id,
            answer=answer,
            result=result_name(result, kind, step) if result else "",
            said=told,
            page=page,
            kept=query,
            units=day,
            days_of_units=history.days,
            is_first=page.count is not None,
            may_see_numbers=may_open(current_user.role, "contacts.number"),
            **choices,
        )

    @expose("/", methods=["POST"])
    def search(self) -> ResponseReturnValue:
        """Search for a name or number. It must not be in a URL, which logs and browser histories keep."""
        query = {name: value for name, value in request.form.items() if value and name in _FILTERS}
        form = SearchForm()

        def found(_result: None) -> str:
            key = {"s": keep_search(form.text.data)} if form.text.data else {}
            return url_for(".index", **query, **key)  # type: ignore[arg-type]

        return self.submit_form(form, record_search, then=found)

    @expose("/<int:contact_id>/")
    def show(self, contact_id: int) -> ResponseReturnValue:
        return self._show(contact_id)

    @expose("/<int:contact_id>/number", methods=["POST"])
    def number(self, contact_id: int) -> ResponseReturnValue:
        """Show a full number once; recorded in the audit log."""
        form = NumberForm()
        return self.submit_form(
            form,
            within_quota(contact.reveal_number),
            contact_id,
            show=lambda number: self._show(contact_id, numbers={form.phone_id.data: number}),
        )

    @expose("/<int:contact_id>/answers", methods=["POST"])
    def open_answers(self, contact_id: int) -> ResponseReturnValue:
        """Show what the person answered about their health, once; recorded in the audit log."""
        return self.submit_form(
            Form(),
            within_quota(conversation.open_answers),
            contact_id,
            show=lambda opened: self._show(contact_id, opened=opened),
        )

    correct = FormAction("/<int:contact_id>/correct", contact.correct_contact, CorrectForm).tells(
        _l("Đã lưu thông tin.")
    )
    add_number = FormAction("/<int:contact_id>/add-number", add_number, AddNumberForm).tells(
        _l("Đã thêm số điện thoại.")
    )

    @expose("/<int:contact_id>/remove-number", methods=["POST"])
    def remove_number(self, contact_id: int) -> ResponseReturnValue:
        """Remove a number, and add the right one if it is known."""
        form = RemoveNumberForm()
        return self.submit_form(
            form,
            remove_number,
            contact_id,
            message=_("Đã thay số điện thoại.") if form.right_number.data else _("Đã gỡ số điện thoại."),
        )

    @expose("/<int:contact_id>/compare")
    def compare(self, contact_id: int) -> ResponseReturnValue:
        """Show two people side by side. `?with=` is the other one, who would be merged into this one.

        Without it the other one is looked for: `?s=` is the key of a search.
        """
        other_id = request.args.get("with", contact_id, type=int)
        text, lines = "", []
        with self.reading() as (session, user):
            both = [_compared(session, user, each) for each in dict.fromkeys((contact_id, other_id))]
            if len(both) == 1 and (text := searched_for(request.args.get("s", ""))):
                also = [Contact.id != contact_id, people_recorded_for(session, user)]
                lines = read_page(session, user, ContactFilter(text=text), also=also).lines[:_MOST_TO_COMPARE]
        return self.render(
            "contacts/compare.html", both=both, lines=lines, form=SearchForm.on_page(text=text), searched=text
        )

    @expose("/<int:contact_id>/find-same", methods=["POST"])
    def find_same(self, contact_id: int) -> ResponseReturnValue:
        """Search for who may be the same person, by name or number."""
        with self.reading() as (session, user):
            contact.find_contact(session, contact_id, user=user)
        form, page = SearchForm(), url_for(".compare", contact_id=contact_id)

        def found(_result: None) -> str:
            return f"{page}?s={keep_search(form.text.data)}" if form.text.data else page

        return self.submit_form(form, record_search, then=found, page=page)

    @expose("/<int:contact_id>/merge", methods=["POST"])
    def merge(self, contact_id: int) -> ResponseReturnValue:
        """Merge another person into this one."""
        form = OtherForm()
        return self.submit_form(
            form,
            merge_people,
            contact_id,
            message=_("Đã gộp hai người làm một. Muốn tách ra, bấm “Tách ra” ở dòng thời gian."),
            then=lambda merge: _url(merge.kept_id),
            page=f"{url_for('.compare', contact_id=contact_id)}?with={form.other_id.data or contact_id}",
        )

    declare_different = FormAction("/<int:contact_id>/different", declare_different, OtherForm).tells(
        _l("Đã ghi là hai người khác nhau. Hai người này không được gợi ý gộp nữa.")
    )

    @expose("/<int:contact_id>/unmerge", methods=["POST"])
    def unmerge(self, contact_id: int) -> ResponseReturnValue:
        """Take a merge apart; the page of the one who is separate again opens."""
        return self.submit_form(
            UnmergeForm(),
            unmerge_people,
            message=_("Đã tách ra. Đây là người trước đó được gộp vào."),
            then=_url,
        )

    answer = FormAction("/<int:contact_id>/answer", conversation.record_answer, AnswerForm).tells(
        lambda is_new: (
            _("Đã ghi câu trả lời.")
            if is_new
            else _("Câu trả lời này đã được ghi từ trước, không có gì thay đổi.")
        )
    )
    suppress = FormAction("/<int:contact_id>/suppress", contact.suppress_number, SuppressForm).tells(
        _l("Từ bây giờ không gửi tin đến số này nữa, ở mọi tổ chức.")
    )
    lift = FormAction("/<int:contact_id>/lift", contact.lift_suppression, LiftForm).tells(
        _l("Đã bỏ chặn số này với lý do đã chọn.")
    )

    def _show(
        self, contact_id: int, *, numbers: Mapping[int, str] = MappingProxyType({}), opened: bool = False
    ) -> str:
        with self.reading() as (session, user):
            person, phones = contact.read_contact(session, contact_id, user=user)
            area, place = _place_of(session, person)
            talks = conversation.read_conversations(session, contact_id, user=user, opened=opened)
            requests = read_requests(session, user, now=datetime.now(UTC), contact_id=contact_id)
            consents = read_consents(session, contact_id, seen_by=user if person.is_partial else None)
            begin = max(0, request.args.get("from", 0, type=int))
            # What was opened is shown once: all of it.
            whence = None if opened else begin
            timeline, older = conversation.read_timeline(
                session, person, phones, talks, requests, consents, user=user, begin=whence
            )
            context = {
                "origins": contact.read_origins(session, contact_id, user=user),
                "kept_values": contact.read_values(session, contact_id),
                "talks": talks,
                "requests": [each for each in requests if not each.request.done_at],
                "consents": list({each.purpose: each for each in reversed(consents)}.values()),
                "alike": read_likely_same(session, contact_id, user=user)
                if may_open(user.role, "contacts.compare")
                else [],
                "timeline": timeline,
                "older": older,
                "begin": begin,
            }
            correct_form = _correct_form(session, person, phones, area)
            former = [] if person.is_partial else read_former_places(session, contact_id)
            question = session.get(PlaceQuestion, person.place_question_id or 0)
            kinds = all_kinds(session)
            wishes = list(chain(person.wishes, *(phone.wishes for phone in phones)))
            scopes = {each.scope: scope_name(session, each.scope) for each in wishes}
        today = this_day()
        return self.render(
            "contacts/contact.html",
            person=person,
            place=place,
            former=former,
            written=question.text if question and not area else "",
            phones=phones,
            scopes=scopes,
            languages=LANGUAGES,
            numbers=numbers,
            correct_form=correct_form,
            add_form=AddNumberForm.on_page(),
            remove_form=_remove_form,
            suppress_form=SuppressForm.on_page,
            lift_form=LiftForm.on_page,
            answer_form=_answer_form,
            request_form=RequestForm.on_page(),
            consent_form=ConsentForm.on_page(),
            kinds=kinds,
            childhood=childhood(
                person.birth_year, today=today, age=clocks_on(load_clocks(), today).child_age
            ),
            may_change=may_open(current_user.role, "contacts.correct"),
            may_lift=[reason for reason, roles in contact.MAY_LIFT.items() if has_role(current_user, *roles)],
            **REQUEST_FORMS,
            **context,
        )


def _conditions(
    session: Session,
    user: User,
    campaign_id: int | None,
    result: Result | None,
    step: int | None,
    said: GivenAnswer | None,
    opened: list[int],
) -> list[Any]:
    """Return what a campaign's people are narrowed down by: what became of its message, or what they answered."""
    found = []
    if result:
        found.append(has_result(session, user, campaign_id, result, step=step, opened=opened))
    if said is not None or (campaign_id is not None and not result):
        found.append(conversation.has_answered(session, user, campaign_id, said, opened=opened))
    return found


def _place_of(session: Session, person: contact.ShownContact) -> tuple[Area | None, str]:
    """Return the area where a person lives, and its name with the district's."""
    area = session.get(Area, person.area_code) if person.area_code else None
    district = session.get(Area, area.parent_code) if area and area.parent_code else None
    return area, ", ".join(f"{each.kind} {each.name}" for each in (area, district) if each)


def _correct_form(
    session: Session, person: contact.ShownContact, phones: list[contact.PhoneRow], area: Area | None
) -> CorrectForm:
    form = CorrectForm.on_page(
        name=person.name,
        birth_year=person.birth_year or "",
        sex=person.sex or "",
        village=person.village,
        area_code=person.area_code or "",
        has_smartphone={None: "", True: "yes", False: "no"}[person.has_smartphone],
        language=(phones[0].language if phones else None) or "",
    )
    choices = communes(session)
    if area and area.valid_to:
        choices = {str(_("Đơn vị cũ")): [(area.code, area.full_name)]} | choices
    form.area_code.choices = choices
    return form


def _compared(session: Session, user: User, contact_id: int) -> dict[str, Any]:
    """Return a person beside another: what is known and what refers to them."""
    person, phones = contact.read_contact(session, contact_id, user=user)
    area = session.get(Area, person.area_code) if person.area_code else None
    return {
        "person": person,
        "place": area.full_name if area else "",
        "phones": phones,
        "lists": [origin.name for origin in contact.read_origins(session, contact_id, user=user)],
        "talks": conversation.read_conversations(session, contact_id, user=user),
        "consents": len(read_consents(session, contact_id, seen_by=user if person.is_partial else None)),
    }


def _url(contact_id: int) -> str:
    return url_for("contacts.show", contact_id=contact_id)


def _remove_form(phone: contact.PhoneRow) -> RemoveNumberForm:
    form = RemoveNumberForm.on_page(phone_id=phone.id)
    if not (phone.is_opted_out and has_role(current_user, *contact.MAY_LIFT[contact.Closing.OPT_OUT])):
        del form.opted_out
    return form


def _answer_form(talk: conversation.Conversation) -> AnswerForm:
    form = AnswerForm.on_page(campaign_id=talk.campaign_id)
    choices = answers_of(talk.kind, talk.own_answers, OFFICER_LABELS)
    choices[OPT_OUT_OF_DRIVE] = label_of(OPT_OUT_OF_DRIVE, "answer")
    form.word.choices = list(choices.items())
    return form


_MOST_TO_COMPARE = 10
_SEARCHES = "searches"
_SEARCHES_KEPT = 6  # an officer's open tabs; a cookie holds four kilobytes


def keep_search(text: str) -> str:
    """Keep a search text in the cookie, sealed, as it is a name or a number. Returns its key for URLs."""
    key, sealed = secrets.token_hex(4), seal_secret(text[:60], keys=str(current_app.secret_key))
    earlier = list(cookie.get(_SEARCHES, {}).items())
    cookie[_SEARCHES] = dict([*earlier[1 - _SEARCHES_KEPT :], (key, sealed)])
    return key


def searched_for(key: str) -> str:
    """Return the search text of a key, "" if it is no longer kept."""
    sealed = cookie.get(_SEARCHES, {}).get(key, "")
    try:
        return open_sealed(sealed, keys=str(current_app.secret_key)) if key else ""
    except BadInput:
        flash(_("Lượt tìm này đã cũ. Hãy gõ lại tên hoặc số cần tìm."), "info")
    return ""
