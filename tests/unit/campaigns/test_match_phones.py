"""Of several people on several phones each gets one where that is possible."""

import random
from itertools import product

from campaigns.rules.audience import match_phones
from tests.support.tables import cases


@cases(
    ({}, {7: 1}, {7: 1}),
    ({1: (7, 8, 9), 2: (7, 8, 9), 3: (7, 8, 9)}, {7: 1}, {7: 1, 8: 2, 9: 3}),
    ({1: (7, 8), 2: (7, 9), 3: (9, 6)}, {7: 1, 9: 3}, {7: 2, 8: 1, 9: 3}),  # the first makes room
    ({1: (7, 8), 2: (7,)}, {7: 1}, {7: 2, 8: 1}),
    ({2: (7, 8)}, {7: 1, 8: 3}, {7: 1, 8: 3}),  # who has no choice keeps theirs
    ({1: (7, 8), 2: (8, 9), 3: (9, 6), 4: (7,)}, {7: 1, 8: 2, 9: 3}, {7: 4, 8: 1, 9: 2, 6: 3}),
    ({1: (7,), 2: (7,), 3: (7,)}, {7: 1}, {7: 1}),
)
def test_who_has_a_phone_makes_room_where_that_gives_one_to_somebody_else(choices, holders, given):
    assert match_phones(choices, holders) == given


def test_no_other_distribution_serves_more_people():
    dice = random.Random(3)
    for _ in range(300):
        people = range(dice.randint(1, 5))
        choices = {each: tuple(dice.sample(range(10, 15), dice.randint(1, 3))) for each in people}
        given = match_phones(choices, {})
        assert all(phone in choices[person] for phone, person in given.items())
        assert len({*given.values()}) == len(given)
        ways = product(*((None, *choices[each]) for each in people))
        most = max(
            len(taken) for way in ways if len(taken := [phone for phone in way if phone]) == len({*taken})
        )
        assert len(given) == most
