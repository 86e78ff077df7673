"""Of two recipients who were merged one counts, and what either number says is the person's; apart, each has their own again."""

import random
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import select, update

from campaigns.analytics.progress_counts import count_installs, count_reported
from campaigns.answer_totals import find_differences, recount
from campaigns.cases.conversation import record_answer
from campaigns.models.activities import VisitLine
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import Answer, AnswerPlace, InstallReport
from campaigns.privacy import requests
from campaigns.replies import record_answer as answers
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.replies.labels import Label, fold_answers
from campaigns.rules.states import Exclusion, MessageState
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.results import enter_results
from campaigns.visits.sheets import create_sheet
from outreach.core.schema import downgrade, upgrade
from outreach.models.contacts import PersonMerge, Phone
from outreach.rules.errors import WrongState
from tests.integration.campaigns.test_merge_people import apart, merge
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import AUTHOR, number

FIRST, SECOND = number(1), number(2)
REMINDER = {"step": [{"after_days": 2, "text": "Nhắc lại: mời cài {link}"}]}


@pytest.fixture
def two(world):
    return world.add_person("A Thun", FIRST), world.add_person("A Thun Kđăm", SECOND)


def say(world, campaign, e164, word, *, minutes):
    """A number says something on its page, or writes it where the word begins with "sms "."""
    now = world.now + timedelta(minutes=minutes)
    if word.startswith("sms "):
        world.reply(e164, word.removeprefix("sms "), gateway_id=f"{e164}-{minutes}", now=now)
        return
    with world.runtime.db.write() as session:
        record_page_answer(session, row_of(session, campaign, e164).id, word, now=now)


def row_of(session, campaign, e164):
    rows = select(Recipient).join(Phone, Phone.id == Recipient.phone_id)
    return session.scalars(rows.where(Phone.e164 == e164, Recipient.campaign_id == campaign)).one()


def visit(world, campaign):
    """A sheet of everybody, and the lines by person."""
    of_list = {"list_id": world.list_id, "area_code": None, "village": None, "officer": "", "again": False}
    sheet = world.do(create_sheet, campaign, **of_list).id
    lines = select(VisitLine.contact_id, VisitLine.n).where(VisitLine.round_id == sheet)
    return sheet, dict(world.rows(lines))


def enter(world, sheet, line, outcome):
    now = datetime.now(UTC)
    world.do(enter_results, sheet, {line: outcome}, now=now)


def counts(world, campaign):
    """Recipients, those who answered and those who reported it done: the same by each way of counting."""
    assert world.read(find_differences)[1] == []
    as_of = datetime.now(UTC) + timedelta(days=30)
    rows = world.read(count_reported, [campaign], as_of=as_of).values()
    installs = world.read(count_installs, [campaign], as_of=as_of)
    status = world.status(campaign)
    found = tuple(
        sum(each) for each in zip(*((r.recipients, r.answered, r.installed) for r in rows), strict=True)
    )
    assert found == (status["recipients"], sum(status["answers"].values()), installs)
    assert status["self_reported"]["installed"] == installs
    recipients, answered, reported = found
    return recipients, answered, reported


def remind(world):
    """Days later; who then gets the reminder."""
    world.execute(update(Campaign).values(launched_at=world.now - timedelta(days=3)))
    world.execute(update(Attempt).values(claimed_at=world.now - timedelta(days=3)))
    world.sweep()
    before = len(world.simulator.ledger())
    world.send()
    return [line["To"] for line in world.simulator.ledger()[before:] if line["Body"].startswith("Nh")]


DONE, NOT_YET = "installed", "not_yet"


