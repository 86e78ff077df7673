"""Answers about health: read by who handles them while they wait, opened on record after that, and named to nobody else."""

import re

import pytest
from sqlalchemy import select, update

from admin.wording.filters import label_of
from campaigns.analytics.progress import read_progress
from campaigns.analytics.reach import read_parts_for
from campaigns.models.campaigns import Campaign, Drive
from campaigns.planning.kinds import load_kinds
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import Exclusion, MessageState
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.progress import read_totals
from campaigns.visits.results import enter_results
from campaigns.visits.sheets import read_lines
from outreach.models.accounts import AuditEvent, Right, Role, User
from outreach.models.contacts import Contact, ContactList, Membership
from tests.integration.admin.test_api import ADMINISTRATOR, Other
from tests.integration.admin.test_drives import UNTIL_MIDNIGHT
from tests.support.admin_client import post, signed_in
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, number

AUDITOR = "kiemtra@loa.example"
SAID = "toi tiem roi nhung bi di ung, khong biet co tiem tiep duoc khong?"


@pytest.fixture
def campaign(world):
    """A vaccination, to which one person wrote what they fear and another that it is done."""
    world.add_people(3)
    world.officer(AUDITOR, Role.AUDITOR)
    campaign = world.sent(
        kind="tiem-chung",
        name="Tiêm",
        text="Mời ông/bà đi tiêm. Trả lời 1 hoặc 2.",
        window=["00:00", "24:00"],
    )
    world.reply(number(0), SAID, gateway_id="SM1")
    world.reply(number(1), "da tiem roi", gateway_id="SM2")
    return campaign


def live_in(world, areas):
    """The people live in these areas, in order."""
    with world.runtime.db.write() as session:
        for person, area in zip(session.scalars(select(Contact).order_by(Contact.id)), areas, strict=True):
            person.area_code = area


def contact(world, index):
    return world.one(select(Contact.id).where(Contact.name == f"A Thun {index}"))


@both_databases
def test_an_answer_is_masked_where_it_does_not_wait_for_the_reader(world, client, campaign):
    (case,) = world.cases()
    pages = ("/admin/inbox/", f"/admin/inbox/{case.id}/")
    signed_in(client, AUDITOR)
    for page in pages:
        text = client.get(page).text
        assert "đã che" in text
        assert "di ung" not in text
    assert client.get(f"/admin/people/?campaign={campaign}&answer=installed").status_code == 404
    assert f"/admin/people/?campaign={campaign}" not in client.get(f"/admin/campaigns/{campaign}/").text
    assert post(client, f"/admin/people/{contact(world, 1)}/answers").status_code == 403

    signed_in(client, AUTHOR)
    for page in pages:
        assert SAID in client.get(page).text, "it waits for an officer"
    post(client, f"/admin/inbox/{case.id}/finish", outcome="called")
    for page in ("/admin/inbox/?state=done", f"/admin/inbox/{case.id}/"):
        text = client.get(page).text
        assert "đã che" in text
        assert "di ung" not in text, "it waits no longer"
    reports = client.get(f"/admin/campaigns/{campaign}/installs/").text
    assert "(đã che)" in reports
    assert "A Thun 1" not in reports


@both_databases
def test_a_persons_answers_are_opened_once_and_on_record(world, client, campaign):
    person = contact(world, 0)
    signed_in(client, AUTHOR)
    page = client.get(f"/admin/people/{person}/").text
    line = page.split('<ol class="timeline">')[1]
    assert "Tin và câu trả lời về sức khỏe, đã che" in line
    for told in ("di ung", "Trả lời</strong>", "Đã gửi tin"):
        assert told not in line
    assert SAID in post(client, f"/admin/people/{person}/answers").text
    assert SAID not in client.get(f"/admin/people/{person}/").text
    entry = world.one(select(AuditEvent).where(AuditEvent.action == "contact.see_answers"))
    assert (entry.subject, entry.actor_id) == (f"contacts:{person}", world.user(AUTHOR).id)


