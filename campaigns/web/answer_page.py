"""The residents' page: routes, state, HTML, ASGI fast path.

The residents' page behind the personal link: one question, large buttons, no script.

What the residents' page needs, whoever serves it: whose link it is, what they see, who opened it, who guesses.

The answer page as bytes. Of all that a resident can see there are a handful of pages for each campaign and
language: each is written once and kept.

Residents' pages where the server has an event loop: those that ask together share one look-up, without a thread each.

Only what is plain is answered here: a link that opens, asked for by an address that nobody watches, and a page that was
written before. All else goes on to the other application, which says why.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue
from jinja2 import Environment, FileSystemLoader
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from campaigns.enqueue_jobs import enqueue_send
from campaigns.models.campaigns import Campaign
from campaigns.replies.record_answer import AnswerContext, record_page_answer
from campaigns.rules.content import Content, read_content
from campaigns.rules.links import LENGTH, LinkCipher
from campaigns.rules.replies.labels import Label
from campaigns.web.asgi import Application, Receive, Scope, Send, resolve_all
from campaigns.web.page_lookups import OpenTracker, RecipientLookup, TokenGuard
from campaigns.web.responses import HEADERS, add_security_headers, public_page
from outreach.core.db import Database
from outreach.models.accounts import Organisation
from outreach.models.contacts import ContactList
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime

# `GET /<token>?about`: who sends this, why, with which data, and how to object.
ABOUT = "about"


def create_answer_page(runtime: Runtime, desk: AnswerPageService) -> Blueprint:
    """`GET /<token>` shows and changes nothing; `POST /<token>` takes `answer=…` and answers 303."""
    page = Blueprint("answer_page", __name__, template_folder="templates")
    keys = AnswerContext(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    def find(token: str) -> Row[Any] | Response:
        """Whose link it is, or the page that says why nothing opens."""
        recipient_id = desk.cipher.recipient_id(token)
        found = desk.standings.find(recipient_id) if recipient_id else None
        address = request.remote_addr or ""
        if wait_s := desk.failed_tokens.hit(address) if found else desk.failed_tokens.miss(address):
            refused = public_page("too_many_requests.html", 429)
            refused.headers["Retry-After"] = str(wait_s)
            return refused
        return found or public_page("no_such_link.html", 404)

    @page.get(f"/<string(length={LENGTH}):token>")
    def show(token: str) -> ResponseReturnValue:
        found = find(token)
        if isinstance(found, Response):
            return found
        if request.method == "GET":
            desk.note_opening(found)
        sight = page_state(found, is_about=ABOUT in request.args)
        return Response(desk.pages.show(sight), headers=HEADERS, mimetype="text/html")

    @page.post(f"/<string(length={LENGTH}):token>")
    def answer(token: str) -> ResponseReturnValue:
        word, given = request.form.get("answer", ""), request.form.get("given")
        found = find(token)
        if isinstance(found, Response):
            return found
        try:
            with runtime.db.write() as session:
                record_page_answer(session, found.id, word, keys=keys, now=datetime.now(UTC), given=given)
                app = content_of(session, found.campaign_id).app if word == "install" else None
        except BadInput as error:
            return public_page("bad_answer.html", 400, message=str(error), token=token)
        enqueue_send(runtime.job_queue)
        if app:
            return add_security_headers(
                redirect(app.address_for(request.headers.get("User-Agent", "")), code=303)
            )
        return add_security_headers(redirect(f"/{token}", code=303))

    return page


class AnswerPageService:
    def __init__(self, runtime: Runtime) -> None:
        self.cipher = LinkCipher(runtime.settings.secret_key)
        self.standings = RecipientLookup(runtime.db)
        self.failed_tokens = TokenGuard(runtime.redis)
        self._page_opens = OpenTracker(runtime.db)

        def load(sight: PageState) -> tuple[Content, str]:
            with runtime.db.read() as session:
                content = content_of(session, sight.campaign_id, sight.language)
                return content, _organisation(session, sight.list_id)

        self.pages = PageCache(load, takes_replies=runtime.settings.takes_replies)

    def note_opening(self, found: Row[Any]) -> None:
        """Somebody, or a program, has asked for a recipient's page."""
        self._page_opens.record(found.campaign_id, found.id, now=datetime.now(UTC))


