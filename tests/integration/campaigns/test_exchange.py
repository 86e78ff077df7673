"""Three provinces' installations tell each other who asked to be left alone: over HTTP, each with a database of its own."""

import os
import random
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from sqlalchemy import delete, func, select, text, update

from campaigns.checks.doctor import check_exchange
from campaigns.replies.record_answer import give_back
from outreach.contacts.contact import Closing, lift_suppression
from outreach.contacts.suppressions import lock_phone
from outreach.imports import exchange as wishes_of_others
from outreach.imports.exchange import apply_page, exchange_wishes
from outreach.models.contacts import ContactPhone, ExchangePeer, Phone, Wish, WishNumber
from outreach.rules.errors import WrongState
from outreach.rules.exchange import Page, Peer, Told
from outreach.rules.keys import key_id
from outreach.rules.wishes import WishSource, drive_scope
from tests.support.errors import refuses
from tests.support.offices import SHARED, exchange, exchanging, is_closed
from tests.support.servers import MigratedDatabase, create_database, drop_database
from tests.support.tables import cases
from tests.support.wishes import opt_out
from tests.support.world import APPROVER, number

ONE, TWO, THREE = number(1), number(2), number(3)
NAMES = ("kontum", "gialai", "daklak")
STORIES, FIRST_SEED = int(os.environ.get("LOA_STORIES", "2")), int(os.environ.get("LOA_SEED", "0"))
STEPS = 60


@pytest.fixture(scope="module")
def migrated(postgres_url):
    made = {name: MigratedDatabase(create_database(postgres_url)) for name in NAMES}
    yield made
    for each in made.values():
        each.close()
        drop_database(each.url)


@pytest.fixture
def offices(migrated, settings, simulator):
    for each in migrated.values():
        each.empty()
    with exchanging(settings, simulator, {name: each.url for name, each in migrated.items()}) as worlds:
        yield list(worlds.values())


@pytest.fixture(params=["postgresql"])
def database_url(request, migrated_postgres):
    """Of the settings that the three begin with; nothing is in it."""
    return migrated_postgres.url


def say(world, e164, *people, **more):
    return opt_out(world, e164, *people, **more).id


def start(world, e164, at):
    with world.runtime.db.write() as session:
        phone = lock_phone(session, world.phone(e164))
        give_back(session, phone.id, now=at)


def tomorrow(world):
    """Let it read all from the start again."""
    world.execute(update(ExchangePeer).values(place=""))


def test_who_stops_in_one_province_is_written_to_by_none_until_they_start_again(offices):
    kontum, gialai, daklak = offices
    for world in (kontum, gialai):
        world.add_people(3, first=1)
    kontum.reply(ONE, "TC", gateway_id="SM1")
    exchange(*offices)
    assert is_closed(gialai, ONE)
    daklak.add_people(3, first=1)  # a list brings the number only now
    assert is_closed(daklak, ONE)
    for world in (gialai, daklak):
        before = len(world.sent_to())
        assert world.status(world.sent())["excluded"] == {"opted_out": 1}
        assert sorted(world.sent_to()[before:]) == [TWO, THREE]
    kontum.reply(ONE, "DK", gateway_id="SM2")
    exchange(*offices)
    assert not any(is_closed(world, ONE) for world in offices)


def test_nothing_goes_round_and_what_comes_again_changes_nothing(offices):
    for world in offices:
        world.add_people(2, first=1)
        say(world, ONE)
    exchange(*offices)
    rows = [world.scalar(select(func.count(Wish.id))) for world in offices]
    assert rows == [3, 3, 3]
    assert all(set(counts.values()) == {0} for counts in exchange(*offices))
    gialai = offices[1]
    tomorrow(gialai)
    assert all(set(counts.values()) == {0} for counts in exchange(*offices))
    assert [world.scalar(select(func.count(Wish.id))) for world in offices] == rows


@cases(
    (WishSource.SMS, "", True),
    (WishSource.OFFICER, "", True),
    (WishSource.DOOR, "", True),
    (WishSource.ROSTER, "", False),
    (WishSource.SMS, drive_scope(1), False),
    (WishSource.CONSENT, "kind:bluezone", False),
)
def test_what_was_said_of_everything_travels_and_of_one_matter_does_not(offices, source, scope, travels):
    kontum, gialai, _ = offices
    [person] = [world.add_person("A Thun", ONE, TWO) for world in (kontum,)]
    gialai.add_person("A Thun", TWO, THREE)
    say(kontum, None if source is WishSource.DOOR else ONE, person, source=source, scope=scope)
    exchange(*offices)
    assert is_closed(gialai, TWO) == travels, "by the number that is theirs alone"
    sent = gialai.sent()
    assert gialai.status(sent)["excluded"] == ({"opted_out": 1} if travels else {})


