"""The guide `docs/installation.vi.md`: the files that it copies and its `loa` commands as written, in a new database, to the report.

What the operating system does in the guide is not run here; sending runs in this process, against the simulator.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import Result
from sqlalchemy import select

from admin.app import create_app
from campaigns.replies.record_answer import AnswerContext
from outreach.models.contacts import Contact
from outreach.runtime import Runtime
from simulator.testing import RunningSimulator
from tests.integration.admin.test_commands import Operator
from tests.support.processes import ROOT
from tests.support.servers import on_sqlite
from tests.support.world import World

database_url = on_sqlite

GUIDE = (ROOT / "docs" / "installation.vi.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL))
FILES = [ROOT / "docs" / path for path in re.findall(r"/srv/loa/source/docs/(\S+)", BLOCKS)]
COMMANDS = re.findall(r"^sudo loa (.+)$", BLOCKS, re.MULTILINE)


class Installed(World):
    """The installation that the guide makes; nothing is in it beforehand."""

    def __post_init__(self) -> None:
        self.keys = AnswerContext(secret_key=self.runtime.settings.secret_key, is_live=False)


@pytest.fixture
def installed(runtime: Runtime, simulator: RunningSimulator) -> Installed:
    return Installed(runtime, simulator)


def run(installed: Installed, folder: Path) -> Iterator[tuple[str, Result]]:
    """Write the guide's files into a folder and run its commands there, one by one."""
    operator = Operator(create_app(installed.runtime.settings, runtime=installed.runtime).test_cli_runner())
    for path in FILES:
        shutil.copy(path, folder)
    today = f"{installed.now:%Y-%m-%d}"
    for command in COMMANDS:
        words = shlex.split(command.replace("$(date +%F)", today))
        words = [str(folder / Path(word).name) if word.startswith("/") else word for word in words]
        yield command, operator.types(*words)


def test_an_installation_from_nothing_to_the_first_report(installed: Installed, tmp_path: Path) -> None:
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
