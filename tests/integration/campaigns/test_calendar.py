"""The calendar: what goes to whom when, and who would get a third message within seven days, within each reader's scope."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient

from campaigns.analytics.calendar import CalendarEntry, read_calendar
from campaigns.analytics.collisions import ShownCollision, read_collisions
from campaigns.models.campaigns import Campaign
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.accounts.organisations import create_organisation
from outreach.models.accounts import OrganisationKind, Role
from outreach.rules.quiet_days import Period, QuietDays
from tests.support.admin_client import signed_in
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, World, number

OUTSIDER = "hoi@loa.example"


def later(world: World, days: int) -> datetime:
    return (world.now.astimezone(VIETNAM) + timedelta(days=days)).replace(
        hour=9, minute=0, second=0, microsecond=0
    )


def planned(world: World, days: int, **changes: object) -> int:
    """A campaign, approved and scheduled so many days ahead; its id."""
    campaign_id = world.draft(starts_at=later(world, days).isoformat(), **changes)
    for action, email in ((CampaignAction.SUBMIT, AUTHOR), (CampaignAction.APPROVE, "duyet@loa.example")):
        world.act(campaign_id, action, email)
    world.act(campaign_id, CampaignAction.LAUNCH)
    return campaign_id


def collisions(
    world: World, email: str = AUTHOR, *, of: int | None = None
) -> dict[int, list[ShownCollision]]:
    world.runtime.redis.flushdb()
    user = world.user(email)
    with world.runtime.db.read() as session:
        return read_collisions(session, user, runtime=world.runtime, now=world.now, campaign_id=of)


def entries(world: World, email: str = AUTHOR) -> list[CalendarEntry]:
    user, today = world.user(email), world.now.astimezone(VIETNAM).date()
    with world.runtime.db.read() as session:
        return read_calendar(
            session,
            user,
            today - timedelta(days=7),
            today + timedelta(days=60),
            settings=world.runtime.settings,
            now=world.now,
        )


@both_databases
def test_what_was_sent_and_what_is_planned_stand_at_their_days(world: World) -> None:
    world.add_people(3)
    sent = world.launch(step=[{"after_days": 3, "at": "18:00", "text": "Nhắc: {link} TC thôi nhận"}])
    world.send()
    dated = world.draft(name="Nháp", starts_at=later(world, 9).isoformat())
    world.draft(name="Không ngày")
    today = world.now.astimezone(VIETNAM).date()
    told = [
        (each.campaign_id, each.step, (each.day - today).days, each.sent, each.planned)
        for each in entries(world)
    ]
    assert told == [(sent, 1, 0, 3, None), (sent, 2, 3, None, 3), (dated, 1, 9, None, None)]
    # A day without sending puts the reminder off, in the calendar as in the sweep.
    days = QuietDays(periods=(Period(today + timedelta(days=3), today + timedelta(days=4), ""),))
    world.runtime = replace(world.runtime, settings=replace(world.runtime.settings, quiet_days=days))
    assert [(each.day - today).days for each in entries(world)] == [0, 5, 9]


@both_databases
def test_a_slow_campaign_is_spread_over_its_days(world: World) -> None:
    world.add_people(5)
    slow = planned(world, 2, pace=0.1, window=["09:00", "09:01"])  # six messages a day
    with world.runtime.db.write() as session:
        session.get_one(Campaign, slow).approved_recipients = 15
    told = [(each.planned, f"{each.at.astimezone(VIETNAM):%H:%M}") for each in entries(world)]
    assert told == [(6, "09:00"), (6, "09:00"), (3, "09:00")]


@both_databases
def test_a_third_message_within_a_week_is_told_with_the_campaigns_of_ones_scope(
    world: World, client: FlaskClient
) -> None:
    world.add_people(3)
    first = world.launch(name="Đợt một")
    world.send()
    second = planned(world, 2, name="Đợt hai")
    third = planned(world, 4, name="Ba")
    assert collisions(world) == {
        third: [ShownCollision(1, 3, False, [(first, "Đợt một"), (second, "Đợt hai")], 0)]
    }
    # A draft is judged in its own review, and counts for nobody else.
    draft = world.draft(name="Nháp", starts_at=later(world, 3).isoformat())
    assert [row.phones for row in collisions(world, of=draft)[draft]] == [3]
    with world.runtime.db.write() as session:
        other = create_organisation(session, code="PN", name="Hội Phụ nữ", kind=OrganisationKind.MASS)
        world.add_officer(session, OUTSIDER, Role.STAFF, other.id)
        session.get_one(Campaign, third).organisation_id = other.id
    assert collisions(world, OUTSIDER) == {third: [ShownCollision(1, 3, False, [], 2)]}
    assert {each.campaign_id for each in entries(world, OUTSIDER)} == {third}
    page = signed_in(client, OUTSIDER).get("/admin/calendar/?collisions=1").text
    assert "3 số sẽ nhận tin thứ ba" in page
    assert "2 chiến dịch của đơn vị khác" in page
    assert "Đợt" not in page
    assert client.get(f"/admin/calendar/collisions?campaign={first}").status_code == 404
    with world.runtime.db.write() as session:
        session.get_one(Campaign, second).state = CampaignState.CANCELLED
    assert collisions(world) == {}


def test_a_draft_is_told_who_was_written_to_by_another_campaign_shortly_before(
    world: World, client: FlaskClient
) -> None:
    world.add_people(3)
    first = world.launch(name="Đợt một")
    world.send()
    world.add_people(2, first=3)
    world.now = datetime.now(UTC)
    draft = world.draft(name="Nháp")
    assert collisions(world, of=draft) == {
        draft: [ShownCollision(1, 3, False, [(first, "Đợt một")], 0, of=5)]
    }
    page = signed_in(client, AUTHOR).get(f"/admin/calendar/collisions?campaign={draft}").text
    assert "3 trong 5 số vừa nhận tin của chiến dịch khác trong 24 giờ trước đó" in page
    far = world.draft(name="Xa", starts_at=later(world, 3).isoformat())
    assert collisions(world, of=far) == {}


@both_databases
def test_people_who_asked_for_no_messages_are_in_no_collision(world: World) -> None:
    world.add_people(3)
    world.launch(name="Đợt một")
    world.send()
    world.reply(number(0), "TC", gateway_id="SMstop")
    planned(world, 2)
    third = planned(world, 4)
    assert [row.phones for row in collisions(world)[third]] == [2]
