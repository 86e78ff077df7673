"""What officers have decided about the same words before: examples for this installation.

They are found by a hash of the words without names, places and numbers, and count as long as the reply has its text: with the person's data
they are gone.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import Handling, Reply
from campaigns.rules.content import read_content
from campaigns.rules.replies.alike import choose_label, private_words, signature_of
from campaigns.rules.replies.asked import BLUEZONE
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import Understanding
from outreach.models.contacts import Contact
from outreach.models.places import Area


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
    contact = session.get(Contact, recipient.contact_id) if recipient.contact_id else None
    names = (contact.name, contact.village) if contact else ()
    content = session.execute(
        select(Campaign.content).where(Campaign.id == recipient.campaign_id)
    ).scalar_one()
    return signature_of(body, read_content(content).vocabulary, private_words(*names, *(places or ())))


def apply_corrections(
    session: Session, body: str, meant: Understanding, recipient: Recipient | None
) -> Understanding:
    """Return what a reply means after what officers have decided about the same words.

    What is sure or a cry for help stays. A wish to be left alone is only taken away by decisions that are sure.
    """
    if meant.is_urgent or (meant.is_automatic and meant.label is not Label.UNCLEAR):
        return meant
    signature = sign_reply(session, body, recipient)
    if not signature:
        return meant
    rows = session.execute(
        # What was decided for a group by one press is one decision.
        select(Handling.label, func.count(Handling.handled_at.distinct()))
        .join(Reply, Reply.id == Handling.reply_id)
        .where(Handling.signature == signature, Handling.undone_at.is_(None), Reply.body != "")
        .group_by(Handling.label)
    )
    chosen = choose_label(dict(rows.all()))
    if chosen is None:
        return meant
    label, is_sure = chosen
    if meant.label is Label.OPT_OUT and label is not Label.OPT_OUT and not is_sure:
        return meant
    return meant._replace(label=label, is_automatic=is_sure)
