"""The words around a phone number: cells that hold none and say so, notes that change what one means."""

import re
import unicodedata

from outreach.people.phone.outcome import Reason

_SPREADSHEET_ERROR = re.compile(
    r"#(?:n/a|ref!|value!|name\?|div/0!|num!|null!|spill!|calc!|error!|#+)|err:\d+", re.IGNORECASE
)
_DITTO_MARK = re.compile(r"[\s\-.,]*(?:[\"“”„‟〃]|''|′′|,,|``)[\s\-.,\"“”„‟〃'′`]*")
_DITTO = {"nt", "n t", "ntr", "nt tren", "nhu tren", "giong tren", "tuong tu", "tuong tu tren", "ditto"}
_NO = r"(?:khong|khog|khong he|ko|kh|khg|kg|hong|hok|k|chua|chang|0)"
_NO_PHONE = re.compile(
    rf"^{_NO}$"
    rf"|^{_NO}(?: \w+)? (?:co|dung|su dung|sd|xai|mua|sam|lap|biet|nho)\b"
    rf"|\b{_NO} (?:co |dung |su dung |sd |xai )?(?:dien thoai|dt|dtdd|sdt|so|may|phone|mobile)\b"
    r"|\b(?:mat|hong|hu) (?:dien thoai|dt|may)\b|^no(?: phone)?$"
)

_CLOCK = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_DAY_FIRST = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d\d)" + _CLOCK)
_YEAR_FIRST = re.compile(r"(\d{4})[/.\-](\d{1,2})[/.\-](\d{1,2})" + _CLOCK)
_MONTH_AND_YEAR = re.compile(r"(\d{1,2})[/.\-](\d{4})")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|thg ?\d{1,2})[a-z]*"
_DATE_IN_WORDS = re.compile(
    rf"\d{{1,2}}[\-/ ]{_MONTH}(?:[\-/ ]\d{{2,4}})?|{_MONTH}[\-/ ]\d{{2,4}}", re.IGNORECASE
)

# An hour, or the ordinal in a label: digits, but nobody would dial them.
_HOUR_OR_LABEL = re.compile(
    r"(?<!\d)\d{1,2} ?(?:h|g|giờ)(?: ?\d\d(?!\d))?(?![^\W\d_])"
    r"|\b(?:sđt|sdt|đtdđ|đt|dt|số|so|sim|tel|máy) ?\.?[1-3] ?[:).](?= |0|\+)",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\?|[-=]>|→|\b(?:cũ|nhầm|hỏng|sai|mất|ngừng|thu hồi|(?:đã|bị) (?:khóa|khoá|cắt|đổi|bỏ))\b|(?<=\d)[x*](?!\d)"
)
_DOUBT_UNACCENTED = re.compile(
    r"\b(?:sai so|so sai|so cu|nham so|doi so|bo so|khoa may|(?:khong|ko|k) phai|(?:doi|chuyen|thay) (?:thanh|sang|bang)"
    r"|(?:khong|ko|k|chua) (?:lien lac|goi|lien he|chac|ro|dung nua|xac minh|kiem tra))\b"
)
_IDENTITY = re.compile(r"\b(?:cmnd|cmtnd|cccd|can cuoc|chung minh|ho chieu|bhyt|bhxh|stk|tai khoan)\b")


def clean(text: str) -> str:
    """NFKC with ASCII digits and dashes; what nobody sees (zero-width, direction, soft hyphen) is gone."""
    if text.isascii() and text.isprintable():
        return text.strip()
    # Footnote marks (²) and the letters of old fonts that look like them (tho¹i) are no digits of a number.
    plain = "".join(" " if unicodedata.category(letter) == "No" else letter for letter in text)
    kept = []
    for letter in unicodedata.normalize("NFKC", plain):
        kind = unicodedata.category(letter)
        if kind == "Nd":
            kept.append(str(unicodedata.decimal(letter)))
        elif kind == "Pd" or letter == "−":
            kept.append("-")
        elif kind in ("Zl", "Zp") or letter in "\r\n\v\f":
            kept.append("\n")
        elif kind in ("Zs", "Cc"):
            kept.append(" ")
        elif kind not in ("Cf", "Mn", "Me"):
            kept.append(letter)
    return "".join(kept).strip()


def unaccented(text: str) -> str:
    """Lower case without accents, words parted by one space, for comparing with lists of words."""
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(re.findall(r"\w+", bare))


def why_no_number(text: str) -> Reason | None:
    """Why the whole cell is no number: an error, a date, words without a digit; None if it may be one."""
    if _SPREADSHEET_ERROR.fullmatch(text):
        return Reason.SPREADSHEET_ERROR
    if is_ditto(text):
        return Reason.DITTO
    if _is_date(text) or _DATE_IN_WORDS.fullmatch(text):
        return Reason.DATE_LIKE
    if any(letter.isdigit() for letter in text):
        return None
    words = unaccented(text)
    return Reason.NO_PHONE_STATED if states_no_phone(words) else Reason.MISSING


def is_ditto(text: str) -> bool:
    """Does the cell say "as above": nt, như trên, or a mark?"""
    return _DITTO_MARK.fullmatch(text) is not None or (len(text) < 20 and unaccented(text) in _DITTO)


def states_no_phone(words: str) -> bool:
    """Do these unaccented words say that the person has no phone?"""
    return _NO_PHONE.search(words) is not None


def without_hours_and_labels(text: str) -> str:
    """The text with hours (17h30) and numbered labels (SĐT 1:) reduced to a plain word."""
    return _HOUR_OR_LABEL.sub(" giờ ", text)


def casts_doubt(text: str) -> bool:
    """Does the note say that the number is old, wrong, dead or unsure?"""
    return bool(_DOUBT.search(text.lower()) or _DOUBT_UNACCENTED.search(unaccented(text)))


def speaks_of_identity_papers(text: str) -> bool:
    """Does the cell name an identity card, insurance card or bank account?"""
    return _IDENTITY.search(unaccented(text)) is not None


def _is_date(text: str) -> bool:
    if found := _DAY_FIRST.fullmatch(text):
        day, month, year = (int(part) for part in found.groups())
    elif found := _YEAR_FIRST.fullmatch(text):
        year, month, day = (int(part) for part in found.groups())
    elif found := _MONTH_AND_YEAR.fullmatch(text):
        day, month, year = 1, *(int(part) for part in found.groups())
    else:
        return False
    in_calendar = 1 <= day <= 31 and 1 <= month <= 31 and min(day, month) <= 12  # American order too
    return in_calendar and (year < 100 or 1880 <= year <= 2100)
