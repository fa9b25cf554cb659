"""Schema versions: creating, checking and upgrading a ledger. Alembic does the work."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from bulk_pec.ledger.store.database import Database


def upgrade(database: Database, scripts: Path) -> None:
    """Bring a ledger to this version's schema, in one transaction; a new one is created.

    Args:
        database: Opened for writing.
        scripts: The ``migrations`` folder.
    """
    with database.transaction() as connection:
        if database.is_postgres:
            # Two hosts may start on an empty ledger at once: the second waits and finds it done.
            database.execute(connection, "SELECT pg_advisory_xact_lock(707001)")
        command.upgrade(alembic_config(scripts, connection), "head")


def alembic_config(scripts: Path, connection: Connection | None = None) -> Config:
    """Alembic's configuration, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    return config
