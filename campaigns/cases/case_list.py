"""Case list of the inbox within a user's scope: counts, filters, pages, and the rows shown; and cases whose replies say the same.

The home page shows the same counts. A page starts after the last case shown, without OFFSET.

Alike cases are labelled, answered or closed together. Each is handled by its own use case in its own transaction: what somebody else has
taken or closed meanwhile is left out and counted. Urgent cases stay out; each is somebody's life.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true, tuple_
from sqlalchemy import case as case_when
from sqlalchemy.orm import Session

from campaigns.cases.conversation import sent_for
from campaigns.cases.handle_case import cases_visible_to, find_case, may_read_answers
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import IS_OPEN_CRY, Answer, AnswerSource, Case, Handling, OfficerEntry, Reply
from campaigns.privacy.requests import opted_out_of_drive, shown_answer
from campaigns.rules.cases import FOLLOW_UP, CaseKind, assigned_until
from campaigns.rules.content import read_content
from campaigns.rules.own_answers import OwnAnswer, current_own, own_word, read_own_answers
from campaigns.rules.replies.alike import AlikeReply, group_alike
from campaigns.rules.replies.asked import BLUEZONE
from campaigns.rules.replies.labels import Label
from outreach.accounts.permissions import visible_to
from outreach.accounts.users import names_of
from outreach.contacts.directory import read_stated
from outreach.models.accounts import Area, AreaLevel, Organisation, User
from outreach.models.contacts import Contact, Phone
from outreach.places.areas import descendants
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.identity import vietnamese_order

ON_A_PAGE = 25
# How far back closed cases are listed.
DONE_SINCE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Filters of the list; an unset one does not filter. `after` is the id of the last case shown."""

    kind: CaseKind | None = None
    campaign_id: int | None = None
    organisation_id: int | None = None
    area_code: str = ""
    taken_by: int | None = None
    is_done: bool = False
    newest_first: bool = False
    after: int | None = None


@dataclass(frozen=True, slots=True)
class FilterOption:
    """Choice of a filter with its number of cases."""

    key: str
    name: str
    count: int
    below: list[FilterOption] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CaseRow:
    """Case with all that an officer needs.

    `held_until`: until when it is reserved for its assignee. `given`: the label an officer gave its reply. `sent`: the
    messages that answered it. `said_since` and `texts_since`: the resident's answer and replies after it.
    `asked_through`: how help was requested; `entry`: the officer's entry for that request. `is_masked`: what was said is
    left out, as it is about health and the case does not wait for this user.
    """

    case: Case
    reply: Reply | None
    sender: str
    person: str
    contact_id: int | None
    village: str
    place: str
    campaign: str
    kind: str  # of the campaign
    organisation: str
    taken_by: str
    done_by: str
    held_until: datetime | None
    said_since: str | None
    given: str | None
    own_answers: tuple[OwnAnswer, ...] = ()  # of the campaign
    texts_since: list[str] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    asked_through: AnswerSource | None = None
    is_masked: bool = False
    entry: OfficerEntry | None = None
    entered_by: str = ""

    def own_text(self, word: str) -> str:
        """Return the text of the campaign's own answer that a word names, "" for another."""
        return next((own.text for own in self.own_answers if own.value == word), "")

    @property
    def means(self) -> Label | None:
        """Return the label implied by the kind of the case; None while the label is in doubt."""
        return next((label for label, kind in FOLLOW_UP.items() if kind is self.case.kind), None)


@dataclass(frozen=True, slots=True)
class CaseList:
    """Page of cases. Each filter's choices are counted with the other filters applied.

    `after` is None on the last page.
    """

    lines: list[CaseRow]
    total: int
    kinds: list[FilterOption]
    campaigns: list[FilterOption]
    organisations: list[FilterOption]
    districts: list[FilterOption]
    own: int  # assigned to the user
    after: int | None


def count_open(session: Session, user: User, campaign_id: int | None = None) -> dict[CaseKind, int]:
    """Count the open cases by kind, of all campaigns or of one."""
    of_campaign = true() if campaign_id is None else Case.campaign_id == campaign_id
    return _count_by(session, user, Case.kind, Case.done_at.is_(None), of_campaign)


