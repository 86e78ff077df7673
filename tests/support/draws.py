"""The draws of `campaigns.rules.experiments` reckoned in Python, to compare what the SQL assigns."""

from campaigns.rules.experiments import FIRST_TEXT, HELD_OUT, SECOND_TEXT, P, keys, threshold


def bucket(contact_id, seed):
    number = contact_id % P
    for key in keys(seed, "lot"):
        number = _mix(number, key)
    return number


def arm(bucket_, seed, step, *, hold_out, has_second):
    first, second, _ = keys(seed, f"step {step}")
    draw = _mix(bucket_, first)
    if draw < threshold(hold_out):
        return HELD_OUT
    return SECOND_TEXT if has_second and _mix(draw, second) < threshold(0.5) else FIRST_TEXT


def _mix(number, key):
    return number * ((number + key) % P) % P
