"""Columns of an imported list in the texts of its campaign: from the file to what each person reads."""

import math
import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, select

from admin.app import create_app
from campaigns.delivery.claim_messages import ClaimSettings, claim
from campaigns.delivery.streams import Stream
from campaigns.lifecycle import prepare_correcting_campaign
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.planning.drafts import describe_campaign
from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import facts_of_campaign
from campaigns.rules.draft import read_draft
from campaigns.rules.links import LinkCipher
from campaigns.rules.states import CampaignAction
from outreach.imports.change_list import split_list
from outreach.imports.uploads import undo_import
from outreach.models.contacts import Contact, ContactList, KeptValue
from outreach.places.areas import load_areas
from outreach.rules.errors import BadCampaign
from tests.support.lists import UNITS, bring, local
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, LIST, number

HEADER = "Họ và tên,SĐT,{giờ hẹn},{nơi hẹn}"
TEXT = "Mời {name} đến lúc {giờ hẹn}[ tại {nơi hẹn}]: {link} TC từ chối"
FIELDS = {"giờ hẹn": "giờ hành chính", "nơi hẹn": ""}


def write(tmp_path, *lines):
    file = tmp_path / "list.csv"
    file.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return file


def read(world):
    """What arrived, by number, without the personal links."""
    sent = world.simulator.ledger()
    return {each["To"]: re.sub(r"https?://\S+", "LINK", each["Body"]) for each in sent}


@both_databases
def test_each_person_reads_their_own_values_and_others_the_substitute(world, tmp_path):
    lines = (f"A Thun,{local(1)},8h,Thôn 1", f"Y Rơ,{local(2)},9h,", f"Y Hlan,{local(3)},,bit.ly/x")
    bring(world, write(tmp_path, *lines), LIST)
    # Another list of the office says something else of the same people; it is none of the campaign's.
    bring(world, write(tmp_path, f"Y Hlan,{local(3)},12h,Thôn 9"), "Khác")
    campaign_id = world.sent(text=TEXT, fields=FIELDS)
    assert read(world) == {
        number(1): "Mời A Thun đến lúc 8h tại Thôn 1: LINK TC từ chối",
        number(2): "Mời Y Rơ đến lúc 9h: LINK TC từ chối",
        number(3): "Mời Y Hlan đến lúc giờ hành chính: LINK TC từ chối",
    }
    page, cipher = (
        create_app(world.runtime.settings, runtime=world.runtime).test_client(),
        LinkCipher(world.runtime.settings.secret_key),
    )
    for n, told in ((1, "Mời đến lúc 8h tại Thôn 1"), (3, "Mời đến lúc giờ hành chính")):
        shown = page.get(f"/{cipher.token(world.recipient(number(n), campaign_id).id)}").text
        assert f'<p class="message">{told}</p>' in shown, "the page says which meeting, and names nobody"
    campaign = world.get_one(Campaign, campaign_id)
    facts = world.read(facts_of_campaign, campaign)
    described = world.read(describe_campaign, campaign, kinds=load_kinds())
    assert (facts["giờ hẹn"].without, facts["nơi hẹn"].without) == (1, 2)
    assert read_draft(described, kinds=load_kinds()).fields == FIELDS


def test_who_has_no_number_is_not_counted_among_those_without_a_value(world, tmp_path):
    bring(world, write(tmp_path, f"A Thun,{local(1)},8h,", f"Y Rơ,{local(2)},,", "Y Hlan,,,"), LIST)
    world.act(world.draft(text=TEXT, fields=FIELDS), CampaignAction.SUBMIT)
    assert world.count(Contact) == 3
    facts = world.read(facts_of_campaign, world.one(select(Campaign)))
    assert (facts["giờ hẹn"].without, facts["nơi hẹn"].without) == (1, 2)


def test_values_of_an_undone_import_are_written_no_more(world, tmp_path):
    bring(world, write(tmp_path, f"A Thun,{local(1)},8h,"), LIST)
    bring(world, write(tmp_path, f"A Thun,{local(1)},10h,Thôn 1"), LIST)
    world.launch(text=TEXT, fields=FIELDS)
    undo_import(world.runtime, 2)
    world.send()
    assert read(world) == {number(1): "Mời A Thun đến lúc 8h: LINK TC từ chối"}


