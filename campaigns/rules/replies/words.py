"""Spelling of replies: words of one spelling, whatever way they were typed (Unicode forms, broken code pages, Telex, VNI, teencode)."""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

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
    what where who why wife wifi sos with work wrong yes you your
"""
ENGLISH = frozenset(_ENGLISH.split())
# Short forms and other spellings, by the word that they stand for.
_SHORT_FORMS = """
    không: k ko kh khg kg hk hok hong hog hông hổng hem hẻm hẽm khum kô k0 kh0ng hôk hôg hok0 nỏ chẳng chả hổn |
    không phải: kp | không biết: kbiet kbit | không được: kdc kđc kodc |
    rồi: r rùi rui ròi òi oy rôi roài roai gòi rr roy rùj ruj dồi rầu zồi dzồi zoi gồi gùi gòy roj |
    được: dc đc đươc đuoc dx đx ddc dcj đựoc | đăng ký: đky dki |
    điện thoại: dt đt dth đth dthoai đthoai fone phone dtdd đtdđ ddt | số điện thoại: sdt sđt | tôi: t toj |
    muốn: mún mun | đừng: đg | đéo: đ | nhắn: nhn | mình: mk mik mjk mềnh mìn | em: e iem | gì: j ji zì rì jì |
    vậy: v z zậy zay dzay dzậy zạy rứa | biết: bik pik bít bjk bjt | giúp: júp jup zup giúm giùm dùm jum |
    hướng dẫn: hd hdan | nhắn tin: nt ib inbox | như thế nào: ntn | xài: sài | xong: xog sog xông xg zong |
    cài: caj kài | chưa: ch chx chwa chuă | stop: stpo sotp stp stopp |
    ok: oke okie okê okla oki okey okay okk okela |
    smartphone: smp smartfone smatphone smarphone smartphon samrtphone | nha: nhá nhaz | vô: zô zo |
    người: ng ngừi | dung lượng: dlg | với: vs zới | về: dìa | giờ: chừ giừ | đó: nớ | bữa: bựa | nữa: nựa |
    làm: lm mần | luôn: lun | thôi: thui | vui: zui | trước: trc | hôm nay: hnay | quá: wa wá qá | nhiều: nhìu
