"""Figures, people and goals in the units of another day: Kon Tum of 2020 in Quảng Ngãi's units, and back."""

import io
from datetime import UTC, date, datetime

from python_calamine import CalamineWorkbook
from sqlalchemy import select, update

from campaigns.analytics.progress import drive_of_campaign, read_progress
from campaigns.models.campaigns import Campaign, Step
from campaigns.reports.settings import current_template
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignState
from outreach.accounts.users import find_user
from outreach.contacts.directory import ON_A_PAGE, ContactFilter, count_perhaps, read_page
from outreach.contacts.move_people import load_units, move_people
from outreach.models.accounts import Area
from outreach.models.contacts import Contact
from outreach.places.areas import former_units, units_of_today
from tests.integration.admin.test_progress import answer
from tests.integration.outreach.test_units import KON_TUM, load_kon_tum
from tests.support.admin_client import shows
from tests.support.goals import aim, count_people
from tests.support.servers import on_sqlite
from tests.support.world import APPROVER

database_url = on_sqlite

IN_2020, TODAY = date(2020, 8, 20), date(2026, 1, 1)
# The one commune on the ground of today's Lâm Đồng that was split in 2025.
SPLIT = next(
    unit
    for unit in former_units().values()
    if len(unit.successors) > 1 and units_of_today()[unit.successors[0]].province_code == "68"
)


def settle(world, codes):
    """A person with a phone and a list in each of these communes."""
    world.add_people(len(codes))
    people = world.all(select(Contact.id).order_by(Contact.id))
    for person, code in zip(people, codes, strict=True):
        world.change(Contact, person, area_code=code, village="Thôn 1")


def end_in_2020(world, campaign_id):
    """As if the campaign had been launched and ended in August 2020; half of the recipients had done it."""
    began, ended = datetime(2020, 8, 18, 2, tzinfo=UTC), datetime(2020, 8, 25, 2, tzinfo=UTC)
    world.execute(update(Campaign).values(launched_at=began, ended_at=ended, state=CampaignState.COMPLETED))
    world.execute(update(Step).values(opened_at=began))
    answer(world, campaign_id, *[Label.INSTALLED] * 51, at=datetime(2020, 8, 19, 2, tzinfo=UTC))


def read(world, campaign_id, units=None):
    user = world.read(find_user, APPROVER)
    drive = world.read(drive_of_campaign, campaign_id, user=user)
    page = world.read(
        read_progress, drive, user=user, runtime=world.runtime, now=datetime.now(UTC), units=units
    )
    assert page is not None
    return page


def lines(page):
    return {line.code or "": line for line in page.districts.lines}


def test_kon_tums_campaign_of_2020_stays_as_it_was_and_is_read_in_quang_ngais_units(world, approver):
    load_kon_tum(world)
    settle(world, [unit.code for unit in KON_TUM])
    drive = world.drive()
    aim(world, "50", drive=drive)
    campaign_id = world.launch(sender="MTTQ")
    end_in_2020(world, campaign_id)
    before = read(world, campaign_id)
    form = world.read(current_template, drive)
    known = datetime(2020, 8, 20, 12, tzinfo=UTC)
    report = world.read(take_snapshot, form, drive=drive, day=IN_2020, known_until=known)
    world.do(load_units, ["51"])
    world.do(move_people)
    # The report of 2020, and the page in the units of its time.
    again = world.read(take_snapshot, form, drive=drive, day=IN_2020, known_until=known)
    lives_in = world.all(select(Area.valid_to).join(Contact, Contact.area_code == Area.code))
    assert again == report
    assert report.whole.reported.reported == 51
    assert len(lives_in) == len(KON_TUM)
    assert set(lives_in) == {None}  # nobody is lost, and no commune of Kon Tum was split
    after = read(world, campaign_id)
    assert [(line.name, line.installed, line.share) for line in after.districts.lines] == [
        (line.name, line.installed, line.share) for line in before.districts.lines
    ]
    assert after.head.is_of_place
    assert after.communes.keys() == before.communes.keys()
    # In the units of today: exact, as all went whole.
    today = read(world, campaign_id, TODAY)
    assert len(today.districts.lines) == 96
    assert not today.communes
    assert not [line for line in today.districts.lines if line.perhaps]
    assert sum(line.counts.recipients for line in today.districts.lines) == len(KON_TUM)
    assert sum(line.installed for line in today.districts.lines) == 51
    came_from = [unit for unit in KON_TUM if unit.successors == ("23293",)]
    kon_tum = next(line for line in today.districts.lines if line.name == "Phường Kon Tum")
    assert kon_tum.counts.recipients == len(came_from) > 1
    assert today.head.line.installed == before.head.line.installed
    page = approver.get(f"/admin/progress/?drive={drive}&units=2026-01-01").text
    assert "từ ngày 1/7/2025" in page
    assert "không chia theo ước đoán" in page
    file = approver.get(f"/admin/progress/places.xlsx?drive={drive}&units=2026-01-01")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(file.data)).get_sheet_by_index(0).to_python()[1:]
    assert len(rows) == 96
    assert sum(int(row[3] or 0) for row in rows) == sum(int(row[4] or 0) for row in rows) == 51
    reach = f"/admin/campaigns/{campaign_id}/reach/"
    assert "Theo huyện, thành phố" in approver.get(reach).text
    page = approver.get(f"{reach}?units=2026-01-01").text
    assert "Theo huyện" not in page
    assert f"units=2025-07-01&amp;district={kon_tum.code}" in page
    # The goal of Kon Tum is found in the units of its time.
    assert "Tỉnh Kon Tum" in approver.get(f"/admin/goals/?drive={drive}&units=2025-06-30").text


