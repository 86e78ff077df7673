"""Every use case with the pages, commands and API routes that lead to it, read from the code.

`python -m tests.project.actions` writes docs/actions.md, with a list of the packages. Entry points come from the application itself; from each the
program follows the names that its function mentions, through the modules of `admin`, to functions of `outreach` and
`campaigns` that write: those marked `@use_case`, and those that open a transaction or call such a function with the runtime.
"""

import ast
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import click

from admin.app import create_app
from outreach.core.settings import Settings
from tests.project.test_layout import ROOT, tracked

OUT = ROOT / "docs" / "actions.md"
HEAD = """# Actions and packages

For people who change the code. `python -m tests.project.actions` writes this page from the code, and a test compares them.

## Packages

| package | holds |
|---|---|
%s

## Actions

Every use case that a page, a command or the API leads to, and where from. Pages are named by their
address below `/admin` (others in full).
What only jobs and residents' pages do is not here, nor is `demo load`.

| use case | what it does | pages | commands | API |
|---|---|---|---|---|"""
_Function = ast.FunctionDef | ast.AsyncFunctionDef
Node = tuple[str, str]  # module and qualified name


@dataclass
class Module:
    """A module's functions and classes by qualified name, and the imported names with their origin."""

    functions: dict[str, ast.AST] = field(default_factory=dict)  # and declared actions of pages
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, Node] = field(default_factory=dict)


@cache
def read_module(name):
    """Return what a module of ours defines and imports; nothing for others."""
    found = Module()
    path = ROOT / Path(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if path.is_file():
        _read(ast.parse(path.read_text(encoding="utf-8")), "", found)
    return found


def _read(node, above, found):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom) and child.module:
            for alias in child.names:
                found.imports[alias.asname or alias.name] = (child.module, alias.name)
        if above and isinstance(child, ast.Assign) and isinstance(child.targets[0], ast.Name):
            if ast.unparse(child.value).startswith(("FormAction(", "DayAction(")):
                found.functions[above + child.targets[0].id] = child.value
        elif isinstance(child, _Function):
            found.functions[above + child.name] = child
            _read(child, f"{above}{child.name}.", found)
        elif isinstance(child, ast.ClassDef):
            found.classes[above + child.name] = child
            _read(child, f"{above}{child.name}.", found)
        else:
            _read(child, above, found)


def origin_of(named, imports):
    """Return the module and the name that an expression means: of an import, or of a module that is imported."""
    if isinstance(named, ast.Attribute) and isinstance(named.value, ast.Name) and named.value.id in imports:
        return ".".join(imports[named.value.id]), named.attr
    return imports.get(ast.unparse(named), ("", ""))


def is_use_case(node):
    function = read_module(node[0]).functions.get(node[1])
    return isinstance(function, _Function) and any(
        ast.unparse(mark) == "use_case" for mark in function.decorator_list
    )


_under_way = set()  # functions that call each other are looked at once


@cache
def writes(node):
    """Return whether a function is a use case, or opens a transaction of its own."""
    module = read_module(node[0])
    function = module.functions.get(node[1])
    if function is None or not node[0].startswith(("outreach.", "campaigns.")):
        return False
    if is_use_case(node):
        return True
    _under_way.add(node)
    for call in ast.walk(function):
        if not isinstance(call, ast.Call):
            continue
        called = ast.unparse(call.func)
        if called.endswith("db.write") or called == "transaction":
            return True
        target = module.imports.get(called, (node[0], called))
        is_own = not call.args or ast.unparse(call.args[0]) != "session"
        if is_own and target not in _under_way and writes(target):
            return True
    return False


def leads_to(node):
    """Yield what a function mentions: other functions of its module and class, and imported ones."""
    module = read_module(node[0])
    owner = node[1].rpartition(".")[0]
    for part in ast.walk(module.functions[node[1]]):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "self":
            yield from find_method((node[0], owner), part.attr)
        elif isinstance(part, ast.Attribute):
            yield origin_of(part, module.imports)
        elif isinstance(part, ast.Name) and part.id in module.imports:
            yield module.imports[part.id]
        elif isinstance(part, ast.Name):
            scopes = (f"{owner}.{part.id}", part.id)
            yield from ((node[0], name) for name in scopes if name in module.functions)


def find_method(owner, name):
    module = read_module(owner[0])
    if f"{owner[1]}.{name}" in module.functions:
        yield owner[0], f"{owner[1]}.{name}"
    elif owner[1] in module.classes:
        for base in map(ast.unparse, module.classes[owner[1]].bases):
            yield from find_method(module.imports.get(base, (owner[0], base)), name)


def actions_of(entry):
    """Return the use cases that an entry point leads to."""
    found, seen, ahead = set[Node](), {entry}, [entry]
    while ahead:
        node = ahead.pop()
        if writes(node):
            found.add(node)
        elif (
            node[0].startswith("admin.")
            and not node[0].startswith("admin.demo")
            and node[1] in read_module(node[0]).functions
        ):
            more = set(leads_to(node)) - seen
            seen |= more
            ahead += more
    return found


def entries():
    """Yield all entry points: page, command or API; its name; its function."""
    app = create_app(Settings.from_env({}))
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        node = (view.__module__, view.__qualname__.replace(".<locals>", ""))
        if node[0].startswith("admin."):
            method = "POST" if rule.methods and "POST" in rule.methods else "GET"
            path = rule.rule.removeprefix("/admin") or "/"
            kind = "API" if node[0].startswith("admin.api") else "page"
            yield kind, f"{method} {path}" if kind == "API" else path, node
    yield from _commands(app.cli)


def _commands(group, *above):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, *above, name)
        elif command.callback:
            callback = command.callback
            yield (
                "command",
                " ".join((*above, name)),
                (callback.__module__, callback.__qualname__.replace(".<locals>", "")),
            )


def packages():
    """Return a row for each package, with the first sentence of its docstring."""
    found = [path.relative_to(ROOT) for path in tracked() if path.name == "__init__.py"]
    return "\n".join(
        f"| `{path.parent.as_posix()}` | {(ast.get_docstring(ast.parse((ROOT / path).read_text())) or '').splitlines()[0]} |"
        for path in found
        if path.parts[0] != "tests"
    )


def write_page():
    """Return docs/actions.md."""
    places = defaultdict(lambda: defaultdict(set))
    for kind, name, entry in entries():
        for action in actions_of(entry):
            places[action][kind].add(f"`{name}`")
    rows = []
    for module, name in sorted(places):
        function = read_module(module).functions[name]
        assert isinstance(function, _Function)
        said = (ast.get_docstring(function) or "").split("\n\n")[0].split(". ")[0]
        cells = [" ".join(sorted(places[module, name][kind])) for kind in ("page", "command", "API")]
        rows.append(f"| `{module}` `{name}` | {' '.join(said.split()).rstrip('.')} | {' | '.join(cells)} |")
    return "\n".join([HEAD % packages(), *rows]) + "\n"


if __name__ == "__main__":
    OUT.write_text(write_page(), encoding="utf-8")
