"""Notices first, texts where they do not arrive: one message, counted once, whatever the reports do."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import func, select, update

from campaigns.cases.merge_people import merge_people
from campaigns.delivery import reconcile
from campaigns.delivery.incoming_reports import apply_status_callbacks
from campaigns.delivery.open_gateways import OpenGateways
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Incident, Message, Outbox
from campaigns.models.privacy import RequestKind
from campaigns.privacy.export_data import export_personal_data
from campaigns.reports.settings import current_template
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.states import AttemptReport, AttemptState, CampaignAction, CampaignState, MessageState
from campaigns.web import gateway_callbacks
from outreach.contacts.phones import remove_number
from outreach.core.settings import PROFILES
from outreach.models.contacts import Contact, Phone
from outreach.rules.aggregator import AttemptNames
from outreach.rules.gateway import GatewayUnavailable
from outreach.sms.aggregator import AggregatorGateway
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import APPROVER, number

NOTICE = {"notice_template": "228386", "notice_text": "Mời {name} cài Bluezone: {link}"}
PRICE, NOTICE_PRICE = 350, 200


@pytest.fixture
def world(world):
    """An installation whose aggregator has notices."""
    world.use_aggregator(
        sms_live="no",
        notice_account="1397492183140006179",
        price_per_segment_vnd=PRICE,
        notice_price_vnd=NOTICE_PRICE,
    )
    world.simulator.faults(callbacks_off=True, delivered_after_s=3600, notice_late_s=3600)
    return world


def attempts(world):
    found = world.all(select(Attempt).order_by(Attempt.message_id, Attempt.n))
    return [(each.n, each.channel, each.state) for each in found]


def report(world, state, *, channel="zalo", **of):
    """What the gateway says of all attempts by a channel."""
    with world.runtime.db.write() as session:
        ids = session.execute(select(Attempt.id, Attempt.gateway_id).where(Attempt.channel == channel)).all()
        reports = [AttemptReport(id_, state, gateway_id, **of) for id_, gateway_id in ids]
        apply_reports(session, reports, now=world.now)


def wait_over(world):
    """The notices have waited for their reports as long as they may."""
    since = timedelta(seconds=world.runtime.settings.notice_wait_s + 60)
    world.execute(update(Attempt).values(claimed_at=world.now - since))


def sent(world):
    """What left, in order: "notice" or "text"."""
    return ["notice" if entry["Notice"] else "text" for entry in world.simulator.ledger()]


def callback_address(world):
    """Where the aggregator calls about the one attempt."""
    names = AttemptNames(world.runtime.settings.secret_key)
    return f"/webhooks/aggregator/{names.callback(world.one(select(Attempt.id)))}"


def spent(world, campaign):
    found = world.get_one(Campaign, campaign)
    return found.segments_taken, found.priced_segments, found.priced_vnd


@both_databases
def test_a_notice_that_arrives_is_the_message_and_costs_its_own_price(world):
    campaign = world.sent(people=1, **NOTICE)
    assert attempts(world) == [(1, "zalo", AttemptState.ACCEPTED)]
    world.sweep()
    assert world.get_one(Campaign, campaign).state is CampaignState.SENDING  # its text may have to follow
    report(world, AttemptState.DELIVERED)
    world.sweep()
    assert (sent(world), spent(world, campaign)) == (["notice"], (1, 1, NOTICE_PRICE))
    assert world.one(select(Message)).state is MessageState.DELIVERED
    assert world.get_one(Campaign, campaign).state is CampaignState.COMPLETED
    assert world.one(select(Phone)).notices is None


@both_databases
@cases(("no_account", "no_account"), ("declined", "declined"), ("notice_limit", None))
def test_where_a_notice_does_not_arrive_its_text_goes_at_once_and_the_number_is_remembered(
    world, cause, learned
):
    campaign = world.sent(people=1, **NOTICE)
    report(world, AttemptState.UNDELIVERED, cause=cause)
    report(world, AttemptState.UNDELIVERED, cause=cause)  # repeated
    assert (spent(world, campaign), world.one(select(Phone)).notices) == ((0, 0, 0), learned)
    world.send()
    report(world, AttemptState.UNDELIVERED, cause=cause)  # and late
    world.send()
    assert (sent(world), spent(world, campaign)) == (["notice", "text"], (1, 0, 0))
    assert attempts(world) == [(1, "zalo", AttemptState.PASSED), (2, "sms", AttemptState.ACCEPTED)]
    assert world.status(campaign)["notices"]["causes"] == {cause: 1}
    assert world.all(select(Incident)) == []
    # The next campaign does not try in vain.
    other = world.sent(name="Đợt hai", text="Mời ông/bà họp thôn: {link}", **NOTICE)
    assert sent(world)[2:] == ["text" if learned else "notice"]
    assert world.get_one(Campaign, other).state is CampaignState.SENDING or learned


def test_a_gateway_that_does_not_answer_keeps_no_notice_of_another_waiting(world, monkeypatch):
    monkeypatch.setattr(reconcile, "PASS_ON_LIMIT", 1)
    world.sent(people=2, **NOTICE)
    wait_over(world)
    first, second = world.all(select(Attempt.id).order_by(Attempt.id))
    long_ago = world.now - timedelta(days=1)
    world.change(Attempt, first, account_id=9, claimed_at=long_ago)

    async def is_away(*_about, **_values):
        raise GatewayUnavailable("away")

    away = SimpleNamespace(gateway=SimpleNamespace(ask=is_away))
    gateways = SimpleNamespace(get=lambda account_id: away if account_id == 9 else None)
    assert asyncio.run(reconcile.pass_on_notices(world.runtime, cast(OpenGateways, gateways))) == 1
    assert world.get_one(Attempt, second).state is AttemptState.PASSED
    assert world.get_one(Attempt, first).state is AttemptState.ACCEPTED


@both_databases
def test_without_a_report_the_text_follows_after_the_wait_and_a_late_arrival_counts_once(world):
    campaign = world.sent(people=1, **NOTICE)
    world.reconcile()
    assert attempts(world) == [(1, "zalo", AttemptState.ACCEPTED)]  # it waits
    wait_over(world)
    world.reconcile()
    assert attempts(world) == [(1, "zalo", AttemptState.PASSED)]
    world.send()
    assert sent(world) == ["notice", "text"]
    report(world, AttemptState.DELIVERED, channel="sms")
    report(world, AttemptState.DELIVERED)
    assert attempts(world) == [(1, "zalo", AttemptState.DELIVERED), (2, "sms", AttemptState.DELIVERED)]
    assert world.status(campaign)["steps"][0]["messages"] == {"delivered": 1}
    assert spent(world, campaign) == (2, 1, NOTICE_PRICE)
    assert world.all(select(Incident)) == []


@both_databases
def test_a_notice_that_arrives_before_its_text_has_left_takes_the_text_back(world):
    campaign = world.sent(people=1, **NOTICE)
    wait_over(world)
    world.reconcile()
    report(world, AttemptState.DELIVERED)
    world.send()
    assert (sent(world), spent(world, campaign)) == (["notice"], (1, 1, NOTICE_PRICE))
    assert world.one(select(Message)).state is MessageState.DELIVERED


def test_the_gateway_is_asked_before_the_text_goes(world):
    world.add_people(1)
    world.simulator.faults(delivered_after_s=0, sent_after_s=0)
    world.sent(**NOTICE)
    world.simulator.settle()
    wait_over(world)
    world.reconcile()  # its report was lost
    world.send()
    assert sent(world) == ["notice"]
    assert attempts(world) == [(1, "zalo", AttemptState.DELIVERED)]


@both_databases
@cases("TC", "1", "Cài ở đâu vậy cháu?", "cancel")
def test_no_text_follows_to_somebody_who_has_answered_or_is_left_alone(world, meanwhile):
    campaign = world.sent(people=1, **NOTICE)
    wait_over(world)
    if meanwhile == "cancel":
        world.act(campaign, CampaignAction.CANCEL)
    else:
        world.reply(number(0), meanwhile, gateway_id="SM1")
    world.reconcile()
    world.send()
    assert sent(world)[:1] == ["notice"]
    texts = world.all(select(Attempt).where(Attempt.stream_id == campaign, Attempt.channel == "sms"))
    assert texts == []
    assert world.one(select(Message.state).where(Message.step_id.is_not(None))) in (
        MessageState.SKIPPED,
        MessageState.CANCELLED,
    )
    report(world, AttemptState.DELIVERED)
    [step] = world.status(campaign)["steps"]
    assert (step["messages"], step["skipped"]) == ({"delivered": 1}, {}), "it arrived after all"


@cases("nothing", "undelivered", "delivered")
def test_after_a_restore_no_text_follows_a_notice_by_itself(world, end):
    campaign = world.sent(people=1, **NOTICE)
    restored = {
        "worker": "restored-1",
        "state": AttemptState.UNKNOWN,
        "gateway_id": None,
    }  # as settle_restored
    world.execute(update(Attempt).values(**restored))
    world.execute(update(Message).values(state=MessageState.UNKNOWN))
    if end != "nothing":
        report(world, AttemptState(end))
    wait_over(world)
    world.reconcile()
    world.send()
    assert sent(world) == ["notice"]
    states = {"nothing": "unknown"}  # for a person
    assert world.status(campaign)["steps"][0]["messages"] == {states.get(end, end): 1}


@both_databases
def test_a_notice_whose_outcome_nobody_saw_is_asked_for_again_under_its_id_and_not_sent_twice(
    world, tmp_path
):
    profile = tmp_path / "esms.toml"
    text = (PROFILES / "esms.toml").read_text()
    profile.write_text(text.replace('repeated_within = "day"', 'repeated_within = "always"'))  # also at 23:55
    world.use(aggregator_profile=str(profile))
    world.launch(people=1, **NOTICE)
    world.simulator.faults(rate_cut=1.0)
    world.send(3)
    assert attempts(world) == [(1, "zalo", AttemptState.UNKNOWN)]
    world.simulator.faults(rate_cut=0.0)
    world.execute(update(Attempt).values(due_at=world.now))
    world.reconcile()
    assert (sent(world), attempts(world)) == (["notice"], [(1, "zalo", AttemptState.ACCEPTED)])


def test_who_has_no_name_or_speaks_another_language_gets_the_text(world):
    world.add_people(2)
    world.add_person("", number(7))
    world.execute(update(Phone).where(Phone.e164 == number(0)).values(language="jra"))
    world.sent(**NOTICE, texts={"jra": "Bluezone {link}"})
    assert Counter(sent(world)) == {"notice": 1, "text": 2}


def test_without_an_official_account_everything_goes_by_sms(world):
    world.use(notice_account="")
    world.sent(people=1, **NOTICE)
    assert attempts(world) == [(1, "sms", AttemptState.ACCEPTED)]


def test_notices_that_do_not_arrive_pause_nothing(world):
    campaign = world.sent(people=30, **NOTICE)
    report(world, AttemptState.UNDELIVERED, cause="no_account")
    world.send()
    assert Counter(sent(world)) == {"notice": 30, "text": 30}
    assert world.get_one(Campaign, campaign).state is CampaignState.SENDING


@cases(
    (0.0, ["notice", "text"], {"texts": 1, "causes": {"no_account": 1}}, PRICE),
    (1.0, ["notice"], {"arrived": 1}, NOTICE_PRICE),
)
def test_where_the_provider_falls_back_itself_one_request_has_both_and_its_bill_is_the_cost(
    world, reach, left, counts, vnd
):
    world.use(aggregator_profile="esms-multichannel", price_per_segment_vnd=PRICE + 100)
    world.simulator.faults(sent_after_s=0.01, delivered_after_s=0.02, notice_reach=reach)
    campaign = world.sent(people=1, **NOTICE)
    assert world.status(campaign)["notices"]["waiting"] == 1
    world.simulator.settle()
    assert sent(world) == left  # the text is the provider's own
    assert attempts(world) == [(1, "both", AttemptState.ACCEPTED)]
    client, address = world.app().test_client(), callback_address(world)
    for entry in world.simulator.ledger():
        is_notice = bool(entry["Notice"])
        did = entry["status"] == "delivered"
        told = {
            "SMSID": entry["sid"],
            "SendStatus": "5",
            "SendSuccess": str(int(did)),
            "SendFailed": str(int(not did)),
            "TypeId": "25" if is_notice else "2",
            "TotalPrice": f"{did * (NOTICE_PRICE if is_notice else PRICE)}.0000",
            "error_info": '"{\\"error\\":-118,\\"message\\":\\"Zalo account not existed\\"}"',
        }
        for _ in range(2):  # repeated
            assert client.get(address, query_string=told).status_code == 204
    world.do(apply_status_callbacks, now=world.now)
    assert attempts(world) == [(1, "both", AttemptState.DELIVERED)]
    usual = {"arrived": 0, "texts": 0, "both": 0, "waiting": 0, "causes": {}}
    assert world.status(campaign)["notices"] == usual | counts
    assert spent(world, campaign) == (1, 1, vnd)
    wait_over(world)
    world.reconcile()
    assert len(attempts(world)) == 1


def send_notice(world, **changes):
    """A campaign to one person, whose notice has left; its id."""
    campaign = world.sent(people=1, **NOTICE, **changes)
    assert sent(world) == ["notice"]
    return campaign


def test_the_text_of_a_paused_campaign_and_of_a_closed_hour_waits_for_its_time(world):
    campaign = send_notice(world)
    world.act(campaign, CampaignAction.PAUSE)
    report(world, AttemptState.UNDELIVERED, cause="no_account")
    world.send(2)
    assert sent(world) == ["notice"]
    world.close_window(campaign)
    world.act(campaign, CampaignAction.RESUME)
    world.send(2)
    assert sent(world) == ["notice"]
    world.change(Campaign, campaign, window_from=None, window_to=None)
    world.execute(update(Outbox).values(not_before=world.now))
    world.send()
    assert sent(world) == ["notice", "text"]


def test_a_number_may_get_the_text_after_its_notice_though_one_message_a_day_is_all(world):
    send_notice(world, cap_per_day=1)
    report(world, AttemptState.UNDELIVERED, cause="declined")
    world.send()
    assert sent(world) == ["notice", "text"]


def test_a_notice_that_did_not_arrive_is_no_message_sent_in_the_report(world):
    campaign = send_notice(world)
    world.act(campaign, CampaignAction.PAUSE)
    report(world, AttemptState.UNDELIVERED, cause="no_account")
    form, now = world.read(current_template, 1), datetime.now(UTC) + timedelta(days=1)
    [line] = world.read(take_snapshot, form, drive=1, day=now.date(), known_until=now).campaigns
    assert (line.recipients, line.sent) == (1, 0)


def test_what_was_taken_without_an_id_of_the_gateway_is_sent_in_the_report(world):
    """As where a request is made again because no answer came, and the gateway knows it already."""
    world.sent(people=1)
    world.execute(update(Attempt).values(gateway_id=None, state=AttemptState.DELIVERED))
    form, now = world.read(current_template, 1), datetime.now(UTC) + timedelta(days=1)
    [line] = world.read(take_snapshot, form, drive=1, day=now.date(), known_until=now).campaigns
    assert (line.recipients, line.sent) == (1, 1)


def test_a_budget_that_is_spent_meanwhile_pauses_the_campaign_before_the_text(world):
    campaign = send_notice(world)
    world.change(Campaign, campaign, budget_vnd=PRICE - 1)
    report(world, AttemptState.UNDELIVERED, cause="no_account")
    world.send(2)
    assert sent(world) == ["notice"]
    assert world.get_one(Campaign, campaign).state is CampaignState.PAUSED


@cases("erased", "number")
def test_no_text_goes_to_a_number_that_is_nobodys_by_then(world, meanwhile):
    send_notice(world)
    person = world.one(select(Contact.id))
    if meanwhile == "erased":
        world.erase(person)
    else:
        world.do(remove_number, person, world.one(select(Phone)).id, note="Nhầm số")
    report(world, AttemptState.UNDELIVERED, cause="no_account")
    world.send(2)
    assert sent(world) == ["notice"]
    assert world.one(select(Phone)).notices == (None if meanwhile == "erased" else "no_account")


def test_of_two_people_who_are_one_each_with_a_notice_one_text_follows(world):
    world.sent(people=2, **NOTICE)
    people = world.all(select(Contact.id).order_by(Contact.id))
    world.do(merge_people, *people)
    report(world, AttemptState.UNDELIVERED, cause="no_account")
    world.send(2)
    assert sent(world) == ["notice", "notice", "text"]


def test_a_person_reads_which_of_what_was_sent_arrived(world):
    send_notice(world)
    report(world, AttemptState.UNDELIVERED, cause="no_account")
    world.send()
    report(world, AttemptState.DELIVERED, channel="sms")
    asked = world.ask(world.one(select(Contact.id)), RequestKind.EXPORT)
    parts = world.do(export_personal_data, asked, by=APPROVER)
    sent_to, own = (
        next(part.rows for part in parts if part.title == title) for title in ("Tin đã gửi", "Số điện thoại")
    )
    assert own[0][2].startswith("không có tài khoản")
    assert [(row[2].startswith("[Zalo]"), row[3]) for row in sent_to] == [
        (True, "undelivered"),
        (False, "delivered"),
    ]


def test_an_outcome_that_nobody_saw_is_not_asked_for_again_by_another_kind_of_profile(world):
    world.simulator.faults(rate_cut_before=1.0)
    world.launch(people=1, **NOTICE)
    world.send(3)
    assert attempts(world) == [(1, "zalo", AttemptState.UNKNOWN)]
    world.simulator.faults(rate_cut_before=0.0)
    world.use(aggregator_profile="esms-multichannel")
    world.execute(update(Attempt).values(due_at=world.now))
    world.reconcile()
    assert sent(world) == []  # else the notice's words would leave as a text
    assert attempts(world) == [(1, "zalo", AttemptState.UNKNOWN)]


@cases((1, 204), (9, 503))
def test_a_failure_of_which_the_aggregator_does_not_know_yet_is_asked_for_again(
    world, monkeypatch, unknown, status
):
    monkeypatch.setattr(gateway_callbacks, "JUST_SENT_S", (0.0, 0.0))
    world.sent(people=1)
    [text] = world.simulator.ledger()
    asked, ask = iter(range(20)), AggregatorGateway.ask

    async def just_sent(gateway, gateway_id, **of):
        return await ask(gateway, "" if next(asked) < unknown else gateway_id, **of)

    monkeypatch.setattr(AggregatorGateway, "ask", just_sent)
    told = {"SMSID": text["sid"], "SendStatus": "5", "SendSuccess": "0", "SendFailed": "1", "TypeId": "2"}
    assert world.app().test_client().get(callback_address(world), query_string=told).status_code == status
    assert attempts(world) == [(1, "sms", AttemptState.ACCEPTED)]


@both_databases
def test_a_text_whose_notice_the_provider_of_both_refuses_goes_alone(world):
    world.use(aggregator_profile="esms-multichannel")
    world.add_people(1)
    world.add_person("A " + "Thun" * 25, number(1))  # longer than the template's parameter
    campaign = world.launch(**NOTICE)
    world.execute(update(Campaign).values(first_refusals=None))
    world.send()
    world.send()
    assert sent(world) == ["notice", "text"]
    assert attempts(world)[1:] == [(1, "both", AttemptState.PASSED), (2, "sms", AttemptState.ACCEPTED)]
    counts = world.status(campaign)["notices"]
    assert (counts["texts"], counts["waiting"], counts["causes"]) == (1, 1, {"bad_text": 1})
    charged = select(func.sum(Attempt.segments)).where(Attempt.state != AttemptState.PASSED)
    assert spent(world, campaign)[0] == world.scalar(charged)
