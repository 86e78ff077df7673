"""Audiences remembered for a while: counting 300,000 people takes a second, and a letter typed changes none of them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models import Campaign, CampaignList
from campaigns.planning.audience import count_audience, sample_names
from campaigns.planning.preview import SAMPLE, Audience, foresee

REMEMBER_S = 60.0
# What took long to count is good for longer, so that counting never takes more than this share of the time.
_COUNT_SHARE = 0.05
_MOST_REMEMBERED = 100

_Key = tuple[int | None, tuple[int, ...], tuple[str, ...]]


class Audiences:
    """One for each process of the web."""

    def __init__(self) -> None:
        self._kept: dict[_Key, tuple[float, Audience]] = {}

    def of_lists(self, session: Session, lists: Sequence[int], areas: Sequence[str]) -> Audience:
        """Whom these lists would reach, as of at most a minute ago (or twenty times the count's own time)."""
        return self._recall(session, (None, tuple(sorted(lists)), tuple(sorted(areas))))

    def remembers(self, lists: Sequence[int], areas: Sequence[str]) -> bool:
        """Whether `of_lists` would answer at once."""
        kept = self._kept.get((None, tuple(sorted(lists)), tuple(sorted(areas))))
        return not lists or (kept is not None and kept[0] > time.monotonic())

    def of_campaign(self, session: Session, campaign: Campaign) -> Audience:
        """Whom a campaign reaches: frozen where it was launched, else as `of_lists`."""
        lists = session.scalars(
            select(CampaignList.list_id)
            .where(CampaignList.campaign_id == campaign.id)
            .order_by(CampaignList.list_id)
        ).all()
        if campaign.recipients is None:
            return self.of_lists(session, lists, campaign.areas)
        return self._recall(session, (campaign.id, tuple(lists), tuple(sorted(campaign.areas))))

    def _recall(self, session: Session, key: _Key) -> Audience:
        kept = self._kept.get(key)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        if len(self._kept) >= _MOST_REMEMBERED:
            self._kept.clear()
        begun = time.monotonic()
        campaign_id, lists, areas = key
        if campaign_id is None:
            audience = foresee(session, lists, areas)
        else:
            recipients, excluded = count_audience(session, campaign_id)
            names = sample_names(session, lists, areas, recipients=recipients, most=SAMPLE)
            audience = Audience(recipients, excluded, names)
        took = time.monotonic() - begun
        self._kept[key] = (begun + max(REMEMBER_S, took / _COUNT_SHARE), audience)
        return audience
