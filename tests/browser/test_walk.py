"""An officer's first campaign, from a list in a file to the leader's figure, with nothing but the browser."""

import os
import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from admin.demo.load_demo import SENDER
from campaigns.models.checks import ControlPhone
from outreach.rules.segments import unaccent
from tests.browser.conftest import sign_in_at
from tests.browser.fixtures import APPROVER, AUTHOR, DATA, LEADER, seed_site
from tests.browser.page_checks import DESK, PHONE, Visit, open_card, open_more
from tests.browser.running_site import PEOPLE, running_office
from tests.support.wait_until import wait_until

ORGANISATION = "Hội Liên hiệp Phụ nữ tỉnh Kon Tum"
LIST = "Hội viên phụ nữ tổ 1"
CAMPAIGN = "Vận động cài Bluezone ở tổ 1"
TEXT = "[{name} ơi, ]Hội Phụ nữ mời chị cài Bluezone để phòng dịch: {link} Trả lời: 1 đã cài, 4 cần giúp, TC thôi nhận tin"
WORKING = 60_000  # milliseconds in which workers have done what was asked of them


@pytest.fixture(scope="module")
def office(tmp_path_factory, redis_url):
    """An office of its own with few people; what only pictures show of others' work took half of the test's start."""
    is_shown = bool(os.environ.get("LOA_PICTURES"))
    seed, people = (seed_site, PEOPLE) if is_shown else (lambda _runtime: {"demo": 1}, 200)
    with running_office(tmp_path_factory.mktemp("walk"), redis_url, seed, people=people) as running:
        yield running


@pytest.fixture(scope="module")
def signed_in(office, browser):
    return sign_in_at(office, browser)


def test_an_officers_first_campaign(office, page_as):
    author, approver = page_as(AUTHOR), page_as(APPROVER)
    import_the_list(author)
    write_the_campaign(author)
    sheet = submit_it(author)
    approve_it(approver)
    recipients = launch_it_and_watch(author, sheet)
    # Other tests of the same office may have messages of their own under way.
    bodies = [unaccent(line["Body"]) for line in office.simulator.ledger()]
    with office.runtime.db.read() as session:
        copies = session.scalar(select(func.count()).select_from(ControlPhone)) or 0
    assert recipients + copies == sum("Hoi Phu nu moi chi cai" in body for body in bodies)
    before = reported_at_home(author)  # of all campaigns of the drive

    phones = page_as(None, size=PHONE, address=office.simulator.url)
    first, second = find_two_phones(phones)
    answer_by_link(phones, first)
    wait_until(lambda: reported_at_home(author) == before + 1, 60, every_s=0.2)
    answer_by_sms(phones, second)
    wait_until(lambda: reported_at_home(author) == before + 2, 60, every_s=0.2)
    author.take_picture("home")

    leader = page_as(LEADER)
    read_it_as_leader(leader, before + 2)
    leader.open(f"/admin/progress/?campaign={office.made['demo']}")
    leader.take_picture("progress")
    see_the_morning_on_a_phone(leader)
    be_refused_the_rest(leader, sheet)


def import_the_list(author):
    page = author.open("/admin/")
    page.get_by_role("navigation").get_by_role("link", name="Danh sách", exact=True).click()
    page.get_by_role("link", name="Nhập tệp danh sách").click()
    page.get_by_label("Tệp danh sách").set_input_files(DATA / "contacts_sample.csv")
    page.get_by_label("Tên danh sách").fill(LIST)
    page.get_by_label("Của tổ chức").select_option(label=ORGANISATION)
    page.get_by_role("button", name="Tải lên và xem trước").click()
    confirm = page.get_by_role("button", name=re.compile(r"^Nhập \d+ người"))
    expect(confirm).to_be_visible(timeout=WORKING)
    expect(page.get_by_role("heading", name=re.compile("^Tệp có 110 người"))).to_be_visible()
    author.take_picture("import")
    confirm.click()
    expect(page.get_by_text("Đã nhập xong tệp này: 110 dòng.")).to_be_visible(timeout=WORKING)
    assert figure(page, "Người mới") > 50


def write_the_campaign(author):
    page = author.open("/admin/campaigns/")
    page.get_by_role("link", name="Soạn chiến dịch").click()
    page.get_by_label("Tên chiến dịch").fill(CAMPAIGN)
    page.get_by_role("checkbox", name=LIST).check()
    page.get_by_role("button", name="Tiếp: nội dung").click()
    open_more(page, "words")
    page.get_by_label("Tên người gửi").fill(SENDER)
    preview, figures = page.locator("#preview"), page.locator("[data-part=figures]")
    page.get_by_label("Tin nhắn", exact=True).fill(TEXT)
    expect(preview.locator(".bubble").first).to_contain_text("oi, Hoi Phu nu moi chi cai Bluezone")
    expect(preview.locator("mark").first).to_be_visible()
    unaccented = segments(figures)
    page.get_by_role("checkbox", name="Gửi không dấu").uncheck()
    expect(preview.locator(".bubble").first).to_contain_text("ơi, Hội Phụ nữ mời chị cài Bluezone")
    assert segments(figures) > unaccented
    page.get_by_role("checkbox", name="Gửi không dấu").check()
    expect(preview.locator(".bubble").first).to_contain_text("oi, Hoi Phu nu moi chi cai Bluezone")
    expect(preview).to_contain_text("Tin không dấu:")
    author.take_picture("campaign")
    open_card(page, "when")
    for label in ("Gửi từ", "đến"):
        page.get_by_label(label, exact=True).fill("")  # the tests run at any hour
    open_more(page, "when")
    page.get_by_label("Tốc độ gửi, số tin tính cước mỗi giây").fill("25")
    page.get_by_label("Tỷ lệ cần đạt (phần trăm)").fill("50")
    page.get_by_role("button", name="Tiếp: xem lại").click()
    expect(figures).to_contain_text("người sẽ nhận tin")
    expect(page.get_by_role("heading", level=1)).to_have_text(CAMPAIGN)


