"""Exchange of wishes to be left alone with other installations: each tells its own, and takes what the others tell.

The ledger is what is told, row by row, and once a day from its start. A number is known to the others by its hash under a key that
all share, and may be unknown to them until a list brings it. A wish ends where it was said, and for one installation by the number's
owner there. Each also tells back what it was told: so one that was restored from an older backup learns it again.
"""

import asyncio
import logging
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from sqlalchemy import BigInteger, String, and_, delete, exists, func, literal, or_, select, tuple_, union_all
from sqlalchemy.orm import Session, aliased

from outreach.accounts import audit
from outreach.contacts.phones import link_late_numbers
from outreach.contacts.suppressions import is_strangers, number_hasher
from outreach.contacts.wishes import LEFT_ALONE, standing
from outreach.core.db import (
    change_rows,
    full_scan,
    insert_new,
    insert_rows,
    reserve_ids,
    rows_table,
    values_subquery,
)
from outreach.core.settings import Settings
from outreach.core.signed_tokens import is_signed, public_half, signing_key
from outreach.imports.store_rows import lock_imports
from outreach.models.contacts import ContactPhone, ExchangePeer, Phone, Wish, WishNumber
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.exchange import Page, Peer, Told, read_page, read_place, request_text, uid_of, write_page
from outreach.rules.identity import ERASED
from outreach.rules.keys import key_id
from outreach.rules.wishes import EVERYTHING, WishSource
from outreach.runtime import Runtime
from outreach.sms.http_gateway import FAILED, HttpClient, RequestNotSent

log = logging.getLogger(__name__)
PATH, SIGNATURE = "/exchange/wishes", "Loa-Signature"
EVERY_S = 300
PAGE = 20_000  # wishes
_AWAY = (RequestNotSent, *FAILED, ValueError)
_LONGEST_S = 300.0  # for one installation: the others wait no longer, and what is left is read the next time
# A row may be committed after others that have higher ids; later than this the day's reading from the start finds it.
_OVERLAP = 1000
# An import waits for a page; a reply that creates a phone meanwhile does not, and may see nothing of it.
_LOOK_BACK = timedelta(minutes=15)
_USE, _BACK = "exchange", aliased(Wish)


def public_key(settings: Settings) -> str:
    """Return what others check the signature of this installation by."""
    return public_half(settings.secret_key, _USE)


def exchange_wishes(runtime: Runtime, *, now: datetime) -> dict[str, int]:
    """Take what each of the others tells. Returns how many wishes, how many taken back, and how many installations failed.

    One that cannot be read keeps none of the others; what went wrong is kept with it.
    """
    counts = Counter(taken=0, taken_back=0, failed=0)
    for peer in runtime.settings.exchange_peers:
        error = ""
        try:
            _read_all(runtime, peer, counts, now=now)
        except (LoaError, *_AWAY) as failed:
            reason = failed if isinstance(failed, LoaError) else LoaError("exchange_away", office=peer.name)
            error = reason.as_json()
            log.warning("exchange.failed office=%s error=%s", peer.name, type(failed).__name__)
        with runtime.db.write() as session:
            row = _row_of(session, peer)
            row.error, row.read_at = error, row.read_at if error else now
        counts["failed"] += bool(error)
    with runtime.db.write() as session:
        lock_imports(session)
        link_late_numbers(session, Phone.created_at > now - _LOOK_BACK)
        added, removed = counts["taken"], counts["taken_back"]
        if added or removed:
            audit.record(session, "wishes.exchange", "suppressions", None, now, added=added, removed=removed)
    return counts


def _row_of(session: Session, peer: Peer) -> ExchangePeer:
    session.execute(insert_new(session, ExchangePeer).values(name=peer.name, place="", error=""))
    return session.get_one(ExchangePeer, peer.name, with_for_update=True)


# -- told from here


