"""The commands as an operator types them: what comes out, what is said when it cannot be done, and with which status."""

import json
import os
import pty
import re
import socket
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from queue import Queue

import pytest
from sqlalchemy import select, text

from admin.demo.load_demo import load_demo
from campaigns.models.campaigns import Campaign
from campaigns.rules.replies.labels import Label
from outreach.models.accounts import AuditEvent, Role, User
from outreach.models.contacts import (
    ColumnMapping,
    Contact,
    ContactList,
    DoNotCallFile,
    LegalBasis,
    ListImport,
    RegisterState,
)
from outreach.rules.errors import BadInput
from outreach.rules.list_columns import PHONE, Header
from tests.support.list_files import write_xlsx
from tests.support.processes import ROOT
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, LIST, TEXT, number

SAMPLE = ROOT / "tests" / "data" / "contacts_sample.csv"
UNITS = ROOT / "outreach" / "places" / "kontum_units.csv"
CAMPAIGN = f'name = "Bluezone"\ntext = "{TEXT}"\nlists = ["{LIST}"]\nsender = "MTTQ"\n'
# Neither a database nor a Redis is to be had here.
NOWHERE = {"DATABASE_URL": "postgresql://loa@127.0.0.1:1/loa", "REDIS_URL": "redis://127.0.0.1:1/0"}
one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Operator:
    """Somebody at a terminal."""

    def __init__(self, runner):
        self.runner = runner

    def types(self, *arguments, stdin=""):
        return self.runner.invoke(args=[str(argument) for argument in arguments], input=stdin)

    def gets(self, *arguments, stdin=""):
        """The JSON of a command that succeeds."""
        done = self.types(*arguments, "--json", stdin=stdin)
        assert done.exit_code == 0, done.stderr
        assert done.stdout.count("\n") == 1
        return json.loads(done.stdout)

    def is_told(self, *arguments, stdin="", status=1):
        """What a command that fails says, on standard error alone and without a stack."""
        done = self.types(*arguments, stdin=stdin)
        assert done.exit_code == status, (done.stdout, done.stderr, done.exception)
        assert isinstance(done.exception, SystemExit)
        assert done.stdout == ""
        assert done.stderr.startswith("Lỗi: ")
        return done.stderr


@pytest.fixture
def operator(world):
    app = world.app()
    return Operator(app.test_cli_runner())


