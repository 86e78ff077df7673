"""The leaders' page: distance to the goal, forecast, who is behind, what needs a decision, its charts as pictures; and of one campaign
its reach by step, organisation and place, and its install reports.
"""

import hashlib
import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from flask import Response, abort, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from itsdangerous import BadSignature, Signer
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.forms import ChoiceField, Form, TextField
from admin.forms import today as this_day
from admin.rules import charts
from admin.views.base import AdminPage, requested_day, requested_drive_id, send_workbook
from admin.views.inbox import may_name
from admin.wording import progress as wording
from admin.wording.campaigns import show_lifts
from admin.wording.filters import day as show_day
from admin.wording.filters import kind_has_app, kind_words, number, percent
from admin.wording.filters import moment as show_moment
from campaigns.analytics import open_tasks
from campaigns.analytics.installs import InstallFilter, find_visible_campaign, read_reports
from campaigns.analytics.progress import (
    LeadGoal,
    ProgressPage,
    day_of_units,
    drive_of_campaign,
    is_large,
    read_progress,
)
from campaigns.analytics.progress_counts import MIN_TTL_S
from campaigns.analytics.reach import (
    fold_reach,
    read_parts_for,
    read_reach,
    record_export,
    small_in_reach,
    step_lifts,
)
from campaigns.analytics.reach_counts import read_by_operator
from campaigns.cases.case_list import cries_by_place
from campaigns.delivery.office_phones import read_control_copies
from campaigns.goals.goals import enter_official
from campaigns.models.campaigns import Campaign, Drive
from campaigns.models.replies import AnswerSource
from campaigns.planning.drives import find_drive, list_drives
from campaigns.planning.kinds import needs_smartphone, words_of
from campaigns.planning.preview import campaign_spending
from campaigns.reports.run_schedule import read_missed_days, read_today, read_waiting_reports
from campaigns.reports.settings import may_urge
from campaigns.reports.writers.pdf import svg_as_png
from campaigns.rules import progress as rules
from campaigns.rules.own_answers import read_own_answers
from campaigns.rules.reach import ReachByOperator, ReachTotals
from campaigns.rules.reports.document import Bar
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignState
from campaigns.visits.progress import read_corrected, read_totals
from outreach.accounts.permissions import is_province_staff, organisations_of
from outreach.core.cache import cached_count
from outreach.core.spreadsheets import MEDIA_TYPE, csv_text, workbook_bytes
from outreach.gateway_accounts import read_names_of_gateways
from outreach.models.accounts import AreaLevel, Organisation, Role, User
from outreach.places.areas import UnitHistory, UnitsOfOneDay, name_level, points_of, read_unit_history
from outreach.rules.keys import Purpose, oldest_first
from outreach.use_cases import enqueue_count_reach

COMMUNES_SHOWN = 5
_MOST_LABELS = 20  # names on a map


log = logging.getLogger(__name__)


def draw_charts(
    leaders: ProgressPage, boundaries_file: str, *, today: date, cries: Mapping[str | None, int] | None = None
) -> dict[str, Markup]:
    """Draw the page's charts. `boundaries_file` is the path of a GeoJSON file; places without one are circles."""
    return {
        "days": _draw_days(leaders, today),
        "places": _draw_places(leaders, boundaries_file, cries or {}),
        "funnel": _draw_funnel(leaders),
    }


