"""Who is written to, who is not and why: the audience of a campaign, frozen when its first step opens."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.orm import Session

from campaigns.answers.counters import count_frozen, forget_counters
from campaigns.answers.models import Answer, Reply
from campaigns.messages import Message, Outbox
from campaigns.models import Campaign, CampaignList, Recipient, Step
from campaigns.planning.audience_sql import frozen
from campaigns.planning.lots import P, arm_sql
from campaigns.planning.whom import Conditions, Whom, make_conditions, read_conditions
from campaigns.reach.keeping import forget_reach
from campaigns.rounds.models import Round
from campaigns.states import Exclusion, MessageState
from outreach.access.models import Organisation
from outreach.bulk import UNSYNCED, over_everybody
from outreach.errors import WrongState
from outreach.people.languages import NAMES as LANGUAGES
from outreach.people.models import Contact, ContactList, LegalBasis
from outreach.places.areas import areas_within, descendants

# For each recipient one message of the step; those for whom it makes no sense are there as skipped, so
# that every step adds up to the recipients.
# Those who remain are shared out by lot, among them who is held out; whoever has a text in their own language gets
# that one, and is no part of a comparison of two others.
_MESSAGES = """
INSERT INTO messages (kind, campaign_id, step_id, recipient_id, phone_id, state, skip_reason, arm)
SELECT 'step', campaign_id, :step, id, phone_id,
       CASE WHEN skip IS NULL AND (arm IS NULL OR arm > 0) THEN 'queued' ELSE 'skipped' END,
       COALESCE(skip, CASE WHEN arm = 0 THEN 'held_out' END),
       CASE WHEN skip IS NULL THEN arm END
FROM (
    SELECT r.id, r.campaign_id, r.phone_id, {arm} AS arm,
           CASE WHEN r.contact_id IS NULL OR x.phone_id IS NOT NULL  -- the person was erased, or the number opted out
                THEN 'suppressed'
                WHEN :number > 1 AND (r.answer IS NOT NULL OR EXISTS (  -- or asked us something and still waits
                    SELECT 1 FROM cases c WHERE c.recipient_id = r.id AND c.done_at IS NULL
                )) THEN 'answered'
                WHEN :number > 1 AND EXISTS (
                    SELECT 1 FROM messages m WHERE m.recipient_id = r.id AND m.step_id IS NOT NULL
                    AND m.state IN ('failed', 'undelivered')
                ) THEN 'unreachable'
           END AS skip
    FROM recipients r
    LEFT JOIN (SELECT DISTINCT phone_id FROM suppressions WHERE lifted_at IS NULL) x ON x.phone_id = r.phone_id
    {languages}
    WHERE r.campaign_id = :campaign AND r.exclusion IS NULL
) s
ORDER BY id
"""

_OUTBOX = text("""
INSERT INTO outbox (message_id, lane, not_before, n, throttled)
SELECT id, campaign_id, :now, 1, 0 FROM messages
WHERE campaign_id = :campaign AND step_id = :step AND state = 'queued'
""").bindparams(bindparam("now", type_=Step.opened_at.type))


def freeze_audience(session: Session, campaign: Campaign) -> None:
    """Write the recipients and the excluded, in one statement. Once a campaign, before its first step."""
    add_lists(session, campaign)
    campaign.seed = campaign.seed or secrets.randbelow(P - 1) + 1
    statement, given = frozen(whom_of(session, campaign), seed=campaign.seed)
    with over_everybody(session):
        session.execute(statement, {"campaign": campaign.id, **given})
    campaign.recipients = count_frozen(session, campaign.id)


def whom_of(session: Session, campaign: Campaign) -> Whom:
    """Whom a campaign is for, by the lists that it has now."""
    lists = session.scalars(select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id))
    return make_whom(session, campaign.kind, set(lists), campaign.areas, read_conditions(campaign.conditions))


def make_whom(
    session: Session, kind: str, lists: Collection[int], areas: Sequence[str], conditions: Conditions
) -> Whom:
    """A description with its areas and the lists' bases looked up. `lists` hold those of its organisations."""
    within = areas_within(session, areas) if areas else ()
    bases = dict(
        session.execute(select(ContactList.id, ContactList.basis).where(ContactList.id.in_(lists))).all()
    )
    return Whom(
        kind,
        frozenset(lists),
        frozenset(list_id for list_id, basis in bases.items() if basis is LegalBasis.NONE),
        make_conditions(conditions, within),
        is_recorded=None not in bases.values(),
    )


