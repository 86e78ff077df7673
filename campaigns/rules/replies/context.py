"""Replies in a conversation: corrections of what was just said, answers to what we just asked, and a second meaning in one message."""

import re
from datetime import timedelta

from campaigns.rules.replies.asked import Asked, bare_words, says_yes
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import understand
from campaigns.rules.replies.words import plain_words, unaccent_word

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
# A wish to be left alone by this drive alone; what is said less clearly is an opt-out from everything.
_STOP = (
    r"(?:(?:tc|tu choi|stop|huy)(?: (?:nhan|tin))*"
    r"|(?:thoi|ngung|dung|khong)(?: (?:muon|can|em|toi|cho))* (?:nhan|gui|nhac)(?: (?:tin|nhan|nua|them|em|toi|cho))*)"
)
_THIS = r"(?:cua |ve |trong )?(?:rieng )?(?:dot|chien dich|viec|vu|chuyen)(?: van dong)? nay"
_DRIVE_ONLY = re.compile(rf"(?:da |xin )?{_STOP} (?:rieng |chi )?{_THIS}(?: (?:thoi|a|nhe|nha|nua))*")


def _plain(text: str) -> str:
    return " ".join(plain_words(text))


def takes_back(text: str) -> bool:
    """Return whether a reply only says that the one before was a mistake: "nhầm", "em bấm nhầm ạ"."""
    return _TAKEN_BACK.fullmatch(_plain(text)) is not None


def is_of_drive_only(text: str) -> bool:
    """Return whether an opt-out is from this drive alone: "TC đợt này", "không nhận tin về việc này nữa"."""
    return _DRIVE_ONLY.fullmatch(_plain(text)) is not None


def accepts_help(text: str, *, asked: str) -> bool:
    """Return whether a reply is a bare yes to our last message, and that offered help."""
    offered = " ".join(unaccent_word(word) for word in asked.lower().split())
    return _OFFERS_HELP.search(offered) is not None and _YES.fullmatch(_plain(text)) is not None


def reports_install_too(text: str, asked: Asked) -> bool:
    """Return whether one clause of a reply, by itself, clearly says that it is done: "cài rồi, đừng nhắn nữa"."""
    clauses = re.split(r"[,.;!\n]+|\b(?:nên|nen|nhưng|nhung)\b", text)
    found = [understand(clause, asked) for clause in clauses] if len(clauses) > 1 else []
    return any(each.label is Label.INSTALLED and each.is_automatic for each in found)


QUOTED_FROM = 5
"""Words of our message in a row from which a reply quotes it."""


def without_quote(text: str, sent: str) -> str:
    """Return a reply without the text of our message that it repeats before what it says; unchanged where nothing else is said."""
    ours = [unaccent_word(word) for word in sent.lower().split()]
    words = text.split()
    said = [unaccent_word(word.lower().strip('>"“”')) for word in words]
    if len(ours) < QUOTED_FROM:
        return text
    for start in range(len(ours) - QUOTED_FROM + 1):
        if said[:QUOTED_FROM] == ours[start : start + QUOTED_FROM]:
            end = next(
                (n for n, pair in enumerate(zip(said, ours[start:], strict=False)) if pair[0] != pair[1]),
                None,
            )
            end = min(len(said), len(ours) - start) if end is None else end
            return " ".join(words[end:]) or text
    return text


def needs_question(text: str) -> bool:
    """Return whether a reply says yes or no and nothing else, which answers only what was asked just before."""
    return says_yes(text) is not None or bare_words(text) in (["roi"], ["chua"])
