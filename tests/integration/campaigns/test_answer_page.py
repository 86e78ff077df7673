"""The page behind the personal link: looking changes nothing, each press counts once, and everybody can read it."""

import re
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from socket import create_connection
from threading import Thread

import pytest
from redis import Redis
from sqlalchemy import MetaData, select, update
from werkzeug.serving import make_server

from admin.app import create_app
from campaigns.analytics.reach import read_reach
from campaigns.models.campaigns import Campaign, PageOpen, Recipient
from campaigns.models.replies import Answer, Case
from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import page_choices, read_content
from campaigns.rules.links import LinkCipher
from campaigns.rules.replies.labels import NON_ANSWERS, PAGE_LABELS, Label
from campaigns.rules.states import CampaignAction, CampaignState
from campaigns.web import page_lookups
from campaigns.web.answer_page import SENT
from campaigns.web.page_lookups import MOST, WINDOW_S
from outreach.contacts.contact import Closing, lift_suppression
from outreach.contacts.wishes import is_left_alone
from outreach.core.job_queue import JobQueue
from outreach.models.accounts import Organisation
from outreach.models.contacts import Phone
from tests.project.test_colours import contrast
from tests.support.admin_client import shows
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.wait_until import wait_until
from tests.support.world import APPROVER, number

ANDROID = "Mozilla/5.0 (Linux; Android 9; SM-A105F) AppleWebKit/537.36 Mobile Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 13_6 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/79.0"
BLUEZONE = page_choices(read_content(load_kinds()["bluezone"]))
ALWAYS = ("call", "ask", "wrong_number", "opt_out_drive", "opt_out")
NO_APP = ("no_smartphone", "installed", "opt_out")
# What a page looks like does not depend on the database.
one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(page_lookups, "EVERY_S", 0.05)


@pytest.fixture
def campaign(world):
    return world.launch(people=2)


def token_of(world, campaign, index=0):
    return world.link(campaign, index)


def read(client, token):
    response = client.get(f"/{token}")
    assert response.status_code == 200
    return response.text


def press(client, token, answer, **headers):
    response = client.post(f"/{token}", data={"answer": answer}, headers=headers)
    assert response.status_code == 303
    return response.headers["Location"]


def buttons(page):
    return re.findall(r'name="answer" value="(\w+)"', page)


def everything(world):
    """All that the database holds, but who opened the page."""
    tables = MetaData()
    tables.reflect(world.runtime.db.engine)
    with world.runtime.db.read() as session:
        return {
            name: sorted(map(repr, session.execute(select(table)).all()))
            for name, table in tables.tables.items()
            if name != "openings"
        }


def answers(world):
    return world.all(select(Answer.label).where(Answer.undone_at.is_(None)).order_by(Answer.id))


def may_be_written_to(world, recipient):
    return not world.read(is_left_alone, recipient.phone_id or 0, contact_id=recipient.contact_id)


def test_looking_changes_nothing(client, world, campaign):
    token = token_of(world, campaign)
    before = everything(world)
    for path in (token, token.upper(), f"{token}?answer=installed", "zzzzzzzz", "x"):
        client.get(f"/{path}")
        client.head(f"/{path}")
        client.options(f"/{path}")
    assert everything(world) == before


@both_databases
@cases("installed", "need_help", "no_smartphone", "opt_out")
def test_each_answer_is_taken_shown_and_harmless_when_repeated(client, world, campaign, answer):
    token = token_of(world, campaign)
    assert press(client, token, answer) == f"/{token}"
    press(client, token, answer)
    assert answers(world) == [answer]
    assert world.status(campaign)["answers"] == {answer: 1}
    page = read(client, token)
    assert "Ông/bà đã trả lời" in page
    assert answer not in buttons(page)
    assert "undo" in buttons(page)
    assert ("install" in buttons(page)) is (answer not in NO_APP)


