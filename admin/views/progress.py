"""The leaders' page with charts: distance to the goal, forecast, who is behind, what needs a decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from admin.forms import ChoiceField, Form, TextField, today
from admin.rules.charts import Goal, Projection, Tile, line_chart, tile_grid
from admin.views.base import AdminPage, requested_drive_id
from admin.wording.filters import number, percent
from admin.wording.progress import OUTLOOKS, show_concern
from campaigns.analytics import open_tasks
from campaigns.analytics.progress import LeadGoal, ProgressPage, drive_of_campaign, read_progress
from campaigns.goals.official_figures import enter_official
from campaigns.models.campaigns import Drive
from campaigns.planning.drives import find_drive, list_drives
from campaigns.planning.kinds import needs_smartphone, words_of
from campaigns.rules.progress import Outlook, RankRow, ShareBasis, find_concerns, furthest_behind
from campaigns.rules.sending_hours import VIETNAM
from campaigns.visits.checks import read_corrected
from campaigns.visits.progress import read_totals
from outreach.accounts.permissions import is_province_staff
from outreach.enqueue_jobs import enqueue_count_reach
from outreach.runtime import Runtime

COMMUNES_SHOWN = 10


class OfficialForm(Form):
    main = "installed"
    ids = "official"
    day = TextField(_l("Đến hết ngày"), default=today, type="date", required=True, max=today)
    area = ChoiceField(_l("Địa bàn"), required=True)
    installed = TextField(_l("Tổng số đã thực hiện"), inputmode="numeric", required=True)
    source = TextField(_l("Nguồn"), maxlength=200, required=True)


class ProgressView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Tiến độ"), endpoint="progress", url="/admin/progress")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show the progress of `?drive=`, of a `?campaign=`'s or the chosen one, with the communes of `?district=`."""
        now = datetime.now(UTC)
        redis = self.runtime.redis
        with self.reading() as (session, user):
            drives, campaign_id = list_drives(session), request.args.get("campaign", type=int)
            if campaign_id:
                drive = drive_of_campaign(session, campaign_id, user=user)
            else:
                drive = session.get(Drive, requested_drive_id(session)) or Drive(name="")
            leaders = read_progress(session, drive, user=user, redis=redis, now=now) if drive.id else None
            if leaders is None:
                return self.render("progress/empty.html", drives=drives, drive=drive)
            may_enter_official = leaders.official is not None and is_province_staff(session, user)
            submitted = [line.name for line in open_tasks.read_submitted(session, user)]
            paused = [line.name for line in open_tasks.read_paused(session, user)]
            visits = read_totals(session, drive.id, user, now=now)
            corrected = read_corrected(session, drive.id, user)
        if leaders.reach.is_due:
            enqueue_count_reach(self.runtime, leaders.campaigns[0].id)
        head = leaders.head
        official_form = OfficialForm.on_page()
        done = words_of(leaders.drive.kind).done
        official_form.installed.label.text = _("Tổng số đã %(done)s", done=done)
        official_form.area.choices = [(line.code, line.name) for line in leaders.districts.lines if line.code]
        concerns = find_concerns(
            has_goal=head.goal is not None,
            has_denominator=head.line.denominator is not None,
            share=head.line.share,
            outlook=head.outlook,
            districts=leaders.districts.lines,
            official={code: known.installed for code, known in (leaders.official or {}).items()},
            agencies_missing=leaders.agencies.missing if leaders.agencies else [],
            submitted=submitted,
            paused=paused,
        )
        all_communes = [line for table in leaders.communes.values() for line in table.lines]
        district_code = request.args.get("district")
        district = next(
            (line for line in leaders.districts.lines if line.code and line.code == district_code), None
        )
        return self.render(
            "progress/progress.html",
            drives=drives,
            leaders=leaders,
            head=head,
            outlook=OUTLOOKS[head.outlook],
            concerns=[show_concern(concern, head) for concern in concerns],
            as_of=now,
            has_app=needs_smartphone(leaders.drive.kind),
            words=words_of(leaders.drive.kind),
            enters=may_enter_official,
            official_form=official_form,
            district=district,
            behind=furthest_behind(all_communes, most=COMMUNES_SHOWN),
            visits=visits,
            corrected=corrected,
            charts=draw_charts(leaders, today=now.astimezone(VIETNAM).date()),
        )

    @expose("/official", methods=["POST"])
    def official(self) -> ResponseReturnValue:
        """Enter an official figure of a district; for staff of the province's committee."""
        with self.reading() as (session, _user):
            drive = find_drive(session, request.args.get("drive", type=int)).id
        page = url_for(".index", drive=drive, _anchor="sources")
        message = _("Đã ghi số liệu.")
        return self.submit_form(OfficialForm(), page, enter_official, drive=drive, message=message)