def test_no_page_tells_an_answer_by_why_a_later_campaign_leaves_somebody_out(world, client, campaign):
    text = "Mời ông/bà đi tiêm. Trả lời 1 hoặc 2."
    later = world.launch(kind="tiem-chung", name="Tiêm lại", text=text, answered="no")
    assert world.status(later)["excluded"] == {"answers": 1}
    signed_in(client, AUTHOR)
    shown = f"/admin/people/{contact(world, 1)}/"
    assert label_of(Exclusion.ANSWERS, "excluded") not in client.get(shown).text
    assert label_of(Exclusion.ANSWERS, "excluded") in post(client, f"{shown}answers").text


def test_who_answered_is_listed_for_who_works_with_it_on_record(world, client, campaign):
    sheet, listed = f"/admin/campaigns/{campaign}/", f"/admin/people/?campaign={campaign}"
    signed_in(client, AUDITOR)
    assert "nên ở đây chỉ có số lượng" in client.get(sheet).text
    unanswered = r"Người chưa trả lời</caption>.*?<strong>[12]</strong>"
    assert re.search(unanswered, client.get(sheet).text, re.DOTALL), "figures are for all"
    assert post(client, f"{sheet}answers").status_code == 403

    signed_in(client, AUTHOR)
    assert client.get(listed).status_code == 404, "not yet opened"
    assert f"{sheet}answers" in client.get(sheet).text
    assert "&amp;answer=" not in client.get(sheet).text
    assert post(client, f"{sheet}answers").headers["Location"].endswith(listed)
    assert f"campaign={campaign}&amp;answer=" in client.get(sheet).text, "each figure leads to its people"
    page = client.get(f"{listed}&answer=installed").text
    assert "A Thun 1" in page
    assert re.search(r'<td data-label="Câu trả lời">[^–<]+</td>', page)
    assert "A Thun 2" not in page
    entry = world.one(select(AuditEvent).where(AuditEvent.action == "campaign.see_answers"))
    assert (entry.subject, entry.actor_id) == (f"campaigns:{campaign}", world.user(AUTHOR).id)
    world.execute(update(User).where(User.email == AUTHOR).values(role=Role.AUDITOR))
    assert client.get(listed).status_code == 404, "for who works with it alone"


def test_what_was_found_at_the_door_is_for_who_handles_answers(world, campaign):
    world.set_all(MessageState.NO_REPORT)
    sheet = world.make_sheet(campaign)
    world.do(enter_results, sheet, {1: VisitOutcome.NOT_YET})
    found = {
        email: [line.outcome for line in world.read(read_lines, sheet, by=email)]
        for email in (AUTHOR, AUDITOR)
    }
    assert VisitOutcome.NOT_YET in found[AUTHOR]
    assert set(found[AUDITOR]) == {None}


def test_the_audit_log_does_not_keep_the_answer(world, client, campaign):
    (case,) = world.cases()
    signed_in(client, AUTHOR)
    post(client, f"/admin/inbox/{case.id}/label", label="installed")
    world.tell(contact(world, 2), campaign, Label.NOT_YET)
    entries = world.all(select(AuditEvent).where(AuditEvent.action.in_(["case.label", "contact.answer"])))
    assert len(entries) == 2
    assert not [entry for entry in entries if {"label", "suggested"} & set(entry.details)]


def test_a_campaign_is_about_health_if_its_kind_is(world):
    plain = world.draft()
    health = world.draft(name="Khám", kind="tiem-chung", content={"health": False})
    assert load_kinds()["tiem-chung"]["health"]
    assert world.get_one(Campaign, health).is_health, "a campaign does not lessen what its kind asks for"
    assert not world.get_one(Campaign, plain).is_health


