"""The form and the sheet of a campaign with texts by language, two texts to compare, and people held out."""

import re

import pytest
from sqlalchemy import select, update

from admin.wording.campaigns import show_lifts
from campaigns.analytics.reach import _measure
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.rules.reach import ReachMeasure, ReachTotals
from tests.integration.admin.test_campaigns import form_of
from tests.support.admin_client import post, signed_in
from tests.support.tables import cases
from tests.support.world import AUTHOR, number

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
EXTRAS = {
    "text_b": "Xin cài: {link}",
    "hold_out": 0.1,
    "texts": {"sed": "sed: {link}"},
    "step": [{"text": "Nhắc: {link}", "after_days": 2, "hold_out": 0.25, "texts": {"jra": "jra: {link}"}}],
    "content": {
        "page": {"next": "Sau đó"},
        "languages": {"sed": {"title": "sed:"}},
        "phone": "0260 386 0000",
    },
}


def test_what_a_campaign_says_in_other_texts_outlives_the_form_and_stands_on_the_sheet(client, world):
    world.add_people(1)
    campaign = world.draft(**EXTRAS)
    signed_in(client, AUTHOR)
    before = [(s.text, s.text_b, s.texts, s.hold_out) for s in world.all(select(Step).order_by(Step.number))]
    page = client.get(f"/admin/campaigns/{campaign}/").text
    answer = post(client, f"/admin/campaigns/{campaign}/edit", **form_of(page))
    assert answer.status_code == 303, re.findall(r'class="field-error"[^>]*>([^<]*)', answer.text)
    assert [
        (s.text, s.text_b, s.texts, s.hold_out) for s in world.all(select(Step).order_by(Step.number))
    ] == before
    content = world.one(select(Campaign)).content
    assert content["page"] == {"next": "Sau đó"}
    assert content["languages"] == {"sed": {"title": "sed:"}}
    assert content["phone"] == "0260 386 0000"
    page = f"/admin/campaigns/{campaign}/"
    written = client.get(page).text
    for said in ("Xin cài: {link}", "sed: {link}", "jra: {link}"):
        assert said in written
    assert post(client, f"{page}submit").status_code == 303
    read = client.get(page).text
    for said in ("10,0% số người", "25,0% số người", "sed: http", "jra: http", "tính theo bản tốn nhất"):
        assert said in read


def test_a_share_that_is_no_number_is_said_beside_its_field(client, world):
    signed_in(client, AUTHOR)
    answer = post(client, "/admin/campaigns/new", wish="save", hold_out="mười", text_b="{ten}")
    assert answer.status_code == 422
    assert "là một con số phần trăm" in answer.text
    too_many = post(client, "/admin/campaigns/new", wish="save", hold_out="80")
    assert "từ 0 đến 0.5" in too_many.text


def test_the_sheet_says_in_a_sentence_what_a_step_brought(client, world):
    campaign = world.launch(people=40, hold_out=0.5)
    world.execute(update(Recipient).values(clicked_at=None))
    world.send()
    for e164 in world.sent_to()[:3]:
        world.reply(e164, "1", gateway_id=f"SM-{e164}")
    signed_in(client, AUTHOR)
    page = client.get(f"/admin/campaigns/{campaign}/").text
    assert "Từng tin có tác dụng đến đâu" in page
    assert "người giữ lại không nhắn có 0,0%" in page
    assert number(0) not in page


@cases(
    ({0: (500, 20), 1: (500, 60)}, "Tin này có tác dụng."),
    ({0: (500, 60), 1: (500, 20)}, "nên xem lại nội dung"),
    ({0: (50, 2), 1: (50, 3)}, "Chưa đủ số liệu"),
    ({1: (500, 20), 2: (500, 60)}, "Nội dung thứ hai tốt hơn."),
    ({1: (500, 60), 2: (500, 20)}, "Nội dung thứ nhất tốt hơn."),
)
def test_the_verdict_follows_the_interval(client, arms, said):
    with client.application.test_request_context():
        counts = ReachTotals()
        for arm, (people, installed) in arms.items():
            counts.add(ReachMeasure.ARMS, str(arm), people)
            counts.add(ReachMeasure.ARMS_INSTALLED, str(arm), installed)
        shown = show_lifts([_measure(2, counts)])
    assert said in shown[0]["verdict"]
    assert len(shown) == 1
    assert "khoảng tin cậy 95%" in shown[0]["sure"]