# Position of Kon Tum's districts in the tile chart: column and row by GSO code. No map is needed.
TILE_PLACES = {
    "610": (0, 0),
    "617": (1, 0),
    "611": (0, 1),
    "612": (1, 1),
    "613": (2, 1),
    "616": (0, 2),
    "615": (1, 2),
    "614": (2, 2),
    "618": (0, 3),
    "608": (1, 3),
}


_FEW_TILES = 18  # with more, a row has more than three


def draw_charts(leaders: ProgressPage, *, today: date) -> dict[str, Markup]:
    """Draw the charts: the days with a forecast, and the districts as tiles."""
    head = leaders.head
    goal = (
        Goal(head.goal.share, _("Mục tiêu %(share)s", share=percent(head.goal.share))) if head.goal else None
    )
    about = (
        _("Số tự báo, chia cho số người thuộc diện vận động đã nhập cho từng nơi.")
        if leaders.districts.basis is ShareBasis.ENTERED
        else _(
            "Số tự báo, chia cho số người trong danh sách nhận tin chưa báo là không có điện thoại thông minh."
        )
        if needs_smartphone(leaders.drive.kind)
        else _("Số tự báo, chia cho số người trong danh sách nhận tin.")
    )
    return {
        "days": _draw_days(head, today),
        "tiles": tile_grid(
            "tiles",
            _("Các nơi trên sơ đồ ô"),
            about,
            _tiles(leaders.districts.lines),
            goal=goal,
        ),
    }


def _tiles(lines: Sequence[RankRow]) -> list[Tile]:
    """Return a tile per district at its position; districts without one go in rows below."""
    with_code = [line for line in lines if line.code]
    free_row = max((row for _column, row in TILE_PLACES.values()), default=-1) + 1
    if not any(line.code in TILE_PLACES for line in with_code):
        free_row = 0
    unplaced = [line.code for line in with_code if line.code not in TILE_PLACES]
    columns = 3 if len(unplaced) <= _FEW_TILES else 8
    tiles = []
    for line in with_code:
        code = line.code or ""
        place = TILE_PLACES.get(code)
        if place is None:
            index = unplaced.index(code)
            place = (index % columns, free_row + index // columns)
        name = line.name.split(" ", 2 if line.name.startswith(("Thành phố", "Thị", "Đặc khu")) else 1)[-1]
        tiles.append(Tile(name, line.share, percent(line.share) if line.share is not None else "?", *place))
    return tiles


def _draw_days(head: LeadGoal, today: date) -> Markup:
    days = head.days
    target = head.target
    goal = Goal(target, _("Mục tiêu: %(count)s người", count=number(target))) if target else None
    deadline: tuple[int, str] | None = None
    due = head.goal.deadline if head.goal else None
    if due and days:
        deadline = ((due - days[0][0]).days, _("Hạn %(day)s", day=_day(due)))
    count = days[-1][1] if days else 0
    return line_chart(
        "days",
        _("Số tự báo, cộng dồn theo ngày"),
        _(
            "Từ %(first)s đến %(last)s, nay là %(count)s máy.",
            first=_day(days[0][0]),
            last=_day(days[-1][0]),
            count=number(count),
        )
        if days
        else _("Chưa có ngày nào."),
        [(_day(day), total, number(total)) for day, total in days],
        goal=goal,
        deadline=deadline,
        ahead=_ahead(head, today),
    )


def _ahead(head: LeadGoal, today: date) -> Projection | None:
    if head.outlook is Outlook.REACHED or not head.days:
        return None
    first = head.days[0][0]

    deadline, forecast = head.goal.deadline if head.goal else None, head.ahead
    return Projection(
        fan=((forecast.until - first).days, forecast.low, forecast.likely, forecast.high)
        if forecast
        else None,
        needed_by=(deadline - first).days if deadline and deadline >= today else None,
    )


def _day(day: date) -> str:
    return f"{day.day}/{day.month}/{day.year}"
