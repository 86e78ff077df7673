"""Where events are read from, and what is told of them: ids, labels and counts, never numbers, names or texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from campaigns.answers.models import Answer, InstallReport
from campaigns.hooks.lining_up import Line
from campaigns.hooks.rules import EventKind
from campaigns.messages import Tally
from campaigns.models import Campaign, Recipient
from campaigns.states import AttemptState, CampaignState
from outreach.people.models import ContactList, ContactPhone, Membership, Suppression, SuppressionReason

AT_ONCE = 2000  # rows of one kind in one round
# A moment is taken before its transaction ends: so far back it is looked again.
LOOKED_BACK = timedelta(minutes=15)
FINALS_EVERY = timedelta(seconds=30)
# So long after its end a campaign's messages may still be reported on.
REPORTED_FOR = timedelta(days=4)
_FINAL = (AttemptState.DELIVERED, AttemptState.UNDELIVERED, AttemptState.FAILED, AttemptState.NO_REPORT)


def tell_of_answers(line: Line, after: int, until: int) -> int:
    """Answers with these numbers; the last one told of."""
    rows = line.session.execute(
        select(Answer, ContactList.organisation_id)
        .outerjoin(Recipient, Recipient.id == Answer.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(Answer.id > after, Answer.id <= until)
        .order_by(Answer.id)
        .limit(AT_ONCE)
    ).all()
    for answer, owner in rows:
        data = {
            "answer": answer.id,
            "campaign": answer.campaign_id,
            "recipient": answer.recipient_id,
            "label": answer.label.value,
            "source": answer.source.value,
        }
        line.tell(EventKind.ANSWER_RECORDED, answer.id, data, at=answer.at, of=owner)
    return rows[-1][0].id if len(rows) == AT_ONCE else until


def tell_of_installs(line: Line, after: int, until: int) -> int:
    """Installs reported, by number; the last one told of."""
    rows = line.session.execute(
        select(InstallReport, ContactList.organisation_id)
        .join(Recipient, Recipient.id == InstallReport.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(InstallReport.id > after, InstallReport.id <= until)
        .order_by(InstallReport.id)
        .limit(AT_ONCE)
    ).all()
    for report, owner in rows:
        data = {**_describe(report), "source": report.source.value}
        line.tell(EventKind.INSTALL_REPORTED, report.id, data, at=report.reported_at, of=owner)
    return rows[-1][0].id if len(rows) == AT_ONCE else until


def tell_of_opt_outs(line: Line, after: int, until: int) -> int:
    """Numbers that are left alone from now on, each with the people of the subscriber's lists who are on it."""
    rows = line.session.scalars(
        select(Suppression)
        .where(
            Suppression.id > after, Suppression.id <= until, Suppression.reason == SuppressionReason.OPT_OUT
        )
        .order_by(Suppression.id)
        .limit(AT_ONCE)
    ).all()
    people: dict[int, list[tuple[int, int]]] = {}
    for phone_id, contact_id, owner in line.session.execute(
        select(ContactPhone.phone_id, ContactPhone.contact_id, ContactList.organisation_id)
        .join(Membership, Membership.contact_id == ContactPhone.contact_id)
        .join(ContactList, ContactList.id == Membership.list_id)
        .where(ContactPhone.phone_id.in_([each.phone_id for each in rows if each.phone_id]))
    ):
        people.setdefault(phone_id, []).append((contact_id, owner))
    for suppression in rows:
        known = people.get(suppression.phone_id or 0, [])
        for each in line.subscribers:
            theirs = sorted({contact for contact, owner in known if each.sees(owner)})
            if theirs or each.seen is None:
                data = {"suppression": suppression.id, "people": theirs, "source": suppression.source}
                line.tell_one(each, EventKind.OPT_OUT, suppression.id, data, at=suppression.created_at)
    return rows[-1].id if len(rows) == AT_ONCE else until


