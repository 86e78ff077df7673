"""A second gateway and a registered template, from the first form to the reach by operator, with nothing but the browser."""

import base64
import os
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sign_in_at
from tests.browser.fixtures import ADMINISTRATOR, APPROVER, AUTHOR, LIST
from tests.browser.page_checks import PHONE, open_card, open_more
from tests.browser.running_site import running_office
from tests.browser.test_walk import wait_until

CENTRE, SENDER, CAMPAIGN = "Tổng đài nhà mạng", "MTTQKT", "Nhắc cài Bluezone qua hai nơi"
TEMPLATES = ("Chao {A30}, moi ong/ba cai Bluezone: {C60}", "moi ong/ba cai Bluezone: {C60}")
WORKING = 60_000  # milliseconds in which workers have done what was asked of them

pytestmark = pytest.mark.rest  # an office of its own; its parts: test_gateway_accounts.py


@pytest.fixture(scope="module")
def office(tmp_path_factory, redis_url):
    """An office of its own, in which nobody else sends by the second gateway."""
    key = base64.b64encode(os.urandom(32)).decode()
    folder = tmp_path_factory.mktemp("gateways")
    with running_office(
        folder, redis_url, lambda _runtime: {}, GATEWAY_KEYS=f"1:{key}", SMS_LIVE="no"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def signed_in(office, browser):
    return sign_in_at(office, browser)


def test_two_gateways_and_a_template(office, page_as):
    administrator, author, approver = page_as(ADMINISTRATOR), page_as(AUTHOR), page_as(APPROVER)
    set_up_the_centre(administrator, office)
    register_the_template(administrator)
    be_told_the_word(author)
    send_it(author, approver)
    read_by_operator(author, office)


def set_up_the_centre(administrator, office):
    page = administrator.open("/admin/gateways/")
    form = page.locator("details", has=page.locator("#form"))
    form.locator("> summary").click()
    form.get_by_label("Tên", exact=True).fill(CENTRE)
    form.get_by_label("Kết nối bằng").select_option(label="SMPP (nhà mạng)")
    login, _, host = office.simulator.smpp_url.removeprefix("smpp://").partition("@")
    form.get_by_label("Địa chỉ kết nối").fill(f"smpp://{host}")
    form.get_by_label(re.compile("^Tên đăng nhập")).fill(login.partition(":")[0])
    form.get_by_label(re.compile("^Mật khẩu")).fill(login.partition(":")[2])
    form.get_by_label("Tên người gửi đã đăng ký tại đây").fill(SENDER)
    form.get_by_role("checkbox", name="Viettel").check()
    form.get_by_label("Giá mỗi tin tính cước (đồng)").fill("300")
    form.get_by_role("button", name="Lưu").click()
    card = page.locator("section", has=page.get_by_role("heading", name=CENTRE))
    assert card.get_by_role("button", name="Đưa vào hoạt động").count() == 0  # not before a test
    card.get_by_text("Gửi thử đến điện thoại của mình").click()
    card.get_by_label("Số điện thoại của mình").fill("0905000999")
    card.get_by_role("button", name="Gửi thử").click()
    expect(page.get_by_role("status").first).to_contain_text("tải lại trang")
    wait_until(lambda: may_work(page))
    card.get_by_role("button", name="Đưa vào hoạt động").click()
    expect(card.locator("h2 .tag")).to_have_text("Đang hoạt động")
    administrator.keep_look("gateways")


def may_work(page):
    page.reload()
    return page.get_by_role("button", name="Đưa vào hoạt động").count() == 1


def register_the_template(administrator):
    page = administrator.open("/admin/templates/")
    for number, text in enumerate(TEMPLATES, start=1):
        form = page.locator("details", has=page.locator("#form"))
        if number > 1:  # before the first it is open
            page.get_by_role("link", name="Thêm mẫu tin").click()
        form.get_by_label("Tên người gửi").fill(SENDER)
        form.get_by_label("Nội dung mẫu").fill(text)
        form.get_by_role("button", name="Lưu").click()
        card = page.locator("section", has=page.get_by_role("heading", name=f"Mẫu tin số {number}: {SENDER}"))
        for told, gateway in enumerate(("Theo cấu hình máy chủ", CENTRE), start=1):
            card.get_by_label("Nhà cung cấp").select_option(label=gateway)
            card.get_by_label("Tình trạng").select_option(label="Đã duyệt")
            card.get_by_role("button", name="Ghi kết quả").click()
            expect(card.locator(".tag.good")).to_have_count(told)


def be_told_the_word(author):
    page = author.open("/admin/campaigns/new")
    page.get_by_label("Tên chiến dịch").fill(CAMPAIGN)
    page.get_by_role("checkbox", name=LIST).check()
    page.get_by_role("button", name="Tiếp: nội dung").click()
    open_more(page, "words")
    page.get_by_label("Tên người gửi").fill(SENDER)
    page.get_by_label("Tin nhắn", exact=True).fill("[Chao {name}, ]kinh moi ong/ba cai Bluezone: {link}")
    open_card(page, "when")
    for label in ("Gửi từ", "đến"):
        page.get_by_label(label, exact=True).fill("")
    page.get_by_role("button", name="Tiếp: xem lại").click()
    author.expects = 422
    page.get_by_role("button", name="Trình phê duyệt").click()
    expect(page.get_by_role("main")).to_contain_text("Từ không khớp: kinh.")
    expect(page.get_by_label("Tin nhắn", exact=True)).to_have_attribute("aria-invalid", "true")
    author.keep_look("template")


def send_it(author, approver):
    page = author.page
    page.get_by_label("Tin nhắn", exact=True).fill("[Chao {name}, ]moi ong/ba cai Bluezone: {link}")
    page.get_by_role("button", name="Tiếp: xem lại").first.click()
    page.get_by_role("button", name="Trình phê duyệt").click()
    expect(page.locator("[data-campaign-state]").first).to_have_text("Chờ duyệt")
    campaign = page.url.removeprefix(author.address)
    page = approver.open(campaign)
    page.get_by_role("button", name="Duyệt", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Duyệt").click()
    expect(page.locator("[data-campaign-state]").first).to_have_text("Đã duyệt")
    page = author.open(campaign)
    page.get_by_role("button", name="Gửi ngay").click()
    page.get_by_role("dialog").get_by_role("button", name="Gửi ngay").click()
    expect(page.locator("[data-campaign-state]").first).to_have_text("Đã gửi xong", timeout=WORKING)


def read_by_operator(author, office):
    page = author.page
    page.get_by_role("link", name="Kết quả gửi").first.click()
    part = page.locator("section", has=page.locator("#operators"))
    expect(part).to_contain_text(CENTRE)
    expect(part).to_contain_text("Theo cấu hình máy chủ")
    expect(part).to_contain_text("Viettel")
    author.keep_look("operators")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert len(office.simulator.ledger()) > 2