def page_state(found: Row[Any], *, is_about: bool) -> PageState:
    """The page that a recipient sees now: the question, or what is behind it."""
    return PageState(
        campaign_id=found.campaign_id,
        launched_at=found.launched_at,
        corrected_at=found.corrected_at,
        language=found.language,
        given=found.answer,
        has_clicked=found.clicked_at is not None,
        is_left_alone=found.left_alone is not None,
        is_about=is_about,
        list_id=found.list_id if is_about else None,
    )


def content_of(session: Session, campaign_id: int, language: str | None = None) -> Content:
    """A campaign's texts in a language, where they were translated."""
    content = session.execute(select(Campaign.content).where(Campaign.id == campaign_id)).scalar_one()
    return read_content(content, language)


def _organisation(session: Session, list_id: int | None) -> str:
    """Who keeps the list; empty where that is not asked or not known any more."""
    name = session.scalar(
        select(Organisation.name)
        .join(ContactList, ContactList.organisation_id == Organisation.id)
        .where(ContactList.id == list_id)
    )
    return name or ""


MOST_KEPT = 500
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Labels that have a button where the campaign gives it a text.
BUTTONS = (Label.INSTALLED, Label.NOT_YET, Label.NEED_HELP, Label.NO_SMARTPHONE, Label.OPT_OUT)
# After these nobody is asked to install any more.
NOT_INSTALLING = frozenset({Label.INSTALLED, Label.NO_SMARTPHONE, Label.OPT_OUT, Label.WRONG_NUMBER})


@dataclass(frozen=True, slots=True)
class PageState:
    """All that one page differs from another by. Since `launched_at` the campaign's texts stand still, or since
    `corrected_at`.
    """

    campaign_id: int
    launched_at: datetime | None
    corrected_at: datetime | None
    language: str | None  # the phone's; where nothing was translated the page is Vietnamese
    given: Label | None
    has_clicked: bool
    is_left_alone: bool
    is_about: bool = False
    list_id: int | None = None  # whose list the person was in: only where the page names it


@dataclass(frozen=True, slots=True)
class PagePreview:
    """What stands above a page that the office tries out: its buttons ask for the next page and record nothing."""

    note: str
    language: str  # of the note
    way_back: str  # an address
    back: str  # what its link says


class PageCache:
    """Writes pages and keeps them. `load` brings a campaign's content in a language, and an organisation's name.

    `takes_replies`: whether a reply by SMS comes back to us; only then a page asks for one.
    """

    def __init__(self, load: Callable[[PageState], tuple[Content, str]], *, takes_replies: bool) -> None:
        self._load = load
        self._takes_replies = takes_replies
        self._lock = Lock()
        self._kept: OrderedDict[PageState, bytes] = OrderedDict()

    def kept(self, sight: PageState) -> bytes | None:
        """The page, where it was written before."""
        return self._kept.get(sight)

    def show(self, sight: PageState) -> bytes:
        page = self.kept(sight)
        if page is None:
            page = self._write(sight)
            with self._lock:
                self._kept[sight] = page
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        return page

    def _write(self, sight: PageState) -> bytes:
        content, organisation = self._load(sight)
        return write_page(sight, content, organisation, takes_replies=self._takes_replies)


