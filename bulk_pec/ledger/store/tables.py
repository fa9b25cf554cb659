"""What all tables are made of: where they are gathered, how their keys are named, and common columns."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BIG = BigInteger().with_variant(Integer(), "sqlite")  # SQLite: only INTEGER is the rowid itself
ZERO = text("0")


def count(name: str) -> Column[int]:
    """A column that counts, from nought."""
    return Column(name, Integer, nullable=False, server_default=ZERO)
