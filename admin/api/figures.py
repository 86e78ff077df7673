"""API routes of self-reports, goals and official figures; three routes, since they are never added up."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify

from admin.api.routing import Api, answer_table, as_json, bearer, fields_of, wants_table
from admin.api.schemas import (
    COUNT,
    ID,
    MOMENT,
    SHARE,
    Schema,
    boolean,
    listed,
    maybe,
    number,
    one_of,
    ref,
    strict,
    string,
    told,
)
from campaigns.analytics.progress import ProgressPage, drive_of_campaign, read_progress
from campaigns.goals.goals import latest_official, read_goals
from campaigns.planning.drives import current_drive_id, list_drives
from campaigns.rules.goals import Goal, GoalScope
from campaigns.rules.progress import RankRow, RankTable, ShareBasis
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.permissions import organisations_of
from outreach.models.accounts import Right
from outreach.rules.errors import NotAllowed

_DAY: Schema = string(format="date", says="in Vietnam")
_LINE: Schema = {
    "code": maybe("string", "null for those of whom it is not known"),
    "name": string(),
    "installed": COUNT,
    "recipients": told(COUNT, "of all campaigns of the drive, each number once"),
    "at_the_door": told(COUNT, "of them, who has no usable number and answered at the door"),
    "perhaps": told(
        COUNT, "further recipients who may live there, as their unit was split; in no other count"
    ),
    "no_smartphone": COUNT,
    "answered": COUNT,
    "denominator": maybe("integer"),
    "share": SHARE,
    "missing": maybe("integer", "people short of the goal"),
    "rank": maybe("integer"),
}
_BASIS: Schema = one_of(
    ShareBasis,
    "`entered`: of people as entered; `recipients`: of those written to who have not said that they have no smartphone",
)
_OFFICIAL: Schema = strict(
    area=string(), installed=COUNT, day=_DAY, source=string(), is_sum=boolean("of the district's communes")
)
_DENOMINATOR: Schema = strict(value={"type": "integer"}, as_of=_DAY, source=string())
SCHEMAS: dict[str, Schema] = {
    "FigureTable": strict(
        basis=told(_BASIS, "of every line's share, so that they can be compared"),
        lines=listed(ref("FigureLine")),
    ),
    "FigureLine": strict(**_LINE),
    "Figures": strict(
        campaign=ID,
        drive=strict(id=ID, name=string()),
        kind=string(),
        as_of=MOMENT,
        campaigns=told(COUNT, "of the campaign's drive; all figures are over all of them, each number once"),
        is_whole=boolean("false where they write to lists outside the token's scope, too"),
        self_reported=strict(
            **_LINE,
            basis=_BASIS,
            goal=SHARE,
            deadline=maybe("string", format="date"),
            target=maybe("integer"),
            is_of_place=boolean(
                "the goal is residents' of the whole province; else that of the newest campaign"
            ),
        ),
        districts=ref("FigureTable"),
        communes={
            "type": "object",
            "additionalProperties": ref("FigureTable"),
            "description": "by the district's code",
        },
        organisations=told(ref("FigureTable"), "`code` is the organisation's number"),
        days=listed(
            strict(day=_DAY, installed={"type": "integer"}), "standing reports at the end of each day"
        ),
    ),
    "Goal": strict(
        drive=ID,
        kind=string(says="of the drive"),
        scope={"enum": [each.value for each in GoalScope if each is not GoalScope.AUDIENCE]},
        area=maybe("string"),
        organisation=maybe("integer"),
        share=number(0, 1, kind="number"),
        deadline=maybe("string", format="date"),
        basis=string(says="the paper that asks for it"),
        denominator={"anyOf": [_DENOMINATOR, {"type": "null"}]},
        target=maybe("integer", "people with whom it is reached"),
    ),
    "Goals": strict(as_of=MOMENT, goals=listed(ref("Goal"))),
    "Official": strict(
        drive=told(COUNT, "the chosen one; 0 before the first"), as_of=_DAY, areas=listed(_OFFICIAL)
    ),
}


def add_figure_routes(api: Api) -> None:
    @api.route(
        "GET /campaigns/<int:campaign_id>/figures",
        Right.FIGURES_READ,
        "Figures",
        "Self-reports alone; official figures never enter",
        is_table=True,
    )
    def show_figures(campaign_id: int) -> Response:
        """What residents report, as the leaders' page has it: by district, commune, organisation and day."""
        now = datetime.now(UTC)
        with api.runtime.db.read() as session:
            user = bearer().as_reader()
            drive = drive_of_campaign(session, campaign_id, user=user)
            progress = read_progress(session, drive, user=user, runtime=api.runtime, now=now)
            assert progress is not None  # the campaign itself was launched
        figures = _describe(progress, campaign_id, now)
        return (
            answer_table(("level", "within", *_LINE), _figure_rows(figures))
            if wants_table()
            else jsonify(figures)
        )

    @api.route(
        "GET /goals",
        Right.FIGURES_READ,
        "Goals",
        "Those of places and agencies, and of organisations of the scope",
        is_table=True,
    )
    def list_goals() -> Response:
        """Goals in force, each with the figure that it is a share of."""
        now = datetime.now(UTC)
        with api.runtime.db.read() as session:
            seen = organisations_of(session, bearer().as_user())
            kinds = {drive.id: drive.kind for drive in list_drives(session)}
            goals = [
                goal
                for subject, goal in read_goals(session, at=now).goals.items()
                if subject.organisation is None or seen is None or subject.organisation in seen
            ]
        described = [_describe_goal(goal, kinds) for goal in goals]
        if wants_table():
            of_whom = {f"denominator_{name}": name for name in _DENOMINATOR["properties"]}
            rows = (
                {
                    **each,
                    **{column: (each["denominator"] or {}).get(name) for column, name in of_whom.items()},
                }
                for each in described
            )
            whole = [name for name in SCHEMAS["Goal"]["properties"] if name != "denominator"]
            return answer_table([*whole, *of_whom], rows)
        return jsonify(as_of=as_json(now), goals=described)

    @api.route(
        "GET /official-figures", Right.FIGURES_READ, "Official", "Never added to self-reports", is_table=True
    )
    def list_official() -> Response:
        """Installs that the app's maker or a department has made known, by place."""
        today = datetime.now(UTC).astimezone(VIETNAM).date()
        with api.runtime.db.read() as session:
            if organisations_of(session, bearer().as_user()) is not None:
                raise NotAllowed("official_figures_token")
            drive = current_drive_id(session)
            known = latest_official(session, drive, today=today)
        areas = [fields_of(figure, _OFFICIAL, area=area) for area, figure in sorted(known.items())]
        if wants_table():
            return answer_table(list(_OFFICIAL["properties"]), areas)
        return jsonify(drive=drive, as_of=today.isoformat(), areas=areas)