def write(folder, content, name="chien-dich.toml"):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def run(*arguments, stdin=b"", **environment):
    """A command in a process of its own, where there is neither a database nor a Redis."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
        cwd=ROOT,
        env={**os.environ, **NOWHERE, **environment},
        input=stdin,
        capture_output=True,
    )


def recorded(world, action):
    """Return the audit actions of a kind."""
    events = world.audited(action)
    return [(event.subject, event.details) for event in events]


# -- campaigns


def test_a_campaign_goes_its_way_by_command(operator, world, tmp_path):
    world.add_people(3)
    made = operator.gets("campaigns", "create", write(tmp_path, CAMPAIGN), "--as", AUTHOR)
    campaign = made["id"]
    assert made["state"] == "draft"
    for action, email, state in (
        ("submit", AUTHOR, "submitted"),
        ("approve", APPROVER, "approved"),
        ("launch", AUTHOR, "sending"),
        ("pause", AUTHOR, "paused"),
        ("resume", AUTHOR, "sending"),
    ):
        assert operator.gets("campaigns", action, campaign, "--as", email)["state"] == state
    world.sweep()
    status = operator.gets("campaigns", "status", campaign)
    assert status["id"] == campaign
    assert (status["recipients"], status["excluded"]) == (3, {})
    assert status["steps"] == [{"step": 1, "messages": {"queued": 3}, "skipped": {}}]
    assert operator.gets("campaigns", "cancel", campaign, "--as", AUTHOR)["state"] == "cancelled"
    status = operator.gets("campaigns", "status", campaign)
    assert status["steps"] == [{"step": 1, "messages": {"cancelled": 3}, "skipped": {}}]
    told = operator.types("campaigns", "status", campaign).stdout
    assert "đã hủy" in told
    assert "cancelled" not in told


@one_database
def test_a_text_that_people_have_just_had_is_said_before_it_is_sent_again_and_after(
    operator, world, tmp_path
):
    world.add_people(3)
    for said, again in (("", 0), ("3 người đã nhận đúng nội dung này", 3)):
        made = operator.gets("campaigns", "create", write(tmp_path, CAMPAIGN), "--as", AUTHOR)["id"]
        for action, email in (("submit", AUTHOR), ("approve", APPROVER), ("launch", AUTHOR)):
            ran = operator.types("campaigns", action, made, "--as", email, "--json")
            assert json.loads(ran.stdout)["repeated"] == again
            assert said in ran.stderr
            assert ("Không có ai nhận tin." in ran.stderr) is bool(again)
        world.sweep()
        world.send()
    told = operator.types("campaigns", "status", made).stdout
    assert "Bước 1, bỏ qua vì: Đã nhận tin cùng nội dung trong 24 giờ 3" in told


@one_database
def test_a_campaign_that_reaches_nobody_is_said_before_each_step_with_the_reasons(operator, world, tmp_path):
    world.add_people(2)
    for n in range(2):
        assert world.reply(number(n), "TC", gateway_id=f"stop-{n}")
    made = operator.gets("campaigns", "create", write(tmp_path, CAMPAIGN), "--as", AUTHOR)["id"]
    for action, email in (("submit", AUTHOR), ("approve", APPROVER), ("launch", AUTHOR)):
        ran = operator.types("campaigns", action, made, "--as", email, "--json")
        told = json.loads(ran.stdout)
        assert (told["recipients"], told["excluded"]) == (0, {"opted_out": 2})
        assert "Không có ai nhận tin." in ran.stderr
        assert "Không gửi cho: Đã từ chối nhận tin 2" in ran.stderr


@one_database
def test_status_names_a_campaigns_own_answers_as_residents_read_them(operator, world):
    world.add_people(3)
    text = "Ong/ba co den hop duoc khong? Tra loi: 1 toi se den, 2 toi khong den duoc, TC tu choi"
    campaign = world.launch(kind="moi-du", name="Mời họp", text=text, window=["00:00", "24:00"])
    world.answers(campaign, {0: Label.NOT_YET, 1: Label.NO_SMARTPHONE, 2: Label.REFUSE}, own={0: 1, 1: 2})
    told = operator.types("campaigns", "status", campaign).stdout
    assert "Trả lời: Tôi sẽ đến 1, Tôi không đến được 1, Không đồng ý 1" in told


@one_database
def test_what_a_campaign_may_not_do_is_said(operator, world, tmp_path):
    campaign = operator.gets("campaigns", "create", write(tmp_path, CAMPAIGN), "--as", AUTHOR)["id"]
    assert "không thể làm việc này" in operator.is_told("campaigns", "launch", campaign, "--as", AUTHOR)
    operator.gets("campaigns", "submit", campaign, "--as", AUTHOR)
    assert "quyền" in operator.is_told("campaigns", "approve", campaign, "--as", AUTHOR)
    stranger = "ai-do@loa.example"
    assert "Không có người dùng" in operator.is_told("campaigns", "submit", campaign, "--as", stranger)
    assert "Không có chiến dịch số 999" in operator.is_told("campaigns", "status", 999)
    assert "Không có chiến dịch số 999" in operator.is_told("campaigns", "pause", 999, "--as", AUTHOR)
    assert operator.gets("campaigns", "status", campaign)["state"] == "submitted"


# What the file itself is wrong in, and what is not there; each field's own faults: tests/unit/campaigns/test_draft.py.
BAD_CAMPAIGNS = {
    "no TOML": ("name = ", "không đúng dạng TOML"),
    "not UTF-8": (b'name = "\xff\xfe"', "không phải văn bản UTF-8"),
    "nested without end": ("a = " + "[" * 100_000, "không đúng dạng TOML"),
    "empty": ("", "thiếu mục “name”"),
    "unknown field of the text": (CAMPAIGN.replace("{name}", "{ten}"), "{ten}"),
    "unknown list": (CAMPAIGN.replace(LIST, "Tổ 99"), "Không có danh sách “Tổ 99”"),
    "unknown area": (CAMPAIGN + 'areas = ["99999"]', "Không có mã địa bàn 99999"),
    "a moment before all time zones": (CAMPAIGN + "starts_at = 0001-01-01T00:00:00", "starts_at"),
}


@one_database
def test_a_bad_campaign_is_refused_with_what_is_wrong(operator, world, tmp_path):
    for name, (content, said) in BAD_CAMPAIGNS.items():
        path = write(tmp_path, content)
        assert said in operator.is_told("campaigns", "create", path, "--as", AUTHOR), name
    assert world.count(Campaign) == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_a_database_cannot_hold_is_refused(operator, world, tmp_path):
    for content in (CAMPAIGN + "cap_per_day = 99999999999999999999", CAMPAIGN + "budget_vnd = 3000000000"):
        operator.is_told("campaigns", "create", write(tmp_path, content), "--as", AUTHOR)
    assert world.count(Campaign) == 0
    unseen = write(tmp_path, CAMPAIGN.replace('"Bluezone"', r'"Blue\u0000\u0001z\u202eone"'))
    operator.gets("campaigns", "create", unseen, "--as", AUTHOR)
    assert world.all(select(Campaign.name)) == ["Bluezone"]


# -- organisations and users


def test_a_handover_names_what_there_is_and_what_is_missing_and_no_secret(operator, world):
    world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    told = operator.gets("handover")
    assert told["administrators"] == [{"email": "quantri@loa.example", "second_factor": False}]
    assert told["audit_head"].partition(":")[0].isdecimal()
    assert (told["officers_phones"], told["open_links"]) == ([], {"agencies": 0, "reports": 0})
    assert "quantri@loa.example chưa bật xác thực hai lớp: trang Tài khoản." in told["missing"]
    assert any("Chỉ có một người quản trị" in each for each in told["missing"])
    assert world.runtime.settings.secret_key not in str(told)


def test_organisations_and_users_are_created_once(operator, world):
    made = operator.gets("organisations", "create", "PN", "Hội Phụ nữ", "--parent", "MTTQ")
    assert made["code"] == "PN"
    assert "đã có" in operator.is_told("organisations", "create", "PN", "Hội Phụ nữ")
    who = ("--role", "staff", "--organisation", "PN", "--name", "Y Hlan")
    user = ("users", "create", "Moi@loa.example", *who)
    assert operator.gets(*user, "--password-stdin", stdin="mật khẩu dài\n")["email"] == "moi@loa.example"
    assert "đã có tài khoản" in operator.is_told(*user, "--password-stdin", stdin="mật khẩu dài\n")
    recorded = world.all(select(AuditEvent.action))
    assert world.user("moi@loa.example").name == "Y Hlan"
    assert recorded.count("organisation.create") == recorded.count("user.create") == 1


@one_database
def test_audit_verify_says_where_the_chain_ends_and_names_the_first_break(operator, world):
    operator.types("organisations", "create", "A", "Hội A")
    operator.types("organisations", "create", "B", "Hội B")
    whole = operator.gets("audit", "verify")
    assert (whole["entries"], whole["emptied"]) == (int(whole["head"].split(":")[0]), 0)
    assert operator.gets("audit", "verify", "--anchor", whole["head"]) == {**whole, "compared": 1}
    for anchor in ("1:abc", f"{'9' * 5000}:{'a' * 64}"):
        assert "Mốc" in operator.is_told("audit", "verify", "--anchor", anchor)
    last = whole["entries"]
    assert world.get_one(AuditEvent, last).origin == "command"
    world.execute(text(f"UPDATE audit_events SET actor_id = 1 WHERE id = {last}"))
    assert f"số {last}, đã bị sửa" in operator.is_told("audit", "verify")


@one_database
def test_a_user_that_cannot_be_is_refused(operator, world):
    before = world.count(User)
    create = ("users", "create", "moi@loa.example", "--role", "staff", "--password-stdin")
    assert "ít nhất 12 ký tự" in operator.is_told(*create, stdin="ngắn\n")
    assert "ít nhất 12 ký tự" in operator.is_told(*create, stdin="")
    assert "UTF-8" in operator.is_told(*create, stdin=b"m\xe2t kh\xff\xffu d\xe0i\n")
    assert "Không có tổ chức mã XX" in operator.is_told(*create, "--organisation", "XX", stdin="mật khẩu dài")
    assert "Không có địa bàn này" in operator.is_told(*create, "--area", "99", stdin="mật khẩu dài")
    no_address = ("users", "create", "moi", "--role", "staff", "--password-stdin")
    assert "thư điện tử" in operator.is_told(*no_address, stdin="mật khẩu dài")
    assert world.count(User) == before


# -- what is typed wrongly


@one_database
@cases(
    ("campaigns status", "Thiếu ID"),
    ("campaigns status abc", "ID không đúng. Phải là số nguyên"),
    ("campaigns status 99999999999999999999", "ID không đúng"),
    ("campaigns status 0", "ID không đúng"),
    ("campaigns launch 1", "Thiếu --as"),
    ("campaigns status 1 --xml", "Không có tùy chọn --xml"),
    ("campaigns send 1", "Không có lệnh send"),
    ("campaigns status 1 2", "Lệnh không đúng"),
    (
        "reports daily --date 20/8/2020 --out x",
        "--date không đúng. Phải là một ngày, viết năm-tháng-ngày như 2020-08-20.",
    ),
    ("reports status --date 2020-02-30", "như 2020-08-20."),
    ("campaigns create khong-co.toml --as a@loa.example", "Không có tệp này"),
    ("users create a@loa.example --role king --password-stdin", "Chọn một trong: administrator, staff"),
    ("users create a@loa.example --role staff", "Thiếu --password-stdin"),
    ("contacts import tests --list A --organisation B", "tests là thư mục. Hãy chọn một tệp."),
    ("backup create pyproject.toml", "pyproject.toml là tệp. Hãy chọn một thư mục."),
    ("contacts undo 99999999999999999999", "IMPORT không đúng. Phải là số nguyên từ 1"),
    ("reports daily --date 0001-01-01 --out x", "--date không đúng"),
    ("reports status --date 9999-12-31", "--date không đúng"),
    ("demo load --contacts 0", "--contacts không đúng"),
)
def test_what_is_typed_wrongly_is_explained_in_vietnamese(operator, typed, said):
    assert said in operator.is_told(*typed.split(), status=2)


@one_database
def test_a_file_without_the_right_to_it_is_told_from_one_that_is_missing(operator, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_args: False)
    told = operator.is_told("contacts", "check", SAMPLE, "--out", "x.csv", status=2)
    assert "Không có quyền đọc hoặc ghi" in told
    assert "contacts_sample.csv" in told


@one_database
def test_an_address_at_which_the_web_cannot_listen_is_refused_before_anything_starts(operator):
    assert "Không mở được địa chỉ abc:1" in operator.is_told("serve", "--bind", "abc:1")
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        assert f"Ở {taken} đã có chương trình khác" in operator.is_told("serve", "--bind", taken)


def test_a_database_without_tables_is_told_from_one_that_is_away(tmp_path):
    empty = run("campaigns", "status", "1", DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")
    away = run("campaigns", "status", "1")
    assert (empty.returncode, away.returncode) == (1, 1)
    assert "chưa có bảng" in empty.stderr.decode()
    assert "máy chủ cơ sở dữ liệu có đang chạy" in away.stderr.decode()


@one_database
def test_a_backup_for_which_the_disk_has_no_room_is_told_so(operator, tmp_path, monkeypatch):
    def full(*_args, **_more):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("outreach.backups.backups._copy", full)
    assert "đĩa đã đầy" in operator.is_told("backup", "create", tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


@one_database
def test_a_queue_that_there_is_not_is_named_and_a_picture_holds_no_variables(operator):
    assert "Không có hàng đợi gui" in operator.is_told("worker", "--queues", "gui")
    rotate = ("keys", "rotate", "sessions", "--file", ROOT / "docs/pictures/home.png")
    assert "home.png không phải văn bản UTF-8" in operator.is_told(*rotate)


# -- lists


@both_databases
def test_a_list_comes_in_and_a_second_time_changes_nothing(operator, world, tmp_path):
    operator.gets("areas", "load", UNITS)
    errors = tmp_path / "loi.csv"
    command = ("contacts", "import", SAMPLE, "--list", "Tổ 1", "--organisation", "MTTQ")
    first = operator.gets(*command, "--errors", errors)
    assert first.pop("import") == 1
    assert first.pop("for_visits") == first["rejected"]  # every one of them has a name
    assert list(first) == ["rows", "created", "updated", "merged", "unchanged", "review", "rejected"]
    assert first["rows"] == 110 == sum(first.values()) - first["rows"]
    assert len(errors.read_text("utf-8-sig").splitlines()) == 1 + first["review"] + first["rejected"]
    left_out = {"rows": first["review"] + first["rejected"]}
    assert recorded(world, "import.see_errors") == [("list_imports:1", left_out)]
    again = operator.gets(*command)
    assert (again["created"], again["updated"], again["merged"]) == (0, 0, 0)


@one_database
def test_an_import_by_command_knows_the_columns_that_officers_named_and_is_taken_back(
    operator, world, tmp_path
):
    path = write(tmp_path, "Ho ten,Di dong\nA Thun,0905000123\nY Hlan,0905000124\n", "a.csv")
    owner, signature = world.organisation_id(), Header(("Ho ten", "Di dong"), 1).signature
    columns = {"0": "village", "1": PHONE}
    world.add(ColumnMapping(organisation_id=owner, signature=signature, columns=columns))
    bring = operator.gets("contacts", "import", path, "--list", "A", "--organisation", "MTTQ")
    assert bring["created"] == 2
    assert world.all(select(Contact.village).order_by(Contact.id)) == ["A Thun", "Y Hlan"]
    assert operator.gets("contacts", "undo", bring["import"]) == {"import": bring["import"], "people": 2}
    assert world.count(Contact) == 0
    assert "đã được hoàn tác" in operator.is_told("contacts", "undo", bring["import"])
    assert "Không có lần nhập số 99" in operator.is_told("contacts", "undo", 99)


@one_database
def test_the_register_is_replaced_and_a_list_is_given_its_basis(operator, world, tmp_path):
    world.add_people(2, first=1)
    file = write(tmp_path, "0900000001\n0900000009\n", "dnc.csv")
    assert operator.gets("contacts", "do-not-call", file) == {
        "rows": 2, "numbers": 2, "other": 0, "unread": 0, "added": 2, "removed": 0, "people": 1,
        "skipped": [],
    }  # fmt: skip
    part = write(tmp_path, "0900000001\n", "part.csv")
    assert "thiếu 1 trong 2 số" in operator.is_told("contacts", "do-not-call", part)
    assert operator.gets("contacts", "do-not-call", "--shrink", part)["removed"] == 1
    empty = write(tmp_path, "Ho ten\nA\n", "none.csv")
    assert "không có cột nào chứa số di động" in operator.is_told("contacts", "do-not-call", empty)
    bring = ("contacts", "import", SAMPLE, "--list", "Tổ 1", "--organisation", "MTTQ", "--basis", "duty")
    assert "phải ghi số văn bản" in operator.is_told(*bring)
    operator.gets(*bring, "--basis-note", "CV 12")
    made = world.one(select(ContactList).where(ContactList.name == "Tổ 1"))
    replaced = select(DoNotCallFile.counts).where(DoNotCallFile.state == RegisterState.DONE)
    assert [each["removed"] for each in world.all(replaced)] == [0, 1]
    assert (made.basis, made.basis_note) == (LegalBasis.DUTY, "CV 12")
    assert recorded(world, "list.basis") == [(f"contact_lists:{made.id}", {"basis": "duty"})]


def bad_lists(folder):
    """Each kind of file that is none: tests/unit/outreach/test_list_reader.py."""
    workbook = write_xlsx(folder / "g0.xlsx", {"A": [["SĐT"]]}).read_bytes()
    return {
        "no phone column": (write(folder, "STT,Họ và tên\n1,A Thun\n2,Y Blưm\n", "a.csv"), "điện thoại"),
        "bytes": (write(folder, bytes(range(256)) * 9, "c.xlsx"), "c.xlsx"),
        "an unknown kind": (write(folder, "STT,Họ và tên,SĐT\n", "e.doc"), ".doc"),
        "a broken workbook": (write(folder, workbook[:400], "g.xlsx"), "hỏng"),
    }


@one_database
def test_a_file_that_is_no_list_is_refused_and_nothing_is_stored(operator, world, tmp_path):
    before = world.count(ContactList)
    out = tmp_path / "ket-qua.csv"
    for name, (path, said) in bad_lists(tmp_path).items():
        told = operator.is_told("contacts", "import", path, "--list", "Mới", "--organisation", "MTTQ")
        assert said in told, name
        assert operator.is_told("contacts", "check", path, "--out", out) == told, name
        assert not out.exists(), name
    unknown = ("contacts", "import", SAMPLE, "--list", "Mới", "--organisation", "XX")
    assert "Không có tổ chức mã XX" in operator.is_told(*unknown)
    assert (world.count(ContactList), world.count(ListImport), world.count(Contact)) == (before, 0, 0)


@one_database
def test_a_result_never_takes_the_place_of_the_list(operator, world, tmp_path):
    path = write(tmp_path, SAMPLE.read_bytes(), "danh-sach.csv")
    assert "trùng với tệp danh sách" in operator.is_told("contacts", "check", path, "--out", path)
    bring = ("contacts", "import", path, "--list", "A", "--organisation", "MTTQ", "--errors", path)
    assert "trùng với tệp danh sách" in operator.is_told(*bring)
    assert path.read_bytes() == SAMPLE.read_bytes()
    elsewhere = tmp_path / "khong-co" / "ket-qua.csv"
    assert "không có thư mục này" in operator.is_told("contacts", "check", path, "--out", elsewhere)


def test_a_check_needs_no_database(tmp_path):
    out = tmp_path / "ket-qua.csv"
    done = run("contacts", "check", str(SAMPLE), "--out", str(out), "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    counts = json.loads(done.stdout)
    assert counts["rows"] == 110 == counts["ok"] + counts["review"] + counts["reject"]
    lines = out.read_text("utf-8-sig").splitlines()
    assert lines[0] == "row,stt,status,e164,reason,warnings,commune_code"
    assert len(lines) == 111


# -- the database


@both_databases
def test_the_database_is_brought_up_to_date_any_number_of_times(operator, world):
    for _ in range(2):
        assert operator.types("db", "upgrade").exit_code == 0
    assert operator.gets("db", "upgrade") == {"status": "current"}
    current = world.scalar(text("SELECT version_num FROM alembic_version"))
    world.execute(text("UPDATE alembic_version SET version_num = '9999_later'"))
    try:
        assert "phiên bản Loa khác" in operator.is_told("db", "upgrade")
    finally:  # the tests that follow share the database
        world.execute(text(f"UPDATE alembic_version SET version_num = '{current}'"))


@one_database
def test_areas_that_are_no_list_of_communes_are_refused(operator, world, tmp_path):
    assert operator.gets("areas", "load", UNITS) == {"communes": 102}
    assert operator.gets("areas", "load", UNITS) == {"communes": 102}
    assert "thiếu cột" in operator.is_told("areas", "load", write(tmp_path, "a,b\n1,2\n", "a.csv"))
    assert "UTF-8" in operator.is_told("areas", "load", write(tmp_path, b"\xff\xfe\xff", "b.csv"))
    header = UNITS.read_text("utf-8-sig").splitlines()[0]
    assert "không có dòng nào" in operator.is_told("areas", "load", write(tmp_path, header + "\n", "c.csv"))
    assert recorded(world, "areas.load") == [("areas:all", {"communes": 102})] * 2


@one_database
def test_a_log_of_replies_is_on_record_with_what_it_brought(operator, world, tmp_path):
    log = write(tmp_path, "from;text\n0905000123;TC\n0905000124;TC\n", "log.csv")
    for _ in range(2):
        assert operator.gets("replies", "import", log)["rows"] == 2
    said = [("replies:all", {"rows": 2, "new": new}) for new in (2, 0)]
    assert recorded(world, "reply.import") == said


def test_demo_data_come_into_an_empty_database_only(operator, world):
    before = world.count(User)
    operator.is_told("demo", "load", "--contacts", 10)
    settings = replace(world.runtime.settings, app_env="production")
    with pytest.raises(BadInput, match="demo_in_production"):
        load_demo(replace(world.runtime, settings=settings), contacts=10, now=world.now)
    assert world.count(User) == before


# -- texts, line by line


class Conversation:
    """A command whose standard input stays open: a line in, the answer out, then the next."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=ROOT,
            env={**os.environ, **NOWHERE},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.lines = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def say(self, line):
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        return self.lines.get(timeout=60).decode().removesuffix("\n")

    def end(self):
        _, words = self.process.communicate(timeout=60)
        return self.process.returncode, words.decode()


