"""An event: who is safe, who needs help and where, who is on the way; and the page of a team that is on the way.

An event is a campaign of the urgent class. Each look at what people need is on record, and nobody sees it who does not work on it.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import groupby
from math import hypot
from operator import attrgetter
from typing import Any
from zlib import crc32

from flask import Blueprint, Response, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.demo.load_demo import DRILL_PEOPLE, may_drill, start_drill
from admin.forms import ChoiceField, Form, LongTextField, RowField, TextField, labelled, row_id
from admin.rules.charts import MapPlace, MapPoint, area_map
from admin.views.base import AdminPage, FormAction
from admin.wording.filters import duration, label_of, number
from campaigns.analytics.open_tasks import (
    EventCounts,
    count_event,
    export_event,
    find_event_of,
    list_events,
    read_unheard,
)
from campaigns.cases import rescue
from campaigns.cases.handle_case import assign_case, cases_visible_to
from campaigns.models.campaigns import Campaign
from campaigns.replies.record_answer import LONGEST_NOTE
from campaigns.reports.documents import read_asked, read_request
from campaigns.reports.writers.docx import write_docx
from campaigns.rules.cases import WRITTEN, CaseOutcome
from campaigns.rules.content import PAGE_WORDS
from campaigns.rules.safety import CryState, Position
from campaigns.web.responses import public_page
from outreach.accounts.security_events import SecurityEvent, note_event
from outreach.accounts.village_officers import list_officers
from outreach.core.job_queue import once_every
from outreach.core.spreadsheets import csv_text
from outreach.models.accounts import Area, User
from outreach.places.areas import points_of
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime

MOST_SHOWN = 40  # cries with their forms; all are on the map, on paper and in the file
MOST_NAMED = 15  # communes on the map
_OLD = timedelta(minutes=30)
_LOOK_LASTS_S = 3600
_TOGETHER = 64  # lines of further cries that are sent anew when one of them changes


class OfEvent(Form):
    """A form of an event's page, which says of which one."""

    event = RowField(name="event")
    not_passed = ("event",)


class HandForm(OfEvent):
    ids = "hand"
    officer_id = ChoiceField(
        _l("Cán bộ thôn"),
        name="officer",
        coerce=row_id,
        empty=_l("Đội khác"),
        hint=_l("Đội hay đi: thêm một lần ở “Đến từng nhà”, mục cán bộ thôn; lần sau chỉ chọn tên."),
    )
    team = TextField(_l("Tên đội"), maxlength=rescue.LONGEST_TEAM, autocomplete="off")
    number = TextField(
        _l("Số di động của đội"),
        maxlength=20,
        autocomplete="off",
        inputmode="tel",
        codes=("team_missing", "team_number_wrong"),
    )


class NoteForm(OfEvent):
    ids = "note"
    note = LongTextField(_l("Ghi chú"), maxlength=LONGEST_NOTE)
    outcome = ChoiceField(
        _l("Đã làm gì"), labelled(WRITTEN, "outcome"), coerce=CaseOutcome, empty=_l("Chưa xong")
    )
    seen = RowField()


class JoinForm(OfEvent):
    to_id = RowField(name="to")


class ExportForm(OfEvent):
    reason = TextField(_l("Lý do xuất"), maxlength=300, codes=("export_reason_missing",))


def _here(_result: object = None) -> str:
    return url_for("rescue.index", event=request.form.get("event", type=int))


