"""Views, carts and purchases: events without a rating, each once.

As with ratings (migration 0002), PostgreSQL checks their keys once a statement, by triggers;
SQLite has foreign keys.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.BigInteger()

CHECK = """
CREATE FUNCTION interaction_keys_exist() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    n_given bigint;
    n_found bigint;
BEGIN
    SELECT count(*) INTO n_given FROM (SELECT DISTINCT user_key FROM new_rows) AS given;
    PERFORM FROM user_account
        WHERE key IN (SELECT DISTINCT user_key FROM new_rows) FOR KEY SHARE;
    GET DIAGNOSTICS n_found = ROW_COUNT;
    IF n_found < n_given THEN
        RAISE foreign_key_violation
            USING MESSAGE = 'an interaction names a user that does not exist';
    END IF;
    SELECT count(*) INTO n_given FROM (SELECT DISTINCT item_key FROM new_rows) AS given;
    PERFORM FROM item
        WHERE key IN (SELECT DISTINCT item_key FROM new_rows) FOR KEY SHARE;
    GET DIAGNOSTICS n_found = ROW_COUNT;
    IF n_found < n_given THEN
        RAISE foreign_key_violation
            USING MESSAGE = 'an interaction names an item that does not exist';
    END IF;
    RETURN NULL;
END $$
"""
KEYS_STAY = """
CREATE FUNCTION interaction_keys_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE restrict_violation USING MESSAGE = 'the keys of an interaction never change';
END $$
"""
CASCADE = """
CREATE FUNCTION interaction_users_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM interaction WHERE user_key IN (SELECT key FROM gone);
    RETURN NULL;
END $$
"""
RESTRICT = """
CREATE FUNCTION interaction_items_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM interaction WHERE item_key IN (SELECT key FROM gone)) THEN
        RAISE foreign_key_violation USING MESSAGE = 'the item has interactions';
    END IF;
    RETURN NULL;
END $$
"""
TRIGGERS = (
    "CREATE TRIGGER interaction_keys_exist AFTER INSERT ON interaction REFERENCING NEW TABLE "
    "AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION interaction_keys_exist()",
    "CREATE TRIGGER interaction_keys_stay BEFORE UPDATE OF user_key, item_key ON interaction "
    "FOR EACH ROW EXECUTE FUNCTION interaction_keys_stay()",
    "CREATE TRIGGER interaction_users_gone AFTER DELETE ON user_account "
    "REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION interaction_users_gone()",
    "CREATE TRIGGER interaction_items_stay AFTER DELETE ON item "
    "REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION interaction_items_stay()",
)
FUNCTIONS = ("keys_exist", "keys_stay", "users_gone", "items_stay")


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    to_user, to_item = (
        sa.ForeignKeyConstraint(["user_key"], ["user_account.key"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["item_key"], ["item.key"]),
    )
    op.create_table(
        "interaction",
        sa.Column("user_key", BIG_KEY, primary_key=True),
        sa.Column("item_key", BIG_KEY, primary_key=True),
        sa.Column("type", sa.Text, primary_key=True),
        sa.Column("occurred_at", TIME, primary_key=True),
        sa.Column("quantity", sa.Float(53), nullable=False, server_default=sa.text("1")),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint("type IN ('view', 'cart', 'purchase')", name="type_known"),
        sa.CheckConstraint("quantity > 0 AND quantity < 1e308", name="quantity_positive"),
        *((to_user, to_item) if on_sqlite else ()),
        sqlite_with_rowid=False,
    )
    if not on_sqlite:
        for statement in (CHECK, KEYS_STAY, CASCADE, RESTRICT, *TRIGGERS):
            op.execute(sa.text(statement))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in FUNCTIONS:
            op.execute(sa.text(f"DROP FUNCTION interaction_{name} CASCADE"))
    op.drop_table("interaction")
