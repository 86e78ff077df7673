"""Routes under `/visits/`: the files of the application, and two that speak JSON (`join` and `sync`).

The pages hold no data. A phone signs in by `join` and then sends its token with every `sync`; there is no cookie, so that
no other site can send anything in an officer's name.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, g, request
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from limits import RateLimitItemPerHour

from admin.wording.filters import has_outcome, label_of, listed_values
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.visits import VisitFate, VisitOutcome
from campaigns.visits import results
from campaigns.web.responses import HEADERS
from outreach.accounts.users import NOTED_EVERY, note_seen
from outreach.accounts.village_officers import find_phone, join_phone
from outreach.core.rate_limits import hit, network_of, nothing_limited_without_redis
from outreach.core.sentences import word_error
from outreach.models.accounts import User
from outreach.rules.errors import BadInput
from outreach.rules.keys import Purpose
from outreach.rules.phone_numbers import local_number
from outreach.rules.texts import clean_text
from outreach.runtime import Runtime

_FOLDER = Path(__file__).parent / "files"
_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "store.js": "text/javascript; charset=utf-8",
    "worker.js": "text/javascript; charset=utf-8",
    "manifest.webmanifest": "application/manifest+json",
}
# As the office's pages: nothing inline, nothing from other hosts. No nonce, as the phone keeps the page for days.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_JOINS_PER_HOUR = RateLimitItemPerHour(60, 1, "visits-join")  # of one address
_LARGEST_PLAIN = 2048  # bytes; longer answers are compressed
# The order of the buttons at the door: what is said most often first.
_BUTTONS = (
    VisitOutcome.INSTALLED,
    VisitOutcome.NOT_YET,
    VisitOutcome.NEED_HELP,
    VisitOutcome.CALL,
    VisitOutcome.NO_SMARTPHONE,
    VisitOutcome.REFUSE,
    VisitOutcome.ABSENT,
    VisitOutcome.OPT_OUT,
)
_KEY = re.compile(r"[0-9a-f-]{16,36}")
_LAST_MS = 4_000_000_000_000  # the year 2096


def create_visits_app(runtime: Runtime) -> Blueprint:
    """Create the routes. A phone that was signed out gets 401 and deletes what it holds."""
    app = Blueprint("visits_app", __name__, url_prefix="/visits")
    settings = runtime.settings

    @app.get("/")
    def page() -> ResponseReturnValue:
        """Show the visits on a village officer's phone; no data, kept by the phone, 38 KB."""
        return _file("index.html")

    @app.get("/<filename>")
    def file(filename: str) -> ResponseReturnValue:
        """Give a file of the page."""
        return _file(filename) if filename in _TYPES and filename != "index.html" else abort(404)

    @app.post("/join")
    def join() -> ResponseReturnValue:
        """Sign in a phone: `{"token", "code"}` becomes `{"phone", "officer"}`; 422 with what is wrong."""
        wait = 0
        with nothing_limited_without_redis("visits.limits_away"):
            wait = hit(runtime.redis, _JOINS_PER_HOUR, network_of(request.remote_addr or ""))
        if wait:
            return _answer({"error": word_error(BadInput("officer_joins_many"))}, 429)
        sent = _body()
        try:
            joined = join_phone(
                runtime,
                _text(sent.get("token", ""))[:400],
                _text(sent.get("code", ""))[:20],
                secret_key=settings.keys_of(Purpose.LINKS),
                session_key=settings.keys_of(Purpose.SESSIONS),
                address=request.remote_addr or "",
                user_agent=request.headers.get("User-Agent", ""),
                now=datetime.now(UTC),
            )
            if joined is None:
                raise BadInput("officer_code_wrong")
        except BadInput as error:
            return _answer({"error": word_error(error)}, 422)
        officer, phone = joined
        return _answer({"phone": phone, "officer": officer.name})

    @app.post("/sync")
    def sync() -> ResponseReturnValue:
        """Take results and give what became of them, and the houses where `want` asks for them and they have changed."""
        now = datetime.now(UTC)
        officer = _officer(runtime, now)
        if officer is None:
            return _answer({"error": "signed out"}, 401)
        sent = _body()
        try:
            sent_results, sent_at = _read_results(sent)
        except BadInput as error:
            return _answer({"error": word_error(error)}, 422)
        told = (
            results.receive_results(runtime, sent_results, sent_at=sent_at, user=officer, now=now)
            if sent_results
            else {}
        )
        answer: dict[str, Any] = {"now": _ms(now), "told": told}
        if sent.get("want"):
            data = results.carry_houses(
                runtime, have=str(sent.get("have", "")), user=officer, now=datetime.now(UTC)
            )
            g.kinds_of = runtime.db
            answer["data"] = _as_json(data) if data else None
        return _answer(answer)

    return app


def _officer(runtime: Runtime, now: datetime) -> User | None:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    with runtime.db.read() as session:
        found = find_phone(session, token, session_key=runtime.settings.keys_of(Purpose.SESSIONS), now=now)
        if found is None:
            return None
        officer, phone = found
        session.expunge(officer)
        session_id, seen_at = phone.id, phone.seen_at
    g.refused_user = officer.id
    if seen_at < now - NOTED_EVERY:
        note_seen(runtime, session_id, now=now)
    return officer


