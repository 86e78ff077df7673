"""The audience of the campaign form: its sentence, its query, and audiences saved under a name.

Such a segment is used, saved or removed without losing what else was typed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.views.base import AdminPage
from admin.views.campaign_fields import CampaignFormData
from admin.wording.campaigns import show_whom
from admin.wording.errors import show_error
from campaigns.planning.audience import build_audience_query, lists_of_organisations
from campaigns.planning.drafts import find_areas, find_list, find_organisations
from campaigns.planning.drives import untold_campaigns
from campaigns.planning.segments import PARTS, find_segment, remove_segment, save_segment
from campaigns.rules.audience import AudienceQuery
from outreach.imports.issues import count_waiting
from outreach.models.accounts import Organisation, User
from outreach.models.places import Area
from outreach.rules.errors import BadInput, NotFound

WISHES = ("use_segment", "save_segment", "remove_segment")


def read_whom(session: Session, description: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the names of what a description's audience is made of, for its sentence."""
    chosen = Area.code.in_(description.get("areas", ()))
    areas = session.execute(select(Area.code, Area.kind + " " + Area.name).where(chosen)).all()
    organisations = session.execute(select(Organisation.code, Organisation.name)).all()
    return show_whom(description, areas=dict(areas), organisations=dict(organisations))


def count_undecided(session: Session, user: User, lists: Collection[int]) -> dict[int, tuple[str, int]]:
    """Return the lists with rows that nobody has decided on, whose people get nothing yet: name and number of rows."""
    found: dict[int, tuple[str, int]] = {}
    for each in count_waiting(session, user, lists=lists) if lists else ():
        if each.review:
            found[each.list_id] = each.list_name, each.review + found.get(each.list_id, ("", 0))[1]
    return found


def read_query(session: Session, user: User, filled: CampaignFormData) -> AudienceQuery:
    """Return the audience of a form's valid parts; adds errors about lists and areas to the form."""
    draft, found = filled.draft, {}
    named = {"lists": filled.lists, "also_in": draft.also_in, "except": draft.excepted}
    for part, names in named.items():
        found[part] = set[int]()
        try:
            found[part] = {find_list(session, user, name).id for name in names}
        except BadInput as error:
            filled.errors.setdefault(part, show_error(error))
    try:
        owners = find_organisations(session, user, draft.conditions.organisations)
        found["lists"] |= lists_of_organisations(session, [owner.code for owner in owners])
    except BadInput as error:
        filled.errors.setdefault("lists", show_error(error))
    areas: Sequence[str] = draft.areas
    try:
        areas = find_areas(session, user, areas)
    except BadInput as error:
        filled.errors.setdefault("areas", show_error(error))
    query = build_audience_query(session, draft.kind, found["lists"], areas, draft.conditions)
    return replace(
        query,
        also_in=frozenset(found["also_in"]),
        excepted=frozenset(found["except"]),
        untold=untold_campaigns(session, query, user.organisation_id),
    )


def act_on_segment(view: AdminPage, filled: CampaignFormData, wish: str) -> str:
    """Use, save or remove a segment. Returns the success message. Raises BadInput."""
    form = filled.form
    if wish == "save_segment":
        saved = view.do(save_segment, form.get("segment_name", ""), filled.data)
        form["segment"], form["segment_name"] = str(saved.id), ""
        return _("Đã lưu nhóm “%(name)s”. Chiến dịch sau chỉ cần chọn lại nhóm này.", name=saved.name)
    try:
        with view.runtime.db.read() as session:
            user = session.get_one(User, current_user.id)
            segment = find_segment(session, form.get("segment", 0, type=int), user=user)
    except NotFound:
        raise BadInput("saved_audience_not_chosen") from None
    if wish == "remove_segment":
        view.do(remove_segment, segment.id)
        return _("Đã xóa nhóm “%(name)s”. Các chiến dịch đã soạn không thay đổi.", name=segment.name)
    for part in PARTS:
        value = segment.data.get(part, [])
        form.setlist(part, value if isinstance(value, list) else [value])
    return _("Đã chọn người nhận theo nhóm “%(name)s”.", name=segment.name)
