"""Who would get a third message within seven days, and which of several phones each of several people gets."""

import random
from datetime import UTC, datetime, timedelta
from itertools import product

from campaigns.rules.audience import match_phones
from campaigns.rules.collisions import Collision, StepMoment, find_collision
from tests.support.tables import cases

TODAY = datetime(2027, 3, 1, 2, tzinfo=UTC)
PHONES = {1: {1, 2, 3, 4}, 2: {3, 4, 5}, 3: {4, 5, 6}}


def step(campaign, days, number=1):
    return StepMoment(campaign, number, TODAY + timedelta(days=days))


@cases(
    ([], Collision()),
    ([step(2, -1)], Collision()),  # two messages in a week are none too many
    ([step(2, -1), step(3, -2)], Collision(1, (2, 3))),
    ([step(2, 0), step(3, -6.9)], Collision(1, (2, 3))),  # at the same moment counts
    ([step(2, -1), step(3, -7)], Collision()),  # a week has passed
    ([step(2, -1), step(3, 1)], Collision()),  # what comes later is told of the later one
    ([step(1, -4, 1), step(1, -2, 2)], Collision(4, (1,))),  # its own reminders alone
    ([step(1, -4, 1), step(2, -2)], Collision(2, (1, 2))),
)
def test_a_third_message_within_seven_days_is_told(others, found):
    own = step(1, 0, 3)
    assert find_collision(own, [own, *others], lambda each: PHONES[each.campaign_id]) == found


def test_phones_are_read_only_where_a_third_message_is_possible():
    def refuse(_step):
        raise AssertionError

    assert find_collision(step(1, 0), [step(2, -1), step(3, -8)], refuse) == Collision()


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
