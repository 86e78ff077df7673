"""How many requests may be under way at once on one connection to a gateway: learned from its answers. Pure."""

from outreach.rules.gateway import Accepted, Cause, Outcome, Refused, Throttled

LEAST = 1.0
FIRST = 2.0
LOWER_BY = 0.7
RAISE_AFTER = 8  # a window is raised by one after it was accepted so many times over


def is_too_much(outcome: Outcome) -> bool:
    """Return whether a gateway says by this that less should be under way: throttled, or the account refused."""
    match outcome:
        case Throttled(fault=fault):
            return not fault
        case Refused(cause):
            return cause in (Cause.ACCOUNT, Cause.BAD_SENDER)
        case _:
            return False


def next_size(
    size: float, outcome: Outcome, *, under_way: int, most: int, is_stale: bool, is_new: bool = False
) -> float:
    """Return the window after an answer: additive up while it is full, multiplicative down at a refusal.

    `under_way`: requests when the answer came, with its own. `is_stale`: the request was made before the window was last
    lowered, so its refusal says nothing of the window of now. `is_new`: it has never been lowered; then it doubles with each
    time that it was accepted, so that a gateway which takes few is not asked for many to learn that.
    """
    if is_too_much(outcome):
        return size if is_stale else max(LEAST, min(size, under_way) * LOWER_BY)
    if isinstance(outcome, Accepted) and under_way >= int(size):
        return min(float(most), size + (1 if is_new else 1 / (RAISE_AFTER * size)))
    return size
