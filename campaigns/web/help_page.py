"""What is needed and where, after a cry on a warning's page (`/<token>?help`); and `/an-toan`, the same for people nobody wrote to.

These pages alone may ask for the position: by a script of some lines, and only when the button is touched. Without it they ask in words.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue
from limits import RateLimitItemPerHour
from markupsafe import Markup, escape
from sqlalchemy import Row

from campaigns.models.campaigns import Campaign
from campaigns.models.replies import SafetyReport
from campaigns.replies.public_requests import read_number
from campaigns.replies.record_answer import AnswerContext
from campaigns.replies.safety import Details, find_event, has_open_cry, record_public_safety
from campaigns.rules.content import PAGE_WORDS, Content, read_content
from campaigns.rules.safety import LONGEST_PLACE, Need, SafetyStatus
from campaigns.web.responses import HEADERS, add_security_headers, public_page
from outreach.core.rate_limits import hit_in_turn, network_of, nothing_limited_without_redis
from outreach.core.sentences import word_error
from outreach.rules.errors import BadInput
from outreach.rules.keys import newest_key
from outreach.rules.languages import NAMES as LANGUAGES
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_send

HELP, DETAILS = "help", "details"
# What a warning's page posts besides answers.
SAFETY = (*SafetyStatus, DETAILS)
SCRIPT = (Path(__file__).parent / "templates" / "position.js").read_text(encoding="utf-8").strip()
_HASH = b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
# A carrier puts thousands of phones behind one address; a cry that is refused still reads whom to call.
REPORTS_PER_ADDRESS = RateLimitItemPerHour(300, 1, "safety:address")
REPORTS_PER_NUMBER = RateLimitItemPerHour(20, 1, "safety:number")
REPORTS_IN_ALL = RateLimitItemPerHour(6000, 1, "safety:all")
# Officers are alerted of so many cries that anybody may have typed; those beyond wait in the event's list, so that a stranger's
# hundreds keep nobody from reading what the numbers themselves have sent.
CRIES_TOLD = RateLimitItemPerHour(60, 1, "safety:told")
CRIES_TOLD_PER_ADDRESS = RateLimitItemPerHour(20, 1, "safety:told:address")


def typed_details() -> Details:
    """Read the request's form."""
    return Details.typed(request.form, request.form.getlist("need"))


def may_ask_position(response: Response) -> Response:
    """Allow a response the script that asks for the position, and the browser to give it."""
    policy = HEADERS["Content-Security-Policy"] + f"; script-src 'sha256-{_HASH}'"
    response.headers["Content-Security-Policy"] = policy
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(self), microphone=()"
    return response


def show_help_page(runtime: Runtime, row: Row[Any]) -> Response:
    """Show what a warning's recipient said is needed, and where, to be changed until an officer has settled it."""
    with runtime.db.read() as session:
        report = session.get(SafetyReport, (row.campaign_id, row.phone_id))
        is_open = has_open_cry(session, row.campaign_id, row.phone_id)
        chosen = request.args.get("lang", "")
        campaign = session.get_one(Campaign, row.campaign_id)
        content = read_content(campaign.content, chosen if chosen in LANGUAGES else row.language)
    page = public_page(
        "help.html",
        **_words(runtime, content),
        report=report,
        is_open=is_open,
        is_saved=request.args.get(HELP) == "1",
        statuses=[status.value for status in SafetyStatus],
    )
    return may_ask_position(page)


def _words(runtime: Runtime, content: Content | None) -> dict[str, Any]:
    """Return what the template says: in the content's language, with what is not translated marked as Vietnamese."""
    days = str(runtime.settings.position_days)

    def say(name: str) -> Markup:
        text = (content.page if content else PAGE_WORDS)[name]
        filled = text.replace("{days}", days)
        if content and text in content.vietnamese:
            return Markup('<span lang="vi">{}</span>').format(filled)
        return escape(filled)

    return {
        "say": say,
        "lang": content.language if content else "vi",
        "title": content.title if content else "",
        "issuer": content.issuer if content else "",
        "needs": [need.value for need in Need],
        "longest": LONGEST_PLACE,
        "script": Markup(SCRIPT),  # noqa: S704 - our own file
    }


def create_safety_page(runtime: Runtime) -> Blueprint:
    """Create `/an-toan`: `GET` shows the form, `POST` takes it: 303, 422 with what is to be corrected, 429."""
    page = Blueprint("safety_page", __name__, url_prefix="/an-toan", template_folder="templates")
    keys = AnswerContext.of(runtime.settings)
    key = newest_key(keys.secret_key).encode()

    def show(status: int = 200, typed: Mapping[str, str] | None = None, error: str = "") -> Response:
        with runtime.db.read() as session:
            event = find_event(session, now=datetime.now(UTC))
            content = read_content(event.content) if event else None
        values = {"typed": typed or {}, "error": error, "done": request.args.get("done", "")}
        needs_ticked = request.form.getlist("need")
        words = _words(runtime, content)
        return may_ask_position(
            public_page(
                "safety.html", status, has_event=event is not None, ticked=needs_ticked, **words, **values
            )
        )

    @page.get("")
    def index() -> ResponseReturnValue:
        """Show the page for people nobody wrote to: safe, or in need, with a number to call back."""
        return show()

    @page.post("")
    def report() -> ResponseReturnValue:
        """Take what somebody says of their safety while a warning is an event: 303, 422, or 429 with whom to call."""
        word = request.form.get("answer", "")
        try:
            number = read_number(request.form.get("number", ""))
            name = hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:24]
            address = network_of(request.remote_addr or "")
            limits = ((REPORTS_PER_ADDRESS, address), (REPORTS_PER_NUMBER, name), (REPORTS_IN_ALL, "all"))
            is_told = True
            with nothing_limited_without_redis("safety_page.unlimited"):
                if wait := hit_in_turn(runtime.redis, *limits):
                    refused = show(429, request.form, word_error(BadInput("safety_too_often")))
                    refused.headers["Retry-After"] = str(wait)
                    return refused
                told = ((CRIES_TOLD_PER_ADDRESS, address), (CRIES_TOLD, "all"))
                is_told = word == SafetyStatus.SAFE or not hit_in_turn(runtime.redis, *told)
            with runtime.db.write() as session:
                details, now = typed_details(), datetime.now(UTC)
                record_public_safety(session, number, word, details, is_told=is_told, keys=keys, now=now)
        except BadInput as error:
            return show(422, request.form, word_error(error))
        enqueue_send(runtime)
        done = "safe" if word == SafetyStatus.SAFE else "help"
        return add_security_headers(redirect(f"/an-toan?done={done}", code=303))

    return page
