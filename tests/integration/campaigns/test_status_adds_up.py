"""Whatever happens to a campaign, its recipients are those who were sent something, skipped, wait, failed or are unknown."""

import random
from contextlib import suppress

import pytest
from sqlalchemy import select, update

from campaigns.cases.merge_people import unmerge_people
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt
from campaigns.rules.states import AttemptState, CampaignAction, CampaignState
from outreach.models.contacts import Contact, PersonMerge, Phone
from outreach.rules.errors import LoaError
from tests.integration.campaigns.test_erase_contact import ask, forget
from tests.integration.campaigns.test_merge_people import merge
from tests.integration.campaigns.test_second_wave import extend
from tests.support.world import AUTHOR

STEPS = [{"after_days": 1, "text": "Nhac lai [{name} ]{link}"}, {"after_days": 2, "text": "Lan cuoi {link}"}]

EVENTS = [
    "send",
    "send",
    "reply",
    "merge",
    "unmerge",
    "erase",
    "second_wave",
    "next_step",
    "pause",
    "decide",
    "look_up",
]


class Story:
    """One campaign, and what may happen to it at any moment."""

    def __init__(self, world, chance):
        self.world, self.chance, self.hours, self.joined = world, chance, 0.0, 12
        world.add_people(12)
        world.simulator.faults(
            rate_cut=0.15, rate_cut_before=0.1, rate_500=0.1, rate_429=0.1, seed=chance.randrange(999)
        )
        self.campaign = world.launch(step=STEPS)

    def send(self):
        self.world.send(0.4)

    def next_step(self):
        self.hours += 25
        self.world.sweep(at=self.world.in_hours(self.hours))

    def reply(self):
        numbers = self.world.all(select(Phone.e164).order_by(Phone.id))
        word = self.chance.choice(("TC", "1", "giup toi voi", "nham so roi"))
        self.world.reply(self.chance.choice(numbers), word, gateway_id=f"r{self.chance.random()}")

    def people(self):
        return list(self.world.all(select(Contact.id)))

    def merge(self):
        merge(self.world, *self.chance.sample(self.people(), 2))

    def unmerge(self):
        merges = self.world.all(select(PersonMerge.id))
        if merges:
            world = self.world
            now = world.in_hours(self.hours + 1)
            unmerge_people(world.runtime, self.chance.choice(merges), user=world.user(AUTHOR), now=now)

    def erase(self):
        forget(self.world, ask(self.world, self.chance.choice(self.people())))

    def second_wave(self):
        self.world.add_people(2, first=self.joined)
        self.joined += 2
        extend(self.world, self.campaign)

    def decide(self):
        unknown = update(Attempt).where(Attempt.state == AttemptState.UNKNOWN)
        self.world.execute(unknown.values(claimed_at=self.world.in_hours(-2)))
        self.world.decide_unresolved(self.campaign)

    def look_up(self):
        self.world.reconcile()

    def pause(self):
        is_paused = self.world.get_one(Campaign, self.campaign).state is CampaignState.PAUSED
        self.world.act(self.campaign, CampaignAction.RESUME if is_paused else CampaignAction.PAUSE)

    def happens(self):
        what = self.chance.choice(EVENTS)
        with suppress(LoaError):  # it is not possible now
            getattr(self, what)()
        return what


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.rest) for seed in range(2, 9))])
def test_recipients_are_sent_something_skipped_waiting_failed_or_unknown_at_every_moment(world, seed):
    story, told = Story(world, random.Random(seed)), []
    for _ in range(30):
        told.append(story.happens())
        status = world.status(story.campaign)
        counted = select(Recipient.id).where(
            Recipient.campaign_id == story.campaign, Recipient.exclusion.is_(None)
        )
        assert status["recipients"] == len(world.all(counted))
        for step in status["steps"]:
            assert sum(step["messages"].values()) == status["recipients"], (told, step)
            assert sum(step["skipped"].values()) == step["messages"].get("skipped", 0), (told, step)
            assert min(step["messages"].values(), default=0) >= 0, (told, step)
