"""Phone numbers in running text: notes, addresses, lines pasted from a chat. Pure.

Only what is written like a whole number counts (0…, +84…, 0084…), as such texts are full of other digits: house
numbers, years, identity papers.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from outreach.rules.people_beside import (
    are_couple,
    begins_with_family,
    behind_name,
    is_sentence,
    names_another,
    plain_name,
)
from outreach.rules.phone_numbers import (
    PhoneCell,
    PhoneStatus,
    PhoneWarning,
    Reason,
    for_review,
    in_order,
    is_doubtful,
    is_of_others,
    mentions_identity_paper,
    read_phone_cell,
    reject,
    states_no_phone,
    unaccented,
)

_GAP = r"[ .\u00a0-]?"
NUMBER = re.compile(
    rf"(?<![\d+])(?:0{_GAP}1{_GAP}[2689](?:{_GAP}\d){{8}}|(?:\+ ?84|0084|84|0)(?:{_GAP}\d){{9}}|02(?:{_GAP}\d){{9}})"
    r"(?!\d)(?![.-]\d)"
)
_LABELLED = re.compile(
    r"[\s,;.(–-]*(?:\b(?:số\s+)?(?:điện thoại|đtdđ|sđt|sdt|đt|dt|tel|zalo|gọi|liên hệ|lh)(?:\s+(?:mới|riêng|chính))?\b)?\s*[:.]?\s*"
    + NUMBER.pattern
    + r"\s*\)?",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(r"(?:số\s+)?(?:điện thoại|đtdđ|sđt|sdt|đt|dđ|di động)\b", re.IGNORECASE)
_LONG_DIGITS = re.compile(r"\d{7,}")
_LEAST_ROWS = 3
_LEAST_DIGITS = 9
# "1. ", "12) ", "3 - ", "-", "•" before a name.
_ITEM = re.compile(
    r"\s*(?:(?P<number>[1-9]\d{0,3}(?:\.\d{1,2}){0,2})(?:\s*[.):/-]\s+|\s+(?!\d))|(?P<glued>[1-9]\d{0,3})[.):/-](?!\d)|[-•*+]\s+)?"
)
# The hour and the sender that a messenger puts before what was said.
_SENT = re.compile(
    r"\s*(?:\[[\d:, ./-]{4,25}(?:[AP]M)?\]|\d{1,2}/\d{1,2}/\d{2,4},? \d{1,2}:\d\d(?::\d\d)?(?: [AP]M)? ?-)\s*"
    r"(?:(?P<sender>[^:]{1,40}):\s+)?"
)
_LONGEST_SENDER = 40
_HOUR_ALONE = re.compile(
    r"\s*(?:\d{1,2}/\d{1,2}(?:/\d{2,4})?,? )?\d{1,2}:\d\d(?::\d\d)?(?: [AP]M)?(?:,? \d{1,2}/\d{1,2}(?:/\d{2,4})?)?\s*"
)
_LETTERS_O = re.compile(r"(?<![^\W_])[Oo](?=\d\d[\dOo])|(?<=\d)[Oo]{1,4}(?=\d)|(?<=\d )[Oo]{3}(?= \d)")
_KIN = re.compile(r"\b(?:con|vợ|chồng|cháu|mẹ|má|cha|bố|em|anh|chị|người)\b")
_HOUSE = re.compile(r"\s+(?:số nhà |sn )?\d{1,4}/\d{1,4}\w?(?:/\d{1,4})*$", re.IGNORECASE)
_ADDRESS = re.compile(
    r"^(?:(?:[Dd]ạ|[Cc]ho|em|cháu|con|mẹ|má|cha|bố|vợ|chồng|mình|tôi|tui|chị|anh|cô|bác|chú|tên|là|của)\s+)+(?=[^\W\d_])(?=\S*[A-ZÀ-ỸĐ])"
)
# Before a name in a message.
_FILLERS = re.compile(
    r"^(?:(?:dạ|cho|quên|thêm|them|còn|và|với|có|mua|ghi|chị|anh|em|cô|chú|bác|ông|bà|cháu)[\s,]+)+(?=\w)",
    re.IGNORECASE,
)
_FAMILY_OF = re.compile(r"(?:gia đình|gđ|thân nhân)\b[^:]*:\s+", re.IGNORECASE)  # of whom is named behind it
_BETWEEN = re.compile(r"\s[-–—]\s|[,;|\t]|\s{2,}|:\s")
_NEXT = re.compile(r"\s*[;,.]\s+|\s+(?:và|với|còn)\s+|\s+(?=\d{1,2}[.)] )")  # between people in a message
_SHARED = re.compile(
    r"\bchung (?:\w+ )?(?:so|sdt|dt|may|sim|dien thoai|zalo)\b|\b(?:so|sdt|dt|may|sim|dien thoai) chung\b|\b(?:dung|xai) chung\b"
)
_AS_OF_NUMBER = re.compile(
    r"\b(?:nhu|giong|theo|chung|xem) (?:voi )?(?:(?:o |so |stt |tt |dong |muc )+)(\d{1,4})\b"
)
_SECOND_IS_ANOTHERS = re.compile(
    r"^(?:so|sdt|dt|sim|may) (?:thu )?(?:2|hai|sau|duoi|phu)(?: la)?(?: so)?(?: cua)? (?:vo|chong|con|chau|me|bo|cha|ba|em|chi|anh)\b"
)
_OF_SPEAKER = re.compile(r"\b(?:so|sdt|dt|may) (?:cua )?(?:tui|toi|em|con|chau|minh|chi|anh|co|chu|bac)$")
# "số ở trên", "sđt như trên Zalo", "dùng chung máy với …"
_NUMBER_ELSEWHERE = re.compile(
    r"\b(?:so|sdt|dt|may|dien thoai) (?:\w+ )?(?:tren|cu|chung|voi)\b|\bchung (?:so|sdt|dt|may|sim|dien thoai)\b"
)
_CAPITALS = "".join(filter(str.isupper, map(chr, range(0x41, 0x1EFA))))
OF_SOMEBODY = re.compile(rf"^(?:[Cc]hị|[Aa]nh|[Ôô]ng|[Bb]à|[Cc]ô|[Cc]hú|[Bb]ác|[Ee]m) [{_CAPITALS}]\w* ")
_WHOM_TO_CALL = re.compile(
    r"\b(?:gọi|liên hệ|hỏi) (?:cho )?(?:em|tôi|mình|con|cháu|chị|anh|ban tổ chức)\b|\bmáy cơ quan\b"
)
_EDGES = " \t,;:|/–—-_()."
_LABEL_AT_END = re.compile(
    r"\b(?:(?:số|so)\s+)?(?:điện thoại|đtdđ|sđt|sdt|đt|dt|tel|zalo|phone|số|so)\W*$", re.IGNORECASE
)
_CUT_SHORT = re.compile(r"(?<![\d.])\(?0\d(?:[ .)]{0,2}\d){5,9}(?!\d)")  # or a landline's
_WITHOUT_ZERO = re.compile(r"(?<![\d.])[35789]\d{8}(?!\d)")


def read_phone_in_text(text: str) -> PhoneCell:
    """Read the numbers of a text that is no phone cell. Rejected with MISSING if it has none."""
    cells = [read_phone_cell(match[0]) for match in NUMBER.finditer(text)]
    good = [cell for cell in cells if cell.numbers]
    if not good:
        return cells[0] if cells else reject(Reason.MISSING)
    numbers = tuple(dict.fromkeys(number for cell in good for number in cell.numbers))
    warnings = {warning for cell in good for warning in cell.warnings} | {PhoneWarning.TEXT_PRESENT}
    if len(numbers) > 1:
        warnings.add(PhoneWarning.MULTIPLE_NUMBERS)
    is_sure = (
        len(good) == len(cells)
        and all(cell.status is PhoneStatus.OK for cell in good)
        and not is_doubtful(text)
        and not mentions_identity_paper(text)
        and not _LONG_DIGITS.search(NUMBER.sub("", text))
    )
    status = PhoneStatus.OK if is_sure else PhoneStatus.REVIEW
    return PhoneCell(status, numbers, None if is_sure else Reason.UNPARSED_REMAINDER, in_order(warnings))


# What a note says of the number beside it: that it is another's or wrong, or that the one in the note is the right one.
_NO = r"(?:khong|khg|hong|hok|ko|kg|k)"
_WRONG = re.compile(
    r"\b((?:so|sdt|dt|dien thoai|may|sim) (?:\w+ ){0,2}(?:cua|muon) (?!minh$|toi\b|chinh\b|hoi vien\b)|chung (?:so|sdt|may|dt) voi|nguoi khac"
    rf"|vo chong (?:\w+ ){{0,2}}(?:1|mot|chung) (?:so|sdt|dt|dien thoai|may|sim)|dung ten (?:giup|gium|ho|dum|thay)"
    rf"|(?:so|sdt|sim) (?:\w+ )?(?:sai|nham|cu|hong|khoa|mat|mo|tam)(?! ?0)|(?:sai|nham|bo|doi|xem lai|trung) (?:so|sdt)(?! ?0)"
    rf"|(?:doi|thay) sim|(?:cho|chua co) so moi|ghi nham|nham nguoi|(?:(?:thieu|thua|mo)(?: \d)?|du \d) so(?! ?0)|thue bao"
    rf"|(?<!hay )(?:khoa|mat|hong|hu|tat) (?:so|sim|may)(?! ?0| (?:buoi|ban (?:dem|ngay|trua)|gio|luc|khi)\b)|mat (?:dt|dien thoai)(?! cu)|(?:may|dt) (?:bi )?(?:hong|hu|tat)"
    rf"|(?:{_NO}|het|ngung) (?:con )?(?:dung|su dung|xai|sd)(?: (?:so|dt|sdt|nua)\b|$)"
    rf"|{_NO} (?:phai )?chinh chu|{_NO} (?:chac|doc duoc)|(?:chua|{_NO}) ro(?: so)?$"
    rf"|{_NO} (?:\w+ )?(?:lien lac|lien he|goi|ll|lh)(?: \w+)? duoc"
    rf"|(?:chua|can|phai|hoi|so) (?:xac minh|chac|kiem tra|lai|nay {_NO} phai)|(?:kiem tra|xem|xac minh) lai|(?:{_NO} (?:\w+ )?dung|sai) (?:nguoi|chu)|(?:dung|xai) ke|muon tam|nghi (?:sai|nham)|hoi (?:do|truoc|xua)|(?:gio|nay) (?:chac|doi|xai)"
    rf"|(?:{_NO}|dung|thoi|ngung) (?:muon )?(?:nhan|gui)(?: tin)?(?: nhan)?(?: nua)?$|(?:xin|yeu cau) (?:dung|{_NO}|thoi) (?:nhan|gui|goi)"
    rf"|{_NO} (?:cho|dong y) (?:nhan|goi|gui)|{_NO} dong y$|dung goi|^tu choi|^huy (?:hen|lich)|ban may|(?:chu (?:so|sim|may)|dung ten)(?: la)? (?:chong|vo|con|me|bo|cha|chau)|hinh nhu|so (?:nay |do )?bo(?: roi|$))\b"
    r"|^(?:da )?(?:xoa|gach|huy|sai|nham|hong|(?:chu )?mo|(?:xoa|loai|gach|huy|bo) (?:ten|bo)|khoa (?:may|2 chieu))$"
)
# A part of a note with a word of both kinds speaks of the number, whatever else it says; without accents fewer words are sure.
_OF_NUMBER = (
    "số so sđt sdt đt đtdđ thoại thoai máy may sim gọi goi dc nghe bắt alo lạc thuê bao chuông liên lien"
)
_IN_DOUBT = """
    không khong khôg ko k kg khg hổng hông hong hok chưa chua chẳng đừng thôi sai nhầm nham lộn lon hư hỏng khóa khoá bỏ đổi doi ké ảo
    rác lạ tạm mượn muon thiếu thieu thừa thua dư mờ hết ngừng ngung ngưng cắt hủy huỷ trùng cũ xem kiểm kiem xác bận tút te
