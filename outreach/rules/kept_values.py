"""Values of a list's own columns that are kept for each person and written into texts: a place to meet, an hour. Pure.

Such a column is a field of the texts of the list's campaigns, by a name of its own. Values are personal data and come from
files of unknown hands: one that would change what a text is, as a link or a number to call, is not kept.

Columns with ethnic origin or religion are never read: they are sensitive data that we may not keep, and the language to
write in is what a campaign needs. They are known by their heading or by their cells.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from enum import StrEnum
from functools import lru_cache

from outreach.rules.cells import Row, cell_text
from outreach.rules.errors import BadInput
from outreach.rules.people_beside import is_sentence
from outreach.rules.phone_numbers import mentions_identity_paper, unaccented
from outreach.rules.phone_texts import read_phone_in_text
from outreach.rules.segments import TYPOGRAPHIC, unaccent

_SENSITIVE_HEADING = re.compile(
    r"\b(?:(?:dan|sac|d) ?toc|dtts|thieu so|ton ?giao|dao phai|ethnic\w*|religion)\b"
)
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
    return _SENSITIVE_HEADING.search(unaccented(label)) is not None


def may_be_sensitive_heading(label: str) -> bool:
    """Check for the heading DT, which means ethnic origin as often as phone."""
    return "đ" not in label.lower() and _MAY_BE_HEADING.fullmatch(unaccented(label)) is not None


def is_ethnic_origin(texts: Iterable[str]) -> bool:
    """Check whether most of a column's texts are peoples or religions; "none" is not counted."""
    before_brackets = (unaccented(text.partition("(")[0]) for text in texts)
    filled = [words for words in before_brackets if words and words not in _NO_ORIGIN]
    origins = sum(_PREFIX.sub("", words).replace(" ", "") in _ORIGINS for words in filled)
    return 2 * origins > len(filled)


