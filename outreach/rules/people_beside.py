"""Two people in one row: side by side to save paper, man and wife, a pupil's parents, two names in a cell. Pure.

Such a row is for review: settled, it makes as many people as it names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from outreach.rules.phone_numbers import PhoneCell, unaccented

_MOST_IN_CELL = 3
_LONGEST_NAME = 40
_BETWEEN_NAMES = re.compile(r"\s*[/+&;\n\r]+\s*|\s+(?:và|với|cùng)\s+", re.IGNORECASE)
_KIN_IS = re.compile(r"^(?:vợ|chồng|cha|mẹ|con|vo|chong)(?: là)? ", re.IGNORECASE)
# Where each part begins with a family's name.
_BETWEEN_SURE = re.compile(rf"{_BETWEEN_NAMES.pattern}|\s*,\s*|\s+[-–]\s+", re.IGNORECASE)
_COUPLE = re.compile(
    r"(?:hai )?(?:vợ chồng|ông bà|anh chị|cô chú|vo chong|ong b[aà]|anh chi|co chu)(?: (?:là|của))?:? ",
    re.IGNORECASE,
)
# Whose a number is, of a man and a woman.
_HIS, _HERS = {"ông", "ô", "anh", "chồng", "ck", "c", "bố", "cha"}, {"bà", "b", "chị", "vợ", "vk", "v", "mẹ"}
_NUMBER_OR_WORD = re.compile(r"(\+?\d(?:[ .-]?\d){8,11})|([^\W\d_]+)")
_BESIDE_NUMBERS = frozenset(
    re.findall(r"\w+", "số so sđt sdt đt dt máy của cua là không khong ko có co chưa chua cô chú bác em và")
)
_MOST_COMMON = """
    nguyễn trần lê phạm huỳnh hoàng phan vũ võ đặng bùi đỗ hồ ngô dương lý đinh trịnh mai trương lương tô cao tạ hà
    khổng nghiêm cổ mạc doãn lã vi ninh lục khuất đàm thái đoàn đào lâm phùng châu hứa tống tôn quách kiều lò triệu nông bế ma vương thạch kim
    sơn kiên lưu âu phí tiêu bạch cù diệp liễu lư nhan sầm thiều ung giàng sùng thào lường quàng tòng
    a y siu rmah ksor kpă rcom rơ nay puih rah ka rô h niê mlô byă êban ayun kbuôr rahlan knul hwing
    thích zơ alăng bríu bhling riah pơloong arất avô hôih
    vừ lầu xồng lỳ sồng tráng cháng thò phàn tẩn chảo voòng chìu lô lữ kha moong cụt ven xeo xên lềm
    lù mào khoàng lèng chang điểu liêng ndu kră dagout touneh zơrâm cơlâu bnướch ating hốih blong kring
"""
# Families where a capital follows, as in "Danh Sóc Kha".
_WORDS_AS_FAMILIES = "thị neáng danh mã từ tăng chu vàng thân la lo và mùa cầm bạc hoa bàn cứ hạng cà vì hờ"
_FAMILY_NAMES = frozenset(_MOST_COMMON.split())
_UNACCENTED = frozenset(map(unaccented, _FAMILY_NAMES))
_WORDS_TOO = frozenset(_WORDS_AS_FAMILIES.split())


@dataclass(frozen=True, slots=True)
class PersonColumns:
    """Positions of one person's columns in a row that has several people."""

    name: int
    phones: tuple[int, ...]
    birth: int | None = None


@dataclass(frozen=True, slots=True)
class PersonBeside:
    """A person of a row with several: name, E.164 numbers, year of birth."""

    name: str
    numbers: tuple[str, ...]
    birth_year: int | None = None
    phone: PhoneCell | None = (
        None  # what was read of their own cells, where nobody else of the row bears on it
    )


