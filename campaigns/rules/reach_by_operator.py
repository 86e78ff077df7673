"""Messages by operator and by gateway: how many arrived, and what proves it, failures, cost. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from campaigns.rules.delivery import is_charged
from campaigns.rules.gateway_choice import GatewayTerms
from campaigns.rules.states import GIVEN_UP, AttemptState
from outreach.rules.gateway import Proof
from outreach.rules.operators import Operator, operator_of


@dataclass(slots=True)
class Carried:
    """Messages that one operator's numbers were sent, or that one gateway took. `cost_vnd`: billed, else by its gateway's price."""

    sent: int = 0
    delivered: int = 0
    proven: int = 0  # of those delivered, the ones that a telephone confirmed
    failed: int = 0
    silent: int = 0  # without a report so far
    cost_vnd: int = 0


@dataclass(slots=True)
class ReachByOperator:
    """The same messages twice: by operator, and by gateway account's id; `total` is their sum."""

    total: Carried = field(default_factory=Carried)
    operators: dict[Operator, Carried] = field(default_factory=dict)
    gateways: dict[int, Carried] = field(default_factory=dict)


def add_up(
    rows: Iterable[list[Any]],
    *,
    proofs: Mapping[int, Proof],
    terms: Mapping[int, GatewayTerms],
    usual_price_vnd: float,
) -> ReachByOperator:
    """Add up counts by operator or beginning of the number (+8490), account and state.

    A segment without a bill costs what its gateway's terms say. A gateway that is gone proves nothing and has the usual price.
    """
    reach = ReachByOperator()
    for name, account_id, state_name, n, segments, billed_vnd in rows:
        state = AttemptState(state_name)
        if state in (AttemptState.SENDING, *GIVEN_UP):
            continue
        # An erased number's mark begins as no number does.
        operator = Operator(name) if name in {*Operator} else operator_of(name)
        price = terms[account_id].price_to(operator) if account_id in terms else None
        cost = billed_vnd + round(segments * (usual_price_vnd if price is None else price))
        for each in (
            reach.total,
            reach.operators.setdefault(operator, Carried()),
            reach.gateways.setdefault(account_id, Carried()),
        ):
            each.sent += n
            if state is AttemptState.DELIVERED:
                each.delivered += n
                each.proven += n * (proofs.get(account_id) is Proof.HANDSET)
            elif state in (AttemptState.FAILED, AttemptState.UNDELIVERED):
                each.failed += n
            else:
                each.silent += n
            if is_charged(state):
                each.cost_vnd += cost
    reach.operators = dict(sorted(reach.operators.items(), key=lambda pair: -pair[1].sent))
    reach.gateways = dict(sorted(reach.gateways.items()))
    return reach
