"""Cases whose replies say the same: shown together, and labelled, answered or closed together.

Each case is handled by its own use case in its own transaction: what somebody else has taken or closed meanwhile is left out and counted.
Urgent cases stay out; each is somebody's life.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import false, func, select, true
from sqlalchemy.orm import Session

from campaigns.cases.handle_case import cases_visible_to, find_case, may_read_answers
from campaigns.models.campaigns import Campaign
from campaigns.models.replies import Case, Reply
from campaigns.rules.cases import CaseKind, assigned_until
from campaigns.rules.content import read_content
from campaigns.rules.own_answers import OwnAnswer
from campaigns.rules.replies.alike import AlikeReply, group_alike
from campaigns.rules.replies.asked import BLUEZONE
from campaigns.rules.replies.labels import Label
from outreach.models.accounts import User
from outreach.rules.errors import BadInput, LoaError

# The longest waiting cases that are compared, and those handled at once: a page that can be looked through.
MOST_COMPARED = 3000
MOST_TOGETHER = 200
MOST_GROUPS = 50


@dataclass(frozen=True, slots=True)
class AlikeGroup:
    """Open cases whose replies say the same, the longest waiting first: `id`, `text` and `opened_at` of each."""

    cases: list[Any]
    kind: CaseKind
    label: Label  # the suggested one
    campaign: str
    campaign_kind: str
    own_answers: tuple[OwnAnswer, ...]
    may_answer: bool  # by SMS: all belong to a campaign

    @property
    def texts(self) -> list[str]:
        """Return the texts, each once."""
        return list(dict.fromkeys(each.text for each in self.cases))


def read_groups(session: Session, user: User, *, now: datetime) -> list[AlikeGroup]:
    """Return the groups of two or more open cases that the user may handle now, the largest first."""
    return _group(session, user, now=now)[:MOST_GROUPS]


def read_group(
    session: Session, case_id: int, user: User, *, now: datetime, most: int = MOST_COMPARED
) -> AlikeGroup | None:
    """Return the group of a case among the longest waiting, None where it is done, taken by somebody else or alone. Raises NotFound."""
    case = find_case(session, case_id, user=user)
    groups = _group(session, user, now=now, most=most, topic_of=case)
    return next((group for group in groups if any(each.id == case_id for each in group.cases)), None)


def _group(
    session: Session, user: User, *, now: datetime, most: int = MOST_COMPARED, topic_of: Case | None = None
) -> list[AlikeGroup]:
    query = (
        select(
            *(Case.id, Case.kind, Case.campaign_id, Case.recipient_id, Case.opened_at),
            *(Case.taken_by, Case.taken_at, Reply.body.label("text"), Reply.label),
            func.coalesce(Campaign.name, "").label("campaign"),
            func.coalesce(Campaign.kind, "").label("campaign_kind"),
        )
        .join(Reply, Reply.id == Case.reply_id)
        .outerjoin(Campaign, Campaign.id == Case.campaign_id)
        .where(
            Case.done_at.is_(None),
            Case.urgent_at.is_(None),
            Reply.body != "",
            cases_visible_to(session, user),
            true() if may_read_answers(user) else func.coalesce(Campaign.is_health, false()).is_(false()),
        )
        .order_by(Case.opened_at, Case.id)
        .limit(most)
    )
    if topic_of is not None:
        query = query.where(
            Case.kind == topic_of.kind, Case.campaign_id.is_not_distinct_from(topic_of.campaign_id)
        )
    rows = {
        row.id: row
        for row in session.execute(query)
        if row.taken_by in (None, user.id) or assigned_until(row.taken_at, now=now) is None
    }
    campaigns = {row.campaign_id for row in rows.values()}
    contents = session.execute(select(Campaign.id, Campaign.content).where(Campaign.id.in_(campaigns)))
    read = {id_: read_content(content) for id_, content in contents}
    alike = []
    for row in rows.values():
        words = read[row.campaign_id].vocabulary if row.campaign_id else BLUEZONE
        alike.append(AlikeReply(row.id, (row.kind, row.label, row.campaign_id), row.text, words))
    groups = []
    for each in group_alike(alike):
        if len(each) < 2:
            break
        first = rows[each[0]]
        groups.append(
            AlikeGroup(
                cases=[rows[id_] for id_ in each[:MOST_TOGETHER]],
                kind=first.kind,
                label=first.label,
                campaign=first.campaign,
                campaign_kind=first.campaign_kind,
                own_answers=read[first.campaign_id].own_answers if first.campaign_id else (),
                may_answer=all(rows[id_].recipient_id is not None for id_ in each),
            )
        )
    return groups


@dataclass(frozen=True, slots=True)
class Together:
    """The cases that were handled, and why others were not."""

    done: list[int]
    refused: list[LoaError]


def handle_together(
    runtime: Any,
    ids: Collection[int],
    use_case: Callable[..., object],
    *,
    user: User,
    now: datetime,
    **values: Any,
) -> Together:
    """Call a use case for each of these cases. Raises BadInput without a case, or if it is refused for all of them."""
    if not ids:
        raise BadInput("case_none_chosen")
    done: list[int] = []
    refused: list[LoaError] = []
    for case_id in list(dict.fromkeys(ids))[:MOST_TOGETHER]:
        try:
            use_case(runtime, case_id, user=user, now=now, **values)
            done.append(case_id)
        except LoaError as error:
            refused.append(error)
    if not done:
        raise refused[0]
    return Together(done, refused)
