"""A release: one version, the changelog begins with it, and its wheel asks for what was tested."""

import os
import re
import runpy
import subprocess
import sys
from types import SimpleNamespace

import pytest

from deploy import VERSION, upgrade
from deploy.command import NotSetUp, find_settings, read_variables
from tests.project.test_layout import ROOT
from tests.support.tables import cases


def test_the_changelog_begins_with_the_version():
    releases = re.findall(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert releases[0] == VERSION
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_both_guides_type_the_same():
    vietnamese, english = (
        re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.M | re.S)
        for name in ("installation.vi.md", "installation.md")
    )
    assert [block.replace("ĐỊA_CHỈ_KHO_MÃ", "REPOSITORY") for block in vietnamese] == english


@cases("docs/installation.vi.md", "docs/installation.md", "deploy/docker/compose.yaml")
def test_what_is_typed_at_an_installation_names_the_version(path):
    named = re.findall(
        r"(?:releases/|LOA_VERSION:-)(\d+\.\d+\.\d+)", (ROOT / path).read_text(encoding="utf-8")
    )
    assert set(named) == {VERSION}


def test_the_wheel_asks_for_the_pinned_version_of_every_package(monkeypatch):
    asked = {}
    # Python 3.12 and later bring none.
    setuptools = SimpleNamespace(setup=lambda **options: asked.update(options))
    monkeypatch.setitem(sys.modules, "setuptools", setuptools)
    runpy.run_path(str(ROOT / "setup.py"))
    locked = re.findall(r"^([A-Za-z0-9].*?) *\\?$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert asked["install_requires"] == locked
    assert any(line.startswith("flask==") for line in locked)


def test_variables_are_read_as_systemd_reads_them():
    lines = '# comment\nAPP_ENV="production"\n\nDATABASE_URL=postgresql://loa@/loa?host=/run\nSECRET_KEY=\n'
    assert read_variables(lines) == {
        "APP_ENV": "production",
        "DATABASE_URL": "postgresql://loa@/loa?host=/run",
        "SECRET_KEY": "",
    }


@cases(
    ("DATABASE_URL=postgresql:///loa", {}, "db upgrade", False),
    ("DATABASE_URL=sqlite:////var/lib/loa/loa.db", {}, "db upgrade", False),  # chosen by its name
    ("SECRET_KEY=k", {}, "db upgrade", True),
    ("DATABASE_URL=", {}, "setup --from loa.toml", True),
    ("SECRET_KEY=k", {"DATABASE_URL": "postgresql:///loa"}, "db upgrade", False),
    (None, {"DATABASE_URL": "postgresql:///loa"}, "db upgrade", True),  # a file that was named must be there
    (None, {}, "sms measure", False),
    (None, {}, "contacts check list.csv --out out.csv", False),
    (None, {}, "contacts import list.csv", True),
    (None, {}, "--help", False),
    (None, {}, "contacts import --help", False),
)
def test_loa_does_nothing_without_the_settings_of_an_installation(
    tmp_path, file, environment, command, is_refused
):
    path = tmp_path / "env"
    if file is not None:
        path.write_text(file)
    given = {**environment, "LOA_ENV_FILE": str(path)}
    if is_refused:
        with pytest.raises(NotSetUp, match=r"DATABASE_URL|installation\.vi\.md"):
            find_settings(given, command.split())
    else:
        assert find_settings(given, command.split()).get("APP_ENV", "production") == "production"


def test_a_container_has_its_settings_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setattr("deploy.command.ENV_FILE", tmp_path / "missing")
    assert find_settings({"DATABASE_URL": "postgresql:///loa"}, ["run"])["DATABASE_URL"]
    with pytest.raises(NotSetUp):
        find_settings({}, ["run"])


def test_loa_of_a_clone_says_what_is_missing(tmp_path):
    variables = {"PATH": os.environ["PATH"], "LOA_ENV_FILE": str(tmp_path / "missing")}
    told = subprocess.run([ROOT / "deploy" / "loa", "setup"], env=variables, capture_output=True, text=True)
    assert told.returncode == 1
    assert "installation.vi.md" in told.stderr
    version = [sys.executable, "-m", "deploy.command", "--version"]
    assert subprocess.run(version, cwd=ROOT, capture_output=True, text=True).stdout == f"Loa {VERSION}\n"


@cases(
    ("deploy.upgrade", "--foo", "không có tham số hay tùy chọn --foo"),
    ("deploy.upgrade", "--from", "--from: cần một giá trị"),
    ("admin", "--foo", "Không có tùy chọn '--foo'"),
    ("admin", "serve --bind", "Tùy chọn '--bind' cần 1 giá trị"),
)
def test_a_command_that_was_mistyped_is_told_so_in_the_language_of_the_terminal(
    tmp_path, module, words, said
):
    variables = {**os.environ, "LOA_LANG": "vi", "DATABASE_URL": f"sqlite:///{tmp_path}/loa.db"}
    typed = [sys.executable, "-m", module, *words.split()]
    told = subprocess.run(typed, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert told.returncode == 2
    assert said in told.stderr
    assert "usage" not in told.stderr.lower()
    assert "error" not in told.stderr.lower()


def test_ctrl_c_while_a_command_loads_shows_no_stack():
    stopped = """
import runpy, sys
class Stop:
    def find_spec(self, name, *_more):
        if name == "admin.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
runpy.run_module("admin", run_name="__main__")
"""
    variables = {**os.environ, "LOA_LANG": "vi"}
    told = subprocess.run(
        [sys.executable, "-c", stopped], cwd=ROOT, env=variables, capture_output=True, text=True
    )
    assert (told.returncode, told.stderr) == (1, "Đã dừng.\n")


@cases(
    (True, 1, "vi", "đã trả lại như cũ"),
    (False, 2, "vi", "phiên bản cũ chưa chạy lại được"),
    (True, 1, "en", "all is as it was"),
)
def test_an_upgrade_that_fails_says_which_version_runs(
    monkeypatch, capsys, tmp_path, is_taken_back, status, language, said
):
    def take_back(*_releases, **_about):
        if not is_taken_back:
            raise upgrade.Failed("/readyz: redis")

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "loa").touch()
    monkeypatch.setenv("LOA_LANG", language)
    monkeypatch.setattr(sys, "argv", ["loa upgrade", "--from", str(tmp_path)])
    monkeypatch.setattr(upgrade, "call", lambda *_command: SimpleNamespace(stdout='{"checks": []}'))
    monkeypatch.setattr(
        upgrade, "ask", lambda *command: {"backups_dir": "b", "revision": "r", "file": "f.dump"}
    )
    monkeypatch.setattr(upgrade, "running_services", lambda: ["loa.service"])
    monkeypatch.setattr(upgrade, "systemctl", lambda *_command: "")
    monkeypatch.setattr(upgrade, "switch_to", lambda _release: None)
    monkeypatch.setattr(upgrade, "is_ready", lambda: "no answer")
    monkeypatch.setattr(upgrade, "take_back", take_back)
    assert upgrade.main() == status
    last = capsys.readouterr().err
    assert said in last
    assert last.isascii() is (language == "en")