def of(units, new):
    return [unit for unit in units.values() if new in unit.successors]


def test_figures_of_today_are_a_range_in_the_units_of_before(world, approver):
    world.do(load_units, ["68"])
    former = former_units()
    part, other = SPLIT.successors[:2]
    settle(world, [part, part, other])
    drive = world.drive()
    communes = world.all(select(Area.code).where(Area.level == "commune"))
    count_people(world, dict.fromkeys(communes, "1000"), drive=drive, as_of="2026-01-01")
    campaign_id = world.launch(sender="MTTQ")
    answer(world, campaign_id, Label.INSTALLED)
    now = read(world, campaign_id)
    assert lines(now)[part].counts.recipients == 2
    assert lines(now)[part].perhaps is None
    before = read(world, campaign_id, IN_2020)
    assert before.level_name != now.level_name
    # Nobody is lost: each person is surely somewhere, or perhaps in several communes.
    communes = {line.code: line for table in before.communes.values() for line in table.lines}
    split = communes[f"{SPLIT.code}-2024"]
    assert split.counts.recipients == 0
    assert split.perhaps is not None
    assert split.perhaps.recipients == 3
    assert split.share is None
    assert split.missing is None
    # All the ground lies in some districts, each of which has a figure from and to.
    districts = {unit.district_code for code in (part, other) for unit in of(former, code)}
    of_both = [lines(before)[f"{code}-2024"] for code in districts]
    assert sum(line.counts.recipients for line in of_both) <= 3
    for line in of_both:
        assert line.counts.recipients + (line.perhaps.recipients if line.perhaps else 0) > 0
    # What the district may hold of the 1,000 of each of today's communes.
    exact = next(line for line in before.districts.lines if line.denominator)
    assert exact.denominator % 1000 == 0
    page = approver.get(f"/admin/campaigns/{campaign_id}/reach/?units=2020-08-20").text
    assert " hoặc " in page  # people of a split unit, with the places where they may live
    assert "–" in approver.get(f"/admin/progress/?campaign={campaign_id}&units=2020-08-20").text
    goals = approver.get(f"/admin/goals/?drive={drive}&units=2020-08-20").text
    assert "000–" in goals
    assert "Lưu mục tiêu" not in goals  # goals are set for units of today


def test_people_are_found_by_a_unit_that_ended(world, approver):
    load_kon_tum(world)
    settle(world, [unit.code for unit in KON_TUM])
    world.do(load_units, ["51"])
    world.do(move_people)
    old = next(unit for unit in KON_TUM if len(of(former_units(), unit.successors[0])) > 2)
    lives_in = world.first(select(Contact.area_code).order_by(Contact.id))
    today = select(Area.code).where(Area.official_code == old.successors[0], Area.valid_to.is_(None))
    # Somebody came to the merged commune later: of which former one nobody knows.
    world.add_person("Y Mới", area_code=world.one(today))
    assert lives_in
    user = world.read(find_user, APPROVER)
    surely = world.read(read_page, user, ContactFilter(area_code=old.code))
    perhaps = world.read(read_page, user, ContactFilter(area_code=old.code, perhaps=True))
    assert world.read(count_perhaps, user, ContactFilter(area_code=old.code)) == 1
    district = world.read(read_page, user, ContactFilter(area_code=old.district_code))
    assert len(surely.lines) == 1  # the one who was moved from it
    assert [line.name for line in perhaps.lines] == ["Y Mới"]
    in_district = [unit for unit in KON_TUM if unit.district_code == old.district_code]
    assert len(district.lines) >= min(ON_A_PAGE, len(in_district))
    shows(approver.get(f"/admin/people/?area={old.code}&units=2025-06-30"), "Ngoài ra có 1 người", old.name)
    assert " hoặc " in approver.get(f"/admin/people/?area={old.code}&units=2025-06-30&perhaps=1").text
