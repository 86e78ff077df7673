"""Figures about health as they are shown to who may not see the people: of few people none is told, nor had by subtraction."""

import re
from collections import Counter

from sqlalchemy import delete, select, update

from campaigns.analytics.progress import read_progress
from campaigns.analytics.reach import read_parts_for
from campaigns.models.campaigns import Campaign, Drive
from campaigns.models.webhooks import Delivery
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.compose import compose
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.webhooks import EventKind
from campaigns.webhooks.collect_events import collect_events
from campaigns.webhooks.deliver_events import OFFERED, subscribe
from outreach.models.accounts import Organisation, Role, User
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
            assert (f"/{each}/reach/" in client.get(f"/admin/progress/?campaign={each}").text) is is_told


def test_of_a_drive_of_few_people_nothing_about_health_is_told_to_readers_systems_and_reports(world, client):
    world.officer(AUDITOR, Role.AUDITOR)
    administrator = world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    token, text = world.token(administrator)
    api = {"headers": {"Authorization": f"Bearer {text}"}}
    hook = {"name": "Cổng", "url": "https://nhan.example/loa", "kinds": [*OFFERED], "is_production": False}
    world.do(subscribe, organisation_id=token.organisation_id, **hook, by=administrator)
    world.add_people(3)
    for kind, is_told in (("tiem-chung", False), ("bluezone", True)):
        campaign = world.sent(kind=kind, text=f"Mời {kind}. Trả lời 1 hoặc 2. {{link}}")
        world.reply(number(0), "1", gateway_id=kind)
        world.answers(campaign, {1: Label.INSTALLED})
        for reader, sees in ((AUDITOR, is_told), (AUTHOR, True)):
            signed_in(client, reader)
            for path in ("campaigns/", f"progress/?campaign={campaign}", *([] if is_told else [""])):
                assert ("66,7%" in client.get(f"/admin/{path}").text) is sees, (path, reader)
        status = client.get(f"/api/v1/campaigns/{campaign}", **api).json
        assert [name in status for name in ("answers", "own_answers", "self_reported")] == [is_told] * 3
        figures = client.get(f"/api/v1/campaigns/{campaign}/figures", **api)
        assert figures.status_code == (200 if is_told else 403)
        told = [
            each
            for what in ("answers", "replies")
            for each in client.get(f"/api/v1/{what}", **api).json[what]
        ]
        collect_events(world.runtime.db, now=world.in_hours(1 + is_told))
        told += world.all(select(Delivery.data).where(Delivery.kind == EventKind.ANSWER_RECORDED))
        assert sum(each["campaign"] == campaign for each in told) == (5 if is_told else 0)
        now = world.in_hours(1)
        day, drive = now.astimezone(VIETNAM).date(), world.get_one(Campaign, campaign).drive_id
        report = world.read(take_snapshot, UNTIL_MIDNIGHT, drive=drive, day=day, known_until=now)
        assert (bool(report.whole.reported.answered), bool(report.campaigns[0].reported)) == (is_told,) * 2
        assert ("quá ít người" in str(compose(report, UNTIL_MIDNIGHT))) is not is_told


def test_a_system_whose_lists_hold_few_people_of_a_large_health_campaign_is_told_none_of_their_answers(
    world, client
):
    administrator = world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    women = world.organisation()
    few = [world.add_person(f"Y {n}", number(100 + n)) for n in range(3)]
    world.execute(delete(Membership))
    world.add_list("Chi hội", *few, owner=women)
    world.add_people(9)
    hook = {"name": "Cổng", "url": "https://nhan.example/loa", "kinds": [*OFFERED], "is_production": False}
    world.do(subscribe, organisation_id=women, **hook, by=administrator)
    _token, text = world.token(administrator, organisation_id=women)
    api = {"headers": {"Authorization": f"Bearer {text}"}}
    for kind, is_told in (("tiem-chung", False), ("bluezone", True)):
        text = f"Mời {kind}. Trả lời 1 hoặc 2. {{link}}"
        campaign = world.sent(kind=kind, lists=[LIST, "Chi hội"], text=text)
        world.reply(number(100), "1", gateway_id=kind)
        found = [
            each
            for what in ("answers", "replies")
            for each in client.get(f"/api/v1/{what}", **api).json[what]
        ]
        collect_events(world.runtime.db, now=world.in_hours(1 + is_told))
        of_people = (EventKind.ANSWER_RECORDED, EventKind.INSTALL_REPORTED)
        found += world.all(select(Delivery.data).where(Delivery.kind.in_(of_people)))
        assert sum(each["campaign"] == campaign for each in found) == (4 if is_told else 0), kind


@cases((1, False), (5, True))
def test_whom_a_draft_about_health_leaves_out_of_few_people_is_told_to_no_auditor(
    world, client, people, is_told
):
    world.officer(AUDITOR, Role.AUDITOR)
    world.add_people(20)
    text = "Mời tiêm. Trả lời 1 hoặc 2. {link}"
    world.answers(world.sent(kind="tiem-chung", text=text), {0: Label.INSTALLED})
    world.add_list("Thôn 3", *world.all(select(Contact.id).order_by(Contact.id).limit(people)))
    draft = world.draft(kind="tiem-chung", lists=["Thôn 3"], text=text, answered="installed")
    for reader, sees in ((AUDITOR, is_told), (AUTHOR, True)):
        signed_in(client, reader)
        page = client.get(f"/admin/campaigns/{draft}/").text
        assert ("Thôn 3" in page, "quá ít người" in page) == (sees, not sees), reader


def test_reports_of_installs_about_health_are_counted_in_no_readers_area_of_few_people(world, client):
    world.add_areas({"621": "Đắk Hà"}, {"a1": "621", "a2": "621"})
    world.add_people(20)
    for n, person in enumerate(world.all(select(Contact.id).order_by(Contact.id))):
        world.change(Contact, person, area_code="a1" if n < 2 else "a2")
    world.officer(AUDITOR, Role.AUDITOR)
    world.change(User, world.user(AUDITOR).id, area_code="a1")
    world.execute(update(Organisation).values(area_code="a1"))
    campaign = world.sent(kind="tiem-chung", text="Mời tiêm. Trả lời 1 hoặc 2. {link}")
    shown = []
    for n in (0, 10):
        world.press(campaign, "installed", index=n)
        page = signed_in(client, AUDITOR).get(f"/admin/campaigns/{campaign}/installs/").text
        shown.append(re.findall(r"(\d+) lượt", page))
    assert shown == [["1"], ["2"]], "as the figures, not of the two in the reader's area alone"


@cases(("tiem-chung", False), ("bluezone", True))
def test_what_is_written_to_a_place_of_few_people_tells_nothing_of_their_health(world, client, kind, is_told):
    world.add_areas({"621": "Đắk Hà"}, {"a1": "621", "a2": "621"})
    world.add_people(20)
    for n, person in enumerate(world.all(select(Contact.id).order_by(Contact.id))):
        world.change(Contact, person, area_code="a1" if n < 2 else "a2")
    campaign = world.sent(kind=kind, text="Mời. Trả lời 1 hoặc 2. {link}")
    world.press(campaign, "installed")
    drive = world.get_one(Campaign, campaign).drive_id
    page = signed_in(client, AUTHOR).get(f"/admin/urging/?drive={drive}&area=a1").text
    assert ("50,0%" in page) is is_told
