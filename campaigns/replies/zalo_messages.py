"""What residents write to the official account on Zalo: whose number it is from."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.rules.notices import NoticesReach
from outreach.core.bulk import change_rows
from outreach.models.contacts import Phone
from outreach.rules.gateway import InboundMessage
from outreach.rules.zalo import ZaloMessage, ZaloNumber


def keep_number(session: Session, given: ZaloNumber) -> None:
    """Keep by which id the account knows the owner of a number, where it is one of ours and no other user has given it.

    Nobody says whether what a user typed is their own number: who gives another's takes it from nobody, and who gives a second
    one has neither any more, lest one user speak for many.
    """
    doubted = f"?{given.user}"
    theirs = Phone.zalo_id.in_((given.user, doubted))
    if session.scalar(select(Phone.id).where(theirs, Phone.e164 != given.number).limit(1)):
        change_rows(session, update(Phone).where(theirs).values(zalo_id=doubted))
    else:
        own = (Phone.e164 == given.number, Phone.zalo_id.is_(None))
        change_rows(session, update(Phone).where(*own).values(zalo_id=given.user))


def as_reply(session: Session, message: ZaloMessage, *, now: datetime) -> InboundMessage:
    """Return a message as a reply from its number; of an owner who is not known, from the id, for an officer to see."""
    phone = session.execute(
        update(Phone)
        .where(Phone.zalo_id == message.user)
        .values(notices=NoticesReach.ANSWERED, notices_at=now)
        .returning(Phone.e164)
        .execution_options(synchronize_session=False)
    ).scalar()
    sender = phone or f"zalo:{message.user}"
    return InboundMessage(f"zalo:{message.id}", sender, "", message.text, False, received_at=message.sent_at)
