"""Which version the tables of a database have, and bringing them to the newest.

Owns: the rule: an empty database gets our tables by itself, old tables are only changed when somebody asks for it
(`flightwire db upgrade`). Refuses to know: what is in the tables, where the database is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from flightwire.errors import SchemaError

VERSION_TABLE: Final = "flightwire_version"
_LOCK: Final = 0x666C6967687477  # "flightw": of several workers that start at once, one migrates
_FOLDER: Final = Path(__file__).parent / "migrations"


def newest_version() -> str:
    """The version that this release of Flightwire works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current_version(connection: Connection) -> str | None:
    """The version of this database's tables; None when it has none of ours."""
    return MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_revision()


def prepare(connection: Connection, shown_url: str) -> None:
    """Create the tables in a database that has none, and refuse one whose tables are of another version.

    Raises:
        SchemaError: says which version there is, and what to type.
    """
    found, wanted = current_version(connection), newest_version()
    if found == wanted:
        return
    if found is None:
        upgrade(connection)
        return
    raise SchemaError(shown_url, found, wanted, is_known=_is_known(found))


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest version, inside the connection's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_known(version: str) -> bool:
    return any(
        script.revision == version for script in ScriptDirectory.from_config(_config()).walk_revisions()
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
