"""Figures about health as they are shown to who may not see the people: of few people none is told, nor had by subtraction."""

from collections import Counter

from sqlalchemy import select

from campaigns.analytics.progress import read_progress
from campaigns.analytics.reach import read_parts_for
from campaigns.models.campaigns import Campaign, Drive
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.sending_hours import VIETNAM
from outreach.models.accounts import Role
from outreach.models.contacts import Contact
from tests.integration.admin.test_drives import UNTIL_MIDNIGHT
from tests.support.tables import cases
from tests.support.world import LIST

AUDITOR = "kiemtra@loa.example"


@cases(
    (["a1"] * 9 + ["a2"] * 9 + ["b1"] * 10 + [None] * 2, {"621": 9, "622": 10}),
    # Of two people only the district is known: it has its row, by the commune that is counted in it.
    (["a1"] * 9 + ["a2"] * 9 + ["b1"] * 10 + ["621"] * 2, {"621": 9, "622": 10}),
)
def test_who_is_in_no_row_is_not_few_in_page_report_and_files(world, where, shown):
    world.add_areas({"621": "Đắk Hà", "622": "Đắk Tô"}, {"a1": "621", "a2": "621", "b1": "622"})
    world.officer(AUDITOR, Role.AUDITOR)
    world.add_people(len(where))
    for person, area in zip(world.all(select(Contact.id).order_by(Contact.id)), where, strict=True):
        world.change(Contact, person, area_code=area)
    text = "Mời tiêm. Trả lời 1 hoặc 2. {link}"
    campaign = world.get_one(Campaign, world.launch(kind="tiem-chung", lists=[LIST], text=text))
    drive = world.get_one(Drive, campaign.drive_id)
    page = world.read(read_progress, drive, by=AUDITOR, runtime=world.runtime)
    now = world.in_hours(1)
    day = now.astimezone(VIETNAM).date()
    report = world.read(take_snapshot, UNTIL_MIDNIGHT, drive=drive.id, day=day, known_until=now)
    files = Counter()
    for (_step, _owner, area), totals in world.read(read_parts_for, campaign, by=AUDITOR).items():
        files[area] += totals.recipients
    rows = {line.code: line.counts.recipients for line in page.districts.lines if line.code}
    assert rows == {place.code: place.reported.recipients for place in report.districts} == shown
    assert report.unknown_place.reported.recipients == files[None] == len(where) - sum(shown.values())