def answer_reader(
    session: Session,
    settings: Settings,
    *,
    reader: str,
    after: str,
    nonce: str,
    signature: str,
    now: datetime,
) -> tuple[bytes, str] | None:
    """Return the page after a place, with its signature; None to a stranger. From the start where that place is not known here."""
    peer = next((each for each in settings.exchange_peers if each.name == reader), None)
    asked = request_text(office=settings.exchange_name, reader=reader, after=after, nonce=nonce)
    if peer is None or not is_signed(asked, signature, by=peer.key):
        return None
    me, begin = settings.exchange_name, 0
    if row := session.get(Wish, read_place(after)):
        begin = row.id - _OVERLAP if uid_of(me, row.id, row.source, row.said_at) == after else 0
    place = func.coalesce(_BACK.id, Wish.id)
    own = and_(Wish.scope == EVERYTHING, Wish.source.in_(settings.exchange_reasons))
    told_back = and_(
        Wish.source == WishSource.EXCHANGE, Wish.evidence.startswith(f"{reader}/"), _BACK.id.is_(None)
    )
    rows = session.execute(
        select(Wish, _BACK, _BACK.said_at)
        .outerjoin(_BACK, _BACK.undoes_id == Wish.id)
        .where(Wish.undoes_id.is_(None), place > begin, or_(own, told_back))
        .order_by(place)
        .limit(PAGE)
    ).all()
    numbers = _numbers_of(session, [wish.id for wish, back, _ended_at in rows if back is None], settings)
    wishes = []
    for wish, _back, ended_at in rows:
        # Recovered or told by the reader: it is known by what it was told as.
        office, _, uid = wish.evidence.rpartition("/")
        known, is_whole = numbers.get(wish.id, (frozenset(), True))
        wishes.append(
            Told(
                uid if office else uid_of(me, wish.id, wish.source, wish.said_at),
                office or me,
                known,
                is_whole and not office,
                wish.said_at,
                ended_at,
            )
        )
    if rows:
        wish, back, _ended_at = rows[-1]
        last = back or wish
        after = uid_of(me, last.id, last.source, last.said_at)
    body = write_page(Page(me, reader, nonce, key_id(settings.exchange_keys[0]), now, after, wishes))
    return body, signing_key(settings.secret_key, _USE).sign(body).hex()


def _numbers_of(
    session: Session, wishes: Collection[int], settings: Settings
) -> dict[int, tuple[frozenset[str], bool]]:
    """Return the hashes of the numbers that these wishes are about, and that their people alone have; and whether these are all.

    What somebody shares is not told of them, nor taken from what was told before others got it.
    """
    among, other = values_subquery(session, wishes), aliased(ContactPhone)
    is_shared = exists().where(
        other.phone_id == ContactPhone.phone_id, other.contact_id != ContactPhone.contact_id
    )
    about = (
        select(WishNumber.wish_id, Phone.e164, WishNumber.number_hash, WishNumber.key_id, literal(False))
        .outerjoin(Phone, Phone.id == WishNumber.phone_id)
        .where(WishNumber.wish_id.in_(among))
    )
    theirs = (
        select(LEFT_ALONE.c.wish_id, Phone.e164, literal(""), literal(""), is_shared)
        .join(ContactPhone, ContactPhone.contact_id == LEFT_ALONE.c.contact_id)
        .join(Phone, Phone.id == ContactPhone.phone_id)
        .join(Wish, Wish.id == LEFT_ALONE.c.wish_id)
        .where(LEFT_ALONE.c.wish_id.in_(among), Wish.source != WishSource.EXCHANGE)
        .where(~is_strangers(ContactPhone.phone_id))
    )
    hashed, newest = number_hasher(settings.exchange_keys[0]), key_id(settings.exchange_keys[0])
    found: dict[int, tuple[set[str], bool]] = defaultdict(lambda: (set(), True))
    with full_scan(session):
        for wish_id, e164, number, key, shared in session.execute(union_all(about, theirs)):
            known, is_whole = found[wish_id]
            is_told = e164 is not None and not e164.startswith(ERASED) and not shared
            if is_told or key == newest:
                known.add(hashed(e164) if is_told else number)
            found[wish_id] = known, is_whole and is_told
    return {wish_id: (frozenset(known), is_whole) for wish_id, (known, is_whole) in found.items()}


# -- told by others


def _read_all(runtime: Runtime, peer: Peer, counts: Counter[str], *, now: datetime) -> None:
    """Read what another tells, from where this was last done; once a day from the start. Raises as `_AWAY`, BadInput."""
    with runtime.db.read() as session:
        row = session.get(ExchangePeer, peer.name)
    after, place = None, row.place if row and row.read_at and row.read_at.date() == now.date() else ""
    ends = time.monotonic() + _LONGEST_S
    while place != after and time.monotonic() < ends:
        after = place
        page = _fetch(runtime.settings, peer, after=after, ends=ends)
        with runtime.db.write() as session:
            counts.update(apply_page(session, runtime.settings, page, now=datetime.now(UTC)))
            place = _row_of(session, peer).place = page.place


