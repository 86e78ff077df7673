"""Hold-out and A/B test: repeatable random assignment of recipients in SQL.

A recipient's bucket is derived from the campaign's seed and the contact's id by three rounds of x(x+k) modulo the
prime 2**31-1, each with a key of the seed. A step's own draw is one more round over the bucket. Both databases have 64-bit
integers, but no hash function in common.
"""

import hashlib
from functools import cache

P = 2**31 - 1
_ROUNDS = 3
# A message's arm. None on a message: the person was not in the draw, having answered or being unreachable.
HELD_OUT, FIRST_TEXT, SECOND_TEXT = 0, 1, 2


@cache
def keys(seed: int, purpose: str) -> tuple[int, ...]:
    """Return the keys of the rounds for a purpose, which is part of the draw: another gives other arms."""
    return tuple(
        int.from_bytes(
            hashlib.blake2b(f"{seed}/{purpose}/{round_number}".encode(), digest_size=8).digest(), "big"
        )
        % P
        for round_number in range(_ROUNDS)
    )


def bucket_sql(column: str, seed: int) -> str:
    """Return the SQL expression of a recipient's bucket, a number from 0 to P - 1, for a column of contact ids."""
    expression = f"({_wide(column)} % {P})"
    for key in keys(seed, "lot"):
        expression = _mix_sql(expression, key)
    return expression


def arm_sql(column: str, seed: int, step: int, *, hold_out: float, has_second: bool) -> str:
    """Return the SQL expression of the arm of a step's comparison that a bucket falls into, for a column of buckets."""
    first, second, _ = keys(seed, f"step {step}")
    draw = _mix_sql(_wide(column), first)
    chosen = str(FIRST_TEXT)
    if has_second:
        is_second = f"{_mix_sql(draw, second)} < {threshold(0.5)}"
        chosen = f"CASE WHEN {is_second} THEN {SECOND_TEXT} ELSE {FIRST_TEXT} END"
    if not threshold(hold_out):
        return chosen
    return f"CASE WHEN {draw} < {threshold(hold_out)} THEN {HELD_OUT} ELSE {chosen} END"


def threshold(share: float) -> int:
    """Return the number below which a `share` of all draws falls."""
    return round(share * P)


def _mix_sql(expression: str, key: int) -> str:
    return f"({expression} * (({expression} + {key}) % {P}) % {P})"


def _wide(column: str) -> str:
    """Cast to 64 bits: the product of two numbers below P needs them."""
    return f"CAST({column} AS bigint)"
