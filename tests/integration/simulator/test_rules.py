"""The simulator's own rules, without a process: segments, links, routes, shares, memory, journal."""

from collections import Counter
from pathlib import Path

import pytest
from twilio.request_validator import RequestValidator

from simulator import settings
from simulator.callbacks import NotThisMachine, find_destination, is_this_machine, sign
from simulator.messages import Direction, Journal, Sms, Status, Store, mint_sid
from simulator.network import count_segments
from simulator.residents import first_local_link, split_links
from simulator.settings import Faults, InvalidSetting, RequestFault, ResidentHabits
from tests.support.tables import cases, each_of

PUBLIC = "https://loa.example"
LOCAL = "http://127.0.0.1:8000/webhooks/twilio/inbound"


def sms(number, body="x", *, direction=Direction.OUTBOUND):
    is_out = direction is Direction.OUTBOUND
    return Sms(
        sid=mint_sid(),
        account_sid="AC" + "0" * 32,
        direction=direction,
        to=number if is_out else "LOA",
        from_="LOA" if is_out else number,
        body=body,
        status=Status.QUEUED if is_out else Status.RECEIVED,
        num_segments=1,
        created=1_600_000_000.25,
        updated=1_600_000_000.25,
    )


@cases(
    ("a" * 160, 1),
    ("a" * 161, 2),
    ("a" * 306, 2),
    ("a" * 307, 3),
    ("€" * 80, 1),
    ("€" * 81, 2),
    ("€" * 152, 2),  # 76 a part: an escaped character is not cut in two
    ("€" * 153, 3),
    ("ạ" * 70, 1),
    ("ạ" * 71, 2),
    ("ạ" * 134, 2),
    ("ạ" * 135, 3),
    ("👍" * 35, 1),
    ("👍" * 66, 2),  # 33 a part
    ("👍" * 67, 3),
    ("à è é ì ò ù É", 1),
)
def test_segments_are_filled_as_a_gateway_fills_them(body, segments):
    assert count_segments(body) == segments


@cases("https://loa.example/webhooks/twilio/status/7", "http://127.0.0.1:8000/x?a=1&b=%C3%A0")
def test_signature_is_what_twilios_validator_expects(url):
    params = {"To": "+84905000123", "Body": "Tôi cài rồi ạ 👍", "NumMedia": "0", "Empty": ""}
    validator = RequestValidator("token")
    assert validator.validate(url, params, sign(url, params, auth_token="token"))
    assert not validator.validate(url, params | {"Body": "khác"}, sign(url, params, auth_token="token"))


@cases(
    *each_of("http://127.0.0.1:8000/x | http://127.9.9.9/x | http://localhost/x", True),
    ("https://[::1]:8000/x", True),
    *each_of("http://192.168.1.2/x | http://127.0.0.1.example/x", False),
    *each_of("http://127.0.0.1@example.vn/x | http://localhost.example.vn/x", False),
    *each_of("http://2130706433/x | ftp://127.0.0.1/x | http://[::1/x", False),
    ("", False),
)
def test_only_loopback_is_this_machine(url, is_local):
    assert is_this_machine(url) is is_local


def test_public_address_is_carried_to_the_local_port_as_by_a_proxy():
    url, headers = find_destination(PUBLIC + "/status/7?a=1", public_url=PUBLIC, local_url=LOCAL)
    assert url == "http://127.0.0.1:8000/status/7?a=1"
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["Host"] == "loa.example"
    for other in (
        "https://other.example/x",
        "http://loa.example/x",
        "https://loa.example.vn/x",
        "http://[::1",
    ):
        with pytest.raises(NotThisMachine):
            find_destination(other, public_url=PUBLIC, local_url=LOCAL)


@cases(
    *each_of("Bấm http://127.0.0.1:8000/AbC. | 127.0.0.1:8000/AbC", ["http://127.0.0.1:8000/AbC"]),
    ("(https://bluezone.gov.vn/taiapp)", ["https://bluezone.gov.vn/taiapp"]),
    ("loa.example/AbC, cảm ơn", ["https://loa.example/AbC"]),
    ("javascript:alert(1) bluezone.gov.vn", []),
    ('http://a.vn/"><script>', ["http://a.vn/"]),
    ("http://a.vn/1 http://b.vn/2", ["http://a.vn/1", "http://b.vn/2"]),
)
def test_links_are_found_and_the_text_stays_whole(text, links):
    pieces = list(split_links(text, public_url=PUBLIC))
    assert "".join(piece for piece, _ in pieces) == text
    assert [link for _, link in pieces if link] == links


