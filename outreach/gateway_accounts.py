"""Gateway accounts as settings: what a process needs to open the gateway of an account."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.core.db import read_once
from outreach.core.settings import Settings
from outreach.core.signed_tokens import open_sealed
from outreach.models.office import ENVIRONMENT, GatewayAccount, GatewayKind, GatewayState
from outreach.rules.gateway import ROADS, Channel, MessageIdentity, aggregator_road
from outreach.rules.keys import Purpose
from outreach.sms.aggregator import load_profile


@read_once
def read_accounts(session: Session) -> Sequence[GatewayAccount]:
    """Return the accounts that are not closed, in their order."""
    return session.scalars(
        select(GatewayAccount)
        .where(GatewayAccount.state != GatewayState.CLOSED)
        .order_by(GatewayAccount.position, GatewayAccount.id)
    ).all()


def read_names_of_gateways(session: Session) -> dict[int, str]:
    """Return the names of all accounts by id, closed ones too; "" for the environment's."""
    rows = session.execute(select(GatewayAccount.id, GatewayAccount.name, GatewayAccount.kind))
    return {id_: "" if kind is GatewayKind.ENVIRONMENT else name for id_, name, kind in rows}


def account_settings(account: GatewayAccount, settings: Settings) -> Settings:
    """Return the settings with which an account's gateway is opened: the environment's, with the account's in their place.

    Raises BadInput if its secret cannot be read by the keys of today.
    """
    if account.kind is GatewayKind.ENVIRONMENT:
        return settings
    keys = settings.keys_of(Purpose.GATEWAYS)
    secret = open_sealed(account.sealed_secret, keys=keys) if account.sealed_secret else ""
    options = account.options
    is_live = "yes" if settings.is_live else "no"
    if account.kind is GatewayKind.SMPP:
        parts = urlsplit(account.url)
        login = f"{quote(account.login, safe='')}:{quote(secret, safe='')}"
        return replace(
            settings,
            sms_gateway="smpp",
            sms_live=is_live,
            smpp_url=f"{parts.scheme}://{login}@{parts.netloc}",
            smpp_window=int(options.get("window", settings.smpp_window)),
            smpp_bind=str(options.get("bind", settings.smpp_bind)),
            smpp_long=str(options.get("long", settings.smpp_long)),
        )
    return replace(
        settings,
        sms_gateway="aggregator",
        sms_live=is_live,
        aggregator_profile=str(options["profile"]),
        aggregator_url=account.url,
        aggregator_key=account.login,
        aggregator_secret=secret,
        notice_account=str(options.get("notice_account", "")),
    )


def notice_channel(account: GatewayAccount, settings: Settings) -> Channel | None:
    """Return how notices go by an account, None where it has none. `settings` are the environment's."""
    profile, sender = account.options.get("profile"), account.options.get("notice_account")
    if account.kind is GatewayKind.ENVIRONMENT and settings.sms_gateway == "aggregator":
        profile, sender = settings.aggregator_profile, settings.notice_account
    return load_profile(str(profile)).channel if profile and sender else None


def has_notices(session: Session, settings: Settings) -> bool:
    """Return whether an account at work sends notices; else everything goes by SMS."""
    return any(
        each.state is GatewayState.ACTIVE and notice_channel(each, settings)
        for each in read_accounts(session)
    )


def road_of(settings: Settings) -> MessageIdentity:
    """Return what identifies a message at the gateway of these settings."""
    if settings.sms_gateway == "aggregator":
        return aggregator_road(load_profile(settings.aggregator_profile).request_id)
    return ROADS[settings.sms_gateway]


def read_roads(session: Session, settings: Settings) -> dict[int, MessageIdentity]:
    """Return the roads of the accounts that are not closed, by id. `settings` are the environment's."""
    return {
        account.id: road_of(settings)
        if account.kind is GatewayKind.ENVIRONMENT
        else aggregator_road(load_profile(str(account.options["profile"])).request_id)
        if account.kind is GatewayKind.AGGREGATOR
        else ROADS["smpp"]
        for account in read_accounts(session)
    }


def shared_name(account_id: int, settings: Settings) -> str:
    """Return the name under which the workers of an account share limits and faults. `settings` are the environment's."""
    return settings.account if account_id == ENVIRONMENT else f"gateway:{account_id}"


def dearest_price(session: Session, sender: str, *, usual_price_vnd: int) -> int:
    """Return the highest price of a segment at the gateways that may carry a sender's messages.

    A campaign reserves its budget by it, so that no choice of gateway spends more than was approved.
    """
    prices = {
        usual_price_vnd if vnd is None else vnd
        for account in read_accounts(session)
        if account.state is GatewayState.ACTIVE and (not account.senders or sender in account.senders)
        for vnd in (account.price_vnd, *account.prices.values())
    }
    return max(prices, default=usual_price_vnd)
