"""Registered templates: texts that the operators have accepted for a sender, with parameters of a type and a greatest length. Pure.

A parameter is written as `{A30}`: A is letters, digits and spaces without a dot, B the same with a dot, C a link; then the
greatest length. An operator takes three at most. Source: VinaPhone's form of 2020 for templates. It says nothing of the other
signs of an hour, a day or a place ("07:30", "5/12", "thôn 3, xã Đắk Hà"): B takes them until an operator refuses them.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import combinations

from campaigns.rules.list_fields import parse_text
from outreach.rules.errors import BadInput
from outreach.rules.kept_values import LONGEST_VALUE
from outreach.rules.segments import measure, unaccent

MOST_PARAMETERS = 3
LONGEST = 200
_PARAMETER = re.compile(r"\{([ABC])(\d{1,3})\}")
_SIGNS = re.compile(r"[\W_]")
_B = r"(?:(?!://)[\w.:/,-])+"  # no link
_KINDS = {"A": r"[^\W_]+(?: [^\W_]+)*", "B": f"{_B}(?: {_B})*", "C": r"[A-Za-z0-9:/._?=&%#~-]+"}
# What a campaign's fields become in the operator's form.
NAME_PARAMETER, LINK_PARAMETER, FIELD_PARAMETER = "{A30}", "{C60}", f"{{B{LONGEST_VALUE}}}"


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


def renderings(
    text: str, *, names: Iterable[str], link: str, unaccented: bool, fields: Mapping[str, Collection[str]]
) -> Iterable[tuple[str, str]]:
    """Yield names with the text that these people get, and "" with the text without a name.

    `fields` are those of the campaign's lists with all that may be written for them, the substitute among it. Of names, and of
    values, that a parameter cannot tell apart (equal in length and in signs other than letters and digits) one stands for all.
    """
    template = parse_text(text, dict.fromkeys(fields, ""))
    usual = {field: max(values, key=len, default="") for field, values in fields.items()}

    def rendered(values: Mapping[str, str]) -> str:
        whole = template.render({**usual, "link": link, **values})
        return unaccent(whole) if unaccented else whole

    for name in (people := _unlike(names)):
        yield name, rendered({"name": name})
    for field in template.fields & fields.keys():
        for value in _unlike(fields[field]):
            yield people[0] if people else "", rendered({"name": people[0] if people else "", field: value})
    yield "", rendered({"name": ""})


def _unlike(values: Iterable[str]) -> list[str]:
    return list({(len(value), frozenset(_SIGNS.findall(value))): value for value in values}.values())


def as_registered(text: str, *, unaccented: bool, fields: Mapping[str, str]) -> list[str]:
    """Return a text as its templates: whole, and without its optional parts (name, unsubstituted fields)."""
    template = parse_text(text, fields)
    marks = {**dict.fromkeys(fields, "\0B"), "name": "\0A", "link": "\0C"}
    optional = ["name", *(field for field, substitute in fields.items() if not substitute)]
    forms = [
        template.render({**marks, **dict.fromkeys(left_out, "")})
        for n in range(len(optional) + 1)
        for left_out in combinations(optional, n)
    ]
    plain = [_plain(unaccent(each) if unaccented else each) for each in forms]
    parameters = {"\0A": NAME_PARAMETER, "\0B": FIELD_PARAMETER, "\0C": LINK_PARAMETER}
    for mark, parameter in parameters.items():
        plain = [each.replace(mark, parameter) for each in plain]
    return list(dict.fromkeys(plain))


def parameters_of(text: str) -> tuple[str, list[tuple[str, int]]]:
    """Return a template with `{P}` for each parameter, as the operators write it, and the parameters' types and lengths."""
    return _PARAMETER.sub("{P}", text), [(kind, int(length)) for kind, length in _PARAMETER.findall(text)]
