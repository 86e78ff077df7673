"""Random stories of approvals and changes: nothing leaves that two people, or one below the limit, did not read.

`STORIES=5000 SEED=1 .venv/bin/python -m pytest tests/integration/campaigns/test_approval_stories.py` tells that many.
"""

import os
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select, update

from campaigns.lifecycle import edit_campaign, perform_action
from campaigns.models.campaigns import Campaign, CampaignList, CampaignVersion, Step
from campaigns.models.messages import Outbox
from campaigns.planning.correct_texts import confirm_correction, propose_correction
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.states import CampaignAction, CampaignState
from campaigns.sweep import SweepResult, _open_steps, send_second_wave
from outreach.models.accounts import Role, User
from outreach.models.contacts import ContactList, Membership
from outreach.rules.errors import LoaError
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, World

STORIES, SEED = int(os.environ.get("STORIES", "5")), int(os.environ.get("SEED", "1"))
SECOND, THIRD = "duyet2@loa.example", "duyet3@loa.example"
APPROVERS = (APPROVER, SECOND, THIRD)
LIMIT, GROWTH_PERCENT, PEOPLE = 4, 25.0, 14
_A = CampaignAction


class Read(NamedTuple):
    """What one sees of a campaign: its texts, lists and drive, how many people it goes to, and the submission's number."""

    texts: str
    lists: tuple[int, ...]
    drive: int
    people: int
    version: int | None


