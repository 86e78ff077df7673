"""Audience counters, cached in each web process: reading a million people takes seconds, counting an audience of theirs does not."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from redis import Redis, RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign
from campaigns.planning.audience import (
    audience_query,
    count_audience,
    load_audience_counter,
    read_sharing,
    restore_audience_counter,
    sample_names,
)
from campaigns.planning.correcting_campaigns import count_receivers
from campaigns.planning.list_fields import FieldFacts, facts_of_campaign, read_field_facts
from campaigns.planning.preview import SAMPLE_SIZE, AudiencePreview
from campaigns.rules.audience import AudienceCounter, AudienceQuery
from campaigns.rules.states import Exclusion
from outreach.models.contacts import ContactList, ListImport, Upload

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


class AudienceCache:
    """Audience counters and counts of launched campaigns, cached per web process."""

    def __init__(self, redis: Redis, *, passes_opt_outs: bool) -> None:
        self._redis, self._passes_opt_outs = redis, passes_opt_outs
        # By kind, whether opt-outs are passed, drive, and campaigns whose answers do not count.
        self._counters: dict[_Key, tuple[float, _ListsVersion, datetime, AudienceCounter]] = {}
        self._frozen: dict[tuple[int, datetime | None, int], AudiencePreview] = {}
        self._facts: dict[Any, tuple[float, dict[str, FieldFacts]]] = {}
        self._loading = Lock()

    def of(self, session: Session, query: AudienceQuery) -> AudiencePreview:
        """Count an audience with the cached counter; `counted_at` is the time of its data."""
        if not query.lists:
            return AudiencePreview(0, {}, [])
        with self._loading:
            counter, at = self._counter(session, query)
        counted = AudiencePreview(*counter.count(query, names=SAMPLE_SIZE), at, query.is_recorded)
        if not counted.excluded.get(Exclusion.SHARED_PHONE) or counted.people > _MOST_NAMED_OF:
            return counted
        return replace(counted, sharing=read_sharing(session, query, most=_MOST_NAMED))

    def remembers(self, session: Session, query: AudienceQuery) -> bool:
        """Return whether `of` answers without reading everybody."""
        key = _key(query)
        if not query.lists or self._is_fresh(session, key):
            return True
        if key in self._counters or not self._loading.acquire(blocking=False):
            return False
        try:
            return self._restore(session, key)
        finally:
            self._loading.release()

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
                counted = self.of(session, audience_query(session, campaign, passes_opt_outs=passes))
            query = audience_query(session, campaign)
            return replace(counted, fields=self.facts(session, campaign.fields, query))
        key = campaign.id, campaign.launched_at, campaign.recipients
        preview = self._frozen.get(key)
        if preview is None:
            recipients, excluded = count_audience(session, campaign.id)
            names = sample_names(session, campaign.id, recipients=recipients, most=SAMPLE_SIZE)
            facts = facts_of_campaign(session, campaign)
            preview = AudiencePreview(recipients, excluded, names, fields=facts)
            if len(self._frozen) >= _MOST_FROZEN:
                self._frozen.clear()
            self._frozen[key] = preview
        return preview

    def _counter(self, session: Session, query: AudienceQuery) -> tuple[AudienceCounter, datetime]:
        key = _key(query)
        if not self._is_fresh(session, key) and (key in self._counters or not self._restore(session, key)):
            started, at, version = time.monotonic(), datetime.now(UTC), _lists_version(session)
            counter = load_audience_counter(session, query)
            took = time.monotonic() - started
            # One of each drive would fill the memory in time.
            self._counters = {each: kept for each, kept in self._counters.items() if kept[0] > started}
            self._counters[key] = (
                started + took + max(_KEEP_AT_LEAST_S, took * _KEEP_FACTOR),
                version,
                at,
                counter,
            )
            if took > _KEPT_IF_TOOK_S:
                self._keep(key, version, at, counter)
        _until, _lists, at, counter = self._counters[key]
        return counter, at

    def _keep(self, key: _Key, version: _ListsVersion, at: datetime, counter: AudienceCounter) -> None:
        kept = {"at": at.isoformat(), "lists": str(version), "counter": counter.as_data(names=_KEPT_NAMES)}
        with suppress(RedisError):  # then a restart reads everybody
            self._redis.set(_name(key), json.dumps(kept), ex=_KEPT_FOR_S)

    def _restore(self, session: Session, key: _Key) -> bool:
        """Take the counter that a process before this one kept, for the next answer.

        Returns False without one of the present lists.
        """
        try:
            text: Any = self._redis.get(_name(key))
        except RedisError:
            return False
        kept = json.loads(text) if text else {}
        version = _lists_version(session)
        if kept.get("lists") != str(version):
            return False
        try:
            counter = restore_audience_counter(session, kept["counter"])
        except (KeyError, TypeError, ValueError):  # kept by another version of the program
            return False
        until = time.monotonic() + _KEEP_AT_LEAST_S
        self._counters[key] = (until, version, datetime.fromisoformat(kept["at"]), counter)
        return True

    def _is_fresh(self, session: Session, key: _Key) -> bool:
        cached = self._counters.get(key)
        return cached is not None and cached[0] > time.monotonic() and cached[1] == _lists_version(session)


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
