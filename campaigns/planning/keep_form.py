"""The campaign form as it is being written: kept as it is typed, before it is a valid draft.

Each form has a key. That of a new campaign is made with its page, belongs to the user who opened it and leads to the draft
that it becomes; the form of an existing draft is shared by all who may edit it. A version number tells when two write at once: who comes second is shown
both. `writer` names the open page, so that a page whose answer got lost is not taken for another person.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, CampaignForm
from campaigns.rules.states import CampaignState
from outreach.accounts.permissions import find_visible, require_role
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, NotFound, WrongState, or_raise
from outreach.use_cases import use_case

Fields = Mapping[str, Sequence[str]]
_KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")
_OF_CAMPAIGN = "campaign-"
_LONGEST = 200_000  # characters of all fields


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form as it was kept last: by whom, when, and its fields; {} once they are in the draft."""

    key: str
    campaign_id: int | None
    version: int
    fields: dict[str, list[str]]
    written_by: str
    written_at: datetime

    @property
    def name(self) -> str:
        """The campaign's name as typed, "" if there is none yet."""
        return next(iter(self.fields.get("name", ())), "").strip()


@dataclass(frozen=True, slots=True)
class FormVersion:
    """What a page says of its form: the key, the version that it read or kept last (0: none), and its own name."""

    key: str
    version: int
    writer: str


class WrittenMeanwhile(BadInput):
    """Error: another page has kept the form since this one read it; `kept` is what it kept."""

    kept: KeptForm


def key_of_campaign(campaign_id: int | str) -> str:
    """Return the key of the form of an existing campaign."""
    return f"{_OF_CAMPAIGN}{campaign_id}"


@use_case
def keep_form(session: Session, form: FormVersion, *, fields: Fields, user: User, now: datetime) -> KeptForm:
    """Store what was typed into a form. Raises WrittenMeanwhile, NotFound, NotAllowed, WrongState, BadInput."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if sum(len(value) for values in fields.values() for value in values) > _LONGEST:
        raise BadInput("form_too_long")
    kept = lock_form(session, form, user=user, now=now)
    if kept.campaign_id is not None:
        state = session.scalar(select(Campaign.state).where(Campaign.id == kept.campaign_id))
        if state is not CampaignState.DRAFT:
            raise WrongState("campaign_form_closed")
    kept.fields = {name: list(values) for name, values in fields.items()}
    _mark_written(kept, writer=form.writer, user=user, now=now)
    session.flush()
    return _kept(session, kept)


def lock_form(session: Session, form: FormVersion, *, user: User, now: datetime) -> CampaignForm:
    """Return a kept form, locked, that of its draft if it became one. Raises as `keep_form` does."""
    key = form.key
    kept = _find(session, key, user=user, lock=True)
    if kept is not None and kept.campaign_id is not None and not key.startswith(_OF_CAMPAIGN):
        key = key_of_campaign(kept.campaign_id)
        kept = _find(session, key, user=user, lock=True)
    if kept is None:
        kept = CampaignForm(
            key=key,
            campaign_id=int(key.removeprefix(_OF_CAMPAIGN)) if key.startswith(_OF_CAMPAIGN) else None,
            fields={},
            version=0,
            writer="",
            created_by=user.id,
            written_by=user.id,
            written_at=now,
        )
        session.add(kept)
        session.flush()
    if kept.version not in (form.version, 0) and kept.writer != form.writer:
        refusal = WrittenMeanwhile("form_written_meanwhile")
        refusal.kept = _kept(session, kept)
        raise refusal
    return kept


def mark_saved(
    kept: CampaignForm, form: FormVersion, campaign_id: int, *, user: User, now: datetime
) -> KeptForm:
    """Note that the form's fields are in the draft now."""
    kept.campaign_id, kept.fields = campaign_id, {}
    _mark_written(kept, writer=form.writer, user=user, now=now)
    return KeptForm(kept.key, campaign_id, kept.version, {}, user.shown_name, now)


def _mark_written(kept: CampaignForm, *, writer: str, user: User, now: datetime) -> None:
    kept.version += 1
    kept.writer, kept.written_by, kept.written_at = writer, user.id, now


def find_kept(session: Session, key: str, *, user: User) -> KeptForm | None:
    """Return what was kept under a key, None if nothing was. Raises NotFound for another's form."""
    form = _find(session, key, user=user)
    return None if form is None else _kept(session, form)


def read_kept_forms(session: Session, user: User) -> list[KeptForm]:
    """Return the user's forms of new campaigns that are not saved as a draft yet, the latest first."""
    forms = session.scalars(
        select(CampaignForm)
        .where(CampaignForm.created_by == user.id, CampaignForm.campaign_id.is_(None))
        .order_by(CampaignForm.written_at.desc())
        .limit(20)
    )
    return [_kept(session, form) for form in forms if form.fields]


@use_case
def drop_form(session: Session, key: str, *, user: User, now: datetime) -> None:
    """Forget what was kept of a form; a draft stays as it was saved. Raises NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    form = or_raise(_find(session, key, user=user, lock=True), NotFound("form_not_found"))
    form.fields = {}
    _mark_written(form, writer="", user=user, now=now)


def _find(session: Session, key: str, *, user: User, lock: bool = False) -> CampaignForm | None:
    if key.startswith(_OF_CAMPAIGN):
        number = key.removeprefix(_OF_CAMPAIGN)
        campaign_id = int(number) if number.isdecimal() and len(number) < 10 else 0
        find_visible(session, Campaign, campaign_id, user, NotFound("form_not_found"))
    elif not _KEY.fullmatch(key):
        raise NotFound("form_not_found")
    query = select(CampaignForm).where(CampaignForm.key == key)
    form = session.scalar(query.with_for_update() if lock else query)
    if form is not None and not key.startswith(_OF_CAMPAIGN) and form.created_by != user.id:
        raise NotFound("form_not_found")
    return form


def _kept(session: Session, form: CampaignForm) -> KeptForm:
    writer = session.get_one(User, form.written_by)
    return KeptForm(
        form.key, form.campaign_id, form.version, dict(form.fields), writer.shown_name, form.written_at
    )