@one_database
def test_who_presses_on_and_on_makes_no_heap_of_answers_and_cases_and_an_opt_out_ends_it(
    client, world, campaign
):
    token = token_of(world, campaign)
    codes = [
        client.post(f"/{token}", data={"answer": answer}).status_code
        for answer in ("need_help", "opt_out", "undo", "installed", "undo") * 8
    ]
    assert codes.count(422) > 15
    assert client.post(f"/{token}", data={"answer": "opt_out"}).status_code == 303
    assert not may_be_written_to(world, world.recipient(number(0), campaign))
    assert len(world.all(select(Answer))) <= 10
    assert len(world.all(select(Case))) <= 10


@one_database
@cases(
    ("bluezone", "opt_out", "installed"),
    ("bluezone", "opt_out_drive", "opt_out"),
    ("khao-sat", "own-1", "own-2"),
)
def test_an_undo_pressed_twice_on_a_slow_network_undoes_once(client, world, campaign, kind, first, second):
    token = token_of(world, world.sent(kind=kind))
    for word in (first, second):
        press(client, token, word)
    before = answers(world)
    for left in (before[:-1], []):
        form = re.search(r'name="given" value="([\w-]+)"><button class="undo"', read(client, token))
        assert form
        for _ in range(2):
            client.post(f"/{token}", data={"answer": "undo", "given": form[1]})
        assert answers(world) == left
        is_stopped = first == "opt_out" and bool(left)
        assert may_be_written_to(world, world.recipient(number(0), campaign)) is not is_stopped


def opened(world):
    return len(world.all(select(PageOpen.recipient_id)))


@both_databases
def test_who_opened_the_page_is_noted_once_and_counted_apart(client, world, campaign):
    token = token_of(world, campaign)
    client.head(f"/{token_of(world, campaign, 1)}")  # no one saw anything
    for _ in range(3):
        read(client, token)
    wait_until(lambda: opened(world) == 1, 30)
    read(world.app().test_client(), token)
    press(client, token, "install")
    time.sleep(0.2)
    assert world.status(campaign)["page"] == {"opened": 1, "clicked": 1}
    launched = world.get_one(Campaign, campaign)
    reach, apart = (world.read(read_reach, launched, seen=seen).total for seen in (None, {0}))
    assert (reach.opened, reach.clicked) == (1, 1)
    assert (apart.opened, apart.clicked) == (0, 0)
    assert world.status(campaign)["answers"] == {}


@one_database
def test_the_page_opens_while_its_openings_cannot_be_stored(client, world, campaign):
    with world.runtime.db.write():  # SQLite has one writer
        read(client, token_of(world, campaign))
    wait_until(lambda: opened(world) == 1, 30)


@one_database
def test_after_the_answer_one_reads_what_follows_and_whom_to_call(client, world):
    world.add_people(1)
    token = token_of(world, world.launch(content={"phone": "0260 386 0000"}))
    press(client, token, "need_help")
    page = read(client, token)
    assert "Cán bộ ở thôn, tổ dân phố sẽ liên hệ" in page  # thanks
    assert "Cán bộ gọi điện hoặc đến gặp ông/bà." in page  # what follows
    assert "Muốn tự làm, xin theo từng bước" in page
    steps = re.findall(r"<li>(.+)</li>", page[page.index("<ol>") : page.index("</ol>")])
    assert steps[-1] == "Quay lại trang này, bấm “Tôi đã cài xong”."
    assert 'href="tel:02603860000"' in page
    assert "Gọi 0260 386 0000" in page


