"""Who would get a third message within seven days."""

from datetime import UTC, datetime, timedelta

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
