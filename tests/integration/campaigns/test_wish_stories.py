"""Stories played at random against one sentence: nobody whose last word was no is written to, nobody else is silenced.

What people said is kept here as they said it, apart from the ledger: who spoke, from which number, and what took it back.
`LOA_STORIES=20000 pytest tests/integration/campaigns/test_wish_stories.py` plays so many; `LOA_SEED=1000` begins with another.
"""

import gc
import os
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, or_, select

from campaigns.answer_totals import find_differences
from campaigns.cases.merge_people import merge_people, unmerge_people
from campaigns.models.activities import VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Message
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import Answer, AnswerPlace
from campaigns.privacy.requests import ALL_MESSAGES, record_consent, record_request
from campaigns.privacy.retention import erase_contact
from campaigns.replies.record_answer import record_page_answer, undo_answer_by_id
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState
from campaigns.rules.visits import VisitOutcome, VisitReason
from campaigns.visits.results import record_result, undo_result
from outreach.contacts.contact import Closing, lift_suppression
from outreach.contacts.phones import add_number, find_or_create_phones, note_at_the_door, remove_number
from outreach.contacts.wishes import LEFT_ALONE, record_wish
from outreach.imports.issues import WAS_ERASED
from outreach.imports.uploads import undo_import
from outreach.models.accounts import User
from outreach.models.contacts import (
    Contact,
    ContactPhone,
    ImportIssue,
    ListImport,
    Membership,
    Phone,
    Wish,
    WishNumber,
    WishPerson,
)
from outreach.rules.errors import LoaError
from outreach.rules.identity import name_key
from outreach.rules.wishes import WishSource, drive_scope, scopes_of
from tests.support.lists import bring, write
from tests.support.wish_rule import SaidWish, find_wish
from tests.support.world import APPROVER, AUTHOR, LIST, World, number

STORIES = int(os.environ.get("LOA_STORIES", "20"))
FIRST_SEED = int(os.environ.get("LOA_SEED", "0"))
AT_ONCE = 50  # stories in one database, all written to by the same campaigns
STEPS = 10
# Who spoke: anybody who has the number, by it to an officer, somebody met.
ANYBODY, CALLED, NAMED = "anybody", "called", "named"


@dataclass
class Spoken:
    """One thing that was said: by these people, about these numbers. `back`: it was taken back."""

    scope: str
    people: set[int]
    numbers: set[int]
    speaker: str
    at: int
    answer: int | None = None
    back: bool = False


