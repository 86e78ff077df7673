"""What the form of a new campaign begins with: kind, sender, who writes, and the suggested message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.views.campaign_fields import Form, Kinds, fill_content, fill_form
from campaigns.models.campaigns import Campaign, Sender
from campaigns.planning.drafts import suggest_text
from campaigns.planning.drives import current_drive
from campaigns.rules.content import read_content
from campaigns.rules.draft import DEFAULT_KIND
from outreach.accounts.permissions import visible_to
from outreach.imports.uploads import find_list
from outreach.models.accounts import Organisation, User


def new_form(session: Session, user: User, list_id: int | None, *, kinds: Kinds, takes_replies: bool) -> Form:
    """Return a form with the values that officers of the Front use most often, of the kind of the chosen drive."""
    drive = current_drive(session)
    kind = drive.kind if drive and drive.kind in kinds else DEFAULT_KIND
    issuer = propose_issuer(session, user, list_id) or kinds[kind]["issuer"]
    content = {**kinds[kind], "issuer": issuer}
    return fill_form(
        {
            "kind": kind,
            "content": {"issuer": issuer},
            "sender": usual_sender(session, user),
            "text": suggest_text(read_content(content), takes_replies=takes_replies),
            "unaccented": True,
            "window": ["08:00", "20:00"],
            "pace": 20,
            "cap_per_day": 3,
            "goal": {"share": 0.5},
        },
        kinds=kinds,
    )


def suggest_anew(form: Form, kinds: Mapping[str, Mapping[str, Any]], *, takes_replies: bool) -> None:
    """Fill in the texts of the chosen kind, and its suggested message unless the officer has changed the earlier suggestion."""

    text, old_kind = form.get("text", ""), form.get("content_of", "")
    # Who writes stays, if it is not just what the old kind has.
    issuer, kinds_own = form.get("c.issuer", ""), kinds.get(old_kind, {}).get("issuer")
    new = {**kinds[form["kind"]], **({} if issuer in ("", kinds_own) else {"issuer": issuer})}

    def suggested(content: Mapping[str, Any]) -> str:
        return suggest_text(read_content(content), takes_replies=takes_replies)

    if old_kind in kinds and text.split() in (
        [],
        suggested({**kinds[old_kind], "issuer": issuer or kinds_own}).split(),
    ):
        form["text"] = suggested(new)
    fill_content(form, new)


def propose_issuer(session: Session, user: User, list_id: int | None) -> str:
    """Return who a new campaign is written by: the organisation of the list that it is begun for, else the user's; "" for neither."""
    organisation_id = user.organisation_id
    if list_id:
        organisation_id = find_list(session, list_id, user=user).organisation_id
    organisation = session.get(Organisation, organisation_id) if organisation_id else None
    return organisation.name if organisation else ""


def usual_sender(session: Session, user: User) -> str:
    registered = session.scalar(
        select(Sender.name).where(Sender.registered_on.is_not(None)).order_by(Sender.name).limit(1)
    )
    latest = session.scalar(
        select(Campaign.sender)
        .where(visible_to(session, user, Campaign.organisation_id))
        .order_by(Campaign.id.desc())
        .limit(1)
    )
    return registered or latest or ""
