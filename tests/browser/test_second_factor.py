"""A second factor from the first look at its QR code to the code that is asked for at the door."""

import pyotp
from playwright.sync_api import expect

from admin.demo.load_demo import PASSWORD
from tests.browser.fixtures import AUDITOR
from tests.browser.page_checks import PHONE, find_faults, find_foreign_words


def test_it_is_set_up_with_a_telephone_asked_for_and_taken_off(page_as):
    visit = page_as(AUDITOR)
    page = visit.open("/admin/account/second-factor/")
    expect(page.get_by_role("img", name="Mã QR cho ứng dụng tạo mã")).to_be_visible()
    page.get_by_text("Không quét được?").click()
    totp = pyotp.TOTP(page.locator("code.secret").inner_text().replace(" ", ""))
    page.get_by_label("Mã sáu số").fill(totp.now())
    page.get_by_role("button", name="Bật", exact=True).click()
    expect(page.locator(".recovery li")).to_have_count(10)
    code = page.locator(".recovery li").first.inner_text()
    faults = [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look("recovery-codes-desk")
    page.set_viewport_size(PHONE)
    faults += find_faults(page)
    visit.keep_look("recovery-codes-phone")
    page.get_by_role("link", name="Đã cất các mã").click()

    door = page_as(None, size=PHONE)
    page = door.open("/login")
    page.get_by_label("Thư điện tử").fill(AUDITOR)
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("button", name="Đăng nhập").click()
    page.get_by_text("Không có điện thoại bên mình?").click()
    faults += [*find_faults(page), *find_foreign_words(page)]
    door.keep_look("login-code-phone")
    page.get_by_label("Một mã khôi phục đã cất").fill(code)
    page.get_by_role("button", name="Đăng nhập bằng mã khôi phục").click()
    expect(page.get_by_text("còn 9 mã")).to_be_visible()
    page.goto(page.url.replace("/admin/", "/admin/account/second-factor/"))
    faults += [*find_faults(page), *find_foreign_words(page)]
    door.keep_look("second-factor-on-phone")
    page.get_by_label("Mật khẩu hiện tại").last.fill(PASSWORD)
    page.get_by_role("button", name="Tắt xác thực hai lớp").click()
    expect(page.get_by_text("Đã bỏ xác thực hai lớp")).to_be_visible()
    assert faults == []