@dataclass
class Story:
    """A household of two or three people with as many numbers, and what its people say. Numbers are ids of phones."""

    world: World
    rng: random.Random
    campaign: int
    drive: int
    people: dict[int, list[int]]
    spare: list[str]
    users: dict[str, User]
    folder: Path
    reads: Connection
    said: list[Spoken] = field(default_factory=list)
    merges: list[tuple[int, int, int, list[int], list[int], int]] = field(default_factory=list)
    visits: list[tuple[VisitResult, int, int, Spoken | None]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    joined: dict[int, int] = field(default_factory=dict)  # who was merged into whom
    former: dict[int, set[int]] = field(default_factory=dict)  # numbers that were taken from people
    numbers: dict[int, str] = field(default_factory=dict)
    answers: int = 0  # the last answer's id
    is_followed: bool = False
    clock: int = 0

    def play(self):
        acts = [
            *[self.stops_by_sms, self.starts_by_sms, self.presses] * 3,
            *[self.tells_at_the_door, self.tells_by_phone, self.takes_the_visit_back] * 2,
            *[self.is_merged, self.is_taken_apart] * 2,
            *[
                self.gets_a_number,
                self.loses_a_number,
                self.consents,
                self.objects,
                self.is_opened,
                self.goes_and_returns,
                self.is_refused,
                self.two_speak_at_once,
                self.is_imported_by_mistake,
            ],
        ]
        self.follow_answers()
        for _ in range(STEPS):
            self.clock += 1
            self.is_followed = False
            done = self.rng.choice(acts)()
            if done:
                self.log.append(done)
                if not self.is_followed:
                    self.follow_answers()

    def do(self, use_case, *args, email=AUTHOR, **more):
        """What an officer does now."""
        return use_case(self.world.runtime, *args, user=self.users[email], now=datetime.now(UTC), **more)

    # -- what holds

    def holds(self, said, person, phone, scopes):
        if said.back or said.scope not in scopes:
            return False
        if phone in said.numbers or person in map(self.now_is, said.people):
            return True
        return said.speaker == ANYBODY and bool(said.numbers & {*self.people.get(person or 0, ())})

    def is_left_alone(self, person, phone, scopes):
        return any(self.holds(said, person, phone, scopes) for said in self.said)

    def now_is(self, person):
        """Return who somebody is since they were merged."""
        while person in self.joined:
            person = self.joined[person]
        return person

    def follow_answers(self, speaker=""):
        """Take back what was said in answers that were undone, and keep each opt-out that the act recorded."""
        told = {said.answer: said for said in self.said if said.answer and not said.back}
        known = or_(Answer.id > self.answers, Answer.id.in_(told))
        asked = select(
            *(Answer.id, Answer.label, Answer.drive_only, Answer.phone_id, Answer.undone_at),
            Recipient.contact_id,
        ).outerjoin(Recipient, Recipient.id == Answer.recipient_id)
        for row in self.read(asked.where(known).order_by(Answer.id)):
            if row.id > self.answers and speaker and row.label is Label.OPT_OUT:
                scope = drive_scope(self.drive) if row.drive_only else ""
                people = {row.contact_id} - {None}
                told[row.id] = Spoken(scope, people, {row.phone_id}, speaker, self.clock, row.id)
                self.said.append(told[row.id])
            if row.undone_at and row.id in told:
                told[row.id].back = True
            self.answers = max(self.answers, row.id)
        self.is_followed = True

    def read(self, query):
        """Read without a transaction: the stories read as often as they act."""
        try:
            return self.reads.execute(query).all()
        finally:
            self.reads.rollback()

    def recipient_at(self, phone):
        counts = or_(Recipient.exclusion.is_(None), Recipient.exclusion == Exclusion.SAME_PERSON)
        at_phone = (Recipient.campaign_id == self.campaign, Recipient.phone_id == phone, counts)
        return next(iter(self.read(select(Recipient.id, Recipient.contact_id).where(*at_phone))), None)

    def phones(self):
        return sorted({phone for phones in self.people.values() for phone in phones})

    def holders(self, phone):
        return [person for person, phones in self.people.items() if phone in phones]

    # -- what people do

    def stops_by_sms(self):
        if not (phones := self.phones()):
            return None
        phone, body = self.rng.choice(phones), self.rng.choice(["TC", "TC", "TC đợt này"])
        recipient = self.recipient_at(phone)
        if body != "TC" and recipient is None:
            return None
        reply = self.world.reply(self.e164(phone), body, gateway_id=f"s{self.rng.random()}")
        assert reply is not None
        self.follow_answers(ANYBODY)
        scopes = {"", drive_scope(self.drive)} if body != "TC" else {""}
        assert self.is_left_alone(None, phone, scopes), "an opt-out by SMS was lost"
        return f"{phone} says {body}"

    def starts_by_sms(self):
        if not (phones := self.phones()):
            return None
        phone = self.rng.choice(phones)
        self.world.reply(self.e164(phone), "DK", gateway_id=f"s{self.rng.random()}")
        for said in self.said:
            if said.speaker == ANYBODY and phone in said.numbers:
                said.back = True
        return f"{phone} says DK"

    def presses(self):
        if not (phones := self.phones()):
            return None
        phone = self.rng.choice(phones)
        word = self.rng.choice(
            ["opt_out", "opt_out", "opt_out_drive", "undo", "undo", "installed", "not_yet"]
        )
        recipient = self.recipient_at(phone)
        if recipient is None or recipient.contact_id is None:
            return None
        self.world.do(record_page_answer, recipient.id, word, now=datetime.now(UTC))
        self.follow_answers(ANYBODY)
        if word.startswith("opt_out"):
            scopes = {"", drive_scope(self.drive)} if word == "opt_out_drive" else {""}
            assert self.is_left_alone(recipient.contact_id, phone, scopes), "a press was lost"
        return f"{phone} presses {word}"

    def is_refused(self):
        """The operator refuses the number, as its owner asked it to."""
        if not (phones := self.phones()):
            return None
        phone, now = self.rng.choice(phones), datetime.now(UTC)
        with self.world.runtime.db.write() as session:
            numbers = [session.get_one(Phone, phone)]
            record_wish(session, WishSource.GATEWAY, phones=numbers, said_at=now, now=now)
        self.said.append(Spoken("", set(), {phone}, ANYBODY, self.clock))
        return f"{phone} is refused"

    def two_speak_at_once(self):
        if not (phones := self.phones()):
            return None
        words = ["TC", "opt_out", "opt_out_drive", "installed"]
        said = [(self.rng.choice(phones), self.rng.choice(words), self.rng.random()) for _ in range(2)]
        numbers = {phone: (self.e164(phone), self.recipient_at(phone)) for phone, _word, _chance in said}

        def speak(one):
            phone, word, chance = one
            e164, recipient = numbers[phone]
            if word == "TC" or recipient is None or recipient.contact_id is None:
                self.world.reply(e164, "TC", gateway_id=f"s{chance}")
                return
            self.world.do(record_page_answer, recipient.id, word, now=datetime.now(UTC))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(speak, said))
        self.follow_answers(ANYBODY)
        for phone, word, _chance in said:
            if word != "installed":
                assert self.is_left_alone(None, phone, {"", drive_scope(self.drive)}), "one of two was lost"
        return f"at once {said}"

    def is_imported_by_mistake(self):
        """A file gives somebody another number, from which they stop; then the import is undone."""
        alone = [
            (who, phone) for who in self.people for phone in self.people[who] if self.holders(phone) == [who]
        ]
        if not alone or not self.spare or self.rng.random() < 0.7:  # it takes long
            return None
        (person, _own), new = self.rng.choice(alone), self.spare.pop()
        name = self.world.get_one(Contact, person).name
        known = [*map(self.e164, self.people[person])]
        for n, numbers in enumerate((known, [*known, new])):  # the first file says what is there
            cell = " / ".join(each.replace("+84", "0", 1) for each in numbers)
            counts = bring(self.world, write(self.folder, f"1,{name},,,,{cell}", name=f"{new}{n}.csv"), LIST)
            assert counts.created == 0
            if counts.review:  # who was erased comes back by an officer alone
                newest = select(ImportIssue.reason).order_by(ImportIssue.id.desc()).limit(1)
                assert self.world.scalar(newest) == WAS_ERASED
                return None
        self.world.reply(new, "TC", gateway_id=f"s{self.rng.random()}")
        brought = self.world.scalar(select(func.max(ListImport.id))) or 0
        undo_import(self.world.runtime, brought)
        self.follow_answers(ANYBODY)
        for said in self.said:
            if said.at == self.clock and said.answer:  # the number is gone, the person is left alone
                said.people, said.numbers = {person}, set()
        return f"{person} had {new} by mistake"

    def tells_by_phone(self):
        told = [each for each in self.said if each.speaker == CALLED and each.answer and not each.back]
        if told and self.rng.random() < 0.4:
            said = self.rng.choice(told)
            self.world.do(undo_answer_by_id, said.answer or 0, now=datetime.now(UTC), is_mistaken=True)
            return f"the officer undoes {said.answer}"
        if not (phones := self.phones()):
            return None
        phone = self.rng.choice(phones)
        recipient = self.recipient_at(phone)
        if recipient is None or recipient.contact_id is None:
            return None
        user, now = self.users[AUTHOR], datetime.now(UTC)
        self.world.hear(recipient, "opt_out", place=AnswerPlace.PHONE, user=user, now=now)
        self.follow_answers(CALLED)
        assert self.is_left_alone(recipient.contact_id, phone, {""}), "what an officer heard was lost"
        return f"{recipient.contact_id} tells by phone"

    def tells_at_the_door(self):
        if not self.people:
            return None
        person = self.rng.choice(sorted(self.people))
        now = datetime.now(UTC)
        with self.world.runtime.db.write() as session:
            recipient = session.scalars(
                select(Recipient)
                .where(Recipient.campaign_id == self.campaign, Recipient.contact_id == person)
                .order_by(Recipient.id)
            ).first()
            if recipient is None:
                return None
            user = self.users[AUTHOR]
            made = {"made_by": user.id, "made_at": now, "organisation_id": user.organisation_id}
            of_list = {"list_id": self.world.list_id, "village": "", "officer": ""}
            sheet = VisitSheet(campaign_id=self.campaign, **of_list, **made)
            session.add(sheet)
            session.flush()
            line = VisitLine(
                round_id=sheet.id,
                n=1,
                contact_id=person,
                recipient_id=recipient.id,
                why=VisitReason.NO_ANSWER,
            )
            session.add(line)
            session.flush()
            result = VisitResult(
                line_id=line.id, outcome=VisitOutcome.OPT_OUT, entry=1, entered_by=user.id, entered_at=now
            )
            session.add(result)
            record_result(session, result, recipient, now=now)
            session.flush()
            kept = (result, recipient.id)
            has_answer = result.answer_id is not None
        self.follow_answers(NAMED)
        said = None
        if not has_answer:  # it only says again what was said, which may be taken back
            said = Spoken("", {person}, set(), NAMED, self.clock)
            self.said.append(said)
        self.visits.append((*kept, said))
        return f"{person} tells at the door"

    def takes_the_visit_back(self):
        if not self.visits:
            return None
        result, recipient_id, said = self.visits.pop()
        with self.world.runtime.db.write() as session:
            row = session.get_one(VisitResult, result.id)
            recipient = session.get_one(Recipient, recipient_id)
            undo_result(session, row, recipient, now=datetime.now(UTC))
            row.undone_at = datetime.now(UTC)
        if said:
            said.back = True
        return f"the visit {result.id} is undone"

    def is_merged(self):
        if len(self.people) < 2:
            return None
        kept, other = self.rng.sample(sorted(self.people), 2)
        own, theirs = list(self.people[kept]), list(self.people[other])
        merge = self.do(merge_people, kept, other)
        self.people[kept] = [*own, *(phone for phone in theirs if phone not in own)]
        del self.people[other]
        self.joined[other] = kept
        self.merges.append((merge.id, kept, other, own, theirs, self.clock))
        return f"{other} becomes {kept}"

    def is_taken_apart(self):
        if not self.merges:
            return None
        merge_id, kept, other, own, theirs, since = self.merges[-1]
        if kept not in self.people:
            return None
        try:
            self.do(unmerge_people, merge_id)
        except LoaError:
            return None
        self.merges.pop()
        together = {*self.people[kept]}
        for said in self.said:
            is_theirs = kept in map(self.now_is, said.people)
            is_theirs = is_theirs or (said.speaker == ANYBODY and bool(said.numbers & together))
            if said.at > since and is_theirs and not said.back:
                said.people = said.people | {kept, other}
        del self.joined[other]
        self.people[other] = [phone for phone in theirs if phone in together]
        self.people[kept] = [phone for phone in self.people[kept] if phone not in theirs or phone in own]
        return f"{other} is apart from {kept}"

    def gets_a_number(self):
        if not self.people or not self.spare:
            return None
        person = self.rng.choice(sorted(self.people))
        others = [phone for phone in self.phones() if phone not in self.people[person]]
        if others and self.rng.random() < 0.4:
            e164 = self.e164(self.rng.choice(others))
        else:
            e164 = self.spare.pop()
        self.do(add_number, person, e164)
        phone = self.world.one(select(Phone.id).where(Phone.e164 == e164))
        self.people[person].append(phone)
        return f"{person} gets {phone}"

    def loses_a_number(self):
        having = [person for person, phones in self.people.items() if phones]
        if not having:
            return None
        person = self.rng.choice(having)
        phone, is_theirs = self.rng.choice(self.people[person]), self.rng.random() < 0.6
        email = AUTHOR if is_theirs else APPROVER
        self.do(remove_number, person, phone, note="số cũ", opted_out=is_theirs, email=email)
        self.people[person].remove(phone)
        self.former.setdefault(person, set()).add(phone)
        for said in self.said:
            if said.speaker == NAMED or phone not in said.numbers:
                continue
            if not is_theirs:
                said.people = {each for each in said.people if self.now_is(each) != person}
            elif said.speaker == ANYBODY and not said.back:
                said.people = said.people | {person}
        return f"{person} loses {phone}, {is_theirs}"

    def consents(self):
        if not self.people:
            return None
        person, is_given = self.rng.choice(sorted(self.people)), self.rng.random() < 0.4
        told = {"on": None, "evidence": "Phiếu", "guardian": "", "purposes": ()}
        self.do(record_consent, person, purpose=ALL_MESSAGES, is_given=is_given, **told)
        if is_given:
            for said in self.said:
                if said.speaker == "consent" and person in map(self.now_is, said.people):
                    self.takes_back(said, person)
        else:
            self.said.append(Spoken("", {person}, set(), "consent", self.clock))
        return f"{person} consents: {is_given}"

    def takes_back(self, said, person):
        """Somebody takes back what was said; of others who have said it, or a number that it was said from, it holds."""
        others = {each for each in said.people if self.now_is(each) != person}
        numbers = said.numbers - {*self.people[person]}
        if numbers if said.speaker == ANYBODY else others:
            said.people, said.numbers = others, numbers
        else:
            said.back = True

    def objects(self):
        if not self.people:
            return None
        person = self.rng.choice(sorted(self.people))
        try:
            asked = {"asked_by": "Người dân", "asked_on": None}
            self.do(record_request, person, RequestKind.OBJECT, **asked)
        except LoaError:
            return None
        self.said.append(Spoken("", {person}, {*self.people[person]}, NAMED, self.clock))
        return f"{person} objects"

    def is_opened(self):
        having = [person for person, phones in self.people.items() if phones]
        if not having:
            return None
        person = self.rng.choice(having)
        phone = self.rng.choice(self.people[person])
        try:
            self.do(
                lift_suppression, person, phone, reason=Closing.OPT_OUT, note="xin nhận lại", email=APPROVER
            )
        except LoaError:
            return None
        others = {*self.people[person]} - {phone}
        for said in self.said:
            if said.scope == "" and (
                phone in said.numbers
                or (person in map(self.now_is, said.people) and not said.numbers & others)
            ):
                self.takes_back(said, person)
        return f"{phone} of {person} is opened"

    def goes_and_returns(self):
        """Erased at their own request, and brought by a new list with one of the numbers they had."""
        if not self.people:
            return None
        person = self.rng.choice(sorted(self.people))
        now = datetime.now(UTC)
        own = [phone for phone in self.people[person] if self.holders(phone) == [person]]
        numbers = [self.e164(phone) for phone in own]
        by = {"asked_by": "Người dân", "asked_on": None}
        asked = self.do(record_request, person, RequestKind.ERASE, **by)
        try:
            self.do(erase_contact, asked.id, email=APPROVER)
        except LoaError:
            return None
        kept = [said for said in self.said if self.holds(said, person, None, {said.scope})]
        taken = {each for who, phones in self.former.items() if self.now_is(who) == person for each in phones}
        had = {*own, *(phone for phone in taken if not set(self.holders(phone)) - {person})}
        with self.world.runtime.db.write() as session:
            made = Contact(name="Người trở lại", name_key="nguoitrolai", created_at=now, updated_at=now)
            session.add(made)
            session.flush()
            back = numbers[:1]
            phones = find_or_create_phones(session, back, now=now)
            for e164 in back:
                session.add(ContactPhone(contact_id=made.id, phone_id=phones[e164], position=1))
            session.add(Membership(list_id=self.world.list_id, contact_id=made.id))
            session.flush()
            note_at_the_door(session, [made.id])
        new = {old: phones[e164] for old, e164 in zip(own, numbers, strict=True) if e164 in phones}
        for said in kept:
            said.numbers |= had
        for said in self.said:
            said.numbers = {new.get(phone, phone) for phone in said.numbers}
            said.people = {each for each in said.people if self.now_is(each) != person}
        self.numbers.clear()  # SQLite gives ids again
        del self.people[person]
        self.people[made.id] = [phones[e164] for e164 in back]
        self.merges = [each for each in self.merges if each[1] != person]
        self.visits = []
        return f"{person} is erased and is {made.id} now"

    def e164(self, phone):
        if phone not in self.numbers:
            self.numbers[phone] = self.read(select(Phone.e164).where(Phone.id == phone))[0].e164
        return self.numbers[phone]


