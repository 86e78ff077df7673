"""Who is written to, who is not and why: the audience of a campaign, frozen when its first step opens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import TextClause, bindparam, delete, func, select, text, update
from sqlalchemy.orm import Session

from campaigns.answers.models import Answer
from campaigns.messages import Message, Outbox
from campaigns.models import Campaign, CampaignList, Recipient, Step
from campaigns.states import Exclusion, MessageState
from outreach.bulk import UNSYNCED
from outreach.errors import WrongState
from outreach.places.areas import areas_within

# Each person of the lists once, with one phone: the first of theirs that may be written to. A person
# who opted out on any of their phones asked to be left alone on all of them; a wrong number only
# rules out that number. Of several people on one phone one has the message: whoever has no other phone before
# those who have, then the first. The others are written to on their next phone that is nobody's yet.
_AUDIENCE = """
WITH people AS (
    SELECT m.contact_id, MIN(m.list_id) AS list_id
    FROM memberships m
    WHERE m.list_id IN :lists AND m.contact_id % :every = 0
    GROUP BY m.contact_id
), blocked AS (
    SELECT phone_id,
           MAX(CASE WHEN reason = 'opt_out' THEN 1 ELSE 0 END) AS opted_out,
           MAX(CASE WHEN reason = 'wrong_number' THEN 1 ELSE 0 END) AS wrong,
           MAX(CASE WHEN reason = 'do_not_call' THEN 1 ELSE 0 END) AS do_not_call
    FROM suppressions WHERE lifted_at IS NULL AND phone_id IS NOT NULL
    GROUP BY phone_id
), reachable AS (
    SELECT p.contact_id, p.list_id, c.area_code, cp.phone_id,
           COALESCE(b.wrong, 0) AS wrong, COALESCE(b.do_not_call, 0) AS do_not_call,
           MAX(COALESCE(b.opted_out, 0)) OVER (PARTITION BY p.contact_id) AS opted_out,
           SUM(CASE WHEN COALESCE(b.wrong, 0) + COALESCE(b.do_not_call, 0) = 0 THEN 1 ELSE 0 END)
               OVER (PARTITION BY p.contact_id) AS usable,
           ROW_NUMBER() OVER (
               PARTITION BY p.contact_id
               ORDER BY COALESCE(b.wrong, 0) + COALESCE(b.do_not_call, 0), cp.position
           ) AS choice
    FROM people p
    JOIN contacts c ON c.id = p.contact_id
    LEFT JOIN contact_phones cp ON cp.contact_id = p.contact_id
    LEFT JOIN blocked b ON b.phone_id = cp.phone_id
), judged AS (
    SELECT contact_id, phone_id, list_id, area_code, usable, choice,
           CASE WHEN phone_id IS NULL THEN 'no_phone'
                WHEN opted_out = 1 THEN 'opted_out'
                WHEN wrong = 1 THEN 'wrong_number'
                WHEN do_not_call = 1 THEN 'do_not_call'
                WHEN :everywhere = 0 AND (area_code IS NULL OR area_code NOT IN :areas) THEN 'outside_area'
           END AS exclusion
    FROM reachable WHERE choice = 1 OR choice <= usable
), ranked AS (
    SELECT contact_id, phone_id, list_id, area_code, usable, exclusion,
           ROW_NUMBER() OVER (
               PARTITION BY phone_id, CASE WHEN exclusion IS NULL THEN 0 ELSE 1 END
               ORDER BY CASE WHEN usable = 1 THEN 0 ELSE 1 END, contact_id
           ) AS turn
    FROM judged WHERE choice = 1
), free AS (
    SELECT j.contact_id, j.phone_id, j.choice,
           ROW_NUMBER() OVER (PARTITION BY j.phone_id ORDER BY j.choice, j.contact_id) AS turn
    FROM ranked r
    JOIN judged j ON j.contact_id = r.contact_id AND j.choice > 1 AND j.exclusion IS NULL
    WHERE r.exclusion IS NULL AND r.turn > 1 AND r.usable > 1
      AND NOT EXISTS (
          SELECT 1 FROM ranked t WHERE t.phone_id = j.phone_id AND t.exclusion IS NULL AND t.turn = 1
      )
), next_phone AS (
    SELECT contact_id, phone_id, ROW_NUMBER() OVER (PARTITION BY contact_id ORDER BY choice) AS turn
    FROM free WHERE turn = 1
), audience AS (
    SELECT r.contact_id, COALESCE(n.phone_id, r.phone_id) AS phone_id, r.list_id, r.area_code,
           COALESCE(r.exclusion, CASE WHEN r.turn > 1 AND n.phone_id IS NULL THEN 'shared_phone' END) AS exclusion
    FROM ranked r
    LEFT JOIN next_phone n ON n.contact_id = r.contact_id AND n.turn = 1
)
"""


def _over_audience(start: str, end: str) -> TextClause:
    return text(start + _AUDIENCE + end).bindparams(
        bindparam("lists", expanding=True), bindparam("areas", expanding=True)
    )


# Storing and counting read the same audience, so that what was promised is what is frozen.
_FREEZE = _over_audience(
    "INSERT INTO recipients (campaign_id, contact_id, phone_id, list_id, area_code, exclusion)",
    "SELECT :campaign, contact_id, phone_id, list_id, area_code, exclusion FROM audience ORDER BY contact_id",
)
_COUNT = _over_audience("", "SELECT exclusion, COUNT(*) FROM audience GROUP BY exclusion")
_NAMES = _over_audience(
    "",
    "SELECT c.name FROM audience a JOIN contacts c ON c.id = a.contact_id "
    "WHERE a.exclusion IS NULL ORDER BY a.contact_id LIMIT :most",
)

# For each recipient one message of the step; those for whom it makes no sense are there as skipped, so
# that every step adds up to the recipients.
_MESSAGES = text("""
INSERT INTO messages (kind, campaign_id, step_id, recipient_id, phone_id, state, skip_reason)
SELECT 'step', r.campaign_id, :step, r.id, r.phone_id,
       CASE WHEN s.skip IS NULL THEN 'queued' ELSE 'skipped' END, s.skip
