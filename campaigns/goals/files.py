"""Many denominators at once, from a CSV: all of the file or none of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.goals.entering import enter_denominator, find_subject, require_province
from outreach.access.models import User
from outreach.errors import BadInput

COLUMNS = ("scope", "place", "value", "as_of", "source")
SHOWN = 20  # wrong lines that are spelled out


def import_denominators(
    session: Session, content: bytes, *, kind: str, kinds: Collection[str], user: User, now: datetime
) -> tuple[int, int]:
    """A CSV in UTF-8 with COLUMNS, `place` an area's or an organisation's code; how many are new, and how many stood there.

    Raises BadInput with the wrong lines; NotAllowed for whoever is not staff of the province.
    """
    require_province(session, user)
    new, same, wrong = 0, 0, []
    for n, line in enumerate(_lines(content), start=2):
        try:
            subject = find_subject(session, kind=kind, scope=line["scope"], place=line["place"], kinds=kinds)
            said = {name: line[name] for name in ("value", "as_of", "source")}
            is_new = enter_denominator(session, subject, **said, user=user, now=now)
        except BadInput as error:
            wrong.append(f"dòng {n}: {error}")
            continue
        new, same = new + is_new, same + (not is_new)
    if wrong:
        more = f" Và {len(wrong) - SHOWN} dòng nữa." if len(wrong) > SHOWN else ""
        raise BadInput(f"Chưa nhập gì. {' '.join(wrong[:SHOWN])}{more}")
    return new, same


def _lines(content: bytes) -> list[dict[str, str]]:
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            raise BadInput(f"Dòng đầu của tệp phải là: {','.join(COLUMNS)}.")
        return [{name: (line.get(name) or "").strip() for name in COLUMNS} for line in lines]
    except UnicodeDecodeError as error:
        raise BadInput("Tệp không phải UTF-8. Hãy lưu lại dưới dạng CSV UTF-8.") from error
    except csv.Error as error:
        raise BadInput("Tệp không phải CSV. Hãy lưu lại dưới dạng CSV UTF-8.") from error