@both_databases
@cases(
    # What each said before, what while they were one; how many answered and did it, merged and apart again.
    ([(SECOND, DONE)], [(FIRST, DONE)], (1, 1, 1), (2, 2, 2)),
    ([(FIRST, DONE), (SECOND, DONE)], [], (1, 1, 1), (2, 2, 2)),
    ([(FIRST, DONE), (SECOND, DONE)], [(FIRST, "need_help")], (1, 1, 1), (2, 2, 2)),
    ([(FIRST, DONE), (SECOND, DONE)], [(FIRST, "undo")], (1, 0, 0), (2, 0, 0)),
    ([(FIRST, DONE), (SECOND, "no_smartphone")], [(FIRST, "undo")], (1, 1, 1), (2, 1, 1)),
    ([(FIRST, NOT_YET)], [(SECOND, DONE)], (1, 1, 1), (2, 2, 1)),
    ([(FIRST, DONE)], [(SECOND, NOT_YET)], (1, 1, 0), (2, 2, 1)),
    ([], [(SECOND, DONE)], (1, 1, 1), (2, 1, 1)),
    ([], [(SECOND, DONE), (FIRST, NOT_YET), (SECOND, "undo")], (1, 1, 1), (2, 1, 1)),
    ([(SECOND, "sms 1")], [(FIRST, "sms 4"), (SECOND, "sms 2")], (1, 1, 0), (2, 2, 0)),
    ([(SECOND, DONE)], [(FIRST, "sms sai số")], (1, 1, 1), (2, 2, 1)),
    ([], [(FIRST, "sms sai số"), (SECOND, DONE)], (1, 1, 1), (2, 2, 1)),
)
def test_what_either_number_says_is_the_persons_and_apart_each_have_what_is_still_true(
    world, two, before, while_merged, merged, separate
):
    campaign = world.sent()
    for n, (e164, word) in enumerate(before):
        say(world, campaign, e164, word, minutes=n)
    merge_id = merge(world, *two)
    for n, (e164, word) in enumerate(while_merged):
        say(world, campaign, e164, word, minutes=5 + n)
    wrong = sum("sai" in word for _e164, word in while_merged)  # of the number, which does not count now
    if not wrong:
        assert counts(world, campaign) == merged
    apart(world, merge_id)
    assert counts(world, campaign) == separate


def test_what_was_said_at_the_door_of_either_counts_once(world, two):
    campaign = world.sent()
    world.set_all()
    sheet, lines = visit(world, campaign)
    merge_id = merge(world, *two)
    enter(world, sheet, lines[two[1]], VisitOutcome.INSTALLED)
    assert counts(world, campaign) == (1, 1, 1)
    enter(world, sheet, lines[two[0]], VisitOutcome.INSTALLED)
    assert counts(world, campaign) == (1, 1, 1)
    apart(world, merge_id)
    assert counts(world, campaign)[2] == 1


def test_the_number_that_is_reached_gets_the_reminder_whichever_is_kept(world, two):
    world.sent(**REMINDER)
    for e164, state in ((FIRST, MessageState.UNDELIVERED), (SECOND, MessageState.DELIVERED)):
        world.execute(update(Message).where(Message.phone_id == world.phone(e164)).values(state=state))
    merge(world, *two)
    assert remind(world) == [SECOND]


@pytest.mark.parametrize("asked_by", [FIRST, SECOND])
@pytest.mark.parametrize("asks_first", [True, False])
def test_a_question_on_either_number_holds_the_reminder_back(world, two, asked_by, asks_first):
    campaign = world.sent(**REMINDER)
    question = (campaign, asked_by, "sms Cho tôi hỏi cái này là gì vậy?")
    if asks_first:
        say(world, *question, minutes=1)
    merge(world, *two)
    if not asks_first:
        say(world, *question, minutes=1)
    assert len(world.cases()) == 1
    assert remind(world) == []


