"""Classifier of replies: label and confidence by readable rules (docs/replies.md).

Before that a reply is brought to one spelling, whatever way it was typed: Unicode forms, broken code pages,
Telex, VNI, teencode.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.patterns import COURTESY, GROUPS, RULES
from campaigns.rules.replies.vocabulary import HARD, MEANINGS

__all__ = ["BLUEZONE", "Classification", "Explanation", "Label", "Vocabulary", "classify", "explain"]


class Classification(NamedTuple):
    """What the sender says about their own phone now; `confidence` is from 0 to 1."""

    label: Label
    confidence: float


@dataclass(frozen=True)
class Vocabulary:
    """Words of a campaign, written with their accents: its action and the thing it is about."""

    verbs: tuple[str, ...]
    """What people are asked to do: cài, tải; tiêm, chích."""
    done: tuple[str, ...]
    """Words that by themselves say it is done."""
    things: tuple[str, ...]
    """Names of the app or the vaccine. Near misspellings of names of five letters or more are recognised."""
    other_things: tuple[str, ...] = ()
    """Names of what is often done instead and does not count."""


BLUEZONE = Vocabulary(
    verbs=(
        "cài", "cài đặt", "cài app", "cài vô", "cài hoài", "cài mãi", "tải", "tải về", "tải xuống", "tải mãi", "quét mã", "cài nó", "cài cái đó/này/ni/nớ",
        "down", "down về", "download", "install", "installing", "set up", "setup",
    ),
    done=("installed", "downloaded", "done installing", "finished installing"),
    things=("bluezone", "blue zone", "blu zone", "blue zon", "blu zon", "app", "apps", "ứng dụng", "phần mềm"),
    other_things=(
        "zalo", "ncovi", "facebook", "fb", "messenger", "tiktok", "youtube", "vssid", "vneid", "gmail", "momo", "game",
        "camera", "win", "sổ sức khỏe", "tiêm", "vaccine", "khai báo", "khai báo y tế", "viettel",
        "báo thức", "tải phim", "tải nhạc", "tải game", "ngân hàng",
    ),
)  # fmt: skip
# Each meaning is one character, so that a reply is a short string and a rule a regular expression over it.
_NAMES = ["VERB", "THING", "OTHERTHING", "DONE", *MEANINGS, "BREAK", "MARK", "NUMBER"]
_SIGN = {name: chr(0x4E00 + at) for at, name in enumerate(_NAMES)}
_NAME = {sign: name for name, sign in _SIGN.items()}
_IGNORED = {_SIGN["PART"], _SIGN["SELF"]}
_FIXED = {",": _SIGN["BREAK"], "?": _SIGN["MARK"]} | {n: _SIGN[f"NUM{n}"] for n in "1234"}
LONGEST = 1600
"""Characters: no SMS is longer (Twilio's limit for a body), and the time of the rules grows with the square."""
_UNSURE = Classification(Label.UNCLEAR, 0.3)


class Explanation(NamedTuple):
    """Reason for a label: the meanings found, in order, and the rule that decided, if any."""

    reply: Classification
    meanings: tuple[str, ...]
    rule: str | None


def classify(text: str, vocabulary: Vocabulary = BLUEZONE) -> Classification:
    """Return the label and confidence of a reply in any spelling. Never raises; an empty reply is unclear.

    Only the first LONGEST characters are read.
    """
    signs = _read_signs(text, vocabulary)
    for reply, search, _ in _RULES:
        if search(signs):
            return reply
    return _UNSURE


def explain(text: str, vocabulary: Vocabulary = BLUEZONE) -> Explanation:
    """Return the same decision with its reasons."""
    signs = _read_signs(text, vocabulary)
    meanings = tuple(_NAME[sign] for sign in signs)
    for reply, search, rule in _RULES:
        if search(signs):
            return Explanation(reply, meanings, rule)
    return Explanation(_UNSURE, meanings, None)


def _read_signs(text: str, vocabulary: Vocabulary) -> str:
    phrases, lengths = _index_phrases(vocabulary)
    words = tuple(split_words(text[:LONGEST], HARD))
    signs: list[str] = []
    position = 0
    while position < len(words):
        for length in lengths.get(words[position], ()):
            sign = phrases.get(words[position : position + length])
            if sign:
                position += length
                if sign not in _IGNORED:
                    signs.append(sign)
                break
        else:
            unknown = _FIXED.get(words[position]) or _read_unknown(words[position], vocabulary)
            # A foreign word is the name of another app if it follows the verb; else it may be a person's name.
            is_kept = unknown != _SIGN["OTHERTHING"] or signs[-1:] == [_SIGN["VERB"]]
            signs.append(unknown if is_kept else _SIGN["X"])
            position += 1
    return _COURTESY.sub("", "".join(signs).strip(_SIGN["BREAK"]))


@lru_cache(maxsize=20_000)
def _read_unknown(word: str, vocabulary: Vocabulary) -> str:
    if word.isdecimal():
        return _SIGN["NUMBER"]
    if len(word) > 4 and any(
        Levenshtein.normalized_similarity(word, thing) > 0.7 for thing in vocabulary.things
    ):
        return _SIGN["THING"]
    # The one long stop word, and the most misspelt.
    if len(word) > 8 and Levenshtein.normalized_similarity(word, "unsubscribe") > 0.7:
        return _SIGN["KEYWORD"]
    return _SIGN["X"] if is_vietnamese(word) else _SIGN["OTHERTHING"]


@lru_cache(maxsize=8)
def _index_phrases(vocabulary: Vocabulary) -> tuple[dict[tuple[str, ...], str], dict[str, list[int]]]:
    """Return phrase -> sign, and first word -> numbers of words of its phrases, the longest first."""
    signs: dict[tuple[str, ...], str] = {}
    campaign_words = {
        "VERB": vocabulary.verbs,
        "THING": vocabulary.things,
        "OTHERTHING": vocabulary.other_things,
        "DONE": vocabulary.done,
    }
    tables = (
        {"X": MEANINGS["X"]} | {name: "|".join(words) for name, words in campaign_words.items()} | MEANINGS
    )
    for name, table in tables.items():
        for phrase in re.split(r"[|\n]", table):
            for choice in product(*(word.split("/") for word in phrase.split())):
                words = [word for part in choice for word in split_words(part, HARD)]
                spellings = [{word, unaccent_word(word)} if len(words) > 1 else {word} for word in words]
                for spelled in product(*spellings):
                    signs.setdefault(spelled, _SIGN[name])
    signs.pop((), None)
    lengths: dict[str, set[int]] = {}
    for spelled in signs:
        lengths.setdefault(spelled[0], set()).add(len(spelled))
    return signs, {word: sorted(counts, reverse=True) for word, counts in lengths.items()}


def _compile(rule: str) -> re.Pattern[str]:
    for group, names in GROUPS.items():
        rule = re.sub(rf"\b{group}\b", names, rule)
    rule = re.sub(r"[A-Z][A-Z0-9]*", lambda name: _SIGN[name[0]], rule)
    return re.compile(rule.replace("~", f"[^{_SIGN['BREAK']}]").replace(" ", ""))


_COURTESY = _compile(COURTESY)
_RULES = [
    (Classification(label, confidence), _compile(rule).search, rule) for label, confidence, rule, _ in RULES
]


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
    after already app apps as at been does done down error for free has have her his how is its lag more need no nor not now
    number of or other out person please post reset scan sir sms soft soon sorry stop test this us use user was we were
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


def split_words(text: str, accented: frozenset[str]) -> list[str]:
    """Split a reply into words in one spelling, with "?" for a question mark and "," for any other break.

    Words lose their accents, except those in `accented`, where the accents distinguish two words.
    Anything that is not a word or a mark (emoji, symbols) is skipped.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        if _is_cp1258(text):
            text = unicodedata.normalize("NFC", text.translate(_CP1258))
    pieces = _pieces(text)
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


def unaccent_word(word: str) -> str:
    """Return a lower-case word without accents."""
    return _marks.sub("", unicodedata.normalize("NFD", word)).replace("đ", "d")


def is_vietnamese(word: str) -> bool:
    """Return whether an unaccented word may be a Vietnamese syllable rather than a foreign name."""
    return _syllable(word) is not None


def read_keystrokes(piece: str) -> str:
    """Return the word typed as raw Telex or VNI keystrokes (`roofi`, `ro62i`), or "" if it is neither."""
    if not piece.isascii() or _syllable(piece) or piece in ENGLISH or "0" in piece:
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
