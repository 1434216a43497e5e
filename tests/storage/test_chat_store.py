"""What every store of chats promises, with SQLite and with PostgreSQL."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flightwire.errors import ChatConflictError, InvalidArgumentError, StateTooLargeError
from flightwire.scope import RequestScope
from flightwire.storage import ChatStore, chat_store

pytestmark = pytest.mark.anyio

HELLO = [{"role": "user", "content": "Hello"}]


async def test_a_chat_nobody_saved_is_none(store: ChatStore) -> None:
    assert await store.load("a") is None
    assert await store.get("a") is None


async def test_what_was_saved_is_loaded(store: ChatStore) -> None:
    await store.save("a", HELLO)
    assert await store.load("a") == HELLO


async def test_any_json_is_a_state(store: ChatStore) -> None:
    for state in [
        None,
        True,
        1,
        1.5,
        1e300,
        10**18,
        "text",
        [],
        {},
        {"b": 1, "a": [1.0, -0.0, ""], "": {"x": None}},
    ]:
        await store.save("a", state)
        loaded = await store.load("a")
        assert loaded == state
        assert repr(loaded) == repr(state)  # types and the order of keys, too


async def test_tuples_come_back_as_lists(store: ChatStore) -> None:
    await store.save("a", ({"x": (1, 2)},))
    assert await store.load("a") == [{"x": [1, 2]}]


async def test_versions_count_the_saves(store: ChatStore) -> None:
    assert (await store.save("a", 1)).version == 1
    second = await store.save("a", 2)
    assert second.version == 2
    assert await store.get("a") == second


async def test_times_tell_when_it_was_made_and_changed(store: ChatStore) -> None:
    first, second = await store.save("a", 1), await store.save("a", 2)
    assert first.created_at_s == second.created_at_s < second.updated_at_s


async def test_a_title_stays_until_another_is_given(store: ChatStore) -> None:
    await store.save("a", 1, title="First")
    assert (await store.save("a", 2)).title == "First"
    assert (await store.save("a", 3, title="Second")).title == "Second"


async def test_saving_an_old_version_is_a_conflict(store: ChatStore) -> None:
    await store.save("a", 1)
    await store.save("a", 2)
    with pytest.raises(ChatConflictError, match="version 2 by now, expected 1") as caught:
        await store.save("a", 3, if_version=1)
    assert (caught.value.expected, caught.value.found) == (1, 2)
    assert await store.load("a") == 2


async def test_version_0_means_only_if_there_is_none(store: ChatStore) -> None:
    assert (await store.save("a", 1, if_version=0)).version == 1
    with pytest.raises(ChatConflictError):
        await store.save("a", 2, if_version=0)


async def test_of_twenty_writers_that_look_first_one_wins(store: ChatStore) -> None:
    await store.save("a", 0)
    results = await asyncio.gather(
        *(store.save("a", n, if_version=1) for n in range(20)), return_exceptions=True
    )
    assert sorted(type(r).__name__ for r in results) == ["Chat"] + ["ChatConflictError"] * 19


async def test_of_twenty_first_saves_each_succeeds_once(store: ChatStore) -> None:
    versions = [chat.version for chat in await asyncio.gather(*(store.save("a", n) for n in range(20)))]
    assert sorted(versions) == list(range(1, 21))


async def test_of_twenty_creators_one_wins(store: ChatStore) -> None:
    results = await asyncio.gather(
        *(store.save("a", n, if_version=0) for n in range(20)), return_exceptions=True
    )
    assert sum(not isinstance(r, ChatConflictError) for r in results) == 1


async def test_the_same_id_of_two_owners_is_two_chats(store: ChatStore) -> None:
    await store.save("a", "his", owner="ann")
    await store.save("a", "hers", owner="bob")
    assert [await store.load("a", owner=who) for who in ("ann", "bob", "eve", None)] == [
        "his",
        "hers",
        None,
        None,
    ]
    assert await store.delete("a", owner="eve") is False


async def test_the_owner_is_the_user_of_the_request(store: ChatStore) -> None:
    scope = RequestScope()
    scope.user_key = lambda: "ann"
    await scope.run(store.save("a", "hers"), name="save")
    assert await store.load("a") is None
    assert await store.load("a", owner="ann") == "hers"


async def test_deleting_says_whether_there_was_one(store: ChatStore) -> None:
    await store.save("a", 1)
    assert [await store.delete("a"), await store.delete("a"), await store.load("a")] == [True, False, None]


async def test_a_list_begins_with_the_last_changed(store: ChatStore) -> None:
    for id in ("a", "b", "c", "a"):
        await store.save(id, HELLO, title=id.upper())
    assert [chat.title for chat in await store.list()] == ["A", "C", "B"]
    assert await store.list(owner="eve") == ()


async def test_a_long_list_comes_in_pages(store: ChatStore) -> None:
    for n in range(7):
        await store.save(str(n), n)
    first = await store.list(limit=4)
    rest = await store.list(before_s=first[-1].updated_at_s)
    assert [chat.id for chat in (*first, *rest)] == list("6543210")


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_limit_out_of_range_is_refused(store: ChatStore, limit: int) -> None:
    with pytest.raises(InvalidArgumentError, match="1 to 1000"):
        await store.list(limit=limit)


@pytest.mark.parametrize(
    "id", ["", "a" * 65, "a b", "../x", "a/b", "é", "a\n", "a\x00", None, 5, ["a"], "'; DROP TABLE chats"]
)
async def test_an_id_that_is_none_is_refused_everywhere(store: ChatStore, id: str) -> None:
    for call in (store.load, store.get, store.delete):
        with pytest.raises(InvalidArgumentError, match="no id of a chat"):
            await call(id)
    with pytest.raises(InvalidArgumentError, match="no id of a chat"):
        await store.save(id, 1)


async def test_owners_are_any_text(store: ChatStore) -> None:
    for owner in ("o'neill", "a\\b", "\U0001f600", "%", "x" * 500):
        await store.save("a", owner, owner=owner)
        assert await store.load("a", owner=owner) == owner


async def test_what_databases_refuse_is_replaced(store: ChatStore) -> None:
    await store.save("a", {"nul\x00": ["x\x00y", "\ud800z", "\\u0000 stays"]})
    assert await store.load("a") == {"nul\ufffd": ["x\ufffdy", "\ufffdz", "\\u0000 stays"]}


async def test_text_of_any_kind_is_kept(store: ChatStore) -> None:
    text = "\U0001f469\u200d\U0001f4bb \u202eRTL\u202c \u0301 \u2028 \r\n \x01" + "é" * 500_000
    await store.save("a", [text])
    assert await store.load("a") == [text]


@pytest.mark.parametrize(
    ("state", "where"),
    [
        ({"a": [1, object()]}, r"state\['a'\]\[1\] is <object>"),
        ({"a": math.nan}, r"state\['a'\] is nan"),
        ([float("inf")], r"state\[0\] is inf"),
        ({1: 2}, r"a key of state is <int>"),
        ([{"x": {None: 1}}], r"a key of state\[0\]\['x'\] is <NoneType>"),
        (b"x", "state is <bytes>"),
        ({"a": {1, 2}}, r"state\['a'\] is <set>"),
    ],
)
async def test_what_is_not_json_is_refused_with_its_place(
    store: ChatStore, state: object, where: str
) -> None:
    await store.save("a", HELLO)
    with pytest.raises(InvalidArgumentError, match=where):
        await store.save("a", state)
    assert await store.load("a") == HELLO


async def test_a_state_that_contains_itself_is_refused(store: ChatStore) -> None:
    state: list[object] = []
    state.append(state)
    with pytest.raises(InvalidArgumentError):
        await store.save("a", state)


async def test_a_state_over_the_limit_is_refused_and_nothing_is_lost(url: str) -> None:
    store = chat_store(url, max_state_bytes=1000)
    await store.save("a", HELLO)
    with pytest.raises(StateTooLargeError, match="chat 'a' has 1,003 bytes"):
        await store.save("a", "é" * 500 + "x")
    assert await store.load("a") == HELLO
    await store.aclose()


async def test_a_second_store_sees_what_the_first_saved(url: str, store: ChatStore) -> None:
    await store.save("a", HELLO)
    other = chat_store(url)
    assert await other.load("a") == HELLO
    await other.aclose()


async def test_a_closed_store_can_be_used_again(store: ChatStore) -> None:
    await store.save("a", HELLO)
    await store.aclose()
    assert await store.load("a") == HELLO


def test_one_store_serves_several_event_loops(url: str) -> None:
    store = chat_store(url)

    async def count() -> None:
        before = await store.load("a")
        await store.save("a", (before or 0) + 1)  # type: ignore[operator]
        await store.aclose()

    for _ in range(3):
        asyncio.run(count())
    assert asyncio.run(_load(store)) == 3


async def _load(store: ChatStore) -> object:
    loaded = await store.load("a")
    await store.aclose()
    return loaded


def test_stores_that_start_at_once_make_the_tables_once(url: str) -> None:
    program = f"""
