"""Answer page behind the personal link: one question, large buttons, no script.

- `create_answer_page`: the Flask routes. `AnswerPageService`: what they share with the ASGI application.
- `PageCache`: pages as bytes. All that residents can see is a handful of pages for each campaign and language: each is
  written once and cached.
- `AnswerPageApp`: an ASGI application where the server has an event loop. Requests that come together share one lookup,
  without a thread each. It answers only the simple case: a link that opens, an address that is not watched for guessing,
  and a page that is cached. All else goes on to the other application, which gives the reason.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from campaigns.delivery.message_data import read_list_values
from campaigns.delivery.office_phones import answer_control_copy, find_control_copy
from campaigns.models.campaigns import Campaign, Step
from campaigns.replies.public_requests import CALL_ME, LONGEST_MESSAGE, receive_page_message
from campaigns.replies.record_answer import record_page_answer
from campaigns.replies.safety import record_page_details, record_page_safety
from campaigns.rules.content import Content, PageChoice, page_choices, read_content
from campaigns.rules.control_phones import ControlLook
from campaigns.rules.delivery import repeat_message
from campaigns.rules.links import ALPHABET, FIRST_CONTROL_COPY, LENGTH, LinkCipher
from campaigns.rules.own_answers import OPT_OUT_OF_DRIVE, OwnAnswer, current_own
from campaigns.rules.replies.labels import USES, Label
from campaigns.rules.safety import SafetyStatus
from campaigns.rules.sending_hours import VIETNAM
from campaigns.web.asgi import Application, Receive, Scope, Send, SharedWork, client_address
from campaigns.web.page_lookups import OpenTracker, RecipientLookup, TokenGuard, find_recipient
from campaigns.web.public_page import DETAILS, EMERGENCY_NUMBERS, HELP, SAFETY, show_help_page, typed_details
from campaigns.web.responses import HEADERS, add_security_headers, public_page
from outreach.core.db import Database
from outreach.core.sentences import word_error
from outreach.core.settings import Settings
from outreach.models.accounts import Organisation
from outreach.models.contacts import ContactList
from outreach.rules.errors import BadInput
from outreach.rules.keys import Purpose
from outreach.rules.languages import NAMES as LANGUAGES
from outreach.rules.languages import VIETNAMESE
from outreach.rules.wishes import EVERYTHING
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_send

# `GET /<token>?about` shows who sends this, why, with which data, and how to object.
ABOUT = "about"
# Punctuation after a link, which some phones take for a part of it.
AFTER_LINKS = ".,;:!?)]}>'\"…”’"


def create_answer_page(runtime: Runtime, service: AnswerPageService) -> Blueprint:
    """Create the routes: `GET /<token>` changes nothing, `POST /<token>` takes `answer=…`, answers 303."""
    page = Blueprint("answer_page", __name__, template_folder="templates")

    def find(token: str) -> Row[Any] | Response:
        """Return the row of the link's recipient; else the page of a control phone's copy, or why nothing opens."""
        recipient_id = service.cipher.recipient_id(token)
        if recipient_id and recipient_id >= FIRST_CONTROL_COPY:
            if page := show_control_page(runtime, recipient_id, token):
                return page
            recipient_id = None
        row = find_recipient(runtime.db, recipient_id) if recipient_id else None
        address = request.remote_addr or ""
        guard = service.token_guard
        if wait_s := guard.hit(address, row.id) if row else guard.miss(address):
            refused = public_page("too_many_requests.html", 429)
            refused.headers["Retry-After"] = str(wait_s)
            return refused
        return row or public_page("no_such_link.html", 404)

    @page.get(f"/<string(length={LENGTH}):token>")
    def show(token: str) -> ResponseReturnValue:
        """Show a resident's page, at most 14 KB; nothing changes but that it counts as opened, unverified.
        `?about` says who sends this, why, with which data, and how to object; `?lang=CODE` shows it in
        another language.
        """
        row = find(token)
        if isinstance(row, Response):
            return row
        if request.method == "GET":
            service.record_open(row)
        if row.safety and HELP in request.args:
            return show_help_page(runtime, row)
        organisation = service.organisation_of(row) if ABOUT in request.args else ""
        state = page_state(row, request.args, service.values_of(row), organisation)
        return Response(service.pages.show(state), headers=HEADERS, mimetype="text/html")

    @page.post(f"/<string(length={LENGTH}):token>")
    def answer(token: str) -> ResponseReturnValue:
        """Take `answer`: a label of docs/campaigns.md, `install`, `opt_out_drive`, `own-1` to `own-9`, `undo`,
        `call` or `ask`; 303, may be repeated. `install` leads to the phone's app store; `call` and `ask`
        (with `text`, at most 500 characters, 5 a day) are read as replies and open a case.
        """
        pressed, given = request.form.get("answer", ""), request.form.get("given")
        row = find(token)
        if isinstance(row, Response):
            return row
        app, then = None, {"lang": request.args["lang"]} if "lang" in request.args else {}
        try:
            with runtime.db.write() as session:
                now = datetime.now(UTC)
                if row.safety is not None and pressed in SAFETY:
                    if pressed == DETAILS:
                        record_page_details(session, row.id, typed_details(), now=now)
                    else:
                        record_page_safety(session, row.id, pressed, now=now)
                    if pressed != SafetyStatus.SAFE:
                        then[HELP] = "1" if pressed == DETAILS else ""
                elif pressed in MESSAGES:
                    text = CALL_ME if pressed == "call" else request.form.get("text", "")
                    if sent := receive_page_message(session, row.id, text, now=now):
                        then["sent"] = sent
                else:
                    record_page_answer(session, row.id, pressed, now=now, given=given)
                if pressed == "install":
                    app = content_of(session, row.campaign_id).app
        except BadInput as error:
            return public_page("bad_answer.html", 422, message=word_error(error), token=token)
        enqueue_send(runtime)
        if app:
            return add_security_headers(
                redirect(app.address_for(request.headers.get("User-Agent", "")), code=303)
            )
        query = f"?{urlencode(then)}" if then else ""
        return add_security_headers(redirect(f"/{token}{query}", code=303))

    @page.route(f"/<string(minlength={LENGTH + 1},maxlength={LENGTH + 4}):token>", methods=["GET", "POST"])
    def show_with_rest(token: str) -> ResponseReturnValue:
        """Show the page of a link that a phone has opened with the full stop behind it; whether it opens anything, and that it was tried, is said there."""
        token = token.rstrip(AFTER_LINKS)
        if len(token) != LENGTH or not set(token.lower()) <= set(ALPHABET):
            return public_page("no_such_link.html", 404)
        return add_security_headers(redirect(f"/{token}", code=302))

    return page


class AnswerPageService:
    """Shared parts of the answer page: link cipher, lookups, page opens, guard and cached pages."""

    def __init__(self, runtime: Runtime) -> None:
        self.cipher = LinkCipher(runtime.settings.keys_of(Purpose.LINKS))
        self.token_guard = TokenGuard(runtime.redis)
        self._page_opens = OpenTracker(runtime.db)

        self._db = runtime.db

        def load(state: PageState) -> tuple[Content, str]:
            with runtime.db.read() as session:
                content = content_of(session, state.campaign_id, state.language)
                return content, first_message(session, state.campaign_id, content, dict(state.values))

        self.pages = PageCache(load, site_of(runtime.settings))

    def values_of(self, row: Row[Any]) -> dict[str, str]:
        """Return what lists say of a person in the fields of their campaign's texts."""
        if not row.fields:
            return {}
        with self._db.read() as session:
            return read_list_values(session, [row]).get((row.campaign_id, row.contact_id), {})

    def organisation_of(self, row: Row[Any]) -> str:
        """Return the name of the organisation that keeps a person's list; empty without a list."""
        query = select(Organisation.name).join(ContactList, ContactList.organisation_id == Organisation.id)
        with self._db.read() as session:
            return session.scalar(query.where(ContactList.id == row.list_id)) or ""

    def record_open(self, row: Row[Any]) -> None:
        """Record that a recipient's page was opened, by a person or a program."""
        self._page_opens.record(row.campaign_id, row.id, now=datetime.now(UTC))


