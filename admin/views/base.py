"""Base classes of all views: access, use cases, refused forms; and registers.

A register is a table's rows as Flask-Admin lists them, with search, filters, order, pages and CSV. Flask-Admin reads only,
within the user's scope. Its own forms and its deletion are closed, for they answer a refused form with 200 and delete
without asking under our Content-Security-Policy: a register's forms call use cases. The query is ours, because
`flask_admin.contrib.sqla` cannot be imported without Flask-SQLAlchemy, commits by itself, and searches with wildcards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from enum import StrEnum
from inspect import signature
from io import BytesIO
from itertools import chain
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import urlsplit

from flask import Response, abort, current_app, flash, g, make_response, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_admin import BaseView, expose
from flask_admin.model import BaseModelView
from flask_admin.model.filters import BaseFilter
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from jinja2 import pass_context
from jinja2.runtime import Context
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session
from werkzeug.exceptions import HTTPException

from admin.forms import Form
from admin.permissions import CONFIRMED, may_open
from admin.wording.filters import LABELS, label_of, moment, number
from campaigns.planning.drives import current_drive_id, find_drive
from outreach.core.settings import Settings
from outreach.core.spreadsheets import MEDIA_TYPE, escape_formula, workbook_bytes
from outreach.models.accounts import OrganisationKind, Role, User
from outreach.rules.errors import LoaError, NotFound
from outreach.runtime import Runtime
from outreach.use_cases import take_lost_jobs

R = TypeVar("R")

# Views open to an administrator or approver who must set up a second factor first (a setting demands it).
_OPEN_BEFORE_SET_UP = frozenset({"account", "second_factor"})


def asks_password(url: str) -> bool:
    """Return whether a form to this address is refused until its user gives the password again; of any address, as a page may ask."""
    with suppress(HTTPException, ValueError):
        endpoint, _values = current_app.url_map.bind("").match(urlsplit(url).path, method="POST")
        return endpoint in CONFIRMED and not current_user.is_confirmed
    return False


class PageAccess:
    """What every view has: the runtime, its roles from `admin.permissions`, and calls of use cases.

    A subclass has name, endpoint and url as attributes. `name` is its text in the menu (a lazy translation); "" keeps it out of the menu, and `under` then names
    the endpoint whose menu entry is marked as current.
    """

    runtime: Runtime
    name: Any
    endpoint: Any
    url: Any
    under = ""

    @property
    def settings(self) -> Settings:
        return self.runtime.settings

    def is_accessible(self) -> bool:
        return bool(
            current_user.is_authenticated
            and may_open(current_user.role, request.endpoint)
            and (not current_user.must_set_up or self.endpoint in _OPEN_BEFORE_SET_UP)
            and (current_user.is_confirmed or request.endpoint not in CONFIRMED)
        )

    def is_visible(self) -> bool:
        return bool(
            current_user.is_authenticated
            and may_open(current_user.role, f"{self.endpoint}.index")
            and self.name
        )

    def inaccessible_callback(self, name: str, **kwargs: Any) -> ResponseReturnValue:
        if not current_user.is_authenticated:
            return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
        if not may_open(current_user.role, request.endpoint):
            abort(403)
        if current_user.must_set_up and self.endpoint not in _OPEN_BEFORE_SET_UP:
            return redirect(url_for("second_factor.index"), code=303)
        if not current_user.is_confirmed:
            # A form is sent again from its own page.
            back = (
                request.full_path.rstrip("?")
                if request.method == "GET"
                else urlsplit(request.referrer or "").path
            )
            return redirect(url_for("login.confirm", next=back), code=303)
        abort(403)

    @contextmanager
    def reading(self) -> Iterator[tuple[Session, User]]:
        """Open a read snapshot, with the signed-in user's row. NotFound becomes a 404 page."""
        try:
            with self.runtime.db.read() as session:
                g.kinds_of = self.runtime.db  # read when a page first needs one that was made in the office
                yield session, session.get_one(User, current_user.id)
        except NotFound:
            abort(404)

    def do(self, use_case: Callable[..., R], *args: Any, **values: Any) -> R:
        """Call a use case as the signed-in user, with the keys or settings that it takes. NotFound becomes a 404 page."""
        g.kinds_of = self.runtime.db  # some pages are drawn from what the use case returns
        for name in {"secret_key", "settings"} & signature(use_case).parameters.keys():
            values.setdefault(name, getattr(self, name))
        try:
            result = use_case(self.runtime, *args, user=current_user, now=datetime.now(UTC), **values)
        except NotFound:
            abort(404)
        if take_lost_jobs():
            warn(
                _(
                    "Đã lưu, nhưng hàng đợi (Redis) đang ngừng. Việc sẽ tự thực hiện khi hàng đợi hoạt động trở lại."
                )
            )
        return result

    def form_page(self) -> str:
        """Return the URL of the page with the request's form, where the form names no other: the object's, or the list."""
        return page_url(".show" if request.view_args else ".index")

    def submit_form(
        self,
        form: Form,
        use_case: Callable[..., R],
        *args: Any,
        page: str = "",
        message: str | Callable[[R], str] = "",
        then: str | Callable[[R], str] = "",
        show: Callable[[R], ResponseReturnValue] | None = None,
        **values: Any,
    ) -> ResponseReturnValue:
        """Call a use case with a form's values, redirect and tell what was done.

        `page` is the URL of the page with the form, by default `form_page`: the redirect leads there unless `then` names
        another, and a refused form is shown there again (422), with all that was typed. `message` and `then` may depend on
        the result; `show` answers with it in place of a redirect.
        """
        page = page or self.form_page()
        if not form.validate():
            return refused(form, page)
        try:
            result = self.do(use_case, *args, **form.values(), **values)
        except LoaError as error:
            form.refuse(error)
            return refused(form, page)
        if show is not None:
            return show(result)
        url = (then(result) if callable(then) else then) or page
        if told := str(message(result) if callable(message) else message):
            flash(told, "success")
        return redirect(url, code=303)