def test_a_correction_and_a_list_that_is_split_meanwhile_keep_what_each_person_is_told(world, tmp_path):
    world.do(load_areas, UNITS)
    file = tmp_path / "list.csv"
    lines = (f"A Thun,Đắk Mar,{local(1)},8h", f"Y Rơ,Đắk Ui,{local(2)},9h")
    file.write_text("\n".join(("Họ và tên,Xã/phường,SĐT,{giờ hẹn}", *lines)) + "\n", encoding="utf-8")
    bring(world, file, LIST)
    text = TEXT.replace("[ tại {nơi hẹn}]", "")
    campaign_id = world.launch(text=text, fields=FIELDS)
    moved = world.one(select(Contact.area_code).where(Contact.name == "Y Rơ"))
    world.do(split_list, world.list_id, areas=[moved or ""], name="Ba")
    world.send()
    assert read(world) == {
        number(1): "Mời A Thun đến lúc 8h: LINK TC từ chối",
        number(2): "Mời Y Rơ đến lúc 9h: LINK TC từ chối",
    }
    draft = world.do(prepare_correcting_campaign, campaign_id, step=1, variant="a")
    described = world.read(describe_campaign, world.get_one(Campaign, draft.id), kinds=load_kinds())
    assert read_draft(described, kinds=load_kinds()).fields == {"giờ hẹn": "giờ hành chính"}


@pytest.mark.parametrize("refused", [CampaignAction.SUBMIT, CampaignAction.LAUNCH])
def test_a_field_that_no_list_has_any_more_keeps_a_campaign_from_its_next_step(world, tmp_path, refused):
    bring(world, write(tmp_path, f"A Thun,{local(1)},8h,Thôn 1"), LIST)
    campaign_id = world.draft(text=TEXT, fields=FIELDS)
    if refused is CampaignAction.LAUNCH:
        world.act(campaign_id, CampaignAction.SUBMIT)
        world.act(campaign_id, CampaignAction.APPROVE, APPROVER)
    undo_import(world.runtime, 1)
    with pytest.raises(BadCampaign, match="field_not_in_lists"):
        world.decide(campaign_id, refused)


def test_values_that_are_gone_after_the_launch_pause_the_campaign_until_somebody_resumes_it(world, tmp_path):
    world.add_people(1)
    bring(world, write(tmp_path, f"A Thun,{local(1)},8h,Thôn 1"), LIST)
    campaign_id = world.draft(text=TEXT, fields=FIELDS)
    for action, email in (("submit", AUTHOR), ("approve", APPROVER), ("launch", AUTHOR)):
        world.act(campaign_id, CampaignAction(action), email)
    undo_import(world.runtime, 1)
    world.sweep()
    world.send()
    assert read(world) == {}
    status = world.status(campaign_id)
    assert status["state"] == "paused"
    assert "Không còn giá trị nào của cột {giờ hẹn}" in status["pause_reason"]
    world.act(campaign_id, CampaignAction.RESUME)
    world.send()
    assert all("giờ hành chính" in body for body in read(world).values())
    assert read(world)


def test_values_of_a_claim_of_many_are_looked_up_at_once(world):
    world.add_people(120)
    world.change(ContactList, world.list_id, fields=[*FIELDS])
    campaign_id = world.launch(text=TEXT, fields=FIELDS)
    people = world.all(select(Recipient.contact_id).where(Recipient.contact_id.is_not(None)))
    always = {"list_id": world.list_id, "name": "giờ hẹn", "import_id": 1}
    world.add(*(KeptValue(**always, contact_id=person, value=f"{person}h") for person in people))
    asked = []

    def note(_connection, _cursor, statement, *_more):
        asked.append(statement)

    settings = world.runtime.settings
    event.listen(Engine, "before_cursor_execute", note)
    try:
        batch = world.do(
            claim,
            Stream(id=campaign_id, closes_at=world.in_hours(1)),
            ClaimSettings.of(settings, worker="w"),
            limit=100,
            segments=math.inf,
            now=world.now + timedelta(minutes=1),
            price_vnd=300,
        )
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    hours = {re.sub(r".* lúc (\d+h):.*", r"\1", each.body) for each in batch.claims}
    assert len(hours) == 100
    assert hours <= {f"{person}h" for person in people}
    assert len([statement for statement in asked if "kept_values" in statement]) == 1