@dataclass
class Story:
    world: World
    dice: random.Random
    users: dict[str, User]
    people: list[int]
    lists: list[int]
    campaign: int = 0
    looked: dict[str, Read] = field(default_factory=dict)  # by approver: the page that is open
    read: list[tuple[str, Read]] = field(default_factory=list)  # what was approved, by whom
    proposal: tuple[str, str, set[str]] | None = None  # of a correction: when, by whom, confirmed by whom
    told: list[str] = field(default_factory=list)

    def tell(self):
        names = {list_id: f"L{list_id}" for list_id in self.lists}
        for list_id, name in names.items():
            self.world.change(ContactList, list_id, name=name)
        self.campaign = self.world.draft(lists=[names[self.lists[0]]], step=self._reminder())
        for _ in range(self.dice.randrange(4)):
            self.grow()
        self.submit()
        for _ in range(self.dice.randrange(8, 22)):
            step = self.dice.choice(self._next())
            try:
                step()
                self.told.append(step.__name__)
            except LoaError as error:
                self.told.append(f"{step.__name__}: {error.code}")
            self.check()
        self.world.execute(
            update(Campaign).where(Campaign.id == self.campaign).values(state=CampaignState.CANCELLED)
        )
        self.world.execute(delete(Outbox).where(Outbox.stream_id == self.campaign))

    def _next(self):
        """What somebody may do now, the likelier the oftener."""
        state = self.world.get_one(Campaign, self.campaign).state
        always = [self.look, self.look, self.grow, self.grow, self.sweep]
        more = {
            CampaignState.DRAFT: [self.edit, self.edit, *[self.submit] * 6],
            CampaignState.SUBMITTED: [*[self.approve] * 8, self.give_back],
            CampaignState.APPROVED: [*[self.launch] * 6, self.give_back],
            CampaignState.SENDING: [
                *[self.sweep] * 3,
                *[self.wave] * 5,
                *[self.correct] * 3,
                *[self.days_pass] * 2,
                self.pause,
                self.undo,
            ],
            CampaignState.PAUSED: [*[self.approve] * 6, *[self.resume] * 2, self.undo],
            CampaignState.COMPLETED: [*[self.wave] * 4, *[self.correct] * 2],
        }
        return [*always, *more[state]]

    def check(self):
        """What may leave now has been read by enough people, as it is now."""
        campaign = self.world.get_one(Campaign, self.campaign)
        waits = self.world.scalar(select(func.count()).where(Outbox.stream_id == self.campaign))
        if campaign.state is not CampaignState.SENDING or not waits:
            return
        now = self.see()
        readers = {
            email
            for email, read in self.read
            if read[:3] == now[:3] and now.people <= int(read.people * (1 + GROWTH_PERCENT / 100))
        }
        assert len(readers) >= (2 if now.people >= LIMIT else 1), (self.told, now, self.read)

    def see(self):
        campaign = self.world.get_one(Campaign, self.campaign)
        steps = select(Step.text).where(Step.campaign_id == self.campaign).order_by(Step.number)
        texts = repr((self.world.all(steps), campaign.content.get("phone")))
        lists = self._lists_of(campaign)
        people = campaign.recipients
        if people is None:
            members = select(func.count(Membership.contact_id.distinct()))
            people = self.world.scalar(members.where(Membership.list_id.in_(lists))) or 0
        n = select(func.max(CampaignVersion.n)).where(CampaignVersion.campaign_id == self.campaign)
        return Read(texts, lists, campaign.drive_id, people, self.world.scalar(n))

    def _lists_of(self, campaign):
        chosen = select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id)
        return tuple(sorted(self.world.all(chosen)))

    def press(self, action, email, **more):
        user, now = self.users[email], datetime.now(UTC)
        perform_action(self.world.runtime, self.campaign, action, user=user, now=now, reason="x", **more)

    def submit(self):
        self.press(_A.SUBMIT, AUTHOR)

    def look(self):
        self.looked[self.dice.choice(APPROVERS)] = self.see()

    def approve(self):
        email = self.dice.choice(APPROVERS)
        if self.dice.random() < 0.6:
            self.looked[email] = self.see()
        read = self.looked.get(email)
        if read is None:
            return
        if self.dice.random() < 0.2:  # by a command that names nothing: the number is today's
            self.press(_A.APPROVE, email)
            read = read._replace(people=self.see().people)
        else:
            self.press(_A.APPROVE, email, version=read.version, recipients=read.people)
        self.read.append((email, read))

    def launch(self):
        self.press(_A.LAUNCH, AUTHOR)

    def sweep(self):
        _open_steps(self.world.runtime, SweepResult(), now=datetime.now(UTC))

    def grow(self):
        list_id = self.dice.choice(self.lists)
        with self.world.runtime.db.write() as session:
            for person in self.dice.sample(self.people, self.dice.randrange(1, 4)):
                if session.get(Membership, (list_id, person)) is None:
                    session.add(Membership(list_id=list_id, contact_id=person))

    def wave(self):
        email = self.dice.choice((AUTHOR, *APPROVERS))
        before = self.see()
        wave = self.world.do(
            send_second_wave,
            self.campaign,
            settings=self.world.runtime.settings,
            user=self.users[email],
            now=datetime.now(UTC),
        )
        if email != AUTHOR:  # who presses has read the page, with the number
            self.read.append((email, before._replace(people=before.people + wave.people)))
            if wave.has_left:
                self.read[-1] = (email, self.see())

    def correct(self):
        since = self.world.get_one(Campaign, self.campaign).corrected_at
        if self.proposal is None:
            email, now = self.dice.choice((AUTHOR, *APPROVERS)), datetime.now(UTC)
            texts = {"phone": str(self.dice.randrange(1000, 1100))}
            self.world.do(
                propose_correction, self.campaign, texts, since=since, user=self.users[email], now=now
            )
            self.proposal = (now.isoformat(), email, set())
            return
        at, by, confirmed = self.proposal
        email = self.dice.choice(APPROVERS)
        changed = self.world.do(
            confirm_correction, self.campaign, proposed_at=at, user=self.users[email], now=datetime.now(UTC)
        )
        confirmed.add(email)
        if changed:
            now = self.see()
            # The number of people is as it was approved before, whatever one of two has agreed to since.
            approved = self.world.get_one(Campaign, self.campaign).approved_recipients or now.people
            readers = confirmed | ({by} - {AUTHOR})
            self.read += [(reader, now._replace(people=approved)) for reader in readers]
            self.proposal = None

    def edit(self):
        n = self.dice.randrange(3)
        lists = self.dice.sample(self.lists, self.dice.randrange(1, 3))
        data = {
            "name": "B",
            "text": f"Moi cai {n}: {{link}}",
            "lists": [f"L{each}" for each in lists],
            "sender": "MTTQ",
            "drive": self.dice.choice(("Một", "Hai")),
            "step": self._reminder(),
        }
        with self.world.runtime.db.write() as session:
            draft = read_draft(data, kinds=load_kinds())
            edit_campaign(
                session, self.campaign, draft, user=session.merge(self.users[AUTHOR]), now=self.world.now
            )

    def _reminder(self):
        return [{"after_days": 2, "text": f"Nhac {self.dice.randrange(2)}: {{link}}"}]

    def give_back(self):
        self.press(_A.RETURN, self.dice.choice((AUTHOR, APPROVER)))

    def pause(self):
        self.press(_A.PAUSE, AUTHOR)

    def resume(self):
        self.press(_A.RESUME, AUTHOR)

    def undo(self):
        self.press(_A.UNDO, AUTHOR)

    def days_pass(self):
        """The first text has left, and the reminder's day has come."""
        with self.world.runtime.db.write() as session:
            if session.scalar(select(Step.opened_at).where(Step.campaign_id == self.campaign).limit(1)):
                session.execute(delete(Outbox).where(Outbox.stream_id == self.campaign))
                session.execute(
                    update(Campaign)
                    .where(Campaign.id == self.campaign, Campaign.launched_at.is_not(None))
                    .values(launched_at=self.world.in_hours(-60))
                )


@both_databases
def test_nothing_leaves_that_enough_people_have_not_read(world):
    settings = world.runtime.settings
    settings = replace(settings, two_approvals_people=LIMIT, approved_growth_percent=GROWTH_PERCENT)
    world.runtime = replace(world.runtime, settings=settings)
    world.add_people(PEOPLE)
    for name in ("Một", "Hai"):
        world.open_drive(name)
    for email in (SECOND, THIRD):
        world.officer(email, Role.APPROVER)
    people = world.all(select(Membership.contact_id))
    world.execute(delete(Membership))
    users = {email: world.user(email) for email in (AUTHOR, *APPROVERS)}
    owner = users[AUTHOR].organisation_id
    ids = [world.add_list(f"S{n}", owner=owner) for n in range(2)]
    for n in range(STORIES):
        world.execute(delete(Membership))
        story = Story(world, random.Random(SEED * 1_000_000 + n), users, people, ids)
        try:
            story.tell()
        except AssertionError as error:
            raise AssertionError(f"story {n} of seed {SEED}: {error}") from error
