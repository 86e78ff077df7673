"""The work list: help asked for, questions, replies to be read. One press each, and a page for what takes longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from flask import abort, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.permissions import may_open
from admin.views.case_pages import CHOICES, CasePages, here, kept, list_address, one_of
from campaigns.casework.cases import Reopened, finish, number_to_call, release, reopen, take
from campaigns.casework.handling import Labelled, give_label, undo_label
from campaigns.casework.kinds import CaseKind, Outcome
from campaigns.casework.models import Case
from campaigns.casework.worklist import Wanted, read_worklist
from campaigns.models import Campaign
from campaigns.replies.classifier import Label
from campaigns.rings import ring_send
from outreach.access.models import User
from outreach.runtime import Runtime


class InboxView(CasePages):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Hộp thư trả lời"), endpoint="inbox", url="/admin/inbox")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """`?kind=`, `campaign`, `organisation`, `area`, `mine=1`, `state=done`, `order=newest`, `after`; `undo` is the case just left."""
        return self._show()

    @expose("/<int:case_id>/label", methods=["POST"])
    def label(self, case_id: int) -> ResponseReturnValue:
        """Confirm or correct; the focus goes to the case after it."""
        label = one_of(Label, request.form.get("label"))
        if label is None:
            abort(400)
        done: list[Labelled] = []

        def act(session: Session, user: User, now: datetime) -> None:
            done.append(give_label(session, case_id, label, user=user, keys=self._keys, now=now))

        if refused := self._do(case_id, act):
            return refused
        ring_send(self.runtime.doorbell)  # an opt-out is confirmed at once
        if not done[0].is_counted:
            flash(
                _("Tin này chưa tính là câu trả lời của ai, vì số gửi không thuộc chiến dịch nào."), "warning"
            )
        # What somebody now has to answer stays where it is.
        after = request.form.get("next", type=int) if done[0].is_closed else case_id
        return redirect(list_address(undo=case_id, what=label.value, place=after), code=303)

    @expose("/<int:case_id>/finish", methods=["POST"])
    def finish(self, case_id: int) -> ResponseReturnValue:
        outcome = one_of(Outcome, request.form.get("outcome"))
        if outcome is None:
            flash(_("Chưa chọn đã làm gì. Hãy chọn rồi ghi lại."), "error")
            return redirect(here(case_id), code=303)

        def act(session: Session, user: User, now: datetime) -> None:
            finish(
                session,
                case_id,
                outcome,
                note=request.form.get("note", ""),
                result=one_of(Label, request.form.get("result")),
                user=user,
                keys=self._keys,
                now=now,
            )

        if refused := self._do(case_id, act):
            return refused
        after = request.form.get("next", type=int)
        return redirect(list_address(undo=case_id, what=outcome.value, place=after), code=303)

    @expose("/<int:case_id>/undo", methods=["POST"])
    def undo(self, case_id: int) -> ResponseReturnValue:
        """Take a label back."""

        def act(session: Session, user: User, now: datetime) -> None:
            undo_label(session, case_id, user=user, keys=self._keys, now=now)

        if refused := self._do(case_id, act):
            return refused
        flash(_("Đã hoàn tác. Việc trở lại danh sách."), "success")
        return redirect(here(case_id), code=303)

    @expose("/<int:case_id>/reopen", methods=["POST"])
    def reopen(self, case_id: int) -> ResponseReturnValue:
        done: list[Reopened] = []

        def act(session: Session, user: User, now: datetime) -> None:
            done.append(reopen(session, case_id, user=user, now=now))

        if refused := self._do(case_id, act):
            return refused
        flash(_("Đã mở lại. Việc trở lại danh sách cần làm."), "success")
        if done[0].keeps_answer:
            flash(_("Người này đã trả lời thêm sau đó, nên câu trả lời mới được giữ nguyên."), "warning")
        if done[0].keeps_message:
            flash(_("Tin trả lời đã gửi đi rồi nên không rút lại được."), "warning")
        return redirect(here(case_id), code=303)

    @expose("/<int:case_id>/take", methods=["POST"])
    def take(self, case_id: int) -> ResponseReturnValue:
        def act(session: Session, user: User, now: datetime) -> None:
            take(session, case_id, user=user, now=now)

        return self._do(case_id, act) or redirect(here(case_id), code=303)

    @expose("/<int:case_id>/release", methods=["POST"])
    def release(self, case_id: int) -> ResponseReturnValue:
        def act(session: Session, user: User, now: datetime) -> None:
            release(session, case_id, user=user, now=now)

        return self._do(case_id, act) or redirect(here(case_id), code=303)

    @expose("/<int:case_id>/number", methods=["POST"])
    def number(self, case_id: int) -> ResponseReturnValue:
        """The same page with one full number in it: no address or cookie may carry it."""
        shown: dict[int, str] = {}

        def act(session: Session, user: User, now: datetime) -> None:
            shown[case_id] = number_to_call(session, case_id, user=user, now=now)

        if refused := self._do(case_id, act):
            return refused
        return (
            self.show_case(case_id, numbers=shown) if request.form.get("page") else self._show(numbers=shown)
        )

    def _show(self, numbers: dict[int, str] | None = None) -> ResponseReturnValue:
        asked = request.values
        wanted = Wanted(
            kind=one_of(CaseKind, asked.get("kind")),
            campaign_id=asked.get("campaign", type=int),
            organisation_id=asked.get("organisation", type=int),
            area_code=asked.get("area", "")[:10],
            is_done=asked.get("state") == "done",
            newest_first=asked.get("order") == "newest",
            after=asked.get("after", type=int),
        )
        with self.reading() as (session, user):
            if asked.get("mine"):
                wanted = replace(wanted, taken_by=user.id)
            work = read_worklist(session, user, wanted, now=datetime.now(UTC))
            may_act = may_open(user.role, "inbox.label")
            user_id = user.id
            undo = request.args.get("undo", type=int)
            undone_kind = _kind_of(session, undo) if undo else ""
        what = request.args.get("what")
        return self.render(
            "office/inbox.html",
            work=work,
            wanted=wanted,
            kept=kept(),
            may_act=may_act,
            user_id=user_id,
            numbers=numbers or {},
            undo=undo,
            undone_kind=undone_kind,
            given=one_of(Label, what),
            outcome=one_of(Outcome, what),
            **CHOICES,
        )


def _kind_of(session: Session, case_id: int) -> str:
    """Of the case's campaign; empty where it belongs to none."""
    return session.scalar(select(Campaign.kind).join(Case).where(Case.id == case_id)) or ""