"""
_TWO_KINDS = frozenset(_OF_NUMBER.split()), frozenset(_IN_DOUBT.split())
_WORD = re.compile(r"\w+")
_OLD_FORM = re.compile(
    r"(?:đầu )?\bsố cũ (?:loại )?1[01] số\b|\bsố cũ (?:chưa|không) (?:đổi|chuyển) đầu\b|\bđầu số cũ\b|\bso cu 1[01] so\b",
    re.IGNORECASE,
)
_NOT_OF_NUMBER = re.compile(
    r"\b(?:xe|thợ|sửa|bán|tiệm|ra|vào) máy|máy (?:cày|may|bơm|gặt|xay|tính|móc|chà|bừa)|(?:mã|biển|con|nhà|đường|hộ|tổ|thôn|đội|ngõ|sổ) số"
    r"|số (?:tiền|hộ|khẩu|nhà|con|thẻ|sổ|cccd|cmnd|kg|thứ|lượng|người|liệu|0 đầu)|(?:tên|thường) (?:thường )?gọi|gọi (?:là|bằng|tên)|hay tắt máy"
    r"|mất điện thoại cũ|đã (?:gọi |được )*(?:kiểm tra|xác minh)|\bthì (?:gọi|nhắn).*|\b(?:buổi|giờ|gio|trưa|tối|sáng|chiều|đêm|\d+ ?[hg])\b.*"
)
_OF_RELATIVE = re.compile(
    r"(?:vợ|chồng|ck|vk|con|cháu|mẹ|má|bố|vo|chong|chau|me|bo|con (?:trai|gái|dâu|rể|gai|dau|re))(?: (?:ruột|đẻ|nuôi|cả|út|lớn|nội|ngoại|chồng|vợ))?"
)
_SAYS_WRONG = {"bỏ", "loại", "hư", "khóa", "khoá", "trùng"}  # without accents: "bố", "Khoa", "Trung"
_RIGHT = re.compile(
    r"\b(?:so|sdt|dt|dien thoai|sim) (?:\w+ )?(?:moi|dung)\b|\bmoi doi\b|\b(?:doi|chuyen|thay|sua|ghi) (?:so |lai )?"
    r"(?:sang|thanh|bang|la|lai)\b|\bghi lai\b|\b(?:doi|thay) so\W*\d|\bnham so\b"
)
# That somebody died or is no longer there; who lost a phone is.
_FAR = (
    r"(?:sai gon|sg|(?:tp ?)?hcm|ha noi|da nang|da lat|can tho|hai phong|binh (?:duong|phuoc|dinh|thuan)|dong (?:nai|thap)|long an|tay ninh|vung tau|ba ria"
    r"|lam dong|dac? ?(?:lak|lac|nong)|dak (?:lak|nong)|gia lai|kon tum|pleiku|buon ma thuot|bmt|quang (?:nam|ngai|tri|binh|ninh)|hue|nghe an|ha tinh|thanh hoa"
    r"|nha trang|khanh hoa|phu yen|ninh thuan|tien giang|ben tre|tra vinh|vinh long|an giang|kien giang|phu quoc|hau giang|soc trang|bac lieu|ca mau"
    r"|bac (?:ninh|giang)|mien (?:nam|bac|trung|tay)|nam lam|nuoc ngoai|nhat ban|han quoc|dai loan|campuchia|trung quoc|malaysia"
    r"|lao dong|xkld|(?:bac|nam|nhat|han|uc|my|lao|phap|duc)(?: roi| lam(?: an)?)?$)"
)
_GONE = re.compile(
    r"(?!(?:chong|vo(?! bao)|bo(?! (?:di|xu|nha di|tron|sinh hoat))|me|cha|ong|ba|anh|chi|em|con(?! trong)|chau|dau)\b)(?:.*\b)?(?:tu tran|qua (?:doi|co)|tu vong|da chet|bao tu|xuat canh"
    r"|ta the|^(?:da )?khuat|quy tien|h[iy] sinh|chet duoi|(?:da )?tv (?:t|thang |ngay )?\d|da tv"
    r"|(?:ve (?:voi|nha)|trong) (?:chua|cha)|^nghia vu quan su|an nghi|huong (?:duong|tho)|(?:xoa|rut|gach) (?:ten|don)|(?:rut|roi|loai|ra) khoi|huy (?:don|dang ky)|khai tru|nghi (?:viec|lam|ban|han|luon|choi)|nghi (?:tu )?(?:thang |nam |t)?(?:\d{1,2} )?20\d\d|da nghi$|tach (?:ho|khau)"
    r"|(?:thoi|ngung|dung|ket thuc|het|(?:khong|ko|k)(?: con)?|bo|nghi)(?: han| luon)? (?:theo doi|quan ly|tham gia|sinh hoat(?! deu)|lien he|moi|cu tru|sinh song|song|(?:o|trong)(?: (?:day|thon|lang|xom|ap|khom|to|hoi|danh sach|ds|dia phuong|nha nay)|$))"
    r"|ra (?:hoi|dang|doan|to|thon)|(?:het tuoi|truong thanh) (?:doan|hoi)|(?:ve|sang|qua) nha (?:me|con|chong|vo|ngoai|noi)|theo chong$|da chuyen(?! (?:khoan|tien)\b)"
    r"|ve que(?! (?:an tet|choi|tham))|di (?:tu|cai nghien|nghia vu|biet|dau)|(?:o|dang) tu$|trai giam|cai (?:tao|nghien)|biet xu|mat tich|bo (?:xu|nha di|tron)|(?:khong|ko|k) (?:\w+ ){0,2}ve (?:nua|day|thon|lang|xom|ap)"
    rf"|xuat khau (?:lao dong|ld)|(?<!tai )dinh cu|noi khac|(?:di|ve|len|ra|vao|vo|xuong|qua|sang|o|song)(?: (?:o|tai|lam(?: an)?|ngoai|trong|tren))? {_FAR}"
    r"|(?:theo|o (?:voi|cung)) (?:con|chong|vo|bo|me|gia dinh|chau)(?: \w+)? (?:vao|ra|ve|di|len|xuong|sang|ngoai|trong|tren|duoi|o)"
    r"|(?:nhap ngu|di bo doi)(?!.*\b19\d\d| ve$)|(?:chap hanh|thi hanh) an|bi bat|lay (?:chong|vo) (?!cung|trong|som|muon|roi|nam|thang)[a-z]\w*"
    r"|(?:vo bao|da|vua|moi) mat(?! (?:so|sim|may|dt|dien|lien|song|viec|dat|giay|the|suc|mua|tien)\b)|bo (?:di|dia phuong)$"
    r"|xin (?:chuyen|rut|nghi|thoi|ra)|bao luu|ly hon.* ve|(?:o|di) (?:luon|han)|(?:ve|ra|vao|len|xuong|sang|qua|di) o (?:han|luon|voi|cung|nha|tai)|^(?:da )?rut(?:$| (?:ten|lui|von|tien|ra))|chuyen (?:\w+ ){1,2}khac|chuyen (?:han|luon|xa|xuong|len|sang|qua|nha)"
    r"|(?:doi|ban) nha(?: di| roi|$)|doi (?:nha )?(?:qua|sang|ve|len|xuong) (?:khom|ap|thon|to|khu|phuong|xa|huyen|tinh|que)|don (?:nha |di |han |luon )*(?:di|len|xuong|qua|sang|vao|ra|ve(?! sinh))"
    r"|(?:chuyen (?:di|den(?!$| (?:\d|nam|thang))|ve(?! (?:xa|thon|day)$)|vao|ra|khoi|noi|cho o|khau|ho khau|sinh hoat|sh|truong|xu|cong tac)|di khoi|cat khau|cat ho khau)"
    r"(?! (?:so|sim|tu)\b))(?:\b|(?<=\W))"
    r"|(?:cu )?(?:mat|chet)(?: (?:roi$|(?:ngay |thang |nam |t)?\d|(?:nam|thang|tuan|hom) (?:ngoai|truoc|qua|kia|nay|roi)\b).*)?$"
)
# As written: without accents also "mắt" and "mặt". What may be lost besides.
_DEAD = re.compile(
    r"(?:(?:cụ|đã|vừa|mới|bị|nay|già yếu) )*(?:mất|chết)\b(?! (?:sức|việc|mùa|trộm|cắp|giấy|cccd|cmnd|thẻ|tiền|đất|nhà|xe|điện|nước|ngủ|máy|đt|sđt|sim|số"
    r"|sổ|bằng|dấu|con|vợ|chồng|cha|mẹ|bố|ba|má|một|hồ sơ|sóng|bò|trâu|gà|heo|lợn|tôm|cá|trắng)\b)"
)
_CHANGED = re.compile(
    r"\b(?:doi|thay|bo (?:so|sim|may|roi)|khoa|mat|hong|hu|nham|lon|sai)\b.*\b(?:(?:so|sdt|dt|sim) (?:moi|dung)(?: la)?|so (?:em|minh|toi) la"
    r"|sua (?:lai|thanh)) [\d+]|\bthay so (?:thanh |bang )?[\d+]|\bsua lai so\b.* la [\d+]"
)
_BEHIND_NAME = re.compile(r"[(,;:\n]|\s[-–]|[-–]\s")
_CLAUSE = re.compile(r"[(,;.\n→]|->|=>|\s[-–+]\s")
_words = lru_cache(maxsize=20_000)(unaccented)


@lru_cache(maxsize=20_000)
def is_gone(text: str) -> bool:
    """Check whether a text, or a part of it, says that somebody died or is no longer there."""
    parts = {text, *_CLAUSE.split(text)}
    return any(_GONE.match(_words(part)) or _DEAD.match(part.lower().strip()) for part in parts)


def is_wrong(text: str) -> bool:
    """Check whether a note says that the number beside it is another's, wrong or not to be used, or asks."""
    return "?" in text or says_wrong(text)


