"""What a centre delivers over SMPP, as octets, and a game of many people who write while connections are cut."""

import random
import struct
import time
from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import func, select

from campaigns.models.replies import Reply, ReplyPart
from outreach.sms.smpp import DATA, DELIVER
from tests.support.world import World, number

WORDS = ("1", "2", "4", "TC", "da cai roi", "chua cai", "giup toi voi", "Tôi hỏi ở đâu")


def inbound_pdu(
    sender: str, octets: bytes, *, command: int = DELIVER, data_coding: int = 0, esm_class: int = 0
) -> bytes:
    """A `deliver_sm` or `data_sm` of a resident to 8099."""
    addresses = b"\0\1\1" + sender.lstrip("+").encode() + b"\0\0\x018099\0"
    if command == DATA:
        payload = struct.pack(">HH", 0x0424, len(octets)) + octets
        body = addresses + bytes((esm_class, 0, data_coding)) + payload
    else:
        body = addresses + bytes((esm_class, 0, 0, 0, 0, 0, 0, data_coding, 0, len(octets))) + octets
    return struct.pack(">IIII", 16 + len(body), command, 0, 0) + body


@dataclass
class Played:
    """Deliveries that were answered, and rows that are kept; of these how many are missing or not in the order of arrival."""

    sent: int = 0
    acknowledged: int = 0
    kept: int = 0
    lost: int = 0
    out_of_order: int = 0
    replies: int = 0
    unreadable: int = 0
    incomplete: int = 0
    cuts: int = 0
    seconds: float = 0


@dataclass
class _Person:
    sender: str
    said: list[str] = field(default_factory=list)  # short ones
    parts: list[str] = field(default_factory=list)


def _utterance(person: _Person, n: int, chance: random.Random) -> list[bytes]:
    """One reply of a person, as one delivery or as several in any order, at times without one."""
    kind, word = chance.random(), chance.choice(WORDS)
    if kind < 0.1:
        person.said.append("T\ufffd")
        return [inbound_pdu(person.sender, b"\0T\0", data_coding=8)]
    if kind < 0.2:
        person.said.append(word)
        return [inbound_pdu(person.sender, word.encode("utf-16-be"), command=DATA, data_coding=8)]
    if kind < 0.7:
        person.said.append(word)
        return [inbound_pdu(person.sender, word.encode("utf-16-be"), data_coding=8)]
    pieces = [f"{n}.{k} {word} " for k in (1, 2, 3)]
    deliveries = [
        (piece, bytes((5, 0, 3, 7, 3, k)) + piece.encode("utf-16-be")) for k, piece in enumerate(pieces, 1)
    ]
    chance.shuffle(deliveries)  # all replies of a person have one reference
    if kind < 0.75:
        deliveries.pop()
    person.parts += [piece for piece, _ in deliveries]
    return [inbound_pdu(person.sender, octets, data_coding=8, esm_class=0x40) for _, octets in deliveries]


def play_inbound(world: World, *, people: int, messages: int, cuts: int, seed: int) -> Played:
    """Let people write `messages` deliveries, and cut all connections `cuts` times meanwhile."""
    chance, began = random.Random(seed), time.monotonic()
    everybody = [_Person(number(n)) for n in range(people)]
    pdus: list[bytes] = []
    while len(pdus) < messages:
        pdus += _utterance(chance.choice(everybody), len(pdus), chance)
    result, simulator = Played(sent=len(pdus)), world.simulator
    left, cut_at = list(pdus), sorted(chance.sample(range(1, len(pdus)), cuts), reverse=True)

    def is_over() -> bool:
        stats = simulator.stats()
        # Handed over as it gets on, so that a cut always finds some under way.
        if left and stats["inbound_pending"] < 60 and simulator.smpp_receivers():
            simulator.deliver_smpp(left[:40])
            del left[:40]
        if cut_at and stats["inbound_sent"] >= cut_at[-1] and simulator.smpp_receivers():
            cut_at.pop()
            result.cuts += simulator.cut_smpp()
        return not left and not cut_at and not stats["inbound_pending"]

    world.listen_until(is_over, seconds=3600)
    stats = simulator.stats()
    result.acknowledged = stats["inbound_sent"] - stats["inbound_failed"]
    with world.runtime.db.read() as session:
        for table, said in ((Reply, "said"), (ReplyPart, "parts")):
            by_sender: dict[str, list[str]] = {}
            rows = select(table.sender, table.body).where(table.gateway_id.startswith("smpp:"))
            for sender, body in session.execute(rows.order_by(table.id)):
                by_sender.setdefault(sender, []).append(body)
            for person in everybody:
                expected, kept = getattr(person, said), by_sender.get(person.sender, [])
                result.kept += len(kept)
                result.lost += (Counter(expected) - Counter(kept)).total()
                result.out_of_order += kept != expected and Counter(kept) == Counter(expected)
        result.replies = world.count(Reply)
        result.unreadable = session.scalar(select(func.count()).where(Reply.raw.is_not(None))) or 0
        result.incomplete = session.scalar(select(func.count()).where(Reply.body.contains("[…]"))) or 0
    result.seconds = time.monotonic() - began
    return result