class Source(NamedTuple):
    """A table whose rows are only added to."""

    column: InstrumentedAttribute[int]
    tell: Callable[[Line, int, int], int]


BY_NUMBER = {
    "answers": Source(Answer.id, tell_of_answers),
    "installs": Source(InstallReport.id, tell_of_installs),
    "opt_outs": Source(Suppression.id, tell_of_opt_outs),
}


def tell_of_withdrawn(line: Line, since: str) -> str:
    """Installs taken back since a moment, some of them told of before; from when to look the next time."""
    from_when = datetime.fromisoformat(since) - LOOKED_BACK
    if line.interests(EventKind.INSTALL_WITHDRAWN):
        for report, owner in line.session.execute(
            select(InstallReport, ContactList.organisation_id)
            .join(Recipient, Recipient.id == InstallReport.recipient_id)
            .outerjoin(ContactList, ContactList.id == Recipient.list_id)
            .where(InstallReport.withdrawn_at >= from_when)
            .order_by(InstallReport.withdrawn_at, InstallReport.id)
        ):
            at = report.withdrawn_at or line.now
            line.tell(EventKind.INSTALL_WITHDRAWN, report.id, _describe(report), at=at, of=owner)
    return line.now.isoformat()


def tell_of_campaigns(line: Line, before: dict[str, str] | None) -> dict[str, str]:
    """Campaigns that stand elsewhere than before, by number; how they stand now."""
    now: dict[str, str] = {}
    for campaign_id, state, owner in line.session.execute(
        select(Campaign.id, Campaign.state, Campaign.organisation_id).order_by(Campaign.id)
    ):
        now[str(campaign_id)] = state.value
        was = (before or {}).get(str(campaign_id))
        if was == state.value or (was is None and state is CampaignState.DRAFT):
            continue
        data = {"campaign": campaign_id, "state": state.value, "before": was or CampaignState.DRAFT.value}
        number = f"{campaign_id}:{line.now.isoformat()}"
        line.tell(EventKind.CAMPAIGN_STATE, number, data, at=line.now, of=owner)
    return now


def tell_of_finals(line: Line, before: dict[str, Any] | None) -> dict[str, Any]:
    """Campaigns of which more messages have come to an end than before: how many by state, and how many more.

    From the tallies, a few rows a campaign: no message is looked at.
    """
    recent = select(Campaign.id).where(
        Campaign.launched_at.is_not(None),
        (Campaign.ended_at.is_(None)) | (Campaign.ended_at > line.now - REPORTED_FOR),
    )
    counts: dict[int, dict[str, int]] = {}
    for lane, state, n in line.session.execute(
        select(Tally.lane, Tally.state, func.sum(Tally.n))
        .where(Tally.lane.in_(recent), Tally.state.in_(_FINAL))
        .group_by(Tally.lane, Tally.state)
    ):
        if n:
            counts.setdefault(lane, {})[state.value] = int(n)
    owners = dict(
        line.session.execute(
            select(Campaign.id, Campaign.organisation_id).where(Campaign.id.in_(counts))
        ).all()
    )
    told: dict[str, Any] = {}
    for campaign_id, states in counts.items():
        at, was = (before or {}).get(str(campaign_id), ["", {}])
        is_soon = at and line.now - datetime.fromisoformat(at) < FINALS_EVERY
        if states == was or is_soon:
            told[str(campaign_id)] = [at, was]
            continue
        told[str(campaign_id)] = [line.now.isoformat(), states]
        data = {
            "campaign": campaign_id,
            "messages": states,
            "more": {state: n - was.get(state, 0) for state, n in states.items()},
        }
        number = f"{campaign_id}:{line.now.isoformat()}"
        line.tell(EventKind.MESSAGE_FINAL, number, data, at=line.now, of=owners.get(campaign_id))
    return told


def _describe(report: InstallReport) -> dict[str, Any]:
    return {"report": report.id, "campaign": report.campaign_id, "recipient": report.recipient_id}
