"""Who asked to be left alone is written to on no number and on no occasion, whatever became of their row since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from campaigns.cases.handle_case import label_reply, undo_reply_label
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.models.activities import VisitLine
from campaigns.models.messages import Attempt
from campaigns.models.privacy import ConsentEvent
from campaigns.models.replies import AnswerPlace
from campaigns.privacy.consents import ALL_MESSAGES, record_consent
from campaigns.privacy.retention import clear_campaign
from campaigns.replies.public_requests import Wish, code_of, confirm_code
from campaigns.replies.receive_reply import DUPLICATE_WINDOW, receive_reply
from campaigns.replies.record_answer import record_officer_answer, record_page_answer, undo_answer_by_id
from campaigns.rules.states import AttemptReport, AttemptState
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.results import enter_results, undo_entry
from outreach.contacts.contact import Closing, suppress_number
from outreach.contacts.phones import add_number
from outreach.models.contacts import Contact, ContactList, Erasure, ImportIssue, Membership, Phone
from outreach.rules.errors import WrongState
from outreach.rules.gateway import InboundMessage
from tests.integration.campaigns.test_merge_people import apart, merge
from tests.integration.campaigns.test_retention import end_and_wait
from tests.support.lists import bring, local, write
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import AUTHOR, World, number

ONE, TWO = number(1), number(2)
HER_LIST = "Hội phụ nữ"


def sent_by(world: World, **campaign: object) -> list[str]:
    """The texts that a further campaign sends."""
    before = len(world.simulator.ledger())
    name = f"Lần sau {before}"
    world.launch(
        **{"name": name, "text": f"[Chào {{name}}, ]xin mời {before}: {{link}}", "cap_per_day": 9, **campaign}
    )
    world.send()
    return [line["Body"] for line in world.simulator.ledger()[before:]]


def visit(world: World, campaign: int, person: int, outcome: VisitOutcome = VisitOutcome.OPT_OUT) -> int:
    """What an officer enters who was at somebody's door; the sheet's id."""
    world.set_all()
    sheet = world.make_sheet(campaign)
    enter(world, sheet, line_of(world, sheet, person), outcome)
    return sheet


def line_of(world: World, sheet: int, person: int) -> int:
    line = select(VisitLine.n).where(VisitLine.round_id == sheet, VisitLine.contact_id == person)
    return world.one(line)


def enter(world: World, sheet: int, n: int, outcome: VisitOutcome = VisitOutcome.OPT_OUT) -> None:
    now = datetime.now(UTC)
    enter_results(world.runtime, sheet, {n: outcome}, user=world.user(AUTHOR), keys=world.keys, now=now)


def put_on_her_list(world: World, person: int) -> None:
    with world.runtime.db.write() as session:
        owner = session.get_one(ContactList, world.list_id).organisation_id
        hers = ContactList(organisation_id=owner, name=HER_LIST, created_at=world.now)
        session.add(hers)
        session.flush()
        session.add(Membership(list_id=hers.id, contact_id=person))


@pytest.fixture
def couple(world: World) -> tuple[int, int, int]:
    """Husband and wife on his phone, who got the message; the campaign."""
    husband, wife = world.add_person("A Thun", ONE), world.add_person("Y Hoa", ONE)
    campaign = world.launch()
    world.send()
    return husband, wife, campaign


@both_databases
def test_a_wife_who_opts_out_at_the_door_is_not_greeted_on_her_husbands_phone(
    world: World, couple: tuple[int, int, int]
) -> None:
    _husband, wife, campaign = couple
    visit(world, campaign, wife)
    put_on_her_list(world, wife)
    assert sent_by(world, lists=[HER_LIST]) == []
    [his] = sent_by(world)
    assert "A Thun" in his


def test_who_asks_on_a_phone_that_another_has_closed_is_heard_as_well(
    world: World, couple: tuple[int, int, int]
) -> None:
    husband, wife, _campaign = couple
    user, key, now = world.user(AUTHOR), world.keys.secret_key, datetime.now(UTC)
    told = {"note": "báo trực tiếp", "secret_key": key, "user": user, "now": now}
    phone = world.one(select(Phone.id).where(Phone.e164 == ONE))
    for person in (wife, husband):
        suppress_number(world.runtime, person, phone, reason=Closing.OPT_OUT, **told)
    add_number(world.runtime, husband, TWO, secret_key=key, user=user, now=now)
    assert sent_by(world) == []
    with pytest.raises(WrongState, match="number_blocked_already"):
        suppress_number(world.runtime, husband, phone, reason=Closing.OPT_OUT, **told)


def test_a_number_that_somebody_gets_after_they_opted_out_at_the_door_is_not_written_to(
    world: World, couple: tuple[int, int, int]
) -> None:
    _husband, wife, campaign = couple
    sheet = visit(world, campaign, wife)
    user = world.user(AUTHOR)
    key = world.keys.secret_key
    add_number(world.runtime, wife, TWO, secret_key=key, user=user, now=datetime.now(UTC))
    sent_by(world)
    assert TWO not in world.sent_to()
    undo_entry(world.runtime, sheet, user=user, keys=world.keys, now=datetime.now(UTC))
    sent_by(world)
    assert TWO in world.sent_to(), "what was entered by mistake silences nobody"


def test_an_opt_out_on_a_line_whose_person_was_merged_meanwhile_is_the_one_persons(world: World) -> None:
    one, two = world.add_person("A Thun", ONE), world.add_person("A Thun Kđăm", TWO)
    campaign = world.launch()
    world.send()
    sheet = visit(world, campaign, one, VisitOutcome.ABSENT)
    n = line_of(world, sheet, two)
    merge(world, one, two)
    enter(world, sheet, n)
    world.send()  # the confirmation, if it is due
    assert sent_by(world) == []


@pytest.mark.parametrize("first", ["phone", "door"])
def test_who_says_it_again_at_the_door_has_said_it_though_the_first_entry_is_taken_back(
    world: World, couple: tuple[int, int, int], first: str
) -> None:
    husband, _wife, campaign = couple
    world.set_all()
    sheets = [world.make_sheet(campaign, again=True) for _ in range(2)]
    user, now = world.user(AUTHOR), datetime.now(UTC)
    if first == "door":
        enter(world, sheets[0], line_of(world, sheets[0], husband))
    else:
        with world.runtime.db.write() as session:
            recipient = session.merge(world.recipient(ONE, campaign))
            heard = {"place": AnswerPlace.PHONE, "note": "", "user": user, "keys": world.keys}
            assert record_officer_answer(session, recipient, "opt_out", **heard, now=now)
    enter(world, sheets[1], line_of(world, sheets[1], husband))
    if first == "door":
        undo_entry(world.runtime, sheets[0], user=user, keys=world.keys, now=now)
    else:
        with world.runtime.db.write() as session:
            undo_answer_by_id(session, 1, now=now, is_mistaken=True)
    assert all("A Thun" not in text for text in sent_by(world))


@both_databases
def test_who_opted_out_is_left_alone_after_the_retention_on_each_number_they_had(world: World) -> None:
    world.add_person("A Thun", ONE, TWO)
    campaign = world.launch()
    world.send()
    world.reply(ONE, "TC", gateway_id="SM1")
    world.send()
    now = end_and_wait(world, campaign, days=91)
    clear_campaign(world.runtime, campaign, days=90, now=now)
    world.add_person("A Thun", TWO)
    assert sent_by(world) == []


def test_who_opted_out_without_a_number_and_was_removed_comes_back_only_by_an_officer(
    world: World, tmp_path: Path
) -> None:
    person = world.add_person("A Lâu")
    world.add_people(1, first=50)
    campaign = world.launch()
    world.send()
    visit(world, campaign, person)
    now = end_and_wait(world, campaign, days=91)
    clear_campaign(world.runtime, campaign, days=90, now=now)
    counts = bring(
        world, write(tmp_path, f"1,A Lâu,1960,Thôn 1,,{local(2)}", f"2,Y Mai,1970,Thôn 1,,{local(3)}")
    )
    assert (counts.created, counts.review) == (1, 1)
    assert world.all(select(ImportIssue.reason)) == ["was_erased"]
    assert world.all(select(Erasure.number_hash).distinct()) == [""]
    sent_by(world)
    assert TWO not in world.sent_to()


@both_databases
def test_undo_on_the_page_takes_back_the_last_wish_alone(world: World) -> None:
    world.add_people(2)
    campaign = world.launch(kind="khao-sat", text="Moi ong/ba tra loi. TC de tu choi")
    world.send()
    recipient = world.recipient(ONE, campaign)
    for n, word in enumerate(("opt_out_drive", "opt_out", "undo")):
        with world.runtime.db.write() as session:
            now = world.now + timedelta(seconds=n)
            record_page_answer(session, recipient.id, word, keys=world.keys, now=now)
    world.send()
    before = len(world.sent_to())
    sent_by(world, kind="khao-sat")
    assert ONE not in world.sent_to()[before:]
    sent_by(world)
    assert ONE in world.sent_to()[before:], "of another drive they still hear"


@both_databases
def test_who_opts_out_of_the_drive_while_merged_has_done_so_for_both(world: World) -> None:
    one, two = world.add_person("A Thun", ONE), world.add_person("A Thun Kđăm", TWO)
    world.launch(kind="khao-sat", text="Moi ong/ba tra loi. TC de tu choi")
    world.send()
    merge_id = merge(world, one, two)
    world.reply(ONE, "TC đợt này", gateway_id="g1", now=world.now + timedelta(minutes=5))
    world.send()
    apart(world, merge_id)
    assert sent_by(world, kind="khao-sat") == []
    assert len(sent_by(world)) == 2


@both_databases
def test_a_withdrawn_consent_stops_what_it_was_given_for_until_it_is_given_again(world: World) -> None:
    person = world.add_person("A Thun", ONE)
    world.add_people(1, first=50)

    def consent(purpose: str, *, is_given: bool) -> None:
        record_consent(
            world.runtime,
            person,
            purpose=purpose,
            is_given=is_given,
            on=None,
            evidence="Gọi điện",
            guardian="",
            purposes=("bluezone", "khao-sat"),
            user=world.user(AUTHOR),
            now=datetime.now(UTC),
        )

    consent("khao-sat", is_given=False)
    assert len(sent_by(world)) == 2
    assert len(sent_by(world, kind="khao-sat")) == 1
    consent(ALL_MESSAGES, is_given=False)
    assert len(sent_by(world)) == 1
    consent(ALL_MESSAGES, is_given=True)
    assert len(sent_by(world)) == 2
    assert len(sent_by(world, kind="khao-sat")) == 1
    with world.runtime.db.read() as session:
        assert len(session.scalars(select(ConsentEvent.id)).all()) == 3
        assert session.get(Contact, person) is not None


def asks_for_messages(world: World, how: str, at: datetime, *, sender: str = ONE) -> None:
    """The owner of a number asks for messages: on the page for everybody, or by SMS."""
    if how == "sms":
        world.reply(sender, "START", gateway_id=f"START{at.timestamp()}", now=at)
        return
    code = code_of(sender, Wish.JOIN, key=world.keys.secret_key, now=at)
    with world.runtime.db.write() as session:
        confirm_code(session, sender, Wish.JOIN, code, keys=world.keys, now=at)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("how", ["sms", "page"])
@pytest.mark.parametrize("when", ["in a campaign", "on no list", "from the other number", "twice a day"])
def test_a_stop_word_that_comes_late_closes_no_number_whose_owner_has_asked_for_messages_since(
    world: World, how: str, when: str
) -> None:
    sender, asker = (ONE, TWO) if when == "from the other number" else (ONE, ONE)
    if when != "on no list":
        world.add_person("A Thun", ONE, TWO)
        world.launch(text="Moi ong/ba cai Bluezone: {link} Da cai tra loi 1, TC de tu choi.")
        world.send()
    at = datetime.now(UTC) + timedelta(hours=1)
    if when == "twice a day":
        asks_for_messages(world, how, at - timedelta(minutes=30), sender=asker)
    asks_for_messages(world, how, at, sender=asker)
    world.reply(sender, "TC", gateway_id="SM2", now=at - timedelta(minutes=10))
    with world.runtime.db.read() as session:
        assert numbers_left_alone(session) == set()
    world.reply(sender, "TC", gateway_id="SM3", now=at + timedelta(minutes=10))
    with world.runtime.db.read() as session:
        assert ONE in numbers_left_alone(session)


@pytest.mark.parametrize(("within", "is_closed"), [(timedelta(days=1), True), (DUPLICATE_WINDOW, False)])
def test_where_nobody_can_tell_which_came_first_the_opt_out_counts(
    world: World, within: timedelta, *, is_closed: bool
) -> None:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    asks_for_messages(world, "sms", day + timedelta(hours=9))
    with world.runtime.db.write() as session:  # a log that has the day alone
        inbound = InboundMessage("LOG1", ONE, "MTTQ", "TC", False, False)
        receive_reply(session, inbound, keys=world.keys, now=day, same_within=within)
    with world.runtime.db.read() as session:
        assert (ONE in numbers_left_alone(session)) is is_closed


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("asked_at", ["before the attempt", "after it", "after it, and learned last"])
def test_an_operators_refusal_that_is_told_late_closes_no_number_whose_owner_has_asked_for_messages_since(
    world: World, asked_at: str
) -> None:
    world.add_person("A Thun", ONE)
    world.launch()
    world.send()
    attempt = world.one(select(Attempt))
    asked = attempt.claimed_at + timedelta(minutes=-5 if asked_at == "before the attempt" else 5)
    now = attempt.claimed_at + timedelta(minutes=10)
    refused = AttemptReport(
        attempt.id, AttemptState.FAILED, attempt.gateway_id, cause="opted_out", code="21610"
    )
    if asked_at != "after it, and learned last":
        asks_for_messages(world, "sms", asked)
    with world.runtime.db.write() as session:
        assert apply_reports(session, [refused], now=now, secret_key=world.keys.secret_key) == 1
    if asked_at == "after it, and learned last":
        asks_for_messages(world, "sms", asked)
    with world.runtime.db.read() as session:
        assert numbers_left_alone(session) == ({ONE} if asked_at == "before the attempt" else set())


def test_what_an_officer_reads_as_an_opt_out_closes_no_number_whose_owner_has_asked_for_messages_since(
    world: World,
) -> None:
    world.add_person("A Thun", ONE)
    world.launch(text="Moi ong/ba cai Bluezone: {link} Da cai tra loi 1, TC de tu choi.")
    world.send()
    more = {"user": world.user(AUTHOR), "keys": world.keys, "now": world.in_hours(1)}

    def held(at: float) -> int:
        world.reply(ONE, "thôi mệt", gateway_id=f"SM{at}", now=world.in_hours(at))
        return world.cases()[-1].id

    def is_closed() -> bool:
        with world.runtime.db.read() as session:
            return ONE in numbers_left_alone(session)

    case = held(0.1)
    assert is_closed()
    asks_for_messages(world, "sms", world.in_hours(0.2))
    label_reply(world.runtime, case, "opt_out", **more)
    assert not is_closed()
    case = held(0.3)
    label_reply(world.runtime, case, "unclear", **more)
    asks_for_messages(world, "sms", world.in_hours(0.4))
    undo_reply_label(world.runtime, case, **more)
    assert not is_closed()
