"""Saved segments in the campaign form: taken, kept, removed, each without losing what else was typed."""

from __future__ import annotations

from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from admin.views.campaign_fields import Filled
from campaigns.planning.segments import PARTS, find_segment, remove_segment, save_segment
from outreach.access.models import User
from outreach.errors import BadInput, NotFound

WISHES = ("use_segment", "save_segment", "remove_segment")


def act_on_segment(session: Session, user: User, filled: Filled, wish: str, *, now: datetime) -> str:
    """Do what was pressed, in the caller's transaction; the sentence that says so. Raises BadInput."""
    form = filled.form
    if wish == "save_segment":
        kept = save_segment(session, form.get("segment_name", ""), filled.data, user=user, now=now)
        form["segment"], form["segment_name"] = str(kept.id), ""
        return _("Đã lưu nhóm “%(name)s”. Chiến dịch sau chỉ cần chọn lại nhóm này.", name=kept.name)
    try:
        segment = find_segment(session, form.get("segment", 0, type=int), user=user)
    except NotFound:
        raise BadInput(_("Hãy chọn một nhóm đã lưu trước.")) from None
    if wish == "remove_segment":
        remove_segment(session, segment.id, user=user, now=now)
        return _("Đã xóa nhóm “%(name)s”. Các chiến dịch đã soạn không thay đổi.", name=segment.name)
    for part in PARTS:
        value = segment.data.get(part, [])
        form.setlist(part, value if isinstance(value, list) else [value])
    return _("Đã chọn người nhận theo nhóm “%(name)s”.", name=segment.name)