def find_people_columns(
    meanings: Sequence[str], *, name: str, phone: str, number: str, birth: str
) -> tuple[PersonColumns, ...]:
    """Return the columns of each person of a row, () if a row has one person.

    The rest are the meanings of a name, a phone, a running number and a year of birth. People begin at their running
    number where each has one, else at their name.
    """
    names = [at for at, meaning in enumerate(meanings) if meaning == name]
    if len(names) < 2:
        return ()
    numbers = [at for at, meaning in enumerate(meanings) if meaning == number]
    filled = [at for at, meaning in enumerate(meanings) if meaning == phone]
    if len(numbers) == len(names):
        starts = numbers
    else:  # each number may stand before its name
        starts = filled if len(filled) == len(names) and filled[0] < names[0] else names
    people = []
    for start, end in zip(starts, [*starts[1:], len(meanings)], strict=True):
        part = range(start, end)
        named = next((at for at in part if meanings[at] == name), None)
        phones = tuple(at for at in part if meanings[at] == phone)
        if named is not None and phones:
            born = next((at for at in part if meanings[at] == birth), None)
            people.append(PersonColumns(named, phones, born))
    return tuple(people) if len(people) > 1 else ()


_OF_COUPLE = re.compile(
    r"\b(?:vo|chong|cha|ba|bo|me|ma|phu than|mau than|chu ho)\b(?!.*\b(?:con|chau|hoc sinh)\b)"
)


def stand_alike(headings: Sequence[str]) -> bool:
    """Check whether the headings of several people's names make them equals: the same words, or parents or a couple.

    A pupil and a parent, an elder and a relative, are not: the second is named for the first's sake.
    """
    words = [unaccented(heading) for heading in headings]
    return bool(words) and all(words) and (len({*words}) == 1 or all(map(_OF_COUPLE.search, words)))


def split_names(cell: str, count: int = 0) -> list[str]:
    """Return the names in a cell if it holds `count` people's, or without a count two or three by family, else []."""
    cell = _COUPLE.sub("", _LINE_OF_PLACE.sub("", cell))
    names = [_KIN_IS.sub("", " ".join(part.split())) for part in _BETWEEN_NAMES.split(cell) if part.strip()]
    if len(names) == count <= _MOST_IN_CELL and all(map(_is_name, names)):
        return names
    if _HEAD.search(cell) or len(_MEMBER.findall(cell)) > 1:  # a household, whose head is meant
        return []
    parts = (_KIN_IS.sub("", " ".join(part.split())) for part in _BETWEEN_SURE.split(cell) if part.strip())
    names = [plain_name(part) for part in parts]
    is_sure = all(_is_name(name) and begins_with_family(name) for name in names)
    return names if is_sure and 1 < len(names) <= _MOST_IN_CELL and count in (0, len(names)) else []


def are_couple(text: str) -> bool:
    """Check for the words before the names of a couple, as "Vợ chồng anh"."""
    return _COUPLE.match(text) is not None


def whose_numbers(text: str, names: Sequence[str], count: int) -> tuple[list[int], set[int]]:
    """Return which of two people each number of a cell is, [] if its words do not tell, and of whom it speaks.

    Before or behind each stands a given name, "(cô Hiệp)", or of a man and a woman "ông: …, bà: …", "(vợ)".
    """
    whose = _called(names)
    found = _NUMBER_OR_WORD.findall(text.lower())
    marks = [
        word and whose.get(word, -1) for _, word in found if word in whose or word not in _BESIDE_NUMBERS
    ]
    numbers = [n for n, mark in enumerate(marks) if mark == ""]
    beside = (n + (1 if numbers[0] == 0 else -1) for n in numbers)
    told = [mark for n in beside if n < len(marks) and isinstance(mark := marks[n], int)]
    is_told = -1 not in marks and len(names) == 2 and len({*told}) == len(numbers) == count
    return (told, {mark for mark in marks if isinstance(mark, int)}) if is_told else ([], set())


