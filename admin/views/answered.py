"""Who answered what in a campaign: the filter of the directory, and for a campaign about health its list, opened on record for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flask import session as cookie
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.permissions import may_open
from admin.wording.filters import label_of
from campaigns.cases.conversation import visible_campaigns
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.rules.own_answers import (
    GivenAnswer,
    OwnAnswer,
    current_own,
    own_answer,
    read_own_answers,
    read_word,
)
from campaigns.rules.replies.labels import Label
from outreach.models.accounts import User
from outreach.rules.errors import BadInput

_OPENED = "answers_opened"
_OPEN_FOR_S = 1800


def keep_opened(campaign_id: int) -> None:
    """Remember in the signed cookie that its user has opened a campaign's answers on record."""
    cookie[_OPENED] = {**_kept(), str(campaign_id): int(time.time()) + _OPEN_FOR_S}


def opened_campaigns() -> list[int]:
    """Return the campaigns about health whose answers the user has opened within the last half hour."""
    return [int(campaign_id) for campaign_id in _kept()]


def may_name(session: Session, user: User, campaign: Campaign) -> bool:
    """Return whether the user may see who is behind a campaign's figures."""
    opened = opened_campaigns() if may_open(user.role, "campaigns.open_answers") else []
    seen = (
        dict(visible_campaigns(session, user, opened=opened)) if may_open(user.role, "contacts.index") else {}
    )
    return campaign.id in seen


def _kept() -> dict[str, int]:
    return {each: until for each, until in cookie.get(_OPENED, {}).items() if until > time.time()}


def read_said_of(session: Session, campaign: Campaign, contacts: Sequence[int]) -> dict[int, str]:
    """Return what these people answered last in a campaign whose answers the reader may see, in words."""
    own = read_own_answers(campaign.content)
    rows = session.execute(
        select(Recipient.contact_id, Recipient.answer, Recipient.own_answer)
        .where(
            Recipient.campaign_id == campaign.id,
            Recipient.contact_id.in_(contacts),
            Recipient.answer.is_not(None),
        )
        .order_by(Recipient.id)
    )
    return {
        contact_id: said_in_words(own, label, number, campaign.kind)
        for contact_id, label, number in rows
        if contact_id is not None
    }


def said_in_words(answers: Sequence[OwnAnswer], label: Label | None, number: int | None, kind: str) -> str:
    """Return what somebody has said, and beside it that they were recorded as done; "" for nothing."""
    own = own_answer(answers, number)
    words = [own.text] if own else []
    if label and not current_own(answers, label, number):
        words.append(label_of(label, "answer", kind))
    return " · ".join(words)


def read_said(word: str, answers: Sequence[OwnAnswer]) -> GivenAnswer | None:
    """Return what a word of the address asks for, an own answer or all that amounts to a label; None for any answer."""
    try:
        said = read_word(word, answers) if word else None
    except BadInput:
        return None
    own = own_answer(answers, said.own) if said else None
    return said._replace(own=own.number if own and own.value == word else None) if said else None
