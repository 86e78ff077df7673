"""Registers of senders and templates, as the operators have accepted them.

Names of senders are entered by an administrator. A campaign's texts must fit its sender's templates before they are approved.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from campaigns.models.campaigns import (
    Campaign,
    CampaignList,
    RegisteredTemplate,
    Sender,
    TemplateAtGateway,
    TemplateState,
)
from campaigns.planning.preview import EXAMPLE_TOKEN, values_of_campaign
from campaigns.rules.delivery import drops_accents
from campaigns.rules.draft import check_sender
from campaigns.rules.registered_templates import (
    RegisteredText,
    as_registered,
    check_registered,
    find_mismatch,
    parameters_of,
    renderings,
)
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.core.settings import Settings
from outreach.gateway_accounts import read_accounts
from outreach.models.accounts import User
from outreach.models.contacts import Contact, Membership
from outreach.models.office import GatewayAccount, GatewayState
from outreach.rules.errors import BadCampaign, BadInput, NotFound, or_raise
from outreach.rules.formats import read_day, read_positive
from outreach.rules.languages import VIETNAMESE
from outreach.rules.sms_template import find_gaps
from outreach.use_cases import use_case


@use_case
def register_sender(
    session: Session, *, name: str, registered_on: str, pace: str = "", note: str, user: User, now: datetime
) -> None:
    """Add a sender or change its entry. Without a date it is applied for and not registered yet.

    `pace` is in segments a second over all its campaigns and answers; empty means no limit. Raises NotAllowed for anyone
    but an administrator, BadInput for an invalid name or date.
    """
    require_role(user)
    name = " ".join(name.split())
    check_sender(name)
    day = registered_on.strip() or None
    if day and not read_day(day):
        raise BadInput("sender_day_wrong")
    per_second = read_positive(pace, most=10_000, error=BadInput("sender_rate_wrong"))
    session.merge(Sender(name=name, registered_on=day, pace=per_second, note=note.strip()))
    audit.record(session, "sender.register", f"senders:{name}", user, now)


@use_case
def remove_sender(session: Session, name: str, *, user: User, now: datetime) -> None:
    """Remove a sender from the register; its campaigns get a warning again. Raises NotFound, NotAllowed."""
    require_role(user)
    session.delete(or_raise(session.get(Sender, name), NotFound("sender_unknown", name=name)))
    audit.record(session, "sender.remove", f"senders:{name}", user, now)


@use_case
def save_template(
    session: Session, *, sender: str, text: str, note: str, user: User, now: datetime
) -> RegisteredTemplate:
    """Add a template; at each gateway its state is entered afterwards. Raises NotAllowed, BadInput."""
    require_role(user)
    sender = " ".join(sender.split())
    check_sender(sender)
    template = RegisteredTemplate(
        sender=sender, text=check_registered(text), note=note.strip()[:200], made_by=user.id, made_at=now
    )
    session.add(template)
    audit.record(session, "template.save", template, user, now)
    return template


@use_case
def set_template_state(
    session: Session, template_id: int, *, account_id: int, state: str, until: str, user: User, now: datetime
) -> None:
    """Enter what a gateway said of a template, or remove it. Raises NotAllowed, NotFound, BadInput."""
    require_role(user)
    template = find_template(session, template_id)
    if session.get(GatewayAccount, account_id) is None:
        raise NotFound("gateway_unknown")
    day = until.strip() or None
    if day and not read_day(day):
        raise BadInput("registered_until_wrong")
    if not state:
        template.states[:] = [each for each in template.states if each.account_id != account_id]
    else:
        wanted = next((each for each in TemplateState if each.value == state), None)
        if wanted is None:
            raise BadInput("template_state_wrong")
        session.merge(
            TemplateAtGateway(template_id=template.id, account_id=account_id, state=wanted, until=day)
        )
    audit.record(session, "template.state", template, user, now, gateway=account_id, outcome=state)


@use_case
def remove_template(session: Session, template_id: int, *, user: User, now: datetime) -> None:
    """Remove a template from the register. Raises NotAllowed, NotFound."""
    require_role(user)
    template = find_template(session, template_id)
    session.delete(template)
    audit.record(session, "template.remove", template, user, now)


def find_template(session: Session, template_id: int) -> RegisteredTemplate:
    """Return a template. Raises NotFound."""
    return or_raise(session.get(RegisteredTemplate, template_id), NotFound("template_unknown"))


def read_templates(session: Session) -> Sequence[RegisteredTemplate]:
    """Return all templates with their states."""
    return session.scalars(
        select(RegisteredTemplate)
        .order_by(RegisteredTemplate.sender, RegisteredTemplate.id)
        .options(selectinload(RegisteredTemplate.states))
    ).all()


def accepted_texts(session: Session, sender: str, *, now: datetime) -> list[RegisteredText] | None:
    """Return the templates that a gateway at work has accepted for a sender; None if none is registered for it at all."""
    templates = [each for each in read_templates(session) if each.sender == sender]
    if not templates:
        return None
    active = {account.id for account in read_accounts(session) if account.state is GatewayState.ACTIVE}
    today = now.astimezone(VIETNAM).date().isoformat()
    return [
        RegisteredText(template.id, template.text)
        for template in templates
        if any(
            each.account_id in active
            and each.state is TemplateState.ACCEPTED
            and (each.until is None or each.until >= today)
            for each in template.states
        )
    ]


def require_templates(session: Session, campaign: Campaign, *, settings: Settings, now: datetime) -> None:
    """Raise BadCampaign for a text's words that fit no accepted template of the sender, if it has any."""
    templates = accepted_texts(session, campaign.sender, now=now)
    if templates is None:
        return
    names = session.scalars(
        select(Contact.name)
        .distinct()
        .join(Membership, Membership.contact_id == Contact.id)
        .join(CampaignList, CampaignList.list_id == Membership.list_id)
        .where(CampaignList.campaign_id == campaign.id, Contact.name != "")
    ).all()
    link = f"{settings.link_base}/{EXAMPLE_TOKEN}"
    fields = values_of_campaign(session, campaign)
    for step, text, unaccented in _texts(campaign):
        for name, rendered in renderings(text, names=names, link=link, unaccented=unaccented, fields=fields):
            if (found := find_mismatch(rendered, templates)) is None:
                continue
            if found.template_id is None:
                raise BadCampaign("sender_without_template", step=step, sender=campaign.sender)
            template, extra = found.template_id, " ".join((*found.extra, *found.unfit)) or "–"
            sender, missing = campaign.sender, " ".join(found.missing) or "–"
            if name:
                raise BadCampaign(
                    "text_without_template",
                    step=step,
                    sender=sender,
                    template=template,
                    extra=extra,
                    missing=missing,
                )
            raise BadCampaign(
                "nameless_without_template",
                step=step,
                sender=sender,
                template=template,
                extra=extra,
                missing=missing,
            )


