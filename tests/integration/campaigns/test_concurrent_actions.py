"""Two people press, or two workers sweep, at the same moment: one wins and nothing happens twice."""

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from threading import Barrier, Event

import pytest
from sqlalchemy import func, select, update

from campaigns.models.campaigns import Campaign, MadeKind, Recipient
from campaigns.models.messages import Message, Outbox
from campaigns.planning.drives import save_drive
from campaigns.planning.kinds import create_kind, load_kinds
from campaigns.rules.states import CampaignAction, CampaignState
from campaigns.sweep import open_step, steps_due
from outreach.accounts.users import add_user as add_account
from outreach.accounts.users import (
    change_password,
    change_user,
    check_password,
    disable_user,
    has_password,
    set_password,
)
from outreach.models.accounts import AuditEvent, Role, User
from outreach.rules.errors import BadInput, LoaError, NotAllowed, WrongState
from outreach.rules.quiet_days import NO_DAYS
from tests.integration.campaigns.test_bound_approval import add_user
from tests.integration.campaigns.test_lifecycle import approved
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, PASSWORD

pytestmark = both_databases

A, C = CampaignAction, CampaignState


def at_once(*works):
    """What each came to, its error where it was refused in words; all set off together."""
    ready = Barrier(len(works))

    def run(work):
        ready.wait()
        try:
            return work()
        except (WrongState, BadInput) as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def press(world, campaign_id, action, email):
    return lambda: world.decide(campaign_id, action, email)


def events(world, campaign_id, action):
    found = world.scalar(
        select(func.count()).where(
            AuditEvent.subject == f"campaigns:{campaign_id}", AuditEvent.action == f"campaign.{action}"
        )
    )
    return found or 0


@pytest.mark.parametrize("action", [A.APPROVE, A.LAUNCH, A.CANCEL])
def test_of_two_who_press_the_same_one_wins_and_the_other_is_told(world, action):
    other = add_user(world, Role.APPROVER)
    for _ in range(3):
        campaign = world.draft()
        world.act(campaign, A.SUBMIT)
        if action is A.LAUNCH:
            world.act(campaign, A.APPROVE, APPROVER)
        outcomes = at_once(press(world, campaign, action, APPROVER), press(world, campaign, action, other))
        assert len([outcome for outcome in outcomes if isinstance(outcome, WrongState)]) == 1
        assert events(world, campaign, action.value) == 1


def test_approved_and_sent_back_at_once_it_ends_where_one_of_them_put_it(world):
    """Sending back an approved campaign is allowed, so both may succeed, in this order alone."""
    other = add_user(world, Role.APPROVER)
    for _ in range(5):
        campaign = world.draft()
        world.act(campaign, A.SUBMIT)
        approve, back = at_once(
            press(world, campaign, A.APPROVE, APPROVER), press(world, campaign, A.RETURN, other)
        )
        assert back is C.DRAFT
        assert approve is C.APPROVED or isinstance(approve, WrongState)
        assert world.get_one(Campaign, campaign).state is C.DRAFT


def test_kinds_of_one_title_made_at_the_same_moment_are_two(world):
    content = load_kinds()["khao-sat"]
    for _ in range(3):
        at_once(lambda: world.do(create_kind, content), lambda: world.do(create_kind, content))
    assert len({kind.code for kind in world.all(select(MadeKind))}) == 6


def test_of_two_who_store_the_same_at_the_same_moment_the_second_is_told(world):
    admin, now = add_user(world, Role.ADMINISTRATOR), world.now
    user = world.user(admin)
    account = {"name": "Y Hlan", "role": Role.STAFF, "organisation_id": None, "area_code": None}
    for n in range(3):
        drive = partial(save_drive, world.runtime, kind="bluezone", name=f"Đợt {n}", starts_on=now.date())
        made = partial(drive, ends_on=None, user=user, now=now)
        added = partial(add_account, world.runtime, email=f"y{n}@loa.example", **account, user=user, now=now)
        for work, code in ((made, "drive_name_taken"), (added, "email_taken")):
            outcomes = at_once(work, work)
            assert [each.code for each in outcomes if isinstance(each, LoaError)] == [code]


def test_cancelled_while_it_is_launched_nothing_is_left_to_send(world):
    world.add_people(3)
    for _ in range(3):
        campaign = approved(world)
        world.act(campaign, A.LAUNCH)
        at_once(press(world, campaign, A.CANCEL, AUTHOR), world.sweep)
        assert world.get_one(Campaign, campaign).state is C.CANCELLED
        assert world.count(Outbox) == 0
        waiting = select(func.count()).where(Message.campaign_id == campaign, Message.state != "cancelled")
        assert world.scalar(waiting) == 0


def test_of_two_sweeps_one_opens_the_step(world):
    world.add_people(5)
    campaign = approved(world)
    world.act(campaign, A.LAUNCH)
    now = datetime.now(UTC)
    (step,) = world.read(steps_due, now=now, quiet=NO_DAYS)

    def work():
        return world.do(open_step, step, settings=world.runtime.settings, now=now)

    assert sorted(map(bool, at_once(work, work, work))) == [False, False, True]
    for table in (Recipient, Message):
        assert world.scalar(select(func.count()).where(table.campaign_id == campaign)) == 5
    assert world.count(Outbox) == 5


def test_whole_sweeps_at_once_do_no_harm(world):
    world.add_people(5)
    campaign = approved(world)
    world.act(campaign, A.LAUNCH)
    at_once(*[world.sweep] * 4)
    assert world.status(campaign)["steps"] == [{"step": 1, "messages": {"queued": 5}, "skipped": {}}]


@pytest.mark.parametrize("how", ["disabled", "made staff"])
def test_two_administrators_who_shut_each_other_out_leave_one(world, how):
    emails = [world.officer(f"qt{n}@loa.example", Role.ADMINISTRATOR) for n in (1, 2)]
    one, two = map(world.user, emails)
    scope = {"name": "", "role": Role.STAFF, "organisation_id": None, "area_code": None}

    def shut_out(whom, by):
        def press():
            with suppress(NotAllowed):  # who presses second may be no administrator any more
                if how == "disabled":
                    world.do(disable_user, whom.id, user=by)
                else:
                    world.do(change_user, whom.id, **scope, user=by)

        return press

    for _ in range(8):
        at_once(shut_out(one, two), shut_out(two, one))
        left = world.all(select(User).where(User.role == Role.ADMINISTRATOR, User.is_active))
        assert len(left) == 1
        both = update(User).where(User.email.in_(emails))
        world.execute(both.values(is_active=True, role=Role.ADMINISTRATOR))


@pytest.mark.parametrize("ends", ["disabled", "given another password"])
def test_a_password_that_is_ended_while_its_owner_changes_it_stays_ended(world, ends):
    admin = world.officer("qt@loa.example", Role.ADMINISTRATOR)
    owner, given = world.user(AUTHOR), "mưa rừng tháng bảy 62"
    read = Event()

    def end():
        read.wait(5)
        if ends == "disabled":
            world.do(disable_user, owner.id, by=admin)
        else:
            world.do(set_password, owner.id, given)

    def change():
        with world.runtime.db.write() as session:
            row = session.get_one(User, owner.id)
            read.set()
            wait([ending], timeout=2)
            with suppress(BadInput):
                change_password(
                    session, current=PASSWORD, new="của kẻ gian 2026 bí mật", user=row, now=world.now
                )

    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(end)
        change()
        ending.result()
    assert check_password(world.get_one(User, owner.id), given) == (ends != "disabled")
    assert has_password(world.get_one(User, owner.id)) == (ends != "disabled")
