"""Lists handed over: a campaign's people by what they answered, for a health station or the head of a village; and who of them came.

Who withdrew, objected or was erased is on none. What is handed over is on record: to whom, for what, how many people, and
each number that it shows, as an opened number is. The people of a campaign about health are listed once they were opened on record.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.cases.conversation import visible_campaigns
from campaigns.delivery.message_data import read_list_values
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import Answer, AnswerPlace, OfficerEntry
from campaigns.planning.drives import campaign_scopes
from campaigns.replies.record_answer import counted_id, record_officer_answer, undo_answer_by_id
from campaigns.rules.own_answers import read_own_answers, read_word
from campaigns.rules.replies.labels import Label
from campaigns.rules.visits import ReturnedMarks, read_marks, value_key, village_key
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.directory import numbers_known_to, people_recorded_for, people_visible_to
from outreach.contacts.suppressions import is_strangers
from outreach.contacts.wishes import people_left_alone
from outreach.core.db import columns_of, values_subquery
from outreach.imports.sheet_process import read_sheets
from outreach.models.accounts import Area, Role, User
from outreach.models.contacts import Contact, ContactPhone, Phone
from outreach.rules.errors import BadInput, BadList, NotFound, WrongState
from outreach.rules.identity import name_key
from outreach.rules.phone_numbers import local_number
from outreach.use_cases import use_case

MOST_PEOPLE = 2_000  # of a list: more are no list for one place
MOST_MARKED = 500  # in one request: each is an answer of its own, and a gateway waits two minutes at most
ANSWERED = "answered"  # whatever it was
UNANSWERED = "unanswered"
NOT_LISTED = (Label.OPT_OUT, Label.WRONG_NUMBER)


class PeopleChoice(NamedTuple):
    """Which people: by a word of the campaign's answers ("": all whom it writes to), a commune, and a village's key.

    `order`: a field of the campaign by whose values they stand, within one value as without it: by place and name.
    """

    answer: str = ""
    area: str = ""
    village: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """Person of a list. `own` stands also beside the record that they are done; `number` is empty if it is not theirs (any more)."""

    recipient_id: int
    contact_id: int
    phone_id: int
    name: str
    birth_year: int | None
    village: str
    area_code: str
    commune: str
    said: Label | None
    own: int | None
    has_done: bool
    number: str
    values: Mapping[str, str]

    @property
    def place(self) -> str:
        return ", ".join(filter(None, [self.village, self.commune]))

    def value_of(self, name: str, campaign: Campaign) -> str:
        """Return what was written to the person for a field: their value, or the substitute."""
        return self.values.get(name) or campaign.fields.get(name, "")

    @property
    def village_key(self) -> str:
        return village_key(self.area_code, self.village)


@dataclass(frozen=True, slots=True)
class PeopleList:
    """People of a campaign, by place and name. Of more than MOST_PEOPLE none is read. `villages` are those of all communes chosen."""

    campaign: Campaign
    people: list[ListedPerson]
    villages: dict[str, str]
    is_long: bool = False


def read_people(
    session: Session, campaign_id: int, choice: PeopleChoice, *, user: User, opened: Collection[int]
) -> PeopleList:
    """Return the people of a launched campaign whom a user may see; for `opened` see `visible_campaigns`. Raises NotFound, BadInput."""
    campaign = _find_opened(session, campaign_id, user=user, opened=opened)
    conditions = [_has_said(campaign, choice.answer)]
    if choice.area:
        conditions.append(Contact.area_code == choice.area)
    people = find_people(session, campaign, *conditions, user=user)
    if people is None:
        return PeopleList(campaign, [], {}, is_long=True)
    villages = {each.village_key: each.place for each in people if each.village}
    if choice.village:
        people = [each for each in people if each.village_key == choice.village]
    if choice.order in campaign.fields:
        people.sort(key=lambda each: value_key(each.value_of(choice.order, campaign)))
    return PeopleList(campaign, people, villages)


def find_people(
    session: Session, campaign: Campaign, *conditions: ColumnElement[bool], user: User
) -> list[ListedPerson] | None:
    """Return those of a campaign's people who may be listed for a user; None if there are more than a list holds."""
    rows = session.execute(
        select(
            *columns_of(Recipient, "campaign_id contact_id phone_id id answer own_answer"),
            *(Campaign.fields, *columns_of(Contact, "name birth_year village area_code")),
            Area.kind,
            Area.name.label("commune"),
            Phone.e164,
        )
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .join(Contact, Contact.id == Recipient.contact_id)
        .outerjoin(Area, Area.code == Contact.area_code)
        .outerjoin(
            ContactPhone,
            and_(
                ContactPhone.contact_id == Recipient.contact_id,
                ContactPhone.phone_id == Recipient.phone_id,
                ~is_strangers(ContactPhone.phone_id),
                numbers_known_to(session, user),
            ),
        )
        .outerjoin(Phone, Phone.id == ContactPhone.phone_id)
        .where(
            Recipient.campaign_id == campaign.id,
            Recipient.exclusion.is_(None),
            Recipient.merge_id == 0,
            Recipient.phone_id.is_not(None),
            or_(Recipient.answer.is_(None), Recipient.answer.not_in(NOT_LISTED)),
            people_visible_to(session, user),
            people_recorded_for(session, user),
            *conditions,
        )
        .order_by(Contact.area_code, Contact.given_key, Contact.id)
        .limit(MOST_PEOPLE + 1)
    ).all()
    if len(rows) > MOST_PEOPLE:
        return None
    contacts = [row.contact_id for row in rows]
    unwilling = people_left_alone(session, contacts, scopes=campaign_scopes(campaign))
    listed = [row for row in rows if row.contact_id not in unwilling]
    values = read_list_values(session, listed)
    people = [
        ListedPerson(
            recipient_id=row.id,
            contact_id=row.contact_id,
            phone_id=row.phone_id,
            name=row.name,
            birth_year=row.birth_year,
            village=row.village,
            area_code=row.area_code or "",
            commune=f"{row.kind} {row.commune}" if row.commune else "",
            said=row.answer,
            own=row.own_answer,
            has_done=row.answer is Label.INSTALLED,
            number=local_number(row.e164 or ""),
            values=values.get((row.campaign_id, row.contact_id), {}),
        )
        for row in listed
    ]
    return sorted(people, key=lambda each: (each.area_code, not each.village, name_key(each.village)))