FIRST_NAMES, NAMES = ("Y", "A", "Ca"), ("Ba", "Hlan", "Ka", "La", "Mai", "Niê", "Rơ", "Sao", "Tâm", "Vân")


def begin(world, rng, count, folder, reads):
    """Households, written to by a first campaign."""
    homes = []
    for home in range(count):
        numbers = [number(home * 10 + n) for n in range(1, 9)]
        people = {}
        for n in range(rng.choice([1, 2, 3])):
            theirs = rng.sample(numbers[:3], rng.choice([0, 1, 1, 2]))
            name = f"{FIRST_NAMES[n]} {NAMES[home // 10]} {NAMES[home % 10]}"
            person = world.add_person(name, *theirs)
            with world.runtime.db.write() as session:
                session.get_one(Contact, person).name_key = name_key(name)
                people[person] = list(
                    session.scalars(
                        select(ContactPhone.phone_id)
                        .where(ContactPhone.contact_id == person)
                        .order_by(ContactPhone.position)
                    )
                )
        homes.append((people, numbers[3:]))
    campaign = world.sent()
    drive = world.get_one(Campaign, campaign).drive_id
    users = {email: world.user(email) for email in (AUTHOR, APPROVER)}
    for people, spare in homes:
        yield Story(world, rng, campaign, drive, people, spare, users, folder, reads)


