"""Several gateways at once: one is set up, tested and put to work; one dies, is drained, refuses."""

import threading
from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from campaigns.delivery import gateway_accounts
from campaigns.delivery.claim_messages import Routes
from campaigns.delivery.record_outcomes import rest_failing
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, AttemptTotal, Incident
from campaigns.rules.gateway_choice import GatewayTerms, Health
from campaigns.rules.states import AttemptState, CampaignAction, CampaignState, MessageKind
from outreach.models.accounts import Role
from outreach.models.office import ENVIRONMENT, GatewayAccount, GatewayState
from outreach.rules.errors import BadInput, NotAllowed, WrongState
from outreach.rules.gateway import Accepted, Channel
from outreach.sms import smpp
from outreach.sms.aggregator import AggregatorGateway
from tests.support.line import Line
from tests.support.tables import cases
from tests.support.world import AUTHOR

SECRET = "khóa của nhà cung cấp"
TESTER = "+84905000999"


def form(world, **changes):
    """What the page sends for an aggregator at the simulator."""
    return {
        "account_id": None,
        "name": "Nhà cung cấp B",
        "kind": "aggregator",
        "profile": "esms",
        "url": f"{world.simulator.url}/aggregator",
        "login": world.simulator.account_sid,
        "secret": world.simulator.auth_token,
        "notice_account": "",
        "window": "",
        "senders": "",
        "operators": (),
        "pace": "",
        "price": "",
        "prices": "",
        "position": "2",
        "proof": "operator",
        "is_unaccented": False,
        **changes,
    }


def typed(form):
    parts = {"connection": gateway_accounts.TypedConnection, "terms": gateway_accounts.TypedTerms}
    return {"account_id": form["account_id"]} | {
        name: part(**{each.name: form[each.name] for each in fields(part)}) for name, part in parts.items()
    }


@pytest.fixture
def world(world):
    """A world with an administrator, whose environment says that it is not live."""
    world.use(sms_live="no")
    world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    return world


def save(world, **changes):
    account = gateway_accounts.save_gateway(
        world.runtime,
        user=world.user("quantri@loa.example"),
        now=world.now,
        settings=world.runtime.settings,
        **typed(form(world, **changes)),
    )
    return account.id


def change_state(world, account_id, state, email="quantri@loa.example"):
    gateway_accounts.change_gateway_state(
        world.runtime, account_id, state=state.value, user=world.user(email), now=world.now
    )


def put_to_work(world, **changes):
    """A second gateway, tested and active; its account's id."""
    account_id = save(world, **changes)
    gateway_accounts.try_gateway(
        world.runtime,
        account_id,
        number=TESTER,
        settings=world.runtime.settings,
        user=world.user("quantri@loa.example"),
        now=world.now,
    )
    world.send()
    change_state(world, account_id, GatewayState.ACTIVE)
    return account_id


def by_account(world, *states):
    query = select(Attempt.account_id).where(Attempt.state.in_(states or list(AttemptState)))
    return Counter(world.all(query))


def test_gateway_is_set_up_tested_drained_and_closed_without_a_loss(world):
    with pytest.raises(BadInput, match="gateway_url_wrong"):
        save(world, url="ftp://sms.example")
    with pytest.raises(BadInput, match="gateway_secret_missing"):
        save(world, secret=" ")
    second = save(world, secret=SECRET)
    stored = world.get_one(GatewayAccount, second)
    assert stored.sealed_secret
    assert SECRET not in stored.sealed_secret
    assert stored.state is GatewayState.TESTING
    with pytest.raises(WrongState, match="gateway_untested"):
        change_state(world, second, GatewayState.ACTIVE)
    with pytest.raises(NotAllowed):
        change_state(world, second, GatewayState.CLOSED, AUTHOR)

    second = put_to_work(world, name="Nhà cung cấp C")
    assert world.sent_to() == [TESTER]
    assert by_account(world) == {second: 1}  # though the environment's comes first
    save(world, account_id=ENVIRONMENT, position="3")
    with pytest.raises(BadInput, match="gateway_name_taken"):
        save(world, name="Nhà cung cấp C")
    world.sent(people=6)
    assert by_account(world) == {second: 7}

    change_state(world, second, GatewayState.DRAINING)
    with pytest.raises(WrongState, match="gateway_last_active"):
        change_state(world, ENVIRONMENT, GatewayState.DRAINING)
    world.add_people(4, first=6)
    world.sent(name="Lần hai", text="Mời ông/bà cài đặt Bluezone: {link}")
    assert by_account(world)[ENVIRONMENT] == 10
    with pytest.raises(WrongState, match="gateway_has_messages"):
        change_state(world, second, GatewayState.CLOSED)
    world.execute(update(Attempt).values(state=AttemptState.DELIVERED))
    change_state(world, second, GatewayState.CLOSED)
    assert world.get_one(GatewayAccount, second).sealed_secret is None
    assert Counter(world.sent_to()).most_common(1)[0][1] <= 2  # one a campaign