@one_database
def test_a_page_says_who_why_with_which_data_and_how_to_object(client, world, campaign):
    token = token_of(world, campaign)
    before = everything(world)
    page = read(client, f"{token}?about")
    assert everything(world) == before
    for said in (
        "Ủy ban MTTQ Việt Nam gửi tin nhắn",
        "Ủy ban nhân dân tỉnh vận động",
        "năm sinh, giới tính, số điện thoại",
        "nếu danh sách của Ủy ban MTTQ có ghi;",
        "và các đợt sau cùng loại",
        "Trả lời tin nhắn bằng chữ TC",
        "Muốn xem, sửa hoặc xóa thông tin",
    ):
        assert said in page
    assert "A Thun" not in page  # a link goes from hand to hand
    assert buttons(page) == ["opt_out"]
    by_twilio = replace(world.runtime.settings, sms_gateway="twilio")
    elsewhere = create_app(by_twilio, runtime=replace(world.runtime, settings=by_twilio)).test_client()
    assert "bằng chữ TC" not in read(elsewhere, f"{token}?about")  # no reply would come back
    world.execute(update(Organisation).values(name="Mặt trận tỉnh"))
    assert "nếu danh sách của Mặt trận tỉnh có ghi;" in read(client, f"{token}?about")
    press(client, token, "opt_out")
    page = read(client, f"{token}?about")
    assert buttons(page) == []
    assert "Số điện thoại này không nhận tin nữa" in page


GUESSER, NEIGHBOUR = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}


@one_database
def test_guessing_is_slowed_and_nobody_else_pays_for_it(client, world, campaign):
    token = token_of(world, campaign)
    for _ in range(MOST):
        assert client.get("/zzzzzzzz", headers=GUESSER).status_code == 404
    refused = client.get("/zzzzzzzy", headers=GUESSER)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_S
    assert "Xin thử lại sau ít phút" in refused.text
    assert client.post("/zzzzzzzz", data={"answer": "installed"}, headers=GUESSER).status_code == 429
    assert client.get("/zzzzzzzz", headers=NEIGHBOUR).status_code == 404
    # Nor does a guess that hits open anything or answer for anybody.
    assert client.get(f"/{token}", headers=GUESSER).status_code == 429
    assert client.post(f"/{token}", data={"answer": "installed"}, headers=GUESSER).status_code == 429
    assert answers(world) == []
    assert client.get(f"/{token}", headers=NEIGHBOUR).status_code == 200


@one_database
def test_a_full_stop_behind_a_guess_tells_nothing_that_is_not_counted(client, world, campaign):
    """One token in 66 is some recipient's, if there were so many: who learned which need not guess the others."""
    nobodys = LinkCipher(world.runtime.settings.secret_key).token(10**9)
    told = {client.get(f"/{token}.").headers.get("Location") for token in (nobodys, "zzzzzzzz")}
    assert told == {f"/{nobodys}", "/zzzzzzzz"}


@one_database
def test_without_redis_nobody_is_limited(world, campaign):
    away = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.1)
    runtime = replace(world.runtime, redis=away, job_queue=JobQueue(away))
    client = create_app(runtime.settings, runtime=runtime).test_client()
    for _ in range(MOST + 2):
        assert client.get("/zzzzzzzz").status_code == 404
    token = token_of(world, campaign)
    assert "Bluezone" in read(client, token)
    press(client, token, "installed")
    assert answers(world) == [Label.INSTALLED]


MOST_BYTES = 14 * 1024


@one_database
def test_every_page_weighs_at_most_14_kb_over_the_wire(settings, world, campaign):
    """With its headers, and there is nothing else to load."""
    token = token_of(world, campaign)
    app = create_app(settings, runtime=world.runtime)
    with running_web(app) as port:
        weights = {}
        for word in ("", "install", *PAGE_LABELS):
            if word:
                fetch(port, f"POST /{token} HTTP/1.0\r\n", f"answer={word}")
            weights[word or "fresh"] = fetch(port, f"GET /{token} HTTP/1.0\r\n")
            for sent in SENT:
                weights[f"{word} {sent}"] = fetch(port, f"GET /{token}?sent={sent} HTTP/1.0\r\n")
        weights["about"] = fetch(port, f"GET /{token}?about HTTP/1.0\r\n")
        weights["no such link"] = fetch(port, "GET /zzzzzzzz HTTP/1.0\r\n")
    heaviest = max(weights.values(), key=len)
    assert b"200 OK" in weights["fresh"][:40]
    assert 3_000 < len(heaviest) <= MOST_BYTES, {name: len(page) for name, page in weights.items()}
    for page in weights.values():
        assert re.findall(rb'(?:src=|url\(|rel="|@import)', page) == []