def _has_said(campaign: Campaign, word: str) -> ColumnElement[bool]:
    if not word:
        return Recipient.id.is_not(None)
    if word == ANSWERED:
        return Recipient.answer.is_not(None)
    if word == UNANSWERED:
        return Recipient.answer.is_(None)
    said = read_word(word, read_own_answers(campaign.content))
    return Recipient.answer == said.label if said.own is None else Recipient.own_answer == said.own


@use_case
def hand_over(
    session: Session,
    campaign_id: int,
    choice: PeopleChoice,
    *,
    recipient: str,
    purpose: str,
    with_numbers: bool,
    opened: Collection[int],
    user: User,
    now: datetime,
) -> PeopleList:
    """Return a list to hand over, on record with each number shown. Raises BadInput, NotAllowed, NotFound."""
    require_role(user, Role.STAFF, Role.APPROVER)
    recipient, purpose = (" ".join(each.split()) for each in (recipient, purpose))
    if not recipient or not purpose:
        raise BadInput("hand_over_unsaid")
    listed = read_people(session, campaign_id, choice, user=user, opened=opened)
    if listed.is_long:
        raise BadInput("hand_over_long", most=MOST_PEOPLE)
    if not listed.people:
        raise BadInput("hand_over_nobody")
    people = listed.people if with_numbers else [replace(each, number="") for each in listed.people]
    shown = [each for each in people if each.number]
    own = {each.value: each.text for each in read_own_answers(listed.campaign.content)}
    stated = {
        "recipient": recipient,
        "purpose": purpose,
        # Entries outlive what they name: beside the numbers an answer about health would say who gave it.
        "answer": "" if listed.campaign.is_health else own.get(choice.answer, choice.answer),
        "area_code": people[0].commune if choice.area else "",
        "village": listed.villages.get(choice.village, ""),
    }
    said: dict[str, tuple[Any, Any]] = {name: ("", text) for name, text in stated.items() if text}
    counts = {"rows": len(people), "numbers": len(shown)}
    audit.record_change(session, "campaign.hand_over", listed.campaign, user, now, said, **counts)
    for each in shown:
        subject = f"contacts:{each.contact_id}"
        audit.record(session, "contact.see_number", subject, user, now, phone=each.phone_id)
    return replace(listed, people=people)


def read_returned(path: Path, *, campaign_id: int) -> ReturnedMarks:
    """Return who is marked on a list that came back, on all its sheets. Raises BadList if none is such a list."""
    sheets = [read_marks(sheet.rows, campaign_id=campaign_id) for sheet in read_sheets(path)]
    found = [marks for marks in sheets if marks is not None]
    if not found:
        raise BadList("hand_over_not_returned")
    return ReturnedMarks(
        {person for marks in found for person in marks.came},
        [line for marks in found for line in marks.unclear],
        sum(marks.strangers for marks in found),
    )


