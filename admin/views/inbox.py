"""The inbox: list of cases, a case's page with the answer by SMS, saved texts, import of reply logs.

Cases are help asked for, questions and replies to be read: most are closed from the list by one button.
Alike cases are handled together. What was answered in a campaign about health is opened on record for a while.
A reply log is a file exported by an operator or a phone; an administrator uploads it.
"""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
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
from admin.views.base import AdminPage, FormAction, warn
from admin.wording.errors import show_error
from admin.wording.filters import kind_has_app, label_of, moment, number
from campaigns.cases import conversation, handle_case
from campaigns.cases.case_list import (
    CaseFilter,
    CaseRow,
    handle_together,
    read_case_list,
    read_case_rows,
    read_group,
    read_groups,
)
from campaigns.cases.rescue import has_lost_alert, read_cries
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import Case
from campaigns.replies.gateway_inbox import LogImportResult, import_log
from campaigns.replies.receive_reply import asked_of
from campaigns.rules.cases import WAITS_FOR_LABEL, WRITTEN, CaseKind, CaseOutcome
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
from campaigns.rules.replies.labels import RESULTS, USES, Label
from campaigns.rules.replies.understand import telling_parts
from outreach.models.accounts import Area, User
from outreach.rules.errors import BadInput, BadTemplate, LoaError
from outreach.rules.segments import measure
from outreach.runtime import Runtime


def _tell_reopened(done: handle_case.Reopened) -> str:
    flash(_("Đã mở lại. Việc trở lại danh sách cần làm."), "success")
    if done.keeps_answer:
        warn(_("Người này đã trả lời thêm sau đó, nên câu trả lời mới được giữ nguyên."))
    if done.keeps_message:
        warn(_("Tin trả lời đã gửi đi rồi nên không rút lại được."))
    return ""