def page_state(
    row: Row[Any], query: Mapping[str, str], values: Mapping[str, str], organisation: str = ""
) -> PageState:
    """Return the state of the page that a recipient sees now: the question, or the page behind it.

    `query` may ask for another page or language, and says what was sent a moment ago. `values` are those of `values_of`, the
    `organisation` is named on the page that says who sends this.
    """
    is_about, language, sent = ABOUT in query, query.get("lang", ""), query.get("sent", "")
    # An opt-out that an officer has taken back at the person's wish is no answer that stands.
    given = None if row.answer is Label.OPT_OUT and row.left_alone is None else row.answer
    return PageState(
        campaign_id=row.campaign_id,
        launched_at=row.launched_at,
        corrected_at=row.corrected_at,
        language=language if language in LANGUAGES else row.language,
        given=given,
        has_clicked=row.clicked_at is not None,
        is_left_alone=row.left_alone == EVERYTHING,
        wants_reminder=row.wants_reminder,
        sent=sent if sent in SENT else "",
        is_about=is_about,
        organisation=organisation,
        own_answer=row.own_answer if given else None,
        safety=row.safety,
        values=tuple(sorted(values.items())),
    )


def first_message(session: Session, campaign_id: int, content: Content, values: Mapping[str, str]) -> str:
    """Return the campaign's first message for its page where its answers promise, such as to come, or it differs by person.

    "" for others, whose page says by itself what is asked, and where two texts are tried out.
    """
    query = select(Step.text, Step.text_b, Step.texts, Campaign.fields).join(Campaign)
    step = session.execute(query.where(Step.campaign_id == campaign_id, Step.number == 1)).first()
    if step is None or step.text_b or not (step.fields or content.words.promised):
        return ""
    translated = (step.texts or {}).get(content.language)
    message = repeat_message(translated or step.text, step.fields or {}, values)
    if translated or content.language == VIETNAMESE:
        return message
    return Markup('<span lang="vi">{}</span>').format(message)


