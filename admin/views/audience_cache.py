"""Audience counters, cached in each web process: reading a million people takes seconds, counting an audience of theirs does not."""

import json
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock, Thread
from typing import Any, NamedTuple

from flask import g
from flask_babel import gettext as _
from redis import Redis, RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin.wording.campaigns import DOUBTS
from admin.wording.progress import word_of
from campaigns.analytics.calendar import count_repeated
from campaigns.models.campaigns import Campaign
from campaigns.planning import audience
from campaigns.planning.correcting_campaigns import count_receivers
from campaigns.planning.preview import (
    SAMPLE_SIZE,
    AudiencePreview,
    FieldFacts,
    facts_of_campaign,
    read_field_facts,
)
from campaigns.rules.audience import AudienceCounter, AudienceQuery
from campaigns.rules.states import Exclusion
from campaigns.rules.warnings import CampaignWarning
from outreach.core.db import Database
from outreach.models.contacts import ContactList, ListImport, PersonMerge, Upload
from outreach.runtime import Runtime

# What took longer to read is kept in Redis as well: a web process that was restarted answers with it, as of its moment,
# and reads everybody when it is asked again.
_KEPT_IF_TOOK_S, _KEPT_FOR_S, _KEPT_NAMES = 1.0, 43_200, 2_000
# A counter is kept for this many times its loading time: loading never takes more than a twentieth of the time.
_KEEP_FACTOR = 20.0
_KEEP_AT_LEAST_S = 1.0
_MOST_FROZEN = 100
_FACTS_KEPT_S = 60.0
# Who shares a phone is named in a preview of this many people; of more it would take seconds each time.
_MOST_NAMED, _MOST_NAMED_OF = 10, 20_000
_ListsVersion = tuple[int | None, int | None, datetime | None]
_Key = tuple[str, bool, tuple[str, ...], frozenset[int]]


class _Kept(NamedTuple):
    """A counter of the people as they were at a moment, and until when nobody reads them again."""

    until: float
    lists: _ListsVersion
    at: datetime
    counter: AudienceCounter
    is_large: bool


