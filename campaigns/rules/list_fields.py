"""Fields of a campaign's texts that are columns of its lists, each with what is written for people without a value. Pure.

A person without a value gets the substitute. Without one the field is empty, as a name may be: that is allowed only within
`[…]`, which is then left out, so that nobody reads a sentence with a hole in it.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from outreach.rules.errors import BadCampaign, BadTemplate
from outreach.rules.kept_values import LONGEST_VALUE, Unfit, find_unfit, read_field_name
from outreach.rules.sms_template import FIELDS, Template


def read_substitutes(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the substitutes by field, as a draft has them. Raises BadInput for a wrong name or substitute."""
    fields = {}
    for name, substitute in data.items():
        key, text = read_field_name(str(name)), " ".join(str(substitute or "").split())
        # The officer's own words may name a number to call.
        if text and find_unfit(text) not in (None, Unfit.PHONE, Unfit.ORDER):
            raise BadCampaign("field_substitute_wrong", name=key, most=LONGEST_VALUE)
        fields[key] = text
    return fields


def parse_text(text: str, fields: Mapping[str, str]) -> Template:
    """Return a message's text with the fields that it may have. Raises BadTemplate."""
    return Template.parse(text, allowed=FIELDS | fields.keys())


def check_text(text: str, fields: Mapping[str, str]) -> None:
    """Raise BadTemplate for a text that cannot be read, BadCampaign for a field that may leave a hole in it."""
    for name in sorted(parse_text(text, fields).bare - FIELDS):
        if not fields[name]:
            raise BadCampaign("field_without_substitute", name=name)


def find_holes(texts: Iterable[str], fields: Mapping[str, str]) -> list[str]:
    """Return the fields whose substitute is still to be written, in texts that can be read otherwise."""
    bare: set[str] = set()
    for text in texts:
        with suppress(BadTemplate):
            bare |= parse_text(text, fields).bare
    return [name for name, substitute in fields.items() if name in bare and not substitute.strip()]


def fill_fields(fields: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return what is written for each field: the person's value, or the substitute."""
    return {name: values.get(name) or substitute for name, substitute in fields.items()}
