"""Replies in a conversation: corrections of what was just said, answers to what we just asked, and a second meaning in one message."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import NamedTuple

from campaigns.rules.replies.classifier import Vocabulary, classify
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.words import split_words, unaccent_word

AMENDS_WITHIN = timedelta(minutes=10)
"""How long after an answer a bare "nhầm" takes it back."""
# A whole reply that only says that the last one was wrong.
_TAKEN_BACK = re.compile(
    r"(?:(?:da|a|ah|oi|u|ua|xin loi|sorry|em|toi|minh|con|chau|lo) )*(?:bam|nhan|an|ghi|gui|go)? ?(?:nham|lon|sai)(?: (?:tin|nut|phim|roi|nha|nhe|a|em|chi|anh|xin loi|sorry|ban nay|luc nay|hoi nay))*"
)
_YES = re.compile(
    r"(?:da |vang |u )?(?:co|can|muon|vang|dung|phai|ok|duoc|da co|co chu|co can|u|uh|um|yes)(?: (?:a|nha|nhe|em|chi|anh|ban|can bo|nghe|nghen|lam))*"
)
# A question of ours about help or a call: "Ông/bà có cần giúp không?", "Gọi lại cho ông/bà được không?"
_OFFERS_HELP = re.compile(
    r"(?:giup|ho tro|goi lai|goi dien|den nha|huong dan)[^?]*(?:khong|chua)[^?]{0,20}\?"
)
# What gives back what STOP took.
_STARTS = re.compile(
    r"(?:start|unstop|dang ky|dang ki|nhan lai|nhan tin lai|dang ky lai|bat lai|(?:cho )?(?:(?:em|toi|minh|con|chau) )?(?:(?:muon|xin|cho|dang ky) )?nhan (?:lai )?(?:tin|tin nhan|thong bao)(?: lai| tro lai)?)"
    r"(?: (?:a|nha|nhe|em|lai|tin|giup|gium|di))*"
)
_SURE_CLAUSE = 0.85
_TO_WHOM = "a|ah|nha|nhe|nhen|nghe|nghen|em|chi|anh|chu|bac|ban|can bo|oi"
_SAYS_YES = "co|duoc|ok|vang|u|uh|uk|yes|dong y|nhat tri"
_BARE_YES = re.compile(rf"(?:da )?(?:{_SAYS_YES})(?: (?:{_SAYS_YES}|{_TO_WHOM}|thoi|luon))*")
_BARE_NO = re.compile(rf"(?:da )?(?:khong|no)(?: (?:duoc|{_TO_WHOM}))*")
# It may be a yes, or only say that it was read.
_HEARD = re.compile(rf"(?:da|um|uhm)(?: (?:da|{_TO_WHOM}))*")


def _plain(text: str) -> str:
    return " ".join(word for word in split_words(text, frozenset()) if word not in (",", "?"))


def takes_back(text: str) -> bool:
    """Return whether a reply only says that the one before was a mistake: "nhầm", "em bấm nhầm ạ"."""
    return _TAKEN_BACK.fullmatch(_plain(text)) is not None


def starts_again(text: str) -> bool:
    """Return whether a reply only asks to get messages again: START, DK, "cho tôi nhận tin lại"."""
    return text.strip(" .!").upper() in ("DK", "ĐK") or _STARTS.fullmatch(_plain(text)) is not None


def accepts_help(text: str, *, asked: str) -> bool:
    """Return whether a reply is a bare yes to our last message, and that offered help."""
    offered = " ".join(unaccent_word(word) for word in asked.lower().split())
    return _OFFERS_HELP.search(offered) is not None and _YES.fullmatch(_plain(text)) is not None


class BareAnswer(NamedTuple):
    """A reply that says yes or no and nothing else; without `is_clear` it may mean something else."""

    is_yes: bool
    is_clear: bool


def bare_answer(text: str) -> BareAnswer | None:
    """Return what a reply says that is a bare yes or no: "có", "ok chị", "ko ạ"; None for any other."""
    written = unicodedata.normalize("NFC", text.lower())
    if "?" in written or re.search(r"\bđã\b", written):
        return None
    said = _plain(re.sub(r"\bcô\b", "", written))  # "dạ cô" is no "dạ có"
    is_what = re.search(r"\bchi\b", written) is not None  # "có chi" may ask what there is
    if _BARE_YES.fullmatch(said):
        return BareAnswer(True, not (is_what and said.endswith("co chi")))
    if _BARE_NO.fullmatch(said):
        return BareAnswer(False, not (is_what and said.endswith("khong chi")))
    return BareAnswer(True, False) if _HEARD.fullmatch(said) else None


def reports_install_too(text: str, vocabulary: Vocabulary) -> bool:
    """Return whether one clause of a reply, by itself, clearly says that it is done: "cài rồi, đừng nhắn nữa"."""
    clauses = re.split(r"[,.;!\n]+|\b(?:nên|nen|nhưng|nhung)\b", text)
    return len(clauses) > 1 and any(
        reply.label is Label.INSTALLED and reply.confidence >= _SURE_CLAUSE
        for reply in (classify(clause, vocabulary) for clause in clauses)
    )
