"""Where a day's report stands, as its page and its command show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.report.changes import Change, in_words
from campaigns.report.form import Form
from campaigns.report.forms import current_form
from campaigns.report.issues.issuing import read_issues
from campaigns.report.issues.links import address_of, read_links
from campaigns.report.mail.chasing import find_addressees
from campaigns.report.mail.mailing import end_of, is_delivered
from campaigns.report.models import Purpose, ReportDay, ReportIssue, ReportLink, ReportMail
from campaigns.report.snapshot.counting import freezes_at
from campaigns.report.snapshot.figures import Agency
from campaigns.report.snapshot.sources import is_anything_running, read_agencies
from campaigns.windows import VIETNAM
from outreach.settings import Settings


class State(StrEnum):
    """`NOT_WANTED`: nothing is under way. `MISSED`: the day is over and nobody froze it."""

    NOT_WANTED = "not_wanted"
    MISSED = "missed"
    COLLECTING = "collecting"
    FROZEN = "frozen"
    ISSUED = "issued"  # not with everybody yet
    DELIVERED = "delivered"


class Hurdle(StrEnum):
    """What keeps mail from going: a setting that is missing."""

    NO_SERVER = "no_server"
    NO_RECIPIENTS = "no_recipients"


@dataclass(frozen=True, slots=True)
class Standing:
    """`missing` have not handed in for the day; `addressed` of them can be written to. `hurdles` keep mail from going."""

    day: date
    state: State
    form: Form
    freezes_at: datetime
    deadline: datetime
    missing: Sequence[Agency]
    agencies: int
    addressed: frozenset[int]
    held: ReportDay
    issues: Sequence[ReportIssue]
    mails: Sequence[ReportMail]
    links: Sequence[tuple[ReportLink, str]]
    hurdles: Sequence[Hurdle]

    @property
    def pending(self) -> list[str]:
        """What is known now and is in no issue yet, in words."""
        return [in_words(Change(**each)) for each in self.held.pending]

    @property
    def is_missing_alarm(self) -> bool:
        return self.state is State.COLLECTING and self.held.alarmed_at is not None and bool(self.missing)

    @property
    def is_undelivered_alarm(self) -> bool:
        return self.held.undelivered_at is not None and self.state is not State.DELIVERED

    def as_data(self) -> dict[str, Any]:
        """For the command: counts and moments, no addresses."""
        return {
            "day": self.day.isoformat(),
            "state": self.state.value,
            "agencies": self.agencies,
            "missing": len(self.missing),
            "issues": [
                {
                    "n": issue.n,
                    "digest": issue.digest,
                    "frozen_at": issue.frozen_at.isoformat(),
                    "issued_at": issue.issued_at.isoformat() if issue.issued_at else None,
                    "changes": len(issue.changes),
                }
                for issue in self.issues
            ],
            "pending_changes": len(self.held.pending),
            "mails": {
                purpose.value: {
                    "sent": sum(mail.sent_at is not None for mail in of),
                    "waiting": sum(mail.sent_at is None and mail.refused_at is None for mail in of),
                    "refused": sum(mail.refused_at is not None for mail in of),
                }
                for purpose in Purpose
                if (of := [mail for mail in self.mails if mail.purpose is purpose])
            },
            "hurdles": [hurdle.value for hurdle in self.hurdles],
        }


def read_day(session: Session, day: date, settings: Settings, *, now: datetime) -> Standing:
    """All about one day. Call it inside one `db.read()`."""
    iso, form = day.isoformat(), current_form(session)
    held = session.get(ReportDay, iso) or ReportDay(day=iso, marks={}, pending=[])
    issues = read_issues(session, iso)
    known_until = freezes_at(day, form) if issues else None
    agencies = read_agencies(session, day=day, known_until=known_until)
    missing = [each for each in agencies if each.is_missing]
    mails = session.scalars(select(ReportMail).where(ReportMail.day == iso).order_by(ReportMail.id)).all()
    addressees = find_addressees(session, [each.id for each in missing], now=now)
    hurdles = []
    if not settings.smtp_url:
        hurdles.append(Hurdle.NO_SERVER)
    if not settings.report_recipients:
        hurdles.append(Hurdle.NO_RECIPIENTS)
    return Standing(
        day=day,
        state=_state(session, day, held, issues, form=form, now=now),
        form=form,
        freezes_at=freezes_at(day, form),
        deadline=end_of(iso, form.hours.deadline),
        missing=missing,
        agencies=len(agencies),
        addressed=frozenset(each.organisation_id for each in addressees),
        held=held,
        issues=issues,
        mails=mails,
        links=[(link, address_of(link, settings)) for link in read_links(session, iso, now=now)],
        hurdles=hurdles,
    )


class Alarm(StrEnum):
    MISSING = "missing"
    UNDELIVERED = "undelivered"


def read_alarm(session: Session, day: date) -> Alarm | None:
    """The alarm that stands on a day, by a few reads of single rows."""
    iso = day.isoformat()
    held = session.get(ReportDay, iso)
    if held is None:
        return None
    issues = read_issues(session, iso)
    if held.undelivered_at and held.by_hand_at is None and not is_delivered(session, iso):
        return Alarm.UNDELIVERED
    return Alarm.MISSING if held.alarmed_at and not issues else None


@dataclass(frozen=True, slots=True)
class Past:
    """A day's report in the list of all: when it was issued, how often it was corrected."""

    day: str
    issued_at: datetime | None
    corrections: int


def read_history(session: Session, *, limit: int = 60) -> list[Past]:
    """The reports of the last days, the newest first."""
    rows = session.execute(
        select(ReportIssue.day, func.min(ReportIssue.issued_at), func.max(ReportIssue.n))
        .group_by(ReportIssue.day)
        .order_by(ReportIssue.day.desc())
        .limit(limit)
    )
    return [Past(*row) for row in rows]


def _state(
    session: Session,
    day: date,
    held: ReportDay,
    issues: Sequence[ReportIssue],
    *,
    form: Form,
    now: datetime,
) -> State:
    if issues:
        if any(issue.issued_at is None for issue in issues):
            return State.FROZEN
        is_there = held.by_hand_at is not None or is_delivered(session, day.isoformat())
        return State.DELIVERED if is_there else State.ISSUED
    if not is_anything_running(session, kind=form.kind, day=day):
        return State.NOT_WANTED
    return State.COLLECTING if day >= now.astimezone(VIETNAM).date() else State.MISSED
