"""Invented replies: who wrote them, for which kind of campaign, with which label, and whether they are a cry for help.

`tests/data/replies/*.txt` hold them by author. A line `# name | kind | who it is, where, how they type` begins an author, `#= name | …` one whose
replies are for measuring only, a third of all; each line below is `label: reply | reply | …`, or `label!: …` for cries.
"""

import csv
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import read_content
from campaigns.rules.replies.asked import Answer, Asked, read_asked, read_question
from campaigns.rules.replies.context import without_quote
from campaigns.rules.replies.labels import OPT_IN, Label, Meaning
from campaigns.rules.replies.words import unaccent_word

DATA = Path(__file__).parents[1] / "data"
FIRST_KIND = "bluezone"
# Kinds that do not come with Loa, as an office may make them: so that what is learned holds for a kind with other words.
MADE_KINDS = {
    "sot-xuat-huyet": Asked(
        ("lật úp", "đổ nước", "súc lu", "dọn", "đậy", "đậy kín", "thả cá", "ngủ mùng", "giăng mùng", "diệt lăng quăng", "diệt muỗi"),
        (),
        ("lăng quăng", "lu", "hồ nước", "khạp", "chum vại", "mùng"),
    ),
    "hoc-phi": Asked(
        ("đóng", "đóng tiền", "nộp", "nộp tiền", "chuyển khoản", "ck", "thanh toán"),
        ("paid",),
        ("học phí", "tiền học", "tiền trường", "tiền bán trú"),
    ),
    "bao-hiem": Asked(
        ("mua", "mua thẻ", "gia hạn", "đóng", "tham gia", "nộp"), (), ("bảo hiểm", "bhyt", "bảo hiểm y tế", "thẻ")
    ),
    "tien-dien": Asked(
        ("trả", "đóng", "nộp", "thanh toán", "pay"), ("paid",), ("tiền điện", "hóa đơn"), ("tiền nước", "tiền mạng")
    ),
    "phong-chay": Asked(
        ("mua bình", "thay dây", "kiểm tra", "trang bị", "dọn trống", "tập huấn"), (), ("bình chữa cháy", "bình", "thang dây", "lối thoát")
    ),
    "ret-dam": Asked(
        ("che chuồng", "che", "quây bạt", "trữ rơm", "ủ rơm", "lùa trâu"), (), ("chuồng", "rơm", "bạt")
    ),
    "han-man": Asked(("trữ nước", "trữ", "đắp đập", "đắp", "bơm"), (), ("nước ngọt", "bồn", "đập")),
    "kham-benh": Asked(
        ("khám", "đi khám", "khám bệnh", "tầm soát", "xét nghiệm"), ("checked",), ("sức khỏe", "buổi khám")
    ),
    "giai-toa": Asked(("dời", "di dời", "dỡ", "tháo", "đập", "bàn giao", "bốc mộ", "dọn"), (), ("mặt bằng", "hàng rào", "nhà cũ")),
    "nuoc-sach": Asked(("đấu nối", "bắt ống", "lắp", "súc bể", "rửa bể", "nối"), (), ("đồng hồ", "ống", "nước máy", "bể")),
    "trong-rung": Asked(("trồng", "đào hố", "làm cỏ"), (), ("cây giống", "cây", "hố")),
    "nhap-hoc": Asked(("nhập học", "ghi danh", "nộp", "nộp hồ sơ", "đăng ký"), (), ("hồ sơ", "lớp một", "lớp sáu")),
    "vu-mua": Asked(("cấy", "gặt", "cày", "gieo", "trồng", "bón lót"), (), ("ruộng", "lúa", "mạ", "ngô")),
    "thu-gom-rac": Asked(("phân loại", "bỏ rác", "đổ rác", "thu gom"), (), ("rác", "thùng rác")),
}  # fmt: skip
SHORT = 3
"""Words of a reply that everybody writes ("1", "ok em", "chưa có"): such a one may be trained on though a measured author wrote it."""


class Example(NamedTuple):
    """One invented reply. `own` is the answer of the question's own that it gives, then `label` is None unless the answer means one."""

    text: str
    label: Meaning | None
    own: int | None
    kind: str
    author: str
    is_urgent: bool
    is_held_out: bool
    is_of_many: bool
    """Whether the author is many people in one, most of them written to be hard."""


def read_label(name):
    """Return the label of a name."""
    return OPT_IN if name == OPT_IN else Label(name)


