"""`setup`: an installation from nothing, interrupted, repeated; and what it refuses.

The page of the office's settings: what is set there holds for pages and workers, beneath the variables.
"""

import json
import re
import shlex
import shutil
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import func, select

from admin.app import create_app
from campaigns.cases.rescue import enqueue_due_alerts
from campaigns.models.campaigns import Sender
from campaigns.models.figures import GoalEntry
from campaigns.planning.drives import current_drive_id
from campaigns.reports.settings import current_template
from outreach.accounts.users import find_user
from outreach.core.db import Database
from outreach.models.accounts import AuditValues, Organisation, Role, User
from outreach.models.contacts import Contact
from outreach.models.office import OfficeSetting
from outreach.runtime import OFFICE_SETTINGS_S, open_runtime
from tests.integration.admin.test_commands import UNITS, Operator
from tests.support.admin_client import post, shows, signed_in
from tests.support.processes import ROOT
from tests.support.servers import on_sqlite
from tests.support.tables import cases
from tests.support.world import AUTHOR, World, number
from workers import context

database_url = on_sqlite

PLAN = """
province = "62"
[administrator]
email = "quantri@loa.example"
[[organisation]]
code = "MTTQ"
name = "Ủy ban MTTQ Việt Nam tỉnh Kon Tum"
kind = "front"
[[user]]
email = "canbo@loa.example"
role = "staff"
organisation = "MTTQ"
[[sender]]
name = "MTTQ"
registered_on = "DAY"
[report]
kind = "bao-lu"
[[goal]]
share = 50
"""


@pytest.fixture
def operator(runtime):
    operator = Operator(create_app(runtime.settings, runtime=runtime).test_cli_runner())
    operator.gets("areas", "load", UNITS)
    return operator


def write(folder, plan):
    file = folder / "setup.toml"
    file.write_text(plan, encoding="utf-8")
    return file


def counts(runtime):
    with runtime.db.read() as session:
        tables = (Organisation, User, Sender, GoalEntry)
        return [session.scalar(select(func.count()).select_from(table)) for table in tables]


def test_of_a_plan_that_cannot_be_carried_out_nothing_is_stored_and_a_repeat_changes_nothing(
    operator, runtime, tmp_path
):
    hours = '[report]\nhours = { freeze = "15:00", deadline = "08:00" }'
    for plan in (PLAN, PLAN.replace("DAY", "2026-11-02").replace("[report]", hours)):
        assert operator.types("setup", "--from", write(tmp_path, plan)).exit_code == 1
        assert counts(runtime) == [0, 0, 0, 0]
    file = write(tmp_path, PLAN.replace("DAY", "2026-11-02"))
    done = operator.gets("setup", "--from", file)
    steps = {step["step"]: (step["new"], step["kept"]) for step in done["steps"]}
    new = ("organisations", "users", "senders", "report", "goals")
    assert [steps[each] for each in new] == [(1, 0)] * 5
    assert "/login/invitation/" in done["link"]
    with runtime.db.read() as session:
        form = current_template(session, current_drive_id(session))
        assert find_user(session, "quantri@loa.example").role is Role.ADMINISTRATOR
    assert (form.kind, form.superior[1], form.place) == ("bao-lu", "TỈNH KON TUM", "Kon Tum")
    assert form.bases == ()
    again = operator.gets("setup", "--from", file)
    assert [step["new"] for step in again["steps"]] == [0] * len(again["steps"])
    assert counts(runtime) == [1, 2, 1, 1]


def test_what_was_changed_since_stays_and_is_told(operator, runtime, tmp_path):
    plan = PLAN.replace("DAY", "2026-11-02")
    operator.gets("setup", "--from", write(tmp_path, plan), "--password-stdin", stdin="mật khẩu dài\n")
    again = operator.gets("setup", "--from", write(tmp_path, plan.replace('"staff"', '"leader"')))
    assert again["link"] == ""  # the administrator has a password
    assert any("canbo@loa.example" in warning for warning in again["warnings"])
    with runtime.db.read() as session:
        assert find_user(session, "canbo@loa.example").role is Role.STAFF


def test_without_a_file_the_command_asks(operator, runtime):
    answers = ["99", "68", "", "", "quantri", "quantri@loa.example", "", "tiem-chung", "", ""]
    answers[6] = "Trần Minh Đức"
    done = operator.types("setup", stdin="\n".join([*answers, ""]))
    assert done.exit_code == 0, done.stderr
    with runtime.db.read() as session:
        name = session.scalar(select(Organisation.name))
        assert current_template(session, current_drive_id(session)).action == "tiêm vắc xin"
    assert name == "Ủy ban MTTQ Việt Nam tỉnh Lâm Đồng"
    assert operator.types("setup", stdin="68\n").exit_code == 1  # the answers ended