class AudienceCache:
    """Audience counters and counts of launched campaigns, cached per web process."""

    def __init__(self, db: Database, redis: Redis, *, passes_opt_outs: bool) -> None:
        self._db, self._redis, self._passes_opt_outs = db, redis, passes_opt_outs
        # By kind, whether opt-outs are passed, drive, and campaigns whose answers do not count.
        self._counters: dict[_Key, _Kept] = {}
        self._frozen: dict[tuple[Any, ...], AudiencePreview] = {}
        self._facts: dict[Any, tuple[float, dict[str, FieldFacts]]] = {}
        self._loading = Lock()

    def of(self, session: Session, query: AudienceQuery) -> AudiencePreview:
        """Count an audience with the cached counter; `counted_at` is the time of its data."""
        if not query.lists:
            return AudiencePreview(0, {}, [])
        kept = self._at_hand(session, query)
        if kept is None:
            with self._loading:
                kept = self._at_hand(session, query) or self._load(session, query)
        counted = AudiencePreview(*kept.counter.count(query, names=SAMPLE_SIZE), kept.at, query.is_recorded)
        if not counted.excluded.get(Exclusion.SHARED_PHONE) or counted.people > _MOST_NAMED_OF:
            return counted
        return replace(counted, sharing=audience.read_sharing(session, query, most=_MOST_NAMED))

    def remembers(self, session: Session, query: AudienceQuery) -> bool:
        """Return whether `of` answers without reading everybody."""
        return not query.lists or self._at_hand(session, query) is not None

    def facts(self, session: Session, names: Collection[str], query: AudienceQuery) -> dict[str, FieldFacts]:
        """Return the facts of lists' fields for an audience, of at most a minute ago: of many people they take seconds."""
        if not names:
            return {}
        key = (tuple(names), query, _lists_version(session))
        until, facts = self._facts.get(key, (0.0, {}))
        if until < time.monotonic():
            facts = read_field_facts(session, names, query)
            if len(self._facts) >= _MOST_FROZEN:
                self._facts.clear()
            self._facts[key] = time.monotonic() + _FACTS_KEPT_S, facts
        return facts

    def of_campaign(self, session: Session, campaign: Campaign) -> AudiencePreview:
        """Return a campaign's audience: frozen if it was launched, else as `of`."""
        if campaign.recipients is None:
            passes = self._passes_opt_outs
            if campaign.corrects:
                counts = count_receivers(session, campaign, passes_opt_outs=passes, names=SAMPLE_SIZE)
                counted = AudiencePreview(*counts, datetime.now(UTC))
            else:
                counted = self.of(session, audience.audience_query(session, campaign, passes_opt_outs=passes))
            query = audience.audience_query(session, campaign)
            return replace(counted, fields=self.facts(session, campaign.fields, query))
        # Who is counted changes with a merge of people, and names with it.
        merges = session.execute(select(func.count(), func.max(PersonMerge.id))).one()
        key = campaign.id, campaign.launched_at, campaign.recipients, *merges
        preview = self._frozen.get(key)
        if preview is None:
            recipients, excluded = audience.count_launched(session, campaign)
            names = audience.sample_names(session, campaign.id, recipients=recipients, most=SAMPLE_SIZE)
            facts = facts_of_campaign(session, campaign)
            preview = AudiencePreview(recipients, excluded, names, fields=facts)
            if len(self._frozen) >= _MOST_FROZEN:
                self._frozen.clear()
            self._frozen[key] = preview
        return preview

    def _at_hand(self, session: Session, query: AudienceQuery) -> _Kept | None:
        """Return the counter of the present lists, kept here or by a process before this one; None without one.

        Of many people an old one will do, as of its moment, while they are read again in the background.
        """
        key, version = _key(query), _lists_version(session)
        kept = self._counters.get(key)
        if kept is None or kept.lists != version:
            kept = self._restore(session, key, version)
        if kept is None or kept.until > time.monotonic():
            return kept
        if not kept.is_large:
            return None
        if self._loading.acquire(blocking=False):
            Thread(target=self._load_in_background, args=(query,), daemon=True).start()
        return kept

    def _load_in_background(self, query: AudienceQuery) -> None:
        try:
            with self._db.read() as session:
                self._load(session, query)
        finally:
            self._loading.release()

    def _load(self, session: Session, query: AudienceQuery) -> _Kept:
        key, started, at = _key(query), time.monotonic(), datetime.now(UTC)
        version = _lists_version(session)
        counter = audience.load_audience_counter(session, query)
        took = time.monotonic() - started
        until = started + took + max(_KEEP_AT_LEAST_S, took * _KEEP_FACTOR)
        kept = _Kept(until, version, at, counter, took > _KEPT_IF_TOOK_S)
        # One of each drive would fill the memory in time.
        self._counters = {each: other for each, other in self._counters.items() if other.until > started} | {
            key: kept
        }
        if kept.is_large:
            data = {
                "at": at.isoformat(),
                "lists": str(version),
                "counter": counter.as_data(names=_KEPT_NAMES),
            }
            with suppress(RedisError):  # then a restart reads everybody
                self._redis.set(_name(key), json.dumps(data), ex=_KEPT_FOR_S)
        return kept

    def _restore(self, session: Session, key: _Key, version: _ListsVersion) -> _Kept | None:
        """Take the counter that a process before this one kept. Returns None without one of the present lists."""
        try:
            text: Any = self._redis.get(_name(key))
        except RedisError:
            return None
        kept = json.loads(text) if text else {}
        if kept.get("lists") != str(version):
            return None
        try:
            counter = audience.restore_audience_counter(session, kept["counter"])
        except (KeyError, TypeError, ValueError):  # kept by another version of the program
            return None
        until = time.monotonic() + _KEEP_AT_LEAST_S
        at = datetime.fromisoformat(kept["at"])
        self._counters[key] = _Kept(until, version, at, counter, is_large=True)
        return self._counters[key]


def tell_audience(runtime: Runtime, campaign_id: int, *, now: datetime) -> tuple[list[str], dict[str, Any]]:
    """Return what commands and the API say of whom a launch now would leave out, and if it is everybody; and the counts."""
    settings = runtime.settings
    with runtime.db.read() as session:
        campaign = session.get(Campaign, campaign_id)
        if campaign is None:
            return [], {"repeated": 0}
        cache = AudienceCache(runtime.db, runtime.redis, passes_opt_outs=settings.urgent_passes_opt_outs)
        counted = cache.of_campaign(session, campaign)
        repeated = count_repeated(session, campaign, settings=settings, at=now)
        kind = campaign.kind
    g.kinds_of = runtime.db  # as in a page
    notes = [str(DOUBTS[CampaignWarning.EMPTY_AUDIENCE])] if counted.recipients <= repeated else []
    if counted.excluded:
        reasons = [f"{word_of('excluded', reason, kind)} {n}" for reason, n in counted.excluded.items()]
        notes.append(_("Không gửi cho:") + " " + ", ".join(reasons))
    if repeated:
        notes.append(_("%(n)s người đã nhận đúng nội dung này trong 24 giờ nên sẽ bị bỏ qua.", n=repeated))
    return notes, {"recipients": counted.recipients, "excluded": counted.excluded, "repeated": repeated}


def _key(query: AudienceQuery) -> _Key:
    return query.kind, query.passes_opt_outs, query.scopes, query.untold


def _name(key: _Key) -> str:
    *first, untold = key
    return f"loa:audience:{':'.join(map(str, first))}:{','.join(map(str, sorted(untold)))}"


def _lists_version(session: Session) -> _ListsVersion:
    """Return a value that changes with each list and import: newly imported people must be counted."""
    return (
        session.scalar(select(func.max(ContactList.id))),
        session.scalar(select(func.max(ListImport.id))),
        session.scalar(select(func.max(Upload.ended_at))),
    )
