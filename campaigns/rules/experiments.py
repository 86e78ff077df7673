"""Who is held out of a step and who gets which of two texts: drawn by lot, so that it can be drawn again and
proved. Pure.

A recipient's lot is made of the campaign's seed and the person's number by three rounds of x(x+k) modulo the prime
2**31-1, each with a key of the seed; a step's own draw is one more round over the lot. The same arithmetic stands
here for Python and for SQL: both databases have 64-bit integers, and neither has a hash that the other has.
"""

from __future__ import annotations

import hashlib
from functools import cache

P = 2**31 - 1
_ROUNDS = 3
# A message's arm. None: the person was no part of the draw, having answered or being out of reach.
HELD_OUT, FIRST_TEXT, SECOND_TEXT = 0, 1, 2


@cache
def keys(seed: int, purpose: str) -> tuple[int, ...]:
    """The rounds' keys for a purpose."""
    return tuple(
        int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}/{turn}".encode(), digest_size=8).digest(), "big")
        % P
        for turn in range(_ROUNDS)
    )


def bucket(contact_id: int, seed: int) -> int:
    """A recipient's lot, below P."""
    number = contact_id % P
    for key in keys(seed, "lot"):
        number = _mix(number, key)
    return number


def bucket_sql(column: str, seed: int) -> str:
    """`lot` over a column, in SQL."""
    expression = f"({_wide(column)} % {P})"
    for key in keys(seed, "lot"):
        expression = _mix_sql(expression, key)
    return expression


def arm(lot_: int, seed: int, step: int, *, hold_out: float, has_second: bool) -> int:
    """In which arm of a step's comparison a lot falls."""
    first, second, _ = keys(seed, f"step {step}")
    draw = _mix(lot_, first)
    if draw < threshold(hold_out):
        return HELD_OUT
    return SECOND_TEXT if has_second and _mix(draw, second) < threshold(0.5) else FIRST_TEXT


def arm_sql(column: str, seed: int, step: int, *, hold_out: float, has_second: bool) -> str:
    """`arm` over a column of lots, in SQL."""
    first, second, _ = keys(seed, f"step {step}")
    draw = _mix_sql(_wide(column), first)
    chosen = str(FIRST_TEXT)
    if has_second:
        again = f"{_mix_sql(draw, second)} < {threshold(0.5)}"
        chosen = f"CASE WHEN {again} THEN {SECOND_TEXT} ELSE {FIRST_TEXT} END"
    if not threshold(hold_out):
        return chosen
    return f"CASE WHEN {draw} < {threshold(hold_out)} THEN {HELD_OUT} ELSE {chosen} END"


def threshold(share: float) -> int:
    """Draws below it are `share` of all."""
    return round(share * P)


def _mix(number: int, key: int) -> int:
    return number * ((number + key) % P) % P


def _mix_sql(expression: str, key: int) -> str:
    return f"({expression} * (({expression} + {key}) % {P}) % {P})"


def _wide(column: str) -> str:
    """64 bits, as a product of two numbers below P needs."""
    return f"CAST({column} AS bigint)"
