"""Audience of a campaign: who is written to, who is not and why; counted and frozen.

The audience is frozen when the first step opens: one statement (`freeze_statement`) writes everybody of the lists into
`recipients`, and later those who have joined the lists since. For previews `load_audience_counter` reads all people once,
with those of the same profile as one row (`profile_statement`). The reach of large campaigns is stored, and shared by all readers
(`campaigns.analytics.reach_counts`).
"""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    TextClause,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from campaigns.answer_totals import count_new_audience, sum_totals
from campaigns.models.campaigns import Campaign, CampaignList, OtherList, Recipient
from campaigns.models.figures import ReachBlock, ReachCount, ReachSnapshot
from campaigns.planning.drives import counted_scopes, untold_campaigns
from campaigns.rules.audience import (
    EVERYBODY,
    USUAL_LANGUAGE,
    AudienceConditions,
    AudienceCounter,
    AudienceQuery,
    ContactField,
    ContactProfile,
    ListRule,
    PhoneSharer,
    Sides,
    make_conditions,
    match_phones,
    others_of_choice,
    read_conditions,
)
from campaigns.rules.experiments import P, bucket_sql
from campaigns.rules.reach import ReachMeasure
from campaigns.rules.states import Exclusion
from outreach.contacts.phones import CONTESTED_PHONES, OTHERS_PHONES
from outreach.contacts.references import keep_people
from outreach.contacts.wishes import LEFT_ALONE
from outreach.core.db import (
    change_rows,
    count_rows,
    delete_rows,
    full_scan,
    insert_rows,
    is_postgresql,
    rows_table,
    values_subquery,
)
from outreach.models.accounts import Organisation
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    LegalBasis,
    Membership,
    Suppression,
    SuppressionReason,
)
from outreach.places.areas import areas_within, descendants


def freeze_audience(session: Session, campaign: Campaign, *, passes_opt_outs: bool = False) -> None:
    """Write recipients and excluded, once, of a locked campaign; `passes_opt_outs` by the installation."""
    keep_people(session)
    add_lists(session, campaign)
    campaign.seed = campaign.seed or secrets.randbelow(P - 1) + 1
    query = audience_query(session, campaign, passes_opt_outs=passes_opt_outs)
    statement, parameters = freeze_statement(query, seed=campaign.seed)
    with full_scan(session):
        session.execute(statement, {"campaign": campaign.id, **parameters})
    give_free_phones(session, query, campaign.id)
    campaign.recipients = count_new_audience(session, campaign.id)


def add_joined(
    session: Session, campaign: Campaign, *, passes_opt_outs: bool = False, only: int | None = None
) -> tuple[int, int]:
    """Add who has joined a locked campaign's lists. Returns how many, and the id after which they begin."""
    keep_people(session)
    ids = select(func.max(Recipient.id)).where(Recipient.campaign_id == campaign.id)
    last = session.scalar(ids) or 0
    query = audience_query(session, campaign, passes_opt_outs=passes_opt_outs)
    some = among = ""
    if only is not None:
        some, among = f" AND m.contact_id = {only:d}", f" WHERE phone_id IN ({PHONES_OF.format(only)})"
    statement, parameters = freeze_statement(
        query, seed=campaign.seed or 1, joined=True, some=some, among=among
    )
    with full_scan(session) if only is None else nullcontext():
        session.execute(statement, {"campaign": campaign.id, **parameters})
    give_free_phones(session, query, campaign.id, after=last)
    return count_new_audience(session, campaign.id, after=last), last


def count_joined(session: Session, campaign: Campaign, *, passes_opt_outs: bool = False) -> int:
    """Return how many recipients `add_joined` would add now."""
    codes = read_conditions(campaign.conditions).organisations
    added = lists_of_organisations(session, codes)
    query = audience_query(session, campaign, passes_opt_outs=passes_opt_outs, added=added)
    counted = {"into": "", "columns": "COUNT(*)", "which": "WHERE exclusion IS NULL"}
    statement, parameters = audience_statement(query, joined=True, **counted)
    with full_scan(session):
        return session.scalar(statement, {"campaign": campaign.id, **parameters}) or 0


def audience_query(
    session: Session, campaign: Campaign, *, passes_opt_outs: bool = False, added: Collection[int] = ()
) -> AudienceQuery:
    """Return the query of a campaign's lists and those `added`; `passes_opt_outs` as installed."""
    chosen = session.scalars(select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id))
    lists: dict[str, set[int]] = {"lists": {*chosen, *added}}
    for other in session.scalars(select(OtherList).where(OtherList.campaign_id == campaign.id)):
        lists.setdefault(other.part, set()).add(other.list_id)
    conditions = read_conditions(campaign.conditions)
    query = build_audience_query(session, campaign.kind, lists, campaign.areas, conditions)
    return replace(
        query,
        passes_opt_outs=passes_opt_outs and bool(campaign.urgent_basis),
        scopes=counted_scopes(session, campaign),
        untold=untold_campaigns(session, query, campaign.organisation_id),
    )


PartLists = Mapping[str, Collection[int]]


