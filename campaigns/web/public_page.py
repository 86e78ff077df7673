"""Pages without a token: the page for everybody at `/hoi`, for posters and loudspeakers: who sends, is a message ours, stop or take part.

No token, no script, no login. It says nothing about a number: each answer is the same for a number that is known and one
that is not. Every form has limits by address, by number and for all together; a code and a note are refused while they
cannot be counted.

What is needed and where, after a cry on a warning's page (`/<token>?help`), and `/an-toan`, the same for people nobody wrote to. These
alone may ask for the position: by a script of some lines, and only when the button is touched. Without it they ask in words.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour
from markupsafe import Markup, escape
from redis import RedisError
from sqlalchemy import Row

from campaigns.models.campaigns import Campaign
from campaigns.models.replies import SafetyReport
from campaigns.replies.public_requests import (
    LONGEST_MESSAGE,
    Wish,
    compare_with_sent,
    confirm_code,
    leave_note,
    read_message,
    read_number,
    read_senders,
    send_code,
)
from campaigns.replies.safety import Details, find_event, has_open_cry, record_public_safety
from campaigns.rules.content import PAGE_WORDS, Content, read_content
from campaigns.rules.genuine import LONGEST
from campaigns.rules.replies.understand import understand
from campaigns.rules.safety import LONGEST_PLACE, Need, SafetyStatus
from campaigns.web.responses import HEADERS, RETRY_AFTER_S, add_security_headers, public_page
from outreach.core.rate_limits import hit_in_turn, limiter, network_of, nothing_limited_without_redis
from outreach.core.sentences import word_error
from outreach.rules.errors import BadInput
from outreach.rules.keys import Purpose, newest_key
from outreach.rules.languages import NAMES as LANGUAGES
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_send

# A carrier puts thousands of phones behind one address.
CHECKS_PER_ADDRESS = RateLimitItemPerHour(120, 1, "public:check")
CODES_PER_NUMBER = RateLimitItemPerDay(1, 1, "public:code:number")
CODES_PER_ADDRESS = RateLimitItemPerHour(20, 1, "public:code:address")
CODES_IN_ALL = RateLimitItemPerDay(500, 1, "public:code")
# From one network: strangers use up nobody's.
TRIES_PER_NUMBER = RateLimitItemPerDay(5, 1, "public:try:number")
TRIES_IN_ALL = RateLimitItemPerDay(50, 1, "public:try:all")  # for a number: a code has six digits
TRIES_PER_ADDRESS = RateLimitItemPerHour(60, 1, "public:try:address")
NOTES_PER_NUMBER = RateLimitItemPerDay(1, 1, "public:note:number")
NOTES_PER_ADDRESS = RateLimitItemPerHour(10, 1, "public:note:address")
NOTES_IN_ALL = RateLimitItemPerDay(200, 1, "public:note")
# Of notes that sound like a cry for help: what strangers write uses up none of them, and who is refused reads whom to call.
CRIES_PER_ADDRESS = RateLimitItemPerHour(20, 1, "public:cry:address")
CRIES_IN_ALL = RateLimitItemPerHour(100, 1, "public:cry")


def create_public_page(runtime: Runtime) -> Blueprint:
    """Create `/hoi` with its forms, and `/hoi/to-roi`, a poster to print."""
    page = Blueprint("public_page", __name__, url_prefix="/hoi", template_folder="templates")
    settings = runtime.settings
    key = newest_key(settings.keys_of(Purpose.SUPPRESSIONS)).encode()

    def show(status: int = 200, **values: object) -> Response:
        with runtime.db.read() as session:
            senders = read_senders(session)
        return public_page(
            "everybody.html",
            status,
            senders=senders,
            domain=urlsplit(settings.link_base).netloc,
            takes_replies=settings.takes_replies,
            longest=LONGEST,
            longest_note=LONGEST_MESSAGE,
            emergency_numbers=EMERGENCY_NUMBERS,
            **values,
        )

    wait_s = partial(hit_in_turn, runtime.redis)  # seconds; the narrowest limit comes first

    @contextmanager
    def once(limit: RateLimitItem, name: str) -> Iterator[bool]:
        """Count a number's request of the day, unless it fails. Yields whether it is the first."""
        is_first = not wait_s((limit, name))
        try:
            yield is_first
        except Exception:
            if is_first:
                limiter(runtime.redis).clear(limit, name)
            raise

    def refuse(wait: int, page: Response | None = None) -> Response:
        refused = page or public_page("too_many_requests.html", 429)
        refused.headers["Retry-After"] = str(wait)
        return refused

    def by_number(do: Callable[[str, str, str], Response]) -> ResponseReturnValue:
        """Read the number of a form and do something with it, its hash and the caller's network; what is wrong is said in words."""
        try:
            number = read_number(request.form.get("number", ""))
            name = hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:24]
            return do(number, name, network_of(request.remote_addr or ""))
        except BadInput as error:
            return show(422, error=word_error(error), typed=request.form)
        except RedisError:
            return refuse(RETRY_AFTER_S, public_page("try_later.html", 503))

    @page.get("")
    def index() -> ResponseReturnValue:
        """Show the page for everybody: who sends, is a message ours, stop, take part."""
        return show()

    @page.get("/to-roi")
    def poster() -> ResponseReturnValue:
        """Show a poster with the page's QR code."""
        import segno  # noqa: PLC0415 - 3 MB, where a code is drawn alone

        address = f"{settings.link_base}/hoi"
        picture = segno.make(address, error="m", micro=False).svg_inline(scale=8, border=2, omitsize=True)
        with runtime.db.read() as session:
            senders = read_senders(session)
        return public_page(
            "poster.html", senders=senders, picture=picture, address=address.split("://", 1)[-1]
        )

    @page.post("/kiem-tra")
    def check() -> ResponseReturnValue:
        """Say whether the words of `text` are those of a message of the last 60 days, and whether it leads to
        a host that is not ours; nothing about a person. 120 an hour and address.
        """
        with nothing_limited_without_redis("public_page.unlimited"):
            if wait := wait_s((CHECKS_PER_ADDRESS, network_of(request.remote_addr or ""))):
                return refuse(wait)
        text = request.form.get("text", "")
        if not text.strip():
            return show(422, error=word_error(BadInput("page_message_empty")), typed=request.form)
        with runtime.db.read() as session:
            verdict = compare_with_sent(session, text, settings=settings, now=datetime.now(UTC))
        return show(verdict=verdict.value)

    @page.post("/ma")
    def code() -> ResponseReturnValue:
        """Send a code of six digits to `number`, for `wish` `stop` or `join`: one a day, within hours and
        caps, not to a number that opted out; the answer is always the same. 20 an hour and address, 500 a
        day in all.
        """
        wish = Wish.JOIN if request.form.get("wish") == Wish.JOIN else Wish.STOP

        def do(number: str, name: str, address: str) -> Response:
            if wait := wait_s((CODES_PER_ADDRESS, address)):
                return refuse(wait)
            # The page is the same where a code was sent today, or too many to all: it says nothing of the number.
            with once(CODES_PER_NUMBER, name) as is_first:
                if is_first and not wait_s((CODES_IN_ALL, "all")):
                    with runtime.db.write() as session:
                        now = datetime.now(UTC)
                        send_code(session, number, wish, settings=settings, now=now)
                    enqueue_send(runtime)
            return show(asked=wish.value, number=number)

        return by_number(do)

    @page.post("/xac-nhan")
    def confirm() -> ResponseReturnValue:
        """Take `number`, `wish` and today's or yesterday's `code`: `stop` is an opt-out, `join` takes the
        resident's own opt-outs back and opens a case. 5 tries a day for a number from one network, 50 from
        all, 60 an hour and address.
        """
        wish = Wish.JOIN if request.form.get("wish") == Wish.JOIN else Wish.STOP

        def do(number: str, name: str, address: str) -> Response:
            own = ((TRIES_PER_NUMBER, f"{name}:{address}"), (TRIES_PER_ADDRESS, address))
            if wait := wait_s(*own, (TRIES_IN_ALL, name)):
                return refuse(wait)
            try:
                with runtime.db.write() as session:
                    typed, now = request.form.get("code", ""), datetime.now(UTC)
                    confirm_code(session, number, wish, typed, now=now)
            except BadInput as error:
                return show(422, error=word_error(error), asked=wish.value, number=number)
            enqueue_send(runtime)
            return show(done=wish.value)

        return by_number(do)

    @page.post("/nhan")
    def note() -> ResponseReturnValue:
        """Take `number` and `note`, a case for an officer, marked as not verified. One a day and number, 10 an
        hour and address, 200 a day in all; of cries for help 20 and 100 an hour. Codes, tries and notes are refused with 503 while
        Redis is away.
        """

        def do(number: str, name: str, address: str) -> Response:
            note = read_message(request.form.get("note", ""))
            if is_cry := understand(note).is_urgent:
                if wait := wait_s((CRIES_PER_ADDRESS, address), (CRIES_IN_ALL, "all")):
                    said = word_error(BadInput("safety_too_often"))
                    return refuse(wait, show(429, error=said, typed=request.form))
            elif wait := wait_s((NOTES_PER_ADDRESS, address), (NOTES_IN_ALL, "all")):
                return refuse(wait)
            # Anybody may have used the number's one note of the day: a cry for help is taken all the same.
            with once(NOTES_PER_NUMBER, name) as is_first:
                if is_first or is_cry:
                    with runtime.db.write() as session:
                        leave_note(session, number, note, is_cry, now=datetime.now(UTC))
            return show(done="urgent" if is_cry else "note")

        return by_number(do)

    return page


EMERGENCY_NUMBERS = ("112", "113", "114", "115")
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
    key = newest_key(runtime.settings.keys_of(Purpose.SUPPRESSIONS)).encode()

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
                record_public_safety(session, number, word, details, is_told=is_told, now=now)
        except BadInput as error:
            return show(422, request.form, word_error(error))
        enqueue_send(runtime)
        done = "safe" if word == SafetyStatus.SAFE else "help"
        return add_security_headers(redirect(f"/an-toan?done={done}", code=303))

    return page