@contextmanager
def running_web(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(port, head, body=""):
    """All bytes of an answer, as they come over the wire."""
    form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    with create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"{head}Host: loa.example\r\n{form if body else ''}\r\n{body}".encode())
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@one_database
def test_a_fresh_page_asks_and_offers_every_answer(client, world, campaign):
    page = read(client, token_of(world, campaign))
    assert "Ông/bà đã cài Bluezone trên điện thoại này chưa?" in page
    assert buttons(page) == ["install", *(each.value for each in BLUEZONE), *ALWAYS]
    response = client.head(f"/{token_of(world, campaign)}")
    assert (response.status_code, response.data) == (200, b"")
    assert client.head("/zzzzzzzz").status_code == 404


def test_undo_takes_back_one_answer_after_the_other_and_a_link_in_capitals_works(client, world, campaign):
    token = token_of(world, campaign)
    press(client, token, "need_help")
    press(client, token, "installed")
    press(client, token, "undo")
    assert answers(world) == [Label.NEED_HELP]
    assert world.status(campaign)["self_reported"]["installed"] == 0
    press(client, token, "undo")
    press(client, token, "undo")
    assert answers(world) == []
    assert "Ông/bà đã trả lời" not in read(client, token)
    token = token_of(world, campaign).upper()
    read(client, token)
    assert press(client, token, "installed") == f"/{token}"
    assert answers(world) == [Label.INSTALLED]


def test_whoever_asked_to_be_left_alone_sees_it_and_can_take_it_back(client, world, campaign):
    token, recipient = token_of(world, campaign), world.recipient(number(0), campaign)
    press(client, token, "opt_out")
    assert not may_be_written_to(world, recipient)
    page = read(client, token)
    assert "Ông/bà đã trả lời: Không nhận tin nào nữa" in page
    assert "Tôi bấm nhầm, tôi vẫn nhận tin" in page
    press(client, token, "undo")
    assert may_be_written_to(world, recipient)


def test_who_was_opened_again_by_an_officer_is_told_of_no_opt_out(client, world, campaign):
    token, recipient = token_of(world, campaign), world.recipient(number(0), campaign)
    press(client, token, "opt_out")
    whose = (recipient.contact_id or 0, recipient.phone_id or 0)
    why = {"reason": Closing.OPT_OUT, "note": "xin nhận lại"}
    world.do(lift_suppression, *whose, **why, by=APPROVER, now=world.in_hours(1))
    page = read(client, token)
    assert "Ông/bà đã trả lời" not in page
    assert "opt_out" in buttons(page)
    press(client, token, "opt_out_drive")
    assert "Không nhận tin về việc này" in read(client, token)
    assert buttons(read(client, f"{token}?about")) == ["opt_out"]  # everything else they may still refuse


def test_an_opt_out_stands_when_another_answer_follows_and_is_shown_in_another_campaign(
    client, world, campaign
):
    token, recipient = token_of(world, campaign), world.recipient(number(0), campaign)
    later = world.launch(name="Đợt hai")
    press(client, token, "opt_out")
    press(client, token, "installed")
    assert not may_be_written_to(world, recipient)
    page = read(client, token)
    assert "Số điện thoại này không nhận tin nữa" in page
    assert "opt_out" not in buttons(page)
    press(client, token, "undo")
    assert "Ông/bà đã trả lời: Không nhận tin nào nữa" in read(client, token)
    assert "Số điện thoại này không nhận tin nữa" in read(client, token_of(world, later))


