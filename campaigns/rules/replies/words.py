"""Spelling of replies: words of one spelling, whatever way they were typed (Unicode forms, broken code pages, Telex, VNI, teencode)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Generic, TypeVar

TONES = {"s": "\u0301", "f": "\u0300", "r": "\u0309", "x": "\u0303", "j": "\u0323"}
CIRCUMFLEX, HORN, BREVE = "\u0302", "\u031b", "\u0306"
# VNI's digits as Telex letters; 6 to 9 are the circumflex, horn and breve of a vowel, and the bar of đ.
_VNI = {"1": "s", "2": "f", "3": "r", "4": "x", "5": "j", "6": "^", "7": "w", "8": "w", "9": "d"}
# Windows-1258 encodes tones as separate marks; decoded as Western text they become these letters.
_CP1258 = str.maketrans("ÌìÒòÞÐðÃãÕõÝý", "\u0300\u0301\u0309\u0323\u0303ĐđĂăƠơƯư")
# Traces that only this decoding error leaves: foreign letters, a tone letter after a vowel, ý before a letter.
_is_cp1258 = re.compile(
    "[ðÐÞ]|[a-zà-ỹ][ÌÒ]|(?<![qQ])[aeouyâêôãõýAEOUYÂÊÔÃÕÝ][ìòÌÒ]|(?<!g)iò|(?<!G)IÒ|iì|IÌ|[ýÝ][a-zà-ỹA-Z]"
).search
# The tone is on either vowel of these pairs, by new or old spelling: hoà and hòa, huỷ and hủy.
_OLD_STYLE = {
    unicodedata.normalize("NFC", pair + mark): unicodedata.normalize("NFC", pair[0] + mark + pair[1])
    for pair in ("oa", "oe", "uy")
    for mark in TONES.values()
}
_pieces = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*|[?,.;:!\n()/]+").findall
_stretched = re.compile(r"(.)\1{2,}")
# No syllable ends in a vowel and g ("dừg" is short for "dừng") or in a doubled letter ("đừngg").
_cut_ending = re.compile("(?<=[aeiouyà-ỹ])g$")
_doubled_ending = re.compile(r"(?<=..)([ginh])\1$")
_marks = re.compile("[\u0300-\u036f]")
_onset = re.compile("(?:ngh|dd|[ckgnt]h|gi(?=[aeouy])|ng|ph|qu|tr|[bcdghklmnpqrstvx])?")
_syllable = re.compile(
    "(?:ngh|[ckgnt]h|gi|ng|ph|qu|tr|[bcdghklmnpqrstvx])?"
    "(?:a[iouy]?|e[ou]?|i[aeu]?|ieu|o[aei]?|oa[iy]|u[aeiouy]?|uo[iu]|uy[ae]|uay|y[eu]?|yeu)(?:ch|ng|nh|[cmnpt])?"
).fullmatch
# English words that must not be read as Telex keystrokes.
_ENGLISH = """
    after already app apps as at been chest does done down error for free has have her his how is its lag more need no nor not now
    number of or other out person please post reset roof scan sir sms soft soon sorry stop test this us use user was we were
    what where who why wife wifi with work wrong yes you your
