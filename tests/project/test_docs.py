"""The documents say what is: settings, commands, make's targets, packages, layers, walks through the code, links."""

import ast
import re
import subprocess
import tomllib

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from outreach.core.settings import Settings
from tests.project.reference import OUT, write_page
from tests.project.test_layout import ROOT, tracked
from tests.project.test_names import RETIRED_WORDS

README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def section(text, title):
    found = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title}"
    return found[1]


def table(text):
    """The cells of a section's table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


# -- settings, commands, routes, errors


def test_the_reference_is_as_the_code_has_it():
    assert write_page() == OUT.read_text(encoding="utf-8"), "run `python -m tests.project.reference`"


def test_every_command_option_and_route_says_what_it_does():
    """Read from the page itself, so that none is empty there."""
    assert (
        re.findall(r"^\| (`[^|]+`) \|(?: \S+ \|)? \|$", OUT.read_text(encoding="utf-8"), re.MULTILINE) == []
    )


def test_the_first_campaign_of_the_documents_is_a_file_that_can_be_read():
    page = (ROOT / "docs" / "first-campaign.md").read_text(encoding="utf-8")
    file, named = re.search(r"campaigns create (\S+)", page), re.search(r'--list "([^"]+)"', page)
    assert named
    assert f"({file[1]})" in README
    draft = read_draft(tomllib.loads((ROOT / file[1]).read_text(encoding="utf-8")), kinds=load_kinds())
    assert draft.lists == (named[1],)
    read_draft(
        tomllib.loads((ROOT / "docs/campaign-full.toml").read_text(encoding="utf-8")), kinds=load_kinds()
    )


def test_the_readme_names_a_few_of_the_settings():
    named = set(re.findall(r"`([A-Z][A-Z_]+)`", section(README, "Settings")))
    assert 1 <= len(named) <= 8
    assert named <= {item.name.upper() for item in Settings.variables().values()} | {"PORT", "SIMULATOR_PORT"}


# -- commands


def targets():
    """make's targets with what is said of them."""
    found = re.findall(r"^([a-z-]+):(?:[^#\n]*?)(?:##\s*(.*))?$", MAKEFILE, re.MULTILINE)
    return dict(found)


def test_make_help_lists_what_make_can_do():
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    listed = dict(re.findall(r"^  make (\S+)\s+(.+)$", shown.stdout, re.MULTILINE))
    assert listed == {name: said for name, said in targets().items() if said}
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert set(phony[1].split()) == set(targets())


def test_what_the_documents_tell_to_make_exists():
    for path in tracked():
        if path.suffix == ".md":
            for line in path.read_text(encoding="utf-8").splitlines():
                for name in re.findall(r"(?:`|^)make ([a-z-]+)", line):
                    assert name in targets(), f"{path.name}: make {name}"


# -- the walks of architecture.md

WALKS = {  # and the most files that each may lead through
    "A message: from a due step to a delivered report": 10,
    "A reply: from the webhook to an answer, a case and an acknowledgement": 8,
    "An imported row: from a file on the page to a contact": 8,
    "The leader's page: from a click to the figures": 8,
}


def steps(walk):
    """Number, file and function of each step."""
    cells = [row for row in table(section(ARCHITECTURE, re.escape(walk))) if row]
    return [(row[0], row[2].strip("`"), row[3].strip("`")) for row in cells]


def defined_names(path):
    """Functions, classes, their methods as Class.method, and constants of a module."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name, body=body):
                methods = (each for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
                names |= {name, *(f"{name}.{method.name}" for method in methods)}
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names


@pytest.mark.parametrize("walk", WALKS)
def test_each_step_of_a_walk_exists(walk):
    numbers, files, _functions = zip(*steps(walk), strict=True)
    assert list(numbers) == [str(number) for number in range(1, len(numbers) + 1)]
    assert len(set(files)) <= WALKS[walk]
    for number, file, function in steps(walk):
        assert (ROOT / file).is_file(), f"{number}: {file}"
        assert function in defined_names(ROOT / file), f"{number}: {file}, {function}"


def test_the_layers_drawn_are_those_that_are_checked():
    drawing = re.search(r"```\n(.+?)```", section(ARCHITECTURE, "Layers"), re.DOTALL)
    assert drawing
    layers = {}
    for line in filter(None, drawing[1].splitlines()):
        name, inner = line[:13].strip(), line[13:].strip()
        layers.setdefault(name or list(layers)[-1], []).append(inner)
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = [each for each in tools["importlinter"]["contracts"] if each["type"] == "layers"]
    of_all = next(each for each in contracts if "containers" not in each)
    assert list(layers) == of_all["layers"]
    for contract in contracts:
        for package in contract.get("containers", ()):
            assert layers[package] == contract["layers"]


# -- the files that a document names

FOLDERS = "outreach|campaigns|workers|admin|simulator|deploy|tests|benchmarks|docs"


@pytest.mark.parametrize(
    "path", [path for path in tracked() if path.suffix == ".md"], ids=lambda path: path.name
)
def test_the_files_that_a_document_names_exist(path):
    named = re.findall(rf"`((?:{FOLDERS})/[^\s`*{{}}<>…]*)`", path.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_what_is_named_where_a_change_goes_is_in_the_code():
    sources = [
        path
        for path in tracked()
        if path.suffix in (".py", ".toml") and not {"tests", "versions"} & set(path.parts)
    ]
    known = set(re.findall(r"\w+", "\n".join(path.read_text(encoding="utf-8") for path in sources)))
    changes = section((ROOT / "docs" / "development.md").read_text(encoding="utf-8"), "Where a change goes")
    named = re.findall(r"`([A-Za-z_]\w+)(?:\.(\w+))?`", changes.replace("`pyproject.toml`", ""))
    assert len(named) > 50
    # A table of the tests, and a part of the replies.
    assert {part for parts in named for part in parts if part} - {*known, "TABLE", "tuned"} == set()


# -- words

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What the code once called things: docs/glossary.md has the terms.
RETIRED = "|".join(sorted(RETIRED_WORDS | {"whoever", "the house", "the office"}))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_says_first_for_whom_it_is(path):
    title, said, *_rest = filter(None, path.read_text(encoding="utf-8").splitlines())
    assert title.startswith("# ")
    assert said.startswith("Dành cho " if path.suffixes[0] == ".vi" else "For ")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_uses_no_retired_word(path):
    text = re.sub(r"```.*?```|`[^`]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(rf"\b(?:{RETIRED})\b", text, re.IGNORECASE) == []


# -- links


@pytest.mark.parametrize(
    "path", [path for path in tracked() if path.suffix == ".md"], ids=lambda path: path.name
)
def test_links_lead_to_files(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            file, _hash, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            assert there.exists(), target
            if anchor:
                titles = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_the_folders_of_the_readme_exist():
    for name in re.findall(r"^\| `(\w+/)`", README, re.MULTILINE):
        assert (ROOT / name).is_dir(), name