@cache
def questions():
    """Return what offices ask in words of their own (`replies_questions.toml`), by its code."""
    found = {}
    for code, parts in tomllib.loads((DATA / "replies_questions.toml").read_text(encoding="utf-8")).items():
        answers = [
            Answer(n, (words,), Label(means) if means else None)
            for n, (words, means) in enumerate(parts["answers"], 1)
        ]
        found[code] = read_question(parts["question"], answers)
    return found


def of_stranger(kind):
    """Return whether a question was written, with its replies, by somebody who does not know the program: "t3-1"."""
    return re.fullmatch(r"[rt]\d+-\d", kind) is not None


def is_typical(kind):
    """Return whether replies to a question are as frequent as an office gets them: strangers t9 to t17 wrote half of theirs in a roundabout way, t27 and t28 did as well, t23 and t24 a quarter of calm ones with words of danger."""
    return of_stranger(kind) and not re.fullmatch(r"t(?:9|1[0-7]|2[3478])-\d", kind)


@cache
def asked_at_first_sight():
    """Return what is asked in each `replies_first_sight/AUTHOR/qN.json`, and the message as sent, by `AUTHOR/qN`.

    These sets are for measuring only: their replies are not to be read while something is mended.
    """
    files = sorted((DATA / "replies_first_sight").glob("*/*.json"))
    return {f"{path.parent.name}/{path.stem}": read_asked(path.read_bytes()) for path in files}


def read_first_sight():
    """Return the replies of those sets; a line of a file is a reply, its label, and 1 for a cry."""
    found = []
    for kind, (_, sent) in asked_at_first_sight().items():
        path = DATA / "replies_first_sight" / f"{kind}.tsv"
        for line in path.read_text(encoding="utf-8").splitlines():
            text, name, urgent = [*line.split("\t"), ""][:3]
            own = int(name.removeprefix("answer-")) if name.startswith("answer-") else None
            label = read_label(name) if own is None else None
            text, author = without_quote(text, sent), kind.partition("/")[0]
            found.append(Example(text, label, own, kind, author, urgent == "1", True, False))
    return found


@cache
def asked_of(kind):
    """Return what a kind that comes with Loa asks, one of `MADE_KINDS`, or a question of an office."""
    if kind in asked_at_first_sight():
        return asked_at_first_sight()[kind][0]
    return MADE_KINDS.get(kind) or questions().get(kind) or read_content(load_kinds()[kind]).vocabulary


def read_authors(*files):
    """Return the replies of all authors; with `files`, of those in them."""
    found = []
    for path in files or sorted((DATA / "replies").glob("*.txt")):
        author, kind, is_held_out, is_of_many = "", "", False, False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if line.startswith("#"):
                is_held_out = line.startswith("#=")
                author, kind, who = (part.strip(" #=") for part in line.split("|", 2))
                is_of_many = who.startswith("nhiều")
                assert kind in load_kinds() or kind in MADE_KINDS or kind in questions(), (path, number, kind)
            elif line.strip():
                name, replies = line.split(":", 1)
                own = int(name.strip("! ")) if name.strip("! ").isdecimal() else None
                label = read_label(name.strip("! ")) if own is None else asked_of(kind).answers[own - 1].means
                of = (label, own, kind, author, name.strip().endswith("!"), is_held_out, is_of_many)
                texts = (text.strip() for text in replies.split(" | ") if text.strip(" -"))
                found += (Example(text, *of) for text in texts)
    return found


def read_earlier():
    """Return the replies that the rules were made with, all of the first kind. None is a cry for help."""
    with (DATA / "replies_invented.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    of = (False, False, True)
    return [
        Example(row["text"], Label(row["label"]), None, FIRST_KIND, f"earlier {row['part']}", *of)
        for row in rows
    ]


def plain_text(text):
    """Return the words of a reply without accents and marks."""
    return " ".join(re.findall(r"\w+", unaccent_word(text.lower())))


def read_training():
    """Return what is trained on: nothing of measured authors, and nothing longer than `SHORT` words that one of them wrote as well."""
    authors = read_authors()
    measured = {plain_text(each.text) for each in authors if each.is_held_out}
    return [
        each
        for each in (*read_earlier(), *authors)
        if not each.is_held_out
        and (len(plain := plain_text(each.text).split()) <= SHORT or " ".join(plain) not in measured)
    ]
