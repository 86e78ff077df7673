"""Texts in legacy Vietnamese fonts as Unicode. Pure.

The fonts are TCVN3 (.VnTime) and VNI (VNI-Times). In such a file the font alone made Vietnamese of it:
"NguyÔn V¨n An" (TCVN3) and "Nguyeãn Vaên An" (VNI) are both Nguyễn Văn An. Half of their letters are Vietnamese letters
too, so one word proves nothing: a column, or a row pasted among others, is taken for one of them when far more of its
words are Vietnamese syllables after conversion than before.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from enum import Enum, auto


class LegacyEncoding(Enum):
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
_SINGLE_LETTERS = dict(zip("íìæóòôöîñ", "íìỉĩịơưỵđ", strict=True))
_VNI = {
    **{
        base + mark: unicodedata.normalize("NFC", vowel + marks)
        for base, vowel in zip("aeouyôö", "aeouyơư", strict=True)
        for mark, marks in _MARKS.items()
    },
    **_SINGLE_LETTERS,
}
_VNI_RUN = re.compile("|".join(sorted(map(re.escape, _VNI), key=len, reverse=True)), re.IGNORECASE)
# TCVN3 has no capitals with tones: "Lê Thị ánh" is Lê Thị Ánh.
_NAMED_BEFORE = re.compile(
    r"\b([A-ZĂÂĐÊÔƠƯ]\w* )([àáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]\w*)(?=$|[,;(]| [A-ZĂÂĐÊÔƠƯ])"
)
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
# Vietnamese puts the tone of "ao" on the a and none on an n: so VNI's "Xaõ" (Xã) and "Ñen" (Đen) are recognised.
_MISPLACED_TONE = re.compile(f"(?:[ae][ou]|n)[{_TONES}]")
_ONLY_UNICODE = re.compile(
    "[\u0102\u0103\u0110\u0111\u0128\u0129\u0168\u0169\u01a0\u01a1\u01af\u01b0\u1e00-\u1eff]"
)
# Latin-1 letters that Vietnamese in Unicode does use (Ð is often typed for Đ).
_VIETNAMESE_LATIN1 = "ÀÁÂÃÈÉÊÌÍÐÒÓÔÕÙÚÝàáâãèéêìíòóôõùúý"
_NOT_VIETNAMESE = re.compile(
    f"[{''.join(letter for letter in map(chr, range(0xA1, 0x100)) if letter not in _VIETNAMESE_LATIN1)}]"
    # … and VNI's accents behind a and e.
    "|[aA][àáâãèéêõùúÀÁÂÃÈÉÊÕÙÚ]|[eE][àáâãõùÀÁÂÃÕÙ]"
)


def guess_legacy_encoding(texts: Iterable[str]) -> LegacyEncoding | None:
    """Return the legacy font of these texts, or None if they are Unicode or do not tell."""
    accented = [text for text in texts if not text.isascii()]
    if not accented:
        return None
    as_is = count_syllables(accented)
    counts = {font: count_syllables(to_unicode(text, font) for text in accented) for font in LegacyEncoding}
    best = max(LegacyEncoding, key=counts.__getitem__)
    return best if counts[best] >= 2 and counts[best] > 2 * as_is else None


def is_odd(text: str) -> bool:
    """Check for a letter or sign that Vietnamese in Unicode does not use."""
    return not text.isascii() and _NOT_VIETNAMESE.search(text) is not None


def convert_legacy_row(row: Sequence[object]) -> Sequence[object]:
    """Return a row in a legacy font, pasted among rows in Unicode, converted; any other row as it is.

    Cells with letters that only Unicode has were typed later and do not decide.
    """
    odd = [cell for cell in row if isinstance(cell, str) and is_odd(cell) and not _ONLY_UNICODE.search(cell)]
    font = guess_legacy_encoding(odd)
    return [to_unicode(cell, font) if isinstance(cell, str) else cell for cell in row] if font else row


def to_unicode(text: str, font: LegacyEncoding) -> str:
    """Return the text in Unicode. A text with a letter that legacy fonts lack is Unicode already."""
    if text.isascii() or _ONLY_UNICODE.search(text):
        return text
    if font is LegacyEncoding.TCVN3:
        converted = _WORD.sub(_tcvn3_word, text)
        return _NAMED_BEFORE.sub(lambda found: found[1] + found[2].capitalize(), converted)
    return _VNI_RUN.sub(_vni_letter, text)


def count_syllables(texts: Iterable[str]) -> int:
    """Count the words that are Vietnamese syllables with an accent."""
    return sum(
        1 for text in texts for word in _WORD.findall(text) if not word.isascii() and _is_syllable(word)
    )


def _tcvn3_word(match: re.Match[str]) -> str:
    word = "".join(_TCVN3.get(letter, letter) for letter in match[0])
    plain = [letter for letter in match[0] if letter.isascii() and letter.isalpha()]
    # The font .VnTimeH shows small letters as capitals.
    return word.upper() if len(plain) > 1 and all(map(str.isupper, plain)) else word


def _vni_letter(match: re.Match[str]) -> str:
    letter = _VNI[match[0].lower()]
    return letter.upper() if match[0][0].isupper() else letter


def _is_syllable(word: str) -> bool:
    if not word.isalpha() and not unicodedata.normalize("NFC", word).isalpha():
        return False
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFC", word).lower())
    if sum(letter in _TONES for letter in apart) > 1 or _MISPLACED_TONE.search(apart):
        return False
    plain = "".join(letter for letter in apart if letter not in _TONES)
    return _SYLLABLE.fullmatch(unicodedata.normalize("NFC", plain)) is not None