def test_a_kept_password_goes_to_no_other_address(world):
    account = save(world, secret=SECRET)
    save(world, account_id=account, price="300")
    for elsewhere in ({"url": "https://evil.example"}, {"url": "", "profile": "speedsms"}):
        with pytest.raises(BadInput, match="gateway_secret_again"):
            save(world, account_id=account, secret="", **elsewhere)
    save(world, account_id=account, url="https://moi.example", secret="mat-khau-moi")


def test_gateway_dies_in_the_middle_of_a_send_and_the_other_carries_on(world, monkeypatch):
    monkeypatch.setattr(smpp, "WAIT_FOR_BIND_S", 0.2)
    line = Line(world.simulator.smpp_url)
    world.use(sms_gateway="smpp", smpp_url=line.url, smpp_window=5)
    second = put_to_work(world)
    people = 200
    campaign = world.launch(people=people)
    world.simulator.faults(callbacks_off=True, latency_ms=20)
    sending = threading.Thread(target=world.send, args=(20,))
    sending.start()
    while world.simulator.stats()["accepted"] < 30:
        world.wait(0.02)
    line.cut()
    sending.join()
    world.send_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"])
    line.close()
    first = by_account(world, AttemptState.ACCEPTED, AttemptState.SENT, AttemptState.DELIVERED)
    unknown = by_account(world, AttemptState.UNKNOWN)
    assert unknown.keys() <= {ENVIRONMENT}
    assert unknown[ENVIRONMENT] <= 2 * 5
    assert first[ENVIRONMENT] >= 20
    assert first[second] - 1 + first[ENVIRONMENT] + unknown[ENVIRONMENT] == people
    assert max(Counter(world.sent_to()).values()) == 1
    assert world.count(Incident) == 0


@cases(False, True)
def test_a_request_to_one_provider_is_not_made_again_to_the_next_one_behind_the_same_account(
    world, monkeypatch, is_moved
):
    save(world, account_id=ENVIRONMENT, position="3")
    account = put_to_work(world)
    world.simulator.faults(rate_cut=1.0)  # taken, the answers are lost
    world.sent(people=2)
    world.simulator.faults(rate_cut=0.0)
    assert by_account(world, AttemptState.UNKNOWN) == {account: 2}
    world.now = datetime.now(UTC)
    if is_moved:
        save(world, account_id=account, url="http://127.0.0.1:9/khac")
    made = []

    async def take(_gateway, message):
        made.append(message.attempt_id)
        return Accepted(f"M{message.attempt_id}")

    monkeypatch.setattr(AggregatorGateway, "send", take)
    world.execute(update(Attempt).where(Attempt.state == AttemptState.UNKNOWN).values(due_at=world.now))
    world.reconcile()
    assert len(made) == (0 if is_moved else 2)


def test_gateway_that_refuses_the_account_rests_and_the_campaign_goes_on(world):
    second = put_to_work(world)
    world.use_token("wrong")  # the environment's gateway refuses a caller without its token
    campaign = world.launch(people=40)
    world.send_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"])
    assert by_account(world, AttemptState.ACCEPTED, AttemptState.DELIVERED, AttemptState.SENT)[second] == 41
    assert world.status(campaign)["state"] in ("sending", "completed")
    assert set(Counter(world.sent_to()).values()) == {1}
    first = world.get_one(GatewayAccount, ENVIRONMENT)
    assert first.rested_until
    assert "gateway_refuses" in first.rest_reason


