"""Goals and denominators with their history, set and entered by staff of the province."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.forms import ChoiceField, Form, TextField, today
from admin.views.base import AdminPage, requested_drive_id
from admin.wording.filters import label_of
from campaigns.goals.goals import (
    enter_denominator,
    find_subject,
    read_goals,
    read_history,
    set_goal,
)
from campaigns.planning.drives import drive_for_figures, find_drive, list_drives
from campaigns.rules.goals import Denominator, Goal, GoalScope, GoalSubject
from outreach.accounts.permissions import is_province_staff, visible_to
from outreach.models.accounts import Organisation, OrganisationKind, User
from outreach.models.places import Area, AreaLevel
from outreach.places.areas import IS_CURRENT
from outreach.runtime import Runtime

_LEVELS = list(AreaLevel)


@dataclass(frozen=True, slots=True)
class GoalChoice:
    """A possible subject of a goal: `key` names it in forms, `rank` is the order."""

    key: str
    name: str
    subject: GoalSubject
    rank: tuple[int, int, str]


class GoalForm(Form):
    main = "share"
    ids = "goal"
    subject = ChoiceField(_l("Đối tượng"), required=True)
    share = TextField(
        _l("Tỷ lệ cần đạt (phần trăm)"),
        hint=_l("Ví dụ 50. Để trống là bỏ mục tiêu này."),
        inputmode="decimal",
        maxlength=8,
    )
    deadline = TextField(_l("Đến hết ngày"), type="date")
    basis = TextField(
        _l("Căn cứ"),
        hint=_l("Văn bản giao mục tiêu: số, ngày, cơ quan ban hành."),
        maxlength=200,
        codes=("goal_source_long",),
    )


class DenominatorForm(Form):
    main = "value"
    ids = "people"
    subject = ChoiceField(_l("Đối tượng"), required=True)
    value = TextField(
        _l("Số người thuộc diện vận động"),
        hint=_l(
            "Ví dụ: số người từ 18 tuổi trở lên, số hộ. Để trống là rút lại số đã nhập của ngày này: từ đó là chưa rõ, không phải 0."
        ),
        inputmode="numeric",
        maxlength=14,
    )
    as_of = TextField(_l("Số liệu của ngày"), default=today, type="date", required=True, max=today)
    source = TextField(_l("Nguồn"), maxlength=200, required=True, codes=("figure_source_missing",))


class GoalsView(AdminPage):
    """Not in the menu: the progress page links here."""

    under = "progress"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="goals", url="/admin/goals")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show goals. `?drive=`; `?subject=` has its history shown and is chosen in the forms."""
        now = datetime.now(UTC)
        key = request.values.get("subject", "")
        with self.reading() as (session, user):
            drive = requested_drive_id(session)
            current = read_goals(session, at=now, drive=drive)
            places = _read_places(session, user, drive)
            with_figures = [
                place for place in places if place.subject in {*current.goals, *current.denominators}
            ]
            chosen = next((place for place in places if place.key == key), None)
            goals: list[Goal | None] = []
            denominators: list[Denominator] = []
            if chosen:
                goals, denominators = read_history(session, chosen.subject)
            goal = current.goals.get(chosen.subject) if chosen else None
            set_form = GoalForm.on_page(
                subject=key,
                share=f"{100 * goal.share:.2f}".rstrip("0").rstrip(".").replace(".", ",") if goal else "",
                deadline=goal.deadline.isoformat() if goal and goal.deadline else "",
                basis=goal.basis if goal else "",
            )
            enter_form = DenominatorForm.on_page(subject=key)
            set_form.subject.choices = enter_form.subject.choices = {
                label_of(group[0].subject.scope, "scope"): [(place.key, place.name) for place in group]
                for group in (list(each) for _rank, each in groupby(places, key=lambda place: place.rank[0]))
            }
            return self.render(
                "progress/goals.html",
                drives=list_drives(session),
                drive=drive,
                stands=current,
                with_goal=[place for place in with_figures if place.subject in current.goals],
                without_goal=[place for place in with_figures if place.subject not in current.goals],
                places=places,
                chosen=chosen,
                goals=goals,
                entered=denominators,
                may_set=is_province_staff(session, user),
                set_form=set_form,
                enter_form=enter_form,
            )

    @expose("/set", methods=["POST"])
    def set_goal(self) -> ResponseReturnValue:
        return self._write(GoalForm(), set_goal, _("Đã đặt mục tiêu."))

    @expose("/denominator", methods=["POST"])
    def enter(self) -> ResponseReturnValue:
        return self._write(DenominatorForm(), enter_denominator, _("Đã ghi số liệu."))

    def _write(
        self, form: GoalForm | DenominatorForm, action: Callable[..., bool], message: str
    ) -> ResponseReturnValue:
        key = form.subject.data or ""

        def write(runtime: Runtime, *, subject: str, **values: Any) -> bool:
            scope, _colon, place = subject.partition(":")
            drive_id = (
                request.values.get("drive", type=int) or drive_for_figures(runtime, now=datetime.now(UTC)).id
            )
            with runtime.db.read() as session:
                drive = find_drive(session, drive_id).id
                found = find_subject(session, drive=drive, scope=scope, place=place)
            return action(runtime, found, **values)

        return self.submit_form(
            form,
            url_for(".index", drive=request.values.get("drive"), subject=key, _anchor="history"),
            write,
            message=lambda is_new: (
                message if is_new else _("Không có gì thay đổi: điều này đã được ghi từ trước.")
            ),
        )


def _read_places(session: Session, user: User, drive: int) -> list[GoalChoice]:
    """Return the subjects whose goals the user may see: areas (largest first), agencies, organisations."""
    places = [
        GoalChoice(
            f"{GoalScope.RESIDENTS}:{area.code}",
            f"{area.kind} {area.name}",
            GoalSubject(drive, GoalScope.RESIDENTS, area=area.code),
            (0, _LEVELS.index(area.level), area.code),
        )
        for area in session.scalars(select(Area).where(IS_CURRENT))
    ]
    places.append(
        GoalChoice(
            f"{GoalScope.STAFF}:",
            _("Tất cả cơ quan, đơn vị"),
            GoalSubject(drive, GoalScope.STAFF),
            (1, 0, ""),
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
                GoalSubject(drive, scope, organisation=organisation.id),
                (1 if is_agency else 2, 1, organisation.name),
            )
        )
    return sorted(places, key=lambda place: place.rank)
