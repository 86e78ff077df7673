"""A ladder over simulated days: held-out people, two texts and texts by language, and what came of each step."""

import random
from collections import Counter

import pytest
from sqlalchemy import select, update

from campaigns.analytics.reach import ArmCounts, read_reach, step_lifts
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.models.messages import Message
from campaigns.rules.experiments import HELD_OUT
from campaigns.rules.states import SkipReason
from outreach.models.contacts import Phone
from tests.integration.campaigns.test_reminders import later, skipped
from tests.support.draws import arm, bucket
from tests.support.servers import both_databases
from tests.support.world import number

STEPS = [
    {"text": "Nhac 1: {link}", "after_days": 2, "hold_out": 0.3, "text_b": "Xin ong/ba cai giup: {link}"},
    {"text": "Nhac 2: {link}", "after_days": 4, "hold_out": 0.3},
]
REMINDED_BY = ("Nhac", "Xin ong/ba cai giup")
PEOPLE = 60
# How the simulated residents answer a message: most say nothing.
WORDS = [("1", 2), ("cai roi", 1), ("TC", 1), ("2", 1), ("3", 1), ("giup toi", 1), (None, 8)]


def answer_as_people_do(world, chance, sent, day):
    for line in sent:
        word = chance.choices([word for word, _ in WORDS], [weight for _, weight in WORDS])[0]
        if word:
            world.reply(line["To"], word, gateway_id=f"SM{day}-{line['To']}")


def standing(world, campaign):
    """By number: recipient, lot, and whether they have answered."""
    with world.runtime.db.read() as session:
        rows = session.execute(
            select(Phone.e164, Recipient.id, Recipient.bucket, Recipient.answer)
            .join(Phone, Phone.id == Recipient.phone_id)
            .where(Recipient.campaign_id == campaign)
        )
        return {e164: (id_, lot_, answer is not None) for e164, id_, lot_, answer in rows}


def read_lifts(session, campaign_id, world):
    campaign = session.get_one(Campaign, campaign_id)
    return step_lifts(campaign, read_reach(session, campaign, seen=None, now=world.now))


@both_databases
def test_over_the_days_nobody_who_answered_or_was_held_out_is_reminded_and_the_lift_is_what_came(world):
    campaign = world.launch(people=PEOPLE, step=STEPS)
    chance = random.Random(5)
    with world.runtime.db.write() as session:
        session.execute(update(Campaign).values(seed=11))
        seed = 11
        for recipient in session.scalars(select(Recipient)):
            recipient.bucket = bucket(recipient.contact_id or 0, seed)
    world.send()
    answer_as_people_do(world, chance, world.simulator.ledger(), day=0)
    seen = len(world.simulator.ledger())
    for step, days in ((2, 3), (3, 5)):
        before = standing(world, campaign)
        later(world, campaign, days=days)
        has_second = step == 2
        drawn = {
            e164: arm(lot_, seed, step, hold_out=0.3, has_second=has_second)
            for e164, (_, lot_, has_answered) in before.items()
            if not has_answered
        }
        world.send()
        ledger = world.simulator.ledger()
        reminders = [line for line in ledger[seen:] if line["Body"].startswith(REMINDED_BY)]
        seen = len(ledger)
        assert {line["To"] for line in reminders} == {e164 for e164, one in drawn.items() if one != HELD_OUT}
        assert skipped(world, campaign, step)[SkipReason.HELD_OUT] == Counter(drawn.values())[HELD_OUT] > 0
        if has_second:
            texts = {line["To"]: line["Body"].split(":")[0] for line in reminders}
            assert texts == {
                e164: "Nhac 1" if one == 1 else "Xin ong/ba cai giup" for e164, one in drawn.items() if one
            }
        answer_as_people_do(world, chance, reminders, day=step)
        # Whoever was held out may come to it alone.
        alone = [e164 for e164, one in drawn.items() if one == HELD_OUT][:1]
        for e164 in alone:
            world.reply(e164, "da cai roi", gateway_id=f"SM-alone-{step}")
        with world.runtime.db.read() as session:
            lift = next(each for each in read_lifts(session, campaign, world) if each.number == step)
            installed = {
                e164
                for e164, answer in session.execute(
                    select(Phone.e164, Recipient.answer).join(Phone, Phone.id == Recipient.phone_id)
                )
                if answer == "installed"
            }
        assert lift.held_out == ArmCounts(Counter(drawn.values())[HELD_OUT], len(alone))
        reached = {e164 for e164, one in drawn.items() if one != HELD_OUT}
        assert lift.reminded == ArmCounts(len(reached), len(reached & installed))
        assert lift.first_text + lift.second_text == lift.reminded
        assert lift.lift is not None
        assert lift.lift.low <= lift.lift.value <= lift.lift.high
    status = world.status(campaign)
    assert [sum(step["messages"].values()) for step in status["steps"]] == [PEOPLE] * 3


def test_each_gets_the_text_in_their_language_and_who_has_none_the_vietnamese_one(world):
    """The words stand for a translator's: the product holds the places, staff enter the texts."""
    world.add_people(4)
    for index, code in ((1, "sed"), (2, "jra")):
        world.execute(update(Phone).where(Phone.e164 == number(index)).values(language=code))
    world.sent(text="Mời cài: {link}", text_b="Xin cài: {link}", texts={"sed": "sed: {link}"})
    bodies = {line["To"]: line["Body"].split(" http")[0] for line in world.simulator.ledger()}
    assert bodies[number(1)] == "sed:"
    assert {bodies[number(i)] for i in (0, 2, 3)} <= {"Mời cài:", "Xin cài:"}
    arms = dict(world.rows(select(Phone.e164, Message.arm).join(Message, Message.phone_id == Phone.id)))
    assert arms[number(1)] == 1
    assert {bodies[number(i)] == "Xin cài:" for i in (0, 2, 3) if arms[number(i)] == 2} <= {True}


def test_the_same_content_is_what_a_number_gets_in_its_own_language(world):
    world.add_people(2)
    world.execute(update(Phone).where(Phone.e164 == number(1)).values(language="sed"))
    world.sent(text="Mời cài: {link}", texts={"sed": "sed: {link}"})
    again = world.launch(name="Đợt hai", text="Xin mời cài: {link}", texts={"sed": "SED:  {link}"})
    other = world.sent(name="Đợt ba", text="Mời cài: {link}", texts={"sed": "[khác] {link}"})
    sent = [(line["To"], line["Body"].split(" http")[0]) for line in world.simulator.ledger()]
    # To each what is new to them, whatever the others get.
    assert sorted(sent) == sorted(
        [
            *((number(0), "Mời cài:"), (number(1), "sed:")),
            *((number(0), "Xin mời cài:"), (number(1), "[khác]")),
        ]
    )
    for campaign in (again, other):
        assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 1, "skipped": 1}


@both_databases
@pytest.mark.parametrize("hold_out", [0.5, 0.1])
def test_the_databases_draw_as_the_rule_does(world, hold_out):
    campaign = world.launch(people=300, hold_out=hold_out, text_b="Khác: {link}")
    with world.runtime.db.read() as session:
        seed = session.get_one(Campaign, campaign).seed or 0
        rows = session.execute(
            select(Recipient.contact_id, Recipient.bucket, Message.arm)
            .join(Message, Message.recipient_id == Recipient.id)
            .join(Step, Step.id == Message.step_id)
        ).all()
    assert seed > 0
    for contact_id, lot_, given in rows:
        assert lot_ == bucket(contact_id, seed)
        assert given == arm(lot_, seed, 1, hold_out=hold_out, has_second=True)
    assert len({given for *_, given in rows}) == 3