def build_audience_query(
    session: Session, kind: str, of: PartLists, areas: Sequence[str], conditions: AudienceConditions
) -> AudienceQuery:
    """Build an audience query of `lists`, those of organisations included, and the others of ListPart, by part."""
    within = areas_within(session, areas) if areas else ()
    lists, excepted, also_in = (frozenset(of.get(part, ())) for part in ("lists", "except", "also_in"))
    found = session.scalars(select(ContactList).where(ContactList.id.in_(lists))).all()
    without_basis = frozenset(each.id for each in found if each.basis is LegalBasis.NONE)
    rules = (  # in their order of precedence
        (without_basis, ListRule(lists - without_basis, 1, Exclusion.NO_BASIS)),
        (excepted, ListRule(excepted, 0, Exclusion.EXCEPTED)),
        (also_in, ListRule(also_in, len(also_in), Exclusion.NOT_ALSO_IN)),
    )
    return AudienceQuery(
        kind,
        lists,
        without_basis,
        tuple(rule for is_asked_for, rule in rules if is_asked_for),
        make_conditions(conditions, within),
        is_recorded=all(each.basis is not None for each in found),
        organisations=frozenset(each.organisation_id for each in found),
    )


def people_of(session: Session, campaign: Campaign) -> list[ColumnElement[bool]]:
    """Return the conditions on Membership and Contact for a campaign's people: of its lists, within its areas."""
    lists = select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id)
    conditions: list[ColumnElement[bool]] = [Membership.list_id.in_(lists)]
    if campaign.areas:
        conditions.append(Contact.area_code.in_(areas_within(session, campaign.areas)))
    return conditions


def lists_of_organisations(session: Session, codes: Collection[str]) -> set[int]:
    """Return the lists of these organisations and of those below them, without those that are removed or not yet stored."""
    if not codes:
        return set()
    named = session.scalars(select(Organisation.id).where(Organisation.code.in_(codes)))
    below = descendants(session.execute(select(Organisation.id, Organisation.parent_id)), list(named))
    is_theirs = (ContactList.organisation_id.in_(below), ~ContactList.hidden)
    return set(session.scalars(select(ContactList.id).where(*is_theirs)))


def add_lists(session: Session, campaign: Campaign) -> None:
    """Add to a campaign the lists that its organisations have added since it was written."""
    present = set(
        session.scalars(select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id))
    )
    codes = read_conditions(campaign.conditions).organisations
    new = ContactList.id.in_(lists_of_organisations(session, codes) - present)
    shown = select(ContactList.id).where(new, ~ContactList.hidden).order_by(ContactList.id)
    session.add_all(
        CampaignList(campaign_id=campaign.id, list_id=list_id, is_chosen=False)
        # One that is being removed at this moment is waited for, and asked again.
        for list_id in session.scalars(shown.with_for_update(read=True, key_share=True))
    )
    session.flush()


def count_audience(session: Session, campaign_id: int) -> tuple[int, dict[Exclusion, int]]:
    """Count the recipients and, by reason, the excluded of a frozen audience."""
    rows = session.execute(
        select(Recipient.exclusion, func.count())
        .where(Recipient.campaign_id == campaign_id)
        .group_by(Recipient.exclusion)
    ).all()
    recipients = sum(count for reason, count in rows if reason is None)
    return recipients, {reason: count for reason, count in rows if reason is not None}


def count_launched(session: Session, campaign: Campaign) -> tuple[int, dict[Exclusion, int]]:
    """Return the same of a launched campaign; of a large one as stored at its launch or since."""
    if is_small(campaign) or session.get(ReachSnapshot, campaign.id) is None:
        return count_audience(session, campaign.id)
    people = sum(people for people, _installed in sum_totals(session, [campaign.id]))
    return people, read_excluded(session, campaign.id)