def test_replies_are_classified_one_by_one_as_they_come():
    talk = Conversation("replies", "classify")
    assert talk.say("đã cài rồi".encode()).split("\t")[0] == "installed"
    assert talk.say(b"").split("\t")[0] == "unclear"
    assert talk.say(b"TC").split("\t")[0] == "opt_out"
    for odd in (b"\xff\xfe\xfd", b"da cai\rroi", b"\0", b"x" * 100_000, "\u2028a\x85b\x0bc".encode()):
        label, confidence, acts, urgent = talk.say(odd).split("\t")
        assert label
        assert 0 <= float(confidence) <= 1
        assert (acts in ("automatic", "person", "held"), urgent) == (True, "")
    assert talk.say("nước lên tới cổ rồi, cứu với".encode()).split("\t")[2:] == ["person", "urgent"]
    assert talk.end() == (0, "")


def test_texts_are_measured_one_by_one_as_they_come():
    talk = Conversation("sms", "measure")
    assert json.loads(talk.say(b'"Xin chao"')) == {
        "encoding": "GSM-7",
        "units": 8,
        "segments": 1,
        "text": "Xin chao",
    }
    assert json.loads(talk.say('"Xin chào ông bà"'.encode()))["encoding"] == "UCS-2"
    assert json.loads(talk.say(rb'"a\nb \ud800"'))["text"] == "a\nb \ufffd"
    assert json.loads(talk.say(b'""'))["text"] == ""
    assert talk.process.stdin is not None
    talk.process.stdin.write(b"khong phai JSON\n")
    status, words = talk.end()
    assert status == 1
    assert words.startswith("Lỗi: Dòng 5 không phải một chuỗi JSON")


