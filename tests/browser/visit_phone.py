"""A village officer's phone in Chromium: a profile folder of its own, with the network off and on, closed and opened."""

from contextlib import contextmanager
from datetime import UTC, datetime

from playwright.sync_api import expect
from sqlalchemy import select

from campaigns.models.activities import VisitLine
from campaigns.visits.sheets import assign_sheet, invite_officer
from outreach.accounts.users import find_user
from outreach.accounts.village_officers import add_officer, code_of, link_of
from outreach.models.contacts import Contact
from outreach.rules.keys import Purpose
from tests.browser.page_checks import PHONE, Visit

OWN_CODE = "73921846"
AUTHOR = "canbo@loa.example"


def add_village_officer(runtime, name, e164, *sheets):
    """An officer who has these sheets."""
    now = datetime.now(UTC)
    with runtime.db.read() as session:
        author = find_user(session, AUTHOR)
    officer = add_officer(runtime, name=name, number=e164, email="", user=author, now=now)
    for sheet in sheets:
        assign_sheet(runtime, sheet, officer_id=officer.id, day=None, target=20, user=author, now=now)
    return officer


def invitation(runtime, officer):
    """The link, and the code that went to the officer's number."""
    with runtime.db.read() as session:
        author = find_user(session, AUTHOR)
    settings = runtime.settings
    invited = invite_officer(runtime, officer.id, settings=settings, user=author, now=datetime.now(UTC))
    return link_of(invited, settings), code_of(invited, settings.keys_of(Purpose.LINKS))


def read_people(runtime, *sheets):
    """The names on the sheets by line, in their order."""
    with runtime.db.read() as session:
        query = select(VisitLine.id, Contact.name).join(Contact, Contact.id == VisitLine.contact_id)
        return dict(session.execute(query.where(VisitLine.round_id.in_(sheets)).order_by(VisitLine.id)).all())


@contextmanager
def phone_browser(browser, program, folder, flags):
    """Chromium with this profile folder."""
    context = browser.browser_type.launch_persistent_context(
        folder,
        executable_path=program,
        args=flags,
        viewport=PHONE,
        locale="vi-VN",
        timezone_id="Asia/Ho_Chi_Minh",
    )
    context.set_default_timeout(30_000)
    yield context
    context.close()


def join(page, link, code):
    page.goto(link)
    page.get_by_label("Mã trong tin nhắn").fill(code)
    page.get_by_label("Mã mở phiếu (đồng chí tự đặt").fill(OWN_CODE)
    page.get_by_label("Nhập lại mã mở phiếu").fill(OWN_CODE)
    page.get_by_role("button", name="Mở phiếu").click()
    expect(page.get_by_text("Thêm vào màn hình chính")).to_be_visible()
    page.get_by_role("button", name="Đã đọc").click()
    expect(page.get_by_text("Hôm nay đã ghi")).to_be_visible()


def unlock(page, code=OWN_CODE):
    page.get_by_label("Mã mở phiếu").fill(code)
    page.get_by_role("button", name="Mở", exact=True).click()


def touch(page, outcome):
    """Answer for everybody on the page."""
    for person in page.locator(".person").all():
        person.get_by_role("button", name=outcome, exact=True).click()
        expect(person.get_by_role("button", name=outcome, exact=True)).to_have_attribute(
            "aria-pressed", "true"
        )


def open_first_house(page):
    """Open the first house of the list. Returns the name of its first person."""
    page.locator("main > ul.houses .house").first.click()
    return page.locator(".person h2").first.inner_text().split(",")[0]


@contextmanager
def results_sent(page):
    """What is touched within has been received by the server at the end; the page's word may still be of the time before."""

    def is_answered(response):
        return (
            response.url.endswith("/sync")
            and '"results":[{' in (response.request.post_data or "")
            and response.ok
        )

    with page.expect_response(is_answered):
        yield


def new_visit(context, url):
    return Visit(context.new_page(), url)


def has_text(folder, *words):
    """Which of the words lie in the files of a folder, in either of Chromium's two ways to write text."""
    content = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    return [word for word in words if word.encode() in content or word.encode("utf-16-le") in content]
