"""What stands in deploy/ is read without complaint by the programs that it is for, as far as they are here."""

from __future__ import annotations

import fnmatch
import re
import shutil
from pathlib import Path, PurePosixPath

import pytest

from deploy import VERSION
from deploy.check import CHECKS, Missing
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


def goes_into_the_image(path: str, lines: list[str]) -> bool:
    """Whether Docker takes a file, by its rule: the last pattern that fits the path or a folder above it decides."""
    parts = PurePosixPath(path)
    names = [str(parts), *(str(above) for above in parts.parents if str(above) != ".")]
    is_taken = True
    for line in lines:
        pattern = line.removeprefix("!")
        fits = any(
            fnmatch.fnmatchcase(name, pattern.removeprefix("**/"))
            or (pattern.startswith("**/") and fnmatch.fnmatchcase(name.rsplit("/", 1)[-1], pattern[3:]))
            for name in names
        )
        is_taken = line.startswith("!") if fits else is_taken
    return is_taken


@pytest.mark.parametrize(
    ("path", "is_taken"),
    [
        ("dist/loa-1.0.0-py3-none-any.whl", True),
        ("dist/wheels/flask-3.1.3-py3-none-any.whl", True),
        ("dist/env", False),
        ("admin/app.py", False),
        ("var/env", False),
        ("var/loa.db", False),
        ("var/uploads/danh-sach.xlsx", False),
        (".git/config", False),
        ("deploy/docker/env", False),
        ("deploy/docker/database-password", False),
        ("deploy/docker/redis-users.acl", False),
        ("loa-20261101T021500Z.dump", False),
        ("admin/.env", False),
        ("deploy/tls/privkey.pem", False),
    ],
)
def test_no_secret_and_no_persons_data_go_into_an_image(path: str, is_taken: bool) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert goes_into_the_image(path, [line for line in lines if line and line[0] != "#"]) is is_taken


def test_postgresql_starts_with_the_settings() -> None:
    lines = (DEPLOY / "postgresql" / "loa.conf").read_text().splitlines()
    settings = {
        name.strip(): value.split("#")[0].strip()
        for name, value in (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    }
    # Of the same kind, for a machine of any size.
    smaller = {"shared_buffers": "64MB", "max_connections": "20", "listen_addresses": ""}
    folder = make_folder()
    start_postgres(folder, {**settings, **smaller}).stop()
    shutil.rmtree(folder)


def test_the_example_of_variables_names_known_ones() -> None:
    example = (DEPLOY / "systemd" / "env.example").read_text()
    read = dict(
        line.split("=", 1) for line in example.splitlines() if "=" in line and not line.startswith("#")
    )
    known = {item.name.upper() for item in Settings.__dataclass_fields__.values()}
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) <= known
    secrets = {"SECRET_KEY": "k" * 40, "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}
    assert Settings.from_env({**read, **secrets}).is_live


def test_the_compose_file_has_the_version_and_its_example_names_known_variables() -> None:
    folder = DEPLOY / "docker"
    assert f"LOA_VERSION:-{VERSION}}}" in (folder / "compose.yaml").read_text()
    named = re.findall(r"^#?([A-Z_]+)=", (folder / "env.example").read_text(), re.MULTILINE)
    assert set(named) <= {item.name.upper() for item in Settings.__dataclass_fields__.values()}
