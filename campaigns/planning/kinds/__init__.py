"""Kinds of campaign: those that come with Loa, a TOML file for each named after the kind, and those made by staff.

`load_kinds` needs no database and has the files alone; all else that has a session reads both. A campaign copies its kind's
content when it is written, so a later change of the kind changes no campaign.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from campaigns.models.campaigns import MadeKind
from campaigns.rules.content import read_content
from campaigns.rules.content_texts import check_texts, find_copied, split_content
from campaigns.rules.kind_words import KindWords, read_words
from campaigns.rules.reach import outside_base
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import understand
from outreach.accounts import audit
from outreach.accounts.permissions import is_province_staff, require_role
from outreach.accounts.users import find_office
from outreach.core.db import Database, read_once
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState, or_raise
from outreach.rules.segments import unaccent
from outreach.use_cases import use_case


def needs_smartphone(session: Session, kind: str) -> bool:
    """Return whether campaigns of a kind are about an app. Assumed for an unknown kind."""
    return bool((find_content(session, kind) or {"app": True}).get("app"))


def find_outside_base(session: Session, kind: str) -> frozenset[Label]:
    """Return the answers of people whom the base of a kind's shares leaves out."""
    return outside_base(needs_smartphone=needs_smartphone(session, kind))


def words_of(session: Session, kind: str) -> KindWords:
    """Return the words of a kind; of an unknown one, words that fit any action."""
    return read_words(find_content(session, kind) or {})


def title_of(session: Session, kind: str) -> str:
    """Return what a kind is called; of an unknown one, its name."""
    return str((find_content(session, kind) or {}).get("title", kind))


def find_content(session: Session, kind: str) -> dict[str, Any] | None:
    """Return a kind's content, or None for an unknown one."""
    shipped = load_kinds().get(kind)
    return shipped or session.scalar(select(MadeKind.content).where(MadeKind.code == kind))


@cache
def load_kinds() -> dict[str, dict[str, Any]]:
    """Return the content of every kind that comes with Loa, by name."""
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
        for path in sorted(Path(__file__).parent.glob("*.toml"))
    }


@read_once
def all_kinds(session: Session) -> dict[str, dict[str, Any]]:
    """Return every kind's content, by name: those that come with Loa, then those made in the office."""
    made = session.execute(select(MadeKind.code, MadeKind.content).order_by(MadeKind.code)).all()
    return load_kinds() | {code: content for code, content in made if code not in load_kinds()}


def known_kinds(db: Database) -> dict[str, dict[str, Any]]:
    """Return every kind's content for a command; where there is no database yet, of those that come with Loa."""
    is_missing = not db.is_postgresql and not Path(db.url.database or "").exists()
    try:
        if not is_missing:
            with db.read() as session:
                return all_kinds(session)
    except DBAPIError:
        pass  # away, or not set up
    return load_kinds()


class KindFacts(NamedTuple):
    """What pages have to know of a kind: its title and words, and whether it is about an app."""

    title: str
    words: KindWords
    has_app: bool


def facts_of(content: Mapping[str, Any]) -> KindFacts:
    """Return the facts of a kind's content."""
    return KindFacts(str(content["title"]), read_words(content), bool(content.get("app")))


def made_kinds(session: Session) -> dict[str, KindFacts]:
    """Return the facts of the kinds made in the office, by name."""
    made = session.execute(select(MadeKind.code, MadeKind.content)).all()
    return {code: facts_of(content) for code, content in made}


def office_kinds(session: Session) -> dict[str, dict[str, Any]]:
    """Return every kind's content, those that come with Loa with this installation's Front committee as who writes."""
    office = find_office(session)
    return {
        name: {**content, "issuer": office.name} if office and name in load_kinds() else content
        for name, content in all_kinds(session).items()
    }


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
