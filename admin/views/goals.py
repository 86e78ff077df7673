"""Goals and denominators with their history, set and entered by staff of the province."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.views.base import AdminPage
from campaigns.goals.goals import (
    enter_denominator,
    find_subject,
    read_goals,
    read_history,
    set_goal,
)
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.goals import Denominator, Goal, GoalScope, GoalSubject
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.permissions import is_province_staff, visible_to
from outreach.models.accounts import Organisation, OrganisationKind, User
from outreach.models.places import Area, AreaLevel
from outreach.rules.errors import BadInput, LoaError
from outreach.runtime import Runtime

_LEVELS = list(AreaLevel)


@dataclass(frozen=True, slots=True)
class GoalChoice:
    """A possible subject of a goal: `key` names it in forms, `rank` is the order."""

    key: str
    name: str
    subject: GoalSubject
    rank: tuple[int, int, str]


class GoalsView(AdminPage):
    """Not in the menu: the progress page links here."""

    under = "progress"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="goals", url="/admin/goals")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show goals. `?kind=` of campaign; `?subject=` has its history shown and is chosen in the forms."""
        return self._show()

    @expose("/set", methods=["POST"])
    def set_goal(self) -> ResponseReturnValue:
        return self._write(("share", "deadline", "basis"), set_goal, _("Đã đặt mục tiêu."))

    @expose("/denominator", methods=["POST"])
    def enter(self) -> ResponseReturnValue:
        return self._write(("value", "as_of", "source"), enter_denominator, _("Đã ghi số liệu."))

    def _write(self, fields: tuple[str, ...], action: Any, message: str) -> ResponseReturnValue:
        form_values = {name: request.form.get(name, "")[:400] for name in fields}
        key = request.form.get("subject", "")[:60]
        scope, _colon, place = key.partition(":")
        try:
            with self.reading() as (session, _user):
                subject = find_subject(session, kind=_kind(), scope=scope, place=place, kinds=load_kinds())
            is_new = self.do(action, subject, **form_values)
        except BadInput as error:
            return self._show(form_values=form_values, wrong_field=fields[0], error=str(error), key=key), 422
        except LoaError as error:
            flash(str(error), "error")
        else:
            flash(message if is_new else _("Không có gì thay đổi: điều này đã được ghi từ trước."), "success")
        return redirect(url_for(".index", kind=_kind(), subject=key, _anchor="history"), code=303)

    def _show(
        self,
        *,
        form_values: dict[str, str] | None = None,
        wrong_field: str = "",
        error: str = "",
        key: str = "",
    ) -> str:
        now = datetime.now(UTC)
        key = key or request.args.get("subject", "")
        with self.reading() as (session, user):
            current = read_goals(session, at=now, kind=_kind())
            places = _read_places(session, user)
            with_figures = [
                place for place in places if place.subject in {*current.goals, *current.denominators}
            ]
            chosen = next((place for place in places if place.key == key), None)
            goals: list[Goal | None] = []
            denominators: list[Denominator] = []
            if chosen:
                goals, denominators = read_history(session, chosen.subject)
            return self.render(
                "progress/goals.html",
                kinds={name: content["title"] for name, content in load_kinds().items()},
                kind=_kind(),
                stands=current,
                with_goal=[place for place in with_figures if place.subject in current.goals],
                without_goal=[place for place in with_figures if place.subject not in current.goals],
                places=places,
                chosen=chosen,
                goal=current.goals.get(chosen.subject) if chosen else None,
                goals=goals,
                entered=denominators,
                may_set=is_province_staff(session, user),
                typed=form_values or {},
                wrong=wrong_field,
                error=error,
                key=key,
                today=now.astimezone(VIETNAM).date().isoformat(),
            )


def _kind() -> str:
    kind = request.values.get("kind", "")
    return kind if kind in load_kinds() else DEFAULT_KIND


def _read_places(session: Session, user: User) -> list[GoalChoice]:
    """Return the subjects whose goals the user may see: areas (largest first), agencies, organisations."""
    kind = _kind()
    places = [
        GoalChoice(
            f"{GoalScope.RESIDENTS}:{area.code}",
            f"{area.kind} {area.name}",
            GoalSubject(kind, GoalScope.RESIDENTS, area=area.code),
            (0, _LEVELS.index(area.level), area.code),
        )
        for area in session.scalars(select(Area))
    ]
    places.append(
        GoalChoice(
            f"{GoalScope.STAFF}:", _("Tất cả cơ quan, đơn vị"), GoalSubject(kind, GoalScope.STAFF), (1, 0, "")
        )
    )
    for organisation in session.scalars(
        select(Organisation).where(visible_to(session, user, Organisation.id))
    ):
        is_agency = organisation.kind is OrganisationKind.AGENCY
        scope = GoalScope.STAFF if is_agency else GoalScope.MEMBERS
        places.append(
            GoalChoice(
                f"{scope}:{organisation.code}",
                organisation.name,
                GoalSubject(kind, scope, organisation=organisation.id),
                (1 if is_agency else 2, 1, organisation.name),
            )
        )
    return sorted(places, key=lambda place: place.rank)