STORES = {
    ANDROID: "https://play.google.com/store/apps/details?id=com.mic.bluezone",
    IPHONE: "https://apps.apple.com/vn/app/id1508062685",
    DESKTOP: "https://bluezone.gov.vn/taiapp",
    "": "https://bluezone.gov.vn/taiapp",
}


@one_database
def test_install_leads_to_the_phone_s_own_store_and_answers_nothing(client, world, campaign):
    token = token_of(world, campaign)
    for agent, store in STORES.items():
        response = client.post(f"/{token}", data={"answer": "install"}, headers={"User-Agent": agent})
        assert (response.status_code, response.headers["Location"]) == (303, store)
        # Chromium holds the redirects of a form against this, and would stay on the page.
        assert "form-action 'self' https:;" in response.headers["Content-Security-Policy"]
        assert response.headers["Referrer-Policy"] == "no-referrer"
    recipient = world.recipient(number(0), campaign)
    assert recipient.clicked_at is not None
    assert recipient.answer is None
    assert "Cài xong, xin ông/bà quay lại đây" in read(client, token)


@one_database
def test_an_unknown_link_is_explained(client):
    for path in [
        "zzzzzzzz",
        "00000000",
        "abcd",
        "abcdefghj",
        "ấấấấấấấấ",
        "%00%00%00%00%00%00%00%00",
        "a/b/c",
    ]:
        response = client.get(f"/{path}")
        shows(response, "Mở lại tin nhắn và bấm thẳng vào liên kết", status=404)
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert client.post(f"/{path}", data={"answer": "installed"}).status_code == 404


def test_the_link_of_somebody_who_is_not_written_to_opens_nothing(client, world, campaign):
    world.add_person("Y Blưm", number(0))
    later = world.launch(name="Đợt hai")
    assert world.status(later)["excluded"] == {"shared_phone": 1}
    excluded = world.one(select(Recipient.id).where(Recipient.exclusion.is_not(None)))
    assert client.get(f"/{LinkCipher(world.runtime.settings.secret_key).token(excluded)}").status_code == 404


NO_ANSWERS = [
    {"data": {"answer": "yes"}},
    {"data": {"answer": ""}},
    {"data": {}},
    {"data": {"answer": "refuse"}},  # a label, but none of the page's
    {"data": {"answer": "\0"}},
    {"data": b"\xff\xfe\x00answer", "content_type": "application/octet-stream"},
    {"json": {"answer": "installed"}},
    {"data": "answer=%FF%FE", "content_type": "application/x-www-form-urlencoded"},
]


def test_an_answer_that_there_is_not_is_refused_with_the_way_back(client, world, campaign):
    token = token_of(world, campaign)
    before = everything(world)
    for content in NO_ANSWERS:
        response = client.post(f"/{token}", **content)
        assert response.status_code == 422
        page = response.text
        shows(page, "Không hiểu lựa chọn này", f'href="/{token}"')
    assert client.post(f"/{token}", data={"answer": "x" * 70_000}).status_code == 413
    assert everything(world) == before


def test_a_campaign_without_an_app_offers_no_install(client, world):
    world.add_people(1)
    token = token_of(world, world.launch(kind="tiem-chung", text="Mời ông/bà đi tiêm"))
    page = read(client, token)
    assert buttons(page) == ["installed", "not_yet", "need_help", *ALWAYS]
    assert "Bluezone" not in page
    press(client, token, "not_yet")
    assert "Ông/bà đã trả lời: Tôi chưa tiêm" in read(client, token)
    # A button of another campaign's page does no harm.
    assert press(client, token, "install") == f"/{token}"


