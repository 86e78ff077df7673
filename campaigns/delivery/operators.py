"""Operators of numbers as gateways report them, which come before the guess by series."""

from __future__ import annotations

from sqlalchemy import select, update

from campaigns.models.messages import Attempt
from outreach.models.contacts import Phone
from outreach.rules.operators import Operator, operator_of
from outreach.runtime import Runtime


def store_operator(runtime: Runtime, attempt_id: int, operator: Operator) -> None:
    """Store the operator of an attempt's number, where it is not what was known or guessed."""
    with runtime.db.read() as session:
        phone = session.execute(
            select(Phone.id, Phone.e164, Phone.operator)
            .join(Attempt, Attempt.phone_id == Phone.id)
            .where(Attempt.id == attempt_id)
        ).first()
    if phone is None or operator_of(phone.e164, phone.operator) is operator:
        return
    with runtime.db.write() as session:
        session.execute(update(Phone).where(Phone.id == phone.id).values(operator=operator.value))
