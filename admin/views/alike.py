"""Alike replies: the groups of the inbox, and one group, whose cases are labelled, answered or closed together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.forms import ChoiceField, Form, labelled, row_id
from admin.permissions import may_open
from admin.views.base import AdminPage
from admin.views.inbox import SmsForm, answers_of
from admin.wording.errors import show_error
from campaigns.cases.alike_cases import Together, handle_together, read_group, read_groups
from campaigns.cases.handle_case import close_case, label_reply
from campaigns.cases.sms_answers import MOST_SEGMENTS, answer_by_sms, list_texts
from campaigns.rules.cases import WRITTEN, CaseOutcome


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
