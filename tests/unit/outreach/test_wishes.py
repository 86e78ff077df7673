"""Whether a wish to be left alone holds for a message, and what is read of another installation's page of wishes."""

from datetime import UTC, datetime, timedelta

import pytest

from outreach.rules import exchange
from outreach.rules.errors import BadInput
from outreach.rules.wishes import WishSource, is_own_slip, kind_scope, scopes_of
from tests.support.tables import cases
from tests.support.wish_rule import SaidWish, find_wish

SMS, PAGE, DOOR, REQUEST, CONSENT = (
    WishSource[name] for name in ("SMS", "PAGE", "DOOR", "REQUEST", "CONSENT")
)
HUSBAND, WIFE, SHARED, HERS = 1, 2, 10, 20


def wish(source, *, number=None, person=None, scope="", id=1):
    people, numbers = (frozenset(filter(None, [each])) for each in (person, number))
    return SaidWish(id, scope, source, people, numbers)


def back(of, id=9):
    return SaidWish(id, "", SMS, undoes=of)


BY_SMS = wish(SMS, number=SHARED, person=HUSBAND)
AT_THE_DOOR = wish(DOOR, number=SHARED, person=HUSBAND)
OF_DRIVE = wish(PAGE, number=SHARED, person=HUSBAND, scope="drive:3")


@cases(
    ([], HUSBAND, SHARED, False),
    # Said from a number: it closes the number, the people who have it, and all their numbers.
    ([BY_SMS], HUSBAND, SHARED, True),
    ([BY_SMS], WIFE, SHARED, True),
    ([BY_SMS], WIFE, HERS, True),
    ([BY_SMS], None, SHARED, True),
    ([BY_SMS], None, HERS, False),
    # Told to an officer: the number it was about and that person alone.
    ([AT_THE_DOOR], HUSBAND, 30, True),
    ([AT_THE_DOOR], WIFE, SHARED, True),
    ([AT_THE_DOOR], WIFE, HERS, False),
    # Of somebody without a number of their own: nothing of the phone that they use.
    ([wish(DOOR, person=WIFE)], WIFE, SHARED, True),
    ([wish(DOOR, person=WIFE)], HUSBAND, SHARED, False),
    # What takes it back names it; what it does not name holds.
    ([BY_SMS, back(1)], HUSBAND, SHARED, False),
    ([BY_SMS, back(7)], HUSBAND, SHARED, True),
    ([BY_SMS, back(1), wish(PAGE, number=SHARED, id=12)], HUSBAND, SHARED, True),
    ([back(1), BY_SMS], HUSBAND, SHARED, False),
)
def test_a_wish_holds_for_its_number_and_its_person(rows, person, number, left_alone):
    numbers = {HUSBAND: [SHARED, 30], WIFE: [SHARED, HERS]}.get(person or 0, [])
    found = find_wish(rows, person=person, number=number, numbers_of_person=numbers)
    assert (found is not None) is left_alone


@cases(
    (OF_DRIVE, {"drive": 3, "kind": "bluezone"}, False, True),
    (OF_DRIVE, {"drive": 4, "kind": "bluezone"}, False, False),
    (OF_DRIVE, {}, False, False),
    (wish(CONSENT, person=HUSBAND, scope=kind_scope("khao-sat")), {"kind": "khao-sat"}, False, True),
    (wish(CONSENT, person=HUSBAND, scope=kind_scope("khao-sat")), {"kind": "bluezone"}, False, False),
    (wish(CONSENT, person=HUSBAND, scope=kind_scope("")), {"kind": "bluezone"}, False, True),
    (wish(SMS, number=SHARED, scope="organisation:5"), {"organisation": 5}, False, True),
    (wish(SMS, number=SHARED, scope="organisation:5"), {"organisation": 6}, False, False),
    (wish(SMS, number=SHARED, scope="channel:sms"), {}, False, True),
    (wish(SMS, number=SHARED, scope="channel:zalo"), {}, False, False),
    # A warning that has a legal basis passes an opt-out from everything, not what is about it or a right.
    (BY_SMS, {"drive": 3}, True, False),
    (AT_THE_DOOR, {"drive": 3}, True, False),
    (OF_DRIVE, {"drive": 3}, True, True),
    (wish(REQUEST, person=HUSBAND), {"drive": 3}, True, True),
    (wish(CONSENT, person=HUSBAND), {"drive": 3}, True, True),
)
def test_a_wish_holds_for_what_it_is_about(row, message, passes, left_alone):
    scopes = scopes_of(**message)
    found = find_wish([row], person=HUSBAND, number=SHARED, scopes=scopes, passes=passes)
    assert (found is not None) is left_alone


