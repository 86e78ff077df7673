"""Who answered what in a campaign: the filter of the directory, and for a campaign about health its list, opened on record for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flask import session as cookie

from campaigns.rules.own_answers import GivenAnswer, OwnAnswer, own_answer, read_word
from outreach.rules.errors import BadInput

_OPENED = "answers_opened"
_OPEN_FOR_S = 1800


def keep_opened(campaign_id: int) -> None:
    """Remember in the signed cookie that its user has opened a campaign's answers on record."""
    cookie[_OPENED] = {**_kept(), str(campaign_id): int(time.time()) + _OPEN_FOR_S}


def opened_campaigns() -> list[int]:
    """Return the campaigns about health whose answers the user has opened within the last half hour."""
    return [int(campaign_id) for campaign_id in _kept()]


def _kept() -> dict[str, int]:
    return {each: until for each, until in cookie.get(_OPENED, {}).items() if until > time.time()}


def read_said(word: str, answers: Sequence[OwnAnswer]) -> GivenAnswer | None:
    """Return what a word of the address asks for, an own answer or all that amounts to a label; None for any answer."""
    try:
        said = read_word(word, answers) if word else None
    except BadInput:
        return None
    own = own_answer(answers, said.own) if said else None
    return said._replace(own=own.number if own and own.value == word else None) if said else None