def _body() -> Mapping[str, Any]:
    try:
        body = request.get_json(force=True, silent=True)
    except RecursionError:  # brackets within brackets without end
        body = None
    return body if isinstance(body, dict) else {}


def _read_results(sent: Mapping[str, Any]) -> tuple[list[results.SentResult], datetime]:
    """Read what a phone sends. Raises BadInput for what our page would never send."""
    rows = sent.get("results", [])
    if not isinstance(rows, list) or len(rows) > results.MOST_RESULTS:
        raise BadInput("visit_results_wrong")
    try:
        sent_results = [
            results.SentResult(
                key=_key(row["key"]),
                line_id=_line(row["line"]),
                outcome=VisitOutcome(row["outcome"]),
                note=_text(row["note"]) if row.get("note") is not None else None,
                at=_moment(row["at"]),
                known_since=_moment(row["since"]),
            )
            for row in rows
        ]
        return sent_results, _moment(sent.get("sent", 0))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput("visit_results_wrong") from error


def _key(text: object) -> str:
    if not isinstance(text, str) or not _KEY.fullmatch(text):
        raise ValueError("key")
    return text


def _line(number: object) -> int:
    if type(number) is not int or not 0 < number < 1 << 63:  # `true` is an int as well
        raise ValueError("line")
    return number


def _text(value: object) -> str:
    return clean_text(str(value))[:1000]


def _moment(ms: object) -> datetime:
    """Return the moment of a phone's clock, which may well be in 1970."""
    if not isinstance(ms, int | float) or not 0 <= ms <= _LAST_MS:
        raise ValueError("moment")
    return datetime.fromtimestamp(ms / 1000, UTC)


def _ms(moment: datetime | None) -> int:
    return int(moment.timestamp() * 1000) if moment else 0


def _day(moment: datetime) -> str:
    local = moment.astimezone(VIETNAM)
    return f"{local.day}/{local.month}"


def _as_json(data: results.PhoneData) -> dict[str, Any]:
    """Return what the phone keeps, with the words of the campaigns' kinds. Kinds without an app ask for no smartphone."""
    with force_locale("vi"):
        return {
            "digest": data.digest,
            "officer": data.officer,
            "buttons": {
                kind: [
                    [outcome.value, label_of(outcome, "found", kind)]
                    for outcome in _BUTTONS
                    if has_outcome(kind, outcome)
                ]
                for kind in sorted({sheet.kind for sheet in data.sheets})
            },
            "fates": {
                fate.value: label_of(fate, "fate") for fate in VisitFate if fate is not VisitFate.RECORDED
            },
            "sheets": {
                str(sheet.id): {
                    "kind": sheet.kind,
                    "campaign": sheet.campaign,
                    "place": sheet.place,
                    "day": sheet.day,
                    "target": sheet.target,
                    "keep": _ms(sheet.keep_until),
                }
                for sheet in data.sheets
            },
            "people": [
                _person(person, {sheet.id: sheet.kind for sheet in data.sheets}[person.sheet_id])
                for person in data.people
            ],
        }


def _person(person: results.PhonePerson, kind: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "line": person.line_id,
        "sheet": person.sheet_id,
        "code": person.code,
        "house": person.house,
        "name": person.name,
        "village": person.village,
        "why": label_of(person.why, "why_visit"),
        "first": person.priority,
    }
    earlier = []
    if person.answer and person.answered_at:
        earlier.append(f"{label_of(person.answer, 'answer', kind)} ({_day(person.answered_at)})")
    if person.earlier.outcome and person.earlier.at:
        earlier.append(f"{label_of(person.earlier.outcome, 'found', kind)} ({_day(person.earlier.at)})")
    optional = {
        "born": person.birth_year,
        "values": listed_values(person.values),
        "phone": local_number(person.phone),
        "earlier": "; ".join(earlier),
        "outcome": person.current.outcome,
        "at": _ms(person.current.at),
        "own": person.is_own,
        "noted": person.has_own_note,
    }
    return row | {name: value for name, value in optional.items() if value}


def _answer(body: Mapping[str, Any], status: int = 200) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    response = Response(text, status, mimetype="application/json")
    if len(text) > _LARGEST_PLAIN and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.set_data(gzip.compress(text, 6))
        response.headers["Content-Encoding"] = "gzip"
    return _secured(response)


def _file(name: str) -> Response:
    text = _files()[name]
    response = Response(text, mimetype=None, content_type=_TYPES[name])
    # Asked again only by the browser itself, and then answered with "not changed".
    response.set_etag(hashlib.sha256(text).hexdigest()[:16])
    response.headers["Cache-Control"] = "no-cache"
    return _secured(response).make_conditional(request)  # type: ignore[return-value]


@cache
def _files() -> dict[str, bytes]:
    """Return the files. The service worker names the version of them all, so that a change of any brings all anew."""
    files = {name: (_FOLDER / name).read_bytes() for name in _TYPES}
    version = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:12]
    files["worker.js"] = files["worker.js"].replace(b"VERSION", version.encode(), 1)
    return files


def _secured(response: Response) -> Response:
    response.headers.update(
        {
            **HEADERS,
            "Content-Security-Policy": _POLICY,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": response.headers.get("Cache-Control", "no-store"),
        }
    )
    return response
