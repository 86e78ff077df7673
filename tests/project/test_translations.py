"""Everything that people read in the office can be read in English, too."""

import ast
import gettext
import re
from collections.abc import Callable, Iterator
from functools import cache

import click
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from admin.app import create_app
from admin.cli.program import GROUPS
from outreach.core.settings import Settings
from tests.project.test_layout import ROOT

ADMIN = ROOT / "admin"
FOLDER = ADMIN / "translations" / "en" / "LC_MESSAGES"
TEMPLATES = sorted((ADMIN / "templates").rglob("*.html"))
# The demo's sentences are data.
PYTHON = sorted(path for path in ADMIN.rglob("*.py") if "demo" not in path.parts[len(ADMIN.parts) :])
WRAPPERS = {"_", "_l", "gettext", "lazy_gettext"}
VIETNAMESE = re.compile("[À-ÃÈ-ÊÌÍÒ-ÕÙÚÝà-ãè-êìíò-õùúýĂăĐđĨĩŨũƠơƯưẠ-ỹ]")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
# An example of what somebody types or texts stays as it is typed.
QUOTED = re.compile(r"“[^”]*”|\[[^\]]*\]")
# A language is called by its own name in every language; a pattern is no text.
UNWRAPPED = {"Tiếng Việt", "[0-9A-Za-zÀ-ỹ]"}


@cache
def catalogue():
    with (FOLDER / "messages.po").open("rb") as file:
        return read_po(file, locale="en")


@cache
def texts():
    """Every text of the pages, as `make translations` finds them."""
    with (ADMIN / "translations" / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(str(ADMIN), methods, options, keywords=dict.fromkeys(WRAPPERS))
    return frozenset(text for _file, _line, text, *_more in found if isinstance(text, str))


def test_every_text_has_an_english_one_and_the_catalogue_holds_nothing_else():
    english = {str(message.id) for message in catalogue() if message.id and message.string}
    assert len(english) > 700
    assert sorted(texts() - english) == [], "run `make translations`, then write the English ones"
    assert sorted(english - texts()) == []
    assert not any(message.fuzzy for message in catalogue() if message.id)


def test_english_texts_keep_the_placeholders_and_are_english():
    for message in catalogue():
        if message.id:
            assert not re.search(r"\bwhoever\b|what stands", str(message.string), re.IGNORECASE), (
                message.string
            )
            vietnamese, english = str(message.id), str(message.string)
            assert sorted(PLACEHOLDER.findall(english)) == sorted(PLACEHOLDER.findall(vietnamese)), vietnamese
            assert "%" not in PLACEHOLDER.sub("", english), english
            assert not VIETNAMESE.search(QUOTED.sub("", english)), english
            assert english.strip() == english, english


def test_the_compiled_catalogue_is_that_of_the_source():
    with (FOLDER / "messages.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    source = {str(message.id): str(message.string) for message in catalogue() if message.id}
    for text, english in source.items():
        assert compiled.gettext(text) == english
    assert len([text for text in compiled._catalog if text]) == len(source)


# -- nothing stands unwrapped --------------------------------------------------------------------------


def is_for_people(text):
    return bool(VIETNAMESE.search(text)) and text.strip() not in UNWRAPPED


def in_template(source):
    tree = Environment(extensions=["jinja2.ext.do"]).parse(source)
    wrapped = {
        id(argument)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in WRAPPERS
        for argument in call.args[:1]
    }
    for data in tree.find_all(nodes.TemplateData):
        for line in re.split(r"[<>\n]", data.data):
            if is_for_people(line):
                yield data.lineno, line
    for constant in tree.find_all(nodes.Const):
        if isinstance(constant.value, str) and id(constant) not in wrapped and is_for_people(constant.value):
            yield constant.lineno, constant.value


def in_python(source):
    tree = ast.parse(source)
    known = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WRAPPERS:
            known |= {id(each) for argument in node.args[:1] for each in ast.walk(argument)}
        # Compared with what a table holds: nobody reads it.
        elif isinstance(node, ast.Compare) or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("startswith", "removeprefix")
        ):
            known |= {id(each) for each in ast.walk(node) if isinstance(each, ast.Constant)}
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr):
                known.add(id(first.value))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in known
            and is_for_people(node.value)
        ):
            yield node.lineno, node.value


Search = Callable[[str], Iterator[tuple[int, str]]]


def unwrapped(paths, search):
    """Where texts for people stand outside of `_()`."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {text.strip()}"
        for path in paths
        for line, text in search(path.read_text(encoding="utf-8"))
    ]


def in_script(source):
    return ((number, line) for number, line in enumerate(source.splitlines(), start=1) if is_for_people(line))


def test_no_template_speaks_vietnamese_past_the_catalogue():
    assert len(TEMPLATES) > 90
    assert unwrapped(TEMPLATES, in_template) == []


def test_no_view_speaks_vietnamese_past_the_catalogue():
    assert len(PYTHON) > 50
    assert unwrapped(PYTHON, in_python) == []


def test_no_script_speaks_by_itself():
    assert unwrapped(sorted((ADMIN / "static").glob("*.js")), in_script) == []


def test_every_help_of_a_command_is_there_in_vietnamese():
    catalogue = gettext.translation("commands", str(ADMIN / "translations"), ["vi"])

    def helps(command):
        for each in (command, *command.params):
            yield from (" ".join(part.split()) for part in (getattr(each, "help", None) or "").split("\n\n"))
        for other in command.commands.values() if isinstance(command, click.Group) else ():
            yield from helps(other)

    commands = create_app(Settings.from_env({})).cli.commands
    told = {text for command in commands.values() for text in helps(command)} - {""}
    assert len(told) > 100
    assert sorted(text for text in told if catalogue.gettext(text) == text) == []
    grouped = {name for names in GROUPS.values() for name in names.split()} - {"upgrade"}
    assert grouped == set(commands)


def test_every_sentence_of_an_upgrade_is_there_in_vietnamese_with_its_values():
    catalogue = gettext.translation("commands", str(ADMIN / "translations"), ["vi"])
    source = "".join((ROOT / "deploy" / name).read_text() for name in ("command.py", "upgrade.py"))
    told = [
        ast.literal_eval(text)
        for text in re.findall(r'(?:translate|word|say|CannotUpgrade)\(\s*("[^"\n]{6,}")', source)
    ]
    assert len(told) > 20
    for text in told:
        assert catalogue.gettext(text) != text
        assert {*re.findall(r"{\w+}", catalogue.gettext(text))} == {*re.findall(r"{\w+}", text)}


def test_an_unwrapped_word_is_noticed():
    found = in_template(
        "<p title=\"Số\">{{ _('Họ tên') }} Tên {{ 'Xã' }}</p>{% if x %}{{ _('a') if y else 'Mã' }}{% endif %}"
    )
    assert [text.strip() for _line, text in found] == ['p title="Số"', "Tên", "Xã", "Mã"]
    source = 'def f():\n    """Tên."""\n    g(_("Số"), "Mã", f"Xã {x}")\n    return x == "Họ"\n'
    assert [text for _line, text in in_python(source)] == ["Mã", "Xã "]
