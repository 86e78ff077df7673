# ruff: noqa: S608 - no value comes from outside
"""Correcting campaigns: to exactly those who got a wrong text of another campaign.

Each is prepared as a draft by one press, then written, approved and launched like any other. Its audience are the numbers that
one step's text, or one of its variants, may have reached by the time it starts; those that opted out since are left out.
"""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.answer_totals import count_new_audience
from campaigns.models.campaigns import Campaign, CampaignAuthor, CampaignList, Step
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.planning.audience import bind_lists, blocked_parts
from campaigns.planning.drives import campaign_scopes
from campaigns.rules.content import read_content
from campaigns.rules.experiments import SECOND_TEXT, P, bucket_sql
from campaigns.rules.states import CampaignState, Exclusion, MessageState
from outreach.accounts import audit
from outreach.contacts.references import keep_people
from outreach.core.db import full_scan
from outreach.models.accounts import User
from outreach.rules.errors import WrongState

ALL, FIRST, SECOND = "all", "a", "b"  # variants of a text; the others are languages
# Copied from the campaign that is corrected.
_COPIED = (
    *("organisation_id", "drive_id", "sender", "kind", "is_health", "content", "unaccented"),
    *("unaccented_languages", "fields", "areas", "conditions", "pace", "window_from", "window_to"),
    *("cap_per_day", "urgent_reason", "urgent_basis"),
)
# A message in one of these states may be on the phone.
_RECEIVED = "('sending', 'unknown', 'accepted', 'sent', 'delivered', 'no_report')"
# In which a message's text left; of one that left before that was kept, the phone's today.
_LANGUAGE = "COALESCE(m.language, p.language)"
_RECIPIENTS = """
WITH {blocked}
SELECT contact_id, phone_id, list_id, area_code,
       CASE WHEN answer = 'opt_out' AND EXISTS (
           SELECT 1 FROM left_alone w WHERE w.phone_id = got.phone_id AND w.scope IN :scopes
       ) THEN 'opted_out'  -- by just this warning, and nobody has lifted it
       ELSE {unreachable} END END AS exclusion
FROM (
    SELECT r.contact_id, r.phone_id, r.list_id, r.area_code, r.answer,{reasons}
    FROM recipients r JOIN contacts c ON c.id = r.contact_id
    JOIN messages m ON m.recipient_id = r.id AND m.state IN {received}
    JOIN steps s ON s.id = m.step_id AND s.campaign_id = r.campaign_id AND s.number = :step
    JOIN phones p ON p.id = r.phone_id
    LEFT JOIN blocked b ON b.phone_id = r.phone_id LEFT JOIN unwilling u ON u.contact_id = r.contact_id
    WHERE r.campaign_id = :corrected AND r.exclusion IS NULL{variant}
) got
"""


def list_variants(step: Step) -> list[str]:
    """Return the variants of a step's text: all of them together first, where there are several."""
    variants = [FIRST, *([SECOND] if step.text_b else []), *sorted(step.texts)]
    return [ALL, *variants] if len(variants) > 1 else variants


def text_of(step: Step, variant: str) -> str:
    """Return a variant of a step's text, the first text for all of them."""
    if variant == SECOND:
        return step.text_b or step.text
    return step.texts.get(variant, step.text)


def draft_correcting_campaign(
    session: Session, corrected: Campaign, *, step: Step, variant: str, user: User, now: datetime
) -> Campaign:
    """Write the draft that corrects a sent text, or return it. Raises WrongState; the campaign is locked."""
    if step.opened_at is None or variant not in list_variants(step):
        raise WrongState("corrected_text_not_sent")
    corrects = {"campaign": corrected.id, "step": step.number, "text": variant}
    for earlier in read_correcting_campaigns(session, corrected.id):
        if earlier.corrects == corrects and earlier.state is not CampaignState.CANCELLED:
            return earlier
    content = read_content(corrected.content)
    campaign = Campaign(
        name=f"Đính chính: {corrected.name}"[:120],
        state=CampaignState.DRAFT,
        corrects=corrects,
        created_by=user.id,
        created_at=now,
        **{field: getattr(corrected, field) for field in _COPIED},
    )
    session.add(campaign)
    session.flush()
    session.add(
        Step(
            campaign_id=campaign.id, number=1, text=suggest_correction(text_of(step, variant), content.issuer)
        )
    )
    session.add_all(
        CampaignList(campaign_id=campaign.id, list_id=row.list_id, is_chosen=row.is_chosen)
        for row in session.scalars(select(CampaignList).where(CampaignList.campaign_id == corrected.id))
    )
    session.add(CampaignAuthor(campaign_id=campaign.id, user_id=user.id))
    session.flush()
    audit.record(session, "campaign.prepare_correction", campaign, user, now, campaign=corrected.id)
    return campaign


def suggest_correction(wrong_text: str, issuer: str) -> str:
    """Return what the draft begins with: that an earlier text is corrected, and that text, which the author mends."""
    return f"{issuer} xin đính chính tin trước. Nội dung đúng: {wrong_text}"