def cries_by_place(session: Session, user: User) -> dict[str | None, int]:
    """Count the open cases with a cry for help by the unit that the resident was recorded in."""
    return _count_by(session, user, Case.area_code, IS_OPEN_CRY)


def _count_by(session: Session, user: User, column: Any, *where: ColumnElement[bool]) -> dict[Any, int]:
    query = select(column, func.count()).where(*where, cases_visible_to(session, user)).group_by(column)
    return dict(session.execute(query).all())


def read_case_list(session: Session, user: User, filters: CaseFilter, *, now: datetime) -> CaseList:
    """Read one page and the filters' choices. Call it within one `db.read()`."""
    areas = {area.code: area for area in session.scalars(select(Area))}
    within = descendants(((area.code, area.parent_code) for area in areas.values()), [filters.area_code])
    scope = [
        cases_visible_to(session, user),
        Case.done_at > now - DONE_SINCE if filters.is_done else Case.done_at.is_(None),
    ]
    ids = _matching_ids(session, filters, scope, within)
    shown = ids[:ON_A_PAGE]
    counts = _count_choices(session, filters, scope, within)
    campaigns, organisations = (
        _named_options(session, user, table, counts[name], getattr(filters, name))
        for table, name in ((Campaign, "campaign_id"), (Organisation, "organisation_id"))
    )
    return CaseList(
        lines=read_case_rows(session, shown, areas, user=user, now=now),
        total=counts[""].total(),
        kinds=[FilterOption(kind.value, "", counts["kind"][kind]) for kind in CaseKind],
        campaigns=campaigns,
        organisations=organisations,
        districts=_district_options(areas, counts["area_code"], filters.area_code),
        own=counts["taken_by"][user.id],
        after=shown[-1] if len(ids) > ON_A_PAGE else None,
    )


def _matching_ids(
    session: Session, filters: CaseFilter, scope: list[ColumnElement[bool]], within: set[str]
) -> list[int]:
    query = select(Case.id).where(*scope)
    for name in _FILTERED:
        if (wanted := getattr(filters, name)) not in (None, ""):
            column = getattr(Case, name)
            query = query.where(column.in_(within) if name == "area_code" else column == wanted)
    # What is urgent stands above all else, the longest waiting first; then whom a held opt-out has closed off. The last
    # case shown keeps its rank when it is closed: those below it are still to come.
    is_open = false() if filters.is_done else true()
    rank = case_when(
        (and_(Case.urgent_at.is_not(None), is_open), 0),
        (and_(Case.kind == CaseKind.OPT_OUT, is_open), 1),
        else_=2,
    )
    if filters.after is not None:
        is_last = (Case.id == filters.after, scope[0])  # where another's stands would tell when it was opened
        last = session.execute(select(rank, Case.opened_at, Case.id).where(*is_last)).first()
        if last:
            at, *rest = last
            key, end = tuple_(Case.opened_at, Case.id), tuple_(*rest)
            beyond = key < end if filters.newest_first and at else key > end
            query = query.where(or_(rank > at, and_(rank == at, beyond)))
    newest_first = filters.newest_first
    order: list[Any] = [rank]
    if newest_first:
        order += [
            case_when((rank == 0, Case.opened_at)),
            case_when((rank == 0, Case.id)),
            Case.opened_at.desc(),
            Case.id.desc(),
        ]
    else:
        order += [Case.opened_at, Case.id]
    return list(session.scalars(query.order_by(*order).limit(ON_A_PAGE + 1)))


_FILTERED = ("kind", "campaign_id", "organisation_id", "area_code", "taken_by")


def _count_choices(
    session: Session, filters: CaseFilter, scope: list[ColumnElement[bool]], within: set[str]
) -> dict[str, Counter[Any]]:
    """Count the cases by each column with the filters of the others applied, in one statement; under "" with all filters."""
    columns = [getattr(Case, name) for name in _FILTERED]
    counts: dict[str, Counter[Any]] = {name: Counter() for name in ("", *_FILTERED)}
    for *keys, n in session.execute(select(*columns, func.count()).where(*scope).group_by(*columns)):
        row, misfits = dict(zip(_FILTERED, keys, strict=True)), set()
        for name, key in row.items():
            wanted = getattr(filters, name)
            if wanted not in (None, "") and not (key in within if name == "area_code" else key == wanted):
                misfits.add(name)
        for name, count in counts.items():
            if misfits <= {name}:
                count[row.get(name)] += n
    return counts


