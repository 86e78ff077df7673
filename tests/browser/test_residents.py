"""What a resident sees on a small phone, and the training phones themselves."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from campaigns.links import LinkCipher
from campaigns.models import Recipient
from tests.browser.conftest import OpenAs
from tests.browser.office import Office
from tests.browser.visits import DESK, PHONE, SMALL_PHONE, find_faults, find_foreign_words


@pytest.fixture
def link(office: Office) -> str:
    """The path of someone's personal link of the demo campaign."""
    with office.runtime.db.read() as session:
        recipient_id = session.scalars(
            select(Recipient.id)
            .where(Recipient.campaign_id == office.made["demo"], Recipient.exclusion.is_(None))
            .order_by(Recipient.id.desc())
        ).first()
    assert recipient_id
    return "/" + LinkCipher(office.runtime.settings.secret_key).token(recipient_id)


def test_answer_page_is_whole_on_the_smallest_phone(link: str, page_as: OpenAs) -> None:
    visit = page_as(None, size=SMALL_PHONE)
    page = visit.open(link)
    faults = [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look("answer-phone")
    page.get_by_role("button", name="Tôi cần người giúp").click()
    page.get_by_text("Cán bộ ở thôn, tổ dân phố sẽ liên hệ").wait_for()
    faults += [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look("answer-given-phone")
    visit.open("/aaaaaaaa", status=404)
    faults += [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look("answer-no-such-link-phone")
    assert faults == []


@pytest.mark.parametrize("path", ["/", "/dien-thoai/84905000123", "/dieu-khien"])
def test_training_phones_are_whole_and_vietnamese(path: str, office: Office, page_as: OpenAs) -> None:
    office.simulator.reply("+84905000123", "Cài ở đâu vậy?")
    visit = page_as(None, size=DESK, address=office.simulator.url)
    page = visit.open(path)
    faults = [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look(f"simulator{path}-desk")
    page.set_viewport_size(PHONE)
    faults += find_faults(page)
    visit.keep_look(f"simulator{path}-phone")
    assert faults == []
