"""The statements behind an audience: `frozen` writes down everybody of its lists, `census` counts all who are alike."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, TextClause, bindparam, text

from campaigns.planning.lots import lot_sql
from campaigns.planning.whom import USUAL_LANGUAGE, Field, Whom

_BLOCKED = """
blocked AS (
    SELECT phone_id,
           MAX(CASE WHEN reason = 'opt_out' THEN 1 ELSE 0 END) AS opted_out,
           MAX(CASE WHEN reason = 'wrong_number' THEN 1 ELSE 0 END) AS wrong,
           MAX(CASE WHEN reason = 'do_not_call' THEN 1 ELSE 0 END) AS do_not_call
    FROM suppressions WHERE lifted_at IS NULL AND phone_id IS NOT NULL
    GROUP BY phone_id
)"""

# What each phone has told the launched campaigns of a kind: 1 for an answer, 2 that it is done.
_TOLD = """
told AS (
    SELECT r.phone_id, MAX(CASE WHEN r.answer = 'installed' THEN 2 ELSE 1 END) AS history
    FROM campaigns k JOIN recipients r ON r.campaign_id = k.id
    WHERE k.kind = :kind AND r.answer IS NOT NULL AND r.phone_id IS NOT NULL
    GROUP BY r.phone_id
)"""

_AREA = "COALESCE(c.area_code, '')"
_SMARTPHONE = "CASE WHEN c.has_smartphone THEN 'yes' WHEN NOT c.has_smartphone THEN 'no' ELSE 'unknown' END"
_LANGUAGE = f"COALESCE(MAX(ph.language) OVER (PARTITION BY c.id), '{USUAL_LANGUAGE}')"
_HISTORY = (
    "CASE MAX(COALESCE(t.history, 0)) OVER (PARTITION BY c.id) "
    "WHEN 2 THEN 'installed' WHEN 1 THEN 'answered' ELSE 'none' END"
)
_PHONE_LANGUAGE = "LEFT JOIN phones ph ON ph.id = cp.phone_id"
_PHONE_HISTORY = "LEFT JOIN told t ON t.phone_id = cp.phone_id"

# What is read of a person for each field, and what must be joined for it.
_FACTS = {
    Field.AREA: (_AREA, ""),
    Field.SMARTPHONE: (_SMARTPHONE, ""),
    Field.LANGUAGE: (_LANGUAGE, _PHONE_LANGUAGE),
    Field.HISTORY: (_HISTORY, _PHONE_HISTORY),
}

_CHOICE = """
           COALESCE(b.wrong, 0) AS wrong, COALESCE(b.do_not_call, 0) AS do_not_call,
           MAX(COALESCE(b.opted_out, 0)) OVER (PARTITION BY c.id) AS opted_out,
           SUM(CASE WHEN COALESCE(b.wrong, 0) + COALESCE(b.do_not_call, 0) = 0 THEN 1 ELSE 0 END)
               OVER (PARTITION BY c.id) AS usable,
           ROW_NUMBER() OVER (
               PARTITION BY c.id
               ORDER BY COALESCE(b.wrong, 0) + COALESCE(b.do_not_call, 0), cp.position
           ) AS choice"""

_UNREACHABLE = """
           CASE WHEN phone_id IS NULL THEN 'no_phone'
                WHEN opted_out = 1 THEN 'opted_out'
                WHEN wrong = 1 THEN 'wrong_number'
                WHEN do_not_call = 1 THEN 'do_not_call'"""

# Each person of the lists once, with one phone: the first of theirs that may be written to. A person
# who opted out on any of their phones asked to be left alone on all of them; a wrong number only
# rules out that number. Of several people on one phone one has the message: whoever has no other phone before
# those who have, then the first. The others are written to on their next phone that is nobody's yet.
_FROZEN = """
INSERT INTO recipients (campaign_id, contact_id, phone_id, list_id, area_code, exclusion, lot)
WITH people AS (
    SELECT m.contact_id, MIN(CASE WHEN m.list_id NOT IN :unfounded THEN m.list_id END) AS founded_id,
           MIN(m.list_id) AS list_id
    FROM memberships m WHERE m.list_id IN :lists
    GROUP BY m.contact_id
), {blocked}{told}, reachable AS (
    SELECT p.contact_id, p.founded_id, p.list_id, c.area_code, cp.phone_id{facts},{choice}
    FROM people p
    JOIN contacts c ON c.id = p.contact_id
    LEFT JOIN contact_phones cp ON cp.contact_id = p.contact_id
    LEFT JOIN blocked b ON b.phone_id = cp.phone_id {joins}
), judged AS (
    SELECT contact_id, phone_id, COALESCE(founded_id, list_id) AS list_id, area_code, usable, choice,
           {unreachable}
                WHEN founded_id IS NULL THEN 'no_basis'{conditions}
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
SELECT :campaign, contact_id, phone_id, list_id, area_code, exclusion, {lot} FROM audience ORDER BY contact_id
"""

# Everybody who stands in a list, those who are alike as one row with their number. By themselves, with their id,
# stand each `every`-th person and those whose first phone somebody else may be written to on as well.
_CENSUS = """
WITH standing AS (
    SELECT contact_id, {lists} AS lists FROM memberships GROUP BY contact_id
), {blocked}, {told}, reachable AS (
    SELECT c.id, {area} AS area, {smartphone} AS smartphone, {language} AS language, {history} AS history,
           cp.phone_id,{choice}
    FROM contacts c
    LEFT JOIN contact_phones cp ON cp.contact_id = c.id
    LEFT JOIN blocked b ON b.phone_id = cp.phone_id {joins}
), judged AS (
    SELECT id, area, smartphone, language, history, phone_id, usable, choice,{unreachable} END AS unreachable
    FROM reachable WHERE choice = 1 OR choice <= usable
), sharing AS (
    SELECT phone_id FROM judged
    WHERE unreachable IS NULL AND choice = 1
    GROUP BY phone_id HAVING COUNT(*) > 1
), wanted AS (
    SELECT phone_id FROM sharing
    UNION
    SELECT j.phone_id FROM judged j
    JOIN judged f ON f.id = j.id AND f.choice = 1
    JOIN sharing s ON s.phone_id = f.phone_id
    WHERE j.choice > 1 AND j.unreachable IS NULL
), alike AS (
    SELECT s.lists, k.area, k.smartphone, k.language, k.history, k.unreachable, w.phone_id AS shared_id,
           CASE WHEN w.phone_id IS NOT NULL OR k.id % :every = 0 THEN k.id END AS contact_id,
           CASE WHEN w.phone_id IS NOT NULL THEN k.usable END AS usable
    FROM judged k JOIN standing s ON s.contact_id = k.id
    LEFT JOIN wanted w ON w.phone_id = k.phone_id AND k.unreachable IS NULL
    WHERE k.choice = 1
)
SELECT lists, area, smartphone, language, history, unreachable, shared_id, contact_id, usable, COUNT(*) AS people
FROM alike
GROUP BY lists, area, smartphone, language, history, unreachable, shared_id, contact_id, usable
"""


def frozen(whom: Whom, *, seed: int) -> tuple[TextClause, dict[str, Any]]:
    """The statement that writes an audience into `recipients`, to be given `campaign`; and its other parameters."""
    asked = [condition.field for condition in whom.conditions]
    given: dict[str, Any] = {"lists": sorted(whom.lists), "unfounded": sorted(whom.unfounded) or [-1]}
    clauses = ""
    for index, condition in enumerate(whom.conditions):
        clauses += (
            f"\n                WHEN {condition.field} NOT IN :allowed_{index} THEN '{condition.exclusion}'"
        )
        given[f"allowed_{index}"] = sorted(condition.allowed)
    if Field.HISTORY in asked:
        given["kind"] = whom.kind
    statement = _FROZEN.format(
        blocked=_BLOCKED.strip(),
        told=f", {_TOLD.strip()}" if Field.HISTORY in asked else "",
        facts="".join(f", {_FACTS[field][0]} AS {field}" for field in asked),
        joins=" ".join(_FACTS[field][1] for field in asked),
        choice=_CHOICE,
        unreachable=_UNREACHABLE.strip(),
        conditions=clauses,
        lot=lot_sql("contact_id", seed),
    )
    many: list[BindParameter[Any]] = [
        bindparam(name, expanding=True) for name, value in given.items() if isinstance(value, list)
    ]
    return text(statement).bindparams(*many), given


def census(*, is_postgresql: bool) -> TextClause:
    """The statement that counts everybody, to be given `kind` and `every`."""
    joined = "string_agg(CAST(list_id AS text), ',')" if is_postgresql else "group_concat(list_id)"
    return text(
        _CENSUS.format(
            lists=joined,
            blocked=_BLOCKED.strip(),
            told=_TOLD.strip(),
            area=_AREA,
            smartphone=_SMARTPHONE,
            language=_LANGUAGE,
            history=_HISTORY,
            joins=f"{_PHONE_LANGUAGE} {_PHONE_HISTORY}",
            choice=_CHOICE,
            unreachable=_UNREACHABLE,
        )
    )
