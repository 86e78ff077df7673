"""The network, the session, the tab and the browser end in the middle of writing: nothing that was typed is lost."""

import re
from datetime import UTC, datetime

from playwright.sync_api import expect
from sqlalchemy import func, select, update

from admin.demo.load_demo import PASSWORD
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message
from outreach.accounts.users import CONFIRMED_FOR
from outreach.models.accounts import User, UserSession
from tests.browser.fixtures import ADMINISTRATOR, AUTHOR
from tests.browser.page_checks import PHONE, ask_axe, open_card

SAVED = re.compile(r"Đã lưu .*lúc \d\d:\d\d")


def write(page, name, text="Mời ông/bà cài ứng dụng: {link}"):
    page.get_by_label("Tên chiến dịch").fill(name)
    open_card(page, "words")
    page.get_by_label("Tin nhắn", exact=True).fill(text)


def is_kept(page):
    """Wait at the block's end for an answer that what is written is kept; what the page said before tells nothing."""
    return page.expect_response(lambda reply: reply.url.endswith("/campaigns/writing") and reply.ok)


def is_there(page, name):
    expect(page.get_by_label("Tên chiến dịch")).to_have_value(name)
    expect(page.get_by_label("Tin nhắn", exact=True)).to_have_value("Mời ông/bà cài ứng dụng: {link}")


def test_the_network_is_cut_and_the_tab_is_closed(page_as):
    visit = page_as(AUTHOR)
    page = visit.open("/admin/campaigns/new")
    page.context.set_offline(True)
    write(page, "Mạng bị ngắt")
    expect(page.locator("#kept")).to_contain_text("Mất kết nối")
    open_card(page, "check")
    page.get_by_role("button", name="Trình phê duyệt").click()  # a press waits, too
    expect(page.locator("#kept")).to_contain_text("Mất kết nối")
    is_there(page, "Mạng bị ngắt")
    context = page.context
    page.close()
    context.set_offline(False)
    visit.faults.clear()  # what the browser says of the network
    page = context.new_page()
    page.goto(f"{visit.address}/admin/campaigns/new")
    page.get_by_text("Trên máy này còn một chiến dịch viết dở").get_by_role("link", name="Mở lại").click()
    is_there(page, "Mạng bị ngắt")
    expect(page.locator("#kept")).to_have_text(SAVED)


def test_a_server_that_cannot_answer_for_a_moment_is_asked_again(page_as):
    visit = page_as(AUTHOR)
    page = visit.open("/admin/campaigns/new")
    visit.expects = 503
    page.route("**/campaigns/writing", lambda route: route.fulfill(status=503), times=1)
    write(page, "Máy chủ bận")
    expect(page.locator("#kept")).to_contain_text("Mất kết nối")
    expect(page.locator("#kept")).to_have_text(SAVED)


def test_the_session_ends(office, page_as):
    visit = page_as(AUTHOR, size=PHONE)
    page = visit.open("/admin/campaigns/new")
    visit.expects = 400
    write(page, "Phiên đã hết")
    expect(page.locator("#kept")).to_have_text(SAVED)
    page.wait_for_load_state("networkidle")  # the answer to a preview under way would bring the cookie back
    page.context.clear_cookies()
    page.get_by_label("Tên chiến dịch").fill("Phiên đã hết, viết tiếp")
    dialog = page.get_by_role("dialog", name="Phiên đăng nhập đã hết")
    expect(dialog).to_be_visible()
    assert ask_axe(page) == []
    dialog.get_by_label("Thư điện tử").fill(AUTHOR)
    dialog.get_by_label("Mật khẩu").fill("sai")
    dialog.get_by_role("button", name="Đăng nhập").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Thư điện tử").fill(AUTHOR)
    dialog.get_by_label("Mật khẩu").fill(PASSWORD)
    dialog.get_by_role("button", name="Đăng nhập").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#kept")).to_have_text(SAVED)
    page.reload()
    is_there(page, "Phiên đã hết, viết tiếp")
    visit.faults = [fault for fault in visit.faults if "status of 401" not in fault]  # the wrong password


def test_a_reply_typed_in_the_inbox_is_sent_after_signing_in_in_place(office, page_as):
    visit = page_as(AUTHOR)
    page = visit.open(f"/admin/inbox/{office.made['help']}/")
    page.locator("summary", has_text="Trả lời bằng tin nhắn").click()  # help is called first
    with page.expect_response(re.compile("/measure$")):  # else it comes after the cookies are gone
        page.get_by_label("Nội dung tin").fill("Chiều nay cán bộ đến nhà.")
    page.context.clear_cookies()
    page.get_by_role("button", name="Gửi, việc vẫn mở").click()
    dialog = page.get_by_role("dialog", name="Phiên đăng nhập đã hết")
    dialog.get_by_label("Thư điện tử").fill(AUTHOR)
    dialog.get_by_label("Mật khẩu").fill(PASSWORD)
    dialog.get_by_role("button", name="Đăng nhập").click()
    expect(page.get_by_text(re.compile("^(Tin trả lời đã được xếp|Ngoài giờ gửi tin)"))).to_be_visible()
    with office.runtime.db.read() as session:
        assert session.scalar(select(func.count()).where(Message.text == "Chieu nay can bo den nha.")) == 1


