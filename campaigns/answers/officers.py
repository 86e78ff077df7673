"""What an officer heard from a resident: at the door, on the phone, at a meeting. In the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.answers.models import Answer, OfficerEntry, Place, Source
from campaigns.answers.taking import Keys, take_answer
from campaigns.models import Recipient
from campaigns.replies.classifier import Label
from outreach.access.models import User
from outreach.people.models import Contact

LONGEST_NOTE = 300

# What such an answer says of the person's phone.
_HAS_SMARTPHONE = {Label.INSTALLED: True, Label.NO_SMARTPHONE: False}


def write_down(
    session: Session,
    recipient: Recipient,
    label: Label,
    *,
    place: Place,
    note: str,
    user: User,
    keys: Keys,
    now: datetime,
    source: Source = Source.OFFICER,
) -> Answer | None:
    """An answer with who wrote it down and where they heard it. None when it says again what already stands."""
    if recipient.phone_id is None:
        return None
    answer = take_answer(
        session,
        phone_id=recipient.phone_id,
        recipient=recipient,
        label=label,
        source=source,
        keys=keys,
        now=now,
    )
    if answer:
        note = " ".join(note.split())[:LONGEST_NOTE]
        session.add(OfficerEntry(answer_id=answer.id, recorded_by=user.id, place=place, note=note))
    contact = session.get(Contact, recipient.contact_id) if recipient.contact_id else None
    if contact and label in _HAS_SMARTPHONE and contact.has_smartphone is not _HAS_SMARTPHONE[label]:
        contact.has_smartphone, contact.updated_at = _HAS_SMARTPHONE[label], now
    return answer
