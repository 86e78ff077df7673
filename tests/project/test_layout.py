"""The rules of the layout: on imports, on the size of files, and on what must never be committed."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import REST
from tests.support.tables import cases, each_of

ROOT = Path(__file__).resolve().parents[2]
OWN = {"simulator", "outreach", "campaigns", "workers", "admin", "deploy", "tests", "benchmarks"}
WRITTEN = {".py", ".html", ".css", ".js", ".sh"}
# A mobile number as one or in the groups that people write, with the country's code, or as it was before
# 2018. Vietnam has no fictitious numbers: those in the project end in three zeros and three more digits, the
# one form that a live gateway refuses.
MOBILE = re.compile(
    r"""(?<![\w.]) (?:(?:\+|00)?84|0) [ ]?
    (?: 1[2689]\d{8}
      | [35789] (?: \d{8}
                  | \d{2}([ .-])\d{3}\1\d{3}
                  | \d([ .-])\d{3}\2\d{4}
                  | \d{2}([ .-])\d\d\3\d\d\3\d\d ) )
    (?!\d)""",
    re.VERBOSE,
)
SAMPLE = re.compile(r"000\d{3}$")
FOREIGN = re.compile(
    r"/(?:work|root|home)/\w|(?:pypi|pythonhosted|npmjs|debian|ubuntu)\.(?:org|com)\b", re.IGNORECASE
)


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def texts():
    found = {}
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            found[path.relative_to(ROOT).as_posix()] = content.decode(errors="replace")
    return found


def refuse(matches):
    """Fail with one line for each file in which something was found."""
    lines = [f"{name}: {', '.join(found)}" for name, found in matches.items() if found]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def strange_numbers(text):
    """The mobile numbers that are not of the sample form."""
    written = (match.group() for match in MOBILE.finditer(text))
    return [number for number in written if not SAMPLE.search(re.sub(r"\D", "", number))]


def hidden_imports(source):
    """The project's own packages that are imported inside a function, not for the type checker alone."""
    source = re.sub(r"^if TYPE_CHECKING:\n(?: .*\n|\n)+", "", source, flags=re.MULTILINE)
    return re.findall(rf"^ +(?:from|import) ((?:{'|'.join(OWN)})\b|[.]).*", source, re.MULTILINE)


def test_packages_import_only_what_their_contracts_allow():
    # In a process of its own: it sets up logging anew, and every logger of this one would fall silent.
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_pure_modules_are_typed_strictly():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    pure = next(c for c in tools["importlinter"]["contracts"] if c["name"].startswith("Rules are pure"))
    assert tools["mypy"]["overrides"][0]["module"] == [f"{name}.*" for name in pure["source_modules"]]


def test_no_function_hides_an_import_of_our_own():
    found = {name: hidden_imports(text) for name, text in texts().items() if name.endswith(".py")}
    refuse(found)


def test_no_real_number_is_committed():
    # The hashes of locked packages are 64 hexadecimal digits each: some look like a number.
    hashes = re.compile(r"--hash=sha256:[0-9a-f]{64}")
    refuse({name: strange_numbers(hashes.sub("", text)) for name, text in texts().items()})


def test_nothing_of_one_machine_or_registry_is_committed():
    refuse({name: FOREIGN.findall(text) for name, text in texts().items()})


def spell(text):
    """Letters to digits: these numbers may be real ones and must not stand here as such."""
    return text.translate(str.maketrans("abcdef", "123456"))


@cases(
    *each_of("+84905abcdef | 84905abcdef | 0905abcdef | 0905 abc def | 0905.ab.cd.ef | 090 5ab cdef"),
    "01685abcdef",
)
def test_a_number_that_may_be_real_is_noticed(text):
    assert strange_numbers(f"SĐT: {spell(text)}.") == [spell(text)]


@cases(
    *each_of("+84905000123 | 0905 000 123 | 01685000123 | tin 0905abcdefabc | 05.08.2020 14:30"),
    *each_of("0.0905abcdef | SM0905abcdef"),
)
def test_sample_numbers_and_other_figures_are_let_pass(text):
    assert strange_numbers(spell(text)) == []


def test_who_develops_has_all_that_runs():
    def pins(name):
        lines = (ROOT / name).read_text().splitlines()
        return {line.split(";")[0].strip() for line in lines if "==" in line and not line.startswith(" ")}

    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_what_make_test_leaves_out_is_there():
    assert [name for name in REST if not (ROOT / name).is_file()] == []


def branches(function):
    """The conditions, loops and further operands of a function, and one; what is nested in it counts by itself."""
    count, todo = 1, list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            count += 1 + len(node.ifs)
        elif isinstance(
            node, ast.If | ast.IfExp | ast.For | ast.AsyncFor | ast.While | ast.ExceptHandler | ast.match_case
        ):
            count += 1
        todo.extend(ast.iter_child_nodes(node))
    return count


def test_no_function_has_more_than_25_branches():
    knotted = {}
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".py" and not name.startswith("tests/"):
            nodes = ast.walk(ast.parse(path.read_text()))
            functions = [each for each in nodes if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            knotted[name] = [f"{each.name} has {branches(each)}" for each in functions if branches(each) > 25]
    refuse(knotted)
