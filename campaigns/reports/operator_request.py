"""The operators asked to warn every phone of an area, as only they can: the letter, made from the campaign, and what became of it.

Head, signature and copies of the letter are those of the drive's report (`campaigns/rules/reports/template.py`). When they were
asked, their answer and how many phones they wrote to is an activity (`campaigns/activities`), corrected as it is known.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.activities.activity_log import ActivityFilter, ActivityRow, read_page
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.reports.settings import current_template
from campaigns.rules.activities import ActivityKind
from campaigns.rules.reports.compose import write_letter
from campaigns.rules.reports.document import Paragraph, ReportDocument
from campaigns.rules.sending_hours import VIETNAM
from outreach.core.settings import Settings
from outreach.models.accounts import User
from outreach.places.areas import read_place_names
from outreach.rules.sms_template import Template

_BLOCKS = (
    "Tình hình: {reason}",
    "{issuer} trân trọng đề nghị quý doanh nghiệp gửi ngay tin nhắn sau đây tới mọi thuê bao di động đang có mặt tại {places}:",
    "“{text}”",
    "Xin trả lời bằng văn bản hoặc thư điện tử: đã gửi lúc nào, tới bao nhiêu thuê bao, hoặc lý do chưa gửi được.",
)


_LOOKED_BACK = timedelta(days=60)


def read_request(session: Session, event: Campaign, *, settings: Settings, now: datetime) -> ReportDocument:
    """Return the letter of an event: its first text without what is each person's own, its link that of the page for everybody."""
    codes = session.scalars(
        select(Recipient.area_code)
        .where(Recipient.campaign_id == event.id, Recipient.area_code.is_not(None))
        .distinct()
    )
    values = {**event.fields, "name": "", "link": f"{settings.link_base}/an-toan"}
    template = current_template(session, event.drive_id)
    said = {
        "reason": event.urgent_reason,
        "text": Template.parse(event.steps[0].text).render(values),
        "places": ", ".join(sorted(read_place_names(session, codes).values())),
        "issuer": template.issuer_in_text,
    }
    return write_letter(
        template,
        day=now.astimezone(VIETNAM).date().isoformat(),
        kind="CÔNG VĂN",
        # A drill's name says that it is one.
        subject=("Về việc đề nghị nhắn tin cảnh báo tới thuê bao di động", event.name),
        addressees=("Các doanh nghiệp viễn thông di động có thuê bao trên địa bàn",),
        blocks=tuple(Paragraph(block.format(**said)) for block in _BLOCKS),
        copies=("Như trên",),
    )


def read_asked(session: Session, event_id: int, user: User, *, now: datetime) -> Sequence[ActivityRow]:
    """Return what is on record of the operators' messages in an event, the latest first."""
    today = now.astimezone(VIETNAM).date()
    asked = ActivityFilter(today - _LOOKED_BACK, today, kind=ActivityKind.OPERATORS, campaign_id=event_id)
    return read_page(session, asked, user=user, after=None)[0]