def _draw_places(leaders: ProgressPage, boundaries_file: str, cries: Mapping[str | None, int]) -> Markup:
    goal_share = leaders.head.goal.share if leaders.head.goal else None
    goal = charts.Goal(goal_share, _("Mục tiêu %(share)s", share=percent(goal_share))) if goal_share else None
    did = wording.did_of(kind_words(leaders.drive.kind))
    about = (
        _("Tỷ lệ %(did)s trên số người thuộc diện vận động đã nhập cho từng địa bàn.", did=did)
        if leaders.districts.basis is rules.ShareBasis.ENTERED
        else _(
            "Tỷ lệ %(did)s trên số người trong danh sách nhận tin, trừ người báo không có điện thoại thông minh.",
            did=did,
        )
        if kind_has_app(leaders.drive.kind)
        else _("Tỷ lệ %(did)s trên số người trong danh sách nhận tin.", did=did)
    )

    def place(line: rules.RankRow, district: str | None) -> charts.MapPlace:
        place = {
            "drive": leaders.drive.id,
            "units": request.args.get("units"),
            "_anchor": f"place-{line.code}",
        }
        return charts.MapPlace(
            line.code or "",
            line.name,
            line.share,
            percent(line.share) if line.share is not None else "?",
            line.denominator or line.counts.recipients,
            url_for("progress.index", district=district, **place),  # type: ignore[arg-type]
            cries.get(line.code, 0),
        )

    districts = [place(line, None) for line in leaders.districts.lines if line.code]
    communes = [
        place(line, code) for code, table in leaders.communes.items() for line in table.lines if line.code
    ]
    return draw_map(_("Bản đồ các địa bàn"), about, districts, communes, boundaries_file, goal=goal)


def draw_map(
    title: str,
    about: str,
    districts: Sequence[charts.MapPlace],
    communes: Sequence[charts.MapPlace],
    boundaries_file: str,
    *,
    goal: charts.Goal | None = None,
) -> Markup:
    """Draw the communes, or where there are none the districts: by their boundaries if the file has any, else as circles."""
    boundaries = _boundaries(boundaries_file)
    for places in (communes, districts):
        if any(place.code in boundaries for place in places):
            return charts.area_map("places", title, about, places, boundaries, goal=goal)
    points = points_of([place.code for place in (*districts, *communes)])
    labels = {place.name: points[place.code] for place in districts if place.code in points}
    is_readable = len(labels) < _MOST_LABELS
    return charts.area_map(
        "places", title, about, communes or districts, points, goal=goal, labels=labels if is_readable else {}
    )


def _boundaries(path: str) -> Mapping[str, list[charts.Outlines]]:
    if not path:
        return {}
    try:
        return _read_boundaries(path, Path(path).stat().st_mtime_ns)
    except (OSError, ValueError) as error:
        # The page is more than its map: places are circles until the file is mended.
        log.warning("boundaries.unreadable reason=%s", type(error).__name__)
        return {}


@lru_cache(maxsize=1)
def _read_boundaries(path: str, _changed_at: int) -> Mapping[str, list[charts.Outlines]]:
    return charts.read_boundaries(json.loads(Path(path).read_text(encoding="utf-8")))


def _draw_funnel(leaders: ProgressPage) -> Markup:
    total, reached = leaders.total, leaders.reach.total
    is_counted = leaders.reach.counted_at is not None
    steps: list[tuple[str, int | None]] = [
        (_("Trong danh sách nhận tin"), total.recipients),
        (_("Tin đã gửi"), reached.written if is_counted else None),
        (_("Tin đã đến máy"), reached.arrived or None),
        (_("Đã trả lời"), total.answered),
        (wording.told_of(leaders.drive.kind), total.installed),
    ]
    bars = [
        Bar(
            name,
            count / total.recipients if count is not None and total.recipients else None,
            f"{number(count)} ({percent(count / total.recipients)})"
            if count is not None and total.recipients
            else "–",
        )
        for name, count in steps
    ]
    return charts.bar_chart(
        "funnel",
        _("Kết quả qua từng bước"),
        _("Đơn vị: người; tỷ lệ so với danh sách nhận tin."),
        bars,
        top=1.0,
    )