def content_of(session: Session, campaign_id: int, language: str | None = None) -> Content:
    """Return a campaign's texts, in a language if they were translated."""
    content = session.execute(select(Campaign.content).where(Campaign.id == campaign_id)).scalar_one()
    return read_content(content, language)


MAX_PAGES = 500
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Buttons that send words to an officer, and what the page says then.
MESSAGES = ("call", "ask")
SENT = ("asked", "urgent")


@dataclass(frozen=True, slots=True)
class PageState:
    """State by which one page differs from another.

    The campaign's texts have not changed since `launched_at`, or since `corrected_at`.
    """

    campaign_id: int
    launched_at: datetime | None
    corrected_at: datetime | None
    language: str | None  # the phone's; without a translation the page is Vietnamese
    given: Label | None
    has_clicked: bool
    is_left_alone: bool
    wants_reminder: bool = False
    sent: str = ""  # one of SENT
    is_about: bool = False
    organisation: str = ""  # that keeps the person's list; only on the page that names it
    own_answer: int | None = None  # which of the campaign's own answers was given
    safety: str | None = None  # on a warning's page: one of SafetyStatus, or "" where nothing was said
    values: tuple[tuple[str, str], ...] = ()  # of the person, in the fields of the campaign's texts

    @property
    def said(self) -> str | None:
        """Return what was answered but for an own answer, as a button would send it: an opt-out that leaves the number on is of the drive."""
        if self.given is Label.OPT_OUT and not self.is_left_alone:
            return OPT_OUT_OF_DRIVE
        return self.given


