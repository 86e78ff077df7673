"""Base class of the registers: a table's rows as Flask-Admin lists them, with search, filters, order, pages and CSV.

Flask-Admin reads only, within the user's scope. Its own forms and its deletion are closed, for they answer a refused form with
200 and delete without asking under our Content-Security-Policy: a register's forms call use cases. The query is ours, because
`flask_admin.contrib.sqla` cannot be imported without Flask-SQLAlchemy, commits by itself, and searches with wildcards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any, ClassVar, Self

from flask import Response
from flask_admin import expose
from flask_admin.model import BaseModelView
from flask_admin.model.filters import BaseFilter
from flask_babel import lazy_gettext as _l
from jinja2 import pass_context
from jinja2.runtime import Context
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from admin.forms import Form
from admin.views.base import PageAccess
from admin.wording.filters import LABELS, label_of, moment, number
from outreach.core.spreadsheets import escape_formula
from outreach.models.accounts import OrganisationKind, Role, User
from outreach.runtime import Runtime

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

    def csv(self) -> Response:
        """Return the rows as they are searched and filtered as a file that a spreadsheet opens: UTF-8 with a mark."""
        response: Response = self._export_csv(None)
        response.response = chain((b"\xef\xbb\xbf",), response.iter_encoded())
        return response

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
            for word in (search or "")[:100].split():
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