def _draw_days(leaders: ProgressPage, today: date) -> Markup:
    head = leaders.head
    days, target = head.days, head.target
    goal = charts.Goal(target, _("Mục tiêu: %(count)s người", count=number(target))) if target else None
    deadline: tuple[int, str] | None = None
    due = head.goal.deadline if head.goal else None
    if due and days:
        deadline = ((due - days[0][0]).days, _("Hạn %(day)s", day=show_day(due.isoformat())))
    count = days[-1][1] if days else 0
    ahead = _ahead(head, today)
    top = max(count, target or 0, ahead.fan[3] if ahead and ahead.fan else 0)
    return charts.line_chart(
        "days",
        _("%(told)s, cộng dồn theo ngày", told=wording.told_of(leaders.drive.kind)),
        _(
            "Từ %(first)s đến %(last)s, nay là %(count)s người.",
            first=show_day(days[0][0].isoformat()),
            last=show_day(days[-1][0].isoformat()),
            count=number(count),
        )
        if days
        else _("Chưa có ngày nào."),
        [(show_day(day.isoformat()), total, number(total)) for day, total in days],
        goal=goal,
        deadline=deadline,
        ahead=ahead,
        waves=[
            charts.SentWave(
                (wave.day - days[0][0]).days,
                _("%(day)s: %(n)s tin", day=show_day(wave.day.isoformat()), n=number(wave.people)),
                not wave.has_left,
            )
            for wave in leaders.waves
            if days and wave.people
        ],
        unit=_("Đơn vị: người"),
        ticks=[(tick, number(tick)) for tick in charts.scale_of(top)],
    )


def _ahead(head: LeadGoal, today: date) -> charts.Projection | None:
    if head.outlook is rules.Outlook.REACHED or not head.days:
        return None
    first = head.days[0][0]
    deadline, forecast = head.goal.deadline if head.goal else None, head.ahead
    return charts.Projection(
        fan=((forecast.until - first).days, forecast.low, forecast.likely, forecast.high)
        if forecast
        else None,
        needed_by=(deadline - first).days if deadline and deadline >= today else None,
    )


# The colours of progress.css, for pictures that have no stylesheet.
_STYLE = """
text { font-family: "Liberation Serif"; font-size: 12.5px; fill: #17252a; }
.value { font-weight: 700; } .goal-words { fill: #a3242b; font-size: 11.5px; } .tick { fill: #51616a; font-size: 10px; }
.track { fill: #e2e8ea; } .share { fill: #2c7a89; } .reached { fill: #2f8a57; }
.goal { stroke: #a3242b; stroke-width: 2; stroke-dasharray: 4 3; } .deadline { stroke: #51616a; stroke-width: 1.5; stroke-dasharray: 2 3; }
.axis { stroke: #9fb0b6; } .grid { stroke: #e2e8ea; } .line { fill: none; stroke: #0b5563; stroke-width: 2.5; } .dot { fill: #0b5563; }
.fan { fill: #c9dfe3; } .likely { stroke: #0b5563; stroke-dasharray: 2 3; } .needed { stroke: #a3242b; stroke-dasharray: 6 4; }
.wave line { stroke: #b8860b; stroke-width: 1; } .wave path { fill: #b8860b; } .to-come line { stroke-dasharray: 3 3; } .to-come path { fill: none; stroke: #b8860b; }
.tile-unknown { fill: #fff; stroke: #9fb0b6; } .tile-0 { fill: #e3f0f2; } .tile-1 { fill: #bfdde2; } .tile-2 { fill: #8cc0c9; }
.tile-3 { fill: #2c7a89; } .tile-4 { fill: #0b5563; } .tile-reached { fill: #1f6f43; } .area { stroke: #fff; } circle.cry { fill: #a3242b; stroke: #fff; } text.cry { fill: #fff; font-size: 10px; } .place { fill: #51616a; font-size: 10px; } .area.tile-unknown { stroke: #9fb0b6; }
.on-3 text, .on-4 text, .on-reached text { fill: #fff; }
"""


