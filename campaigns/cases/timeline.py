"""Line of time of one person: what was sent to them, what they said and did, and what was recorded about them.

It shows what the user may see: campaigns and lists of their scope; of campaigns about health only that there was one,
unless the answers were opened on record.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, or_, select, union
from sqlalchemy.orm import Session

from campaigns.cases.conversation import Conversation, ConversationItem, read_items
from campaigns.models.activities import VisitLine, VisitResult
from campaigns.models.campaigns import Campaign, PageOpen, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.privacy import ConsentEvent
from campaigns.planning.drives import scope_name
from campaigns.privacy.requests import RequestRow
from campaigns.rules.states import AttemptState
from outreach.contacts.contact import PhoneRow, ShownContact
from outreach.contacts.directory import visible_lists
from outreach.contacts.phones import read_removed
from outreach.models.accounts import Organisation, User
from outreach.models.contacts import ContactList, ImportSighting, ListImport, Membership, PersonMerge
from outreach.rules.identity import mask_number

ON_A_PAGE = 30


class Event(StrEnum):
    """Kinds of entries."""

    SENT = "sent"
    WAITING = "waiting"  # our answer, which has not left or never will
    REPORT = "report"  # of the gateway, on a message
    SAID = "said"  # by SMS, on the page or to an officer
    OPENED = "opened"
    PRESSED = "pressed"  # "install" on the page
    MASKED = "masked"  # a campaign about health
    VISIT = "visit"
    ASKED = "asked"  # a privacy request
    RESPONDED = "responded"
    FINISHED = "finished"
    CONSENT = "consent"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    SUPPRESSED = "suppressed"
    LIFTED = "lifted"
    OPTED_OUT = "opted_out"
    ASKED_AGAIN = "asked_again"  # an opt-out was taken back
    REMOVED = "removed"  # a number
    RESTORED = "restored"
    IMPORTED = "imported"  # into a list for the first time
    IMPORTED_AGAIN = "imported_again"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Entry of the line. `word` is a value with a label of the family `family`; `talk` is the campaign it came through.

    `text` was written by somebody, `note` says more: a number, a list, a reason. `row` is the row of a
    file, `subject` the id of a merge or a list.
    """

    at: datetime
    event: Event
    talk: Conversation | None = None
    said: ConversationItem | None = None
    family: str = ""
    word: str = ""
    text: str = ""
    note: str = ""
    by: str = ""
    row: int | None = None
    subject: int = 0


@dataclass(frozen=True, slots=True)
class Timeline:
    """Page of entries, the newest first. `older` is where the next page begins, None on the last one."""

    entries: Sequence[TimelineEntry]
    older: int | None


def read_timeline(
    session: Session,
    person: ShownContact,
    phones: Sequence[PhoneRow],
    talks: Sequence[Conversation],
    requests: Sequence[RequestRow],
    consents: Sequence[ConsentEvent],
    *,
    user: User,
    begin: int | None = 0,
) -> Timeline:
    """Return a page of a person's line of time, from the entry number `begin`; None: all of it.

    Person, phones, conversations, requests and consents were read for the user. Nobody has so many entries that it is
    worth to find where a page begins before they are read.
    """
    entries = [
        *_masked(session, talks),
        *_spoken(session, {talk.recipient_id: talk for talk in talks if not talk.is_masked}),
        *_requests(requests),
        *_consents(consents),
        *_suppressions(phones),
        *_wishes(session, person, phones),
        *_imports(session, person.id, user),
    ]
    if not person.is_partial:
        entries += _of_the_record(session, person.id)
    entries.sort(key=lambda each: each.at, reverse=True)
    if begin is None:
        return Timeline(entries, None)
    end = begin + ON_A_PAGE
    return Timeline(entries[begin:end], end if end < len(entries) else None)


def _masked(session: Session, talks: Sequence[Conversation]) -> Iterator[TimelineEntry]:
    masked = {talk.campaign_id: talk for talk in talks if talk.is_masked}
    launched: Any = select(Campaign.id, Campaign.launched_at).where(
        Campaign.id.in_(masked), Campaign.launched_at.is_not(None)
    )
    for campaign_id, launched_at in session.execute(launched):
        yield TimelineEntry(launched_at, Event.MASKED, talk=masked[campaign_id])


def _spoken(session: Session, talks: dict[int, Conversation]) -> Iterator[TimelineEntry]:
    visits = session.execute(
        select(VisitLine.recipient_id, VisitResult, User)
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .join(User, User.id == VisitResult.entered_by)
        .where(
            VisitLine.recipient_id.in_(talks),
            VisitResult.undone_at.is_(None),
            VisitResult.outcome.is_not(None),
        )
    ).all()
    told = {visit.answer_id for _recipient, visit, _by in visits if visit.answer_id}
    for recipient_id, visit, by in visits:
        at, word, who = visit.visited_at or visit.entered_at, visit.outcome or "", by.shown_name
        yield TimelineEntry(
            at, Event.VISIT, talks[recipient_id], family="found", word=word, text=visit.note, by=who
        )
    for item in read_items(session, list(talks)):
        if item.answer_id in told:
            continue  # the visit says it
        event = Event.WAITING if item.waiting else Event.SENT if item.is_ours else Event.SAID
        yield TimelineEntry(
            item.at, event, talks[item.recipient_id or 0], said=item, text=item.text, by=item.by
        )
    yield from _reported(session, talks)
    opened: Any = session.execute(
        select(Recipient.id, PageOpen.at, Recipient.clicked_at)
        .outerjoin(
            PageOpen,
            and_(PageOpen.campaign_id == Recipient.campaign_id, PageOpen.recipient_id == Recipient.id),
        )
        .where(Recipient.id.in_(talks), or_(PageOpen.at.is_not(None), Recipient.clicked_at.is_not(None)))
    )
    for recipient_id, opened_at, pressed in opened:
        if opened_at:
            yield TimelineEntry(opened_at, Event.OPENED, talks[recipient_id])
        if pressed:
            yield TimelineEntry(pressed, Event.PRESSED, talks[recipient_id])


