"""Random stories of imports and corrections: what is undone leaves nothing, and the rest is as if it had never been.

Files come, again and with corrections; rows are decided on, alone or all alike, and given back; lists are merged, split, archived and
brought back, removed; people are merged and taken apart, put in by hand, lose a number or ask to be left alone. People who
were ever merged are looked at as one: what one of them is known by may be the other's.

`STORIES=5000 SEED=1 .venv/bin/python -m pytest tests/integration/outreach/test_import_stories.py` tells that many; with
`FIRST=4711 STORIES=4712` only that one.
"""

import os
import pickle
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from sqlalchemy import delete, func, select

from campaigns.cases.merge_people import merge_people, unmerge_people
from outreach.contacts.lists import create_list
from outreach.contacts.phones import remove_number
from outreach.contacts.wishes import is_left_alone, people_left_alone, record_wish
from outreach.imports.change_list import archive_list, merge_list, remove_list, split_list
from outreach.imports.decide_issue import decide_issue, store_decided_before
from outreach.imports.issues import Decision
from outreach.imports.list_reader import check_list
from outreach.imports.retract_decision import retract_decision
from outreach.imports.sightings import lists_into
from outreach.imports.store_rows import begin_import, store_rows
from outreach.imports.uploads import undo_import
from outreach.models.accounts import User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    Erasure,
    ImportChange,
    ImportIssue,
    ImportSighting,
    KeptValue,
    ListImport,
    Membership,
    PersonMerge,
    Phone,
    RemovedPhone,
    Suppression,
    Wish,
    WishNumber,
    WishPerson,
)
from outreach.places.areas import load_areas
from outreach.rules.errors import WrongState
from outreach.rules.wishes import WishSource
from tests.support.lists import GAZETTEER, UNITS, local
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, World, number

STORIES, SEED, FIRST = (
    int(os.environ.get(name, default)) for name, default in (("STORIES", "5"), ("SEED", "1"), ("FIRST", "0"))
)
HEADER = "STT,Họ và tên,Năm sinh,Thôn,Xã/phường,SĐT,{ma},Mã dòng (giữ nguyên)"
NAMES = ("Y Hlan", "A Thun", "Y Rơ", "A Blưm", "Y Sương")
COMMUNE, AREA = "Đắk Mar", "23512"  # of the first two
SECOND = [number(223 + person) for person in range(len(NAMES))]
LEFTOVERS = (
    *(Contact, Phone, ContactPhone, Membership, RemovedPhone, PersonMerge),
    *(ImportIssue, ImportChange, ImportSighting, KeptValue),
)
OFTEN = ("bring",) * 5 + ("decide",) * 3 + ("undo",) * 2
TALES = ("bring_again", "retract", "retract", "correct", "merge", "remove_second", "archive", "remove")
TALES += ("split", "marry", "unmarry", "put_in", "opt_out")


@dataclass(frozen=True)
class Row:
    """A row of a file: which person, and how an unreadable number is written (0 or 1; -1: it can be read).

    Rows with a year of birth state a value for texts as well. `has_second`: it states a second number.
    """

    person: int
    unclear: int
    says_birth: bool
    has_second: bool

    def cells(self, codes):
        said = (1950 + self.person, f"M{self.person}") if self.says_birth else ("", "")
        cell = local(123 + self.person)
        if self.unclear >= 0:
            cell = cell.replace("000", ("OOO", "ooo")[self.unclear], 1)
        if self.has_second:
            cell += f" / {local(223 + self.person)}"
        place = COMMUNE if self.person < 2 else ""
        return (NAMES[self.person], said[0], "", place, cell, said[1], codes.get(self.person, ""))


def draw_row(dice, person, *, is_clear):
    """A row about somebody: of those to decide on each says the same whenever it comes."""
    if is_clear:
        return Row(person, -1, dice.random() < 0.5, dice.random() < 0.5)
    unclear = dice.randrange(2)
    return Row(person, unclear, (person + unclear) % 2 == 1, unclear == 1)


@cache
def read_once(folder, text):
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    return pickle.dumps([*check_list(path, GAZETTEER)])


