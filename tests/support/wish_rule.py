"""The rule of the view `left_alone` as a function over rows of the ledger, which tests compare with the database."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from outreach.rules.wishes import EVERYTHING, NAMES_PERSON, WishSource, covers

# Not even a warning passes these (Law 91/2025/QH15: objection, restriction and withdrawal of consent).
_LEGAL = frozenset({WishSource.REQUEST, WishSource.CONSENT})


class SaidWish(NamedTuple):
    """A row of the ledger. `undoes` is the wish that it takes back, None for a wish."""

    id: int
    scope: str
    source: WishSource
    people: frozenset[int] = frozenset()
    numbers: frozenset[int] = frozenset()
    undoes: int | None = None

    @property
    def is_firm(self) -> bool:
        """Return whether no warning passes it: it is about one matter alone, or a right under the law."""
        return bool(self.scope) or self.source in _LEGAL


def find_wish(
    rows: Iterable[SaidWish],
    *,
    person: int | None,
    number: int | None,
    numbers_of_person: Collection[int] = (),
    scopes: Collection[str] = (EVERYTHING,),
    passes: bool = False,
) -> SaidWish | None:
    """Return the wish because of which a message must not go to a person at a number, None if it may go.

    `rows` are the ledger's of the person and of all their numbers; `scopes` and `passes` as `covers` has them. Of several
    the first counts: what is about everything, then what was said first.
    """
    known = list(rows)
    undone = {row.undoes for row in known}
    holding = [
        row
        for row in known
        if row.undoes is None
        and row.id not in undone
        and covers(row.scope, row.is_firm, scopes=scopes, passes=passes)
        and (  # of this number, of this person, or said from a number that the person has
            number in row.numbers
            or person in row.people
            or (row.source not in NAMES_PERSON and not row.numbers.isdisjoint(numbers_of_person))
        )
    ]
    return min(holding, key=lambda row: (bool(row.scope), row.id), default=None)