def as_picture(chart: Markup, caption: str) -> str:
    """Return a chart as an SVG file of its own: with its colours, a white ground, and a line that says what it is of."""
    head, _start, inside = str(chart).partition(">")
    height = float(head.split('viewBox="0 0 ')[1].split('"')[0].split(" ")[1]) + 24
    return str(
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -8 {width} {height}"><style>{style}</style>'
            '<rect x="-8" y="-8" width="{width}" height="{height}" fill="#fff"/>{inside}'
            '<text class="tick" x="0" y="{foot}">{caption}</text></svg>'
        ).format(
            width=charts.WIDTH + 16,
            height=height + 12,
            style=Markup(_STYLE),  # noqa: S704 - a constant
            inside=Markup(inside.removesuffix("</svg>")),  # noqa: S704 - a chart that was drawn here
            foot=height - 8,
            caption=caption,
        )
    )


class OfficialForm(Form):
    main = "installed"
    ids = "official"
    day = TextField(_l("Đến hết ngày"), default=this_day, type="date", required=True, max=this_day)
    area = ChoiceField(_l("Địa bàn"), required=True)
    installed = TextField(_l("Tổng số đã thực hiện"), inputmode="numeric", required=True)
    source = TextField(_l("Nguồn"), maxlength=200, required=True)


