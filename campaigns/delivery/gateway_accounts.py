"""Gateway accounts as an administrator sets them up: saved, tested, put to work, drained, closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.delivery.claim_messages import read_gateway_terms
from campaigns.delivery.office_phones import send_test_message
from campaigns.delivery.open_gateways import read_fault
from campaigns.models.campaigns import Sender
from campaigns.models.messages import Attempt, AttemptTotal, Message
from campaigns.rules.delivery import is_charged
from campaigns.rules.draft import check_sender
from campaigns.rules.gateway_choice import GatewayTerms, in_order
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import FAILURES, AttemptState
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.core.db import count_rows
from outreach.core.settings import PROFILES, Settings
from outreach.core.signed_tokens import seal_secret
from outreach.gateway_accounts import read_accounts, shared_name
from outreach.models.accounts import User
from outreach.models.office import GatewayAccount, GatewayKind, GatewayState
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.rules.formats import read_positive
from outreach.rules.gateway import Proof
from outreach.rules.keys import Purpose
from outreach.rules.phone_numbers import Operator
from outreach.runtime import Runtime
from outreach.use_cases import use_case

Choice = TypeVar("Choice", bound=StrEnum)
# The operators that numbers may be of, as the pages list them.
OPERATORS = tuple(each for each in Operator if each is not Operator.OTHER)
_OPEN = (AttemptState.SENDING, AttemptState.UNKNOWN, AttemptState.ACCEPTED, AttemptState.SENT)
_MOVES = {
    GatewayState.TESTING: (GatewayState.ACTIVE, GatewayState.CLOSED),
    GatewayState.ACTIVE: (GatewayState.DRAINING,),
    GatewayState.DRAINING: (GatewayState.ACTIVE, GatewayState.CLOSED),
    GatewayState.CLOSED: (),
}


def profiles() -> list[str]:
    """Return the names of the aggregators' profiles that come with Loa."""
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


@dataclass(frozen=True, slots=True)
class TypedConnection:
    """Where a gateway is and the login that connects to it, as typed."""

    name: str = ""
    kind: str = ""
    profile: str = ""
    url: str = ""
    login: str = ""
    secret: str = ""
    notice_account: str = ""
    window: str = ""


@dataclass(frozen=True, slots=True)
class TypedTerms:
    """What is agreed with a gateway, as typed."""

    senders: str = ""
    operators: Sequence[str] = ()
    pace: str = ""
    price: str = ""
    prices: str = ""
    position: str = ""
    proof: str = ""
    is_unaccented: bool = False


@use_case
def save_gateway(
    session: Session,
    *,
    account_id: int | None,
    connection: TypedConnection,
    terms: TypedTerms,
    settings: Settings,
    user: User,
    now: datetime,
) -> GatewayAccount:
    """Create an account, to be tested first, or change one. Of the environment's only the terms can be changed.

    An empty secret keeps the one that is stored. Raises NotAllowed for anyone but an administrator, BadInput.
    """
    require_role(user)
    if not settings.is_live and not settings.sms_live:
        raise BadInput("gateway_live_undeclared")
    new = GatewayAccount(kind=GatewayKind.SMPP, state=GatewayState.TESTING, name="", changed_at=now)
    account = find_account(session, account_id) if account_id else new
    values: dict[str, Any] = {
        "senders": _read_senders(terms.senders),
        "operators": [each.value for each in OPERATORS if each.value in terms.operators],
        "pace": _read_number(terms.pace, most=10_000),
        "price_vnd": _read_price(terms.price),
        "prices": _read_prices(terms.prices),
        "position": _read_price(terms.position, most=1000) or 1,
        "proof": _read_choice(Proof, terms.proof) or Proof.OPERATOR,
        "has_unicode": not terms.is_unaccented,
    }
    if account.kind is not GatewayKind.ENVIRONMENT:
        values |= _read_connection(account, connection)
        taken = select(GatewayAccount.id).where(
            GatewayAccount.name == values["name"], GatewayAccount.id != (account.id or 0)
        )
        if session.scalar(taken):
            raise BadInput("gateway_name_taken", name=values["name"])
        _keep_secret(account, values, connection.secret.strip(), settings)
        if account.state is GatewayState.CLOSED:
            account.state = GatewayState.TESTING
    changes = audit.differences(account if account_id else GatewayAccount(), values)
    for field, value in values.items():
        setattr(account, field, value)
    account.changed_by, account.changed_at = user.id, now
    session.add(account)
    session.flush()
    logged = {field: (_loggable(before), _loggable(value)) for field, (before, value) in changes.items()}
    audit.record_change(session, "gateway.save", account, user, now, logged)
    return account


def _loggable(value: Any) -> Any:
    return str(value) if isinstance(value, dict | list) else value


