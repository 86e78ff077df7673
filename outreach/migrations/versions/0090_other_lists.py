"""Lists that limit a campaign's audience: its people are left out, or who is written to must be in it as well"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import restate_check

revision = "0090_other_lists"
down_revision = "0097_kept_filters"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BEFORE = (
    *("no_phone", "opted_out", "wrong_number", "do_not_call", "no_basis", "outside_area", "other_language"),
    *("smartphone", "answers", "shared_phone", "same_person"),
)
_AFTER = (*_BEFORE[:5], "excepted", "not_also_in", *_BEFORE[5:])


def upgrade() -> None:
    op.create_table(
        "campaign_other_lists",
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("list_id", _ID, nullable=False),
        sa.Column(
            "part",
            sa.Enum(
                "also_in", "except", name="listpart", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_other_lists_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["list_id"], ["contact_lists.id"], name=op.f("fk_campaign_other_lists_list_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "list_id", "part", name=op.f("pk_campaign_other_lists")),
    )
    restate_check("recipients", "exclusion", _BEFORE, _AFTER, name="exclusion")


def downgrade() -> None:
    op.execute(
        "UPDATE recipients SET exclusion = 'outside_area' WHERE exclusion IN ('excepted', 'not_also_in')"
    )
    restate_check("recipients", "exclusion", _AFTER, _BEFORE, name="exclusion")
    op.drop_table("campaign_other_lists")