def _called(names: Sequence[str]) -> dict[str, int]:
    """Return what each of two people is called: by the given name, and as man or woman where the names tell them apart."""
    words = [name.lower().split() for name in names]
    women = [
        at for at, each in enumerate(words) if {"thị", "thi"} & {*each[:-1]} or each[0][:2] in ("h'", "h’")
    ]
    if not women and {each[0] for each in words} == {"a", "y"}:  # A Lin, Y Mai
        women = [at for at, each in enumerate(words) if each[0] == "y"]
    kin = {**dict.fromkeys(_HERS, women[0]), **dict.fromkeys(_HIS, 1 - women[0])} if len(women) == 1 else {}
    return kin | {each[-1]: at for at, each in enumerate(words)}


# Who somebody is in a household, behind the name.
_KIN = r"chủ hộ|chu ho|vợ|vo|chồng|chong|con(?: (?:trai|gái|gai|dâu|rể|nuôi))?|mẹ|me|bố|bo|cha|ba|má|ông|bà|cháu|chau|em|anh|chị|dâu|rể"
_KIN_ON_LINE = re.compile(rf"\n\W*(?:{_KIN})\b", re.IGNORECASE)
_BEHIND = {"vợ", "chồng", "con", "mẹ", "em", "cháu"}
_AND_KIN = re.compile(rf"\s+(?:(?:và|cùng|&|\+)\s+(?:{_KIN})|v/c)\b.*$", re.IGNORECASE)
_REMARK = re.compile(r"\s*(?:\s[-–]|[-–]\s|[;,:])\s*(?P<rest>.*)")
_PLACE = re.compile(r"\s+(?:(?:thôn|xóm|tổ|tdp|làng)\s+\w+|T\d|zalo)$", re.IGNORECASE)
_LINE_OF_PLACE = re.compile(
    r"\n\W*(?:thôn|làng|bản|ấp|buôn|xóm|khóm|tổ|khu|tdp|xã|phường|số nhà|đường)\b[^\n]*", re.IGNORECASE
)
_EITHER = re.compile(r"^(?:ông|anh|cô)\s*[/(]\s*(?:bà|chị|chú)\)?[\s:]*(?=\w)", re.IGNORECASE)
_HIGHLAND_VILLAGE = re.compile(r"^(\S+ \S+.*?) (?:Kon|Plei|Pley|Plơi|Đăk|Đắk)(?: [A-ZĐÂĂƠƯÔ]\w*){1,2}$")
_KIN_FIRST = re.compile(rf"(?:{_KIN}|chú|bác|cô|dì) ", re.IGNORECASE)
_HEAD = re.compile(r"\s*[-–(:,]\s*(?:là )?(?:chủ hộ|chu ho|(?-i:CH)\b)\s*\)?|\bchủ hộ\s*:\s*", re.IGNORECASE)
_MEMBER = re.compile(
    rf"\s*(?:\((?:là )?(?:{_KIN})\b[^)]*\)|\s[-–]\s*(?:{_KIN})\b|(?:^|\s)(?:{_KIN})\s*:)", re.IGNORECASE
)
_NEXT_MEMBER = re.compile(
    rf"[\n\r;,/+&]|\s\d{{1,2}}[.)]\s|\)\s*(?=\w)|\s(?=(?:{_KIN})\s*:|(?-i:{_KIN})\s*\()", re.IGNORECASE
)
_SECOND_ITEM = re.compile(r"\n\s*2\s*[.)/-]")
_LIST_NUMBER = re.compile(r"^\d{1,4}\s*[.)/-]\s*(?=\D)")
_BORN = re.compile(
    r"[\s,;(-]*(?:\b(?:sn|ns|sinh(?: năm)?|năm sinh)\b\W*(?:\d{1,2}[/.-]){0,2}(?:19|20)?\d\d\b|\(\s*(?:19|20)\d\d\s*\)|[-–,/_\s]\s*(?:\d{1,2}[/.-]){0,2}(?:19|20)\d\d\b|\s\d\d ?(?:t|tuổi)\b)\W*$",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"\s*(?:\([^()]*(?:\)|$)|[\"“'‘][^\"“”‘’']+[\"”'’]$)")