def _named_options(
    session: Session,
    user: User,
    table: type[Campaign] | type[Organisation],
    counts: Counter[Any],
    chosen: int | None,
) -> list[FilterOption]:
    # The chosen one stays among the choices where no case is left, if the user may see it: else the page would say that all are shown.
    owner = table.id if table is Organisation else Campaign.organisation_id
    is_chosen = and_(table.id == chosen, visible_to(session, user, owner))
    of_cases = table.id.in_([key for key in counts if key])
    rows = session.execute(select(table.id, table.name).where(or_(of_cases, is_chosen)))
    options = [FilterOption(str(key), name, counts[key]) for key, name in rows]
    return sorted(options, key=lambda option: vietnamese_order(option.name))


def _district_options(areas: dict[str, Area], counts: Counter[Any], chosen: str) -> list[FilterOption]:
    in_order = sorted(areas.values(), key=lambda area: vietnamese_order(area.name))
    communes: defaultdict[str, list[FilterOption]] = defaultdict(list)
    for area in in_order:
        is_listed = counts[area.code] or chosen in (area.code, area.parent_code)
        if is_listed and area.parent_code and area.level is AreaLevel.COMMUNE:
            communes[area.parent_code].append(FilterOption(area.code, area.full_name, counts[area.code]))
    return [
        FilterOption(area.code, area.full_name, sum(each.count for each in below), below)
        for area in in_order
        if (below := communes.get(area.code))
    ]


def read_case_rows(
    session: Session, ids: list[int], areas: dict[str, Area], *, user: User, now: datetime
) -> list[CaseRow]:
    """Read these cases in this order. The caller must have checked that the user may see them.

    Who handles cases reads an answer about health while its case is open, nobody else and not later.
    """
    shown = {
        "sender": func.coalesce(Phone.e164, Reply.sender, ""),
        "person": func.coalesce(Contact.name, ""),
        "contact_id": Contact.id,
        "village": func.coalesce(Contact.village, ""),
        "campaign": func.coalesce(Campaign.name, ""),
        "kind": func.coalesce(Campaign.kind, ""),
        "organisation": func.coalesce(Organisation.name, ""),
        "asked_through": Answer.source,
    }
    found = session.execute(
        select(Case, Reply, Recipient, Campaign, OfficerEntry, OfficerEntry.recorded_by, *shown.values())
        .outerjoin(Answer, Answer.id == Case.answer_id)
        .outerjoin(OfficerEntry, OfficerEntry.answer_id == Case.answer_id)
        .outerjoin(Reply, Reply.id == Case.reply_id)
        .outerjoin(Recipient, Recipient.id == Case.recipient_id)
        .outerjoin(Contact, Contact.id == Recipient.contact_id)
        .outerjoin(Phone, Phone.id == Case.phone_id)
        .outerjoin(Campaign, Campaign.id == Case.campaign_id)
        .outerjoin(Organisation, Organisation.id == Case.organisation_id)
        .where(Case.id.in_(ids))
    ).all()
    cases = [row[0] for row in found]
    later_texts, labels = _texts_since(session, cases), _officer_labels(session, cases)
    sent = sent_for(session, cases)
    of_drive = opted_out_of_drive(session, [case.recipient_id for case in cases])
    names = names_of(session, {by for row in found for by in (row[0].taken_by, row[0].done_by, row[5])})
    people = {row[2].contact_id for row in found if row[2] and row[2].contact_id}
    stated = read_stated(session, [*people], user=user)
    rows = {}
    for case, reply, recipient, campaign, entry, entered_by, *facts in found:
        about = dict(zip(shown, facts, strict=True))
        if known := stated.get(about["contact_id"]):  # their lists only name the person
            about["village"] = known.facts.get("village", "")
        own_answers = read_own_answers(campaign.content) if campaign else ()
        row = CaseRow(
            case=case,
            reply=reply,
            place=_show_place(areas, case.area_code),
            taken_by=names.get(case.taken_by, ""),
            done_by=names.get(case.done_by, ""),
            held_until=None
            if case.done_at
            else assigned_until(case.taken_at, urgent_at=case.urgent_at, now=now),
            said_since=_said_since(case, reply, recipient, own_answers, of_drive),
            given=labels.get(case.reply_id),
            own_answers=own_answers,
            texts_since=later_texts.get(case.id, []),
            sent=sent.get(case.id, []),
            entry=entry,
            entered_by=names.get(entered_by, ""),
            **about,
        )
        rows[case.id] = _mask(row) if campaign and _is_masked(case, campaign, user) else row
    return [rows[case_id] for case_id in ids]


