"""Which language an import states of a phone is noted, and leaves with it"""

import sqlalchemy as sa
from alembic import op

revision = "0228_phone_languages"
down_revision = "0227_contested_phones"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "phone_languages",
        sa.Column("phone_id", _ID, sa.ForeignKey("phones.id", ondelete="CASCADE"), nullable=False),
        sa.Column("import_id", _ID, nullable=False),
        sa.Column("code", sa.String(8)),
        sa.Column("spelling_id", _ID, sa.ForeignKey("language_spellings.id")),
        sa.PrimaryKeyConstraint("phone_id", "import_id"),
    )
    for name in ("import_id", "spelling_id"):
        op.create_index(f"ix_phone_languages_{name}", "phone_languages", [name])
    op.execute(
        "INSERT INTO phone_languages (phone_id, import_id, spelling_id) SELECT phone_id, 0, spelling_id FROM unread_languages"
    )
    op.drop_table("unread_languages")


def downgrade() -> None:
    op.create_table(
        "unread_languages",
        sa.Column("phone_id", _ID, sa.ForeignKey("phones.id", ondelete="CASCADE"), nullable=False),
        sa.Column("spelling_id", _ID, sa.ForeignKey("language_spellings.id"), nullable=False),
        sa.PrimaryKeyConstraint("phone_id"),
    )
    op.create_index("ix_unread_languages_spelling_id", "unread_languages", ["spelling_id"])
    op.execute(
        "INSERT INTO unread_languages (phone_id, spelling_id) SELECT phone_id, MIN(spelling_id) FROM phone_languages"
        " WHERE code IS NULL GROUP BY phone_id"
    )
    op.drop_table("phone_languages")
