"""Invented replies: who wrote them, for which kind of campaign, with which label, and whether they are a cry for help.

`tests/data/replies/*.txt` hold them by author. A line `# name | kind | who it is, where, how they type` begins an author, `#= name | …` one whose
replies are for measuring only, a third of all; each line below is `label: reply | reply | …`, or `label!: …` for cries.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import read_content
from campaigns.rules.replies.classifier import Vocabulary
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.words import unaccent_word

DATA = Path(__file__).parents[1] / "data"
FIRST_KIND = "bluezone"
# Kinds that do not come with Loa, as an office may make them: so that what is learned holds for a kind with other words.
MADE_KINDS = {
    "sot-xuat-huyet": Vocabulary(
        ("lật úp", "đổ nước", "súc lu", "dọn", "đậy", "đậy kín", "thả cá", "ngủ mùng", "giăng mùng", "diệt lăng quăng", "diệt muỗi"),
        (),
        ("lăng quăng", "lu", "hồ nước", "khạp", "chum vại", "mùng"),
    ),
    "hoc-phi": Vocabulary(
        ("đóng", "đóng tiền", "nộp", "nộp tiền", "chuyển khoản", "ck", "thanh toán"),
        ("paid",),
        ("học phí", "tiền học", "tiền trường", "tiền bán trú"),
    ),
    "bao-hiem": Vocabulary(
        ("mua", "mua thẻ", "gia hạn", "đóng", "tham gia", "nộp"), (), ("bảo hiểm", "bhyt", "bảo hiểm y tế", "thẻ")
    ),
    "tien-dien": Vocabulary(
        ("trả", "đóng", "nộp", "thanh toán", "pay"), ("paid",), ("tiền điện", "hóa đơn"), ("tiền nước", "tiền mạng")
    ),
    "phong-chay": Vocabulary(
        ("mua bình", "thay dây", "kiểm tra", "trang bị", "dọn trống", "tập huấn"), (), ("bình chữa cháy", "bình", "thang dây", "lối thoát")
    ),
    "ret-dam": Vocabulary(
        ("che chuồng", "che", "quây bạt", "trữ rơm", "ủ rơm", "lùa trâu"), (), ("chuồng", "rơm", "bạt")
    ),
    "han-man": Vocabulary(("trữ nước", "trữ", "đắp đập", "đắp", "bơm"), (), ("nước ngọt", "bồn", "đập")),
    "kham-benh": Vocabulary(
        ("khám", "đi khám", "khám bệnh", "tầm soát", "xét nghiệm"), ("checked",), ("sức khỏe", "buổi khám")
    ),
    "giai-toa": Vocabulary(("dời", "di dời", "dỡ", "tháo", "đập", "bàn giao", "bốc mộ", "dọn"), (), ("mặt bằng", "hàng rào", "nhà cũ")),
    "nuoc-sach": Vocabulary(("đấu nối", "bắt ống", "lắp", "súc bể", "rửa bể", "nối"), (), ("đồng hồ", "ống", "nước máy", "bể")),
    "trong-rung": Vocabulary(("trồng", "đào hố", "làm cỏ"), (), ("cây giống", "cây", "hố")),
    "nhap-hoc": Vocabulary(("nhập học", "ghi danh", "nộp", "nộp hồ sơ", "đăng ký"), (), ("hồ sơ", "lớp một", "lớp sáu")),
    "vu-mua": Vocabulary(("cấy", "gặt", "cày", "gieo", "trồng", "bón lót"), (), ("ruộng", "lúa", "mạ", "ngô")),
    "thu-gom-rac": Vocabulary(("phân loại", "bỏ rác", "đổ rác", "thu gom"), (), ("rác", "thùng rác")),
}  # fmt: skip
SHORT = 3
"""Words of a reply that everybody writes ("1", "ok em", "chưa có"): such a one may be trained on though a measured author wrote it."""


class Example(NamedTuple):
    """One invented reply."""

    text: str
    label: Label
    kind: str
    author: str
    is_urgent: bool
    is_held_out: bool
    is_of_many: bool
    """Whether the author is many people in one, most of them written to be hard."""


@cache
def vocabulary_of(kind: str) -> Vocabulary:
    """Return the words of a kind that comes with Loa, or of one of `MADE_KINDS`."""
    return MADE_KINDS.get(kind) or read_content(load_kinds()[kind]).vocabulary


def read_authors(*files: Path) -> list[Example]:
    """Return the replies of all authors; with `files`, of those in them."""
    found: list[Example] = []
    for path in files or sorted((DATA / "replies").glob("*.txt")):
        author, kind, is_held_out, is_of_many = "", "", False, False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if line.startswith("#"):
                is_held_out = line.startswith("#=")
                author, kind, who = (part.strip(" #=") for part in line.split("|", 2))
                is_of_many = who.startswith("nhiều")
                assert kind in load_kinds() or kind in MADE_KINDS, (path, number, kind)
            elif line.strip():
                label, replies = line.split(":", 1)
                is_urgent = label.endswith("!")
                found += (
                    Example(
                        text.strip(),
                        Label(label.strip("! ")),
                        kind,
                        author,
                        is_urgent,
                        is_held_out,
                        is_of_many,
                    )
                    for text in replies.split(" | ")
                    if text.strip(" -")
                )
    return found


def read_earlier() -> list[Example]:
    """Return the replies that the rules were made with, all of the first kind. None is a cry for help."""
    with (DATA / "replies_invented.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Example(row["text"], Label(row["label"]), FIRST_KIND, f"earlier {row['part']}", False, False, True)
        for row in rows
    ]


def plain_text(text: str) -> str:
    """Return the words of a reply without accents and marks."""
    return " ".join(re.findall(r"\w+", unaccent_word(text.lower())))


def read_training() -> list[Example]:
    """Return what is trained on: nothing of measured authors, and nothing longer than `SHORT` words that one of them wrote as well."""
    authors = read_authors()
    measured = {plain_text(each.text) for each in authors if each.is_held_out}
    return [
        each
        for each in (*read_earlier(), *authors)
        if not each.is_held_out
        and (len(plain := plain_text(each.text).split()) <= SHORT or " ".join(plain) not in measured)
    ]