def test_a_form_that_asks_for_the_password_by_now_asks_in_place(office, page_as):
    visit = page_as(ADMINISTRATOR)
    page = visit.open("/admin/users/")
    page.get_by_role("link", name="Mời người dùng mới").click()
    page.get_by_label("Địa chỉ thư điện tử").fill("y.moi@loa.example")
    page.get_by_label("Tổ chức").last.select_option("Không thuộc tổ chức nào")
    with office.runtime.db.write() as session:
        lately = datetime.now(UTC) - CONFIRMED_FOR
        theirs = UserSession.user_id == select(User.id).where(User.email == ADMINISTRATOR).scalar_subquery()
        session.execute(update(UserSession).where(theirs).values(began_at=lately, confirmed_at=None))
    page.get_by_role("button", name="Tạo tài khoản và liên kết mời").click()
    dialog = page.get_by_role("dialog", name="Nhập lại mật khẩu")
    dialog.get_by_label("Mật khẩu hiện tại").fill(PASSWORD)
    dialog.get_by_role("button", name="Tiếp tục").click()
    expect(page.get_by_text("y.moi@loa.example").first).to_be_visible()
    with office.runtime.db.read() as session:
        assert session.scalar(select(func.count()).where(User.email == "y.moi@loa.example")) == 1


def test_two_tabs_write(page_as):
    visit = page_as(AUTHOR)
    visit.expects = 409
    first = visit.open("/admin/campaigns/new")
    visit.expects = 409
    write(first, "Trang thứ nhất")
    expect(first.locator("#kept")).to_have_text(SAVED)
    second = first.context.new_page()
    second.goto(first.url)
    is_there(second, "Trang thứ nhất")
    with is_kept(first):
        first.get_by_label("Tên chiến dịch").fill("Trang thứ nhất, sửa")
    second.get_by_label("Tên chiến dịch").fill("Trang thứ hai")
    both = second.get_by_role("dialog", name="Có hai người cùng viết")
    expect(both.get_by_role("row", name="Tên chiến dịch")).to_contain_text("Trang thứ hai")
    expect(both.get_by_role("row", name="Tên chiến dịch")).to_contain_text("Trang thứ nhất, sửa")
    assert ask_axe(second) == []
    expect(both.locator("tbody tr")).to_have_count(1)  # one difference is one row, in words
    with is_kept(second):
        both.get_by_role("button", name="Lưu như đã chọn").click()
    first.get_by_label("Tên chiến dịch").fill("Trang thứ nhất, lần ba")
    open_card(first, "words")
    first.get_by_label("Tin nhắn", exact=True).fill("Mời ông/bà cài ứng dụng: {link} Cảm ơn.")
    both = first.get_by_role("dialog", name="Có hai người cùng viết")
    both.get_by_role("row", name="Tên chiến dịch").get_by_role("radio").last.check()
    with is_kept(first):
        both.get_by_role("button", name="Lưu như đã chọn").click()
    expect(first.get_by_label("Tên chiến dịch")).to_have_value("Trang thứ hai")
    open_card(first, "words")
    expect(first.get_by_label("Tin nhắn", exact=True)).to_have_value(
        "Mời ông/bà cài ứng dụng: {link} Cảm ơn."
    )
    second.get_by_label("Tên chiến dịch").fill("Trang thứ hai, lần ba")
    second.get_by_role("dialog").get_by_role("button", name="Lấy hết của người kia").click()
    expect(second.get_by_label("Tên chiến dịch")).to_have_value("Trang thứ hai")
    second.close()


def test_the_browser_is_closed_and_back_and_save_makes_no_second_draft(office, page_as):
    page = page_as(AUTHOR).open("/admin/campaigns/new")
    write(page, "Trình duyệt đóng giữa chừng")
    expect(page.locator("#kept")).to_have_text(SAVED)
    page.context.close()
    visit = page_as(AUTHOR)  # another browser
    page = visit.open("/admin/")
    page.get_by_role("link", name="Trình duyệt đóng giữa chừng").click()
    is_there(page, "Trình duyệt đóng giữa chừng")
    open_card(page, "whom")
    page.locator("input[name=lists]").first.check()
    page.wait_for_url(re.compile(r"/admin/campaigns/\d+/"))  # now it is a draft, with an address of its own
    expect(page.get_by_role("heading", level=1)).to_have_text("Trình duyệt đóng giữa chừng")
    page.go_back()
    page.go_forward()
    page.get_by_label("Tên chiến dịch").fill("Lưu lần hai")
    expect(page.locator("#kept")).to_have_attribute("data-state", "saved")
    page.get_by_role("button", name="Hoàn tác").click()
    expect(page.get_by_label("Tên chiến dịch")).to_have_value("Trình duyệt đóng giữa chừng")
    expect(page.locator("#kept")).to_have_attribute("data-state", "saved")
    page.get_by_label("Tên chiến dịch").fill("Lưu lần hai")
    open_card(page, "check")
    page.get_by_role("button", name="Trình phê duyệt").click()
    expect(page.locator("[data-campaign-state]").first).to_have_text("Chờ duyệt")
    expect(page.get_by_role("heading", level=1)).to_have_text("Lưu lần hai")
    with office.runtime.db.read() as session:
        names = select(func.count()).where(Campaign.name.in_(["Trình duyệt đóng giữa chừng", "Lưu lần hai"]))
        assert session.scalar(names) == 1