def _reported(session: Session, talks: dict[int, Conversation]) -> Iterator[TimelineEntry]:
    final = (AttemptState.DELIVERED, AttemptState.UNDELIVERED, AttemptState.FAILED)
    reports: Any = session.execute(
        select(Message.recipient_id, Attempt.settled_at, Attempt.state, Attempt.cause)
        .join(Message, Message.id == Attempt.message_id)
        .where(Message.recipient_id.in_(talks), Attempt.state.in_(final), Attempt.settled_at.is_not(None))
    )
    for recipient_id, settled_at, state, cause in reports:
        # One that came at the same moment still stands above its message.
        yield TimelineEntry(
            settled_at + timedelta(microseconds=1),
            Event.REPORT,
            talks[recipient_id],
            family="message",
            word=state,
            note=(cause or "") if state is not AttemptState.DELIVERED else "",
        )


def _requests(requests: Sequence[RequestRow]) -> Iterator[TimelineEntry]:
    for row in requests:
        asked = row.request
        steps = (
            (asked.asked_at, Event.ASKED, row.asked_by, row.recorded_by),
            (asked.responded_at, Event.RESPONDED, "", ""),
            (asked.done_at, Event.FINISHED, asked.answer, row.done_by),
        )
        for at, event, text, by in steps:
            if at and not (event is Event.RESPONDED and at == asked.done_at):
                yield TimelineEntry(at, event, family="request", word=asked.kind, text=text, by=by)


def _consents(consents: Sequence[ConsentEvent]) -> Iterator[TimelineEntry]:
    for each in consents:
        event = Event.CONSENT if each.is_given else Event.CONSENT_WITHDRAWN
        yield TimelineEntry(
            each.recorded_at, event, word=each.purpose, text=each.evidence, note=each.guardian
        )


def _suppressions(phones: Sequence[PhoneRow]) -> Iterator[TimelineEntry]:
    for phone in phones:
        for each in phone.suppressions:
            # The note grew when it was lifted: it stands with the last of both.
            note = "; ".join(each.note.splitlines())
            for at, event, text in (
                (each.created_at, Event.SUPPRESSED, "" if each.lifted_at else note),
                (each.lifted_at, Event.LIFTED, note),
            ):
                if at:
                    number, word = mask_number(phone.e164), each.reason
                    yield TimelineEntry(
                        at, event, family="suppression", word=word, text=text, note=number, by=each.source
                    )


def _wishes(session: Session, person: ShownContact, phones: Sequence[PhoneRow]) -> Iterator[TimelineEntry]:
    """Return the wishes to be left alone, and what took them back."""
    numbers = {phone.id: mask_number(phone.e164) for phone in phones}
    wishes = {
        each.id: each for each in (*person.wishes, *(each for phone in phones for each in phone.wishes))
    }
    for each in wishes.values():
        about = ", ".join(number for phone_id, number in numbers.items() if phone_id in each.phones)
        for at, event, text, by in (
            (each.said_at, Event.OPTED_OUT, each.note, each.source or ""),
            (each.ended_at, Event.ASKED_AGAIN, each.ended_note, each.ended_source),
        ):
            if at:
                yield TimelineEntry(
                    at, event, word=scope_name(session, each.scope), text=text, note=about, by=by
                )


def _imports(session: Session, contact_id: int, user: User) -> Iterator[TimelineEntry]:
    lists = visible_lists(session, user)
    member = [Membership.contact_id == contact_id]
    sighted = [ImportSighting.contact_id == contact_id]
    if lists is not None:
        member.append(Membership.list_id.in_(lists))
        sighted.append(ImportSighting.list_id.in_(lists))
    first = {
        import_id: row
        for import_id, row in session.execute(select(Membership.import_id, Membership.row).where(*member))
        if import_id
    }
    found: Any = union(
        select(Membership.import_id).where(*member),
        select(Membership.last_import_id).where(*member),
        select(ImportSighting.import_id).where(*sighted),
    )
    rows = session.execute(
        select(ListImport, ContactList.id, ContactList.name, Organisation.name)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .where(ListImport.id.in_(found))
    )
    for each, list_id, name, organisation in rows:
        yield TimelineEntry(
            each.imported_at,
            Event.IMPORTED if each.id in first else Event.IMPORTED_AGAIN,
            word=f"{name} ({organisation})",
            note=each.file_name,
            row=first.get(each.id),
            subject=list_id,
        )


def _of_the_record(session: Session, contact_id: int) -> Iterator[TimelineEntry]:
    """Yield what concerns the person's record as a whole: numbers taken away, people merged into it."""
    for number in read_removed(session, contact_id):
        yield TimelineEntry(
            number.removed_at, Event.REMOVED, text=number.note, note=mask_number(number.e164), by=number.by
        )
        if number.restored_at:
            yield TimelineEntry(number.restored_at, Event.RESTORED, note=mask_number(number.e164))
    merges = select(PersonMerge, User).join(User, User.id == PersonMerge.merged_by)
    for merge, by in session.execute(merges.where(PersonMerge.kept_id == contact_id)):
        at, name = merge.merged_at, merge.data["facts"]["name"]
        yield TimelineEntry(at, Event.MERGED, word=name, by=by.shown_name, subject=merge.id)