MOST_FIELDS = 5  # of a file
LONGEST_NAME = 30
# A place to meet with its commune fits; what is longer is a note. Less than a further segment holds (67), so that one
# value makes a text longer by one segment at most.
LONGEST_VALUE = 60
PREFIX = "field:"  # of a column's meaning, before the field's name
_RESERVED = frozenset({"name", "link", "time"})
_NAME = re.compile(r"[^\W\d_][^\W_]*(?: [^\W_]+)*")
_NO_NAME = re.compile(r"[\W_]+")
_HEADING = re.compile(r"\{([^{}]*)\}")
# Letters as Vietnam's languages write them, digits and signs; all of GSM-7 once the accents are gone.
_WRITTEN = re.compile(r"[A-Za-z0-9 .,;:/()%+&'\"!?#*=@$_-]+")
_ADDRESS = re.compile(
    r": ?/ ?/|\bwww\b|\w ?@\w|(?:\b\w[ .-]+){7}|\b[\w-]+\.[a-z]{2,}[/?:#]\S|\b[a-z]+:\d{4,5}/[a-z]",
    re.IGNORECASE,
)
_MARKS = re.compile("[\u0300-\u036f]")  # that no letter has taken in
# What a reader is to make an address of: "nhan-qua chấm com", "nhan-qua(.)com", "zalo: nhanqua88".
_TOLD_ADDRESS = re.compile(
    r"\w ?\(?(?: \.|[.,]) ?\)? ?(?:com|org|info|xyz|icu)\b|\w ?\( ?[.,] ?\) ?[a-z]"
    r"|\b(?:zalo|viber|telegram|tele|facebook|fb) ?: ?[a-z]+\d"
)
_TOLD_END = re.compile(r"\b(?:cham|dot)[ )\]]+([a-z]+)\b|\w \. ?([a-z]+)\b")
_HOST = re.compile(r"(?<![\w.-])((?:[\w-]+\.)+|[\w-]+,(?=\w+/\w))([a-z]{2,24})(?![\w-])", re.IGNORECASE)
# Ends of host names: every country's, and those of which phones make links and that are sold widely.
_ENDS = frozenset(
    """ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd cf cg ch ci ck
    cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs
    gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu
    lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl
    pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn
    to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
    academy agency app arpa art asia autos bank bar beauty bet bid bio biz blog boats bond boutique business buzz cafe cam camp capital
    care cash casino cat center cfd chat church city claims click clinic cloud club codes coffee com community company consulting
    contact cool coupons credit cyou dating day deals delivery design dev digital direct directory doctor download edu email energy
    engineer event events exchange expert express family fan fans farm finance financial fit flights foundation fun fund fyi gallery game
    games gift gifts gives global gold gov group guide guru hair health help homes hospital host hosting house icu ink int institute
    insure international investments jobs kim land legal life limited link live loan loans lol lotto love ltd makeup marketing mba media
    mil mobi mom money monster motorcycles museum name net network news ninja one online org page partners parts party pay photo photos
    pics pink plus poker porn press pro promo property pub qpon quest racing realestate red rent rest review rich rip rocks run sale
    sbs school science security services sex shop site ski social software solar solutions space store stream studio style support
    surf systems tax team tech tel today tools top tours town toys trade trading training travel tube university uno vacations vegas
    video vip vision vote voyage watch webcam website wiki win wine work works world wtf xyz yachts yoga zip zone mov foo nexus""".split()  # noqa: SIM905
)
# Those that are told in words: of two letters most are syllables.
_TOLD_ENDS = {end for end in _ENDS if len(end) > 2} | {"vn", "cc", "io"}
# A word and the short number that it is to be sent to.
_SENT_TO = re.compile(
    r"\b(?:soan|nhan tin)\b.*\b(?:gui|den|toi|qua)\b\D{0,15}\d{3,5}\b"
    r"|\b(?:gui|nhan tin)(?: (?:den|toi|qua|so|dau|tong|dai))* [1-9]\d{2,4}\s*$"
)
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff ]+")
# What an office shortens before a capital: TP.Kon Tum, Q.1, BS.Lan.
_SHORT = re.compile(
    r"(?:[A-ZĐÔ][a-zđ]?|TP|TX|TT|BS|TS|Th[Ss]|GS|PGS|CN|KS|DS|ĐD|YS|TDP|UBND|THCS|THPT|TH|MN|NVH|TYT|BV)\."
)
_FOUR_PARTS = re.compile(
    r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?!000)(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])"
)
# Days, hours and amounts have digits in groups, and are no numbers of anything.
_COUNTED = re.compile(
    r"(?<![\d.])(?:20\d\d-\d\d-\d\d(?![\d-])"
    r"|(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|\d{1,2} ?[:.h]\d{2}|\d{1,3}(?:[., ]\d{3})+)(?![\d.]|[ -]\d))"
)
_GROUPS = re.compile(r"\d(?:[ .-]{0,3}\d){7}")
_ACCOUNT = re.compile(
    r"\b(?:stk|tk|so tai khoan|tai khoan|account|acc|[a-z]*bank|vcb|bidv|mb|momo|vi dien tu|zalopay|usdt)\b"
)
# Of an identity card, an insurance card or an account: what nobody needs in a text, and what others may read on a phone.
_LONG_NUMBER = re.compile(r"\d{9}|(?:\d{4}[ .-]){2}\d{4}")
_PRIVATE = re.compile(r"\b(?:hiv|aids|chan doan|benh(?! vien\b))\b")
# What offices ask for in a text that somebody approves, and thieves in a list: codes, passwords, money, an installation.
_ORDER = re.compile(
    r"\b(?:otp|mat khau|password|cvv|the cao|ma the|nap the|chuyen khoan|vi (?:zalopay|momo|dien tu)|(?:tai|cai) (?:app|ung dung)"
    r"|ultraviewer|teamviewer|anydesk|telegram|viber|fb|facebook|ket ban|duong dan|link|bam vao|gui lai)\b|\bquet\b.*qr\b|qr\b.*\bquet\b"
)
# Digits of a number that are told in words or written as letters.
_TOLD = ("khong", "mot", "hai", "ba", "bon", "nam", "sau", "bay", "tam", "chin")
_DIGITS = {word: str(digit) for digit, word in enumerate(_TOLD)} | {"tu": "4", "lam": "5"}
_WORDS = re.compile(rf"\b(?:{'|'.join(_DIGITS)})\b")
_TOLD_RUN = re.compile(rf"(?:(?:{'|'.join(_DIGITS)})(?:[ ,.]+so)?[ ,.]+){{6}}")
_MIXED = re.compile(r"\b(?=\w*[a-z])(?=\w*\d)[a-z014]{3,}\b")  # "kh0ng ch1n"
_APART = re.compile(r"(?<=\d)[ .,()/-]{1,4}(?=\d)")
_LETTERS = re.compile(r"(?<![A-Za-z])(?:[\dOolI][ .-]{0,2}){8,11}[\dOolI](?![A-Za-z])")
_HOTLINE = re.compile(
    r"(?<!\d)1[89]00(?:[ .-]?\d){4,6}(?!\d)|(?<!\d)\+\d(?:[ ().-]{0,3}\d){6}|\b(?:tong dai|hotline)\D{0,10}\d"
)


class Unfit(StrEnum):
    """Why a cell is not kept as a value."""

    LONG = "long"
    LINK = "link"
    PHONE = "phone"
    ORDER = "order"
    SIGNS = "signs"


def field_key(name: str) -> str:
    """Return a field's name as it is compared: NFC, one space between words, no capitals."""
    return unicodedata.normalize("NFC", " ".join(name.split()).lower())


def name_of_label(label: str) -> str:
    """Return the name that a column's title suggests for its field; "" if it suggests none."""
    words = _NO_NAME.sub(" ", label).strip().lower()
    name = words if len(words) <= LONGEST_NAME else words[:LONGEST_NAME].rpartition(" ")[0]
    return name if is_field_name(name) else ""


def is_field_name(name: str) -> bool:
    """Return whether a field may have this name: words of letters and digits that begin with a letter."""
    return (
        len(name) <= LONGEST_NAME
        and name not in _RESERVED
        and _NAME.fullmatch(name) is not None
        and name == field_key(name)
        and not _is_sensitive(name)
    )