def lists_of_organisations(session: Session, codes: Collection[str]) -> set[int]:
    """The lists of these organisations and of those below them."""
    if not codes:
        return set()
    named = session.scalars(select(Organisation.id).where(Organisation.code.in_(codes)))
    below = descendants(session.execute(select(Organisation.id, Organisation.parent_id)), list(named))
    return set(session.scalars(select(ContactList.id).where(ContactList.organisation_id.in_(below))))


def add_lists(session: Session, campaign: Campaign) -> None:
    """Give a campaign the lists that its organisations have now and did not have when it was written."""
    there = set(session.scalars(select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id)))
    codes = read_conditions(campaign.conditions).organisations
    session.add_all(
        CampaignList(campaign_id=campaign.id, list_id=list_id, is_chosen=False)
        for list_id in sorted(lists_of_organisations(session, codes) - there)
    )
    session.flush()


def queue_step(session: Session, step: Step, *, now: datetime) -> None:
    """Write a step's messages and put those to be sent into the outbox, in two statements."""
    with over_everybody(session):
        session.execute(
            text(_MESSAGES.format(**_shared_out(step))),
            {"campaign": step.campaign_id, "step": step.id, "number": step.number},
        )
    session.execute(_OUTBOX, {"campaign": step.campaign_id, "step": step.id, "now": now})


def _shared_out(step: Step) -> dict[str, str]:
    """The parts of _MESSAGES by which a step is compared with none, or two texts with one another."""
    if not step.hold_out and not step.text_b:
        return {"arm": "CAST(NULL AS integer)", "languages": ""}
    seed, has_second = step.campaign.seed or 1, bool(step.text_b)
    drawn = arm_sql("r.lot", seed, step.number, hold_out=step.hold_out, has_second=has_second)
    codes = ", ".join(f"'{code}'" for code in sorted(step.texts) if code in LANGUAGES)
    if not has_second or not codes:
        return {"arm": drawn, "languages": ""}
    alone = arm_sql("r.lot", seed, step.number, hold_out=step.hold_out, has_second=False)
    return {
        "arm": f"CASE WHEN p.language IN ({codes}) THEN {alone} ELSE {drawn} END",
        "languages": "JOIN phones p ON p.id = r.phone_id",
    }


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
    answered = (select(kind.id).where(kind.recipient_id.in_(recipients)).limit(1) for kind in (Answer, Reply))
    if any(session.execute(found).first() for found in answered):
        raise WrongState(
            "Cán bộ đã ghi câu trả lời cho chiến dịch này nên không thu hồi được nữa. "
            "Có thể tạm dừng, hoặc hủy phần chưa gửi."
        )
    if session.execute(select(Round.id).where(Round.campaign_id == campaign_id).limit(1)).first():
        raise WrongState(
            "Đã lập phiếu đến nhà từ danh sách của chiến dịch này nên không thu hồi được nữa. "
            "Có thể tạm dừng, hoặc hủy phần chưa gửi."
        )
    session.execute(delete(Outbox).where(Outbox.lane == campaign_id), execution_options=UNSYNCED)
    session.execute(
        delete(Message).where(Message.campaign_id == campaign_id, Message.step_id.is_not(None)),
        execution_options=UNSYNCED,
    )
    session.execute(delete(Recipient).where(Recipient.campaign_id == campaign_id), execution_options=UNSYNCED)
    forget_counters(session, campaign_id)
    forget_reach(session, campaign_id)
    session.execute(
        update(Step).where(Step.campaign_id == campaign_id).values(opened_at=None, segments_each=None),
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


def sample_names(session: Session, campaign_id: int, *, recipients: int, most: int) -> list[str]:
    """Names of about `most` of a frozen audience's `recipients`, evenly chosen by their phones."""
    every = max(1, recipients // most)
    return list(
        session.scalars(
            select(Contact.name)
            .join(Recipient, Recipient.contact_id == Contact.id)
            .where(
                Recipient.campaign_id == campaign_id,
                Recipient.exclusion.is_(None),
                Recipient.phone_id % every == 0,
            )
            .limit(2 * most)
        )
    )
