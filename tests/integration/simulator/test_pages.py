"""The training phones and the control page, as a trainer's browser gets them."""

import html
import re

import requests
from twilio.rest import Client

from tests.support.admin_client import shows
from tests.support.tables import cases

NUMBER = "+84905000123"
PHONE = "/dien-thoai/84905000123"
ATTACK = '<script>alert(1)</script> "><img src=x onerror=alert(1)>'


def send(simulator, body, *, to=NUMBER):
    client = Client(simulator.account_sid, simulator.auth_token)
    client.api.base_url = simulator.url
    client.messages.create(to=to, from_="LOA", body=body)


def get(simulator, path, status=200):
    answer = requests.get(simulator.url + path, timeout=30)
    assert answer.status_code == status
    return answer.text


def post(simulator, path, origin=None, **form):
    headers = {"Origin": origin or simulator.url}
    return requests.post(simulator.url + path, data=form, headers=headers, timeout=30, allow_redirects=False)


def numbers_on(page):
    return re.findall(r'<span class="who">([\d ]+)</span>', page)


def test_every_page_says_that_nothing_leaves_and_forbids_inline_script(simulator):
    send(simulator, "Mời bà con")
    for path in ("/", PHONE, "/dieu-khien"):
        answer = requests.get(simulator.url + path, timeout=30)
        assert "Điện thoại tập huấn</strong> – không có tin nào được gửi ra ngoài" in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?! src=)|\son\w+=|style=", answer.text)
        assert "http" not in re.sub(
            r"http://www\.w3\.org", "", "".join(re.findall(r'(?:src|href)="([^"]*)"', answer.text))
        )


def test_phones_are_listed_latest_first_in_pages(simulator):
    for i in range(60):
        send(simulator, "Mời bà con", to=f"+84905000{i:03d}")
    first, second = get(simulator, "/"), get(simulator, "/?trang=2")
    assert numbers_on(first)[0] == "0905 000 059"
    assert len(numbers_on(first)) == 50
    assert "60 máy" in first
    assert "Trang 1/2" in first
    assert numbers_on(second)[-1] == "0905 000 000"
    assert len(numbers_on(second)) == 10
    assert numbers_on(get(simulator, "/?trang=9")) == numbers_on(second)


def test_phone_is_found_by_part_of_its_number_or_opened_anew(simulator):
    send(simulator, "Mời bà con")
    send(simulator, "Mời bà con", to="+84935000456")
    assert numbers_on(get(simulator, "/?so=0905+000")) == ["0905 000 123"]
    assert numbers_on(get(simulator, "/?so=456")) == ["0935 000 456"]
    page = get(simulator, "/?so=0905000777")
    assert "Mở máy 0905 000 777" in page
    assert "chưa nhận tin nào" in get(simulator, "/dien-thoai/84905000777")
    get(simulator, "/dien-thoai/84260000123", status=404)
    assert "&lt;script&gt;" in get(simulator, "/?so=<script>alert(1)</script>")


def test_a_phone_offers_the_digits_that_its_message_asks_for(simulator):
    def offered():
        return re.findall(r'<button name="body" value="(\w+)">', get(simulator, PHONE))

    assert offered() == ["1", "2", "3", "4", "TC"]
    send(simulator, "Moi hop luc 8 gio ngay 3/9. Tra loi: 1 se den, 2 khong den, 3 can giup, TC tu choi")
    assert offered() == ["1", "2", "3", "TC"]
    send(simulator, "Da ghi nhan. Tu cai cung duoc: 1. Mo trang 2. Bam Cai dat. Can giup, nhan so 4.")
    assert offered() == ["1", "2", "3", "TC"], "what only explains asks for nothing"


def test_texts_are_shown_as_text_and_links_can_be_pressed(simulator):
    send(simulator, f"{ATTACK} http://127.0.0.1:8000/AbC. javascript:alert(1)")
    simulator.reply(NUMBER, ATTACK)
    for path in ("/", PHONE, PHONE + "/tin"):
        page = get(simulator, path)
        assert "<script>alert" not in page
        assert "<img" not in page
    page = get(simulator, PHONE)
    assert html.unescape(page).count(ATTACK) >= 2
    assert '<a href="http://127.0.0.1:8000/AbC" target="_blank" rel="noopener noreferrer">' in page
    assert 'href="javascript' not in page


