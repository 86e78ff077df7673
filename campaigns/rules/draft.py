"""Campaign draft as written in a TOML file or a form, with its checks.

Raises BadCampaign with one sentence for the first error; nothing is guessed.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from campaigns.rules.audience import CONDITIONS, AudienceConditions, read_conditions
from campaigns.rules.content import merge, read_content
from campaigns.rules.content_texts import check_texts
from campaigns.rules.list_fields import check_text, parse_text, read_substitutes
from campaigns.rules.own_answers import without_stale_words
from campaigns.rules.sending_hours import VIETNAM, is_clock
from campaigns.rules.urgent import Urgency, read_urgency
from outreach.rules.errors import BadCampaign
from outreach.rules.formats import read_day
from outreach.rules.languages import NAMES as LANGUAGES

DEFAULT_KIND = "bluezone"
# Twilio's rule for an alphanumeric sender; else a number in E.164, or a short code.
SENDER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}|\+[1-9][0-9]{6,14}|[0-9]{3,8}")
# Fits an integer column of the database; a larger limit has no use.
_MOST = 2_000_000_000
_KNOWN: dict[str, Any] = {
    "name": str,
    "text": str,
    "lists": list,
    "sender": str,
    "kind": str,
    "drive": str,
    "also_in": list,
    "except": list,
    "areas": list,
    "organisations": list,
    **CONDITIONS,
    "pace": (int, float),
    "window": list,
    "cap_per_day": int,
    "budget_vnd": int,
    "starts_at": (datetime, str),
    "deadline": (datetime, str),
    "unaccented": bool,
    "unaccented_languages": list,
    "content": dict,
    "goal": dict,
    "step": list,
    "text_b": str,
    "texts": dict,
    "notice_template": str,
    "notice_text": str,
    "hold_out": (int, float),
    "urgent": dict,
    "fields": dict,
}


@dataclass(frozen=True, slots=True)
class StepDraft:
    """One step of a draft.

    `text_b` is compared with `text` (A/B test); `texts` are by language; `hold_out` is the share of recipients, drawn
    at random, that does not get the step. `notice_text` goes first where notices reach, by the template with that id.
    """

    text: str
    after_days: int = 0
    at: str | None = None
    text_b: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    hold_out: float = 0.0
    notice_template: str = ""
    notice_text: str = ""

    @property
    def all_texts(self) -> list[str]:
        return [text for text in (self.text, self.text_b, *self.texts.values(), self.notice_text) if text]


@dataclass(frozen=True, slots=True)
class GoalDraft:
    """Goal of a draft: a share from 0 to 1 of `denominator` people, a figure of `date` from `source`."""

    share: float
    denominator: int | None = None
    date: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """Checked draft. `steps[0]` is the first message. Times are in UTC, `hours` in Vietnam time."""

    name: str
    lists: tuple[str, ...]
    sender: str
    content: Mapping[str, Any]
    steps: tuple[StepDraft, ...]
    kind: str = DEFAULT_KIND
    drive: str = ""  # its name; empty: the open one of the kind
    also_in: tuple[str, ...] = ()  # lists that people must be in as well, each of them
    excepted: tuple[str, ...] = ()  # lists whose people are left out
    areas: tuple[str, ...] = ()
    conditions: AudienceConditions = field(default_factory=AudienceConditions)
    pace: float | None = None
    hours: tuple[str, str] | None = None
    cap_per_day: int | None = None
    budget_vnd: int | None = None
    starts_at: datetime | None = None
    deadline: datetime | None = None
    unaccented: bool = False
    unaccented_languages: tuple[str, ...] = ()
    goal: GoalDraft | None = None
    urgent: Urgency | None = None  # then hours and daily cap are those of the urgent class
    # Columns of the lists that the texts have as fields, with what is written for people without a value.
    fields: Mapping[str, str] = field(default_factory=dict)


def read_draft(data: Mapping[str, Any], *, kinds: Mapping[str, Mapping[str, Any]]) -> Draft:
    """Read a draft from its parsed file. `kinds` are the known kinds by name. Raises BadCampaign."""
    draft = read_stored_draft(data, kinds=kinds)
    check_texts(draft.content)
    return draft


def read_stored_draft(data: Mapping[str, Any], *, kinds: Mapping[str, Mapping[str, Any]]) -> Draft:
    """Read the draft of a stored campaign: its texts were checked by the rules of its time."""
    _check_parts(data)
    kind = data.get("kind", DEFAULT_KIND)
    if kind not in kinds:
        raise BadCampaign("kind_unknown", kind=kind, kinds=sorted(kinds))
    changes = data.get("content", {})
    content = without_stale_words(merge(kinds[kind], changes), kinds[kind], changes)
    urgent = read_urgency(data["urgent"]) if data.get("urgent") is not None else None
    read_content(content)
    fields = read_substitutes(data.get("fields", {}))
    steps = (
        _step({key: data[key] for key in _FIRST_STEP_KEYS if key in data}, fields),
        *(_step(step, fields) for step in data.get("step", ())),
    )
    used = {name for step in steps for text in step.all_texts for name in parse_text(text, fields).fields}
    unaccented = tuple(sorted(set(data.get("unaccented_languages", ()))))
    _check_languages({*map(str, unaccented)})
    draft = Draft(
        name=" ".join(data["name"].split())[:120],
        lists=tuple(map(str, data.get("lists", ()))),
        sender=data["sender"],
        content=content,
        steps=steps,
        kind=kind,
        drive=data.get("drive", ""),
        also_in=tuple(map(str, data.get("also_in", ()))),
        excepted=tuple(map(str, data.get("except", ()))),
        areas=tuple(map(str, data.get("areas", ()))),
        conditions=read_conditions(data),
        pace=_limit(data, "pace", 0.1),
        hours=None if urgent else _hours(data.get("window")),
        cap_per_day=None if urgent else _limit(data, "cap_per_day", 1),
        budget_vnd=_limit(data, "budget_vnd", 1),
        starts_at=_moment(data, "starts_at"),
        deadline=_moment(data, "deadline"),
        unaccented=data.get("unaccented", False),
        unaccented_languages=unaccented,
        goal=_goal(data.get("goal")),
        urgent=urgent,
        fields={name: substitute for name, substitute in fields.items() if name in used},
    )
    _check_together(draft)
    return draft


def _check_together(draft: Draft) -> None:
    """Raise BadCampaign for parts that do not go together."""
    days = [step.after_days for step in draft.steps]
    if days != sorted(days):
        raise BadCampaign("steps_not_ascending")
    if draft.starts_at and draft.deadline and draft.starts_at >= draft.deadline:
        raise BadCampaign("deadline_before_start")
    if any(step.notice_text and (step.text_b or draft.urgent) for step in draft.steps):
        raise BadCampaign("notice_not_here")


def _check_parts(data: Mapping[str, Any]) -> None:
    """Raise BadCampaign for a part that is unknown, of another type or missing."""
    for key, value in data.items():
        if key not in _KNOWN:
            raise BadCampaign("campaign_part_unknown", key=key, parts=list(_KNOWN))
        if not isinstance(value, _KNOWN[key]) or (isinstance(value, bool) and _KNOWN[key] is not bool):
            raise BadCampaign("campaign_part_type_wrong", key=key)
    for key in ("name", "text", "lists", "sender"):
        value = data.get(key) or (key == "lists" and data.get("organisations"))
        if not value or (isinstance(value, str) and not value.strip()):
            raise BadCampaign("campaign_part_missing", key=key)
    check_sender(data["sender"])


def check_sender(name: str) -> None:
    """Raise BadCampaign for a sender that no operator accepts."""
    if not SENDER.fullmatch(name):
        raise BadCampaign("sender_name_wrong")


# The first step's keys are in the file's top table.
_FIRST_STEP_KEYS = ("text", "text_b", "texts", "hold_out", "notice_template", "notice_text")
LONGEST_NOTICE = 400  # characters of a template, by the channel's rule
# Holding out more than half of the recipients would cost more than knowing the effect is worth.
MOST_HELD_OUT = 0.5


def _step(data: Any, fields: Mapping[str, str]) -> StepDraft:
    if not isinstance(data, Mapping) or set(data) - {*_FIRST_STEP_KEYS, "after_days", "at"}:
        raise BadCampaign("step_part_unknown")
    text = str(data.get("text", "")).strip()
    if not text:
        raise BadCampaign("step_text_missing")
    second = str(data.get("text_b") or "").strip()
    texts = _texts(data.get("texts") or {})
    for template in (text, second, *texts.values()):
        check_text(template, fields)
    hold_out = data.get("hold_out", 0)
    if not _is_number(hold_out) or not 0 <= hold_out <= MOST_HELD_OUT:
        raise BadCampaign("hold_out_wrong")
    days, time_of_day = data.get("after_days", 0), data.get("at")
    if not _is_number(days, int) or not 0 <= days <= 365:
        raise BadCampaign("after_days_wrong")
    if time_of_day is not None and not is_clock(str(time_of_day)):
        raise BadCampaign("step_hour_wrong")
    return StepDraft(
        text=text,
        after_days=days,
        at=None if time_of_day is None else str(time_of_day),
        text_b=second or None,
        texts=texts,
        hold_out=float(hold_out),
        **_notice(data, fields),
    )


def _notice(data: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, str]:
    """Return a step's notice. Each of its parameters is sent: none may stand in a part that can be left out."""
    template, text = (
        " ".join(str(data.get(name) or "").split()) for name in ("notice_template", "notice_text")
    )
    if bool(template) != bool(text):
        raise BadCampaign("notice_incomplete")
    if not text:
        return {}
    check_text(text, fields)
    parsed = parse_text(text, fields)
    if parsed.bare != parsed.fields or len(text) > LONGEST_NOTICE or len(template) > 40:
        raise BadCampaign("notice_text_wrong", most=LONGEST_NOTICE)
    return {"notice_template": template, "notice_text": text}


