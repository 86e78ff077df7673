"""Which recipient of a campaign counts for whom, once people who were merged are taken apart."""

from collections.abc import Sequence
from typing import NamedTuple


class MergedRow(NamedTuple):
    """Recipient of one of two people in a campaign; `merge_id` is the merge that left it out, 0 for one that counts."""

    id: int
    person: int
    merge_id: int


def find_restored(rows: Sequence[MergedRow], merge_id: int) -> MergedRow | None:
    """Return the recipient that counts again for the one of both people who has none, where a merge is taken apart.

    The one that the merge left out, if it is theirs: who counts may have changed since, so that a row's merge may be
    another one. None where each of both has one.
    """
    counted = {row.person for row in rows if not row.merge_id}
    without = [row for row in rows if row.person not in counted]
    return next((row for row in without if row.merge_id == merge_id), without[0] if without else None)
