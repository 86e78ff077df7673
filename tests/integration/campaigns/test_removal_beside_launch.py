"""People erased, merged, or removed with their import, in the middle of a launch, and the reverse: nobody is lost, and no
recipient names somebody who is gone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from campaigns.answer_totals import find_differences
from campaigns.cases.merge_people import merge_people
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Message, Outbox
from campaigns.models.privacy import RequestKind
from campaigns.privacy.erase_contact import erase_contact
from campaigns.privacy.requests import record_request
from campaigns.rules.states import CampaignAction
from campaigns.sweep import open_step, steps_due
from outreach.imports.undo_import import undo_import_rows
from outreach.models.contacts import Contact, ListImport, Phone
from outreach.rules.quiet_days import NO_DAYS
from tests.integration.campaigns.test_interleaved_transactions import BLOCKED_S
from tests.integration.campaigns.test_lifecycle import approved
from tests.support.lists import bring, local, write
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, LIST, World, number

pytestmark = both_databases

Work = Callable[[Session], object]
OTHERS = 3


def in_the_middle(world: World, first: Work, second: Work) -> None:
    """`second` begins once `first` has done all but commit; both have committed when this returns."""

    def run_second() -> None:
        with world.runtime.db.write() as session:
            second(session)

    with ThreadPoolExecutor(1) as pool:
        with world.runtime.db.write() as session:
            first(session)
            begun = pool.submit(run_second)
            assert not wait([begun], timeout=BLOCKED_S).done, "it did not wait"
        begun.result()


@pytest.fixture
def person(world: World, tmp_path: Path) -> int:
    """Somebody whom an import alone brought, with a number of their own, among people of the same list; their id."""
    world.add_people(OTHERS)
    bring(world, write(tmp_path, f"1,A Thun,1960,Thôn 1,,{local(8)}"), name=LIST)
    return world.one(select(func.max(Contact.id)))


def erase(world: World, person: int) -> Work:
    key = world.keys.secret_key
    request = record_request(
        world.runtime,
        person,
        RequestKind.ERASE,
        asked_by="chính họ",
        asked_on=None,
        secret_key=key,
        user=world.user(AUTHOR),
        now=world.now,
    ).id
    user = world.user(APPROVER)
    return lambda session: erase_contact(session, request, secret_key=key, user=user, now=world.now)


def merge(world: World, person: int) -> Work:
    user = world.user(AUTHOR)
    kept = person - 1
    return lambda session: merge_people(session, kept, person, user=user, now=world.now)


def undo(world: World, _person: int) -> Work:
    key = world.keys.secret_key

    def work(session: Session) -> None:
        brought = session.scalars(select(ListImport)).one()
        undo_import_rows(session, brought, limit=100, secret_key=key, now=world.now)

    return work


def prepare(world: World) -> tuple[int, Work]:
    campaign = approved(world)
    world.act(campaign, CampaignAction.LAUNCH)
    now = datetime.now(UTC)
    with world.runtime.db.read() as session:
        (step,) = steps_due(session, now=now, quiet=NO_DAYS)
    return campaign, lambda session: open_step(session, step, settings=world.runtime.settings, now=now)


def check(world: World, campaign: int) -> dict[str, int]:
    """Whatever came first, rows refer to what exists, counts are right, and everybody is written to once at most."""
    with world.runtime.db.read() as session:
        for column, table in ((Recipient.contact_id, Contact), (Recipient.phone_id, Phone)):
            known = exists().where(table.id == column)
            assert session.scalars(select(column).where(column.is_not(None), ~known)).all() == []
        known = exists().where(Phone.id == Message.phone_id)
        assert session.scalars(select(Message.id).where(~known)).all() == []
        assert find_differences(session)[1] == []
        of_nobody = select(Outbox.message_id).join(Message, Message.id == Outbox.message_id)
        of_nobody = of_nobody.join(Recipient, Recipient.id == Message.recipient_id)
        assert session.scalars(of_nobody.where(Recipient.contact_id.is_(None))).all() == []
        assert session.scalar(
            select(func.count()).select_from(Recipient).where(Recipient.exclusion.is_(None))
        ) in (session.get_one(Campaign, campaign).recipients, OTHERS)
    world.send()
    assert len(world.sent_to()) == len(set(world.sent_to()))
    return dict(world.status(campaign)["steps"][0]["messages"])


@pytest.mark.parametrize(
    ("remove", "left"),
    [
        (erase, {"accepted": OTHERS, "skipped": 1}),
        (merge, {"accepted": OTHERS}),  # two people are one, and counted once
        (undo, {"accepted": OTHERS + 1}),
    ],
)
def test_removed_while_a_launch_has_not_committed(
    world: World, person: int, remove: Callable[[World, int], Work], left: dict[str, int]
) -> None:
    world.simulator.faults(callbacks_off=True)
    work = remove(world, person)
    campaign, launch = prepare(world)
    in_the_middle(world, launch, work)
    assert check(world, campaign) == left


@pytest.mark.parametrize("remove", [erase, merge, undo])
def test_launched_while_a_removal_has_not_committed(
    world: World, person: int, remove: Callable[[World, int], Work]
) -> None:
    world.simulator.faults(callbacks_off=True)
    work = remove(world, person)
    campaign, launch = prepare(world)
    in_the_middle(world, work, launch)
    assert check(world, campaign) == {"accepted": OTHERS}
    assert number(8) not in world.sent_to() or remove is merge