"""
ENGLISH = frozenset(_ENGLISH.split())
TEENCODE = {
    spelling: word
    for word, spellings in {
        "khong": "k ko kh khg kg hk hok hong hog hông hổng hem hẻm hẽm khum kô k0 kh0ng hôk hôg hok0 nỏ chẳng chả chang",
        "khong phai": "kp",
        "khong biet": "kbiet kbit",
        "khong duoc": "kdc kđc kodc",
        "roi": "r rùi rui ròi òi oy rôi roài roai gòi rr roy rùj ruj rou dồi rầu zồi dzồi zoi gồi gùi gòy ùi roj",
        "duoc": "dc đc dk đươc đuoc dx đx ddc dcj đựoc",
        "dang ky": "đk đky dki",
        "dien thoai": "dt đt dth đth dthoai đthoai fone phone dtdd đtdđ ddt",
        "so dien thoai": "sdt sđt",
        "toi": "t toj",
        "muon": "mún mun",
        "dung": "dg",
        "đừng": "đg",
        "deo": "đ",
        "nhan": "nhn",
        "minh": "mk mik mjk mềnh mìn",
        "em": "e iem",
        "gi": "j ji zì rì jì",
        "vay": "v z zậy zay dzay dzậy zạy",
        "biet": "bit bik pit bt bít bjk bjt pik",
        "giup": "júp jup zup giúm giùm gium dùm dum",
        "huong dan": "hd hdan",
        "nhan tin": "nt ib inbox",
        "nhu the nao": "ntn",
        "xai": "sài",
        "xong": "xog sog song sông xg zong",
        "cai": "caj kai kài càj cày cay",
        "chua": "ch chx chwa chuă",
        "stop": "stpo sotp stp stopp",
        "ok": "oke okie okê okla oki okey okay okk okela",
        "smartphone": "smp smartfone smatphone smarphone smartphon samrtphone",
        "nha": "nhá nhaz",
        "vo": "zô zo vào vao vô dô",
        "nguoi": "ng",
        "dung luong": "dlg",
    }.items()
    for spelling in spellings.split()
}
# Words written as one.
_GLUED = """
    cairoi caixong caixongroi caiduoc caidat dacai dacairoi dacaidat chuacai chuacaiduoc khongcai khongcaiduoc
    tairoi datai dataixong xongroi so1 so2 so3 so4
"""
_parts = re.compile("khong|chua|duoc|xong|cai|tai|roi|dat|da|so|[1-4]").findall
TEENCODE |= {glued: " ".join(_parts(glued)) for glued in _GLUED.split()}
# Stop words that people spell letter by letter: T/C, H.U.Y.
SPELLED_OUT = frozenset({"tc", "huy", "dung", "stop"})
# Stop words written together with others: STOPALL, HUYDK, TC1.
_glued_stop = re.compile(
    "(stop|tc|hủy|huỷ|ngừng|(?:huy|ngung)(?![1-5]$))(all|dk|đk|dky|dv|qc|sms|tin|now|tb|nhan|[1-9][0-9]*)"
).fullmatch
# A menu number written together with a particle: 1nha, 2ạ.
_glued_number = re.compile("([1-4])(ạ|nha|nhe|nhé|nhá|r|roi|rồi)").fullmatch
_NO_MARKS = str.maketrans("", "", "?,.;:!\n()/")


_Meaning = TypeVar("_Meaning")


class Phrases(dict[str, "Phrases[_Meaning]"], Generic[_Meaning]):
    """Phrases by their words: each word leads to those that may follow it. `means` is the meaning of the phrase that ends here, if one does."""

    __slots__ = ("means",)

    def __init__(self, means: _Meaning | None = None) -> None:
        self.means = means

    @classmethod
    def of(cls, meanings: Mapping[tuple[str, ...], _Meaning]) -> Phrases[_Meaning]:
        """Return these phrases, none of them empty."""
        start = cls()
        for phrase, meaning in meanings.items():
            place = start
            for word in phrase:
                place = place.setdefault(word, cls())
            place.means = meaning
        return start


def split_words(text: str, accented: frozenset[str]) -> list[str]:
    """Split a reply into words in one spelling, with "?" for a question mark and "," for any other break.

    Words lose their accents, except those in `accented`, where the accents distinguish two words.
    Anything that is not a word or a mark (emoji, symbols) is skipped.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        if _is_cp1258(text):
            text = unicodedata.normalize("NFC", text.translate(_CP1258))
    # A heart is no digit of the menu.
    pieces = _pieces(text.replace("<3", " "))
    if (
        len(pieces) > 1
        and len(pieces[0]) == 1
        and "".join(pieces).lower().translate(_NO_MARKS) in SPELLED_OUT
    ):
        pieces = ["".join(filter(str.isalpha, pieces))]
    words: list[str] = []
    for piece in pieces:
        words += _spell(piece, accented)
    return words


