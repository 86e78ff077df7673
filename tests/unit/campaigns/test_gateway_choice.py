"""Which gateway carries a message; messages by operator and gateway, and what proves that they arrived."""

from campaigns.rules import gateway_choice
from campaigns.rules.reach import Carried, add_up
from outreach.rules.gateway import Proof
from outreach.rules.phone_numbers import Operator, operator_of
from tests.support.tables import cases

MTTQ = frozenset({"MTTQ"})
A = gateway_choice.GatewayTerms(1)
B = gateway_choice.GatewayTerms(2, position=2)
ONLY_MTTQ = gateway_choice.GatewayTerms(3, senders=MTTQ)
ONLY_VIETTEL = gateway_choice.GatewayTerms(4, operators=frozenset({"viettel"}))
CHEAP = gateway_choice.GatewayTerms(5, price_vnd=200)
CHEAP_TO_VIETTEL = gateway_choice.GatewayTerms(6, price_vnd=900, prices=(("viettel", 100),))
PLAIN = gateway_choice.GatewayTerms(7, has_unicode=False, price_vnd=1)
RESTING = gateway_choice.GatewayTerms(8, price_vnd=1, is_resting=True)
DRAINING = gateway_choice.GatewayTerms(9, price_vnd=1, is_active=False)


@cases(
    ([B, A], "MTTQ", Operator.VIETTEL, False, [1, 2]),
    ([A, ONLY_MTTQ], "MTTQ", Operator.VIETTEL, False, [1, 3]),
    ([A, ONLY_MTTQ], "Y TE", Operator.VIETTEL, False, [1]),
    ([ONLY_MTTQ], "Y TE", Operator.VIETTEL, False, []),
    ([ONLY_VIETTEL, B], "MTTQ", Operator.VIETTEL, False, [4, 2]),
    ([ONLY_VIETTEL, B], "MTTQ", Operator.MOBIFONE, False, [2]),
    ([A, CHEAP], "MTTQ", Operator.VIETTEL, False, [5, 1]),
    ([CHEAP, CHEAP_TO_VIETTEL], "MTTQ", Operator.VIETTEL, False, [6, 5]),
    ([CHEAP, CHEAP_TO_VIETTEL], "MTTQ", Operator.VINAPHONE, False, [5, 6]),
    ([A, PLAIN], "MTTQ", Operator.VIETTEL, False, [7, 1]),
    ([A, PLAIN], "MTTQ", Operator.VIETTEL, True, [1]),
    ([RESTING, A], "MTTQ", Operator.VIETTEL, False, [1, 8]),  # passed over, but carries where no other can
    ([DRAINING, A], "MTTQ", Operator.VIETTEL, False, [1]),
)
def test_gateways_in_order(gateways, sender, operator, is_unicode, expected):
    ordered = gateway_choice.in_order(gateways, sender, operator, is_unicode=is_unicode, usual_price_vnd=350)
    assert [each.id for each in ordered] == expected


def test_one_message_tries_a_gateway_with_a_fault_and_the_others_go_by_the_next():
    trying = {1}
    taken = [gateway_choice.take_first([A, B], down={1}, trying=trying, is_alone=False) for _ in range(3)]
    assert taken == [A, B, B]
    assert gateway_choice.take_first([A, B], down={1, 2}, trying=set(), is_alone=False) is None
    assert gateway_choice.take_first([A], down={1}, trying=set(), is_alone=True) is A


@cases((29, 0, False), (30, 0, True), (30, 90, True), (30, 91, False), (500, 9_000, False))
def test_gateway_that_refuses_much_rests(failed, well, rests):
    assert gateway_choice.refuses_much(failed=failed, well=well) is rests


@cases((99, 0, False), (100, 100, True), (100, 101, False))
def test_gateway_that_reports_slowly_rests(silent, reported, rests):
    assert gateway_choice.reports_slowly(silent=silent, reported=reported) is rests