_OF_KIN = re.compile(r"(?:vợ|chồng|con|cháu|mẹ|má|bố|cha|bạn|hàng xóm)\b", re.IGNORECASE)
_NAME_IN_BRACKETS = re.compile(r"^([^()]+)\(([^()\d]+)\)")
# How somebody is addressed or what they are, before the name; "Ông Văn An" has the family name Ông.
_ADDRESSED = re.compile(
    r"(?:(?:(?:ông|bà|cô|chú|bác|anh|chị|cụ|thầy|em|đ/c|đ\.c|đc|đồng chí|hộ|gia đình|gđ|già làng|(?:phó )?trưởng thôn|thôn trưởng"
    r"|tổ trưởng|achar|sãi cả|mr|mrs|ms|sr|sư(?: cô| thầy)?|(?:bà )?mẹ vnah)\b\.?|[ÔBACĐ]\.)[\s:]+|(?-i:[ÔBAC])\.(?=\w\w))+(?!văn\b|thị\b)(?=[^\W\d_])",
    re.IGNORECASE,
)
# Names of saints before a Catholic's own.
_SAINTS = re.compile(
    r"\b(?:(?:phêrô|phêro|phero|phaolô|phaolo|phao lô|maria|mária|giuse|gioan|baotixita|bosco|gb|anna|têrêsa|teresa|terêsa|micae|đaminh|antôn|anton"
    r"|phanxicô|phanxico|xaviê|martinô|đa minh|goretti|mátta|matta|luca|gioakim|giacôbê|tôma|anrê|augustinô|augustino|cêcilia|catarina|rôsa|agata|lucia"
    r"|isave|elisabet|máccô|matthêu|vinh sơn|vincentê|simon|stêphanô|madalêna|monica|clara|agnes)\b[. -]*)+(?=[^\W\d_])",
    re.IGNORECASE,
)
# "PN", "K5".
_IS_NO_NAME = re.compile(r"[BCDĐGHKLMNPQRSTVXY]{2,}\d{0,2}|[A-ZĐ]?\d{1,2}|(?:19|20)\d\d|TYT|UBND|MỚI|CŨ")
_ROLES = {"Trưởng", "Phó", "Tổ", "Bí", "Khóm", "Thôn", "Ấp", "Chủ", "Chi"}
# First words that are an address or a family's name: "Y sĩ", "co Hoa".
_ALSO_FAMILIES = {"y", "co", "to", "ho"}
_MARKS = " ,;:.*†✝✓✔☑★_"
_ADDRESSED_PLAINLY = re.compile(r"(?:ong|ba|co|chu|bac|cu|anh|chi|thon truong|truong thon) ", re.IGNORECASE)
_NOBODY = re.compile(
    r"(?:không (?:có )?tên|khong ten|test|(?:hai|ba|tư|năm|sáu|bảy|tám|chín|mười|út|ut|tu|tam|chin|muoi) (?!th[iị] |v[aă]n )\w+(?: \w+)*$|chưa rõ|zalo|nạp (?:thẻ|tiền)|dịch vụ|taxi|tiệm|cửa hàng|quán|shop|đại lý|nhà hàng|khách sạn|công ty|cty|tạp ho[áa]"
    r"|tổng đài|hotline|nhà (?:xe|trọ|trống|hoang|bỏ)|xe (?:ôm|khách)|trạm (?:y tế|xá)|ubnd|hlhpn|mttq|chi (?:bộ|hội|đoàn)|vợ|chồng|ck|vk|mẹ|bố|má|tía|(?:dì|cậu|mợ|thím) \w+$|con (?:gái|trai|dâu|rể)|(?:thôn|tổ(?: dân phố)?|xóm|tdp|khu phố|khóm|ấp) \d+"
    r"|(?:bà )?(?:nội|ngoại)$|con|gas|thợ|sửa|bán|xe|ban|hội|nhóm|đội|cây xăng|bưu điện|điện lực|ngân hàng|shipper|giao hàng|thú y"
    r"|bệnh viện|bv|truong (?:ptdt\w*|ptcs|th|thcs|thpt|tieu hoc|mam non)|cong ty|trường|nhà thờ|giáo xứ|văn phòng|vp"
    r"|(?:(?:phó )?trưởng thôn|thôn trưởng|tổ trưởng|bí thư|chủ tịch)$)\b",
    re.IGNORECASE,
)
_BRAND = re.compile(r"\b(?:store|shop|viettel|vinaphone|mobifone|mobile|spa|salon)\b", re.IGNORECASE)
# Beside a name in somebody's phone: "A Tý số cũ", "Ông Bình mất".
_CALLED_OFF = re.compile(
    r"^(?:(?:gia đình|gđ|hộ) )?cố (?:ông |bà |cụ )?(?=[A-ZÀ-ỸĐ])|\b(?:(?:đừng|dung|không|hết) (?:gọi|nhắn|goi|nhan|dùng|liên lạc)|cũ|mất|khóa máy|sai số)\b",
    re.IGNORECASE,
)
_LOOKS_WRONG = re.compile(
    r"[\d:;@#_/\\()\[\]{}<>|+*=\n\"]|\b(?:sđt|sdt|đt|sn|thôn|tổ dân phố|chủ hộ|không|chưa)\b", re.IGNORECASE
)
_MOST_WORDS, _MOST_DIGITS = 6, 5
_NAMED = re.compile(r"\b(?!A \w+:)[A-ZÀ-ỸĐ][^\W\d_]*(?: [A-ZÀ-ỸĐ][^\W\d_]*)+")


