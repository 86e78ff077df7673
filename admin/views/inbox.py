"""The inbox: list of cases, a case's page with the answer by SMS, saved texts, import of reply logs.

Cases are help asked for, questions and replies to be read: most are closed from the list by one button.
Alike cases are handled together. What was answered in a campaign about health is opened on record for a while.
A reply log is a file exported by an operator or a phone; an administrator uploads it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import flash, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.forms import ChoiceField, FileField, Form, LongTextField, RowField, TextField, labelled, row_id
from admin.permissions import may_open
from admin.refusals import within_quota
from admin.views.base import AdminPage, FormAction
from admin.wording.errors import show_error
from admin.wording.filters import kind_has_app, label_of, moment, number
from campaigns.cases.alike_cases import Together, handle_together, read_group, read_groups
from campaigns.cases.case_list import CaseFilter, CaseRow, read_case_list, read_case_rows
from campaigns.cases.conversation import read_items, visible_campaigns
from campaigns.cases.handle_case import (
    RESULTS,
    Labelled,
    Reopened,
    assign_case,
    close_case,
    find_case,
    label_reply,
    number_to_call,
    reopen_case,
    unassign_case,
    undo_reply_label,
)
from campaigns.cases.sms_answers import (
    LONGEST_TEXT,
    MOST_SEGMENTS,
    answer_by_sms,
    list_texts,
    takes_no_messages,
)
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import Case, SavedText
from campaigns.replies.import_reply_log import LogImportResult, import_log
from campaigns.replies.receive_reply import asked_of
from campaigns.rules.cases import WAITS_FOR_LABEL, WRITTEN, CaseKind, CaseOutcome
from campaigns.rules.links import LinkCipher
from campaigns.rules.own_answers import (
    GivenAnswer,
    OwnAnswer,
    current_own,
    keeps_said,
    own_answer,
    read_own_answers,
    read_word,
    suggest_own,
)
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import telling_parts
from outreach.models.accounts import User
from outreach.models.places import Area
from outreach.rules.errors import BadInput
from outreach.rules.keys import Purpose
from outreach.rules.segments import measure
from outreach.rules.sms_template import Template
from outreach.runtime import Runtime


class CasePages(AdminPage):
    """A case's page, its answer by SMS, and the saved texts."""

    @expose("/<int:case_id>/")
    def show(self, case_id: int) -> ResponseReturnValue:
        """Show a case. `?use=` is the saved text to begin the answer with."""
        return self.show_case(case_id)

    @expose("/<int:case_id>/answer", methods=["POST"])
    def answer(self, case_id: int) -> ResponseReturnValue:
        """Answer by SMS. If it is refused, the written text stays on the page."""
        form, page = SmsForm(), _case_url(case_id)

        def told(leaves_at: datetime) -> str:
            if leaves_at > datetime.now(UTC):
                return _("Ngoài giờ gửi tin. Tin trả lời sẽ gửi lúc %(at)s.", at=moment(leaves_at))
            return _("Tin trả lời đã được xếp để gửi; việc này cho biết khi nào tin đi.")

        then = _next_url(case_id, CaseOutcome.MESSAGED, form.next.data) if form.is_done.data else page
        return self.submit_form(form, page, answer_by_sms, case_id, message=told, then=then)

    @expose("/<int:case_id>/measure", methods=["POST"])
    def measure_answer(self, case_id: int) -> ResponseReturnValue:
        """Return an answer's text as it would be sent, with its length, for the page to show while it is typed."""
        with self.reading() as (session, user):
            case = find_case(session, case_id, user=user)
            campaign = session.get(Campaign, case.campaign_id) if case.campaign_id else None
        text = request.form.get("text", "")[:LONGEST_TEXT].strip()
        measured = measure(text, unaccented=campaign is not None and campaign.unaccented)
        return {"text": measured.text, "segments": measured.segments, "units": measured.units}

    def show_case(
        self,
        case_id: int,
        *,
        numbers: dict[int, str] | None = None,
    ) -> str:
        use = request.values.get("use", type=int)
        with self.reading() as (session, user):
            case = find_case(session, case_id, user=user)
            areas = {area.code: area for area in session.scalars(select(Area))}
            (case_row,) = read_case_rows(session, [case.id], areas, user=user, now=datetime.now(UTC))
            campaign = session.get(Campaign, case.campaign_id) if case.campaign_id else None
            texts = list_texts(session, user, campaign.kind if campaign else None)
            chosen = next((each for each in texts if each.id == use), None)
            reply = case_row.reply
            page: str = self.render(
                "inbox/case.html",
                line=case_row,
                told=telling_parts(reply.body, asked_of(campaign), reply.label) if reply else [],
                talk=read_items(session, [case.recipient_id])
                if case.recipient_id and not case_row.is_masked
                else [],
                texts=texts,
                use=use,
                sms_form=SmsForm.on_page(text=self._fill(chosen, case_row)),
                is_left_alone=takes_no_messages(session, case),
                numbers=numbers or {},
                kept=list_filters(),
                user_id=user.id,
                may_act=may_open(user.role, "inbox.label"),
                **CHOICES,
            )
        return page

    def _fill(self, chosen: SavedText | None, case_row: CaseRow) -> str:
        if chosen is None or case_row.case.recipient_id is None:
            return ""
        link = f"{self.settings.link_base}/{LinkCipher(self.settings.keys_of(Purpose.LINKS)).token(case_row.case.recipient_id)}"
        values = {"name": case_row.person, "link": link}
        return Template.parse(chosen.text).render(values)


