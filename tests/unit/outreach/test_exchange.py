"""What is read of another installation's page, and how the others are named."""

from datetime import UTC, datetime, timedelta

import pytest

from outreach.rules.errors import BadInput
from outreach.rules.exchange import (
    CLOCKS_DIFFER,
    Page,
    Peer,
    Told,
    parse_peers,
    parse_reasons,
    read_page,
    uid_of,
    write_page,
)
from outreach.rules.wishes import WishSource
from tests.support.tables import cases

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
UID = uid_of("kontum", 7, "sms", NOW)
TOLD = Told(UID, "kontum", frozenset({"a" * 64}), True, NOW, None)
PAGE = Page("kontum", "gialai", "n1", "key1", NOW, UID, [TOLD, TOLD._replace(ended_at=NOW, office="gialai")])
ASKED = PAGE._replace(key="", place="", wishes=[])


def test_a_page_is_read_as_it_was_written():
    assert read_page(write_page(PAGE), ASKED, keys=["key2", "key1"]) == PAGE
    late = PAGE._replace(at=NOW + CLOCKS_DIFFER)
    assert read_page(write_page(late), ASKED, keys=["key1"]) == late


@cases(
    (b"", "exchange_unreadable"),
    (b"[1, 2]", "exchange_unreadable"),
    (b"[" * 200_000, "exchange_unreadable"),
    (
        write_page(PAGE).replace(b"2026-11-30T12:00:00+00:00", b"0001-01-01T00:00:00+14:00"),
        "exchange_unreadable",
    ),
    ({"wishes": [TOLD._replace(office=["kontum"])]}, "exchange_answers_other"),
    ({"place": "7\0"}, "exchange_unreadable"),
    ({"place": 7}, "exchange_unreadable"),
    ({"place": None}, "exchange_unreadable"),
    ({"wishes": [TOLD._replace(uid="7")]}, "exchange_unreadable"),
    ({"wishes": [TOLD._replace(numbers=frozenset({"+84900000001"}))]}, "exchange_unreadable"),
    ({"nonce": "n0"}, "exchange_answers_other"),  # an old page that is sent again
    ({"office": "daklak"}, "exchange_answers_other"),
    ({"reader": "daklak"}, "exchange_answers_other"),
    ({"wishes": [TOLD._replace(office="daklak")]}, "exchange_answers_other"),
    ({"at": NOW + timedelta(minutes=6)}, "exchange_clock"),
    ({"at": NOW - timedelta(days=300)}, "exchange_clock"),
    ({"key": "key3"}, "exchange_key_unknown"),
)
def test_a_page_that_is_not_as_it_must_be_is_refused(change, code):
    body = change if isinstance(change, bytes) else write_page(PAGE._replace(**change))
    with pytest.raises(BadInput, match=code):
        read_page(body, ASKED, keys=["key1"])


def test_after_a_restore_another_wish_of_the_same_number_is_known_apart():
    others = {uid_of("kontum", 7, "sms", NOW + timedelta(microseconds=1)), uid_of("daklak", 7, "sms", NOW)}
    assert UID not in others
    assert len(others) == 2


def test_the_others_are_named_with_their_addresses_and_keys():
    peer = Peer("gia-lai", "https://loa.example", "0f" * 32)
    assert parse_peers(f" {peer}, dak=http://10.0.0.1:8000/#{'a' * 64},") == (
        peer,
        Peer("dak", "http://10.0.0.1:8000", "a" * 64),
    )
    for wrong in ("gialai", "gialai=ftp://loa.example#" + "a" * 64, "Gialai" + str(peer)[7:], f"{peer}0"):
        with pytest.raises(BadInput, match="setting_exchange_peers"):
            parse_peers(wrong)
    assert parse_reasons("sms, page") == (WishSource.PAGE, WishSource.SMS)
    with pytest.raises(BadInput, match="setting_choice"):
        parse_reasons("exchange")