@lru_cache(maxsize=20_000)
def plain_name(text: str) -> str:
    """Return the name alone: of a household its head's; without a running number, a year of birth, words in brackets."""
    if text.replace(" ", "").isalpha() and " và " not in text:
        return _own_name(text)
    text = _head_of_household(_EITHER.sub("", _LINE_OF_PLACE.sub("", text)))
    if (other := _NAME_IN_BRACKETS.match(text)) and is_named_in_brackets(*other.groups()):
        text = other[2]
    for end in (_BORN, _IN_BRACKETS, _BORN, _AND_KIN, _PLACE):
        text = end.sub("", text) or text
    text = _own_name(whole := text.strip(_MARKS).rstrip("-–/ ") or text)
    if remark := _REMARK.search(text):
        before, rest = text[: remark.start()], remark["rest"]
        if begins_with_family(before) and not begins_with_family(rest):
            return before if " " in before else text
        if " " not in before and _ADDRESSED.match(whole):  # "Anh Dũng - Trại cưa"
            return before
        if " " in rest and begins_with_family(rest) and not begins_with_family(before):  # "Tổ trưởng - Lê An"
            return rest
    return text


def is_named_in_brackets(before: str, name: str) -> bool:
    """Check for somebody's own name behind what they are called: "Tám Nghêu (Lê Thị Nghêu)"."""
    called = _without_address(before.strip())
    return (
        " " in name and begins_with_family(name) and not (begins_with_family(called) or _OF_KIN.match(called))
    )


def _own_name(text: str) -> str:
    own = _HIGHLAND_VILLAGE.sub(r"\1", _without_address(text))
    return own.removesuffix(behind_name(own, least=1 + (own == text))).rstrip()