def _form_page(_form: Form, case_id: int) -> str:
    return form_url(case_id)


def _tell_reopened(done: Reopened) -> str:
    flash(_("Đã mở lại. Việc trở lại danh sách cần làm."), "success")
    if done.keeps_answer:
        flash(_("Người này đã trả lời thêm sau đó, nên câu trả lời mới được giữ nguyên."), "warning")
    if done.keeps_message:
        flash(_("Tin trả lời đã gửi đi rồi nên không rút lại được."), "warning")
    return ""


class InboxView(CasePages):
    name, endpoint, url = _l("Hộp thư trả lời"), "inbox", "/admin/inbox"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List cases.

        Filters: `?kind=`, `campaign`, `organisation`, `area`, `mine=1`, `state=done`; `order=newest`; `after` is the
        page's start; `undo` is the case just closed.
        """
        return self._show()

    @expose("/<int:case_id>/label", methods=["POST"])
    def label(self, case_id: int) -> ResponseReturnValue:
        """Confirm or correct a reply's label; the focus goes to the next case."""
        form = LabelForm(case_id)

        def told(done: Labelled) -> str:
            if not done.is_counted:
                flash(
                    _("Tin này chưa tính là câu trả lời của ai, vì số gửi không thuộc chiến dịch nào."),
                    "warning",
                )
            return ""

        def then(done: Labelled) -> str:
            # A case that now needs an answer keeps the focus.
            return _next_url(case_id, form.word.data, form.next.data if done.is_closed else case_id)

        return self.submit_form(form, form_url(case_id), label_reply, case_id, message=told, then=then)

    @expose("/<int:case_id>/finish", methods=["POST"])
    def close(self, case_id: int) -> ResponseReturnValue:
        form = CloseForm(case_id)
        return self.submit_form(
            form,
            form_url(case_id),
            close_case,
            case_id,
            then=lambda _case: _next_url(case_id, form.outcome.data, form.next.data),
        )

    undo = FormAction("/<int:case_id>/undo", undo_reply_label, page=_form_page).tells(
        _l("Đã hoàn tác. Việc trở lại danh sách.")
    )
    reopen = FormAction("/<int:case_id>/reopen", reopen_case, page=_form_page).tells(_tell_reopened)
    assign = FormAction("/<int:case_id>/take", assign_case, page=_form_page)
    unassign = FormAction("/<int:case_id>/release", unassign_case, page=_form_page)

    @expose("/<int:case_id>/number", methods=["POST"])
    def number(self, case_id: int) -> ResponseReturnValue:
        """Render the same page with one full number in it: no URL or cookie may carry it."""

        def show(number: str) -> str:
            shown = {case_id: number}
            return self.show_case(case_id, numbers=shown) if _is_on_page() else self._show(shown)

        return self.submit_form(Form(), form_url(case_id), within_quota(number_to_call), case_id, show=show)

    def _show(self, numbers: dict[int, str] | None = None) -> str:
        values = request.values
        filters = CaseFilter(
            kind=one_of(CaseKind, values.get("kind")),
            campaign_id=values.get("campaign", type=int),
            organisation_id=values.get("organisation", type=int),
            area_code=values.get("area", "")[:10],
            is_done=values.get("state") == "done",
            newest_first=values.get("order") == "newest",
            after=values.get("after", type=int),
        )
        with self.reading() as (session, user):
            if values.get("mine"):
                filters = replace(filters, taken_by=user.id)
            work = read_case_list(session, user, filters, now=datetime.now(UTC))
            may_act = may_open(user.role, "inbox.label")
            user_id = user.id
            undo = request.args.get("undo", type=int)
            undone_value = request.args.get("what", "")
            is_left_open, given = _undone(session, undo, undone_value) if undo else (False, "")
        return self.render(
            "inbox/inbox.html",
            work=work,
            wanted=filters,
            kept=list_filters(),
            may_act=may_act,
            user_id=user_id,
            numbers=numbers or {},
            undo=undo,
            is_left_open=is_left_open,
            given=given,
            outcome=one_of(CaseOutcome, undone_value),
            **CHOICES,
        )


