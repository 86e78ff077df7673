"""Every error has a code with a sentence in Vietnamese and in English."""

import ast
import gettext
import re
from functools import cache

import pytest
from babel.messages.pofile import read_po

from deploy import LANGUAGES
from outreach.core.sentences import word_error
from outreach.rules.errors import LoaError
from tests.project.test_layout import ROOT
from tests.project.test_translations import QUOTED, VIETNAMESE

SOURCES = [
    path
    for folder in ("outreach", "campaigns", "workers", "admin")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != ROOT / "outreach" / "rules" / "errors.py"  # which reads stored errors of any code
]
FOLDER = ROOT / "outreach" / "translations"
PLACEHOLDER = re.compile(r"%\(\^?(\w+)\)([sd])")
NOT_PARAMETERS = {"pointer", "parameter"}  # of the API's `Malformed` and `Unreadable`


@cache
def trees():
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


@cache
def error_classes():
    classes = [node for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    known = {"LoaError", "BadInput", "BadList", "NoPhoneColumn", "BadTemplate", "BadCampaign"}
    known |= {"NotFound", "NotAllowed", "WrongState"}
    while (
        more := {
            each.name
            for each in classes
            if {base.id for base in each.bases if isinstance(base, ast.Name)} & known
        }
        - known
    ):
        known |= more
    return frozenset(known)


@cache
def used():
    """The codes of the program, each with the names of its parameters wherever it is made."""
    codes = {}
    for path, tree in trees().items():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            if call.func.id not in error_classes():
                continue
            place = f"{path.relative_to(ROOT)}:{call.lineno}"
            (code,) = call.args
            assert isinstance(code, ast.Constant), f"{place}: a code is written out"
            assert re.fullmatch(r"[a-z][a-z0-9_]+", code.value), f"{place}: {code.value}"
            names = {keyword.arg for keyword in call.keywords} - NOT_PARAMETERS
            assert None not in names, f"{place}: parameters are named"
            codes.setdefault(code.value, set()).add(frozenset(filter(None, names)))
    return codes


@cache
def catalogue(language):
    with (FOLDER / language / "LC_MESSAGES" / "errors.po").open("rb") as file:
        return read_po(file, locale=language)


def sentences(language):
    return {str(message.id): str(message.string) for message in catalogue(language) if message.id}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_exactly_the_codes_of_the_program(language):
    assert len(used()) > 400
    assert sorted(used().keys() - sentences(language).keys()) == []
    assert sorted(sentences(language).keys() - used().keys()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_compiled_catalogue_is_that_of_its_source(language):
    with (FOLDER / language / "LC_MESSAGES" / "errors.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert {code: compiled.gettext(code) for code in sentences(language)} == sentences(language)


def faults_of(code):
    """What is wrong with an error's sentences."""
    if len(used()[code]) != 1:
        yield "is made with other parameters elsewhere"
    names = min(used()[code], key=sorted)
    worded = {}
    for language in LANGUAGES:
        sentence = sentences(language)[code]
        placeholders = PLACEHOLDER.findall(sentence)
        if {name for name, _form in placeholders} != names:
            yield f"has the parameters {sorted(names)}, not those of: {sentence}"
            return
        values = {name: 2020 if form == "d" else "x" for name, form in placeholders}
        worded[language] = word_error(LoaError(code, **values), language)
        if not worded[language].strip() or "%(" in worded[language]:
            yield f"is not worded in {language}: {worded[language]}"
    vietnamese, english = worded["vi"], worded["en"]
    if VIETNAMESE.search(QUOTED.sub("", english)):
        yield f"speaks Vietnamese in English: {english}"
    if english == vietnamese and re.search(r"[a-zA-Z]{2}", PLACEHOLDER.sub("", sentences("vi")[code])):
        yield f"is not translated: {english}"


def test_every_error_is_worded_in_both_languages():
    assert [f"{code} {fault}" for code in sorted(used()) for fault in faults_of(code)] == []


def test_numbers_days_and_parts_are_shown_as_in_the_language():
    reason = LoaError("line_wrong", line=1234, reason=LoaError("official_day_future"))
    error = LoaError("lines_wrong", lines=[reason, LoaError("more_lines", lines=5678)])
    assert word_error(error) == "Dữ liệu chưa được lưu. Dòng 1234: ngày này chưa tới. … và 5.678 dòng khác."
    assert word_error(error, "en") == (
        "Nothing was saved. Line 1234: this day has not come yet. … and 5,678 more lines."
    )
    assert (
        str(error)
        == "lines_wrong lines=[(line_wrong line=1234 reason=(official_day_future)), (more_lines lines=5678)]"
    )


def test_the_fields_of_forms_name_errors_that_there_are():
    named = {
        (path.name, code.value)
        for path, tree in trees().items()
        for keyword in ast.walk(tree)
        if isinstance(keyword, ast.keyword) and keyword.arg == "codes"
        for code in ast.walk(keyword.value)
        if isinstance(code, ast.Constant) and isinstance(code.value, str)
    }
    assert len(named) > 20
    assert {code for _file, code in named} - used().keys() == set()
