"""A running office for all browser tests of a session, and tabs in which someone is signed in.

What is shared ends with the last of them, not with the session: Playwright leaves an event loop running in
the thread, in which other tests could start none of their own.
"""

import time

import pytest
from playwright.sync_api import expect, sync_playwright

from admin.demo.load_demo import PASSWORD
from tests.browser.chromium import find_chromium
from tests.browser.fixtures import seed_site
from tests.browser.page_checks import DESK, Visit
from tests.browser.running_site import running_office

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIGNED_IN_FOR_S = 300  # a third of `outreach.accounts.users.CONFIRMED_FOR`


@pytest.fixture(scope="package")
def office(tmp_path_factory, redis_url):
    with running_office(tmp_path_factory.mktemp("office"), redis_url, seed_site) as running:
        yield running


@pytest.fixture(scope="package")
def browser():
    program = find_chromium()
    assert program, "No Chromium: run `make test`, or type: apt-get install chromium-headless-shell"
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="package")
def signed_in(office, browser):
    return sign_in_at(office, browser)


def sign_in_at(office, browser):
    """The cookies of someone who has signed in: once for each, but not so long ago that pages ask for the password again."""
    kept = {}

    def sign_in(email):
        if email not in kept or kept[email][0] < time.monotonic() - SIGNED_IN_FOR_S:
            context = browser.new_context(locale="vi-VN")
            page = context.new_page()
            page.goto(f"{office.url}/login")
            page.get_by_label("Thư điện tử").fill(email)
            page.get_by_label("Mật khẩu").fill(PASSWORD)
            page.get_by_role("button", name="Đăng nhập").click()
            page.wait_for_url("**/admin/")
            kept[email] = time.monotonic(), context.storage_state()
            context.close()
        return kept[email][1]

    return sign_in


@pytest.fixture
def page_as(office, browser, signed_in):
    """`page_as("canbo@loa.example")`, or `page_as(None)` for nobody: a tab. No fault may be left in the end."""
    opened = []

    def open_as(email, *, size=DESK, address=None, script=True):
        context = _new_context(browser, signed_in(email) if email else None, size=size, script=script)
        visit = Visit(context.new_page(), address or office.url)
        opened.append((context, visit))
        return visit

    yield open_as
    for context, _visit in opened:
        context.close()
    assert [fault for _context, visit in opened for fault in visit.faults] == []


@pytest.fixture(scope="package")
def looks(browser):
    """One tab for each who only looks: what all pages share is loaded once."""
    kept = {}
    yield kept
    for visit in kept.values():
        visit.page.context.close()


@pytest.fixture
def look_as(office, browser, signed_in, looks):
    """The tab of somebody who changes nothing, at a desk's width, with no fault so far."""

    def open_as(email):
        if email not in looks:
            context = _new_context(browser, signed_in(email) if email else None)
            looks[email] = Visit(context.new_page(), office.url)
        looks[email].faults.clear()
        looks[email].page.set_viewport_size(DESK)
        return looks[email]

    return open_as


def _new_context(browser, state, *, size=DESK, script=True):
    context = browser.new_context(
        viewport=size,
        locale="vi-VN",
        timezone_id="Asia/Ho_Chi_Minh",
        java_script_enabled=script,
        storage_state=state,
    )
    context.set_default_timeout(30_000)
    return context
