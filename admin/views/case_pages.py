"""A case's own page, the answer by SMS from it, and the texts kept to be used again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.permissions import may_open
from admin.texts import moment
from admin.views.base import OfficeView
from campaigns.answers.taking import Keys
from campaigns.casework.cases import RESULTS, find_case
from campaigns.casework.kinds import WAITS_FOR_LABEL, WRITTEN, Outcome
from campaigns.casework.lines import Line, read_lines
from campaigns.casework.models import SavedText
from campaigns.casework.saved_texts import list_texts, may_change, remove_text, save_text
from campaigns.casework.texting import MOST_SEGMENTS, answer_by_sms, is_left_alone
from campaigns.figures.person import read_talk
from campaigns.links import LinkCipher
from campaigns.planning.draft import FIELDS
from campaigns.planning.kinds import needs_smartphone
from campaigns.replies.classifier import Label
from campaigns.rings import ring_send
from outreach.access.models import User
from outreach.errors import LoaError
from outreach.places.models import Area
from outreach.runtime import Runtime
from outreach.sms.template import Template

KEPT = ("kind", "campaign", "organisation", "area", "mine", "state", "order", "after")


def labels_of(kind: str) -> list[Label]:
    """What a reply may be taken as in campaigns of a kind: without a smartphone only where there is an app."""
    return [label for label in Label if label is not Label.NO_SMARTPHONE or needs_smartphone(kind)]


CHOICES = {
    "labels_of": labels_of,
    "outcomes": WRITTEN,
    "results": RESULTS,
    "in_doubt": WAITS_FOR_LABEL,
}


class CasePages(OfficeView):
    """Part of the inbox."""

    def __init__(self, runtime: Runtime, *, name: Any, endpoint: str, url: str) -> None:
        super().__init__(runtime, name=name, endpoint=endpoint, url=url)
        self._keys = Keys(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)
        self._cipher = LinkCipher(runtime.settings.secret_key)

    @expose("/<int:case_id>/")
    def show(self, case_id: int) -> ResponseReturnValue:
        """`?use=` is the kept text to begin the answer with."""
        return self.show_case(case_id)

    @expose("/<int:case_id>/answer", methods=["POST"])
    def answer(self, case_id: int) -> ResponseReturnValue:
        """By SMS. What was written stays on the page where it is refused."""
        text = request.form.get("text", "")
        is_done = request.form.get("wish") == "done"
        leaves_at = datetime.now(UTC)
        try:
            with self.writing() as (session, user):
                leaves_at = answer_by_sms(
                    session, case_id, text, is_done=is_done, user=user, keys=self._keys, now=leaves_at
                )
        except LoaError as error:
            flash(str(error), "error")
            return self.show_case(case_id, text=text, status=422)
        ring_send(self.runtime.doorbell)
        if leaves_at > datetime.now(UTC):
            flash(_("Ngoài giờ gửi tin. Tin trả lời sẽ gửi lúc %(at)s.", at=moment(leaves_at)), "success")
        else:
            flash(_("Tin trả lời đã được xếp để gửi; việc này cho biết khi nào tin đi."), "success")
        if is_done:
            after = request.form.get("next", type=int)
            return redirect(list_address(undo=case_id, what=Outcome.MESSAGED.value, place=after), code=303)
        return redirect(url_for("inbox.show", case_id=case_id, **kept()), code=303)  # type: ignore[arg-type]

    def show_case(
        self,
        case_id: int,
        *,
        numbers: dict[int, str] | None = None,
        text: str | None = None,
        status: int = 200,
    ) -> ResponseReturnValue:
        use = request.values.get("use", type=int)
        with self.reading() as (session, user):
            case = find_case(session, case_id, user=user)
            areas = {area.code: area for area in session.scalars(select(Area))}
            (line,) = read_lines(session, [case.id], areas, now=datetime.now(UTC))
            texts = list_texts(session, user)
            chosen = next((each for each in texts if each.id == use), None)
            page = self.render(
                "office/case.html",
                line=line,
                talk=read_talk(session, case.recipient_id) if case.recipient_id else [],
                texts=texts,
                use=use,
                text=text if text is not None else self._fill(chosen, line),
                most_segments=MOST_SEGMENTS,
                is_left_alone=case.phone_id is not None and is_left_alone(session, case.phone_id),
                numbers=numbers or {},
                kept=kept(),
                user_id=user.id,
                may_act=may_open(user.role, "inbox.label"),
                **CHOICES,
            )
        return page, status

    def _fill(self, chosen: SavedText | None, line: Line) -> str:
        if chosen is None or line.case.recipient_id is None:
            return ""
        link = f"{self.runtime.settings.public_base_url}/{self._cipher.token(line.case.recipient_id)}"
        values = {"name": line.person, "link": link}
        return Template.parse(chosen.text, allowed=FIELDS).render(values)

    # -- texts kept ---------------------------------------------------------------------------------

    @expose("/texts")
    def texts(self) -> ResponseReturnValue:
        """`?edit=` is the one to change."""
        return self._show_texts(request.args.get("edit", type=int))

    @expose("/texts", methods=["POST"])
    def save_text(self) -> ResponseReturnValue:
        form = request.form
        text_id = form.get("text_id", type=int)
        try:
            with self.writing() as (session, user):
                save_text(
                    session,
                    title=form.get("title", ""),
                    text=form.get("text", ""),
                    text_id=text_id,
                    user=user,
                    now=datetime.now(UTC),
                )
        except LoaError as error:
            flash(str(error), "error")
            typed = {"title": form.get("title", ""), "text": form.get("text", "")}
            return self._show_texts(text_id, typed=typed, status=422)
        flash(_("Đã lưu mẫu tin."), "success")
        return redirect(url_for("inbox.texts"), code=303)

    @expose("/texts/<int:text_id>/remove", methods=["POST"])
    def remove_text(self, text_id: int) -> ResponseReturnValue:
        with self.writing() as (session, user):
            remove_text(session, text_id, user=user, now=datetime.now(UTC))
        flash(_("Đã xóa mẫu tin."), "success")
        return redirect(url_for("inbox.texts"), code=303)

    def _show_texts(
        self, edit: int | None, *, typed: dict[str, str] | None = None, status: int = 200
    ) -> ResponseReturnValue:
        with self.reading() as (session, user):
            texts = [(each, may_change(session, each, user)) for each in list_texts(session, user)]
            may_save = may_open(user.role, "inbox.save_text")
        edited = next((each for each, may in texts if each.id == edit and may), None)
        page = self.render(
            "office/saved_texts.html",
            texts=texts,
            edited=edited,
            typed=typed or {"title": edited.title if edited else "", "text": edited.text if edited else ""},
            may_save=may_save,
        )
        return page, status

    def _do(self, case_id: int, act: Callable[[Session, User, datetime], None]) -> ResponseReturnValue | None:
        return self.attempt(act, else_to=here(case_id))


def one_of(kind: Any, value: str | None) -> Any:
    return kind(value) if value in set(kind) else None


def kept() -> dict[str, str]:
    """How the list was narrowed down, which goes along with every press."""
    return {name: value for name in KEPT if (value := request.values.get(name))}


def list_address(*, place: int | None = None, **values: object) -> str:
    """The list as it was narrowed down, with the focus on one case."""
    values |= kept()
    return url_for("inbox.index", _anchor=f"case-{place}" if place else None, **values)  # type: ignore[arg-type]


def here(case_id: int) -> str:
    """Back to where the press was made: the case's own page, or its place in the list."""
    if request.form.get("page"):
        return url_for("inbox.show", case_id=case_id, **kept())  # type: ignore[arg-type]
    return list_address(place=case_id)
