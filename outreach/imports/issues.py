"""Import issues: rows kept for review. Save and list them, and export them as a file to correct.

An issue is a row that could not be stored, one that an officer must decide on, or a question about a stored
one. The same row of the same list is asked about once, even if another file contains it again: a decision
stays valid.

The export has the columns of the source file, with the reason. It can be imported as it is: its last column
names the row that each line corrects.
"""

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, case, delete, func, or_, select, true, update
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import areas_of, visible_to
from outreach.contacts.directory import read_stated
from outreach.core.db import count_rows, insert_rows, set_columns, values_subquery
from outreach.core.spreadsheets import escape_formula, write_workbook
from outreach.imports.sightings import lists_into
from outreach.models.accounts import Organisation, User
from outreach.models.contacts import Contact, ContactList, ImportIssue, ListImport, PersonMerge
from outreach.rules.errors import NotFound, or_raise
from outreach.rules.list_columns import Header
from outreach.rules.list_rows import CheckedRow
from outreach.use_cases import use_case


class Decision(StrEnum):
    TAKEN = "taken"  # stored, with the number as read or as corrected by an officer
    SAME = "same"  # the contact in the directory, whose name stays
    RENAMED = "renamed"  # the contact in the directory, with the name of the row
    DROPPED = "dropped"
    ANSWERED = "answered"  # the question is answered, or left open for good
    CORRECTED = "corrected"  # corrected by a later file
    SUPERSEDED = "superseded"  # a later file contains the same row; it is asked there


# Questions about a stored row.
BIRTH_UNCLEAR, OTHER_COMMUNE = "birth_unclear", "other_commune"
_COLUMNS = ("import_id", "row", "status", "reason", "key", "cells", "contact_id", "decision", "undo")
# The code of a row in a file to correct: import id and row number, within the size of their columns.
_CODE = re.compile(r"L([0-9]{1,9})\.([0-9]{1,9})")
# Of what a decision recorded: what a row that takes it over begins with (see `store_decided_before` of decide_issue.py).
_TAKEN_OVER = ("contact", "import", "typed", "others")
# A decision, what it recorded, the import, and when; the decision is None while the issue is open.
_Decided = tuple[str | None, dict[str, Any], int, datetime | None]
_NEVER: _Decided = (None, {}, 0, None)
Issue = tuple[CheckedRow, "IssueStatus", str, int | None]  # its reason, and the contact it is about
STORED = (Decision.TAKEN, Decision.SAME, Decision.RENAMED)
_BY_FILE = (Decision.SUPERSEDED, Decision.CORRECTED)


class IssueStatus(StrEnum):
    REVIEW = "review"
    REJECT = "reject"
    QUESTION = "question"


def save_issues(
    session: Session, issues: Sequence[Issue], *, list_import: ListImport, now: datetime
) -> list[IssueStatus | None]:
    """Save issues of an import, each with its status, reason and the contact it is about.

    Returns the status that each counts as: None if it was accepted by an earlier decision, or asked before.
    """
    if not issues:
        return []
    asked, earlier = _asked_earlier(session, issues, list_import)
    saved = list[tuple[Any, ...]]()
    statuses = list[IssueStatus | None]()
    for (row, status, reason, contact_id), (key, about) in zip(issues, asked, strict=True):
        before = earlier.get(key, earlier.get(about, _NEVER))
        decision, undo, by, at = before
        if decision in STORED and undo.get("contact"):
            first, *others = (
                {"contact": about_now(session, each, by=by, decided_at=at)["contact"]}
                for each in (undo, *undo.get("others", ()))
            )
            undo = {**undo, **first, "others": others}
        statuses.append(_counted_as(status, decision, was_asked=before is not _NEVER))
        if status is IssueStatus.QUESTION and before is _NEVER:
            earlier[key] = earlier[about] = (None, {}, list_import.id, None)  # of further rows of the file
        elif status is IssueStatus.QUESTION and decision is None:
            decision, undo = Decision.SUPERSEDED, {"import": by}  # it is asked there
        # Nothing is kept of a contact who was erased and is not to be stored again.
        is_refused = reason == WAS_ERASED and decision and decision not in STORED
        details = {} if is_refused else describe_row(row)
        cells = json.dumps(details, ensure_ascii=False)
        taken_over = {name: undo[name] for name in _TAKEN_OVER if name in undo}
        issue = (list_import.id, row.row, status.value, reason[:40], key, cells, contact_id, decision)
        saved.append((*issue, json.dumps(taken_over) if decision else None))
    _insert(session, saved, list_import=list_import, now=now)
    _keep_headers(list_import, {row.sheet: row.header for row, *_ in issues})
    return statuses