@lru_cache(maxsize=20_000)
def says_wrong(text: str) -> bool:
    """Check whether a text says that a number is another's, wrong or not to be used."""
    parts = _CLAUSE.split(text := _OLD_FORM.sub("", text))
    is_said = any(_WRONG.search(_words(part)) or is_of_others(part) for part in {text, *parts})
    return is_said or any(map(_is_in_doubt, parts)) or text.lower() in _SAYS_WRONG


def _is_in_doubt(part: str) -> bool:
    said = part.lower()
    said_of_it = (_WORD.findall(text) for text in (said, _NOT_OF_NUMBER.sub(" ", said)))
    return not any(kind.isdisjoint(words) for words in said_of_it for kind in _TWO_KINDS)


def beside_note(cell: PhoneCell, note: str, name: str = "?", *, is_named: bool = True) -> PhoneCell:
    """Return the cell as one to decide where nobody is named, or where the note beside it says that its numbers are wrong,
    that the person is gone, or names the right number. A new number takes the place of one that it says was changed.
    """
    if is_named and not name:
        return for_review(cell)
    words, first = _words(note), _BEHIND_NAME.split(name)
    remark = behind_name(first[0].strip())
    behind = [*(part.strip(" )") for part in first[1:]), remark, remark.rpartition(" ")[2]]
    others = NUMBER.search(name) and {*read_phone_in_text(name).numbers} - {*cell.numbers}
    if (
        others
        or "†" in name + note
        or (note[:1] == "+" and not NUMBER.search(note))
        or any(map(is_gone, (note, *behind)))
        or any(map(is_wrong, behind))
    ):
        return for_review(cell)
    if len(cell.numbers) == 2 and _SECOND_IS_ANOTHERS.search(words):
        return replace(cell, numbers=cell.numbers[:1])
    is_right = _RIGHT.search(words)
    wrong = is_wrong(note) or is_relative(note)
    if not is_right and not wrong:
        return cell
    found = read_phone_in_text(note).numbers
    other = tuple(number for number in found if number not in cell.numbers)
    if len(found) == len(other) == 1 and (match := NUMBER.search(note)) and _CHANGED.search(words):
        return read_phone_cell(match[0])
    if other and is_right:
        return for_review(replace(cell, numbers=(*cell.numbers, *other)))
    return for_review(cell) if wrong and not found else cell