@dataclass(frozen=True, slots=True)
class PagePreview:
    """Note above a page that is tried out on the admin site.

    The buttons of such a page lead to the next page and record nothing.
    """

    note: str
    language: str  # of the note
    way_back: str  # an address
    back: str  # text of that link


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages of an installation have in common.

    `takes_replies`: whether a reply by SMS comes back to us; only then a page asks for one. `domain`: of the addresses in
    messages.
    """

    takes_replies: bool
    domain: str
    position_days: int


def site_of(settings: Settings) -> Site:
    """Return the facts about the site that pages name."""
    return Site(settings.takes_replies, urlsplit(settings.link_base).netloc, settings.position_days)


class PageCache:
    """Cache of pages, which it writes when they are first shown.

    `load` returns a campaign's content in a language, and the message that the page repeats.
    """

    def __init__(self, load: Callable[[PageState], tuple[Content, str]], site: Site) -> None:
        self._load = load
        self._site = site
        self._lock = Lock()
        self._pages: OrderedDict[PageState, bytes] = OrderedDict()

    def cached(self, state: PageState) -> bytes | None:
        """Return the page if it is cached, else None."""
        return self._pages.get(state)

    def show(self, state: PageState) -> bytes:
        page = self.cached(state)
        if page is None:
            content, message = self._load(state)
            page = write_page(state, content, self._site, message=message)
            with self._lock:
                self._pages[state] = page
                if len(self._pages) > MAX_PAGES:
                    self._pages.popitem(last=False)
        return page


def write_page(
    state: PageState, content: Content, site: Site, *, message: str = "", preview: PagePreview | None = None
) -> bytes:
    """Write one page as it is sent; with `preview` as it is tried out on the admin site."""
    words, given = content.page, state.given
    own = current_own(content.own_answers, given, state.own_answer)
    said = own.value if own else state.said
    choices = page_choices(content)
    texts = {
        **{choice.value: choice.text for choice in choices},
        Label.WRONG_NUMBER: words["wrong_number"],
        Label.OPT_OUT: content.wording(Label.OPT_OUT).button or words["said_opt_out"],
    }
    is_stop, stops_drive = given is Label.OPT_OUT, said == OPT_OUT_OF_DRIVE
    values = {
        "said": _text_of(said, given, own, texts, words),
        **_page_values(content, texts, state.organisation, site),
    }

    def mark(text: str) -> Markup:
        """Return a text to be shown, in the language that it is in if that is not the page's."""
        filled = text
        for field, value in values.items():
            filled = filled.replace(f"{{{field}}}", value)
        if text in content.vietnamese:
            return Markup('<span lang="vi">{}</span>').format(filled)
        return escape(filled)

    def say(name: str) -> Markup:
        return mark(words.get(name, ""))

    template = _TEMPLATES.get_template("about.html" if state.is_about else "answer.html")
    return template.render(
        lang=content.language,
        languages={code: LANGUAGES[code] for code in content.languages if code != content.language},
        content=content,
        message=message,
        mark=mark,
        say=say,
        given=given,
        said=said,
        thanks=_thanks(content, given, own, said),
        next=say(_next_step(state, said)),
        choices=_offered(choices, state, said),
        safety=state.safety,
        statuses=[each.value for each in SafetyStatus if each != state.safety],
        stop_drive=words["said_opt_out_drive"],
        is_stopped=is_stop and not stops_drive,
        is_drive_stopped=is_stop,
        stop=texts[Label.OPT_OUT],
        offers_app=content.app is not None and not (given and USES[given].ends_offer),
        has_clicked=state.has_clicked and given is None,
        takes_replies=site.takes_replies,
        is_left_alone=state.is_left_alone and not is_stop,
        sent=state.sent,
        emergency_numbers=EMERGENCY_NUMBERS,
        longest=LONGEST_MESSAGE,
        method="get" if preview else "post",
        preview=preview,
    ).encode()


def _offered(choices: Sequence[PageChoice], state: PageState, said: str | None) -> list[PageChoice]:
    """Return what may be chosen: not what was said already; a "not yet" by SMS may still ask for a reminder."""
    may_ask_again = state.given is Label.NOT_YET and not state.wants_reminder
    # A warning asks whether help is needed first, in other words.
    hidden = {None if may_ask_again else said, None if state.safety is None else Label.NEED_HELP}
    return [each for each in choices if each.value not in hidden]


def _next_step(state: PageState, said: str | None) -> str:
    """Return the name of the sentence that says what comes next."""
    if state.given is Label.NOT_YET and state.wants_reminder:
        return "remind_next"
    return f"next_{said if said == OPT_OUT_OF_DRIVE else state.given}"


def _text_of(
    said: str | None,
    given: Label | None,
    own: OwnAnswer | None,
    texts: Mapping[str, str],
    words: Mapping[str, str],
) -> str:
    """Return what the resident said, in the words of its button."""
    return (texts.get(said or "") or words.get(f"said_{given if own else said}", "")) if given else ""


