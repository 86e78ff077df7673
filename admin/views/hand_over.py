"""Lists handed over: a campaign's people by what they answered, printed or as a workbook for who sees to them, and who came."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import Session

from admin.forms import CheckField, FileField, Form, RowField, TextField, communes, row_id
from admin.refusals import within_quota
from admin.views.base import AdminPage, send_workbook, warn
from admin.views.inbox import listed_answers, opened_campaigns, said_in_words
from admin.wording.filters import day, label_of
from campaigns.cases.case_list import count_open
from campaigns.lifecycle import find_campaign
from campaigns.models.campaigns import Campaign
from campaigns.rules.own_answers import read_own_answers
from campaigns.rules.replies.labels import OFFICER_LABELS, Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.visits import CODE_HEADING, person_code
from campaigns.visits.hand_over import (
    ANSWERED,
    MOST_MARKED,
    NOT_LISTED,
    UNANSWERED,
    ListedPerson,
    PeopleChoice,
    PeopleList,
    Recorded,
    hand_over,
    read_last_marks,
    read_people,
    read_returned,
    record_came,
    undo_came,
)
from outreach.models.accounts import Organisation, User
from outreach.rules.sms_template import find_gaps
from outreach.runtime import Runtime

ON_A_PAGE = 20


class ChoiceForm(Form):
    """Which people a page shows; a form on it sends them along."""

    not_passed = PeopleChoice._fields
    answer = TextField(type="hidden", maxlength=40)
    area = TextField(type="hidden", maxlength=10)
    village = TextField(type="hidden", maxlength=140)
    order = TextField(type="hidden", maxlength=40)

    @property
    def choice(self) -> PeopleChoice:
        return PeopleChoice(self.answer.data, self.area.data, self.village.data, self.order.data)


class HandOverForm(ChoiceForm):
    recipient = TextField(
        _l("Nơi nhận"),
        maxlength=120,
        required=True,
        autocomplete="off",
        placeholder=_l("Ví dụ: Trạm Y tế xã Đắk Hà"),
        codes=("hand_over_unsaid",),
    )
    purpose = TextField(
        _l("Mục đích"),
        maxlength=200,
        required=True,
        autocomplete="off",
        placeholder=_l("Ví dụ: chuẩn bị buổi tiêm ngày 5/12"),
    )
    with_numbers = CheckField(
        _l("Kèm số điện thoại đầy đủ"), hint=_l("Chỉ khi nơi nhận phải gọi. Mỗi số được ghi vào nhật ký.")
    )


class ReturnedForm(Form):
    file = FileField(
        _l("Danh sách đã điểm danh, có cột đánh x"),
        missing=_l("Hãy chọn tệp danh sách đã đánh dấu."),
        codes=("hand_over_not_returned", "hand_over_nobody_marked"),
    )


class UndoForm(Form):
    answer_id = RowField()


class HandOverView(AdminPage):
    """Not in the menu: a campaign's page leads here."""

    under = "campaigns"
    name, endpoint, url = "", "hand_over", "/admin/campaigns/<int:campaign_id>/hand-over"

    @expose("/")
    def index(self, campaign_id: int) -> ResponseReturnValue:
        """List a campaign's people. `?answer=`, `?area=`, `?village=` choose among them; `?order=`, `?page=`.

        Those of a campaign about health once they were opened on record: a button does.
        """
        chosen = _requested()
        number = max(1, request.args.get("page", 1, type=int))
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            if campaign.is_health and campaign_id not in opened_campaigns():
                return self.render("campaigns/hand_over.html", campaign=campaign, listed=None)
            listed = read_people(session, campaign_id, chosen, user=user, opened=opened_campaigns())
            if chosen.village not in ("", *listed.villages):  # of another commune, or of nobody now
                chosen = chosen._replace(village="")
                listed = read_people(session, campaign_id, chosen, user=user, opened=opened_campaigns())
            begin = (number - 1) * ON_A_PAGE
            last = read_last_marks(session, campaign_id, user=user)
            organisation = session.get(Organisation, campaign.organisation_id or 0)
            return self.render(
                "campaigns/hand_over.html",
                campaign=campaign,
                listed=listed,
                people=listed.people[begin : begin + ON_A_PAGE],
                page=number,
                pages=-(-len(listed.people) // ON_A_PAGE),
                chosen=chosen,
                answers=_answers(campaign),
                communes=communes(session),
                said=_said(campaign),
                written=_written(campaign),
                heading=heading,
                form=HandOverForm.on_page(
                    **chosen._asdict(),
                    recipient=organisation.name if organisation else "",
                    purpose=campaign.name,
                ),
                waiting=_waiting(session, user, campaign_id),
                kept=chosen._asdict(),
                done=label_of(Label.INSTALLED, "answer", campaign.kind),
                last=last,
                undo_form=UndoForm.on_page(answer_id=last.answer_id) if last else None,
                returned_form=ReturnedForm.on_page(),
            )

    @expose("/list", methods=["POST"])
    def make(self, campaign_id: int) -> ResponseReturnValue:
        """Show the list for printing, or send it as a workbook; recorded in the audit log."""
        form = HandOverForm()
        opened = opened_campaigns()
        numbers = 0
        with self.reading() as (session, user):
            waiting = _waiting(session, user, campaign_id)
            if form.with_numbers.data:
                listed = read_people(session, campaign_id, form.choice, user=user, opened=opened)
                numbers = sum(bool(each.number) for each in listed.people)

        def show(listed: PeopleList) -> ResponseReturnValue:
            with force_locale("vi"):  # for its recipient, whatever language the office's pages are in
                head = _head(listed, form)
                if request.form.get("form") == "xlsx":
                    return _workbook(listed, head)
                return self.render(
                    "campaigns/hand_over_print.html",
                    listed=listed,
                    waiting=waiting,
                    about=_about(listed.campaign),
                    head=head,
                    code=lambda each: person_code(campaign_id, each.recipient_id),
                    said=_said(listed.campaign),
                    written=_written(listed.campaign),
                    heading=heading,
                    kept=form.choice._asdict(),
                    chosen=_answers(listed.campaign).get(form.choice.answer, ""),
                    has_numbers=any(each.number for each in listed.people),
                )

        return self.submit_form(
            form, within_quota(hand_over, numbers=numbers), campaign_id, form.choice, opened=opened, show=show
        )

    @expose("/came", methods=["POST"])
    def came(self, campaign_id: int) -> ResponseReturnValue:
        """Record that the people marked on the page came."""
        people = {row_id(each) for each in request.form.getlist("came")}
        return self._record(Form(), campaign_id, lambda: people)

    @expose("/returned", methods=["POST"])
    def returned(self, campaign_id: int) -> ResponseReturnValue:
        """Record who is marked on a list that came back."""
        form = ReturnedForm()

        def read() -> set[int]:
            with form.file.saved() as path:
                marks = read_returned(path, campaign_id=campaign_id)
            if marks.unclear:
                lines = ", ".join(map(str, marks.unclear[:20]))
                warn(_("Không hiểu dấu ở dòng %(lines)s; những dòng này chưa được ghi.", lines=lines))
            if marks.strangers:
                warn(_("%(n)s dòng là của chiến dịch khác, không được ghi.", n=marks.strangers))
            return marks.came

        return self._record(form, campaign_id, read)

    @expose("/undo", methods=["POST"])
    def undo(self, campaign_id: int) -> ResponseReturnValue:
        def told(n: int) -> str:
            return _("Đã hoàn tác %(n)s người của lần ghi vừa rồi.", n=n)

        return self.submit_form(UndoForm(), undo_came, campaign_id, opened=opened_campaigns(), message=told)

    def _record(self, form: Form, campaign_id: int, read: Callable[[], set[int]]) -> ResponseReturnValue:
        def record(runtime: Runtime, **values: Any) -> Recorded:
            return record_came(runtime, campaign_id, read(), **values)

        def told(recorded: Recorded) -> str:
            if recorded.left_out:
                warn(
                    _(
                        "%(n)s người có dấu không được ghi vì không có trong danh sách này: đã từ chối nhận tin, phản đối, đã xóa, hoặc mã bị sửa.",
                        n=recorded.left_out,
                    )
                )
            if recorded.to_do:
                warn(
                    _(
                        "Mỗi lần ghi được nhiều nhất %(most)s người. Còn %(n)s người chưa được ghi: hãy tải tệp này lên lần nữa.",
                        most=MOST_MARKED,
                        n=recorded.to_do,
                    )
                )
            return _("Đã ghi %(n)s người.", n=recorded.new) if recorded.new else _("Không có gì thay đổi.")

        number = request.form.get("page", 1, type=int)
        page = url_for(".index", campaign_id=campaign_id, **_requested()._asdict(), page=number)
        return self.submit_form(
            form, record, opened=opened_campaigns(), keys=self.keys, message=told, page=page
        )


def _waiting(session: Session, user: User, campaign_id: int) -> int:
    """Return how many answers of a campaign an officer has still to look at: the list lacks what they say."""
    return sum(count_open(session, user, campaign_id).values())


def _requested() -> PeopleChoice:
    """Return the people whom the address or a form names."""
    values = request.values
    return PeopleChoice(
        values.get("answer", "")[:40],
        values.get("area", "")[:10],
        values.get("village", "")[:140],
        values.get("order", "")[:40],
    )


def _answers(campaign: Campaign) -> dict[str, str]:
    """Return what people may be chosen by: each answer of the campaign's that leads to a list, by its word."""
    labels = [label for label in OFFICER_LABELS if label not in NOT_LISTED]
    return {
        "": _("Tất cả người nhận tin"),
        ANSWERED: _("Mọi người đã trả lời"),
        UNANSWERED: _("Chưa trả lời"),
        **listed_answers(campaign.kind, read_own_answers(campaign.content), labels),
    }


def _about(campaign: Campaign) -> str:
    """Return what a campaign asks for, or its name where that has gaps to fill in, as a kind suggests it."""
    asked = str(campaign.content.get("asked") or "")
    return campaign.name if not asked or find_gaps(asked) else asked


def _said(campaign: Campaign) -> Any:
    """Return the filter for what a person of the list has said, in words; "" for nothing."""
    own = read_own_answers(campaign.content)

    return lambda each: said_in_words(own, each.said, each.own, campaign.kind)


def _written(campaign: Campaign) -> Any:
    """Return the filter for what was written to a person for a field; the substitute, as all without a value have it, is told apart."""

    def written(each: ListedPerson, name: str) -> str:
        value = each.value_of(name, campaign)
        return _("%(value)s (chung)", value=value) if value and not each.values.get(name) else value

    return written


def heading(name: str) -> str:
    """Return a field's name as the head of its column."""
    return name[:1].upper() + name[1:]


def _head(listed: PeopleList, form: HandOverForm) -> list[str]:
    """Return the lines of a list's head: who gets it, what for, of which day, and by whom."""
    today = datetime.now(VIETNAM).date()
    return [
        _("Nơi nhận: %(name)s", name=form.recipient.data),
        _("Mục đích: %(purpose)s", purpose=form.purpose.data),
        _(
            "Lập ngày %(day)s, người lập: %(name)s, số người: %(n)s",
            day=day(today.isoformat()),
            name=current_user.shown_name,
            n=len(listed.people),
        ),
        _(
            "Chỉ dùng cho mục đích trên; không sao chụp, không chuyển cho nơi khác; xong việc thì trả lại hoặc hủy."
        ),
    ]


def _workbook(listed: PeopleList, head: list[str]) -> Response:
    campaign, said, written = listed.campaign, _said(listed.campaign), _written(listed.campaign)
    has_numbers = any(each.number for each in listed.people)
    done = label_of(Label.INSTALLED, "answer", campaign.kind)
    headings = [
        CODE_HEADING,
        _("Họ tên"),
        _("Năm sinh"),
        _("Nơi ở"),
        *map(heading, campaign.fields),
        _("Câu trả lời"),
        *([_("Số điện thoại")] if has_numbers else []),
        _("%(done)s (đánh x)", done=done),
    ]
    rows = [
        [
            person_code(campaign.id, each.recipient_id),
            each.name,
            str(each.birth_year or ""),
            each.place,
            *(written(each, name) for name in campaign.fields),
            said(each),
            *([each.number] if has_numbers else []),
            "",  # also of who has come: were they corrected since, our own mark would come back as the recipient's
        ]
        for each in listed.people
    ]
    over = [[campaign.name], *([line] for line in head)]
    return send_workbook(_("Danh sách"), [*over, headings, *rows], name=f"danh-sach-{campaign.id}")
