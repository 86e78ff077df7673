"""Organisations as a tree: the Front's committee and those below it."""

from __future__ import annotations

from typing import Any

from flask import current_app, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, Text, cast, func, select
from sqlalchemy.orm import Session, joinedload

from admin.forms import ChoiceField, Form, TextField, labelled
from admin.views.base import FormAction
from admin.views.register_base import ChoiceFilter, TableRegister
from outreach.accounts.organisations import add_organisation, change_organisation
from outreach.accounts.permissions import find_visible, visible_to
from outreach.contacts.lists import read_lists
from outreach.models.accounts import Organisation, OrganisationKind, User
from outreach.models.places import Area, AreaLevel
from outreach.places.areas import IS_CURRENT
from outreach.rules.errors import NotFound
from outreach.rules.sort_order import vietnamese_order


def tree_places() -> Any:
    """Return a query of the organisations' places in the tree: text that sorts each after its parent, by name."""
    ranked = select(
        Organisation.id,
        Organisation.parent_id,
        cast(1_000_000 + func.row_number().over(order_by=(Organisation.name, Organisation.id)), Text).label(
            "place"
        ),
    ).subquery()
    top = (
        select(ranked.c.id, ranked.c.place).where(ranked.c.parent_id.is_(None)).cte("places", recursive=True)
    )
    below = select(ranked.c.id, top.c.place + ranked.c.place).join(top, ranked.c.parent_id == top.c.id)
    return top.union_all(below)


def organisation_choices() -> list[tuple[int, str]]:
    """Return (id, name) of all organisations; for administrators, who see them all."""
    with current_app.extensions["runtime"].db.read() as session:
        rows = session.execute(select(Organisation.id, Organisation.name))
        return sorted(
            ((organisation_id, name) for organisation_id, name in rows),
            key=lambda row: vietnamese_order(row[1]),
        )


def area_choices() -> list[tuple[str, str]]:
    """Return (code, name) of the province, districts and communes, each after the area it lies in."""
    with current_app.extensions["runtime"].db.read() as session:
        areas = sorted(
            session.scalars(select(Area).where(IS_CURRENT)), key=lambda area: vietnamese_order(area.name)
        )
    below: dict[str | None, list[Area]] = {}
    for area in areas:
        below.setdefault(area.parent_code, []).append(area)
    choices: list[tuple[str, str]] = []

    def add(parent: str | None, depth: int) -> None:
        for area in below.get(parent, []):
            choices.append((area.code, "\u2003" * depth + f"{area.kind} {area.name}"))
            if area.level is not AreaLevel.COMMUNE:
                add(area.code, depth + 1)

    add(None, 0)
    return choices


class OrganisationForm(Form):
    name = TextField(_l("Tên tổ chức"), maxlength=200, required=True)
    code = TextField(
        _l("Mã"),
        maxlength=40,
        required=True,
        hint=_l("Viết ngắn, không dấu, mỗi tổ chức một mã, ví dụ PN-DAKHA."),
    )
    kind = ChoiceField(
        _l("Loại"),
        labelled(OrganisationKind, "kind"),
        coerce=OrganisationKind,
        default=OrganisationKind.MASS,
    )
    parent_id = ChoiceField(
        _l("Trực thuộc"),
        organisation_choices,
        name="parent",
        coerce=int,
        empty=_l("Không trực thuộc tổ chức nào"),
    )
    area_code = ChoiceField(_l("Địa bàn"), area_choices, name="area", coerce=str.strip, empty=_l("Chưa rõ"))


class OrganisationsView(TableRegister):
    table, endpoint, url = Organisation, "organisations", "/admin/organisations"
    name = title = _l("Tổ chức")
    list_template = "settings/organisations.html"
    columns = export_columns = (
        ("name", _l("Tên tổ chức")),
        ("code", _l("Mã")),
        ("kind", _l("Loại")),
        ("parent.name", _l("Trực thuộc")),
        ("area.name", _l("Địa bàn")),
    )
    sortable = (("name", Organisation.name), ("code", Organisation.code))
    searched = (Organisation.name, Organisation.code)
    search_label = _l("Tên hoặc mã")
    column_filters = (ChoiceFilter.of_labels(_l("Loại"), Organisation.kind, OrganisationKind, "kind"),)
    _places = tree_places()
    order = (_places.c.place,)

    def select(self, session: Session, user: User) -> Select[Any]:
        return (
            super()
            .select(session, user)
            .join(self._places, self._places.c.id == Organisation.id)
            .where(visible_to(session, user, Organisation.id))
            .options(joinedload(Organisation.parent), joinedload(Organisation.area))
        )

    @expose("/export.csv")
    def export(self) -> ResponseReturnValue:
        return self.csv()

    create = FormAction(
        "/",
        add_organisation,
        OrganisationForm,
        then=lambda created: url_for(".show", organisation_id=created.id),
    ).tells(lambda created: _("Đã tạo tổ chức “%(name)s”.", name=created.name))

    @expose("/<int:organisation_id>/")
    def show(self, organisation_id: int) -> ResponseReturnValue:
        with self.reading() as (session, user):
            error = NotFound("organisation_not_found")
            organisation = find_visible(session, Organisation, organisation_id, user, error)
            users = session.scalars(
                select(User).where(User.organisation_id == organisation_id).order_by(User.email)
            ).all()
            lists = [line for line in read_lists(session, user) if line.organisation_id == organisation_id]
            kept = {
                name: getattr(organisation, name)
                for name in ("code", "name", "kind", "area_code", "parent_id")
            }
            form = OrganisationForm.on_page(**kept)
        return self.render(
            "settings/organisation.html", found=organisation, users=users, lists=lists, form=form
        )

    change = FormAction("/<int:organisation_id>/change", change_organisation, OrganisationForm).tells(
        _l("Đã lưu thông tin tổ chức.")
    )

    def show_list(self, **context: Any) -> str:
        with self.reading() as (_session, user):
            # A committee without a parent sees everything, so a new organisation is not one by default.
            form = OrganisationForm.on_page(parent_id=user.organisation_id)
        return super().show_list(form=form, **context)
