"""What an officer heard from a resident: at the door, on the phone, at a meeting. In the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.answers.models import Answer, OfficerEntry, Place, Source
from campaigns.answers.smartphones import note_smartphone
from campaigns.answers.taking import Keys, take_answer
from campaigns.models import Recipient
from campaigns.replies.classifier import Label
from outreach.access.models import User

LONGEST_NOTE = 300


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
    at: datetime | None = None,
    source: Source = Source.OFFICER,
) -> Answer | None:
    """An answer with who wrote it down and where they heard it, at `at` or now. None when it says again what stands."""
    if recipient.phone_id is None:
        return None
    answer = take_answer(
        session,
        phone_id=recipient.phone_id,
        recipient=recipient,
        label=label,
        source=source,
        keys=keys,
        now=at or now,
    )
    entry: OfficerEntry | None = None
    if answer:
        note = " ".join(note.split())[:LONGEST_NOTE]
        entry = OfficerEntry(answer_id=answer.id, recorded_by=user.id, place=place, note=note)
        session.add(entry)
    note_smartphone(session, recipient.contact_id, label, entry, now=now)
    return answer