def _keep_headers(list_import: ListImport, headers: Mapping[str, Header]) -> None:
    if new := headers.keys() - list_import.headers.keys():
        labels = {sheet: headers[sheet].labels_to_give_back() for sheet in sorted(new)}
        list_import.headers = {**list_import.headers, **labels}


def _insert(
    session: Session, saved: Sequence[tuple[Any, ...]], *, list_import: ListImport, now: datetime
) -> None:
    """Insert issues; open ones of earlier imports about the same rows are asked here from now on."""
    is_open = (
        ImportIssue.key.in_(values_subquery(session, [key for *_, key, _, _, _, _ in saved], String)),
        ImportIssue.decision.is_(None),
        ImportIssue.status != IssueStatus.QUESTION,
    )
    asked_here = {"decision": Decision.SUPERSEDED, "decided_at": now, "undo": {"import": list_import.id}}
    set_columns(session, ImportIssue, *is_open, **asked_here)
    for is_decided in (False, True):
        rows = [issue for issue in saved if (issue[-2] is not None) is is_decided]
        always = {"decided_at": now} if is_decided else {}
        insert_rows(session, ImportIssue.__table__, _COLUMNS, rows, always=always)


def recount(list_import: ListImport, before: str, after: str, rows: int = 1) -> None:
    """Count rows of an import that were `before` as `after`."""
    counts = list_import.counts
    list_import.counts = {**counts, before: counts[before] - rows, after: counts[after] + rows}


def count_issues(
    session: Session, issues: Sequence[Issue], *, list_import: ListImport
) -> list[IssueStatus | None]:
    """Return what `save_issues` would count each row as, without saving anything."""
    if not issues:
        return []
    asked, earlier = _asked_earlier(session, issues, list_import)
    return [
        _counted_as(
            status,
            earlier.get(key, earlier.get(about, _NEVER))[0],
            was_asked=key in earlier or about in earlier,
        )
        for (_, status, _, _), (key, about) in zip(issues, asked, strict=True)
    ]


def _asked_earlier(
    session: Session, issues: Sequence[Issue], list_import: ListImport
) -> tuple[list[tuple[str, object]], dict[object, _Decided]]:
    """Return each issue's key and what else names it, if anything, and the last decisions by either.

    A year of birth is asked of a person once, however their rows are written.
    """
    keys = [_key(row, list_import, reason) for row, _, reason, _ in issues]
    asked: list[tuple[str, object]] = [
        (key, (contact_id, row.birth_doubt) if reason == BIRTH_UNCLEAR else key)
        for key, (row, _, reason, contact_id) in zip(keys, issues, strict=True)
    ]
    of_keys = ImportIssue.key.in_(values_subquery(session, set(keys), String))
    before: dict[object, _Decided] = {key: decided for key, _, _, decided in _read_decided(session, of_keys)}
    return asked, {**before, **_years_asked(session, issues)}


def _counted_as(status: IssueStatus, decision: str | None, *, was_asked: bool) -> IssueStatus | None:
    if decision in STORED or (status is IssueStatus.QUESTION and was_asked):
        return None
    return IssueStatus.REJECT if decision else status


