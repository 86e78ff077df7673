"""The colours of the pages: named once, readable by day and in the dark."""

import re
from pathlib import Path

import pytest

from tests.support.tables import words

STATIC = Path(__file__).resolve().parents[2] / "admin" / "static"
NAMED = (STATIC / "admin.css").read_text()
LIGHT, DARK = re.findall(r":root \{([^}]+)\}", NAMED)
# What is written in a colour, and the grounds that it is written on.
WRITTEN = {
    "ink": ("paper", "ground", "soft", "field", "mine", "mark", "brand-pale", "bad-pale", "warn-pale", "tag"),
    "muted": ("paper", "ground", "soft", "brand-pale"),
    "brand": ("paper", "ground", "brand-pale", "bad-pale", "warn-pale", "info-pale"),
    "brand-dark": ("paper", "ground"),
    "good": ("good-pale", "paper"),
    "warn": ("warn-pale", "paper"),
    "bad": ("bad-pale", "paper", "ground"),
    "info": ("info-pale", "paper"),
    "tag-ink": ("tag",),
    "white": ("solid", "top", "alarm"),
}
# What is seen without being read: the edge of a field, the bars beside their words.
SEEN = {"edge-field": ("field",), **dict.fromkeys(("bar", "bar-good", "bar-info", "bar-bad"), ("paper",))}


def colours(mode):
    """Return the named colours of a mode; what the dark one does not change is as by day."""
    named = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", LIGHT)) | {"white": "#fff"}
    return named | (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", DARK)) if mode == "dark" else {})


def brightness(colour):
    """Return the relative luminance of WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((brightness(one), brightness(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(WRITTEN, 4.5), (SEEN, 3.0)], ids=["written", "seen"])
def test_colours_stand_out_from_their_ground(mode, pairs, least):
    named, pale = colours(mode), []
    for colour, grounds in pairs.items():
        for ground in grounds:
            if (ratio := contrast(named[colour], named[ground])) < least:
                pale.append(f"{colour} on {ground}: {ratio:.2f}")
    assert pale == []


def test_a_style_sheet_names_its_colours():
    """White on a solid ground, shadows and what is printed are the same in both modes; anything else has a name."""
    kept = {*words("#fff #000 #0003 #0005 #0a1f2680 #17252a #083f4a #7fa3ab #cfe0e3 #7d1a20")}
    map_levels = {"#e3f0f2", "#bfdde2", "#8cc0c9", "#2c7a89", "#0b5563", "#1f6f43"}
    unnamed = {
        f"{file.name}: {colour}"
        for file in sorted(STATIC.glob("*.css"))
        if file.name != "visit_sheet_print.css"
        for colour in re.findall(r"#[0-9a-f]{3,8}\b", file.read_text().replace(LIGHT, "").replace(DARK, ""))
        if colour not in kept | (map_levels if file.name == "progress.css" else set())
    }
    assert unnamed == set()