def test_what_a_wife_says_at_the_door_closes_her_husbands_phone_nowhere_else(offices):
    kontum, gialai, _ = offices
    kontum.add_person("A Thun", ONE)
    wife = kontum.add_person("Y Hoa", ONE)
    gialai.add_person("A Thun", ONE)
    say(kontum, None, wife, source=WishSource.DOOR)
    exchange(*offices)
    assert not is_closed(gialai, ONE)


def test_a_number_that_was_somebodys_by_mistake_is_open_again_elsewhere_too_and_closed_if_it_is_theirs_after_all(
    offices,
):
    kontum, gialai, _ = offices
    person = kontum.add_person("A Thun", ONE, TWO)
    gialai.add_person("Y Mai", TWO)
    say(kontum, ONE, person)
    exchange(*offices)
    assert is_closed(gialai, TWO)
    link = {"contact_id": person, "phone_id": kontum.phone(TWO), "position": 2}
    held = (ContactPhone.contact_id == person, ContactPhone.phone_id == link["phone_id"])
    kontum.execute(delete(ContactPhone).where(*held))
    tomorrow(gialai)
    exchange(*offices)
    assert not is_closed(gialai, TWO)
    kontum.add(ContactPhone(**link))
    tomorrow(gialai)
    exchange(*offices)
    assert is_closed(gialai, TWO)


def test_another_offices_wish_is_shown_as_theirs_and_ends_there_or_by_its_owner_here(offices):
    kontum, gialai, _ = offices
    person = gialai.add_person("A Thun", ONE)
    kontum.add_person("A Thun", ONE)
    at = datetime.now(UTC) - timedelta(hours=2)
    say(kontum, ONE, source=WishSource.OFFICER, at=at)
    exchange(*offices)
    phone = gialai.phone(ONE)
    page = gialai.app().test_client()
    wish = gialai.one(select(Wish))
    assert (wish.source, wish.note, wish.said_at) == (WishSource.EXCHANGE, "kontum", at)
    assert page.get("/exchange/wishes").status_code == 403
    lift = {"reason": Closing.OPT_OUT, "note": "xin nhận lại", "now": datetime.now(UTC)}
    with refuses(WrongState, says="từ chối nhận tin với cơ quan khác"):
        lift_suppression(gialai.runtime, person, phone, user=gialai.user(APPROVER), **lift)
    start(gialai, ONE, datetime.now(UTC))
    exchange(*offices)
    assert not is_closed(gialai, ONE)
    assert is_closed(kontum, ONE), "what its owner asks of one office, they ask of it alone"


@cases("stop", "start")
def test_of_a_stop_there_and_a_start_here_the_later_counts_however_late_it_is_told(offices, first):
    kontum, gialai, _ = offices
    for world in (kontum, gialai):
        world.add_person("A Thun", ONE, TWO)
    earlier, later = (datetime.now(UTC) - timedelta(hours=hours) for hours in (5, 3))
    start(gialai, TWO, later if first == "stop" else earlier)  # from another number that is theirs alone
    say(kontum, ONE, at=earlier if first == "stop" else later)
    exchange(*offices)
    assert is_closed(gialai, ONE) == (first == "start")


def test_a_start_here_counts_though_other_numbers_of_the_wish_are_unknown_here(offices):
    kontum, gialai, _ = offices
    numbers = [number(n) for n in range(1, 13)]
    kontum.add_person("A Thun", *numbers)
    gialai.add_person("A Thun", ONE)
    start(gialai, ONE, datetime.now(UTC))
    say(kontum, TWO, at=datetime.now(UTC) - timedelta(hours=2))
    exchange(*offices)
    assert gialai.scalar(select(func.count(WishNumber.wish_id))) == len(numbers)
    assert not is_closed(gialai, ONE)