def sample_names(session: Session, campaign_id: int, *, recipients: int, most: int) -> list[str]:
    """Return names of about `most` of a frozen audience's `recipients`, evenly chosen by their phones."""
    every = max(1, recipients // most)
    addressed = (Recipient.campaign_id == campaign_id, Recipient.exclusion.is_(None))
    # Where most phones are the campaign's each is looked up: to read ten million recipients takes seconds.
    phones = select(func.min(Recipient.phone_id), func.max(Recipient.phone_id)).where(*addressed)
    first, last = session.execute(phones).one()
    multiples = range(-(-(first or 0) // every) * every, (last or 0) + 1, every)
    is_chosen = (
        Recipient.phone_id % every == 0
        if len(multiples) > 10 * most
        else Recipient.phone_id.in_(values_subquery(session, multiples))
    )
    names = select(Contact.name).join(Recipient, Recipient.contact_id == Contact.id)
    return list(session.scalars(names.where(*addressed, is_chosen).limit(2 * most)))


_BLOCKED = """
unwilling AS (
    SELECT DISTINCT contact_id FROM left_alone WHERE contact_id IS NOT NULL AND scope IN :scopes{firm}
), blocked AS (
    SELECT phone_id,
           MAX(CASE WHEN reason = 'opted_out' THEN 1 ELSE 0 END) AS opted_out,
           MAX(CASE WHEN reason = 'wrong_number' THEN 1 ELSE 0 END) AS wrong,
           MAX(CASE WHEN reason = 'do_not_call' THEN 1 ELSE 0 END) AS do_not_call,
           MAX(CASE WHEN reason = 'taken' THEN 1 ELSE 0 END) AS taken
    FROM (
        SELECT phone_id, reason FROM suppressions WHERE lifted_at IS NULL AND phone_id IS NOT NULL{counted}
        UNION ALL SELECT phone_id, 'opted_out' FROM left_alone
        WHERE phone_id IS NOT NULL AND scope IN :scopes{firm}{taken}
    ) every_reason{among}
    GROUP BY phone_id
)"""
PHONES_OF = "SELECT phone_id FROM contact_phones WHERE contact_id = {:d}"
# Of those who join an audience: who is none of it yet, and the phones that have its message.
_NEW = """ AND NOT EXISTS (
        SELECT 1 FROM recipients r WHERE r.campaign_id = :campaign AND r.contact_id = m.contact_id
    ) AND NOT EXISTS (
        SELECT 1 FROM former_recipients f WHERE f.campaign_id = :campaign AND f.contact_id = m.contact_id
    )"""
_TAKEN = """
        UNION ALL SELECT phone_id, 'taken' FROM recipients
        WHERE campaign_id = :campaign AND (exclusion IS NULL OR exclusion = 'same_person') AND phone_id IS NOT NULL"""
# Each phone's answers in launched campaigns of a kind: 1 for any answer, 2 for an install.
_PAST_ANSWERS = """
told AS (
    SELECT r.phone_id, MAX(CASE WHEN r.answer = 'installed' THEN 2 ELSE 1 END) AS history
    FROM campaigns k JOIN recipients r ON r.campaign_id = k.id
    WHERE k.kind = :kind AND k.id NOT IN :untold AND r.answer IS NOT NULL AND r.phone_id IS NOT NULL
    GROUP BY r.phone_id
)"""
# The SQL that reads each field, and the joins that some need.
_FIELD_SQL = {
    ContactField.AREA: "COALESCE(c.area_code, '')",
    ContactField.SMARTPHONE: """
           CASE WHEN c.has_smartphone THEN 'yes' WHEN NOT c.has_smartphone THEN 'no' ELSE 'unknown' END""",
    ContactField.LANGUAGE: f"COALESCE(MAX(ph.language) OVER person, '{USUAL_LANGUAGE}')",
    ContactField.HISTORY: """
           CASE MAX(COALESCE(t.history, 0)) OVER person
                WHEN 2 THEN 'installed' WHEN 1 THEN 'answered' ELSE 'none' END""",
}
_FIELD_JOINS = {
    ContactField.LANGUAGE: "LEFT JOIN phones ph ON ph.id = cp.phone_id",
    ContactField.HISTORY: "LEFT JOIN told t ON t.phone_id = cp.phone_id",
}
# In how many lists of a rule who is in any.
_IN_LISTS = """LEFT JOIN (
        SELECT contact_id, COUNT(*) AS number FROM memberships WHERE list_id IN :{name} GROUP BY contact_id
    ) {name} ON {name}.contact_id = p.contact_id"""
_CLOSED = "COALESCE(b.opted_out + b.wrong + b.do_not_call + b.taken, 0)"
_REASONS = """
           COALESCE(b.wrong, 0) AS wrong, COALESCE(b.do_not_call, 0) AS do_not_call,
           COALESCE(b.taken, 0) AS taken,
           CASE WHEN u.contact_id IS NOT NULL THEN 1 ELSE COALESCE(b.opted_out, 0) END AS opted_out"""
_CHOICE = f"""{_REASONS},
           SUM(CASE WHEN {_CLOSED} = 0 THEN 1 ELSE 0 END) OVER person AS usable,
           ROW_NUMBER() OVER (person ORDER BY {_CLOSED}, cp.position) AS choice"""
_UNREACHABLE = """
           CASE WHEN phone_id IS NULL THEN 'no_phone'
                WHEN opted_out = 1 THEN 'opted_out'
                WHEN wrong = 1 THEN 'wrong_number'
                WHEN do_not_call = 1 THEN 'do_not_call'"""
# Each person of the lists once, for a list that recorded them rather than one that only names them: whose list it is reads what they
# answer. With one phone: the first of theirs that may be written to; those in `others` are not theirs here. A wish to be left alone holds for
# all phones of its person (`left_alone`); a wrong number only rules out that number. Of several people on one phone one gets
# the message: those without another before those with one, then the first. The others get it on their next phone that is
# nobody's; `give_free_phones` then lets who has another make room for those still without.
_AUDIENCE = """
{into}
WITH people AS (
    SELECT m.contact_id, {first}(CASE WHEN m.list_id NOT IN :lists_without_basis THEN m.list_id END) AS founded_id,
           {first}(m.list_id) AS list_id,
           {first}(CASE WHEN m.stated IS NULL AND m.list_id NOT IN :lists_without_basis THEN m.list_id END) AS own_founded_id,
           {first}(CASE WHEN m.stated IS NULL THEN m.list_id END) AS own_id
    FROM memberships m WHERE m.list_id IN :lists{some}{each}
), others AS ({others}
), {blocked}{told}, reachable AS (
    SELECT p.contact_id, COALESCE(own_founded_id, own_id, founded_id, list_id) AS list_id,
           c.area_code, cp.phone_id{facts},{choice}
    FROM people p
    JOIN contacts c ON c.id = p.contact_id
    LEFT JOIN contact_phones cp ON cp.contact_id = p.contact_id AND NOT EXISTS (
        SELECT 1 FROM others o WHERE o.contact_id = cp.contact_id AND o.phone_id = cp.phone_id
    )
    LEFT JOIN unwilling u ON u.contact_id = p.contact_id
    LEFT JOIN blocked b ON b.phone_id = cp.phone_id {joins}
    WINDOW person AS (PARTITION BY c.id)
), judged AS (
    SELECT contact_id, phone_id, list_id, area_code, usable, choice,
           {unreachable}{conditions}
                WHEN taken = 1 THEN 'shared_phone'
           END AS exclusion
    FROM reachable WHERE choice = 1 OR choice <= usable
), ranked AS (
    SELECT contact_id, phone_id, list_id, area_code, usable, exclusion,
           ROW_NUMBER() OVER (
               PARTITION BY phone_id, CASE WHEN exclusion IS NULL THEN 0 ELSE 1 END
               ORDER BY CASE WHEN usable = 1 THEN 0 ELSE 1 END, contact_id
           ) AS turn
    FROM judged WHERE choice = 1
), free AS (
    SELECT j.contact_id, j.phone_id, j.choice,
           ROW_NUMBER() OVER (PARTITION BY j.phone_id ORDER BY j.choice, j.contact_id) AS turn
    FROM ranked r
    JOIN judged j ON j.contact_id = r.contact_id AND j.choice > 1 AND j.exclusion IS NULL
    WHERE r.exclusion IS NULL AND r.turn > 1 AND r.usable > 1
      AND NOT EXISTS (
          SELECT 1 FROM ranked t WHERE t.phone_id = j.phone_id AND t.exclusion IS NULL AND t.turn = 1
      )
), next_phone AS (
    SELECT contact_id, phone_id, ROW_NUMBER() OVER (PARTITION BY contact_id ORDER BY choice) AS turn
    FROM free WHERE turn = 1
), audience AS (
    SELECT r.contact_id, COALESCE(n.phone_id, r.phone_id) AS phone_id, r.list_id, r.area_code,
           COALESCE(r.exclusion, CASE WHEN r.turn > 1 AND n.phone_id IS NULL THEN 'shared_phone' END) AS exclusion
    FROM ranked r
    LEFT JOIN next_phone n ON n.contact_id = r.contact_id AND n.turn = 1
)
SELECT {columns} FROM audience {which}
"""
_FROZEN = "INSERT INTO recipients (campaign_id, contact_id, phone_id, list_id, area_code, exclusion, bucket)"
_SOME_PEOPLE = (
    " AND m.contact_id IN (SELECT s.contact_id FROM contact_phones s WHERE s.phone_id % :every = 0)"
)
# Everybody in a list; people of the same profile are one row with their number. Each `every`-th person has a row of
# their own with their id, and so has each person whose first phone may be used for somebody else as well: a shared one, or
# another of those who could make room on one. Who has contested phones is in it once for each choice of these that may be
# theirs, with the choice: "+2,3!0;-4!2;" if the first is theirs to organisations 2 and 3 and to nobody else, the second is
# to all but 2 (4 states it), and the first alone is taken as theirs. Phones that are to the same ones go together.
_PROFILES = """
WITH RECURSIVE standing AS (
    SELECT contact_id, {list_ids} AS lists FROM memberships GROUP BY contact_id
), sides AS (
    SELECT contact_id, phone_id, {yes} || '!' || {no} AS sides
    FROM (
        SELECT contact_id, phone_id, organisation_id, MAX(is_theirs) AS is_theirs FROM contested_phones
        GROUP BY contact_id, phone_id, organisation_id ORDER BY organisation_id
    ) each_side
    GROUP BY contact_id, phone_id HAVING MIN(is_theirs) = 0
), contested AS (
    SELECT contact_id, sides, {phone_ids} AS phones,
           ROW_NUMBER() OVER (PARTITION BY contact_id ORDER BY sides) AS turn,
           COUNT(*) OVER (PARTITION BY contact_id) AS turns
    FROM sides GROUP BY contact_id, sides
), chosen AS (
    SELECT contact_id, CAST(0 AS BIGINT) AS turn, turns, CAST('' AS TEXT) AS named, CAST(',' AS TEXT) AS others
    FROM contested WHERE turn = 1
    UNION ALL
    SELECT s.contact_id, n.turn, s.turns, s.named || o.sign || n.sides || ';',
           CASE WHEN o.sign = '-' THEN s.others || n.phones || ',' ELSE s.others END
    FROM chosen s JOIN contested n ON n.contact_id = s.contact_id AND n.turn = s.turn + 1
    CROSS JOIN (SELECT '+' AS sign UNION ALL SELECT '-') o
), {blocked}, {told}, reachable AS (
    SELECT c.id, COALESCE(s.named, '') AS named, {facts},
           cp.phone_id,{choice}
    FROM contacts c
    LEFT JOIN chosen s ON s.contact_id = c.id AND s.turn = s.turns
    LEFT JOIN contact_phones cp ON cp.contact_id = c.id
        AND (s.others IS NULL OR s.others NOT LIKE '%,' || cp.phone_id || ',%')
    LEFT JOIN unwilling u ON u.contact_id = c.id
    LEFT JOIN blocked b ON b.phone_id = cp.phone_id {joins}
    WINDOW person AS (PARTITION BY c.id, s.named)
), judged AS (
    SELECT id, named, {fields}, phone_id, usable, choice,{unreachable} END AS unreachable
    FROM reachable WHERE choice = 1 OR choice <= usable
), sharing AS (
    SELECT phone_id FROM judged
    WHERE unreachable IS NULL AND choice = 1
    GROUP BY phone_id HAVING MIN(id) <> MAX(id)
), several AS (
    SELECT f.phone_id AS first_id, j.phone_id
    FROM judged f JOIN judged j ON j.id = f.id AND j.named = f.named AND j.choice > 1
    WHERE f.choice = 1 AND f.usable > 1 AND f.unreachable IS NULL
), wanted AS (
    SELECT phone_id FROM sharing
    UNION
    SELECT s.phone_id FROM wanted w JOIN several s ON s.first_id = w.phone_id
), alike AS (
    SELECT s.lists, {fields}, k.unreachable, k.named, w.phone_id AS shared_id,
           CASE WHEN w.phone_id IS NOT NULL OR k.id % :every = 0 THEN k.id END AS contact_id,
           CASE WHEN w.phone_id IS NOT NULL THEN k.usable END AS usable
    FROM judged k JOIN standing s ON s.contact_id = k.id
    LEFT JOIN wanted w ON w.phone_id = k.phone_id AND k.unreachable IS NULL
    WHERE k.choice = 1
)
SELECT lists, {fields}, unreachable, named, shared_id, contact_id, usable, COUNT(*) AS people
FROM alike
GROUP BY lists, {fields}, unreachable, named, shared_id, contact_id, usable
"""


def freeze_statement(
    query: AudienceQuery, *, seed: int, joined: bool = False, some: str = "", among: str = ""
) -> tuple[TextClause, dict[str, Any]]:
    """Return the statement that writes an audience into `recipients`, and its parameters.

    The caller adds the parameter `campaign`. `joined`: only who is not in it yet, on phones that are not. `some`: the
    condition of some people, `among`: that of their phones.
    """
    columns = "contact_id, phone_id, list_id, area_code, exclusion"
    bucket = bucket_sql("contact_id", seed)
    return audience_statement(
        query,
        joined=joined,
        some=some,
        among=among,
        into=_FROZEN,
        columns=f":campaign, {columns}, {bucket}",
        which="ORDER BY contact_id",
    )


def planned_phones(session: Session, query: AudienceQuery, *, every: int) -> set[int]:
    """Return each `every`-th phone that would be written to if the audience were frozen now."""
    if not query.lists:
        return set()
    statement, parameters = audience_statement(
        query,
        into="",
        columns="phone_id",
        which="WHERE exclusion IS NULL AND phone_id % :every = 0",
        some=_SOME_PEOPLE if every > 1 else "",
    )
    with full_scan(session):
        return set(session.scalars(statement, {"every": every, **parameters}))


# The sample of a large audience. A prime: what recurs among ids, by tens or by dozens, is in it as often as elsewhere.
_FEW, _EVERY = 50_000, 61


def estimate_recipients(session: Session, query: AudienceQuery) -> int:
    """Return about how many would be written to, as a round number: of many people by every 61st phone."""
    members = select(Membership.contact_id).where(Membership.list_id.in_(query.lists)).limit(_FEW + 1)
    every = 1 if count_rows(session, members) <= _FEW else _EVERY
    about = every * len(planned_phones(session, query, every=every))
    return round(about, min(0, 3 - len(str(about))))


def audience_statement(
    query: AudienceQuery, *, joined: bool = False, some: str = "", among: str = "", **parts: str
) -> tuple[TextClause, dict[str, Any]]:
    """Return the statement that reads an audience, and its parameters. `parts`: its `into`, `columns` and `which`."""
    fields = [condition.field for condition in query.conditions]
    parameters: dict[str, Any] = {
        "lists": sorted(query.lists),
        "lists_without_basis": sorted(query.lists_without_basis) or [-1],
        "scopes": list(query.scopes),
        "organisations": [EVERYBODY, *query.organisations],
    }
    facts = [f"{_FIELD_SQL[field]} AS {field}" for field in fields]
    joins = [_FIELD_JOINS.get(field, "") for field in fields]
    when, clauses = "\n                WHEN {} THEN '{}'", ""
    for index, rule in enumerate(query.rules):
        name = f"lists_{index}"
        facts.append(f"COALESCE({name}.number, 0) AS {name}")
        joins.append(_IN_LISTS.format(name=name))
        parameters[name] = sorted(rule.lists)
        clauses += when.format(f"{name} < {rule.number}" if rule.number else f"{name} > 0", rule.exclusion)
    for index, condition in enumerate(query.conditions):
        clauses += when.format(f"{condition.field} NOT IN :allowed_{index}", condition.exclusion)
        parameters[f"allowed_{index}"] = sorted(condition.allowed)
    told = ""
    if ContactField.HISTORY in fields:
        parameters |= _told_parameters(query)
        told = f", {_PAST_ANSWERS.strip()}"
    first, each = "MIN", "\n    GROUP BY m.contact_id"
    if len(query.lists) == 1:  # has everybody once: grouping takes a fifth of the statement's time
        first, each = "", ""
    statement = _AUDIENCE.format(
        first=first,
        each=each,
        **blocked_parts(query.passes_opt_outs, taken=_TAKEN if joined else "", among=among),
        some=some + (_NEW if joined else ""),
        told=told,
        facts="".join(f", {fact}" for fact in facts),
        joins=" ".join(joins),
        others=OTHERS_PHONES.format(some=some),
        conditions=clauses,
        **parts,
    )
    return bind_lists(statement, parameters), parameters


def bind_lists(statement: str, parameters: Mapping[str, Any]) -> TextClause:
    """Return SQL for these parameters, of which lists are taken by `IN`."""
    expanding: list[BindParameter[Any]] = [
        bindparam(name, expanding=True) for name, value in parameters.items() if isinstance(value, list)
    ]
    return text(statement).bindparams(*expanding)


def blocked_parts(passes_opt_outs: bool, *, taken: str = "", among: str = "") -> dict[str, str]:
    """Return the parts of a statement that decide which phones and people may be written to. Its parameter is `scopes`."""
    firm = " AND is_firm = 1" if passes_opt_outs else ""
    counted = " AND reason = 'wrong_number'" if passes_opt_outs else ""
    return {
        "blocked": _BLOCKED.format(counted=counted, firm=firm, taken=taken, among=among).strip(),
        "reasons": _REASONS,
        "choice": _CHOICE,
        "unreachable": _UNREACHABLE.strip(),
    }


def _told_parameters(query: AudienceQuery) -> dict[str, Any]:
    return {"kind": query.kind, "untold": sorted(query.untold) or [-1]}


def profile_statement(query: AudienceQuery, *, is_postgresql: bool) -> TextClause:
    """Return the statement that counts everybody by profile. Its parameters are `kind`, `untold`, `scopes` and `every`."""
    joined = "string_agg(CAST({} AS text), ',')" if is_postgresql else "group_concat({})"
    sides = [
        f"COALESCE({joined.format(f'CASE WHEN is_theirs = {side} THEN organisation_id END')}, '')"
        for side in (1, 0)
    ]
    return text(
        _PROFILES.format(
            list_ids=joined.format("list_id"),
            yes=sides[0],
            no=sides[1],
            phone_ids=joined.format("phone_id"),
            **blocked_parts(query.passes_opt_outs),
            told=_PAST_ANSWERS.strip(),
            fields=", ".join(ContactField),
            facts=", ".join(f"{_FIELD_SQL[field]} AS {field}" for field in ContactField),
            joins=" ".join(_FIELD_JOINS.values()),
        )
    ).bindparams(bindparam("untold", expanding=True), bindparam("scopes", expanding=True))


# Number of people whose names are read to measure texts, chosen by their id; if there are fewer, everybody.
NAMES = 30_000


def load_audience_counter(session: Session, query: AudienceQuery) -> AudienceCounter:
    """Read everybody in a list now, with their answers and opt-outs as the query has them count."""
    last = session.scalar(select(func.max(Contact.id))) or 0
    every = max(1, -(-last // NAMES))
    people: Counter[ContactProfile] = Counter()
    profiles: dict[tuple[str, ...], ContactProfile] = {}
    sampled: dict[int, list[ContactProfile]] = {}
    sharers: list[tuple[int, ContactProfile, int, int]] = []
    with full_scan(session):
        rows = session.execute(
            profile_statement(query, is_postgresql=is_postgresql(session)),
            {**_told_parameters(query), "scopes": list(query.scopes), "every": every},
        ).all()
    for row in rows:
        *key, shared_id, contact_id, usable, number = row
        profile = profiles.get(tuple(key)) or profiles.setdefault(tuple(key), _read_profile(*key))
        people[profile] += number
        if contact_id is not None and contact_id % every == 0:
            sampled.setdefault(contact_id, []).append(profile)
        if shared_id is not None:
            sharers.append((contact_id, profile, shared_id, usable))
    with_others: dict[str, list[int]] = {}
    for contact_id, profile, _, usable in sharers:
        if usable > 1:
            with_others.setdefault(profile.named, []).append(contact_id)
    usable_phones = {
        named: find_usable_phones(session, people, query, left_out=others_of_choice(named).__contains__)
        for named, people in with_others.items()
    }
    names = session.execute(
        select(Contact.id, Contact.name).where(Contact.id % every == 0).order_by(Contact.id)
    )
    return AudienceCounter(
        people,
        [
            PhoneSharer(contact_id, profile, phone_id, tuple(further[1:]))
            for contact_id, profile, phone_id, _ in sharers
            for further in [usable_phones.get(profile.named, {}).get(contact_id, [])]
        ],
        [
            (profile, contact_id, name)
            for contact_id, name in names
            for profile in sampled.get(contact_id, ())
        ],
    )


@lru_cache(maxsize=10_000)
def _list_ids(joined: str) -> frozenset[int]:
    return frozenset(map(int, joined.split(",")))


def _read_profile(lists: str, *facts: Any) -> ContactProfile:
    *values, why, named = facts
    return ContactProfile(_list_ids(lists), tuple(values), Exclusion(why) if why else None, named)


def restore_audience_counter(session: Session, data: Mapping[str, Any]) -> AudienceCounter:
    """Return the counter that was kept as data, with the names that those people have now."""
    named = [contact_id for _index, contact_id in data["named"]]
    names = session.execute(select(Contact.id, Contact.name).where(Contact.id.in_(named))).all()
    return AudienceCounter.from_data(data, dict(names))


_SHARING = """WHERE COALESCE(exclusion, 'shared_phone') = 'shared_phone'
  AND phone_id IN (SELECT phone_id FROM audience WHERE exclusion = 'shared_phone')"""


def read_sharing(session: Session, query: AudienceQuery, *, most: int) -> list[tuple[str, str]]:
    """Return the names of up to `most` people whose phone would get its message in another one's name, each with that name."""
    columns = "phone_id, contact_id, exclusion"
    statement, parameters = audience_statement(query, into="", columns=columns, which=_SHARING)
    with full_scan(session):
        rows = session.execute(statement, parameters).all()
    addressed = {phone_id: contact_id for phone_id, contact_id, exclusion in rows if exclusion is None}
    left_out = sorted((contact_id, addressed.get(phone_id)) for phone_id, contact_id, why in rows if why)
    del left_out[most:]
    people = {contact_id for pair in left_out for contact_id in pair if contact_id is not None}
    names = dict(session.execute(select(Contact.id, Contact.name).where(Contact.id.in_(people))).all())
    return [(names[contact_id], names.get(other or 0, "")) for contact_id, other in left_out]


_NOT_CONTESTED = Sides(frozenset(), frozenset())


def give_free_phones(session: Session, query: AudienceQuery, campaign_id: int, *, after: int = 0) -> None:
    """Give new recipients (ids above `after`) phones of those with another, where the statement could not."""
    new = (Recipient.campaign_id == campaign_id, Recipient.id > after)
    left = (
        select(ContactPhone.contact_id)
        .join(Recipient, Recipient.contact_id == ContactPhone.contact_id)
        .where(*new, Recipient.exclusion == Exclusion.SHARED_PHONE)
    )
    asking = set(session.scalars(left.group_by(ContactPhone.contact_id).having(func.count() > 1)))
    choices: dict[int, list[int]] = {}
    holders: dict[int, int] = {}
    phones: set[int] = set()
    has_it = or_(Recipient.exclusion.is_(None), Recipient.exclusion == Exclusion.SAME_PERSON)
    while asking:
        usable = find_usable_phones(session, sorted(asking), query).items()
        several = {contact_id: theirs for contact_id, theirs in usable if len(theirs) > 1}
        choices |= several
        found = set(chain.from_iterable(several.values())) - phones
        phones |= found
        rows = session.execute(
            select(Recipient.id, Recipient.contact_id, Recipient.phone_id, Recipient.exclusion).where(
                Recipient.campaign_id == campaign_id,
                Recipient.phone_id.in_(values_subquery(session, found)),
                has_it,
            )
        ).all()
        holders |= {row.phone_id: row.contact_id or -row.id for row in rows}
        moves = {
            row.contact_id for row in rows if row.id > after and row.exclusion is None and row.contact_id
        }
        asking = moves - choices.keys()
    given = match_phones(choices, holders)
    changed = [
        {"contact_id": contact_id, "phone_id": phone_id}
        for phone_id, contact_id in given.items()
        if holders.get(phone_id) != contact_id
    ]
    if not changed:
        return
    table = rows_table(session, {"contact_id": BigInteger, "phone_id": BigInteger}, changed)
    mine = update(Recipient).where(*new, Recipient.contact_id == table.c.contact_id)
    # In two steps: no phone is two people's in between.
    change_rows(session, mine.values(exclusion=Exclusion.SHARED_PHONE))
    change_rows(session, mine.values(exclusion=None, phone_id=table.c.phone_id))


def are_others(contact_id: Any, phone_id: Any, campaign_id: Any) -> ColumnElement[bool]:
    """Return the condition that a person's number is not theirs in a campaign to its lists."""
    columns = CONTESTED_PHONES.c
    owners = select(ContactList.organisation_id).join(CampaignList, CampaignList.list_id == ContactList.id)
    is_theirs = select(func.max(columns.is_theirs)).where(
        columns.contact_id == contact_id,
        columns.phone_id == phone_id,
        or_(
            columns.organisation_id == EVERYBODY,
            columns.organisation_id.in_(
                owners.where(CampaignList.campaign_id == campaign_id).correlate_except(
                    CampaignList, ContactList
                )
            ),
        ),
    )
    return func.coalesce(is_theirs.correlate_except(CONTESTED_PHONES).scalar_subquery(), 1) == 0


def _read_sides(session: Session, people: list[int]) -> dict[tuple[int, int], Sides]:
    """Return the sides of these people's phones (contact id, phone id), where there are any."""
    found: dict[tuple[int, int], dict[int, int]] = {}
    columns = CONTESTED_PHONES.c
    # A few are looked up one by one: a subquery would read everybody's first.
    among = people if len(people) <= 1_000 else values_subquery(session, people)
    for contact_id, phone_id, organisation_id, is_theirs in session.execute(
        select(columns.contact_id, columns.phone_id, columns.organisation_id, func.max(columns.is_theirs))
        .where(columns.contact_id.in_(among))
        .group_by(columns.contact_id, columns.phone_id, columns.organisation_id)
    ):
        found.setdefault((contact_id, phone_id), {})[organisation_id] = is_theirs
    return {
        link: Sides(*(frozenset(each for each, side in of.items() if side == wanted) for wanted in (1, 0)))
        for link, of in found.items()
    }


def find_usable_phones(
    session: Session,
    people: list[int],
    query: AudienceQuery,
    *,
    left_out: Callable[[Sides], bool] | None = None,
) -> dict[int, list[int]]:
    """Return these people's usable phones in order, without those of others, or by their sides `left_out`."""
    reasons = [SuppressionReason.WRONG_NUMBER]
    if not query.passes_opt_outs:
        reasons.append(SuppressionReason.DO_NOT_CALL)
    refused = exists().where(
        LEFT_ALONE.c.phone_id == ContactPhone.phone_id,
        LEFT_ALONE.c.scope.in_(query.scopes),
        LEFT_ALONE.c.is_firm >= int(query.passes_opt_outs),
    )
    blocked = exists().where(
        Suppression.phone_id == ContactPhone.phone_id,
        Suppression.lifted_at.is_(None),
        Suppression.reason.in_(reasons),
    )
    left_out = left_out or (lambda sides: sides.are_others(query.organisations))
    sides = _read_sides(session, people)
    phones_by_contact: dict[int, list[int]] = {}
    for contact_id, phone_id in session.execute(
        select(ContactPhone.contact_id, ContactPhone.phone_id)
        .where(ContactPhone.contact_id.in_(values_subquery(session, people)), ~blocked, ~refused)
        .order_by(ContactPhone.contact_id, ContactPhone.position)
    ):
        if not left_out(sides.get((contact_id, phone_id), _NOT_CONTESTED)):
            phones_by_contact.setdefault(contact_id, []).append(phone_id)
    return phones_by_contact


# Up to this many recipients a campaign is counted when it is read: some ten milliseconds.
SMALL = 5_000
_COLUMNS = ("step_id", "organisation_id", "area_code", "measure", "detail", "n")


def is_small(campaign: Campaign) -> bool:
    """Return whether a campaign is counted at each read; before its launch there is nothing to count."""
    return (campaign.recipients or 0) <= SMALL


def count_audience_rows(
    session: Session, campaign_id: int, *conditions: Any
) -> Iterable[tuple[int | None, str | None, ReachMeasure, str, int]]:
    """Count the recipients and the excluded by list, area and reason; of those only who meets the conditions."""
    key = (Recipient.list_id, Recipient.area_code, Recipient.exclusion)
    query = select(*key, func.count()).where(Recipient.campaign_id == campaign_id, *conditions)
    for list_id, area, reason, n in session.execute(query.group_by(*key)):
        measure = ReachMeasure.EXCLUDED if reason else ReachMeasure.RECIPIENTS
        yield list_id, area, measure, reason.value if reason else "", n


def store_frozen(session: Session, campaign_id: int, *, now: datetime) -> None:
    """Store a launch's audience as the first counts: a large campaign has figures before a worker has counted it."""
    owners = dict(session.execute(select(ContactList.id, ContactList.organisation_id)).all())
    rows = [
        (None, owners.get(list_id) if list_id else None, area, measure.value, detail, n)
        for list_id, area, measure, detail, n in count_audience_rows(session, campaign_id)
    ]
    store_counts(session, campaign_id, rows, at=now, took_s=0.0)


def store_counts(
    session: Session, campaign_id: int, rows: Sequence[tuple[Any, ...]], *, at: datetime, took_s: float
) -> None:
    """Store counts, as the columns of `ReachCount`, in the place of a campaign's former ones."""
    delete_rows(session, ReachCount, ReachCount.campaign_id == campaign_id)
    insert_rows(session, ReachCount.__table__, _COLUMNS, rows, always={"campaign_id": campaign_id})
    session.merge(ReachSnapshot(campaign_id=campaign_id, at=at, took_s=took_s))


def read_excluded(session: Session, campaign_id: int) -> dict[Exclusion, int]:
    """Return the stored numbers of the excluded by reason."""
    query = (
        select(ReachCount.detail, func.sum(ReachCount.n))
        .where(ReachCount.campaign_id == campaign_id, ReachCount.measure == ReachMeasure.EXCLUDED)
        .group_by(ReachCount.detail)
    )
    counts = {detail: int(n) for detail, n in session.execute(query)}
    return {reason: counts[reason] for reason in Exclusion if counts.get(reason)}


def delete_reach(session: Session, campaign_id: int) -> None:
    """Delete a campaign's stored reach, as when its launch is undone."""
    for table in (ReachCount, ReachBlock, ReachSnapshot):
        delete_rows(session, table, table.campaign_id == campaign_id)
