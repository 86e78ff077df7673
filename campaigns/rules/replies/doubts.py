"""Doubts about a message: who sends it, is it a swindle, does it cost, where is my data. Each has one short answer."""

import re
from enum import StrEnum

from campaigns.rules.replies.words import plain_words


class DoubtKind(StrEnum):
    """What a resident doubts."""

    SENDER = "sender"
    COST = "cost"
    DATA = "data"


_PATTERNS = {
    DoubtKind.SENDER: r"lua dao|lua ga?t|tin gia|that hay gia|that khong|co that|that ha|dang tin|uy tin|scam|ban la ai|ai day|ai do|ai vay|ai nhan|ai gui|ai the|so cua ai|cua ai|co quan nao|ben nao|don vi nao|who is this|who are you|ai ma nhan|chinh quyen that|gia mao",
    DoubtKind.DATA: r"(?:lay|co|biet|dua|cho|xin|kiem) (?:duoc )?so (?:dien thoai )?(?:cua )?(?:toi|em|tui|minh|anh|chi|bac|con|nay)|sao (?:lai )?(?:co|biet) (?:ten|so)|thong tin (?:cua toi |ca nhan )?(?:o dau|luu|de lam|co bi|bi lo|dung)|du lieu|lo thong tin|bi lo|theo doi|bao mat|where.*data|my number",
    DoubtKind.COST: r"(?:co |bi )?(?:ton|mat|thu|tinh|tru|dong) (?:bao nhieu )?(?:tien|phi)|mien phi|le phi|bao nhieu tien|phi khong|free|how much|cost",
}
_SEARCHES = {doubt: re.compile(rf"\b(?:{pattern})\b").search for doubt, pattern in _PATTERNS.items()}
# {issuer}, {contact}: the campaign's. Without accents, as all acknowledgements.
_ANSWERS = {
    DoubtKind.SENDER: "Tin nhan nay do {issuer} gui. Chung toi khong thu tien, khong hoi mat khau hay ma OTP. Can hoi truc tiep, xin gap {contact}.",
    DoubtKind.COST: "Tra loi tin nay tinh cuoc nhu tin nhan thuong. {issuer} khong thu khoan tien nao qua tin nhan. Can hoi them, xin gap {contact}.",
    DoubtKind.DATA: "So cua ong/ba co trong danh sach cua {issuer}, chi dung de nhan tin viec nay, khong cung cap cho ai khac. Muon xem, sua, xoa: gap {contact}. Tu choi nhan tin: soan TC.",
}


def find_doubt(text: str) -> DoubtKind | None:
    """Return what a question doubts, if it is one of these."""
    plain = " ".join(plain_words(text))
    return next((doubt for doubt, search in _SEARCHES.items() if search(plain)), None)


def answer_doubt(doubt: DoubtKind, *, issuer: str, contact: str) -> str:
    """Return the short answer to a doubt."""
    return _ANSWERS[doubt].format(issuer=issuer, contact=contact or "can bo dia phuong")


def doubt_answers(*, issuer: str, contact: str) -> list[str]:
    """Return the short answers to all doubts."""
    return [answer_doubt(doubt, issuer=issuer, contact=contact) for doubt in DoubtKind]
