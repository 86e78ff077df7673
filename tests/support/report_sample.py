"""A day's figures, invented, with something of everything: known, unknown, late, large."""

from __future__ import annotations

import tomllib
from datetime import datetime

from sqlalchemy.orm import Session

from admin.demo.load_demo import REPORT_FORM
from campaigns.models.reports import ReportForm
from campaigns.planning.drives import open_drive_of
from campaigns.rules.reports.snapshot import (
    AgencyFigures,
    CampaignFigures,
    Headline,
    OfficialInstallFigure,
    OrganisationFigures,
    Outreach,
    PlaceFigures,
    SelfReported,
    SmartphoneOwners,
    Snapshot,
    Target,
)
from campaigns.rules.reports.template import parse_template
from outreach.accounts.users import find_user

FORM = parse_template(tomllib.loads(REPORT_FORM.read_text(encoding="utf-8")))
DAY = "2020-08-05"
SOURCE = "Sở Thông tin và Truyền thông"


def save_sample_form(session: Session, email: str, now: datetime) -> None:
    """Put Kon Tum's form of 2020 in force."""
    author = find_user(session, email)
    drive = open_drive_of(session, FORM.kind, now=now)
    session.add(ReportForm(drive_id=drive.id, data=FORM.as_data(), saved_by=author.id, saved_at=now))


def sample(day: str = DAY, *, communes: int = 60) -> Snapshot:
    city = PlaceFigures(
        "608",
        "Thành phố Kon Tum",
        SelfReported(1300, 40, 700, 634),
        OfficialInstallFigure(31250, day, SOURCE),
        SmartphoneOwners(62125, "2020-08-01", SOURCE),
    )
    unknown = PlaceFigures("610", "Huyện Đắk Glei", SelfReported())
    return Snapshot(
        day=day,
        as_of=f"{day}T13:30:00+07:00",
        residents=Target(0.5, "2020-08-20"),
        staff=Target(1.0, None),
        whole=PlaceFigures(
            "62", "Tỉnh Kon Tum", city.reported, None, SmartphoneOwners(540438, "2020-08-01", SOURCE)
        ),
        districts=(city, unknown),
        communes=tuple(
            PlaceFigures(f"{23281 + n}", f"Xã số {n + 1}", SelfReported(20, 1, 10, n % 19), district="608")
            for n in range(communes)
        ),
        bodies=(OrganisationFigures("Hội Liên hiệp Phụ nữ tỉnh", SelfReported(800, 20, 400, 300)),),
        agencies=(
            AgencyFigures(1, "Sở Y tế", 1204, 1180, 1102, day, is_missing=False),
            AgencyFigures(2, "Sở Giáo dục và Đào tạo", 310, None, 255, "2020-08-04", is_missing=True),
            AgencyFigures(3, "Sở Tài chính", None, None, None, None, is_missing=True),
        ),
        campaigns=(CampaignFigures("Đợt 1", "2020-08-02", 1300, 1290, None, city.reported),),
        outreach=(Outreach("radio", 12, 3, None), Outreach("visits", 90, 0, 412)),
        headline=Headline(
            0.5, "2020-08-20", is_entered=True, owners=SmartphoneOwners(540438, "2020-08-01", SOURCE)
        ),
        since="2020-06-06",
        before=601,
        days=(("2020-08-04", 601), (day, 634)),
    )