@lru_cache(maxsize=20_000)
def behind_name(text: str, least: int = 2) -> str:
    """Return the words behind somebody's name that no sign parts from it: abbreviations, figures, words in small letters.

    So many words at `least` are the name; none is where the last of them is no given name.
    """
    words = text.split(" ")
    at = _end_of_name(words)
    while at > least and (_IS_NO_NAME.fullmatch(words[at - 1]) or words[at - 1][:1].islower()):
        at -= 1
    if at > least and at < len(words) and words[at - 1] in _ROLES:
        at -= 1
    # "Y Blưm 2" is another than "Y Blưm 1".
    if all(word.isdecimal() and len(word) < 3 for word in words[at:]):
        return ""
    is_name = (
        words[at - 1][:1].isupper()
        and words[at - 1].capitalize() not in ("Thị", "Văn")
        and (at > 1 or least == 1)
    )
    return " ".join(words[at:]) if is_name and not text.isupper() else ""


def _end_of_name(words: Sequence[str]) -> int:
    """Return where a remark begins behind a whole name: at an abbreviation, a word in small letters, or no longer in capitals."""
    if len(words) < 3 or not begins_with_family(" ".join(words)):
        return len(words)
    is_tall = "".join(words[:2]).isupper()
    # "Lê Thị Ngọc lan Anh".
    may_go_on = words[1] == "Thị" and len(words) == 5 and words[4][:1].isupper() and words[3] not in _BEHIND
    for at, word in enumerate(words):
        is_small = word[:1].islower() and not is_tall and at > 2 + may_go_on
        # "Lê Thị Ngọc ánh 25": what is the last of the words may be the name.
        is_remark = _IS_NO_NAME.fullmatch(word) or (is_small and any(map(str.isalpha, words[at + 1 :])))
        if at > 1 and (is_remark or (is_tall and word[:1].isalpha() and not word[-1:].isupper())):
            return at
    return len(words)


def _head_of_household(text: str) -> str:
    """Return what a cell says of the head of a household, or of the first of its people; of one person all."""
    if "\n" in text and _KIN_ON_LINE.search(text) and not _HEAD.search(text):
        text = text.partition("\n")[0]
    if "\n" in text and not (_HEAD.search(text) or _MEMBER.search(text)):
        text = text.partition("\n")[0] if _SECOND_ITEM.search(text) else " ".join(text.split())
    text = _LIST_NUMBER.sub("", text)
    if head := _HEAD.search(text):
        before, after = text[: head.start()], text[head.end() :]
        # Others may stand before the head.
        text = (
            _NEXT_MEMBER.split(before)[-1]
            if before.strip()
            else _NEXT_MEMBER.split(_LIST_NUMBER.sub("", after))[0]
        )
    elif len(_MEMBER.findall(text)) > 1 or (_MEMBER.search(text) and _NEXT_MEMBER.search(text.strip(" ()"))):
        text = _MEMBER.split(_NEXT_MEMBER.split(text)[0])[0]
    return text


def _without_address(text: str) -> str:
    first, *words = text.split(" ")
    is_turned = len(words) > 1 and text.endswith((" Thị", " Văn"))
    is_sure = not begins_with_family(text) or (words[-1:] == ["Thị"] and begins_with_family(words[0]))
    if is_turned and is_sure and not _ADDRESSED.match(text):  # "Mai Lê Thị", "Ngon Bríu Thị"
        return " ".join((*words, first))
    if begins_with_family(text) and first.lower() not in _ALSO_FAMILIES:
        return text
    addressed = _ADDRESSED.match(text)
    if addressed and begins_with_family(text[addressed.end() :]):
        return text[addressed.end() :]
    if (saint := _SAINTS.search(text)) and begins_with_family(text[saint.end() :]):
        return text[saint.end() :]
    if named := _behind_office(text):
        return named
    if addressed:
        return text[addressed.end() :]
    plainly = _ADDRESSED_PLAINLY.match(text) if text.isascii() else None
    return text[plainly.end() :] if plainly and begins_with_family(text[plainly.end() :]) else text