def close_corrected_issues(
    session: Session, rows: Sequence[CheckedRow], *, list_import: ListImport, now: datetime
) -> None:
    """Close issues of earlier imports into the same list, or one that was merged into it, that these rows correct.

    Also where another file asks them by now.
    """
    for row in rows:
        code = _CODE.fullmatch(row.corrects) if row.corrects else None
        if code is None:
            continue
        same_list = select(ListImport.id).where(
            ListImport.id == int(code[1]), ListImport.list_id.in_(lists_into(session, list_import.list_id))
        )
        of_row = and_(ImportIssue.import_id.in_(same_list), ImportIssue.row == int(code[2]))
        asked_elsewhere = select(ImportIssue.key).where(
            of_row,
            ImportIssue.decision == Decision.SUPERSEDED,
            ImportIssue.status != IssueStatus.QUESTION,
            ImportIssue.key != "",
        )
        session.execute(
            update(ImportIssue)
            .where(
                or_(of_row, ImportIssue.key.in_(session.scalars(asked_elsewhere).all())),
                ImportIssue.decision.is_(None),
                ImportIssue.import_id != list_import.id,
            )
            .values(decision=Decision.CORRECTED, decided_at=now, undo={"import": list_import.id})
        )


def remove_issues(session: Session, list_import: ListImport) -> None:
    """Remove the issues of an import that is undone; those of other files that it asked again or corrected are open again.

    Of several with the same row the newest is open; none where an officer's decision on it was taken over by a file that stays.
    Where a later file has asked this import's own again or corrected it, so it has those that this import asked again.
    """
    own: dict[str, tuple[str | None, dict[str, Any] | None]] = {}  # by key: how another file closed it
    for each in session.scalars(select(ImportIssue).where(ImportIssue.import_id == list_import.id)):
        if each.decision in _BY_FILE and each.undo != {"import": list_import.id}:
            own[each.key] = each.decision, each.undo
        own.setdefault(each.key, (None, None))
    session.execute(delete(ImportIssue).where(ImportIssue.import_id == list_import.id))
    lists = lists_into(session, list_import.list_id)
    same_list = select(ListImport.id).where(ListImport.list_id.in_(lists))
    closed = session.scalars(
        select(ImportIssue)
        .where(ImportIssue.import_id.in_(same_list), ImportIssue.decision.in_(_BY_FILE))
        .where(
            or_(
                ImportIssue.undo["import"].as_integer() == list_import.id,
                # Of an earlier release, which did not note what had asked again.
                and_(ImportIssue.key.in_(own), ImportIssue.undo["import"].as_integer().is_(None)),
            )
        )
        .order_by(ImportIssue.id.desc())
    ).all()
    decided = _read_decided(session, ImportIssue.key.in_(own), ImportIssue.decision.not_in(_BY_FILE))
    asking = {
        key: {"import": by} for key, _, _, (_, _, by, _) in decided
    }  # by key: what asks instead, or has asked
    for issue in closed:
        decision, undo = (
            own.get(issue.key, (None, None)) if issue.decision == Decision.SUPERSEDED else (None, None)
        )
        if undo := undo or asking.get(issue.key):
            issue.decision, issue.undo = decision or Decision.SUPERSEDED, undo
        else:
            issue.decision = issue.decided_at = issue.undo = None
            asking[issue.key] = {"import": issue.import_id}
    session.flush()


def describe_row(row: CheckedRow) -> dict[str, Any]:
    """Return a row as stored in an issue: its sheet and line, its own cells, and what was understood."""
    return {
        "sheet": row.sheet,
        "line": row.line,
        "source": row.as_written(),
        "name": row.name,
        "birth_year": row.birth_year,
        "birth_doubt": row.birth_doubt,
        "sex": row.sex.value if row.sex else None,
        "village": row.village,
        "commune": row.commune,
        "area_code": row.place.code,
        "place_question": row.place_question,
        "unit": row.unit,
        "language": row.language,
        "has_smartphone": row.has_smartphone,
        "phone": row.phone_text,
        "numbers": list(row.phone.numbers),
        "people": [[each.name, list(each.numbers), each.birth_year] for each in row.people],
        "values": dict(row.values),
    }


