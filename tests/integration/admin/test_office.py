"""The page of the office's settings: what is set there holds for pages and workers, beneath the variables."""

import json
from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import pytest
from sqlalchemy import func, select

from admin.app import create_app
from campaigns.cases.rescue import enqueue_due_alerts
from outreach.models.accounts import AuditValues, Role
from outreach.models.office import OfficeSetting
from outreach.runtime import OFFICE_SETTINGS_S, open_runtime
from tests.support.admin_client import post, signed_in
from tests.support.servers import on_sqlite
from tests.support.tables import cases
from tests.support.world import AUTHOR, number
from workers import context

database_url = on_sqlite
PAGE = "/admin/settings/"
ADMINISTRATOR = "quantri@loa.example"
PIXEL = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def administrator(world):
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    with world.app().test_client() as client:
        yield signed_in(client, ADMINISTRATOR)


def mail(box, **values):
    """The fields of the mail server's form."""
    return {"host": "127.0.0.1", "port": box.url.split(":")[2].split("/")[0], "security": "smtp", **values}


def stored(world):
    return {row.name: row.value for row in world.all(select(OfficeSetting))}


def at_a_worker(world, monkeypatch):
    """A worker's own runtime of the same installation, which has had a job before."""
    worker = open_runtime(world.runtime.settings)
    monkeypatch.setattr(context, "_runtime", lambda: worker)
    return context.runtime()


def test_what_is_set_reaches_pages_at_once_and_workers_within_a_minute(
    administrator, world, box, monkeypatch
):
    assert "Chưa có máy chủ thư" in administrator.get(PAGE).text
    worker = at_a_worker(world, monkeypatch)
    assert not worker.settings.smtp_url
    assert post(administrator, PAGE + "mail", **mail(box, sender="loa@loa.example")).status_code == 303
    assert "Chưa có máy chủ thư" not in administrator.get(PAGE).text
    assert not context.runtime().settings.smtp_url
    assert OFFICE_SETTINGS_S <= 60
    worker._refresh_at -= OFFICE_SETTINGS_S
    assert context.runtime().settings.smtp_url == box.url
    assert post(administrator, PAGE + "mail", host="").status_code == 303
    worker._refresh_at -= OFFICE_SETTINGS_S
    assert not context.runtime().settings.smtp_url
    worker.close()


def test_a_cry_for_help_is_told_to_whom_the_page_names(administrator, world, monkeypatch):
    world.sent(people=1)
    assert world.reply(number(0), "cứu với", gateway_id="cry", now=world.now)
    worker = at_a_worker(world, monkeypatch)
    assert enqueue_due_alerts(worker, now=world.now) == 0
    contact = "0" + number(70).removeprefix("+84")
    post(administrator, PAGE + "duty", duty_contacts=f"{contact}\r\ntruc@loa.example", stand_in_contacts="")
    worker.refresh(at_once=True)
    assert worker.settings.duty_contacts == (number(70), "truc@loa.example")
    assert enqueue_due_alerts(worker, now=world.now) == 1
    worker.close()


def test_a_command_sees_what_the_page_has_set(administrator, world):
    post(administrator, PAGE + "duty", duty_contacts="truc@loa.example")
    settings = replace(world.runtime.settings, duty_contacts=())
    runtime = open_runtime(settings)
    told = create_app(settings, runtime=runtime).test_cli_runner().invoke(args=["handover", "--json"])
    assert json.loads(told.stdout)["duty_contacts"] == 1, told.output
    runtime.close()


def test_the_password_of_the_mail_server_is_sealed_kept_and_led_nowhere_else(administrator, world, box):
    secret = {"login": "loa", "password": "tre-xanh-4"}
    post(administrator, PAGE + "mail", **mail(box, **secret))
    assert "tre-xanh-4" not in administrator.get(PAGE).text
    assert world.runtime.settings.smtp_url.startswith("smtp://loa:tre-xanh-4@127.0.0.1")
    assert "tre-xanh-4" not in stored(world)["smtp_url"]
    assert "tre-xanh-4" not in str([row.changes for row in world.all(select(AuditValues))])
    again = post(administrator, PAGE + "mail", **mail(box, login="loa", password="", sender="a@loa.example"))
    assert again.status_code == 303
    administrator.get(PAGE)
    assert "tre-xanh-4@" in world.runtime.settings.smtp_url
    assert "from=a@loa.example" in world.runtime.settings.smtp_url
    elsewhere = post(
        administrator, PAGE + "mail", **mail(box, host="mail.loa.example", login="loa", password="")
    )
    assert elsewhere.status_code == 422
    assert "Hãy nhập lại mật khẩu" in elsewhere.text
    assert "mail.loa.example" in elsewhere.text


