"""Goals and denominators are books: what stood at a moment can be told at any later one."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from campaigns.goals.goals import (
    enter_denominator,
    find_subject,
    read_campaign_goals,
    read_goals,
    read_history,
    set_goal,
)
from campaigns.lifecycle import edit_campaign
from campaigns.models.figures import GoalEntry
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.goals import GoalScope, GoalSubject
from outreach.models.accounts import Area, AreaLevel, OrganisationKind, Role
from outreach.rules.errors import BadInput, NotAllowed
from tests.support.world import AUTHOR, LIST, TEXT

PROVINCE = GoalSubject(1, GoalScope.RESIDENTS, area="62")


@pytest.fixture
def province(world):
    assert world.drive() == PROVINCE.drive
    world.add(Area(code="62", name="Kon Tum", kind="Tỉnh", level=AreaLevel.PROVINCE))
    world.organisation("STTTT", "STTTT", kind=OrganisationKind.AGENCY)
    world.officer("pn@loa.example", Role.STAFF, world.organisation())
    return world


def goal(world, share="50", *, email=AUTHOR, at, deadline="2020-08-20"):
    given = {"share": share, "deadline": deadline, "basis": "Công văn 2020"}
    return world.do(set_goal, PROVINCE, **given, by=email, now=at)


def people(world, value, as_of, *, at, source="Sở TT&TT"):
    return world.do(enter_denominator, PROVINCE, value=value, as_of=as_of, source=source, now=at)


def test_what_stood_at_a_moment_stays_so_whatever_is_entered_later(province):
    first = datetime(2020, 8, 10, 3, tzinfo=UTC)
    later = first + timedelta(days=2)
    assert goal(province, at=first)
    assert people(province, "120.000", "2020-08-01", at=first)
    assert not goal(province, at=later)  # the same again
    assert not people(province, "120000", "2020-08-01", at=later)
    assert people(province, "130.000", "2020-08-09", at=later)  # of an earlier day, known later
    assert goal(province, "60", at=later)
    then = province.read(read_goals, at=first, drive=1).goals[PROVINCE]
    now = province.read(read_goals, at=later).goals[PROVINCE]
    goals, entered = province.read(read_history, PROVINCE)
    assert province.read(read_goals, at=first - timedelta(seconds=1)).goals == {}
    assert then.denominator
    assert (then.share, then.target, then.denominator.source) == (0.5, 60_000, "Sở TT&TT")
    assert (then.deadline, then.basis) == (date(2020, 8, 20), "Công văn 2020")
    assert (now.share, now.target) == (0.6, 78_000)
    assert [each and each.share for each in goals] == [0.6, 0.5]
    assert [each.value for each in entered] == [130_000, 120_000]


def test_what_is_taken_back_is_unknown_again_and_an_ended_goal_is_gone(province):
    now = province.now
    goal(province, at=now)
    people(province, "120.000", "2020-08-01", at=now)
    people(province, "", "2020-08-01", at=now)
    stands = province.read(read_goals, at=now).goals[PROVINCE]
    assert (stands.denominator, stands.target) == (None, None)
    assert goal(province, "", at=now)
    assert not goal(province, "", at=now)
    assert province.read(read_goals, at=now).goals == {}


def test_only_staff_of_the_province_set_goals_and_subjects_must_be_there(province):
    with pytest.raises(NotAllowed):
        goal(province, email="pn@loa.example", at=province.now)
    find = partial(province.read, find_subject, drive=1)
    assert find(scope="residents", place="62") == PROVINCE
    assert find(scope="staff", place="") == GoalSubject(1, GoalScope.STAFF)
    assert find(scope="staff", place="STTTT").organisation
    for scope, place in (
        ("residents", "99"),
        ("residents", ""),
        ("staff", "PN"),
        ("members", "STTTT"),
        ("members", ""),
        ("audience", "1"),
    ):
        with pytest.raises(BadInput):
            find(scope=scope, place=place)


def test_a_campaigns_file_writes_into_the_book_only_what_is_new(world):
    entered = {"share": 0.5, "denominator": 60, "date": "2020-08-15", "source": "Tổ rà soát"}
    campaign_id = world.draft(goal=entered)

    def edit(**changes):
        data = {"name": "B", "text": TEXT, "lists": [LIST], "sender": "MTTQ", **changes}
        draft = read_draft(data, kinds=load_kinds())
        edit_campaign(world.runtime, campaign_id, draft, user=world.user(AUTHOR), now=world.now)

    def stands():
        found = world.read(read_campaign_goals, [campaign_id]).get(campaign_id)
        assert world.read(read_goals, at=datetime.now(UTC)).goals == {}, "its own goal is nobody else's"
        return found and (found.share, found.denominator.value if found.denominator else None)

    edit(goal=entered)
    assert world.count(GoalEntry) == 1
    assert stands() == (0.5, 60)
    edit(goal={"share": 0.6})
    assert stands() == (0.6, None)
    edit()
    assert stands() is None
    edit(goal=entered)
    assert stands() == (0.5, 60)


def test_a_goal_stays_in_the_drive_that_its_draft_has_left(world):
    base = {"name": "B", "text": TEXT, "lists": [LIST], "sender": "MTTQ"}
    for name in ("Một", "Hai"):
        world.open_drive(name)
    campaign = world.draft(drive="Một", goal={"share": 0.5})
    for move, share in (
        ({"drive": "Hai", "goal": {"share": 0.6}}, 0.6),
        ({"drive": "Một", "goal": {"share": 0.7}}, 0.7),
        ({"drive": "Hai"}, None),
        ({"kind": "tiem-chung", "text": "Moi tiem. TC de tu choi"}, None),
    ):
        draft = read_draft({**base, **move}, kinds=load_kinds())
        edit_campaign(world.runtime, campaign, draft, user=world.user(AUTHOR), now=world.now)
        found = world.read(read_campaign_goals, [campaign]).get(campaign)
        assert (found.share if found else None) == share, move
