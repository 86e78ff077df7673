"""The page for everybody: it compares texts, proves a number by a code, and says nothing about anybody."""

import re
from datetime import timedelta

import pytest
from limits import RateLimitItemPerDay
from sqlalchemy import select, update

from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message
from campaigns.models.replies import Case, Reply
from campaigns.replies.acknowledgements import OPT_OUT_OF_DRIVE_REPLY
from campaigns.replies.public_requests import Wish, code_of
from campaigns.web import public_page
from outreach.models.contacts import Phone
from tests.support.admin_client import shows
from tests.support.tables import cases
from tests.support.wishes import numbers_left_alone
from tests.support.world import number

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
UNKNOWN = "+84905000999"
KNOWN = number(5)  # the first of the sample numbers looks like a placeholder


@pytest.fixture
def campaign(world):
    world.runtime.redis.flushdb()
    return world.launch(people=6, text="UBMTTQ tinh moi ong/ba cai Bluezone: {link} Da cai tra loi 1.")


def code_sent_to(world, e164):
    query = select(Message.text).join(Phone, Phone.id == Message.phone_id).where(Phone.e164 == e164)
    texts = world.all(query.where(Message.step_id.is_(None)).order_by(Message.id))
    (code,) = [found[1] for text in texts if (found := re.search(r"Ma xac nhan.*?(\d{6})", text or ""))]
    return code


def test_a_message_is_compared_by_its_words_alone(client, world, campaign):
    world.send()
    sent = world.simulator.ledger()[0]["Body"]
    for text, words in (
        (sent, "Lời tin giống tin của chúng tôi"),
        (sent.replace("http://", "http://evil.example/"), "Cẩn thận: tin có liên kết lạ"),
        ("Ban da trung thuong", "Không giống tin nào"),
    ):
        page = client.post("/hoi/kiem-tra", data={"text": text}).text
        assert words in page, text
    assert client.post("/hoi/kiem-tra", data={"text": " "}).status_code == 422


def test_what_loa_writes_of_itself_and_late_reminders_are_known(client, world):
    world.runtime.redis.flushdb()
    world.add_people(1)
    own = {"1": {"text": "Có", "means": "installed", "reply": "Cam on ong/ba da cho biet, hen gap lai."}}
    own["2"] = {"text": "Không", "means": "not_yet"}
    reminder = "Nhac ong/ba cai Bluezone cho ca gia dinh minh"
    world.launch(content={"own_answers": own}, step=[{"text": reminder, "after_days": 0}])
    world.execute(update(Campaign).values(launched_at=world.now - timedelta(days=90)))
    for text in (OPT_OUT_OF_DRIVE_REPLY.format(time="10:20 ngay 01/10/2026"), own["1"]["reply"], reminder):
        page = client.post("/hoi/kiem-tra", data={"text": text}).text
        assert "Lời tin giống tin của chúng tôi" in page, text


def test_a_note_that_was_refused_or_met_a_fault_is_sent_at_the_next_try(client, world, monkeypatch):
    world.runtime.redis.flushdb()

    def leave(note):
        return client.post("/hoi/nhan", data={"number": UNKNOWN, "note": note}).status_code

    assert leave("Xin gọi lại. " * 60) == 422
    with monkeypatch.context() as patch:
        patch.setattr(public_page, "leave_note", lambda *_, **__: 1 / 0)
        assert leave("Xin gọi lại.") == 500
    assert leave("Xin gọi lại.") == 200
    assert len(world.cases()) == 1


@cases(KNOWN, UNKNOWN)
def test_a_number_stops_by_the_code_that_only_its_phone_gets(client, world, campaign, e164):
    local = "0" + e164[3:]
    for _ in range(2):  # a code a day
        assert "Nhập mã để ngừng" in client.post("/hoi/ma", data={"number": local, "wish": "stop"}).get_data(
            as_text=True
        )
    code = code_sent_to(world, e164)
    wrong = client.post("/hoi/xac-nhan", data={"number": local, "wish": "stop", "code": "x" + code[1:]})
    assert wrong.status_code == 422
    # The code for one wish is none for another.
    shows(client.post("/hoi/xac-nhan", data={"number": local, "wish": "join", "code": code}), status=422)
    assert e164 not in world.read(numbers_left_alone)
    done = client.post(
        "/hoi/xac-nhan", data={"number": local, "wish": "stop", "code": f" {code[:3]} {code[3:]}"}
    )
    assert "Đã ghi nhận" in done.text
    assert e164 in world.read(numbers_left_alone)


def test_a_code_for_taking_part_that_a_stranger_has_asked_for_stops_as_well(client, world, campaign):
    for wish in ("join", "stop"):
        client.post("/hoi/ma", data={"number": KNOWN, "wish": wish})
    code = code_sent_to(world, KNOWN)
    client.post("/hoi/xac-nhan", data={"number": KNOWN, "wish": "stop", "code": code})
    assert KNOWN in world.read(numbers_left_alone)


def test_known_and_unknown_numbers_get_the_same_pages(client, world, campaign):
    world.reply(KNOWN, "TC", gateway_id="SM1")
    pages = set()
    for e164 in (KNOWN, UNKNOWN):
        local = "0" + e164[3:]
        parts = [client.post("/hoi/ma", data={"number": local, "wish": "join"}) for _ in range(2)]
        parts.append(client.post("/hoi/xac-nhan", data={"number": local, "wish": "join", "code": "000000"}))
        parts.append(client.post("/hoi/nhan", data={"number": local, "note": "Gọi lại cho tôi"}))
        pages.add("\n".join(part.text.replace(e164, "N") for part in parts))
    assert len(pages) == 1


