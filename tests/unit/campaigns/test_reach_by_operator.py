"""Messages by operator and gateway, and what proves that they arrived."""

from campaigns.rules.gateway_choice import GatewayTerms
from campaigns.rules.reach import Carried, add_up
from outreach.rules.gateway import Proof
from outreach.rules.phone_numbers import Operator


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
    terms = {1: GatewayTerms(1, price_vnd=300, prices=(("viettel", 250),))}
    proofs = {1: Proof.OPERATOR, 2: Proof.HANDSET}
    reach = add_up([*rows, ["90", 3, "delivered", 1, 2, 0]], proofs=proofs, terms=terms, usual_price_vnd=350)
    assert reach.operators == {
        Operator.VIETTEL: Carried(sent=8, delivered=8, proven=3, cost_vnd=10 * 250 + 1200),
        Operator.MOBIFONE: Carried(sent=8, delivered=1, failed=3, silent=4, cost_vnd=400 + 4 * 300 + 2 * 350),
    }
    assert reach.gateways[1].sent + reach.gateways[2].sent == reach.total.sent - 1 == 15
    assert reach.total.cost_vnd == sum(each.cost_vnd for each in reach.gateways.values()) == 6000
