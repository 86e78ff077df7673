"""Kinds of campaign made in the office: stored, changed, and their words tried on replies.

A campaign copies its kind's content when it is written, so a later change of the kind changes no campaign.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import MadeKind
from campaigns.planning.kinds import all_kinds, load_kinds
from campaigns.rules.content import read_content
from campaigns.rules.content_texts import check_texts, find_copied, split_content
from campaigns.rules.kind_words import read_words
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import understand
from outreach.accounts import audit
from outreach.accounts.permissions import is_province_staff, require_role
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState, or_raise
from outreach.rules.segments import unaccent
from outreach.use_cases import use_case

MOST_TRIED = 50  # replies
_MOST_KINDS = 200
# What a kind begins with where it is made from no other.
BLANK: dict[str, Any] = {
    "issuer": "Ủy ban MTTQ Việt Nam",
    "contact": "trưởng thôn, tổ trưởng tổ dân phố",
    "answers": {
        label: {name: text for name, text in parts.items() if "{link}" not in text}
        for label, parts in load_kinds()["moi-du"]["answers"].items()
        if label == "opt_out"
    },
    "own_answers": {"1": {"text": "", "means": "installed"}, "2": {"text": "", "means": "not_yet"}},
}
# What the preview shows for what is not written yet.
GAPS = {"title": "[việc cần làm]", "question": "[câu hỏi]", "issuer": "[nơi gửi]"}


def find_kind(session: Session, code: str) -> MadeKind:
    """Return a kind made in the office. Raises NotFound."""
    kind = session.scalar(select(MadeKind).where(MadeKind.code == code))
    return or_raise(kind, NotFound("kind_not_found", code=code[:40]))


def check_kind(content: Mapping[str, Any]) -> None:
    """Raise BadCampaign or BadInput for content with which no campaign of a kind could be written."""
    read_content(content)
    check_texts(content)
    if read_words(content).done == read_words({}).done:
        raise BadInput("kind_words_missing")
    # Without its own verbs replies would be understood by those of another kind.
    if not (content.get("vocabulary") or {}).get("verbs"):
        raise BadInput("kind_verbs_missing")


@use_case
def create_kind(session: Session, content: dict[str, Any], *, user: User, now: datetime) -> MadeKind:
    """Store a new kind, whose name in files and addresses follows from its title. Raises BadInput, NotAllowed."""
    _require(session, user)
    check_kind(content)
    kinds = all_kinds(session)
    if len(kinds) >= _MOST_KINDS:
        raise WrongState("kinds_too_many", most=_MOST_KINDS)
    stem = re.sub(r"[^a-z0-9]+", "-", unaccent(str(content["title"])).lower()).strip("-")[:32] or "loai"
    code = next(
        name for name in (stem, *(f"{stem}-{n}" for n in range(2, _MOST_KINDS + 2))) if name not in kinds
    )
    kind = MadeKind(code=code, content=content, created_by=user.id, created_at=now)
    session.add(kind)
    audit.record(session, "kind.create", kind, user, now)
    return kind


@use_case
def edit_kind(
    session: Session, code: str, content: dict[str, Any], *, since: str, user: User, now: datetime
) -> MadeKind:
    """Change a kind unless it changed after `since`. Raises BadInput, NotFound, NotAllowed, WrongState."""
    _require(session, user)
    check_kind(content)
    kind = find_kind(session, code)
    session.refresh(kind, with_for_update=True)
    if kind.edition != since:
        raise WrongState("kind_changed_meanwhile")
    kind.content, kind.edited_at = content, now
    audit.record(session, "kind.edit", kind, user, now)
    return kind


def _require(session: Session, user: User) -> None:
    require_role(user, Role.STAFF, Role.APPROVER)
    if not is_province_staff(session, user):
        raise NotAllowed("kinds_not_allowed")


@dataclass(frozen=True, slots=True)
class TriedReply:
    """How a reply would be understood in campaigns of a kind. `is_automatic`: no officer would have to look at it."""

    body: str
    label: Label
    confidence: float
    is_automatic: bool
    own: int | None = None  # which of the kind's own answers


def try_words(content: Mapping[str, Any], replies: Sequence[str]) -> list[TriedReply]:
    """Return how replies are understood by a kind's words, at most MOST_TRIED of them."""
    read = read_content(content)
    tried = []
    for body in [line.strip() for line in replies if line.strip()][:MOST_TRIED]:
        found = understand(body, read.heard())
        tried.append(TriedReply(body, found.stored_label, found.confidence, found.is_automatic, found.own))
    return tried


def drop_copied(
    content: dict[str, Any], source: Mapping[str, Any], *, kinds: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Leave out of a new kind's `content` what the page and the acknowledgements say of the kind that it was made from.

    Returns the texts that its author has to write anew: path, words of the other kind. What most kinds say alike stays.
    """
    texts = [set(split_content(kind)[0].values()) for kind in kinds.values()]
    standard = {
        text for each in texts for text in each if sum(text in other for other in texts) > len(texts) / 2
    }
    found = find_copied(content, source, standard=standard)
    before = split_content(source)[0]
    for path in [path for path in found if path.startswith(("page.", "answers.", "app."))]:
        table = content
        *tables, name = path.split(".")
        for key in tables:
            table = table[key]
        if split_content(content)[0][path] == before.get(path):
            del table[name], found[path]
    return found


def is_made(code: str) -> bool:
    """Return whether a kind does not come with Loa."""
    return code not in load_kinds()
