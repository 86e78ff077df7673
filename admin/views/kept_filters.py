"""Filters kept under a name: one mechanism for all pages whose filters are in their address."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from flask import request, url_for
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from admin.forms import ChoiceField, Form, TextField
from admin.permissions import may_open
from outreach.accounts.kept_filters import LONGEST_NAME, read_filters
from outreach.runtime import Runtime

PAGES = ("contacts.index", "inbox.index", "campaigns.index", "do_not_call.index")
# The page reached, and the key of a search text, which is a name or number and stays in the cookie.
_NOT_KEPT = {"s", "q", "search", "after", "page", "perhaps"}


class KeepForm(Form):
    main = "keep"
    page = ChoiceField(choices=[(page, page) for page in PAGES], type="hidden")
    query = TextField(type="hidden", filters=[lambda text: kept_query(text)])
    name = TextField(
        _l("Lưu bộ lọc này với tên"),
        name="filters_name",
        maxlength=LONGEST_NAME,
        required=True,
        autocomplete="off",
        codes=("filters_name_missing", "filters_none_chosen", "filters_too_many"),
    )


def page_of(form: KeepForm) -> str:
    """Return the address of the form's page, with its filters."""
    return f"{url_for(form.page.data or PAGES[0])}?{form.query.data or ''}"


def kept_query(query: str) -> str:
    """Return of a page's query what is kept: its filters that are set."""
    return urlencode([(name, value) for name, value in parse_qsl(query) if name not in _NOT_KEPT])


def filters_here(runtime: Runtime) -> dict[str, object]:
    """Return the current page's kept filters, each with its address, and the form to keep those that are set."""
    page, query = request.endpoint or "", kept_query(request.query_string.decode("utf-8", "replace"))
    if page not in PAGES or not may_open(current_user.role, page):
        return {}
    with runtime.db.read() as session:
        kept = [
            (each.id, each.name, f"{url_for(page)}?{each.query}", each.query == query)
            for each in read_filters(session, current_user.id, page)
        ]
    return {"page": page, "kept": kept, "form": KeepForm.on_page(page=page, query=query) if query else None}
