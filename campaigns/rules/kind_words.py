"""Words by which pages, forms, mail and reports call what a kind of campaign asks for.

A kind's file has them in its table `words`; without it the words fit any action.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.rules.promises import is_promise, short_answer
from campaigns.rules.replies.labels import Label
from outreach.rules.errors import BadCampaign

DONE = "thực hiện"
# Who counts in reports stored before forms named it, and in kinds about an app.
SMARTPHONE_OWNERS = "người có điện thoại thông minh"
EVERYBODY = "người thuộc diện vận động"
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class KindWords:
    """Words of a kind.

    `done` stands after "đã" and "chưa". `owners` are the people who count ("người có điện thoại thông minh") where an
    agency has to say how many of its staff they are; empty where all of its staff count. `agencies`: whether agencies
    report, and figures are published by authorities. `goal`: whether a share is to be reached; a survey has none.
    `promised`: some answer promises, so who has done it is what was recorded, by whomever, and not a report of their own.
    `promise`, `unable`: the kind's own words for who will and who cannot do it, where one of its answers says so.
    """

    done: str = DONE
    owners: str = ""
    agencies: bool = False
    goal: bool = True
    promised: bool = False
    promise: str = ""
    unable: str = ""

    @property
    def counted(self) -> str:
        """Return the words for the people who count; where everybody counts, for everybody."""
        return self.owners or EVERYBODY

    @property
    def counted_heading(self) -> str:
        """Return the same with a capital letter, for a column or a field."""
        return self.counted[:1].upper() + self.counted[1:]


def read_words(content: Mapping[str, Any]) -> KindWords:
    """Read the words of a kind's content. Raises BadCampaign for a wrong part."""
    table = content.get("words", {})
    if not isinstance(table, Mapping) or set(table) - {"done", "owners", "agencies", "goal"}:
        raise BadCampaign("content_words_table_wrong")
    done, owners = (" ".join(str(table.get(name, "")).split()) for name in ("done", "owners"))
    if max(len(done), len(owners)) > _LONGEST:
        raise BadCampaign("content_words_table_wrong")
    own = content.get("own_answers")
    answers = [
        (str(parts.get("means", "")), str(parts.get("text", "")))
        for parts in (own.values() if isinstance(own, Mapping) else ())
        if isinstance(parts, Mapping)
    ]
    promises = [text for means, text in answers if means == Label.NOT_YET and is_promise(text)]
    unable = [text for means, text in answers if means == Label.NO_SMARTPHONE]
    return KindWords(
        done or DONE,
        owners,
        agencies=bool(table.get("agencies", False)),
        goal=bool(table.get("goal", True)),
        promised=bool(promises),
        promise=_only_one(promises),
        unable=_only_one(unable),
    )


# Who speaks, at the beginning of an answer: people leave it out.
_SPEAKER = re.compile(r"^(?:gia đình tôi|gia đình|nhà tôi|chúng tôi|tôi|em|con|cháu)\s+", re.IGNORECASE)
# How an office names a campaign before it says what is to be done: “Mời bà con”, “Vận động”.
_ASKING = re.compile(
    r"^(?:(?:kính )?mời|vận động|kêu gọi|đề nghị|nhắc nhở|nhắc|tuyên truyền)\s+(?:(?:bà con|người dân|nhân dân|ông/bà|ông bà|các hộ)\s+)?",
    re.IGNORECASE,
)
_LEADING = ("đi", "làm", "được", "đăng", "tham")  # first syllables that say nothing alone


def propose_vocabulary(done: str, question: str) -> dict[str, list[str]]:
    """Return words for understanding replies, proposed from what is asked; `done` stands after "đã"."""
    action = " ".join(done.lower().split())
    first, _space, rest = action.partition(" ")
    # Two syllables are one word as a rule ("sơ tán"); of more the first is what is done, the rest what it is done to.
    is_of_something = " " in rest and first not in _LEADING
    verbs = [action, *([first] if is_of_something else []), f"đi {action}", f"{action} xong"]
    things = [rest] if is_of_something and rest in question.lower() else []
    return {"verbs": verbs} | ({"things": things} if things else {})


def action_of(title: str) -> str:
    """Return what a title asks people to do, as it stands in a sentence: without who is asked and how."""
    words = " ".join(title.split())
    action = _ASKING.sub("", words) or words
    return action[:1].lower() + action[1:]


def propose_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what follows from the title ("Khám sức khỏe") and is not written: its name once done, question, answers."""
    action = action_of(str(content.get("title", "")))
    done = str(content.get("words", {}).get("done", "")) or action[:_LONGEST].strip()
    answers = [("installed", f"Đã {done}"), ("not_yet", f"Chưa {done}"), ("need_help", "Cần giúp")]
    if content.get("own_answers") or "installed" in content.get("answers", {}):
        answers = []
    return {
        "done": done,
        "question": content.get("question") or f"Ông/bà đã {done} chưa?",
        "answers": [(means, text[:_LONGEST].strip()) for means, text in answers],
    }


def propose_says(text: str) -> list[str]:
    """Return how else people may say an answer: without who speaks."""
    short = _SPEAKER.sub("", text.strip())
    return [short.lower()] if short and short != text.strip() else []


def _only_one(texts: Sequence[str]) -> str:
    short = short_answer(texts[0]) if len(texts) == 1 else ""
    return short[:1].upper() + short[1:]