class RescueView(AdminPage):
    name, endpoint, url = _l("Ứng cứu"), "rescue", "/admin/rescue"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show an event, `?event=`, else the newest of now."""
        return self._show("rescue.html", self._page, is_look=True)

    @expose("/live")
    def live(self) -> ResponseReturnValue:
        """Render the cries, or with `part=map` the communes; an open page asks every few seconds, as a part of the look that is on record.

        What the header `X-Have` names is left out: the page has it.
        """
        is_map = request.args.get("part") == "map"
        return self._show("places.html" if is_map else "state.html", self._places if is_map else self._state)

    @expose("/letter")
    def letter(self) -> ResponseReturnValue:
        """Send the letter that asks the operators to warn every phone, as DOCX: to be signed and sent by hand."""
        now = datetime.now(UTC)
        with self.reading() as (session, user):
            event = find_event_of(session, request.args.get("event", type=int), user, now=now)
            if event is None:
                return self.render("rescue/none.html")
            document = read_request(session, event, settings=self.settings, now=now)
        return send_file(
            BytesIO(write_docx(document, {}, made_at=now)),
            as_attachment=True,
            download_name=f"{'dien-tap-' if event.is_drill else ''}de-nghi-nha-mang-{event.id}.docx",
        )

    @expose("/unheard")
    def unheard(self) -> ResponseReturnValue:
        """List hamlets with people nothing was heard of, to be called or visited."""
        return self._show(
            "unheard.html", lambda session, event, user: {"villages": read_unheard(session, event.id, user)}
        )

    @expose("/paper")
    def paper(self) -> ResponseReturnValue:
        """Render the open cries by commune, to print."""

        def read(session: Session, event: Campaign, user: User) -> dict[str, Any]:
            communes: dict[str, list[rescue.Cry]] = {}
            for cry in rescue.flat(_cries(session, event, user)):
                communes.setdefault(cry.commune, []).append(cry)
            return {"communes": sorted(communes.items()), "printed": datetime.now(UTC)}

        return self._show("paper.html", read, is_look=True)

    @expose("/export", methods=["POST"])
    def export(self) -> ResponseReturnValue:
        """Send the open cries as CSV, or with `kind=geojson` those with a position as GeoJSON, with the reason on record."""
        form = ExportForm()

        def show(found: tuple[Campaign, list[rescue.Cry]]) -> Any:
            event, cries = found
            is_map = request.form.get("kind") == "geojson"
            rows = _rows(cries)
            # Of a spreadsheet: UTF-8 with a mark.
            table = csv_text([*(each.keys() for each in rows[:1]), *(each.values() for each in rows)])
            body = _as_geojson(cries) if is_map else table.encode("utf-8-sig")
            response = Response(body, mimetype="application/geo+json" if is_map else "text/csv")
            name = (
                f"{'dien-tap' if event.is_drill else 'ung-cuu'}-{event.id}.{'geojson' if is_map else 'csv'}"
            )
            response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
            if sum(bool(cry.number) for cry in cries) > self.settings.full_numbers_per_hour:
                who, address = f"users:{current_user.id}", request.remote_addr or ""
                # It is given all the same: people wait for help.
                note_event(self.runtime.redis, SecurityEvent.NUMBERS_QUOTA, address=address, who=who)
            return response

        return self.submit_form(form, export_event, form.event.data or 0, show=show)

    @expose("/drill", methods=["POST"])
    def drill(self) -> ResponseReturnValue:
        """Start a drill on the training phones."""

        def start(runtime: Runtime, *, user: User, now: datetime) -> int:
            return start_drill(runtime, people=DRILL_PEOPLE, now=now)

        return self.submit_form(Form(), start, then=lambda event_id: url_for(".index", event=event_id))

    take = FormAction("/<int:case_id>/take", assign_case, OfEvent, then=_here)
    hand = FormAction(
        "/<int:case_id>/hand", rescue.hand_over_case, HandForm, then=_here, is_keyed=True, page=".index"
    ).tells(lambda who: _("Đã giao cho %(who)s; tin nhắn đang đi.", who=who))
    note = FormAction(
        "/<int:case_id>/note", rescue.note_case, NoteForm, then=_here, is_keyed=True, page=".index"
    ).tells(_l("Đã ghi. Việc đã xong mở lại được ở hộp thư trả lời, Việc đã xong."))
    join = FormAction("/<int:case_id>/join", rescue.join_case, JoinForm, then=_here, page=".index").tells(
        _l("Đã ghi.")
    )

    def _show(
        self,
        template: str,
        read: Callable[[Session, Campaign, User], dict[str, Any]],
        *,
        is_look: bool = False,
    ) -> ResponseReturnValue:
        """Render a page with what is read of the event that the request names.

        A look is put on record, and of what an open page asks once an hour: nobody looks without it by asking that alone.
        """
        with self.reading() as (session, user):
            event = find_event_of(session, request.values.get("event", type=int), user, now=datetime.now(UTC))
            if event is None:
                return self.render("rescue/none.html", may_drill=may_drill(self.settings))
            page = self.render(f"rescue/{template}", event=event, **read(session, event, user))
            key = f"loa:look:{user.id}:{event.id}"
        if once_every(self.runtime.redis, key, every_s=_LOOK_LASTS_S) or is_look:
            self.do(rescue.look_at_event, event.id)
        return page

    def _page(self, session: Session, event: Campaign, user: User) -> dict[str, Any]:
        return {
            **self._state(session, event, user),
            **self._places(session, event, user),
            "events": list_events(session, user, now=datetime.now(UTC)),
            "export_form": ExportForm.on_page(event=event.id),
            "may_drill": event.is_drill and may_drill(self.settings),
        }

    def _state(self, session: Session, event: Campaign, user: User) -> dict[str, Any]:
        """Return the cries; each, and some lines of further ones together, with a key that changes with what is shown of them."""
        now, cries = datetime.now(UTC), _cries(session, event, user)
        officers = [each for each in list_officers(session, user) if each.phone]
        choices = [(each.id, each.shown_name) for each in officers]
        near = {each.area_code: each.id for each in reversed(officers) if each.area_code}
        to, chosen = _key_of(choices), request.values.get("case", type=int)
        shown = [cry for cry in cries if cry.id == chosen] or cries[:MOST_SHOWN]
        ids = set(map(attrgetter("id"), shown))
        rest = groupby(
            (cry for cry in cries if cry.id not in ids),
            key=lambda cry: (cry.state is CryState.ON_THE_WAY, cry.danger, cry.id // _TOGETHER),
        )
        lines = [list(some) for _key, some in rest]

        def hand_form(cry: rescue.Cry) -> HandForm:
            default = near.get(cry.area_code or "") or (choices[0][0] if len(choices) == 1 else None)
            form = HandForm.on_page(cry.id, event=event.id, officer_id=default)
            form.officer_id.choices = choices
            return form

        def note_form(cry: rescue.Cry) -> NoteForm:
            form = NoteForm.on_page(cry.id, event=event.id, note=cry.note)
            form.seen.data = rescue.shown_cry(session, cry)
            return form

        return {
            "now": now,
            "cries": cries,
            "shown": [(_key_of(cry, duration(now - cry.since), to), cry) for cry in shown],
            "rest": [
                (_key_of(*map(attrgetter("id", "since", "state", "where"), some)), some) for some in lines
            ],
            "have": request.headers.get("X-Have", "").split(),
            "by_state": Counter(cry.state for cry in cries),
            "oldest": min(map(attrgetter("since"), cries), default=None),
            "counts": count_event(session, event.id, user, redis=self.runtime.redis, cries=cries),
            "hand_form": hand_form,
            "note_form": note_form,
        }

    def _places(self, session: Session, event: Campaign, user: User) -> dict[str, Any]:
        cries = _cries(session, event, user)
        counts = count_event(session, event.id, user, redis=self.runtime.redis, cries=cries)
        found = session.scalars(select(Area).where(Area.code.in_([*filter(None, counts.places)])))
        areas = {area.code: area for area in found}
        places = [(areas.get(code or ""), each) for code, each in counts.places.items()]
        return {
            "places": sorted(places, key=lambda pair: (-pair[1].need, -pair[1].unheard)),
            "asked": read_asked(session, event.id, user, now=datetime.now(UTC)),
            "map": _draw(event, cries, counts, areas, datetime.now(UTC)),
        }


def _cries(session: Session, event: Campaign, user: User) -> list[rescue.Cry]:
    return rescue.read_cries(session, event.id, cases_visible_to(session, user), user=user)


def _key_of(*shown: object) -> str:
    """Return a short key of what is shown."""
    return f"{crc32(repr(shown).encode()):08x}"


def _draw(
    event: Campaign, cries: Sequence[rescue.Cry], counts: EventCounts, areas: dict[str, Area], now: datetime
) -> Markup:
    """Draw the communes, darker the more was heard of them, and the cries: by their position, else as a number at their commune."""
    without: dict[str, int] = {}
    for cry in cries:
        if not cry.position and cry.area_code:
            without[cry.area_code] = without.get(cry.area_code, 0) + 1
    communes = [
        MapPlace(
            code,
            area.full_name,
            None if each.unheard_share is None else 1 - each.unheard_share,
            _("cần giúp %(need)s, chưa có tin %(unheard)s", need=each.need, unheard=number(each.unheard)),
            each.people,
            cries=without.get(code, 0),
        )
        for code, each in counts.places.items()
        if code and (area := areas.get(code))
    ]
    spots = [
        MapPoint(
            cry.position.longitude,
            cry.position.latitude,
            f"{label_of(cry.state, 'cry')}, {duration(now - cry.since)}",
            f"{cry.state}{' old' if now - cry.since > _OLD else ''}",
            f"#case-{cry.id}",
        )
        for cry in cries
        if cry.position
    ]
    shapes = points_of([*areas])
    labels = {area.full_name: shapes[code] for code, area in areas.items() if code in shapes}
    return area_map(
        "event",
        event.name,
        _("Các xã và nơi có người cần giúp"),
        communes,
        shapes,
        goal=None,
        labels=labels if len(labels) < MOST_NAMED else {},
        spots=spots,
    )


def _rows(cries: Iterable[rescue.Cry]) -> list[dict[str, Any]]:
    return [
        {
            "case": cry.id,
            "state": label_of(cry.state, "cry"),
            "since": cry.since.isoformat(timespec="seconds"),
            "commune": cry.commune,
            "place": cry.where,
            "people": cry.people,
            "needs": "; ".join(label_of(need, "need") for need in cry.needs or ()),
            "number": cry.number,
            "handed_to": cry.handed_to,
            "note": cry.note,
            "latitude": cry.latitude,
            "longitude": cry.longitude,
        }
        for cry in cries
    ]


def _as_geojson(cries: list[rescue.Cry]) -> bytes:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [row.pop("longitude"), row.pop("latitude")]},
            "properties": row,
        }
        for row in _rows(cry for cry in cries if cry.position)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def create_team_page(runtime: Runtime) -> Blueprint:
    """Create `/team/<token>`: a case for who is on the way, until it is settled or handed to others (410)."""
    page = Blueprint("team_page", __name__)

    @page.get("/team/<token>")
    def show(token: str) -> ResponseReturnValue:
        """Show a case to the team that it was handed to; 410 once it is settled or handed to others."""
        keys = runtime.settings.keys_of(Purpose.LINKS)
        found = rescue.open_team_case(runtime, token, secret_key=keys, now=datetime.now(UTC))
        if found is None:
            return public_page("team_closed.html", 410)
        cry, event = found
        with runtime.db.read() as session:
            drawn = _draw_way(session, cry.area_code, cry.position)
        return public_page("team.html", cry=cry, event=event, words=PAGE_WORDS, map=drawn)

    return page


def _draw_way(session: Session, area_code: str | None, position: Position | None) -> Markup:
    """Draw the position among the nearest communes of its district."""
    area = session.get(Area, area_code) if area_code else None
    around = Area.parent_code == area.parent_code if area else Area.code.is_(None)
    names = {each.code: each.full_name for each in session.scalars(select(Area).where(around))}
    points = {code: point for code, point in points_of([*names]).items() if code in names}
    longitude, latitude = (
        (position.longitude, position.latitude) if position else points.get(area_code or "", (0, 0))
    )
    near = sorted(points, key=lambda code: hypot(points[code][0] - longitude, points[code][1] - latitude))[:6]
    places = [MapPlace(code, names[code], None, "", people=1) for code in near]
    spots = [MapPoint(longitude, latitude, _("Nơi cần cứu"), "new")] if position else []
    labels = {names[code]: points[code] for code in near}
    about = _("Vị trí so với các xã gần đó")
    return area_map("way", _("Nơi cần cứu"), about, places, points, goal=None, labels=labels, spots=spots)
