"""Databases that are away, old, locked, full, or not databases at all: one clear error, and nothing saved is lost."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import create_engine, make_url, text
from typer.testing import CliRunner

from flightwire.cli.db import cli
from flightwire.errors import InvalidArgumentError, SchemaError, StorageError
from flightwire.storage import chat_store
from flightwire.storage.engines import _file_system
from flightwire.storage.opening import find_url
from flightwire.storage.schema import newest_version
from tests.storage.conftest import execute, new_database

pytestmark = pytest.mark.anyio


async def test_a_database_that_is_not_there_is_said_without_the_password() -> None:
    store = chat_store("postgresql://me:hunter2@127.0.0.1:1/chats")
    with pytest.raises(StorageError, match=r"cannot be reached.*Is the database running") as caught:
        await store.load("a")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(store)


async def test_it_is_tried_again_once_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    folder.write_text("in the way")
    store = chat_store(f"sqlite:///{folder}/chats.db")
    with pytest.raises(StorageError):
        await store.load("a")
    folder.unlink()
    assert await store.load("a") is None
    await store.aclose()


@pytest.mark.parametrize("url", ["mysql://x", "chats.db", "", "http://host", "sqlite3://x", "/tmp/x"])
def test_another_kind_of_address_says_what_to_write(url: str) -> None:
    if url:
        with pytest.raises(InvalidArgumentError, match="postgresql://user:password@host/database"):
            chat_store(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_sqlite_in_memory_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgumentError, match="need a SQLite file"):
        find_url(url)


def test_a_wrong_database_url_is_named_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:hunter2@host/db")
    with pytest.raises(InvalidArgumentError, match="DATABASE_URL") as caught:
        find_url(None)
    assert "hunter2" not in str(caught.value)


async def test_old_tables_are_refused_with_what_to_type(url: str) -> None:
    store = chat_store(url)
    await store.load("a")
    await store.aclose()
    await _set_version(url, "0000")
    with pytest.raises(SchemaError, match=f"version 0000, and this needs {newest_version()}"):
        await chat_store(url).load("a")


async def test_tables_of_a_newer_release_are_refused_and_left_alone(url: str) -> None:
    store = chat_store(url)
    await store.save("a", "kept")
    await store.aclose()
    await _set_version(url, "9999")
    with pytest.raises(SchemaError, match="newer release"):
        await chat_store(url).save("a", "new")
    await _set_version(url, newest_version())
    store = chat_store(url)
    assert await store.load("a") == "kept"
    await store.aclose()


async def _set_version(url: str, version: str) -> None:
    statement = f"UPDATE flightwire_version SET version_num = '{version}'"
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute(statement)
        connection.close()
        return
    await execute(url, statement)


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "chats.db"
    file.write_bytes(b"not a database, but something dear to somebody" * 40)
    before = file.read_bytes()
    with pytest.raises(StorageError, match=r"chats\.db refused: file is not a database"):
        await chat_store(f"sqlite:///{file}").save("a", 1)
    assert file.read_bytes() == before


async def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    store = chat_store(f"sqlite:///{tmp_path}/chats.db")
    await store.save("a", 1)
    other = sqlite3.connect(tmp_path / "chats.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    saving = asyncio.ensure_future(store.save("a", 2))
    assert await store.load("a") == 1  # readers do not wait
    await asyncio.sleep(0.2)
    assert not saving.done()
    other.execute("COMMIT")
    other.close()
    assert (await saving).version == 2
    await store.aclose()


async def test_sqlite_writes_ahead(tmp_path: Path) -> None:
    store = chat_store(f"sqlite:///{tmp_path}/chats.db")
    await store.save("a", 1)
    connection = sqlite3.connect(tmp_path / "chats.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    await store.aclose()


async def test_a_file_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    file = tmp_path / "chats.db"
    store = chat_store(f"sqlite:///{file}")
    await store.save("a", 1)
    await store.aclose()
    # As root permissions stop nobody; a table that is a view refuses just the same.
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE flightwire_chats RENAME TO kept"))
        connection.execute(text("CREATE VIEW flightwire_chats AS SELECT * FROM kept"))
    engine.dispose()
    with pytest.raises(StorageError, match=r"refused|cannot be written"):
        await store.save("a", 2)
    assert stat.S_ISREG(file.stat().st_mode)
    await store.aclose()


async def test_a_restarted_database_costs_no_request(postgres: str) -> None:
    url = await asyncio.to_thread(new_database, postgres)
    store = chat_store(url)
    await store.save("a", 0)
    killer = await asyncpg.connect(postgres)
    for n in range(1, 6):
        await killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
            make_url(url).database,
        )
        assert (await store.save("a", n)).version == n + 1
    await killer.close()
    assert await store.load("a") == 5
    await store.aclose()


async def test_saves_survive_a_storm_of_ended_sessions(postgres: str) -> None:
    url = await asyncio.to_thread(new_database, postgres)
    store = chat_store(url)
    await store.save("a", [])
    killer = await asyncpg.connect(postgres)

    async def storm() -> None:
        while True:
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                make_url(url).database,
            )
            await asyncio.sleep(0.15)

    storming = asyncio.ensure_future(storm())
    for n in range(1, 31):
        saved = await store.save("a", list(range(n)), if_version=n)
        assert saved.version == n + 1
    storming.cancel()
    await asyncio.wait([storming])
    await killer.close()
    assert await store.load("a") == list(range(30))
    await store.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/mounts")
def test_the_file_system_of_a_folder_is_known() -> None:
    assert _file_system(Path("/proc")) == "proc"


def test_the_command_line_shows_and_upgrades_the_version(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert _typed("status") == (0, f"no tables yet; the first use makes them (version {newest_version()})\n")
    assert _typed("upgrade") == (0, "up to date\n")
    assert _typed("status") == (0, f"version {newest_version()}, up to date\n")
    asyncio.run(_set_version(url, "0000"))
    assert _typed("status")[0] == 1


def _typed(command: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [command])
    return done.exit_code, done.output


async def test_tables_of_the_first_release_are_upgraded_and_keep_their_chats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "chats.db"
    store = chat_store(f"sqlite:///{file}")
    await store.save("a", "kept")
    await store.aclose()
    connection = sqlite3.connect(file)
    connection.execute("DROP TABLE flightwire_approvals")  # what version 0002 brought
    connection.execute("UPDATE flightwire_version SET version_num = '0001'")
    connection.commit()
    connection.close()
    with pytest.raises(SchemaError, match=r"have version 0001.*flightwire db upgrade"):
        await store.load("a")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
    assert await asyncio.to_thread(_typed, "upgrade") == (0, "up to date\n")
    assert await store.load("a") == "kept"
    await store.aclose()
