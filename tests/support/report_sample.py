"""A day's figures, invented, with something of everything: known, unknown, late, large."""

import tomllib
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.orm import Session

from admin.demo.load_demo import REPORT_FORM
from campaigns.models.reports import ReportForm
from campaigns.planning.drives import open_drive_of
from campaigns.rules.reports import snapshot
from campaigns.rules.reports.template import parse_template
from outreach.accounts.users import find_user

FORM = parse_template(tomllib.loads(REPORT_FORM.read_text(encoding="utf-8")))
DAY = "2020-08-05"
SOURCE = "Sở Thông tin và Truyền thông"


def save_sample_form(session: Session, email: str, now: datetime) -> None:
    """Put Kon Tum's form of 2020 in force."""
    author = find_user(session, email)
    drive = open_drive_of(session, FORM.kind, now=now)
    session.add(ReportForm(drive_id=drive.id, data=asdict(FORM), saved_by=author.id, saved_at=now))


def sample(day: str = DAY, *, communes: int = 60) -> snapshot.Snapshot:
    city = snapshot.PlaceFigures(
        "608",
        "Thành phố Kon Tum",
        snapshot.SelfReported(1300, 40, 700, 634),
        snapshot.OfficialInstallFigure(31250, day, SOURCE),
        snapshot.SmartphoneOwners(62125, "2020-08-01", SOURCE),
    )
    unknown = snapshot.PlaceFigures("610", "Huyện Đắk Glei", snapshot.SelfReported())
    return snapshot.Snapshot(
        day=day,
        as_of=f"{day}T13:30:00+07:00",
        residents=snapshot.Target(0.5, "2020-08-20"),
        staff=snapshot.Target(1.0, None),
        whole=snapshot.PlaceFigures(
            "62", "Tỉnh Kon Tum", city.reported, None, snapshot.SmartphoneOwners(540438, "2020-08-01", SOURCE)
        ),
        districts=(city, unknown),
        communes=tuple(
            snapshot.PlaceFigures(
                f"{23281 + n}", f"Xã số {n + 1}", snapshot.SelfReported(20, 1, 10, n % 19), district="608"
            )
            for n in range(communes)
        ),
        bodies=(
            snapshot.OrganisationFigures(
                "Hội Liên hiệp Phụ nữ tỉnh", snapshot.SelfReported(800, 20, 400, 300)
            ),
        ),
        agencies=(
            snapshot.AgencyFigures(1, "Sở Y tế", 1204, 1180, 1102, day, is_missing=False),
            snapshot.AgencyFigures(
                2, "Sở Giáo dục và Đào tạo", 310, None, 255, "2020-08-04", is_missing=True
            ),
            snapshot.AgencyFigures(3, "Sở Tài chính", None, None, None, None, is_missing=True),
        ),
        campaigns=(snapshot.CampaignFigures("Đợt 1", "2020-08-02", 1300, 1290, None, city.reported),),
        outreach=(snapshot.Outreach("radio", 12, 3, None), snapshot.Outreach("visits", 90, 0, 412)),
        headline=snapshot.Headline(
            0.5, "2020-08-20", is_entered=True, owners=snapshot.SmartphoneOwners(540438, "2020-08-01", SOURCE)
        ),
        since="2020-06-06",
        before=601,
        days=(("2020-08-04", 601), (day, 634)),
    )