class ProgressView(AdminPage):
    name, endpoint, url = _l("Tiến độ"), "progress", "/admin/progress"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show the progress of `?drive=`, of a `?campaign=`'s or the chosen one, with the communes of `?district=`.

        `?units=` is a day whose units the places are.
        """
        with self.reading() as (session, user):
            drive, drives = self._drive(session, user), list_drives(session)
            key = _shared_key(session, drive, user)

        shown = self._shared(key, drive, drives) if key else self._figures(drive, drives)
        if shown is None:
            return self.render("progress/empty.html", drives=drives, drive=drive)
        return self.render("progress/progress.html", shown=Markup(shown))  # noqa: S704 - our own template

    def _shared(self, key: str, drive: Drive, drives: Sequence[Drive]) -> str | None:
        """Return the figures of the page, as drawn for another leader a moment ago; signed, as others may write to Redis."""
        signer = Signer(oldest_first(self.settings.keys_of(Purpose.SESSIONS)), salt=key)

        def draw() -> dict[str, str]:
            return {"shown": signer.sign(self._figures(drive, drives) or "").decode()}

        kept = cached_count(self.runtime.redis, key, draw, min_ttl_s=MIN_TTL_S)
        try:
            return signer.unsign(kept["shown"]).decode() or None
        except BadSignature:
            return self._figures(drive, drives)

    def _drive(self, session: Session, user: User) -> Drive:
        """Return the drive that the address names or that was chosen last; one without an id before the first."""
        if campaign_id := request.args.get("campaign", type=int):
            return drive_of_campaign(session, campaign_id, user=user)
        return session.get(Drive, requested_drive_id(session)) or Drive(name="")

    def _figures(self, drive: Drive, drives: Sequence[Drive]) -> str | None:
        """Return the figures of the page of a drive as HTML; None before its first launch."""
        now, redis = datetime.now(UTC), self.runtime.redis
        today = now.astimezone(VIETNAM).date()
        with self.reading() as (session, user):
            leaders = self._read(session, user, drive, now)
            if leaders is None:
                return None
            sees_all = organisations_of(session, user) is None
            report = read_today(session, drive.id, today, now=now) if sees_all else None
            words = words_of(session, leaders.drive.kind)
            concerns = _find_concerns(session, user, leaders, today, wants_goal=words.goal, sees_all=sees_all)
            cries = cries_by_place(session, user)
            read = {
                "visits": read_totals(session, drive.id, user),
                "corrected": read_corrected(session, drive.id, user, as_of=now, redis=redis),
                **may_change(session, user, leaders),
                "has_app": needs_smartphone(session, leaders.drive.kind),
            }
        if leaders.reach.is_due:
            enqueue_count_reach(self.runtime, leaders.campaigns[0].id)
        head, districts = leaders.head, [line for line in leaders.districts.lines if line.code]
        chosen, official_form = request.args.get("district"), OfficialForm.on_page()
        official_form.installed.label.text = _("Tổng số đã %(done)s", done=words.done)
        official_form.area.choices = list(map(attrgetter("code", "name"), districts))
        communes = [line for table in leaders.communes.values() for line in table.lines]
        return self.render(
            "progress/figures.html",
            drives=drives,
            leaders=leaders,
            head=head,
            outlook=wording.OUTLOOKS[head.outlook],
            concerns=[wording.show_concern(concern, head) for concern in concerns],
            as_of=now,
            words=words,
            did=wording.did_of(words),
            promised=wording.show_promised(leaders.promised, words) if leaders.promised else None,
            official_form=official_form,
            district={line.code: line for line in districts}.get(chosen),
            behind=rules.furthest_behind(communes, most=len(communes) if chosen == "all" else COMMUNES_SHOWN),
            communes=len(communes),
            worst_first=rules.worst_first,
            days_left=head.days_left(today),
            report=wording.DAY_STATES.get(report) if report else None,
            waves_by_day={wave.day: wave.people for wave in leaders.waves if wave.has_left},
            cries=sum(cries.values()),
            charts=draw_charts(leaders, self.settings.boundaries_file, today=today, cries=cries),
            **read,
        )

    @expose("/picture/<chart>.png")
    def picture(self, chart: str) -> ResponseReturnValue:
        """Send one of the page's charts as a picture. `?drive=`, `?units=`"""
        now, today = datetime.now(UTC), date.fromisoformat(this_day())
        leaders, drive, drives = self._read_chosen(now)
        if leaders is None:
            return self.render("progress/empty.html", drives=drives, drive=drive)
        drawn = draw_charts(leaders, self.settings.boundaries_file, today=today)
        if chart not in drawn:
            abort(404)
        content = svg_as_png(as_picture(drawn[chart], f"{drive.name}, {show_moment(now)}"))
        return send_file(
            io.BytesIO(content), "image/png", as_attachment=True, download_name=f"{chart}-{today}.png"
        )

    @expose("/places.xlsx")
    def places(self) -> ResponseReturnValue:
        """Send the table of places in the units of a day as a file. `?drive=`, `?units=`"""
        leaders, drive, drives = self._read_chosen(datetime.now(UTC))
        if leaders is None:
            return self.render("progress/empty.html", drives=drives, drive=drive)
        name = f"theo-don-vi-{drive.id}-{leaders.units}"
        return send_workbook(_("Theo đơn vị hành chính"), wording.place_rows(leaders), name=name)

    def _read_chosen(self, now: datetime) -> tuple[ProgressPage | None, Drive, Sequence[Drive]]:
        with self.reading() as (session, user):
            drive = session.get(Drive, requested_drive_id(session)) or Drive(name="")
            return self._read(session, user, drive, now), drive, list_drives(session)

    def _read(self, session: Session, user: User, drive: Drive, now: datetime) -> ProgressPage | None:
        if not drive.id:
            return None
        units = requested_day("units")
        return read_progress(session, drive, user=user, runtime=self.runtime, now=now, units=units)

    @expose("/official", methods=["POST"])
    def official(self) -> ResponseReturnValue:
        """Enter an official figure of a district; for staff of the province's committee."""
        with self.reading() as (session, _user):
            drive = find_drive(session, request.args.get("drive", type=int)).id
        page = url_for(".index", drive=drive, _anchor="sources")
        message = _("Đã ghi số liệu.")
        return self.submit_form(OfficialForm(), enter_official, drive=drive, message=message, page=page)


