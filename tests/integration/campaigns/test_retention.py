"""What is personal in a campaign goes a set time after its end; figures and hashed suppressions stay."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import String, cast, delete, func, literal, select, update

from campaigns.answer_totals import find_differences
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt
from campaigns.models.privacy import ConsentEvent
from campaigns.models.replies import Reply
from campaigns.privacy.consents import ALL_MESSAGES, record_consent
from campaigns.privacy.expiry import remove_expired
from campaigns.privacy.retention import ClearResult, campaigns_due, clear_campaign, preview_clear
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.states import CampaignAction
from outreach.contacts.phones import find_or_create_phones
from outreach.models.accounts import AuditEvent
from outreach.models.contacts import (
    Contact,
    ContactList,
    KeptValue,
    ListImport,
    Membership,
    Phone,
    Wish,
    WishNumber,
)
from outreach.rules.wishes import drive_scope
from simulator.testing import RunningSimulator
from tests.support.lists import bring, local
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import AUTHOR, LIST, World, number

DAYS = 90


def end_and_wait(world: World, campaign: int, *, days: int) -> datetime:
    """A campaign that is over, so many days later; its people untouched since."""
    ended = datetime.now(UTC)
    with world.runtime.db.write() as session:
        session.execute(
            update(Campaign).where(Campaign.id == campaign).values(ended_at=ended, state="completed")
        )
        session.execute(update(Contact).values(updated_at=ended - timedelta(days=1)))
    return ended + timedelta(days=days)


def due(world: World, now: datetime) -> list[int]:
    with world.runtime.db.read() as session:
        return campaigns_due(session, days=DAYS, now=now)


def expected(world: World, campaign: int, now: datetime) -> ClearResult:
    with world.runtime.db.read() as session:
        return preview_clear(session, campaign, days=DAYS, now=now)


def counted(world: World) -> dict[type, int]:
    return {
        table: world.scalar(select(func.count()).select_from(table)) or 0
        for table in (Contact, Phone, Recipient, Attempt, Reply, Wish)
    }


@both_databases
def test_people_of_two_campaigns_are_foretold_once(world: World) -> None:
    world.add_people(5)
    campaigns = [world.launch(), world.launch()]
    for each in campaigns:
        now = end_and_wait(world, each, days=91)
    with world.runtime.db.read() as session:
        first = preview_clear(session, campaigns[0], days=DAYS, now=now)
        second = preview_clear(session, campaigns[1], days=DAYS, now=now, before=campaigns[:1])
    assert (first.people, second.people, second.numbers) == (5, 0, 0)


@both_databases
def test_people_and_texts_go_after_ninety_days_and_the_figures_stay(
    world: World, simulator: RunningSimulator
) -> None:
    world.add_people(5)
    campaign = world.launch()
    world.send()
    world.reply(number(0), "da cai roi", gateway_id="SM1")
    world.reply(number(1), "TC", gateway_id="SM2")
    world.send()
    status: dict[str, Any] = world.status(campaign)
    assert due(world, end_and_wait(world, campaign, days=89)) == []
    now = end_and_wait(world, campaign, days=91)
    assert due(world, now) == [campaign]
    before, foreseen = counted(world), expected(world, campaign, now)
    assert counted(world) == before, "to look changes nothing"
    assert (foreseen.people, foreseen.kept, foreseen.numbers, foreseen.replies) == (5, 0, 5, 2)

    done = clear_campaign(world.runtime, campaign, days=DAYS, now=now)

    assert asdict(done) == asdict(foreseen)
    after = world.status(campaign)
    assert {**after, "state": ""} == {**status, "state": ""}
    with world.runtime.db.read() as session:
        assert counted(world) == {**before, Contact: 0}
        assert all(e164.startswith("#") for e164 in session.scalars(select(Phone.e164)))
        bodies = session.scalars(select(Attempt.body).join(Recipient, Recipient.phone_id == Attempt.phone_id))
        assert not [body for body in bodies if "Thun" in body or "http" in body]
        assert {(row.body, row.sender) for row in session.scalars(select(Reply))} == {("", "")}
        assert set(session.scalars(select(Recipient.contact_id))) == {None}
        kept = session.scalars(select(WishNumber)).one()
        assert (kept.phone_id, len(kept.number_hash)) == (None, 64)
        assert find_differences(session)[1] == []
        entry = session.scalars(select(AuditEvent).where(AuditEvent.action == "campaign.clear")).one()
        assert entry.details["people"] == 5
    assert due(world, now) == [], "once"


@both_databases
@pytest.mark.parametrize("is_migrated", [False, True])
def test_an_opt_out_from_one_drive_holds_for_a_number_that_returns(world: World, is_migrated: bool) -> None:
    world.add_people(3)
    campaign = world.launch(kind="khao-sat", text="Moi ong/ba tra loi. TC de tu choi")
    world.send()
    world.reply(number(1), "TC đợt này", gateway_id="SM1")
    with world.runtime.db.write() as session:  # a number whose contact went before
        gone = session.merge(world.recipient(number(2), campaign))
        record_page_answer(session, gone.id, "opt_out_drive", keys=world.keys, now=world.now)
        session.execute(delete(Contact).where(Contact.id == gone.contact_id))
        if is_migrated:  # as the migration leaves numbers that it cannot hash
            number_hash = literal("phone:") + cast(WishNumber.phone_id, String)
            session.execute(update(WishNumber).values(number_hash=number_hash, key_id=""))
    world.send()  # confirmations
    now = end_and_wait(world, campaign, days=91)
    assert clear_campaign(world.runtime, campaign, days=DAYS, now=now).numbers == 2
    remove_expired(world.runtime, days=DAYS, now=now)
    with world.runtime.db.write() as session:
        numbers = [number(index) for index in range(3)]
        find_or_create_phones(session, numbers, secret_key=world.keys.secret_key, now=now)
    with world.runtime.db.read() as session:
        assert numbers_left_alone(session) == set()
        assert numbers_left_alone(session, scopes=[drive_scope(world.drive("khao-sat"))]) == {
            number(1),
            number(2),
        }


def test_who_is_needed_elsewhere_or_was_brought_anew_stays(world: World) -> None:
    world.add_people(4)
    first = world.launch()
    world.send()
    now = end_and_wait(world, first, days=91)
    # A draft on the same list: its people are about to be written to.
    world.now = now - timedelta(days=1)
    draft = world.draft(name="Tiêm chủng", text="Mời ông/bà đi tiêm: {link}")
    assert expected(world, first, now).people == 0
    world.act(draft, CampaignAction.CANCEL)
    with world.runtime.db.write() as session:
        session.execute(
            update(Campaign).where(Campaign.id == draft).values(ended_at=now - timedelta(days=100))
        )
        someone, agreed, *_others = session.scalars(select(Contact).order_by(Contact.id))
        someone.updated_at = now - timedelta(days=1)
        kept = [someone.id, agreed.id]
        record_consent(
            session,
            agreed.id,
            purpose=ALL_MESSAGES,
            is_given=True,
            on=None,
            evidence="Phiếu số 7",
            guardian="",
            purposes=(),
            user=world.user(AUTHOR),
            now=now - timedelta(days=1),
        )
    foreseen = expected(world, first, now)
    assert (foreseen.people, foreseen.kept) == (2, 2)
    clear_campaign(world.runtime, first, days=DAYS, now=now)
    assert world.all(select(Contact.id).order_by(Contact.id)) == kept
    assert world.all(select(ConsentEvent.contact_id)) == kept[1:]
    assert {e164 for e164 in world.all(select(Phone.e164)) if not e164.startswith("#")} == {
        number(0),
        number(1),
    }


def test_a_campaign_with_a_message_on_its_way_waits(world: World, simulator: RunningSimulator) -> None:
    world.add_people(2)
    campaign = world.launch()
    simulator.faults(rate_cut=1.0)
    world.send()
    assert due(world, end_and_wait(world, campaign, days=91)) == []


def test_who_was_kept_goes_when_the_reason_is_gone(world: World) -> None:
    world.add_people(3)
    campaign = world.launch()
    world.send()
    ended = end_and_wait(world, campaign, days=0)
    with world.runtime.db.write() as session:
        again = ListImport(
            list_id=world.list_id, file_name="ds.xlsx", sha256="0" * 64, imported_at=ended + timedelta(days=5)
        )
        session.add(again)
        session.flush()
        session.execute(update(Membership).values(last_import_id=again.id))
    for day, left in ((91, 3), (96, 0)):
        now = ended + timedelta(days=day)
        assert due(world, now) == [campaign]
        done = clear_campaign(world.runtime, campaign, days=DAYS, now=now)
        assert (done.kept, counted(world)[Contact]) == (left, left)
    assert due(world, ended + timedelta(days=98)) == [], "nobody is left"
    with world.runtime.db.read() as session:
        assert session.query(AuditEvent).filter_by(action="campaign.clear").count() == 2


def test_a_draft_or_a_pause_that_was_left_lying_keeps_nobody(
    world: World, simulator: RunningSimulator
) -> None:
    world.add_people(2)
    paused = world.launch(name="Tiêm chủng", window=world.closed_window())
    world.act(paused, CampaignAction.PAUSE)
    world.draft(name="Chưa gửi")
    campaign = world.launch()
    world.send()
    now = end_and_wait(world, campaign, days=91)
    assert expected(world, campaign, now - timedelta(days=1, seconds=5)).people == 0
    now += timedelta(minutes=1)
    assert clear_campaign(world.runtime, campaign, days=DAYS, now=now).people == 2
    world.act(paused, CampaignAction.RESUME)
    assert world.status(paused)["steps"][0]["messages"] == {"skipped": 2}, "nothing is left to go to anybody"


@both_databases
def test_columns_of_a_list_go_with_its_last_campaign_also_of_who_stays(world: World, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    lines = [f"{name},{local(n)},8h" for n, name in ((11, "A Thun"), (12, "Y Rơ"))]
    file.write_text("\n".join(("Họ và tên,SĐT,{giờ hẹn}", *lines)), encoding="utf-8")
    bring(world, file, LIST)
    fields = {"giờ hẹn": "giờ hành chính"}
    first, second = (
        world.launch(text="Mời đến lúc {giờ hẹn}: {link}", fields=fields, name=each) for each in "AB"
    )
    now = end_and_wait(world, first, days=91)
    with world.runtime.db.write() as session:
        stays = session.scalars(select(Contact).where(Contact.name == "A Thun")).one()
        stays.updated_at = now

    def kept() -> list[tuple[str, list[str]]]:
        with world.runtime.db.read() as session:
            rows = select(Contact.name, ContactList.fields).join(
                KeptValue, KeptValue.contact_id == Contact.id
            )
            rows = rows.join(ContactList, ContactList.id == KeptValue.list_id).order_by(Contact.id)
            return [tuple(row) for row in session.execute(rows)]

    assert expected(world, first, now).values == 0
    clear_campaign(world.runtime, first, days=DAYS, now=now)
    assert kept() == [("A Thun", ["giờ hẹn"]), ("Y Rơ", ["giờ hẹn"])], "the second campaign is under way"
    with world.runtime.db.write() as session:
        ended = {"state": "completed", "ended_at": now - timedelta(days=91)}
        session.execute(update(Campaign).where(Campaign.id == second).values(ended))
    foreseen = expected(world, second, now)
    assert (foreseen.people, foreseen.kept, foreseen.values) == (1, 1, 1)
    assert clear_campaign(world.runtime, second, days=DAYS, now=now) == foreseen
    assert kept() == []
    assert world.all(select(Contact.name)) == ["A Thun"]
    assert world.all(select(ContactList.fields)) == [[]]