def _describe(progress: ProgressPage, campaign_id: int, now: datetime) -> dict[str, Any]:
    head = progress.head
    return {
        "campaign": campaign_id,
        "drive": {"id": progress.drive.id, "name": progress.drive.name},
        "kind": progress.drive.kind,
        # To the minute: a repeated read within it gets 304.
        "as_of": as_json(now.replace(second=0, microsecond=0)),
        "campaigns": len(progress.campaigns),
        "is_whole": progress.is_whole,
        "self_reported": {
            **_describe_line(head.line),
            "basis": head.basis.value,
            "goal": head.goal.share if head.goal else None,
            "deadline": head.goal.deadline.isoformat() if head.goal and head.goal.deadline else None,
            "target": head.target,
            "is_of_place": head.is_of_place,
        },
        "districts": _describe_table(progress.districts),
        "communes": {district: _describe_table(table) for district, table in progress.communes.items()},
        "organisations": _describe_table(progress.organisations),
        "days": [{"day": day.isoformat(), "installed": installed} for day, installed in head.days],
    }


def _figure_rows(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Return figures as rows of one table; `level` says what a row is about, `within` is a commune's district."""
    whole = {name: figures["self_reported"][name] for name in _LINE}
    empty = dict.fromkeys(_LINE)
    return [
        {"level": "total", "within": None, **whole},
        *({"level": "district", "within": None, **line} for line in figures["districts"]["lines"]),
        *(
            {"level": "commune", "within": district, **line}
            for district, table in figures["communes"].items()
            for line in table["lines"]
        ),
        *({"level": "organisation", "within": None, **line} for line in figures["organisations"]["lines"]),
        *(
            {"level": "day", "within": None, **empty, "code": each["day"], "installed": each["installed"]}
            for each in figures["days"]
        ),
    ]


def _describe_table(table: RankTable) -> dict[str, Any]:
    return {"basis": table.basis.value, "lines": [_describe_line(line) for line in table.lines]}


def _describe_line(line: RankRow) -> dict[str, Any]:
    perhaps = line.perhaps.recipients if line.perhaps else 0
    return {
        name: perhaps
        if name == "perhaps"
        else getattr(line.counts if hasattr(line.counts, name) else line, name)
        for name in _LINE
    }


def _describe_goal(goal: Goal, kinds: Mapping[int, str]) -> dict[str, Any]:
    return fields_of(
        goal,
        SCHEMAS["Goal"],
        kind=kinds[goal.subject.drive],
        **goal.subject._asdict(),
        denominator=fields_of(goal.denominator, _DENOMINATOR) if goal.denominator else None,
    )