@cases(
    ([(FIRST, NOT_YET), (SECOND, DONE)], []),
    ([(SECOND, NOT_YET), (FIRST, DONE)], []),
    ([(FIRST, DONE), (SECOND, NOT_YET)], [FIRST]),
    ([(SECOND, NOT_YET)], [SECOND]),
    ([(FIRST, "sms sai số")], [SECOND]),
)
def test_the_last_word_of_both_numbers_decides_about_the_reminder(world, two, said, reminded):
    campaign = world.sent(**REMINDER)
    merge(world, *two)
    for n, (e164, word) in enumerate(said):
        say(world, campaign, e164, word, minutes=1 + n)
    assert remind(world) == reminded


def test_two_numbers_that_speak_at_once_keep_the_counters_right(world, two, monkeypatch):
    campaign = world.sent()
    merge(world, *two)
    reached, go, original = Event(), Event(), answers.answered_by

    def slow(*args, **more):
        found = original(*args, **more)
        if not reached.is_set():
            reached.set()
            go.wait(2)
        return found

    monkeypatch.setattr(answers, "answered_by", slow)
    first = Thread(target=say, args=(world, campaign, SECOND, DONE), kwargs={"minutes": 1})
    first.start()
    assert reached.wait(5)
    say(world, campaign, FIRST, NOT_YET, minutes=2)
    go.set()
    first.join()
    assert counts(world, campaign) == (1, 1, 0)


def test_a_request_and_an_answer_of_the_same_person_wait_for_each_other(world, two, monkeypatch):
    campaign = world.sent()
    locked, go, original = Event(), Event(), requests.lock_phones
    user, failed = world.user(AUTHOR), []

    def slow(*args):
        locked.set()
        go.wait(1)
        return original(*args)

    def ask():
        try:
            requests.record_request(
                world.runtime,
                two[0],
                RequestKind.OBJECT,
                asked_by="A Thun",
                asked_on=None,
                user=user,
                now=datetime.now(UTC),
            )
        except Exception as error:
            failed.append(error)

    monkeypatch.setattr(requests, "lock_phones", slow)
    asking = Thread(target=ask)
    asking.start()
    assert locked.wait(5)
    told = {"place": AnswerPlace.PHONE, "note": "", "user": user, "now": datetime.now(UTC)}
    record_answer(world.runtime, two[0], campaign, DONE, **told)
    go.set()
    asking.join()
    assert failed == []


def test_who_is_merged_takes_no_report_from_somebody_who_shares_their_phone(world):
    world.add_person("A Thun", FIRST)
    sharer, other = world.add_person("Y Hoa", FIRST), world.add_person("Y Hoa Kđăm", SECOND)
    campaign = world.sent()
    say(world, campaign, FIRST, "sms 1", minutes=0)
    merge_id = merge(world, other, sharer)
    assert counts(world, campaign)[2] == 1
    apart(world, merge_id)
    assert counts(world, campaign)[2] == 1


@both_databases
def test_who_is_merged_answers_by_a_phone_on_which_somebody_else_is_written_to(world):
    world.add_person("A Thun", FIRST)
    sharer, other = world.add_person("Y Hoa", FIRST), world.add_person("Y Hoa Kđăm", SECOND)
    campaign = world.sent()
    merge(world, other, sharer)
    own = select(Recipient.id).where(Recipient.contact_id == other, Recipient.exclusion.is_not(None))
    world.do(record_page_answer, world.one(own), DONE, now=world.now + timedelta(minutes=1))
    assert counts(world, campaign) == (2, 1, 1)


@both_databases
@cases(True, False)
def test_what_1_1_0_counted_beside_the_one_who_counts_is_counted_once(world, two, both):
    campaign = world.sent()
    for e164 in (FIRST, SECOND)[0 if both else 1 :]:
        say(world, campaign, e164, DONE, minutes=1)
    merge(world, *two)
    downgrade(world.runtime.db, "0165_language_that_left")
    with world.runtime.db.write() as session:  # as it was then: both have their own
        counted, other = (row_of(session, campaign, e164) for e164 in (FIRST, SECOND))
        report = InstallReport.phone_id == other.phone_id
        if both:
            session.execute(update(InstallReport).where(report).values(withdrawn_at=None))
        else:
            counted, other = other, counted
            session.execute(update(InstallReport).values(recipient_id=other.id, phone_id=other.phone_id))
            session.execute(update(Answer).values(recipient_id=other.id))
            session.execute(update(Recipient).where(Recipient.id == counted.id).values(answer=None))
            recount(session, campaign)
    upgrade(world.runtime.db)
    assert world.read(find_differences)[1] == []
    assert world.read(count_installs, [campaign], as_of=world.now + timedelta(days=1)) == 1
    in_force = select(InstallReport.recipient_id).where(InstallReport.withdrawn_at.is_(None))
    assert world.all(in_force) == [counted.id]