def _undone(session: Session, case_id: int, word: str) -> tuple[bool, str]:
    """Return whether a case labelled by this word stays open, and the word's text; "" for another word."""
    row = session.execute(
        select(Campaign.kind, Campaign.content).join(Case).where(Case.id == case_id)
    ).first()
    answers = read_own_answers(row.content if row else {})
    try:
        said = read_word(word, answers)
    except BadInput:
        return False, ""
    own = own_answer(answers, said.own)
    text = own.text if own and own.value == word else label_of(said.label, "answer", row.kind if row else "")
    return said.label in (Label.NEED_HELP, Label.QUESTION), text


FILTER_NAMES = ("kind", "campaign", "organisation", "area", "mine", "state", "order", "after")


def labels_of(kind: str) -> list[Label]:
    """Return the labels for replies to campaigns of a kind: "no smartphone" only if there is an app."""
    return [label for label in Label if label is not Label.NO_SMARTPHONE or kind_has_app(kind)]


def answers_of(
    kind: str, own_answers: Sequence[OwnAnswer], among: Collection[Label] = tuple(Label)
) -> dict[str, str]:
    """Return what an officer may choose for a resident of a campaign, by its word: with own answers, those in place of what they amount to."""
    own = {each.value: each.text for each in own_answers if each.means in among}
    meant = {each.means for each in own_answers}
    # Where no own answer says that it is done (an invitation: who came), an officer still may.
    by_own = {*_BY_OWN} if Label.INSTALLED in meant else {*_BY_OWN} - {Label.INSTALLED}
    instead = by_own | meant if own_answers else set()
    labels = [label for label in labels_of(kind) if label in among and label not in instead]
    return own | {label.value: label_of(label, "answer", kind) for label in labels}


def listed_answers(kind: str, own_answers: Sequence[OwnAnswer], among: Collection[Label]) -> dict[str, str]:
    """Return what a campaign's people are counted and listed by, by its word: where people promise, who is recorded as done is one group."""
    if not own_answers or not keeps_said(own_answers):
        return answers_of(kind, own_answers, among)
    return answers_of(kind, [each for each in own_answers if each.means is not Label.INSTALLED], among)


class LabelButton(NamedTuple):
    """A button of a reply's label. `confidence` of the suggested one, where it was calculated."""

    word: str
    text: str
    key: int | None
    is_suggested: bool = False
    confidence: float | None = None


