"""Places as lists have them, until somebody has said which commune they are"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0054_place_questions"
down_revision = "0053_units"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "place_questions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("text", sa.String(250), nullable=False),
        sa.Column("village", sa.String(120), nullable=False, server_default=""),
        sa.Column("candidates", sa.JSON, nullable=False),
        sa.Column("area_code", sa.String(10)),
        sa.Column("decided_by", _ID),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["area_code"], ["areas.code"], name="fk_place_questions_area_code"),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name="fk_place_questions_decided_by"),
        sa.PrimaryKeyConstraint("id", name="pk_place_questions"),
        sa.UniqueConstraint("key", name="uq_place_questions_key"),
    )
    # Without a foreign key: SQLite would have to copy the table, which deletes what refers to it.
    op.add_column("contacts", sa.Column("place_question_id", _ID))
    op.create_index("ix_contacts_place_question_id", "contacts", ["place_question_id"])


def downgrade() -> None:
    op.drop_index("ix_contacts_place_question_id", "contacts")
    op.drop_column("contacts", "place_question_id")
    op.drop_table("place_questions")
