"""What a resident sees on a small phone, and the training phones themselves."""

import pytest
from sqlalchemy import select

from campaigns.models.campaigns import Recipient
from campaigns.rules.links import LinkCipher
from tests.browser.page_checks import DESK, PHONE, SMALL_PHONE, find_faults, find_foreign_words


@pytest.fixture
def link(office):
    """The path of someone's personal link of the demo campaign."""
    with office.runtime.db.read() as session:
        recipient_id = session.scalars(
            select(Recipient.id)
            .where(Recipient.campaign_id == office.made["demo"], Recipient.exclusion.is_(None))
            .order_by(Recipient.id.desc())
        ).first()
    assert recipient_id
    return "/" + LinkCipher(office.runtime.settings.secret_key).token(recipient_id)


def test_on_the_smallest_phone_without_script_one_answers_takes_it_back_and_stops(link, page_as):
    visit, onlooker = page_as(None, size=SMALL_PHONE, script=False), page_as(None, size=SMALL_PHONE)
    faults = []

    def look(name, path=link, *, status=200):
        # axe waits for timers, which do not run where scripts are off.
        seen = onlooker.open(path, status=status)
        faults.extend([*find_faults(seen), *find_foreign_words(seen)])
        onlooker.keep_look(f"answer-{name}-phone")

    page = visit.open(link)
    look("fresh")
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box["height"] >= 44
    page.get_by_role("button", name="Tôi cần người giúp").click()
    page.get_by_text("Cán bộ ở thôn, tổ dân phố sẽ liên hệ").wait_for()
    look("given")
    page.get_by_role("button", name="Tôi bấm nhầm, xin chọn lại").click()
    page.get_by_text("Ông/bà đã trả lời").wait_for(state="detached")
    page.get_by_role("link", name="Ai gửi tin này?").click()
    page.get_by_text("nếu danh sách của").wait_for()
    look("about", f"{link}?about")
    page.get_by_role("link", name="Quay lại trang trả lời").click()
    page.get_by_role("button", name="Không nhận tin nào nữa").click()
    page.get_by_text("Ông/bà đã trả lời: Không nhận tin nào nữa").first.wait_for()
    look("stopped")
    page.get_by_role("button", name="Tôi bấm nhầm, tôi vẫn nhận tin").click()
    page.get_by_text("Ông/bà đã trả lời").wait_for(state="detached")
    look("no-such-link", "/aaaaaaaa", status=404)
    assert faults == []


@pytest.mark.parametrize("path", ["/", "/dien-thoai/84905000123", "/dieu-khien"])
def test_training_phones_are_whole_and_vietnamese(path, office, page_as):
    office.simulator.reply("+84905000123", "Cài ở đâu vậy?")
    visit = page_as(None, size=DESK, address=office.simulator.url)
    page = visit.open(path)
    faults = [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look(f"simulator{path}-desk")
    page.set_viewport_size(PHONE)
    faults += find_faults(page)
    visit.keep_look(f"simulator{path}-phone")
    assert faults == []
