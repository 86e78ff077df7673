"""What an officer's entry says of a person's phone: written down with it, and put back where the entry is undone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.answers.models import WroteSmartphone
from campaigns.replies.classifier import Label
from outreach.people.models import Contact

_SAYS = {Label.INSTALLED: True, Label.NO_SMARTPHONE: False}


def note_smartphone(
    session: Session, contact_id: int | None, label: Label, entry: WroteSmartphone | None, *, now: datetime
) -> None:
    """Write down what an answer says of the person's phone, and in its entry what was known before."""
    contact = session.get(Contact, contact_id) if contact_id else None
    if contact is None or label not in _SAYS or contact.has_smartphone is _SAYS[label]:
        return
    if entry is not None:
        entry.changed_smartphone, entry.had_smartphone = True, contact.has_smartphone
    contact.has_smartphone, contact.updated_at = _SAYS[label], now


def put_back_smartphone(
    session: Session, contact_id: int | None, label: Label, entry: WroteSmartphone, *, now: datetime
) -> None:
    """What was known before an entry is known again, unless something else has been written since."""
    contact = session.get(Contact, contact_id) if contact_id else None
    if contact and entry.changed_smartphone and contact.has_smartphone is _SAYS.get(label):
        contact.has_smartphone, contact.updated_at = entry.had_smartphone, now
