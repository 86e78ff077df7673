"""Columns that tell ethnic origin or religion, which we may not keep: by their headings or by what they hold. Pure."""

import re
from collections.abc import Iterable

from outreach.people.phone.words import unaccented

_HEADING = re.compile(r"\b(?:(?:dan|sac|d) ?toc|dtts|thieu so|ton ?giao|dao phai|ethnic\w*|religion)\b")
_MAY_BE_HEADING = re.compile(r"d ?t")  # "dân tộc" or "điện thoại", where no phones stand below
_BEFORE = re.compile(r"^(?:dan toc|nguoi|dao) (?=.)")
_SAYS_NONE = {"khong", "ko", "k", "khong co", "khac"}

# The 54 peoples and the religions that Vietnam registers, with the spellings of lists, unaccented and without spaces.
# Left out are those that unaccented are everyday words: Co, Giáy, Mảng, Cống, Bố Y.
_NAMES = """
    kinh viet kinhviet dtts thieuso dantocthieuso
    bana banar bahnar rongao xodang xedang sedang xdang giarai jarai jrai gialai gietrieng giatrieng
    gie trieng jehtrieng jeh brau romam ede rade hre mnong mong hmong meo tay nung thai muong dao
    hoa khmer khome cham sanchay caolan sandiu tho cotu bruvankieu vankieu taoi raglai xtieng stieng coho koho
    khomu choro churu hani lachi laha lahu lao lolo khang ngai odu pathen phula pupeo sila chut xinhmun cor katu
    conggiao thienchua thienchuagiao kito kitogiao tinlanh phat phatgiao caodai hoahao
    phatgiaohoahao hoigiao islam balamon bahai luonggiao khongtongiao khongtheodao
"""
_SAID = frozenset(_NAMES.split())


def is_sensitive_heading(label: str) -> bool:
    """Does a heading announce ethnic origin or religion?"""
    return _HEADING.search(unaccented(label)) is not None


def may_be_sensitive_heading(label: str) -> bool:
    """Is it DT, which stands for ethnic origin as often as for a phone?"""
    return "đ" not in label.lower() and _MAY_BE_HEADING.fullmatch(unaccented(label)) is not None


def tell_of_origin(texts: Iterable[str]) -> bool:
    """Are most of a column's texts peoples or religions? What says that there is none is not counted."""
    before_brackets = (unaccented(text.partition("(")[0]) for text in texts)
    said = [words for words in before_brackets if words and words not in _SAYS_NONE]
    telling = sum(_BEFORE.sub("", words).replace(" ", "") in _SAID for words in said)
    return 2 * telling > len(said)