def is_relative(note: str) -> bool:
    """Check for a note that is a relative, "mẹ", "con dâu": whose the number is, or who the person is."""
    return _OF_RELATIVE.fullmatch(note) is not None


def find_number_beside(texts: Sequence[str]) -> tuple[str, PhoneCell] | None:
    """Return the first text beside an empty phone cell that holds numbers, and these for review."""
    for text in texts:
        if len(text) >= _LEAST_DIGITS and NUMBER.search(text) and not mentions_identity_paper(text):
            cell = read_phone_in_text(text)
            if cell.numbers:
                return text, for_review(cell)
    return None


def shared_with(
    said: str, *, is_covered: bool, people: Sequence[tuple[str, str, PhoneCell]]
) -> PhoneCell | None:
    """Return the number of another that is a person's as well: "chung số với Y Phum", "như số 12"; None where none is said to be.

    `people` are those above with running number, name and number; where nobody is named it is the last, as it is for a cell that
    theirs covers.
    """
    words, last = _words(said), [people[-1][2]] if people else []
    if told := _AS_OF_NUMBER.search(words):
        found = [phone for number, _, phone in people if number == told[1]]
    elif shared := _SHARED.search(words):
        named = {*words[shared.end() :].split()}
        found = last + [phone for _, name, phone in people if {*_words(name).split()[-1:]} & named]
    else:
        found = last if is_covered else []
    return found[-1] if found and found[-1].numbers else None