def _thanks(content: Content, given: Label | None, own: OwnAnswer | None, said: str | None) -> str:
    """Return the thanks for an answer: those of the campaign's own answer, else those of its label."""
    if said == OPT_OUT_OF_DRIVE:
        return content.page["opt_out_drive_thanks"]
    return (own.thanks if own else "") or (content.wording(given).thanks if given else "")


def _page_values(content: Content, texts: Mapping[str, str], organisation: str, site: Site) -> dict[str, str]:
    """Return what the page's words name in braces."""
    words = content.page
    installed = "” / “".join(each.text for each in content.own_answers if each.means is Label.INSTALLED)
    return {
        "app": content.app.name if content.app else "",
        "installed": installed or texts.get(Label.INSTALLED) or words["said_installed"],
        "contact": content.contact or words["issuer_contact"],
        "phone": content.phone,
        "issuer": content.issuer,
        "organisation": organisation or content.issuer,
        "domain": site.domain,
        "days": str(site.position_days),
    }


MAX_BATCH = 500


class AnswerPageApp:
    """ASGI application for the answer page, in front of another application."""

    def __init__(
        self, db: Database, service: AnswerPageService, *, others: Application, is_https: bool
    ) -> None:
        self._service, self._others = service, others
        self._lookups = SharedWork[int, Row[Any] | None](RecipientLookup(db).find_all, most=MAX_BATCH)
        headers = {**HEADERS, "Content-Type": "text/html; charset=utf-8"}
        if is_https:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = await self._find(scope) if _is_simple(scope) else None
        if page is None:
            return await self._others(scope, receive, send)
        headers = [*self._headers, (b"content-length", b"%d" % len(page))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page})

    async def _find(self, scope: Scope) -> bytes | None:
        recipient_id = self._service.cipher.recipient_id(scope["path"][1:])
        if not recipient_id or self._service.token_guard.is_watched(client_address(scope)):
            return None
        try:
            row = await self._lookups.ask(recipient_id)
        except Exception:
            return None  # the other application meets it as well, and shows an error page
        # What differs by person takes another look into the database.
        page = self._service.pages.cached(page_state(row, {}, {})) if row and not row.fields else None
        if row and page:
            self._service.record_open(row)
        return page


def _is_simple(scope: Scope) -> bool:
    """Return whether a request asks for a link's page and nothing else.

    Officers carry a cookie: their requests go to the admin site.
    """
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and len(scope["path"]) == 1 + LENGTH
        and not scope["query_string"]
        and not any(name == b"cookie" for name, _ in scope["headers"])
    )


LOOKS = {
    ControlLook.CLEAR: "Đã đến, chữ đúng và đủ",
    ControlLook.GARBLED: "Đã đến, nhưng sai chữ, sai dấu",
    ControlLook.CUT: "Đã đến, nhưng thiếu chữ hoặc bị chia nhiều tin",
    ControlLook.SENDER: "Đã đến, nhưng tên người gửi sai",
}


def show_control_page(runtime: Runtime, token_id: int, token: str) -> Response | None:
    """Answer `GET` or `POST` of a copy's link: 200, 303, 422 with what is to be corrected; None where it opens nothing.

    `POST` takes `look`, one of `ControlLook`, and `at`, the time of day when it came, empty for just now.
    """
    now, error, typed = datetime.now(UTC), "", request.form.get("at", "")[:10]
    with runtime.db.read() as session:
        found = find_control_copy(session, token_id)
    if found is None:
        return None
    copy, text = found
    if request.method == "POST":
        try:
            with runtime.db.write() as session:
                answer_control_copy(
                    session, token_id, look=request.form.get("look", ""), clock=typed, now=now
                )
            return add_security_headers(redirect(f"/{token}", code=303))
        except BadInput as refusal:
            error = word_error(refusal)
    return public_page(
        "control.html",
        422 if error else 200,
        text=text,
        queued_at=copy.queued_at.astimezone(VIETNAM),
        came_at=copy.came_at and copy.came_at.astimezone(VIETNAM),
        look=copy.look,
        looks=LOOKS,
        error=error,
        typed=typed,
    )
