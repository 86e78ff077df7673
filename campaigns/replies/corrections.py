"""What officers have decided about the same words before: examples for this installation.

They are found by a hash of the words without names, places and numbers, and count as long as the reply has its text: with the person's data
they are gone.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache

from sqlalchemy import ColumnElement, case, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import Answer, Handling, Reply
from campaigns.replies.open_case import owner_of
from campaigns.rules.content import read_content
from campaigns.rules.own_answers import GivenAnswer, OwnAnswer, read_own_answers, read_word
from campaigns.rules.replies.alike import choose_answer, private_words, signature_of
from campaigns.rules.replies.asked import BLUEZONE
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import BEYOND, Understanding
from outreach.accounts.permissions import sees_row
from outreach.core.db import find_row
from outreach.models.accounts import Area, User
from outreach.models.contacts import Contact


def sign_reply(session: Session, body: str, recipient: Recipient | None) -> str:
    """Return the signature of a reply's words, without the name and the places of its recipient."""
    if recipient is None:
        return signature_of(body, BLUEZONE, frozenset())
    above = aliased(Area)
    places = session.execute(
        select(Area.name, above.name)
        .outerjoin(above, above.code == Area.parent_code)
        .where(Area.code == recipient.area_code)
    ).first()
    contact = find_row(session, Contact, recipient.contact_id)
    names = (contact.name, contact.village) if contact else ()
    content = session.execute(
        select(Campaign.content).where(Campaign.id == recipient.campaign_id)
    ).scalar_one()
    return signature_of(body, read_content(content).vocabulary, private_words(*names, *(places or ())))


def _asks_alike(campaign: Campaign | None, answers: Sequence[OwnAnswer]) -> ColumnElement[bool]:
    """Return the condition for campaigns that ask the same; any, without a campaign."""
    if campaign is None:
        return true()
    return Campaign.id == campaign.id if answers else Campaign.kind == campaign.kind


def apply_corrections(
    session: Session, body: str, meant: Understanding, recipient: Recipient | None
) -> tuple[Understanding, bool]:
    """Return what a reply means after what officers have decided about the same words, and whether it is an opt-out from the drive alone.

    What is sure or a cry for help stays. A wish to be left alone is only taken away by decisions that are sure. What answers a
    question counts where the same was asked: in the same kind, in the same campaign where its answers are its own. Decisions count
    of officers who would see the reply's case: nobody decides for other organisations' people.
    """
    if meant.is_urgent or (meant.is_automatic and meant.label is not Label.UNCLEAR):
        return meant, False
    signature = sign_reply(session, body, recipient)
    if not signature:
        return meant, False
    campaign = session.get_one(Campaign, recipient.campaign_id) if recipient else None
    answers = read_own_answers(campaign.content) if campaign else ()
    is_alike = _asks_alike(campaign, answers)
    # What was decided for a group by one press is one decision.
    times = func.count(Handling.handled_at.distinct())
    # Numbers are those of one campaign's answers.
    said = (Handling.handled_by, Handling.label, case((is_alike, Answer.own_answer)), Answer.drive_only)
    rows = (
        select(*said, times)
        .join(Reply, Reply.id == Handling.reply_id)
        .outerjoin(Answer, Answer.id == Handling.answer_id)
        .outerjoin(Campaign, Campaign.id == Reply.campaign_id)
        .where(Handling.signature == signature, Handling.undone_at.is_(None), Reply.body != "")
        .where(or_(Handling.label.in_(BEYOND), is_alike))
    )
    owner, area = (owner_of(session, recipient), recipient.area_code) if recipient else (None, None)
    may_decide = cache(lambda officer: sees_row(session, session.get_one(User, officer), owner, area))
    decisions: Counter[GivenAnswer] = Counter()
    for officer, label, own, drive_only, count in session.execute(rows.group_by(*said)):
        if may_decide(officer):
            # None was recorded where it repeated what was said before.
            decisions[GivenAnswer(label, own or read_word(label, answers).own, bool(drive_only))] += count
    chosen = choose_answer(decisions)
    if chosen is None:
        return meant, False
    answer, is_sure = chosen
    if meant.label is Label.OPT_OUT and answer.label is not Label.OPT_OUT and not is_sure:
        return meant, False
    meant = meant._replace(label=answer.label, own=answer.own, is_automatic=is_sure)
    return meant, answer.drive_only and is_sure
