"""All reasons of recipients who are left out: 0090 as it first was took "same_person" away on PostgreSQL"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0101_all_exclusions"
down_revision = "0099_identities"

_REASONS = (
    *("no_phone", "opted_out", "wrong_number", "do_not_call", "no_basis", "excepted", "not_also_in"),
    *("outside_area", "other_language", "smartphone", "answers", "shared_phone", "same_person"),
)


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("exclusion", "recipients", type_="check")
        op.create_check_constraint("exclusion", "recipients", sa.column("exclusion").in_(_REASONS))


def downgrade() -> None:
    pass