def _is_masked(case: Case, campaign: Campaign, user: User) -> bool:
    return campaign.is_health and not (case.done_at is None and may_read_answers(user))


def _show_place(areas: dict[str, Area], code: str | None) -> str:
    area = areas.get(code or "")
    parent = areas.get(area.parent_code or "") if area else None
    return ", ".join(f"{place.kind} {place.name}" for place in (area, parent) if place)


def _said_since(
    case: Case,
    reply: Reply | None,
    recipient: Recipient | None,
    own_answers: tuple[OwnAnswer, ...],
    of_drive: set[int],
) -> str | None:
    """Return what the resident of an open case answered after it; None without a later answer."""
    if recipient is None or recipient.answered_at is None or case.done_at:
        return None
    if recipient.answered_at <= (reply.received_at if reply else case.opened_at):
        return None
    own = current_own(own_answers, recipient.answer, recipient.own_answer)
    return _word(shown_answer(recipient.answer, recipient.id, of_drive), own.number if own else None)


def _mask(row: CaseRow) -> CaseRow:
    """Return a row without what was said and done about it, and without whose it is: the case's kind says what they answered."""
    return replace(
        row,
        sender="",
        person="",
        contact_id=None,
        village="",
        reply=None,
        said_since=None,
        given=None,
        texts_since=[],
        sent=[],
        asked_through=None,
        entry=None,
        is_masked=True,
    )


def _word(label: str | None, own: int | None) -> str | None:
    return own_word(own) if own is not None else label


def _officer_labels(session: Session, cases: list[Case]) -> dict[int | None, str | None]:
    rows = session.execute(
        select(Handling.reply_id, Handling.label, Answer.own_answer)
        .outerjoin(Answer, Answer.id == Handling.answer_id)
        .where(Handling.reply_id.in_([case.reply_id for case in cases]), Handling.undone_at.is_(None))
        .order_by(Handling.id)
    )
    return {reply_id: _word(label, own) for reply_id, label, own in rows}


def _texts_since(session: Session, cases: list[Case]) -> dict[int, list[str]]:
    """Return the texts that each recipient, or a number of nobody written to, wrote after the case was opened, by case."""
    of_number = and_(
        Case.recipient_id.is_(None),
        Reply.recipient_id.is_(None),
        Reply.phone_id == Case.phone_id,
        Reply.campaign_id.is_not_distinct_from(Case.campaign_id),
        Reply.is_urgent,
    )
    texts: defaultdict[int, list[str]] = defaultdict(list)
    for case_id, text in session.execute(
        select(Case.id, Reply.body)
        .join(Reply, or_(Reply.recipient_id == Case.recipient_id, of_number))
        .where(Case.id.in_([case.id for case in cases]), Case.done_at.is_(None))
        .where(Reply.id.is_distinct_from(Case.reply_id), Reply.received_at >= Case.opened_at)
        .order_by(Reply.received_at, Reply.id)
    ):
        texts[case_id].append(text)
    return texts


# The longest waiting cases that are compared, and those handled at once: a page that can be looked through.
MOST_COMPARED = 3000
MOST_TOGETHER = 200
MOST_GROUPS = 50


