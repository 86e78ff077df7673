"""Drives; and their goals and denominators with their history, set and entered by staff of the province."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.forms import ChoiceField, DayField, Form, TextField, this_day, today
from admin.views.base import AdminPage, FormAction, requested_day, requested_drive_id
from admin.wording.filters import kind_titles, label_of
from campaigns.analytics.progress import PlaceTree
from campaigns.goals.goals import enter_denominator, find_subject, read_goals, read_history, set_goal
from campaigns.planning.drives import (
    choose_drive,
    count_campaigns,
    current_drive_id,
    drive_for_figures,
    find_drive,
    list_drives,
    save_drive,
)
from campaigns.rules.goals import Denominator, Goal, Goals, GoalScope, GoalSubject, people_for
from outreach.accounts.permissions import is_province_staff, visible_to
from outreach.models.accounts import Organisation, OrganisationKind, User
from outreach.models.places import AreaLevel
from outreach.places.areas import path_upwards, read_unit_history
from outreach.runtime import Runtime

_LEVELS = list(AreaLevel)


@dataclass(frozen=True, slots=True)
class GoalChoice:
    """A possible subject of a goal: `key` names it in forms, `rank` is the order."""

    key: str
    name: str
    subject: GoalSubject
    rank: tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class GoalLine:
    """A subject with its goal and number of people; `most_people` where that is a range, `people` being the least."""

    place: GoalChoice
    goal: Goal | None
    people: Denominator | None
    most_people: int | None

    @property
    def targets(self) -> tuple[int, ...]:
        """Return how many people the goal asks for, or from how many to how many; nothing where it is not known."""
        values = (self.people.value if self.people else None, self.most_people)
        return tuple(people_for(self.goal.share, each) or 0 for each in values if each and self.goal)


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


def _as_typed(goal: Goal | None) -> dict[str, str]:
    """Return a goal as the fields of its form."""
    if goal is None:
        return {}
    share = f"{100 * goal.share:.2f}".rstrip("0").rstrip(".").replace(".", ",")
    return {
        "share": share,
        "deadline": goal.deadline.isoformat() if goal.deadline else "",
        "basis": goal.basis,
    }


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
    name, endpoint, url = "", "goals", "/admin/goals"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show goals. `?drive=`; `?subject=` has its history shown and is chosen in the forms.

        `?units=` is a day: places of that day, with what was entered for units of another day read in them.
        """
        now = datetime.now(UTC)
        key = request.values.get("subject", "")
        with self.reading() as (session, user):
            drive = requested_drive_id(session)
            current = read_goals(session, at=now, drive=drive)
            history = read_unit_history(session)
            day = history.day_of_units(requested_day("units") or date.max)
            tree = PlaceTree(history, day, current, drive)
            places = _read_places(session, user, tree)
            read = _read_figures(places, tree, current)
            chosen = next((place for place in places if place.key == key), None)
            goals: list[Goal | None] = []
            denominators: list[Denominator] = []
            typed: dict[str, str] = {}
            if chosen:
                goals, denominators = read_history(session, chosen.subject)
                typed = _as_typed(current.goals.get(chosen.subject))
            set_form = GoalForm.on_page(subject=key, **typed)
            enter_form = DenominatorForm.on_page(subject=key)
            set_form.subject.choices = enter_form.subject.choices = {
                label_of(group[0].subject.scope, "scope"): [(place.key, place.name) for place in group]
                for group in (list(each) for _rank, each in groupby(places, key=lambda place: place.rank[0]))
            }
            return self.render(
                "progress/goals.html",
                drives=list_drives(session),
                drive=drive,
                with_goal=[line for line in read if line.goal],
                without_goal=[line for line in read if not line.goal],
                units=day,
                days_of_units=history.days,
                places=places,
                chosen=chosen,
                goals=goals,
                entered=denominators,
                may_set=day == [day, *history.days][-1] and is_province_staff(session, user),
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
            named, now = request.values.get("drive", type=int), datetime.now(UTC)
            drive = drive_for_figures(runtime, named, now=now).id
            with runtime.db.read() as session:
                found = find_subject(session, drive=drive, scope=scope, place=place)
            return action(runtime, found, **values)

        return self.submit_form(
            form,
            write,
            message=lambda is_new: (
                message if is_new else _("Không có gì thay đổi: điều này đã được ghi từ trước.")
            ),
            page=url_for(".index", drive=request.values.get("drive"), subject=key, _anchor="history"),
        )


def _read_figures(places: list[GoalChoice], tree: PlaceTree, current: Goals) -> list[GoalLine]:
    """Return the places with a goal or a number of people, of their own or read from the units of another day."""
    codes = {place.subject.area for place in places} - {None}
    people, most = tree.denominators({code or "" for code in codes}, current.denominators)
    lines = []
    for place in places:
        code = place.subject.area or ""
        goal = current.goals.get(place.subject)
        if code and goal is None and not any(map(tree.goal_of_ground, path_upwards(tree.areas, code)[1:])):
            # Of places on the same ground the largest stands for all.
            goal = tree.goal_of_ground(code)
        known = people.get(code) if code else current.denominators.get(place.subject)
        if goal or known:
            line = GoalLine(place, goal, known, most.get(code))
            lines.append(line)
    return lines


def _read_places(session: Session, user: User, tree: PlaceTree) -> list[GoalChoice]:
    """Return the subjects whose goals the user may see: areas (largest first), agencies, organisations."""
    drive = tree.drive
    places = [
        GoalChoice(
            f"{GoalScope.RESIDENTS}:{area.code}",
            f"{area.kind} {area.name}",
            GoalSubject(drive, GoalScope.RESIDENTS, area=area.code),
            (0, _LEVELS.index(area.level), area.code),
        )
        for area in tree.units.of_day
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


class DriveForm(Form):
    main = "name"
    ids = "drive"
    name = TextField(
        _l("Tên đợt"),
        required=True,
        maxlength=120,
        autocomplete="off",
        placeholder=_l("Ví dụ: Tiêm vắc xin cúm, quý IV năm 2026"),
        codes=("drive_name_wrong", "drive_name_taken"),
    )
    kind = ChoiceField(_l("Loại chiến dịch"), required=True, codes=("drive_kind_unknown", "drive_kind_fixed"))
    starts_on = DayField(_l("Từ ngày"), required=True)
    ends_on = DayField(
        _l("Đến hết ngày"), hint=_l("Chưa biết thì để trống."), codes=("drive_ends_before_start",)
    )


class DrivesView(AdminPage):
    """Not in the menu: the progress page links here."""

    under = "progress"
    name, endpoint, url = "", "drives", "/admin/drives"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List drives. `?edit=` opens the form of one; without it the form opens a new one."""
        with self.reading() as (session, user):
            drives = list_drives(session)
            edited = next((drive for drive in drives if drive.id == request.args.get("edit", type=int)), None)
            form = DriveForm.on_page(**_values(edited)) if edited else DriveForm.on_page(starts_on=this_day())
            form.kind.choices = list(kind_titles().items())
            return self.render(
                "progress/drives.html",
                drives=drives,
                chosen=current_drive_id(session),
                campaigns=count_campaigns(session),
                titles=kind_titles(),
                edited=edited,
                form=form,
                may_edit=is_province_staff(session, user),
            )

    create = FormAction("/new", save_drive, DriveForm).tells(_l("Đã mở đợt vận động."))

    @expose("/<int:drive_id>/edit", methods=["POST"])
    def edit(self, drive_id: int) -> ResponseReturnValue:
        with self.reading() as (session, _user):
            find_drive(session, drive_id)
        page = url_for(".index", edit=drive_id)
        then = url_for(".index")
        return self.submit_form(DriveForm(), save_drive, drive_id, message=_("Đã lưu."), then=then, page=page)

    choose = FormAction("/<int:drive_id>/choose", choose_drive).tells(
        _l("Từ nay trang chủ, trang tiến độ, biểu của cơ quan và thư lấy số liệu của đợt này.")
    )


def _values(drive: Any) -> dict[str, Any]:
    return {
        "name": drive.name,
        "kind": drive.kind,
        "starts_on": date.fromisoformat(drive.starts_on),
        "ends_on": date.fromisoformat(drive.ends_on) if drive.ends_on else None,
    }