def label_buttons(line: CaseRow) -> list[LabelButton]:
    """Return what an officer may choose for a reply, the suggested one first.

    Own answers have their own numbers as keys, those of the message; the general labels have the numbers after them.
    """
    if line.reply is None:
        return []
    answers = answers_of(line.kind, line.own_answers)
    label, own = line.reply.label, {each.value: each.number for each in line.own_answers}
    found = suggest_own(line.reply.body, label, line.own_answers)
    suggested = found.value if found else label.value
    words = sorted(answers, key=lambda word: word != suggested)
    others = [word for word in words if word not in own]
    keys = own | {word: len(own) + n for n, word in enumerate(others, 1) if len(own) + n < 10}
    share = None if found else line.reply.confidence
    return [
        LabelButton(
            word, answers[word], keys.get(word), word == suggested, share if word == suggested else None
        )
        for word in words
    ]


# In campaigns with own answers these say too little: which of them is meant?
_BY_OWN = (Label.INSTALLED, Label.NOT_YET, Label.NO_SMARTPHONE)


class SmsForm(Form):
    """An answer by SMS; `wish` is the button that was pressed."""

    not_passed = ("next",)
    text = LongTextField(
        _l("Nội dung tin"),
        maxlength=600,
        required=True,
        hint=_l(
            "Nhiều nhất %(n)s tin nhắn; viết không dấu thì được dài hơn. Tin chỉ gửi trong giờ được gửi và không vượt số tin mỗi ngày.",
            n=MOST_SEGMENTS,
        ),
        codes=("answer_empty", "answer_long"),
    )
    is_done = ChoiceField(name="wish", coerce=lambda text: text == "done")
    next = RowField()


class LabelForm(Form):
    """A label by its button. `next` is the case below in the list."""

    not_passed = ("next",)
    word = ChoiceField(_l("Phân loại"), name="label", required=True)
    next = RowField()


class CloseForm(Form):
    not_passed = ("next",)
    outcome = ChoiceField(
        _l("Đã làm gì"), labelled(WRITTEN, "outcome"), coerce=CaseOutcome, empty=_l("Hãy chọn"), required=True
    )
    result = ChoiceField(
        _l("Tình trạng hiện nay"), empty=_l("Không thay đổi"), codes=("case_result_missing",)
    )
    note = TextField(_l("Ghi chú (nếu cần)"), maxlength=300, autocomplete="off")
    next = RowField()


def _close_form(line: CaseRow, next_id: int | None = None) -> CloseForm:
    """Return the form that closes a case; without a recipient there is no result to choose."""
    form = CloseForm.on_page(line.case.id, next=next_id)
    form.result.choices = list(answers_of(line.kind, line.own_answers, RESULTS).items())
    if not line.case.recipient_id:
        del form.result
    return form


CHOICES = {
    "most_segments": MOST_SEGMENTS,
    "answers_of": answers_of,
    "label_buttons_of": label_buttons,
    "close_form": _close_form,
    "in_doubt": WAITS_FOR_LABEL,
}


def one_of(kind: Any, value: str | None) -> Any:
    return kind(value) if value in set(kind) else None


def list_filters() -> dict[str, str]:
    """Return the current filters of the list, which every form and link passes on."""
    return {name: value for name in FILTER_NAMES if (value := request.values.get(name))}


def list_url(*, place: int | None = None, **values: object) -> str:
    """Return the URL of the list with its current filters, focused on the case `place`."""
    values |= list_filters()
    return url_for("inbox.index", _anchor=f"case-{place}" if place else None, **values)  # type: ignore[arg-type]


def form_url(case_id: int) -> str:
    """Return the URL of the page the form was on: the case's page, or its place in the list."""
    return _case_url(case_id) if _is_on_page() else list_url(place=case_id)


def _is_on_page() -> bool:
    return bool(request.form.get("page"))


def _case_url(case_id: int) -> str:
    return url_for("inbox.show", case_id=case_id, **list_filters())  # type: ignore[arg-type]


