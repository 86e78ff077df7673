"""Random checks of a drive: the self-reports that officers found true or not at the door, and what is left of the count."""

from datetime import datetime

from redis import Redis
from sqlalchemy import and_, case, exists, func, or_, select, true
from sqlalchemy.orm import Session

from campaigns.analytics.door_counts import count_at_the_door
from campaigns.analytics.progress_counts import MIN_TTL_S, scope_key
from campaigns.models.activities import VisitLine, VisitResult
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import AnswerSource, InstallReport
from campaigns.rules.visits import (
    CorrectedCount,
    VillageChecks,
    VisitOutcome,
    VisitReason,
    are_enough,
    correct,
)
from outreach.accounts.permissions import organisations_of, visible_to
from outreach.core.cache import cached_count
from outreach.models.accounts import User
from outreach.models.contacts import ContactList

# What is true or not at the door; nobody met, a refusal and a wish for peace say neither.
_CONFIRMED = (VisitOutcome.INSTALLED,)
_CLEAR = (
    *_CONFIRMED,
    VisitOutcome.NOT_YET,
    VisitOutcome.NO_SMARTPHONE,
    VisitOutcome.NEED_HELP,
    VisitOutcome.CALL,
)


def read_corrected(
    session: Session, drive_id: int, user: User | None, *, as_of: datetime, redis: Redis | None = None
) -> CorrectedCount | None:
    """Return what is left of a drive's self-reports as of a moment, each phone once; None with too few checks.

    Within the user's scope; of all without a user. With `redis` the count of the reports is kept as `cached_count` does.
    """
    seen = visible_to(session, user, ContactList.organisation_id) if user else true()
    in_scope = (Campaign.drive_id == drive_id, Recipient.exclusion.is_(None), seen)
    in_force = (
        func.coalesce(VisitResult.visited_at, VisitResult.entered_at) <= as_of,
        or_(VisitResult.undone_at.is_(None), VisitResult.undone_at > as_of),
    )
    latest = (
        select(func.max(VisitResult.id).label("id"))
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .where(VisitLine.why == VisitReason.CHECK, *in_force)
        .group_by(VisitResult.line_id)
        .subquery()
    )
    checks = session.execute(
        select(
            Recipient.area_code,
            VisitLine.round_id,
            func.sum(case((VisitResult.outcome.in_(_CONFIRMED), 1), else_=0)),
            func.count(),
        )
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .join(latest, latest.c.id == VisitResult.id)
        .join(Recipient, Recipient.id == VisitLine.recipient_id)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(*in_scope, VisitResult.outcome.in_(_CLEAR))
        .group_by(Recipient.area_code, VisitLine.round_id)
    ).all()
    villages = [VillageChecks(checked, int(confirmed)) for _area, _sheet, confirmed, checked in checks]
    if not are_enough(villages):  # the reports themselves, of which there may be a million, need not be read
        return None
    is_checked = exists().where(
        VisitLine.recipient_id == Recipient.id,
        VisitLine.why == VisitReason.CHECK,
        VisitResult.line_id == VisitLine.id,
        *in_force,
        VisitResult.outcome.in_(_CLEAR),
    )
    is_own = InstallReport.source.in_((AnswerSource.SMS, AnswerSource.PAGE))
    # A phone that reported in several campaigns counts once, as on the leader's page: as unchecked only if it nowhere is.
    by_phone = (
        select(
            InstallReport.phone_id,
            func.min(case((and_(is_own, ~is_checked), 1), else_=0)).label("is_unchecked"),
        )
        .join(Recipient, Recipient.id == InstallReport.recipient_id)
        .join(Campaign, Campaign.id == InstallReport.campaign_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(
            *in_scope,
            InstallReport.reported_at <= as_of,
            or_(InstallReport.withdrawn_at.is_(None), InstallReport.withdrawn_at > as_of),
        )
        .group_by(InstallReport.phone_id)
        .subquery()
    )
    query = select(func.count(), func.coalesce(func.sum(by_phone.c.is_unchecked), 0)).select_from(by_phone)

    def count() -> dict[str, list[int]]:
        return {"counts": [int(n) for n in session.execute(query).one()]}

    whose = scope_key(organisations_of(session, user)) if user else "all"
    key = f"loa:unchecked:{drive_id}:{whose}"
    counted = cached_count(redis, key, count, min_ttl_s=MIN_TTL_S) if redis else count()
    reported, unchecked = counted["counts"]
    ids = session.scalars(select(Campaign.id).where(Campaign.drive_id == drive_id)).all()
    reported += sum(
        n
        for _area, _organisation, outcome, n, _new in count_at_the_door(session, ids, as_of=as_of, seen=seen)
        if outcome is VisitOutcome.INSTALLED
    )
    return correct(reported, unchecked, villages)
