"""Languages of the installation: which are offered for texts, and what unknown spellings in lists mean.

A spelling that the register does not know is kept with the phones of its rows. Its answer sets their language, and that of
every later row written so; nobody loses the language that a list gave.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import is_province_staff
from outreach.core.db import id_of, insert_new, set_columns, values_subquery
from outreach.models.accounts import User
from outreach.models.contacts import Language, LanguageSpelling, Phone, UnreadLanguage
from outreach.rules.errors import BadInput, NotAllowed, NotFound
from outreach.rules.languages import NAMES, VIETNAMESE, spelling_key
from outreach.use_cases import use_case


@dataclass(frozen=True, slots=True)
class OpenSpelling:
    """Spelling that waits for an answer, and of how many phones it is the language."""

    id: int
    text: str
    phones: int


def read_offered(session: Session) -> dict[str, str]:
    """Return the languages offered beside Vietnamese: names by code, in the register's order."""
    offered = set(session.scalars(select(Language.code)))
    return {code: name for code, name in NAMES.items() if code in offered}


def read_own_spellings(session: Session) -> dict[str, str]:
    """Return the codes that were settled for spellings of this installation's lists, by spelling key."""
    settled = session.execute(
        select(LanguageSpelling.key, LanguageSpelling.code).where(LanguageSpelling.code.is_not(None))
    )
    return {key: code for key, code in settled if code}


def read_open_spellings(session: Session) -> list[OpenSpelling]:
    """Return the spellings that wait for an answer, those of most phones first."""
    phones = func.count(UnreadLanguage.phone_id)
    rows = session.execute(
        select(LanguageSpelling.id, LanguageSpelling.text, phones)
        .outerjoin(UnreadLanguage, UnreadLanguage.spelling_id == LanguageSpelling.id)
        .where(LanguageSpelling.code.is_(None))
        .group_by(LanguageSpelling.id, LanguageSpelling.text)
        .order_by(phones.desc(), LanguageSpelling.id)
    )
    return [OpenSpelling(*row) for row in rows]


def keep_unread(session: Session, written: Mapping[str, Sequence[int]]) -> None:
    """Keep spellings that name no known language, each with the ids of its phones that have no language yet."""
    texts = {key: text for text in written if (key := spelling_key(text)[:80])}
    if not texts:
        return
    session.execute(
        insert_new(session, LanguageSpelling),
        [{"key": key, "text": text[:80]} for key, text in sorted(texts.items())],
    )
    ids: dict[str, int] = dict(
        session.execute(
            select(LanguageSpelling.key, LanguageSpelling.id).where(LanguageSpelling.key.in_(texts))
        ).all()
    )
    for text, phones in written.items():
        if spelling_id := ids.get(spelling_key(text)[:80]):
            without = select(Phone.id, Phone.id * 0 + spelling_id).where(
                Phone.id.in_(values_subquery(session, sorted(set(phones)))), Phone.language.is_(None)
            )
            session.execute(
                insert_new(session, UnreadLanguage).from_select(["phone_id", "spelling_id"], without)
            )


@use_case
def settle_spelling(session: Session, spelling_id: int, *, code: str, user: User, now: datetime) -> int:
    """Settle which language a spelling names, offer that language, and set it for the phones that wait. Returns how many.

    A language that a phone has got meanwhile is kept. Raises NotFound, also for staff who do not see the whole province, and
    BadInput for a code that is not in the register.
    """
    if not is_province_staff(session, user):
        raise NotFound("language_spelling_unknown")
    spelling = session.get(LanguageSpelling, spelling_id, with_for_update=True)
    if spelling is None:
        raise NotFound("language_spelling_unknown")
    if code not in NAMES:
        raise BadInput("language_unknown")
    spelling.code, spelling.decided_by, spelling.decided_at = code, user.id, now
    waits = select(UnreadLanguage.phone_id).where(UnreadLanguage.spelling_id == spelling.id)
    phones = set_columns(session, Phone, Phone.id.in_(waits), Phone.language.is_(None), language=code)
    session.execute(delete(UnreadLanguage).where(UnreadLanguage.spelling_id == spelling.id))
    _offer(session, [code], user=user, now=now)
    audit.record(
        session, "language.settle", f"languages:{code}", user, now, spelling=spelling.id, phones=phones
    )
    return phones


@use_case
def offer_languages(session: Session, *, codes: Iterable[str], user: User, now: datetime) -> list[str]:
    """Offer exactly these languages beside Vietnamese. Returns their codes.

    Texts already written in a language that is no longer offered stay, and so do people's languages. Raises NotAllowed for
    staff who do not see the whole province, BadInput for a code that is not in the register.
    """
    if not is_province_staff(session, user):
        raise NotAllowed("languages_not_allowed")
    chosen = sorted(set(codes) - {VIETNAMESE})
    if not set(chosen) <= NAMES.keys():
        raise BadInput("language_unknown")
    session.execute(delete(Language).where(Language.code.not_in(chosen)))
    _offer(session, chosen, user=user, now=now)
    audit.record(session, "language.offer", "languages:0", user, now, codes=chosen)
    return chosen


def _offer(session: Session, codes: Iterable[str], *, user: User | None, now: datetime) -> None:
    known = set(session.scalars(select(Language.code)))
    session.add_all(
        Language(code=code, offered_by=id_of(user), offered_at=now)
        for code in codes
        if code not in known and code != VIETNAMESE
    )
    session.flush()
