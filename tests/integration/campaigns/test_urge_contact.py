"""Urging the contact of a place that is behind: mailed once a day, on record, and answered by the link without an account."""

import re
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import select, update

from campaigns.models.reports import Urging
from campaigns.reports import urge_contact as urge_module
from campaigns.reports.urge_contact import send_urgings, urge_contact
from outreach.models.accounts import Area, AreaLevel, AuditEvent, Role
from tests.integration.campaigns.test_concurrent_actions import at_once
from tests.support.admin_client import post, shows, signed_in
from tests.support.world import AUTHOR

LEADER, CONTACT = "lanhdao@loa.example", "xa23281@loa.example"
PAGE = "/admin/urging/?drive=1&area=608"


def test_two_who_urge_a_contact_at_once_write_to_it_once(world):
    drive, user = world.drive(), world.user(AUTHOR)
    world.add(Area(code="62", name="Kon Tum", kind="Tỉnh", level=AreaLevel.PROVINCE))

    def urge():
        about = {"area": "62", "organisation": None, "channel": "mail", "contact": "", "text": "Xem {link}"}
        return world.do(urge_contact, drive, address=CONTACT, **about, user=user)

    at_once(urge, urge)
    assert len(world.all(select(Urging.id))) == 1


def test_while_the_mail_server_is_away_all_urgings_wait_for_one_try(world, monkeypatch):
    world.add_areas({"608": "Kon Tum"})
    about = {"area": "62", "organisation": None, "channel": "mail", "contact": "", "text": "Xem {link}"}
    for address in (CONTACT, "xa23282@loa.example"):
        world.do(urge_contact, world.drive(), address=address, **about)
    tries = []

    def hang(*_args, **mail):
        tries.append(mail["to"])
        raise TimeoutError

    monkeypatch.setattr(urge_module, "send_mail", hang)
    world.use(smtp_url="smtp://127.0.0.1:9")
    assert send_urgings(world.runtime, now=world.now) == 0
    assert tries == [[CONTACT]], "each try of a server that hangs holds up what else waits for the worker"


def test_an_urging_that_is_tried_no_more_does_not_wait(author, world):
    world.add_areas({"608": "Kon Tum"})
    about = {"area": "608", "organisation": None, "channel": "mail", "contact": "", "text": "Xem {link}"}
    world.do(urge_contact, world.drive(), address=CONTACT, **about)
    assert "không gửi được" not in author.get(PAGE).text
    world.execute(update(Urging).values(written_at=world.in_hours(-25)))
    assert "không gửi được" in author.get(PAGE).text


def test_a_place_that_is_behind_is_urged_once_a_day_and_answers_by_the_link(client, world, box):
    world.add_areas({"608": "Kon Tum"})
    world.officer(LEADER, Role.LEADER)
    world.launch(people=2, goal={"share": 0.5})
    signed_in(client, LEADER)
    page = client.get(PAGE).text
    [text] = re.findall(r"<textarea[^>]*>([^<]+)</textarea>", page)
    assert "Huyện Kon Tum chưa có người tự khai báo" in text
    sent = "/admin/urging/send?drive=1&area=608"
    typed = {"channel": "mail", "contact": "Đồng chí Chủ tịch xã", "text": text}
    refused = post(client, sent, address="khong-phai-dia-chi", **typed)
    assert refused.status_code == 422
    assert "Đồng chí Chủ tịch xã" in refused.text  # nothing typed is lost
    assert "chưa có máy chủ thư" in page, "it is said before anything is written"
    assert '<option value="sms" selected' in page, "what can leave is what is offered first"
    assert post(client, sent, address=CONTACT, **typed).status_code == 303
    shows(client.get(PAGE), "thư chưa gửi đi: hệ thống chưa có máy chủ thư", but="Thư được gửi ngay")
    assert post(client, sent, address=CONTACT.upper(), **typed).status_code == 422  # once a day

    runtime = replace(world.runtime, settings=replace(world.runtime.settings, smtp_url=box.url))
    now = datetime.now(UTC)
    assert (send_urgings(runtime, now=now), send_urgings(runtime, now=now)) == (1, 0)
    [(address, mail)] = box.take()
    assert address == CONTACT
    part = mail.get_body(("plain",))
    [link] = re.findall(r"/urge/\S+", part.get_content())

    client.get("/logout")
    shown = client.get(link)
    assert shown.status_code == 200
    assert "còn" in shown.text or "Huyện Kon Tum" in shown.text
    assert client.post(link, data={"answer": " "}).status_code == 422
    assert client.post(link, data={"answer": "Hai thôn mất sóng; xong trong tuần này"}).status_code == 303
    assert "Đã nhận câu trả lời" in client.get(link).text
    assert client.get(f"{link}x").status_code == 404
    signed_in(client, AUTHOR)
    page = client.get(PAGE).text
    assert "Hai thôn mất sóng" in page
    assert CONTACT in page  # offered again the next time
    assert world.one(select(Urging)).sent_at is not None
    actions = world.all(
        select(AuditEvent.action).where(AuditEvent.action.like("urging.%")).order_by(AuditEvent.id)
    )
    assert actions == ["urging.write", "urging.answer"]