def test_imports_do_not_wait_while_all_numbers_are_hashed_and_one_that_comes_meanwhile_is_found(
    offices, monkeypatch
):
    kontum, gialai, _ = offices
    gialai.add_people(40, first=10)
    kontum.add_person("A Thun", ONE)
    say(kontum, ONE)
    hashed = [[]]  # before the first lock, and after each
    lock, hasher = wishes_of_others.lock_imports, wishes_of_others.number_hasher

    def bring_first(session):
        if gialai.scalar(select(Phone.id).where(Phone.e164 == ONE)) is None:
            gialai.add_person("A Thun", ONE)
        lock(session)
        hashed.append([])

    def count(key):
        own = hasher(key)
        return lambda e164: (hashed[-1].append(e164), own(e164))[1]

    monkeypatch.setattr(wishes_of_others, "lock_imports", bring_first)
    monkeypatch.setattr(wishes_of_others, "number_hasher", count)
    monkeypatch.setattr(wishes_of_others, "_OVERLAP", 3)
    exchange_wishes(gialai.runtime, now=gialai.now)
    assert is_closed(gialai, ONE)
    assert max(map(len, hashed[1:])) < 10 < len(hashed[0])


def test_nobody_takes_back_what_another_told(offices):
    kontum, gialai, daklak = offices
    for world in offices:
        world.add_person("A Thun", ONE)
    say(kontum, ONE)
    exchange(*offices)
    start(gialai, ONE, datetime.now(UTC))
    exchange(*offices)
    assert [is_closed(world, ONE) for world in offices] == [True, False, True]
    uid = kontum.one(select(Wish)).evidence or daklak.one(select(Wish.evidence)).partition("/")[2]
    ended = Told(uid, "kontum", frozenset(), False, kontum.now, kontum.now)
    for reader in (kontum, daklak):
        settings = reader.runtime.settings
        page = Page("gialai", settings.exchange_name, "", key_id(SHARED), kontum.now, "", [ended])
        reader.do(apply_page, settings, page)
        assert is_closed(reader, ONE)


def test_an_office_restored_from_an_older_backup_learns_what_it_had_told_and_is_heard_again(offices):
    kontum, gialai, _ = offices
    for world in offices:
        world.add_people(4, first=1)
    say(kontum, ONE)
    say(kontum, TWO)
    exchange(*offices)
    with kontum.runtime.db.write() as session:  # a backup of before the second was said
        session.execute(delete(WishNumber).where(WishNumber.wish_id == 2))
        session.execute(delete(Wish).where(Wish.id == 2))
        session.execute(delete(ExchangePeer))
        session.execute(text("ALTER SEQUENCE wishes_id_seq RESTART WITH 2"))
    say(kontum, THREE, at=datetime.now(UTC))
    exchange(*offices)
    for world in offices:
        assert [is_closed(world, number(i)) for i in (1, 2, 3, 4)] == [True, True, True, False]
    assert gialai.scalar(select(func.count(Wish.id))) == 3, "what was told before is the same"
    start(kontum, TWO, datetime.now(UTC))
    exchange(*offices)
    assert [is_closed(world, TWO) for world in offices] == [False] * 3


def test_a_wish_whose_number_is_erased_stays_told_and_holds_for_who_gets_a_list_with_it(offices):
    kontum, gialai, _ = offices
    person = kontum.add_person("A Thun", ONE)
    say(kontum, ONE)
    exchange(*offices)
    kontum.erase(person)
    exchange(*offices)
    tomorrow(gialai)
    exchange(*offices)
    gialai.add_person("A Thun", ONE)
    assert is_closed(gialai, ONE)
    kontum.add_person("A Thun", ONE)
    assert is_closed(kontum, ONE)


@cases(
    ({"key": "0" * 63 + "1"}, "exchange_signature_wrong"),
    ({"url": "http://127.0.0.1:9"}, "exchange_away"),
    ({"url": "http://127.0.0.1:port"}, "exchange_away"),
    ({"exchange_keys": ("another-" + "k" * 32,)}, "exchange_key_unknown"),
    ({"exchange_name": "elsewhere"}, "exchange_refused"),
)
def test_what_is_not_as_it_must_be_is_not_taken_but_said_and_taken_later(offices, wrong, code):
    kontum, gialai, _ = offices
    for world in (kontum, gialai):
        world.add_person("A Thun", ONE)
    say(kontum, ONE)
    before = gialai.runtime
    if wrong.keys() <= {*Peer._fields}:
        wrong = {"exchange_peers": tuple(each._replace(**wrong) for each in before.settings.exchange_peers)}
    gialai.use(**wrong)
    exchange_wishes(gialai.runtime, now=gialai.now)
    assert not is_closed(gialai, ONE)
    [finding, *_] = check_exchange(gialai.runtime, gialai.now + timedelta(hours=2))
    assert finding.problem
    assert finding.problem.code == code
    gialai.runtime = before
    exchange(*offices)
    assert is_closed(gialai, ONE)
    assert [each.problem for each in check_exchange(gialai.runtime, gialai.now)] == [None, None]


