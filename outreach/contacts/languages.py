"""Languages of the installation: which are offered for texts, and what unknown spellings in lists mean.

What each import states of a phone is noted, a spelling that the register does not know as it is written. Its answer sets the
language of these phones, and that of every later row written so; nobody loses the language that a list gave, until that is undone.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, delete, exists, func, literal, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import is_province_staff
from outreach.core.db import delete_rows, id_of, insert_new, rows_table, set_columns, values_subquery
from outreach.models.accounts import User
from outreach.models.contacts import Language, LanguageSpelling, ListImport, Phone, PhoneLanguage
from outreach.rules.errors import BadInput, NotAllowed, NotFound
from outreach.rules.languages import NAMES, VIETNAMESE, language_code, spelling_key
from outreach.use_cases import use_case


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


def read_open_spellings(session: Session) -> Sequence[Any]:
    """Return the spellings that wait for an answer, each with the number of its `phones`, those of most first."""
    phones = func.count(PhoneLanguage.phone_id.distinct()).label("phones")
    return session.execute(
        select(LanguageSpelling.id, LanguageSpelling.text, phones)
        .outerjoin(PhoneLanguage, PhoneLanguage.spelling_id == LanguageSpelling.id)
        .where(LanguageSpelling.code.is_(None))
        .group_by(LanguageSpelling.id, LanguageSpelling.text)
        .order_by(phones.desc(), LanguageSpelling.id)
    ).all()


def remember_languages(
    session: Session, languages: Iterable[tuple[str, Iterable[int]]], *, list_import: ListImport
) -> set[int]:
    """Note which language an import states of phones, and set it where none is known. Returns of which phones it is the first to.

    `languages`: (language as written in a list, phone ids). What names no known language is kept as an open spelling. None is
    noted of a phone whose language is known but not by whom: by an officer.
    """
    own: dict[str, str] | None = None
    said, unread, texts = dict[int, str](), dict[int, str](), dict[str, str]()
    for written, ids in languages:
        code = language_code(written, own)
        if written and code is None and own is None:
            own = read_own_spellings(session)
            code = language_code(written, own)
        if key := code or spelling_key(written)[:80]:
            for phone_id in ids:
                (said if code else unread).setdefault(phone_id, key)
            if not code:
                texts.setdefault(key, written[:80])
    if texts:
        spellings = [{"key": key, "text": text} for key, text in sorted(texts.items())]
        session.execute(insert_new(session, LanguageSpelling), spellings)
    if not said and not unread:
        return set()
    stated = [{"phone_id": each, "code": said.get(each), "key": unread.get(each)} for each in unread | said]
    rows = rows_table(session, {"phone_id": BigInteger, "code": String, "key": String}, stated)
    its, phones = PhoneLanguage.import_id == list_import.id, values_subquery(session, sorted(said))
    # Another row of the file may have it in a spelling that is not known.
    session.execute(
        delete(PhoneLanguage).where(its, PhoneLanguage.phone_id.in_(phones), PhoneLanguage.code.is_(None))
    )
    is_noted = exists().where(PhoneLanguage.phone_id == Phone.id)
    spelling = select(LanguageSpelling.id).where(LanguageSpelling.key == rows.c.key, rows.c.code.is_(None))
    new = (
        select(rows.c.phone_id, literal(list_import.id), rows.c.code, spelling.scalar_subquery())
        .join(Phone, Phone.id == rows.c.phone_id)
        .where(Phone.language.is_(None) | is_noted)
    )
    columns = ["phone_id", "import_id", "code", "spelling_id"]
    noted = insert_new(session, PhoneLanguage).from_select(columns, new).returning(PhoneLanguage.phone_id)
    first = set(session.scalars(noted))
    stated_here = select(PhoneLanguage.code).where(its, PhoneLanguage.phone_id == Phone.id)
    unknown = (Phone.id.in_(phones), Phone.language.is_(None))
    set_columns(session, Phone, *unknown, language=stated_here.scalar_subquery())
    return first


def forget_languages(
    session: Session, list_import: ListImport, limit: int, *which: ColumnElement[bool]
) -> int:
    """Forget which language an import states of up to `limit` phones. Returns of how many.

    Then that is known which the first of the others states.
    """
    stating = select(PhoneLanguage.phone_id).where(PhoneLanguage.import_id == list_import.id, *which)
    ids = session.scalars(stating.order_by(PhoneLanguage.phone_id).limit(limit)).all()
    if not ids:
        return 0
    phones = values_subquery(session, ids)
    session.execute(select(Phone.id).where(Phone.id.in_(phones)).order_by(Phone.id).with_for_update())
    said = select(PhoneLanguage.code).where(
        PhoneLanguage.phone_id == Phone.id, PhoneLanguage.code.is_not(None)
    )
    its, others = PhoneLanguage.import_id == list_import.id, PhoneLanguage.import_id != list_import.id
    first = said.where(others).order_by(PhoneLanguage.import_id).limit(1).scalar_subquery()
    is_its = Phone.language == said.where(its).scalar_subquery()
    set_columns(session, Phone, Phone.id.in_(phones), is_its, language=first)
    delete_rows(session, PhoneLanguage, its, PhoneLanguage.phone_id.in_(phones))
    return len(ids)


def remove_unused_spellings(session: Session) -> None:
    """Remove the open spellings that no import states any more: nobody is asked about them. The caller holds `lock_imports`."""
    is_stated = exists().where(PhoneLanguage.spelling_id == LanguageSpelling.id)
    delete_rows(session, LanguageSpelling, LanguageSpelling.code.is_(None), ~is_stated)


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
    waits = (PhoneLanguage.spelling_id == spelling.id, PhoneLanguage.code.is_(None))
    theirs = Phone.id.in_(select(PhoneLanguage.phone_id).where(*waits))
    phones = set_columns(session, Phone, theirs, Phone.language.is_(None), language=code)
    set_columns(session, PhoneLanguage, *waits, code=code)
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