def _next_url(case_id: int, what: Any, next_id: int | None) -> str:
    """Return the URL of the list after a case was closed, which offers to undo it, focused on another case."""
    return list_url(undo=case_id, what=getattr(what, "value", what), place=next_id)


# The log is stored while the page loads; longer logs need the command line.
MOST_ROWS = 1_000


class LogForm(Form):
    main = "file"
    file = FileField(
        _l("Tệp nhật ký"),
        hint=_l(
            "Excel hoặc CSV, tối đa %(n)s dòng, có dòng tiêu đề với cột số điện thoại, cột nội dung và cột thời gian nếu có.",
            n="1.000",
        ),
        missing=_l("Chưa chọn tệp. Hãy chọn tệp nhật ký tin trả lời."),
    )


class ReplyLogView(AdminPage):
    """Import of a reply log. Not in the menu: the inbox links here."""

    under = "inbox"
    name, endpoint, url = "", "reply_log", "/admin/reply-log"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self.render("inbox/reply_log.html", form=LogForm.on_page())

    @expose("/", methods=["POST"])
    def receive(self) -> ResponseReturnValue:
        form = LogForm()

        def store(runtime: Runtime, *, user: User, now: datetime) -> LogImportResult:
            with form.file.saved() as path:
                return import_log(
                    runtime, path, keys=self.keys, actor_id=user.id, now=now, most_rows=MOST_ROWS
                )

        def told(result: LogImportResult) -> str:
            flash(_import_message(result), "success" if result.new or not result.unreadable else "error")
            return ""

        return self.submit_form(form, url_for(".index"), store, message=told)


def _import_message(result: LogImportResult) -> str:
    message = str(
        _(
            "Đã đọc %(rows)s dòng: %(new)s câu trả lời mới, %(known)s câu đã có.",
            rows=number(result.rows),
            new=number(result.new),
            known=number(result.known),
        )
    )
    if result.unreadable:
        lines = ", ".join(map(str, result.unreadable[:20])) + ("…" if len(result.unreadable) > 20 else "")
        message += " " + str(_("Không đọc được số điện thoại hoặc thời gian ở dòng %(lines)s.", lines=lines))
    return message


_OPENED = "answers_opened"
_OPEN_FOR_S = 1800


def keep_opened(campaign_id: int) -> None:
    """Remember in the signed cookie that its user has opened a campaign's answers on record."""
    cookie[_OPENED] = {**_kept(), str(campaign_id): int(time.time()) + _OPEN_FOR_S}


def opened_campaigns() -> list[int]:
    """Return the campaigns about health whose answers the user has opened within the last half hour."""
    return [int(campaign_id) for campaign_id in _kept()]


def may_name(session: Session, user: User, campaign: Campaign) -> bool:
    """Return whether the user may see who is behind a campaign's figures."""
    opened = opened_campaigns() if may_open(user.role, "campaigns.open_answers") else []
    seen = (
        dict(visible_campaigns(session, user, opened=opened)) if may_open(user.role, "contacts.index") else {}
    )
    return campaign.id in seen


def _kept() -> dict[str, int]:
    return {each: until for each, until in cookie.get(_OPENED, {}).items() if until > time.time()}


def read_said_of(session: Session, campaign: Campaign, contacts: Sequence[int]) -> dict[int, str]:
    """Return what these people answered last in a campaign whose answers the reader may see, in words."""
    own = read_own_answers(campaign.content)
    rows = session.execute(
        select(Recipient.contact_id, Recipient.answer, Recipient.own_answer)
        .where(
            Recipient.campaign_id == campaign.id,
            Recipient.contact_id.in_(contacts),
            Recipient.answer.is_not(None),
        )
        .order_by(Recipient.id)
    )
    return {
        contact_id: said_in_words(own, label, number, campaign.kind)
        for contact_id, label, number in rows
        if contact_id is not None
    }


