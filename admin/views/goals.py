"""The goals and what they are shares of: what stands, since when, from whom; set and entered by staff of the province."""

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
    may_set_goals,
    read_goals,
    read_history,
    set_goal,
)
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.goals import Denominator, Goal, GoalScope, GoalSubject
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.permissions import visible_to
from outreach.models.accounts import Organisation, OrganisationKind, User
from outreach.models.places import Area, AreaLevel
from outreach.rules.errors import BadInput, LoaError
from outreach.runtime import Runtime

_LEVELS = list(AreaLevel)


@dataclass(frozen=True, slots=True)
class GoalChoice:
    """Whom a goal may be about: `key` stands in forms, `rank` orders them."""

    key: str
    name: str
    subject: GoalSubject
    rank: tuple[int, int, str]


class GoalsView(AdminPage):
    """Not in the menu: progress leads here."""

    under = "progress"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="goals", url="/admin/goals")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """`?kind=` of campaign; `?subject=` whose history is shown and who stands in the forms."""
        return self._show()

    @expose("/set", methods=["POST"])
    def set_goal(self) -> ResponseReturnValue:
        return self._write(("share", "deadline", "basis"), set_goal, _("Đã đặt mục tiêu."))

    @expose("/denominator", methods=["POST"])
    def enter(self) -> ResponseReturnValue:
        return self._write(("value", "as_of", "source"), enter_denominator, _("Đã ghi số liệu."))

    def _write(self, fields: tuple[str, ...], action: Any, said: str) -> ResponseReturnValue:
        typed = {name: request.form.get(name, "")[:400] for name in fields}
        key = request.form.get("subject", "")[:60]
        scope, _colon, place = key.partition(":")
        try:
            with self.writing() as (session, user):
                subject = find_subject(session, kind=_kind(), scope=scope, place=place, kinds=load_kinds())
                is_new = action(session, subject, **typed, user=user, now=datetime.now(UTC))
        except BadInput as error:
            return self._show(typed=typed, wrong=fields[0], error=str(error), key=key), 422
        except LoaError as error:
            flash(str(error), "error")
        else:
            flash(said if is_new else _("Không có gì thay đổi: điều này đã được ghi từ trước."), "success")
        return redirect(url_for(".index", kind=_kind(), subject=key, _anchor="history"), code=303)

    def _show(
        self, *, typed: dict[str, str] | None = None, wrong: str = "", error: str = "", key: str = ""
    ) -> str:
        now = datetime.now(UTC)
        key = key or request.args.get("subject", "")
        with self.reading() as (session, user):
            stands = read_goals(session, at=now, kind=_kind())
            places = _read_places(session, user)
            about = [place for place in places if place.subject in {*stands.goals, *stands.denominators}]
            chosen = next((place for place in places if place.key == key), None)
            goals: list[Goal | None] = []
            entered: list[Denominator] = []
            if chosen:
                goals, entered = read_history(session, chosen.subject)
            return self.render(
                "progress/goals.html",
                kinds={name: content["title"] for name, content in load_kinds().items()},
                kind=_kind(),
                stands=stands,
                with_goal=[place for place in about if place.subject in stands.goals],
                without_goal=[place for place in about if place.subject not in stands.goals],
                places=places,
                chosen=chosen,
                goal=stands.goals.get(chosen.subject) if chosen else None,
                goals=goals,
                entered=entered,
                may_set=may_set_goals(session, user),
                typed=typed or {},
                wrong=wrong,
                error=error,
                key=key,
                today=now.astimezone(VIETNAM).date().isoformat(),
            )


def _kind() -> str:
    asked = request.values.get("kind", "")
    return asked if asked in load_kinds() else DEFAULT_KIND


def _read_places(session: Session, user: User) -> list[GoalChoice]:
    """Everybody that the user may see goals of: areas from the largest down, agencies, organisations."""
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
    for found in session.scalars(select(Organisation).where(visible_to(session, user, Organisation.id))):
        is_agency = found.kind is OrganisationKind.AGENCY
        scope = GoalScope.STAFF if is_agency else GoalScope.MEMBERS
        places.append(
            GoalChoice(
                f"{scope}:{found.code}",
                found.name,
                GoalSubject(kind, scope, organisation=found.id),
                (1 if is_agency else 2, 1, found.name),
            )
        )
    return sorted(places, key=lambda place: place.rank)
