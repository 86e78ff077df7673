"""What stands in deploy/ is read without complaint by the programs that it is for, as far as they are here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.check import CHECKS, Missing
from outreach.core.job_queue import QUEUES
from outreach.core.settings import Settings
from tests.project.test_layout import ROOT
from tests.support.servers import make_folder, start_postgres

DEPLOY = ROOT / "deploy"


@pytest.mark.parametrize("name", CHECKS)
def test_its_own_program_takes_the_file(name: str, tmp_path: Path) -> None:
    try:
        CHECKS[name](tmp_path)
    except Missing as missing:
        pytest.skip(f"not checked on this machine: {missing}")


def test_postgresql_starts_with_the_settings() -> None:
    lines = (DEPLOY / "postgresql" / "loa.conf").read_text().splitlines()
    settings = {
        name.strip(): value.split("#")[0].strip()
        for name, value in (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    }
    # Of the same kind, for a machine of any size.
    smaller = {"shared_buffers": "64MB", "max_connections": "20", "listen_addresses": ""}
    start_postgres(make_folder(), {**settings, **smaller}).stop()


def test_the_example_of_variables_names_known_ones_and_every_queue_has_its_worker() -> None:
    example = (DEPLOY / "systemd" / "env.example").read_text()
    read = dict(
        line.split("=", 1) for line in example.splitlines() if "=" in line and not line.startswith("#")
    )
    known = {item.name.upper() for item in Settings.__dataclass_fields__.values()}
    assert set(read) <= known
    secrets = {"SECRET_KEY": "k" * 40, "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}
    assert Settings.from_env({**read, **secrets}).is_live
    compose = (DEPLOY / "docker" / "compose.yaml").read_text()
    assert set(re.findall(r"--queues (\w+)", compose)) == set(QUEUES)
