"""A campaign's reach by step, organisation and place, as page and file; and its install reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Response, abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.rules.maps import MapPlace
from admin.views.base import AdminPage, requested_day
from admin.views.inbox import may_name
from admin.views.progress import draw_map
from admin.wording.campaigns import show_lifts
from admin.wording.filters import percent
from admin.wording.progress import file_rows, step_name, step_rows, told_of
from campaigns.analytics.installs import InstallFilter, find_visible_campaign, read_reports
from campaigns.analytics.progress import day_of_units
from campaigns.analytics.reach import fold_reach, read_parts_for, read_reach, record_export, step_lifts
from campaigns.analytics.reach_counts import read_by_operator
from campaigns.analytics.small_places import small_in_drive
from campaigns.delivery.control_phones import read_control_copies
from campaigns.models.campaigns import Campaign
from campaigns.models.replies import AnswerSource
from campaigns.planning.preview import campaign_spending
from campaigns.rules.own_answers import read_own_answers
from campaigns.rules.reach import ReachByOperator, ReachTotals
from outreach.accounts.permissions import organisations_of
from outreach.core.spreadsheets import MEDIA_TYPE, csv_text, workbook_bytes
from outreach.gateway_accounts import read_names_of_gateways
from outreach.models.accounts import Organisation, User
from outreach.models.places import AreaLevel
from outreach.places.areas import name_level
from outreach.places.unit_days import UnitHistory, UnitsOfOneDay, read_unit_history
from outreach.use_cases import enqueue_count_reach

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
            reach = read_reach(session, campaign, seen=seen, now=now, step_id=step_id)
            reach = fold_reach(reach, small_in_drive(session, campaign, user=user))
            history, units = _units(session, campaign)
            districts, communes = _by_place(history, units, reach.areas)
            price = campaign_spending(campaign, self.settings).each_vnd
            district = next((each for each in districts if each.code == request.args.get("district")), None)
            page: str = self.render(
                "progress/reach.html",
                campaign=campaign,
                is_named=may_name(session, user, campaign),
                reach=reach,
                steps=[(step.number, step_name(step.number)) for step in opened],
                chosen=chosen.number if chosen else None,
                rows=step_rows(
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
                told=told_of(campaign.kind),
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

        def place(line: ReachRow, district: str | None) -> MapPlace:
            share = line.counts.delivered / line.counts.sent if line.counts.sent else None
            return MapPlace(
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
            rows = file_rows(
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