class InboxView(AdminPage):
    """The list and one case beside it; a phone shows the list, or the case."""

    name, endpoint, url = _l("Hộp thư trả lời"), "inbox", "/admin/inbox"

    def form_page(self) -> str:
        return form_url((request.view_args or {})["case_id"])

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List cases, the first one beside them.

        Filters: `?kind=`, `campaign`, `organisation`, `area`, `mine=1`, `state=done`; `order=newest`; `after` is the
        page's start; `undo` is the case just closed.
        """
        return self._show()

    @expose("/<int:case_id>/")
    def show(self, case_id: int) -> ResponseReturnValue:
        """Show a case."""
        return self._show(case_id)

    @expose("/<int:case_id>/answer", methods=["POST"])
    def answer(self, case_id: int) -> ResponseReturnValue:
        """Answer by SMS. If it is refused, the written text stays on the page."""
        form = SmsForm()

        def told(leaves_at: datetime) -> str:
            if leaves_at > datetime.now(UTC):
                return _("Ngoài giờ gửi tin. Tin trả lời sẽ gửi lúc %(at)s.", at=moment(leaves_at))
            return "" if then else _("Tin trả lời đã được xếp để gửi; việc này cho biết khi nào tin đi.")

        # What was done is told beside the button that takes it back.
        then = _next_url(case_id, CaseOutcome.MESSAGED, form.next.data) if form.is_done.data else ""
        return self.submit_form(form, conversation.answer_by_sms, case_id, message=told, then=then)

    @expose("/<int:case_id>/measure", methods=["POST"])
    def measure_answer(self, case_id: int) -> ResponseReturnValue:
        """Return an answer's text as it would be sent, with its length, for the page to show while it is typed."""
        with self.reading() as (session, user):
            case = handle_case.find_case(session, case_id, user=user)
            campaign = session.get(Campaign, case.campaign_id) if case.campaign_id else None
            text = request.form.get("text", "")[: conversation.LONGEST_TEXT].strip()
            if case.done_at is None:  # whose it was stays closed with it
                with suppress(BadTemplate):  # it is still being typed
                    text = conversation.fill_text(session, case, text)
        text = conversation.with_example_link(text, self.settings)
        measured = measure(text, unaccented=campaign is not None and campaign.unaccented)
        return {"text": measured.text, "segments": measured.segments, "units": measured.units}

    @expose("/<int:case_id>/label", methods=["POST"])
    def label(self, case_id: int) -> ResponseReturnValue:
        """Confirm or correct a reply's label, and go on to the next case."""
        form = LabelForm(case_id)

        def told(done: handle_case.Labelled) -> str:
            if not done.is_counted:
                warn(_("Tin này chưa tính là câu trả lời của ai, vì số gửi không thuộc chiến dịch nào."))
            return ""

        def then(done: handle_case.Labelled) -> str:
            # A case that now needs an answer stays in sight.
            return _next_url(case_id, form.word.data, form.next.data if done.is_closed else case_id)

        return self.submit_form(form, handle_case.label_reply, case_id, message=told, then=then)

    @expose("/<int:case_id>/finish", methods=["POST"])
    def close(self, case_id: int) -> ResponseReturnValue:
        form = CloseForm(case_id)
        return self.submit_form(
            form,
            handle_case.close_case,
            case_id,
            then=lambda _case: _next_url(case_id, form.outcome.data, form.next.data),
        )

    undo = FormAction("/<int:case_id>/undo", handle_case.undo_reply_label).tells(
        _l("Đã hoàn tác. Việc trở lại danh sách.")
    )
    reopen = FormAction("/<int:case_id>/reopen", handle_case.reopen_case).tells(_tell_reopened)
    assign = FormAction("/<int:case_id>/take", handle_case.assign_case)
    unassign = FormAction("/<int:case_id>/release", handle_case.unassign_case)

    @expose("/<int:case_id>/number", methods=["POST"])
    def number(self, case_id: int) -> ResponseReturnValue:
        """Render the same page with one full number in it: no URL or cookie may carry it."""

        def show(number: str) -> str:
            return self._show(case_id, number)

        return self.submit_form(Form(), within_quota(handle_case.number_to_call), case_id, show=show)

    def _show(self, case_id: int | None = None, number: str = "") -> str:
        values, now = request.values, datetime.now(UTC)
        filters = CaseFilter(
            kind=one_of(CaseKind, values.get("kind")),
            campaign_id=values.get("campaign", type=int),
            organisation_id=values.get("organisation", type=int),
            area_code=values.get("area", "")[:10],
            is_done=values.get("state") == "done",
            newest_first=values.get("order") == "newest",
            after=values.get("after", type=int),
        )
        settled, undone_value = settled_cases(), request.args.get("what", "")
        undo = settled[0] if len(settled) == 1 else None
        with self.reading() as (session, user):
            if values.get("mine"):
                filters = replace(filters, taken_by=user.id)
            work = read_case_list(session, user, filters, now=now)
            ids = [each.case.id for each in work.lines]
            is_list = case_id is None
            shown_id = ids[0] if is_list and ids else case_id
            pane = self._read_case(session, shown_id, user, now) if shown_id is not None else {}
            is_left_open, given = _undone(session, undo, undone_value, user) if undo else (False, "")
            if number:  # of a cry: what to tell an emergency call centre goes with it
                pane["number"] = number
            page: str = self.render(
                "inbox/inbox.html",
                work=work,
                wanted=filters,
                kept=list_filters(),
                may_act=may_open(user.role, "inbox.label"),
                user_id=user.id,
                is_list=is_list,
                next_id=next(iter(ids[ids.index(shown_id) + 1 :]), None) if shown_id in ids else None,
                undo=undo,
                together=settled[1:] and settled,
                is_left_open=is_left_open,
                given=given,
                outcome=one_of(CaseOutcome, undone_value),
                in_doubt=WAITS_FOR_LABEL,
                **pane,
            )
        return page

    def _read_case(self, session: Session, case_id: int, user: User, now: datetime) -> dict[str, Any]:
        """Return what the page shows of one case. Raises NotFound."""
        case = handle_case.find_case(session, case_id, user=user)
        areas = {area.code: area for area in session.scalars(select(Area))}
        (line,) = read_case_rows(session, [case.id], areas, user=user, now=now)
        campaign = session.get(Campaign, case.campaign_id) if case.campaign_id else None
        alike = read_group(session, case_id, user, now=now, most=MOST_BESIDE) if line.reply else None
        texts = [  # to several, each text has the name of whom it goes to
            (each.title, each.text if alike else conversation.fill_text(session, case, each.text))
            for each in conversation.list_texts(session, user, campaign.kind if campaign else None)
        ]
        return {
            "line": line,
            "alike": alike,
            "cry": next(
                iter(read_cries(session, case.campaign_id or 0, Case.id == case.id, user=user)), None
            ),
            "seen": handle_case.last_cry_of(session, case.id),
            "may_reopen": handle_case.may_reopen(session, case, user=user, now=now),
            "has_lost_alert": session.scalar(select(has_lost_alert()).where(Case.id == case.id)),
            "told": telling_parts(line.reply.body, asked_of(campaign), line.reply.label)
            if line.reply
            else [],
            "talk": conversation.read_items(session, [case.recipient_id])
            if case.recipient_id and not line.is_masked
            else [],
            "texts": texts,
            "sms_form": SmsForm.on_page(),
            "is_left_alone": conversation.takes_no_messages(session, case),
            "most_segments": conversation.MOST_SEGMENTS,
            "answers_of": answers_of,
            "label_buttons_of": label_buttons,
            "close_form": _close_form,
        }