def submit_it(author):
    """The path of the campaign's page."""
    page = author.page
    page.get_by_role("button", name="Trình phê duyệt").click()
    expect(page.locator("[data-campaign-state]").first).to_have_text("Chờ duyệt")
    assert page.get_by_role("button", name="Duyệt", exact=True).count() == 0
    return page.url.removeprefix(author.address)


def approve_it(approver):
    page = approver.open("/admin/")
    page.get_by_role("link", name=CAMPAIGN).click()
    # The card's own press: the one in a phone's bar is hidden only when the style sheet has come.
    page.locator("#press-due").get_by_role("button", name="Duyệt").click()
    # The question shows what will be sent, as it will arrive.
    expect(page.get_by_role("dialog")).to_contain_text("oi, Hoi Phu nu moi chi cai Bluezone")
    approver.take_picture("approval")
    page.get_by_role("dialog").get_by_role("button", name="Duyệt").click()
    expect(page.locator("[data-campaign-state]").first).to_have_text("Đã duyệt")


def launch_it_and_watch(author, sheet):
    """From the press to the end without a reload; how many messages there were."""
    page = author.open(sheet)
    page.get_by_role("button", name="Gửi ngay").click()
    page.get_by_role("dialog").get_by_role("button", name="Gửi ngay").click()
    page.wait_for_load_state()
    page.evaluate("window.isStillThisPage = true")
    live = page.locator("#running-live")
    expect(live.locator(".running-share")).to_contain_text(
        re.compile(r"[1-9]\d* trong \d+ tin"), timeout=WORKING
    )
    author.take_picture("running")
    expect(live).to_contain_text("Đã gửi xong lúc", timeout=WORKING)
    expect(page.locator("[data-campaign-state]").first).to_have_text("Đã gửi xong")
    assert page.evaluate("window.isStillThisPage")
    found = re.search(r"(\d+) trong (\d+) tin", live.inner_text())
    assert found[1] == found[2]
    return int(found[2])


def find_two_phones(phones):
    """The paths of two phones that the campaign has reached."""
    page = phones.open("/")
    reached = page.locator("#phones a", has_text=re.compile("H[oộ]i Ph[uụ] n[uữ] m[oờ]i"))
    paths = [link.get_attribute("href") or "" for link in reached.all()[:2]]
    phones.take_picture("phones")
    return paths


def answer_by_link(phones, path):
    page = phones.open(path)
    with page.context.expect_page() as opened:
        page.locator(".bubble a").click()
    answer = Visit(opened.value, phones.address)
    answer.take_picture("answer")
    answer.page.get_by_role("button", name="Tôi đã cài xong").click()
    expect(answer.page.get_by_text("Cảm ơn ông/bà đã cài Bluezone.")).to_be_visible()
    answer.page.close()
    assert answer.faults == []


def answer_by_sms(phones, path):
    page = phones.open(path)
    page.get_by_role("button", name="1", exact=True).click()
    # The system's own reply waits for the hours in which people are written to: at night it is not here yet.
    expect(page.locator(".bubble.own")).to_contain_text("Đã gửi", timeout=WORKING)
    phones.take_picture("phone")


def reported_at_home(author):
    page = author.open("/admin/")
    told = page.locator(".standing").first.get_by_text("người tự khai báo").text_content()
    return int(told.split()[0].replace(".", ""))


def read_it_as_leader(leader, reported):
    page = leader.open("/admin/")
    page.locator(".standing a").first.click()
    # The head of the page is the province; step by step below, over all campaigns of the drive.
    expect(page.locator("table.reach tbody tr").last).to_contain_text(str(reported))
    expect(page.get_by_role("main")).to_contain_text(ORGANISATION)


def see_the_morning_on_a_phone(leader):
    """Share, verdict and the three places furthest behind stand on the first screen of a phone, without scrolling."""
    page = leader.page
    page.set_viewport_size(PHONE)
    places = page.locator(".laggards li")
    expect(places).to_have_count(3)
    for shown in (page.locator(".headline-share"), page.locator(".verdict"), places.last):
        expect(shown).to_be_in_viewport(ratio=1)
    page.set_viewport_size(DESK)


def be_refused_the_rest(leader, sheet):
    menu = leader.page.get_by_role("navigation", name="Trình đơn chính")
    assert menu.get_by_role("link").all_inner_texts() == [
        "Trang chủ",
        "Lịch gửi",
        "Tiến độ",
        "Báo cáo ngày",
        "Tuyên truyền",
    ]
    for path in (
        sheet,
        "/admin/campaigns/",
        "/admin/people/",
        "/admin/lists/",
        "/admin/inbox/",
        "/admin/imports/",
    ):
        page = leader.open(path, status=403)
        expect(page.get_by_role("heading", level=1)).to_have_text("Tài khoản không có quyền xem trang này")
    page = leader.open("/admin/progress/?campaign=999999", status=404)
    expect(page.get_by_role("heading", level=1)).to_have_text("Không có trang này")


def figure(page, label):
    """The number in the tile with this label."""
    tile = page.locator(".tile").filter(has=page.locator("dt", has_text=re.compile(f"^{label}$")))
    return int(tile.locator("dd").first.inner_text().replace(".", ""))


def segments(preview):
    """All segments of the first message, as the preview reckons them."""
    shown = preview.locator("table.figures tbody tr").first.locator("td").nth(1).text_content()
    return int((shown or "").replace(".", ""))
