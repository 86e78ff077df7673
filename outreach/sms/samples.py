"""Numbers of the committed samples: real subscribers may hold them, so a live gateway never gets one. Pure."""

from __future__ import annotations

import re

_SAMPLE = re.compile(r"^\+84\d{3}000\d{3}$")


def is_sample(number: str) -> bool:
    return _SAMPLE.match(number) is not None