def refuse_unwritten(session: Session, campaign: Campaign) -> None:
    """Raise WrongState if a correcting campaign would send the wrong text again, as nobody has mended it."""
    if not campaign.corrects:
        return
    corrected = session.get_one(Campaign, campaign.corrects["campaign"])
    wrong_step = next(each for each in corrected.steps if each.number == campaign.corrects["step"])
    wrong_text = text_of(wrong_step, campaign.corrects["text"])
    suggested = suggest_correction(wrong_text, read_content(corrected.content).issuer)
    if campaign.steps[0].text.split() in (wrong_text.split(), suggested.split()):
        raise WrongState("correcting_text_unwritten")


def read_correcting_campaigns(session: Session, campaign_id: int) -> list[Campaign]:
    """Return the campaigns that correct a text of this one, the oldest first."""
    query = select(Campaign).where(Campaign.corrects.is_not(None), Campaign.id > campaign_id)
    found = session.scalars(query.order_by(Campaign.id))
    return [each for each in found if each.corrects and each.corrects["campaign"] == campaign_id]


def has_sent_any(session: Session, campaign_id: int) -> bool:
    """Return whether a message may be with the gateway; an officer's test message does not count."""
    sent = select(Message.id).where(
        Message.campaign_id == campaign_id,
        Message.step_id.is_not(None),
        Message.state.not_in((MessageState.QUEUED, MessageState.SKIPPED)),
    )
    # A message that waits for another try was requested once: it may have arrived, whatever the gateway's list said.
    retried = select(Outbox.message_id).where(Outbox.stream_id == campaign_id, Outbox.n > 1)
    is_skipped = (Message.campaign_id == campaign_id, Message.state == MessageState.SKIPPED)
    ended = select(Attempt.id).join(Message, Message.id == Attempt.message_id).where(*is_skipped)
    return any(session.execute(query.limit(1)).first() for query in (sent, retried, ended))


def _recipients_statement(
    session: Session, campaign: Campaign, *, passes_opt_outs: bool
) -> tuple[str, dict[str, Any]]:
    """Return the SQL, with parameters, for who got the corrected text; warnings may pass opt-outs."""
    corrects = campaign.corrects or {}
    wrong_step = session.scalars(
        select(Step).where(Step.campaign_id == corrects["campaign"], Step.number == corrects["step"])
    ).one()
    passes = passes_opt_outs and bool(campaign.urgent_basis)
    parameters: dict[str, Any] = {
        "corrected": corrects["campaign"],
        "step": corrects["step"],
        "scopes": list(campaign_scopes(campaign)),
    }
    variant, chosen = corrects["text"], ""
    languages = sorted(wrong_step.texts)
    if variant in languages:
        chosen = f" AND {_LANGUAGE} = :language"
        parameters["language"] = variant
    elif variant != ALL:
        is_second = f"COALESCE(m.arm, 0) = {SECOND_TEXT}" if wrong_step.text_b else "1 = 0"
        chosen = f" AND {is_second}" if variant == SECOND else f" AND NOT ({is_second})"
        if languages:
            chosen += f" AND ({_LANGUAGE} IS NULL OR {_LANGUAGE} NOT IN :languages)"
            parameters["languages"] = languages
    statement = _RECIPIENTS.format(received=_RECEIVED, variant=chosen, **blocked_parts(passes))
    return statement, parameters


def count_receivers(
    session: Session, campaign: Campaign, *, passes_opt_outs: bool, names: int
) -> tuple[int, dict[Exclusion, int], list[str]]:
    """Count as `AudienceCounter.count` does: the recipients that a correcting campaign would have now, the excluded, names."""
    statement, parameters = _recipients_statement(session, campaign, passes_opt_outs=passes_opt_outs)
    grouped = f"SELECT exclusion, COUNT(*) FROM ({statement}) got GROUP BY exclusion"
    counts: dict[Any, int] = dict(session.execute(bind_lists(grouped, parameters), parameters).all())
    named = f"SELECT c.name FROM ({statement}) got JOIN contacts c ON c.id = got.contact_id WHERE got.exclusion IS NULL LIMIT {names:d}"
    sample = list(session.scalars(bind_lists(named, parameters), parameters))
    excluded = {reason: counts[reason] for reason in Exclusion if counts.get(reason)}
    return counts.get(None, 0), excluded, sample


def freeze_receivers(session: Session, campaign: Campaign, *, passes_opt_outs: bool) -> None:
    """Write the recipients of a correcting campaign, once, before its first step."""
    keep_people(session)
    campaign.seed = campaign.seed or secrets.randbelow(P - 1) + 1
    statement, parameters = _recipients_statement(session, campaign, passes_opt_outs=passes_opt_outs)
    columns = "contact_id, phone_id, list_id, area_code, exclusion"
    bucket = bucket_sql("contact_id", campaign.seed)
    insertion = (
        f"INSERT INTO recipients (campaign_id, {columns}, bucket)"
        f" SELECT :campaign, {columns}, {bucket} FROM ({statement}) got ORDER BY contact_id"
    )
    with full_scan(session):
        session.execute(bind_lists(insertion, parameters), {"campaign": campaign.id, **parameters})
    campaign.recipients = count_new_audience(session, campaign.id)
