"""Delivery rules: whether a message may be sent now, failure policies, back-off and the rendered text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

from campaigns.rules.experiments import SECOND_TEXT
from campaigns.rules.links import LinkCipher
from campaigns.rules.list_fields import fill_fields, parse_text
from campaigns.rules.receipts import RESTORED
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import (
    FAILURES,
    GIVEN_UP,
    AttemptReport,
    AttemptState,
    MessageKind,
    MessageState,
    SkipReason,
)
from campaigns.rules.urgent import MAX_PER_DAY
from outreach.rules.gateway import Cause, Channel, Notice, Outcome, OutcomeUnknown, RequestExpired, Throttled
from outreach.rules.kept_values import name_in_text
from outreach.rules.keys import Purpose
from outreach.rules.languages import VIETNAMESE
from outreach.rules.segments import measure, unaccent
from outreach.rules.sms_template import Template

MAX_CAP_PER_DAY = 3  # while messages go to real numbers (Decree 91/2020)


NOT_YET: Literal["not_yet"] = "not_yet"  # a message only has to wait


def refusal_reason(
    *,
    kind: MessageKind,
    step: int,
    suppressed: bool,
    answered: bool,
    repeated: bool,
    recent: int,
    cap: int | None,
    is_open: bool,
) -> SkipReason | Literal["not_yet"] | None:
    """Return why a message is skipped, by the first rule that it breaks; NOT_YET, or None if it may be sent.

    `step` is 1 for a campaign's first message, more for a reminder, 0 for anything else. `answered`: the resident
    has answered or waits for an officer. `repeated`: the number had the same content in the last 24 hours, from any
    campaign (Decree 90/2008 with 77/2012). `recent`: how many messages of its class, urgent or not, it had in that time. `is_open`: the sending
    hours allow it. The confirmation of an opt-out (Decree 91/2020: once, at once) and
    the one answer to a cry for help are exempt from all rules.
    A test goes to the tester's own number: only suppression stops it.
    """
    if kind is MessageKind.CONFIRMATION:
        return None
    if suppressed:
        return SkipReason.SUPPRESSED
    if kind is MessageKind.STEP and step > 1 and answered:
        return SkipReason.ANSWERED
    if kind is MessageKind.TEST:
        return None
    if kind is MessageKind.STEP and repeated:
        return SkipReason.REPEATED
    if not is_open or (cap is not None and recent >= cap):
        return NOT_YET
    return None


def passes_wishes(
    *, kind: MessageKind, urgent_basis: str | None, answer: Label | None, is_allowed: bool
) -> bool:
    """Return whether a message passes opt-outs: an allowed warning with a basis, not refused itself."""
    return is_allowed and kind is MessageKind.STEP and bool(urgent_basis) and answer is not Label.OPT_OUT


@dataclass(slots=True)
class Room:
    """What a claim may still take: segments, of which a first message may have more, and VND of the campaign's budget."""

    segments: float
    left_vnd: float
    price_vnd: int
    is_empty: bool = True

    def obstacle_to(self, size: int) -> Literal["segments", "budget"] | None:
        """Return what forbids to take a message of so many segments, None if it may be taken."""
        if size * self.price_vnd > self.left_vnd:
            return "budget"
        return "segments" if not self.is_empty and size > self.segments else None

    def take(self, size: int, *, vnd: int | None = None) -> None:
        self.segments -= size
        self.left_vnd -= size * self.price_vnd if vnd is None else vnd
        self.is_empty = False


@lru_cache(maxsize=256)
def hash_content(template: str, *, step: int) -> str:
    """Return a hash of a template and its step, ignoring accents, case and spacing."""
    plain = "".join(unaccent(template).lower().split())
    return hashlib.sha256(f"{step}/{plain}".encode()).hexdigest()


def daily_cap(cap: int | None, *, is_live: bool, is_urgent: bool = False) -> int | None:
    """Return the most messages a number a day: 3 if live (Decree 91/2020); warnings count apart."""
    if is_urgent:
        return MAX_PER_DAY
    if not is_live:
        return cap
    return min(cap or MAX_CAP_PER_DAY, MAX_CAP_PER_DAY)


def back_off_s(times: int, retry_after_s: float | None, *, seed: int) -> float:
    """Return the seconds to wait after the gateway refused to process a request for the (times+1)-th time.

    This is the gateway's Retry-After if there is one, else a time doubling from 0.5 s to a minute. It is extended by
    up to a half, derived from `seed` (the message's id, so that it can be tested), so that not all retry at once.
    """
    wait = retry_after_s if retry_after_s is not None else min(60.0, 0.5 * 2 ** min(times, 10))
    return wait * (1 + (seed % 101) / 200)


# A campaign pauses at each refusal of its account or sender, so an officer has resumed it this often in vain.
GIVES_UP_AFTER = 10
# Replies to residents and tests never pause and are tried about once a minute: for at least a day.
TRANSACTIONAL_GIVES_UP_AFTER = 1500


