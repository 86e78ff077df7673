"""Segments in the campaign form: an audience saved under a name is used, saved or removed without losing what else was typed."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_login import current_user

from admin.views.base import AdminPage
from admin.views.campaign_fields import CampaignFormData
from campaigns.planning.segments import PARTS, find_segment, remove_segment, save_segment
from outreach.models.accounts import User
from outreach.rules.errors import BadInput, NotFound

WISHES = ("use_segment", "save_segment", "remove_segment")


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