def may_change(session: Session, user: User, leaders: ProgressPage) -> dict[str, bool]:
    """Return whether the reader enters figures and urges places: by the units of today."""
    is_of_today = leaders.units == [leaders.units, *leaders.days_of_units][-1]
    enters = is_of_today and leaders.official is not None and is_province_staff(session, user)
    return {"enters": enters, "urges": is_of_today and may_urge(session, user)}


def _find_concerns(
    session: Session, user: User, leaders: ProgressPage, today: date, *, wants_goal: bool, sees_all: bool
) -> list[rules.Concern]:
    head = leaders.head
    missed = read_missed_days(session, leaders.drive.id, today=today) if sees_all else []
    waiting = [each for each in read_waiting_reports(session, user) if not each.by_user]

    def of_drive(state: CampaignState) -> list[str]:
        of = open_tasks.read_campaigns_in_state(session, user, state, drive_id=leaders.drive.id)
        return [line.name for line in of]

    return rules.find_concerns(
        has_goal=head.goal is not None,
        has_denominator=head.line.denominator is not None,
        share=head.line.share,
        outlook=head.outlook,
        districts=leaders.districts.lines,
        official={code: known.installed for code, known in (leaders.official or {}).items()},
        named={
            rules.ConcernKind.AGENCIES_MISSING: leaders.agencies.missing if leaders.agencies else [],
            rules.ConcernKind.SUBMITTED: of_drive(CampaignState.SUBMITTED),
            rules.ConcernKind.PAUSED: of_drive(CampaignState.PAUSED),
            rules.ConcernKind.REPORT_WAITING: [show_day(each.day) for each in waiting],
            rules.ConcernKind.REPORT_MISSED: [show_day(day.isoformat()) for day in missed],
        },
        wants_goal=wants_goal,
    )


def _shared_key(session: Session, drive: Drive, user: User) -> str | None:
    """Return the key under which all leaders who see the same share the page of a large drive; None for anybody else.

    Others enter figures, and see at once what they entered; a leader sees at once that a report was approved.
    """
    if user.role is not Role.LEADER or not is_large(session, drive):
        return None
    of_page = [request.args.get(name, "")[:16] for name in ("district", "units")]
    reports = read_waiting_reports(session, user)  # another page for who prepared one
    whose = repr((user.organisation_id, user.area_code, *of_page, str(get_locale()), reports))
    return f"loa:leaders:{drive.id}:{hashlib.sha256(whose.encode()).hexdigest()}"


_TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": MEDIA_TYPE}


@dataclass(frozen=True, slots=True)
class ReachRow:
    """Counts of a district, commune or organisation; `name` is "" for people of whom it is not known."""

    code: str
    name: str
    counts: ReachTotals