@dataclass(frozen=True, slots=True)
class AlikeGroup:
    """Open cases whose replies say the same, the longest waiting first: `id`, `text` and `opened_at` of each."""

    cases: list[Any]
    kind: CaseKind
    label: Label  # the suggested one
    campaign: str
    campaign_kind: str
    own_answers: tuple[OwnAnswer, ...]
    may_answer: bool  # by SMS: all belong to a campaign

    @property
    def texts(self) -> list[str]:
        """Return the texts, each once."""
        return list(dict.fromkeys(each.text for each in self.cases))


def read_groups(session: Session, user: User, *, now: datetime) -> list[AlikeGroup]:
    """Return the groups of two or more open cases that the user may handle now, the largest first."""
    return _group(session, user, now=now)[:MOST_GROUPS]


def read_group(
    session: Session, case_id: int, user: User, *, now: datetime, most: int = MOST_COMPARED
) -> AlikeGroup | None:
    """Return the group of a case among the longest waiting, None where it is done, taken by somebody else or alone. Raises NotFound."""
    case = find_case(session, case_id, user=user)
    groups = _group(session, user, now=now, most=most, topic_of=case)
    return next((group for group in groups if any(each.id == case_id for each in group.cases)), None)


def _group(
    session: Session, user: User, *, now: datetime, most: int = MOST_COMPARED, topic_of: Case | None = None
) -> list[AlikeGroup]:
    query = (
        select(
            *(Case.id, Case.kind, Case.campaign_id, Case.recipient_id, Case.opened_at),
            *(Case.taken_by, Case.taken_at, Reply.body.label("text"), Reply.label),
            func.coalesce(Campaign.name, "").label("campaign"),
            func.coalesce(Campaign.kind, "").label("campaign_kind"),
        )
        .join(Reply, Reply.id == Case.reply_id)
        .outerjoin(Campaign, Campaign.id == Case.campaign_id)
        .where(
            Case.done_at.is_(None),
            Case.urgent_at.is_(None),
            Reply.body != "",
            cases_visible_to(session, user),
        )
        .order_by(Case.opened_at, Case.id)
        .limit(most)
    )
    if topic_of is not None:
        query = query.where(
            Case.kind == topic_of.kind, Case.campaign_id.is_not_distinct_from(topic_of.campaign_id)
        )
    rows = {
        row.id: row
        for row in session.execute(query)
        if row.taken_by in (None, user.id) or assigned_until(row.taken_at, now=now) is None
    }
    campaigns = {row.campaign_id for row in rows.values()}
    contents = session.execute(select(Campaign.id, Campaign.content).where(Campaign.id.in_(campaigns)))
    read = {id_: read_content(content) for id_, content in contents}
    alike = []
    for row in rows.values():
        words = read[row.campaign_id].vocabulary if row.campaign_id else BLUEZONE
        alike.append(AlikeReply(row.id, (row.kind, row.label, row.campaign_id), row.text, words))
    groups = []
    for each in group_alike(alike):
        if len(each) < 2:
            break
        first = rows[each[0]]
        groups.append(
            AlikeGroup(
                cases=[rows[id_] for id_ in each[:MOST_TOGETHER]],
                kind=first.kind,
                label=first.label,
                campaign=first.campaign,
                campaign_kind=first.campaign_kind,
                own_answers=read[first.campaign_id].own_answers if first.campaign_id else (),
                may_answer=all(rows[id_].recipient_id is not None for id_ in each),
            )
        )
    return groups


def handle_together(
    runtime: Any,
    ids: Collection[int],
    use_case: Callable[..., object],
    *,
    user: User,
    now: datetime,
    **values: Any,
) -> tuple[list[int], list[LoaError]]:
    """Call a use case for each of these cases. Returns those that were handled, and why others were not.

    Raises BadInput without a case, or if it is refused for all of them.
    """
    if not ids:
        raise BadInput("case_none_chosen")
    done: list[int] = []
    refused: list[LoaError] = []
    for case_id in list(dict.fromkeys(ids))[:MOST_TOGETHER]:
        try:
            use_case(runtime, case_id, user=user, now=now, **values)
            done.append(case_id)
        except LoaError as error:
            refused.append(error)
    if not done:
        raise refused[0]
    return done, refused