def _key(row: CheckedRow, list_import: ListImport, reason: str) -> str:
    identity: tuple[object, ...] = (
        list_import.list_id,
        reason,
        row.name_key,
        row.village,
        row.phone_text,
        row.birth_doubt,
    )
    if reason == OTHER_COMMUNE:  # each further move is a new question
        identity = (*identity, row.place.code)
    return hashlib.blake2b(repr(identity).encode("utf-8", "replace"), digest_size=16).hexdigest()


def about_now(
    session: Session, undo: dict[str, Any], *, by: int, decided_at: datetime | None
) -> dict[str, Any]:
    """Return what a decision on a row of the import `by` recorded as it holds now, where its person was merged with another since.

    It is about the one who stayed, then, and of what it stored about what came to them by the merge.
    """
    merge = merged_since(session, undo["contact"], decided_at)
    if merge is None:
        return undo
    values, phones = undo.get("values", {}), undo.get("phones", [])
    if undo.get("outcome") == "created":
        # By an earlier release, which noted what one import alone had brought.
        is_alone = merge.data.get("import", by) == by
        values = merge.data["filled"] if is_alone else {}
        phones = [phone_id for phone_id, _position in merge.data["phones"]] if is_alone else []
    now = {"contact": merge.kept_id, "outcome": "merged", "values": values, "phones": phones}
    now |= {"kept": undo.get("kept", []), "moved": "import" in merge.data, "name": None}
    now |= {"merge": merge.id, "kept_then": now["kept"], "contact_then": undo["contact"]}
    later = select(PersonMerge).where(PersonMerge.kept_id == merge.kept_id, PersonMerge.id > merge.id)
    for each in (merge, *session.scalars(later.order_by(PersonMerge.id))):
        # Later ones in which the one who stayed was merged with another in turn.
        if each is merge or [merge.id] in each.data["moved"].get(PersonMerge.__tablename__, ()):
            now |= _left_by_merge(now, each.data, by=by)
    return {**undo, **now}


def merged_since(session: Session, contact_id: int, moment: datetime | None) -> PersonMerge | None:
    """Return the merge of a person with another since a moment, if there was any."""
    query = select(PersonMerge).where(PersonMerge.merged_id == contact_id)
    if moment is not None:  # SQLite gives the last id again
        query = query.where(PersonMerge.merged_at >= moment)
    return session.scalar(query.order_by(PersonMerge.id).limit(1))


def _left_by_merge(now: dict[str, Any], merge: dict[str, Any], *, by: int) -> dict[str, Any]:
    """Return what a merge left of that which a decision on a row of the import `by` stored.

    `moved` if the import said the same of the one who stayed as well.
    """
    brought = {phone_id for phone_id, _position in merge["phones"]} - {*merge["own_phones"]}
    theirs = {row["name"] for row in merge["dropped"].get("kept_values", ()) if row["import_id"] == by}
    return {
        "values": {name: merge["filled"][name] for name in now["values"] if name in merge["filled"]},
        "phones": [phone_id for phone_id in now["phones"] if phone_id in brought],
        "kept": [name for name in now["kept"] if name not in theirs],
        "moved": now["moved"] or any(import_id == by for import_id, *_alone in merge.get("joined", ())),
    }


def _years_asked(session: Session, issues: Sequence[Issue]) -> dict[object, _Decided]:
    """Return the last decision on each year of birth of these issues' people, by person and as it was written.

    Rows about one person may be written in several ways.
    """
    people = {contact_id or 0 for _, _, reason, contact_id in issues if reason == BIRTH_UNCLEAR}
    if not people:
        return {}
    of_people = ImportIssue.contact_id.in_(values_subquery(session, people))
    asked = _read_decided(session, of_people, ImportIssue.reason == BIRTH_UNCLEAR)
    return {(contact_id, doubt): decided for _, contact_id, doubt, decided in asked}