WORDS = (
    DONE,
    NOT_YET,
    "need_help",
    "no_smartphone",
    "undo",
    "sms 1",
    "sms 2",
    "sms 4",
    "sms sai số",
    "officer",
)


@both_databases
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.rest) for seed in (0, 2))])
def test_whatever_is_said_merged_and_taken_apart_the_counters_equal_a_recount(world, seed):
    """Many groups of three in one campaign, each with a story of its own."""
    chance, groups, merges = random.Random(seed), 8, set[int]()
    people = [[world.add_person(f"Người {n}", number(3 * n + i)) for i in range(3)] for n in range(groups)]
    campaign = world.sent()
    for minute in range(150):
        group = chance.randrange(groups)
        what, e164 = chance.random(), number(3 * group + chance.randrange(3))
        if what < 0.2 and len(people[group]) > 1:
            kept, other = chance.sample(people[group], 2)
            merges.add(merge(world, kept, other))
            people[group].remove(other)
        elif what < 0.3 and merges:
            part_again(world, chance.choice(sorted(merges)), merges, people)
        elif (word := chance.choice(WORDS)) != "officer":
            say(world, campaign, e164, word, minutes=1 + minute)
        else:
            recipient = world.read(row_of, campaign, e164)
            world.hear(recipient, DONE, now=world.now + timedelta(minutes=1 + minute))
        if minute % 10 == 0:
            check(world, campaign, counted=3 * groups - len(merges))
    while merges:
        part_again(world, max(merges), merges, people)
    check(world, campaign, counted=3 * groups)


def part_again(world, merge_id, merges, people):
    """Take a merge apart unless a later one has to be before it."""
    kept = world.get_one(PersonMerge, merge_id).kept_id
    try:
        back = apart(world, merge_id)
    except WrongState:
        return
    merges.remove(merge_id)
    next(group for group in people if kept in group).append(back)


def check(world, campaign, *, counted):
    """The totals equal a recount; each row says what its answers say; only who counts has more than a wrong number."""
    with world.runtime.db.read() as session:
        assert find_differences(session)[1] == []
        rows = session.scalars(select(Recipient).where(Recipient.campaign_id == campaign)).all()
        assert sum(row.exclusion is None for row in rows) == counted
        given = {row.id: [] for row in rows}
        for answer in session.scalars(
            select(Answer).where(Answer.undone_at.is_(None)).order_by(Answer.at, Answer.id)
        ):
            given[answer.recipient_id or 0].append(answer)
        in_force = select(InstallReport.recipient_id, InstallReport.answer_id)
        reports = dict(session.execute(in_force.where(InstallReport.withdrawn_at.is_(None))).all())
        for row in rows:
            state = fold_answers([answer.label for answer in given[row.id]])
            assert row.answer is state.label
            by = None if state.installed_by is None else given[row.id][state.installed_by].id
            assert (by is not None) == (row.id in reports)
            assert reports.get(row.id) in {None, *(answer.id for answer in given[row.id])}
            if row.exclusion is Exclusion.SAME_PERSON:
                assert {answer.label for answer in given[row.id]} <= {Label.WRONG_NUMBER}
            elif counted == len(rows):
                assert {answer.phone_id for answer in given[row.id]} <= {row.phone_id}