@both_databases
def test_figures_of_a_commune_of_few_people_are_those_of_its_district_for_who_may_not_see_them(world, client):
    world.add_areas({"621": "Đắk Hà"}, {"a1": "621", "a2": "621", "a3": "621"})
    world.officer(AUDITOR, Role.AUDITOR)
    world.add_people(16)
    where = ["a1"] * 2 + ["a2"] * 5 + ["a3"] * 9
    live_in(world, where)
    campaign = world.launch(kind="tiem-chung", name="Tiêm", text="Mời tiêm. Trả lời 1 hoặc 2. {link}")
    for n in (0, 1, 2, 8):
        world.press(campaign, "installed", index=n)
    now = world.in_hours(1)
    with world.runtime.db.read() as session:
        drive = session.get_one(Drive, session.get_one(Campaign, campaign).drive_id)
        found = {}
        for email in (AUDITOR, AUTHOR):
            user = session.scalars(select(User).where(User.email == email)).one()
            page = read_progress(session, drive, user=user, runtime=world.runtime, now=now)
            communes = {line.code: line.installed for line in page.communes["621"].lines}
            (district,) = page.districts.lines
            found[email] = (communes, district.installed)
            parts = read_parts_for(session, session.get_one(Campaign, campaign), user=user)
            areas = {area for (_step, _owner, area), totals in parts.items() if totals.answered}
            assert areas == ({"621", "a3"} if email == AUDITOR else {"a1", "a2", "a3"})
        snapshot = take_snapshot(
            session, UNTIL_MIDNIGHT, drive=drive.id, day=now.astimezone(VIETNAM).date(), known_until=now
        )
    assert found[AUTHOR] == ({"a1": 2, "a2": 1, "a3": 1}, 4), "officers see all"
    assert found[AUDITOR][1] == 4
    assert found[AUDITOR][0]["a3"] == 1
    assert found[AUDITOR][0].get("a1", 0) == 0
    reported = {place.code: place.reported.answered for place in (*snapshot.districts, *snapshot.communes)}
    assert reported == {"621": 4, "a3": 1}
    world.send()
    world.sweep(at=world.in_hours(300))
    assert world.get_one(Campaign, campaign).ended_at, "then its page has results by place"
    signed_in(client, AUDITOR)
    results = client.get(f"/admin/campaigns/{campaign}/").text
    assert "Huyện Đắk Hà" in results
    assert "Xã a1" not in results
    reach = client.get(f"/admin/campaigns/{campaign}/reach/?district=621").text
    assert "Xã a3" in reach
    assert "Xã a1" not in reach
    assert "Xã a2" not in reach
    reports = f"/admin/campaigns/{campaign}/installs/"
    assert "Xã a1" not in client.get(reports).text
    assert re.search(r'"Báo lúc">\s*\d+/\d+/\d+', client.get(reports).text), (
        "the day, as the audit log has the moment"
    )
    for few in ("a1", "a3&organisation=1"):
        assert "quá ít người" in client.get(f"{reports}?area={few}").text, "no 0 that is none"
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    figures = Other(client, world, Right.FIGURES_READ).get(f"/api/v1/campaigns/{campaign}/figures").json
    communes = {line["code"]: line["installed"] for line in figures["communes"]["621"]["lines"]}
    assert (communes["a3"], communes.get("a1", 0)) == (1, 0)


VACCINATION = {"kind": "tiem-chung", "text": "Mời tiêm. Trả lời 1 hoặc 2. {link}"}


def test_no_campaign_about_health_can_be_subtracted_from_its_drive(world, client):
    world.add_areas({"621": "Đắk Hà"}, {"a1": "621", "a2": "621", "a3": "621"})
    world.officer(AUDITOR, Role.AUDITOR)
    world.add_people(60)
    live_in(world, ["a1"] * 18 + ["a2"] * 20 + ["a3"] * 22)
    people = world.all(select(Contact.id).order_by(Contact.id))
    # All but two of the first commune and six of the second.
    world.add_list("Thêm", *people[2:18], *people[24:])
    first = world.launch(name="Tiêm", **VACCINATION)
    second = world.launch(name="Tiêm nhắc", lists=["Thêm"], **VACCINATION)
    world.press(first, "installed", index=0)
    signed_in(client, AUDITOR)
    drive = client.get(f"/admin/progress/?campaign={first}&district=621").text
    assert "Xã a1" in drive
    for campaign in (first, second):
        reach = client.get(f"/admin/campaigns/{campaign}/reach/?district=621").text
        assert "Xã a3" in reach
        assert "Xã a1" not in reach, "with the drive it would tell of two people"
        assert "Xã a2" not in reach, "it would be what the first is not"
    with world.runtime.db.read() as session:
        parts = read_parts_for(session, session.get_one(Campaign, second), user=world.user(AUDITOR))
    assert {area for _step, _owner, area in parts} == {"621", "a3"}