def is_out_of_retries(refused: int, *, is_transactional: bool) -> bool:
    """Return whether a message fails after its account or sender was refused `refused` times."""
    return refused >= (TRANSACTIONAL_GIVES_UP_AFTER if is_transactional else GIVES_UP_AFTER)


@dataclass(frozen=True, slots=True)
class Policy:
    """Consequences of a failure beyond the one message: see docs/reference.md."""

    suppresses: Literal["opt_out", "wrong_number"] | None = None
    pauses: bool = False


_BAD_NUMBER = Policy(suppresses="wrong_number")
_BAD_ACCOUNT = Policy(pauses=True)
POLICIES = {
    Cause.OPTED_OUT: Policy(suppresses="opt_out"),
    Cause.BAD_NUMBER: _BAD_NUMBER,
    Cause.NOT_MOBILE: _BAD_NUMBER,
    Cause.ACCOUNT: _BAD_ACCOUNT,
    Cause.BAD_SENDER: _BAD_ACCOUNT,
}


def failure_policy(cause: str | None) -> Policy:
    """Return the policy for a stored cause; without consequences if the cause has none."""
    return POLICIES.get(Cause(cause), Policy()) if cause else Policy()


# So many answers in a row that are not the gateway's own stop all sending; then one message at a time tries.
MOST_FAULTS = 20
# So many refusals before a campaign's first accepted message pause it: nobody's number is at fault yet.
MOST_FIRST_REFUSALS = 20
FIRST_TRY_S, LONGEST_TRY_S = 1.0, 30.0  # between two such tries, doubling


def fault_of(outcome: Outcome) -> str | None:
    """Return what is wrong with a gateway that answers so: "" if nothing, None if the outcome does not tell.

    A fault is a short key: "certificate", "connection", "http_" and a status, or the class of an error.
    """
    match outcome:
        case OutcomeUnknown(detail):
            return detail
        case Throttled(fault=fault):
            return fault or None
        case RequestExpired():
            return None
        case _:
            return ""


def may_be_refused_to_all(cause: Cause) -> bool:
    """Return whether a gateway may refuse all for this cause; not account, sender and sample numbers."""
    return not failure_policy(cause).pauses and cause is not Cause.SAMPLE_NUMBER


# A campaign pauses automatically if so many of its recent outcomes failed: too many to be chance, and
# far more than the tenth of a list that is unreachable on any day.
FAILURE_WINDOW = timedelta(minutes=10)
FEWEST_FAILURES, FAILED_SHARE = 50, 0.3
# Causes that say nothing of the gateway or the list; a warning does not pause for them.
PHONE_IS_OFF = (Cause.UNREACHABLE, Cause.EXPIRED)


def fails_too_often(*, failed: int, well: int) -> bool:
    """Return whether too many outcomes of the window failed to go on sending."""
    return failed >= FEWEST_FAILURES and failed / (failed + well) >= FAILED_SHARE


def is_charged(state: AttemptState) -> bool:
    """Return whether an attempt counts against the budget: not if refused, never received, or a notice that did not arrive."""
    return state not in (AttemptState.FAILED, *GIVEN_UP)


# Placeholder for the personal link in a stored text.
LINK = "{link}"


def select_text(step: Any, *, language: str | None, arm: int | None) -> str:
    """Return a recipient's text: in the phone's language if `step` has it, else that of the arm."""
    translated: str | None = step.texts.get(language) if step.texts else None
    chosen: str = translated or (step.text_b if arm == SECOND_TEXT and step.text_b else step.step_text)
    return chosen


def language_of(step: Any, language: str | None) -> str:
    """Return in which language a recipient gets a step's text: the phone's if there is a text in it, else Vietnamese."""
    return language if language and step.texts and step.texts.get(language) else VIETNAMESE


_MENU = re.compile(r"\s*\b(?:trả lời|tra loi|soạn|soan|nhắn tin|nhan tin|tc)\b.*", re.IGNORECASE | re.DOTALL)


def repeat_message(text: str, fields: Mapping[str, str], values: Mapping[str, str]) -> str:
    """Return a message as the page behind its link repeats it: with the person's values, without name, link and answers to choose from."""
    filled = parse_text(text, fields).render(fill_fields(fields, values))
    return (_MENU.sub("", filled) or filled).rstrip(" :,")


def drops_accents(language: str, row: Any) -> bool:
    """Return whether texts in a language lose accents: Vietnamese by `unaccented`, others by name."""
    return bool(row.unaccented and (language == VIETNAMESE or language in (row.unaccented_languages or ())))


def content_of(step: Any, *, language: str | None, arm: int | None) -> str:
    """Return the hash of a recipient's text; no number gets the same one twice within a day."""
    return hash_content(select_text(step, language=language, arm=arm), step=step.step)


def create_renderer(settings: Any) -> Renderer:
    """Return a renderer for the settings `link_base` and the keys of links."""
    return Renderer(link_base=settings.link_base, cipher=LinkCipher(settings.keys_of(Purpose.LINKS)))


