"""What the form of a new campaign begins with, and what of a form is other than that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from admin.views.campaign_fields import Form, Kinds, fill_content, fill_form
from campaigns.models.campaigns import Campaign, Sender
from campaigns.planning.drafts import suggest_text
from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import read_content
from campaigns.rules.content_texts import split_content
from outreach.accounts.permissions import visible_to
from outreach.imports.uploads import find_list
from outreach.models.accounts import Organisation, User

# What a new campaign begins with, whatever its kind.
USUAL = {
    "unaccented": True,
    "window": ["08:00", "20:00"],
    "pace": 20,
    "cap_per_day": 3,
}


def new_form(session: Session, user: User, list_id: int | None, *, kinds: Kinds, takes_replies: bool) -> Form:
    """Return a form with the usual values, of the usual kind if there is one."""
    kind = usual_kind(session, user, kinds)
    issuer = propose_issuer(session, user, list_id) or kinds.get(kind, {}).get("issuer", "")
    text = ""
    if kind:
        text = suggest_text(read_content({**kinds[kind], "issuer": issuer}), takes_replies=takes_replies)
    return fill_form(
        {
            "kind": kind,
            "content": {"issuer": issuer},
            "sender": usual_sender(session, user),
            "text": text,
            **USUAL,
        },
        kinds=kinds,
    )


def usual_kind(session: Session, user: User, kinds: Kinds) -> str:
    """Return the office's only kind, or the one that the user or the user's organisation wrote last; "" to have it chosen."""
    if len(kinds) == 1:
        return next(iter(kinds))
    own = Campaign.created_by == user.id
    if user.organisation_id:
        own = or_(own, Campaign.organisation_id == user.organisation_id)
    last = session.scalar(select(Campaign.kind).where(own).order_by(Campaign.id.desc()).limit(1))
    return last if last and last in kinds else ""


def suggest_anew(form: Form, kinds: Mapping[str, Mapping[str, Any]], *, takes_replies: bool) -> None:
    """Fill in the texts of the chosen kind, and its suggested message unless the officer has changed the earlier suggestion."""

    text, old_kind = form.get("text", ""), form.get("content_of", "")
    # Who writes stays, if it is not just what the old kind has.
    issuer, kinds_own = form.get("c.issuer", ""), kinds.get(old_kind, {}).get("issuer")
    new = {**kinds[form["kind"]], **({} if issuer in ("", kinds_own) else {"issuer": issuer})}

    def suggested(content: Mapping[str, Any]) -> str:
        return suggest_text(read_content(content), takes_replies=takes_replies)

    if not text.split() or (
        old_kind in kinds
        and text.split() == suggested({**kinds[old_kind], "issuer": issuer or kinds_own}).split()
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


def usual_issuers(session: Session, user: User, form: Form) -> set[str]:
    """Return who usually writes a campaign: the user's organisation, those of its lists, and who the kind's file names."""
    codes = {key.partition("/")[0] for key in form.getlist("lists")} | {*form.getlist("organisations")}
    named = session.scalars(select(Organisation.name).where(Organisation.code.in_(codes)))
    of_kind = load_kinds().get(form.get("kind", ""), {}).get("issuer", "")
    return {*named, propose_issuer(session, user, None), of_kind}


def find_unusual(form: Form, *, kinds: Kinds, issuers: set[str]) -> dict[str, list[str]]:
    """Return by card what is set to something else than in a new form, of what a first campaign can leave as it is.

    `issuers` are the usual ones.
    """
    usual = fill_form(USUAL, kinds=kinds)
    kind = form.get("kind", "")
    is_of_kind = kind in kinds and form.get("content_of") == kind
    texts = split_content(kinds[kind])[0] if is_of_kind else {}
    own = (kinds[kind].get("own_answers") or {}) if is_of_kind else {}
    written = [key for key in form if key.startswith("c.") and ".languages." not in key]
    is_reworded = is_of_kind and (
        any(form[key].split() != texts.get(key[2:], "").split() for key in written if key != "c.issuer")
        or form.get("c.issuer", "") not in {*issuers, texts.get("issuer", "")}
        or any(form.get(f"own_means_{n}", "") != each.get("means", "") for n, each in own.items())
    )

    def has(*names: str) -> bool:
        return any(value.strip() for name in names for value in form.getlist(name))

    def has_any(*starts: str) -> bool:
        return has(*(name for name in form if name.startswith(starts)))

    def differs(*names: str) -> bool:
        return any(form.get(name, "").strip() != usual.get(name, "") for name in names)

    found = {
        "whom": [
            (has("organisations"), _("mọi danh sách của tổ chức")),
            (has("also_in"), _("phải có cả trong danh sách khác")),
            (has("areas"), _("địa bàn")),
            (has("except"), _("trừ người trong danh sách")),
            (has("smartphone", "answered", "languages"), _("điều kiện khác")),
        ],
        "words": [
            (not form.get("unaccented"), _("gửi có dấu")),
            (has("unaccented_languages"), _("bỏ dấu cả ở tiếng khác")),
            (has("text_b", "step_text_b"), _("hai nội dung để so")),
            (has("hold_out", "step_hold_out"), _("nhóm đối chứng")),
            (has_any("texts.", "step_texts.") or has("page_language"), _("ngôn ngữ khác")),
            (bool(form.getlist("step_text")), _("nhắc lại")),
            (is_reworded, _("câu hỏi, trang trả lời, lời đáp")),
        ],
        "when": [
            (has("urgent"), _("cảnh báo khẩn cấp")),
            (has("deadline"), _("thời hạn")),
            (differs("pace"), _("tốc độ gửi")),
            (differs("cap_per_day"), _("số tin tối đa mỗi ngày")),
            (has("budget_vnd"), _("ngân sách")),
            (differs("goal_percent") or has_any("goal_d", "goal_s"), _("mục tiêu")),
        ],
    }
    return {card: [name for is_set, name in each if is_set] for card, each in found.items()}
