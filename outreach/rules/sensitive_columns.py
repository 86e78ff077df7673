"""Columns with ethnic origin or religion, by their heading or by their cells. Pure.

They are never read: they are sensitive data that we may not keep, and the language to write in is what a campaign needs.
"""

import re
from collections.abc import Iterable

from outreach.rules.phone_numbers import unaccented

_HEADING = re.compile(r"\b(?:(?:dan|sac|d) ?toc|dtts|thieu so|ton ?giao|dao phai|ethnic\w*|religion)\b")
_MAY_BE_HEADING = re.compile(r"d ?t")  # "dân tộc", or "điện thoại" if there are phones below
_PREFIX = re.compile(r"^(?:dan toc|nguoi|dao) (?=.)")
_NO_ORIGIN = {"khong", "ko", "k", "khong co", "khac"}
# The 54 peoples and the religions that Vietnam registers, as spelt in lists, unaccented and without spaces.
# Left out are those that unaccented are everyday words: Co, Giáy, Mảng, Cống, Bố Y.
_ORIGIN_NAMES = """
    kinh viet kinhviet dtts thieuso dantocthieuso
    bana banar bahnar rongao xodang xedang sedang xdang giarai jarai jrai gialai gietrieng giatrieng
    gie trieng jehtrieng jeh brau romam ede rade hre mnong mong hmong meo tay nung thai muong dao
    hoa khmer khome cham sanchay caolan sandiu tho cotu bruvankieu vankieu taoi raglai xtieng stieng coho koho
    khomu choro churu hani lachi laha lahu lao lolo khang ngai odu pathen phula pupeo sila chut xinhmun cor katu
    conggiao thienchua thienchuagiao kito kitogiao tinlanh phat phatgiao caodai hoahao
    phatgiaohoahao hoigiao islam balamon bahai luonggiao khongtongiao khongtheodao
"""
_ORIGINS = frozenset(_ORIGIN_NAMES.split())


def is_sensitive_heading(label: str) -> bool:
    """Check whether a heading names ethnic origin or religion."""
    return _HEADING.search(unaccented(label)) is not None


def may_be_sensitive_heading(label: str) -> bool:
    """Check for the heading DT, which means ethnic origin as often as phone."""
    return "đ" not in label.lower() and _MAY_BE_HEADING.fullmatch(unaccented(label)) is not None


def is_ethnic_origin(texts: Iterable[str]) -> bool:
    """Check whether most of a column's texts are peoples or religions; "none" is not counted."""
    before_brackets = (unaccented(text.partition("(")[0]) for text in texts)
    filled = [words for words in before_brackets if words and words not in _NO_ORIGIN]
    origins = sum(_PREFIX.sub("", words).replace(" ", "") in _ORIGINS for words in filled)
    return 2 * origins > len(filled)
