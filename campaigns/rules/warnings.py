"""Warnings about a campaign that may be sent but looks wrong, shown before it is sent."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from campaigns.rules.content import read_content
from campaigns.rules.delivery import MAX_CAP_PER_DAY
from campaigns.rules.draft import Draft
from campaigns.rules.promises import is_promise
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import LIVE_HOURS, due_times
from outreach.rules.quiet_days import NO_DAYS, QuietDays
from outreach.rules.segments import unaccent
from outreach.rules.sms_template import find_gaps

# Stop words that residents know from their mobile operators.
_STOP_WORDS = re.compile(r"\b(TC|HUY|DUNG|STOP)\b")
_OPT_OUT_PHRASE = re.compile(r"\btu choi\b|\b(?:thoi|ngung|khong) nhan\b")
# "Trả lời: 1 đã cài", "nhắn lại số 4", "soạn TC", "trả lời tin này".
_ASKS = re.compile(
    r"\b(?:tra loi|nhan(?: lai| tin)?|soan)\b[ :]*(?:bang )?(?:tin|chu|so|phim)?[ :]*(?:nay\b|\d\b|tc\b|huy\b|dung\b|stop\b)"
)
_ADDRESS = re.compile(r"https?://|\bwww\.|\b[\w-]+\.(?:vn|com|net|org|info|app)\b", re.IGNORECASE)
_MANY_SEGMENTS = 4


class CampaignWarning(StrEnum):
    """Kinds of warnings, the most serious first."""

    EMPTY_AUDIENCE = "empty_audience"
    NO_BASIS = "no_basis"
    ODD_NAMES = "odd_names"
    SENDER_UNREGISTERED = "sender_unregistered"
    OTHER_APP = "other_app"
    PROMISE_COUNTED = "promise_counted"
    TEXT_GAPS = "text_gaps"
    NO_LINK = "no_link"
    ASKS_FOR_REPLY = "asks_for_reply"
    NO_STOP_WORD = "no_stop_word"
    NO_WAY_OUT = "no_way_out"
    TYPED_ADDRESS = "typed_address"
    LINK_UNSAFE = "link_unsafe"
    NO_HOURS = "no_hours"
    HOURS_TOO_WIDE = "hours_too_wide"
    OVER_BUDGET = "over_budget"
    DEADLINE_PAST = "deadline_past"
    TOO_LATE = "too_late"
    START_PAST = "start_past"
    REMINDER_TOO_LATE = "reminder_too_late"
    CAP_HIGH = "cap_high"
    LONG_TEXT = "long_text"


@dataclass(frozen=True, slots=True)
class WarningFacts:
    """Facts about the audience, the cost and the installation that the warnings depend on."""

    recipients: int
    segments: int  # of the longest rendering of any step
    cost_vnd: int  # of all steps to all recipients
    finishes_at: datetime | None
    is_registered: bool
    is_founded: bool  # every list has its legal basis on record
    takes_replies: bool  # by SMS: without a reply channel replies are lost
    is_https: bool
    other_apps: frozenset[str]  # names of the apps of other campaign kinds
    now: datetime
    quiet: QuietDays = NO_DAYS
    has_odd_names: bool = False  # of people who get it


def asks_for_reply(text: str) -> bool:
    """Return whether a text asks for a reply by SMS or names a stop word."""
    plain = unaccent(text)
    return bool(_ASKS.search(plain.lower()) or _STOP_WORDS.search(plain))


def find_warnings(draft: Draft, facts: WarningFacts) -> list[CampaignWarning]:
    """Return the warnings that apply to a draft, the most serious first."""
    content = read_content(draft.content)
    applies = _of_texts(draft, facts) | _of_times(draft, facts)
    applies |= {
        CampaignWarning.EMPTY_AUDIENCE: facts.recipients == 0,
        CampaignWarning.NO_BASIS: not facts.is_founded,
        CampaignWarning.SENDER_UNREGISTERED: not facts.is_registered,
        CampaignWarning.OVER_BUDGET: draft.budget_vnd is not None and facts.cost_vnd > draft.budget_vnd,
        CampaignWarning.CAP_HIGH: (draft.cap_per_day or 0) > MAX_CAP_PER_DAY,
        CampaignWarning.LONG_TEXT: facts.segments >= _MANY_SEGMENTS,
    }
    # A button that promises is refused (content_texts); an answer of its own counts as the officer says.
    applies[CampaignWarning.PROMISE_COUNTED] = not is_promise(content.words.done) and any(
        own.means is Label.INSTALLED and is_promise(own.text) for own in content.own_answers
    )
    return [warning for warning in CampaignWarning if applies[warning]]


def _of_texts(draft: Draft, facts: WarningFacts) -> dict[CampaignWarning, bool]:
    texts = [step.text for step in draft.steps]
    all_texts = [text for step in draft.steps for text in step.all_texts]
    plain = [unaccent(text) for text in texts]
    links = [("{link}" in text.replace(" ", "")) for text in texts]
    says_stop_word = all(map(_STOP_WORDS.search, plain))
    says_way_out = all(map(_OPT_OUT_PHRASE.search, map(str.lower, plain)))
    has_app = read_content(draft.content).app is not None
    lower = "\n".join(all_texts).lower()
    return {
        CampaignWarning.OTHER_APP: any(name.lower() in lower for name in facts.other_apps),
        CampaignWarning.TEXT_GAPS: any(map(find_gaps, all_texts)),
        CampaignWarning.ODD_NAMES: facts.has_odd_names and any("{name}" in text for text in all_texts),
        CampaignWarning.NO_LINK: (has_app or not facts.takes_replies) and not all(links),
        CampaignWarning.ASKS_FOR_REPLY: not facts.takes_replies and any(map(asks_for_reply, all_texts)),
        CampaignWarning.NO_STOP_WORD: facts.takes_replies and not says_stop_word,
        CampaignWarning.NO_WAY_OUT: not facts.takes_replies and not says_way_out,
        CampaignWarning.TYPED_ADDRESS: any(map(_ADDRESS.search, texts)),
        CampaignWarning.LINK_UNSAFE: any(links) and not facts.is_https,
    }


def _of_times(draft: Draft, facts: WarningFacts) -> dict[CampaignWarning, bool]:
    now, starts_at, deadline = facts.now, draft.starts_at, draft.deadline
    times = [(step.after_days, step.at) for step in draft.steps]
    last_due = due_times(max(now, starts_at or now), times, facts.quiet)[-1]
    opens, closes = draft.hours or LIVE_HOURS
    is_over, is_ahead = deadline is not None and deadline <= now, deadline is not None and deadline > now
    ends_late = facts.finishes_at is not None and deadline is not None and facts.finishes_at > deadline
    return {
        CampaignWarning.NO_HOURS: draft.hours is None and draft.urgent is None,
        CampaignWarning.HOURS_TOO_WIDE: opens < LIVE_HOURS[0] or closes > LIVE_HOURS[1],
        CampaignWarning.DEADLINE_PAST: is_over,
        CampaignWarning.TOO_LATE: is_ahead and ends_late,
        CampaignWarning.START_PAST: starts_at is not None and starts_at < now,
        CampaignWarning.REMINDER_TOO_LATE: len(times) > 1 and deadline is not None and last_due >= deadline,
    }