class AdminPage(PageAccess, BaseView):
    """A view whose pages are its own."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(name=self.name, endpoint=self.endpoint, url=self.url)
        self.runtime = runtime


class FormAction:
    """A route that calls one use case with a form's values, declared in a view under its endpoint's name.

    The address's values are the use case's first arguments, `values` are further ones. `page` is the endpoint of the page with
    the form, by default `form_page`; or it returns the URL for the form and the address's values. `then` is
    the endpoint that the redirect leads to instead, or returns the URL for the result. `is_keyed`: the page has such a
    form for each object, whose id ends the address.
    """

    message: Any = ""

    def __init__(
        self,
        url: str,
        use_case: Callable[..., Any],
        form: type[Form] = Form,
        *,
        page: str | Callable[..., str] = "",
        then: str | Callable[[Any], str] = "",
        is_keyed: bool = False,
        **values: Any,
    ) -> None:
        self._urls = [(url, ("POST",))]  # as `expose` notes them
        self.use_case, self.form, self.is_keyed, self.values = use_case, form, is_keyed, values
        self.page, self.then = page, then

    def tells(self, message: Any) -> Self:
        """Set what is told once it is done: a text, or what makes one of the result."""
        self.message = message
        return self

    def __set_name__(self, view: type, name: str) -> None:
        self.__name__, self.__module__ = name, view.__module__
        self.__qualname__ = f"{view.__qualname__}.{name}"

    def __call__(self, view: PageAccess, **address: Any) -> ResponseReturnValue:
        form = self.form(list(address.values())[-1]) if self.is_keyed else self.form()
        return view.submit_form(
            form,
            self.use_case,
            *address.values(),
            page=self.page(form, **address) if callable(self.page) else self.page and page_url(self.page),
            message=self.message,
            then=page_url(self.then) if self.then and isinstance(self.then, str) else self.then,
            **self.values,
        )


def page_url(endpoint: str) -> str:
    """Return the URL of a page, `.name` for one of this view, with the values that the request's address has for it.

    A view without a page for an object has its list instead.
    """
    name = f"{request.blueprint}{endpoint}" if endpoint.startswith(".") else endpoint
    if name not in current_app.view_functions:
        name = f"{request.blueprint}.index"
    taken = set[str]().union(*(rule.arguments for rule in current_app.url_map.iter_rules(name)))
    return url_for(name, **{key: value for key, value in (request.view_args or {}).items() if key in taken})


def warn(says: str) -> None:
    """Tell on the next page what did not go as hoped."""
    flash(says, "warning")


def send_workbook(sheet: str, rows: Iterable[Sequence[str | int]], *, name: str) -> Response:
    """Send an XLSX file of one sheet, whose first row is the header."""
    content = BytesIO(workbook_bytes(sheet, rows))
    return send_file(content, mimetype=MEDIA_TYPE, as_attachment=True, download_name=f"{name}.xlsx")


def requested_drive_id(session: Session) -> int:
    """Return the id of the drive that `?drive=` names, else of the chosen one; 0 before the first. Raises NotFound."""
    drive_id = request.values.get("drive", type=int)
    return current_drive_id(session) if drive_id is None else find_drive(session, drive_id).id


def requested_day(name: str) -> date | None:
    """Return the day that the address names; None without one, or where it is no day, or one that has no moment in UTC."""
    try:
        day = date.fromisoformat(request.values.get(name, ""))
    except ValueError:
        return None
    return day if day > date.min else None


def refused(form: Form, page: str) -> Response:
    """Render the page at this URL with the form as it was typed, its faults beside its fields and in a summary."""
    g.refused_form = form
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None
    endpoint, values = adapter.match(urlsplit(page).path, method="GET")
    response = make_response(current_app.view_functions[endpoint](**values))
    response.status_code = 422
    return response


_WORDS: dict[type, Any] = {
    Role: lambda _view, value, _name: label_of(value, "role"),
    OrganisationKind: lambda _view, value, _name: label_of(value, "kind"),
    datetime: lambda _view, value, _name: moment(value),
}


class ChoiceFilter(BaseFilter):
    """Filter by one of fixed values, each with its label and condition; an empty value is all of them."""

    def __init__(self, name: Any, choices: Mapping[str, tuple[Any, ColumnElement[bool]]]) -> None:
        super().__init__(name, options=[(value, label) for value, (label, _condition) in choices.items()])
        self.conditions = {value: condition for value, (_label, condition) in choices.items()}

    @classmethod
    def of_labels(
        cls, name: Any, column: InstrumentedAttribute[Any], values: type[StrEnum], family: str
    ) -> Self:
        return cls(name, {value.value: (LABELS[f"{family}.{value}"], column == value) for value in values})

    def operation(self) -> str:
        return "="

    def validate(self, value: str) -> bool:
        return not value or value in self.conditions


class TableRegister(PageAccess, BaseModelView):
    """A table's register. A subclass names table, address and columns, and adds its own forms.

    A cell is shown by the template's macro `cell_<column>`, if it has one.
    """

    table: Any
    title: Any
    columns: Sequence[tuple[str, Any]]
    export_columns: Sequence[tuple[str, Any]] = ()
    numbers: Sequence[str] = ()  # columns that stand to the right
    sortable: Sequence[tuple[str, ColumnElement[Any] | InstrumentedAttribute[Any]]] = ()
    order: Sequence[ColumnElement[Any] | InstrumentedAttribute[Any]]
    searched: Sequence[InstrumentedAttribute[str]] = ()
    search_label: Any = _l("Tìm")
    new_form: type[Form] | None = None  # the form on the list's page
    list_template = "layout/register.html"
    page_size = 50
    form = Form
    column_type_formatters: ClassVar = {
        **_WORDS,
        int: lambda _view, value, _name: number(value),
        str: lambda _view, value, _name: value or "–",
        type(None): lambda _view, _value, _name: "–",
    }
    column_type_formatters_export: ClassVar = {**_WORDS, type(None): lambda _view, _value, _name: ""}
    # Not routes: see above.
    create_view = edit_view = delete_view = details_view = action_view = None
    ajax_lookup = ajax_update = export = None

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        super().__init__(self.table, name=self.name, endpoint=self.endpoint, url=self.url)

    def select(self, session: Session, user: User) -> Select[Any]:
        """Return the query for the rows that a user may see."""
        return select(self.table)

    @expose("/")
    def index(self) -> str:
        return self.show_list()

    def show_list(self, **context: Any) -> str:
        """Return the list as a page; `context` is for its template."""
        if self.new_form:
            context.setdefault("form", self.new_form.on_page())
        self._template_args.update(context)
        return self.index_view()

    def get_list(
        self,
        page: int | None,
        sort_column: str | None,
        sort_desc: Any,
        search: str | None,
        filters: Sequence[tuple[int, str, str]] | None,
        execute: bool = True,
        page_size: int | None = None,
    ) -> tuple[int, list[Any]]:
        with self.reading() as (session, user):
            query = self.select(session, user)
            for word in (search or "")[:100].split() if self.searched else ():
                query = query.where(
                    or_(*(column.icontains(word, autoescape=True) for column in self.searched))
                )
            for index, _name, value in filters or ():
                query = query.where(self._filters[index].conditions[value])
            count = session.scalar(query.with_only_columns(func.count(), maintain_column_froms=True)) or 0
            order = list(self.order)
            if sort_column in self._sortable_columns:
                chosen = self._sortable_columns[sort_column]
                order.insert(0, chosen.desc() if sort_desc else chosen)
            query = (
                query.order_by(*order).limit(page_size or None).offset(max(page or 0, 0) * (page_size or 0))
            )
            return count, list(session.scalars(query))

    def _get_list_extra_args(self) -> Any:
        """Read what was asked for; other arguments of the address must not get into links, nor empty filters."""
        asked = super()._get_list_extra_args()
        asked.extra_args, asked.filters = {}, [each for each in asked.filters or () if each[2]]
        return asked

    @pass_context
    def get_list_value(self, context: Context, model: Any, name: str) -> Any:
        cell = context.resolve(f"cell_{name}")
        return cell(model) if cell else super().get_list_value(context, model, name)

    def get_export_value(self, model: Any, name: Any) -> str:
        return escape_formula(str(super().get_export_value(model, name)))

    def get_url(self, endpoint: str, **values: Any) -> str:
        return super().get_url(endpoint.replace(".index_view", ".index"), **values)

    # Written again without Flask-Admin's route: ours is `index`.
    def index_view(self) -> Any:
        return super().index_view()

    # What Flask-Admin would find out of a model.

    def get_list_columns(self) -> Sequence[tuple[str, Any]]:
        return self.columns

    def get_export_columns(self) -> Sequence[tuple[str, Any]]:
        return self.export_columns or self.columns

    def get_sortable_columns(self) -> dict[str, Any]:
        return dict(self.sortable)

    def init_search(self) -> bool:
        return bool(self.searched)


class ExportedRegister(TableRegister):
    """A table whose rows are also to be had as a file."""

    @expose("/export.csv")
    def export(self) -> Response:
        """Return the rows as they are searched and filtered as a file that a spreadsheet opens: UTF-8 with a mark."""
        response: Response = self._export_csv(None)
        response.response = chain((b"\xef\xbb\xbf",), response.iter_encoded())
        return response