def holds_only_own(note: str) -> bool:
    """Check for a note that is a number under the word for it and nothing else: "SĐT: 0905 000 123"."""
    return _ANNOUNCED.match(note) is not None and not without_numbers(note)


def without_numbers(text: str) -> str:
    """Return the text without its numbers and the words that announce them."""
    apart = _LABELLED.sub(lambda found: " " * found.string[found.end() :][:1].isalnum(), text)
    return apart.strip(" ,;–-")


def has_numbers_in_text(texts: Sequence[str]) -> bool:
    """Whether a column of texts holds phone numbers among other words: in three rows and half of the rows with digits."""
    long = [text for text in texts if sum(map(str.isdigit, text)) >= 9]
    numbers = sum(bool(read_phone_in_text(text).numbers) for text in long)
    return numbers >= min(_LEAST_ROWS, max(len(texts), 1)) and 2 * numbers >= len(long)


def split_line(line: str) -> list[str] | None:
    """Return a pasted line as running number, name, phone and the rest; None if it is no line of a person.

    "1. Y Blưm - 0905 000 123 - Thôn 2" and "0905000123 Y Blưm" are such lines; so is one without a phone that is numbered or
    says that there is none.
    """
    sent = _SENT.match(line)
    line = line[sent.end() :] if sent else line
    item = _ITEM.match(line)
    number = (item["number"] or item["glued"] or "") if item else ""
    text = line[item.end() :] if item else line
    found = [*NUMBER.finditer(_with_zeros(text))] or [*_WITHOUT_ZERO.finditer(text)]
    if not found and begins_with_family(_FILLERS.sub("", text)):
        found = [*_CUT_SHORT.finditer(text)]
    if not found:
        return _without_phone(number, text)
    before, after = text[: found[0].start()], text[found[-1].end() :]
    # Below a name: "điện thoại của mẹ: …".
    if not number and _ANNOUNCED.match(before) and is_of_others(before):
        return ["", "", text.strip(), ""]
    said, before = _until_name(_LABEL_AT_END.sub("", before.rstrip()))
    name, *more = _parts(before)
    if more and are_couple(name) and begins_with_family(plain_name(more[0])):  # "Vợ chồng anh …, chị …"
        name, more = f"{name}, {more[0]}", more[1:]
    rest = _parts(after)
    if not name and rest[0][:1].isupper():
        name, *rest = rest
    elif not name and sent:
        rest.append(sent["sender"] or "")
    if house := _HOUSE.search(name):
        name, more = name[: house.start()], [*more, house[0].strip()]
    name = re.sub(r"(?<!\bsn)(?<!\bns)(?<!sinh) \d{1,2}$", "", _ADDRESS.sub("", name))  # a player's number
    phone = text[found[0].start() : found[-1].end()]
    if more and _KIN.search(more[-1]) and names_another(more[-1], [name]):  # "con dâu Y Mơn, ĐT 0905…"
        phone = re.sub(r"\W*\d+", "", more[-1]) + f" {phone}"
    return [number, name, phone, ", ".join(filter(None, (said.strip(_EDGES), *more, *rest)))]