def check(world, stories, *, kind):
    """Write to everybody again, and hold who got it against what they said."""
    assert world.read(find_differences)[1] == []
    sent_before = len(world.simulator.ledger())
    text = f"[Chào {{name}}, ]xin mời: {{link}} {kind} {sent_before}"
    campaign = world.sent(name=f"Lần sau {kind}", kind=kind, text=text, cap_per_day=20)
    row = world.get_one(Campaign, campaign)
    scopes = {*scopes_of(drive=row.drive_id, kind=row.kind, organisation=row.organisation_id)}
    recipients = {
        each.contact_id: each
        for each in world.all(select(Recipient).where(Recipient.campaign_id == campaign))
    }
    left = {
        message.recipient_id
        for message in world.all(select(Message).where(Message.campaign_id == campaign))
        if message.state not in (MessageState.SKIPPED, MessageState.CANCELLED) and message.step_id
    }
    for story in stories:
        for person, phones in story.people.items():
            recipient = recipients[person]
            is_alone = story.is_left_alone(person, None, scopes)
            open_phones = [phone for phone in phones if not story.is_left_alone(None, phone, scopes)]
            who = (kind, person, recipient.phone_id, recipient.exclusion)
            told = (*who, story.people, story.said, story.log)
            if recipient.id in left:
                assert not is_alone, ("somebody who asked to be left alone was written to", told)
                assert recipient.phone_id in open_phones, ("a number that asked to be left alone", told)
            elif phones and open_phones and not is_alone:
                assert recipient.exclusion is not Exclusion.OPTED_OUT, ("somebody was silenced", told)
                assert recipient.exclusion is not None, ("a message was skipped", told)