def _texts(campaign: Campaign) -> Iterator[tuple[int, str, bool]]:
    """Yield each text of a campaign's messages, with its step and whether it loses its accents."""
    for step in campaign.steps:
        for variant, text in {"": step.text, "b": step.text_b, **dict(sorted(step.texts.items()))}.items():
            if text:
                language = variant if variant in step.texts else VIETNAMESE
                yield step.number, text, drops_accents(language, campaign)


def refuse_gaps(campaign: Campaign) -> None:
    """Raise BadCampaign for the first text of a message in which something has yet to be filled in."""
    for step, text, _unaccented in _texts(campaign):
        if gaps := find_gaps(text):
            raise BadCampaign("text_has_gaps", step=step, gaps=gaps)


def form_rows(campaign: Campaign) -> list[list[str | int]]:
    """Return a campaign's texts as the operators' form: sender, text with parameters, and each parameter's type and length."""
    rows: list[list[str | int]] = []
    written: dict[str, None] = {}
    for _step, text, unaccented in _texts(campaign):
        written |= dict.fromkeys(as_registered(text, unaccented=unaccented, fields=campaign.fields))
    for n, text in enumerate(written, start=1):
        plain, parameters = parameters_of(text)
        cells = [cell for kind, length in parameters for cell in (kind, length)]
        rows.append([n, campaign.sender, plain, *cells])
    return rows