def split_message(text: str) -> list[str]:
    """Return what a message says of each of several people: behind a number, or words for it, somebody else may be named."""
    parts, start = list[str](), 0
    for sign in _NEXT.finditer(text):
        if tells_of_phone(text[start : sign.start()]):
            name = _FILLERS.sub("", _ITEM.sub("", text[sign.end() :], count=1))
            if begins_with_family(name) and not name[:5].islower() and split_line(name) is not None:
                parts.append(text[start : sign.start()])
                start = sign.end()
    return [*parts, text[start:]]


def tells_of_phone(text: str) -> bool:
    """Check for a number, also one cut short, or words that there is none or that it is another's."""
    words = _words(text)
    is_told = states_no_phone(words) or _NUMBER_ELSEWHERE.search(words)
    return bool(is_told or NUMBER.search(figures := _with_zeros(text)) or _CUT_SHORT.search(figures))


def _with_zeros(text: str) -> str:
    """Return the text, as long, with zeros for letters O of a number."""
    return _LETTERS_O.sub(lambda letters: "0" * len(letters[0]), text)


def _until_name(text: str) -> tuple[str, str]:
    """Return a text in two, before and from the part that begins with a family's name; the whole as the second where none does."""
    if are_couple(text):
        return "", text
    if (family := _FAMILY_OF.match(text)) and begins_with_family(_FILLERS.sub("", text[family.end() :])):
        return text[: family.end()], _FILLERS.sub("", text[family.end() :])
    for start in (0, *(sign.end() for sign in _BETWEEN.finditer(text))):
        named = _FILLERS.sub("", _ITEM.sub("", text[start:], count=1))
        if begins_with_family(named):
            return text[:start], named
        if not start and begins_with_family(plain_name(_parts(text)[0])):
            break
    return "", text


