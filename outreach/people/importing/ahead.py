"""The next rows are read and checked while those before them are stored: the database's time is not waited for."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from outreach.people.importing.bulk import Row, chunks

# Seconds. Whoever comes back from the database for a moment need not wait for the reader's next 5 ms.
_TURN = 0.002


def chunks_ahead(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Lists of `size` rows, the last one shorter, each made in a thread while the caller has the one before it.

    What `rows` raises, it raises here. No more than two lists are held.
    """
    lists = chunks(rows, size)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(next, lists, None)
            while chunk := coming.result():
                coming = reader.submit(next, lists, None)
                yield chunk
    finally:
        sys.setswitchinterval(before)