def report_refusal(world, attempt_id):
    """What the gateway says later of a message that it had taken: it refuses the account."""
    world.execute(update(Attempt).where(Attempt.id == attempt_id).values(state=AttemptState.ACCEPTED))
    world.report(AttemptState.FAILED, Attempt.id == attempt_id, cause="account", code="30002")


def test_a_refusal_of_the_account_by_report_pauses_once_and_not_where_another_gateway_carries_on(world):
    campaign = world.sent(people=3)
    first, late, last = world.all(select(Attempt.id).order_by(Attempt.id))
    report_refusal(world, first)
    assert world.status(campaign)["state"] == "paused"
    world.act(campaign, CampaignAction.RESUME)
    report_refusal(world, late)
    assert world.status(campaign)["state"] == "sending", "it was claimed before the resumption"
    put_to_work(world)
    world.execute(update(Campaign).values(resumed_at=None))
    report_refusal(world, last)
    assert world.status(campaign)["state"] == "sending"
    assert world.get_one(GatewayAccount, ENVIRONMENT).rested_until


@cases(((), (2, Channel.ZALO)), ((2,), (1, None)), ((1, 2), (None, None)))
def test_a_notice_whose_gateway_is_down_goes_as_a_text_by_another(down, route):
    terms = [GatewayTerms(1), GatewayTerms(2, position=2, notices=Channel.ZALO)]
    limits = {"usual_price_vnd": 350, "most_segments": 9, "ahead_s": 1, "senders": {}}
    routes = Routes(terms, Health(down=frozenset(down)), redis=None, **limits)
    row = SimpleNamespace(account_id=None, e164=TESTER, operator=None, kind=MessageKind.STEP)
    chosen = routes.choose(row, "Moi ong/ba", sender="MTTQ", segments=1, is_notice=True)
    assert chosen
    assert (chosen.account_id, chosen.notice) == route


def test_a_gateway_that_became_dearer_since_the_launch_does_not_exceed_the_budget(world):
    second = put_to_work(world, price="100", senders="MTTQ")
    save(world, account_id=ENVIRONMENT, senders="Y TE")
    budget = 20 * world.runtime.settings.price_per_segment_vnd
    campaign = world.launch(people=20, text="Moi ong/ba cai Bluezone", unaccented=True, budget_vnd=budget)
    save(world, account_id=second, price=str(budget // 7), senders="MTTQ")
    world.send(5)
    found = world.get_one(Campaign, campaign)
    assert (found.state, found.priced_vnd) == (CampaignState.PAUSED, 7 * (budget // 7))


def test_gateway_rests_when_much_fails_and_comes_back(world):
    put_to_work(world)
    spent = {"cause": "other", "account_id": ENVIRONMENT, "n": 40, "segments": 40}
    at = world.now + timedelta(minutes=2)
    world.add(AttemptTotal(stream_id=1, state=AttemptState.FAILED, at=at, **spent))
    soon = world.now + timedelta(minutes=3)
    world.execute(update(GatewayAccount).values(changed_at=world.now))
    assert world.do(rest_failing, now=soon) == 1
    assert world.do(rest_failing, now=soon) == 0  # the one that is left never rests
    assert world.do(rest_failing, now=soon + timedelta(minutes=16)) == 0


def test_pace_of_a_gateway_is_kept_and_a_sender_goes_where_it_is_registered(world):
    second = put_to_work(world, senders="MTTQ", pace="20", price="100")
    world.launch(people=15)  # MTTQ
    world.sent(name="Lần hai", sender="Y TE", text="Mời ông/bà cài đặt Bluezone: {link}")
    assert by_account(world) == {second: 16, ENVIRONMENT: 15}
    prices = set(world.rows(select(Attempt.account_id, Attempt.price_vnd)))
    assert prices == {(second, 100), (second, 200), (ENVIRONMENT, None)}  # of one segment, of two, not agreed
    save(world, account_id=ENVIRONMENT, senders="Y TE")
    save(world, account_id=second, senders="Y TE", position="1")
    world.add_people(1, first=15)
    campaign = world.sent(name="Lần ba", text="Kính mời ông/bà cài đặt Bluezone: {link}")
    assert world.status(campaign)["state"] == "paused"
    assert "tên người gửi" in world.status(campaign)["pause_reason"]