def compare(world):
    """The view says of everybody and every number what the rule says."""
    with world.runtime.db.read() as session:
        people = {}
        numbers = {}
        for wish_id, contact_id in session.execute(select(WishPerson.wish_id, WishPerson.contact_id)):
            people.setdefault(wish_id, set()).add(contact_id)
        for wish_id, phone_id in session.execute(select(WishNumber.wish_id, WishNumber.phone_id)):
            numbers.setdefault(wish_id, set()).add(phone_id or -1)
        rows = [
            SaidWish(
                each.id,
                each.scope,
                each.source,
                frozenset(people.get(each.id, ())),
                frozenset(numbers.get(each.id, ())),
                each.undoes_id,
            )
            for each in session.scalars(select(Wish))
        ]
        holders = {}
        for contact_id, phone_id in session.execute(select(ContactPhone.contact_id, ContactPhone.phone_id)):
            holders.setdefault(contact_id, []).append(phone_id)
        view = {}
        for row in session.execute(select(LEFT_ALONE)):
            view.setdefault((row.contact_id, row.phone_id, row.scope), set()).add(bool(row.is_firm))
        asked = [(person, None, holders.get(person, ())) for person in session.scalars(select(Contact.id))]
        asked += [(None, phone, ()) for phone in session.scalars(select(Phone.id))]
        for scope in {row.scope for row in rows}:
            for passes in (False, True):
                for person, phone, theirs in asked:
                    found = find_wish(
                        rows,
                        person=person,
                        number=phone,
                        numbers_of_person=theirs,
                        scopes=[scope],
                        passes=passes,
                    )
                    firm = view.get((person, phone, scope), set())
                    assert (found is not None) == (True in firm if passes else bool(firm)), (
                        person,
                        phone,
                        scope,
                    )


@pytest.mark.timeout(0 if STORIES > 20 else 300)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + max(1, STORIES // AT_ONCE)))
def test_nobody_whose_last_word_was_no_is_written_to_and_nobody_else_is_silenced(world, seed, tmp_path):
    rng = random.Random(seed)
    with world.runtime.db.connect_autocommit() as reads:
        stories = list(begin(world, rng, min(STORIES, AT_ONCE), tmp_path, reads))
        for story in stories:
            story.play()
    compare(world)
    for kind in ("bluezone", "khao-sat"):
        check(world, stories, kind=kind)
    gc.collect()  # of thousands of stories