def read(folder, text):
    """The rows of a file, read when it is first met: of thousands of stories few are new."""
    rows = pickle.loads(read_once(folder, text))
    return rows


@dataclass
class File:
    """`reach`: of each row that is stored, by its number, the lists that have its person by it."""

    id: int
    list_id: int
    rows: tuple[Row, ...]
    reach: dict[int, set[int]]

    def rows_of(self, key):
        """The numbers of the rows that a decision is about: of a list, a person and how the number is written."""
        return [n for n, row in enumerate(self.rows, 1) if (self.list_id, row.person, row.unclear) == key]


@dataclass
class Story:
    world: World
    dice: random.Random
    folder: Path
    user: User
    lists: list[int]
    files: list[File] = field(default_factory=list)
    archived: set[int] = field(default_factory=set)
    merged: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    sources: dict[int, set[int]] = field(default_factory=dict)
    # By list, person and writing of an unclear row: the files that have an officer's decision on it, and which.
    decided: dict[tuple[int, int, int], tuple[Decision, set[int]]] = field(default_factory=dict)
    ever: set[tuple[int, int, int]] = field(default_factory=set)  # decided or corrected once
    by_hand: set[tuple[int, int]] = field(default_factory=set)  # list and person
    kept_facts: set[int] = field(
        default_factory=set
    )  # people who are in a list by no file: what was known stays
    without_second: set[int] = field(default_factory=set)  # people whose second number an officer removed
    same: dict[int, int] = field(default_factory=dict)  # people who were merged: one of them
    opted_out: set[str] = field(default_factory=set)
    silent: set[int] = field(default_factory=set)  # people who asked, or had a number that did
    told: list[str] = field(default_factory=list)

    def tell(self):
        for _ in range(self.dice.randrange(4, 14)):
            tale = self.dice.choice((*OFTEN, *TALES))
            self.told.append(tale)
            getattr(self, tale)()
            self.check()
        while self.files and self.dice.random() < 0.97:
            self.undo()
            self.check()
        for each in [each for each in self.lists if each not in self.gone]:
            self.world.do(remove_list, each)
        left = {
            table.__tablename__: self.world.scalar(select(func.count()).select_from(table))
            for table in LEFTOVERS
        }
        left.pop("phones", None) if self.opted_out else None
        assert not any(left.values()), left
        # Each undo reads all lists of the organisation: thousands of earlier stories' took most of the time.
        for table in (WishPerson, WishNumber, Wish, Erasure, Suppression, Phone, ListImport):
            self.world.execute(delete(table))
        self.world.execute(delete(ContactList).where(ContactList.id.in_(self.lists)))

    def open_lists(self):
        return [each for each in self.lists if each not in self.archived | self.gone]

    def _store(self, list_id, rows, codes=None):
        lines = [HEADER, *(",".join(map(str, (n, *row.cells(codes or {})))) for n, row in enumerate(rows, 1))]
        now = datetime.now(UTC)
        with self.world.runtime.db.write() as session:
            brought = begin_import(session, list_id=list_id, file_name="a.csv", sha256="0", now=now)
            chunk = self.dice.choice((1, len(rows)))
            checked = read(self.folder, "\n".join(lines))
            for first in range(0, len(checked), chunk):
                part = checked[first : first + chunk]
                more = {"list_import": brought, "known_areas": {AREA}, "now": now}
                store_rows(session, part, **more)
            store_decided_before(session, brought, now=now)
            file = File(brought.id, list_id, rows, {})
        self.files.append(file)
        self.told.append(f"file {file.id} to {list_id}: {[*map(str, rows)]}")
        for n, row in enumerate(rows, 1):
            known = self.decided.get((list_id, row.person, row.unclear))
            if known:
                known[1].add(file.id)
            if row.unclear < 0 or (known and known[0] is Decision.TAKEN):
                file.reach[n] = {list_id}

    def bring(self):
        people = self.dice.sample(range(len(NAMES)), self.dice.randrange(1, 4))
        rows = [draw_row(self.dice, each, is_clear=self.dice.random() < 0.6) for each in people]
        for each in people:  # a second row about somebody, which may have to be decided on
            if self.dice.random() < 0.4:
                more = draw_row(self.dice, each, is_clear=self.dice.random() < 0.4)
                if more.unclear < 0 or more not in rows:
                    rows.insert(self.dice.randrange(len(rows) + 1), more)
        if into := self.open_lists():
            self._store(self.dice.choice(into), tuple(rows))

    def bring_again(self):
        if again := [each for each in self.files if each.list_id in self.open_lists()]:
            file = self.dice.choice(again)
            self._store(file.list_id, file.rows)

    def correct(self):
        """A file of rows to correct comes back with a number that can be read."""
        with self.world.runtime.db.read() as session:
            waiting = [*self._waiting(session)]
            # Also into a list that has taken over the row's own.
            into = {each: lists_into(session, each) for each in self.open_lists()}
        waiting = [(issue, of, each) for issue, of in waiting for each in into if of[0] in into[each]]
        if not waiting:
            return
        issue, of, list_id = self.dice.choice(waiting)
        self.ever.add(of)
        row = draw_row(self.dice, of[1], is_clear=True)
        self._store(list_id, (row,), {of[1]: f"L{issue.import_id}.{issue.row}"})

    def _key(self, issue, list_id):
        return list_id, NAMES.index(issue.cells["name"]), int("ooo" in issue.cells["phone"])

    def _waiting(self, session):
        query = (
            select(ImportIssue, ListImport.list_id)
            .join(ListImport, ListImport.id == ImportIssue.import_id)
            .where(ImportIssue.decision.is_(None))
            .order_by(ImportIssue.id)
        )
        for issue, list_id in session.execute(query):
            yield issue, self._key(issue, list_id)

    def decide(self):
        with self.world.runtime.db.write() as session:
            waiting = list(self._waiting(session))
            if not waiting:
                return
            issue, key = self.dice.choice(waiting)
            decision = self.dice.choice((Decision.TAKEN, Decision.TAKEN, Decision.DROPPED))
            numbers = " / ".join([local(123 + key[1]), local(223 + key[1])][: key[2] + 1])
            and_alike, is_typed = self.dice.random() < 0.4, self.dice.random() < 0.5
            self.told.append(f"row {issue.row} of {issue.import_id}, alike: {and_alike}, {decision}")
            together = [each for each in waiting if each[0].import_id == issue.import_id]
            together = [(each.row, of) for each, of in together if and_alike or each is issue]
            decide_issue(
                session,
                issue.id,
                decision,
                phone=numbers if decision is Decision.TAKEN and is_typed and not and_alike else "",
                and_alike=and_alike,
                user=session.merge(self.user),
                now=datetime.now(UTC),
            )
            import_id = issue.import_id
        (file,) = [each for each in self.files if each.id == import_id]
        into = self._followed(file.list_id, {of[1] for _row, of in together})
        for row, of in together:
            self.decided[of] = (decision, {import_id})
            self.ever.add(of)
            if decision is Decision.TAKEN:
                file.reach[row] = {*into[of[1]]}

    def _followed(self, list_id, people):
        """The list of a file and, where it is archived, those into which it was merged: by whom it is about.

        Where each of these people is already or else, of lists that were split, where others of it are.
        """
        if list_id not in self.archived:
            return {each: {list_id} for each in people}
        found, new = set(), {list_id}
        while new:
            found |= new
            new = {each for each, others in self.sources.items() if found & others} - found
        taking = found - self.gone - {list_id}
        members = self._members()
        roots = {each: self.same.get(each, each) for each in people}
        beside = {person for each, person in members if each == list_id}.difference(roots.values())
        telling = {each for each, person in members if person in beside} & taking if beside else taking
        having = {
            each: {there for there, person in members if person == root} & taking
            for each, root in roots.items()
        }
        return {each: {list_id} | (having[each] or telling) for each in people}

    def retract(self):
        with self.world.runtime.db.read() as session:
            query = select(ImportIssue).where(ImportIssue.decided_by.is_not(None)).order_by(ImportIssue.id)
            decided = session.scalars(query).all()
            if not decided:
                return
            issue = self.dice.choice(decided)
            list_id = session.get_one(ListImport, issue.import_id).list_id
            self.told.append(f"row {issue.row} of {issue.import_id}")
            said = (issue.import_id, issue.decided_at)
            keys = [self._key(each, list_id) for each in decided if (each.import_id, each.decided_at) == said]
        try:
            self.world.do(retract_decision, issue.id, by=AUTHOR, now=datetime.now(UTC))
        except WrongState:
            self.told.append("merged since")
            return
        for key in keys:
            self.decided.pop(key, None)
            for file in self.files:
                for n in file.rows_of(key):
                    file.reach.pop(n, None)

    def merge(self):
        left = [each for each in self.open_lists() if each not in self.merged]
        if len(left) < 2:
            return
        source, target = self.dice.sample(left, 2)
        self.world.do(merge_list, source, into=target, user=self.user, now=datetime.now(UTC))
        self.told.append(f"{source} into {target}")
        self.merged.add(source)
        self.archived.add(source)
        self.sources.setdefault(target, set()).add(source)
        for reach in [reach for file in self.files for reach in file.reach.values() if source in reach]:
            reach.add(target)
        self.by_hand |= {(target, person) for each, person in self.by_hand if each == source}

    def split(self):
        """Those of the commune leave a list, if others stay in it."""
        of_area = select(Contact.name).where(Contact.area_code == AREA)
        moved = {NAMES.index(name) for name in self.world.all(of_area)}
        members = self._members()
        known = {NAMES.index(name) for name in self.world.all(select(Contact.name))}
        # Who was parted from one of the commune may be of none.
        moved |= {each for one in moved for each in self._group(one) if each not in known}
        roots = {self._one(person) for person in moved}
        may_be_split = []
        for each in self.open_lists():
            there = {person for list_id, person in members if list_id == each}
            if there & roots and there - roots:
                may_be_split.append(each)
        if not may_be_split:
            return
        source = self.dice.choice(may_be_split)
        new = self.world.do(split_list, source, areas=[AREA], name=f"{source} {self.dice.random()}").id
        self.told.append(f"{source} to {new}")
        self.lists.append(new)
        self.sources[new] = {source}
        for file in self.files:
            for n, reach in file.reach.items():
                if file.rows[n - 1].person in moved and source in reach:
                    reach.discard(source)
                    reach.add(new)
        self.by_hand = {
            (new if each == source and person in moved else each, person) for each, person in self.by_hand
        }

    def marry(self):
        """An officer says that two people are one."""
        people = self.world.rows(select(Contact.id, Contact.name).order_by(Contact.id))
        if len(people) < 2:
            return
        (kept, one), (other, two) = self.dice.sample(people, 2)
        self.told.append(f"{two} into {one}")
        self.world.do(merge_people, kept, other, now=datetime.now(UTC))
        roots = [self.same.get(NAMES.index(name), NAMES.index(name)) for name in (one, two)]
        for each in range(len(NAMES)):
            if self.same.get(each, each) in roots:
                self.same[each] = roots[0]

    def unmarry(self):
        if merges := self.world.all(select(PersonMerge.id).order_by(PersonMerge.id)):
            try:
                self.world.do(unmerge_people, self.dice.choice(merges))
            except WrongState:
                self.told.append("later merge first")

    def put_in(self):
        """Somebody known is put into a list by hand."""
        people = self.world.rows(select(Contact.id, Contact.name).order_by(Contact.id))
        if people and (into := self.open_lists()):
            (contact_id, name), list_id = self.dice.choice(people), self.dice.choice(into)
            if self.world.first(select(Membership).filter_by(contact_id=contact_id, list_id=list_id)) is None:
                self.world.add(Membership(list_id=list_id, contact_id=contact_id))
                self.by_hand.add((list_id, NAMES.index(name)))
                self.kept_facts.add(NAMES.index(name))
                self.told.append(f"{name} in {list_id}")

    def opt_out(self):
        query = select(ContactPhone.contact_id, ContactPhone.phone_id).order_by(ContactPhone.phone_id)
        if links := self.world.rows(query):
            contact_id, phone_id = self.dice.choice(links)
            with self.world.runtime.db.write() as session:
                phone, now = session.get_one(Phone, phone_id), datetime.now(UTC)
                by = {"phones": [phone], "people": [contact_id]}
                record_wish(session, WishSource.SMS, said_at=now, now=now, **by)
                self.opted_out.add(phone.e164)
                self.silent |= self._group(NAMES.index(session.get_one(Contact, contact_id).name))
                self.told.append(phone.e164)

    def _group(self, person):
        root = self.same.get(person, person)
        return {each for each in range(len(NAMES)) if self.same.get(each, each) == root}

    def remove_second(self):
        """An officer removes somebody's second number: no file brings it back."""
        query = select(Contact.id, Phone.e164, ContactPhone.phone_id).order_by(Contact.id)
        with self.world.runtime.db.read() as session:
            query = query.join(ContactPhone, ContactPhone.contact_id == Contact.id).join(Phone)
            found = session.execute(query.where(Phone.e164.in_(SECOND))).all()
        if found:
            contact_id, e164, phone_id = self.dice.choice(found)
            is_theirs = self.dice.random() < 0.5
            self.world.do(
                remove_number, contact_id, phone_id, note="đổi số", opted_out=is_theirs, by=APPROVER
            )
            self.without_second.add(SECOND.index(e164))
            self.told.append(NAMES[SECOND.index(e164)])

    def archive(self):
        left = [each for each in self.lists if each not in self.gone]
        each = self.dice.choice(left)
        self.world.do(archive_list, each)
        self.archived ^= {each}
        self.told.append(str(each))

    def remove(self):
        """A list goes with its files; whom they brought to other lists stays there."""
        left = [each for each in self.lists if each not in self.gone]
        if len(left) < 2:
            return
        gone = self.dice.choice(left)
        self.told.append(str(gone))
        self.world.do(remove_list, gone)
        self.gone.add(gone)
        own = [file for file in self.files if file.list_id == gone]
        self.files = [file for file in self.files if file.list_id != gone]
        for reach in [reach for file in self.files for reach in file.reach.values()]:
            reach.discard(gone)
        self.by_hand = {(each, person) for each, person in self.by_hand if each != gone}
        members = self._members()
        for file in own:
            for n, reach in file.reach.items():
                person = file.rows[n - 1].person
                root = self.same.get(person, person)
                if reach - {gone}:
                    self.kept_facts.add(person)
                self.by_hand |= {(each, person) for each in reach - {gone} if (each, root) not in members}
        self.decided = {key: said for key, said in self.decided.items() if key[0] != gone}

    def undo(self):
        if not self.files:
            return
        file = self.files.pop(self.dice.randrange(len(self.files)))
        self.told.append(f"undo {file.id}")
        undo_import(self.world.runtime, file.id)
        for key, (_decision, files) in [*self.decided.items()]:
            files.discard(file.id)
            if not files:
                del self.decided[key]

    def _stored(self):
        for file in self.files:
            for n, reach in file.reach.items():
                yield file.rows[n - 1], reach

    def _members(self):
        """Whom each list has to have; of people who were merged one."""
        members = {*self.by_hand, *((each, row.person) for row, reach in self._stored() for each in reach)}
        return {(list_id, self.same.get(person, person)) for list_id, person in members}

    def check(self):
        """The directory holds what the files that stand say, and each unclear row of theirs is asked about once."""
        members = self._members()
        asked_of = {
            (file.list_id, row.person, row.unclear)
            for file in self.files
            for row in file.rows
            if row.unclear >= 0
        }
        with self.world.runtime.db.read() as session:
            people = session.scalars(select(Contact)).all()
            ids = {each.id: NAMES.index(each.name) for each in people}
            there = set(ids.values())
            found = session.execute(select(Membership.list_id, Membership.contact_id)).all()
            assert {(list_id, self._one(ids[each])) for list_id, each in found} == members, self.told
            assert ids.keys() == {each for _list_id, each in found}, self.told
            known = {each for person in there for each in self._group(person)}
            self.without_second &= known
            self.kept_facts &= known
            self._check_facts(session)
            self._check_wishes(session, ids)
            asked = [key for _issue, key in self._waiting(session)]
            assert len(asked) == len({*asked}), (self.told, asked)
            assert {*asked} - self.ever == asked_of - self.ever, self.told
            stands = {None, *(file.id for file in self.files)}
            for noted in (Membership.import_id, Membership.last_import_id, ImportSighting.import_id):
                assert stands.issuperset(session.scalars(select(noted))), self.told
            if not session.scalar(select(PersonMerge.id).limit(1)) and len(there) == len(people):
                # What was asked of one of them is known of who comes back.
                self.silent = {each for one in self.silent for each in self._group(one)}
                self.same = {each: root for each, root in self.same.items() if self._group(each) & there}

    def _one(self, person):
        return self.same.get(person, person)

    def _check_facts(self, session):
        """What is known of people, their second numbers, and the values that lists have of them.

        Of those who were merged one year of birth is known at most, and a number that was removed of one may be the other's.
        """
        kept = {self._one(person) for person in self.kept_facts}
        said = []
        for file in self.files:
            rows = [(file.rows[n - 1], reach) for n, reach in file.reach.items()]
            there = {
                row.person for row, reach in rows if reach
            }  # what it says of others went with their lists
            said += [(row, self._one(row.person), reach) for row, reach in rows if row.person in there]
            # But of somebody who was merged with one who stays it may be theirs.
            roots = {self._one(person) for person in there}
            kept |= {self._one(row.person) for row, _reach in rows if row.person not in there} & roots
        said = [each for each in said if each[1] not in kept]
        columns = (Contact.name, Contact.birth_year, Contact.area_code)
        known = [(self._one(NAMES.index(name)), *facts) for name, *facts in session.execute(select(*columns))]
        born = {(one, 1950 + row.person) for row, one, _reach in said if row.says_birth}
        years = {(one, year) for one, year, _area in known if year and one not in kept}
        assert years <= born, self.told
        alone = {person for person in range(len(NAMES)) if self._group(person) == {person}}
        assert {each for each in born if each[0] in alone} <= years, self.told
        living = {(one, area) for one, _year, area in known if area and one not in kept}
        assert living == {(one, AREA) for row, one, _reach in said if row.person < 2}, self.told
        having = select(Contact.name, Phone.e164).join(ContactPhone, ContactPhone.contact_id == Contact.id)
        having = session.execute(having.join(Phone).where(Phone.e164.in_(SECOND)))
        having = {(self._one(NAMES.index(name)), SECOND.index(e164)) for name, e164 in having}
        having = {each for each in having if each[0] not in kept}
        seconds = {(one, row.person) for row, one, _reach in said if row.has_second}
        loose = {(one, each) for one, each in having | seconds if each in self.without_second - alone}
        removed = {(each, each) for each in self.without_second & alone}
        assert having - loose == seconds - removed - loose, self.told
        held = session.execute(select(KeptValue.list_id, Contact.name).join(Contact))
        held = {(list_id, self._one(NAMES.index(name))) for list_id, name in held}
        told = {(each, one) for row, one, reach in said if row.says_birth for each in reach}
        assert {each for each in held if each[1] not in kept} == told, self.told

    def _check_wishes(self, session, ids):
        """Numbers from which somebody asked to be left alone are, and nobody is who did not ask."""
        for phone in session.scalars(select(Phone)):
            if phone.e164 in self.opted_out:
                assert is_left_alone(session, phone.id), (self.told, phone.e164)
        for each in people_left_alone(session, ids):
            assert self._group(ids[each]) & self.silent, (self.told, NAMES[ids[each]])


@both_databases
def test_what_is_undone_might_never_have_been(world, tmp_path):
    world.do(load_areas, UNITS)
    user = world.user(AUTHOR)
    owner = world.get_one(ContactList, world.list_id).organisation_id
    for n in range(FIRST, STORIES):
        lists = [world.do(create_list, name=f"{n}/{k}", organisation_id=owner).id for k in range(3)]
        story = Story(world, random.Random(SEED * 1_000_000 + n), tmp_path, user, lists)
        try:
            story.tell()
        except Exception as error:
            told = "\n  ".join(map(str, story.told))
            raise AssertionError(f"story {n} of seed {SEED}:\n  {told}\n{error}") from error