def test_resident_answers_on_the_phone(simulator):
    send(simulator, "Mời bà con: 1 đã cài, TC từ chối")
    page = get(simulator, PHONE)
    assert re.findall(r'<button name="body" value="(\w+)">', page) == ["1", "2", "3", "4", "TC"]
    answer = post(simulator, PHONE, body="TC")
    assert (answer.status_code, answer.headers["Location"]) == (303, PHONE)
    page = get(simulator, PHONE)
    assert page.index("Mời bà con: 1") < page.rindex("TC</p>")
    assert "chưa đặt địa chỉ nhận tin trả lời" in page


@cases(("  ", "Tin còn trống"), ("a" * 1601, "Tin dài 1601 ký tự"))
def test_answer_that_cannot_be_sent_is_explained(simulator, body, words):
    send(simulator, "Mời bà con")
    shows(post(simulator, PHONE, body=body), words, status=400)


def test_bytes_that_are_no_text_break_nothing(simulator):
    answer = requests.post(
        simulator.url + PHONE,
        data=b"body=\xff\xfe%FF",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=30,
    )
    assert answer.status_code == 200  # after the redirect
    simulator.reply(NUMBER, "\ud800 nửa ký tự")
    assert "nửa ký tự" in get(simulator, PHONE)


def test_poll_brings_the_conversation_only_when_it_changed(simulator):
    send(simulator, "Mời bà con")
    simulator.faults(sent_after_s=60)
    page = get(simulator, PHONE + "/tin")
    answer = requests.get(simulator.url + PHONE + "/tin", timeout=30)
    assert "<html" not in page
    version = answer.headers["X-Version"]
    while True:  # the first message may still be on its way to the phone
        again = requests.get(f"{simulator.url}{PHONE}/tin?phien={version}", timeout=30)
        if again.status_code == 204:
            break
        version = again.headers["X-Version"]
    send(simulator, "Cảm ơn bà con")
    after = requests.get(f"{simulator.url}{PHONE}/tin?phien={version}", timeout=30)
    assert after.status_code == 200
    assert "Cảm ơn bà con" in after.text


def test_lost_message_is_shown_as_one_that_never_came(simulator):
    simulator.faults(rate_failed=1, sent_after_s=0)
    send(simulator, "Mời bà con")
    simulator.faults(rate_failed=0)
    assert "Không tới máy (mã 3000" in get(simulator, PHONE)


def test_control_page_saves_percentages_and_explains_mistakes(simulator):
    saved = post(simulator, "/dieu-khien/cu-dan", installed="12,5", delay_min_s="0", delay_max_s="1")
    assert saved.status_code == 303
    assert "Đã lưu" in get(simulator, saved.headers["Location"])
    assert simulator.residents()["installed"] == 0.125
    too_much = post(simulator, "/dieu-khien/cu-dan", installed="80", refuse="30", delay_max_s="1")
    assert too_much.status_code == 400
    assert "vượt quá 100%" in too_much.text
    assert 'name="refuse" value="30"' in too_much.text
    assert simulator.residents()["installed"] == 0.125

    wrong = post(simulator, "/dieu-khien/loi", rate_cut="nhiều", callbacks_repeat="1")
    assert "“Đứt kết nối, đã nhận tin” phải là số từ 0 đến 100%" in wrong.text
    typed = {"rate_cut": "5", "callbacks_repeat": "1", "segments_factor": "1", "callbacks_off": "1"}
    post(simulator, "/dieu-khien/loi", **typed)
    faults = simulator.faults()
    assert (faults["rate_cut"], faults["callbacks_off"], faults["seed"]) == (0.05, True, None)
    post(simulator, "/dieu-khien/loi", reset="1")
    assert simulator.faults()["rate_cut"] == 0


def test_wiping_needs_the_box_to_be_ticked(simulator):
    send(simulator, "Mời bà con")
    assert post(simulator, "/dieu-khien/xoa").status_code == 400
    assert len(simulator.ledger()) == 1
    assert post(simulator, "/dieu-khien/xoa", sure="1").status_code == 303
    assert simulator.ledger() == []
    assert "Chưa có máy nào nhận tin" in get(simulator, "/")


@cases("http://other.example", "null", "http://127.0.0.1:1")
def test_other_sites_cannot_press_buttons_here(simulator, origin):
    send(simulator, "Mời bà con")
    for path in (PHONE, "/dieu-khien/xoa", "/_reset", "/_faults"):
        assert post(simulator, path, origin=origin, body="x", sure="1").status_code == 403
    assert len(simulator.ledger()) == 1
