"""A wrong text that has left: one press prepares a correction to exactly those who got it."""

from __future__ import annotations

from datetime import UTC, datetime

from flask.testing import FlaskClient
from sqlalchemy import select, update

from campaigns.lifecycle import edit_campaign, prepare_correcting_campaign
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Message
from campaigns.planning.correcting_campaigns import count_receivers
from campaigns.planning.drafts import describe_campaign
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.states import CampaignAction, CampaignState, MessageState
from outreach.models.contacts import Phone
from outreach.rules.errors import WrongState
from tests.support.admin_client import post, signed_in
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, TEXT, World, number

_A = CampaignAction
RIGHT = "Dinh chinh: ung dung la Bluezone, tai tai {link}"


def prepare(world: World, campaign_id: int, variant: str = "a") -> int:
    return prepare_correcting_campaign(
        world.runtime, campaign_id, step=1, variant=variant, user=world.user(AUTHOR), now=datetime.now(UTC)
    ).id


def write(world: World, campaign_id: int, text: str = RIGHT) -> None:
    """What the author types into the draft."""
    with world.runtime.db.read() as session:
        data = describe_campaign(session, session.get_one(Campaign, campaign_id), kinds=load_kinds())
    draft = read_draft({**data, "text": text}, kinds=load_kinds())
    edit_campaign(world.runtime, campaign_id, draft, user=world.user(AUTHOR), now=datetime.now(UTC))


def send_correction(world: World, draft: int) -> list[str]:
    """Write, approve and launch it; the numbers that it went to."""
    write(world, draft)
    for action, email in ((_A.SUBMIT, AUTHOR), (_A.APPROVE, APPROVER), (_A.LAUNCH, AUTHOR)):
        world.decide(draft, action, email)
    world.sweep()
    already = len(world.sent_to())
    world.send()
    return sorted(world.sent_to()[already:])


@both_databases
def test_exactly_those_who_got_it_get_the_correction_once_and_who_opted_out_since_does_not(
    world: World,
) -> None:
    world.add_people(8)
    world.add_person("Cùng máy", number(0))  # shares a number: it got one message and gets one correction
    wrong = world.launch()
    world.send()
    with world.runtime.db.write() as session:  # 1 did not get it; of 2 nobody knows
        for index, state in ((1, MessageState.UNDELIVERED), (2, MessageState.UNKNOWN)):
            phone = select(Phone.id).where(Phone.e164 == number(index))
            session.execute(update(Message).where(Message.phone_id.in_(phone)).values(state=state))
    world.reply(number(3), "TC", gateway_id="SM3")
    world.send()  # the confirmation
    world.add_people(1, first=8)  # came into the list since
    draft = prepare(world, wrong)
    assert prepare(world, wrong) == draft, "a second press finds the draft"
    with refuses(WrongState, says="y nguyên"):
        world.decide(draft, _A.SUBMIT)
    assert send_correction(world, draft) == [number(i) for i in (0, 2, 4, 5, 6, 7)]
    assert world.status(draft)["excluded"] == {"opted_out": 1}


def test_what_still_waits_is_paused_and_those_who_got_none_of_it_get_no_correction(world: World) -> None:
    world.add_people(30)
    wrong = world.launch(pace=5, unaccented=True, text="Moi ong/ba cai Bluzone")
    while not world.sent_to():
        world.send(0.5)
    draft = prepare(world, wrong)
    world.send(0.5)
    status = world.status(wrong)
    assert status["state"] == "paused"
    assert "đính chính" in status["pause_reason"]
    got = sorted(world.sent_to())
    assert 0 < len(got) < 30
    assert send_correction(world, draft) == got


def test_a_variant_is_corrected_to_those_who_got_that_variant(world: World) -> None:
    world.add_people(12)
    with world.runtime.db.write() as session:
        session.execute(update(Phone).where(Phone.e164.in_([number(0), number(1)])).values(language="sed"))
    wrong = world.launch(text_b="Ban thu hai: {link}", texts={"sed": "Tieng Xo Dang: {link}"})
    world.send()
    with world.runtime.db.read() as session:
        bodies = dict(
            session.execute(select(Phone.e164, Attempt.body).join(Phone, Phone.id == Attempt.phone_id)).all()
        )
    by_variant = {
        "sed": [to for to, body in bodies.items() if body.startswith("Tieng")],
        "b": [to for to, body in bodies.items() if body.startswith("Ban thu hai")],
        "a": [to for to, body in bodies.items() if body.startswith("Chào")],
        "all": list(bodies),
    }
    assert len(by_variant["sed"]) == 2
    for variant, got in by_variant.items():
        assert counted(world, wrong, variant) == len(got)
    with world.runtime.db.write() as session:  # what left stays what it was, whatever is known of them today
        session.execute(update(Phone).values(language=None))
        session.execute(update(Phone).where(Phone.e164.in_([number(2), number(3)])).values(language="sed"))
    for variant, got in by_variant.items():
        assert counted(world, wrong, variant) == len(got)


def counted(world: World, wrong: int, variant: str) -> int:
    with world.runtime.db.read() as session:
        draft = session.get_one(Campaign, prepare(world, wrong, variant))
        return count_receivers(session, draft, passes_opt_outs=False)[0]


def test_a_text_that_has_not_left_is_not_corrected_and_the_correction_of_a_warning_is_a_warning(
    world: World,
) -> None:
    world.add_people(3)
    draft = world.draft()
    with refuses(WrongState, says="chưa gửi đi"):
        prepare(world, draft)
    warned = world.launch()
    with world.runtime.db.write() as session:
        session.get_one(Campaign, warned).urgent_reason = "Bão số 9"
    campaign = world.get_one(Campaign, prepare(world, warned))
    assert campaign.urgent_reason == "Bão số 9"
    write(world, campaign.id)
    world.decide(campaign.id, _A.SUBMIT)
    assert world.decide(campaign.id, _A.APPROVE, APPROVER) is CampaignState.SUBMITTED, (
        "it needs a second person"
    )


def test_the_press_is_on_the_sheet_and_the_form_keeps_the_audience(client: FlaskClient, world: World) -> None:
    world.add_people(4)
    wrong = world.launch()
    world.send()
    signed_in(client, AUTHOR)
    sheet = client.get(f"/admin/campaigns/{wrong}/").text
    assert "Soạn tin đính chính" in sheet
    answer = post(client, f"/admin/campaigns/{wrong}/correct", step="1", variant="a")
    assert answer.status_code == 303
    form = client.get(answer.location).text
    assert "đúng những số đã nhận tin sai" in form
    assert TEXT.split()[-1] in form
    draft = int(answer.location.partition("#")[0].rstrip("/").split("/")[-1])
    shown = client.get(f"/admin/campaigns/{draft}/").text
    assert '<strong class="figure">4</strong>' in shown
