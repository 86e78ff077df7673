"""What residents gave of a campaign's own answers, each number once, for a campaign and over the campaigns of a drive."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, replace
from datetime import datetime
from typing import Any

from redis import Redis
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from campaigns.analytics.progress_counts import (
    CountScope,
    cached,
    reports_in_force,
    select_answers_in_force,
    select_first_recipients,
)
from campaigns.answer_totals import sum_totals
from campaigns.models.campaigns import Campaign
from campaigns.models.replies import AnswerTotal, InstallReport
from campaigns.rules.own_answers import OwnAnswer, keeps_said, read_own_answers
from campaigns.rules.promises import OwnCount, PromisedFigures, read_promised
from campaigns.rules.replies.labels import Label

AnswerCounts = Counter[tuple[Label | None, int | None]]


def count_own_answers(
    session: Session,
    campaigns: Sequence[Campaign],
    *,
    as_of: datetime,
    seen: ColumnElement[bool] | None = None,
) -> list[OwnCount]:
    """Count numbers by the own answer that they gave last, as of a moment; empty where no campaign has own answers."""
    ids = [campaign.id for campaign in campaigns]
    if not (own_answers := _own_answers(campaigns)):
        return []
    # Who is recorded as done still counts under what they said, as `counted_own` says.
    keeping = [each.id for each in campaigns if keeps_said(read_own_answers(each.content))]
    answers = select_answers_in_force(ids, as_of, seen, keeping)
    first_recipients = select_first_recipients(ids, seen, as_of)
    done = select(InstallReport.phone_id).where(*reports_in_force(ids, as_of)).distinct().subquery()
    own = (answers.c.campaign_id, answers.c.own_answer)
    query = (
        select(*own, func.count(), func.count(done.c.phone_id))
        .join(first_recipients, first_recipients.c.phone_id == answers.c.phone_id)
        .outerjoin(done, done.c.phone_id == answers.c.phone_id)
    )
    return _by_text(own_answers, session.execute(query.group_by(*own)))


def count_own_of(session: Session, scope: CountScope, *, redis: Redis, now: datetime) -> list[OwnCount]:
    """Count the own answers in force now that a reader may see: those of one campaign are kept as totals."""
    if not (own_answers := _own_answers(scope.campaigns)):
        return []
    if len(scope.ids) == 1:
        counts = count_answers(session, scope.ids, seen=scope.seen)
        return _by_text(own_answers, _own_rows(scope.ids[0], counts[scope.ids[0]]))

    def count() -> dict[str, Any]:
        counts = count_own_answers(session, scope.campaigns, as_of=now, seen=scope.seen)
        return {"rows": [astuple(each) for each in counts]}

    return [OwnCount(*row) for row in cached(redis, scope, "own", count)["rows"]]


def count_answers(
    session: Session, campaigns: Sequence[int], *, seen: ColumnElement[bool]
) -> dict[int, AnswerCounts]:
    """Count the recipients of each campaign by what they answered and which of its own answers; None is not yet."""
    counts = _count_answers_by(AnswerTotal.campaign_id, session, campaigns, seen=seen)
    return {each: counts.get(each, Counter()) for each in campaigns}


def count_answers_by_place(
    session: Session, campaign: int, *, seen: ColumnElement[bool]
) -> dict[str | None, AnswerCounts]:
    """Count a campaign's recipients by the code of their place, then as `count_answers` does; None: place not known."""
    return _count_answers_by(AnswerTotal.area_code, session, [campaign], seen=seen)


def _count_answers_by(
    column: Any, session: Session, campaigns: Sequence[int], *, seen: ColumnElement[bool]
) -> dict[Any, AnswerCounts]:
    counts: dict[Any, AnswerCounts] = {}
    key = (column, AnswerTotal.answer, AnswerTotal.own_answer)
    for value, label, own, people, _installed in sum_totals(session, campaigns, *key, where=[seen]):
        if people:
            counts.setdefault(value, Counter())[label, own] = people
    return counts


def read_promised_of(campaign: Campaign, counts: AnswerCounts, *, done: int) -> PromisedFigures | None:
    """Return the figures of a campaign whose people promise, of what `count_answers` counted and who is recorded as done; None of another."""
    own = _by_text(_own_answers([campaign]), _own_rows(campaign.id, counts))
    recipients = sum(counts.values())
    return read_promised(
        own, recipients=recipients, answered=recipients - counts.get((None, None), 0), done=done
    )


def question_of(campaigns: Sequence[Campaign]) -> str:
    """Return the question that own answers are to, the newest campaign's; "" where none has own answers."""
    asking = [campaign.content for campaign in campaigns if campaign.content.get("own_answers")]
    return str(asking[-1].get("question", "")) if asking else ""


def _own_answers(campaigns: Sequence[Campaign]) -> dict[tuple[int, int | None], OwnAnswer]:
    """Return the own answers by campaign and number, those of the newest campaign first."""
    return {
        (campaign.id, own.number): own
        for campaign in sorted(campaigns, key=lambda each: -each.id)
        for own in read_own_answers(campaign.content)
    }


def _own_rows(campaign: int, counts: AnswerCounts) -> list[tuple[int, int | None, int, int]]:
    return [
        (campaign, own, people, people if label is Label.INSTALLED else 0)
        for (label, own), people in counts.items()
    ]


def _by_text(own_answers: Mapping[tuple[int, int | None], OwnAnswer], rows: Iterable[Any]) -> list[OwnCount]:
    """Add up by text: each campaign of a drive has its own numbers for its answers."""
    counts: dict[str, OwnCount] = {}
    for own in own_answers.values():
        counts.setdefault(own.text, OwnCount(own.text, 0, 0, own.means))
    for campaign, number, people, done in rows:
        if given := own_answers.get((campaign, number)):
            before = counts[given.text]
            counts[given.text] = replace(
                before, people=before.people + int(people), done=before.done + int(done)
            )
    return list(counts.values())
