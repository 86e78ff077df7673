"""The crowd remembered for a while: reading a million people takes seconds, counting an audience of theirs does not."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from threading import Lock

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.planning.audience import count_audience, sample_names, whom_of
from campaigns.planning.census import read_census
from campaigns.planning.crowd import Crowd
from campaigns.planning.preview import SAMPLE, Audience
from campaigns.planning.whom import Whom
from outreach.people.models import ContactList, ListImport, Upload

# A crowd is good for so many times what reading it took: reading never takes more than a twentieth of the time.
_GOOD_FOR = 20.0
_GOOD_AT_LEAST_S = 1.0
_MOST_REMEMBERED = 100

_Lists = tuple[int | None, int | None, datetime | None]


class Audiences:
    """One for each process of the web."""

    def __init__(self) -> None:
        self._crowds: dict[str, tuple[float, _Lists, datetime, Crowd]] = {}
        self._frozen: dict[tuple[int, datetime | None], Audience] = {}
        self._reading = Lock()

    def of(self, session: Session, whom: Whom) -> Audience:
        """Whom a campaign would reach; `counted_at` says as of when."""
        if not whom.lists:
            return Audience(0, {}, [])
        with self._reading:
            crowd, at = self._crowd(session, whom.kind)
        return Audience(*crowd.count(whom, names=SAMPLE), at, whom.is_recorded)

    def remembers(self, session: Session, whom: Whom) -> bool:
        """Whether `of` would answer at once."""
        return not whom.lists or self._is_good(session, whom.kind)

    def of_campaign(self, session: Session, campaign: Campaign) -> Audience:
        """Whom a campaign reaches: frozen where it was launched, else as `of`."""
        if campaign.recipients is None:
            return self.of(session, whom_of(session, campaign))
        found = self._frozen.get((campaign.id, campaign.launched_at))
        if found is None:
            recipients, excluded = count_audience(session, campaign.id)
            names = sample_names(session, campaign.id, recipients=recipients, most=SAMPLE)
            found = Audience(recipients, excluded, names)
            if len(self._frozen) >= _MOST_REMEMBERED:
                self._frozen.clear()
            self._frozen[campaign.id, campaign.launched_at] = found
        return found

    def _crowd(self, session: Session, kind: str) -> tuple[Crowd, datetime]:
        if not self._is_good(session, kind):
            begun, at, lists = time.monotonic(), datetime.now(UTC), _lists_as_of(session)
            crowd = read_census(session, kind)
            took = time.monotonic() - begun
            self._crowds[kind] = (begun + took + max(_GOOD_AT_LEAST_S, took * _GOOD_FOR), lists, at, crowd)
        _until, _lists, at, crowd = self._crowds[kind]
        return crowd, at

    def _is_good(self, session: Session, kind: str) -> bool:
        kept = self._crowds.get(kind)
        return kept is not None and kept[0] > time.monotonic() and kept[1] == _lists_as_of(session)


def _lists_as_of(session: Session) -> _Lists:
    """Changes with each list and each import: an officer who has just brought people in must find them."""
    return (
        session.scalar(select(func.max(ContactList.id))),
        session.scalar(select(func.max(ListImport.id))),
        session.scalar(select(func.max(Upload.ended_at))),
    )
