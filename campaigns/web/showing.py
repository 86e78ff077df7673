"""The answer page as bytes. Of all that a resident can see there are a handful of pages for each campaign and
language: each is written once and kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock

from jinja2 import Environment, FileSystemLoader

from campaigns.planning.content import Content
from campaigns.replies.classifier import Label

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
class Sight:
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
class Preview:
    """What stands above a page that the office tries out: its buttons ask for the next page and record nothing."""

    note: str
    language: str  # of the note
    way_back: str  # an address
    back: str  # what its link says


class Pages:
    """Writes pages and keeps them. `load` brings a campaign's content in a language, and an organisation's name.

    `takes_replies`: whether a reply by SMS comes back to us; only then a page asks for one.
    """

    def __init__(self, load: Callable[[Sight], tuple[Content, str]], *, takes_replies: bool) -> None:
        self._load = load
        self._takes_replies = takes_replies
        self._lock = Lock()
        self._kept: OrderedDict[Sight, bytes] = OrderedDict()

    def kept(self, sight: Sight) -> bytes | None:
        """The page, where it was written before."""
        return self._kept.get(sight)

    def show(self, sight: Sight) -> bytes:
        page = self.kept(sight)
        if page is None:
            page = self._write(sight)
            with self._lock:
                self._kept[sight] = page
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        return page

    def _write(self, sight: Sight) -> bytes:
        content, organisation = self._load(sight)
        return write_page(sight, content, organisation, takes_replies=self._takes_replies)


def write_page(
    sight: Sight, content: Content, organisation: str, *, takes_replies: bool, preview: Preview | None = None
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