def test_a_test_mail_comes_to_who_asks_or_the_page_says_why_not(administrator, world, box):
    assert "Chưa có máy chủ thư" in post(administrator, PAGE + "mail/test").text
    post(administrator, PAGE + "mail", **mail(box, sender="loa@loa.example"))
    post(administrator, PAGE + "mail/test")
    ((address, sent),) = box.take()
    assert (address, sent["Subject"]) == (ADMINISTRATOR, "Loa: thư thử")
    assert f"Đã gửi thư thử đến {ADMINISTRATOR}" in administrator.get(PAGE).text
    post(administrator, PAGE + "mail", **mail(box, port="1"))
    refused = post(administrator, PAGE + "mail/test")
    assert refused.status_code == 422
    assert "Máy chủ thư không nhận thư thử (ConnectionRefusedError)" in refused.text


def test_a_new_campaign_begins_with_the_hours_and_the_budget_of_the_office(administrator, world):
    hours = {"opens": "07:30", "closes": "17:00", "weekdays": "sun"}
    post(administrator, PAGE + "sending", **hours, periods="05/02/2027-11/02/2027 nghỉ Tết")
    post(administrator, PAGE + "budget", campaign_budget_vnd="2000000", price_per_segment_vnd="400")
    administrator.get(PAGE)
    page = signed_in(administrator, AUTHOR).get("/admin/campaigns/new").text
    for value in ("07:30", "17:00", "2.000.000"):
        assert f'value="{value}"' in page, value
    settings = world.runtime.settings
    assert str(settings.quiet_days) == "sun,2027-02-05..2027-02-11 nghỉ Tết"
    assert (settings.campaign_budget_vnd, settings.price_per_segment_vnd) == (2_000_000, 400)


@cases(
    ("mail", {"host": "mail loa"}, "Địa chỉ máy chủ thư chưa đúng"),
    ("mail", {"host": "mail.loa.example", "port": "70000"}, "Cổng phải là một số từ 1 đến 65535"),
    ("mail", {"host": "mail.loa.example", "sender": "loa"}, "Địa chỉ thư gửi đi chưa đúng"),
    ("mail", {"host": "mail.loa.example", "login": "loa"}, "Hãy nhập mật khẩu của tên đăng nhập này"),
    ("duty", {"duty_contacts": "anh Ba"}, "“anh Ba” không phải địa chỉ thư điện tử hay số di động"),
    ("sending", {"opens": "20:00", "closes": "08:00"}, "phải là hai giờ trong ngày"),
    ("sending", {"periods": "nghỉ Tết"}, "“nghỉ Tết” không có ngày"),
    ("sending", {"periods": "31/02/2027"}, "không hiểu “2027-02-31”"),
    ("sending", {"weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}, "không thể là cả bảy ngày"),
    ("budget", {"price_per_segment_vnd": "rẻ"}, "phải là một số"),
    ("budget", {"price_per_segment_vnd": "900000"}, "phải từ 0 đến 100000"),
    ("logo", {"office_logo": (BytesIO(b"%PDF-1.7"), "logo.pdf")}, "Biểu trưng phải là ảnh PNG"),
    ("logo", {"office_logo": (BytesIO(b"x" * 60_000), "logo.png")}, "không quá 50 KB"),
)
def test_a_value_that_does_not_do_is_refused_in_words_and_changes_nothing(
    administrator, world, part, fields, says
):
    refused = post(administrator, PAGE + part, **fields)
    assert refused.status_code == 422
    assert says in refused.text
    assert not stored(world)


def test_what_a_variable_sets_wins_is_shown_as_such_and_cannot_be_changed(administrator, world):
    post(administrator, PAGE + "duty", duty_contacts="cu@loa.example", stand_in_contacts="thay@loa.example")
    given = replace(
        world.runtime.settings,
        duty_contacts=("truc@loa.example",),
        given=frozenset({"duty_contacts", "smtp_url"}),
    )
    with create_app(given, runtime=replace(world.runtime, settings=given)).test_client() as client:
        page = signed_in(client, ADMINISTRATOR).get(PAGE).text
        assert "truc@loa.example" in page
        assert "Đặt trên máy chủ (DUTY_CONTACTS), không sửa được ở đây." in page
        assert 'name="duty_contacts"' not in page
        assert 'name="host"' not in page
        assert "thay@loa.example" in page
        post(client, PAGE + "duty", duty_contacts="moi@loa.example", stand_in_contacts="khac@loa.example")
    assert stored(world) == {"duty_contacts": "cu@loa.example", "stand_in_contacts": "khac@loa.example"}


def test_the_logo_is_on_every_page_until_it_is_taken_away(administrator, world):
    post(administrator, PAGE + "logo", office_logo=(BytesIO(PIXEL), "huy-hieu.png"))
    assert 'src="data:image/png;base64,' in administrator.get(PAGE).text
    post(administrator, PAGE + "logo/remove")
    assert 'src="data:image/png;base64,' not in administrator.get(PAGE).text
    assert not stored(world)


def test_a_page_that_was_saved_unchanged_sets_nothing(administrator, world):
    """Else hours that are saved in training would switch off the holidays of an office that becomes live."""
    post(administrator, PAGE + "sending", opens="08:00", closes="20:00", periods="")
    post(administrator, PAGE + "budget", price_per_segment_vnd="350")
    assert world.scalar(select(func.count()).select_from(OfficeSetting)) == 0