def test_whoever_takes_part_and_whoever_leaves_a_note_is_a_case_for_an_officer(client, world, campaign):
    client.post("/hoi/ma", data={"number": UNKNOWN, "wish": "join"})
    code = code_sent_to(world, UNKNOWN)
    client.post("/hoi/xac-nhan", data={"number": UNKNOWN, "wish": "join", "code": code})
    client.post("/hoi/nhan", data={"number": KNOWN, "note": "Đừng nhắn cho tôi nữa"})
    client.post("/hoi/nhan", data={"number": KNOWN, "note": "Thêm một lời"})
    bodies = world.all(select(Reply.body).join(Case, Case.reply_id == Reply.id).order_by(Case.id))
    assert len(bodies) == 2
    assert "đã xác nhận bằng mã" in bodies[0]
    assert "chưa xác minh" in bodies[1]
    # Anybody may have used the number's one note of the day.
    cry = client.post("/hoi/nhan", data={"number": KNOWN, "note": "Nước ngập tới nóc rồi cứu với"})
    assert 'href="tel:112"' in cry.text
    assert [case.urgent_at is not None for case in world.cases()] == [False, False, True]
    # Somebody else may have written it: an officer decides.
    assert KNOWN not in world.read(numbers_left_alone)


def test_tries_and_requests_are_limited_and_a_bad_number_is_said(client, world, campaign):
    bad = client.post("/hoi/ma", data={"number": "123", "wish": "stop"})
    assert bad.status_code == 422
    assert "Số điện thoại chưa đúng" in bad.text
    data = {"number": UNKNOWN, "wish": "stop", "code": "000000"}
    tries = [
        client.post("/hoi/xac-nhan", data=data).status_code
        for _ in range(public_page.TRIES_PER_NUMBER.amount + 1)
    ]
    assert tries == [422] * public_page.TRIES_PER_NUMBER.amount + [429]
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    assert client.post("/hoi/xac-nhan", data=data, environ_base=elsewhere).status_code == 422, (
        "the owner tries"
    )
    for path, limit, form in (
        ("/hoi/kiem-tra", public_page.CHECKS_PER_ADDRESS, {"text": "x"}),
        ("/hoi/ma", public_page.CODES_PER_ADDRESS, {"number": UNKNOWN, "wish": "stop"}),
    ):
        codes = [client.post(path, data=form).status_code for _ in range(limit.amount + 1)]
        assert codes[-1] == 429, path


def test_no_code_is_guessed_for_a_number_that_asked_for_none(client, world, campaign):
    keys = world.runtime.db.installation.number_keys
    world.reply(KNOWN, "TC", gateway_id="SM1")
    for e164, wish in ((UNKNOWN, Wish.STOP), (KNOWN, Wish.JOIN)):
        code = code_of(e164, wish, key=keys, now=world.now)
        answer = client.post("/hoi/xac-nhan", data={"number": e164, "wish": wish.value, "code": code})
        assert answer.status_code == 422
    assert world.read(numbers_left_alone) == {KNOWN}


def test_notes_of_strangers_keep_no_cry_from_being_read(client, world, monkeypatch):
    world.runtime.redis.flushdb()
    for limit in ("NOTES_PER_ADDRESS", "NOTES_IN_ALL"):
        monkeypatch.setattr(public_page, limit, RateLimitItemPerDay(1, 1, f"test:{limit}"))
    cry = "Nước ngập tới nóc rồi cứu với"

    def leave(note):
        return client.post("/hoi/nhan", data={"number": UNKNOWN, "note": note})

    assert [leave(note).status_code for note in ("Gọi lại", "Gọi lại đi", cry)] == [200, 429, 200]
    monkeypatch.setattr(public_page, "CRIES_PER_ADDRESS", RateLimitItemPerDay(1, 1, "test:cries"))
    assert [leave(f"{cry} {n}").status_code for n in range(2)] == [200, 429]
    refused = leave(cry).text
    shows(refused, "112", f"{cry}</textarea>")


@cases(("NOTES", "Gọi lại"), ("CRIES", "Nước ngập tới nóc rồi cứu với"))
def test_what_is_refused_to_one_address_uses_up_nothing_of_the_others(
    client, world, monkeypatch, limits, note
):
    world.runtime.redis.flushdb()
    monkeypatch.setattr(public_page, f"{limits}_PER_ADDRESS", RateLimitItemPerDay(1, 1, "test:address"))
    monkeypatch.setattr(public_page, f"{limits}_IN_ALL", RateLimitItemPerDay(3, 1, "test:all"))

    def leave(n, address):
        data = {"number": number(20 + n), "note": f"{note} {n}"}
        return client.post("/hoi/nhan", data=data, environ_base={"REMOTE_ADDR": address}).status_code

    assert [leave(n, "198.51.100.7") for n in range(5)] == [200] + [429] * 4
    assert leave(5, "203.0.113.9") == 200


def test_the_page_and_the_poster_are_light_and_load_nothing(client, campaign):
    for path in ("/hoi", "/hoi/to-roi"):
        page = client.get(path)
        assert page.status_code == 200
        assert len(page.data) < 14 * 1024
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<svg" in client.get("/hoi/to-roi").text