def _read_decided(
    session: Session, *conditions: ColumnElement[bool]
) -> Iterator[tuple[str, int | None, str | None, _Decided]]:
    """Yield key, contact, year of birth as written and decision of issues that were not asked again elsewhere, the oldest first."""
    rows = session.execute(
        select(
            ImportIssue.key,
            ImportIssue.contact_id,
            ImportIssue.cells["birth_doubt"].as_string(),
            ImportIssue.decision,
            ImportIssue.undo,
            ImportIssue.import_id,
            ImportIssue.decided_at,
        )
        .where(*conditions, ImportIssue.decision.is_(None) | (ImportIssue.decision != Decision.SUPERSEDED))
        .order_by(ImportIssue.id)
    )
    for key, contact_id, doubt, decision, undo, import_id, at in rows:
        yield key, contact_id, doubt, (decision, undo or {}, import_id, at)


IS_WAITING = (
    ImportIssue.key != "",  # older issues, from before rows could be decided on, are only exported
    ImportIssue.decision.is_(None),
    ImportIssue.status.in_((IssueStatus.REVIEW, IssueStatus.QUESTION)),
)


@dataclass(frozen=True, slots=True)
class OpenIssue:
    """Issue that waits for a decision, with its list and file.

    `known_as` is the name of the contact that the row is, or may be, about; `lives_in` the code of that
    contact's commune.
    """

    issue: ImportIssue
    file_name: str
    list_id: int
    list_name: str
    organisation: str
    known_as: str | None
    lives_in: str | None


def read_open_issues(
    session: Session, user: User, *, list_id: int | None = None, limit: int = 20
) -> tuple[list[OpenIssue], int]:
    """Return the oldest open issues in the lists that a user may see, and how many there are."""
    query = (
        select(
            ImportIssue,
            ListImport.file_name,
            ContactList.id,
            ContactList.name,
            Organisation.name,
            Contact.name,
            Contact.area_code,
        )
        .join(ListImport, ListImport.id == ImportIssue.import_id)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .outerjoin(Contact, Contact.id == ImportIssue.contact_id)
        .where(*_is_seen_by(session, user), *IS_WAITING)
    )
    if list_id is not None:
        query = query.where(ContactList.id == list_id)
    count = count_rows(session, query.with_only_columns(ImportIssue.id))
    rows = session.execute(query.order_by(ImportIssue.id).limit(limit))
    issues = [OpenIssue(*row) for row in rows]
    # Where somebody lives whom another organisation recorded is not told by naming them in a list.
    ids = [each.issue.contact_id for each in issues if each.issue.contact_id is not None]
    others = read_stated(session, ids, user=user)
    return [
        replace(each, lives_in=None) if each.issue.contact_id in others else each for each in issues
    ], count or 0


@dataclass(frozen=True, slots=True)
class WaitingRows:
    """Rows of one import that wait: `review` are not stored until somebody decides, `questions` are, and one detail is asked."""

    file_name: str
    list_id: int
    list_name: str
    review: int
    questions: int


def count_waiting(session: Session, user: User, *, lists: Collection[int] | None = None) -> list[WaitingRows]:
    """Return what waits in the lists that a user may see, or some of them, the newest import first: pages show these numbers alone."""
    is_review = case((ImportIssue.status == IssueStatus.REVIEW, 1), else_=0)
    query = (
        select(
            *(ListImport.file_name, ContactList.id, ContactList.name),
            *(func.sum(is_review), func.sum(1 - is_review)),
        )
        .join(ImportIssue, ImportIssue.import_id == ListImport.id)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .where(*_is_seen_by(session, user), *IS_WAITING)
        .group_by(ListImport.id, ListImport.file_name, ContactList.id, ContactList.name)
        .order_by(ListImport.id.desc())
    )
    if lists is not None:
        query = query.where(ListImport.list_id.in_(lists))
    return [WaitingRows(*row) for row in session.execute(query)]


@use_case
def see_open_issues(
    session: Session, *, list_id: int | None, user: User, now: datetime
) -> tuple[list[OpenIssue], int]:
    """Return what `read_open_issues` does, to be shown with full numbers; recorded for each import."""
    rows, count = read_open_issues(session, user, list_id=list_id)
    for import_id, seen in Counter(each.issue.import_id for each in rows).items():
        audit.record(session, "import.see_waiting", f"list_imports:{import_id}", user, now, rows=seen)
    return rows, count


