"""Figures about health as they are shown to who may not see the people: of few people none is told, nor had by subtraction."""

from collections import Counter

from sqlalchemy import delete, select

from campaigns.analytics.progress import read_progress
from campaigns.analytics.reach import read_parts_for
from campaigns.models.campaigns import Campaign, Drive
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from outreach.models.accounts import Role
from outreach.models.contacts import Contact, Membership
from tests.integration.admin.test_drives import UNTIL_MIDNIGHT
from tests.support.admin_client import signed_in
from tests.support.tables import cases
from tests.support.world import AUTHOR, LIST, number

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


def test_a_campaign_of_few_people_beside_others_is_not_told_by_itself_nor_had_by_subtraction(world, client):
    world.officer(AUDITOR, Role.AUDITOR)
    text = "Mời tiêm. Trả lời 1 hoặc 2. {link}"
    few = world.add_list("Thôn 3", *(world.add_person(f"Y {n}", number(100 + n)) for n in range(3)))
    world.execute(delete(Membership).where(Membership.list_id != few))
    world.add_people(20)
    campaigns = [
        world.sent(kind="tiem-chung", lists=[name], name=name, text=text) for name in (LIST, "Thôn 3")
    ]
    world.answers(campaigns[1], dict.fromkeys((100, 101, 102), Label.INSTALLED))
    for reader, is_told in ((AUDITOR, False), (AUTHOR, True)):
        signed_in(client, reader)
        for each in campaigns:
            page = client.get(f"/admin/campaigns/{each}/").text
            assert ("đã trả lời</" in page, "Ở đây có quá ít người" in page) == (is_told, not is_told)
            assert ("quá ít người" in client.get(f"/admin/campaigns/{each}/reach/").text) is not is_told