import asyncio
from flightwire.storage import chat_store
async def main():
    store = chat_store({url!r})
    await store.save("a", 1)
    await store.aclose()
asyncio.run(main())
"""
    starting = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(4)]
    assert [each.wait(60) for each in starting] == [0] * 4
    store = chat_store(url)
    assert asyncio.run(_load(store)) == 1


WRITER = """
import asyncio, itertools, sys
from flightwire.storage import chat_store
async def main():
    store = chat_store(sys.argv[1])
    for n in itertools.count(1):
        await store.save(sys.argv[2], [n])
        print(n, flush=True)
asyncio.run(main())
"""


def test_a_killed_process_loses_nothing_that_was_saved(url: str, tmp_path: Path) -> None:
    said = [tmp_path / name for name in ("a", "b")]
    writers = [_writer(url, each) for each in said]
    while any(len(_numbers(each)) < 25 for each in said):
        assert [writer.poll() for writer in writers] == [None, None]
        time.sleep(0.01)
    for writer in writers:
        writer.kill()
        writer.wait(30)

    async def saved() -> list[int]:
        store = chat_store(url)
        found = [(await store.load(each.name))[0] for each in said]  # type: ignore[index]
        await store.aclose()
        return found

    for each, found in zip(said, asyncio.run(saved()), strict=True):
        assert found - _numbers(each)[-1] in (0, 1)  # the last may have been saved before it could be said


def _writer(url: str, said: Path) -> subprocess.Popen[bytes]:
    with said.open("w") as out:
        return subprocess.Popen([sys.executable, "-c", WRITER, url, said.name], stdout=out)


def _numbers(said: Path) -> list[int]:
    return [int(line) for line in said.read_text().splitlines(keepends=True) if line.endswith("\n")]


def test_the_default_is_a_file_in_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        scope = RequestScope()
        scope.state_folder = tmp_path / "app" / ".flightwire"
        inside, outside = chat_store(), chat_store()
        await scope.run(inside.save("a", 1), name="save")
        await outside.save("a", 2)
        await inside.aclose()
        await outside.aclose()

    asyncio.run(main())
    assert (tmp_path / "app/.flightwire/chats.db").is_file()
    assert (tmp_path / ".flightwire/chats.db").is_file()


def test_database_url_says_which_database(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    async def main() -> None:
        store = chat_store()
        await store.save("a", HELLO)
        await store.aclose()

    asyncio.run(main())
    monkeypatch.delenv("DATABASE_URL")
    assert asyncio.run(_load(chat_store(url))) == HELLO