def _fetch(settings: Settings, peer: Peer, *, after: str, ends: float) -> Page:
    """Return the page after a place, read before `time.monotonic()` is `ends`; nobody leads on to another address. Raises as `_AWAY`, BadInput."""
    asked = {"reader": settings.exchange_name, "after": after, "nonce": secrets.token_hex(16)}
    signature = signing_key(settings.secret_key, _USE).sign(request_text(office=peer.name, **asked)).hex()
    url, question = f"{peer.url}{PATH}", {**asked, "signature": signature}

    async def ask() -> tuple[int, str, Mapping[str, str]]:
        client = HttpClient(timeout_s=max(1.0, ends - time.monotonic()), in_flight=1)
        try:
            return await client.request("GET", url, params=question, form=None, headers={}, authorization="")
        finally:
            await client.close()

    status, text, headers = asyncio.run(ask())
    if status != HTTPStatus.OK:
        raise BadInput("exchange_refused", office=peer.name, status=status)
    body = text.encode()
    if not is_signed(body, headers.get(SIGNATURE, ""), by=peer.key):
        raise BadInput("exchange_signature_wrong", office=peer.name)
    expected = Page(peer.name, asked["reader"], asked["nonce"], "", datetime.now(UTC), after, [])
    return read_page(body, expected, keys=list(map(key_id, settings.exchange_keys)))


def apply_page(session: Session, settings: Settings, page: Page, *, now: datetime) -> dict[str, int]:
    """Make wishes of what is told for the first time, bring their numbers up to date, and take back what has ended.

    Returns counts. Of what was said here, what is told back is added and ends nothing.
    """
    hashed = number_hasher(next(each for each in settings.exchange_keys if key_id(each) == page.key))
    newest = session.scalar(select(func.max(Phone.id))) or 0
    found = _find_phones(session, page, hashed)  # before imports wait: of all numbers it takes seconds
    lock_imports(session)  # no import creates a number that this transaction does not see
    known = _find_known(session, page)
    of = {f"{told.office}/{told.uid}": told for told in page.wishes}
    new = {key: told for key, told in of.items() if told.numbers and not told.ended_at and key not in known}
    told_of = dict(zip(reserve_ids(session, Wish.__table__, len(new)), new.items(), strict=True))
    # What a restore has lost here counts as said by SMS: its owner ends it, and so does an officer.
    sources = {page.office: WishSource.EXCHANGE.value, page.reader: WishSource.SMS.value}
    rows = [
        (wish_id, sources[told.office], key, told.office, min(told.said_at, now))
        for wish_id, (key, told) in told_of.items()
    ]
    always = {"learned_at": now}
    insert_rows(session, Wish.__table__, ("id", "source", "evidence", "note", "said_at"), rows, always=always)
    theirs = {wish_id: of[key] for key, wish_id in known.items() if wish_id and of[key].office == page.office}
    numbers = _change_numbers(session, theirs)
    numbers += [(wish_id, number) for wish_id, (_, told) in told_of.items() for number in told.numbers]
    told_now = {number for _, number in numbers}
    known_phones = {found[each] for each in told_now & found.keys()}
    phones = _lock_phones(session, told_now, hashed, known_phones, newest)
    hashes = [(wish_id, number, page.key, phones.get(number)) for wish_id, number in numbers]
    insert_rows(session, WishNumber.__table__, ("wish_id", "number_hash", "key_id", "phone_id"), hashes)
    said = {row[0]: row[-1] for row in rows}
    asked: dict[int, datetime] = {}  # when numbers last asked for messages
    if phones:
        earliest = Phone.asked_at > min(said.values(), default=now)
        askers = session.execute(select(Phone.id, Phone.asked_at).where(earliest))
        asked = {phone_id: at for phone_id, at in askers if at}
    ended = {wish_id: told.ended_at for wish_id, told in theirs.items() if told.ended_at}
    ended |= _find_taken_back(numbers, phones, said, asked, now=now)
    ids = reserve_ids(session, Wish.__table__, len(ended))
    backs = [
        (row_id, wish_id, WishSource.EXCHANGE.value, min(ended[wish_id], now))
        for row_id, wish_id in zip(ids, ended, strict=True)
    ]
    insert_rows(session, Wish.__table__, ("id", "undoes_id", "source", "said_at"), backs, always=always)
    return {"taken": len(new), "taken_back": len(backs)}