def _texts(data: Any) -> dict[str, str]:
    if not isinstance(data, Mapping):
        raise BadCampaign("texts_not_table", codes=_language_codes())
    _check_languages(data.keys())
    return {code: str(text).strip() for code, text in data.items() if str(text).strip()}


def _check_languages(codes: Set[str]) -> None:
    """Raise BadCampaign for a code that is none of a language beside Vietnamese."""
    if unknown := sorted(codes - LANGUAGES.keys() | {"vi"} & codes):
        raise BadCampaign("texts_language_unknown", language=unknown[0], codes=_language_codes())


def _language_codes() -> list[str]:
    return [f"{code} ({name})" for code, name in LANGUAGES.items() if code != "vi"]


def _goal(data: Mapping[str, Any] | None) -> GoalDraft | None:
    if data is None:
        return None
    if set(data) - {"share", "denominator", "date", "source"}:
        raise BadCampaign("goal_part_unknown")
    share: Any = data.get("share")
    denominator, day = data.get("denominator"), data.get("date")
    if not _is_number(share) or not 0 < share <= 1:
        raise BadCampaign("goal_share_number_wrong")
    if denominator is not None:
        if not _is_number(denominator, int) or not 1 <= denominator <= _MOST:
            raise BadCampaign("denominator_wrong")
        if not day or not data.get("source"):
            raise BadCampaign("denominator_without_source")
    if day and not read_day(str(day)[:10]):
        raise BadCampaign("denominator_day_wrong")
    return GoalDraft(
        share=float(share),
        denominator=denominator,
        date=str(day)[:10] if day else None,
        source=str(data.get("source", "")),
    )


def _is_number(value: Any, kind: Any = int | float) -> bool:
    """Return whether a value is a number; True is not, though Python counts it as an int."""
    return isinstance(value, kind) and not isinstance(value, bool)


def _hours(value: list[Any] | None) -> tuple[str, str] | None:
    if value is None:
        return None
    if len(value) != 2 or not all(is_clock(str(clock)) for clock in value):
        raise BadCampaign("window_wrong")
    return str(value[0]), str(value[1])


def _limit(data: Mapping[str, Any], key: str, least: float) -> Any:
    value = data.get(key)
    # Written as `not ... <= ...`, this also refuses nan.
    if value is not None and not least <= value <= _MOST:
        raise BadCampaign("part_number_wrong", key=key, least=f"{least:g}", most=_MOST)
    return value


def _moment(data: Mapping[str, Any], key: str) -> datetime | None:
    value = data.get(key)
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadCampaign("moment_wrong", key=key) from None
