"""Report template: letterhead, wording and hours, which differ by province and campaign; the day's next action by these hours.

The caller performs the action and asks again. After a downtime only what is still useful is due: agencies are not reminded
after the figures are frozen, but the report is sent however late it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import pairwise
from typing import Any

from campaigns.rules.kind_words import SMARTPHONE_OWNERS
from campaigns.rules.sending_hours import is_clock
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.formats import read_day


class ReportAction(StrEnum):
    """Actions that may be due."""

    CHASE = "chase"  # remind agencies without a report
    ALARM_MISSING = "alarm_missing"  # tell the officers which agencies are still missing
    FREEZE = "freeze"  # take the snapshot of figures and sources
    ISSUE = "issue"  # once it is approved: write documents, create the link, queue mail
    DELIVER = "deliver"  # send waiting mail again
    ALARM_UNDELIVERED = "alarm_undelivered"  # not approved, or not delivered, shortly before the deadline


@dataclass(frozen=True, slots=True)
class ReportHours:
    """Times of a day in Vietnam (HH:MM), ascending: `deadline` to arrive, `correct` late figures from."""

    chase: str = "11:00"
    alarm: str = "13:00"
    freeze: str = "13:30"
    undelivered: str = "13:45"
    deadline: str = "14:00"
    correct: str = "16:30"


@dataclass(frozen=True, slots=True)
class DayEvents:
    """What has happened on one day.

    `is_wanted`: the day is today and campaigns to report on are under way; a report frozen by hand is continued without
    it. `missing`: agencies without a report. `may_deliver`: mail waits and may be tried now (there is a pause after a
    refusal by the server). `is_delivered`: all addressees have it. `is_approved`: a second person approved what is frozen,
    the report or a correction.
    """

    is_wanted: bool
    missing: int = 0
    is_chased: bool = False
    is_alarmed: bool = False
    is_frozen: bool = False
    is_approved: bool = False
    is_issued: bool = False
    may_deliver: bool = False
    is_delivered: bool = False
    is_undelivered_alarmed: bool = False
    has_just_failed: bool = False


def next_action(clock: str, events: DayEvents, hours: ReportHours) -> ReportAction | None:
    """Return the first action due at `clock` (HH:MM), or None if nothing is due."""
    if not events.is_frozen and (action := _before_freezing(clock, events, hours)):
        return action
    if events.is_approved and not events.is_issued and not events.has_just_failed:
        return ReportAction.ISSUE
    if events.may_deliver:
        return ReportAction.DELIVER
    is_due = clock >= hours.undelivered and (events.is_frozen or events.is_wanted)
    if is_due and not events.is_delivered and not events.is_undelivered_alarmed:
        return ReportAction.ALARM_UNDELIVERED
    return None


def _before_freezing(clock: str, events: DayEvents, hours: ReportHours) -> ReportAction | None:
    if events.is_wanted and clock >= hours.freeze and not events.has_just_failed:
        return ReportAction.FREEZE
    is_open = events.is_wanted and events.missing > 0 and clock < hours.freeze
    if is_open and clock >= hours.alarm and not events.is_alarmed:
        return ReportAction.ALARM_MISSING
    if is_open and clock >= hours.chase and not events.is_chased:
        return ReportAction.CHASE
    return None


NAMES = {
    "kind": LoaError("part_kind"),
    "since": LoaError("part_since"),
    "superior": LoaError("part_superior"),
    "issuer": LoaError("part_issuer"),
    "issuer_in_text": LoaError("part_issuer_in_text"),
    "symbol": LoaError("part_symbol"),
    "place": LoaError("part_place"),
    "subject": LoaError("part_subject"),
    "action": LoaError("part_action"),
    "done": LoaError("part_done"),
    "addressees": LoaError("part_addressees"),
    "bases": LoaError("part_bases"),
    "staff": LoaError("part_staff"),
    "residents": LoaError("part_residents"),
    "proposals": LoaError("part_proposals"),
    "signature": LoaError("part_signature"),
    "copies": LoaError("part_copies"),
    "filed": LoaError("part_filed"),
    "link_days": LoaError("part_link_days"),
    "recipients": LoaError("part_recipients"),
    "owners": LoaError("part_owners"),
    "signer": LoaError("part_signer"),
}
HOURS = {
    "chase": LoaError("hour_chase"),
    "alarm": LoaError("hour_alarm"),
    "freeze": LoaError("hour_freeze"),
    "undelivered": LoaError("hour_undelivered"),
    "deadline": LoaError("hour_deadline"),
    "correct": LoaError("hour_correct"),
}
# Keys in templates stored by earlier versions.
FORMER_NAMES = {"action": "deed"}
MAY_BE_EMPTY = frozenset({"since", "superior", "bases", "proposals", "recipients", "owners", "signer"})
LONGEST_LINE, MOST_LINES, MOST_LINK_DAYS = 400, 20, 60
# Characters per line in the two columns of the letterhead.
_LONGEST_HEAD = 36
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True, slots=True)
class ReportTemplate:
    """Template as stored; tuples are lines, to which the writer adds the final punctuation."""

    kind: str
    since: str  # YYYY-MM-DD: only campaigns launched since count; empty for all
    superior: tuple[str, ...]
    issuer: str
    issuer_in_text: str
    symbol: str
    place: str
    subject: str
    action: str
    done: str
    addressees: tuple[str, ...]
    bases: tuple[str, ...]
    staff: str
    residents: str
    proposals: tuple[str, ...]
    signature: tuple[str, ...]
    copies: tuple[str, ...]
    filed: str
    link_days: int
    hours: ReportHours
    recipients: tuple[str, ...] = ()  # mail addresses
    owners: str = SMARTPHONE_OWNERS  # who counts, as the kind has it
    signer: str = ""  # the name below the signature

    @property
    def is_about_smartphones(self) -> bool:
        """Return whether those who have a smartphone count, for whom tables have room for an abbreviation only."""
        return self.owners == SMARTPHONE_OWNERS


def parse_template(data: Mapping[str, Any]) -> ReportTemplate:
    """Read a template from a file, a page or the database. Raises BadInput with everything that is wrong."""
    errors: list[LoaError] = []
    values: dict[str, Any] = {}
    for item in fields(ReportTemplate):
        if item.name in ("hours", "link_days"):
            continue
        value = data.get(item.name, data.get(FORMER_NAMES.get(item.name, "")))
        is_list = "tuple" in str(item.type)
        lines = tuple(value) if is_list and isinstance(value, list | tuple) else (value,)
        cleaned = tuple(filter(None, map(clean_line, lines)))
        values[item.name] = cleaned if is_list else "".join(cleaned)
        if not cleaned and item.name not in MAY_BE_EMPTY:
            errors.append(LoaError("template_part_empty", part=NAMES[item.name]))
        if len(cleaned) > MOST_LINES or any(len(line) > LONGEST_LINE for line in cleaned):
            errors.append(LoaError("template_part_long", part=NAMES[item.name]))
    values["owners"] = values["owners"] or SMARTPHONE_OWNERS
    days = data.get("link_days")
    errors += _find_faults(values, days)
    clocks = data.get("hours")
    hours = _read_hours(clocks if isinstance(clocks, Mapping) else {}, errors)
    if errors:
        raise BadInput("nothing_saved_errors", errors=errors)
    return ReportTemplate(**values, link_days=int(days or 0), hours=hours)


def _find_faults(values: Mapping[str, Any], days: object) -> list[LoaError]:
    """Return what is wrong with the day, the head, the addresses and the days of links."""
    errors = []
    if values["since"] and not read_day(values["since"]):
        errors.append(LoaError("template_day_wrong", part=NAMES["since"]))
    heads = (*values["superior"], values["issuer"])
    errors += [LoaError("template_head_long", text=line) for line in heads if len(line) > _LONGEST_HEAD]
    errors += [
        LoaError("template_address_wrong", address=line)
        for line in values["recipients"]
        if not ADDRESS.fullmatch(line)
    ]
    if not isinstance(days, int) or not 1 <= days <= MOST_LINK_DAYS:
        errors.append(LoaError("template_days_wrong", part=NAMES["link_days"], most=MOST_LINK_DAYS))
    return errors


def find_blanks(form: ReportTemplate) -> list[LoaError]:
    """Return an error for each part in which the dots of the default are still to be filled in."""
    parts = [(name, getattr(form, name)) for name in NAMES if name != "link_days"]
    blank = [name for name, value in parts if "…" in (value if isinstance(value, str) else " ".join(value))]
    return [LoaError("template_part_blank", part=NAMES[name]) for name in blank]


def fill_default(
    data: Mapping[str, Any], *, kind: str, action: str, province: tuple[str, str] | None
) -> dict[str, Any]:
    """Return the default form's data with `{place}`, `{province}`, `{PROVINCE}` and `{action}` filled in."""
    area_kind, place = province or ("tỉnh", "…")
    named = f"{area_kind.lower()} {place}"
    values = {"place": place, "province": named, "PROVINCE": named.upper(), "action": action}

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(line) for line in value]
        return value.format_map(values) if isinstance(value, str) else value

    return {**{name: fill(value) for name, value in data.items()}, "kind": kind}


def _read_hours(data: Mapping[str, Any], errors: list[LoaError]) -> ReportHours:
    clocks = {name: str(data.get(name, "")).strip() for name in HOURS}
    invalid = [name for name, clock in clocks.items() if not is_clock(clock) or clock == "24:00"]
    errors += [LoaError("template_hour_wrong", part=HOURS[name]) for name in invalid]
    in_order = [clocks[name] for name in HOURS]
    if not invalid and any(earlier >= later for earlier, later in pairwise(in_order)):
        errors.append(LoaError("template_hours_order"))
    return ReportHours(**clocks)


def clean_line(value: object) -> str:
    """Return the value as one line without bullet and final punctuation."""
    text = re.sub(r"^[-–•]\s*", "", " ".join(str(value or "").split()))
    return text.rstrip(" ;.,") if not text.endswith("...") else text
