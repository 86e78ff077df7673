"""What residents say over a gateway's own connection: each delivery ends in a row before it is answered, in its order, once."""

import struct
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from campaigns.models.messages import Incident, WaitingReceipt
from campaigns.models.replies import Case, Reply, ReplyChannel, ReplyPart
from campaigns.replies import gateway_inbox
from campaigns.replies.gateway_inbox import JOINED_AT_ONCE, PARTS_WAIT_FOR, join_parts, store_delivered
from campaigns.replies.receive_reply import receive_reply
from campaigns.rules.replies.labels import Label
from outreach.rules.gateway import Answered, InboundMessage, InboundPart
from outreach.rules.smpp import OUR_REFERENCE, SAR_NUMBER, SAR_REFERENCE, SAR_TOTAL, read_pdu
from outreach.sms.smpp import DATA, read_delivered
from tests.integration.outreach.test_smpp import over_smpp  # noqa: F401 - a fixture
from tests.support.smpp_pdus import inbound_pdu, play_inbound
from tests.support.world import number

START = datetime.now(UTC)


def said(body, delivery="", *, sender: str = number(0), **more):
    return InboundMessage(f"smpp:{body}", sender, "8099", body, is_opt_out=False, delivery=delivery, **more)


def part(n, body, delivery, *, total=2, reference=7):
    return InboundPart(number(0), "8099", reference, total, n, body, f"smpp:{n}{body}", delivery)


def store(world, *items, at=START):
    store_delivered(world.runtime, items, now=at)