class ReachView(AdminPage):
    """Not in the menu: a campaign and its progress link here."""

    under = "progress"
    name, endpoint, url = "", "reach", "/admin/campaigns/<int:campaign_id>/reach"

    @expose("/")
    def index(self, campaign_id: int) -> ResponseReturnValue:
        """Show a campaign's reach.

        `?step=` limits organisations and places to one step; `?district=` shows its communes; `?units=` is a day whose
        units the places are, by default those of the campaign's time.
        """
        now, step_number = datetime.now(UTC), request.args.get("step", type=int)
        with self.reading() as (session, user):
            campaign = find_visible_campaign(session, campaign_id, user=user)
            opened = [step for step in campaign.steps if step.opened_at]
            chosen = next((step for step in opened if step.number == step_number), None)
            seen, step_id = organisations_of(session, user), chosen.id if chosen else None
            small = small_in_reach(session, campaign, user=user)
            reach = fold_reach(read_reach(session, campaign, seen=seen, now=now, step_id=step_id), small)
            history, units = _units(session, campaign)
            districts, communes = _by_place(history, units, reach.areas)
            price = campaign_spending(campaign, self.settings).each_vnd
            district = next((each for each in districts if each.code == request.args.get("district")), None)
            page: str = self.render(
                "progress/reach.html",
                campaign=campaign,
                is_named=may_name(session, user, campaign),
                reach=reach,
                steps=[(step.number, wording.step_name(step.number)) for step in opened],
                chosen=chosen.number if chosen else None,
                rows=wording.step_rows(
                    (reach.steps.get(step.id, ReachTotals()) for step in opened),
                    reach.total,
                    price=price,
                    kind=campaign.kind,
                    has_app=bool(campaign.content.get("app")),
                    own_answers=_own_answers(campaign),
                ),
                own_answers=_own_answers(campaign),
                organisations=_by_organisation(session, reach.organisations),
                districts=districts,
                units=history.day_of_units(units.day),
                days_of_units=history.days,
                level_name=name_level(units.below_province),
                district=district,
                communes=communes.get(district.code, []) if district else [],
                map=self._map(campaign_id, districts, communes),
                lifts=show_lifts(step_lifts(campaign, reach)),
                price=price,
                told=wording.told_of(campaign.kind),
                carried=self._by_operator(session, user, campaign),
                gateways=read_names_of_gateways(session),
                copies=read_control_copies(session, campaign_id),
            )
        if reach.is_due:
            enqueue_count_reach(self.runtime, campaign_id)
        return page

    def _map(
        self, campaign_id: int, districts: Sequence[ReachRow], communes: Mapping[str, Sequence[ReachRow]]
    ) -> Markup:
        """Draw how many of a place's messages arrived. Rows of several places, for people of a split unit, have no spot."""

        def place(line: ReachRow, district: str | None) -> charts.MapPlace:
            share = line.counts.delivered / line.counts.sent if line.counts.sent else None
            return charts.MapPlace(
                line.code,
                line.name,
                share,
                percent(share) if share is not None else "?",
                line.counts.sent,
                url_for("reach.index", campaign_id=campaign_id, district=district, _anchor="communes"),
            )

        return draw_map(
            _("Bản đồ các địa bàn"),
            _("Tỷ lệ tin đã đến máy trên số tin đã gửi."),
            [place(line, line.code) for line in districts],
            [place(line, code) for code, lines in communes.items() for line in lines],
            self.settings.boundaries_file,
        )

    def _by_operator(self, session: Session, user: User, campaign: Campaign) -> ReachByOperator | None:
        """Return the messages by operator, for those who see all of them."""
        if organisations_of(session, user) is not None:
            return None
        usual = self.settings.price_per_segment_vnd
        return read_by_operator(session, campaign, redis=self.runtime.redis, usual_price_vnd=usual)

    @expose("/file", methods=["POST"])
    def file(self, campaign_id: int) -> ResponseReturnValue:
        """Send the reach by step, organisation and place as XLSX or CSV; recorded in the audit log."""
        form = request.form.get("form", "xlsx")
        if form not in _TYPES:
            abort(404)
        with self.reading() as (session, user):
            campaign = find_visible_campaign(session, campaign_id, user=user)
            history, units = _units(session, campaign)
            rows = wording.file_rows(
                read_parts_for(session, campaign, user=user),
                steps={step.id: step.number for step in campaign.steps},
                organisations=dict(session.execute(select(Organisation.id, Organisation.name)).all()),
                places=_places(history, units),
                level=name_level(units.below_province),
                price=campaign_spending(campaign, self.settings).each_vnd,
                kind=campaign.kind,
                own_answers=_own_answers(campaign),
            )
        self.do(record_export, campaign_id, rows=len(rows) - 1)
        name = f"ket-qua-gui-{campaign_id}.{form}"
        return Response(
            csv_text(rows).encode("utf-8-sig")  # with the byte order mark Excel reads Vietnamese
            if form == "csv"
            else workbook_bytes(_("Kết quả gửi"), rows),
            content_type=_TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _own_answers(campaign: Campaign) -> dict[str, str]:
    """Return the campaign's own answers by number."""
    own = read_own_answers(campaign.content)
    return {str(each.number): each.text for each in own}


def _by_organisation(session: Session, counts: Mapping[int | None, ReachTotals]) -> list[ReachRow]:
    names = dict(session.execute(select(Organisation.id, Organisation.name)).all())
    lines = [ReachRow(str(owner or ""), names.get(owner or 0, ""), each) for owner, each in counts.items()]
    return sorted(lines, key=_most_first)


def _units(session: Session, campaign: Campaign) -> tuple[UnitHistory, UnitsOfOneDay]:
    """Return the units of the day that the address names, or of the campaign's time."""
    history = read_unit_history(session)
    day = requested_day("units") or day_of_units([campaign], now=datetime.now(UTC))
    return history, history.on(day)


def _by_place(
    history: UnitHistory, units: UnitsOfOneDay, counts: Mapping[str | None, ReachTotals]
) -> tuple[list[ReachRow], dict[str, list[ReachRow]]]:
    """Return the areas below the province, and the communes within each by its code; the largest first.

    People of a split unit have a row of their own, which names all places where they may live.
    """
    districts: dict[str, ReachRow] = {}
    communes: dict[str, dict[str, ReachRow]] = {}
    for code, each in counts.items():
        above, within = _places_of(history, units, code)
        key, commune = "+".join(above), "+".join(within)
        districts.setdefault(key, ReachRow(key, _names(history, above), ReachTotals())).counts.update(each)
        if within != above:
            line = ReachRow(commune, _names(history, within), ReachTotals())
            communes.setdefault(key, {}).setdefault(commune, line).counts.update(each)
    return (
        sorted(districts.values(), key=_most_first),
        {key: sorted(lines.values(), key=_most_first) for key, lines in communes.items()},
    )


def _places_of(history: UnitHistory, units: UnitsOfOneDay, code: str | None) -> tuple[list[str], list[str]]:
    """Return the areas below the province and the communes in which people of a recorded unit live: several where it was split."""
    if code is None or code not in history.areas:
        return [], []
    above = sorted(each for each in units.places_of(code) if each)
    if history.areas[code].level is not AreaLevel.COMMUNE:
        return above, above
    return above, sorted(units.communes_of(code) or {code})


def _places(history: UnitHistory, units: UnitsOfOneDay) -> dict[str, tuple[str, str]]:
    found = {code: _places_of(history, units, code) for code in history.areas}
    return {
        code: (_names(history, above), _names(history, within) if within != above else "")
        for code, (above, within) in found.items()
    }


def _names(history: UnitHistory, codes: Sequence[str]) -> str:
    return f" {_('hoặc')} ".join(history.areas[code].full_name for code in codes)


def _most_first(line: ReachRow) -> tuple[bool, int, str]:
    return not line.name, -line.counts.sent, line.name


class InstallsView(AdminPage):
    """Not in the menu: the figures link here."""

    under = "progress"
    name, endpoint, url = "", "installs", "/admin/campaigns/<int:campaign_id>/installs"

    @expose("/")
    def index(self, campaign_id: int) -> ResponseReturnValue:
        """List install reports.

        `?area=` is a district's or commune's code; organisation, source; `all` includes withdrawn ones;
        `after`.
        """
        args = request.args
        source = args.get("source", "")
        filters = InstallFilter(
            standing="all" not in args,
            source=AnswerSource(source) if source in list(AnswerSource) else None,
            area=args.get("area", "")[:10],
            organisation_id=args.get("organisation", type=int),
        )
        with self.reading() as (session, user):
            after = args.get("after", type=int)
            reports = read_reports(session, campaign_id, filters, user=user, after=after)
        query = {name: value for name, value in args.items() if value and name != "after"}
        return self.render(
            "progress/installs.html",
            campaign_id=campaign_id,
            reports=reports,
            wanted=filters,
            sources=list(AnswerSource),
            kept=query,
            is_first=after is None,
        )