def _undone(session: Session, case_id: int, word: str, user: User) -> tuple[bool, str]:
    """Return whether a case labelled by this word stays open, and the word's text; "" for another word."""
    row = session.execute(
        select(Campaign.kind, Campaign.content)
        .join(Case)
        .where(Case.id == case_id, handle_case.cases_visible_to(session, user))
    ).first()
    answers = read_own_answers(row.content if row else {})
    try:
        said = read_word(word, answers)
    except BadInput:
        return False, ""
    own = own_answer(answers, said.own)
    text = own.text if own and own.value == word else label_of(said.label, "answer", row.kind if row else "")
    return said.label in (Label.NEED_HELP, Label.QUESTION), text


# The longest waiting cases among which those that say what a shown one says are looked for.
MOST_BESIDE = 500
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
    """Return what a campaign's people are counted and listed by, by its word.

    Where people promise, who is recorded as done is one group, under the own answer that says so.
    """
    if not own_answers or not keeps_said(own_answers):
        return answers_of(kind, own_answers, among)
    done = [each.text for each in own_answers if each.means is Label.INSTALLED]
    answers = answers_of(kind, [each for each in own_answers if each.means is not Label.INSTALLED], among)
    return answers | ({Label.INSTALLED.value: " / ".join(done)} if done else {})


class LabelButton(NamedTuple):
    """A button of a reply's label."""

    word: str
    text: str
    key: str
    is_suggested: bool


def label_buttons(line: CaseRow) -> list[LabelButton]:
    """Return what an officer may choose for a reply, the suggested one first."""
    if line.reply is None:
        return []
    answers = answers_of(line.kind, line.own_answers)
    label = line.reply.label
    found = suggest_own(line.reply.body, label, line.own_answers)
    suggested = found.value if found else label.value
    # The same label has the same key on every card; the digits are those of the message, for a campaign's own answers.
    keys = {each.value: str(each.number) for each in line.own_answers} | {
        label.value: use.key for label, use in USES.items()
    }
    return [
        LabelButton(word, answers[word], keys[word], word == suggested)
        for word in sorted(answers, key=lambda word: word != suggested)
    ]


# In campaigns with own answers these say too little: which of them is meant?
_BY_OWN = (Label.INSTALLED, Label.NOT_YET, Label.NO_SMARTPHONE)


class SmsForm(Form):
    """An answer by SMS; `wish` is the button that was pressed."""

    not_passed = ("next",)
    text = LongTextField(
        _l("Nội dung tin"), maxlength=600, required=True, codes=("answer_empty", "answer_long")
    )
    is_done = ChoiceField(name="wish", coerce=lambda text: text == "done")
    seen = RowField()
    next = RowField()


class LabelForm(Form):
    """A label by its button. `next` is the case below in the list."""

    not_passed = ("next",)
    word = ChoiceField(_l("Phân loại"), name="label", required=True)
    seen = RowField()
    next = RowField()


class GroupCloseForm(Form):
    outcome = ChoiceField(
        _l("Đã làm gì"), labelled(WRITTEN, "outcome"), coerce=CaseOutcome, empty=_l("Hãy chọn"), required=True
    )
    seen = RowField()


class CloseForm(GroupCloseForm):
    not_passed = ("next",)
    result = ChoiceField(
        _l("Tình trạng hiện nay"), empty=_l("Không thay đổi"), codes=("case_result_missing",)
    )
    note = TextField(_l("Ghi chú (nếu cần)"), maxlength=300, autocomplete="off")
    next = RowField()


def _close_form(line: CaseRow, seen: int, next_id: int | None = None, *, is_called: object = "") -> CloseForm:
    """Return the form that closes a case: that of a call, once the number is shown; without a recipient no result."""
    outcome = CaseOutcome.CALLED if is_called else None
    form = CloseForm.on_page(line.case.id, next=next_id, outcome=outcome)
    form.seen.data = seen
    form.result.choices = list(answers_of(line.kind, line.own_answers, RESULTS).items())
    if not line.case.recipient_id:
        del form.result
    return form


def one_of(kind: Any, value: str | None) -> Any:
    return kind(value) if value in set(kind) else None


def list_filters() -> dict[str, str]:
    """Return the current filters of the list, which every form and link passes on."""
    return {name: value for name in FILTER_NAMES if (value := request.values.get(name))}


def settled_cases() -> list[int]:
    """Return the cases just settled, which the page offers to take back."""
    ids = (row_id(each) for each in request.args.get("undo", "").split(","))
    return [each for each in ids if each]


def form_url(case_id: int, **values: object) -> str:
    """Return the URL of a case's page with the current filters of the list."""
    return url_for("inbox.show", case_id=case_id, **(values | list_filters()))  # type: ignore[arg-type]