def _without_phone(number: str, text: str) -> list[str] | None:
    """Return a line that has no phone, as `split_line` does: of a person where it is numbered or says that there is none."""
    said, text = _until_name(text)  # "ghi giúp bà nội: Y Blưm 1955 không có số"
    name = _BEHIND_NAME.split(text, maxsplit=1)[0]
    if begins_with_family(name):
        name = (name if number else name.removesuffix(behind_name(name))).partition(" 19")[0]
    rest = text[len(name) :]
    is_person = number or (begins_with_family(text) and tells_of_phone(rest))
    return [number, name.strip(_EDGES), "", (said + rest).strip(_EDGES)] if is_person and name else None


def join_heads(lines: Iterable[str]) -> Iterator[str]:
    """Yield a chat's lines; where who sent a message and the hour have a line each, both stand before its first line.

    Such a sender is the first line of all or below an empty one, and tells of no phone; else the hour's line is left out.
    """
    kept, is_first, is_next_first, head = "", False, True, ""
    for line in map(str.strip, lines):
        if _HOUR_ALONE.fullmatch(line):
            if kept and is_first and len(kept) <= _LONGEST_SENDER and not tells_of_phone(kept):
                head, kept = f"[{line}] {kept}: ", ""
            continue
        if kept:
            yield head + kept
            head = ""
        kept, is_first, is_next_first = line, is_next_first, not line
    if kept:
        yield head + kept


