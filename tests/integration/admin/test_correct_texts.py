"""The texts of a campaign that was launched, corrected while it runs."""

import re

import pytest
from sqlalchemy import select

from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message
from outreach.models.accounts import AuditEvent, AuditValues, Role
from tests.integration.admin.test_campaigns import form_of
from tests.integration.campaigns.test_answer_page import press as press_button
from tests.integration.campaigns.test_answer_page import read, token_of
from tests.support.admin_client import post, signed_in
from tests.support.admin_client import token as session_token
from tests.support.servers import on_sqlite
from tests.support.world import APPROVER, AUTHOR, number

database_url = on_sqlite

SECOND = "duyet2@loa.example"


@pytest.fixture
def running(world):
    world.add_people(3)
    world.officer(SECOND, Role.APPROVER)
    campaign = world.launch(content={"vocabulary": {"verbs": ["cài"]}, "phone": "1022"})
    world.send()  # a reply belongs to what was sent
    return campaign


def test_a_correction_shows_at_once_on_pages_and_in_what_is_sent_back_from_then_on(client, world, running):
    token = token_of(world, running, 2)
    press_button(client, token, "installed")
    assert "Cảm ơn ông/bà đã cài Bluezone." in read(client, token)
    world.reply(number(0), "1", gateway_id="SM1")
    path = f"/admin/campaigns/{running}/texts"
    signed_in(client, APPROVER)
    typed = {
        **form_of(client.get(path).text, "texts-form"),
        "c.answers.installed.thanks": "Cảm ơn ông bà.",
        "c.answers.installed.reply": "Da nhan, cam on ong ba.",
        "c.page.again": "Xin bấm lại nếu cần",
        "c.app.page": "https://example.vn/gia-mao",
    }
    assert post(client, path, **typed).status_code == 303
    assert "Cảm ơn ông bà." not in read(client, token)
    confirm(client, running)
    page = read(client, token)
    assert "Cảm ơn ông bà." in page
    assert "Xin bấm lại nếu cần" in page
    world.reply(number(1), "1", gateway_id="SM2")
    first, second = world.all(select(Message.text).where(Message.step_id.is_(None)).order_by(Message.id))
    assert first.startswith("Cam on ong/ba da cai Bluezone.")
    assert second == "Da nhan, cam on ong ba."
    content = world.get_one(Campaign, running).content
    entry = world.one(select(AuditEvent).where(AuditEvent.action == "campaign.correct"))
    changes = world.one(select(AuditValues.changes).where(AuditValues.event_id == entry.id))
    assert content["app"]["page"] == "https://bluezone.gov.vn/taiapp"
    assert content["vocabulary"] == {"verbs": ["cài"]}
    assert changes
    assert set(changes) == {
        "content.answers.installed.thanks", "content.answers.installed.reply", "content.page.again",
    }  # fmt: skip
    assert changes["content.page.again"] == ["", "Xin bấm lại nếu cần"]
    assert "Cảm ơn ông bà." in client.get(f"/admin/campaigns/{running}/").text


def confirm(client, campaign):
    """Confirm the proposed texts as another approver, and sign in as the first again."""
    sheet = f"/admin/campaigns/{campaign}/"
    assert 'class="primary">Xác nhận sửa' not in client.get(sheet).text, "its author may not confirm"
    signed_in(client, SECOND)
    assert "Có câu sửa chờ xác nhận." in client.get("/admin/").text
    page = client.get(sheet).text
    (proposed_at,) = set(re.findall(r'name="proposed_at" value="([^"]+)"', page))
    assert post(client, f"{sheet}texts/confirm", proposed_at=proposed_at).status_code == 303
    signed_in(client, APPROVER)


def test_who_corrects_after_somebody_else_or_wrongly_is_told_and_keeps_what_was_typed(client, world, running):
    path = f"/admin/campaigns/{running}/texts"
    signed_in(client, APPROVER)
    seen = form_of(client.get(path).text, "texts-form")
    wrong = post(client, path, **{**seen, "c.phone": "0905", "c.answers.need_help.reply": "{ten} ơi"})
    assert wrong.status_code == 422
    assert 'id="error-c.answers.need_help.reply"' in wrong.text
    assert "{ten} ơi" in wrong.text
    assert 'id="error-form"' not in wrong.text
    empty = post(client, path, **{**seen, "c.question": ""})
    assert empty.status_code == 422
    added = post(client, path, **{**seen, "wish": "language", "add_language": "sed"})
    assert 'name="c.languages.sed.title"' in added.text
    assert post(client, path, **{**seen, "c.why": "Vì sức khỏe."}).status_code == 303
    confirm(client, running)
    late = post(client, path, **{**seen, "csrf_token": session_token(client), "c.why": "Vì mọi người."})
    assert late.status_code == 422
    assert "Người khác vừa sửa" in late.text
    assert "Vì mọi người." in late.text


def test_an_author_may_propose_but_not_confirm_and_only_for_what_was_launched(client, world, running):
    draft = world.draft()
    signed_in(client, AUTHOR)
    assert "Sửa câu chữ" in client.get(f"/admin/campaigns/{running}/").text
    assert post(client, f"/admin/campaigns/{running}/texts/confirm", proposed_at="").status_code == 403
    assert "Sửa câu chữ" in client.get(f"/admin/campaigns/{running}/").text
    assert "Sửa câu chữ" not in client.get(f"/admin/campaigns/{draft}/").text
    assert client.get(f"/admin/campaigns/{draft}/texts").status_code == 302
    refused = post(client, f"/admin/campaigns/{draft}/texts", wish="save", **{"c.title": "Khác"})
    assert refused.status_code == 422
    assert "Chiến dịch chưa gửi" in refused.text
