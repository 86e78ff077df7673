"""What an approval is bound to."""

from campaigns.rules.approvals import (
    Approval,
    LaunchTerms,
    approvers_of,
    count_approvals,
    find_card,
    has_other_basis,
    has_outgrown,
    is_same_draft,
    missing_approval,
    unread_version,
)
from tests.support.tables import cases, each_of


@cases(
    (1_000_000, 10**9, (0, 0), 1),
    (49_999, 0, (50_000, 0), 1),
    (50_000, 0, (50_000, 0), 2),
    (10, 5_000_000, (50_000, 5_000_000), 2),
    (10, 4_999_999, (50_000, 5_000_000), 1),
)
def test_how_many_it_takes(recipients, vnd, limits, needed):
    assert count_approvals(recipients, vnd, from_people=limits[0], from_vnd=limits[1]) == needed


A, B = {"text": "một", "lists": ["x"]}, {"text": "hai", "lists": ["x"]}


@cases(
    ([A], A, None, ""),
    ([A], A, 1, ""),
    ([A, A], A, None, ""),
    ([A, B], B, None, "version_not_named"),
    ([A, B], B, 1, "version_not_newest"),
    ([A, A], A, 1, "version_not_newest"),
    ([A, B], B, 2, ""),
    ([A], A, 2, "version_not_newest"),
    ([A], A, 0, "version_not_newest"),
    ([A], B, 1, "draft_changed_since_submitted"),
    ([A], B, None, "draft_changed_since_submitted"),
    ([A], {**A, "lists": ["renamed"], "goal": {"share": 0.5}}, None, ""),
    ([A], {**A, "except": ["y"]}, 1, "draft_changed_since_submitted"),
    ([], A, None, ""),
)
def test_only_what_was_read_is_approved(versions, current, read, refused):
    found = unread_version(versions, current, read=read)
    assert (found.code if found else "") == refused


PLAN = {"steps": [{"text": "một"}], "lists": [1], "drive_id": 1}
LEAVING = LaunchTerms(2, 10_000, recipients=100, bases={"1": "duty"}, growth_percent=5.0, plan=PLAN)
OTHER_DRIVE, OTHER_LISTS = {**PLAN, "drive_id": 2}, {**PLAN, "lists": [1, 2]}


@cases(
    ([{}], "second_approval_awaited"),
    ([{}, {}], ""),
    ([], "approval_of_change_awaited"),
    ([{"recipients": 96}, {}], ""),  # within the margin
    ([{"recipients": 5}, {}], "approval_of_growth_awaited"),
    ([{"recipients": 5}], "approval_of_growth_awaited"),
    ([{"recipients": None, "vnd": None, "bases": None, "plan": None}, {}], ""),  # an earlier release's
    ([{"plan": OTHER_DRIVE}, {}], "approval_of_change_awaited"),
    ([{"plan": OTHER_LISTS}, {}], "approval_of_change_awaited"),
    ([{"bases": {"1": "consent"}}, {}], "approval_of_basis_awaited"),
    ([{"vnd": 9_100}, {}], ""),  # a sample of names is no other cost
    ([{"vnd": 9_000}, {}], "approval_of_cost_awaited"),
)
def test_only_who_read_what_leaves_counts(read, missing):
    approvals = [Approval(n, {**LEAVING.read, **other}) for n, other in enumerate(read)]
    found = missing_approval(approvals, LEAVING)
    assert (found.code if found else "") == missing


def test_who_approves_again_after_a_change_is_still_one_person():
    twice = [Approval(7, LEAVING.read), Approval(7, LEAVING.read)]
    assert approvers_of(twice, LEAVING) == [7]
    assert missing_approval(twice, LEAVING) is not None


def test_a_part_that_is_gone_makes_another_draft():
    assert not is_same_draft({**A, "budget_vnd": 1}, A)
    assert not is_same_draft(A, {**A, "budget_vnd": 1})


@cases(
    (1000, 1050, 5.0, False),
    (1000, 1051, 5.0, True),
    (1000, 10, 5.0, False),
    (0, 1, 5.0, True),
    (0, 0, 5.0, False),
    (100, 101, 0.0, True),
    (None, 10**6, 5.0, False),
    (10, None, 5.0, False),
)
def test_how_far_an_audience_may_grow(approved, now, margin, outgrown):
    assert has_outgrown(approved, now, margin_percent=margin) is outgrown


@cases(
    ({"1": "duty"}, {"1": "duty"}, False),
    ({"1": "duty"}, {"1": "consent"}, True),
    ({"1": "duty", "2": "consent"}, {"1": "consent", "2": "consent"}, True),
    ({"1": "duty"}, {"1": "duty", "2": "duty"}, False),
    ({"1": "duty"}, {"1": "duty", "2": ""}, True),
    ({"1": "duty", "2": ""}, {"1": "duty"}, False),
    (None, {"1": "duty"}, False),
)
def test_a_basis_that_was_not_approved(approved, now, is_other):
    assert has_other_basis(approved, now) is is_other


@cases(
    *each_of("Chưa ghi rõ nơi giúp cài đặt; sửa lại nội dung tin. | Xem lại.", {}, "words"),
    ("Danh sách có người trùng", {}, "whom"),
    ("Gửi sau 18 giờ, ngày mai", {}, "when"),
    ("Ngày họp trong tin nhắn sai", {}, "words"),  # the day is a word of the message
    ("Xem góp ý về ngày gửi", {"whom": 2}, "whom"),
    ("Xem lại", {"check": 1, "words": 0}, "words"),
)
def test_a_returned_campaign_opens_the_card_that_the_reason_is_about(reason, commented, card):
    assert find_card(reason, commented) == card