def issues_within_area(session: Session, user: User | None) -> ColumnElement[bool]:
    """Return the scope condition for issues: rows of the user's area, and those without a commune."""
    areas = areas_of(session, user) if user else None
    if areas is None:
        return true()
    commune = ImportIssue.cells["area_code"].as_string()
    return or_(commune.is_(None), commune.in_(areas))


def _is_seen_by(session: Session, user: User) -> tuple[ColumnElement[bool], ...]:
    return visible_to(session, user, ContactList.organisation_id), issues_within_area(session, user)


def find_issue(session: Session, issue_id: int, *, user: User) -> ImportIssue:
    """Return an issue in a list that the user may see. Raises NotFound."""
    query = (
        select(ImportIssue)
        .join(ListImport, ListImport.id == ImportIssue.import_id)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .where(ImportIssue.id == issue_id, *_is_seen_by(session, user))
    )
    return or_raise(session.scalar(query), NotFound("row_not_found"))


def count_similar(session: Session, waiting: Sequence[OpenIssue]) -> dict[tuple[int, str], int]:
    """Return how many issues are open for each import and reason of these."""
    rows = session.execute(
        select(ImportIssue.import_id, ImportIssue.reason, func.count())
        .where(ImportIssue.import_id.in_({open_issue.issue.import_id for open_issue in waiting}), *IS_WAITING)
        .group_by(ImportIssue.import_id, ImportIssue.reason)
    )
    return {(import_id, reason): count for import_id, reason, count in rows}


REASONS = {
    "missing": "không có số điện thoại",
    "no_phone_stated": "danh sách ghi là không có điện thoại",
    "placeholder": "số điền cho có, không phải số thật",
    "ditto": "ghi “như trên”: hãy chép lại số ở dòng trên",
    "spreadsheet_error": "ô báo lỗi của bảng tính",
    "date_like": "ô bị bảng tính đổi thành ngày tháng",
    "lossy_scientific": "ô bị bảng tính đổi dạng và mất chữ số: hãy nhập lại số",
    "id_number": "số CMND/CCCD, không phải số điện thoại",
    "service_number": "số dịch vụ, không phải thuê bao",
    "foreign_number": "số nước ngoài",
    "landline": "số điện thoại bàn, không nhận được tin nhắn",
    "invalid_prefix": "đầu số không tồn tại",
    "too_short": "thiếu chữ số: có thể số bị tách sang ô bên cạnh hoặc xuống dòng dưới",
    "too_long": "thừa chữ số",
    "no_valid_number": "không đọc được số nào đúng",
    "letter_substitution": "có chữ cái lẫn trong số: hãy xem lại chữ O với số 0, chữ l với số 1",
    "second_number_too_short": "số thứ hai thiếu chữ số",
    "concatenated_numbers": "hai số viết liền nhau",
    "unparsed_remainder": "còn phần chưa đọc được trong ô",
    "two_people": "một dòng ghi nhiều người: hãy tách mỗi người một dòng",
    "changed_name": "số này đã có một người tên gần giống: là một người hay hai người?",
    "was_erased": "dữ liệu của người này đã được xóa theo yêu cầu: chỉ nhập lại nếu chính họ đồng ý",
    "other_commune": "xã, phường khác với xã, phường đã biết của người này: ở đâu là đúng?",
    "birth_unclear": "năm sinh chỉ có hai chữ số: là năm sinh hay là tuổi?",
}
_STATUS = {IssueStatus.REVIEW: "chờ quyết định", IssueStatus.REJECT: "không hợp lệ"}
_ADDED_COLUMNS = ("Tình trạng", "Lý do", "Dòng trong tệp gốc", "Mã dòng (giữ nguyên)")
_FETCH_ROWS = 1000