def _is_sensitive(name: str) -> bool:
    """Return whether a name says that its column is nothing for texts: origin, religion, sickness, papers and accounts."""
    plain = unaccented(name)
    return is_sensitive_heading(name) or mentions_identity_paper(name) or _PRIVATE.search(plain) is not None


def read_field_name(typed: str) -> str:
    """Return the name that an officer typed for a field, with or without braces. Raises BadInput."""
    name = field_key(cell_text(typed).strip("{} "))
    if _is_sensitive(name):
        raise BadInput("field_name_sensitive", name=name)
    if not is_field_name(name):
        raise BadInput("field_name_wrong", name=name[: 2 * LONGEST_NAME], most=LONGEST_NAME)
    return name


def field_of_heading(label: str) -> str:
    """Return the meaning of a heading in braces, as `{giờ hẹn}`: the field of that name. "" for any other heading."""
    braced = _HEADING.fullmatch(label.strip())
    name = field_key(braced[1]) if braced else ""
    return PREFIX + name if is_field_name(name) else ""


def field_of(meaning: str) -> str:
    """Return the name of the field that a column's meaning says, "" if it is none or has no valid name."""
    name = meaning.removeprefix(PREFIX)
    return name if meaning.startswith(PREFIX) and is_field_name(name) else ""


def value_text(cell: object) -> str:
    """Return a cell as it stands in a text: an hour without its seconds, a day with its hour if it has one."""
    if isinstance(cell, datetime):
        return f"{cell:%H:%M %d/%m/%Y}" if (cell.hour, cell.minute) != (0, 0) else f"{cell:%d/%m/%Y}"
    if isinstance(cell, time):
        return f"{cell:%H:%M}"
    return cell_text(cell)


def find_unfit(value: str) -> Unfit | None:
    """Return why a value is not kept, None if it is."""
    if len(value) > LONGEST_VALUE:
        return Unfit.LONG
    bare, plain = unaccent(value).lower(), unaccented(value)
    if _is_address(value, bare):
        return Unfit.LINK
    if (
        _LONG_NUMBER.search(value)
        or _HOTLINE.search(bare)
        or _has_account(value, plain)
        or read_phone_in_text(value).numbers
        or _tells_phone(value, plain)
        or _SENT_TO.search(plain)
    ):
        return Unfit.PHONE
    if not _WRITTEN.fullmatch(unaccent(value.translate(TYPOGRAPHIC))):
        return Unfit.SIGNS
    return Unfit.ORDER if _ORDER.search(plain) else None


@lru_cache(maxsize=20_000)
def name_in_text(name: str) -> str:
    """Return a person's name as it stands in a text: "" for what would make it another text, as a link, a number to call, a sentence."""
    # Most are Latin letters that tell no address: the rest takes twenty times as long.
    is_plain = _LATIN.fullmatch(name) is not None and _TOLD_ENDS.isdisjoint(name.lower().split())
    return name if not is_sentence(name) and (is_plain or find_unfit(name) is None) else ""


def _is_address(value: str, bare: str) -> bool:
    """Return whether a phone would make a link of a part of the value: an address, a host name, four numbers."""
    value = _MARKS.sub("", unicodedata.normalize("NFC", value))
    if _ADDRESS.search(value) or _FOUR_PARTS.search(value) or _TOLD_ADDRESS.search(bare):
        return True
    if not _TOLD_ENDS.isdisjoint(end for ends in _TOLD_END.findall(bare) for end in ends):
        return True
    return any(
        end.lower() in _ENDS and not (_SHORT.fullmatch(before) and end[0].isupper())
        for before, end in _HOST.findall(value)
    )


def _has_account(value: str, plain: str) -> bool:
    """Return whether a value has the number of an account or of anything else, beside its days, hours and amounts."""
    rest = _COUNTED.sub("|", value)
    digits = sum(letter.isdigit() for letter in rest)
    in_groups = any(not found.isdigit() for found in _GROUPS.findall(rest))
    return in_groups or (digits >= 6 and _ACCOUNT.search(plain) is not None)


def _tells_phone(value: str, plain: str) -> bool:
    """Return whether a value has a phone number with digits as words, or as the letters O and l."""
    plain = _MIXED.sub(lambda word: word[0].translate(str.maketrans("014", "oia")), plain)
    if _TOLD_RUN.search(f"{plain} "):
        return True
    told, words = _WORDS.subn(lambda word: _DIGITS[word[0]], plain)
    joined = _APART.sub("", _COUNTED.sub("|", value))
    letters = _LETTERS.sub(lambda run: run[0].translate(str.maketrans("OolI", "0011")), value)
    return any(
        read_phone_in_text(text).numbers
        for text in ([told] * (words >= 3) + [letters] * (letters != value) + [joined] * (joined != value))
    )


def read_values(row: Row, fields: Mapping[str, int]) -> tuple[dict[str, str], dict[str, Unfit]]:
    """Return a row's values by field, and why others are not kept."""
    values, unfit = dict[str, str](), dict[str, Unfit]()
    for name, position in fields.items():
        text = value_text(row[position]) if position < len(row) else ""
        if not text:
            continue
        if reason := find_unfit(text):
            unfit[name] = reason
        else:
            values[name] = text
    return values, unfit