def test_resident_presses_the_first_link_that_leads_here():
    text = "Tải https://bluezone.gov.vn/taiapp rồi bấm https://loa.example/AbC"
    assert first_local_link(text, public_url=PUBLIC) == "https://loa.example/AbC"
    assert first_local_link("https://bluezone.gov.vn", public_url=PUBLIC) is None


def test_shares_of_one_phase_are_shares_of_all_requests():
    faults = Faults(rate_429=0.05, rate_500=0.05)
    met = Counter(settings.fault_before_accept(faults, (i + 0.5) / 1000) for i in range(1000))
    assert met == {RequestFault.THROTTLED: 50, RequestFault.SERVER_ERROR: 50, None: 900}


def test_seeded_chance_is_even_and_repeats():
    draws = [settings.roll(7, "x", i) for i in range(4000)]
    assert draws == [settings.roll(7, "x", i) for i in range(4000)]
    assert 0.45 < sum(draws) / len(draws) < 0.55
    assert all(0 <= draw < 1 for draw in draws)


def test_residents_answer_in_the_shares_that_were_set():
    habits = settings.change_habits(ResidentHabits(), {"installed": 0.5, "opt_out": 0.1, "none": 0.4})
    assert Counter(settings.choose_label(habits, (i + 0.5) / 1000) for i in range(1000)) == {
        "installed": 500,
        "opt_out": 100,
        None: 400,
    }


@cases({"installed": 0.7, "refuse": 0.4}, {"installed": 0.7, "none": 0.4}, {"delay_min_s": 9}, {"maybe": 0.1})
def test_impossible_habits_are_refused(changes):
    with pytest.raises(InvalidSetting):
        settings.change_habits(ResidentHabits(), changes)


def test_store_forgets_the_oldest_and_goes_on_counting():
    store = Store(keep=20)
    messages = [sms(f"+84905000{i % 7:03d}") for i in range(25)]
    for message in messages:
        store.add(message)
    assert len(store.everything) <= 20
    assert store.everything[-1] is messages[-1]
    assert store.ledger[0].ledger_index == store.forgotten_ledger > 0
    assert messages[0].sid not in store.by_sid
    assert sum(len(phone.entries) for phone in store.phones.values()) == len(store.everything)
    page = list(store.newest_first(to=None, from_="LOA", before_seq=messages[20].seq))
    assert page[0] is messages[19]


def test_phone_is_found_by_any_part_of_its_number_latest_first():
    store = Store(keep=100)
    for number in ("+84905000111", "+84935000112", "+84905000111"):
        store.add(sms(number))
    assert [phone.number for phone in store.find_phones("")] == ["+84905000111", "+84935000112"]
    assert [phone.number for phone in store.find_phones("0935 000")] == ["+84935000112"]
    assert [phone.number for phone in store.find_phones("+84 905")] == ["+84905000111"]
    assert list(store.find_phones("999")) == []


def test_journal_gives_back_what_was_written_without_a_line_cut_short(tmp_path):
    journal, store = Journal(tmp_path), Store(keep=100)
    journal.load(store)
    out, answer = sms("+84905000123", "Mời bà con"), sms("+84905000123", "1", direction=Direction.INBOUND)
    for message in (out, answer):
        store.add(message)
        journal.write_message(message)
    out.status, out.sent, out.answered_by_link = Status.DELIVERED, 1_600_000_001.0, "installed"
    journal.write_end(out)
    journal.write_answer(out)
    journal.close()
    with (tmp_path / "messages.jsonl").open("ab") as file:
        file.write(b'not json\n{"kind":"accepted","sid":"SM')

    again, loaded = Journal(tmp_path), Store(keep=100)
    again.load(loaded)
    first, second = loaded.everything
    assert (first.sid, first.body, first.status, first.sent) == (out.sid, "Mời bà con", "delivered", out.sent)
    assert (first.answered_by_link, first.is_reported) == ("installed", True)
    assert (second.body, second.direction, second.is_reported) == ("1", Direction.INBOUND, False)
    again.write_message(sms("+84905000124"))
    again.close()
    third = Store(keep=100)
    Journal(tmp_path).load(third)
    assert len(third.everything) == 3


def test_every_setting_stands_in_the_documentation():
    text = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")
    for item in settings.settings_of(Faults()) + settings.settings_of(ResidentHabits()):
        assert f"`{item.name}`" in text, item.name
