"""Mistakes around streamed UI and AI states: each is one error that says what to do, and what was saved stays."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.server.asgi import call

import flightwire
from flightwire import Node, action, client_component, create_streamable_ui, create_streamable_value, html
from flightwire.elements import UNDEFINED
from flightwire.errors import FlightwireError, RemoteError
from flightwire.rsc.reading import read_streamable_value
from flightwire.storage import chat_store
from flightwire.storage.schema import newest_version
from flightwire.testing import ActionClient

pytestmark = pytest.mark.anyio

APP = """
import json
from flightwire import Request, action, create_ai, get_ai_state, get_mutable_ai_state, html

@action
async def say(text: str) -> str:
    get_mutable_ai_state().done(lambda state: [*state, text])
    return "said"

@action
async def look() -> object:
    return get_ai_state()

AI = create_ai(actions=[say, look], initial_ai_state=[], max_state_bytes=200)

@action
async def open_page() -> object:
    return AI(html.p("children"), chat_id="c1")
"""
AUTH = """
from dataclasses import dataclass
from flightwire import Request

@dataclass
class User:
    id: str

async def current_user(request: Request) -> User | None:
    name = request.cookies.get("name")
    return User(name) if name else None
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/chats.db")
    app = tmp_path / "app"
    app.mkdir()
    (app / "actions.py").write_text(APP)
    return app


class Page:
    """A page of the chat: its copy of the state, and its sealed actions."""

    def __init__(self, client: ActionClient, props: dict[str, Any]) -> None:
        self.client = client
        self.props = props

    async def say(self, text: str) -> Any:
        delta, _ = await self.client.call(self.props["wrappedActions"]["say"], [], text)
        return None if delta is UNDEFINED else await delta

    async def look(self) -> Any:
        return (await self.client.call(self.props["wrappedActions"]["look"], []))[1]


async def opened(client: ActionClient) -> Page:
    element = await client.call("openPage")
    return Page(client, (element if hasattr(element, "props") else await element).props)


@pytest.fixture
async def page(folder: Path) -> AsyncIterator[Page]:
    async with ActionClient(folder) as client:
        yield await opened(client)


# --- streamed UI -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [create_streamable_ui, create_streamable_value])
async def test_a_stream_that_has_ended(make: Any) -> None:
    ended = make("a").done()
    with pytest.raises(FlightwireError, match=r"\.update\(\): .* already ended\. .*call them last, and once"):
        ended.update("b")


async def test_a_prop_that_cannot_be_sent() -> None:
    chart = client_component("components/chart.tsx", "Chart")

    @action
    async def show() -> Node:
        return chart(data={"rows": [1, object()]})

    async with ActionClient(actions=[show]) as client:
        with pytest.raises(
            RemoteError, match=r"'show' returned a value.*<object>.*result\.props\['data'\]\['rows'\]\[1\]"
        ):
            await client.call(show)


async def test_a_prop_that_cannot_be_sent_ends_streamed_ui_with_its_letter() -> None:
    @action
    async def show() -> Node:
        ui = create_streamable_ui("before")
        value = ui.value
        ui.done(html.p(html.b(object())))  # type: ignore[arg-type] # the mistake
        return value

    async with ActionClient(actions=[show], headers={"x-flightwire-runtime": "1"}) as client:
        node = await client.call(show)
        assert node.props["initial"] == ["before"]
        with pytest.raises(RemoteError, match=r"cannot be sent to the browser: <object>"):
            [each async for each in read_streamable_value(node.props["edits"])]


# --- chats -----------------------------------------------------------------------------------------------------------


async def test_a_chat_that_is_somebody_elses(folder: Path) -> None:
    (folder / "auth.py").write_text(AUTH)
    app = flightwire.app(folder, mode="development")
    async with (
        ActionClient(app, cookies={"name": "ann"}) as ann,
        ActionClient(app, cookies={"name": "bob"}) as bob,
    ):
        page = await opened(ann)
        await page.say("Ann's secret")
        stolen = Page(bob, page.props)
        with pytest.raises(FlightwireError) as caught:
            await stolen.look()
        assert "secret" not in str(caught.value)
        with pytest.raises(FlightwireError):
            await stolen.say("from Bob")
        assert await page.look() == ["Ann's secret"]
        assert await (await opened(bob)).look() == []  # the same id is another chat


async def test_a_chat_of_nobody(folder: Path) -> None:
    (folder / "auth.py").write_text(AUTH)
    app = flightwire.app(folder, mode="production")
    answer = await call(app, "ai#AI:say.bound", "forged", [], "x", headers={"cookie": "name=ann"}).finish()
    assert answer.status in (400, 404)


async def test_a_state_over_the_limit(page: Page) -> None:
    await page.say("kept")
    with pytest.raises(RemoteError, match=r"max_state_bytes"):
        await page.say("x" * 300)
    assert await page.look() == ["kept"]


async def test_a_wrong_database_url(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:hunter2@host/db")
    async with ActionClient(folder) as client:
        with pytest.raises(RemoteError, match=r"DATABASE_URL .*'mysql'.*Write postgresql://") as caught:
            await opened(client)
        assert "hunter2" not in str(caught.value)


async def test_a_database_that_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/chats")
    async with ActionClient(folder) as client:
        with pytest.raises(RemoteError, match=r"cannot be reached.*Is the database running") as caught:
            await opened(client)
        assert "hunter2" not in str(caught.value)


async def test_an_old_schema(folder: Path, tmp_path: Path) -> None:
    store = chat_store(f"sqlite:///{tmp_path}/chats.db")
    await store.save("mine", ["kept"])
    await store.aclose()
    set_version(tmp_path, "0000")
    async with ActionClient(folder) as client:
        with pytest.raises(RemoteError, match=r"have version 0000, and this needs \d+\. .*database"):
            await opened(client)
    set_version(tmp_path, newest_version())
    assert await store.load("mine") == ["kept"]
    await store.aclose()


def set_version(folder: Path, version: str) -> None:
    with closing(sqlite3.connect(folder / "chats.db")) as database:
        database.execute("UPDATE flightwire_version SET version_num = ?", [version])
        database.commit()
