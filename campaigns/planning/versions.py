"""What an author submitted, each time, what was decided on it, and what changed from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from campaigns.models import CampaignDecision, CampaignVersion


@dataclass(frozen=True, slots=True)
class Change:
    """One part that differs, by its key in the campaign's file (`content.question`); None: not there."""

    key: str
    before: Any
    after: Any


def store_version(
    session: Session, campaign_id: int, data: dict[str, Any], *, user_id: int, now: datetime
) -> CampaignVersion:
    """Keep what is submitted. The caller holds the campaign's row, so that numbers do not collide."""
    last = session.scalar(
        select(func.max(CampaignVersion.n)).where(CampaignVersion.campaign_id == campaign_id)
    )
    version = CampaignVersion(
        campaign_id=campaign_id, n=(last or 0) + 1, data=data, submitted_by=user_id, submitted_at=now
    )
    session.add(version)
    session.flush()
    return version


def record_decision(
    session: Session, campaign_id: int, *, approved: bool, reason: str, user_id: int, now: datetime
) -> None:
    """Keep what was decided on the newest version. Without one (a campaign of old) nothing is kept."""
    version = newest_version(session, campaign_id)
    if version:
        session.add(
            CampaignDecision(
                version_id=version.id, approved=approved, reason=reason, decided_by=user_id, decided_at=now
            )
        )


def ask_again(session: Session, campaign_id: int) -> None:
    """The mail about the last decision on the newest version is due once more."""
    version = newest_version(session, campaign_id)
    if version:
        last = select(func.max(CampaignDecision.id)).where(CampaignDecision.version_id == version.id)
        session.execute(
            update(CampaignDecision)
            .where(CampaignDecision.id == last.scalar_subquery())
            .values(mailed_at=None)
        )


def newest_version(session: Session, campaign_id: int) -> CampaignVersion | None:
    """What was submitted last."""
    return session.scalar(
        select(CampaignVersion)
        .where(CampaignVersion.campaign_id == campaign_id)
        .order_by(CampaignVersion.n.desc())
        .limit(1)
    )


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The parts that differ, in the order of `after`, then those that are gone."""
    old, new = _flatten(before), _flatten(after)
    keys = [*new, *(key for key in old if key not in new)]
    return [Change(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]


def _flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Tables taken apart to dotted keys; a step is `step.2`, its number among all messages."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if key == "step":
            flat |= {f"step.{n}": step for n, step in enumerate(value, start=2)}
        elif isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