def _find_taken_back(
    numbers: list[tuple[int, str]],
    phones: dict[str, int],
    said: dict[int, datetime],
    asked: dict[int, datetime],
    *,
    now: datetime,
) -> dict[int, datetime]:
    """Return which wishes the owner of a number has taken back by a later word to this office, and when."""
    heard = ((wish_id, asked.get(phones.get(number, 0))) for wish_id, number in numbers)
    return {wish_id: at for wish_id, at in heard if at and at > said.get(wish_id, now)}


def _find_known(session: Session, page: Page) -> dict[str, int | None]:
    """Return which wishes of a page are known, by office and uid: their rows' ids, None for those taken back or never lost here."""
    evidence = [f"{told.office}/{told.uid}" for told in page.wishes]
    query = select(Wish.evidence, Wish.id, standing()).where(
        Wish.evidence.in_(values_subquery(session, evidence, String)), Wish.undoes_id.is_(None)
    )
    known: dict[str, int | None] = {
        each: row_id if holds else None for each, row_id, holds in session.execute(query)
    }
    own = [read_place(told.uid) for told in page.wishes if told.office == page.reader]
    rows = select(Wish.id, Wish.source, Wish.said_at).where(Wish.id.in_(values_subquery(session, own)))
    return known | {f"{page.reader}/{uid_of(page.reader, *row)}": None for row in session.execute(rows)}


def _change_numbers(session: Session, told: dict[int, Told]) -> list[tuple[int, str]]:
    """Let known wishes be about no number that they are told of no longer. Returns what is to be added: wish and number."""
    have = defaultdict[int, set[str]](set)
    rows = select(WishNumber.wish_id, WishNumber.number_hash)
    for wish_id, number in session.execute(
        rows.where(WishNumber.wish_id.in_(values_subquery(session, told)))
    ):
        have[wish_id].add(number)
    gone = [
        {"wish_id": wish_id, "number_hash": number}
        for wish_id, each in told.items()
        if each.is_whole
        for number in have[wish_id] - each.numbers
    ]
    if gone:
        given = rows_table(session, {"wish_id": BigInteger, "number_hash": String}, gone)
        key = tuple_(WishNumber.wish_id, WishNumber.number_hash)
        change_rows(session, delete(WishNumber).where(key.in_(select(given.c.wish_id, given.c.number_hash))))
    return [(wish_id, number) for wish_id, each in told.items() for number in each.numbers - have[wish_id]]


def _find_phones(session: Session, page: Page, hashed: Callable[[str], str]) -> dict[str, int]:
    """Return the phones of a page's numbers by their hashes. All are hashed only where a number is told for the first time."""
    told = {number for each in page.wishes if not each.ended_at for number in each.numbers}
    among = WishNumber.number_hash.in_(values_subquery(session, told, String))
    known = session.execute(select(WishNumber.number_hash, WishNumber.phone_id).where(among)).all()
    found = {number: phone_id for number, phone_id in known if phone_id}
    if new := told - {number for number, _phone_id in known}:
        query = select(Phone.id, Phone.e164).execution_options(yield_per=5000)
        found |= {
            number: phone_id for phone_id, e164 in session.execute(query) if (number := hashed(e164)) in new
        }
    return found


def _lock_phones(
    session: Session,
    hashes: Collection[str],
    hashed: Callable[[str], str],
    known: Collection[int],
    newest: int,
) -> dict[str, int]:
    """Return the phones of these hashes, locked: a claim of one waits, or was before.

    They are among those `known` before the lock of imports, when the highest id was `newest`, or later ones, hashed now.
    """
    if not hashes:
        return {}
    later = session.execute(select(Phone.id, Phone.e164).where(Phone.id > newest - _OVERLAP))
    ids = {*known, *(phone_id for phone_id, e164 in later if hashed(e164) in hashes)}
    lock = select(Phone.id, Phone.e164).where(Phone.id.in_(values_subquery(session, ids)))
    rows = session.execute(lock.order_by(Phone.id).with_for_update(key_share=True)).all()
    return {
        number: phone_id for phone_id, e164 in rows if (number := hashed(e164)) in hashes
    }  # not erased since