def test_an_unknown_province_is_refused_before_anything_else(operator, runtime, tmp_path):
    plan = PLAN.replace('"62"', '"99"').replace("DAY", "2026-11-02")
    assert "68 Tỉnh Lâm Đồng" in operator.types("setup", "--from", write(tmp_path, plan)).stderr
    assert counts(runtime) == [0, 0, 0, 0]


def test_production_takes_no_sqlite_that_nobody_chose_and_no_file_that_others_read(runtime, tmp_path):
    settings = replace(runtime.settings, app_env="production")
    operator = Operator(create_app(settings, runtime=replace(runtime, settings=settings)).test_cli_runner())
    file = write(tmp_path, PLAN.replace("DAY", "2026-11-02"))
    database = Path(runtime.db.url.database or "")
    database.chmod(0o644)
    assert "--sqlite" in operator.is_told("setup", "--from", file)
    assert f"chmod 600 {database}" in operator.is_told("setup", "--from", file, "--sqlite")
    assert counts(runtime) == [0, 0, 0, 0]
    for path in tmp_path.glob("loa.db*"):
        path.chmod(0o600)
    operator.gets("areas", "load", UNITS)
    assert operator.gets("setup", "--from", file, "--sqlite")["steps"]


def test_a_new_sqlite_file_is_its_owners_alone(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/new.db")
    db.engine.connect().close()
    db.close()
    assert (tmp_path / "new.db").stat().st_mode & 0o077 == 0


# The guide `docs/installation.vi.md`: the files that it copies and its `loa` commands as written, in a
# new database, to the report.


GUIDE = (ROOT / "docs" / "installation.vi.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL))
FILES = [ROOT / "docs" / path for path in re.findall(r"/srv/loa/source/docs/(\S+)", BLOCKS)]
COMMANDS = re.findall(r"^sudo loa (.+)$", BLOCKS, re.MULTILINE)


class Installed(World):
    """The installation that the guide makes; nothing is in it beforehand."""

    def __post_init__(self):
        pass


@pytest.fixture
def installed(runtime, simulator):
    return Installed(runtime, simulator)


def run(installed, folder):
    """Write the guide's files into a folder and run its commands there, one by one."""
    operator = Operator(installed.app().test_cli_runner())
    for path in FILES:
        shutil.copy(path, folder)
    today = f"{installed.now:%Y-%m-%d}"
    for command in COMMANDS:
        words = shlex.split(command.replace("$(date +%F)", today))
        words = [str(folder / Path(word).name) if word.startswith("/") else word for word in words]
        yield command, operator.types(*words)


def test_an_installation_from_nothing_to_the_first_report(installed, tmp_path):
    done = {}
    for command, result in run(installed, tmp_path):
        assert result.exit_code == 0, (command, result.stdout, result.stderr)
        done[command.split()[0] + " " + command.split()[1]] = result.stdout
        if command.startswith("campaigns launch"):
            installed.sweep()
            installed.send()
            assert len(installed.sent_to()) == 3
            assert installed.reply("+84912000101", "1", gateway_id="SMwalk")
            installed.sweep()
    assert "/login/invitation/" in done["setup --from"]
    found = dict(installed.rows(select(Contact.name, Contact.area_code)))
    # Today's units of Lâm Đồng, of which one has a dash in its name.
    assert found == {"Nguyễn Thị Hoa": "24781", "K' Brêu": "24871", "Trần Văn Nam": "22918"}
    with ZipFile(next((tmp_path / "bao-cao").glob("*.docx"))) as document:
        text = re.sub(r"<[^>]+>", "", document.read("word/document.xml").decode())
    assert "TỈNH LÂM ĐỒNG" in text
    assert "tiêm vắc xin" in text
    assert "Kon Tum" not in text.replace("KON TUM", "Kon Tum")


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
    shows(post(administrator, PAGE + part, **fields), says, status=422)
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


def test_the_audit_log_calls_a_setting_as_its_form_does(administrator):
    post(administrator, PAGE + "budget", price_per_segment_vnd="400")
    post(administrator, PAGE + "sending", opens="07:30", closes="17:00")
    logged = administrator.get("/admin/audit/").text
    for name in (
        "Giá ước tính mỗi tin tính cước (đồng): – → <b>400",
        "Chiến dịch mới gửi từ: – → <b>07:30-17:00",
    ):
        assert name in logged


def test_a_page_that_was_saved_unchanged_sets_nothing(administrator, world):
    """Else hours that are saved in training would switch off the holidays of an office that becomes live."""
    post(administrator, PAGE + "sending", opens="08:00", closes="20:00", periods="")
    post(administrator, PAGE + "budget", price_per_segment_vnd="350")
    assert world.count(OfficeSetting) == 0