CONTINUES = "100 Continue\r\n\r\nHTTP/1.1 100 Continue"


@cases("302 Found\r\nLocation: http://[", "200 OK", "200 OK\r\nX: ", CONTINUES)
def test_who_answers_with_no_address_or_without_end_keeps_none_of_the_others_waiting(
    offices, monkeypatch, status
):
    kontum, gialai, _ = offices
    for world in (kontum, gialai):
        world.add_person("A Thun", ONE)
    say(kontum, ONE)
    monkeypatch.setattr(wishes_of_others, "_LONGEST_S", 5.0)  # also for those who answer, on a busy machine

    class Endless(BaseRequestHandler):
        def handle(self):
            with suppress(OSError):
                head = f"HTTP/1.1 {status}".encode() + b"\r\n\r\n" * (not status.endswith(" "))
                self.request.sendall(head)
                while not status.startswith("302"):
                    self.request.sendall(head if status == CONTINUES else b"[")
                    time.sleep(0.1)

    with ThreadingTCPServer(("127.0.0.1", 0), Endless) as strange:
        strange.daemon_threads = True
        Thread(target=strange.serve_forever, daemon=True).start()
        peer = Peer("strange", f"http://127.0.0.1:{strange.server_address[1]}", "0" * 64)
        gialai.use(exchange_peers=(peer, *gialai.runtime.settings.exchange_peers))
        counts = exchange_wishes(gialai.runtime, now=gialai.now)
        strange.shutdown()
    assert (counts["failed"], is_closed(gialai, ONE)) == (1, True)


def test_where_the_shared_key_is_lost_wishes_are_told_anew_under_another(offices):
    kontum, gialai, daklak = offices
    kontum.add_person("A Thun", ONE)
    say(kontum, ONE)
    exchange(kontum, gialai)
    for world in offices:
        world.use(exchange_keys=("new-" + "n" * 32,))
        tomorrow(world)
    exchange(*offices)
    for world in (gialai, daklak):
        world.add_person("A Thun", ONE)
        assert is_closed(world, ONE)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + STORIES))
def test_nobody_whose_last_word_anywhere_was_no_is_written_to_by_any_and_nobody_else_is_silenced(
    offices, seed
):
    rng, began = random.Random(seed), datetime.now(UTC) - timedelta(days=1)
    said = []
    started = {}
    for step in range(STEPS):
        n, e164, at = rng.randrange(3), number(rng.randrange(6)), began + timedelta(minutes=step)
        world, act = (
            offices[n],
            rng.choice(["sms", "sms", "door", "start", "start", "read", "read", "tomorrow"]),
        )
        if act == "tomorrow":
            tomorrow(world)
        if act in ("read", "tomorrow"):
            exchange_wishes(world.runtime, now=world.now)
        elif not world.all(select(Phone.id).where(Phone.e164 == e164)):
            world.add_person("A Thun", e164)  # a list brings the number
        elif act == "start":
            start(world, e164, at)
            started[n, e164] = at
        else:
            said.append((n, e164, at, WishSource(act)))
            say(world, e164, source=WishSource(act), at=at)
    exchange(*offices)

    def holds(where, e164, at, source, n):
        """What was said holds where it was said unless its owner asked there since, and at another office unless they asked here."""
        asked = {office for office in (where, n) if started.get((office, e164), at) > at}
        return not (where in asked and source is WishSource.SMS) and not (n in asked and n != where)

    for n, world in enumerate(offices):
        known, before = world.all(select(Phone.e164)), len(world.sent_to())
        world.sent()
        no = {e164 for where, e164, *when in said if holds(where, e164, *when, n)}
        assert set(world.sent_to()[before:]) == {*known} - no, (seed, n, said, started)