@cases(
    ("+84905000123", None, Operator.MOBIFONE),
    ("+84325000123", None, Operator.VIETTEL),
    ("+84885000123", None, Operator.VINAPHONE),
    ("+84565000123", None, Operator.VIETNAMOBILE),
    ("+84595000123", None, Operator.GMOBILE),
    ("+84875000123", None, Operator.ITEL),
    ("+84555000123", None, Operator.WINTEL),
    ("+84515000123", None, Operator.OTHER),
    ("+84905000123", "viettel", Operator.VIETTEL),  # it has moved
)
def test_operator_of_a_number(number, reported, expected):
    assert operator_of(number, reported) is expected


def pool(account_id, buffered=0, **state):
    return gateway_choice.PoolState(account_id, buffered, **state)


FAULT, TRIES = {"has_fault": True}, {"has_fault": True, "may_try": True}


@cases(
    ([], {}, 200),  # before any gateway was opened
    ([pool(1)], {}, 200),
    ([pool(1)], {"per_second": 1000.0}, 500),
    ([pool(1)], {"per_second": 9000.0}, 1000),
    ([pool(1, 101)], {}, None),  # enough is buffered
    ([pool(1, 101)], {"per_second": 1000.0}, 500),
    ([pool(1, is_halted=True)], {}, None),
    ([pool(1, 500), pool(2)], {"active": {1, 2}}, 200),
    ([pool(1, 500), pool(2, is_used=False)], {"active": {1, 2}}, None),  # the first carries them all
    ([pool(1, is_used=False)], {}, 200),
    ([pool(1, **FAULT), pool(2, 500)], {"active": {1, 2}}, None),
    ([pool(1, **FAULT), pool(2)], {"active": {1, 2}}, 200),
    ([pool(2, 500)], {"active": {1, 2}, "unusable": {1}}, None),
    ([pool(1, **FAULT)], {}, 1),  # whose turn it is to try, its pool knows
    ([pool(1, **FAULT)], {"is_in_hand": True}, None),
    ([pool(1, **FAULT), pool(2, **FAULT)], {"active": {1, 2}}, None),
    ([pool(1, **FAULT), pool(2, **TRIES)], {"active": {1, 2}}, 1),
)
def test_how_many_messages_are_claimed_next(pools, given, limit):
    usual = {"active": {1}, "unusable": set(), "per_second": 0.0, "is_in_hand": False}
    wanted = gateway_choice.next_claim(pools, **{**usual, **given})
    assert (wanted and wanted[0]) == limit


def test_a_claim_passes_over_gateways_with_a_fault_or_enough_to_do():
    pools = [pool(1, **TRIES), pool(2, 1001), pool(3)]
    wanted = gateway_choice.next_claim(pools, active={1, 2, 3}, unusable={4}, per_second=0.0, is_in_hand=True)
    assert wanted
    assert wanted[1] == gateway_choice.Health(frozenset({1, 4}), frozenset({1}), frozenset({2}))


def test_messages_are_added_up_by_operator_and_gateway_and_only_telephones_prove():
    rows = [
        # operator or series, account, state, messages, segments without a bill, billed
        ["98", 1, "delivered", 5, 10, 0],
        ["viettel", 2, "delivered", 3, 0, 1200],
        ["90", 2, "undelivered", 1, 0, 400],
        ["90", 1, "failed", 2, 4, 0],
        ["90", 1, "accepted", 4, 4, 0],
        ["90", 1, "absent", 9, 9, 0],  # never sent
    ]
    terms = {1: gateway_choice.GatewayTerms(1, price_vnd=300, prices=(("viettel", 250),))}
    proofs = {1: Proof.OPERATOR, 2: Proof.HANDSET}
    reach = add_up([*rows, ["90", 3, "delivered", 1, 2, 0]], proofs=proofs, terms=terms, usual_price_vnd=350)
    assert reach.operators == {
        Operator.VIETTEL: Carried(sent=8, delivered=8, proven=3, cost_vnd=10 * 250 + 1200),
        Operator.MOBIFONE: Carried(sent=8, delivered=1, failed=3, silent=4, cost_vnd=400 + 4 * 300 + 2 * 350),
    }
    assert reach.gateways[1].sent + reach.gateways[2].sent == reach.total.sent - 1 == 15
    assert reach.total.cost_vnd == sum(each.cost_vnd for each in reach.gateways.values()) == 6000