@cases(CampaignState.CANCELLED, CampaignState.COMPLETED)
def test_a_campaign_that_is_over_still_takes_answers(client, world, campaign, end):
    if end is CampaignState.CANCELLED:
        world.act(campaign, CampaignAction.CANCEL)
    else:
        world.change(Campaign, campaign, state=end)
    token = token_of(world, campaign)
    press(client, token, "installed")
    assert "Ông/bà đã trả lời: Tôi đã cài xong" in read(client, token)
    assert world.status(campaign)["state"] == end


@one_database
def test_an_answer_by_sms_without_a_button_is_shown_in_words(client, world, campaign):
    token, recipient_id = token_of(world, campaign), world.recipient(number(0), campaign).id
    for label in {*Label} - NON_ANSWERS - {Label.OPT_OUT}:  # which is a wish
        world.change(Recipient, recipient_id, answer=label)
        assert re.search(r"<h2>Ông/bà đã trả lời: \w+", read(client, token))


@one_database
@cases("", "installed", "need_help", "no_smartphone", "opt_out")
def test_every_state_is_light_in_vietnamese_ordered_and_closed_to_others(client, world, campaign, answer):
    token = token_of(world, campaign)
    if answer:
        press(client, token, answer)
    response = client.get(f"/{token}")
    page = response.text
    shows(page, '<html lang="vi">', but="user-scalable")
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    shows(page, but=("<script", " on" + "click"))
    assert re.findall(r'(?:src|href)="([^"]*)', page) == ["?about"]
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Robots-Tag"] == "noindex"
    assert "Set-Cookie" not in response.headers


@one_database
def test_colours_can_be_told_apart(client, world, campaign):
    style = re.search(r"<style>(.*)</style>", read(client, token_of(world, campaign)), re.DOTALL)
    assert style is not None
    base = {"color": "#1c2430", "background": "#f4f6f8"}
    seen = 0
    for rule in re.findall(r"\{([^{}]*)\}", style[1]):
        said = dict(part.strip().split(":", 1) for part in rule.split(";") if ":" in part)
        colours = {**base, **{k: v.strip() for k, v in said.items() if v.strip().startswith("#")}}
        if "#fff" in rule and "color" not in said:
            colours["color"] = base["color"]
        assert contrast(colours["color"], colours["background"]) >= 4.5, rule
        seen += 1
    assert seen > 15
    assert contrast("#1c2430", base["background"]) >= 3  # the outline of what has the focus
    assert contrast("#0b5c8a", "#fff") >= 3  # the buttons' edge
    assert contrast("#a55", "#fff") >= 3


@one_database
def test_texts_of_a_campaign_are_shown_as_text(client, world):
    world.add_people(1)
    page = read(client, token_of(world, world.launch(content={"title": "<b>Đậm</b> & 'nháy'"})))
    assert "<b>" not in page
    assert "&lt;b&gt;Đậm&lt;/b&gt; &amp;" in page


@one_database
def test_the_page_is_in_the_person_s_language_as_far_as_it_was_translated(client, world):
    """The words stand for a translator's."""
    world.add_people(2)
    world.execute(update(Phone).where(Phone.e164 == number(0)).values(language="sed"))
    translated = {"question": "sed: question", "page": {"given": "sed: {said}"}}
    translated["answers"] = {"installed": {"button": "sed: installed", "reply": "sed: reply"}}
    campaign = world.launch(content={"languages": {"sed": translated}})
    token = token_of(world, campaign)
    page = read(client, token)
    assert '<html lang="sed">' in page
    assert "sed: question" in page
    assert "Tôi cần người giúp" in page  # not translated yet
    press(client, token, "installed")
    assert "sed: sed: installed" in read(client, token)
    other = read(client, token_of(world, campaign, 1))
    assert '<html lang="vi">' in other
    assert "sed:" not in other
    # Answers by SMS are thanked for in it as well.
    world.send()
    world.reply(number(0), "2", gateway_id="SM1")
    world.reply(number(0), "1", gateway_id="SM2")
    world.send()
    assert "sed: reply" in [line["Body"] for line in world.simulator.ledger()]