class Recorded(NamedTuple):
    """How many people are recorded anew, how many were left out as they may not be listed for the user (any more), and how many are left to do."""

    new: int
    left_out: int
    to_do: int


@use_case
def record_came(
    session: Session,
    campaign_id: int,
    recipients: Collection[int],
    *,
    opened: Collection[int],
    user: User,
    now: datetime,
) -> Recorded:
    """Record that these people came, or did what was asked, as their answer heard at a meeting: of more than MOST_MARKED the first.

    Repeating it changes nothing for who is recorded. Raises BadInput for nobody or too many people, NotAllowed, NotFound.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    campaign = _find_opened(session, campaign_id, user=user, opened=opened)
    if not recipients:
        raise BadInput("hand_over_nobody_marked")
    if len(recipients) > MOST_PEOPLE:
        raise BadInput("hand_over_long", most=MOST_PEOPLE)
    own = aliased(Recipient)  # who was merged since is the person who counts
    listed = own.id.in_(values_subquery(session, list(recipients)))
    counted: dict[int, int] = dict(
        session.execute(select(own.id, counted_id(own)).where(own.campaign_id == campaign.id, listed)).all()
    )
    chosen = Recipient.id.in_(values_subquery(session, list(counted.values())))
    people = find_people(session, campaign, chosen, user=user) or []
    found = {each.recipient_id for each in people}
    left_out = sum(counted.get(each) not in found for each in {*recipients})
    new = sorted((each for each in people if not each.has_done), key=lambda each: each.phone_id)
    marked = 0
    # In the order of their phones, as everything that locks several.
    for person in new[:MOST_MARKED]:
        answer = record_officer_answer(
            session,
            session.get_one(Recipient, person.recipient_id),
            Label.INSTALLED,
            place=AnswerPlace.MEETING,
            note="",
            user=user,
            now=now,
        )
        marked += answer is not None
    if marked:
        audit.record(session, "campaign.came", campaign, user, now, rows=marked)
    return Recorded(marked, left_out, len(new[MOST_MARKED:]))


def read_last_marks(session: Session, campaign_id: int, *, user: User) -> Any:
    """Return what a user has marked last in a campaign and can undo: how many `people`, when (`at`), and the last `answer_id`; None without any."""
    return session.execute(
        select(func.count().label("people"), Answer.at, func.max(Answer.id).label("answer_id"))
        .join(OfficerEntry, OfficerEntry.answer_id == Answer.id)
        .where(*_marks_of(campaign_id, user))
        .group_by(Answer.at)
        .order_by(Answer.at.desc())
        .limit(1)
    ).first()


@use_case
def undo_came(
    session: Session,
    campaign_id: int,
    *,
    answer_id: int | None,
    opened: Collection[int],
    user: User,
    now: datetime,
) -> int:
    """Undo the marks that were made with an answer. Returns how many. Raises WrongState, NotAllowed, NotFound."""
    require_role(user, Role.STAFF, Role.APPROVER)
    campaign = _find_opened(session, campaign_id, user=user, opened=opened)
    together = select(Answer.at).where(Answer.id == answer_id).scalar_subquery()
    answers = session.scalars(
        select(Answer.id)
        .join(OfficerEntry, OfficerEntry.answer_id == Answer.id)
        .where(*_marks_of(campaign_id, user), Answer.at == together)
        .order_by(Answer.phone_id)
    ).all()
    if not answers:
        raise WrongState("hand_over_nothing_marked")
    undone = sum(undo_answer_by_id(session, answer_id, now=now) for answer_id in answers)
    audit.record(session, "campaign.undo_came", campaign, user, now, rows=undone)
    return undone


def _marks_of(campaign_id: int, user: User) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for what a user has marked and nobody has answered since."""
    later = aliased(Answer)
    is_later = or_(later.at > Answer.at, and_(later.at == Answer.at, later.id > Answer.id))
    return (
        Answer.campaign_id == campaign_id,
        Answer.undone_at.is_(None),
        Answer.label == Label.INSTALLED,
        OfficerEntry.place == AnswerPlace.MEETING,
        OfficerEntry.recorded_by == user.id,
        ~exists().where(later.recipient_id == Answer.recipient_id, later.undone_at.is_(None), is_later),
    )


def _find_opened(session: Session, campaign_id: int, *, user: User, opened: Collection[int]) -> Campaign:
    """Return a launched campaign whose people the user may list; for `opened` see `visible_campaigns`. Raises NotFound."""
    if campaign_id not in dict(visible_campaigns(session, user, opened=opened)):
        raise NotFound("campaign_not_found")
    return session.get_one(Campaign, campaign_id)
