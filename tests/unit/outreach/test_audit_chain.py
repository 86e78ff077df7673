"""The audit's chain: what a hash covers, and which entry is named when something does not fit."""

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from outreach.rules import audit_chain
from outreach.rules.audit_chain import GENESIS, ChainBreak, ChainEntry, ChainFault
from tests.support.tables import cases, each_of

NOW = datetime(2020, 8, 12, 3, 4, 5, tzinfo=UTC)


def make(id, previous, **more):
    parts = {
        "id": id,
        "at": NOW,
        "actor_id": 7,
        "origin": "10.0.0.9",
        "action": "login",
        "subject": "users:7",
        "details": {"rows": 3},
        "values_digest": "",
        **more,
    }
    return ChainEntry(**parts, previous=previous, hash=audit_chain.hash_entry(previous, **parts))


def chain(*ids):
    links = []
    for id in ids:
        links.append(make(id, links[-1].hash if links else GENESIS))
    return links


WHOLE = chain(1, 2, 3, 4, 5)
KEYS = {"aaaaaaaa": "a" * 32, "bbbbbbbb": "b" * 32}


def keyed(id, previous, name, **more):
    """An entry under one of KEYS; `previous` as a hash."""
    plain = make(id, previous, **more)
    parts = {item.name: getattr(plain, item.name) for item in fields(ChainEntry)}
    for item in ("previous", "hash", "key_id", "salt", "values"):
        del parts[item]
    return replace(plain, key_id=name, hash=audit_chain.hash_entry(previous, key=KEYS[name], **parts))


def mixed():
    """Two entries from before keys, two under a key, one under the next."""
    links = chain(1, 2)
    for id, name in ((3, "aaaaaaaa"), (4, "aaaaaaaa"), (5, "bbbbbbbb")):
        links.append(keyed(id, links[-1].hash, name))
    return links


END = WHOLE[-1].hash


@pytest.mark.parametrize(
    "change",
    [
        {"at": NOW.replace(second=6)},
        {"actor_id": None},
        {"origin": ""},
        {"action": "logout"},
        {"subject": "users:8"},
        {"details": {"rows": 4}},
        {"values_digest": "0"},
        {"previous": GENESIS},
        {"hash": GENESIS},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_changed_in_an_entry_names_it(change):
    forged = [*WHOLE[:2], replace(WHOLE[2], **change), *WHOLE[3:]]
    assert audit_chain.find_break(forged, last_id=5, last_hash=END) == ChainBreak(3, ChainFault.CHANGED)


CASES = [
    ("whole", WHOLE, None),
    ("first removed", WHOLE[1:], ChainBreak(1, ChainFault.REMOVED)),
    ("two removed", [WHOLE[0], *WHOLE[3:]], ChainBreak(2, ChainFault.REMOVED)),
    ("last removed", WHOLE[:-1], ChainBreak(5, ChainFault.REMOVED)),
    ("all removed", [], ChainBreak(1, ChainFault.REMOVED)),
    ("one behind the end", [*WHOLE, make(6, END)], ChainBreak(6, ChainFault.INSERTED)),
    ("one of no chain behind the end", [*WHOLE, replace(WHOLE[3], id=6)], ChainBreak(6, ChainFault.INSERTED)),
    ("one in between", [*WHOLE[:2], make(2, GENESIS), *WHOLE[2:]], ChainBreak(2, ChainFault.INSERTED)),
    (
        "one in another's place",
        [*WHOLE[:2], make(3, WHOLE[1].hash, actor_id=1), *WHOLE[3:]],
        ChainBreak(4, ChainFault.REMOVED),
    ),
]


@pytest.mark.parametrize(("links", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_first_entry_that_does_not_fit_is_named(links, found):
    assert audit_chain.find_break(links, last_id=5, last_hash=END) == found


def test_gaps_from_before_the_chain_break_nothing():
    links = chain(2, 5, 6)
    assert audit_chain.find_break(links, last_id=6, last_hash=links[-1].hash) is None
    assert audit_chain.find_break([links[0], links[2]], last_id=6, last_hash=links[-1].hash) == ChainBreak(
        3, ChainFault.REMOVED
    )


def test_values_are_held_against_their_digest_as_long_as_they_are_kept():
    link = make(1, GENESIS, values_digest=audit_chain.digest("salt", {"name": ["A", "B"]}))
    for kept, found in (
        ({"salt": "salt", "values": {"name": ["A", "B"]}}, None),
        ({}, None),
        ({"salt": "salt", "values": {"name": ["A", "C"]}}, ChainBreak(1, ChainFault.VALUES)),
        ({"salt": "other", "values": {"name": ["A", "B"]}}, ChainBreak(1, ChainFault.VALUES)),
    ):
        assert audit_chain.find_break([replace(link, **kept)], last_id=1, last_hash=link.hash) == found


def test_old_and_keyed_entries_are_one_chain():
    links = mixed()
    assert audit_chain.find_break(links, last_id=5, last_hash=links[-1].hash, keys=KEYS) is None


@cases(
    # Somebody with the database and without the key chains all entries anew, without a key.
    ("all anew", ChainBreak(5, ChainFault.UNKEYED)),
    *each_of("the end anew | a keyed entry changed", ChainBreak(4, ChainFault.CHANGED)),
    ("cut back to before keys", ChainBreak(2, ChainFault.UNKEYED)),
    ("under a key of one's own", ChainBreak(3, ChainFault.UNKNOWN_KEY)),
)
def test_without_the_key_nobody_chains_anew(attack, found):
    links = mixed()
    if attack == "all anew":
        links = chain(1, 2, 3, 4, 5)
    elif attack == "the end anew":
        links = [*links[:3], make(4, links[2].hash)]
        links.append(make(5, links[3].hash))
    elif attack == "cut back to before keys":
        links = links[:2]
    elif attack == "under a key of one's own":
        links[2] = replace(links[2], key_id="cccccccc")
    else:
        links[3] = replace(links[3], action="logout")
    assert audit_chain.find_break(links, last_id=links[-1].id, last_hash=links[-1].hash, keys=KEYS) == found