def _keep_secret(account: GatewayAccount, values: dict[str, Any], secret: str, settings: Settings) -> None:
    """Seal a new secret. Raises BadInput where there is none, or the one that is kept would go to another address."""
    led_to = (account.url, (account.options or {}).get("profile"))
    # A kept password would go to whatever address is typed: nobody may get it out that way.
    if account.id and not secret and led_to != (values["url"], values["options"].get("profile")):
        raise BadInput("gateway_secret_again")
    if secret:
        account.sealed_secret = seal_secret(secret, keys=settings.keys_of(Purpose.GATEWAYS))
    if account.sealed_secret is None:
        raise BadInput("gateway_secret_missing")


def _read_connection(account: GatewayAccount, typed: TypedConnection) -> dict[str, Any]:
    name, url, login = " ".join(typed.name.split()), typed.url.strip().rstrip("/"), typed.login.strip()
    if not 0 < len(name) <= 60:
        raise BadInput("gateway_name_wrong")
    kind = account.kind if account.id else _read_choice(GatewayKind, typed.kind)
    if kind not in (GatewayKind.SMPP, GatewayKind.AGGREGATOR):
        raise BadInput("gateway_kind_wrong")
    is_smpp = kind is GatewayKind.SMPP
    schemes = ("smpp", "smpps") if is_smpp else ("http", "https")
    # Without an address an aggregator's profile has it.
    if not (_is_address(url, schemes) if url else not is_smpp):
        raise BadInput("gateway_url_wrong", schemes=[f"{scheme}://" for scheme in schemes])
    if not 0 < len(login) <= 120:
        raise BadInput("gateway_login_missing")
    if is_smpp:
        options = {**(account.options or {}), "window": _read_price(typed.window, most=10_000) or 10}
    elif typed.profile not in profiles():
        raise BadInput("gateway_profile_wrong", profiles=profiles())
    else:
        notices = typed.notice_account.strip()[:40]
        options = {"profile": typed.profile} | ({"notice_account": notices} if notices else {})
    return {"name": name, "kind": kind, "url": url, "login": login, "options": options}


def _is_address(url: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number
        return False
    return is_whole and not parts.username and not parts.password and len(url) <= 300


def _read_choice(kind: type[Choice], text: str) -> Choice | None:
    return next((each for each in kind if each.value == text), None)


def _read_senders(text: str) -> list[str]:
    names = [" ".join(name.split()) for name in text.replace("\n", ",").split(",") if name.strip()]
    for name in names:
        check_sender(name)
    return list(dict.fromkeys(names))


def _read_number(text: str, *, most: float) -> float | None:
    return read_positive(text, most=most, error=BadInput("gateway_number_wrong", text=text.strip()[:20]))


def _read_price(text: str, *, most: int = 100_000) -> int | None:
    number = _read_number(text, most=most)
    return None if number is None else round(number)


def _read_prices(text: str) -> dict[str, int]:
    """Read prices by operator, as in "viettel 400, vinaphone 420"."""
    prices: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.replace(";", ",").split(","))):
        name, _, price = part.replace(":", " ").partition(" ")
        operator = _read_choice(Operator, name.lower())
        vnd = _read_price(price)
        if operator is None or vnd is None:
            raise BadInput("gateway_prices_wrong", operators=[each.value for each in OPERATORS])
        prices[operator.value] = vnd
    return prices


def find_account(session: Session, account_id: int) -> GatewayAccount:
    """Return an account, locked. Raises NotFound."""
    account = session.get(GatewayAccount, account_id, with_for_update=True)
    if account is None:
        raise NotFound("gateway_unknown")
    return account


@use_case
def change_gateway_state(session: Session, account_id: int, *, state: str, user: User, now: datetime) -> None:
    """Put an account to work, drain it, or close it once nothing is left of it. A closed one's secret is removed.

    Raises NotAllowed, NotFound; WrongState for a move that there is not, one that was never tested, the last one that works, and
    one that still has messages without an end.
    """
    require_role(user)
    # All are locked, so that two presses do not drain the last two.
    accounts = session.scalars(select(GatewayAccount).order_by(GatewayAccount.id).with_for_update()).all()
    account = find_account(session, account_id)
    wanted = _read_choice(GatewayState, state)
    if wanted not in _MOVES[account.state]:
        raise WrongState("gateway_state_changed")
    if wanted is GatewayState.ACTIVE and not _is_tested(session, account):
        raise WrongState("gateway_untested")
    others = [each for each in accounts if each.id != account.id and each.state is GatewayState.ACTIVE]
    if wanted is GatewayState.DRAINING and not others:
        raise WrongState("gateway_last_active")
    if wanted is GatewayState.CLOSED:
        if left := count_open(session, account.id):
            raise WrongState("gateway_has_messages", messages=left)
        account.sealed_secret = None if account.kind is not GatewayKind.ENVIRONMENT else account.sealed_secret
    audit.record_change(session, "gateway.state", account, user, now, {"state": (account.state, wanted)})
    assert wanted is not None
    account.state, account.rested_until, account.changed_at = wanted, None, now


