"""A person's line of time: all that happened, the newest first, to who may know it; and the same person found and told apart."""

import re

import pytest
from sqlalchemy import insert, select

from campaigns.models.campaigns import PageOpen
from outreach.models.contacts import Contact
from outreach.rules.wishes import WishSource
from tests.support.admin_client import post, signed_in
from tests.support.lists import bring, local, write
from tests.support.servers import both_databases
from tests.support.wishes import opt_out
from tests.support.world import APPROVER, AUTHOR, number

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def lines(page):
    """Return the entries of the line of time, each as its text."""
    line = page.split('<ol class="timeline">')[1].split("</ol>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", entry).split()) for entry in line.split("<li>")[1:]]


@both_databases
def test_all_that_happened_stands_in_one_line_the_newest_first(client, world, tmp_path, monkeypatch):
    bring(world, write(tmp_path, f"1,Y Hlan,1990,,,{local(1)}"), "Hội viên mới")
    person = world.one(select(Contact.id).where(Contact.name == "Y Hlan"))
    campaign = world.launch(name="Mời cài Bluezone", lists=["MTTQ/Hội viên mới"])
    world.sweep()
    signed_in(client, AUTHOR)
    assert "Tin chờ gửi, sớm nhất" in client.get(f"/admin/people/{person}/").text
    world.send()
    world.reply(number(1), "1", gateway_id="SM1", now=world.now)
    recipient = world.recipient(number(1), campaign)
    world.execute(insert(PageOpen).values(campaign_id=campaign, recipient_id=recipient.id, at=world.now))
    phone = world.phone(number(1))
    page = f"/admin/people/{person}/"
    post(client, f"/admin/requests/of/{person}/consent", given="yes", evidence="phiếu ký số 7")
    post(client, f"/admin/requests/of/{person}", kind="correct", asked_by="chính bà")
    post(client, f"{page}suppress", phone=phone, reason="wrong_number", note="bà báo trực tiếp")
    post(client, f"{page}lift", phone=phone, reason="wrong_number", note="bà dùng lại số này")
    told = lines(client.get(page).text)
    wanted = (
        "Bỏ chặn số 0900•••",
        "Ngừng gửi tin đến số",
        "Yêu cầu về dữ liệu : Sửa dữ liệu",
        "Đồng ý nhận tin",
        "Trả lời : tin nhắn Đã cài · Mời cài Bluezone",
        "Trang trả lời được mở · Mời cài Bluezone",
        "Đã gửi tin",
        "Nhập vào danh sách : Hội viên mới",
    )
    for each in wanted:
        assert any(each in line for line in told), (each, told)
    assert "Bỏ chặn" in told[0]
    assert "phiếu ký số 7" in " ".join(told)
    assert "bà dùng lại số này" in told[0]
    assert number(1) not in " ".join(told)
    monkeypatch.setattr("campaigns.cases.timeline.ON_A_PAGE", 3)
    shown = client.get(page).text
    assert lines(shown) == told[:3]
    older = re.search(r'href="([^"]+from=3[^"]*)"', shown)
    assert lines(client.get(older[1]).text) == told[3:6]


@only_sqlite
def test_the_same_person_is_looked_for_by_name_and_who_is_another_is_not_offered_again(client, world):
    first, second = world.add_person("Y Hlan", number(1)), world.add_person("Y Hlan", number(1))
    third = world.add_person("A Thun", number(3))
    signed_in(client, AUTHOR)
    page = f"/admin/people/{first}/"
    with_second, with_third = f"{page}compare?with={second}", f"{page}compare?with={third}"
    assert f'href="{with_second}"' in client.get(page).text
    assert f'href="{page}compare"' in client.get(page).text
    found = post(client, f"{page}find-same", q="thun").location
    assert "thun" not in found
    assert f'href="{with_third}"' in client.get(found).text
    assert (
        f'href="{with_third}"' in client.get(post(client, f"{page}find-same", q=number(3)[-3:]).location).text
    )
    for _twice in range(2):
        post(client, f"{page}different", other=second)
    assert f'href="{with_second}"' not in client.get(page).text
    assert f"compare?with={first}" not in client.get(f"/admin/people/{second}/").text
    # It was a mistake: they can still be merged, and taken apart they are not offered either.
    assert post(client, f"{page}merge", other=second).status_code == 303
    merge = re.search(r'name="merge" value="(\d+)"', client.get(page).text)
    apart = post(client, f"{page}unmerge", merge=merge[1]).location
    assert "compare?with=" not in client.get(apart).text


@only_sqlite
def test_who_is_another_stays_so_when_a_third_is_merged(client, world):
    first, second = world.add_person("Y Hlan", number(1)), world.add_person("Y Hlan", number(1))
    third = world.add_person("Y Hlan", number(1))
    signed_in(client, APPROVER)
    for other in (second, third):
        post(client, f"/admin/people/{first}/different", other=other)
    post(client, f"/admin/people/{second}/merge", other=third)
    assert "compare?with=" not in client.get(f"/admin/people/{first}/").text


def test_who_refuses_one_kind_alone_is_not_offered_to_be_opened(client, world):
    """What takes a consent that was withdrawn for a kind back is another consent."""
    person = world.add_person("Y Hlan", number(1))
    signed_in(client, APPROVER)
    for scope, is_offered in (("kind:bluezone", False), ("", True)):
        with world.runtime.db.write() as session:
            opt_out(world, session, None, person, source=WishSource.CONSENT, scope=scope)
        page = client.get(f"/admin/people/{person}/").text
        assert "Từ chối nhận tin" in page
        assert (f'action="/admin/people/{person}/lift"' in page) is is_offered