def write_page(
    sight: PageState,
    content: Content,
    organisation: str,
    *,
    takes_replies: bool,
    preview: PagePreview | None = None,
) -> bytes:
    """One page, as it is sent; with `preview` for the office to look at."""
    buttons = {label: content.wording(label).button for label in BUTTONS if content.wording(label).button}
    words, given = content.page, sight.given
    values = {
        "said": (buttons.get(given) or words.get(f"said_{given}", "")) if given else "",
        "app": content.app.name if content.app else "",
        "installed": buttons.get(Label.INSTALLED) or words["said_installed"],
        "contact": content.contact or words["issuer_contact"],
        "phone": content.phone,
        "issuer": content.issuer,
        "organisation": organisation or content.issuer,
    }

    def fill(sentence: str) -> str:
        for field, value in values.items():
            sentence = sentence.replace(f"{{{field}}}", value)
        return sentence

    def say(name: str) -> str:
        return fill(words.get(name, ""))

    template = _TEMPLATES.get_template("about.html" if sight.is_about else "answer.html")
    return template.render(
        lang=content.language,
        content=content,
        say=say,
        given=given,
        thanks=content.wording(given).thanks if given else "",
        steps=[fill(step) for step in content.wording(given).steps] if given else [],
        buttons=buttons,
        offers_app=content.app is not None and given not in NOT_INSTALLING,
        has_clicked=sight.has_clicked and given is None,
        takes_replies=takes_replies,
        is_left_alone=sight.is_left_alone and given is not Label.OPT_OUT,
        method="get" if preview else "post",
        preview=preview,
    ).encode()


MOST_AT_ONCE = 500


class AnswerPageApp:
    """An ASGI application before another one."""

    def __init__(self, db: Database, desk: AnswerPageService, *, others: Application, is_https: bool) -> None:
        self._desk, self._others = desk, others
        self._finder = _Finder(
            RecipientLookup(db)
        )  # of its own: the other application's look-ups are made in threads
        headers = {**HEADERS, "Content-Type": "text/html; charset=utf-8"}
        if is_https:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = await self._find(scope) if _is_plain(scope) else None
        if page is None:
            return await self._others(scope, receive, send)
        headers = [*self._headers, (b"content-length", b"%d" % len(page))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page})

    async def _find(self, scope: Scope) -> bytes | None:
        recipient_id = self._desk.cipher.recipient_id(scope["path"][1:])
        if not recipient_id or self._desk.failed_tokens.is_watched(_caller(scope)):
            return None
        try:
            found = await self._finder.find(recipient_id)
        except Exception:
            return None  # the other application meets it as well, and has words for it
        page = self._desk.pages.kept(page_state(found, is_about=False)) if found else None
        if found and page:
            self._desk.note_opening(found)
        return page


class _Finder:
    """Look-ups one after the other in a thread, each for all who ask meanwhile. For one event loop."""

    def __init__(self, standings: RecipientLookup) -> None:
        self._standings = standings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pages")
        self._waiting: list[tuple[int, asyncio.Future[Row[Any] | None]]] = []
        self._looking: asyncio.Task[None] | None = None

    async def find(self, recipient_id: int) -> Row[Any] | None:
        answer: asyncio.Future[Row[Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((recipient_id, answer))
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await answer

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                found: Mapping[int, Row[Any]] = {}
                failed: Exception | None = None
                try:
                    found = await loop.run_in_executor(
                        self._thread, self._standings.find_all, [recipient_id for recipient_id, _ in asked]
                    )
                except Exception as error:
                    failed = error
                resolve_all(
                    ((answer, found.get(recipient_id)) for recipient_id, answer in asked), failed=failed
                )
        finally:
            self._looking = None


def _is_plain(scope: Scope) -> bool:
    """Whether somebody asks for a link's page and nothing else: officers, who carry a cookie, are the office's."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and len(scope["path"]) == 1 + LENGTH
        and not scope["query_string"]
        and not any(name == b"cookie" for name, _ in scope["headers"])
    )


def _caller(scope: Scope) -> str:
    """The address that the proxy in front names, as ProxyFix reads it for the other application."""
    named = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    last = b",".join(named).decode("latin-1").rpartition(",")[2].strip()
    return last or (scope.get("client") or ("",))[0]