def _next_url(case_id: int, what: Any, next_id: int | None) -> str:
    """Return the URL of the next case, or of the list, after a case was closed; it offers to undo that."""
    offered = {"undo": case_id, "what": getattr(what, "value", what)}
    if next_id:
        return form_url(next_id, **offered)
    return url_for("inbox.index", **(offered | list_filters()))


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
                return import_log(runtime, path, actor_id=user.id, now=now, most_rows=MOST_ROWS)

        def told(result: LogImportResult) -> str:
            flash(_import_message(result), "success" if result.new or not result.unreadable else "error")
            return ""

        return self.submit_form(form, store, message=told)


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
        dict(conversation.visible_campaigns(session, user, opened=opened))
        if may_open(user.role, "contacts.index")
        else {}
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
            Recipient.merge_id == 0,
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


class AlikeView(AdminPage):
    """Not in the menu: the inbox links here."""

    under = "inbox"
    name, endpoint, url = "", "alike", "/admin/inbox/alike"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List the groups. `?undo=` has the cases just settled, `what` the way to take that back."""
        with self.reading() as (session, user):
            groups = read_groups(session, user, now=datetime.now(UTC))
        what = request.args.get("what", "")
        return self.render("inbox/alike.html", groups=groups, undo=settled_cases(), what=what)

    @expose("/<int:case_id>/")
    def show(self, case_id: int) -> ResponseReturnValue:
        """Show all texts of a case's group."""
        with self.reading() as (session, user):
            group = read_group(session, case_id, user, now=datetime.now(UTC))
            if group is None:
                groups = read_groups(session, user, now=datetime.now(UTC))
                return self.render("inbox/alike.html", groups=groups, is_gone=True)
            texts = [
                (each.title, each.text)
                for each in conversation.list_texts(session, user, group.campaign_kind)
            ]
            role = user.role
        return self.render(
            "inbox/alike_group.html",
            group=group,
            case_id=case_id,
            chosen={row_id(each) for each in request.form.getlist("case")}
            or {each.id for each in group.cases},
            answers=answers_of(group.campaign_kind, group.own_answers),
            texts=texts,
            sms_form=SmsForm.on_page(),
            close_form=GroupCloseForm.on_page(),
            most_segments=conversation.MOST_SEGMENTS,
            may_act=may_open(role, "alike.label"),
            back={"back": 1} | list_filters() if "back" in request.args else {},
        )

    @expose("/<int:case_id>/label", methods=["POST"])
    def label(self, case_id: int) -> ResponseReturnValue:
        """Label the chosen replies."""
        return self._together(case_id, LabelForm(), handle_case.label_reply, undo="undo")

    @expose("/<int:case_id>/answer", methods=["POST"])
    def answer(self, case_id: int) -> ResponseReturnValue:
        """Answer the chosen cases by SMS and close them."""
        form = SmsForm()
        form.is_done.data = True  # type: ignore[assignment]
        return self._together(case_id, form, conversation.answer_by_sms, settings=self.settings)

    @expose("/<int:case_id>/finish", methods=["POST"])
    def close(self, case_id: int) -> ResponseReturnValue:
        """Close the chosen cases."""
        return self._together(case_id, GroupCloseForm(), handle_case.close_case, note="", result=None)

    @expose("/undo", methods=["POST"])
    def undo(self) -> ResponseReturnValue:
        """Take back what was just done to several cases: their label, or that they were closed."""
        if request.form.get("what") == "undo":
            return self._together(None, Form(), handle_case.undo_reply_label)
        return self._together(None, Form(), handle_case.reopen_case)

    def _together(
        self,
        case_id: int | None,
        form: Form,
        use_case: Callable[..., object],
        *,
        undo: str = "reopen",
        **values: Any,
    ) -> ResponseReturnValue:
        """Call a use case for the chosen cases; without a group these are taken back, which is not offered again."""
        ids = [row_id(each) for each in request.form.getlist("case")]

        def then(result: tuple[list[int], list[LoaError]]) -> str:
            if case_id is None:
                return url_for(".index")
            page = "inbox.index" if "back" in request.args else ".index"
            done = ",".join(map(str, result[0]))
            return url_for(page, undo=done, what=undo, **list_filters())  # type: ignore[arg-type]

        def told(result: tuple[list[int], list[LoaError]]) -> str:
            done, refused = result
            if refused:
                why = "; ".join(dict.fromkeys(map(show_error, refused)))
                warn(_("%(n)s việc chưa xử lý: %(why)s", n=len(refused), why=why))
            if case_id is not None:
                return ""  # the page says it beside the button that takes it back
            return str(_("Đã hoàn tác %(n)s việc. Các việc trở lại danh sách.", n=len(done)))

        return self.submit_form(form, handle_together, ids, use_case, message=told, then=then, **values)