FROM recipients r
JOIN (
    SELECT r.id,
           CASE WHEN r.contact_id IS NULL  -- the person was erased
                  OR EXISTS (SELECT 1 FROM suppressions x WHERE x.phone_id = r.phone_id AND x.lifted_at IS NULL)
                THEN 'suppressed'
                WHEN :number > 1 AND r.answer IS NOT NULL THEN 'answered'
                WHEN :number > 1 AND EXISTS (
                    SELECT 1 FROM messages m WHERE m.recipient_id = r.id AND m.step_id IS NOT NULL
                    AND m.state IN ('failed', 'undelivered')
                ) THEN 'unreachable'
           END AS skip
    FROM recipients r WHERE r.campaign_id = :campaign AND r.exclusion IS NULL
) s ON s.id = r.id
ORDER BY r.id
""")

_OUTBOX = text("""
INSERT INTO outbox (message_id, lane, not_before, n, throttled)
SELECT id, campaign_id, :now, 1, 0 FROM messages
WHERE campaign_id = :campaign AND step_id = :step AND state = 'queued'
""").bindparams(bindparam("now", type_=Step.opened_at.type))


def freeze_audience(session: Session, campaign: Campaign) -> None:
    """Write the recipients and the excluded, in one statement. Once a campaign, before its first step."""
    lists = session.scalars(select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id)).all()
    whom = _parameters(session, lists, campaign.areas)
    session.execute(_FREEZE, {"campaign": campaign.id, **whom})
    campaign.recipients = count_audience(session, campaign.id)[0]


def foresee_audience(
    session: Session, lists: Sequence[int], areas: Sequence[str]
) -> tuple[int, dict[Exclusion, int]]:
    """Recipients, and the excluded by reason, as they would be frozen now."""
    rows = session.execute(_COUNT, _parameters(session, lists, areas)).all()
    counts: dict[str | None, int] = dict(rows)
    recipients = counts.pop(None, 0)
    return recipients, {reason: counts[reason] for reason in Exclusion if reason in counts}


def sample_names(
    session: Session, lists: Sequence[int], areas: Sequence[str], *, recipients: int, most: int
) -> list[str]:
    """Names of at most `most` recipients, spread evenly over the `recipients` there would be."""
    whom = _parameters(session, lists, areas, every=max(1, -(-recipients // most)))
    return list(session.scalars(_NAMES, {"most": most, **whom}))


def _parameters(
    session: Session, lists: Sequence[int], areas: Sequence[str], *, every: int = 1
) -> dict[str, object]:
    return {
        "lists": list(lists),
        "every": every,
        "everywhere": 0 if areas else 1,
        "areas": sorted(areas_within(session, areas)) or [""],
    }


def queue_step(session: Session, step: Step, *, now: datetime) -> None:
    """Write a step's messages and put those to be sent into the outbox, in two statements."""
    session.execute(_MESSAGES, {"campaign": step.campaign_id, "step": step.id, "number": step.number})
    session.execute(_OUTBOX, {"campaign": step.campaign_id, "step": step.id, "now": now})


