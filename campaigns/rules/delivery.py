"""May this message leave; back-off; its rendered text.

Whether a message may leave at the moment of its claim. Pure.

The text of one message: the step's template with this person's name and link, measured.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, Literal

from campaigns.rules.draft import FIELDS
from campaigns.rules.experiments import SECOND_TEXT
from campaigns.rules.links import LinkCipher, mask_tokens
from campaigns.rules.states import AttemptState, MessageKind, SkipReason
from outreach.rules.gateway import Cause
from outreach.rules.segments import measure, unaccent
from outreach.rules.sms_template import Template

LIVE_CAP = 3


class Refusal(Enum):
    """Why not."""

    SUPPRESSED = "suppressed"
    ANSWERED = "answered"
    REPEATED = "cap"
    NOT_YET = "not_yet"

    @property
    def skip(self) -> SkipReason | None:
        """The reason written on the message, or None when it only has to wait."""
        return None if self is Refusal.NOT_YET else SkipReason(self.value)


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
) -> Refusal | None:
    """The first rule that a message breaks, or None: it may be sent.

    `step` is 1 for a campaign's first message, more for a reminder, 0 for anything else; `answered`, that the
    resident has answered or waits for an officer to; `repeated`
    says that the number had the same content in the last 24 hours, from whatever campaign (Decree 90/2008
    with 77/2012), `recent` how many messages it had; `is_open` whether the hours allow it. The confirmation of an opt-out is exempt from all
    (Decree 91/2020: confirmed once, at once). A test goes to the tester's own number: only suppression
    stops it.
    """
    if kind is MessageKind.CONFIRMATION:
        return None
    if suppressed:
        return Refusal.SUPPRESSED
    if kind is MessageKind.STEP and step > 1 and answered:
        return Refusal.ANSWERED
    if kind is MessageKind.TEST:
        return None
    if kind is MessageKind.STEP and repeated:
        return Refusal.REPEATED
    if not is_open or (cap is not None and recent >= cap):
        return Refusal.NOT_YET
    return None


@lru_cache(maxsize=256)
def hash_content(template: str, *, step: int) -> str:
    """What tells one content from another: the template's letters without accents, case and spacing, and its step."""
    plain = "".join(unaccent(template).lower().split())
    return hashlib.sha256(f"{step}/{plain}".encode()).hexdigest()


def daily_cap(cap: int | None, *, is_live: bool) -> int | None:
    """Messages a number in 24 hours: the campaign's, and never above Decree 91/2020's three when live."""
    if not is_live:
        return cap
    return min(cap or LIVE_CAP, LIVE_CAP)


def back_off_s(times: int, retry_after_s: float | None, *, seed: int) -> float:
    """Seconds to wait after the gateway refused to process a request for the (times+1)-th time.

    Its own Retry-After where there is one, else doubling from 0.5 s to a minute; spread by up to a half
    (by the message's number, so that it can be tested), lest all come back at once.
    """
    wait = retry_after_s if retry_after_s is not None else min(60.0, 0.5 * 2 ** min(times, 10))
    return wait * (1 + (seed % 101) / 200)


# A campaign pauses with each refusal of its account or sender, so that a person has resumed it in vain this often.
GIVES_UP_AFTER = 10
# Answers to residents and tests are never paused and are tried about once a minute: for a day at least.
SERVICE_GIVES_UP_AFTER = 1500


def is_out_of_retries(refused: int, *, is_service: bool) -> bool:
    """Whether a message fails whose account or sender was refused for the `refused`-th time."""
    return refused >= (SERVICE_GIVES_UP_AFTER if is_service else GIVES_UP_AFTER)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a failure for this cause means beyond the one message: see docs/reference.md."""

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


def policy_of(cause: str | None) -> Policy:
    """The policy for a stored cause; a plain failure for any other."""
    return POLICIES.get(Cause(cause), Policy()) if cause else Policy()


# A campaign pauses itself when of its last outcomes so many failed: enough of them to be no chance, and
# far more than the tenth of a list that is out of reach on any day.
FAILURE_WINDOW = timedelta(minutes=10)
FEWEST_FAILURES, FAILED_SHARE = 50, 0.3


def fails_too_often(*, failed: int, well: int) -> bool:
    """Whether so many of a window's outcomes failed that going on would waste money and patience."""
    return failed >= FEWEST_FAILURES and failed / (failed + well) >= FAILED_SHARE


def is_charged(state: AttemptState) -> bool:
    """Whether an attempt in this state counts against the budget: all but what the gateway refused or never had."""
    return state not in (AttemptState.FAILED, AttemptState.ABSENT)


def is_same_message(*, body: str, claimed_at: datetime, listed_body: str, listed_at: datetime | None) -> bool:
    """Whether a message in the gateway's list is the one an attempt asked for.

    Same text, and created no earlier than a minute before the attempt: clocks differ, and the gateway
    gives whole seconds. (The number is what the list was asked by.)
    """
    return is_recent(claimed_at, listed_at) and listed_body == body


def is_same_except_link(*, body: str, since: datetime, listed_body: str, listed_at: datetime | None) -> bool:
    """As `is_same_message`, for what may have been sent between a backup and its restore, `since` the backup.

    Recipients that were frozen in between are gone, and who is frozen anew has another personal link.
    """
    return is_recent(since, listed_at) and mask_tokens(listed_body) == mask_tokens(body)


def is_recent(since: datetime, listed_at: datetime | None) -> bool:
    """Whether the gateway's moment may lie after one of ours."""
    return listed_at is None or listed_at >= since - timedelta(minutes=1)


# What stands in a stored text for the personal link.
LINK = "{link}"


def text_for(step: Any, *, language: str | None, arm: int | None) -> str:
    """Of a step's texts (step_text, text_b, texts) the one in the phone's language, else the one that the lot gave,
    in Vietnamese.
    """
    own: str | None = step.texts.get(language) if step.texts else None
    chosen: str = own or (step.text_b if arm == SECOND_TEXT and step.text_b else step.step_text)
    return chosen


def content_of(step: Any, *, language: str | None, arm: int | None) -> str:
    """What nobody is to get again within a day, whichever campaign says it."""
    return hash_content(text_for(step, language=language, arm=arm), step=step.step)


def renderer_of(settings: Any) -> Renderer:
    """The installation's own (public_base_url, secret_key)."""
    return Renderer(public_base_url=settings.public_base_url, cipher=LinkCipher(settings.secret_key))


class Renderer:
    """Parses each template once; holds no more than the steps under way."""

    def __init__(self, *, public_base_url: str, cipher: LinkCipher) -> None:
        self._base = public_base_url
        self._cipher = cipher
        self._templates: dict[str, Template] = {}

    def link(self, recipient_id: int) -> str:
        """The personal link."""
        return f"{self._base}/{self._cipher.token(recipient_id)}"

    def render(self, row: Any, *, unaccented: bool) -> tuple[str, int]:
        """Body and segments of a claimed row (step_text and its variants, or text; name, recipient_id)."""
        if row.text is not None:
            text = row.text
            if LINK in text and row.recipient_id is not None:
                text = text.replace(LINK, self.link(row.recipient_id))
            measured = measure(text)
            return measured.text, measured.segments
        step_text = text_for(row, language=row.language, arm=row.arm)
        template = self._templates.get(step_text)
        if template is None:
            if len(self._templates) > 100:
                self._templates.clear()
            template = self._templates[step_text] = Template.parse(step_text, allowed=FIELDS)
        values = {"name": row.name or "", "link": self.link(row.recipient_id)}
        measured = measure(template.render(values), unaccented=unaccented)
        return measured.text, measured.segments