# Deliveries are named by connection and sequence number. (seconds since the start, what came), and what is kept.
STORIES = {
    "said again minutes later": (
        [(0, said("TC")), (120, said("DK")), (240, said("TC"))],
        ["TC", "DK", "TC"],
    ),
    "said again at once, over one connection": (
        [(0, said("1", "a:1")), (1, said("4", "a:2")), (2, said("1", "a:3"))],
        ["1", "4", "1"],
    ),
    "said again over another connection, after the centre knew": (
        [(0, said("1", "a:1")), (1, Answered(("smpp:1:a:1",))), (2, said("4", "a:2")), (3, said("1", "b:1"))],
        ["1", "4", "1"],
    ),
    "delivered again after a cut": (
        [(0, said("1", "a:1")), (0, said("4", "a:2")), (1, said("1", "b:1")), (1, said("4", "b:2"))],
        ["1", "4"],
    ),
    "delivered again, and said again then": (
        [(0, said("1", "a:1")), (1, said("1", "b:1")), (2, said("4", "b:2")), (3, said("1", "b:3"))],
        ["1", "4", "1"],
    ),
    "stored twice, as the first time could not be answered": (
        [(0, said("1", "a:1")), (1, said("1", "a:1"))],
        ["1"],
    ),
    "a sequence number that is given again": (
        [(0, said("1", "a:1")), (0, Answered(("smpp:1:a:1",))), (90_000, said("1", "a:1"))],
        ["1", "1"],
    ),
    "parts out of order": ([(0, part(2, "b", "a:1")), (1, part(1, "a", "a:2"))], ["ab"]),
    "a part that comes again after all were there": (
        [(0, part(1, "a", "a:1")), (0, part(2, "b", "a:2")), (1, part(2, "b", "b:1")), (400, said("x"))],
        ["ab", "x"],
    ),
    "a second reply with the reference of one that is incomplete": (
        [(0, part(1, "a", "a:1")), (60, part(1, "cứu ", "a:2")), (61, part(2, "tôi", "a:3"))],
        ["cứu tôi", "a[…]"],
    ),
    "the same long reply twice": (
        [(0, part(1, "a", "a:1")), (0, part(2, "b", "a:2")), (9, part(1, "a", "a:3")), (9, part(2, "b", "a:4"))],
        ["ab", "ab"],
    ),
    "parts that are missing": (
        [(0, part(2, "b", "a:1", total=4)), (1, part(4, "d", "a:2", total=4))],
        ["[…]b[…]d"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_what_was_said_is_kept_as_often_as_it_was_said(world, story):
    came, kept = STORIES[story]
    for seconds, item in came:
        store(world, item, at=START + timedelta(seconds=seconds))
    world.do(join_parts, world.runtime, now=START + timedelta(seconds=came[-1][0]) + PARTS_WAIT_FOR)
    assert world.all(select(Reply.body).order_by(Reply.id)) == kept


def test_who_opts_out_again_after_coming_back_is_left_alone_and_told_once_each_time(world):
    world.sent(people=1)
    for n, body in enumerate(("TC", "DK", "TC", "TC")):
        store(world, said(body), at=datetime.now(UTC) + timedelta(minutes=2 * n))
    world.sent(name="Hai", text="Mai họp thôn: {link}")
    later = [line["Body"] for line in world.simulator.ledger()[1:]]
    assert not [body for body in later if "họp" in body]
    assert len(later) <= 2  # the two opt-outs are confirmed, the repetition is not


def test_a_long_reply_without_a_part_waits_for_a_person(world):
    world.sent(people=1)
    store(world, part(1, "da cai roi", "a:1"), at=datetime.now(UTC))
    world.do(join_parts, world.runtime, now=datetime.now(UTC) + PARTS_WAIT_FOR)
    reply = world.one(select(Reply))
    assert (reply.body, reply.is_sure) == ("da cai roi[…]", False)
    assert world.scalar(select(func.count()).where(Case.done_at.is_(None))) == 1


def test_numbers_of_any_length_that_a_centre_sends_keep_nothing_from_being_stored(world):
    def delivered(text, esm_class, *options):
        pdu = inbound_pdu(number(0), text, esm_class=esm_class)
        pdu += b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in options)
        read = read_pdu(pdu[16:], is_data=False)
        return read_delivered(read, pdu, delivery="a:1", secret_key="k", account_id=1)

    world.sent(people=1)
    long = b"\xff" * 9
    store(world, delivered(b"TC", 0, *((tag, long) for tag in (SAR_REFERENCE, SAR_TOTAL, SAR_NUMBER))))
    store(world, delivered(b"id:7 stat:DELIVRD", 4, (OUR_REFERENCE, long)))
    world.do(join_parts, world.runtime, now=START + PARTS_WAIT_FOR)
    assert world.one(select(Reply.body)) == "[…]TC"
    assert world.one(select(WaitingReceipt.reference)) == 0xFFFF


def test_what_cannot_be_read_is_kept_as_it_came_for_a_person_with_an_incident(world):
    store(world, said("T\ufffd", "a:1", raw=b"\x00T\x00"), said("", "a:2", sender="", raw=b"\x01\x02"))
    kept = world.rows(select(Reply.raw, Reply.label, Reply.is_sure).order_by(Reply.id))
    kinds, cases = world.all(select(Incident.kind)), len(world.cases())
    assert kept == [(b"\x00T\x00", Label.OPT_OUT, False), (b"\x01\x02", Label.UNCLEAR, False)]
    assert (kinds, cases) == (["unreadable_reply"] * 2, 2)


def test_what_a_fault_of_ours_does_not_understand_keeps_nothing_else_from_being_stored(world, monkeypatch):
    def receive(session, inbound, **more):
        if inbound.body == "x" and not more["meant"]:
            raise ZeroDivisionError
        return receive_reply(session, inbound, **more)

    monkeypatch.setattr(gateway_inbox, "receive_reply", receive)
    store(world, said("x", "a:1"), said("TC", "a:2"))
    assert world.all(select(Reply.body).order_by(Reply.id)) == ["x", "TC"]
    assert world.all(select(Reply.raw).order_by(Reply.id)) == [b"x", None]


@pytest.mark.parametrize(("apart_s", "kept"), [(3, 1), (30, 2)])
def test_a_phone_that_tells_of_one_sms_twice_under_two_ids(world, apart_s, kept):
    for n in range(2):
        told = InboundMessage(f"phone:{n}", number(0), "", "da cai", is_opt_out=False)
        at = START + timedelta(seconds=apart_s * n)
        world.do(receive_reply, told, now=at, channel=ReplyChannel.PHONE)
    assert len(world.all(select(Reply.body).order_by(Reply.id))) == kept


def listen_until(world, pdus, holds):
    handed_over = []

    def hand_over():
        if not handed_over and world.simulator.smpp_receivers():
            handed_over.append(True)
            world.simulator.deliver_smpp(pdus)
        return bool(handed_over) and holds()

    world.listen_until(hand_over, seconds=60)


def test_every_kind_of_delivery_is_answered_and_kept(over_smpp):  # noqa: F811
    pdus = [
        inbound_pdu(number(0), b"TC"),
        inbound_pdu(number(1), b"TC", command=DATA),
        inbound_pdu(number(2), b"\x00T\x00", data_coding=8),
        inbound_pdu(number(3), b"TC", esm_class=4),  # marked as a receipt by mistake
        inbound_pdu(number(4), b"1") + b"\x04",  # its options are cut short
        inbound_pdu(number(5), b"")[:20],  # hardly anything
    ]
    pdus = [len(pdu).to_bytes(4, "big") + pdu[4:] for pdu in pdus]

    def is_answered():
        return over_smpp.simulator.stats()["inbound_sent"] == len(pdus)

    listen_until(over_smpp, pdus, is_answered)
    assert over_smpp.simulator.stats()["inbound_failed"] == 0
    assert over_smpp.all(select(Reply.body).order_by(Reply.id)) == ["TC", "TC", "T\ufffd", "TC", "1", ""]


def test_what_is_acknowledged_is_kept_once_and_in_order_whatever_is_cut(over_smpp):  # noqa: F811
    result = play_inbound(over_smpp, people=20, messages=200, cuts=4, seed=1)
    assert result.acknowledged == result.kept
    assert result.lost == result.out_of_order == 0


def test_of_many_replies_whose_parts_never_come_some_are_received_at_once(world):
    with world.runtime.db.write() as session:
        session.add_all(
            ReplyPart(gateway_id=f"smpp:{i}", sender=number(i), recipient="8099", reference=i, total=2, number=1,
                      body="a", received_at=START)
            for i in range(JOINED_AT_ONCE + 1)
        )  # fmt: skip
    late = START + PARTS_WAIT_FOR
    assert [world.do(join_parts, world.runtime, now=late) for _ in range(3)] == [JOINED_AT_ONCE, 1, 0]


def test_parts_are_forgotten_some_minutes_after_they_were_joined(world):
    store(world, part(1, "a", "a:1"), part(2, "b", "a:2"))
    world.do(join_parts, world.runtime, now=START + 2 * PARTS_WAIT_FOR)
    assert world.count(ReplyPart) == 0
    assert world.all(select(Reply.body).order_by(Reply.id)) == ["ab"]
