"""Columns of a list in the campaign's form: offered, previewed with a value, refused where a sentence would have a hole."""

import re

from sqlalchemy import select

from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message
from outreach.models.contacts import Contact, KeptValue
from tests.integration.admin.test_campaigns import database_url, filled, form_of, save  # noqa: F401
from tests.support.admin_client import post, signed_in
from tests.support.lists import bring, local
from tests.support.uploads import checked, confirmed
from tests.support.world import APPROVER, AUTHOR, LIST

HOURS = """Họ tên,SĐT,{giờ hẹn}
A Thun,0905000121,9h00
Y Rơ,0905000122,
A Thun,0905000121,8h00
Y Hlan,0905000123,
Y Rơ,0905000122,7h30
Y Rơ,0905000122,7h30
"""
TEXT = "Mời ông/bà[ {name}] đến lúc {giờ hẹn}: {link} TC từ chối"


# What everybody who writes, approves or launches sees: one person's own value, marked, and what the others have.
FILLED = '<span class="filled">8h30</span>'
BY_PERSON = "Giờ hẹn: theo từng người (8h30; 1 người chưa có: giờ hành chính)"


def test_an_import_tells_whose_rows_differ_what_is_taken_and_who_has_no_value(client, world):
    page = checked(client, world, HOURS)
    assert "giờ hẹn: 2 người có, 1 người trống." in page
    assert "1 người có nhiều dòng ghi khác nhau" in page
    assert "A Thun (giờ hẹn: 9h00, không lấy 8h00)." in page
    assert '<td data-label="{giờ hẹn}">7h30</td>' in page  # of the rows as they will be stored
    page = confirmed(client, world)
    assert "A Thun (giờ hẹn: 9h00)." in page  # taken; what was not taken is kept nowhere
    said = select(KeptValue.value).join(Contact, Contact.id == KeptValue.contact_id)
    assert world.all(said.order_by(Contact.name)) == ["9h00", "7h30"]


def test_who_shares_a_phone_and_is_not_addressed_is_named_before_and_after_the_launch(
    client, world, tmp_path
):
    file = tmp_path / "list.csv"
    file.write_text(f"Họ tên,SĐT\nA Thun,{local(1)}\nY Rơ,{local(1)}\nY Hlan,{local(2)}\n", encoding="utf-8")
    bring(world, file, LIST)
    signed_in(client, AUTHOR)
    assert "Y Rơ (tin ghi tên A Thun)" in post(client, "/admin/campaigns/preview", **filled()).text
    campaign_id = world.launch()
    page = client.get(f"/admin/campaigns/{campaign_id}/").text
    link = f"/admin/people/?campaign={campaign_id}&amp;result=excluded.shared_phone"
    assert link in page
    people = client.get(link.replace("&amp;", "&")).text
    assert ("Y Rơ" in people, "A Thun" in people) == (True, False)


def test_names_that_look_wrong_are_shown_before_a_text_addresses_people_by_them(client, world, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(f"Họ tên,SĐT\nNguyễn Văn A 2,{local(1)}\nY Rơ,{local(2)}\n", encoding="utf-8")
    bring(world, file, LIST)
    signed_in(client, AUTHOR)
    said = "tên trông chưa đúng: “Nguyễn Văn A 2”. Hãy sửa"
    named = "Mời ông/bà[ {name}] cài Bluezone: {link} TC từ chối"
    assert said in post(client, "/admin/campaigns/preview", **filled(text=named)).text
    assert said in client.get(f"/admin/campaigns/{world.draft(text=named)}/").text
    nobody = post(client, "/admin/campaigns/preview", **filled(text=named.replace("[ {name}]", ""))).text
    assert "trông chưa đúng" not in nobody


def test_a_column_of_the_list_is_written_into_the_text(client, world, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(f"Họ tên,SĐT,{{giờ hẹn}}\nA Thun,{local(1)},8h30\nY Rơ,{local(2)},\n", encoding="utf-8")
    bring(world, file, LIST)
    signed_in(client, AUTHOR)
    assert "<code>{giờ hẹn}</code>" in client.get(f"/admin/lists/{world.list_id}/").text
    new = client.get(f"/admin/campaigns/new?list={world.list_id}").text
    assert 'name="field.giờ hẹn"' in new
    assert 'data-insert="{giờ hẹn}"' in new

    refused = post(client, "/admin/campaigns/new", **filled(text=TEXT, **{"field.giờ hẹn": ""}))
    assert refused.status_code == 422
    assert "sẽ nhận một câu thiếu chữ" in refused.text
    unfinished = post(client, "/admin/campaigns/preview", **filled(text=TEXT, **{"field.giờ hẹn": ""})).text
    assert "Moi ong/ba Le Hoa den luc 8h30" in " ".join(re.sub(r"<[^>]+>", "", unfinished).split())
    assert "Tin còn chỗ chưa điền." in unfinished
    assert 'href="#fields" data-box>điền ô “Người chưa có giờ hẹn thì ghi”' in unfinished
    told = post(
        client, "/admin/campaigns/writing", key="k" * 24, **filled(text=TEXT, **{"field.giờ hẹn": ""})
    )
    assert told.json["wrong"] == [{"at": "fields", "name": "Chữ ghi cho người chưa có"}]
    odd = post(client, "/admin/campaigns/new", **filled(text=TEXT, **{"field.giờ hẹn": "bit.ly/x"}))
    assert "Chữ thay thế cho {giờ hẹn} không dùng được" in odd.text
    assert "câu thiếu chữ" not in odd.text
    unknown = post(client, "/admin/campaigns/new", **filled(text=TEXT.replace("giờ", "gio")))
    assert "{gio hẹn}" in unknown.text

    preview = post(
        client, "/admin/campaigns/preview", **filled(text=TEXT, **{"field.giờ hẹn": "giờ hành chính"})
    ).text
    assert FILLED in preview
    assert BY_PERSON in " ".join(re.sub(r"<[^>]+>", "", preview).split())

    campaign_id = save(client, text=TEXT, **{"field.giờ hẹn": "giờ hành chính"})
    assert world.get_one(Campaign, campaign_id).fields == {"giờ hẹn": "giờ hành chính"}
    page = client.get(f"/admin/campaigns/{campaign_id}/").text
    assert form_of(page)["field.giờ hẹn"] in ("giờ hành chính", ["giờ hành chính"])
    post(client, f"/admin/campaigns/{campaign_id}/submit")
    asked = signed_in(client, APPROVER).get(f"/admin/campaigns/{campaign_id}/").text
    question, _, cards = asked.split('id="leaving"')[1].partition("</details>")
    for read in (question, cards):
        assert FILLED in read
        assert BY_PERSON in " ".join(re.sub(r"<[^>]+>", "", read).split())
    post(client, f"/admin/campaigns/{campaign_id}/return", reason="Sửa giờ.")
    signed_in(client, AUTHOR)
    tried = post(client, f"/admin/campaigns/{campaign_id}/test", trial_number="0905000123")
    assert tried.status_code == 303
    assert "den luc 8h30" in world.one(select(Message.text))
    copy = client.get(f"/admin/campaigns/new?copy={campaign_id}").text
    assert re.search(r'name="field.giờ hẹn"[^>]*value="giờ hành chính"', copy)
    saved = post(
        client, f"/admin/campaigns/{campaign_id}/edit", **filled(text=TEXT.replace("{giờ hẹn}", "8h"))
    )
    assert saved.status_code == 303
    assert world.get_one(Campaign, campaign_id).fields == {}
