"""A membership's list and imports are what its statement holds already: not proven anew for every row of a file"""

from __future__ import annotations

from alembic import op

revision = "0030_memberships"
down_revision = "0029_entry"

_KEYS = {"list_id": "contact_lists", "import_id": "list_imports", "last_import_id": "list_imports"}


def upgrade() -> None:
    with op.batch_alter_table("memberships") as table:
        for column in _KEYS:
            table.drop_constraint(op.f(f"fk_memberships_{column}"), type_="foreignkey")


def downgrade() -> None:
    with op.batch_alter_table("memberships") as table:
        for column, other in _KEYS.items():
            table.create_foreign_key(op.f(f"fk_memberships_{column}"), other, [column], ["id"])