def test_what_is_about_everything_is_named_before_what_is_about_one_matter():
    rows = [OF_DRIVE, wish(SMS, number=SHARED, id=8), wish(PAGE, number=SHARED, id=9)]
    found = find_wish(rows, person=HUSBAND, number=SHARED, scopes=scopes_of(drive=3))
    assert found.id == 8


NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
UID = exchange.uid_of("kontum", 7, "sms", NOW)
TOLD = exchange.Told(UID, "kontum", frozenset({"a" * 64}), True, NOW, None)
TOLD_PAGE = exchange.Page(
    "kontum", "gialai", "n1", "key1", NOW, UID, [TOLD, TOLD._replace(ended_at=NOW, office="gialai")]
)
ASKED = TOLD_PAGE._replace(key="", place="", wishes=[])


def test_a_page_is_read_as_it_was_written():
    assert exchange.read_page(exchange.write_page(TOLD_PAGE), ASKED, keys=["key2", "key1"]) == TOLD_PAGE
    late = TOLD_PAGE._replace(at=NOW + exchange.CLOCKS_DIFFER)
    assert exchange.read_page(exchange.write_page(late), ASKED, keys=["key1"]) == late


@cases(
    (b"", "exchange_unreadable"),
    (b"[1, 2]", "exchange_unreadable"),
    (b"[" * 200_000, "exchange_unreadable"),
    (
        exchange.write_page(TOLD_PAGE).replace(b"2026-11-30T12:00:00+00:00", b"0001-01-01T00:00:00+14:00"),
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
    body = change if isinstance(change, bytes) else exchange.write_page(TOLD_PAGE._replace(**change))
    with pytest.raises(BadInput, match=code):
        exchange.read_page(body, ASKED, keys=["key1"])


def test_after_a_restore_another_wish_of_the_same_number_is_known_apart():
    others = {
        exchange.uid_of("kontum", 7, "sms", NOW + timedelta(microseconds=1)),
        exchange.uid_of("daklak", 7, "sms", NOW),
    }
    assert UID not in others
    assert len(others) == 2


def test_the_others_are_named_with_their_addresses_and_keys():
    peer = exchange.Peer("gia-lai", "https://loa.example", "0f" * 32)
    assert exchange.parse_peers(f" {peer}, dak=http://10.0.0.1:8000/#{'a' * 64},") == (
        peer,
        exchange.Peer("dak", "http://10.0.0.1:8000", "a" * 64),
    )
    for wrong in ("gialai", "gialai=ftp://loa.example#" + "a" * 64, "Gialai" + str(peer)[7:], f"{peer}0"):
        with pytest.raises(BadInput, match="setting_exchange_peers"):
            exchange.parse_peers(wrong)
    assert exchange.parse_reasons("sms, page") == (WishSource.PAGE, WishSource.SMS)
    with pytest.raises(BadInput, match="setting_choice"):
        exchange.parse_reasons("exchange")


@cases((1, 11, True), (1, 12, False), (2, 1, False), (None, 1, False))
def test_a_slip_is_taken_back_by_who_made_it_within_half_a_day(entered_by, hours, expected):
    now = datetime(2026, 12, 2, 12, tzinfo=UTC)
    assert is_own_slip(entered_by, now - timedelta(hours=hours), user_id=1, now=now) is expected