def export_issues(session: Session, import_id: int, out: Path, *, user: User | None = None) -> int:
    """Write an import's rows that are not stored, of the user's area, to a file to correct. Returns how many.

    By the suffix of `out` a workbook with a sheet for each sheet of the source, or a CSV file, in which the
    columns of several sheets are combined and formulas are escaped.
    """
    list_import = session.get_one(ListImport, import_id)
    headers = {sheet: [*labels] for sheet, labels in list_import.headers.items()} or {"": []}
    not_stored = (ImportIssue.import_id == import_id, ImportIssue.status != IssueStatus.QUESTION, _is_open())
    rows = select(ImportIssue).where(*not_stored, issues_within_area(session, user))
    if out.suffix.lower() == ".xlsx":
        write_workbook(
            out,
            {
                sheet: _export_rows(session, list_import, rows, sheet, labels)
                for sheet, labels in headers.items()
            },
        )
    else:
        combined, *others = headers.values()
        for labels in others:
            combined = [*combined, *(Counter(labels) - Counter(combined)).elements()]
        # The byte-order mark makes Excel read Vietnamese.
        with out.open("w", encoding="utf-8-sig", newline="") as file:
            for row in _export_rows(session, list_import, rows, None, combined):
                csv.writer(file).writerow(map(escape_formula, row))
    return count_rows(session, rows)


def count_reasons(session: Session, import_id: int) -> list[tuple[str, str, int]]:
    """Return (status, reason, rows) of an import's open issues and questions, most frequent first."""
    rows = session.execute(
        select(ImportIssue.status, ImportIssue.reason, func.count())
        .where(ImportIssue.import_id == import_id, _is_open())
        .group_by(ImportIssue.status, ImportIssue.reason)
    )
    return sorted(((status, reason, count) for status, reason, count in rows), key=lambda row: -row[2])


def count_at_the_door(session: Session, import_id: int) -> int:
    """Count an import's rows without a usable number whose people are stored for visits."""
    kept = (ImportIssue.status == IssueStatus.REJECT, ImportIssue.contact_id.is_not(None))
    return count_rows(session, ImportIssue, ImportIssue.import_id == import_id, *kept)


def _is_open() -> ColumnElement[bool]:
    # Rows that a later file asks again were not stored either.
    is_row = ImportIssue.status != IssueStatus.QUESTION
    return or_(ImportIssue.decision.is_(None), and_(ImportIssue.decision == Decision.SUPERSEDED, is_row))


def _export_rows(
    session: Session,
    list_import: ListImport,
    rows: Select[ImportIssue],
    sheet: str | None,
    labels: Sequence[str],
) -> Iterator[list[str]]:
    """Yield the header and each row: the sheet's cells and the added columns.

    Rows of every sheet if `sheet` is None.
    """
    yield [*labels, *_ADDED_COLUMNS]
    issues = session.scalars(rows.order_by(ImportIssue.row).execution_options(yield_per=_FETCH_ROWS))
    for issue in issues:
        issue_sheet, cells = issue.cells.get("sheet", ""), issue.cells.get("source", [])
        if sheet is None:
            cells = _align_cells(labels, list_import.headers.get(issue_sheet, []), cells)
        elif sheet != issue_sheet:
            continue
        yield [
            *cells[: len(labels)],
            *[""] * (len(labels) - len(cells)),
            _STATUS.get(IssueStatus(issue.status), issue.status),
            REASONS.get(issue.reason, issue.reason),
            str(issue.cells.get("line", "")),
            f"L{list_import.id}.{issue.row}",
        ]


def _align_cells(labels: Sequence[str], sheet_labels: Sequence[str], cells: Sequence[str]) -> list[str]:
    """Return a sheet's cells, each under its label. Columns with the same label keep their order."""
    positions: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        positions.setdefault(label, []).append(position)
    aligned = [""] * len(labels)
    for label, cell in zip(sheet_labels, cells, strict=False):
        if positions.get(label):
            aligned[positions[label].pop(0)] = cell
    return aligned


WAS_ERASED = "was_erased"  # a reason