def sent_by(line: str) -> tuple[str | None, str]:
    """Return who sent a line of a chat, "" if it does not say, and what it says; None and the line if no hour is before it."""
    sent = _SENT.match(line)
    return (sent["sender"] or "", line[sent.end() :]) if sent else (None, line)


def corrects(said: str) -> bool:
    """Check for words that say which number is right, "số đúng của Y Blưm là …", or without a number that somebody is gone."""
    of_them = OF_SOMEBODY.sub("", said)
    return (
        _RIGHT.search(_words(said)) is not None
        if NUMBER.search(said)
        else is_gone(of_them) or says_wrong(said)
    )


def is_about(text: str, name: str) -> bool:
    """Check for a message of a chat with a number that is nobody's of the list: a sentence, or whom to call."""
    return _WHOM_TO_CALL.search(text.lower()) is not None or is_sentence(name) or name[:1].islower()


def is_of_sender(said: str, sender: str, name: str) -> bool:
    """Check for words as "số tui" beside a number of somebody whose name is not the sender's."""
    is_own = not {*_words(sender).split()}.isdisjoint(_words(name).split())
    return not is_own and _OF_SPEAKER.search(_words(said)) is not None


def _parts(text: str) -> list[str]:
    """Return the parts of a text between dashes, commas, semicolons and tabs; at least one."""
    parts = [part.strip(_EDGES) for part in _BETWEEN.split(text)]
    return [part for part in parts if part] or [""]
