"""Names: none that was given up comes back, no file is called after an activity, one term for one thing."""

import ast
import io
import re
import subprocess
import tokenize
from functools import cache
from pathlib import Path

from tests.support.tables import cases, words

ROOT = Path(__file__).resolve().parents[2]
# What the code once called things: docs/glossary.md has the terms, test_docs.py looks at the documents.
RETIRED_WORDS = frozenset(
    words(
        "doorbell ring rings rung clerk lane lanes laying seldom standstill crowd aside deed deeds heed "
        "heeded tally brake casework"
    )
)
# A field and an operation of the API, whose names stay.
PUBLIC_NAMES = frozenset({"set_aside", "show_set_aside"})
NAMED_AFTER_AN_ACTIVITY = {"admin/api/routing.py"}


@cache
def sources():
    """Our own Python files without the migrations, which tell of the past, by their paths."""
    listing = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"], cwd=ROOT, text=True
    )
    return {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in listing.splitlines()
        if (ROOT / name).is_file() and "migrations" not in Path(name).parts
    }


@cache
def trees():
    return {name: ast.parse(text) for name, text in sources().items()}


def retired(kind):
    lines = (Path(__file__).parent / "retired_names.txt").read_text(encoding="utf-8").splitlines()
    names = {name for found, _space, name in (line.partition(" ") for line in lines) if found == kind}
    assert len(names) > 100
    return names


def defined_or_imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, alias.name
                yield node.lineno, alias.asname or ""


def imported_modules(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def words_of(name):
    """The words of an identifier: split at underscores and capitals."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def identifiers(text):
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string


def docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""


@cases("class", "function")
def test_no_retired_name_is_defined_or_imported(kind):
    names = retired(kind)
    found = [
        f"{path}:{line} {name}"
        for path, tree in trees().items()
        for line, name in defined_or_imported(tree)
        if name in names
    ]
    assert found == []


def test_no_retired_module_is_there_or_imported():
    modules = retired("module")
    there = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in sources()}
    assert modules & there == set()
    found = [
        f"{path}:{line} {name}"
        for path, tree in trees().items()
        for line, name in imported_modules(tree)
        if name in modules
    ]
    assert found == []


def test_no_retired_word_stands_in_an_identifier_or_a_docstring():
    found = [
        f"{path}:{line} {name}"
        for path, text in sources().items()
        for line, name in identifiers(text)
        if words_of(name) & RETIRED_WORDS and name not in PUBLIC_NAMES
    ]
    whole = re.compile(rf"\b(?:{'|'.join(sorted(RETIRED_WORDS))}|the house)\b", re.IGNORECASE)
    for path, tree in trees().items():
        for line, text in docstrings(tree):
            plain = re.sub(r"`[^`]*`", "", text)
            found += [f"{path}:{line} {word!r} in a docstring" for word in whole.findall(plain)]
    assert found == []


def test_no_file_is_called_after_an_activity():
    called = {path for path in sources() if path.endswith("ing.py") and not path.startswith("tests/")}
    assert called == NAMED_AFTER_AN_ACTIVITY


def test_what_is_looked_for_would_be_found():
    tree = ast.parse(
        'from a.b import Doorbell as Bell\nclass TallyOf:\n    """The crowd."""\ndef ring_on(): ...'
    )
    assert {"Doorbell", "Bell", "TallyOf", "ring_on"} <= {name for _line, name in defined_or_imported(tree)}
    assert {"a.b", "a.b.Doorbell"} <= {name for _line, name in imported_modules(tree)}
    assert words_of("TallyOf_ringHTTPLane") == {"tally", "of", "ring", "http", "lane"}
    assert "The crowd." in {text for _line, text in docstrings(tree)}
