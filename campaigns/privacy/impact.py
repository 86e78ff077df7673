"""Facts for the assessment of the processing's impact: what is kept of whom, on what basis, and where it goes.

They are read from the settings and the database each time, so that the page is never older than the installation.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import exists, func, select, union
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign
from campaigns.models.privacy import ConsentEvent, PersonRequest
from campaigns.models.webhooks import Subscription
from campaigns.privacy.clocks import load_clocks
from campaigns.privacy.requests import count_unreported
from campaigns.rules.privacy import clocks_on
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.permissions import require_role
from outreach.accounts.users import find_office
from outreach.contacts.wishes import standing
from outreach.core.db import count_rows
from outreach.core.settings import TWILIO_API, Settings
from outreach.gateway_accounts import read_accounts
from outreach.models.accounts import ApiToken, Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    LegalBasis,
    Membership,
    Phone,
    Suppression,
    Wish,
    WishNumber,
)
from outreach.models.office import GatewayKind
from outreach.rules.identity import ERASED
from outreach.sms.aggregator import load_profile


def read_impact(session: Session, settings: Settings, *, user: User, now: datetime) -> dict[str, Any]:
    """Return the facts as of now; hosts without scheme and login, "" where there is none. Raises NotAllowed for anyone but administrators and auditors.

    `by_basis`: lists and people by legal basis, None where it is not recorded; `without_consent`: people in lists based on consent who
    have no consent of their own on record; `receivers`: other systems that are told of events.
    """
    require_role(user, Role.AUDITOR)
    today = now.astimezone(VIETNAM).date()
    clocks, office = clocks_on(load_clocks(), today), find_office(session)
    addresses = {"smpp": settings.smpp_url, "aggregator": settings.aggregator_url}
    own_host = _host(addresses.get(settings.sms_gateway, settings.api_base_url))
    others = [  # that were set up on the page and are not closed
        _host(account.url or load_profile(account.options["profile"]).url)
        for account in read_accounts(session)
        if account.kind is not GatewayKind.ENVIRONMENT
    ]
    hosts = [host for host in dict.fromkeys([own_host, *others]) if host]
    has_event = exists().where(ConsentEvent.contact_id == Membership.contact_id, ConsentEvent.is_given)
    of_lists = select(Membership.contact_id).join(ContactList, ContactList.id == Membership.list_id)
    without_consent = of_lists.where(ContactList.basis == LegalBasis.CONSENT, ~has_event)
    receivers = select(Subscription.url).where(Subscription.ended_at.is_(None))
    return {
        "office": office.name if office else "",
        "people": count_rows(session, Contact),
        "phones": count_rows(session, Phone, ~Phone.e164.startswith(ERASED)),
        "children": count_rows(session, Contact, Contact.birth_year > today.year - clocks.child_age),
        "perhaps_children": count_rows(session, Contact, Contact.birth_year == today.year - clocks.child_age),
        "by_basis": _by_basis(session),
        "without_consent": count_rows(session, without_consent.distinct()),
        "suppressed": count_rows(
            session,
            union(
                select(Suppression.number_hash).where(Suppression.lifted_at.is_(None)),
                select(WishNumber.number_hash).join(Wish, Wish.id == WishNumber.wish_id).where(standing()),
            ),
        ),
        "kinds": sorted(session.scalars(select(Campaign.kind).distinct())),
        "gateway": settings.sms_gateway,
        "gateway_host": ", ".join(hosts),
        "is_live": settings.is_live,
        "is_abroad": any(host.endswith(_host(TWILIO_API).removeprefix("api")) for host in hosts),
        "mail_host": _host(settings.smtp_url),
        "faults_host": _host(settings.sentry_dsn),
        "receivers": sorted({*map(_host, session.scalars(receivers))}),
        "tokens": count_rows(session, ApiToken, ApiToken.ended_at.is_(None), ApiToken.expires_at > now),
        "users": dict(
            session.execute(select(User.role, func.count()).where(User.is_active).group_by(User.role)).all()
        ),
        "has_second_factor": settings.requires_second_factor,
        "is_encrypted": settings.public_base_url.startswith("https:"),
        "database": settings.database_url.partition(":")[0].partition("+")[0],
        "retention_days": settings.retention_days,
        "health_retention_days": settings.health_retention_days,
        "upload_keep_days": settings.upload_keep_days,
        "requests": count_rows(session, PersonRequest),
        "open_breaches": count_unreported(session, now=now)[0],
        "clocks": clocks,
    }


def _by_basis(session: Session) -> Sequence[Any]:
    lists = func.count(ContactList.id.distinct()).label("lists")
    people = func.count(Membership.contact_id.distinct()).label("people")
    query = select(ContactList.basis, lists, people).select_from(ContactList)
    query = query.outerjoin(Membership, Membership.list_id == ContactList.id).group_by(ContactList.basis)
    order = [*LegalBasis, None]
    return sorted(session.execute(query), key=lambda row: order.index(row.basis))


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
