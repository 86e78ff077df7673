"""What an approval is bound to, and a campaign's money before it is spent."""

from decimal import Decimal

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
from campaigns.rules.budget import Spending, expected_segments, next_factor, refusal_of, reserve_of, vnd_of
from outreach.core.sentences import word_error
from outreach.rules.formats import format_number
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


@cases((None, 100, False), (100, None, False), (100, 100, False), (101, 100, True), (0, 1, False))
def test_a_launch_beyond_its_budget_is_refused(estimate, budget, is_refused):
    assert bool(refusal_of(estimate_vnd=estimate, budget_vnd=budget)) is is_refused


def test_the_refusal_names_both_amounts_and_what_to_do():
    refused = refusal_of(estimate_vnd=12_000_000, budget_vnd=5_000_000)
    assert refused
    said = word_error(refused)
    for part in ("12.000.000 đồng", "5.000.000 đồng", "Hãy rút lại để tăng ngân sách"):
        assert part in said


@cases(
    ([], 0),
    ([(10, 2.0)], 7_000),
    ([(10, 2.0), (20, 1.5)], 17_500),
    ([(10, None)], 0),  # opened before its segments were kept
    ([(0, 3.0)], 0),
    ([(3, 1.1)], 1_155),
)
def test_what_has_not_left_is_reserved_by_its_segments(steps, reserve):
    assert reserve_of(steps, price_vnd=350) == reserve


def test_an_amount_is_written_as_in_vietnamese():
    assert [format_number(n) for n in (0, 999, 1_000, 1_234_567)] == ["0", "999", "1.000", "1.234.567"]


@cases(
    ("0.0151", "USD", 350),
    ("0.07250", "usd", 1682),
    ("350", "VND", 350),
    ("0", "USD", 0),
    (None, "USD", None),
    ("0.0151", "EUR", None),
    ("0.0151", "", None),
)
def test_a_bill_becomes_dong_where_its_money_is_known(price, unit, vnd):
    assert vnd_of(Decimal(price) if price else None, unit, usd_vnd=23_200) == vnd


@cases(
    (10, 0, 0, 3500),
    (10, 4, 1000, 3100),
    (10, 10, 2500, 2500),
    (0, 0, 40, 40),  # of what failed
    (3, 5, 100, 100),  # figures of two moments
)
def test_what_is_billed_counts_as_billed_and_the_rest_by_the_estimate(taken, priced, priced_vnd, vnd):
    assert Spending(taken, priced, priced_vnd, price_vnd=350).vnd == vnd


def test_a_segment_costs_its_share_of_what_was_spent():
    assert Spending(10, 10, 2500, price_vnd=350).each_vnd == 250
    assert Spending(0, 0, 0, price_vnd=350).each_vnd == 350


@cases(
    (1.0, [], 1.0),
    (1.0, [(1, 1), (2, 2)], 1.0),
    (1.0, [(1, 1), (1, 5)], 5.0),
    (1.0, [(2, 3)], 1.5),
    (2.0, [(2, 1)], 1.5),  # never less than our own count
    (5.0, [(1, 1)], 3.0),
    (1.05, [(1, 1)], 1.0),
    (5.0, [(1, 5), (1, 1)], 5.0),
    (1.0, [(0, 2)], 2.0),  # a text that is nothing by our count
)
def test_what_is_reserved_follows_the_gateways_count(factor, answers, expected):
    assert next_factor(factor, answers) == expected


@cases((1, 1.0, 1), (3, 1.0, 3), (1, 5.0, 5), (2, 1.5, 3), (3, 4 / 3, 4), (9, 99, 255))
def test_segments_to_reserve(counted, factor, expected):
    assert expected_segments(counted, factor=factor) == expected
