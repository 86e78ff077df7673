"""`setup`: an installation from nothing, interrupted, repeated; and what it refuses."""

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import func, select

from admin.app import create_app
from campaigns.models.campaigns import Sender
from campaigns.models.figures import GoalEntry
from campaigns.planning.drives import current_drive_id
from campaigns.replies.record_answer import AnswerContext
from campaigns.reports.settings import current_template
from outreach.accounts.users import find_user
from outreach.core.db import Database
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import Contact
from tests.integration.admin.test_commands import UNITS, Operator
from tests.support.processes import ROOT
from tests.support.servers import on_sqlite
from tests.support.world import World

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
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


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
        self.keys = AnswerContext(secret_key=self.runtime.settings.secret_key, is_live=False)


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
    with installed.runtime.db.read() as session:
        found = dict(session.execute(select(Contact.name, Contact.area_code)).all())
    # Today's units of Lâm Đồng, of which one has a dash in its name.
    assert found == {"Nguyễn Thị Hoa": "24781", "K' Brêu": "24871", "Trần Văn Nam": "22918"}
    with ZipFile(next((tmp_path / "bao-cao").glob("*.docx"))) as document:
        text = re.sub(r"<[^>]+>", "", document.read("word/document.xml").decode())
    assert "TỈNH LÂM ĐỒNG" in text
    assert "tiêm vắc xin" in text
    assert "Kon Tum" not in text.replace("KON TUM", "Kon Tum")
