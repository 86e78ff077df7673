"""The documents say what is: settings, commands, make's targets, pure modules, links."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import click
import pytest

from admin.app import create_app
from outreach.core.settings import Settings
from tests.project.test_layout import ROOT, tracked

REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title}"
    return found[1]


def table(text: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


# -- settings


def shown_default(item: Field[Any]) -> str:
    """How a default stands in the reference; nothing where words stand instead."""
    default = item.default
    if default in ("", ()) or item.metadata["secret"] or item.name == "twilio_account_sid":
        return ""
    text = f"{default:g}" if isinstance(default, int | float) else str(default)
    return text.removeprefix("sqlite:///").removeprefix(f"{ROOT}/")


def test_every_setting_stands_in_the_reference_with_its_default_and_in_the_readme() -> None:
    explained = {
        name: default
        for names, default, _text in table(section(REFERENCE, "Settings"))
        for name in re.findall(r"`(\w+)`", names)
    }
    settings = {item.metadata["name"]: shown_default(item) for item in fields(Settings)}
    assert list(explained) == list(settings)
    for name, default in settings.items():
        assert re.findall(r"`([^`]+)`", explained[name]) == ([default] if default else []), name
    named = re.findall(r"`([A-Z][A-Z_]+)`", section(README, "Settings").split("\n\n")[1])
    assert sorted(named) == sorted(settings)


# -- commands


def targets() -> dict[str, str]:
    """make's targets with what is said of them."""
    found = re.findall(r"^([a-z-]+):(?:[^#\n]*?)(?:##\s*(.*))?$", MAKEFILE, re.MULTILINE)
    return dict(found)


def test_make_help_lists_what_make_can_do() -> None:
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    listed = dict(re.findall(r"^  make (\S+)\s+(.+)$", shown.stdout, re.MULTILINE))
    assert listed == {name: said for name, said in targets().items() if said}
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(targets())


def test_what_the_documents_tell_to_make_exists() -> None:
    for path in tracked():
        if path.suffix == ".md":
            for line in path.read_text(encoding="utf-8").splitlines():
                for name in re.findall(r"(?:`|^)make ([a-z-]+)", line):
                    assert name in targets(), f"{path.name}: make {name}"


def commands(group: click.Group, *above: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield " ".join((*above, name))


def test_every_command_stands_in_the_reference_and_nothing_else() -> None:
    explained = set()
    for cells in table(section(REFERENCE, "Commands")):
        words = re.match(r"`((?:[a-z][a-z-]*(?:\\\|[a-z-]+)* ?)+)", cells[0])
        assert words, cells[0]
        above, _space, names = words[1].strip().rpartition(" ")
        explained |= {f"{above} {name}".strip() for name in names.split("\\|")}
    assert explained == set(commands(create_app(Settings.from_env({})).cli))


def test_every_option_of_the_reference_exists() -> None:
    app = create_app(Settings.from_env({}))
    for cells in table(section(REFERENCE, "Commands")):
        words = re.match(r"`([a-z -]+)(?:\\\|)?", cells[0])
        assert words
        command: Any = app.cli
        for word in words[1].split(" --")[0].split():
            if isinstance(command, click.Group):
                command = command.commands[word]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(--[a-z-]+)", cells[0])) <= known, cells[0]


# -- links


@pytest.mark.parametrize(
    "path", [path for path in tracked() if path.suffix == ".md"], ids=lambda path: path.name
)
def test_links_lead_to_files(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            file, _hash, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            assert there.exists(), target
            if anchor:
                titles = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_the_folders_of_the_readme_exist() -> None:
    for name in re.findall(r"^\| `(\w+/)`", README, re.MULTILINE):
        assert (ROOT / name).is_dir(), name
