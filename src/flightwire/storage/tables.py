"""The tables, as the newest migration leaves them.

Owns: names and types of columns. Refuses to know: connections, how a database came to have them (migrations/).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

metadata = MetaData()

chats = Table(
    "flightwire_chats",
    metadata,
    Column("owner", Text, primary_key=True),  # "" is nobody in particular: NULL is no part of a key
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),  # JSON; as text, because jsonb reorders keys and changes numbers
    Column("title", Text),
    Column("version", Integer, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),  # Unix time in microseconds
    Column("updated_at_us", BigInteger, nullable=False),
    Index("flightwire_chats_by_time", "owner", "updated_at_us"),
)

approvals = Table(
    "flightwire_approvals",  # decisions on tool calls that were used
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "claim", Text, nullable=False
    ),  # whose: who asks twice because an answer was lost is told the same
    Column("expires_at_us", BigInteger, nullable=False),
    Index("flightwire_approvals_by_time", "expires_at_us"),
)
