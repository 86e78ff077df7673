"""Search everywhere: people by name or last digits, campaigns, places and pages, each within the user's rights."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.forms import Form, TextField
from admin.permissions import may_open
from admin.views.base import AdminPage
from admin.wording.filters import label_of
from campaigns.models.campaigns import Campaign
from outreach.accounts.permissions import areas_of, visible_to
from outreach.contacts.directory import ContactFilter, read_page, record_search
from outreach.models.accounts import User
from outreach.models.places import Area
from outreach.places.areas import IS_CURRENT
from outreach.rules.errors import NotAllowed
from outreach.rules.phone_numbers import unaccented

MOST_OF_A_KIND = 6
_FEWEST_LETTERS = 2
_FEWEST_DIGITS = 3


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A result: its text, what tells it from others, and where it leads."""

    text: str
    more: str
    url: str


@dataclass(frozen=True, slots=True)
class ResultGroup:
    """Results of one kind, with the page that has all of them."""

    title: str
    results: list[SearchResult] = field(default_factory=list)


class SearchForm(Form):
    text = TextField(
        _l("Tìm người, chiến dịch, địa bàn, trang"),
        name="q",
        filters=[str.strip],
        maxlength=100,
        autocomplete="off",
    )


class SearchView(AdminPage):
    name, endpoint, url = "", "search", "/admin/search"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self.render("home/search.html", form=SearchForm.on_page(), kinds=[], searched=False)

    @expose("/", methods=["POST"])
    def find(self) -> ResponseReturnValue:
        """Show what is found; names and numbers are no part of an address, which logs keep. `?part` is for the script."""
        form = SearchForm()
        text = form.text.data if form.validate() else ""
        kinds: list[ResultGroup] = []
        digits = sum(map(str.isdecimal, text))
        if digits >= _FEWEST_DIGITS or len(text) - digits >= _FEWEST_LETTERS:
            may_open_people = self._may_search_people(text)
            with self.reading() as (session, user):
                kinds = [
                    ResultGroup(_("Người dân"), _people(session, user, text) if may_open_people else []),
                    ResultGroup(_("Chiến dịch"), self._campaigns(session, user, text)),
                    ResultGroup(_("Địa bàn"), _places(session, user, text) if may_open_people else []),
                    ResultGroup(_("Trang"), self._pages(text)),
                ]
        template = "home/search_results.html" if "part" in request.args else "home/search.html"
        found = [kind for kind in kinds if kind.results]
        return self.render(template, form=form, kinds=found, searched=bool(text))

    def _may_search_people(self, text: str) -> bool:
        """Whether people are searched for; a whole number only for who may see numbers, which is recorded."""
        if not may_open(current_user.role, "contacts.index"):
            return False
        try:
            self.do(record_search, text)
        except NotAllowed:
            return False
        return True

    def _campaigns(self, session: Session, user: User, text: str) -> list[SearchResult]:
        if not may_open(user.role, "campaigns.sheet"):
            return []
        rows = session.execute(
            select(Campaign.id, Campaign.name, Campaign.state)
            .where(visible_to(session, user, Campaign.organisation_id))
            .order_by(Campaign.id.desc())
        )
        return _first(
            SearchResult(name, label_of(state, "state"), url_for("campaigns.sheet", campaign_id=campaign_id))
            for campaign_id, name, state in rows
            if matches(text, name)
        )

    def _pages(self, text: str) -> list[SearchResult]:
        pages = [
            (str(item.name), item.get_url())
            for item in self.admin.menu()
            if item.is_visible() and item.get_url()
        ]
        pages += [
            (str(name), url_for(endpoint))
            for endpoint, name in _MORE_PAGES.items()
            if may_open(current_user.role, endpoint)
        ]
        return _first(SearchResult(name, "", url) for name, url in pages if matches(text, name))


# Pages that are not in the menu.
_MORE_PAGES = {
    "campaigns.create": _l("Soạn chiến dịch"),
    "imports.index": _l("Nhập tệp danh sách"),
    "lists.waiting": _l("Dòng chờ quyết định"),
    "lists.places": _l("Địa danh chờ xác định"),
    "account.index": _l("Tài khoản, mật khẩu"),
    "guides.index": _l("Hướng dẫn"),
}


def matches(text: str, name: str) -> bool:
    """Check whether each word of the text begins a word of the name; accents do not count."""
    words = unaccented(name).replace("-", " ").split()
    return all(any(word.startswith(part) for word in words) for part in unaccented(text).split())


def _first(results: Iterable[SearchResult]) -> list[SearchResult]:
    return [found for found, _n in zip(results, range(MOST_OF_A_KIND), strict=False)]


def _people(session: Session, user: User, text: str) -> list[SearchResult]:
    lines = read_page(session, user, ContactFilter(text=text)).lines[:MOST_OF_A_KIND]
    return [
        SearchResult(
            line.name or _("(chưa có tên)"),
            ", ".join(filter(None, (line.village, line.place, *(number for number, _off in line.phones)))),
            url_for("contacts.show", contact_id=line.id),
        )
        for line in lines
    ]


def _places(session: Session, user: User, text: str) -> list[SearchResult]:
    areas = areas_of(session, user)
    query: Any = select(Area.code, Area.kind, Area.name).where(IS_CURRENT).order_by(Area.name)
    if areas is not None:
        query = query.where(Area.code.in_(areas))
    return _first(
        SearchResult(f"{kind} {name}", _("Người dân ở đây"), url_for("contacts.index", area=code))
        for code, kind, name in session.execute(query)
        if matches(text, f"{kind} {name}")
    )
