"""A running office for all browser tests of a session, and tabs in which someone is signed in.

What is shared ends with the last of them, not with the session: Playwright leaves an event loop running in
the thread, in which other tests could start none of their own.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from admin.demo.load_demo import PASSWORD
from deploy.chromium import find_chromium
from tests.browser.fixtures import seed_site
from tests.browser.page_checks import DESK, Visit
from tests.browser.running_site import Office, running_office

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIGNED_IN_FOR_S = 300  # a third of `outreach.accounts.sessions.CONFIRMED_FOR`
OpenAs = Callable[..., Visit]


@pytest.fixture(scope="package")
def office(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Office]:
    with running_office(tmp_path_factory.mktemp("office"), redis_url, seed_site) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    assert program, "No Chromium: run `make test`, or type: apt-get install chromium-headless-shell"
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="package")
def signed_in(office: Office, browser: Browser) -> Callable[[str], Any]:
    return sign_in_at(office, browser)


def sign_in_at(office: Office, browser: Browser) -> Callable[[str], Any]:
    """The cookies of someone who has signed in: once for each, but not so long ago that pages ask for the password again."""
    kept: dict[str, tuple[float, Any]] = {}

    def sign_in(email: str) -> Any:
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
def page_as(office: Office, browser: Browser, signed_in: Callable[[str], Any]) -> Iterator[OpenAs]:
    """`page_as("canbo@loa.example")`, or `page_as(None)` for nobody: a tab. No fault may be left in the end."""
    opened: list[tuple[BrowserContext, Visit]] = []

    def open_as(
        email: str | None, *, size: Any = DESK, address: str | None = None, script: bool = True
    ) -> Visit:
        context = _new_context(browser, signed_in(email) if email else None, size=size, script=script)
        visit = Visit(context.new_page(), address or office.url)
        opened.append((context, visit))
        return visit

    yield open_as
    for context, _visit in opened:
        context.close()
    assert [fault for _context, visit in opened for fault in visit.faults] == []


@pytest.fixture(scope="package")
def looks(browser: Browser) -> Iterator[dict[str | None, Visit]]:
    """One tab for each who only looks: what all pages share is loaded once."""
    kept: dict[str | None, Visit] = {}
    yield kept
    for visit in kept.values():
        visit.page.context.close()


@pytest.fixture
def look_as(
    office: Office, browser: Browser, signed_in: Callable[[str], Any], looks: dict[str | None, Visit]
) -> Callable[[str | None], Visit]:
    """The tab of somebody who changes nothing, at a desk's width, with no fault so far."""

    def open_as(email: str | None) -> Visit:
        if email not in looks:
            context = _new_context(browser, signed_in(email) if email else None)
            looks[email] = Visit(context.new_page(), office.url)
        looks[email].faults.clear()
        looks[email].page.set_viewport_size(DESK)
        return looks[email]

    return open_as


def _new_context(browser: Browser, state: Any, *, size: Any = DESK, script: bool = True) -> BrowserContext:
    context = browser.new_context(
        viewport=size,
        locale="vi-VN",
        timezone_id="Asia/Ho_Chi_Minh",
        java_script_enabled=script,
        storage_state=state,
    )
    context.set_default_timeout(30_000)
    return context
