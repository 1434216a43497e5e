"""What Alembic runs: our migrations on the connection it was handed (schema.py).

Our version stands in a table of our own, so that an application's own Alembic never mistakes it for its.
"""

from __future__ import annotations

from alembic import context

from flightwire.storage.schema import VERSION_TABLE
from flightwire.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite cannot alter most things in place
)
with context.begin_transaction():
    context.run_migrations()
