"""People by name and year of birth: whom a row of a list without a number may mean"""

from __future__ import annotations

from alembic import op

revision = "0112_people_by_name_and_year"
down_revision = "0108_saved_text_kind"


def upgrade() -> None:
    op.create_index("ix_contacts_name_key_birth_year", "contacts", ["name_key", "birth_year"])


def downgrade() -> None:
    op.drop_index("ix_contacts_name_key_birth_year", "contacts")