def _behind_office(text: str) -> str | None:
    """Return the name behind an office or a title, "Bí Thư Chi Bộ Lê Văn An", "Cha xứ Lê An", "BS. Lê An"; None where none is."""
    first, *words = text.split(" ")
    if _NOBODY.match(text):
        return None
    at = next((at for at, word in enumerate(words[1:-1]) if word in ("Thị", "Văn")), -1)
    if at >= 0 and begins_with_family(words[at]):
        return " ".join(words[at:])
    at = next((at for at, word in enumerate(words) if word[:1].isupper()), 0)
    is_title = at or {*first} & {*".:/"} or (first.isupper() and first[1:].isalpha() and not text.isupper())
    named = " ".join(words[at:])
    is_office = is_title and at < 4 and text[:1].isupper() and not _KIN_FIRST.match(text)
    return named if is_office and begins_with_family(named) else None


def is_full_name(text: str) -> bool:
    """Check for a family's name and a given name, and no more words than a name has, behind what is no name."""
    name = plain_name(text)
    return " " in name and begins_with_family(name) and not (is_sentence(name) or is_nobody(name, name))


def looks_wrong(name: str) -> bool:
    """Check for a name that nobody would be addressed by: digits, brackets, words of a list or in small letters, too many words."""
    words = name.split()
    is_mixed = name[:1].isupper() and words[-1].islower()  # "Tâm y tế"
    return (
        is_mixed or len(words) > _MOST_WORDS or len(name) > _LONGEST_NAME or bool(_LOOKS_WRONG.search(name))
    )


def is_sentence(name: str) -> bool:
    """Check for more words or digits than a name has: a remark, or a number cut short, in the column for names."""
    return name.count(" ") >= _MOST_WORDS or sum(map(str.isdecimal, name)) > _MOST_DIGITS


def is_nobody(name: str, written: str) -> bool:
    """Check for a cell of names that names nobody (figures, a shop, "con gái Y Rớ") or says, as `written`, not to call."""
    is_named = name[:1].isupper() and name.partition(" ")[0].lower() in _FAMILY_NAMES
    small = {word for word in name.split(" ") if word.islower()} - {"thị", "văn", "thi", "van"}
    is_said = bool(small) and not name.islower() and not begins_with_family(name)  # "Nạp thẻ Minh"
    is_whole = any(map(str.isalpha, name)) and (" " in name or name[1:2] in ("'", "’"))  # "K'Brơi"
    return any(pattern.search(written) for pattern in (_CALLED_OFF, _BRAND)) or (
        not is_whole or (not is_named and (is_said or any(map(_NOBODY.match, (name, written)))))
    )


def names_another(text: str, names: Sequence[str]) -> bool:
    """Check whether a cell for numbers names somebody, by family and given name, who is none of these people."""
    known = {word.lower() for name in names for word in name.split()}
    return any(
        begins_with_family(found) and found.lower().split()[-1] not in known for found in _NAMED.findall(text)
    )


def are_two(cell: str) -> bool:
    """Check whether a cell names two people, as "A Lin + Y Đoan", or three with commas between."""
    return not (cell.replace(" ", "").isalpha() and " và " not in cell) and bool(split_names(cell))


def _is_name(text: str) -> bool:
    words = text.split()
    return 2 <= len(words) <= 6 and not any(letter.isdecimal() or letter in "()" for letter in text)


def begins_with_family(text: str) -> bool:
    """Check for a family name, or the particle of a people of the highlands ("Y Blưm", "H’Hen Niê"), before a name."""
    first = text.split(" ", 1)[0].lower()
    if first.startswith(("h'", "h’")):
        return len(first) > 2
    if first in _WORDS_TOO:
        return text[len(first) + 1 : len(first) + 2].isupper()
    return first in (_UNACCENTED if text.isascii() else _FAMILY_NAMES)