def has_left(session: Session, campaign_id: int) -> bool:
    """Whether one of the campaign's messages may be with the gateway. An officer's own test is none of them."""
    left = select(Message.id).where(
        Message.campaign_id == campaign_id,
        Message.step_id.is_not(None),
        Message.state.not_in((MessageState.QUEUED, MessageState.SKIPPED)),
    )
    # What waits for another try was asked for once: somebody may have it whatever the gateway's list said.
    again = select(Outbox.message_id).where(Outbox.lane == campaign_id, Outbox.n > 1)
    return any(session.execute(found.limit(1)).first() for found in (left, again))


def take_back(session: Session, campaign_id: int) -> None:
    """Undo what a launch wrote, as long as no message has left and nobody has answered. Else raises WrongState.

    Holds the campaign's row, which a claim takes first: none can begin meanwhile.
    """
    session.execute(select(Campaign.id).where(Campaign.id == campaign_id).with_for_update()).all()
    if has_left(session, campaign_id):
        raise WrongState(
            "Đã có tin rời đi nên không thu hồi được nữa. Có thể tạm dừng, hoặc hủy phần chưa gửi."
        )
    recipients = select(Recipient.id).where(Recipient.campaign_id == campaign_id)
    if session.execute(select(Answer.id).where(Answer.recipient_id.in_(recipients)).limit(1)).first():
        raise WrongState(
            "Cán bộ đã ghi câu trả lời cho chiến dịch này nên không thu hồi được nữa. "
            "Có thể tạm dừng, hoặc hủy phần chưa gửi."
        )
    session.execute(delete(Outbox).where(Outbox.lane == campaign_id), execution_options=UNSYNCED)
    session.execute(
        delete(Message).where(Message.campaign_id == campaign_id, Message.step_id.is_not(None)),
        execution_options=UNSYNCED,
    )
    session.execute(delete(Recipient).where(Recipient.campaign_id == campaign_id), execution_options=UNSYNCED)
    session.execute(
        update(Step).where(Step.campaign_id == campaign_id).values(opened_at=None, content_hash=None),
        execution_options=UNSYNCED,
    )


def count_audience(session: Session, campaign_id: int) -> tuple[int, dict[Exclusion, int]]:
    """Recipients, and the excluded by reason, of a frozen audience."""
    rows = session.execute(
        select(Recipient.exclusion, func.count())
        .where(Recipient.campaign_id == campaign_id)
        .group_by(Recipient.exclusion)
    ).all()
    recipients = sum(count for reason, count in rows if reason is None)
    return recipients, {reason: count for reason, count in rows if reason is not None}