@both_databases
def test_figures_about_health_of_an_organisation_with_few_people_are_not_shown(world, client):
    small, large = world.organisation("HND", "Hội Nông dân"), world.organisation()
    world.add_areas({"621": "Đắk Hà"}, {"a1": "621"})
    world.officer(AUDITOR, Role.AUDITOR)
    world.add_people(20)
    live_in(world, ["a1"] * 20)
    with world.runtime.db.write() as session:
        lists = [
            ContactList(organisation_id=owner, name=name, created_at=world.now)
            for owner, name in ((small, "Nông dân"), (large, "Phụ nữ"))
        ]
        session.add_all(lists)
        session.flush()
        for n, member in enumerate(session.scalars(select(Membership).order_by(Membership.contact_id))):
            if n < 9:
                member.list_id = lists[n > 1].id
    campaign = world.launch(name="Tiêm", lists=["Hội viên", "HND/Nông dân", "PN/Phụ nữ"], **VACCINATION)
    world.press(campaign, "installed", index=0)
    signed_in(client, AUDITOR)
    for page in (f"/admin/progress/?campaign={campaign}", f"/admin/campaigns/{campaign}/reach/"):
        text = client.get(page).text
        assert "Hội Nông dân" not in text, page
        assert "Hội Phụ nữ" not in text, "the whole less the others would be the two"
        assert "Ủy ban MTTQ" in text
    few = client.get(f"/admin/campaigns/{campaign}/installs/?organisation={small}").text
    assert "quá ít người" in few
    with world.runtime.db.read() as session:
        drive = session.get_one(Campaign, campaign).drive_id
        now = world.in_hours(1)
        snapshot = take_snapshot(
            session, UNTIL_MIDNIGHT, drive=drive, day=now.astimezone(VIETNAM).date(), known_until=now
        )
        parts = read_parts_for(session, session.get_one(Campaign, campaign), user=world.user(AUDITOR))
    assert [body.name for body in snapshot.bodies] == ["Ủy ban MTTQ"]
    assert {owner for _step, owner, _area in parts} == {None}, (
        "no place is small, but with organisations it would be"
    )
    signed_in(client, AUTHOR)
    assert "Hội Nông dân" in client.get(f"/admin/campaigns/{campaign}/reach/").text


def test_visits_of_a_campaign_about_health_tell_who_handles_no_answers_nothing_of_single_people(
    world, client, campaign
):
    world.set_all(MessageState.NO_REPORT)
    sheet = world.make_sheet(campaign)
    world.do(enter_results, sheet, {1: VisitOutcome.NEED_HELP})
    for email, named in ((AUTHOR, True), (AUDITOR, False)):
        signed_in(client, email)
        lines = client.get(f"/admin/rounds/{sheet}/").text
        assert ("A Thun 2" in lines, "(đã che)" in lines) == (named, not named)
        village = client.get(f"/admin/rounds/?campaign={campaign}&list={world.list_id}").text
        assert ("Chỉ người xử lý câu trả lời" in village) is not named
        totals = world.read(read_totals, world.drive("tiem-chung"), world.user(email))
        assert (totals.people, totals.help) == (2, 1 if named else None)
        assert (
            "quá ít người để nêu" in client.get(f"/admin/progress/?campaign={campaign}").text
        ) is not named
