"""Which decisions were used: the promises of `ApprovalStore`, with every database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flightwire.errors import SchemaError
from flightwire.storage import approval_store, chat_store
from flightwire.storage.sql_approvals import SqlApprovalStore

from .conftest import execute

pytestmark = pytest.mark.anyio


@pytest.fixture
async def approvals(url: str) -> AsyncIterator[SqlApprovalStore]:
    made = approval_store(url)
    yield made
    await made.aclose()


async def test_a_decision_is_used_once(approvals: SqlApprovalStore) -> None:
    assert await approvals.claim("a", expires_s=60)
    assert not await approvals.claim("a", expires_s=60)
    assert await approvals.claim("b", expires_s=60)


async def test_of_twenty_at_once_one_has_it(approvals: SqlApprovalStore) -> None:
    assert sum(await asyncio.gather(*(approvals.claim("a", expires_s=60) for _ in range(20)))) == 1


CLAIMS = """
import asyncio, sys
from flightwire.storage import approval_store
async def main():
    store = approval_store(sys.argv[1])
    await store.claim("warm", expires_s=60)
    print("ready", flush=True)
    sys.stdin.readline()
    print([n for n in range(50) if await store.claim(f"decision-{n}", expires_s=60)])
    await store.aclose()
asyncio.run(main())
"""


def test_two_processes_never_use_the_same_decision(url: str) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMS, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    used = [
        int(n) for worker in workers for n in worker.communicate(timeout=60)[0].strip("[]\n ").split(",") if n
    ]
    assert sorted(used) == list(range(50))


async def test_a_decision_survives_a_restart(url: str, approvals: SqlApprovalStore) -> None:
    assert await approvals.claim("a", expires_s=60)
    await approvals.aclose()
    again = approval_store(url)
    assert not await again.claim("a", expires_s=60)
    await again.aclose()


async def test_what_has_expired_is_forgotten(url: str, approvals: SqlApprovalStore) -> None:
    assert await approvals.claim("old", expires_s=-1)
    assert await approvals.claim("new", expires_s=60)
    later = approval_store(url)  # one that has just started forgets at once
    assert await later.claim("old", expires_s=60)
    assert not await later.claim("new", expires_s=60)
    await later.aclose()


async def test_a_claim_whose_answer_was_lost_is_told_the_same_again(
    approvals: SqlApprovalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await approvals.claim("tables are there", expires_s=60)
    real = approvals._database.write
    tries = []

    async def twice(work):  # type: ignore[no-untyped-def] # the connection broke after COMMIT: it is tried again
        tries.append(await real(work))
        return await real(work)

    monkeypatch.setattr(approvals._database, "write", twice)
    assert await approvals.claim("a", expires_s=60)
    assert tries == [True]
    assert not await approvals.claim("a", expires_s=60)


async def test_tables_that_know_no_approvals_say_what_to_type(url: str, tmp_path: Path) -> None:
    chats = chat_store(url)
    await chats.save("a", ["kept"])
    await chats.aclose()
    for statement in (
        "DROP TABLE flightwire_approvals",
        "UPDATE flightwire_version SET version_num = '0001'",
    ):
        await _execute(url, statement)
    approvals = approval_store(url)
    with pytest.raises(SchemaError, match="flightwire db upgrade"):
        await approvals.claim("a", expires_s=60)
    await approvals._database.upgrade()
    assert await approvals.claim("a", expires_s=60)
    assert await chats.load("a") == ["kept"]
    await chats.aclose()
    await approvals.aclose()


async def _execute(url: str, statement: str) -> None:
    if url.startswith("sqlite"):
        import sqlite3

        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute(statement)
        connection.close()
    else:
        await execute(url, statement)