# What the lists of a campaign say of a person: by its id and the contact's, then by field.
ListValues = Mapping[tuple[int, int], Mapping[str, str]]


class Renderer:
    """Renderer of message texts. It keeps at most about 100 parsed templates."""

    def __init__(self, *, link_base: str, cipher: LinkCipher) -> None:
        self._base = link_base
        self._cipher = cipher
        self._templates: dict[tuple[str, bool], Template] = {}

    def link(self, recipient_id: int) -> str:
        """Return the personal link of a recipient."""
        return f"{self._base}/{self._cipher.token(recipient_id)}"

    def render(self, row: Any, values: ListValues) -> tuple[str, int]:
        """Return the body and segments of a claimed row.

        It has text, or what its step says (`of`: step_text and its variants, fields, and what `drops_accents` asks for);
        name, recipient_id, campaign_id, contact_id, language.
        """
        if row.text is not None:
            text = row.text
            if LINK in text and row.recipient_id is not None:
                text = text.replace(LINK, self.link(row.recipient_id))
            measured = measure(text)
            return measured.text, measured.segments
        of = row.of
        step_text = select_text(of, language=row.language, arm=row.arm)
        unaccented = drops_accents(language_of(of, row.language), of)
        template = self._templates.get((step_text, unaccented))
        if template is None:
            if len(self._templates) > 100:
                self._templates.clear()
            template = parse_text(step_text, of.fields or {})
            # Once for all: a text without accents is measured at once.
            template = template.without_accents() if unaccented else template
            self._templates[step_text, unaccented] = template
        filled = self._fill(row, values)
        if unaccented:
            filled["name"] = unaccent(filled["name"])
        measured = measure(template.render(filled), unaccented=unaccented)
        return measured.text, measured.segments

    def render_notice(self, row: Any, values: ListValues, *, channel: Channel) -> tuple[Notice, str] | None:
        """Return the notice of a claimed row's step and what it says; None where it would have an empty parameter."""
        template, filled = parse_text(row.of.notice_text, row.of.fields or {}), self._fill(row, values)
        own = tuple(filled.get(name, "").strip() for name in template.order)
        return (Notice(row.of.notice_template, own, channel), template.render(filled)) if all(own) else None

    def _fill(self, row: Any, values: ListValues) -> dict[str, str]:
        filled = {"name": name_in_text(row.name or ""), "link": self.link(row.recipient_id)}
        if row.of.fields:
            filled |= fill_fields(row.of.fields, values.get((row.campaign_id, row.contact_id), {}))
        return filled


# An account is made, and a setting changed, within months: then a number is tried again.
FORGOTTEN_AFTER = timedelta(days=90)


class NoticesReach(StrEnum):
    """What is known of a number on the channel of notices."""

    ANSWERED = "answered"  # its owner wrote to the official account
    NO_ACCOUNT = "no_account"
    DECLINED = "declined"


def goes_as_notice(row: Any, *, now: datetime) -> bool:
    """Return whether the `n`-th attempt is the step's notice: only the first, so that nobody gets two."""
    is_in_vietnamese = language_of(row.of, row.language) == VIETNAMESE
    if row.kind is not MessageKind.STEP or row.n > 1 or not row.of.notice_template or not is_in_vietnamese:
        return False
    is_closed = row.notices in (NoticesReach.NO_ACCOUNT, NoticesReach.DECLINED)
    return not (is_closed and now - row.notices_at < FORGOTTEN_AFTER)


def may_be_passed_on(attempt: Any) -> bool:
    """Return whether the text follows by itself where an attempt does not arrive: a notice, with all that followed it known."""
    return attempt.channel == Channel.ZALO and not attempt.worker.startswith(RESTORED)


def keep_reason(cause: str | None, reports: Iterable[AttemptReport]) -> list[AttemptReport]:
    """Return an attempt's reports with why its notice did not arrive, unless one says that nothing did."""
    told = list(reports)
    reason = cause or next((each.cause for each in told if each.state is AttemptState.SENT), None)
    return [replace(each, cause=reason) if reason and each.state not in FAILURES else each for each in told]


def told_as(body: str, state: MessageState, *, channel: str, own: AttemptState) -> tuple[str, MessageState]:
    """Return an attempt's text and state for a reader: what became of its message is said of the text that followed a notice."""
    text = f"[Zalo] {body}" if body and channel == Channel.ZALO else body
    return text, MessageState.UNDELIVERED if own is AttemptState.PASSED else state


def learned_of(state: AttemptState, cause: str | None) -> NoticesReach | None:
    """Return what the end of a notice says of its number, None where it says nothing of it."""
    is_of_number = state is AttemptState.PASSED and cause in (Cause.NO_ACCOUNT, Cause.DECLINED)
    return NoticesReach(cause) if is_of_number and cause else None


# A notice in such a state may still arrive, or its text may have to follow: its campaign is not complete.
WAITING = (AttemptState.UNKNOWN, AttemptState.ACCEPTED, AttemptState.SENT)