def test_vietnamese_comes_out_whatever_the_machine_s_language_is():
    plain = {
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "",
    }
    done = run("sms", "measure", stdin='"Đắk Glei"\n'.encode(), **plain)
    assert json.loads(done.stdout.decode("utf-8"))["text"] == "Đắk Glei"
    failed = run("sms", "measure", stdin=b"1\n", **plain)
    assert "Dòng 1 không phải một chuỗi JSON" in failed.stderr.decode("utf-8")


# -- settings


@one_database
def test_a_command_speaks_the_language_that_it_is_told(operator, world, monkeypatch):
    unknown = ("campaigns", "status", 999)
    assert operator.is_told(*unknown) == "Lỗi: Không có chiến dịch số 999.\n"
    assert operator.types(*unknown, "--lang", "en").stderr == "Error: There is no campaign 999.\n"
    missing = operator.types("campaigns", "status", "--lang", "en")
    assert missing.stderr.startswith("Error: ID is missing. See: ")
    current = operator.types("db", "upgrade", "--lang", "en")
    assert current.stdout.startswith("The database has the newest version: ")
    monkeypatch.delenv("LOA_LANG")
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for locale, said in (("", "Lỗi"), ("C.UTF-8", "Lỗi"), ("vi_VN", "Lỗi"), ("en_US.UTF-8", "Error")):
        monkeypatch.setenv("LANG", locale)
        assert operator.types(*unknown).stderr.startswith(f"{said}: ")
    monkeypatch.setenv("LOA_LANG", "vi")
    assert operator.types(*unknown).stderr.startswith("Lỗi: ")


