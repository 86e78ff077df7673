"""The page for everybody at `/hoi`, for posters and loudspeakers: who sends, is a message ours, stop or take part.

No token, no script, no login. It says nothing about a number: each answer is the same for a number that is known and one
that is not. Every form has limits by address, by number and for all together; a code and a note are refused while they
cannot be counted.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import segno
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour
from redis import RedisError

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
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.genuine import LONGEST
from campaigns.rules.replies.understand import understand
from campaigns.web.answer_page import EMERGENCY_NUMBERS
from campaigns.web.responses import RETRY_AFTER_S, public_page
from outreach.core.rate_limits import hit_in_turn, limiter, network_of, nothing_limited_without_redis
from outreach.core.sentences import word_error
from outreach.rules.errors import BadInput
from outreach.rules.keys import newest_key
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
    context = AnswerContext.of(settings)
    key = newest_key(context.secret_key).encode()

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
                        send_code(session, number, wish, settings=settings, key=context.secret_key, now=now)
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
                    confirm_code(session, number, wish, typed, keys=context, now=now)
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
                        leave_note(session, number, note, is_cry, keys=context, now=datetime.now(UTC))
            return show(done="urgent" if is_cry else "note")

        return by_number(do)

    return page
