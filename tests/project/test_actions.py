"""Pages, commands and the API write through use cases alone, and docs/actions.md lists them as the code has them."""

import ast
from collections import defaultdict

from tests.project import actions
from tests.project.actions import OUT, Node
from tests.project.test_layout import ROOT

# All of `admin`, except what makes demo data: a world of its own, written in one transaction into an empty database.
FILES = [path for path in (ROOT / "admin").rglob("*.py") if path.parent.name != "demo"]
# What changes the database when called on a session; `.write()` opens a transaction.
WRITES = {"add", "add_all", "delete", "merge", "flush", "commit", "begin", "write"}
# By file, what it may enqueue by itself, and why.
MAY_ENQUEUE = {
    "admin/sign_in.py": "enqueue_reset_mail",  # nothing is written, so that nobody can tell which addresses are known
    "admin/views/progress.py": "enqueue_count_reach",  # reading a page finds that its figures are old
}


def find_writes(tree):
    """Yield what goes past the use cases: transactions, statements that change rows, changes of a session."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=module, names=names):
                for alias in names:
                    writes = ("insert", "update", "delete") if (module or "").startswith("sqlalchemy") else ()
                    if alias.name in ("transaction", "enqueue_after_commit", *writes):
                        yield f"{node.lineno}: imports {alias.name}"
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in WRITES:
                if ast.unparse(owner).rpartition(".")[2] in ("session", "db", "engine"):
                    yield f"{node.lineno}: {ast.unparse(node.func)}()"


def test_no_page_command_or_route_writes_past_the_use_cases():
    found = {
        path.relative_to(ROOT).as_posix(): list(find_writes(ast.parse(path.read_text(encoding="utf-8"))))
        for path in FILES
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_a_write_past_the_use_cases_is_noticed():
    past = """
from sqlalchemy import delete, select
from outreach.use_cases import transaction
with self.runtime.db.write() as session:
    session.add(1)
    session.scalars(2)
    names.add(3)
"""
    found = ["imports delete", "imports transaction", "self.runtime.db.write()", "session.add()"]
    assert [line.partition(": ")[2] for line in find_writes(ast.parse(past))] == found


def calls_in_given_functions(tree):
    """Return what is called in functions that are given to `api.once` or `do_at_will`, which open the transaction for them."""
    given = {
        ast.unparse(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("api.once", "do_at_will")
        for argument in node.args
    }
    return {
        call
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in given
        for call in ast.walk(node)
    }


def test_a_use_case_is_called_with_the_runtime_never_within_a_session():
    """In a session that only reads, what it wrote would be lost without a word."""
    for path in FILES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        imports = actions.read_module(module).imports
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in set(ast.walk(tree)) - calls_in_given_functions(tree):
            if isinstance(node, ast.Call) and actions.is_use_case(actions.origin_of(node.func, imports)):
                assert ast.unparse(node.args[0]) in ("runtime", "self.runtime", "api.runtime"), (
                    f"{path}:{node.lineno}"
                )


def test_use_cases_enqueue_what_follows_from_them():
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        imports = actions.read_module(name.removesuffix(".py").replace("/", ".")).imports.values()
        enqueued = {
            each for module, each in imports if module == "outreach.use_cases" and each.startswith("enqueue_")
        }
        assert enqueued <= {MAY_ENQUEUE.get(name)}, name


def test_the_page_of_actions_is_as_the_code_has_it():
    assert actions.write_page() == OUT.read_text(encoding="utf-8"), "run `python -m tests.project.actions`"


def test_what_can_be_done_in_several_places_is_one_function():
    found = defaultdict[str, set[Node]](set)
    for _kind, name, node in actions.entries():
        found[name] |= actions.actions_of(node)
    for command, page in (
        ("campaigns launch", "/campaigns/<int:campaign_id>/launch"),
        ("campaigns pause", "/campaigns/<int:campaign_id>/running/<any(pause, resume, undo, cancel):action>"),
        ("campaigns create", "/campaigns/new"),
        ("goals set", "/goals/set"),
        ("organisations create", "/organisations/"),
        ("users create", "/users/"),
        ("users reset-password", "/users/<int:user_id>/link"),
        ("tokens create", "/tokens/"),
        ("tokens end", "/tokens/<int:api_token_id>/end"),
        ("replies import", "/reply-log/"),
    ):
        # A page may reach it through a use case of its own, as a form that is kept becomes a draft.
        assert found[command] & {
            *found[page],
            *(more for node in found[page] for more in actions.leads_to(node)),
        }, command