def test_bad_settings_are_all_said_at_once_without_a_stack():
    done = run("campaigns", "status", "1", APP_ENV="production", SECRET_KEY="short", SWEEP_S="often")
    said = done.stderr.decode()
    assert done.returncode != 0
    assert "SECRET_KEY" in said
    assert "SWEEP_S" in said
    assert "Traceback" not in said


@one_database
def test_places_are_recognised_line_by_line(operator):
    lines = "Xã Đăk Hà, Tỉnh Quảng Ngãi\r\nxã Đăk Hà\n\nLý Sơn"
    done = operator.types("areas", "match", "--province", "51", "--on", "2026-01-01", stdin=lines)
    assert done.stdout.splitlines() == ["23500", "ambiguous:23425/23500", "", "21548"]
    done = operator.types("areas", "match", "--province", "62", "--on", "2020-08-20", stdin="Dak Long\n")
    assert done.stdout == "ambiguous:23368/23504\n"
    assert "mã 999" in operator.is_told("areas", "match", "--province", "999")


@one_database
def test_a_list_is_checked_in_the_places_of_a_province_and_day(operator, tmp_path):
    file = write(tmp_path, "Họ và tên,Xã,SĐT\nA Lâu,Đăk Hring,0905000123\n", "list.csv")
    out = tmp_path / "out.csv"
    operator.gets("contacts", "check", file, "--out", out, "--province", "51", "--on", "2026-01-01")
    assert out.read_text("utf-8").splitlines()[1].endswith(",23512")
    operator.gets("contacts", "check", file, "--out", out)
    assert out.read_text("utf-8").splitlines()[1].endswith(",23506")


def test_in_a_terminal_a_long_command_says_how_far_it_is_and_clears_the_line(tmp_path):
    """With a pseudo-terminal as standard error; elsewhere nothing of it is written."""
    terminal, end = pty.openpty()
    run = "from admin.cli import base; base.PROGRESS_AFTER_S = 0; from wsgi import app; app.cli.main(prog_name='loa')"
    check = ["contacts", "check", SAMPLE, "--out", tmp_path / "out.csv"]
    for error, more in ((end, ["--json"]), (end, []), (subprocess.PIPE, [])):
        done = subprocess.run(
            [sys.executable, "-c", run, *map(str, check), *more],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=error,
            check=True,
        )
    shown = os.read(terminal, 4096).decode()
    assert re.match(r"\rĐang làm: (\d+ dòng, )?0 giây", shown)
    assert shown.endswith("\r\033[K")
    assert shown.count("\033[K") == 1  # with --json nothing was shown
    assert done.stderr == b""