"""
TEENCODE = {
    spelling: word.strip()
    for word, spellings in (line.split(":") for line in _SHORT_FORMS.split("|"))
    for spelling in spellings.split()
}
# Stop words that people spell letter by letter: T/C, H.U.Y.
SPELLED_OUT = frozenset({"tc", "huy", "dung", "stop"})
# Stop words written together with others: STOPALL, HUYDK, TC1.
_glued_stop = re.compile(
    "(stop|tc|hủy|huỷ|ngừng|(?:huy|ngung)(?![1-5]$))(all|dk|đk|dky|dv|qc|sms|tin|now|tb|nhan|[1-9][0-9]*)"
).fullmatch
# A menu number written together with a particle: 1nha, 2ạ.
_glued_number = re.compile("([1-9])(ạ|nha|nhe|nhé|nhá|r|roi|rồi)").fullmatch
_NO_MARKS = str.maketrans("", "", "?,.;:!\n()/")


@lru_cache(maxsize=4096)
def split_words(text: str) -> tuple[str, ...]:
    """Split a reply into lower-case words in one spelling, "?" and "," for breaks; other signs go."""
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
    return tuple(word for piece in pieces for word in _spell(piece))


@lru_cache(maxsize=4096)
def plain_words(text: str) -> tuple[str, ...]:
    """Split a reply into words without accents and marks."""
    return tuple(unaccent_word(word) for word in split_words(text) if word not in (",", "?"))


@lru_cache(maxsize=20_000)
def _spell(piece: str) -> tuple[str, ...]:
    if not piece[0].isalnum():
        return ("?",) if "?" in piece else (",",)
    if piece.isdecimal():
        return (str(int(piece)) if len(piece) < 9 else "0",)
    piece = piece.lower()
    if glued := _glued_stop(piece) or _glued_number(piece):
        return tuple(word for part in glued.groups() for word in _spell(part))
    piece = _without_habits(piece)
    decoded = read_keystrokes(piece) or piece
    for spelling in (piece, decoded):
        if spelling in TEENCODE:
            return tuple(TEENCODE[spelling].split())
    return (decoded[:-2] + _OLD_STYLE.get(decoded[-2:], decoded[-2:]),)


def _without_habits(piece: str) -> str:
    """Return a lower-case word with đ for "dd", stretched and doubled letters once and cut endings whole."""
    if piece[:2] in ("dd", "d9") and ("đ" + piece[2:] in TEENCODE or not piece.isascii()):
        piece = "đ" + piece[2:]
    if piece not in TEENCODE:
        piece = _stretched.sub(r"\1", piece)
    if piece in TEENCODE or piece in ENGLISH:
        return piece
    return _cut_ending.sub("ng", _doubled_ending.sub(r"\1", piece))


@lru_cache(maxsize=20_000)
def unaccent_word(word: str) -> str:
    """Return a lower-case word without accents."""
    return _marks.sub("", unicodedata.normalize("NFD", word)).replace("đ", "d")


MOST_KEYS = 12
"""Keys of the longest syllable (`nghieeengs`) and a slip or two; time grows with the square."""


def read_keystrokes(piece: str) -> str:
    """Return the word typed as raw Telex or VNI keystrokes (`roofi`, `ro62i`), or "" if it is neither."""
    if len(piece) > MOST_KEYS or not piece.isascii() or _syllable(piece) or piece in ENGLISH or "0" in piece:
        return ""
    start = _onset.match(piece)
    onset = start[0] if start else ""
    typed = _Typed("d" if onset == "dd" else onset, has_bar=onset == "dd")
    for key in piece[len(onset) :]:
        typed.press(_VNI.get(key, key))
    return typed.spelled() if _syllable(typed.onset + "".join(typed.letters)) else ""


@dataclass(slots=True)
class _Typed:
    """A syllable as its keys make it: the letters behind the onset, and marks over them by their index."""

    onset: str
    has_bar: bool  # the onset's d is đ
    letters: list[str] = field(default_factory=list)
    marks: dict[int, str] = field(default_factory=dict)
    tone: str = ""

    def press(self, key: str) -> None:
        """Take a key: a tone, the bar, a mark over letters before it, or a letter."""
        if key in TONES and self._vowels() and not self.tone:
            self.tone = TONES[key]
        elif key == "d" and self.onset[:1] == "d" and not self.has_bar:
            self.has_bar = True
        elif key == "w" and (horned := self._unmarked("aou")):
            self._add_horns(horned)
        elif key == "w" and not self._vowels():
            self.marks[len(self.letters)] = HORN
            self.letters.append("u")
        elif roofed := self._unmarked("aeo" if key == "^" else key if key in "aeo" else ""):
            self.marks[roofed[-1]] = CIRCUMFLEX
        else:
            self.letters.append(key)

    def _add_horns(self, at: list[int]) -> None:
        """Mark o and u with a horn; a with a breve, unless a u takes the key."""
        for index in at:
            if self.letters[index] != "a":
                self.marks[index] = HORN
            elif "u" not in self.letters:
                self.marks[index] = BREVE

    def _vowels(self) -> list[int]:
        return [index for index, letter in enumerate(self.letters) if letter in "aeiouy"]

    def _unmarked(self, among: str) -> list[int]:
        return [
            index for index, letter in enumerate(self.letters) if letter in among and index not in self.marks
        ]

    def spelled(self) -> str:
        """Return the word, "" if no key was a mark: then it is no typed one."""
        if not (self.tone or self.marks or self.has_bar):
            return ""
        if self.tone and (vowels := self._vowels()):
            is_closed = self.letters[-1] not in "aeiouy"
            at = max(self.marks) if self.marks else vowels[-1] if is_closed else vowels[-2:][0]
            self.marks[at] = self.marks.get(at, "") + self.tone
        letters = (letter + self.marks.get(index, "") for index, letter in enumerate(self.letters))
        onset = "đ" + self.onset[1:] if self.has_bar else self.onset
        return unicodedata.normalize("NFC", onset + "".join(letters))
