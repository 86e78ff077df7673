"""Registered templates: texts that the operators have accepted for a sender, with parameters of a type and a greatest length. Pure.

A parameter is written as `{A30}`: A is letters, digits and spaces without a dot, B the same with a dot, C a link; then the
greatest length. An operator takes three at most. Source: VinaPhone's form of 2020 for templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from outreach.rules.errors import BadInput
from outreach.rules.segments import measure, unaccent
from outreach.rules.sms_template import Template

MOST_PARAMETERS = 3
LONGEST = 200
_PARAMETER = re.compile(r"\{([ABC])(\d{1,3})\}")
_SIGNS = re.compile(r"[\W_]")
_KINDS = {"A": r"[^\W_]+(?: [^\W_]+)*", "B": r"[\w.]+(?: [\w.]+)*", "C": r"[A-Za-z0-9:/._?=&%#~-]+"}
# What a campaign's fields become in the operator's form.
NAME_PARAMETER, LINK_PARAMETER = "{A30}", "{C60}"


@dataclass(frozen=True, slots=True)
class RegisteredText:
    """A template as it was registered. `id` is its row's."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a text fits no template: the words of it that the nearest template does not have, and those that it lacks.

    `template_id` is the nearest one's, None if there is none. `unfit` is what has the place of a parameter and does not fit it: too
    long, or with signs that it may not have.
    """

    template_id: int | None
    extra: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()


def check_registered(text: str) -> str:
    """Return a template's text as it is stored. Raises BadInput for braces that are no parameter, or too many of them."""
    text = " ".join(text.split())
    parameters = _PARAMETER.findall(text)
    if "{" in _PARAMETER.sub("", text) or "}" in _PARAMETER.sub("", text):
        raise BadInput("template_parameter_wrong")
    if not text or len(parameters) > MOST_PARAMETERS:
        raise BadInput("template_parameters_many", most=MOST_PARAMETERS)
    if any(not 0 < int(length) <= LONGEST for _kind, length in parameters):
        raise BadInput("template_length_wrong", most=LONGEST)
    return text


def _plain(text: str) -> str:
    return " ".join(measure(text).text.split())


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    for match in _PARAMETER.finditer(text):
        parts += [re.escape(text[end : match.start()]), f"({_KINDS[match[1]]})"]
        end = match.end()
    return re.compile("".join([*parts, re.escape(text[end:])]))


@lru_cache(maxsize=512)
def _lengths(text: str) -> tuple[int, ...]:
    return tuple(int(length) for _kind, length in _PARAMETER.findall(text))


def fits(rendered: str, template: str) -> bool:
    """Return whether a text as it is sent fits a registered template."""
    match = _pattern(_plain(template)).fullmatch(_plain(rendered))
    return match is not None and all(
        len(value) <= most for value, most in zip(match.groups(), _lengths(template), strict=True)
    )


def find_mismatch(rendered: str, templates: Sequence[RegisteredText]) -> Mismatch | None:
    """Return None if a text as it is sent fits one of the templates, else what does not fit the nearest one."""
    if any(fits(rendered, template.text) for template in templates):
        return None
    words = _plain(rendered).split(" ")
    nearest, fewest = Mismatch(None, extra=tuple(words)), len(words) + 1
    for template in templates:
        theirs = _plain(template.text).split(" ")
        matcher = SequenceMatcher(None, words, theirs, autojunk=False)
        extra: list[str] = []
        missing: list[str] = []
        unfit: list[str] = []
        for tag, i, j, k, m in matcher.get_opcodes():
            if tag == "equal":
                continue
            ours, wanted = words[i:j], theirs[k:m]
            if any(_PARAMETER.search(word) for word in wanted):
                rest = _left_over(ours, " ".join(wanted))
                if rest == ours:
                    unfit.append(" ".join(ours))
                else:
                    extra += rest
                continue
            extra += ours
            missing += wanted
        wrong = len(extra) + len(missing) + len(unfit)
        if wrong < fewest or nearest.template_id is None:
            nearest, fewest = Mismatch(template.id, tuple(extra), tuple(missing), tuple(unfit)), wrong
    return nearest


def _left_over(words: list[str], parameter: str) -> list[str]:
    """Return what is left of the words after those that fit a parameter; all of them if none do.

    A sign after the parameter, as in `{A30},`, tells where it ends; without one a name that is too long would be cut in two.
    """
    shortest = 1 if not parameter.endswith("}") else len(words)
    for length in range(len(words), shortest - 1, -1):
        if fits(" ".join(words[:length]), parameter):
            return words[length:]
    return words


def renderings(text: str, *, names: Iterable[str], link: str, unaccented: bool) -> Iterable[tuple[str, str]]:
    """Yield names with the text that these people get, and "" with the text without a name.

    Of names that a parameter cannot tell apart (equal in length and in signs other than letters and digits) one stands for all.
    """
    template = Template.parse(text)
    alike = {(len(name), frozenset(_SIGNS.findall(name))): name for name in names}
    for name in (*alike.values(), ""):
        rendered = template.render({"name": name, "link": link})
        yield name, unaccent(rendered) if unaccented else rendered


def as_registered(text: str, *, unaccented: bool) -> list[str]:
    """Return a campaign's text as the templates to register: with the name, and where that may be left out without it."""
    template = Template.parse(text)
    values = {"name": "\0A", "link": "\0C"}
    forms = [template.render(values), template.render({**values, "name": ""})]
    plain = [_plain(unaccent(each) if unaccented else each) for each in forms]
    written = [each.replace("\0A", NAME_PARAMETER).replace("\0C", LINK_PARAMETER) for each in plain]
    return list(dict.fromkeys(written))


def parameters_of(text: str) -> tuple[str, list[tuple[str, int]]]:
    """Return a template with `{P}` for each parameter, as the operators write it, and the parameters' types and lengths."""
    return _PARAMETER.sub("{P}", text), [(kind, int(length)) for kind, length in _PARAMETER.findall(text)]
