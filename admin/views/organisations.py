"""Organisations as a tree: the Front's committee and those below it."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.views.base import AdminPage
from outreach.accounts.organisations import add_organisation, change_organisation
from outreach.accounts.permissions import visible_to
from outreach.contacts.lists import read_lists
from outreach.models.accounts import Organisation, OrganisationKind, User
from outreach.models.places import Area, AreaLevel
from outreach.rules.errors import LoaError
from outreach.runtime import Runtime


class OrganisationsView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Tổ chức"), endpoint="organisations", url="/admin/organisations")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._list()

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        form_values = _read_form()
        try:
            created = self.do(add_organisation, **_with_kind(form_values))
        except LoaError as error:
            return self._list(error=str(error), form_values=form_values), 400
        flash(_("Đã tạo tổ chức “%(name)s”.", name=created.name), "success")
        return redirect(url_for(".show", organisation_id=created.id), code=303)

    @expose("/<int:organisation_id>/")
    def show(self, organisation_id: int) -> ResponseReturnValue:
        return self._show(organisation_id)

    @expose("/<int:organisation_id>/change", methods=["POST"])
    def change(self, organisation_id: int) -> ResponseReturnValue:
        form_values = _read_form()
        try:
            self.do(change_organisation, organisation_id, **_with_kind(form_values))
        except LoaError as error:
            return self._show(organisation_id, error=str(error), form_values=form_values), 400
        flash(_("Đã lưu thông tin tổ chức."), "success")
        return redirect(url_for(".show", organisation_id=organisation_id), code=303)

    def _list(self, *, error: str = "", form_values: dict[str, Any] | None = None) -> str:
        with self.reading() as (session, user):
            # A committee without a parent sees everything, so a new organisation is not one by default.
            form_values = form_values or {
                "kind": OrganisationKind.MASS.value,
                "parent_id": user.organisation_id,
            }
            rows = session.execute(
                select(Organisation, Area.name)
                .outerjoin(Area, Area.code == Organisation.area_code)
                .where(visible_to(session, user, Organisation.id))
                .order_by(Organisation.name)
            ).all()
            tree = _tree([(row, area or "") for row, area in rows])
            choices = {"organisations": choices_of_organisations(session), "areas": choices_of_areas(session)}
        return self.render(
            "settings/organisations.html",
            tree=tree,
            kinds=list(OrganisationKind),
            error=error,
            typed=form_values,
            **choices,
        )

    def _show(
        self, organisation_id: int, *, error: str = "", form_values: dict[str, Any] | None = None
    ) -> str:
        with self.reading() as (session, user):
            organisation = session.scalar(
                select(Organisation).where(
                    Organisation.id == organisation_id, visible_to(session, user, Organisation.id)
                )
            )
            if organisation is None:
                abort(404)
            users = session.scalars(
                select(User).where(User.organisation_id == organisation_id).order_by(User.email)
            ).all()
            lists = [line for line in read_lists(session, user) if line.organisation_id == organisation_id]
            choices = {"organisations": choices_of_organisations(session), "areas": choices_of_areas(session)}
        form_values = form_values or {
            "code": organisation.code,
            "name": organisation.name,
            "kind": organisation.kind.value,
            "area_code": organisation.area_code,
            "parent_id": organisation.parent_id,
        }
        return self.render(
            "settings/organisation.html",
            found=organisation,
            users=users,
            lists=lists,
            kinds=list(OrganisationKind),
            error=error,
            typed=form_values,
            **choices,
        )


def choices_of_organisations(session: Session) -> list[tuple[int, str]]:
    """Return (id, name) of all organisations; for administrators, who see them all."""
    rows = session.execute(select(Organisation.id, Organisation.name).order_by(Organisation.name))
    return [(organisation_id, name) for organisation_id, name in rows]


def choices_of_areas(session: Session) -> list[tuple[str, str]]:
    """Return (code, name) of the province, districts and communes, each after the area it lies in."""
    areas = session.scalars(select(Area).order_by(Area.name)).all()
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


def _tree(rows: list[tuple[Organisation, str]]) -> list[dict[str, Any]]:
    """Return the organisations as a tree; one whose parent is not in `rows` is at the top."""
    ids = {row.id for row, _ in rows}
    nodes: dict[int, dict[str, Any]] = {
        row.id: {
            "id": row.id,
            "name": row.name,
            "code": row.code,
            "kind": row.kind,
            "area": area,
            "below": [],
        }
        for row, area in rows
    }
    top: list[dict[str, Any]] = []
    for row, _area in rows:
        siblings = nodes[row.parent_id]["below"] if row.parent_id in ids and row.parent_id else top
        siblings.append(nodes[row.id])
    return top


def _read_form() -> dict[str, Any]:
    form = request.form
    return {
        "code": form.get("code", ""),
        "name": form.get("name", ""),
        "kind": form.get("kind", ""),
        "area_code": form.get("area", "") or None,
        "parent_id": form.get("parent", type=int),
    }


def _with_kind(form_values: dict[str, Any]) -> dict[str, Any]:
    if form_values["kind"] not in list(OrganisationKind):
        abort(400)
    return {**form_values, "kind": OrganisationKind(form_values["kind"])}