def _is_tested(session: Session, account: GatewayAccount) -> bool:
    if account.kind is GatewayKind.ENVIRONMENT:
        return True
    carried = (AttemptState.ACCEPTED, AttemptState.SENT, AttemptState.DELIVERED, AttemptState.NO_REPORT)
    # By the tests' messages: there is no index of attempts by account.
    tests = select(Attempt.id).join(Message, Message.id == Attempt.message_id)
    tests = tests.where(Message.account_id == account.id, Attempt.state.in_(carried))
    return session.scalar(tests.limit(1)) is not None


def count_open(session: Session, account_id: int) -> int:
    """Return how many of an account's attempts are under way, unknown, or without a final report."""
    return count_rows(session, Attempt, Attempt.state.in_(_OPEN), Attempt.account_id == account_id)


@use_case
def try_gateway(
    session: Session, account_id: int, *, number: str, settings: Settings, user: User, now: datetime
) -> None:
    """Send a test through this account to one's own phone, also before it is put to work. Raises as `send_test_message`."""
    require_role(user)
    account = find_account(session, account_id)
    if account.state is GatewayState.CLOSED:
        raise WrongState("gateway_state_changed")
    send_test_message(
        session,
        text=f"Loa: tin thu qua {account.name}, luc {now.astimezone(VIETNAM):%H:%M}.",
        unaccented=True,
        number=number,
        user=user,
        settings=settings,
        now=now,
        account_id=account.id,
    )


def read_common_fault(session: Session, runtime: Runtime) -> str:
    """Return the fault of the first gateway, if every active one has a fault: nothing is being sent then. Else ""."""
    faults = [
        read_fault(runtime.redis, shared_name(account.id, runtime.settings))
        for account in read_accounts(session)
        if account.state is GatewayState.ACTIVE
    ]
    return faults[0] if faults and all(faults) else ""


# -- the page ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GatewayLine:
    """An account as the page shows it. `left`: its attempts without an end; `states`: all its attempts, and their segments."""

    account: GatewayAccount
    is_resting: bool
    fault: str
    left: int
    accepted: int
    failed: int
    segments: int
    cost_vnd: int
    is_tested: bool
    moves: tuple[GatewayState, ...]


# Operators for which a sender's messages take the gateways in the same order: their ids, each with the price of a segment in VND.
_Route = tuple[list[Operator], tuple[tuple[int, int], ...]]


def read_gateways(
    session: Session, *, redis: Redis, settings: Settings, now: datetime
) -> tuple[list[GatewayLine], list[tuple[str, list[_Route]]]]:
    """Return the accounts with what became of their messages, and by sender which gateway carries whose messages."""
    accounts = session.scalars(
        select(GatewayAccount).order_by(GatewayAccount.position, GatewayAccount.id)
    ).all()
    totals: dict[int, dict[AttemptState, tuple[int, int]]] = {}
    kind = (AttemptTotal.account_id, AttemptTotal.state)
    query = select(*kind, func.sum(AttemptTotal.n), func.sum(AttemptTotal.segments)).group_by(*kind)
    for account_id, state, n, segments in session.execute(query):
        totals.setdefault(account_id, {})[state] = int(n), int(segments)
    lines = []
    for account in accounts:
        states = totals.get(account.id, {})
        failed = sum(states.get(state, (0, 0))[0] for state in FAILURES)
        segments = sum(count for state, (_n, count) in states.items() if is_charged(state))
        price = settings.price_per_segment_vnd if account.price_vnd is None else account.price_vnd
        lines.append(
            GatewayLine(
                account,
                account.rested_until is not None and account.rested_until > now,
                read_fault(redis, shared_name(account.id, settings)),
                count_open(session, account.id),
                sum(n for n, _segments in states.values()) - failed,
                failed,
                segments,
                segments * price,
                _is_tested(session, account),
                _MOVES[account.state],
            )
        )
    terms = read_gateway_terms(session, settings=settings, now=now)
    senders = session.scalars(select(Sender.name).order_by(Sender.name)).all()
    usual = settings.price_per_segment_vnd
    registered = sorted(name for each in terms for name in each.senders)
    names = list(dict.fromkeys([*senders, *registered, settings.twilio_from]))
    return lines, [(name, _routes(terms, name, usual=usual)) for name in names]


def _routes(terms: Sequence[GatewayTerms], sender: str, *, usual: int) -> list[_Route]:
    by_order: dict[tuple[tuple[int, int], ...], list[Operator]] = {}
    for operator in Operator:
        ordered = in_order(terms, sender, operator, usual_price_vnd=usual)
        prices = ((each.id, each.price_to(operator)) for each in ordered)
        order = tuple((gateway, usual if vnd is None else vnd) for gateway, vnd in prices)
        by_order.setdefault(order, []).append(operator)
    return [(operators, gateways) for gateways, operators in by_order.items()]
