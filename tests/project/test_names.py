"""Names and words that Loa has given up for the field's standard terms (docs/glossary.md) do not come back."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.project.test_layout import ROOT, tracked

# Classes and functions, then modules. Names that other code uses in their plain sense (`undo`, `Phone`) are not listed.
NAMES, MODULES = (
    frozenset(part.split())
    for part in (ROOT / "tests" / "project" / "retired_names.txt").read_text(encoding="utf-8").split("\n\n")
)
WORDS = frozenset(
    [
        "doorbell",
        "rings",
        "clerk",
        "lane",
        "lanes",
        "laying",
        "seldom",
        "standstill",
        "crowd",
        "aside",
        "deed",
        "deeds",
        "heed",
        "tally",
        "brake",
        "brakes",
        "casework",
    ]
)
# The API's `set_aside` and its schemas are a contract; an index keeps its name.
KEPT = {"set_aside", "SetAside", "SetAsidePage", "ix_tallies_lane"}
GERUNDS = {"routing.py", "billing.py", "admin/views/sending.py", "simulator/testing.py"}
SOURCES = [
    path.relative_to(ROOT).as_posix()
    for path in tracked()
    # A migration is a step of history.
    if path.suffix == ".py" and "migrations/versions" not in path.as_posix()
]


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def defined_or_imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.name
                yield f"{node.module}.{alias.name}"
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def split_words(name: str) -> set[str]:
    """`claimNextLane`, `claim_next_lane`: claim, next, lane."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def docstrings(tree: ast.Module) -> Iterator[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    yield from (ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("folder", sorted({name.partition("/")[0] for name in SOURCES}))
def test_retired_names_are_neither_defined_nor_imported(folder: str) -> None:
    found = {
        f"{name}: {used}"
        for name in SOURCES
        if name.partition("/")[0] == folder
        for used in defined_or_imported(parsed(name))
        if used in NAMES | MODULES
    }
    assert found == set()


@pytest.mark.parametrize("folder", sorted({name.partition("/")[0] for name in SOURCES}))
def test_retired_words_stand_in_no_name_docstring_or_comment(folder: str) -> None:
    found = []
    for name in (each for each in SOURCES if each.partition("/")[0] == folder):
        text = (ROOT / name).read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME and token.string not in KEPT:
                found += [f"{name}: {token.string}"] if split_words(token.string) & WORDS else []
            elif token.type == tokenize.COMMENT:
                found += [f"{name}: {word}" for word in split_words(token.string) & WORDS]
        for said in docstrings(parsed(name)):
            found += [f"{name}: {word}" for word in split_words(re.sub("`[^`]*`", "", said)) & WORDS]
    assert found == []


def test_no_file_is_called_by_a_gerund() -> None:
    found = [name for name in SOURCES if name.endswith("ing.py")]
    allowed = {name for name in found if name in GERUNDS or Path(name).name in GERUNDS}
    assert [name for name in found if name not in allowed and not name.startswith("tests/")] == []
