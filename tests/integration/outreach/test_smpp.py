"""SMPP, against the simulator's centre: messages, receipts and replies over one connection that is kept."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Incident, WaitingReceipt
from campaigns.models.replies import Reply, ReplyPart
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import AttemptState
from outreach.rules.gateway import (
    Accepted,
    Cause,
    InboundMessage,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
    Throttled,
)
from outreach.sms import smpp
from outreach.sms.smpp import SmppGateway
from tests.support.certificates import make_certificate
from tests.support.line import Line
from tests.support.world import number

LONG = "Kính mời ông/bà cài đặt ứng dụng Bluezone để bảo vệ bản thân, gia đình và cộng đồng. Chi tiết: {link}"


@pytest.fixture
def over_smpp(world):
    world.use(sms_gateway="smpp", sms_live="no", smpp_url=world.simulator.smpp_url, send_timeout_s=1.0)
    world.simulator.faults(sent_after_s=0, delivered_after_s=0, callbacks_off=False)
    return world


def states(world):
    world.sweep()
    return dict(world.rows(select(Attempt.state, func.count()).group_by(Attempt.state)))


def gateway_of(world, **settings):
    async def take(items):
        return None

    return SmppGateway(replace(world.runtime.settings, **settings), take)


def test_messages_are_delivered_by_receipts_in_another_base(over_smpp):
    over_smpp.add_people(4)
    over_smpp.launch()
    over_smpp.send()
    over_smpp.listen_until(lambda: states(over_smpp) == {AttemptState.DELIVERED: 4})
    assert sorted(over_smpp.sent_to()) == [number(i) for i in range(4)]
    assert over_smpp.count(WaitingReceipt) == 0
    assert over_smpp.count(Incident) == 0


def test_messages_go_by_tls_to_a_centre_whose_certificate_is_trusted(over_smpp, tmp_path, monkeypatch):
    certificate, context = make_certificate(tmp_path)
    line = Line(over_smpp.simulator.smpp_url, tls=context)

    async def send():
        gateway = gateway_of(over_smpp, smpp_url=line.url, send_timeout_s=10.0)
        try:
            return await gateway.send(OutboundMessage(1, number(1), "MTTQ", "Chào ông/bà"))
        finally:
            await gateway.close()

    try:
        assert asyncio.run(send()) == Throttled(fault="certificate")
        assert over_smpp.sent_to() == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert isinstance(asyncio.run(send()), Accepted)
        assert over_smpp.sent_to() == [number(1)]
    finally:
        line.close()


@pytest.mark.parametrize("factor", [1.0, 1.6])
def test_long_message_goes_in_parts_and_is_delivered_with_the_last(over_smpp, factor):
    over_smpp.add_people(2)
    campaign = over_smpp.launch(text=LONG)
    over_smpp.change(Campaign, campaign, segment_factor=factor)  # another gateway charges more
    over_smpp.simulator.faults(callbacks_repeat=2)
    over_smpp.send()
    over_smpp.listen_until(lambda: states(over_smpp) == {AttemptState.DELIVERED: 2})
    bodies = [line["Body"] for line in over_smpp.simulator.ledger()]
    assert len(bodies) == 2
    assert all(body.startswith(LONG[:80]) for body in bodies)


def test_what_never_arrived_is_put_to_a_person_and_not_sent_again(over_smpp):
    over_smpp.add_people(3)
    campaign = over_smpp.launch()
    over_smpp.simulator.faults(rate_cut_before=1.0)
    over_smpp.send()
    over_smpp.simulator.faults(rate_cut_before=0.0)
    over_smpp.send()
    assert states(over_smpp) == {AttemptState.UNKNOWN: 3}
    assert over_smpp.sent_to() == []
    over_smpp.lose_sight()
    assert over_smpp.decide_unresolved(campaign) == 3
    over_smpp.send()
    assert sorted(over_smpp.sent_to()) == [number(i) for i in range(3)]


def test_who_comes_next_when_a_connection_is_cut_waits_for_the_new_one(over_smpp):
    over_smpp.simulator.faults(rate_cut_before=1.0)

    async def job():
        gateway = gateway_of(over_smpp, send_timeout_s=10.0)
        messages = [OutboundMessage(i, number(i), "MTTQ", "Chào ông/bà") for i in range(8)]
        try:
            return await asyncio.gather(*map(gateway.send, messages))
        finally:
            await gateway.close()

    assert asyncio.run(job()) == [OutcomeUnknown("ConnectionCut")] * 8


def test_replies_are_taken_in_while_nothing_is_sent(over_smpp):
    over_smpp.add_people(2)
    over_smpp.launch()
    over_smpp.send()
    replies = []

    def have_come():
        replies[:] = over_smpp.rows(select(Reply.body, Reply.label).order_by(Reply.id))
        waiting = over_smpp.all(select(ReplyPart.id).where(ReplyPart.joined_at.is_(None)))
        return len(replies) == 2 and not waiting

    long_reply = (
        "Tôi đã cài ứng dụng rồi nhưng mở lên thì máy báo lỗi, nhờ cán bộ xuống giúp tôi với, nhà ở thôn 2. "
        * 2
    )
    written = []

    def write_when_bound():
        if not written and over_smpp.simulator.smpp_receivers():
            written.append(over_smpp.simulator.reply(number(0), "TC"))
            written.append(over_smpp.simulator.reply(number(1), long_reply))
        return have_come()

    over_smpp.listen_until(write_when_bound)
    assert {body for body, _ in replies} == {"TC", long_reply}
    assert ("TC", Label.OPT_OUT) in replies


def test_what_could_not_be_stored_is_not_answered_and_comes_again(over_smpp):
    taken = []
    tries = []

    async def take(items):
        tries.append(len(items))
        if len(tries) == 1:
            over_smpp.simulator.cut_smpp()
            raise OSError
        taken.extend(items)

    async def job():
        gateway = SmppGateway(over_smpp.runtime.settings, take)
        await asyncio.wait_for(gateway._bound.wait(), 5)
        await asyncio.to_thread(over_smpp.simulator.reply, number(1), "TC")
        while over_smpp.simulator.stats()["inbound_pending"]:
            await asyncio.sleep(0.05)
        await gateway.close()

    asyncio.run(job())
    assert len({item.gateway_id for item in taken if isinstance(item, InboundMessage)}) == 1


def test_outcomes_of_requests(over_smpp, monkeypatch):
    monkeypatch.setattr(smpp, "WAIT_FOR_BIND_S", 0.2)
    message = OutboundMessage(1, number(1), "LOA", "xin chao")

    async def ask(**settings):
        gateway = gateway_of(over_smpp, **settings)
        try:
            return await gateway.send(message)
        finally:
            await gateway.close()

    assert isinstance(asyncio.run(ask()), Accepted)
    over_smpp.simulator.faults(rate_429=1.0)
    assert asyncio.run(ask()) == Throttled()
    wrong = over_smpp.simulator.smpp_url.replace(":simulator@", ":wrong@")
    refused = asyncio.run(ask(smpp_url=wrong))
    assert isinstance(refused, Refused)
    assert refused.cause is Cause.ACCOUNT
    assert asyncio.run(ask(smpp_url="smpp://loa:x@127.0.0.1:1")) == Throttled(fault="connection")
    assert asyncio.run(ask(sms_live="yes")) == Refused(Cause.SAMPLE_NUMBER, "sample")
    assert len(over_smpp.simulator.ledger()) == 1


def test_transmitter_and_receiver_are_two_connections(over_smpp):
    over_smpp.use(smpp_bind="pair")
    over_smpp.add_people(2)
    over_smpp.launch()
    over_smpp.send()
    over_smpp.listen_until(lambda: states(over_smpp) == {AttemptState.DELIVERED: 2})


def test_long_message_goes_whole_where_the_centre_splits_it(over_smpp):
    over_smpp.use(smpp_long="payload")
    over_smpp.add_people(1)
    over_smpp.launch(text=LONG)
    over_smpp.send()
    over_smpp.listen_until(lambda: states(over_smpp) == {AttemptState.DELIVERED: 1})
    assert over_smpp.simulator.ledger()[0]["Body"].startswith(LONG[:80])


OTHER_TEXT = "Mai họp thôn, mời ông/bà: {link}"


def test_a_centre_that_counts_its_ids_anew_throws_no_answer_away(over_smpp):
    over_smpp.add_people(5)
    over_smpp.launch()
    over_smpp.send()
    over_smpp.listen_until(lambda: states(over_smpp) == {AttemptState.DELIVERED: 5})
    over_smpp.simulator.cut_smpp(restart=True)  # from here on each number is given the id that it had
    over_smpp.launch(name="Hai", text=OTHER_TEXT)
    over_smpp.send()
    over_smpp.listen_until(lambda: states(over_smpp) == {AttemptState.DELIVERED: 10})
    ids = over_smpp.all(select(Attempt.gateway_id))
    assert len({str(each).partition("#")[0] for each in ids}) == 5
    assert over_smpp.count(Incident) == 0


def test_what_never_arrived_is_settled_by_no_receipt_of_another_system_or_of_our_next_message(over_smpp):
    over_smpp.add_people(4)
    over_smpp.launch()
    over_smpp.simulator.faults(rate_cut_before=1.0)
    over_smpp.send()
    over_smpp.simulator.faults(rate_cut_before=0.0, callbacks_repeat=2, rate_strangers=1.0)
    over_smpp.launch(name="Hai", text=OTHER_TEXT)
    over_smpp.send()
    ended = {AttemptState.UNKNOWN: 4, AttemptState.DELIVERED: 4}
    over_smpp.listen_until(
        lambda: states(over_smpp) == ended and not over_smpp.simulator.stats()["callbacks_pending"]
    )
    assert states(over_smpp) == ended


def test_a_receipt_that_repeats_our_reference_settles_what_no_answer_was_seen_of(over_smpp):
    over_smpp.add_people(2)
    over_smpp.launch(text="{link}")  # nothing that a quotation would show
    over_smpp.simulator.faults(rate_timeout=1.0, timeout_s=1, gives_reference=True)
    over_smpp.send()
    over_smpp.listen_until(lambda: states(over_smpp) == {AttemptState.DELIVERED: 2})


def test_thousands_of_receipts_at_once_find_their_messages(over_smpp):
    over_smpp.add_people(300)
    over_smpp.launch()
    over_smpp.simulator.faults(delivered_after_s=3, callbacks_repeat=8)
    over_smpp.send()
    over_smpp.listen_until(lambda: states(over_smpp) == {AttemptState.DELIVERED: 300}, seconds=120)


@pytest.mark.parametrize("kind", ["smpp", "simulator", "aggregator"])
def test_a_window_that_is_too_wide_is_learned(over_smpp, kind):
    settings = replace(
        over_smpp.runtime.settings,
        sms_gateway=kind,
        smpp_window=50,
        send_in_flight=50,
        send_timeout_s=30.0,
        aggregator_profile="esms",
        aggregator_url=f"{over_smpp.simulator.url}/aggregator",
        aggregator_key=over_smpp.simulator.account_sid,
        aggregator_secret=over_smpp.simulator.auth_token,
    )
    over_smpp.simulator.faults(most_at_once=3, latency_ms=20)

    async def job():
        gateway = replace(over_smpp.runtime, settings=settings).open_gateway()

        async def send(i):
            message = OutboundMessage(i, number(i), "LOA", "xin chao")
            while isinstance(outcome := await gateway.send(message), Throttled):
                await asyncio.sleep(0.05)
            assert isinstance(outcome, Accepted)

        await asyncio.gather(*map(send, range(1, 301)))
        await gateway.close()

    asyncio.run(job())
    # A few when it begins, and one now and then to learn whether more is taken.
    assert 0 < over_smpp.simulator.stats()["throttled"] <= 30
    assert len(over_smpp.sent_to()) == 300
