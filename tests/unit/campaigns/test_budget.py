"""A campaign's money before it is spent."""

from decimal import Decimal

from campaigns.rules.budget import Spending, expected_segments, next_factor, refusal_of, reserve_of, vnd_of
from outreach.core.sentences import word_error
from outreach.rules.formats import format_number
from tests.support.tables import cases


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