def said_in_words(answers: Sequence[OwnAnswer], label: Label | None, number: int | None, kind: str) -> str:
    """Return what somebody has said, and beside it that they were recorded as done; "" for nothing."""
    own = own_answer(answers, number)
    words = [own.text] if own else []
    if label and not current_own(answers, label, number):
        words.append(label_of(label, "answer", kind))
    return " · ".join(words)


def read_said(word: str, answers: Sequence[OwnAnswer]) -> GivenAnswer | None:
    """Return what a word of the address asks for, an own answer or all that amounts to a label; None for any answer."""
    try:
        said = read_word(word, answers) if word else None
    except BadInput:
        return None
    own = own_answer(answers, said.own) if said else None
    return said._replace(own=own.number if own and own.value == word else None) if said else None


class GroupLabelForm(Form):
    word = ChoiceField(_l("Phân loại"), name="label", required=True)


class GroupCloseForm(Form):
    outcome = ChoiceField(
        _l("Đã làm gì"), labelled(WRITTEN, "outcome"), coerce=CaseOutcome, empty=_l("Hãy chọn"), required=True
    )


class AlikeView(AdminPage):
    """Not in the menu: the inbox links here."""

    under = "inbox"
    name, endpoint, url = "", "alike", "/admin/inbox/alike"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List the groups."""
        with self.reading() as (session, user):
            groups = read_groups(session, user, now=datetime.now(UTC))
        return self.render("inbox/alike.html", groups=groups)

    @expose("/<int:case_id>/")
    def show(self, case_id: int) -> ResponseReturnValue:
        """Show all texts of a case's group. `?use=` is the saved text to begin the answer with."""
        use = request.values.get("use", type=int)
        with self.reading() as (session, user):
            group = read_group(session, case_id, user, now=datetime.now(UTC))
            if group is None:
                groups = read_groups(session, user, now=datetime.now(UTC))
                return self.render("inbox/alike.html", groups=groups, is_gone=True)
            texts = list_texts(session, user, group.campaign_kind)
            chosen = next((each.text for each in texts if each.id == use), "")
            role = user.role
        return self.render(
            "inbox/alike_group.html",
            group=group,
            case_id=case_id,
            chosen={row_id(each) for each in request.form.getlist("case")}
            or {each.id for each in group.cases},
            answers=answers_of(group.campaign_kind, group.own_answers),
            texts=texts,
            use=use,
            sms_form=SmsForm.on_page(text=chosen),
            close_form=GroupCloseForm.on_page(),
            most_segments=MOST_SEGMENTS,
            may_act=may_open(role, "alike.label"),
        )

    @expose("/<int:case_id>/label", methods=["POST"])
    def label(self, case_id: int) -> ResponseReturnValue:
        """Label the chosen replies."""
        return self._together(case_id, GroupLabelForm(), label_reply, keys=self.keys)

    @expose("/<int:case_id>/answer", methods=["POST"])
    def answer(self, case_id: int) -> ResponseReturnValue:
        """Answer the chosen cases by SMS and close them."""
        form = SmsForm()
        form.is_done.data = True  # type: ignore[assignment]
        return self._together(case_id, form, answer_by_sms, keys=self.keys)

    @expose("/<int:case_id>/finish", methods=["POST"])
    def close(self, case_id: int) -> ResponseReturnValue:
        """Close the chosen cases."""
        return self._together(case_id, GroupCloseForm(), close_case, keys=self.keys, note="", result=None)

    def _together(
        self, case_id: int, form: Form, use_case: Callable[..., object], **values: Any
    ) -> ResponseReturnValue:
        ids = [row_id(each) for each in request.form.getlist("case")]

        def told(result: Together) -> str:
            if result.refused:
                flash(
                    _(
                        "%(n)s việc chưa xử lý: %(why)s",
                        n=len(result.refused),
                        why="; ".join(dict.fromkeys(show_error(each) for each in result.refused)),
                    ),
                    "warning",
                )
            return str(_("Đã xử lý %(n)s việc.", n=result.done))

        return self.submit_form(
            form,
            url_for(".show", case_id=case_id),
            handle_together,
            ids,
            use_case,
            message=told,
            then=url_for(".index"),
            **values,
        )
