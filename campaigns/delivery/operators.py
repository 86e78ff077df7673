"""Operators of numbers as gateways report them, which come before the guess by series."""

from sqlalchemy import literal, or_, select, update

from campaigns.models.messages import Attempt
from outreach.models.contacts import Phone
from outreach.rules.operators import Operator, operator_of
from outreach.runtime import Runtime


def store_operator(runtime: Runtime, attempt_id: int, gateway_id: str, operator: Operator) -> None:
    """Store the operator of an attempt's number, where it is not what was known or guessed.

    What is said of another message (`gateway_id`) than the attempt's says nothing of its number.
    """
    with runtime.db.read() as session:
        phone = session.execute(
            select(Phone.id, Phone.e164, Phone.operator)
            .join(Attempt, Attempt.phone_id == Phone.id)
            .where(
                Attempt.id == attempt_id,
                or_(Attempt.gateway_id.is_(None), Attempt.gateway_id == gateway_id, literal(not gateway_id)),
            )
        ).first()
    if phone is None or operator_of(phone.e164, phone.operator) is operator:
        return
    with runtime.db.write() as session:
        session.execute(update(Phone).where(Phone.id == phone.id).values(operator=operator.value))
