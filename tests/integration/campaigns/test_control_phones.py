"""Control phones: a copy of each text, ahead of the campaign, and what its holder says of it by one touch."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from campaigns.analytics.reach import read_reach
from campaigns.delivery.office_phones import (
    MOST_PHONES,
    add_control_phone,
    read_control_copies,
    read_control_phones,
    remove_control_phone,
)
from campaigns.models.campaigns import Campaign
from campaigns.models.checks import ControlCopy, ControlPhone
from campaigns.models.messages import Outbox
from campaigns.rules.control_phones import ControlLook
from campaigns.rules.links import FIRST_CONTROL_COPY, LinkCipher
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction, MessageState
from outreach.models.accounts import Role
from outreach.models.contacts import Phone
from outreach.rules.errors import BadInput, NotAllowed, NotFound
from outreach.rules.phone_numbers import Operator
from outreach.rules.quiet_days import parse_quiet_days
from tests.support.admin_client import shows
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.wishes import opt_out
from tests.support.world import AUTHOR, number

ADMINISTRATOR = "quantri@loa.example"
VIETTEL, VINAPHONE = "+84962000311", "+84912000312"


@pytest.fixture
def world(world):
    """A world with an administrator, two control phones and three people."""
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    for e164, holder in ((VIETTEL, "Chị Hương"), (VINAPHONE, "Anh Tú")):
        add(world, number=e164, holder=holder)
    world.add_people(3)
    return world


def add(world, email=ADMINISTRATOR, **given):
    settings, now = world.runtime.settings, datetime.now(UTC)
    return world.do(add_control_phone, settings=settings, by=email, now=now, **given).id


def copies(world, campaign_id):
    return world.read(read_control_copies, campaign_id)


def texts_to(world, e164):
    return [line["Body"] for line in world.simulator.ledger() if line["To"] == e164]


@both_databases
def test_each_phone_gets_a_copy_and_says_by_one_touch_how_it_came(world):
    campaign_id = world.sent(text="{name} oi, cai Bluezone: {link}", unaccented=True)
    assert sorted(world.sent_to()) == sorted([VIETTEL, VINAPHONE, *map(number, range(3))])
    [copy] = texts_to(world, VIETTEL)
    assert copy.startswith("Chi Huong oi")
    token = re.search(r"/(\w{8})$", copy)
    assert token
    browser = world.app().test_client()
    shows(browser.get(f"/{token[1]}"), copy, but=VIETTEL.removeprefix("+84"), status=200)
    early = f"{datetime.now(UTC) + timedelta(hours=2):%H:%M}"  # of Vietnam: five hours ago
    for wrong in ({"look": "clear", "at": "25:99"}, {"look": "clear", "at": early}, {"look": "nice"}):
        shows(browser.post(f"/{token[1]}", data=wrong), wrong.get("at", ""), status=422)
    assert browser.post(f"/{token[1]}", data={"look": "garbled"}).status_code == 303
    assert browser.post(f"/{token[1]}", data={"look": "clear"}).status_code == 303  # touched wrongly before
    assert "Đã ghi nhận" in browser.get(f"/{token[1]}").text
    first, second = copies(world, campaign_id)
    assert (first.holder, first.operator, first.look) == ("Chị Hương", Operator.VIETTEL, ControlLook.CLEAR)
    assert first.came_at is not None
    assert (second.operator, second.came_at, second.look) == (Operator.VINAPHONE, None, None)


@both_databases
def test_copies_count_as_nobody_reached(world):
    campaign_id = world.sent()
    campaign = world.get_one(Campaign, campaign_id)
    reach = world.read(read_reach, campaign, seen=None, now=datetime.now(UTC))
    assert reach.total.recipients == 3
    assert reach.total.written == 3


def test_both_texts_of_a_comparison_and_each_reminder_are_copied(world):
    campaign_id = world.launch(
        text="Mời cài Bluezone: {link}",
        text_b="Cài Bluezone hôm nay: {link}",
        step=[{"text": "Nhắc cài Bluezone: {link}", "after_days": 1}],
    )
    assert [(each.step, each.variant) for each in copies(world, campaign_id)] == [(1, "A")] * 2 + [
        (1, "B")
    ] * 2
    world.send()
    world.sweep(at=datetime.now(UTC) + timedelta(days=2))
    assert [(each.step, each.variant) for each in copies(world, campaign_id)][4:] == [(2, "A")] * 2


def test_a_launch_taken_back_takes_its_copies_back_and_a_second_one_sends_them_anew(world):
    campaign_id = world.launch()
    world.act(campaign_id, CampaignAction.PAUSE)
    world.act(campaign_id, CampaignAction.UNDO)
    assert copies(world, campaign_id) == []
    world.act(campaign_id, CampaignAction.LAUNCH)
    world.sweep()
    assert len(copies(world, campaign_id)) == 2
    world.send()
    assert len(texts_to(world, VIETTEL)) == 1  # the first launch's has not left


def test_a_campaign_that_is_cancelled_sends_no_copy_either(world):
    campaign_id = world.launch()
    world.act(campaign_id, CampaignAction.CANCEL)
    world.send()
    assert world.sent_to() == []
    assert {each.state for each in copies(world, campaign_id)} == {MessageState.CANCELLED}


def test_a_link_of_no_copy_opens_nothing(world):
    token = LinkCipher(world.runtime.settings.secret_key).token(FIRST_CONTROL_COPY + 99)
    assert world.app().test_client().get(f"/{token}").status_code == 404
    assert world.app().test_client().post(f"/{token}", data={"look": "clear"}).status_code == 404


def test_a_phone_that_was_removed_or_has_opted_out_gets_none(world):
    [(first, _), (second, _)] = world.read(read_control_phones)
    world.add(Phone(e164=second.e164, created_at=world.now))
    opt_out(world, second.e164)
    world.do(remove_control_phone, first.id, by=ADMINISTRATOR, now=datetime.now(UTC))
    with pytest.raises(NotFound):
        world.do(remove_control_phone, first.id, by=ADMINISTRATOR, now=datetime.now(UTC))
    assert copies(world, world.launch()) == []
    assert world.get_one(ControlPhone, first.id).e164 == "+8496"  # the number is forgotten


def test_a_copy_waits_for_the_campaigns_hours(world):
    world.launch(window=world.closed_window())
    waiting = world.all(
        select(Outbox.not_before).join(ControlCopy, ControlCopy.message_id == Outbox.message_id)
    )
    assert len(waiting) == 2
    assert min(waiting) > datetime.now(UTC)


def test_a_copy_that_waits_does_not_go_to_a_phone_that_was_removed(world):
    campaign = world.launch(window=world.closed_window())
    [(first, _), _] = world.read(read_control_phones)
    world.do(remove_control_phone, first.id, by=ADMINISTRATOR, now=datetime.now(UTC))
    states = [each.state for each in copies(world, campaign)]
    assert states == [MessageState.CANCELLED, MessageState.QUEUED]


@pytest.mark.parametrize("closed", ["by the hours", "by the day"])
def test_a_copy_that_was_put_off_does_not_leave_outside_the_campaigns_hours_and_days(world, closed):
    campaign_id = world.launch()
    if closed == "by the hours":
        world.change(
            Campaign,
            campaign_id,
            **dict(zip(("window_from", "window_to"), world.closed_window(), strict=True)),
        )
    else:
        world.use(quiet_days=parse_quiet_days(f"{world.now.astimezone(VIETNAM):%Y-%m-%d}"))
    world.send()
    assert world.sent_to() == []


@cases(
    ({"number": "0651", "holder": "Chị Hoa"}, "test_number_wrong"),
    ({"number": "0905000313", "holder": "  "}, "control_holder_missing"),
    ({"number": VIETTEL, "holder": "Chị Hoa"}, "control_phone_twice"),
)
def test_what_is_wrong_is_refused(world, given, code):
    with pytest.raises(BadInput) as refused:
        add(world, **given)
    assert refused.value.code == code
    with pytest.raises(NotAllowed):
        add(world, AUTHOR, number="0905000313", holder="Chị Hoa")
    for each in range(MOST_PHONES - 2):
        add(world, number=f"+84905000{each:03}", holder="Máy")
    with pytest.raises(BadInput):
        add(world, number="0905000999", holder="Máy")
