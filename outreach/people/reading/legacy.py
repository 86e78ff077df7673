"""Texts in the fonts of before Unicode, TCVN3 (.VnTime) and VNI (VNI-Times), recognised and converted. Pure.

In such a file the font alone made Vietnamese of it: "NguyÔn V¨n An" (TCVN3) and "Nguyeãn Vaên An" (VNI) are both
Nguyễn Văn An. Half of their letters are Vietnamese letters too, so one word proves nothing: a column, or a row pasted among
others, is taken for one of them when far more of its words become Vietnamese syllables than are so as they stand.
"""

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum, auto

from outreach.people.reading.cells import Row


class Font(Enum):
    TCVN3 = auto()
    VNI = auto()


# The letter and its code, as in TCVN 5712:1993 (the bytes read as windows-1252).
_TCVN3 = dict(
    zip(
        "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ¡¢£¤¥¦§",
        "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĂÂÊÔƠƯĐ",
        strict=True,
    )
)
# VNI writes the accent as a letter behind the vowel; a few letters stand for themselves.
_MARKS = {
    **{"ù": "\u0301", "ø": "\u0300", "û": "\u0309", "õ": "\u0303", "ï": "\u0323"},
    **{"â": "\u0302", "á": "\u0302\u0301", "à": "\u0302\u0300", "å": "\u0302\u0309", "ã": "\u0302\u0303"},
    **{"ä": "\u0302\u0323", "ê": "\u0306", "é": "\u0306\u0301", "è": "\u0306\u0300", "ú": "\u0306\u0309"},
    **{"ü": "\u0306\u0303", "ë": "\u0306\u0323"},
}
_ALONE = dict(zip("íìæóòôöîñ", "íìỉĩịơưỵđ", strict=True))
_VNI = {
    **{
        base + mark: unicodedata.normalize("NFC", vowel + marks)
        for base, vowel in (
            ("a", "a"),
            ("e", "e"),
            ("o", "o"),
            ("u", "u"),
            ("y", "y"),
            ("ô", "ơ"),
            ("ö", "ư"),
        )
        for mark, marks in _MARKS.items()
    },
    **_ALONE,
}
_VNI_RUN = re.compile("|".join(sorted(map(re.escape, _VNI), key=len, reverse=True)), re.IGNORECASE)

_WORD = re.compile(r"[^\s\d.,;:/()\"'!?+\-_\[\]]+")
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_NUCLEI = (
    "iêu yêu oai oay oao oeo uây uôi ươi ươu uya uyê uyu ai ao au ay âu ây eo êu ia iê iu oa oă oe oi oo ôi ơi ua uâ "
    "uê ui uô uơ uy ưa ưi ươ ưu yê a ă â e ê i o ô ơ u ư y"
)
_SYLLABLE = re.compile(
    r"(?:ngh|ng|nh|gh|gi|kh|ph|th|tr|ch|qu|[bcdđghklmnpqrstvx])?"
    rf"(?:{'|'.join(_NUCLEI.split())})(?:ng|nh|ch|[ckmnpt])?"
)
# Vietnamese puts the tone of "ao" on the a and none on an n, which tells VNI's "Xaõ" (Xã) and "Ñen" (Đen) from it.
_MISPLACED_TONE = re.compile(f"(?:[ae][ou]|n)[{_TONES}]")
_ONLY_UNICODE = re.compile(
    "[\u0102\u0103\u0110\u0111\u0128\u0129\u0168\u0169\u01a0\u01a1\u01af\u01b0\u1e00-\u1eff]"
)

# Of Latin-1 what Vietnamese in Unicode does not need (Ð is often typed for Đ), and VNI's accents behind a and e.
_NEEDED = "ÀÁÂÃÈÉÊÌÍÐÒÓÔÕÙÚÝàáâãèéêìíòóôõùúý"
_HARDLY_VIETNAMESE = re.compile(
    f"[{''.join(letter for letter in map(chr, range(0xA1, 0x100)) if letter not in _NEEDED)}]"
    "|[aA][àáâãèéêõùúÀÁÂÃÈÉÊÕÙÚ]|[eE][àáâãõùÀÁÂÃÕÙ]"
)


def guess_font(texts: Iterable[str]) -> Font | None:
    """The old font that these texts were written in; None where they are Unicode or say nothing."""
    accented = [text for text in texts if not text.isascii()]
    if not accented:
        return None
    as_is = count_syllables(accented)
    counts = {font: count_syllables(to_unicode(text, font) for text in accented) for font in Font}
    best = max(Font, key=counts.__getitem__)
    return best if counts[best] >= 2 and counts[best] > 2 * as_is else None


def is_odd(text: str) -> bool:
    """Does it hold a letter or sign that Vietnamese in Unicode does not need?"""
    return not text.isascii() and _HARDLY_VIETNAMESE.search(text) is not None


def mend_row(row: Row) -> Row:
    """A row in an old font among rows in Unicode, converted; any other as it is. Cells typed afterwards say nothing."""
    odd = [cell for cell in row if isinstance(cell, str) and is_odd(cell) and not _ONLY_UNICODE.search(cell)]
    font = guess_font(odd)
    return [to_unicode(cell, font) if isinstance(cell, str) else cell for cell in row] if font else row


def to_unicode(text: str, font: Font) -> str:
    """The text in Unicode. What holds a letter that the old fonts do not have is Unicode already."""
    if text.isascii() or _ONLY_UNICODE.search(text):
        return text
    if font is Font.TCVN3:
        return _WORD.sub(_tcvn3_word, text)
    return _VNI_RUN.sub(_vni_letter, text)


def count_syllables(texts: Iterable[str]) -> int:
    """How many words are Vietnamese syllables with an accent."""
    return sum(
        1 for text in texts for word in _WORD.findall(text) if not word.isascii() and _is_syllable(word)
    )


def _tcvn3_word(found: re.Match[str]) -> str:
    word = "".join(_TCVN3.get(letter, letter) for letter in found[0])
    plain = [letter for letter in found[0] if letter.isascii() and letter.isalpha()]
    # The font .VnTimeH made capitals of small letters.
    return word.upper() if len(plain) > 1 and all(map(str.isupper, plain)) else word


def _vni_letter(found: re.Match[str]) -> str:
    letter = _VNI[found[0].lower()]
    return letter.upper() if found[0][0].isupper() else letter


def _is_syllable(word: str) -> bool:
    if not word.isalpha() and not unicodedata.normalize("NFC", word).isalpha():
        return False
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFC", word).lower())
    if sum(letter in _TONES for letter in apart) > 1 or _MISPLACED_TONE.search(apart):
        return False
    plain = "".join(letter for letter in apart if letter not in _TONES)
    return _SYLLABLE.fullmatch(unicodedata.normalize("NFC", plain)) is not None
