"""Errors as people read them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from outreach.core.sentences import word_error
from outreach.rules.errors import LoaError


@contextmanager
def refuses(kind: type[LoaError], *, says: str) -> Iterator[pytest.ExceptionInfo[LoaError]]:
    """Expect an error of this kind whose Vietnamese sentence has `says`, a regular expression, in it."""
    with pytest.raises(kind) as caught:
        yield caught
    sentence = word_error(caught.value)
    assert re.search(says, sentence), f"{says!r} is not in {sentence!r}"