@lru_cache(maxsize=20_000)
def _spell(piece: str, accented: frozenset[str]) -> tuple[str, ...]:
    if not piece[0].isalnum():
        return ("?",) if "?" in piece else (",",)
    if piece.isdecimal():
        return (str(int(piece)) if len(piece) < 9 else "0",)
    piece = piece.lower()
    if glued := _glued_stop(piece) or _glued_number(piece):
        return tuple(word for part in glued.groups() for word in _spell(part, accented))
    if piece[:2] in ("dd", "d9") and ("đ" + piece[2:] in TEENCODE or not piece.isascii()):
        piece = "đ" + piece[2:]
    if piece not in TEENCODE:
        piece = _stretched.sub(r"\1", piece)
    if piece not in TEENCODE and piece not in ENGLISH:
        piece = _cut_ending.sub("ng", _doubled_ending.sub(r"\1", piece))
    decoded = read_keystrokes(piece) or piece
    for spelling in (piece, decoded):
        if spelling in accented:
            return (spelling,)
        if spelling in TEENCODE:
            return tuple(TEENCODE[spelling].split())
    plain = unaccent_word(decoded)
    for new_style in _OLD_STYLE:
        if new_style in decoded and decoded.replace(new_style, _OLD_STYLE[new_style]) in accented:
            return (decoded.replace(new_style, _OLD_STYLE[new_style]),)
    return tuple(TEENCODE.get(plain, plain).split())


@lru_cache(maxsize=20_000)
def unaccent_word(word: str) -> str:
    """Return a lower-case word without accents."""
    return _marks.sub("", unicodedata.normalize("NFD", word)).replace("đ", "d")


def is_vietnamese(word: str) -> bool:
    """Return whether an unaccented word may be a Vietnamese syllable rather than a foreign name."""
    return _syllable(word) is not None


MOST_KEYS = 12
"""Keys of the longest syllable (`nghieeengs`) and a slip or two; time grows with the square."""


def read_keystrokes(piece: str) -> str:
    """Return the word typed as raw Telex or VNI keystrokes (`roofi`, `ro62i`), or "" if it is neither."""
    if len(piece) > MOST_KEYS or not piece.isascii() or _syllable(piece) or piece in ENGLISH or "0" in piece:
        return ""
    start = _onset.match(piece)
    onset = start[0] if start else ""
    rest = piece[len(onset) :]
    has_bar = onset == "dd"
    onset = "d" if has_bar else onset
    letters: list[str] = []
    marks: dict[int, str] = {}
    tone = ""
    for key in rest:
        key = _VNI.get(key, key)
        vowels = [index for index, letter in enumerate(letters) if letter in "aeiouy"]
        unmarked = [index for index in vowels if index not in marks]
        if key in TONES and vowels and not tone:
            tone = TONES[key]
        elif key == "d" and onset[:1] == "d" and not has_bar:
            has_bar = True
        elif key == "w" and any(letters[index] in "aou" for index in unmarked):
            for index in unmarked:
                if letters[index] in "ou" or (letters[index] == "a" and "u" not in letters):
                    marks[index] = BREVE if letters[index] == "a" else HORN
        elif key == "w" and not vowels:
            marks[len(letters)] = HORN
            letters.append("u")
        elif key == "^" and any(letters[index] in "aeo" for index in unmarked):
            marks[[index for index in unmarked if letters[index] in "aeo"][-1]] = CIRCUMFLEX
        elif key in "aeo" and any(letters[index] == key for index in unmarked):
            marks[[index for index in unmarked if letters[index] == key][-1]] = CIRCUMFLEX
        else:
            letters.append(key)
    if not (tone or marks or has_bar) or not _syllable(onset + "".join(letters)):
        return ""
    vowels = [index for index, letter in enumerate(letters) if letter in "aeiouy"]
    if tone and vowels:
        is_closed = letters[-1] not in "aeiouy"
        tone_at = max(marks) if marks else vowels[-1] if is_closed else vowels[-2:][0]
        marks[tone_at] = marks.get(tone_at, "") + tone
    word = "".join(letter + marks.get(index, "") for index, letter in enumerate(letters))
    return unicodedata.normalize("NFC", ("đ" if has_bar else "") + (onset[1:] if has_bar else onset) + word)
